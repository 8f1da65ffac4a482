"""Variables of the tests in a configuration: values as a face read them -> the configuration with them in place.

``variables: {DUT: host}`` declares a name and what its value must be; ``"${DUT}"`` then stands in a host's `address`,
in a collector's `command`, `file`, `archive` or `journal`, in `inside` of both, in the parameters and bodies of
queries, and in parameters of presets. Values come when a test begins and when it fails. A value is used only when all
of it matches its pattern, and whatever the pattern says it holds nothing that a shell, an option parser or a pattern
of file names takes up (`HARMLESS`): put into a command, a path or an argument it can be nothing but data. What refuses
a value never repeats it, nor calls anything of it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from FailTaleLibrary.config.model import KINDS_OF_VARIABLES, Collector, Config, Host, Variable
from FailTaleLibrary.config.types import NotUnderstoodError
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.log import logger_of

_log = logger_of(__name__)

HARMLESS = r"[A-Za-z0-9_/.@%+=:,][A-Za-z0-9_/.@%+=:,-]*"
"""What any value may hold: a shell takes none of it up, and no program takes it for an option."""
MAX_CHARS = 256
PLACES = ("command", "file", "archive", "journal", "inside", "namespaces", "selector")
"""Keys of a collector in which a variable may stand."""
QUERIES = ("http", "mcp")
"""Keys of a collector in parts of which one may stand: `config.queries.IN_QUERIES`."""
Lookup: TypeAlias = Callable[[str], object]
"""The value of a variable by its name; None or KeyError where there is none. Whatever else it raises refuses it."""


@dataclass(frozen=True, slots=True)
class Values:
    """What the variables of a configuration are at one moment."""

    known: tuple[tuple[str, str], ...] = ()
    """Name and value, each of which fits its declaration."""
    refused: tuple[tuple[str, str], ...] = ()
    """Name, and why there is no value, in a clause without the value."""


@dataclass(frozen=True, slots=True)
class Unresolved:
    """What cannot be collected, because a variable has no value that fits."""

    host: str
    collector: str | None
    """None: all of the host."""
    why: str
    """A sentence without the value."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A configuration without variables, and what of it must be left alone."""

    config: Config
    unresolved: tuple[Unresolved, ...] = ()


# --- Values ----------------------------------------------------------------------------------------------------------


def values_of(variables: Mapping[str, Variable], lookup: Lookup) -> Values:
    """The values of the declared variables, as they are now; a default where there is none."""
    known: dict[str, str] = {}
    refused: dict[str, str] = {}
    for name, variable in variables.items():
        value, refusal = _value_of(name, variable, lookup)
        if refusal:
            refused[name] = refusal
        else:
            known[name] = value
    return Values(tuple(sorted(known.items())), tuple(sorted(refused.items())))


def _value_of(name: str, variable: Variable, lookup: Lookup) -> tuple[str, str]:
    try:
        found = lookup(name)
    except (SystemExit, KeyboardInterrupt):
        raise
    except KeyError:
        found = None
    except BaseException as error:  # a lazy variable runs code of the user's
        _log.debug("the variable %s cannot be read: %s", name, type(error).__name__)
        return "", "cannot be read"
    if found is None:
        return (variable.default, "") if variable.default is not None else ("", "has no value")
    return text_of_value(found, variable)


def text_of_value(value: object, variable: Variable) -> tuple[str, str]:
    """A value as text and an empty clause; or an empty text and the clause that refuses it."""
    if not _is_plain(value):
        return "", "is no text and no whole number"
    if isinstance(value, int) and value.bit_length() > 4 * MAX_CHARS:  # Python refuses to write very long ones
        return "", f"has more than {MAX_CHARS} characters"
    text = str(value)
    return ("", refusal) if (refusal := refusal_of(text, variable)) else (text, "")


def _is_plain(value: object) -> bool:
    """Whether a value is a text by itself; of another one nothing is asked, for it may do anything."""
    addresses = sys.modules.get("ipaddress")  # whoever has such an address has loaded it
    known = (addresses.IPv4Address, addresses.IPv6Address) if addresses else ()
    return type(value) in (str, int, *known)


def nothing_set(name: str) -> object:
    """The `Lookup` of tests that set no variable."""
    raise KeyError(name)


def refusal_of(text: str, variable: Variable) -> str:
    """Why a text is no value of a variable, in a clause without the text; empty when it is one."""
    import re2  # linear in the text; not wanted by a configuration without variables

    if len(text) > MAX_CHARS:
        return f"has more than {MAX_CHARS} characters"
    if re.fullmatch(HARMLESS, text) is None:
        return "holds a character that is not let pass (letters, digits and '/.@%+=:,_-' are), or begins with '-'"
    if variable.pattern is not None:
        return "" if re2.fullmatch(variable.pattern, text) else "does not match its 'pattern'"
    pattern, what = KINDS_OF_VARIABLES[variable.kind]
    return "" if re.fullmatch(pattern, text) else f"is no {what}"


# --- In texts --------------------------------------------------------------------------------------------------------


def names_in(text: str, names: Collection[str]) -> tuple[str, ...]:
    """Which of the declared names a text asks for."""
    return tuple(dict.fromkeys(match[1] for match in _reference(names).finditer(text))) if names else ()


