"""Figures of a fleet from several runs become one table and one picture; the newest of a size counts."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.fleet import Point, kept, plot


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


def test_the_picture_shows_every_point_of_every_kind(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="only benches draw plots")
    found = {
        "SSH": [point(200, 11.0), point(10)],
        "Salt, by a stand-in": [point(100), point(1000), point(5000, 14.0)],
        "Salt, real minions": [point(80, 14.0)],
    }
    plot(found, tmp_path / "fleet.svg")
    groups = {each.get("id"): each for each in ElementTree.parse(tmp_path / "fleet.svg").iter() if each.get("id")}
    drawn = {what: sum(each.tag.endswith("}use") for each in groups[what].iter()) for what in found}
    assert drawn == {what: len(points) for what, points in found.items()}
