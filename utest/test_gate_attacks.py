"""Whoever has the key to a gate runs the collectors of its configuration, and nothing else.

An attack leaves a file behind where it succeeds (a canary). Each is made against a gate in dash, bash and BusyBox.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gates import SHELLS, collectors_of, config_of, written
from needs import is_ci
from patience import PATIENCE_S

from FailTaleLibrary.gate import gate_of_host
from FailTaleLibrary.gate.script import SAFE_PATH
from FailTaleLibrary.windows.collector_text import collector_digest

SIX = "123456"
FULLWIDTH = "\uff11"
BEGIN = f"failtale-gate 1 {SIX} {SIX}"
LOGGED = "-t failtale-gate -p authpriv.info -- 192.0.2.7:"
NONCES = "0123456789abcdef fedcba9876543210 00112233445566aa"
ONE_SENTENCE = re.compile(rb"failtale-gate 1: refused: [^\n]*[.]\n")


@dataclass(frozen=True)
class Attacked:
    """A gate with one collector of each kind, in a shell, and where its attackers want to leave a canary."""

    gate: Path
    canary: Path
    log: Path
    """What the host's log was told."""
    logs: Path
    digests: Mapping[str, str]

    def call(
        self, command: str | bytes | None, stdin: bytes = b"", environment: Mapping[str, str | bytes] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """What sshd does with a client's command."""
        surroundings = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "SSH_CONNECTION": "192.0.2.7 1 192.0.2.1 22"}
        surroundings |= {} if command is None else {"SSH_ORIGINAL_COMMAND": command}
        return subprocess.run(
            [str(self.gate)],
            input=stdin,
            env={**surroundings, **(environment or {})},
            capture_output=True,
            start_new_session=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def converse(self, stdin: bytes, environment: Mapping[str, str] | None = None) -> tuple[bytes, bytes]:
        """A call whose client stays until it ends: its two streams."""
        surroundings = {
            "SSH_CONNECTION": "192.0.2.7 1 192.0.2.1 22",
            **(environment or {}),
            "SSH_ORIGINAL_COMMAND": BEGIN,
        }
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [str(self.gate)], stdin=pipe, stdout=pipe, stderr=pipe, env=surroundings, start_new_session=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdin.write(stdin)
            process.stdin.flush()
            return process.stdout.read(), process.stderr.read()

    def share_of(self, attacks: Sequence[Any]) -> Sequence[Any]:
        """In CI each attack is tried on one shell, elsewhere on every one."""
        shell = self.gate.with_name("sh").readlink().name
        return attacks[SHELLS.index(shell) :: len(SHELLS)] if is_ci() else attacks

    def request(self, body: bytes | str, header: str = "{nonces} 60 {size}") -> bytes:
        """A request around a body; what of it is right may be replaced."""
        data = body.encode() if isinstance(body, str) else body
        return header.replace("{nonces}", NONCES).replace("{size}", str(len(data))).ljust(79).encode() + b"\n" + data

    def item(self, name: str, **changes: str) -> str:
        """The line of a request for a collector, with some of its words replaced."""
        numbers = {
            "state": {"since": "1795666000", "until": "-", "max": "1000"},
            "log": {
                "how": "mark", "low": "1795666000.000000", "high": "1795666000.000000", "stale": "1795665880",
                "marked_at": "1795666000", "early": "yes", "late": "-", "zone": "-3600", "marked": "1", "unseen": "-",
                "brief": "-", "sought": "-", "max": "1000",
            },
            "journal": {
                "cursor": "s=0a;i=1;b=2", "behind": "sure", "low": "-", "high": "-",
                "text": "2026-11-26T04:21:17.958111", "brief": "2048", "sought": "ord-99817,4711", "max": "1000",
            },
        }[name]  # fmt: skip
        head = {"number": "1", "id": name, "digest": self.digests[name], "ticks": "60", "cap": "2000"}
        return " ".join(["item", *{**head, **numbers, **changes}.values()]) + "\n"


@pytest.fixture(params=SHELLS)
def attacked(request: pytest.FixtureRequest, tmp_path: Path) -> Attacked:
    logs, log, canary = tmp_path / "logs", tmp_path / "syslog", tmp_path / "canary"
    logs.mkdir()
    (logs / "app.log").write_text("of the log\n")
    config = config_of(
        {"name": "state", "command": "echo of the state"},
        {"name": "log", "file": str(logs / "*.log")},
        {"name": "journal", "journal": "*"},
    )
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "logger").write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{log}\n')
    (programs / "logger").chmod(0o755)
    text = gate_of_host(config, "web1").text.replace(SAFE_PATH, f"{programs}:{SAFE_PATH}")
    digests = {collector.name: collector_digest(collector) for collector in collectors_of(config)}
    return Attacked(written(text, programs, request.param), canary, log, logs, digests)


