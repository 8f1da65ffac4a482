"""A failure's cause -> how often it struck before, counted; and the notes that people attach to causes.

A failure is counted in one short transaction. What takes longer than it may is left behind in its thread,
and changes nothing.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import TypeVar

from FailTaleLibrary.background import call_within
from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import HistoryError
from FailTaleLibrary.history.stores import Connection, store_at
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.ranking.causes import Cause
from FailTaleLibrary.records import SafeText
from FailTaleLibrary.text import one_line, shorten

NOTE_CHARS = 200
_HEADLINE_CHARS = 300
_PART = 5
"""One failure may take this part of the time that all of a run have."""
_PRUNED_EACH = 100
"""Failures of a process between two looks for what is too old; the first looks as well."""
_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"
_SIGNATURE = re.compile(r"[0-9a-f]{6,16}")
_COUNT = """
INSERT INTO failtale_causes (signature, shape, headline, test, times, first_at, last_at, previous_at)
VALUES (:signature, :shape, :headline, :test, 1, :at, :at, NULL)
ON CONFLICT (signature) DO UPDATE SET times = failtale_causes.times + 1,
    headline = excluded.headline, test = excluded.test, previous_at = failtale_causes.last_at,
    first_at = CASE WHEN excluded.first_at < failtale_causes.first_at THEN excluded.first_at
                    ELSE failtale_causes.first_at END,
    last_at = CASE WHEN excluded.last_at > failtale_causes.last_at THEN excluded.last_at
                   ELSE failtale_causes.last_at END
