"""Evidence -> suspects: a law for each signal, on lines as real programs write them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from builders import FAILED_AT, a_clock, a_failure, a_gap, a_step, an_item
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from FailTaleLibrary.moments import Moments
from FailTaleLibrary.ranking import MOST_SUSPECTS, History, RunTest, rank
from FailTaleLibrary.ranking.headlines import NO_SUSPECT
from FailTaleLibrary.ranking.lines import gist
from FailTaleLibrary.records import (
    Analysis,
    AppliedWindow,
    Evidence,
    Failure,
    HostClock,
    HostNames,
    Item,
    ItemPart,
    Suspect,
    Window,
    our_words,
)

DAY = "2026-03-14"  # the failure: 12:01:07.4 UTC, its keyword began at 12:01:06.8, the test at 12:01:01.2

QUIET = """\
2026-03-14 12:00:40,100 INFO [main] orders: listening on :8080
2026-03-14 12:00:41,222 INFO [pool-1] orders: request 7f00 GET /health answered 200 in 2 ms
2026-03-14 12:00:42,310 INFO [pool-1] orders: order 4700 written in 12 ms
2026-03-14 12:00:43,315 DEBUG [pool-1] orders: cache hit for item tea
2026-03-14 12:00:44,318 INFO [pool-2] orders: session 1b2c3d4e opened
2026-03-14 12:00:45,320 INFO [pool-2] orders: session 1b2c3d4e closed
2026-03-14 12:00:46,322 INFO [timer] orders: statistics: 12 requests, 0 errors
2026-03-14 12:00:47,333 INFO [timer] orders: pool: 3 of 10 connections in use
2026-03-14 12:00:48,339 WARN [timer] orders: metrics collector did not answer, trying again"""


def log(*lines: str, host: str = "api1", collector: str = "orders.log", **changes: object) -> Item:
    """A log of the window, with quiet lines ahead of it unless the test says otherwise."""
    window = AppliedWindow(kind="test", method="time filter", since=a_failure().window.start)
    return an_item(host, collector, **{"text": "\n".join(lines), "before": QUIET, "window": window, **changes})


def evidence(*items: Item, **changes: object) -> Evidence:
    return Evidence(**{"failure_id": "0" * 32, "items": items, "collected_at": FAILED_AT, **changes})


def ranked(*items: Item, failure: Failure | None = None, **changes: object) -> Analysis:
    return rank(failure or a_failure(), evidence(*items, **changes))


def signal_names(suspect: Suspect) -> list[str]:
    return [signal.name for signal in suspect.signals]


def words(suspect: Suspect) -> str:
    return " · ".join(signal.words for signal in suspect.signals)


# --- Curated signals -------------------------------------------------------------------------------------------------

CURATED = [
    ("out of memory", "Mar 14 12:01:06 api1 kernel: Out of memory: Killed process 2211 (java) total-vm:4182444kB"),
    ("out of memory", "2026-03-14 12:01:06,900 ERROR [pool-1] orders: java.lang.OutOfMemoryError: Java heap space"),
    ("segfault", "Mar 14 12:01:06 api1 kernel: nginx[811]: segfault at 0 ip 00007f1 sp 00007ffd error 4 in libc.so.6"),
    ("disk full", "2026-03-14 12:01:06.9 UTC [91] ERROR:  could not write to file: No space left on device"),
    ("read-only", "Mar 14 12:01:06 db1 kernel: EXT4-fs (sda1): Remounting filesystem read-only"),
    ("I/O error", "Mar 14 12:01:06 db1 kernel: blk_update_request: I/O error, dev sda, sector 2048"),
    ("too many open files", "2026/03/14 12:01:06 [alert] 31#31: *9 socket() failed (24: Too many open files)"),
    ("limit exhausted", "2026-03-14 12:01:06.9 UTC [91] FATAL:  sorry, too many clients already"),
    ("port in use", "2026/03/14 12:01:06 [emerg] 31#31: bind() to 0.0.0.0:80 failed (98: Address already in use)"),
    ("certificate", "2026-03-14 12:01:06 ERROR tls: failed to verify certificate: x509: certificate has expired"),
    ("name resolution", "2026-03-14 12:01:06 ERROR dial tcp: lookup db.internal: no such host"),
    ("connection refused", "2026/03/14 12:01:06 [error] 31#31: *9 connect() failed (111: Connection refused)"),
    ("authentication", '2026-03-14 12:01:06.9 UTC [91] FATAL:  password authentication failed for user "shop"'),
    ("authentication", "1:M 14 Mar 2026 12:01:06.900 # NOAUTH Authentication required."),
    ("permission denied", "2026/03/14 12:01:06 [crit] 31#31: *9 open() failed (13: Permission denied)"),
    ("locked", "2026-03-14 12:01:06.9 UTC [91] ERROR:  deadlock detected"),
    ("killed", "Mar 14 12:01:06 api1 dockerd[700]: container shop-api exited with code 137"),
    ("crashed", "Mar 14 12:01:06 api1 systemd[1]: api.service: Main process exited, code=dumped, status=11/SEGV"),
    ("unit failed", "Mar 14 12:01:06 api1 systemd[1]: api.service: Failed with result 'exit-code'."),
    ("data error", '2026-03-14 12:01:06.9 UTC [91] ERROR:  duplicate key value violates unique constraint "o_pkey"'),
    ("back end down", "Mar 14 12:01:06 lb1 haproxy[12]: backend shop has no server available!"),
    ("service stopped", "1:signal-handler (1773489666) Received SIGTERM scheduling shutdown..."),
    ("service stopped", "2026-03-14 12:01:06.9 UTC [1] LOG:  received fast shutdown request"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "line"), CURATED)
def test_what_stops_a_service_is_named_and_strong(name: str, line: str) -> None:
    item = log("2026-03-14 12:01:06,010 INFO [pool-1] orders: order 4711 written in 12 ms", line)
    analysis = ranked(item)
    assert analysis.suspects[0].text == line
    assert name in {signal.name for signal in analysis.suspects[0].signals if signal.strong}
    assert not analysis.headline.startswith("No strong suspect")


EVENTS = [
    ("reload", "2026-03-14 12:01:04,000 INFO [admin] orders: configuration reloaded from /etc/shop/orders.yaml"),
    ("reload", '2026-03-14 12:01:04.0 UTC [1] LOG:  parameter "max_connections" changed to "10"'),
    ("reload", "2026/03/14 12:01:04 [notice] 31#31: signal 1 (SIGHUP) received from 1, reconfiguring"),
    ("deployment", "2026-03-14 12:01:04,000 INFO [main] deployer: deployed shop-api 2.4.1"),
    ("deployment", "2026-03-14 12:01:04 upgrade libssl3:amd64 3.0.11 3.0.13"),
    ("configuration change", "2026-03-14 12:01:04,000 INFO [admin] orders: feature flag new-pricing enabled"),
    ("role change", "2026-03-14 12:01:04,000 INFO [main] store: switched to replica db2"),
    ("restart", "Mar 14 12:01:04 api1 systemd[1]: api.service: Scheduled restart job, restart counter is at 3."),
]


@pytest.mark.parametrize(("name", "line"), EVENTS)
def test_what_happens_to_a_service_counts_at_info_when_it_is_new(name: str, line: str) -> None:
    item = log(line, "2026-03-14 12:01:06,010 INFO [pool-1] orders: order 4711 written in 12 ms")
    first = ranked(item).suspects[0]
    assert first.text == line
    assert name in {signal.name for signal in first.signals if signal.strong}


def test_a_reload_that_happens_all_the_time_is_not_strong() -> None:
    line = "2026-03-14 12:0{}:04,000 INFO [admin] orders: configuration reloaded from /etc/shop/orders.yaml"
    analysis = ranked(log(line.format(1), before=f"{QUIET}\n{line.format(0)}"))
    assert analysis.headline.startswith("No strong suspect")


def test_the_background_noise_of_an_open_ssh_port_is_no_suspect() -> None:
    lines = [
        f"Mar 14 12:01:0{n} api1 sshd[{900 + n}]: Failed password for invalid user admin from 203.0.113.{n} port 402{n}"
        for n in range(1, 7)
    ]
    assert ranked(log(*lines, before="")).suspects == ()


# --- Severity and its negatives --------------------------------------------------------------------------------------

HARMLESS = [
    "2026-03-14 12:01:05,000 INFO [main] orders: started in 1.2 s",
    "2026-03-14 12:01:05,010 INFO [timer] orders: statistics: 140 requests, 0 errors, no failures",
    "2026-03-14 12:01:05,020 INFO [main] orders: error_page is /var/www/error/500.html",
    "2026-03-14 12:01:05,030 DEBUG [main] orders: installed ErrorHandler for failover",
    '10.0.0.9 - - [14/Mar/2026:12:01:05 +0000] "GET /orders/4711 HTTP/1.1" 200 512',
    "Mar 14 12:01:05 api1 CRON[4411]: (root) CMD (/usr/lib/sysstat/sa1)",
    "2026-03-14 12:01:06,900 INFO  http: POST /login?user=guest 401 0 ms",
    "17138:M 14 Mar 2026 12:01:06.176 * Background saving terminated with success",
    "shop|rollbacks=4|conflicts=0|deadlocks=0|temp_files=0|checksum_failures=off",
]


def test_harmless_lines_give_no_strong_suspect() -> None:
    analysis = ranked(log(*HARMLESS))
    assert analysis.headline.startswith("No strong suspect")
    assert not [signal for suspect in analysis.suspects for signal in suspect.signals if signal.strong]


def test_an_error_weighs_more_than_a_failure_at_info_and_that_more_than_a_warning() -> None:
    said = ["ERROR [a] x: cart is broken", "INFO [b] y: payment failed once", "WARN [c] z: cart is slow"]
    suspects = ranked(log(*(f"2026-03-14 12:01:05,000 {line}" for line in reversed(said)))).suspects
    by_score = sorted(suspects, key=lambda suspect: -suspect.score)
    assert [suspect.text.split(",000 ")[1] for suspect in by_score] == said


@pytest.mark.parametrize(
    "line",
    [
        '{"time":"2026-03-14T12:01:06Z","level":"error","msg":"cart is gone"}',
        'time=2026-03-14T12:01:06Z level=error msg="cart is gone"',
        "E0314 12:01:06.900000       1 cart.go:12] cart is gone",
        "[Sat Mar 14 12:01:06.900000 2026] [core:error] [pid 12] cart is gone",
        "2026-03-14 12:01:06.900 UTC [91] ERROR:  cart is gone",
        "[2026-03-14 12:01:06,900: ERROR/ForkPoolWorker-1] cart is gone",
    ],
)
def test_the_level_is_understood_in_every_dress(line: str) -> None:
    assert "error" in signal_names(ranked(log(line)).suspects[0])


def test_an_access_logs_server_error_is_an_echo_and_not_the_cause() -> None:
    access = log(
        '10.0.0.7 - - [14/Mar/2026:12:01:06 +0000] "POST /orders HTTP/1.1" 500 21', host="web1", collector="access.log"
    )
    store = log("2026-03-14 12:01:06,900 ERROR [pool-2] store: database is locked", host="storage1")
    assert ranked(access, store).suspects[0].host == "storage1"


# --- Novelty ---------------------------------------------------------------------------------------------------------


def test_an_error_that_the_host_writes_all_the_time_yields_to_a_new_one() -> None:
    old = "2026-03-14 12:0{}:05,000 ERROR [mail] orders: mail server refuses newsletter {}"
    new = "2026-03-14 12:01:06,000 ERROR [pool-1] orders: price list is empty"
    analysis = ranked(log(old.format(1, 4412), new, before=f"{QUIET}\n{old.format(0, 4398)}"))
    assert [suspect.text for suspect in analysis.suspects] == [new, old.format(1, 4412)]
    assert ["new" in signal_names(suspect) for suspect in analysis.suspects] == [True, False]
    assert not [signal for signal in analysis.suspects[1].signals if signal.strong]


@pytest.mark.parametrize("field", ["before", "baseline"])
def test_whatever_the_evidence_brings_from_earlier_makes_a_line_old(field: str) -> None:
    line = "2026-03-14 12:0{}:05,000 ERROR [mail] orders: mail server refuses newsletter"
    suspect = ranked(log(line.format(1), **{"before": "", field: line.format(0)})).suspects[0]
    assert "seen before" in signal_names(suspect)


def test_without_earlier_lines_nothing_is_called_new() -> None:
    suspect = ranked(log("2026-03-14 12:01:06,000 ERROR [pool-1] orders: price list is empty", before="")).suspects[0]
    assert "new" not in signal_names(suspect)


def test_lines_that_came_along_from_ahead_of_the_window_are_earlier_lines() -> None:
    noise = [f"2026-03-14 11:5{n}:05,000 ERROR [mail] orders: mail server refuses newsletter" for n in range(8)]
    again = "2026-03-14 12:01:05,000 ERROR [mail] orders: mail server refuses newsletter"
    new = "2026-03-14 12:01:06,000 ERROR [pool-1] orders: price list is empty"
    assert ranked(log(*noise, again, new, before="")).suspects[0].text == new


def test_lines_of_a_passing_test_make_a_line_old() -> None:
    line = "2026-03-14 12:01:06,000 ERROR [mail] orders: mail server refuses newsletter 17"
    history = History().with_lines("api1", "orders.log", [line.replace("17", "12")])
    assert not rank(a_failure(), evidence(log(line))).headline.startswith("No strong suspect")
    analysis = rank(a_failure(), evidence(log(line)), history=history)
    assert (analysis.headline, signal_names(analysis.suspects[0])[:2]) == (
        "No strong suspect: nothing in the evidence of 1 host explains this",
        ["error", "seen before"],
    )


# --- Time ------------------------------------------------------------------------------------------------------------


def test_the_offset_to_the_failure_is_told_in_words() -> None:
    suspect = ranked(log("2026-03-14 12:01:07,000 ERROR [pool-1] orders: price list is empty")).suspects[0]
    assert suspect.offset_s == -0.4
    assert "first seen 0.4 s before the failure" in words(suspect)


def test_among_equals_the_one_near_the_failing_keyword_is_first() -> None:
    lines = [f"2026-03-14 12:01:0{n},900 ERROR [pool-1] {name} is empty" for n, name in [(2, "cart"), (6, "shelf")]]
    assert "shelf" in ranked(log(*lines)).suspects[0].text


def test_a_host_whose_clock_is_90_s_ahead_is_put_right() -> None:
    cause = "2026-03-14 12:02:36,900 ERROR [pool-1] orders: price list is empty"
    clock = a_clock(host="api1", offset_s=90.0)
    suspect = ranked(log(cause), clocks=(clock,)).suspects[0]
    assert (suspect.at, suspect.offset_s) == (FAILED_AT - timedelta(seconds=0.5), -0.5)
    assert ranked(log(cause)).suspects[0].offset_s == 89.5


def test_a_line_in_the_hosts_own_zone_is_put_right() -> None:
    clock = a_clock(host="api1", offset_s=0.0, utc_offset_s=7200)
    suspect = ranked(log("2026-03-14 14:01:07,000 ERROR orders: price list is empty"), clocks=(clock,)).suspects[0]
    assert suspect.offset_s == -0.4


def test_what_was_said_long_after_the_failure_yields_to_what_was_said_before_it() -> None:
    lines = [
        f"2026-03-14 12:01:{s},000 ERROR [pool-1] {name} is empty" for s, name in [("06", "cart"), ("30", "shelf")]
    ]
    assert ["cart" in suspect.text for suspect in ranked(log(*lines)).suspects][:1] == [True]


def test_the_earliest_grave_line_is_among_the_first_two_though_others_weigh_more() -> None:
    onset = "2026-03-14 12:01:02,000 ERROR [pool-1] store: cannot read page 7"
    later = [
        f"2026-03-14 12:01:06,{n}00 ERROR [pool-1] api: POST /orders: 500 Server Error: {name} is missing"
        for n, name in enumerate("abcdefg")
    ]
    assert onset in [suspect.text for suspect in ranked(log(onset, *later)).suspects[:2]]


# --- Overlap ---------------------------------------------------------------------------------------------------------


def test_a_line_that_shares_an_identifier_with_the_failing_keyword_says_so() -> None:
    failure = a_failure(keyword_path=(a_step(name="Ship Order", arguments=("ORD-88123",)),), message="not shipped")
    said = ["order ORD-88120 is on hold", "order ORD-88123 is on hold", "order ORD-88155 is on hold"]
    lines = [
        f"2026-03-14 12:01:06,900 WARN [pool-1] depot {name}: {line}" for name, line in zip("abc", said, strict=True)
    ]
    first = ranked(log(*lines), failure=failure).suspects[0]
    assert "ORD-88123" in first.text
    assert "same 'ord-88123' as the failing keyword" in words(first)


def test_two_secrets_that_were_removed_are_no_word_that_is_shared() -> None:
    failure = a_failure(message="[redacted:token] is no session", keyword_path=())
    said = "2026-03-14 12:01:06,900 WARN [pool-1] depot: user shop password=[redacted:password] key=[redacted:token]"
    assert not [
        each for suspect in ranked(log(said), failure=failure).suspects for each in words(suspect) if "shares" in each
    ]


def test_a_word_that_every_line_has_counts_less_than_a_rare_one() -> None:
    failure = a_failure(message="checkout failed for basket gold", keyword_path=())
    common = [f"2026-03-14 12:01:06,{n:03} WARN checkout {chr(97 + n)} slow" for n in range(20)]
    rare = "2026-03-14 12:01:06,900 WARN basket slow"
    assert ranked(log(*common, rare), failure=failure).suspects[0].text == rare


# --- Folding ---------------------------------------------------------------------------------------------------------


def test_lines_of_one_shape_are_one_suspect_with_a_count() -> None:
    lines = [f"2026-03-14 12:01:0{n},000 ERROR [pool-{n}] orders: order 471{n} lost" for n in range(2, 7)]
    suspects = ranked(log(*lines)).suspects
    assert [(suspect.count, suspect.line_number) for suspect in suspects] == [(5, 0)]


def test_the_same_message_in_journal_and_log_file_is_shown_once() -> None:
    file = log("2026-03-14 12:01:06,900 ERROR orders: price list is empty")
    journal = log("Mar 14 12:01:06 api1 orders[71]: ERROR orders: price list is empty", collector="journal")
    assert len(ranked(file, journal).suspects) == 1


JAVA = """\
2026-03-14 12:01:06,900 ERROR [pool-2] orders: could not store order 4711
org.shop.StoreException: insert failed
\tat org.shop.storage.OrderStore.insert(OrderStore.java:88)
\tat org.shop.storage.Orders.create(Orders.java:41)
Caused by: org.postgresql.util.PSQLException: ERROR: relation "orders" does not exist
\tat org.postgresql.core.v3.QueryExecutorImpl.receiveErrorResponse(QueryExecutorImpl.java:2725)
\t... 31 more"""

PYTHON = """\
2026-03-14 12:01:06,900 ERROR orders: could not store order 4711
Traceback (most recent call last):
  File "/srv/shop/orders.py", line 88, in insert
    cursor.execute(INSERT, row)
