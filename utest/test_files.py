"""A file is whole or not there, and what is private is private from its first byte."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from FailTaleLibrary.files import (
    EXAMPLES,
    install_line,
    made_once,
    private_directory,
    replacing,
    user_directory,
    write_file,
    write_new_private_file,
    write_private_file,
    yaml_parsed,
    yaml_parsed_once,
)
from FailTaleLibrary.redaction.rules import FILES


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_an_extra_is_installed_from_where_this_failtale_came_from(tmp_path: Path) -> None:
    clone = tmp_path / "my clone"
    clone.mkdir()
    noted = f'{{"dir_info": {{}}, "url": "{clone.as_uri()}"}}'
    assert install_line("mcp", direct_url=noted) == f"pip install '{clone}[mcp]'"
    clone.rmdir()
    assert install_line("mcp", direct_url=noted) == "pip install 'robotframework-failtale[mcp]'"
    of_git = '{"url": "https://example.com/x.git", "vcs_info": {}}'
    assert install_line("mcp", direct_url=of_git) == "pip install 'robotframework-failtale[mcp]'"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_a_replaced_file_keeps_its_mode_and_nothing_lies_beside_it(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "output.xml"
    path.write_text("old")
    path.chmod(mode)
    with replacing(path) as target:
        target.write("new")
        assert path.read_text() == "old"
    assert (path.read_text(), mode_of(path)) == ("new", mode)
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_to_the_replaced_file(tmp_path: Path) -> None:
    path, link = tmp_path / "output-1.xml", tmp_path / "output.xml"
    path.write_text("old")
    link.symlink_to(path)
    with replacing(link) as target:
        target.write("new")
    assert link.is_symlink()
    assert path.read_text() == "new"


def test_whatever_goes_wrong_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "output.xml"
    path.write_text("old")

    def torn() -> Iterator[str]:
        yield "half of the n"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), replacing(path) as target:
        target.writelines(torn())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_bytes_that_are_no_utf_8_pass_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(b"\xe4\r\n\xff")
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    with replacing(path) as target:
        target.write(text)
    assert path.read_bytes() == b"\xe4\r\n\xff"


def test_a_private_file_takes_the_place_of_one_that_others_could_read(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_text("old")
    path.chmod(0o644)
    write_private_file(path, "new")
    assert (path.read_text(), mode_of(path)) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", [write_file, write_private_file])
def test_a_pipe_or_an_open_file_gets_what_is_written_and_is_not_replaced(
    tmp_path: Path, write: Callable[[Path, str], None]
) -> None:
    pipe, file = tmp_path / "pipe", tmp_path / "file"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write(pipe, "to a pipe")
    assert (pipe.is_fifo(), os.read(reader, 100)) == (True, b"to a pipe")
    os.close(reader)
    with file.open("w") as open_file:
        write(Path(f"/dev/fd/{open_file.fileno()}"), "to standard output")
    assert file.read_text() == "to standard output"
    assert sorted(tmp_path.iterdir()) == [file, pipe]


def test_a_new_private_file_is_never_written_over_another(tmp_path: Path) -> None:
    path = tmp_path / "token"
    write_new_private_file(path, b"first")
    assert mode_of(path) == 0o600
    with pytest.raises(FileExistsError):
        write_new_private_file(path, b"second")
    assert path.read_bytes() == b"first"


def test_a_private_directory_is_made_for_its_owner_and_a_present_one_is_left_alone(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    assert mode_of(private_directory(shared)) == 0o755
    assert mode_of(private_directory(tmp_path / "mine")) == 0o700


@pytest.mark.parametrize(
    ("kind", "variable", "default"),
    [
        ("config", "XDG_CONFIG_HOME", ".config"),
        ("state", "XDG_STATE_HOME", ".local/state"),
        ("cache", "XDG_CACHE_HOME", ".cache"),
    ],
)
def test_a_user_directory_is_where_the_desktop_specification_says(
    kind: str, variable: str, default: str, tmp_path: Path
) -> None:
    assert user_directory(kind, {variable: str(tmp_path)}) == tmp_path / "failtale"  # type: ignore[arg-type]
    assert user_directory(kind, {}) == Path.home() / default / "failtale"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("package", "path"),
    [
        *(("FailTaleLibrary.redaction", ("rules", file)) for file in FILES),
        *(("FailTaleLibrary.ranking", (f"{name}signals.yaml",)) for name in ("", "build_", "build_tool_")),
    ],
    ids=str,
)
def test_rows_without_their_examples_are_the_same_rows(package: str, path: tuple[str, ...]) -> None:
    file = Path(str(files(package))).joinpath(*path)
    assert yaml_parsed(file, without=EXAMPLES) == without_examples(yaml_parsed(file))


def test_what_is_made_of_our_files_is_made_anew_when_one_of_them_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "kept"))
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("1")
    second.write_text("2")
    made: list[str] = []

    def sum_of_both() -> tuple[str, int]:
        made.append(first.read_text() + second.read_text())
        return "sum", int(first.read_text()) + int(second.read_text())

    results = [made_once(tmp_path / "sum", (first, second), sum_of_both) for _ in range(2)]
    second.write_text("20")
    results.append(made_once(tmp_path / "sum", (first, second), sum_of_both))
    assert results == [("sum", 3), ("sum", 3), ("sum", 21)]
    assert made == ["12", "120"]


def test_a_yaml_file_of_ours_is_parsed_once_and_again_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "kept"))
    parsed: list[str] = []
    load = yaml.load
    monkeypatch.setattr(yaml, "load", lambda text, loader: parsed.append(text) or load(text, loader))
    path = tmp_path / "rows.yaml"
    path.write_text("- name: é\n")
    content = [{"name": "é"}]
    assert [yaml_parsed_once(path) for _ in range(3)] == 3 * [content]
    assert len(parsed) == 1
    yaml_parsed_once(path)[0]["name"] = "changed by a reader"
    assert yaml_parsed_once(path) == content
    path.write_text("- name: longer\n")
    assert yaml_parsed_once(path) == [{"name": "longer"}]
    assert {*tmp_path.iterdir()} == {tmp_path / "kept", path}


def without_examples(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: without_examples(value) for name, value in content.items() if name not in EXAMPLES}
    return [without_examples(each) for each in content] if isinstance(content, list) else content
