"""``failtale docs``: a page's name, or none -> that page of the documentation in the package, or the list of all."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from FailTaleLibrary.cli.options import Commands
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.text import count

_MOST_PLACES = 8


def add_command(commands: Commands) -> None:
    docs = commands.add_parser("docs", help="list the pages of the documentation, or print one as Markdown")
    docs.add_argument(
        "page", nargs="?", metavar="PAGE", help="page to print, such as 'configuration' or 'how-to/pabot'"
    )
    docs.add_argument("--path", action="store_true", help="print where it lies instead, for an editor or a browser")
    docs.set_defaults(run=_run_docs)


def documentation() -> Path:
    """The folder of the pages: in the installed package, or in a checkout."""
    package = Path(__file__).parent.parent
    return next(path for path in (package / "docs", package.parent / "docs") if path.is_dir())


def pages_of(folder: Path) -> dict[str, Path]:
    """Page's name -> its file; ``how-to/pabot`` for ``how-to/pabot.md``, in the order of their names."""
    files = sorted(folder.rglob("*.md"), key=lambda path: (path.parent != folder, str(path)))
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in files}


def _run_docs(options: argparse.Namespace) -> int:
    folder = documentation()
    pages = pages_of(folder)
    if options.page is not None:
        path = _page_called(options.page, pages)
        print(path if options.path else path.read_text(encoding="utf-8").rstrip("\n"))
    elif options.path:
        print(folder)
    else:
        width = max(map(len, pages))
        print("\n".join(f"{name:{width}}  {_title_of(path)}" for name, path in pages.items()))
        print(f"\n'failtale docs PAGE' prints one of them; they lie in '{folder}'.")
    return 0


def _page_called(name: str, pages: dict[str, Path]) -> Path:
    """The page of a name, of the last part of one, or of a link. Raises ConfigError that says where to look instead."""
    plain = name.removeprefix("./").removeprefix("docs/").partition("#")[0].removesuffix(".md").lower()
    matching = [path for each, path in pages.items() if plain in (each.lower(), each.lower().rpartition("/")[2])]
    if plain in pages:
        return pages[plain]
    if len(matching) == 1:
        return matching[0]
    raise ConfigError(_no_page(name, plain, pages))


def _no_page(name: str, plain: str, pages: dict[str, Path]) -> str:
    near = difflib.get_close_matches(plain, [*pages, *(each.rpartition("/")[2] for each in pages)], n=1)
    if near:
        return f"There is no page '{name}'; did you mean '{near[0]}'?"
    places = list(_places_of(plain, pages))
    if not places:
        return f"There is no page '{name}', and no page has this word; 'failtale docs' lists them."
    more = f" and {count(len(places) - _MOST_PLACES, 'more page')}" if len(places) > _MOST_PLACES else ""
    return f"There is no page '{name}'; the word stands in: {', '.join(places[:_MOST_PLACES])}{more}."


def _places_of(word: str, pages: dict[str, Path]) -> Iterator[str]:
    """Pages that have a word, those that have it most first."""
    numbers = {name: path.read_text(encoding="utf-8").lower().count(word) for name, path in pages.items()}
    yield from (name for name in sorted(pages, key=lambda name: (-numbers[name], name)) if word and numbers[name])


def _title_of(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return next((re.sub(r"^#+\s*", "", line).strip() for line in file if line.startswith("#")), "")
