"""A block or a command of a page -> what is wrong with it, as the program that would read it says.

Nothing is run here: arguments are parsed by the parser of the program that takes them, and configurations by ours.
"""

from __future__ import annotations

import argparse
import atexit
import importlib
import json
import re
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from page_blocks import ROOT, Block, blocks_of, commands_of

from FailTaleLibrary.api import RecordedAnswer
from FailTaleLibrary.cli import _parser
from FailTaleLibrary.config import Config, parse_config
from FailTaleLibrary.errors import FailTaleError

UNREAD = {
    "drawing": "shows how parts hang together",
    "sample": "what a program prints, shortened; nobody types it",
    "another program": "its settings; no program here reads them",
}
"""Why a block is neither run nor validated -> what that means. There are no other reasons."""

MAY_BE_UNREAD = ("", "text", "nginx")
"""Languages of such blocks: what is ours, or is typed, is read."""

COMPARED = "tutorial.md"
"""The page of which all output is compared with what a test sees (test_tutorial.py)."""

OTHERS = {
    "ansible-inventory": "Ansible",
    "apt-get": "Debian",
    "cat": "POSIX",
    "cd": "POSIX",
    "claude": "Claude Code",
    "code": "VS Code",
    "cp": "POSIX",
    "cucumber": "Cucumber",
    "curl": "curl",
    "docker": "Docker",
    "echo": "POSIX",
    "export": "POSIX",
    "git": "git",
    "grep": "POSIX",
    "head": "POSIX",
    "kill": "POSIX",
    "libdoc": "Robot Framework",
    "mkdir": "POSIX",
    "ollama": "Ollama",
    "pip": "pip",
    "podman": "Podman",
    "printf": "POSIX",
    "rm": "POSIX",
    "scp": "OpenSSH",
    "sed": "POSIX",
    "sh": "POSIX",
    "ssh": "OpenSSH",
    "ssh-keygen": "OpenSSH",
    "ssh-keyscan": "OpenSSH",
    "systemctl": "systemd",
    "tail": "POSIX",
    "twine": "twine",
    "umask": "POSIX",
    ".": "POSIX",
}
"""Programs whose arguments are theirs to know -> whose they are."""


class WrongError(Exception):
    """What a reader who copies it would meet."""


# --- Commands ---------------------------------------------------------------------------------------------------------


def check_command(words: list[str]) -> None:
    """Raises WrongError where the program would refuse these arguments, or where nobody knows the program."""
    program, arguments = re.sub(r"^\S+/bin/", "", words[0]), words[1:]
    if program in ("python", "python3") and arguments[:1] == ["-m"]:
        program, arguments = arguments[1], arguments[2:]
    checks: dict[str, Callable[[list[str]], None]] = {
        "failtale": _failtale,
        "robot": _robot,
        "rebot": _rebot,
        "pabot": _pabot,
        "pytest": _pytest,
        "./dev": _dev,
        "behave": lambda _: None,
        "venv": lambda _: None,
    }
    if program in checks:
        checks[program](arguments)
    elif program not in OTHERS and not program.startswith("./"):
        raise WrongError(f"nobody knows the program '{program}': {words}")


def _failtale(arguments: list[str]) -> None:
    try:
        options = _our_parser().parse_args(arguments)
    except SystemExit as end:
        if end.code:
            raise WrongError(f"failtale {arguments}") from end
    else:
        if "run" not in options and not options.verbose:
            raise WrongError("failtale without a command")


def _robot(arguments: list[str]) -> None:
    _of_robot("robot.run", "RobotFramework", arguments)


def _rebot(arguments: list[str]) -> None:
    _of_robot("robot.rebot", "Rebot", arguments)


def _of_robot(module: str, application: str, arguments: list[str]) -> None:
    from robot.errors import DataError

    try:
        options, _ = getattr(importlib.import_module(module), application)().parse_arguments(arguments)
    except DataError as error:
        raise WrongError(str(error)) from error
    for listener in options.get("listener", ()):
        _check_listener(listener)


