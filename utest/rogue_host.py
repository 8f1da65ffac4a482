"""SSH servers on loopback that do their worst: a port for each way to be hostile, in a process of its own.

Run as ``python rogue_host.py DIRECTORY``: it writes the client's key and `known_hosts` there, says ``way=port`` for
each way and lives as long as its standard input stays open. Whoever logs in is let in, where the way gets so far.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
from paramiko import common, message

HOSTILE = "\x1b]0;mine\x07\x1b[2J\u202e\x9b31m"
LINE = b"well-behaved \x1b[31mline\n"
CHUNK = b"x" * 32_000

# --- Before SSH: what is done with a socket ---------------------------------------------------------------------------

BeforeSsh = Callable[[socket.socket], None]
BEFORE_SSH: dict[str, BeforeSsh] = {}
VERSION = b"SSH-2.0-Rogue\r\n"


def before_ssh(way: BeforeSsh) -> BeforeSsh:
    BEFORE_SSH[way.__name__] = way
    return way


def drip(connection: socket.socket, data: bytes) -> None:
    for byte in data:
        connection.sendall(bytes([byte]))
        time.sleep(1)


def forever(connection: socket.socket, data: bytes) -> None:
    while True:
        connection.sendall(data)


@before_ssh
def version_without_end(connection: socket.socket) -> None:
    forever(connection, b"SSH-2.0-" + CHUNK)


@before_ssh
def version_that_drips(connection: socket.socket) -> None:
    drip(connection, b"SSH-2.0-" + CHUNK)


@before_ssh
def lines_before_the_version(connection: socket.socket) -> None:
    forever(connection, (HOSTILE * 1000).encode() + b"\r\n")


@before_ssh
def megabytes_before_the_version(connection: socket.socket) -> None:
    connection.sendall((HOSTILE.encode() * 100_000 + b"\r\n") * 3 + VERSION)
    time.sleep(3600)


@before_ssh
def version_of_escapes(connection: socket.socket) -> None:
    connection.sendall(f"SSH-{HOSTILE}-other\r\n".encode())
    time.sleep(3600)


@before_ssh
def packet_of_four_gigabytes(connection: socket.socket) -> None:
    connection.sendall(VERSION + struct.pack(">IB", 0xFFFF_FFF4, 4))
    forever(connection, CHUNK * 30)


@before_ssh
def packet_of_sixteen_megabytes_that_drips(connection: socket.socket) -> None:
    connection.sendall(VERSION + struct.pack(">IB", 0x00FF_FFF4, 4))
    drip(connection, CHUNK)


@before_ssh
def packet_of_no_size(connection: socket.socket) -> None:
    connection.sendall(VERSION + struct.pack(">IB", 0, 0) * 100)
    time.sleep(3600)


@before_ssh
def padding_larger_than_its_packet(connection: socket.socket) -> None:
    connection.sendall(VERSION + struct.pack(">IB", 12, 255) + b"\x14" * 11)
    time.sleep(3600)


def plain_packet(payload: bytes) -> bytes:
    padding = 8 - (len(payload) + 5) % 8 + 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def kex_init(*names: str) -> bytes:
    lists = b"".join(struct.pack(">I", len(each.encode())) + each.encode() for each in names)
    return b"\x14" + bytes(16) + lists + bytes(5)


@before_ssh
def algorithms_of_escapes(connection: socket.socket) -> None:
    connection.sendall(VERSION + plain_packet(kex_init(*[(HOSTILE + "," + "y" * 50) * 30] * 10)))
    time.sleep(3600)


@before_ssh
def other_algorithms_without_end(connection: socket.socket) -> None:
    connection.sendall(VERSION + plain_packet(kex_init(*[",".join(f"no{n}" for n in range(500))] * 10)))
    forever(connection, b"SSH\n")


@before_ssh
def ignored_messages_instead_of_a_handshake(connection: socket.socket) -> None:
    connection.sendall(VERSION)
    forever(connection, plain_packet(b"\x02\x00\x00\x00\x00") * 1000)


@before_ssh
def disconnect_with_words(connection: socket.socket) -> None:
    words = (HOSTILE * 500).encode()
    connection.sendall(VERSION + plain_packet(b"\x01\0\0\0\x02" + struct.pack(">I", len(words)) + words + bytes(4)))
    time.sleep(3600)


# --- In SSH: what is done with a connection ---------------------------------------------------------------------------


class Rogue(paramiko.Transport):
    """The server's end of one connection."""

    hang_up_at = 0
    """The number of the message that is sent no more."""
    window: int | None = None

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self.sent = 0

    def _send_message(self, data: paramiko.Message) -> None:
        self.sent += 1
        if self.sent == self.hang_up_at:
            self.sock.shutdown(socket.SHUT_RDWR)
        super()._send_message(data)  # type: ignore[misc]

    def _sanitize_window_size(self, window_size: int) -> int:
        return super()._sanitize_window_size(window_size) if self.window is None else self.window  # type: ignore[misc,no-any-return]

    def say(self, kind: int, *parts: int | bytes | bool) -> None:
        """One message; whole numbers have four bytes, texts a length in front."""
        self._send_message(made(kind, *parts))

    def storm(self, kind: int, *parts: int | bytes | bool) -> None:
        while self.is_active():
            self.say(kind, *parts)


