"""Failure, Plan, Evidence, Analysis and Report: the five records of the flow, in the order in which they arise.

Each is frozen and refers only to earlier ones. All times are aware UTC datetimes, all durations seconds, all sizes
bytes. Empty is an empty tuple; None means "not known". No text in a record is raw: it came through `redaction`, which
mypy proves by the type `SafeText`. What is a plain str is a name that the configuration gave (a host, a component, a
collector, a model, a rule: short, and chosen to be shown), a word of ours, or the bundle's path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NewType, TypeAlias, TypeVar, get_args, get_type_hints

from FailTaleLibrary.schema import Field, Model

if TYPE_CHECKING:
    from typing import Concatenate

    from typing_extensions import LiteralString, dataclass_transform
else:  # in `typing` since Python 3.11

    def dataclass_transform(**_):
        return lambda kind: kind


SCHEMA_VERSION = 1

# --- Safe text: what a record may hold -------------------------------------------------------------------------------

SafeText = NewType("SafeText", str)
"""Text without secrets and control characters. Only `redaction` makes it of foreign text, and the functions below of
texts that are safe already; readers of stored records trust what was stored (a gateway's is redacted once more)."""

_Safe: TypeAlias = "SafeText | Record | Sequence[SafeText] | Sequence[Record] | datetime | float | None"
_First = TypeVar("_First", bound=_Safe)


def our_words(words: LiteralString, *parts: SafeText | float) -> SafeText:
    """A sentence of our own source, with safe texts and numbers in place of its ``{}``.

    ``words`` is a literal: pyright proves it by the type, a test proves it for the whole package.
    """
    return SafeText(words.format(*parts) if parts else words)


def configured_name(name: str) -> SafeText:
    """A component's, host's or collector's name, for a sentence; ValueError for what the configuration does not take.

    Such names are chosen to be shown; a secret in one cannot be distinguished from a name.
    """
    if re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) is None:
        raise ValueError("this is no name of the configuration")
    return SafeText(name)


def derived(make: Callable[Concatenate[_First, ...], str], source: _First, *numbers: float) -> SafeText:
    """What a function of our own makes of safe text or records (and numbers) alone: a part, a shape, a sentence."""
    return SafeText(make(source, *numbers))


def derived_texts(make: Callable[[_First], Iterable[str]], source: _First) -> tuple[SafeText, ...]:
    """As `derived`, for several: lines, words."""
    texts: Iterable[Any] = make(source)  # not wrapped one by one: an item has half a million lines
    return tuple(texts)


# --- The records -----------------------------------------------------------------------------------------------------


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
class Record(Model):
    """A value that may cross a process border: frozen, and strict about unknown fields."""


class Window(Record):
    """The time the evidence is about, on the clock of the machine that runs the tests."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


class Redaction(Record):
    """How many secrets one rule removed; never what they were."""

    rule: str
    count: int


# --- Failure: what failed and when -----------------------------------------------------------------------------------


_THAT_SAY = frozenset({"Fail", "Fatal Error", "BuiltIn.Fail", "BuiltIn.Fatal Error"})
"""Keywords of Robot Framework that do nothing but fail."""


class KeywordStep(Record):
    """One keyword (or pytest phase) that ran."""

    name: SafeText
    kind: str = "KEYWORD"
    """Robot's own word: KEYWORD, SETUP, TEARDOWN, FOR, IF/ELSE ROOT …; pytest: SETUP, CALL, TEARDOWN."""
    arguments: tuple[SafeText, ...] = ()
    source: SafeText | None = None
    line: int | None = None
    """1-based line of the call in `source`."""
    status: str | None = None
    started_at: datetime | None = None
    elapsed_s: float | None = None
    depth: int = 0
    """0 for an item directly in the test."""


IdentifierKind = Literal["trace", "unique", "number", "address", "name"]
"""``trace``: a trace of the test's own; ``unique``: long enough to be of one thing alone; ``number``: of an order, a
customer …; ``address``: a mail address; ``name``: a word that names something only beside what it names."""
SeenIn = Literal["argument", "value", "message", "output", "failure", "correlation id"]


class Identifier(Record):
    """What the test itself used or saw and what names one thing: an order's number, an account, a request."""

    text: SafeText
    kind: IdentifierKind
    label: SafeText = our_words("")
    """What it names, where the test said so: ``order``."""
    seen_in: SeenIn


