"""`known_hosts` files -> which keys a host may have, which authorities may sign them, and which are revoked.

`KnownHosts` is what one file says; `KnownHostsFiles` reads each file once for all hosts of a run.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import stat
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from FailTaleLibrary.files import read_at_most
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.log import logger_of

MAX_BYTES = 64 * 1024 * 1024
"""Of a file: a line with a hashed name and an RSA key has 500, so that this is more than 100,000 of them."""
MAX_LINE_CHARS = 16 * 1024
"""The longest key that OpenSSH makes, RSA with 16,384 bits, has 2,800."""
MAX_NOTES = 20
HASHED_AHEAD = 2000
"""Up to so many hashed names are looked through before a host is visited; each costs 4 microseconds, for each host."""

_log = logger_of(__name__)

# --- What a file says


@dataclass(frozen=True, slots=True)
class HostKey:
    """A public key."""

    type: str
    """``ssh-ed25519``, ``ecdsa-sha2-nistp256``, ``ssh-rsa`` …"""
    blob: bytes

    @classmethod
    def from_blob(cls, blob: bytes) -> HostKey:
        """A key as it travels: its type stands in front. Raises ValueError where that is no text."""
        length = int.from_bytes(blob[:4], "big")
        return cls(blob[4 : 4 + length].decode("ascii"), blob)

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -lf` prints it; SHA-256, because MD5 is forbidden on FIPS machines."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode()
        return f"SHA256:{digest.rstrip('=')}"

    def __str__(self) -> str:
        return f"{self.type} {self.fingerprint}"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that a file has for a host, or of an authority for it."""

    key: HostKey
    line: int
    """1-based."""
    revoked: bool = False
    source: str = ""
    """How the file is called."""

    @property
    def place(self) -> str:
        return f"line {self.line} of '{self.source}'"


class _Line(NamedTuple):
    """An entry as it is written: keys are decoded when somebody asks for them, because a file has many."""

    patterns: str
    key_type: str
    encoded: str
    number: int
    marker: str
    """``@revoked``, ``@cert-authority``, or empty."""

    def known_keys(self, source: str) -> Iterator[KnownKey]:
        """The key; none when it turns out to be damaged."""
        with contextlib.suppress(ValueError):
            key = _decoded_host_key(self.key_type, self.encoded)
            yield KnownKey(key, self.number, self.marker == "@revoked", source)


@dataclass(slots=True)
class KnownHosts:
    """The entries of a file, indexed; ``name`` is ``host``, or ``[host]:port`` unless that is 22."""

    source: str = ""
    """How messages call the file."""
    notes: list[str] = field(default_factory=list)
    """A sentence for each line that was skipped, the first ones."""
    _authorities: list[_Line] = field(default_factory=list)
    """Who may sign the certificates of hosts; a file has few."""
    _by_name: defaultdict[str, list[_Line]] = field(default_factory=lambda: defaultdict(list))
    _with_patterns: list[_Line] = field(default_factory=list)
    _hashed: list[_Line] = field(default_factory=list)
    _hashed_by_key: defaultdict[str, list[_Line]] = field(default_factory=lambda: defaultdict(list))
    """The same: who knows the key need not hash a name for each line."""

    def add(self, line: _Line) -> None:
        """An entry: a hashed name, or names and patterns with commas between them."""
        patterns = line.patterns
        if line.marker == "@cert-authority":
            self._authorities.append(line)
        elif patterns[0] == "|":
            self._hashed.append(line)
            self._hashed_by_key[line.encoded].append(line)
        elif "*" in patterns or "?" in patterns or "!" in patterns:
            self._with_patterns.append(line)
        elif "," in patterns:
            for name in set(patterns.lower().split(",")):
                self._by_name[name].append(line)
        else:
            self._by_name[patterns.lower()].append(line)

    def keys_of(self, name: str) -> tuple[KnownKey, ...]:
        """All keys of a host, in the order of the file."""
        hashed = (line for line in self._hashed if _names_hashed(line.patterns, name.lower()))
        return self._keys(chain(self._in_clear(name.lower()), hashed))

    def authorities_of(self, name: str) -> tuple[KnownKey, ...]:
        """The keys of those who may sign a host's certificate."""
        return self._keys(line for line in self._authorities if _is_about(line, name.lower()))

    def keys_ahead(self, name: str) -> tuple[KnownKey, ...]:
        """The same at little cost: without the hashed names where there are many of them."""
        if len(self._hashed) <= HASHED_AHEAD:
            return self.keys_of(name)
        return self._keys(self._in_clear(name.lower()))

    def entries_of(self, name: str, key: HostKey) -> tuple[KnownKey, ...]:
        """What the file says of a key as a host's own."""
        encoded = base64.b64encode(key.blob).decode()
        in_clear = (line for line in self._in_clear(name.lower()) if line.encoded == encoded)
        hashed = (line for line in self._hashed_by_key.get(encoded, ()) if _names_hashed(line.patterns, name.lower()))
        return self._keys(chain(in_clear, hashed))

    def _keys(self, lines: Iterable[_Line]) -> tuple[KnownKey, ...]:
        in_order = sorted(lines, key=lambda line: line.number)
        return tuple(known for line in in_order for known in line.known_keys(self.source))

    def _in_clear(self, name: str) -> Iterator[_Line]:
        yield from self._by_name.get(name, ())
        yield from (line for line in self._with_patterns if _names_host(line.patterns.lower(), name))


