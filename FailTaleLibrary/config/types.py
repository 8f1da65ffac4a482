"""The kinds of values that a configuration holds, from what is written to what it means, or the sentence of refusal.

Units, variables of the environment, patterns, paths and secrets; `config.model` names the kinds in its fields.
With an `Origin` as the context (a file is being read) paths are taken relative to it, key files must be there
and secrets may not be written in clear. Without one (a model built in Python) only the shape counts.
"""

from __future__ import annotations

import math
import re
import shlex
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from FailTaleLibrary.config.transports import TRANSPORTS
from FailTaleLibrary.lazy import dataclass, regex
from FailTaleLibrary.schema import AfterValidator, BeforeValidator, SecretStr, ValidationInfo
from FailTaleLibrary.text import shorten

# --- Units: ``10 s`` <-> seconds, ``64 kB`` <-> bytes ----------------------------------------------------------------

_DURATION = regex(r"\s*(\d{1,18}(?:\.\d+)?)\s*(?:(ms)|(s|sec|seconds?)|(m|min|minutes?)|(h|hours?)|(d|days?))?\s*")
_SIZE = regex(r"\s*(\d{1,18}(?:\.\d+)?)\s*(b|bytes?|[kmg]|[kmg]b|[kmg]ib)?\s*", re.IGNORECASE)

_SECONDS = {"ms": "0.001", "s": "1", "min": "60", "h": "3600", "d": "86400"}
_BYTES = {"B": 1, "kB": 1000, "KiB": 1024, "MB": 1000**2, "MiB": 1024**2, "GB": 1000**3, "GiB": 1024**3}
MAX_SIZE_BYTES = 1000**4
_BYTES_OF_SUFFIX = {name.lower(): factor for name, factor in _BYTES.items()} | {"k": 1024, "m": 1024**2, "g": 1024**3}


def in_quotes(value: object) -> str:
    """The value in single quotes on one line, unprintable characters escaped, a long one without its middle."""
    shown = shorten(str(value), 80)
    return "'" + "".join(char if char.isprintable() else _escaped_char(char) for char in shown) + "'"


