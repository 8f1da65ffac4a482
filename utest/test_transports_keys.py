"""Logging in with real OpenSSH servers and a real agent: every format of key, and what each refusal says."""

from __future__ import annotations

import base64
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import paramiko
import pytest
from needs import need
from patience import PATIENCE_S
from rogue_host import kex_init, plain_packet
from sshd import Sshd, key_agent, new_key, throw_away_user
from ways import config_at, item, run, to, visit

from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.transports import Connections
from FailTaleLibrary.transports.key_files import DecryptedKeys
from FailTaleLibrary.transports.ssh_ciphers import ChaCha20Poly1305

pytestmark = pytest.mark.ssh
WORDS = "open sesame"


def refusal(connections: Connections) -> str:
    """Why a host cannot be asked."""
    with pytest.raises(TransportError) as caught:
        connections.transport("web1")
    connections.close()
    return f"[{caught.value.reason}] {caught.value}"


def gets_in(connections: Connections) -> bool:
    try:
        return run(connections, "echo in").stdout == b"in\n"
    finally:
        connections.close()


def openssl(*words: str) -> None:
    need("openssl", package="openssl")
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def pkcs8_key(path: Path, algorithm: str, *, passphrase: str = "", form: str = "PEM") -> Path:
    """A key as `openssl genpkey` writes it, and its public half as OpenSSH does."""
    options = {"ec": ["-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-pkeyopt", "rsa_keygen_bits:2048"]}
    plain = path.with_suffix(".plain")
    openssl("genpkey", "-algorithm", algorithm, *options.get(algorithm, []), "-out", str(plain))
    cipher = ["-v2", "aes-256-cbc", "-passout", f"pass:{passphrase}"] if passphrase else ["-nocrypt"]
    openssl("pkcs8", "-topk8", "-in", str(plain), *cipher, "-outform", form, "-out", str(path))
    public = path.with_name(path.name + ".pub")
    openssl("pkey", "-in", str(plain), "-pubout", "-out", str(public))
    if algorithm == "ed25519":  # ssh-keygen reads this type of PKCS#8 in no version
        raw = subprocess.run(
            ["openssl", "pkey", "-in", str(plain), "-pubout", "-outform", "DER"], check=True, capture_output=True
        ).stdout[-32:]
        public.write_text(_public_line(raw))
    else:
        told = subprocess.run(["ssh-keygen", "-i", "-m", "PKCS8", "-f", str(public)], check=True, capture_output=True)
        public.write_bytes(told.stdout)
    path.chmod(0o600)
    return path


def _public_line(raw: bytes) -> str:
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + raw
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} tests\n"


# --- Formats


@pytest.mark.parametrize("passphrase", ["", WORDS])
@pytest.mark.parametrize("algorithm", ["ed25519", "ec", "rsa"])
def test_a_pkcs8_key_is_used(new_host: Callable[..., Sshd], tmp_path: Path, algorithm: str, passphrase: str) -> None:
    host, key = new_host(), pkcs8_key(tmp_path / "key", algorithm, passphrase=passphrase)
    assert b"PRIVATE KEY-----" in key.read_bytes()
    host.authorize(key)
    assert gets_in(to(host, key=key, key_passphrase=passphrase or None))
    if passphrase:
        assert "its passphrase is wrong, or it is damaged." in refusal(to(host, key=key, key_passphrase="other"))
        assert "it is encrypted; set 'key_passphrase'" in refusal(to(host, key=key))


