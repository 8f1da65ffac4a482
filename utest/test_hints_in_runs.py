"""A model never delays a test, never changes a run, and its hint is in log.html when the run has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ollama_stub import MODEL, ROWS, OllamaStub
from patience import FOREVER_S, PATIENCE_S, wait_until
from robot.api import ExecutionResult

from FailTaleLibrary.archive import reports_in
from FailTaleLibrary.cli import main
from FailTaleLibrary.hints.maker import STOPPED
from FailTaleLibrary.records import Report
from FailTaleLibrary.run import HINT_AFTER_RUN

ROOT = Path(__file__).parent.parent
SUITE = """
*** Settings ***
Library    OperatingSystem

*** Test Cases ***
Orders Are Listed
    Write    ERROR storage: database is locked: orders.db held by backup
    Fail    GET /orders returned 500

Orders Are Listed Again
    Write    ERROR storage: database is locked: orders.db held by backup
    Fail    GET /orders returned 500

Shop Is Open
    No Operation

*** Keywords ***
Write
    [Arguments]    ${text}
    ${now} =    Evaluate    datetime.datetime.now().isoformat()
    Append To File    ${LOG}    ${now} ${text}\\n
"""
AGAIN = """    Write    ERROR storage: database is locked: orders.db held by backup
    Fail    GET /orders returned 500

Shop"""
TWO_CAUSES = SUITE.replace(
    AGAIN,
    """    Write    ERROR storage: No space left on device: /var/lib/orders
    Fail    PUT /orders returned 507

