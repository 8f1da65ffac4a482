"""Written failures: what hosts logged, by hand, around tests that fail by a fault or by their own mistake.

    python -m bench.written [--only REGEX] [--again DIR | --keep DIR] [--all]

Each case of `faults.yaml` and `innocents.yaml` was labelled before any ranking saw it. Its hosts are folders of this
machine whose logs hold seven minutes of the noise of `sites.yaml`; a window begins, the case's lines are written, and
the run collects as from any local host. ``--again DIR`` ranks anew what ``--keep DIR`` kept. Printed are the headlines
that are not right, with ``--all`` all of them, and the totals.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import yaml

from FailTaleLibrary.archive import read_bundle
from FailTaleLibrary.belonging.identifiers import identifiers_in
from FailTaleLibrary.belonging.used_texts import UsedText
from FailTaleLibrary.config import parse_config
from FailTaleLibrary.ranking import History, RunTest, rank
from FailTaleLibrary.records import Analysis, Failure, KeywordStep, Report, Window, our_words
from FailTaleLibrary.run import Run

HERE = Path(__file__).parent
SITES = yaml.safe_load((HERE / "sites.yaml").read_text())
PRESET = yaml.safe_load((HERE.parents[1] / "FailTaleLibrary/presets/linux.yaml").read_text())
_STATE_FIELDS = ("row", "limits", "alarms", "counters", "mask", "baseline", "empty_means")
HISTORY_S, WINDOW_S = 420, 1.3
AT_ONCE = 3


@dataclass(frozen=True)
class Case:
    """One failed test. ``leads``: a pattern that headline must match; empty where the test itself is to blame."""

    name: str
    test: Sequence[str]
    message: str
    site: str = "shop"
    leads: str = ""
    lines: Sequence[tuple[float, str, str, str]] = ()
    """Seconds from the window's start, host, log, text."""
    states: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    """Host -> state -> how it was when the window began, and when the test failed."""
    logs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Host -> more logs and their styles."""
    silent: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Host -> log -> seconds from the window's start from which on it has no noise: its service was stopped."""
    dead: Mapping[str, str] = field(default_factory=dict)
    """Hosts that never answer, with their component."""
    passing: int = 2
    history_s: int = HISTORY_S


def cases() -> Iterator[Case]:
    """The faults, the innocent tests, and each disturbance beside each of its mistakes."""
    for name in ("faults", "innocents"):
        told = yaml.safe_load((HERE / f"{name}.yaml").read_text())
        yield from (Case(**each) for each in told["cases"])
        for disturbance in told.get("disturbances", ()):
            for mistake in disturbance.pop("beside"):
                each = told["mistakes"][mistake]
                name = f"{mistake}, while {disturbance['name']}"
                lines = [*each.get("lines", ()), *disturbance.get("lines", ())]
                yield Case(**{**disturbance, **each, "name": name, "lines": lines})


# --- Playing ---------------------------------------------------------------------------------------------------------

_STAMPS = {
    "access": "", "envoy": "", "zap": "", "pino": "", "mongo": "",
    "nginx": "%Y/%m/%d %H:%M:%S ", "python": "%Y-%m-%d %H:%M:%S,{ms} ", "java": "%Y-%m-%d %H:%M:%S.{ms} ",
    "postgres": "%Y-%m-%d %H:%M:%S.{ms} UTC ", "journal": "%Y-%m-%dT%H:%M:%S+0000 ", "haproxy": "%b %d %H:%M:%S ",
    "redis": "811:M %d %b %Y %H:%M:%S.{ms} ", "kafka": "[%Y-%m-%d %H:%M:%S,{ms}] ", "mysql": "%Y-%m-%dT%H:%M:%S.%fZ ",
    "fpm": "[%d-%b-%Y %H:%M:%S] ", "tracing": "%Y-%m-%dT%H:%M:%S.%fZ ", "gc": "[%Y-%m-%dT%H:%M:%S.{ms}+0000]",
    "go": "%Y/%m/%d %H:%M:%S ", "audit": "",
}  # fmt: skip


