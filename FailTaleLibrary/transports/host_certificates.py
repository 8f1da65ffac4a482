"""A certificate that a host shows -> the key that it is of, who signed it, and why it does not count.

OpenSSH's own format (PROTOCOL.certkeys). paramiko proves that the host has the key; that the certificate is in order
is looked at here, as ssh does: its kind, its names, its time, its options and its signature.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING, cast

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.text import one_line, sanitize, shorten
from FailTaleLibrary.transports.known_hosts import HostKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import SSHCertificate

_log = logger_of(__name__)

SUFFIX = "-cert-v01@openssh.com"
"""How the name of a key's type ends when a certificate stands in for the key."""
_NUMBERS_OF_KEY = {"ssh-ed25519": 1, "ssh-rsa": 2}
"""How many fields a public key has; ECDSA has two as well."""
_SIGNED_WITH = frozenset(
    ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-256", "rsa-sha2-512"]
)
"""What an authority may sign with: what ssh takes, less hardware keys. SHA-1 is forged."""


@dataclass(frozen=True, slots=True)
class HostCertificate:
    """A certificate as it was sent; nothing of it is believed before `fault` has looked at it."""

    key: HostKey
    """That the host has proved to have."""
    blob: bytes

    @property
    def authority(self) -> HostKey:
        """Who is said to have signed it. Raises ValueError when that cannot be read."""
        return HostKey.from_blob(self._tail()[0])

    def fault(self, name: str, *, now: datetime) -> str:
        """Why it does not count for the host of that name, in a clause; empty when it does.

        That its authority may sign for that host is somebody else's question.
        """
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

        try:
            if not HostKey.from_blob(self.blob).type.endswith(SUFFIX):
                return "it is no certificate"
            return next(self._faults(self._read(), name.lower(), now), "")
        except InvalidSignature:
            return "its signature is not its authority's"
        except UnsupportedAlgorithm:
            return "it, or its authority's key, is of a type that FailTale does not support"
        except Exception as error:  # whatever a reader of hostile bytes stumbles over, it is no proof
            _log.debug("a host certificate cannot be read: %s", type(error).__name__)
            return f"it is damaged ({shorten(one_line(sanitize(str(error))), 80)})"

    def _read(self) -> SSHCertificate:
        from cryptography.hazmat.primitives import serialization

        line = HostKey.from_blob(self.blob).type.encode() + b" " + base64.b64encode(self.blob)
        return cast("SSHCertificate", serialization.load_ssh_public_identity(line))

    def _faults(self, read: SSHCertificate, name: str, now: datetime) -> Iterator[str]:
        from cryptography.hazmat.primitives import serialization

        openssh = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        if base64.b64decode(read.public_key().public_bytes(*openssh).split()[1]) != self.key.blob:
            yield "it is of another key than the host has"
        if read.type != serialization.SSHCertificateType.HOST:
            yield "it is a user's certificate, not a host's"
        if now.timestamp() < read.valid_after:
            yield f"it is valid from {moment_of(read.valid_after)} only (is the clock of this machine right?)"
        if now.timestamp() >= read.valid_before:
            yield f"it expired on {moment_of(read.valid_before)}"
        principals = [principal.decode("utf-8", "replace") for principal in read.valid_principals]
        if not principals:  # which counted for any host before OpenSSH 10.3
            yield "it names no host (ssh-keygen -n)"
        if name not in [principal.lower() for principal in principals]:  # patterns count for new versions of ssh alone
            told = shorten(one_line(sanitize(", ".join(principals))), 120)
            yield f"it is for {told}, and not for {name}"
        if read.critical_options:
            options = b", ".join(read.critical_options).decode("utf-8", "replace")
            yield f"it demands {shorten(one_line(sanitize(options)), 80)}, which nobody knows of a host"
        if (algorithm := self._signed_with()) not in _SIGNED_WITH:
            yield f"it is signed with {shorten(one_line(sanitize(algorithm)), 40)}, which proves nothing any more"
        read.verify_cert_signature()

    def _signed_with(self) -> str:
        signature = self._tail()[1]
        return HostKey.from_blob(signature).type

    def _tail(self) -> tuple[bytes, bytes]:
        """The authority's key and its signature, the last fields."""
        reader = _Reader(self.blob)
        kind = reader.text().decode("ascii").removesuffix(SUFFIX)
        for _ in range(1 + _NUMBERS_OF_KEY.get(kind, 2)):  # a nonce, and the key
            reader.text()
        reader.skip(8 + 4)  # serial, kind
        reader.text()  # its own name
        reader.text()  # principals
        reader.skip(8 + 8)  # its time
        for _ in range(3):  # critical options, extensions, nothing yet
            reader.text()
        return reader.text(), reader.text()


class _Reader:
    """Fields of a message of SSH, one after the other (RFC 4251, section 5)."""

    def __init__(self, blob: bytes) -> None:
        self._left = memoryview(blob)

    def text(self) -> bytes:
        length = int.from_bytes(self.skip(4), "big")
        return bytes(self.skip(length))

    def skip(self, length: int) -> memoryview:
        if length > len(self._left):
            raise ValueError("it ends early")
        taken, self._left = self._left[:length], self._left[length:]
        return taken


def moment_of(seconds: int) -> str:
    """A moment of a certificate, to the minute; the end of time where no calendar reaches it."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return "the end of time"
