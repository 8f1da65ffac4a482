"""A host and what is known of it -> an authenticated connection; every way to fail has its own plain sentence."""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Any, cast

from FailTaleLibrary.background import call_within
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.log import PARAMIKO, made_safe
from FailTaleLibrary.text import decode, one_line, sanitize, shorten
from FailTaleLibrary.transports.host_certificates import SUFFIX
from FailTaleLibrary.transports.host_keys import OtherKeyWantedError, Trust, UnknownHostKeyError
from FailTaleLibrary.transports.identities import Identities, Identity
from FailTaleLibrary.transports.jump_hosts import BusyJumpHostError, JumpHost, Place, behind, ends_at_once
from FailTaleLibrary.transports.known_hosts import HostKey
from FailTaleLibrary.transports.paramiko_import import load_paramiko
from FailTaleLibrary.transports.reach import Reach

if TYPE_CHECKING:
    import paramiko

    from FailTaleLibrary.transports.proxy_command import ProxyConnection
    from FailTaleLibrary.transports.ssh_bounds import BoundedTransport, Stream

_PAUSES_S = (0.2, 0.6)
"""Before trying a server again that hung up before its banner, because too many came at once."""

_VERSION = "SSH-2.0-FailTale"
"""What servers are told of us, and may write into their logs."""
_LINES_BEFORE_VERSION = 100
"""As many as paramiko reads."""
_NO_VERSION = "Indecipherable protocol version"
"""What paramiko (5.1) says behind the last one of those lines."""
_LINE_SHOWN = 80
"""Characters of it."""
_MAX_PACKET_BYTES = 35_000
"""Of the SSH protocol, RFC 4253."""
_OFFERS_SHOWN = 1000
"""Characters of what a server offers; an sshd of today has 500."""
_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
"""`AddressFamily` of ssh's configuration."""
_ITS_PASSWORD = "its password"  # noqa: S105 - as a sentence calls it
_IS_IT_RIGHT = "Is it the right one, and is the account not locked?"
_AGREED_ON = {
    "kex": ("key exchange", "KexAlgorithms", "kex"),
    "host key": ("type of host key", "HostKeyAlgorithms", "key_types"),
    "ciphers": ("cipher", "Ciphers", "ciphers"),
    "macs": ("message authentication code", "MACs", "digests"),
    "compression": ("kind of compression", "Compression", "compression"),
}
"""What paramiko says is missing -> its name, the server's setting for it, and paramiko's list of its own."""


class NoServerError(TransportError):
    """Each address of the host answered at once that nobody listens there."""


class _HungUpError(TransportError):
    """The server closed the connection before it said who it is."""


class _CutShortError(TransportError):
    """The connection broke between the server's banner and the end of the key exchange: nobody was logged in."""