def stamped(style: str, text: str, at: datetime) -> str:
    ms = f"{at.microsecond // 1000:03d}"
    inside = at.strftime("%d/%b/%Y:%H:%M:%S +0000") if style == "access" else at.strftime(f"%Y-%m-%dT%H:%M:%S.{ms}Z")
    told = text.replace("{t}", inside).replace("{e}", f"{at.timestamp():.3f}")
    stamp = at.strftime(_STAMPS[style]).replace("{ms}", ms)
    if style in ("journal", "haproxy"):
        return "".join(f"{stamp}{line}\n" for line in told.splitlines())
    return f"{stamp}{told}\n"


class Stage:
    """The folders of one case's hosts."""

    def __init__(self, case: Case, root: Path) -> None:
        self.case, self.root = case, root
        site = SITES["sites"][case.site]
        self.hosts = {
            host: (each["component"], {**each["logs"], **case.logs.get(host, {})}) for host, each in site.items()
        }
        for host in self.hosts:
            (root / host).mkdir(parents=True)

    def config(self) -> Any:
        components, hosts = {}, {}
        for host, (component, logs) in self.hosts.items():
            found = [{"name": name.replace(".log", "-log"), "file": str(self.root / host / name)} for name in logs]
            components[component] = {"collectors": [*found, *self._state_collectors(host)]}
            hosts[host] = {"component": component, "transport": "local"}
        (self.root / "known_hosts").touch()
        for host, component in self.case.dead.items():
            components.setdefault(component, {"collectors": ["linux"]})
            hosts[host] = {
                "component": component,
                "address": "127.0.0.1",
                "ssh": {"port": 9, "user": "nobody", "known_hosts": str(self.root / "known_hosts")},
            }
        told = {"components": components, "hosts": hosts, "bundles": {"directory": str(self.root / "bundles")}}
        return parse_config(yaml.safe_dump(told, width=10**6), source=self.root / "failtale.yaml", environ={})

    def _state_collectors(self, host: str) -> Iterator[dict[str, Any]]:
        presets = {each["name"]: each for each in PRESET["collectors"]}
        for name in SITES["states"]:
            options = {key: presets[name][key] for key in _STATE_FIELDS if key in presets[name]}
            yield {"name": name, "command": f"cat {self.root / host / name}.state", **options}

    def tell_states(self, moment: int) -> None:
        for host in self.hosts:
            for name, healthy in SITES["states"].items():
                told = self.case.states.get(host, {}).get(name, (healthy, healthy))[moment]
                path = self.root / host / f"{name}.state"
                if not path.exists() or path.read_text() != told:  # an empty moment would be a state of its own
                    path.write_text(told)

    def tell_lines(self, first_s: float, last_s: float, zero: datetime) -> None:
        """Noise and the case's own lines of a stretch of time, in their order, each log at once."""
        for host, (_, logs) in self.hosts.items():
            for log, style in logs.items():
                own = [(at, text) for at, where, name, text in self.case.lines if (where, name) == (host, log)]
                own = [(at, text) for at, text in own if first_s <= at < last_s]
                until_s = min(last_s, self.case.silent.get(host, {}).get(log, last_s))
                every = sorted([*own, *_noise(style, host, first_s, until_s)], key=lambda each: each[0])
                if not every and (self.root / host / log).exists():
                    continue
                with (self.root / host / log).open("a") as out:
                    out.writelines(stamped(style, text, zero + timedelta(seconds=at)) for at, text in every)
                if every and log in self.case.silent.get(host, {}):
                    written = (zero + timedelta(seconds=every[-1][0])).timestamp()
                    os.utime(self.root / host / log, (written, written))


