"""What the protocol's own conformance suite and inspector say about our server, on both wires."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import mcp_conformance
import pytest
from mcp_servers import ROOT, Served, a_config, command, opened, served
from needs import missing


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    try:
        mcp_conformance.install()
    except mcp_conformance.NotInstalledError as error:
        missing(f"the conformance suite ({error})", mcp_conformance.INSTALL_LINE)


@pytest.fixture(scope="module")
def open_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same application without its token guard, because the suite cannot send headers."""
    folder = tmp_path_factory.mktemp("open")
    with opened(folder, a_config(folder)) as url:
        yield url


@pytest.mark.parametrize("version", mcp_conformance.SCENARIOS)
def test_the_scenarios_of_the_conformance_suite_pass(open_url: str, tmp_path: Path, version: str) -> None:
    assert mcp_conformance.failures(open_url, version, folder=tmp_path) == {}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("server")
    with served(folder, "--config", str(a_config(folder))) as running:
        yield running


CALLS = (
    ("--method", "tools/list", "--strict"),
    ("--method", "tools/call", "--tool-name", "collect_evidence", "--tool-arg", 'components=["web"]'),
    ("--method", "resources/read", "--uri", "failtale://failures"),
    ("--method", "prompts/get", "--prompt-name", "triage_failure", "--prompt-args", "failure_id=newest"),
)


@pytest.mark.parametrize(
    ("era", "call"),
    [*(("modern", call) for call in CALLS), ("legacy", CALLS[0])],
    ids=lambda word: word if isinstance(word, str) else word[1] if word[1] != "tools/call" else word[3],
)
def test_the_inspector_reads_us_over_http(server: Served, tmp_path: Path, era: str, call: tuple[str, ...]) -> None:
    token = f"Authorization: Bearer {server.token}"
    target = (server.url, "--transport", "http", "--header", token, "--protocol-era", era)
    done = mcp_conformance.inspector([*target, *call, "--format", "json", "-q"], home=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-1000:]
    assert json.loads(done.stdout)


def test_the_inspector_reads_us_over_stdio_and_on_the_older_wire(tmp_path: Path) -> None:
    starter = tmp_path / "serve.sh"
    words = command("serve", "--stdio", "--config", str(a_config(tmp_path)))
    quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
    starter.write_text(f"#!/bin/sh\nPYTHONPATH='{ROOT}' HOME='{tmp_path}' exec {quoted}\n")
    call = ("--method", "tools/call", "--tool-name", "collect_evidence", "--format", "json", "-q")
    done = mcp_conformance.inspector(["sh", str(starter), "--protocol-era", "legacy", *call], home=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "request 199 served" in done.stdout
