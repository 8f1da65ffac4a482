"""The faults: what is done to the site, how the test notices, and which lines a human would call the cause.

The causes were written down before the ranking had seen any of these failures. A fault's function does the damage and
then yields; behind the yield it makes good. A label names the line that tells why, not every line that tells that
something failed: nginx's 502 is no cause when the supervisor's log says that the shop was killed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from bench.faults.app import cache
from bench.faults.app.postgres import PostgresError, Session, quoted
from bench.faults.client import Client, FailedError
from bench.faults.processes import wait_for
from bench.faults.services import LOCATIONS, Site

ERRORS, SHOP, WORKER, SUPERVISOR = "nginx.errors", "shop-log", "worker-log", "supervisor-log"
PROCESSES, STOPPED = "linux.processes", "linux.stopped"
POSTGRES, REDIS, REDIS_STATE = "postgresql.log", "redis.log", "redis.state"
LOST = r"Connection ?[Rr]efused|closed the connection|Connection ?[Rr]eset|terminating connection"
"""What clients of a server say when it has ended."""
_HOSTS = {ERRORS: "web1", SHOP: "app1", WORKER: "app1", SUPERVISOR: "app1", PROCESSES: "app1", STOPPED: "app1"}
"""The other collectors are db1's."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Lines that a human would call the cause: any line of this item that the pattern is found in."""

    host: str
    collector: str
    pattern: re.Pattern[str]

    def is_told_by(self, host: str, collector: str, text: str) -> bool:
        return (host, collector) == (self.host, self.collector) and bool(self.pattern.search(text))


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and the test that fails for it."""

    name: str
    keyword: str
    arguments: tuple[str, ...]
    check: Callable[[Client], None]
    """The failing keyword: raises FailedError with the failure's message."""
    causes: tuple[Cause, ...]
    damage: Callable[[Site], AbstractContextManager[None]]
    lead_s: float = 0.0
    """How long before the test the damage was done."""
    is_blind: bool = False
    """Whether it is of the blind half: no rule of the ranking may be made or mended for what it shows."""
    consequences: tuple[Cause, ...] = ()
    """Further lines that the cause brought about, beside those that quote it or name the test's own request."""
    meanwhile: Callable[[Client], None] | None = None
    """What a test of another process does at the same time, and fails at."""

    @property
    def comes_first(self) -> bool:
        """Whether its test is the first of its run; before the others two tests passed. A fixed rule, and arbitrary."""
        return len(self.name) % 2 == 0

    @property
    def is_mistake(self) -> bool:
        """Whether the test itself is wrong, and the site is well."""
        return not self.causes


FAULTS: list[Fault] = []


BLIND_MODULE = "bench.faults.kept_back"
"""The fixed rule of the halves: what stands in this module was written after the ranking's rules, and is blind."""


def fault(
    keyword: str,
    *arguments: str,
    check: Callable[[Client], None],
    causes: dict[str, str],
    consequences: dict[str, str] | None = None,
) -> Callable[[Callable[[Site], Iterator[None]]], Callable[[Site], Iterator[None]]]:
    def register(damage: Callable[[Site], Iterator[None]]) -> Callable[[Site], Iterator[None]]:
        made = Fault(
            damage.__name__.replace("_", " "),
            keyword,
            arguments,
            check,
            _labels(causes),
            contextmanager(damage),
            is_blind=damage.__module__ == BLIND_MODULE,
            consequences=_labels(consequences or {}),
        )
        FAULTS.append(made)
        return damage

    return register


def _labels(lines: dict[str, str]) -> tuple[Cause, ...]:
    return tuple(Cause(_HOSTS.get(collector, "db1"), collector, re.compile(line)) for collector, line in lines.items())


def get(path: str) -> Callable[[Client], None]:
    return lambda client: client.json("GET", path)


def post(path: str, *, body: bytes = b"") -> Callable[[Client], None]:
    return lambda client: client.json("POST", path, body=body)


PLACE_ORDER = post("/orders?customer=4711&sku=book")
TRANSFER = post("/transfers?source=31&target=32")


