"""Every number of the configuration has an effect: at its least value the reader of a report sees something else.

The cases are held against the fields of the model, so that a new number without a case is a failing test.
"""

from __future__ import annotations

import os
import re
import socket
import types
import typing
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from builders import a_failure, a_report, a_suspect, an_analysis
from kubernetes_api import Cluster, KubernetesApi, moment, pod, status, write_kubeconfig
from ollama_stub import MODEL, OllamaStub

from FailTaleLibrary.config import Config, parse_config
from FailTaleLibrary.config.model import AnalysisSettings, Section
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.hints import HintMaker, build_prompt
from FailTaleLibrary.history import history_of
from FailTaleLibrary.ranking.causes import Cause
from FailTaleLibrary.records import Item, Report, Signature, our_words
from FailTaleLibrary.run import Run
from FailTaleLibrary.schema import FieldInfo

# --- The numbers of the model -----------------------------------------------------------------------------------------


def numbers(section: type[Section], path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """The dotted path of each number below a section, in the words of the YAML; sections within mappings included."""
    for name, field in section.model_fields.items():
        here = f"{path}.{field.alias or name}".lstrip(".")
        kinds = set(_kinds(field.annotation))
        if kinds & {int, float} and bool not in kinds:
            yield here, field
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, Section):
                yield from numbers(kind, here)


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types within ``int | None``, ``tuple[Collector, ...]``, ``dict[Name, Host]``, ``Annotated[…]``."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, tuple, dict, typing.Annotated):
        for each in typing.get_args(annotation):
            yield from _kinds(each)
    else:
        yield annotation


NUMBERS = {path: field for path, field in numbers(Config) if path != "environment"}


def least(path: str) -> float:
    """The least value that the configuration takes."""
    field = NUMBERS[path]
    least = field.bound("ge")
    return 0.001 if least is None else least  # a duration: more than nothing


# --- limits -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What a run of two equal failures on three hosts left."""

    reports: tuple[Report, ...]
    cards: tuple[str, ...]
    stored_bytes: int
    """Of the first failure's biggest item in its bundle."""
    at_once: int
    """Most hosts that were asked at the same time."""
    known: tuple[str, ...]
    """Causes that the history knows, where one of two days ago was."""

    @property
    def items(self) -> tuple[Item, ...]:
        return self.reports[0].evidence.items

    def tells(self, words: str, *, of: int = 0) -> bool:
        return any(words in gap.detail for gap in self.reports[of].evidence.gaps)


def seen(directory: Path, **limits: float) -> Seen:
    moments = directory / "moments"
    slow = f"echo + >> {moments}; sleep 0.3; echo - >> {moments}; echo done"
    much = "yes 'a line of some length, so that there are many bytes' | head -c 150000"
    config = Config.model_validate(
        {
            "components": {"app": {"collectors": [{"name": "slow", "command": slow, "cost": 0},
                                                  {"name": "much", "command": much, "cost": 1}]}},
            "hosts": {f"host{n}": {"component": "app", "transport": "local"} for n in range(3)},
            "limits": limits,
            "history": str(directory / "history.db"),
        }
    )  # fmt: skip
    two_days_ago = datetime.now(timezone.utc) - timedelta(days=2)
    words = our_words("an old failure")
    patient = {name: value for name, value in limits.items() if name != "history_time"}
    before = Config.model_validate({"limits": patient, "history": config.history})
    history_of(before).count_failure(Cause("0123456789abcdef", words), headline=words, test=words, at=two_days_ago)
    with Run(config, environ={}) as run:
        failures = [run.failure("Order", message="HTTPError: 500 Server Error", scope="test") for _ in range(2)]
        reports = tuple(run.collect_failure(failure, output_dir=directory) for failure in failures)
        cards = tuple(run.card(report) for report in reports)
    stored = [path.stat().st_size for path in (directory / "failtale" / failures[0].id).rglob("items/*/*.txt")]
    known = tuple(cause.headline for cause in history_of(Config(history=str(directory / "history.db"))).known())
    return Seen(reports, cards, max(stored, default=0), _most_at_once(moments), known)


