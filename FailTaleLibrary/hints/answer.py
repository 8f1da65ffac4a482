"""The vocabulary of an answer -> its JSON schema; the text of an answer -> an Answer that follows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from FailTaleLibrary.errors import HintError
from FailTaleLibrary.records import Confidence, HintCategory
from FailTaleLibrary.text import shorten

CATEGORIES = ("environment", "product", "test", "unknown")
CONFIDENCES = ("low", "medium", "high")
MAX_CAUSE_CHARS = 300
MAX_CITATIONS = 4
MAX_NEXT_STEPS = 3
_MAX_ANSWER_CHARS = 20_000


class ModelAnswer(BaseModel):
    """What a model said, of the right shape and not yet believed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    evidence: tuple[str, ...]
    cause: str
    component: str
    category: HintCategory
    confidence: Confidence
    next_steps: tuple[str, ...] = ()


def schema_for(ids: Sequence[str], *, components: Sequence[str], steps: Sequence[str]) -> dict[str, Any]:
    """JSON schema that binds an answer to our words.

    A model writes the properties in this order, so evidence stands before the claim that it must carry. Only types,
    enumerations and lengths: servers turn more than that into garbage without an error.
    """
    properties = {
        "evidence": _list_of(ids, at_least=1, at_most=MAX_CITATIONS),
        "cause": {"type": "string", "maxLength": MAX_CAUSE_CHARS},
        "component": _one_of(components),
        "category": _one_of(CATEGORIES),
        "confidence": _one_of(CONFIDENCES),
        "next_steps": _list_of(steps, at_least=0, at_most=MAX_NEXT_STEPS),
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _one_of(words: Sequence[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(words)}


def _list_of(words: Sequence[str], *, at_least: int, at_most: int) -> dict[str, Any]:
    return {"type": "array", "items": _one_of(words), "minItems": at_least, "maxItems": at_most}


def parse_model_answer(text: str) -> ModelAnswer:
    """The Answer in a model's text; a fence or words around the object do no harm.

    Raises HintError when there is no object of the agreed shape, as a proxy or a model without grammars may send.
    """
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start or len(text) > _MAX_ANSWER_CHARS:
        raise HintError("the model's answer holds no JSON object, though one was asked for; try another model")
    try:
        return ModelAnswer.model_validate_json(text[start : end + 1])
    except ValidationError as error:
        where = ", ".join(sorted({".".join(map(str, problem["loc"])) or "JSON" for problem in error.errors()}))
        raise HintError(
            f"the model's answer does not follow the agreed shape (at '{shorten(where, 80)}'); try another model"
        ) from error