class OtherTest(Record):
    """A test of another process that ran while this one did."""

    name: SafeText
    started_at: datetime
    ended_at: datetime | None = None
    """None: it still ran when the evidence was collected, or its process ended without a word."""
    status: Literal["running", "passed", "failed", "ended", "lost"]
    """``ended``: its outcome is not known; ``lost``: its process ended in the middle of it."""
    same_run: bool = True
    """Of this pabot or pytest-xdist run; False: of another run that uses a host of this one."""


class OtherTests(Record):
    """That tests of other processes could write to the same logs in the window."""

    ran_by: SafeText
    """What ran them: ``pabot``, ``pytest-xdist``, ``another run``."""
    tests: tuple[OtherTest, ...] = ()
    """Those that are known, in the order in which they began; empty when none is known by name."""
    more: int = 0
    """Further ones that are left out."""
    unknown: SafeText = our_words("")
    """Why they cannot be known, in a sentence; empty when they are."""


class Screenshot(Record):
    """A picture that the test took."""

    path: SafeText = our_words("")
    """Relative to the output directory, with forward slashes; empty when nothing leads to it."""
    name: SafeText
    """Of its file."""
    keyword: SafeText = our_words("")
    """What took it."""
    taken_at: datetime | None = None
    note: SafeText = our_words("")
    """Why nothing leads to it, in a few words; empty when `path` does."""


FailureScope = Literal["test", "suite setup", "suite teardown", "on demand"]


class Failure(Record):
    """What failed and when; already free of secrets."""

    id: str
    """32 hexadecimal digits, random: a name, not a capability."""
    framework: str = "robot"
    scope: FailureScope = "test"
    name: SafeText
    suite: SafeText = our_words("")
    """Long name of the suite (Robot) or the file (pytest)."""
    source: SafeText | None = None
    line: int | None = None
    tags: tuple[SafeText, ...] = ()
    message: SafeText = our_words("")
    window: Window
    suite_started_at: datetime | None = None
    run_started_at: datetime | None = None
    keyword_path: tuple[KeywordStep, ...] = ()
    """The way to the failing keyword, outermost first."""
    keywords: tuple[KeywordStep, ...] = ()
    """What ran in the test, in order of start, bounded; for the proximity of suspects."""
    identifiers: tuple[Identifier, ...] = ()
    """What proves that a line is the test's; bounded, the surest first."""
    others: OtherTests | None = None
    """The tests that ran at the same time; None when this one ran alone."""
    attempt: int = 1
    screenshots: tuple[Screenshot, ...] = ()
    """Pictures that the test took, in the order of time; bounded, the newest."""
    more_screenshots: int = 0
    """Earlier ones that are left out."""
    redactions: tuple[Redaction, ...] = ()

    @property
    def telling_step(self) -> KeywordStep | None:
        """The failing keyword; the one that called it where it only says the message, as Fail does.

        Arguments may be as they are written (``${message}``), so that Robot's own are known by their names.
        """
        steps = self.keyword_path
        if steps and (steps[-1].name in _THAT_SAY or " ".join(steps[-1].arguments) == self.message):
            return steps[-2] if len(steps) > 1 else None
        return steps[-1] if steps else None

    def with_outcome(self, *, message: SafeText, keyword_path: tuple[KeywordStep, ...], attempt: int) -> Failure:
        """The failure with what is known of its end."""
        return self.model_copy(update={"message": message, "keyword_path": keyword_path, "attempt": attempt})

    def with_screenshots(self, screenshots: tuple[Screenshot, ...], *, more: int = 0) -> Failure:
        """The failure with the pictures that its test took, and how many there were before them."""
        return self.model_copy(update={"screenshots": screenshots, "more_screenshots": more})

    def with_message(self, message: SafeText) -> Failure:
        """The failure with what somebody learned of its reason later."""
        return self.model_copy(update={"message": message})

    def with_traces(self, traces: Collection[Identifier]) -> Failure:
        """The failure with traces of the test's own ahead of what it used; what it saw of them counts no further."""
        texts = {trace.text for trace in traces}
        others = (each for each in self.identifiers if each.text not in texts)
        return self.model_copy(update={"identifiers": (*traces, *others)})


# --- Plan: what to collect from which host ----------------------------------------------------------------------------


