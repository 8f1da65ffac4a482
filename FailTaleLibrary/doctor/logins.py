"""Why a host cannot be asked -> the stage at which the way to it ends, and the line to type. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Literal

from FailTaleLibrary.config import Config
from FailTaleLibrary.doctor.findings import Advice, StageFinding, Where
from FailTaleLibrary.doctor.prefixes import is_of_prefix, prefix_advice
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.transports.reach import Reach

Stage = Literal["name", "reach", "host key", "key", "login", "shell"]
_STAGES: dict[str, Stage] = {
    "unknown host key": "host key",
    "host key changed": "host key",
    "authentication refused": "login",
    "failed": "key",
    "refused": "reach",
    "unreachable": "reach",
    "no answer": "reach",
    "connection lost": "reach",
}
"""Reason of a `TransportError` -> the stage, where its words do not tell another."""
_WORDS: tuple[tuple[str, Stage], ...] = (
    (r"configuration of ssh|ssh's configuration|ssh cannot read|lead in a circle", "reach"),
    (r"cannot be resolved|has no address", "name"),
    (r"starts no shell|its shell says nothing|does not run commands|opens no session|opened no session", "shell"),
    (r"in common with FailTale|in place of an SSH banner", "reach"),
    (r"did not respond to the login|hung up during the login|broke off the login", "login"),
)


def way_finding(
    error: TransportError, config: Config, host: str, user: str, reach: Reach | None = None
) -> StageFinding:
    """The finding for a host that cannot be asked."""
    said = str(error)
    inside = config.hosts[host].inside
    if inside and is_of_prefix(said):
        behind = tuple(prefix_advice(inside, error.reason, said, user=user or "USER"))
        return StageFinding(stage="shell", verdict="problem", said=said, advice=behind)
    stage = next((stage for pattern, stage in _WORDS if re.search(pattern, said)), _STAGES.get(error.reason, "reach"))
    way = _Way(config, host, user, reach)
    jump = _jump_in(said, reach)
    if jump is not None:
        way.stand_for(jump)
    if stage == "host key":  # what to type is told with the advice
        said = re.split(r"\. If that is its key|, or the host was reinstalled: then", said)[0].rstrip(".") + "."
    advice = tuple(_ADVICE[stage](way, error))
    if jump is not None:
        there: Where = "on the jump host"
        advice = tuple(
            each.model_copy(update={"where": there}) if each.where == "on the host" else each for each in advice
        )
    return StageFinding(stage=stage, verdict="problem", said=said, advice=advice)


def _jump_in(said: str, reach: Reach | None) -> Reach | None:
    """The jump host at which a way ends, when it is one."""
    names = re.findall(r"Jump host '([^']*)' \(", said)
    return next((jump for jump in (reach.jumps if reach else ()) if names and jump.host == names[-1]), None)


class _Way:
    """The words of a host's login, as a line needs them."""

    def __init__(self, config: Config, host: str, user: str, reach: Reach | None) -> None:
        self.ssh = config.ssh_for(host)
        self.host = host
        self.address = config.hosts[host].address or host
        self.user = user
        self.port = [] if self.ssh.port in (None, 22) else ["-p", str(self.ssh.port)]
        self.jumps = tuple(jump.host for jump in reach.jumps) if reach else ()
        self.command = reach.proxy_command if reach else ""
        self.through = ["-J", ",".join(self.ssh.proxy_jump)] if self.ssh.proxy_jump else []

    def stand_for(self, jump: Reach) -> None:
        """Have the lines lead to a jump host instead."""
        self.ssh, self.host, self.address, self.user = jump.ssh, jump.host, jump.address, jump.user
        self.port = [] if jump.port == 22 else ["-p", str(jump.port)]
        self.jumps = tuple(before.host for before in jump.jumps)
        self.command = jump.proxy_command
        self.through = ["-J", ",".join(self.jumps)] if self.jumps else []

    @property
    def login(self) -> str:
        return f"{self.user}@{self.address}"

    def here(self, *words: str) -> str:
        return shlex.join(words)


def _name(way: _Way, error: TransportError) -> Iterator[Advice]:
    yield Advice(
        needs=f"a name that this machine can resolve, or an IP address (getent hosts {shlex.quote(way.address)})",
        where="in the configuration",
        lines=(f"{way.host}: {{…, address: 192.0.2.10}}",),
    )


def _reach(way: _Way, error: TransportError) -> Iterator[Advice]:
    if re.search(_WORDS[0][0], str(error)):
        line = way.here("ssh", "-G", way.address)
        yield Advice(needs="it mended; this shows it", where="on this machine", lines=(line,))
        return
    verbose = way.here("ssh", "-v", *way.port, *way.through, way.login, "true")
    if setting := re.search(r"Allow one of these with '(\w+)' in its sshd_config", str(error)):
        yield Advice(
            needs="one that both know; this shows the server's", lines=(f"sudo sshd -T | grep -i {setting[1]}",)
        )
    elif "which forbids it" in str(error):
        line = "sudo sshd -T -C user=$USER | grep -iE 'allowtcpforwarding|permitopen|disableforwarding'"
        yield Advice(needs="forwarding", where="on the jump host", lines=(line,))
    elif way.jumps or way.command:
        first = way.here("ssh", "-v", way.jumps[0], "true") if way.jumps else way.command
        needs = "a jump host that can be logged in to, and that reaches the host" if way.jumps else "its ProxyCommand"
        yield Advice(needs=needs, where="on this machine", lines=(first, verbose) if way.jumps else (first,))
    elif "no SSH server listens" in str(error):
        yield Advice(
            needs="an SSH server that listens, or its right port",
            lines=("sudo ss -ltnp | grep sshd", "sudo systemctl enable --now ssh"),
        )
        yield Advice(needs="its port", where="in the configuration", lines=(f"{way.host}: {{…, ssh: {{port: 2222}}}}",))
    else:
        yield Advice(
            needs="a way to its SSH server: address, port, firewall", where="on this machine", lines=(verbose,)
        )


