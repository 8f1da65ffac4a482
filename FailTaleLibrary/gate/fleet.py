"""A configuration -> what the master of its minions needs: the module with their gates, and who may call it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

from FailTaleLibrary import __version__
from FailTaleLibrary.config import Config, SaltSettings
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.gate.script import GateScript, gate_of_host
from FailTaleLibrary.windows.collector_text import collector_digest

MODULE = "failtale"
_NO_GATES = "GATES: dict[str, tuple[list[str], str]] = {}\n"


def minions_of(config: Config) -> dict[str, str]:
    """Host -> its minion's id. Raises ConfigError where no host is reached by Salt."""
    minions = {name: host.address or name for name, host in config.hosts.items() if host.transport == "salt"}
    if not minions:
        raise ConfigError("No host of the configuration has 'transport: salt'.")
    return minions


def salt_module(config: Config) -> str:
    """The text of ``_modules/failtale.py``: one gate for all hosts that have the same collectors.

    Equal configurations give equal texts. Raises ConfigError where no host is reached by Salt.
    """
    gates: dict[str, tuple[GateScript, list[str]]] = {}
    for host in minions_of(config):
        gate = gate_of_host(config, host)
        pairs = [f"{each.name} {collector_digest(each)}" for _, each in config.collectors_for(host)]
        gates.setdefault(gate.digest, (gate, pairs))
    template = files("FailTaleLibrary.on_host").joinpath("salt_module.py").read_text(encoding="utf-8")
    head = f"# FailTale {__version__}; gates: {', '.join(sorted(gates))}\n"
    return head + template.replace(_NO_GATES, "".join(_gates_as_text(gates)))


def _gates_as_text(gates: dict[str, tuple[GateScript, list[str]]]) -> Iterator[str]:
    """A line of the module for each line of a gate, so that an administrator can read and compare it."""
    yield "GATES: dict[str, tuple[list[str], str]] = {}\n"
    for digest in sorted(gates):
        gate, pairs = gates[digest]
        yield f"GATES[{digest!r}] = (\n    {pairs!r},\n"
        yield "".join(f"    {line!r}\n" for line in gate.text.splitlines(keepends=True))
        yield ")\n"


def external_auth(config: Config) -> str:
    """What the master's configuration must say so that the user may do what FailTale asks for, and nothing else."""
    minions = minions_of(config)
    settings = config.salt
    if settings is None:
        raise ConfigError("The configuration has no section 'salt' that names the user of salt-api.")
    return "\n".join([*_auth_lines(settings, tuple(dict.fromkeys(minions.values()))), ""])


def _auth_lines(settings: SaltSettings, minions: tuple[str, ...]) -> Iterator[str]:
    yield "# /etc/salt/master.d/failtale.conf; restart salt-master and salt-api after writing it."
    yield "external_auth:"
    yield f"  {settings.eauth}:"
    yield f"    {settings.user}:"
    yield f"      - '{_pattern_of(minions)}':"
    for function in _functions(settings):
        yield f"        - {function}"
    yield "      - '@jobs':"
    yield "        - list_job$"
    yield "        - exit_success$"


def _functions(settings: SaltSettings) -> tuple[str, ...]:
    if settings.function == "cmd.run_all":
        return ("cmd.run_all$",)
    return tuple(f"{MODULE}.{name}$" for name in ("hello", "collect", "end"))


def _pattern_of(minions: tuple[str, ...]) -> str:
    """What means these minions: the name itself, a list of them, or all, where a list would be too long to read."""
    if len(minions) > 20:
        return "*"
    names = ",".join(minions)
    return names if len(minions) == 1 and not re.search(r"[*?\[]", names) else f"L@{names}"
