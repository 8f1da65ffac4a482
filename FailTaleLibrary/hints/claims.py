"""A model's sentences and the facts that it was shown -> the sentences that may be shown to a reader.

A sentence goes as a whole when it holds anything that could harm a reader (a link, a command, markup, invisible or
foreign characters) or anything that the facts do not hold (a host, a path, a number, a quote).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from FailTaleLibrary.hints.instructions import reads_like_instruction
from FailTaleLibrary.hints.lines import is_visible


@dataclass(frozen=True, slots=True)
class Claim:
    """What is left of a model's text."""

    text: str
    removed: tuple[str, ...]
    """Why each removed sentence went, in a few words."""


def checked_claim(text: str, *, facts: str, max_chars: int) -> Claim:
    """The sentences of `text` that are harmless and invent nothing; an unfinished last one goes as well.

    `max_chars` is the length at which the model's text was cut, if it was.
    """
    sentences = _sentences(text, max_chars=max_chars)
    objections = [(sentence, objection(sentence, facts=facts)) for sentence in sentences]
    return Claim(
        text=" ".join(_finished(sentence) for sentence, why in objections if why is None),
        removed=tuple(why for _, why in objections if why is not None),
    )


def objection(sentence: str, *, facts: str) -> str | None:
    """Why the sentence may not be shown, in a few words; None when it may."""
    return harm(sentence, facts=facts) or invention(sentence, facts=facts)


# --- Sentences -------------------------------------------------------------------------------------------------------

_END = re.compile(r"(?<=[.!?])[\"')\]]?\s+")


def _sentences(text: str, *, max_chars: int) -> list[str]:
    """Sentences in plain dress; what follows the last full stop is kept only when it is all there is and not cut."""
    plain = _plain(text)
    parts = [part.strip() for part in _END.split(plain) if part.strip()]
    if parts and not _is_finished(parts[-1]) and (len(parts) > 1 or len(text) >= max_chars - 1):
        parts.pop()
    return parts


def _plain(text: str) -> str:
    """Markdown's marks and semicolons, which prose can do without, in harmless forms."""
    text = re.sub(r"[ \t\r\n]+", " ", text).strip()
    text = text.replace("**", "").replace("`", "'")
    return re.sub(r"; (?=\w)", ", ", text)


def _is_finished(sentence: str) -> bool:
    return sentence.rstrip("\"')]").endswith((".", "!", "?"))


def _finished(sentence: str) -> str:
    return sentence if _is_finished(sentence) else f"{sentence}."


# --- What could harm a reader ----------------------------------------------------------------------------------------

_PUNCTUATION = set(".,:!?'\"()-/%_@=+[]") | set("–—−…‘’“”°×µ€")  # noqa: RUF001 - the dashes are meant
_LINK = re.compile(
    r"[a-z][a-z0-9+.-]{1,15}:/|\bwww\.|\b(?:javascript|vbscript|data|mailto|file|tel):|\]\s*\(|"
    r"\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|io|dev|sh|ru|cn|xyz|top|info|example|app|ai|co)\b/",
    re.IGNORECASE,
)
_COMMAND = re.compile(
    r"\b(?:sudo|curl|wget|chmod|chown|killall|powershell|mkfs\S*|iptables|kubectl|systemctl|crontab|useradd|netcat)\b"
    r"|\b(?:rm|kill|pkill|dd|nc|sh|bash|zsh|ssh|scp|python\d?|perl|ruby|node|php|base64|docker|podman|git|tar|"
    r"cat|echo|eval|exec|source)\s+(?:-{1,2}\w|/|if=|of=)"
    r"|\b(?:apt|apt-get|yum|dnf|pip\d?|npm|gem|docker|podman|git|service|ollama|helm|go)\s+"
    r"(?:install|remove|run|exec|pull|push|clone|start|stop|restart|reload|rm|get)\b"
    r"|\b(?:truncate|drop)\s+(?:table|database)\b|\bdelete\s+from\b"
    r"|^(?:please\s+|now\s+|then\s+)*(?:run|execute|paste|download|install|visit|click|type|open|enter|send|copy)\b"
    r"|\b(?:please|must|should|to)\s+(?:run|execute|paste|download|install|visit|click)\b",
    re.IGNORECASE,
)


