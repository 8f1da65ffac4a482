"""Evidence <-> one ASCII word that travels from gateway to runner by pages: all that a direct collection gives."""

from __future__ import annotations

import base64
import zlib
from typing import Literal

from pydantic import ValidationError

from FailTaleLibrary.errors import GatewayError
from FailTaleLibrary.records import Evidence, Plan, Record

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


def pack(handover: Handover) -> str:
    """The record as ASCII without spaces, so that a page may end anywhere; `unpack` reads it."""
    return base64.b64encode(zlib.compress(handover.model_dump_json().encode(), 1)).decode("ascii")


def unpack(word: str) -> Handover:
    """Raises GatewayError when the word is damaged, too large or of another schema."""
    try:
        inflater = zlib.decompressobj()
        data = inflater.decompress(base64.b64decode(word, validate=True), MAX_BYTES)
    except (ValueError, zlib.error) as error:
        raise GatewayError(f"The gateway's record is damaged: {error}.") from error
    if not inflater.eof:
        raise GatewayError(f"The gateway's record is damaged or unpacks to more than {MAX_BYTES} bytes.")
    try:
        return Handover.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise GatewayError(
            f"The gateway's record does not fit this FailTale ({place}: {first['msg']}); "
            "use the same version on both sides."
        ) from error
