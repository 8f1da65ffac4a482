"""Outputs of the past lose their secrets in every place, and equally in output.xml and output.json."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import secrets
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.sax.saxutils import escape

import pytest
from builders import a_failure, a_report
from robot.api import ExecutionResult, ResultVisitor

from FailTaleLibrary.archive import reports_in, rewrite_all, rewritten, to_payload
from FailTaleLibrary.archive.cards import REMOVED_PAYLOAD
from FailTaleLibrary.archive.texts import Text, rewrite_texts
from FailTaleLibrary.cli import main
from FailTaleLibrary.errors import ArchiveError
from FailTaleLibrary.ranking import rank
from FailTaleLibrary.records import Report
from FailTaleLibrary.rendering import to_html
from FailTaleLibrary.rendering.log_messages import messages_of

ROOT = Path(__file__).parent.parent
SOURCES = os.pathsep.join(str(ROOT / name) for name in ("", "listeners", "resources"))
CODE = f"Xq{secrets.token_hex(10)}"
"""A secret of no known shape, which the run itself did not know of."""
PASSWORD = f"Zw{secrets.token_hex(10)}"
"""One that its surroundings give away."""
KINDS = ("output.xml", "output.json")

CONFIG = """
components:
  storage: {{collectors: [{{name: log, file: "{log}"}}]}}
hosts:
  storage1: {{component: storage, transport: local}}
limits: {{card_bytes: {card_bytes}}}
"""
SUITE = """\
*** Settings ***
Documentation    Talks to the shop with {code}.
Metadata         Password    {password}
Library          OperatingSystem

*** Test Cases ***
Order Is Stored
    [Tags]    code-{code}
    Append To File    {log}    ERROR storage: cannot store order of {code} at host\\n
    Log    <b>{code}</b> & "{code}"    html=True
    Log Many    &{{{{{{'code': '{code}'}}}}}}
    Pay    {code}

*** Keywords ***
Pay
    [Arguments]    ${{code}}
    Fail    cannot pay with ${{code}} & <more>
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which one suite left an output.xml and an output.json."""
    directory = tmp_path_factory.mktemp("finished")
    log = directory / "shop.log"
    (directory / "failtale.yaml").write_text(CONFIG.format(log=log, card_bytes="1 MB"))
    (directory / "shop.robot").write_text(SUITE.format(log=log, code=CODE, password=PASSWORD))
    for output in KINDS:
        log.write_text("")
        listener = "FailTaleListener:failtale.yaml"
        arguments = ["--listener", listener, "--output", output, "--log", "NONE", "--report", "NONE", "shop.robot"]
        done = subprocess.run(
            [sys.executable, "-m", "robot", *arguments],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": SOURCES},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stdout + done.stderr
    return directory


@pytest.fixture
def run(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, which a test may change, beside a configuration that knows the code."""
    directory = shutil.copytree(finished, tmp_path / "run")
    monkeypatch.setenv("SHOP_CODE", CODE)
    config = CONFIG.format(log=directory / "shop.log", card_bytes="1 MB")
    (directory / "knowing.yaml").write_text(config + 'redaction: {secrets: ["%{SHOP_CODE}"]}\n')
    monkeypatch.chdir(directory)
    return directory


def redact(*arguments: str) -> int:
    return main(["redact", "--config", "knowing.yaml", *arguments])


class Texts(ResultVisitor):  # type: ignore[misc]
    """All texts of a result in order, without what differs by run."""

    def __init__(self, path: Path) -> None:
        self.found: list[str] = []
        ExecutionResult(path).visit(self)

    def start_suite(self, suite: Any) -> None:
        self.found += [suite.doc, *suite.metadata.values()]

    def start_test(self, test: Any) -> None:
        self.found += [test.name, test.message, *test.tags]

    def start_keyword(self, keyword: Any) -> None:
        self.found += [keyword.full_name, *keyword.args, keyword.message]

    def visit_message(self, message: Any) -> None:
        if "data-failtale" not in message.message and "failtale-payload" not in message.message:
            self.found.append(message.message)


