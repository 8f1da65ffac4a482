"""What no single value can be wrong about: what must come together, exclude each other or exist elsewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from FailTaleLibrary.config.advice import (
    address_advice,
    collectors_line,
    foreign_variable,
    host_line,
    is_short,
    place_in,
)
from FailTaleLibrary.config.command_rules import refusal_of_command
from FailTaleLibrary.config.messages import unknown
from FailTaleLibrary.config.model import Collector, Variable, is_named_like_a_secret
from FailTaleLibrary.config.transports import TRANSPORTS, WITH_SHELL
from FailTaleLibrary.config.types import NAME_PATTERN, Expanded, in_quotes
from FailTaleLibrary.config.variables import declared, filled, names_in, refusal_of
from FailTaleLibrary.config.yaml_source import Document, Where
from FailTaleLibrary.lazy import regex

_SOURCES = ("command", "file", "journal", "container", "kubernetes", "http", "mcp")
_OF_CLUSTERS = dict.fromkeys(
    ("namespaces", "selector", "context", "kubeconfig", "most"), "only what 'kubernetes' asks has that"
)
_OF_SNAPSHOTS = dict.fromkeys(("row", "counters", "alarms", "limits"), "only a command's answer has rows")
_NOT_FOR = {
    "command": {
        "before": "a command has no lines before its window",
        "time_format": "only a file's lines are read by their time",
        "priority": "only a journal has priorities",
        **_OF_CLUSTERS,
    },
    "file": {
        "baseline": "a log is cut by its window; only a command can be compared",
        **_OF_SNAPSHOTS,
        "priority": "only a journal has priorities",
        **_OF_CLUSTERS,
    },
    "journal": {
        "baseline": "a log is cut by its window; only a command can be compared",
        **_OF_SNAPSHOTS,
        "time_format": "a journal's times are known",
        **_OF_CLUSTERS,
    },
    "kubernetes": {
        "before": "what was before the window is looked back on, and not shown",
        "time_format": "the times of a cluster are known",
        "archive": "only a file is rotated",
        "priority": "only a journal has priorities",
    },
    "container": {
        "baseline": "a log is cut by its window; only a command can be compared",
        **_OF_SNAPSHOTS,
        "priority": "only a journal has priorities",
        "time_format": "the engine's times are known",
        "archive": "the engine keeps what it rotated",
        **_OF_CLUSTERS,
    },
}
"""Keys that mean nothing beside a source, with the reason."""
_NOT_FOR["http"] = _NOT_FOR["mcp"] = {
    "baseline": "a query is cut by its window; series are compared with what they were before it",
    "mask": "only a command can be compared",
    "before": "a query has no lines before its window",
    "inside": "a query is put by this machine",
    "grep": "the store filters: write it into the query",
    "archive": "only files are rotated",
    "time_format": "where the time stands is said by 'time' of the query",
    "priority": "only a journal has priorities",
    **_OF_CLUSTERS,
}
_OF_A_WINDOW = {"baseline": "a log is cut by its window; only pods and changes can be compared", **_OF_SNAPSHOTS}
_OF_NO_WINDOW = {"window": "pods and changes are shown as they are when the test fails"}
"""Beside what `kubernetes` names."""
_NO_PATTERN = regex(r"\*\*|\$[({A-Za-z]|`|\{[^{}]*,[^{}]*\}|\[[^]/]+\]")
"""What other tools take in a path, and would name a file that does not exist here."""
_OF_THE_KERNEL = regex(r"/proc/(?!.*/(root|cwd)/)|/sys/(?!fs/pstore/)")
"""Made as they are read: they have no size, so that nothing would be read of them."""
_NEEDS = {
    "grep_before": "grep",
    "grep_after": "grep",
    "ignore_case": "grep",
    "mask": "baseline",
    "alarms": "baseline",
    "engine": "container",
}


_LETTERS = {"\a": "a", "\b": "b", "\v": "v", "\f": "f", "\x1b": "e", "\t": "t", "\n": "n", "\r": "r"}
_ESCAPED = regex("[\a\b\v\f\x1b]")
_ESCAPED_IN_PATH = regex("[\a\b\v\f\x1b\t\n\r]")
_PATHS = ("key", "known_hosts", "file", "archive", "directory", "token_file", "ca_file", "presets", "history")
_TO_HOSTS = ("ssh", "hosts", "gateway", "bundles", "history")
"""Sections of which no value is a program's text, so that a variable there is meant as one."""


