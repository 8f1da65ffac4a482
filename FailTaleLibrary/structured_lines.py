"""A line that JSON or logfmt made of fields -> what it says. Pure."""

from __future__ import annotations

import json

from FailTaleLibrary.lazy import regex

LINE_END = r"(?:(?:\\r)?\\n|#012|\n)"
"""As JSON, logfmt and syslog write it inside one line."""
TRACE_SIGN = regex(
    rf"Traceback \(most recent call last\)|{LINE_END}(?:\\t|\s)*at \S|(?:^|{LINE_END})\s*goroutine \d+ \["
)
"""Of a trace that stands inside one line."""
_SAYS = ("msg", "message", "event", "short_message")
_BECAUSE = ("error", "err", "exception", "cause", "reason", "detail", "error_message")
"""Fields of structured lines: what happened, and why."""
_FIELD = "|".join((*_SAYS, *_BECAUSE))
_IN_QUOTES = r"\"(?P<quoted>(?:[^\"\\]|\\.){1,600})"
_LOGFMT = regex(rf"(?:^|[\s,])(?P<name>{_FIELD})=(?:{_IN_QUOTES}|(?P<word>[^\s\"]\S*))")
_CUT_JSON = regex(rf"\"(?P<name>{_FIELD})\" ?: ?{_IN_QUOTES}")
"""Of an object that is too long to be read whole."""


def words_of_fields(text: str) -> str:
    """What a JSON or logfmt line says, and why where it has a field for that; empty when it is neither."""
    if text.startswith("{"):
        try:
            return _said_and_why({name: _words_of_field(value) for name, value in json.loads(text).items()})
        except (ValueError, RecursionError):
            return _said_and_why({match["name"]: match["quoted"] for match in _CUT_JSON.finditer(text)})
    found = [(match["name"], match["quoted"] or match["word"]) for match in _LOGFMT.finditer(text)]
    return _said_and_why({name: value.replace('\\"', '"') for name, value in reversed(found)})


def _said_and_why(fields: dict[str, str]) -> str:
    said = next((fields[name] for name in _SAYS if fields.get(name)), "")
    why = next((fields[name] for name in _BECAUSE if fields.get(name)), "")
    if not said or not why or why in said or TRACE_SIGN.search(why):
        return said or why
    return f"{said}: {why}"


def _words_of_field(value: object) -> str:
    """A field's text; of an object that is an error its message."""
    if isinstance(value, dict):
        return next((str(value[name]) for name in (*_SAYS, *_BECAUSE) if value.get(name)), "")
    return value if isinstance(value, str) else ""
