"""Config and host -> the script that surveys the host; what it printed -> what the host is like.

A survey asks for what explains a refusal: groups, modes of logs and of the folders above them, programs and where they
are, units, space. It reads no log.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from FailTaleLibrary.config import Collector, Config, describe_presets
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.text import decode
from FailTaleLibrary.transports import CommandResult, Script
from FailTaleLibrary.windows.pipeline import assignments, shell_quote, shell_quote_pattern

MOST_MATCHES = 20
"""Files that are looked at for a pattern."""
MAX_BYTES = 256 * 1024
TOOLS = ("awk", "sed", "grep", "sort", "head", "tail", "cut", "date", "df", "ps")
"""Without these nothing can be read."""
HELPERS = ("setsid", "timeout", "gzip", "xz", "zstd", "journalctl", "systemctl", "setfacl")
"""What makes it better."""
_WORD = re.compile(r"[A-Za-z_][\w.+-]*")
_SHELL_WORDS = """if then else elif fi for while until do done case esac in echo printf test true false exit export read
set shift return break continue eval exec trap unset local cd command sudo env nice timeout"""
_NO_PROGRAMS = frozenset(_SHELL_WORDS.split())


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file or folder as ``ls -ld`` lists it."""

    path: str
    mode: str = ""
    """``-rw-r-----``."""
    owner: str = ""
    group: str = ""
    size: int = 0
    is_readable: bool = False
    kind: str = "file"


@dataclass(frozen=True, slots=True)
class Space:
    """The file system that a log is on."""

    mount: str
    used_percent: int
    free_kilobytes: int | None = None
    """None: of its inodes."""


@dataclass(slots=True)
class HostSurvey:
    """What a host is like; empty where it did not say."""

    user: str = ""
    groups: tuple[str, ...] = ()
    home: str = ""
    has_home: bool = True
    system: str = ""
    distribution: str = ""
    awk: str = ""
    known_groups: frozenset[str] = frozenset()
    programs: dict[str, str] = field(default_factory=dict)
    """Name -> path."""
    elsewhere: dict[str, str] = field(default_factory=dict)
    """Programs that the login does not find, and where they are."""
    missing: set[str] = field(default_factory=set)
    installers: tuple[str, ...] = ()
    walls: dict[str, ListedFile] = field(default_factory=dict)
    """Pattern -> the folder on its way that may not be passed."""
    folders: dict[str, ListedFile] = field(default_factory=dict)
    """Pattern -> the lowest folder on its way that is there."""
    matches: dict[str, list[ListedFile]] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Pattern that matches nothing -> what that folder has."""
    space: dict[str, Space] = field(default_factory=dict)
    inodes: dict[str, Space] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    """Unit -> its LoadState."""
    like_units: tuple[str, ...] = ()
    is_complete: bool = False


# --- What is asked ----------------------------------------------------------------------------------------------------


def survey_script(collectors: Iterable[Collector], *, programs: Collection[str] = ()) -> Script:
    """The script for a host with these collectors; ``programs`` are asked for beside those that they name."""
    collectors = tuple(collectors)
    units = {c.journal for c in collectors if c.journal not in (None, "*", "kernel")}
    wanted = dict.fromkeys([*TOOLS, *HELPERS, *programs, *(p for c in collectors for p in programs_of(c))])
    patterns = dict.fromkeys(pattern for c in collectors for pattern in c.file)
    paths = "".join(f"path {shell_quote(each)} {shell_quote_pattern(each)}\n" for each in patterns)
    settings = assignments(
        [("programs", " ".join(wanted)), ("units", " ".join(sorted(filter(None, units)))), ("most", MOST_MATCHES)]
    )
    return Script(f"{settings}paths() {{\n:\n{paths}}}\n{host_script('survey.sh')}", "cat")


def host_collectors(config: Config, host: str) -> tuple[Collector, ...]:
    """What is read on the host; its queries are put by this machine."""
    return tuple(collector for _, collector in config.collectors_for(host) if collector.query is None)


def programs_of(collector: Collector) -> Iterator[str]:
    """What a command is likely to start: first words, also behind pipes and sudo; and what its preset needs."""
    needs = preset_needs()
    yield from needs.get(collector.preset or "", ())
    for part in re.split(r"[|;&\n]|\$\(|`", collector.command or ""):
        for word in part.split():
            if re.match(r"-|\w+=|['\"(){}<>$\\]", word) or word in _NO_PROGRAMS:
                continue
            name = word.rsplit("/", 1)[-1]
            if _WORD.fullmatch(name):
                yield name
            break


def preset_needs() -> Mapping[str, tuple[str, ...]]:
    return _NEEDS or _read_needs()


_NEEDS: dict[str, tuple[str, ...]] = {}


def _read_needs() -> Mapping[str, tuple[str, ...]]:
    _NEEDS.update({preset.name: preset.needs for preset in describe_presets()})
    return _NEEDS


# --- What is answered -------------------------------------------------------------------------------------------------


def parse_survey(result: CommandResult) -> HostSurvey:
    """What came, also when it stopped early or something else is printed between."""
    survey = HostSurvey()
    for line in decode(result.stdout).splitlines():
        word, *values = line.split("\t")
        _note_word(survey, word, values)
    return survey


def _note_word(survey: HostSurvey, word: str, values: list[str]) -> None:
    first, second, *_ = [*values, "", ""]
    if word == "user":
        survey.user = first
    elif word == "groups":
        survey.groups = tuple(first.split())
    elif word == "home":
        survey.home, survey.has_home = first, second == "yes"
    elif word == "system":
        survey.system, survey.distribution = first, second
    elif word == "known_groups":
        survey.known_groups = frozenset(first.split())
    elif word == "awk":
        survey.awk = first.rsplit("/", 1)[-1]
    elif word == "program":
        survey.programs[first] = second
    elif word == "elsewhere":
        survey.elsewhere[first] = second
    elif word == "missing":
        survey.missing.add(first)
    elif word == "installer":
        survey.installers += (first,)
    elif word == "unit":
        survey.units[first] = second
    elif word == "units":
        survey.like_units += tuple(first.split())
    elif word == "end":
        survey.is_complete = True
    else:
        _note_of_path(survey, word, first, values[1:])


def _note_of_path(survey: HostSurvey, word: str, pattern: str, values: list[str]) -> None:
    if word == "wall" and values:
        survey.walls[pattern] = _listed_file(values[0], values[1:], kind="folder")
    elif word == "folder" and len(values) > 1:
        survey.folders[pattern] = _listed_file(values[0], values[2:], kind="folder", is_readable=values[1] == "yes")
    elif word == "match" and len(values) > 2:
        path, kind, is_readable, *rest = values
        found = _listed_file(path, rest, kind=kind, is_readable=is_readable == "yes")
        survey.matches.setdefault(pattern, []).append(found)
    elif word == "names" and values:
        survey.names[pattern] = tuple(values[0].split())
    elif word == "space" and len(values) > 2:
        survey.space[pattern] = Space(values[2], _number(values[1]), _number(values[0]))
    elif word == "inodes" and len(values) > 1:
        survey.inodes[pattern] = Space(values[1], _number(values[0]))


def _listed_file(path: str, values: list[str], *, kind: str, is_readable: bool = False) -> ListedFile:
    mode, owner, group, size = [*values, "", "", "", ""][:4]
    return ListedFile(path, mode, owner, group, _number(size), is_readable, kind)


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else 0
