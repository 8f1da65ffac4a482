"""Recorded answers stand for a host: what a preset makes of them is seen without one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from patience import wait_until

from FailTaleLibrary.config import load_config, parse_config
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.records import Failure, Gap, Item, Report, Window
from FailTaleLibrary.run import Run
from FailTaleLibrary.transports import Connections
from FailTaleLibrary.transports import local as local_module
from FailTaleLibrary.transports import ssh as ssh_module

PRESET = """
name: shop
description: The shop's queue.
parameters:
  port: {description: Port of the admin interface., default: "8081", pattern: "[0-9]+"}
collectors:
  - name: queue
    command: shopctl --port {port} queue
    baseline: yes
    empty_means: Nothing waits.
  - name: log
    file: /var/log/shop.log
"""
CONFIG = """
presets: [shop.yaml]
components: {backend: {collectors: [shop]}}
hosts: {web1: {component: backend, transport: scripted, scripted: {answers: answers.yaml}}}
bundles: {enabled: no}
"""


@contextmanager
def a_run(directory: Path, answers: dict[str, Any]) -> Iterator[Run]:
    """A run whose one host has these recorded answers."""
    (directory / "shop.yaml").write_text(PRESET)
    (directory / "answers.yaml").write_text(yaml.safe_dump({"answers": answers}))
    (directory / "failtale.yaml").write_text(CONFIG)
    with Run(load_config(directory / "failtale.yaml"), environ={}) as run:
        yield run


def a_failure(began: datetime) -> Failure:
    return Failure(id="0" * 32, name="Order", window=Window(start=began, end=datetime.now(timezone.utc)))


def a_report(directory: Path, answers: dict[str, Any]) -> Report:
    """What FailTale makes of recorded answers of the preset above."""
    with a_run(directory, answers) as run:
        return run.collect_failure(a_failure(datetime.now(timezone.utc) - timedelta(seconds=5)))


def items_of(report: Report) -> dict[str, Item]:
    return {item.collector: item for item in report.evidence.items}


def test_a_users_preset_is_tested_without_a_host(tmp_path: Path) -> None:
    log = "2026-11-25 10:00:00 ERROR payment refused\n"
    items = items_of(a_report(tmp_path, {"shop.queue": {"stdout": "42 waiting\n"}, "shop.log": {"stdout": log}}))
    assert items["shop.queue"].text == "42 waiting\n"
    assert items["shop.queue"].command.startswith("shopctl --port 8081 queue")
    assert items["shop.log"].text == log


def test_a_recorded_host_has_a_clock(tmp_path: Path) -> None:
    (clock,) = a_report(tmp_path, {"shop.queue": {"stdout": "1\n"}, "shop.log": {}}).evidence.clocks
    assert abs(clock.offset_s) <= clock.uncertainty_s + 0.001


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"exit_status": 127, "stderr": "sh: shopctl: not found\n"}, "command not found"),
        ({"exit_status": 1, "stderr": "open /run/shop: Permission denied\n"}, "permission denied"),
        ({"timed_out": True}, "timed out"),
    ],
)
def test_what_kept_a_host_from_answering_can_be_recorded(tmp_path: Path, answer: dict[str, Any], reason: str) -> None:
    report = a_report(tmp_path, {"shop.queue": answer, "shop.log": {"stdout": "x\n"}})
    assert [gap.reason for gap in report.evidence.gaps] == [reason]


def test_an_answer_that_is_not_recorded_is_a_gap_that_names_what_is(tmp_path: Path) -> None:
    report = a_report(tmp_path, {"shop.log": {"stdout": "x\n"}})
    (gap,) = report.evidence.gaps
    assert isinstance(gap, Gap)
    assert gap.detail == "No answer is recorded for collector 'shop.queue'; recorded: 'shop.log'."


def test_a_recorded_baseline_shows_what_changed(tmp_path: Path) -> None:
    queue = {"stdout": "42 waiting\n", "baseline": "0 waiting\n"}
    with a_run(tmp_path, {"shop.queue": queue, "shop.log": {}}) as run:
        run.test_began()  # the mark is taken in the background
        began = datetime.now(timezone.utc)

        def changes() -> tuple[str, ...]:
            return items_of(run.collect_failure(a_failure(began)))["shop.queue"].changes

        assert wait_until(changes)
        assert [line for line in changes() if line[0] in "+-"] == ["- 0 waiting", "+ 42 waiting"]


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        ("{component: c, transport: scripted}", "hosts.h.scripted.answers: is missing"),
        ("{component: c, transport: scripted, scripted: {answers: none.yaml}}", "holds no recorded answers"),
        ("{component: c, transport: scripted, scripted: {answers: bad.yaml}}", "holds no recorded answers"),
        ("{component: c, transport: scripted, address: x}", "address: means nothing with 'transport: scripted'"),
        ("{component: c, scripted: {answers: bad.yaml}}", "scripted: means nothing with 'transport: ssh'"),
        ("{component: c, transport: local, local: {}}", "unknown key 'local'"),
        ("{component: c, transport: telnet}", "'telnet' is no choice here; write 'ssh', 'local', 'salt' or 'scripted'"),
    ],
)
def test_what_a_host_says_of_its_transport_is_checked(tmp_path: Path, hosts: str, message: str) -> None:
    (tmp_path / "bad.yaml").write_text("answers: [1, 2]\n")
    text = f"components: {{c: {{collectors: [{{command: uptime}}]}}}}\nhosts: {{h: {hosts}}}\n"
    with pytest.raises(ConfigError) as raised:
        parse_config(text, source=tmp_path / "failtale.yaml", environ={})
    assert message in str(raised.value)


def test_every_transport_says_how_a_person_repeats_its_command() -> None:
    config = parse_config(
        "ssh: {user: failtale, port: 2222}\n"
        "components: {c: {collectors: [{command: uptime}]}}\n"
        "hosts: {web1: {component: c, address: 10.0.0.1}, here: {component: c, transport: local}}\n",
        environ={},
    )
    line = ssh_module.repeater("web1", config)("grep 'it is' x")
    assert line == "ssh -p 2222 failtale@10.0.0.1 'grep '\"'\"'it is'\"'\"' x'"
    connections = Connections(config)
    assert connections.repeat_line("web1", "grep 'it is' x") == line
    assert connections.repeat_line("here", "true") is local_module.repeater("here", config) is None


def test_what_leads_to_a_host_is_put_together_once_for_all_its_commands() -> None:
    config = parse_config(
        "ssh: {user: failtale}\ncomponents: {c: {collectors: [{command: uptime}]}}\nhosts: {web1: {component: c}}\n",
        environ={},
    )
    connections, calls = Connections(config), 0
    connections.repeat_line("web1", "uptime")

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        for number in range(50):
            connections.repeat_line("web1", f"uptime {number}")
    finally:
        sys.setprofile(None)
    assert calls < 50 * 20
