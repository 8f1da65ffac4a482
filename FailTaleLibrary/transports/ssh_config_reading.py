"""Files of ssh's configuration -> what they say of a host, where no program `ssh` can be asked.

As ssh_config(5) has it: of each key the first value counts, key files and certificates add up, `Host` and `Match` say
for whom the lines below them are. What takes ssh itself (a `Match exec`, canonical names) is refused with the way out.
paramiko's own reader knows no `Include`, and expands names before it knows the host (5.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.text import sanitize, shorten
from FailTaleLibrary.transports.known_hosts import pattern_matches
from FailTaleLibrary.transports.ssh_config import included_files, local_user, text_of

_LINE = re.compile(r'\s*"?(\w+)"?(?:\s*=\s*|\s+|$)(.*?)\s*$')
_WORD = re.compile(r""""((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)""")
_SEVERAL = ("identityfile", "certificatefile")
"""Keys of which all values count."""
_WAYS = ("proxyjump", "proxycommand")
"""Keys of which the first one counts, whichever it is."""
_RAW = ("proxycommand",)
"""Keys whose value is not taken apart."""
_LOWER = ("hostname", "hostkeyalias")
_DEEPEST = 16


def read_files(files: list[Path], name: str, *, user: str | None, port: int | None) -> Mapping[str, list[str]]:
    """Values by key, as `ssh -G` prints them. Raises TransportError for what it takes ssh to read."""
    reading = _Reading(name)
    reading.take("user", [user] if user else [])
    reading.take("port", [str(port)] if port else [])
    for file in files:
        reading.read(file, is_system=file.is_relative_to("/etc/ssh"))
    if (canonical := reading.values.get("canonicalizehostname", ["no"])[0]).lower() not in ("no", "false", "none"):
        raise _needs_ssh(f"CanonicalizeHostname {canonical}", f"for '{name}'")
    return {"user": [local_user()], **reading.values, "hostname": [reading.hostname]}


@dataclass(slots=True)
class _Reading:
    """What was said of a host so far."""

    name: str
    values: dict[str, list[str]] = field(default_factory=dict)

    @property
    def hostname(self) -> str:
        said = self.values.get("hostname", ["%h"])[0]
        return re.sub("%([%h])", lambda match: "%" if match[1] == "%" else self.name, said).lower()

    def take(self, key: str, words: list[str]) -> None:
        if key in _SEVERAL:
            new = [word for word in words if word not in self.values.get(key, ())]
            self.values[key] = [*self.values.get(key, ()), *new]
        elif words and not any(each in self.values for each in (_WAYS if key in _WAYS else (key,))):
            self.values[key] = [" ".join(words).lower() if key in _LOWER else " ".join(words)]

    def read(self, file: Path, *, is_system: bool, is_meant: bool = True, depth: int = 0) -> None:
        """A file, of which nothing counts when it is included for other hosts."""
        counts = is_meant
        for number, line in enumerate((text_of(file) or "").splitlines(), 1):
            parts = _LINE.match(line)
            if parts is None or line.lstrip().startswith("#"):
                continue
            key, words = parts[1].lower(), list(_words(parts[2]))
            self._refuse_what_ssh_refuses(key, words, f"line {number} of '{file}'")
            if key == "host":
                counts = is_meant and self._is_host(words)
            elif key == "match":
                counts = is_meant and self._matches(words, f"line {number} of '{file}'")
            elif key == "include":
                for found in included_files(parts[2], is_system=is_system) if depth < _DEEPEST else ():
                    self.read(found, is_system=is_system, is_meant=counts, depth=depth + 1)
            elif counts:
                self.take(key, [parts[2]] if key in _RAW else words)

    @staticmethod
    def _refuse_what_ssh_refuses(key: str, words: list[str], at: str) -> None:
        why = "" if words else f"'{key}' without a value"
        if key == "port" and words and not re.fullmatch(r"[0-9]{1,5}", words[0]):
            why = f"'Port {shorten(sanitize(words[0]), 40)}', which is no number"
        if why:
            raise TransportError(
                "failed", f"The configuration of ssh has {why} ({at}); mend it, or write 'ssh: {{config: none}}'."
            )

    def _is_host(self, patterns: list[str]) -> bool:
        refused = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
        if any(pattern_matches(pattern, self.name) for pattern in refused):
            return False
        return any(pattern_matches(pattern, self.name) for pattern in patterns)

    def _matches(self, words: list[str], at: str) -> bool:
        """Whether all conditions of a `Match` hold."""
        holds = True
        waiting = iter(words)
        for word in waiting:
            condition, equals, value = word.lstrip("!").partition("=")
            condition = condition.lower()
            if condition == "all":
                continue
            subject = {
                "host": lambda: self.hostname,
                "originalhost": lambda: self.name.lower(),
                "user": lambda: self.values.get("user", [local_user()])[0],
                "localuser": local_user,
            }.get(condition)
            if subject is None:
                raise _needs_ssh(f"Match {word}", at)
            patterns = value if equals else next(waiting, "")
            holds = holds and _is_listed(patterns, subject(), ignore_case="host" in condition) != word.startswith("!")
        return holds


def _is_listed(patterns: str, text: str, *, ignore_case: bool) -> bool:
    """Whether a list with commas has a pattern for a text; one that begins with ``!`` refuses it."""
    listed = [pattern.lower() if ignore_case else pattern for pattern in patterns.split(",")]
    if any(pattern_matches(pattern[1:], text) for pattern in listed if pattern.startswith("!")):
        return False
    return any(pattern_matches(pattern, text) for pattern in listed)


def _needs_ssh(what: str, at: str) -> TransportError:
    return TransportError(
        "failed",
        f"The configuration of ssh has '{what}' ({at}), which takes the program 'ssh' to read; install it "
        "(openssh-client), or write 'ssh: {config: none}'.",
    )


def _words(text: str) -> Iterator[str]:
    """As ssh takes a value apart; a comment ends it."""
    for match in _WORD.finditer(text):
        if match[3] is not None and match[3].startswith("#"):
            return
        yield next(group for group in match.groups() if group is not None)
