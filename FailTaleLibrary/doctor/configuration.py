"""Config -> what is odd in it without being wrong: what never runs, what never matches. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from FailTaleLibrary.config import Config
from FailTaleLibrary.doctor.findings import Advice, Note


def configuration_notes(config: Config) -> Iterator[Note]:
    """A note for each oddity, with the line to write."""
    yield from (Note(said=note) for note in (*config.notes, *config.warnings))
    yield from _unused_components(config)
    yield from _tags_that_never_match(config)


def _unused_components(config: Config) -> Iterator[Note]:
    played = {name for host in config.hosts.values() for name in host.component}
    for name in config.components:
        if name not in played and config.hosts:
            line = f"NAME: {{component: {name}}}"
            yield Note(
                said=f"No host is assigned to component '{name}', so that its collectors never run.",
                advice=(Advice(needs="a host", where="in the configuration", lines=(line,)),),
            )


def _tags_that_never_match(config: Config) -> Iterator[Note]:
    for key, tags in (("include", config.tags.include), ("exclude", config.tags.exclude)):
        for tag in tags:
            parts = [part for part in re.split(r"[,;\s]+", tag) if part]
            if len(parts) > 1 and not set(parts) & {"AND", "OR", "NOT"}:
                yield Note(
                    said=f"tags.{key}: '{tag}' is one tag; two are written as a list.",
                    advice=(Advice(needs="", where="in the configuration", lines=(f"{key}: [{', '.join(parts)}]",)),),
                )
    if both := sorted(set(config.tags.include) & set(config.tags.exclude)):
        yield Note(said=f"tags: '{both[0]}' is included and excluded: what has it is never collected for.")
