"""What a host sent to one collector -> Item or Gap, sanitised and redacted: the only door into Evidence.

No stage above can see raw output: whoever makes an Item or a Gap of something that a host said does it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache

from FailTaleLibrary.budget import STDERR_BYTES, Allowance, HostBudget
from FailTaleLibrary.collection.cluster_access import kubectl_trouble, with_roles
from FailTaleLibrary.collection.silence import SilentAnswer, last_words, meaning, silence_of
from FailTaleLibrary.config import Collector
from FailTaleLibrary.errors import RedactionError
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import (
    AppliedWindow,
    Gap,
    GapReason,
    Item,
    ItemKind,
    ItemPart,
    ItemStatus,
    LineTimes,
    LookBack,
    OwnTimeFormat,
    Rows,
    SafeText,
    Step,
    derived,
    derived_texts,
    our_words,
)
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.redaction.redactor import RecordRedactor, reason_of
from FailTaleLibrary.text import decode, newest_whole_lines
from FailTaleLibrary.transports import CommandResult, visit_answers
from FailTaleLibrary.windows import CommandLine, HostOutput, OutputPart, parse_host_output
from FailTaleLibrary.windows.look_back import placed

FAIR_S = 3.0
"""Of a host that was given less, because our own time was over, silence says nothing."""
_MUCH_MORE = 4
"""So many times what the card shows a text is, if the time for all of it is to be known before it is spent."""
_MOST_OF_A_CHARACTER = 4
"""Bytes of UTF-8."""
_NO_FILES = ("journal", "query")
"""Parts that come from no file and bear no heading."""
_TITLE_CHARS = 40
_NO_ANSWERS = ("-- No entries --", "0")
"""What journalctl and a count (`wc -l`) print where they found nothing, also where nothing could be read."""
_MANY_WORDS = 4
"""With so many lines on stderr and none on stdout a command has given its answer there."""
_GONE, _COME = our_words("-"), our_words("+")
ALL_ON_STDERR = our_words("[printed on stderr]")
OLDER_STDERR = our_words("[printed on stderr; older lines were left out]")
_LONGEST_SECRET = 20_000
"""Characters; a private key of 16,384 bits in one line has 12,000."""
BEGINNING_ALONE = our_words("[the beginning of a line that could not be searched for secrets to its end in time]")
TOO_MUCH_TO_REDACT = our_words("[older lines are withheld: they could not be searched for secrets in time]")


@dataclass(frozen=True, slots=True)
class AskedStep:
    """One question as it was put: the step, its collector and the command line that was run."""

    step: Step
    collector: Collector
    line: CommandLine
    timeout_s: float
    since: datetime | None
    """Start of the window on the test machine's clock."""
    note: str
    """What is known to be uncertain about the window before the host is visited."""
    no_surer_way: Callable[[HostOutput], str]
    """Why the window of an answer was not found by a surer way, in a sentence; empty when it was."""
    ssh_command: str | None
    at: datetime
    item_limit: str = "limits.item_bytes"
    """Which limit says how much of it may be kept, by its name in the configuration."""
    bytes_limit: str = "limits.host_bytes"
    """… and which says so when other items have taken some meanwhile."""
    time_limit: SafeText | None = None
    """What gave it less time than its own; None when it had that."""


@dataclass(frozen=True, slots=True)
class CollectedItem:
    """An item with its full text, which only a bundle keeps; or a gap."""

    record: Item | Gap
    full_text: str = ""


Take = Callable[[int], int]
"""Bytes that are wanted -> bytes that may be kept: `HostBudget.take`."""


def make_item(
    asked: AskedStep,
    result: CommandResult,
    redactor: Redactor,
    *,
    take: Take = lambda wanted: wanted,
    output: HostOutput | None = None,
) -> CollectedItem:
    """The item of one answer, or the gap where the answer is no evidence; withheld when it cannot be made safe.

    ``output``: what a store answered, where no host printed it.
    """
    try:
        return _make_item(asked, result, redactor, take, output)
    except RedactionError as error:
        detail = our_words("withheld: its text could not be searched for secrets ({})", reason_of(error))
        return CollectedItem(
            make_gap(asked.step, reason="withheld", detail=detail, at=asked.at, elapsed_s=result.duration_s)
        )


