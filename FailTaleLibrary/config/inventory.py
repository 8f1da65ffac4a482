"""An Ansible inventory -> sections of `hosts`: what ``ansible-inventory --list`` says of it, or said and was saved.

Ansible's own program reads the inventory, whatever it is made of, and with it ranges, children, variables of groups and
dynamic sources. What of its variables says how a host is reached is followed, and nothing else of them is kept; a
sealed value stays sealed. Shape of the answer: docs of `ansible-inventory`, tried with ansible-core 2.19.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from FailTaleLibrary.config.messages import unknown
from FailTaleLibrary.config.model import Inventory
from FailTaleLibrary.config.types import NAME_PATTERN, in_quotes
from FailTaleLibrary.files import read_at_most
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.text import one_line, sanitize, shorten

MAX_BYTES = 64 * 1024 * 1024
"""Of an inventory's answer; one of 2,000 hosts with fifty variables each has 5 MB."""
PROGRAM = "ansible-inventory"
_SHOWN_CHARS = 400
_FRAME = re.compile(
    r"\[WARNING\]: (?:No inventory was parsed|Unable to parse )|<<< caused by >>>|Origin: "
    r"|Failed to parse inventory with '"
)
_META = "_meta"
_OVER_SSH = ("ssh", "smart", "paramiko", "paramiko_ssh", "libssh")
_CONTAINERS = {"docker": "docker", "docker_api": "docker", "podman": "podman"}
_PASSWORDS = ("ansible_password", "ansible_ssh_pass", "ansible_ssh_password")
_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
_THROUGH = re.compile(r"(?:\S*/)?ssh\s.*-W\s*\S+.*?(?P<host>[\w.@:-]+)\s*")
"""A ProxyCommand that does what ProxyJump does; the jump host stands last."""

Section = dict[str, Any]


class InventoryError(ValueError):
    """Why there are no hosts, in a sentence for who wrote ``inventory``."""


@dataclass(frozen=True, slots=True)
class InventoryHosts:
    """The hosts of an inventory that belong to components."""

    sections: Mapping[str, Section]
    """Name -> what would stand below `hosts`."""
    notes: tuple[str, ...]
    """What of the inventory is not followed, a sentence each."""


def hosts_of(settings: Inventory, components: Collection[str], folder: Path) -> InventoryHosts:
    """The hosts that the inventory names; paths are relative to ``folder``, where Ansible's own settings are read, too.

    Raises InventoryError.
    """
    told, unread = _listing_told(settings, folder)
    listing = _Listing(told)
    assigned = _assigned(listing, _components_of_groups(settings, components, listing))
    notes = _Notes()
    sections = dict(_sections_of_hosts(assigned, listing, folder, notes))
    if not sections:
        raise InventoryError("; ".join(["no host of it can be asked", *notes.sentences()]).rstrip("."))
    left_out = len(listing.hosts) - len(assigned)
    words = f"of its {len(listing.hosts)} hosts {'is' if left_out == 1 else 'are'} in no group of a component"
    more = [*([unread] if unread else []), *([f"{left_out} {words}."] if left_out else [])]
    return InventoryHosts(sections, tuple(f"inventory: {note}" for note in (*more, *notes.sentences())))


# --- Source -> what the program says ----------------------------------------------------------------------------------


def _listing_told(settings: Inventory, folder: Path) -> tuple[Mapping[str, Any], str]:
    """The answer, and in a sentence what could not be read for it."""
    sources = [_source_path(source, folder) for source in settings.source]
    if len(sources) == 1 and (saved := _saved(Path(sources[0]))) is not None:
        return saved, ""
    text, said = _asked(
        [_program_path(), "--list", *(word for each in sources for word in ("-i", each))], settings, folder
    )
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise InventoryError(f"'{PROGRAM} --list' did not answer with JSON{said}") from error
    if not _is_listing(answer) or not _Listing(answer).hosts:
        raise InventoryError(f"'{PROGRAM} --list' names no host{said}")
    return answer, f"not all of it could be read{said}." if "to parse" in said else ""


