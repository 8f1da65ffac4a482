"""How long a test waits for what comes by itself. A busy machine makes a test slower, never red.

Tests wait on events: a process, a file, a thread. `PATIENCE_S` is the ceiling of such a wait; only what is broken
reaches it. A law about time ("ends at once") is tested against something that would take `FOREVER_S`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 120.0
FOREVER_S = 600
"""What a command sleeps that must be ended, in whole seconds: far longer than `PATIENCE_S`."""


def wait_until(met: Callable[[], object]) -> bool:
    """Whether a condition of the world outside (a process, a file, a thread) is met in time."""
    deadline = time.monotonic() + PATIENCE_S
    while not met():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
