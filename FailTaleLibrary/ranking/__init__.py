"""Failure + Evidence -> Analysis: which lines matter and why. Deterministic, without a model; linear in the lines.

A line's score adds up severity, curated signals, novelty against the host's own earlier lines, words that it shares
with the failure, nearness in time and rarity. The order interleaves the best by score with the earliest grave new
lines, within quotas for each host and source. Gaps and baseline changes compete with lines.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from FailTaleLibrary.ranking.history import History
    from FailTaleLibrary.ranking.novelty import RunTest
    from FailTaleLibrary.ranking.plain_logs import LineSuspect, rank_lines, suspects_in
    from FailTaleLibrary.ranking.repeats import Repeats
    from FailTaleLibrary.ranking.suspects import MOST_SUSPECTS, rank

__all__ = ["MOST_SUSPECTS", "History", "LineSuspect", "Repeats", "RunTest", "rank", "rank_lines", "suspects_in"]
_MODULES = {
    "MOST_SUSPECTS": "suspects",
    "History": "history",
    "LineSuspect": "plain_logs",
    "Repeats": "repeats",
    "RunTest": "novelty",
    "rank": "suspects",
    "rank_lines": "plain_logs",
    "suspects_in": "plain_logs",
}


def __getattr__(name: str) -> Any:
    """Loaded when it is asked for: equal failures are counted before hosts are asked, all else may wait until then."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