class Step(Record):
    """One collector to run on one host: ids plus bounded numbers, nothing that could be a credential."""

    host: str
    component: str
    collector: str
    window: str = "test"
    """``test``, ``suite``, ``run``, ``none`` or seconds before the failure, as decimal digits."""
    timeout_s: float
    max_bytes: int
    """Of the item."""
    bundle_bytes: int = 0
    """Of its full text, which only a bundle keeps; what is less than `max_bytes` asks for no more than the item."""
    cost: int = 1
    """Order within the host: 0 cheap state, 1 logs, 2 heavy."""
    glance_bytes: int = 0
    """So many bytes of the most telling lines of each log, chosen on the host, instead of all; 0: in full."""

    @property
    def id(self) -> str:
        return f"{self.host}/{self.collector}"


GapReason = Literal[
    "refused",
    "unreachable",
    "no answer",
    "unknown host key",
    "host key changed",
    "authentication refused",
    "timed out",
    "command not found",
    "file not found",
    "permission denied",
    "connection lost",
    "not running",
    "stopped",
    "skipped",
    "withheld",
    "cancelled",
    "gateway",
    "failed",
    "could not tell",
]
"""Why evidence could not be had, in the words that the card shows.

``not running`` and ``stopped`` are of a container that `inside` leads into; the latter ran before the window began.
"""


NO_HOST = "-"
"""Stands in a gap that is no host's, such as that of a component without one."""


class Gap(Record):
    """Evidence that could not be had, with the reason."""

    host: str
    """`NO_HOST` for a gap that is no host's."""
    component: str = ""
    collector: str | None = None
    """None: the whole host."""
    reason: GapReason
    detail: SafeText
    """A sentence for the reader: what happened and, where known, what to do."""
    at: datetime | None = None
    elapsed_s: float = 0.0


class Plan(Record):
    """What to collect from which host, with every number that the collection obeys; it may be printed and shown.

    Bytes are bytes of UTF-8.
    """

    failure_id: str
    steps: tuple[Step, ...] = ()
    """By host, then cheapest first."""
    skipped: tuple[Gap, ...] = ()
    deadline_s: float
    """The longest this failure may cost."""
    max_bytes: int
    """Of all items of this failure together."""
    host_time_s: float
    """For all steps of one host."""
    host_bytes: int
    """Of all items of one host together."""
    parallel_hosts: int
    """Hosts that are visited at the same time."""


# --- Evidence: what they answered ------------------------------------------------------------------------------------

WindowMethod = Literal["byte mark", "journal cursor", "time filter", "tail", "none"]


class AppliedWindow(Record):
    """How the window was applied to one item."""

    kind: str
    """As in `Step.window`."""
    method: WindowMethod
    since: datetime | None = None
    """On the test machine's clock."""
    note: SafeText = our_words("")
    """What could not be guaranteed, in a sentence; empty when the window is exact."""
    why: SafeText = our_words("")
    """Why no surer way was to be had, in a sentence; empty for the surest one."""


class OwnTimeFormat(Record):
    """A collector's ``time_format``, as the configuration gives it."""

    format: SafeText = our_words("")
    key: SafeText = our_words("")
    pattern: SafeText = our_words("")


class LineTimes(Record):
    """How a host read the times of a log's lines; without a format, a key and one of its own: they bear none."""

    format: str = ""
    """The name of a row in `time_formats.FORMATS`."""
    key: str = ""
    """Of JSON or logfmt lines, in which the time stands."""
    own: OwnTimeFormat | None = None
    utc_offset_s: int = 0
    """What times without a zone are ahead of UTC, as it was learned from the log."""


class ItemPart(Record):
    """Consecutive lines of an item's text that come from one file and are alike in how sure their window is."""

    path: SafeText = our_words("")
    """The file; empty for a journal."""
    first_line: int
    """0-based index into `Item.lines`."""
    lines: int
    unsure: bool = False
    """They may be older than the window: they stand before what is known to belong to it, and no time tells."""
    method: WindowMethod = "none"
    """How the window of this file was found; ``none``: as that of the item."""
    times: LineTimes | None = None
    """How the host read the times of these lines; None when it did not say."""

    @property
    def numbers(self) -> range:
        """Indices of its lines."""
        return range(self.first_line, self.first_line + self.lines)


