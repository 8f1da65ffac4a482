"""What FailTale does, step by step -> the loggers ``failtale.*`` of the standard library, with no secret in them.

Silent unless somebody listens: ``FAILTALE_LOG=FILE`` for every face, ``failtale --verbose`` for a command, Robot's
``--loglevel DEBUG`` or ``TRACE`` for log.html, or a handler of your own on the logger ``failtale``. All lines are at
level DEBUG; a fault that was swallowed comes with its traceback.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from FailTaleLibrary.text import sanitize

LOG_VARIABLE = "FAILTALE_LOG"
"""Names the file that every face appends to."""
TREE = "failtale"
PARAMIKO = f"{TREE}.paramiko"
"""What paramiko says of our connections, a logger below it for each host. To our own files and streams alone: a dead
host is a warning or an error to paramiko, and routine for a user's log."""

Redact = Callable[[str], str]
"""A text -> the same without secrets; raises where that cannot be made sure."""
Stop = Callable[[], None]
"""Ends what the function began that returned it; may be called twice."""

_FORMAT = "%(asctime)s.%(msecs)03d %(threadName)s %(name)s: %(message)s"
_redactors: list[Redact] = []
_ours: list[logging.Handler] = []
_inside = threading.local()


def logger_of(module: str) -> logging.Logger:
    """The logger of a module, by its ``__name__``: ``failtale.collection.host`` of FailTaleLibrary.collection.host.

    Whatever is logged with it, by us or by a library to which its name was given, is sanitised and redacted before a
    handler sees it.
    """
    return made_safe(logging.getLogger(f"{TREE}.{module.removeprefix('FailTaleLibrary.')}"))


def made_safe(logger: logging.Logger) -> logging.Logger:
    """The same logger, which redacts what is logged with it; for loggers that a library makes by a name of ours."""
    if _make_safe not in logger.filters:
        logger.addFilter(_make_safe)
    return logger


def redact_with(redact: Redact) -> Stop:
    """From now on lines are also redacted by this."""
    _redactors.append(redact)

    def stop() -> None:
        if redact in _redactors:
            _redactors.remove(redact)

    return stop


def traceback_of(error: BaseException, redact: Redact) -> str:
    """A traceback without secrets: where its messages cannot be made safe, files, lines and types alone."""
    try:
        return redact("".join(traceback.format_exception(error)))
    except Exception:
        where = "".join(traceback.format_tb(error.__traceback__))
        return f"{where}{type(error).__name__}: (its message is withheld: it could not be searched for secrets)"


# --- Where the lines go -----------------------------------------------------------------------------------------------


def log_to_stream(stream: TextIO) -> Stop:
    """Every line goes there from now on."""
    return _send_to(logging.StreamHandler(stream))


def log_to_file(path: Path) -> Stop:
    """Every line is appended to a file of mode 0600 from now on. Raises OSError when it cannot be opened."""
    path = path.expanduser().absolute()
    if any(getattr(handler, "path", None) == path for handler in _root.handlers):
        return lambda: None  # a line stands there once, however many runs of this process ask for it
    return _send_to(_PrivateFileHandler(path))


def log_as_asked(environ: Mapping[str, str]) -> Stop:
    """To the file that ``FAILTALE_LOG`` names; one that cannot be written is said on stderr and costs no run."""
    name = environ.get(LOG_VARIABLE)
    try:
        return log_to_file(Path(name)) if name else lambda: None
    except OSError as error:
        if sys.__stderr__ is not None:
            print(f"FailTale: {LOG_VARIABLE} {name!a} cannot be written: {error.strerror}", file=sys.__stderr__)
        return lambda: None


if TYPE_CHECKING:
    _TextHandler = logging.StreamHandler[TextIO]
else:
    _TextHandler = logging.StreamHandler  # takes no parameter before Python 3.11


class _PrivateFileHandler(_TextHandler):
    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        super().__init__(os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace"))
        self.path = path

    def close(self) -> None:
        self.stream.close()
        super().close()


def _send_to(handler: logging.Handler) -> Stop:
    handler.setFormatter(logging.Formatter(_FORMAT, "%Y-%m-%d %H:%M:%S"))
    _ours.append(handler)
    for logger in (_root, logging.getLogger(PARAMIKO)):
        logger.addHandler(handler)
    _root.setLevel(logging.DEBUG)

    def stop() -> None:
        if handler not in _ours:
            return
        _ours.remove(handler)
        for logger in (_root, logging.getLogger(PARAMIKO)):
            logger.removeHandler(handler)
        handler.close()
        if not _ours:
            _root.setLevel(logging.NOTSET)

    return stop


# --- No secret in them ------------------------------------------------------------------------------------------------


def _make_safe(record: logging.LogRecord) -> bool:
    """Redacts a record in place; drops what redaction itself has to say, which would go round in a circle."""
    if getattr(_inside, "is_redacting", False):
        return False
    _inside.is_redacting = True
    try:
        is_foreign = record.name.startswith(PARAMIKO)
        record.msg, record.args = _redacted_line(record.getMessage(), is_foreign=is_foreign), ()
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = traceback_of(record.exc_info[1], _of_a_traceback)
        record.exc_info = record.stack_info = None  # a handler would format these anew, secrets included
    finally:
        _inside.is_redacting = False
    return True


def _redacted_line(text: str, *, is_foreign: bool) -> str:
    """``is_foreign``: it may quote what a server said, so it is told only where somebody redacts it."""
    if is_foreign and not _redactors:
        return "(withheld: nothing searches it for secrets)"
    try:
        return _redacted_or_raise(text).replace("\n", "\n    ")  # a foreign line end begins no line of ours
    except Exception:
        return "(withheld: this line could not be searched for secrets)"


def _of_a_traceback(text: str) -> str:
    """The messages of errors quote anything: without a redactor they are left out."""
    if not _redactors:
        raise LookupError("no redactor")
    return _redacted_or_raise(text)


def _redacted_or_raise(text: str) -> str:
    text = sanitize(text)
    for redact in tuple(_redactors):
        text = redact(text)
    return text


_root = logging.getLogger(TREE)
_root.addHandler(logging.NullHandler())
logging.getLogger(PARAMIKO).addHandler(logging.NullHandler())
logging.getLogger(PARAMIKO).propagate = False
