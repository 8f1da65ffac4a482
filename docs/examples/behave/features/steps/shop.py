"""Steps of the shop."""

import os
from datetime import datetime
from pathlib import Path

from behave import then, when


@when("an order is placed")
def place_order(context):
    with Path(os.environ["SHOP_LOG"]).open("a") as log:
        log.write(f"{datetime.now().isoformat()} ERROR storage: database is locked\n")
    context.answer = 500


@then("the shop answers {status:d}")
def check_answer(context, status):
    assert context.answer == status, f"{context.answer} != {status}"
