"""What hosts answer to the presets' collectors: asked live, kept in `presets/`, judged by the same laws.

``FAILTALE_RECORD=1 python -m pytest utest/test_presets_real*.py`` writes the folder `presets/` anew.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from host_shells import NONCE, HostShell, host_shells

from FailTaleLibrary.config import Collector, Component, Config, Host, describe_presets
from FailTaleLibrary.records import Gap, Item
from FailTaleLibrary.run import Run
from FailTaleLibrary.transports import with_recorded_answers
from FailTaleLibrary.windows import ResolvedWindow, command_line

FIXTURES = Path(__file__).parent / "presets"
SHIPPED = {
    preset.name: preset
    for preset in describe_presets()
    if all(collector.query is None for collector in preset.collectors())
}
"""Those that read hosts; what stores answer to the others is in test_stores.py."""
DASH = host_shells()[0]
SECRET = "hk" + secrets.token_hex(11)
"""Planted where real programs show what users told them."""
REFUSALS = re.compile(
    "denied|not permitted|authentication failed|does not exist|NOAUTH|insufficient permissions"
    "|a password is required|not in the sudoers|AttachNotSupported"
)
_PLACEHOLDER, _FRAME = "⟨secret⟩", "␞"
_ITEM_BYTES = 64 * 1024


@dataclass(frozen=True)
class Recorded:
    """One answer of a host, as its bytes came."""

    command: str
    exit_status: int
    stdout: str
    stderr: str


def collectors_of(preset: str, **values: object) -> dict[str, Collector]:
    """The collectors of a preset by their own names, with these parameters."""
    told = {name: str(value) for name, value in values.items()}
    return {collector.name.partition(".")[2]: collector for collector in SHIPPED[preset].collectors(told)}


def ask(collector: Collector, *, since: float | None, shell: HostShell = DASH, path: Path | None = None) -> Recorded:
    """Runs one collector as FailTale would, for a window that began at an epoch; ``path`` comes first in PATH."""
    window = ResolvedWindow(
        kind="test" if since else "none", since_epoch=since, asked_since_epoch=since, utc_offset_s=0
    )
    line = command_line(collector, window=window, max_bytes=collector.max_bytes or _ITEM_BYTES)
    stdout, stderr, status = shell.outputs(line, first_in_path=path)
    return Recorded(line.shown, status, stdout.decode(), stderr.decode())


def item_of(collector: Collector, recorded: Recorded) -> Item | Gap:
    """What the evidence of a failing test would hold of an answer."""
    stdout, stderr = (_replaced(text, {f"\x1e{NONCE}": _FRAME}) for text in (recorded.stdout, recorded.stderr))
    answer = {"stdout": stdout, "stderr": stderr, "exit_status": recorded.exit_status}
    config = Config(components={"c": Component(collectors=(collector,))}, hosts={"h": Host(component=("c",))})
    with Run(with_recorded_answers(config, {"h": {collector.name: answer}}), environ={}) as run:
        evidence = run.collect_failure(run.failure("T")).evidence
    (found,) = (*evidence.items, *evidence.gaps)
    return found


def judge(case: str, collector: Collector, recorded: Recorded) -> None:
    """The laws of a case; what a reader must be told of such an answer."""
    {
        "good": _is_good,
        "documented": _is_good,
        "empty": _is_empty,
        "permission-denied": _is_refused,
        "missing-tool": _is_missing,
        "secrets": _keeps_secrets,
        "no-manager": _has_no_manager,
    }[case](collector, recorded)


def _is_good(collector: Collector, recorded: Recorded) -> None:
    item = item_of(collector, recorded)
    assert isinstance(item, Item), item
    assert (item.status, item.stderr, item.exit_status) == ("ok", "", 0), item
    assert collector.file == () or item.window is None or item.window.method == "time filter", item.window


def _is_empty(collector: Collector, recorded: Recorded) -> None:
    item = item_of(collector, recorded)
    assert isinstance(item, Item), item
    assert (item.status, item.text, item.stderr) == ("empty", "", ""), item
    assert item.empty_means.endswith(".")


def _is_refused(collector: Collector, recorded: Recorded) -> None:
    item = item_of(collector, recorded)
    if isinstance(item, Gap):
        assert item.reason == "permission denied", item
        assert collector.privilege in item.detail
    else:
        assert item.status == "failed", item
        assert REFUSALS.search(item.stderr), item


def _is_missing(collector: Collector, recorded: Recorded) -> None:
    item = item_of(collector, recorded)
    assert isinstance(item, Gap), item
    assert item.reason in ("command not found", "file not found"), item


def _keeps_secrets(collector: Collector, recorded: Recorded) -> None:
    item = item_of(collector, recorded)
    assert SECRET not in item.model_dump_json(), collector.name


def _has_no_manager(collector: Collector, recorded: Recorded) -> None:
    item = item_of(collector, recorded)
    assert isinstance(item, Item), item
    assert item.status == "failed"
    assert "not been booted with systemd" in item.stderr


# --- the folder `presets/` -------------------------------------------------------------------------------------------


def keep(preset: str, case: str, version: str, answers: Mapping[str, Recorded], *, instead: Mapping[str, str]) -> None:
    """Puts answers into a case when the run records; ``instead`` holds what stands for values of this one run."""
    if not os.environ.get("FAILTALE_RECORD"):
        return
    path = FIXTURES / preset / f"{case}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    told = yaml.safe_load(path.read_text())["answers"] if path.exists() else {}
    for name, recorded in answers.items():
        told[name] = {"recorded_with": version} | _told(preset, name, recorded, instead)
    ordered = {name: told[name] for name in collectors_of(preset) if name in told}
    text = yaml.dump({"answers": ordered}, Dumper=_Blocks, sort_keys=False, width=120, allow_unicode=True)
    path.write_text(text)


def _told(preset: str, name: str, recorded: Recorded, instead: Mapping[str, str]) -> dict[str, object]:
    told = asdict(recorded) | {"command": shown(collectors_of(preset)[name])}
    for key in ("stdout", "stderr"):
        told[key] = _replaced(str(told[key]), {SECRET: _PLACEHOLDER, f"\x1e{NONCE}": _FRAME, **instead})
    return told | {"stdout": _short(str(told["stdout"]))}


def _replaced(text: str, instead: Mapping[str, str]) -> str:
    for old, new in instead.items():
        text = text.replace(old, new)
    return text


def _short(text: str) -> str:
    """Head and tail of a long answer."""
    lines = text.splitlines(keepends=True)
    return text if len(lines) <= 40 else "".join([*lines[:10], *lines[-20:]])


class _Blocks(yaml.SafeDumper):
    """Writes texts of several lines as blocks, where YAML allows it."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Blocks.add_representer(str, _block)


def shown(collector: Collector) -> str:
    """What a person would type for it, without a window."""
    return command_line(collector, window=ResolvedWindow(kind="none"), max_bytes=_ITEM_BYTES).shown


def recorded_cases() -> Iterable[tuple[str, str, str]]:
    """(preset, case, collector) of every answer in `presets/`."""
    for path in sorted(FIXTURES.glob("*/*.yaml")):
        for name in kept_answers(path):
            yield path.parent.name, path.stem, name


@cache
def kept_answers(path: Path) -> dict[str, Any]:
    """What a file of `presets/` holds, by collector."""
    told: dict[str, dict[str, Any]] = yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return told["answers"]


def read(preset: str, case: str, name: str) -> Recorded:
    told = kept_answers(FIXTURES / preset / f"{case}.yaml")[name]
    instead = {_PLACEHOLDER: SECRET, _FRAME: f"\x1e{NONCE}"}
    texts = {key: _replaced(told[key], instead) for key in ("stdout", "stderr")}
    return Recorded(told["command"], told["exit_status"], **texts)
