"""Items -> their results, in one command on a host, whatever the login and however it ends.

The order of events, each step a round trip at most:

1. A short command line, which any login shell passes on, starts `sh`. It says hello with a sum: a menu that echoes what
   it is sent cannot add.
2. `on_host/visit.sh` goes to its standard input and tells the host's clock. A login that has never said hello gets the
   text only then: to a menu it would be a row of keystrokes.
3. The items follow, with a nonce. From here on standard input is the lifeline: its end ends everything on the host.
   What an earlier visit has learned of the login and of its clock lets all three go at once. Where the clock turns out
   to have been set since, that visit is given up, and its items are made anew.
4. Frames, which bear the nonce, tell on both streams where an item begins and ends.

A visit that breaks off is repeated for the items whose turn had not come. Where one item waits, a second shell (a lane)
takes the others from the end; where the two meet, they are done.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import re
import secrets
import selectors
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Protocol

from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.lazy import dataclass, regex
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.text import decode, shorten
from FailTaleLibrary.transports.base import CommandResult, Items, OnResult, Script, VisitItem, VisitStart
from FailTaleLibrary.transports.gates import NO_TEXTS, gate_command_line, gate_request, is_gate, made_from, why_not_run


@dataclass(frozen=True, slots=True)
class Request:
    """What a shell or a gate is to do."""

    items: Mapping[int, VisitItem]
    batched: Collection[int]
    """The numbers of items that share a session: the client minds their limits."""
    words: str
    """``NONCE ITEMS_NONCE MARK BEATS`` of `visit.sh`."""
    lines: str
    """Its lines ``item ...``."""
    to_gate: bytes = b""
    """All of it as a gate takes it; empty for a shell."""
    sweeps: Collection[str] = ()
    """The marks of earlier visits that somebody has broken off on the host: what they have left is ended first."""

    @property
    def mark(self) -> str:
        """What all that its items start bears in its environment."""
        return self.words.split()[2] if self.words else ""

    @property
    def text(self) -> bytes:
        """For a shell that is ready, or for a gate."""
        if self.to_gate:
            return self.to_gate
        text = f"{{\n{self.lines}}}\n".encode()
        return f"{self.words} {len(text)}\n".encode() + text


MakeRequest = Callable[[tuple[str, str], VisitStart], Request]

STDERR_BYTES = 64 * 1024
"""Kept of an item's stderr, by the host."""
POLITE_S = 0.7
"""Between TERM and KILL."""
POLITE_WITH_SUDO_S = 2.8
"""The same for sudo, which gives its command 2 s before it uses force."""
BEAT_S = 0.5
"""How exactly a host minds time limits."""
TEXT_WITHIN_S = 20
"""How long a shell behind a prefix waits for its text; the client's own patience is shorter."""
SUSPICIOUS_S = 1.5
"""Without a hello for so long, a login may have no shell. A second one, whose input has ended, then tells."""
_PROMPT_S = 2.5
"""By then a login that only prints a prompt has no shell, whether or not it minds the end of its input."""
_SIGNALS_S = 0.2
"""How long a login that started no shell may take to end, by each signal."""
_START_WITHIN_S = 3.0
"""Behind a hello, of a shell that was sent everything ahead. Where it only was slow, it is waited for from then on."""
_CLOCK_WITHIN_S = 2.0
"""For the clock, once its shell has begun: one whose `date` hangs is asked without. `visit.sh` waits as long."""
LANE_AFTER_S = 1.0
"""An item that takes longer lets the others overtake it; on a crowded machine most take half a second."""
_LANE_WITHIN_S = 0.3
"""For a lane to open; meanwhile nobody listens to the others, so that it is better had a moment later."""
LANE_AGAIN_S = 2.0
"""Between two attempts at a lane."""
REVISITS = 2
"""After a visit that broke off."""
_LAST_WORDS_S = 1.2
"""For what a host still has to say once it was hung up on; of a short visit a quarter."""
_FLUSH_S = 2.5
"""For filters that are slow, once the producer is gone; `visit.sh` gives them four beats."""
_SLOW_S = 0.5
"""A shell that took longer to begin is one on a slow host, or far away."""
_SLOW_BEAT_S = 0.1
"""A host whose half seconds take longer by so much is slow."""
_SLOWER, _SLOWER_THAN_BEATS = 3, 20
"""To end an item takes so many times as many programs as to begin, or as a beat."""
_MOST_SLACK_S = 10.0
"""More than this no host is waited for beyond what a healthy one may take."""
_MOST_BROKEN_OFF = 20
"""Visits of which a later one ends what they have left."""
_SWEEP_WITHIN_S = 2.0
"""For a visit that does nothing but that."""
_LOOK_UP_S = 0.2
"""How often the cancel event and the time are looked at. Each look costs more than an answer that has come."""
_CHUNK_BYTES = 32 * 1024
_BLOCKS, _BLOCKS_FOR_ITEM = 64, 16
"""Of 8 KiB at most: what the items of a batch may print on each stream, before they are run by themselves."""
_TALK_BYTES = 64 * 1024
_MUCH_MORE, _STRAY_BYTES, _FRAME_BYTES = 4, 1024 * 1024, 30
"""A host bounds what it sends. More than so many times an item's bound and a megabyte, or a megabyte outside of all
items (where a frame counts for 30 bytes), comes of one that does not do what it was asked for."""
_WORDS_SHOWN = 300
_WAITS_FOR_INPUT = (
    "whose words come before its input ends: a filter holds its output back, or something has to be typed; "
    "FailTale types nothing"
)
_ENDS_EARLY = "that stays until it has read what to do (is its standard input taken away, or are its limits too low?)"
_DOES_NOTHING = "that does what it is sent (does a filter stand in between?)"
_TALKS = "within the megabyte that it prints first"
_PROMPTS = "but a prompt, which goes on beyond the end of its input; FailTale types nothing"
_OTHER_WORDS = "whose output comes as it is printed: a terminal (as of 'script') or a filter stands in between"
"""What the shell of a login lacks; see `ShellHost.no_shell`."""
_NO_STDERR = "its standard error is missing: the login passes none on"
_RUN = 'case ${s} in {*)eval "${s}";;esac'
"""Runs the text that was read, if it is one of ours: a login may read its shell's input from elsewhere.

In braces, because `sudo -i` escapes all but letters, digits, `_`, `-` and `$` for one more shell: that one would put in
its own `$s`."""
_ON_STDOUT = (b"part", b"rest")
"""The frames of an item's own scripts that do not go to stderr."""
_Selector = getattr(selectors, "PollSelector", selectors.DefaultSelector)
_PROGRAM = r"[A-Za-z/][A-Za-z0-9_./+-]*(?: +(?:[A-Za-z0-9_./:,@%+=-]|'[^'\n]*')+)*(?: +(?:2?>/dev/null|2>&1))*"
_PLAIN = regex(rf"((?:export(?: [A-Z_]+=[0-9.]*)+; )?)({_PROGRAM}(?: *(?:\|\|?|&&|;) *{_PROGRAM})*)\n?")
"""Numbers for the environment, and programs with their arguments: it means the same without a shell of its own."""
_FIRST_WORDS = regex(r"(?:^|[|&;] *)([A-Za-z/][^ |&;']*)|'[^']*'")
"""Of what `_PLAIN` has found: the programs, beside what could be taken for one."""
_ONE_PROGRAM = regex(r"[^|&;'>]+")
_SHELLS_OWN = frozenset(
    """
    . alias autoload bg bind break builtin caller case cd chdir command compgen complete compopt continue coproc declare
    dirs disown do done echo elif else enable esac eval exec exit export false fc fg fi float for foreach function
    functions getopts global hash help history if in integer jobs kill let local logout mapfile nocorrect noglob popd
    print printf pushd pwd read readarray readonly rehash rename repeat return select set setopt shift shopt source stop
    suspend test then time times trap true type typeset ulimit umask unalias unfunction unset unsetopt until wait whence
    where which while begin no_more plain quick several
    """.split()  # noqa: SIM905 - a word list
)
"""What some shell takes for its own word, and the functions of `on_host/batch.sh`."""
_SUDO = regex(r"\bsudo\b")
_CONTROLS = regex(rb"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[=>78])|[\r\0\x07\b]")
"""What a terminal would not show."""
_PROMPT = regex(
    rb"(?:[\w)\]~:/][>#$]|>>>|"
    rb"(?:password|passcode|passphrase|code|login|user(?:name)?|choice|option|select(?:ion)?|enter|number)"
    rb"[^\n]{0,20}[:?>]|"
    rb"[\[(]y(?:es)?/n(?:o)?[\])][:?]?|press [^\n]{1,40}|--more--[^\n]{0,20}) ?\Z",
    re.IGNORECASE,
)
"""The end of what waits for something to be typed. A `%` would also be that of a program which tells how far it is."""
_LACKS_EXEC = regex(
    rb"\bexec\b[^\n]*(?:not found|no such file|ENOENT)|(?:not found|no such file)[^\n]*\bexec\b", re.IGNORECASE
)
"""Of a server that starts programs by itself, without a shell that would know `exec`."""
_OWN_LINES = re.compile(rb"\x1efailtale \d+ (?:stderr|ready)[^\n]*\n?")
"""Of the scripts, among the words of a login."""