class _NoKeysTakenError(Exception):
    """The server takes no key of this user."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__()
        self.allowed = allowed


class _Asked:
    """Answers a server's first question, where it is one that hides what is typed, with the password; no other."""

    def __init__(self, password: str) -> None:
        self.others: list[str] = []
        """The questions that were not answered."""
        self._password: str | None = password

    def __call__(self, title: str, instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        if len(prompts) == 1 and not prompts[0][1] and self._password is not None:
            password, self._password = self._password, None
            return [password]
        self.others += [text for text, _ in prompts]
        return ["" for _ in prompts]


class _LastWords(logging.Filter):
    """What a server says as it hangs up, which paramiko tells its log only.

    They become part of an error's sentence, which is redacted where it is told. The log may withhold them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def listen(self, log: logging.Logger) -> None:
        """To this log alone: an earlier login's filter has nothing to do any more."""
        made_safe(log).setLevel(logging.INFO)
        log.filters = [self, *(each for each in log.filters if not isinstance(each, _LastWords))]

    def filter(self, record: logging.LogRecord) -> bool:
        code, colon, words = record.getMessage().partition("): ")
        if colon and code.startswith("Disconnect (code"):
            self.text = _in_short(words)
        return True


@dataclass(slots=True)
class Login:
    """One attempt to log in to the host that `trust` is about; it may be abandoned from another thread."""

    trust: Trust
    through: JumpHost | None = None
    """The jump host, where there is one."""
    deadline: float = 0.0
    last_words: _LastWords = field(default_factory=_LastWords)
    _place: Place | None = None
    _transport: BoundedTransport | None = None
    _socket: socket.socket | None = None
    """The one that is being connected."""
    _abandoned: threading.Event = field(default_factory=threading.Event)
    _negotiated: threading.Event = field(default_factory=threading.Event)
    """Set at the end of a handshake, however it ends. paramiko sets it but where the connection was closed by us."""

    def connection(self) -> BoundedTransport:
        """A connection, logged in, within the connect time limit.

        Raises TransportError. A refused authentication is final; only a server that hangs up ahead of one is tried
        again.
        """
        if self.through is not None:
            self._place = self._place_through(self.through)
        try:
            return self._connection_in_time()
        except BaseException as error:
            if self._place is not None:
                self._place.leave()
            if isinstance(error, TransportError):
                raise self._with_what_is_not_followed(error) from error
            raise

    @property
    def reach(self) -> Reach:
        return self.trust.reach

    def _with_what_is_not_followed(self, error: TransportError) -> TransportError:
        """The error, with what ssh would have gone by in such a case; a new host key's ends with a line to type."""
        notes = [each.sentence for each in self.reach.not_followed if error.reason in each.reasons]
        if not notes:
            return error
        said = " ".join([*notes, str(error)] if error.reason == "unknown host key" else [str(error), *notes])
        if isinstance(error, UnknownHostKeyError):
            return UnknownHostKeyError(said, key=error.key, name=error.name, file=error.file)
        return type(error)(error.reason, said)

    def _place_through(self, jump: JumpHost) -> Place:
        """Waiting for it, and for the jump host's own login, takes nothing of the host's time."""
        try:
            place = jump.place(self._abandoned)
        except BusyJumpHostError as error:
            raise BusyJumpHostError(error.reason, self.sentence(str(error))) from error
        except TransportError as error:
            raise TransportError(error.reason, self.sentence(str(error))) from error
        try:
            jump.connected()
        except TransportError as error:
            place.leave()
            raise behind(error, self.reach, jump.trust.reach) from error
        return place

    def _connection_in_time(self) -> BoundedTransport:
        limit_s = self.reach.ssh.connect_timeout_s
        self.deadline = time.monotonic() + limit_s
        name = f"failtale-login-{self.reach.host}"
        try:
            return call_within(limit_s + 0.5, self._run, name=name, discard=lambda transport: transport.close())
        except TimeoutError:
            self.abandon()
            raise TransportError("no answer", self.sentence(f"could not be reached within {limit_s:g} s")) from None

    def _run(self) -> BoundedTransport:
        pauses_s = list(_PAUSES_S)
        was_cut = False
        while True:
            try:
                return self._try()
            except _CutShortError:  # by a firewall, perhaps, or by a server that starts just now
                if was_cut or self._seconds_left() < self.reach.ssh.connect_timeout_s / 2:
                    raise
                was_cut = True
            except _HungUpError:
                import random  # 1 ms, and a server that hangs up is rare

                if not pauses_s:
                    raise
                # So that many clients do not come back at once.
                pause_s = pauses_s.pop(0) * random.uniform(0.5, 1.5)  # noqa: S311
                if self._seconds_left() <= pause_s:
                    raise
                self._abandoned.wait(pause_s)

    def abandon(self) -> None:
        """End it soon, wherever it is; only the look-up of a name goes on."""
        self._abandoned.set()
        if (connecting := self._socket) is not None:
            ends_at_once(connecting)
            with contextlib.suppress(OSError):  # it has just failed by itself
                connecting.shutdown(socket.SHUT_RDWR)
        if (transport := self._transport) is not None:
            transport.close()
        self._negotiated.set()

    def sentence(self, what: str) -> str:
        return f"{self.reach.called} ({self.reach.address} port {self.reach.port}) {what}."

    def _try(self) -> BoundedTransport:
        try:
            return self._logged_in()
        except OtherKeyWantedError:
            return self._logged_in()

    def _logged_in(self) -> BoundedTransport:
        connection = self._connect()
        try:
            self._refuse_abandoned()
            has_greeted = _greet(connection)
            self._transport = transport = self._prepared(connection)
            if has_greeted:
                transport.has_greeted(_VERSION)
            self._refuse_abandoned()
        except BaseException:
            connection.close()
            raise
        try:
            self._shake_hands(transport)
            key = transport.get_remote_server_key()
            self.trust.check(HostKey(key.get_name(), key.asbytes()), transport.shown_key)
            self._authenticate(transport)
            transport.packetizer.logged_in()
        except BaseException as error:
            if isinstance(error, TransportError) and error.reason == "no answer":
                ends_at_once(connection)
            transport.close()
            self._refuse_abandoned()  # what a closed connection looks like is not the host's doing
            if transport.violation:
                raise TransportError("connection lost", self.sentence(transport.violation)) from None
            raise
        return transport

    def _refuse_abandoned(self) -> None:
        if self._abandoned.is_set():
            raise TransportError("cancelled", self.sentence("is not connected to any more: the run has ended"))

    def _seconds_left(self) -> float:
        return max(0.01, self.deadline - time.monotonic())

    # --- The connection

    def _connect(self) -> Stream:
        if self._place is not None:
            try:
                return self._place.connect(self.reach.address, self.reach.port, within_s=self._seconds_left())
            except TransportError as error:
                raise TransportError(error.reason, self.sentence(str(error))) from error
        return self._by_proxy_command() if self.reach.proxy_command else self._by_tcp()

    def _by_proxy_command(self) -> ProxyConnection:
        from FailTaleLibrary.transports.proxy_command import ProxyConnection  # loads subprocess, 10 ms

        try:
            self._socket = connection = ProxyConnection.to(self.reach.proxy_command)
        except OSError as error:
            raise TransportError("failed", self.sentence(f"has a ProxyCommand that cannot be run: {error}")) from error
        return connection

    def _by_tcp(self) -> socket.socket:
        wanted = self.reach.address_family
        said = "has a name that cannot be resolved"
        if wanted != "any":
            said += f" (AddressFamily {wanted} of ssh's configuration)"
        try:
            places = socket.getaddrinfo(
                _address_as_bytes(self.reach.address), self.reach.port, _FAMILIES.get(wanted, 0), socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that cannot be one
            raise TransportError("unreachable", self.sentence(said)) from error
        refused = 0
        for number, (family, kind, protocol, _, place) in enumerate(places, 1):
            self._socket = connection = socket.socket(family, kind, protocol)
            self._refuse_abandoned()
            connection.settimeout(
                self._seconds_left() / (len(places) - number + 1)
            )  # the next address gets its turn too
            try:
                self._bind(connection)
                connection.connect(place)
            except OSError as error:
                connection.close()
                self._refuse_abandoned()
                refused += isinstance(error, ConnectionRefusedError)
                if number == len(places):
                    raise self._not_connected(error, all_refused=refused == number) from error
                continue
            _tune(connection)
            return connection
        raise TransportError("unreachable", self.sentence("has no address"))

    def _bind(self, connection: socket.socket) -> None:
        """Have it come from the address that ssh's configuration names."""
        address = self.reach.bind_address
        if not address:
            return
        try:
            connection.bind(socket.getaddrinfo(address, 0, connection.family, socket.SOCK_STREAM)[0][4])
        except OSError as error:
            raise OSError(
                error.errno, f"this machine has no address '{address}' for it (BindAddress of ssh's configuration)"
            ) from error

    def _not_connected(self, error: OSError, *, all_refused: bool) -> TransportError:
        if isinstance(error, ConnectionRefusedError):
            kind = NoServerError if all_refused else TransportError
            return kind("refused", self.sentence("refuses connections: no SSH server listens there"))
        if isinstance(error, TimeoutError):
            limit_s = self.reach.ssh.connect_timeout_s
            return TransportError("unreachable", self.sentence(f"did not respond within {limit_s:g} s"))
        return TransportError("unreachable", self.sentence(f"cannot be reached: {error.strerror or error}"))

    # --- SSH

    def _prepared(self, connection: Stream) -> BoundedTransport:
        load_paramiko()  # heavy, and not wanted by a run that touches no host
        from FailTaleLibrary.transports.ssh_bounds import BoundedTransport

        transport = BoundedTransport(connection)
        transport.set_log_channel(f"{PARAMIKO}.{self.reach.host}")
        self.last_words.listen(transport.logger)
        transport.clear_to_send_timeout = self.reach.ssh.connect_timeout_s
        # We are the ones who keep the time: a failure then has one place where it gets its words.
        transport.banner_timeout = transport.handshake_timeout = self._seconds_left() + 1
        options = transport.get_security_options()
        options.digests = tuple(name for name in options.digests if "md5" not in name)  # FIPS machines raise on it
        options.ciphers = tuple(sorted(options.ciphers, key=_rank_of_cipher))
        wanted = {algorithm for kind in self.trust.wanted_types() for algorithm in _algorithms(kind)}
        plain = sorted(options.key_types, key=lambda name: name not in wanted)
        certified = [name + SUFFIX for name in plain if name != "ssh-rsa"] if self.trust.wants_certificate else []
        options.key_types = (*certified, *plain)
        return transport

    def _shake_hands(self, transport: BoundedTransport) -> None:
        self._negotiated.clear()
        transport.start_client(event=self._negotiated)
        self._refuse_abandoned()  # before its start, closing a transport of paramiko does nothing
        in_time = self._negotiated.wait(self._seconds_left())
        self._refuse_abandoned()
        if not in_time:
            silent = "finished no handshake" if transport.remote_version else "sent no SSH banner"
            if transport.packetizer.has_heard and not transport.remote_version:
                silent = "sent some bytes and no whole SSH banner"
            limit_s = self.reach.ssh.connect_timeout_s
            raise TransportError("no answer", self.sentence(f"accepts connections, but {silent} within {limit_s:g} s"))
        if not transport.is_active():
            raise self._no_handshake(transport.get_exception())

    def _no_handshake(self, error: Exception | None) -> TransportError:
        from paramiko import SSHException

        if why := self._why_of_proxy():
            return TransportError("unreachable", self.sentence(f"cannot be reached: {why}"))
        if not isinstance(error, SSHException):
            return _CutShortError("connection lost", self.sentence("closed the connection during the handshake"))
        if "protocol banner" in str(error):
            return _HungUpError(
                "no answer",
                self.sentence(
                    "closes connections before it sends its banner: it has too many at once (MaxStartups), punishes "
                    "failed logins, or is no SSH server"
                ),
            )
        if _NO_VERSION in str(error):
            last = _in_short(str(error).partition(_NO_VERSION)[2].strip(' "'), most=_LINE_SHOWN)
            what = "sends lines in place of an SSH banner: it is no SSH server, or a trap for those who look for one"
            return TransportError("failed", self.sentence(f"{what} (the last line: '{last}')"))
        if "no acceptable" in str(error):
            return TransportError("failed", self._nothing_in_common(str(error)))
        said = _in_short(str(error)).rstrip(".")
        return TransportError("failed", self.sentence(f"cannot negotiate SSH with FailTale: {said}"))

    def _why_of_proxy(self) -> str:
        """Why the program in between ended; empty where none did."""
        if not self.reach.proxy_command or self._transport is None:
            return ""
        return cast("ProxyConnection", self._transport.sock).why()

    def _nothing_in_common(self, said: str) -> str:
        """What each side knows, and the way out; paramiko only says of what kind it is."""
        import paramiko

        missing = next((each for kind, each in _AGREED_ON.items() if f"no acceptable {kind}" in said), None)
        if missing is None or self._transport is None:
            return self.sentence(f"cannot negotiate SSH with FailTale: {_in_short(said)}")
        name, setting, ours = missing
        known = getattr(self._transport.get_security_options(), ours)
        what = f"has no {name} in common with FailTale"
        try:
            with contextlib.closing(self._connect()) as connection:
                connection.settimeout(self._seconds_left())
                offered = _in_short(", ".join(_offers(connection)[name]), most=_OFFERS_SHOWN) or "none"
        except (TransportError, OSError, ValueError, struct.error):
            offered = "others"
        version = _in_short(self._transport.remote_version)
        return (
            f"{self.sentence(what)[:-1]}: it ({version}) offers {offered}; FailTale (paramiko "
            f"{paramiko.__version__}) knows {', '.join(known)}. Allow one of these with '{setting}' in its "
            "sshd_config, or update the older of the two."
        )

    # --- Authentication

    def _authenticate(self, transport: paramiko.Transport) -> None:
        user = self.reach.user
        password = self.reach.ssh.password
        identities = Identities(self.reach)
        offered: list[str] = []
        accepted: list[str] = []
        wanted: list[str] | None = None
        try:
            wanted = self._offer_keys(transport, user, identities, offered, accepted)
        except _NoKeysTakenError as error:
            if password is None:
                raise _login_refusal(self._no_keys(user, error.allowed)) from error
            offered.clear()  # the server looked at none
        for _ in range(2):  # one as a password, one as an answer
            if password is not None and wanted != [] and transport.is_active() and _may_help(wanted):
                offered.append(_ITS_PASSWORD)
                wanted = self._offer_password(transport, user, password.get_secret_value())
                accepted += [_ITS_PASSWORD] if wanted else []
                if wanted is None:
                    break
        if wanted and "publickey" in wanted and set(accepted) == {_ITS_PASSWORD}:  # some want that ahead of a key
            identities = Identities(self.reach)
            wanted = self._offer_keys(transport, user, identities, offered, accepted)
        if wanted == []:
            return
        if accepted and wanted is None and offered[-1] == _ITS_PASSWORD:
            said = f"{_accepts(user, accepted)}, but refuses the password"
            raise _login_refusal(f"{self.sentence(said)} {_IS_IT_RIGHT}")
        if accepted:
            more = ["another key"] if wanted is None or "publickey" in wanted else wanted
            raise _login_refusal(self._more_wanted(user, accepted, more))
        sentences = self._refused(user, offered, identities, hung_up=not transport.is_active())
        raise _login_refusal(" ".join([*sentences, *identities.skipped]))

    def _offer_keys(
        self,
        transport: paramiko.Transport,
        user: str,
        identities: Identities,
        offered: list[str],
        accepted: list[str],
    ) -> list[str] | None:
        """As `_offer`, of one key after another; both lists get what becomes of them."""
        wanted: list[str] | None = None
        for number, identity in enumerate(identities):
            if not transport.is_active():
                break  # it hung up after too many keys
            offered.append(str(identity))
            wants = self._offer(transport, user, identity, is_first=number == 0)
            if wants == []:
                return wants
            if wants is not None:
                accepted.append(str(identity))
                wanted = wants
                if "publickey" not in wanted:
                    break
        return wanted

    def _offer(
        self, transport: paramiko.Transport, user: str, identity: Identity, *, is_first: bool
    ) -> list[str] | None:
        """The methods that the host wants besides this key; none: it lets the user in. None: it refuses the key."""
        import paramiko

        transport.auth_timeout = self._seconds_left()
        try:
            return transport.auth_publickey(user, identity.key)
        except paramiko.BadAuthenticationType as error:
            raise _NoKeysTakenError(error.allowed_types) from error
        except paramiko.AuthenticationException as error:
            self._refuse_silence(transport, error)
            if not transport.is_active() and is_first and not self._has_seen_enough:
                raise TransportError("connection lost", self._hung_up(transport)) from error
            return None
        except (paramiko.SSHException, OSError, EOFError) as error:
            why = _in_short(str(error))
            said = f"broke off the login: {why}" if why else "broke off the login"
            raise TransportError("connection lost", self.sentence(said)) from error

    def _hung_up(self, transport: paramiko.Transport) -> str:
        """A key was right, perhaps, and the account is not; what PAM says of that comes as a banner."""
        handler: Any = transport.auth_handler
        banner = _in_short(decode(handler.banner or b"")) if handler is not None else ""
        said = self._said or (f" ('{banner}')" if banner else "")
        return (
            f"{self.sentence(f'hung up during the login{said}')} Is the account there closed, expired or kept out "
            "(PAM, /etc/nologin)? The log of its sshd says which."
        )

    def _refuse_silence(self, transport: paramiko.Transport, error: Exception) -> None:
        if transport.is_active() and "timeout" in str(error):
            said = f"did not respond to the login within {self.reach.ssh.connect_timeout_s:g} s"
            raise TransportError("no answer", self.sentence(said)) from error

    def _offer_password(self, transport: paramiko.Transport, user: str, password: str) -> list[str] | None:
        """As `_offer`: as a password, or as the answer to the one question of a server that asks for it so."""
        import paramiko

        transport.auth_timeout = self._seconds_left()
        asked = _Asked(password)
        try:
            try:
                return transport.auth_password(user, password, fallback=False)
            except paramiko.BadAuthenticationType as error:
                if "keyboard-interactive" not in error.allowed_types:
                    raise
            return transport.auth_interactive(user, asked)
        except paramiko.BadAuthenticationType as error:
            ways = _in_short(" or ".join(error.allowed_types))
            raise _login_refusal(self.sentence(f"lets user '{user}' in by {ways}, not by a password")) from error
        except paramiko.AuthenticationException as error:
            self._refuse_silence(transport, error)
            if asked.others:
                words = _in_short(", ".join(asked.others))
                said = f"asks user '{user}' more than FailTale can answer ('{words}')"
                raise _login_refusal(self.sentence(said)) from error
            return None
        except (paramiko.SSHException, OSError, EOFError) as error:
            said = f"broke off the login{self._said}"
            raise TransportError("connection lost", self.sentence(said)) from error

    @property
    def _has_seen_enough(self) -> bool:
        """Whether it hung up because of the keys that it was offered."""
        return "oo many authentication failures" in self.last_words.text

    @property
    def _said(self) -> str:
        return f" ('{self.last_words.text}')" if self.last_words.text else ""

    def _no_keys(self, user: str, allowed: list[str]) -> str:
        ways = _in_short(" or ".join(filter(None, allowed)))
        if not ways:
            return self.sentence(f"takes no login of user '{user}' at all: each kind of it is off in its sshd_config")
        way_out = "allow a key there (PubkeyAuthentication), or set 'ssh.password' where there is nothing else"
        what = self.sentence(f"lets user '{user}' in by {ways} only")
        if any("gssapi" in each for each in allowed):
            what += " A login by Kerberos (GSSAPI) is not followed."
        return f"{what} FailTale logs in by key: {way_out}."

    def _more_wanted(self, user: str, accepted: list[str], wanted: list[str]) -> str:
        """A host that takes a key and is not content (AuthenticationMethods with a comma)."""
        what = f"{_accepts(user, accepted)}, but demands {_in_short(' or '.join(wanted))} as well"
        more = "; without 'ssh.key', those of an agent and of ~/.ssh are offered" if self.reach.ssh.key else ""
        way_out = (
            f"FailTale logs in by keys, and by 'ssh.password' where it is set{more}. A key is enough with "
            f"'AuthenticationMethods publickey' in a 'Match User {user}' of its sshd_config."
        )
        return f"{self.sentence(what)} {way_out}"

    def _refused(self, user: str, offered: list[str], identities: Identities, *, hung_up: bool) -> list[str]:
        if not offered:
            what = f"was not connected to: there is no key to offer for user '{user}'"
            ways_out = ["Set 'ssh.key', or load a key into an agent."]
        elif hung_up and offered != [_ITS_PASSWORD]:
            keys = f"{len(offered)} key{'' if len(offered) == 1 else 's'}"
            what = f"hung up after {keys} of user '{user}'{self._said}: {', '.join(offered)}"
            ways_out = ["Servers take a few keys only (MaxAuthTries)."]
        elif offered == [_ITS_PASSWORD]:
            what = f"refused the login of user '{user}' with its password"
            ways_out = [_IS_IT_RIGHT]
        else:
            what = f"refused the login of user '{user}' with {', '.join(offered)}"
            root = "PermitRootLogin, " if user == "root" else ""
            ways_out = [
                f"Is the key in {user}'s authorized_keys there, and is the account not locked? The log of its sshd "
                f"says why: {root}AllowUsers, the modes of the home or a shell that is missing refuse in the same way."
            ]
        if offered and (hung_up or identities.left_over) and identities.in_agent > 1:
            ways_out.append(
                f"The agent has {identities.in_agent} keys, of which the first {len(offered)} were offered; name the "
                "right one: 'ssh.key' with a private key file, or with the '.pub' file of a key in the agent, offers "
                "that one alone (as IdentitiesOnly does for ssh)."
            )
        return [self.sentence(what), *ways_out]


def _rank_of_cipher(name: str) -> int:
    """AES-GCM is 3 times as fast as AES-CTR; then comes what is safe, and last what servers of old know alone."""
    return next((rank for rank, kind in enumerate(("gcm", "ctr", "chacha20")) if kind in name), 3)


def _may_help(wanted: list[str] | None) -> bool:
    """Whether a password may be offered where a host wants these methods; None: it has not told."""
    return wanted is None or not {"password", "keyboard-interactive"}.isdisjoint(wanted)


def _accepts(user: str, accepted: list[str]) -> str:
    """What a host has taken, and is not content with. Behind "password" a user's name would be redacted as one."""
    by = " and ".join(accepted)
    return f"accepts user '{user}' by {by}" if _ITS_PASSWORD in accepted else f"accepts {by} of user '{user}'"


def _in_short(words: str, *, most: int = 200) -> str:
    """What a server says, in a sentence of ours."""
    return shorten(one_line(sanitize(words)), most)


def _login_refusal(sentence: str) -> TransportError:
    """Final: the breaker asks for no second login, because accounts are locked after some."""
    return TransportError("authentication refused", sentence)


def _greet(connection: Stream) -> bool:
    """Tell a server at once who we are: while paramiko is loaded it gets ready to tell us which keys it takes.

    False: that is left to paramiko. What becomes of a connection that breaks is met by whoever reads from it.
    """
    if not isinstance(connection, socket.socket):
        return False
    with contextlib.suppress(OSError):
        connection.sendall(f"{_VERSION}\r\n".encode())
    return True


def _offers(connection: Stream) -> dict[str, list[str]]:
    """The algorithms that a server offers, by kind; RFC 4253, sections 4.2 and 7.1: they are sent in clear.

    Raises ValueError when it does not keep to that, OSError when it goes away.
    """
    connection.send(f"{_VERSION}\r\n".encode())
    stream = io.BufferedReader(_Received(connection))
    if not any(stream.readline(256).startswith(b"SSH-") for _ in range(_LINES_BEFORE_VERSION)):
        raise ValueError("no version")
    (length,) = struct.unpack(">I", stream.read(4))
    payload = stream.read(min(length, _MAX_PACKET_BYTES))[1:]
    lists, at = [], 17  # behind the type of the message and its cookie
    for _ in range(8):
        (size,) = struct.unpack_from(">I", payload, at)
        names = payload[at + 4 : at + 4 + size].decode("ascii")
        lists.append([name for name in names.split(",") if not name.startswith(("ext-info", "kex-strict"))])
        at += 4 + size
    key_exchanges, host_keys, ciphers, _, macs, _, compressions, _ = lists
    kinds = (kind for kind, _, _ in _AGREED_ON.values())
    return dict(zip(kinds, (key_exchanges, host_keys, ciphers, macs, compressions), strict=True))


class _Received(io.RawIOBase):
    """What comes from a connection, as a file."""

    def __init__(self, connection: Stream) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        received = self._connection.recv(len(buffer))
        buffer[: len(received)] = received
        return len(received)


def _address_as_bytes(address: str) -> str | bytes:
    """As `socket.getaddrinfo` takes it without loading what names in other alphabets need."""
    return address.encode() if address.isascii() and address.isprintable() else address


def _tune(connection: socket.socket) -> None:
    """Short questions at once (paramiko leaves Nagle's algorithm on, which costs 40 ms each), and signs of life."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    with contextlib.suppress(AttributeError, OSError):  # Linux only
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)


def _algorithms(key_type: str) -> tuple[str, ...]:
    """The names under which a handshake asks for a type of key."""
    return ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa") if key_type == "ssh-rsa" else (key_type,)
