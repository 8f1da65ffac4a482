"""report: the sales report, a batch job that reads all orders and lets nobody else near them.

Run as ``python -m FailTaleLibrary.demo.shop.report DATABASE LOG``. It holds the database until its lifeline ends: a
report over years of orders would take longer than any test.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from pathlib import Path

from FailTaleLibrary.demo.lifeline import say_ready, wait_for_the_end
from FailTaleLibrary.demo.shop.service import iso_utc, open_log


def main(database: Path, log_file: Path) -> None:
    log = open_log(log_file, style="%(asctime)s %(name)s %(levelname)s %(message)s", time=iso_utc)
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as orders:
        orders.execute("BEGIN EXCLUSIVE")
        (count,) = orders.execute("SELECT count(*) FROM orders").fetchone()
        log.info("reading %d orders in one exclusive transaction", count)
        say_ready("reading")
        wait_for_the_end()
    log.info("stopped before the end")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
