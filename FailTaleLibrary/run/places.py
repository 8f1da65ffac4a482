"""An output directory -> where a run's bundles and tracebacks lie, and how its pages link to them."""

from __future__ import annotations

from pathlib import Path

from FailTaleLibrary.config import Config


def own_directory(config: Config, output_dir: Path | None) -> Path | None:
    """Where a run's bundles and tracebacks go; None: nowhere."""
    if config.bundles.directory is not None:
        return config.bundles.directory
    return output_dir / "failtale" if output_dir is not None else None


def link(path: Path, output_dir: Path | None) -> str:
    """A path as log.html can link it; absolute where it lies elsewhere."""
    if output_dir is not None and path.is_relative_to(output_dir):
        return path.relative_to(output_dir).as_posix()
    return path.absolute().as_posix()
