"""``--test``, ``--host``, ``--collector``, ``--text`` -> which failures are shown, and what of their evidence."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import Gap, Item, Report, Suspect

_SHOWN_NAMES = 20


@dataclass(frozen=True, slots=True)
class Selection:
    """Patterns in which ``*`` stands for anything; of one kind any one has to fit, no pattern fits all."""

    tests: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    collectors: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tests or self._asks_for_evidence)

    @property
    def _asks_for_evidence(self) -> bool:
        return bool(self.hosts or self.collectors or self.texts)

    def has_test(self, report: Report) -> bool:
        failure = report.failure
        return _fits_any(self.tests, failure.name, f"{failure.suite}.{failure.name}")

    def narrowed(self, report: Report) -> Report | None:
        """The report with what is asked for; None when nothing of it is."""
        if not self.has_test(report):
            return None
        if not self._asks_for_evidence:
            return report
        evidence, analysis = report.evidence, report.analysis
        items = tuple(filter(self._has_item, evidence.items))
        gaps = tuple(filter(self._has_gap, evidence.gaps))
        if not items and not gaps:
            return None
        suspects = tuple(filter(self._has_suspect, analysis.suspects))
        return report.model_copy(
            update={
                "evidence": evidence.model_copy(
                    update={"items": items, "gaps": gaps, "in_full": (), "glanced_at": ()}  # each has its own row
                ),
                "analysis": analysis.model_copy(update={"suspects": suspects}),
            }
        )

    def _has_item(self, item: Item) -> bool:
        return self._has_place(item.host, item.collector) and _line_contains(
            self.texts, item.text, item.before, item.stderr
        )

    def _has_gap(self, gap: Gap) -> bool:
        return self._has_place(gap.host, gap.collector or "") and _line_contains(self.texts, gap.detail)

    def _has_suspect(self, suspect: Suspect) -> bool:
        return self._has_place(suspect.host, suspect.collector or "") and _line_contains(self.texts, suspect.text)

    def _has_place(self, host: str, collector: str) -> bool:
        return _fits_any(self.hosts, host) and _fits_any(self.collectors, collector)


def add_filters(parser: argparse.ArgumentParser) -> None:
    """The options; each may be given several times."""
    for option, words in (
        ("test", "only failures whose test has this name"),
        ("host", "only evidence of this host"),
        ("collector", "only evidence of this collector"),
    ):
        parser.add_argument(
            f"--{option}",
            action="append",
            default=[],
            metavar="NAME",
            help=f"{words}; * stands for anything; repeatable",
        )
    parser.add_argument(
        "--text", action="append", default=[], help="only evidence with a line that holds this; * and repeatable, too"
    )


def selection_of(options: argparse.Namespace) -> Selection:
    return Selection(tuple(options.test), tuple(options.host), tuple(options.collector), tuple(options.text))


def what_there_is(selection: Selection, reports: Sequence[Report], source: Path) -> str:
    """A sentence for who found nothing: which name is not there, and which names are."""
    if not selection or not reports:
        return f"No evidence in '{source}'."
    of_tests = [report for report in reports if selection.has_test(report)]
    if not of_tests:
        asked, names = f"a test {_quoted_names(selection.tests)}", [report.failure.name for report in reports]
        return f"No evidence for {asked} in '{source}'; there is evidence for {_listed_names(names)}."
    items = [(item.host, item.collector) for report in of_tests for item in report.evidence.items]
    places = items + [(gap.host, gap.collector or "") for report in of_tests for gap in report.evidence.gaps]
    hosts = [host for host, _ in places]
    if not any(_fits_any(selection.hosts, host) for host in hosts):
        asked = f"a host {_quoted_names(selection.hosts)}"
        return f"No evidence of {asked} in '{source}'; there is evidence of {_listed_names(hosts)}."
    collectors = [collector for host, collector in places if _fits_any(selection.hosts, host) and collector]
    if not any(_fits_any(selection.collectors, collector) for collector in collectors):
        asked = f"a collector {_quoted_names(selection.collectors)}" if selection.collectors else "any collector"
        return f"No evidence of {asked} in '{source}'; there is evidence of {_listed_names(collectors)}."
    return f"No line with {_quoted_names(selection.texts)} in the evidence that is asked for, in '{source}'."


def _fits_any(patterns: Sequence[str], *names: str) -> bool:
    return not patterns or any(_expression(pattern).fullmatch(name) for pattern in patterns for name in names)


def _line_contains(patterns: Sequence[str], *texts: str) -> bool:
    """Whether a line holds one of them."""
    if not patterns:
        return True
    lines = [line for text in texts for line in text.splitlines()]
    return any(_expression(pattern).search(line) for pattern in patterns for line in lines)


def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.IGNORECASE | re.DOTALL)


def _quoted_names(names: Iterable[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)


def _listed_names(names: Iterable[str]) -> str:
    known = list(dict.fromkeys(f"'{name}'" for name in names))
    more = f" and {len(known) - _SHOWN_NAMES} more" if len(known) > _SHOWN_NAMES else ""
    return (", ".join(known[:_SHOWN_NAMES]) or "none") + more
