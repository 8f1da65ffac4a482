"""A query and a window -> what a log or metrics store answers, as lines or series; nothing of it is safe to show yet.

`ask` puts the question, over HTTP or to an MCP server; `answers` finds lines and series in what came; `window` fills
the question with the window's times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from FailTaleLibrary import lazy

if TYPE_CHECKING:
    from FailTaleLibrary.stores.answers import Entry, StoreAnswer
    from FailTaleLibrary.stores.ask import RawAnswer, Stores
    from FailTaleLibrary.stores.failures import StoreError
    from FailTaleLibrary.stores.series import Series
    from FailTaleLibrary.stores.window import QueryWindow

__all__ = ["Entry", "QueryWindow", "RawAnswer", "Series", "StoreAnswer", "StoreError", "Stores"]
__getattr__ = lazy.members(
    __name__,
    {
        "answers": ["Entry", "StoreAnswer"],
        "ask": ["RawAnswer", "Stores"],
        "failures": ["StoreError"],
        "series": ["Series"],
        "window": ["QueryWindow"],
    },
)
