"""The two streams of a visit -> the answer of each item, cut at the frames in which the host tells of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.transports.base import CommandResult, VisitItem
from FailTaleLibrary.transports.visit_times import BEAT_S, FLUSH_S, MOST_SLACK_S, polite_s, ticks

STDERR_BYTES = 64 * 1024
"""Kept of an item's stderr, by the host."""
_SLOW_BEAT_S = 0.1
"""A host whose half seconds take longer by so much is slow."""
_SLOWER_THAN_BEATS = 20
"""To end an item takes so many times as many programs as a beat."""
_MUCH_MORE, STRAY_BYTES, _FRAME_BYTES = 4, 1024 * 1024, 30
"""A host bounds what it sends. More than so many times an item's bound and a megabyte, or a megabyte outside of all
items (where a frame counts for 30 bytes), comes of one that does not do what it was asked for."""
STUCK = "timed out: it waits for a file system or a disk that hangs, and cannot be ended before that answers"
_ON_STDOUT = (b"part", b"rest")
"""The frames of an item's own scripts that do not go to stderr."""


class NewestBytes:
    """The newest bytes of a stream, and how many there were in all."""

    def __init__(self, max_bytes: int) -> None:
        self.received = 0
        self._max_bytes = max_bytes
        self._data = bytearray()

    def add(self, chunk: bytes) -> None:
        self.received += len(chunk)
        self._data += chunk
        if len(self._data) > 2 * self._max_bytes + 65536:  # not at each chunk: moving bytes costs time
            self._cut()

    @property
    def data(self) -> bytes:
        self._cut()
        return bytes(self._data)

    def _cut(self) -> None:
        del self._data[: max(0, len(self._data) - self._max_bytes)]


@dataclass(frozen=True, slots=True)
class Frame:
    """What the host sent beside the items' output, up to a line's end."""

    kind: str
    """``b`` an item begins, ``t`` half seconds since, ``d`` it cannot be ended, ``s`` its status, ``e`` it has ended,
    ``z`` the visit has."""
    words: tuple[str, ...]


class FrameSplitter:
    """Cuts a stream at its frames, wherever a chunk of it ends."""

    _LONGEST = 200

    def __init__(self, nonce: str) -> None:
        self._mark = f"\x1e{nonce} ".encode()
        self._data = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes | Frame]:
        """What a chunk completes: bytes that are no frame's, and frames."""
        self._data += chunk
        while (at := self._data.find(self._mark)) >= 0:
            end = self._data.find(b"\n", at + len(self._mark), at + self._LONGEST)
            if end < 0 and len(self._data) < at + self._LONGEST:
                yield from self._take(at)
                return
            if end < 0:  # whoever knows the nonce has begun a frame that does not end: so it is none
                yield from self._take(at + len(self._mark))
                continue
            yield from self._take(at)
            kind, *words = self._data[len(self._mark) : end - at].decode("ascii", "replace").split(" ")
            del self._data[: end - at + 1]
            yield Frame(kind, tuple(words))
        yield from self._take(len(self._data) - self._begun_mark())

    def rest(self) -> bytes:
        """What is left at the end of the stream."""
        return next(self._take(len(self._data)), b"")

    def _take(self, number: int) -> Iterator[bytes]:
        if number:
            taken = bytes(self._data[:number])
            del self._data[:number]
            yield taken

    def _begun_mark(self) -> int:
        """How many bytes at the end may be the beginning of a frame."""
        last = self._data.rfind(b"\x1e", -len(self._mark))
        return len(self._data) - last if last >= 0 and self._mark.startswith(self._data[last:]) else 0


