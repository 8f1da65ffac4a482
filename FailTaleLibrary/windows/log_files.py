"""A file collector and its window -> the shell text that reads each file's window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

from FailTaleLibrary.config import Collector
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.timestamps import Directive, directives
from FailTaleLibrary.windows.model import MOST_FILES, FileMark, HostMark, ResolvedWindow
from FailTaleLibrary.windows.pipeline import (
    assignments,
    grep,
    is_pattern,
    kept_lines,
    narrowing,
    shell_quote,
    shell_quote_pattern,
)

# --- A ``time_format`` of the user's -> the awk function that reads it at a line's start

_NONE = 'function own(line) { return "" }\n'
_VARIABLES = "rest, year_, short_year, month_, month_name, day, hour, half, minute, second, fraction_, zone_, clock"
_NAMES = {"year": "year_", "month": "month_", "fraction": "fraction_", "zone": "zone_"}


def own_format(time_format: str | None) -> str:
    """The awk function ``own(line)``: epoch seconds of a line, or nothing.

    Raises ConfigError for a directive that FailTale does not know.
    """
    if time_format is None:
        return _NONE
    try:
        pieces = directives(time_format)
    except ValueError as error:
        raise ConfigError(f"time_format '{time_format}' cannot be used: {error}") from error
    whole = "".join(piece.pattern for piece in pieces)
    reading = "".join(map(_reading, pieces))
    return (
        f'function own(line,    {_VARIABLES}) {{\nif (line !~ /^{whole}/) return ""\nrest = line\n{reading}{_END}}}\n'
    )


def _reading(piece: Directive) -> str:
    """awk that takes one piece off the rest of the line."""
    keep = f"{_NAMES.get(piece.field, piece.field)} = substr(rest, 1, RLENGTH)\n" if piece.field else ""
    return f"match(rest, /^{piece.pattern}/)\n{keep}rest = substr(rest, RLENGTH + 1)\n"


_END = """\
if (half != "") hour = hour % 12 + (half ~ /^[Pp]/ ? 12 : 0)
clock = sprintf("%02d:%02d:%02d", hour, minute, second) (fraction_ != "" ? "." fraction_ : "") zone_
if (month_name != "") month_ = month(substr(month_name, 1, 3))
if (short_year != "") year_ = 2000 + short_year
return year_ == "" ? recent(month_, day, clock) : moment(year_, month_, day, clock)
"""


# --- A file collector and its window -> the shell text that reads each file's window

SCAN_BYTES = 8 * 1024 * 1024
"""Newest bytes that are searched of one file; more would make a slow host slower."""
_BETWEEN_BYTES = 1024 * 1024
"""Searched ahead of a late mark, where no earlier mark says where to begin."""
_BEFORE_BYTES = 16 * 1024
_GRACE_S = 120
"""A file that was last written so long before the window has nothing in it; file servers have clocks of their own."""


def file_producer(collector: Collector, window: ResolvedWindow, *, max_bytes: int) -> str:
    """Reads each file from its mark, else by its lines' times, else its newest lines; filters each by itself.

    So a noisy file does not drown the others, and each keeps its heading.
    """
    mark, exact = _start(collector, window)
    since = None if window.kind == "none" else window.since_epoch
    settings = [
        ("how", "mark" if mark else "time" if since is not None else "tail"),
        ("exact", "1" if exact else ""),
        ("since", "" if since is None else f"{since:.6f}"),
        ("stale", "" if since is None else int(since) - _GRACE_S),
        ("marked_at", int(mark.epoch) if mark else ""),
        ("zone", "" if window.utc_offset_s is None else window.utc_offset_s),
        ("before", collector.before),
        ("several", "1" if len(collector.file) > 1 or is_pattern(collector.file[0]) else ""),
        ("max", max_bytes),
        ("scan", SCAN_BYTES),
        ("most", MOST_FILES),
        ("latch", host_script("window_filter.awk") + own_format(collector.time_format)),
    ]
    functions = [
        _patterns_function(collector, mark),
        _marks_function(_file_marks(collector, window, mark)),
        _late_function(collector, window),
        _unmarked_function(collector, mark),
        f"narrow() {{ {narrowing(collector, '$share')}; }}\n",
    ]
    texts = [
        host_script(name)
        for name in ("frames.sh", "file_identity.sh", "file_content.sh", "plan_files.sh", "read_files.sh")
    ]
    return "".join([assignments(settings), *functions, *texts])


def shown_files(collector: Collector, window: ResolvedWindow) -> str:
    """What a person would type for about the same lines."""
    mark, exact = _start(collector, window)
    paths = " ".join(map(shell_quote_pattern, collector.file))
    newest = f"tail -n {kept_lines(collector)}"
    marks = _file_marks(collector, window, mark) if exact else []
    if len(collector.file) == 1 == len(marks):
        read = f"tail -c +{marks[0].low + 1} {paths}"
    elif collector.grep is None:
        return f"{newest} {paths}"
    else:
        return f"{grep(collector)} {paths} | {newest}"
    return " | ".join([read, *([grep(collector)] if collector.grep is not None else []), newest])


def _start(collector: Collector, window: ResolvedWindow) -> tuple[HostMark | None, bool]:
    """The mark to read from, and whether it is the window's start (or later) rather than ahead of it."""
    if window.kind == "none":
        return None, False
    if _covers(window.mark, collector):
        return window.mark, window.since_epoch is None or window.mark.epoch >= window.since_epoch
    late = _late_mark(collector, window)
    return late, late is not None