def read_known_hosts(path: Path) -> KnownHosts:
    """What a file says; nothing when there is none. Raises OSError when it cannot be read."""
    try:
        kind = path.stat().st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISCHR(kind)):  # `/dev/null` is a usual way to say "none"
            raise OSError(0, "it is no file")
        with path.open("rb") as file:
            raw = read_at_most(file, MAX_BYTES + 1)
    except FileNotFoundError:
        return KnownHosts(str(path))
    if len(raw) > MAX_BYTES:
        raise OSError(0, f"it has more than {MAX_BYTES // 1024 // 1024} MiB")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise OSError(0, "it is UTF-16, as PowerShell writes it; save it as UTF-8")
    return parse_known_hosts(raw.decode("utf-8-sig", "replace"), str(path))


def parse_known_hosts(text: str, source: str) -> KnownHosts:
    """What the text of a file says; ``source`` is how the notes call it."""
    known_hosts, skipped = KnownHosts(source), 0
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split(None, 4)
        if not words or words[0][0] == "#":
            continue
        try:
            known_hosts.add(_parsed_line(words, line, number))
        except ValueError as error:
            skipped += 1
            if skipped <= MAX_NOTES:
                known_hosts.notes.append(f"Line {number} of '{source}' was skipped: {error}.")
    if skipped > MAX_NOTES:
        known_hosts.notes.append(f"{skipped - MAX_NOTES} more lines of '{source}' were skipped.")
    return known_hosts


def _parsed_line(words: list[str], line: str, number: int) -> _Line:
    """A line of the file; raises ValueError with the reason when it is of no use."""
    if len(line) > MAX_LINE_CHARS:
        raise ValueError(f"it has more than {MAX_LINE_CHARS} characters")
    marker = words[0] if words[0][0] == "@" else ""
    if marker not in _MARKERS:
        raise ValueError(f"the marker '{marker}' is unknown")
    words = words[1:] if marker else words
    if len(words) < 3:
        raise ValueError("it is not 'names key-type key'")
    patterns, key_type, encoded = words[:3]
    if not encoded.startswith(_beginning_of(key_type)):
        _decoded_host_key(key_type, encoded)  # says what is wrong
    return _Line(patterns, key_type, encoded, number, marker)


_MARKERS = ("", "@revoked", "@cert-authority")


@lru_cache(maxsize=64)
def _beginning_of(key_type: str) -> str:
    """How a key of a type begins in base64: with the name of its type; whole groups of three bytes."""
    name = key_type.encode()
    begin = len(name).to_bytes(4, "big") + name
    return base64.b64encode(begin[: len(begin) // 3 * 3]).decode()


def _decoded_host_key(key_type: str, encoded: str) -> HostKey:
    """The key that is written so; raises ValueError unless it is one of this type."""
    try:
        blob = base64.b64decode(encoded, validate=True)
    except ValueError:  # no base64, or no ASCII
        raise ValueError("its key is not base64") from None
    length = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + length] != key_type.encode() or len(blob) <= 4 + length:
        raise ValueError(f"its key is no '{key_type}'")
    return HostKey(key_type, blob)


def _is_about(line: _Line, name: str) -> bool:
    """Whether a line names a host, in lower case."""
    if line.patterns.startswith("|"):
        return _names_hashed(line.patterns, name)
    return _names_host(line.patterns.lower(), name)


def _names_host(patterns: str, name: str) -> bool:
    """Whether a list of patterns, of which ``!`` ones exclude, is about a host; both are in lower case."""
    found = False
    for pattern in patterns.split(","):
        if pattern.startswith("!"):
            if pattern_matches(pattern[1:], name):
                return False
        elif pattern and pattern_matches(pattern, name):
            found = True
    return found


def pattern_matches(pattern: str, name: str) -> bool:
    """Only ``*`` and ``?`` are special: ``[host]:22`` has literal brackets.

    No regular expression, because a file has thousands of patterns, each of which is looked at once or twice.
    """
    star, resume, at, there = -1, 0, 0, 0
    while there < len(name):
        if at < len(pattern) and pattern[at] == "*":
            star, resume, at = at, there, at + 1
        elif at < len(pattern) and pattern[at] in ("?", name[there]):
            at, there = at + 1, there + 1
        elif star >= 0:
            at, resume = star + 1, resume + 1
            there = resume
        else:
            return False
    return not pattern[at:].strip("*")


def _names_hashed(hashed: str, name: str) -> bool:
    """``|1|salt|HMAC-SHA1(salt, name)``: a keyed hash, which FIPS allows SHA-1 for."""
    try:
        _, version, salt, digest = hashed.split("|")
        salted = hmac.digest(binascii.a2b_base64(salt), name.encode(errors="surrogateescape"), "sha1")
        return version == "1" and hmac.compare_digest(binascii.a2b_base64(digest), salted)
    except ValueError:
        return False


class KnownHostsFiles:
    """The files that were read, each once for all hosts; again only when somebody mended it. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: dict[Path, tuple[object, KnownHosts]] = {}
        self.reads = 0
        """Files that were read so far."""

    def read(self, path: Path) -> KnownHosts:
        """What a file says now. Raises OSError when it cannot be read."""
        with self._lock:
            state = _file_state(path)
            known = self._read.get(path)
            if known is None or known[0] != state:
                known = self._read[path] = (state, read_known_hosts(path))
                self.reads += 1
                for note in known[1].notes:
                    _log.debug("%s", note)
            return known[1]


def _file_state(path: Path) -> object:
    """What changes when a file is written or replaced."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


known_hosts_files = KnownHostsFiles()
"""One for the process: what counts for a file is how it is now, whichever run asks."""