class SeenShape(Record):
    """A shape of some of the window's lines that the log held before the window, too."""

    lines: tuple[int, ...]
    """0-based indices of the window's lines of this shape."""
    count: int
    """How often it stood before the window."""
    places: tuple[float, ...] = ()
    """Where it stood, from 0 for the look-back's first line up to 1; at most 49."""
    seconds_before: tuple[float, ...] = ()
    """When it stood there: seconds before the shape's first line in the window, the longest ago first; at most 49."""
    seconds_within: tuple[float, ...] = ()
    """When it stands in the window: seconds after its first line there."""


class LookBack(Record):
    """What a log held before the window, reduced on the host to shapes and times."""

    first_line: int = 0
    """The first of the item's lines that it is about, a 0-based index into `Item.lines`."""
    of_lines: int = 0
    """How many lines it is about."""
    lines: int
    """How many lines were looked at."""
    seconds: float | None = None
    """The time that they span; None when they have no times."""
    shapes: tuple[SeenShape, ...] = ()
    """Of the window's lines; a line of none of them is new."""


ItemKind = Literal["command", "file", "journal", "container", "query"]
ItemStatus = Literal["ok", "empty", "failed"]


class Rows(Record):
    """How to read the rows of a snapshot: expressions in RE2 syntax, as the configuration gives them."""

    keys: tuple[str, ...] = ()
    """The groups of the first that matches identify a row; without one, its first word."""
    counters: tuple[str, ...] = ()
    """Rows that only count or move."""
    alarms: tuple[str, ...] = ()
    """Parts of a row that tell a fault when they change."""
    limits: tuple[str, ...] = ()
    """Rows that stand at their limit."""


class Item(Record):
    """One collector's answer from one host."""

    id: str
    """``host/collector``; unique within the evidence."""
    host: str
    component: str
    collector: str
    description: SafeText = our_words("")
    kind: ItemKind = "command"
    command: SafeText
    """What ran on the host, as a person would type it there."""
    ssh_command: SafeText | None = None
    """The ``ssh …`` line that repeats it; None for the local transport."""
    status: ItemStatus = "ok"
    exit_status: int | None = None
    """Of the command itself, not of its filters; None when it was killed or lost."""
    timed_out: bool = False
    """The time limit struck; `text` holds what came until then."""
    incomplete: SafeText | None = None
    """Why the answer stopped early though some of it is here ("connection lost …"), else None."""
    started_at: datetime | None = None
    duration_s: float = 0.0
    before: SafeText = our_words("")
    """The last lines from before the window, where the collector asks for them as context; else, of a log that is
    silent in the window, those in which it said last that it stopped."""
    look_backs: tuple[LookBack, ...] = ()
    """What its logs held before the window; empty when the host did not look, or it is no log."""
    text: SafeText = our_words("")
    """The answer: sanitised, redacted, newest bytes kept, whole lines."""
    parts: tuple[ItemPart, ...] = ()
    """Whose lines are whose in `text` and which are unsure; empty for a command."""
    stderr: SafeText = our_words("")
    produced_bytes: int | None = None
    """What the source held for the window before filters and caps."""
    received_bytes: int = 0
    """What travelled here."""
    omitted_bytes: int = 0
    """What a cap removed from the answer; 0 when nothing was cut."""
    omitted_lines: int = 0
    glance: bool = False
    """Of a log its host chose the most telling lines, one of each shape; what else there was is counted as omitted."""
    cut_by: str = ""
    """The limit that removed it, by its name in the configuration; empty when nothing was cut, or nobody noted it."""
    window: AppliedWindow | None = None
    """None for a snapshot."""
    baseline: SafeText | None = None
    """A snapshot's output at the window's start, volatile columns masked; None when none was taken."""
    changes: tuple[SafeText, ...] = ()
    """Baseline to now: lines that begin with ``- ``, ``+ `` or ``  ``."""
    rows: Rows = Rows()
    """How the rows of a snapshot are read when it is ranked."""
    empty_means: SafeText = our_words("")
    """What an empty answer tells the reader."""
    redactions: tuple[Redaction, ...] = ()

    def with_changes(self, *, baseline: SafeText | None, changes: tuple[SafeText, ...]) -> Item:
        """The item beside what its snapshot was when the window began."""
        return self.model_copy(update={"baseline": baseline, "changes": changes})

    @property
    def lines(self) -> tuple[SafeText, ...]:
        return derived_texts(str.splitlines, self.text)

    @property
    def unsure_lines(self) -> frozenset[int]:
        """Indices of the lines that may be older than the window."""
        return frozenset(number for part in self.parts if part.unsure for number in part.numbers)

    @property
    def line_times(self) -> tuple[LineTimes | None, ...]:
        """Of each line, how its time is to be read; None: nobody said."""
        by_line = {number: part.times for part in self.parts for number in part.numbers}
        return tuple(by_line.get(number) for number in range(len(self.lines)))

    def lines_found_by(self, methods: Collection[WindowMethod]) -> frozenset[int]:
        """Indices of the lines of which one of these methods proves that they are in the window."""
        whole = self.window.method if self.window else "none"
        if not self.parts:
            return frozenset(range(len(self.lines)) if whole in methods else ())
        return frozenset(
            number
            for part in self.parts
            if not part.unsure and (whole if part.method == "none" else part.method) in methods
            for number in part.numbers
        )

    @property
    def headings(self) -> frozenset[int]:
        """Indices of the lines that name the file whose lines follow; no line of a log can be one."""
        return frozenset(part.first_line - 1 for part in self.parts if part.path and part.first_line > 0) - frozenset(
            number for part in self.parts for number in part.numbers
        )


