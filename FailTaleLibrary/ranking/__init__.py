"""Failure + Evidence -> Analysis: which lines matter and why. Deterministic, without a model; linear in the lines.

A line's score adds up severity, curated signals, novelty against the host's own earlier lines, words that it shares
with the failure, nearness in time and rarity. The order interleaves the best by score with the earliest grave new
lines, within quotas for each host and source. Gaps and baseline changes compete with lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from FailTaleLibrary import lazy

if TYPE_CHECKING:
    from FailTaleLibrary.ranking.history import History
    from FailTaleLibrary.ranking.novelty import RunTest
    from FailTaleLibrary.ranking.plain_logs import LineSuspect, rank_lines, suspects_in
    from FailTaleLibrary.ranking.repeats import Repeats
    from FailTaleLibrary.ranking.suspects import MOST_SUSPECTS, rank

__all__ = ["MOST_SUSPECTS", "History", "LineSuspect", "Repeats", "RunTest", "rank", "rank_lines", "suspects_in"]
__getattr__ = lazy.members(
    __name__,
    {
        "history": ["History"],
        "novelty": ["RunTest"],
        "plain_logs": ["LineSuspect", "rank_lines", "suspects_in"],
        "repeats": ["Repeats"],
        "suspects": ["MOST_SUSPECTS", "rank"],
    },
)
