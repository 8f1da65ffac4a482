"""A host's queries -> items: stores are asked beside its visit, and what they answer becomes lines of a log or rows.

Lines get the store's own time in front, and stand below the name of what they come from; what stood there before the
window says which of them are usual. Everything else is `items`, the only door into Evidence.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TypeVar

from FailTaleLibrary import background, timestamps
from FailTaleLibrary.budget import Allowance
from FailTaleLibrary.collection.items import AskedStep
from FailTaleLibrary.config import Collector
from FailTaleLibrary.lazy import dataclass, replace
from FailTaleLibrary.moments import message_of
from FailTaleLibrary.records import Failure, LookBack, SeenShape, Step
from FailTaleLibrary.stores import Entry, QueryWindow, RawAnswer, StoreAnswer, StoreError, Stores
from FailTaleLibrary.stores.answers import MOST_ENTRIES
from FailTaleLibrary.stores.ask import is_windowed, recorded_answer, shown_query
from FailTaleLibrary.stores.series import Row, rows_of
from FailTaleLibrary.stores.window import moment_of
from FailTaleLibrary.text import decode, fair_shares
from FailTaleLibrary.transports import CommandResult
from FailTaleLibrary.windows import CommandLine, HostOutput, OutputPart, window_start
from FailTaleLibrary.windows.model import WindowValues

Number = TypeVar("Number", int, float)

AT_ONCE = 4
"""Queries of one host that are under way at the same time."""
LINES = 1000
"""Asked for, where the collector does not say how many."""
LOOK_BACK_S = 600.0
"""Before the window, to know what is usual."""
_LOOK_BACK_LINES = 2000
_LEAST_LOOK_BACK_S = 0.2
_NEWEST = timedelta(hours=1)
"""How far back a query without a window looks."""
_MOST_SOURCES = 200
OTHERS = "(other sources)"
_MOST_SHAPES, _MOST_PLACES, _MOST_LINES = 2000, 48, 4000
NO_SOURCE = "query"
"""The path of the part whose lines bear no source; a reader does not see it."""
UNNAMED = "(no source)"


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """A query with its window, as it is put for one step."""

    step: Step
    collector: Collector
    window: QueryWindow
    since: datetime | None

    @classmethod
    def of(cls, step: Step, collector: Collector, failure: Failure) -> AskedQuery:
        since = window_start(step, failure)
        until = failure.window.end
        begin = min(since, until) if since is not None else until - _NEWEST
        return cls(step, collector, QueryWindow(begin, until, collector.lines or LINES), since)

    @property
    def shown(self) -> str:
        query = self.collector.query
        return shown_query(query, self._first_window) if query is not None else ""

    @property
    def _first_window(self) -> QueryWindow:
        query = self.collector.query
        return self.window.longer(LOOK_BACK_S) if query is not None and query.series else self.window

    def as_asked_step(self, allowance: Allowance, **limits: object) -> AskedStep:
        """The same as `items` takes any question."""
        return AskedStep(
            step=self.step.model_copy(update={"max_bytes": allowance.max_bytes}),
            collector=self.collector,
            line=CommandLine(producer="", filters="", shown=self.shown, values=WindowValues(())),
            timeout_s=allowance.timeout_s,
            since=self.since,
            note="",
            no_surer_way=lambda _: "",
            ssh_command=None,
            at=datetime.now(timezone.utc),
            **limits,  # type: ignore[arg-type]
        )

    def answer(
        self, stores: Stores, *, timeout_s: float, max_bytes: int, cancel: threading.Event
    ) -> tuple[CommandResult, HostOutput]:
        """What the store answers within the time. Raises StoreError."""
        began = time.monotonic()
        query = self.collector.query
        assert query is not None  # noqa: S101 - only such collectors come here
        raw = stores.ask(query, self._first_window, timeout_s=timeout_s, cancel=cancel)
        left_s = timeout_s - (time.monotonic() - began)
        earlier: tuple[Entry, ...] = ()
        if left_s > _LEAST_LOOK_BACK_S and is_windowed(query):
            raw, earlier = self._with_the_time_before(raw, partial(stores.ask, query, timeout_s=left_s, cancel=cancel))
        return _result_of(raw, time.monotonic() - began), output_of(
            raw.answer, earlier, self.window, max_bytes=max_bytes
        )

    def _with_the_time_before(
        self, raw: RawAnswer, ask: Callable[[QueryWindow], RawAnswer]
    ) -> tuple[RawAnswer, tuple[Entry, ...]]:
        """The answer and the lines before the window; of series that were recognised, the answer that has both."""
        series = raw.answer.series
        if (series is None and not raw.answer.entries) or (series is not None and self._first_window != self.window):
            return raw, ()
        try:
            if series is not None:
                return ask(self.window.longer(LOOK_BACK_S)), ()
            earlier = ask(self.window.before(LOOK_BACK_S, limit=_LOOK_BACK_LINES))
        except StoreError:
            return raw, ()  # what is usual is not known then
        received = raw.received_bytes + earlier.received_bytes
        return replace(raw, received_bytes=received), earlier.answer.entries

    def recorded(self, body: bytes, *, max_bytes: int) -> tuple[CommandResult, HostOutput]:
        """The same for what was recorded of a store. Raises StoreError."""
        query = self.collector.query
        assert query is not None  # noqa: S101 - only such collectors come here
        raw = recorded_answer(query, body, self._first_window)
        return _result_of(raw, 0.0), output_of(raw.answer, (), self.window, max_bytes=max_bytes)


def _result_of(raw: RawAnswer, duration_s: float) -> CommandResult:
    lacks = "; ".join(raw.answer.lacks)
    return CommandResult(
        exit_status=0,
        stdout=b"",
        stderr=b"",
        received_bytes=raw.received_bytes,
        omitted_bytes=0,
        duration_s=duration_s,
        timed_out=False,
        incomplete=lacks or None,
    )


def in_threads(works: Sequence[Callable[[], None]]) -> Callable[[], None]:
    """Starts works, some at a time, and returns what waits for the last of them."""
    waiting = list(reversed(works))

    def work() -> None:
        while True:
            try:
                next_one = waiting.pop()
            except IndexError:
                return
            next_one()

    threads = [background.start(work, name=f"failtale-queries-{number}") for number in range(min(AT_ONCE, len(works)))]

    def wait() -> None:
        for thread in threads:
            thread.join()

    return wait


# --- An answer as a host's output -------------------------------------------------------------------------------------


def output_of(answer: StoreAnswer, earlier: Iterable[Entry], window: QueryWindow, *, max_bytes: int) -> HostOutput:
    """Lines by their source, or rows of series; ``earlier``: lines from before the window."""
    if answer.series is not None:
        return _of_series(rows_of(answer.series, window), answer, max_bytes=max_bytes)
    if answer.plain is not None:
        return _of_plain_text(answer, window, max_bytes=max_bytes)
    entries = _in_order(_few_sources(answer.entries))
    old = [entry for entry in entries if entry.at_ns is not None and entry.at_ns < window.since_ns]
    within = [entry for entry in entries if entry.at_ns is None or entry.at_ns >= window.since_ns]
    known = [*_in_order(tuple(earlier)), *old]
    notes = list(answer.notes)
    untimed = sum(entry.at_ns is None for entry in within)
    if untimed:
        notes.append(f"{untimed:,} of its lines bear no time that can be read: they may be older than the window.")
    return _capped_output(
        list(_parts_of(within, known)), has_headings=any(e.source for e in within), notes=notes, cap=max_bytes
    )


def _few_sources(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Those of the sources with the most lines; the others' lines stand together."""
    sources = Counter(entry.source for entry in entries)
    if len(sources) <= _MOST_SOURCES:
        return entries
    kept = {source for source, _ in sources.most_common(_MOST_SOURCES)}
    return tuple(entry if entry.source in kept else replace(entry, source=OTHERS) for entry in entries)


