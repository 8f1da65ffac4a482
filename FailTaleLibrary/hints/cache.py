"""A prompt and a model's name -> the answer of an earlier call: equal evidence and the same weights need no second one.

An entry holds the model's text as it was, so a hint made of it is checked again against the evidence at hand; also one
of which nothing could be shown, for the model would only say the same again. It is found without a server, and says
which weights it came from.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from FailTaleLibrary.files import private_directory, read_regular, write_private_file
from FailTaleLibrary.hints.answer import ModelAnswer
from FailTaleLibrary.hints.ollama import Model, Reply
from FailTaleLibrary.hints.prompt import PROMPT_VERSION, Prompt, prompt_line
from FailTaleLibrary.hints.verify import NO_KNOWN_VALUES, VerifiedAnswer
from FailTaleLibrary.text import shorten

_MAX_ENTRIES = 1000
_MAX_BYTES = 100_000
_NAME_CHARS = 120


_VARIABLE = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b(?:0x)?(?=[0-9a-f]*\d)[0-9a-f]{7,}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\d+"), "<n>"),
)


def normalised(text: str) -> str:
    """Text without what differs between two occurrences of the same thing: numbers, identifiers."""
    for pattern, token in _VARIABLE:
        text = pattern.sub(token, text)
    return text


class CachedAnswer(BaseModel):
    """What a model said, and what it cost; one file of the cache."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: str
    model: str
    digest: str
    """Of the weights; empty when the server does not say."""
    context_tokens: int
    seconds: float = Field(ge=0, allow_inf_nan=False)
    prompt_tokens: int | None = Field(ge=0)
    answer_tokens: int | None = Field(ge=0)
    along: tuple[str, ...] = ()
    """What went along with the prompt, in sentences."""
    kept: bool = True
    """False: nothing of it could be shown."""

    @classmethod
    def of_reply(cls, reply: Reply, *, model: Model, seconds: float, along: Sequence[str] = ()) -> CachedAnswer:
        """The answer in a reply."""
        return cls(
            text=reply.text,
            model=model.name,
            digest=model.digest,
            context_tokens=model.context_tokens,
            seconds=seconds,
            prompt_tokens=reply.prompt_tokens,
            answer_tokens=reply.answer_tokens,
            along=tuple(along),
        )

    def as_dropped(self) -> CachedAnswer:
        """The same as one of which nothing could be shown."""
        return self.model_copy(update={"kept": False})

    def is_of(self, model: Model) -> bool:
        """Whether these weights, in this window, would say it again."""
        return (self.digest, self.context_tokens) == (model.digest, model.context_tokens)

    def verified(self, answer: ModelAnswer) -> VerifiedAnswer:
        """An answer that was read from the text, with what it cost."""
        return VerifiedAnswer(
            answer=answer,
            model=shorten(prompt_line(self.model), _NAME_CHARS),
            seconds=self.seconds,
            prompt_tokens=self.prompt_tokens,
            answer_tokens=self.answer_tokens,
            along=tuple(map(NO_KNOWN_VALUES.safe_text, self.along)),
        )


def cache_key(prompt: Prompt, model_name: str) -> str:
    """64 hexadecimal digits of all that an answer depends on and that is known without a server.

    Numbers and identifiers of the evidence are left out: they differ by run.
    """
    parts: list[Any] = [PROMPT_VERSION, model_name, prompt.system, normalised(prompt.user), prompt.schema]
    if prompt.picture is not None:
        parts.append(hashlib.sha256(prompt.picture.data).hexdigest())
    if prompt.documents:
        parts.append({"documents": prompt.documents})
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Cache:
    """Answers by key: in memory, and in `directory` (0700, files 0600) unless it is None."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._memory: dict[str, CachedAnswer] = {}

    def load(self, key: str) -> CachedAnswer | None:
        """The answer, or None; a damaged or foreign file counts as none."""
        return self._memory.get(key) or self._from_disk(key)

    def store(self, key: str, answer: CachedAnswer) -> None:
        """Remembers the answer; a directory that cannot be written costs a later run a call and is no error."""
        self._memory[key] = answer
        if self._directory is not None:
            with contextlib.suppress(OSError):
                self._write_entry(self._directory, key, answer)
                _forget_oldest(self._directory)

    def _from_disk(self, key: str) -> CachedAnswer | None:
        if self._directory is None:
            return None
        try:
            path = self._directory / f"{key}.json"
            if path.is_symlink():
                return None
            return CachedAnswer.model_validate_json(read_regular(path, max_bytes=_MAX_BYTES))
        except (OSError, ValidationError):
            return None

    def _write_entry(self, directory: Path, key: str, answer: CachedAnswer) -> None:
        """Whole at once, so that two runs never read half a file."""
        private_directory(directory)
        write_private_file(directory / f"{key}.json", answer.model_dump_json())


def _forget_oldest(directory: Path) -> None:
    entries = sorted(directory.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in entries[_MAX_ENTRIES:]:
        path.unlink(missing_ok=True)
