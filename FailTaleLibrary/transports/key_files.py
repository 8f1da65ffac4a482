"""The bytes of a key file -> its private key, or a sentence that says what it is instead and how that is mended.

Keys are read by `cryptography`, which paramiko depends on: OpenSSH's own format, PEM, PKCS#8 and DER, plain and
encrypted. For other formats the sentence names the command that converts them.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import hashlib
import io
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from FailTaleLibrary.lazy import regex

if TYPE_CHECKING:
    import paramiko

MAX_BYTES = 256 * 1024
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_FEWEST_BITS = 1024
"""Of an RSA key, for OpenSSH; with fewer the signature of our login would not fit."""
_PRIVATE = b"PRIVATE KEY-----"
_PUBLIC = (b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-")
_PUBLIC_LINE = regex(
    rb"^(?!#)(?:\S.*[ \t])?((?:sk-)?(?:ssh|ecdsa-sha2)-[a-z0-9@.-]+)[ \t]+(AAAA[A-Za-z0-9+/]*=*)", re.MULTILINE
)
"""A public key or a certificate, also behind the options of `authorized_keys`: its type, and itself in base64."""
_WITHOUT_BOM = ((b"-\0", "utf-16-le"), (b"\0-", "utf-16-be"))
_INSIDE = regex(rb"BEGIN OPENSSH PRIVATE KEY-----(.*?)(?:-----END|\Z)", re.DOTALL)
_MAGIC = b"openssh-key-v1\0"
_DEK_INFO = regex(rb"DEK-Info: ([A-Za-z0-9-]+)")
_KNOWN_DEKS = (b"AES-128-CBC", b"AES-192-CBC", b"AES-256-CBC", b"DES-EDE3-CBC")


class UnusableKeyError(Exception):
    """A key file that cannot be used; the message says why, and ends with a full stop."""


def key_file_content(path: Path) -> bytes:
    """The bytes of a file, as UTF-8 where it is text. Raises `UnusableKeyError`."""
    try:
        if path.is_dir():
            raise UnusableKeyError("it is a folder; name the private key in it.")
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise UnusableKeyError("it is no file; write the key into one.")
        with path.open("rb") as file:
            return _as_utf_8(file.read(MAX_BYTES))
    except OSError as error:
        raise UnusableKeyError(f"it cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise UnusableKeyError(f"it cannot be read ({error}).") from error


def _as_utf_8(content: bytes) -> bytes:
    """PowerShell writes UTF-16, other programs of Windows a byte order mark."""
    marks = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
    for begin, encoding in (*marks, *_WITHOUT_BOM):
        if content.startswith(begin):
            return content.decode(encoding, errors="replace").encode()
    return content


# --- Public keys and certificates


def is_public(content: bytes) -> bool:
    """Whether it is a public key or a certificate alone."""
    return _PRIVATE not in content and (content.startswith(_PUBLIC) or _PUBLIC_LINE.search(content) is not None)


def public_blob(content: bytes) -> bytes:
    """The first public key. Raises `UnusableKeyError`."""
    found = _PUBLIC_LINE.search(content)
    try:
        return base64.b64decode(found[2] if found else b"?", validate=True)
    except ValueError as error:
        raise UnusableKeyError("it is a public key, but damaged.") from error


def is_certificate(content: bytes) -> bool:
    """Whether what `is_public` is a certificate."""
    found = _PUBLIC_LINE.search(content)
    return found is not None and b"-cert-v0" in found[1]


def certificates_in(content: bytes) -> tuple[bytes, ...]:
    """Those that stand in the file of a private key, as a line each."""
    return tuple(b" ".join(found) + b"\n" for found in _PUBLIC_LINE.findall(content) if b"-cert-v0" in found[0])


# --- Private keys


def private_key_in(content: bytes, passphrase: bytes | None) -> Callable[[], paramiko.PKey]:
    """What makes the key in a file's bytes, a new object each time. Raises `UnusableKeyError`."""
    _refuse_openssh_type(content)
    loaded = _loaded(content, passphrase)
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(loaded, ed25519.Ed25519PrivateKey):
        return lambda: _ed25519(loaded)
    if isinstance(loaded, ec.EllipticCurvePrivateKey) and loaded.curve.name in _CURVES:
        return lambda: _ecdsa(loaded)
    if isinstance(loaded, rsa.RSAPrivateKey):
        if loaded.key_size < _FEWEST_BITS:
            raise UnusableKeyError(f"it is an RSA key of {loaded.key_size} bits, which no server takes; {_MAKE}.")
        return lambda: _rsa(loaded)
    raise UnusableKeyError("it is of a type that FailTale does not support; use ed25519, ecdsa (nistp256 …) or rsa.")


