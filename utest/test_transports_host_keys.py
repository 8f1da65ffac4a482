"""Whether a host is the one it claims to be: what `known_hosts` says, and what is done about it."""

from __future__ import annotations

import base64
import hmac
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sshd import Sshd, fingerprint, new_key
from ways import run, to

from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.transports import Connections
from FailTaleLibrary.transports.known_hosts import (
    MAX_LINE_CHARS,
    HostKey,
    KnownHostsFiles,
    parse_known_hosts,
    read_known_hosts,
)

ED25519 = HostKey("ssh-ed25519", b"\0\0\0\x0bssh-ed25519\0\0\0\x04four")
ENCODED = base64.b64encode(ED25519.blob).decode()


def known(text: str, name: str) -> list[HostKey]:
    return [entry.key for entry in parse_known_hosts(text, "known_hosts").keys_of(name)]


# --- The file


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ("web1", "web1"),
        ("web1,10.0.0.5", "10.0.0.5"),
        ("Web1.Example.COM", "web1.example.com"),
        ("web1", "WEB1"),
        ("[web1]:2222", "[web1]:2222"),
        ("*.example.com", "web1.example.com"),
        ("web?", "web1"),
        ("*,!db1", "web1"),
        ("fe80::1", "fe80::1"),
    ],
)
def test_a_name_is_found_as_openssh_finds_it(names: str, name: str) -> None:
    assert known(f"{names} ssh-ed25519 {ENCODED} a comment\n", name) == [ED25519]


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ("web1", "web2"),
        ("web1", "web1.example.com"),
        ("web.1", "webx1"),
        ("[web1]:2222", "web1"),
        ("[web1]:2222", "e"),
        ("*,!web1", "web1"),
        ("web?", "web10"),
        ("|1|not|base64!", "web1"),
        ("|2|AAAA|AAAA", "web1"),
    ],
)
def test_another_name_is_not_found(names: str, name: str) -> None:
    assert known(f"{names} ssh-ed25519 {ENCODED}\n", name) == []


@pytest.mark.parametrize("name", ["web1", "[web1]:2222", "10.0.0.5"])
def test_hashed_names_are_found(tmp_path: Path, name: str) -> None:
    file, key = tmp_path / "known_hosts", new_key(tmp_path / "key")
    file.write_text(f"{name} {' '.join((tmp_path / 'key.pub').read_text().split()[:2])}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert file.read_text().startswith("|1|")
    assert [found.fingerprint for found in known(file.read_text(), name)] == [fingerprint(key)]
    assert known(file.read_text(), "other") == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"@unheard-of web1 ssh-ed25519 {ENCODED}", "the marker '@unheard-of' is unknown"),
        ("web1 ssh-ed25519", "it is not 'names key-type key'"),
        ("web1 ssh-ed25519 @@@@", "its key is not base64"),
        (f"web1 ssh-rsa {ENCODED}", "its key is no 'ssh-rsa'"),
        ("web1 2048 65537 1234567890", "its key is not base64"),
        ("web1 ssh-ed25519 AAAA", "its key is no 'ssh-ed25519'"),
    ],
)
def test_a_line_that_cannot_be_used_is_noted_and_spoils_nothing(line: str, why: str) -> None:
    file = parse_known_hosts(f"# comment\n\n{line}\nweb1 ssh-ed25519 {ENCODED}\n", "/etc/known")
    assert [entry.line for entry in file.keys_of("web1")] == [4]
    (note,) = file.notes
    assert note.startswith("Line 3 of '/etc/known' was skipped: ")
    assert why in note


@given(text=st.text(), name=st.text())
def test_any_text_can_be_read(text: str, name: str) -> None:
    file = parse_known_hosts(f"{text}\n\nweb1 ssh-ed25519 {ENCODED}\n", "known_hosts")
    assert ED25519 in [entry.key for entry in file.keys_of("web1")]
    file.keys_of(name)


@given(pattern=st.text("ab*?.[", max_size=8), name=st.text("ab.[", max_size=8))
def test_only_star_and_question_mark_are_special_in_a_pattern(pattern: str, name: str) -> None:
    as_expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    matches = bool(pattern) and re.fullmatch(as_expression, name) is not None
    assert (known(f"never?,{pattern} ssh-ed25519 {ENCODED}\n", name) != []) == matches


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    file = tmp_path / "known"
    file.write_text(f"web1 ssh-ed25519 {ENCODED}\n", encoding="utf-8-sig")
    assert [entry.key for entry in read_known_hosts(file).keys_of("web1")] == [ED25519]


def test_a_file_in_utf_16_is_told(tmp_path: Path) -> None:
    file = tmp_path / "known"
    file.write_text(f"web1 ssh-ed25519 {ENCODED}\n", encoding="utf-16")
    with pytest.raises(OSError, match="it is UTF-16, as PowerShell writes it; save it as UTF-8"):
        read_known_hosts(file)