class ItemAnswer:
    """What has come for one item."""

    def __init__(self, item: VisitItem, clock: Callable[[], float] = time.monotonic) -> None:
        self.item = item
        self._clock = clock
        self._stopped: float | None = None
        self.began = clock()
        self.stdout = NewestBytes(item.max_bytes)
        self.stderr = NewestBytes(STDERR_BYTES)
        self.status: int | None = None
        self.why = ""
        """``ended``, ``late`` or ``cancelled``; empty until its producer has ended."""
        self.is_stuck = False
        """Whether something that it has started waits where no signal reaches it."""
        self.ends = 0
        """On how many streams it has ended."""
        self.beat_late_s = 0.0
        """By how much the host's half seconds are too long, where that shows a slow host."""

    @property
    def elapsed_s(self) -> float:
        return (self._clock() if self._stopped is None else self._stopped) - self.began

    def stop(self) -> None:
        """It is complete: from now on it takes no longer."""
        self._stopped = self._clock()

    @property
    def is_late(self) -> bool:
        """Whether its time is up."""
        return self.elapsed_s > self.item.timeout_s + BEAT_S

    @property
    def behind_end_s(self) -> float:
        """How much later it is than a healthy host's end of an item whose time is up."""
        return self.elapsed_s - self.item.timeout_s - 2 * BEAT_S - polite_s(self.item.script.producer)

    def has_beaten(self, number: int) -> None:
        """The host has counted so many half seconds of it."""
        late_s = self.elapsed_s / max(1, number) - BEAT_S
        self.beat_late_s = late_s if late_s > _SLOW_BEAT_S else 0.0

    @property
    def slack_s(self) -> float:
        """What a host that counts so slowly needs beyond a healthy one."""
        most_s = self.item.timeout_s + MOST_SLACK_S
        return min(most_s, (ticks(self.item.timeout_s) + _SLOWER_THAN_BEATS) * self.beat_late_s)

    def is_overdue(self, slack_s: float) -> bool:
        """Whether the host should have ended it, or given up, long ago; ``slack_s``: what it has shown to need."""
        return self.behind_end_s > polite_s(self.item.script.producer) + FLUSH_S + max(self.slack_s, slack_s)

    @property
    def is_too_much(self) -> bool:
        """Whether far more has come than was asked for."""
        sizes = ((self.stdout.received, self.item.max_bytes), (self.stderr.received, STDERR_BYTES))
        return any(received > _MUCH_MORE * most + STRAY_BYTES for received, most in sizes)

    def ended(self, words: tuple[str, ...]) -> None:
        """The producer's status and why it ended, told by a frame."""
        if len(words) == 2 and words[0].isdigit() and len(words[0]) < 5:
            status = int(words[0])
            self.status = status if status < 256 else 128 + status % 128  # ksh93 adds 256 to a signal, yash 384
            self.why = words[1]

    def result(
        self, nonce: str, *, timed_out: bool = False, incomplete: str | None = None, is_mixed: bool = False
    ) -> CommandResult:
        """What came; an end of which nobody told the status is none that could be believed.

        ``is_mixed``: what is for stderr came on stdout.
        """
        if self.is_stuck and not self.stdout.received and (timed_out or self.why == "late"):
            incomplete = STUCK
        elif not (self.why or timed_out or incomplete):
            incomplete = f"the host did not say how the command ended, after {self.elapsed_s:.1f} s"
        stdout, told = self.stdout.data, b""
        if is_mixed:
            stdout, told = _unmixed(stdout, nonce)
        return CommandResult(
            exit_status=self.status,
            stdout=stdout,
            stderr=told + self.stderr.data,
            received_bytes=self.stdout.received + self.stderr.received,
            omitted_bytes=self.stdout.received - len(stdout) - len(told),
            duration_s=self.elapsed_s,
            timed_out=timed_out or self.why == "late",
            incomplete=incomplete,
            nonce=nonce,
        )


def _unmixed(data: bytes, nonce: str) -> tuple[bytes, bytes]:
    """An item's streams, which came as one -> what it printed, and what its scripts told beside."""
    printed, told, way = bytearray(), bytearray(), ""
    for number, piece in enumerate(re.split(rb"(\x1e%s [^\n]*\n)" % nonce.encode(), data)):
        word = piece.split(b" ")[1].split(b"\n")[0] if number % 2 else b""
        if word in _ON_STDOUT or not (word or way):
            printed += piece
            continue
        told += piece
        way = "carried" if word == b"carry" else "" if word == b"carried" else way
    return bytes(printed), bytes(told)


