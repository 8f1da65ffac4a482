"""What leads the suspects: the cause and not its echo, nothing after the failure, and the telling words of a line."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from builders import a_failure, an_item, some_evidence

from FailTaleLibrary.ranking import rank
from FailTaleLibrary.ranking.lines import gist
from FailTaleLibrary.records import Analysis, AppliedWindow, Failure, Item

QUIET = "\n".join(f"2026-03-14 12:00:4{n},100 INFO [main] orders: {word} is well" for n, word in enumerate("abcdefghi"))
AT = "2026-03-14 12:01:06,"  # the failure: 12:01:07.4 UTC, its keyword began at 12:01:06.8, the test at 12:01:01.2


def log(*lines: str, host: str = "api1", collector: str = "app.log", **changes: object) -> Item:
    window = AppliedWindow(kind="test", method="time filter", since=a_failure().window.start)
    component = host.rstrip("0123456789")
    told = {"component": component, "text": "\n".join(lines), "before": QUIET, "window": window, **changes}
    return an_item(host, collector, **told)


def ranked(*items: Item, failure: Failure | None = None) -> Analysis:
    return rank(failure or a_failure(), some_evidence(items=items, gaps=()))


# --- Echoes: the failure itself, seen by others ----------------------------------------------------------------------

CAUSE = f"{AT}500 INFO [main] pricing: consumer paused"
ACCESS = [
    '10.0.0.7 - - [14/Mar/2026:12:01:06 +0000] "POST /orders HTTP/1.1" 500 21 "-" "curl/8.5"',
    '10.0.0.9 - - [14/Mar/2026:12:01:06 +0000] "GET /customers/12 HTTP/1.1" 502 157 "-" "other"',
    f"{AT}900 ERROR [http] POST /orders 500 12 ms",
    '{"time":"2026-03-14T12:01:06.9Z","level":"error","msg":"GET /orders 503"}',
]


@pytest.mark.parametrize("echo", ACCESS)
def test_an_access_logs_own_status_line_stands_behind_all_others(echo: str) -> None:
    analysis = ranked(log(echo, host="web1", collector="access.log"), log(CAUSE, f"{AT}600 WARN [x] pricing: is slow"))
    assert [suspect.host for suspect in analysis.suspects] == ["api1", "api1", "web1"]
    assert analysis.suspects[0].text == CAUSE


ASKED_FOR_NOTHING = [
    '2026/03/14 12:01:06 [error] 31#31: *9 open() "/srv/www/order/2" failed (2: No such file or directory), '
    'client: 10.0.0.7, server: web1, request: "GET /order/2 HTTP/1.1", host: "web1"',
    '2026/03/14 12:01:06 [error] 31#31: *9 directory index of "/srv/www/orders/" is forbidden, '
    'client: 10.0.0.7, server: web1, request: "GET /orders/ HTTP/1.1", host: "web1"',
]


@pytest.mark.parametrize("line", ASKED_FOR_NOTHING)
def test_a_web_server_is_not_accused_of_a_page_that_it_never_had(line: str) -> None:
    analysis = ranked(log(line, collector="error.log"))
    assert analysis.headline.startswith("No strong suspect")
    assert [suspect.text for suspect in analysis.suspects] == [line]


def test_a_page_that_is_not_there_stands_behind_the_reload_that_took_it_away() -> None:
    reload = "2026/03/14 12:01:05 [notice] 30#30: signal 1 (SIGHUP) received from 7, reconfiguring"
    analysis = ranked(log(reload, ASKED_FOR_NOTHING[0].replace("/order/2", "/orders"), collector="error.log"))
    assert "SIGHUP" in analysis.headline


def test_a_line_with_a_request_and_a_reason_is_no_echo() -> None:
    line = (
        "2026/03/14 12:01:06 [error] 31#31: *9 connect() failed (111: Connection refused) while connecting, "
        'client: 10.0.0.7, request: "POST /orders HTTP/1.1", upstream: "http://10.0.0.8:500/"'
    )
    access = log(ACCESS[0], host="web1", collector="access.log")
    assert ranked(access, log(line, host="web1", collector="error.log")).suspects[0].text == line


REASONS = [
    ("FATAL: server closed the connection unexpectedly", "LOG:  received fast shutdown request"),
    ("ERROR redis: Connection refused", "Received SIGTERM scheduling shutdown..."),
    ("ERROR cannot connect to db1", "FATAL:  sorry, too many clients already"),
    ("ERROR server closed the connection unexpectedly", "FATAL:  terminating connection due to administrator command"),
    ("ERROR statement timed out", "PANIC:  could not write to file: No space left on device"),
]


@pytest.mark.parametrize(("client", "server"), REASONS)
def test_what_a_client_sees_of_it_yields_to_the_reason_that_a_server_gives(client: str, server: str) -> None:
    echo = log(f"{AT}100 {client}", f"{AT}150 {client} again")
    analysis = ranked(echo, log(f"{AT}200 {server}", host="db1", collector="db.log"))
    assert server in analysis.suspects[0].text
    assert analysis.headline.startswith("db1 · ")


def test_a_clients_exception_that_quotes_a_server_yields_to_the_server() -> None:
    quoted = log(f"{AT}900 ERROR shop.PostgresError: FATAL: the database system is shutting down")
    server = log(f"{AT}100 LOG:  received fast shutdown request", host="db1", collector="db.log")
    assert [suspect.host for suspect in ranked(quoted, server).suspects] == ["db1", "api1"]
    other = log(f"{AT}100 LOG:  user shop is not authorised", host="db1", collector="db.log")
    assert ranked(quoted, other).suspects[0].host == "api1"


def test_without_a_reason_elsewhere_what_the_client_says_leads() -> None:
    quarrel = log(f"{AT}200 ERROR report: Permission denied: /srv/x", host="mail1")
    analysis = ranked(log(f"{AT}900 ERROR redis: Connection refused"), quarrel)
    assert "Connection refused" in analysis.suspects[0].text


@pytest.mark.parametrize(
    "wrapper",
    [
        "ERROR: Exception('step deploy')",
        "Command failed: deploy --all",
        "make: *** [Makefile:12: deploy] Error 2",
        "Error: Process completed with exit code 1.",
        "The command '/bin/sh -c deploy' returned a non-zero code: 2",
        "> Task :deploy FAILED",
        "Execution failed for task ':deploy'.",
        "FATAL: command execution failed",
        'fatal: [app1]: FAILED! => {"changed": true, "rc": 2, "msg": "non-zero return code"}',
        "npm ERR! Exit status 1",
        "BUILD FAILED in 4s",
        "ERROR Job failed with status 2",
        "ERROR deploy.sh exited 3",
        "subprocess.CalledProcessError: Command 'deploy' returned non-zero exit status 3.",
        "RPM build errors:",
    ],
)
def test_a_wrapper_yields_to_what_it_wraps(wrapper: str) -> None:
    wrapped = f"{AT}100 price list is missing"
    analysis = ranked(log(wrapped, f"{AT}900 {wrapper}"))
    assert analysis.suspects[0].text == wrapped


# --- Time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["FATAL out of memory", "ERROR no space left on device", "LOG: shutting down"])
def test_nothing_after_the_failure_leads(line: str) -> None:
    weak = f"{AT}000 WARN orders: shelf is slow"
    after = f"2026-03-14 12:01:07,800 {line}"
    analysis = ranked(log(weak, after))
    assert [suspect.text for suspect in analysis.suspects] == [weak, after]
    assert ranked(log(after)).headline.startswith("No strong suspect")


@pytest.mark.parametrize("hours", [-9, 9, 24])
def test_what_a_mark_proves_outranks_the_lines_own_time(hours: int) -> None:
    at = a_failure().window.end + timedelta(hours=hours, seconds=-1)
    window = AppliedWindow(kind="test", method="byte mark", since=a_failure().window.start)
    line = f"{at:%Y-%m-%d %H:%M:%S},100 ERROR orders: price list is empty"
    analysis = ranked(log(line, window=window))
    assert analysis.headline.startswith("api1: price list is empty")
    assert "after the failure" not in [signal.name for signal in analysis.suspects[0].signals]


# --- Events ----------------------------------------------------------------------------------------------------------

INFO = [
    ("orders 1.5.0 starting", "orders 1.4.2 starting"),
    ("now running release 2026.11.2", "now running release 2026.10.9"),
    ("Started ShopApi v2.4.1 using Java 21", "Started ShopApi v2.4.0 using Java 21"),
    ("tariff table 2026-04 activated", ""),
    ("consumer paused", ""),
    ("replication to db2 is now disabled", ""),
    ("new price list took effect", ""),
    ("Cache cluster failover: db2 promoted to primary", ""),
    ("Maintenance window started by ops", ""),
    ("Scaling deployment shop-api from 3 to 1", "Scaling deployment shop-api is done"),
    ("Rate table rates-2026-04 is now active", ""),
    ("read replica db2 removed from pool", ""),
    ("certificate payments rotated", ""),
    ("limits of tenant 17 set to 10 requests/s", ""),
    ("Locked account alice@example.test after 5 attempts", ""),
    ("Entering read-only mode", ""),
    ("quota of tenant 17 reached", ""),
    ("circuit breaker 'stock' changed state from CLOSED to OPEN", ""),
]


@pytest.mark.parametrize(("event", "before"), INFO)
def test_a_change_that_is_told_at_info_is_an_event(event: str, before: str) -> None:
    earlier = f"{QUIET}\n2026-03-14 12:00:30,000 INFO [main] {before or 'nothing'}"
    line = f"{AT}100 INFO [main] {event}"
    first = ranked(log(f"{AT}000 INFO [main] order 4711 written", line, before=earlier)).suspects[0]
    assert first.text == line
    assert first.is_strong


NO_EVENTS = [
    "Creating user 'systemd-oom' (systemd Userspace OOM Killer) with UID 998 and GID 998.",
    "Started systemd-oomd.service - Userspace Out-Of-Memory (OOM) Killer.",
    "NS_ENSURE_SUCCESS(rv, rv) failed with result 0x80004005: file nsFile.cpp, line 12",
    "test pngsuite-corrupted/x00n0g01.png",
    "-- Performing Test HAVE_ATOMICS_WITHOUT_LIB - Failed",
    "checking for working fork... no",
    '  echo "ERROR: no space left on device" >&2',
    'printf "%s\\n" "fatal: connection refused"',
    "session-12.scope: Deactivated successfully.",
    "reading /var/lib/panic/out-of-memory/readme.txt",
    "Loading module org.apache.kafka.common.errors.TimeoutException from /opt/kafka/libs",
    "Started ErrorReportingService in 12 ms",
    "checking whether the C compiler fails to link... no",
    "GET /docs/errors/out-of-memory.html HTTP/1.1 200 512",
    "INFO registering exception handler for ConnectionRefusedException",
    "DEBUG retry policy: max_attempts=3 retry_on=connection-refused,timeout",
    "INFO config: on_failure=restart oom_score_adj=0 kill_mode=mixed",
    "+ echo 'ERROR: disk full'",
    "#12 0.31 + printf 'fatal: no such host\\n'",
    "if (err) { throw new Error('connection refused') }",
    "raise RuntimeError('out of memory')",
    "Unpacking libpanic-perl (0.12) over (0.11) ...",
    "test_connection_refused (tests.test_net.NetTest) ... ok",
    "INFO Deadlock detection is enabled (interval 1000 ms)",
    "INFO health: db=UP disk=UP (threshold 10 MB, free 20 GB) errors=0",
]


@pytest.mark.parametrize("line", NO_EVENTS)
def test_words_in_names_paths_probes_and_echoed_scripts_are_no_events(line: str) -> None:
    analysis = ranked(log(f"{AT}100 {line}"))
    assert analysis.headline.startswith("No strong suspect")
    names = {signal.name for suspect in analysis.suspects for signal in suspect.signals}
    assert not names & {"out of memory", "unit failed", "data error", "disk full", "connection refused", "panic"}


# --- Traces inside one line ------------------------------------------------------------------------------------------

TRACE = (
    'Traceback (most recent call last):\n  File "/srv/shop/db.py", line 8, in run\nOperationalError: database is locked'
)
JAVA = (
    "org.shop.StoreException: insert failed\n\tat org.shop.Store.insert(Store.java:8)\n"
    "Caused by: org.shop.Locked: table is locked"
)
INLINE = [
    (json.dumps({"level": "ERROR", "message": "request failed", "exc_info": TRACE}), "database is locked"),
    (json.dumps({"severity": "error", "event": "request failed", "exception": TRACE}), "database is locked"),
    (json.dumps({"level": "ERROR", "message": "insert failed", "stack_trace": JAVA}), "table is locked"),
    (f'level=error msg="request failed" exc={json.dumps(TRACE)}', "database is locked"),
]


@pytest.mark.parametrize(("line", "told"), INLINE)
def test_a_trace_inside_one_line_belongs_to_that_line(line: str, told: str) -> None:
    dated = (
        line.replace("{", '{"time":"2026-03-14T12:01:06.900Z",', 1)
        if line[0] == "{"
        else f"2026-03-14T12:01:06Z {line}"
    )
    after = '{"time":"2026-03-14T12:01:07.000Z","level":"INFO","message":"worker heartbeat ok"}'
    analysis = ranked(log(dated, after))
    assert [suspect.text for suspect in analysis.suspects] == [dated]
    assert told in analysis.headline
    assert "heartbeat" not in analysis.headline


ELSEWHERE = [
    (
        '{"time":"2026-03-14T12:01:06.9Z","level":"ERROR","message":"boom","stack":"Error: connect ECONNREFUSED '
        '10.0.0.7:6379\\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1495:16)"}',
        "boom: Error: connect ECONNREFUSED 10.0.0.7:6379",
    ),
    (
        '{"@timestamp":"2026-03-14T12:01:06.9Z","log.level":"ERROR","message":"Servlet.service() threw",'
        '"error.stack_trace":"java.lang.IllegalStateException: no\\n\\tat a.b.C.d(C.java:3)\\n'
        'Caused by: java.net.ConnectException: Connection refused\\n\\tat x.y(Z.java:1)\\n"}',
        "java.net.ConnectException: Connection refused",
    ),
    (
        'time=2026-03-14T12:01:06.9Z level=ERROR msg="job failed" stack="goroutine 34 [running]:\\nmain.run(0xc000)" '
        'err="no space left on device"',
        "job failed: no space left on device",
    ),
    (
        "2026-03-14 12:01:06 [error    ] request failed   [shop] exc_info='Traceback (most recent call last):\\n"
        '  File "a.py", line 1\\nKeyError: price\'',
        "KeyError: price",
    ),
    (
        '{"ts":"2026-03-14T12:01:06.9Z","level":"error","msg":"panic recovered","stacktrace":"runtime error: '
        "index out of "
        'range [3]\\ngoroutine 7 [running]:\\nmain.f(...)\\n\\t/srv/a.go:9 +0x1"}',
        "panic recovered: runtime error: index out of range [3]",
    ),
    (
        "<11>1 2026-03-14T12:01:06.900Z api1 shop 812 - - ERROR Unhandled: System.InvalidOperationException: no price"
        "#012   at Shop.Db.Open() in /src/Db.cs:line 8#012   at Shop.Run()",
        "System.InvalidOperationException: no price",
    ),
    (
        '{"time":"2026-03-14T12:01:06.9Z","level":"fatal","msg":"Uncaught","err":{"type":"TypeError","message":'
        '"Cannot read properties of undefined","stack":"TypeError: Cannot read\\n    at /srv/app.js:12:3"}}',
        "Uncaught: Cannot read properties of undefined",
    ),
    (
        '{"time":"2026-03-14T12:01:06.9Z","level":"error","msg":"worker crashed","backtrace":["/srv/a.rb:8:in `run\'"],'
        '"error":"PG::ConnectionBad: could not connect to server: Connection refused"}',
        "worker crashed: PG::ConnectionBad: could not connect to server: Connection refused",
    ),
    (
        '{"time":"2026-03-14T12:01:06.9Z","level":"error","message":"could not write: No space left on device","body":"'
        + "x" * 3000
        + '"}',
        "could not write: No space left on device",
    ),
]


@pytest.mark.parametrize(("line", "told"), ELSEWHERE)
def test_what_a_structured_line_says_and_why_stands_in_the_headline(line: str, told: str) -> None:
    after = '{"time":"2026-03-14T12:01:07.000Z","level":"INFO","message":"worker heartbeat ok"}'
    analysis = ranked(log(line, after))
    assert told in analysis.headline
    assert [suspect.text for suspect in analysis.suspects] == [line if len(line) < 2000 else analysis.suspects[0].text]


# --- The headline ----------------------------------------------------------------------------------------------------

LONG = [
    (
        'psycopg2.OperationalError: connection to server at "db1.internal.example.test" (10.0.0.7), port 5432 failed: '
        'FATAL:  password authentication failed for user "shop"',
        "password authentication failed for user",
    ),
    (
        "while handling the message 4711 of the queue shop.orders.incoming.eu-central that was sent by the gateway at "
        "noon the worker stopped: No space left on device",
        "No space left on device",
    ),
    (
        "org.springframework.transaction.CannotCreateTransactionException: Could not open JPA EntityManager for "
        "transaction; nested exception is org.hibernate.exception.JDBCConnectionException: Connection refused",
        "Connection refused",
    ),
    (
        "failed to place order: failed to reserve stock: rpc error: code = Unavailable desc = connection error: desc = "
        '"transport: Error while dialing: dial tcp 10.0.0.7:50051: connect: connection refused"',
        "connect: connection refused",
    ),
    (
        "sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) connection to server at "
        "db1.internal.example.test "
        "(10.0.0.7), port 5432 failed: FATAL:  the database system is starting up (Background on this error at: "
        "https://sqlalche.me/e/20/e3q8)",
        "the database system is starting up",
    ),
    (
        "requests.exceptions.SSLError: HTTPSConnectionPool(host='payments.example.test', port=443): Max "
        "retries exceeded "
        "with url: /v1/charges (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] "
        "certificate verify failed: certificate has expired (_ssl.c:1006)')))",
        "certificate has expired",
    ),
    (
        "requests.exceptions.ConnectionError: HTTPConnectionPool(host='stock.internal', port=8080): Max "
        "retries exceeded "
        "with url: /reserve?sku=book&customer=4711 (Caused by NewConnectionError('<urllib3.connection.HTTPConnection "
        "object at 0x7f10>: Failed to establish a new connection: [Errno 111] Connection refused'))",
        "Connection refused",
    ),
    (
        'error="Post '
        '\\"http://stock.internal:8080/reserve?sku=book&customer=4711&warehouse=eu-central-1&priority=high\\": '
        'dial tcp: lookup stock.internal on 10.96.0.10:53: no such host"',
        "no such host",
    ),
    (
        "while the order 4711 of customer 17 was written to the archive of the region eu-central by the "
        "nightly job: No "
        "space left on device (os error 28) at /srv/shop/archive/2026/03/14/orders-4711.json for tenant "
        "example with the "
        "settings of the production cluster and 12 others",
        "No space left on device",
    ),
    (
        '{:shutdown, {:failed_to_start_child, Shop.Repo, {:EXIT, {%DBConnection.ConnectionError{message: "tcp connect '
        '(db1:5432): connection refused - :econnrefused"}}}}}',
        "connection refused",
    ),
]


@pytest.mark.parametrize(("line", "telling"), LONG)
def test_the_headline_keeps_the_telling_end_of_a_long_line(line: str, telling: str) -> None:
    headline = ranked(log(f"{AT}900 ERROR {line}")).headline
    assert telling in headline
    assert len(headline) < 200


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "# Failed opening the temp RDB file temp-4057.rdb (in server root dir /srv/redis/shop/instances/one/data) "
            "for saving: Permission denied",
            "for saving: Permission denied",
        ),
        (
            "*639 3 worker_connections are not enough while connecting to upstream, client: 127.0.0.1, server: web1, "
            'request: "GET /prices/book HTTP/1.1", upstream: "http://127.0.0.1:8080/prices/book", host: "web1"',
            "not enough while connecting to upstream (127.0.0.1:8080)",
        ),
        (
            "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
            "self-signed certificate in certificate chain (_ssl.c:1006)",
            "SSLCertVerificationError: certificate verify failed: self-signed certificate in certificate chain",
        ),
        (
            'type=AVC msg=audit(1795.1:8): avc:  denied  { read } for pid=8 comm="x"',
            'avc: denied { read } for pid=8 comm="x"',
        ),
        ("jinja2.exceptions.TemplateNotFound: tea.html", "jinja2.exceptions.TemplateNotFound: tea.html"),
        (
            "Mar 14 12:01:07 db1 kernel: [81.1] FW_DROP: IN=eth0 OUT= SRC=10.0.0.5 DST=10.0.0.7 ID=6 PROTO=TCP DPT=80",
            "FW_DROP: SRC=10.0.0.5 DST=10.0.0.7 PROTO=TCP DPT=80",
        ),
    ],
)
def test_the_gist_of_a_long_line_has_the_reason_at_its_end_and_no_context_of_the_request(line: str, said: str) -> None:
    assert gist(line).endswith(said)
    assert len(gist(line)) <= 110
