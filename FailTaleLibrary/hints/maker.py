"""Reports of one run -> their Analyses with a hint, or with the reason why there is none."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO, TypeVar

from FailTaleLibrary.archive import rewrite_cards
from FailTaleLibrary.breaker import Breaker
from FailTaleLibrary.config.model import AnalysisSettings
from FailTaleLibrary.errors import HintError
from FailTaleLibrary.hints.answer import parse_model_answer
from FailTaleLibrary.hints.cache import Cache, cache_key, normalised
from FailTaleLibrary.hints.ollama import Model, Ollama, Reply, TooSlowError, UnreachableError, server_for
from FailTaleLibrary.hints.prompt import CHARS_PER_TOKEN, Prompt, build_prompt, prompt_line
from FailTaleLibrary.hints.verify import NO_KNOWN_VALUES, VerifiedAnswer, checked_hint
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.records import Analysis, Hint, Report, our_words
from FailTaleLibrary.text import shorten

_log = logger_of(__name__)

# --- The budget -------------------------------------------------------------------------------------------------------

_MAX_TIMEOUTS = 2
"""In a row, until the server counts as dead: a model that is loaded takes long the first time."""


def _breaker() -> Breaker:
    return Breaker(patience={"too slow": _MAX_TIMEOUTS})


@dataclass(slots=True)
class RunBudget:
    """The rest of a run's budget."""

    hints: int
    run_time_s: float
    hint_time_s: float
    _asked: int = 0
    _spent_s: float = 0.0
    _breaker: Breaker = field(default_factory=_breaker)

    def allowance_s(self) -> float:
        """Seconds that the next call may take; raises HintError with the reason when there is none."""
        if self._asked >= self.hints:
            raise HintError(f"not requested: the run's hints are used up ('analysis: hints' is {self.hints})")
        left = self.run_time_s - self._spent_s
        if left <= 0:
            raise HintError(
                f"not requested: the run's time for hints is used up ('analysis: run_time' is {self.run_time_s:g} s)"
            )
        if refusal := self._breaker.attempt():
            raise HintError(f"not requested: {refusal}")
        return min(self.hint_time_s, left)

    def count_hint(self) -> None:
        self._asked += 1

    def count_time(self, seconds: float) -> None:
        self._spent_s += seconds

    def count_failure(self, error: HintError) -> None:
        """One lost connection or two time-outs end the asking for a while: the next would only wait for the same."""
        if isinstance(error, (TooSlowError, UnreachableError)):
            self._breaker.failed("too slow" if isinstance(error, TooSlowError) else "unreachable", str(error))

    def count_success(self) -> None:
        self._breaker.succeeded()


# --- Hints ------------------------------------------------------------------------------------------------------------

T = TypeVar("T")
HintOf = Callable[[Report], Analysis]
"""A report -> its Analysis, with a hint or with the reason why there is none."""

NOT_ASKED = "not requested: no suspect has a strong signal, so a model could only guess"
_PROBE_S = 10.0
_SAFETY = 0.9
_CALIBRATED = (1.0, 2.5)
"""Bytes of a log line in a token, whatever a server says."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of a signature: an answer with the lines that it was given for, or the reason for none."""

    failure: str
    answered: VerifiedAnswer | None = None
    lines: Mapping[str, str] | None = None
    """Suspect id -> normalised line, of the failure that was asked about."""
    reason: str = ""


