"""Of many hosts only those are asked in full that can matter, and a guilty one is among them, healthy as it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import a_failure
from salt_stub import ModuleMinion, RecordedMinion, SaltStub, serving
from sshd import Sshd

from FailTaleLibrary.budget import Budget
from FailTaleLibrary.collection.collect import Collected
from FailTaleLibrary.collection.plan import plan
from FailTaleLibrary.collection.rounds import Rounds
from FailTaleLibrary.config import Config, parse_config
from FailTaleLibrary.gate.fleet import salt_module
from FailTaleLibrary.ranking import rank
from FailTaleLibrary.ranking.outliers import NOTABLE, standing_out
from FailTaleLibrary.records import (
    Analysis,
    AppliedWindow,
    Evidence,
    Gap,
    HostNames,
    Identifier,
    Item,
    KeywordStep,
    LookBack,
    Plan,
    Report,
    SeenShape,
)
from FailTaleLibrary.rendering import to_brief_text, to_text
from FailTaleLibrary.rendering.card import card_of
from FailTaleLibrary.rendering.html import to_html
from FailTaleLibrary.rendering.many_hosts import host_groups
from FailTaleLibrary.rendering.timeline import timeline_of
from FailTaleLibrary.run import Run

HOSTS = tuple(f"web{number:03d}" for number in range(100))
GUILTY = "web057"
CONFIG = """
salt: {{url: {url}, user: failtale, password: "%{{SALT_PASSWORD}}", answer_timeout: 60 s}}
components:
  web:
    collectors:
      - {{name: units, command: 'echo web.service active; echo cron.service active'}}
      - {{name: app, file: {folder}/usual.log}}
hosts: {{{hosts}}}
ssh: {{command_timeout: 600 s}}
limits: {{failure_time: 1000 s, host_time: 900 s}}
bundles: {{enabled: no}}
marks: off
"""


def lines(since: datetime, *news: str) -> str:
    """A log of five minutes, of which the last ten seconds are the window's; ``news`` stand in the midst of it."""
    usual = [(second, f"INFO served /orders/{second} in {second % 7} ms") for second in range(-290, 10)]
    told = sorted([*usual, *((5 + 0.1 * place, text) for place, text in enumerate(news))])
    return "".join(f"{(since + timedelta(seconds=at)).isoformat()} {text}\n" for at, text in told)


@dataclass
class Fleet:
    """A hundred minions: ninety-nine have one log, and one has another."""

    stub: SaltStub
    folder: Path
    since: datetime

    @property
    def config(self) -> Config:
        hosts = ", ".join(f"{host}: {{component: web, transport: salt}}" for host in HOSTS)
        text = CONFIG.format(url=self.stub.url, folder=self.folder, hosts=hosts)
        return parse_config(text, environ={"SALT_PASSWORD": self.stub.password})

    def collect(self, message: str = "Expected 200, got 500") -> Report:
        config = self.config
        module = salt_module(config)
        usual, other = ModuleMinion("web000", module), module.replace("usual.log", "other.log")
        self.stub.minions |= dict.fromkeys(HOSTS, RecordedMinion(usual))
        self.stub.minions[GUILTY] = ModuleMinion(GUILTY, other)
        with Run(config, environ={}) as run:
            failure = run.failure("Orders Are Served", message=message, start=self.since)
            return run.collect_failure(failure)


def in_full(report: Report) -> dict[str, str]:
    return {each.host: each.why for each in report.evidence.in_full}


# --- A hundred minions ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Report, Fleet]]:
    """What is told where one of a hundred hosts is guilty, its state is healthy, and the failure names nobody."""
    folder, since = tmp_path_factory.mktemp("fleet"), datetime.now(timezone.utc) - timedelta(seconds=10)
    (folder / "usual.log").write_text(lines(since))
    (folder / "other.log").write_text(lines(since, "ERROR disk quota exceeded on /srv/orders"))
    with serving(SaltStub({})) as stub:
        fleet = Fleet(stub, folder, since)
        yield fleet.collect("Expected 200, got 500"), fleet