def _in_order(entries: tuple[Entry, ...]) -> list[Entry]:
    """The oldest first; lines of the same moment as the store had them, which may give the newest first."""
    timed = [entry.at_ns for entry in entries if entry.at_ns is not None]
    given = reversed(entries) if timed and timed[0] > timed[-1] else entries
    return sorted(given, key=lambda entry: entry.at_ns or 0)


def _parts_of(entries: Sequence[Entry], earlier: Sequence[Entry]) -> Iterator[OutputPart]:
    """A part for each source and whether its lines bear times; the source that spoke last stands last."""
    grouped: dict[tuple[str, bool], list[Entry]] = {}
    for entry in entries:
        grouped.setdefault((entry.source, entry.at_ns is None), []).append(entry)
    before: dict[str, list[Entry]] = {}
    for entry in earlier:
        before.setdefault(entry.source, []).append(entry)
    newest = {source: max(entry.at_ns or 0 for entry in of_it) for (source, _), of_it in grouped.items()}
    has_sources = any(source for source, _ in grouped)
    unnamed = UNNAMED if has_sources else NO_SOURCE
    for (source, is_unsure), each in sorted(
        grouped.items(), key=lambda item: (newest[item[0][0]], item[0][0], not item[0][1])
    ):
        text = "".join(map(_printed_entry, each)).encode("utf-8", "replace")
        look_back = None if is_unsure else _look_back(text, each, before.get(source, []))
        yield OutputPart(source or unnamed, text, is_unsure, "none" if is_unsure else "time filter", None, look_back)


