"""Logs, hosts and what is written during a test, for `test_faults_found_windows`; a library of Robot as well.

Each row has a folder of its own below the run's. `before` makes what is there before the run, `during` happens in the
row's test. What a test writes bears the word NEW, all else the word OLD.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

NOTHING = "nothing was wrong"
"""What an empty answer means, says each row's collector."""

Act = Callable[[Path], object]


def _log_of_row(folder: Path) -> list[dict[str, Any]]:
    return [{"name": "log", "file": str(folder / "app.log"), "empty_means": NOTHING}]


def _nothing(folder: Path) -> None:
    pass


@dataclass(frozen=True)
class Row:
    before: Act = _nothing
    during: Act = _nothing
    collectors: Callable[[Path], list[dict[str, Any]]] = _log_of_row
    host: str = "app1"


def _reading(**collector: Any) -> Callable[[Path], list[dict[str, Any]]]:
    """A collector; ``file`` below the row's folder."""

    def collectors(folder: Path) -> list[dict[str, Any]]:
        files = [str(folder / name) for name in collector.get("file", ())]
        return [{"name": "log", "empty_means": NOTHING, **collector, **({"file": files} if files else {})}]

    return collectors


def _now() -> datetime:
    return datetime.now(timezone.utc)


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def _written(line: Callable[[datetime, str], str], *new: str, **of_row: Any) -> Row:
    """A log with a minute of old lines, to which the test adds new ones."""

    def before(folder: Path) -> None:
        moments = (_now() - timedelta(seconds=200 - 5 * number) for number in range(30))
        append(folder / "app.log", "".join(f"{line(at, f'OLD {n}')}\n" for n, at in enumerate(moments)))

    def during(folder: Path) -> None:
        append(folder / "app.log", "".join(f"{line(_now(), text)}\n" for text in new or ("ERROR NEW boom",)))

    return Row(before, during, **of_row)


def _own_format(time_format: object, line: Callable[[datetime, str], str]) -> Row:
    return _written(line, collectors=_reading(file=["app.log"], time_format=time_format))


def _docker(at: datetime, text: str) -> str:
    return json.dumps({"log": f"{text}\n", "stream": "stderr", "time": f"{at.isoformat()[:-6]}Z"})


def _docker_in_zone(hours: int) -> Callable[[datetime, str], str]:
    return lambda at, text: _docker(at, f"{at + timedelta(hours=hours):%Y-%m-%d %H:%M:%S} {text}")


def _clock_alone(at: datetime, text: str) -> str:
    return f"{at:%H:%M:%S.%f}"[:12] + f" [main] INFO {text}"


def _first_line_with_a_date(folder: Path) -> None:
    append(folder / "app.log", "10:00:00.123 [main] INFO build OLD of 2024-01-01 00:00:00 started\n")
    _written(_clock_alone).before(folder)


def _nine_hours_off(at: datetime, text: str) -> str:
    return f"{at + timedelta(hours=9):%Y-%m-%dT%H:%M:%S.%fZ} {text}"


def _untimed(at: datetime, text: str) -> str:
    return text


def _timed(at: datetime, text: str) -> str:
    return f"{at.isoformat()} {text}"


def _two_logs(folder: Path) -> None:
    append(folder / "a.log", f"{_timed(_now() - timedelta(seconds=60), 'INFO OLD')}\n" * 9)
    append(folder / "b.log", "INFO OLD\n" * 9)


def _write_both(folder: Path) -> None:
    append(folder / "a.log", f"{_timed(_now(), 'INFO NEW a')}\n2099-01-01T00:00:00Z INFO NEW of the future\n")
    append(folder / "a.log", f"==> {folder}/b.log <==\n")
    time.sleep(0.5)
    append(folder / "b.log", "FATAL NEW No space left on device: table orders\n")


def _rotate_into(name: str) -> Act:
    def during(folder: Path) -> None:
        log = folder / "app.log"
        append(log, f"{_timed(_now(), 'ERROR NEW ahead of the rotation')}\n")
        target = folder / name
        target.parent.mkdir()
        log.rename(target)
        append(log, f"{_timed(_now(), 'ERROR NEW behind it')}\n")

    return during


def _two_hundred_logs(folder: Path) -> None:
    at = _now() - timedelta(seconds=400)
    for number in range(200):
        log = folder / f"{'a' if number % 2 else 'b'}{number}.log"
        append(log, f"{_timed(at, 'INFO OLD')}\n")
        os.utime(log, (at.timestamp(), at.timestamp()))


def _replaced_by(make: Callable[[str], object]) -> Row:
    def during(folder: Path) -> None:
        (folder / "app.log").unlink()
        make(str(folder / "app.log"))

    return Row(_written(_timed).before, during)


