"""Items of a visit -> the arguments of ``cmd.run_all``, for a fleet whose owner lets whole scripts run on it. Pure.

A job of Salt has no standard input that stays open, so that the visit has no lifeline: it ends by its own time limit,
or when the process of the job has. Its output travels compressed, and is bounded before it becomes an event.

Another job ends it early, by what its processes bear in their environment. Salt's own `saltutil.term_job` ends the
process of a job, which is the minion itself where that has ``multiprocessing: False``.
"""

from __future__ import annotations

from collections.abc import Mapping

from FailTaleLibrary.transports.base import VisitItem
from FailTaleLibrary.transports.visit_request import opening, request

_STDOUT_BYTES = 480_000
"""Before it is compressed; should nothing shrink, both streams in base64 are still less than an event of the master."""
_STDERR_BYTES = 160_000
_QUIET = {"python_shell": True, "shell": "/bin/sh", "output_loglevel": "quiet", "ignore_retcode": True, "rstrip": False}
GREETING_COMMAND: Mapping[str, object] = {"cmd": "date '+%s.%N %z'", **_QUIET}
_COMMAND = """failtale_parent=$PPID failtale_job=TOKEN; export failtale_parent failtale_job
began=$(date +%s.%N); exec 4>&1 5>&2 2>/dev/null
{ $(command -v setsid) sh -c 's=$(head -c SIZE);eval "$s"' 2>&3 | head -c STDOUT | gzip -c | base64 >&4; } 3>&1 |
  head -c STDERR | gzip -c | base64 >&5
echo "=$began $(date +%s.%N) ended"
"""
_END_COMMAND = """rounds=ROUNDS
while [ "$rounds" -gt 0 ]; do
  found=$(grep -ls failtale_job=TOKEN /proc/[0-9]*/environ)
  [ -n "$found" ] || break
  for each in $found; do each=${each#/proc/}; kill -SIGNAL "${each%/environ}"; done
  rounds=$((rounds - 1)); sleep 0.4
done 2>/dev/null
"""
"""CONT tells all processes of a visit that it is over; one that is about to listen hears it in the next round."""


def visit_command(
    nonces: tuple[str, str], items: Mapping[int, VisitItem], *, token: str, lasts_s: float
) -> dict[str, object]:
    """What runs a visit on a minion; `salt_returns.read_return` reads what it prints."""
    asked = request(nonces, items, lasts_s=lasts_s)
    text = opening((100_000, 100_000), asked, parent='"$failtale_parent"')
    command = _COMMAND.replace("TOKEN", token, 1).replace("SIZE", str(len(text)), 1)
    command = command.replace("STDOUT", str(_STDOUT_BYTES), 1).replace("STDERR", str(_STDERR_BYTES), 1)
    return {"cmd": command, "stdin": text.decode(), "timeout": round(lasts_s) + 10, **_QUIET}


def end_command(token: str, *, is_forced: bool) -> dict[str, object]:
    """What ends a visit that was given this token."""
    command = _END_COMMAND.replace("TOKEN", token, 1).replace("SIGNAL", "KILL" if is_forced else "CONT", 1)
    return {"cmd": command.replace("ROUNDS", "2" if is_forced else "10", 1), "timeout": 10, **_QUIET}
