"""What a minion, or the salt-api before it, did not do -> the stage at which that is, and what to write where. Pure."""

from __future__ import annotations

from FailTaleLibrary.config import Config
from FailTaleLibrary.doctor.findings import Advice, StageFinding
from FailTaleLibrary.errors import ConfigError, TransportError
from FailTaleLibrary.gate import gate_of_host
from FailTaleLibrary.gate.fleet import external_auth
from FailTaleLibrary.transports.salt_api import Problem, SaltError

_MODULE_LINES = (
    "install -d /srv/salt/_modules",
    "# write there as failtale.py what this prints on the machine of the tests: failtale gate --salt",
    "salt '*' saltutil.sync_modules",
)


def minion_finding(error: TransportError, config: Config, host: str) -> StageFinding:
    """The finding for a minion that cannot be asked."""
    problem = error.problem if isinstance(error, SaltError) else "minion"
    stage = "login" if problem == "login" else "shell" if problem in ("function", "jobs", "module") else "reach"
    return StageFinding(stage=stage, verdict="problem", said=str(error), advice=_advice(problem, config, host))


def _advice(problem: Problem, config: Config, host: str) -> tuple[Advice, ...]:
    minion = config.hosts[host].address or host
    lines: tuple[str, ...]
    if problem == "api":
        lines = ("systemctl status salt-api", "ss -tlnp | grep salt-api")
        return (Advice(needs="a salt-api that answers", where="on the Salt master", lines=lines),)
    if problem in ("login", "function", "jobs"):
        lines = tuple(_lines_of_auth(config))
        return (Advice(needs="external_auth that allows this", where="on the Salt master", lines=lines),)
    if problem == "module":
        return (Advice(needs="the module 'failtale'", where="on the Salt master", lines=_MODULE_LINES),)
    lines = (f"salt-key -L | grep -n {minion}", f"salt {minion} test.ping")
    return (Advice(needs="a minion that responds", where="on the Salt master", lines=lines),)


def _lines_of_auth(config: Config) -> list[str]:
    try:
        return external_auth(config).splitlines()
    except ConfigError:
        return ["failtale gate --external-auth"]


def minion_gate_finding(gates: tuple[str, ...], config: Config, host: str) -> StageFinding:
    """``gates``: digests of the gates that the minion's module has; none where it runs whole scripts."""
    if config.salt is not None and config.salt.function == "cmd.run_all":
        advice = Advice(needs="least privilege", where="on the Salt master", lines=_MODULE_LINES)
        return StageFinding(
            stage="shell", verdict="note", said="runs whole scripts as root by cmd.run_all", advice=(advice,)
        )
    if gate_of_host(config, host).digest in gates:
        return StageFinding(stage="shell", verdict="ok", said="through the module 'failtale' of this configuration")
    said = "the module 'failtale' is of another configuration: what is still the same is collected"
    advice = Advice(needs="a new module", where="on the Salt master", lines=_MODULE_LINES)
    return StageFinding(stage="shell", verdict="note", said=said, advice=(advice,))
