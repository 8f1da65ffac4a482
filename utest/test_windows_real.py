"""Windows on real hosts whose clocks are wrong, whose zones differ and whose logs rotate during the test."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pytest
from needs import apt, missing, need
from other_clocks import forget_killed_ones
from sshd import Sshd

from FailTaleLibrary.config import Config
from FailTaleLibrary.records import Failure, Item, Report, Window
from FailTaleLibrary.run import Run

pytestmark = pytest.mark.ssh


@dataclass
class Site:
    """One host with a log, seen by an run as a run sees it."""

    host: Sshd
    log: Path
    run: Run
    ahead_s: float
    """How far the host's clock is ahead."""
    zone: str

    def write(self, text: str) -> None:
        """A line as a program on that host writes it: by its own clock, in its own zone."""
        environment = {**os.environ, "TZ": self.zone}
        moment = f"@{time.time() + self.ahead_s:.3f}"
        stamp = subprocess.check_output(["date", "-d", moment, "+%Y-%m-%d %H:%M:%S,%3N"], env=environment, text=True)
        with self.log.open("a") as file:
            file.write(f"{stamp.strip()} {text}\n")

    def test_began(self) -> datetime:
        time.sleep(0.01)  # logs tell milliseconds
        self.run.test_began()
        return datetime.now(timezone.utc)

    def tell(self, started: datetime) -> Report:
        now = datetime.now(timezone.utc)
        failure = Failure(id="f" * 32, name="Order", window=Window(start=started, end=now))
        return self.run.collect_failure(failure)


SITES = ("right clock", "90 s ahead", "other zone", "90 s behind in another zone")


@pytest.fixture(params=SITES)
def site(request: pytest.FixtureRequest, new_host: Callable[..., Sshd], tmp_path: Path) -> Iterator[Site]:
    ahead_s = {"90 s ahead": 90.0, "90 s behind in another zone": -90.0}.get(request.param, 0.0)
    zone = "Asia/Kolkata" if "zone" in request.param else "UTC"
    environment = {"TZ": zone}
    if ahead_s:
        environment |= {"LD_PRELOAD": str(_libfaketime()), "FAKETIME": f"{ahead_s:+.0f}s", "DONT_FAKE_MONOTONIC": "1"}
    host = new_host(name="app1", environment=environment)
    log = tmp_path / "var" / "log" / "app.log"
    log.parent.mkdir(parents=True)
    log.touch()
    config = Config.model_validate(
        {
            "components": {"app": {"collectors": [{"name": "log", "file": [str(log)]}]}},
            "hosts": {"app1": {"component": ["app"], "address": host.address, "ssh": host.ssh_settings()}},
        }
    )
    run = Run(config, environ={})
    yield Site(host, log, run, ahead_s, zone)
    run.run_ended()


def _libfaketime() -> Path:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        missing("libfaketime", apt("faketime"))
    forget_killed_ones()
    return found[0]


def item_of(report: Report) -> Item:
    item = report.evidence.item("app1/log")
    assert item is not None, report.evidence.gaps
    return item


def test_only_lines_of_this_test_are_its_evidence_and_a_clock_that_is_wrong_is_told(site: Site) -> None:
    site.write("ERROR storage is locked, before the run")
    first = site.test_began()
    site.write("ERROR storage is locked, in the first test")
    site.tell(first)
    second = site.test_began()
    site.write("ERROR storage is locked, in the second test")
    report = site.tell(second)
    text = item_of(report).text
    assert "in the second test" in text
    assert "in the first test" not in text
    assert "before the run" not in text
    (clock,) = report.evidence.clocks
    assert abs(clock.offset_s - site.ahead_s) <= clock.uncertainty_s + 1.0
    assert clock.utc_offset_s == (19800 if site.zone == "Asia/Kolkata" else 0)


def test_two_tests_in_one_second_keep_their_lines_apart(site: Site) -> None:
    site.tell(site.test_began())  # the connection is warm, as it is in a run
    texts = []
    for number in range(2):
        started = site.test_began()
        site.write(f"ERROR of test {number}")
        texts.append(item_of(site.tell(started)).text)
    assert "of test 0" in texts[0]
    assert "of test 1" in texts[1]
    assert "of test 0" not in texts[1]


@pytest.mark.parametrize(
    ("site", "rotate"), [*zip(SITES[1:], ["create", "copytruncate", "compress"], strict=True)], indirect=["site"]
)
def test_a_rotation_in_mid_test_loses_nothing(site: Site, rotate: str, tmp_path: Path) -> None:
    need("logrotate")
    site.write("INFO an old line " + "x" * 300)
    site.tell(site.test_began())
    time.sleep(1.1)  # a mark of each host comes once a second
    started = site.test_began()
    site.write("INFO before the rotation")
    _rotate(site.log, rotate, tmp_path)
    site.write("ERROR after the rotation")
    text = item_of(site.tell(started)).text
    assert "before the rotation" in text
    assert "after the rotation" in text
    assert "an old line" not in text


def _rotate(log: Path, how: str, tmp_path: Path) -> None:
    settings = {"create": "create", "copytruncate": "copytruncate", "compress": "create\n compress"}[how]
    configuration = tmp_path / "logrotate.conf"
    configuration.write_text(f"{log} {{\n rotate 3\n su root root\n {settings}\n}}\n")
    if os.geteuid() != 0:
        configuration.write_text(configuration.read_text().replace(" su root root\n", ""))
    state = str(tmp_path / "logrotate.state")
    path = {**os.environ, "PATH": f"/usr/sbin:{os.environ['PATH']}"}
    subprocess.run(["logrotate", "--force", "--state", state, str(configuration)], check=True, env=path)
