"""Failure + Config -> Plan: what to collect from which host, cheapest first, with every limit as a number. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from FailTaleLibrary.config import Collector, Config
from FailTaleLibrary.config.queries import QUERY_TIME_S
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.records import (
    NO_HOST,
    Failure,
    Gap,
    Plan,
    SafeText,
    Step,
    configured_name,
    derived_texts,
    our_words,
)

ONLY_TAG = "failtale:only="
OFF_TAG = "failtale:off"
STATE_COST = 0
"""Of a command, unless its collector says otherwise: cheap state."""
LOG_COST = 1


def plan(
    failure: Failure,
    config: Config,
    *,
    components: Collection[str] = (),
    hosts: Collection[str] = (),
    collectors: Collection[str] = (),
) -> Plan:
    """The steps for this failure; empty selections mean all.

    A ``failtale:only=web,db`` tag of the test selects components where the argument does not. Raises ConfigError when
    an argument names something unknown; an unknown name in a tag becomes a gap, because a run must not suffer from it.
    """
    _check_known(components, config.components, what="component")
    _check_known(hosts, config.hosts, what="host")
    wanted = tuple(map(configured_name, components)) or derived_texts(components_from_tags, failure.tags)
    steps = tuple(
        step
        for host in config.hosts
        if not hosts or host in hosts
        for step in _steps_of_host(host, config, wanted, collectors)
    )
    return Plan(
        failure_id=failure.id,
        steps=steps,
        skipped=tuple(_unplayed(wanted, config)),
        deadline_s=config.limits.failure_time_s,
        max_bytes=config.limits.failure_bytes,
        host_time_s=config.limits.host_time_s,
        host_bytes=config.limits.host_bytes,
        parallel_hosts=config.limits.parallel_hosts,
    )


def components_from_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Component names of all ``failtale:only=…`` tags; case and spaces of the tag do not matter."""
    names = []
    for tag in tags:
        compact = tag.replace(" ", "")
        if compact.lower().startswith(ONLY_TAG):
            names += [name for name in compact[len(ONLY_TAG) :].split(",") if name]
    return tuple(names)


def switched_off(tags: Iterable[str]) -> bool:
    """Whether a tag says ``failtale:off``."""
    return any(tag.replace(" ", "").lower() == OFF_TAG for tag in tags)


def _steps_of_host(host: str, config: Config, components: Collection[str], collectors: Collection[str]) -> list[Step]:
    timeout_s = config.ssh_for(host).command_timeout_s
    steps = [
        _plan_step(host, component, collector, config, timeout_s=timeout_s)
        for component, collector in config.collectors_for(host)
        if (not components or component in components) and (not collectors or collector.name in collectors)
    ]
    return sorted(steps, key=lambda step: step.cost)


def _plan_step(host: str, component: str, collector: Collector, config: Config, *, timeout_s: float) -> Step:
    return Step(
        host=host,
        component=component,
        collector=collector.name,
        window=collector.window,
        timeout_s=collector.timeout_s or (timeout_s if collector.query is None else QUERY_TIME_S),
        max_bytes=collector.max_bytes or config.limits.item_bytes,
        bundle_bytes=config.limits.bundle_item_bytes if config.bundles.enabled else 0,
        cost=_cost(collector),
    )


def _cost(collector: Collector) -> int:
    if collector.cost is not None:
        return collector.cost
    return LOG_COST if collector.is_log else STATE_COST


def _check_known(names: Iterable[str], known: Collection[str], *, what: str) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(
                f"There is no {what} '{name}' in the configuration; it has: {', '.join(known) or 'none'}."
            )


def _unplayed(components: Iterable[SafeText], config: Config) -> Iterator[Gap]:
    """A gap for each wanted component to which no host is assigned, so that its silence is not taken for health."""
    played = {name for host in config.hosts.values() for name in host.component}
    for name in components:
        if name not in played:
            known = name in config.components
            words = (
                our_words("No host is assigned to component")
                if known
                else our_words("The configuration has no component")
            )
            yield Gap(host=NO_HOST, component=name, reason="skipped", detail=our_words("{} '{}'.", words, name))
