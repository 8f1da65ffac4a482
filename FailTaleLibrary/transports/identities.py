"""How SSH is configured for a host -> the keys to offer it, in order.

A configured `key` is the only one offered. Otherwise, as OpenSSH does: the keys of the agent, then the default files in
`~/.ssh`. Never more than five, because servers hang up at the sixth and may punish whoever tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from FailTaleLibrary.config import Ssh
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.transports.known_hosts import HostKey

if TYPE_CHECKING:
    import paramiko

MAX_OFFERS = 5
_DEFAULT_FILES = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")


@dataclass(frozen=True, slots=True)
class Identity:
    """A key to offer, and how to call it."""

    key: paramiko.PKey
    origin: str

    def __str__(self) -> str:
        return f"{self.origin} ({HostKey(self.key.get_name(), self.key.asbytes())})"


@dataclass(slots=True)
class Identities:
    """The keys to offer a host; iterating loads one after the other."""

    ssh: Ssh
    skipped: list[str] = field(default_factory=list)
    """Default key files that could not be used, and why; known after iterating."""

    def __iter__(self) -> Iterator[Identity]:
        """Raises TransportError when the configured key cannot be used."""
        return islice(self._all(), MAX_OFFERS)

    def _all(self) -> Iterator[Identity]:
        if self.ssh.key is not None:
            yield self._configured(self.ssh.key)
            return
        offered = set()
        for identity in self._of_agent_and_files():
            if identity.key.asbytes() not in offered:
                offered.add(identity.key.asbytes())
                yield identity

    def _configured(self, path: Path) -> Identity:
        secret = self.ssh.key_passphrase
        try:
            return Identity(_load(path, secret.get_secret_value().encode() if secret else None), f"'{path}'")
        except _UnusableError as error:
            raise TransportError("failed", f"The key '{path}' cannot be used: {error}") from error

    def _of_agent_and_files(self) -> Iterator[Identity]:
        yield from _of_agent()
        for path in map(Path, _DEFAULT_FILES):
            try:
                if path.expanduser().exists():
                    yield Identity(_load(path.expanduser(), None), f"'{path}'")
            except (_UnusableError, RuntimeError) as error:  # RuntimeError: this user has no home directory
                self.skipped.append(f"'{path}' was not offered: {error}")


class _UnusableError(Exception):
    """A key file that cannot be used; the message says why."""


def _of_agent() -> Iterator[Identity]:
    import paramiko  # heavy, and not wanted by a run that touches no host

    try:
        agent = paramiko.Agent()
    except (paramiko.SSHException, OSError):  # its socket is there, but nobody answers
        return
    try:
        for key in agent.get_keys():
            yield Identity(key, "the agent's key")
    finally:
        agent.close()


def _load(path: Path, passphrase: bytes | None) -> paramiko.PKey:
    """The key in a file, with the certificate that lies beside it as ``…-cert.pub``."""
    import paramiko
    from paramiko.pkey import UnknownKeyType

    try:
        return paramiko.PKey.from_path(path, passphrase)  # type: ignore[arg-type]  # its loader wants bytes
    except OSError as error:
        raise _UnusableError(f"it cannot be read ({error.strerror}).") from error
    except (TypeError, paramiko.PasswordRequiredException) as error:
        raise _UnusableError("it is encrypted; set 'key_passphrase', or load it into an agent.") from error
    except (ValueError, paramiko.SSHException) as error:
        wrong = "its passphrase is wrong" if passphrase else "it is no private key"
        # paramiko 5.1 takes the end of an ecdsa key without a comment for padding
        raise _UnusableError(
            f"{wrong}, it is damaged, or it has no comment (then run: ssh-keygen -c -C comment -f KEY)."
        ) from error
    except UnknownKeyType as error:
        raise _UnusableError("it is of a type that FailTale does not know; use ed25519, ecdsa or rsa.") from error
