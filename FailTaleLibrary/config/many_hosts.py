"""Hosts by the hundred: `hosts` with patterns, and those of an inventory -> one section for each.

``web[01:20]`` stands for twenty hosts; ``web*`` gives values to hosts that are named elsewhere. A value is the first
that is found: in the host's own entry, in the patterns that fit it in the order of the file, in the inventory.
"""

from __future__ import annotations

import fnmatch
import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from FailTaleLibrary.config.inventory import InventoryError, InventoryHosts, hosts_of
from FailTaleLibrary.config.model import Inventory
from FailTaleLibrary.config.types import in_quotes
from FailTaleLibrary.config.yaml_source import Document, Where
from FailTaleLibrary.lazy import dataclass

MAX_HOSTS = 20_000
_RANGE = re.compile(
    r"\[(?:(?P<first>\d{1,9}):(?P<last>\d{1,9})(?::(?P<step>\d{1,9}))?|(?P<from>[a-z]):(?P<to>[a-z]))\]"
)
_GLOB = re.compile(r"[*?]")


def with_many_hosts(document: Document) -> tuple[str, ...]:
    """Puts a section for each host into the document; gives the notes on what of an inventory is not followed."""
    written = document.data.get("hosts")
    if written and not isinstance(written, dict):
        return ()  # which is told of it
    own = {key: _section_of(document, key, section) for key, section in (written or {}).items()}
    found = _inventory(document)
    names = {key: _names_in(document, key) for key in own if _RANGE.search(key)}
    defined = [name for key in own for name in names.get(key, [] if _GLOB.search(key) else [key])]
    layers = _Layers(document, own, {key: frozenset(each) for key, each in names.items()}, found.sections)
    hosts = {name: layers.section(name) for name in dict.fromkeys([*defined, *found.sections])}
    document.data = {**document.data, "hosts": hosts}
    return (*found.notes, *_without_hosts(document, layers))


def _is_pattern(name: str) -> bool:
    return _RANGE.search(name) is not None or _GLOB.search(name) is not None


def _section_of(document: Document, key: str, section: Any) -> Any:
    """What stands below a key; of a pattern always a section."""
    if not _is_pattern(key) or section is None or isinstance(section, dict):
        return section
    document.add_finally(("hosts", key), f"is not a section; write \"'{key}': {{component: NAME}}\"")
    return {}


def _inventory(document: Document) -> InventoryHosts:
    at: Where = ("inventory",)
    data = document.data.get("inventory")
    settings = document.validate(Inventory, data, at=at) if data is not None else None
    components = document.data.get("components")
    if settings is not None:
        names = list(components) if isinstance(components, dict) else []
        try:
            return hosts_of(settings, names, document.source.parent)
        except InventoryError as error:
            document.add_at_key(at, str(error))
    return InventoryHosts({}, ())


def _without_hosts(document: Document, layers: _Layers) -> Iterator[str]:
    """Patterns that fit no host: a mistake, but where an inventory of today may have none."""
    for key in layers.own:
        if _is_pattern(key) and key not in layers.used and not layers.names.get(key):
            if layers.in_inventory:
                yield f"no host fits {in_quotes(key)} below 'hosts' today."
            elif _GLOB.search(key):
                words = "no other entry names a host that fits; '*' and '?' fit hosts that are named elsewhere, and"
                document.add_at_key(("hosts", key), f"{words} '{_as_range(key)}' would name them")


def _as_range(key: str) -> str:
    return _GLOB.sub("[1:3]", key, count=1).replace("*", "").replace("?", "")


# --- Ranges -----------------------------------------------------------------------------------------------------------


def _names_in(document: Document, key: str) -> tuple[str, ...]:
    """``web[01:03]`` -> web01, web02, web03; of several ranges each with each."""
    found = list(_RANGE.finditer(key))
    choices = [_words_of(each) for each in found]
    count = 1
    for words in choices:
        count *= len(words)
    if not 0 < count <= MAX_HOSTS:
        document.add_at_key(("hosts", key), f"{in_quotes(key)} stands for {count} hosts; write 1 to {MAX_HOSTS}")
        return ()
    template = _RANGE.sub("{}", key.replace("{", "{{").replace("}", "}}"))
    return tuple(template.format(*words) for words in itertools.product(*choices))


def _words_of(found: re.Match[str]) -> Collection[Any]:
    if found["from"]:
        return [chr(code) for code in range(ord(found["from"]), ord(found["to"]) + 1)]
    numbers = range(int(found["first"]), int(found["last"]) + 1, max(1, int(found["step"] or 1)))
    if len(numbers) > MAX_HOSTS:
        return numbers  # too many to be written out: the count is what is told
    return [str(number).zfill(len(found["first"])) for number in numbers]


# --- Layers of values -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Layers:
    """What the file and the inventory say of hosts."""

    document: Document
    own: Mapping[str, Any]
    """`hosts` as it is written."""
    names: Mapping[str, frozenset[str]]
    """Key with a range -> the hosts that it stands for."""
    in_inventory: Mapping[str, Any]
    used: set[str]
    """Patterns that fit a host."""
    _places: dict[str, list[Where]]
    _globs: list[tuple[str, re.Pattern[str] | None]]

    def __init__(
        self,
        document: Document,
        own: Mapping[str, Any],
        names: Mapping[str, frozenset[str]],
        in_inventory: Mapping[str, Any],
    ) -> None:
        self.document, self.own, self.names, self.in_inventory = document, own, names, in_inventory
        self.used = set()
        self._places = {}
        for where in [*document.values, *document.keys]:
            if where[:1] == ("hosts",) and len(where) > 1:
                self._places.setdefault(str(where[1]), []).append(where)
        self._globs = [
            (key, re.compile(fnmatch.translate(key)) if key not in names else None) for key in own if _is_pattern(key)
        ]

    def section(self, name: str) -> Any:
        """The section of one host, whose values keep the places that they have in the file."""
        own = [name] if name in self.own else []
        fitting = [key for key, glob in self._globs if (glob.match(name) if glob else name in self.names[key])]
        self.used.update(fitting)
        parts = [self.own[key] for key in (*own, *fitting)]
        if name in self.own and not isinstance(parts[0], dict | None):
            return parts[0]  # no section, which is told of it
        for key in reversed(fitting):
            self._lend_places(key, name)
        if name in self.in_inventory:
            place = self.document.keys.get(("inventory",), (1, 1))
            self.document.keys.setdefault(("hosts", name), place)
            self.document.values.setdefault(("hosts", name), place)
            parts.append(self.in_inventory[name])
        merged: dict[str, Any] = {}
        for part in parts:
            merged = _merged(merged, part or {})
        return merged

    def _lend_places(self, key: str, name: str) -> None:
        """A mistake in a pattern is told once, at its place and by its name, however many hosts have it."""
        document = self.document
        for where in self._places.get(key, ()):
            theirs: Where = ("hosts", name, *where[2:])
            if name in self.own and theirs in document.values and len(theirs) > 2:
                continue
            document.lent[theirs] = where
            for places in (document.keys, document.values):
                if where in places:
                    places[theirs] = places[where]
            if where in document.raw:
                document.raw[theirs] = document.raw[where]


def _merged(first: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both, and where both have a value the first one's; sections are merged key by key."""
    merged = {**other, **first}
    for key in first.keys() & other.keys():
        if isinstance(first[key], dict) and isinstance(other[key], dict):
            merged[key] = _merged(first[key], other[key])
        elif first[key] is None:
            merged[key] = other[key]
    return merged
