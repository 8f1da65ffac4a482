"""A running wrapper -> CommandResult: both streams drained, the newest bytes kept, clock and cancel event minded."""

from __future__ import annotations

import re
import secrets
import shlex
import threading
import time
from dataclasses import dataclass
from typing import Protocol

from FailTaleLibrary.transports.base import CommandResult, Script

# --- Script -> the command line that runs it on a host and leaves nothing behind, and what its report says

POLITE_S = 0.7
"""Between TERM and KILL."""
POLITE_WITH_SUDO_S = 2.8
"""The same for sudo, which gives its command 2 s before it uses force."""
FLUSH_S = 1.0
"""For the filters, once the producer is gone."""
REPORT_S = 0.3
"""For the report to travel."""

_SUDO = re.compile(r"\bsudo\b")

# File descriptors: 3 lifeline, 4 the answer, 5 statuses for the report, 6 a kept command's input.
#
# Groups are killed by `kill -SIG "-$group"`, the one spelling that the builtins of all three shells take. It must be
# the builtin: the `kill` of procps 4.0.2 reads `-12345` as `-1`, which is everybody.
WRAPPER = r"""
limit=$1 polite=$2 filters_limit=$3 mercy=$4 frame=$5 producer=$6 filters=$7
LC_ALL=C TERM=dumb SYSTEMD_COLORS=0 PAGER=cat
export LC_ALL TERM SYSTEMD_COLORS PAGER
printf '\036%s begins\n' "$frame"
exec 3<&0 4>&1 </dev/null
trap "" TERM ALRM

reach=child alone=
if [ "$(command -v kill)" = kill ]; then
  if command -v setsid; then reach=group alone=setsid; elif kill -0 "-$$"; then reach=session; fi
fi >/dev/null 2>&1

# end REACH PID POLITE: ends PID and all that it started; POLITE in tenths of a second.
ends='
nap() { sleep "$1" || sleep "$((${1%.*} + 1))"; }
end() {
  case $1 in group) all=-$2 ;; session) all=0 ;; child) all=$2 ;; esac
  kill -TERM "$all" || kill -TERM "$2"
  tenths=0
  while [ "$tenths" -lt "$3" ] && { kill -0 "$all" || kill -0 "$2"; }; do
    [ "$tenths" -ne 3 ] || kill -ALRM "$all"
    sleep 0.1 || { sleep 1; tenths=$((tenths + 9)); }
    tenths=$((tenths + 1))
  done
  kill -KILL "$all"
  kill -KILL "$2"
}
'
# Arguments: REACH NAME PID LIMIT MERCY POLITE; standard input is the lifeline.
guard='
trap "" PIPE
over() { end "$1" "$2" "$3"; [ "$1" != group ] || kill -KILL 0; }
(nap "$4"; echo "late=$2" >&5; over "$1" "$3" "$6") &
cat; nap "$5"
over "$1" "$3" "$6"
'
eval "$ends"

# kept NAME COMMAND LIMIT MERCY POLITE: runs COMMAND under guard, clears up after it and tells its status.
kept() {
  $alone sh -c "$2" <&6 3<&- 4>&- 5>&- 6<&- &
  pid=$!
  exec 2>/dev/null
  $alone sh -c "$ends$guard" failtale "$reach" "$1" "$pid" "$3" "$4" "$5" <&3 >/dev/null 3<&- 4>&- 6<&- &
  guard_pid=$!
  wait "$pid"
  status=$?
  while kill -0 "$pid"; do
    wait "$pid"
    status=$?
  done
  case $reach-$1 in
  group-*) end group "$pid" "$5"; kill -KILL "-$guard_pid" ;;
  session-producer) kill -TERM 0 ;;
  esac
  kill -KILL "$guard_pid"
  echo "$1=$status" >&5
}

# Of all that the wrapper starts, only the producer may feel the polite signals.
kept_producer() {
  trap : TERM ALRM
  kept producer "$producer" "$limit" 0 "$polite" 6</dev/null
}

{
  if [ -n "$filters" ]; then
    kept_producer | kept filters "$filters" "$filters_limit" "$mercy" 0 6<&0 >&4
  else
    kept_producer >&4
  fi
} 5>&1 | {
  trap "" PIPE # the client may be gone; the last line matters all the same
  report= missing=1
  [ -z "$filters" ] || missing=2
  while [ "$missing" -gt 0 ] && read -r line; do
    report="$report $line"
    case $line in late=*) ;; *) missing=$((missing - 1)) ;; esac
  done
  printf '\n\036%s%s\n' "$frame" "$report" >&2
  [ "$reach" != session ] || kill -KILL 0
}
"""

