"""Config -> whether the gateway, the model and its documents would serve: reached, let in, of a fitting version."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from FailTaleLibrary import __version__
from FailTaleLibrary.budget import Budget
from FailTaleLibrary.config import Config
from FailTaleLibrary.doctor.findings import Advice, ServiceFinding, Verdict
from FailTaleLibrary.errors import ConfigError, HintError, HistoryError
from FailTaleLibrary.redaction import Redactor

_MODEL_S = 10.0
_READ_S = 5.0
"""For the folder of documents, as at a hint."""


def service_findings(
    config: Config, environ: Mapping[str, str], redactor: Redactor, hosts: Collection[str] = ()
) -> Iterator[ServiceFinding]:
    """The gateway with its hosts, or some of them, the model and its documents.

    Raises ConfigError for a host that the gateway does not have.
    """
    if config.gateway is not None:
        yield from _gateway(config, redactor, hosts)
    if config.history is not None:
        yield from _history(config, redactor)
    if config.analysis.model:
        yield _model(config, environ, redactor)
        if config.analysis.documents is not None:
            yield _documents(config, environ, redactor)


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


def _history(config: Config, redactor: Redactor) -> Iterator[ServiceFinding]:
    """Only what keeps a failure from being counted; a history that works is no news."""
    from FailTaleLibrary.history.database import history_of

    try:
        history_of(config).known()
    except HistoryError as error:
        said = redactor.safe_message(error)
        yield ServiceFinding(
            service="history",
            address=redactor.safe_message(str(config.history)),
            verdict="problem",
            said=f"no failure is counted: {said}",
            advice=(
                Advice(
                    needs="a file in a folder that is there",
                    where="in the configuration",
                    lines=("history: failtale-history.db",),
                ),
            ),
        )


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


def _documents(config: Config, environ: Mapping[str, str], redactor: Redactor) -> ServiceFinding:
    """Whether the folder of `analysis: documents` is read and the model makes vectors of its passages."""
    from FailTaleLibrary.hints.documents import read_documents
    from FailTaleLibrary.hints.ollama import Ollama, server_for

    assert config.analysis.documents is not None  # noqa: S101 - asked before
    folder, name = config.analysis.documents, config.analysis.documents_model or config.analysis.model or ""
    settings = config.analysis.model_copy(update={"model": name})
    try:
        documents = read_documents(folder, redactor, within_s=_READ_S)
        if documents.passages:
            ollama = Ollama(server_for(settings, environ), settings)
            ollama.model(_MODEL_S)
            ollama.embeddings(["failure"], _MODEL_S)
    except HintError as error:
        why = redactor.safe_message(error)
        advice = _model_advice(why, name)
        return ServiceFinding(service="documents", address=str(folder), verdict="problem", said=why, advice=advice)
    size = sum(len(passage.text) for passage in documents.passages)
    files = len({passage.file for passage in documents.passages})
    said = f"{files} files in {len(documents.passages)} passages ({size / 1000:.0f} kB), compared by {name}"
    said += f"; left out, too large, no text or too many: {documents.left_out}" if documents.left_out else ""
    if not documents.passages:
        said = "no .md, .rst or .txt file that can be read"
    verdict: Verdict = "problem" if not documents.passages else "note" if documents.left_out else "ok"
    return ServiceFinding(service="documents", address=str(folder), verdict=verdict, said=said)


def _model_advice(said: str, name: str) -> tuple[Advice, ...]:
    if "cannot be reached" in said:
        return (Advice(needs="Ollama", lines=("ollama serve",)),)
    if re.search(r"pull|not found|no model|has no|is not there", said):
        return (Advice(needs="the model", lines=(f"ollama pull {name}",)),)
    return ()
