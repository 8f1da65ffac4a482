"""Items of a visit -> the request that a gate takes, and what it says of itself -> what a reader is told.

A gate (`on_host/gate.sh`) holds the texts of its collectors; it is sent ids and numbers. Everything else is as in a
visit to a shell: the hello with a sum, the clock, the nonces, the lifeline, the frames.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence

from FailTaleLibrary.lazy import regex
from FailTaleLibrary.transports.base import VisitItem

GATE_PROTOCOL = 1
REQUEST_BYTES = 2_000_000
"""The longest request that a gate reads: marked files of about ten patterns that mean a thousand each."""
_HEADER_BYTES = 80
_FIRST_WORDS = regex(rb"failtale-gate \d{1,3}: [^\n]*")
_MADE_FROM = regex(rb"\x1efailtale \d+ gate ([0-9a-f]{16})\n")
NO_TEXTS = "the gate of this host runs the collectors of the configuration alone"


def gate_command_line(hello: tuple[int, int]) -> str:
    """What asks a gate to begin; to a shell it is a program that does not exist."""
    return f"failtale-gate {GATE_PROTOCOL} {hello[0]} {hello[1]}"


def place_digest(inside: Sequence[str]) -> str:
    """What runner and gate call a prefix: sixteen hexadecimal digits."""
    return hashlib.sha256("\0".join(inside).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def gate_line_inside(command_line: str, inside: Sequence[str]) -> str:
    """A command line for a gate, with the prefix behind which it is to answer; another one is no line for a gate."""
    return f"{command_line} {place_digest(inside)}" if command_line.startswith("failtale-gate ") else ""


def is_gate(talk: bytes | bytearray) -> bool:
    """Whether what was asked for a shell answers as a gate does: by refusing."""
    return _FIRST_WORDS.search(talk) is not None


def made_from(talk: bytes | bytearray) -> str:
    """The digest that a gate tells of itself; empty when it told none."""
    match = _MADE_FROM.search(talk)
    return match[1].decode() if match else ""


def gate_request(
    nonces: tuple[str, str], items: Mapping[int, VisitItem], *, ticks_of: Mapping[int, int], beats: int
) -> bytes:
    """The items by number, in the order in which they are to run. `can_be_asked` must be true of each."""
    text = "".join(_lines_of_request(items, ticks_of)).encode("ascii")
    header = f"{' '.join(nonces)} {secrets.token_hex(8)} {beats} {len(text)}"
    return header.ljust(_HEADER_BYTES - 1).encode("ascii") + b"\n" + text


def _lines_of_request(items: Mapping[int, VisitItem], ticks_of: Mapping[int, int]) -> Iterator[str]:
    for number, item in items.items():
        if item.script.question is not None:
            question = item.script.question()
            words = (str(number), question.id, question.digest, str(ticks_of[number]), str(item.max_bytes))
            yield f"item {' '.join([*words, *question.words])}\n"
            yield from (f"{line}\n" for line in question.table)
    yield "end\n"


def why_not_run(why: str, collector: str, host: str, *, command: str = "") -> str:
    """The sentence for an item that a gate refused; empty when it did not. ``command`` makes such a gate."""
    made_anew = f"make it anew with '{command or f'failtale gate {host}'}'"
    cause = {
        "unknown": f"it does not know collector '{collector}'",
        "differs": f"collector '{collector}' differs",
        "too-much": f"collector '{collector}' may take more time or bytes there",
        "malformed": f"it takes other numbers for collector '{collector}'",
    }.get(why)
    return f"the gate on '{host}' was made from another configuration: {cause}; {made_anew}" if cause else ""
