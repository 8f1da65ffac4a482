"""What a visit sends: its command line, the text that opens it, and the lines that tell its items."""

from __future__ import annotations

import itertools
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from FailTaleLibrary.lazy import dataclass, regex
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.transports.base import Script, VisitItem, VisitStart
from FailTaleLibrary.transports.visit_times import POLITE_S, beats, has_sudo, polite_tenths, ticks

_BLOCKS, _BLOCKS_FOR_ITEM = 64, 16
"""Of 8 KiB at most: what the items of a batch may print on each stream, before they are run by themselves."""
_RUN = 'case ${s} in {*)eval "${s}";;esac'
"""Runs the text that was read, if it is one of ours: a login may read its shell's input from elsewhere.

In braces, because `sudo -i` escapes all but letters, digits, `_`, `-` and `$` for one more shell: that one would put in
its own `$s`."""
_USUAL_S = 60.0
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
    where which while before begin beside no_more no_more_errors plain quick several
    """.split()  # noqa: SIM905 - a word list
)
"""What some shell takes for its own word, and the functions of `on_host/batch.sh`."""


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
    beside: int | None = None
    """The number of the one that runs beside all others, which are batched."""
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


_AS_ONE = "exec 5>&4\n"
"""In front of a visit's items. What a login joins by a program of its own comes late, and among what follows."""
MakeRequest = Callable[[tuple[str, str], VisitStart], Request]


def command_line(
    hello: tuple[int, int], size: int, *, waits_s: int | None = None, ends: str = "0", start: str = "exec sh"
) -> str:
    """For any login shell; the text of ``size`` bytes that it reads is `opening`.

    ``start``: how `sh` is started. Without `exec` a login shell stays, and a server that knows programs alone can.
    ``waits_s``: how long for that, and for a request behind it, at most; two processes mind it. An engine's client that
    is killed early leaves a shell in the container whose standard input nobody closes (podman 4.3), and so does a
    network that goes away, for as long as the server keeps the connection. ``ends``: what is killed then, the group
    or `$$`, the shell.
    """
    hello_words = f"echo failtale $(({hello[0]}+{hello[1]}))"
    take = f"s=$(head -c {size})||s=$(dd bs=1 count={size})"  # some hosts have no head, or one without -c
    if waits_s is None:
        return f"""{start} -c '{hello_words};{take};{_RUN}'"""
    watch = f"""{{ trap "kill \\$s;exit" TERM;sleep {waits_s}& s=$!;wait $s&&kill -9 {ends}; }} <&- >&- 2>&- &"""
    return f"""{start} -c '{hello_words};{watch} failtale_watch=$!;{take};{_RUN}'"""


def opening(
    hello: tuple[int, int],
    ahead: Request | None = None,
    *,
    parent: str = "",
    lasts_s: float = _USUAL_S,
) -> bytes:
    """The text of a visit up to its items, or with them. In braces, so that a part of it does nothing.

    ``parent``: a word for the process whose end is the visit's, in place of a lifeline. ``lasts_s``: how long the items
    are waited for at most.
    """
    functions, visit = host_script("frames.sh") + host_script("visit.sh"), f"visit {sum(hello)}"
    if ahead is None:
        functions += f"within={beats(lasts_s)}\n"
    if ahead is not None:
        name = "batches" if ahead.lines.startswith("batch ") else "all_items"
        functions += f"{name}() {{\n:\n{ahead.lines}}}\n"
        visit += f" {ahead.words} {name} {parent}".rstrip()
    return f"{{\n{functions}{visit}\n}}\n".encode()


def request(
    nonces: tuple[str, str],
    items: Mapping[int, VisitItem],
    *,
    batched: Collection[int] = (),
    beside: int | None = None,
    lasts_s: float,
    sweeps: Collection[str] = (),
    as_one: bool = False,
) -> Request:
    """The items by number, in the order in which they are to run; the nonces are the visit's own and the items'.

    Neighbours of which all are in ``batched`` share a session. ``as_one``: standard error goes with standard output.
    """
    words = f"{' '.join(nonces)} {secrets.token_hex(8)} {beats(lasts_s)}"
    swept = f"sweep {' '.join(sweeps)}\n" if sweeps else ""
    joined = _AS_ONE if as_one else ""
    lines = "".join(_lines(items, batched, beside))
    return Request(items, batched, words, joined + swept + lines, beside=beside, sweeps=sweeps)