_MAKE = "make an ed25519 one: ssh-keygen -t ed25519"


def _refuse_openssh_type(content: bytes) -> None:
    """What OpenSSH's own format tells in clear of a key that is of no use. cryptography warns of one, on stderr."""
    _, kind = _openssh_header(content)
    if kind.startswith("sk-"):
        raise UnusableKeyError(
            "its private half is on a security key (FIDO), which FailTale asks by an agent only: load it there with "
            "ssh-add and name its '.pub' file, or use a key without one."
        )
    if kind == "ssh-dss":
        raise UnusableKeyError(f"it is a DSA key, which FailTale does not support, nor do servers; {_MAKE}.")


def _openssh_header(content: bytes) -> tuple[str, str]:
    """The cipher and the type of a key in OpenSSH's own format (PROTOCOL.key); empty where they cannot be told."""
    if (inside := _INSIDE.search(content)) is None:
        return "", ""
    try:
        blob = binascii.a2b_base64(b"".join(inside[1].split()))
        fields = io.BytesIO(blob)
        if fields.read(len(_MAGIC)) != _MAGIC:
            return "", ""
        cipher, _, _ = (_next_string(fields) for _ in range(3))
        fields.read(4)  # how many keys: one
        kind = _next_string(io.BytesIO(_next_string(fields)))
        return cipher.decode(), kind.decode()
    except ValueError:
        return "", ""


def _next_string(fields: io.BytesIO) -> bytes:
    return fields.read(int.from_bytes(fields.read(4), "big"))


def _loaded(content: bytes, passphrase: bytes | None) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        try:
            return _DECODED.key(content, passphrase)
        except TypeError as error:
            if passphrase is None:
                raise UnusableKeyError("it is encrypted; set 'key_passphrase', or load it into an agent.") from error
            return _decoded_private_key(content, None)  # a passphrase for a key that needs none does no harm
    except UnsupportedAlgorithm as error:
        raise UnusableKeyError(_why_unsupported(content)) from error
    except (ValueError, TypeError) as error:
        raise UnusableKeyError(f"{_why_no_key(content, passphrase)}.") from error


def _why_unsupported(content: bytes) -> str:
    cipher, _ = _openssh_header(content)
    if cipher not in ("", "none"):
        return f"it is encrypted with {cipher}, which FailTale does not know; {_ENCRYPT_ANEW}."
    return "its type or encryption is not supported by FailTale; load it into an agent, or use ed25519."


_ENCRYPT_ANEW = "encrypt it anew: ssh-keygen -p -Z aes256-ctr -f KEY"


class DecryptedKeys:
    """Keys that were decoded, so that a hundred hosts cost one bcrypt, which takes 0.15 s of CPU. Thread-safe."""

    def __init__(self, decode: Callable[[bytes, bytes | None], object]) -> None:
        self._decode = decode
        self._known: dict[bytes, object] = {}
        self._decrypting = threading.Lock()

    def key(self, content: bytes, passphrase: bytes | None) -> object:
        """The key in a file's bytes; raises what ``decode`` raises, each time anew."""
        words = b"" if passphrase is None else b"\0" + passphrase
        name = hashlib.sha256(hashlib.sha256(content).digest() + words).digest()
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


# --- What it is instead