def test_a_host_whose_state_is_healthy_and_whose_log_knows_is_found_by_a_glance(told: tuple[Report, Fleet]) -> None:
    report, _ = told
    assert GUILTY in in_full(report)
    assert "disk quota exceeded" in in_full(report)[GUILTY]
    assert GUILTY in report.analysis.headline
    assert "disk quota exceeded" in report.analysis.headline
    item = report.evidence.item(f"{GUILTY}/app")
    assert item is not None
    assert not item.glance
    assert len(item.lines) == 11


def test_the_other_hosts_are_asked_for_state_and_the_most_telling_lines_alone(told: tuple[Report, Fleet]) -> None:
    report, fleet = told
    glances = [item for item in report.evidence.items if item.glance]
    assert {item.host for item in glances} == set(report.evidence.glanced_at) == set(HOSTS) - set(in_full(report))
    assert {(len(item.lines), item.omitted_lines, item.cut_by) for item in glances} == {(2, 8, "limits.full_hosts")}
    assert len({item.host for item in report.evidence.items if item.collector == "units"}) == len(HOSTS)
    assert set(in_full(report)) == {GUILTY}, "who stands out is the one of its component as well"
    assert [len(hosts) for hosts in fleet.stub.jobs_of("failtale.collect")[:2]] == [len(HOSTS), 1]


def test_a_plan_tells_which_logs_were_glanced_at(told: tuple[Report, Fleet]) -> None:
    report, _ = told
    glanced = {step.host for step in report.plan.steps if step.glance_bytes}
    assert glanced == set(report.evidence.glanced_at)
    assert len(report.plan.steps) == 2 * len(HOSTS)


def test_a_card_of_a_hundred_hosts_has_a_row_for_those_that_matter_and_one_for_the_others(
    told: tuple[Report, Fleet],
) -> None:
    report, _ = told
    card = card_of(report)
    assert card.hosts[0].name == GUILTY
    assert {view.name for view in card.hosts} == {each.suspect.host for each in (*card.story, *card.more_story)}
    (group,) = card.groups
    assert (group.words, group.title) == ("1 glance, 1 ok", f"{100 - len(card.hosts)} hosts as usual")
    assert any(note.startswith("Asked in full: 1 of 100 hosts: web057 (") for note in card.notes)
    html = to_html(report, max_bytes=1_000_000)
    assert html.partition("<b>Hosts</b>")[2].count("web042") == 1
    assert "failtale collect --host NAME" in html
    text = to_text(report)
    assert len([line for line in text.splitlines() if "web042" in line]) == 1
    assert "failtale collect --host NAME" in to_brief_text(report, more="")


def test_a_picture_of_a_hundred_hosts_has_lanes_for_those_that_say_something(told: tuple[Report, Fleet]) -> None:
    report, _ = told
    timeline = timeline_of(report, report.analysis.suspects[:1])
    assert [lane.name for lane in timeline.lanes] == ["test", GUILTY]
    assert timeline.unshown == "99 more hosts, quiet"


def test_hosts_of_which_nothing_came_are_not_as_usual(told: tuple[Report, Fleet]) -> None:
    report, _ = told
    late = tuple(Gap(host=host, component="web", reason="skipped", detail="used up", at=AT) for host in HOSTS[:9])
    kept = tuple(item for item in report.evidence.items if item.host not in HOSTS[:9])
    evidence = report.evidence.model_copy(update={"items": kept, "gaps": late})
    groups = host_groups(report.model_copy(update={"evidence": evidence}), [GUILTY])
    assert {group.title for group in groups} == {"9 hosts", "90 hosts as usual"}


def test_no_strong_suspect_names_the_hosts_that_were_glanced_at(told: tuple[Report, Fleet]) -> None:
    report, _ = told
    evidence = report.evidence
    quiet = [item for item in evidence.items if item.host != GUILTY]
    analysis = rank(report.failure, evidence.model_copy(update={"items": tuple(quiet)}))
    assert analysis.headline.startswith("No strong suspect")
    assert "the whole logs of 99 hosts (state and a glance at the logs alone)" in analysis.headline


def test_a_host_that_is_asked_for_by_name_is_asked_in_full(told: tuple[Report, Fleet]) -> None:
    _, fleet = told
    with Run(fleet.config, environ={}) as run:
        report = run.collect_failure(run.failure("Again", start=fleet.since), hosts=HOSTS[:30])
    assert {item.host for item in report.evidence.items} == set(HOSTS[:30])
    assert not any(item.glance for item in report.evidence.items)
    assert report.evidence.glanced_at == ()


