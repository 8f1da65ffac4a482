"""``failtale analyze``: an output of Robot Framework or a bundle -> the same with hints of a local model."""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from FailTaleLibrary.archive import read_bundle, read_item, reports_in, write_bundle
from FailTaleLibrary.cli.options import Commands, configuration_if_named, status_1, with_config
from FailTaleLibrary.cli.printing import unfiltered
from FailTaleLibrary.cli.show import reports_at
from FailTaleLibrary.config import AnalysisSettings, Config, Limits
from FailTaleLibrary.errors import ArchiveError, ConfigError
from FailTaleLibrary.files import user_directory
from FailTaleLibrary.hints import (
    CHARS_PER_TOKEN,
    HintMaker,
    HintOf,
    HintOutcome,
    build_prompt,
    with_progress,
    write_hints,
)
from FailTaleLibrary.interrupts import held_back
from FailTaleLibrary.records import Analysis, Report
from FailTaleLibrary.run import redactor_for
from FailTaleLibrary.text import count


def add_command(commands: Commands) -> None:
    analyze = commands.add_parser(
        "analyze",
        parents=[with_config()],
        help="add hints of a local model to the cards of a finished run",
        epilog=status_1("the model was not there, or an answer of it was dropped"),
    )
    analyze.add_argument("path", type=Path, help="output.xml, output.json (drawn anew in place), or a bundle")
    analyze.add_argument("--model", help="instead of the configuration's, e.g. qwen2.5:3b")
    analyze.add_argument("--host", help="Ollama's address, instead of the configuration's")
    analyze.add_argument("--log", type=Path, metavar="FILE", help="also make log.html anew, as rebot does")
    analyze.add_argument("--show-prompt", action="store_true", help="print what would be sent, and send nothing")
    analyze.add_argument("--show-answer", action="store_true", help="also print what the model said, redacted")
    analyze.set_defaults(run=_run_analyze)


def _run_analyze(options: argparse.Namespace) -> int:
    config = configuration_if_named(options)
    settings = _chosen_settings(options, config)
    if options.show_prompt:
        return _show_prompts(options.path, settings)
    if settings.model is None:
        raise ConfigError("No model is named; write e.g. '--model qwen2.5:3b' or set analysis.model in failtale.yaml.")
    outcomes: list[HintOutcome] = []
    redactor = redactor_for(config or Config(), os.environ)
    maker = HintMaker(settings, cache_dir=user_directory("cache") / "hints", redactor=redactor)
    hint_of = partial(maker.outcome, folder=_folder_of_output(options.path))
    ask = with_progress(hint_of, _reports_there(options.path), unfiltered(sys.stderr))

    with held_back() as stop:  # the hints that there are when it is interrupted stay

        def remember(report: Report) -> Analysis:
            outcome = None if stop.is_set() else ask(report)
            if outcome is None or (stop.is_set() and outcome.kind != "answered"):
                return report.analysis
            outcomes.append(outcome)
            _print_outcome(report, outcome, with_answer=options.show_answer)
            return outcome.analysis

        if options.path.is_dir():
            _hint_bundle(options.path, remember, settings)
        else:
            write_hints(options.path, remember, max_bytes=(config.limits if config else Limits()).card_bytes)
        if stop.is_set():
            asked = f"{len(outcomes)} of {count(_reports_there(options.path), 'failure')}"
            print(f"failtale: stopped after {asked}; the same command goes on from there", file=sys.stderr)
            sys.stdout.flush()
    if not outcomes:
        print(f"No evidence in '{options.path}'.")
    if options.log is not None:
        make_log(options.path, options.log)
    return exit_status(outcomes)


NOT_ASKED_STATUS = 3


def exit_status(outcomes: Sequence[HintOutcome]) -> int:
    """1 where a model failed or its answer was dropped; 3 where for some there was only nothing to ask."""
    kinds = {outcome.kind for outcome in outcomes}
    if "failed" in kinds:
        return 1
    return NOT_ASKED_STATUS if "not asked" in kinds else 0


def _folder_of_output(path: Path) -> Path | None:
    """Where the screenshots of a run are; a bundle that lies elsewhere than in its output directory does not know."""
    folder = path.absolute().parent
    if not path.is_dir():
        return folder
    return folder.parent if folder.name == "failtale" else None


def _reports_there(path: Path) -> int:
    """How many failures there are to ask about; a damaged file is complained of where it is read to be changed."""
    if path.is_dir():
        return 1
    with contextlib.suppress(ArchiveError):
        return sum(isinstance(found, Report) for found in reports_in(path))
    return 0


def _print_outcome(report: Report, outcome: HintOutcome, *, with_answer: bool) -> None:
    hint, reason = outcome.analysis.hint, outcome.reason
    if hint is None:
        print(f"{report.failure.name}: no hint: {reason}")
    else:
        print(f"{report.failure.name}: {hint.cause}{f' (as before: {reason})' if reason else ''}")
    if with_answer:
        print(f"  the model said: {outcome.said or '(nothing)'}")


def _chosen_settings(options: argparse.Namespace, config: Config | None) -> AnalysisSettings:
    settings = config.analysis if config else AnalysisSettings()
    chosen = {"model": options.model, "host": options.host}
    return settings.model_copy(update={name: value for name, value in chosen.items() if value})


def _show_prompts(path: Path, settings: AnalysisSettings) -> int:
    for report in reports_at(path):
        if isinstance(report, ArchiveError):
            print(f"failtale: {report}", file=sys.stderr)
            continue
        print(f"# {report.failure.name}\n\n{_prompt_text(report, settings)}")
    return 0


def _prompt_text(report: Report, settings: AnalysisSettings) -> str:
    prompt = build_prompt(report, settings=settings, context_tokens=settings.context, chars_per_token=CHARS_PER_TOKEN)
    return prompt.text()


def _hint_bundle(path: Path, ask: HintOf, settings: AnalysisSettings) -> None:
    report = read_bundle(path)
    full_texts = {item.id: read_item(path, item.id) for item in report.evidence.items}
    with_hint = report.model_copy(update={"analysis": ask(report)})
    documents = {"prompt.md": _prompt_text(report, settings)}
    write_bundle(with_hint, path.absolute().parent, full_texts=full_texts, documents=documents)


def make_log(output: Path, log: Path) -> None:
    """log.html from the output, by Robot Framework's own rebot in a process of its own: no engine room knows Robot."""
    if output.is_dir():
        raise ConfigError("'--log' needs Robot's output file; a bundle has none.")
    command = [sys.executable, "-m", "robot.rebot", "--log", str(log.absolute()), "--report", "NONE", str(output)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if not log.exists() or made.returncode > 250:
        raise ArchiveError(f"'{log}' could not be made: {made.stderr.strip() or made.stdout.strip()}")
