"""The command line ``failtale COMMAND``: arguments in, an exit status out. Each command has a module of its own.

Exit status 0: done; 1: done, and something is not well (a host that cannot be reached, a damaged card); 2: bad
input.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence

from FailTaleLibrary import __version__
from FailTaleLibrary.cli.printing import printing_safely
from FailTaleLibrary.errors import FailTaleError
from FailTaleLibrary.log import LOG_VARIABLE, log_as_asked, log_to_stream, logger_of, redact_with, traceback_of

_log = logger_of(__name__)

_COMMANDS = (
    "demo",
    "init",
    "template",
    "schema",
    "presets",
    "docs",
    "check",
    "gate",
    "prepare-host",
    "collect",
    "review",
    "show",
    "report",
    "know",
    "rank",
    "redact",
    "analyze",
    "serve",
)
"""In the order of the help: what a newcomer types first stands first."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; mistakes are printed as sentences, without a traceback. All that is printed is sanitised."""
    with printing_safely():
        return _run(arguments)


def _run(arguments: Sequence[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    if mistyped := _mistyped(words):
        return _refuse(mistyped)
    parser = _parser(_commands_meant(words))
    options = parser.parse_args(words)
    if "run" not in options:
        parser.print_help()
        return 2
    with contextlib.ExitStack() as listening:
        listening.callback(log_as_asked(os.environ))
        if options.verbose:
            listening.callback(log_to_stream(sys.stderr))
        if options.verbose or os.environ.get(LOG_VARIABLE):
            listening.callback(redact_with(_without_secrets))
        return _status_of_command(options)


def _without_secrets(text: str) -> str:
    """Of what a command tells without a redactor that knows the configuration's secrets."""
    from FailTaleLibrary.redaction import Redactor  # most commands need none, and its automata take their time

    return Redactor().redact(text).text


def _status_of_command(options: argparse.Namespace) -> int:
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except FailTaleError as error:
        return _refuse(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that nothing is flushed into the dead pipe
        return 0
    except OSError as error:
        return _refuse(f"'{error.filename}': {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # a mistake of ours; its traceback may quote what is foreign
        _log.debug("the command failed: %s", type(error).__name__)
        print(traceback_of(error, _without_secrets), file=sys.stderr)
        return 1


def _refuse(sentence: str) -> int:
    print(f"failtale: {sentence}", file=sys.stderr)
    return 2


def _mistyped(words: Sequence[str]) -> str:
    """The sentence for a command that does not exist; empty where it does, or none is named."""
    said = [word for word in words if word != "--verbose"]
    if not said or said[0].startswith("-") or said[0] in _COMMANDS:
        return ""
    import difflib  # wanted by mistakes alone

    near = difflib.get_close_matches(said[0], _COMMANDS, n=1)
    meant = f"did you mean 'failtale {near[0]}'?" if near else "'failtale --help' lists those that there are."
    return f"There is no command '{said[0]}'; {meant}"


def _commands_meant(words: Sequence[str]) -> Sequence[str]:
    """The one command that is named; all of them where none is, or where help about all is asked for.

    What a command needs is imported with it: `show` waits for no engine that collects.
    """
    said = [word for word in words if word != "--verbose"]
    return said[:1] if said and said[0] in _COMMANDS else _COMMANDS


def _parser(names: Sequence[str] = _COMMANDS) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="failtale",
        description="What every component of the system under test was doing while a test failed.",
    )
    parser.add_argument("--verbose", action="store_true", help="say on standard error what is done, step by step")
    parser.add_argument("--version", action="version", version=f"failtale {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name in names:
        importlib.import_module(f"FailTaleLibrary.cli.{name.replace('-', '_')}").add_command(commands)
    return parser
