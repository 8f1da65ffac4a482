"""A collector -> the shell texts that do not depend on any window: what a gate holds, and runner and gate agree on."""

from __future__ import annotations

import hashlib
from functools import cache

from FailTaleLibrary.config import Collector
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.windows.containers import container_text
from FailTaleLibrary.windows.journals import journal_text
from FailTaleLibrary.windows.kubernetes import kubernetes_text
from FailTaleLibrary.windows.log_files import file_text
from FailTaleLibrary.windows.model import MOST_FILES, CollectorText
from FailTaleLibrary.windows.pipeline import assignments, filters, narrowing, shell_quote, shell_quote_pattern

REQUEST_VERSION = 1
"""Of what runner and gate say to each other; part of every digest."""
BASELINE_BYTES = 64 * 1024
BASELINE_TIME_S = 5.0
DEAR_BASELINE_TIME_S = 10.0
"""Of what a cluster says, which no mark waits for."""


@cache
def collector_text(collector: Collector) -> CollectorText:
    """What of a collector's command line is the same whatever its window is."""
    if collector.file:
        return file_text(collector)
    if collector.journal is not None:
        return journal_text(collector)
    if collector.container:
        return container_text(collector)
    if collector.kubernetes is not None:
        return kubernetes_text(collector)
    assert collector.command is not None, "a query runs on no host"  # noqa: S101
    return CollectorText(f"{collector.command}\n", filters=filters(collector, cap="$max"))


@cache
def collector_digest(collector: Collector) -> str:
    """What runner and gate must have in common for this collector: every byte that would run, marks included."""
    text = collector_text(collector)
    marking = [*position_lines(collector), baseline_line(collector)]
    parts = [str(REQUEST_VERSION), text.own, *text.shared, text.filters, *marking]
    if any(marking):
        parts.append(marking_functions(has_files=bool(collector.file)))
    whole = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(whole).hexdigest()[:16]


# --- Marks


def marking_functions(*, has_files: bool) -> str:
    """The settings and functions that the lines of a mark are made of."""
    texts = host_script("frames.sh") + (host_script("file_identity.sh") if has_files else "") + host_script("mark.sh")
    settings = [("most", MOST_FILES), ("digesting", host_script("digest.awk") if has_files else "")]
    return assignments(settings) + texts


def position_lines(collector: Collector) -> tuple[str, ...]:
    """What tells where a collector's logs stand, a line each; equal lines tell the same."""
    if collector.journal is not None:
        return ("cursor\n",)
    return tuple(f"mark {shell_quote(pattern)} {shell_quote_pattern(pattern)}\n" for pattern in collector.file)


def baseline_line(collector: Collector) -> str:
    """What takes a snapshot at the window's start; empty for who wants none."""
    if not collector.baseline or collector.is_log:
        return ""
    most_s = DEAR_BASELINE_TIME_S if collector.has_dear_baseline else BASELINE_TIME_S
    seconds = max(1, round(min(collector.timeout_s or most_s, most_s)))
    cap = min(collector.max_bytes or BASELINE_BYTES, BASELINE_BYTES)
    narrow = narrowing(collector, str(cap))
    name = shell_quote(collector.name)
    return f"snapshot {seconds} {shell_quote(_snapshot_text(collector))} | {narrow} | carry\ntell baseline {name}\n"


def _snapshot_text(collector: Collector) -> str:
    if collector.command is not None:
        return collector.command
    text = kubernetes_text(collector)
    return "".join(["whole=yes\n", text.own, *text.shared])
