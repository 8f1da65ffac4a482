"""A fault of FailTale's own costs the stage or the item where it happens: the evidence stays, and the fault is told."""

from __future__ import annotations

import errno
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from patience import FOREVER_S, PATIENCE_S, wait_until

from FailTaleLibrary.archive import read_bundle
from FailTaleLibrary.collection.collect import collect
from FailTaleLibrary.collection.host import HostAccess
from FailTaleLibrary.collection.plan import plan
from FailTaleLibrary.collection.source import OwnHosts
from FailTaleLibrary.config import Config
from FailTaleLibrary.faults import MAX_FILE_BYTES, Faults
from FailTaleLibrary.gateway.adopt import adopted
from FailTaleLibrary.gateway.clock import GatewayClock
from FailTaleLibrary.gateway.record import Handover
from FailTaleLibrary.ranking import rank
from FailTaleLibrary.records import Evidence, Failure, Gap, Report, SafeText
from FailTaleLibrary.redaction import Redacted, Redactor
from FailTaleLibrary.rendering import is_card, to_html
from FailTaleLibrary.run import NOT_RANKED, Run, Stages
from FailTaleLibrary.transports import Connections, Transport

WORDS = "the disk of storage1 is full"
SECRET = f"Xq{secrets.token_hex(12)}"


def a_config(**sections: Any) -> Config:
    collectors = [{"name": f"c{n}", "command": f"echo {n} {WORDS}"} for n in range(16)]
    hosts = {"storage1": {"component": ["storage"], "transport": "local"}}
    return Config.model_validate({"components": {"storage": {"collectors": collectors}}, "hosts": hosts, **sections})


def fails(*_: Any, **__: Any) -> Any:
    """Any stage with a fault in it; its message holds a secret, as an error's message may."""
    raise KeyError(f"x password={SECRET}")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


def report_of(stages: Stages, output: Path, **sections: Any) -> tuple[Report, str]:
    """The report and the card of one failure."""
    with Run(a_config(**sections), environ={}, stages=stages) as run:
        run.know([SECRET])
        run.test_began()
        report = run.collect_failure(run.failure("Order"), output_dir=output)
        return report, run.card(report, bundle_link=report.bundle)


def told_once(gaps: tuple[Gap, ...], activity: str) -> str:
    (gap,) = gaps
    assert gap.reason == "failed"
    assert gap.detail.startswith(f"FailTale internal error while {activity}: KeyError: ")
    assert gap.detail.endswith("Details: failtale/error.log")
    return gap.detail