def _program_path() -> str:
    """On the search path, or beside the Python that runs: a virtual environment need not be activated."""
    return shutil.which(PROGRAM) or str(Path(sys.executable).with_name(PROGRAM))


def _source_path(source: str, folder: Path) -> str:
    if "," in source:
        return source  # a list of hosts, as Ansible takes it
    path = folder / Path(source).expanduser()
    if not path.exists():
        raise InventoryError(
            f"{in_quotes(source)} does not exist; name an inventory, or what '{PROGRAM} --list' printed"
        )
    return str(path)


def _saved(path: Path) -> Mapping[str, Any] | None:
    """What the program once printed; None where the file is something else, such as an inventory in YAML or JSON."""
    if not path.is_file() or os.access(path, os.X_OK):
        return None
    with path.open("rb") as file:
        content = file.read(64)
        if not re.match(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*\{", content):
            return None
        file.seek(0)
        content = read_at_most(file, MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InventoryError(f"{in_quotes(path)} has more than {MAX_BYTES // 1024 // 1024} MiB")
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"  # as PowerShell writes a file
    try:
        data = json.loads(content.decode(encoding))
    except (ValueError, RecursionError):
        return None
    return data if _is_listing(data) else None


def _is_listing(data: object) -> bool:
    """Whether hosts are listed below groups; an inventory of people has them as mappings."""
    if not isinstance(data, dict):
        return False
    groups = [_as_group(group) for name, group in data.items() if name != _META]
    lists = (group.get(key) for group in groups for key in ("hosts", "children"))
    return bool(data) and all(each is None or isinstance(each, list) for each in lists)


def _as_group(group: object) -> Mapping[str, Any]:
    """A group as a mapping; scripts of long ago print a list of its hosts."""
    return group if isinstance(group, dict) else {"hosts": group} if isinstance(group, list) else {}


def _asked(command: Sequence[str], settings: Inventory, folder: Path) -> tuple[str, str]:
    """What the program printed, and the end of what it said beside that, ready to follow a sentence."""
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as said:
        try:
            child = subprocess.Popen(  # noqa: S603 - Ansible's own program
                command,
                cwd=folder,
                env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"},
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=said,
                start_new_session=True,
            )
        except OSError as error:
            how = f"install Ansible where FailTale runs, or save what '{PROGRAM} --list' prints as a file and name that"
            raise InventoryError(f"the program '{PROGRAM}' cannot be started ({error.strerror}); {how}") from error
        try:
            status = child.wait(settings.timeout_s)
        except subprocess.TimeoutExpired as error:
            _end(child)
            sentence = f"'{PROGRAM}' took more than {settings.timeout_s:g} s{_end_of(said)}; raise 'inventory.timeout'"
            raise InventoryError(sentence) from error
        if status:
            raise InventoryError(f"'{PROGRAM}' ended with status {status}{_end_of(said)}{_way_out(said)}")
        printed.seek(0)
        content = read_at_most(printed, MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InventoryError(f"'{PROGRAM}' printed more than {MAX_BYTES // 1024 // 1024} MiB")
        return content.decode("utf-8", "replace"), _end_of(said)


def _end(child: subprocess.Popen[bytes]) -> None:
    """With all that it started: a dynamic inventory may hang in a program of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _end_of(said: Any) -> str:
    """What Ansible says of a cause, once, without what it says of having none but `localhost`."""
    said.seek(0)
    lines = read_at_most(said, MAX_BYTES).decode("utf-8", "replace").splitlines()
    telling: list[str] = []
    for line in (line.removeprefix("[WARNING]: ").strip() for line in lines if not _FRAME.match(line)):
        if line and not any(each.endswith(line) for each in telling):
            telling.append(line)
    words = shorten(one_line(sanitize(" ".join(telling))), _SHOWN_CHARS)
    return f" (it said: '{words}')" if words else ""


def _way_out(said: Any) -> str:
    said.seek(0)
    if b"ault" not in read_at_most(said, MAX_BYTES):
        return ""
    return f"; where the vault can be opened, save what '{PROGRAM} --list' prints as a file and name that"


# --- Groups and hosts -------------------------------------------------------------------------------------------------


class _Listing:
    """The answer by groups and hosts; whatever has another shape counts as not there."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._groups = {name: _as_group(group) for name, group in data.items() if name != _META}
        meta = data.get(_META)
        variables = meta.get("hostvars") if isinstance(meta, dict) else None
        self._variables: Mapping[str, Any] = variables if isinstance(variables, dict) else {}
        self.groups: tuple[str, ...] = tuple(dict.fromkeys([*self._groups, *self._children()]))
        named = (host for group in self._groups for host in _texts_in(self._groups[group].get("hosts")))
        self.hosts = tuple(dict.fromkeys([*named, *map(str, self._variables)]))

    def members(self, group: str) -> tuple[str, ...]:
        """Hosts of a group and of all groups below it."""
        if group == "all":
            return self.hosts
        found, ahead, seen = [], [group], set()
        while ahead:
            name = ahead.pop(0)
            if name not in seen and (each := self._groups.get(name)) is not None:
                found += _texts_in(each.get("hosts"))
                ahead += _texts_in(each.get("children"))
            seen.add(name)
        return tuple(dict.fromkeys(found))

    def variables(self, host: str) -> Mapping[str, Any]:
        found = self._variables.get(host)
        return {name: _without_marks(value) for name, value in found.items()} if isinstance(found, dict) else {}

    def _children(self) -> Iterator[str]:
        for group in self._groups.values():
            yield from _texts_in(group.get("children"))


def _without_marks(value: object) -> object:
    """What is marked as not to be taken for a template is a text as it stands."""
    if isinstance(value, dict) and value.keys() == {"__ansible_unsafe"}:
        return value["__ansible_unsafe"]
    return value


def _texts_in(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _components_of_groups(
    settings: Inventory, components: Collection[str], listing: _Listing
) -> Mapping[str, tuple[str, ...]]:
    if not settings.groups:
        found = {name: (name,) for name in components if name in listing.groups}
        if not found:
            names = ", ".join(listing.groups[:20])
            raise InventoryError(
                f"no group bears the name of a component; write 'groups: {{GROUP: COMPONENT}}' (its groups: {names})"
            )
        return found
    for group in settings.groups:
        if group not in (*listing.groups, "all"):
            raise InventoryError(unknown("group", group, listing.groups[:200]))
    return settings.groups


def _assigned(listing: _Listing, groups: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Host -> its components."""
    assigned: dict[str, list[str]] = {}
    for group, components in groups.items():
        for host in listing.members(group):
            mine = assigned.setdefault(host, [])
            mine += [component for component in components if component not in mine]
    return assigned


# --- Variables of a host -> its section -------------------------------------------------------------------------------


@dataclass(slots=True)
class _Notes:
    """Sentences, each with the hosts that it is said of."""

    _hosts: dict[str, list[str]] = field(default_factory=dict)

    def add(self, sentence: str, host: str) -> None:
        self._hosts.setdefault(sentence, []).append(host)

    def sentences(self) -> Iterator[str]:
        for sentence, hosts in self._hosts.items():
            whose = in_quotes(hosts[0]) if len(hosts) == 1 else f"{len(hosts)} hosts, {in_quotes(hosts[0])} first"
            yield f"{sentence} ({whose})."


def _sections_of_hosts(
    assigned: Mapping[str, list[str]], listing: _Listing, folder: Path, notes: _Notes
) -> Iterator[tuple[str, Section]]:
    for host, components in assigned.items():
        if re.fullmatch(NAME_PATTERN, host) is None:
            notes.add("left out, for its name is none that a host can have here", host)
            continue
        section = _Variables(host, listing.variables(host), folder, notes).section()
        if section is not None:
            yield host, {"component": components, **section}


@dataclass(slots=True)
class _Variables:
    """What Ansible knows of one host."""

    host: str
    values: Mapping[str, Any]
    folder: Path
    notes: _Notes

    def section(self) -> Section | None:
        """How the host is reached; None where it cannot be."""
        if self._is_hidden("ansible_host", "ansible_ssh_host", "ansible_connection"):
            self._note("left out, for where it is stands in a sealed value or a template; write it below 'hosts'")
            return None
        connection = (self._text("ansible_connection") or "ssh").rpartition(".")[2]
        address = self._text("ansible_host", "ansible_ssh_host")
        if connection == "local":
            return {"transport": "local"}
        if connection in _CONTAINERS:
            inside = [_CONTAINERS[connection], "exec", "-i", address or self.host]
            return {"transport": "local", "inside": inside}
        if connection not in _OVER_SSH:
            self._note(f"left out: FailTale cannot ask over {in_quotes(connection[:40])}")
            return None
        for name in _PASSWORDS:
            if name in self.values:
                self._note(f"'{name}' is not used: log in with a key, or write 'password' below 'ssh'")
        named = {
            "user": self._text("ansible_user", "ansible_ssh_user"),
            "port": self._text("ansible_port", "ansible_ssh_port"),
            "key": self._key(),
        }
        return _without_nothing({"address": address, "ssh": {**self._arguments(), **_without_nothing(named)}})

    def _key(self) -> str | None:
        named = self._text("ansible_ssh_private_key_file", "ansible_private_key_file")
        path = self.folder / Path(named).expanduser() if named else None
        if path is None or path.is_file():
            return str(path) if path else None
        self._note(f"the key {in_quotes(named)} is not on this machine, so that the keys of 'ssh' are used")
        return None

    def _arguments(self) -> Section:
        """What arguments of ssh say of the way."""
        found: Section = {}
        for name in _ARGUMENTS:
            try:
                words = shlex.split(self._text(name) or "")
            except ValueError:
                self._note(f"'{name}' is not followed: a quote in it is not closed")
                continue
            for key, value in _options(words):
                self._follow(key, value, found)
        return found

    def _follow(self, key: str, value: str, found: Section) -> None:
        if key == "proxyjump":
            found["proxy_jump"] = value
        elif key == "proxycommand" and (through := _THROUGH.fullmatch(value)):
            found["proxy_jump"] = through["host"]
        elif key == "config":
            found["config"] = str(self.folder / Path(value).expanduser())
        elif key == "userknownhostsfile" and value != "/dev/null":
            found["known_hosts"] = str(self.folder / Path(value).expanduser())
        elif key in ("user", "port", "identityfile"):
            found[{"identityfile": "key"}.get(key, key)] = value
        elif key == "proxycommand":
            self._note(
                "its ProxyCommand is not followed: write it into ssh's configuration and name that in 'ssh.config'"
            )
        elif key in ("stricthostkeychecking", "userknownhostsfile"):
            self._note("that any host key is taken is not followed: 'failtale check --accept-host-keys' asks once")

    def _text(self, *names: str) -> str | None:
        """The first of some variables that can be read, as a text; a sealed one and a template are told."""
        for name in names:
            value = self.values.get(name)
            if value is not None and self._is_hidden(name):
                kind = "is sealed by a vault" if isinstance(value, dict) else "is a template, which a play fills"
                self._note(f"'{name}' {kind}: it is not followed")
            elif isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip():
                return str(value).strip()
        return None

    def _is_hidden(self, *names: str) -> bool:
        values = (self.values.get(name) for name in names)
        return any(isinstance(value, dict) or (isinstance(value, str) and "{{" in value) for value in values)

    def _note(self, sentence: str) -> None:
        self.notes.add(sentence, self.host)


def _without_nothing(section: Mapping[str, Any]) -> Section:
    return {key: value for key, value in section.items() if value not in (None, {})}


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names in lower case and values of ssh's arguments that matter: ``-o NAME=VALUE``, ``-J``, ``-F`` …"""
    letters = {"J": "proxyjump", "F": "config", "l": "user", "p": "port", "i": "identityfile"}
    rest = iter(words)
    for word in rest:
        letter = word[1:2] if word.startswith("-") else ""
        if letter not in (*letters, "o"):
            continue
        value = word[2:] or next(rest, "")
        name, separator, behind = value.partition("=") if "=" in value else value.partition(" ")
        if letter != "o":
            yield letters[letter], value
        elif separator:
            yield name.strip().lower(), behind.strip()