"""
_RECURRENCE = """
SELECT times, first_at, previous_at, note FROM failtale_causes
LEFT JOIN failtale_notes ON failtale_notes.signature = failtale_causes.signature
WHERE failtale_causes.signature = :signature
"""
_KNOWN = """
SELECT failtale_causes.signature, times, first_at, last_at, headline, note FROM failtale_causes
LEFT JOIN failtale_notes ON failtale_notes.signature = failtale_causes.signature
UNION ALL
SELECT failtale_notes.signature, 0, noted_at, noted_at, '', note FROM failtale_notes
WHERE NOT EXISTS (SELECT 1 FROM failtale_causes WHERE failtale_causes.signature = failtale_notes.signature)
"""

T = TypeVar("T")
_log = logger_of(__name__)


@dataclass(frozen=True, slots=True)
class Count:
    """What is known of a cause once a failure of it is counted."""

    times: int
    """This one included."""
    first_at: datetime
    previous_at: datetime | None
    note: str
    """As it stands there, which may be a place that others write to."""


@dataclass(frozen=True, slots=True)
class KnownCause:
    """A cause of earlier failures."""

    signature: str
    times: int
    """0 for one of which only the note is left."""
    first_at: datetime
    last_at: datetime
    headline: str
    note: str
    """Empty without one."""


def history_of(config: Config) -> RunHistory:
    """The history that a configuration names; it has to name one."""
    if config.history is None:
        raise HistoryError("the configuration names no place for a history; write 'history: failtale-history.db'")
    limits = config.limits
    return RunHistory(
        config.history, time_s=limits.history_time_s, days=limits.history_days, most=limits.history_causes
    )


class RunHistory:
    """The history as a run, or the command line, uses it. Every method raises HistoryError and nothing else."""

    def __init__(self, place: str, *, time_s: float, days: int, most: int) -> None:
        """``time_s`` for all failures of a run together; ``days`` and ``most`` causes are kept."""
        self._store = store_at(place)
        self._time_s = time_s
        self._left_s = time_s
        self._days = days
        self._most = most
        self._counted = 0

    def count_failure(self, cause: Cause, *, headline: SafeText, test: SafeText, at: datetime) -> Count:
        """This failure counted, and what is known of its cause by now."""
        if self._left_s <= 0:
            raise HistoryError(f"the time of a run for it is used up (limits.history_time, {self._time_s:g} s)")
        values = {
            "signature": cause.signature,
            "shape": cause.text,
            "headline": shorten(one_line(headline), _HEADLINE_CHARS),
            "test": test,
            "at": _written_moment(at),
        }

        def count(connection: Connection) -> Sequence[Sequence[object]]:
            connection.change(_COUNT, values)
            return connection.rows(_RECURRENCE, values)

        began = time.monotonic()
        seconds = min(self._time_s / _PART, self._left_s)
        try:
            ((times, first_at, previous_at, note),) = self._within(seconds, count)
            self._prune_now_and_then(max(0.001, seconds - (time.monotonic() - began)), at)
        finally:
            self._left_s -= time.monotonic() - began
        return Count(
            times=int(str(times)),
            first_at=_parsed_moment(str(first_at)),
            previous_at=None if previous_at is None else _parsed_moment(str(previous_at)),
            note=str(note or ""),
        )

    def known(self) -> tuple[KnownCause, ...]:
        """All causes, those with a note first, and then the newest first."""
        rows = self._within(self._time_s, lambda connection: connection.rows(_KNOWN, {}))
        found = (
            KnownCause(signature, times, _parsed_moment(first), _parsed_moment(last), headline, note or "")
            for signature, times, first, last, headline, note in rows
        )
        return tuple(sorted(found, key=lambda each: (not each.note, -each.last_at.timestamp(), each.signature)))

    def attach(self, signature: str, note: SafeText, *, at: datetime) -> KnownCause:
        """A note for a cause, in place of an earlier one. ``signature`` may be its beginning."""
        cause = self._cause(signature)
        values = {"signature": cause.signature, "note": note, "at": _written_moment(at)}
        sql = (
            "INSERT INTO failtale_notes (signature, note, noted_at) VALUES (:signature, :note, :at) "
            "ON CONFLICT (signature) DO UPDATE SET note = excluded.note, noted_at = excluded.noted_at"
        )
        self._within(self._time_s, lambda connection: connection.change(sql, values))
        return cause

    def forget(self, signature: str) -> KnownCause:
        """Removes a cause's note; how often it struck stays."""
        cause = self._cause(signature)
        if not cause.note:
            raise HistoryError(f"there is no note for {cause.signature}.")
        sql, values = "DELETE FROM failtale_notes WHERE signature = :signature", {"signature": cause.signature}
        self._within(self._time_s, lambda connection: connection.change(sql, values))
        return cause

    def _cause(self, signature: str) -> KnownCause:
        if _SIGNATURE.fullmatch(signature) is None:
            raise HistoryError(f"'{signature[:40]}' is no signature; write the 16 digits that the card shows.")
        found = [each for each in self.known() if each.signature.startswith(signature)]
        if len(found) == 1:
            return found[0]
        what = "several causes begin with" if found else "no failure was counted with the signature"
        raise HistoryError(f"{what} {signature}; 'failtale know' lists them.")

    def _prune_now_and_then(self, seconds: float, now: datetime) -> None:
        """Removes what is older than it may be and what is too much; the oldest goes. Notes stay."""
        self._counted += 1
        if self._counted % _PRUNED_EACH != 1:
            return
        values = {"oldest": _written_moment(now - timedelta(days=self._days)), "behind": self._most - 1}
        too_many = "(SELECT last_at FROM failtale_causes ORDER BY last_at DESC LIMIT 1 OFFSET :behind)"
        sql = f"DELETE FROM failtale_causes WHERE last_at < :oldest OR last_at < {too_many}"  # noqa: S608 - no value in it
        try:
            self._within(seconds, lambda connection: connection.change(sql, values))
        except HistoryError as error:  # the failure is counted; another one will try again
            _log.debug("nothing old was removed from the history: %s", error)

    def _within(self, seconds: float, work: Callable[[Connection], T]) -> T:
        given_up = threading.Event()

        def transaction() -> T:
            with self._store.transaction(seconds=seconds) as connection:
                done = work(connection)
                if given_up.is_set():  # it was said that this was not done, so that it is taken back
                    raise HistoryError("nobody waits for it any longer")
                return done

        try:
            return call_within(seconds + _LATE_S, transaction, name="failtale-history", discard=lambda _: None)
        except TimeoutError:
            raise HistoryError(f"it did not answer within {seconds:g} s") from None
        finally:
            given_up.set()


_LATE_S = 0.1
"""For a store to say itself that its time is over."""


def _written_moment(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime(_FORM)


def _parsed_moment(text: str) -> datetime:
    return datetime.strptime(text, _FORM).replace(tzinfo=timezone.utc)
