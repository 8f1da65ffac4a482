"""The vocabulary of an answer -> its JSON schema; the text of an answer -> an Answer that follows it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import islice
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
    """The Answer in a model's text; a fence, words or thoughts around the object do no harm.

    Of several objects of the agreed shape the last one counts: what stands ahead of it is a draft. Raises HintError
    when there is none, as a proxy or a model without grammars may send.
    """
    objects = _objects_in(text) if len(text) <= _MAX_ANSWER_CHARS else []
    if not objects:
        raise HintError("the model's answer holds no JSON object, though one was asked for; try another model")
    refused: ValidationError | None = None
    for each in reversed(objects):
        try:
            return ModelAnswer.model_validate_json(each)
        except ValidationError as error:
            refused = refused or error
    assert refused is not None  # noqa: S101 - each object was refused
    where = ", ".join(sorted({".".join(map(str, problem["loc"])) or "JSON" for problem in refused.errors()}))
    raise HintError(
        f"the model's answer does not follow the agreed shape (at '{shorten(where, 80)}'); try another model"
    ) from refused


def _objects_in(text: str) -> list[str]:
    """What reads as JSON from a brace on; where nothing does, all from the first brace to the last one."""
    found = []
    end = 0
    for start in islice((brace.start() for brace in re.finditer("{", text)), _MAX_BRACES):
        if start < end:
            continue  # inside of the last one
        try:
            _, end = _JSON.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        found.append(text[start:end])
    start, last = text.find("{"), text.rfind("}")
    return found or ([text[start : last + 1]] if 0 <= start < last else [])


_JSON = json.JSONDecoder()
_MAX_BRACES = 100
"""Each may cost a look at the whole rest."""
