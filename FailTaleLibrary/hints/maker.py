"""Reports of one run -> their Analyses with a hint, or with the reason why there is none."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Literal, TextIO, TypeVar

from FailTaleLibrary.archive import rewrite_cards
from FailTaleLibrary.config.model import AnalysisSettings
from FailTaleLibrary.errors import HintError
from FailTaleLibrary.hints.along import Library, with_picture
from FailTaleLibrary.hints.answer import ModelAnswer, parse_model_answer
from FailTaleLibrary.hints.budget import NotAskedError, RunBudget
from FailTaleLibrary.hints.cache import Cache, CachedAnswer, cache_key, normalised
from FailTaleLibrary.hints.ollama import Model, Ollama, Reply, TooSlowError, UnreachableError, server_for
from FailTaleLibrary.hints.prompt import CHARS_PER_TOKEN, Prompt, build_prompt, prompt_line, tells_something
from FailTaleLibrary.hints.verify import NO_KNOWN_VALUES, checked_hint
from FailTaleLibrary.lazy import dataclass, replace
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.ranking.failing import may_be_told_by
from FailTaleLibrary.ranking.headlines import TELLS_OF_TEST
from FailTaleLibrary.ranking.novelty import PERHAPS_OLDER
from FailTaleLibrary.ranking.signals import fault_names
from FailTaleLibrary.records import Analysis, Hint, Report, SafeText, our_words
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.screenshots import Picture, picture_of
from FailTaleLibrary.text import sanitize, shorten

_log = logger_of(__name__)
_SAID_CHARS = 5000
"""Of a model's own text; what stands behind them says nothing new."""

# --- Whether a model could help --------------------------------------------------------------------------------------

STOPPED = our_words("none yet: the run was stopped; it is made by 'failtale analyze output.xml'")
NOT_ASKED = "not requested: no suspect has a strong signal, so a model could only guess"
ALL_USUAL = "not requested: each suspect's line is usual or counts nothing, so a model could only guess"
_NEWS = frozenset({"new", "standing"})
_NEAR = "near the failure"
_SHARED = frozenset({"shared words", "same identifier", "changed"})
_TROUBLE = frozenset({"error", "exception", "failure", "warning"})
_BROKEN_OFF = frozenset({"exception", "stack trace"})
_AGE_UNKNOWN = frozenset({PERHAPS_OLDER, "in the window"})
"""Of a line without a time of its own, or of a log that begins within the window: no news are known of it."""
_WORTH_ASKING = 3
"""Of the suspects, the best."""


def can_help(report: Report) -> bool:
    """Whether a model has more to go on than a guess.

    So it is where a suspect is strong, or one of the best that a model would be shown has words in common with the
    failure, or where the best one is near to it and news (or stands since before the test) or tells of trouble that is
    not usual, be it a warning: then a line may tell the cause though no rule knows its words. Where its words name a
    fault it need not be near: what was killed a minute before is missed now, and a trace without a time may be of this
    test. Nor need a stack trace that is not usual: a test may wait long for what a program broke off. Where the
    message tells of the test itself no host knows more, and where it tells of a value that was not expected no fault
    of a known kind does that shares nothing with the failure.
    """
    analysis = report.analysis
    if any(suspect.is_strong for suspect in analysis.suspects):
        return True
    if analysis.headline.endswith(TELLS_OF_TEST):
        return False
    telling = [each for each in analysis.suspects[:_WORTH_ASKING] if tells_something(each)]
    kinds = [{signal.name for signal in each.signals} for each in telling]
    if any(names & _SHARED for names in kinds):
        return True
    if telling[:1] != list(analysis.suspects[:1]):
        return False
    best = next((names for names in kinds if may_be_told_by(names, report.failure)), set())
    if _NEAR in best:
        return bool(best & (_NEWS | _TROUBLE))
    return best >= _BROKEN_OFF or bool(best & fault_names() and best & (_NEWS | _AGE_UNKNOWN))


# --- Hints ------------------------------------------------------------------------------------------------------------

T = TypeVar("T")
HintOf = Callable[[Report], Analysis]
"""A report -> its Analysis, with a hint or with the reason why there is none."""
PromptOf = Callable[..., Prompt]
"""What `build_prompt` is; a bench compares others with it."""

_PROBE_S = 10.0
_SAFETY = 0.9
_SHARE_OF_DOCUMENTS = 0.5
"""Of the time for a hint; the other half is the answer's."""
_LEAST_S = 0.001
_CALIBRATED = (1.0, 2.5)
"""Bytes of a log line in a token, whatever a server says."""


class DroppedError(HintError):
    """The model answered, and nothing of it may be shown."""