class Shell(Protocol):
    """A shell that was started on a host, and its three streams. No method waits."""

    @property
    def ended(self) -> bool:
        """Whether both streams have ended and were read."""
        ...

    @property
    def was_cut(self) -> bool:
        """Whether the way to it broke: its end then says nothing of the login."""
        ...

    def filenos(self) -> Sequence[int]:
        """What becomes readable when there is something to `read`."""
        ...

    def read(self) -> tuple[bytes, bytes]:
        """What has come on stdout and stderr."""
        ...

    def write(self, data: bytes) -> int:
        """Send a beginning of ``data``; how many bytes it was."""
        ...

    def hang_up(self) -> None:
        """End its standard input: the host then ends everything."""
        ...

    def why_ended(self) -> str:
        """What is known of a shell that ended before its visit."""
        ...

    def ended_well(self) -> bool:
        """Whether it has ended by itself, with status 0; waits a moment for that."""
        ...

    def send_signal(self, name: str) -> None:
        """TERM or KILL for what was started; some servers pass none on."""
        ...

    def leave(self) -> None:
        """`close`, once the host has ended it by itself, or a moment later."""
        ...

    def close(self) -> None: ...


class KnownLogin:
    """What visits have learned of a host's login, for those to come. Safe to use from any thread."""

    def __init__(self, *, has_shell: bool = False, has_gate: bool = False, is_program: bool = False) -> None:
        self.is_program = is_program
        """No person's login, which might be a menu, but a program that starts `sh`: it may take its time for that, and
        whatever it was yesterday, it may have none today."""
        self.has_shell = has_shell
        """Whether it has said hello before."""
        self.has_gate = has_gate
        """Whether it is asked for collectors by id: the configuration says so, or it has answered as a gate."""
        self.gate_digest = ""
        """What its gate was made from; empty until it has told."""
        self.hello_behind_end_s: float | None = None
        """How long its hello took, where it came only behind the end of its input: it may have waited for that. None
        where it says hello by itself, as far as is known."""
        self.ignores_end = False
        """Whether it has gone on without a shell beyond the end of its input: then that tells nothing of it."""
        self.reads_ahead = False
        """Whether it took for itself what was sent ahead of its shell's hello: ``read -t 1`` in a start-up file."""
        self.lacks_exec = False
        """Whether it starts programs without a shell that would know `exec`."""
        self.mixes_streams = False
        """Whether its standard error comes on standard output: commands then share no session, else one would get what
        another one printed."""
        self.slow = ""
        """By what its last visit has shown that the host is slow; empty where it has not."""
        self.slack_s = 0.0
        """For how much longer than for a healthy host its ends are waited for."""
        self._seen: tuple[VisitStart, float] | None = None
        self._broken_off: tuple[str, ...] = ()

    @property
    def broken_off(self) -> tuple[str, ...]:
        """The marks of visits that something on the host, or between, has broken off, for the next one."""
        return self._broken_off

    def was_broken_off(self, mark: str) -> None:
        self._broken_off = (*self._broken_off, mark)[-_MOST_BROKEN_OFF:]

    def was_swept(self, marks: Collection[str]) -> None:
        self._broken_off = tuple(mark for mark in self._broken_off if mark not in marks)

    def began_within(self, seconds: float) -> None:
        """So long a shell took from its command line to its first word."""
        is_slow = seconds > _SLOW_S
        self.slow = f"its shell took {seconds:.1f} s to begin" if is_slow else ""
        self.slack_s = min(_MOST_SLACK_S, _SLOWER * seconds) if is_slow else 0.0

    def beat_late(self, seconds: float, *, slack_s: float) -> None:
        """By so much its half seconds are too long; ``slack_s``: what the item that showed it needs."""
        self.slow = f"half a second took it {BEAT_S + seconds:.1f} s"
        self.slack_s = max(self.slack_s, min(_MOST_SLACK_S, slack_s))

    def ended_behind_limit(self, seconds: float) -> None:
        """So much later than a healthy host's came the end of an item whose time was up."""
        self.slack_s = min(_MOST_SLACK_S, max(self.slack_s, seconds))

    def expected_start(self) -> VisitStart | None:
        """What its next visit will send first; None where items have to wait for that."""
        if not self.has_shell or self._seen is None:
            return None
        start, at = self._seen
        return start.later(time.monotonic() - at)

    def saw(self, start: VisitStart) -> None:
        """A visit began, in a shell that could have had its items at once."""
        expected = self.expected_start()
        if expected is not None and expected.agrees_with(start) and _width_s(expected) < _width_s(start):
            start = expected  # the better reading of the same clock
        self._seen = (start, time.monotonic())

    def forget_start(self) -> None:
        """Items have to wait again."""
        self._seen = None

    @property
    def wants_all_at_once(self) -> bool:
        """Whether it may be sent everything ahead of its hello: a menu would take that for keystrokes."""
        return self.has_shell and self.hello_behind_end_s is None and not self.reads_ahead


def _width_s(start: VisitStart) -> float:
    least, most = start.offset_s or (0.0, math.inf)
    return most - least


class ShellHost(Protocol):
    """Where shells can be started."""

    known: KnownLogin
    """What its visits have learned of it."""
    hello_s: float
    """How long a login may take to say hello for the first time."""
    name: str
    """As the configuration has it."""

    def start(self, command_line: str, *, wait_s: float) -> Shell:
        """Raises TransportError."""
        ...

    def start_another(self, command_line: str, *, wait_s: float) -> Shell | None:
        """A second one at the same time; None where the host takes no more."""
        ...

    def no_shell(self, words: str, *, lacks: str = "") -> TransportError:
        """The error for a login that starts no shell and says ``words``; ``lacks``: what a shell it starts does not do.

        That goes on behind "starts no shell ".
        """
        ...


@dataclass(frozen=True, slots=True)
class VisitOutcome:
    """How a visit went, beside its results."""

    in_order: bool
    """All shells ended as they should; else nobody knows what state the connection is in."""


def hold_visit(
    host: ShellHost, items: Items, *, ends_at: float, cancel: threading.Event, on_result: OnResult
) -> VisitOutcome:
    """Ask a host; see `Transport.visit`."""
    visit = _Visit(host, items, ends_at=ends_at, cancel=cancel, on_result=on_result)
    try:
        return visit.hold()
    finally:
        if visit.is_to_be_swept:
            _sweep(host, ends_at=min(ends_at, time.monotonic() + _SWEEP_WITHIN_S), cancel=cancel)


def _sweep(host: ShellHost, *, ends_at: float, cancel: threading.Event) -> None:
    """End what a visit has left whose processes somebody has killed on the host: no later visit may come."""
    nothing = VisitItem("sweep", Script("true"), _SWEEP_WITHIN_S, 1)
    with contextlib.suppress(TransportError):  # told by whoever asks it next
        _Visit(host, [nothing], ends_at=ends_at, cancel=cancel, on_result=lambda *_: None).hold()


