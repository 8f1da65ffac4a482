"""Items of a visit -> their results from a minion of Salt, which is asked together with the others of its master."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable
from weakref import WeakValueDictionary

from FailTaleLibrary.breaker import Breaker
from FailTaleLibrary.config import Config, SaltSettings
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.transports.salt_api import SaltApi
from FailTaleLibrary.transports.salt_fleet import Minion, SaltFleet

SETTINGS = None  # all is said in the section ``salt`` of the file; a minion's id is the host's address

_fleets: WeakValueDictionary[str, SaltFleet] = WeakValueDictionary()
_lock = threading.Lock()


def connect(host: str, config: Config, *, clock: Callable[[], float]) -> Minion:
    """The way to a minion; all of one master share one login. Raises ConfigError where no master is named."""
    if config.salt is None:
        raise ConfigError(f"Host '{host}' has 'transport: salt', and the configuration has no section 'salt'.")
    name = config.hosts[host].address or host
    return Minion(name, host, fleet_of(config.salt), Breaker(clock=clock))


def fleet_of(settings: SaltSettings) -> SaltFleet:
    """The one way to a master, for all hosts and configurations of this process that reach it with these settings."""
    key = repr((settings.model_dump(), settings.password.get_secret_value()))
    with _lock:
        fleet = _fleets.get(key)
        if fleet is None:
            fleet = _fleets[key] = SaltFleet(settings, SaltApi(settings))
        return fleet


def repeater(host: str, config: Config) -> Callable[[str], str]:
    """A command -> what an administrator types on the master."""
    minion = config.hosts[host].address or host
    return lambda command: shlex.join(["salt", minion, "cmd.run", command, "python_shell=True"])