@dataclass(frozen=True, slots=True)
class HintOutcome:
    """What came of one report."""

    analysis: Analysis
    """With the model's answer; else with the hint that was there before, or with the reason why there is none."""
    kind: Literal["answered", "not asked", "failed"]
    """``failed``: the model was not there, or what it said was dropped."""
    reason: SafeText | None = None
    """Why the model gave no answer that is kept."""
    said: SafeText | None = None
    """The model's own text, redacted; None when it was not heard."""


@dataclass(frozen=True, slots=True)
class _SameAs:
    """An answer for a signature, with the lines that it was given for."""

    failure: str
    answer: CachedAnswer
    lines: Mapping[str, str]
    """Suspect id -> normalised line, of the failure that was asked about."""


@dataclass(frozen=True, slots=True)
class _FailedLike:
    """Why a signature has no answer."""

    failure: str
    error: HintError


class HintMaker:
    """Makes the hints of one run, within the run's budget.

    One call for equal failures, none for evidence whose answer is known from an earlier run, be it a hint or one that
    was dropped. What is known is used also while Ollama is not there, and no reason takes the place of a hint. Never
    raises: every way in which a model can fail is a reason in the Analysis. Not for several threads at once.
    """

    def __init__(
        self,
        settings: AnalysisSettings,
        *,
        cache_dir: Path | None = None,
        environ: Mapping[str, str] = os.environ,
        prompt_of: PromptOf = build_prompt,
        redactor: Redactor = NO_KNOWN_VALUES,
    ) -> None:
        """``redactor`` makes the product's documents safe, which no run has redacted."""
        self._settings = settings
        self._environ = environ
        self._prompt_of = prompt_of
        self._cache = Cache(cache_dir)
        self._library = Library(settings, redactor=redactor, cache_dir=cache_dir, environ=environ)
        self._budget = RunBudget(hints=settings.hints, run_time_s=settings.run_time_s, hint_time_s=settings.hint_time_s)
        self._signatures: dict[str, _SameAs | _FailedLike] = {}
        self._known: tuple[Ollama, Model] | None = None
        self._refusal: HintError | None = None
        self._chars_per_token = CHARS_PER_TOKEN
        self._is_calibrated = False

    def hint(self, report: Report, *, folder: Path | None = None) -> Analysis:
        """The report's Analysis with a hint, or with the reason why there is none; unchanged when no model is named.

        ``folder`` is the one of the output that the report is from, below which its screenshots lie.
        """
        return self.outcome(report, folder=folder).analysis

    def outcome(self, report: Report, *, folder: Path | None = None) -> HintOutcome:
        """The same, with what the model said and whether it was asked at all."""
        before = report.analysis
        if self._settings.model is None:
            return HintOutcome(before, "not asked", our_words("no model is named"))
        heard: list[str] = []
        try:
            analysis = before.with_hint(self._hint_of(report, folder, heard))
            return HintOutcome(analysis, "answered", said=_safe_answer(heard))
        except HintError as error:
            reason = NO_KNOWN_VALUES.safe_message(error)
            kind: Literal["not asked", "failed"] = "not asked" if isinstance(error, NotAskedError) else "failed"
        except Exception as error:  # A run is never made worse, not by our own mistakes either.
            _log.debug("no hint was made", exc_info=True)
            detail = NO_KNOWN_VALUES.safe_message(shorten(prompt_line(f"{type(error).__name__}: {error}"), 200))
            reason, kind = our_words("FailTale could not make a hint ({})", detail), "failed"
        analysis = before if before.hint else before.without_hint(reason)
        return HintOutcome(analysis, kind, reason, said=_safe_answer(heard))

    def _hint_of(self, report: Report, folder: Path | None, heard: list[str]) -> Hint:
        """``heard`` takes the text of the model's answer."""
        if not can_help(report):
            suspects = report.analysis.suspects
            raise NotAskedError(ALL_USUAL if suspects and not any(map(tells_something, suspects)) else NOT_ASKED)
        prompt = self._built_prompt(report, context_tokens=self._context_tokens)
        if known := self._from_signature(report, prompt, heard):
            return known
        picture = picture_of(report.failure, folder) if self._settings.screenshot and folder else None
        documents = self._library.fingerprint(self._budget.count_time)
        try:
            ollama, model = self._probed()
        except HintError:
            # Nobody is there to say that the weights are others by now: what they said is worth more than nothing.
            if hint := self._last_resort(report, prompt, picture, documents, heard):
                return hint
            raise
        if model.context_tokens != self._settings.context:
            prompt = self._built_prompt(report, context_tokens=model.context_tokens)
        _refuse_nothing(prompt, model)
        if picture is not None:
            prompt = with_picture(prompt, picture, model)
        keyed = replace(prompt, documents=documents)
        if hint := self._remembered(report, keyed, model, heard):
            return hint
        began = time.monotonic()
        prompt = self._library.with_passages(keyed, model, within_s=self._budget.left_s * _SHARE_OF_DOCUMENTS)
        spent_s = time.monotonic() - began
        self._budget.count_time(spent_s)
        if prompt.documents != documents and (hint := self._remembered(report, prompt, model, heard)):
            return hint
        return self._asked(report, prompt, ollama, model, heard, spent_s=spent_s)

    def _remembered(self, report: Report, prompt: Prompt, model: Model, heard: list[str]) -> Hint | None:
        """The hint of an earlier run with the same weights."""
        remembered = self._cache.load(cache_key(prompt, self._model_name))
        is_known = remembered is not None and remembered.is_of(model)
        return self._recalled(report, prompt, remembered, heard) if remembered and is_known else None

    def _last_resort(
        self, report: Report, prompt: Prompt, picture: Picture | None, documents: str, heard: list[str]
    ) -> Hint | None:
        """The hint of an earlier run, whatever went along then."""
        for sent, known in dict.fromkeys(product((picture, None), (documents, ""))):
            key = cache_key(replace(prompt, picture=sent, documents=known), self._model_name)
            remembered = self._cache.load(key)
            if remembered and (hint := self._recalled(report, prompt, remembered, heard)):
                return hint
        return None

    @property
    def _model_name(self) -> str:
        return self._settings.model or ""

    @property
    def _context_tokens(self) -> int:
        return self._known[1].context_tokens if self._known else self._settings.context

    def _built_prompt(self, report: Report, *, context_tokens: int) -> Prompt:
        return self._prompt_of(
            report, settings=self._settings, context_tokens=context_tokens, chars_per_token=self._chars_per_token
        )

    # --- What is known already ---------------------------------------------------------------------------------------

    def _from_signature(self, report: Report, prompt: Prompt, heard: list[str]) -> Hint | None:
        """The hint of an equal failure, checked against this one's own lines."""
        known = self._signatures.get(_signature(report, prompt))
        if known is None:
            return None
        if isinstance(known, _FailedLike):
            raise type(known.error)(f"same as '{known.failure}': {known.error}") from known.error
        heard.append(known.answer.text)
        answer = _renumbered(parse_model_answer(known.answer.text), known.lines, _lines_shown(prompt))
        try:
            return checked_hint(known.answer.verified(answer), prompt=prompt, report=report)
        except HintError as error:
            why = f"same as '{known.failure}', whose hint does not fit these lines ({error})"
            raise DroppedError(why) from error

    def _recalled(self, report: Report, prompt: Prompt, remembered: CachedAnswer, heard: list[str]) -> Hint | None:
        """The hint of an earlier answer; None when it does not fit this failure's numbers and names.

        Raises DroppedError for an answer that was dropped then and is now.
        """
        try:
            hint = self._checked(remembered, prompt, report)
        except HintError as error:
            if remembered.kept:
                return None
            heard.append(remembered.text)
            self._remember(report, prompt, _FailedLike(report.failure.name, DroppedError(str(error))))
            raise DroppedError(str(error)) from error
        heard.append(remembered.text)
        self._remember(report, prompt, _SameAs(report.failure.name, remembered, _lines_shown(prompt)))
        return hint

    def _remember(self, report: Report, prompt: Prompt, known: _SameAs | _FailedLike) -> None:
        if signature := _signature(report, prompt):
            self._signatures[signature] = known

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
            except (TooSlowError, UnreachableError, NotAskedError):
                raise  # the budget counts these
            except HintError as error:
                self._refusal = error
                raise
        return self._known

    def _asked(
        self, report: Report, prompt: Prompt, ollama: Ollama, model: Model, heard: list[str], *, spent_s: float
    ) -> Hint:
        """``spent_s`` of the hint's time are over."""
        left = min(self._budget.allowance_s(), self._settings.hint_time_s - spent_s)
        allowed = max(left, _LEAST_S)  # outside of the try: a used-up budget is nothing about this failure
        try:
            reply, seconds = self._timed_call(lambda: ollama.ask(prompt, model=model, deadline_s=allowed))
            self._calibrate_tokens(reply, prompt)
            heard.append(reply.text)
            answer = CachedAnswer.of_reply(reply, model=model, seconds=seconds, along=prompt.along)
            return self._believed(answer, report=report, prompt=prompt)
        except HintError as error:
            self._remember(report, prompt, _FailedLike(report.failure.name, error))
            raise

    def _believed(self, answer: CachedAnswer, *, report: Report, prompt: Prompt) -> Hint:
        """The hint in an answer, which is remembered for equal failures and for later runs, also when it is dropped."""
        key = cache_key(prompt, self._model_name)
        try:
            hint = self._checked(answer, prompt, report)
        except HintError as error:
            self._cache.store(key, answer.as_dropped())
            raise DroppedError(str(error)) from error
        self._budget.count_kept()
        self._cache.store(key, answer)
        self._remember(report, prompt, _SameAs(report.failure.name, answer, _lines_shown(prompt)))
        return hint

    def _checked(self, answer: CachedAnswer, prompt: Prompt, report: Report) -> Hint:
        """The hint in an answer; raises HintError when it has no agreed shape or nothing of it may be shown."""
        return checked_hint(answer.verified(parse_model_answer(answer.text)), prompt=prompt, report=report)

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
        if not reply.prompt_tokens or prompt.picture:  # whose tokens nobody knows
            return
        lowest, highest = _CALIBRATED
        counted = _SAFETY * self._chars_per_token * prompt.estimated_tokens / reply.prompt_tokens
        measured = min(highest, max(lowest, counted))
        self._chars_per_token = min(self._chars_per_token, measured) if self._is_calibrated else measured
        self._is_calibrated = True


