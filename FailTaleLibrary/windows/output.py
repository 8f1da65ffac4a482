"""What a host printed -> the answer, and how it was read: its window, what was left out, what is not guaranteed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from FailTaleLibrary.lazy import dataclass, replace
from FailTaleLibrary.records import LineTimes, LookBack, OwnTimeFormat, WindowMethod
from FailTaleLibrary.text import decode
from FailTaleLibrary.time_formats import FORMATS, KEYS, KEYS_OF_EVENTS
from FailTaleLibrary.windows.frames import Frame, split_frames, whole_number
from FailTaleLibrary.windows.look_back import parse_look_backs

_METHODS: dict[str, WindowMethod] = {
    "cursor": "journal cursor",
    "mark": "byte mark",
    "time": "time filter",
    "tail": "tail",
}
"""From the surest to the weakest: the weakest of several files is the answer's."""


@dataclass(frozen=True, slots=True)
class OutputPart:
    """Lines of one file that are alike in how sure it is that they belong to the window."""

    path: str
    text: bytes
    """Whole lines within the part's cap; each ends with a newline but perhaps the last of all."""
    is_unsure: bool
    """They may be older than the window: no mark and no time tells."""
    method: WindowMethod = "none"
    """How its window was found; ``none``: as that of the answer."""
    times: LineTimes | None = None
    """How its times were read, where the host says; of the collector's own format it says no more than that."""
    look_back: LookBack | None = None
    """What the file held before the window; its lines are numbered from the part's end."""
    came: tuple[int, int] | None = None
    """Lines and bytes of which the text is the newest; None where the host counts them."""


@dataclass(frozen=True, slots=True)
class HostOutput:
    """One collector's answer as the host gave it: bytes are raw, neither sanitised nor redacted."""

    parts: tuple[OutputPart, ...]
    """By file; of each first what is unsure. A command has one."""
    has_headings: bool
    """Whether several files were asked for, so that a reader must see whose lines are whose."""
    before: bytes
    """Lines from before the window."""
    stderr: bytes
    """Of the command, without FailTale's own lines."""
    method: WindowMethod
    note: str
    """What the window could not guarantee, in sentences; may hold paths of the host, so redact it."""
    has_unread: bool
    """Whether `note` tells of files that may hold lines of the window and could not be read."""
    produced_bytes: int | None
    """What the source held for the window before filters and caps; None when it could not be counted."""
    omitted_bytes: int
    """What the caps removed of what `grep` let through."""
    omitted_lines: int
    filter_status: int | None
    """Of ``grep``: 0 found, 1 found nothing, 2 and more failed; None without one or when it did not finish."""
    is_snapshot: bool = False
    """It tells how things stand, although it is no command's."""
    was: str = ""
    """How they stood when the window began, where the answer itself tells."""
    changed: tuple[tuple[str, str], ...] = ()
    """Its rows that changed in a way that is not ordinary for them: before and now, of which one may be empty."""

    @property
    def text(self) -> bytes:
        """All parts; with several files each file's below its heading ``==> PATH <==``."""
        return b"".join(text for _, text in self.blocks())

    @property
    def is_unsure(self) -> bool:
        return any(part.is_unsure for part in self.parts)

    def blocks(self) -> Iterator[tuple[OutputPart | None, bytes]]:
        """The headings (without a part) and the parts, in order."""
        path = None
        for number, part in enumerate(self.parts, 1):
            if self.has_headings and part.path != path:
                path = part.path
                yield None, f"==> {path} <==\n".encode("utf-8", "surrogateescape")
            is_last = number == len(self.parts)
            yield part, part.text if is_last or part.text.endswith(b"\n") else part.text + b"\n"


