"""What a fleet costs: a point is a whole run, and figures of several runs become one table."""

from __future__ import annotations

from pathlib import Path

from bench.fleet import Point, kept, measured


def point(hosts: int, seconds: float = 2.0) -> Point:
    return Point(
        hosts=hosts,
        with_evidence=hosts,
        seconds=seconds + 2,
        collecting_s=seconds,
        peak_bytes=100_000_000 + 10_000 * hosts,
        log_bytes=300_000,
        jobs=2,
        received_bytes=1000 * hosts,
        in_full=hosts,
        first_suspect="",
        why_not="",
    )


def test_figures_of_several_runs_are_kept_and_the_newest_of_a_size_counts(tmp_path: Path) -> None:
    path = tmp_path / "build" / "fleet.json"
    kept({"Salt, real minions": [point(200, 50.0), point(80)]}, path)
    found = kept({"Salt, real minions": [point(200, 30.0)], "SSH": [point(10)]}, path)
    assert found == {"SSH": [point(10)], "Salt, real minions": [point(80), point(200, 30.0)]}
    assert kept({}, path) == found


def test_a_point_is_what_one_whole_run_of_robot_cost() -> None:
    configuration = {
        "components": {"app": {"collectors": [{"name": "quick", "command": "echo here"}]}},
        "hosts": {"here": {"component": "app", "transport": "local"}},
    }
    told = measured(configuration)
    assert (told.hosts, told.with_evidence, told.why_not) == (1, 1, "")
    assert told.seconds > told.collecting_s
    assert told.peak_bytes > 1_000_000
