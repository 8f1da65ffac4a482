"""Collectors -> the one cheap command that notes where a host stands, and what it said -> HostMark."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from FailTaleLibrary.config import Collector
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.text import decode
from FailTaleLibrary.windows.pipeline import assignments, narrowing, shell_quote, shell_quote_pattern

MOST_FILES = 100
"""Newest files that one pattern may mean."""
BASELINE_BYTES = 64 * 1024
BASELINE_TIME_S = 5.0

_FRAME = re.compile(rb"\x1e(?:failtale ([a-z]+) ?([^\n]*)|\| ([^\n]*\n?))")


@dataclass(frozen=True, slots=True)
class FileMark:
    """Where a log file stood."""

    pattern: str
    """As the collector names it."""
    path: str
    inode: int
    size: int
    digest: str
    """Checksum of its first min(256, size) bytes, by whatever tool the host has."""


@dataclass(frozen=True, slots=True)
class HostMark:
    """Where a host stood: simple values only, so that it may cross a process border."""

    epoch: float
    """The host's clock."""
    utc_offset_s: int | None = None
    cursor: str | None = None
    """Of the journal's newest entry."""
    files: tuple[FileMark, ...] = ()
    patterns: tuple[str, ...] = ()
    """Those of which every file is in `files`: what they mean later and is not there is new."""
    unreadable: tuple[str, ...] = ()
    """Paths that were there and could not be read."""
    baselines: Mapping[str, str] = field(default_factory=dict)
    """Output of snapshots by collector name, filtered and sanitised but not redacted."""
    whole_seconds: bool = False
    """The host's clock was told without fractions (BusyBox): half a second more uncertainty, and `epoch` is early."""


@dataclass(frozen=True, slots=True)
class ResolvedWindow:
    """A window in terms of one host."""

    kind: str
    """As in `records.Step.window`; ``none`` is no window."""
    since_epoch: float | None = None
    """Its start on the host's clock."""
    until_epoch: float | None = None
    """Its end on the host's clock; what is written later still comes along."""
    utc_offset_s: int | None = None
    """The host's zone, for logs that write local time; None: the host is asked."""
    mark: HostMark | None = None
    """Taken at or before the window's start; the logs' times narrow what was written since then."""
    late_mark: HostMark | None = None
    """Taken after the window's start: exact from then on, and the logs' times tell what lies between."""


def mark_script(collectors: Sequence[Collector]) -> str:
    """One command that tells a host's clock and zone, and for these collectors cursor, file marks and baselines."""
    lines = ["clock"]
    if any(collector.journal is not None for collector in collectors):
        lines.append("cursor")
    patterns = dict.fromkeys(pattern for collector in collectors for pattern in collector.file)
    lines += [f"mark {shell_quote(pattern)} {shell_quote_pattern(pattern)}" for pattern in patterns]
    lines += [_baseline(collector) for collector in _with_baseline(collectors)]
    body = "".join(f"{line}\n" for line in lines)
    texts = host_script("frames.sh") + (host_script("file_identity.sh") if patterns else "") + host_script("mark.sh")
    return f"{{\n{assignments([('most', MOST_FILES)])}{texts}{body}}} 2>&1\n"


def _with_baseline(collectors: Sequence[Collector]) -> Iterator[Collector]:
    """Those that want a baseline; two different ones under the same name get none, for they could not be told apart."""
    wanted = dict.fromkeys(each for each in collectors if each.baseline and each.command is not None)
    names = Counter(collector.name for collector in wanted)
    return (collector for collector in wanted if names[collector.name] == 1)


def _baseline(collector: Collector) -> str:
    seconds = max(1, round(min(collector.timeout_s or BASELINE_TIME_S, BASELINE_TIME_S)))
    cap = min(collector.max_bytes or BASELINE_BYTES, BASELINE_BYTES)
    narrow = narrowing(collector, str(cap))
    name = shell_quote(collector.name)
    return f"snapshot {seconds} {shell_quote(collector.command or '')} | {narrow} | carry\ntell baseline {name}"


def parse_mark(stdout: bytes) -> HostMark:
    """The mark that a host told; lines of others (a login banner) are passed over.

    Raises ValueError when the host's clock is not in it.
    """
    told: dict[str, list[str]] = {}
    files: list[FileMark] = []
    patterns: list[str] = []
    baselines: dict[str, str] = {}
    marked: list[bytes] = []
    carried: list[bytes] = []
    for word, value, line in _FRAME.findall(stdout):
        if not word:
            carried.append(line)
        elif word == b"file":
            marked.append(value)
        elif word in (b"pattern", b"many"):
            pattern = _path(value)
            files += [mark for mark in (_file_mark(pattern, each) for each in marked) if mark is not None]
            marked.clear()
            if word == b"pattern":
                patterns.append(pattern)
        elif word == b"baseline":
            baselines[_path(value)] = decode(b"".join(carried))
            carried.clear()
        else:
            told.setdefault(word.decode(), []).append(_path(value))
    epoch, whole_seconds = _epoch(told.get("clock", [""])[0])
    return HostMark(
        epoch=epoch,
        utc_offset_s=_utc_offset(told.get("zone", [""])[0]),
        cursor=told.get("cursor", [""])[0] or None,
        files=tuple(files),
        patterns=tuple(patterns),
        unreadable=tuple(told.get("unreadable", ())),
        baselines=baselines,
        whole_seconds=whole_seconds,
    )


def _path(value: bytes) -> str:
    """As Python's own file names: any byte survives the way back."""
    return value.decode("utf-8", "surrogateescape")


def _file_mark(pattern: str, value: bytes) -> FileMark | None:
    match = re.fullmatch(rb"(\d+) (\d+) ([0-9a-f]+) (.+)", value)
    if match is None:
        return None
    return FileMark(pattern, _path(match[4]), inode=int(match[1]), size=int(match[2]), digest=match[3].decode())


def _epoch(told: str) -> tuple[float, bool]:
    match = re.match(r"(\d+)(\.\d+)?", told)
    if match is None:
        raise ValueError(f"the host told no clock: '{told[:80]}'")
    return float(match[0]), match[2] is None


def _utc_offset(told: str) -> int | None:
    match = re.fullmatch(r"([+-])(\d\d)(\d\d)", told)
    if match is None:
        return None
    seconds = int(match[2]) * 3600 + int(match[3]) * 60
    return -seconds if match[1] == "-" else seconds
