"""storage: keeps orders in SQLite and invoices in a spool with a quota; lets the sales report run now and then.

Run as ``python -m FailTaleLibrary.demo.shop.storage ROOT``; its log is ROOT/var/log/shop/storage.log, its data are
ROOT/var/lib/shop/orders.db and ROOT/var/spool/invoices.
"""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from FailTaleLibrary.demo.processes import end, first_line, spawn
from FailTaleLibrary.demo.shop.service import Answer, Request, iso_utc, open_log, serve

LOCK_TIMEOUT_S = 0.3
REPORT_EVERY = 3
"""Orders from one sales report to the next."""
SPOOL_QUOTA_BYTES = 64 * 1024
INVOICE_BYTES = 2048


class Storage:
    """Holds two faults: a report that locks out everybody else, and a spool that fills up."""

    def __init__(self, root: Path) -> None:
        self._logs = root / "var/log/shop"
        self._database = root / "var/lib/shop/orders.db"
        self._spool = root / "var/spool/invoices"
        self._backup = root / "mnt/backup"
        self._report: subprocess.Popen[str] | None = None
        self.log = open_log(
            self._logs / "storage.log",
            style="%(asctime)s storage[%(process)d]: %(levelname)s %(message)s",
            time=iso_utc,
        )
        with self._orders() as orders:
            orders.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, product TEXT NOT NULL)")

    def handle(self, request: Request) -> Answer:
        try:
            return self._route(request)
        except sqlite3.OperationalError as error:
            self.log.error("req=%s %s %s failed: %s", request.id, request.method, request.path, error)  # noqa: TRY400
            self._stop_report()
            return Answer(500)

    def keep_house(self) -> None:
        if not self._backup.exists():
            self.log.error("backup skipped: %s is not mounted", self._backup.name)

    def _route(self, request: Request) -> Answer:
        match request.method, request.parts:
            case "GET", ["health"]:
                return Answer(200)
            case "GET", ["orders"]:
                return self._list_orders()
            case "POST", ["orders"]:
                return self._save_order(request.body["product"])
            case "POST", ["orders", order, "checkout"]:
                return self._write_invoice(request, order=int(order))
            case _:
                return Answer(404)

    def _list_orders(self) -> Answer:
        with self._orders() as orders:
            rows = orders.execute("SELECT id, product FROM orders ORDER BY id").fetchall()
        return Answer(200, {"orders": [{"order": order, "product": product} for order, product in rows]})

    def _save_order(self, product: str) -> Answer:
        with self._orders() as orders:
            order = orders.execute("INSERT INTO orders (product) VALUES (?)", (product,)).lastrowid or 0
        if order % REPORT_EVERY == 0:
            self._start_report()
        return Answer(201, {"order": order})

    def _write_invoice(self, request: Request, *, order: int) -> Answer:
        used = sum(invoice.stat().st_size for invoice in self._spool.iterdir())
        if used + INVOICE_BYTES > SPOOL_QUOTA_BYTES:
            self.log.warning(
                "req=%s invoice of order %d not written: spool quota exceeded, %d of %d bytes used",
                request.id, order, used, SPOOL_QUOTA_BYTES,
            )  # fmt: skip
            return Answer(507)
        (self._spool / f"{order:06d}.txt").write_text(f"Invoice of order {order}\n".ljust(INVOICE_BYTES, "."))
        return Answer(201)

    def _start_report(self) -> None:
        """Let the report run beside us; it holds the database by the time this returns."""
        report = spawn("FailTaleLibrary.demo.shop.report", str(self._database), str(self._logs / "report.log"))
        self.log.info("sales report started, pid %d", report.pid)
        first_line(report)
        self._report = report

    def _stop_report(self) -> None:
        report, self._report = self._report, None
        if report is not None:
            end(report)
            self.log.info("sales report stopped, pid %d", report.pid)

    @contextlib.contextmanager
    def _orders(self) -> Iterator[sqlite3.Connection]:
        """The database, in a transaction; raises sqlite3.OperationalError when another process holds it."""
        with contextlib.closing(sqlite3.connect(self._database, timeout=LOCK_TIMEOUT_S)) as orders, orders:
            yield orders


if __name__ == "__main__":
    storage = Storage(Path(sys.argv[1]))
    serve(storage.handle, log=storage.log, housekeeping=storage.keep_house)