def visit_for_one(
    visit: Callable[..., None],
    script: Script,
    *,
    timeout_s: float,
    max_bytes: int,
    cancel: threading.Event,
    known: KnownLogin | None = None,
) -> CommandResult:
    """The result of one script, by a visit of its own; see `Transport.run`.

    ``known``: a host that was slow before gets more time to end the script, as much again as its limit at most.
    """
    results: list[CommandResult] = []
    slack_s = min(known.slack_s, timeout_s) if known else 0.0
    ends_at = time.monotonic() + timeout_s + 2 * BEAT_S + _polite_s(script) + _LAST_WORDS_S + slack_s
    item = VisitItem("", script, timeout_s, max_bytes)
    visit([item], ends_at=ends_at, cancel=cancel, on_result=lambda _, result: results.append(result))
    return results[0]


# --- What is sent


def command_line(hello: tuple[int, int], size: int, *, waits_s: int | None = None, start: str = "exec sh") -> str:
    """For any login shell; the text of ``size`` bytes that it reads is `opening`.

    ``start``: how `sh` is started. Without `exec` a login shell stays, and a server that knows programs alone can.
    ``waits_s``: how long for that, and for a request behind it, at most. An engine's client that is killed early leaves
    a shell in the container whose standard input nobody closes (podman 4.3).
    """
    hello_words = f"echo failtale $(({hello[0]}+{hello[1]}))"
    if waits_s is None:
        return f"""{start} -c '{hello_words};s=$(head -c {size});{_RUN}'"""
    watch = f"""{{ trap "kill \\$s;exit" TERM;sleep {waits_s}& s=$!;wait $s&&kill -9 0; }} <&- >&- 2>&- &"""
    return f"""{start} -c '{hello_words};{watch} watch=$!;s=$(head -c {size});{_RUN}'"""


def opening(hello: tuple[int, int], ahead: Request | None = None, *, parent: str = "") -> bytes:
    """The text of a visit up to its items, or with them. In braces, so that a part of it does nothing.

    ``parent``: a word for the process whose end is the visit's, in place of a lifeline.
    """
    functions, visit = host_script("frames.sh") + host_script("visit.sh"), f"visit {sum(hello)}"
    if ahead is not None:
        functions += f"all_items() {{\n:\n{ahead.lines}}}\n"
        visit += f" {ahead.words} all_items {parent}".rstrip()
    return f"{{\n{functions}{visit}\n}}\n".encode()


def request(
    nonces: tuple[str, str],
    items: Mapping[int, VisitItem],
    *,
    batched: Collection[int] = (),
    lasts_s: float,
    sweeps: Collection[str] = (),
) -> Request:
    """The items by number, in the order in which they are to run; the nonces are the visit's own and the items'.

    Neighbours of which all are in ``batched`` share a session.
    """
    words = f"{' '.join(nonces)} {secrets.token_hex(8)} {beats(lasts_s)}"
    swept = f"sweep {' '.join(sweeps)}\n" if sweeps else ""
    return Request(items, batched, words, swept + "".join(_lines(items, batched)), sweeps=sweeps)


def can_be_batched(item: VisitItem) -> bool:
    """Whether nothing but a bound is asked of a host for it: no filters, no frames of its own, no root to be ended."""
    script = item.script
    return bool(script.newest_bytes) and "failtale_nonce" not in script.producer and not _has_sudo(script.producer)


def _lines(items: Mapping[int, VisitItem], batched: Collection[int]) -> Iterator[str]:
    names = _names_of_shared(item.script for item in items.values())
    yield from (f"{name}={_quoted(text)}\n" for text, name in names.items())
    for batch, group in itertools.groupby(items, key=lambda number: number in batched and _ticks(items[number])):
        numbers = list(group)
        if batch:
            yield _batch_line({number: items[number] for number in numbers})
        else:
            yield from (_item_line(number, items[number], names) for number in numbers)


def _batch_line(items: Mapping[int, VisitItem]) -> str:
    ticks = max(_ticks(item) for item in items.values())  # of all: nothing outlives its limit, whoever is gone
    blocks = _BLOCKS + _BLOCKS_FOR_ITEM * len(items)
    lines = "".join(_line_in_batch(number, item) for number, item in items.items())
    return f"batch {ticks} {blocks} {_quoted(host_script('batch.sh'))} {_quoted(lines + 'no_more')}\n"


def _line_in_batch(number: int, item: VisitItem) -> str:
    producer = item.script.producer
    limits = f"{number} {_ticks(item)} {round(POLITE_S * 10)} {item.script.newest_bytes}"
    plain = _PLAIN.fullmatch(producer)
    programs = dict.fromkeys(filter(None, _FIRST_WORDS.findall(plain[2]))) if plain else {}
    if plain is None or not _SHELLS_OWN.isdisjoint(programs):
        return f"quick {limits} {_quoted(producer)}\n"
    if _ONE_PROGRAM.fullmatch(plain[2]):
        return f"{plain[1]}plain {limits} {' '.join(map(_quoted, plain[2].split()))}\n"
    return f"{plain[1]}several {limits} {_quoted(plain[2])} {' '.join(programs)}\n"


def _ticks(item: VisitItem) -> int:
    return ticks(item.timeout_s)


def ticks(timeout_s: float) -> int:
    """After how many beats a host ends an item with this limit."""
    return math.ceil(timeout_s / BEAT_S) + 1  # the first beat comes early


def beats(lasts_s: float) -> int:
    """After how many beats a host ends a visit that may last so long."""
    return max(2, math.ceil(lasts_s / BEAT_S))


def polite_tenths(producer: str) -> int:
    """How long a command may take to end by itself, once it is asked to."""
    return round((POLITE_WITH_SUDO_S if _has_sudo(producer) else POLITE_S) * 10)


def bounded(newest_bytes: int) -> str:
    """The filters of a command that has none but a bound; empty without one."""
    return f"{{ tell cap {newest_bytes}; pass {newest_bytes}; }}" if newest_bytes else ""


def _item_line(number: int, item: VisitItem, names: Mapping[str, str]) -> str:
    polite = polite_tenths(item.script.producer)
    filters = item.script.filters or bounded(item.script.newest_bytes) or f"newest {item.max_bytes + 1}"
    return f"item {number} {_ticks(item)} {polite} {_producer_word(item.script, names)} {_quoted(filters)}\n"


def _quoted(text: str) -> str:
    """One word of a shell; a text of 50 kB is not searched for what needs it."""
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _names_of_shared(scripts: Iterable[Script]) -> dict[str, str]:
    """Text -> the shell variable that holds it, of each that several scripts have."""
    counts = Counter(text for script in scripts for text in script.shared)
    return {text: f"shared{number}" for number, text in enumerate(counts) if counts[text] > 1}


def _producer_word(script: Script, names: Mapping[str, str]) -> str:
    """One word of a shell: the producer, in which variables stand for what it shares."""
    words, rest = [], script.producer
    for text in script.shared:
        before, found, behind = rest.partition(text)
        if found and text in names:
            words += [_quoted(before), f'"${names[text]}"']
            rest = behind
    return "".join([*words, _quoted(rest)])


def _polite_s(script: Script) -> float:
    return POLITE_WITH_SUDO_S if _has_sudo(script.producer) else POLITE_S


def _has_sudo(text: str) -> bool:
    return "sudo" in text and bool(_SUDO.search(text))  # the first half is a hundred times as fast


# --- What comes back


class NewestBytes:
    """The newest bytes of a stream, and how many there were in all."""

    def __init__(self, max_bytes: int) -> None:
        self.received = 0
        self._max_bytes = max_bytes
        self._data = bytearray()

    def add(self, chunk: bytes) -> None:
        self.received += len(chunk)
        self._data += chunk
        if len(self._data) > 2 * self._max_bytes + 65536:  # not at each chunk: moving bytes costs time
            self._cut()

    @property
    def data(self) -> bytes:
        self._cut()
        return bytes(self._data)

    def _cut(self) -> None:
        del self._data[: max(0, len(self._data) - self._max_bytes)]