class HostClock(Record):
    """One host's clock against the test machine's."""

    host: str
    offset_s: float
    """Host minus test machine: positive when the host is ahead; 0 when it is less than the uncertainty."""
    uncertainty_s: float
    """Half of the round trip in which the clock was read."""
    utc_offset_s: int | None = None
    """The host's zone, east positive."""


class Cost(Record):
    """What the collection cost."""

    seconds: float = 0.0
    connections: int = 0
    """Opened for this failure; 0 when all were there already."""
    received_bytes: int = 0


class HostNames(Record):
    """By what others know one host."""

    host: str
    components: tuple[str, ...] = ()
    addresses: tuple[SafeText, ...] = ()
    """As the configuration gives them."""
    collectors: int = 0
    """How many are to be asked there when a test fails."""
    answered_at: datetime | None = None
    """When it last answered in this run before the evidence was collected; None where that is not known."""


class AskedInFull(Record):
    """A host whose logs were read in full, where most were glanced at."""

    host: str
    why: SafeText
    """In a few words: "the failure names it (web17)"."""


class Evidence(Record):
    """All that the hosts answered for one failure."""

    failure_id: str
    items: tuple[Item, ...] = ()
    gaps: tuple[Gap, ...] = ()
    clocks: tuple[HostClock, ...] = ()
    names: tuple[HostNames, ...] = ()
    """Of every host of the configuration, asked or not."""
    in_full: tuple[AskedInFull, ...] = ()
    """Of more hosts than `limits.full_hosts`: those that were asked in full, the best reason first."""
    glanced_at: tuple[str, ...] = ()
    """… and those of which state and a glance at the logs is all that was asked for."""
    cost: Cost = Cost()
    collected_at: datetime

    def item(self, item_id: str) -> Item | None:
        return next((item for item in self.items if item.id == item_id), None)


# --- Analysis: which lines matter, and why ---------------------------------------------------------------------------


class Signal(Record):
    """One reason for suspicion."""

    name: str
    """From the ranking's catalogue: ``out of memory``, ``new``, ``near the failure`` …"""
    words: SafeText
    """For the reader: "first seen 0.4 s before the failure"."""
    strong: bool = False


class Suspect(Record):
    """A line of evidence (or a gap, or a baseline change) ranked as a possible cause."""

    id: str
    """``E1``, ``E2`` … best first; what a hint cites."""
    item_id: str | None
    """None for a gap."""
    host: str
    component: str = ""
    collector: str = ""
    line_number: int | None = None
    """0-based index into `Item.lines`; None for gaps and changes."""
    text: SafeText
    """The line itself, or the sentence that says the gap or change."""
    error: SafeText = our_words("")
    """Where the line logs a stack trace, the trace's line that names the error."""
    lines_before: tuple[SafeText, ...] = ()
    lines_after: tuple[SafeText, ...] = ()
    at: datetime | None = None
    """When, on the test machine's clock."""
    offset_s: float | None = None
    """Seconds relative to the failure; negative before it."""
    count: int = 1
    """How many lines of the same shape were folded into it."""
    score: float = 0.0
    signals: tuple[Signal, ...] = ()

    @property
    def with_error(self) -> SafeText:
        """The line, with what the trace that it logs names as the error."""
        return derived(_with_error, self) if self.error else self.text

    @property
    def is_strong(self) -> bool:
        """Whether one of its signals is enough to name it in a headline."""
        return any(signal.strong for signal in self.signals)


