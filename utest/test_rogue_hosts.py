"""A host that does its worst costs its own items: the others' evidence is whole, in time and in little memory."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import rogue_host
from builders import a_failure
from patience import PATIENCE_S, wait_until
from rogue_host import AFTER_LOGIN, BEFORE_SSH, CLOCKS, LOGINS, STEPS, VISITS, rogue_hosts
from sshd import Sshd
from test_hostile_words import UNSEEN, texts_of
from ways import NEVER
from ways import run as run_script

from FailTaleLibrary.config import Collector, Config
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.records import Report, Window
from FailTaleLibrary.rendering import to_html, to_text
from FailTaleLibrary.run import Run
from FailTaleLibrary.transports import Connections
from FailTaleLibrary.windows import ResolvedWindow, command_line
from FailTaleLibrary.windows.mark_command import mark_script, take_mark
from FailTaleLibrary.windows.model import MOST_FILES

pytestmark = pytest.mark.ssh

MEGABYTE = 1024 * 1024
LOG = "/var/log/app.log"
COLLECTORS = [
    {"name": "state", "command": "echo well"},
    {"name": "second", "command": "echo also; echo well"},
    {"name": "log", "file": [LOG]},
]
SLOW = (
    "version_that_drips",
    "silent_at_the_login",
    "output_that_drips",
    "never_ready",
    "opens_no_channel",
    "reads_no_more",
    "says_no_hello",
)
"""Those that end by a limit of time alone."""
_SERVERS = ("one_session", "refuses_commands")
_VISITS = [way for way in VISITS if way not in SLOW]
GROUPS: dict[str, tuple[str, ...]] = {
    "before SSH": tuple(way for way in BEFORE_SSH if way not in SLOW),
    "at the login": tuple(way for way in LOGINS if way not in SLOW),
    "beside visits": tuple(AFTER_LOGIN),
    "of a visit": tuple(_VISITS[: len(_VISITS) // 2]),
    "of a visit, too": (*_VISITS[len(_VISITS) // 2 :], "window_of_nothing", "window_of_everything", *_SERVERS),
    "hanging up": STEPS,
    "clocks": tuple(f"clock_{number}" for number in range(len(CLOCKS))),
    "slow": SLOW,
}


@pytest.fixture(scope="module")
def rogues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, int]]]:
    directory = tmp_path_factory.mktemp("rogues")
    with rogue_hosts(directory) as ports:
        yield directory, ports


def config_with(rogues: tuple[Path, dict[str, int]], ways: tuple[str, ...], good: Sshd, **more: Any) -> Config:
    directory, ports = rogues
    settings = {"user": "me", "key": directory / "key", "known_hosts": directory / "known_hosts"}
    hosts = {
        way: {
            "component": "web",
            "address": "127.0.0.1",
            "ssh": {**settings, "port": ports[way], "connect_timeout_s": 3.0 if way in SLOW else 30.0},
        }
        for way in ways
    }
    good_host = {"component": "web", "address": good.address, "ssh": good.ssh_settings()}
    return Config.model_validate(
        {"components": {"web": {"collectors": COLLECTORS}}, "hosts": {**hosts, "good": good_host}, **more}
    )


def test_every_way_is_in_a_group() -> None:
    assert {way for group in GROUPS.values() for way in group} == set(rogue_host.WAYS)


@pytest.mark.parametrize("group", GROUPS)
def test_a_rogue_host_costs_its_own_items_within_the_time_and_in_little_memory(
    group: str, rogues: tuple[Path, dict[str, int]], a_host: Sshd, tmp_path: Path
) -> None:
    ways = GROUPS[group]
    limits = {"failure_time_s": 7.0 if group == "slow" else 30.0, "parallel_hosts": 50}
    run = Run(config_with(rogues, ways, a_host, limits=limits))
    run.test_began("Order")
    began, before = time.monotonic(), memory_from_now_on()
    report = report_of(run, tmp_path / "output")
    took_s, grown = time.monotonic() - began, peak_bytes() - before
    run.run_ended()
    good = {item.collector: item.text for item in report.evidence.items if item.host == "good"}
    assert (good["state"], good["second"]) == ("well\n", "also\nwell\n")
    assert [gap.collector for gap in report.evidence.gaps if gap.host == "good"] == ["log"], "there is no such file"
    assert {each.host for each in (*report.evidence.items, *report.evidence.gaps)} == {*ways, "good"}
    assert [(gap.host, gap.detail) for gap in report.evidence.gaps if gap.reason == "internal error"] == []
    assert [item.host for item in report.evidence.items if item.status == "empty"] == [], "none of them was silent"
    used_up = [gap.host for gap in report.evidence.gaps if "is used up" in gap.detail and group != "slow"]
    assert used_up == [], "it was the host, and not the time"
    assert [(gap.host, gap.detail) for gap in report.evidence.gaps if len(gap.detail) > 2000] == []
    assert took_s < PATIENCE_S
    assert grown < 80 * MEGABYTE
    assert foreign_words(report, tmp_path / "output") == []


def report_of(run: Run, output_dir: Path) -> Report:
    now = datetime.now(timezone.utc)
    failure = a_failure(id=uuid.uuid4().hex, window=Window(start=now, end=now))
    return run.collect_failure(failure, output_dir=output_dir)


def foreign_words(report: Report, directory: Path) -> list[str]:
    """What a terminal would obey, in a report, in what is made of it, and in the files of its bundle."""
    bundle = [path.read_text(encoding="utf-8") for path in directory.rglob("*") if path.is_file()]
    assert bundle
    shown = [to_text(report), to_html(report, max_bytes=64_000), *texts_of(report.model_dump()), *bundle]
    return [text[:200] for text in shown if UNSEEN.search(text) or "\\u001b" in text]


def memory_from_now_on() -> int:
    """The bytes of this process now; `peak_bytes` counts from here."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def peak_bytes() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def test_messages_that_go_with_data_are_no_storm(rogues: tuple[Path, dict[str, int]], a_host: Sshd) -> None:
    way = "output_beside_ignored_messages"
    connections = Connections(config_with(rogues, (way,), a_host))
    result = run_script(connections.transport(way), "cat log")
    connections.close()
    assert (result.stdout.count(b"\n"), result.incomplete) == (2500, None)


