"""FailTale's gate as an execution module of Salt: a minion runs these collectors by name, and nothing else.

Made by `failtale gate --salt`; do not edit it. It goes to the folder `_modules` of the master's file_roots, and
`salt '*' saltutil.sync_modules` takes it to the minions. What a caller sends are ids and numbers; the gate checks them.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import select
import signal
import subprocess
import time
import zlib
from typing import Any

PROTOCOL = 1
GATES: dict[str, tuple[list[str], str]] = {}
SAFE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MOST_S = 600.0
MOST_BYTES = 500_000
MOST_CHUNKS = 2000
CHUNK_MS = 100
LAST_WORDS_S = 6.0

_running: dict[str, _Job] = {}


def hello() -> dict[str, Any]:
    """What this minion's clock says, and which gates it has."""
    return {"v": PROTOCOL, "clock": time.time(), "zone": time.strftime("%z"), "gates": sorted(GATES)}


def collect(requests: list[str], lasts: float, whose: dict[str, int] | None = None, **named: Any) -> dict[str, Any]:
    """Runs what a request asks for, for so many seconds at most; what it printed, compressed.

    ``whose``: minion's id -> number of its request; who is not named there has the first.
    """
    clock = time.time()
    request = requests[(whose or {}).get(globals()["__opts__"]["id"], 0)]
    text = _gate_for(request)
    if text is None:
        return {"v": PROTOCOL, "gates": sorted(GATES)}
    job = _Job(text, request, min(MOST_S, max(1.0, float(lasts))))
    own_id = str(named.get("__pub_jid"))
    _running[own_id] = job
    try:
        job.run()
    finally:
        _running.pop(own_id, None)
    return {"v": PROTOCOL, "gates": sorted(GATES), "clock": [clock, time.time()], **job.told()}


def end(jid: str, force: bool = False) -> object:
    """Ends a job of `collect`; no other job can be ended by this."""
    job = _running.get(str(jid))
    if job is not None:  # a minion without processes of its own for jobs: to end its process would end the minion
        job.ends = min(job.ends, time.monotonic())
        return "ending"
    salt = globals()["__salt__"]
    found = [each for each in salt["saltutil.is_running"]("failtale.collect") if str(each.get("jid")) == str(jid)]
    if not found:
        return "not running"
    if any(each.get("pid") == os.getpid() for each in found):
        return "ends by its own time limit"  # this module was loaded anew meanwhile; its process is the minion
    return salt["saltutil.kill_job" if force else "saltutil.term_job"](str(jid))


def _gate_for(request: str) -> str | None:
    """The text of the gate that knows the most of what is asked for; None where there is no gate."""
    asked = set(re.findall(r"(?m)^(?:item [0-9]+|c) (\S+ \S+)", request))
    best = max(GATES, key=lambda each: len(asked & set(GATES[each][0])), default=None)
    return None if best is None else GATES[best][1]


class _Job:
    """One call of the gate: a shell in a session of its own, which ends when its standard input does."""

    def __init__(self, text: str, request: str, lasts: float) -> None:
        opening = text.encode()
        begin = f's=$(head -c {len(opening)}); eval "$s"'
        environment = {"PATH": SAFE_PATH, "LC_ALL": "C", "SSH_ORIGINAL_COMMAND": "failtale-gate 1 100000 100000"}
        self.to_send = opening + request.encode("ascii")
        self.began = time.monotonic()
        self.ends = self.began + lasts
        self.packer = zlib.compressobj(6)
        self.packed: list[bytes] = []
        self.size = 0
        self.chunks: list[list[int]] = []
        self.why = "ended"
        self.shell = subprocess.Popen(  # noqa: S603 - the gate
            ["/bin/sh", "-c", begin, "sh", "--clean", "led"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
        assert self.shell.stdin is not None  # noqa: S101 - all three are pipes
        assert self.shell.stdout is not None  # noqa: S101
        assert self.shell.stderr is not None  # noqa: S101
        self.stdin = self.shell.stdin
        self.outputs = (self.shell.stdout, self.shell.stderr)
        self.streams = {stream.fileno(): number for number, stream in enumerate(self.outputs, 1)}
        os.set_blocking(self.stdin.fileno(), False)

    def run(self) -> None:
        """Until it has ended, or its last words took too long."""
        try:
            while self.streams and time.monotonic() < self.ends + LAST_WORDS_S:
                self.step()
        finally:
            self.hang_up()
            if self.streams:
                self.kill()
            for stream in self.outputs:
                stream.close()
            try:
                self.shell.wait(1.0)
            except subprocess.TimeoutExpired:
                self.kill()
                self.shell.wait(1.0)

    def kill(self) -> None:
        """The session, whatever its own clock does."""
        with contextlib.suppress(OSError):
            os.killpg(self.shell.pid, signal.SIGKILL)

    def step(self) -> None:
        """Take what has come, send what fits, and hang up when it has to end."""
        is_open = not self.stdin.closed
        writable = [self.stdin] if self.to_send and is_open else []
        readable, can_write, _ = select.select(list(self.streams), writable, [], 0.2)
        for stream in readable:
            data = os.read(stream, 65536)
            if data:
                self.take(self.streams[stream], data)
            else:
                del self.streams[stream]
        if can_write:
            self.send()
        if self.why == "ended" and time.monotonic() >= self.ends:
            self.why = "late"
        if self.why == "ended" and (self.size >= MOST_BYTES or len(self.chunks) >= MOST_CHUNKS):
            self.why = "full"
        if self.why != "ended" and is_open:
            self.hang_up()

    def send(self) -> None:
        """A part of what the shell is to read."""
        try:
            sent = os.write(self.stdin.fileno(), self.to_send[:32768])
            self.to_send = self.to_send[sent:]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.to_send = b""

    def take(self, stream: int, data: bytes) -> None:
        """Pack it, and note when it came."""
        if self.why == "full":
            return
        part = self.packer.compress(data)
        self.packed.append(part)
        self.size += len(part)
        at = int(1000 * (time.monotonic() - self.began))
        last = self.chunks[-1] if self.chunks else None
        if last and last[1] == stream and at - last[0] < CHUNK_MS:
            last[2] += len(data)
        else:
            self.chunks.append([at, stream, len(data)])

    def hang_up(self) -> None:
        """The shell then ends everything by itself."""
        if not self.stdin.closed:
            self.stdin.close()
            self.ends = min(self.ends, time.monotonic())

    def told(self) -> dict[str, Any]:
        """What it printed, and when."""
        self.packed.append(self.packer.flush())
        return {"data": base64.b64encode(b"".join(self.packed)).decode(), "chunks": self.chunks, "why": self.why}