def make_gap(step: Step, *, reason: GapReason, detail: SafeText, at: datetime, elapsed_s: float = 0.0) -> Gap:
    """The gap of one step."""
    return Gap(
        host=step.host,
        component=step.component,
        collector=step.collector,
        reason=reason,
        detail=detail,
        at=at,
        elapsed_s=elapsed_s,
    )


def _make_item(
    asked: AskedStep, result: CommandResult, redactor: Redactor, take: Take, output: HostOutput | None
) -> CollectedItem:
    safe = RecordRedactor(redactor)
    stdout = _whole_lines(result.stdout, result.omitted_bytes)
    if result.stdout and not stdout:
        return CollectedItem(_gap_of_a_torn_line(asked, result, safe))
    answer = output or parse_host_output(stdout, result.stderr, nonce=result.nonce)
    whole = decode(answer.text)
    full_text = _safe_whole(whole, asked.step.max_bytes, safe)
    is_on_stderr = not whole.strip() and _speaks_on_stderr(asked, result, answer)
    if is_on_stderr:
        full_text = _safe_whole(decode(_whole_stderr(result, answer)), asked.step.max_bytes, safe)
    stderr = derived(str.strip, safe.text(decode(_tail(answer.stderr, STDERR_BYTES))))
    if asked.collector.kubernetes:
        stderr = with_roles(stderr, asked.collector.kubernetes)
    incomplete = safe.text(result.incomplete) if result.incomplete else None
    privilege = safe.text(asked.collector.privilege)
    silence = None
    if not is_on_stderr and _is_silent(full_text, result):
        silence = _reason_of_silence(asked, result, answer, incomplete=incomplete, stderr=stderr, privilege=privilege)
        if silence is None and answer.has_unread and not (whole or answer.before):
            silence = "could not tell", safe.text(answer.note)
    if silence is not None:
        reason, detail = silence
        return CollectedItem(
            make_gap(asked.step, reason=reason, detail=detail, at=asked.at, elapsed_s=result.duration_s)
        )
    text = _lines_within_budget(full_text, asked.step.max_bytes, granted := _Granted(take))
    if is_on_stderr:
        full_text, text = (our_words("{}\n{}", _which_stderr(result), each) for each in (full_text, text))
    cut_bytes, cut_lines = _left_out(full_text, text)
    before = _lines_within_budget(safe.text(decode(answer.before)), asked.step.max_bytes, take)
    stderr = our_words("") if is_on_stderr else _lines_within_budget(stderr, STDERR_BYTES, take)
    item = Item(
        id=asked.step.id,
        host=asked.step.host,
        component=asked.step.component,
        collector=asked.step.collector,
        description=safe.text(asked.collector.description),
        kind=_kind_of_source(asked.collector),
        command=safe.text(asked.line.shown),
        ssh_command=safe.text(asked.ssh_command) if asked.ssh_command else None,
        status=_status_of_item(result, full_text),
        exit_status=result.exit_status,
        timed_out=result.timed_out,
        incomplete=incomplete,
        started_at=asked.at,
        duration_s=round(result.duration_s, 4),
        before=before,
        text=text,
        parts=_parts(asked.collector, answer, full_text, text, safe),
        look_backs=_look_backs(answer, full_text, text),
        stderr=stderr,
        produced_bytes=answer.produced_bytes,
        received_bytes=result.received_bytes,
        omitted_bytes=result.omitted_bytes + answer.omitted_bytes + cut_bytes,
        omitted_lines=answer.omitted_lines + cut_lines,
        glance=bool(asked.step.glance_bytes),
        cut_by=_limit_of_cut(asked, granted, cut_bytes or result.omitted_bytes or answer.omitted_bytes),
        window=_applied_window(asked, answer, safe),
        rows=_rows_of_collector(asked.collector),
        empty_means=our_words("") if answer.has_unread else safe.text(asked.collector.empty_means),
        redactions=safe.redactions(),
    )
    if answer.was or answer.changed:
        item = item.with_changes(baseline=safe.text(answer.was), changes=tuple(_changes_told(answer, safe)))
    return CollectedItem(item, full_text)


def _changes_told(answer: HostOutput, safe: RecordRedactor) -> Iterator[SafeText]:
    """As `baselines.changes` tells them, of rows that say themselves what became of them."""
    for was, now in answer.changed:
        yield from (our_words("{} {}", sign, safe.text(row)) for sign, row in ((_GONE, was), (_COME, now)) if row)