def _with_error(suspect: Suspect) -> str:
    return f"{suspect.text.rstrip(' :')}: {suspect.error.strip()}"


class ChainEvent(Record):
    """What happened at one place, in few words: a suspect, or the failure of the test."""

    suspect_id: str | None
    """None: the failure itself."""
    who: SafeText
    """The host, or ``test``."""
    says: SafeText


class ChainLink(Record):
    """That one event led to another, and why that is believed."""

    cause: ChainEvent
    effect: ChainEvent
    reasons: tuple[SafeText, ...] = Field(min_length=1)
    """The surest first: "same req=00796cf5", "app1 names db1 port 5432", "0.3 s later (clocks ±0.1 s)"."""


class Chain(Record):
    """How the first suspect led to the failure; where nothing links them there is no chain."""

    links: tuple[ChainLink, ...] = Field(min_length=1)
    """From the first suspect to the failure: the effect of each is the cause of the next."""
    consequences: tuple[ChainLink, ...] = ()
    """What else followed from events of the chain."""


class Citation(Record):
    """A suspect that supports a hint, checked by machine."""

    suspect_id: str
    shared_words: tuple[SafeText, ...] = ()


HintCategory = Literal["product", "test", "environment", "unknown"]
Confidence = Literal["low", "medium", "high"]


class Hint(Record):
    """The model's sentence about the cause; every citation was checked."""

    model: str
    seconds: float
    category: HintCategory
    component: str
    """One of the report's own, ``test`` or ``unknown``."""
    cause: SafeText
    in_our_words: bool = False
    """The lines do not bear the model's words: `cause` names in ours the line that it points at."""
    confidence: Confidence
    """The lower of the model's and ours."""
    next_steps: tuple[SafeText, ...] = ()
    """From FailTale's own catalogue, by the signals of the cited lines."""
    citations: tuple[Citation, ...]
    """Empty: the model does not know, and `cause` says so."""
    removed_sentences: int = 0
    notes: tuple[SafeText, ...] = ()
    """What a reader must know of it, in sentences: what was left out and which name or number was not found, what the
    model did not see, why the confidence is no higher."""
    prompt_tokens: int | None = None
    answer_tokens: int | None = None

    @property
    def finds_no_cause(self) -> bool:
        """Whether the model says that these lines show no cause, which is an answer."""
        return not self.citations


class Signature(Record):
    """What makes two failures of a run the same."""

    hash: str
    """16 hexadecimal digits."""
    text: SafeText
    """The normalised text that was hashed, so that a reader sees why two were merged."""
    same_as: SafeText | None = None
    """Name of the first failure of this run with the same signature."""

    def without_text(self, instead: SafeText) -> Signature:
        """The signature with a sentence of ours in place of the text that was hashed."""
        return self.model_copy(update={"text": instead})

    def repeating(self, first: SafeText | None) -> Signature:
        """The signature of a failure that is the same as an earlier one."""
        return self.model_copy(update={"same_as": first})


class Recurrence(Record):
    """How often the failure's cause struck before, over many runs, as the history tells."""

    signature: str
    """16 hexadecimal digits; stricter than `Signature`, and what a note is attached to."""
    times: int = Field(ge=1)
    """This one included."""
    first_at: datetime
    previous_at: datetime | None = None
    """When it struck last before this; None for the first time."""
    note: SafeText = our_words("")
    """What people know of it; empty without a note."""