sqlite3.OperationalError: database is locked"""

GO = """\
2026/03/14 12:01:06 http: panic serving 10.0.0.7:5022: runtime error: invalid memory address or nil pointer dereference
goroutine 34 [running]:
net/http.(*conn).serve.func1()
\t/usr/lib/go/src/net/http/server.go:1854 +0xbf
main.(*store).insert(...)
\t/srv/shop/store.go:41 +0x2b"""

NODE = """\
TypeError: Cannot read properties of undefined (reading 'price')
    at total (/srv/shop/cart.js:12:30)
    at Object.<anonymous> (/srv/shop/app.js:88:5)"""

DOTNET = """\
2026-03-14 12:01:06.900 [ERR] Unhandled exception
System.InvalidOperationException: could not store order
 ---> Npgsql.PostgresException: 42P01: relation "orders" does not exist
   at Npgsql.Internal.NpgsqlConnector.ReadMessage(Boolean async) in /src/NpgsqlConnector.cs:line 91
   --- End of inner exception stack trace ---
   at Shop.Orders.Create(Order order) in /src/Orders.cs:line 41"""


@pytest.mark.parametrize(
    ("trace", "cause"),
    [
        (JAVA, 'Caused by: org.postgresql.util.PSQLException: ERROR: relation "orders" does not exist'),
        (PYTHON, "sqlite3.OperationalError: database is locked"),
        (GO, GO.splitlines()[0]),
        (NODE, NODE.splitlines()[0]),
        (DOTNET, ' ---> Npgsql.PostgresException: 42P01: relation "orders" does not exist'),
    ],
)
def test_a_stack_trace_is_one_suspect_told_by_its_cause(trace: str, cause: str) -> None:
    lines = trace.splitlines()
    suspects = ranked(log(*lines)).suspects
    assert [suspect.text for suspect in suspects] == [cause]
    assert f"cause of a stack trace of {len(lines)} lines" in words(suspects[0])


def chained(sentence: str, innermost: str, outermost: str) -> tuple[str, ...]:
    """What Celery logs of an error that another one led to."""
    return (
        "[2026-03-14 12:01:06,900: ERROR/ForkPoolWorker-1] "
        "Task shop.store[009454f3-dc62-443a-a71d-a54abdaf2676] raised unexpected: StoreError('no')",
        *PYTHON.splitlines()[1:-1],
        *innermost.splitlines(),
        "",
        sentence,
        "",
        *PYTHON.splitlines()[1:-1],
        outermost,
    )


DIRECT = "The above exception was the direct cause of the following exception:"
MEANWHILE = "During handling of the above exception, another exception occurred:"


@pytest.mark.parametrize("sentence", [DIRECT, MEANWHILE])
@pytest.mark.parametrize(
    ("innermost", "outermost", "cause"),
    [
        ("ConnectionRefusedError: [Errno 111] Connection refused", "shop.StoreError: not stored", "innermost"),
        ('psycopg2.ProgrammingError: no table "x"\nLINE 1: SELECT 1 FROM x\n\n', "shop.StoreError: no", "innermost"),
        ("KeyError: 'toys'", "RuntimeError: the index of toys has no table to read from", "outermost"),
        ("KeyError: 'toys'", "LookupError: 'toys'", "innermost"),
    ],
)
def test_a_chain_of_tracebacks_is_one_suspect_with_the_line_that_logs_it(
    sentence: str, innermost: str, outermost: str, cause: str
) -> None:
    lines = chained(sentence, innermost, outermost)
    (suspect,) = ranked(log(*lines)).suspects
    assert suspect.text == (innermost.splitlines()[0] if cause == "innermost" else outermost)
    assert f"cause of a stack trace of {len(lines)} lines, " in words(suspect)
    assert "logged as 'Task shop.store raised unexpected" in words(suspect)
    assert "logged as an error" in words(suspect)


def test_of_lines_that_may_explain_a_failure_it_is_only_said_that_nobody_knows_it() -> None:
    told = f"{DAY} 12:01:06 gpg: decryption failed: No secret key"
    assert ranked(log(told)).headline == "No strong suspect: nothing in the evidence of 1 host is known to explain this"
    assert ranked(log()).headline == "No strong suspect: nothing in the evidence of 1 host explains this"


IN_QUOTES = ('"""', "Traceback (most recent call last):", '  File "/srv/shop/pictures.py", line 8, in resize')
RAISED = ("Traceback (most recent call last):", '  File "/usr/lib/python3/pool.py", line 774, in get', "    raise it")