class HintMaker:
    """Makes the hints of one run, within the run's budget.

    One call for equal failures, none for evidence whose answer is known from an earlier run. Never raises: every way
    in which a model can fail is a reason in the Analysis. Not for several threads at once.
    """

    def __init__(
        self, settings: AnalysisSettings, *, cache_dir: Path | None = None, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._cache = Cache(cache_dir)
        self._budget = RunBudget(hints=settings.hints, run_time_s=settings.run_time_s, hint_time_s=settings.hint_time_s)
        self._outcomes: dict[str, _Outcome] = {}
        self._known: tuple[Ollama, Model] | None = None
        self._refusal: HintError | None = None
        self._chars_per_token = CHARS_PER_TOKEN
        self._is_calibrated = False

    def hint(self, report: Report) -> Analysis:
        """The report's Analysis with a hint, or with the reason why there is none; unchanged when no model is named."""
        if self._settings.model is None:
            return report.analysis
        try:
            return report.analysis.with_hint(self._hint_of(report))
        except HintError as error:
            return report.analysis.without_hint(NO_KNOWN_VALUES.safe_message(error))
        except Exception as error:  # A run is never made worse, not by our own mistakes either.
            _log.debug("no hint was made", exc_info=True)
            detail = NO_KNOWN_VALUES.safe_message(shorten(prompt_line(f"{type(error).__name__}: {error}"), 200))
            return report.analysis.without_hint(our_words("FailTale could not make a hint ({})", detail))

    def _hint_of(self, report: Report) -> Hint:
        if not any(suspect.is_strong for suspect in report.analysis.suspects):
            raise HintError(NOT_ASKED)
        ollama, model = self._probed()
        prompt = build_prompt(
            report,
            settings=self._settings,
            context_tokens=model.context_tokens,
            chars_per_token=self._chars_per_token,
        )
        _refuse_nothing(prompt, model)
        known = self._from_signature(report, prompt) or self._from_cache(report, prompt, model)
        return known or self._asked(report, prompt, ollama, model)

    # --- What is known already ---------------------------------------------------------------------------------------

    def _from_signature(self, report: Report, prompt: Prompt) -> Hint | None:
        """The hint of an equal failure, checked against this one's own lines."""
        outcome = self._outcomes.get(_signature(report))
        if outcome is None:
            return None
        if outcome.answered is None or outcome.lines is None:
            raise HintError(f"same as '{outcome.failure}': {outcome.reason}")
        answered = _renumbered(outcome.answered, outcome.lines, _lines_shown(prompt))
        try:
            return checked_hint(answered, prompt=prompt, report=report)
        except HintError as error:
            raise HintError(f"same as '{outcome.failure}', whose hint does not fit these lines ({error})") from error

    def _from_cache(self, report: Report, prompt: Prompt, model: Model) -> Hint | None:
        """The hint of an earlier run; None when its answer does not fit this failure's numbers and names."""
        answered = self._cache.load(cache_key(prompt, model))
        if answered is None:
            return None
        try:
            hint = checked_hint(answered, prompt=prompt, report=report)
        except HintError:
            return None
        self._remember_outcome(report, _Outcome(report.failure.name, answered, _lines_shown(prompt)))
        return hint

    def _remember_outcome(self, report: Report, outcome: _Outcome) -> None:
        if signature := _signature(report):
            self._outcomes[signature] = outcome

    # --- Asking ------------------------------------------------------------------------------------------------------

    def _probed(self) -> tuple[Ollama, Model]:
        """The server and the model's facts, asked for once; what is wrong with them stays wrong for the run."""
        if self._refusal is not None:
            raise self._refusal
        if self._known is None:
            try:
                ollama = Ollama(server_for(self._settings, self._environ), self._settings)
                allowed = min(self._budget.allowance_s(), _PROBE_S)
                self._known = ollama, self._timed_call(lambda: ollama.model(allowed))[0]
            except (TooSlowError, UnreachableError):
                raise  # the budget counts these
            except HintError as error:
                self._refusal = error
                raise
        return self._known

    def _asked(self, report: Report, prompt: Prompt, ollama: Ollama, model: Model) -> Hint:
        allowed = self._budget.allowance_s()  # outside of the try: a used-up budget is nothing about this failure
        self._budget.count_hint()
        try:
            reply, seconds = self._timed_call(lambda: ollama.ask(prompt, model=model, deadline_s=allowed))
            self._calibrate_tokens(reply, prompt)
            return self._believed(reply, seconds, report=report, prompt=prompt, model=model)
        except HintError as error:
            self._remember_outcome(report, _Outcome(report.failure.name, reason=str(error)))
            raise

    def _believed(self, reply: Reply, seconds: float, *, report: Report, prompt: Prompt, model: Model) -> Hint:
        """The hint in a reply; an answer that gives one is remembered for equal failures and for later runs."""
        answered = VerifiedAnswer(
            answer=parse_model_answer(reply.text),
            model=model.name,
            seconds=seconds,
            prompt_tokens=reply.prompt_tokens,
            answer_tokens=reply.answer_tokens,
        )
        hint = checked_hint(answered, prompt=prompt, report=report)
        self._cache.store(cache_key(prompt, model), answered)
        self._remember_outcome(report, _Outcome(report.failure.name, answered, _lines_shown(prompt)))
        return hint

    def _timed_call(self, call: Callable[[], T]) -> tuple[T, float]:
        """The call's result and seconds; both its time and its failure count against the run's budget."""
        started = time.monotonic()
        try:
            result = call()
        except HintError as error:
            self._budget.count_failure(error)
            raise
        finally:
            seconds = time.monotonic() - started
            self._budget.count_time(seconds)
        self._budget.count_success()
        return result, seconds

    def _calibrate_tokens(self, reply: Reply, prompt: Prompt) -> None:
        """What this model has counted so far, with a margin, instead of our guess."""
        if not reply.prompt_tokens:
            return
        lowest, highest = _CALIBRATED
        counted = _SAFETY * self._chars_per_token * prompt.estimated_tokens / reply.prompt_tokens
        measured = min(highest, max(lowest, counted))
        self._chars_per_token = min(self._chars_per_token, measured) if self._is_calibrated else measured
        self._is_calibrated = True


def write_hints(output: Path, hint_of: HintOf, *, max_bytes: int) -> int:
    """Draws the cards of a finished output.xml or output.json anew with their hints; returns how many there are.

    ``max_bytes`` is the limit of one card. Raises ArchiveError as `rewrite_cards` does.
    """
    return rewrite_cards(
        output, lambda report: report.model_copy(update={"analysis": hint_of(report)}), max_bytes=max_bytes
    )


def with_progress(hint_of: HintOf, total: int | None, stream: TextIO) -> HintOf:
    """The same, with a line on a terminal that says how far it is; silent where ``stream`` is none."""
    if not stream.isatty():
        return hint_of
    done = 0

    def hint_with_line(report: Report) -> Analysis:
        nonlocal done
        done += 1
        stream.write(f"\rFailTale: hint {done}{f' of {total}' if total else ''} …")
        stream.flush()
        try:
            return hint_of(report)
        finally:
            stream.write("\r\033[K")
            stream.flush()

    return hint_with_line


def _signature(report: Report) -> str:
    """The hash of the report's signature, else nothing: failures without one are never taken for equal."""
    return report.analysis.signature.hash if report.analysis.signature else ""


def _refuse_nothing(prompt: Prompt, model: Model) -> None:
    if prompt.suspects:
        return
    if prompt.omitted:
        raise HintError(
            f"not requested: the model's context of {model.context_tokens} tokens holds no line of the evidence; "
            "raise 'analysis: context' or name another model"
        )
    raise HintError("not requested: each suspect's line reads like an instruction to a model and was withheld")


def _lines_shown(prompt: Prompt) -> dict[str, str]:
    return {suspect.id: normalised(prompt_line(suspect.text)) for suspect in prompt.suspects}


def _renumbered(answered: VerifiedAnswer, theirs: Mapping[str, str], ours: Mapping[str, str]) -> VerifiedAnswer:
    """The answer with the ids that its cited lines bear in another failure; lines that are not there lose theirs."""
    ids = {line: id_ for id_, line in reversed(tuple(ours.items()))}
    cited = (ids.get(theirs.get(id_, "")) for id_ in answered.answer.evidence)
    found = tuple(id_ for id_ in cited if id_ is not None)
    return replace(answered, answer=answered.answer.model_copy(update={"evidence": found}))
