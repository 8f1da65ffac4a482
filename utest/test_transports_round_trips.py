"""What a login need not wait for: a server is told sooner who we are, and two wishes of a login go together."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import paramiko
import pytest
from patience import PATIENCE_S, wait_until
from sshd import Sshd, new_key

from FailTaleLibrary.transports.ssh_bounds import BoundedTransport

pytestmark = pytest.mark.ssh

SERVICE_REQUEST, SERVICE_ACCEPT, LOGIN = 5, 6, 50
"""Numbers of messages; RFC 4250, section 4.1.2."""
_TOO_LATE_S = 3.0

GREETED = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
class Loading:
    def find_spec(self, name, path=None, target=None):
        if name == "paramiko":
            sys.meta_path.remove(self)
            client = listener.accept()[0]
            client.settimeout(60)
            print(client.recv(100))
            client.close()
sys.meta_path.insert(0, Loading())
from FailTaleLibrary.config import Config
from FailTaleLibrary.transports import Connections
config = Config.model_validate({
    "ssh": {"config": "none", "user": "nobody", "port": listener.getsockname()[1]},
    "components": {"any": {"collectors": [{"name": "a", "command": "true"}]}},
    "hosts": {"web1": {"component": "any", "address": "127.0.0.1"}},
})
try:
    Connections(config).transport("web1")
except Exception as error:
    print(error)
"""


def test_a_server_is_told_who_we_are_before_what_speaks_with_it_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", GREETED], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[:1] == [repr(b"SSH-2.0-FailTale\r\n")], done.stderr


class Listening(BoundedTransport):
    """Notes what is sent and what comes; the answer to the first wish is read only once the second has been sent."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self.order: list[tuple[str, int]] = []
        self._both_sent = threading.Event()
        self._read_message = self.packetizer.read_message
        self.packetizer.read_message = self._noted  # type: ignore[method-assign]

    def _noted(self) -> tuple[int, paramiko.Message]:
        kind, message = self._read_message()
        if kind == SERVICE_ACCEPT:
            self._both_sent.wait(_TOO_LATE_S)
        self.order.append(("came", kind))
        return kind, message

    def _send_message(self, data: Any) -> None:
        super()._send_message(data)  # type: ignore[misc]
        self.order.append(("sent", data.asbytes()[0]))
        if data.asbytes()[0] == LOGIN:
            self._both_sent.set()


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_the_wish_to_log_in_does_not_wait_for_leave_to_have_it(new_host: Callable[..., Sshd], kind: str) -> None:
    host = new_host()
    if kind == "rsa":
        key: paramiko.PKey = paramiko.RSAKey.generate(2048)
        (host.directory / "rsa.pub").write_text(f"{key.get_name()} {key.get_base64()} key\n")
        host.authorize(host.directory / "rsa")
    else:
        key = paramiko.Ed25519Key.from_private_key_file(str(host.key))
    with socket.create_connection((host.address, host.port), PATIENCE_S) as connection:
        transport = Listening(connection)
        transport.start_client(timeout=PATIENCE_S)
        # Which algorithms of RSA a server takes it tells behind its keys.
        assert wait_until(lambda: bool(kind != "rsa" or transport.server_extensions))  # type: ignore[attr-defined]
        assert transport.auth_publickey(host.user, key) == []
        transport.close()
    assert transport.order.index(("sent", LOGIN)) < transport.order.index(("came", SERVICE_ACCEPT))
    assert transport.order.count(("sent", LOGIN)) == 1


def test_leave_to_log_in_is_asked_for_once_however_many_keys_there_are(new_host: Callable[..., Sshd]) -> None:
    """asyncssh (2.24) ends a connection at the second such wish, ahead of the key that is right."""
    host = new_host()
    wrong = paramiko.Ed25519Key.from_private_key_file(str(new_key(host.directory / "wrong")))
    with socket.create_connection((host.address, host.port), PATIENCE_S) as connection:
        transport = Listening(connection)
        transport.start_client(timeout=PATIENCE_S)
        for _ in range(2):
            with pytest.raises(paramiko.AuthenticationException):
                transport.auth_publickey(host.user, wrong)
        with pytest.raises(paramiko.BadAuthenticationType):
            transport.auth_password(host.user, "not it", fallback=False)
        assert transport.auth_publickey(host.user, paramiko.Ed25519Key.from_private_key_file(str(host.key))) == []
        transport.close()
    assert transport.order.count(("sent", SERVICE_REQUEST)) == 1
    assert transport.order.count(("sent", LOGIN)) == 4