def made(kind: int, *parts: int | bytes | bool) -> paramiko.Message:
    one = message.Message()
    one.add_byte(bytes([kind]))
    for part in parts:
        if isinstance(part, bool):
            one.add_boolean(part)
        elif isinstance(part, int):
            one.add_int(part)
        else:
            one.add_string(part)
    return one


class Visit:
    """One command of a client as FailTale sends it, answered by hand."""

    def __init__(self, transport: Rogue, channel: paramiko.Channel, command: str) -> None:
        self.transport = transport
        self.channel = channel
        self.peer = channel.remote_chanid
        found = re.search(r"\$\(\((\d+)\+(\d+)\)\);s=\$\(head -c (\d+)", command)
        assert found, command
        self.sum, self.size = int(found[1]) + int(found[2]), int(found[3])
        self._begun = b""
        self.nonce = self.items_nonce = self.items = ""

    def out(self, data: bytes) -> None:
        self.channel.sendall(data)

    def err(self, data: bytes) -> None:
        self.channel.sendall_stderr(data)

    def hello(self) -> None:
        self.out(f"failtale {self.sum}\n".encode())

    def ready(self, clock: str | None = None, zone: str = "+0000") -> None:
        self._read(self.size)
        self.out(f"\x1efailtale {self.sum} ready {clock or time.time()} {zone}\n".encode())
        head = b""
        while not head.endswith(b"\n"):
            head += self._read(1)
        self.nonce, self.items_nonce, _, _, size = head.decode().split()
        self.items = self._read(int(size)).decode()

    @property
    def numbers(self) -> list[int]:
        return [int(number) for number in re.findall(r"(?:^|\n|')(?:item|quick) (\d+) ", self.items)]

    @property
    def is_mark(self) -> bool:
        return "\nclock\n" in self.items

    def frame(self, *words: object) -> bytes:
        return f"\x1e{self.nonce} {' '.join(map(str, words))}\n".encode()

    def told(self, word: str, value: str = "") -> bytes:
        """What a script of an item tells."""
        return f"\x1e{self.items_nonce} {word} {value}\n".encode("utf-8", "surrogateescape")

    def begin(self, number: int) -> None:
        self.err(self.frame("b", number))
        self.out(self.frame("b", number))

    def end(self, number: int, status: object = 0, why: str = "ended") -> None:
        self.out(self.frame("s", number, status, why))
        self.err(self.frame("e", number))
        self.out(self.frame("e", number))

    def finish(self) -> None:
        self.err(self.frame("z"))
        self.out(self.frame("z"))
        self.channel.send_exit_status(0)
        self.channel.close()

    def answer(self, stdout: bytes = LINE, stderr: bytes = b"", status: object = 0) -> None:
        for number in self.numbers:
            self.begin(number)
            self.err(stderr)
            self.out(stdout)
            self.end(number, status)
        self.finish()

    def answer_mark(self, frames: bytes = b"") -> None:
        self.answer(self.told("clock", str(time.time())) + self.told("zone", "+0000") + frames)

    def _read(self, size: int) -> bytes:
        while len(self._begun) < size:
            data = self.channel.recv(65_536)
            if not data:
                raise EOFError
            self._begun += data
        taken, self._begun = self._begun[:size], self._begun[size:]
        return taken