def check_shapes(document: Document, presets: Sequence[str]) -> None:
    """Hosts and components are sections, by name; what people write in their place gets the line to write."""
    components = document.data.get("components")
    names = list(components) if isinstance(components, dict) else []
    hosts = document.data.get("hosts")
    for name in hosts if isinstance(hosts, dict) else ():
        _check_host_name(document, name, names)
    _check_named(document, "components", lambda name, value: _component_line(name, value, presets))
    _check_named(document, "hosts", lambda name, value: _host_line(name, value, names))
    for name, host in hosts.items() if isinstance(hosts, dict) else ():
        if isinstance(host, dict):
            _check_address(document, host.get("address"), at=("hosts", name, "address"))
            _check_user(document, host.get("ssh"), at=("hosts", name, "ssh", "user"))
    _check_user(document, document.data.get("ssh"), at=("ssh", "user"))
    variables = declared(document.data)
    for where, raw in document.raw.items():
        is_unit = where[0] == "components" and where[-1] == "journal"
        is_place = is_unit or (where[0] == "hosts" and where[2:3] in (("address",), ("inside",)))
        if where and names_in(raw, variables) and not (is_place or where[0] in ("components", "variables")):
            document.add_finally(where, f"{in_quotes(raw)} {_NO_PLACE}")
        elif (
            where
            and (where[0] in _TO_HOSTS or is_unit)
            and (sentence := foreign_variable(filled(raw, variables) if is_place else raw))
        ):
            document.add_finally(where, f"{in_quotes(raw)} {sentence}")
        elif (
            where and (found := (_ESCAPED_IN_PATH if _is_path(where) else _ESCAPED).search(raw)) and "KEY---" not in raw
        ):
            letter = _LETTERS[found[0]]
            document.add_finally(where, f"in double quotes '\\{letter}' is one character; write it in single quotes")


_NO_PLACE = (
    "holds a variable of the tests; those stand in 'address' and 'inside', in 'command', 'file', 'archive' and "
    "'journal' of collectors, and in parameters of presets"
)


def check_variable(document: Document, name: str, item: Any) -> None:
    """A variable can be written as ``${NAME}``, holds no secret, and its default is one of its values."""
    at: Where = ("variables", name)
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", name) is None:
        bare = re.sub(r"^[$@&%]\{(.*)\}$", r"\1", name)
        document.add_at_key(at, f"{in_quotes(name)} is no name of a variable; write e.g. '{_plain_name(bare)}: host'")
        document.broken |= {at, (*at, "[key]")}
    elif is_named_like_a_secret(name):
        document.add_at_key(
            at, f"{in_quotes(name)} is named like a secret, which must not stand in an address or a command"
        )
    elif isinstance(item, dict) and isinstance(item.get("default"), str):
        variable = document.validate(Variable, item, at=at)
        if variable is not None and (refusal := refusal_of(str(variable.default), variable)):
            where = (*at, "default")
            document.add(where, f"{document.shown(where, variable.default)} {refusal}")


def _plain_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")[:64] or "DUT"


def _check_named(document: Document, section: str, line_for: Callable[[str, Any], str]) -> None:
    """A section in which every key is a name; ``line_for`` makes the line to write of a name and what stands there."""
    written = document.data.get(section)
    if isinstance(written, dict):
        for key, value in written.items():
            if value is not None and not isinstance(value, dict):
                raw = document.raw.get((section, key))
                shown = "a list" if raw is None else in_quotes(raw)
                line = line_for(key, value if raw is None else raw)
                document.add_finally((section, key), f"{shown} is not a section; write '{line}'")
    elif written:
        shown = "a list" if isinstance(written, list) else in_quotes(document.raw[(section,)])
        name, value = _first_of(written if isinstance(written, list) else [document.raw[(section,)]])
        what = f"each {section[:-1]} has its name as a key"
        document.add_finally((section,), f"{shown} is not a section; {what}: write '{line_for(name, value)}'")


def _first_of(items: Sequence[Any]) -> tuple[str, Any]:
    """Name and value of what a list begins with, as far as they can be told: ``web1``, ``web1: …``, ``name: web1``."""
    first = items[0]
    if not isinstance(first, dict):
        return "", first
    name, value = next(iter(first.items()), ("", ""))
    if isinstance(value, (dict, list)):
        return name, value
    return _named_in(first), str(first.get("address") or first.get("host") or first.get("ip") or "")


