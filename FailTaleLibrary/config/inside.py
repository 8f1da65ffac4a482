"""What users write as `inside` -> the words of a prefix that leads into a container or a namespace, or why it cannot.

FailTale puts `sh -c …` behind them, speaks to that shell by its standard input and ends it by closing that. So a prefix
must pass standard input on, must not ask for a terminal or a password, and must not start or change anything.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from typing import Annotated

from FailTaleLibrary.config.types import Kind, NotUnderstoodError, in_quotes, one_or_many
from FailTaleLibrary.schema import AfterValidator, BeforeValidator

ENGINES = ("docker", "podman", "nerdctl")
"""Programs that speak alike: `ENGINE exec -i NAME`."""
_SHELLS = ("sh", "bash", "ash", "dash", "/bin/sh", "/bin/bash")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_LONGEST_BYTES = 2000
"""Dropbear takes command lines of some 9,000 bytes, and a character may travel as eighteen."""
_WITH_VALUE = {
    *("-e", "--env", "--env-file", "-u", "--user", "-w", "--workdir", "--detach-keys", "-H", "--host", "-c"),
    *("--context", "--url", "--connection", "--root", "--runroot", "--storage-driver", "--cgroup-manager", "--runtime"),
    *("--log-level", "--config", "--tmpdir", "-f", "--file", "-p", "--project-name", "--namespace"),
}
"""Options of the engines that are followed by their value."""
_SUDO_WITH_VALUE = {"-u", "--user", "-g", "--group", "-C", "-D", "-R", "-T", "-h", "-p"}
_EXEC = re.compile(
    r"(?:^|[\s;|&(/])(?P<engine>docker|podman|nerdctl)\s+(?:-\S+(?:\s+[^\s-]\S*)?\s+)*?(?:container\s+|compose\s+)?exec\s"
    r"(?P<rest>[^;|&]*)"
)


def parse_inside(value: object) -> object:
    """The words of a prefix; none for `none`. Raises NotUnderstoodError."""
    given = _words_of(value)
    words = [word for word in given if isinstance(word, str)]
    if len(words) < len(given):
        raise NotUnderstoodError(value, "is not a prefix; write e.g. 'docker exec -i shop-api'")
    text = " ".join(words)
    if (words and not words[0]) or any(_CONTROL.search(word) for word in words):
        raise NotUnderstoodError(text, "has an empty first word, or a line break or control character in a word")
    if len(text.encode()) > _LONGEST_BYTES:
        raise NotUnderstoodError(text, f"is too long for a prefix: more than {_LONGEST_BYTES} bytes")
    if complaint := next(_complaints(words), ""):
        raise NotUnderstoodError(text, complaint)
    return tuple(words)


def _words_of(value: object) -> Sequence[object]:
    if isinstance(value, str):
        if value.strip() in ("none", ""):
            return ()
        try:
            return shlex.split(value)
        except ValueError as error:
            raise NotUnderstoodError(value, "has a quotation that does not end") from error
    return value if isinstance(value, (list, tuple)) else [value]


def _complaints(words: Sequence[str]) -> Iterator[str]:
    """What keeps FailTale from using a prefix, with what to write instead."""
    if not words:
        return
    if words[-1] in ("-c", *_SHELLS):
        ahead = list(words)
        while ahead and ahead[-1] in ("-c", *_SHELLS):
            ahead.pop()
        line = shlex.join(ahead) or "docker exec -i NAME"
        yield f"ends in a shell, which FailTale adds itself; write {in_quotes(line)}"
    rest = list(words)
    if _base_name(rest[0]) == "sudo":
        behind = _behind_options(rest[1:], _SUDO_WITH_VALUE)
        options = rest[1 : len(rest) - len(behind)]
        if not any(re.fullmatch(r"-[A-Za-z]*n[A-Za-z]*|--non-interactive", option) for option in options):
            yield f"may ask for a password; write {in_quotes(shlex.join([words[0], '-n', *words[1:]]))}"
        rest = behind
    if rest and _base_name(rest[0]) in ENGINES:
        yield from _complaints_of_engine(words, rest)


def _complaints_of_engine(words: Sequence[str], rest: Sequence[str]) -> Iterator[str]:
    engine = _base_name(rest[0])
    behind = _behind_options(rest[1:], _WITH_VALUE)
    is_compose = behind[:1] == ["compose"]
    if behind[:1] in (["container"], ["compose"]):
        behind = _behind_options(behind[1:], _WITH_VALUE)
    if behind[:1] != ["exec"]:
        yield f"does not lead into a container; write '{engine} exec -i NAME', which starts and changes none"
        return
    options = _leading_options(behind[1:])
    short = "".join(option[1:].partition("=")[0] for option in options if re.fullmatch(r"-[a-zA-Z]+", option))
    name = _behind_options(behind[1:], _WITH_VALUE)[:1]
    line = " ".join([*words[: len(words) - len(rest)], rest[0], "exec", "-i", *(name or ["NAME"])])
    if not name:
        yield f"names no container; write {in_quotes(line)}"
    elif is_compose:
        if "T" not in short and "--no-TTY" not in options:
            yield f"asks for a terminal, and there is none; add '-T', or write {in_quotes(line)}"
    elif "t" in short or "--tty" in options:
        yield f"asks for a terminal, and there is none; write {in_quotes(line)}"
    elif "d" in short or "--detach" in options:
        yield f"does not wait for its command; write {in_quotes(line)}"
    elif "i" not in short and "--interactive" not in options:
        yield f"passes no standard input on, by which FailTale speaks to the shell; write {in_quotes(line)}"


def _base_name(word: str) -> str:
    return word.rpartition("/")[2]


def _leading_options(words: Sequence[str]) -> list[str]:
    return list(words[: len(words) - len(_behind_options(words, _WITH_VALUE))])


def _behind_options(words: Sequence[str], with_value: Collection[str]) -> list[str]:
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        option = rest.pop(0)
        if option == "--":
            break
        if option in with_value and rest:
            rest.pop(0)
    return rest


def exec_in_command(command: str) -> str:
    """The line to write in place of a command that runs `docker exec` itself; empty where it does not."""
    found = _EXEC.search(command)
    if found is None:
        return ""
    words = found["rest"].split()
    behind = _behind_options(words, _WITH_VALUE)
    name, asked = (behind[0], " ".join(behind[1:])) if behind else ("NAME", "…")
    return f"inside: {found['engine']} exec -i {name}' and 'command: {asked or '…'}"


Inside = Annotated[tuple[str, ...], Kind("command prefix: text, or a list of its words"), BeforeValidator(parse_inside)]


def _container_names(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if re.fullmatch(r"[A-Za-z0-9_.*?-]{1,128}", name) is None or name.startswith("-"):
            raise NotUnderstoodError(
                name, "is not the name of a container; letters, digits, '_', '.', '-', '*' and '?'"
            )
    return names


def _engine_words(text: str) -> str:
    if text and re.fullmatch(rf"(sudo -n )?(/[A-Za-z0-9_./-]*/)?({'|'.join(ENGINES)})", text) is None:
        raise NotUnderstoodError(text, "is no container engine; write 'docker', 'podman' or e.g. 'sudo -n docker'")
    return text


ContainerNames = Annotated[
    tuple[str, ...], Kind("name, or a list of names"), BeforeValidator(one_or_many), AfterValidator(_container_names)
]
EngineWords = Annotated[
    str, Kind("`docker`, `podman` or `nerdctl`, also with `sudo -n`"), AfterValidator(_engine_words)
]