def parse_host_output(stdout: bytes, stderr: bytes, *, nonce: str) -> HostOutput:
    """Takes an answer apart; survives frames that are missing because the command was killed or stderr was cut.

    ``nonce``: what the script's frames bear; others are text.
    """
    pieces = list(split_frames(stderr, nonce))
    told, before, own_stderr = _told(pieces)
    look_backs = parse_look_backs(piece for piece in pieces if isinstance(piece, Frame))
    methods, times = _methods_of_files(told), _times_of_files(told)
    parts = tuple(_file_parts(_newest_in_one_piece(stdout, told, nonce), nonce, cap=_last_number(told.get("cap"))))
    if methods or times or look_backs:  # of a log
        parts = tuple(
            replace(
                part,
                method=methods.get(part.path, "none"),
                times=times.get(part.path),
                look_back=look_backs.get(f"{'unsure' if part.is_unsure else 'sure'} {part.path}"),
            )
            for part in parts
        )
    kept = b"".join(part.text for part in parts)
    produced, skipped = _produced(stdout, told, nonce), _skipped(told)
    came = _sum(part.came for part in parts)
    if "grep" in told:
        matched = _sum([_counted(told.get("matched")), came])
    else:
        matched = produced = _sum([produced, came])
    if kept and produced == (0, 0):  # a host without /dev/fd cannot count
        produced = matched = None
    statuses = [status for each in told.get("grep", ()) if (status := whole_number(each)) is not None]
    return HostOutput(
        parts=parts,
        has_headings="several" in told,
        before=before,
        stderr=own_stderr,
        method=_method(told),
        note=" ".join(_window_notes(told, parts, statuses)),
        has_unread=not told.keys().isdisjoint(_UNREAD),
        produced_bytes=produced[1] + skipped if produced else None,
        omitted_bytes=max(0, matched[1] - len(kept)) if matched else 0,
        omitted_lines=max(0, matched[0] - kept.count(b"\n")) if matched else 0,
        filter_status=None if not statuses else max(statuses) if max(statuses) > 1 else min(statuses),
    )


def _told(pieces: Sequence[Frame | bytes]) -> tuple[dict[str, list[str]], bytes, bytes]:
    """Of stderr: what the frames say by their word, the carried lines, and what the command itself printed."""
    told: dict[str, list[str]] = {}
    texts = {"carry": b"", "carried": b""}
    way = "carried"
    for piece in pieces:
        if isinstance(piece, bytes):
            texts[way] += piece
        elif piece.word in texts:
            way = piece.word
        else:
            told.setdefault(piece.word, []).append(decode(piece.value).strip())
    return told, texts["carry"], texts["carried"]


def _produced(stdout: bytes, told: dict[str, list[str]], nonce: str) -> tuple[int, int] | None:
    """Lines and bytes of all output; of a command, the host counts only what did not come whole."""
    if "whole" in told:
        return stdout.count(b"\n"), len(stdout)
    if (rest := _counted(told.get("rest"))) is None:
        return _counted(told.get("produced"))
    beginning, _ = _halves(stdout, nonce)
    return beginning.count(b"\n") + rest[0], len(beginning) + rest[1]


def _newest_in_one_piece(stdout: bytes, told: dict[str, list[str]], nonce: str) -> bytes:
    """The newest output in one piece: the beginning only where nothing is missing behind it.

    Of a connection that was cut in the middle of the newest, it may be all that came whole.
    """
    rest = _counted(told.get("rest"))
    beginning, newest = _halves(stdout, nonce)
    if not newest or (rest is not None and rest[1] == len(newest)):
        return beginning + newest
    return newest if rest is not None or newest.count(b"\n") > 1 else beginning


def _halves(stdout: bytes, nonce: str) -> tuple[bytes, bytes]:
    """What a command printed first, and the newest of what it printed then (`pass` in `on_host/frames.sh`)."""
    beginning, _, newest = stdout.partition(f"\x1e{nonce} rest\n".encode()) if nonce else (stdout, b"", b"")
    return beginning, newest


def _file_parts(stdout: bytes, nonce: str, *, cap: int | None) -> Iterator[OutputPart]:
    """Each part's lines, without the torn first one where they fill the cap; none of which nothing came."""
    path, is_unsure, lines, is_entire = "", False, None, False
    for piece in split_frames(stdout, nonce):
        if isinstance(piece, bytes):
            came = (piece.count(b"\n"), len(piece)) if is_entire else None
            yield OutputPart(path, _whole_lines(_newest_lines(piece, lines), cap), is_unsure, came=came)
        elif piece.word in ("part", "entire"):
            kind, told_cap, path = [*piece.value.decode("utf-8", "surrogateescape").split(" ", 2), "", ""][:3]
            cap, is_unsure, is_entire, lines = whole_number(told_cap), kind == "unsure", piece.word == "entire", None
            if is_entire:  # few bytes come as they are, for each filter costs the host a program
                told_lines, _, path = path.partition(" ")
                lines = whole_number(told_lines)


def _newest_lines(text: bytes, lines: int | None) -> bytes:
    if lines is None or text.count(b"\n") + (not text.endswith(b"\n")) <= lines:
        return text
    ended = text.endswith(b"\n")
    return b"\n".join(text.removesuffix(b"\n").split(b"\n")[-lines:]) + b"\n" * ended if lines else b""


