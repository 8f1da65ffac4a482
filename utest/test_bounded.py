"""What one failure may cost at most, whatever the hosts send: each stage leaves the next one its time."""

from __future__ import annotations

import contextlib
import random
import string
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import a_failure, a_report, an_analysis, an_item, some_evidence
from robot_runs import ran
from sshd import Sshd

from FailTaleLibrary.archive import reports_in
from FailTaleLibrary.budget import Budget
from FailTaleLibrary.collection.collect import BUNDLE_RATIO
from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import RedactionError
from FailTaleLibrary.ranking import History
from FailTaleLibrary.records import Evidence
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.redaction.spans import Span, beside_tokens
from FailTaleLibrary.rendering import to_html
from FailTaleLibrary.rendering.words import error_places
from FailTaleLibrary.run import Run, Stages


class Source:
    """Hosts that answer nothing; it remembers what time it was given."""

    notes = ()

    def __init__(self) -> None:
        self.given_s: list[float] = []

    def window_began(self) -> None: ...

    def collect(self, failure: Any, *, budget: Budget, **_: Any) -> Any:
        self.given_s.append(budget.left_s)
        nothing = Evidence(failure_id=failure.id, collected_at=datetime.now(timezone.utc))
        return budget.empty_plan(failure.id), nothing, {}

    def close(self) -> None: ...


@pytest.mark.parametrize(("failure_time_s", "collecting_s"), [(8.0, 6.0), (60.0, 54.0)])
def test_collecting_leaves_ranking_and_drawing_their_part_of_the_failures_time(
    failure_time_s: float, collecting_s: float
) -> None:
    source = Source()
    config = Config.model_validate({"limits": {"failure_time": f"{failure_time_s:g} s"}})
    with Run(config, environ={}, stages=Stages(source=lambda _: source)) as run:
        run.collect_failure(a_failure())
    assert source.given_s[0] <= collecting_s
    assert source.given_s[0] > collecting_s / 2


def test_a_failures_time_counts_from_when_its_face_began_with_it() -> None:
    """On a slow machine what a face loads and reads of a failure takes seconds before anybody is asked."""
    source = Source()
    config = Config.model_validate({"limits": {"failure_time": "80 s"}})
    with Run(config, environ={}, stages=Stages(source=lambda _: source)) as run:
        run.collect_failure(a_failure(), began_s=time.monotonic() - 50)
        assert 0 < source.given_s[0] <= 80 - 50 - 6
        assert run.tally.seconds >= 50


def test_what_is_remembered_of_a_failure_takes_nothing_of_the_time_that_is_kept_for_its_card() -> None:
    now = [0.0]
    budget = Budget(80, clock=lambda: now[0])
    assert budget.for_remembering().left_s == pytest.approx(80 - budget.drawing_s)
    now[0] = 80 - budget.drawing_s
    assert budget.for_remembering().left_s < 0.5


KEYWORD_IN_A_HURRY = """
*** Settings ***
Library    FailTaleLibrary    failtale.yaml

*** Test Cases ***
Of the Test
    [Timeout]    50 minutes
    Collect Evidence

Of a Keyword Around It
    [Timeout]    50 minutes
    Collect in Time

Without Any
    Collect Evidence

*** Keywords ***
Collect in Time
    [Timeout]    10 minutes
    Collect Evidence
"""


