"""What some servers speak alone and paramiko (5.1) does not: chacha20-poly1305@openssh.com, as TinySSH does.

The cipher as OpenSSH describes it (PROTOCOL.chacha20poly1305): the packet's number is the nonce, one key encrypts its
length, the other one the rest, and the tag is over both as they are sent. To paramiko it is a cipher of the kind of
AES-GCM, which sends the length in clear: `BoundedPacketizer` hands each length over on its way.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import paramiko
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.poly1305 import Poly1305

CHACHA20 = "chacha20-poly1305@openssh.com"
INFO = {"block-size": 8, "iv-size": 12, "key-size": 64, "is_aead": True}
"""As paramiko wants it of a cipher; its initialisation vector is not used."""
_TAG_BYTES = 16


class ChaCha20Poly1305:
    """One direction of a connection."""

    def __init__(self, key: bytes) -> None:
        self._key, self._key_of_lengths = key[:32], key[32:]
        self._number: Callable[[], int] = int
        self._received_length = b""
        self.length_to_send = b""
        """Of the packet that was encrypted last."""

    def count_by(self, number: Callable[[], int]) -> None:
        """``number`` tells the number of the packet that is under way."""
        self._number = number

    def received_length(self, sent: bytes) -> bytes:
        """The first four bytes of a packet that arrives; its rest is decrypted next."""
        self._received_length = sent
        return self._crypted(sent, self._key_of_lengths, 0)

    def encrypt(self, _: bytes, packet: bytes, length: bytes) -> bytes:
        """The packet behind its length, and its tag."""
        self.length_to_send = self._crypted(length, self._key_of_lengths, 0)
        sent = self._crypted(packet, self._key, 1)
        return sent + Poly1305.generate_tag(self._key_of_tag(), self.length_to_send + sent)

    def decrypt(self, _: bytes, packet: bytes, length: bytes) -> bytes:
        """What `encrypt` made; the length is the one that was received. Raises SSHException for a changed packet."""
        sent, tag = packet[:-_TAG_BYTES], packet[-_TAG_BYTES:]
        try:
            Poly1305.verify_tag(self._key_of_tag(), self._received_length + sent, tag)
        except InvalidSignature as error:
            raise paramiko.SSHException("Mismatched MAC") from error
        return self._crypted(sent, self._key, 1)

    def _key_of_tag(self) -> bytes:
        return self._crypted(bytes(32), self._key, 0)

    def _crypted(self, data: bytes, key: bytes, block: int) -> bytes:
        place = struct.pack("<Q", block) + struct.pack(">Q", self._number())
        return Cipher(algorithms.ChaCha20(key, place), mode=None).encryptor().update(data)


def has_chacha20() -> bool:
    """Whether this machine may use it: one that follows FIPS may not."""
    try:
        cipher = ChaCha20Poly1305(bytes(64))
        return bool(cipher.encrypt(b"", b"", bytes(4)))
    except UnsupportedAlgorithm:
        return False