@pytest.mark.parametrize(
    "trace",
    [
        (*RAISED, "billiard.einfo.ExceptionWithTraceback: ", *IN_QUOTES, "shop.LimitError: no more than 2 s", '"""'),
        ("multiprocessing.pool.RemoteTraceback: ", *IN_QUOTES, "shop.LimitError: no more than 2 s", '"""'),
        (
            *("concurrent.futures.process._RemoteTraceback: ", *IN_QUOTES, "shop.LimitError: no more than 2 s", '"""'),
            *("", DIRECT, "", *RAISED, "shop.LimitError: no more than 2 s"),
        ),
    ],
    ids=["billiard", "multiprocessing", "concurrent.futures"],
)
def test_a_workers_traceback_in_quotes_is_one_suspect_told_by_the_workers_error(trace: tuple[str, ...]) -> None:
    (suspect,) = ranked(log(f"{DAY} 12:01:06,900 ERROR pool: task failed", *trace)).suspects
    assert suspect.text == "shop.LimitError: no more than 2 s"
    assert f"cause of a stack trace of {len(trace) + 1} lines, logged as" in words(suspect)


USAGE = """\
npm error code EUSAGE
npm error
npm error Missing: shop-fonts@2.0.1 from lock file
npm error
npm error Clean install a project
npm error
npm error Usage:
npm error npm ci
npm error
npm error Options:
npm error [--install-strategy <hoisted|nested|shallow|linked>] [--legacy-bundling]
npm error [-w|--workspace <workspace-name> [-w|--workspace <workspace-name> ...]]
npm error
npm error   --install-strategy
npm error     Sets the strategy for installing packages in node_modules.
npm error   -w|--workspace
npm error     Comma-separated list of packages whose install-time lifecycle scripts
npm error     If `true`, turn the install-script policy from a warning into a hard
npm error aliases: clean-install, ic, install-clean, isntall-clean
npm error Run "npm help ci" for more info"""


