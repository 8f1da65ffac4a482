"""What a run and its keeper tell each other: tuples, pickled, each behind its length.

Both ends are the same program of the same user, and nobody else holds an end of the two pipes.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import IO, Any

from FailTaleLibrary.lazy import dataclass, replace
from FailTaleLibrary.transports import Question, VisitItem
from FailTaleLibrary.windows.place_marks import Place, ToldMarks

_LENGTH = struct.Struct(">I")
Message = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that the keeper would have logged, for the log of the run."""

    logger: str
    thread: str
    created: float
    text: str


@dataclass(frozen=True, slots=True)
class News:
    """What a keeper tells beside its answers: how it stands with marks and connections since it last told."""

    marks: Mapping[Place, ToldMarks]
    opened: Mapping[str, int]
    """Host -> connections so far."""
    lines: tuple[LogLine, ...] = ()


def framed(message: Message) -> bytes:
    """A message as it travels."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


def messages_in(received: bytearray) -> Iterator[Message]:
    """Whole messages at the head of what has been received, which are taken from it."""
    while len(received) >= _LENGTH.size:
        end = _LENGTH.size + _LENGTH.unpack_from(received)[0]
        if len(received) < end:
            return
        message = pickle.loads(memoryview(received)[_LENGTH.size : end].tobytes())  # noqa: S301 - from ourselves
        del received[:end]
        yield message


def read_message(stream: IO[bytes]) -> Message | None:
    """The next message; None at the stream's end."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    size = _LENGTH.unpack(head)[0]
    data = stream.read(size)
    return pickle.loads(data) if len(data) == size else None  # noqa: S301 - from ourselves


def sendable(items: Sequence[VisitItem], *, has_gate: bool) -> list[VisitItem]:
    """Items that can be pickled: a gate's question is put now, where there is a gate."""
    return [replace(item, script=replace(item.script, question=_question_of(item, has_gate))) for item in items]


def _question_of(item: VisitItem, has_gate: bool) -> Any:
    asked = item.script.question
    return partial(_put_before, asked()) if has_gate and asked is not None else None


def _put_before(question: Question) -> Question:
    return question
