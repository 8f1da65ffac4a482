"""Evidence <-> one ASCII word that travels from gateway to runner by pages: all that a direct collection gives."""

from __future__ import annotations

from typing import Literal

from FailTaleLibrary.archive import pack, unpack
from FailTaleLibrary.errors import GatewayError
from FailTaleLibrary.records import Evidence, Plan, Record
from FailTaleLibrary.schema import ValidationError

MAX_BYTES = 512 * 1024 * 1024
"""Of the unpacked record; a gateway that sends more is broken or hostile."""
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


def unpack_handover(word: str) -> Handover:
    """Raises GatewayError when the word is damaged, too large or of another schema."""
    try:
        data = unpack(word, max_bytes=MAX_BYTES)
    except ValueError as error:
        raise GatewayError(f"The gateway's record {error}.") from error
    try:
        return Handover.model_validate_json(data)
    except ValidationError as error:
        raise GatewayError(
            f"The gateway's record does not fit this FailTale ({error.refusals[0]}); "
            "use the same version on both sides."
        ) from error
