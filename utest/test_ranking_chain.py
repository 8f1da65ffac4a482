"""How the first suspect led to the failure: what links two lines, in which order, and when nothing is claimed."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from builders import STARTED_AT, a_clock, a_failure, a_gap, a_report, an_item, some_evidence

from FailTaleLibrary.belonging.identifiers import identifiers_of_line
from FailTaleLibrary.ranking import History, RunTest, rank
from FailTaleLibrary.ranking.names import Names, programs
from FailTaleLibrary.records import Analysis, AppliedWindow, HostClock, HostNames, Item, Window, our_words
from FailTaleLibrary.rendering.words import chain_words

QUIET = "\n".join(f"2026-03-14 12:00:4{n},100 INFO [main] orders: {word} is well" for n, word in enumerate("abcdefghi"))
AT = "2026-03-14 12:01:06,"  # the failure: 12:01:07.4 UTC; its keyword asks http://web1/orders
EXACT = tuple(a_clock(host=host, offset_s=0.0, uncertainty_s=0.05) for host in ("app1", "db1", "web1"))
NAMES = (
    HostNames(host="db1", components=("database",), addresses=("10.0.0.7",), collectors=1),
    HostNames(host="app1", components=("shop",), addresses=("app1.shop.test",), collectors=1),
    HostNames(host="web1", components=("web",), addresses=("10.0.0.5",), collectors=1),
)


def log(*lines: str, host: str, collector: str = "app.log", **changes: object) -> Item:
    window = AppliedWindow(kind="test", method="byte mark", since=a_failure().window.start)
    told = {
        "component": host.rstrip("0123456789"),
        "text": "\n".join(lines),
        "before": QUIET,
        "window": window,
        **changes,
    }
    return an_item(host, collector, **told)


def ranked(*items: Item, clocks: tuple[HostClock, ...] = EXACT, names: tuple[HostNames, ...] = NAMES) -> Analysis:
    return rank(a_failure(), some_evidence(items=items, gaps=(), clocks=clocks, names=names))


def reasons_of(analysis: Analysis) -> list[tuple[str, ...]]:
    return [link.reasons for link in analysis.chain.links] if analysis.chain else []


DISK = "No space left on device"


@pytest.mark.parametrize(
    ("own", "passed_on"),
    [
        (f'ERROR:  could not extend file "base/1/2": {DISK}', f"ERROR POST /orders: database returned: {DISK}"),
        (f"WARN spool: write of invoice 7 failed: {DISK}", f"ERROR POST /orders: db1 said: write failed: {DISK}"),
        ("# OOM command not allowed when used memory", "ERROR redis replied: OOM command not allowed when used memory"),
        ("ERROR tls: certificate has expired on 2026-03-01", "ERROR payment: error from db1: certificate has expired"),
        ("FATAL:  sorry, too many clients already", "ERROR OperationalError: FATAL:  sorry, too many clients already"),
    ],
)
@pytest.mark.parametrize("later_ms", [300, 500])
def test_who_says_a_reason_of_itself_leads_and_who_passes_it_on_is_its_consequence(
    own: str, passed_on: str, later_ms: int
) -> None:
    """Whatever clocks and buffers make of the order, and however much the second shares with the failure."""
    relay = log(f"{AT}{later_ms} {passed_on}", host="app1")
    analysis = ranked(relay, log(f"{AT}400 {own}", host="db1", collector="postgresql.log"), clocks=())
    assert analysis.suspects[0].host == "db1"
    assert analysis.headline.startswith("db1 ")
    assert analysis.suspects[1].signals[0].words == "follows from what db1 logged"


def test_who_has_words_of_its_own_ahead_of_what_another_host_says_passes_it_on() -> None:
    relay = log(f"{AT}300 ERROR POST /orders: could not serialize: deadlock detected", host="app1")
    analysis = ranked(relay, log(f"{AT}400 [901] ERROR:  deadlock detected", host="db1"), clocks=())
    assert [each.host for each in analysis.suspects[:2]] == ["db1", "app1"]


def test_what_was_slow_leads_where_another_host_waited_and_is_no_reason_where_nobody_did() -> None:
    slow = log(f"{AT}300 LOG:  duration: 9120.114 ms  statement: SELECT name FROM orders", host="db1")
    waited = log(f"{AT}400 ERROR POST /orders timed out after 9000 ms waiting for the database", host="app1")
    assert ranked(waited, slow).headline.startswith("db1 · slow: duration: 9120.114 ms")
    assert ranked(slow).headline.startswith("No strong suspect")


def test_a_services_last_error_leads_and_not_what_its_manager_says_of_its_end() -> None:
    error = "ERROR startup: cannot read /etc/shop/prices.yaml: mapping values are not allowed here, line 14"
    end = "app1 systemd[1]: shop.service: Main process exited, code=exited, status=1/FAILURE"
    own, manager = log(f"{AT}300 {error}", host="app1"), log(f"{AT}310 {end}", host="app1", collector="syslog")
    analysis = ranked(manager, own)
    assert analysis.headline.startswith("app1 · service ended: cannot read /etc/shop/prices.yaml")
    assert "logged right before what syslog logged of its end" in [each.words for each in analysis.suspects[0].signals]
    long_before = log("2026-03-14 12:00:59,000 " + error, host="app1")
    assert ranked(manager, long_before).headline.startswith("app1 · unit failed")


def test_a_services_last_error_leads_though_its_manager_logs_it_in_the_same_log() -> None:
    manager = log(
        "Mar 14 12:01:06 app1 shop[31]: ERROR no price list is configured",
        "Mar 14 12:01:06 app1 systemd[1]: shop.service: Main process exited, code=exited, status=1/FAILURE",
        host="app1",
        collector="syslog",
    )
    assert ranked(manager).headline.startswith("app1 · service ended: no price list is configured")


def test_a_panic_leads_and_not_what_the_services_manager_says_of_its_end_though_that_names_the_test() -> None:
    program = log(f"{AT}708 INFO cancelling order 4711", "thread 'main' panicked at s.rs:2:110:", "no", host="app1")
    manager = log(
        "Mar 14 12:01:06 app1 systemd[1]: shop-cancel@4711.service: Main process exited, code=exited, status=101/n/a",
        host="app1",
        collector="journal",
    )
    analysis = ranked(program, manager)
    assert analysis.headline.startswith("app1 · panic: ")
    assert [suspect.signals[0].name for suspect in analysis.suspects[:2]] == ["panic", "consequence"]


@pytest.mark.parametrize(
    "says", ["ERROR health: index is not built, answering 503", "ERROR worker: queue 'tea' is gone"]
)
def test_the_error_of_the_host_that_a_client_names_leads_though_its_log_has_whole_seconds(says: str) -> None:
    balancer = log(
        "Mar 14 12:01:06 web1 haproxy[31]: Server be_shop/app1 is DOWN, reason: Layer7 wrong status, code: 503",
        'Mar 14 12:01:06 web1 haproxy[31]: 10.0.0.9:51 [14/Mar/2026:12:01:06.120] fe be/<NOSRV> 503 "GET / HTTP/1.1"',
        host="web1",
        collector="haproxy.log",
    )
    analysis = ranked(balancer, log(f"{AT}206 {says}", host="app1"))
    assert analysis.suspects[0].host == "app1"
    assert analysis.chain is not None
    assert analysis.chain.links[0].effect.who == "web1"


def test_an_event_that_is_news_leads_ahead_of_the_tests_own_lines_that_tell_of_no_fault() -> None:
    own = log(f"{AT}300 INFO POST /orders started", f"{AT}600 INFO POST /orders answered", host="web1")
    event = log(f"{AT}200 LOG:  recovery has paused", host="db1", collector="db.log")
    assert ranked(own, event).cause == "db1 · paused"
    assert ranked(own).headline.startswith("No strong suspect")


@pytest.mark.parametrize(("waited", "is_told"), [("timed out after 2 s", True), ("failed: bad request", False)])
def test_what_takes_a_machine_or_blocks_packets_counts_where_somebody_waited(waited: str, is_told: bool) -> None:
    client = log(f"{AT}600 WARN POST /orders: db1 {waited}", host="app1")
    for line in (
        "backup of base began",
        "kernel: [UFW BLOCK] IN=eth0 OUT= SRC=10.0.0.5 DST=10.0.0.7 PROTO=TCP DPT=5432",
    ):
        analysis = ranked(client, log(f"{AT}200 {line}", host="db1", collector="syslog"))
        assert analysis.cause.startswith("db1 · ") is is_told


def test_a_reason_that_went_through_two_hosts_leads_from_the_first_to_the_test() -> None:
    web = log(f"{AT}500 [error] POST /orders: upstream app1 answered: database returned: {DISK}", host="web1")
    app = log(f"{AT}450 ERROR POST /orders: database returned: {DISK}", host="app1")
    analysis = ranked(web, app, log(f"{AT}400 ERROR:  could not extend file: {DISK}", host="db1"))
    assert analysis.chain is not None
    assert [link.cause.who for link in analysis.chain.links] == ["db1", "app1", "web1"]


def test_who_names_another_host_passes_on_nothing_of_this_one() -> None:
    relay = log(f"{AT}400 ERROR POST /orders: db1 answered: {DISK}", host="app1")
    own = log(f"{AT}300 ERROR:  could not extend file: {DISK}", host="db1")
    elsewhere = log(f"{AT}390 ERROR backup: write failed: {DISK}", host="web1")
    assert ranked(relay, own, elsewhere).suspects[0].host == "db1"
    assert ranked(relay, elsewhere).suspects[0].host == "app1"  # what db1 said is not seen


SHUTDOWN = log(f"{AT}100 LOG:  received fast shutdown request", host="db1", collector="postgresql.log")
CLOSED = log(f"{AT}400 ERROR POST /orders failed: server closed the connection unexpectedly", host="app1")


def test_a_shut_down_server_leads_to_its_client_and_that_to_the_test() -> None:
    analysis = ranked(CLOSED, SHUTDOWN)
    assert analysis.chain is not None
    assert chain_words(analysis.chain) == (
        "db1: received fast shutdown request → app1: POST /orders failed: server closed the connection unexpectedly"
        " → test: `POST /orders` returned 500"
    )
    assert reasons_of(analysis) == [
        ("app1 names postgresql", "0.3 s later (clocks ±0.1 s)"),
        ("shares '/orders' with the failure",),
    ]
    assert [suspect.host for suspect in analysis.suspects[:2]] == ["db1", "app1"]
    assert analysis.suspects[1].signals[0].words == "follows from what db1 logged"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("cannot connect to db1:5433", "app1 names db1:5433"),
        ("cannot connect to 10.0.0.7:5432", "app1 names 10.0.0.7:5432"),
        ("Error: connect ECONNREFUSED 127.0.0.1:5432", "app1 names port 5432"),
        ("could not reach database:5432", "app1 names database:5432"),
        ("dial tcp: postgres://shop@database/orders: connection refused", "app1 names database"),
        ("lost connection to db1.shop.test", "app1 names db1"),
        ("psycopg2.OperationalError: connection refused", "app1 names postgresql"),
    ],
)
def test_a_host_is_named_by_its_name_address_port_component_or_program(said: str, reason: str) -> None:
    analysis = ranked(log(f"{AT}400 ERROR {said}", host="app1"), SHUTDOWN)
    assert [link.reasons[0] for link in analysis.chain.links[:1]] == [reason] if analysis.chain else False


@pytest.mark.parametrize(
    ("cause", "effect", "reason"),
    [
        ("req=00796cf5 write failed: Disk quota exceeded", "ERROR req=00796cf5 label: 500", "same req=00796cf5"),
        ('{"level":"error","trace_id":"4bf92f3577b34da6","msg":"No space left on device"}',
         'level=error trace_id=4bf92f3577b34da6 msg="label failed"', "same trace_id:4bf92f3577b34da6"),
        ("ERROR [7c9e6679-7425-40de-944b-e07fc1f90ae7] No space left on device",
         "WARN label 7c9e6679-7425-40de-944b-e07fc1f90ae7 is missing", "same 7c9e6679-7425-40de-944b-e07fc1f90ae7"),
    ],
)  # fmt: skip
def test_an_identifier_that_two_lines_share_links_them(cause: str, effect: str, reason: str) -> None:
    analysis = ranked(log(f"{AT}400 {effect}", host="app1"), log(f"{AT}100 {cause}", host="db1"))
    assert analysis.suspects[0].host == "db1"
    assert reasons_of(analysis)[0][0] == reason


@pytest.mark.parametrize("said", ["ERROR mail: connection refused", "WARN list is empty", "WARN server is slow"])
def test_order_alone_links_nothing(said: str) -> None:
    analysis = ranked(log(f"{AT}400 {said}", host="app1"), SHUTDOWN)
    assert analysis.headline.startswith("db1 · service stopped: ")
    assert analysis.chain is None


def test_within_the_clocks_uncertainty_no_order_is_claimed() -> None:
    rough = tuple(a_clock(host=host, offset_s=0.0, uncertainty_s=0.4) for host in ("app1", "db1"))
    assert reasons_of(ranked(CLOSED, SHUTDOWN, clocks=rough))[0] == ("app1 names postgresql",)


def test_the_order_is_that_of_the_corrected_clocks() -> None:
    ahead = (a_clock(host="app1", offset_s=0.0, uncertainty_s=0.01), a_clock(host="db1", offset_s=60.0))
    at = "2026-03-14 12:02:06,"
    said = log(f"{at}100 LOG:  received fast shutdown request", host="db1", collector="postgresql.log")
    assert reasons_of(ranked(CLOSED, said, clocks=ahead))[0][1].startswith("0.3 s later")


def test_what_was_clearly_earlier_is_no_consequence() -> None:
    earlier = log("2026-03-14 12:01:04,000 ERROR server closed the connection unexpectedly", host="app1")
    analysis = ranked(earlier, SHUTDOWN)
    assert analysis.suspects[0].host == "db1"
    assert analysis.chain is None


def test_times_in_whole_seconds_claim_no_order_within_a_second() -> None:
    whole = log(
        '2026/03/14 12:01:06 [error] 3#3: *9 upstream prematurely closed connection, upstream: "http://app1:80/orders"',
        host="web1",
        collector="nginx.errors",
    )
    killed = log(f"{AT}600 WARN shop (pid 31) was ended by SIGKILL", host="app1")
    analysis = ranked(whole, killed)
    assert [link.effect.who for link in analysis.chain.links] == ["web1", "test"] if analysis.chain else False
    assert reasons_of(analysis)[0] == ("web1 names app1:80",)


def test_a_chain_of_three_hosts_ends_at_the_test() -> None:
    nginx = log(
        f"{AT}700 [error] upstream prematurely closed connection, upstream: http://app1.shop.test:8080/orders",
        host="web1",
        collector="nginx.errors",
    )
    client = log(f"{AT}400 FATAL pq: server closed the connection unexpectedly", host="app1")
    analysis = ranked(nginx, client, SHUTDOWN)
    assert analysis.chain is not None
    assert [link.effect.who for link in analysis.chain.links] == ["app1", "web1", "test"]


@pytest.mark.parametrize(
    ("change", "kind", "refusal"),
    [
        ("LOG:  received promote request", "role change", "READONLY cannot execute UPDATE in a read-only transaction"),
        (
            "* REPLICAOF 10.0.0.9:6379 enabled",
            "role change",
            "redis.exceptions.ReadOnlyError: READONLY You can't write",
        ),
        (
            "LOG:  statement: DROP TABLE tea",
            "schema change",
            'psycopg2.errors.UndefinedTable: relation "tea" does not exist',
        ),
        (
            'audit: type=1400 audit(1.1:8): apparmor="DENIED" name="/tea"',
            "security policy",
            "open /tea: Permission denied",
        ),
        ("Stepping down from primary", "role change", "pymongo.errors.NotPrimaryError: not primary"),
        ("disk watermark [95%] exceeded on tea", "disk full", "blocked by: index read-only / allow delete (api)"),
    ],
)
def test_the_change_that_brings_a_refusal_about_leads_and_is_no_consequence_of_it(
    change: str, kind: str, refusal: str
) -> None:
    before = log(f"{AT}200 {change}", host="db1", collector="db.log")
    after = log(f"{AT}400 ERROR POST /orders at db1: {refusal}", host="app1")
    analysis = ranked(before, after)
    assert analysis.cause == f"db1 · {kind}"
    assert [event.effect.who for event in analysis.chain.links] == ["app1", "test"]


def test_a_change_that_came_later_brought_nothing_about() -> None:
    refusal = log(f"{AT}400 ERROR POST /orders at db1: READONLY You can't write against a replica", host="app1")
    late = ranked(log(f"{AT}900 LOG:  received promote request", host="db1", collector="db.log"), refusal)
    assert late.cause == "app1 · read-only"


def test_a_servers_line_that_names_the_client_links_both() -> None:
    refused = log(
        f'{AT}100 FATAL:  no pg_hba.conf entry for host "app1.shop.test", user "shop"',
        host="db1",
        collector="postgresql.log",
    )
    client = log(f"{AT}400 ERROR POST /orders: connection lost", host="app1")
    assert reasons_of(ranked(client, refused))[0][0] == "db1 names app1.shop.test"


def test_what_the_host_logs_routinely_is_no_consequence() -> None:
    routine = "2026-03-14 12:01:06,400 ERROR mail: redis: Connection refused"
    stopped = log(f"{AT}100 # User requested shutdown...", host="db1", collector="redis.log")
    before = "\n".join(f"2026-03-14 12:00:{n},400 ERROR mail: redis: Connection refused" for n in range(10, 30))
    assert ranked(log(routine, host="app1", before=before), stopped).chain is None


def test_without_a_strong_suspect_there_is_no_chain() -> None:
    slow = log(f"{AT}100 WARN req=00796cf5 orders is slow", host="db1")
    assert ranked(slow, log(f"{AT}400 WARN req=00796cf5 is slow", host="app1")).chain is None


def test_the_first_line_of_a_servers_end_leads() -> None:
    end = log(
        f"{AT}100 LOG:  received fast shutdown request",
        f"{AT}150 FATAL:  terminating connection due to administrator command",
        f"{AT}200 FATAL:  the database system is shutting down",
        host="db1",
        collector="postgresql.log",
    )
    assert "received fast shutdown request" in ranked(CLOSED, end).headline


def test_the_first_line_of_a_request_leads() -> None:
    over = f"{AT}400 WARN  [Thread-58 (work)] auth: session of 'alice' is over since 0.2 s"
    refused = f"{AT}401 WARN  [Thread-58 (work)] http: POST /orders refused: log in again"
    assert ranked(log(over, refused, host="app1")).suspects[0].text == over


def test_a_services_own_client_is_believed_where_others_noticed_it() -> None:
    said = "Could not connect to Redis at 127.0.0.1:6379: Connection refused"
    state = log("", host="db1", collector="redis.state", status="failed", stderr=said, window=None, before="")
    assert ranked(state).headline.startswith("No strong suspect")
    client = log(f"{AT}400 ERROR POST /orders failed: redis: Connection refused", host="app1")
    analysis = ranked(state, client)
    assert analysis.headline == f"db1 · service down: {said}"
    assert [link.effect.who for link in analysis.chain.links] == ["app1", "test"] if analysis.chain else False


REDIS_IS_AWAY = "Could not connect to Redis at 127.0.0.1:6379: Connection refused"


def asks_redis(collector: str, *, baseline: str | None = None) -> Item:
    told = {"status": "failed", "stderr": REDIS_IS_AWAY, "window": None, "before": "", "baseline": baseline}
    return log("", host="db1", collector=collector, **told)


def test_what_all_collectors_of_a_service_complain_of_is_told_once_by_the_one_that_is_sure() -> None:
    analysis = ranked(asks_redis("redis.state"), asks_redis("redis.clients", baseline="connected_clients:3"))
    (only,) = analysis.suspects
    assert only.collector == "redis.clients"
    assert only.is_strong


def test_a_complaint_with_which_tests_pass_is_no_suspect_but_where_a_client_noticed_it() -> None:
    away, client = (
        asks_redis("redis.state"),
        log(f"{AT}400 ERROR POST /orders failed: redis: Connection refused", host="app1"),
    )
    earlier = a_failure(window=Window(start=STARTED_AT - timedelta(seconds=90), end=STARTED_AT - timedelta(seconds=80)))
    answered = away.model_copy(update={"started_at": earlier.window.end})
    found = some_evidence(items=(answered,), gaps=())
    history = History().with_report(a_report(failure=earlier, evidence=found))

    def suspects(*items: Item, history: History) -> list[str]:
        evidence = some_evidence(items=items, gaps=(), clocks=EXACT, names=NAMES)
        return [each.text for each in rank(a_failure(), evidence, history=history).suspects]

    assert suspects(away, history=history) == [REDIS_IS_AWAY]  # nobody knows better
    between = Window(start=STARTED_AT - timedelta(seconds=60), end=STARTED_AT - timedelta(seconds=50))
    passed = history.with_test(RunTest(our_words("Log In"), between, has_passed=True))
    assert suspects(away, history=passed) == []
    assert suspects(away, client, history=passed)[0] == REDIS_IS_AWAY
    succeeded = log("role:master", host="db1", collector="redis.state", window=None)
    since = passed.with_report(a_report(failure=earlier, evidence=some_evidence(items=(succeeded,), gaps=())))
    assert suspects(away, history=since) == [REDIS_IS_AWAY]


# --- What was not in reach -------------------------------------------------------------------------------------------


def test_a_silent_headline_names_what_was_not_looked_at() -> None:
    evidence = some_evidence(
        items=(
            log("all is well", host="app1"),
            log("", host="app1", collector="ping", status="failed", window=None),
            log("well", host="app1", collector="big.log", omitted_bytes=4000, omitted_lines=120),
            log("", host="web1", collector="slow", timed_out=True, window=None),
        ),
        gaps=(
            a_gap(host="web1", collector="access.log", reason="permission denied"),
            a_gap(host="web1", collector="error.log", reason="permission denied"),
            a_gap(host="mq1", reason="skipped", detail="not asked again"),
        ),
        names=(*NAMES, HostNames(host="mail1", components=("mail",))),
    )
    analysis = rank(a_failure(), evidence)
    assert analysis.not_in_reach == (
        "mq1 (skipped)",
        "db1 (not asked)",
        "mail1 (it has no collectors)",
        "2 collectors of web1 (permission denied)",
        "app1/ping (failed)",
        "web1/slow (timed out)",
        "120 lines cut from app1/big.log",
    )
    assert analysis.headline == (
        "No strong suspect: nothing in the evidence of 2 hosts explains this; not in reach: mq1 (skipped), "
        "db1 (not asked), mail1 (it has no collectors) and 4 more"
    )


def test_many_hosts_that_nobody_asked_are_told_by_their_number() -> None:
    names = tuple(HostNames(host=f"web{number}", components=("web",), collectors=1) for number in range(1, 30))
    analysis = rank(a_failure(), some_evidence(items=(log("all is well", host="web1"),), gaps=(), names=names))
    assert analysis.headline.endswith("; not in reach: 28 other hosts (not asked)")


def test_where_all_was_looked_at_nothing_is_said_of_reach() -> None:
    analysis = ranked(*(log("all is well", host=host) for host in ("app1", "db1", "web1")))
    assert analysis.headline == "No strong suspect: nothing in the evidence of 3 hosts explains this"


# --- Names and identifiers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)
def test_each_program_is_known_by_its_words_alone(program: object) -> None:
    assert all(program.is_meant(hit) for hit in program.hits)
    assert not any(program.is_meant(miss) for miss in program.misses)


@pytest.mark.parametrize(
    "said",
    [
        "connection to 10.0.0.77:5432 refused",
        "shop@shop FATAL: no such role",
        "10.0.0.70 is slow",
        "the database is locked",
        "app12 is gone",
        "took 5432 ms",
    ],
)
def test_what_only_looks_like_a_name_names_nobody(said: str) -> None:
    evidence = some_evidence(items=(SHUTDOWN, CLOSED), names=NAMES)
    assert Names(evidence).named_in(said, by="web1") == {}


def test_an_address_of_several_hosts_names_none_of_them() -> None:
    names = tuple(HostNames(host=host, addresses=("192.0.2.9",), collectors=1) for host in ("db1", "app1"))
    evidence = some_evidence(items=(), names=names)
    assert Names(evidence).named_in("192.0.2.9 is slow", by="web1") == {}


@pytest.mark.parametrize(
    "said", ["took 12 ms", "2026-03-14 12:01:06", "order book is written", "status=500", "deadbeef"]
)
def test_numbers_and_words_are_no_identifiers(said: str) -> None:
    assert identifiers_of_line(said) == {}


def test_a_chain_among_many_candidates_that_all_link_is_found_soon() -> None:
    hosts = [f"app{number}" for number in range(1, 13)]
    items = [
        log(
            *(f"{AT}{n}00 ERROR req=0079beef {word} db1: connection refused" for n, word in enumerate("abcd", 2)),
            host=host,
        )
        for host in hosts
    ]
    cause = log(f"{AT}100 LOG: req=0079beef received fast shutdown request", host="db1", collector="postgresql.log")
    evidence = some_evidence(items=(cause, *items), gaps=(), clocks=EXACT, names=NAMES)
    began = time.process_time()
    analysis = rank(a_failure(), evidence)
    assert time.process_time() - began < 5
    assert analysis.chain is not None
    assert len(analysis.chain.links) >= 3


def test_the_clock_of_a_host_without_one_is_not_trusted() -> None:
    late = log(f"{AT}{600:03d} ERROR pq: server closed the connection unexpectedly", host="app1")
    assert reasons_of(ranked(late, SHUTDOWN, clocks=()))[0] == ("app1 names postgresql",)
