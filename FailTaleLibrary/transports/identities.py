"""How SSH is configured for a host -> the keys to offer it, in order: of a file, of the agent, of the usual places.

Key files are read by `cryptography`, which paramiko depends on: OpenSSH's own format, PEM, PKCS#8 and DER, plain and
encrypted. For other formats the error names the command that converts them.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.files import read_regular
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.transports.host_certificates import moment_of
from FailTaleLibrary.transports.known_hosts import HostKey
from FailTaleLibrary.transports.reach import Reach

if TYPE_CHECKING:
    import paramiko

MAX_OFFERS = 5
"""A server hangs up after six (MaxAuthTries), and counts them for the lock-out of accounts."""
_DEFAULT_FILES = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
_MAX_BYTES = 256 * 1024
_AGENT_S = 5.0
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_PUBLIC = (b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-")


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
            content = _key_file_content(path)
            if content.startswith(_PUBLIC):
                yield from self._in_agent(content, path)
            else:
                yield from self._with_certificates(path, self._passphrase)
        except _UnusableError as error:
            raise TransportError("failed", f"The key '{path}' cannot be used: {error}") from error

    @property
    def _passphrase(self) -> bytes | None:
        secret = self.reach.ssh.key_passphrase
        return secret.get_secret_value().encode() if secret else None

    def _in_agent(self, public: bytes, path: Path) -> Iterator[Identity]:
        """The agent's key that a public key names; what OpenSSH calls IdentitiesOnly."""
        wanted = _public_blob(public)
        for identity in self._of_agent():
            if identity.key.asbytes() == wanted:
                yield Identity(identity.key, f"the agent's key '{path}'")
                return
        has = f"the agent has it not (it has {self.in_agent} others)" if self.in_agent else "no agent has a key"
        other = path.with_suffix("")
        line = f"write 'key: {other}'" if path.suffix == ".pub" and other.is_file() else "name the private key"
        raise _UnusableError(f"it is a public key, and {has}; {line}, or load it with ssh-add.")

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
            if path.exists() and not _key_file_content(path).startswith(_PUBLIC):
                yield from self._with_certificates(path, passphrase, shown=shown)
            elif path.exists() or public.exists():
                yield from self._in_agent(_key_file_content(path if path.exists() else public), path)
        except (_UnusableError, RuntimeError) as error:  # RuntimeError: this user has no home directory
            if (of_agent := self._of_agent_beside(path)) is not None:
                yield of_agent
            else:
                self.skipped.append(f"'{shown}' was not offered: {error}")

    def _of_agent_beside(self, path: Path) -> Identity | None:
        """The agent's key of a file that is encrypted, by the public key beside it."""
        try:
            public = _key_file_content(path.with_name(path.name + ".pub"))
            return next(self._in_agent(public, path), None)
        except _UnusableError:
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
        """The key of a file, first with its certificates: ``…-cert.pub`` beside it, those of ssh's configuration."""
        load = private_key_in(_key_file_content(path), passphrase)
        beside = path.with_name(path.name + "-cert.pub")
        certain = (beside,) if beside.is_file() else ()
        named = f"'{shown or path}'"
        if certain or self.reach.certificates:
            yield from self._certificates_of(load(), certain, make=load, named=named)
        yield Identity(load(), named)

    def _certificates_of(
        self,
        key: paramiko.PKey,
        certain: tuple[Path, ...],
        *,
        make: Callable[[], paramiko.PKey] | None = None,
        named: str = "the agent's key",
    ) -> Iterator[Identity]:
        """The key with each certificate: of ``certain`` ones a fault is told, others may be another key's."""
        for certificate in (*certain, *self.reach.certificates):
            try:
                if certificate in certain or _is_of_key(certificate, key):
                    certified = _certified(make() if make else _again(key), certificate)
                    yield Identity(certified, f"{named} with its certificate")
            except _UnusableError as error:
                self.skipped.append(f"The certificate '{certificate}' was not offered: {error}")


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


class _UnusableError(Exception):
    """A key file that cannot be used; the message says why, and ends with a full stop."""


