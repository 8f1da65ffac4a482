"""Documents and a question -> the passages nearest to it, by embeddings that a private file remembers.

The file holds vectors by the hashes of their passages, no text. An index that is not complete within its time goes on
with the next hint and is not searched before.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import math
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from FailTaleLibrary.errors import HintError
from FailTaleLibrary.files import private_directory, read_regular, write_private_file
from FailTaleLibrary.hints.documents import Documents, Passage
from FailTaleLibrary.hints.injection import reads_like_instruction

Vector = Sequence[float]
Embed = Callable[[Sequence[str], float], Sequence[Vector]]
"""Texts and seconds -> a vector each."""

MOST_SENT = 2
LEAST_SIMILARITY = 0.5
"""Cosine. Below it passages of the models that are made for it have nothing to do with the question."""
_MOST_JUDGED = 6
"""Of the nearest, as many as may give orders in vain."""
_BATCH = 8
_MOST_FILES = 10
_MAX_DIMENSIONS = 8192
_MAX_BYTES = 30_000_000


class UnfinishedError(HintError):
    """The index is not complete yet; the next hint goes on with it."""


class _Stored(BaseModel):
    """One file of the cache: hash of a passage -> its vector, 32-bit floats in base64."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    vectors: dict[str, str]


class Index:
    """The vectors of documents by one model; ``directory`` None: in memory alone."""

    def __init__(self, documents: Documents, *, weights: str, directory: Path | None) -> None:
        """``weights`` names the model and its digest: vectors of others cannot be compared."""
        name = hashlib.sha256(f"{weights}\0{documents.fingerprint}".encode()).hexdigest()
        self._passages = {passage.hash: passage for passage in documents.passages}
        self._file = directory / f"{name}.index" if directory else None
        self._vectors = _vectors_in(self._file, self._passages)

    def complete(self, embed: Embed, *, until: float) -> None:
        """Embeds what is missing. Raises UnfinishedError at ``until`` (monotonic), else what ``embed`` raises."""
        missing = [hash_ for hash_ in self._passages if hash_ not in self._vectors]
        if not missing:
            return
        try:
            for start in range(0, len(missing), _BATCH):
                batch, left = missing[start : start + _BATCH], until - time.monotonic()
                if left <= 0:
                    raise self._unfinished()
                try:
                    vectors = embed([_embedded_text(self._passages[hash_]) for hash_ in batch], left)
                except HintError as error:
                    if start and time.monotonic() >= until:
                        raise self._unfinished() from error
                    raise
                self._vectors.update(zip(batch, map(_unit_vector, vectors), strict=True))
        finally:
            self._store()

    def _unfinished(self) -> UnfinishedError:
        return UnfinishedError(f"{len(self._vectors)} of {len(self._passages)} passages are indexed so far")

    def nearest(self, question: Vector) -> tuple[Passage, ...]:
        """At most `MOST_SENT` passages that are near enough and give a model no orders, the nearest first."""
        asked = _unit_vector(question)
        near = sorted(((_cosine(asked, vector), hash_) for hash_, vector in self._vectors.items()), reverse=True)
        passages = [self._passages[hash_] for score, hash_ in near[:_MOST_JUDGED] if score >= LEAST_SIMILARITY]
        chosen = [passage for passage in passages if not passage.gives_orders][:MOST_SENT]
        give_orders_together = reads_like_instruction(" ".join(passage.text for passage in chosen))
        return tuple(chosen[:1] if give_orders_together else chosen)

    def _store(self) -> None:
        """A file that cannot be written costs a later run the work again and is no error."""
        if self._file is not None:
            encoded = {hash_: base64.b64encode(array("f", vector)).decode() for hash_, vector in self._vectors.items()}
            with contextlib.suppress(OSError):
                private_directory(self._file.parent)
                write_private_file(self._file, _Stored(vectors=encoded).model_dump_json())
                files = sorted(self._file.parent.glob("*.index"), key=lambda path: path.stat().st_mtime, reverse=True)
                for old in files[_MOST_FILES:]:
                    old.unlink(missing_ok=True)


def _embedded_text(passage: Passage) -> str:
    return f"{passage.heading}: {passage.text}" if passage.heading else passage.text


def _vectors_in(file: Path | None, passages: Mapping[str, Passage]) -> dict[str, Vector]:
    """The vectors of a file; a damaged or foreign one counts as none."""
    try:
        if file is None or file.is_symlink():
            return {}
        stored = _Stored.model_validate_json(read_regular(file, max_bytes=_MAX_BYTES))
        vectors = {hash_: array("f", base64.b64decode(text)) for hash_, text in stored.vectors.items()}
        return {hash_: _unit_vector(vector) for hash_, vector in vectors.items() if hash_ in passages}
    except (OSError, ValueError, ValidationError, HintError):
        return {}


def _unit_vector(vector: Vector) -> Vector:
    """The vector with length 1. Raises HintError for what is none."""
    length = math.sqrt(sum(value * value for value in vector)) if len(vector) <= _MAX_DIMENSIONS else math.inf
    if not 0 < length < math.inf:
        raise HintError("the model's embeddings are no vectors; set 'analysis: documents_model'")
    return array("f", [value / length for value in vector])


def _cosine(one: Vector, other: Vector) -> float:
    return sum(map(float.__mul__, one, other)) if len(one) == len(other) else 0.0