LISTENERS = {"FailTaleListener", "allure_robotframework", "robotframework_reportportal.listener", "RetryFailed"}


def _check_listener(listener: str) -> None:
    name = re.split("[:;]", listener)[0]
    if name not in LISTENERS:
        raise WrongError(f"nobody knows the listener '{name}'")


def _pabot(arguments: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks Robot for names that are on their way out
        from pabot.arguments import parse_args
    from robot.errors import DataError

    try:
        robot_options, _, _, _ = parse_args(arguments)
    except (DataError, ValueError) as error:
        raise WrongError(str(error)) from error
    for listener in robot_options.get("listener", ()):
        _check_listener(listener)


def _pytest(arguments: list[str]) -> None:
    from _pytest.config import UsageError

    try:
        _pytest_parser().parse(list(arguments))
    except UsageError as error:
        raise WrongError(str(error)) from error


@cache
def _our_parser() -> argparse.ArgumentParser:
    return _parser()


@cache
def _pytest_parser() -> Any:
    import xdist.plugin
    from _pytest.config import get_config

    import FailTaleLibrary.pytest_plugin

    config = get_config()
    config.pluginmanager.register(FailTaleLibrary.pytest_plugin, "failtale")
    config.pluginmanager.register(xdist.plugin, "xdist")
    return config._parser


def _dev(arguments: list[str]) -> None:
    known = re.findall(r"(?m)^    ([a-z]+)\)$", (ROOT / "dev").read_text().partition("case $command in")[2])
    if arguments and arguments[0] not in known:
        raise WrongError(f"./dev has no command '{arguments[0]}'")
    if missing := [word for word in arguments if word.endswith(".py") and not (ROOT / word).exists()]:
        raise WrongError(f"there is no {missing}")


# --- Blocks -----------------------------------------------------------------------------------------------------------


def check_block(block: Block) -> None:
    """Raises WrongError where the block is wrong, or where nothing here reads its language and it does not say why."""
    if block.mark in UNREAD and block.language in MAY_BE_UNREAD:
        return
    if block.language == "text" and block.page.name == COMPARED:
        return
    if block.language not in _READERS:
        raise WrongError(
            f"no test reads {block.language or 'a block without a language'!r}; write a language or a reason"
        )
    _READERS[block.language](block)


def _shell(block: Block) -> None:
    _script(block.text)


def _script(text: str) -> None:
    for words in commands_of(text):
        check_command(words)


def _check_role(data: dict[str, Any]) -> None:
    """A role of a cluster allows what FailTale asks for, which is reading."""
    if data["kind"] != "Role" or any(not set(rule["verbs"]) <= {"get", "list"} for rule in data["rules"]):
        raise WrongError("a role that allows more than to read")


def _yaml(block: Block) -> None:
    data = yaml.load(block.text, yaml.BaseLoader)
    if isinstance(data, list):
        _check_rows(data)
    elif not isinstance(data, dict):
        raise WrongError("neither a mapping nor a list")
    elif {"name", "collectors"} <= data.keys():
        _check_preset(data["name"], block.text)
    elif "answers" in data:
        _check_answers(data["answers"])
    elif data.keys() <= {*Config.yaml_keys(), "collectors", "ssh_defaults"}:
        check_configuration(block.text, folder=_files_of(block.page))
    elif data.get("apiVersion", "").startswith("rbac.authorization.k8s.io/"):
        _check_role(data)
    elif "jobs" in data or "services" in data or any("script" in job for job in data.values()):
        _check_scripts(data)
    else:
        raise WrongError(f"nobody knows what these keys are: {sorted(data)}")


def _check_rows(rows: list[Any]) -> None:
    """A list of redaction rules, or of collectors."""
    if all(isinstance(row, dict) and "pattern" in row for row in rows):
        for row in rows:
            re.compile(row["pattern"])
    else:
        check_configuration("collectors:\n" + yaml.safe_dump(rows))


def _check_preset(name: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "preset.yaml").write_text(text, encoding="utf-8")
        check_configuration(f"presets: [preset.yaml]\ncollectors: [{name}]", folder=Path(folder))


def _check_answers(answers: dict[str, Any]) -> None:
    for answer in answers.values():
        RecordedAnswer(**answer)


@cache
def _files_of(page: Path) -> Path:
    """A folder with the files that a page shows; each has its name in its first line, behind a `#`."""
    folder = Path(tempfile.mkdtemp(prefix="failtale-page-"))
    (folder / "known_hosts").touch()
    for block in blocks_of(page):
        if name := re.match(r"# (\S+\.\w+)\n", block.text):
            (folder / name[1]).write_text(block.text, encoding="utf-8")
    atexit.register(shutil.rmtree, folder)
    return folder


def check_configuration(text: str, *, folder: Path = ROOT) -> None:
    """Reads it as FailTale does. What a whole configuration has besides is added where a page shows a part."""
    try:
        parse_config(_whole(text), source=folder / "failtale.yaml", environ=_Everything())
    except FailTaleError as error:
        raise WrongError(str(error)) from error


_COLLECTORS = "components:\n  example:\n    collectors:"


def _whole(text: str) -> str:
    data = yaml.load(text, yaml.BaseLoader)
    if "collectors" in data:
        text = re.sub(r"(?m)^(?=collectors:| +\S)", "    ", text).replace("    collectors:", _COLLECTORS, 1)
        data = {"components": {"example": None}}
    if not {"hosts", "gateway"} & data.keys():
        component = next(iter(data.get("components", {"example": None})))
        text += f"\nhosts: {{example: {{component: {component}, transport: local}}}}\n"
        text += "" if "components" in data else "components: {example: {collectors: [linux]}}\n"
    elif "hosts" in data and "components" not in data:
        names = {host.get("component", "example") for host in data["hosts"].values()}
        text += "\ncomponents: {" + ", ".join(f"{name}: {{collectors: [linux]}}" for name in names) + "}\n"
    return text


class _Everything(dict[str, str]):
    """An environment in which each variable has a value; where it is a key's, the path of one."""

    def __missing__(self, name: str) -> str:
        return {"HOME": "/home/newcomer"}.get(name, "~/.ssh/failtale" if name.endswith("_KEY") else "7331")

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]


