"""Prompt -> Reply over Ollama's API; whatever goes wrong becomes a HintError in plain words.

Nothing is pulled, no redirect is followed, and no call outlives its deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from FailTaleLibrary.config.model import AnalysisSection
from FailTaleLibrary.errors import HintError
from FailTaleLibrary.hints.deadline import DeadlineError, Wire, within
from FailTaleLibrary.hints.prompt import ANSWER_TOKENS, Prompt
from FailTaleLibrary.hints.reasons import StatusError, TooSlowError, UnreachableError, plain_reason, quoted
from FailTaleLibrary.hints.server import Server

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

_CONNECT_S = 2.0
_UNKNOWN_CONTEXT = 4096
"""Tokens to ask for when a server does not say what the model has: Ollama's own smallest default."""
_KEEP_ALIVE = "10m"
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


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model wrote, complete, and the tokens it took."""

    text: str
    prompt_tokens: int | None
    answer_tokens: int | None


class Ollama:
    """One Ollama server, asked about one model."""

    def __init__(self, server: Server, settings: AnalysisSection) -> None:
        self._server = server
        self._settings = settings
        self._name = settings.model or ""

    def model(self, deadline_s: float) -> Model:
        """The model's facts; raises HintError when it is not there, or lies in a cloud that was not allowed."""
        self._refuse_cloud(self._name.endswith(("-cloud", ":cloud")), "its name says so")
        tags, show = self._within(deadline_s, lambda wire: self._facts(wire, deadline_s))
        listed = tags.entry(self._name)
        self._refuse_cloud(listed.is_remote or show.is_remote, "it is a remote model")
        return Model(
            name=self._name,
            digest=listed.digest or "",
            context_tokens=min(self._settings.context, show.context_tokens or _UNKNOWN_CONTEXT),
            think=show.think,
        )

    def ask(self, prompt: Prompt, *, model: Model, deadline_s: float) -> Reply:
        """The model's whole answer; raises HintError when it is cut, or when its prompt was."""
        reply = self._within(deadline_s, lambda wire: self._chat(prompt, model, wire, deadline_s))
        _refuse_overflow(reply, prompt, model)
        return reply

    def _refuse_cloud(self, is_cloud: bool, why: str) -> None:
        if is_cloud and not self._settings.allow_cloud:
            raise HintError(
                f"model '{self._name}' runs in a cloud ({why}) and 'allow_cloud' is off: nothing was sent; "
                "name a local model, or set 'analysis: allow_cloud'"
            )

    def _within(self, deadline_s: float, call: Callable[[Wire], T]) -> T:
        try:
            return within(deadline_s, call)
        except DeadlineError as error:
            raise TooSlowError(f"Ollama at '{self._server.url}' gave no answer within {deadline_s:.3g} s") from error
        except HintError:
            raise
        except Exception as error:
            # Ten unrelated types, an AttributeError among them, come out of the client; all mean: no hint.
            raise plain_reason(error, url=self._server.url, model=self._name, deadline_s=deadline_s) from error

    # --- In the call's own thread ------------------------------------------------------------------------------------

    def _http_settings(self, wire: Wire, deadline_s: float) -> dict[str, Any]:
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

    def _facts(self, wire: Wire, deadline_s: float) -> tuple[_Tags, _Show]:
        import httpx  # 0.1 s; only who asks a model pays for it

        with httpx.Client(base_url=self._server.url, **self._http_settings(wire, deadline_s)) as client:
            tags = _Tags.model_validate_json(_body(client, "GET", "/api/tags"))
            show = _Show.model_validate_json(_body(client, "POST", "/api/show", {"model": self._name}))
        return tags, show

    def _chat(self, prompt: Prompt, model: Model, wire: Wire, deadline_s: float) -> Reply:
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
                messages=[{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
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
        """False for a model that would think; gpt-oss takes no False and is told to think little."""
        if "thinking" not in (self.capabilities or ()):
            return None
        return "low" if "gptoss" in str(self.details).replace("-", "") else False


def _body(client: httpx.Client, method: str, path: str, question: Mapping[str, str] | None = None) -> bytes:
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
    if last.done_reason == "length":
        raise HintError(f"the model's answer was cut at {ANSWER_TOKENS} tokens; try another model")
    if last.done_reason not in (None, "stop"):
        raise HintError(f"the model stopped early ('{quoted(str(last.done_reason))}')")
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
    is_half = abs(tokens - model.context_tokens // 2) <= 4 and prompt.estimated_tokens > model.context_tokens * 0.6
    is_full = tokens + (reply.answer_tokens or 0) >= model.context_tokens
    if is_half or is_full or tokens < (prompt.own_bytes + prompt.facts_bytes) / _FEWEST_BYTES_PER_TOKEN:
        raise HintError(
            f"the prompt did not fit into the model's context ({tokens} of {model.context_tokens} tokens were read), "
            "so its answer is not shown; raise 'analysis: context'"
        )
