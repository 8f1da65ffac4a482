"""Files of ssh's configuration -> what they say of a host, where no program `ssh` can be asked.

paramiko's reader does the matching. What it does not know is done before it gets the text: `Include`, quotes, ``=`` and
comments, values that are said several times. What only ssh knows is refused with the way out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.transports.paramiko_import import load_paramiko
from FailTaleLibrary.transports.ssh_config import included_files, local_user, text_of

if TYPE_CHECKING:
    import paramiko

_LINE = re.compile(r'\s*"?(\w+)"?(?:\s*=\s*|\s+)(.*?)\s*$')
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|\'([^\']*)\'|(\S+)')
_BLOCKS = ("host", "match")
_SEVERAL = {"certificatefile": "localforward", "identityfile": "identityfile"}
"""Keys that count each time; paramiko knows that of three keys, of which one here is lent."""
_ONCE = ("port", "identitiesonly", "identityagent", "userknownhostsfile", "globalknownhostsfile", "hostkeyalias")
_NEEDS_SSH = re.compile(r"!?(?:exec|canonical|final|tagged|localnetwork|version|sessiontype|command)\b", re.IGNORECASE)
_DEEPEST = 16


def read_with_paramiko(files: list[Path], name: str, *, user: str | None, port: int | None) -> Mapping[str, list[str]]:
    """Values by key, as `ssh -G` prints them. Raises TransportError for what it takes ssh to read."""
    load_paramiko()
    import paramiko

    lines = [f"{key} {value}" for key, value in (("User", user), ("Port", port)) if value]
    for file in files:
        lines += ["Host *", *_lines_of(file, is_system=file.is_relative_to("/etc/ssh"), in_block=False, depth=0)]
    try:
        found = paramiko.SSHConfig.from_text("\n".join([*lines, ""])).lookup(name)
    except (paramiko.ConfigParseError, ValueError, KeyError) as error:
        raise TransportError("failed", f"The configuration of ssh cannot be read for '{name}': {error}.") from error
    return _as_ssh_prints(found, name)


def _lines_of(file: Path, *, is_system: bool, in_block: bool, depth: int) -> Iterator[str]:
    """The lines in the one form that paramiko reads."""
    for number, line in enumerate((text_of(file) or "").splitlines(), 1):
        parts = _LINE.match(line)
        if parts is None or line.lstrip().startswith("#"):
            continue
        key, words = parts[1].lower(), list(_words(parts[2]))
        at = f"line {number} of '{file}'"
        if key == "include":
            if in_block:
                raise _needs_ssh(at, "an 'Include' inside of a block")
            for found in included_files(parts[2], is_system=is_system) if depth < _DEEPEST else ():
                yield from _lines_of(found, is_system=is_system, in_block=False, depth=depth + 1)
                yield "Host *"  # a block of an included file ends with it
        elif key == "match":
            if _NEEDS_SSH.search(parts[2]):
                raise _needs_ssh(at, f"'Match {parts[2]}'")
            in_block = [word.lower() for word in words] != ["all"]
            yield f"Match {' '.join(words)}"
        elif key == "host":
            in_block = words != ["*"]
            yield f"Host {' '.join(words)}"
        elif words:
            text = parts[2] if key == "proxycommand" else " ".join(words)
            yield f"{_SEVERAL.get(key, key)} {text}"


def _needs_ssh(at: str, what: str) -> TransportError:
    return TransportError(
        "failed",
        f"The configuration of ssh has {what} ({at}), which takes the program 'ssh' to read; install it "
        "(openssh-client), or write 'ssh: {config: none}'.",
    )


def _words(text: str) -> Iterator[str]:
    """As ssh takes a value apart; a comment ends it."""
    for match in _WORD.finditer(text):
        if match[3] is not None and match[3].startswith("#"):
            return
        yield match[3] if match[3] is not None else match[1] if match[1] is not None else match[2]


def _as_ssh_prints(found: paramiko.SSHConfigDict, name: str) -> Mapping[str, list[str]]:
    values: dict[str, list[str]] = {
        "hostname": [found.get("hostname", name)],
        "user": [found.get("user", local_user())],
    }
    for key in (
        "port",
        "identitiesonly",
        "identityagent",
        "userknownhostsfile",
        "globalknownhostsfile",
        "hostkeyalias",
    ):
        if found.get(key):
            values[key] = [found[key]]
    for key, lent in _SEVERAL.items():
        if found.get(lent):
            values[key] = list(found[lent])
    if found.get("proxyjump"):
        values["proxyjump"] = [found["proxyjump"]]
    elif found.get("proxycommand"):
        values["proxycommand"] = [found["proxycommand"]]
    return values
