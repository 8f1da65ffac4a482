"""README.md -> the long description on PyPI, where a link to a file of the project leads nowhere: all are absolute."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?)(\[[^\]]*\])\((?!https?://|#|mailto:)([^)\s]+)\)")


def long_description(readme: str, repository: str, version: str) -> str:
    """The text with links to the pages, and to the pictures, of this version in the repository."""

    def absolute(link: re.Match[str]) -> str:
        way = "raw" if link[1] else "blob"
        return f"{link[1]}{link[2]}({repository}/{way}/v{version}/{link[3]})"

    return _LINK.sub(absolute, readme)


class CustomMetadataHook(MetadataHookInterface):  # hatchling looks for a class of this kind
    def update(self, metadata: dict[str, Any]) -> None:
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        source = (Path(self.root) / "FailTaleLibrary" / "__init__.py").read_text(encoding="utf-8")
        (version,) = re.findall(r'(?m)^__version__ = "(.+)"$', source)
        text = long_description(readme, metadata["urls"]["Repository"], version)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
