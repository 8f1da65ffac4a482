"""A look at a host -> the presets and logs that are worth collecting there. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath

from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.text import decode
from FailTaleLibrary.transports import CommandResult, Script
from FailTaleLibrary.windows.pipeline import assignments

_SERVICES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("nginx", ("nginx",), "nginx runs there"),
    ("apache", ("apache2", "httpd"), "Apache runs there"),
    ("haproxy", ("haproxy",), "HAProxy runs there"),
    ("postgresql", ("postgres", "postmaster"), "PostgreSQL runs there"),
    ("mariadb", ("mariadbd", "mysqld"), "MariaDB or MySQL runs there"),
    ("redis", ("redis-server", "valkey-server"), "Redis runs there"),
    ("rabbitmq", ("beam.smp", "rabbitmq-server"), "RabbitMQ runs there"),
)
"""Preset, the processes that call for it, and why."""
_NEEDS = {"rabbitmq": "rabbitmqctl"}
"""A process that others have, too, counts with this program alone."""
_OWN_LOGS = ("nginx", "apache2", "httpd", "haproxy", "postgresql", "mysql", "mariadb", "redis", "rabbitmq")
"""Folders of /var/log that a preset reads."""
_OF_THE_SYSTEM = frozenset(
    {
        *("alternatives", "apport", "auth", "boot", "bootstrap", "cloud-init", "cloud-init-output", "cron", "daemon"),
        *("dpkg", "fontconfig", "kern", "lastlog", "mail", "messages", "secure", "syslog", "ubuntu-advantage", "user"),
        *(
            "term",
            "history",
            "unattended-upgrades",
            "dnf",
            "dnf.librepo",
            "dnf.rpm",
            "hawkey",
            "yum",
            "Xorg.0",
            "tuned",
        ),
    }
)
"""Names of logs that tell of a machine's administration; the preset `linux` has what matters of them."""
_FOLDERS_OF_THE_SYSTEM = frozenset(
    {"apt", "journal", "installer", "sysstat", "unattended-upgrades", "private", "anaconda"}
)
_MOST_UNITS, _MOST_LOGS = 5, 8


@dataclass(slots=True)
class HostLook:
    """What a host has."""

    system: str = ""
    programs: set[str] = field(default_factory=set)
    processes: set[str] = field(default_factory=set)
    units: dict[str, bool] = field(default_factory=dict)
    """Running units; whether somebody wrote them for this host."""
    logs: dict[str, bool] = field(default_factory=dict)
    """Logs that were written within a week; whether the login may read them."""
    is_complete: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """An entry of `collectors`, as YAML has it, and why it is proposed."""

    line: str
    why: str


def look_script() -> Script:
    programs = " ".join(("systemctl", "journalctl", "rabbitmqctl"))
    return Script(assignments([("programs", programs)]) + host_script("look.sh"), "cat")


def parse_look(result: CommandResult) -> HostLook:
    look = HostLook()
    for line in decode(result.stdout).splitlines():
        word, *values = line.split("\t")
        first, second = [*values, "", ""][:2]
        if word == "system":
            look.system = first
        elif word == "program":
            look.programs.add(first)
        elif word == "process":
            look.processes.add(first)
        elif word == "unit":
            look.units[first] = second == "own"
        elif word == "log":
            look.logs[first] = second == "yes"
        elif word == "end":
            look.is_complete = True
    return look


def proposals(look: HostLook) -> Iterator[Proposal]:
    """The most useful first."""
    if look.system in ("Linux", ""):
        yield Proposal("linux", "disks, memory, processes, network, kernel, failed units")
    for preset, processes, why in _SERVICES:
        needed = _NEEDS.get(preset)
        if look.processes.intersection(processes) and (needed is None or needed in look.programs):
            yield Proposal(preset, why)
    for unit in [unit for unit, is_own in look.units.items() if is_own][:_MOST_UNITS]:
        yield Proposal(f"systemd: {{unit: {yaml_text(unit)}}}", "a unit that was written for this host")
    yield from _logs(look)


def _logs(look: HostLook) -> Iterator[Proposal]:
    folders: defaultdict[str, list[str]] = defaultdict(list)
    for path, is_readable in look.logs.items():
        if is_readable and not _is_of_the_system(PurePosixPath(path)):
            folders[str(PurePosixPath(path).parent)].append(path)
    for folder, paths in list(folders.items())[:_MOST_LOGS]:
        is_shared = folder == "/var/log"
        if len(paths) > 1 and not is_shared:
            yield Proposal(f"file: {yaml_text(f'{folder}/*.log')}", f"{len(paths)} logs that are written to")
        else:
            yield from (Proposal(f"file: {yaml_text(path)}", "a log that is written to") for path in paths[:_MOST_LOGS])


def _is_of_the_system(path: PurePosixPath) -> bool:
    if path.parts[:3] != ("/", "var", "log"):
        return False
    folder = path.parts[3] if len(path.parts) > 4 else ""
    return path.stem in _OF_THE_SYSTEM or folder in _FOLDERS_OF_THE_SYSTEM or folder in _OWN_LOGS


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@~+*-")


def yaml_text(text: str) -> str:
    """A text as YAML takes it: plain where it can be, else in quotes."""
    is_plain = text and set(text) <= _PLAIN and text[0] not in "*@-~+." and not text.replace(".", "").isdigit()
    if is_plain and text.lower() not in ("yes", "no", "on", "off", "true", "false", "null", "y", "n"):
        return text
    if text.startswith("~/") and set(text) <= _PLAIN:
        return text
    return "'" + text.replace("'", "''") + "'"