def _reference(names: Iterable[str]) -> re.Pattern[str]:
    return re.compile(r"\$\{(" + "|".join(map(re.escape, names)) + r")\}")


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text with values in place of their names; what a value holds is not looked into again."""
    return _reference(values).sub(lambda match: values[match[1]], text) if values else text


def declared(data: Any) -> dict[str, str]:
    """Name -> a value that may stand in its place, of the variables that a file's data declares, right or wrong."""
    section = data.get("variables") if isinstance(data, dict) else None
    if not isinstance(section, dict):
        return {}
    return {str(name): _sample(item) for name, item in section.items()}


def _sample(item: Any) -> str:
    kind = item.get("kind") if isinstance(item, dict) else item
    default = item.get("default") if isinstance(item, dict) else None
    return str(default) if default else {"path": "/x", "number": "1"}.get(str(kind), "x")


# --- The configuration -----------------------------------------------------------------------------------------------


def resolve(config: Config, values: Values) -> Resolved:
    """The configuration with values in place; hosts whose address has none are not in it any more."""
    if not config.variables:
        return Resolved(config)
    known, refused = dict(values.known), dict(values.refused)
    unresolved = list(_unresolved_hosts(config, known, refused))
    unresolved += _behind(config, {each.host: each.why for each in unresolved})
    without = {each.host for each in unresolved}
    hosts = {name: _resolved_host(host, known) for name, host in config.hosts.items() if name not in without}
    components = {}
    for name, component in config.components.items():
        found = {collector.name: _resolved_collector(collector, known, refused) for collector in component.collectors}
        sentences = {collector: each for collector, each in found.items() if isinstance(each, str)}
        kept = tuple(each for each in found.values() if isinstance(each, Collector))
        components[name] = component.model_copy(update={"collectors": kept})
        unresolved += [
            Unresolved(host, collector, sentence)
            for collector, sentence in sentences.items()
            for host in hosts
            if name in config.hosts[host].component
        ]
    resolved = config.model_copy(update={"hosts": hosts, "components": components, "variables": {}})
    return Resolved(resolved, tuple(dict.fromkeys(unresolved)))


def _unresolved_hosts(config: Config, known: Mapping[str, str], refused: Mapping[str, str]) -> Iterator[Unresolved]:
    pattern, what = KINDS_OF_VARIABLES["host"]
    for name, host in config.hosts.items():
        asked = names_in(host.address or "", config.variables)
        if missing := [
            each for each in (*asked, *names_in(" ".join(host.inside), config.variables)) if each not in known
        ]:
            yield Unresolved(name, None, sentence_of(missing[0], refused))
        elif asked and re.fullmatch(pattern, filled(host.address or "", known)) is None:
            yield Unresolved(name, None, f"Its 'address' is no {what} with the value of '${{{asked[0]}}}'.")


def _resolved_host(host: Host, known: Mapping[str, str]) -> Host:
    address = filled(host.address, known) if host.address else host.address
    return host.model_copy(update={"address": address, "inside": tuple(filled(word, known) for word in host.inside)})


def _behind(config: Config, missing: Mapping[str, str]) -> Iterator[Unresolved]:
    """Hosts that are reached through one without an address: by its bare name another machine may be meant."""
    for name in config.hosts.keys() - missing.keys():
        for jump in config.ssh_for(name).proxy_jump or ():
            host = jump.rpartition("@")[2].rpartition(":")[0] or jump.rpartition("@")[2]
            if host in missing:
                yield Unresolved(name, None, f"It is reached through '{host}'. {missing[host]}")


def sentence_of(name: str, refused: Mapping[str, str]) -> str:
    """``The variable '${DUT}' has no value.``"""
    why = refused.get(name, "has no value")
    how = "; set it before the test fails, or give it a 'default' below 'variables'" if why == "has no value" else ""
    return f"The variable '${{{name}}}' {why}{how}."


def _resolved_collector(collector: Collector, known: Mapping[str, str], refused: Mapping[str, str]) -> Collector | str:
    """The collector without variables; the sentence why not, where a value is missing or fits its place not."""
    if not collector.variables:
        return collector
    for name in collector.variables:
        if name not in known:
            return sentence_of(name, refused)
    own = {name: known[name] for name in collector.variables}
    for parameter in collector.parameters:
        import re2

        if not re2.fullmatch(parameter.pattern, filled(parameter.text, own)):
            return f"With the value of '${{{collector.variables[0]}}}' '{parameter.name}' does not match its pattern."
    update: dict[str, object] = {"variables": (), "parameters": ()}
    for key in PLACES:
        value = getattr(collector, key)
        if isinstance(value, str):
            update[key] = filled(value, own)
        elif value:
            update[key] = tuple(filled(each, own) for each in value)
    for key in QUERIES:
        query = getattr(collector, key)
        try:
            update[key] = query and query.with_variables(own, filled)
        except NotUnderstoodError:
            return f"With the value of '${{{collector.variables[0]}}}' an address leads upwards."
    for path in (*update.get("file", ()), *update.get("archive", ())):  # type: ignore[misc]
        if not path.startswith("/") or "/../" in f"{path}/":
            return f"With the value of '${{{collector.variables[0]}}}' a path is not absolute, or has '..' in it."
    return collector.model_copy(update=update)
