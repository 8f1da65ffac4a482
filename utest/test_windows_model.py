"""Any log, any marks, any rotation, against a plain model of "written during the test".

No line that was is missing without a note; none that was not is shown without being said to be unsure.
"""

from __future__ import annotations

import gzip
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from host_shells import HostShell, host_shells, turning_zone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_rotations import collector
from properties import examples

from FailTaleLibrary.config import Collector
from FailTaleLibrary.windows import HostMark, HostOutput, ResolvedWindow, command_line

SHELLS = {shell.name: shell for shell in host_shells()}
PAIRS = [
    (shell, awk)
    for shell, awk in (("dash", "mawk"), ("bash", "gawk"), ("ash with GNU tools", "gawk"), ("BusyBox alone", "busybox"))
    if shell in SHELLS and shutil.which(awk)
]
ZONES_S = (0, 3600, -18000, 20700)
"""Of the host; the last has three quarters of an hour."""

Stamp = Callable[[datetime, int], str]


def local(at: datetime, zone_s: int, style: str) -> str:
    return at.astimezone(timezone(timedelta(seconds=zone_s))).strftime(style)


CLOCKS_S = (0.0,) * 12 + (-60.0, 75.4, -45.3, 2.5, -600.0, -7255.0)
"""How far the log's own clock is ahead of the host's."""

