"""Certificates for the shop's TLS, made at run time: an authority, and certificates that it signed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """Signs certificates; its own stands in ``path``."""

    def __init__(self, path: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("Shop CA")
        certificate = self._signed(self._name, self._key.public_key(), days=(-30, 365), is_authority=True)
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, path: Path, *, host: str, days: tuple[int, int]) -> None:
        """Writes key and certificate for a host, valid between these days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(_named(host), key.public_key(), days=days, is_authority=False)
        pem = serialization.Encoding.PEM
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(private + certificate.public_bytes(pem))

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, days: tuple[int, int], is_authority: bool
    ) -> x509.Certificate:
        now = datetime.now(timezone.utc)
        host = subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(str(host).replace(" ", "-"))]), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
