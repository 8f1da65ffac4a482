"""Every way in which an Ollama server can disappoint ends in time, as a reason in plain words."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from builders import a_failure, a_report, a_suspect, an_analysis
from ollama_stub import MODEL, ROWS, OllamaStub
from patience import PATIENCE_S

from FailTaleLibrary.config.model import AnalysisSettings
from FailTaleLibrary.errors import HintError
from FailTaleLibrary.hints import HintMaker
from FailTaleLibrary.hints.ollama import server_for
from FailTaleLibrary.records import Analysis, Report

ROOT = Path(__file__).parent.parent
LIMIT_S = 0.8
SLOW = ("silent", "silent after start", "dripping", "dripping headers")


def asked(stub: OllamaStub | str, *, environ: Mapping[str, str] | None = None, **settings: object) -> Analysis:
    """The analysis of one failure, asked of a stub or of an address."""
    host = stub if isinstance(stub, str) else stub.url
    values = {"model": MODEL, "host": host, "hint_time_s": 20.0, **settings}
    return HintMaker(AnalysisSettings.model_validate(values), environ=environ or {}).hint(
        a_report(analysis=an_analysis(hint=None))
    )


def reason(analysis: Analysis) -> str:
    assert analysis.hint is None
    assert analysis.no_hint_reason
    return analysis.no_hint_reason


def test_a_healthy_server_gives_a_hint() -> None:
    with OllamaStub() as stub:
        analysis = asked(stub)
    assert analysis.no_hint_reason is None
    assert analysis.hint is not None
    assert analysis.hint.cause == "The backup held a lock on orders.db, so the database is locked."
    assert (analysis.hint.prompt_tokens, analysis.hint.answer_tokens) == (900, 60)


REASONS = {
    "404 model": f"model '{MODEL}' is not there; type 'ollama pull {MODEL}'",
    "404 html": f"type 'ollama pull {MODEL}'",
    "html 404": f"type 'ollama pull {MODEL}'",
    "400": "refuses the request (400): '\"small:1b\" does not support thinking'",
    "400 too long": "refuses the request (400): 'the prompt is longer",
    "401": "refuses access (401): 'unauthorized'",
    "403": "refuses access (403)",
    "500": "(500): 'model requires more system memory (9.6 GiB) than is available (3.1 GiB)'",
    "500 json text": "does not implement Ollama's API",
    "500 json list": "does not implement Ollama's API",
    "502 html": "refuses the request (502)",
    "503": "is busy (503): 'server busy",
    "200 html": "does not implement Ollama's API",
    "200 empty": "broke off before it was complete",
    "200 list": "does not implement Ollama's API",
    "200 text": "does not implement Ollama's API",
    "wrong shape": "does not implement Ollama's API",
    "cut body": "broke off before the answer was complete",
    "dies": "broke off before the answer was complete",
    "no done": "broke off before it was complete",
    "no content": "the model's answer is empty",
    "garbage in the middle": "does not implement Ollama's API",
    "error in the middle": "broke off its answer with an error: 'CUDA error: out of memory'",
    "length": "the model's answer was cut at 400 tokens",
    "load": "the model stopped early ('load')",
    "no end": "the model's answer does not end",
    "redirect": "redirects elsewhere (302), which is not followed",
}


def test_the_table_of_reasons_has_every_row() -> None:
    assert set(REASONS) | set(SLOW) == set(ROWS)


@pytest.mark.parametrize("row", REASONS)
def test_a_failing_chat_is_a_reason_in_plain_words(row: str) -> None:
    with OllamaStub(chat=row) as stub:
        said = reason(asked(stub))
    assert REASONS[row] in said
    assert "<" not in said
    assert "Traceback" not in said


FAILING_PROBES = sorted(set(REASONS) - {"wrong shape", "no done", "no content", "load", "no end"})


@pytest.mark.parametrize(
    ("place", "row"),
    [*(("tags", row) for row in FAILING_PROBES), ("show", "500"), ("show", "dies"), ("show", "200 html")],
)
def test_a_failing_probe_is_a_reason_and_no_chat_is_tried(place: str, row: str) -> None:
    with OllamaStub(**{place: row}) as stub:
        assert reason(asked(stub))
        assert not stub.asked("/api/chat")


def test_a_server_of_another_kind_is_recognised_before_anything_is_sent_to_it() -> None:
    with OllamaStub(tags="wrong shape") as stub:
        assert "does not implement Ollama's API" in reason(asked(stub))
        assert not stub.asked("/api/chat")


@pytest.mark.parametrize("place", ["tags", "show", "chat"])
@pytest.mark.parametrize("row", SLOW)
def test_no_call_outlives_its_deadline_and_the_server_sees_it_end(row: str, place: str) -> None:
    with OllamaStub(**{place: row}) as stub:
        said = reason(asked(stub, hint_time_s=LIMIT_S))  # the stub would let it wait for ever
        if stub.asked(f"/api/{place}"):  # a busy machine may use the time up with what comes first
            assert stub.gone.wait(PATIENCE_S)
    (within_s,) = re.findall(r"gave no response within (0\.\d+) s", said)
    assert float(within_s) <= LIMIT_S, "of which a busy machine uses a part beforehand"


def test_a_call_that_was_cut_leaves_no_thread_behind() -> None:
    with OllamaStub(chat="dripping") as stub:
        asked(stub, hint_time_s=LIMIT_S)
        for thread in threading.enumerate():
            if thread.name == "failtale-hint":
                thread.join(PATIENCE_S)
        assert not [thread for thread in threading.enumerate() if thread.name == "failtale-hint"]


def test_nobody_listening_is_a_reason_that_says_what_to_start() -> None:
    with OllamaStub() as stub:
        url = stub.url
    assert reason(asked(url)) == (
        f"Ollama cannot be reached at '{url}'; start it with 'ollama serve', or set 'analysis: host'"
    )


def test_a_name_that_nobody_knows_is_a_reason() -> None:
    assert "cannot be reached at 'http://ollama.invalid:11434'" in reason(asked("ollama.invalid"))


def test_an_answer_of_another_shape_is_a_reason() -> None:
    with OllamaStub(answer={"summary": "disk full"}) as stub:
        assert "does not follow the agreed shape" in reason(asked(stub))


def test_an_answer_that_is_no_json_is_a_reason() -> None:
    with OllamaStub(answer="The disk is full, I think.") as stub:
        assert "holds no JSON object" in reason(asked(stub))


# --- Context ---------------------------------------------------------------------------------------------------------


def long_report() -> Report:
    """A failure whose prompt fills most of 8192 tokens."""
    suspects = tuple(a_suspect(id=f"E{n}", text=f"{n} database is locked " + "7" * 200) for n in range(1, 30))
    return a_report(analysis=an_analysis(suspects=suspects, hint=None))


@pytest.mark.parametrize("tokens", [4096, 4098, 100, 8190])
def test_a_prompt_that_was_cut_is_noticed(tokens: int) -> None:
    with OllamaStub(prompt_tokens=tokens, context_length=8192) as stub:
        analysis = HintMaker(AnalysisSettings(model=MODEL, host=stub.url), environ={}).hint(long_report())
    assert f"did not fit into the model's context ({tokens} of 8192 tokens were read)" in reason(analysis)


def test_the_models_own_count_calibrates_the_next_prompt() -> None:
    suspects = tuple(a_suspect(id=f"E{n}", text=f"{n} database is locked " + "7" * 200) for n in range(1, 30))
    with OllamaStub(context_length=2048, prompt_tokens=900) as stub:
        hints = HintMaker(AnalysisSettings(model=MODEL, host=stub.url), environ={})
        for name in "AB":
            analysis = an_analysis(suspects=suspects, hint=None, signature=None)
            hints.hint(a_report(failure=a_failure(name=name), analysis=analysis))
        first, second = (len(request.body["messages"][1]["content"]) for request in stub.asked("/api/chat"))
    assert second > first


def test_the_context_is_never_more_than_the_model_has() -> None:
    with OllamaStub(context_length=2048) as stub:
        asked(stub, context=16_384)
        body = stub.asked("/api/chat")[0].body
    assert body["options"]["num_ctx"] == 2048


def test_a_model_without_room_for_a_line_is_not_asked() -> None:
    with OllamaStub(context_length=512) as stub:
        assert "holds no line of the evidence" in reason(asked(stub))
        assert not stub.asked("/api/chat")


# --- What is sent ----------------------------------------------------------------------------------------------------


def test_the_request_bounds_the_answer() -> None:
    with OllamaStub() as stub:
        asked(stub, threads=3, seed=7)
        body = stub.asked("/api/chat")[0].body
    assert body["options"] == {"num_ctx": 8192, "num_predict": 400, "temperature": 0.0, "seed": 7, "num_thread": 3}
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["format"]["properties"]["evidence"]["items"]["enum"] == ["E1", "E2", "E3"]
    assert body["stream"] is True
    assert "tools" not in body or not body["tools"]
    assert "think" not in body


@pytest.mark.parametrize(
    ("shown", "think"),
    [
        ({"capabilities": ["completion", "thinking"]}, False),
        ({"capabilities": ["completion", "thinking"], "details": {"family": "gptoss"}}, "low"),
    ],
)
def test_a_thinking_model_is_told_not_to(shown: dict[str, object], think: object) -> None:
    with OllamaStub(shown=shown) as stub:
        asked(stub)
        assert stub.asked("/api/chat")[0].body["think"] == think


def test_nothing_is_ever_pulled() -> None:
    with OllamaStub(show="404 model") as stub:
        asked(stub)
        assert {request.path for request in stub.requests} == {"/api/tags", "/api/show"}


def test_a_redirect_is_not_followed() -> None:
    with OllamaStub(chat="redirect") as stub:
        asked(stub)
        assert not stub.asked("/elsewhere")


@pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "kimi:cloud"])
def test_a_cloud_model_is_refused_by_its_name_before_anything_is_sent(model: str) -> None:
    with OllamaStub(model=model) as stub:
        assert "runs in a cloud" in reason(asked(stub, model=model))
        assert not stub.requests


@pytest.mark.parametrize("place", ["listed", "shown"])
@pytest.mark.parametrize("field", ["remote_host", "remote_model"])
def test_a_remote_model_is_refused_whatever_its_name(place: str, field: str) -> None:
    with OllamaStub(**{place: {field: "https://ollama.com"}}) as stub:
        assert "runs in a cloud (it is a remote model)" in reason(asked(stub))
        assert not stub.asked("/api/chat")


def test_a_cloud_model_is_asked_when_the_user_allows_it() -> None:
    with OllamaStub(model="kimi:cloud", listed={"remote_host": "https://ollama.com"}) as stub:
        assert asked(stub, model="kimi:cloud", allow_cloud=True).hint is not None


def test_no_key_of_the_environment_goes_to_a_plain_server(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "k" * 20
    monkeypatch.setenv("OLLAMA_API_KEY", key)
    with OllamaStub() as stub:
        assert asked(stub, environ={"OLLAMA_API_KEY": key}).hint is not None
        assert not [request for request in stub.requests if "Authorization" in request.headers]


def test_no_proxy_of_the_environment_is_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with OllamaStub() as proxy, OllamaStub() as stub:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert asked(stub).hint is not None
        assert not proxy.requests


# --- Addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "url"),
    [
        (None, "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("[::]:8080", "http://[::1]:8080"),
        ("gpu1", "http://gpu1:11434"),
        ("gpu1:8080/ollama/", "http://gpu1:8080/ollama"),
        ("http://gpu1", "http://gpu1:80"),
        ("https://gpu1", "https://gpu1:443"),
        ("http://user:word@gpu1:1", "http://gpu1:1"),
    ],
)
def test_an_address_is_read_as_ollama_reads_it(named: str | None, url: str) -> None:
    assert server_for(AnalysisSettings(host=named), {}).url == url
    assert server_for(AnalysisSettings(), {"OLLAMA_HOST": named or ""}).url == url


@pytest.mark.parametrize("named", ["http://[::1", "ftp://x", "http://x:notaport", "x:99999", "http://a b\n"])
def test_what_is_no_address_is_a_reason_that_names_it(named: str) -> None:
    maker = HintMaker(AnalysisSettings(model=MODEL), environ={"OLLAMA_HOST": named})
    assert "OLLAMA_HOST" in reason(maker.hint(a_report(analysis=an_analysis(hint=None))))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.7", "[::1]:1", "0.0.0.0"])
def test_this_machine_is_recognised(host: str) -> None:
    assert server_for(AnalysisSettings(host=host), {}).is_loopback


@pytest.mark.parametrize(
    ("settings", "environ", "is_sent"),
    [
        ({"host": "https://gpu1"}, {}, True),
        ({"host": "http://gpu1"}, {}, False),
        ({}, {"OLLAMA_HOST": "https://gpu1"}, False),
        ({"allow_cloud": True}, {"OLLAMA_HOST": "https://ollama.com"}, True),
        ({"allow_cloud": True}, {"OLLAMA_HOST": "http://ollama.com"}, False),
    ],
)
def test_the_key_goes_only_where_it_was_meant_to(
    settings: dict[str, object], environ: dict[str, str], is_sent: bool
) -> None:
    server = server_for(AnalysisSettings.model_validate(settings), {**environ, "OLLAMA_API_KEY": "k" * 20})
    assert (server.api_key is not None) == is_sent


def test_the_cloud_itself_is_refused_unless_allowed() -> None:
    with pytest.raises(HintError, match=r"'ollama\.com' is a cloud"):
        server_for(AnalysisSettings(host="https://ollama.com"), {})


def test_an_ollama_package_that_cannot_be_imported_is_a_reason() -> None:
    """A bad OLLAMA_HOST makes ``import ollama`` itself raise; only a fresh interpreter can show that."""
    with OllamaStub() as stub:
        script = (
            "from builders import a_report, an_analysis\n"
            "from FailTaleLibrary.config.model import AnalysisSettings\n"
            "from FailTaleLibrary.hints import HintMaker\n"
            f"settings = AnalysisSettings(model='{MODEL}', host='{stub.url}')\n"
            "print(HintMaker(settings).hint(a_report(analysis=an_analysis(hint=None))).no_hint_reason)\n"
        )
        paths = os.pathsep.join([str(ROOT), str(ROOT / "utest")])
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": paths, "OLLAMA_HOST": "http://[::1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
    assert done.stderr == ""
    assert done.stdout.startswith("the ollama package cannot be loaded (")


def test_neither_ollama_nor_httpx_is_loaded_before_a_model_is_asked() -> None:
    script = "import sys, FailTaleLibrary.hints; print(sorted({'ollama', 'httpx'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    assert done.stdout.strip() == "[]"