def the_traceback(output: Path) -> str:
    path = output / "failtale" / "error.log"
    assert path.stat().st_mode & 0o777 == 0o600
    return path.read_text()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "This machine has no more file descriptors ('ulimit -n') while"),
        (
            MemoryError(),
            "This machine has no more memory ('ulimit -v', or its container's limit) while ranking: MemoryError.",
        ),
        (
            RuntimeError("can't start new thread"),
            "This machine has no more threads ('ulimit -u' or 'ulimit -v', or its container's limit)",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "This machine has no more space on a disk while ranking: OSError",
        ),
        (
            ImportError("_ssl.so: cannot open shared object file: Too many open files"),
            "This machine has no more file descriptors ('ulimit -n') while ranking: ImportError: _ssl.so",
        ),
        (
            ImportError("No module named 'x'"),
            "FailTale internal error while ranking: ImportError: No module named 'x'.",
        ),
        (OSError(errno.EIO, "I/O error"), "FailTale internal error while ranking: OSError: [Errno 5] I/O error."),
        (RuntimeError("other"), "FailTale internal error while ranking: RuntimeError: other."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_the_machine_of_the_tests_lacks_is_no_fault_of_ours(error: Exception, told: str) -> None:
    assert Faults(Redactor).sentence("ranking", error).startswith(told)


def test_too_few_file_descriptors_are_told_with_what_to_do_about_them() -> None:
    by_keeper = RuntimeError("in the process that keeps the connections: OSError: [Errno 24] Too many open files")
    for error in (OSError(errno.EMFILE, "Too many open files"), by_keeper):
        sentence = Faults(Redactor).sentence("collecting from h1", error)
        assert sentence.startswith("This machine has no more file descriptors ('ulimit -n') while collecting from h1: ")
        assert "Raise that limit, or have fewer hosts asked at once (limits.parallel_hosts)." in sentence


# --- Stage by stage ---------------------------------------------------------------------------------------------------


def test_a_fault_in_ranking_costs_the_suspects_alone(output: Path) -> None:
    report, card = report_of(Stages(rank=fails), output)
    assert [item.text for item in report.evidence.items] == [f"{n} {WORDS}\n" for n in range(16)]
    detail = told_once(report.evidence.gaps, "ranking the evidence")
    assert (report.analysis.headline, report.analysis.suspects) == (NOT_RANKED, ())
    assert WORDS in card
    assert "FailTale internal error while ranking the evidence: KeyError" in card
    assert "failtale/error.log" in card
    assert "in fails\n" in the_traceback(output)
    assert read_bundle(output / str(report.bundle)) == report
    assert SECRET not in detail + card + the_traceback(output)


def test_ranking_learns_when_the_failures_time_is_used_up(output: Path) -> None:
    def judge(failure: Failure, evidence: Evidence, *, is_over: Callable[[], bool], **named: Any) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while not is_over() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert is_over()
        return rank(failure, evidence, is_over=is_over, **named)

    report, _ = report_of(Stages(rank=judge), output, limits={"failure_time": "3 s"})
    assert report.analysis.headline != NOT_RANKED
    assert "its time was used up" in report.analysis.notes[0]


def test_drawing_has_what_the_failures_time_has_left(output: Path) -> None:
    def draw(report: Report, *, is_over: Callable[[], bool], **named: Any) -> str:
        assert not is_over()
        assert wait_until(is_over)
        return to_html(report, is_over=is_over, **named)

    _, card = report_of(Stages(card=draw), output, limits={"failure_time": "3 s"})
    assert "limits.failure_time left no time to draw" in card


def test_a_fault_in_storing_costs_the_bundle_alone(output: Path) -> None:
    report, card = report_of(Stages(store=fails), output)
    told_once(report.evidence.gaps, "writing the bundle")
    assert report.bundle is None
    assert report.analysis.headline != NOT_RANKED
    assert WORDS in card
    assert "in fails\n" in the_traceback(output)


def test_a_disk_that_hangs_costs_the_bundle_alone(output: Path) -> None:
    """It is not tried again for the same failure: whoever writes there waits on."""
    asked: list[Path] = []
    hangs = threading.Event()

    def store(report: Report, directory: Path, **_: Any) -> Path:
        asked.append(directory)
        hangs.wait(FOREVER_S)
        return directory

    report, card = report_of(Stages(store=store), output, limits={"failure_time": "5 s"})
    hangs.set()
    assert len(asked) == 1
    (gap,) = report.evidence.gaps
    assert gap.detail == f"no whole bundle was written: '{output / 'failtale'}' took more than 3 s"
    assert report.bundle is None
    assert WORDS in card


def test_a_fault_when_the_bundle_is_written_anew_leaves_the_one_that_is_there(output: Path) -> None:
    report, _ = report_of(Stages(replace=fails), output)
    told_once(report.evidence.gaps, "writing the bundle")
    assert len(read_bundle(output / str(report.bundle)).evidence.items) == 16


def test_a_fault_in_an_output_format_leaves_plain_text(output: Path) -> None:
    with Run(a_config(), environ={}) as run:
        report = run.collect_failure(run.failure("Order"), output_dir=output)
        assert run.rendered(report, "json").startswith("{")
        text = run.rendered(report, "a format that is none")
    assert "FailTale internal error while writing the report as a format that is none: KeyError" in text
    assert all(f"{n} {WORDS}" in text for n in range(16))


def test_what_was_collected_is_stored_before_anything_judges_it(output: Path) -> None:
    stored: list[int] = []

    def judge(*arguments: Any, **named: Any) -> Any:
        stored.append(len(list(output.rglob("items/*/*.txt"))))
        return rank(*arguments, **named)

    report_of(Stages(rank=judge), output)
    assert stored == [16]


def test_a_fault_in_collecting_is_told_in_a_card_without_evidence(output: Path) -> None:
    class Broken(OwnHosts):
        collect = fails

    report, card = report_of(Stages(source=Broken), output)
    told_once(report.evidence.gaps, "collecting the evidence")
    assert report.evidence.items == ()
    assert is_card(card)
    assert "FailTale internal error while collecting the evidence" in card
    assert "in fails\n" in the_traceback(output)


def test_a_fault_in_rendering_leaves_a_plain_card_with_the_evidence(output: Path) -> None:
    report, card = report_of(Stages(card=fails), output)
    assert report.evidence.gaps == ()
    assert is_card(card)
    assert "FailTale internal error while drawing the card: KeyError" in card
    assert all(f"{n} {WORDS}" in card for n in range(16))
    assert "in fails\n" in the_traceback(output)
    assert SECRET not in card


def test_a_plain_card_keeps_its_limit_and_escapes_what_hosts_say(output: Path) -> None:
    collectors = [{"name": "page", "command": "yes '<script>alert(1)</script>' | head -n 2000"}]
    components = {"storage": {"collectors": collectors}}
    _, card = report_of(Stages(card=fails), output, components=components, limits={"card_bytes": 10_000})
    assert len(card.encode()) <= 10_000
    assert "<script>" not in card
    assert "&lt;script&gt;" in card


def test_a_fault_in_writing_text_leaves_plain_text_with_the_evidence(output: Path) -> None:
    with Run(a_config(), environ={}, stages=Stages(text=fails)) as run:
        text = run.text(run.collect_failure(run.failure("Order"), output_dir=output))
    assert "FailTale internal error while writing the report: KeyError" in text
    assert all(f"{n} {WORDS}" in text for n in range(16))


def test_a_fault_in_taking_marks_costs_the_marks_alone(output: Path) -> None:
    class Broken(OwnHosts):
        window_began = fails

    report, _ = report_of(Stages(source=Broken), output)
    assert len(report.evidence.items) == 16


@pytest.mark.parametrize("stage", ["rank", "store", "card", "text"])
def test_what_ends_a_test_from_outside_is_no_fault_of_ours(output: Path, stage: str) -> None:
    class TimedOutError(Exception):
        """As Robot ends a keyword with it."""

    def is_ended(*_: Any, **__: Any) -> Any:
        raise TimedOutError

    def drive(run: Run) -> str:
        report = run.collect_failure(run.failure("Order"), output_dir=output)
        return run.card(report) + run.text(report)

    stages = Stages(**{stage: is_ended})
    with Run(a_config(), environ={}, stages=stages, passed_on=(TimedOutError,)) as run, pytest.raises(TimedOutError):
        drive(run)


# --- One item of sixteen ----------------------------------------------------------------------------------------------


class _RedactorWithAFault(Redactor):
    def redact(self, text: str) -> Redacted:
        return fails() if text.startswith("7 ") else super().redact(text)


def _without_one(access: HostAccess) -> HostAccess:
    return replace(access, collectors={name: each for name, each in access.collectors.items() if name != "storage1/c7"})


@pytest.mark.parametrize(
    ("change", "redactor"),
    [(_without_one, Redactor), (lambda access: access, _RedactorWithAFault)],
    ids=["question", "answer"],
)
def test_a_fault_in_one_item_of_sixteen_costs_that_item(
    change: Callable[[HostAccess], HostAccess], redactor: type[Redactor], tmp_path: Path
) -> None:
    config = a_config()
    faults = Faults(Redactor)
    faults.keep_in(tmp_path / "failtale", shown="failtale")
    now = datetime.now(timezone.utc)
    failure = Failure.model_validate({"id": "f" * 32, "name": "Order", "window": {"start": now, "end": now}})
    ways = Connections(config)
    access = change(HostAccess.of(config, ways))
    evidence = collect(plan(failure, config), failure, access, redactor=redactor(), faults=faults).evidence
    ways.close()
    assert [item.collector for item in evidence.items] == [f"c{n}" for n in range(16) if n != 7]
    told_once(evidence.gaps, "collecting storage1/c7")
    assert evidence.gaps[0].collector == "c7"
    assert "KeyError: 'storage1/c7'" in the_traceback(tmp_path) or "in fails\n" in the_traceback(tmp_path)


def test_a_fault_in_one_host_costs_that_host(tmp_path: Path) -> None:
    class BrokenWay(Connections):
        def transport(self, host: str, inside: Sequence[str] = ()) -> Transport:
            return fails() if host == "storage1" else super().transport(host, inside)

    local = {"component": ["storage"], "transport": "local"}
    config = a_config(hosts={"storage1": local, "storage2": local})
    now = datetime.now(timezone.utc)
    failure = Failure.model_validate({"id": "f" * 32, "name": "Order", "window": {"start": now, "end": now}})
    ways = BrokenWay(config)
    evidence = collect(
        plan(failure, config), failure, HostAccess.of(config, ways), redactor=Redactor(), faults=Faults(Redactor)
    ).evidence
    ways.close()
    assert {item.host for item in evidence.items} == {"storage2"}
    assert [(gap.host, gap.collector, gap.reason) for gap in evidence.gaps] == [("storage1", None, "failed")]


def test_a_fault_in_adopting_one_item_of_a_gateway_costs_that_item(output: Path) -> None:
    report, _ = report_of(Stages(), output)
    given = Handover(plan=report.plan, evidence=report.evidence, full_texts={})

    class Broken(Redactor):
        def redact(self, text: str) -> Redacted:
            return fails() if text.startswith("7 ") else super().redact(text)

    clock = GatewayClock(offset_s=90.0, uncertainty_s=0.01)
    evidence = adopted(given, report.failure, redactor=Broken(), faults=Faults(Redactor), clock=clock).evidence
    assert [item.collector for item in evidence.items] == [f"c{n}" for n in range(16) if n != 7]
    (gap,) = evidence.gaps
    assert (gap.host, gap.collector, gap.reason) == ("storage1", "c7", "failed")


def test_a_gateways_clock_that_cannot_be_true_costs_no_item(output: Path) -> None:
    report, _ = report_of(Stages(), output)
    given = Handover(plan=report.plan, evidence=report.evidence, full_texts={})
    clock = GatewayClock(offset_s=1e18, uncertainty_s=0.01)
    evidence = adopted(given, report.failure, redactor=Redactor(), faults=Faults(Redactor), clock=clock).evidence
    assert evidence.items == report.evidence.items
    (gap,) = evidence.gaps
    assert (gap.host, gap.reason) == ("gateway", "gateway")
    assert "clock" in gap.detail


# --- What is told of a fault ------------------------------------------------------------------------------------------


@pytest.fixture
def error() -> Iterator[Exception]:
    try:
        fails()
    except KeyError as error:
        yield error


def test_without_an_output_directory_the_sentence_says_how_to_get_more(error: Exception) -> None:
    assert "Set FAILTALE_LOG" in Faults(Redactor).sentence("ranking", error)


def test_a_directory_that_cannot_be_written_is_no_second_fault(tmp_path: Path, error: Exception) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    faults = Faults(Redactor)
    faults.keep_in(tmp_path / "taken", shown="taken")
    assert "Set FAILTALE_LOG" in faults.sentence("ranking", error)


def test_the_file_of_tracebacks_is_bounded(tmp_path: Path, error: Exception) -> None:
    faults = Faults(Redactor)
    faults.keep_in(tmp_path, shown="failtale")
    (tmp_path / "error.log").write_text("x" * MAX_FILE_BYTES)
    assert "Details: failtale/error.log" in faults.sentence("ranking", error)
    assert (tmp_path / "error.log").stat().st_size == MAX_FILE_BYTES


def test_an_error_whose_words_cannot_be_had_or_made_safe_is_told_without_them(tmp_path: Path) -> None:
    class WordlessError(Exception):
        def __str__(self) -> str:
            raise ValueError("no words")

    class Unsafe:
        def safe_text(self, text: str) -> SafeText:
            raise ValueError(text)

        safe_message = safe_text

    faults = Faults(Unsafe)
    faults.keep_in(tmp_path, shown="failtale")
    assert "internal error" in Faults(Redactor).sentence("ranking", WordlessError())
    told = faults.sentence("ranking", KeyError(SECRET))
    assert "internal error" in told
    assert SECRET not in told + (tmp_path / "error.log").read_text()
