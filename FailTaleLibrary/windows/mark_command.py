"""The one cheap command that asks a host where it stands, and what the host answers -> a mark."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import partial

from FailTaleLibrary.config import Collector
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.text import decode
from FailTaleLibrary.transports import Question, Script, Transport, VisitStart
from FailTaleLibrary.transports.base import read_epoch
from FailTaleLibrary.windows.collector_text import (
    baseline_line,
    collector_digest,
    marking_functions,
    position_lines,
)
from FailTaleLibrary.windows.frames import split_frames
from FailTaleLibrary.windows.model import MOST_FILES, FileMark, HostMark, TakenMark

MARK_TIMEOUT_S = 5.0
MARK_BYTES = 1024 * 1024
"""Of a mark's answer; baselines make the most of it."""
MARKS_ID = "@marks"
"""Of the question that asks a gate where a host stands; no collector can have this name."""


def take_mark(
    transport: Transport, script: Script, *, cancel: threading.Event, timeout_s: float = MARK_TIMEOUT_S
) -> TakenMark:
    """One mark, now. Raises TransportError or ValueError when the host gives none."""
    sent_at = datetime.now(timezone.utc)
    result = transport.run(script, timeout_s=timeout_s, max_bytes=MARK_BYTES, cancel=cancel)
    received_at = datetime.now(timezone.utc)
    return TakenMark(mark=parse_mark(result.stdout, nonce=result.nonce), sent_at=sent_at, received_at=received_at)


def clock_mark(start: VisitStart) -> TakenMark:
    """What a host sent as its visit began: its clock and zone. Raises ValueError when it told none."""
    epoch, whole_seconds = read_epoch(start.clock)
    mark = HostMark(epoch, utc_offset_s=_utc_offset(start.zone), whole_seconds=whole_seconds)
    return TakenMark(mark, sent_at=start.sent_at, received_at=start.received_at)


def mark_script(collectors: Sequence[Collector]) -> Script:
    """One command that tells a host's clock and zone, and for these collectors cursor, file marks and baselines."""
    baselines = _with_baseline(collectors)
    positions = dict.fromkeys(line for collector in collectors for line in position_lines(collector))
    lines = ["clock\n", *positions, "marks\n", *map(baseline_line, baselines)]
    functions = marking_functions(has_files=any(collector.file for collector in collectors))
    asked = [each for each in dict.fromkeys(collectors) if position_lines(each) or each in baselines]
    return Script(
        f"{{\n{functions}{''.join(lines)}}} 2>&1\n",
        filters=f"in_one_piece {MARK_BYTES + 1}",  # a line for each file: alone they were most of what a mark costs us
        question=partial(_mark_question, asked),
    )


@dataclass(frozen=True, slots=True)
class MarkScripts:
    """What asks a host for its mark, and for the snapshots that are dear to take."""

    cheap: Script
    dear: Script
    has_dear: bool


class SharedMarkScripts:
    """Collectors -> the scripts of their marks; hosts of one component share them, which are 20 kB and 1 ms each."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, ...], tuple[Sequence[Collector], MarkScripts]] = {}

    def of(self, collectors: Sequence[Collector]) -> MarkScripts:
        key = tuple(map(id, collectors))  # theirs alone, since they are kept; to compare them would take long
        if key not in self._made:
            dear = [each for each in collectors if each.has_dear_baseline]
            cheap = [each for each in collectors if not each.has_dear_baseline]
            self._made[key] = collectors, MarkScripts(mark_script(cheap), mark_script(dear), has_dear=bool(dear))
        return self._made[key][1]


def _mark_question(collectors: Sequence[Collector]) -> Question:
    return Question(MARKS_ID, "-", table=tuple(f"c {each.name} {collector_digest(each)}" for each in collectors))


def _with_baseline(collectors: Sequence[Collector]) -> list[Collector]:
    """Those that want a baseline; two different ones under the same name get none: they look alike."""
    wanted = dict.fromkeys(each for each in collectors if baseline_line(each))
    names = Counter(collector.name for collector in wanted)
    return [collector for collector in wanted if names[collector.name] == 1]


def parse_mark(stdout: bytes, *, nonce: str) -> HostMark:
    """The mark that a host told in frames with this nonce; lines of others (a login banner) are passed over.

    Raises ValueError when there is no mark at all.
    """
    told: dict[str, list[str]] = {}
    files: list[FileMark] = []
    patterns: list[str] = []
    baselines: dict[str, str] = {}
    marked: list[bytes] = []
    carried = b""
    is_carried = False
    for piece in split_frames(stdout, nonce):
        if isinstance(piece, bytes):
            carried += piece if is_carried else b""
        elif piece.word in ("carry", "carried"):
            is_carried = piece.word == "carry"
        elif piece.word == "file":
            marked += [piece.value] if len(marked) < MOST_FILES else []  # the host's script tells no more either
        elif piece.word in ("pattern", "many"):
            pattern = _file_name(piece.value)
            files += [mark for mark in (_file_mark(pattern, each) for each in marked) if mark is not None]
            marked.clear()
            if piece.word == "pattern":
                patterns.append(pattern)
        elif piece.word == "baseline":
            baselines[_file_name(piece.value)] = decode(carried)
            carried = b""
        else:
            told.setdefault(piece.word, []).append(_file_name(piece.value))
    if "clock" not in told:
        raise ValueError("the host told no mark")
    epoch, whole_seconds = read_epoch(told.get("clock", [""])[0])
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


def _file_name(value: bytes) -> str:
    """As Python's own file names: any byte survives the way back."""
    return value.decode("utf-8", "surrogateescape")


def _file_mark(pattern: str, value: bytes) -> FileMark | None:
    match = re.fullmatch(rb"(\d{1,20}) (\d{1,15}) (\d{1,15}) (-|\d{1,10}) (.+)", value)
    if match is None:
        return None
    inode, size, written = (int(match[group]) for group in (1, 2, 3))
    return FileMark(pattern, _file_name(match[5]), inode=inode, size=size, digest=match[4].decode(), written=written)


def _utc_offset(told: str) -> int | None:
    match = re.fullmatch(r"([+-])([01]\d)([0-5]\d)", told)
    if match is None:
        return None
    seconds = int(match[2]) * 3600 + int(match[3]) * 60
    return -seconds if match[1] == "-" else seconds