_REPORT = re.compile(rb"(late=|producer=|filters=)(\w+)")


@dataclass(frozen=True, slots=True)
class WrapperReport:
    """What the wrapper said at its end."""

    producer: int | None
    filters: int | None
    late: bool
    """A time limit struck."""


@dataclass(frozen=True, slots=True)
class WrappedScript:
    """A script in its wrapper."""

    words: tuple[str, ...]
    """What follows `sh`."""
    frame: bytes
    """Begins the report; random, so that no log line can forge one."""
    nonce: str
    """In the frames of the script itself."""
    patience_s: float
    """How long after the time limit a wrapper in good order reports at the latest."""

    @property
    def command_line(self) -> str:
        """For any login shell: it hands over to a POSIX one."""
        return f"exec sh {shlex.join(self.words)}"

    @property
    def beginning(self) -> bytes:
        """The wrapper's first line on stdout: what stands ahead of it is the login's own talk."""
        return self.frame.lstrip() + b" begins\n"

    def split_report(self, stderr: bytes) -> tuple[bytes, WrapperReport | None]:
        """stderr without the report, and the report; None while there is none."""
        start = stderr.rfind(self.frame)
        if start < 0 or b"\n" not in stderr[start + len(self.frame) :]:
            return stderr, None
        line = stderr[start + len(self.frame) :].split(b"\n")[0]
        told = dict(_REPORT.findall(line))
        report = WrapperReport(_status(told.get(b"producer=")), _status(told.get(b"filters=")), late=b"late=" in told)
        return stderr[:start], report


def wrap(script: Script, *, timeout_s: float) -> WrappedScript:
    """A script as it runs on a host: for at most ``timeout_s`` and a moment to clear up."""
    polite_s = POLITE_WITH_SUDO_S if _SUDO.search(script.producer) else POLITE_S
    name = f"FailTale {secrets.token_hex(8)}"
    mercy_s = polite_s + FLUSH_S
    limits = (f"{timeout_s:.3f}", f"{polite_s * 10:.0f}", f"{timeout_s + mercy_s:.3f}", f"{mercy_s:.3f}")
    nonce = secrets.token_hex(8)
    texts = (_with_nonce(script.producer, nonce), _with_nonce(script.filters, nonce))
    words = ("-c", WRAPPER, "failtale", *limits, name, *texts)
    return WrappedScript(words, b"\n\x1e" + name.encode(), nonce, mercy_s + REPORT_S)


def _with_nonce(text: str, nonce: str) -> str:
    """A text that makes frames, with their nonce; a user's own command makes none, and must not be able to."""
    return f"failtale_nonce={nonce}\n{text}" if "$failtale_nonce" in text else text


def _status(told: bytes | None) -> int | None:
    return int(told) if told else None


# --- A running wrapper -> CommandResult: both streams drained, the newest bytes kept, clock and cancel event m

STDERR_BYTES = 64 * 1024
"""Kept of stderr."""
STRAGGLERS_S = 1.0
"""How long a stream may be silent after the report: what left by `setsid` can hold it open for ever."""
_LOOK_UP_S = 0.05
"""How often the cancel event is looked at."""
_REPORT_ROOM = 256


class RunningCommand(Protocol):
    """A wrapper that runs on a host."""

    @property
    def ended(self) -> bool:
        """Whether both streams have ended and were read."""
        ...

    def read(self, wait_s: float) -> tuple[bytes, bytes]:
        """What came on stdout and stderr; waits at most ``wait_s`` for something to come."""
        ...

    def cancel(self) -> None:
        """Break the lifeline: the host then ends the script."""
        ...

    def why_no_report(self) -> str:
        """What is known of a wrapper that ended without its report."""
        ...