@dataclass(frozen=True, slots=True)
class Frame:
    """What the host sent beside the items' output, up to a line's end."""

    kind: str
    """``b`` an item begins, ``t`` half seconds since, ``s`` its status, ``e`` it has ended, ``z`` the visit has."""
    words: tuple[str, ...]


class FrameSplitter:
    """Cuts a stream at its frames, wherever a chunk of it ends."""

    _LONGEST = 200

    def __init__(self, nonce: str) -> None:
        self._mark = f"\x1e{nonce} ".encode()
        self._data = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes | Frame]:
        """What a chunk completes: bytes that are no frame's, and frames."""
        self._data += chunk
        while (at := self._data.find(self._mark)) >= 0:
            end = self._data.find(b"\n", at + len(self._mark), at + self._LONGEST)
            if end < 0 and len(self._data) < at + self._LONGEST:
                yield from self._take(at)
                return
            if end < 0:  # whoever knows the nonce has begun a frame that does not end: so it is none
                yield from self._take(at + len(self._mark))
                continue
            yield from self._take(at)
            kind, *words = self._data[len(self._mark) : end - at].decode("ascii", "replace").split(" ")
            del self._data[: end - at + 1]
            yield Frame(kind, tuple(words))
        yield from self._take(len(self._data) - self._begun_mark())

    def rest(self) -> bytes:
        """What is left at the end of the stream."""
        return next(self._take(len(self._data)), b"")

    def _take(self, number: int) -> Iterator[bytes]:
        if number:
            taken = bytes(self._data[:number])
            del self._data[:number]
            yield taken

    def _begun_mark(self) -> int:
        """How many bytes at the end may be the beginning of a frame."""
        last = self._data.rfind(b"\x1e", -len(self._mark))
        return len(self._data) - last if last >= 0 and self._mark.startswith(self._data[last:]) else 0


class ItemAnswer:
    """What has come for one item."""

    def __init__(self, item: VisitItem, clock: Callable[[], float] = time.monotonic) -> None:
        self.item = item
        self._clock = clock
        self._stopped: float | None = None
        self.began = clock()
        self.stdout = NewestBytes(item.max_bytes)
        self.stderr = NewestBytes(STDERR_BYTES)
        self.status: int | None = None
        self.why = ""
        """``ended``, ``late`` or ``cancelled``; empty until its producer has ended."""
        self.ends = 0
        """On how many streams it has ended."""
        self.beat_late_s = 0.0
        """By how much the host's half seconds are too long, where that shows a slow host."""

    @property
    def elapsed_s(self) -> float:
        return (self._clock() if self._stopped is None else self._stopped) - self.began

    def stop(self) -> None:
        """It is complete: from now on it takes no longer."""
        self._stopped = self._clock()

    @property
    def is_late(self) -> bool:
        """Whether its time is up."""
        return self.elapsed_s > self.item.timeout_s + BEAT_S

    @property
    def behind_end_s(self) -> float:
        """How much later it is than a healthy host's end of an item whose time is up."""
        return self.elapsed_s - self.item.timeout_s - 2 * BEAT_S - _polite_s(self.item.script)

    def has_beaten(self, number: int) -> None:
        """The host has counted so many half seconds of it."""
        late_s = self.elapsed_s / max(1, number) - BEAT_S
        self.beat_late_s = late_s if late_s > _SLOW_BEAT_S else 0.0

    @property
    def slack_s(self) -> float:
        """What a host that counts so slowly needs beyond a healthy one."""
        return min(self.item.timeout_s + _MOST_SLACK_S, (_ticks(self.item) + _SLOWER_THAN_BEATS) * self.beat_late_s)

    def is_overdue(self, slack_s: float) -> bool:
        """Whether the host should have ended it, or given up, long ago; ``slack_s``: what it has shown to need."""
        return self.behind_end_s > _polite_s(self.item.script) + _FLUSH_S + max(self.slack_s, slack_s)

    @property
    def is_too_much(self) -> bool:
        """Whether far more has come than was asked for."""
        sizes = ((self.stdout.received, self.item.max_bytes), (self.stderr.received, STDERR_BYTES))
        return any(received > _MUCH_MORE * most + _STRAY_BYTES for received, most in sizes)

    def ended(self, words: tuple[str, ...]) -> None:
        """The producer's status and why it ended, told by a frame."""
        if len(words) == 2 and words[0].isdigit() and len(words[0]) < 5:
            status = int(words[0])
            self.status = status if status < 256 else 128 + status % 128  # ksh93 adds 256 to a signal, yash 384
            self.why = words[1]

    def result(
        self, nonce: str, *, timed_out: bool = False, incomplete: str | None = None, is_mixed: bool = False
    ) -> CommandResult:
        """What came; an end of which nobody told the status is none that could be believed.

        ``is_mixed``: what is for stderr came on stdout.
        """
        if not (self.why or timed_out or incomplete):
            incomplete = f"the host did not say how the command ended, after {self.elapsed_s:.1f} s"
        stdout, told = self.stdout.data, b""
        if is_mixed:
            stdout, told = _unmixed(stdout, nonce)
        return CommandResult(
            exit_status=self.status,
            stdout=stdout,
            stderr=told + self.stderr.data,
            received_bytes=self.stdout.received + self.stderr.received,
            omitted_bytes=self.stdout.received - len(stdout) - len(told),
            duration_s=self.elapsed_s,
            timed_out=timed_out or self.why == "late",
            incomplete=incomplete,
            nonce=nonce,
        )


def _unmixed(data: bytes, nonce: str) -> tuple[bytes, bytes]:
    """An item's streams, which came as one -> what it printed, and what its scripts told beside."""
    printed, told, way = bytearray(), bytearray(), ""
    for number, piece in enumerate(re.split(rb"(\x1e%s [^\n]*\n)" % nonce.encode(), data)):
        word = piece.split(b" ")[1].split(b"\n")[0] if number % 2 else b""
        if word in _ON_STDOUT or not (word or way):
            printed += piece
            continue
        told += piece
        way = "carried" if word == b"carry" else "" if word == b"carried" else way
    return bytes(printed), bytes(told)