def _safe_answer(heard: Sequence[str]) -> SafeText | None:
    """A model's own text for a person: redacted, bounded, without what a terminal obeys."""
    return NO_KNOWN_VALUES.safe_text(shorten(sanitize(heard[-1]), _SAID_CHARS)) if heard else None


def write_hints(output: Path, hint_of: HintOf, *, max_bytes: int) -> int:
    """Draws the cards of a finished output.xml or output.json anew with their hints; returns how many there are.

    ``max_bytes`` is the limit of one card. Raises ArchiveError as `rewrite_cards` does.
    """

    def hinted(report: Report) -> Report:
        analysis = hint_of(report)
        return report if analysis is report.analysis else report.model_copy(update={"analysis": analysis})

    return rewrite_cards(output, hinted, max_bytes=max_bytes)


def until_stopped(hint_of: HintOf, stop: threading.Event) -> HintOf:
    """The same, as long as nobody has asked to stop; what comes then stays as it is."""

    def hint_in_time(report: Report) -> Analysis:
        if stop.is_set():
            return report.analysis
        analysis = hint_of(report)
        return analysis if analysis.hint or not stop.is_set() else analysis.without_hint(STOPPED)

    return hint_in_time


def with_progress(act: Callable[[Report], T], total: int, stream: TextIO) -> Callable[[Report], T]:
    """The same, with a line on a terminal that says how far it is; silent where ``stream`` is none."""
    if not stream.isatty():
        return act
    done = 0

    def act_with_line(report: Report) -> T:
        nonlocal done
        done += 1
        stream.write(f"\rFailTale: hint {done} of {max(done, total)} …")
        stream.flush()
        try:
            return act(report)
        finally:
            stream.write("\r\033[K")
            stream.flush()

    return act_with_line


