"""What was played -> tables: places of causes by each method, headlines, chains, for both halves of the faults."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from bench.faults.faults import Fault
from FailTaleLibrary.belonging.identifiers import identifiers_in
from FailTaleLibrary.belonging.used_texts import UsedText
from FailTaleLibrary.ranking import History, rank
from FailTaleLibrary.records import Analysis, Failure, Item, OtherTest, OtherTests, Report, Suspect, our_words
from FailTaleLibrary.timestamps import parse

AT = (1, 3, 5, 10)
_ERROR = re.compile("error", re.IGNORECASE)
_REQUEST = re.compile(r"http://web1(/\S+)")
_SILENT = "No strong suspect"


@dataclass(frozen=True, slots=True)
class Line:
    """A line or a suspect, and where it comes from."""

    host: str
    collector: str
    text: str


@dataclass(frozen=True)
class Played:
    """A fault, the report of the failure that it made, and what the run had seen before it."""

    fault: Fault
    report: Report
    history: History

    @cached_property
    def analysis(self) -> Analysis:
        return rank(_as_a_face_tells_it(self.fault, self.report.failure), self.report.evidence, history=self.history)

    @cached_property
    def is_collected(self) -> bool:
        return any(self.is_cause(line) for item in self.report.evidence.items for line in _all_lines(item))

    @cached_property
    def verdict(self) -> str:
        """What the headline says, by the labels."""
        first = next(iter(self.analysis.suspects), None)
        line = _line_of(first) if first else None
        if self.analysis.headline.startswith(_SILENT):
            return "silent, cause first" if line and self.is_cause(line) else "silent"
        if line and self.is_cause(line):
            return "right"
        return "echo" if line and self.is_consequence(line) else "false"

    @cached_property
    def chain_verdict(self) -> str:
        """Whether the chain begins at the cause and goes on along those who call each other, by lines of the fault."""
        chain = self.analysis.chain
        if chain is None:
            return "none"
        by_id = {suspect.id: _line_of(suspect) for suspect in self.analysis.suspects}
        events = [chain.links[0].cause, *(link.effect for link in chain.links)]
        lines = [by_id[event.suspect_id] for event in events if event.suspect_id]
        places = [CALLED_BY.index(line.host) for line in lines if line.host in CALLED_BY]
        is_right = (
            bool(lines)
            and self.is_cause(lines[0])
            and all(self.is_cause(line) or self.is_consequence(line) for line in lines)
            and places == sorted(places)
        )
        return "right" if is_right else "false"

    def is_cause(self, line: Line) -> bool:
        return any(cause.is_told_by(line.host, line.collector, line.text) for cause in self.fault.causes)

    def is_consequence(self, line: Line) -> bool:
        """A line that names the test's own request, or one that the labels say to be brought about."""
        request = _REQUEST.search(self.report.failure.message)
        own = request is not None and request[1].partition("?")[0] in line.text and bool(self.fault.causes)
        labelled = any(each.is_told_by(line.host, line.collector, line.text) for each in self.fault.consequences)
        return own or labelled

    def place(self, lines: Sequence[Line]) -> int | None:
        """Place of the first line that tells the cause, from 1."""
        return next((place for place, line in enumerate(lines, 1) if self.is_cause(line)), None)


def _as_a_face_tells_it(fault: Fault, failure: Failure) -> Failure:
    """The failure with what its test used and, in a parallel run, with the test that ran at the same time."""
    used = (
        *(UsedText(text, "argument", fault.keyword) for text in fault.arguments),
        UsedText(failure.message, "message"),
    )
    found = identifiers_in(used, lambda text: our_words("{}", text))
    failure = failure.model_copy(update={"identifiers": found})
    if fault.meanwhile is None:
        return failure
    window = failure.window
    other = OtherTest(
        name=our_words("Test of another process"), started_at=window.start, ended_at=window.end, status="failed"
    )
    return failure.model_copy(update={"others": OtherTests(ran_by=our_words("pabot"), tests=(other,))})


CALLED_BY = ("db1", "app1", "web1")
"""Each is called by the next: what goes wrong at one is felt at those behind it, never ahead of it."""
CHAIN_VERDICTS = ("right", "false", "none")
VERDICTS = ("right", "echo", "false", "silent, cause first", "silent")


def _all_lines(item: Item) -> list[Line]:
    texts = (*item.lines, *item.changes, *item.stderr.splitlines())
    return [Line(item.host, item.collector, text) for text in texts]


