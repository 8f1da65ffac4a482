"""Takes orders from the queue and exports them: ``worker CONFIG``."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from bench.faults.app import cache
from bench.faults.app.postgres import Session
from bench.faults.app.process import begin
from bench.faults.app.settings import Settings

_LOG = logging.getLogger("export")
_WAIT_S = 0.2


def export(order: str, config: dict[str, Any]) -> None:
    with Session(config["postgres"], user="shop", password=config["password"]) as session:
        session.query(f"UPDATE orders SET exported = true WHERE id = {int(order)}")
    _LOG.info("order %s exported", order)


def work(config: dict[str, Any], settings: Settings) -> None:
    """Exports until the process ends; a failed order is put aside."""
    while True:
        if settings["exports_paused"]:
            time.sleep(_WAIT_S)
            continue
        try:
            order = cache.command(config["redis"], "LPOP", "exports")
            if order is None:
                time.sleep(_WAIT_S)
                continue
            export(str(order), config)
        except Exception:
            _LOG.exception("export failed, next try in 1 s")
            time.sleep(1)


def main() -> None:
    config = begin("worker.log")
    _LOG.info("worker is ready")
    work(config, Settings(Path(config["settings"])))


if __name__ == "__main__":
    main()
