"""Snapshots -> suspects: a row counts by its change or by standing at its limit, never by its words."""

from __future__ import annotations

import pytest
from builders import a_failure, an_item, some_evidence
from preset_answers import collectors_of, item_of, read, recorded_cases

from FailTaleLibrary.collection.baselines import changes, masked
from FailTaleLibrary.ranking import rank
from FailTaleLibrary.records import Analysis, Item, Rows, Suspect, Window

GOOD = [(preset, name) for preset, case, name in recorded_cases() if case in ("good", "documented")]


def ranked(*items: Item) -> Analysis:
    return rank(a_failure(), some_evidence(items=items, gaps=()))


def answered(preset: str, name: str) -> Item:
    case = "documented" if preset == "systemd" and name.endswith("-state") else "good"
    item = item_of(collectors_of(preset)[name], read(preset, case, name))
    assert isinstance(item, Item)
    return item


def compared(preset: str, name: str, before: str, now: str) -> Item:
    """A preset's snapshot that read `before` when the window began and reads `now`."""
    collector = collectors_of(preset)[name]
    rows = Rows(keys=collector.row, counters=collector.counters, alarms=collector.alarms, limits=collector.limits)
    then, later = masked(before, collector.mask), masked(now, collector.mask)
    told = {"baseline": then, "changes": changes(then, later), "rows": rows, "kind": "command", "window": None}
    return an_item("web1", f"{preset}.{name}", text=now, before="", **told)


def first(*items: Item) -> Suspect:
    return ranked(*items).suspects[0]


@pytest.mark.parametrize(("preset", "name"), GOOD)
def test_what_a_healthy_machine_answers_is_no_suspect(preset: str, name: str) -> None:
    item = answered(preset, name)
    if item.window is None:
        baseline = masked(item.text, collectors_of(preset)[name].mask)
        compared_with_itself = item.with_changes(baseline=baseline, changes=())
        assert not [suspect.text for suspect in ranked(item, compared_with_itself).suspects if suspect.at is None]
    since = item.window.since if item.window else None
    failure = a_failure(window=Window(start=since, end=since)) if since else a_failure()  # when it was collected
    analysis = rank(failure, some_evidence(items=(item,), gaps=(), collected_at=failure.window.end))
    assert analysis.headline.startswith("No strong suspect")


@pytest.mark.parametrize(
    "row",
    [
        "oom_kill 0",
        "lo               UNKNOWN        127.0.0.1/8",
        "INNODB_DEADLOCKS\t1",
        "storage,gone,DOWN,L4CON,0,0",
        "errors_fatal: 12",
        "crashed_workers 3",
    ],
)
def test_words_in_a_row_of_a_snapshot_accuse_nobody(row: str) -> None:
    snapshot = an_item("web1", "state", text=row, before="", kind="command", window=None)
    assert ranked(snapshot).suspects == ()


def test_what_a_command_prints_of_a_log_still_counts() -> None:
    line = "2026-03-14T12:01:06.900Z ERROR price list is empty"
    assert first(an_item("web1", "docker logs", text=f"3 lines\n{line}", before="", window=None)).text == line


ALARMS = [
    ("linux", "oom-kills", "oom_kill 2", "oom_kill 3", "oom_kill 2 → 3"),
    ("linux", "clock", "boot 2f70", "boot 91ab", "boot 2f70 → 91ab"),
    ("mariadb", "counters", "INNODB_DEADLOCKS\t1", "INNODB_DEADLOCKS\t2", "INNODB_DEADLOCKS 1 → 2"),
    (
        "postgresql",
        "counters",
        "shop|rollbacks=1|conflicts=0|deadlocks=0|temp_files=0",
        "shop|rollbacks=9|conflicts=0|deadlocks=1|temp_files=0",
        "shop rollbacks=1 deadlocks=0 → rollbacks=9 deadlocks=1",
    ),
    ("redis", "state", "rejected_connections:0", "rejected_connections:7", "rejected_connections 0 → 7"),
    ("systemd", "myapp-state", "NRestarts=0", "NRestarts=1", "NRestarts 0 → 1"),
]  # fmt: skip


@pytest.mark.parametrize(("preset", "name", "before", "now", "words"), ALARMS)
def test_what_tells_a_fault_by_its_change_is_strong(preset: str, name: str, before: str, now: str, words: str) -> None:
    suspect = first(compared(preset, name, before, now))
    assert suspect.is_strong
    assert suspect.text == words


MOVING = [
    ("linux", "tcp-states", "ESTAB 6\nTIME-WAIT 30", "ESTAB 9\nTIME-WAIT 3075"),
    ("linux", "tcp-troubles", "RetransSegs 283\nListenDrops 4", "RetransSegs 299\nListenDrops 9"),
    ("mariadb", "counters", "THREADS_CONNECTED\t3", "THREADS_CONNECTED\t9"),
    ("postgresql", "counters", "shop|rollbacks=1|deadlocks=2", "shop|rollbacks=4|deadlocks=2"),
    ("postgresql", "connections", "connections|2|shop|active", "connections|9|shop|active"),
    ("redis", "state", "connected_clients:1", "connected_clients:4"),
    ("haproxy", "limits", "CurrConns: 0", "CurrConns: 3"),
    ("redis", "state", "evicted_keys:7", "evicted_keys:0"),  # the server's counters began anew
]


@pytest.mark.parametrize(("preset", "name", "before", "now"), MOVING)
def test_what_moves_all_the_time_is_no_suspect(preset: str, name: str, before: str, now: str) -> None:
    assert ranked(compared(preset, name, before, now)).suspects == ()


DISKS = """\
Filesystem Type 1024-blocks Used Available Capacity Mounted on
tmpfs tmpfs 24684096 2096 24682000 {shm}% /dev/shm
tmpfs tmpfs 24684096 2096 24682000 {run}% /run
tmpfs tmpfs 24684096 2096 24682000 {var}% /var/spool/my jobs
/dev/loop0 squashfs 65536 65536 0 100% /snap/core"""


def test_rows_that_begin_alike_are_told_apart_by_their_key_and_the_worst_is_first() -> None:
    analysis = ranked(
        compared("linux", "disk", DISKS.format(shm=7, run=3, var=40), DISKS.format(shm=8, run=3, var=100))
    )
    assert [suspect.text for suspect in analysis.suspects] == ["/var/spool/my jobs 40% → 100%", "/dev/shm 7% → 8%"]
    assert [suspect.is_strong for suspect in analysis.suspects] == [True, False]
    assert "reached its limit" in analysis.suspects[0].signals[0].words


def test_what_stood_at_its_limit_when_the_test_began_is_said_so() -> None:
    full = DISKS.format(shm=7, run=3, var=100)
    suspect = first(compared("linux", "disk", full, full))
    assert suspect.text.endswith("100% /var/spool/my jobs")
    assert [(signal.name, signal.words, signal.strong) for signal in suspect.signals] == [
        ("at its limit", "was at its limit before the test began", True)
    ]


def test_expressions_that_are_none_say_nothing() -> None:
    rows = Rows(keys=("(",), counters=("[",), alarms=("*",), limits=("(?=x)",))
    told = {"rows": rows, "baseline": "x 1", "changes": ("- x 1", "+ x 2"), "kind": "command", "window": None}
    assert first(an_item("web1", "state", text="x 2", before="", **told)).text == "x 1 → 2"
