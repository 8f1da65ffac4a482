"""The commented configuration that `failtale init` writes and users copy."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_CANDIDATES = (
    _PACKAGE / "failtale.yaml",  # installed: resources/ is laid over the package
    _PACKAGE.parent / "resources" / _PACKAGE.name / "failtale.yaml",  # a checkout
)


def template_text() -> str:
    """The text of the template, from the installed package or from a checkout."""
    return next(path for path in _CANDIDATES if path.is_file()).read_text(encoding="utf-8")
