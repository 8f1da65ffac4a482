"""A lane: one shell of a visit, from its command line to the end of its items."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Collection, Iterable
from datetime import datetime, timezone

from FailTaleLibrary.text import decode, shorten
from FailTaleLibrary.transports.base import VisitStart
from FailTaleLibrary.transports.gates import gate_command_line, made_from
from FailTaleLibrary.transports.visit_answers import STRAY_BYTES, AnswerReader, ItemAnswer
from FailTaleLibrary.transports.visit_host import KnownLogin, Shell
from FailTaleLibrary.transports.visit_request import MakeRequest, command_line, opening

TEXT_WITHIN_S = 20
"""How long a shell waits for its text, behind a prefix or where a connection fell silent; the client's own patience is
shorter."""
_START_WITHIN_S = 3.0
"""Behind a hello, of a shell that was sent everything ahead. Where it only was slow, it is waited for from then on."""
_CLOCK_WITHIN_S = 2.0
"""For the clock, once its shell has begun: one whose `date` hangs is asked without. `visit.sh` waits as long."""
_OTHER_STREAM_S = 0.3
"""For a hello to come on stdout as well, once it has come on stderr."""
_CHUNK_BYTES = 32 * 1024
_TALK_BYTES = 64 * 1024
_LAST_WORDS_BYTES = 1000
WORDS_SHOWN = 300
"""Of what a login says, to a reader."""


class Lane:
    """One shell of a visit: what it was sent, what it said, and how far it is."""

    def __init__(
        self, make_request: MakeRequest, login: KnownLogin, *, lasts_s: float, expected: VisitStart | None = None
    ) -> None:
        """``make_request`` is called with the nonces when the shell is ready, or now with what is ``expected``.

        ``lasts_s``: how long its host waits for that at most.
        """
        self._hello = (secrets.randbelow(900_000) + 100_000, secrets.randbelow(900_000) + 100_000)
        self._nonce = secrets.token_hex(8)
        self.items_nonce = secrets.token_hex(8)
        """In the frames of the items' own scripts."""
        self._login = login
        self.known = known = login.wants_all_at_once
        """Whether it will say hello."""
        self.to_gate = login.has_gate
        """Whether the other end holds all texts itself."""
        self._make_request = make_request
        self._expected = expected
        self._ahead = make_request((self._nonce, self.items_nonce), expected) if expected else None
        self.request = self._ahead
        """What it has been sent."""
        if self.to_gate:
            self._opening = self._ahead.to_gate if self._ahead else b""
        else:
            self._opening = opening(self._hello, self._ahead, lasts_s=lasts_s)
        self._to_send = self._opening if known else b""
        self._sent_at = datetime.now(timezone.utc)
        self.reader = AnswerReader(self._nonce)
        self.batched: Collection[int] = ()
        """Numbers of items that share a session."""
        self.shell: Shell
        waits_s = TEXT_WITHIN_S if login.is_program or login.fell_silent else None
        ends = "0" if login.is_program else "$$"  # a server may start shells in its own group
        start = "sh" if login.lacks_exec else "exec sh"
        shell_line = command_line(self._hello, len(self._opening), waits_s=waits_s, ends=ends, start=start)
        self.command_line = gate_command_line(self._hello) if self.to_gate else shell_line
        self.began = self.heard_at = time.monotonic()
        """`heard_at`: when something came last."""
        self.opened_at = math.inf
        """When its command line had been sent."""
        self.is_misled = False
        """Whether it was sent items for another clock than the host's."""
        self.talk = bytearray()
        """What the login said by itself."""
        self._last_words = {"out": b"", "err": b""}
        self._printed = bytearray()
        """What came on stdout ahead of the start and is not understood yet."""
        self._ahead_of_hello = b""
        """What stood on the hello's line before it."""
        self.changed = ""
        """In which words a filter in the login shows; empty where output comes as it was printed."""
        self.is_mixed = False
        """Whether stderr comes on stdout."""
        self._early_stderr = b""
        """What was read of stderr before the start was read on stdout: the frames of the first items may be in it."""
        self._is_swapped = login.swaps_streams
        """Whether stdout comes as stderr."""
        self._hello_on_stderr_at = math.inf
        self.said_hello = False
        self.hello_at = math.inf
        self._began_at = math.inf
        """When its shell said its first word behind the hello."""
        self.is_hung_up = False
        self.is_doubted = False
        """Whether it was hung up on because it said no hello."""
        self.patience_s = math.inf if login.hello_behind_end_s is None else 2 * login.hello_behind_end_s
        """For the hello of a login that may wait for input: such a one is not hung up on again."""

    @property
    def was_sent_ahead(self) -> bool:
        """Whether its text and its items went together: its host was visited before."""
        return self._ahead is not None

    @property
    def answers(self) -> dict[int, ItemAnswer]:
        """Of the items whose turn has come."""
        return self.reader.answers

    @property
    def last_words(self) -> Iterable[bytes]:
        """The end of what the login said on each stream: which of two came first, nobody knows."""
        return self._last_words.values()

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to come."""
        return self.reader.is_finished or self.shell.ended

    @property
    def is_ready(self) -> bool:
        """Whether it has told the host's clock and knows its items."""
        return self.reader.items is not None

    @property
    def is_finished(self) -> bool:
        """Whether the host has said so."""
        return self.reader.is_finished

    @property
    def is_flooded(self) -> bool:
        """Whether the host sends far more than it was asked for."""
        return self.reader.stray_bytes > STRAY_BYTES or any(answer.is_too_much for answer in self.answers.values())

    @property
    def running(self) -> int | None:
        """The number of the item that runs."""
        return self.reader.running

    @property
    def is_minded_by_client(self) -> bool:
        """Whether nobody on the host minds the limit of the item that runs."""
        return self.running in self.batched or self.reader.host_minds_no_time

    @property
    def is_at_rest(self) -> bool:
        """Whether no item runs in it, and nobody has hung up."""
        return self.reader.running is None and not self.is_hung_up

    @property
    def said_hello_in_other_words(self) -> bool:
        """Whether its sum has come, but not as the shell printed it."""
        is_there = f"failtale {sum(self._hello)}".encode() in self.talk
        return is_there and not self.said_hello and math.isinf(self._hello_on_stderr_at)

    @property
    def ended_early(self) -> bool:
        """Whether its shell ended by itself, between its hello and its work."""
        return self.said_hello and not (self.is_ready or self.is_hung_up or self.shell.was_cut or self.is_misled)

    @property
    def was_broken_off(self) -> bool:
        """Whether its shell has gone, for a reason that is not ours, with work in hand."""
        return self.request is not None and self.shell.ended and not (self.is_finished or self.is_hung_up)

    @property
    def lacks_what_was_sent(self) -> bool:
        """Whether its shell waits for what its login took: all was sent ahead, and it has said nothing but hello."""
        if not self.known or self.to_gate or not self.said_hello or self.is_ready or self.is_misled or self.is_hung_up:
            return False
        is_late = time.monotonic() - self.hello_at > _START_WITHIN_S
        return is_late and not (self.has_more_to_send or self.shell.ended or self._began_at < math.inf)

    def was_not_listened_to(self, seconds: float) -> None:
        """So long this machine was busy: that is no time which the host has taken."""
        self.began += seconds
        self.opened_at += seconds
        self.hello_at += seconds
        self._began_at += seconds

    @property
    def has_more_to_send(self) -> bool:
        return bool(self._to_send)

    def send(self) -> None:
        while self._to_send:
            taken = self.shell.write(self._to_send[:_CHUNK_BYTES])
            if not taken:
                return
            self._to_send = self._to_send[taken:]

    def hang_up(self) -> None:
        if not self.is_hung_up:
            self.is_hung_up = True
            self._to_send = b""
            self.shell.hang_up()

    def take(self) -> list[tuple[int, ItemAnswer]]:
        """Take in what has come; the answers that it completed."""
        stdout, stderr = self._read()
        if stdout or stderr:
            self.heard_at = time.monotonic()
        done: list[tuple[int, ItemAnswer]] = []
        if stdout and self.reader.items is None:
            stdout = self._take_talk(stdout)
        if stderr and self.reader.items is None:
            self._listen("err", stderr)
            self._early_stderr = (self._early_stderr + stderr)[-_TALK_BYTES:]
            stderr = b""
        elif self._early_stderr and self.reader.items is not None:
            stderr, self._early_stderr = self._early_stderr + stderr, b""
        if self.is_ready and self._first_word in stderr:  # what stands ahead of it is the login's
            stderr = stderr.partition(self._first_word)[2]
        if self.is_ready and self._first_word in stdout:
            stdout = stdout.replace(self._first_word, b"", 1)
            if not self.is_mixed:
                self._is_mixed_late()
                return []
        for stream, chunk in (("out", stdout), ("err", stderr)):
            done += [(number, self.answers[number]) for number in self.reader.feed(stream, chunk)]
        return done

    def _is_mixed_late(self) -> None:
        """Standard error comes on stdout, by a program of the login's; what it told of the items would be as late."""
        self._login.mixes_streams = self.is_misled = True

    def _read(self) -> tuple[bytes, bytes]:
        """What has come on stdout and on stderr, however its login names them."""
        stdout, stderr = self.shell.read()
        if self._is_swapped:
            stdout, stderr = stderr, stdout
        if not self._has_other_names(stderr):
            return stdout, stderr
        self._is_swapped = self._login.swaps_streams = not self._is_swapped
        stdout, stderr = bytes(self._printed) + stdout, self._early_stderr + stderr
        self._printed, self._early_stderr, self.talk = bytearray(), b"", bytearray()  # all is taken in anew
        return stderr, stdout

    def _has_other_names(self, stderr: bytes) -> bool:
        """Whether its hello has come on stderr alone: stderr is then its stdout, and perhaps its stderr as well."""
        if self.said_hello or not (stderr or self._early_stderr):
            return False
        if math.isinf(self._hello_on_stderr_at):
            if self._hello_line not in self._early_stderr + stderr:
                return False
            self._hello_on_stderr_at = time.monotonic()
        return time.monotonic() - self._hello_on_stderr_at > _OTHER_STREAM_S or self.shell.ended

    def _take_talk(self, chunk: bytes) -> bytes:
        """Look for the hello and for the start of the visit; what came behind it is the items' own."""
        self._listen("out", chunk)
        self._printed += chunk
        del self._printed[:-_TALK_BYTES]
        if not self.said_hello:
            self._look_for_the_hello()
        return self._look_for_the_start() if self.said_hello else b""

    def _listen(self, stream: str, chunk: bytes) -> None:
        self.reader.stray_bytes += len(chunk)
        self.talk += chunk
        self._last_words[stream] = (self._last_words[stream] + chunk)[-_LAST_WORDS_BYTES:]
        del self.talk[:-_TALK_BYTES]
        if math.isinf(self._began_at) and self._first_word in self.talk:
            self._began_at = time.monotonic()
            if not (self.is_doubted or self._login.hello_behind_end_s is not None):  # else it waited for its input
                self._login.began_within(self._began_at - self.opened_at)

    def _look_for_the_hello(self) -> None:
        before, hello, self._printed = self._printed.partition(self._hello_line)
        if not hello:
            self._printed = before
            return
        self._ahead_of_hello = bytes(before.rpartition(b"\n")[2])
        self.talk = self.talk.replace(hello, b"", 1)
        self.said_hello, self.hello_at = True, time.monotonic()
        if self.is_doubted or not self.is_hung_up:
            self._login.hello_behind_end_s = time.monotonic() - self.began if self.is_doubted else None
        if not self.known and not self.to_gate and not self.is_hung_up:
            self._to_send = self._opening
            self._sent_at = datetime.now(timezone.utc)

    def _look_for_the_start(self) -> bytes:
        if self._first_word in self._printed:  # it may stand within the start's line, too
            self._login.mixes_streams = True
            self._printed = self._printed.replace(self._first_word, b"", 1)
        before, _, told = self._printed.partition(self._start_mark)
        line, newline, behind = told.partition(b"\n")
        if not newline or self.is_hung_up:
            return b""
        self._start(before, line)
        return bytes(behind) if self.is_ready else b""

    def _start(self, before: bytearray, line: bytearray) -> None:
        """The host says that it is ready, and its clock, if it can tell it."""
        manner, _, reading = decode(bytes(line[:200])).partition(" ")
        clock, _, zone = reading.partition(" ")
        self._login.gate_digest = made_from(before) or self._login.gate_digest
        self.talk = self.talk.partition(self._start_mark)[0]
        self._look_for_filters(before)
        start = VisitStart(clock, zone, self._sent_at, datetime.now(timezone.utc))
        if not clock and self._expected is not None:
            start = self._expected  # nobody tells otherwise
        self.is_misled = self._expected is not None and not start.agrees_with(self._expected)
        if self._ahead is not None and self._ahead.batched and self.is_mixed:
            self.is_misled = True  # its items share a session
        if manner == "direct":
            self._login.saw(start)
        if self.is_misled:
            return
        self.request = request = self._ahead or self._make_request((self._nonce, self.items_nonce), start)
        self.reader.items, self.batched = request.items, request.batched
        self.reader.beside, self.reader.items_nonce = request.beside, self.items_nonce
        self._to_send += b"" if self._ahead else request.text

    @property
    def _hello_line(self) -> bytes:
        return b"failtale %d\n" % sum(self._hello)

    @property
    def _first_word(self) -> bytes:
        return b"\x1efailtale %d stderr\n" % sum(self._hello)

    @property
    def _start_mark(self) -> bytes:
        return b"\x1efailtale %d ready " % sum(self._hello)

    @property
    def lacks_clock(self) -> bool:
        """Whether the host is ready but for its clock, which is a program's to tell, and that takes too long."""
        if self.is_ready or self.is_misled or self.is_hung_up or self._ahead is not None:
            return False
        return time.monotonic() - self._began_at > _CLOCK_WITHIN_S

    def start_without_clock(self) -> None:
        """What the host still says of it is no item's."""
        before, _, _ = self._printed.partition(self._start_mark)
        self._start(before, bytearray())
        self._printed.clear()

    def _look_for_filters(self, before: bytearray) -> None:
        """What the login does with output, from what came between hello and start."""
        self.is_mixed = self._login.mixes_streams
        if (
            self._ahead_of_hello.strip() and before.rpartition(b"\n")[2].strip()
        ):  # start-up files may leave one line open
            words = shorten(decode(self._ahead_of_hello + b"failtale %d" % sum(self._hello)), WORDS_SHOWN)
            self.changed = (
                f"a filter in the login changes what is printed: 'failtale {sum(self._hello)}' became '{words}'"
            )

    @property
    def started_in_other_words(self) -> bool:
        """Whether its start has come, but not as the shell printed it."""
        return not self.is_ready and self._start_mark[1:] in self._printed and self._start_mark not in self._printed