def is_exported(client: Client) -> None:
    order = client.json("POST", "/orders?customer=4711&sku=mug")["order"]
    if not wait_for(lambda: client.json("GET", f"/orders/{order}")["exported"], longest_s=1.5):
        raise FailedError(f"AssertionError: order {order} was not exported within 1.5 s")


def price_is_20(client: Client) -> None:
    price = client.json("GET", "/prices/book")["price"]
    if price != 20.0:
        raise FailedError(f"AssertionError: price of 'book': {price} != 20.0")


def _stays_logged_in(client: Client) -> None:
    token = client.json("POST", "/login?user=alice")["token"]
    time.sleep(1.2)  # the test reads the catalogue meanwhile
    client.json("GET", "/account", session=token)


# --- Processes -------------------------------------------------------------------------------------------------------


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={SUPERVISOR: r"shop \(pid \d+\) was ended by SIGKILL"},
    consequences={ERRORS: r"connect\(\) failed|prematurely closed|\(104: "},
)  # fmt: skip
def shop_killed(site: Site) -> Iterator[None]:
    os.kill(site.pid("shop"), signal.SIGKILL)
    time.sleep(0.1)
    yield


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={ERRORS: r"upstream timed out \(110", STOPPED: r"\bstate T.*shop"},
)  # fmt: skip
def shop_hangs(site: Site) -> Iterator[None]:
    pid = site.pid("shop")
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)


@fault(
    "Order Should Be Exported", "4711",
    check=is_exported,
    causes={SUPERVISOR: r"worker \(pid \d+\) was ended by SIGKILL"},
)  # fmt: skip
def worker_killed(site: Site) -> Iterator[None]:
    os.kill(site.pid("worker"), signal.SIGKILL)
    yield


@fault(
    "Get Sales Report", "days=3650",
    check=get("/reports/sales?days=3650"),
    causes={SHOP: r"^MemoryError"},
)  # fmt: skip
def report_needs_too_much_memory(_: Site) -> Iterator[None]:
    yield


# --- Switches, said at INFO ------------------------------------------------------------------------------------------


@fault(
    "Order Should Be Exported", "4711",
    check=is_exported,
    causes={WORKER: r"flag 'exports_paused' is on now", SHOP: r"flag 'exports_paused' is on now"},
)  # fmt: skip
def exports_paused(site: Site) -> Iterator[None]:
    site.set(exports_paused=True)
    yield
    site.set()


@fault(
    "Price Should Be", "book", "20.0",
    check=price_is_20,
    causes={WORKER: r"flag 'prices_with_tax' is on now", SHOP: r"flag 'prices_with_tax' is on now"},
)  # fmt: skip
def prices_with_tax(site: Site) -> Iterator[None]:
    site.set(prices_with_tax=True)
    yield
    site.set()


@fault(
    "Account Should Be Open", "alice",
    check=_stays_logged_in,
    causes={SHOP: r"session of 'alice' is over|token_seconds is 1 now", WORKER: r"token_seconds is 1 now"},
)  # fmt: skip
def sessions_too_short(site: Site) -> Iterator[None]:
    site.set(token_seconds=1)
    yield
    site.set()


@fault(
    "Get Shipping", "2",
    check=get("/shipping/2"),
    causes={SHOP: r"gaierror|carrier is carrier\.invalid", WORKER: r"carrier is carrier\.invalid"},
)  # fmt: skip
def carrier_unknown(site: Site) -> Iterator[None]:
    site.set(carrier="carrier.invalid:443")
    yield
    site.set()


# --- nginx, certificates, files --------------------------------------------------------------------------------------


@fault(
    "Price Should Be", "book", "20.0",
    check=price_is_20,
    causes={ERRORS: r"SIGHUP|reconfiguring|signal process started|html/prices/book\" failed"},
)  # fmt: skip
def reload_drops_location(site: Site) -> Iterator[None]:
    site.reload_nginx(locations=LOCATIONS.replace("|prices", ""))
    yield
    site.reload_nginx()


