"""What `failtale check` found: the records that its table and its JSON are made of.

docs/check.schema.json is made from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from FailTaleLibrary.schema import Field, Model

SCHEMA_VERSION = 1
Verdict = Literal["ok", "note", "problem"]
Where = Literal[
    "on the host", "on the jump host", "on the Salt master", "on this machine", "in the configuration", "in the cluster"
]


class Finding(Model):
    """Plain data that programs may read."""


class Advice(Finding):
    """What to do, with the lines to type or to write."""

    needs: str = Field("", description="What is missing, e.g. `the group adm`.")
    where: Where = Field("on the host", description="Where the lines are typed or written.")
    lines: tuple[str, ...] = Field((), description="The lines, as they are.")


class StageFinding(Finding):
    """One stage of the way to a host, or one fact about it."""

    stage: Literal["name", "reach", "host key", "key", "login", "shell", "clock", "tools", "space"] = Field(
        description="Which one."
    )
    verdict: Verdict = Field(description="`problem`: evidence would be lost; `note`: worth knowing.")
    said: str = Field(description="What was found, in a sentence or a few words.")
    advice: tuple[Advice, ...] = Field((), description="What to do.")


class CollectorFinding(Finding):
    """What one collector got from one host, when it ran as it would at a failure."""

    component: str = Field(description="The component that it belongs to.")
    collector: str = Field(description="Its name.")
    outcome: Literal["ok", "empty", "in part", "cannot"] = Field(
        description="`empty`: it could read and there was nothing in the last minutes."
    )
    verdict: Verdict = Field(description="`problem`: evidence would be lost.")
    said: str = Field("", description="The host's own words, or what was found; no secrets are in it.")
    privilege: str = Field("", description="What the SSH user needs, as the preset or the configuration says.")
    seconds: float = Field(0.0, description="How long it took.")
    bytes: int = Field(0, description="Bytes of its output that travelled.")
    advice: tuple[Advice, ...] = Field((), description="What to do.")


class WayFinding(Finding):
    """One value of the way to a host over SSH."""

    key: str = Field(description="`address`, `port`, `user`, `key`, `known_hosts`, `proxy_jump` …")
    value: str = Field(description="What is gone by.")
    origin: str = Field(description="`failtale.yaml`, `ssh's configuration`, or `default`.")


class HostFinding(Finding):
    """One host."""

    host: str = Field(description="Its name in the configuration.")
    address: str = Field("", description="What is connected to; empty for the machine that runs the tests.")
    user: str = Field("", description="Who logs in.")
    way: tuple[WayFinding, ...] = Field((), description="How it is reached, and where each value comes from.")
    seconds: float = Field(0.0, description="How long it took.")
    stages: tuple[StageFinding, ...] = Field((), description="In the order of the way to it; the last may have failed.")
    collectors: tuple[CollectorFinding, ...] = Field((), description="In the order in which they run.")

    @property
    def can_be_asked(self) -> bool:
        return not any(stage.verdict == "problem" and stage.stage in WAY for stage in self.stages)


WAY = ("name", "reach", "host key", "key", "login", "shell")
"""Stages without which nothing can be collected."""


class ServiceFinding(Finding):
    """The gateway, the model, or the documents that go along to it."""

    service: Literal["gateway", "history", "model", "documents"] = Field(description="Which one.")
    address: str = Field(description="Where it is.")
    verdict: Verdict = Field(description="`problem`: it would not serve.")
    said: str = Field(description="What was found.")
    advice: tuple[Advice, ...] = Field((), description="What to do.")


class Note(Finding):
    """What is odd in the configuration without being wrong."""

    said: str = Field(description="What, in a sentence.")
    advice: tuple[Advice, ...] = Field((), description="What to do.")


class Checkup(Finding):
    """All of it: what `failtale check --json` prints."""

    schema_version: int = Field(SCHEMA_VERSION, description="Of this form.")
    failtale_version: str = Field(description="Which FailTale looked.")
    configuration: str = Field(description="The file.")
    well: bool = Field(description="Whether no evidence would be lost: exit status 0.")
    seconds: float = Field(description="How long it took.")
    hosts: tuple[HostFinding, ...] = Field((), description="In the order of the configuration.")
    services: tuple[ServiceFinding, ...] = Field(
        (), description="The gateway, the model and its documents, where there are any."
    )
    notes: tuple[Note, ...] = Field((), description="On the configuration and on `known_hosts`.")


def problems_in(host: HostFinding) -> Iterator[StageFinding | CollectorFinding]:
    """What would cost evidence on a host."""
    yield from (stage for stage in host.stages if stage.verdict == "problem")
    yield from (collector for collector in host.collectors if collector.verdict == "problem")
