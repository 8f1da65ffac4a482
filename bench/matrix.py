"""Versions of Robot Framework and Python, and what people run beside the listener -> a table of what works.

``./dev bench matrix [WORD …]`` makes a virtual environment for each combination (of those whose name has a WORD),
installs the wheel of this working tree as a user would, runs a real suite with the listener and reads the cards in its
output. The table goes to docs/ecosystem.md, with the findings. It takes minutes and asks the package index, so that no
test runs it whole: `PAIRS` is what the test run has of it, and ``python -m bench.matrix --pairs FOLDER`` installs that.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
LATEST = "7.5"
ROBOTS = ("7.2.1", "7.2.2", "7.3.2", "7.4.2", LATEST)
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
USUAL = "3.11"
PAIRS = (("3.10", "7.2.1"), ("3.12", "7.3.2"), ("3.13", "7.4.2"), ("3.14", LATEST))
"""Python and Robot Framework in the test run, beside the environment of the tests: all of both, not each with each.

Where an interpreter is not to be had, the Robot Framework of its row runs with the Python of the tests.
"""
PATIENCE_S = 600
CONFIG = """\
components:
  shop: {collectors: [{name: log, file: shop.log}, {name: state, command: echo the disk is full}]}
hosts: {shop1: {component: shop, transport: local}}
"""
SUITE = """\
*** Settings ***
Library    OperatingSystem

*** Variables ***
${LOG}    ${EXECDIR}/shop.log

*** Test Cases ***
Passes
    No Operation

Order
    Append To File    ${LOG}    2026-11-01T10:00:00Z ERROR order refused\\n
    Fail    HTTPError: 500 Server Error
    [Teardown]    Create File    ${LOG}

Payment
    Append To File    ${LOG}    2026-11-01T10:00:01Z ERROR payment refused\n
    Fail    HTTPError: 502 Bad Gateway
"""
DATA_SUITE = """\
*** Settings ***
Library          DataDriver    file=data.csv    dialect=unix
Test Template    Number Should Be Even

*** Test Cases ***
${number} Is Even    Default

*** Keywords ***
Number Should Be Even
    [Arguments]    ${number}
    Should Be True    ${number} % 2 == 0
"""
DATA = '"*** Test Cases ***","${number}"\n"Two","2"\n"Three","3"\n"Five","5"\n'
FAILING = ("Order", "Payment")
READ = """\
import json, pathlib, sys
from FailTaleLibrary.archive import reports_in
told = [[r.failure.name, r.failure.attempt, [i.id for i in r.evidence.items], len(r.evidence.gaps)]
        for r in reports_in(pathlib.Path(sys.argv[1]))]
print(json.dumps(told))
"""
SEVERAL_RUNS = """\
import robot, sys
from FailTaleListener import FailTaleListener
listener = FailTaleListener("failtale.yaml")
for number in range(3):
    robot.run("order.robot", outputdir=f"out{number}", listener=[listener], stdout=sys.stderr)
"""


@dataclass(frozen=True, slots=True)
class Combination:
    """What is installed, and how it runs."""

    name: str
    python: str
    packages: Sequence[str]
    command: Callable[[Path], list[str]]
    """Of the environment's ``bin``."""
    expected: Sequence[str] = FAILING
    """Failing tests, each with a card; of one that is tried twice, twice."""
    outputs: Sequence[str] = ("out/output.xml",)


def main() -> int:
    words = sys.argv[1:]
    if words[:1] == ["--pairs"]:
        return install_pairs(Path(words[1]))
    chosen = [each for each in combinations() if not words or any(word in each.name for word in words)]
    with tempfile.TemporaryDirectory(prefix="failtale-matrix-") as folder, portal() as (address, _):
        wheel = _wheel(Path(folder))
        print("| what | Python | packages | verdict |\n| --- | --- | --- | --- |", flush=True)
        verdicts = [_row(each, wheel, Path(folder), address) for each in chosen]
    return 0 if all(verdicts) else 1


def combinations() -> Iterator[Combination]:
    for python in PYTHONS:
        yield Combination(f"Python {python}", python, [f"robotframework=={LATEST}"], _robot)
    yield Combination("oldest of both", "3.10", ["robotframework==7.2.1"], _robot)
    for robot in ROBOTS:
        yield Combination(f"Robot Framework {robot}", USUAL, [f"robotframework=={robot}"], _robot)
    for robot in (ROBOTS[0], LATEST):
        yield from _neighbours(robot)


