"""The configuration of the original FailTale -> one of today, and a note for each key that is not followed.

The original (github.com/srbarrios/FailTale) has ``ssh_defaults``, components with ``useful_data``, a list of ``hosts``
with ``hostname`` and ``role``, and ``ollama``. Suites exist that write such files for each failure, so that they are
read as they are; `as_yaml` writes what they mean down for who wants to keep it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from FailTaleLibrary.config.types import NAME_PATTERN, Expanded, in_quotes
from FailTaleLibrary.config.yaml_source import Document, Where, dotted
from FailTaleLibrary.lazy import dataclass, field, regex, replace

_SSH = {
    "username": "user",
    "private_key_path": "key",
    "port": "port",
    "connection_timeout": "connect_timeout",
    "command_timeout": "command_timeout",
    "passphrase": "key_passphrase",
    "password": "password",
    "ssh_password": "password",
}
_HOST_SSH = {
    "ssh_username": "user",
    "ssh_private_key_path": "key",
    "ssh_port": "port",
    "ssh_passphrase": "key_passphrase",
    "ssh_password": "password",
    "password": "password",
}
_ANALYSIS = {"base_url": "host", "model": "model", "request_timeout": "hint_time", "seed": "seed"}
_SECRETS = {"key_passphrase": "FAILTALE_KEY_PASSPHRASE", "password": "FAILTALE_PASSWORD"}
"""Keys of today that hold a secret -> the variable that `as_yaml` names for it."""

_FOLLOWED_AT_THE_TOP = {"ssh_defaults", "components", "hosts", "ollama"}

_TAIL = regex(r"tail\s+(?:-n\s*|--lines[= ])(\d+)\s+((?:/[\w./*?-]+\s*)+)")
"""``tail`` of logs and nothing else: read as files, so that the lines of the test are told from those before it."""

_NOT_FOLLOWED = {
    "mandatory": "every host is asked, and one that does not answer is a gap in the evidence",
    "base_prompt": "the prompt is FailTale's own; 'analysis.about' takes a few sentences on the product",
    "embedding_model": "'analysis.documents' names a folder of the product's own documents that hints may quote",
    "persist_directory": "'analysis.documents' indexes a folder by itself",
    "uyuni_mcp": "FailTale asks the hosts over SSH, and no MCP server",
}


def is_original(data: object) -> bool:
    """Whether plain data is a configuration of the original, by what no configuration of today may have."""
    if not isinstance(data, dict):
        return False
    components = data.get("components")
    useful = isinstance(components, dict) and any(
        isinstance(each, dict) and "useful_data" in each for each in components.values()
    )
    hosts = data.get("hosts")
    listed = isinstance(hosts, list) and any(isinstance(each, dict) and "hostname" in each for each in hosts)
    return "ssh_defaults" in data or useful or listed


def translated(document: Document) -> tuple[Document, tuple[str, ...]]:
    """The document in today's words, each value with its place in the file, and the notes."""
    made = _Translation(document)
    made.ssh()
    made.components()
    made.hosts()
    made.analysis()
    for key in document.data:
        if key not in _FOLLOWED_AT_THE_TOP:
            made.note((key,))
    return made.document(), tuple(made.notes)


