"""Collectors -> the gate: a forced command in POSIX sh that runs them by id, with bounded numbers, and nothing else.

The file holds what a direct visit would send (`on_host/visit.sh`, the collectors' texts) and `on_host/gate.sh`, which
reads requests. Equal configurations give equal files.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from FailTaleLibrary import __version__
from FailTaleLibrary.config import Collector, Config
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.text import one_line
from FailTaleLibrary.transports.base import HEADROOM_BYTES
from FailTaleLibrary.transports.gates import GATE_PROTOCOL, REQUEST_BYTES, place_digest
from FailTaleLibrary.transports.visit_times import beats, polite_tenths, ticks
from FailTaleLibrary.windows.collector_text import (
    baseline_line,
    collector_digest,
    collector_text,
    marking_functions,
    position_lines,
)
from FailTaleLibrary.windows.pipeline import assignments, shell_quote

SAFE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where a gate finds programs, whatever the client's environment says."""
OWN_SHELL = "/bin/sh"
Inside: TypeAlias = tuple[str, ...]
"""The words of a prefix; none: the machine itself."""
_SPECIAL = "\\.[](){}+^$|"
_LONGER_S = 30.0
"""More than the longest failure: a call that is bounded by the runner ends in time for its last words."""


@dataclass(frozen=True, slots=True)
class GateScript:
    """A gate for one host, or for all hosts of a component."""

    text: str
    digest: str
    """Of all that it was made from; the gate tells it to the runner."""
    collectors: tuple[str, ...]
    """The ids that it knows."""
    left_out: tuple[str, ...] = ()
    """Queries, which are put by the machine that runs FailTale."""


def gate_of_host(config: Config, host: str) -> GateScript:
    """The gate of one host. Raises ConfigError when there is none of this name, or nothing to collect from it."""
    if host not in config.hosts:
        known = ", ".join(config.hosts) or "none"
        raise ConfigError(f"There is no host '{host}' in the configuration; it has: {known}.")
    collectors = [collector for _, collector in config.collectors_for(host)]
    return _gate(config, collectors, hosts=[host], what=f"host '{one_line(host)}'")


def gate_of_component(config: Config, component: str) -> GateScript:
    """The gate of every host that has this component alone. Raises ConfigError when there is none."""
    if component not in config.components:
        known = ", ".join(config.components) or "none"
        raise ConfigError(f"There is no component '{component}' in the configuration; it has: {known}.")
    hosts = [name for name, host in config.hosts.items() if component in host.component]
    collectors = config.components[component].collectors
    return _gate(config, collectors, hosts=hosts, what=f"component '{one_line(component)}'")


def _gate(config: Config, collectors: Iterable[Collector], *, hosts: Sequence[str], what: str) -> GateScript:
    given = tuple(dict.fromkeys(collectors))
    unique = tuple(collector for collector in given if collector.query is None)
    left_out = tuple(collector.name for collector in given if collector.query is not None)
    if not unique:
        asked = f": {', '.join(left_out)} asks a store, which the machine that runs FailTale does" if left_out else ""
        raise ConfigError(f"There is nothing to collect from {what}, so it needs no gate{asked}.")
    command_s = max((config.ssh_for(host).command_timeout_s for host in hosts), default=config.ssh.command_timeout_s)
    places = _places_on(config, hosts, unique)
    body = "".join(_body(config, unique, places, command_s=command_s))
    digest = _digest_of(unique, places)
    names = tuple(collector.name for collector in unique)
    return GateScript(_head(what, names) + f"{{\nmade_from={digest}\n{body}}}\n", digest, names, left_out)


def _places_on(config: Config, hosts: Iterable[str], collectors: Iterable[Collector]) -> dict[Collector, list[Inside]]:
    """Where each collector runs on these hosts: on the machine itself, or behind a prefix."""
    return {
        each: list(dict.fromkeys(config.inside_for(host, each) for host in hosts) or [each.inside or ()])
        for each in collectors
    }


def _digest_of(collectors: Iterable[Collector], places: Mapping[Collector, Sequence[Inside]]) -> str:
    """Of all that runs, whatever the limits are: those may differ, and what exceeds them is refused by itself."""
    parts = [host_script(name) for name in ("frames.sh", "visit.sh", "gate.sh", "gate_marks.awk")]
    parts += sorted(f"{collector.name} {collector_digest(collector)}" for collector in collectors)
    parts += sorted({place_digest(inside) for all_of in places.values() for inside in all_of if inside})
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _head(what: str, names: Sequence[str]) -> str:
    """What an administrator reads first, and the way into an environment of its own.

    Nothing but `case` and `exec` stands ahead of it: no function, alias or variable of a client can be in their place.
    """
    listed = "".join(f"#   {name}\n" for name in names)
    return f"""#!{OWN_SHELL}
# FailTale's gate for {what}, made by failtale {__version__}. Do not edit: make it anew with `failtale gate`.
# As the forced command of an account it runs these collectors by id, and nothing else:
{listed}# What a client sends are ids and numbers, each checked; docs/least-privilege.md says what that is worth.
case ${{1-}} in
  --clean) ;;
  *)
    case ${{SSH_ORIGINAL_COMMAND-}} in
      failtale-gate\\ ?\\ ??????\\ ?????? | failtale-gate\\ ?\\ ??????\\ ??????\\ ????????????????) ;;
      *) SSH_ORIGINAL_COMMAND=other ;;
    esac
    exec /usr/bin/env -i PATH={SAFE_PATH} LC_ALL=C \\
      SSH_CONNECTION="${{SSH_CONNECTION-}}" SSH_ORIGINAL_COMMAND="$SSH_ORIGINAL_COMMAND" {OWN_SHELL} "$0" --clean
    ;;
esac
"""


