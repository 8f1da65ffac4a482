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

Nothing runs: an answer is what the collector's whole command line would have printed, after its filters.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from FailTaleLibrary.config.model import Section
from FailTaleLibrary.config.types import Count, Kind, NotUnderstoodError, ReadableFile
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.transports.base import CommandResult, Script, Transport

if TYPE_CHECKING:
    from FailTaleLibrary.config import Config

_NONCE = "scripted"


class RecordedAnswer(Section):
    """What a host printed for one collector."""

    stdout: str = Field("", description="Standard output, after the collector's filters.")
    stderr: str = Field("", description="Standard error.")
    exit_status: Count = Field(0, ge=0, le=255, description="Exit status of the command; 127: no such program.")
    timed_out: bool = Field(False, description="The time limit ended the command; what is recorded came before it.")
    baseline: str = Field("", description="Standard output when the window began, for a collector with `baseline`.")


class _AnswerFile(Section):
    answers: dict[str, RecordedAnswer] = Field({}, description="Collector -> its recorded answer.")


def read_answers(path: Path) -> dict[str, RecordedAnswer]:
    """Collector -> answer, from a file. Raises ValueError that says what is wrong in it."""
    import yaml  # wanted by recorded answers alone

    try:
        return _AnswerFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).answers
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise ValueError(f"'{path}' holds no recorded answers: {error}") from error


def _answer_file(path: Path) -> Path:
    try:
        read_answers(path)
    except ValueError as error:
        raise NotUnderstoodError(path, f"holds no recorded answers: {error.__cause__}") from error
    return path


class ScriptedSettings(Section):
    """Recorded answers in place of a host, with `transport: scripted`: for tests of your own presets and rules."""

    answers: Annotated[ReadableFile, Kind("path"), AfterValidator(_answer_file)] = Field(
        description="File with the recorded answers, by collector; see extending.md."
    )


SETTINGS = ScriptedSettings


def connect(host: str, config: Config, *, clock: Callable[[], float]) -> ScriptedTransport:
    """The recorded answers that the configuration names for a host."""
    settings = config.hosts[host].settings
    return ScriptedTransport(read_answers(settings.answers) if isinstance(settings, ScriptedSettings) else {})


def repeat_line(host: str, command: str, config: Config) -> None:
    """None: nobody can repeat what was recorded."""
    return


class ScriptedTransport(Transport):
    """Answers each collector with what was recorded for it, and FailTale's own question with the clock of now."""

    def __init__(self, answers: Mapping[str, RecordedAnswer | Mapping[str, object]]) -> None:
        """``answers``: collector -> answer, as a record or a mapping of its fields."""
        self._answers = {name: RecordedAnswer.model_validate(answer) for name, answer in answers.items()}

    def run(self, script: Script, *, timeout_s: float, max_bytes: int, cancel: threading.Event) -> CommandResult:
        """The answer of the script's collector. Raises TransportError when there is none."""
        answer = self._answer(script.collector)
        stdout, stderr = answer.stdout.encode(), answer.stderr.encode()
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

    def _answer(self, collector: str) -> RecordedAnswer:
        if not collector:
            return RecordedAnswer(stdout=self._mark())
        try:
            return self._answers[collector]
        except KeyError:
            known = ", ".join(f"'{name}'" for name in self._answers) or "none"
            raise TransportError(
                "failed", f"No answer is recorded for collector '{collector}'; recorded: {known}."
            ) from None

    def _mark(self) -> str:
        """What `on_host/mark.sh` prints: the clock, and the baselines that were recorded."""
        frames = [_frame(f"clock {time.time():.9f}"), _frame("zone +0000")]
        for name, answer in self._answers.items():
            if answer.baseline:
                frames += [_frame("carry"), answer.baseline, _frame("carried"), _frame(f"baseline {name}")]
        return "".join(frames)


def _frame(words: str) -> str:
    """As `on_host/frames.sh` prints it."""
    return f"\x1e{_NONCE} {words}\n"
