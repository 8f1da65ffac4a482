"""A file system that hangs when it is told to, as NFS does without its server: what asks it then cannot be ended.

A process of its own answers the kernel over /dev/fuse. What it has read and not answered keeps whoever waits for it in
state D; what it has not read, a signal takes back. Needs root.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_LOOKUP, _FORGET, _GETATTR, _INIT, _INTERRUPT, _MANY_FORGET = 1, 2, 3, 26, 36, 42
_ROOT = 1
_UNMOUNT_LATER = 2


class HungFileSystem:
    """An empty folder, of which `hang` makes one that answers nobody."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server = subprocess.Popen(
            [sys.executable, __file__, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            self._hear("answers")
        except RuntimeError:
            self._server.communicate()
            pytest.skip("this kernel mounts no file system of /dev/fuse here")

    def hang(self) -> None:
        self._say("hang")
        self._hear("hangs")

    def answer(self) -> None:
        """Whoever waited gets his answer, and takes the signals that have come for him."""
        self._say("answer")
        self._hear("answers")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.answer()
        ctypes.CDLL(None).umount2(os.fsencode(self.folder), _UNMOUNT_LATER)
        self._server.kill()
        self._server.communicate()

    def _say(self, word: str) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(f"{word}\n")
        self._server.stdin.flush()

    def _hear(self, word: str) -> None:
        assert self._server.stdout is not None
        told = self._server.stdout.readline().strip()
        if told != word:
            raise RuntimeError(f"the file system said {told!r}")


@contextlib.contextmanager
def hung_file_system(folder: Path) -> Iterator[HungFileSystem]:
    """Mounted there for as long as it lasts, and answering at its end."""
    folder.mkdir()
    mounted = HungFileSystem(folder)
    try:
        yield mounted
    finally:
        mounted.close()


def serve(folder: str) -> None:
    import select

    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        sys.exit(str(error))
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
    if ctypes.CDLL(None).mount(b"hung", os.fsencode(folder), b"fuse.hung", 0, options.encode()):
        sys.exit("not mounted")
    print("answers", flush=True)
    hangs, kept = False, []
    while True:
        ready, _, _ = select.select([device, 0], [], [])
        if 0 in ready:
            word = sys.stdin.readline().strip()
            hangs = word == "hang"
            if not hangs:
                for each in kept:
                    _answer(device, *each)
                kept.clear()
            if not word:
                return
            print("hangs" if hangs else "answers", flush=True)
        if device in ready:
            request = os.read(device, 1 << 17)
            _, kind, number = struct.unpack_from("<IIQ", request)
            if kind in (_FORGET, _INTERRUPT, _MANY_FORGET):
                continue
            if hangs and kind != _INIT:
                kept.append((kind, number))
            else:
                _answer(device, kind, number)


def _answer(device: int, kind: int, number: int) -> None:
    """As an empty folder does, of which nothing is remembered."""
    data, error = b"", 0
    if kind == _INIT:
        data = struct.pack("<IIIIHHIIHH7I", 7, 31, 65536, 0, 12, 10, 65536, 1, 0, 0, *[0] * 7)
    elif kind == _GETATTR:
        now = int(time.time())
        data = struct.pack("<QII", 0, 0, 0)
        data += struct.pack("<6Q10I", _ROOT, 0, 0, now, now, now, 0, 0, 0, 0o40755, 2, 0, 0, 0, 4096, 0)
    else:
        error = 2 if kind == _LOOKUP else 38  # ENOENT, ENOSYS
    with contextlib.suppress(OSError):  # nobody waits for it any more
        os.write(device, struct.pack("<IiQ", 16 + len(data), -error, number) + data)


if __name__ == "__main__":
    serve(sys.argv[1])