def all_at_once(calls: Iterator[tuple[str, object]]) -> None:
    """Each attack, a few at the same time; fails with the first that does not end as it says."""
    with ThreadPoolExecutor(4) as threads:
        for attack, ended in threads.map(lambda call: (call[0], call[1]()), calls):
            assert ended, attack


def is_refused(done: subprocess.CompletedProcess[bytes], stdout: bytes = b"") -> bool:
    return done.returncode == 1 and ONE_SENTENCE.fullmatch(done.stderr) is not None and done.stdout == stdout


def is_refused_after_hello(done: subprocess.CompletedProcess[bytes]) -> bool:
    hello = rb"failtale 246912\n\x1efailtale 246912 gate [0-9a-f]{16}\n\x1efailtale 246912 ready direct [0-9. +-]+\n"
    marker = b"\x1efailtale 246912 stderr\n"
    return (
        done.returncode == 1
        and done.stderr.startswith(marker)
        and ONE_SENTENCE.fullmatch(done.stderr.removeprefix(marker)) is not None
        and re.fullmatch(hello, done.stdout) is not None
    )


# --- The command ------------------------------------------------------------------------------------------------------

COMMANDS = r"""
touch {c}|sh -c 'touch {c}'|exec sh -c 'touch {c}'|/bin/sh|bash -i|-sh|sh|id;touch {c}|:;touch {c}
&& touch {c}|; touch {c}| touch {c}|& touch {c}|`touch {c}`|$(touch {c})|${{IFS}}touch${{IFS}}{c}
eval touch {c}|env touch {c}|command touch {c}|FAIL=1 touch {c}|>{c}|>>{c}|: >{c}|2>{c} true
</etc/passwd tee {c}|cat /etc/shadow > {c}|{{ touch {c}; }}|(touch {c})|if :; then touch {c}; fi
while :; do touch {c}; break; done|case x in x) touch {c} ;; esac|f() {{ touch {c}; }}; f
trap 'touch {c}' EXIT|. {c}|source {c}|alias x='touch {c}'; x|set -x; touch {c}|cd /; touch {c}
umask 0; touch {c}|internal-sftp|/usr/lib/openssh/sftp-server|sftp-server -d /|scp -t {c}|scp -f /etc/passwd
rsync --server -e.LsfxC . {c}|rsync --server --sender . /etc|rrsync /|git-receive-pack {c}|svnserve -t
mosh-server|tmux new -d 'touch {c}'|{g} ; touch {c}|{g}; touch {c}|{g}&&touch {c}|{g} $(touch {c})
{g} `touch {c}`|{g} | touch {c}|{g} > {c}|{g} extra|{g}' 'touch {c}|{g}\ntouch {c}|{g}\\ntouch {c}
\ntouch {c}|\n{g}|{g} |  {g}|{g}\t|failtale-gate\t1\t123456\t123456|failtale-gate 1 12345 123456
failtale-gate 1 023456 123456|failtale-gate 1 -23456 123456|failtale-gate 1 +23456 123456
failtale-gate 1 0x1234 123456|failtale-gate 1 1e4567 123456|failtale-gate 1 12345a 123456
failtale-gate 1 123456 1234567|failtale-gate 1 a[$(id)] 123456|failtale-gate 1 $(id).. 123456
failtale-gate 1 `id`.. 123456|failtale-gate 1 ?????? ??????|failtale-gate 1 ****** ******
failtale-gate 1 123456|failtale-gate|failtale-gate 2 123456 123456|failtale-gate 0 123456 123456
failtale-gate x 123456 123456|failtale-gate $ 123456 123456|failtale-gate 1 PATH+1 123456
failtale-gate 1 HOME+1 123456|--clean|--clean led|-c touch {c}|--help|../gate|./gate|/etc/passwd|~|*|?
[a-z]*|$HOME|$0|"$@"|'|"|\\|\\\\|%s|%n|\x1b]0;x\x07|failtale show|failtale collect|state|@marks|log
exec sh -c 'echo failtale $((123456+123456));s=$(head -c 9);eval "$s"'
"""


