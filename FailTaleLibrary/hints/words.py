"""A text -> its words, reduced to stems by which a claim and a line are compared. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from FailTaleLibrary.files import packaged_yaml

_LETTERS = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_STEM = 6
"""Letters that "connection" and "connected", "locked" and "locking" have in common."""
_IRREGULAR = {
    "written": "write", "wrote": "write", "began": "begin", "begun": "begin", "held": "hold", "ran": "run",
    "lost": "lose", "sent": "send", "found": "find", "went": "go", "gone": "go", "broke": "break", "broken": "break",
    "froze": "freeze", "frozen": "freeze", "hung": "hang", "kept": "keep", "took": "take", "taken": "take",
    "grew": "grow", "grown": "grow", "fell": "fall", "fallen": "fall", "rose": "rise", "risen": "rise",
    "built": "build", "denied": "deny", "denies": "deny", "indices": "index", "died": "die", "stuck": "stick",
    "refusal": "refuse", "renewal": "renew", "removal": "remove", "arrival": "arrive", "approval": "approve",
    "retrieval": "retrieve", "withdrawal": "withdraw",
    "expiry": "expire", "failure": "fail", "overran": "overrun", "used": "use", "using": "use", "given": "give",
    "gave": "give", "known": "know", "knew": "know", "threw": "throw", "thrown": "throw", "ids": "id", "ips": "ip",
}  # fmt: skip

PASTS = frozenset(_IRREGULAR) | frozenset(
    {
        "became", "begun", "bound", "brought", "built", "came", "caught", "chose", "cost", "cut", "dealt", "drew",
        "fed",
        "fell", "felt", "forgot", "forbade", "gave", "given", "got", "had", "heard", "hid", "hit", "knew", "known",
        "led", "left", "let", "made", "meant", "met", "overtook", "put", "quit", "read", "said", "saw", "seen", "set",
        "showed", "shown", "shrank", "shut", "slept", "spent", "split", "spoke", "spread", "stood", "struck", "threw",
        "thrown", "told", "tied", "tried", "understood", "woke", "withdrew", "won", "cause", "need", "lack", "show",
        "report", "mean", "seem", "like", "exit", "open", "near",
    }
)  # fmt: skip
"""Forms of verbs that tell what was, and words that are as often something else."""


def stem(word: str) -> str:
    """What the forms of one word share, as far as spelling tells."""
    word = word.casefold()
    word = _IRREGULAR.get(word, word)
    for ending, instead in (
        ("ies", "y"),
        ("ied", "y"),
        ("ings", ""),
        ("ing", ""),
        ("ed", ""),
        ("es", ""),
        ("s", ""),
        ("ly", ""),
    ):
        if word.endswith(ending) and not word.endswith(("ss", "eed")) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending) + instead
            break
    if len(word) >= 4 and word[-1] == word[-2] and word[-1] not in "sl":
        word = word[:-1]
    if word.endswith("ie"):
        word = word.removesuffix("ie") + "y"
    return word.removesuffix("e")[:_STEM] if len(word) > 3 else word


def words_of(text: str) -> Iterator[str]:
    """Its words as they stand, and the parts of joined ones: ``OrderController`` is order and controller as well."""
    for match in _LETTERS.finditer(text):
        yield match[0]
        parts = _CAMEL.split(match[0])
        if len(parts) > 1:
            yield from parts


def stems_of(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words_of(text))


@cache
def words_of_kind(kind: str) -> frozenset[str]:
    """Of one list of `vocabulary.yaml`, as they stand there."""
    return frozenset(_vocabulary()[kind].split())


@cache
def ordinary_stems() -> frozenset[str]:
    """Of the words with which people explain a failure, whatever it was."""
    return frozenset(
        stem(word) for words in _vocabulary().values() for part in words.split() for word in part.split("-")
    )


@cache
def _vocabulary() -> dict[str, str]:
    found: dict[str, str] = packaged_yaml("FailTaleLibrary", "hints", "vocabulary.yaml")
    return found


# --- Words that say something -----------------------------------------------------------------------------------------

_JOINED = re.compile(r"\w+(?:[./:_@-]\w+)+")
_NUMBER = re.compile(r"\d{2,}")


_IN_TWO_WORDS = re.compile(
    r"\b(shut|log|timed?|start|set|fail|roll|build|clean) ?-?(down|in|out|up|over|back)\b", re.IGNORECASE
)


def significant_stems(text: str) -> dict[str, str]:
    """Stem -> word, of the words that say more than that something failed somewhere."""
    text = _IN_TWO_WORDS.sub(r"\1\2", text)
    found: dict[str, str] = {}
    for word in (*_JOINED.findall(text.casefold()), *_NUMBER.findall(text)):
        found.setdefault(word, word)
    idle = words_of_kind("function") | words_of_kind("trade")
    for word in words_of(text):
        if len(word) > 2 and word.casefold() not in idle:
            found.setdefault(stem(word), word.casefold())
    return found
