"""A prefix (`docker exec -i NAME`) and the way to its machine -> the way to what the prefix leads into.

The whole visit takes place in there: `on_host/visit.sh` runs in the container's own shell and ends its own processes,
which the end of the engine's client alone would not (a killed `docker exec` or `podman exec` leaves them). The client
is guarded on the machine: when the channel ends and it does not, as with an engine or a container that is frozen, it
is killed after a while.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from FailTaleLibrary.breaker import Breaker
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.lazy import dataclass, regex
from FailTaleLibrary.records import GapReason
from FailTaleLibrary.transports.base import CommandResult, Items, OnResult, Script, Transport
from FailTaleLibrary.transports.crowd import crowd
from FailTaleLibrary.transports.gates import gate_line_inside
from FailTaleLibrary.transports.visit import hold_visit, visit_for_one
from FailTaleLibrary.transports.visit_host import KnownLogin, Shell

_LONGER_THAN_A_VISIT_S = 9
"""After the end of standard input a visit ends within 6 s; who is there still cannot hear it."""
_DEAR_S = 3.0
"""What costs a failure more than this is not tried again at once."""
_HARMLESS = regex(r"[A-Za-z0-9_@%+=:,./-]+")
_PLAIN = regex(r"[A-Za-z0-9_@+=:,./;() {}\[\]&|<>~^#*?-]")
"""What stands for itself between double quotes of `sh` and between single quotes of any login shell: not `!`, which csh
takes up, nor the backslash, which fish does."""


class Machine(Protocol):
    """The way to the machine from which a prefix leads on, as far as it is needed here."""

    name: str
    known: KnownLogin

    def start(self, command_line: str, *, wait_s: float) -> Shell: ...

    def start_another(self, command_line: str, *, wait_s: float) -> Shell | None: ...

    def connect(self) -> None: ...

    @property
    def is_open(self) -> bool: ...


# --- The command line


def inside_command_line(prefix: Sequence[str], command_line: str) -> str:
    """The command line that runs another one behind a prefix, for any login shell.

    Whatever the words of the prefix hold, no login shell sees more than one text in single quotes without quotes,
    backslashes or exclamation marks that mean something to it.
    """
    words = " ".join(word if _HARMLESS.fullmatch(word) else f'"{_encoded(word)}"' for word in prefix)
    guarded = (
        f'b="{_encoded(command_line)}";'
        'e() { [ "$(command -v kill)" = kill ] && kill -0 "-$$" && kill -KILL "-$$"; } 2>/dev/null;'
        f'{{ cat;exec >&-;sleep {_LONGER_THAN_A_VISIT_S};e; }}|{{ {words} sh -c "$b";e; }}'
    )
    return f"exec sh -c '{guarded}'"


def _encoded(text: str) -> str:
    """A text between double quotes of a shell, in which runs of what might mean something are octal numbers."""
    pieces = []
    for special, run in _runs(text):
        octal = "".join(f"\\{byte:03o}" for byte in run.encode("utf-8", "surrogateescape"))
        pieces.append(f'$(printf "{octal}")' if special else run)
    return "".join(pieces)


def _runs(text: str) -> list[tuple[bool, str]]:
    runs: list[tuple[bool, str]] = []
    for char in text:
        special = _PLAIN.fullmatch(char) is None
        if runs and runs[-1][0] == special:
            runs[-1] = (special, runs[-1][1] + char)
        else:
            runs.append((special, char))
    return runs


def inside_shown(prefix: Sequence[str], command: str) -> str:
    """What a person types on the machine to run a command behind a prefix."""
    return shlex.join([*prefix, "sh", "-c", command]) if prefix else command


# --- What is said when a prefix does not lead to a shell


@dataclass(frozen=True, slots=True)
class Words:
    """What the words of an engine mean. The first row that matches is theirs."""

    reason: GapReason
    pattern: str
    """Regular expression, read without regard to case."""
    sentence: str
    """With ``{prefix}``, ``{program}``, ``{host}`` and ``{said}``."""
    examples: tuple[str, ...]
    """As programs print it."""


WORDS: tuple[Words, ...] = (
    Words(
        "refused",
        r"failtale-gate \d+: refused",
        "the gate on '{host}' was made from another configuration: it does not know '{prefix}' ({said}); make it "
        "anew with 'failtale gate {host}'",
        ("failtale-gate 1: refused: this gate leads into no such place.",),
    ),
    Words(
        "permission denied",
        r"permission denied while trying to connect|docker\.sock: connect: permission denied"
        r"|podman\.sock.*permission denied"
        r"|sudo: a password is required|a terminal is required to|is not in the sudoers file|not allowed to execute"
        r"|nsenter: .*(operation not permitted|permission denied)|setting the network namespace .* not permitted"
        r"|cannot open network namespace .* permission denied|mount of /sys failed: operation not permitted"
        r"|must be (run as )?root|permission denied.*(runtime|libpod|storage)",
        "the account may not use '{program}' on '{host}': {said}; let it run exactly this by a sudoers rule and write "
        "'inside: sudo -n {prefix}'",
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "
            '"http://%2Fvar%2Frun%2Fdocker.sock/v1.24/containers/web/json": dial unix /var/run/docker.sock: connect: '
            "permission denied",
            "sudo: a password is required",
            "sudo: a terminal is required to read the password; either use the -S option to read from standard input",
            "ann is not in the sudoers file.",
            "nsenter: cannot open /proc/1/ns/net: Permission denied",
            "nsenter: reassociate to namespace 'ns/net' failed: Operation not permitted",
            'setting the network namespace "lab" failed: Operation not permitted',
        ),
    ),
    Words(
        "refused",
        r"cannot connect to the docker daemon|is the docker daemon running|cannot connect to podman"
        r"|unable to connect to podman|docker\.sock: connect: (no such file|connection refused)",
        "the container engine on '{host}' does not run: {said}; see 'systemctl status {program}' there",
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            "Cannot connect to Podman. Please verify your connection to the Linux system",
        ),
    ),
    Words(
        "not running",
        r"no such container|no container with (name or )?id|no such object|container .*is not running"
        r"|can only create exec sessions on running|container state improper|container .*is paused|is restarting, wait"
        r"|cannot exec in a (stopped|paused)|container does not exist|service \S+ is not running|no such service"
        r'|pods? "[^"]*" not found|cannot exec into a container that is not running',
        "'{prefix}' leads into a container that is not there or does not run: {said}; compare the name with "
        "'{program} ps --all' on '{host}'",
        (
            "Error response from daemon: No such container: web",
            "Error: No such container: web",
            'Error: no container with name or ID "web" found: no such container',
            "Error response from daemon: container 7f2c is not running",
            "Error: can only create exec sessions on running containers: container state improper",
            "Error response from daemon: Container 7f is paused, unpause the container before exec",
            "Error response from daemon: Container 7f is restarting, wait until the container is running",
            'service "web" is not running',
            'Error from server (NotFound): pods "web" not found',
        ),
    ),
    Words(
        "not running",
        r'cannot open /proc/\d+/ns/\S+: no such file|cannot open network namespace "[^"]*": no such file',
        "'{prefix}' leads into a namespace that is not there on '{host}': {said}; see 'lsns' and 'ip netns list' there",
        (
            "nsenter: cannot open /proc/4711/ns/net: No such file or directory",
            'Cannot open network namespace "lab": No such file or directory',
        ),
    ),
    Words(
        "command not found",
        r'exec:? \\?"/?(bin/)?sh\\?"|executable file `?/?(bin/)?sh`? not found|nsenter: failed to execute sh'
        r'|exec of "sh" failed|\bsh: no such file or directory|"sh": executable file not found',
        "there is no shell 'sh' behind '{prefix}', as in images without a distribution, so nothing can be run in "
        "there; collect on the machine itself, e.g. with the preset 'containers' ({said})",
        (
            'OCI runtime exec failed: exec failed: unable to start container process: exec: "sh": executable file not '
            "found in $PATH: unknown",
            'Error: runc: exec failed: unable to start container process: exec: "sh": executable file not found in '
            "$PATH: OCI runtime attempted to invoke a command that was not found",
            "Error: crun: executable file `sh` not found in $PATH: No such file or directory: OCI runtime attempted to "
            "invoke a command that was not found",
            "nsenter: failed to execute sh: No such file or directory",
            'exec of "sh" failed: No such file or directory',
        ),
    ),
    Words(
        "command not found",
        r"\b(head|date|setsid|sleep|tail): (applet |command )?not found",
        "the shell behind '{prefix}' lacks a program that FailTale needs there ({said}); collect on the machine "
        "itself, e.g. with the preset 'containers'",
        ("sh: head: not found", "sh: 1: head: not found", "sh: line 1: head: command not found"),
    ),
    Words(
        "command not found",
        r"{program}: (command )?not found|\bnot found: {program}|unknown command {program}|{program}: no such file",
        "'{program}' is not on '{host}': {said}",
        ("sh: 1: docker: not found", "sh: line 1: docker: command not found", "sh: docker: not found"),
    ),
)


def error_of(said: str, prefix: Sequence[str], host: str) -> TransportError:
    """The error for a prefix that leads to no shell, from what was said instead."""
    program = _engine_of(prefix)
    shown = shlex.join(prefix)
    for row in WORDS:
        pattern = row.pattern.replace("{program}", re.escape(program))
        if re.search(pattern, said, re.IGNORECASE):
            sentence = row.sentence.format(prefix=shown, program=program, host=host, said=said)
            return TransportError(row.reason, sentence[:1].upper() + sentence[1:])
    if not said:
        return TransportError("no answer", f"'{shown}' on '{host}' starts no shell and says nothing.")
    return TransportError("failed", f"'{shown}' on '{host}' starts no shell; it says: {said}")


def _engine_of(prefix: Sequence[str]) -> str:
    """The engine: the first word that is no `sudo` and no option."""
    words = [word for word in prefix if not word.startswith("-") and word != "sudo"]
    return (words or list(prefix))[0].rpartition("/")[2]


# --- The way


class InsideTransport(Transport):
    """The way behind a prefix. Connections are the machine's; clock, login and breaker are its own."""

    def __init__(
        self, machine: Machine, prefix: Sequence[str], *, hello_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = machine.name
        self.hello_s = hello_s
        self.known = KnownLogin(is_program=True)
        self._machine = machine
        self._prefix = tuple(prefix)
        self._breaker = Breaker(final=(), clock=clock)

    @property
    def is_open(self) -> bool:
        return self._machine.is_open and self._breaker.is_closed

    def connect(self) -> None:
        self._machine.connect()

    def visit(self, items: Items, *, ends_at: float, cancel: threading.Event, on_result: OnResult) -> None:
        if refusal := self._breaker.attempt():
            raise TransportError(refusal.cause, str(refusal))
        began = time.monotonic()
        self.known.has_gate = self.known.has_gate or self._machine.known.has_gate
        try:
            with crowd.joined(ends_at=ends_at, cancel=cancel) if self.known.has_shell else contextlib.nullcontext():
                began = time.monotonic()
                hold_visit(self, items, ends_at=ends_at, cancel=cancel, on_result=on_result)
        except TransportError as error:
            if time.monotonic() - began > _DEAR_S:  # what is told at once may be otherwise at the next failure
                self._breaker.failed(error.reason, str(error))
            raise
        self._breaker.succeeded()

    def run(self, script: Script, *, timeout_s: float, max_bytes: int, cancel: threading.Event) -> CommandResult:
        return visit_for_one(
            self.visit, script, timeout_s=timeout_s, max_bytes=max_bytes, cancel=cancel, known=self.known
        )

    # What a visit asks of a host

    def start(self, command_line: str, *, wait_s: float) -> Shell:
        return self._machine.start(self._line(command_line), wait_s=wait_s)

    def start_another(self, command_line: str, *, wait_s: float) -> Shell | None:
        return self._machine.start_another(self._line(command_line), wait_s=wait_s)

    def _line(self, command_line: str) -> str:
        """A gate has the prefix itself, and is told which."""
        return gate_line_inside(command_line, self._prefix) or inside_command_line(self._prefix, command_line)

    def no_shell(self, words: str, *, lacks: str = "") -> TransportError:
        error = error_of(words, self._prefix, self.name)
        return InsideError(error.reason, str(error))


class InsideError(TransportError):
    """A prefix does not lead to a shell."""
