"""Evidence <-> one ASCII word that travels from gateway to runner by pages: all that a direct collection gives."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Literal

from FailTaleLibrary.archive import pack, unpack
from FailTaleLibrary.errors import GatewayError
from FailTaleLibrary.records import Evidence, Plan, Record
from FailTaleLibrary.schema import ValidationError

RUNNER = "failtale-runner"
"""By this name a test run introduces itself to its gateway, which then shows it the tools for runs."""
MAX_ITEMS = 2000
"""A hundred hosts with twenty collectors each."""
MAX_GAPS = 2000
MAX_VALUES = 2_000_000
"""Of a record, keys included: two thousand items have a quarter of that."""
_QUOTE_OR_ESCAPE = re.compile(rb'"|\\.', re.DOTALL)
MAX_PAST_S = 7 * 86400.0
"""A window may begin this long ago; one that began earlier begins here."""


class Handover(Record):
    """What one collection gave."""

    schema_version: Literal[1] = 1
    plan: Plan
    evidence: Evidence
    full_texts: dict[str, str]
    """By item id, where they are more than `Item.text`."""


def pack_handover(handover: Handover) -> str:
    """The record as ASCII without spaces, so that a page may end anywhere; `unpack_handover` reads it."""
    return pack(handover, level=1)  # it may have hundreds of megabytes, and is unpacked at once


def unpack_handover(word: str, *, max_bytes: int) -> Handover:
    """Raises GatewayError when the word is damaged, has more than ``max_bytes`` of JSON, or is of another schema."""
    try:
        data = unpack(word, max_bytes=max_bytes)
    except ValueError as error:
        raise GatewayError(f"The gateway's record {error}.") from error
    if _has_too_many_values(data):
        raise GatewayError(f"The gateway's record holds more than {MAX_VALUES:,} values.")
    try:
        return Handover.model_validate_json(_within_lists(data))
    except ValidationError as error:
        raise GatewayError(
            f"The gateway's record does not fit this FailTale ({str(error.refusals[0])[:300]}); "
            "use the same version on both sides."
        ) from error


def _within_lists(data: bytes) -> bytes | str:
    """The JSON with the first items and gaps, and a gap that counts the others: each costs a while to be looked at."""
    if data.count(b'"host"') <= min(MAX_ITEMS, MAX_GAPS):
        return data
    with contextlib.suppress(ValueError, RecursionError):
        record = json.loads(data)
        if isinstance(record, dict) and isinstance(evidence := record.get("evidence"), dict):
            items, gaps = (evidence.get(name) for name in ("items", "gaps"))
            if isinstance(items, list) and isinstance(gaps, list) and (items[MAX_ITEMS:] or gaps[MAX_GAPS:]):
                said = f"The gateway sent {len(items[MAX_ITEMS:])} items and {len(gaps[MAX_GAPS:])} gaps too many; "
                left_out = {"host": "gateway", "reason": "gateway", "detail": f"{said}they were left out."}
                cut = {"items": items[:MAX_ITEMS], "gaps": [*gaps[:MAX_GAPS], left_out]}
                return json.dumps({**record, "evidence": {**evidence, **cut}})
    return data


def _has_too_many_values(data: bytes) -> bool:
    """Counts what stands between the strings as well: three bytes of JSON can cost a parser a hundred times as much."""
    values = at = 0
    while (start := data.find(b'"', at)) >= 0:
        values += 1 + sum(data.count(opener, at, start) for opener in (b",", b"[", b"{"))
        if values > MAX_VALUES:
            return True
        # by one expression for a whole string, a text full of escapes and without an end would be searched for hours
        at = next((each.end() for each in _QUOTE_OR_ESCAPE.finditer(data, start + 1) if each[0] == b'"'), len(data))
    return values + sum(data.count(opener, at) for opener in (b",", b"[", b"{")) > MAX_VALUES
