"""Records with sane defaults, so that a test states only what it is about.

The defaults tell one story: the test "Orders survive a restart of the API" fails because storage1 cannot lock its
database; db1 does not answer; web1's clock is 92 s ahead.
"""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta, timezone
from typing import Any

from FailTaleLibrary.records import (
    Analysis,
    AppliedWindow,
    Chain,
    ChainEvent,
    ChainLink,
    Citation,
    Cost,
    Evidence,
    Failure,
    Gap,
    Hint,
    HostClock,
    Item,
    KeywordStep,
    Plan,
    Redaction,
    Report,
    Signal,
    Signature,
    Step,
    Suspect,
    Window,
)

FAILED_AT = datetime(2026, 3, 14, 12, 1, 7, 400_000, tzinfo=timezone.utc)
STARTED_AT = FAILED_AT - timedelta(seconds=6.2)
FAILURE_ID = "3f9c1a7be24d4c0f9d6b2a8815c7e043"
SUITE_FILE = "/home/ci/shop/tests/orders/restart.robot"
RESOURCE_FILE = "/home/ci/shop/tests/resources/orders.resource"

STORAGE_LOG = """\
12:01:01.310 INFO  [main] storage: request 7f1c POST /orders from api1
12:01:02.006 INFO  [main] storage: order 4711 written in 12 ms
12:01:05.870 INFO  [backup] storage: nightly backup begins, exclusive lock on orders.db
12:01:06.958 WARN  [pool-2] storage: waiting for orders.db since 1000 ms
12:01:06.961 ERROR [pool-2] storage: database is locked: orders.db held by backup (pid 812)
java.sql.SQLException: [SQLITE_BUSY] The database file is locked
\tat org.shop.storage.OrderStore.insert(OrderStore.java:88)
\tat org.shop.storage.Orders.create(Orders.java:41)
12:01:06.964 INFO  [main] storage: request 7f2a POST /orders answered 500
12:01:07.020 WARN  [pool-2] storage: 3 requests queued"""

NGINX_LOG = """\
2026/03/14 12:02:38 [error] 311#311: *94 upstream answered 500, client: 10.0.0.7, request: "POST /orders HTTP/1.1"
2026/03/14 12:02:39 [warn] 311#311: *94 upstream response is buffered to a temporary file"""

UNITS = """\
UNIT                    ACTIVE   SUB
shop-backup.service     active   running
shop-storage.service    active   running
cron.service            active   running"""


def a_step(**changes: Any) -> KeywordStep:
    """A failing keyword of the test itself."""
    values: dict[str, Any] = {
        "name": "Create Order",
        "arguments": ("item=tea", "count=2"),
        "source": SUITE_FILE,
        "line": 31,
        "status": "FAIL",
        "started_at": FAILED_AT - timedelta(seconds=0.6),
        "elapsed_s": 0.6,
        "depth": 0,
    }
    return KeywordStep(**{**values, **changes})


def a_failure(**changes: Any) -> Failure:
    values: dict[str, Any] = {
        "id": FAILURE_ID,
        "name": "Orders survive a restart of the API",
        "suite": "Shop.Orders.Restart",
        "source": SUITE_FILE,
        "line": 24,
        "tags": ("orders", "smoke"),
        "message": "HTTPError: 500 Server Error for url: http://web1/orders",
        "window": Window(start=STARTED_AT, end=FAILED_AT),
        "suite_started_at": STARTED_AT - timedelta(seconds=40),
        "run_started_at": STARTED_AT - timedelta(seconds=95),
        "keyword_path": (
            a_step(),
            a_step(
                name="RequestsLibrary.POST On Session",
                arguments=("shop", "/orders", 'json={"item": "tea", "count": 2}'),
                source=RESOURCE_FILE,
                line=12,
                depth=1,
                elapsed_s=0.5,
            ),
        ),
    }
    return Failure(**{**values, **changes})


def an_item(host: str = "storage1", collector: str = "storage.log", **changes: Any) -> Item:
    """A log of the storage component, complete and in its window."""
    command = changes.get("command", "tail -c +48213 /var/log/shop/storage.log")
    values: dict[str, Any] = {
        "id": f"{host}/{collector}",
        "host": host,
        "component": host.rstrip("0123456789"),
        "collector": collector,
        "description": "What the order store says.",
        "kind": "file",
        "command": command,
        "ssh_command": f"ssh failtale@{host}.shop.test {shlex.quote(command)}",
        "exit_status": 0,
        "started_at": FAILED_AT + timedelta(seconds=0.1),
        "duration_s": 0.12,
        "before": "12:01:00.870 INFO  [main] storage: health check ok",
        "text": STORAGE_LOG,
        "produced_bytes": len(STORAGE_LOG),
        "received_bytes": len(STORAGE_LOG),
        "window": AppliedWindow(kind="test", method="byte mark", since=STARTED_AT),
    }
    return Item(**{**values, **changes})