def test_how_a_program_is_called_is_no_suspect_beside_what_it_complains_of() -> None:
    lines = [f"{DAY} 12:01:06 {line}" for line in USAGE.splitlines()]
    said = {suspect.text.partition(" npm error ")[2] for suspect in ranked(log(*lines)).suspects}
    assert said == {"code EUSAGE", "Missing: shop-fonts@2.0.1 from lock file"}


@pytest.mark.parametrize(("ended", "name"), [("PH--", "answer refused"), ("sH--", "server error")])
def test_a_balancers_own_5xx_is_a_suspect_that_does_not_lead(ended: str, name: str) -> None:
    timers = "14/Mar/2026:12:01:06.900] shop be/app1 0/0/0/-1/0 502 209 - - "
    line = f'10.0.0.9:348 [{timers}{ended} 1/1/0/0/0 0/0 "GET /product/mug HTTP/1.1"'
    analysis = ranked(log(f"Mar 14 12:01:06 lb1 haproxy[31]: {line}", host="lb1", before=""))
    assert signal_names(analysis.suspects[0])[0] == name
    assert not analysis.suspects[0].is_strong


def test_a_log_of_nothing_but_chained_tracebacks_is_ranked() -> None:
    lines = ("Traceback (most recent call last):", "ValueError: no rate for EUR", MEANWHILE) * 3000
    assert ranked(log(*lines)).suspects[0].text == "ValueError: no rate for EUR"


