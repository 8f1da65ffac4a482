"""Who may call over HTTP: tokens, bindings, and what a command line says about them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.mcp_server.access import TokenGuard, check_binding, hosts_for, origins_for, token_from


def test_the_first_start_makes_a_long_token_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "new" / "token"
    token = token_from(path)
    assert len(token) >= 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert token_from(path) == token
    assert token_from(tmp_path / "other") != token


@pytest.mark.parametrize("text", ["", "change-me", "x" * 31, "two words " * 10, "ü" * 40, "a" * 40 + "\nb"])
def test_a_weak_or_broken_token_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="at least 32"):
        token_from(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_token_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token"
    token_from(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        token_from(path)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "gateway.example.org", ""])
def test_a_port_open_to_the_network_needs_named_hosts(host: str) -> None:
    with pytest.raises(ConfigError, match="TLS"):
        check_binding(host, [])
    check_binding(host, ["gateway.example.org:5050"])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.2"])
def test_loopback_needs_no_named_hosts(host: str) -> None:
    check_binding(host, [])


@pytest.mark.parametrize("value", ["*", "gateway:*", "*.example.org", " "])
def test_patterns_are_no_hosts_and_no_origins(value: str) -> None:
    with pytest.raises(ConfigError, match="exactly"):
        hosts_for(5050, [value])
    with pytest.raises(ConfigError, match="exactly"):
        origins_for(5050, [value])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"authorization", b"Bearer TOKEN")], 200),
        ([(b"authorization", b"bearer TOKEN")], 200),
        ([], 401),
        ([(b"authorization", b"Bearer TOKE")], 401),
        ([(b"authorization", b"Bearer TOKENTOKEN")], 401),
        ([(b"authorization", b"Basic TOKEN")], 401),
        ([(b"authorization", b"TOKEN")], 401),
        ([(b"authorization", b"Bearer \xff\xfe")], 401),
        ([(b"authorization", b"Bearer TOKEN"), (b"authorization", b"Bearer x")], 401),
    ],
)
def test_only_the_token_opens_the_door(headers: list[tuple[bytes, bytes]], status: int) -> None:
    told: list[int] = []

    async def application(scope: object, receive: object, send: object) -> None:
        told.append(200)

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            told.append(int(str(message["status"])))

    async def receive() -> dict[str, object]:
        raise AssertionError("a stranger's body is not read")

    scope = {"type": "http", "headers": headers}
    coroutine = TokenGuard(application, "TOKEN")(scope, receive, send)  # type: ignore[arg-type]
    with pytest.raises(StopIteration):
        coroutine.send(None)  # type: ignore[attr-defined]  # nothing in it waits
    assert told == [status]