Shop""",
)
HINT = {
    "evidence": ["E1"],
    "cause": "The backup held orders.db, so the database is locked.",
    "component": "storage",
    "category": "environment",
    "confidence": "high",
    "next_steps": [],
}


@dataclass(frozen=True)
class Run:
    directory: Path
    status: int
    console: str

    @property
    def reports(self) -> list[Report]:
        return [report for report in reports_in(self.output) if isinstance(report, Report)]

    @property
    def output(self) -> Path:
        return next(self.directory / name for name in ("output.xml", "output.json") if (self.directory / name).exists())

    @property
    def outcomes(self) -> list[tuple[str, str, str]]:
        return [(test.name, test.status, test.message) for test in ExecutionResult(self.output).suite.all_tests]

    @property
    def reasons(self) -> list[str | None]:
        return [report.analysis.no_hint_reason for report in self.reports]

    @property
    def hints(self) -> list[str | None]:
        return [report.analysis.hint.cause if report.analysis.hint else None for report in self.reports]


def to_its_end(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    directory = environment["PLACE"]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)


def run(
    directory: Path, analysis: str, *options: str, suite: str = SUITE, done: Callable[..., Any] = to_its_end
) -> Run:
    """A real run of the suite; ``analysis`` is the section of the configuration, as YAML in one line.

    ``done`` starts it and waits for its end.
    """
    directory.mkdir(exist_ok=True)
    log = directory / "storage.log"
    log.touch()
    (directory / "suite.robot").write_text(suite)
    (directory / "failtale.yaml").write_text(
        f"components: {{storage: {{collectors: [{{name: log, file: '{log}'}}]}}}}\n"
        f"hosts: {{storage1: {{component: storage, transport: local}}}}\nanalysis: {analysis}\n"
    )
    paths = [str(ROOT), str(ROOT / "listeners")]
    command = [
        sys.executable, "-m", "robot", "--pythonpath", ":".join(paths), "--listener", "FailTaleListener:failtale.yaml",
        "--variable", f"LOG:{log}", *options, "suite.robot",
    ]  # fmt: skip
    environment = {**os.environ, "XDG_CACHE_HOME": str(directory / "cache"), "PLACE": str(directory)}
    ended = done(command, environment)
    return Run(directory, ended.returncode, ended.stdout + ended.stderr)


def test_the_hint_is_in_output_and_log_when_the_run_has_ended(tmp_path: Path) -> None:
    with OllamaStub(answer=HINT) as ollama:
        told = run(tmp_path, f"{{host: '{ollama.url}', model: '{MODEL}'}}")
        assert told.hints == [HINT["cause"]] * 2
        assert len(ollama.asked("/api/chat")) == 1, "equal failures share one call"
    assert told.status == 2
    assert "The backup held orders.db" in (told.directory / "output.xml").read_text()
    assert (told.directory / "log.html").exists()


def test_a_json_output_gets_its_hints_too(tmp_path: Path) -> None:
    with OllamaStub(answer=HINT) as ollama:
        told = run(tmp_path, f"{{host: '{ollama.url}', model: '{MODEL}'}}", "--output", "output.json")
    assert told.hints == [HINT["cause"]] * 2


# One of each kind: a refusal, one without an end, one that ends; test_hints_ollama has all that a server may do.
@pytest.mark.parametrize("row", ["404 model", "dripping", "dies"])
def test_whatever_the_model_does_the_run_is_the_same_and_the_card_says_why(
    tmp_path: Path, row: str, without_a_model: Run
) -> None:
    with OllamaStub(chat=row) as ollama:
        told = run(tmp_path, f"{{host: '{ollama.url}', model: '{MODEL}', hint_time: 1 s, run_time: 3 s}}")
    assert told.outcomes == without_a_model.outcomes
    assert told.status == without_a_model.status
    assert told.hints == [None, None]
    assert all(told.reasons)


def test_a_dead_server_costs_no_result_and_the_card_says_it(tmp_path: Path, without_a_model: Run) -> None:
    told = run(tmp_path, f"{{host: 'http://127.0.0.1:1', model: '{MODEL}'}}")
    assert told.outcomes == without_a_model.outcomes
    assert all(told.reasons)


def test_offline_asks_nothing_in_the_run_and_analyze_does_later(tmp_path: Path) -> None:
    with OllamaStub(answer=HINT) as ollama:
        told = run(tmp_path, f"{{host: '{ollama.url}', model: '{MODEL}', when: offline}}")
        assert ollama.requests == []
        assert all("failtale analyze" in (reason or "") for reason in told.reasons)
        config, log = str(tmp_path / "failtale.yaml"), tmp_path / "later.html"
        assert main(["analyze", str(told.output), "--config", config, "--log", str(log)]) == 0
    assert told.hints == [HINT["cause"]] * 2
    assert log.exists()


@pytest.fixture(scope="module")
def without_a_model(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(tmp_path_factory.mktemp("plain"), "{}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_wait_for_a_model_and_the_run_keeps_its_log(tmp_path: Path, number: signal.Signals) -> None:
    """The signal goes to the run alone, once the model has its question; it never answers."""
    with OllamaStub(chat="silent") as ollama:

        def interrupt(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
            streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            with subprocess.Popen(command, cwd=tmp_path, env=environment, text=True, **streams) as robot:
                assert wait_until(lambda: ollama.asked("/api/chat") or robot.poll() is not None)
                robot.send_signal(number)
                console = robot.communicate(timeout=PATIENCE_S)
            return subprocess.CompletedProcess(command, robot.returncode, *console)

        analysis = f"{{host: '{ollama.url}', model: '{MODEL}', hint_time: {FOREVER_S}, run_time: {FOREVER_S}}}"
        told = run(tmp_path, analysis, done=interrupt)
        assert len(ollama.asked("/api/chat")) == 1
    assert told.status == 2, told.console
    assert (tmp_path / "log.html").exists()
    assert told.hints == [None, None]
    assert told.reasons == [STOPPED, HINT_AFTER_RUN]


def _second_question_unanswered(handler: Any) -> None:
    if len(handler.server.stub.asked("/api/chat")) > 1:
        handler.wait_for_hang_up()
    else:
        handler.good_chat()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_analyze_keeps_the_hints_that_there_are_and_leaves_no_file_behind(
    tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ROWS, "second silent", _second_question_unanswered)
    with OllamaStub(answer=HINT, chat="second silent") as ollama:
        limits = f"hint_time: {FOREVER_S}, run_time: {FOREVER_S}"
        told = run(tmp_path, f"{{host: '{ollama.url}', model: '{MODEL}', when: offline, {limits}}}", suite=TWO_CAUSES)
        before = {path.name for path in tmp_path.iterdir()}
        analyze = "import sys; from FailTaleLibrary.cli import main; sys.exit(main())"
        command = [
            sys.executable,
            "-c",
            analyze,
            "analyze",
            str(told.output),
            "--config",
            str(tmp_path / "failtale.yaml"),
        ]
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **streams) as analyzing:
            assert wait_until(lambda: len(ollama.asked("/api/chat")) > 1 or analyzing.poll() is not None)
            analyzing.send_signal(number)
            said, complained = analyzing.communicate(timeout=PATIENCE_S)
    assert analyzing.returncode == (130 if number == signal.SIGINT else -number)
    assert told.hints == [HINT["cause"], None]
    assert said == f"Orders Are Listed: {HINT['cause']}\n"
    assert complained == "failtale: stopped after 1 of 2 failures; the same command goes on from there\n"
    assert {path.name for path in tmp_path.iterdir()} - before <= {"cache"}