def _whole_lines(text: bytes, cap: int | None) -> bytes:
    if cap is None or len(text) <= cap:
        return text
    text = text[-cap - 1 :]
    _, found, rest = text.partition(b"\n")
    return rest if found and rest else text[-cap:] if cap else b""  # one line longer than all: its newest part


def _counted(told: list[str] | None) -> tuple[int, int] | None:
    """Sum of lines and of bytes; None when nothing was counted."""
    counts = [count for each in told or () if (count := _two_numbers(each)) is not None]
    return (sum(lines for lines, _ in counts), sum(size for _, size in counts)) if counts else None


def _sum(counts: Iterable[tuple[int, int] | None]) -> tuple[int, int] | None:
    """Of lines and of bytes; None where there are none."""
    known = [each for each in counts if each is not None]
    return (sum(lines for lines, _ in known), sum(size for _, size in known)) if known else None


def _two_numbers(told: str) -> tuple[int, int] | None:
    numbers = [whole_number(word) for word in told.split()]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        return None
    return numbers[0], numbers[1]


def _skipped(told: dict[str, list[str]]) -> int:
    return sum(whole_number(each.partition(" ")[0]) or 0 for word in _COUNTED for each in told.get(word, ()))


def _last_number(told: list[str] | None) -> int | None:
    return whole_number(told[-1]) if told else None


def _method(told: dict[str, list[str]]) -> WindowMethod:
    words = {each.split(" ")[0] for each in told.get("method", ())}
    return next((_METHODS[word] for word in reversed(_METHODS) if word in words), "none")


def _methods_of_files(told: dict[str, list[str]]) -> dict[str, WindowMethod]:
    pairs = (each.partition(" ") for each in told.get("method", ()))
    return {path: _METHODS[word] for word, _, path in pairs if path and word in _METHODS}


def _times_of_files(told: dict[str, list[str]]) -> dict[str, LineTimes]:
    """By path: the row, the key or the collector's own format that the host has found, and the zone."""
    found: dict[str, LineTimes] = {}
    for each in told.get("times", ()):
        kind, seconds, path = [*each.split(" ", 2), "", ""][:3]
        number, row = whole_number(seconds.lstrip("-")), whole_number(kind)
        offset_s = -(number or 0) if seconds.startswith("-") else number or 0
        if row is not None and 1 <= row <= len(FORMATS):
            found[path] = LineTimes(format=FORMATS[row - 1].name, utc_offset_s=offset_s)
        elif kind.startswith("=") and kind[1:] in (*KEYS, *KEYS_OF_EVENTS):
            found[path] = LineTimes(key=kind[1:], utc_offset_s=offset_s)
        elif kind == "own":
            found[path] = LineTimes(own=OwnTimeFormat(), utc_offset_s=offset_s)
        elif kind == "-":
            found[path] = LineTimes()
    return found


_NOTES = {
    "locked": "{} could not be unpacked: the host has no program for it.",
    "broken": "{} could not be unpacked: it is damaged, or not yet whole.",
    "sealed": "{} is a rotated copy that the user may not read: lines of the window may be in it.",
    "replaced": "{} is no regular file any more: what was written there until then is lost, unless it was rotated.",
    "inplace": "{} was written to without growing since its mark: lines of the window may be anywhere in it.",
    "linked": "{} leads over a link to what the link's owner does not own: the host's gate does not follow it.",
    "strange": "A file name that goes on in a second line was left out: {}.",
    "skipped": "Only the newest 8 MiB of {} were searched.",
    "beyond": "More was written to {} in the window than can be read in time: older lines of it were not read.",
    "fresh": "{} begins within the window and no mark tells of an earlier one: what was rotated is not here.",
    "untold": "{} was written in the window, but no time in it tells of that.",
    "timeless": "FailTale knows no time of most lines of {}.",
    "stray": "The times in {} were not used: they do not fit the moment of its last write.",
    "undated": "The times in {} have no date: lines of another day may be among these.",
    "coarse": "The times in {} have no fractions: the window's start is right to a second.",
    "minutes": "The times in {} have no seconds: the window's start is right to a minute.",
    "utc": "The times in {} were read as UTC, not in the host's zone.",
    "created": "Created in the window: {}. If there was a container of that name before, its log is gone.",
    "unlogged": "The engine keeps no log of {} that could be read: that depends on its log driver.",
    "many": "Only the 1000 newest files of {} were looked at.",
}
"""What a host tells of its files, in the reader's words."""
_COUNTED = ("skipped", "beyond")
"""Of these the number of bytes stands ahead of the path."""
_UNREAD = ("unread", "beyond", "lost", "unlogged", "locked", "broken", "sealed", "replaced", "strange", "inplace")
"""Of these: lines of the window may have been written where nobody could read them."""


