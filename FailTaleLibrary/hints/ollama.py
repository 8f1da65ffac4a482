"""Prompt -> Reply over Ollama's API; whatever goes wrong becomes a HintError in plain words.

Nothing is pulled, no redirect is followed, and no call outlives its deadline.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from FailTaleLibrary.background import call_within
from FailTaleLibrary.config.model import AnalysisSettings
from FailTaleLibrary.errors import HintError
from FailTaleLibrary.hints.answer import holds_answer
from FailTaleLibrary.hints.prompt import ANSWER_TOKENS, Prompt, prompt_line
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.text import shorten

if TYPE_CHECKING:
    import httpx

_log = logger_of(__name__)

# --- A call within its time -------------------------------------------------------------------------------------------

T = TypeVar("T")


class CallSockets:
    """The sockets of one call, so that another thread can shut them."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self.is_cut = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Remembers each socket; for httpx's request extension ``trace``."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            connected = info["return_value"].get_extra_info("socket")
            with self._lock:
                self._sockets.append(connected)
                if self.is_cut:
                    self._shut()

    def cut(self) -> None:
        """Ends what runs over the wire, now and later."""
        with self._lock:
            self.is_cut = True
            self._shut()

    def _shut(self) -> None:
        for connected in self._sockets:
            with contextlib.suppress(OSError):  # closed already
                connected.shutdown(socket.SHUT_RDWR)


def cut_off_within(seconds: float, call: Callable[[CallSockets], T]) -> T:
    """The result of ``call(wire)``, whose sockets are shut when the time is up.

    Raises TimeoutError when `seconds` have passed, whatever the call is waiting for, or a signal that is held back asks
    us to stop; else what the call raises.
    """
    wire = CallSockets()
    try:
        return call_within(seconds, partial(call, wire), name="failtale-hint", discard=lambda _: None, stopped_s=0.0)
    finally:
        wire.cut()


# --- What went wrong, in plain words ----------------------------------------------------------------------------------


class UnreachableError(HintError):
    """The server cannot be reached or went away; asking again in this run is of no use."""


class TooSlowError(HintError):
    """The server did not respond within the time for it."""


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
        return _refused_request(status, error, url=url, model=model)
    if isinstance(error, (ConnectionError, httpx.ConnectError, httpx.ConnectTimeout)):
        return UnreachableError(
            f"Ollama cannot be reached at '{url}'; start it with 'ollama serve', or set 'analysis: host'"
        )
    if isinstance(error, httpx.TimeoutException):
        return TooSlowError(f"Ollama at '{url}' gave no response within {deadline_s:.3g} s")
    if isinstance(error, httpx.TransportError):
        return UnreachableError(f"the connection to Ollama at '{url}' broke off before the answer was complete")
    if isinstance(error, (ImportError, ValueError)) and _came_from_import(error):
        return HintError(
            f"the ollama package cannot be loaded ('{quote_untrusted(str(error))}'); "
            "see the environment variables OLLAMA_HOST and *_PROXY"
        )
    return HintError(f"the server at '{url}' does not implement Ollama's API; see 'analysis: host'")


def _came_from_import(error: Exception) -> bool:
    """Whether the error rose while a module was loaded."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "<module>":
            return True
        trace = trace.tb_next
    return isinstance(error, ImportError)


def _refused_request(status: int, error: Exception, *, url: str, model: str) -> HintError:
    said = _own_words(getattr(error, "error", ""))
    if status == 404 and getattr(error, "path", "/api/chat") == "/api/tags":
        return HintError(f"the server at '{url}' does not implement Ollama's API (404); see 'analysis: host'")
    if status == 404:
        return HintError(f"model '{quote_untrusted(model)}' is not there; type 'ollama pull {quote_untrusted(model)}'")
    if 300 <= status < 400:
        return HintError(f"'{url}' redirects elsewhere ({status}), which is not followed; see 'analysis: host'")
    if status in (401, 403):
        return HintError(f"Ollama at '{url}' refuses access ({status}){said}")
    if status == 503:
        return HintError(f"Ollama at '{url}' is busy ({status}){said}")
    if status < 0:
        return HintError(f"Ollama broke off its answer with an error{said}")
    return HintError(f"Ollama at '{url}' refuses the request ({status}){said}")


def _own_words(body: object) -> str:
    """The server's own words, if they are words; a page of HTML says nothing to our reader."""
    text = str(body)
    try:
        found = json.loads(text)
    except ValueError:
        found = text
    words = found.get("error") if isinstance(found, dict) else found
    if not isinstance(words, str) or not words.strip() or words.lstrip().startswith("<"):
        return ""
    return f": '{quote_untrusted(words)}'"