def _check_scripts(data: Any) -> None:
    """Of a CI server's file: each of its shell scripts."""
    for script in _scripts_in(data):
        _script(re.sub(r"\$\{\{.*?\}\}", "VALUE", script))


def _scripts_in(data: Any) -> Iterator[str]:
    if isinstance(data, list):
        for each in data:
            yield from _scripts_in(each)
    elif isinstance(data, dict):
        for key, value in data.items():
            if key in ("run", "script", "before_script", "after_script", "command") and not isinstance(value, dict):
                yield from [value] if isinstance(value, str) else value
            else:
                yield from _scripts_in(value)


def _json(block: Block) -> None:
    data = json.loads(block.text)
    servers = data.get("mcpServers") or data.get("servers") or {}
    for server in servers.values():
        if "command" in server:
            check_command([Path(server["command"]).name, *server["args"]])


def _python(block: Block) -> None:
    compile(block.text, str(block), "exec")


def _robot_data(block: Block) -> None:
    from robot.api.parsing import Token, get_model, get_tokens

    text = block.text
    if "***" not in text:
        settings = re.match(r"(Library|Resource|Suite Setup|Test Teardown|Test Setup|Documentation)\b", text)
        text = f"*** Settings ***\n{text}" if settings else f"*** Test Cases ***\nExample\n{_indented(text)}"
    errors = [token.error for token in get_tokens(text) if token.type in (Token.ERROR, Token.FATAL_ERROR)]
    if errors:
        raise WrongError(str(errors))
    named = {token.value for token in get_tokens(text) if token.type == Token.KEYWORD}
    own = {token.value for token in get_tokens(text) if token.type == Token.KEYWORD_NAME}
    unknown = {name for name in named - own if _folded(name.rpartition(".")[2]) not in _known_keywords()}
    if unknown or not get_model(text).sections:
        raise WrongError(f"unknown keywords: {sorted(unknown)}")


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def _folded(name: str) -> str:
    return re.sub("[ _]", "", name).lower()


