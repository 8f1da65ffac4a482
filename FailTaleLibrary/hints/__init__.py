"""Suspects -> a hint: a local model's sentence about the cause, believed as far as the lines it cites carry it.

`build_prompt` is pure and shows what would be sent; `HintMaker` asks for the hints of a run.
"""

from __future__ import annotations

from FailTaleLibrary.hints.maker import HintMaker, HintOf, HintOutcome, until_stopped, with_progress, write_hints
from FailTaleLibrary.hints.prompt import CHARS_PER_TOKEN, Prompt, build_prompt

__all__ = [
    "CHARS_PER_TOKEN",
    "HintMaker",
    "HintOf",
    "HintOutcome",
    "Prompt",
    "build_prompt",
    "until_stopped",
    "with_progress",
    "write_hints",
]