def _gap_of_a_torn_line(asked: AskedStep, result: CommandResult, safe: RecordRedactor) -> Gap:
    """Of an answer that is the end of one line: nothing of it can be shown, for it may begin in a secret."""
    if result.incomplete:
        incomplete = safe.text(result.incomplete)
        reason, detail = _reason_of(incomplete), incomplete
    else:
        reason, detail = (
            "withheld",
            our_words("withheld: all that came is the end of one very long line, which may begin within a secret"),
        )
    return make_gap(asked.step, reason=reason, detail=detail, at=asked.at, elapsed_s=result.duration_s)


def limit_of_item(budget: HostBudget, step: Step, allowance: Allowance, collector: Collector) -> str:
    """Which limit says how much of an item may be kept, by its name in the configuration."""
    if allowance.is_bound_by_way:
        return "what one event of Salt carries"
    if allowance.max_bytes < step.max_bytes:
        return budget.bytes_limit
    return f"max_bytes of collector '{collector.name}'" if collector.max_bytes else "limits.item_bytes"


class _Granted:
    """Takes bytes of a budget, and remembers whether it gave less than was wanted."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self.is_less = False

    def __call__(self, wanted: int) -> int:
        given = self._take(wanted)
        self.is_less = self.is_less or given < wanted
        return given


def _limit_of_cut(asked: AskedStep, granted: _Granted, cut_bytes: int) -> str:
    if not cut_bytes:
        return ""
    if asked.step.glance_bytes and not granted.is_less:
        return "limits.full_hosts"
    return asked.bytes_limit if granted.is_less else asked.item_limit


_KEY_OF_SERIES = (r"^(.*\}|[^\s{]+)(?: |$)",)
_DOWN, _DOWN_BEFORE = (r"\(down\b",), (r"\(down since [^)]*, before the test\)",)


def _rows_of_collector(collector: Collector) -> Rows:
    if collector.query is not None:
        keys, alarms = collector.row or _KEY_OF_SERIES, collector.alarms or _DOWN
        return _rows(keys, collector.counters, alarms, collector.limits or _DOWN_BEFORE)
    return _rows(collector.row, collector.counters, collector.alarms, collector.limits)


@lru_cache(maxsize=500)
def _rows(keys: tuple[str, ...], counters: tuple[str, ...], alarms: tuple[str, ...], limits: tuple[str, ...]) -> Rows:
    """The same for all hosts of a collector."""
    return Rows(keys=keys, counters=counters, alarms=alarms, limits=limits)


def _kind_of_source(collector: Collector) -> ItemKind:
    if collector.container:
        return "container"
    if collector.query is not None:
        return "query"
    return "command" if not collector.is_log else "journal" if collector.journal is not None else "file"


def _status_of_item(result: CommandResult, text: str) -> ItemStatus:
    if result.exit_status not in (0, None):
        return "failed"
    return "ok" if text.strip() else "empty"


def _applied_window(asked: AskedStep, answer: HostOutput, safe: RecordRedactor) -> AppliedWindow | None:
    if not asked.collector.is_log or answer.is_snapshot:
        return None
    return AppliedWindow(
        kind=asked.step.window,
        method=answer.method,
        since=asked.since,
        note=safe.text(" ".join(filter(None, (asked.note, answer.note)))),
        why=safe.text(asked.no_surer_way(answer)),
    )


def _parts(
    collector: Collector, answer: HostOutput, whole: str, text: str, safe: RecordRedactor
) -> tuple[ItemPart, ...]:
    """Where the parts of an answer are in its text, of which the head may have been cut off.

    Where redaction has changed the number of lines nobody can tell, and all of a log is as unsure as its unsurest part;
    its times are read where all parts have the same.
    """
    if not any(part.path for part in answer.parts):
        return ()
    blocks = [(part, len(decode(data).splitlines())) for part, data in answer.blocks()]
    end = len(text.splitlines())
    if sum(lines for _, lines in blocks) != len(whole.splitlines()):
        times = {_times_of(part, collector, safe) for part in answer.parts}
        common = times.pop() if len(times) == 1 else LineTimes()
        return (ItemPart(first_line=0, lines=end, unsure=answer.is_unsure, times=common),)
    parts: list[ItemPart] = []
    for part, lines in reversed(blocks):
        first = max(0, end - lines)
        if part is not None and end > 0:
            path = "" if part.path in _NO_FILES else part.path
            parts.append(
                ItemPart(
                    path=safe.text(path),
                    first_line=first,
                    lines=end - first,
                    unsure=part.is_unsure,
                    method=part.method,
                    times=_times_of(part, collector, safe),
                )
            )
        end = first
    return tuple(reversed(parts))


def _times_of(part: OutputPart, collector: Collector, safe: RecordRedactor) -> LineTimes | None:
    """How the host read a part's times, with the collector's own format where it went by that."""
    own = collector.time_format
    if part.times is None or part.times.own is None or own is None:
        return part.times
    told = OwnTimeFormat(format=safe.text(own.format), key=safe.text(own.key), pattern=safe.text(own.pattern))
    return LineTimes(own=told, utc_offset_s=part.times.utc_offset_s)


def _look_backs(answer: HostOutput, whole: str, text: str) -> tuple[LookBack, ...]:
    """What each part's file held before the window, where redaction and line ends leave the lines countable."""
    if not any(part.look_back for part in answer.parts):
        return ()  # to decode a megabyte once more costs as much as all else
    blocks = [(part, len(decode(data).splitlines()), data.count(b"\n")) for part, data in answer.blocks()]
    if sum(lines for _, lines, _ in blocks) != len(whole.splitlines()):
        return ()
    found: list[LookBack] = []
    end = len(text.splitlines())
    for part, lines, raw_lines in reversed(blocks):
        first = max(0, end - lines)
        if part is not None and part.look_back is not None and first < end and lines - raw_lines in (0, 1):
            found.append(placed(part.look_back, first_line=first, end_line=end))
        end = first
    return tuple(reversed(found))


