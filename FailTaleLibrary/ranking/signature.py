"""A failure and its strongest suspect -> the signature that equal failures of a run share."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from FailTaleLibrary.ranking.templates import gist, template
from FailTaleLibrary.records import Failure, Signature, Suspect

_MESSAGE_CHARS = 300
_QUOTED = re.compile(r"'[^']*\d[^']*'|\"[^\"]*\d[^\"]*\"")
_STATUS = re.compile(r"\b([1-5])(\d\d)(?= (?:[A-Z][a-z]+ )?(?:Error|Server Error|Client Error)\b)")
_DIGITS = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
_PLAIN = str.maketrans("⓪①②③④⑤⑥⑦⑧⑨", "0123456789")


def signature_of(failure: Failure, strongest: Suspect | None, *, known: Mapping[str, str]) -> Signature | None:
    """The signature; None when there is nothing to tell failures apart by.

    ``strongest``: the first suspect, if a strong signal speaks for it. ``known``: hash -> name of the first failure.
    """
    parts = [" > ".join(step.name for step in failure.keyword_path), _normalised(failure.message)]
    if not any(parts) and strongest is None:
        return None
    if strongest is not None:
        parts.append(f"{strongest.component or strongest.host}: {_normalised(gist(strongest.text))}")
    text = " | ".join(part for part in parts if part)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Signature(hash=digest, text=text, same_as=known.get(digest))


def _normalised(message: str) -> str:
    """The message without what differs between two occurrences of the same thing; a status code stays."""
    head = _STATUS.sub(lambda match: match[0].translate(_DIGITS), message[:_MESSAGE_CHARS])
    return template(_QUOTED.sub("'<value>'", head)).translate(_PLAIN)
