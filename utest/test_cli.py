"""Every command of `failtale`, on what a real run of Robot Framework left behind."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import pty
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest
from builders import a_failure, a_report, an_analysis
from ollama_stub import GOOD_ANSWER, MODEL, OllamaStub
from patience import PATIENCE_S

from FailTaleLibrary import __version__
from FailTaleLibrary.archive import read_bundle, read_item, reports_in, to_payload
from FailTaleLibrary.cli import _parser, main
from FailTaleLibrary.cli.analyze import NOT_ASKED_STATUS, exit_status
from FailTaleLibrary.cli.collect import moment
from FailTaleLibrary.cli.show import MANY
from FailTaleLibrary.config import describe_presets, load_config
from FailTaleLibrary.config.reference import template_text
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.hints import HintOutcome
from FailTaleLibrary.records import Report
from FailTaleLibrary.rendering import to_html

ROOT = Path(__file__).parent.parent
SOURCES = os.pathsep.join(str(ROOT / name) for name in ("", "listeners", "resources"))
LOCKED = "database is locked: orders.db held by backup (pid 812)"
CODE = f"Xq{secrets.token_hex(10)}"
"""A secret that the run itself did not know of."""
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)

CONFIG = """
components:
  storage:
    collectors:
      - {{name: log, file: "{log}"}}
hosts:
  storage1: {{component: storage, transport: local}}
"""
SUITE = """\
*** Settings ***
Library    OperatingSystem

*** Test Cases ***
Order Is Stored
    ${{now}} =    Evaluate    datetime.datetime.now().isoformat()
    Append To File    {log}    ${{now}} ERROR storage: {locked}\\n
    Fail    500 Server Error & <more>

Card Is Charged
    ${{now}} =    Evaluate    datetime.datetime.now().isoformat()
    Append To File    {log}    ${{now}} FATAL storage: cannot charge {code} twice\\n
    Fail    card {code} & <more>

All Is Well
    No Operation
"""


@dataclass(frozen=True)
class Finished:
    """What a run left: `output.xml`, bundles, its configuration."""

    directory: Path

    @property
    def output(self) -> Path:
        return self.directory / "output.xml"

    @property
    def config(self) -> str:
        return str(self.directory / "failtale.yaml")

    @property
    def bundles(self) -> list[Path]:
        return sorted(path.parent for path in self.directory.glob("failtale/*/manifest.json"))

    def reports(self) -> dict[str, Report]:
        found = list(reports_in(self.output))
        assert all(isinstance(each, Report) for each in found)
        return {each.failure.name: each for each in found if isinstance(each, Report)}


def a_config(directory: Path, *, more: str = "", log: Path | None = None) -> Path:
    path = directory / "failtale.yaml"
    path.write_text(CONFIG.format(log=log or directory / "shop.log") + more)
    return path


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    directory = tmp_path_factory.mktemp("run")
    log = directory / "shop.log"
    log.touch()
    a_config(directory)
    (directory / "shop.robot").write_text(SUITE.format(log=log, locked=LOCKED, code=CODE))
    listener = "FailTaleListener:failtale.yaml"
    done = subprocess.run(
        [sys.executable, "-m", "robot", "--listener", listener, "--log", "NONE", "--report", "NONE", "shop.robot"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": SOURCES},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    return Finished(directory)


@pytest.fixture
def run(first_run: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finished:
    """A copy, which a test may change; caches of the machine's owner are out of reach."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Finished(shutil.copytree(first_run.directory, tmp_path / "run"))


Said = Callable[[], str]


@pytest.fixture
def out(capsys: pytest.CaptureFixture[str]) -> Said:
    return lambda: capsys.readouterr().out


@pytest.fixture
def err(capsys: pytest.CaptureFixture[str]) -> Said:
    return lambda: capsys.readouterr().err


# --- The command line itself ------------------------------------------------------------------------------------------


def test_help_lists_every_command(out: Said) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    text = out()
    for command in ("demo", "template", "presets", "show", "check", "collect", "redact", "analyze", "serve"):
        assert f"\n    {command} " in text


@pytest.mark.parametrize("command", ["demo", "template", "presets", "show", "check", "collect", "redact", "analyze"])
def test_every_command_explains_itself(command: str, out: Said) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert f"usage: failtale {command}" in out()