def test_a_key_in_der_is_used(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    host, key = new_host(), pkcs8_key(tmp_path / "key", "ec", form="DER")
    host.authorize(key)
    assert gets_in(to(host, key=key))


@pytest.mark.parametrize("passphrase", ["", WORDS])
def test_a_key_in_the_old_pem_format_is_used(new_host: Callable[..., Sshd], tmp_path: Path, passphrase: str) -> None:
    host, key = new_host(), new_key(tmp_path / "key", kind="rsa")
    convert = ["ssh-keygen", "-q", "-p", "-m", "PEM", "-P", "", "-N", passphrase, "-f", str(key)]
    subprocess.run(convert, check=True, capture_output=True)
    assert b"BEGIN RSA PRIVATE KEY" in key.read_bytes()
    host.authorize(key)
    assert gets_in(to(host, key=key, key_passphrase=passphrase or None))


def test_a_passphrase_for_a_key_that_needs_none_does_no_harm(a_host: Sshd) -> None:
    assert gets_in(to(a_host, key_passphrase=WORDS))


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_key_without_a_comment_is_used(new_host: Callable[..., Sshd], tmp_path: Path, kind: str) -> None:
    host, key = new_host(), new_key(tmp_path / "key", kind=kind)
    subprocess.run(["ssh-keygen", "-q", "-c", "-C", "", "-f", str(key)], check=True, capture_output=True)
    host.authorize(key)
    assert gets_in(to(host, key=key))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "puttygen KEY.ppk -O private-openssh -o KEY"),
        (b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA\n", "format of RFC 4716; convert it: ssh-keygen -i -f"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "it is an X.509 certificate"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "it is a public key; name the private one"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "it is damaged."),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n", "its end is missing; copy it anew, down to the line '-----END"),
        (
            b"-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----\n",
            "mend it: printf '%b' \"$(cat KEY)\" > NEW",
        ),
        (
            b"-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: CAMELLIA-128-CBC,00\n\nAAAA\n",
            "encrypted with CAMELLIA-128-CBC",
        ),
        (base64.b64encode(b"-----BEGIN PRIVATE KEY-----\nAAAA\n"), "base64 of a key; decode it: base64 -d < KEY > NEW"),
        (b"\x30\x82\x01\x02rest", "it is no private key in DER; convert PKCS#12 so: openssl pkcs12 -in KEY"),
        (b"$ANSIBLE_VAULT;1.1;AES256\n3364\n", "encrypted by Ansible; decrypt it: ansible-vault decrypt --output"),
        (b"age-encryption.org/v1\n-> X25519 abc\n", "encrypted by age; decrypt it: age -d -i IDENTITY -o NEW KEY."),
        (b"-----BEGIN PGP MESSAGE-----\n\nhQ\n", "encrypted by GnuPG; decrypt it: gpg -d -o NEW KEY."),
        (b"\x85\x01\x0c\x03rest", "encrypted by GnuPG; decrypt it: gpg -d -o NEW KEY."),
        (b'{"data": "ENC[AES256_GCM,data:x]"}', "encrypted by SOPS; decrypt it: sops -d KEY > NEW."),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS; fetch the file itself: git lfs pull."),
        (b"\xfe\xed\xfe\xed\0\0\0\2", "it is a key store of Java; convert it by keytool"),
        (b'{"kty": "OKP", "crv": "Ed25519"}', "it is a JSON Web Key; convert it to PEM."),
        (b"${DEPLOY_KEY}\n", "it is the name of a variable that nobody has replaced"),
        (b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n", "it is a public key; name the private one."),
        (b'from="10.0.0.1",no-pty ssh-ed25519 AAAA me\n', "it is a public key, and no agent has a key"),
        (
            b"ssh-ed25519-cert-v01@openssh.com AAAA me\n",
            "it is a certificate, and no agent has a key; name the private",
        ),
        (b"hello\n", "it is no private key: that begins with '-----BEGIN … PRIVATE KEY-----'."),
        (b"", "it is empty."),
        (b"\0" * 300_000, "it is no private key: that begins with "),
        (b"ssh-ed25519 AAAA\n", "it is a public key, and no agent has a key; name the private key, or load it"),
        (b"ssh-ed25519 @@@\n", "it is a public key, but damaged."),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_way_out(
    a_host: Sshd, tmp_path: Path, content: bytes, why: str
) -> None:
    key = tmp_path / "key"
    key.write_bytes(content)
    said = refusal(to(a_host, key=key))
    assert said.startswith(f"[failed] The key '{key}' cannot be used: ")
    assert why in said


@pytest.mark.parametrize(
    ("before", "encoding"),
    [("\ufeff", "utf-8"), ("\ufeff", "utf-16-le"), ("\ufeff", "utf-16-be"), ("", "utf-16-le"), ("", "utf-16-be")],
)
def test_a_key_is_used_whatever_an_editor_made_of_its_text(
    a_host: Sshd, tmp_path: Path, before: str, encoding: str
) -> None:
    key = tmp_path / "key"
    key.write_bytes((before + a_host.key.read_text().replace("\n", "\r\n")).encode(encoding))
    assert gets_in(to(a_host, key=key))


@pytest.mark.parametrize("order", ["key first", "certificate first"])
def test_a_certificate_in_the_file_of_its_key_is_used(
    new_host: Callable[..., Sshd], tmp_path: Path, order: str
) -> None:
    authority, key = new_key(tmp_path / "authority"), new_key(tmp_path / "key")
    host = new_host(options=[f"TrustedUserCAKeys {authority}.pub"])
    signed(key, authority, user=host.user, validity="+1d")
    texts = [key.read_text(), (tmp_path / "key-cert.pub").read_text()]
    (both := tmp_path / "both").write_text("".join(texts if order == "key first" else reversed(texts)))
    assert gets_in(to(host, key=both))
    signed(key, authority, user=host.user, validity="20200101:20200102")
    both.write_text(key.read_text() + (tmp_path / "key-cert.pub").read_text())
    assert f"The certificate in '{both}' was not offered: it expired on 2020-01-0" in refusal(to(host, key=both))


@pytest.mark.parametrize("cipher", ["aes128-ctr", "chacha20-poly1305@openssh.com"])
def test_an_encryption_that_is_not_known_is_told_with_the_way_out(a_host: Sshd, tmp_path: Path, cipher: str) -> None:
    key = new_key(tmp_path / "key")
    encrypt = ["ssh-keygen", "-q", "-p", "-a", "1", "-Z", cipher, "-P", "", "-N", WORDS, "-f", str(key)]
    subprocess.run(encrypt, check=True, capture_output=True)
    said = refusal(to(a_host, key=key, key_passphrase=WORDS))
    assert (
        f"encrypted with {cipher}, which FailTale does not know; encrypt it anew: ssh-keygen -p -Z aes256-ctr" in said
    )


def openssh_key(kind: bytes) -> bytes:
    """The beginning of a key of some type as OpenSSH writes it."""
    fields = (b"none", b"none", b"", None, len(kind).to_bytes(4, "big") + kind)
    parts = [b"\0\0\0\1" if each is None else len(each).to_bytes(4, "big") + each for each in fields]
    text = base64.encodebytes(b"openssh-key-v1\0" + b"".join(parts)).decode()
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{text}-----END OPENSSH PRIVATE KEY-----\n".encode()


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (b"sk-ssh-ed25519@openssh.com", "is on a security key (FIDO), which FailTale asks by an agent only: load it"),
        (b"ssh-dss", "it is a DSA key, which FailTale does not support, nor do servers; make an ed25519 one:"),
    ],
)
def test_a_type_of_key_that_is_of_no_use_is_told(a_host: Sshd, tmp_path: Path, kind: bytes, why: str) -> None:
    (key := tmp_path / "key").write_bytes(openssh_key(kind))
    assert why in refusal(to(a_host, key=key))


