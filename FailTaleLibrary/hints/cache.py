"""A prompt and a model -> the answer of an earlier call: equal evidence and the same weights need no second one.

An entry holds the model's answer as it was, so a hint made of it is checked again against the evidence at hand.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from FailTaleLibrary.files import private_directory, read_regular, write_private_file
from FailTaleLibrary.hints.answer import ModelAnswer
from FailTaleLibrary.hints.ollama import Model
from FailTaleLibrary.hints.prompt import PROMPT_VERSION, Prompt
from FailTaleLibrary.hints.verify import VerifiedAnswer

_MAX_ENTRIES = 1000
_MAX_BYTES = 100_000


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


class _Entry(BaseModel):
    """One file of the cache."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    answer: ModelAnswer
    model: str
    seconds: float
    prompt_tokens: int | None
    answer_tokens: int | None


def cache_key(prompt: Prompt, model: Model) -> str:
    """64 hexadecimal digits of all that an answer depends on, without numbers and identifiers, which differ by run."""
    parts = [str(PROMPT_VERSION), model.name, model.digest, str(model.context_tokens)]
    text = json.dumps([*parts, prompt.system, normalised(prompt.user), prompt.schema], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Cache:
    """Answers by key: in memory, and in `directory` (0700, files 0600) unless it is None."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._memory: dict[str, VerifiedAnswer] = {}

    def load(self, key: str) -> VerifiedAnswer | None:
        """The answer, or None; a damaged or foreign file counts as none."""
        return self._memory.get(key) or self._from_disk(key)

    def store(self, key: str, answered: VerifiedAnswer) -> None:
        """Remembers the answer; a directory that cannot be written costs a later run a call and is no error."""
        self._memory[key] = answered
        if self._directory is not None:
            with contextlib.suppress(OSError):
                self._write_entry(self._directory, key, answered)
                _forget_oldest(self._directory)

    def _from_disk(self, key: str) -> VerifiedAnswer | None:
        if self._directory is None:
            return None
        try:
            path = self._directory / f"{key}.json"
            if path.is_symlink():
                return None
            entry = _Entry.model_validate_json(read_regular(path, max_bytes=_MAX_BYTES))
        except (OSError, ValidationError):
            return None
        return VerifiedAnswer(**dict(entry))

    def _write_entry(self, directory: Path, key: str, answered: VerifiedAnswer) -> None:
        """Whole at once, so that two runs never read half a file."""
        private_directory(directory)
        entry = _Entry(
            answer=answered.answer,
            model=answered.model,
            seconds=answered.seconds,
            prompt_tokens=answered.prompt_tokens,
            answer_tokens=answered.answer_tokens,
        )
        write_private_file(directory / f"{key}.json", entry.model_dump_json())


def _forget_oldest(directory: Path) -> None:
    entries = sorted(directory.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in entries[_MAX_ENTRIES:]:
        path.unlink(missing_ok=True)
