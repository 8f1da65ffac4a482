"""A pytest test that fails because of what the product's log says."""

import os
from datetime import datetime
from pathlib import Path


def place_order() -> int:
    with Path(os.environ["SHOP_LOG"]).open("a") as log:
        log.write(f"{datetime.now().isoformat()} ERROR storage: database is locked\n")
    return 500


def test_an_order_is_accepted() -> None:
    assert place_order() == 201