def test_evidence_on_demand_is_there_before_a_timeout_of_robots_would_end_its_keyword(tmp_path: Path) -> None:
    """What a timeout interrupts leaves no card."""
    config = {
        "components": {"app": {"collectors": [{"name": "quick", "command": "echo here"}]}},
        "hosts": {"here": {"component": "app", "transport": "local"}},
        "limits": {"failure_time": "80 min", "run_time": "10 h"},
    }
    (tmp_path / "failtale.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "suite.robot").write_text(KEYWORD_IN_A_HURRY)
    ran(tmp_path, "sys.exit(robot.run('suite.robot'))")
    deadlines_s = [report.plan.deadline_s for report in reports_in(tmp_path / "output.xml")]
    assert [deadline_s < most_min * 60 for deadline_s, most_min in zip(deadlines_s, [45, 9, 80], strict=True)]
    assert [round(deadline_s / 60) for deadline_s in deadlines_s] == [45, 9, 80]


@pytest.mark.ssh
@pytest.mark.skipif(sys.platform != "linux", reason="this kernel limits no address space")
@pytest.mark.parametrize("marks", ["off", "test"])
def test_in_800_mb_of_address_space_ten_hosts_give_their_evidence_and_robot_its_own_status(
    tmp_path: Path, new_host: Callable[..., Sshd], marks: str
) -> None:
    """64 MB reserved for each thread left none to begin with: Robot waited for ever, or was aborted."""
    host = new_host()
    ssh = {name: str(value) for name, value in host.ssh_settings().items()}
    one = {"component": "app", "address": host.address, "ssh": ssh}
    config = {
        "components": {"app": {"collectors": [{"name": "quick", "command": "echo here"}]}},
        "hosts": {f"app{number}": one for number in range(10)},
        "marks": marks,
    }
    (tmp_path / "failtale.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "suite.robot").write_text("*** Test Cases ***\nFails\n    Fail    Shop is closed\n")
    limited = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (800_000_000,) * 2)\n"
    run = "listener = ['FailTaleListener:failtale.yaml']\nprint(robot.run('suite.robot', listener=listener))"
    assert ran(tmp_path, limited + run).stdout.splitlines()[-1] == "1"
    (report,) = reports_in(tmp_path / "output.xml")
    assert report.evidence.gaps == ()
    assert len(report.evidence.items) == 10


def test_a_text_that_nobody_waits_for_any_more_is_searched_no_further() -> None:
    with pytest.raises(RedactionError):
        Redactor().until(lambda: True).redact("password=tr0mbone77")


@pytest.mark.parametrize("line", ["a", "password=tr0mbone77", '"password": "x1",'])
@pytest.mark.parametrize("looks", [1, 10, 100])
def test_a_search_for_secrets_ends_soon_once_nobody_waits_for_its_text(line: str, looks: int) -> None:
    """It went on for a minute, with half a million lines counted as late once for each rule."""
    left = iter(range(looks))
    began = time.thread_time()
    with contextlib.suppress(RedactionError):
        Redactor(timeout_s=60).until(lambda: next(left, None) is None).redact(f"{line}\n" * 300_000)
    assert time.thread_time() - began < 3


def test_a_search_for_secrets_that_is_late_reads_the_lines_once_and_not_for_each_rule() -> None:
    began = time.thread_time()
    with contextlib.suppress(RedactionError):
        Redactor(timeout_s=0.01).redact("a\n" * 500_000)
    assert time.thread_time() - began < 5


def test_tokens_are_taken_in_whole_in_a_time_linear_in_their_number() -> None:
    data = b"[redacted:password] x\n" * 100_000
    began = time.thread_time()
    found = list(beside_tokens(data, (Span(at + 20, at + 21, "any") for at in range(0, len(data), 22))))
    assert time.thread_time() - began < 5
    assert len(found) == 100_000


def test_a_text_may_have_less_time_than_the_configuration_says_and_never_more() -> None:
    with pytest.raises(RedactionError):
        Redactor(timeout_s=5).within(0).redact("password=tr0mbone77")
    with pytest.raises(RedactionError):
        Redactor(timeout_s=0).within(5).redact("password=tr0mbone77")


def test_full_texts_of_a_failure_are_kept_up_to_a_multiple_of_its_bytes_and_then_as_the_card_shows_them(
    tmp_path: Path,
) -> None:
    collectors = [{"name": f"c{number}", "command": "yes 'a line' | head -c 3000"} for number in range(10)]
    config = Config.model_validate(
        {
            "components": {"app": {"collectors": collectors}},
            "hosts": {"here": {"component": "app", "transport": "local"}},
            "limits": {"item_bytes": 100, "bundle_item_bytes": "10 kB", "failure_bytes": "2 kB"},
        }
    )
    kept: dict[str, str] = {}

    def store(report: Any, directory: Any, *, full_texts: Any, documents: Any) -> Any:
        kept.update(full_texts)
        return directory

    with Run(config, environ={}, stages=Stages(store=store)) as run:
        report = run.collect_failure(a_failure(), output_dir=tmp_path)
    whole = [item.id for item in report.evidence.items if len(kept[item.id]) > len(item.text)]
    assert len(report.evidence.items) == 10
    assert 0 < len(whole) < 10
    assert sum(len(kept[item_id]) for item_id in whole) <= BUNDLE_RATIO * 2000
    assert all(kept[item.id] == item.text for item in report.evidence.items if item.id not in whole)


def test_a_card_of_very_short_lines_has_a_bounded_number_of_them() -> None:
    items = tuple(an_item(f"host{number}", "app.log", text="a\n" * 30_000, before="") for number in range(10))
    report = a_report(evidence=some_evidence(items=items), analysis=an_analysis(suspects=()))
    card = to_html(report, max_bytes=1_000_000)
    assert 1000 < card.count("\na\n") * 2 < 60_000
    assert "this card leaves out" in card


def test_words_of_errors_are_found_in_a_time_linear_in_the_text() -> None:
    """A pattern that begins with any number of letters would read such a word once from each of its letters."""
    assert list(error_places("a" * 300_000)) == []


def test_a_run_remembers_a_failure_though_there_is_no_time_left_to_read_its_lines_again() -> None:
    report = a_report()
    history = History().with_report(report, is_over=lambda: True)
    assert history.shapes == {}
    assert history.tests[-1].name == report.failure.name
    assert history.signatures


def test_a_text_that_is_dense_with_what_is_like_a_secret_has_its_time_and_its_newest_lines_are_read() -> None:
    """An automaton that seeks all keywords needs new states for nearly each of its characters: 4 ms for a line."""
    letters = random.Random(1)
    words = ("".join(letters.choices(string.ascii_letters + string.digits, k=36)) for _ in range(6_000))
    lines = [f"token=ghp_{word} AKIA{word[:16].upper()} password={word[20:]}" for word in words]
    began = time.thread_time()
    safe = Redactor(timeout_s=1).redact("\n".join([*lines, "the last line"])).text
    assert time.thread_time() - began < 5
    assert safe.endswith("\nthe last line")
    assert not any(line[10:46] in safe for line in lines)
