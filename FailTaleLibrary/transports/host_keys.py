"""A key that a host presents -> whether it is that host's, by `known_hosts`, by a pinned fingerprint or by this run."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from FailTaleLibrary.config import SshSettings
from FailTaleLibrary.errors import TransportError

# --- A `known_hosts` file, as OpenSSH writes it -> the keys that it has for a host


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


# --- A key that a host presents -> whether it is that host's, by `known_hosts`, by a pinned fingerprint or by

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Trust:
    """What is known of one host's key."""

    host: str
    """The host's name in the configuration."""
    address: str
    ssh: SshSettings
    notes: tuple[str, ...] = ()
    """Lines of `known_hosts` that were skipped when it was last read."""
    _first_seen: HostKey | None = field(default=None, init=False)
    """What `accept-new` accepted, for the rest of the run."""

    def wanted_types(self) -> tuple[str, ...]:
        """Key types to ask the host for first, so that it does not show one that merely is not on file."""
        if self.ssh.host_key is not None:
            return ()
        file = self._read()
        return tuple(known.key.type for name in self._names for known in file.keys_of(name))

    def check(self, key: HostKey) -> None:
        """Raise TransportError, with the fingerprints, unless the key is the host's."""
        if self.ssh.host_key is not None:
            self._check_pinned(key, self.ssh.host_key.rstrip("="))
            return
        file = self._read()
        entries = [entry for name in self._names for entry in file.keys_of(name)]
        same = [entry for entry in entries if entry.key == key]
        if any(entry.revoked for entry in same):
            raise TransportError("host key changed", f"{self._shows(key)}, which {self._file} marks as revoked.")
        if not same:
            self._check_new(key, file)

    def _check_pinned(self, key: HostKey, pinned: str) -> None:
        if key.fingerprint != pinned:
            raise TransportError(
                "host key changed",
                f"{self._shows(key)}, but 'host_key' pins {pinned}. If the host was reinstalled, pin the new one; a "
                "host with several keys shows its ed25519 key rather than ecdsa rather than rsa.",
            )

    def _check_new(self, key: HostKey, file: KnownHosts) -> None:
        """A key that is not on file. One on file for the host's plain name says nothing about another port."""
        valid = [entry for entry in file.keys_of(self._names[0]) if not entry.revoked]
        if valid:
            raise self._changed(key, valid)
        if self.ssh.host_keys != "accept-new":
            raise self._unknown(key)
        if self._first_seen is None:
            _log.debug("Accepted for this run: host '%s', %s", self.host, key)
            self._first_seen = key
        elif self._first_seen != key:
            raise TransportError(
                "host key changed", f"{self._shows(key)}, but showed {self._first_seen} earlier in this run."
            )

    def _unknown(self, key: HostKey) -> TransportError:
        scan = ["ssh-keyscan", *(["-p", str(self.ssh.port)] if self.ssh.port != 22 else [])]
        line = shlex.join([*scan, "-t", _scan_type(key), self.address])
        return TransportError(
            "unknown host key",
            f"{self._shows(key)}, which is not in {self._file}. If that is its key (on the host: ssh-keygen -lf "
            f"/etc/ssh/ssh_host_{_scan_type(key)}_key.pub), type: {line} >> {shlex.quote(str(self.ssh.known_hosts))}",
        )

    def _changed(self, key: HostKey, known: list[KnownKey]) -> TransportError:
        same_type = [entry for entry in known if entry.key.type == key.type]
        entry = (same_type or known)[0]
        removal = shlex.join(["ssh-keygen", "-f", str(self.ssh.known_hosts), "-R", self._names[0]])
        return TransportError(
            "host key changed",
            f"{self._shows(key)}, but line {entry.line} of {self._file} has {entry.key}. Somebody may be in between, "
            f"or the host was reinstalled: then remove its old key with: {removal}",
        )

    @property
    def _names(self) -> tuple[str, ...]:
        """How the file may call the host, its own name first."""
        return (self.address,) if self.ssh.port == 22 else (f"[{self.address}]:{self.ssh.port}", self.address)

    @property
    def _file(self) -> str:
        return f"'{self.ssh.known_hosts}'"

    def _shows(self, key: HostKey) -> str:
        return f"Host '{self.host}' ({self.address} port {self.ssh.port}) shows the key {key}"

    def _read(self) -> KnownHosts:
        """Read each time: whoever mends the file while a long run goes on need not start it again."""
        try:
            file = read_known_hosts(self.ssh.known_hosts)
        except OSError as error:
            raise TransportError(
                "unknown host key",
                f"The keys of host '{self.host}' cannot be looked up: {self._file} cannot be read ({error.strerror}).",
            ) from error
        for note in file.notes:
            if note not in self.notes:
                _log.debug("%s", note)
        self.notes = file.notes
        return file


def _scan_type(key: HostKey) -> str:
    """A key's type as ssh-keyscan and the files in /etc/ssh call it."""
    return next((name for name in ("ed25519", "ecdsa", "rsa") if name in key.type), key.type)
