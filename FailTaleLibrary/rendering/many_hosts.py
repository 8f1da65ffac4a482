"""A report of many hosts -> which of them get a row of their own, and the others in groups, what is odd first. Pure.

A thousand hosts that are as usual are one row. Of fewer than were glanced at each has its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import Gap, Item, Report, Suspect
from FailTaleLibrary.rendering import words as in_words
from FailTaleLibrary.text import count

MOST_GROUPS = 30
MOST_NAMES = 200
"""Of one group; the bundle and `failtale show` have them all."""


@dataclass(frozen=True, slots=True)
class HostGroup:
    """Hosts that were glanced at and of which the same came."""

    hosts: tuple[str, ...]
    words: str
    """What came of each: ``4 ok, 2 glance``."""
    tone: in_words.Tone
    has_evidence: bool = True
    """Whether anything came of them: who was not asked is not as usual."""

    @property
    def title(self) -> str:
        """``97 hosts as usual``."""
        is_well = self.has_evidence and self.tone in ("good", "quiet")
        return f"{count(len(self.hosts), 'host')}{' as usual' if is_well else ''}"

    @property
    def names(self) -> str:
        """``web01, web02 and 95 more``."""
        more = f" and {len(self.hosts) - MOST_NAMES} more" if len(self.hosts) > MOST_NAMES else ""
        return ", ".join(self.hosts[:MOST_NAMES]) + more


def own_rows(report: Report, suspects: Iterable[Suspect]) -> dict[str, str]:
    """Hosts with a row of their own, the best reason first, each with why it was asked in full.

    ``suspects``: those that are shown; their hosts lead.
    """
    evidence = report.evidence
    hosts = in_words.hosts_of(evidence)
    if not evidence.glanced_at:
        return dict.fromkeys(hosts, "")
    why = {each.host: each.why for each in evidence.in_full}
    suspected = dict.fromkeys(suspect.host for suspect in suspects)
    first = [host for host in (*suspected, *why) if host in hosts]
    glanced = set(evidence.glanced_at)
    return {host: why.get(host, "") for host in (*first, *(host for host in hosts if host not in glanced))}


def host_groups(report: Report, own: Collection[str]) -> tuple[HostGroup, ...]:
    """The hosts without rows of their own, by what came of them: what is odd first, then the fewest."""
    items: dict[str, list[Item]] = defaultdict(list)
    gaps: dict[str, list[Gap]] = defaultdict(list)
    for item in report.evidence.items:
        items[item.host].append(item)
    for gap in report.evidence.gaps:
        gaps[gap.host].append(gap)
    groups: dict[tuple[str, in_words.Tone], list[str]] = defaultdict(list)
    for host in (host for host in in_words.hosts_of(report.evidence) if host not in own):
        outcomes = [in_words.outcome(item) for item in items.get(host, ())]
        outcomes += [in_words.gap_outcome(gap) for gap in gaps[host]]
        groups[outcome_counts(outcomes), in_words.worst_tone(outcomes)].append(host)
    found = [
        HostGroup(tuple(hosts), words, tone, has_evidence=any(host in items for host in hosts))
        for (words, tone), hosts in groups.items()
    ]
    ordered = sorted(found, key=lambda group: (-in_words.TONES.index(group.tone), len(group.hosts)))
    if len(ordered) <= MOST_GROUPS:
        return tuple(ordered)
    *shown, rest = ordered[:MOST_GROUPS], ordered[MOST_GROUPS:]
    hosts = tuple(host for group in rest for host in group.hosts)
    return (*shown[0], HostGroup(hosts, f"{len(rest)} more kinds of answers", rest[0].tone))


def outcome_counts(outcomes: Collection[in_words.Outcome]) -> str:
    """``4 ok, 1 timed out``, commonest first."""
    counts = Counter(outcome.word for outcome in outcomes)
    return ", ".join(
        f"{number} {word}" for word, number in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    )
