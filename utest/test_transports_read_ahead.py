"""What an SSH server sends is read as it came: several packets at once, so that nobody waits for each of them twice."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import paramiko
import pytest
from paramiko.common import MSG_UNIMPLEMENTED

from FailTaleLibrary.transports.ssh_bounds import BoundedPacketizer

PACKETS = 20


class Counted:
    """A connection that counts how often it is read."""

    def __init__(self, connection: socket.socket) -> None:
        self.reads = 0
        self.send = connection.send
        self.settimeout = connection.settimeout
        self.shutdown = connection.shutdown
        self.close = connection.close
        self._connection = connection

    def recv(self, size: int) -> bytes:
        self.reads += 1
        return self._connection.recv(size)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Counted]]:
    """A server's, and ours."""
    server, ours = socket.socketpair()
    with server, ours:
        yield server, Counted(ours)


def send(server: socket.socket, packets: int) -> None:
    packetizer = BoundedPacketizer(server)
    for number in range(packets):
        message = paramiko.Message()
        message.add_byte(bytes([MSG_UNIMPLEMENTED]))
        message.add_int(number)
        packetizer.send_message(message)


def test_packets_that_came_together_are_read_together(ends: tuple[socket.socket, Counted]) -> None:
    server, ours = ends
    send(server, PACKETS)
    packetizer = BoundedPacketizer(ours)
    told = [packetizer.read_message() for _ in range(PACKETS)]
    assert [message.get_int() for _, message in told] == list(range(PACKETS))
    assert ours.reads <= 2


def test_a_handshake_starts_no_thread_for_its_time(ends: tuple[socket.socket, Counted]) -> None:
    """Whoever logs in keeps it."""
    before = set(threading.enumerate())
    BoundedPacketizer(ends[1]).start_handshake(0.5)
    assert not [thread for thread in set(threading.enumerate()) - before if isinstance(thread, threading.Timer)]


def test_a_packet_whose_end_comes_later_is_waited_for(ends: tuple[socket.socket, Counted]) -> None:
    server, ours = ends
    kept, sent = socket.socketpair()
    with kept, sent:
        send(sent, 2)
        packets = kept.recv(1000)
    packetizer = BoundedPacketizer(ours)
    server.sendall(packets[:3])
    later = threading.Timer(0.05, server.sendall, [packets[3:]])
    later.start()
    assert [packetizer.read_message()[1].get_int() for _ in range(2)] == [0, 1]
    later.join()
    server.close()
    with pytest.raises(EOFError):
        packetizer.read_message()