def _noise(style: str, host: str, first_s: float, last_s: float) -> Iterator[tuple[float, str]]:
    for number, (period_s, text) in enumerate(SITES["noise"].get(style, ())):
        offset_s = 0.31 + 0.17 * number
        tick = int((first_s + HISTORY_S) // period_s)
        while (at := tick * period_s - HISTORY_S + offset_s) < last_s:
            if at >= first_s:
                yield at, text.replace("{n}", str(100 + tick % 800)).replace("{host}", host)
            tick += 1


def play(case: Case, root: Path) -> None:
    stage = Stage(case, root)
    stage.tell_states(0)
    zero = _now() + timedelta(seconds=0.6)
    stage.tell_lines(-case.history_s, 0, zero)
    run = Run(stage.config(), environ={})
    try:
        time.sleep(max(0.0, (zero - _now()).total_seconds()))
        start = _now()
        run.test_began()
        time.sleep(WINDOW_S)
        stage.tell_lines(0, WINDOW_S, zero)
        stage.tell_states(1)
        run.collect_failure(failure_of(case, start), output_dir=root)
    finally:
        run.run_ended()


def failure_of(case: Case, start: datetime) -> Failure:
    keyword, *arguments = case.test
    step = KeywordStep(
        name=our_words("{}", keyword),
        arguments=tuple(arguments),
        status="FAIL",
        started_at=start + timedelta(seconds=0.1),
    )
    used = (*(UsedText(text, "argument", keyword) for text in arguments), UsedText(case.message, "message"))
    return Failure(
        id=uuid.uuid4().hex,
        name=keyword,
        suite="Written",
        message=case.message,
        window=Window(start=start, end=_now()),
        keyword_path=(step,),
        keywords=(step,),
        identifiers=identifiers_in(used, lambda text: our_words("{}", text)),
    )


def _now() -> datetime:
    return datetime.now(timezone.utc)


# --- Judging ---------------------------------------------------------------------------------------------------------


def analysis_of(case: Case, report: Report) -> Analysis:
    history, start = History(), report.failure.window.start
    for number in range(case.passing):
        began = start - timedelta(seconds=3.0 * (case.passing - number))
        window = Window(start=began, end=began + timedelta(seconds=2.5))
        history = history.with_test(RunTest(our_words("Passed {}", str(number)), window, has_passed=True))
    return rank(report.failure, report.evidence, history=history)


def verdict_of(case: Case, analysis: Analysis) -> str:
    is_silent = analysis.headline.startswith("No strong suspect")
    if not case.leads:
        return "innocent" if is_silent else "ACCUSED"
    first = f"{analysis.suspects[0].host} {analysis.suspects[0].text}" if analysis.suspects else ""
    if re.search(case.leads, first, re.IGNORECASE | re.DOTALL):
        is_named = is_silent and "nothing but the time" in analysis.headline
        return "named" if is_named else "cause first, silent" if is_silent else "right"
    return "silent" if is_silent else "FALSE"


def told(case: Case, analysis: Analysis) -> Iterator[str]:
    yield f"   wants: {case.leads or 'silence'} · test: {case.message}"
    yield f"   {analysis.headline}"
    for each in analysis.suspects[:4]:
        signals = "; ".join(("*" if signal.strong else "") + signal.name for signal in each.signals)
        yield f"     {each.score} {each.host}/{each.collector}: {each.text[:150]!r} [{signals}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="REGEX")
    parser.add_argument("--keep", type=Path, metavar="DIR")
    parser.add_argument("--again", type=Path, metavar="DIR")
    parser.add_argument("--all", action="store_true", help="print the right ones as well")
    options = parser.parse_args()
    chosen = [case for case in cases() if re.search(options.only, case.name)]
    with tempfile.TemporaryDirectory(prefix="failtale-written-") as name:
        root = (options.again or options.keep or Path(name)).resolve()
        if not options.again:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(lambda case: play(case, root / _slug(case)), chosen))
        tally: Counter[str] = Counter()
        for case in chosen:
            bundle = next((root / _slug(case)).glob("bundles/*/report.json"), None)
            if bundle is None:
                continue
            analysis = analysis_of(case, read_bundle(bundle.parent))
            verdict = verdict_of(case, analysis)
            tally[verdict] += 1
            if options.all or verdict not in ("right", "innocent"):
                print("\n".join([f"== {case.name}: {verdict}", *told(case, analysis)]))
    print(", ".join(f"{number} {verdict}" for verdict, number in tally.most_common()))


def _slug(case: Case) -> str:
    return re.sub(r"\W+", "-", case.name)


if __name__ == "__main__":
    main()
