"""Snapshots -> suspects: a row counts by its change or by standing at its limit, never by its words."""

from __future__ import annotations

import pytest
from builders import a_failure, an_item, some_evidence
from preset_answers import collectors_of, item_of, read, recorded_cases

from FailTaleLibrary.collection.baselines import changes, masked
from FailTaleLibrary.ranking import rank
from FailTaleLibrary.records import Analysis, Item, Rows, Suspect, Window

UNWELL = {
    ("java", "threads"): "Found 1 deadlock.",
    ("rabbitmq", "alarms"): "Memory alarm on node shop@localhost",
}
"""Of these a machine that is not well was recorded: what is wrong with it."""
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


@pytest.mark.parametrize(("preset", "name"), [case for case in GOOD if case not in UNWELL])
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


def test_rows_of_one_s_own_command_that_begin_alike_are_told_by_the_path_at_their_end() -> None:
    head = "Filesystem 1K-blocks Used Available Use% Mounted on"
    before = f"{head}\ntmpfs 100 7 93 7% /run\ntmpfs 100 40 60 40% /spool\ntmpfs 100 9 91 9% /tmp"
    now = f"{head}\ntmpfs 100 8 92 8% /run\ntmpfs 100 100 0 100% /spool\ntmpfs 100 9 91 9% /tmp"
    told = {"baseline": before, "changes": changes(before, now), "kind": "command", "window": None}
    analysis = ranked(an_item("web1", "disks", text=now, before="", **told))
    assert analysis.headline == "web1 · disks: tmpfs /spool 40 60 40% → 100 0 100%"
    assert analysis.suspects[1].text == "tmpfs /run 7 93 7% → 8 92 8%"


def test_what_stood_at_its_limit_when_the_test_began_is_said_so() -> None:
    full = DISKS.format(shm=7, run=3, var=100)
    suspect = first(compared("linux", "disk", full, full))
    assert suspect.text.endswith("100% /var/spool/my jobs")
    assert [(signal.name, signal.words, signal.strong) for signal in suspect.signals] == [
        ("at its limit", "stood like this before the test began", True)
    ]


@pytest.mark.parametrize(("preset", "name"), UNWELL)
def test_what_is_wrong_with_a_machine_is_strong(preset: str, name: str) -> None:
    item = answered(preset, name)
    collector = collectors_of(preset)[name]
    suspect = first(item.model_copy(update={"rows": Rows(keys=collector.row, limits=collector.limits)}))
    assert (suspect.text, suspect.is_strong) == (UNWELL[preset, name], True)


@pytest.mark.parametrize(
    ("preset", "name", "row", "strong"),
    [
        ("postgresql", "blocked", "812|waits for|{811}|Lock/relation|00:00:00.75|SELECT 1", False),
        ("postgresql", "blocked", "812|waits for|{811}|Lock/relation|00:00:04.125|SELECT 1", True),
        ("postgresql", "blocked", "812|waits for|{811}|Lock/tuple|00:02:00|SELECT 1", True),
        ("postgresql", "blocked", "812|waits for|{811}|Lock/tuple|1 day 00:00:00.1|SELECT 1", False),
        ("mariadb", "lock-waits", "9\t8\t`shop`.`orders`\tX\t1\tUPDATE", False),
        ("mariadb", "lock-waits", "9\t8\t`shop`.`orders`\tX\t31\tUPDATE", True),
        ("redis", "state", "master_link_status:down", True),
        ("redis", "state", "master_link_status:up", False),
        ("redis", "state", "rdb_last_bgsave_status:err", True),
        ("systemd", "myapp-state", "ActiveState=failed", True),
        ("systemd", "myapp-state", "ActiveState=active", False),
    ],
)
def test_a_state_that_stood_before_the_test_is_strong_where_it_is_none_of_a_healthy_service(
    preset: str, name: str, row: str, *, strong: bool
) -> None:
    suspects = ranked(compared(preset, name, f"{row}\n", f"{row}\n")).suspects
    assert [suspect.is_strong for suspect in suspects] == ([True] if strong else [])


STOPPED = "pid 812, parent 1, state Ts: python3 shop.worker"


def test_a_process_that_was_stopped_in_the_test_is_strong_and_named_by_its_script() -> None:
    analysis = ranked(compared("linux", "stopped", "", f"{STOPPED}\n"))
    assert analysis.headline == f"web1 · stopped: {STOPPED}"
    assert [signal.words for signal in analysis.suspects[0].signals] == ["broke since the window began"]


def test_a_process_that_stood_stopped_before_the_test_is_strong_as_well() -> None:
    suspect = first(compared("linux", "stopped", f"{STOPPED}\n", f"{STOPPED}\n"))
    assert (suspect.text, suspect.is_strong) == (STOPPED, True)


@pytest.mark.parametrize(
    ("was", "now", "strong"),
    [
        ("open files 1200 of 65536 (1%)", "open files 64000 of 65536 (97%)", True),
        ("tracked connections 262144 of 262144 (100%)", "tracked connections 262144 of 262144 (100%)", True),
        ("", "connections waiting at 0.0.0.0:8080 129 of 128 (100%)", True),
        ("tasks 200 of 192730 (0%)", "tasks 900 of 192730 (0%)", None),
    ],
)
def test_a_table_of_the_kernel_that_is_full_is_strong_and_one_that_moves_is_nothing(
    was: str, now: str, strong: bool | None
) -> None:
    suspects = ranked(compared("linux", "limits", f"{was}\n", f"{now}\n")).suspects
    assert [suspect.is_strong for suspect in suspects] == ([] if strong is None else [strong])


def test_expressions_that_are_none_say_nothing() -> None:
    rows = Rows(keys=("(",), counters=("[",), alarms=("*",), limits=("(?=x)",))
    told = {"rows": rows, "baseline": "x 1", "changes": ("- x 1", "+ x 2"), "kind": "command", "window": None}
    assert first(an_item("web1", "state", text="x 2", before="", **told)).text == "x 1 → 2"
