"""What a host printed -> the answer, and how it was read: its window, what was left out, what is not guaranteed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from FailTaleLibrary.records import WindowMethod
from FailTaleLibrary.text import decode
from FailTaleLibrary.windows.frames import split_frames, whole_number

_METHODS: dict[str, WindowMethod] = {
    "cursor": "journal cursor",
    "mark": "byte mark",
    "time": "time filter",
    "tail": "tail",
}
"""From the surest to the weakest: the weakest of several files is the answer's."""


@dataclass(frozen=True, slots=True)
class HostOutput:
    """One collector's answer as the host gave it: bytes are raw, neither sanitised nor redacted."""

    text: bytes
    """Whole lines within the cap; with several files each under its heading ``==> PATH <==``."""
    before: bytes
    """Lines from ahead of the window."""
    stderr: bytes
    """Of the command, without FailTale's own lines."""
    method: WindowMethod
    note: str
    """What the window could not guarantee, in sentences; may hold paths of the host, so redact it."""
    produced_bytes: int | None
    """What the source held for the window before filters and caps; None when it could not be counted."""
    omitted_bytes: int
    """What the caps removed of what `grep` let through."""
    omitted_lines: int
    is_unsure: bool
    """Some of `before` may belong to the window: the lines have no times and the window's mark came late."""
    filter_status: int | None
    """Of ``grep``: 0 found, 1 found nothing, 2 and more failed; None without one or when it did not finish."""


def parse_host_output(stdout: bytes, stderr: bytes, *, nonce: str) -> HostOutput:
    """Takes an answer apart; survives frames that are missing because the command was killed or stderr was cut.

    ``nonce``: what the script's frames bear; others are text.
    """
    told, before, own_stderr = _told(stderr, nonce)
    parts = _parts(stdout, nonce, cap=_last_number(told.get("cap")))
    kept = b"".join(part.body for part in parts)
    produced, skipped = _counted(told.get("produced")), _skipped(told)
    matched = _counted(told.get("matched")) if "grep" in told else produced
    if kept and produced == (0, 0):  # a host without /dev/fd cannot count
        produced = matched = None
    statuses = [status for each in told.get("grep", ()) if (status := whole_number(each)) is not None]
    return HostOutput(
        text=b"".join(part.heading + part.body for part in parts),
        before=before,
        stderr=own_stderr,
        method=_method(told),
        note=" ".join(_sentences(told, statuses)),
        produced_bytes=produced[1] + skipped if produced else None,
        omitted_bytes=max(0, matched[1] - len(kept)) if matched else 0,
        omitted_lines=max(0, matched[0] - kept.count(b"\n")) if matched else 0,
        is_unsure="unseen" in told,
        filter_status=None if not statuses else max(statuses) if max(statuses) > 1 else min(statuses),
    )


def _told(stderr: bytes, nonce: str) -> tuple[dict[str, list[str]], bytes, bytes]:
    """What the frames say by their word, the carried lines, and the stderr of the command itself."""
    told: dict[str, list[str]] = {}
    texts = {"carry": b"", "carried": b""}
    way = "carried"
    for piece in split_frames(stderr, nonce):
        if isinstance(piece, bytes):
            texts[way] += piece
        elif piece.word in texts:
            way = piece.word
        else:
            told.setdefault(piece.word, []).append(decode(piece.value).strip())
    return told, texts["carry"], texts["carried"]


@dataclass(frozen=True, slots=True)
class _Part:
    """What came of one file, or all of a command."""

    heading: bytes
    body: bytes


def _parts(stdout: bytes, nonce: str, *, cap: int | None) -> list[_Part]:
    """Each file's answer, without the torn first line where it fills its cap; none for a file that gave nothing."""
    parts, heading = [], b""
    for piece in split_frames(stdout, nonce):
        if isinstance(piece, bytes):
            parts.append(_Part(heading, _whole_lines(piece, cap)))
        elif piece.word == "heading":
            heading = b"==> " + piece.value + b" <==\n"
    return parts


def _whole_lines(body: bytes, cap: int | None) -> bytes:
    if cap is None or len(body) <= cap:
        return body
    _, found, rest = body.partition(b"\n")
    return rest if found and rest else body[-cap:]  # one line longer than all: its newest part


def _counted(told: list[str] | None) -> tuple[int, int] | None:
    """Sum of lines and of bytes; None when nothing was counted."""
    counts = [count for each in told or () if (count := _two_numbers(each)) is not None]
    return (sum(lines for lines, _ in counts), sum(size for _, size in counts)) if counts else None


def _two_numbers(told: str) -> tuple[int, int] | None:
    numbers = [whole_number(word) for word in told.split()]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        return None
    return numbers[0], numbers[1]


def _skipped(told: dict[str, list[str]]) -> int:
    return sum(whole_number(each.partition(" ")[0]) or 0 for each in told.get("skipped", ()))


def _last_number(told: list[str] | None) -> int | None:
    return whole_number(told[-1]) if told else None


def _method(told: dict[str, list[str]]) -> WindowMethod:
    words = {each.split(" ")[0] for each in told.get("method", ())}
    return next((_METHODS[word] for word in reversed(_METHODS) if word in words), "none")


def _sentences(told: dict[str, list[str]], statuses: list[int]) -> Iterator[str]:
    if "lost" in told and "locked" not in told:
        yield f"{_files(told['lost'])} truncated or deleted: what was written there until then is lost."
    if "locked" in told:
        yield f"{_files(told['locked'])} not unpacked: the host has no program for it."
    if "skipped" in told:
        yield f"Only the newest 8 MiB of {_names([each.partition(' ')[2] for each in told['skipped']])} were searched."
    if "timeless" in told:
        yield f"No line of {_names(told['timeless'])} has a time that FailTale knows: the newest lines are shown."
    if "early" in told:
        yield f"{_names(told['early'])}: read from a mark ahead of the window, so older lines may be among these."
    if "last" in told:
        yield (
            f"{_names(told['last'])} has no times and its mark came after the window's start: "
            "these are its last lines, older ones may be among them."
        )
    if "unseen" in told:
        yield (
            f"{_names(told['unseen'])} has no times and its mark came after the window's start: "
            "the last lines ahead of it may belong to the window."
        )
    if "coarse" in told:
        yield f"The times in {_names(told['coarse'])} have no fractions: the window's start is right to a second."
    if "utc" in told:
        yield f"The times in {_names(told['utc'])} were read as UTC, not in the host's zone."
    if "many" in told:
        yield f"Only the 100 newest files of {_names(told['many'])} were looked at."
    if "vacuumed" in told:
        yield "The journal's mark is no longer in it: its times were used instead."
    if statuses and max(statuses) > 1:
        yield "The filter 'grep' failed."


def _names(told: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in dict.fromkeys(told))


def _files(told: list[str]) -> str:
    return f"{_names(told)} {'was' if len(set(told)) == 1 else 'were'}"