def test_a_trace_has_the_time_of_the_line_that_logs_it() -> None:
    assert ranked(log(*JAVA.splitlines())).suspects[0].offset_s == -0.5


FRAME = "\tat org.shop.Rates.of(Rates.java:88)"
LOGGED = f"{DAY} 12:01:06,900 ERROR [pool-2] orders: could not store the order"
NO_RATE = "java.lang.IllegalStateException: no rate for EUR"
TRACES_IN_LINES = {
    "Java": (LOGGED, NO_RATE, FRAME),
    "Java below a blank line": (LOGGED, "", NO_RATE, FRAME),
    "Java, a message of two lines": (LOGGED, NO_RATE, "### The rates are of yesterday", FRAME),
    "nobody caught it": (f'Exception in thread "main" {NO_RATE}', FRAME),
    "a container's log": (*(f"{DAY}T12:01:06.9Z {line}" for line in ("ERROR orders: failed", NO_RATE, FRAME)),),
    "the journal": (
        "Mar 14 12:01:06 api1 shop[71]: ERROR orders: could not store the order",
        f"Mar 14 12:01:06 api1 shop[71]: {NO_RATE}",
        f"Mar 14 12:01:06 api1 shop[71]: {FRAME}",
    ),
    "Python in the journal": tuple(
        f"Mar 14 12:01:06 api1 shop[71]: {line}"
        for line in (
            "ERROR orders: could not store the order",
            "Traceback (most recent call last):",
            '  File "/srv/shop/orders.py", line 88, in insert',
            "    rate = rates[currency]",
            "shop.RateError: no rate for EUR",
        )
    ),
    ".NET": (
        f"{DAY} 12:01:06.900 +00:00 [ERR] could not store the order",
        "System.InvalidOperationException: outer",
        " ---> System.Exception: middle",
        " ---> System.IO.EndOfStreamException: no rate for EUR",
        "   at Shop.Rates.Of(String c) in /src/Rates.cs:line 41",
    ),
    ".NET's console": (
        "fail: Shop.Orders[0]",
        "      could not store the order",
        "      System.InvalidOperationException: no rate for EUR",
        "         at Shop.Rates.Of(String c) in /src/Rates.cs:line 41",
    ),
    "Go": (
        "panic: no rate for EUR",
        "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x47]",
        "",
        "goroutine 34 [running]:",
        "main.(*store).insert(...)",
        "\t/srv/shop/store.go:41 +0x2b",
    ),
    "Node": (LOGGED, "Error: no rate for EUR", "    at total (/srv/shop/cart.js:12:30)"),
    "Node, with a cause": (
        LOGGED,
        "Error: charge failed",
        "    at total (/srv/shop/cart.js:12:30) {",
        "  [cause]: Error: no rate for EUR",
        "      at rate (/srv/shop/rates.js:12:30)",
    ),
    "Rust": ("thread 'main' panicked at src/rates.rs:41:5:", "no rate for EUR", "note: run with `RUST_BACKTRACE=1`"),
    "Rust, a list of causes": (LOGGED, "", "Caused by:", "    0: insert failed", "    1: no rate for EUR"),
    "PHP": (LOGGED, "RuntimeException: no rate for EUR in /srv/Rates.php:12", "Stack trace:", "#0 /srv/x.php(8): of()"),
    "Ruby": ("/srv/shop/rates.rb:12:in `of': no rate for EUR (RuntimeError)", "\tfrom /srv/shop/x.rb:41:in `y'"),
    "Rails": tuple(
        f"F, [{DAY}T12:01:06.900123 #71] FATAL -- : [6f2a] {line}"
        for line in ("", "RateError (no rate for EUR):", "", "app/models/rates.rb:12:in `of'")
    ),
    "Elixir": (
        "12:01:06.900 [error] GenServer Shop.Orders terminating",
        "** (RuntimeError) no rate for EUR",
        "    (shop 0.1.0) lib/shop/rates.ex:12: Shop.Rates.of/1",
    ),
    "C++": (
        "terminate called after throwing an instance of 'std::runtime_error'",
        "  what():  no rate for EUR",
        "Aborted (core dumped)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("lines", TRACES_IN_LINES.values(), ids=TRACES_IN_LINES)
def test_a_headline_tells_the_error_that_a_trace_names(lines: tuple[str, ...]) -> None:
    analysis = ranked(log(*lines))
    assert "no rate for EUR" in analysis.headline
    told = [each for each in analysis.suspects if "no rate for EUR" in each.with_error]
    assert told == list(analysis.suspects[:1])


def test_a_line_that_logs_a_trace_is_told_with_its_error() -> None:
    analysis = ranked(log(*TRACES_IN_LINES["Java"]))
    assert analysis.headline.startswith(f"api1: could not store the order: {NO_RATE}, 0.5 s before")
    assert (analysis.suspects[0].text, analysis.suspects[0].error) == (LOGGED, NO_RATE)
    assert f"logs a stack trace of 3 lines: {NO_RATE}" in words(analysis.suspects[0])


def test_errors_that_one_line_logs_are_as_many_suspects_and_causes() -> None:
    lines = (LOGGED, NO_RATE, FRAME, LOGGED, "java.io.EOFException: the rates end early", FRAME)
    assert {each.error for each in ranked(log(*lines)).suspects} == {
        NO_RATE,
        "java.io.EOFException: the rates end early",
    }
    signatures = {ranked(log(*part)).signature for part in (lines[:3], lines[3:])}
    assert len(signatures) == 2


# --- Gaps and changes ------------------------------------------------------------------------------------------------


DB1 = HostNames(host="db1", components=("database",), addresses=("10.0.0.31",), collectors=1)
DB1_ANSWERED = DB1.model_copy(update={"answered_at": FAILED_AT - timedelta(seconds=90)})


def test_a_host_that_stopped_to_answer_in_this_run_is_a_strong_suspect() -> None:
    analysis = ranked(log(*HARMLESS), gaps=(a_gap(),), names=(DB1_ANSWERED,))
    first = analysis.suspects[0]
    assert (first.host, first.item_id, first.line_number) == ("db1", None, None)
    assert analysis.headline.startswith("db1 does not answer since 12:01:07")


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("Timeout: http://db1:8080/orders did not answer", HARMLESS[0]),
        ("500 != 200", "2026-03-14 12:01:07,000 ERROR connection to 10.0.0.31:5432 timed out"),
        ("500 != 200", "2026-03-14 12:01:07,000 WARN no connection to db1: No route to host"),
    ],
)
def test_a_host_that_never_answered_leads_where_the_failure_or_a_client_names_it(message: str, line: str) -> None:
    analysis = ranked(log(*HARMLESS, line), gaps=(a_gap(),), names=(DB1,), failure=a_failure(message=message))
    assert analysis.headline.startswith("db1 does not answer: No route to 10.0.0.31")


