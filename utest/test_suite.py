"""The tests themselves: what a machine lacks is said with the line to type, and no test depends on seconds."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import hypothesis
import needs
import pytest

UTEST = Path(__file__).parent
DEV = UTEST.parent / "dev"
ESSENTIAL = {"bash", "dash", "util-linux"}
"""Packages that every Debian has."""
NOT_INSTALLABLE = (
    "needs root",
    "only root",
    "systemd runs here",
    "this kernel",
    "this machine has no Python",
    "everybody may read",
    "Robot Framework before",
    "bash before",
    "asks anew only to record",
)
"""Beginnings of the reasons that no installation mends."""


@cache
def calls() -> tuple[tuple[str, ast.Call], ...]:
    """Every call in the tests, with its file and line."""
    return tuple(
        (f"{path.name}:{node.lineno}", node)
        for path in sorted(UTEST.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    )


def name_of(call: ast.Call) -> str:
    return ast.unparse(call.func)


def dev_programs() -> dict[str, str]:
    """Program -> package, as `./dev programs` installs them."""
    table = DEV.read_text(encoding="utf-8").partition("wanted() {")[2].partition("<<'TEXT'\n")[2].partition("\nTEXT")[0]
    return dict(line.split() for line in table.splitlines())


def test_what_is_missing_is_skipped_with_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"needs no-such-program; type: .*apt-get install .* some-package"):
        needs.need("no-such-program", package="some-package")


@pytest.mark.parametrize("value", ["true", "1", "True"])
def test_in_ci_what_is_missing_fails(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CI", value)
    with pytest.raises(pytest.fail.Exception, match=r"needs no-such-program; type: .*apt-get install .* some-package"):
        needs.need("no-such-program", package="some-package")


def test_a_program_outside_of_an_ordinary_users_search_path_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert needs.find("useradd") == "/usr/sbin/useradd"


def test_no_test_skips_for_something_installable_without_saying_how() -> None:
    own = []
    for place, call in calls():
        if name_of(call) in ("pytest.skip", "pytest.mark.skipif", "pytest.importorskip"):
            words = [node.value for node in ast.walk(call) if isinstance(node, ast.Constant)]
            if not any(str(word).startswith(NOT_INSTALLABLE) for word in words):
                own.append(place)
    assert [place for place in own if not place.startswith("needs.py")] == []


def test_what_tests_need_is_what_dev_installs() -> None:
    asked = {
        keyword.value.value
        for _, call in calls()
        if name_of(call) in ("need", "need_file", "pytest.mark.needs")
        for keyword in call.keywords
        if keyword.arg == "package" and isinstance(keyword.value, ast.Constant)
    }
    wanted = ({*needs.PACKAGES.values()} | asked) - ESSENTIAL
    assert wanted - set(dev_programs().values()) == set()


def test_no_test_waits_for_less_than_a_minute() -> None:
    waits = ("communicate", "wait", "join", "result", "run")
    short = []
    for place, call in calls():
        if place.startswith("test_") and name_of(call).rpartition(".")[2] in waits and name_of(call) != "run":
            limits = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "timeout")]
            numbers = [node.value for node in limits if isinstance(node, ast.Constant)]
            short += [place for number in numbers if isinstance(number, (int, float)) and number < 60]
    assert short == [], "wait with PATIENCE_S of patience.py"


def test_the_shell_that_develops_is_a_posix_shells() -> None:
    done = subprocess.run(["sh", "-n", str(DEV)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_of_dev_is_in_its_help() -> None:
    text = DEV.read_text(encoding="utf-8")
    commands = re.findall(r"^    ([a-z]+)\)$", text.partition("case $command in")[2], re.MULTILINE)
    described = re.findall(r"^  ([a-z]+) ", text.partition("<<'TEXT'\n")[2].partition("\nTEXT")[0], re.MULTILINE)
    assert sorted(commands) == sorted(described)


def test_no_example_of_a_property_has_a_deadline() -> None:
    assert hypothesis.settings().deadline is None
