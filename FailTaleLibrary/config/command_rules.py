"""A collector's command -> why FailTale does not run it: a client of containers or clusters in it does more than read.

Whoever is ended leaves with `exec` its processes in the container, with `port-forward` an open way; what changes the
product has no place in evidence. The rule is one for all clients; what else a shell can do only its author knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from FailTaleLibrary.config.inside import CLIENTS, CLUSTER_CLIENTS, ENGINES, behind_options, exec_prefix
from FailTaleLibrary.lazy import dataclass

_GROUPS = frozenset(
    {
        "builder", "buildx", "compose", "config", "container", "context", "image", "machine", "manifest", "network",
        "node", "plugin", "pod", "secret", "service", "stack", "swarm", "system", "volume",
    }
)  # fmt: skip
"""Words of an engine behind which its verb stands."""
_CHANGES_OF_ENGINES = frozenset(
    {
        "build", "checkpoint", "commit", "connect", "cp", "create", "disconnect", "down", "import", "init", "join",
        "kill", "leave", "load", "login", "logout", "pause", "prune", "pull", "push", "remove", "rename", "restart",
        "rm", "rmi", "rmp", "run", "runp", "scale", "start", "stop", "stopp", "tag", "unpause", "up", "update",
    }
)  # fmt: skip
_CHANGES_OF_CLUSTERS = frozenset(
    {
        "annotate", "apply", "autoscale", "certificate", "cordon", "cp", "create", "debug", "delete", "drain", "edit",
        "expose", "import-image", "label", "new-app", "new-project", "patch", "replace", "rollout", "rsync", "run",
        "scale", "set", "start-build", "taint", "uncordon",
    }
)  # fmt: skip
_READS = frozenset({"rollout status", "rollout history"})
_STAYS = frozenset({"attach", "port-forward", "proxy"})
_CALL = (
    r"(?:^|[;|&({`\n]"
    r"|\b(?:command|do|else|env|exec|if|k3s|microk8s|minikube|nice|sudo|then|time|timeout|until|while|xargs)\s"
    r"(?:[^;|&\n]*?\s)??|-c\s*['\"])\s*"
    r"(?:\w+=\S*\s+)*(?:/\S*/)?"
    rf"(?P<client>{'|'.join(CLIENTS)})\s+(?P<rest>[^;|&\n)`]*)"
)
"""Expression for where a client stands as a command, also behind `sudo` and the like; few files need it."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of a client in a command."""

    client: str
    words: tuple[str, ...]
    """All behind the client."""
    verb: str
    behind: tuple[str, ...]
    """All behind the verb."""


def refusal_of_command(command: str) -> str:
    """Why a command is not run, with the line to write where there is one; empty for any other."""
    return next((refusal for call in _calls_in(command) if (refusal := _refusal_of(call))), "")


def _calls_in(command: str) -> Iterator[_Call]:
    for found in re.finditer(_CALL, command) if any(client in command for client in CLIENTS) else ():
        words = [word.strip("'\"") for word in found["rest"].split()]
        behind = behind_options(words)
        if behind[:1] and behind[0] in _GROUPS and found["client"] in ENGINES:
            behind = behind_options(behind[1:])
        if behind:
            yield _Call(found["client"], tuple(words), behind[0], tuple(behind[1:]))


def _refusal_of(call: _Call) -> str:
    shown = f"'{call.client} {call.verb}'"
    if call.verb in ("exec", "rsh"):
        return f"runs {shown}, which leaves its processes in the container when it is ended; write '{_in_two(call)}'"
    if call.verb in _STAYS:
        return f"runs {shown}, which does not end by itself and opens a way into what is tested; collect what answers"
    is_of_cluster = call.client in CLUSTER_CLIENTS
    changes = _CHANGES_OF_CLUSTERS if is_of_cluster else _CHANGES_OF_ENGINES
    if call.verb not in changes or " ".join([call.verb, *call.behind[:1]]) in _READS:
        return ""
    reads = "get' or 'describe" if is_of_cluster else "inspect' or 'logs"
    return f"runs {shown}, which changes what is tested; FailTale only reads: write e.g. '{call.client} {reads}'"


def _in_two(call: _Call) -> str:
    """The prefix and the command in place of an `exec`."""
    prefix, asked = exec_prefix(call.client, call.words)
    return f"inside: {prefix}' and 'command: {' '.join(asked) or '…'}"
