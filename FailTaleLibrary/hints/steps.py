"""The suspects that support a hint -> what to do next, in our own sentences, by the signals of their lines.

No model is asked for steps: small ones took a catalogue of them for evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from FailTaleLibrary.records import SafeText, Suspect, our_words

MOST_STEPS = 3

_ALWAYS = our_words("Read the evidence around the cited lines.")
FOR_SIGNALS = (
    (r"memory|oom|137|killed", our_words("Look at the memory limits and the largest processes of the host.")),
    (
        r"segfault|139|core dump|panic|crash",
        our_words("Look for a core dump and the version of the program that crashed."),
    ),
    (r"disk|space|quota", our_words("Free disk space on the host, or find what filled it.")),
    (r"read-only|i/o error", our_words("Look at the kernel's messages about the disk and its mount options.")),
    (
        r"too many|files|descriptor|limit|exhaust|pool",
        our_words("Look at the limit that was reached and at who uses it up."),
    ),
    (r"port|address in use", our_words("Find the process that already listens on the port.")),
    (r"certificate|tls|ssl|expired", our_words("Look at the certificate's dates, names and issuer.")),
    (r"name resolution|dns|resolve", our_words("Look up the name on the host that could not resolve it.")),
    (
        r"refused|unreachable|no answer|gap|connect|back end",
        our_words("See whether the service that is called runs and listens."),
    ),
    (
        r"authentication|denied|permission|credential",
        our_words("Look at the credentials and permissions that were refused."),
    ),
    (r"lock|deadlock", our_words("Find who held the lock at that time.")),
    (r"timed? ?out|slow|latency", our_words("Find which call was slow, and what it waited for.")),
    (r"unit|state|failed|inactive|exit", our_words("Look at the state of the unit and why it ended.")),
    (r"restart|reboot|start|stop", our_words("Find out who or what restarted the service during the test.")),
    (r"reload|deploy|config|role|change", our_words("Look at what was deployed or reconfigured during the test.")),
    (r"data error", our_words("Look at the data that was refused and at who wrote it.")),
    (r"clock|time jump|skew", our_words("Compare the clocks of the hosts.")),
    (r"stack|exception|traceback|server error", our_words("Read the stack trace's cause and the code that it names.")),
)  # fmt: skip


def steps_for(suspects: Iterable[Suspect]) -> tuple[SafeText, ...]:
    """The steps that fit the signals of these lines, at most `MOST_STEPS`; where none fits, to read around them.

    What a strong signal asks for comes first; a weak one counts where no line has a strong one.
    """
    signals = [signal for suspect in suspects for signal in suspect.signals]
    strong = [signal.name for signal in signals if signal.strong]
    names = strong or [signal.name for signal in signals]
    fitting = (sentence for name in names for pattern, sentence in FOR_SIGNALS if _fits_signal(pattern, name))
    return tuple(dict.fromkeys(fitting))[:MOST_STEPS] or (_ALWAYS,)


def _fits_signal(pattern: str, name: str) -> bool:
    return re.search(rf"\b(?:{pattern})", name.casefold()) is not None
