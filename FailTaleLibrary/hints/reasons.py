"""Whatever went wrong with a call -> a HintError whose words need no knowledge of httpx or of the ollama package."""

from __future__ import annotations

import json

from FailTaleLibrary.errors import HintError
from FailTaleLibrary.hints.lines import one_line, shorten


class UnreachableError(HintError):
    """The server cannot be reached or went away; asking again in this run is of no use."""


class TooSlowError(HintError):
    """The server did not answer within the time for it."""


class StatusError(Exception):
    """An answer with another status than 200."""

    def __init__(self, status: int, path: str, body: str) -> None:
        super().__init__(body)
        self.status_code = status
        self.path = path
        self.error = body


def plain_reason(error: Exception, *, url: str, model: str, deadline_s: float) -> HintError:
    """What happened, as a HintError of the kind that the run's budget counts or does not."""
    import httpx  # loaded already, or about to explain why it was not

    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return _refusal(status, error, url=url, model=model)
    if isinstance(error, (ConnectionError, httpx.ConnectError, httpx.ConnectTimeout)):
        return UnreachableError(
            f"Ollama does not answer at '{url}'; start it with 'ollama serve', or set 'analysis: host'"
        )
    if isinstance(error, httpx.TimeoutException):
        return TooSlowError(f"Ollama at '{url}' gave no answer within {deadline_s:.3g} s")
    if isinstance(error, httpx.TransportError):
        return UnreachableError(f"the connection to Ollama at '{url}' broke off before the answer was complete")
    if isinstance(error, (ImportError, ValueError)) and _came_from_import(error):
        return HintError(
            f"the ollama package cannot be loaded ('{quoted(str(error))}'); "
            "see the environment variables OLLAMA_HOST and *_PROXY"
        )
    return HintError(f"what answers at '{url}' does not speak Ollama's API; see 'analysis: host'")


def _came_from_import(error: Exception) -> bool:
    """Whether the error rose while a module was loaded."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "<module>":
            return True
        trace = trace.tb_next
    return isinstance(error, ImportError)


def _refusal(status: int, error: Exception, *, url: str, model: str) -> HintError:
    said = _said(getattr(error, "error", ""))
    if status == 404 and getattr(error, "path", "/api/chat") == "/api/tags":
        return HintError(f"what answers at '{url}' does not speak Ollama's API (404); see 'analysis: host'")
    if status == 404:
        return HintError(f"model '{quoted(model)}' is not there; type 'ollama pull {quoted(model)}'")
    if 300 <= status < 400:
        return HintError(f"'{url}' redirects elsewhere ({status}), which is not followed; see 'analysis: host'")
    if status in (401, 403):
        return HintError(f"Ollama at '{url}' refuses access ({status}){said}")
    if status == 503:
        return HintError(f"Ollama at '{url}' is busy ({status}){said}")
    if status < 0:
        return HintError(f"Ollama broke off its answer with an error{said}")
    return HintError(f"Ollama at '{url}' refuses the request ({status}){said}")


def _said(body: object) -> str:
    """The server's own words, if they are words; a page of HTML says nothing to our reader."""
    text = str(body)
    try:
        found = json.loads(text)
    except ValueError:
        found = text
    words = found.get("error") if isinstance(found, dict) else found
    if not isinstance(words, str) or not words.strip() or words.lstrip().startswith("<"):
        return ""
    return f": '{quoted(words)}'"


def quoted(text: str) -> str:
    return shorten(one_line(text), 160)