def test_the_page_of_the_commands_names_every_command_and_option() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    (commands,) = (each for each in _parser()._actions if isinstance(each, argparse._SubParsersAction))
    for name, command in commands.choices.items():
        assert f"`failtale {name}" in page
        for option in command._option_string_actions:
            assert option in ("-h", "--help") or f"`{option}" in page, f"{name} {option}"


def test_the_version_is_told(out: Said) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert out() == f"failtale {__version__}\n"


def test_no_command_is_bad_input_and_shows_the_help(out: Said) -> None:
    assert main([]) == 2
    assert "usage: failtale" in out()


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "missing.xml"],
        ["show", "."],
        ["shwo", "."],
        ["check"],
        ["check", "--config", "missing.yaml"],
        ["collect", "--config", "broken.yaml"],
        ["collect", "--config", "good.yaml", "--component", "nobody"],
        ["collect", "--config", "good.yaml", "--since", "yesterday"],
        ["collect", "--config", "good.yaml", "--output", "good.yaml/report.txt"],
        ["check", "--config", "good.yaml", "nobody"],
        ["presets", "nobody"],
        ["redact", "missing.txt"],
        ["redact", "."],
        ["redact", "--config", "broken.yaml", "good.yaml"],
        ["analyze", "missing.xml", "--model", "small:1b"],
        ["analyze", "missing.xml"],
        ["serve"],
        ["serve", "--output", "missing.xml"],
    ],
    ids=" ".join,
)
def test_bad_input_is_a_sentence_and_status_2(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    a_config(tmp_path).rename("good.yaml")
    Path("broken.yaml").write_text("hosts: {web1: {component: nowhere}}\nhostz: {}\n")
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.err.startswith("failtale: ")
    assert "Traceback" not in said.err
    assert ("There is no command 'shwo'; did you mean 'failtale show'?" in said.err) == (arguments[0] == "shwo")


def test_a_reader_that_leaves_is_no_error() -> None:
    command = [sys.executable, "-c", "import sys; from FailTaleLibrary.cli import main; sys.exit(main())", "presets"]
    environment = {**os.environ, "PYTHONPATH": SOURCES}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        complaint = process.stderr.read()
        status = process.wait(timeout=PATIENCE_S)
    assert (status, complaint) == (0, b"")


# --- template, presets ------------------------------------------------------------------------------------------------


def test_the_template_is_a_configuration(tmp_path: Path, out: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["template"]) == 0
    text = out()
    assert text == template_text()
    (tmp_path / "failtale.yaml").write_text(text)
    monkeypatch.setenv("HOME", str(tmp_path))
    config = load_config(tmp_path / "failtale.yaml")
    assert config.hosts
    assert config.components


def test_presets_are_listed_with_what_they_are(out: Said) -> None:
    assert main(["presets"]) == 0
    lines = out().splitlines()
    presets = describe_presets()
    assert len(lines) == len(presets)
    for line, preset in zip(lines, presets, strict=True):
        assert line.startswith(preset.usage)
        assert line.endswith(preset.description)


def test_one_preset_is_explained_alone(out: Said) -> None:
    assert main(["presets", "nginx"]) == 0
    text = out()
    assert "nginx" in text
    assert "redis" not in text


# --- show -------------------------------------------------------------------------------------------------------------


def test_all_failures_of_an_output_are_shown_as_text(run: Finished, out: Said) -> None:
    assert main(["show", str(run.output)]) == 0
    text = out()
    assert LOCKED in text
    assert text.index("Order Is Stored") < text.index("=" * 100) < text.index("Card Is Charged")
    assert "All Is Well" not in text


def test_json_is_a_list_of_the_records(run: Finished, out: Said) -> None:
    assert main(["show", "--json", str(run.output)]) == 0
    reports = [Report.model_validate(each) for each in json.loads(out())]
    assert reports == list(run.reports().values())


def test_of_a_folder_of_results_its_output_is_shown(run: Finished, out: Said) -> None:
    assert main(["show", "--json", str(run.output.parent)]) == 0
    assert [Report.model_validate(each) for each in json.loads(out())] == list(run.reports().values())


def test_one_test_is_shown_alone(run: Finished, out: Said) -> None:
    assert main(["show", "--test", "Card Is Charged", "--json", str(run.output)]) == 0
    assert [each["failure"]["name"] for each in json.loads(out())] == ["Card Is Charged"]
    assert main(["show", "--test", "All Is Well", str(run.output)]) == 1


def test_a_test_that_is_not_there_is_answered_with_those_that_are(run: Finished, out: Said) -> None:
    assert main(["show", "--test", "Nope", str(run.output)]) == 1
    said = out()
    assert "'Nope'" in said
    assert "there is evidence for 'Order Is Stored', 'Card Is Charged'" in said


def test_a_pattern_chooses_tests_by_name(run: Finished, out: Said) -> None:
    assert main(["show", "--test", "order*", "--json", str(run.output)]) == 0
    assert [each["failure"]["name"] for each in json.loads(out())] == ["Order Is Stored"]
    assert main(["show", "--test", "*.Card Is*", "--json", str(run.output)]) == 0
    assert [each["failure"]["name"] for each in json.loads(out())] == ["Card Is Charged"]


def test_filters_narrow_the_evidence_to_hosts_collectors_and_texts(run: Finished, out: Said) -> None:
    assert main(["show", "--host", "STOR*", "--collector", "x", "--collector", "log", "--json", str(run.output)]) == 0
    assert len(json.loads(out())) == 2
    assert main(["show", "--text", "database*backup", "--json", str(run.output)]) == 0
    (shown,) = json.loads(out())
    assert shown["failure"]["name"] == "Order Is Stored"
    assert [suspect["text"].partition("ERROR ")[2] for suspect in shown["analysis"]["suspects"]] == [
        f"storage: {LOCKED}"
    ]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (["--host", "web*"], "No evidence of a host 'web*' in '{}'; there is evidence of 'storage1'."),
        (["--collector", "dmesg"], "No evidence of a collector 'dmesg' in '{}'; there is evidence of 'log'."),
        (["--text", "segfault"], "No line with 'segfault' in the evidence that is asked for, in '{}'."),
    ],
)
def test_what_is_there_is_said_when_a_name_is_not(run: Finished, out: Said, asked: list[str], answer: str) -> None:
    assert main(["show", *asked, str(run.output)]) == 1
    assert out() == answer.format(run.output) + "\n"


