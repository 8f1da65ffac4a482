"""The line that says how far a collection is: on a terminal while it lasts, and nowhere else."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from patience import PATIENCE_S, wait_until
from ways import Clock

from FailTaleLibrary.progress import CollectionState, live_line

ROOT = Path(__file__).parent.parent
SUITE = """
*** Test Cases ***
Fails
    Fail    Shop is closed
"""
STATE = CollectionState(steps_done=3, steps=8, slowest="web1", hosts_done=1, hosts=4)


class Terminal:
    """A pseudo terminal, and all that was written to it."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        self._written = bytearray()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def text(self) -> str:
        return bytes(self._written).decode()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # all who wrote have gone
            while data := os.read(self._ours, 4096):
                self._written += data
        os.close(self._ours)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    os.close(terminal.theirs)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A suite that fails, and a collector that waits for the file ``go``."""
    waits = f"while [ ! -e {tmp_path}/go ]; do sleep 0.1; done; echo done > {tmp_path}/gone"
    config = {
        "components": {"app": {"collectors": [{"name": "waits", "command": waits}]}},
        "hosts": {"app1": {"component": "app", "transport": "local"}},
        "ssh": {"command_timeout": 500},
        "limits": {"failure_time": 500, "host_time": 500},
    }
    (tmp_path / "failtale.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "suite.robot").write_text(SUITE)
    return tmp_path


def started(project: Path, *command: str, stderr: int, term: str = "xterm") -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'listeners'}", "TERM": term}
    return subprocess.Popen(
        [sys.executable, *command], cwd=project, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True
    )


def robot(project: Path, *options: str, stderr: int, term: str = "xterm") -> subprocess.Popen[str]:
    listener = ["--listener", "FailTaleListener:failtale.yaml"]
    return started(project, "-m", "robot", *listener, *options, "suite.robot", stderr=stderr, term=term)


@pytest.mark.parametrize("options", [[], ["--dotted"]], ids=["verbose", "dotted"])
def test_a_terminal_shows_how_far_a_collection_is_and_then_nothing_of_it(
    project: Path, terminal: Terminal, options: list[str]
) -> None:
    with robot(project, *options, stderr=terminal.theirs) as run:
        shown = "FailTale collects evidence: 0 of 1 hosts, waiting for app1 ("
        assert wait_until(lambda: shown in terminal.text), terminal.text
        (project / "go").touch()
        run.communicate(timeout=PATIENCE_S)
    last = terminal.text.rpartition("FailTale collects")[2]
    assert "\0337\033[E\033[K\0338" in last  # the line below is empty, the cursor where it was


def test_the_command_shows_it_too(project: Path, terminal: Terminal) -> None:
    program = "import sys; from FailTaleLibrary.cli import main; sys.exit(main(sys.argv[1:]))"
    collect = ["-c", program, "collect", "--config", "failtale.yaml"]
    with started(project, *collect, stderr=terminal.theirs) as run:
        assert wait_until(lambda: "0 of 1 hosts, waiting for app1" in terminal.text), terminal.text
        (project / "go").touch()
        output, _ = run.communicate(timeout=PATIENCE_S)
    assert "FailTale collects" not in output


@pytest.mark.parametrize(("options", "term"), [(["--quiet"], "xterm"), (["--console", "none"], "xterm"), ([], "dumb")])
def test_a_quiet_console_or_a_simple_terminal_shows_nothing(
    project: Path, terminal: Terminal, options: list[str], term: str
) -> None:
    threading.Timer(2.0, (project / "go").touch).start()  # longer than it takes elsewhere until the line is there
    with robot(project, *options, stderr=terminal.theirs, term=term) as run:
        run.communicate(timeout=PATIENCE_S)
    assert (project / "gone").exists()
    assert "FailTale collects" not in terminal.text
    assert "\033" not in terminal.text


def test_what_is_no_terminal_gets_nothing(project: Path) -> None:
    threading.Timer(2.0, (project / "go").touch).start()
    with robot(project, stderr=subprocess.PIPE) as run:
        _, errors = run.communicate(timeout=PATIENCE_S)
    assert (project / "gone").exists()
    assert "FailTale collects" not in errors


# --- The line itself


class FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def a_terminal_that_can_move_its_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


def test_what_is_over_soon_draws_no_line() -> None:
    clock, stream = Clock(), FakeTerminal()
    with live_line(stream, clock=clock) as progress:
        assert progress is not None
        clock.now = 0.4
        progress(STATE)
    assert stream.getvalue() == ""


def test_a_line_is_drawn_a_few_times_a_second_and_cut_to_the_terminals_width() -> None:
    clock, stream = Clock(), FakeTerminal()
    with live_line(stream, clock=clock) as progress:
        assert progress is not None
        for tenth in range(60):
            clock.now = tenth / 10
            progress(CollectionState(steps_done=1, steps=8, slowest="web1." * 40, hosts_done=1, hosts=4))
    lines = stream.getvalue().split("FailTale collects")
    assert 20 < len(lines) <= 31
    assert all(len(line) < 120 for line in lines)


def test_a_terminal_that_goes_away_does_no_harm() -> None:
    clock, stream = Clock(), FakeTerminal()
    with live_line(stream, clock=clock) as progress:
        assert progress is not None
        clock.now = 1.0
        progress(STATE)
        stream.close()
        clock.now = 2.0
        progress(STATE)


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_where_there_is_no_terminal_there_is_no_progress(stream: io.StringIO | None) -> None:
    with live_line(stream) as progress:
        assert progress is None
