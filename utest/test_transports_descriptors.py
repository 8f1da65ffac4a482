"""Few file descriptors for many hosts: those are asked a few at a time, and none is lost."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from sshd import Sshd

from FailTaleLibrary.transports.descriptors import Descriptors, descriptors_left

HOSTS = 14
COLLECT = """
import sys, time
from FailTaleLibrary.config import load_config
from FailTaleLibrary.run import Run

with Run(load_config(sys.argv[1]), environ={}) as run:
    for name in ("One", "Two"):
        run.test_began(name)
        report = run.collect_failure(run.failure(name, message="Shop is closed"))
        run.test_ended()
        print(len(report.evidence.items), [str(gap.detail) for gap in report.evidence.gaps])
"""


@pytest.mark.ssh
@pytest.mark.parametrize("marks", ["off", "test"])
def test_a_limit_of_forty_descriptors_costs_no_host(marks: str, new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    host = new_host(name="app")
    ssh = {key: str(value) for key, value in host.ssh_settings().items()}
    config = {
        "components": {"app": {"collectors": [{"name": "state", "command": "echo here"}]}},
        "hosts": {f"app{n}": {"component": "app", "address": host.address, "ssh": ssh} for n in range(HOSTS)},
        "limits": {"failure_time": 60, "host_time": 60},
        "marks": marks,
    }
    (tmp_path / "failtale.yaml").write_text(yaml.safe_dump(config))
    words = [sys.executable, "-c", COLLECT, str(tmp_path / "failtale.yaml")]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 40; exec "$@"', "sh", *words], capture_output=True, text=True, timeout=150, check=False
    )
    assert done.stdout.splitlines() == [f"{HOSTS} []"] * 2, done.stderr


class Idle:
    """A connection that nobody uses."""

    def __init__(self, ended: list[Idle], *, used_at: float, is_in_use: bool = False) -> None:
        self._ended = ended
        self.used_at = used_at
        self._is_in_use = is_in_use

    def retire(self) -> bool:
        return not self._is_in_use

    def close(self) -> None:
        self._ended.append(self)


def test_connections_that_nobody_uses_are_ended_for_others_the_oldest_first() -> None:
    ended: list[Idle] = []
    few = Descriptors(left=lambda: 8 + len(ended))
    old, new, busy = (Idle(ended, used_at=at, is_in_use=at == 0) for at in (1.0, 2.0, 0.0))
    for each in (new, old, busy):
        few.held_by(each)
    assert few.take(1, until=time.monotonic() + 60)
    assert ended == [old]


def test_who_finds_too_few_waits_for_those_that_others_give_back() -> None:
    few = Descriptors(left=lambda: 11)
    assert few.take(2, until=0)
    assert not few.take_at_once(2)
    threading.Timer(0.2, few.give_back, [2]).start()
    assert few.take(2, until=time.monotonic() + 60)


def test_where_nobody_would_give_any_back_nobody_waits() -> None:
    began = time.monotonic()
    assert not Descriptors(left=lambda: 0).take(2, until=began + 60)
    assert time.monotonic() - began < 30


def test_what_is_left_is_known_on_this_machine() -> None:
    before = descriptors_left()
    with Path(__file__).open():
        assert descriptors_left() == before - 1
