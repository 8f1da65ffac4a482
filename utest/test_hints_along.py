"""What goes along with a prompt: the failing test's screenshot. It is sent where it may be, and supports no answer."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from builders import a_failure, a_report, an_analysis
from ollama_stub import GOOD_ANSWER, MODEL, OllamaStub

from FailTaleLibrary.config.model import AnalysisSettings
from FailTaleLibrary.hints import HintMaker
from FailTaleLibrary.records import Analysis, Report, SafeText, Screenshot

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
SEES = {"capabilities": ["completion", "vision"]}


def maker(stub: OllamaStub, cache_dir: Path | None = None, **settings: object) -> HintMaker:
    values = {"model": MODEL, "host": stub.url, "hint_time_s": 20.0, **settings}
    return HintMaker(AnalysisSettings.model_validate(values), cache_dir=cache_dir, environ={})


def report_with_picture(folder: Path, data: bytes = PNG, name: str = "shot.png") -> Report:
    (folder / name).write_bytes(data)
    shots = (Screenshot(path=SafeText(name), name=SafeText(name)),)
    return a_report(failure=a_failure(screenshots=shots), analysis=an_analysis(hint=None))


def pictures(stub: OllamaStub) -> list[Any]:
    return [request.body["messages"][1].get("images") for request in stub.asked("/api/chat")]


def notes(analysis: Analysis) -> str:
    assert analysis.hint is not None, analysis.no_hint_reason
    return " ".join(analysis.hint.notes)


# --- Screenshots ------------------------------------------------------------------------------------------------------


@contextmanager
def a_seeing_server(**fields: Any) -> Iterator[OllamaStub]:
    with OllamaStub(shown=SEES, **fields) as stub:
        yield stub


def test_a_model_that_takes_pictures_gets_the_screenshot_and_the_hint_says_so(tmp_path: Path) -> None:
    with a_seeing_server() as stub:
        analysis = maker(stub, screenshot=True).hint(report_with_picture(tmp_path), folder=tmp_path)
        assert pictures(stub) == [[base64.b64encode(PNG).decode()]]
    assert "The model also saw the test's screenshot" in notes(analysis)


def test_no_screenshot_is_sent_unless_the_configuration_says_so(tmp_path: Path) -> None:
    with a_seeing_server() as stub:
        analysis = maker(stub).hint(report_with_picture(tmp_path), folder=tmp_path)
        assert pictures(stub) == [None]
    assert "screenshot" not in notes(analysis)


@pytest.mark.parametrize(
    ("server", "settings", "data", "why"),
    [
        ({}, {}, PNG, "the model takes no pictures"),
        ({"shown": {**SEES, "remote_host": "https://ollama.com"}}, {"allow_cloud": True}, PNG, "runs in a cloud"),
        ({"shown": SEES}, {}, b"GIF89a", "neither PNG nor JPEG"),
        ({"shown": SEES}, {"context": 2048}, PNG, "has no room"),
    ],
)
def test_a_screenshot_that_is_not_sent_is_a_note_and_costs_no_hint(
    tmp_path: Path, server: dict[str, Any], settings: dict[str, Any], data: bytes, why: str
) -> None:
    with OllamaStub(**server) as stub:
        analysis = maker(stub, screenshot=True, **settings).hint(report_with_picture(tmp_path, data), folder=tmp_path)
        assert pictures(stub) == [None]
    assert why in notes(analysis)


def test_a_screenshot_outside_of_the_output_directory_is_never_sent(tmp_path: Path) -> None:
    output = tmp_path / "output"
    output.mkdir()
    (tmp_path / "secret.png").write_bytes(PNG)
    (output / "link.png").symlink_to(tmp_path / "secret.png")
    for path in ("../secret.png", "link.png", str(tmp_path / "secret.png")):
        shots = (Screenshot(path=SafeText(path), name=SafeText("x.png")),)
        report = a_report(failure=a_failure(screenshots=shots), analysis=an_analysis(hint=None))
        with a_seeing_server() as stub:
            maker(stub, screenshot=True).hint(report, folder=output)
            assert pictures(stub) == [None]


def test_another_screenshot_is_another_question_and_an_equal_one_is_none(tmp_path: Path) -> None:
    with a_seeing_server() as stub:
        for data in (PNG, PNG, PNG + b"!"):
            report = report_with_picture(tmp_path, data)
            analysis = maker(stub, tmp_path / "cache", screenshot=True).hint(report, folder=tmp_path)
            assert "also saw the test's screenshot" in notes(analysis)
        assert len(pictures(stub)) == 2


def test_a_hint_with_a_screenshot_outlives_its_server(tmp_path: Path) -> None:
    report = report_with_picture(tmp_path)
    with a_seeing_server() as stub:
        settings = {"screenshot": True, "host": stub.url}
        maker(stub, tmp_path / "cache", **settings).hint(report, folder=tmp_path)
    analysis = maker(stub, tmp_path / "cache", **settings).hint(report, folder=tmp_path)
    assert "also saw the test's screenshot" in notes(analysis)


def test_what_only_a_screenshot_shows_supports_no_answer(tmp_path: Path) -> None:
    """Whoever draws a page may write on it what a model repeats."""
    answer = {**GOOD_ANSWER, "cause": "The billing-gateway service at 10.9.8.7 refused invoice 99812."}
    with a_seeing_server(answer=answer) as stub:
        analysis = maker(stub, screenshot=True).hint(report_with_picture(tmp_path), folder=tmp_path)
    assert analysis.hint is None
    assert "dropped" in (analysis.no_hint_reason or "")
