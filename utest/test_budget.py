"""A budget alone says what a step may cost and what is used up; in seconds of its clock and in bytes."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patience import PATIENCE_S

from FailTaleLibrary.budget import Budget, HostBudget
from FailTaleLibrary.records import Plan, Step


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def a_plan(hosts: int = 2, **numbers: float) -> Plan:
    steps = tuple(
        Step(host=f"host{n}", component="app", collector="log", timeout_s=10, max_bytes=64_000) for n in range(hosts)
    )
    values = {"deadline_s": 45.0, "max_bytes": 4_000_000, "host_time_s": 30.0, "host_bytes": 1_000_000}
    return Plan.model_validate({"failure_id": "f", "steps": steps, "parallel_hosts": 16, **values, **numbers})


def host_budgets(plan: Plan, clock: Clock | None = None) -> list[HostBudget]:
    budget = Budget(plan.deadline_s, clock=clock or Clock())
    return [each.__enter__() for each in budget.for_hosts(plan).values()]


# --- Time -------------------------------------------------------------------------------------------------------------


def test_a_failures_time_runs_out_by_its_clock_and_the_sentence_names_its_limit() -> None:
    clock = Clock()
    budget = Budget(5.0, limit="limits.run_time", clock=clock)
    assert (budget.left_s, budget.used_up) == (5.0, "")
    clock.now += 5.0
    assert budget.left_s == 0.0
    assert budget.used_up == "skipped: the run's time (limits.run_time) is used up"


def test_thousands_of_items_leave_time_to_store_rank_and_draw_them_and_are_collected_for_half_of_it_at_least() -> None:
    clock = Clock()
    budget = Budget.of_caller(60, deadline_s=60)
    assert budget.for_collecting(1000) is budget
    budget = Budget(60, clock=clock)
    assert [budget.for_collecting(items).left_s for items in (10, 1000, 11_000, 10**6)] == [60, 60, 50, 30]
    clock.now += 50
    assert budget.for_collecting(11_000).left_s == 5
    assert Budget.of_caller(60, deadline_s=60).for_collecting(20_000).is_of_caller


@pytest.mark.parametrize(
    ("plan", "limit"), [(a_plan(host_time_s=4), "limits.host_time"), (a_plan(deadline_s=4), "limits.failure_time")]
)
def test_a_host_is_asked_nothing_more_when_a_command_could_not_end_in_time(plan: Plan, limit: str) -> None:
    clock = Clock()
    host = host_budgets(plan, clock)[0]
    assert host.used_up == ""
    assert host.allowance(plan.steps[0]).timeout_s == pytest.approx(3.0)
    clock.now += 3.5
    assert host.left_s == pytest.approx(0.5)
    assert limit in host.used_up


@pytest.mark.parametrize("plan", [a_plan(host_time_s=6), a_plan(deadline_s=6)])
def test_a_visit_ends_while_there_is_time_to_make_its_last_answers_evidence(plan: Plan) -> None:
    clock = Clock()
    host = host_budgets(plan, clock)[0]
    assert host.visit_s == pytest.approx(5.0)
    clock.now += 5.5
    assert (host.visit_s, host.left_s) == (0.0, pytest.approx(0.5))


def test_a_hosts_time_begins_with_its_turn_and_not_with_the_failure() -> None:
    clock = Clock()
    plan = a_plan(host_time_s=10)
    first, second = Budget(45.0, clock=clock).for_hosts(plan).values()
    with first:
        clock.now += 9.0
        assert first.left_s == pytest.approx(1.0)
    with second:
        assert second.left_s == pytest.approx(10.0)


def test_a_step_gets_its_own_time_where_that_is_the_shortest() -> None:
    plan = a_plan()
    assert host_budgets(plan)[0].allowance(plan.steps[0]).timeout_s == 10


# --- Bytes ------------------------------------------------------------------------------------------------------------


def test_a_hosts_bytes_are_used_up_by_what_is_kept() -> None:
    host = host_budgets(a_plan(host_bytes=5000))[0]
    assert host.take(4500) == 4500
    assert host.left_bytes == 500
    assert "limits.host_bytes" in host.used_up
    assert host.take(900) == 500


def test_an_item_may_be_as_large_as_what_is_left_and_a_bundles_text_as_its_own_limit() -> None:
    plan = a_plan(host_bytes=5000)
    step = plan.steps[0].model_copy(update={"bundle_bytes": 80_000})
    allowance = host_budgets(plan)[0].allowance(step)
    assert (allowance.max_bytes, allowance.travelling_bytes) == (5000, 80_000)


def test_no_host_takes_the_share_of_another_that_has_not_had_its_turn() -> None:
    first, second = host_budgets(a_plan(max_bytes=10_000))
    assert first.take(9000) == 5000
    assert "limits.failure_bytes" in first.used_up
    assert second.take(4000) == 4000


def test_what_a_host_leaves_over_is_for_the_others() -> None:
    first, second = host_budgets(a_plan(max_bytes=10_000))
    second.take(1000)
    second.__exit__(None, None, None)
    assert first.take(20_000) == 9000


@given(
    total=st.integers(1, 10_000),
    own=st.integers(1, 10_000),
    wishes=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5000)), max_size=40),
)
def test_whatever_hosts_want_no_limit_is_passed(total: int, own: int, wishes: list[tuple[int, int]]) -> None:
    hosts = host_budgets(a_plan(hosts=5, max_bytes=total, host_bytes=own))
    taken = [0] * 5
    for host, wanted in wishes:
        granted = hosts[host].take(wanted)
        assert 0 <= granted <= wanted
        taken[host] += granted
    assert sum(taken) <= total
    assert max(taken) <= own


def test_hosts_that_take_at_the_same_time_do_not_pass_the_limit_together() -> None:
    hosts = host_budgets(a_plan(hosts=8, max_bytes=100_000))
    taken: list[int] = []
    begin = threading.Barrier(8)

    def work(host: HostBudget) -> None:
        begin.wait(PATIENCE_S)
        taken.extend(host.take(700) for _ in range(50))

    threads = [threading.Thread(target=work, args=(host,), daemon=True) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(taken) == 400
    assert sum(taken) <= 100_000


def test_asking_what_may_still_be_kept_waits_for_no_other_host() -> None:
    first, _ = host_budgets(a_plan())
    told: list[object] = []

    def ask() -> None:
        told.extend((first.left_bytes, first.bytes_limit, first.bytes_used_up))

    with first._shared._lock:  # as if another host were taking some, and had no turn to go on
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(PATIENCE_S)
    assert told == [1_000_000, "limits.host_bytes", ""]


def test_where_this_machine_is_slow_more_is_kept_for_the_card_and_half_of_the_time_is_for_collecting() -> None:
    kept = [Budget(10.0, slowness=slowness).drawing_s for slowness in (1.0, 2.0, 10.0, 20.0)]
    assert kept[0] == kept[1] < kept[2] < kept[3] == 2.5
    assert Budget(10.0, slowness=20.0).without_what_follows().time_s == 5.0


@pytest.mark.skipif(not Path("/proc/thread-self/schedstat").exists(), reason="this kernel does not count it")
def test_a_process_that_shares_its_processor_finds_that_it_is_slow() -> None:
    work = "import os, time\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nends = time.monotonic() + %d\n"
    work += "while time.monotonic() < ends: pass\n"
    told = "from FailTaleLibrary.budget import slowness_of_this_thread\nprint(slowness_of_this_thread())\n"
    others = [subprocess.Popen([sys.executable, "-c", work % PATIENCE_S]) for _ in range(3)]
    try:
        one = [sys.executable, "-c", work % 2 + told]
        done = subprocess.run(one, capture_output=True, text=True, check=True)
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert float(done.stdout) > 1.5