def _signature(report: Report, prompt: Prompt) -> str:
    """The hash of the report's signature, else nothing: failures without one are never taken for equal.

    Nor are those whose strongest line the model does not see: whoever had it logged would make all of them equal.
    """
    signature = report.analysis.signature
    strongest = next((suspect.id for suspect in report.analysis.suspects if suspect.is_strong), None)
    return "" if signature is None or strongest in prompt.withheld else signature.hash


def _refuse_nothing(prompt: Prompt, model: Model) -> None:
    if prompt.suspects:
        return
    if prompt.omitted:
        raise NotAskedError(
            f"not requested: the model's context of {model.context_tokens} tokens holds no line of the evidence; "
            "raise 'analysis: context' or name another model"
        )
    if not prompt.withheld:
        raise NotAskedError(ALL_USUAL)
    usual = "is usual or " if prompt.spared else ""
    raise NotAskedError(
        f"not requested: each suspect's line {usual}reads like an instruction to a model and was withheld"
    )


def _lines_shown(prompt: Prompt) -> dict[str, str]:
    return {suspect.id: normalised(prompt_line(suspect.with_error)) for suspect in prompt.suspects}


def _renumbered(answer: ModelAnswer, theirs: Mapping[str, str], ours: Mapping[str, str]) -> ModelAnswer:
    """The answer with the ids that its cited lines bear in another failure; lines that are not there lose theirs."""
    ids = {line: id_ for id_, line in reversed(tuple(ours.items()))}
    cited = (ids.get(theirs.get(id_, "")) for id_ in answer.evidence)
    return answer.model_copy(update={"evidence": tuple(id_ for id_ in cited if id_ is not None)})