def _named_in(item: Mapping[str, Any]) -> str:
    return str(item.get("name") or item.get("host") or "")


def _host_line(name: str, value: Any, components: Sequence[str]) -> str:
    text = value if isinstance(value, str) else ""
    if isinstance(value, list) and value and isinstance(value[0], str):
        text = value[0]
    return host_line(name if _is_name(name) else text if _is_name(text) else "web1", text, components)


def _component_line(name: str, value: Any, presets: Sequence[str]) -> str:
    values = value if isinstance(value, list) else [value]
    if not name and len(values) == 1 and _is_name(str(values[0])):
        name, values = str(values[0]), []
    told = [each for each in values if isinstance(each, str) and each]
    return f"{name if _is_name(name) else 'web'}: {{{collectors_line(iter(told), presets)}}}"


def _is_name(text: str) -> bool:
    return re.fullmatch(NAME_PATTERN, text) is not None


def _is_path(where: Where) -> bool:
    return next((part for part in reversed(where) if isinstance(part, str)), "") in _PATHS


def _check_host_name(document: Document, name: str, components: Sequence[str]) -> None:
    """An address with a user, a port or colons is no name, but it can be the address of one."""
    if (glued := re.match(r"([\w.-]+):\{", name)) is not None:
        document.add_at_key(("hosts", name), f"a space is missing after ':': write '{glued[1]}: {{…}}'")
        document.broken |= {("hosts", name), ("hosts", name, "[key]")}
        return
    place = None if _is_name(name) else place_in(name)
    if place is not None and (place.host != name or ":" in name):
        line = host_line("web1", name, components)
        document.add_at_key(("hosts", name), f"{in_quotes(name)} is not a name; write '{line}'")
        document.broken.add(("hosts", name, "[key]"))


def _check_address(document: Document, address: Any, *, at: Where) -> None:
    if isinstance(address, list):
        is_ip = len(address) == 1 and isinstance(address[0], str)
        how = f"without brackets, in quotes: 'address: \"{address[0]}\"'" if is_ip else "and a host for each"
        document.add_finally(at, f"a list is not an address; write one {how}")
    elif isinstance(address, str) and not foreign_variable(
        filled(document.raw.get(at, ""), names := declared(document.data))
    ):
        advice = address_advice(filled(address, names))
        if advice is not None and isinstance(address, Expanded):  # what the environment holds is not repeated
            advice = advice.partition(";")[0] + "; it must be a name or an IP address alone"
        if advice is not None:
            document.add_finally(at, f"{document.shown(at, address)} {advice}")


def _check_user(document: Document, ssh: Any, *, at: Where) -> None:
    user = ssh.get("user") if isinstance(ssh, dict) else None
    if not isinstance(user, str) or isinstance(user, Expanded) or foreign_variable(user):
        return
    if re.search(r"\w#", user):
        begin = user.partition("#")[0].rstrip()
        document.add_finally(at, f"{in_quotes(user)}: a comment needs a space before '#'; write 'user: {begin} # …'")
    elif re.search(r"\s|^$", user.strip() and user):
        document.add_finally(at, f"{in_quotes(user)} is not the name of a user; write one name")


def check_collector(document: Document, data: Mapping[str, Any], *, at: Where) -> None:
    """What one collector says must make sense together."""
    given = {key for key, value in data.items() if value is not None}
    sources = [source for source in _SOURCES if source in given]
    if len(sources) != 1:
        if sources or given <= Collector.yaml_keys().keys():  # else a source is misspelt, which is reported already
            document.add_at_key(at, _not_one_source(sources))
        return
    not_for = _NOT_FOR[sources[0]]
    if sources[0] == "kubernetes":
        not_for = not_for | (_OF_A_WINDOW if data["kubernetes"] in ("events", "logs") else _OF_NO_WINDOW)
    for key in sorted(given & not_for.keys()):
        document.add_at_key((*at, key), f"means nothing here: {not_for[key]}; remove it")
    for key in sorted(given & _NEEDS.keys()):
        if _NEEDS[key] not in given and not (key == "alarms" and sources[0] in ("http", "mcp")):
            document.add_at_key((*at, key), f"means nothing without '{_NEEDS[key]}'; add that, or remove this")
    if isinstance(data.get("command"), str) and (refusal := refusal_of_command(data["command"])):
        document.add((*at, "command"), refusal)
    _check_window(document, data, at=at)
    _check_files(document, data, at=at)
    for key in given & {"http", "mcp"}:
        if isinstance(data[key], dict):
            _check_query(document, data[key], at=(*at, key))


