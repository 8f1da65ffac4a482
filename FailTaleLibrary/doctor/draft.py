"""Hosts, a login and what to collect -> the text of a commented failtale.yaml. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from FailTaleLibrary.doctor.proposal import Proposal, yaml_text
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.lazy import dataclass, field

LOCAL = "local"
"""In the place of an address: the machine that runs the tests."""
_HOST = re.compile(
    r"(?:(?P<name>[A-Za-z0-9][\w.-]{0,63})=)?(?:(?P<user>[^@\s=]+)@)?"
    r"(?:\[(?P<v6>[0-9A-Fa-f:.%\w]+)\]|(?P<address>[^\s:=@\[\]/]+))"
    r"(?::(?P<port>[0-9]{1,5}))?(?::(?P<component>[A-Za-z0-9][\w.-]{0,63}))?"
)


@dataclass(frozen=True, slots=True)
class DraftHost:
    """A host as it was named."""

    name: str
    address: str
    component: str
    user: str = ""
    port: str = ""


@dataclass(slots=True)
class Draft:
    """What is to be written."""

    hosts: tuple[DraftHost, ...]
    user: str = ""
    key: str = ""
    schema: str = ""
    """Where the JSON Schema lies, for editors."""
    collectors: dict[str, list[Proposal]] = field(default_factory=dict)
    """By component."""
    left_out: dict[str, list[Proposal]] = field(default_factory=dict)
    """What would get nothing as things are, and why."""


def parse_host(text: str) -> DraftHost:
    """``app1=app@10.0.0.5:2222:app``, of which the address alone is needed. Raises ConfigError."""
    found = _HOST.fullmatch(text.strip())
    if found is None:
        raise ConfigError(
            f"'{text}' is no host; write NAME=ADDRESS:COMPONENT, e.g. 'app1=10.0.0.5:app', with 'USER@' before the "
            "address and ':PORT' behind it where they differ; 'here=local' is this machine."
        )
    address = found["v6"] or found["address"]
    name = found["name"] or ("here" if address == LOCAL else address if re.match(r"\w[\w.-]*$", address) else "host1")
    component = found["component"] or re.sub(r"[-_.]?\d+$", "", name.partition(".")[0]) or "app"
    return DraftHost(name, address, component, found["user"] or "", found["port"] or "")


def draft_text(draft: Draft) -> str:
    """The file."""
    return "\n".join(_draft_lines(draft)) + "\n"


def _draft_lines(draft: Draft) -> Iterator[str]:
    if draft.schema:
        yield f"# yaml-language-server: $schema={draft.schema}"
    yield "# FailTale's configuration, written by `failtale init`. Try it with `failtale check`; `failtale template`"
    yield "# shows what else there is, and docs/configuration.md explains every key."
    if draft.user or draft.key:
        yield "ssh:"
        if draft.user:
            yield f"  user: {yaml_text(draft.user)}  # a user that may only read"
        if draft.key:
            yield f"  key: {yaml_text(draft.key)}  # only this key is offered"
    yield ""
    yield "# What to collect from each part of the product when a test fails."
    yield "components:"
    for component in dict.fromkeys(host.component for host in draft.hosts):
        yield f"  {component}:"
        yield "    collectors:"
        for proposal in draft.collectors.get(component, []):
            yield f"      - {proposal.line:28}  # {proposal.why}".rstrip()
        for proposal in draft.left_out.get(component, []):
            yield f"      # - {proposal.line}  # {proposal.why}"
    yield ""
    yield "# The machines, and which part runs where; a machine may have several: component: [web, db]"
    yield "hosts:"
    yield from map(_host_line, draft.hosts)


def _host_line(host: DraftHost) -> str:
    parts = [f"component: {host.component}"]
    if host.address == LOCAL:
        parts.append("transport: local")
    elif host.address != host.name:
        parts.append(f"address: {yaml_text(host.address)}")
    ssh = [f"{key}: {yaml_text(each) if key == 'user' else each}" for key, each in _own_login(host) if each]
    if ssh:
        parts.append(f"ssh: {{{', '.join(ssh)}}}")
    return f"  {host.name}: {{{', '.join(parts)}}}"


def _own_login(host: DraftHost) -> tuple[tuple[str, str], ...]:
    return ("user", host.user), ("port", host.port)
