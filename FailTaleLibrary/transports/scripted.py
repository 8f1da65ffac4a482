"""Recorded answers -> what a host would have sent: a preset, a rule or a configuration is tested without a host.

A file of answers::

    answers:
      redis.state:
        stdout: |
          used_memory_human:994.15K
        baseline: |
          used_memory_human:112.00K
      redis.log:
        stderr: "tail: cannot open '/var/log/redis/redis-server.log' for reading: Permission denied"
        exit_status: 1

Nothing runs: an answer is what the collector's whole command line would have printed, after its filters. A line that
FailTale's own script printed among it begins with ``␞``, in place of a byte that a text file cannot show.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

from FailTaleLibrary.config.messages import Mistakes
from FailTaleLibrary.config.model import Section
from FailTaleLibrary.config.types import Count, Kind, NotUnderstoodError, Origin
from FailTaleLibrary.config.yaml_source import read_document, read_text
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.schema import BeforeValidator, Field, ValidationInfo
from FailTaleLibrary.transports.base import CommandResult, Script, Transport

if TYPE_CHECKING:
    from FailTaleLibrary.config import Config

_NONCE = "scripted"
_FRAME = "␞"


class RecordedAnswer(Section):
    """What a host printed for one collector."""

    stdout: str = Field("", description="Standard output, after the collector's filters.")
    stderr: str = Field("", description="Standard error.")
    exit_status: Count = Field(0, ge=0, le=255, description="Exit status of the command; 127: no such program.")
    timed_out: bool = Field(False, description="The time limit ended the command; what is recorded came before it.")
    baseline: str = Field("", description="Standard output when the window began, for a collector with `baseline`.")


def _answers_in(value: object, info: ValidationInfo) -> object:
    """Collector -> answer, from what the configuration holds: these answers, or the path of a file with them."""
    if not isinstance(value, str):
        return value
    path = Path(value).expanduser()
    if isinstance(info.context, Origin):
        path = info.context.directory / path
    try:
        return read_answers(path)
    except ValueError as error:
        raise NotUnderstoodError(value, f"holds no recorded answers: {error.__cause__ or error}") from error


def read_answers(path: Path) -> dict[str, RecordedAnswer]:
    """Collector -> answer, from the section ``answers`` of a YAML file. Raises ValueError when there is none."""
    mistakes = Mistakes()
    try:
        document = read_document(read_text(path), path, mistakes=mistakes)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"'{path}' cannot be read: {reason}") from error
    if document is None or mistakes.found:
        raise ValueError(f"'{path}' is no YAML that can be read: {mistakes.found[0]}")
    data = document.data
    answers = data.get("answers") if isinstance(data, dict) else None
    if answers is None:
        raise ValueError("it has no section 'answers'")
    if not isinstance(answers, dict):
        raise ValueError("its section 'answers' is no mapping")  # noqa: TRY004 - the file is wrong, not an argument
    return {str(name): RecordedAnswer.model_validate(answer) for name, answer in answers.items()}


RecordedHost: TypeAlias = "Mapping[str, RecordedAnswer | Mapping[str, object]]"
"""Collector -> answer, as a record or a mapping of its fields."""


class ScriptedSettings(Section):
    """Recorded answers in place of a host, with `transport: scripted`: for tests of your own presets and rules."""

    answers: Annotated[
        dict[str, RecordedAnswer], Kind("path, or collector → recorded answer"), BeforeValidator(_answers_in)
    ] = Field(description="The recorded answers by collector, or a file that holds them; see extending.md.")


SETTINGS = ScriptedSettings


def connect(host: str, config: Config, *, clock: Callable[[], float]) -> ScriptedTransport:
    """The recorded answers that the configuration names for a host."""
    settings = config.hosts[host].settings
    return ScriptedTransport(settings.answers if isinstance(settings, ScriptedSettings) else {})


def with_recorded_answers(config: Config, answers: Mapping[str, RecordedHost]) -> Config:
    """The configuration with recorded answers in place of some of its hosts: host -> collector -> answer."""
    hosts = dict(config.hosts)
    for name, recorded in answers.items():
        settings = ScriptedSettings.model_validate({"answers": dict(recorded)})
        hosts[name] = hosts[name].model_copy(update={"transport": "scripted", "settings": settings})
    return config.model_copy(update={"hosts": hosts})


def repeater(host: str, config: Config) -> None:
    """None: nobody can repeat what was recorded."""
    return


class ScriptedTransport(Transport):
    """Answers each collector with what was recorded for it, and FailTale's own question with the clock of now."""

    def __init__(self, answers: RecordedHost) -> None:
        self._answers = {name: RecordedAnswer.model_validate(answer) for name, answer in answers.items()}

    def run(self, script: Script, *, timeout_s: float, max_bytes: int, cancel: threading.Event) -> CommandResult:
        """The answer of the script's collector. Raises TransportError when there is none."""
        answer = self._recorded_answer(script.collector)
        stdout, stderr = (text.replace(_FRAME, f"\x1e{_NONCE}").encode() for text in (answer.stdout, answer.stderr))
        return CommandResult(
            exit_status=None if answer.timed_out else answer.exit_status,
            stdout=stdout[-max_bytes:],
            stderr=stderr,
            received_bytes=len(stdout) + len(stderr),
            omitted_bytes=max(0, len(stdout) - max_bytes),
            duration_s=timeout_s if answer.timed_out else 0.0,
            timed_out=answer.timed_out,
            incomplete=None,
            nonce=_NONCE,
        )

    def _recorded_answer(self, collector: str) -> RecordedAnswer:
        if not collector:
            return RecordedAnswer(stdout=self._recorded_mark())
        try:
            return self._answers[collector]
        except KeyError:
            known = ", ".join(f"'{name}'" for name in self._answers) or "none"
            raise TransportError(
                "failed", f"No answer is recorded for collector '{collector}'; recorded: {known}."
            ) from None

    def _recorded_mark(self) -> str:
        """What `on_host/mark.sh` prints: the clock, and the baselines that were recorded."""
        frames = [_frame_line(f"clock {time.time():.9f}"), _frame_line("zone +0000")]
        for name, answer in self._answers.items():
            if answer.baseline:
                frames += [
                    _frame_line("carry"),
                    answer.baseline,
                    _frame_line("carried"),
                    _frame_line(f"baseline {name}"),
                ]
        return "".join(frames)


def _frame_line(words: str) -> str:
    """As `on_host/frames.sh` prints it."""
    return f"\x1e{_NONCE} {words}\n"
