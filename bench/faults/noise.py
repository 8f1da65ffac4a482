"""What goes on at a site that nobody minds: health checks, other customers, and errors that are there every day."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator

from bench.faults.app import cache
from bench.faults.app.postgres import PostgresError, Session
from bench.faults.client import FailedError
from bench.faults.services import Site

SEED = 11


@contextlib.contextmanager
def noise(site: Site) -> Iterator[None]:
    """Background traffic for as long as the block lasts."""
    over = threading.Event()
    habits: tuple[tuple[float, Callable[[], object]], ...] = (
        (0.2, lambda: site.client.ask("GET", "/health")),
        (0.12, _Customers(site)),
        (0.7, lambda: site.client.ask("GET", "/static/favicon.ico")),
        (0.9, lambda: site.client.ask("GET", "/legacy/status")),
        (1.3, lambda: site.client.ask("GET", "/wp-login.php")),
        (1.1, lambda: site.client.ask("POST", "/login?user=guest")),
        (0.8, lambda: _query(site, "shop", "SELECT sum(calls) FROM pg_stat_statements")),
        (1.0, lambda: _query(site, "shop", "INSERT INTO prices VALUES ('mug', 8.00)")),
        (1.2, lambda: _query(site, "nagios", "SELECT 1")),
        (0.6, lambda: site.redis_says("INCR", "visitors")),
    )
    threads = [threading.Thread(target=_repeat, args=(*habit, over), daemon=True) for habit in habits]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _repeat(interval_s: float, act: Callable[[], object], over: threading.Event) -> None:
    while not over.wait(interval_s):
        with contextlib.suppress(FailedError, PostgresError, cache.CacheError, OSError):
            act()


class _Customers:
    """One request of one of many customers at each call."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._random = random.Random(SEED)

    def __call__(self) -> None:
        pick = self._random.randrange
        customer, order = pick(1000, 2000), pick(1, 3)
        method, path = self._random.choice(
            (
                ("POST", f"/orders?customer={customer}&sku=book"),
                ("GET", "/prices/poster"),
                ("GET", f"/orders/{order}"),
                ("POST", f"/transfers?source={pick(1, 9)}&target={pick(11, 19)}"),
                ("POST", f"/receipts/{order}"),
                ("GET", "/reports/sales?days=1"),
                ("GET", f"/shipping/{order}"),
                ("POST", f"/payments/{order}"),
            )
        )
        self._site.client.ask(method, path)


def _query(site: Site, user: str, sql: str) -> None:
    with Session(site.ports["postgres"], user=user, password=site.password) as session:
        session.query(sql)
