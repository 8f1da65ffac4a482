"""`failtale serve --http-api`: a real process, asked as the original's clients ask theirs."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from mcp_servers import Served, a_config, served
from ollama_stub import GOOD_ANSWER, MODEL, OllamaStub
from patience import PATIENCE_S

from FailTaleLibrary.cli import main

CONFIG = """\
components:
  database:
    collectors:
      - {name: log, description: The log, file: LOG}
      - {name: state, command: 'echo on; echo half >&2; exit 3'}
      - {name: gone, file: /nowhere/at/all.log}
hosts:
  db1.example.com: {component: database, transport: local}
  db2: {component: database, transport: local}
"""
REPORT = "Feature: Orders\nScenario: The last book\nLocation: order.feature:3\nTags: @shop\nSteps:\n  Given a book\n"
SECRET = "password=" + "Xk29dkw02mDw1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("api")
    config = a_config(folder, CONFIG)
    with (folder / "web.log").open("a") as log:
        log.write(f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ} ERROR database is locked, {SECRET}\n")
    with served(folder, "--config", str(config), "--http-api") as running:
        yield running


def ask(
    server: Served, method: str, path: str, body: object = None, *, headers: Mapping[str, str | None] | None = None
) -> tuple[int, dict[str, Any]]:
    """Status and JSON of one request, the token in the place where the original's clients can have it."""
    basic = base64.b64encode(f"anybody:{server.token}".encode()).decode()
    sent: dict[str, str | None] = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
    sent |= headers or {}
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    try:
        connection.putrequest(method, path, skip_host="Host" in sent)
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(data)))
        connection.endheaders()
        connection.send(data)
        response = connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text.startswith(b"{") else {"text": text.decode()}
    finally:
        connection.close()


def hosts(*names: str) -> list[dict[str, Any]]:
    return [{"hostname": name, "role": "database", "mandatory": True, "ssh_username": "root"} for name in names]


def test_what_is_collected_has_the_originals_shape_and_what_is_analysed_goes_by_it(server: Served) -> None:
    status, collected = ask(
        server, "POST", "/v1/collect", {"hosts": hosts("db1.example.com", "elsewhere"), "test_report": REPORT}
    )
    assert status == 200
    assert list(collected) == ["db1.example.com", "elsewhere"]
    assert collected["elsewhere"]["data"] == []
    assert "no such host" in collected["elsewhere"]["error"]
    told = collected["db1.example.com"]
    assert told["role"] == "database"
    answers = {answer["description"]: answer for answer in told["data"]}
    assert all(answer.keys() == {"description", "command", "status", "output", "error"} for answer in told["data"])
    assert "database is locked" in answers["The log"]["output"]
    assert (answers["state"]["output"], answers["state"]["status"]) == ("on\n", 3)
    assert "half" in answers["state"]["error"]
    assert "No such file" in answers["gone"]["error"]
    assert SECRET not in json.dumps(collected)

    asked = {"collected_data": collected, "screenshot": "aGk=", "test_report": REPORT, "test_failure": "got 502"}
    status, analysed = ask(server, "POST", "/v1/analyze", asked)
    assert (status, list(analysed)) == (200, ["root_cause_hint"])
    assert "database is locked" in analysed["root_cause_hint"].partition("\n")[0], "the headline"
    assert told["failure_id"] in analysed["root_cause_hint"]


def test_data_of_another_origin_is_ranked_as_text_without_its_secrets(server: Served) -> None:
    answer = {"description": "Log", "command": "tail x", "status": 0, "output": f"ok\nFATAL out of memory {SECRET}\n"}
    data = {"app\x1b[31m1": {"role": "app", "data": [answer, 7, {}]}, "odd": 3, "b": {"data": "x"}, "c": None}
    status, analysed = ask(server, "POST", "/v1/analyze", {"collected_data": data, "test_failure": None})
    assert status == 200
    assert "out of memory" in analysed["root_cause_hint"]
    assert SECRET not in analysed["root_cause_hint"]
    assert "\x1b" not in analysed["root_cause_hint"]


