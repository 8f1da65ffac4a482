"""A key that a host presents -> whether it is that host's, by `known_hosts`, by a pinned fingerprint or by this run."""

from __future__ import annotations

import logging
import shlex
from dataclasses import dataclass, field

from FailTaleLibrary.config import Ssh
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.transports.known_hosts import HostKey, KnownHosts, KnownKey, read_known_hosts

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Trust:
    """What is known of one host's key."""

    host: str
    """The host's name in the configuration."""
    address: str
    ssh: Ssh
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
