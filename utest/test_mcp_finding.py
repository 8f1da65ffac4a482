"""How a failure is found: after a restart, by what was typed of its id, by a link; and how the server is found."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import builders
import jsonschema
import pytest
from mcp import Client
from mcp.types import PromptReference, ResourceTemplateReference
from mcp_servers import ROOT, a_config, answer_in, served
from patience import wait_until
from test_mcp_tools import run

from FailTaleLibrary import __version__
from FailTaleLibrary.archive import write_bundle
from FailTaleLibrary.mcp_server import kept
from FailTaleLibrary.mcp_server.server import build_server
from FailTaleLibrary.mcp_server.store import COLLECTED, Store, StoredFailure

# --- After a restart -------------------------------------------------------------------------------------------------


def test_what_was_collected_survives_a_restart_where_bundles_are_configured(tmp_path: Path) -> None:
    config = a_config(tmp_path)
    config.write_text(f"bundles: {{directory: {tmp_path / 'kept'}}}\n" + config.read_text())
    asked: dict[str, Any] = {"name": "collect_evidence", "arguments": {"name": "Orders Survive", "message": "boom"}}
    with served(tmp_path, "--config", str(config)) as server:
        _, body = server.post("tools/call", asked)
        failure_id = answer_in(body)["result"]["structuredContent"]["failure_id"]
        assert wait_until(lambda: (tmp_path / "kept" / failure_id / "manifest.json").exists())
    with served(tmp_path, "--config", str(config)) as server:
        _, body = server.post("tools/call", {"name": "list_failures", "arguments": {}})
        (found,) = answer_in(body)["result"]["structuredContent"]["failures"]
        assert (found["failure_id"], found["source"]) == (failure_id, "collected")
        page = {"failure_id": failure_id, "item": "web1/web.log", "tail": 1}
        _, body = server.post("tools/call", {"name": "get_evidence", "arguments": page})
        assert "request 199 served" in answer_in(body)["result"]["content"][0]["text"]


def test_a_failure_that_cannot_be_kept_is_there_and_is_said(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file where a directory should be")
    store = Store(kept_in=tmp_path / "kept" / "deeper")
    report = builders.a_report()
    store.put(StoredFailure(report))
    assert wait_until(store.unreadable)
    assert f"Failure '{report.failure.id}' is in memory alone" in store.unreadable()[0]
    assert store.get(report.failure.id) is not None


def test_only_the_bundle_that_changed_is_read_again_and_its_full_texts_only_when_asked_for(tmp_path: Path) -> None:
    reports = [builders.a_report(failure=builders.a_failure(id=f"{number:032x}")) for number in range(3)]
    for report in reports:
        write_bundle(report, tmp_path, full_texts={"web1/nginx.error": "the whole output"})
    bundles = kept.Bundles(tmp_path)
    first = [report for _, report in bundles.reports()]
    (changed, *_) = bundles.manifests()
    changed.write_text(changed.read_text() + "\n")
    second = [report for _, report in bundles.reports()]
    assert [one is other for one, other in zip(first, second, strict=True)] == [False, True, True]
    stored = Store([tmp_path]).get(reports[1].failure.id)
    assert stored is not None
    (tmp_path / reports[1].failure.id / "items" / "web1" / "nginx.error.txt").unlink()
    assert stored.full_texts["web1/nginx.error"] == next(
        item.text for item in stored.report.evidence.items if item.id == "web1/nginx.error"
    )


def test_of_very_many_bundles_the_newest_are_served_and_the_others_counted(tmp_path: Path) -> None:
    for number in range(4):
        path = write_bundle(builders.a_report(failure=builders.a_failure(id=f"{number:032x}")), tmp_path)
        os.utime(path / "manifest.json", (number, number))
    bundles = kept.Bundles(tmp_path, max_bundles=3)
    assert [path.name for path, _ in bundles.reports()] == [f"{number:032x}" for number in (1, 2, 3)]
    assert bundles.left_out == 1


def test_a_failure_says_which_run_it_is_of(tmp_path: Path) -> None:
    write_bundle(builders.a_report(), tmp_path / "nightly" / "failtale")
    store = Store([tmp_path / "nightly" / "failtale"], kept_in=tmp_path / "kept")
    store.put(StoredFailure(builders.a_report(failure=builders.a_failure(id="f" * 32))))
    assert {each.source for each in store.newest_first()} == {"nightly/failtale", COLLECTED}


def test_failures_are_found_by_words_and_by_their_source(tmp_path: Path) -> None:
    orders = builders.a_failure(id="1" * 32, name="Orders Survive", message="502 != 200")
    prices = builders.a_failure(id="2" * 32, name="Prices", message="17.99 != 19.99")
    write_bundle(builders.a_report(failure=orders), tmp_path / "nightly" / "failtale")
    write_bundle(builders.a_report(failure=prices), tmp_path / "weekly" / "failtale")
    store = Store([tmp_path / name / "failtale" for name in ("nightly", "weekly")])

    async def test() -> None:
        async with Client(build_server(store, None)) as client:

            async def found(**filters: Any) -> tuple[set[str], str]:
                told = (await client.call_tool("list_failures", filters)).structured_content
                return {each["failure_id"][0] for each in told["failures"]}, told["text"]

            assert (await found())[0] == {"1", "2"}
            ids, text = await found(text="orders SURVIVE")
            assert ids == {"1"}
            assert "502 != 200" in text
            assert "nightly/failtale" in text
            assert (await found(text="17.99"))[0] == {"2"}
            assert (await found(source="Weekly"))[0] == {"2"}
            ids, text = await found(text="nowhere")
            assert (ids, "0 of 0 failures" in text) == (set(), True)
            _, text = await found(text="!=", source="failtale", limit=1)
            assert 'list_failures {"text": "!=", "source": "failtale", "limit": 1, "offset": 1}' in text
            long = {tool.name for tool in (await client.list_tools()).tools if tool.meta}
            assert {"analyze_failure", "get_evidence", "search_evidence"} <= long

    run(test)


# --- Completions and links -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_ids_are_completed_and_answers_lead_to_what_can_be_read_whole(mode: str) -> None:
    report = builders.a_report()
    store = Store()
    store.put(StoredFailure(report))
    failure_id, item = report.failure.id, report.evidence.items[0]
    of_item = ResourceTemplateReference(uri="failtale://failures/{failure_id}/evidence/{host}/{collector}")
    prompt = PromptReference(name="triage_failure")

    async def test() -> None:
        async with Client(build_server(store, None), mode=mode) as client:

            async def completed(ref: Any, name: str, typed: str, **known: str) -> list[str]:
                told = await client.complete(ref, {"name": name, "value": typed}, context_arguments=known or None)
                return list(told.completion.values)

            assert await completed(prompt, "failure_id", "") == ["latest", failure_id]
            assert await completed(prompt, "failure_id", failure_id[:5].upper()) == [failure_id]
            assert item.host in await completed(of_item, "host", item.host[:2], failure_id=failure_id)
            known = {"failure_id": failure_id, "host": item.host}
            assert item.collector in await completed(of_item, "collector", "", **known)
            assert await completed(of_item, "host", "", failure_id="none") == []
            assert await completed(of_item, "anything", "") == []
            for tool, arguments in (("analyze_failure", {}), ("get_evidence", {"item": item.id})):
                result = await client.call_tool(tool, {"failure_id": failure_id, **arguments})
                (link,) = (part for part in result.content if part.type == "resource_link")
                (read,) = (await client.read_resource(str(link.uri))).contents
                assert item.text.splitlines()[0] in read.text

    run(test)


# --- The server itself -----------------------------------------------------------------------------------------------

SERVER = json.loads((ROOT / "server.json").read_text())
PROJECT = (ROOT / "pyproject.toml").read_text()
ARGUMENT = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"enum": ["positional", "named"]},
        "format": {"enum": ["string", "number", "boolean", "filepath"]},
        "isRequired": {"type": "boolean"},
        "isRepeated": {"type": "boolean"},
    },
    "if": {"properties": {"type": {"const": "named"}}},
    "then": {"required": ["name"]},
    "else": {"anyOf": [{"required": ["value"]}, {"required": ["valueHint"]}]},
}
RULES = {
    "type": "object",
    "required": ["$schema", "name", "description", "version", "packages"],
    "properties": {
        "name": {"pattern": "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$", "minLength": 3, "maxLength": 200},
        "title": {"minLength": 1, "maxLength": 100},
        "description": {"minLength": 1, "maxLength": 100},
        "packages": {
            "items": {
                "required": ["registryType", "identifier", "version", "transport"],
                "properties": {
                    "runtimeArguments": {"items": ARGUMENT},
                    "packageArguments": {"items": ARGUMENT},
                    "transport": {"required": ["type"], "properties": {"type": {"const": "stdio"}}},
                },
                "dependentRequired": {"runtimeArguments": ["runtimeHint"]},
            }
        },
    },
}
"""The rules of the published format (2025-12-11) for what our file has, in our words."""


def test_server_json_follows_the_rules_of_its_format_and_names_this_version() -> None:
    jsonschema.Draft202012Validator(RULES).validate(SERVER)
    (package,) = SERVER["packages"]
    assert SERVER["version"] == package["version"] == __version__
    assert f'name = "{package["identifier"]}"' in PROJECT
    assert f'{package["identifier"]} = "FailTaleLibrary.cli:main"' in PROJECT  # what uvx starts for such a package
    assert f'mcp = ["{package["runtimeArguments"][0]["value"]}"]' in PROJECT
    assert f"mcp-name: {SERVER['name']}" in (ROOT / "README.md").read_text()


def test_what_server_json_starts_is_a_command_line_of_ours() -> None:
    from FailTaleLibrary.cli import main

    words: list[str] = []
    for argument in SERVER["packages"][0]["packageArguments"]:
        words += [argument["name"]] if argument["type"] == "named" else [argument["value"]]
        words += ["/no/such/file"] if "format" in argument else []
    assert main(words) == 2


def test_the_lines_that_install_the_server_start_the_same_everywhere() -> None:
    manual = (ROOT / "docs" / "mcp.md").read_text()
    (claude,) = re.findall(r"^claude mcp add failtale -- (uvx .*)$", manual, re.MULTILINE)
    (code,) = re.findall(r"^code --add-mcp '(.*)'$", manual, re.MULTILINE)
    (cursor,) = re.findall(
        r"^cursor://anysphere\.cursor-deeplink/mcp/install\?name=failtale&config=(\S+)$", manual, re.M
    )
    command, *words = shlex.split(claude)
    for config in (json.loads(code), json.loads(base64.b64decode(cursor))):
        assert (config["command"], config["args"]) == (command, words)
    assert words[:4] == ["--from", "robotframework-failtale[mcp]", "failtale", "serve"]
