"""A host's name -> what the user's configuration of ssh says of it, as `ssh -G` reads it.

ssh itself is asked: it knows `Match`, `Include`, canonical names and its own defaults of today. Where there is no such
program, a reader of our own takes its place (`ssh_config_reading`). Neither is asked where the files say nothing that
is followed here: that costs a glance at the files and no process.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import pwd
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.lazy import dataclass, regex
from FailTaleLibrary.text import one_line, sanitize, shorten

if TYPE_CHECKING:
    import subprocess

NOWHERE = Path(os.devnull)
"""Stands for ``ssh: {config: none}``."""
SYSTEM_FILE = Path("/etc/ssh/ssh_config")
_USER_FILES = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_GLOBAL_FILES = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_FOLLOWED = (
    "hostname user port identityfile identitiesonly identityagent certificatefile userknownhostsfile "
    "globalknownhostsfile hostkeyalias proxyusefdpass proxyjump proxycommand canonicalizehostname canonicaldomains "
    "addressfamily bindaddress"
)
_OF_KEYS, _OF_LOGINS, _OF_CONNECTIONS = "unknown host key", "authentication refused", "unreachable"
_KEY_OUT = "put the key into an agent, or name a key file with 'ssh: {key: …}'"
_NOT_FOLLOWED = {
    "knownhostscommand": (
        "KnownHostsCommand",
        _OF_KEYS,
        "write what it prints into a file, 'ssh: {known_hosts: FILE}'",
    ),
    "verifyhostkeydns": (
        "VerifyHostKeyDNS",
        _OF_KEYS,
        "put the key into known_hosts: failtale check --accept-host-keys",
    ),
    "hostkeyalgorithms": (
        "HostKeyAlgorithms",
        _OF_KEYS,
        "pin the key with 'ssh: {host_key: SHA256:…}', or have known_hosts name it alone",
    ),
    "pkcs11provider": ("PKCS11Provider", _OF_LOGINS, "load its keys into an agent: ssh-add -s PROVIDER"),
    "securitykeyprovider": ("SecurityKeyProvider", _OF_LOGINS, _KEY_OUT),
    "hostbasedauthentication": ("HostbasedAuthentication", _OF_LOGINS, _KEY_OUT),
    "bindinterface": ("BindInterface", _OF_CONNECTIONS, "write 'BindAddress' with the address of that interface"),
}
"""What ssh would do and is not done here -> its name, the reason of the failures that may come of it, the way out."""
_OFF = ("", "no", "none", "false", "internal", "$SSH_SK_PROVIDER")
_USUAL_TYPES = frozenset(
    ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256"]
)
"""A list of `HostKeyAlgorithms` that has all of them restricts nothing."""
_MATTERING = (*_FOLLOWED.split(), *_NOT_FOLLOWED)
_MATTERING_LINE = regex(rf"^[ \t]*\"?(?:{'|'.join(_MATTERING)})\b", re.IGNORECASE | re.MULTILINE)
_INCLUDE_LINE = regex(r"^[ \t]*include(?:[ \t]*=[ \t]*|[ \t]+)(.*)$", re.IGNORECASE | re.MULTILINE)
_MAX_FILES, _MAX_BYTES = 200, 1024 * 1024
LASTS_S = 5.0
"""The longest that ssh may take: a `Match exec` may run anything, a canonical name may be looked up."""
_AT_ONCE = threading.BoundedSemaphore(4)
"""Processes of ssh: each takes 5 ms of a processor."""
_DEFAULT_KEY = regex(r"~/\.ssh/id_(?:rsa|dsa|ecdsa|ed25519|xmss)(?:_sk)?")


@dataclass(frozen=True, slots=True)
class NotFollowed:
    """Something that ssh goes by and FailTale does not."""

    sentence: str
    """With the way out."""
    reasons: tuple[str, ...]
    """Of the failures that may come of it."""


@dataclass(frozen=True, slots=True)
class HostConfig:
    """What is said of one host; empty where nothing is said."""

    hostname: str
    """What to connect to; the name itself where nothing is said."""
    user: str = ""
    port: int = 22
    identity_files: tuple[Path, ...] | None = None
    """None: nothing is said; empty: ``IdentityFile none``."""
    identities_only: bool = False
    identity_agent: str = ""
    certificate_files: tuple[Path, ...] = ()
    user_known_hosts: tuple[Path, ...] = ()
    global_known_hosts: tuple[Path, ...] = ()
    host_key_alias: str = ""
    proxy_jump: str = ""
    proxy_command: str = ""
    """Ready for a shell."""
    address_family: str = "any"
    """``any``, ``inet`` or ``inet6``."""
    bind_address: str = ""
    """Of this machine, where connections come from."""
    not_followed: tuple[NotFollowed, ...] = ()

    @property
    def known_hosts(self) -> tuple[Path, ...]:
        return (*self.user_known_hosts, *self.global_known_hosts)


def host_config(name: str, *, user: str | None, port: int | None, file: Path, lasts_s: float = LASTS_S) -> HostConfig:
    """What ``ssh [-l user] [-p port] name`` would go by. Raises TransportError when that cannot be told.

    ``file``: the user's own, beside which the system's counts; another one than ``~/.ssh/config`` counts alone, as
    with ``ssh -F``. ``lasts_s``: the longest that ssh may take.
    """
    is_usual = file == _usual_file()
    if file == NOWHERE or not _says_something(file, is_usual=is_usual):
        return _made({}, name, user=user, port=port)
    import shutil  # 5 ms, and few configurations say something

    program = shutil.which("ssh")
    if program is None:
        from FailTaleLibrary.transports.ssh_config_reading import read_files

        files = [file, SYSTEM_FILE] if is_usual else [file]
        said = read_files(files, name, user=user, port=port)
    else:
        said = _asked_of_ssh(program, name, user=user, port=port, file=file, is_usual=is_usual, lasts_s=lasts_s)
    return _made(said, name, user=user, port=port)


def default_known_hosts() -> tuple[str, ...]:
    """The files that count where nobody names others."""
    return tuple(os.path.expanduser(file) for file in (*_USER_FILES, *_GLOBAL_FILES))  # noqa: PTH111 - no home: as it is


def _usual_file() -> Path:
    with contextlib.suppress(RuntimeError):  # this user has no home directory
        return Path("~/.ssh/config").expanduser()
    return NOWHERE


def _file_of_ssh() -> Path:
    """What ssh itself reads, which takes no notice of HOME."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir) / ".ssh/config"
    except KeyError:  # a container's user without a name
        return NOWHERE