def _speaks_on_stderr(asked: AskedStep, result: CommandResult, answer: HostOutput) -> bool:
    """Whether a command that printed nothing, and failed in no way of its own, has said much on stderr."""
    if asked.collector.command is None or (result.exit_status not in (0, None) and not result.timed_out):
        return False
    told = [meaning(line) for line in decode(_tail(answer.stderr, STDERR_BYTES)).splitlines() if line.strip()]
    return told.count("unknown") >= _MANY_WORDS and set(told) <= {"harmless", "unknown", "failed"}


def _whole_stderr(result: CommandResult, answer: HostOutput) -> bytes:
    """The whole lines that a host kept of a command's stderr."""
    return _whole_lines(answer.stderr, int(_is_stderr_cut(result)))


def _which_stderr(result: CommandResult) -> SafeText:
    return OLDER_STDERR if _is_stderr_cut(result) else ALL_ON_STDERR


def _is_stderr_cut(result: CommandResult) -> bool:
    return len(result.stderr) >= visit_answers.STDERR_BYTES


def _is_silent(text: str, result: CommandResult) -> bool:
    """Whether there is no output, or no more than a title: jcmd prints the process, journalctl that it has nothing.

    A pipe hides that the program failed; then a title is what announces more.
    """
    told = text.strip()
    is_title = len(told) <= _TITLE_CHARS and "\n" not in told
    return is_title and (not told or result.exit_status not in (0, None) or told in _NO_ANSWERS or told.endswith(":"))


def _reason_of_silence(
    asked: AskedStep,
    result: CommandResult,
    answer: HostOutput,
    *,
    incomplete: SafeText | None,
    stderr: SafeText,
    privilege: SafeText,
) -> tuple[GapReason, SafeText] | None:
    """Why there is no output, where that is more than an empty answer."""
    said = derived_texts(str.splitlines, stderr)
    is_title = bool(answer.text.strip())
    is_fair = asked.time_limit is None or asked.timeout_s >= FAIR_S
    if not is_title and incomplete is not None:
        reason = _reason_of(incomplete)
        is_silent = reason == "connection lost"  # also at the end of a time that was ours
        why = derived(_without_reason, incomplete)
        return reason if is_fair or not is_silent else "skipped", our_words("{}{}", why, last_words(said))
    if not is_title and result.timed_out:
        after_s = round(min(asked.timeout_s, result.duration_s), 1)
        if asked.time_limit:
            return "timed out" if is_fair else "skipped", our_words(
                "no output within {:g} s, by {}", after_s, asked.time_limit
            )
        return "timed out", our_words("no output within {:g} s", after_s)
    if asked.collector.kubernetes and (trouble := kubectl_trouble(stderr, asked.collector.kubernetes)):
        reason, detail = trouble
        return reason, our_words("{}; needs {}", detail, privilege) if reason == "permission denied" else detail
    silence = silence_of(
        SilentAnswer(
            exit_status=result.exit_status,
            stderr=said,
            is_command=asked.collector.command is not None,
            filter_failed=(answer.filter_status or 0) > 1,
            privilege=privilege,
        )
    )
    if silence is None and result.exit_status == 127 and not is_title and not any(_NOT_LOADED in line for line in said):
        collector = derived(_collector_of, asked.step)
        return "command not found", our_words("a program that '{}' runs is not on the host", collector)
    if silence is None and _is_unread_log(asked.collector, answer) and not is_title:
        return "could not tell", our_words("the host did not say how it read the log: its shell broke off, perhaps")
    has_failed = result.exit_status not in (0, None)
    return silence if silence is None or not (is_title and has_failed) or silence[0] == "permission denied" else None


