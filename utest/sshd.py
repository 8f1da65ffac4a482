"""Real OpenSSH servers on loopback for tests and benches, one per "host": own port, keys, directory and faults.

Runs as any user; the login is always the user who runs it, unless a root's server is told to authorise another one.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from patience import PATIENCE_S, wait_until
from ports import free_port

LOGIN_S = 60
BINARY = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin:" + os.environ.get("PATH", ""))


class Sshd:
    """One host: a directory with its keys and configuration, and an sshd that can be started, stopped and hurt.

    Usable as a context manager, which starts and stops it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "host",
        user: str | None = None,
        options: Iterable[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """``options`` are lines of `sshd_config`, ``environment`` is what commands find; both win over what is here.

        ``user`` is who logs in.
        """
        self.name = name
        self.address = "127.0.0.1"
        self.port = free_port()
        self.user = user or getpass.getuser()
        self.directory = directory
        self.log: list[str] = []
        """What the server has said so far, at level VERBOSE."""
        self.options = list(options)
        self._environment = {"HOME": str(directory), **(environment or {})}
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        directory.mkdir(parents=True, exist_ok=True)
        self.host_key = self.new_host_key()
        self.key = new_key(directory / "id_ed25519")
        self.authorize(self.key)

    def __enter__(self) -> Sshd:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- Life

    def start(self) -> None:
        """Start it; returns when it listens."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # its privilege separation wants an empty directory
        config = self.directory / "sshd_config"
        config.write_text(self._config())
        self._process = subprocess.Popen(
            [str(BINARY), "-D", "-e", "-f", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        listens = threading.Event()
        self._reader = threading.Thread(target=self._read_log, args=(self._process, listens), daemon=True)
        self._reader.start()
        if not listens.wait(PATIENCE_S):
            self.stop()
            raise RuntimeError("sshd does not listen: " + "\n".join(self.log))

    def stop(self) -> None:
        """End it and all its connections, as a power cut would."""
        if self._process is None:
            return
        self.signal(signal.SIGKILL, self.session_pids())
        self._process.kill()
        self._process.wait()
        assert self._reader is not None
        assert self._process.stderr is not None
        self._reader.join(PATIENCE_S)
        self._process.stderr.close()
        self._process = None

    def restart(self) -> None:
        """Reboot: all connections are gone, the port and the keys stay."""
        self.stop()
        self.start()

    # --- Faults

    def kill_sessions(self) -> None:
        """End the server processes of all connections; the server itself goes on."""
        self.signal(signal.SIGKILL, self.session_pids())

    def freeze(self) -> None:
        """Fall silent: connections stay, nobody answers."""
        self.signal(signal.SIGSTOP, self.server_pids())

    def thaw(self) -> None:
        self.signal(signal.SIGCONT, self.server_pids())

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def server_pids(self) -> list[int]:
        """The server and the server processes of its connections; not the commands that these run."""
        return [*([self._process.pid] if self._process else []), *self.session_pids()]

    def session_pids(self) -> list[int]:
        if self._process is None:
            return []
        return [pid for pid in _descendants(self._process.pid) if _command(pid).startswith("sshd")]

    @property
    def is_behind(self) -> bool:
        """Whether somebody has sent it something that it has not read, or the other way round."""
        return _bytes_on_the_way(self.port) > 0

    def wait_until_all_is_sent(self) -> None:
        """Wait until what its commands have printed so far has reached the clients.

        What is printed passes from process to process before it is in the socket. A process that has something to pass
        on does not sleep, and three looks are as many as there are such processes in a row.
        """
        looks = 0

        def is_quiet() -> bool:
            nonlocal looks
            looks = looks + 1 if self._has_sent_all() else 0
            return looks > 2

        if not wait_until(is_quiet):
            raise RuntimeError(f"{self.name} has not sent all that its commands have printed")

    def _has_sent_all(self) -> bool:
        assert self._process is not None
        works = any(_state(pid) in ("R", "D") for pid in _descendants(self._process.pid))
        return not works and not self.is_behind

    @staticmethod
    def signal(number: int, pids: Iterable[int]) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    # --- Keys

    def new_host_key(self) -> Path:
        """Give it another host key, from its next start on."""
        self.host_key = new_key(self.directory / "host_key")
        return self.host_key

    def authorize(self, *keys: Path) -> None:
        """Let in who holds one of these keys, and nobody else."""
        lines = [key.with_name(key.name + ".pub").read_text() for key in keys]
        (self.directory / "authorized_keys").write_text("".join(lines))

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.host_key)

    @property
    def known_hosts_line(self) -> str:
        public = self.host_key.with_name(self.host_key.name + ".pub").read_text().split()
        return f"[{self.address}]:{self.port} {public[0]} {public[1]}\n"

    def ssh_settings(self, **overrides: Any) -> dict[str, Any]:
        """The `ssh` section of a host in a configuration that trusts this server and can log in to it.

        On a busy machine a login may take long; who tests how long it may take says so.
        """
        known_hosts = self.directory / "known_hosts"
        known_hosts.write_text(self.known_hosts_line)
        settings = {"user": self.user, "port": self.port, "key": self.key, "known_hosts": known_hosts, "config": "none"}
        if "connect_timeout_s" not in overrides:
            settings["connect_timeout"] = LOGIN_S
        return {name: value for name, value in {**settings, **overrides}.items() if value is not None}

    # --- What it has seen

    @property
    def connections_seen(self) -> int:
        return sum("Connection from" in line for line in list(self.log))

    @property
    def logins_seen(self) -> int:
        return sum("Accepted publickey" in line for line in list(self.log))

    @property
    def sessions_seen(self) -> int:
        return sum(line.startswith("Starting session") for line in list(self.log))

    def leftovers(self) -> list[str]:
        """Command lines of what was started through this server and still runs, whoever its parent is now.

        Its commands are recognised by their HOME, which is this server's directory and not that of whoever runs the
        tests, so that nobody's start-up files slow them down.
        """
        return running_with(f"HOME={self._environment['HOME']}")

    # --- Inside

    def _config(self) -> str:
        ours = [
            f"ListenAddress {self.address}:{self.port}",
            f"HostKey {self.host_key}",
            f"AuthorizedKeysFile {self.directory / 'authorized_keys'}",
            "PidFile none",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "LogLevel VERBOSE",
            "MaxStartups 100",
            "SetEnv " + " ".join(f"{name}={value}" for name, value in self._environment.items()),
        ]
        return "\n".join([*self.options, *ours, ""])  # sshd takes the first value that it reads

    def _read_log(self, process: subprocess.Popen[str], listens: threading.Event) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.log.append(line.rstrip())
            if line.startswith("Server listening"):
                listens.set()


@contextlib.contextmanager
def throw_away_user(
    *, password: str = "*", shell: str = "/bin/sh", home: Path = Path("/nonexistent"), expires_on: str = ""
) -> Iterator[str]:
    """A user of this machine, for as long as it lasts; needs root. The password ``!`` makes a locked account."""
    name = f"failtale{os.getpid()}"
    _change_users("useradd", "-M", "-d", str(home), "-s", shell, "-p", password, "-e", expires_on, name)
    try:
        yield name
    finally:
        _change_users("userdel", name)


def _change_users(*words: str) -> None:
    """Tries again while another process changes them, or one still runs as the user who is to go."""
    deadline = time.monotonic() + PATIENCE_S
    while (done := subprocess.run(words, capture_output=True, text=True, check=False)).returncode:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{words[0]} {words[-1]}: {done.stderr.strip()}")
        time.sleep(0.05)


@contextlib.contextmanager
def key_agent(directory: Path, *keys: Path) -> Iterator[Path]:
    """The socket of an ssh-agent that holds some keys."""
    directory.mkdir()
    place = directory / "socket"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(place)], stdout=subprocess.DEVNULL)
    try:
        while not place.exists():
            time.sleep(0.01)
        environment = {**os.environ, "SSH_AUTH_SOCK": str(place)}
        subprocess.run(["ssh-add", "-q", *map(str, keys)], env=environment, check=True, capture_output=True)
        yield place
    finally:
        agent.terminate()
        agent.wait()


def new_key(path: Path, *, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A fresh key pair in ``path`` and ``path.pub``."""
    path.unlink(missing_ok=True)
    quick = ["-a", "1", *(["-b", "2048"] if kind == "rsa" else [])]
    subprocess.run(
        ["ssh-keygen", "-q", *quick, "-t", kind, "-N", passphrase, "-C", "tests", "-f", str(path)], check=True
    )
    return path


def fingerprint(key: Path) -> str:
    """``SHA256:…`` of a key file, as ssh-keygen tells it."""
    told = subprocess.run(["ssh-keygen", "-lf", str(key)], check=True, capture_output=True, text=True)
    return told.stdout.split()[1]


def running_with(variable: str) -> list[str]:
    """Command lines of the processes that have ``NAME=value`` in their environment."""
    return [words_of(pid) for pid in pids_with(variable)]


def pids_with(variable: str) -> list[int]:
    """The processes that have ``NAME=value`` in their environment; sshd's own not counted."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if variable.encode() in _proc(pid, "environ") and not _command(pid).startswith("sshd")]


def words_of(pid: int) -> str:
    """Its command line, cut."""
    return b" ".join(_proc(pid, "cmdline")).decode(errors="replace").strip()[:200]


def parent_of(pid: int) -> int:
    """0 once it is gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    return 0


def _proc(pid: int, name: str) -> list[bytes]:
    with contextlib.suppress(OSError):  # it has ended, or is another user's
        return Path(f"/proc/{pid}/{name}").read_bytes().split(b"\0")
    return []


def _descendants(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (entry / "stat").read_text(errors="replace")
                parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        children = parents.get(queue.pop(), [])
        found += children
        queue += children
    return found


def _state(pid: int) -> str:
    """``S`` where it waits for something; empty once it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    return ""


def _bytes_on_the_way(port: int) -> int:
    """What the connections of a port hold on this machine, on both ends: not acknowledged, or not read."""
    found = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, queues, *_ = line.split()
        if state == "01" and port in (int(local.rpartition(":")[2], 16), int(remote.rpartition(":")[2], 16)):
            found += sum(int(each, 16) for each in queues.split(":"))
    return found


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    return ""
