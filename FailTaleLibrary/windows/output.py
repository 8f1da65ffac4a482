"""What a host printed -> the answer, and how it was read: its window, what was left out, what is not guaranteed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from FailTaleLibrary.records import WindowMethod
from FailTaleLibrary.text import decode

_FRAME = re.compile(rb"\x1e(?:failtale ([a-z]+) ?([^\n]*)(?:\n|\Z)|\| ([^\n]*(?:\n|\Z)))")
_HEADING = re.compile(rb"^\x1e(==> [^\n]* <==\n)", re.MULTILINE)
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


def parse_host_output(stdout: bytes, stderr: bytes) -> HostOutput:
    """Takes an answer apart; survives frames that are missing because the command was killed or stderr was cut."""
    told = _told(stderr)
    text = _without_torn_lines(stdout, _last_number(told.get("cap")))
    produced, skipped = _counted(told.get("produced")), _skipped(told)
    matched = _counted(told.get("matched")) if "grep" in told else produced
    kept = _HEADING.sub(b"", text)
    if text and produced == (0, 0):  # a host without /dev/fd cannot count
        produced = matched = None
    statuses = [int(each) for each in told.get("grep", ()) if each.isdigit()]
    return HostOutput(
        text=_HEADING.sub(rb"\1", text),
        before=b"".join(line for _, _, line in _FRAME.findall(stderr)),
        stderr=_FRAME.sub(b"", stderr),
        method=_method(told),
        note=" ".join(_sentences(told, statuses)),
        produced_bytes=produced[1] + skipped if produced else None,
        omitted_bytes=max(0, matched[1] - len(kept)) if matched else 0,
        omitted_lines=max(0, matched[0] - kept.count(b"\n")) if matched else 0,
        is_unsure="unseen" in told,
        filter_status=None if not statuses else max(statuses) if max(statuses) > 1 else min(statuses),
    )


def _told(stderr: bytes) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for word, value, _ in _FRAME.findall(stderr):
        if word:
            told.setdefault(word.decode(), []).append(decode(value).strip())
    return told


def _without_torn_lines(stdout: bytes, cap: int | None) -> bytes:
    """The answer without the torn first line of each part that fills its cap, and without headings of nothing."""
    pieces = _HEADING.split(stdout)
    parts = [(b"", pieces[0]), *zip(pieces[1::2], pieces[2::2], strict=True)]
    return b"".join(_part(heading, body, cap) for heading, body in parts)


def _part(heading: bytes, body: bytes, cap: int | None) -> bytes:
    if cap is not None and len(body) > cap:
        _, found, rest = body.partition(b"\n")
        body = rest if found and rest else body[-cap:]  # one line longer than all: its newest part
    return b"\x1e" + heading + body if heading and body else body


def _counted(told: list[str] | None) -> tuple[int, int] | None:
    """Sum of lines and of bytes; None when nothing was counted."""
    counts = [tuple(map(int, each.split())) for each in told or () if re.fullmatch(r"\d+ \d+", each)]
    return (sum(lines for lines, _ in counts), sum(size for _, size in counts)) if counts else None


def _skipped(told: dict[str, list[str]]) -> int:
    return sum(int(each.split()[0]) for each in told.get("skipped", ()) if each[:1].isdigit())


def _last_number(told: list[str] | None) -> int | None:
    return int(told[-1]) if told and told[-1].isdigit() else None


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
