"""A host of the configuration -> how it is reached: address, login, keys, what vouches for it, and what lies before it.

What our own configuration says wins; behind it stands what the user's configuration of ssh says of the name that is
connected to, as `ssh NAME` would go by it; behind that stand ssh's defaults. `Reach.origins` says which it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from FailTaleLibrary.config import Config, SshSettings
from FailTaleLibrary.config.types import JumpPlace, jump_place
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.lazy import dataclass, field, replace
from FailTaleLibrary.transports.ssh_config import (
    NOWHERE,
    HostConfig,
    NotFollowed,
    default_known_hosts,
    host_config,
    local_user,
    other_file,
)

MAX_JUMPS = 8
"""Jump hosts before a host; more of them lead in a circle."""
OURS, SSHS, DEFAULT = "failtale.yaml", "ssh's configuration", "default"
"""Where a value comes from."""


@dataclass(frozen=True, slots=True)
class Origin:
    """One value of a way, and where it comes from."""

    key: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Reach:
    """The way to one host, or to one jump host."""

    host: str
    """Its name in the configuration, or as a jump host."""
    address: str
    port: int
    user: str
    known_hosts: tuple[Path, ...]
    """Of several, new keys go into the first."""
    ssh: SshSettings
    """Time limits, secrets, and how keys are judged."""
    keys: tuple[Path, ...] | None = None
    """Key files to offer, of which those count that are there; None: the agent's and the usual files."""
    keys_alone: bool = False
    """Nothing but `keys` is offered (IdentitiesOnly)."""
    certificates: tuple[Path, ...] = ()
    agent: str = ""
    """Socket of another agent than the environment names; ``none``: no agent."""
    host_key_alias: str = ""
    """What the host is called in known_hosts and in certificates, in place of its address."""
    jump: Reach | None = None
    """The host that connections go through, which has a way of its own."""
    proxy_command: str = ""
    """A program whose input and output are the connection."""
    address_family: str = "any"
    """What its address may be, ``any``, ``inet`` or ``inet6``."""
    bind_address: str = ""
    """Of this machine, where the connection comes from; empty: whichever."""
    is_jump: bool = False
    not_followed: tuple[NotFollowed, ...] = field(default=(), compare=False)
    """What ssh would go by, in the way's own part."""
    origins: tuple[Origin, ...] = field(default=(), compare=False)

    @property
    def called(self) -> str:
        return f"{'Jump host' if self.is_jump else 'Host'} '{self.host}'"

    @property
    def jumps(self) -> tuple[Reach, ...]:
        """The jump hosts, in the order in which they are connected to."""
        return (*self.jump.jumps, self.jump) if self.jump else ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What of ssh's configuration is not followed on the whole way, a sentence each."""
        ways = (*self.jumps, self)
        return tuple(dict.fromkeys(each.sentence for way in ways for each in way.not_followed))

    @property
    def is_direct(self) -> bool:
        return self.jump is None and not self.proxy_command

    @property
    def connecting_s(self) -> float:
        """The longest that connecting may take, jump hosts included."""
        return self.ssh.connect_timeout_s + sum(jump.ssh.connect_timeout_s for jump in self.jumps)

    @property
    def names(self) -> tuple[str, ...]:
        """How known_hosts may call the host, its own name first."""
        if self.host_key_alias:
            return (self.host_key_alias,)
        return (self.address,) if self.port == 22 else (f"[{self.address}]:{self.port}", self.address)


def reach_of(config: Config, host: str) -> Reach:
    """How a host is reached. Raises TransportError where ssh's configuration cannot be read, or leads in a circle."""
    ssh = config.ssh_for(host)
    name = config.hosts[host].address or host
    return _way_to(config, host, name, ssh, passed=(host,))


def _way_to(config: Config, host: str, name: str, ssh: SshSettings, *, passed: tuple[str, ...]) -> Reach:
    said = host_config(name, user=ssh.user, port=ssh.port, file=ssh.config)
    reach = Reach(
        host=host,
        address=said.hostname,
        port=said.port,
        user=ssh.user or said.user or local_user(),
        known_hosts=(ssh.known_hosts,) if ssh.known_hosts else said.known_hosts or (NOWHERE,),
        ssh=ssh,
        keys=(ssh.key,) if ssh.key else said.identity_files,
        keys_alone=ssh.key is not None or said.identities_only,
        certificates=said.certificate_files,
        agent=said.identity_agent,
        host_key_alias=said.host_key_alias,
        address_family=said.address_family,
        bind_address=said.bind_address,
        not_followed=(*said.not_followed, *filter(None, [other_file(ssh.config)])),
    )
    jumps = [jump_place(text) for text in ssh.proxy_jump or ()]
    if ssh.proxy_jump is None:
        jumps = _jump_places(said.proxy_jump, name)
    jumps = _before(jumps, own=(host, name))
    if jumps:
        reach = replace(reach, jump=_chain(config, jumps, ssh, passed=passed))
    elif ssh.proxy_jump is None and said.proxy_command:
        reach = replace(reach, proxy_command=said.proxy_command)
    return replace(reach, origins=tuple(_origins(reach, ssh, said, name)))


