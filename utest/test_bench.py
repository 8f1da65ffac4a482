"""What a bench says below its table: which way is first, and whether the goals are met."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from sshd import Sshd

from bench import growth
from bench.__main__ import NAMES, listed, main
from bench.collection import verdicts
from bench.environment import ROOT, environment, pip_line, refuse_plots_without_matplotlib

PARAMIKO = "paramiko, 4 channels"


def of(failtale: float, paramiko: float, asyncssh: float) -> Mapping[str, tuple[float, ...]]:
    """Seconds that the ways took, cold and warm alike."""
    seconds = {"FailTale": failtale, PARAMIKO: paramiko, "asyncssh": asyncssh}
    return {way: (each, each, 0.1, 0.1) for way, each in seconds.items()}


def test_every_bench_is_listed_and_every_bench_that_the_docs_name_exists() -> None:
    assert [line.split()[0] for line in listed().splitlines()] == [*NAMES]
    pages = [*ROOT.glob("docs/**/*.md"), ROOT / "CONTRIBUTING.md"]
    named = {name for page in pages for name in re.findall(r"\./dev bench ([a-z]\w*)", page.read_text())}
    assert named <= {*NAMES}


def test_no_name_lists_the_benches_and_measures_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench"])
    assert main() == 0
    assert listed() in capsys.readouterr().out


def test_a_collection_says_which_way_is_first_and_whether_the_goals_are_met() -> None:
    said = list(verdicts(dict(of(0.30, 0.27, 0.29)), far=False))
    assert said[:2] == [f"{kind}, first is {PARAMIKO}, then asyncssh, FailTale" for kind in ("cold", "warm")]
    assert [line.split(":")[0] for line in said[2:]] == ["goal MISSED", "goal met", "goal met"]
    assert "(1.11 of paramiko, 4 channels)" in said[2]


def test_with_a_delay_warm_must_be_ahead_of_plain_paramiko() -> None:
    assert list(verdicts(dict(of(0.26, 0.25, 0.30)), far=True))[-1].startswith("goal MISSED: warm")
    assert list(verdicts(dict(of(0.24, 0.25, 0.20)), far=True))[-1].startswith("goal met: warm")


def test_a_goal_beside_a_way_that_was_not_measured_is_not_told_as_met() -> None:
    measured = dict(of(0.24, 0.25, 0.30))
    del measured[PARAMIKO]
    assert list(verdicts(measured, far=True))[-1].startswith("goal not told")


@pytest.mark.parametrize(("seconds", "begins"), [((1, 10, 20), "goal met"), ((1, 10, 40), "goal MISSED")])
def test_growth_faster_than_in_proportion_is_told(seconds: tuple[int, ...], begins: str) -> None:
    found = [growth.Point(size, 60.0, each, 0, 0, 0, 0, 0) for size, each in zip((1, 10, 20), seconds, strict=True)]
    assert next(growth.verdicts(growth.AXES[0], found)).startswith(begins)


def test_the_way_that_goals_are_told_beside_comes_to_its_end_where_many_threads_use_its_connections(
    new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    """An end of input behind the end of its channel cost a whole connection in half of the runs of ten hosts."""
    host = new_host(options=["MaxStartups 1000", "MaxSessions 20"])
    (tmp_path / "known_hosts").write_text(host.known_hosts_line)
    settings = {
        "hosts": [{"name": f"host{number}", "address": host.address, "port": host.port} for number in range(10)],
        "user": host.user,
        "key": str(host.key),
        "known_hosts": str(tmp_path / "known_hosts"),
        "commands": ["true", "uptime", "cat /proc/loadavg", "true"] * 2,
        "rounds": 6,
    }
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "bench.rivals", PARAMIKO, str(tmp_path / "settings.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), cwd=ROOT)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, settings["rounds"]), done.stderr


def test_growth_tells_a_broken_bound_of_memory_and_missing_items() -> None:
    logs = next(axis for axis in growth.AXES if axis.name == "logs")
    said = list(
        growth.verdicts(logs, [growth.Point(50, 1.0, 0.5, 160 * growth.MB, 0, 0, 0, 2, ("host7: no answer",) * 2)])
    )
    assert [line.split(":")[0] for line in said] == ["goal MISSED", "goal MISSED"]
    assert said[-1].endswith("(2 are; host7: no answer)")


def test_growth_is_not_judged_by_points_that_hardly_differ() -> None:
    found = [growth.Point(size, 60.0, cpu_s, 0, 0, 0, 0, 0) for size, cpu_s in ((1, 1.3), (10, 1.3), (100, 9.0))]
    assert next(growth.verdicts(growth.AXES[0], found)).startswith("goal not told")


def test_a_plot_that_cannot_be_drawn_is_refused_before_anything_is_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit):
        refuse_plots_without_matplotlib(argparse.ArgumentParser())
    assert pip_line("--group", "bench") in capsys.readouterr().err


def test_the_line_to_type_is_for_the_interpreter_that_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(sys.executable).parent)
    assert pip_line("asyncssh").split()[1:] == ["-m", "pip", "install", "asyncssh"]
    assert Path(pip_line("asyncssh").split()[0]).resolve() == Path(sys.executable).resolve()