WayOfVisit = Callable[[Visit], None]
VISITS: dict[str, WayOfVisit] = {}
AFTER_LOGIN: dict[str, Callable[[Rogue], None]] = {}
LOGINS: dict[str, Callable[[Rogue], None]] = {}


def at_visit(way: WayOfVisit) -> WayOfVisit:
    """It has said hello and knows its items."""
    VISITS[way.__name__] = way
    return way


def after_login(way: Callable[[Rogue], None]) -> Callable[[Rogue], None]:
    """Beside visits that are answered well."""
    AFTER_LOGIN[way.__name__] = way
    return way


def at_login(way: Callable[[Rogue], None]) -> Callable[[Rogue], None]:
    """As the client offers its key."""
    LOGINS[way.__name__] = way
    return way


# At the login


@at_login
def banners_without_end(transport: Rogue) -> None:
    transport.storm(common.MSG_USERAUTH_BANNER, (HOSTILE * 800).encode(), b"")


@at_login
def prompts_without_end(transport: Rogue) -> None:
    transport.storm(common.MSG_USERAUTH_INFO_REQUEST, HOSTILE.encode(), b"", b"", 1, b"Password: ", False)


@at_login
def methods_without_end(transport: Rogue) -> None:
    transport.say(common.MSG_USERAUTH_FAILURE, (f"{HOSTILE}," * 1500).encode(), False)
    time.sleep(3600)


@at_login
def never_content(transport: Rogue) -> None:
    transport.storm(common.MSG_USERAUTH_FAILURE, b"publickey", True)


@at_login
def silent_at_the_login(transport: Rogue) -> None:
    time.sleep(3600)


@at_login
def disconnects_at_the_login(transport: Rogue) -> None:
    transport.say(common.MSG_DISCONNECT, 2, (HOSTILE * 800).encode(), b"")
    time.sleep(3600)


# Beside visits


@after_login
def ignored_messages(transport: Rogue) -> None:
    transport.storm(common.MSG_IGNORE, b"")


@after_login
def debug_messages(transport: Rogue) -> None:
    transport.storm(common.MSG_DEBUG, True, (HOSTILE * 500).encode(), b"")


@after_login
def messages_that_nobody_knows(transport: Rogue) -> None:
    transport.storm(common.MSG_UNIMPLEMENTED, 1)


@after_login
def keepalives(transport: Rogue) -> None:
    transport.storm(common.MSG_GLOBAL_REQUEST, b"keepalive@openssh.com", True)


@after_login
def channels_towards_us(transport: Rogue) -> None:
    for number in itertools.count():
        for kind in (b"x11", b"auth-agent@openssh.com", b"forwarded-tcpip", b"session", HOSTILE.encode()):
            transport.say(common.MSG_CHANNEL_OPEN, kind, number, 0xFFFF_FFFF, 0xFFFF_FFFF, b"127.0.0.1", 1, b"h", 2)


@after_login
def keys_anew_and_anew(transport: Rogue) -> None:
    while transport.is_active():
        transport.renegotiate_keys()


@after_login
def data_of_a_channel_that_never_was(transport: Rogue) -> None:
    transport.storm(common.MSG_CHANNEL_DATA, 4711, CHUNK)


@after_login
def logins_after_the_login(transport: Rogue) -> None:
    transport.storm(common.MSG_USERAUTH_SUCCESS)


@after_login
def kept_keys(transport: Rogue) -> None:
    transport.storm(common.MSG_GLOBAL_REQUEST, b"hostkeys-00@openssh.com", False, *[b"k" * 1000] * 30)