def _check_query(document: Document, data: Mapping[str, Any], *, at: Where) -> None:
    """One way to the store, one kind of answer, and credentials that go together."""
    given = {key for key, value in data.items() if value not in (None, "")}
    if at[-1] == "mcp" and len(given & {"command", "url"}) != 1:
        document.add_at_key(at, "needs the server: write one of 'command' (a program to start) and 'url'")
    if {"line", "series"} <= given:
        document.add_at_key((*at, "series"), "cannot be combined with 'line'; keep one of them")
    for key in sorted(given & {"time", "source", "total"}):
        if "line" not in given:
            document.add_at_key((*at, key), "means nothing without 'line'; add that, or remove this")
    if ("user" in given) != ("password" in given):
        document.add_at_key(at, "needs 'user' and 'password' together; add the other one")
    if {"token", "user"} <= given:
        document.add_at_key((*at, "token"), "cannot be combined with 'user'; keep one of them")
    if at[-1] == "mcp" and "command" in given:
        for key in sorted(given & {"token", "user", "headers", "ca_file", "proxy"}):
            document.add_at_key((*at, key), "means nothing with 'command'; a server that is started reads 'env'")
    if at[-1] == "mcp" and "url" in given and "env" in given:
        document.add_at_key((*at, "env"), "means nothing with 'url'; only a server that is started has one")


def _not_one_source(sources: list[str]) -> str:
    if not sources:
        return "has no 'command', 'file', 'journal', 'container', 'kubernetes', 'http' or 'mcp'; write one of them"
    return f"has {' and '.join(map(in_quotes, sources))}; keep one, or make several collectors of it"


def _check_window(document: Document, data: Mapping[str, Any], *, at: Where) -> None:
    command = data.get("command")
    if "window" in data and isinstance(command, str) and "FAILTALE_" not in command:
        sentence = "means nothing here: the command does not use '$FAILTALE_SINCE' or '$FAILTALE_UNTIL'; remove it"
        document.add_at_key((*at, "window"), sentence)
    if data.get("window") == "none" and data.get("before"):
        document.add_at_key((*at, "before"), "means nothing with 'window: none'; remove one of them")


def _check_files(document: Document, data: Mapping[str, Any], *, at: Where) -> None:
    files, names = data.get("file"), declared(document.data)
    for index, written in enumerate(files if isinstance(files, list) else [files]):
        where = (*at, "file", index) if isinstance(files, list) else (*at, "file")
        file = filled(written, names) if isinstance(written, str) else written
        if isinstance(file, str) and not file.startswith("/") and (sentence := foreign_variable(file)):
            document.add(where, f"{document.shown(where, file)} {sentence}")
        elif isinstance(file, str) and len(paths := re.split(r"[,;]?\s+(?=/)|[,;](?=/)", file)) > 1:
            line = f"[{', '.join(paths)}]" if is_short(file) else "[/first.log, /second.log]"
            document.add(where, f"{document.shown(where, file)} is more than one path; write '{line}'")
        elif isinstance(file, str) and not file.startswith("/"):
            shown = document.shown(where, file)
            document.add(where, f"{shown} is not an absolute path; write the path on the host, from '/' on")
        elif isinstance(file, str) and (found := _NO_PATTERN.search(file)):
            sentence = "only '*' and '?' match file names; write each path, in a list"
            document.add(
                where, f"{document.shown(where, file)} has {in_quotes(found[0])}, which is no pattern: {sentence}"
            )
        elif isinstance(file, str) and _OF_THE_KERNEL.match(file):
            where = (*at, "file", index) if isinstance(files, list) else (*at, "file")
            shown = document.shown(where, file)
            document.add(where, f"{shown} is state of the kernel and no log; write 'command: cat {file}'")


def check_hosts(document: Document, collectors: Mapping[str, tuple[Collector, ...]]) -> None:
    """Every host is assigned to components that exist, and has no key without a meaning.

    ``collectors`` are those of each component that the file names.
    """
    hosts = document.data.get("hosts")
    gateway = document.data.get("gateway")
    if hosts and gateway:
        document.add_at_key(("gateway",), "cannot be combined with 'hosts'; keep one: a gateway has hosts of its own")
    elif not hosts and not gateway and document.data.get("inventory") is None:
        if "hosts" in document.data:
            document.add_at_key(("hosts",), "names no host; write 'web1: {component: web}' in the line below, indented")
            return
        document.add_at_key((), "no 'hosts' and no 'gateway', so there is no host to collect from; write one of them")
    for name, host in hosts.items() if isinstance(hosts, dict) else ():
        if isinstance(host, dict):
            _check_components(document, host, at=("hosts", name), collectors=collectors)
            _check_transport(document, host, at=("hosts", name))
            _check_changing_address(document, host, at=("hosts", name))
            _check_place_of_queries(document, host, at=("hosts", name), collectors=collectors)