def _is_unread_log(collector: Collector, answer: HostOutput) -> bool:
    """Whether nothing tells that a log was read at all: each script says first which part of it."""
    return collector.is_log and collector.query is None and answer.method == "none" and not answer.is_snapshot


_NOT_LOADED = "error while loading shared libraries"
"""What the loader says, with the same status, of a program that is there: memory or a library is missing."""


def _reason_of(incomplete: str) -> GapReason:
    if incomplete.startswith("cancelled"):
        return "cancelled"
    if incomplete.startswith("the gate "):
        return "refused"
    if incomplete.startswith("timed out"):
        return "timed out"
    return "connection lost" if incomplete.startswith("connection lost") else "failed"


def _without_reason(incomplete: str) -> str:
    """The reason stands ahead of it wherever a gap is shown."""
    return incomplete.removeprefix(_reason_of(incomplete)).lstrip(": ") or incomplete


def _collector_of(step: Step) -> str:
    return step.collector


def _whole_lines(data: bytes, omitted_bytes: int) -> bytes:
    """Without the torn first line that a cap leaves behind; half a secret is no longer recognisable as one."""
    if not omitted_bytes:
        return data
    _, found, rest = data.partition(b"\n")
    return rest if found else b""


def _tail(data: bytes, max_bytes: int) -> bytes:
    return _whole_lines(data[-max_bytes:], len(data) - max_bytes) if len(data) > max_bytes else data


def _safe_whole(text: str, max_bytes: int, safe: RecordRedactor) -> SafeText:
    """All of an answer; where that much cannot be made safe in time, what the card shows of it: the bundle costs it
    nothing."""
    if len(text) <= max_bytes // _MOST_OF_A_CHARACTER:
        return safe.text(text)
    newest = _tail(text.encode(), max_bytes).decode(errors="ignore")
    if not newest and len(text) > _MUCH_MORE * max_bytes:
        return _safe_line(text, max_bytes, safe)
    is_part = 0 < len(newest) < len(text)
    if is_part and len(text) > _MUCH_MORE * len(newest):
        safe_newest, has_time = safe.part_first(text, newest)
        if not has_time:
            return our_words("{}\n{}", TOO_MUCH_TO_REDACT, safe_newest)
    try:
        return safe.text(text)
    except RedactionError:
        if not is_part:
            raise
        return our_words("{}\n{}", TOO_MUCH_TO_REDACT, safe.text(newest))


def _safe_line(text: str, max_bytes: int, safe: RecordRedactor) -> SafeText:
    """A line that is longer than the card shows; where it cannot be searched in time, its beginning.

    Behind the beginning's own end a secret may go on: so much is dropped of it as a secret may be long.
    """
    safe_head, has_time = safe.part_first(text, text[: max_bytes + _LONGEST_SECRET])
    if has_time:
        return safe.text(text)
    return our_words("{}\n{}", BEGINNING_ALONE, derived(_without_end, safe_head))


def _without_end(text: str) -> str:
    return text[:-_LONGEST_SECRET]


def _lines_within_budget(text: SafeText, max_bytes: int, take: Take) -> SafeText:
    """The newest whole lines within what the budget gives; the text is redacted, so nothing can be torn in two."""
    if not text:
        return text
    return derived(newest_whole_lines, text, take(min(len(text.encode()), max_bytes)))


def _left_out(whole: str, newest: str) -> tuple[int, int]:
    """The bytes and lines of a text that are before its newest part."""
    omitted = whole[: len(whole) - len(newest)]
    return len(omitted.encode()), omitted.count("\n")
