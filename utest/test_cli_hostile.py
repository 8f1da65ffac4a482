"""Whatever is foreign in what `failtale` is given: no terminal and no file gets anything to obey, and it ends soon."""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest
from builders import a_report
from ollama_stub import GOOD_ANSWER, MODEL, OllamaStub
from patience import PATIENCE_S
from test_hostile_words import server_of_another_protocol

from FailTaleLibrary.archive import from_payload, rewritten, to_payload, write_bundle
from FailTaleLibrary.cli import _parser, main
from FailTaleLibrary.cli.printing import SafeStream
from FailTaleLibrary.records import SafeText
from FailTaleLibrary.rendering import to_html
from FailTaleLibrary.schema import Refusal, ValidationError

HOSTILE = "a\x1b]0;mine\x07\x1b[2J\u202eb\x9b31m\u2066\x7fc\rd"
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Place:
    """A folder of a hostile name, and what lies in it."""

    folder: Path
    ollama: str

    @property
    def log(self) -> Path:
        path = self.folder / f"{HOSTILE}.log"
        path.write_text(f"INFO fine\nERROR database is locked by {HOSTILE}\nFATAL {HOSTILE} crashed\n")
        return path

    @property
    def report(self) -> Any:
        """A report whose every text is hostile; FailTale itself would never make it."""
        return rewritten(a_report(), lambda text: SafeText(f"{text}{HOSTILE}"))

    @property
    def output(self) -> Path:
        return self.output_of("Orders", "FAIL")

    @property
    def forged_output(self) -> Path:
        """A card in a test that passed: the complaint quotes the test's name."""
        return self.output_of(HOSTILE.translate({27: None, 7: None}), "PASS")

    def output_of(self, test: str, status: str) -> Path:
        card = to_html(a_report(), max_bytes=64_000, pack=lambda _: to_payload(self.report))
        name = quoteattr(test)
        path = self.folder / "output.xml"
        path.write_text(
            f'<robot><suite id="s1" name={name}><test id="s1-t1" name={name}><msg level="FAIL" html="true">'
            f"{card.replace('&', '&amp;').replace('<', '&lt;')}</msg>"
            f'<status status="{status}">no</status></test></suite></robot>'
        )
        return path

    @property
    def bundle(self) -> Path:
        return write_bundle(self.report, self.folder / HOSTILE, full_texts={"E1": HOSTILE})

    def config(self, text: str) -> str:
        path = self.folder / f"{HOSTILE}.yaml"
        path.write_text(text)
        return str(path)

    def local(self) -> str:
        quoted = "".join(f"\\\\{byte:03o}" for byte in HOSTILE.encode())
        return self.config(
            "components:\n  web:\n    collectors:\n"
            f"      - {{name: state, command: \"printf 'ERROR {quoted} failed\\\\n'; printf '{quoted}' >&2\"}}\n"
            "hosts:\n  web1: {component: web, transport: local}\n"
        )


Q = '"a\\e]0;mine\\a\\e[2J\\u202eb\\x9b31m\\u2066c\\rd"'
"""The hostile text as YAML writes it."""
COLLECT = ["collect", "--test", HOSTILE, "--suite", HOSTILE, "--message", HOSTILE]