STAMPS: dict[str, Stamp] = {
    "ISO": lambda at, _: at.isoformat() + " INFO ",
    "local": lambda at, zone_s: local(at, zone_s, "%Y-%m-%d %H:%M:%S.%f [main] "),
    "whole seconds": lambda at, zone_s: local(at, zone_s, "%b %e %H:%M:%S web app[1]: "),
    "nginx": lambda at, zone_s: local(at, zone_s, "%Y/%m/%d %H:%M:%S [error] "),
    "access log": lambda at, _: at.strftime("10.0.0.1 - - [%d/%b/%Y:%H:%M:%S +0000] GET "),
    "JSON": lambda at, _: f'{{"log":"until 2024-01-01T00:00:00Z","time":"{at.isoformat()}","id":"',
    "epoch in JSON": lambda at, _: f'{{"level":30,"time":{int(at.timestamp() * 1000)},"id":"',
    "logfmt": lambda at, _: f"level=info ts={at.isoformat()} msg=",
    "UTC on a host of another zone": lambda at, _: at.strftime("%Y-%m-%d %H:%M:%S.%f "),
    "nine hours off": lambda at, _: local(at, 9 * 3600, "%Y-%m-%d %H:%M:%S.%f "),
    "local time with a Z": lambda at, zone_s: local(at, zone_s, "%Y-%m-%dT%H:%M:%S.%fZ "),
    "an hour behind with a Z": lambda at, _: (at - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ "),
    "no time": lambda at, _: "",
    "time of day": lambda at, zone_s: local(at, zone_s, "%H:%M:%S.%f [main] "),
}
STRAY = ("build of 2024-01-01 00:00:00 ", "valid until 2036-01-01T00:00:00Z ", "", "", "")
TRACES = ("\tat com.example.Main(Main.java:7)", "java.lang.IllegalStateException: 9 lives", "  2020-01-01 00:00:00 x")


@dataclass
class World:
    """A log as programs write it, with what is known of each line."""

    log: Path
    now: datetime
    chance: random.Random
    stamp: Stamp
    zone_s: int
    """Of the host, until its clocks are turned."""
    way: str
    """How its rotation goes."""
    clock_s: float = 0.0
    """How far the log's own clock is ahead of the host's."""
    turned: tuple[datetime, int] | None = None
    """When the host's clocks are turned, and its zone from then on."""
    lines: dict[str, datetime] = field(default_factory=dict)
    """Each line's text without its newline, and when it was written."""
    rotations: int = 0

    def write(self, count: int) -> None:
        for _ in range(count):
            self.now += timedelta(milliseconds=self.chance.choice((3, 40, 400, 1700)))
            name = f"line-{len(self.lines)}"
            stamp = self.stamp(self.now + timedelta(seconds=self.clock_s), self.zone_now)
            text = f"{stamp}{self.chance.choice(STRAY)}{name}"
            entry = [
                text,
                *(f"{self.chance.choice(TRACES)} of {name}-{n}" for n in range(self.chance.choice((0, 0, 0, 2)))),
            ]
            with self.log.open("a") as file:
                file.write("".join(f"{line}\n" for line in entry))
            self.lines.update(dict.fromkeys(entry, self.now))
            self.touch(self.log)

    @property
    def zone_now(self) -> int:
        return self.turned[1] if self.turned and self.now >= self.turned[0] else self.zone_s

    def touch(self, path: Path) -> None:
        os.utime(path, (self.now.timestamp(),) * 2)

    def rotate(self) -> None:
        """As one logrotate does it, whose way does not change from one rotation to the next."""
        self.rotations += 1
        moment = f"{self.now:%Y%m%d%H%M%S}{self.rotations}"
        if self.way == "into a folder":
            (self.log.parent / "old").mkdir(exist_ok=True)
            target = self.log.parent / "old" / f"app.log-{moment}"
        elif self.way in ("into a tree", "copied into a tree"):
            target = self.log.parent / "2026" / "11" / f"app-{moment}.log"
            target.parent.mkdir(parents=True, exist_ok=True)
        elif self.way == "by date":
            target = self.log.with_name(f"app-{moment}.log")
        else:
            target = self._numbered()
        if self.way.startswith("copied"):
            shutil.copyfile(self.log, target)
            os.truncate(self.log, 0)
        else:
            self.log.rename(target)
            self.log.touch()
        if self.way == "packed":
            plain = target.read_bytes()
            target.unlink()
            target = target.with_name(f"{target.name}.gz")
            target.write_bytes(gzip.compress(plain))
        self.touch(target)
        self.touch(self.log)

    def _numbered(self) -> Path:
        ending = ".gz" if self.way == "packed" else ""
        for number in (2, 1):
            older = self.log.with_name(f"app.log.{number}{ending}")
            if older.exists():
                older.rename(self.log.with_name(f"app.log.{number + 1}{ending}"))
        return self.log.with_name("app.log.1")


def marked(shell: HostShell, world: World, asked: Collector, **surroundings: object) -> HostMark:
    """A mark, on the world's clock."""
    mark = shell.mark(asked, **surroundings)
    world.now += timedelta(milliseconds=5)
    return replace(mark, epoch=world.now.timestamp())


WAYS = ("renamed", "copied and truncated", "into a folder", "by date", "packed", "into a tree", "copied into a tree")
PATTERNS = ("app.log", "app.log", "app*", "app.log*")


def played(chance: random.Random, shell: HostShell, directory: Path, awk: Path) -> tuple[World, datetime, HostOutput]:
    """A world with its log, the test's start in it, and what a host with this shell answers."""
    surroundings: dict[str, object] = {"first_in_path": awk}
    start = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(seconds=200 + chance.random())
    stamp, zone_s = STAMPS[chance.choice(sorted(STAMPS))], chance.choice(ZONES_S)
    world = World(directory / "app.log", start, chance, stamp, zone_s, chance.choice(WAYS), chance.choice(CLOCKS_S))
    if chance.random() < 0.1:
        turn = start.replace(microsecond=0) + timedelta(seconds=chance.randrange(0, 30))
        world.turned = (turn, zone_s + chance.choice((3600, -3600)))
        surroundings["tz"] = turning_zone(turn, from_s=zone_s, to_s=world.turned[1])
    asked = collector(directory / chance.choice(PATTERNS))
    world.log.touch()
    world.touch(world.log)
    world.write(chance.randrange(0, 30))
    early = marked(shell, world, asked, **surroundings) if chance.random() < 0.5 else None
    world.write(chance.choice((0, 0, 3, 8)))
    if chance.random() < 0.2:
        world.rotate()
        world.write(2)
    world.now += timedelta(milliseconds=20)
    began = world.now
    world.write(chance.choice((0, 1, 5)))
    if chance.random() < 0.2:
        world.rotate()
        world.write(chance.choice((0, 2)))
    late = marked(shell, world, asked, **surroundings) if chance.random() < 0.75 else None
    world.write(chance.choice((0, 1, 6)))
    if chance.random() < 0.4:
        world.rotate()
        world.write(chance.choice((0, 4)))
    window = ResolvedWindow(
        kind="test",
        since_epoch=began.timestamp() - 0.002,
        sure_epoch=began.timestamp() + 0.002,
        until_epoch=world.now.timestamp() + 1,
        utc_offset_s=world.zone_now,
        mark=early,
        late_mark=late,
    )
    answer = shell.answer(command_line(asked, window=window, max_bytes=1_000_000), **surroundings)
    return world, began, answer


def shown_lines(answer: HostOutput) -> list[str]:
    return [line for part in answer.parts for line in part.text.decode().splitlines()]


@pytest.mark.parametrize(("shell", "awk"), PAIRS)
@settings(examples(12), suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1_000_000))
def test_what_was_written_during_the_test_is_shown_and_what_was_not_is_not_taken_for_it(
    shell: str, awk: str, seed: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "bin").mkdir()
        (directory / "bin" / "awk").symlink_to(str(shutil.which(awk)))
        (directory / "logs").mkdir()
        world, began, answer = played(random.Random(seed), SHELLS[shell], directory / "logs", directory / "bin")
        shown = shown_lines(answer)
        sure = [line for part in answer.parts if not part.is_unsure for line in part.text.decode().splitlines()]
        missing = [line for line, at in world.lines.items() if at > began and line not in shown]
        wrong = [line for line in sure if world.lines[line] <= began]
        assert not missing or "lost" in answer.note, (answer.note, missing, world.log.read_text())
        assert not wrong, (answer.note, answer.method, wrong)
        assert not answer.is_unsure or "may be older than the window" in answer.note
        assert answer.stderr == b""
