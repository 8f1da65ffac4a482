"""Addresses, host names, users and mail addresses -> stable tokens that show their class and are no valid values.

``10.1.2.3`` and ``10.1.2.9`` become ``[ip:private-1.1]`` and ``[ip:private-1.2]``: the same network stays recognisable,
the same address is the same token for the whole run, and the map stays in memory.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterator

from FailTaleLibrary.redaction.spans import TOKEN, Pattern, compiled
from FailTaleLibrary.redaction.values import words

_IDENTIFIER = (
    r"(?i)(?P<token>" + TOKEN.pattern.decode() + r")"
    r"|(?P<mail>[a-z0-9_.+%-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,18})\b"
    r"|(?:^|[^0-9a-z:])(?P<mac>(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2})(?:[^0-9a-z:]|$)"
    r"|(?:^|[^0-9a-z.])(?P<ip4>(?:\d{1,3}\.){3}\d{1,3})(?:/\d|[^0-9a-z.]|\.(?:[^0-9]|$)|$)"
    r"|(?:^|[^0-9a-z:.])(?P<ip6>[0-9a-f]{0,4}:(?:[0-9a-f]{0,4}:){1,6}(?:[0-9a-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?)(?:[^0-9a-z:]|$)"
    r"|(?:^|[^a-z0-9._/-])(?P<host>(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,6}"
    r"(?:com|org|net|local|lan|internal|corp|intranet|example|test|home|localdomain|io|dev|cloud|edu|gov|de|uk|fr|nl|ch|at|eu|us|cz|fi|se))"
    r"(?:[^a-z0-9.=(_-]|\.(?:[^a-z0-9]|$)|$)"
    r"|(?:\b(?:invalid user|illegal user|user|uid|username|for user|role|login)[=: ]{1,2}[\"']?|\bpassword for )"
    r"(?P<user>[a-z_][a-z0-9_.-]{1,31})\b"
    r"|/home/(?P<home>[a-z_][a-z0-9_.-]{1,31})\b"
)
_NO_USERS = words(
    """
    root for from to is was not name id unknown authentication invalid nobody user agent session in on of
    with and the a does has data request login error failed by at no new manager service
    """
)
_KEPT = frozenset(("0.0.0.0", "255.255.255.255", "127.0.0.1", "::1", "::"))  # noqa: S104 - recognised, not bound


class Identifiers:
    """The tokens given so far in this run; thread-safe."""

    def __init__(self) -> None:
        self._pattern: Pattern = compiled(_IDENTIFIER.encode())
        self._names = {number: name.decode() for name, number in self._pattern.groupindex.items()}
        self._numbers: dict[tuple[str, bytes], int] = {}
        self._seen: dict[str, int] = {}
        self._lock = threading.Lock()

    def places(self, data: bytes) -> Iterator[tuple[int, int, str, bytes]]:
        """(start, end, class, token) of each identifier in the text."""
        at = 0
        while match := self._pattern.search(data, at):
            number = next(number for number in self._names if match.span(number)[0] >= 0)
            start, end = match.span(number)
            kind = self._names[number]
            at = max(end, at + 1)
            made = None if kind == "token" else self._token(kind, data[start:end])
            if made:
                yield start, end, made[1:].partition(b":")[0].decode(), made

    def _token(self, kind: str, value: bytes) -> bytes | None:
        with self._lock:
            if kind in ("ip4", "ip6"):
                return self._address(value)
            kind = "user" if kind == "home" else kind
            if kind == "user" and value.lower().decode() in _NO_USERS:
                return None
            return b"[%s:%d]" % (kind.encode(), self._numbered(kind, value.lower()))

    def _address(self, value: bytes) -> bytes | None:
        try:
            address = ipaddress.ip_address(value.decode())
        except ValueError:
            return None
        if address.is_loopback or str(address) in _KEPT:
            return None
        network = ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False)
        scope = "private" if address.is_private else "public"
        net = self._numbered(f"network {scope}", str(network).encode())
        host = self._numbered(f"address {network}", str(address).encode())
        return b"[ip:%s-%d.%d]" % (scope.encode(), net, host)

    def _numbered(self, kind: str, value: bytes) -> int:
        known = self._numbers.get((kind, value))
        if known is None:
            self._seen[kind] = self._seen.get(kind, 0) + 1
            known = self._numbers[kind, value] = self._seen[kind]
        return known