def _key_file_content(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise _UnusableError("it is no file.")
        with path.open("rb") as file:
            return file.read(_MAX_BYTES)
    except OSError as error:
        raise _UnusableError(f"it cannot be read ({error.strerror}).") from error


def _blob(key: paramiko.PKey) -> bytes:
    """What is offered: the certificate, or the public key."""
    blob = getattr(key, "public_blob", None)
    return bytes(blob.key_blob) if blob is not None else key.asbytes()


def _public_blob(content: bytes) -> bytes:
    try:
        return base64.b64decode(content.split()[1], validate=True)
    except (IndexError, ValueError) as error:
        raise _UnusableError("it is a public key, but damaged.") from error


# --- Private keys


def private_key_in(content: bytes, passphrase: bytes | None) -> Callable[[], paramiko.PKey]:
    """What makes the key in a file's bytes, a new object each time. Raises `_UnusableError`."""
    loaded = _loaded(content, passphrase)
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(loaded, ed25519.Ed25519PrivateKey):
        return lambda: _ed25519(loaded)
    if isinstance(loaded, ec.EllipticCurvePrivateKey) and loaded.curve.name in _CURVES:
        return lambda: _ecdsa(loaded)
    if isinstance(loaded, rsa.RSAPrivateKey):
        return lambda: _rsa(loaded)
    raise _UnusableError("it is of a type that FailTale does not support; use ed25519, ecdsa (nistp256 …) or rsa.")


def _loaded(content: bytes, passphrase: bytes | None) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        try:
            return _DECODED.key(content, passphrase)
        except TypeError as error:
            if passphrase is None:
                raise _UnusableError("it is encrypted; set 'key_passphrase', or load it into an agent.") from error
            return _decoded_private_key(content, None)  # a passphrase for a key that needs none does no harm
    except UnsupportedAlgorithm as error:
        raise _UnusableError(
            "its type or encryption is not supported by FailTale; load it into an agent, or use ed25519."
        ) from error
    except (ValueError, TypeError) as error:
        raise _UnusableError(_why_no_key(content, passphrase)) from error


class DecryptedKeys:
    """Keys that were decrypted, so that a hundred hosts cost one bcrypt, which takes 0.15 s of CPU. Thread-safe."""

    def __init__(self, decode: Callable[[bytes, bytes | None], object]) -> None:
        self._decode = decode
        self._known: dict[bytes, object] = {}
        self._decrypting = threading.Lock()

    def key(self, content: bytes, passphrase: bytes | None) -> object:
        """The key in a file's bytes; raises what ``decode`` raises, each time anew."""
        if passphrase is None:
            return self._decode(content, None)
        name = hashlib.sha256(hashlib.sha256(content).digest() + passphrase).digest()
        with self._decrypting:
            if name not in self._known:
                self._known[name] = self._decode(content, passphrase)
            return self._known[name]


def _decoded_private_key(content: bytes, passphrase: bytes | None) -> object:
    """Raises TypeError when a passphrase is missing, or given and not needed."""
    from cryptography.hazmat.primitives import serialization

    if content.startswith(b"\x30"):
        return serialization.load_der_private_key(content, passphrase)
    if b"BEGIN OPENSSH PRIVATE KEY" in content:
        return serialization.load_ssh_private_key(content, passphrase)
    return serialization.load_pem_private_key(content, passphrase)


_DECODED = DecryptedKeys(_decoded_private_key)

_OTHER_FORMATS = (
    (
        b"PuTTY-User-Key-File",
        "it is in PuTTY's format; convert it: puttygen KEY.ppk -O private-openssh -o KEY",
    ),
    (b"---- BEGIN SSH2", "it is in the format of RFC 4716; convert it: ssh-keygen -i -f KEY > NEW"),
    (b"BEGIN CERTIFICATE", "it is an X.509 certificate; name the private key that belongs to it"),
    (b"BEGIN PUBLIC KEY", "it is a public key; name the private one"),
    (b"BEGIN PGP", "it is a key of GnuPG; let gpg-agent offer it as an SSH agent"),
)


def _why_no_key(content: bytes, passphrase: bytes | None) -> str:
    for begin, words in _OTHER_FORMATS:
        if begin in content[:4096]:
            return f"{words}."
    if passphrase is not None:
        return "its passphrase is wrong, or it is damaged."
    if content.startswith(b"\x30"):
        return "it is no private key in DER; a PKCS#12 file is converted by: openssl pkcs12 -in KEY -nocerts -out NEW."
    return "it is damaged." if b"PRIVATE KEY" in content else "it is no private key."


def _ed25519(loaded: Any) -> paramiko.PKey:
    """By way of a text, because paramiko (5.1) takes this type in no other."""
    import paramiko
    from cryptography.hazmat.primitives import serialization

    text = loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return paramiko.Ed25519Key(file_obj=io.StringIO(text.decode()))


def _ecdsa(loaded: Any) -> paramiko.PKey:
    import paramiko

    return paramiko.ECDSAKey(vals=(loaded, loaded.public_key()))


def _rsa(loaded: Any) -> paramiko.PKey:
    import paramiko

    return paramiko.RSAKey(key=loaded)


# --- Certificates


def _is_of_key(certificate: Path, key: paramiko.PKey) -> bool:
    """Whether a certificate is a key's. Raises `_UnusableError` where it cannot be read."""
    from cryptography.hazmat.primitives import serialization

    if not certificate.is_file():
        return False
    try:
        read = serialization.load_ssh_public_identity(read_regular(certificate, max_bytes=_MAX_BYTES).strip())
        if not isinstance(read, serialization.SSHCertificate):
            return False
        form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        return base64.b64decode(read.public_key().public_bytes(*form).split()[1]) == key.asbytes()
    except Exception as error:  # unrelated types
        raise _UnusableError("it is damaged.") from error


def _certified(key: paramiko.PKey, certificate: Path) -> paramiko.PKey:
    """The key with its certificate. Raises `_UnusableError` for one that no server would take."""
    from cryptography.hazmat.primitives import serialization

    try:
        content = read_regular(certificate, max_bytes=_MAX_BYTES)
        read = serialization.load_ssh_public_identity(content.strip())
        key.load_certificate(str(certificate))
    except Exception as error:  # four unrelated types come out of the two
        raise _UnusableError("it is damaged, or not this key's.") from error
    if isinstance(read, serialization.SSHCertificate):
        _refuse_outside_its_time(read.valid_after, read.valid_before)
    return key


def _refuse_outside_its_time(valid_after: int, valid_before: int) -> None:
    now = datetime.now(timezone.utc).timestamp()
    if now >= valid_before:
        raise _UnusableError(f"it expired on {moment_of(valid_before)}; have the key signed again.")
    if now < valid_after:
        raise _UnusableError(f"it is valid from {moment_of(valid_after)} only; is the clock of this machine right?")
