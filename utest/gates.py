"""Gates run on this machine as a forced command is: by a shell, with what the client asked for in the environment."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from patience import FOREVER_S
from ways import NEVER

from FailTaleLibrary.config import Collector, Config
from FailTaleLibrary.gate.script import OWN_SHELL
from FailTaleLibrary.transports import CommandResult, Script, Transport, VisitItem
from FailTaleLibrary.transports.base import HEADROOM_BYTES
from FailTaleLibrary.transports.local import LocalTransport, _Process
from FailTaleLibrary.transports.visit_host import KnownLogin
from FailTaleLibrary.windows import ResolvedWindow, command_line, question

SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]
MAX_BYTES = 10_000


def config_of(*collectors: dict[str, Any], **limits: Any) -> Config:
    """One host, called 'web1', with these collectors."""
    return Config.model_validate(
        {
            "components": {"web": {"collectors": list(collectors)}},
            "hosts": {"web1": {"component": "web"}},
            "limits": limits,
            "ssh": {"command_timeout": FOREVER_S},
        }
    )


def collectors_of(config: Config) -> list[Collector]:
    return [collector for _, collector in config.collectors_for("web1")]


def written(text: str, directory: Path, shell: str = "dash") -> Path:
    """A gate in a file that a certain shell runs, under the name `sh` as on a host."""
    directory.mkdir(exist_ok=True)
    own_shell = directory / "sh"
    own_shell.unlink(missing_ok=True)
    own_shell.symlink_to(shutil.which(shell) or "")
    gate = directory / "gate"
    gate.write_text(text.replace(OWN_SHELL, str(own_shell)))
    gate.chmod(0o755)
    return gate


class GateTransport(LocalTransport):
    """The way to a gate that stands in a file."""

    def __init__(self, gate: Path, *, is_known: bool = True) -> None:
        self.known = KnownLogin(has_shell=is_known, has_gate=is_known)
        self.file = gate
        self.name = "web1"
        self.command_lines: list[str] = []
        """What the client has asked for."""

    def start(self, command_line: str, *, wait_s: float) -> _Process:
        self.command_lines.append(command_line)
        environment = f"SSH_CONNECTION='192.0.2.7 50000 192.0.2.1 22' SSH_ORIGINAL_COMMAND={shlex.quote(command_line)}"
        return _Process(f"{environment} exec {shlex.quote(str(self.file))}")


def ask(
    way: Transport,
    collectors: Iterable[Collector],
    window: ResolvedWindow,
    *,
    timeout_s: float = FOREVER_S,
    max_bytes: int = MAX_BYTES,
) -> dict[str, CommandResult]:
    """What a host answers to these collectors, asked as a collection asks."""
    items: list[VisitItem] = []
    results: dict[str, CommandResult] = {}
    for each in collectors:
        line = command_line(each, window=window, max_bytes=max_bytes)
        script = Script(
            line.producer,
            line.filters,
            line.newest_bytes,
            shared=line.shared,
            collector=each.name,
            question=partial(question, each, line.values),
        )
        items.append(VisitItem(each.name, script, each.timeout_s or timeout_s, max_bytes + HEADROOM_BYTES))
    way.visit(
        items,
        ends_at=time.monotonic() + 2 * FOREVER_S,
        cancel=NEVER,
        on_result=lambda name, result: results.update({name: result}),
    )
    return results
