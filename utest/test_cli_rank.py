"""`failtale rank`: plain logs in, suspects with reasons and line numbers out."""

from __future__ import annotations

import io
import json
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from FailTaleLibrary.cli import main, rank

BUILD = """\
compiling cart.c
checking for errors in 12 files
cart.c:12:5: error: 'price' undeclared (first use in this function)
make: *** [Makefile:4: cart.o] Error 1
"""
PASSING = """\
compiling cart.c
checking for errors in 12 files
done
"""
SERVICE = """\
starting worker 1
worker 1: no space left on device
worker 1: no space left on device
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FAILTALE_CONFIG", raising=False)
    for name, text in (("build.log", BUILD), ("passing.log", PASSING), ("service.log", SERVICE)):
        Path(name).write_text(text)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["rank", *arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.mark.usefixtures("files")
def test_the_most_suspicious_line_is_first_with_its_number_and_its_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = told(capsys, "build.log")
    assert (status, err) == (0, "")
    assert out.splitlines()[:2] == [
        "3: cart.c:12:5: error: 'price' undeclared (first use in this function)",
        "    a compiler or checker complains, a place in a source file is named, "
        "stands right above the line that says that it failed",
    ]


@pytest.mark.usefixtures("files")
def test_with_a_passing_log_what_it_holds_too_is_no_suspect(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = told(capsys, "build.log", "--passing", "passing.log")
    assert out.splitlines()[0].startswith("3: cart.c:12:5: error:")
    assert "not in the passing log" in out.splitlines()[1]
    assert "checking for errors" not in out


@pytest.mark.usefixtures("files")
def test_several_logs_take_turns_and_each_line_names_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = told(capsys, "build.log", "service.log", "--most", "2")
    assert [line.partition(": ")[0] for line in out.splitlines()[::2]] == ["build.log:3", "service.log:2"]
    assert out.endswith("the disk is full; 2 times\n")


@pytest.mark.usefixtures("files")
def test_as_json_lines_are_counted_from_1_too(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = told(capsys, "service.log", "--json")
    told_json = json.loads(out)
    first = told_json["suspects"][0]
    assert status == 0
    assert (first["file"], first["line"], first["count"]) == ("service.log", 2, 2)
    assert first["reasons"] == ["the disk is full"]
    assert told_json["logs"] == [{"file": "service.log", "lines": 4, "omitted_bytes": 0}]


@pytest.mark.usefixtures("files")
def test_standard_input_is_read_as_a_dash(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SERVICE.encode())))
    status, out, _ = told(capsys, "-")
    assert (status, out.splitlines()[0]) == (0, "2: worker 1: no space left on device")


@pytest.mark.usefixtures("files")
def test_where_nothing_stands_out_the_status_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    Path("quiet.log").write_text("all is well\nnothing to do\n")
    assert told(capsys, "quiet.log")[:2] == (1, "Nothing stands out in 3 lines.\n")
    assert json.loads(told(capsys, "quiet.log", "--json")[1])["suspects"] == []


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("arguments", [["gone.log"], ["build.log", "--passing", "gone.log"], ["."]])
def test_what_cannot_be_read_is_one_sentence_and_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = told(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("failtale: ")
    assert err.count("\n") == 1


@pytest.mark.usefixtures("files")
def test_secrets_and_control_characters_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    secret = "hk" + secrets.token_hex(12)
    Path("leak.log").write_text(f"\x1b]0;title\x07\x1b[31mERROR login failed: password={secret}\u202e\r\n")
    for form in ((), ("--json",)):
        _, out, _ = told(capsys, "leak.log", *form)
        assert "login failed" in out
        assert secret not in out
        assert not set("\x1b\x07\u202e") & set(out)


def test_of_a_log_beyond_the_limit_the_end_is_read_and_that_is_said(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = rank.MOST_BYTES
    with (files / "big.log").open("wb") as file:  # a hole: nothing is written but the end
        file.truncate(limit + 1000)
        file.seek(0, io.SEEK_END)
        file.write(b"\nno space left on device\n")
    status, out, err = told(capsys, "big.log")
    assert status == 0
    assert "the disk is full" in out
    assert "big.log: the first 1,025 bytes were left out" in err


def test_neither_ssh_nor_a_model_is_needed(files: Path) -> None:
    asks = (
        "import sys; from FailTaleLibrary.cli import main; main(['rank', 'build.log']); "
        "sys.exit('paramiko' in sys.modules or 'ollama' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", asks], check=False, cwd=files, timeout=120).returncode == 0
