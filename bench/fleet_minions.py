"""Many minions of Salt on one machine: forked from a process that has imported Salt, so that they share its memory.

    PYTHON_WITH_SALT bench/fleet_minions.py FOLDER COUNT MODULES PUBLISH_PORT RETURN_PORT WORD

Each has a key, a folder and a process of its own; jobs run in threads of it (``multiprocessing: False``), those of the
last one in processes, as is usual. `bench.fleet_real` starts it with the Python of Salt's environment, which has no
FailTale; WORD is there for a minion to know its own processes by.
"""

from __future__ import annotations

import copy
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import salt.config  # type: ignore[import-not-found]
import salt.minion  # type: ignore[import-not-found]

_BETWEEN_S = 0.1


def main() -> None:
    folder, count, modules, publish_port, return_port, _ = sys.argv[1:]
    options = salt.config.minion_config(None, role="minion")
    options.update(
        master="127.0.0.1",
        master_port=int(return_port),
        publish_port=int(publish_port),
        user="root",
        multiprocessing=False,
        module_dirs=[modules],
        log_level="error",
        start_event=False,
        mine_enabled=False,
        auth_timeout=60,
        auth_tries=20,
        acceptance_wait_time=2,
    )
    for number in range(int(count)):
        options["multiprocessing"] = number == int(count) - 1
        if os.fork() == 0:
            _be_minion(options, Path(folder), f"minion{number}")
        time.sleep(_BETWEEN_S)
    signal.pause()


def _be_minion(options: dict[str, Any], folder: Path, name: str) -> None:
    home = folder / name
    own = {"pki_dir": "pki", "cachedir": "cache", "sock_dir": "sock", "extension_modules": "ext"}
    for each in own.values():
        (home / each).mkdir(parents=True, exist_ok=True)
    (home / "own_pid").write_text(str(os.getpid()))
    paths = {key: str(home / each) for key, each in own.items()}
    mine = {
        **copy.deepcopy(options),
        **paths,
        "id": name,
        "pidfile": str(home / "pid"),
        "conf_file": str(home / "minion"),
    }
    try:
        salt.minion.MinionManager(mine).tune_in()
    except BaseException as error:
        print(f"{name}: {error!r}", file=sys.stderr, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
