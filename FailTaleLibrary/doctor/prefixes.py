"""Why `inside` leads to no shell -> the lines to type or to write. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from FailTaleLibrary.config.inside import ENGINES
from FailTaleLibrary.doctor.findings import Advice

_OF_PREFIXES = re.compile(
    r"leads into a (container|namespace) that is not there|there is no shell 'sh' behind|the shell behind '"
    r"|the account may not use '|the container engine on '|starts no shell (and|; it) says|' is not on '",
    re.IGNORECASE,
)


def is_of_prefix(said: str) -> bool:
    """Whether words tell of a prefix, and not of what was asked behind it."""
    return _OF_PREFIXES.search(said) is not None


def prefix_advice(prefix: Sequence[str], reason: str, said: str, *, user: str, place: str = "") -> Iterator[Advice]:
    """What to do about a prefix; ``place``: where its program is on the host, as far as that is known."""
    words = list(prefix[prefix.index("-n") + 1 :]) if prefix[:1] == ("sudo",) and "-n" in prefix else list(prefix)
    program = words[0].rpartition("/")[2] if words else "sudo"
    is_engine = program in ENGINES
    if reason == "permission denied" and words:
        path = words[0] if words[0].startswith("/") else place or f"/usr/bin/{words[0]}"
        asked = " ".join(re.sub(r"([\\,:=*?\[\]!\s])", r"\\\1", word) for word in words[1:])
        rule = f"{user} ALL=(root) NOPASSWD: {path} {asked} sh -c *"
        line = f"echo {shlex.quote(rule)} | sudo EDITOR='tee -a' visudo -f /etc/sudoers.d/failtale"
        yield Advice(
            needs="a sudoers rule for this container alone (the engine's group is as good as root)", lines=(line,)
        )
        if words == list(prefix):
            inside = f"inside: {shlex.join(['sudo', '-n', *words])}"
            yield Advice(needs="sudo before it", where="in the configuration", lines=(inside,))
    elif reason in ("not running", "stopped"):
        lines = (f"{program} ps --all",) if is_engine else ("lsns", "ip netns list")
        yield Advice(needs="the name of something that runs", lines=lines)
    elif "no shell 'sh'" in said or "lacks a program" in said:
        yield Advice(
            needs="an image with a shell, or to be asked from outside",
            where="in the configuration",
            lines=("- containers",),
        )
    elif reason == "refused" and is_engine:
        yield Advice(needs="its engine to run", lines=(f"sudo systemctl start {program}",))
    elif reason == "command not found":
        yield Advice(needs=f"the program '{program}', or another prefix", lines=(f"command -v {program}",))