# Of a visit


@at_visit
def well_behaved(visit: Visit) -> None:
    visit.answer_mark() if visit.is_mark else visit.answer()


@at_visit
def output_without_end(visit: Visit) -> None:
    visit.begin(visit.numbers[0])
    while True:
        visit.out(CHUNK)


@at_visit
def stderr_without_end(visit: Visit) -> None:
    visit.begin(visit.numbers[0])
    while True:
        visit.err(CHUNK)


@at_visit
def output_past_the_window(visit: Visit) -> None:
    visit.begin(visit.numbers[0])
    visit.transport.storm(common.MSG_CHANNEL_DATA, visit.peer, CHUNK)


@at_visit
def output_beside_ignored_messages(visit: Visit) -> None:
    """As asyncssh sends it; no rogue in this."""
    for number in visit.numbers:
        visit.begin(number)
        for _ in range(2500):
            visit.out(b"a line of a log\n")
            visit.transport.say(common.MSG_IGNORE, b"")
        visit.end(number)
    visit.finish()


@at_visit
def ends_a_moment_later(visit: Visit) -> None:
    """As asyncssh ends a channel that the client has closed ahead of its process: with the whole connection."""
    for number in visit.numbers:
        visit.begin(number)
        visit.out(LINE)
        visit.end(number)
    visit.err(visit.frame("z"))
    visit.out(visit.frame("z"))
    time.sleep(0.1)
    if visit.channel.closed:
        visit.transport.close()
    visit.channel.send_exit_status(0)
    visit.channel.close()


@at_visit
def output_in_single_bytes(visit: Visit) -> None:
    visit.begin(visit.numbers[0])
    visit.transport.storm(common.MSG_CHANNEL_DATA, visit.peer, b"x")


@at_visit
def output_in_no_bytes(visit: Visit) -> None:
    visit.begin(visit.numbers[0])
    visit.transport.storm(common.MSG_CHANNEL_DATA, visit.peer, b"")


@at_visit
def output_that_drips(visit: Visit) -> None:
    visit.begin(visit.numbers[0])
    while True:
        visit.out(b"y")
        time.sleep(1)


@at_visit
def streams_that_nobody_knows(visit: Visit) -> None:
    visit.begin(visit.numbers[0])
    for kind in itertools.cycle((0, 2, 7, 0xFFFF_FFFF)):
        visit.transport.say(common.MSG_CHANNEL_EXTENDED_DATA, visit.peer, kind, CHUNK)


@at_visit
def windows_without_end(visit: Visit) -> None:
    visit.transport.storm(common.MSG_CHANNEL_WINDOW_ADJUST, visit.peer, 0xFFFF_FFFF)


@at_visit
def requests_of_a_channel(visit: Visit) -> None:
    for kind in itertools.cycle((b"exit-status", b"exec", b"subsystem", b"x11-req", b"exit-signal", HOSTILE.encode())):
        visit.transport.say(common.MSG_CHANNEL_REQUEST, visit.peer, kind, True, 0xFFFF_FFFF, b"sftp", b"", False)


@at_visit
def frames_with_other_nonces(visit: Visit) -> None:
    forged = b"".join(
        f"\x1e{nonce} {words}\n".encode()
        for nonce in ("0" * 16, "", "failtale", visit.nonce[:-1], visit.nonce.upper() + "0", visit.items_nonce)
        for words in ("e 0", "s 0 99 late", "z", "b 1", "produced 9 9")
    )
    visit.answer(forged + LINE, forged)


NUMBERS = ("-1", "9" * 400, "NaN", "1e309", "0x10", "", "\u0663", "99999", " ", "-" * 50, HOSTILE)


@at_visit
def frames_with_numbers_that_are_none(visit: Visit) -> None:
    told = b"".join(
        visit.told(word, " ".join([number] * times))
        for word in ("produced", "matched", "rest", "cap", "grep", "skipped", "times", "whole", "method", "part")
        for number in NUMBERS
        for times in (1, 2)
    )
    for number in visit.numbers:
        visit.begin(number)
        for kind in ("b", "s", "e", "z0", "", "\xff"):
            for each in NUMBERS:
                visit.out(visit.frame(kind, each, each))
                visit.out(visit.frame("s", number, each, each))
        visit.err(told)
        visit.out(told + LINE)
        visit.end(number, "4294967295")
    visit.finish()