class AnswerReader:
    """The two streams of a visit -> the answers of its items, cut at the frames."""

    def __init__(self, nonce: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.items: Mapping[int, VisitItem] | None = None
        """By their numbers; None until they were sent: frames mean nothing before."""
        self.answers: dict[int, ItemAnswer] = {}
        """Of the items whose turn has come."""
        self.beside: int | None = None
        """The number of the item that runs beside the others of a batch: its turn is told behind theirs."""
        self.items_nonce = ""
        self._began_at: float | None = None
        """When the first item began, and the one beside it."""
        self._unsure: set[int] = set()
        """Of whom nobody knows whose errors came: the one beside the others, and whom something came with."""
        self.stray_bytes = 0
        """What came outside of all items."""
        self.host_minds_no_time = False
        """Whether the host has neither `sleep` nor a shell that knows time."""
        self.framed: set[str] = set()
        """The streams on which a frame has come."""
        self._clock = clock
        self._closed_streams = 0
        self._current: dict[str, int | None] = {"out": None, "err": None}
        self._splitters = {"out": FrameSplitter(nonce), "err": FrameSplitter(nonce)}

    @property
    def running(self) -> int | None:
        """The number of the item that runs."""
        return self._current["out"]

    @property
    def begun(self) -> set[int]:
        """The numbers of the items that have begun, told or not."""
        return {*self.answers, *(() if self._began_at is None or self.beside is None else (self.beside,))}

    def take_in_beside(self) -> None:
        """The time is up: what has begun beside the others may never be told."""
        for number in self.begun - self.answers.keys():
            if self.items is not None and number not in self._unsure:
                self._answer_of(number, self.items[number])

    @property
    def unsure_items(self) -> list[VisitItem]:
        """Those that have to be asked again: somebody printed errors while two ran."""
        return [item for number, item in (self.items or {}).items() if number in self._unsure]

    @property
    def is_finished(self) -> bool:
        """Whether the host has said that nothing more comes."""
        return self._closed_streams >= 2

    def feed(self, stream: str, chunk: bytes) -> Iterator[int]:
        """Take in a chunk of ``out`` or ``err``; the numbers of the items that are complete with it."""
        for piece in self._splitters[stream].feed(chunk):
            if isinstance(piece, bytes):
                self._add(stream, piece)
            elif (completed := self._obey(stream, piece)) is not None:
                yield completed

    @property
    def lacks_stderr(self) -> bool:
        """Whether the end of the visit was told on stdout, and stderr never came."""
        return self._closed_streams == 1 and self.framed == {"out"}

    def take_the_rest(self) -> None:
        """Of both streams, now that nothing more comes: the beginning of a frame was none."""
        for stream, splitter in self._splitters.items():
            self._add(stream, splitter.rest())

    def _add(self, stream: str, data: bytes) -> None:
        number = self._current[stream]
        if number is not None:
            answer = self.answers[number]
            (answer.stdout if stream == "out" else answer.stderr).add(data)
        else:
            self.stray_bytes += len(data)
            if stream == "err" and self.beside is not None:
                self._unsure.add(self.beside)

    def _obey(self, stream: str, frame: Frame) -> int | None:
        """Do what a frame says; the number of the item that is complete with it."""
        self.stray_bytes += _FRAME_BYTES
        self.framed.add(stream)
        if frame.kind == "z":
            self._closed_streams += 1
            return None
        if frame.kind == "l":
            self.host_minds_no_time = True
            return None
        if frame.kind == "t":
            if self.running is not None and frame.words and re.fullmatch(r"\d{1,6}", frame.words[0]):
                self.answers[self.running].has_beaten(int(frame.words[0]))
            return None
        if frame.kind == "d" and self.running is not None:
            self.answers[self.running].is_stuck = True
            return None
        number = int(frame.words[0]) if frame.words and re.fullmatch(r"\d{1,6}", frame.words[0]) else -1
        if self.items is None or number not in self.items:
            return None
        answer = self.answers.get(number) or self._answer_of(number, self.items[number])
        if frame.kind == "b":
            self._current[stream] = number
        elif frame.kind == "s":
            answer.ended(frame.words[1:])
        if frame.kind == "e" or (frame.kind == "s" and number == self.beside):
            self._current[stream] = None
            answer.ends += 1
            if stream == "err":
                self._doubt_errors(number, answer)
            return self._completed(number) if answer.ends == 2 else None
        return None

    def _answer_of(self, number: int, item: VisitItem) -> ItemAnswer:
        """One that is new."""
        answer = self.answers[number] = ItemAnswer(item, self._clock)
        self._began_at = answer.began if self._began_at is None else self._began_at
        if number == self.beside:
            answer.began = self._began_at
        return answer

    def _doubt_errors(self, number: int, answer: ItemAnswer) -> None:
        """What came on stderr while two items ran is of either."""
        if self.beside is not None and number != self.beside and self.has_errors(answer):
            self._unsure.update((number, self.beside))

    def has_errors(self, answer: ItemAnswer) -> bool:
        """Whether an item of a batch has printed on stderr, beside what the batch has told of it."""
        told = b"\x1e%s " % self.items_nonce.encode()
        return not all(line.startswith(told) for line in answer.stderr.data.splitlines())

    def _completed(self, number: int) -> int | None:
        """Unless it has to be asked for again, by itself."""
        if number in self._unsure:
            del self.answers[number]
            return None
        return number
