"""A host and what is known of it -> an authenticated connection; every way to fail has its own plain sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from FailTaleLibrary.config import SshSettings
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.transports.host_keys import HostKey

if TYPE_CHECKING:
    import paramiko
import contextlib
import getpass
import logging
import random
import socket
import threading
import time

from FailTaleLibrary.background import call_within
from FailTaleLibrary.transports.host_keys import OtherKeyWantedError, Trust

# --- How SSH is configured for a host -> the keys to offer it, in order

MAX_OFFERS = 5
_DEFAULT_FILES = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")


@dataclass(frozen=True, slots=True)
class Identity:
    """A key to offer, and how to call it."""

    key: paramiko.PKey
    origin: str

    def __str__(self) -> str:
        return f"{self.origin} ({HostKey(self.key.get_name(), self.key.asbytes())})"


@dataclass(slots=True)
class Identities:
    """The keys to offer a host; iterating loads one after the other."""

    ssh: SshSettings
    skipped: list[str] = field(default_factory=list)
    """Default key files that could not be used, and why; known after iterating."""

    def __iter__(self) -> Iterator[Identity]:
        """Raises TransportError when the configured key cannot be used."""
        return islice(self._all(), MAX_OFFERS)

    def _all(self) -> Iterator[Identity]:
        if self.ssh.key is not None:
            yield self._configured(self.ssh.key)
            return
        offered = set()
        for identity in self._of_agent_and_files():
            if identity.key.asbytes() not in offered:
                offered.add(identity.key.asbytes())
                yield identity

    def _configured(self, path: Path) -> Identity:
        secret = self.ssh.key_passphrase
        try:
            return Identity(_load(path, secret.get_secret_value().encode() if secret else None), f"'{path}'")
        except _UnusableError as error:
            raise TransportError("failed", f"The key '{path}' cannot be used: {error}") from error

    def _of_agent_and_files(self) -> Iterator[Identity]:
        yield from _of_agent()
        for path in map(Path, _DEFAULT_FILES):
            try:
                if path.expanduser().exists():
                    yield Identity(_load(path.expanduser(), None), f"'{path}'")
            except (_UnusableError, RuntimeError) as error:  # RuntimeError: this user has no home directory
                self.skipped.append(f"'{path}' was not offered: {error}")


class _UnusableError(Exception):
    """A key file that cannot be used; the message says why."""


def _of_agent() -> Iterator[Identity]:
    import paramiko  # heavy, and not wanted by a run that touches no host

    try:
        agent = paramiko.Agent()
    except (paramiko.SSHException, OSError):  # its socket is there, but nobody answers
        return
    try:
        for key in agent.get_keys():
            yield Identity(key, "the agent's key")
    finally:
        agent.close()


def _load(path: Path, passphrase: bytes | None) -> paramiko.PKey:
    """The key in a file, with the certificate that lies beside it as ``…-cert.pub``."""
    import paramiko
    from paramiko.pkey import UnknownKeyType

    try:
        return paramiko.PKey.from_path(path, passphrase)  # type: ignore[arg-type]  # its loader wants bytes
    except OSError as error:
        raise _UnusableError(f"it cannot be read ({error.strerror}).") from error
    except (TypeError, paramiko.PasswordRequiredException) as error:
        raise _UnusableError("it is encrypted; set 'key_passphrase', or load it into an agent.") from error
    except (ValueError, paramiko.SSHException) as error:
        wrong = "its passphrase is wrong" if passphrase else "it is no private key"
        # paramiko 5.1 takes the end of an ecdsa key without a comment for padding
        raise _UnusableError(
            f"{wrong}, it is damaged, or it has no comment (then run: ssh-keygen -c -C comment -f KEY)."
        ) from error
    except UnknownKeyType as error:
        raise _UnusableError("it is of a type that FailTale does not know; use ed25519, ecdsa or rsa.") from error


# --- A host and what is known of it -> an authenticated connection; every way to fail has its own plain senten

PARAMIKO_LOG = "FailTaleLibrary.transports.paramiko"
"""What paramiko has to say about our connections. It does not propagate: a dead host is no news for a user's log."""
_PAUSES_S = (0.2, 0.6)
"""Before trying a server again that hung up before its banner, because too many came at once."""

