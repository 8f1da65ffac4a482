"""Recorded answers of real programs to the presets' collectors: what evidence makes of them."""

from __future__ import annotations

import pytest
from preset_answers import FIXTURES, SECRET, SHIPPED, collectors_of, item_of, judge, read, recorded_cases, shown

from FailTaleLibrary.collection.baselines import changes, masked
from FailTaleLibrary.records import Gap

RECORDED = list(recorded_cases())
NEVER_GOOD_HERE = {("linux", name) for name in ("read-only", "failed-units", "stopped")} | {("systemd", "myapp-state")}
"""No disk is read-only on the machine that recorded, no process is stopped, and no systemd runs there; what
`systemctl show` says of a unit is written after its manual, in `documented.yaml`."""
NEVER_EMPTY = {
    ("linux", name) for name in ("disk", "inodes", "oom-kills", "listeners", "routes", "tcp-states", "stuck")
}
"""On a machine that runs."""
NO_FREE_TEXT = {"linux", "rabbitmq", "redis"}
"""What they show has no place for a secret: names, states and counts."""


def of(case: str) -> set[tuple[str, str]]:
    return {(preset, name) for preset, recorded_case, name in RECORDED if recorded_case == case}


def everything() -> set[tuple[str, str]]:
    return {(preset, name) for preset in SHIPPED for name in collectors_of(preset)}


@pytest.mark.parametrize(("preset", "case"), sorted({(preset, case) for preset, case, _ in RECORDED}))
def test_a_recorded_answer_tells_its_reader_what_it_is(preset: str, case: str) -> None:
    collectors = collectors_of(preset)
    for name in (name for *of_case, name in RECORDED if of_case == [preset, case]):
        recorded = read(preset, case, name)
        judge(case, collectors[name], recorded)
        assert recorded.command == shown(collectors[name]), "record it anew: see preset_answers.py"


def test_every_collector_has_a_good_answer() -> None:
    assert everything() - of("good") == NEVER_GOOD_HERE


def test_every_collector_that_can_be_empty_has_an_empty_answer() -> None:
    said = {(preset, name) for preset, name in everything() if collectors_of(preset)[name].empty_means}
    assert said - of("empty") <= NEVER_EMPTY
    assert of("empty") <= said


def test_every_collector_that_wants_a_right_has_a_refused_answer() -> None:
    said = {(preset, name) for preset, name in everything() if collectors_of(preset)[name].privilege}
    assert said == of("permission-denied")


def test_every_collector_whose_program_may_be_missing_has_an_answer_without_it() -> None:
    everywhere = {("java", "crash"), *((preset, name) for preset, name in everything() if preset == "linux")}
    assert everything() - of("missing-tool") == everywhere


def test_secrets_stood_in_the_answers_of_every_preset_that_shows_free_text() -> None:
    bearing = {preset for preset, name in of("secrets") if SECRET in read(preset, "secrets", name).stdout}
    assert bearing == SHIPPED.keys() - NO_FREE_TEXT


def test_no_recorded_answer_holds_a_path_of_one_run() -> None:
    for path in FIXTURES.glob("*/*.yaml"):
        assert "/tmp/failtale-" not in path.read_text(), path


def test_a_missing_log_is_a_gap_with_its_name() -> None:
    gap = item_of(collectors_of("nginx")["errors"], read("nginx", "missing-tool", "errors"))
    assert isinstance(gap, Gap)
    assert gap.reason == "file not found"
    assert "/var/log/nginx" in gap.detail


def test_a_unit_that_was_restarted_shows_as_a_change_and_its_memory_does_not() -> None:
    collector = collectors_of("systemd")["myapp-state"]
    before = read("systemd", "documented", "myapp-state").stdout
    later = before.replace("MemoryCurrent=", "MemoryCurrent=9")
    assert changes(masked(before, collector.mask), masked(later, collector.mask)) == ()
    restarted = later.replace("NRestarts=0", "NRestarts=1")
    told = changes(masked(before, collector.mask), masked(restarted, collector.mask))
    assert [line for line in told if line[0] in "+-"] == ["- NRestarts=0", "+ NRestarts=1"]