def _neighbours(robot: str) -> Iterator[Combination]:
    def beside(name: str, packages: Sequence[str], command: Callable[[Path], list[str]], **more: object) -> Combination:
        installed = [f"robotframework=={robot}", *packages]
        return Combination(f"{name} on {robot}", USUAL, installed, command, **more)  # type: ignore[arg-type]

    twice = ("Order", "Order", "Payment", "Payment")
    yield beside("pabot, suites", ["robotframework-pabot"], _pabot)
    yield beside(
        "pabot, tests",
        ["robotframework-pabot"],
        lambda path: [*_pabot(path)[:1], "--testlevelsplit", *_pabot(path)[1:]],
    )
    yield beside(
        "RetryFailed", ["robotframework-retryfailed"], lambda path: _robot(path, "RetryFailed:1:True"), expected=twice
    )
    yield beside("Allure", ["allure-robotframework"], lambda path: _robot(path, "allure_robotframework:allure"))
    yield beside(
        "ReportPortal",
        ["robotframework-reportportal"],
        lambda path: _robot(path, "robotframework_reportportal.listener"),
    )
    yield beside("stacktrace", ["robotframework-stacktrace"], lambda path: _robot(path, "RobotStackTracer"))
    yield beside(
        "DataDriver",
        ["robotframework-datadriver"],
        lambda path: [*_robot(path)[:-1], "data.robot"],
        expected=("Three", "Five"),
    )
    yield beside(
        "robotcode, runner",
        ["robotcode", "robotcode-runner"],
        lambda path: [str(path / "robotcode"), "robot", *_options(), "order.robot"],
    )
    debugger = ["robotcode", "robotcode-runner", "robotcode-debugger"]
    yield beside(
        "robotcode, debugger",
        debugger,
        lambda path: [str(path / "robotcode"), "debug", *_DEBUGGING, *_options(), "order.robot"],
    )
    several = tuple(f"out{number}/output.xml" for number in range(3))
    yield beside(
        "several runs in a process", [], lambda path: [str(path / "python"), "-c", SEVERAL_RUNS], outputs=several
    )


_DEBUGGING = ("--no-wait-for-client", "--tcp", "127.0.0.1:36611")
"""Robot runs under the debugger whether or not an editor comes."""


def _options() -> list[str]:
    return ["--listener", "FailTaleListener:failtale.yaml", "--outputdir", "out"]


def _robot(path: Path, *listeners: str) -> list[str]:
    others = [word for listener in listeners for word in ("--listener", listener)]
    return [str(path / "python"), "-m", "robot", *_options(), *others, "order.robot"]


def _pabot(path: Path) -> list[str]:
    here = "FailTaleListener:failtale.yaml"
    return [str(path / "pabot"), "--processes", "2", "--listener", here, "--outputdir", "out", "order.robot"]


# --- The pairs of the test run ---------------------------------------------------------------------------------------


def install_pairs(folder: Path) -> int:
    """What FailTale depends on for each of `PAIRS`, in folders of its own; 1 where the package index has it not."""
    pairs = [(python_of(python), robot) for python, robot in PAIRS]
    return max(_installed_beside(folder / robot, python, robot) for python, robot in pairs if python or robot != LATEST)


def interpreter_of(folder: Path) -> str:
    """Which Python the packages in a folder of `install_pairs` are for."""
    return (folder / "python").read_text(encoding="utf-8")


def _installed_beside(folder: Path, python: str | None, robot: str) -> int:
    told = metadata.requires("robotframework-failtale") or []
    needed = [line for line in told if "extra ==" not in line and not line.startswith("robotframework>")]
    wanted = f"robotframework=={robot}"
    if python and _is_installed(folder, python, wanted, *needed):
        found = python
    elif _is_installed(folder, sys.executable, wanted, "--no-deps"):
        found = sys.executable
        print(f"Robot Framework {robot}: no Python {_pair_of(robot)} with its packages; with the one of the tests.")
    else:
        return 1
    (folder / "python").write_text(found, encoding="utf-8")
    return 0


def _pair_of(robot: str) -> str:
    return next(python for python, each in PAIRS if each == robot)


