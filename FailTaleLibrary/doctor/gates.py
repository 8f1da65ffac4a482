"""A host that answers by a gate -> whether it was made from this configuration, and the line for a new one. Pure."""

from __future__ import annotations

import shlex

from FailTaleLibrary.config import Config
from FailTaleLibrary.doctor.findings import Advice, StageFinding
from FailTaleLibrary.gate import gate_of_host

_BY_THE_GATE = "the gate "
"""How a refusal by a gate begins (`transports/gates.py`)."""


def gate_finding(digest: str, config: Config, host: str, user: str) -> StageFinding:
    """``digest``: what the gate says it was made from."""
    said = f"logged in as {user}, a gate answers" if user else "a gate answers"
    if digest == gate_of_host(config, host).digest:
        return StageFinding(stage="shell", verdict="ok", said=f"{said}, made from this configuration")
    said += " that was made from another configuration: what is still the same is collected"
    return StageFinding(stage="shell", verdict="note", said=said, advice=new_gate(host))


def is_refused_by_gate(detail: str) -> bool:
    """Whether a gap says that runner and gate differ."""
    return detail.startswith(_BY_THE_GATE)


def new_gate(host: str) -> tuple[Advice, ...]:
    """What makes them agree."""
    line = f"failtale prepare-host {shlex.quote(host)} > prepare.sh"
    return (Advice(needs="a new gate: run as root there what this prints", where="on this machine", lines=(line,)),)
