"""``failtale know``: the causes that the history counts -> a list of them, and the notes that people attach to them."""

from __future__ import annotations

import argparse
import os
from datetime import datetime, timezone

from FailTaleLibrary.cli.options import Commands, configuration, with_config
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.history import KnownCause, history_of
from FailTaleLibrary.history.database import NOTE_CHARS
from FailTaleLibrary.redaction.redactor import RecordRedactor
from FailTaleLibrary.run import redactor_for
from FailTaleLibrary.text import count, one_line

MOST_LISTED = 50


def add_command(commands: Commands) -> None:
    know = commands.add_parser(
        "know",
        parents=[with_config()],
        help="attach a note to a failure's cause, which later cards bear; list and forget notes",
        description="Reads and writes the history that the configuration names. Without SIGNATURE it lists the causes "
        "that are known, those with a note first.",
    )
    know.add_argument("signature", nargs="?", metavar="SIGNATURE", help="what the card shows, or its beginning")
    know.add_argument("note", nargs="?", metavar="NOTE", help=f"such as BUG-123; at most {NOTE_CHARS} characters")
    know.add_argument("--forget", action="store_true", help="remove the note of SIGNATURE")
    know.set_defaults(run=_run_know)


def _run_know(options: argparse.Namespace) -> int:
    config = configuration(options)
    history = history_of(config)
    if options.signature is None and not options.forget:
        print(_list_of_causes(history.known()))
    elif options.forget and options.signature and options.note is None:
        print(f"forgotten: '{history.forget(options.signature).note}'")
    elif options.note and not options.forget:
        note = RecordRedactor(redactor_for(config, os.environ)).short(one_line(options.note).strip())
        if not note or len(note) > NOTE_CHARS:
            raise ConfigError(f"A note has 1 to {NOTE_CHARS} characters, this one {len(note)}.")
        cause = history.attach(options.signature, note, at=datetime.now(timezone.utc))
        print(f"{cause.signature}: {note}")
    else:
        raise ConfigError("Write 'failtale know SIGNATURE NOTE', or 'failtale know SIGNATURE --forget'.")
    return 0


def _list_of_causes(causes: tuple[KnownCause, ...]) -> str:
    if not causes:
        return "No failure was counted so far."
    lines = [_line_of_cause(cause) for cause in causes[:MOST_LISTED]]
    if len(causes) > MOST_LISTED:
        lines.append(f"and {count(len(causes) - MOST_LISTED, 'further cause')}")
    return "\n".join(lines)


def _line_of_cause(cause: KnownCause) -> str:
    """``1a2b3c4d5e6f7a8b   12 times, last on 2026-11-12  [BUG-123] db1: disk is full``."""
    note = f"[{cause.note}] " if cause.note else ""
    if not cause.times:
        return f"{cause.signature}  {'only the note is left':<30}  {note}".rstrip()
    struck = f"{count(cause.times, 'time')}, last on {cause.last_at:%Y-%m-%d}"
    return f"{cause.signature}  {struck:<30}  {note}{cause.headline}"
