"""What the type checker refuses, a foreign text in a record: it complains (`./dev lint`) where it would take one."""

from __future__ import annotations

from FailTaleLibrary.records import Gap, KeywordStep, Signal, derived, our_words
from FailTaleLibrary.redaction import Redactor

foreign: str = input()
safe = Redactor().safe_message(foreign)

Gap(host="web1", reason="failed", detail=foreign)  # type: ignore[arg-type]
KeywordStep(name=safe, arguments=(foreign,))  # type: ignore[arg-type]
Signal(name="new", words=f"first seen {safe}")  # type: ignore[arg-type]
our_words("the host says {}", foreign)  # type: ignore[arg-type]
derived(str.strip, foreign)  # type: ignore[type-var]

Gap(host="web1", reason="failed", detail=our_words("the host says {}", safe))
KeywordStep(name=safe, arguments=(derived(str.strip, safe),))
