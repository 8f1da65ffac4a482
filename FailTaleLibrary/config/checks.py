"""What no single value can be wrong about: what must come together, exclude each other or exist elsewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from FailTaleLibrary.config.messages import unknown
from FailTaleLibrary.config.model import Collector
from FailTaleLibrary.config.transports import TRANSPORTS
from FailTaleLibrary.config.types import in_quotes
from FailTaleLibrary.config.yaml_source import Document, Where

_SOURCES = ("command", "file", "journal")
_OF_SNAPSHOTS = dict.fromkeys(("row", "counters", "alarms", "limits"), "only a command's answer has rows")
_NOT_FOR = {
    "command": {
        "before": "a command has no lines before its window",
        "time_format": "only a file's lines are read by their time",
        "priority": "only a journal has priorities",
    },
    "file": {
        "baseline": "a log is cut by its window; only a command can be compared",
        **_OF_SNAPSHOTS,
        "priority": "only a journal has priorities",
    },
    "journal": {
        "baseline": "a log is cut by its window; only a command can be compared",
        **_OF_SNAPSHOTS,
        "time_format": "a journal's times are known",
    },
}
"""Keys that mean nothing beside a source, with the reason."""
_NO_PATTERN = re.compile(r"\*\*|\$[({A-Za-z]|`|\{[^{}]*,[^{}]*\}")
"""What other tools take in a path, and would name a file that does not exist here."""
_NEEDS = {"grep_before": "grep", "grep_after": "grep", "ignore_case": "grep", "mask": "baseline", "alarms": "baseline"}


def check_collector(document: Document, data: Mapping[str, Any], *, at: Where) -> None:
    """What one collector says must make sense together."""
    given = {key for key, value in data.items() if value is not None}
    sources = [source for source in _SOURCES if source in given]
    if len(sources) != 1:
        if sources or given <= Collector.yaml_keys().keys():  # else a source is misspelt, which is reported already
            document.add_at_key(at, _not_one_source(sources))
        return
    for key in sorted(given & _NOT_FOR[sources[0]].keys()):
        document.add_at_key((*at, key), f"means nothing here: {_NOT_FOR[sources[0]][key]}; remove it")
    for key in sorted(given & _NEEDS.keys()):
        if _NEEDS[key] not in given:
            document.add_at_key((*at, key), f"means nothing without '{_NEEDS[key]}'; add that, or remove this")
    _check_window(document, data, at=at)
    _check_files(document, data, at=at)


def _not_one_source(sources: list[str]) -> str:
    if not sources:
        return "has no 'command', 'file' or 'journal'; write one of them"
    return f"has {' and '.join(map(in_quotes, sources))}; keep one, or make several collectors of it"


def _check_window(document: Document, data: Mapping[str, Any], *, at: Where) -> None:
    command = data.get("command")
    if "window" in data and isinstance(command, str) and "FAILTALE_" not in command:
        sentence = "means nothing here: the command does not use '$FAILTALE_SINCE' or '$FAILTALE_UNTIL'; remove it"
        document.add_at_key((*at, "window"), sentence)
    if data.get("window") == "none" and data.get("before"):
        document.add_at_key((*at, "before"), "means nothing with 'window: none'; remove one of them")


def _check_files(document: Document, data: Mapping[str, Any], *, at: Where) -> None:
    files = data.get("file")
    for index, file in enumerate(files if isinstance(files, list) else [files]):
        if isinstance(file, str) and not file.startswith("/"):
            where = (*at, "file", index) if isinstance(files, list) else (*at, "file")
            shown = document.shown(where, file)
            document.add(where, f"{shown} is not an absolute path; write the path on the host, from '/' on")
        elif isinstance(file, str) and (found := _NO_PATTERN.search(file)):
            where = (*at, "file", index) if isinstance(files, list) else (*at, "file")
            sentence = "no shell reads it: only '*' and '?' match file names; write each path, in a list"
            document.add(where, f"{document.shown(where, file)} has {in_quotes(found[0])}, and {sentence}")


def check_hosts(document: Document, collectors: Mapping[str, tuple[Collector, ...]]) -> None:
    """Every host is assigned to components that exist, and has no key without a meaning.

    ``collectors`` are those of each component that the file names.
    """
    hosts = document.data.get("hosts")
    gateway = document.data.get("gateway")
    if hosts and gateway:
        document.add_at_key(("gateway",), "cannot be combined with 'hosts'; keep one: a gateway has hosts of its own")
    elif not hosts and not gateway:
        document.add_at_key((), "no 'hosts' and no 'gateway', so there is no host to collect from; write one of them")
    for name, host in hosts.items() if isinstance(hosts, dict) else ():
        if isinstance(host, dict):
            _check_components(document, host, at=("hosts", name), collectors=collectors)
            _check_transport(document, host, at=("hosts", name))


def check_gateway(document: Document) -> None:
    """A token is given once."""
    gateway = document.data.get("gateway")
    if isinstance(gateway, dict) and gateway.get("token") and gateway.get("token_file"):
        document.add_at_key(("gateway", "token"), "cannot be combined with 'token_file'; keep one of them")


def check_known_hosts(document: Document) -> None:
    """A file that is named must be there, unless new keys are accepted or the key itself is given."""
    hosts = document.data.get("hosts")
    places: list[Where] = [("ssh",)]
    places += [("hosts", name, "ssh") for name in (hosts if isinstance(hosts, dict) else ())]
    for at in places:
        ssh = {**_mapping_of(document.data, ("ssh",)), **_mapping_of(document.data, at)}
        written = _mapping_of(document.data, at).get("known_hosts")
        if isinstance(written, str) and ssh.get("host_keys") != "accept-new" and not ssh.get("host_key"):
            _check_exists(document, written, at=(*at, "known_hosts"))


def _check_exists(document: Document, written: str, *, at: Where) -> None:
    path = document.source.parent / os.path.expanduser(written)  # noqa: PTH111 - leaves an unknown home as it is
    if not path.is_file():
        shown = document.shown(at, written)
        document.add(at, f"{shown} is not a file; write what 'ssh-keyscan' made, or set 'host_key'")


def _check_components(
    document: Document, host: Mapping[str, Any], *, at: Where, collectors: Mapping[str, tuple[Collector, ...]]
) -> None:
    played = host.get("component")
    names = played if isinstance(played, list) else [played]
    for index, name in enumerate(names):
        where = (*at, "component", index) if isinstance(played, list) else (*at, "component")
        if isinstance(name, str) and name not in collectors:
            document.add(where, unknown("component", document.raw.get(where, name), collectors))
    known = [name for name in names if isinstance(name, str) and name in collectors]
    _check_shared_names(document, known, at=at, collectors=collectors)


def _check_shared_names(
    document: Document, played: Sequence[str], *, at: Where, collectors: Mapping[str, tuple[Collector, ...]]
) -> None:
    first: dict[str, tuple[str, Collector]] = {}
    for component in played:
        for collector in collectors[component]:
            other, same = first.setdefault(collector.name, (component, collector))
            if collector != same:
                document.add(
                    (*at, "component"),
                    f"{in_quotes(other)} and {in_quotes(component)} have different collectors of the name "
                    f"{in_quotes(collector.name)}; give one of them another 'name'",
                )


def _check_transport(document: Document, host: Mapping[str, Any], *, at: Where) -> None:
    """A host says nothing of a transport that is not its own."""
    own = host.get("transport") or "ssh"
    if own not in TRANSPORTS:
        return  # the model reports it
    for key in ("address", *TRANSPORTS):
        if host.get(key) is not None and not (key == own or (key == "address" and own == "ssh")):
            document.add_at_key((*at, key), f"means nothing with 'transport: {own}'; remove one of them")


def _mapping_of(data: Any, where: Where) -> Mapping[str, Any]:
    """The section at a place, empty when there is none."""
    for key in where:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}
