"""Runs the shop's processes and starts them anew when they end: ``supervisor CONFIG NAME...``."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
from pathlib import Path

from bench.faults.app.process import FORMAT

PAUSE_S = 4.0
"""Between the end of a process and its next start."""
_LOG = logging.getLogger("supervisor")
_ENDING = threading.Event()


def keep(name: str) -> None:
    """Runs one process as long as the supervisor lives."""
    while not _ENDING.is_set():
        process = subprocess.Popen([sys.executable, "-m", f"bench.faults.app.{name}", sys.argv[1]])
        _LOG.info("started %s, pid %d", name, process.pid)
        _write_pid(name, process.pid)
        while process.poll() is None and not _ENDING.wait(0.02):
            pass
        if _ENDING.is_set():
            process.kill()
            process.wait()
            return
        _LOG.warning("%s (pid %d) %s; next start in %.0f s", name, process.pid, _end(process.returncode), PAUSE_S)
        _ENDING.wait(PAUSE_S)


def _write_pid(name: str, pid: int) -> None:
    """At one blow, so that nobody reads half of it."""
    partial = _CONFIG_DIR / f"{name}.pid.new"
    partial.write_text(str(pid))
    partial.replace(_CONFIG_DIR / f"{name}.pid")


def _end(status: int) -> str:
    """How a process ended, as a shell would tell it."""
    if status >= 0:
        return f"exited with status {status}"
    return f"was ended by {signal.Signals(-status).name}, exit status {128 - status}"


def main() -> None:
    logs = Path(json.loads(Path(sys.argv[1]).read_text())["logs"])
    logging.addLevelName(logging.WARNING, "WARN")
    logging.basicConfig(filename=logs / "supervisor.log", format=FORMAT, level=logging.INFO)
    signal.signal(signal.SIGTERM, lambda *_: _ENDING.set())
    threads = [threading.Thread(target=keep, args=(name,), name=name) for name in sys.argv[2:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(0.2)


_CONFIG_DIR = Path(sys.argv[1]).parent if len(sys.argv) > 1 else Path()

if __name__ == "__main__":
    main()
