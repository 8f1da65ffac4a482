"""``failtale check``: a configuration -> what a failure would get from each host, and the lines to type for the rest.

Exit status 0: no evidence would be lost; 1: some would; 2: the configuration has a mistake.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from FailTaleLibrary.cli.options import (
    Commands,
    configuration,
    status_1,
    variables_of,
    with_config,
    with_variables,
)
from FailTaleLibrary.cli.printing import unfiltered
from FailTaleLibrary.cli.terminal import has_colour
from FailTaleLibrary.config import Config
from FailTaleLibrary.config.variables import resolve, values_of
from FailTaleLibrary.doctor.checkup import check
from FailTaleLibrary.doctor.findings import Checkup
from FailTaleLibrary.doctor.table import host_lines, other_lines, summary_line
from FailTaleLibrary.doctor.trust import offered_keys, remember
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.progress import live_line
from FailTaleLibrary.text import sanitize

_COLOURS = (
    (re.compile(r"  PROBLEM "), "\033[1;31m"),
    (re.compile(r"  note "), "\033[33m"),
    (re.compile(r"  ok "), "\033[32m"),
    (re.compile(r" {12}\S"), "\033[36m"),
    (re.compile(r"\S"), "\033[1m"),
)
"""Beginning of a line -> how it is shown."""
_RESET = "\033[0m"


def add_command(commands: Commands) -> None:
    command = commands.add_parser(
        "check",
        parents=[with_config(), with_variables()],
        help="run every collector once, and say what a failure would not get, and why",
        epilog=status_1("some evidence would be lost"),
    )
    command.add_argument("hosts", nargs="*", metavar="HOST", help="only these (default: all)")
    command.add_argument("--all", action="store_true", help="a line for each collector, also for those that are well")
    command.add_argument("--json", action="store_true", help="as JSON (docs/check.schema.json)")
    command.add_argument(
        "--accept-host-keys",
        action="store_true",
        help="show the fingerprints of hosts that are not in known_hosts, ask, and add them; never a changed key",
    )
    command.add_argument("--yes", action="store_true", help="with --accept-host-keys: do not ask")
    command.set_defaults(run=_run_check)


def _run_check(options: argparse.Namespace) -> int:
    config = configuration(options)
    values = values_of(config.variables, variables_of(options, config).__getitem__)
    if options.accept_host_keys:
        out = sys.stderr if options.json else sys.stdout
        known = resolve(config, values).config
        hosts = [host for host in options.hosts or config.hosts if host in known.hosts or host not in config.hosts]
        accept_keys(known, hosts, yes=options.yes, out=out)
    elif options.yes:
        raise ConfigError("'--yes' means nothing without '--accept-host-keys'.")
    with live_line(unfiltered(sys.stderr)) as progress:
        checkup = check(config, options.hosts, values=values, progress=progress)
    if options.json:
        print(checkup.model_dump_json(indent=2))
    else:
        _print_table(checkup, all_collectors=options.all)
    return 0 if checkup.well else 1


def _print_table(checkup: Checkup, *, all_collectors: bool) -> None:
    for host in checkup.hosts:
        _print_lines(host_lines(host, all_collectors=all_collectors))
    _print_lines(other_lines(checkup))
    _print_lines(["", summary_line(checkup)])


def _print_lines(lines: Iterable[str]) -> None:
    coloured = has_colour(sys.stdout)
    for line in lines:
        style = next((style for pattern, style in _COLOURS if pattern.match(line)), "") if coloured else ""
        if style:  # ours, so it goes around what sanitises the text
            print(f"{style}{sanitize(line)}{_RESET}", file=unfiltered(sys.stdout))
        else:
            print(line)


def accept_keys(config: Config, hosts: Sequence[str], *, yes: bool, out: TextIO) -> None:
    """Shows the keys of hosts that nobody knows yet and adds them after a yes. Raises ConfigError without one."""
    known: set[str] = set()
    while offered := [each for each in offered_keys(config, hosts) if each.line not in known]:
        for each in offered:
            print(f"{each.shown}\n  to compare, on the host: {each.comparison}", file=out)
        if not (yes or _says_yes(f"Add {len(offered)} to known_hosts? [yes/no] ")):
            raise ConfigError("No key was added.")
        for each in offered:
            remember(each)
            known.add(each.line)
            print(f"added to {each.file}: {each.name}", file=out)
    if not known:
        print("No host has a key that is not known.", file=out)


def _says_yes(question: str) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError(
            "'--accept-host-keys' asks before it adds a key, and there is no terminal to ask on; compare the "
            "fingerprints above, then add '--yes'."
        )
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False