@cache
def _known_keywords() -> frozenset[str]:
    from robot.libdocpkg import LibraryDocumentation

    sources = [
        "FailTaleLibrary",
        "BuiltIn",
        "RequestsLibrary",
        str(ROOT / "resources/FailTaleLibrary/failtale.resource"),
    ]
    sources += ["OperatingSystem", "Process"]
    return frozenset(_folded(each.name) for source in sources for each in LibraryDocumentation(source).keywords)


def _ssh_config(block: Block) -> None:
    done = subprocess.run(
        ["ssh", "-T", "-G", "-F", "/dev/stdin", "web1"], input=block.text, capture_output=True, text=True
    )
    if done.returncode or done.stderr:
        raise WrongError(done.stderr)


def _groovy(block: Block) -> None:
    """A Jenkinsfile: its brackets close, and each of its shell steps is read."""
    text = block.text
    bare = re.sub(r"'''.*?'''|'[^'\n]*'|\"[^\"\n]*\"|//[^\n]*", "", text, flags=re.DOTALL)
    if any(bare.count(left) != bare.count(right) for left, right in ("{}", "()", "[]")):
        raise WrongError("a bracket is not closed")
    for long, short in re.findall(r"(?s)\bsh\b[^'\n]*(?:'''(.*?)'''|'([^'\n]*)')", text):
        _script(long or short)


_READERS: dict[str, Callable[[Block], None]] = {
    "sh": _shell,
    "yaml": _yaml,
    "json": _json,
    "python": _python,
    "robotframework": _robot_data,
    "groovy": _groovy,
    "sshconfig": _ssh_config,
}


# --- In sentences -----------------------------------------------------------------------------------------------------

_FILE = re.compile(r"(?:utest|atest|bench|docs|listeners|resources)/[\w/.-]+")
_OURS = re.compile(r"(failtale|robot|rebot|pabot|pytest|\./dev) [^=\s]")


def check_code(code: str) -> None:
    """A command, a setting or a file of ours between back quotes. A sentence names a command without all it needs."""
    key, _, value = code.partition(": ")
    if _FILE.fullmatch(code) and not (ROOT / code).exists():
        raise WrongError("there is no such file")
    if _OURS.match(code):
        _check_named(code)
    elif key in Config.yaml_keys() and value and not re.search(r"\.\.\.|…|:$|\bNone\b", value):
        check_configuration(code)


def _check_named(code: str) -> None:
    for words in commands_of(re.sub(r"\.\.\.|…|[\[\]]", " ", code)):
        if words[0] == "failtale":
            _check_names(words[1:])
        elif words[0] in ("robot", "rebot", "pabot"):
            check_command([*words, "tests", "tests"])
        elif words != ["pytest", "--failtale"]:
            check_command(words)


def _check_names(words: list[str]) -> None:
    """The command is one of ours and has each option that is named."""
    parser = _our_parser()
    (commands,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    named = [word for word in words if not word.startswith("-")]
    if named and named[0] != "COMMAND":
        if named[0] not in commands.choices:
            raise WrongError(f"there is no command '{named[0]}'")
        known = commands.choices[named[0]]._option_string_actions.keys() | parser._option_string_actions.keys()
        if wrong := {word.partition("=")[0] for word in words if word.startswith("--")} - known:
            raise WrongError(f"failtale {named[0]} has no {wrong}")