def quote_untrusted(text: str) -> str:
    return shorten(prompt_line(text), 160)


# --- Where the server is ----------------------------------------------------------------------------------------------

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
    is_cloud: bool = False
    api_key: str | None = None
    """Sent only here; None for a server that it is not meant for."""


def server_for(settings: AnalysisSettings, environ: Mapping[str, str]) -> Server:
    """The server of the configuration, else of ``OLLAMA_HOST``, else on this machine.

    The key of ``OLLAMA_API_KEY`` goes over https alone, to a server that the configuration itself names or, with
    `allow_cloud`, to ollama.com. Raises HintError for what is no address and for a cloud that was not allowed.
    """
    named = settings.host or environ.get("OLLAMA_HOST", "").strip()
    origin = "analysis: host" if settings.host else "the environment variable OLLAMA_HOST"
    scheme, host, url = _parsed_address(named or _DEFAULT, origin)
    is_cloud = host == _CLOUD[0] or host.endswith(_CLOUD[1])
    if is_cloud and not settings.allow_cloud:
        raise HintError(f"'{host}' is a cloud and 'allow_cloud' is off: nothing was sent; set 'analysis: allow_cloud'")
    is_meant = scheme == "https" and (is_cloud or settings.host is not None)
    return Server(
        url=url,
        is_loopback=_is_loopback(host),
        is_cloud=is_cloud,
        api_key=(environ.get("OLLAMA_API_KEY") or None) if is_meant else None,
    )


def _parsed_address(address: str, origin: str) -> tuple[str, str, str]:
    """Scheme, host and URL; as Ollama reads it: without a scheme its own port, with one the scheme's."""
    has_scheme = "://" in address
    try:
        parts = urlsplit(address if has_scheme else f"http://{address}")
        port = parts.port or (_PORTS[parts.scheme] if has_scheme else _OLLAMA_PORT)
        host = _checked_host(parts.hostname or "127.0.0.1")
    except (ValueError, KeyError) as error:
        shown = shorten(prompt_line(address), 80)
        raise HintError(f"{origin} '{shown}' is no address; write e.g. '{_DEFAULT}'") from error
    bracketed = f"[{host}]" if ":" in host else host
    return parts.scheme, host, f"{parts.scheme}://{bracketed}:{port}{parts.path.rstrip('/')}"


def _checked_host(name: str) -> str:
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


# --- The API ----------------------------------------------------------------------------------------------------------

_CONNECT_S = 2.0
_UNKNOWN_CONTEXT = 4096
"""Tokens to ask for when a server does not say what the model has: Ollama's own smallest default."""
_KEEP_ALIVE = "10m"
_VISION = "vision"
"""The capability of models that take pictures."""
_MAX_BODY = 8_000_000
_MAX_ANSWER_CHARS = 50_000


@dataclass(frozen=True, slots=True)
class Model:
    """What Ollama says about a model."""

    name: str
    digest: str
    """Of its weights; empty when the server does not say."""
    context_tokens: int
    """The window to ask for in each call of a run: another one would load the model anew."""
    think: Literal["low"] | bool | None
    """What to send: thinking would spend the answer's tokens; None for models that do not think."""
    takes_pictures: bool = False
    is_remote: bool = False
    """In a cloud that was allowed."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model wrote, complete, and the tokens it took."""

    text: str
    prompt_tokens: int | None
    answer_tokens: int | None