@fault(
    "Send Receipt", "2",
    check=post("/receipts/2", body=b"." * 5000),
    causes={ERRORS: r"SIGHUP|reconfiguring|signal process started|too large body"},
)  # fmt: skip
def reload_allows_small_bodies_only(site: Site) -> Iterator[None]:
    site.reload_nginx(largest_body="1k")
    yield
    site.reload_nginx()


@fault("Pay Order", "2", check=post("/payments/2"), causes={ERRORS: r"certificate has expired"})
def certificate_expired(site: Site) -> Iterator[None]:
    shutil.copy(site.app / "expired.pem", site.app / "payments.pem")
    yield
    shutil.copy(site.app / "valid.pem", site.app / "payments.pem")


@fault("Send Receipt", "2", check=post("/receipts/2"), causes={SHOP: r"No space left on device"})
def disk_full(site: Site) -> Iterator[None]:
    receipts = site.app / "spool/receipts"
    receipts.replace(receipts.with_suffix(".kept"))
    receipts.symlink_to("/dev/full")  # answers every write as a full disk does
    yield
    receipts.with_suffix(".kept").replace(receipts)


@fault("Send Receipt", "2", check=post("/receipts/2"), causes={SHOP: r"PermissionError: .*receipt\.template"})
def template_unreadable(site: Site) -> Iterator[None]:
    template = site.app / "spool/receipt.template"
    template.chmod(0o000)
    yield
    template.chmod(0o644)


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


@fault(
    "Order Should Exist", "2",
    check=get("/orders/2"),
    causes={
        POSTGRES: r'password authentication failed for user "shop"|statement: ALTER ROLE shop PASSWORD',
        SHOP: r'password authentication failed for user "shop"',
    },
)  # fmt: skip
def database_password_changed(site: Site) -> Iterator[None]:
    site.administer(f"ALTER ROLE shop PASSWORD {quoted(site.password[::-1])}")
    yield
    site.administer(f"ALTER ROLE shop PASSWORD {quoted(site.password)}")


@fault(
    "Order Should Exist", "2",
    check=get("/orders/2"),
    causes={
        POSTGRES: r"too many clients|remaining connection slots",
        SHOP: r"too many clients|remaining connection slots",
    },
)  # fmt: skip
def too_many_connections(site: Site) -> Iterator[None]:
    with contextlib.ExitStack() as leaked:
        full_since = None
        while full_since is None or time.monotonic() - full_since < 0.4:  # others' sessions end meanwhile
            try:
                session = Session(site.ports["postgres"], user="shop", password=site.password)
                leaked.callback(session.close)
            except PostgresError:
                full_since = full_since or time.monotonic()
                time.sleep(0.02)
        yield


@fault(
    "Transfer", "31", "32",
    check=TRANSFER,
    causes={
        POSTGRES: r"in a read-only transaction|statement: ALTER DATABASE shop SET default_transaction_read_only",
        SHOP: r"in a read-only transaction",
    },
)  # fmt: skip
def database_read_only(site: Site) -> Iterator[None]:
    site.administer("ALTER DATABASE shop SET default_transaction_read_only = on")
    yield
    with site.session() as session:
        session.query("SET default_transaction_read_only = off")
        session.query("ALTER DATABASE shop RESET default_transaction_read_only")


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={
        POSTGRES: r'relation "prices" does not exist|statement: ALTER TABLE prices RENAME',
        SHOP: r'relation "prices" does not exist',
    },
)  # fmt: skip
def table_renamed(site: Site) -> Iterator[None]:
    site.administer("ALTER TABLE prices RENAME TO price_list")
    yield
    site.administer("ALTER TABLE price_list RENAME TO prices")


@fault(
    "Transfer", "31", "32",
    check=TRANSFER,
    causes={POSTGRES: r"deadlock detected|Process \d+ waits for", SHOP: r"deadlock detected"},
)  # fmt: skip
def deadlock(site: Site) -> Iterator[None]:
    with site.session() as backoffice:
        for statement in ("SET deadlock_timeout = '5s'", "BEGIN", "UPDATE accounts SET balance = 0 WHERE id = 32"):
            backoffice.query(statement)
        crossing = threading.Thread(target=_cross, args=(site, backoffice))
        crossing.start()
        yield
        crossing.join()
        backoffice.query("ROLLBACK")


