"""Many minions of Salt on one machine: forked from a process that has imported Salt, so that they share its memory.

    PYTHON_WITH_SALT bench/fleet_minions.py FOLDER COUNT MODULES PUBLISH_PORT RETURN_PORT WORD

Each has a key, a folder and a process of its own; jobs run in threads of it (``multiprocessing: False``), those of the
last one in processes, as is usual. A job runs as Salt runs it. What minions do between jobs is made rarer, because
hundreds of them share a few processors, which they would use up idling (0.8 % each): timers run ten times as slowly,
grains are found out once for all, and what is installed in Salt's environment is looked up once. They leave the master
and the test the processor where these want it (`nice`).

They start a few at a time, each writes ``ready`` into its folder when it is connected. `bench.fleet_real` starts this
with the Python of Salt's environment, which has no FailTale; WORD is there for a minion to know its own processes by.
"""

from __future__ import annotations

import copy
import gc
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import salt.channel.server  # type: ignore[import-not-found]
import salt.config  # type: ignore[import-not-found]
import salt.loader  # type: ignore[import-not-found]
import salt.master  # type: ignore[import-not-found]
import salt.minion  # type: ignore[import-not-found]
import salt.payload  # type: ignore[import-not-found]
import salt.transport.tcp  # type: ignore[import-not-found]
import salt.transport.zeromq  # type: ignore[import-not-found]
import salt.utils.entrypoints  # type: ignore[import-not-found]

_AT_ONCE = 6
"""So many start at the same time: a processor has three of them."""
_START_S = 60.0
_RARER = 10
_DAY_S = 86_400
_NICE = 5


def main() -> None:
    folder, count, modules, publish_port, return_port, _ = sys.argv[1:]
    logging.getLogger().setLevel(logging.ERROR)  # as of a minion; Salt sets it up in a program that is not run here
    os.nice(_NICE)
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
        grains_cache=True,
        grains_cache_expiration=_DAY_S,
        auth_timeout=60,
        auth_tries=20,
        acceptance_wait_time=2,
    )
    _have_less_to_do()
    grains = _shared(options, Path(folder) / "shared")
    gc.collect()
    gc.freeze()  # so that what is shared stays shared
    begun: dict[Path, float] = {}
    for number in range(int(count)):
        options["multiprocessing"] = number == int(count) - 1
        name = f"minion{number}"
        if os.fork() == 0:
            _be_minion(options, Path(folder) / name, name, grains)
        begun[Path(folder) / name] = time.monotonic()
        _wait_for_most(begun)
    signal.pause()


def _have_less_to_do() -> None:
    """Rarer timers; and no search for what is installed in each job, again and again where it takes long."""
    add = salt.minion.Minion.add_periodic_callback

    def add_rarer(minion: Any, name: str, method: Any, interval: float = 1) -> Any:
        if name == "cleanup":  # the last step before it listens
            (Path(minion.opts["cachedir"]).parent / "ready").touch()
        return add(minion, name, method, interval * _RARER)

    receive = salt.transport.zeromq.PublishClient.recv

    async def receive_patiently(client: Any, timeout: float | None = None) -> Any:
        return await receive(client, timeout and timeout * _RARER)

    salt.minion.Minion.add_periodic_callback = add_rarer
    salt.transport.zeromq.PublishClient.recv = receive_patiently
    cached = salt.utils.entrypoints.iter_entry_points.__wrapped__
    cached.delta, cached.expiration = _DAY_S, time.monotonic() + _DAY_S


def _shared(options: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The machine's grains; what loaders import is imported then."""
    folder.mkdir(parents=True)
    mine = {**copy.deepcopy(options), "id": "shared", "grains_cache": False}
    mine |= {key: str(folder) for key in ("pki_dir", "cachedir", "sock_dir", "extension_modules")}
    grains = dict(salt.loader.grains(mine))
    mine["grains"] = grains
    functions = salt.loader.minion_mods(mine, utils=salt.loader.utils(mine))
    for name in ("failtale.hello", "saltutil.is_running", "cmd.run_all", "config.get"):
        functions.get(name)
    salt.loader.returners(mine, functions)
    salt.loader.matchers(mine)
    return grains


def _be_minion(options: dict[str, Any], home: Path, name: str, grains: dict[str, Any]) -> None:
    own = {"pki_dir": "pki", "cachedir": "cache", "sock_dir": "sock", "extension_modules": "ext"}
    for each in own.values():
        (home / each).mkdir(parents=True, exist_ok=True)
    (home / "cache" / "grains.cache.p").write_bytes(salt.payload.dumps({**grains, "id": name}))
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


def _wait_for_most(begun: dict[Path, float]) -> None:
    """Until few are still starting; who does not get on is not waited for."""
    while len(begun) >= _AT_ONCE:
        time.sleep(0.1)
        for home, began in list(begun.items()):
            if (home / "ready").exists() or time.monotonic() - began > _START_S:
                del begun[home]


if __name__ == "__main__":
    main()