def test_what_the_reason_of_a_silence_says_already_is_said_once() -> None:
    detail = (
        "Host 'db1' (10.0.0.31 port 22) refuses connections: no SSH server listens there. (not tried again for 54 s)"
    )
    gaps = (a_gap(reason="refused", detail=detail),)
    stopped = ranked(log(*HARMLESS), gaps=gaps, names=(DB1_ANSWERED,)).headline
    assert stopped == ("db1 refuses connections since 12:01:07: no SSH server listens there (10.0.0.31 port 22)")


def test_a_host_that_never_answered_and_that_nothing_names_is_out_of_reach_and_no_more() -> None:
    analysis = ranked(log(*HARMLESS), gaps=(a_gap(),), names=(DB1,))
    assert analysis.headline == (
        "No strong suspect: nothing in the evidence of 1 host is known to explain this; not in reach: db1 (unreachable)"
    )
    refused = log(*HARMLESS, "2026-03-14 12:01:07,000 ERROR price list is empty")
    assert ranked(refused, gaps=(a_gap(),), names=(DB1,)).headline.startswith("api1: price list is empty")


def test_a_host_without_which_a_test_has_passed_is_out_of_reach_and_no_more() -> None:
    silent_since = FAILED_AT - timedelta(seconds=64)
    passed = RunTest(our_words("T"), Window(start=silent_since + timedelta(seconds=9), end=FAILED_AT), has_passed=True)
    history = replace(History(), silent_since={"db1": silent_since})
    told = evidence(log(*HARMLESS), gaps=(a_gap(),), names=(DB1_ANSWERED,))
    assert rank(a_failure(), told, history=history).headline.startswith("db1 does not answer since 12:00:03")
    assert rank(a_failure(), told, history=history.with_test(passed)).headline.startswith(NO_SUSPECT)


def test_silence_is_told_since_the_first_failure_that_met_it() -> None:
    from builders import a_report

    earlier = a_gap(at=FAILED_AT - timedelta(seconds=64))
    answered = History().with_report(a_report(evidence=evidence(log(*HARMLESS, host="db1"))))
    history = answered.with_report(a_report(evidence=evidence(gaps=(earlier,))))
    analysis = rank(a_failure(), evidence(gaps=(a_gap(),)), history=history)
    assert analysis.headline.startswith("db1 does not answer since 12:00:03")


@pytest.mark.parametrize("reason", ["permission denied", "file not found", "command not found", "skipped", "withheld"])
def test_a_gap_of_our_own_making_is_no_suspect(reason: str) -> None:
    assert ranked(gaps=(a_gap(reason=reason, collector="nginx.error"),)).suspects == ()


def test_a_unit_that_failed_since_the_window_began_is_a_strong_suspect() -> None:
    changes = ("- nginx.service  loaded active running", "+ nginx.service  loaded failed failed", "  cron.service x")
    units = log("nginx.service  loaded failed failed", collector="units", changes=changes, baseline="x", window=None)
    first = ranked(units).suspects[0]
    assert first.text == "nginx.service active running → failed failed"
    assert first.signals[0].strong


def test_a_change_for_the_better_is_shown_and_not_strong() -> None:
    changes = ("- nginx.service  loaded activating start", "+ nginx.service  loaded active running")
    analysis = ranked(log("x", collector="units", changes=changes, baseline="x", window=None))
    assert analysis.suspects[0].text == "nginx.service activating start → active running"
    assert analysis.headline.startswith("No strong suspect")


def test_what_a_failed_command_says_of_the_service_counts() -> None:
    said = "Could not connect to Redis at 127.0.0.1:6379: Connection refused"
    ping = log("", collector="ping", status="failed", exit_status=1, stderr=said, window=None)
    assert ranked(ping).suspects[0].text == said


def test_a_failed_command_is_told_by_the_gravest_line_that_it_says() -> None:
    said = 'psql: error: connection to server on socket "/run/.s" failed: FATAL:  the database system is shutting down'
    stderr = f"{said}\n\tIs the server running locally and accepting connections on that socket?"
    sessions = log("", collector="sessions", status="failed", exit_status=2, stderr=stderr, window=None)
    assert ranked(sessions).suspects[0].text == said


def test_what_a_failed_command_says_of_our_rights_does_not_count() -> None:
    ping = log("", collector="ping", status="failed", exit_status=1, stderr="ss: Permission denied", window=None)
    assert ranked(ping).suspects == ()


# --- The list --------------------------------------------------------------------------------------------------------


