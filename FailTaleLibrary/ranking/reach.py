"""Evidence -> what was not looked at, in few words each: hosts, logs and commands that could still hold the cause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from FailTaleLibrary.records import (
    NO_HOST,
    Evidence,
    Gap,
    HostNames,
    Item,
    SafeText,
    configured_name,
    derived,
    our_words,
)
from FailTaleLibrary.text import count

_MOST_NAMED = 3
"""So many hosts that nobody asked are told by name; a test that asks one of fifty needs no list of the others."""


def not_in_reach(evidence: Evidence) -> tuple[SafeText, ...]:
    """Each thing once, whole hosts first, then what could not be read, then what was cut."""
    unseen = (
        *_glanced_hosts(evidence),
        *_silent_hosts(evidence.gaps),
        *_unasked_hosts(evidence),
        *_unread_collectors(evidence.gaps),
        *_failed_commands(evidence.items),
        *_cut_logs(evidence.items),
    )
    return tuple(dict.fromkeys(unseen))


def _glanced_hosts(evidence: Evidence) -> Iterator[SafeText]:
    if evidence.glanced_at:
        yield derived(_glanced_words, evidence)


def _glanced_words(evidence: Evidence) -> str:
    return f"the whole logs of {count(len(evidence.glanced_at), 'host')} (state and a glance at the logs alone)"


def _silent_hosts(gaps: Iterable[Gap]) -> Iterator[SafeText]:
    for gap in gaps:
        if gap.collector is None and gap.host != NO_HOST:
            yield our_words("{} ({})", configured_name(gap.host), derived(_reason, gap))
        elif gap.collector is None and gap.component:
            yield our_words("component {} ({})", configured_name(gap.component), derived(_reason, gap))


def _unasked_hosts(evidence: Evidence) -> Iterator[SafeText]:
    """Hosts of the configuration of which nothing came, not even a gap."""
    known = {item.host for item in evidence.items} | {gap.host for gap in evidence.gaps} | {*evidence.glanced_at}
    groups: dict[str, list[HostNames]] = {}
    for names in evidence.names:
        if names.host not in known:
            groups.setdefault(_why_unasked(names), []).append(names)
    for group in groups.values():
        if len(group) > _MOST_NAMED:
            yield derived(_unasked_in_words, tuple(group))
        else:
            yield from (our_words("{} ({})", configured_name(each.host), derived(_why_unasked, each)) for each in group)


def _unasked_in_words(group: tuple[HostNames, ...]) -> str:
    return f"{len(group)} other hosts ({_why_unasked(group[0])})"


def _why_unasked(names: HostNames) -> str:
    return "not asked" if names.collectors else "it has no collectors"


def _unread_collectors(gaps: Iterable[Gap]) -> Iterator[SafeText]:
    """By host and reason: one log by its name, several by their number."""
    groups: dict[tuple[str, str], list[Gap]] = {}
    for gap in gaps:
        if gap.collector is not None:
            groups.setdefault((gap.host, gap.reason), []).append(gap)
    for group in groups.values():
        yield our_words("{} ({})", derived(_collectors_in_words, tuple(group)), derived(_reason, group[0]))


def _collectors_in_words(records: tuple[Gap, ...] | tuple[Item, ...]) -> str:
    """``db1/postgresql.log``, ``3 collectors of db1``."""
    first = records[0]
    return f"{first.host}/{first.collector}" if len(records) == 1 else f"{len(records)} collectors of {first.host}"


def _reason(gap: Gap) -> str:
    return gap.reason


def _failed_commands(items: Iterable[Item]) -> Iterator[SafeText]:
    """By host: commands that failed or ran out of time, with or without an output."""
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        ended = "timed out" if item.timed_out else "incomplete" if item.incomplete else ""
        ended = ended or ("failed" if item.status == "failed" else "")
        if ended:
            groups.setdefault((item.host, ended), []).append(item)
    for group in groups.values():
        yield derived(_ended_items, tuple(group))


def _ended_items(items: tuple[Item, ...]) -> str:
    first = items[0]
    ended = "timed out" if first.timed_out else "incomplete" if first.incomplete else "failed"
    return f"{_collectors_in_words(items)} ({ended})"


def _cut_logs(items: Iterable[Item]) -> Iterator[SafeText]:
    for item in items:
        is_cut = item.omitted_bytes and not (item.glance or item.timed_out or item.incomplete)
        if item.window is not None and is_cut:
            yield derived(_cut_words, item)


def _cut_words(item: Item) -> str:
    what = count(item.omitted_lines, "line") if item.omitted_lines else count(item.omitted_bytes, "byte")
    return f"{what} cut from {item.id}"