def _escaped_char(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


class NotUnderstoodError(ValueError):
    """A value that is not what it should be.

    ``complaint`` is the sentence without the value, for a reader who must see it as it is written in the file.
    """

    def __init__(self, value: object, complaint: str) -> None:
        super().__init__(f"{in_quotes(value)} {complaint}")
        self.complaint = complaint


def parse_duration(value: object) -> float:
    """Seconds from a number or a text with a unit; never negative.

    Raises NotUnderstoodError with an example when it is no duration.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return float(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise NotUnderstoodError(value, "is not a duration; write seconds or e.g. '500 ms', '10 s', '2 min'")
    from decimal import Decimal  # many a run has numbers alone

    unit = next((name for name, text in zip(_SECONDS, match.groups()[1:], strict=True) if text), "s")
    return float(Decimal(match[1]) * Decimal(_SECONDS[unit]))


def parse_bytes(value: object) -> int:
    """Bytes from a whole number or a text with a unit (``k``, ``m``, ``g`` alone count in 1024s); never negative.

    Raises NotUnderstoodError with an example when it is no size.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return _not_too_large(value, shown=value)
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise NotUnderstoodError(value, "is not a size; write bytes or e.g. '64 kB', '1 MB'")
    from decimal import Decimal

    size = Decimal(match[1]) * _BYTES_OF_SUFFIX.get((match[2] or "b").lower(), 1)
    return _not_too_large(int(size), shown=value)


def _not_too_large(size: int, *, shown: object) -> int:
    if size > MAX_SIZE_BYTES:
        raise NotUnderstoodError(shown, f"is out of range; write at most {format_bytes(MAX_SIZE_BYTES)}")
    return size


def format_duration(seconds: float) -> str:
    """The duration in the largest unit that leaves a whole number; what `parse_duration` reads back unchanged."""
    from decimal import Decimal

    exact = Decimal(repr(seconds))
    for unit, in_seconds in reversed(_SECONDS.items()):
        if exact and exact % Decimal(in_seconds) == 0:
            return f"{exact / Decimal(in_seconds):.0f} {unit}"
    return f"{exact:f} s"


def format_bytes(size: int) -> str:
    """The size in the largest unit that leaves a whole number; what `parse_bytes` reads back unchanged."""
    unit = max((name for name, factor in _BYTES.items() if size % factor == 0), key=_BYTES.__getitem__)
    return f"{size // _BYTES[unit]} {unit}" if size else "0 B"


# --- Variables: ``%{NAME}`` -> its value in the environment, as Robot Framework reads them ---------------------------

# A default may hold one level of braces, as in %{FORMAT={id}}.
_REFERENCE = regex(r"(\\)?%\{([^{}=]+)(?:=((?:[^{}]|\{[^{}]*\})*))?\}")
_ONLY_A_NAME = regex(r"%\{[^{}=]+\}")


class Expanded(str):
    """A text of which at least a part came from the environment; `raw` is what is written in the file."""

    __slots__ = ("raw",)
    raw: str

    @property
    def is_one_variable(self) -> bool:
        """Whether the file says ``%{NAME}`` and nothing else: how a secret may be given."""
        return _ONLY_A_NAME.fullmatch(self.raw) is not None


class MissingVariablesError(Exception):
    """The names that a text asks for and the environment does not have."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(*names)
        self.names = names


def referenced(text: str) -> tuple[str, ...]:
    """Names of the variables that a text asks for, in its order."""
    return tuple(match[2] for match in _REFERENCE.finditer(text) if not match[1])


def expand(text: str, environ: Mapping[str, str]) -> str:
    r"""The text with its variables replaced; ``\%{`` stands for the characters ``%{``.

    Returns `Expanded` when a variable was replaced. Raises MissingVariablesError when one is neither set nor has a
    default.
    """
    missing = tuple(
        match[2] for match in _REFERENCE.finditer(text) if not match[1] and match[3] is None and match[2] not in environ
    )
    if missing:
        raise MissingVariablesError(missing)
    result = _REFERENCE.sub(lambda match: match[0][1:] if match[1] else environ.get(match[2], match[3] or ""), text)
    if not referenced(text):
        return result
    expanded = Expanded(result)
    expanded.raw = text
    return expanded


# --- What every kind of value may be ---------------------------------------------------------------------------------

LONGEST_S = 7 * 86400.0
"""No time limit may be longer: what threads can wait for has an end."""
_LARGEST_COUNT = 10**9
_LONGEST_WINDOW_S = 366 * 86400
_MAX_SECRET_BYTES = 64 * 1024
_IN_CLEAR = "a secret must not be written here in clear; write \"%{NAME}\" or 'file:PATH' (a file with mode 0600)"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a configuration is read from."""

    directory: Path
    has_checked_patterns: bool = False
    """A preset of FailTale's own without parameters: its expressions were checked by its tests."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is called in the reference."""

    words: str


def one_or_many(value: object) -> object:
    """A list of one for a single value."""
    return value if isinstance(value, (list, tuple, dict)) else [value]


_NAMESPACE = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?|\$\{\w+\}"
"""A label of DNS (RFC 1123), as Kubernetes has it; or a variable of the tests, whose value is looked at later."""


def _namespaces(value: object) -> object:
    """Names of Kubernetes' namespaces, also from one text with commas; ``*`` alone means all."""
    texts = one_or_many(value)
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        return texts
    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    for name in names:
        if name != "*" and not re.fullmatch(_NAMESPACE, name):
            raise NotUnderstoodError(name, "is no name of a namespace (small letters, digits and '-'), nor '*' for all")
    if "*" in names and len(names) > 1:
        raise NotUnderstoodError(", ".join(names), "names all namespaces and others; keep '*' or the names")
    return names


def _no_boolean(value: T) -> T:
    if isinstance(value, bool):  # Python counts with them, readers of YAML do not
        raise NotUnderstoodError(value, "is not a whole number")
    return value


def _count(value: int) -> int:
    if abs(value) > _LARGEST_COUNT:
        raise NotUnderstoodError(value, f"is out of range; write at most {_LARGEST_COUNT}")
    return value


def _time_limit(seconds: float) -> float:
    if not 0 < seconds <= LONGEST_S:
        raise NotUnderstoodError(
            seconds, f"is out of range; write more than 0 s and at most {format_duration(LONGEST_S)}"
        )
    return seconds


def _text_that_fits(pattern: str, complaint: str) -> AfterValidator:
    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise NotUnderstoodError(text, complaint)
        return text

    return AfterValidator(check)


# --- Windows, times, regular expressions -----------------------------------------------------------------------------


def _parse_window(value: object) -> str:
    """``test``, ``suite``, ``run``, ``none``, or a duration as its whole seconds in decimal digits."""
    if value in ("test", "suite", "run", "none"):
        return str(value)
    try:
        seconds = math.ceil(parse_duration(value))
    except ValueError:
        seconds = 0
    if not 0 < seconds <= _LONGEST_WINDOW_S:
        raise NotUnderstoodError(value, "is not a window; write 'test', 'suite', 'run', 'none' or e.g. '5 min'")
    return str(seconds)


def _transport(name: str) -> str:
    if name not in TRANSPORTS:
        *others, last = map(in_quotes, TRANSPORTS)
        raise NotUnderstoodError(name, f"is no choice here; write {', '.join(others)} or {last}")
    return name


def _time_format(value: object) -> object:
    """A strptime format, or a mapping with `key` or `pattern`, and `format`."""
    from FailTaleLibrary import time_formats  # not wanted by a configuration that teaches no format

    if isinstance(value, time_formats.TimeFormat):
        return value
    if isinstance(value, str):
        value = {"format": value}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise NotUnderstoodError(value, "is not a time format; write e.g. '%d.%m.%Y %H:%M:%S' or {key: timeMillis}")
    if unknown := set(value) - {"format", "key", "pattern"}:
        raise NotUnderstoodError(
            min(map(str, unknown)), "is nothing that a time format has; write key, pattern or format"
        )
    return time_formats.TimeFormat(**value)  # refuses with a sentence that needs no more


def re2_problem(pattern: str) -> str | None:
    """Why RE2 refuses a pattern, without the pattern; None when it takes it."""
    import re2  # not wanted by a configuration without patterns

    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options=options)
    except re2.error as error:
        problem = error.args[0] if error.args else "refused"
        return (problem.decode("utf-8", "replace") if isinstance(problem, bytes) else str(problem)).split(": ")[0]
    return None


def _re2(pattern: str, info: ValidationInfo) -> str:
    if _is_checked(info):
        return pattern
    if problem := re2_problem(pattern):
        raise NotUnderstoodError(pattern, f"is not a regular expression (RE2): {problem}")
    return pattern


def _is_checked(info: ValidationInfo) -> bool:
    return isinstance(info.context, Origin) and info.context.has_checked_patterns


def _re2_with_secret(pattern: str, info: ValidationInfo) -> str:
    if re.search(r"\(\?P?<secret>", _re2(pattern, info)) is None:
        raise NotUnderstoodError(pattern, "has no group 'secret'; write (?P<secret>…) around what must be removed")
    return pattern


_ERE_ONLY = regex(r"\\([<>`'1-9])")
_ERE_TAKES = ("no argument for repetition", "bad repetition operator", "invalid repetition size")


def _ere(pattern: str, info: ValidationInfo) -> str:
    """An extended regular expression of ``grep -E``: checked by RE2, but for what only one of the two knows."""
    if _is_checked(info):
        return pattern
    if (found := re.search(r"\(\?|(?<!\\)(?:\\\\)*\\[dD]", pattern)) is not None:
        known = "'[0-9]' instead of '\\d'" if "\\" in found[0] else "a plain group '(…)' and 'ignore_case: yes'"
        raise NotUnderstoodError(pattern, f"is not understood by 'grep -E'; write {known}")
    problem = re2_problem(_ERE_ONLY.sub("", pattern))
    if problem and not problem.startswith(_ERE_TAKES):
        raise NotUnderstoodError(pattern, f"is not a regular expression of 'grep -E': {problem}")
    return pattern


# --- Ways to hosts ---------------------------------------------------------------------------------------------------

_JUMP_PLACE = regex(
    r"(?:ssh://)?(?:(?P<user>[^\s/,]+)@)?(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%\w+)?)\]|(?P<host>[\w.-]+))(?::(?P<port>\d{1,5}))?/?"
)


@dataclass(frozen=True, slots=True)
class JumpPlace:
    """A jump host as ``[user@]host[:port]`` names it."""

    host: str
    user: str = ""
    port: int = 0
    """0: none is said."""


def jump_place(text: str) -> JumpPlace:
    """The parts of ``[user@]host[:port]`` or ``ssh://[user@]host[:port]``. Raises NotUnderstoodError."""
    found = _JUMP_PLACE.fullmatch(text)
    host = (found["v6"] or found["host"]) if found else ""
    if found is None or host.startswith("-") or not 0 < int(found["port"] or 22) < 65536:
        raise NotUnderstoodError(text, "is no jump host; write 'name', 'user@name:22' or '[2001:db8::1]:22'")
    return JumpPlace(host, found["user"] or "", int(found["port"] or 0))


def _jumps(value: object) -> object:
    """A chain of jump hosts, in the order in which they are connected to; ``none``: no jump host."""
    if value is False or value in ("none", "no"):  # YAML reads a bare no as a boolean
        return ()
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
        raise NotUnderstoodError(value, "is no jump host; write 'name', 'user@name:22' or 'none'")
    jumps = [part.strip() for part in parts]
    for jump in jumps:
        jump_place(jump)
    if len(jumps) > _MOST_JUMPS:
        raise NotUnderstoodError(value, f"has too many jump hosts; write at most {_MOST_JUMPS}")
    return tuple(jumps)


_MOST_JUMPS = 8


def _client_config(value: object) -> object:
    """A file of ssh's configuration; ``none``: none is read."""
    return "/dev/null" if value is False or value in ("none", "no") else value


def _client_config_file(path: Path, info: ValidationInfo) -> Path:
    resolved = _local_path(path, info)
    if isinstance(info.context, Origin) and path not in (Path("~/.ssh/config"), Path("/dev/null")):
        _mode_of_file(resolved)
    return resolved


# --- Files and secrets -----------------------------------------------------------------------------------------------


def _local_path(path: Path, info: ValidationInfo) -> Path:
    try:
        path = path.expanduser()
    except RuntimeError:
        raise NotUnderstoodError(path, "is below a home directory that does not exist") from None
    return info.context.directory / path if isinstance(info.context, Origin) else path


def _readable_file(path: Path, info: ValidationInfo) -> Path:
    resolved = _local_path(path, info)
    if isinstance(info.context, Origin):
        _mode_of_file(resolved)
    return resolved


def _private_file(path: Path, info: ValidationInfo) -> Path:
    resolved = _local_path(path, info)
    if isinstance(info.context, Origin):
        _refuse_open_to_others(resolved)
    return resolved


def _key_file(path: Path, info: ValidationInfo) -> Path:
    """A private key, which nobody else may read; or a public one, which names a key of the agent."""
    if "PRIVATE KEY-----" in str(path):
        raise ValueError("a key itself must not be written here; write it into a file with mode 0600, and name that")
    if str(path).startswith(_PUBLIC_KEYS):
        raise NotUnderstoodError(path, "is a public key itself; name the file of the private one")
    resolved = _local_path(path, info)
    if isinstance(info.context, Origin):
        _check_key_file(resolved)
    return resolved


_PUBLIC_KEYS = ("ssh-ed25519 ", "ssh-rsa ", "ssh-dss ", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-")
_NO_PRIVATE_KEYS = (
    ("BEGIN PUBLIC KEY", "holds a public key"),
    ("BEGIN RSA PUBLIC KEY", "holds a public key"),
    ("BEGIN SSH2 PUBLIC KEY", "holds a public key"),
    ("BEGIN CERTIFICATE", "holds an X.509 certificate"),
    ("PuTTY-User-Key-File", "is a key in PuTTY's format: type 'puttygen KEY -O private-openssh -o NEW'"),
)


def _check_key_file(path: Path) -> None:
    """What lies there is told before its mode: to lock away what is no key would help nobody."""
    _mode_of_file(path)
    with path.open("rb") as file:
        beginning = file.read(4096).decode("ascii", "replace")
    if beginning.startswith(_PUBLIC_KEYS):
        return
    for words, what in _NO_PRIVATE_KEYS:
        if words in beginning:
            raise NotUnderstoodError(path, f"{what}; name the file of a private key{_private_half(path)}")
    if re.match(r"\S+ (ssh-|ecdsa-)|\|1\|", beginning):
        raise NotUnderstoodError(path, "holds the keys of hosts, which 'known_hosts' is for; name a private key")
    _refuse_open_to_others(path)


def _private_half(path: Path) -> str:
    """Where the private key of a public one is likely to be."""
    other = path.with_suffix("")
    return f", such as {in_quotes(other)}" if path.suffix in (".pub", ".pem") and other.is_file() else ""


def _history_place(place: str, info: ValidationInfo) -> str:
    """A file of this machine, or the address of a PostgreSQL database without a password."""
    if "://" not in place:
        if not place.strip():
            raise NotUnderstoodError(place, "is no path; name a file or a database")
        return str(_local_path(Path(place), info))
    authority = re.fullmatch(r"postgresql://([^/?#]*)(?:[/?#]\S*)?", place)
    if authority is None:
        raise ValueError("this is no address of a database; write a path or 'postgresql://user@host/database'")
    if ":" in authority[1].rpartition("@")[0] or re.search(r"[?&]password=", place):
        raise ValueError("a password must not be written here; PostgreSQL reads it from PGPASSWORD or '~/.pgpass'")
    return place


def _mode_of_file(path: Path) -> int:
    """Permission bits of a file that can be read; raises NotUnderstoodError for anything else."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):  # opening a named pipe would wait for a writer
            raise NotUnderstoodError(path, "is not a file; name one")
        with path.open("rb"):
            return stat.S_IMODE(mode)
    except OSError as error:
        raise NotUnderstoodError(path, f"cannot be read: {error.strerror}; name a file that can") from None


def _refuse_open_to_others(path: Path) -> None:
    mode = _mode_of_file(path)
    if mode & 0o077:
        raise NotUnderstoodError(path, f"is open to others (mode {mode:04o}); type: chmod 600 {shlex.quote(str(path))}")


def _secret(value: object, info: ValidationInfo) -> object:
    """A secret's text; no complaint repeats what is written in the file."""
    if not isinstance(info.context, Origin):
        return value
    if isinstance(value, Expanded) and value.is_one_variable:
        return _not_empty(str(value), value.raw)
    if isinstance(value, str) and value.startswith("file:"):
        return _secret_in_file(_local_path(Path(value[5:]), info))
    raise ValueError(_IN_CLEAR)


def _secret_in_file(path: Path) -> str:
    _refuse_open_to_others(path)
    with path.open("rb") as file:
        content = file.read(_MAX_SECRET_BYTES)
    try:
        return _not_empty(content.decode("utf-8").rstrip("\r\n"), path)
    except UnicodeDecodeError:
        raise NotUnderstoodError(path, "does not hold text in UTF-8") from None


def _not_empty(text: str, shown: object) -> str:
    if not text:
        raise NotUnderstoodError(shown, "is empty; a secret needs at least one character")
    return text


# --- The kinds, as fields name them ----------------------------------------------------------------------------------

Count = Annotated[int, Kind("whole number"), BeforeValidator(_no_boolean), AfterValidator(_count)]
Duration = Annotated[float, Kind("duration"), BeforeValidator(parse_duration), AfterValidator(_time_limit)]
"""Seconds; in YAML a number or ``500 ms``, ``10 s``, ``2 min``, ``1 h``."""
Size = Annotated[int, Kind("size"), BeforeValidator(parse_bytes)]
"""Bytes; in YAML a number or ``64 kB`` (1000), ``64 KiB`` (1024), ``1 MB`` …"""
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
Name = Annotated[
    str,
    Kind("name"),
    _text_that_fits(
        NAME_PATTERN,
        "is not a name; use letters, digits, '_', '.' and '-' (at most 64, a letter or digit first)",
    ),
]
Namespaces = Annotated[
    tuple[str, ...], Kind("name, or several: a list, or with commas between them"), BeforeValidator(_namespaces)
]
RuleName = Annotated[
    str,
    Kind("name"),
    _text_that_fits(
        r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}",
        "is not a rule's name; use letters, digits, spaces, '_', '.' and '-' (at most 64, a letter or digit first)",
    ),
]
Texts = Annotated[tuple[str, ...], Kind("text, or a list of texts"), BeforeValidator(one_or_many)]
WindowSetting = Annotated[str, Kind("`test`, `suite`, `run`, `none` or a duration"), BeforeValidator(_parse_window)]
if TYPE_CHECKING:
    from FailTaleLibrary.time_formats import TimeFormat as TimeFormat
else:
    TimeFormat = Annotated[
        Any,  # what `_time_format` returns
        Kind("strptime format, or mapping with `key` or `pattern`"),
        BeforeValidator(_time_format),
    ]
Priority = Annotated[
    str,
    Kind("journal priority"),
    _text_that_fits(
        r"(?:[0-7]|emerg|alert|crit|err|warning|notice|info|debug)"
        r"(?:\.\.(?:[0-7]|emerg|alert|crit|err|warning|notice|info|debug))?",
        "is not a journal priority; write 'err', 'warning', 'info' … or a range such as 'emerg..err'",
    ),
]
GrepPattern = Annotated[str, Kind("regular expression (`grep -E`)"), AfterValidator(_ere)]
Masks = Annotated[
    tuple[Annotated[str, AfterValidator(_re2)], ...],
    Kind("regular expression (RE2), or a list of them"),
    BeforeValidator(one_or_many),
]
Pattern = Annotated[str, Kind("regular expression (RE2)"), AfterValidator(_re2)]
SecretPattern = Annotated[str, Kind("regular expression (RE2)"), AfterValidator(_re2_with_secret)]
Fingerprint = Annotated[
    str,
    Kind("fingerprint"),
    _text_that_fits(
        r"SHA256:[A-Za-z0-9+/]{43}=?",
        "is not a fingerprint; write 'SHA256:…' as 'ssh-keygen -lf' prints it",
    ),
]
TransportName = Annotated[str, Kind(" or ".join(f"`{name}`" for name in TRANSPORTS)), AfterValidator(_transport)]
Url = Annotated[
    str,
    Kind("address"),
    _text_that_fits(r"https?://\S+", "is not an address; write e.g. 'http://127.0.0.1:5050/mcp'"),
]
SafeUrl = Annotated[
    str,
    Kind("address"),
    _text_that_fits(
        r"https://\S+|http://(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])(?::\d+)?(?:/\S*)?",
        "is not an address of https; a password goes there, so that 'http' is for this machine alone",
    ),
]
HistoryPlace = Annotated[str, Kind("path, or address of a PostgreSQL database"), AfterValidator(_history_place)]
LocalPath = Annotated[Path, Kind("path"), AfterValidator(_local_path)]
SshConfigFile = Annotated[
    Path, Kind("path, or `none`"), BeforeValidator(_client_config), AfterValidator(_client_config_file)
]
JumpHosts = Annotated[
    tuple[str, ...], Kind("jump host (`[user@]name[:port]`), a list of them, or `none`"), BeforeValidator(_jumps)
]
LocalPaths = Annotated[tuple[LocalPath, ...], Kind("path, or a list of paths"), BeforeValidator(one_or_many)]
ReadableFile = Annotated[Path, Kind("path"), AfterValidator(_readable_file)]
KeyFile = Annotated[Path, Kind("path of a file with mode 0600, or of a `.pub` file"), AfterValidator(_key_file)]
PrivateFile = Annotated[Path, Kind("path of a file with mode 0600"), AfterValidator(_private_file)]
Secret = Annotated[SecretStr, Kind('secret: `"%{NAME}"` or `file:PATH`'), BeforeValidator(_secret)]
Secrets = Annotated[
    tuple[Secret, ...],
    Kind('secret (`"%{NAME}"` or `file:PATH`), or a list of them'),
    BeforeValidator(one_or_many),
]


def kind_of(metadata: Iterable[Any]) -> str | None:
    """The words of the `Kind` among them."""
    return next((item.words for item in metadata if isinstance(item, Kind)), None)