def test_an_rsa_key_that_is_too_short_is_told(a_host: Sshd, tmp_path: Path) -> None:
    """paramiko fails to sign with it, in a way of its own."""
    openssl("genrsa", "-out", str(tmp_path / "key"), "512")
    assert "an RSA key of 512 bits, which no server takes; make an ed25519" in refusal(to(a_host, key=tmp_path / "key"))


def test_a_place_that_is_no_file_is_told(a_host: Sshd, tmp_path: Path) -> None:
    assert "it is a folder; name the private key in it." in refusal(to(a_host, key=tmp_path))
    assert "it is no file; write the key into one." in refusal(to(a_host, key=Path("/dev/zero")))
    assert "it cannot be read (embedded null byte)." in refusal(to(a_host, key=tmp_path / "a\0b"))


@pytest.mark.parametrize("curve", ["secp256k1", "brainpoolP256r1"])
def test_a_curve_that_ssh_has_not_is_told(a_host: Sshd, tmp_path: Path, curve: str) -> None:
    key = tmp_path / "key"
    openssl("genpkey", "-algorithm", "ec", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-out", str(key))
    assert "it is of a type that FailTale does not support; use ed25519" in refusal(to(a_host, key=key))


def test_a_key_file_that_is_not_there_is_told(a_host: Sshd, tmp_path: Path) -> None:
    assert "it cannot be read (No such file or directory)" in refusal(to(a_host, key=tmp_path / "none"))


# --- Agents


@pytest.fixture
def many_keys(tmp_path: Path) -> list[Path]:
    return [new_key(tmp_path / f"key{number}") for number in range(8)]


def test_an_agent_with_too_many_keys_is_told_with_the_way_out(
    new_host: Callable[..., Sshd], tmp_path: Path, many_keys: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = new_host()
    host.authorize(many_keys[-1])
    monkeypatch.setenv("HOME", str(tmp_path))
    with key_agent(tmp_path / "agent", *many_keys) as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
        said = refusal(to(host, key=None))
        assert said.startswith("[authentication refused] ")
        assert "The agent has 8 keys, of which the first 5 were offered; name the right one: 'ssh.key' with" in said
        assert "(as IdentitiesOnly does for ssh)" in said


@pytest.mark.parametrize("tries", [1, 3])
def test_a_server_that_hangs_up_after_some_keys_is_told_in_its_words(
    new_host: Callable[..., Sshd],
    tmp_path: Path,
    many_keys: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    tries: int,
) -> None:
    host = new_host(options=[f"MaxAuthTries {tries}"])
    monkeypatch.setenv("HOME", str(tmp_path))
    with key_agent(tmp_path / "agent", *many_keys) as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
        said = refusal(to(host, key=None))
    assert said.startswith("[authentication refused] ")
    assert f"hung up after {tries} key{'s' * (tries > 1)} of user '{host.user}' ('Too many authentication f" in said
    assert "The agent has 8 keys, of which the first" in said


def test_a_public_key_file_chooses_one_of_many_keys_in_the_agent(
    new_host: Callable[..., Sshd], tmp_path: Path, many_keys: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = new_host(options=["MaxAuthTries 1"])
    host.authorize(many_keys[-1])
    public = many_keys[-1].with_name(many_keys[-1].name + ".pub")
    with key_agent(tmp_path / "agent", *many_keys[1:]) as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
        assert gets_in(to(host, key=public))
        other = refusal(to(host, key=many_keys[0].with_name("key0.pub")))
    assert "it is a public key, and the agent has it not (it has 7 others)" in other


# --- Servers that want more


def test_a_server_that_wants_a_password_as_well_is_told(new_host: Callable[..., Sshd]) -> None:
    host = new_host(options=["PasswordAuthentication yes", "AuthenticationMethods publickey,password"])
    said = refusal(to(host))
    assert said.startswith("[authentication refused] ")
    assert f"accepts '{host.key}' (ssh-ed25519 SHA256:" in said
    assert f") of user '{host.user}', but demands password as well. FailTale logs in by keys, and by 'ssh." in said
    assert Redactor().redact(said).text == said  # a user's name is no password
    assert f"'AuthenticationMethods publickey' in a 'Match User {host.user}' of its sshd_config" in said


def test_a_password_that_is_wrong_beside_a_key_that_is_right_is_told(new_host: Callable[..., Sshd]) -> None:
    host = new_host(options=["PasswordAuthentication yes", "AuthenticationMethods publickey,password"])
    said = refusal(to(host, password="no"))
    assert f"accepts '{host.key}' (ssh-ed25519 SHA256:" in said
    assert f") of user '{host.user}', but refuses the password. Is it the right one, and is the account not" in said
    assert Redactor().redact(said).text == said


def test_a_server_that_wants_no_password_is_told_what_it_wants_where_one_is_set(
    new_host: Callable[..., Sshd],
) -> None:
    said = refusal(to(new_host(options=["AuthenticationMethods publickey,publickey"]), password="no"))
    assert "but demands another key as well" in said
    assert "not by a password" not in said


def test_a_password_that_is_wrong_is_not_told_of_a_key_that_the_server_did_not_look_at(
    new_host: Callable[..., Sshd],
) -> None:
    options = ["PasswordAuthentication yes", "AuthenticationMethods password"]
    said = refusal(to(new_host(options=options), password="no"))
    assert "with its password. Is it the right one, and is the account not locked?" in said
    assert "authorized_keys" not in said


@pytest.fixture
def with_password(as_root: None) -> Iterator[tuple[str, str]]:
    """A user of this machine and the password."""
    need("openssl")
    password = "right-one-73"
    made = subprocess.run(["openssl", "passwd", "-6", password], check=True, capture_output=True, text=True)
    with throw_away_user(password=made.stdout.strip()) as user:
        yield user, password


@pytest.mark.parametrize("methods", ["password,publickey", "keyboard-interactive,publickey"])
def test_a_server_that_wants_a_password_ahead_of_a_key_gets_both(
    methods: str, with_password: tuple[str, str], public_directory: Path, new_host: Callable[..., Sshd]
) -> None:
    user, password = with_password
    options = ["UsePAM yes", "PasswordAuthentication yes", "KbdInteractiveAuthentication yes"]
    host = new_host(
        directory=public_directory / "home", user=user, options=[*options, f"AuthenticationMethods {methods}"]
    )
    assert gets_in(to(host, password=password))
    said = refusal(to(host, password=password, key=new_key(public_directory / "another")))
    assert f"accepts user '{user}' by its password, but demands another key as well" in said
    assert Redactor().redact(said).text == said


def test_a_question_that_cannot_be_answered_is_told(
    with_password: tuple[str, str], public_directory: Path, new_host: Callable[..., Sshd]
) -> None:
    """PAM asks for a new password."""
    user, password = with_password
    subprocess.run(["chage", "-d", "0", user], check=True)
    options = ["UsePAM yes", "KbdInteractiveAuthentication yes", "AuthenticationMethods keyboard-interactive"]
    host = new_host(directory=public_directory / "home", user=user, options=options)
    said = refusal(to(host, password=password))
    assert f"asks user '{user}' more than FailTale can answer ('" in said
    assert Redactor().redact(said).text == said


def test_a_server_that_lets_nobody_in_is_told(new_host: Callable[..., Sshd]) -> None:
    host = new_host(options=["PubkeyAuthentication no"])
    assert f"takes no login of user '{host.user}' at all: each kind of it is off in its" in refusal(to(host))


def test_an_account_that_is_closed_is_told_in_the_words_of_pam(
    as_root: None, public_directory: Path, new_host: Callable[..., Sshd]
) -> None:
    with throw_away_user(expires_on="2020-01-01") as user:
        host = new_host(directory=public_directory / "home", user=user, options=["UsePAM yes"])
        said = refusal(to(host))
        assert "[connection lost] Host 'web1'" in said
        assert "hung up during the login ('Your account has expired" in said
        assert "Is the account there closed, expired or kept out (PAM, /etc/nologin)? The log of its sshd says" in said


def test_a_server_that_closes_the_connection_behind_the_login_is_asked_once_a_minute(
    as_root: None, new_host: Callable[..., Sshd]
) -> None:
    host = new_host(options=["PermitRootLogin forced-commands-only"])
    with closing(to(host)) as connections:
        with pytest.raises(TransportError, match="The log of its sshd says"):
            run(connections, "echo in")
        seen = host.connections_seen
        with pytest.raises(TransportError, match="not tried again"):
            run(connections, "echo in")
        assert host.connections_seen == seen <= 3


def test_a_server_that_wants_two_keys_gets_them(
    new_host: Callable[..., Sshd], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = new_host(options=["AuthenticationMethods publickey,publickey"])
    second = new_key(tmp_path / "second")
    host.authorize(host.key, second)
    monkeypatch.setenv("HOME", str(tmp_path))
    with key_agent(tmp_path / "agent", host.key, second) as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
        assert gets_in(to(host, key=None))
    said = refusal(to(host))
    assert f" of user '{host.user}', but demands another key as well" in said
    assert "without 'ssh.key', those of an agent and of ~/.ssh are offered" in said


# --- Certificates


def signed(key: Path, authority: Path, *, user: str, validity: str) -> None:
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "tests", "-n", user, "-V", validity, f"{key}.pub"]
    subprocess.run(sign, check=True, capture_output=True)


def test_an_expired_certificate_is_told(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    authority, key = new_key(tmp_path / "authority"), new_key(tmp_path / "key")
    host = new_host(options=[f"TrustedUserCAKeys {authority}.pub"])
    signed(key, authority, user=host.user, validity="20200101:20200102")
    said = refusal(to(host, key=key))
    assert said.startswith("[authentication refused] ")
    assert f"The certificate '{key}-cert.pub' was not offered: it expired on 2020-01-0" in said
    assert "have the key signed again" in said


def test_a_certificate_that_is_not_valid_yet_is_told(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    authority, key = new_key(tmp_path / "authority"), new_key(tmp_path / "key")
    host = new_host(options=[f"TrustedUserCAKeys {authority}.pub"])
    signed(key, authority, user=host.user, validity="20900101:20900102")
    assert "it is valid from 20" in (said := refusal(to(host, key=key)))
    assert "is the clock of this machine right?" in said


def test_a_key_beside_an_expired_certificate_is_still_offered(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    authority, key, host = new_key(tmp_path / "authority"), new_key(tmp_path / "key"), new_host()
    signed(key, authority, user=host.user, validity="20200101:20200102")
    host.authorize(key)
    assert gets_in(to(host, key=key))


def test_a_damaged_certificate_does_not_spoil_its_key(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    host, key = new_host(), new_key(tmp_path / "key")
    (tmp_path / "key-cert.pub").write_text("rubbish\n")
    assert "was not offered: it is damaged, or not this key's." in refusal(to(host, key=key))
    host.authorize(key)
    assert gets_in(to(host, key=key))


# --- Algorithms


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ("KexAlgorithms diffie-hellman-group1-sha1", "no key exchange in common"),
        ("MACs umac-64@openssh.com\nCiphers aes128-ctr", "no message authentication code in common"),
    ],
)
def test_what_a_server_offers_is_told_when_nothing_is_in_common(
    new_host: Callable[..., Sshd], option: str, what: str
) -> None:
    host = new_host(options=option.split("\n"))
    setting, offer = option.split("\n")[0].split()
    said = refusal(to(host))
    assert said.startswith("[failed] Host 'web1'")
    assert f"{what} with FailTale: it (SSH-2.0-OpenSSH" in said
    assert f"offers {offer}; FailTale (paramiko " in said
    assert f"Allow one of these with '{setting}' in its sshd_config, or update the older of the two." in said


@pytest.mark.parametrize("option", ["Ciphers chacha20-poly1305@openssh.com", "KexAlgorithms curve25519-sha256"])
def test_a_server_that_speaks_one_algorithm_alone_answers(new_host: Callable[..., Sshd], option: str) -> None:
    """TinySSH has no other ones. New keys are agreed on in the middle of both directions."""
    host = new_host(options=[option, "RekeyLimit 256K"])
    with closing(to(host)) as connections:
        much = item("much", ": " + "x" * 600_000 + "\nhead -c 2000000 /dev/zero", max_bytes=2_000_000)
        results = visit(connections, item("status", "echo out; echo err >&2; exit 3"), much)
        assert (results["status"].stdout, results["status"].stderr) == (b"out\n", b"err\n")
        assert (results["status"].exit_status, results["much"].stdout) == (3, bytes(2_000_000))
        assert connections.opened == 1


def test_a_changed_packet_of_chacha20_is_refused() -> None:
    key = bytes(range(64))
    sent = ChaCha20Poly1305(key)
    for place in range(4 + 16 + 16):
        packet = sent.encrypt(b"", b"sixteen bytes ..", b"\0\0\0\x10")
        whole = bytearray(sent.length_to_send + packet)
        came = ChaCha20Poly1305(key)
        assert came.received_length(bytes(whole[:4])) == b"\0\0\0\x10"
        assert came.decrypt(b"", bytes(whole[4:]), b"") == b"sixteen bytes .."
        whole[place] ^= 1
        came.received_length(bytes(whole[:4]))
        with pytest.raises(paramiko.SSHException, match="Mismatched MAC"):
            came.decrypt(b"", bytes(whole[4:]), b"")


def test_a_server_that_compresses_everything_is_told() -> None:
    pairs = [name for name in ("aes128-ctr", "hmac-sha2-256", "zlib@openssh.com", "") for _ in range(2)]
    offers = plain_packet(kex_init("curve25519-sha256@libssh.org", "ssh-ed25519", *pairs))
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(2):
                client, _ = server.accept()
                with client:
                    client.sendall(b"SSH-2.0-Zip\r\n" + offers)
                    while client.recv(65536):
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        said = refusal(Connections(config_at("127.0.0.1", user="me", port=port, known_hosts="/nonexistent")))
        assert "no kind of compression in common with FailTale: it (SSH-2.0-Zip) offers zlib@openssh.com; " in said
        thread.join(PATIENCE_S)


def test_a_server_that_goes_away_while_it_is_asked_for_its_offers_costs_only_these(
    new_host: Callable[..., Sshd],
) -> None:
    """Its first connection has nothing in common with us, its second one is closed at once."""
    host = new_host(options=["KexAlgorithms diffie-hellman-group1-sha1"])
    relay = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = relay.accept()
        with client, socket.create_connection((host.address, host.port)) as server:
            server.sendall(client.recv(4096))
            while data := server.recv(65536):
                try:
                    client.sendall(data)
                except OSError:
                    break
                if b"diffie" in data:
                    break
        relay.accept()[0].close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    said = refusal(to(host, port=relay.getsockname()[1], host_key=host.fingerprint, known_hosts=None))
    assert "no key exchange in common with FailTale: it (SSH-2.0-OpenSSH" in said
    assert "offers others; FailTale" in said
    thread.join(PATIENCE_S)
    relay.close()


def test_a_key_is_decoded_once_for_all_hosts() -> None:
    asked: list[tuple[bytes, bytes | None]] = []

    def decode(content: bytes, passphrase: bytes | None) -> object:
        asked.append((content, passphrase))
        if passphrase == b"wrong":
            raise ValueError("no such key")
        return object()

    keys = DecryptedKeys(decode)
    first = keys.key(b"a file", b"words")
    assert keys.key(b"a file", b"words") is first
    assert keys.key(b"another file", b"words") is not first
    for _ in range(2):
        with pytest.raises(ValueError, match="no such key"):
            keys.key(b"a file", b"wrong")
    plain = keys.key(b"a file", None)
    assert plain is not first
    assert keys.key(b"a file", None) is plain
    assert len(asked) == 5