class Ollama:
    """One Ollama server, asked about one model."""

    def __init__(self, server: Server, settings: AnalysisSettings) -> None:
        self._server = server
        self._settings = settings
        self._name = settings.model or ""

    def model(self, deadline_s: float) -> Model:
        """The model's facts; raises HintError when it is not there, or lies in a cloud that was not allowed."""
        self._refuse_cloud(self._is_cloud_name, "its name says so")
        tags, show = self._within_deadline(deadline_s, lambda wire: self._facts(wire, deadline_s))
        listed = tags.entry(self._name)
        self._refuse_cloud(listed.is_remote or show.is_remote, "it is a remote model")
        return Model(
            name=self._name,
            digest=listed.digest or "",
            context_tokens=min(self._settings.context, show.context_tokens or _UNKNOWN_CONTEXT),
            think=show.think,
            takes_pictures=_VISION in (show.capabilities or ()),
            is_remote=self._server.is_cloud or self._is_cloud_name or listed.is_remote or show.is_remote,
        )

    def ask(self, prompt: Prompt, *, model: Model, deadline_s: float) -> Reply:
        """The model's whole answer; raises HintError when it is cut, or when its prompt was."""
        reply = self._within_deadline(deadline_s, lambda wire: self._chat(prompt, model, wire, deadline_s))
        _refuse_overflow(reply, prompt, model)
        return reply

    def embeddings(self, texts: Sequence[str], deadline_s: float) -> Sequence[Sequence[float]]:
        """A vector for each text; raises HintError when the model makes none."""
        vectors = self._within_deadline(deadline_s, lambda wire: self._embed(texts, wire, deadline_s)).embeddings
        if len(vectors) != len(texts):
            raise HintError(f"the server at '{self._server.url}' does not give a vector for each text")
        return vectors

    @property
    def _is_cloud_name(self) -> bool:
        return self._name.endswith(("-cloud", ":cloud"))

    def _refuse_cloud(self, is_cloud: bool, why: str) -> None:
        if is_cloud and not self._settings.allow_cloud:
            raise HintError(
                f"model '{self._name}' runs in a cloud ({why}) and 'allow_cloud' is off: nothing was sent; "
                "name a local model, or set 'analysis: allow_cloud'"
            )

    def _within_deadline(self, deadline_s: float, call: Callable[[CallSockets], T]) -> T:
        try:
            return cut_off_within(deadline_s, call)
        except TimeoutError as error:
            raise TooSlowError(f"Ollama at '{self._server.url}' gave no response within {deadline_s:.3g} s") from error
        except HintError:
            raise
        except Exception as error:
            _log.debug("Ollama's client failed", exc_info=True)
            # Ten unrelated types, an AttributeError among them, come out of the client; all mean: no hint.
            raise plain_reason(error, url=self._server.url, model=self._name, deadline_s=deadline_s) from error

    # --- In the call's own thread ------------------------------------------------------------------------------------

    def _http_settings(self, wire: CallSockets, deadline_s: float) -> dict[str, Any]:
        """What both clients get: no proxy to this machine, no redirects, no key that we did not choose to send."""
        import httpx  # 0.1 s; only who asks a model pays for it

        def prepare(request: httpx.Request) -> None:
            request.extensions["trace"] = wire.trace
            request.headers.pop("Authorization", None)  # the ollama package sends OLLAMA_API_KEY to any host
            if self._server.api_key:
                request.headers["Authorization"] = f"Bearer {self._server.api_key}"

        return {
            "timeout": httpx.Timeout(deadline_s, connect=min(_CONNECT_S, deadline_s)),
            "trust_env": not self._server.is_loopback,
            "follow_redirects": False,
            "event_hooks": {"request": [prepare]},
        }

    def _facts(self, wire: CallSockets, deadline_s: float) -> tuple[_Tags, _Show]:
        import httpx  # 0.1 s; only who asks a model pays for it

        with httpx.Client(base_url=self._server.url, **self._http_settings(wire, deadline_s)) as client:
            tags = _Tags.model_validate_json(_body_of(client, "GET", "/api/tags"))
            show = _Show.model_validate_json(_body_of(client, "POST", "/api/show", {"model": self._name}))
        return tags, show

    def _embed(self, texts: Sequence[str], wire: CallSockets, deadline_s: float) -> _Embeddings:
        import httpx  # 0.1 s; only who asks a model pays for it

        question = {"model": self._name, "input": list(texts), "keep_alive": _KEEP_ALIVE}
        with httpx.Client(base_url=self._server.url, **self._http_settings(wire, deadline_s)) as client:
            return _Embeddings.model_validate_json(_body_of(client, "POST", "/api/embed", question))

    def _chat(self, prompt: Prompt, model: Model, wire: CallSockets, deadline_s: float) -> Reply:
        import ollama  # 0.2 s, and it raises at import when OLLAMA_HOST is no address

        options = {
            "num_ctx": model.context_tokens,
            "num_predict": ANSWER_TOKENS,
            "temperature": 0,
            "seed": self._settings.seed,
            **({"num_thread": self._settings.threads} if self._settings.threads else {}),
        }
        with ollama.Client(host=self._server.url, **self._http_settings(wire, deadline_s)) as client:
            pieces: list[str] = []
            for part in client.chat(
                model=model.name,
                messages=[{"role": "system", "content": prompt.system}, _user_message(prompt)],
                format=dict(prompt.schema),
                options=options,
                think=model.think,
                keep_alive=_KEEP_ALIVE,
                stream=True,
            ):
                pieces.append(part.message.content or "")
                if part.done:
                    return _complete("".join(pieces), part)
                if sum(map(len, pieces)) > _MAX_ANSWER_CHARS:
                    raise HintError("the model's answer does not end; try another model")
        raise UnreachableError("Ollama's answer broke off before it was complete")


