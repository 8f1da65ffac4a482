"""The blind half: faults that no rule of the ranking was made for, nor may be mended for.

As in `faults.py`: a function does the damage, yields, and makes good. Causes and consequences were written down, and
committed, before the first of these was played. What they show is counted; it is printed line by line only when it is
asked for with ``--unblind``, after which they are no forecast any more.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.faults.app import cache
from bench.faults.app.postgres import PostgresError, quoted
from bench.faults.client import Client, FailedError
from bench.faults.faults import (
    ERRORS,
    PLACE_ORDER,
    POSTGRES,
    REDIS,
    REDIS_STATE,
    SHOP,
    SUPERVISOR,
    TRANSFER,
    WORKER,
    fault,
    get,
    is_exported,
    post,
    price_is_20,
)
from bench.faults.processes import as_user, program, wait_for
from bench.faults.services import LOCATIONS, USER, VERSION, Site

RELOADED = r"signal process started|\(SIGHUP\) received|reconfiguring"
SESSIONS, BLOCKED = "postgresql.sessions", "postgresql.blocked"


def often(check: Callable[[Client], None], *, times: int, pause_s: float = 0.0) -> Callable[[Client], None]:
    """The same keyword several times in one test, as a test with a loop has it."""

    def checks(client: Client) -> None:
        for _ in range(times):
            check(client)
            time.sleep(pause_s)

    return checks


def page_is_there(client: Client) -> None:
    status, reason, _ = client.ask("GET", "/static/terms.html")
    if status != 200:
        raise FailedError(f"HTTPError: {status} Client Error: {reason} for url: http://web1/static/terms.html")


# --- nginx -----------------------------------------------------------------------------------------------------------


@fault(
    "Get Price", "book",
    check=often(get("/prices/book"), times=3),
    causes={ERRORS: rf"limiting requests, excess: .*/prices/book|{RELOADED}"},
)  # fmt: skip
def requests_limited(site: Site) -> Iterator[None]:
    site.reload_nginx(
        upstreams="limit_req_zone $binary_remote_addr zone=prices:1m rate=2r/m;",
        before="location ^~ /prices/book {{ limit_req zone=prices; proxy_pass http://127.0.0.1:{shop}; }}",
    )
    yield
    site.reload_nginx()


@fault(
    "Get Price", "book",
    check=get("/prices/book"),
    causes={ERRORS: rf"no live upstreams|{RELOADED}"},
    consequences={ERRORS: r"connect\(\) failed .* request: \"GET /prices/"},
)  # fmt: skip
def pool_without_live_servers(site: Site) -> Iterator[None]:
    site.reload_nginx(
        upstreams="upstream shop_v2 {{ server 127.0.0.1:{closed}; server 127.0.0.2:{closed}; }}",
        before="location ^~ /prices/ {{ proxy_pass http://shop_v2; }}",
    )
    for _ in range(2):
        site.client.ask("GET", "/prices/poster")  # other customers come first
    yield
    site.reload_nginx()


@fault(
    "Get Price", "book",
    check=get("/prices/book"),
    causes={ERRORS: rf"shop\.internal could not be resolved|while resolving|{RELOADED}"},
)  # fmt: skip
def name_of_the_shop_not_resolved(site: Site) -> Iterator[None]:
    site.reload_nginx(
        upstreams="resolver 127.0.0.1:{closed} ipv6=off; resolver_timeout 700ms;",
        before="location ^~ /prices/book {{ set $shop shop.internal; proxy_pass http://$shop:{shop}; }}",
    )
    yield
    site.reload_nginx()


@fault(
    "Get Price", "book", check=get("/prices/book"), causes={ERRORS: rf"worker_connections are not enough|{RELOADED}"}
)
def too_few_connections_of_nginx(site: Site) -> Iterator[None]:
    site.reload_nginx(connections="3")
    yield
    site.reload_nginx()


@fault(
    "Get Price", "book",
    check=get("/prices/book"),
    causes={ERRORS: r"signal \d+ \(SIG(TERM|QUIT)\) received|: (gracefully )?(exiting|shutting down)|: exit$"},
)  # fmt: skip
def web_server_stopped(site: Site) -> Iterator[None]:
    site.nginx.stop()
    yield
    site.nginx.start()


@fault("Page Should Be There", "terms", check=page_is_there, causes={ERRORS: r"static/terms\.html\" failed \(13"})
def page_unreadable(site: Site) -> Iterator[None]:
    page = site.web / "html/static/terms.html"
    page.chmod(0o000)
    yield
    page.chmod(0o644)


@fault("Page Should Be There", "terms", check=page_is_there, causes={ERRORS: r"static/terms\.html\" failed \(2"})
def page_missing(site: Site) -> Iterator[None]:
    page = site.web / "html/static/terms.html"
    text = page.read_text()
    page.unlink()
    yield
    page.write_text(text)
    page.chmod(0o644)


@fault("Pay Order", "2", check=post("/payments/2"), causes={ERRORS: r"certificate is not yet valid"})
def certificate_not_yet_valid(site: Site) -> Iterator[None]:
    shutil.copy(site.app / "early.pem", site.app / "payments.pem")
    yield
    shutil.copy(site.app / "valid.pem", site.app / "payments.pem")


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


@fault(
    "Order Should Exist", "2",
    check=get("/orders/2"),
    causes={
        POSTGRES: r"pg_hba\.conf rejects connection|received SIGHUP, reloading configuration files",
        SHOP: r"pg_hba\.conf rejects connection",
    },
)  # fmt: skip
def log_in_rejected_by_rule(site: Site) -> Iterator[None]:
    site.allow_shop("host shop shop 127.0.0.1/32 reject\n")
    time.sleep(0.2)
    yield
    site.allow_shop("")


@fault(
    "Order Should Exist", "2",
    check=get("/orders/2"),
    causes={
        POSTGRES: r'database "shop" is not currently accepting connections|statement: ALTER DATABASE shop',
        SHOP: r'database "shop" is not currently accepting connections',
    },
)  # fmt: skip
def database_closed_for_maintenance(site: Site) -> Iterator[None]:
    site.administer("ALTER DATABASE shop ALLOW_CONNECTIONS false", database="postgres")
    yield
    site.administer("ALTER DATABASE shop ALLOW_CONNECTIONS true", database="postgres")


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={
        POSTGRES: r'password authentication failed for user "shop"|has an expired password|statement: ALTER ROLE shop',
        SHOP: r'password authentication failed for user "shop"',
    },
)  # fmt: skip
def password_expired(site: Site) -> Iterator[None]:
    site.administer("ALTER ROLE shop VALID UNTIL '2020-01-01'")
    yield
    site.administer("ALTER ROLE shop VALID UNTIL 'infinity'")


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={
        POSTGRES: r"reached maximum value of sequence|statement: ALTER SEQUENCE orders_id_seq",
        SHOP: r"reached maximum value of sequence",
    },
)  # fmt: skip
def sequence_exhausted(site: Site) -> Iterator[None]:
    site.administer("SELECT setval('orders_id_seq', 900000)", "ALTER SEQUENCE orders_id_seq MAXVALUE 900000")
    yield
    site.administer(
        "ALTER SEQUENCE orders_id_seq NO MAXVALUE", "SELECT setval('orders_id_seq', (SELECT max(id) FROM orders))"
    )


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={
        POSTGRES: r"permission denied for sequence|statement: REVOKE .* ON SEQUENCE",
        SHOP: r"permission denied for sequence",
    },
)  # fmt: skip
def privilege_on_the_sequence_missing(site: Site) -> Iterator[None]:
    site.administer("REVOKE ALL ON SEQUENCE orders_id_seq FROM shop")
    yield
    site.administer("GRANT ALL ON SEQUENCE orders_id_seq TO shop")


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={
        POSTGRES: r'foreign key constraint "customer_is_known"|statement: ALTER TABLE orders ADD CONSTRAINT',
        SHOP: r'foreign key constraint "customer_is_known"',
    },
)  # fmt: skip
def foreign_key_added_by_a_migration(site: Site) -> Iterator[None]:
    site.administer(
        "ALTER TABLE orders ADD CONSTRAINT customer_is_known FOREIGN KEY (customer) REFERENCES accounts (id) NOT VALID"
    )
    yield
    site.administer("ALTER TABLE orders DROP CONSTRAINT customer_is_known")


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={
        POSTGRES: r"violates row-level security policy|statement: ALTER TABLE orders ENABLE ROW LEVEL",
        SHOP: r"violates row-level security policy",
    },
)  # fmt: skip
def row_security_switched_on(site: Site) -> Iterator[None]:
    site.administer("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")
    yield
    site.administer("ALTER TABLE orders DISABLE ROW LEVEL SECURITY")


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={
        POSTGRES: r'relation "(prices|orders)" does not exist|statement: ALTER ROLE shop SET search_path',
        SHOP: r'relation "(prices|orders)" does not exist',
    },
)  # fmt: skip
def search_path_changed(site: Site) -> Iterator[None]:
    site.administer("ALTER ROLE shop SET search_path = archive")
    yield
    site.administer("ALTER ROLE shop RESET search_path")


@fault(
    "Transfer", "31", "32",
    check=TRANSFER,
    causes={
        POSTGRES: r"still waiting for|due to lock timeout|Process holding the lock",
        SHOP: r"due to lock timeout",
        SESSIONS: r"idle in transaction.*UPDATE accounts",
        BLOCKED: r"waits for",
    },
)  # fmt: skip
def row_held_by_an_open_transaction(site: Site) -> Iterator[None]:
    with site.session() as forgotten:
        forgotten.query("BEGIN")
        forgotten.query("UPDATE accounts SET balance = balance WHERE id = 31")
        yield
        forgotten.query("ROLLBACK")


@fault(
    "Transfer", "31", "32",
    check=TRANSFER,
    causes={
        POSTGRES: r"canceling statement due to user request",
        SHOP: r"canceling statement due to user request",
    },
)  # fmt: skip
def statements_cancelled_by_an_administrator(site: Site) -> Iterator[None]:
    over = threading.Event()
    waiting = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = 'shop' AND query LIKE '%id = 31'"

    def cancel() -> None:
        with site.session() as administrator:
            while not over.wait(0.05):
                administrator.query(waiting)

    with site.session() as backoffice:
        backoffice.query("BEGIN")
        backoffice.query("UPDATE accounts SET balance = balance WHERE id = 31")
        cancelling = threading.Thread(target=cancel)
        cancelling.start()
        yield
        over.set()
        cancelling.join()
        backoffice.query("ROLLBACK")


@fault(
    "Place Order", "4711", "book",
    check=often(PLACE_ORDER, times=40),
    causes={POSTGRES: r"was terminated by signal 9|terminating any other active server processes"},
    consequences={
        POSTGRES: r"in recovery mode|not yet accepting|abnormal|reinitializing|automatic recovery|redo",
        SHOP: r"in recovery mode|closed the connection|not yet accepting|Connection ?[Rr]e|abnormal",
    },
)  # fmt: skip
def back_end_of_the_database_killed(site: Site) -> Iterator[None]:
    victim = site.session()
    os.kill(int(victim.query("SELECT pg_backend_pid()")[0][0] or 0), signal.SIGKILL)
    yield
    victim.close()
    wait_for(lambda: _database_answers(site))


def _database_answers(site: Site) -> bool:
    with contextlib.suppress(PostgresError, OSError):
        site.administer("SELECT 1")
        return True
    return False


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={POSTGRES: r"statement: CREATE (FUNCTION|TRIGGER)", SESSIONS: r"PgSleep|INSERT INTO orders"},
    consequences={ERRORS: r"upstream timed out"},
)  # fmt: skip
def slow_trigger(site: Site) -> Iterator[None]:
    site.administer(
        "CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(4); RETURN NEW; END$$",
        "CREATE TRIGGER audit BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION audit()",
    )
    yield
    site.administer("DROP TRIGGER audit ON orders", "DROP FUNCTION audit")


@fault("Place Order", "4711", "book", check=PLACE_ORDER, causes={SHOP: r"no article 'book'"})
def article_deleted(site: Site) -> Iterator[None]:
    """By a statement that changes rows, which PostgreSQL does not log."""
    site.administer("DELETE FROM prices WHERE sku = 'book'")
    yield
    site.administer("INSERT INTO prices VALUES ('book', 20.00)")


# --- Redis -----------------------------------------------------------------------------------------------------------


@fault("Place Order", "4711", "book", check=PLACE_ORDER, causes={SHOP: r"NOREPLICAS"})
def too_few_replicas(site: Site) -> Iterator[None]:
    site.redis_says("CONFIG", "SET", "min-replicas-to-write", 1)
    yield
    site.redis_says("CONFIG", "SET", "min-replicas-to-write", 0)


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={SHOP: r"OOM command not allowed", REDIS_STATE: r"errorstat_OOM|maxmemory"},
)  # fmt: skip
def memory_of_redis_lowered(site: Site) -> Iterator[None]:
    site.redis_says("CONFIG", "SET", "maxmemory", "100kb")
    yield
    site.redis_says("CONFIG", "SET", "maxmemory", "16mb")


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={REDIS: r"Slow script detected", SHOP: r"BUSY Redis is busy"},
    consequences={ERRORS: r"upstream timed out"},
)  # fmt: skip
def script_blocks_redis(site: Site) -> Iterator[None]:
    site.redis_says("CONFIG", "SET", "busy-reply-threshold", 200)

    def run() -> None:
        with contextlib.suppress(cache.CacheError, OSError):
            cache.command(site.ports["redis"], "EVAL", "while true do end", 0, timeout_s=60)

    running = threading.Thread(target=run)
    running.start()
    time.sleep(0.5)
    yield
    with contextlib.suppress(cache.CacheError):
        site.redis_says("SCRIPT", "KILL")
    running.join()


@fault(
    "Price Should Be", "book", "20.0",
    check=price_is_20,
    causes={SHOP: r"could not convert string to float"},
)  # fmt: skip
def cache_holds_rubbish(site: Site) -> Iterator[None]:
    site.redis_says("SET", "price:book", "n/a")
    yield
    site.redis_says("DEL", "price:book")


@fault(
    "Order Should Be Exported", "4711",
    check=is_exported,
    causes={WORKER: r"ValueError: invalid literal for int"},
    consequences={WORKER: r"export failed"},
)  # fmt: skip
def queue_with_poisonous_jobs(site: Site) -> Iterator[None]:
    site.redis_says("RPUSH", "exports", *[f"order-{number}" for number in range(4)])
    yield
    site.redis_says("DEL", "exports")
    time.sleep(1.1)


# --- The shop --------------------------------------------------------------------------------------------------------


@fault(
    "Price Should Be", "book", "20.0",
    check=price_is_20,
    causes={SHOP: r"tariff is summer now", WORKER: r"tariff is summer now"},
)  # fmt: skip
def tariff_activated(site: Site) -> Iterator[None]:
    site.set(tariff="summer")
    yield
    site.set()


@fault(
    "Get Shipping", "2",
    check=get("/shipping/2"),
    causes={SHOP: r"carrier is 127\.0\.0\.1:\d+ now", WORKER: r"carrier is 127\.0\.0\.1:\d+ now"},
    consequences={SHOP: r"ConnectionRefusedError"},
)  # fmt: skip
def carrier_moved(site: Site) -> Iterator[None]:
    site.set(carrier=f"127.0.0.1:{site.ports['closed']}")
    yield
    site.set()


@fault(
    "Price Should Be", "book", "20.0",
    check=price_is_20,
    causes={SHOP: r"JSONDecodeError", WORKER: r"JSONDecodeError"},
)  # fmt: skip
def settings_with_a_typing_error(site: Site) -> Iterator[None]:
    (site.app / "settings.json").write_text('{"prices_with_tax": false, "exports_paused": }')
    yield
    site.set()


@fault("Send Receipt", "2", check=post("/receipts/2"), causes={SHOP: r"PermissionError: .*receipts"})
def receipts_read_only(site: Site) -> Iterator[None]:
    receipts = site.app / "spool/receipts"
    receipts.touch()
    receipts.chmod(0o444)
    yield
    receipts.chmod(0o644)
    os.chown(receipts, receipts.parent.stat().st_uid, receipts.parent.stat().st_gid)


@fault(
    "Place Order", "4711", "book",
    check=often(PLACE_ORDER, times=20),
    causes={SHOP: r"Too many open files|Errno 24"},
    consequences={ERRORS: r"upstream (timed out|prematurely closed)|\(104: Connection reset"},
)  # fmt: skip
def open_files_exhausted(site: Site) -> Iterator[None]:
    pid = site.pid("shop")
    least = min(len(list(Path(f"/proc/{pid}/fd").iterdir())) for _ in range(20))
    _allow_files(pid, least + 1)
    yield
    _allow_files(pid, 1024)


def _allow_files(pid: int, most: int) -> None:
    command = [*as_user(USER), program("prlimit"), f"--pid={pid}", f"--nofile={most}:"]
    subprocess.run(command, check=True)


@fault(
    "Get Sales Report", "days=7",
    check=get("/reports/sales?days=7"),
    causes={SHOP: r"shop 1\.4\.2 listens", SUPERVISOR: r"shop \(pid \d+\) was ended by SIGTERM"},
)  # fmt: skip
def version_rolled_back(site: Site) -> Iterator[None]:
    _deploy(site, "1.4.2")
    yield
    _deploy(site, VERSION)


def _deploy(site: Site, version: str) -> None:
    site.deploy(version)
    old = site.pid("shop")
    os.kill(old, signal.SIGTERM)
    wait_for(lambda: site.pid("shop") != old)
    wait_for(lambda: site.client.ask("GET", "/health")[0] == 200)


@fault(
    "Order Should Be Exported", "4711",
    check=is_exported,
    causes={SUPERVISOR: r"worker \(pid \d+\) (exited with status \d+|was ended by SIGTERM)"},
)  # fmt: skip
def worker_ends_by_itself(site: Site) -> Iterator[None]:
    """Its configuration names a user that is not there: it ends at each start, and says so to nobody but its parent."""
    path = site.app / "shop.json"
    right = path.read_text()
    path.write_text(right.replace('"user": ', '"user_": '))
    old = site.pid("worker")
    os.kill(old, signal.SIGTERM)
    wait_for(lambda: site.pid("worker") != old)
    time.sleep(0.6)
    yield
    path.write_text(right)
    time.sleep(0.2)


@fault(
    "Get Price", "book",
    check=get("/prices/book"),
    causes={ERRORS: rf"html/prices/book\" failed|{RELOADED}"},
)  # fmt: skip
def old_configuration_of_nginx(site: Site) -> Iterator[None]:
    """An older configuration is put back, in which prices were still pages."""
    site.reload_nginx(locations=LOCATIONS.replace("prices|", ""))
    yield
    site.reload_nginx()


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={
        POSTGRES: r'syntax error|null value in column "channel"|statement: ALTER TABLE orders ADD COLUMN',
        SHOP: r'null value in column "channel"',
    },
)  # fmt: skip
def column_without_a_default(site: Site) -> Iterator[None]:
    site.administer(
        f"ALTER TABLE orders ADD COLUMN channel text NOT NULL DEFAULT {quoted('shop')}",
        "ALTER TABLE orders ALTER COLUMN channel DROP DEFAULT",
    )
    yield
    site.administer("ALTER TABLE orders DROP COLUMN channel")
