"""A host on which a preset's program runs: asked live, judged, and kept when recording."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from host_shells import BUSYBOX, HostShell, host_shells
from needs import need
from preset_answers import DASH, SHIPPED, Recorded, ask, collectors_of, item_of, judge, keep
from preset_servers import (
    IS_ROOT,
    version,
)

from FailTaleLibrary.config import Collector
from FailTaleLibrary.records import Item

SHELLS = [shell for shell in host_shells() if not shell.applets_only]
BARE = next((shell for shell in host_shells() if shell.applets_only), None)
NOBODY = HostShell("nobody", ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *DASH.argv))


@dataclass
class Machine:
    """A host on which a preset's program runs, or ran."""

    preset: str
    version: str
    directory: Path
    values: dict[str, object] = field(default_factory=dict)
    port: int = 0
    since: float = field(default_factory=lambda: time.time() - 1)

    @property
    def collectors(self) -> dict[str, Collector]:
        return collectors_of(self.preset, **self.values)

    def answers(self, case: str, *names: str, shell: HostShell = DASH, **values: object) -> dict[str, Recorded]:
        """Asks collectors (default: all), judges what came by the laws of the case, and keeps it when recording."""
        collectors = collectors_of(self.preset, **self.values | values)
        told = {
            name: ask(collectors[name], since=self.since, shell=shell, path=self.directory / "bin")
            for name in names or collectors
        }
        for name, recorded in told.items():
            judge(case, collectors[name], recorded)
        if shell in (DASH, NOBODY):
            keep(self.preset, case, self.version, told, instead=self._instead())
        return told

    def item(self, name: str, *, shell: HostShell = DASH) -> Item:
        collector = self.collectors[name]
        recorded = ask(collector, since=self.since, shell=shell, path=self.directory / "bin")
        item = item_of(collector, recorded)
        assert isinstance(item, Item), item
        return item

    def _instead(self) -> Mapping[str, str]:
        """What stands in the recorded answers for paths of this one run."""
        defaults = {collector.name: collector for collector in collectors_of(self.preset).values()}
        told = {}
        for collector in self.collectors.values():
            for path, other in zip(collector.file, defaults[collector.name].file, strict=True):
                told[path.rpartition("/")[0]] = other.rpartition("/")[0]
        return {**told, str(self.directory): "/srv", os.uname().release: "6.1.0-amd64"}


def missing(preset: str, *names: str, **values: object) -> None:
    """The case of a host that has neither the program nor its logs."""
    need("busybox")
    assert BARE is not None
    logs = {"logs": "/nowhere"} if "logs" in SHIPPED[preset].parameters else {}
    collectors = collectors_of(preset, **logs, **values)
    told = {name: ask(collectors[name], since=time.time(), shell=BARE) for name in names or collectors}
    for name, recorded in told.items():
        judge("missing-tool", collectors[name], recorded)
    instead = {"/nowhere": SHIPPED[preset].parameters["logs"].default or ""} if logs else {}
    keep(preset, "missing-tool", version(str(BUSYBOX)), told, instead=instead)


def without_rights() -> HostShell:
    if not IS_ROOT:
        pytest.skip("only root can try what another user may not read")
    need("setpriv")
    return NOBODY


def locked_logs(machine: Machine) -> Path:
    logs = machine.directory / "logs"
    logs.chmod(0o700)
    return logs


def is_quiet(machine: Machine, *names: str, **values: object) -> None:
    """Judges what a server says before anything happened, with a log in which nothing stands."""
    quiet = machine.directory / "quiet"
    quiet.mkdir(exist_ok=True)
    (quiet / "server.log").touch()
    machine.answers("empty", *names, logs=quiet, **values)