def test_a_file_without_end_is_read_in_part_and_refused() -> None:
    with pytest.raises(OSError, match="it has more than 64 MiB"):
        read_known_hosts(Path("/dev/zero"))


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is no file"):
        read_known_hosts(tmp_path / "pipe")


def test_the_null_device_means_no_known_hosts() -> None:
    assert read_known_hosts(Path("/dev/null")).keys_of("web1") == ()


def test_a_long_line_is_skipped_and_the_rest_is_read() -> None:
    file = parse_known_hosts(f"{'a,' * MAX_LINE_CHARS}b ssh-ed25519 {ENCODED}\nweb1 ssh-ed25519 {ENCODED}\n", "known")
    assert [entry.line for entry in file.keys_of("web1")] == [2]
    assert file.keys_of("a") == ()
    assert file.notes == [f"Line 1 of 'known' was skipped: it has more than {MAX_LINE_CHARS} characters."]


def test_a_file_of_rubbish_does_not_fill_the_screen() -> None:
    file = parse_known_hosts("rubbish\n" * 1000, "known")
    assert len(file.notes) == 21
    assert file.notes[-1] == "980 more lines of 'known' were skipped."


def test_a_file_is_read_once_and_again_only_when_somebody_mended_it(tmp_path: Path) -> None:
    files, file = KnownHostsFiles(), tmp_path / "known"
    assert files.read(file).keys_of("web1") == ()
    file.write_text(f"web1 ssh-ed25519 {ENCODED}\n")
    for _ in range(50):
        assert [entry.key for entry in files.read(file).keys_of("web1")] == [ED25519]
    assert files.reads == 2  # one of them found no file


# --- The host


def many_lines(how_many: int, *, hashed: bool) -> str:
    """Entries of other hosts, each with a key of its own."""
    beginning = ED25519.blob[:19] + b"\0\0\0\x20"

    def name(number: int) -> str:
        if not hashed:
            return f"host{number}.example.com"
        salt = os.urandom(20)
        digest = hmac.digest(salt, f"host{number}.example.com".encode(), "sha1")
        return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"

    keys = (base64.b64encode(beginning + os.urandom(32)).decode() for _ in range(how_many))
    return "".join(f"{name(number)} ssh-ed25519 {key}\n" for number, key in enumerate(keys))


@pytest.mark.ssh
@pytest.mark.parametrize("hashed", [False, True])
def test_a_host_behind_a_hundred_thousand_lines_is_reached(a_host: Sshd, tmp_path: Path, hashed: bool) -> None:
    file = tmp_path / "known"
    file.write_text(a_host.known_hosts_line)
    if hashed:
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    file.write_text(many_lines(100_000, hashed=hashed) + file.read_text())
    for _ in range(3):
        connections = to(a_host, known_hosts=file, connect_timeout_s=30)
        assert run(connections, "echo in").stdout == b"in\n"
        connections.close()


