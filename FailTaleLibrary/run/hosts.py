"""The configuration -> the source of a run's evidence: made, connected to and asked for marks as tests need it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from FailTaleLibrary.budget import Budget
from FailTaleLibrary.config import Config
from FailTaleLibrary.config.variables import Lookup, Values, nothing_set, resolve, values_of
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.run.stages import Stages, source_of

if TYPE_CHECKING:
    from FailTaleLibrary.collection.source import EvidenceSource
    from FailTaleLibrary.transports import Connections

_log = logger_of(__name__)


class Hosts:
    """Where a run's evidence comes from: its own hosts, or a gateway."""

    def __init__(
        self,
        config: Config,
        stages: Stages,
        faults: Faults,
        *,
        passed_on: tuple[type[BaseException], ...],
    ) -> None:
        self._config = config
        self._stages = stages
        self._faults = faults
        self._passed_on = passed_on
        self.lookup: Lookup = nothing_set
        self.ahead: Connections | None = None
        """Ways to the hosts, where they were connected to before it was known what to ask them."""

    @cached_property
    def source(self) -> EvidenceSource:
        if self.ahead is not None:
            from FailTaleLibrary.collection.source import OwnHosts

            return OwnHosts(self._config, self.ahead)
        return self._stages.source(self._config)

    @property
    def were_asked(self) -> bool:
        """Whether a mark or a failure needed them."""
        return "source" in self.__dict__

    def window_began(self, at_s: float | None = None) -> None:
        """Marks are taken in the background. Raises nothing of its own."""
        try:
            self.source.window_began(self.values(), at_s=at_s)
        except self._passed_on:
            raise
        except Exception as error:  # no test may suffer from it; the items will say that they have no mark
            self._faults.sentence("taking marks", error)

    def connect_ahead(self) -> None:
        """Connects to the hosts that the first failure will ask; returns once what connects is loaded."""
        if not self._may_connect_ahead:
            return
        try:
            from FailTaleLibrary.transports import Connections

            self.ahead = Connections(self._config)
            hosts = [host for host in self._config.hosts if self._config.collectors_for(host)]
            self.ahead.connect_ahead(hosts[: self._config.limits.parallel_hosts])
            if any(each.transport == "ssh" for each in self._config.hosts.values()):
                from FailTaleLibrary.transports.paramiko_import import load_paramiko

                load_paramiko()  # here, because beside it nothing of ours would get on
        except self._passed_on:
            raise
        except Exception as error:  # what it is will be met again
            _log.debug("connecting ahead failed: %s", type(error).__name__)

    @property
    def _may_connect_ahead(self) -> bool:
        """Whether no host was ever asked, and the first failure asks them as the configuration has them."""
        config = self._config
        return (
            not self.were_asked
            and self.ahead is None
            and self._stages.source is source_of
            and config.gateway is None
            and config.marks == "off"
            and not config.variables
        )

    def check(self, hosts: Collection[str]) -> Mapping[str, str]:
        """Host -> what keeps it from answering; empty text for a host that is well. Raises ConfigError."""
        budget = Budget(self._config.limits.failure_time_s)
        return self.source.check_hosts(hosts, budget=budget, values=self.values())

    @property
    def trouble(self) -> str:
        """Why a gateway served none or not all of this run, in a sentence; empty where it did, or there is none."""
        return self.source.trouble if self.were_asked else ""

    def values(self) -> Values | None:
        """The values of the configuration's variables as the tests have them now; None where it has no variable."""
        if not self._config.variables:
            return None
        return values_of(self._config.variables, self.lookup)

    def targets(self) -> Iterator[str]:
        """Whose logs this run collects, as it begins."""
        values = self.values()
        if values is None or self._config.gateway is not None:
            return _targets_of(self._config)
        return _targets_of(resolve(self._config, values).config)

    def close(self) -> None:
        """No connection stays; safe to call twice."""
        if self.were_asked:
            self.source.close()
        elif self.ahead is not None:
            self.ahead.close()


def _targets_of(config: Config) -> Iterator[str]:
    """Whose logs a run collects, as other runs name it, too; this machine's are those of one configuration."""
    if config.gateway is not None:
        yield config.gateway.url
    for name, host in config.hosts.items():
        if host.transport == "ssh":
            yield f"{(host.address or name).lower()}:{config.ssh_for(name).port or 22}"
        elif host.transport == "local" and config.source is not None:
            yield f"here {config.source.resolve()}"
