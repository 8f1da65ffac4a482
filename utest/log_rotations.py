"""Logs and what rotation does to them, for the tests of byte marks."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from host_shells import HostShell

from FailTaleLibrary.config import Collector
from FailTaleLibrary.windows import HostOutput, ResolvedWindow, command_line


def lines(word: str, count: int) -> str:
    return "".join(f"{word} {number} {'x' * 40}\n" for number in range(count))


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def later(path: Path, seconds: int) -> None:
    """Written so many seconds from now: BusyBox does not see fractions, and a test does not wait."""
    moment = time.time() + seconds
    os.utime(path, (moment, moment))


def renamed(log: Path, name: str = "app.log.1") -> Path:
    return log.rename(log.parent / name)


def packed(path: Path, suffix: str, pack: Callable[[bytes], bytes]) -> Path:
    target = path.with_name(path.name + suffix)
    target.write_bytes(pack(path.read_bytes()))
    shutil.copystat(path, target)
    path.unlink()
    return target


def copied_and_truncated(log: Path) -> Path:
    copy = Path(shutil.copyfile(log, log.with_name("app.log.1")))
    os.truncate(log, 0)
    return copy


def zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-q"], input=data, capture_output=True, check=True).stdout


def nothing_written(log: Path) -> str:
    return ""


def appended(log: Path) -> str:
    append(log, lines("new", 20))
    return lines("new", 20)


def rotated_by_rename(log: Path, name: str = "app.log.1") -> str:
    append(log, lines("new", 5))
    renamed(log, name)
    log.write_text(lines("after", 7))
    return lines("new", 5) + lines("after", 7)


def rotated_with_date(log: Path) -> str:
    return rotated_by_rename(log, "app.log-20261122")


def rotated_with_date_ahead_of_extension(log: Path) -> str:
    return rotated_by_rename(log, "app-2026-11-22.log")


def rotated_into_a_tree(log: Path) -> str:
    (log.parent / "2026" / "11").mkdir(parents=True)
    return rotated_by_rename(log, "2026/11/26.log")


def rotated_and_packed(log: Path, suffix: str = ".gz", pack: Callable[[bytes], bytes] = gzip.compress) -> str:
    append(log, lines("new", 5))
    packed(renamed(log), suffix, pack)
    log.write_text(lines("after", 7))
    return lines("new", 5) + lines("after", 7)


def rotated_and_packed_with_xz(log: Path) -> str:
    return rotated_and_packed(log, ".xz", lambda data: lzma.compress(data, check=lzma.CHECK_CRC32))


def copytruncated(log: Path) -> str:
    append(log, lines("new", 5))
    copied_and_truncated(log)
    append(log, lines("after", 7))
    return lines("new", 5) + lines("after", 7)


def copytruncated_and_packed(log: Path) -> str:
    append(log, lines("new", 5))
    packed(copied_and_truncated(log), ".gz", gzip.compress)
    append(log, lines("after", 7))
    return lines("new", 5) + lines("after", 7)


def copytruncated_and_regrown_past_the_mark(log: Path) -> str:
    append(log, lines("new", 5))
    copied_and_truncated(log)
    append(log, lines("after", 900))
    return lines("new", 5) + lines("after", 900)


def rotated_twice(log: Path) -> str:
    append(log, lines("new", 5))
    later(renamed(log, "app.log.2"), 1)
    log.write_text(lines("middle", 9))
    later(renamed(log), 2)
    log.write_text(lines("after", 7))
    later(log, 3)
    return lines("new", 5) + lines("middle", 9) + lines("after", 7)


def rotated_twice_and_packed(log: Path) -> str:
    append(log, lines("new", 5))
    old = renamed(log, "app.log.2")
    later(old, 1)
    packed(old, ".gz", gzip.compress)
    log.write_text(lines("middle", 9))
    later(renamed(log), 2)
    log.write_text(lines("after", 7))
    later(log, 3)
    return lines("new", 5) + lines("middle", 9) + lines("after", 7)


def rotated_and_not_recreated(log: Path) -> str:
    append(log, lines("new", 5))
    renamed(log)
    return lines("new", 5)


SCENARIOS = [
    nothing_written,
    appended,
    rotated_by_rename,
    rotated_with_date,
    rotated_with_date_ahead_of_extension,
    rotated_into_a_tree,
    rotated_and_packed,
    rotated_and_packed_with_xz,
    copytruncated,
    copytruncated_and_packed,
    copytruncated_and_regrown_past_the_mark,
    rotated_twice,
    rotated_twice_and_packed,
    rotated_and_not_recreated,
]
ANY_NUMBER = 100_000


def collector(*files: Path | str, **fields) -> Collector:
    return Collector(name="log", file=tuple(map(str, files)), **{"lines": ANY_NUMBER, **fields})


def window_of(shell: HostShell, log: Collector, change: Callable[[], object], max_bytes: int = 1_000_000) -> HostOutput:
    mark = shell.mark(log)
    change()
    window = ResolvedWindow(kind="test", mark=mark, late_mark=mark)  # nothing was written between the two
    return shell.answer(command_line(log, window=window, max_bytes=max_bytes))
