"""Keys of type ssh-ed25519 as cryptography has them: paramiko's own load PyNaCl, and take private ones as a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import paramiko
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_CERTIFICATE = "ssh-ed25519-cert-v01@openssh.com"


class Ed25519(paramiko.Ed25519Key):
    """A host's key, or a user's."""

    def __init__(self, message: paramiko.Message | None = None, *, private: Ed25519PrivateKey | None = None) -> None:
        """``message`` holds a public key or its certificate. Raises ValueError, SSHException where it holds neither.

        Raises UnsupportedAlgorithm where this machine's OpenSSL refuses the type (FIPS).
        """
        self.public_blob = None
        self._private = private
        if private is not None:
            self._bytes = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        else:
            self._check_type_and_load_cert(msg=message, key_type=self.name, cert_type=_CERTIFICATE)  # type: ignore[attr-defined]
            assert message is not None  # noqa: S101 - else the line above has raised
            self._bytes = message.get_binary()
        self._public = Ed25519PublicKey.from_public_bytes(self._bytes)

    @property
    def _fields(self) -> tuple[str, bytes]:
        return self.name, self._bytes

    def asbytes(self) -> bytes:
        written = paramiko.Message()
        written.add_string(self.name)
        written.add_string(self._bytes)
        return written.asbytes()

    def can_sign(self) -> bool:
        return self._private is not None

    def can_verify(self) -> bool:
        return True

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> paramiko.Message:
        assert self._private is not None  # noqa: S101 - nobody asks a public key
        signed = paramiko.Message()
        signed.add_string(self.name)
        signed.add_string(self._private.sign(data))
        return signed

    def verify_ssh_sig(self, data: bytes, msg: paramiko.Message) -> bool:
        if msg.get_text() != self.name:
            return False
        try:
            self._public.verify(msg.get_binary(), data)
        except InvalidSignature:
            return False
        return True


def host_key(message: paramiko.Message) -> paramiko.PKey:
    """The key that a server shows; by PyNaCl where OpenSSL refuses the type."""
    try:
        return Ed25519(message)
    except UnsupportedAlgorithm:
        message.rewind()
        return paramiko.Ed25519Key(message)
