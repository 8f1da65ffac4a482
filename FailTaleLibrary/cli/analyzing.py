"""The command that asks a model about what was collected: analyze."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from FailTaleLibrary.archive import read_bundle, read_item, write_bundle
from FailTaleLibrary.captions import Caption, cache_dir, caption, with_progress
from FailTaleLibrary.cli.asking import add_config, configuration
from FailTaleLibrary.cli.reading import reports_at
from FailTaleLibrary.config import AnalysisSettings, Config, Limits
from FailTaleLibrary.errors import ArchiveError, ConfigError
from FailTaleLibrary.hints import CHARS_PER_TOKEN, HintMaker, build_prompt
from FailTaleLibrary.records import Analysis, Report


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``analyze``."""
    analyze = commands.add_parser("analyze", help="let a local model caption the suspects of a finished run")
    analyze.add_argument("path", type=Path, help="output.xml, output.json (drawn anew in place), or a bundle")
    add_config(analyze)
    analyze.add_argument("--model", help="instead of the configuration's, e.g. qwen2.5:3b")
    analyze.add_argument("--host", help="Ollama's address, instead of the configuration's")
    analyze.add_argument("--log", type=Path, metavar="FILE", help="also make log.html anew, as rebot does")
    analyze.add_argument("--show-prompt", action="store_true", help="print what would be sent, and send nothing")
    analyze.set_defaults(run=_analyze)


def _analyze(options: argparse.Namespace) -> int:
    config = _configuration(options)
    settings = _settings(options, config)
    if options.show_prompt:
        return _show_prompts(options.path, settings)
    if settings.model is None:
        raise ConfigError("No model is named; write e.g. '--model qwen2.5:3b' or set analysis.model in failtale.yaml.")
    told: list[Analysis] = []
    ask = with_progress(HintMaker(settings, cache_dir=cache_dir(os.environ)).hint, None, sys.stderr)

    def remember(report: Report) -> Analysis:
        told.append(ask(report))
        print(f"{report.failure.name}: {_verdict(told[-1])}")
        return told[-1]

    if options.path.is_dir():
        _caption_bundle(options.path, remember, settings)
    else:
        caption(options.path, remember, max_bytes=(config.limits if config else Limits()).card_bytes)
    if not told:
        print(f"No evidence in '{options.path}'.")
    if options.log is not None:
        _make_log(options.path, options.log)
    return 0 if all(analysis.hint for analysis in told) else 1


def _configuration(options: argparse.Namespace) -> Config | None:
    """The configuration where one is named; a model on the command line does without."""
    named = options.config or os.environ.get("FAILTALE_CONFIG")
    return configuration(options) if named else None


def _settings(options: argparse.Namespace, config: Config | None) -> AnalysisSettings:
    settings = config.analysis if config else AnalysisSettings()
    chosen = {"model": options.model, "host": options.host}
    return settings.model_copy(update={name: value for name, value in chosen.items() if value})


def _show_prompts(path: Path, settings: AnalysisSettings) -> int:
    for report in reports_at(path):
        if isinstance(report, ArchiveError):
            print(f"failtale: {report}", file=sys.stderr)
            continue
        print(f"# {report.failure.name}\n\n{_prompt(report, settings)}")
    return 0


def _prompt(report: Report, settings: AnalysisSettings) -> str:
    prompt = build_prompt(report, settings=settings, context_tokens=settings.context, chars_per_token=CHARS_PER_TOKEN)
    return prompt.text()


def _verdict(analysis: Analysis) -> str:
    return analysis.hint.cause if analysis.hint else f"no hint: {analysis.no_hint_reason}"


def _caption_bundle(path: Path, ask: Caption, settings: AnalysisSettings) -> None:
    report = read_bundle(path)
    full_texts = {item.id: read_item(path, item.id) for item in report.evidence.items}
    captioned = report.model_copy(update={"analysis": ask(report)})
    documents = {"prompt.md": _prompt(report, settings)}
    write_bundle(captioned, path.absolute().parent, full_texts=full_texts, documents=documents)


def _make_log(output: Path, log: Path) -> None:
    """log.html from the output, by Robot Framework's own rebot in a process of its own: no engine room knows Robot."""
    if output.is_dir():
        raise ConfigError("'--log' needs Robot's output file; a bundle has none.")
    command = [sys.executable, "-m", "robot.rebot", "--log", str(log.absolute()), "--report", "NONE", str(output)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if not log.exists() or made.returncode > 250:
        raise ArchiveError(f"'{log}' could not be made: {made.stderr.strip() or made.stdout.strip()}")