@pytest.mark.ssh
def test_a_host_is_asked_for_the_type_on_file_also_where_names_are_hashed_and_many(
    new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    rsa = new_key(tmp_path / "rsa", kind="rsa")
    host, file = new_host(options=[f"HostKey {rsa}"]), tmp_path / "known"
    public = (tmp_path / "rsa.pub").read_text().split()
    file.write_text(f"[127.0.0.1]:{host.port} {public[0]} {public[1]}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    file.write_text(many_lines(3000, hashed=True) + file.read_text())
    connections = to(host, known_hosts=file, connect_timeout_s=30)
    assert run(connections, "echo in").stdout == b"in\n"
    connections.close()


@pytest.mark.ssh
def test_a_changed_key_is_refused_also_where_names_are_hashed_and_many(
    new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    host, file = new_host(), tmp_path / "known"
    file.write_text(f"[127.0.0.1]:{host.port} ssh-ed25519 {ENCODED}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    file.write_text(many_lines(3000, hashed=True) + file.read_text())
    for policy in ("strict", "accept-new"):
        error = refusal(to(host, known_hosts=file, host_keys=policy, connect_timeout_s=30))
        assert (error.reason, "but line 3001 of" in str(error)) == ("host key changed", True)


def refusal(connections: Connections) -> TransportError:
    with pytest.raises(TransportError) as caught:
        connections.transport("web1")
    connections.close()
    return caught.value


@pytest.mark.ssh
def test_an_unknown_host_is_not_asked_and_the_line_to_type_is_told(a_host: Sshd, tmp_path: Path) -> None:
    file = tmp_path / "known hosts"
    error = refusal(to(a_host, known_hosts=file))
    assert error.reason == "unknown host key"
    assert f"shows the key ssh-ed25519 {a_host.fingerprint}, which is not in '{file}'" in str(error)
    line = f"ssh-keyscan -p {a_host.port} -t ed25519 127.0.0.1 >> '{file}'"
    assert str(error).endswith(f"type: {line}")
    subprocess.run(["sh", "-c", line], check=True, capture_output=True)
    connections = to(a_host, known_hosts=file)
    assert run(connections, "echo in").stdout == b"in\n"
    connections.close()


@pytest.mark.ssh
def test_a_changed_key_is_refused_with_both_fingerprints(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    host, file = new_host(), tmp_path / "known"
    file.write_text("# by hand\n" + host.known_hosts_line)
    before = host.fingerprint
    host.new_host_key()
    host.restart()
    error = refusal(to(host, known_hosts=file))
    assert error.reason == "host key changed"
    assert f"shows the key ssh-ed25519 {host.fingerprint}, but line 2 of '{file}' has ssh-ed25519 {before}" in str(
        error
    )
    assert f"ssh-keygen -f {file} -R '[127.0.0.1]:{host.port}'" in str(error)


@pytest.mark.ssh
def test_a_revoked_key_is_refused(a_host: Sshd, tmp_path: Path) -> None:
    file = tmp_path / "known"
    file.write_text(f"{a_host.known_hosts_line}@revoked {a_host.known_hosts_line}")
    error = refusal(to(a_host, known_hosts=file))
    assert (error.reason, "marks as revoked" in str(error)) == ("host key changed", True)


@pytest.mark.ssh
def test_lines_that_cannot_be_read_do_not_spoil_the_file_and_are_told(a_host: Sshd, tmp_path: Path) -> None:
    file = tmp_path / "known"
    file.write_bytes(f"@unheard-of * ssh-ed25519 {ENCODED}\nrubb".encode() + b"\xffsh\n")
    with file.open("a") as good:
        good.write(a_host.known_hosts_line)
    connections = to(a_host, known_hosts=file)
    assert run(connections, "echo in").stdout == b"in\n"
    assert [note.split(" was")[0] for note in connections.notes] == [f"Line 1 of '{file}'", f"Line 2 of '{file}'"]
    connections.close()


@pytest.mark.ssh
def test_a_known_hosts_file_that_may_not_be_read_is_told(a_host: Sshd, tmp_path: Path) -> None:
    error = refusal(to(a_host, known_hosts=tmp_path))  # a directory: nobody can read it as a file, not even root
    assert (error.reason, "cannot be read" in str(error)) == ("unknown host key", True)


@pytest.mark.ssh
def test_a_key_of_the_plain_name_counts_for_another_port_but_does_not_speak_against_it(
    a_host: Sshd, tmp_path: Path
) -> None:
    file = tmp_path / "known"
    file.write_text(a_host.known_hosts_line.replace(f"[127.0.0.1]:{a_host.port}", "127.0.0.1"))
    connections = to(a_host, known_hosts=file)
    assert run(connections, "echo in").stdout == b"in\n"
    connections.close()
    file.write_text(f"127.0.0.1 ssh-ed25519 {ENCODED}\n")
    assert refusal(to(a_host, known_hosts=file)).reason == "unknown host key"


@pytest.mark.ssh
def test_a_host_is_asked_for_the_type_of_key_that_is_on_file(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    rsa = new_key(tmp_path / "rsa", kind="rsa")
    host, file = new_host(options=[f"HostKey {rsa}"]), tmp_path / "known"
    public = (tmp_path / "rsa.pub").read_text().split()
    file.write_text(f"[127.0.0.1]:{host.port} {public[0]} {public[1]}\n")
    connections = to(host, known_hosts=file)
    assert run(connections, "echo in").stdout == b"in\n"
    connections.close()


@pytest.mark.ssh
def test_accept_new_remembers_the_first_key_for_the_run(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    host = new_host()
    before = host.fingerprint
    connections = to(host, known_hosts=tmp_path / "none", host_keys="accept-new")
    assert run(connections, "echo in").stdout == b"in\n"
    host.restart()
    assert run(connections, "echo in").stdout == b"in\n"
    host.new_host_key()
    host.restart()
    error = refusal(connections)
    assert error.reason == "host key changed"
    assert f"shows the key ssh-ed25519 {host.fingerprint}, but showed ssh-ed25519 {before} earlier" in str(error)
    assert not (tmp_path / "none").exists()


@pytest.mark.ssh
def test_accept_new_still_refuses_a_key_that_differs_from_the_file(
    new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    host, file = new_host(), tmp_path / "known"
    file.write_text(f"[127.0.0.1]:{host.port} ssh-ed25519 {ENCODED}\n")
    assert refusal(to(host, known_hosts=file, host_keys="accept-new")).reason == "host key changed"


@pytest.mark.ssh
def test_a_pinned_fingerprint_stands_instead_of_the_file(a_host: Sshd, tmp_path: Path) -> None:
    connections = to(a_host, known_hosts=tmp_path / "none", host_key=a_host.fingerprint)
    assert run(connections, "echo in").stdout == b"in\n"
    connections.close()
    error = refusal(to(a_host, host_key=ED25519.fingerprint))
    assert error.reason == "host key changed"
    assert a_host.fingerprint in str(error)
    assert f"pins {ED25519.fingerprint}" in str(error)
