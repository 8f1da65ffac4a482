"""The rows of the catalogue, each held by the examples that stand beside it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import re2
from patience import PATIENCE_S

from FailTaleLibrary.ranking.lines import Log
from FailTaleLibrary.ranking.signals import CUES, Catalogue, SignalRow, builds, rows_of, services
from FailTaleLibrary.records import our_words

FILES = {"signals.yaml": services, "build_signals.yaml": builds, "build_tool_signals.yaml": builds}


@pytest.mark.parametrize("file", FILES)
def test_a_row_is_hit_by_its_hits_and_missed_by_its_misses(file: str) -> None:
    """Through the search of the whole catalogue, as a log's lines are: no row is dead, none shadows another."""
    catalogue = FILES[file]()
    options = re2.Options()
    options.case_sensitive = False
    for row in rows_of(file):
        assert row.hits, row.name
        assert row.misses, row.name
        assert [hit for hit in row.hits if row not in catalogue.rows_in(hit)] == [], row.name
        assert [miss for miss in row.misses if row in catalogue.rows_in(miss)] == [], row.name
        for pattern in row.patterns:  # an alternative that no example needs is one that nobody would miss
            assert any(re2.compile(pattern, options).search(hit) for hit in row.hits), (row.name, pattern)
        assert row.kind not in CUES or (row.words and row.weight >= 2.5), row.name


def test_names_are_unique_in_each_catalogue() -> None:
    for catalogue in (services(), builds()):
        names = [row.name for row in catalogue.rows]
        assert sorted(names) == sorted(set(names))


def test_what_only_builds_say_is_not_searched_for_in_the_lines_of_services() -> None:
    assert not {row.name for row in rows_of("build_signals.yaml")} & {row.name for row in services().rows}
    assert services().rows_in("[command]/usr/bin/git version") == ()
    assert [row.name for row in builds().rows_in("[command]/usr/bin/git version")] == ["step passed"]


def test_in_a_build_deploying_and_restarting_are_no_events() -> None:
    assert [row.name for row in services().rows_in("deployed shop-api 2.4.1")] == ["deployment"]
    assert builds().rows_in("deployed shop-api 2.4.1") == ()


def test_lines_that_differ_in_digits_alone_hit_the_same_rows_where_the_numbers_agree() -> None:
    hits = {hit for file in FILES for row in rows_of(file) for hit in row.hits if re.search(r"\d", hit)}
    for catalogue in (services(), builds()):
        for hit in hits:
            others = {re.sub(r"\d", digit, hit) for digit in "03579"}
            like = [other for other in others if catalogue.numbers_in(other) == catalogue.numbers_in(hit)]
            assert [other for other in like if catalogue.rows_in(other) != catalogue.rows_in(hit)] == [], hit


@pytest.mark.parametrize(
    ("one", "other", "is_shared"),
    [
        ("request 3fa94c01be77 in 5 ms", "request 90cbe1a2f0d4 in 9 ms", True),
        ("span 6f1c2b3a-9d8e-4f70-8a1b-0c2d3e4f5a6b ended", "span 0a1b2c3d-4e5f-4a6b-9c7d-8e9fa0b1c2d3 ended", True),
        ("id deadbeef of the cart", "id facade00 of the cart", False),  # a word without a digit is none
        ("code 3fa94c", "code 90cbe1", False),  # nor is a short one
    ],
)
def test_lines_that_differ_in_hexadecimal_identifiers_alone_share_their_reading(
    one: str, other: str, is_shared: bool
) -> None:
    both = Log([one, other])
    assert (both.readings[0] is both.readings[1]) is is_shared
    assert both.gravity(1) == Log([other]).gravity(0)


def test_lines_that_differ_in_digits_that_a_row_asks_for_are_read_apart() -> None:
    asking = SignalRow("killed", "stop", ("^exit 137$",), our_words("killed"), 6.0, strong=True)
    lines = [f"2026-03-14 12:01:0{n} exit {code}" for n, code in enumerate((200, 137, 300, 137))]
    weights = [reading.gravity.weight for reading in Log(lines, catalogue=Catalogue([asking])).readings]
    assert weights == [0.0, 6.0, 0.0, 6.0]


def test_the_catalogue_is_not_read_before_the_first_line_is_ranked() -> None:
    asks = "import sys, FailTaleLibrary.ranking.signals as s; sys.exit(s._catalogue.cache_info().misses)"
    assert subprocess.run([sys.executable, "-c", asks], check=False, timeout=PATIENCE_S).returncode == 0