def _late_mark(collector: Collector, window: ResolvedWindow) -> HostMark | None:
    """The mark from within the window: exact from when it came."""
    until = window.until_epoch
    if _covers(window.late_mark, collector) and (until is None or window.late_mark.epoch <= until):
        return window.late_mark
    return None


def _covers(mark: HostMark | None, collector: Collector) -> TypeGuard[HostMark]:
    return mark is not None and not set(collector.file).isdisjoint(
        [*mark.patterns, *(marked.pattern for marked in mark.files)]
    )


@dataclass(frozen=True, slots=True)
class _Position:
    """A marked file, and where in it to look for the window's start."""

    file: FileMark
    low: int


def _file_marks(collector: Collector, window: ResolvedWindow, mark: HostMark | None) -> list[_Position]:
    if mark is None:
        return []
    earlier = {}
    if window.mark is not None and window.mark is not mark:
        earlier = {(each.path, each.inode): each.size for each in window.mark.files}
    between = window.since_epoch is not None and mark is window.late_mark
    positions = []
    for file in mark.files:
        if file.pattern in collector.file:
            low = file.size
            if between:
                low = max(earlier.get((file.path, file.inode), file.size - _BETWEEN_BYTES), file.size - SCAN_BYTES, 0)
            if collector.before and window.since_epoch is not None:
                low = max(min(low, file.size - _BEFORE_BYTES), 0)
            positions.append(_Position(file, min(low, file.size)))
    return positions


def _patterns_function(collector: Collector, mark: HostMark | None) -> str:
    marked = {file.pattern for file in mark.files} if mark else set()
    lines = [
        f"pattern {_yes_or_empty(path in marked)} {shell_quote(path)} {shell_quote_pattern(path)} || bad=1\n"
        for path in collector.file
    ]
    return "patterns() {\nbad=0\n" + "".join(lines) + 'return "$bad"\n}\n'


def _yes_or_empty(is_so: bool) -> str:
    return "yes" if is_so else "''"


def _marks_function(positions: list[_Position]) -> str:
    lines = [
        f'"$1" {each.file.inode} {each.file.size} {shell_quote(each.file.digest)} {each.low} '
        f"{shell_quote(each.file.path)}\n"
        for each in positions
    ]
    return "marks() {\n:\n" + "".join(lines) + "}\n"


def _late_function(collector: Collector, window: ResolvedWindow) -> str:
    """Tells of an inode where its file ended when the late mark came."""
    late = _late_mark(collector, window)
    files = late.files if late and window.kind != "none" else ()
    cases = "".join(f"{file.inode}) echo {file.size} ;;\n" for file in files if file.pattern in collector.file)
    return f"late() {{\ncase $1 in\n{cases}esac\n}}\n"


def _unmarked_function(collector: Collector, mark: HostMark | None) -> str:
    """Says of a path whether the mark could not see it: then it may be old although no mark knows it."""
    if mark is None:
        return ""
    unseen = [shell_quote_pattern(path) for path in collector.file if path not in mark.patterns]
    cases = "|".join(unseen + [shell_quote(path) for path in mark.unreadable])
    known = f"{cases}) ;;\n" if cases else ""
    return f"unmarked() {{\ncase $1 in\n{known}*) return 1 ;;\nesac\n}}\n"