def test_html_of_show_is_a_whole_page_with_a_card_for_each_failure(run: Finished, out: Said) -> None:
    assert main(["show", "--format", "html", str(run.output)]) == 0
    page = out()
    assert page.startswith('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">')
    assert "<title>FailTale: 2 failures</title>" in page
    assert page.count('data-failtale="1"') == 2
    assert main(["show", "--format", "html", "--test", "Order*", str(run.output)]) == 0
    assert f"<title>FailTale: {run.reports()['Order Is Stored'].analysis.headline.split(':')[0]}" in out()


def on_terminal(place: Path, *arguments: str, lines: int = 24, **environ: str) -> str:
    """What a command prints where its standard output is a terminal of that many lines."""
    program = "import sys; from FailTaleLibrary.cli import main; sys.exit(main())"
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=place,
        env={**os.environ, "PYTHONPATH": SOURCES, "LINES": str(lines), "COLUMNS": "200", "TERM": "xterm", **environ},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError), os.fdopen(ours, "rb", buffering=0) as stream:  # EIO: the other side is closed
        while read := stream.read(65536):
            said += read
    assert done.wait(PATIENCE_S) == 0
    return said.decode().replace("\r\n", "\n")


def test_on_a_terminal_there_are_colours_unless_somebody_says_no(run: Finished, out: Said) -> None:
    coloured = on_terminal(run.directory, "show", "output.xml")
    assert "\033[1;31mFailTale: " in coloured
    plain = on_terminal(run.directory, "show", "output.xml", NO_COLOR="1")
    assert "\033" not in plain
    assert re.sub(r"\033\[[0-9;]*m", "", coloured) == plain


def test_on_a_terminal_a_long_collection_is_summed_up_and_all_of_it_is_to_be_had(run: Finished) -> None:
    now = datetime.now(timezone.utc).isoformat()
    (run.directory / "shop.log").write_text("".join(f"{now} ERROR order {number} was lost\n" for number in range(60)))
    a_config(run.directory)
    asked = ("collect", "--config", run.config)
    short = on_terminal(run.directory, *asked, "--bundle", "kept", NO_COLOR="1")
    assert short.startswith("FailTale: storage1")
    assert short.count("\n") < 40
    (bundle,) = (run.directory / "kept" / "failtale").iterdir()
    assert short.rstrip().endswith(f"All of it: failtale show {bundle.name[:8]} --in kept")
    assert "order 30 was lost" in on_terminal(run.directory, *asked, "--all")
    assert "order 30 was lost" in on_terminal(run.directory, *asked, lines=500)


