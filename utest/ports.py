"""Ports of loopback for servers that must be told theirs: free now, and nobody's until the server has taken its own.

A server that can is given port 0 instead. Between the moment in which a port is found to be free and that in which its
server listens, the system gives ports of its own range to connections: to thousands of them, while the tests run.
"""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

_FIRST = 10_000
_SYSTEMS_OWN = Path("/proc/sys/net/ipv4/ip_local_port_range")
_given: set[int] = set()


def free_port() -> int:
    """A port below those that the system gives to connections; none is given twice."""
    first_of_system = int(_SYSTEMS_OWN.read_text().split()[0]) if _SYSTEMS_OWN.exists() else 32_768
    count = max(first_of_system - _FIRST, 1_000)
    while True:
        port = _FIRST + secrets.randbelow(count)  # tests that run beside these choose, too, and none may foresee it
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
