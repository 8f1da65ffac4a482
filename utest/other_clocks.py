"""Programs whose clock libfaketime moves. One that is killed leaves a semaphore behind, named for its process.

The next process of that number would not start: "sem_open failed: File exists".
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from patience import FOREVER_S

SHARED_MEMORY = Path("/dev/shm")


def forget_killed_ones(directory: Path = SHARED_MEMORY) -> None:
    """Removes what processes left that are no more; not what a child of one may still use, in tests beside these."""
    for path in directory.glob("*faketime_*"):
        number = path.name.rpartition("_")[2]
        with contextlib.suppress(OSError):  # another run removed it, or it is another user's
            is_old = time.time() - path.stat().st_mtime > FOREVER_S
            if number.isdigit() and is_old and not Path("/proc", number).exists():
                path.unlink()