def test_a_channel_is_closed_behind_the_end_of_what_ran_in_it(
    rogues: tuple[Path, dict[str, int]], a_host: Sshd
) -> None:
    way = "ends_a_moment_later"
    with closing(Connections(config_with(rogues, (way,), a_host))) as connections:
        for _ in range(5):
            assert run_script(connections.transport(way), "echo well").exit_status == 0
        assert connections.opened == 1


def test_a_server_that_takes_one_session_for_each_connection_is_logged_in_to_anew(
    rogues: tuple[Path, dict[str, int]], a_host: Sshd
) -> None:
    way = "one_session"
    with closing(Connections(config_with(rogues, (way,), a_host))) as connections:
        for _ in range(3):
            assert run_script(connections.transport(way), "echo well").exit_status == 0
        assert connections.opened == 3


def test_a_server_that_starts_no_command_is_told_as_such_and_left_alone_for_a_minute(
    rogues: tuple[Path, dict[str, int]], a_host: Sshd
) -> None:
    """As those of routers; no login shell had a say in it."""
    way = "refuses_commands"
    with closing(Connections(config_with(rogues, (way,), a_host))) as connections:
        with pytest.raises(TransportError, match="does not run commands for 'me': its SSH server refuses") as caught:
            run_script(connections.transport(way), "echo well")
        assert caught.value.reason == "refused"
        with pytest.raises(TransportError, match=r"its SSH server refuses .* \(not tried again for"):
            connections.transport(way)


def test_a_server_that_opens_no_session_is_told_as_such_and_left_alone_for_a_minute(
    rogues: tuple[Path, dict[str, int]], a_host: Sshd
) -> None:
    """As sshd where PAM hangs: it has logged us in, and is silent from then on."""
    way = "opens_no_channel"
    with closing(Connections(config_with(rogues, (way,), a_host))) as connections:
        with pytest.raises(TransportError, match="opened no session within 3 s. It lets 'me' in") as caught:
            run_script(connections.transport(way), "echo well")
        assert caught.value.reason == "no answer"
        with pytest.raises(TransportError, match=r"opened no session within 3 s.* \(not tried again for"):
            connections.transport(way)
        assert connections.opened == 1


def test_a_host_that_broke_the_bounds_is_left_alone_for_a_minute(
    rogues: tuple[Path, dict[str, int]], a_host: Sshd
) -> None:
    for way in ("output_past_the_window", "keepalives", "packet_of_four_gigabytes"):
        connections = Connections(config_with(rogues, (way,), a_host))
        # What ended a connection may be known a moment after its end: then it is minded by whoever asks next.
        assert wait_until(lambda way=way, ways=connections: broke_off(ways, way) and not ways.is_open(way))
        opened = connections.opened  # more than one where it was asked again in that moment
        with pytest.raises(TransportError, match="not tried again for"):
            connections.transport(way)
        assert connections.opened == opened
        connections.close()


def broke_off(connections: Connections, host: str) -> bool:
    """Whether asking a host has failed; what it sends beside a visit may come a moment later."""
    try:
        take_mark(connections.transport(host), mark_script([]), cancel=NEVER, timeout_s=PATIENCE_S)
    except (TransportError, ValueError):
        return True
    return False


@pytest.mark.parametrize("way", ["marks_of_a_million_files", "marks_of_hostile_names"])
def test_a_hostile_mark_makes_no_longer_script_and_no_other_command(
    way: str, rogues: tuple[Path, dict[str, int]], a_host: Sshd
) -> None:
    connections = Connections(config_with(rogues, (way,), a_host))
    log, journal = Collector(name="log", file=(LOG,)), Collector(name="journal", journal="app")
    script = mark_script([log, journal])
    taken = take_mark(connections.transport(way), script, cancel=NEVER, timeout_s=PATIENCE_S)
    connections.close()
    assert len(taken.mark.files) <= MOST_FILES
    window = ResolvedWindow(kind="test", since_epoch=1.0, mark=taken.mark, late_mark=taken.mark)
    for collector in (log, journal):
        line = command_line(collector, window=window, max_bytes=1000)
        assert len(line.producer) < 300_000
        assert len(line.shown) < 5000