def _jump_places(chain: str, name: str) -> list[JumpPlace]:
    try:
        return [jump_place(text.strip()) for text in chain.split(",")] if chain else []
    except ValueError as error:
        raise TransportError("failed", f"ssh's configuration for '{name}' has a ProxyJump of which {error}.") from error


def _before(jumps: list[JumpPlace], *, own: tuple[str, ...]) -> list[JumpPlace]:
    """A host is not reached through itself, which a `proxy_jump` for all hosts says of its jump host."""
    at = next((index for index, place in enumerate(jumps) if place.host in own), len(jumps))
    return jumps[:at]


def _chain(config: Config, jumps: list[JumpPlace], ssh: SshSettings, *, passed: tuple[str, ...]) -> Reach:
    """The last of some jump hosts. The first goes its own way, each other one through the one before it."""
    first, *others = jumps
    reach = _jump(config, first, ssh, passed=passed)
    for place in others:
        reach = replace(_jump(config, place, ssh, passed=passed, is_first=False), jump=reach, proxy_command="")
    if len(reach.jumps) >= MAX_JUMPS:
        raise _circle(passed, first)
    return reach


def _jump(
    config: Config, place: JumpPlace, ssh: SshSettings, *, passed: tuple[str, ...], is_first: bool = True
) -> Reach:
    """A jump host: a host of our configuration, or a name for ssh's."""
    if place.host in passed or len(passed) > MAX_JUMPS:
        raise _circle(passed, place)
    if place.host in config.hosts and config.hosts[place.host].transport == "ssh":
        own, name = config.ssh_for(place.host), config.hosts[place.host].address or place.host
    else:
        own, name = _for_stranger(ssh, config.ssh), place.host
    own = own.model_copy(update={"user": place.user or own.user, "port": place.port or own.port})
    if not is_first:
        own = own.model_copy(update={"proxy_jump": ()})
    reach = _way_to(config, place.host, name, own, passed=(*passed, place.host))
    if place.host in config.hosts:
        return replace(reach, is_jump=True)
    user = place.user or _said_user(reach) or ssh.user or reach.user
    keys = None if reach.keys is None and ssh.key is None else (*(reach.keys or ()), *((ssh.key,) if ssh.key else ()))
    return replace(reach, is_jump=True, user=user, keys=keys, keys_alone=reach.keys_alone or ssh.key is not None)


def _for_stranger(ssh: SshSettings, of_all: SshSettings) -> SshSettings:
    """What counts of a host's settings for a jump host that is none of ours.

    It gets the password of all hosts, and only where our own configuration names it.
    """
    password = None if ssh.proxy_jump is None else of_all.password
    own = dict.fromkeys(("user", "port", "key", "host_key", "proxy_jump"))
    return ssh.model_copy(update={**own, "password": password, "gate": False})


def _said_user(reach: Reach) -> str:
    return next((each.value for each in reach.origins if each.key == "user" and each.origin == SSHS), "")


def _circle(passed: tuple[str, ...], place: JumpPlace) -> TransportError:
    way = " → ".join([*passed[:MAX_JUMPS], place.host])
    return TransportError("failed", f"The jump hosts before '{passed[0]}' lead in a circle: {way}.")


def _origins(reach: Reach, ssh: SshSettings, said: HostConfig, name: str) -> Iterator[Origin]:
    yield Origin("address", reach.address, OURS if reach.address == name else SSHS)
    yield Origin("port", str(reach.port), OURS if ssh.port else SSHS if reach.port != 22 else DEFAULT)
    is_said = said.user and said.user != local_user()
    yield Origin("user", reach.user, OURS if ssh.user else SSHS if is_said else DEFAULT)
    if reach.keys is not None:
        yield Origin("key", ", ".join(map(str, reach.keys)) or "none", OURS if ssh.key else SSHS)
    if said.identities_only:
        yield Origin("identities_only", "yes", SSHS)
    if reach.certificates:
        yield Origin("certificate", ", ".join(map(str, reach.certificates)), SSHS)
    of_default = tuple(map(str, reach.known_hosts)) == default_known_hosts()
    files = ", ".join(map(str, reach.known_hosts))
    yield Origin("known_hosts", files, OURS if ssh.known_hosts else DEFAULT if of_default else SSHS)
    if reach.host_key_alias:
        yield Origin("host key alias", reach.host_key_alias, SSHS)
    if reach.jump:
        way = ", ".join(f"{jump.host} ({jump.user}@{jump.address}:{jump.port})" for jump in reach.jumps)
        yield Origin("proxy_jump", way, SSHS if ssh.proxy_jump is None else OURS)
    if reach.address_family != "any":
        yield Origin("address family", reach.address_family, SSHS)
    if reach.bind_address:
        yield Origin("bind address", reach.bind_address, SSHS)
    if reach.proxy_command:
        yield Origin("proxy_command", reach.proxy_command, SSHS)
