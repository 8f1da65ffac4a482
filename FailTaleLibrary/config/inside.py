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
from FailTaleLibrary.lazy import regex
from FailTaleLibrary.schema import AfterValidator, BeforeValidator

ENGINES = ("docker", "podman", "nerdctl")
"""Programs that speak alike: `ENGINE exec -i NAME`."""
CLUSTER_CLIENTS = ("kubectl", "oc")
"""Programs that speak alike: `kubectl exec -i POD --`."""
CLIENTS = (*ENGINES, *CLUSTER_CLIENTS)
_SHELLS = ("sh", "bash", "ash", "dash", "/bin/sh", "/bin/bash")
_CONTROL = regex(r"[\x00-\x1f\x7f\ud800-\udfff]")
_LONGEST_BYTES = 2000
"""Dropbear takes command lines of some 9,000 bytes, and a character may travel as eighteen."""
_WITH_VALUE = {
    *("-e", "--env", "--env-file", "-u", "--user", "-w", "--workdir", "--detach-keys", "-H", "--host", "-c"),
    *("--context", "--url", "--connection", "--root", "--runroot", "--storage-driver", "--cgroup-manager", "--runtime"),
    *("--log-level", "--config", "--tmpdir", "-f", "--file", "-p", "--project-name", "--namespace"),
    *("-n", "--container", "--kubeconfig", "--cluster", "--server", "-s", "--token", "--as", "--as-group", "-v"),
    *("--request-timeout", "--cache-dir", "--certificate-authority", "--client-key", "--client-certificate"),
    *("--pod-running-timeout", "--filename"),
}
"""Options of the clients that are followed by their value."""
_SUDO_WITH_VALUE = {"-u", "--user", "-g", "--group", "-C", "-D", "-R", "-T", "-h", "-p"}


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
        behind = behind_options(rest[1:], _SUDO_WITH_VALUE)
        options = rest[1 : len(rest) - len(behind)]
        if not any(re.fullmatch(r"-[A-Za-z]*n[A-Za-z]*|--non-interactive", option) for option in options):
            yield f"may ask for a password; write {in_quotes(shlex.join([words[0], '-n', *words[1:]]))}"
        rest = behind
    if rest and _base_name(rest[0]) in ENGINES:
        yield from _complaints_of_engine(words, rest)
    elif rest and _base_name(rest[0]) in CLUSTER_CLIENTS:
        yield from _complaints_of_cluster_client(words, rest)


def _complaints_of_engine(words: Sequence[str], rest: Sequence[str]) -> Iterator[str]:
    engine = _base_name(rest[0])
    behind = behind_options(rest[1:])
    is_compose = behind[:1] == ["compose"]
    if behind[:1] in (["container"], ["compose"]):
        behind = behind_options(behind[1:])
    if behind[:1] != ["exec"]:
        yield f"does not lead into a container; write '{engine} exec -i NAME', which starts and changes none"
        return
    options = _leading_options(behind[1:])
    short = "".join(option[1:].partition("=")[0] for option in options if re.fullmatch(r"-[a-zA-Z]+", option))
    name = behind_options(behind[1:])[:1]
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


def _complaints_of_cluster_client(words: Sequence[str], rest: Sequence[str]) -> Iterator[str]:
    """Options may stand behind the pod, and without `--` those of our shell would be kubectl's."""
    if behind_options(rest[1:])[:1] != ["exec"]:
        client = _base_name(rest[0])
        yield f"does not lead into a container; write '{client} exec -i POD --', which starts and changes none"
        return
    prefix, asked = exec_prefix(rest[0], rest[1:])
    line = " ".join([*words[: len(words) - len(rest)], prefix])
    options = {each for word in rest[1:] for each in _single_options(word)}
    if not _pod_of(rest[1:]):
        yield f"names no pod; write {in_quotes(line)}"
    elif asked:
        yield f"ends in a command, which FailTale adds itself; write {in_quotes(line)}"
    elif options & {"-t", "--tty"}:
        yield f"asks for a terminal, and there is none; write {in_quotes(line)}"
    elif not options & {"-i", "--stdin"}:
        yield f"passes no standard input on, by which FailTale speaks to the shell; write {in_quotes(line)}"
    elif rest[-1] != "--":
        yield f"does not end in '--', behind which the command stands; write {in_quotes(line)}"


def _single_options(word: str) -> list[str]:
    """``-it`` as ``-i`` and ``-t``; a long option without its value."""
    if re.fullmatch(r"-[a-z]+", word):
        return [f"-{letter}" for letter in word[1:]]
    return [word.partition("=")[0]] if word.startswith("--") else []


def _base_name(word: str) -> str:
    return word.rpartition("/")[2]


def _leading_options(words: Sequence[str]) -> list[str]:
    return list(words[: len(words) - len(behind_options(words))])


def behind_options(words: Sequence[str], with_value: Collection[str] = _WITH_VALUE) -> list[str]:
    """The words from the first on that is no option, nor the value of one."""
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        option = rest.pop(0)
        if option == "--":
            break
        if option in with_value and rest:
            rest.pop(0)
    return rest


def exec_prefix(client: str, words: Sequence[str]) -> tuple[str, list[str]]:
    """Of an `exec` in a client's words: the prefix that leads to the same place, and the command that it ran."""
    if _base_name(client) in CLUSTER_CLIENTS:
        return _prefix_of_cluster_client(client, words)
    behind = behind_options(words)
    if behind[:1] in (["container"], ["compose"]):
        behind = behind_options(behind[1:])
    behind = behind_options(behind[1:])
    return f"{client} exec -i {behind[0] if behind else 'NAME'}", behind[1:]


def _prefix_of_cluster_client(client: str, words: Sequence[str]) -> tuple[str, list[str]]:
    """With the options that say where, in their order."""
    ahead, dashes, asked = _around_dashes(words)
    kept: list[str] = []
    pod = ""
    rest = list(ahead)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            if word in ("exec", "rsh") and "exec" not in kept:
                kept += ["exec", "-i"]
            elif not pod:
                pod = word
                kept.append(word)
            else:  # `exec POD COMMAND`, as long ago
                return " ".join([client, *kept, "--"]), [word, *rest, *asked]
        elif not _single_options(word) or not set(_single_options(word)) <= {"-i", "-t", "--stdin", "--tty"}:
            kept += [word, *([rest.pop(0)] if word in _WITH_VALUE and rest else [])]
    return " ".join([client, *kept, *([] if pod else ["POD"]), "--"]), asked if dashes else []


def _around_dashes(words: Sequence[str]) -> tuple[list[str], bool, list[str]]:
    """What stands ahead of `--`, whether there is one, and what stands behind it."""
    given = list(words)
    if "--" not in given:
        return given, False, []
    place = given.index("--")
    return given[:place], True, given[place + 1 :]


def _pod_of(words: Sequence[str]) -> str:
    """The pod of an `exec`; empty where it names none."""
    ahead, _, _ = _around_dashes(words)
    return next(iter(behind_options(behind_options(ahead)[1:])), "")


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
