"""Configuration and environment -> Server: where Ollama is, and what may be sent there."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from FailTaleLibrary.config.model import AnalysisSection
from FailTaleLibrary.errors import HintError
from FailTaleLibrary.hints.lines import one_line, shorten

_DEFAULT = "http://127.0.0.1:11434"
_PORTS = {"http": 80, "https": 443}
_OLLAMA_PORT = 11434
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where Ollama listens, replaced by where it answers
_NAME = re.compile(r"[\w.-]{1,253}")
_CLOUD = ("ollama.com", ".ollama.com")


@dataclass(frozen=True, slots=True)
class Server:
    """An Ollama server."""

    url: str
    """Scheme, host, port and perhaps a path; never a user or a password."""
    is_loopback: bool
    """Then no proxy of the environment is asked."""
    api_key: str | None = None
    """Sent only here; None for a server that it is not meant for."""


def server_for(settings: AnalysisSection, environ: Mapping[str, str]) -> Server:
    """The server of the configuration, else of ``OLLAMA_HOST``, else on this machine.

    The key of ``OLLAMA_API_KEY`` goes over https alone, to a server that the configuration itself names or, with
    `allow_cloud`, to ollama.com. Raises HintError for what is no address and for a cloud that was not allowed.
    """
    named = settings.host or environ.get("OLLAMA_HOST", "").strip()
    origin = "analysis: host" if settings.host else "the environment variable OLLAMA_HOST"
    scheme, host, url = _parsed(named or _DEFAULT, origin)
    is_cloud = host == _CLOUD[0] or host.endswith(_CLOUD[1])
    if is_cloud and not settings.allow_cloud:
        raise HintError(f"'{host}' is a cloud and 'allow_cloud' is off: nothing was sent; set 'analysis: allow_cloud'")
    is_meant = scheme == "https" and (is_cloud or settings.host is not None)
    return Server(
        url=url,
        is_loopback=_is_loopback(host),
        api_key=(environ.get("OLLAMA_API_KEY") or None) if is_meant else None,
    )


def _parsed(address: str, origin: str) -> tuple[str, str, str]:
    """Scheme, host and URL; as Ollama reads it: without a scheme its own port, with one the scheme's."""
    has_scheme = "://" in address
    try:
        parts = urlsplit(address if has_scheme else f"http://{address}")
        port = parts.port or (_PORTS[parts.scheme] if has_scheme else _OLLAMA_PORT)
        host = _host(parts.hostname or "127.0.0.1")
    except (ValueError, KeyError) as error:
        shown = shorten(one_line(address), 80)
        raise HintError(f"{origin} '{shown}' is no address; write e.g. '{_DEFAULT}'") from error
    bracketed = f"[{host}]" if ":" in host else host
    return parts.scheme, host, f"{parts.scheme}://{bracketed}:{port}{parts.path.rstrip('/')}"


def _host(name: str) -> str:
    """The name or address to connect to; raises ValueError when it cannot be one."""
    if ":" in name:
        name = str(ipaddress.IPv6Address(name))
    elif not _NAME.fullmatch(name):
        raise ValueError(name)
    return _EVERYWHERE.get(name, name)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
