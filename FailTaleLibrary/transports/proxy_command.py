"""A ProxyCommand -> its input and output as a connection; its processes end with it."""

from __future__ import annotations

import os
import socket
import subprocess
import threading

from FailTaleLibrary import background
from FailTaleLibrary.text import decode, one_line, sanitize, shorten
from FailTaleLibrary.transports.ssh_config import end_group

_WORDS_BYTES = 4096
_SETTLING_S = 0.3
"""How long a program whose connection ended may take to end itself."""
_LAST_WORDS_S = 3.0
"""How long the words of a program that ended may take to be read, on a busy machine."""


class ProxyConnection(socket.socket):
    """Our end of a pair of sockets; the program has the other one."""

    @classmethod
    def to(cls, command: str) -> ProxyConnection:
        """Starts the program in the user's shell, as ssh does. Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            made = cls(fileno=ours.detach())
            try:
                made._process = subprocess.Popen(  # noqa: S603 - what the user's own configuration says
                    [os.environ.get("SHELL") or "/bin/sh", "-c", f"exec {command}"],
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=subprocess.PIPE,
                    env={
                        **os.environ,
                        "SHLVL": "2",
                    },  # a bash of level 1 takes a socket for a login and reads ~/.bashrc
                    start_new_session=True,
                )
            except OSError:
                made.close()
                raise
        background.start(made._listen, name="failtale-proxy-words")
        return made

    _process: subprocess.Popen[bytes] | None = None

    def __init__(self, fileno: int) -> None:
        super().__init__(fileno=fileno)
        self._said = b""
        self._ended_with: int | None = None
        """The status with which the program ended by itself, where it had done so before we ended it."""
        self._has_ended = threading.Event()
        self._ending = threading.Lock()

    def why(self) -> str:
        """What the program said last and how it ended, in a clause; empty while it runs and says nothing."""
        self._has_ended.wait(_SETTLING_S)
        with self._ending:
            status = self._status()
        if status is not None:
            self._has_ended.wait(_LAST_WORDS_S)
        words = shorten(one_line(sanitize(decode(self._said).strip())), 200)
        ended = "" if status is None else f"its ProxyCommand ended with status {status}"
        return ": ".join(filter(None, (ended or (words and "its ProxyCommand says"), words)))

    def _status(self) -> int | None:
        """The program's exit status; it is left to be waited for, because its number is its group's as well."""
        if self._process is None or self._process.returncode is not None:
            return self._ended_with
        if not hasattr(os, "waitid"):  # macOS, before Python 3.13
            return None
        ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return None if ended is None else ended.si_status

    def close(self) -> None:
        super().close()
        with self._ending:
            if self._process is not None and self._process.returncode is None:
                self._ended_with = self._status()
                end_group(self._process)

    def _listen(self) -> None:
        """Keeps the end of what the program says on its standard error, so that it never waits for a reader."""
        process = self._process
        assert process is not None  # noqa: S101 - it was started before
        assert process.stderr is not None  # noqa: S101
        try:
            while chunk := process.stderr.read1():  # type: ignore[attr-defined]
                self._said = (self._said + chunk)[-_WORDS_BYTES:]
        except (OSError, ValueError):  # it was closed meanwhile
            pass
        self._has_ended.set()