@dataclass(frozen=True, slots=True)
class EndedCommand:
    """How one went."""

    result: CommandResult
    in_order: bool
    """The host itself ended it; else nobody knows what state the connection is in."""


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


def run_to_end(
    running: RunningCommand, wrapped: WrappedScript, *, timeout_s: float, max_bytes: int, cancel: threading.Event
) -> EndedCommand:
    """Listen until the wrapper has reported and its streams have ended, at most until it must have reported."""
    return _Listener(running, wrapped, timeout_s=timeout_s, max_bytes=max_bytes, cancel=cancel).listen()


class _Listener:
    def __init__(
        self,
        running: RunningCommand,
        wrapped: WrappedScript,
        *,
        timeout_s: float,
        max_bytes: int,
        cancel: threading.Event,
    ) -> None:
        self._running = running
        self._wrapped = wrapped
        self._timeout_s = timeout_s
        self._cancel = cancel
        self._talk: bytearray | None = bytearray()
        """What the login said on stdout; None once the wrapper has begun."""
        self._stdout = NewestBytes(max_bytes)
        self._stderr = NewestBytes(STDERR_BYTES + _REPORT_ROOM)
        self._report: WrapperReport | None = None
        self._cancelled_after_s: float | None = None
        self._began = time.monotonic()
        self._deadline = self._began + timeout_s + wrapped.patience_s

    def listen(self) -> EndedCommand:
        quiet_since = self._began
        while not self._running.ended:
            now = time.monotonic()
            if now >= self._deadline or (self._report and now >= quiet_since + STRAGGLERS_S):
                break
            if self._cancel.is_set() and self._cancelled_after_s is None:
                self._let_go(now)
            if self._take(min(_LOOK_UP_S, self._deadline - now)):
                quiet_since = time.monotonic()
        return EndedCommand(self._result(), in_order=self._report is not None or self._running.ended)

    def _let_go(self, now: float) -> None:
        """Ask the host to end it; what it still holds may come, for the time that this takes."""
        self._cancelled_after_s = now - self._began
        self._deadline = min(self._deadline, now + self._wrapped.patience_s)
        self._running.cancel()

    def _take(self, wait_s: float) -> bool:
        stdout, stderr = self._running.read(wait_s)
        self._stdout.add(self._behind_the_talk(stdout))
        self._stderr.add(stderr)
        if stderr and self._report is None:
            _, self._report = self._wrapped.split_report(self._stderr.data)
        return bool(stdout or stderr)

    def _behind_the_talk(self, stdout: bytes) -> bytes:
        """What is the script's own: a login may print a greeting, or refuse in words, ahead of it."""
        if self._talk is None:
            return stdout
        self._talk += stdout
        _, begun, answer = self._talk.partition(self._wrapped.beginning)
        if begun:
            self._talk = None
            return bytes(answer)
        del self._talk[:-STDERR_BYTES]
        return b""

    def _result(self) -> CommandResult:
        stdout = self._stdout.data
        stderr, report = self._wrapped.split_report(self._stderr.data)
        if self._talk:
            stderr = bytes(self._talk) + stderr  # nothing began: its words are the reason
        elapsed_s = time.monotonic() - self._began
        return CommandResult(
            exit_status=report.producer if report else None,
            stdout=stdout,
            stderr=stderr[-STDERR_BYTES:],
            received_bytes=self._stdout.received + self._stderr.received,
            omitted_bytes=self._stdout.received - len(stdout),
            duration_s=elapsed_s,
            timed_out=report.late if report else elapsed_s >= self._timeout_s and self._cancelled_after_s is None,
            incomplete=self._incomplete(elapsed_s),
            filter_status=report.filters if report else None,
            nonce=self._wrapped.nonce,
        )

    def _incomplete(self, elapsed_s: float) -> str | None:
        if self._cancelled_after_s is not None:
            return f"cancelled after {self._cancelled_after_s:.1f} s"
        if self._report is not None:
            return None
        if not self._running.ended:
            return f"connection lost: the host was silent at the time limit, after {elapsed_s:.1f} s"
        return f"{self._running.why_no_report()} after {elapsed_s:.1f} s"
