"""Faults that began before the test: the same damage, a while before the window's start."""

from __future__ import annotations

import re
from dataclasses import replace

from bench.faults import changes, kept_back  # noqa: F401 - they add to FAULTS
from bench.faults.faults import FAULTS, SHOP, Cause

LEADS_S = {
    "disk full": 12.0,
    "database stopped": 9.0,
    "table renamed": 15.0,
    "database read only": 11.0,
    "redis wants a password": 10.0,
    "certificate expired": 14.0,
    "shop hangs": 8.0,
    "redis stopped": 13.0,
    "log in rejected by rule": 12.0,
    "row security switched on": 9.0,
    "page unreadable": 10.0,
    "memory of redis lowered": 11.0,
    "queue with poisonous jobs": 2.0,
}
"""Seconds between the damage and the window's start."""

REFUSED = Cause("app1", SHOP, re.compile(r"Connection ?Refused", re.IGNORECASE))
"""Where a server was stopped before the window, this is all that the window's logs can tell."""
STANDING = [
    replace(
        each,
        name=f"{each.name}, standing",
        lead_s=LEADS_S[each.name],
        causes=(*each.causes, *([REFUSED] if each.name.endswith("stopped") else [])),
    )
    for each in FAULTS
    if each.name in LEADS_S
]
FAULTS += STANDING
