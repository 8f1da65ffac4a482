"""Signals of the suspects -> the next steps that a model may choose from.

A model chooses from these sentences and never writes its own: a next step is what a tired reader types.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_STEPS = 12
"""Offered for one failure; each costs the prompt about ten tokens."""

_ALWAYS = (
    "Read the evidence around the cited lines.",
    "Compare with the evidence of a run in which this test passed.",
    "Run the test again alone to see whether it fails again.",
)
_FOR_SIGNALS = (
    (r"memory|oom|137|killed", "Look at the memory limits and the largest processes of the host."),
    (r"segfault|139|core dump|panic|crash", "Look for a core dump and the version of the program that crashed."),
    (r"disk|space|quota", "Free disk space on the host, or find what filled it."),
    (r"read-only|i/o error", "Look at the kernel's messages about the disk and its mount options."),
    (r"too many|files|descriptor|limit|exhaust|pool", "Look at the limit that was reached and at who uses it up."),
    (r"port|address in use", "Find the process that already listens on the port."),
    (r"certificate|tls|ssl|expired", "Look at the certificate's dates, names and issuer."),
    (r"name resolution|dns|resolve", "Look up the name on the host that could not resolve it."),
    (r"refused|unreachable|no answer|gap|connect|back end", "See whether the service that is called runs and listens."),
    (r"authentication|denied|permission|credential", "Look at the credentials and permissions that were refused."),
    (r"lock|deadlock", "Find who held the lock at that time."),
    (r"timed? ?out|slow|latency", "Find which call was slow, and what it waited for."),
    (r"unit|state|failed|inactive|exit", "Look at the state of the unit and why it ended."),
    (r"restart|reboot|start|stop", "Find out who or what restarted the service during the test."),
    (r"reload|deploy|config|role|change", "Look at what was deployed or reconfigured during the test."),
    (r"data error", "Look at the data that was refused and at who wrote it."),
    (r"clock|time jump|skew", "Compare the clocks of the hosts."),
    (r"stack|exception|traceback|server error", "Read the stack trace's cause and the code that it names."),
)  # fmt: skip


def steps_for(signal_names: Iterable[str]) -> tuple[str, ...]:
    """The steps that fit these signals, best first, then those that always fit; at most `MAX_STEPS`."""
    names = "\n".join(signal_names).casefold()
    fitting = [sentence for pattern, sentence in _FOR_SIGNALS if re.search(rf"\b(?:{pattern})", names)]
    return (*fitting[: MAX_STEPS - len(_ALWAYS)], *_ALWAYS)