def _window_notes(told: dict[str, list[str]], parts: tuple[OutputPart, ...], statuses: list[int]) -> Iterator[str]:
    if "lost" in told and told.keys().isdisjoint(("locked", "broken")):
        lost = _quoted_names(told["lost"])
        was = "was" if len(set(told["lost"])) == 1 else "were"
        yield (
            f"{lost} {was} truncated, deleted or rotated to where no copy was found: what was written there "
            "until then is lost. If it is rotated, write beside 'file' where its copies lie: "
            f"{_archive_to_write(told['lost'])}."
        )
    for word, sentence in _NOTES.items():
        if word in told:
            yield sentence.format(_quoted_names([_path_of(word, each) for each in told[word]]))
    for zone, names in _by_zone(told.get("zoned", ())).items():
        yield f"The times in {_quoted_names(names)} were read as {zone}: so they fit when it was last written."
    if unread := sum(whole_number(each) or 0 for each in told.get("unread", ())):
        yield f"{unread} more files were written and not read: to find where the window begins in each takes too long."
    yield from dict.fromkeys(told.get("remark", ()))
    yield from _clock_notes(told)
    unsure = [part for part in parts if part.is_unsure]
    if unsure:
        lines = sum(part.text.count(b"\n") or 1 for part in unsure)
        files = _quoted_names([part.path for part in unsure if part.path != "journal"])
        yield f"{_unsure(lines)} older than the window{f' ({files})' if files else ''}: nothing tells exactly."
    if "vacuumed" in told:
        yield "The journal's mark is no longer in it: its times were used instead."
    if statuses and max(statuses) > 1:
        yield "The filter 'grep' failed."


def _archive_to_write(paths: list[str]) -> str:
    """The setting that names the copies of these logs, but for their folder, which nobody here knows."""
    names = dict.fromkeys(re.sub(r"(.)[.][A-Za-z]+$", r"\1", path.rpartition("/")[2]) for path in paths)
    patterns = [f"/FOLDER/{name}*" for name in names]
    return f"'archive: {patterns[0] if len(patterns) == 1 else '[' + ', '.join(patterns) + ']'}'"


def _unsure(lines: int) -> str:
    return "The first line may be" if lines == 1 else f"The first {lines:,} lines may be"


def _path_of(word: str, told: str) -> str:
    return told.partition(" ")[2] if word in (*_COUNTED, "stray") else told


def _clock_notes(told: dict[str, list[str]]) -> Iterator[str]:
    """That a log's own clock is apart from the host's, where the host says how far."""
    for each in dict.fromkeys(told.get("lies", ())):
        seconds, _, path = each.partition(" ")
        yield f"The times in '{path}' bear a zone and are {_apart(seconds)} its last write: read as they fit it."
    for each in dict.fromkeys(told.get("apart", ())):
        seconds, _, path = each.partition(" ")
        if seconds.startswith("="):
            yield f"The clock of '{path}' is {_apart(seconds[1:])} the host's, by its marks and its last write."
        else:
            late = "" if seconds.startswith("-") else ", or it is written late"
            yield f"The clock of '{path}' seems to be {_apart(seconds)} the host's{late}: its times are not exact."


def _apart(seconds: str) -> str:
    """``62 s behind``, ``1 h ahead of``, of a number that a host told."""
    number = whole_number(seconds.lstrip("-")) or 0
    return f"{number} s {'ahead of' if seconds.startswith('-') else 'behind'}"


def _by_zone(told: Iterator[str] | list[str] | tuple[()]) -> dict[str, list[str]]:
    zones: dict[str, list[str]] = {}
    for each in told:
        seconds, _, path = each.partition(" ")
        number = whole_number(seconds.lstrip("-"))
        if number is not None:
            sign = "-" if seconds.startswith("-") else "+"
            zones.setdefault(f"UTC{sign}{number // 3600:02d}:{number // 60 % 60:02d}", []).append(path)
    return zones


def _quoted_names(told: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in dict.fromkeys(told))
