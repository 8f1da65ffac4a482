"""A page -> its fenced blocks and the commands in its sentences, as a reader would copy them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

_FENCE = re.compile(
    r"(?ms)^(?P<indent> *)(?P<fence>`{3,})(?P<language>[^\s`]*)[^\n]*\n(?P<text>.*?)^(?P=indent)(?P=fence)[ ]*$"
)
_MARK = re.compile(r"<!-- (?P<mark>[^>]+) -->\s*\Z")


@dataclass(frozen=True)
class Block:
    """One fenced block. `mark` is the comment on the line before it, which says why it is not run or validated."""

    page: Path
    line: int
    language: str
    text: str
    mark: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    whole = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(whole):
        before = whole[: found.start()]
        mark = _MARK.search(before)
        indent = len(found["indent"])
        text = "".join(line[indent:] or "\n" for line in found["text"].splitlines(keepends=True))
        yield Block(page, before.count("\n") + 1, found["language"], text, mark["mark"] if mark else "")


def all_blocks() -> list[Block]:
    return [block for page in PAGES for block in blocks_of(page)]


def without_blocks(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def codes_in_sentences(page: Path) -> list[str]:
    """What stands between single back quotes, on one line."""
    return [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", without_blocks(page))]


def commands_of(script: str) -> Iterator[list[str]]:
    """The words of each simple command in a shell script. Assignments before a command and what redirects are left out.

    Here-documents are data and are left out; so are the words by which a shell steers (`if`, `for`, `do` …).
    """
    script = re.sub(r"(?ms)<<-?\s*'?(\w+)'?([^\n]*)\n.*?^\s*\1$", r"\2", script)
    for line in script.replace("\\\n", " ").splitlines():
        words: list[str] = []
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = "#"
        for word in lexer:
            if word and set(word) <= set(";&|()"):
                yield from _simple(words)
                words = []
            else:
                words.append(word)
        yield from _simple(words)


_STEERING = {"if", "then", "else", "fi", "for", "do", "done", "while", "!", "{", "}", "exec", "sudo"}


def _simple(words: list[str]) -> Iterator[list[str]]:
    rest = list(words)
    while rest and (rest[0] in _STEERING or re.match(r"[A-Za-z_]\w*=", rest[0])):
        rest.pop(0)
    kept: list[str] = []
    skip = False
    for word in rest:
        if skip:
            skip = False
        elif set(word) <= set("<>&") or re.fullmatch(r"\d?>+&?", word):
            skip = True
        else:
            kept.append(word)
    if kept:
        yield kept