def test_it_says_that_it_runs(server: Served) -> None:
    status, told = ask(server, "GET", "/")
    assert (status, "is running" in told["message"]) == (200, True)


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "words"),
    [
        ("/v1/collect", {}, {"Authorization": None}, 401, "token"),
        ("/v1/collect", {}, {"Authorization": "Basic " + base64.b64encode(b"a:b").decode()}, 401, "token"),
        ("/v1/collect", {}, {"Authorization": "Basic !"}, 401, "token"),
        ("/v1/collect", {}, {"Host": "evil.example"}, 421, "--allow-host"),
        ("/v1/collect", b"{", {}, 400, "no JSON"),
        ("/v1/collect", b"[" * 100_000, {}, 400, "no JSON"),
        ("/v1/collect", [], {}, 400, "no JSON object"),
        ("/v1/collect", {}, {"Content-Type": "text/plain"}, 400, "application/json"),
        ("/v1/collect", {"hosts": "db1", "test_report": ""}, {}, 400, "'hosts'"),
        ("/v1/collect", {"hosts": hosts("db1")}, {}, 400, "'test_report'"),
        ("/v1/analyze", {"collected_data": {}}, {}, 400, "'collected_data'"),
        ("/v1/analyze", b" " * (16 * 1024 * 1024 + 1), {}, 413, "16 MiB"),
    ],
)
def test_what_is_no_such_request_is_refused_in_a_sentence(
    server: Served, path: str, body: object, headers: dict[str, str | None], status: int, words: str
) -> None:
    got, told = ask(server, "POST", path, body, headers=headers)
    assert got == status
    assert words in told.get("error", told.get("text", ""))


@pytest.mark.parametrize("entries", [[3, {"hostname": 5}, {}], [{"hostname": "x; id", "role": []}]])
def test_hosts_are_those_of_the_configuration_whatever_is_asked(server: Served, entries: list[Any]) -> None:
    status, told = ask(server, "POST", "/v1/collect", {"hosts": entries, "test_report": ""})
    assert status == 200
    assert all(each["data"] == [] for each in told.values())


def test_it_is_served_where_it_is_asked_for_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(a_config(tmp_path))
    with served(tmp_path, "--config", config) as running:
        assert ask(running, "POST", "/v1/collect", {})[0] == 404
    assert main(["serve", "--stdio", "--http-api", "--config", config]) == 2
    assert "needs a port" in capsys.readouterr().err


def test_a_hint_that_was_there_outlives_its_model(tmp_path: Path) -> None:
    cause = "The backup held orders.db, so the database is locked."
    model = OllamaStub(answer={**GOOD_ANSWER, "cause": cause, "component": "database"})
    with contextlib.ExitStack() as open_until:
        open_until.enter_context(model)
        config = a_config(tmp_path, f"{CONFIG}analysis: {{host: '{model.url}', model: '{MODEL}'}}\n")
        with (tmp_path / "web.log").open("a") as log:
            log.write(
                f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ} ERROR database is locked: orders.db held by backup\n"
            )
        with served(tmp_path, "--config", str(config), "--http-api") as server:
            _, collected = ask(
                server, "POST", "/v1/collect", {"hosts": hosts("db1.example.com"), "test_report": REPORT}
            )
            asked = {"collected_data": collected, "test_report": REPORT, "test_failure": "got 502"}
            _, hinted = ask(server, "POST", "/v1/analyze", asked)
            open_until.close()
            shutil.rmtree(tmp_path / ".cache", ignore_errors=True)  # nor is the answer known from elsewhere
            _, again = ask(server, "POST", "/v1/analyze", asked)
    assert "The model agrees" in hinted["root_cause_hint"]
    assert again == hinted