def other_file(file: Path) -> NotFollowed | None:
    """Whether ssh would read another file than ``file``, because HOME is not the home of the account."""
    of_ssh = _file_of_ssh()
    if file in (NOWHERE, of_ssh) or file != _usual_file() or not text_of(of_ssh):
        return None
    return NotFollowed(
        f"HOME is '{file.parent.parent}', so '{file}' counts; the program ssh itself reads '{of_ssh}', whatever "
        f"HOME is. To go by that one, write 'ssh: {{config: {of_ssh}}}'.",
        (_OF_KEYS, _OF_LOGINS, _OF_CONNECTIONS),
    )


# --- Whether there is anything to ask


def _says_something(file: Path, *, is_usual: bool) -> bool:
    """Whether a line of the files, or of what they include, may matter; what cannot be read is ssh's to judge."""
    waiting = [file, SYSTEM_FILE] if is_usual else [file]
    seen = set(waiting)
    while waiting:
        file = waiting.pop()
        says_something, includes = _judged(file)
        if says_something:
            return True
        for pattern in includes:
            for found in included_files(pattern, is_system=file.is_relative_to("/etc/ssh")):
                if found not in seen and len(seen) < _MAX_FILES:
                    seen.add(found)
                    waiting.append(found)
    return False


_judged_files: dict[Path, tuple[object, bool, tuple[str, ...]]] = {}
"""How a file was when it was read, whether a line of it may matter, and what it includes."""
_SETTLED_S = 0.1
"""A file that was written since may be written once more without a change of what the system says of it."""


def _judged(file: Path) -> tuple[bool, tuple[str, ...]]:
    """Whether a line of a file may matter, and what it includes: read once for all hosts, again when it was written."""
    try:
        status = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False, ()
    except OSError:
        return True, ()
    state = status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev, status.st_mode
    known = _judged_files.get(file)
    if known is not None and known[0] == state:
        return known[1:]
    text = text_of(file)
    judged = text is None or _MATTERING_LINE.search(text) is not None, tuple(_INCLUDE_LINE.findall(text or ""))
    if time.time() - max(status.st_mtime, status.st_ctime) > _SETTLED_S:
        _judged_files[file] = state, *judged
    return judged