def _printed_entry(entry: Entry) -> str:
    """The line behind the store's own time, which is UTC."""
    text = entry.text.rstrip("\r\n") or " "
    if entry.at_ns is None:
        return f"{text}\n"
    return f"{moment_of(entry.at_ns):%Y-%m-%dT%H:%M:%S.%f}Z {text}\n"


def _look_back(text: bytes, entries: Sequence[Entry], earlier: Sequence[Entry]) -> LookBack | None:
    """How often, and when, the shapes of the window's lines stood before it; as `on_host/look_back.awk` tells it."""
    if not earlier:
        return None
    moments = [(entry.at_ns or 0) / 1e9 for entry in earlier]
    places: dict[str, list[int]] = {}
    for number, entry in enumerate(earlier):
        places.setdefault(_shape_of(entry.text), []).append(number)
    lines = decode(text).splitlines()
    of_lines: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        of_lines.setdefault(_shape_of(message_of(line)), []).append(number)
    within: dict[str, list[float]] = {}
    for entry in entries:
        within.setdefault(_shape_of(entry.text), []).append((entry.at_ns or 0) / 1e9)
    shapes = []
    for shape, numbers in list(of_lines.items())[:_MOST_SHAPES]:
        if not shape or shape not in places or shape not in within:
            continue
        seen, times = _thinned_out(places[shape]), within[shape]
        shapes.append(
            SeenShape(
                lines=tuple(len(lines) - number for number in numbers[-_MOST_LINES:]),
                count=len(places[shape]),
                places=tuple(number / len(earlier) for number in seen),
                seconds_before=tuple(times[0] - moments[number] for number in seen),
                seconds_within=tuple(each - times[0] for each in _thinned_out(times)),
            )
        )
    return LookBack(lines=len(earlier), seconds=max(0.0, moments[-1] - moments[0]), shapes=tuple(shapes))


def _shape_of(text: str) -> str:
    from FailTaleLibrary.ranking.lines import LINE_CHARS, template  # at need: a run without a failure ranks nothing

    return template(message_of(text.partition("\n")[0][:LINE_CHARS]))


