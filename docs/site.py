"""What the site has beside the pages of docs/ (MkDocs calls these hooks; `mkdocs.yml`).

The pages at the root of the project, with their links led over; and the pages of a folder that the navigation names.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

DOCS = Path(__file__).resolve().parent
AT_THE_ROOT = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "CODE_OF_CONDUCT.md")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    config.nav = _with_folders(config.nav)
    return config


def _with_folders(entry: Any) -> Any:
    if isinstance(entry, list):
        return [inner for each in entry for inner in _entries(each)]
    if isinstance(entry, dict):
        return {name: _with_folders(each) for name, each in entry.items()}
    return _pages_of(entry) if entry.endswith("/") else entry


def _entries(entry: Any) -> list[Any]:
    filled = _with_folders(entry)
    return filled if isinstance(filled, list) else [filled]


def _pages_of(folder: str) -> list[str]:
    pages = sorted((DOCS / folder).glob("*.md"), key=lambda page: (page.name != "README.md", page.name))
    return [page.relative_to(DOCS).as_posix() for page in pages]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name in AT_THE_ROOT:
        text = (DOCS.parent / name).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=re.sub(r"\]\(docs/", "](", text)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """A page's link to one at the root leads to where the site has it; the README is the site's home."""
    names = "|".join(map(re.escape, AT_THE_ROOT))
    return re.sub(rf"\]\(((?:\.\./)*)\.\./({names})", r"](\1\2", markdown)