@at_visit
def large_numbers(visit: Visit) -> None:
    most = "9" * 15
    told = b"".join(visit.told(word, f"{most} {most}") for word in ("produced", "matched", "rest", "skipped") * 300)
    told += b"".join(
        visit.told("times", f"{kind} {sign}{most} /a") for kind in ("1", "own", "=time") for sign in ("", "-")
    )
    told += visit.told("grep", most) + visit.told("cap", most)
    visit.answer(visit.told("part", f"sure {most} /a") + LINE, told)


@at_visit
def frames_without_end(visit: Visit) -> None:
    number = visit.numbers[0]
    visit.begin(number)
    while True:
        visit.out(f"\x1e{visit.nonce} e ".encode() + b"0" * 150)


@at_visit
def a_frame_for_each_line(visit: Visit) -> None:
    while True:
        for number in visit.numbers:
            visit.out(visit.frame("b", number) * 50 + visit.frame("s", number, 0, "ended") * 50)


@at_visit
def items_that_nobody_asked_for(visit: Visit) -> None:
    for number in (*range(900_000, 900_300), *visit.numbers):
        visit.begin(number)
        visit.out(LINE)
        visit.end(number)
    visit.finish()


@at_visit
def ends_many_times(visit: Visit) -> None:
    for stream in (visit.out, visit.err):
        stream(visit.frame("z") * 1000)
    time.sleep(3600)


@at_visit
def parts_without_number(visit: Visit) -> None:
    parts = b"".join(visit.told("part", f"unsure 9 /{number}{HOSTILE}") + b"l\n" for number in range(5_000))
    visit.answer(visit.told("several") + parts + LINE, visit.told("several"))


@at_visit
def files_with_names(visit: Visit) -> None:
    name = f"/var/{HOSTILE}\udcff\u2028<script>"
    words = "lost locked broken sealed replaced strange skipped fresh untold zoned method"
    told = b"".join(visit.told(word, f"{number} {name}{number}") for word in words.split() for number in range(100))
    visit.answer(visit.told("part", f"unsure 99999 {name}") + LINE, visit.told("several") + told)


@at_visit
def never_ready(visit: Visit) -> None:
    time.sleep(3600)


@at_visit
def closes_in_the_middle(visit: Visit) -> None:
    visit.begin(visit.numbers[0])
    visit.out(b"half a li")
    visit.channel.send_exit_status(0xFFFF_FFFF)
    visit.channel.close()


@at_visit
def cuts_in_the_middle(visit: Visit) -> None:
    visit.begin(visit.numbers[0])
    visit.out(b"half a li")
    visit.transport.sock.shutdown(socket.SHUT_RDWR)


@at_visit
def disconnects_in_the_middle(visit: Visit) -> None:
    visit.begin(visit.numbers[0])
    visit.transport.say(common.MSG_DISCONNECT, 2, (HOSTILE * 800).encode(), b"")


CLOCKS = ("0", "-5", "1", "99999999999", "32503680000", "9" * 400, "NaN", "\u0663", "1e9", "", HOSTILE)


@at_visit
def marks_of_a_million_files(visit: Visit) -> None:
    if not visit.is_mark:
        visit.answer()
        return
    files = b"".join(visit.told("file", f"{n} {'9' * 15} {'9' * 15} 4711 /l/{n}") for n in range(12_000))
    visit.answer_mark(files + visit.told("pattern", "/var/log/app.log"))


