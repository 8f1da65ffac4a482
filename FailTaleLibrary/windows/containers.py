"""A container collector and its window -> the shell text that reads the logs that a container engine keeps."""

from __future__ import annotations

import math
from datetime import datetime, timezone

from FailTaleLibrary.config import Collector
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.windows.log_files import SCAN_BYTES
from FailTaleLibrary.windows.look_back import glance_words
from FailTaleLibrary.windows.model import NO_GLANCE, CollectorText, Glance, ResolvedWindow, WindowValues
from FailTaleLibrary.windows.pipeline import (
    assignments,
    is_pattern,
    kept_lines,
    matching,
    narrowing,
    shell_quote,
    shell_quote_pattern,
    sifting,
)

LOOK_BACK_S = 3600
"""How far ahead of the window a log is read; of that its newest megabyte counts."""
_SCRIPTS = ("frames.sh", "say.sh", "look_back.sh", "containers.sh")


def container_text(collector: Collector) -> CollectorText:
    """What of a container collector's command line is the same whatever its window is."""
    names = collector.container
    constants = assignments(
        [
            ("engine", collector.engine),
            ("before", collector.before),
            ("newest", kept_lines(collector)),
            ("greps", "yes" if collector.grep is not None else ""),
            ("reach", LOOK_BACK_S),
            ("scan", SCAN_BYTES),
            ("several", "yes" if len(names) > 1 or is_pattern(names[0]) else ""),
        ]
    )
    cases = "|".join(map(shell_quote_pattern, names))
    checks = "".join(
        f"case \" $* \" in *' '{shell_quote(name)}' '*) ;; "
        f"*) printf 'No such container: %s\\n' {shell_quote(name)} >&2; status=1 ;; esac\n"
        for name in names
        if not is_pattern(name)
    )
    functions = (
        f"wanted() {{ case $1 in {cases}) ;; *) return 1 ;; esac; }}\n"
        f"missing() {{\n:\n{checks}}}\n"
        f"narrow() {{ {narrowing(collector, '$1')}; }}\n"
        f"matching() {{ {matching(collector)}; }}\n"
        f"sift() {{ {sifting(collector)}; }}\n"
    )
    program = assignments([("look_back", host_script("look_back.awk"))])
    return CollectorText(constants + functions, (program, *map(host_script, _SCRIPTS)))


def container_values(window: ResolvedWindow, *, max_bytes: int, glance: Glance = NO_GLANCE) -> WindowValues:
    """What the window decides of it: by the engine's own times; without a window the newest lines."""
    since = None if window.kind == "none" else window.asked_since_epoch
    sure = since if window.sure_epoch is None else window.sure_epoch
    if window.since_epoch is not None and since is not None:
        since = window.since_epoch
    return WindowValues(
        (
            ("low_at", "" if since is None else f"{since:.6f}"),
            ("low_text", "" if since is None else _as_printed(since)),
            ("high_text", "" if since is None or sure is None else _as_printed(max(since, sure))),
            *glance_words(glance),
            ("max", str(max_bytes)),
        )
    )


def _as_printed(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")


def shown_container(collector: Collector, window: ResolvedWindow) -> str:
    """What a person would type for about the same lines of the first container, without filters."""
    engine = collector.engine or "docker"
    since = window.asked_since_epoch
    when = (
        f"--tail {kept_lines(collector)}" if window.kind == "none" or since is None else f"--since {math.floor(since)}"
    )
    name = "NAME" if is_pattern(collector.container[0]) else shell_quote(collector.container[0])
    return f"{engine} logs --timestamps {when} {name}"
