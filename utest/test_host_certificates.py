"""Host certificates and `@cert-authority` lines: what counts, and each way in which a certificate does not."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from sshd import Sshd, fingerprint, new_key
from ways import run, to

from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.transports.host_certificates import HostCertificate
from FailTaleLibrary.transports.known_hosts import HostKey, parse_known_hosts

NOW = datetime.now(timezone.utc)


def public(key: Path) -> list[str]:
    """Type and key of a file's public half."""
    return key.with_name(key.name + ".pub").read_text().split()[:2]


def certificate_of(key: Path, authority: Path, *options: str, names: str = "web1") -> Path:
    """A certificate of a host's key; ``options`` of ssh-keygen win."""
    said = ["-h", *(["-n", names] if names else []), *options]
    command = ["ssh-keygen", "-q", "-s", str(authority), "-I", "a host", *said, f"{key}.pub"]
    subprocess.run(command, check=True, capture_output=True)
    made = key.with_name(key.name + "-cert.pub")
    return made.rename(made.with_name(f"{key.name}-{len(list(key.parent.iterdir()))}-cert.pub"))


def read(key: Path, certificate: Path) -> HostCertificate:
    plain = HostKey.from_blob(base64.b64decode(public(key)[1]))
    return HostCertificate(plain, base64.b64decode(certificate.read_text().split()[1]))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A host's key and authorities of several kinds, once for all tests."""
    folder = tmp_path_factory.mktemp("keys")
    new_key(folder / "host")
    new_key(folder / "other")
    for kind in ("ed25519", "ecdsa", "rsa"):
        new_key(folder / f"authority-{kind}", kind=kind)
    return folder


def fault(keys: Path, *options: str, names: str = "web1", name: str = "web1", kind: str = "ed25519") -> str:
    certificate = certificate_of(keys / "host", keys / f"authority-{kind}", *options, names=names)
    return read(keys / "host", certificate).fault(name, now=NOW)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_certificate_in_order_counts_whatever_its_authority_signs_with(keys: Path, kind: str) -> None:
    certificate = read(keys / "host", certificate_of(keys / "host", keys / f"authority-{kind}", names="db1,web1"))
    assert certificate.fault("web1", now=NOW) == certificate.fault("WEB1", now=NOW) == ""
    assert certificate.authority.fingerprint == fingerprint(keys / f"authority-{kind}")


@pytest.mark.parametrize(
    ("options", "names", "why"),
    [
        ((), "db1,*.example.com", "it is for db1, *.example.com, and not for web1"),
        ((), "", "it names no host"),
        (("-V", "20200101:20200102"), "web1", "it expired on 2020-01-0"),
        (("-V", "20900101:20900102"), "web1", "it is valid from 20"),
        (("-O", "critical:restricted=yes"), "web1", "it demands restricted, which nobody knows of a host"),
    ],
)
def test_a_certificate_that_does_not_count_is_told_why(
    keys: Path, options: tuple[str, ...], names: str, why: str
) -> None:
    assert fault(keys, *options, names=names).startswith(why)


def test_a_pattern_in_a_certificate_is_no_name(keys: Path) -> None:
    assert fault(keys, names="web?,*.lab", name="db1.lab") == "it is for web?, *.lab, and not for db1.lab"


def test_a_signature_with_sha_1_proves_nothing(keys: Path) -> None:
    assert "it is signed with ssh-rsa, which proves nothing" in fault(keys, "-t", "ssh-rsa", kind="rsa")


