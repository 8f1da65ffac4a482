"""Texts with ``%{NAME}`` and the environment -> texts, as Robot Framework reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping

# A default may hold one level of braces, as in %{FORMAT={id}}.
_REFERENCE = re.compile(r"(\\)?%\{([^{}=]+)(?:=((?:[^{}]|\{[^{}]*\})*))?\}")
_ONLY_A_NAME = re.compile(r"%\{[^{}=]+\}")


class Expanded(str):
    """A text of which at least a part came from the environment; `raw` is what stands in the file."""

    __slots__ = ("raw",)
    raw: str

    @property
    def is_one_variable(self) -> bool:
        """Whether the file says ``%{NAME}`` and nothing else: how a secret may be given."""
        return _ONLY_A_NAME.fullmatch(self.raw) is not None


class MissingVariablesError(Exception):
    """The names that a text asks for and the environment does not have."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(*names)
        self.names = names


def referenced(text: str) -> tuple[str, ...]:
    """Names of the variables that a text asks for, in its order."""
    return tuple(match[2] for match in _REFERENCE.finditer(text) if not match[1])


def expand(text: str, environ: Mapping[str, str]) -> str:
    r"""The text with its variables replaced; ``\%{`` stands for the characters ``%{``.

    Returns `Expanded` when a variable was replaced. Raises MissingVariablesError when one is neither set nor has a
    default.
    """
    missing = tuple(
        match[2] for match in _REFERENCE.finditer(text) if not match[1] and match[3] is None and match[2] not in environ
    )
    if missing:
        raise MissingVariablesError(missing)
    result = _REFERENCE.sub(lambda match: match[0][1:] if match[1] else environ.get(match[2], match[3] or ""), text)
    if not referenced(text):
        return result
    expanded = Expanded(result)
    expanded.raw = text
    return expanded
