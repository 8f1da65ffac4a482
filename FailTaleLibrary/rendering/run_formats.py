"""A run's summary -> what other tools read: JUnit XML, GitHub's step summary and annotations, a few lines. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from FailTaleLibrary.rendering.run_page import title_of
from FailTaleLibrary.rendering.run_summary import CauseGroup, FailureSummary, FallenTest, RunSummary, known_words
from FailTaleLibrary.text import count, one_line, shorten

SHOWN_GROUPS = 5
"""On a console."""
MOST_ANNOTATIONS = 10
"""What GitHub shows of one step."""
_SHOWN_TESTS = 3
_KNOWN_CHARS = 120
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_lines(summary: RunSummary) -> Iterator[str]:
    """Causes, the largest group first, for a console, each with how often and in which tests."""
    for group in summary.groups[:SHOWN_GROUPS]:
        yield f"{count_words(group)}{_told_group(summary, group)}"
    if len(summary.groups) > SHOWN_GROUPS:
        yield f"and {len(summary.groups) - SHOWN_GROUPS} more"


def count_words(group: CauseGroup) -> str:
    """How many failures, where it is more than one."""
    number = group.number
    return f"{number} \N{MULTIPLICATION SIGN} " if number > 1 else ""


def _told_group(summary: RunSummary, group: CauseGroup) -> str:
    """``app1 · disk full: … (Order Is Paid); Known: BUG-123; 4th time since 3 May``."""
    known = shorten(one_line(known_words(group)), _KNOWN_CHARS)
    return f"{_short_headline(group)} ({_tests(summary, group)}){'; ' if known else ''}{known}"


def _short_headline(group: CauseGroup) -> str:
    return shorten(one_line(group.headline), 200)


def _tests(summary: RunSummary, group: CauseGroup) -> str:
    failures = summary.failures_of(group)
    fallen = [test.name for failure in failures for test in failure.fallen]
    names = list(dict.fromkeys([*(failure.name for failure in failures), *fallen]))
    more = f" and {len(names) - _SHOWN_TESTS} more" if len(names) > _SHOWN_TESTS else ""
    return ", ".join(shorten(one_line(name), 60) for name in names[:_SHOWN_TESTS]) + more


# --- JUnit -----------------------------------------------------------------------------------------------------------


def to_junit(summary: RunSummary) -> str:
    """The failures as JUnit XML: a suite for each suite, the headline as the failure's message, the rest as its text.

    It has the failing tests alone: FailTale does not see what passed.
    """
    number = str(sum(group.number for group in summary.groups))
    root = ElementTree.Element("testsuites", name="FailTale", tests=number, failures=number)
    suites: dict[str, list[FailureSummary]] = {}
    for failure in summary.failures:
        suites.setdefault(failure.suite or failure.framework, []).append(failure)
    for name, failures in suites.items():
        number = str(sum(1 + len(failure.fallen) for failure in failures))
        suite = ElementTree.SubElement(root, "testsuite", name=_xml(name), tests=number, failures=number)
        for failure in failures:
            _junit_case(suite, name, failure)
            for test in failure.fallen:
                _junit_fallen(suite, name, test, failure)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _junit_case(suite: ElementTree.Element, suite_name: str, failure: FailureSummary) -> None:
    seconds = (failure.failed_at - failure.started_at).total_seconds()
    case = ElementTree.SubElement(
        suite, "testcase", classname=_xml(suite_name), name=_xml(failure.name), time=f"{seconds:.3f}"
    )
    told = ElementTree.SubElement(
        case, "failure", message=_xml(failure.headline), type=_xml(failure.cause or "failure")
    )
    told.text = _xml("\n".join(_told_lines(failure)))


def _junit_fallen(suite: ElementTree.Element, suite_name: str, test: FallenTest, failure: FailureSummary) -> None:
    """A test that did not run, because its suite's setup had failed."""
    case = ElementTree.SubElement(suite, "testcase", classname=_xml(suite_name), name=_xml(test.name), time="0.000")
    message = f"fell with {failure.name}: {failure.headline}"
    told = ElementTree.SubElement(case, "failure", message=_xml(message), type=_xml(failure.cause or "failure"))
    told.text = _xml(f"Evidence: failtale show {failure.bundle or failure.failure_id[:8]}")


def _told_lines(failure: FailureSummary) -> Iterator[str]:
    yield failure.message
    yield f"FailTale: {failure.headline}"
    if failure.chain:
        yield failure.chain
    if known := known_words(failure):
        yield known
    if failure.gaps:
        yield f"{count(failure.gaps, 'gap')} in the evidence"
    yield f"Evidence: failtale show {failure.bundle or failure.failure_id[:8]}"


def _xml(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


# --- GitHub ----------------------------------------------------------------------------------------------------------


def to_github_summary(summary: RunSummary) -> str:
    """Markdown for GITHUB_STEP_SUMMARY: a table of causes. Foreign text cannot become markup."""
    lines = [f"### FailTale: {title_of(summary)}", ""]
    has_history = any(failure.recurrence for failure in summary.failures)
    columns = ["Failures", "Cause", "Tests", "First", "Last", *(["Known"] if has_history else [])]
    if summary.groups:
        lines += [f"| {' | '.join(columns)} |", f"| ---: |{' --- |' * (len(columns) - 1)}"]
    for group in summary.groups:
        cells = [
            str(group.number),
            _markdown(_short_headline(group)),
            _markdown(_tests(summary, group)),
            f"{group.first_at:%H:%M:%S}",
            f"{group.last_at:%H:%M:%S}",
        ]
        cells += [_markdown(_known_to_history(summary, group))] if has_history else []
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _known_to_history(summary: RunSummary, group: CauseGroup) -> str:
    """What its failures have in common, else how many causes of the history they are."""
    if group.recurrence:
        return known_words(group)
    causes = {failure.history_signature for failure in summary.failures_of(group)}
    return f"{len(causes)} causes of the history"


def to_github_annotations(summary: RunSummary) -> str:
    """Workflow commands that mark the step: one error for each cause, at most as many as GitHub shows."""
    shown = summary.groups[:MOST_ANNOTATIONS]
    return "".join(
        f"::error title={_property(f'FailTale: {count_words(group)}{group.cause or _tests(summary, group)}')}::"
        f"{_data(_told_group(summary, group))}\n"
        for group in shown
    )


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~@:-])", r"\\\1", one_line(text))


def _data(text: str) -> str:
    """As GitHub's workflow commands want it."""
    return one_line(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
