"""All hosts are asked at once, within every limit, and what they answered is kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from patience import FOREVER_S, PATIENCE_S, wait_until
from sshd import Sshd, running_with

from FailTaleLibrary.budget import Budget
from FailTaleLibrary.collection.collect import Collected, collect
from FailTaleLibrary.collection.host import CollectionContext, HostAccess, HostSession, silence_judged
from FailTaleLibrary.collection.plan import plan
from FailTaleLibrary.collection.source import OwnHosts, check_hosts
from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import RedactionError, TransportError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.progress import CollectionState
from FailTaleLibrary.ranking import rank
from FailTaleLibrary.records import Failure, Window
from FailTaleLibrary.redaction import Redacted, Redactor
from FailTaleLibrary.transports import CommandResult, Connections, Script, VisitStart
from FailTaleLibrary.transports.base import Items, OnResult, Transport
from FailTaleLibrary.windows import Marks
from FailTaleLibrary.windows.mark_pace import Pace


def a_config(collectors: list[dict[str, Any]], hosts: dict[str, Any] | None = None, **sections: Any) -> Config:
    return Config.model_validate(
        {
            "components": {"app": {"collectors": collectors}},
            "hosts": hosts or {"here": {"component": ["app"], "transport": "local"}},
            "bundles": {"enabled": False},
            **sections,
        }
    )


def a_failure(started: datetime | None = None) -> Failure:
    now = datetime.now(timezone.utc)
    return Failure(id="f" * 32, name="Order", window=Window(start=started or now - timedelta(seconds=5), end=now))


def collected(config: Config, *, failure: Failure | None = None, **arguments: Any) -> Collected:
    failure = failure or a_failure()
    connections = Connections(config)
    try:
        access = HostAccess.of(config, connections)
        return collect(
            plan(failure, config), failure, access, redactor=Redactor(), faults=Faults(Redactor), **arguments
        )
    finally:
        connections.close()


def text_of(result: Collected, item_id: str) -> str:
    item = result.evidence.item(item_id)
    assert item is not None, result.evidence
    return item.text


def reasons(result: Collected) -> dict[str, str]:
    return {f"{gap.host}/{gap.collector or '*'}": gap.reason for gap in result.evidence.gaps}


def test_hosts_are_asked_at_the_same_time(tmp_path: Path) -> None:
    # each host waits until all four have begun: one after the other would end in time-outs
    meet = f"touch {tmp_path}/$$; until [ $(ls {tmp_path} | wc -l) -ge 4 ]; do sleep 0.05; done; echo met"
    hosts = {f"host{n}": {"component": ["app"], "transport": "local"} for n in range(4)}
    result = collected(
        a_config(
            [{"name": "meet", "command": meet, "timeout": 500}], hosts, limits={"host_time": 500, "failure_time": 500}
        )
    )
    assert [item.text for item in result.evidence.items] == ["met\n"] * 4


def test_a_collector_that_hangs_costs_its_time_and_no_other_item() -> None:
    config = a_config(
        [
            {"name": "hung", "command": "echo half; sleep 600", "timeout": 3},
            {"name": "good", "command": "echo good"},
        ]
    )
    result = collected(config)
    assert text_of(result, "here/good") == "good\n"
    hung = result.evidence.item("here/hung")
    assert hung is not None
    assert (hung.text, hung.timed_out) == ("half\n", True)


def test_the_failures_time_limit_holds_and_what_came_until_then_is_kept() -> None:
    config = a_config(
        [{"name": "a", "command": "echo first"}, {"name": "b", "command": "sleep 600", "timeout": 500}],
        limits={"failure_time": 6, "host_time": 500},
    )
    began = time.monotonic()
    result = collected(config)
    assert time.monotonic() - began < PATIENCE_S
    assert text_of(result, "here/a") == "first\n"
    assert reasons(result)["here/b"] in ("timed out", "skipped")


@pytest.mark.parametrize(("where", "heading"), [("", ""), (" >&2", "[printed on stderr; older lines were left out]\n")])
def test_output_without_an_end_is_kept_as_far_as_it_came(where: str, heading: str) -> None:
    flood = [{"name": "flood", "command": f"yes 'a line of the flood'{where}", "timeout": 500}]
    for seconds in (6, 30, 120):  # on a busy machine little comes within the first
        result = collected(a_config(flood, limits={"host_time": seconds, "failure_time": 2 * seconds}))
        item = result.evidence.item("here/flood")
        if item is not None and len(item.text) > 10_000:
            break
    assert item is not None, reasons(result)
    assert item.timed_out
    assert item.text.startswith(f"{heading}a line of the flood\n")
    assert len(item.text) > 10_000


def test_a_host_whose_time_is_used_up_says_so_for_each_step_that_it_cost() -> None:
    """Two at once, from both ends: what waits is overtaken, but not by everybody."""
    hung = [{"name": name, "command": "sleep 600", "timeout": 500} for name in "abcd"]
    result = collected(a_config(hung, limits={"host_time": 6}))
    assert reasons(result) == {
        "here/a": "timed out",
        "here/b": "skipped",
        "here/c": "skipped",
        "here/d": "timed out",
    }
    skipped = [gap for gap in result.evidence.gaps if gap.reason == "skipped"]
    assert all("limits.host_time" in gap.detail for gap in skipped)


@pytest.mark.parametrize(("waited_s", "reason"), [(0.4, "skipped"), (8.0, "no answer")])
def test_the_silence_of_a_host_says_nothing_where_our_own_time_was_over_at_once(waited_s: float, reason: str) -> None:
    error = TransportError("no answer", "the host was silent at the time limit")
    assert silence_judged(error, waited_s=waited_s).reason == reason
    refused = TransportError("refused", "no SSH server listens there")
    assert silence_judged(refused, waited_s=waited_s).reason == "refused"


def test_an_item_that_had_less_than_a_fair_time_of_ours_is_skipped_and_not_silent() -> None:
    hung = [{"name": "a", "command": "sleep 600", "timeout": 500}]
    assert reasons(collected(a_config(hung, limits={"host_time": 2}))) == {"here/a": "skipped"}


def test_an_item_that_hangs_costs_no_other() -> None:
    collectors = [{"name": "a", "command": "sleep 600", "timeout": 500}, {"name": "b", "command": "echo b"}]
    result = collected(a_config(collectors, limits={"host_time": 6}))
    assert reasons(result) == {"here/a": "timed out"}
    assert [item.text for item in result.evidence.items] == ["b\n"]


def test_a_host_whose_bytes_are_used_up_says_so() -> None:
    config = a_config(
        [{"name": "a", "command": "head -c 5000 /dev/zero | tr '\\0' x"}, {"name": "b", "command": "echo b"}],
        limits={"host_bytes": 5500},
    )
    assert "limits.host_bytes" in collected(config).evidence.gaps[0].detail


def test_a_failures_bytes_are_an_end_for_all_hosts_together_and_each_has_its_share() -> None:
    hosts = {f"host{n}": {"component": ["app"], "transport": "local"} for n in range(6)}
    much = "yes 'one line, and then another' | head -n 1000"
    config = a_config(
        [{"name": "a", "command": much}, {"name": "b", "command": much}], hosts, limits={"failure_bytes": "10 kB"}
    )
    evidence = collected(config).evidence
    assert sum(len(item.text.encode()) for item in evidence.items) <= 10_000
    assert {item.host for item in evidence.items} == set(hosts)
    assert all(item.omitted_bytes for item in evidence.items)
    assert {gap.reason for gap in evidence.gaps} <= {"skipped"}
    assert all("limits.failure_bytes" in gap.detail for gap in evidence.gaps)


def test_bytes_are_bytes_and_no_characters() -> None:
    config = a_config(
        [{"name": "a", "command": "yes 'Größe: 5 €' | head -n 300"}, {"name": "b", "command": "echo b"}],
        limits={"host_bytes": 3000},
    )
    result = collected(config)
    assert 2000 < len(text_of(result, "here/a").encode()) <= 3000
    assert "limits.host_bytes" in result.evidence.gaps[0].detail


def test_cancelling_ends_it_early_and_the_rest_is_a_gap(tmp_path: Path) -> None:
    began = tmp_path / "began"
    limits = {"host_time": 600, "failure_time": 600}
    config = a_config([{"name": "slow", "command": f"touch {began}; sleep 600", "timeout": 500}], limits=limits)
    cancel = threading.Event()
    threading.Thread(target=lambda: wait_until(began.exists) and cancel.set(), daemon=True).start()
    result = collected(config, cancel=cancel)
    assert reasons(result) == {"here/slow": "cancelled"}


class TimedOutError(BaseException):
    """What a test framework raises in the thread of a test whose time is over."""


def test_hosts_are_left_when_the_tests_own_time_is_over_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILTALE_TEST", str(tmp_path))

    def time_is_over(_: CollectionState) -> None:
        if "sleep 600" in running_with(f"FAILTALE_TEST={tmp_path}"):
            raise TimedOutError

    limits = {"host_time": 600, "failure_time": 600}
    with pytest.raises(TimedOutError):
        collected(
            a_config([{"name": "slow", "command": "sleep 600", "timeout": 500}], limits=limits), progress=time_is_over
        )
    assert wait_until(lambda: running_with(f"FAILTALE_TEST={tmp_path}") == [])


def test_progress_counts_up_to_all_steps() -> None:
    seen: list[CollectionState] = []
    config = a_config([{"name": "a", "command": "true"}, {"name": "b", "command": "true"}])
    collected(config, progress=seen.append)
    assert str(seen[0]) == "0 of 1 hosts, waiting for here"
    assert [state.steps_done for state in seen] == sorted(state.steps_done for state in seen)
    assert seen[-1] == CollectionState(steps_done=2, steps=2, hosts_done=1, hosts=1)


def test_progress_names_the_host_that_is_waited_for_longest() -> None:
    seen: list[CollectionState] = []
    cancel = threading.Event()

    def note(state: CollectionState) -> None:
        seen.append(state)
        if state.hosts_done == 1:
            cancel.set()

    config = a_config(
        [{"name": "a", "command": "true"}],
        {name: {"component": [name], "transport": "local"} for name in ("quick", "slow")},
        components={
            "quick": {"collectors": [{"name": "a", "command": "true"}]},
            "slow": {"collectors": [{"name": "b", "command": f"sleep {FOREVER_S}", "timeout": 500}]},
        },
    )
    collected(config, progress=note, cancel=cancel)
    assert str(seen[-1]) == "1 of 2 hosts, waiting for slow"


def test_every_hosts_clock_is_read() -> None:
    (clock,) = collected(a_config([{"name": "a", "command": "true"}])).evidence.clocks
    assert clock.offset_s == 0  # it is this machine's own
    assert clock.utc_offset_s is not None


def test_lines_of_an_earlier_test_are_no_evidence_of_this_one(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    config = a_config([{"name": "log", "file": [str(log)]}])
    connections = Connections(config)
    marks = Marks(config, connections)

    def write(text: str, *, ago_s: float = 0.0) -> None:
        with log.open("a") as file:
            file.write(f"{(datetime.now(timezone.utc) - timedelta(seconds=ago_s)).isoformat()} {text}\n")

    write("ERROR of the first test", ago_s=5)
    started = datetime.now(timezone.utc)
    marks.window_began()
    write("ERROR of this test")
    result = collect(
        plan(a_failure(started), config), a_failure(started), HostAccess.of(config, connections, marks),
        redactor=Redactor(), faults=Faults(Redactor),
    )  # fmt: skip
    connections.close()
    assert "of this test" in text_of(result, "here/log")
    assert "of the first test" not in text_of(result, "here/log")
    item = result.evidence.item("here/log")
    assert item is not None
    assert item.before == ""


def test_a_snapshot_shows_what_changed_since_the_window_began(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text("shop.service active pid 17\n")
    command = {"name": "units", "command": f"cat {state}", "baseline": True, "mask": ["pid [0-9]+"]}
    config = a_config([command])
    connections = Connections(config)
    marks = Marks(config, connections)
    marks.window_began()
    assert wait_until(lambda: marks.around("here", datetime.now(timezone.utc))[0] is not None)
    started = datetime.now(timezone.utc)
    state.write_text("shop.service failed pid 18\n")
    result = collect(
        plan(a_failure(started), config), a_failure(started), HostAccess.of(config, connections, marks),
        redactor=Redactor(), faults=Faults(Redactor),
    )  # fmt: skip
    connections.close()
    item = result.evidence.item("here/units")
    assert item is not None
    assert item.changes == ("- shop.service active …", "+ shop.service failed …")


def noted(config: Config) -> tuple[Connections, Marks]:
    """Connections and marks of which each host has one."""
    connections = Connections(config)
    marks = Marks(config, connections)
    marks.window_began()
    assert wait_until(lambda: marks.around("here", datetime.now(timezone.utc)) != (None, None))
    return connections, marks


def test_a_baseline_that_must_be_withheld_costs_no_other_item(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text("a line that takes too long to search\n")

    class Slow(Redactor):
        def redact(self, text: str) -> Redacted:
            if "too long" in text:
                raise RedactionError("its time was up")
            return super().redact(text)

    units = {"name": "units", "command": f"cat {state}", "baseline": True}
    config = a_config([units, {"name": "later", "command": "echo later"}])
    connections, marks = noted(config)
    state.write_text("well\n")
    failure = a_failure(datetime.now(timezone.utc))
    result = collect(
        plan(failure, config),
        failure,
        HostAccess.of(config, connections, marks),
        redactor=Slow(),
        faults=Faults(Redactor),
    )
    connections.close()
    assert (text_of(result, "here/units"), text_of(result, "here/later")) == ("well\n", "later\n")
    assert result.evidence.gaps == ()
    item = result.evidence.item("here/units")
    assert item is not None
    assert item.changes == ("  (how it was when the window began is withheld: its time was up)",)


@pytest.mark.parametrize("step", ["-1 hour", "+1 hour", "-0.8 seconds", "+0.8 seconds"])
def test_a_clock_that_is_set_within_a_window_neither_widens_nor_empties_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    programs, clock, log = tmp_path / "bin", tmp_path / "clock", tmp_path / "app.log"
    programs.mkdir()
    date = shutil.which("date")
    (programs / "date").write_text(
        f'#!/bin/sh\n[ "$1" != -r ] || exec {date} "$@"\nexec {date} -d "$(cat {clock})" "$@"\n'
    )
    (programs / "date").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    def write(text: str) -> None:
        stamp = subprocess.run(["date", "+%F %T.%3N"], check=True, capture_output=True, text=True).stdout.strip()
        with log.open("a") as file:
            file.write(f"{stamp} {text}\n")

    clock.write_text("now")
    write("ERROR before")
    config = a_config([{"name": "log", "file": str(log)}])
    connections, marks = noted(config)
    failure_began = datetime.now(timezone.utc)
    write("ERROR ahead of the step")
    clock.write_text(step)
    write("ERROR behind the step")
    failure = a_failure(failure_began)
    result = collect(
        plan(failure, config),
        failure,
        HostAccess.of(config, connections, marks),
        redactor=Redactor(),
        faults=Faults(Redactor),
    )
    connections.close()
    assert [line.partition("ERROR ")[2] for line in text_of(result, "here/log").splitlines()] == [
        "ahead of the step",
        "behind the step",
    ]
    item = result.evidence.item("here/log")
    assert item is not None
    assert item.window is not None
    assert ("clock was set after the mark" in item.window.note) == ("hour" in step)


@pytest.mark.ssh
def test_one_connection_serves_all_collectors_of_a_host_and_a_dead_host_is_one_gap(
    new_host: Callable[..., Sshd],
) -> None:
    host, dead = new_host(name="web1"), new_host(name="dead")
    dead.stop()
    config = a_config(
        [{"name": f"c{n}", "command": f"echo {n}"} for n in range(5)],
        {
            each.name: {
                "component": ["app"],
                "address": each.address,
                "ssh": each.ssh_settings(),
            }
            for each in (host, dead)
        },
    )
    result = collected(config)
    assert [item.text for item in result.evidence.items] == [f"{n}\n" for n in range(5)]
    assert result.evidence.cost.connections == 1
    assert reasons(result) == {"dead/*": "refused"}


@pytest.mark.ssh
def test_checking_hosts_tells_each_ones_trouble(new_host: Callable[..., Sshd]) -> None:
    host = new_host(name="web1")
    config = a_config(
        [],
        {
            "web1": {"component": ["app"], "address": host.address, "ssh": host.ssh_settings()},
            "stranger": {
                "component": ["app"],
                "address": host.address,
                "ssh": host.ssh_settings(host_key="SHA256:" + "A" * 43, known_hosts=None),
            },
        },
    )
    connections = Connections(config)
    verdicts = check_hosts(config.hosts, connections, Budget(30.0))
    connections.close()
    assert verdicts["web1"] == ""
    assert "SHA256:" in verdicts["stranger"]


def test_a_command_is_told_the_window_on_its_hosts_clock() -> None:
    config = a_config([{"name": "window", "command": 'echo "$FAILTALE_SINCE $FAILTALE_UNTIL"'}])
    failure = a_failure()
    since, until = map(int, text_of(collected(config, failure=failure), "here/window").split())
    assert since == int(failure.window.start.timestamp())
    assert until == int(failure.window.end.timestamp()) + 1


@pytest.mark.parametrize("earlier_mark", [True, False])
def test_a_line_without_a_time_that_came_before_its_mark_is_shown_and_said_to_be_unsure(
    tmp_path: Path, earlier_mark: bool
) -> None:
    log = tmp_path / "app.log"
    log.write_text("ready\n")
    config = a_config([{"name": "log", "file": [str(log)]}])
    connections = Connections(config)
    marks = Marks(config, connections, pace=Pace(least_s=0.0, share=float("inf")))
    if earlier_mark:
        marks.window_began()
        assert wait_until(lambda: marks.around("here", datetime.now(timezone.utc))[0] is not None)
    started = datetime.now(timezone.utc)
    log.write_text(f"{log.read_text()}storage refused the order\n")
    marks.window_began()
    _until_marked(marks, started)
    result = collect(
        plan(a_failure(started), config), a_failure(started), HostAccess.of(config, connections, marks),
        redactor=Redactor(), faults=Faults(Redactor),
    )  # fmt: skip
    connections.close()
    item = result.evidence.item("here/log")
    assert item is not None
    assert item.window is not None
    if earlier_mark:
        assert item.text == "storage refused the order\n"
        assert item.unsure_lines == {0}
        assert "The first line may be older than the window" in item.window.note
    else:
        assert item.text == "ready\nstorage refused the order\n"
        assert item.unsure_lines == {0, 1}
        assert "The first 2 lines may be older than the window" in item.window.note
    assert "The mark of this window was complete" in item.window.why
    assert "storage" not in item.before


def _until_marked(marks: Marks, moment: datetime) -> None:
    assert wait_until(lambda: marks.around("here", moment)[1] is not None)


# --- What decided the window also tells when a line was written -------------------------------------------------------

NINE_HOURS = timezone(timedelta(hours=9))
WRITERS: dict[str, tuple[object, Callable[[datetime], str]]] = {
    "a format of its own": ("<%d/%b/%y %I:%M:%S %p>", lambda at: at.strftime("<%d/%b/%y %I:%M:%S %p> ")),
    "a key of its own beside one that is known": (
        {"key": "when"},
        lambda at: f'{{"time":"2026-01-01T00:00:00Z","when":{int(at.timestamp() * 1000)},"msg":"',
    ),
    "a place of its own behind another date": (
        {"pattern": "at=<([^>]*)>"},
        lambda at: f"2026-01-01 00:00:00 at=<{at.isoformat()}> ",
    ),
    "a zone that is not the host's": (None, lambda at: at.astimezone(NINE_HOURS).strftime("%Y-%m-%d %H:%M:%S.%f ")),
    "a carrier whose message begins with a date": (
        None,
        lambda at: f'{{"log":"2026-01-01 00:00:00 x","time":"{at.isoformat()}","msg":"',
    ),
}


@pytest.mark.parametrize("way", ["times", "marks"])
@pytest.mark.parametrize("writer", WRITERS)
def test_the_ranking_says_the_time_by_which_the_window_was_decided(writer: str, way: str, tmp_path: Path) -> None:
    time_format, stamp = WRITERS[writer]
    now = datetime.now(timezone.utc).replace(microsecond=0)
    failure = Failure(id="f" * 32, name="Order", window=Window(start=now - timedelta(seconds=20), end=now))
    log = tmp_path / "app.log"
    config = a_config([{"name": "log", "file": [str(log)], **({"time_format": time_format} if time_format else {})}])
    connections = Connections(config)
    log.write_text("".join(f"{stamp(now - timedelta(seconds=30 + n))}INFO ready {n}\n" for n in range(40, 0, -1)))
    marks = Marks(config, connections) if way == "marks" else None
    if marks:
        marks.window_began()
        assert wait_until(lambda: marks.around("here", now - timedelta(days=1))[1] is not None)
    with log.open("a") as file:
        file.write(f"{stamp(now - timedelta(seconds=4))}ERROR out of memory: killed process 17 (storage)\n")
        file.write(f"{stamp(now - timedelta(seconds=1))}INFO ready again\n")
    evidence = collect(
        plan(failure, config), failure, HostAccess.of(config, connections, marks),
        redactor=Redactor(), faults=Faults(Redactor),
    ).evidence  # fmt: skip
    connections.close()
    item = evidence.item("here/log")
    assert item is not None
    assert [line.partition("ERROR ")[2][:13] for line in item.lines] == ["out of memory", ""]
    assert item.unsure_lines == set()
    suspect = rank(failure, evidence).suspects[0]
    assert (suspect.line_number, suspect.offset_s) == (0, -4.0)
    assert "4.0 s before" in rank(failure, evidence).headline


WAITS_FOR_THE_ANALYSIS = """
import sys, threading, time
from datetime import datetime, timezone
from pathlib import Path
from FailTaleLibrary.budget import Budget
from FailTaleLibrary.collection.source import OwnHosts
from FailTaleLibrary.config import Config
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.records import Failure, Window, our_words
from FailTaleLibrary.redaction import Redactor

