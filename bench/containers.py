"""What is left in containers after visits were ended by force: processes in them, and the engine's clients outside.

    python -m bench.containers [--ends 1000] [--at-once 4]

Real containers of podman and runc with BusyBox, reached by a real sshd on loopback. Each visit runs commands that
resist, and is ended in one of seven ways: by a command's own limit, by the visit's deadline, by a cancel, by a client
that closes its connection, by the death of the server's process for it, by the death of the engine's own `exec`, and by
both. Counted is what still runs 45 s after the last of a round.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import random
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

from containers import Engine  # noqa: E402
from sshd import Sshd  # noqa: E402
from ways import run  # noqa: E402

from FailTaleLibrary.config import Config  # noqa: E402
from FailTaleLibrary.errors import TransportError  # noqa: E402
from FailTaleLibrary.transports import Connections  # noqa: E402

from bench.leftovers import SHAPES, visit_until_ended  # noqa: E402 # isort: skip

ENDS = ("limit", "deadline", "cancel", "close", "server dies", "exec dies", "server and exec die")
COMPANY = ("alone", "in a batch")
ROUND = 200
SETTLED_S = 45.0


def _end_one(engine: Engine, host: Sshd, shape: str, end: str, company: str) -> None:
    """A visit of one command, alone or with others in a batch, ended in one way."""
    inside = (str(engine.podman), "exec", "-i", "shop")
    config = Config.model_validate(
        {
            "components": {"shop": {"collectors": [{"name": "in", "command": "true"}]}},
            "hosts": {
                "web1": {
                    "component": "shop",
                    "inside": list(inside),
                    "address": host.address,
                    "ssh": host.ssh_settings(),
                }
            },
        }
    )
    connections, cancel = Connections(config), threading.Event()
    before = set(host.session_pids())
    try:
        transport = connections.transport("web1", inside)
        if random.random() < 0.3:  # a container that is known gets all at once
            run(transport, "true")
    except TransportError:
        return
    own = set(host.session_pids()) - before
    limit_s = 0.5 if end == "limit" else 60.0
    lasts_s = 3.0 if end == "deadline" else 30.0  # the default of limits.host_time

    def end_it() -> None:
        time.sleep(random.uniform(0.0, 2.0))
        if end == "cancel":
            cancel.set()
        elif end == "close":
            connections.close()
        if "exec" in end:
            engine.kill_clients()  # of all visits: whose it is cannot be told
        if "server" in end:
            host.signal(signal.SIGKILL, own)
        if "exec" in end:
            time.sleep(1.0)
            cancel.set()  # it would be visited again

    threading.Thread(target=end_it, daemon=True).start()
    visit_until_ended(transport, shape, company, limit_s=limit_s, lasts_s=lasts_s, cancel=cancel)
    connections.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ends", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--only", choices=ENDS, help="one way alone")
    options = parser.parse_args()
    left: collections.Counter[str] = collections.Counter()
    done: collections.Counter[str] = collections.Counter()
    began = time.monotonic()
    every = list(itertools.product(SHAPES, [options.only] if options.only else ENDS, COMPANY))
    random.shuffle(every)
    cases = itertools.cycle(every)
    with Engine() as engine, tempfile.TemporaryDirectory(prefix="ft-") as name:
        engine.run("shop", "exec sleep 100000", "--pids-limit", "0")
        with Sshd(Path(name) / "host", options=["MaxStartups 1000"]) as host:
            while sum(done.values()) < options.ends:
                share = list(itertools.islice(cases, min(ROUND, options.ends - sum(done.values()))))
                with ThreadPoolExecutor(options.at_once) as threads:
                    list(threads.map(lambda case: _end_one(engine, host, *case), share))
                done.update(end for _, end, _ in share)
                until = time.monotonic() + SETTLED_S
                while (engine.processes("shop") or engine.clients()) and time.monotonic() < until:
                    time.sleep(0.2)
                left.update(engine.processes("shop"))
                left.update("a client of the engine" for _ in engine.clients())
                took = time.monotonic() - began
                print(f"{sum(done.values())} ends in {took:.0f} s, left: {dict(left) or 'nothing'}", flush=True)
    print(", ".join(f"{end} {number}" for end, number in sorted(done.items())))
    print(f"{sum(done.values())} forced ends, {sum(left.values())} left behind")


if __name__ == "__main__":
    main()