def _host_key(way: _Way, error: TransportError) -> Iterator[Advice]:
    said = str(error)
    if "certificate" in said:
        return
    if error.reason == "unknown host key":
        scan = re.search(r"type: (ssh-keyscan .*)$", said)
        lines = ["failtale check --accept-host-keys", *([scan[1].rstrip(".")] if scan else [])]
        yield Advice(
            needs="its key, compared with what the host says of it", where="on this machine", lines=tuple(lines)
        )
        kind = re.search(r"ssh_host_(\w+)_key\.pub", said)
        yield Advice(
            needs="to compare", lines=(f"ssh-keygen -lf /etc/ssh/ssh_host_{kind[1] if kind else 'ed25519'}_key.pub",)
        )
    elif removal := re.search(r"remove its old key with: (ssh-keygen .*?)\.?$", said):
        yield Advice(
            needs="to ask who changed it; only then to remove the old key", where="on this machine", lines=(removal[1],)
        )


def _key(way: _Way, error: TransportError) -> Iterator[Advice]:
    key = str(way.ssh.key or "~/.ssh/id_ed25519")
    said = str(error)
    if "encrypted" in said:
        yield Advice(needs="its passphrase, from an agent", where="on this machine", lines=(way.here("ssh-add", key),))
        line = 'ssh: {key_passphrase: "%{FAILTALE_KEY_PASSPHRASE}"}'
        yield Advice(needs="its passphrase, if from the environment", where="in the configuration", lines=(line,))
    elif "passphrase is wrong" in said:
        line = way.here("ssh-keygen", "-y", "-f", key)
        yield Advice(needs="its right passphrase; this asks for it", where="on this machine", lines=(line,))
    elif "public key" in said:
        yield Advice(
            needs="the private key, or an agent that has it",
            where="in the configuration",
            lines=(f"key: {key.removesuffix('.pub')}",),
        )
    else:
        yield Advice(
            needs="a key that FailTale can use",
            where="on this machine",
            lines=(way.here("ssh-keygen", "-t", "ed25519", "-N", "", "-f", f"{key}-failtale"),),
        )


def _login(way: _Way, error: TransportError) -> Iterator[Advice]:
    user = shlex.quote(way.user)
    public = f"{way.ssh.key}.pub" if way.ssh.key else ""
    copy = way.here(
        "ssh-copy-id", *(["-i", public.replace(".pub.pub", ".pub")] if public else []), *way.port, way.login
    )
    if "its password" in str(error) and "authorized_keys" not in str(error):
        line = way.here("ssh", "-o", "PubkeyAuthentication=no", *way.port, *way.through, way.login, "true")
        yield Advice(needs="its right password; this asks for it", where="on this machine", lines=(line,))
        return
    if "no key to offer" in str(error):
        make = way.here("ssh-keygen", "-t", "ed25519", "-N", "", "-f") + " ~/.ssh/failtale"
        yield Advice(needs="a key", where="on this machine", lines=(make,))
        yield Advice(needs="to name it", where="in the configuration", lines=("ssh: {key: ~/.ssh/failtale}",))
        return
    yield Advice(needs=f"the key in {way.user}'s authorized_keys", where="on this machine", lines=(copy,))
    yield Advice(
        needs="an account that is there, not locked, not expired, whose files are its own",
        lines=(
            f"id {user}; sudo passwd -S {user}; sudo chage -l {user}; sudo ls -ld ~{user} ~{user}/.ssh",
            f"sudo usermod -p '*' -e '' {user}; sudo chmod go-w ~{user} ~{user}/.ssh ~{user}/.ssh/authorized_keys",
            f"sudo journalctl -t sshd -n 20 | grep {user}",
        ),
    )


def _shell(way: _Way, error: TransportError) -> Iterator[Advice]:
    said, user = str(error), shlex.quote(way.user)
    is_silent = said.endswith("it prints nothing") and re.search(r"starts no shell for '[^']*';", said) is not None
    if re.search(r"not available|nologin|/bin/false", said) or is_silent:
        yield Advice(needs="a login shell", lines=(f"getent passwd {user}", f"sudo usermod -s /bin/sh {user}"))
    if re.search(r"No such file or directory", said) and "/sh" in said:
        yield Advice(
            needs="a shell inside of its ChrootDirectory, or no ChrootDirectory",
            lines=(f"sudo sshd -T -C user={user} | grep -i chroot",),
        )
        return
    if "its shell says nothing" in said:
        yield Advice(needs="start-up files that end", lines=(f"sudo head -n 50 ~{user}/.bashrc ~{user}/.profile",))
        return
    if "MaxSessions" in said:
        yield Advice(needs="a session", lines=("sudo sshd -T | grep -i maxsessions",))
        return
    if "not available" in said:
        return
    if is_silent:
        line = "time " + way.here("ssh", *way.port, *way.through, way.login, "true")
        needs = "start-up files that end within a second or two; this tells how long they take"
        yield Advice(needs=needs, where="on this machine", lines=(line,))
    yield Advice(
        needs="a login that runs what it is asked: no ForceCommand, no 'command=' before the key, no menu in .bashrc",
        lines=(
            f"sudo sshd -T -C user={user} | grep -i forcecommand",
            f"sudo grep -n 'command=' ~{user}/.ssh/authorized_keys",
            f"sudo grep -nE 'exec|read|exit' ~{user}/.bashrc ~{user}/.profile",
        ),
    )


_ADVICE = {"name": _name, "reach": _reach, "host key": _host_key, "key": _key, "login": _login, "shell": _shell}