_log = logging.getLogger(PARAMIKO_LOG)
_log.propagate = False
_log.addHandler(logging.NullHandler())


def log_in(trust: Trust) -> paramiko.Transport:
    """A connection to the host that `trust` is about, logged in, within the connect time limit.

    Raises TransportError. A refused authentication is final; only a server that hangs up before its banner is tried
    again.
    """
    limit_s = trust.ssh.connect_timeout_s
    attempt = _Login(trust, time.monotonic() + limit_s)
    try:
        return call_within(
            limit_s + 0.5, attempt.run, name=f"failtale-login-{trust.host}", discard=lambda transport: transport.close()
        )
    except TimeoutError:
        attempt.abandon()
        raise TransportError("no answer", attempt.sentence(f"could not be reached within {limit_s:g} s")) from None


class _HungUpError(TransportError):
    """The server closed the connection before it said who it is."""


@dataclass(slots=True)
class _Login:
    trust: Trust
    deadline: float
    _transport: paramiko.Transport | None = None

    def run(self) -> paramiko.Transport:
        for pause_s in _PAUSES_S:
            try:
                return self._try()
            except _HungUpError:
                pause_s *= random.uniform(0.5, 1.5)  # noqa: S311 - so that many clients do not come back at once
                if self._left() <= pause_s:
                    raise
                time.sleep(pause_s)
        return self._try()

    def abandon(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def sentence(self, what: str) -> str:
        return f"Host '{self.trust.host}' ({self.trust.address} port {self.trust.ssh.port}) {what}."

    def _try(self) -> paramiko.Transport:
        try:
            return self._logged_in()
        except OtherKeyWantedError:
            return self._logged_in()

    def _logged_in(self) -> paramiko.Transport:
        connection = self._connect()
        try:
            self._transport = transport = self._prepared(connection)
        except BaseException:
            connection.close()
            raise
        try:
            self._shake_hands(transport)
            key = transport.get_remote_server_key()
            self.trust.check(HostKey(key.get_name(), key.asbytes()))
            self._authenticate(transport)
        except BaseException:
            transport.close()
            raise
        return transport

    def _left(self) -> float:
        return max(0.01, self.deadline - time.monotonic())

    # --- TCP

    def _connect(self) -> socket.socket:
        ssh = self.trust.ssh
        try:
            places = socket.getaddrinfo(self.trust.address, ssh.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that cannot be one
            raise TransportError("unreachable", self.sentence("has a name that cannot be resolved")) from error
        for number, (family, kind, protocol, _, place) in enumerate(places, 1):
            connection = socket.socket(family, kind, protocol)
            connection.settimeout(self._left() / (len(places) - number + 1))  # the next address gets its turn too
            try:
                connection.connect(place)
            except OSError as error:
                connection.close()
                if number == len(places):
                    raise self._not_connected(error) from error
                continue
            _tune(connection)
            return connection
        raise TransportError("unreachable", self.sentence("has no address"))

    def _not_connected(self, error: OSError) -> TransportError:
        if isinstance(error, ConnectionRefusedError):
            return TransportError("refused", self.sentence("refuses connections: no SSH server listens there"))
        if isinstance(error, TimeoutError):
            limit_s = self.trust.ssh.connect_timeout_s
            return TransportError("unreachable", self.sentence(f"did not answer within {limit_s:g} s"))
        return TransportError("unreachable", self.sentence(f"cannot be reached: {error.strerror or error}"))

    # --- SSH

    def _prepared(self, connection: socket.socket) -> paramiko.Transport:
        import paramiko  # heavy, and not wanted by a run that touches no host

        transport = paramiko.Transport(connection)
        transport.set_log_channel(PARAMIKO_LOG)
        transport.clear_to_send_timeout = self.trust.ssh.connect_timeout_s
        # We are the ones who keep the time: a failure then has one place where it gets its words.
        transport.banner_timeout = transport.handshake_timeout = self._left() + 1
        options = transport.get_security_options()
        options.digests = tuple(name for name in options.digests if "md5" not in name)  # FIPS machines raise on it
        options.ciphers = tuple(sorted(options.ciphers, key=lambda name: "gcm" not in name))  # 3 times as fast
        wanted = {algorithm for kind in self.trust.wanted_types() for algorithm in _algorithms(kind)}
        options.key_types = tuple(sorted(options.key_types, key=lambda name: name not in wanted))
        return transport

    def _shake_hands(self, transport: paramiko.Transport) -> None:
        done = threading.Event()
        transport.start_client(event=done)
        in_time = done.wait(self._left())
        if not in_time:
            silent = "finished no handshake" if transport.remote_version else "sent no SSH banner"
            limit_s = self.trust.ssh.connect_timeout_s
            raise TransportError("no answer", self.sentence(f"accepts connections, but {silent} within {limit_s:g} s"))
        if not transport.is_active():
            raise self._no_handshake(transport.get_exception())

    def _no_handshake(self, error: Exception | None) -> TransportError:
        from paramiko import SSHException

        if not isinstance(error, SSHException):
            return TransportError("connection lost", self.sentence("closed the connection during the handshake"))
        if "protocol banner" in str(error):
            return _HungUpError(
                "no answer",
                self.sentence(
                    "closes connections before it says who it is: it has too many at once (MaxStartups), punishes "
                    "failed logins, or is no SSH server"
                ),
            )
        return TransportError("failed", self.sentence(f"does not speak SSH with FailTale: {error}"))

    # --- Authentication

    def _authenticate(self, transport: paramiko.Transport) -> None:
        user = self.trust.ssh.user or getpass.getuser()
        identities = Identities(self.trust.ssh)
        offered: list[str] = []
        for identity in identities:
            if not transport.is_active():
                break  # it hung up after too many keys
            offered.append(str(identity))
            if self._accepts(transport, user, identity.key, first=len(offered) == 1):
                return
        raise self._refused(user, offered, identities.skipped)

    def _accepts(self, transport: paramiko.Transport, user: str, key: paramiko.PKey, *, first: bool) -> bool:
        """Whether the host lets in who holds a key; raises when it said neither yes nor no."""
        import paramiko

        transport.auth_timeout = self._left()
        try:
            still_wanted = transport.auth_publickey(user, key)
        except paramiko.BadAuthenticationType as error:
            raise self._wants_more(user, error.allowed_types) from error
        except paramiko.AuthenticationException as error:
            if transport.is_active() and "timeout" in str(error):
                said = f"did not answer the login within {self.trust.ssh.connect_timeout_s:g} s"
                raise TransportError("no answer", self.sentence(said)) from error
            if not transport.is_active() and first:
                raise TransportError("connection lost", self.sentence("hung up during the login")) from error
            return False
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise TransportError("connection lost", self.sentence(f"broke off the login: {error}")) from error
        if still_wanted:
            raise self._wants_more(user, still_wanted)
        return True

    def _wants_more(self, user: str, wanted: list[str]) -> TransportError:
        ways = " or ".join(wanted)
        return TransportError(
            "authentication refused",
            self.sentence(f"lets user '{user}' in by {ways} only; FailTale needs a login by key alone"),
        )

    def _refused(self, user: str, offered: list[str], skipped: list[str]) -> TransportError:
        if offered:
            what = f"refused the login of user '{user}' with {', '.join(offered)}"
            check = f"Is the key in {user}'s authorized_keys there, and is the account not locked?"
        else:
            what = f"was not asked: there is no key to offer for user '{user}'"
            check = "Set 'ssh.key', or load a key into an agent."
        return TransportError("authentication refused", " ".join([self.sentence(what), check, *skipped]))


def _tune(connection: socket.socket) -> None:
    """Short questions at once (paramiko leaves Nagle's algorithm on, which costs 40 ms each), and signs of life."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    with contextlib.suppress(AttributeError, OSError):  # Linux only
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)


def _algorithms(key_type: str) -> tuple[str, ...]:
    """The names under which a handshake asks for a type of key."""
    return ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa") if key_type == "ssh-rsa" else (key_type,)
