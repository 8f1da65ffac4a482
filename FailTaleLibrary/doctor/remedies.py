"""What a host refused, and what it is like -> what is missing and the lines to type. Pure.

Each word of a host that comes into a line is quoted for the shell that it is typed in.
"""

from __future__ import annotations

import contextlib
import difflib
import re
import shlex
from collections.abc import Iterator, Sequence

from FailTaleLibrary.collection.cluster_access import lines_to_apply
from FailTaleLibrary.config import Collector
from FailTaleLibrary.doctor.findings import Advice
from FailTaleLibrary.doctor.prefixes import is_of_prefix, prefix_advice
from FailTaleLibrary.doctor.survey import HostSurvey, ListedFile, programs_of
from FailTaleLibrary.lazy import dataclass

FULL_PERCENT = 95
"""A log's file system that is fuller loses what is written next, or is about to."""
_NEVER_JOIN = frozenset({"root", "sudo", "wheel", "shadow", "admin", "disk"})
"""Groups that are as good as root: nobody is told to join them for a log."""
_PACKAGES = {
    "psql": ("postgresql-client", "postgresql"),
    "redis-cli": ("redis-tools", "redis"),
    "rabbitmqctl": ("rabbitmq-server", "rabbitmq-server"),
    "rabbitmq-diagnostics": ("rabbitmq-server", "rabbitmq-server"),
    "mariadb": ("mariadb-client", "mariadb"),
    "mysql": ("default-mysql-client", "mysql"),
    "docker": ("docker.io", "docker"),
    "podman": ("podman", "podman"),
    "jcmd": ("default-jdk-headless", "java-latest-openjdk-devel"),
    "socat": ("socat", "socat"),
    "ss": ("iproute2", "iproute"),
    "ip": ("iproute2", "iproute"),
    "ps": ("procps", "procps-ng"),
    "top": ("procps", "procps-ng"),
    "free": ("procps", "procps-ng"),
    "awk": ("mawk", "gawk"),
    "setsid": ("util-linux", "util-linux"),
    "timeout": ("coreutils", "coreutils"),
    "journalctl": ("systemd", "systemd"),
    "systemctl": ("systemd", "systemd"),
    "gzip": ("gzip", "gzip"),
    "curl": ("curl", "curl"),
    "setfacl": ("acl", "acl"),
    "lsof": ("lsof", "lsof"),
    "sudo": ("sudo", "sudo"),
    "mongosh": ("mongodb-mongosh", "mongodb-mongosh"),
    "kubectl": ("kubernetes-client", "kubernetes-client"),
}
"""Program -> its package on Debian, and on Red Hat."""
_INSTALL = {
    "apt-get": "apt-get install",
    "dnf": "dnf install",
    "yum": "yum install",
    "zypper": "zypper install",
    "apk": "apk add",
    "opkg": "opkg install",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What one collector did not get."""

    collector: Collector
    reason: str
    """As `records.GapReason` says it, or ``part``."""
    said: str
    """The host's words."""


def advice_for(refusal: Refusal, survey: HostSurvey) -> tuple[Advice, ...]:
    """What is missing, the most telling first; empty where nobody knows."""
    if is_of_prefix(refusal.said) and refusal.collector.inside:
        place = survey.programs.get(refusal.collector.inside[0], "")
        user = survey.user or "USER"
        return tuple(prefix_advice(refusal.collector.inside, refusal.reason, refusal.said, user=user, place=place))
    for rule in _RULES:
        found = tuple(rule(refusal, survey))
        if found:
            return found
    if refusal.reason == "permission denied" and refusal.collector.privilege:
        return (Advice(needs=refusal.collector.privilege),)
    return ()


# --- Programs ---------------------------------------------------------------------------------------------------------


def _programs(refusal: Refusal, survey: HostSurvey) -> Iterator[Advice]:
    if refusal.reason != "command not found":
        return
    named = _named_programs(refusal, survey)
    for program in named:
        if program in survey.elsewhere:
            yield _out_of_sight(program, survey.elsewhere[program], refusal.collector)
        else:
            yield Advice(needs=f"the program '{program}'", lines=_install(program, survey))


def _out_of_sight(program: str, place: str, collector: Collector) -> Advice:
    needs = f"the program '{program}', which is in {place.rsplit('/', 1)[0]}, where this login does not look"
    if collector.preset is None and collector.command:
        command = re.sub(rf"(?<![\w/.-]){re.escape(program)}(?![\w.-])", place, collector.command, count=1)
        return Advice(needs=needs, where="in the configuration", lines=(f"command: {command}",))
    return Advice(needs=needs, lines=(f"sudo ln -s {shlex.quote(place)} /usr/local/bin/{shlex.quote(program)}",))


def _named_programs(refusal: Refusal, survey: HostSurvey) -> list[str]:
    lacking = survey.missing | survey.elsewhere.keys()
    in_words = [name for name in re.findall(r"[\w.+-]+", refusal.said) if name in lacking]
    of_collector = [name for name in dict.fromkeys(programs_of(refusal.collector)) if name in lacking]
    if in_words or of_collector:
        return in_words[:1] or of_collector[:2]
    said = re.search(r"(?:^|[ :])([\w.+-]+): (?:command )?not found", refusal.said)
    return [said[1]] if said else []


def _install(program: str, survey: HostSurvey) -> tuple[str, ...]:
    if not survey.installers:
        return ()
    installer = survey.installers[0]
    debian, red_hat = _PACKAGES.get(program, (program, program))
    package = debian if installer in ("apt-get", "opkg") else red_hat
    return (f"sudo {_INSTALL[installer]} {shlex.quote(package)}",)


# --- sudo -------------------------------------------------------------------------------------------------------------


def _sudo(refusal: Refusal, survey: HostSurvey) -> Iterator[Advice]:
    command = refusal.collector.command or ""
    if refusal.reason not in ("permission denied", "failed", "could not tell") or "sudo" not in command:
        return
    if not re.search(r"sudo|sudoers|password is required|tty|terminal|not allowed to execute", refusal.said):
        return
    user = survey.user or "USER"
    if re.search(r"must have a tty|no tty present(?! and no askpass)", refusal.said):
        yield Advice(
            needs="sudo without a terminal",
            lines=(_sudoers_line(f"Defaults:{user} !requiretty"),),
        )
        return
    for run_as, inner in _sudo_commands(command):
        words = inner.split()
        place = survey.programs.get(words[0], "") or survey.elsewhere.get(words[0], "")
        if not words[0].startswith("/"):
            words[0] = place if place.startswith("/") else f"/usr/bin/{words[0]}"
        rule = f"{user} ALL=({run_as}) NOPASSWD: {_for_sudoers(' '.join(words))}"
        yield Advice(needs="a sudoers rule for exactly this command, without a password", lines=(_sudoers_line(rule),))
    if not re.search(r"sudo\s+(-\w+\s+)*-n\b|sudo\s+-\w*n", command):
        yield Advice(
            needs="'sudo -n', which never asks for a password",
            where="in the configuration",
            lines=(f"command: {re.sub(r'sudo', 'sudo -n', command, count=1)}",),
        )


def _sudo_commands(command: str) -> Iterator[tuple[str, str]]:
    """(whom it runs as, the command behind it) for each sudo in a command."""
    for found in re.finditer(r"\bsudo\s+((?:-u\s*\S+|-g\s*\S+|-[A-Za-z]+|--\S*)\s+)*([^|;&\n)`]+)", command):
        as_user = re.search(r"-u\s*(\S+)", found[0])
        inner = re.sub(r"\s+\d?>+\s*\S+|\s+2>&1", "", found[2]).strip()
        if inner:
            yield (as_user[1] if as_user else "root"), inner


def _for_sudoers(command: str) -> str:
    """As sudoers wants a command: its own special characters escaped, quotes as the program gets them."""
    with contextlib.suppress(ValueError):
        command = " ".join(shlex.split(command))
    return re.sub(r"([,:=\\])", r"\\\1", command)


def _sudoers_line(rule: str) -> str:
    """Appends a rule; visudo refuses one that it cannot read."""
    return f"echo {shlex.quote(rule)} | sudo EDITOR='tee -a' visudo -f /etc/sudoers.d/failtale"


# --- Journals, containers, services -----------------------------------------------------------------------------------


def _journal(refusal: Refusal, survey: HostSurvey) -> Iterator[Advice]:
    about_journal = refusal.collector.journal is not None or re.search(
        r"journal|messages from other users|kernel buffer", refusal.said
    )
    if refusal.reason not in ("permission denied", "part") or not about_journal:
        return
    known = [name for name in ("systemd-journal", "adm") if name in survey.known_groups] or ["systemd-journal"]
    if known[0] in survey.groups:
        return
    yield _join(known[0], survey)


def _join(group: str, survey: HostSurvey) -> Advice:
    user = shlex.quote(survey.user or "USER")
    return Advice(needs=f"the group {group}", lines=(f"sudo usermod -aG {shlex.quote(group)} {user}",))


def _no_journal(refusal: Refusal, survey: HostSurvey) -> Iterator[Advice]:
    if re.search(r"No journal files were found|no persistent journal", refusal.said):
        yield Advice(
            needs="a journal: no journald writes one",
            lines=("sudo mkdir -p /var/log/journal && sudo systemctl restart systemd-journald",),
        )


_SERVICES = {
    "psql": "postgresql",
    "redis": "redis",
    "rabbit": "rabbitmq-server",
    "docker": "docker",
    "mysql": "mariadb",
    "mariadb": "mariadb",
    "haproxy": "haproxy",
}


def _services(refusal: Refusal, survey: HostSurvey) -> Iterator[Advice]:
    if not re.search(r"[Cc]onnection refused|server running|nodedown|Can't connect|on socket .* failed", refusal.said):
        return
    text = f"{refusal.said} {refusal.collector.command or ''}"
    unit = next((unit for word, unit in _SERVICES.items() if word in text.lower()), None)
    if unit is not None:
        line = f"systemctl status {unit}"
        yield Advice(needs=f"{unit} to run, and the right address and port in the command", lines=(line,))


def _units(refusal: Refusal, survey: HostSurvey) -> Iterator[Advice]:
    unit = refusal.collector.journal or next(iter(re.findall(r"Unit (\S+?)(?:\.service)? could not", refusal.said)), "")
    if refusal.reason != "file not found" or not unit or "could not be found" not in refusal.said:
        return
    near = difflib.get_close_matches(unit.removesuffix(".service"), survey.like_units, n=3, cutoff=0.4)
    near = near or list(survey.like_units[:3])
    has = f"; the host has {', '.join(near)}" if near else ""
    lines = (f"journal: {near[0]}",) if near and refusal.collector.preset is None else ()
    if near and refusal.collector.preset is not None:
        lines = (f"- {refusal.collector.preset}: {{unit: {near[0]}}}",)
    if lines:
        yield Advice(needs=f"the name of a unit that exists{has}", where="in the configuration", lines=lines)
    else:
        pattern = shlex.quote(f"*{unit[:6]}*")
        yield Advice(
            needs="the name of a unit that exists", lines=(f"systemctl list-units --all --type=service {pattern}",)
        )


def _containers(refusal: Refusal, survey: HostSurvey) -> Iterator[Advice]:
    if not re.search(r"docker.*(permission denied|not permitted)|permission denied.*docker", refusal.said, re.I):
        return
    user = survey.user or "USER"
    if refusal.collector.container or refusal.collector.preset == "containers":
        place = survey.programs.get("docker", "/usr/bin/docker")
        words = ", ".join(f"{place} {word} *" for word in ("ps", "inspect", "logs", "events"))
        rule = f"{user} ALL=(root) NOPASSWD: {words}"
        yield Advice(needs="sudoers rules for what only reads", lines=(_sudoers_line(rule),))
        engine = "- containers: {engine: sudo -n docker}" if refusal.collector.preset else "engine: sudo -n docker"
        yield Advice(needs="sudo before it", where="in the configuration", lines=(engine,))
        return
    command = (refusal.collector.command or "docker ps").split("|")[0].strip()
    place = survey.programs.get("docker", "/usr/bin/docker")
    exact = re.sub(r"^(sudo\s+(-n\s+)?)?\S*docker", place, command)
    rule = f"{user} ALL=(root) NOPASSWD: {_for_sudoers(exact)}"
    yield Advice(
        needs="a sudoers rule for exactly this command (the group docker is as good as root)",
        lines=(_sudoers_line(rule),),
    )
    yield Advice(needs="sudo before it", where="in the configuration", lines=(f"command: sudo -n {exact}",))


def _databases(refusal: Refusal, survey: HostSurvey) -> Iterator[Advice]:
    said, user = refusal.said, survey.user or "USER"
    is_postgres = re.search(r"psql|postgres|FATAL: |pg_hba|fe_sendauth", said) is not None
    if is_postgres and re.search(r"[Pp]eer authentication failed|role .* does not exist", said):
        sql = f'CREATE ROLE "{user}" LOGIN; GRANT pg_monitor TO "{user}"'
        yield Advice(
            needs=f"a database role '{user}', named like the login, which may monitor",
            lines=(f"sudo -u postgres psql -c {shlex.quote(sql)}",),
        )
    elif is_postgres and re.search(r"password authentication failed|no password supplied|no pg_hba\.conf entry", said):
        entry = f"localhost:5432:*:{user}:PASSWORD"
        yield Advice(
            needs="a password in the login's ~/.pgpass, or a pg_hba.conf line with `peer`",
            lines=(f"(umask 077; echo {shlex.quote(entry)} >> ~{user}/.pgpass)",),
        )
    elif is_postgres and re.search(r"permission denied", said):
        sql = f'GRANT pg_monitor TO "{user}"'
        yield Advice(needs="the role pg_monitor", lines=(f"sudo -u postgres psql -c {shlex.quote(sql)}",))
    elif re.search(r"\bNOAUTH\b|\bWRONGPASS\b", said):
        text = f"Match User {user}\\n  SetEnv REDISCLI_AUTH=PASSWORD\\n"
        yield Advice(
            needs="Redis's password as REDISCLI_AUTH in the login's environment",
            lines=(
                f"printf {shlex.quote(text)} | sudo tee /etc/ssh/sshd_config.d/90-failtale.conf",
                "sudo chmod 600 /etc/ssh/sshd_config.d/90-failtale.conf && sudo systemctl reload ssh",
            ),
        )
    elif re.search(r"\bNOPERM\b", said):
        yield Advice(needs="two commands of Redis", lines=("redis-cli ACL SETUSER default +info '+latency|latest'",))
    elif re.search(r"ERROR (1045|1698|1227)|Access denied for user", said):
        sql = (
            f"CREATE USER '{user}'@'localhost' IDENTIFIED VIA unix_socket; GRANT PROCESS ON *.* TO '{user}'@'localhost'"
        )
        yield Advice(
            needs=f"a database user '{user}' with the right PROCESS", lines=(f"sudo mariadb -e {shlex.quote(sql)}",)
        )


# --- Files ------------------------------------------------------------------------------------------------------------


def _files(refusal: Refusal, survey: HostSurvey) -> Iterator[Advice]:
    told: set[tuple[str, ...]] = set()
    for pattern in refusal.collector.file:
        for advice in _of_pattern(pattern, survey):
            if advice.lines not in told:
                told.add(advice.lines)
                yield advice


def _of_pattern(pattern: str, survey: HostSurvey) -> Iterator[Advice]:
    if wall := survey.walls.get(pattern):
        yield from _enter_right(wall, survey)
        return
    matches = survey.matches.get(pattern, [])
    folder = survey.folders.get(pattern)
    if not matches and folder is not None and not folder.is_readable and _in_folder(pattern, folder):
        yield from _enter_right(folder, survey, to_list=True)
        return
    for match in matches:
        if match.kind == "folder":
            line = f"file: {match.path.rstrip('/')}/*.log"
            yield Advice(needs="a file: this is a folder", where="in the configuration", lines=(line,))
        elif match.kind == "file" and not match.is_readable:
            yield _read_right(match, folder, survey)
    if not matches:
        yield from _dead(pattern, survey)


def _in_folder(pattern: str, folder: ListedFile) -> bool:
    return pattern.rsplit("/", 1)[0] == folder.path.rstrip("/")


def _enter_right(folder: ListedFile, survey: HostSurvey, *, to_list: bool = False) -> Iterator[Advice]:
    what = "list" if to_list else "pass"
    allows = folder.mode[4:7]
    if _may_join(folder.group, survey) and ("r" in allows if to_list else re.search("[xs]", allows)):
        yield _join(folder.group, survey)
        return
    user, rights = shlex.quote(survey.user or "USER"), "rx" if to_list else "x"
    yield Advice(
        needs=f"the right to {what} the folder {folder.path} ({_shown(folder)})",
        lines=(*_acl_program(survey), f"sudo setfacl -m u:{user}:{rights} {shlex.quote(folder.path)}"),
    )


def _read_right(file: ListedFile, folder: ListedFile | None, survey: HostSurvey) -> Advice:
    if "r" in file.mode[4:7] and _may_join(file.group, survey):
        return _join(file.group, survey)
    user = shlex.quote(survey.user or "USER")
    parent = file.path.rsplit("/", 1)[0] or "/"
    lines = [*_acl_program(survey), f"sudo setfacl -m u:{user}:r {shlex.quote(file.path)}"]
    if re.search(r"/[^/]*log[^/]*$|/var/log/.", parent) and parent != "/var/log":  # a product's own folder of logs
        lines.append(f"sudo setfacl -m d:u:{user}:rX {shlex.quote(parent)}")  # for what rotation makes next
    return Advice(needs=f"the right to read {file.path} ({_shown(file)})", lines=tuple(lines))


def _acl_program(survey: HostSurvey) -> tuple[str, ...]:
    """The line that installs `setfacl`, where it is missing."""
    return _install("setfacl", survey) if "setfacl" in survey.missing else ()


def _shown(file: ListedFile) -> str:
    return f"{file.mode} {file.owner} {file.group}".strip() or "no mode is known"


def _may_join(group: str, survey: HostSurvey) -> bool:
    return bool(group) and group not in _NEVER_JOIN and group not in survey.groups and not group.isdigit()


def _dead(pattern: str, survey: HostSurvey) -> Iterator[Advice]:
    """A pattern that matches nothing: what is in the folder, or that there is none."""
    folder = survey.folders.get(pattern)
    if folder is None:
        return
    if not _in_folder(pattern, folder) and not re.search(r"[*?]", pattern.rsplit("/", 1)[0]):
        missing = pattern[len(folder.path.rstrip("/")) + 1 :].split("/")[0]
        yield Advice(
            needs=f"a folder that is there: {folder.path} has no '{missing}'", lines=(f"ls {shlex.quote(folder.path)}",)
        )
        return
    names = survey.names.get(pattern, ())
    wanted = pattern.rsplit("/", 1)[1]
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
    near = near or [name for name in names if re.search(r"\.(log|out|err)$|log$", name)][:3]
    if near:
        line = f"file: {folder.path.rstrip('/')}/{near[0]}"
        yield Advice(
            needs=f"a name that is there; {folder.path} has {', '.join(near)}",
            where="in the configuration",
            lines=(line,),
        )
    else:
        has = "is empty" if not names else f"has {', '.join(names[:5])}"
        yield Advice(needs=f"a file that is there; {folder.path} {has}", lines=(f"ls -l {shlex.quote(folder.path)}",))


def _slow(refusal: Refusal, survey: HostSurvey) -> Iterator[Advice]:
    """A collector whose time was too short, or whose command has no end."""
    if refusal.reason == "timed out" and refusal.said.endswith(" s"):
        needs = "more time, or a command that ends sooner (journalctl and tail without -f, ping with -c)"
        yield Advice(needs=needs, where="in the configuration", lines=("timeout: 30 s",))


def _gate_drift(refusal: Refusal, survey: HostSurvey) -> Iterator[Advice]:
    """A gate that was made from another configuration."""
    if (line := re.search(r"make it anew with '(failtale gate [^']+)'", refusal.said)) is not None:
        yield Advice(needs="its gate made from this configuration", where="on this machine", lines=(line[1],))


def _clusters(refusal: Refusal, survey: HostSurvey) -> Iterator[Advice]:
    """The roles that kubectl's account lacks, for whoever may grant them."""
    del survey
    if refusal.collector.kubernetes and (lines := lines_to_apply(refusal.said)):
        yield Advice(needs=refusal.collector.privilege or "a role in the cluster", where="in the cluster", lines=lines)


_RULES = (
    _gate_drift,
    _clusters,
    _programs,
    _sudo,
    _containers,
    _databases,
    _services,
    _journal,
    _no_journal,
    _units,
    _files,
    _slow,
)


# --- What no collector complains of ----------------------------------------------------------------------------------


def full_file_systems(collectors: Sequence[Collector], survey: HostSurvey) -> Iterator[tuple[str, Advice]]:
    """(sentence, advice) for each file system that has a log and is full, or nearly."""
    told: set[tuple[str, bool]] = set()
    for pattern in dict.fromkeys(each for collector in collectors for each in collector.file):
        for what, space in (("bytes", survey.space.get(pattern)), ("inodes", survey.inodes.get(pattern))):
            if space is None or space.used_percent < FULL_PERCENT or (space.mount, what == "bytes") in told:
                continue
            told.add((space.mount, what == "bytes"))
            left = "" if space.free_kilobytes is None else f", {space.free_kilobytes:,} kB left"
            of = "" if what == "bytes" else " of its inodes"
            sentence = f"{space.mount}, where {pattern} is, is {space.used_percent} % full{of}{left}: logs may stop"
            line = f"sudo du -xh --max-depth=2 {shlex.quote(space.mount)} | sort -h | tail"
            yield sentence, Advice(needs="free space", lines=(line,))


def lacking_tools(survey: HostSurvey, collectors: Sequence[Collector]) -> Iterator[tuple[bool, str, Advice]]:
    """(whether evidence is lost, sentence, advice) for each tool that FailTale itself uses there."""
    for tool in ("awk", "sed", "grep", "sort", "head", "tail", "cut", "date"):
        if tool in survey.missing:
            yield True, f"'{tool}' is missing", Advice(needs=f"the program '{tool}'", lines=_install(tool, survey))
    if "setsid" in survey.missing:
        sentence = "'setsid' is missing: a command that ignores signals is ended later"
        yield False, sentence, Advice(needs="the program 'setsid'", lines=_install("setsid", survey))
    if "gzip" in survey.missing and any(collector.file for collector in collectors):
        sentence = "'gzip' is missing: what was rotated and packed cannot be read"
        yield False, sentence, Advice(needs="the program 'gzip'", lines=_install("gzip", survey))
