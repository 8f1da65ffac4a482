"""What a test needs and a machine may lack: in CI its absence fails with the line to type, elsewhere it is said."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str, install: str) -> NoReturn:
    """Ends the running test: failed where ``CI`` is set, else skipped; ``install`` is the line to type."""
    sentence = f"needs {what}; type: {install}"
    if os.environ.get("CI"):
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)