def test_many_failures_have_a_line_each_until_all_are_asked_for(tmp_path: Path, out: Said) -> None:
    cards = [
        to_html(a_report(failure=a_failure(name=f"Test {number}")), max_bytes=1_000_000, pack=to_payload)
        for number in range(MANY + 1)
    ]
    tests = "".join(
        f'<test name="t"><msg html="true">{escape(card)}</msg><status status="FAIL"/></test>' for card in cards
    )
    output = tmp_path / "output.xml"
    output.write_text(f"<robot><suite>{tests}</suite></robot>")
    assert main(["show", str(output)]) == 0
    lines = out().splitlines()
    assert len(lines) == len(cards) + 1
    assert lines[0].startswith(f"{a_failure().id[:8]}  Test 0  ")
    assert "database is locked" in lines[0]
    assert "--all" in lines[-1]
    assert main(["show", "--all", str(output)]) == 0
    assert out().count("=" * 100) == MANY


def test_a_bundle_is_shown(run: Finished, out: Said) -> None:
    assert main(["show", "--json", str(run.bundles[0])]) == 0
    (shown,) = json.loads(out())
    assert Report.model_validate(shown) == read_bundle(run.bundles[0])


def test_a_damaged_card_is_said_and_the_others_are_shown(run: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    text = run.output.read_text()
    payload = text.index("failtale:1:")
    run.output.write_text(text[: payload + 40] + "!!!" + text[payload + 43 :])
    assert main(["show", str(run.output)]) == 1
    said = capsys.readouterr()
    assert "The payload is damaged" in said.err
    assert "Card Is Charged" in said.out
    assert "Order Is Stored" not in said.out


def test_what_stands_before_the_end_of_a_torn_output_is_shown(
    run: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    text = run.output.read_text()
    run.output.write_text(text[: text.index("All Is Well")])
    assert main(["show", str(run.output)]) == 1
    said = capsys.readouterr()
    assert "Order Is Stored" in said.out
    assert "is damaged" in said.err


# --- check, collect ---------------------------------------------------------------------------------------------------


def test_checked_hosts_are_listed(run: Finished, out: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["check", "--config", run.config]) == 0
    said = out()
    assert said.startswith("storage1  ")
    assert "All is well: 1 host, " in said
    monkeypatch.setenv("FAILTALE_CONFIG", run.config)
    assert main(["check", "storage1"]) == 0


def test_a_host_that_cannot_be_asked_is_status_1(tmp_path: Path, out: Said) -> None:
    (tmp_path / "known_hosts").touch()
    ssh = f"{{port: 1, known_hosts: {tmp_path}/known_hosts}}"
    config = a_config(tmp_path, more=f"  dead: {{component: storage, address: 127.0.0.1, ssh: {ssh}}}\n")
    assert main(["check", "--config", str(config)]) == 1
    said = out()
    assert "\ndead  127.0.0.1 port 1\n  PROBLEM Host 'dead' (127.0.0.1 port 1) refuses connections" in said
    assert "1 host cannot be asked" in said


def test_evidence_is_collected_as_text(run: Finished, out: Said) -> None:
    words = ["--test", "Order", "--suite", "smoke.sh", "--message", "curl: 22"]
    assert main(["collect", "--config", run.config, *words]) == 0
    text = out()
    assert text.startswith("smoke.sh: Order\n    curl: 22\n")
    assert LOCKED in text


def test_evidence_is_collected_as_json(run: Finished, out: Said) -> None:
    asked = ["--component", "storage", "--host", "storage1", "--since", "90 s", "--format", "json"]
    assert main(["collect", "--config", run.config, *asked]) == 0
    report = Report.model_validate_json(out())
    assert report.failure.framework == "other"
    assert report.failure.window.seconds == pytest.approx(90, abs=1)
    assert [item.id for item in report.evidence.items] == ["storage1/log"]


def test_evidence_is_collected_as_html_into_a_file_of_ones_own(run: Finished, out: Said) -> None:
    page = run.directory / "new" / "evidence.html"
    assert main(["collect", "--config", run.config, "--format", "html", "--output", str(page)]) == 0
    assert out() == ""
    assert page.stat().st_mode & 0o777 == 0o600
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert "data-failtale" in page.read_text()
    assert LOCKED in page.read_text()


def test_a_collection_that_brings_nothing_is_status_1(tmp_path: Path, out: Said) -> None:
    (tmp_path / "known_hosts").touch()
    ssh = f"{{port: 1, known_hosts: {tmp_path}/known_hosts}}"
    config = tmp_path / "failtale.yaml"
    config.write_text(
        "components: {storage: {collectors: [{name: state, command: uptime}]}}\n"
        f"hosts: {{dead: {{component: storage, address: 127.0.0.1, ssh: {ssh}}}}}\n"
    )
    assert main(["collect", "--config", str(config)]) == 1
    assert "dead" in out()


def test_a_bundle_is_written_where_it_is_wanted(run: Finished, tmp_path: Path, out: Said) -> None:
    assert main(["collect", "--config", run.config, "--bundle", str(tmp_path / "kept"), "--format", "json"]) == 0
    report = Report.model_validate_json(out())
    assert read_bundle(tmp_path / "kept" / str(report.bundle)) == report


def test_secrets_of_the_command_line_are_gone(run: Finished, out: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", CODE)
    words = ["--test", f"login {CODE}", "--message", f"refused {CODE}", "--suite", CODE]
    assert main(["collect", "--config", run.config, *words]) == 0
    text = out()
    assert CODE not in text
    assert "login [redacted:known-value]" in text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-22T10:00:00Z", NOW - timedelta(hours=2)),
        ("2026-11-22T11:00:00+01:00", NOW - timedelta(hours=2)),
        (str(int(NOW.timestamp())), NOW),
        (f"{NOW.timestamp():.1f}", NOW),
        ("90 s", NOW - timedelta(seconds=90)),
        ("90", NOW - timedelta(seconds=90)),
        ("5 min", NOW - timedelta(minutes=5)),
        ("2 h", NOW - timedelta(hours=2)),
    ],
)
def test_a_window_begins_at_a_time_or_a_duration_ago(text: str, meant: datetime) -> None:
    assert moment(text, now=NOW) == meant


@pytest.mark.parametrize(
    "text", ["", "yesterday", "-5 s", "5 parsecs", "2026-13-01", "9" * 25, "999999999 d", "0001-01-01T00:00:00+14:00"]
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ConfigError, match="is no time; write e.g."):
        moment(text, now=NOW)


def test_a_window_that_is_still_to_come_is_refused() -> None:
    with pytest.raises(ConfigError, match="is still to come"):
        moment("2026-11-22T12:00:01Z", now=NOW)


# --- redact -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def knowing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Arguments with a configuration that knows the code."""
    monkeypatch.setenv("SHOP_CODE", CODE)
    directory = tmp_path / "knowing"
    directory.mkdir()
    return ["--config", str(a_config(directory, more='redaction: {secrets: ["%{SHOP_CODE}"]}\n'))]


def test_a_text_is_printed_without_its_secrets_and_they_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "app.log"
    password = secrets.token_urlsafe(15)
    path.write_bytes(f"login password={password}\r\nagain password={password}\nall is well\n".encode())
    assert main(["redact", str(path)]) == 0
    said = capsys.readouterr()
    assert said.out.replace("\r\n", "\n") == (
        "login password=[redacted:password]\nagain password=[redacted:password]\nall is well\n"
    )
    assert said.err == "failtale: removed 2 by rule 'password'\n"
    assert password in path.read_text()


def test_a_text_without_secrets_stays_to_the_byte(tmp_path: Path, err: Said) -> None:
    path = tmp_path / "app.log"
    path.write_bytes("a\r\nb\n\nä <b> & \x1b[31m\n no end".encode())
    path.chmod(0o640)
    before = path.read_bytes()
    assert main(["redact", "--in-place", str(path)]) == 0
    assert err() == "failtale: removed nothing\n"
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["app.log"]


def test_an_output_loses_a_secret_in_messages_cards_and_payloads(run: Finished, knowing: list[str], err: Said) -> None:
    assert CODE in run.output.read_text()
    assert CODE in run.reports()["Card Is Charged"].model_dump_json()
    assert main(["redact", "--in-place", *knowing, str(run.output)]) == 0
    assert "by rule 'known value'" in err()
    assert CODE not in run.output.read_text()
    reports = run.reports()
    assert list(reports) == ["Order Is Stored", "Card Is Charged"]
    assert CODE not in reports["Card Is Charged"].model_dump_json()
    assert LOCKED in reports["Order Is Stored"].model_dump_json()


def test_a_redacted_output_is_still_robots(run: Finished, knowing: list[str]) -> None:
    before = ElementTree.parse(run.output)
    main(["redact", "--in-place", *knowing, str(run.output)])
    after = ElementTree.parse(run.output)
    assert [each.tag for each in after.iter()] == [each.tag for each in before.iter()]
    texts = [each.text for each in after.iter("status") if each.text]
    assert "500 Server Error & <more>" in texts
    assert "card [redacted:known-value] & <more>" in texts
    log = run.directory / "log.html"
    rebot = [sys.executable, "-m", "robot.rebot", "--log", str(log), "--report", "NONE", str(run.output)]
    assert subprocess.run(rebot, capture_output=True, timeout=PATIENCE_S, check=False).returncode == 2


def test_the_counts_of_an_output_are_no_passwords(run: Finished, err: Said) -> None:
    before = [each.attrib for each in ElementTree.parse(run.output).iter("stat")]
    assert main(["redact", "--in-place", str(run.output)]) == 0
    assert [each.attrib for each in ElementTree.parse(run.output).iter("stat")] == before
    assert before[0]["pass"] == "1"
    assert err() == "failtale: removed nothing\n"


def test_xml_of_others_keeps_its_meaning_and_loses_its_secrets(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    said = 'a -> b && "c" <d> login password='
    escaped = said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&#62;").replace('"', "&quot;")
    path.write_text(
        f"<x><!-- password={CODE}--><out><![CDATA[{said}{CODE}]]></out><err>{escaped}{CODE}</err>"
        f'<user password="{CODE}"/></x>'
    )
    assert main(["redact", "--in-place", str(path)]) == 0
    assert CODE not in path.read_text()
    root = ElementTree.parse(path).getroot()
    assert root.findtext("out") == root.findtext("err") == f"{said}[redacted:password]"
    assert root.find("user") is not None


def test_an_output_is_printed_where_it_shall_stay(run: Finished, knowing: list[str], out: Said) -> None:
    assert main(["redact", *knowing, str(run.output)]) == 0
    text = out()
    assert CODE not in text
    ElementTree.parse(io.StringIO(text))
    assert CODE in run.output.read_text()


def test_a_bundle_loses_a_secret_in_every_file(run: Finished, knowing: list[str], err: Said) -> None:
    (bundle,) = (path for path in run.bundles if read_bundle(path).failure.name == "Card Is Charged")
    assert CODE in read_item(bundle, "storage1/log")
    assert main(["redact", "--in-place", *knowing, str(bundle)]) == 0
    assert "by rule 'known value'" in err()
    assert "cannot charge [redacted:known-value] twice" in read_item(bundle, "storage1/log")
    read_bundle(bundle)
    assert not [path for path in bundle.rglob("*") if path.is_file() and CODE.encode() in path.read_bytes()]


def test_a_bundle_is_not_printed(run: Finished, err: Said) -> None:
    assert main(["redact", str(run.bundles[0])]) == 2
    assert "--in-place" in err()


# --- analyze ----------------------------------------------------------------------------------------------------------


def test_the_prompt_is_shown_and_nothing_is_sent(run: Finished, out: Said) -> None:
    with OllamaStub() as stub:
        arguments = ["analyze", "--show-prompt", "--model", MODEL, "--host", stub.url, str(run.output)]
        assert main(arguments) == 0
        assert stub.requests == []
    text = out()
    assert text.startswith("# Order Is Stored\n")
    assert "# Card Is Charged" in text
    assert LOCKED in text


def test_an_output_gets_a_hint_and_a_log(run: Finished, out: Said) -> None:
    log = run.directory / "new.html"
    with OllamaStub() as stub:
        arguments = ["analyze", "--model", MODEL, "--host", stub.url, "--show-answer"]
        status = main([*arguments, "--log", str(log), str(run.output)])
        assert stub.asked("/api/chat")
    text = out()
    verdicts = text.splitlines()
    hints = {name: report.analysis.hint for name, report in run.reports().items()}
    hint = hints["Order Is Stored"]
    assert hint is not None
    assert hint.cause == GOOD_ANSWER["cause"]
    assert verdicts[0] == f"Order Is Stored: {hint.cause}"
    assert f"  the model said: {json.dumps(GOOD_ANSWER)}" in verdicts
    assert status == (0 if all(hints.values()) else NOT_ASKED_STATUS if "not requested" in text else 1)
    assert '"*Order Is Stored"' in log.read_text()

    assert main(["analyze", "--model", MODEL, "--host", stub.url, str(run.output)]) == status, "known from before"
    assert main(["analyze", "--model", "other:1b", "--host", stub.url, str(run.output)]) == 1, "nobody is there"
    assert {name: report.analysis.hint for name, report in run.reports().items()} == hints
    assert f"Order Is Stored: {hint.cause} (as before: Ollama cannot be reached" in out()


def test_analyze_tells_by_its_status_what_was_not_asked_from_what_failed() -> None:
    def outcome(kind: Any) -> HintOutcome:
        return HintOutcome(an_analysis(), kind)

    assert exit_status([outcome("answered")]) == 0
    assert exit_status([outcome("answered"), outcome("not asked")]) == NOT_ASKED_STATUS == 3
    assert exit_status([outcome("answered"), outcome("not asked"), outcome("failed")]) == 1
    assert exit_status([]) == 0


def test_a_bundle_gets_a_hint_and_keeps_its_outputs(run: Finished) -> None:
    (bundle,) = (path for path in run.bundles if read_bundle(path).failure.name == "Order Is Stored")
    before = read_item(bundle, "storage1/log")
    with OllamaStub() as stub:
        assert main(["analyze", "--model", MODEL, "--host", stub.url, str(bundle)]) == 0
    assert read_bundle(bundle).analysis.hint is not None
    assert read_item(bundle, "storage1/log") == before
    assert (bundle / "prompt.md").is_file()


def test_a_model_that_is_not_there_is_a_reason_and_status_1(run: Finished, out: Said) -> None:
    with OllamaStub() as stub:
        nobody = stub.url
    assert main(["analyze", "--model", MODEL, "--host", nobody, str(run.output)]) == 1
    assert "Order Is Stored: no hint: " in out()
    assert run.reports()["Order Is Stored"].analysis.no_hint_reason


def test_a_model_may_be_named_by_the_configuration(run: Finished) -> None:
    with OllamaStub() as stub:
        more = f"analysis: {{model: '{MODEL}', host: '{stub.url}'}}\n"
        config = a_config(run.directory, more=more)
        main(["analyze", "--config", str(config), str(run.output)])
        assert stub.asked("/api/chat")


def test_a_log_is_not_made_of_a_bundle(run: Finished, err: Said) -> None:
    with OllamaStub() as stub:
        arguments = ["--model", MODEL, "--host", stub.url, "--log", "log.html", str(run.bundles[0])]
        assert main(["analyze", *arguments]) == 2
    assert "a bundle has none" in err()
    assert not Path("log.html").exists()


def test_an_output_without_evidence_is_said(tmp_path: Path, out: Said) -> None:
    output = tmp_path / "output.xml"
    output.write_text("<robot><suite/></robot>")
    assert main(["analyze", "--model", MODEL, "--host", "http://127.0.0.1:9", str(output)]) == 0
    assert main(["show", str(output)]) == 0
    assert out() == f"No evidence in '{output}'.\n" * 2


def test_where_a_log_level_kept_the_cards_out_the_bundles_beside_the_output_are_named(
    run: Finished, tmp_path: Path, out: Said
) -> None:
    shutil.copytree(run.bundles[0].parent, tmp_path / "failtale")
    output = tmp_path / "output.xml"
    output.write_text("<robot><suite/></robot>")
    assert main(["show", str(output)]) == 0
    said, where = out().splitlines()
    assert said == f"No evidence in '{output}'."
    assert main([*where.split("failtale ", 1)[1].split(), "--all", "--json"]) == 0
    shown = json.loads(out())
    assert {each["failure"]["id"] for each in shown} == {bundle.name for bundle in run.bundles}
    assert [each["failure"]["window"]["end"] for each in shown] == sorted(
        each["failure"]["window"]["end"] for each in shown
    )


def test_a_command_waits_for_the_import_of_no_other() -> None:
    script = "import sys; from FailTaleLibrary.cli import main; status = main(['schema']); "
    script += "print([name for name in sys.modules if name.startswith('FailTaleLibrary.cli.')], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "FailTaleLibrary.cli.schema" in done.stderr
    assert not {"analyze", "collect", "show"} & set(re.findall(r"FailTaleLibrary\.cli\.(\w+)", done.stderr))
