"""The vocabulary of an answer -> its JSON schema; the text of an answer -> an Answer that follows it."""

from __future__ import annotations

import re
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
_MAX_ANSWER_CHARS = 20_000
_NOTHING_SHOWN = re.compile(
    r"\b(?:no|none of the) (?:(?:of these|single|given|shown|clear|obvious|root) )*"
    r"(?:line|lines|evidence|cause|log|logs|entry)\b|\b(?:cause|reason) (?:is|remains) (?:unknown|unclear|not )"
    r"|\b(?:does|do|did) not (?:show|tell|say|reveal|explain|contain)\b|\b(?:cannot|can't|could not) (?:be )?"
    r"(?:tell|told|determined?|identif)",
    re.IGNORECASE,
)
"""What models say when they do not know."""


class ModelAnswer(BaseModel):
    """What a model said, of the right shape and not yet believed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    evidence: tuple[str, ...]
    cause: str
    component: str
    category: HintCategory
    confidence: Confidence
    next_steps: tuple[str, ...] = ()
    """Not asked for and never shown; a server without grammars lets a model add them."""

    @property
    def finds_no_cause(self) -> bool:
        """That the model does not know, which is an answer: it cites nothing, or says that nothing shows the cause."""
        return self.category == "unknown" and (not self.evidence or _NOTHING_SHOWN.search(self.cause) is not None)


def schema_for(ids: Sequence[str], *, components: Sequence[str]) -> dict[str, Any]:
    """JSON schema that binds an answer to our words.

    A model writes the properties in this order, so evidence stands before the claim that it must carry. Only types,
    enumerations and lengths: servers turn more than that into garbage without an error. No citation is an answer, too:
    that no line shows the cause.
    """
    properties = {
        "evidence": {"type": "array", "items": _one_of(ids), "minItems": 0, "maxItems": MAX_CITATIONS},
        "cause": {"type": "string", "maxLength": MAX_CAUSE_CHARS},
        "component": _one_of(components),
        "category": _one_of(CATEGORIES),
        "confidence": _one_of(CONFIDENCES),
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _one_of(words: Sequence[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(words)}


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