def _check_place_of_queries(
    document: Document, host: Mapping[str, Any], *, at: Where, collectors: Mapping[str, tuple[Collector, ...]]
) -> None:
    """A query is put by this machine, not by the host that it is about."""
    played = host.get("component")
    names = [name for name in (played if isinstance(played, list) else [played]) if isinstance(name, str)]
    asking = [each for name in names for each in collectors.get(name, ()) if each.query is not None]
    if asking and host.get("transport") not in ("local", "scripted"):
        sentence = (
            f"its collector {in_quotes(asking[0].name)} asks a store, which this machine does and no host; give it a "
            "component of its own, and that a host with 'transport: local'"
        )
        document.add((*at, "component"), sentence)


def _check_changing_address(document: Document, host: Mapping[str, Any], *, at: Where) -> None:
    """Whoever sets a variable must not choose the machine that is sent a password."""
    own, of_all = host.get("ssh"), document.data.get("ssh")
    ssh = {**(of_all if isinstance(of_all, dict) else {}), **(own if isinstance(own, dict) else {})}
    is_open = ssh.get("host_keys") == "accept-new" and not ssh.get("host_key") and ssh.get("password")
    if is_open and names_in(str(host.get("address")), declared(document.data)):
        sentence = (
            "a password, 'host_keys: accept-new' and an address from a variable cannot be combined: whoever sets the "
        )
        document.add_at_key(
            (*at, "address"), f"{sentence}variable would be sent the password; use a key, or 'host_keys: strict'"
        )


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
        way = "make one with 'touch', and let 'failtale check --accept-host-keys' add the keys"
        document.add(at, f"{shown} is not a file; {way}, or set 'host_key'")


def _check_components(
    document: Document, host: Mapping[str, Any], *, at: Where, collectors: Mapping[str, tuple[Collector, ...]]
) -> None:
    played = host.get("component")
    names = played if isinstance(played, list) else [played]
    for index, name in enumerate(names):
        where = (*at, "component", index) if isinstance(played, list) else (*at, "component")
        if isinstance(name, str) and name not in collectors:
            document.add(where, _no_component(document.raw.get(where, name), collectors))
    known = [name for name in names if isinstance(name, str) and name in collectors]
    _check_shared_names(document, known, at=at, collectors=collectors)
    if host.get("transport") == "salt":
        within = [each.name for name in known for each in collectors[name] if each.inside]
        if within:
            document.add(
                (*at, "component"),
                f"collector {in_quotes(within[0])} runs 'inside' of something, which 'transport: salt' cannot; write "
                "the prefix in its 'command'",
            )


def _no_component(text: str, known: Collection[str]) -> str:
    parts = [part for part in re.split(r"[,;\s]+", text) if part]
    if len(parts) > 1 and all(part in known for part in parts):
        return f"{in_quotes(text)} are several components in one text; write '[{', '.join(parts)}]'"
    if not known:
        return (
            f"unknown component {in_quotes(text)}; there is none: write 'components: {{web: {{collectors: [linux]}}}}'"
        )
    return unknown("component", text, known)


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
        return  # the model reports it, with `transport_advice`
    if host.get("inside") is not None and own not in WITH_SHELL:
        document.add_at_key((*at, "inside"), f"means nothing with 'transport: {own}'; remove one of them")
    for key in ("address", *TRANSPORTS):
        if host.get(key) is not None and not (key == own or (key == "address" and own in ("ssh", "salt"))):
            document.add_at_key((*at, key), f"means nothing with 'transport: {own}'; remove one of them")
    if own == "salt" and not isinstance(document.data.get("salt"), dict):
        document.add_at_key(
            (*at, "transport"),
            "needs a section 'salt' that says where salt-api is; write e.g. "
            "'salt: {url: https://salt:8000, user: failtale, password: \"%{SALT_PASSWORD}\"}'",
        )


def _mapping_of(data: Any, where: Where) -> Mapping[str, Any]:
    """The section at a place, empty when there is none."""
    for key in where:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}