def noisy(host: str, collector: str, many: int) -> Item:
    names = [f"{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(many)]
    lines = [f"2026-03-14 12:01:06,900 FATAL [main] job {name} failed" for name in names]
    return log(*lines, host=host, collector=collector)


def test_a_noisy_neighbour_cannot_fill_the_list() -> None:
    quiet = log("2026-03-14 12:01:06,900 WARN orders: shelf is slow", host="quiet1")
    suspects = ranked(noisy("noisy1", "a.log", 200), noisy("noisy1", "b.log", 200), quiet).suspects
    assert len(suspects) == MOST_SUSPECTS
    assert "quiet1" in [suspect.host for suspect in suspects[:11]]
    assert [suspect.id for suspect in suspects] == [f"E{n}" for n in range(1, MOST_SUSPECTS + 1)]


def test_a_suspect_has_two_lines_around_it_and_its_place() -> None:
    lines = [f"2026-03-14 12:01:0{n},000 INFO step {name}" for n, name in enumerate("abcde")]
    lines[2] = "2026-03-14 12:01:02,000 ERROR orders: price list is empty"
    suspect = ranked(log(*lines)).suspects[0]
    assert (suspect.line_number, suspect.lines_before, suspect.lines_after) == (2, tuple(lines[:2]), tuple(lines[3:]))


def test_ranking_is_the_same_every_time_and_for_every_order_of_items() -> None:
    items = [noisy(f"host{n}", "a.log", 20) for n in range(3)]
    assert ranked(*items) == ranked(*items)
    assert ranked(*items).suspects == ranked(*reversed(items)).suspects


def test_evidence_of_nothing_gives_no_suspect() -> None:
    analysis = ranked()
    assert (analysis.headline, analysis.suspects) == ("No strong suspect: no host gave evidence", ())


def test_a_line_of_a_megabyte_is_judged_and_shown_in_part() -> None:
    suspect = ranked(log("2026-03-14 12:01:06,900 ERROR orders: " + "\u202e(((" * 250_000)).suspects[0]
    assert len(suspect.text) < 2100
    assert "characters …]" in suspect.text


HOSTILE = st.lists(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=60)
    | st.sampled_from(
        ["\tat a.b(C.java:1)", "Traceback (most recent call last):", "Caused by: x", '{"msg":' * 300, "<" * 500]
    ),
    max_size=30,
)


@examples(60)
@given(HOSTILE)
def test_no_text_breaks_the_ranking(lines: list[str]) -> None:
    item = log(*lines, changes=tuple(lines))
    for suspect in ranked(item).suspects:
        if suspect.line_number is not None:
            assert item.lines[suspect.line_number].startswith(suspect.text.split(" [… ")[0])


# --- Limits: time and lines ------------------------------------------------------------------------------------------


def orders(many: int, last: str) -> Item:
    return log(*(f"2026-03-14 12:01:05,000 INFO order {n} written" for n in range(many)), last)


def test_of_more_lines_than_are_judged_the_newest_of_each_source_are_and_the_rest_is_told() -> None:
    cause = "2026-03-14 12:01:06,000 ERROR price list is empty"
    items = (orders(3000, cause), log(cause.replace("price", "stock"), collector="other.log"))
    analysis = rank(a_failure(), evidence(*items), most_lines=1000)
    assert {suspect.text for suspect in analysis.suspects} == {cause, cause.replace("price", "stock")}
    assert [suspect.line_number for suspect in analysis.suspects if "price" in suspect.text] == [3000]
    assert analysis.notes == ("Ranking left out 2,002 of 3,002 lines, the oldest: it judges 1,000.",)
    assert rank(a_failure(), evidence(*items)).notes == ()


@pytest.mark.parametrize("looks", [0, 1, 2, 3, 5])
def test_when_its_time_is_used_up_ranking_stops_and_says_so(looks: int) -> None:
    asked = iter(range(1000))
    lines = [f"2026-03-14 12:01:06,000 ERROR list {chr(0x4E00 + n)} is empty" for n in range(9000)]
    analysis = rank(a_failure(), evidence(log(*lines)), is_over=lambda: next(asked) >= looks)
    assert next(asked) <= looks + 5
    assert "its time was used up" in analysis.notes[0]
    if looks:
        assert analysis.suspects
        assert "9,000 lines" in analysis.notes[0]


def test_of_many_sources_when_time_is_used_up_the_newest_lines_of_each_are_judged_and_the_rest_is_told() -> None:
    reading = iter(range(20))
    lines = [f"2026-03-14 12:01:06,000 ERROR list {chr(0x4E00 + n)} is empty" for n in range(300)]
    items = [log(*lines, collector=f"log{number}") for number in range(20)]
    analysis = rank(a_failure(), evidence(*items), is_over=lambda: next(reading, None) is None)
    assert analysis.suspects
    assert analysis.notes == ("Ranking left out 4,000 of 6,000 lines, the oldest: its time was used up.",)


# --- Headline --------------------------------------------------------------------------------------------------------


def test_the_headline_is_one_sentence_of_cause_time_and_failure() -> None:
    failure = a_failure(
        message="HTTPError: 500 Server Error: for url: http://web1/orders",
        keyword_path=(a_step(name="RequestsLibrary.GET On Session", arguments=("shop", "/orders")),),
    )
    item = log("2026-03-14 12:01:07,000 ERROR [pool-2] database is locked", host="storage1", component="storage")
    assert (
        ranked(item, failure=failure).headline
        == "storage1 · locked: database is locked, 0.4 s before `GET /orders` returned 500"
    )


def test_a_request_for_the_first_page_is_named_without_its_host() -> None:
    failure = a_failure(message="GET http://web1/ returned 503, expected 200", keyword_path=(a_step(name="Open Shop"),))
    headline = ranked(log("2026-03-14 12:01:07,000 ERROR price list is empty"), failure=failure).headline
    assert headline == "api1: price list is empty, 0.4 s before `GET /` returned 503"


def test_a_failure_that_is_no_request_is_named_by_its_keyword() -> None:
    failure = a_failure(message="'Total: 12' != 'Total: 13'", keyword_path=(a_step(name="Page Should Show Total"),))
    headline = ranked(log("2026-03-14 12:01:07,000 ERROR no total: price list is empty"), failure=failure).headline
    assert headline == "api1: no total: price list is empty, 0.4 s before `Page Should Show Total` failed"


