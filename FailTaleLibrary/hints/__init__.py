"""Suspects -> a hint: a local model's sentence about the cause, believed as far as the lines it cites carry it.

`build_prompt` is pure and shows what would be sent; `HintMaker` asks for the hints of a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from FailTaleLibrary import lazy

if TYPE_CHECKING:
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
__getattr__ = lazy.members(
    __name__,
    {
        "maker": ["HintMaker", "HintOf", "HintOutcome", "until_stopped", "with_progress", "write_hints"],
        "prompt": ["CHARS_PER_TOKEN", "Prompt", "build_prompt"],
    },
)