def test_a_users_certificate_is_no_hosts(keys: Path) -> None:
    command = [
        "ssh-keygen",
        "-q",
        "-s",
        str(keys / "authority-ed25519"),
        "-I",
        "u",
        "-n",
        "web1",
        str(keys / "host.pub"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    assert "it is a user's certificate" in read(keys / "host", keys / "host-cert.pub").fault("web1", now=NOW)


def test_another_keys_certificate_does_not_count(keys: Path) -> None:
    certificate = certificate_of(keys / "other", keys / "authority-ed25519")
    assert read(keys / "host", certificate).fault("web1", now=NOW) == "it is of another key than the host has"


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_no_changed_byte_of_a_certificate_is_believed(keys: Path, kind: str) -> None:
    certificate = read(keys / "host", certificate_of(keys / "host", keys / f"authority-{kind}"))
    step = 7 if kind == "rsa" else 1
    for at in range(0, len(certificate.blob), step):
        blob = bytearray(certificate.blob)
        blob[at] ^= 1
        assert HostCertificate(certificate.key, bytes(blob)).fault("web1", now=NOW) != "", f"byte {at}"
    for end in range(0, len(certificate.blob), 11):
        assert HostCertificate(certificate.key, certificate.blob[:end]).fault("web1", now=NOW) != ""


def test_an_authority_speaks_for_the_hosts_of_its_line_alone(keys: Path, tmp_path: Path) -> None:
    kind, encoded = public(keys / "authority-ed25519")
    hashed = tmp_path / "hashed"
    hashed.write_text(f"db1 {kind} {encoded}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(hashed)], check=True, capture_output=True)
    text = f"@cert-authority *.lab,!db1.lab,[web1]:22?? {kind} {encoded}\n@cert-authority {hashed.read_text()}"
    file = parse_known_hosts(text, "known_hosts")
    found = {name for name in ("web1.lab", "db1.lab", "[web1]:2200", "db1", "db2") if file.authorities_of(name)}
    assert found == {"web1.lab", "[web1]:2200", "db1"}
    assert file.keys_of("db1") == (), "an authority's key is nobody's own"


# --- A real server


@pytest.fixture(scope="module")
def a_certified_host(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A server with a certificate for 127.0.0.1 by the ed25519 authority."""
    host = Sshd(tmp_path_factory.mktemp("certified"))
    certificate = certificate_of(host.host_key, keys / "authority-ed25519", names="127.0.0.1,alias")
    host.options.append(f"HostCertificate {certificate}")
    with host:
        yield host


def refusal(host: Sshd, known_hosts: Path, **ssh: str) -> TransportError:
    connections = to(host, known_hosts=known_hosts, **ssh)
    with pytest.raises(TransportError) as caught:
        connections.transport("web1")
    connections.close()
    return caught.value


def authority_line(keys: Path, kind: str = "ed25519", *, names: str = "*", marker: str = "@cert-authority") -> str:
    return f"{marker} {names} {' '.join(public(keys / f'authority-{kind}'))}\n"


def gets_in(host: Sshd, known_hosts: Path) -> bool:
    connections = to(host, known_hosts=known_hosts)
    try:
        return run(connections, "echo in").stdout == b"in\n"
    finally:
        connections.close()


@pytest.mark.ssh
def test_a_host_is_known_by_its_authority_and_without_one_by_its_key(
    a_certified_host: Sshd, keys: Path, tmp_path: Path
) -> None:
    host, file = a_certified_host, tmp_path / "known"
    file.write_text(authority_line(keys, names=f"[127.0.0.1]:{host.port}"))
    assert gets_in(host, file)
    file.write_text(authority_line(keys, "rsa") + host.known_hosts_line)
    assert gets_in(host, file), "an authority that did not sign it does no harm"
    file.write_text(host.known_hosts_line)
    assert gets_in(host, file)
    file.write_text(authority_line(keys, "rsa"))
    assert (error := refusal(host, file)).reason == "unknown host key"
    assert f"; the authority in line 1 of '{file}' has not signed it (HostCertificate in its sshd" in str(error)
    file.write_text(authority_line(keys, names="*.example.com"))
    assert refusal(host, file).reason == "unknown host key"


@pytest.mark.ssh
def test_what_is_revoked_is_refused_key_or_authority(a_certified_host: Sshd, keys: Path, tmp_path: Path) -> None:
    host, file = a_certified_host, tmp_path / "known"
    for revoked in (authority_line(keys, marker="@revoked"), f"@revoked {host.known_hosts_line}"):
        file.write_text(authority_line(keys) + host.known_hosts_line + revoked)
        error = refusal(host, file)
        assert (error.reason, "line 3" in str(error), "as revoked" in str(error)) == ("host key changed", True, True)


@pytest.mark.ssh
def test_a_certificate_that_does_not_count_is_told_and_never_accepted_as_new(
    a_certified_host: Sshd, keys: Path, tmp_path: Path
) -> None:
    host, file = a_certified_host, tmp_path / "known"
    expired = certificate_of(host.host_key, keys / "authority-ed25519", "-V", "20200101:20200102", names="127.0.0.1")
    in_order = host.options[-1]
    host.options[-1] = f"HostCertificate {expired}"
    host.restart()
    try:
        told_of_it(host, keys, file)
    finally:
        host.options[-1] = in_order
        host.restart()


def told_of_it(host: Sshd, keys: Path, file: Path) -> None:
    file.write_text(authority_line(keys))
    for policy in ("strict", "accept-new"):
        error = refusal(host, file, host_keys=policy)
        assert error.reason == "unknown host key"
        assert f"shows a certificate by the authority in line 1 of '{file}' that does not count: it expired" in str(
            error
        )
    file.write_text(authority_line(keys) + host.known_hosts_line)
    assert gets_in(host, file), "its key is known by itself, as ssh takes it"
