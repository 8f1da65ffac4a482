"""Config -> whether the gateway and the model would serve: reached, let in, of a version that fits, there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from FailTaleLibrary import __version__
from FailTaleLibrary.budget import Budget
from FailTaleLibrary.config import Config
from FailTaleLibrary.doctor.findings import Advice, ServiceFinding
from FailTaleLibrary.errors import ConfigError, HintError
from FailTaleLibrary.redaction import Redactor

_MODEL_S = 10.0


def service_findings(
    config: Config, environ: Mapping[str, str], redactor: Redactor, hosts: Collection[str] = ()
) -> Iterator[ServiceFinding]:
    """The gateway with its hosts, or some of them, and the model. Raises ConfigError for a host it does not have."""
    if config.gateway is not None:
        yield from _gateway(config, redactor, hosts)
    if config.analysis.model:
        yield _model(config, environ, redactor)


def _gateway(config: Config, redactor: Redactor, hosts: Collection[str]) -> Iterator[ServiceFinding]:
    from FailTaleLibrary.gateway.source import GatewaySource  # with what speaks MCP; only a gateway's client needs it

    assert config.gateway is not None  # noqa: S101 - asked before
    url = config.gateway.url
    try:
        source = GatewaySource(config)
    except ConfigError as error:
        yield ServiceFinding(service="gateway", address=url, verdict="problem", said=str(error))
        return
    try:
        verdicts = source.check_hosts(hosts, budget=Budget(config.limits.failure_time_s))
        version = source.version
    finally:
        source.close()
    if (refusal := verdicts.get("gateway")) is not None and len(verdicts) == 1 and refusal:
        said = redactor.safe_message(refusal)
        yield ServiceFinding(service="gateway", address=url, verdict="problem", said=said, advice=_gateway_advice(said))
        return
    bad = {host: said for host, said in verdicts.items() if said}
    reached = f"FailTale {version or 'of a version that it does not tell'}"
    reached += "" if version in ("", __version__) else f" (here it is {__version__})"
    words = "".join(f"; {host}: {redactor.safe_message(why)}" for host, why in bad.items())
    advice = (Advice(needs="the same on the gateway's machine", lines=("failtale check",)),) if bad else ()
    yield ServiceFinding(
        service="gateway",
        address=url,
        verdict="problem" if bad else "ok" if version == __version__ else "note",
        said=f"{reached}; {len(verdicts) - len(bad)} of its {len(verdicts)} hosts can be reached{words}",
        advice=advice,
    )


def _gateway_advice(said: str) -> tuple[Advice, ...]:
    if "refuses the token" in said:
        line = "token_file: ~/.config/failtale/token"
        return (Advice(needs="the gateway's token in a file", where="in the configuration", lines=(line,)),)
    if "not served under this name" in said:
        return (Advice(needs="its name among those that it serves", lines=("failtale serve --allow-host NAME",)),)
    if "another version" in said:
        return (Advice(needs="the same FailTale", lines=("pip install --upgrade 'robotframework-failtale[mcp]'",)),)
    if "Cannot reach" in said:
        return (Advice(needs="a gateway that runs", lines=("failtale serve --config failtale.yaml",)),)
    return ()


def _model(config: Config, environ: Mapping[str, str], redactor: Redactor) -> ServiceFinding:
    from FailTaleLibrary.hints.ollama import Ollama, server_for  # heavy, and only who wants hints needs it

    settings, name = config.analysis, config.analysis.model or ""
    address = settings.host or environ.get("OLLAMA_HOST") or "http://127.0.0.1:11434"
    try:
        server = server_for(settings, environ)
        address = server.url
        model = Ollama(server, settings).model(_MODEL_S)
    except HintError as error:
        said = redactor.safe_message(error)
        return ServiceFinding(
            service="model", address=address, verdict="problem", said=said, advice=_model_advice(said, name)
        )
    there = f"{name} is there, window {model.context_tokens} tokens"
    return ServiceFinding(service="model", address=address, verdict="ok", said=there)


def _model_advice(said: str, name: str) -> tuple[Advice, ...]:
    if "cannot be reached" in said:
        return (Advice(needs="Ollama", lines=("ollama serve",)),)
    if re.search(r"pull|not found|no model|has no|is not there", said):
        return (Advice(needs="the model", lines=(f"ollama pull {name}",)),)
    return ()