def _most_at_once(moments: Path) -> int:
    depth = most = 0
    for line in moments.read_text().split() if moments.exists() else ():
        depth += 1 if line == "+" else -1
        most = max(most, depth)
    return most


def texts(seen: Seen) -> list[int]:
    return [len(item.text.encode()) for item in seen.items]


EFFECTS: dict[str, Callable[[Seen], bool]] = {
    "limits.item_bytes": lambda seen: max(texts(seen)) == 1 and all(item.omitted_bytes for item in seen.items),
    "limits.host_time": lambda seen: seen.tells("limits.host_time"),
    "limits.host_bytes": lambda seen: seen.tells("limits.host_bytes") and max(texts(seen), default=0) <= 1,
    "limits.failure_time": lambda seen: seen.tells("limits.failure_time"),
    "limits.failure_bytes": lambda seen: seen.tells("limits.failure_bytes") and sum(texts(seen)) <= 1,
    "limits.run_time": lambda seen: seen.tells("limits.run_time") and seen.tells("limits.run_time", of=1),
    "limits.card_bytes": lambda seen: max(len(card.encode()) for card in seen.cards) <= 10_000,
    "limits.run_card_bytes": lambda seen: max(len(card.encode()) for card in seen.cards) <= 20_000,
    "limits.repeats": lambda seen: seen.tells("limits.repeats", of=1),
    "limits.parallel_hosts": lambda seen: seen.at_once == 1,
    "limits.full_hosts": lambda seen: len(seen.reports[0].evidence.in_full) == 1,
    "limits.history_time": lambda seen: seen.tells("limits.history_time", of=1),
    "limits.history_days": lambda seen: "an old failure" not in seen.known,
    "limits.history_causes": lambda seen: len(seen.known) == 1,
    "limits.bundle_item_bytes": lambda seen: 0 < seen.stored_bytes <= 65536,
}


