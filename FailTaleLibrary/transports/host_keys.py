"""What a host presents -> whether it is that host's, by `known_hosts`, by a pinned fingerprint or by this run.

`Trust` judges the key of one host, or its certificate where an authority for the host is known.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.transports.host_certificates import HostCertificate
from FailTaleLibrary.transports.known_hosts import HostKey, KnownHosts, KnownKey, known_hosts_files
from FailTaleLibrary.transports.reach import Reach
from FailTaleLibrary.transports.ssh_config import NOWHERE

_log = logger_of(__name__)


class UnknownHostKeyError(TransportError):
    """Nobody has said yet whether a key is the host's; what a person needs to decide is here."""

    def __init__(self, message: str, *, key: HostKey, name: str, file: Path) -> None:
        super().__init__("unknown host key", message)
        self.key = key
        self.name = name
        """As the file calls the host: ``host`` or ``[host]:port``."""
        self.file = file


class OtherKeyWantedError(Exception):
    """The host shows a key of a type that is not on file, but another type is: ask for that one."""


@dataclass(slots=True)
class Trust:
    """What is known of one host's key."""

    reach: Reach
    notes: tuple[str, ...] = ()
    """Lines of `known_hosts` that were skipped when it was last read."""
    _types: tuple[str, ...] = field(default=(), init=False)
    """Types of keys that a long look into the files found for this host."""
    _first_seen: HostKey | None = field(default=None, init=False)
    """What `accept-new` accepted, for the rest of the run."""
    _certificates_are_wanted: bool = field(default=True, init=False)
    """False once one did not count and a key of another type may."""

    def wanted_types(self) -> tuple[str, ...]:
        """Key types to ask the host for first, so that it does not show one that merely is not on file."""
        if self.reach.ssh.host_key is not None:
            return ()
        files = self._read_known_hosts()
        ahead = (known for file in files for name in self.reach.names for known in file.keys_ahead(name))
        return (*self._types, *(known.key.type for known in ahead))

    @property
    def wants_certificate(self) -> bool:
        """Whether the host is asked for a certificate: an authority is known for it."""
        if self.reach.ssh.host_key is not None or not self._certificates_are_wanted:
            return False
        return any(self._authorities())

    def check(self, key: HostKey, shown: bytes | None = None) -> None:
        """Raise TransportError, with the fingerprints, unless the key is the host's.

        ``shown``: the certificate that the host showed, where it was one. Raises OtherKeyWantedError when the handshake
        should be made again with what is wanted now.
        """
        if self.reach.ssh.host_key is not None:
            self._check_pinned(key, self.reach.ssh.host_key.rstrip("="))
            return
        self._refuse_revoked(key)
        fault = "" if shown is None or shown == key.blob else self._certificate_fault(HostCertificate(key, shown))
        if fault is None:
            return
        try:
            self._check_plain(key, fault)
        except UnknownHostKeyError as error:
            if fault:
                raise TransportError(error.reason, fault) from error
            raise
        except OtherKeyWantedError:
            self._certificates_are_wanted = False
            raise

    def _check_plain(self, key: HostKey, fault: str) -> None:
        if not any(self._entries(key)):
            self._check_new(key, is_accepted=not fault)

    def _refuse_revoked(self, key: HostKey) -> None:
        for entry in self._entries(key):
            if entry.revoked:
                said = f"{self._shows(key)}, which {entry.place} marks as revoked."
                raise TransportError("host key changed", said)

    def _check_pinned(self, key: HostKey, pinned: str) -> None:
        if key.fingerprint != pinned:
            raise TransportError(
                "host key changed",
                f"{self._shows(key)}, but 'host_key' pins {pinned}. If the host was reinstalled, pin the new one; a "
                "host with several keys shows its ed25519 key rather than ecdsa rather than rsa.",
            )

    # --- Certificates

    def _certificate_fault(self, certificate: HostCertificate) -> str | None:
        """None when the host's certificate counts; why it does not; empty when nobody known has signed it.

        Where a known authority has signed it, the plain key is not accepted as a new one instead.
        """
        try:
            authority = certificate.authority
        except ValueError:
            return self._of_certificate("it is damaged")
        for entry in self._entries(authority):
            if entry.revoked:
                said = f"{self._where} shows a certificate by {authority}, which {entry.place} marks as revoked."
                raise TransportError("host key changed", said)
        known = next((known for known in self._authorities() if known.key == authority), None)
        if known is None:
            _log.debug("%s: its certificate is by %s, which no line names for it", self.reach.called, authority)
            return ""
        name = self.reach.host_key_alias or self.reach.address
        fault = certificate.fault(name, now=datetime.now(timezone.utc))
        return self._of_certificate(fault, known) if fault else None

    def _of_certificate(self, fault: str, authority: KnownKey | None = None) -> str:
        by = f" by the authority in {authority.place}" if authority else ""
        return (
            f"{self._where} shows a certificate{by} that does not count: {fault}. Have its key signed for the names "
            "that it is connected to by: ssh-keygen -h -s AUTHORITY -I NAME -n NAME,… -V +52w KEY.pub"
        )

    def _authorities(self) -> Iterator[KnownKey]:
        for file in self._read_known_hosts():
            for name in self.reach.names:
                yield from file.authorities_of(name)

    # --- Keys

    def _entries(self, key: HostKey) -> Iterator[KnownKey]:
        """What the files say of a key as this host's."""
        for file in self._read_known_hosts():
            for name in self.reach.names:
                yield from file.entries_of(name, key)

    def _check_new(self, key: HostKey, *, is_accepted: bool) -> None:
        """A key that is not on file. One on file for the host's plain name says nothing about another port."""
        own = self.reach.names[0]
        valid = [entry for file in self._read_known_hosts() for entry in file.keys_of(own) if not entry.revoked]
        types = tuple(entry.key.type for entry in valid)
        if key.type not in types and not set(types) <= set(self.wanted_types()):
            self._types = types
            raise OtherKeyWantedError
        if valid:
            raise self._changed(key, valid)
        if self.reach.ssh.host_keys != "accept-new" or not is_accepted:
            raise self._unknown(key)
        if self._first_seen is None:
            _log.debug("Accepted for this run: %s, %s", self.reach.called, key)
            self._first_seen = key
        elif self._first_seen != key:
            raise TransportError(
                "host key changed", f"{self._shows(key)}, but showed {self._first_seen} earlier in this run."
            )

    def _unknown(self, key: HostKey) -> TransportError:
        reach, file = self.reach, self.reach.known_hosts[0]
        if file == NOWHERE:
            line = "nothing: ssh's configuration keeps no known hosts; write 'ssh: {known_hosts: ~/.ssh/known_hosts}'"
        elif reach.is_direct:
            scan = ["ssh-keyscan", *(["-p", str(reach.port)] if reach.port != 22 else [])]
            line = f"{shlex.join([*scan, '-t', _scan_type(key), reach.address])} >> {shlex.quote(str(file))}"
        else:  # ssh-keyscan knows no way but the direct one
            line = "failtale check --accept-host-keys"
        others = f" nor in {' nor in '.join(map(_in_quotes, reach.known_hosts[1:]))}" if self._has_others else ""
        authority = next(self._authorities(), None)
        if authority is not None:
            others += f"; the authority in {authority.place} has not signed it (HostCertificate in its sshd_config)"
        return UnknownHostKeyError(
            f"{self._shows(key)}, which is not in {_in_quotes(file)}{others}. If that is its key (on the host: "
            f"ssh-keygen -lf /etc/ssh/ssh_host_{_scan_type(key)}_key.pub), type: {line}",
            key=key,
            name=reach.names[0],
            file=file,
        )

    @property
    def _has_others(self) -> bool:
        return any(file.is_file() for file in self.reach.known_hosts[1:])

    def _changed(self, key: HostKey, known: list[KnownKey]) -> TransportError:
        same_type = [entry for entry in known if entry.key.type == key.type]
        entry = (same_type or known)[0]
        removal = shlex.join(["ssh-keygen", "-f", entry.source, "-R", self.reach.names[0]])
        return TransportError(
            "host key changed",
            f"{self._shows(key)}, but {entry.place} has {entry.key}. Somebody may be in between, "
            f"or the host was reinstalled: then remove its old key with: {removal}",
        )

    @property
    def _where(self) -> str:
        return f"{self.reach.called} ({self.reach.address} port {self.reach.port})"

    def _shows(self, key: HostKey) -> str:
        return f"{self._where} shows the key {key}"

    def _read_known_hosts(self) -> tuple[KnownHosts, ...]:
        files = tuple(map(self._read, self.reach.known_hosts))
        self.notes = tuple(note for file in files for note in file.notes)
        return files

    def _read(self, path: Path) -> KnownHosts:
        try:
            return known_hosts_files.read(path)
        except OSError as error:
            called = self.reach.called[0].lower() + self.reach.called[1:]
            raise TransportError(
                "unknown host key",
                f"The keys of {called} cannot be looked up: {_in_quotes(path)} cannot be read ({error.strerror}).",
            ) from error


def _in_quotes(path: Path) -> str:
    return f"'{path}'"


def _scan_type(key: HostKey) -> str:
    """A key's type as ssh-keyscan and the files in /etc/ssh call it."""
    return next((name for name in ("ed25519", "ecdsa", "rsa") if name in key.type), key.type)