class Analysis(Record):
    """Which lines matter and why; perhaps a hint."""

    headline: SafeText = our_words("")
    """One sentence of the strongest suspect, or that there is none."""
    cause: SafeText = our_words("")
    """Host and kind of what the headline names: "db1 · disk full"; empty when it names none."""
    suspects: tuple[Suspect, ...] = ()
    chain: Chain | None = None
    """How the first suspect led to the failure; None when nothing links them."""
    not_in_reach: tuple[SafeText, ...] = ()
    """What was not looked at, each in a few words, the most telling first: "db1 (unreachable)"."""
    notes: tuple[SafeText, ...] = ()
    """What a reader must know of how the suspects were found, in sentences: lines that were left out, and why."""
    signature: Signature | None = None
    recurrence: Recurrence | None = None
    """How often its cause struck before; None without a history."""
    hint: Hint | None = None
    no_hint_reason: SafeText | None = None
    """Why there is no hint; None when there is one or when analysis is off."""

    def with_headline(self, headline: SafeText) -> Analysis:
        return self.model_copy(update={"headline": headline})

    def recurring(self, recurrence: Recurrence) -> Analysis:
        return self.model_copy(update={"recurrence": recurrence})

    def with_hint(self, hint: Hint) -> Analysis:
        return self.model_copy(update={"hint": hint, "no_hint_reason": None})

    def without_hint(self, reason: SafeText) -> Analysis:
        return self.model_copy(update={"hint": None, "no_hint_reason": reason})


class Report(Record):
    """One failure, collected and ranked: what faces render, archives keep and assistants read."""

    schema_version: Literal[1] = 1
    failtale_version: str
    created_at: datetime
    failure: Failure
    plan: Plan
    evidence: Evidence
    analysis: Analysis = Analysis()
    bundle: str | None = None
    """Path of the bundle relative to the output directory, with forward slashes; None when none was written."""


# --- Changing records -------------------------------------------------------------------------------------------------

AnyRecord = TypeVar("AnyRecord", bound=Record)


class RecordVisitor:
    """A record -> the same record with parts replaced; parts are visited before the record that holds them.

    A subclass has a method for each kind of record that it changes, named after the class: ``visit_item(self, item)``
    returns the Item that takes its place, ``visit_keyword_step`` the KeywordStep. `text` sees every text that is not a
    mere name. What nobody changes stays the same object, and where nobody can change anything nothing is looked at:
    of a fleet a plan has tens of thousands of steps. Nothing is validated again.
    """

    def visit(self, record: AnyRecord) -> AnyRecord:
        """The record with its parts visited, in the order of its fields, and then itself."""
        visitor: Any = type(self)
        kind: Any = type(record)
        changed = {}
        for name, is_text in _fields_to_visit(visitor, kind):
            old = getattr(record, name)
            new = self._part(old, is_text=is_text)
            if new is not old:
                changed[name] = new
        whole = record.model_copy(update=changed) if changed else record
        change = getattr(self, _method_for(kind), None)
        return change(whole) if change else whole

    def text(self, text: SafeText) -> SafeText:
        """The text that takes the place of this one."""
        return text

    def _part(self, value: Any, *, is_text: bool) -> Any:
        if isinstance(value, str):
            return self.text(SafeText(value)) if is_text else value
        if isinstance(value, Record):
            return self.visit(value)
        if isinstance(value, tuple):
            parts = tuple(self._part(each, is_text=is_text) for each in value)
            return value if all(new is old for new, old in zip(parts, value, strict=True)) else parts
        return value


@cache
def _fields_to_visit(visitor: Any, kind: Any) -> tuple[tuple[str, bool], ...]:
    """The fields of a record in which this visitor may change something, in their order; whether they hold texts."""
    hints = get_type_hints(kind)
    sees_texts = visitor.text is not RecordVisitor.text
    texts = {name for name, hint in hints.items() if SafeText in (hint, *get_args(hint))}
    return tuple(
        (name, name in texts)
        for name in kind.model_fields
        if (sees_texts and name in texts) or any(_may_change(visitor, each) for each in _records_in(hints[name]))
    )


def _may_change(visitor: Any, kind: Any) -> bool:
    return hasattr(visitor, _method_for(kind)) or bool(_fields_to_visit(visitor, kind))


def _records_in(hint: Any) -> Iterator[type[Record]]:
    parts = get_args(hint)
    if not parts and isinstance(hint, type) and issubclass(hint, Record):
        yield hint
    for each in parts:
        yield from _records_in(each)


@cache
def _method_for(kind: Any) -> str:
    """Of ``KeywordStep``: ``visit_keyword_step``."""
    return "visit" + re.sub(r"([A-Z])", r"_\1", kind.__name__).lower()