CASES: dict[str, Callable[[Place], list[str]]] = {
    "no such command": lambda _: [HOSTILE],
    "no such option": lambda _: ["show", f"--{HOSTILE}", "x"],
    "no such format": lambda _: ["show", "x", "--format", HOSTILE],
    "too many words": lambda _: ["template", HOSTILE],
    "no number": lambda _: ["rank", "x", "--most", HOSTILE],
    "no port": lambda _: ["serve", "--port", HOSTILE],
    "template": lambda _: ["template"],
    "presets": lambda _: ["presets", HOSTILE],
    "demo": lambda place: ["demo", str(place.log.parent)],
    "demo in a file": lambda place: ["demo", str(place.log)],
    "rank": lambda place: ["rank", str(place.log)],
    "rank two": lambda place: ["rank", str(place.log), __file__],
    "rank as JSON": lambda place: ["rank", "--json", str(place.log)],
    "rank what is not there": lambda place: ["rank", str(place.folder / f"no {HOSTILE}")],
    "redact in place": lambda place: ["redact", "--in-place", str(place.output)],
    "redact what is not there": lambda place: ["redact", str(place.folder / f"no {HOSTILE}")],
    "redact a bundle": lambda place: ["redact", "--in-place", str(place.bundle)],
    "redact to standard output": lambda place: ["redact", str(place.bundle)],
    "report": lambda place: ["report", str(place.output)],
    "report as JSON": lambda place: ["report", "--json", str(place.output)],
    "report to GitHub": lambda place: ["report", "--github", str(place.output)],
    "report as JUnit": lambda place: ["report", "--junit", str(place.folder / "junit.xml"), str(place.output)],
    "report of a bundle": lambda place: ["report", "--output", str(place.folder / "page.html"), str(place.bundle)],
    "report of nothing": lambda place: ["report", str(place.folder / HOSTILE)],
    "show": lambda place: ["show", str(place.output)],
    "show as JSON": lambda place: ["show", "--json", str(place.output)],
    "show as HTML": lambda place: ["show", "--format", "html", str(place.output)],
    "show a forged card": lambda place: ["show", str(place.forged_output)],
    "report a forged card": lambda place: ["report", str(place.forged_output)],
    "show a bundle": lambda place: ["show", str(place.bundle)],
    "show a test": lambda place: ["show", "--test", HOSTILE, str(place.output)],
    "show what is not there": lambda place: ["show", str(place.folder / f"no {HOSTILE}")],
    "the prompt": lambda place: ["analyze", "--show-prompt", str(place.output)],
    "a hint": lambda place: ["analyze", "--model", MODEL, "--host", place.ollama, str(place.output)],
    "a hint for a bundle": lambda place: ["analyze", "--model", MODEL, "--host", place.ollama, str(place.bundle)],
    "no model": lambda place: ["analyze", "--model", HOSTILE, "--host", HOSTILE, str(place.output)],
    "init": lambda _: ["init", "--host", HOSTILE],
    "init a file": lambda place: ["init", "--yes", "--preset", HOSTILE, "--output", str(place.folder / "new.yaml")],
    "init a folder": lambda place: ["init", "--yes", "--output", str(place.folder / HOSTILE / "new.yaml")],
    "schema": lambda _: ["schema"],
    "a page": lambda _: ["docs", HOSTILE],
    "review": lambda place: [
        "review",
        "--config",
        place.local(),
        "--report",
        str(place.log),
        "--failure",
        str(place.log),
    ],
    "check": lambda place: ["check", "--config", place.local()],
    "gate": lambda place: ["gate", HOSTILE, "--config", place.local()],
    "gate of a component": lambda place: ["gate", "--component", HOSTILE, "--config", place.local()],
    "prepare-host": lambda place: ["prepare-host", HOSTILE, "--config", place.local()],
    "check as JSON": lambda place: ["check", "--json", "--config", place.local()],
    "a collector": lambda place: ["check", "--config", place.config(f"components: {{w: {{collectors: [{Q}]}}}}\n")],
    "a host": lambda place: ["check", "--config", place.config(f"components: {{w: {{}}}}\nhosts: {{a: {Q}}}\n")],
    "check a host": lambda place: ["check", "--config", place.local(), HOSTILE],
    "a key": lambda place: ["check", "--config", place.config(f"{Q}: 1\n{Q}: 2\n")],
    "a value": lambda place: ["check", "--config", place.config(f"hosts: {{a: {{component: {Q}}}}}\nlimits: {Q}\n")],
    "a host's name": lambda place: ["check", "--config", place.config(f"components: {{w: {{}}}}\nhosts: {{{Q}: w}}\n")],
    "an unknown variable": lambda place: ["check", "--config", place.config('ssh: {user: "${NO ' + Q[1:] + "}\n")],
    "a variable": lambda place: ["check", "--config", place.config("limits: {failure_time: '${HOSTILE_WORDS}'}\n")],
    "a broken document": lambda place: ["check", "--config", place.config(f"a: [\n{HOSTILE}\n")],
    "a gateway": lambda place: ["check", "--config", place.config(f"gateway: {{url: {Q}, token: {Q}}}\n")],
    "no configuration": lambda place: ["check", "--config", str(place.folder / f"no {HOSTILE}")],
    "collect": lambda place: [*COLLECT, "--config", place.local()],
    "collect as JSON": lambda place: [*COLLECT, "--format", "json", "--config", place.local()],
    "collect to a file": lambda place: [
        *(*COLLECT, "--format", "html", "--config", place.local()),
        *("--output", str(place.folder / "page.html"), "--bundle", str(place.folder / "bundles")),
    ],
    "collect in words": lambda place: ["--verbose", *COLLECT, "--config", place.local()],
    "collect since": lambda place: ["collect", "--since", HOSTILE, "--config", place.local()],
    "collect of": lambda place: ["collect", "--component", HOSTILE, "--config", place.local()],
    "know": lambda place: ["know", "--config", place.local(), HOSTILE, HOSTILE],
    "serve": lambda place: ["serve", "--config", str(place.folder / f"no {HOSTILE}")],
    "serve an output": lambda place: ["serve", "--output", str(place.folder / f"no {HOSTILE}")],
}


@pytest.fixture(scope="module")
def ollama() -> Iterator[str]:
    answer = {**GOOD_ANSWER, "cause": f"The backup held a lock {HOSTILE}.", "next_steps": [HOSTILE]}
    with OllamaStub(answer=answer) as stub:
        yield stub.url


