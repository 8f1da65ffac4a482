"""Further faults: what operators, other teams and bad luck change in the database, the cache, files and processes.

As in `faults.py`: a function does the damage, yields, and makes good; the causes were written down before any ranking.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator

from bench.faults.app.postgres import Session
from bench.faults.certificates import Authority
from bench.faults.faults import (
    ERRORS,
    LOST,
    PLACE_ORDER,
    POSTGRES,
    PROCESSES,
    REDIS,
    REDIS_STATE,
    SHOP,
    STOPPED,
    TRANSFER,
    WORKER,
    fault,
    get,
    is_exported,
    post,
    price_is_20,
)
from bench.faults.processes import wait_for
from bench.faults.services import Site

# --- Database --------------------------------------------------------------------------------------------------------


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={
        POSTGRES: r'role "shop" is not permitted to log in|statement: ALTER ROLE shop NOLOGIN',
        SHOP: r'role "shop" is not permitted to log in',
    },
)  # fmt: skip
def login_of_the_shop_switched_off(site: Site) -> Iterator[None]:
    site.administer("ALTER ROLE shop NOLOGIN")
    yield
    site.administer("ALTER ROLE shop LOGIN")


@fault(
    "Order Should Exist", "2",
    check=get("/orders/2"),
    causes={
        POSTGRES: r'too many connections for role "shop"|statement: ALTER ROLE shop CONNECTION LIMIT',
        SHOP: r'too many connections for role "shop"',
    },
)  # fmt: skip
def connection_limit_of_the_role(site: Site) -> Iterator[None]:
    site.administer("ALTER ROLE shop CONNECTION LIMIT 0")
    yield
    site.administer("ALTER ROLE shop CONNECTION LIMIT -1")


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={
        POSTGRES: r"permission denied for table prices|statement: REVOKE SELECT ON prices",
        SHOP: r"permission denied for table prices",
    },
)  # fmt: skip
def privilege_revoked(site: Site) -> Iterator[None]:
    site.administer("REVOKE SELECT ON prices FROM shop")
    yield
    site.administer("GRANT SELECT ON prices TO shop")


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={
        POSTGRES: r'column "total" of relation "orders" does not exist|statement: ALTER TABLE orders RENAME',
        SHOP: r'column "total" of relation "orders" does not exist',
    },
)  # fmt: skip
def column_renamed(site: Site) -> Iterator[None]:
    site.administer("ALTER TABLE orders RENAME COLUMN total TO amount")
    yield
    site.administer("ALTER TABLE orders RENAME COLUMN amount TO total")


@fault(
    "Transfer", "31", "32",
    check=TRANSFER,
    causes={
        POSTGRES: r'violates check constraint "frozen"|statement: ALTER TABLE accounts ADD CONSTRAINT',
        SHOP: r'violates check constraint "frozen"',
    },
)  # fmt: skip
def constraint_added(site: Site) -> Iterator[None]:
    site.administer("ALTER TABLE accounts ADD CONSTRAINT frozen CHECK (id NOT IN (31, 32)) NOT VALID")
    yield
    site.administer("ALTER TABLE accounts DROP CONSTRAINT frozen")


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={
        POSTGRES: r"orders are closed for stocktaking|statement: CREATE (FUNCTION|TRIGGER)",
        SHOP: r"orders are closed for stocktaking",
    },
)  # fmt: skip
def trigger_refuses_orders(site: Site) -> Iterator[None]:
    site.administer(
        "CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'orders are closed for stocktaking'; END$$",
        "CREATE TRIGGER closed BEFORE INSERT ON orders EXECUTE FUNCTION closed()",
    )
    yield
    site.administer("DROP TRIGGER closed ON orders", "DROP FUNCTION closed")


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={
        POSTGRES: r"canceling statement due to statement timeout|statement: ALTER ROLE shop SET statement_timeout",
        SHOP: r"canceling statement due to statement timeout",
    },
)  # fmt: skip
def statements_time_out(site: Site) -> Iterator[None]:
    site.administer(
        "ALTER ROLE shop SET statement_timeout = '150ms'",
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(3); RETURN NEW; END$$",
        "CREATE TRIGGER slow BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION slow()",
    )
    yield
    site.administer("ALTER ROLE shop RESET statement_timeout", "DROP TRIGGER slow ON orders", "DROP FUNCTION slow")


@fault(
    "Transfer", "31", "32",
    check=TRANSFER,
    causes={
        POSTGRES: r"terminating connection due to administrator command",
        SHOP: r"terminating connection due to administrator command",
    },
    consequences={SHOP: LOST},
)  # fmt: skip
def sessions_ended_by_an_administrator(site: Site) -> Iterator[None]:
    """For as long as the test runs: every session of the shop is ended as soon as it is seen waiting for a lock."""
    over = threading.Event()
    with site.session() as backoffice, site.session() as administrator:
        backoffice.query("BEGIN")
        backoffice.query("UPDATE accounts SET balance = balance WHERE id = 31")
        ending = threading.Thread(target=_end_sessions, args=(administrator, over))
        ending.start()
        yield
        over.set()
        ending.join()
        backoffice.query("ROLLBACK")


def _end_sessions(administrator: Session, over: threading.Event) -> None:
    waiting = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop' AND query LIKE '%id = 31'"
    while not over.wait(0.05):
        administrator.query(waiting)


# --- Cache -----------------------------------------------------------------------------------------------------------


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={REDIS: r"User requested shutdown|Received SIGTERM|Redis is now ready to exit"},
    consequences={SHOP: LOST, WORKER: LOST},
)  # fmt: skip
def redis_stopped(site: Site) -> Iterator[None]:
    site.redis.stop()
    yield
    site.redis.start()


@fault("Place Order", "4711", "book", check=PLACE_ORDER, causes={SHOP: r"NOPERM"})
def redis_user_may_not_write(site: Site) -> Iterator[None]:
    site.redis_says("ACL", "SETUSER", "default", "-rpush")
    yield
    site.redis_says("ACL", "SETUSER", "default", "+@all")


@fault("Place Order", "4711", "book", check=PLACE_ORDER, causes={SHOP: r"WRONGTYPE", WORKER: r"WRONGTYPE"})
def queue_overwritten(site: Site) -> Iterator[None]:
    site.redis_says("SET", "exports", "nothing")
    yield
    site.redis_says("DEL", "exports")


@fault(
    "Place Order", "4711", "book",
    check=PLACE_ORDER,
    causes={SHOP: r"max number of clients reached", REDIS_STATE: r"rejected_connections:[1-9]|maxclients:1\b"},
)  # fmt: skip
def redis_clients_limited(site: Site) -> Iterator[None]:
    site.redis_says("CONFIG", "SET", "maxclients", 1)
    with socket.create_connection(("127.0.0.1", site.ports["redis"])):
        time.sleep(0.3)
        yield
    time.sleep(0.2)
    wait_for(lambda: _may_connect(site), longest_s=5)


def _may_connect(site: Site) -> bool:
    with contextlib.suppress(Exception):
        site.redis_says("CONFIG", "SET", "maxclients", 1000)
        return True
    return False


# --- Files, certificates, processes ----------------------------------------------------------------------------------


@fault("Send Receipt", "2", check=post("/receipts/2"), causes={SHOP: r"KeyError: 'ordre'"})
def template_with_a_typing_error(site: Site) -> Iterator[None]:
    template = site.app / "spool/receipt.template"
    right = template.read_text()
    template.write_text("Receipt for order {ordre}\n")
    yield
    template.write_text(right)


@fault("Send Receipt", "2", check=post("/receipts/2"), causes={SHOP: r"IsADirectoryError: .*receipts"})
def receipts_replaced_by_a_folder(site: Site) -> Iterator[None]:
    receipts = site.app / "spool/receipts"
    receipts.replace(receipts.with_suffix(".kept"))
    receipts.mkdir()
    yield
    receipts.rmdir()
    receipts.with_suffix(".kept").replace(receipts)


@fault(
    "Price Should Be", "book", "20.0",
    check=price_is_20,
    causes={SHOP: r"FileNotFoundError: .*settings\.json", WORKER: r"FileNotFoundError: .*settings\.json"},
)  # fmt: skip
def settings_deleted(site: Site) -> Iterator[None]:
    (site.app / "settings.json").unlink()
    yield
    site.set()


@fault(
    "Pay Order", "2",
    check=post("/payments/2"),
    causes={ERRORS: r"upstream SSL certificate (does not match|verify error)|certificate verify failed"},
)  # fmt: skip
def certificate_of_another_host(site: Site) -> Iterator[None]:
    Authority(site.app / "other-ca.pem").issue(site.app / "payments.pem", host="payments", days=(-10, 90))
    yield
    shutil.copy(site.app / "valid.pem", site.app / "payments.pem")


@fault(
    "Order Should Be Exported", "4711",
    check=is_exported,
    causes={PROCESSES: r"\bT[slN+<]*\b.*worker", STOPPED: r"\bstate T.*worker"},
)  # fmt: skip
def worker_stopped(site: Site) -> Iterator[None]:
    """Nothing is logged: only lists of processes show the state T."""
    pid = site.pid("worker")
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)