class AnswerReader:
    """The two streams of a visit -> the answers of its items, cut at the frames."""

    def __init__(self, nonce: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.items: Mapping[int, VisitItem] | None = None
        """By their numbers; None until they were sent: frames mean nothing before."""
        self.answers: dict[int, ItemAnswer] = {}
        """Of the items whose turn has come."""
        self.stray_bytes = 0
        """What came outside of all items."""
        self.framed: set[str] = set()
        """The streams on which a frame has come."""
        self._clock = clock
        self._closed_streams = 0
        self._current: dict[str, int | None] = {"out": None, "err": None}
        self._splitters = {"out": FrameSplitter(nonce), "err": FrameSplitter(nonce)}

    @property
    def running(self) -> int | None:
        """The number of the item that runs."""
        return self._current["out"]

    @property
    def is_finished(self) -> bool:
        """Whether the host has said that nothing more comes."""
        return self._closed_streams >= 2

    def feed(self, stream: str, chunk: bytes) -> Iterator[int]:
        """Take in a chunk of ``out`` or ``err``; the numbers of the items that are complete with it."""
        for piece in self._splitters[stream].feed(chunk):
            if isinstance(piece, bytes):
                self._add(stream, piece)
            elif (completed := self._obey(stream, piece)) is not None:
                yield completed

    @property
    def lacks_stderr(self) -> bool:
        """Whether the end of the visit was told on stdout, and stderr never came."""
        return self._closed_streams == 1 and self.framed == {"out"}

    def take_the_rest(self) -> None:
        """Of both streams, now that nothing more comes: the beginning of a frame was none."""
        for stream, splitter in self._splitters.items():
            self._add(stream, splitter.rest())

    def _add(self, stream: str, data: bytes) -> None:
        number = self._current[stream]
        if number is not None:
            answer = self.answers[number]
            (answer.stdout if stream == "out" else answer.stderr).add(data)
        else:
            self.stray_bytes += len(data)

    def _obey(self, stream: str, frame: Frame) -> int | None:
        """Do what a frame says; the number of the item that is complete with it."""
        self.stray_bytes += _FRAME_BYTES
        self.framed.add(stream)
        if frame.kind == "z":
            self._closed_streams += 1
            return None
        if frame.kind == "t":
            if self.running is not None and frame.words and re.fullmatch(r"\d{1,6}", frame.words[0]):
                self.answers[self.running].has_beaten(int(frame.words[0]))
            return None
        number = int(frame.words[0]) if frame.words and re.fullmatch(r"\d{1,6}", frame.words[0]) else -1
        if self.items is None or number not in self.items:
            return None
        answer = self.answers.get(number)
        if answer is None:
            answer = self.answers[number] = ItemAnswer(self.items[number], self._clock)
        if frame.kind == "b":
            self._current[stream] = number
        elif frame.kind == "s":
            answer.ended(frame.words[1:])
        elif frame.kind == "e":
            self._current[stream] = None
            answer.ends += 1
            return number if answer.ends == 2 else None
        return None


# --- One shell, from its hello to the end of its items


class _Lane:
    """One shell of a visit: what it was sent, what it said, and how far it is."""

    def __init__(self, make_request: MakeRequest, login: KnownLogin, *, expected: VisitStart | None = None) -> None:
        """``make_request`` is called with the nonces when the shell is ready, or now with what is ``expected``."""
        self._hello = (secrets.randbelow(900_000) + 100_000, secrets.randbelow(900_000) + 100_000)
        self._nonce = secrets.token_hex(8)
        self.items_nonce = secrets.token_hex(8)
        """In the frames of the items' own scripts."""
        self._login = login
        self.known = known = login.wants_all_at_once
        """Whether it will say hello."""
        self.to_gate = login.has_gate
        """Whether the other end holds all texts itself."""
        self._make_request = make_request
        self._expected = expected
        self._ahead = make_request((self._nonce, self.items_nonce), expected) if expected else None
        self.request = self._ahead
        """What it has been sent."""
        if self.to_gate:
            self._opening = self._ahead.to_gate if self._ahead else b""
        else:
            self._opening = opening(self._hello, self._ahead)
        self._to_send = self._opening if known else b""
        self._sent_at = datetime.now(timezone.utc)
        self.reader = AnswerReader(self._nonce)
        self.batched: Collection[int] = ()
        """Numbers of items that share a session."""
        self.shell: Shell
        waits_s = TEXT_WITHIN_S if login.is_program else None
        start = "sh" if login.lacks_exec else "exec sh"
        shell_line = command_line(self._hello, len(self._opening), waits_s=waits_s, start=start)
        self.command_line = gate_command_line(self._hello) if self.to_gate else shell_line
        self.began = time.monotonic()
        self.opened_at = math.inf
        """When its command line had been sent."""
        self.is_misled = False
        """Whether it was sent items for another clock than the host's."""
        self.talk = bytearray()
        """What the login said by itself."""
        self._printed = bytearray()
        """What came on stdout ahead of the start and is not understood yet."""
        self._ahead_of_hello = b""
        """What stood on the hello's line before it."""
        self.changed = ""
        """In which words a filter in the login shows; empty where output comes as it was printed."""
        self.is_mixed = False
        """Whether stderr comes on stdout."""
        self._early_stderr = b""
        """What was read of stderr before the start was read on stdout: the frames of the first items may be in it."""
        self.said_hello = False
        self.hello_at = math.inf
        self._began_at = math.inf
        """When its shell said its first word behind the hello."""
        self.is_hung_up = False
        self.is_doubted = False
        """Whether it was hung up on because it said no hello."""
        self.patience_s = math.inf if login.hello_behind_end_s is None else 2 * login.hello_behind_end_s
        """For the hello of a login that may wait for input: such a one is not hung up on again."""

    @property
    def answers(self) -> dict[int, ItemAnswer]:
        """Of the items whose turn has come."""
        return self.reader.answers

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to come."""
        return self.reader.is_finished or self.shell.ended

    @property
    def is_ready(self) -> bool:
        """Whether it has told the host's clock and knows its items."""
        return self.reader.items is not None

    @property
    def is_finished(self) -> bool:
        """Whether the host has said so."""
        return self.reader.is_finished

    @property
    def is_flooded(self) -> bool:
        """Whether the host sends far more than it was asked for."""
        return self.reader.stray_bytes > _STRAY_BYTES or any(answer.is_too_much for answer in self.answers.values())

    @property
    def running(self) -> int | None:
        """The number of the item that runs."""
        return self.reader.running

    @property
    def is_at_rest(self) -> bool:
        """Whether no item runs in it, and nobody has hung up."""
        return self.reader.running is None and not self.is_hung_up

    @property
    def said_hello_in_other_words(self) -> bool:
        """Whether its sum has come, but not as the shell printed it."""
        return not self.said_hello and f"failtale {sum(self._hello)}".encode() in self.talk

    @property
    def ended_early(self) -> bool:
        """Whether its shell ended by itself, between its hello and its work."""
        return self.said_hello and not (self.is_ready or self.is_hung_up or self.shell.was_cut or self.is_misled)

    @property
    def was_broken_off(self) -> bool:
        """Whether its shell has gone, for a reason that is not ours, with work in hand."""
        return self.request is not None and self.shell.ended and not (self.is_finished or self.is_hung_up)

    @property
    def lacks_what_was_sent(self) -> bool:
        """Whether its shell waits for what its login took: all was sent ahead, and it has said nothing but hello."""
        if not self.known or self.to_gate or not self.said_hello or self.is_ready or self.is_misled or self.is_hung_up:
            return False
        is_late = time.monotonic() - self.hello_at > _START_WITHIN_S
        return is_late and not (self.has_more_to_send or self.shell.ended or self._began_at < math.inf)

    @property
    def has_more_to_send(self) -> bool:
        return bool(self._to_send)

    def send(self) -> None:
        while self._to_send:
            taken = self.shell.write(self._to_send[:_CHUNK_BYTES])
            if not taken:
                return
            self._to_send = self._to_send[taken:]

    def hang_up(self) -> None:
        if not self.is_hung_up:
            self.is_hung_up = True
            self._to_send = b""
            self.shell.hang_up()

    def take(self) -> list[tuple[int, ItemAnswer]]:
        """Take in what has come; the answers that it completed."""
        stdout, stderr = self.shell.read()
        done: list[tuple[int, ItemAnswer]] = []
        if stdout and self.reader.items is None:
            stdout = self._take_talk(stdout)
        if stderr and self.reader.items is None:
            self._listen(stderr)
            self._early_stderr = (self._early_stderr + stderr)[-_TALK_BYTES:]
            stderr = b""
        elif self._early_stderr and self.reader.items is not None:
            stderr, self._early_stderr = self._early_stderr + stderr, b""
        for stream, chunk in (("out", stdout), ("err", stderr)):
            done += [(number, self.answers[number]) for number in self.reader.feed(stream, chunk)]
        return done

    def _take_talk(self, chunk: bytes) -> bytes:
        """Look for the hello and for the start of the visit; what came behind it is the items' own."""
        self._listen(chunk)
        self._printed += chunk
        del self._printed[:-_TALK_BYTES]
        if not self.said_hello:
            self._look_for_the_hello()
        return self._look_for_the_start() if self.said_hello else b""

    def _listen(self, chunk: bytes) -> None:
        self.reader.stray_bytes += len(chunk)
        self.talk += chunk
        del self.talk[:-_TALK_BYTES]
        if math.isinf(self._began_at) and self._first_word in self.talk:
            self._began_at = time.monotonic()
            if not (self.is_doubted or self._login.hello_behind_end_s is not None):  # else it waited for its input
                self._login.began_within(self._began_at - self.opened_at)

    def _look_for_the_hello(self) -> None:
        before, hello, self._printed = self._printed.partition(f"failtale {sum(self._hello)}\n".encode())
        if not hello:
            self._printed = before
            return
        self._ahead_of_hello = bytes(before.rpartition(b"\n")[2])
        self.talk = self.talk.replace(hello, b"", 1)
        self.said_hello, self.hello_at = True, time.monotonic()
        if self.is_doubted or not self.is_hung_up:
            self._login.hello_behind_end_s = time.monotonic() - self.began if self.is_doubted else None
        if not self.known and not self.to_gate and not self.is_hung_up:
            self._to_send = self._opening
            self._sent_at = datetime.now(timezone.utc)

    def _look_for_the_start(self) -> bytes:
        before, _, told = self._printed.partition(self._start_mark)
        line, newline, behind = told.partition(b"\n")
        if not newline or self.is_hung_up:
            return b""
        self._start(before, line)
        return bytes(behind) if self.is_ready else b""

    def _start(self, before: bytearray, line: bytearray) -> None:
        """The host says that it is ready, and its clock, if it can tell it."""
        manner, _, reading = decode(bytes(line[:200])).partition(" ")
        clock, _, zone = reading.partition(" ")
        self._login.gate_digest = made_from(before) or self._login.gate_digest
        self.talk = self.talk.partition(self._start_mark)[0]
        self._look_for_filters(before)
        start = VisitStart(clock, zone, self._sent_at, datetime.now(timezone.utc))
        if not clock and self._expected is not None:
            start = self._expected  # nobody tells otherwise
        self.is_misled = self._expected is not None and not start.agrees_with(self._expected)
        if self._ahead is not None and self._ahead.batched and self.is_mixed:
            self.is_misled = True  # its items share a session
        if manner == "direct":
            self._login.saw(start)
        if self.is_misled:
            return
        self.request = request = self._ahead or self._make_request((self._nonce, self.items_nonce), start)
        self.reader.items, self.batched = request.items, request.batched
        self._to_send += b"" if self._ahead else request.text

    @property
    def _first_word(self) -> bytes:
        return b"\x1efailtale %d stderr\n" % sum(self._hello)

    @property
    def _start_mark(self) -> bytes:
        return b"\x1efailtale %d ready " % sum(self._hello)

    @property
    def lacks_clock(self) -> bool:
        """Whether the host is ready but for its clock, which is a program's to tell, and that takes too long."""
        if self.is_ready or self.is_misled or self.is_hung_up or self._ahead is not None:
            return False
        return time.monotonic() - self._began_at > _CLOCK_WITHIN_S

    def start_without_clock(self) -> None:
        """What the host still says of it is no item's."""
        before, _, _ = self._printed.partition(self._start_mark)
        self._start(before, bytearray())
        self._printed.clear()

    def _look_for_filters(self, before: bytearray) -> None:
        """What the login does with output, from what came between hello and start."""
        self._login.mixes_streams = self.is_mixed = self._first_word in before
        if (
            self._ahead_of_hello.strip() and before.rpartition(b"\n")[2].strip()
        ):  # start-up files may leave one line open
            words = shorten(decode(self._ahead_of_hello + b"failtale %d" % sum(self._hello)), _WORDS_SHOWN)
            self.changed = (
                f"a filter in the login changes what is printed: 'failtale {sum(self._hello)}' became '{words}'"
            )

    @property
    def started_in_other_words(self) -> bool:
        """Whether its start has come, but not as the shell printed it."""
        return not self.is_ready and self._start_mark[1:] in self._printed and self._start_mark not in self._printed


# --- The visit: one lane, or two


class _Visit:
    def __init__(
        self, host: ShellHost, items: Items, *, ends_at: float, cancel: threading.Event, on_result: OnResult
    ) -> None:
        self._host = host
        self._given = items
        self._items = self._known_items()
        self._was_ready = False
        """Whether a shell ever told the host's clock."""
        self._ends_at = ends_at
        self._cancel = cancel
        self._on_result = on_result
        self._active: list[_Lane] = []
        self._told: set[int] = set()
        self._partial: dict[int, CommandResult] = {}
        """Of items that broke off in one lane while another might still bring them."""
        self._began = time.monotonic()
        self._ending = ""
        """``cancelled`` or ``late``, once it has to end."""
        self._over_at = ends_at
        self._attempts = 0
        self._next_lane_at = self._began
        self._lost = ""
        """How the last lane broke off."""
        self._early_end: TransportError | None = None
        """The host's error, where the last shell ended by itself ahead of its work."""
        self._in_order = True
        self._may_batch = True
        """Not once a batch broke off: then each item is run by itself."""
        self._probe: _Lane | None = None
        """A second start of a login that says nothing; its input has ended."""
        self._broke_off_alive = False
        """Whether a shell of it has gone while the way to the host was there."""

    def _known_items(self) -> dict[int, VisitItem] | None:
        """By their numbers; None where they are made for a clock."""
        return None if callable(self._given) else dict(enumerate(self._given))

    def hold(self) -> VisitOutcome:
        try:
            self._open(self._host.start)
            while self._active and not self._is_answered() and time.monotonic() < self._over_at:
                self._step()
            self._tell_what_is_missing()
        finally:
            self._leave()
        return VisitOutcome(self._in_order)

    def _leave(self) -> None:
        """A host that is hung up on ends in a hurry, by more processes than one whose visit is over."""
        if len(self._active) == 1 and self._is_answered() and self._active[0].is_at_rest:
            self._active[0].shell.leave()
            return
        lanes = [*self._active, *([self._probe] if self._probe else [])]
        self._end_logins([lane for lane in lanes if not lane.said_hello and not lane.shell.was_cut])
        for lane in lanes:
            lane.shell.close()

    def _end_logins(self, lanes: Sequence[_Lane]) -> None:
        """Whatever they started in place of a shell, it has nothing to do any more.

        Of a login that has got its text already, the shell may have begun: it ignores TERM and ends in good order.
        """
        for lane in lanes:
            lane.hang_up()
        for name in ("TERM", "KILL"):
            lanes = [lane for lane in lanes if not lane.shell.ended and not (lane.known and name == "KILL")]
            until = time.monotonic() + _SIGNALS_S
            for lane in lanes:
                lane.shell.send_signal(name)
            while (alive := [lane for lane in lanes if not lane.shell.ended]) and time.monotonic() < until:
                _wait_for(alive, until - time.monotonic())
                for lane in alive:
                    lane.take()

    @property
    def is_to_be_swept(self) -> bool:
        """Whether the host may still run what nobody there will end, and can be asked to."""
        return self._broke_off_alive and bool(self._host.known.broken_off) and not self._cancel.is_set()

    def _is_answered(self) -> bool:
        return self._items is not None and len(self._told) == len(self._items)

    def _step(self) -> None:
        probe = self._probe
        _wait_for([*self._active, *([probe] if probe is not None and not probe.shell.ended else [])])
        self._end_in_time()
        if probe is not None:
            probe.take()
        for lane in list(self._active):
            for number, answer in lane.take():
                if answer.why == "late":
                    self._host.known.ended_behind_limit(answer.behind_end_s)
                self._tell(number, self._result(lane, answer))
            lane.send()  # with what it was asked for just now
            self._look_after(lane)
        if self._is_waiting():
            self._next_lane_at = time.monotonic() + LANE_AGAIN_S
            self._open(self._host.start_another, within_s=_LANE_WITHIN_S)

    # Lanes

    def _open(self, start: Callable[..., Shell | None], *, within_s: float = math.inf) -> None:
        login = self._host.known
        expected = None if self._active or self._attempts else login.expected_start()
        lane = _Lane(self._request_to_gate if login.has_gate else self._request, login, expected=expected)
        shell = start(lane.command_line, wait_s=min(within_s, max(0.1, self._ends_at - time.monotonic())))
        if shell is not None:
            lane.shell, lane.opened_at = shell, time.monotonic()
            lane.send()
            self._active.append(lane)

    def _left(self, start: VisitStart) -> dict[int, VisitItem]:
        """What a shell is to do: all that nobody has begun, a lane from the end."""
        if self._items is None:
            self._items = dict(enumerate(self._given(start) if callable(self._given) else self._given))
        left = [number for number in self._items if number not in self._begun]
        if len(self._active) > 1:
            left.reverse()
        return {number: self._items[number] for number in left}

    def _request_to_gate(self, nonces: tuple[str, str], start: VisitStart) -> Request:
        items = self._left(start)
        for number in [number for number, item in items.items() if item.script.question is None]:
            del items[number]
            self._tell(number, CommandResult.not_started(NO_TEXTS))
        lasts = beats(self._ends_at - time.monotonic() + BEAT_S)
        ticks_of = {number: _ticks(item) for number, item in items.items()}
        asked = gate_request(nonces, items, ticks_of=ticks_of, beats=lasts)
        return Request(items, frozenset(), words="", lines="", to_gate=asked)

    def _request(self, nonces: tuple[str, str], start: VisitStart) -> Request:
        items = self._left(start)
        may_batch = self._may_batch and len(self._active) < 2 and not self._host.known.mixes_streams
        batched = frozenset(_in_company(items) if may_batch else ())
        self._may_batch = False
        lasts_s = self._ends_at - time.monotonic() + BEAT_S
        return request(nonces, items, batched=batched, lasts_s=lasts_s, sweeps=self._host.known.broken_off)

    def _is_waiting(self) -> bool:
        """Whether one item makes others wait for whom nobody has asked."""
        if time.monotonic() < self._next_lane_at or self._ending or len(self._active) != 1 or self._items is None:
            return False
        (lane,) = self._active
        number = lane.running
        others = len(self._items) - len(self._begun)
        return number is not None and others > 0 and lane.answers[number].elapsed_s > LANE_AFTER_S

    @property
    def _begun(self) -> set[int]:
        """What no further lane is asked for: it was told, or is under way, or a lane broke off with it."""
        return self._told.union(self._partial, *(lane.answers for lane in self._active))

    @property
    def _last_words_s(self) -> float:
        """At the end of its time; a slow host is hung up on earlier, else what its filters hold is lost."""
        return min(_LAST_WORDS_S + self._host.known.slack_s, (self._ends_at - self._began) / 4)

    def _end_in_time(self) -> None:
        if not self._ending and self._cancel.is_set():
            self._ending, self._over_at = "cancelled", min(self._ends_at, time.monotonic() + _LAST_WORDS_S)
        elif not self._ending and time.monotonic() > self._ends_at - self._last_words_s:
            self._ending = "late"
        if self._ending:
            for lane in self._active:
                lane.hang_up()

    def _look_after(self, lane: _Lane) -> None:
        self._was_ready = self._was_ready or lane.is_ready
        if lane.answers and lane.request is not None and lane.request.sweeps:
            self._host.known.was_swept(lane.request.sweeps)
        if lane.shell.ended and not lane.said_hello and not lane.to_gate and is_gate(lane.talk):
            self._knock_at_gate(lane)
            return
        if lane.shell.ended and self._is_told_to_lack_exec(lane) and not self._ending:
            self._host.known.lacks_exec = True
            self._begin_anew(lane)
            return
        is_program = self._host.known.is_program
        if lane.said_hello:
            self._host.known.has_shell, self._host.known.ignores_end = True, False
            self._end_probe()
            if is_program and lane.shell.ended and not lane.is_ready and lane.talk and not self._ending:
                raise self._host.no_shell(_login_words(lane.talk))
        elif (is_program or not lane.known) and not self._ending and not lane.shell.was_cut:
            self._doubt(lane)
        if lane.lacks_clock:
            lane.start_without_clock()
        if lane.said_hello and not (lane.is_ready or lane.is_misled or lane.known or lane.is_hung_up or is_program):
            self._doubt_start(lane)
        if lane.lacks_what_was_sent and not (is_program or self._ending):
            self._begin_without_sending_ahead(lane)
            return
        running = lane.answers.get(lane.running) if lane.running is not None else None
        if running is not None and running.beat_late_s:
            self._host.known.beat_late(running.beat_late_s, slack_s=running.slack_s)
        if lane.is_misled:
            self._begin_anew(lane)
        elif lane.is_over:
            self._retire(lane)
        elif lane.is_flooded:
            if not (lane.said_hello or lane.to_gate):
                raise self._host.no_shell(_login_words(lane.talk), lacks=_TALKS)
            self._in_order, self._attempts = False, REVISITS
            self._retire(lane, lost="connection lost: the host sent far more than it was asked for,")
        elif running is not None and running.is_overdue(self._host.known.slack_s):
            self._in_order = False
            self._retire(lane, lost=self._silence)
        elif running is not None and lane.running in lane.batched and running.is_late and not lane.is_hung_up:
            self._end_batch(lane, running)
        elif self._is_overtaken(lane):
            lane.shell.close()
            self._active.remove(lane)

    def _knock_at_gate(self, lane: _Lane) -> None:
        """What was taken for a shell is a gate: begin anew as it wants to be spoken to."""
        lane.shell.close()
        self._active.remove(lane)
        self._items = self._known_items()
        self._host.known.has_gate = True
        self._open(self._host.start)

    def _is_told_to_lack_exec(self, lane: _Lane) -> bool:
        login = self._host.known
        if lane.said_hello or lane.to_gate or login.is_program or login.lacks_exec:
            return False
        return _LACKS_EXEC.search(lane.talk) is not None

    def _begin_anew(self, lane: _Lane) -> None:
        """As if nothing had been sent: somebody has set the host's clock since, or its login wants other words."""
        lane.shell.close()
        self._active.remove(lane)
        self._items = self._known_items()
        self._may_batch = True
        self._attempts += 1
        self._open(self._host.start)

    def _begin_without_sending_ahead(self, lane: _Lane) -> None:
        self._host.known.reads_ahead = True
        if not self._was_ready and len(self._active) == 1:
            self._begin_anew(lane)
            return
        lane.shell.close()
        self._active.remove(lane)
        if not self._active:
            self._attempts += 1
            self._open(self._host.start)

    def _doubt(self, lane: _Lane) -> None:
        """Of a login that has not said hello yet. Raises the host's error for one that never will."""
        elapsed_s = time.monotonic() - lane.began
        if lane.said_hello_in_other_words and (lane.shell.ended or elapsed_s > SUSPICIOUS_S):
            raise self._host.no_shell(_login_words(lane.talk), lacks=_OTHER_WORDS)
        if lane.shell.ended:
            raise self._host.no_shell(_login_words(lane.talk))
        if elapsed_s > _PROMPT_S and _is_prompt(lane.talk) and (lane.is_doubted or self._asks_again(lane)):
            raise self._host.no_shell(_login_words(lane.talk), lacks=_PROMPTS)
        if elapsed_s > self._host.hello_s:
            self._host.known.ignores_end = True
            raise self._host.no_shell(_login_words(lane.talk), lacks=f"within {self._host.hello_s:g} s")
        if self._probe is not None:
            self._learn_from(self._probe, lane)
        elif elapsed_s > lane.patience_s:
            raise self._host.no_shell(_login_words(lane.talk), lacks=_WAITS_FOR_INPUT)
        elif elapsed_s > SUSPICIOUS_S and self._can_tell_by_an_end(lane):
            self._suspect(lane)

    def _doubt_start(self, lane: _Lane) -> None:
        """Of a login whose shell has said hello and not begun. Raises the host's error for one that never will."""
        within_s = 2 * self._host.hello_s
        if lane.started_in_other_words:
            raise self._host.no_shell(_login_words(lane.talk), lacks=_OTHER_WORDS)
        if time.monotonic() - lane.hello_at > within_s and not lane.has_more_to_send and not lane.shell.was_cut:
            raise self._host.no_shell(_login_words(lane.talk), lacks=f"{_DOES_NOTHING} within {within_s:g} s")

    def _can_tell_by_an_end(self, lane: _Lane) -> bool:
        """Whether an end of input would show what the login is; if so, it is tried once."""
        login = self._host.known
        return not (login.is_program or login.ignores_end or lane.is_doubted) and math.isinf(lane.patience_s)

    def _suspect(self, lane: _Lane) -> None:
        """Of a login that says nothing: start it again beside, with an end of input.

        A menu or a prompt ends then, and a slow shell goes on: it pays for its start once.
        """
        probe = _Lane(self._request, self._host.known)
        shell = self._host.start_another(probe.command_line, wait_s=max(0.1, self._ends_at - time.monotonic()))
        if shell is None:  # one session at a time: hang up on that one, and visit again if it says hello then
            lane.is_doubted = True
            lane.hang_up()
            return
        probe.shell = shell
        probe.hang_up()
        self._probe = probe

    def _learn_from(self, probe: _Lane, lane: _Lane) -> None:
        """Raises the host's error once the second start shows that the first one has no shell, or waits for input."""
        elapsed_s = time.monotonic() - lane.began
        if probe.said_hello:
            if math.isinf(lane.patience_s):
                lane.patience_s = elapsed_s + SUSPICIOUS_S + elapsed_s / 2
            if elapsed_s > lane.patience_s:
                raise self._host.no_shell(_login_words(lane.talk or probe.talk), lacks=_WAITS_FOR_INPUT)
        elif probe.shell.ended and not probe.shell.was_cut:
            lacks = _OTHER_WORDS if probe.said_hello_in_other_words else ""
            raise self._host.no_shell(_login_words(lane.talk or probe.talk), lacks=lacks)

    def _asks_again(self, lane: _Lane) -> bool:
        """Whether its second start prints the same and goes on, too, though its input has ended."""
        probe = self._probe
        return probe is not None and not (probe.said_hello or probe.shell.ended) and _is_prompt(probe.talk)

    def _end_probe(self) -> None:
        probe, self._probe = self._probe, None
        if probe is not None:
            probe.shell.close()

    def _is_overtaken(self, lane: _Lane) -> bool:
        """Whether it begins what another one has begun: then that one has all the others as well."""
        number = lane.running
        if any(answer.ends == 1 for answer in lane.answers.values()):
            return False  # the other stream's end is under way
        return number is not None and any(
            other is not lane and number in other.answers and other.answers[number].began <= lane.answers[number].began
            for other in self._active
        )

    def _end_batch(self, lane: _Lane, late: ItemAnswer) -> None:
        """For an item whose time is up; the others are asked for again once the host has ended the batch."""
        late.why = "late"
        if lane.running is not None:
            self._tell(lane.running, self._result(lane, late))
        lane.hang_up()

    def _retire(self, lane: _Lane, *, lost: str = "") -> None:
        """A lane has ended: keep what it brought, and ask again for what it did not begin."""
        lane.reader.take_the_rest()
        self._active.remove(lane)
        if lane.was_broken_off and lane.request is not None and lane.request.mark:
            self._host.known.was_broken_off(lane.request.mark)
            self._broke_off_alive = self._broke_off_alive or not lane.shell.was_cut
        self._lost = lost or ("" if lane.is_finished else lane.shell.why_ended())
        early = lane.ended_early and not lost
        is_rule = early and not self._was_ready and lane.shell.ended_well()  # it will be as short-lived again
        self._early_end = self._host.no_shell(_login_words(lane.talk), lacks=_ENDS_EARLY) if early else None
        for number, answer in lane.answers.items():
            if number in self._told:
                continue
            if lane.reader.lacks_stderr and answer.ends:
                self._partial[number] = answer.result(lane.items_nonce, incomplete=_NO_STDERR)
            elif number not in lane.batched or not lane.is_finished:
                self._partial[number] = self._result(lane, answer, broke_off=True)
            elif self._ending:  # else it or another one reached the bounds of the batch, and is asked for again
                answer.why = "cancelled"
                self._partial[number] = self._result(lane, answer)
        if lane.is_finished and not lost:
            lane.shell.leave()  # asyncssh (2.24) ends the whole connection where a client closes a channel ahead of it
        else:
            lane.shell.close()
        if self._active or self._ending:
            return
        self._tell_partial()
        if is_rule and self._early_end is not None:
            raise self._early_end
        if not self._is_answered() and self._attempts < REVISITS:
            self._attempts += 1
            self._ask_again(lane)

    def _ask_again(self, lane: _Lane) -> None:
        self._host.known.forget_start()
        if not lane.said_hello:
            self._host.known.has_shell = False
        try:
            self._open(self._host.start)
        except TransportError as error:
            if not self._told:
                raise
            self._lost = f"connection lost: {str(error).rstrip('.')},"

    # Results

    def _result(self, lane: _Lane, answer: ItemAnswer, *, broke_off: bool = False) -> CommandResult:
        after = f"after {answer.elapsed_s:.1f} s"
        if lane.to_gate and (refusal := why_not_run(answer.why, answer.item.script.collector, self._host.name)):
            return CommandResult.not_started(refusal)
        if self._ending == "cancelled" and (broke_off or answer.why == "cancelled"):
            return answer.result(lane.items_nonce, incomplete=f"cancelled {after}")
        if not broke_off:
            late = answer.why == "cancelled"
            changed = lane.changed or None
            return answer.result(lane.items_nonce, timed_out=late, incomplete=changed, is_mixed=lane.is_mixed)
        held = "a process that FailTale cannot end held its output"
        if slow := self._slow:  # then nobody knows whether it can be ended
            held = f"the host was {slow} and gave up ending the command"
        late = self._ending == "late" or answer.elapsed_s >= answer.item.timeout_s
        incomplete = f"{self._lost or held} {after}"
        return answer.result(lane.items_nonce, timed_out=late, incomplete=incomplete, is_mixed=lane.is_mixed)

    @property
    def _slow(self) -> str:
        """Of a host that was seen to be slow: a word for it, with the reason; else empty."""
        slow = self._host.known.slow
        return f"slow ({slow})" if slow else ""

    @property
    def _silence(self) -> str:
        return f"connection lost: the host was {' and '.join(filter(None, [self._slow, 'silent']))} at the time limit,"

    def _tell(self, number: int, result: CommandResult) -> None:
        if number not in self._told and self._items is not None:
            self._told.add(number)
            self._on_result(self._items[number].id, result)

    def _tell_partial(self) -> None:
        for number, result in self._partial.items():
            self._tell(number, result)

    def _tell_what_is_missing(self) -> None:
        """At the end, whatever it was."""
        if self._is_answered():
            return
        self._in_order = self._in_order and not self._active
        if self._active and not self._lost:
            self._lost = self._silence
        for lane in self._active:
            for number, answer in lane.answers.items():
                self._partial.setdefault(number, self._result(lane, answer, broke_off=True))
        self._tell_partial()
        cancelled = self._ending == "cancelled"
        out_of_time = not (cancelled or self._lost) and (self._ending == "late" or time.monotonic() >= self._over_at)
        early = "not started: no time was left" if out_of_time else "not started: the host ended the visit"
        why = "cancelled" if cancelled else self._lost or early
        why = f"{why} after {time.monotonic() - self._began:.1f} s"
        if self._early_end is not None and not self._was_ready and not cancelled:
            raise self._early_end
        if self._items is None or (callable(self._given) and not self._was_ready):
            raise TransportError("cancelled" if cancelled else "no answer", f"not run: {why}")
        for number in self._items:
            self._tell(number, CommandResult.not_started(why, timed_out=out_of_time))


def _in_company(items: Mapping[int, VisitItem]) -> Iterator[int]:
    """The numbers of those that can be batched and have such neighbours, with the same limit."""
    for ticks, group in itertools.groupby(
        items, key=lambda number: can_be_batched(items[number]) and _ticks(items[number])
    ):
        numbers = list(group)
        if ticks and len(numbers) > 1:
            yield from numbers


def _wait_for(lanes: Sequence[_Lane], most_s: float = _LOOK_UP_S) -> None:
    """Until something has come, or a moment.

    By `poll`, which is one call of the system; `epoll` is five, and after each a thread waits for its turn where others
    compute.
    """
    with _Selector() as selector:
        for lane in lanes:
            for fileno in lane.shell.filenos():
                selector.register(fileno, selectors.EVENT_READ)
        selector.select(0.01 if any(each.has_more_to_send for each in lanes) else max(0.0, min(most_s, _LOOK_UP_S)))


def _is_prompt(talk: bytearray) -> bool:
    """Whether somebody should type something now."""
    return _PROMPT.search(_CONTROLS.sub(b"", bytes(talk[-300:]))) is not None


def _login_words(talk: bytearray) -> str:
    """What a login said, in one line for a reader."""
    return shorten(" ".join(decode(_OWN_LINES.sub(b"", bytes(talk))).split()), _WORDS_SHOWN)