def a_snapshot(host: str = "storage1", collector: str = "units", **changes: Any) -> Item:
    """A command without a window, with a baseline and what changed since."""
    values: dict[str, Any] = {
        "kind": "command",
        "description": "State of the services.",
        "command": "systemctl list-units --type=service --no-pager --plain",
        "before": "",
        "text": UNITS,
        "produced_bytes": len(UNITS),
        "received_bytes": len(UNITS),
        "window": None,
        "baseline": UNITS.replace("active   running", "inactive dead", 1),
        "changes": (
            "- shop-backup.service     inactive dead",
            "+ shop-backup.service     active   running",
            "  shop-storage.service    active   running",
        ),
        "duration_s": 0.08,
    }
    return an_item(host, collector, **{**values, **changes})


def a_gap(**changes: Any) -> Gap:
    """A host that did not answer at all."""
    values: dict[str, Any] = {
        "host": "db1",
        "component": "db",
        "reason": "unreachable",
        "detail": "No route to 10.0.0.31 port 22 within 5 s.",
        "at": FAILED_AT + timedelta(seconds=0.1),
        "elapsed_s": 2.0,
    }
    return Gap(**{**values, **changes})


def a_clock(**changes: Any) -> HostClock:
    values: dict[str, Any] = {"host": "web1", "offset_s": 92.31, "uncertainty_s": 0.012, "utc_offset_s": 0}
    return HostClock(**{**values, **changes})


def a_suspect(**changes: Any) -> Suspect:
    """The line that tells the cause."""
    lines = STORAGE_LOG.splitlines()
    values: dict[str, Any] = {
        "id": "E1",
        "item_id": "storage1/storage.log",
        "host": "storage1",
        "component": "storage",
        "collector": "storage.log",
        "line_number": 4,
        "text": lines[4],
        "lines_before": tuple(lines[2:4]),
        "lines_after": tuple(lines[5:7]),
        "at": FAILED_AT - timedelta(seconds=0.439),
        "offset_s": -0.439,
        "score": 14.2,
        "signals": (
            Signal(name="database locked", words="names a locked database", strong=True),
            Signal(name="new", words="not seen before this test"),
            Signal(name="near the failure", words="0.4 s before the failure"),
        ),
    }
    return Suspect(**{**values, **changes})


def a_gap_suspect(**changes: Any) -> Suspect:
    """A host's silence as a suspect."""
    values: dict[str, Any] = {
        "id": "E2",
        "item_id": None,
        "host": "db1",
        "component": "db",
        "collector": "",
        "line_number": None,
        "text": "db1 does not answer: no route to 10.0.0.31 port 22 within 5 s.",
        "lines_before": (),
        "lines_after": (),
        "at": None,
        "offset_s": None,
        "score": 8.0,
        "signals": (Signal(name="gap", words="the host does not answer", strong=True),),
    }
    return a_suspect(**{**values, **changes})


def a_hint(**changes: Any) -> Hint:
    values: dict[str, Any] = {
        "model": "qwen2.5:3b",
        "seconds": 12.3,
        "category": "environment",
        "component": "storage",
        "cause": "The nightly backup held an exclusive lock on orders.db, so the order could not be written.",
        "confidence": "medium",
        "next_steps": ("Look at what else ran on storage1 at that time.",),
        "citations": (Citation(suspect_id="E1", shared_words=("backup", "lock", "orders.db")),),
    }
    return Hint(**{**values, **changes})


def a_chain(**changes: Any) -> Chain:
    """The locked database on its way to the test."""
    cause = ChainEvent(suspect_id="E1", who="storage1", says="database is locked: orders.db held by backup")
    echo = ChainEvent(suspect_id="E3", who="web1", says="upstream answered 500")
    failure = ChainEvent(suspect_id=None, who="test", says="`POST /orders` returned 500")
    values: dict[str, Any] = {
        "links": (
            ChainLink(cause=cause, effect=echo, reasons=("web1 names storage1", "0.1 s later")),
            ChainLink(cause=echo, effect=failure, reasons=("same '/orders' as the failing keyword",)),
        )
    }
    return Chain(**{**values, **changes})


