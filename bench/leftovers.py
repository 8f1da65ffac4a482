"""What is left on a host after commands were ended by force: processes, and files in its home.

    python -m bench.leftovers [--ends 1000] [--at-once 16]

Real sshd on loopback, with dash, bash and BusyBox as its `sh`. Each command resists in another way, and is ended in one
of five: by its own limit, by the visit's deadline, by a cancel, by a client that closes its connection, and by the
death of the server's process for that connection. Counted is what still runs 10 s later.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import itertools
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

from sshd import Sshd  # noqa: E402
from ways import batched, item, run, to  # noqa: E402

from bench.environment import goal  # noqa: E402
from FailTaleLibrary.errors import TransportError  # noqa: E402
from FailTaleLibrary.transports import Transport  # noqa: E402

SHAPES = {
    "hung": "echo part; sleep 300",
    "hung child": "echo part; sleep 300; true",
    "grandchildren": "sh -c 'sleep 300 & sleep 300 & wait' & sleep 300",
    "ignores TERM": "trap '' TERM ALRM HUP INT; echo part; sleep 300; sleep 300",
    "child ignores TERM": "(trap '' TERM HUP; sleep 300; sleep 300) & wait",
    "pipeline": "(trap '' TERM; while :; do sleep 0.3; done) | cat",
    "flood": "yes part",
    "flood on stderr": "yes part >&2",
    "left by setsid": "setsid sleep 300 & echo done; sleep 300",
    "left by setsid, silent": "setsid sleep 300 >/dev/null 2>&1 & sleep 300",
    "killed parent": "kill -KILL $PPID; sleep 300",
}
COMPANY = ("alone", "in a batch")
ENDS = ("limit", "deadline", "cancel", "close", "server dies")
SETTLED_S = 10.0


def _end_one(host: Sshd, shape: str, end: str, company: str) -> None:
    """A visit of one command, alone or with others in a batch, ended in one way."""
    connections, cancel = to(host), threading.Event()
    before = set(host.session_pids())
    try:
        transport = connections.transport("web1")
        if random.random() < 0.5:  # a known host gets all at once, in a spare channel
            run(transport, "true")
    except TransportError:
        return
    own = set(host.session_pids()) - before
    limit_s = 0.5 if end == "limit" else 60.0
    lasts_s = 2.0 if end == "deadline" else 60.0

    def end_it() -> None:
        time.sleep(random.uniform(0.0, 1.0))
        if end == "cancel":
            cancel.set()
        elif end == "close":
            connections.close()
        elif end == "server dies":
            host.signal(signal.SIGKILL, own)

    threading.Thread(target=end_it, daemon=True).start()
    visit_until_ended(transport, shape, company, limit_s=limit_s, lasts_s=lasts_s, cancel=cancel)
    connections.close()


def visit_until_ended(
    transport: Transport, shape: str, company: str, *, limit_s: float, lasts_s: float, cancel: threading.Event
) -> None:
    """A visit with an item of a shape, by itself or in a batch, until it has ended or is ended from outside."""
    items = [item("ended", SHAPES[shape], timeout_s=limit_s)]
    if company == "in a batch":
        first = batched("first", "sleep 300 >/dev/null 2>&1 &")
        items = [first, batched("ended", SHAPES[shape], timeout_s=limit_s), batched("last", SHAPES[shape])]
    with contextlib.suppress(TransportError, OSError):  # it may be ended before it has begun
        transport.visit(
            items,
            ends_at=time.monotonic() + lasts_s,
            cancel=cancel,
            on_result=lambda name, _: name == "ended" and cancel.set(),
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ends", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=16)
    options = parser.parse_args()
    shells = [path for path in (shutil.which(name) for name in ("dash", "bash", "busybox")) if path]
    left: collections.Counter[str] = collections.Counter()
    ended = 0
    for index, shell in enumerate(shells):
        share = options.ends // len(shells) + (index < options.ends % len(shells))
        with tempfile.TemporaryDirectory(prefix="ft-") as name:
            tools = Path(name) / "bin"
            tools.mkdir()
            (tools / "sh").symlink_to(shell)
            path = {"PATH": f"{tools}:{os.environ['PATH']}"}
            with Sshd(Path(name) / "host", environment=path, options=["MaxStartups 1000"]) as host:
                files = {each.name for each in host.directory.iterdir()} | {"known_hosts"}
                cases = list(itertools.islice(itertools.cycle(itertools.product([host], SHAPES, ENDS, COMPANY)), share))
                with ThreadPoolExecutor(options.at_once) as threads:
                    list(threads.map(_end_one, *zip(*cases, strict=True)))
                ended += share
                until = time.monotonic() + SETTLED_S
                while host.leftovers() and time.monotonic() < until:
                    time.sleep(0.1)
                left.update(host.leftovers())
                left.update(each.name for each in host.directory.iterdir() if each.name not in files)
        print(f"{Path(shell).name}: {share} ends, left so far: {dict(left) or 'nothing'}", flush=True)
    behind = sum(left.values())
    print(goal(f"nothing is left behind ({ended} forced ends, {behind} left)", met=not behind))
    return 1 if behind else 0


if __name__ == "__main__":
    sys.exit(main())
