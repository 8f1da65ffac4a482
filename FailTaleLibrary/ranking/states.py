"""Gaps and baseline changes -> suspects of their own: what does not answer, and what is no longer as it was."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any

from FailTaleLibrary.lazy import regex
from FailTaleLibrary.ranking.chain import Linker
from FailTaleLibrary.ranking.history import History
from FailTaleLibrary.ranking.lines import LINE_CHARS
from FailTaleLibrary.ranking.score import COMPLAINT, Candidate
from FailTaleLibrary.ranking.signals import CUES, SignalRow, services
from FailTaleLibrary.records import (
    NO_HOST,
    Evidence,
    Gap,
    GapReason,
    Item,
    Rows,
    SafeText,
    Signal,
    configured_name,
    derived,
    derived_texts,
    our_words,
)

SILENT: frozenset[GapReason] = frozenset(
    {
        "refused",
        "unreachable",
        "no answer",
        "timed out",
        "connection lost",
        "host key changed",
        "authentication refused",
        "not running",
        "stopped",
    }
)
"""Reasons that tell something of the host; the others tell of the configuration or of us."""
_SAYS = {
    "refused": "refuses connections",
    "host key changed": "shows another host key",
    "authentication refused": "refuses to log us in",
    "connection lost": "lost the connection",
    "not running": "does not run",
    "stopped": "does not run any more",
}
_BROKEN = regex(
    r"\b(?:failed|dead|inactive|down|unhealthy|exited|restarting|crashloopbackoff|offline|degraded|stopped|read-only|ro"
    r"|error|not-found|100%|9[5-9]%|oomkilled|notready|evicted|removed)(?!\w)",
    re.IGNORECASE,
)
_NOT_TRIED = regex(r" \(not tried again [^()]*\)$")
"""What the circuit breaker adds to a reason."""
_BULLETS = "●*○•-\N{MULTIPLICATION SIGN}"
"""Ahead of a unit's name in systemctl's list."""
HOST_SILENT, COLLECTOR_SILENT, BROKE, AT_LIMIT, CHANGED, COMPLAINED = 9.0, 4.0, 9.5, 8.5, 4.0, 2.0
NOT_IN_REACH = 2.0
"""For a host that never answered in this run and of which nothing else speaks."""
_MOVED = 1.5
"""What a change weighs less that is one of numbers alone."""
_NUMBER = regex(r"\d+")
_PATH_BEHIND = regex(r"\s(/\S*)$")
"""What a row is about, such as a mount point, where its first word is a kind: ``tmpfs 1000 7 993 1% /run``."""
_OURS = frozenset({"permission denied", "authentication", "missing"})
"""What a command complains of when we may not, or cannot, run it."""


def states_of(evidence: Evidence, history: History) -> Iterator[Candidate]:
    """What gaps, changes and failed commands say, in the evidence's order.

    A silent host is strong where it stopped to answer in this run; see `silence_noticed` for others.
    """
    answered = {names.host: names.answered_at for names in evidence.names}
    told: set[tuple[str, str]] = set()
    for gap in evidence.gaps:
        if gap.reason in SILENT and gap.host != NO_HOST and (gap.host, gap.detail) not in told:
            yield _silence_as_candidate(gap, history, answered.get(gap.host))
            if gap.reason != "timed out":  # of all collectors in a container, of a cluster or a store it is the same
                told.add((gap.host, gap.detail))
    for item in evidence.items:
        yield from _of_rows(item)
    yield from _complaints_once(evidence.items, history)


def silence_noticed(state: Candidate, lines: Sequence[Candidate], linker: Linker) -> Candidate:
    """The state; a host that never answered is a reason where the failure, or who wanted something of it, names it.

    Such a host may be down for months, or behind a firewall, and be innocent.
    """
    if state.item is not None or state.collector or state.is_strong:
        return state
    if linker.failure_names(state.host):
        words = our_words("the failure names {}", configured_name(state.host))
    else:
        who = (each for each in lines if (each.is_strong or each.told_by == "client") and each.can_be_told)
        client = next((each for each in who if each.host != state.host and linker.names(each, state.host)), None)
        if client is None:
            return state
        words = our_words("{} noticed it, too", configured_name(client.host))
    noticed = Signal(name="noticed elsewhere", words=words, strong=True)
    return state.told_as_reason(noticed).gaining(HOST_SILENT - NOT_IN_REACH)


def _silence_as_candidate(gap: Gap, history: History, answered_at: datetime | None) -> Candidate:
    whole = gap.collector is None
    if gap.reason == "stopped":
        return Candidate(
            host=gap.host,
            component=gap.component,
            collector=gap.collector or "",
            item=None,
            text=our_words("{}: {}", derived(_who_is_silent, gap), gap.detail),
            score=BROKE,
            signals=(Signal(name="state changed", words=our_words("stopped since the window began"), strong=True),),
        )
    since = history.silent_since.get(gap.host, gap.at) if whole else gap.at
    stopped = whole and history.stopped_answering(gap.host, answered_at, since)
    return Candidate(
        host=gap.host,
        component=gap.component,
        collector=gap.collector or "",
        item=None,
        text=derived(partial(_silence_in_words, since if stopped or not whole else None), gap),
        score=HOST_SILENT if stopped else NOT_IN_REACH if whole else COLLECTOR_SILENT,
        signals=(Signal(name="does not answer", words=derived(_why_silent, gap), strong=stopped),),
        told_by="server" if stopped else "",
    )


def _who_is_silent(gap: Gap) -> str:
    who = gap.host if gap.collector is None else f"{gap.host}: {gap.collector}"
    return f"{who} {_says(gap)}"


def _says(gap: Gap) -> str:
    return _SAYS.get(gap.reason, "does not answer")


def _since(moment: datetime | None) -> str:
    return f" since {moment:%H:%M:%S}" if moment else ""


def _silence_in_words(since: datetime | None, gap: Gap) -> str:
    """``db1 does not answer since 12:01:07: no route to 10.0.0.31``; what the detail says already is said once."""
    who, detail = f"{_who_is_silent(gap)}{_since(since)}", _NOT_TRIED.sub("", gap.detail)
    own = re.match(rf"Host '{re.escape(gap.host)}' (?:(\([^)]*\)) )?(?:{re.escape(_says(gap))}: )?", detail)
    if own is None:
        return f"{who}: {detail}"
    said = detail[own.end() :]
    return f"{who}: {said.removesuffix('.')} {own[1]}" if own[1] else f"{who}: {said}"


def _why_silent(gap: Gap) -> str:
    return f"no evidence could be had: {gap.reason}"


# --- Rows: what changed, and what is at its limit ----------------------------------------------------------------


def _of_rows(item: Item) -> Iterator[Candidate]:
    """One candidate for each row that came, went or reads differently, and for each that stood at its limit before."""
    lines = derived_texts(str.splitlines, item.text) if item.changes or item.rows.limits else ()
    reader = _RowReader(item.rows, lines)
    gone = reader.by_key(line for line in item.changes if line.startswith("- "))
    come = reader.by_key(line for line in item.changes if line.startswith("+ "))
    for key in dict.fromkeys([*gone, *come]):
        yield from _change(item, reader, was=gone.get(key, our_words("")), now=come.get(key, our_words("")))
    for key, row in reader.by_key(lines if reader.has_limits else (), marked=False).items():
        if key not in come and reader.is_at_limit(row):
            yield _candidate(item, text=row, score=AT_LIMIT, signal=_at_limit(item))


class _RowReader:
    """Reads the rows of one snapshot; expressions come with the evidence, so one that is none says nothing."""

    def __init__(self, rows: Rows, lines: Iterable[str] = ()) -> None:
        """``lines``: of the snapshot as it is now; where several begin with the same word it names none of them."""
        first_words = Counter(_first_word(line[:LINE_CHARS]) for line in lines)
        self._common = {word for word, times in first_words.items() if times > 1}
        self._keys = _compiled_patterns(rows.keys)
        self._counters = _compiled_patterns(rows.counters)
        self._alarms = _compiled_patterns(rows.alarms)
        self._limits = _compiled_patterns(rows.limits)

    @property
    def has_limits(self) -> bool:
        return bool(self._limits)

    def by_key(self, lines: Iterable[SafeText], *, marked: bool = True) -> dict[tuple[str, int], SafeText]:
        """The rows by what identifies them; of rows with the same key the second, third … is another one.

        ``marked``: each line begins with the two characters that tell what became of it.
        """
        found: dict[tuple[str, int], SafeText] = {}
        seen: Counter[str] = Counter()
        for line in lines:
            row = derived(_changed_text, line) if marked else derived(_clipped_row, line)
            key = self._key(row)
            if key:
                found[key, seen[key]] = row
                seen[key] += 1
        return found

    def name(self, row: str) -> str:
        return self._key(row).strip(" |,:=")

    def is_counter(self, row: str) -> bool:
        return any(pattern.search(row) for pattern in self._counters)

    def is_at_limit(self, row: str) -> bool:
        return any(pattern.search(row) for pattern in self._limits)

    def alarms(self, was: str, now: str) -> bool:
        """Whether a part of the row changed that tells a fault by its change; a number must have grown."""
        for pattern in self._alarms:
            before, after = pattern.search(was), pattern.search(now)
            if after and _is_worse(before[0] if before else "", after[0]):
                return True
        return False

    def _key(self, row: str) -> str:
        for pattern in self._keys:
            if match := pattern.search(row):
                return " ".join(group for group in match.groups() if group) or str(match[0])
        first = _first_word(row)
        path = _PATH_BEHIND.search(row) if first in self._common else None
        return f"{first} {path[1]}" if path else first


def _first_word(row: str) -> str:
    return next((word for word in row.split() if word.strip(_BULLETS)), "")


@cache
def _compiled_patterns(patterns: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(pattern for pattern in map(_compiled_one, patterns) if pattern is not None)


def _compiled_one(pattern: str) -> Any:
    import re2

    try:
        return re2.compile(pattern)
    except re2.error:
        return None


def _is_worse(was: str, now: str) -> bool:
    if was == now:
        return False
    then, later = _NUMBER.findall(was), _NUMBER.findall(now)
    if _NUMBER.sub("", was) == _NUMBER.sub("", now) and then and len(then) == len(later):
        return any(int(after) > int(before) for before, after in zip(then, later, strict=True))
    return True


def _changed_text(line: str) -> str:
    return line[2:LINE_CHARS].strip()


def _clipped_row(line: str) -> str:
    return line[:LINE_CHARS].strip()


def _change(item: Item, reader: _RowReader, *, was: SafeText, now: SafeText) -> Iterator[Candidate]:
    reached = bool(now) and reader.is_at_limit(now) and not reader.is_at_limit(was)
    alarming = bool(now) and reader.alarms(was, now)
    counter = reader.is_counter(now or was)
    broke = alarming or reached or (not counter and bool(now) and bool(_BROKEN.search(_without(now, was))))
    if counter and not broke:
        return
    words = our_words("changed since the window began")
    if broke:
        words = our_words("broke since the window began")
    if reached and was and not alarming:
        words = our_words("reached its limit since the window began")
    score = BROKE if broke else CHANGED - _MOVED * (_row_shape(was) == _row_shape(now))
    text = now if reached and not was else derived(partial(_change_words, reader), (was, now))
    yield _candidate(item, text=text, score=score, signal=Signal(name="state changed", words=words, strong=broke))


def _row_shape(row: str) -> str:
    return _NUMBER.sub("#", row)


def _at_limit(item: Item) -> Signal:
    if item.baseline is None:
        return Signal(name="at its limit", words=our_words("stands like this, perhaps for long"), strong=True)
    return Signal(name="at its limit", words=our_words("stood like this before the test began"), strong=True)


def _candidate(item: Item, *, text: SafeText, score: float, signal: Signal) -> Candidate:
    return Candidate(
        host=item.host,
        component=item.component,
        collector=item.collector,
        item=item,
        text=text,
        score=score,
        signals=(signal,),
        told_by=_told_by(text) if signal.strong else "",
    )


def _told_by(row: str) -> str:
    """A state is a reason, but where its row says what others see of one."""
    return "client" if any(cue.told_by == "client" for cue in _cues_in(row)) else "server"


def _change_words(reader: _RowReader, states: tuple[SafeText, SafeText]) -> str:
    """``nginx.service active running → failed failed``, ``/var 40% → 100%``."""
    was, now = states
    if not (was and now):
        return f"{was} is gone" if was else f"{now} is new"
    name = reader.name(now)
    then, later = (_unnamed(state, name) for state in (was, now))
    gone, come = _differing(then, later)
    return f"{name} {gone or '(nothing)'} → {come or '(nothing)'}"


def _unnamed(row: str, name: str) -> str:
    for word in (name, *name.split()):
        row = row.replace(word, "", 1)
    return row


def _differing(then: str, later: str) -> tuple[str, str]:
    """What two rows do not share: by their columns where these are as many, else by their words."""
    before, after = ([cell for cell in _cells(row) if cell] for row in (then, later))
    if len(before) != len(after):
        return _without(then, later), _without(later, then)
    pairs = [(was, now) for was, now in zip(before, after, strict=True) if was != now]
    return " ".join(was for was, _ in pairs), " ".join(now for _, now in pairs)


def _without(text: str, other: str) -> str:
    """The words of a text that the other does not have."""
    theirs = set(_cells(other))
    return " ".join(word for word in _cells(text) if word not in theirs)


def _cells(row: str) -> list[str]:
    return [part.strip(":=") for part in re.split(r"[\s|,]+", row)]


# --- Complaints ------------------------------------------------------------------------------------------------------


def _complaints_once(items: Iterable[Item], history: History) -> Iterable[Candidate]:
    """Each complaint of a host once, from whom it is strong if there is one: the others asked the same service."""
    best: dict[tuple[str, str], Candidate] = {}
    for each in (complaint for item in items for complaint in _complaint(item, history)):
        known = best.setdefault((each.host, each.text), each)
        if each.is_strong and not known.is_strong:
            best[each.host, each.text] = each
    return best.values()


def _complaint(item: Item, history: History) -> Iterator[Candidate]:
    """What a failed command wrote to stderr, where that tells of the host and not of our rights on it."""
    said = derived_texts(str.splitlines, item.stderr) if item.status == "failed" else ()
    complaints = [(derived(str.strip, line), cues) for line in said if (cues := _cues_in(line[:LINE_CHARS]))]
    for line, cues in sorted(complaints, key=lambda each: -each[1][0].weight)[:1]:
        if cues[0].name not in _OURS:
            words = our_words("{}, says {}", cues[0].words, derived(_quoted_collector, item))
            signals = [Signal(name=cues[0].name, words=words, strong=cues[0].strong and bool(item.baseline))]
            passed = history.passed_while_failing(item.host, item.collector)
            if passed is not None and not signals[0].strong:
                signals.append(Signal(name="seen before", words=our_words("also said while '{}' passed", passed)))
            yield Candidate(
                host=item.host,
                component=item.component,
                collector=item.collector,
                item=item,
                text=line,
                at=item.started_at,
                score=cues[0].weight + COMPLAINED,
                signals=tuple(signals),
                told_by=COMPLAINT,
            )


def _quoted_collector(item: Item) -> str:
    return f"'{item.collector}'"


def _cues_in(message: str) -> tuple[SignalRow, ...]:
    return tuple(row for row in services().rows_in(message) if row.kind in CUES)
