"""Evidence -> which other hosts a line speaks of: by name, address, port or program.

A loopback address says nothing of the host, so that of an address without a name the port decides.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from FailTaleLibrary.files import packaged_yaml
from FailTaleLibrary.lazy import dataclass, field, regex
from FailTaleLibrary.ranking.lines import LINE_CHARS
from FailTaleLibrary.records import Evidence, Item

_LEAST_NAME = 3
"""A shorter name is a word of many lines."""
_COMMON = frozenset({"app", "api", "web", "test", "server", "client", "host", "node", "local", "localhost", "main"})
"""Names that are words of any log."""
_FIRST_WORD = regex(r"[a-z]+")
"""Of a collector's name: ``redis`` of ``redis-log``."""
_COMMAND_PORT = regex(r"(?:\bport[= ]|(?<!\S)-p ?|--port[= ]|://[^\s/:]*:)(\d{2,5})\b")
_ADDRESS_ROW = regex(r"\b(\d{1,3}(?:\.\d{1,3}){3})/\d{1,2}\b|\b([0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7})/\d{1,3}\b")
_LISTENER = regex(r"(?::|\.)(\d{2,5})\s*$", re.MULTILINE)
_LOOPBACK = regex(r"127\.|::1$|0\.0\.0\.0$|fe80:")
_ENDPOINT = regex(
    r"(?P<name>\[[0-9a-f:]+\]|\d{1,3}(?:\.\d{1,3}){3}|[A-Za-z][\w.-]{1,80}):(?P<port>\d{2,5})\b"
    r"|\bport[ =:\"']{1,3}(?P<only>\d{2,5})\b"
)
_NUMBERS = regex(r"[\d.]+|[0-9a-f]*:[0-9a-f:]+")
_PORT_TOLD = regex(r"[: ](\d{2,5})$")
_HOST_OF_URL = regex(r"(?:://|\bhost[= \"':]{1,3})(?:[^\s/@]*@)?([A-Za-z][\w-]{1,62})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Program:
    """A row of `programs.yaml`."""

    name: str
    collectors: tuple[str, ...]
    ports: frozenset[int]
    words: tuple[str, ...]
    hits: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()

    def is_meant(self, line: str) -> bool:
        """Whether a client's line speaks of it."""
        return any(pattern.search(line) for pattern in _compiled_words(self.words))


@cache
def _compiled_words(patterns: tuple[str, ...]) -> tuple[Any, ...]:
    import re2  # not needed by a run without a failure

    options = re2.Options()
    options.case_sensitive = False
    return tuple(re2.compile(pattern, options) for pattern in patterns)


@cache
def programs() -> tuple[Program, ...]:
    """The rows of `programs.yaml`."""
    rows = packaged_yaml(__package__, "programs.yaml")
    return tuple(
        Program(
            row["name"],
            tuple(row["collectors"]),
            frozenset(row["ports"]),
            tuple(row["words"]),
            tuple(row["hits"]),
            tuple(row["misses"]),
        )
        for row in rows
    )


def program_of(collector: str) -> Program | None:
    """The program that a collector looks at, by its name."""
    begins_with = _FIRST_WORD.match(collector.partition(".")[0].casefold())
    if begins_with is None:
        return None
    return next((each for each in programs() if begins_with[0] in each.collectors), None)


_WORD_OF_PATH = regex(r"[a-z][a-z0-9]{2,}")
_PATHS = """
    app bash bin cat current daemon dash error etc exec home java lib log logs local main node opt perl php pid python
    python3 root ruby run script server service srv start state sys tail tmp usr var www
"""
_COMMON_IN_PATHS = frozenset(_PATHS.split())
"""Words of any path, of any command and of interpreters."""


@dataclass(slots=True)
class _Known:
    """What one host is called by."""

    names: set[str] = field(default_factory=set)
    components: set[str] = field(default_factory=set)
    """Names of its components: words of any log, so that they count where an address is expected alone."""
    ports: set[int] = field(default_factory=set)
    """Where the programs listen of which it has collectors."""
    listens: set[int] = field(default_factory=set)
    """Where anything listens on its machine."""
    programs: list[Program] = field(default_factory=list)
    ports_of: dict[str, set[int]] = field(default_factory=dict)
    """By program: the ports that commands of its collectors name."""
    read: set[str] = field(default_factory=set)
    """Words of the logs that are read of it, and of the names of their collectors."""


class Names:
    """Knows by what others speak of each host; `named_in` asks."""

    def __init__(self, evidence: Evidence) -> None:
        self._hosts: dict[str, _Known] = {}
        for names in evidence.names:
            known = self._hosts.setdefault(names.host, _Known())
            known.names.update(_usable_names((names.host, *names.addresses)))
            known.components.update(each.casefold() for each in names.components)
        for item in evidence.items:
            known = self._hosts.setdefault(item.host, _Known())
            known.names.update(_usable_names((item.host,)))
            known.components.add(item.component.casefold())
            _learn_from(item, known)
        self._by_name = _of_one_host((name, host) for host, known in self._hosts.items() for name in known.names)
        self._by_component = _of_one_host(
            (name, host) for host, known in self._hosts.items() for name in known.components
        )
        self._by_port = _of_one_host((port, host) for host, known in self._hosts.items() for port in known.ports)
        self._by_listener = _of_one_host((port, host) for host, known in self._hosts.items() for port in known.listens)
        self._name = _any_of(self._by_name)

    def named_in(self, text: str, *, by: str) -> Mapping[str, str]:
        """Host -> the words by which a text of another host, ``by``, speaks of it: ``db1:5432``, ``postgresql``."""
        text = text[: 4 * LINE_CHARS]
        found: dict[str, str] = {}
        for host, words in self._mentions(text):
            if host != by:
                found.setdefault(host, words)
        for host, known in self._hosts.items():
            if host == by or host in found:
                continue
            program = next((each for each in known.programs if each.is_meant(text)), None)
            if program and not any(program in each.programs for name, each in self._hosts.items() if name != host):
                found[host] = program.name
        return found

    def calls(self, text: str, item: Item, *, by: str) -> bool:
        """Whether a text of a host, ``by``, speaks of the very service whose log an item is."""
        text = text[: 4 * LINE_CHARS]
        program, known = program_of(item.collector), self._hosts[item.host]
        told = {words for host, words in self._mentions(text) if host == item.host}
        if program is None:
            return bool(told) and by != item.host and not known.programs
        ports = {int(match[1]) for match in map(_PORT_TOLD.search, told) if match}
        own_ports = known.ports_of[program.name] or program.ports
        if ports:
            return not ports.isdisjoint(own_ports)
        if not program.is_meant(text) or self._calls_another(text, item.host, own_ports):
            return False
        others = (each for host, each in self._hosts.items() if host != item.host)
        return bool(told) or not any(program in each.programs for each in others)

    def is_watched(self, process: str, host: str) -> bool:
        """Whether a process of a host is of what is tested: a known program, of its component, or its log is read.

        Where no log of the host is read, nothing tells.
        """
        process, known = process[:LINE_CHARS].casefold(), self._hosts.get(host, _Known())
        if not known.read or any(each.is_meant(process) for each in programs()):
            return True
        words = set(_WORD_OF_PATH.findall(process)) - _COMMON_IN_PATHS
        return not words.isdisjoint(known.read) or any(len(each) > 2 and each in process for each in known.components)

    def _calls_another(self, text: str, host: str, ports: Collection[int]) -> bool:
        """Whether an address with one of these ports is not the host's; numbers may be, where nobody knows its own."""
        knows_numbers = any(map(_NUMBERS.fullmatch, self._hosts[host].names))
        for match in _ENDPOINT.finditer(text):
            name, port = (match["name"] or "").strip("[]").casefold(), int(match["port"] or match["only"])
            if _NUMBERS.fullmatch(name) and name not in self._by_name and not knows_numbers:
                continue
            if port in ports and name and not _LOOPBACK.match(name) and name != "localhost":
                short = name.partition(".")[0]
                if host not in (self._by_name.get(name), self._by_name.get(short), self._by_component.get(short)):
                    return True
        return False

    def _mentions(self, text: str) -> Iterator[tuple[str, str]]:
        for match in _ENDPOINT.finditer(text):
            name, port = (match["name"] or "").strip("[]").casefold(), int(match["port"] or match["only"])
            short = name.partition(".")[0]
            host = self._by_name.get(name) or self._by_name.get(short) or self._by_component.get(short)
            if host:
                yield host, f"{name}:{port}"
            elif not name or _LOOPBACK.match(name) or name == "localhost":
                host = self._by_port.get(port) or self._by_listener.get(port)
                if host:
                    yield host, f"port {port}"
        for match in _HOST_OF_URL.finditer(text):
            host = self._by_component.get(match[1].casefold())
            if host:
                yield host, match[1]
        if self._name is not None:
            for match in self._name.finditer(text):
                yield self._by_name[match[1].casefold()], match[1]


def _learn_from(item: Item, known: _Known) -> None:
    program, rest = program_of(item.collector), item.collector.partition(".")[2]
    if program is not None:
        if program not in known.programs:
            known.programs.append(program)
        told = {int(port) for port in _COMMAND_PORT.findall(item.command)}
        known.ports_of.setdefault(program.name, set()).update(told)
        known.ports.update(told or (program.ports if not known.ports else ()))
    if item.window is not None:
        known.read.update(_WORD_OF_PATH.findall(f"{item.collector} {item.command}"[:LINE_CHARS].casefold()))
    if rest == "addresses":
        addresses = (match[1] or match[2] for match in _ADDRESS_ROW.finditer(item.text))
        known.names.update(each for each in addresses if not _LOOPBACK.match(each))
    if rest == "listeners":
        known.listens.update(int(port) for port in _LISTENER.findall(f"{item.baseline or ''}\n{item.text}"))


def _usable_names(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        lower = name.casefold()
        is_address = bool(re.fullmatch(r"[\d.]+|[0-9a-f:]+", lower)) and not lower.isalpha()
        if len(lower) < _LEAST_NAME or lower in _COMMON or _LOOPBACK.match(lower):
            continue
        yield lower
        short = lower.partition(".")[0]
        if not is_address and len(short) >= _LEAST_NAME and short not in _COMMON:
            yield short


def _of_one_host(pairs: Iterable[tuple[Any, str]]) -> dict[Any, str]:
    """What belongs to one host alone; what several have names none of them."""
    hosts: dict[Any, set[str]] = {}
    for key, host in pairs:
        hosts.setdefault(key, set()).add(host)
    return {key: next(iter(those)) for key, those in hosts.items() if len(those) == 1}


def _any_of(names: Iterable[str]) -> re.Pattern[str] | None:
    alternatives = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    if not alternatives:
        return None
    domain = r"(?:(?:\.[a-z][\w-]*){2,})?"
    return re.compile(rf"(?<![\w.-])({alternatives}){domain}(?![\w-]|\.\w)", re.IGNORECASE)