def harm(sentence: str, *, facts: str) -> str | None:
    """Why the sentence could harm a reader or an assistant that reads it; None when it could not."""
    if any(not is_visible(char) for char in sentence):
        return "invisible characters"
    if any(not _is_expected(char, facts) for char in sentence):
        return "markup, shell or foreign characters"
    if _LINK.search(sentence):
        return "a link"
    if _COMMAND.search(sentence):
        return "a command"
    if reads_like_instruction(sentence):
        return "an instruction"
    return None


def _is_expected(char: str, facts: str) -> bool:
    """Latin letters, digits, the punctuation of prose, and letters of any script that the facts are written in."""
    if char == " " or char in _PUNCTUATION or (char.isascii() and char.isalnum()):
        return True
    if unicodedata.name(char, "").startswith("LATIN "):
        return True
    return unicodedata.category(char)[0] in "LMN" and char in facts


# --- What the facts do not hold --------------------------------------------------------------------------------------

_QUOTED = re.compile(r"(?<!\w)(?:\"([^\"]+)\"|'([^']+)'|“([^”]+)”|‘([^’]+)’)(?!\w)")  # noqa: RUF001
_TOKEN = re.compile(r"[^\s,!?()\"“”‘’\[\]]+")  # noqa: RUF001
_AROUND = ".:;'=-–—"  # noqa: RUF001
_NUMBER = re.compile(r"[+−–-]?(\d+(?:[.:]\d+)*)(?:[a-zµ%°]{0,3}|[KMGT]i?B)")  # noqa: RUF001
_HOST = re.compile(r"\b(?:host|server|node|machine)s?\s+(?:named\s+|called\s+)?([a-z][\w.-]*)", re.IGNORECASE)
_AFTER_HOST = """
    a an and any are as at be because been before but by can cannot could did do does due for from had has have he
    her if in into is it itself may might must name names no nor not of off on or out over process resolution
    restart returned returning said says side so than that the their then they this to under unreachable until up
    was were when where which while who will with without would key keys error errors failure time disk memory clock
    configuration log logs refused rejected restarted responded responds answered answers crashed ran failed fails
    went became lost down stopped timed reported reports refuses rejects sent killed closed
"""
_NO_HOST_NAME = frozenset(_AFTER_HOST.split())
_COMMON_SHORT = frozenset({"e.g", "i.e", "and/or", "i/o", "n/a", "a.m", "p.m", "client/server", "read/write"})


def invention(sentence: str, *, facts: str) -> str | None:
    """What the sentence names though the facts do not hold it; None when there is no such thing."""
    known = _comparable(facts)
    for quote in _QUOTED.finditer(sentence):
        words = next(group for group in quote.groups() if group is not None)
        if _comparable(words).strip(" .") not in known:
            return "an invented quote"
    for match in _HOST.finditer(sentence):
        name = match[1].rstrip(".-").casefold()
        if name not in _NO_HOST_NAME and not _holds(known, name):
            return "an invented host"
    return next((found for token in _tokens(sentence) if (found := _invented(token, known))), None)


def _comparable(text: str) -> str:
    return " ".join(text.casefold().replace("−", "-").split())  # noqa: RUF001


def _tokens(sentence: str) -> list[str]:
    """Words as they stand, without the punctuation around them; a path keeps the slash by which it is known."""
    words = (word.lstrip(_AROUND).rstrip(f"{_AROUND}/") for word in _TOKEN.findall(sentence))
    return [word for word in words if word]


def _invented(token: str, known: str) -> str | None:
    word = token.casefold().replace("−", "-").removesuffix("'s").removesuffix("’s")  # noqa: RUF001
    if word in _COMMON_SHORT:
        return None
    if number := _NUMBER.fullmatch(token):
        return None if _holds(known, number[1]) else "an invented number"
    if not _is_identifier(word) or _holds(known, word):
        return None
    return "an invented path" if "/" in word else "an invented name or number"


def _is_identifier(word: str) -> bool:
    """Names of machines, files, addresses and numbers, in contrast to the words of a language."""
    return any(char.isdigit() for char in word) or any(mark in word.strip(".") for mark in "./\\_@:=")


def _holds(known: str, word: str) -> bool:
    """Whether the facts hold the word as a whole one."""
    start = r"(?<![\w.])" if word[0].isdigit() else r"(?<!\w)"
    return re.search(rf"{start}{re.escape(word)}(?!\w|\.\d)", known) is not None
