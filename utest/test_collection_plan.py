"""A plan names whom to ask what, cheapest first, and never holds a credential."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from FailTaleLibrary.collection.plan import components_from_tags, plan, switched_off
from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.records import Failure, Window

START = datetime(2026, 11, 22, 3, 12, tzinfo=timezone.utc)


def a_failure(*tags: str) -> Failure:
    return Failure(id="f" * 32, name="Order", tags=tags, window=Window(start=START, end=START + timedelta(seconds=9)))


@pytest.fixture
def config() -> Config:
    return Config.model_validate(
        {
            "ssh": {"command_timeout": "7 s"},
            "limits": {"item_bytes": "10 kB"},
            "components": {
                "web": {
                    "collectors": [
                        {"name": "heap", "command": "heap-dump", "cost": 2},
                        {"name": "log", "file": ["/var/log/web.log"], "window": "5 min", "timeout": "2 s"},
                        {"name": "disk", "command": "df -P", "max_bytes": "1 kB"},
                    ]
                },
                "db": {"collectors": [{"name": "log", "file": ["/var/log/db.log"]}]},
                "unplayed": {"collectors": [{"name": "log", "file": ["/x"]}]},
            },
            "hosts": {"web1": {"component": ["web"]}, "db1": {"component": ["db"]}},
        }
    )


def test_a_host_is_asked_for_cheap_state_before_logs_before_heavy_things(config: Config) -> None:
    steps = [step.collector for step in plan(a_failure(), config).steps if step.host == "web1"]
    assert steps == ["disk", "log", "heap"]


def test_every_step_carries_its_limits_as_numbers(config: Config) -> None:
    steps = {step.id: step for step in plan(a_failure(), config).steps}
    assert (steps["web1/log"].timeout_s, steps["web1/log"].max_bytes, steps["web1/log"].window) == (2.0, 10_000, "300")
    disk = steps["web1/disk"]
    assert (disk.timeout_s, disk.max_bytes, disk.window) == (7.0, 1000, "test")


def test_a_tag_narrows_the_plan_to_its_components(config: Config) -> None:
    assert {step.host for step in plan(a_failure("failtale:only=db"), config).steps} == {"db1"}


def test_an_unknown_component_in_a_tag_is_a_gap_and_no_error(config: Config) -> None:
    told = plan(a_failure("failtale:only=db,wbe"), config)
    assert [gap.detail for gap in told.skipped] == ["The configuration has no component 'wbe'."]
    assert {step.host for step in told.steps} == {"db1"}


def test_an_unknown_component_in_an_argument_is_the_users_mistake(config: Config) -> None:
    with pytest.raises(ConfigError, match="no component 'wbe' in the configuration; it has: web, db, unplayed"):
        plan(a_failure(), config, components=["wbe"])


def test_a_component_that_no_host_plays_is_a_gap(config: Config) -> None:
    told = plan(a_failure(), config, components=["unplayed"])
    assert [gap.detail for gap in told.skipped] == ["No host is assigned to component 'unplayed'."]
    assert told.steps == ()


@pytest.mark.parametrize(
    ("tag", "components"),
    [
        ("failtale:only=web", ("web",)),
        ("failtale:only=web,db", ("web", "db")),
        ("FailTale:Only= web , db ", ("web", "db")),
        ("smoke", ()),
    ],
)
def test_tags_select_components(tag: str, components: tuple[str, ...]) -> None:
    assert components_from_tags([tag]) == components


def test_a_tag_switches_a_test_off() -> None:
    assert switched_off(["smoke", "failtale:off"])
    assert not switched_off(["failtale:only=web"])