@pytest.fixture(scope="module")
def unlimited(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return seen(tmp_path_factory.mktemp("unlimited"))


@pytest.mark.parametrize("path", [path for path in NUMBERS if path.startswith("limits.")])
def test_every_limit_at_its_least_value_has_an_effect_that_the_reader_sees(
    path: str, tmp_path: Path, unlimited: Seen
) -> None:
    effect = EFFECTS[path]
    assert not effect(unlimited)
    assert effect(seen(tmp_path, **{path.removeprefix("limits."): least(path)}))


# --- The other numbers ------------------------------------------------------------------------------------------------


@contextmanager
def a_silent_server() -> Iterator[int]:
    """The port of a server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def a_full_server() -> Iterator[int]:
    """The port of a server that takes no more connections, and refuses none."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as stack:
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


Look = Callable[[float], Any]
"""A number -> what a reader sees of it, equal for equal numbers."""
Answers = list[tuple[str, ...]]
"""What a reader sees of a report that no clock and no chance changes: items with texts, gaps with reasons."""


def answers(config: dict[str, Any], *, port: int | None = None) -> Answers:
    with Run(Config.model_validate({"bundles": {"enabled": False}, **config}), environ={}) as run:
        evidence = run.collect_failure(run.failure("Order")).evidence
    items = [(item.collector, item.status, item.before, item.text) for item in evidence.items]
    return items + [(gap.reason, gap.detail.replace(str(port), "PORT")) for gap in evidence.gaps]


def told(ssh: dict[str, Any], host: dict[str, Any], collector: dict[str, Any], **sections: Any) -> Answers:
    """What the report of a failure with one host and one collector says."""
    config = {
        "ssh": {"known_hosts": "/dev/null", "host_keys": "accept-new", **ssh},
        "components": {
            "app": {
                "collectors": [{"name": "c", **({} if "file" in collector else {"command": "echo x"}), **collector}]
            }
        },
        "hosts": {"web1": {"component": "app", "address": "127.0.0.1", **host}},
    }
    return answers({**config, **sections}, port=host.get("ssh", {}).get("port"))


LOCAL = {"transport": "local"}
LONG = "seq 1 40"
SLOW = {"command": "sleep 4; echo x"}


def of_collector(key: str, **collector: Any) -> Look:
    return lambda value: told({}, LOCAL, {"command": LONG, **collector, key: value})


def connecting(value: float, *, of_host: bool) -> Answers:
    with a_silent_server() as port:
        limit = {"connect_timeout": value}
        ((_, detail),) = told({} if of_host else limit, {"ssh": {"port": port, **(limit if of_host else {})}}, {})
    return [tuple(re.findall(r"within [\d.]+ s", detail))]  # how far it came until then is chance


def reaching_the_gateway(value: float) -> Answers:
    with a_full_server() as port:
        return through_gateway(port, connect_timeout=value)


def waiting_for_the_gateway(value: float) -> Answers:
    with a_silent_server() as port:
        return through_gateway(port, silence_timeout=value, connect_timeout=60)


def through_gateway(port: int, **limits: float) -> Answers:
    return answers({"gateway": {"url": f"http://127.0.0.1:{port}/mcp", **limits}}, port=port)


def containers_read(value: float) -> int:
    """Of how many containers of a cluster with three a log is read."""
    running = status("app", {"running": {"startedAt": moment(-3600)}})
    cluster = Cluster(modern=True, objects=[pod(f"api-{number}", running) for number in range(3)])
    with KubernetesApi(cluster) as api, TemporaryDirectory() as directory:
        kubeconfig = write_kubeconfig(Path(directory) / "kubeconfig", api.url)
        collector = {"kubernetes": "logs", "namespaces": "shop", "kubeconfig": str(kubeconfig), "timeout": "60 s"}
        answers(
            {
                "components": {"app": {"collectors": [{"name": "c", **collector, "most": value}]}},
                "hosts": {"web1": {"component": "app", **LOCAL}},
            }
        )
    return sum("/log?" in line for line in cluster.asked)


def told_by_salt(salt: dict[str, Any]) -> Answers:
    return told({}, {"transport": "salt"}, {}, salt=salt, limits={"failure_time": 60})


def waiting_for_salt(value: float) -> Answers:
    with a_silent_server() as port:
        salt = {"url": f"http://127.0.0.1:{port}", "user": "me", "password": "none", "answer_timeout": value}
        return [tuple(each.replace(str(port), "PORT") for each in answer) for answer in told_by_salt(salt)]


def hosts_of_a_slow_inventory(value: float) -> tuple[str, ...]:
    """The hosts that ``ansible-inventory`` names, or none where it was too slow."""
    with TemporaryDirectory() as directory:
        program = Path(directory) / "ansible-inventory"
        program.write_text("""#!/bin/sh\nsleep 0.5\necho '{"web": {"hosts": ["web1"]}}'\n""")
        program.chmod(0o755)
        text = f"components: {{web: {{collectors: [linux]}}}}\ninventory: {{source: 'a,', timeout: {value}}}\n"
        with patch.dict("os.environ", {"PATH": f"{directory}:{os.environ['PATH']}"}):
            try:
                return tuple(parse_config(text).hosts)
            except ConfigError as error:
                return ("" if "took more than" in str(error) else str(error),)


def lines_before(value: float) -> Answers:
    """Of a log whose window begins at its last line."""
    with TemporaryDirectory() as directory:
        log = Path(directory) / "app.log"
        log.write_text("".join(f"2024-01-01T00:00:0{n}Z old line {n}\n" for n in range(9)))
        with log.open("a") as file:
            file.write(f"{datetime.now(timezone.utc) + timedelta(minutes=1):%FT%TZ} new line\n")
        return [(text[1], text[2]) for text in told({}, LOCAL, {"file": str(log), "before": value})]


def ordered(value: float) -> Answers:
    collectors = [{"name": "first", "command": "echo 1", "cost": 1}, {"name": "second", "command": "echo 2"}]
    collectors[1]["cost"] = value
    components = {"app": {"collectors": collectors}}
    return told({}, LOCAL, {}, components=components)


def a_report_named(name: str, lines: int = 1) -> Report:
    text = "database is locked: orders.db held by backup"
    suspects = tuple(a_suspect(id=f"E{n}", text=f"{text} {name} {n} {'x' * 300}") for n in range(1, lines + 1))
    signature = Signature.model_validate({"hash": f"{ord(name):016x}", "text": "t"})
    return a_report(
        failure=a_failure(name=name), analysis=an_analysis(suspects=suspects, signature=signature, hint=None)
    )


def hints(**settings: Any) -> str:
    """What two different failures get, and what Ollama was asked."""
    with OllamaStub() as stub:
        analysis = AnalysisSettings.model_validate({"model": MODEL, "host": stub.url, **settings})
        maker = HintMaker(analysis, environ={})
        reasons = [str(maker.hint(a_report_named(name)).no_hint_reason) for name in "AB"]
        options = [request.body.get("options", {}) for request in stub.asked("/api/chat")]
    reasons = [reason.replace(stub.url, "URL") for reason in reasons]
    return f"{reasons} {[(each.get('num_thread'), each.get('seed')) for each in options]}"


def prompt_of_lines(value: float) -> str:
    settings = AnalysisSettings(model=MODEL, lines=int(value))
    return build_prompt(a_report_named("A", lines=30), settings=settings, context_tokens=8192).text()


def prompt_within(value: float) -> str:
    settings = AnalysisSettings(model=MODEL, context=int(value))
    report = a_report_named("A", lines=30)
    return build_prompt(report, settings=settings, context_tokens=settings.context, chars_per_token=3.0).text()


def withheld_within(seconds: float) -> bool:
    """Whether lines or all of a dense text were withheld: which of both, in a millisecond, is chance."""
    dense = {"command": "yes 'password: hunter2 token=abc' | head -n 2000"}
    return "withheld" in str(told({}, LOCAL, dense, redaction={"timeout": seconds}))


CASES: dict[str, tuple[Look, float]] = {
    # path -> what a reader sees of a value, and another value to compare the least one with
    "ssh.port": (lambda value: told({"port": value}, {}, {}), 2),
    "ssh.connect_timeout": (lambda value: connecting(value, of_host=False), 0.5),
    "ssh.command_timeout": (lambda value: told({"command_timeout": value}, LOCAL, SLOW), 30),
    "hosts.ssh.port": (lambda value: told({}, {"ssh": {"port": value}}, {}), 2),
    "hosts.ssh.connect_timeout": (lambda value: connecting(value, of_host=True), 0.5),
    "hosts.ssh.command_timeout": (
        lambda value: told({}, {**LOCAL, "ssh": {"command_timeout": value}}, SLOW),
        30,
    ),
    "components.collectors.lines": (of_collector("lines"), 5),
    "components.collectors.grep_before": (of_collector("grep_before", grep="^20$", grep_after=0), 3),
    "components.collectors.grep_after": (of_collector("grep_after", grep="^20$", grep_before=0), 3),
    "components.collectors.max_bytes": (of_collector("max_bytes"), 1000),
    "components.collectors.timeout": (of_collector("timeout", **SLOW), 30),
    "components.collectors.before": (lines_before, 3),
    "components.collectors.cost": (ordered, 2),
    "redaction.timeout": (withheld_within, 60),
    "analysis.context": (prompt_within, 8192),
    "analysis.threads": (lambda value: hints(threads=value), 4),
    "analysis.seed": (lambda value: hints(seed=value), 42),
    "analysis.hint_time": (lambda value: hints(hint_time=value), 60),
    "analysis.run_time": (lambda value: hints(run_time=value), 180),
    "analysis.hints": (lambda value: hints(hints=value), 5),
    "analysis.lines": (prompt_of_lines, 12),
    "gateway.connect_timeout": (reaching_the_gateway, 0.5),
    "components.collectors.most": (containers_read, 3),
    "salt.answer_timeout": (waiting_for_salt, 0.5),
    "inventory.timeout": (hosts_of_a_slow_inventory, 60),
    "gateway.silence_timeout": (waiting_for_the_gateway, 0.5),
}  # fmt: skip


def test_every_number_of_the_configuration_has_a_case() -> None:
    assert set(NUMBERS) == set(EFFECTS) | set(CASES)


@pytest.mark.parametrize("path", CASES)
def test_every_other_number_at_its_least_value_changes_what_the_reader_sees(path: str) -> None:
    look, other = CASES[path]
    seen_of_least = look(least(path))
    assert seen_of_least == look(least(path)), "what is compared must not change by chance"
    assert seen_of_least != look(other)