def _is_installed(folder: Path, python: str, *words: str) -> bool:
    """By the tests' own pip, which takes half the time of the old ones that come with interpreters."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, "install", "-qq"]
    options = ["--root-user-action", "ignore", "--no-compile", "--target", str(folder)]
    return subprocess.run([*pip, *options, *words], check=False).returncode == 0


# --- One combination -------------------------------------------------------------------------------------------------


def _wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def _row(combination: Combination, wheel: Path, folder: Path, portal_address: str) -> bool:
    python = python_of(combination.python)
    if python is None:
        print(f"| {combination.name} | {combination.python} | - | not to be had here |", flush=True)
        return True
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        installed, trouble = _installed(python, wheel, combination.packages, place)
        trouble = trouble or _trouble_of_run(combination, place, portal_address)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(f"| {combination.name} | {combination.python} | {installed} | {trouble or 'works'} |", flush=True)
    return not trouble


def python_of(version: str) -> str | None:
    """An interpreter of a version: on PATH, or of pyenv."""
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for candidate in (*map(str, pyenv), shutil.which(f"python{version}")):
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def _installed(python: str, wheel: Path, packages: Sequence[str], place: Path) -> tuple[str, str]:
    """Versions of what was asked for, and why it could not be installed."""
    subprocess.run([python, "-m", "venv", str(place / "venv")], check=True)
    pip = [str(place / "venv" / "bin" / "python"), "-m", "pip"]
    done = subprocess.run(
        [*pip, "install", "--quiet", str(wheel), *packages], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return ", ".join(packages), f"cannot be installed: {done.stderr.strip().splitlines()[-1]}"
    listed = subprocess.run([*pip, "list", "--format", "json"], capture_output=True, text=True, check=True)
    versions = {each["name"].lower(): each["version"] for each in json.loads(listed.stdout)}
    names = [package.partition("==")[0] for package in packages]
    return ", ".join(f"{name} {versions.get(name, '?')}" for name in names), ""


def _trouble_of_run(combination: Combination, place: Path, portal_address: str) -> str:
    """What is wrong with the cards of a run; empty when nothing is."""
    for name, text in (
        ("failtale.yaml", CONFIG.replace("shop.log", str(place / "shop.log"))),
        ("order.robot", SUITE),
        ("data.robot", DATA_SUITE),
        ("data.csv", DATA),
        ("shop.log", ""),
    ):
        (place / name).write_text(text)
    path = place / "venv" / "bin"
    environment = {
        **_plain_environment(),
        "PATH": f"{path}:/usr/bin:/bin",
        "RP_ENDPOINT": portal_address,
        "RP_PROJECT": "shop",
        "RP_LAUNCH": "nightly",
        "RP_API_KEY": "none",
    }
    command = combination.command(path)
    if "robotframework_reportportal.listener" in command:
        settings = [
            word
            for name in ("RP_ENDPOINT", "RP_PROJECT", "RP_LAUNCH", "RP_API_KEY")
            for word in ("--variable", f"{name}:{environment[name]}")
        ]
        command[3:3] = settings
    done = subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    said = done.stdout + done.stderr
    if any(words in said for words in ("switched off", "internal error", "Taking listener")):
        return f"said: {said.strip().splitlines()[-1]}"
    for output in combination.outputs:
        read = subprocess.run(
            [str(path / "python"), "-c", READ, output],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if read.returncode:
            return f"no output ({done.returncode}): {(read.stderr or said).strip()[-200:]}"
        trouble = _trouble_of_cards(json.loads(read.stdout), combination.expected)
        if trouble:
            return trouble
    return ""


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ROBOT", "FAILTALE"))}


def _trouble_of_cards(told: list[list[object]], expected: Sequence[str]) -> str:
    names = sorted(str(name) for name, *_ in told)
    if names != sorted(expected):
        return f"cards of {names}, expected of {sorted(expected)}"
    for name, _, items, gaps in told:
        if items != ["shop1/state", "shop1/log"] or gaps:
            return f"the card of {name} has {items} and {gaps} gaps"
    return ""


# --- A stand-in for ReportPortal --------------------------------------------------------------------------------------


class _PortalStub(BaseHTTPRequestHandler):
    """Takes whatever the agent sends and keeps it."""

    bodies: list[str]

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("utf-8", "replace"))
        answer = json.dumps({"id": secrets.token_hex(8), "number": 1, "message": "taken"}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_PUT = do_GET = do_POST  # noqa: N815 - http.server's names

    def log_message(self, *arguments: object) -> None:
        """Nothing on the console."""


@contextlib.contextmanager
def portal() -> Iterator[tuple[str, list[str]]]:
    """Address of a stand-in for ReportPortal on this machine, and the bodies of what it got."""
    bodies: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Stub", (_PortalStub,), {"bodies": bodies}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", bodies
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