@at_visit
def marks_of_hostile_names(visit: Visit) -> None:
    if not visit.is_mark:
        visit.answer()
        return
    name = f"/l/{HOSTILE}'$(touch /tmp/rogue)`id`\udcff"
    files = b"".join(visit.told("file", f"{number} 5 5 - {name}") for number in ("1", "9" * 20, "-1", "NaN"))
    carried = visit.told("carry") + b"old \x1b[31m\n" * 50_000 + visit.told("carried")
    more = b"".join(
        visit.told(word, name * 200) for word in ["cursor", "unreadable", "pattern", "many", "clock", "zone"]
    )
    known = visit.told("pattern", "/var/log/app.log") + visit.told("baseline", "state")
    visit.answer_mark(files + known + carried + more)


class Server(paramiko.ServerInterface):
    def __init__(self, way: str) -> None:
        self.way = way
        self.has_opened_one = False
        self.transport: Rogue

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if self.way in LOGINS:
            with contextlib.suppress(Exception):
                LOGINS[self.way](self.transport)
        return common.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        if self.way == "opens_no_channel":
            time.sleep(3600)
        if self.way == "one_session" and self.has_opened_one:
            return common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        self.has_opened_one = True
        return common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if self.way == "reads_no_more":
            self._talk_well_then_stop(channel, command.decode())
        if self.way == "refuses_commands":
            return False
        threading.Thread(target=self._visit, args=(channel, command.decode()), daemon=True).start()
        return True

    def _talk_well_then_stop(self, channel: paramiko.Channel, command: str) -> None:
        visit = Visit(self.transport, channel, command)
        visit.hello()
        time.sleep(3600)

    def _visit(self, channel: paramiko.Channel, command: str) -> None:
        with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
            visit = Visit(self.transport, channel, command)
            if self.way == "says_no_hello":
                visit.out((HOSTILE * 20).encode())
                time.sleep(3600)
            visit.hello()
            if self.way == "never_ready":
                time.sleep(3600)
            told = CLOCKS[int(self.way[6:])] if self.way.startswith("clock_") else None
            visit.ready(told)
            if self.way in AFTER_LOGIN:
                threading.Thread(target=AFTER_LOGIN[self.way], args=(self.transport,), daemon=True).start()
            VISITS.get(self.way, well_behaved)(visit)


OTHERS = (
    "opens_no_channel",
    "one_session",
    "refuses_commands",
    "reads_no_more",
    "says_no_hello",
    "window_of_nothing",
    "window_of_everything",
)
STEPS = tuple(f"hangs_up_at_{number}" for number in range(1, 19))
WAYS = (
    *BEFORE_SSH,
    *LOGINS,
    *AFTER_LOGIN,
    *VISITS,
    *OTHERS,
    *STEPS,
    *(f"clock_{number}" for number in range(len(CLOCKS))),
)


def serve(way: str, connection: socket.socket, host_key: paramiko.PKey) -> None:
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        if way in BEFORE_SSH:
            with connection:
                BEFORE_SSH[way](connection)
            return
        transport = Rogue(connection)
        if way in STEPS:
            transport.hang_up_at = int(way.rpartition("_")[2])
        if way.startswith("window_of"):
            transport.window = 0 if way.endswith("nothing") else 0xFFFF_FFFF
        transport.add_server_key(host_key)
        server = Server(way)
        server.transport = transport
        transport.start_server(server=server)


def listen(way: str, host_key: paramiko.PKey) -> int:
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(way, connection, host_key), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def main(directory: Path) -> None:
    host_key, client_key = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
    client_key.write_private_key_file(str(directory / "key"))
    ports = {way: listen(way, host_key) for way in WAYS}
    known_hosts = paramiko.HostKeys()
    for port in ports.values():
        known_hosts.add(f"[127.0.0.1]:{port}", host_key.get_name(), host_key)
    known_hosts.save(str(directory / "known_hosts"))
    print(*(f"{way}={port}" for way, port in ports.items()), flush=True)
    sys.stdin.read()


@contextlib.contextmanager
def rogue_hosts(directory: Path) -> Iterator[dict[str, int]]:
    """The ports by way, for as long as it lasts."""
    import subprocess

    directory.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, __file__, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        told = process.stdout.readline().split()
        yield {way: int(port) for way, _, port in (each.partition("=") for each in told)}
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
