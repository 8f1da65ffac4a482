"""What a command prints -> the same without what a terminal would obey: the one way out of `failtale`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, cast

from FailTaleLibrary.text import sanitize, without_ci_commands


class SafeStream:
    """A text stream that sanitises whatever is written to it; for the rest it is the stream that it stands for.

    A command, `argparse`, a log handler and a warning all write through it, and none of them has to think of it; nor
    does a CI server find a command in it. JSON stays JSON: what is escaped in it stays escaped, what is not gets an
    escape or goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self.unfiltered = stream

    def write(self, text: str) -> int:
        self.unfiltered.write(self._encodable(without_ci_commands(sanitize(text))))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unfiltered, name)

    def _encodable(self, text: str) -> str:
        """A terminal of another encoding gets ``\\xNN`` for what it does not have, and no traceback."""
        encoding = self.unfiltered.encoding or "utf-8"
        return text.encode(encoding, "backslashreplace").decode(encoding)


@contextlib.contextmanager
def printing_safely() -> Iterator[None]:
    """Within the block, standard output and standard error are sanitised; their ``buffer`` is not."""
    with contextlib.ExitStack() as stack:
        if sys.stdout is not None:
            stack.enter_context(contextlib.redirect_stdout(safe(sys.stdout)))
        if sys.stderr is not None:
            stack.enter_context(contextlib.redirect_stderr(safe(sys.stderr)))
        yield


def safe(stream: TextIO) -> TextIO:
    return cast(TextIO, SafeStream(stream))


def unfiltered(stream: TextIO) -> TextIO:
    """For what moves a terminal's cursor or commands a CI server itself, and sanitises the words in it."""
    return stream.unfiltered if isinstance(stream, SafeStream) else stream
