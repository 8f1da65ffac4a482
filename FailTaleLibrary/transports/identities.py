"""How SSH is configured for a host -> the keys to offer it, in order: of a file, of the agent, of the usual places."""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, cast

from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.files import read_regular
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.transports.host_certificates import moment_of
from FailTaleLibrary.transports.key_files import (
    MAX_BYTES,
    UnusableKeyError,
    certificates_in,
    is_certificate,
    is_public,
    key_file_content,
    private_key_in,
    public_blob,
)
from FailTaleLibrary.transports.known_hosts import HostKey
from FailTaleLibrary.transports.reach import Reach

if TYPE_CHECKING:
    import paramiko

MAX_OFFERS = 5
"""A server hangs up after six (MaxAuthTries), and counts them for the lock-out of accounts."""
_DEFAULT_FILES = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
_AGENT_S = 5.0


@dataclass(frozen=True, slots=True)
class Identity:
    """A key to offer, and how to call it."""

    key: paramiko.PKey
    origin: str

    def __str__(self) -> str:
        return f"{self.origin} ({HostKey(self.key.get_name(), self.key.asbytes())})"


@dataclass(slots=True)
class Identities:
    """The keys to offer a host; iterating loads one after the other, at most MAX_OFFERS."""

    reach: Reach
    skipped: list[str] = field(default_factory=list)
    """Sentences on keys and certificates that could not be used; known after iterating."""
    in_agent: int = 0
    """How many keys the agent has; known after iterating."""
    left_over: int = 0
    """How many were not offered, because there are too many."""

    def __iter__(self) -> Iterator[Identity]:
        """Raises TransportError when the configured key cannot be used."""
        for number, identity in enumerate(self._each_once()):
            if number < MAX_OFFERS:
                yield identity
            else:
                self.left_over += 1

    def _each_once(self) -> Iterator[Identity]:
        offered = set()
        for identity in self._all():
            if _blob(identity.key) not in offered:
                offered.add(_blob(identity.key))
                yield identity

    def _all(self) -> Iterator[Identity]:
        ssh = self.reach.ssh
        if ssh.key is not None:
            yield from self._configured(ssh.key)
        elif self.reach.keys is not None:
            yield from self._of_ssh_configuration(self.reach.keys)
        elif ssh.password is None:  # who gives one has nothing else, and servers count keys that they do not know
            yield from self._of_agent_and_files()

    def _configured(self, path: Path) -> Iterator[Identity]:
        try:
            content = key_file_content(path)
            if is_public(content):
                yield from self._in_agent(content, path)
            else:
                yield from self._with_certificates(path, self._passphrase)
        except UnusableKeyError as error:
            raise TransportError("failed", f"The key '{path}' cannot be used: {error}") from error

    @property
    def _passphrase(self) -> bytes | None:
        secret = self.reach.ssh.key_passphrase
        return (secret.get_secret_value().encode() or None) if secret else None

    def _in_agent(self, public: bytes, path: Path) -> Iterator[Identity]:
        """The agent's key that a public key names; what OpenSSH calls IdentitiesOnly."""
        wanted = public_blob(public)
        for identity in self._of_agent():
            if identity.key.asbytes() == wanted:
                yield Identity(identity.key, f"the agent's key '{path}'")
                return
        has = f"the agent has it not (it has {self.in_agent} others)" if self.in_agent else "no agent has a key"
        other = path.with_name(path.name.removesuffix(".pub").removesuffix("-cert"))
        line = f"write 'key: {other}'" if other != path and other.is_file() else "name the private key"
        what = "certificate" if is_certificate(public) else "public key"
        raise UnusableKeyError(f"it is a {what}, and {has}; {line}, or load it with ssh-add.")

    def _of_ssh_configuration(self, paths: tuple[Path, ...]) -> Iterator[Identity]:
        """What ssh's configuration names, of which those count that are there; then what else the agent has.

        ssh offers the agent's others in between: here they come last, because servers count what they refuse.
        """
        for path in paths:
            yield from self._if_usable(path, self._passphrase)
        if not self.reach.keys_alone:
            yield from self._of_agent()

    def _of_agent_and_files(self) -> Iterator[Identity]:
        if not self.reach.keys_alone:
            yield from self._of_agent()
        for name in _DEFAULT_FILES:
            yield from self._if_usable(Path(name), None, shown=name)

    def _if_usable(self, path: Path, passphrase: bytes | None, *, shown: str = "") -> Iterator[Identity]:
        """The key of a file, or of the agent where the file cannot be used without it; a sentence where neither can."""
        shown = shown or str(path)
        try:
            path = path.expanduser()
            public = path.with_name(path.name + ".pub")
            if path.exists() and not is_public(key_file_content(path)):
                yield from self._with_certificates(path, passphrase, shown=shown)
            elif path.exists() or public.exists():
                yield from self._in_agent(key_file_content(path if path.exists() else public), path)
        except (UnusableKeyError, RuntimeError) as error:  # RuntimeError: this user has no home directory
            if (of_agent := self._of_agent_beside(path)) is not None:
                yield of_agent
            else:
                self.skipped.append(f"'{shown}' was not offered: {error}")

    def _of_agent_beside(self, path: Path) -> Identity | None:
        """The agent's key of a file that is encrypted, by the public key beside it."""
        try:
            public = key_file_content(path.with_name(path.name + ".pub"))
            return next(self._in_agent(public, path), None)
        except UnusableKeyError:
            return None

    def _of_agent(self) -> Iterator[Identity]:
        import paramiko  # heavy, and not wanted by a run that touches no host

        try:
            agent = _agent_at(self.reach.agent)
        except (paramiko.SSHException, OSError):  # its socket is there, but nobody answers
            return
        if agent is None:
            return
        try:
            keys = agent.get_keys()
            self.in_agent = len(keys)
            for key in keys:
                yield from self._certificates_of(key, ())
                yield Identity(key, "the agent's key")
        finally:
            agent._close()  # type: ignore[attr-defined]

    # --- Certificates

    def _with_certificates(self, path: Path, passphrase: bytes | None, *, shown: str = "") -> Iterator[Identity]:
        """The key of a file, first with its certificates: of that file, of one beside it, of ssh's configuration."""
        content = key_file_content(path)
        load = private_key_in(content, passphrase)
        beside = path.with_name(path.name + "-cert.pub")
        certain = tuple(_Certificate(f"in '{shown or path}'", text) for text in certificates_in(content))
        certain += (_Certificate.of(beside),) if beside.is_file() else ()
        named = f"'{shown or path}'"
        if certain or self.reach.certificates:
            yield from self._certificates_of(load(), certain, make=load, named=named)
        yield Identity(load(), named)

    def _certificates_of(
        self,
        key: paramiko.PKey,
        certain: tuple[_Certificate, ...],
        *,
        make: Callable[[], paramiko.PKey] | None = None,
        named: str = "the agent's key",
    ) -> Iterator[Identity]:
        """The key with each certificate: of ``certain`` ones a fault is told, others may be another key's."""
        others = (_Certificate.of(path) for path in self.reach.certificates if path.is_file())
        for certificate in (*certain, *others):
            try:
                if certificate in certain or certificate.is_of(key):
                    certified = certificate.added_to(make() if make else _again(key))
                    yield Identity(certified, f"{named} with its certificate")
            except UnusableKeyError as error:
                self.skipped.append(f"The certificate {certificate.where} was not offered: {error}")