def _cross(site: Site, backoffice: Session) -> None:
    """When the shop waits for our row, we ask for the one that it holds."""
    with site.session() as watcher:
        waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%= 32'"
        wait_for(lambda: watcher.query(waits), longest_s=5)
    backoffice.query("UPDATE accounts SET balance = 0 WHERE id = 31")


@fault(
    "Transfer", "31", "32",
    check=TRANSFER,
    causes={
        POSTGRES: r"still waiting for|due to lock timeout|Process holding the lock",
        SHOP: r"due to lock timeout",
        "postgresql.sessions": r"LOCK TABLE accounts",
        "postgresql.blocked": r"waits for",
    },
)  # fmt: skip
def table_locked(site: Site) -> Iterator[None]:
    with site.session() as backoffice:
        backoffice.query("BEGIN")
        backoffice.query("LOCK TABLE accounts")
        yield


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={POSTGRES: r'constraint "orders_pkey"', SHOP: r'constraint "orders_pkey"'},
)  # fmt: skip
def sequence_reset(site: Site) -> Iterator[None]:
    site.administer("SELECT setval('orders_id_seq', 1, false)")
    yield
    site.administer("SELECT setval('orders_id_seq', (SELECT max(id) FROM orders))")


@fault(
    "Order Should Exist", "2",
    check=get("/orders/2"),
    causes={POSTGRES: r"received fast shutdown request|database system is shut down"},
    consequences={SHOP: LOST, WORKER: LOST, POSTGRES: r"terminating connection"},
)  # fmt: skip
def database_stopped(site: Site) -> Iterator[None]:
    site.postgres.stop()
    yield
    site.postgres.start()


# --- Redis -----------------------------------------------------------------------------------------------------------


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={SHOP: r"OOM command not allowed", REDIS_STATE: r"errorstat_OOM"},
)  # fmt: skip
def redis_memory_full(site: Site) -> Iterator[None]:
    with contextlib.suppress(cache.CacheError):
        for number in range(10_000):
            site.redis_says("SET", f"import:{number}", "." * 50_000)
    with contextlib.ExitStack() as stack:
        for _ in range(40):  # imports that hang half-way: what they sent takes memory, too
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", site.ports["redis"])))
            connection.sendall(b"*3\r\n$5\r\nRPUSH\r\n$8\r\nimported\r\n$50000\r\n" + b"." * 20_000)
        time.sleep(0.2)
        yield
    site.redis_says("FLUSHALL")


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={
        SHOP: r"READONLY You can't write",
        REDIS: r"REPLICAOF .* enabled|Before turning into a replica",
        REDIS_STATE: r"role:slave",
    },
)  # fmt: skip
def redis_is_a_replica(site: Site) -> Iterator[None]:
    site.redis_says("REPLICAOF", "127.0.0.1", site.ports["closed"])
    yield
    site.redis_says("REPLICAOF", "NO", "ONE")


@fault("Place Order", "4711", "book", check=PLACE_ORDER, causes={SHOP: r"NOAUTH Authentication required"})
def redis_wants_a_password(site: Site) -> Iterator[None]:
    site.redis_says("CONFIG", "SET", "requirepass", site.password)
    yield
    site.redis.stop()
    site.redis.start()


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={REDIS: r"Failed opening the temp RDB file|Background saving error", SHOP: r"MISCONF"},
)  # fmt: skip
def redis_cannot_save(site: Site) -> Iterator[None]:
    data = site.db / "redis/data"
    data.chmod(0o500)
    wait_for(lambda: _is_refused(site))
    yield
    data.chmod(0o700)
    wait_for(lambda: _saves(site))


def _is_refused(site: Site) -> bool:
    try:
        site.redis_says("INCR", "visitors")
    except cache.CacheError:
        return True
    return False


def _saves(site: Site) -> bool:
    with contextlib.suppress(cache.CacheError):
        site.redis_says("BGSAVE")
    time.sleep(0.2)
    return not _is_refused(site)
