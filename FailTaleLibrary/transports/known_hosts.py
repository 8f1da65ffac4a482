"""A `known_hosts` file, as OpenSSH writes it -> the keys that it has for a host.

Read here and not by paramiko, which gives up on the whole file at the first line that it does not understand.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HostKey:
    """A public key."""

    type: str
    """``ssh-ed25519``, ``ecdsa-sha2-nistp256``, ``ssh-rsa`` …"""
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -lf` prints it; SHA-256, because MD5 is forbidden on FIPS machines."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode()
        return f"SHA256:{digest.rstrip('=')}"

    def __str__(self) -> str:
        return f"{self.type} {self.fingerprint}"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that the file has for a host."""

    key: HostKey
    line: int
    """1-based."""
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """What a file says."""

    entries: tuple[tuple[str, KnownKey], ...]
    """Host patterns as written, and the key."""
    notes: tuple[str, ...]
    """A sentence for each line that was skipped."""

    def keys_of(self, name: str) -> tuple[KnownKey, ...]:
        """The keys of a host, in the order of the file; ``name`` is ``host``, or ``[host]:port`` unless that is 22."""
        return tuple(known for patterns, known in self.entries if _names(patterns, name.lower()))


def read_known_hosts(path: Path) -> KnownHosts:
    """What a file says; nothing when there is none. Raises OSError when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return KnownHosts((), ())
    return parse_known_hosts(text, str(path))


def parse_known_hosts(text: str, source: str) -> KnownHosts:
    """What the text of a file says; ``source`` is how the notes call it."""
    entries, notes = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            entries.append(_parse_line(line.split(), number))
        except ValueError as error:
            notes.append(f"Line {number} of '{source}' was skipped: {error}.")
    return KnownHosts(tuple(entries), tuple(notes))


def _parse_line(words: list[str], number: int) -> tuple[str, KnownKey]:
    if words[0] == "@cert-authority":
        raise ValueError("'@cert-authority' needs host certificates, which FailTale cannot check")
    revoked = words[0] == "@revoked"
    if words[0].startswith("@") and not revoked:
        raise ValueError(f"the marker '{words[0]}' is unknown")
    patterns, key_type, encoded, *_ = (*words[revoked:], "", "", "")
    if not encoded:
        raise ValueError("it is not 'names key-type key'")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError("its key is not base64") from None
    return patterns, KnownKey(HostKey(_type_in(blob, key_type), blob), number, revoked)


def _type_in(blob: bytes, written: str) -> str:
    """The type that a key itself names; it must be the one that is written beside it."""
    length = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + length] != written.encode() or len(blob) <= 4 + length:
        raise ValueError(f"its key is no '{written}'")
    return written


def _names(patterns: str, name: str) -> bool:
    """Whether an entry is about a host: hashed, or a list of patterns of which ``!`` ones exclude."""
    if patterns.startswith("|"):
        return _names_hashed(patterns, name)
    found = False
    for pattern in _lowered(patterns):
        if pattern.startswith("!"):
            if _matches(pattern[1:], name):
                return False
        elif _matches(pattern, name):
            found = True
    return found


def _lowered(patterns: str) -> Iterator[str]:
    return (pattern.lower() for pattern in patterns.split(",") if pattern)


def _matches(pattern: str, name: str) -> bool:
    """Only ``*`` and ``?`` are special: ``[host]:22`` has literal brackets."""
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.fullmatch("".join(parts), name, re.DOTALL) is not None


def _names_hashed(hashed: str, name: str) -> bool:
    """``|1|salt|HMAC-SHA1(salt, name)``: a keyed hash, which FIPS allows SHA-1 for."""
    try:
        _, version, salt, digest = hashed.split("|")
        expected = base64.b64decode(digest, validate=True)
        salted = hmac.new(base64.b64decode(salt, validate=True), name.encode(), hashlib.sha1).digest()
    except ValueError:
        return False
    return version == "1" and hmac.compare_digest(salted, expected)
