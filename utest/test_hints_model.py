"""A real small model behind Ollama's API, through the real client: the plumbing, never the wording."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from builders import a_report, an_analysis
from small_model import CONTEXT_TOKENS, NAME, SmallModel, need_model

from FailTaleLibrary.config.model import AnalysisSettings
from FailTaleLibrary.hints import HintMaker, build_prompt
from FailTaleLibrary.hints.answer import parse_model_answer
from FailTaleLibrary.hints.ollama import Ollama, server_for

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def model() -> Iterator[SmallModel]:
    need_model()
    with SmallModel() as running:
        yield running


def settings(model: SmallModel, **changes: object) -> AnalysisSettings:
    values = {"model": NAME, "host": model.url, "context": CONTEXT_TOKENS, "threads": 1, "hint_time_s": 300, **changes}
    return AnalysisSettings.model_validate(values)


def test_a_real_model_answers_in_the_agreed_shape_and_is_checked(model: SmallModel) -> None:
    section = settings(model)
    ollama = Ollama(server_for(section, {}), section)
    facts = ollama.model(60)
    prompt = build_prompt(a_report(), settings=section, context_tokens=facts.context_tokens)
    reply = ollama.ask(prompt, model=facts, deadline_s=300)
    answer = parse_model_answer(reply.text)
    assert set(answer.evidence) <= {"E1", "E2", "E3"}
    assert answer.component in prompt.components
    assert reply.prompt_tokens is not None
    assert reply.prompt_tokens <= prompt.estimated_tokens  # the estimate errs on the safe side


def test_a_real_model_is_cut_off_at_the_deadline(model: SmallModel) -> None:
    analysis = HintMaker(settings(model, hint_time_s=0.5), environ={}).hint(a_report(analysis=an_analysis(hint=None)))
    assert "gave no response within" in (analysis.no_hint_reason or "")