def can_be_batched(item: VisitItem) -> bool:
    """Whether nothing but a bound is asked of a host for it: no filters, no frames of its own, no root to be ended."""
    script = item.script
    return bool(script.newest_bytes) and "failtale_nonce" not in script.producer and not has_sudo(script.producer)


def in_company(items: Mapping[int, VisitItem]) -> Iterator[int]:
    """The numbers of those that can be batched and have such neighbours, with the same limit."""
    for limit, group in itertools.groupby(
        items, key=lambda number: can_be_batched(items[number]) and ticks(items[number].timeout_s)
    ):
        numbers = list(group)
        if limit and len(numbers) > 1:
            yield from numbers


def _lines(items: Mapping[int, VisitItem], batched: Collection[int], beside: int | None) -> Iterator[str]:
    names = _names_of_shared(item.script for item in items.values())
    yield from (f"{name}={_quoted(text)}\n" for text, name in names.items())
    for batch, group in itertools.groupby(
        items, key=lambda number: number in batched and ticks(items[number].timeout_s)
    ):
        numbers = list(group)
        if batch:
            yield _batch_line({number: items[number] for number in numbers}, beside)
        else:
            yield from (_item_line(number, items[number], names) for number in numbers)


def _batch_line(items: Mapping[int, VisitItem], beside: int | None) -> str:
    limit = max(ticks(item.timeout_s) for item in items.values())  # of all: nothing outlives its limit, whoever is gone
    blocks = _BLOCKS + _BLOCKS_FOR_ITEM * len(items)
    line_of = {number: _line_in_batch(number, item) for number, item in items.items()}
    line = line_of.pop(beside) if beside in line_of else ""
    lines = "".join(line_of.values())
    if beside is not None and line:
        lines = f"beside {beside} {items[beside].script.newest_bytes} {_quoted(line)} {_quoted(lines)}"
    else:
        lines += "no_more"
    return f"batch {limit} {blocks} {_quoted(host_script('batch.sh'))} {_quoted(lines)}\n"


def needs_no_shell(item: VisitItem) -> bool:
    """Whether a batch starts its programs itself, and waits for all of them."""
    return not _line_in_batch(0, item).startswith("quick ")


def _line_in_batch(number: int, item: VisitItem) -> str:
    producer = item.script.producer
    limits = f"{number} {ticks(item.timeout_s)} {round(POLITE_S * 10)} {item.script.newest_bytes}"
    plain = _PLAIN.fullmatch(producer)
    programs = dict.fromkeys(filter(None, _FIRST_WORDS.findall(plain[2]))) if plain else {}
    if plain is None or not _SHELLS_OWN.isdisjoint(programs):
        return f"quick {limits} {_quoted(producer)}\n"
    if _ONE_PROGRAM.fullmatch(plain[2]):
        return f"{plain[1]}plain {limits} {' '.join(map(_quoted, plain[2].split()))}\n"
    return f"{plain[1]}several {limits} {_quoted(plain[2])} {' '.join(programs)}\n"


def bounded(newest_bytes: int) -> str:
    """The filters of a command that has none but a bound; empty without one."""
    return f"{{ tell cap {newest_bytes}; pass {newest_bytes}; }}" if newest_bytes else ""


def _item_line(number: int, item: VisitItem, names: Mapping[str, str]) -> str:
    polite = polite_tenths(item.script.producer)
    filters = item.script.filters or bounded(item.script.newest_bytes) or f"newest {item.max_bytes + 1}"
    return f"item {number} {ticks(item.timeout_s)} {polite} {_producer_word(item.script, names)} {_quoted(filters)}\n"


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