def _again(key: paramiko.PKey) -> paramiko.PKey:
    """Another object for an agent's key; `copy` of one never ends (paramiko 5.1)."""
    from paramiko.agent import AgentKey

    of_agent = cast("AgentKey", key)
    return AgentKey(of_agent.agent, of_agent.blob, of_agent.comment)


def _agent_at(place: str) -> paramiko.agent.AgentSSH | None:
    """The agent that the environment names, or that of a socket; None where ssh's configuration wants none."""
    import paramiko

    place = os.environ.get(place[1:], "") if place.startswith("$") else place
    if place in ("", "SSH_AUTH_SOCK"):
        return paramiko.Agent()
    if place.lower() == "none":
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(_AGENT_S)
        connection.connect(os.path.expanduser(place))  # noqa: PTH111 - leaves an unknown home as it is
        agent = paramiko.agent.AgentSSH()
        agent._connect(connection)  # type: ignore[attr-defined]
    except BaseException:
        connection.close()
        raise
    return agent


def _blob(key: paramiko.PKey) -> bytes:
    """What is offered: the certificate, or the public key."""
    blob = getattr(key, "public_blob", None)
    return bytes(blob.key_blob) if blob is not None else key.asbytes()


# --- Certificates


@dataclass(frozen=True, slots=True)
class _Certificate:
    """What an authority has signed."""

    where: str
    """As a sentence calls it, in quotes."""
    content: bytes | None
    """None where its file cannot be read."""

    @classmethod
    def of(cls, path: Path) -> _Certificate:
        """The one in a file."""
        try:
            return cls(f"'{path}'", read_regular(path, max_bytes=MAX_BYTES))
        except (OSError, ValueError):
            return cls(f"'{path}'", None)

    def is_of(self, key: paramiko.PKey) -> bool:
        """Whether it is a key's. Raises `UnusableKeyError` where it cannot be read."""
        from cryptography.hazmat.primitives import serialization

        read = self._read("it is damaged.")
        if not isinstance(read, serialization.SSHCertificate):
            return False
        form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        return base64.b64decode(read.public_key().public_bytes(*form).split()[1]) == key.asbytes()

    def added_to(self, key: paramiko.PKey) -> paramiko.PKey:
        """The key with it. Raises `UnusableKeyError` for one that no server would take."""
        from cryptography.hazmat.primitives import serialization

        fault = "it is damaged, or not this key's."
        read = self._read(fault)
        try:
            key.load_certificate((self.content or b"").decode())
        except Exception as error:  # unrelated types
            raise UnusableKeyError(fault) from error
        if isinstance(read, serialization.SSHCertificate):
            _refuse_outside_its_time(read.valid_after, read.valid_before)
        return key

    def _read(self, fault: str) -> object:
        from cryptography.hazmat.primitives import serialization

        try:
            return serialization.load_ssh_public_identity((self.content or b"").strip())
        except Exception as error:  # four unrelated types come out of it
            raise UnusableKeyError(fault) from error


def _refuse_outside_its_time(valid_after: int, valid_before: int) -> None:
    now = datetime.now(timezone.utc).timestamp()
    if now >= valid_before:
        raise UnusableKeyError(f"it expired on {moment_of(valid_before)}; have the key signed again.")
    if now < valid_after:
        raise UnusableKeyError(f"it is valid from {moment_of(valid_after)} only; is the clock of this machine right?")