def an_analysis(**changes: Any) -> Analysis:
    values: dict[str, Any] = {
        "headline": "storage1: database is locked, 0.4 s before `POST On Session` failed",
        "suspects": (
            a_suspect(),
            a_gap_suspect(),
            a_suspect(
                id="E3",
                item_id="web1/nginx.error",
                host="web1",
                component="web",
                collector="nginx.error",
                line_number=0,
                text=NGINX_LOG.splitlines()[0],
                lines_before=(),
                lines_after=(NGINX_LOG.splitlines()[1],),
                offset_s=-0.31,
                count=3,
                score=6.1,
                signals=(Signal(name="words", words="shares 'POST', '/orders' and '500' with the failure"),),
            ),
        ),
        "chain": a_chain(),
        "signature": Signature(
            hash="a41b77c02e9d5f18", text="Create Order > POST On Session | HTTPError: <n> Server Error"
        ),
        "hint": a_hint(),
    }
    return Analysis(**{**values, **changes})


def some_evidence(**changes: Any) -> Evidence:
    """Three hosts, of which one is a gap; items of every outcome."""
    values: dict[str, Any] = {
        "failure_id": FAILURE_ID,
        "items": (
            a_snapshot(),
            an_item(redactions=(Redaction(rule="password", count=2), Redaction(rule="bearer token", count=1))),
            an_item(
                "storage1",
                "access.log",
                description="Requests as the store saw them.",
                text='10.0.0.9 "POST /orders" 500 1004ms\n10.0.0.9 "GET /health" 200 1ms',
                before="",
                omitted_bytes=182_044,
                omitted_lines=1204,
                received_bytes=65_536,
                produced_bytes=247_580,
                command="tail -c +1 /var/log/shop/access.log",
            ),
            an_item(
                "web1",
                "nginx.error",
                description="nginx's error log.",
                text=NGINX_LOG,
                before="",
                command="cat /var/log/nginx/error.log",
                window=AppliedWindow(
                    kind="test",
                    method="time filter",
                    since=STARTED_AT,
                    note="nginx writes whole seconds; lines of the first second may be older.",
                ),
            ),
            an_item(
                "web1",
                "kernel",
                kind="journal",
                description="The kernel's messages.",
                status="empty",
                text="",
                before="",
                command="journalctl -k --after-cursor=…",
                empty_means="No out-of-memory kill and no disk error in the window.",
                window=AppliedWindow(kind="test", method="journal cursor", since=STARTED_AT),
            ),
            an_item(
                "web1",
                "sockets",
                kind="command",
                description="Listening sockets.",
                status="failed",
                exit_status=1,
                text="",
                before="",
                stderr="ss: cannot open netlink socket: Permission denied",
                command="ss -ltnp",
                window=None,
            ),
            an_item(
                "web1",
                "config check",
                kind="command",
                description="Whether nginx accepts its configuration.",
                timed_out=True,
                exit_status=None,
                text="nginx: the configuration file /etc/nginx/nginx.conf syntax is ok",
                before="",
                duration_s=10.0,
                command="sudo -n nginx -t",
                window=None,
            ),
        ),
        "gaps": (
            a_gap(),
            a_gap(
                host="web1",
                component="web",
                collector="access.log",
                reason="permission denied",
                detail="/var/log/nginx/access.log: not readable for failtale; add it to group adm.",
            ),
        ),
        "clocks": (a_clock(), a_clock(host="storage1", offset_s=0.004, uncertainty_s=0.001)),
        "cost": Cost(seconds=2.1, connections=2, received_bytes=69_812),
        "collected_at": FAILED_AT + timedelta(seconds=2.2),
    }
    return Evidence(**{**values, **changes})


def a_plan(evidence: Evidence | None = None, **changes: Any) -> Plan:
    """The plan that this evidence answers."""
    evidence = evidence or some_evidence()
    values: dict[str, Any] = {
        "failure_id": evidence.failure_id,
        "steps": tuple(
            Step(host=item.host, component=item.component, collector=item.collector, timeout_s=10, max_bytes=65_536)
            for item in evidence.items
        ),
        "deadline_s": 60.0,
        "max_bytes": 4_194_304,
        "host_time_s": 30.0,
        "host_bytes": 1_048_576,
        "parallel_hosts": 16,
    }
    return Plan(**{**values, **changes})


def a_report(**changes: Any) -> Report:
    """The whole story; pass ``failure=``, ``evidence=`` or ``analysis=`` to tell another."""
    values: dict[str, Any] = {
        "failtale_version": "0.1.0",
        "created_at": FAILED_AT + timedelta(seconds=2.3),
        "failure": a_failure(),
        "evidence": some_evidence(),
        "analysis": an_analysis(),
        "bundle": f"failtale/{FAILURE_ID}",
    }
    values = {**values, **changes}
    values.setdefault("plan", a_plan(values["evidence"]))
    return Report(**values)
