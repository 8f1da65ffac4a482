"""monitor: asks the shop for its health ten times a second, so that no log is ever quiet.

Run as ``python -m FailTaleLibrary.demo.shop.monitor WEB_PORT``.
"""

from __future__ import annotations

import contextlib
import sys
import time
from functools import partial

from FailTaleLibrary import background
from FailTaleLibrary.demo.lifeline import say_ready, wait_for_the_end
from FailTaleLibrary.demo.shop.service import Request, ask

PERIOD_S = 0.1


def watch(web_port: int) -> None:
    while True:
        with contextlib.suppress(OSError):  # the shop may end first
            ask(web_port, Request("GET", "/health"))
        time.sleep(PERIOD_S)


if __name__ == "__main__":
    background.start(partial(watch, int(sys.argv[1])), name="watch")
    say_ready("watching")
    wait_for_the_end()