def payloads_of(path: Path) -> str:
    reports = list(reports_in(path))
    assert reports
    assert all(isinstance(each, Report) for each in reports)
    return "\n".join(each.model_dump_json() for each in reports if isinstance(each, Report))


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_is_gone_from_messages_arguments_metadata_cards_and_payloads(run: Path, kind: str) -> None:
    path = run / kind
    assert CODE in path.read_text()
    assert CODE in payloads_of(path)
    assert redact("--in-place", kind) == 0
    left = path.read_text()
    assert CODE not in left
    assert PASSWORD not in left
    assert CODE not in payloads_of(path)
    assert "cannot store order of [redacted:known-value] at host" in payloads_of(path)
    assert ExecutionResult(path).suite.tests[0].message == "cannot pay with [redacted:known-value] & <more>"


def test_json_loses_exactly_what_xml_loses(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    removed = []
    for kind in KINDS:
        redact("--in-place", kind)
        removed.append(capsys.readouterr().err)
    assert removed[0] == removed[1]
    assert "by rule 'known value'" in removed[0]
    xml, json_ = (Texts(run / kind).found for kind in KINDS)
    assert xml == json_
    assert sum("[redacted:" in text for text in xml) >= 8


@pytest.mark.parametrize("kind", KINDS)
def test_what_holds_no_secret_stays_to_the_letter(run: Path, kind: str) -> None:
    before = (run / kind).read_text().splitlines()
    redact("--in-place", kind)
    after = (run / kind).read_text().splitlines()
    assert len(after) == len(before)
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert changed
    said = ("[redacted:", "failtale:1:", "withheld: texts that it was made of have changed")
    assert all(any(words in line for words in said) for line in changed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_redacted_output_becomes_a_log(run: Path, kind: str) -> None:
    redact("--in-place", kind)
    rebot = [sys.executable, "-m", "robot.rebot", "--log", "new.html", "--report", "NONE", kind]
    assert subprocess.run(rebot, capture_output=True, check=False).returncode == 1
    assert CODE not in (run / "new.html").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_standard_input_is_read_and_standard_output_written(
    run: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    redact(kind)
    from_file = capsysbinary.readouterr().out
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO((run / kind).read_bytes())))
    assert redact("-") == 0
    printed = capsysbinary.readouterr().out
    assert CODE.encode() not in printed
    (run / "again").mkdir()
    (run / "again" / kind).write_bytes(printed)
    assert CODE not in payloads_of(run / "again" / kind)
    assert len(printed.splitlines()) == len(from_file.splitlines())


def test_standard_input_has_no_place(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert redact("--in-place", "-") == 2
    assert "standard input" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "packed", "program"),
    [
        ("a.log.gz", gzip.compress, "gunzip"),
        ("a.log.bz2", bz2.compress, "bunzip2"),
        ("a.log.xz", lzma.compress, "unxz"),
        ("a b.txt", lambda data: data.decode().encode("utf-16"), "iconv -f UTF-16 -t UTF-8"),
    ],
)
def test_what_no_secret_can_be_seen_in_is_refused_and_left_as_it_is(
    name: str, packed: Callable[[bytes], bytes], program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(whole := packed(f"password={PASSWORD}\n".encode()))
    for words in (["redact", "--in-place", str(path)], ["redact", str(path)]):
        assert main(words) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert f"{program} {shlex.quote(str(path))}" in said.err
    assert path.read_bytes() == whole


@pytest.mark.parametrize("page", ["log.html", "report.html", "renamed.txt"])
def test_a_page_of_robot_is_refused_with_the_way_that_works(
    run: Path, page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    option = "--report" if page == "report.html" else "--log"
    other = "--log" if option == "--report" else "--report"
    command = [sys.executable, "-m", "robot.rebot", option, page, other, "NONE", "output.xml"]
    subprocess.run(command, capture_output=True, check=False)
    before = (run / page).read_bytes()
    assert redact("--in-place", page) == 2
    said = capsys.readouterr().err
    assert "Redact the output.xml or output.json" in said
    assert "rebot" in said
    assert (run / page).read_bytes() == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_payload_that_had_to_be_removed_is_said(run: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (run / kind).read_text()
    (run / kind).write_text(text.replace("failtale:1:eJ", "failtale:1:AA"))
    assert redact("--in-place", kind) == 0
    assert "1 payload of a card could not be read and had to be removed" in capsys.readouterr().err
    left = (run / kind).read_text()
    assert REMOVED_PAYLOAD in left
    assert CODE not in left


# --- Cases that no run makes by itself --------------------------------------------------------------------------------


def without(text: str, form: str, secret: str) -> str:
    """A file without a secret, read in pieces of any size."""

    def removed(value: str) -> str:
        return value.replace(secret, "[redacted:x]")

    return "".join(
        rewrite_all(
            (text[at : at + 7] for at in range(0, len(text), 7)),
            form,  # type: ignore[arg-type]
            reports=lambda report: rewritten(report, removed),
            texts=lambda each: removed(each.value),
            max_bytes=1_000_000,
        )
    )


@pytest.mark.parametrize("stands_in", ["message", "line"])
def test_what_a_signature_kept_of_a_secret_goes_with_it(stands_in: str) -> None:
    """Its text has `<n>` for digits, so that the secret itself stands nowhere in it."""
    half = secrets.token_hex(4).translate(str.maketrans("0123456789", "ghijklmnop"))
    secret = f"{half}7{half}"
    report = a_report(failure=a_failure(message=f"login with {secret} refused"))
    with_secret = [
        item.model_copy(update={"text": item.text.replace("orders.db", f"{secret}.db")})
        for item in report.evidence.items
    ]
    found = {"items": ()} if stands_in == "message" else {"items": tuple(with_secret)}
    report = report.model_copy(update={"evidence": report.evidence.model_copy(update={**found, "gaps": ()})})
    analysis = rank(report.failure, report.evidence)
    assert analysis.signature is not None
    assert half in analysis.signature.text
    safe = rewritten(report.model_copy(update={"analysis": analysis}), lambda text: text.replace(secret, "x"))
    assert half not in safe.model_dump_json()
    assert safe.analysis.signature is not None
    assert safe.analysis.signature.hash == analysis.signature.hash


def test_a_signature_made_of_no_secret_keeps_its_text() -> None:
    report = a_report()
    analysis = rank(report.failure, report.evidence)
    ranked = report.model_copy(update={"analysis": analysis})
    assert analysis.signature is not None
    assert rewritten(ranked, lambda text: text).analysis.signature == analysis.signature


def a_card(message: str) -> str:
    report = a_report(failure=a_failure(message=message))
    return to_html(report, max_bytes=1_000_000, pack=to_payload)


@pytest.mark.parametrize("html", ['html="true"', ""])
def test_a_quoted_card_loses_its_secret_as_a_shown_one_does(html: str, tmp_path: Path) -> None:
    card = a_card("the s3cret")
    for messages in ((card,), messages_of(card)):
        text = "".join(f"<msg {html}>{escape(message)}</msg>" for message in messages)
        path = tmp_path / "output.xml"
        path.write_text(without(f"<robot>{text}</robot>", "xml", "s3cret").replace("<msg >", '<msg html="true">'))
        assert "s3cret" not in path.read_text()
        assert "s3cret" not in payloads_of(path)
        assert path.read_text().count("</msg>") == len(messages)


def test_a_payload_amid_other_text_loses_its_secret_too() -> None:
    payload = to_payload(a_report(failure=a_failure(message="the s3cret")))
    left = without(f"<robot><msg>see {payload} here, s3cret</msg></robot>", "xml", "s3cret")
    assert "here, [redacted:x]" in left
    assert payload not in left
    assert "failtale:1:" in left


@pytest.mark.parametrize("cut", [30, -40])
def test_a_payload_that_cannot_be_read_is_removed(cut: int) -> None:
    payload = to_payload(a_report(failure=a_failure(message="the s3cret")))
    left = without(f"<robot><msg>{payload[:cut]}</msg></robot>", "xml", "s3cret")
    assert left == f"<robot><msg>{REMOVED_PAYLOAD}</msg></robot>"


@pytest.mark.parametrize("end", [-5, -30, -400])
def test_what_a_killed_run_left_is_redacted_to_its_end(end: int) -> None:
    whole = f'<robot><msg html="true">{escape(a_card("the s3cret"))}</msg><msg>s3cret</msg>'
    torn = whole[:end] if end > -100 else f"<robot><msg>s3cret and {whole[:end]}"
    left = without(torn, "xml", "s3cret")
    assert "s3cret" not in left


def test_in_json_every_string_counts_and_numbers_stay() -> None:
    text = '{"generator":"Robot 7","a":["s3cret",1,null,true],"b s3cret":{"c":"\\u00733cret \\"q\\" \\\\"},"n":1.50}'
    left = without(text, "json", "s3cret")
    assert json.loads(left) == {
        "generator": "Robot 7",
        "a": ["[redacted:x]", 1, None, True],
        "b [redacted:x]": {"c": '[redacted:x] "q" \\'},
        "n": 1.50,
    }
    assert '"n":1.50' in left


def texts_of(text: str, form: str, size: int) -> Iterator[Text]:
    found: list[Text] = []

    def collect(each: Text) -> str:
        found.append(each)
        return each.value

    pieces = (text[at : at + size] for at in range(0, len(text), size))
    assert "".join(rewrite_texts(pieces, form, collect)) == text  # type: ignore[arg-type]
    return iter(found)


@pytest.mark.parametrize("size", [1, 2, 5, 10_000])
def test_a_file_is_read_alike_in_pieces_of_any_size(size: int) -> None:
    text = '<?xml a="1"?>\n<robot a="1 > 0">\n<!-- a <b> --><msg html="yes">x &lt; y</msg><![CDATA[<z>]]></robot>\n'
    found = [each.value for each in texts_of(text, "xml", size)]
    assert found == ['xml a="1"', "1 > 0", " a <b> ", "yes", "x < y", "<z>"]


# --- Outputs of any size ----------------------------------------------------------------------------------------------


def many_messages(number: int) -> Iterator[str]:
    """An output.json in pieces, whose ends fall anywhere."""
    messages = (
        json.dumps({"message": f'say "{n}" \\" <b>' + "x" * (n % 50), "level": "INFO", "html": n % 2 == 0})
        for n in range(number)
    )
    rest = '{"generator":"Robot 7.4", "body":[' + ", ".join(messages) + "]}"
    size = 997
    return (rest[at : at + size] for at in range(0, len(rest), size))


def test_the_pieces_of_an_output_make_no_difference() -> None:
    told: list[list[Text]] = [[], []]
    for chunks, into in zip((many_messages(3000), ["".join(many_messages(3000))]), told, strict=True):

        def change(text: Text, into: list[Text] = into) -> str:
            into.append(text)
            return text.value.replace("say", "tell")

        whole = "".join(rewrite_texts(chunks, "json", change))
        assert whole == "".join(many_messages(3000)).replace("say", "tell")
    assert told[0] == told[1]
    assert sum(text.is_html for text in told[0]) == 1500


@pytest.mark.parametrize("endless", ['{"generator":"Robot", "a":"', '{"generator":"Robot"' + " " * 10])
def test_an_output_without_an_end_is_refused_before_it_fills_the_memory(endless: str) -> None:
    asked = 0

    def chunks() -> Iterator[str]:
        nonlocal asked
        yield endless
        for asked in range(1000):  # noqa: B007 - how far it was read
            yield "x" * 4_000_000

    with pytest.raises(ArchiveError, match="A text has more than"):
        list(rewrite_texts(chunks(), "json", lambda text: text.value))
    assert asked < 30


def test_a_torn_text_full_of_quotes_is_read_once() -> None:
    torn = '{"generator":"Robot", "a":"' + '\\"' * 500_000
    assert "".join(rewrite_texts([torn], "json", lambda text: text.value)) == torn