ROWS: dict[str, Row] = {
    # the first test of the run: no mark was taken yet
    "W4": _written(_untimed, "INFO NEW carts are closed"),
    "W1": Row(_first_line_with_a_date, _written(_clock_alone, "ERROR NEW boom").during),
    "W1 message": _written(_untimed, "ERROR NEW card ended 2019-01-01 00:00:00", "ERROR NEW boom"),
    "W2": _written(_docker, "ERROR NEW card valid until 2024-01-01T00:00:00Z"),
    "W2 west": _written(_docker_in_zone(-5)),
    "W2 east": _written(_docker_in_zone(9)),
    "W5": Row(_two_logs, _write_both, _reading(file=["a.log", "b.log"])),
    "W6": _written(_nine_hours_off, "FATAL NEW out of memory: killed process 17 (storage)"),
    "W7": Row(_written(_timed).before, _rotate_into("old/app.log.1")),
    "W7 any name": Row(_written(_timed).before, _rotate_into("kept/17.bin")),
    "W8": Row(
        _two_hundred_logs,
        lambda folder: append(folder / "a77.log", f"{_timed(_now(), 'ERROR NEW boom')}\n"),
        _reading(file=["a*.log", "b*.log"]),
    ),
    "W9 seconds": _own_format("%s", lambda at, text: f"{int(at.timestamp())} {text}"),
    "W9 nanoseconds": _own_format("%s", lambda at, text: f"{int(at.timestamp() * 1e6)}000|{text}"),
    "W9 clock": _own_format("%H:%M:%S", lambda at, text: f"{at:%H:%M:%S} {text}"),
    "W9 key": _own_format({"key": "when"}, lambda at, text: json.dumps({"m": text, "when": at.timestamp() * 1000})),
    "W9 place": _own_format(
        {"pattern": "[|] ([0-9A-Za-z-]* [0-9:]*) [|]", "format": "%d-%b-%Y %H:%M:%S"},
        lambda at, text: f"ERROR | main | {at:%d-%b-%Y %H:%M:%S} | {text}",
    ),
    "W10 directory": _replaced_by(os.mkdir),
    "W10 pipe": _replaced_by(os.mkfifo),
    "W10 gone": _replaced_by(os.path.exists),
    "W10 name": Row(
        _written(_timed).before, lambda folder: append(folder / "two\nlines.log", "NEW\n"), _reading(file=["*.log"])
    ),
    "W11": _written(_untimed, host="blind1"),
    "W11 times": _written(_timed, host="blind1"),
    "E1 hint": Row(collectors=_reading(journal="shop")),
    "E1 none": Row(collectors=_reading(journal="kernel")),
    "E2": Row(collectors=_reading(command="sudo tail -n 5 /var/log/secure | cut -c 1-80")),
    "E3": Row(collectors=_reading(command="jcmd 4711 Thread.print")),
    "E3 pipe": Row(collectors=_reading(command="jcmd 4711 Thread.print | grep -v '^$'")),
    "E4 unit": Row(collectors=_reading(journal="nosuch")),
    "E4 pattern": Row(collectors=_reading(file=["nosuch-*.log"])),
}

_HINT = """\
Hint: You are currently not seeing messages from other users and the system.
      Users in groups 'adm', 'systemd-journal' can see all messages.
      Pass -q to turn off this notice."""
PROGRAMS = {
    "journalctl": f"""\
case "$*" in
  *shop*) printf '%s\\n' "{_HINT}" >&2 ;;
  *kernel*) echo "No journal files were found." >&2 ;;
esac
echo "-- No entries --"
""",
    "systemctl": "echo not-found\n",
    "sudo": "echo 'sudo: sorry, you must have a tty to run sudo' >&2; exit 1\n",
    "jcmd": "echo 4711:; echo 'java.io.IOException: Operation not permitted' >&2; exit 1\n",
}
"""What the rows' hosts find as programs, in the words of the real ones."""


@dataclass
class Site:
    """Where the rows live, for the test that makes it and for Robot that plays in it."""

    root: str
    folders: dict[str, Path] = field(init=False)

    def __post_init__(self) -> None:
        self.folders = {row: Path(self.root, row.replace(" ", "-")) for row in ROWS}


class faults_found_rows:  # noqa: N801 - Robot looks for a class of the module's name
    """Keywords of the run."""

    ROBOT_LIBRARY_SCOPE = "GLOBAL"

    def __init__(self, root: str) -> None:
        self._site = Site(root)

    def play(self, row: str) -> None:
        """What happens during the row's test."""
        ROWS[row].during(self._site.folders[row])

    def wait_for_marks(self, *paths: str) -> None:
        """Until each host's mark has come to its end, and a moment more for its answer."""
        until = time.monotonic() + 300
        while not all(map(os.path.exists, paths)) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(1)