_BY_GNUPG = "it is encrypted by GnuPG; decrypt it: gpg -d -o NEW KEY"
_OTHER_FORMATS = (
    (b"PuTTY-User-Key-File", "it is in PuTTY's format; convert it: puttygen KEY.ppk -O private-openssh -o KEY"),
    (b"---- BEGIN SSH2 PUBLIC", "it is a public key; name the private one"),
    (b"---- BEGIN SSH2", "it is in the format of RFC 4716; convert it: ssh-keygen -i -f KEY > NEW"),
    (b"SSH PRIVATE KEY FILE FORMAT 1.1", f"it is a key for SSH 1; {_MAKE}"),
    (b"BEGIN CERTIFICATE", "it is an X.509 certificate; name the private key that belongs to it"),
    (b"PUBLIC KEY-----", "it is a public key; name the private one"),
    (b"BEGIN PGP MESSAGE", _BY_GNUPG),
    (b"BEGIN PGP", "it is a key of GnuPG; let gpg-agent offer it as an SSH agent"),
    (b"$ANSIBLE_VAULT", "it is encrypted by Ansible; decrypt it: ansible-vault decrypt --output NEW KEY"),
    (b"age-encryption.org/", "it is encrypted by age; decrypt it: age -d -i IDENTITY -o NEW KEY"),
    (b"BEGIN AGE ENCRYPTED", "it is encrypted by age; decrypt it: age -d -i IDENTITY -o NEW KEY"),
    (b"AGE-SECRET-KEY-", "it is a key of age, not of SSH"),
    (b"ENC[AES256_GCM", "it is encrypted by SOPS; decrypt it: sops -d KEY > NEW"),
    (b"\0GITCRYPT", "it is encrypted by git-crypt; decrypt it: git-crypt unlock"),
    (b"version https://git-lfs", "it is a pointer of Git LFS; fetch the file itself: git lfs pull"),
    (b'"kty"', "it is a JSON Web Key; convert it to PEM"),
    (b"<html", "it is a web page; fetch the key itself"),
)
"""What such a file has in it -> what it is."""
_OTHER_BEGINNINGS = (
    (
        (b"\x85\x01\x0c\x03", b"\x85\x02\x0c\x03", b"\x84\x5e\x03"),
        "it is encrypted by GnuPG; decrypt it: gpg -d -o NEW KEY",
    ),
    ((b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"), "it is a key store of Java; convert it by keytool and openssl pkcs12"),
    ((b"\x1f\x8b",), "it is packed; unpack it: gunzip < KEY > NEW"),
    ((b"${", b"{{", b"%{", b"$"), "it is the name of a variable that nobody has replaced by its value"),
    (
        (b"\x30",),
        "it is no private key in DER; convert PKCS#12 so: openssl pkcs12 -in KEY -nocerts -out NEW",
    ),
)


def _why_no_key(content: bytes, passphrase: bytes | None) -> str:
    if not content.strip():
        return "it is empty"
    beginning = content[:4096]
    for words, said in _OTHER_FORMATS:
        if words in beginning:
            return said
    if _PRIVATE in content:
        return _why_damaged(content, passphrase)
    for begins, said in _OTHER_BEGINNINGS:
        if beginning.lstrip(b" \t\r\n\"'").startswith(begins):
            return said
    if _is_base64_of_key(content):
        return "it is base64 of a key; decode it: base64 -d < KEY > NEW"
    return "it is no private key: that begins with '-----BEGIN … PRIVATE KEY-----'"


def _why_damaged(content: bytes, passphrase: bytes | None) -> str:
    dek = _DEK_INFO.search(content)
    if dek is not None and dek[1].upper() not in _KNOWN_DEKS:
        return f"it is encrypted with {dek[1].decode()}, which FailTale does not know; {_ENCRYPT_ANEW}"
    if b"\\n" in content:
        return "its lines end with the two characters '\\n'; mend it: printf '%b' \"$(cat KEY)\" > NEW"
    if not re.search(rb"-----END [A-Z ]*PRIVATE KEY-----", content):
        return "its end is missing; copy it anew, down to the line '-----END … PRIVATE KEY-----'"
    return "it is damaged" if passphrase is None else "its passphrase is wrong, or it is damaged"


def _is_base64_of_key(content: bytes) -> bool:
    try:
        return _PRIVATE in base64.b64decode(b"".join(content.split()), validate=True)
    except ValueError:
        return False


# --- As paramiko wants them


def _ed25519(loaded: Any) -> paramiko.PKey:
    from FailTaleLibrary.transports.ed25519_key import Ed25519

    return Ed25519(private=loaded)


def _ecdsa(loaded: Any) -> paramiko.PKey:
    import paramiko

    return paramiko.ECDSAKey(vals=(loaded, loaded.public_key()))


def _rsa(loaded: Any) -> paramiko.PKey:
    import paramiko

    return paramiko.RSAKey(key=loaded)