@dataclass(slots=True)
class _Translation:
    """What was translated so far."""

    original: Document
    data: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    came_from: dict[Where, Where] = field(default_factory=dict)
    """Where a value is today -> where it stands in the file."""

    def document(self) -> Document:
        old = self.original

        def moved(places: Mapping[Where, Any]) -> dict[Where, Any]:
            return {new: places[where] for new, where in self.came_from.items() if where in places}

        return replace(old, data=self.data, keys=moved(old.keys), values=moved(old.values), raw=moved(old.raw))

    def note(self, where: Where, why: str = "") -> None:
        """A key that is not followed, once for all its hosts."""
        told = dotted(tuple("hosts" if index == 0 and part == "hosts" else part for index, part in enumerate(where)))
        told = re.sub(r"\[\d+\]", "[]", told)
        why = why or _NOT_FOLLOWED.get(str(where[-1]), "unknown")
        sentence = f"'{told}' is not followed: {why}"
        if sentence not in self.notes:
            self.notes.append(sentence)

    # --- Sections

    def ssh(self) -> None:
        written = self._section("ssh_defaults")
        self._keys(written, _SSH, at=("ssh_defaults",), to=("ssh",))
        self.data.setdefault("ssh", {})["host_keys"] = "accept-new"
        self.notes.append(
            "The original takes any host key. FailTale remembers the first one of each host for the run and refuses "
            "another; with 'host_keys: strict' it takes those in known_hosts alone."
        )

    def components(self) -> None:
        found: dict[str, Any] = {}
        for role, component in self._section("components").items():
            at: Where = ("components", role)
            if not isinstance(component, dict):
                self.note(at, "it has no 'useful_data'")
            entries = component.get("useful_data") if isinstance(component, dict) else None
            for key in component if isinstance(component, dict) else ():
                if key != "useful_data":
                    self.note((*at, key))
            collectors = self._collectors(entries, at=(*at, "useful_data"), to=("components", role, "collectors"))
            self.came_from[("components", role)] = at
            if collectors:
                found[role] = {"collectors": collectors}
        self.data["components"] = found

    def _collectors(self, entries: Any, *, at: Where, to: Where) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        names: set[str] = set()
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            command = entry.get("command") if isinstance(entry, dict) else None
            if not isinstance(command, str) or not command.strip():
                self.note((*at, index), "it has no command")
                continue
            description = str(entry.get("description") or command)
            collector = {"name": _free_name(description, names), "description": description, **_source_of(command)}
            new: Where = (*to, len(made))
            self.came_from[new] = (*at, index)
            for key in collector:
                written = "description" if key in ("name", "description") else "command"
                self._place((*new, key), (*at, index, written))
            for key in entry:
                if key not in ("description", "command"):
                    self.note((*at, index, key))
            made.append(collector)
        return made

    def hosts(self) -> None:
        found: dict[str, Any] = {}
        written = self.original.data.get("hosts")
        for index, host in enumerate(written if isinstance(written, list) else ()):
            at: Where = ("hosts", index)
            address, role = (host.get("hostname"), host.get("role")) if isinstance(host, dict) else (None, None)
            if not isinstance(address, str) or not isinstance(role, str):
                self.note(at, "it has no 'hostname' or no 'role'")
                continue
            if role not in self.data["components"]:
                self.notes.append(
                    f"{in_quotes(address)} is not asked: its role {in_quotes(role)} has no 'useful_data'."
                )
                continue
            name = _name_of_host(address)
            roles = found.setdefault(name, {"component": [], "address": address})["component"]
            roles += [role] if role not in roles else []
            new: Where = ("hosts", name)
            self.came_from.update({new: at, (*new, "address"): (*at, "hostname"), (*new, "component"): (*at, "role")})
            ssh = self._keys(host, _HOST_SSH, at=at, to=(*new, "ssh"), known=("hostname", "role"))
            if ssh:
                found[name]["ssh"] = ssh
        for host in found.values():
            host["component"] = host["component"][0] if len(host["component"]) == 1 else host["component"]
        self.data["hosts"] = found

    def analysis(self) -> None:
        written = self._section("ollama")
        if isinstance(written.get("model"), str) and not written["model"].strip():
            written = {key: value for key, value in written.items() if key != "model"}
        self._keys(written, _ANALYSIS, at=("ollama",), to=("analysis",))

    # --- Inside

    def _place(self, today: Where, in_file: Where) -> None:
        self.came_from[today] = in_file

    def _section(self, name: str) -> Mapping[str, Any]:
        written = self.original.data.get(name)
        if written is not None and not isinstance(written, dict):
            self.note((name,), "it is not a section")
        return written if isinstance(written, dict) else {}

    def _keys(
        self, written: Mapping[str, Any], names: Mapping[str, str], *, at: Where, to: Where, known: Iterable[str] = ()
    ) -> dict[str, Any]:
        """The keys of one section in today's words; of the top level they are put into the data as well."""
        made: dict[str, Any] = {}
        for key, value in written.items():
            if key in names and value is not None:
                made[names[key]] = _in_clear(value, _SECRETS[names[key]]) if names[key] in _SECRETS else value
                self._place((*to, names[key]), (*at, key))
                if names[key] in _SECRETS and not isinstance(value, Expanded):
                    self.note(
                        (*at, key), "it is taken, and stands in clear; write '\"%{NAME}\"' with a variable's name"
                    )
            elif key not in names and key not in known:
                self.note((*at, key))
        if made and len(to) == 1:
            self.data[str(to[0])] = made
            self.came_from[to] = at
        return made


def _in_clear(value: object, variable: str) -> Expanded:
    """A secret that stands in clear, where the original asks for it so: it counts as given by a variable."""
    secret = Expanded(str(value))
    secret.raw = value.raw if isinstance(value, Expanded) else f"%{{{variable}}}"
    return secret


def _source_of(command: str) -> dict[str, Any]:
    """A ``tail`` of logs as the files that it reads; any other command as it is."""
    tail = _TAIL.fullmatch(command.strip())
    if tail is None:
        return {"command": command}
    files = tail[2].split()
    return {"file": files[0] if len(files) == 1 else files, "lines": min(max(int(tail[1]), 1), 1_000_000)}


def _free_name(description: str, taken: set[str]) -> str:
    """``Last 100 lines of the main log`` -> ``last-100-lines-of-the-main-log``, unlike those before it."""
    words = re.sub(r"[^a-z0-9]+", "-", description.lower().replace("'s", "")).strip("-")[:50].strip("-") or "collector"
    name = next(
        each for each in (words, *(f"{words}-{number}" for number in range(2, len(taken) + 3))) if each not in taken
    )
    taken.add(name)
    return name


def _name_of_host(address: str) -> str:
    """An address as a name: it is one, but for addresses of version 6 and what nobody can connect to anyway."""
    if re.fullmatch(NAME_PATTERN, address):
        return address
    return re.sub(r"[^A-Za-z0-9_.]+", "-", address).strip("-._")[:64] or "host"


# --- Written down ----------------------------------------------------------------------------------------------------


def as_yaml(document: Document, notes: Iterable[str]) -> str:
    """What `translated` made, as a commented ``failtale.yaml``. A secret is named by a variable that is to be set."""
    import yaml  # wanted by who converts alone

    head = [
        "# What a configuration of the original FailTale means, in today's words.",
        *(f"# - {note}" for note in notes),
    ]
    body = yaml.safe_dump(_plain_data(document.data), sort_keys=False, allow_unicode=True, width=116)
    return "\n".join([*head, "", body])


def _plain_data(value: Any) -> Any:
    if isinstance(value, Expanded):
        return value.raw
    if isinstance(value, dict):
        return {key: _plain_data(each) for key, each in value.items()}
    return [_plain_data(each) for each in value] if isinstance(value, list) else value
