"""Made-up logs of seventy build tools: the line that tells why, below noise and above what wraps it."""

from __future__ import annotations

from functools import cache

import pytest
from build_logs import BuildLog, build_logs

from FailTaleLibrary.ranking import rank_lines, suspects_in

LOGS = list(build_logs())


@cache
def places() -> dict[str, int]:
    """Name of a log -> the place of the first line that tells why, from 1."""
    return {log.name: _place(log) for log in LOGS}


def _place(log: BuildLog) -> int:
    return next(place for place, line in enumerate(rank_lines(log.lines), 1) if line in log.causes)


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_the_cause_is_among_the_first_three_and_is_printed_with_reasons(log: BuildLog) -> None:
    assert places()[log.name] <= 3
    suspects = suspects_in(log.lines, most=3)
    assert any(suspect.line_number in log.causes and suspect.reasons for suspect in suspects)


def test_the_cause_leads_in_nine_of_ten() -> None:
    behind = sorted(name for name, place in places().items() if place > 1)
    assert len(behind) <= len(LOGS) // 10, behind


def test_of_tools_for_which_no_row_was_written_the_cause_is_among_the_first_three_in_four_of_five() -> None:
    """These logs were made up after the rows, which have not been changed for them since."""
    later = list(build_logs("build_logs_later.txt"))
    behind = sorted(log.name for log in later if _place(log) > 3)
    assert len(behind) <= len(later) // 5, behind


def test_names_are_unique_and_every_log_has_a_cause_within_noise() -> None:
    assert len({log.name for log in LOGS}) == len(LOGS) >= 25
    for log in LOGS:
        assert log.causes
        assert min(log.causes) > 100