def text_of(file: Path) -> str | None:
    """What a file says, nothing where there is none; None where it cannot be read."""
    try:
        if not file.is_file():
            return "" if not file.exists() else None
        with file.open("rb") as opened:
            return opened.read(_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return None


def included_files(patterns: str, *, is_system: bool) -> list[Path]:
    """The files that an `Include` names, in ssh's order."""
    import glob  # not wanted where nothing is included

    home = Path("/etc/ssh") if is_system else Path("~/.ssh").expanduser()
    found: list[Path] = []
    for pattern in (match[1] or match[2] for match in re.finditer(r'"([^"]*)"|(\S+)', patterns)):
        place = os.path.expanduser(pattern)  # noqa: PTH111 - leaves an unknown home as it is
        found += map(Path, sorted(glob.glob(str(home / place))))  # noqa: PTH207 - one pattern, absolute or not
    return found


# --- What ssh says


def _asked_of_ssh(
    program: str, name: str, *, user: str | None, port: int | None, file: Path, is_usual: bool, lasts_s: float
) -> Mapping[str, list[str]]:
    options, told = [], ""
    if not is_usual:
        options = ["-F", str(file)]
    elif file != _file_of_ssh():  # ssh takes no notice of HOME, which we go by
        options, told = ["-F", "/dev/stdin"], f'Include "{file}"\nInclude "{SYSTEM_FILE}"\n'
    options += ["-l", user] if user else []
    options += ["-p", str(port)] if port else []
    status, out, err = _run_bounded([program, "-G", *options, "--", name], told, lasts_s)
    if status is None:
        raise TransportError(
            "failed",
            f"The configuration of ssh for '{name}' took more than {lasts_s:g} s (a 'Match exec', or a name that is "
            f"looked up); mend it, or write 'ssh: {{config: none}}'.",
        )
    if status != 0:
        said = shorten(one_line(sanitize(err.strip() or out.strip())), 400)
        raise TransportError(
            "failed",
            f"ssh cannot read its configuration for '{name}': {said}; mend it, or write 'ssh: {{config: none}}'.",
        )
    values = _values_in(out)
    of_ssh = [" ".join(str(_file_of_ssh().parent / Path(each).name) for each in _USER_FILES)]
    if told and values.get("userknownhostsfile") == of_ssh:
        values["userknownhostsfile"] = [" ".join(_USER_FILES)]  # nothing is said of them: below HOME as well
    return values


def _values_in(printed: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for line in printed.splitlines():
        key, _, value = line.partition(" ")
        values.setdefault(key.lower(), []).append(value)
    return values


def _run_bounded(command: list[str], told: str, lasts_s: float) -> tuple[int | None, str, str]:
    """Exit status (None: it took too long and was ended, with all that it started), and what it printed."""
    import subprocess  # 10 ms, and not wanted where ssh is not asked

    ends = time.monotonic() + lasts_s
    if not _AT_ONCE.acquire(timeout=lasts_s):
        return None, "", ""
    try:
        process = subprocess.Popen(  # noqa: S603 - ssh
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,
        )
        try:
            out, err = process.communicate(told, timeout=max(0.1, ends - time.monotonic()))
            return process.returncode, out, err
        except subprocess.TimeoutExpired:
            return None, "", ""
        finally:
            end_group(process)
    finally:
        _AT_ONCE.release()


def end_group(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Ends a process that leads a session of its own, and all that it started there, at once."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.close()


# --- What it means


def _made(said: Mapping[str, list[str]], name: str, *, user: str | None, port: int | None) -> HostConfig:
    def first(key: str, default: str = "") -> str:
        return said.get(key, [default])[0]

    if first("proxyusefdpass") == "yes":
        raise TransportError(
            "failed",
            f"ssh's configuration for '{name}' has 'ProxyUseFdpass yes', which takes ssh itself; "
            "write 'ProxyCommand ssh -W [%h]:%p JUMPHOST' instead.",
        )
    hostname = first("hostname", name)
    login = user or first("user") or local_user()
    number = port or int(first("port", "22"))
    tokens = _Tokens(name, hostname, login, str(number), first("hostkeyalias"), first("proxyjump"))
    files = said.get("identityfile")
    if files is not None and len(files) > 2 and all(map(_DEFAULT_KEY.fullmatch, files)):
        files = None  # what ssh prints where nothing is said
    return HostConfig(
        hostname=hostname,
        user=first("user"),
        port=number,
        identity_files=None if files is None else tokens.paths(files),
        identities_only=first("identitiesonly").lower() in ("yes", "true"),
        identity_agent=tokens.expanded(_with_variables(first("identityagent"))),
        certificate_files=tokens.paths(said.get("certificatefile", [])),
        user_known_hosts=tokens.paths(_separate_paths(said.get("userknownhostsfile", [" ".join(_USER_FILES)]))),
        global_known_hosts=tokens.paths(_separate_paths(said.get("globalknownhostsfile", [" ".join(_GLOBAL_FILES)]))),
        host_key_alias=first("hostkeyalias"),
        proxy_jump=tokens.expanded(first("proxyjump"), "hnpr") if first("proxyjump").lower() != "none" else "",
        proxy_command=tokens.for_shell(first("proxycommand")) if first("proxycommand").lower() != "none" else "",
        address_family=first("addressfamily", "any").lower(),
        bind_address=first("bindaddress"),
        not_followed=tuple(_not_followed(said, name)),
    )


def _not_followed(said: Mapping[str, list[str]], name: str) -> Iterator[NotFollowed]:
    for key, (called, reason, way_out) in _NOT_FOLLOWED.items():
        value = said.get(key, [""])[0]
        restricts = _restricts(value) if key == "hostkeyalgorithms" else value not in _OFF
        if restricts:
            said_where = f"ssh's configuration for '{name}' has {called}, which FailTale does not follow"
            yield NotFollowed(f"{said_where}: {way_out}.", (reason,))


def _restricts(algorithms: str) -> bool:
    """Whether a list leaves out a usual type; one that begins with ``+`` or ``^`` leaves out none, with ``-`` some."""
    if algorithms[:1] in ("", "+", "^", "-"):
        return algorithms.startswith("-")
    return not set(algorithms.split(",")) >= _USUAL_TYPES


def local_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())


def _with_variables(text: str) -> str:
    """A text with the environment's variables that are set."""
    return re.sub(r"\$\{(\w+)\}", lambda match: os.environ.get(match[1], match[0]), text)


def _separate_paths(values: list[str]) -> list[str]:
    """Paths that are printed with spaces between them, and may have some inside: each begins with ``/`` or ``~``."""
    return [path for value in values for path in re.split(r"\s+(?=[/~]|\$\{)", value) if path]


_UNSAFE = regex(r"[\s'\"`$\\;&<>|(){}*?\[\]#!]|^-")
"""What a name may not have that goes into a shell's command, as ssh refuses it."""


@dataclass(frozen=True, slots=True)
class _Tokens:
    """What stands for ``%h`` and its like, for ``~`` and for ``${NAME}``."""

    name: str
    hostname: str
    user: str
    port: str
    alias: str
    jump: str

    def values(self) -> Mapping[str, str]:
        here = socket.gethostname()
        whole = f"{here}{self.hostname}{self.port}{self.user}"
        return {
            "%": "%",
            "C": hashlib.sha1(whole.encode(), usedforsecurity=False).hexdigest(),
            "d": os.path.expanduser("~"),  # noqa: PTH111 - leaves an unknown home as it is
            "h": self.hostname,
            "i": str(os.getuid()),
            "j": self.jump,
            "k": self.alias or self.name,
            "L": here.partition(".")[0],
            "l": here,
            "n": self.name,
            "p": self.port,
            "r": self.user,
            "u": local_user(),
        }

    def expanded(self, text: str, known: str = "CdhijkLlnpru") -> str:
        if "%" not in text:
            return text
        values = self.values()
        return re.sub(rf"%([%{known}])", lambda match: values[match[1]], text)

    def paths(self, texts: list[str]) -> tuple[Path, ...]:
        """Files; ``none`` is no file, and neither is one that names a variable that is not set."""
        found = []
        for text in texts:
            text = _with_variables(text)
            if text.lower() != "none" and "${" not in text:
                found.append(Path(os.path.expanduser(self.expanded(text))))  # noqa: PTH111 - leaves an unknown home
        return tuple(dict.fromkeys(found))

    def for_shell(self, command: str) -> str:
        """A command with the host's name in it. Raises TransportError for a name that a shell would obey."""
        used = re.findall("%(.)", command)
        for token, what, text in (("n", "name", self.name), ("h", "address", self.hostname), ("r", "user", self.user)):
            if token in used and _UNSAFE.search(text):
                raise TransportError(
                    "failed", f"'{shorten(sanitize(text), 80)}' cannot be the {what} of a host with a ProxyCommand."
                )
        return self.expanded(command, "hnpr")