gate = Path(sys.argv[1])
command = f"until [ -e {gate} ]; do sleep 0.05; done; echo answered"
config = Config.model_validate({
    "components": {"app": {"collectors": [{"name": "waits", "command": command}]}},
    "hosts": {"here": {"component": ["app"], "transport": "local"}},
})

def watch():
    while "FailTaleLibrary.ranking.suspects" not in sys.modules:
        time.sleep(0.01)
    gate.touch()

threading.Thread(target=watch, daemon=True).start()
now = datetime.now(timezone.utc)
failure = Failure(id="0" * 32, name=our_words("Order"), message=our_words("no"), window=Window(start=now, end=now))
_, evidence, _ = OwnHosts(config).collect(failure, redactor=Redactor(), faults=Faults(Redactor), budget=Budget(30))
print(evidence.items[0].text)
"""


def test_what_ranks_the_answers_is_loaded_while_hosts_are_busy_with_them(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WAITS_FOR_THE_ANALYSIS, str(tmp_path / "gate")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.stdout == "answered\n\n", done.stderr


def test_hosts_are_asked_before_anything_is_redacted(tmp_path: Path) -> None:
    asked, was_asked = tmp_path / "asked", []

    def clock() -> float:
        was_asked.append(asked.exists())
        return time.thread_time()

    ask = [{"name": "ask", "command": f"touch {asked}"}]
    here = {"here": {"component": "app", "transport": "local", "address": "shop.example"}}
    source = OwnHosts(a_config(ask, here, marks="off"))
    try:
        _, evidence, _ = source.collect(
            a_failure(), redactor=Redactor(clock=clock), faults=Faults(Redactor), budget=Budget(PATIENCE_S)
        )
    finally:
        source.close()
    assert [name.addresses for name in evidence.names] == [("shop.example",)]
    assert was_asked
    assert all(was_asked)


class OrderOfEvents(Transport):
    """A host of which only is told what happened when."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def run(self, script: Script, *, timeout_s: float, max_bytes: int, cancel: threading.Event) -> CommandResult:
        raise NotImplementedError

    def visit(self, items: Items, *, ends_at: float, cancel: threading.Event, on_result: OnResult) -> None:
        self.events.append("its shell is ready")
        now = datetime.now(timezone.utc)
        assert callable(items)
        items(VisitStart(f"{now.timestamp():.6f}", "+0000", now, now))
        self.events.append("it is sent its items")


def test_what_answers_need_is_prepared_while_a_host_that_let_us_in_starts_its_shell() -> None:
    config, failure, host = a_config([{"name": "a", "command": "uptime"}]), a_failure(), OrderOfEvents()

    def logged_in(*_: object) -> OrderOfEvents:
        host.events.append("it lets us in")
        return host

    connections: Any = SimpleNamespace(transport=logged_in, repeat_line=lambda *_: None)
    stop = threading.Event()
    context = CollectionContext(
        failure,
        HostAccess.of(config, connections),
        Redactor(),
        Faults(Redactor),
        stop,
        stop,
        lambda: host.events.append("what answers need is prepared"),
    )
    steps = plan(failure, config)
    with Budget(PATIENCE_S).for_hosts(steps)["here"] as budget:
        HostSession(context, "here", steps.steps, budget).hold(lambda _: None)
    assert host.events == [
        "it lets us in",
        "what answers need is prepared",
        "its shell is ready",
        "it is sent its items",
    ]
