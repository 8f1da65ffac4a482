"""Script -> the command line that runs it on a host and leaves nothing behind, and what its report says.

The wrapper needs a POSIX shell (dash, bash, BusyBox ash), `cat` and `sleep`; nothing is written on the host. Producer
and filters run in sessions of their own (`setsid`), so that one `kill` reaches all of each. A guard beside each ends it

- when its time is up: a limit that holds on the host though the client is gone or the network is silent;
- when the lifeline breaks: the wrapper's standard input, which the client keeps open and never writes to. Closing it
  is how a client cancels; a lost connection closes it as well.

The producer goes first, so that its filters see its end and still pass on what they hold; then they go. `kill -TERM`
comes first, because sudo passes it on to its command; `-ALRM` lets sudo use force on it; `-KILL` is for the rest. At
the end the wrapper reports both exit statuses in a frame on stderr.

What can survive: what leaves by `setsid`, and what a *root* command under sudo started itself (`sudo sh -c 'a; b'`), as
sudo signals nobody but its command and the SSH user may not; it then also keeps the filters from passing on what they
hold. On a host without `setsid` the SSH session's process group stands in for the two sessions: there a producer that
ignores TERM takes filters and report with it, and sudo takes no signals, because they come from its own group.
"""

from __future__ import annotations

import re
import secrets
import shlex
from dataclasses import dataclass

from FailTaleLibrary.transports.base import Script

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
class Report:
    """What the wrapper said at its end."""

    producer: int | None
    filters: int | None
    late: bool
    """A time limit struck."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A script in its wrapper."""

    words: tuple[str, ...]
    """What follows `sh`."""
    frame: bytes
    """Begins the report; random, so that no log line can forge one."""
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

    def split_report(self, stderr: bytes) -> tuple[bytes, Report | None]:
        """stderr without the report, and the report; None while there is none."""
        start = stderr.rfind(self.frame)
        if start < 0 or b"\n" not in stderr[start + len(self.frame) :]:
            return stderr, None
        line = stderr[start + len(self.frame) :].split(b"\n")[0]
        told = dict(_REPORT.findall(line))
        report = Report(_status(told.get(b"producer=")), _status(told.get(b"filters=")), late=b"late=" in told)
        return stderr[:start], report


def wrap(script: Script, *, timeout_s: float) -> Wrapped:
    """A script as it runs on a host: for at most ``timeout_s`` and a moment to clear up."""
    polite_s = POLITE_WITH_SUDO_S if _SUDO.search(script.producer) else POLITE_S
    name = f"FailTale {secrets.token_hex(8)}"
    mercy_s = polite_s + FLUSH_S
    limits = (f"{timeout_s:.3f}", f"{polite_s * 10:.0f}", f"{timeout_s + mercy_s:.3f}", f"{mercy_s:.3f}")
    words = ("-c", WRAPPER, "failtale", *limits, name, script.producer, script.filters)
    return Wrapped(words, b"\n\x1e" + name.encode(), mercy_s + REPORT_S)


def _status(told: bytes | None) -> int | None:
    return int(told) if told else None
