"""The program -> the pages of docs/ that are made from it. `./dev docs` writes them; a test compares them.

``python docs/generate.py`` writes all of them anew.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

from FailTaleLibrary.cli import _parser
from FailTaleLibrary.cli.options import EXIT_STATUSES
from FailTaleLibrary.config.reference import configuration_markdown, presets_markdown

DOCS = Path(__file__).resolve().parent

# --- The command line -------------------------------------------------------------------------------------------------

_CLI = """\
# Command line reference

Every command with its options. This page is made from the program: do not edit it. What the commands are for, and how
they work together, is told in [commands.md](commands.md); their exit statuses in [exit-status.md](exit-status.md).

`failtale --verbose COMMAND` says on standard error what is done, step by step; `failtale --version` prints the version.
"""

_EXIT = """\
# Exit status

This page is made from the program: do not edit it.

| status | meaning |
| --- | --- |
"""

_ROBOT = """
`robot` and `pytest` end with their own exit status: FailTale changes none. A configuration with mistakes is the
exception, where you ask for it: `--listener FailTaleListener:failtale.yaml:strict=yes` ends the run before its first
test with status 253, and `pytest --failtale=failtale.yaml` ends with 4.
"""


def _commands() -> dict[str, argparse.ArgumentParser]:
    (found,) = (each for each in _parser()._actions if isinstance(each, argparse._SubParsersAction))
    return dict(found.choices)


def _summaries() -> dict[str, str]:
    (found,) = (each for each in _parser()._actions if isinstance(each, argparse._SubParsersAction))
    return {each.dest: each.help or "" for each in found._choices_actions}


def cli_markdown() -> str:
    summaries = _summaries()
    parts = [_CLI, *(_command(name, command, summaries[name]) for name, command in _commands().items())]
    return "\n".join(part.strip() + "\n" for part in parts)


def _command(name: str, command: argparse.ArgumentParser, summary: str) -> str:
    told = f"{summary[:1].upper()}{summary[1:]}.".replace("..", ".")
    rows = [_option(each) for each in command._actions if not isinstance(each, argparse._HelpAction)]
    table = ["| argument | meaning |", "| --- | --- |", *rows] if rows else []
    parts = [f"## failtale {name}", told, command.description or "", "\n".join(table), command.epilog or ""]
    return "\n\n".join(part for part in parts if part)


def _option(action: argparse.Action) -> str:
    value = action.metavar or action.dest.upper()
    if action.choices is not None:
        value = " or ".join(map(str, action.choices))
    if not action.option_strings:
        named = f"`{value}`" + {"*": ", any number", "+": ", one or more", "?": ", optional"}.get(str(action.nargs), "")
    else:
        named = ", ".join(f"`{each}`" if action.nargs == 0 else f"`{each} {value}`" for each in action.option_strings)
    return f"| {_cell(named)} | {_cell((action.help or '').replace('%%', '%'))} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def exit_status_markdown() -> str:
    general = "".join(f"| {status} | {meaning} |\n" for status, meaning in EXIT_STATUSES.items())
    told = {name: command.epilog for name, command in _commands().items() if command.epilog}
    own = "".join(f"| `failtale {name}` | {_meaning(epilog)} |\n" for name, epilog in told.items())
    return f"{_EXIT}{general}\nWhat 1 means:\n\n| command | ends with 1 when |\n| --- | --- |\n{own}{_ROBOT}"


def _meaning(epilog: str) -> str:
    return _cell(epilog.partition("Exit status 1: ")[2].rstrip("."))


# --- The keywords -----------------------------------------------------------------------------------------------------

_KEYWORDS = """\
# Keywords

What `Library    FailTaleLibrary` and `Resource    FailTaleLibrary/failtale.resource` bring. This page is made
by Robot's libdoc: do not edit it. `libdoc FailTaleLibrary keywords.html` writes the same as a page with search.
"""


def keywords_markdown() -> str:
    from robot.libdocpkg import LibraryDocumentation

    resource = DOCS.parent / "resources" / "FailTaleLibrary" / "failtale.resource"
    parts = [_KEYWORDS]
    for source in ("FailTaleLibrary", str(resource)):
        library = LibraryDocumentation(source)
        parts.append(f"## {'Library FailTaleLibrary' if source == 'FailTaleLibrary' else 'Resource failtale.resource'}")
        parts.append(_prose(library.doc, level=3))
        if library.inits:
            parts += [f"### Importing\n\n{_arguments(library.inits[0])}", _prose(library.inits[0].doc, level=4)]
        for keyword in library.keywords:
            parts += [f"### {keyword.name}\n\n{_arguments(keyword)}", _prose(keyword.doc, level=4)]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _arguments(keyword: object) -> str:
    words = [str(each) for each in keyword.args if str(each) != "*"]  # type: ignore[attr-defined]
    return "Arguments: " + ", ".join(f"`{word}`" for word in words) + "." if words else "No arguments."


def _prose(doc: str, *, level: int) -> str:
    """Robot's documentation format as Markdown: headings, tables of examples, code."""
    return "\n".join(_lines(doc.splitlines(), level))


def _lines(lines: list[str], level: int) -> Iterator[str]:
    """A row that ends with `|` is of a table; any other is of an example, which Robot's format writes as a row, too."""
    for kind, group in groupby(lines, key=_kind):
        if kind == "example":
            yield from ("```robotframework", *(re.sub(r"`([^`]+)`", r"\1", line[2:]) for line in group), "```")
        elif kind == "table":
            yield from ("| name | meaning |", "| --- | --- |", *map(_worded, group))
        else:
            yield from (re.sub(r"^=+ (.+) =+$", rf"{'#' * level} \1", _worded(line)) for line in group)


def _kind(line: str) -> str:
    return "text" if not line.startswith("| ") else "table" if line.endswith(" |") else "example"


def _worded(line: str) -> str:
    return re.sub(r"``([^`]+)``", r"`\1`", re.sub(r"(?<!`)`([^`]+)`(?!`)", _link, line))


def _link(found: re.Match[str]) -> str:
    return f"[{found[1]}](#{found[1].lower().replace(' ', '-')})" if found[1][:1].isupper() else f"`{found[1]}`"


# --- The decisions ----------------------------------------------------------------------------------------------------

_DECISIONS = """\
# Decisions

Why things are as they are, one page for each decision. This page is made from their headings: do not edit it. Which
packages FailTale depends on, and why, is told in [dependencies.md](dependencies.md).

| | decision |
| --- | --- |
"""


def decisions_markdown() -> str:
    pages = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    headings = (page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for page in pages)
    return _DECISIONS + "".join(
        _decision_row(page.name, heading) for page, heading in zip(pages, headings, strict=True)
    )


def _decision_row(page: str, heading: str) -> str:
    number, _, title = heading.partition(". ")
    if not (number.isdecimal() and title):
        raise ValueError(
            f"docs/decisions/{page}: its first line is to read '# NUMBER. WHAT WAS DECIDED', not {heading!r}"
        )
    return f"| {number} | [{title}]({page}) |\n"


# --- All --------------------------------------------------------------------------------------------------------------

PAGES: dict[str, Callable[[], str]] = {
    "configuration.md": configuration_markdown,
    "presets.md": presets_markdown,
    "keywords.md": keywords_markdown,
    "cli.md": cli_markdown,
    "exit-status.md": exit_status_markdown,
    "decisions/README.md": decisions_markdown,
}


def main() -> int:
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
