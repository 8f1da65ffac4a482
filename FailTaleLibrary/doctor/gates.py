"""A host that answers by a gate -> whether it was made from this configuration, and the line for a new one. Pure."""

from __future__ import annotations

import shlex

from FailTaleLibrary.config import Config
from FailTaleLibrary.doctor.findings import Advice, StageFinding
from FailTaleLibrary.gate import gate_of_host


def gate_finding(digest: str, config: Config, host: str, user: str) -> StageFinding:
    """``digest``: what the gate says it was made from."""
    said = f"logged in as {user} through a gate" if user else "through a gate"
    if digest == gate_of_host(config, host).digest:
        said += " of this configuration; what explains a refusal cannot be asked there"
        return StageFinding(stage="shell", verdict="ok", said=said)
    line = f"failtale prepare-host {shlex.quote(host)} > prepare.sh"
    advice = Advice(needs="a new gate: run as root there what this prints", where="on this machine", lines=(line,))
    said += " of another configuration: what is still the same is collected"
    return StageFinding(stage="shell", verdict="note", said=said, advice=(advice,))
