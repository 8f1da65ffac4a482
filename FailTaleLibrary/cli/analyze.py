"""``failtale analyze``: an output of Robot Framework or a bundle -> the same with hints of a local model."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from FailTaleLibrary.archive import read_bundle, read_item, write_bundle
from FailTaleLibrary.cli.options import Commands, configuration_if_named, status_1, with_config
from FailTaleLibrary.cli.printing import unfiltered
from FailTaleLibrary.cli.show import reports_at
from FailTaleLibrary.config import AnalysisSettings, Config, Limits
from FailTaleLibrary.errors import ArchiveError, ConfigError
from FailTaleLibrary.files import user_directory
from FailTaleLibrary.hints import CHARS_PER_TOKEN, HintMaker, HintOf, build_prompt, with_progress, write_hints
from FailTaleLibrary.records import Analysis, Report


def add_command(commands: Commands) -> None:
    analyze = commands.add_parser(
        "analyze",
        parents=[with_config()],
        help="add hints of a local model to the cards of a finished run",
        epilog=status_1("a failure is without a hint"),
    )
    analyze.add_argument("path", type=Path, help="output.xml, output.json (drawn anew in place), or a bundle")
    analyze.add_argument("--model", help="instead of the configuration's, e.g. qwen2.5:3b")
    analyze.add_argument("--host", help="Ollama's address, instead of the configuration's")
    analyze.add_argument("--log", type=Path, metavar="FILE", help="also make log.html anew, as rebot does")
    analyze.add_argument("--show-prompt", action="store_true", help="print what would be sent, and send nothing")
    analyze.set_defaults(run=_run_analyze)


def _run_analyze(options: argparse.Namespace) -> int:
    config = configuration_if_named(options)
    settings = _chosen_settings(options, config)
    if options.show_prompt:
        return _show_prompts(options.path, settings)
    if settings.model is None:
        raise ConfigError("No model is named; write e.g. '--model qwen2.5:3b' or set analysis.model in failtale.yaml.")
    made: list[Analysis] = []
    ask = with_progress(
        HintMaker(settings, cache_dir=user_directory("cache") / "hints").hint, None, unfiltered(sys.stderr)
    )

    def remember(report: Report) -> Analysis:
        made.append(ask(report))
        print(f"{report.failure.name}: {_hint_or_reason(made[-1])}")
        return made[-1]

    if options.path.is_dir():
        _hint_bundle(options.path, remember, settings)
    else:
        write_hints(options.path, remember, max_bytes=(config.limits if config else Limits()).card_bytes)
    if not made:
        print(f"No evidence in '{options.path}'.")
    if options.log is not None:
        make_log(options.path, options.log)
    return 0 if all(analysis.hint for analysis in made) else 1


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


def _hint_or_reason(analysis: Analysis) -> str:
    return analysis.hint.cause if analysis.hint else f"no hint: {analysis.no_hint_reason}"


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
