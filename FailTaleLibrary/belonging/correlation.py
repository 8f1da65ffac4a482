"""A test -> the correlation id that it may send along: a W3C traceparent (https://www.w3.org/TR/trace-context/)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from FailTaleLibrary.records import Identifier


class Correlation:
    """The trace of one test, or of what runs outside of tests.

    All requests of a test belong to one trace; each has a span of its own, so that logs can tell them apart.
    """

    def __init__(self) -> None:
        self._trace: int | None = None

    def traceparent(self) -> str:
        """``00-<trace id>-<span id>-01``: the trace is this test's, the span new with each call, the flag "sampled"."""
        if self._trace is None:
            self._trace = _random_id(bits=128)
        return f"00-{self._trace:032x}-{_random_id(bits=64):016x}-01"

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        """The trace as logs hold it; empty while nobody has asked for an id."""
        if self._trace is None:
            return ()
        from FailTaleLibrary.belonging.identifiers import trace_of_test

        return (trace_of_test(self._trace),)


def _random_id(*, bits: int) -> int:
    """Not 0, which is no id, says the specification."""
    import secrets  # with hmac, for whoever asks for an id

    return secrets.randbelow((1 << bits) - 1) + 1