def _line_of(suspect: Suspect) -> Line:
    return Line(suspect.host, suspect.collector, suspect.text)


# --- Methods: all are given the lines of FailTale's window, all hosts in order of time -------------------------------


def merged(report: Report) -> list[Line]:
    """The log lines of all hosts in order of time; a line without a time goes with the line above."""
    timed: list[tuple[datetime, Line]] = []
    for item in report.evidence.items:
        at = report.failure.window.start
        for line in item.lines if item.kind != "command" else ():
            at = parse(line, utc_offset_s=0, near=report.failure.window.end) or at
            timed.append((at, Line(item.host, item.collector, line)))
    return [line for _, line in sorted(timed, key=lambda each: each[0])]


def _errors(played: Played) -> list[Line]:
    return [line for line in merged(played.report) if _ERROR.search(line.text)]


METHODS: dict[str, Callable[[Played], list[Line]]] = {
    "tail": lambda played: merged(played.report)[::-1],
    "grep -i error, last": lambda played: _errors(played)[::-1],
    "grep -i error, first": _errors,
    "FailTale": lambda played: [_line_of(suspect) for suspect in played.analysis.suspects],
}


# --- Tables ----------------------------------------------------------------------------------------------------------


def tables(every: Sequence[Played], *, unblind: bool) -> Iterator[str]:
    """All figures, apart for the design half and the blind half; the latter's lines only when asked for."""
    for half, is_blind in (("Design half", False), ("Blind half", True)):
        those = [each for each in every if each.fault.is_blind == is_blind]
        faults = [each for each in those if not each.fault.is_mistake]
        if those and (unblind or not is_blind):
            yield from ("", f"### {half}, one by one", "", *fault_table(those))
        if faults:
            yield from ("", f"### {half}", "", *total_table(faults), "", *headline_table(those))


def fault_table(played: Sequence[Played]) -> Iterator[str]:
    """The cause's place by each method, fault by fault, and what FailTale puts first."""
    yield "| fault | lines | collected | " + " | ".join(METHODS) + " | headline | chain | it says |"
    yield "| --- |" + " --- |" * (len(METHODS) + 5)
    for each in played:
        places = [each.place(method(each)) for method in METHODS.values()]
        yield " | ".join(
            [
                f"| {each.fault.name}",
                str(len(merged(each.report))),
                "yes" if each.is_collected else "no",
                *("-" if place is None else str(place) for place in places),
                each.verdict,
                each.chain_verdict,
                f"{each.analysis.headline[:160].replace('|', '/')} |",
            ]
        )


def total_table(faults: Sequence[Played]) -> Iterator[str]:
    """How many causes are among the first lines of each method."""
    yield "| method | " + " | ".join(f"hit@{k}" for k in AT) + " |"
    yield "| --- |" + " --- |" * len(AT)
    for name, method in METHODS.items():
        places = [each.place(method(each)) for each in faults]
        hits = [sum(place is not None and place <= k for place in places) for k in AT]
        yield f"| {name} | " + " | ".join(f"{hit} ({hit / len(faults):.2f})" for hit in hits) + " |"
    yield f"\nCause collected: {sum(each.is_collected for each in faults)} of {len(faults)}."


def headline_table(played: Sequence[Played]) -> Iterator[str]:
    """Of each kind of failure: how many headlines name the cause, a consequence, something else, or nothing."""
    kinds: dict[str, Callable[[Fault], bool]] = {
        "faults in the test": lambda fault: not fault.lead_s and not fault.is_mistake,
        "faults that stood before it": lambda fault: bool(fault.lead_s),
        "mistakes of the test": lambda fault: fault.is_mistake and fault.meanwhile is None,
        "mistakes, while another test met a fault": lambda fault: fault.is_mistake and fault.meanwhile is not None,
    }
    chains = (f"chain {verdict}" for verdict in CHAIN_VERDICTS)
    yield "| headlines | failures | " + " | ".join([*VERDICTS, *chains]) + " |"
    yield "| --- |" + " --- |" * (len(VERDICTS) + len(CHAIN_VERDICTS) + 1)
    for name, is_one in kinds.items():
        those = [each for each in played if is_one(each.fault)]
        counts = [sum(each.verdict == verdict for each in those) for verdict in VERDICTS]
        counts += [sum(each.chain_verdict == verdict for each in those) for verdict in CHAIN_VERDICTS]
        yield f"| {name} | {len(those)} | " + " | ".join(map(str, counts)) + " |"
