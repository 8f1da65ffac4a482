"""Reports of strange shapes, made of a seed: hosts and gaps by the hundred, endless names, all kinds of scripts."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import pairwise

from builders import (
    FAILED_AT,
    STARTED_AT,
    a_clock,
    a_failure,
    a_gap,
    a_hint,
    a_report,
    a_snapshot,
    a_step,
    a_suspect,
    an_analysis,
    an_item,
    some_evidence,
)

from FailTaleLibrary.records import (
    Chain,
    ChainEvent,
    ChainLink,
    Gap,
    Hint,
    Recurrence,
    Redaction,
    Report,
    SafeText,
    Signal,
    Signature,
    Suspect,
)

WORDS = (
    *(
        "database",
        "is",
        "locked",
        "ERROR",
        "req=751dc0ca",
        "/srv/labels/9.pdf",
        "`GET /orders`",
        "<b>&amp;",
        "Überlauf",
    ),
    *("x" * 300, "a-very-long-name-" * 8, "W" * 90, "/".join(["deep"] * 60), "\N{MINUS SIGN}17 ms", "\N{PILE OF POO}"),
    *("容量が不足しています", "磁盘空间不足", "קובץ לא נמצא", "الملف غير موجود", "ดิสก์เต็ม"),
)


class _Extremes:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.is_full = seed % 3 == 0  # everything at once, at its longest

    def number(self, most: int) -> int:
        return most if self.is_full else self.random.choice([0, 1, 2, most // 4, most])

    def text(self, most_words: int = 60) -> SafeText:
        return SafeText(" ".join(self.random.choice(WORDS) for _ in range(max(1, self.number(most_words)))))

    def name(self) -> str:
        return self.random.choice(["web1", "db-primary." * 5, "n" * 64, "api_2"]) + str(self.random.randrange(1000))

    def has(self) -> bool:
        return self.is_full or self.random.random() < 0.5

    def suspect(self, number: int, hosts: list[str]) -> Suspect:
        offset = self.random.choice([-0.4, -6.0, 1.2, -86_400.0, None])
        return a_suspect(
            id=f"E{number}",
            host=self.random.choice(hosts),
            text=self.text(),
            count=self.random.choice([1, 7, 123_456]),
            at=None if offset is None else FAILED_AT + timedelta(seconds=offset),
            offset_s=offset,
            signals=tuple(Signal(name=f"s{n}", words=self.text(20), strong=self.has()) for n in range(1 + number % 4)),
        )

    def chain(self, hosts: list[str]) -> Chain:
        whos = [self.random.choice(hosts) for _ in range(max(1, self.number(6)))]
        events = [ChainEvent(suspect_id="E1", who=SafeText(who), says=self.text(12)) for who in whos]
        events.append(ChainEvent(suspect_id=None, who=SafeText("test"), says=self.text(12)))
        links = [
            ChainLink(cause=one, effect=other, reasons=(self.text(8), self.text(8))) for one, other in pairwise(events)
        ]
        return Chain(links=tuple(links), consequences=tuple(links[:2]))

    def gap(self, hosts: list[str]) -> Gap:
        return a_gap(
            host=self.random.choice(hosts),
            reason=self.random.choice(["unreachable", "permission denied"]),
            collector=self.random.choice([None, "linux.disk"]),
            detail=self.text(30),
        )

    def hint(self) -> Hint:
        """One in words of its own, or one that says the headline again."""
        cause = self.text()
        return a_hint(cause=cause[::-1] if self.has() else cause, next_steps=(self.text(),))


def an_extreme_report(seed: int) -> Report:
    """A report of any shape; every third holds everything at once."""
    some = _Extremes(seed)
    hosts = [f"{some.name()}-{n}" for n in range(max(1, some.number(random.Random(seed).choice([4, 40, 1000]))))]
    suspects = tuple(some.suspect(n, hosts) for n in range(1, 1 + some.number(9)))
    steps = tuple(a_step(name=some.text(6), arguments=(some.text(9),), depth=n) for n in range(some.number(12)))
    gaps = tuple(some.gap(hosts) for _ in range(some.number(200)))
    items = [an_item(host) for host in hosts[:60]] + [a_snapshot(host) for host in hosts[:5] if some.has()]
    recurrence = Recurrence(
        signature="ab" * 8,
        times=1 + some.number(5_000),
        first_at=STARTED_AT - timedelta(days=400),
        previous_at=STARTED_AT - timedelta(days=3),
        note=some.text() if some.has() else SafeText(""),
    )
    analysis = an_analysis(
        headline=some.text(40),
        cause=some.name() if some.has() else "",
        suspects=suspects,
        chain=some.chain(hosts) if some.has() else None,
        notes=tuple(some.text() for _ in range(some.number(4))),
        recurrence=recurrence if some.has() else None,
        signature=Signature(hash="cd" * 8, text=some.text(), same_as=some.text(8) if some.has() else None),
        hint=some.hint() if some.has() else None,
        no_hint_reason=some.text(20) if some.has() else None,
    )
    failure = a_failure(
        id=f"{seed:032x}",
        name=some.text(10),
        message=some.text(),
        keyword_path=steps,
        keywords=steps,
        attempt=1 + some.number(3),
        redactions=tuple(Redaction(rule=f"rule-{n}", count=n) for n in range(some.number(30))),
    )
    clocks = tuple(a_clock(host=host, uncertainty_s=some.random.choice([0.0, 0.06, 9.0])) for host in hosts[:9])
    evidence = some_evidence(items=tuple({each.id: each for each in items}.values()), gaps=gaps, clocks=clocks)
    return a_report(failure=failure, evidence=evidence, analysis=analysis, bundle=f"failtale/{seed:032x}")
