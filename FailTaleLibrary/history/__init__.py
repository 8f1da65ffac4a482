"""Failures of many runs -> how often one cause struck before, and what people know of it. Off unless `history` names a
place. Nothing but redacted text is kept there."""

from FailTaleLibrary.history.database import Count, KnownCause, RunHistory, history_of

__all__ = ["Count", "KnownCause", "RunHistory", "history_of"]
