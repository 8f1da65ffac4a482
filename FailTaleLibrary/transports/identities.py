"""How SSH is configured for a host -> the keys to offer it, in order: of a file, of the agent, of the usual places.

Key files are read by `cryptography`, which paramiko depends on: OpenSSH's own format, PEM, PKCS#8 and DER, plain and
encrypted. For other formats the error names the command that converts them.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from FailTaleLibrary.config import SshSettings
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.files import read_regular
from FailTaleLibrary.transports.host_keys import HostKey

if TYPE_CHECKING:
    import paramiko

MAX_OFFERS = 5
"""A server hangs up after six (MaxAuthTries), and counts them for the lock-out of accounts."""
_DEFAULT_FILES = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
_MAX_BYTES = 256 * 1024
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

    ssh: SshSettings
    skipped: list[str] = field(default_factory=list)
    """Sentences on keys and certificates that could not be used; known after iterating."""
    in_agent: int = 0
    """How many keys the agent has; known after iterating."""
    left_over: int = 0
    """How many were not offered, because there are too many."""

    def __iter__(self) -> Iterator[Identity]:
        """Raises TransportError when the configured key cannot be used."""
        for number, identity in enumerate(self._all()):
            if number < MAX_OFFERS:
                yield identity
            else:
                self.left_over += 1

    def _all(self) -> Iterator[Identity]:
        if self.ssh.key is not None:
            yield from self._configured(self.ssh.key)
            return
        offered = set()
        for identity in self._of_agent_and_files():
            if _blob(identity.key) not in offered:
                offered.add(_blob(identity.key))
                yield identity

    def _configured(self, path: Path) -> Iterator[Identity]:
        secret = self.ssh.key_passphrase
        try:
            content = _key_file_content(path)
            if content.startswith(_PUBLIC):
                yield from self._in_agent(content, path)
            else:
                yield from self._with_certificate(path, secret.get_secret_value().encode() if secret else None)
        except _UnusableError as error:
            raise TransportError("failed", f"The key '{path}' cannot be used: {error}") from error

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

    def _of_agent_and_files(self) -> Iterator[Identity]:
        yield from self._of_agent()
        for name in _DEFAULT_FILES:
            try:
                path = Path(name).expanduser()
                if path.exists():
                    yield from self._with_certificate(path, None, shown=name)
            except (_UnusableError, RuntimeError) as error:  # RuntimeError: this user has no home directory
                self.skipped.append(f"'{name}' was not offered: {error}")

    def _of_agent(self) -> Iterator[Identity]:
        import paramiko  # heavy, and not wanted by a run that touches no host

        try:
            agent = paramiko.Agent()
        except (paramiko.SSHException, OSError):  # its socket is there, but nobody answers
            return
        try:
            keys = agent.get_keys()
            self.in_agent = len(keys)
            for key in keys:
                yield Identity(key, "the agent's key")
        finally:
            agent.close()

    def _with_certificate(self, path: Path, passphrase: bytes | None, *, shown: str = "") -> Iterator[Identity]:
        """The key of a file, first with the certificate that lies beside it as ``…-cert.pub``, then by itself."""
        shown = shown or str(path)
        load = private_key_in(_key_file_content(path), passphrase)
        certificate = path.with_name(path.name + "-cert.pub")
        if certificate.is_file():
            try:
                yield Identity(_certified(load(), certificate), f"'{shown}' with its certificate")
            except _UnusableError as error:
                self.skipped.append(f"The certificate '{certificate}' was not offered: {error}")
        yield Identity(load(), f"'{shown}'")


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
            return _decoded_private_key(content, passphrase)
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


def _decoded_private_key(content: bytes, passphrase: bytes | None) -> object:
    """Raises TypeError when a passphrase is missing, or given and not needed."""
    from cryptography.hazmat.primitives import serialization

    if content.startswith(b"\x30"):
        return serialization.load_der_private_key(content, passphrase)
    if b"BEGIN OPENSSH PRIVATE KEY" in content:
        return serialization.load_ssh_private_key(content, passphrase)
    return serialization.load_pem_private_key(content, passphrase)


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
        raise _UnusableError(f"it expired on {_day(valid_before)}; have the key signed again.")
    if now < valid_after:
        raise _UnusableError(f"it is valid from {_day(valid_after)} only; is the clock of this machine right?")


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