ENGINE = """#!/bin/sh
case $1 in ps) echo "app 2026-01-01 00:00:00 +0000 UTC" ;; logs) cat {log} ;; esac
"""
"""A container engine that has one log."""


def host_with_log(folder: Path, make: Callable[..., Sshd], text: str) -> Sshd:
    """A host whose engine has this log; files have one name on all hosts that are one machine."""
    (folder / "bin").mkdir(parents=True)
    (folder / "app.log").write_text(text.replace("+00:00 ", "Z "))
    (folder / "bin" / "docker").write_text(ENGINE.format(log=folder / "app.log"))
    (folder / "bin" / "docker").chmod(0o755)
    return make(directory=folder, environment={"PATH": f"{folder}/bin:/usr/bin:/bin"})


@pytest.mark.ssh
def test_over_ssh_it_is_the_same(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    since = datetime.now(timezone.utc) - timedelta(seconds=10)
    usual = host_with_log(tmp_path / "usual", new_host, lines(since))
    other = host_with_log(tmp_path / "other", new_host, lines(since, "INFO replica set to 2 by admin"))
    hosts = {
        name: {
            "component": "web",
            "address": host.address,
            "ssh": {key: str(value) for key, value in host.ssh_settings().items()},
        }
        for name, host in {**{f"web{number}": usual for number in range(6)}, "web7": other}.items()
    }
    settings = {
        "components": {"web": {"collectors": [{"name": "app", "container": "app"}]}},
        "hosts": hosts,
        "ssh": {"command_timeout": "600 s", "connect_timeout": "300 s"},
        "limits": {"full_hosts": 2, "failure_time": "1000 s", "host_time": "900 s"},
        "bundles": {"enabled": False},
        "marks": "off",
    }
    with Run(parse_config(yaml.safe_dump(settings)), environ={}) as run:
        report = run.collect_failure(run.failure("Orders Are Served", start=since))
    assert set(in_full(report)) == {"web7"}
    assert "replica set to 2" in in_full(report)["web7"]
    assert [item.glance for item in report.evidence.items] == [True] * 6 + [False]
    assert report.evidence.cost.connections == 7


# --- Two rounds, without any host -------------------------------------------------------------------------------------


def in_two_rounds(second: Callable[[Plan], Evidence], *, cancelled: bool = False) -> tuple[list[Plan], Plan, Evidence]:
    """Plans of both rounds, the plan as it was carried out, and the evidence; of each host a log and a state."""
    config = parse_config(
        LOCAL.format(hosts=", ".join(f"{host}: {{component: web, transport: local}}" for host in HOSTS))
    )
    failure, plans = a_failure(message="Expected 200", keyword_path=(), keywords=()), []

    def collect(one_plan: Plan, budget: Budget) -> Collected:
        plans.append(one_plan)
        if len(plans) > 1:
            return Collected(second(one_plan))
        grave = {GUILTY: ("ERROR disk quota exceeded",)}
        items = tuple(log(host, USUAL, *grave.get(host, ())) for host in HOSTS)
        return Collected(Evidence(failure_id=failure.id, items=items, collected_at=AT))

    collectors = {f"{host}/{each.name}": each for host in HOSTS for _, each in config.collectors_for(host)}
    rounds = Rounds(failure, collectors, names, 20, lambda: cancelled)
    told, collected = rounds.collect(plan(failure, config), collect, Budget(60))
    return plans, told, collected.evidence


LOCAL = """
components: {{web: {{collectors: [{{name: state, command: uptime}}, {{name: app, file: /var/log/app.log}},
  {{name: heap, command: jmap, cost: 2}}]}}}}
hosts: {{{hosts}}}
"""


def test_the_second_round_asks_for_what_the_first_left_out_and_takes_its_place() -> None:
    whole = log(GUILTY, USUAL, "ERROR disk quota exceeded").model_copy(update={"glance": False})
    plans, told, evidence = in_two_rounds(
        lambda asked: Evidence(failure_id=asked.failure_id, items=(whole,), collected_at=AT)
    )
    assert {(step.collector, bool(step.glance_bytes)) for step in plans[0].steps} == {("state", False), ("app", True)}
    assert [(step.id, step.glance_bytes) for step in plans[1].steps] == [(f"{GUILTY}/app", 0), (f"{GUILTY}/heap", 0)]
    assert evidence.item(f"{GUILTY}/app") == whole
    assert len(told.steps) == 2 * len(HOSTS) + 1
    assert {each.host for each in evidence.in_full} == {GUILTY}


def test_what_a_limit_cuts_from_a_whole_log_stays_as_the_glance_saw_it() -> None:
    cut = log(GUILTY, USUAL, omitted=900).model_copy(update={"glance": False})
    _, _, evidence = in_two_rounds(lambda asked: Evidence(failure_id=asked.failure_id, items=(cut,), collected_at=AT))
    glance = evidence.item(f"{GUILTY}/app.glance")
    assert glance is not None
    assert "disk quota exceeded" in glance.text
    assert evidence.item(f"{GUILTY}/app") == cut


def test_where_the_second_round_brings_nothing_the_glance_stays_beside_the_reason() -> None:
    gap = Gap(host=GUILTY, component="web", reason="connection lost", detail="connection lost")
    _, _, evidence = in_two_rounds(lambda asked: Evidence(failure_id=asked.failure_id, gaps=(gap,), collected_at=AT))
    item = evidence.item(f"{GUILTY}/app")
    assert item is not None
    assert item.glance
    assert evidence.gaps == (gap,)


STORES = """
components: {{web: {{collectors: [{{name: app, file: /var/log/app.log}},
  {{name: loki, http: {{url: 'http://127.0.0.1:9/q?from={{since}}'}}}},
  {{name: pods, kubernetes: pods}}, {{name: events, kubernetes: events}}]}}}}
hosts: {{{hosts}}}
"""


def test_what_a_store_or_a_cluster_is_asked_for_all_hosts_alike_is_asked_once() -> None:
    text = STORES.format(hosts=", ".join(f"{host}: {{component: web, transport: local}}" for host in HOSTS))
    config, failure = parse_config(text), a_failure(message="Expected 200", keyword_path=(), keywords=())
    plans: list[Plan] = []

    def collect(one_plan: Plan, budget: Budget) -> Collected:
        plans.append(one_plan)
        grave = {GUILTY: ("ERROR disk quota exceeded",)}
        items = tuple(log(host, USUAL, *grave.get(host, ())) for host in HOSTS)
        return Collected(Evidence(failure_id=failure.id, items=items, gaps=one_plan.skipped, collected_at=AT))

    collectors = {f"{host}/{each.name}": each for host in HOSTS for _, each in config.collectors_for(host)}
    _, collected = Rounds(failure, collectors, names, 20).collect(plan(failure, config), collect, Budget(60))
    first, second = ([step.id for step in each.steps if step.collector != "app"] for each in plans)
    assert [step for step in first if not step.endswith("/pods")] == ["web000/loki", "web000/events"]
    assert sum(step.endswith("/pods") for step in first) == len(HOSTS)
    assert second == [f"{GUILTY}/events"]
    assert {gap.detail for gap in collected.evidence.gaps} == {
        "events: of 100 hosts, web000 and those in full asked the cluster",
        "loki is one query for 100 hosts: asked once, for web000",
    }


def test_a_cancelled_collection_has_no_second_round() -> None:
    plans, _, evidence = in_two_rounds(lambda asked: pytest.fail("asked"), cancelled=True)
    assert len(plans) == 1
    assert len(evidence.items) == len(HOSTS)


@pytest.mark.parametrize("full_hosts", [1, 2])
def test_few_hosts_are_asked_for_all_at_once(full_hosts: int, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text(lines(datetime.now(timezone.utc) - timedelta(seconds=10)))
    text = f"""
components: {{web: {{collectors: [{{name: app, file: {tmp_path}/app.log}}]}}}}
hosts: {{a: {{component: web, transport: local}}, b: {{component: web, transport: local}}}}
ssh: {{command_timeout: 600 s}}
limits: {{full_hosts: {full_hosts}, failure_time: 1000 s, host_time: 900 s}}
marks: off
"""
    with Run(parse_config(text), environ={}) as run:
        start = datetime.now(timezone.utc) - timedelta(seconds=10)
        report = run.collect_failure(run.failure("Order", start=start))
    evidence = report.evidence
    assert (evidence.in_full, evidence.glanced_at) == ((), ()) if full_hosts == 2 else evidence.glanced_at == ("b",)
    assert [item.glance for item in evidence.items] == [False, full_hosts == 1]


# --- Who stands out, and why ------------------------------------------------------------------------------------------

AT = datetime(2026, 5, 4, 12, 0, tzinfo=timezone.utc)


def names(*components: str) -> tuple[HostNames, ...]:
    """The hundred hosts, each with an address of its own; one of each component behind them."""
    web = [HostNames(host=host, components=("web",), addresses=(f"127.0.7.{n}",)) for n, host in enumerate(HOSTS)]
    return (*web, *(HostNames(host=f"{each}1.lab", components=(each,)) for each in components))


def log(host: str, *said: str, component: str = "web", collector: str = "app", omitted: int = 0) -> Item:
    text = "".join(f"{line}\n" for line in said)
    past = LookBack(lines=100, of_lines=len(said))
    return Item(
        id=f"{host}/{collector}",
        host=host,
        component=component,
        collector=collector,
        command="tail",
        text=text,
        window=AppliedWindow(kind="test", method="time filter"),
        look_backs=(past,),
        omitted_lines=omitted,
        glance=True,
    )


def state(host: str, text: str, **more: Any) -> Item:
    return Item(id=f"{host}/units", host=host, component="web", collector="units", command="ls", text=text, **more)


def found_by(
    *items: Item, message: str = "Expected 200, got 500", gaps: tuple[Gap, ...] = (), **failed: Any
) -> dict[str, str]:
    """Host -> why it stands out, best first."""
    failure = a_failure(message=message, keyword_path=(), **{"keywords": (), **failed})
    evidence = Evidence(failure_id=failure.id, names=names("db"), items=items, gaps=gaps, collected_at=AT)
    return {each.host: each.why for each in standing_out(failure, evidence) if each.score >= NOTABLE}


USUAL = "INFO served 4 orders"


def usual_logs(*but: str) -> list[Item]:
    return [log(host, USUAL) for host in HOSTS if host not in but]


@pytest.mark.parametrize(
    "message",
    [
        "web057 did not answer",
        "GET http://web057:8080/orders returned 500",
        "dial tcp 127.0.7.57:443: connection refused",
        "https://user@web057.lab.example.com/x is not there",
    ],
)
def test_a_failure_that_names_a_host_by_its_name_or_address_points_at_it_alone(message: str) -> None:
    found = found_by(*usual_logs(), message=message)
    assert list(found) == [GUILTY]
    assert found[GUILTY].startswith("the failure names it")


def test_an_argument_of_the_test_names_a_host_as_well() -> None:
    step = KeywordStep(name="Open Connection", arguments=(GUILTY,))
    assert found_by(*usual_logs(), keywords=(step,)) == {GUILTY: f"a step of the test names it ({GUILTY})"}


def test_a_port_names_the_host_where_alone_its_program_is() -> None:
    database = log("db1.lab", USUAL, component="db", collector="postgresql.log")
    found = found_by(*usual_logs(), database, message="Could not connect to localhost:5432")
    assert list(found) == ["db1.lab"]


def test_a_failure_that_names_a_component_points_at_its_hosts() -> None:
    assert list(found_by(*usual_logs(), message="the db is gone")) == ["db1.lab"]


def test_a_line_that_others_log_too_makes_nobody_stand_out() -> None:
    everywhere = [log(host, "ERROR cannot load the banner") for host in HOSTS]
    assert found_by(*everywhere) == {}


def test_one_grave_line_that_no_other_host_has_stands_out_first() -> None:
    rows = [log(host, USUAL, "ERROR cannot load the banner") for host in HOSTS if host != GUILTY]
    found = found_by(*rows, log(GUILTY, USUAL, "ERROR cannot load the banner", "WARN clock stepped by 31 s"))
    assert next(iter(found)) == GUILTY
    assert "clock stepped" in found[GUILTY]


def test_a_new_line_without_any_grave_word_stands_out_where_no_other_host_has_it() -> None:
    found = found_by(*usual_logs(GUILTY), log(GUILTY, USUAL, "INFO replica set to 2 by admin"))
    assert list(found) == [GUILTY]


def test_names_of_hosts_in_their_own_lines_make_no_line_unique() -> None:
    assert found_by(*(log(host, f"INFO {host} says hello to orders") for host in HOSTS)) == {}


def test_a_log_that_is_silent_where_others_are_not_stands_out() -> None:
    rows = [log(host, USUAL, omitted=40) for host in HOSTS if host != GUILTY]
    found = found_by(*rows, log(GUILTY))
    assert found == {GUILTY: "app holds nothing, on other hosts about 41 lines"}


def test_a_log_that_holds_many_times_as_much_as_others_stands_out() -> None:
    found = found_by(*usual_logs(GUILTY), log(GUILTY, USUAL, omitted=4000))
    assert list(found) == [GUILTY]


def test_a_state_that_lacks_a_row_of_nearly_all_others_stands_out() -> None:
    rows = [state(host, f"web 2.4 active\nup {number} days\n") for number, host in enumerate(HOSTS) if host != GUILTY]
    found = found_by(*rows, state(GUILTY, "web 2.3 active\nup 3 days\n"))
    assert found == {GUILTY: "units differs from the others in 1 row"}


def test_a_state_that_changed_stands_out() -> None:
    broken = state(GUILTY, "web failed\n", changes=("- web active", "+ web failed"), baseline="web active\n")
    found = found_by(*(state(host, "web active\n") for host in HOSTS if host != GUILTY), broken)
    assert next(iter(found)) == GUILTY


def test_a_host_whose_command_took_many_times_as_long_as_on_others_stands_out() -> None:
    rows = [state(host, "web active\n", duration_s=0.2) for host in HOSTS if host != GUILTY]
    found = found_by(*rows, state(GUILTY, "web active\n", duration_s=8.0))
    assert found == {GUILTY: "units took 8.0 s, on other hosts about 0.2 s"}


def test_a_log_that_could_not_be_had_of_one_host_alone_makes_it_stand_out() -> None:
    gap = Gap(host=GUILTY, component="web", collector="app", reason="timed out", detail="no output within 10 s")
    assert GUILTY in found_by(*usual_logs(GUILTY), gaps=(gap,))


def test_what_our_own_time_left_out_tells_nothing_of_a_host() -> None:
    gap = Gap(host=GUILTY, component="web", collector="app", reason="skipped", detail="not run: the time was used up")
    assert found_by(*usual_logs(GUILTY), gaps=(gap,)) == {}


def test_a_host_of_which_grave_lines_of_others_speak_stands_out() -> None:
    rows = [log(host, USUAL, "ERROR connect to db1.lab:5432 refused") for host in HOSTS[:20]]
    assert "db1.lab" in found_by(*rows, *usual_logs(*HOSTS[:20]))


def test_a_host_whose_log_holds_what_the_test_used_stands_out() -> None:
    used = Identifier(text="ord-99817", kind="unique", seen_in="argument")
    found = found_by(*usual_logs(GUILTY), log(GUILTY, "INFO ord-99817 accepted"), identifiers=(used,))
    assert found == {GUILTY: "its log holds what the test used (ord-99817)"}


# --- Which of many hosts leads ----------------------------------------------------------------------------------------


def ranked(*items: Item, gaps: tuple[Gap, ...] = ()) -> Analysis:
    failure = a_failure(message="Expected 200, got 500", keyword_path=(), keywords=())
    known = tuple(each.model_copy(update={"answered_at": failure.window.start}) for each in names())
    return rank(failure, Evidence(failure_id=failure.id, names=known, items=items, gaps=gaps, collected_at=AT))


def test_what_all_hosts_say_is_one_suspect_that_tells_how_many() -> None:
    said = "ERROR payment provider: connection refused"
    analysis = ranked(*(log(host, USUAL, said, "WARN slow request: 900 ms") for host in HOSTS))
    assert [suspect.text for suspect in analysis.suspects] == [said, "WARN slow request: 900 ms", USUAL]
    assert analysis.headline.startswith("web000, as on 99 other hosts · connection refused: payment provider")


def test_what_one_host_alone_says_leads_ahead_of_what_all_say() -> None:
    said = "ERROR payment provider: connection refused"
    guilty = log(GUILTY, USUAL, said, "ERROR certificate of the provider has expired")
    analysis = ranked(*(log(host, USUAL, said) for host in HOSTS if host != GUILTY), guilty)
    assert [suspect.host for suspect in analysis.suspects[:2]] == [GUILTY, "web000"]


def test_a_state_that_broke_leads_ahead_of_an_error_of_no_known_kind_on_another_host() -> None:
    broken = state(GUILTY, "web failed\n", changes=("- web active", "+ web failed"), baseline="web active\n")
    others = [state(host, "web active\n", baseline="web active\n") for host in HOSTS if host != GUILTY]
    noise = log("web046", USUAL, "ERROR client 10.1.3.4 closed the page early")
    analysis = ranked(*others, broken, *usual_logs("web046"), noise)
    assert [suspect.host for suspect in analysis.suspects[:2]] == [GUILTY, "web046"]


def test_an_error_of_no_known_kind_is_no_news_where_another_host_of_the_fleet_logged_it_before_the_test() -> None:
    noise = "ERROR client 10.1.3.4 closed the page early"
    before = SeenShape(
        lines=(1,), count=3, seconds_before=(300.0, 200.0, 90.0), seconds_within=(1.0,), places=(0.2, 0.5, 0.8)
    )
    past = LookBack(lines=100, of_lines=2, seconds=400.0, shapes=(before,))
    knows = log("web046", USUAL, noise).model_copy(update={"look_backs": (past,)})
    rows = [state(host, "web active\nnginx active\n") for host in HOSTS if host != GUILTY]
    lacking = state(GUILTY, "web active\n")
    alone = ranked(*rows, lacking, *usual_logs("web096"), log("web096", USUAL, noise))
    assert (alone.suspects[0].host, alone.suspects[0].text) == ("web096", noise)
    usual = ranked(*rows, lacking, *usual_logs("web096", "web046"), log("web096", USUAL, noise), knows)
    assert usual.headline == f"{GUILTY} · units: nginx active is missing"


def test_a_host_that_stopped_answering_leads_ahead_of_an_error_of_no_known_kind_on_another_host() -> None:
    noise = log("web046", USUAL, "ERROR client 10.1.3.4 closed the page early")
    gone = Gap(host=GUILTY, component="web", reason="refused", detail="no SSH server listens there", at=AT)
    analysis = ranked(*usual_logs("web046", GUILTY), noise, gaps=(gone,))
    assert [suspect.host for suspect in analysis.suspects[:2]] == [GUILTY, "web046"]


def test_what_one_host_of_a_fleet_lacks_leads_where_nothing_happened() -> None:
    rows = [state(host, f"web 2.4 active\nup {number} days\n") for number, host in enumerate(HOSTS) if host != GUILTY]
    analysis = ranked(*rows, state(GUILTY, "web 2.3 active\nup 3 days\n"), *usual_logs())
    assert analysis.headline == f"{GUILTY} · units: web 2.3 active in place of web 2.4 active"
    assert [signal.words for signal in analysis.suspects[0].signals] == ["99 other hosts have it"]


def test_amounts_in_which_one_host_differs_are_no_suspect() -> None:
    memory = "0.54 0.48 15/293 729\nMemFree: {} kB\n/dev/vda1 {} 41% /\nup {} days\n"
    rows = [state(host, memory.format(13127960, 63354752, 4)) for host in HOSTS if host != GUILTY]
    analysis = ranked(*rows, state(GUILTY, memory.format(13079600, 63366100, 5).replace("0.54", "54.5")))
    assert analysis.suspects == ()


def test_where_several_hosts_differ_from_the_others_none_of_them_leads() -> None:
    versions = dict.fromkeys(HOSTS[:3], "2.3")
    analysis = ranked(*(state(host, f"web {versions.get(host, '2.4')} active\n") for host in HOSTS))
    assert analysis.headline.startswith("No strong suspect")
    assert {suspect.host for suspect in analysis.suspects} == set(HOSTS[:3])