@pytest.fixture
def place(tmp_path: Path, ollama: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    for kind in ("CACHE", "STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind))
    monkeypatch.setenv("HOSTILE_WORDS", HOSTILE)
    monkeypatch.setenv("FAILTALE_LOG", str(tmp_path / "failtale.log"))
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    folder = tmp_path / HOSTILE
    folder.mkdir()
    return Place(folder, ollama)


def run(arguments: list[str]) -> object:
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code


def hostile_files(folder: Path, made: dict[Path, bytes]) -> list[tuple[Path, str]]:
    """Files below a folder that are new or changed, with the first thing in them that a terminal obeys."""
    written = [path for path in folder.rglob("*") if path.is_file() and made.get(path) != path.read_bytes()]
    found = ((path, UNSEEN.search(path.read_text(encoding="utf-8"))) for path in written)
    return [(path, repr(seen)) for path, seen in found if seen]


def test_every_command_has_a_case(place: Place) -> None:
    (commands,) = (each for each in _parser()._actions if isinstance(each, argparse._SubParsersAction))
    assert {case(place)[0] for case in CASES.values()} >= set(commands.choices)


@pytest.mark.parametrize("case", CASES)
def test_nothing_foreign_that_a_terminal_obeys_is_printed_or_written(
    case: str, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = CASES[case](place)
    made = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    status = run(arguments)
    printed = capsys.readouterr()
    assert status in (0, 1, 2), printed.err
    assert "Traceback" not in printed.err
    assert printed.out or printed.err or status == 0
    for text in (printed.out, printed.err):
        seen = UNSEEN.search(text)
        assert not seen, repr(text[max(0, seen.start() - 100) : seen.end() + 20])
    assert hostile_files(tmp_path, made) == []


@pytest.mark.parametrize("command", [["check"], ["collect"]])
def test_the_words_of_a_server_reach_no_terminal_as_they_came(
    command: list[str], place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    with server_of_another_protocol(HOSTILE.replace("\r", "")) as port:
        ssh = f"{{user: nobody, port: {port}, connect_timeout: 20 s, known_hosts: {__file__}}}"
        config = place.config(
            "components: {web: {collectors: [{name: state, command: uptime}]}}\n"
            f"hosts: {{web1: {{component: web, address: 127.0.0.1, ssh: {ssh}}}}}\n"
        )
        assert run([*command, "--config", config]) == 1
    printed = capsys.readouterr()
    assert "ncompatible" in printed.out, printed
    assert not UNSEEN.search(printed.out + printed.err)


@pytest.mark.parametrize("case", ["no such command", "rank"])
def test_a_real_process_prints_as_little(case: str, place: Place) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from FailTaleLibrary.cli import main; sys.exit(main())",
            *CASES[case](place),
        ],
        capture_output=True,
        timeout=PATIENCE_S,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},  # a terminal that does not have every character
    )
    assert done.returncode == (2 if case == "no such command" else 0), done.stderr
    assert b"Traceback" not in done.stderr
    assert not UNSEEN.search((done.stdout + done.stderr).decode("latin-1"))


def test_a_stream_that_is_sanitised_is_else_the_stream_itself() -> None:
    under = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="")
    stream = SafeStream(under)
    assert stream.write(HOSTILE) == len(HOSTILE)
    stream.writelines(["ä\t", "\n"])
    stream.flush()
    assert stream.encoding == "ascii"
    assert stream.buffer.getvalue() == b"a\\u202eb31m\\u2066c\nd\\xe4\t\n"


def test_a_payload_of_another_hand_is_sanitised_as_it_is_read() -> None:
    report = rewritten(a_report(), lambda text: SafeText(f"{text}{HOSTILE}"))
    read = from_payload(to_payload(report))
    assert r"\u202e" in read.analysis.headline
    assert not UNSEEN.search(read.model_dump_json().replace("\\n", "").replace("\\t", ""))
    assert "\\u001b" not in read.model_dump_json()
    assert from_payload(to_payload(a_report())) == a_report()


# --- What has no end --------------------------------------------------------------------------------------------------


def a_sparse_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10_000_000_000)


ENDLESS: dict[str, Callable[[Path], object]] = {
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a pipe that nobody fills": os.mkfifo,
    "10 GB": a_sparse_file,
}
READERS = {
    "rank": ["rank"],
    "rank --passing": ["rank", __file__, "--passing"],
    "redact": ["redact"],
    "redact --in-place": ["redact", "--in-place"],
    "report": ["report"],
    "analyze": ["analyze", "--model", MODEL],
    "analyze --show-prompt": ["analyze", "--show-prompt"],
    "show": ["show"],
    "check --config": ["check", "--config"],
}


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize("reader", READERS)
def test_what_has_no_end_is_refused_in_a_sentence(
    reader: str, kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "output.xml"
    ENDLESS[kind](path)
    said: list[object] = []
    thread = threading.Thread(target=lambda: said.append(run([*READERS[reader], str(path)])), daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    printed = capfd.readouterr()
    assert said, "it is still reading"
    assert "Traceback" not in printed.err
    if reader.startswith("rank") and kind == "10 GB":  # its end is read
        assert "were left out" in printed.err
        return
    assert said == [2]
    (sentence,) = printed.err.splitlines()
    assert len(sentence) < 600


def test_a_hostile_record_is_refused_in_a_short_text() -> None:
    error = ValidationError([Refusal("missing", ("x" * 1000, number)) for number in range(100_000)])
    assert len(str(error)) < 10_000
    assert str(error).endswith("and 99,980 more")
    assert len(error.refusals) == 100_000