def test_a_failure_that_a_keyword_only_says_is_named_by_who_called_it() -> None:
    says, in_robot = (a_step(name="BuiltIn.Fail", arguments=(text,)) for text in ("no tea", "${message}"))
    log_line = log("2026-03-14 12:01:07,000 ERROR price list is empty")
    for path, said in (
        ((a_step(name="Order Tea"), says), "`Order Tea` failed"),
        ((a_step(name="Order Tea"), in_robot), "`Order Tea` failed"),
        ((says,), "the test failed"),
    ):
        headline = ranked(log_line, failure=a_failure(message="no tea", keyword_path=path)).headline
        assert headline == f"api1: price list is empty, 0.4 s before {said}"


def test_the_headline_names_the_host_and_what_it_plays_where_the_name_does_not_say_so() -> None:
    cause = log("2026-03-14 12:01:07,000 ERROR price list is empty", host="10-a", component="pricing")
    assert ranked(cause).headline.startswith("10-a (pricing): price list is empty, ")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("kernel: oom_reaper: reaped process 2211 (java)", "out of memory"),
        ("api.service: Main process exited, code=dumped", "crashed"),
        ("database is locked", "locked"),
        ("connection refused by cart", "connection refused"),
        ("write: Disk quota exceeded", "disk full"),
        ("x509: certificate has expired", "certificate"),
        ("dial tcp: lookup db.internal: no such host", "name resolution"),
        ("upstream timed out (110: Connection timed out)", "time-out"),
        ("open() failed (13: Permission denied)", "permission denied"),
        ("consumer paused", "paused"),
    ],
)
def test_the_headline_says_host_and_kind_of_the_cause(line: str, said: str) -> None:
    analysis = ranked(log(f"2026-03-14 12:01:07,000 ERROR {line}"))
    assert analysis.cause == f"api1 · {said}"
    assert analysis.headline.startswith(f"api1 · {said}: ")


def test_where_several_hosts_play_a_component_the_headline_names_the_host() -> None:
    cause = log("2026-03-14 12:01:07,000 ERROR price list is empty", host="api2")
    assert ranked(log(*HARMLESS, host="api1"), cause).headline.startswith("api2: ")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2026/03/14 12:01:07 [error] 31#31: *9 upstream is gone", "upstream is gone"),
        ("2026-03-14 12:01:07.0 UTC [91] FATAL:  cart is gone", "cart is gone"),
        ("1:M 14 Mar 2026 12:01:07.000 # FATAL cart is gone", "cart is gone"),
        ("Mar 14 12:01:07 api1 orders[71]: ERROR cart is gone", "cart is gone"),
        ('{"time":"2026-03-14T12:01:07Z","level":"error","msg":"cart is gone"}', "cart is gone"),
        ('time=2026-03-14T12:01:07Z level=error msg="cart is gone"', "cart is gone"),
        ("2026-03-14 12:01:07.000 UTC [91] shop@shop ERROR:  cart is gone", "cart is gone"),
        ("2026-03-14 12:01:07.000 UTC [91]: user=shop,db=shop,client=10.0.0.7 ERROR:  cart is gone", "cart is gone"),
        ("2026-03-14 12:01:07.000000+00:00 [error] <0.31.0> cart is gone", "cart is gone"),
        ("2026-03-14 12:01:07.000 ERROR 1 --- [nio-8080-exec-7] o.shop.CartService : cart is gone", "cart is gone"),
        ("2026-03-14 12:01:07,000 ERROR [Coordinator 1]: cart is gone", "cart is gone"),
        ("[2026-03-14 12:01:07,000: ERROR/ForkPoolWorker-1] cart is gone", "cart is gone"),
        (
            "Mar 14 12:01:07 api1 kernel: [81.220] worker[31]: segfault at 7f31 ip 7f32 sp 7f33 error 4 in libc.so.6",
            "worker[31]: segfault in libc.so.6",
        ),
        (
            "2026/03/14 12:01:07 [error] 31#31: *9 no tea from upstream, client: 10.0.0.7, server: web1, "
            'request: "GET /tea HTTP/1.1", upstream: "http://10.0.0.8:500/tea", host: "web1"',
            "no tea from upstream (10.0.0.8:500)",
        ),
        (
            "2026/03/14 12:01:07 [error] 31#31: *9 cart is gone, client: 10.0.0.7, server: web1, "
            'request: "GET /tea HTTP/1.1", host: "web1"',
            "cart is gone",
        ),
    ],
)
def test_the_headline_leaves_out_time_level_and_process(line: str, said: str) -> None:
    assert gist(line) == said
    assert f": {said}, " in ranked(log(line)).headline


@pytest.mark.parametrize("offset_s", [1e11, -1e11, 1e300, float("inf"), float("nan")])
def test_a_clock_beyond_any_calendar_costs_no_ranking(offset_s: float) -> None:
    clock = HostClock(host="h", offset_s=offset_s, uncertainty_s=0.1)
    near = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
    moments = Moments(["2026-11-22 10:00:00 x", "Nov 22 10:00:00 x"], clock=clock, near=near)
    assert moments.at(0) == moments.at(1) == datetime(2026, 11, 22, 10, tzinfo=timezone.utc)


def test_a_line_without_a_time_that_may_be_older_than_the_window_is_never_a_headline() -> None:
    text = "ERROR out of memory: killed process 17 (storage)\nready"
    exact = an_item(text=text, before="", parts=(ItemPart(first_line=0, lines=2),))
    unsure = (ItemPart(first_line=0, lines=1, unsure=True), ItemPart(first_line=1, lines=1))
    assert not ranked(exact).headline.startswith(NO_SUSPECT)
    perhaps = ranked(an_item(text=text, before="", parts=unsure))
    assert perhaps.headline == f"{NO_SUSPECT}: what storage1 logged may be older than this test"
    assert "perhaps older than this test" in words(perhaps.suspects[0])
    assert [suspect.line_number for suspect in perhaps.suspects] == [0]


def test_no_time_crosses_the_border_of_a_file_and_a_line_that_imitates_one_is_none() -> None:
    lines = ["==> a <==", "2026-11-22 10:00:00 x", "==> b <==", "untimed", "==> c <==", "untimed of b"]
    parts = (ItemPart(path="a", first_line=1, lines=1), ItemPart(path="b", first_line=3, lines=3))
    item = an_item(text="\n".join(lines), parts=parts)
    near = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
    moments = Moments(lines, clock=None, near=near, headings=item.headings)
    assert item.headings == {0, 2}
    assert [moments.at(number) is not None for number in range(6)] == [False, True, False, False, False, False]