def _user_message(prompt: Prompt) -> dict[str, Any]:
    pictures = {"images": [prompt.picture.data]} if prompt.picture else {}
    return {"role": "user", "content": prompt.sent_user, **pictures}


# --- Reading what the server says ------------------------------------------------------------------------------------


class _Entry(BaseModel):
    """A model, with what the ollama package's types drop: whether it is a remote one."""

    name: str | None = None
    model: str | None = None
    digest: str | None = None
    remote_host: str | None = None
    remote_model: str | None = None

    @property
    def is_remote(self) -> bool:
        return bool(self.remote_host or self.remote_model)


class _Tags(BaseModel):
    """/api/tags: what is there."""

    models: tuple[_Entry, ...]

    def entry(self, name: str) -> _Entry:
        """The entry of the model, an empty one when it is not listed."""
        tagged = name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"
        known = (entry for entry in self.models if tagged.casefold() == (entry.model or entry.name or "").casefold())
        return next(known, _Entry())


class _Show(_Entry):
    """/api/show: what a model can do."""

    model_config = ConfigDict(protected_namespaces=())

    model_info: dict[str, Any] | None = None
    capabilities: tuple[str, ...] | None = None
    details: dict[str, Any] | None = None

    @property
    def context_tokens(self) -> int | None:
        """Tokens that the model was trained for; None when the server does not say."""
        info = self.model_info or {}
        length = info.get(f"{info.get('general.architecture')}.context_length")
        return length if isinstance(length, int) and length > 0 else None

    @property
    def think(self) -> Literal["low"] | bool | None:
        """False for a model that would think; gpt-oss takes no False and is set to think little."""
        if "thinking" not in (self.capabilities or ()):
            return None
        return "low" if "gptoss" in str(self.details).replace("-", "") else False


class _Embeddings(BaseModel):
    """/api/embed."""

    embeddings: tuple[tuple[float, ...], ...]


def _body_of(client: httpx.Client, method: str, path: str, question: Mapping[str, Any] | None = None) -> bytes:
    """What is at a path of the API; raises StatusError, or ValueError when there is no end of it."""
    with client.stream(method, path, json=question) as response:
        data = b""
        for chunk in response.iter_bytes():
            data += chunk
            if len(data) > _MAX_BODY:
                raise ValueError(f"'{path}' sends more than {_MAX_BODY} bytes")
    if response.status_code != 200:
        raise StatusError(response.status_code, path, data.decode("utf-8", "replace"))
    return data


def _complete(text: str, last: Any) -> Reply:
    """The Reply of a stream whose last part has come."""
    if last.done_reason == "length" and not holds_answer(text):  # some write blanks behind a whole answer for ever
        raise HintError(f"the model's answer was cut at {ANSWER_TOKENS} tokens; try another model")
    if last.done_reason not in (None, "stop", "length"):
        raise HintError(f"the model stopped early ('{quote_untrusted(str(last.done_reason))}')")
    if not text.strip():
        raise HintError("the model's answer is empty; try another model")
    return Reply(text=text, prompt_tokens=last.prompt_eval_count, answer_tokens=last.eval_count)


_FEWEST_BYTES_PER_TOKEN = 8
"""No tokenizer has tokens as long as this on average; fewer tokens than that mean that the prompt was cut."""


def _refuse_overflow(reply: Reply, prompt: Prompt, model: Model) -> None:
    """Raises HintError when the model cannot have seen the whole prompt.

    Ollama cuts a prompt that is too long at its front, to half of the window, and answers as if nothing had happened.
    """
    tokens = reply.prompt_tokens
    if tokens is None:
        return
    # Exactly half of the window is what is left of a longer prompt; a shorter one has as many by chance at most.
    is_odd = prompt.estimated_tokens > model.context_tokens * 0.6 or tokens > prompt.estimated_tokens
    is_half = abs(tokens - model.context_tokens // 2) <= 4 and is_odd
    is_full = tokens + (reply.answer_tokens or 0) >= model.context_tokens
    if is_half or is_full or tokens < prompt.sent_bytes / _FEWEST_BYTES_PER_TOKEN:
        raise HintError(
            f"the prompt did not fit into the model's context ({tokens} of {model.context_tokens} tokens were read), "
            "so its answer is not shown; raise 'analysis: context'"
        )