def _thinned_out(values: list[Number]) -> list[Number]:
    """At most so many, the first and the last among them."""
    if len(values) <= _MOST_PLACES:
        return values
    step = (len(values) - 1) / (_MOST_PLACES - 1)
    return [values[round(number * step)] for number in range(_MOST_PLACES)]


def _of_series(rows: Sequence[Row], answer: StoreAnswer, *, max_bytes: int) -> HostOutput:
    text = "".join(f"{row.text}\n" for row in rows).encode("utf-8", "replace")
    output = _capped_output(
        [OutputPart("", text, is_unsure=False)], has_headings=False, notes=answer.notes, cap=max_bytes, keep_first=True
    )
    changed = [(row.was, row.now) for row in rows if row.has_changed]
    return replace(
        output, is_snapshot=True, was="".join(f"{row.was}\n" for row in rows if row.was), changed=tuple(changed)
    )


def _of_plain_text(answer: StoreAnswer, window: QueryWindow, *, max_bytes: int) -> HostOutput:
    """Lines with times of their own, those of the window; a text without times as it came."""
    whole = decode((answer.plain or "").encode("utf-8", "replace")).splitlines()
    lines = whole[-MOST_ENTRIES:]
    unread = len(whole) - len(lines)
    more = [f"{unread:,} older lines were not read."] if unread else []
    borne = [timestamps.parse(line, utc_offset_s=0, near=window.until) for line in lines]
    if not any(borne) or 2 * sum(map(bool, borne)) < sum(bool(line.strip()) for line in lines):
        text = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
        output = _capped_output(
            [OutputPart("", text, is_unsure=False)], has_headings=False, notes=(*answer.notes, *more), cap=max_bytes
        )
        return replace(output, is_snapshot=True)
    kept: list[str] = []
    is_within = True
    for line, moment in zip(lines, borne, strict=True):
        is_within = moment >= window.since if moment is not None else is_within
        if is_within:
            kept.append(f"{line}\n")
    part = OutputPart(NO_SOURCE, "".join(kept).encode("utf-8", "replace"), is_unsure=False, method="time filter")
    dropped = len(lines) - len(kept)
    notes = [*answer.notes, *more, "Its lines were read by their own times, as UTC where they say no zone."]
    if dropped:
        notes.append(f"{dropped:,} lines from before the window were left out.")
    return _capped_output([part], has_headings=False, notes=notes, cap=max_bytes)


def _capped_output(
    parts: Sequence[OutputPart], *, has_headings: bool, notes: Iterable[str], cap: int, keep_first: bool = False
) -> HostOutput:
    """The output within its cap, which the sources share fairly; of each its newest lines."""
    sizes = {str(number): len(part.text) for number, part in enumerate(parts)}
    shares = fair_shares(sizes, cap)
    kept = [_capped_part(part, shares[str(number)], keep_first=keep_first) for number, part in enumerate(parts)]
    pairs = zip(parts, kept, strict=True)
    omitted = [_rest_of(part.text, less.text, keep_first=keep_first) for part, less in pairs]
    return HostOutput(
        parts=tuple(part for part in kept if part.text),
        has_headings=has_headings,
        before=b"",
        stderr=b"",
        method="time filter",
        note=" ".join(notes),
        has_unread=False,
        produced_bytes=sum(sizes.values()),
        omitted_bytes=sum(map(len, omitted)),
        omitted_lines=sum(text.count(b"\n") for text in omitted),
        filter_status=None,
    )


def _rest_of(whole: bytes, kept: bytes, *, keep_first: bool) -> bytes:
    return whole[len(kept) :] if keep_first else whole[: len(whole) - len(kept)]


def _capped_part(part: OutputPart, cap: int, *, keep_first: bool) -> OutputPart:
    if len(part.text) <= cap:
        return part
    if keep_first:
        return replace(part, text=part.text[: part.text.rfind(b"\n", 0, cap) + 1])
    newest = part.text[len(part.text) - cap :] if cap else b""
    _, found, whole = newest.partition(b"\n")
    return replace(part, text=whole if found and whole else newest)