def _body(
    config: Config, collectors: Sequence[Collector], places: Mapping[Collector, Sequence[Inside]], *, command_s: float
) -> Iterator[str]:
    limits = config.limits
    has_files = any(collector.file for collector in collectors)
    names = _names_of_shared(collectors)
    yield assignments((name, text) for text, name in names.items())
    yield assignments(
        [
            ("version", GATE_PROTOCOL),
            ("own_shell", OWN_SHELL),
            ("most_beats", beats(max(limits.host_time_s, limits.failure_time_s) + _LONGER_S)),
            ("most_bytes", REQUEST_BYTES),
            ("headroom", HEADROOM_BYTES),
            ("marking", marking_functions(has_files=has_files)),
            ("decode", host_script("gate_marks.awk") if has_files else ""),
        ]
    )
    yield host_script("frames.sh") + host_script("visit.sh") + host_script("gate.sh")
    yield _leading_in(dict.fromkeys(inside for all_of in places.values() for inside in all_of if inside))
    yield "collector() {\nfilters='' shared='' allowed='' positions='' baseline=''\ncase $1 in\n"
    for collector in collectors:
        most = max(collector.max_bytes or limits.item_bytes, limits.bundle_item_bytes if config.bundles.enabled else 0)
        yield _case(collector, names, places[collector], timeout_s=collector.timeout_s or command_s, most_bytes=most)
    yield "*) return 1 ;;\nesac\nis_here\n}\n"
    yield _ENTRY


_ENTRY = """me=$(id -un 2>/dev/null)
HOME=/
case $me in '' | *[!a-zA-Z0-9_.-]*) ;; *) eval "HOME=~$me" ;; esac
USER=$me LOGNAME=$me
export HOME USER LOGNAME
main "$@"
exit
"""


def _names_of_shared(collectors: Iterable[Collector]) -> dict[str, str]:
    """Text -> the variable that holds it."""
    texts = dict.fromkeys(text for collector in collectors for text in collector_text(collector).shared)
    return {text: f"text{number}" for number, text in enumerate(texts, 1)}


def _leading_in(prefixes: Iterable[Inside]) -> str:
    """The function that leads into the places that the configuration names, and into no other."""
    cases = "".join(f"{place_digest(inside)}) enter {shlex.join(inside)} ;;\n" for inside in prefixes)
    return f"lead_in() {{\ncase $1 in\n{cases}*) refuse 'refused: this gate leads into no such place.' ;;\nesac\n}}\n"


def _case(
    collector: Collector, names: dict[str, str], places: Sequence[Inside], *, timeout_s: float, most_bytes: int
) -> str:
    text = collector_text(collector)
    kind = next(kind for kind in ("file", "journal", "container", "kubernetes", "command") if getattr(collector, kind))
    settings = [
        ("kind", kind),
        ("expected", collector_digest(collector)),
        ("places", " ".join(place_digest(inside) if inside else "-" for inside in places)),
        ("most_ticks", ticks(timeout_s)),
        ("most_max", most_bytes),
        ("polite", polite_tenths(text.own)),
        ("own", text.own),
        ("filters", text.filters),
        ("allowed", _expression_of(collector.file) if collector.file else ""),
        ("positions", "".join(position_lines(collector))),
        ("baseline", baseline_line(collector)),
    ]
    shared = "".join(f"${names[each]}" for each in text.shared)
    return f"{shell_quote(collector.name)})\n{assignments(settings)}shared={shared}\n;;\n"


def _expression_of(patterns: Iterable[str]) -> str:
    """An extended regular expression for the paths that patterns of a shell may mean."""
    return f"^({'|'.join(map(_expression_of_pattern, patterns))})$"


def _expression_of_pattern(pattern: str) -> str:
    return "/".join(map(_expression_of_component, pattern.split("/")))


def _expression_of_component(component: str) -> str:
    """As a shell has it, no wildcard at the beginning means a dot: neither hidden files nor the folder above."""
    rest = component.lstrip("*?")
    wild = component[: len(component) - len(rest)]
    if not wild:
        return _expression_of_rest(rest)
    more = "[^/]" * max(0, wild.count("?") - 1) + ("[^/]*" if "*" in wild else "")
    may_be_nothing = "?" not in wild and rest and not rest.startswith(".")
    return (f"([^/.]{more})?" if may_be_nothing else f"[^/.]{more}") + _expression_of_rest(rest)


def _expression_of_rest(text: str) -> str:
    wild = {"*": "[^/]*", "?": "[^/]"}
    return "".join(wild.get(each) or (f"\\{each}" if each in _SPECIAL else each) for each in text)