def commands(canary: Path) -> list[str]:
    listed = COMMANDS.replace("\\n", "\0").replace("\n", "|").replace("\0", "\n").replace("\\t", "\t").split("|")
    return [each.format(c=canary, g=BEGIN) for each in listed if each]


def test_a_command_is_refused_whatever_it_is(attacked: Attacked) -> None:
    attacks = commands(attacked.canary)
    assert len(attacks) > 110
    more: list[str | bytes | None] = [
        None,
        "",
        "a" * 100_000,
        BEGIN + "\udce9",
        b"\xff\xfe\x80",
        FULLWIDTH * 6,
        BEGIN + FULLWIDTH,
    ]
    all_at_once(
        (repr(attack), lambda attack=attack: is_refused(attacked.call(attack, b"touch x\n")))  # type: ignore[misc]
        for attack in [*attacked.share_of([*attacks, *more]), "failtale-gate 3 123456 123456"]
    )
    assert not attacked.canary.exists()
    assert set(attacked.log.read_text().splitlines()) == {
        f"{LOGGED} refused: this account answers the requests of FailTale alone.",
        f"{LOGGED} refused: this gate speaks version 1 of the protocol; make it anew with 'failtale gate'.",
    }


def test_the_commands_are_attacks_where_there_is_no_gate(tmp_path: Path) -> None:
    """What the law above is worth: a shell would run most of those that want a canary."""
    succeeded = 0
    wanted = [each for each in commands(tmp_path / "canary") if str(tmp_path) in each and "tmux" not in each]
    for each in wanted:
        subprocess.run(
            ["/bin/sh", "-c", each], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        succeeded += (tmp_path / "canary").exists()
        (tmp_path / "canary").unlink(missing_ok=True)
    assert succeeded > 0.6 * len(wanted)


# --- The environment --------------------------------------------------------------------------------------------------


def test_no_variable_of_a_client_changes_what_runs(attacked: Attacked) -> None:
    evil = attacked.canary.parent / "evil"
    evil.mkdir()
    touch = f"touch {attacked.canary}"
    for name in (
        "sh",
        "env",
        "id",
        "date",
        "head",
        "dd",
        "awk",
        "logger",
        "setsid",
        "sleep",
        "cat",
        "tail",
        "grep",
        "echo",
    ):
        (evil / name).write_text(f"#!/bin/dash\n{touch}\n")
        (evil / name).chmod(0o755)
    (evil / "rc").write_text(f"{touch}\n")
    environments: list[dict[str, str]] = [
        {"PATH": str(evil)},
        {"PATH": ""},
        {"PATH": f"{evil}:."},
        {"IFS": "a"},
        {"IFS": " \t\n1"},
        {"ENV": str(evil / "rc")},
        {"BASH_ENV": "/dev/null", "ENV": f"$({touch})"},
        {"LD_PRELOAD": "/nowhere/evil.so"},
        {"LD_LIBRARY_PATH": str(evil)},
        {"PS1": f"$({touch})", "PS2": f"$({touch})", "PROMPT_COMMAND": touch},
        {"HOME": str(evil)},
        {"TERM": f"$({touch})"},
        {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"},
        {"LC_ALL": "ja_JP.SJIS", "LC_CTYPE": "zh_CN.GB18030"},
        {"LC_MESSAGES": f"../../..{evil}", "LANGUAGE": str(evil)},
        {"CDPATH": str(evil), "OLDPWD": str(evil), "PWD": str(evil)},
        {"POSIXLY_CORRECT": "1", "TMPDIR": str(evil), "TZ": f":{evil}/rc"},
        {"FAILTALE_TEXT": touch, "FAILTALE_VISIT": "x", "FAILTALE_ALLOWED": ".*"},
        {"text1": touch, "own": touch, "marking": touch, "decode": touch, "version": f"1; {touch}"},
        {"own_shell": str(evil / "sh"), "shared": touch, "filters": touch, "text": touch, "items": touch},
        {"careful": "", "most_bytes": "99999999", "most_max": "9999999999", "headroom": "a[$(id)]", "six": "*"},
        {"BASH_FUNC_case%%": f"() {{ {touch}; }}", "BASH_FUNC_printf%%": f"() {{ {touch}; }}"},
        {"BASH_FUNC_exec%%": f"() {{ {touch}; }}", "BASH_FUNC_date%%": f"() {{ {touch}; }}"},
        {"SSH_CONNECTION": f"$({touch}) `{touch}`"},
        {"SSH_CONNECTION": "a\nb\x1b[2J", "SSH_CLIENT": touch},
        {"SSH_USER_AUTH": "/etc/shadow", "SSH_TTY": "/dev/tty", "DISPLAY": ":0", "SSH_AUTH_SOCK": str(evil)},
        {"AWKPATH": str(evil), "AWKLIBPATH": str(evil), "GREP_OPTIONS": "-r /", "BLOCKSIZE": "x"},
    ]  # fmt: skip
    request = attacked.request(attacked.item("state") + "end\n")

    def runs_its_own(environment: Mapping[str, str]) -> bool:
        stdout, _ = attacked.converse(request, environment)
        return b"\x1e0123456789abcdef s 1 0 ended\n" in stdout and b"of the state" in stdout

    all_at_once((str(each), lambda each=each: runs_its_own(each)) for each in environments)  # type: ignore[misc]
    assert not attacked.canary.exists()


# --- The request ------------------------------------------------------------------------------------------------------

NUMBERS = [
    "-1", "+1", "01", "007", "0x10", "0b1", "010", "1e3", "1.5", "", "a", "a[$(touch {c})]", "$((1))", "$(touch {c})",
    "`touch {c}`", "99999999999999999999999999", "18446744073709551616", "1;touch {c}", "1|touch {c}", "1'",
    '1"', "1\\", "*", "?", "[0-9]", "~", "1\n2", "1\t", "1\0", FULLWIDTH, "1 2", "-", "--", "1,2;", "$IFS", "1#1", "&1",
    "1>{c}", "{1,2}", "\r1",
]  # fmt: skip
"""None is a number of a request; some are none where another word is wanted."""
HARMLESS = set("0123456789abcdefghijklmnopqrstuvwxyz_.,-")
"""Of which words consist that are sought in a log."""
FIELDS = [
    ("state", "number"), ("state", "ticks"), ("state", "cap"), ("state", "since"), ("state", "max"), ("log", "stale"),
    ("log", "marked_at"), ("log", "zone"), ("log", "marked"), ("log", "max"), ("log", "low"), ("journal", "cursor"),
    ("journal", "text"), ("log", "how"), ("log", "early"), ("journal", "behind"),
    ("log", "brief"), ("journal", "sought"),
]  # fmt: skip
MAY_BE = {("since", "-"), ("stale", "-"), ("stale", "-1"), ("zone", "-"), ("zone", "-1"), ("marked", "-"), ("low", "-"),
          ("cursor", "-"), ("text", "-"), ("cursor", "a"), ("cursor", "01"), ("cursor", "007"), ("cursor", "0x10"),
          ("cursor", "0b1"), ("cursor", "010"), ("cursor", "1e3"), ("marked", "01"), ("marked", "007"),
          ("marked", "010"), ("marked", "99999999999999999999999999"), ("marked", "18446744073709551616"),
          ("early", "-"), ("cursor", "99999999999999999999999999"), ("cursor", "18446744073709551616"),
          ("brief", "-")} | {("sought", each) for each in NUMBERS if each and set(each) <= HARMLESS}  # fmt: skip
"""Words that are allowed: a cursor, a list and what is sought mean nothing to a shell."""


def requests(attacked: Attacked) -> Iterator[tuple[str, bytes]]:
    """What is sent in place of a request that is one."""
    for number, value in enumerate(NUMBERS):
        word = value.replace("{c}", str(attacked.canary))
        for turn in range(3):  # every value meets several fields, every field many values
            name, changed = FIELDS[(3 * number + turn) % len(FIELDS)]
            if (changed, value) not in MAY_BE:
                yield f"{changed}={value!r}", attacked.request(attacked.item(name, **{changed: word}) + "end\n")
        good = attacked.item("state") + "end\n"
        if value != "":
            yield f"beats={value!r}", attacked.request(good, f"{{nonces}} {word} {{size}}"[:120])
            yield f"size={value!r}", attacked.request(good, f"{{nonces}} 60 {word}"[:120])
    state, log = attacked.item("state"), attacked.item("log")
    touch = f"touch {attacked.canary}\n"
    bodies: list[str | bytes] = [
        "", "\n", "end\n", touch, f"{{\n{touch}}}\n", f"item\n{touch}end\n", "item\nend\n", "item 1 state\nend\n",
        state, state + touch + "end\n", state + "end\n" + state, state + "end\nend\n", state + "end", state + "end x\n",
        state + state + "end\n", state + attacked.item("state", number="2") + "end\n",
        state + attacked.item("log", number="1") + "end\n", "end\n" + state, state.replace("item", "ITEM") + "end\n",
        state.replace("item", "ask") + "end\n", f"ask '' 1 state x 5 2000 $(touch {attacked.canary}) ''\nend\n",
        attacked.item("state", id="../state") + "endless\n", state + "set own touch\nend\n",
        state.strip() + " more\nend\n",
        state + "\x00end\n", state + "é\nend\n", state + "'\nend\n", state + '"\nend\n', state + "$x\nend\n",
        state + "`x`\nend\n", state + "\\\nend\n", state + "(x)\nend\n", state + "#\nend\n", state + "*\nend\n",
        "c state x\nend\n", "d 2f\nend\n", "f 1 1 1 - - - 1 61\n" + log + "end\n",
        log.replace("mark", "marks") + "end\n",
        log.replace("yes", "no") + "end\n", log.strip() + " 1\nend\n", "item " * 300_000 + "\nend\n",
        "\n" * 1_000_000 + "end\n",
        b"\xff" * 1_000_000, b"\0" * 1_000_000, "item 1 state x 1 1\n" * 1000 + "end\n",
        attacked.item("state", id="s" * 65) + "end\n", "item 1 @marks x 5 2000\nend\n",
        "item 1 @marks - 5 2000 1\nend\n",
    ]  # fmt: skip
    for body in bodies:
        yield repr(body[:60]), attacked.request(body)
    headers = [
        "", "x", "{nonces}", "{nonces} 60", "{nonces} 60 {size} 1", "0123456789abcdef 60 {size}", "{size}", "\x00" * 79,
        "0123456789abcdeg fedcba9876543210 00112233445566aa 60 {size}",
        "0123456789ABCDEF fedcba9876543210 00112233445566aa 60 9",
        "0123456789abcde fedcba9876543210 00112233445566aa 60 {size}", "{nonces} 60 2000001", "{nonces} 60 9999999",
        "$(touch x) $(touch x) $(touch x) 60 {size}", "* * * 60 {size}", "{nonces} 1000000000 {size}",
        "\n" * 79, "\n\n{nonces} 60",
    ]  # fmt: skip
    for header in headers:
        yield f"header {header!r}", attacked.request(state + "end\n", header)
    yield "nothing", b""
    yield "a script", f"#!/bin/sh\n{touch}".encode() * 9
    yield "half a header", b"0123456789abcdef "
    yield "half a body", attacked.request(state + "end\n")[:120]


def test_a_request_that_is_none_is_refused_with_one_sentence(attacked: Attacked) -> None:
    attacks = list(requests(attacked))
    assert len(attacks) > 200
    all_at_once(
        (attack, lambda data=data: is_refused_after_hello(attacked.call(BEGIN, data)))  # type: ignore[misc]
        for attack, data in attacked.share_of(attacks)
    )
    assert not attacked.canary.exists()
    assert "touch" not in attacked.log.read_text()


# --- Files ------------------------------------------------------------------------------------------------------------

SECRET = "the secret of another log"


def hexadecimal(path: Path | str) -> str:
    return os.fsencode(path).hex()


def test_a_table_of_files_that_the_collector_would_not_read_is_refused(attacked: Attacked) -> None:
    """Marks are the client's word: no path, inode or size of theirs leads to another file."""
    secret = attacked.logs / "secret.txt"
    secret.write_text(f"{SECRET}\n")
    inode, folder = secret.stat().st_ino, hexadecimal(f"{attacked.logs}/")
    names = ["secret.txt", "../canary", "..", ".", ".hidden.log", "a/b.log", "x.log\n", "", "x.log\0", "\udcff"]
    tables = [
        *(f"d {folder}\nf {inode} 0 - - - - 1 {hexadecimal(name)}\n" for name in names),
        f"f {inode} 0 - - - - 1 {hexadecimal('app.log')}\n",
        f"d {hexadecimal('/etc/')}\nf 1 0 - - - - 1 {hexadecimal('passwd')}\n",
        f"d {hexadecimal(str(attacked.logs.parent) + '/')}\nf 1 0 - - - - 1 {hexadecimal('app.log')}\n",
        *(f"d {folder}\nf {bad} 1 - - - - 1 {hexadecimal('app.log')}\n" for bad in ("01", "9" * 21, "x", "1.log", "-")),
        *(f"d {folder}\nf 1 {bad} 1 {hexadecimal('app.log')}\n" for bad in ("x - - - -", "1 - - -", "1 - - - - -")),
        *(f"d {folder}\nf 1 0 - - - - 1 {bad}\n" for bad in ("6", "zz", "0a", "00", "6" * 9000, "6A")),
        f"u {hexadecimal('/etc/shadow')}\n", "u\n", "d\n", "f\n", f"c log {attacked.digests['log']}\n",
    ]  # fmt: skip

    def is_not_read(table: str) -> bool:
        stdout, stderr = attacked.converse(attacked.request(attacked.item("log") + table + "end\n"))
        is_none = b"s 1 0 malformed\n" in stdout or b"refused" in stderr
        return is_none and SECRET.encode() not in stdout + stderr

    all_at_once((repr(table[:90]), lambda table=table: is_not_read(table)) for table in attacked.share_of(tables))  # type: ignore[misc]
    # the path is the collector's own, and the inode is that of another log
    for stolen in (f"d {folder}\nf {inode} 0 - - - - 1 {hexadecimal('gone.log')}\n",):
        stdout, stderr = attacked.converse(attacked.request(attacked.item("log") + stolen + "end\n"))
        assert SECRET.encode() not in stdout + stderr
        assert b"of the log" in stdout


def test_a_link_leads_to_no_more_than_its_owner_owns(attacked: Attacked, as_root: None) -> None:
    """Whoever writes into a log's folder shows by a link nothing that he could not show himself."""
    outside = attacked.logs.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_text(f"{SECRET}\n")
    (outside / "theirs").write_text("their own\n")
    (outside / "chain").symlink_to(outside / "secret")
    os.chown(outside / "theirs", 12345, 12345)
    links = {"evil.log": outside / "secret", "chain.log": outside / "chain", "theirs.log": outside / "theirs"}
    for name, target in links.items():
        (attacked.logs / name).symlink_to(target)
        os.lchown(attacked.logs / name, 12345, 12345)
    os.lchown(outside / "chain", 12345, 12345)
    (attacked.logs / "app.log.1").symlink_to(outside / "secret")
    os.lchown(attacked.logs / "app.log.1", 12345, 12345)
    (attacked.logs / "admins.log").symlink_to(outside / "theirs")
    for name in ("-rf.log", "$(touch x).log", "a\nb.log", "*.log", "`id`.log"):
        (attacked.logs / name).write_text(f"in {name!a}\n")
    everything = attacked.item("log", how="tail", early="-", marked="-", max="100000", cap="160000")
    stdout, stderr = attacked.converse(attacked.request(everything + "end\n"))
    assert SECRET.encode() not in stdout + stderr
    assert b"linked " + os.fsencode(attacked.logs / "evil.log") in stderr
    for shown in ("their own", "of the log", "in '-rf.log'", "in '*.log'", "in '$(touch x).log'"):
        assert shown.encode() in stdout, shown
    marked = attacked.item("log") + f"d {hexadecimal(f'{attacked.logs}/')}\nf 1 0 - - - 1 {hexadecimal('app.log')}\n"
    stdout, stderr = attacked.converse(attacked.request(marked + "end\n"))
    assert SECRET.encode() not in stdout + stderr


# --- Many -------------------------------------------------------------------------------------------------------------


def test_many_items_and_many_calls_end_as_one_does(attacked: Attacked) -> None:
    unknown = "".join(f"item {number} id{number} x 5 2000 *\n".replace(" *", "") for number in range(1, 1001))
    stdout, _ = attacked.converse(attacked.request(unknown + "end\n"))
    assert stdout.count(b" 0 unknown\n") == 1000
    request = attacked.request(attacked.item("state") + "end\n")
    all_at_once(
        (f"call {number}", lambda: b"of the state" in attacked.converse(request)[0])  # a replay of one and the same
        for number in range(6)
    )
    assert attacked.log.read_text().splitlines()[-1] == f"{LOGGED} 1 items: state"
