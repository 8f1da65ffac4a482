"""The presets of a machine itself against real journal files and the machine at hand; and a preset of one's own."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from host_shells import NONCE, HostShell, host_shells, met_by
from needs import need
from patience import PATIENCE_S
from ports import free_port
from preset_answers import SECRET, ask
from preset_machine import SHELLS, Machine, missing, without_rights
from preset_servers import (
    JOURNAL_REMOTE,
    found,
    journal,
    listens,
    place,
    running,
    version,
)

from FailTaleLibrary.collection.baselines import changes, masked
from FailTaleLibrary.config import Collector, parse_config

# --- journald and systemd ---------------------------------------------------------------------------------------------

ENTRIES = [
    {"_SYSTEMD_UNIT": "myapp.service", "MESSAGE": "ready", "PRIORITY": 6},
    {"_SYSTEMD_UNIT": "myapp.service", "MESSAGE": f"login failed: password={SECRET}", "PRIORITY": 3},
    {"_TRANSPORT": "kernel", "MESSAGE": "myapp[812]: segfault at 8 ip 00007f6d sp 00007fff error 4", "PRIORITY": 6},
    {
        "_TRANSPORT": "kernel",
        "MESSAGE": 'audit: type=1400 audit(1795372200.1:7): apparmor="DENIED" operation="open" name="/etc/shadow"',
        "PRIORITY": 5,
    },
]


@pytest.fixture(scope="module")
def journaled() -> Iterator[Path]:
    need(JOURNAL_REMOTE, package="systemd-journal-remote")
    need("journalctl", package="systemd")
    with place("journal") as directory:
        old = {"_SYSTEMD_UNIT": "myapp.service", "MESSAGE": "an old error", "PRIORITY": 3, "at": time.time() - 3600}
        journal(directory, [old, *(dict(entry) | {"SYSLOG_IDENTIFIER": "shop"} for entry in ENTRIES)])
        yield directory


def journal_machine(preset: str, directory: Path, **values: object) -> Machine:
    told = version(found("journalctl"), "--version")
    return Machine(preset, f"journalctl of {told}, files of systemd-journal-remote", directory, values)


def test_the_journal_tells_warnings_denials_and_boots(journaled: Path) -> None:
    machine = journal_machine("journald", journaled)
    machine.since -= 1800
    for shell in SHELLS:
        machine.answers("good", shell=shell)
    assert machine.item("warning").text.count("\n") == 1
    assert "apparmor" in machine.item("denials").text
    assert "b" * 32 in machine.item("boots").text
    assert SECRET in machine.answers("secrets", "warning")["warning"].stdout


def test_a_quiet_journal_says_nothing(journaled: Path) -> None:
    machine = journal_machine("journald", journaled)
    machine.since += 3600
    machine.answers("empty", "warning", "denials")
    machine = journal_machine("systemd", journaled)
    machine.since += 3600
    machine.answers("empty", "myapp-journal")


def test_a_units_journal_is_its_own(journaled: Path) -> None:
    machine = journal_machine("systemd", journaled)
    machine.since -= 1800
    machine.answers("good", "myapp-journal")
    told = machine.answers("secrets", "myapp-journal")["myapp-journal"].stdout
    assert SECRET in told
    assert "segfault" not in told
    assert "an old error" not in told


def test_the_journal_wants_a_group(journaled: Path) -> None:
    shell = without_rights()
    (journaled / "journal").chmod(0o700)
    try:
        journal_machine("journald", journaled).answers("permission-denied", shell=shell)
        journal_machine("systemd", journaled).answers("permission-denied", "myapp-journal", shell=shell)
    finally:
        (journaled / "journal").chmod(0o755)


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="systemd runs here")
def test_without_a_running_systemd_a_units_state_says_so(journaled: Path) -> None:
    journal_machine("systemd", journaled).answers("no-manager", "myapp-state")


@pytest.mark.parametrize("preset", ["journald", "systemd"])
def test_a_machine_without_systemd_is_told_as_such(preset: str) -> None:
    missing(preset)


# --- Linux ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def linux() -> Iterator[Machine]:
    with place("linux") as directory:
        yield Machine("linux", version("uname", "-sr"), directory, {"cores": directory / "cores"})


ALWAYS = (
    "clock",
    "disk",
    "inodes",
    "memory",
    "oom-kills",
    "load",
    "processes",
    "stuck",
    "limits",
    "listeners",
    "addresses",
    "routes",
    "tcp-states",
    "tcp-troubles",
    "sockets",
)


@pytest.mark.parametrize("shell", host_shells(), ids=str)
def test_linux_tells_its_state_everywhere(linux: Machine, shell: HostShell) -> None:
    zombie = subprocess.Popen(["true"])
    with socket.create_server(("127.0.0.1", 0)) as server:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
        linux.answers("good", *ALWAYS, shell=shell)
        assert f"127.0.0.1:{server.getsockname()[1]}" in linux.item("listeners", shell=shell).text
        uncut = linux.collectors["stuck"].model_copy(update={"lines": None, "max_bytes": None})
        assert re.search(rf"\b{zombie.pid}\b.* Z", ask(uncut, since=None, shell=shell).stdout)
        assert "LISTEN " in linux.item("tcp-states", shell=shell).text
    zombie.wait()


def test_a_healthy_linux_says_nothing_of_troubles(linux: Machine) -> None:
    linux.answers("empty", "read-only", "failed-units")


@pytest.mark.parametrize("shell", host_shells(), ids=str)
def test_a_disk_that_was_mounted_read_only_is_told(linux: Machine, shell: HostShell, tmp_path: Path) -> None:
    mounts = ["/dev/sda1 / ext4 rw,relatime 0 0", "/dev/sdb1 /srv xfs ro,relatime 0 0", "/dev/sr0 /cd iso9660 ro 0 0"]
    (tmp_path / "mounts").write_text("\n".join(mounts) + "\n")
    command = str(linux.collectors["read-only"].command).replace("/proc/mounts", str(tmp_path / "mounts"))
    told = ask(Collector(name="read-only", command=command), since=None, shell=shell)
    assert told.stdout == "/dev/sdb1 /srv xfs ro,relatime\n"


def test_linux_snapshots_stay_the_same_while_nothing_happens(linux: Machine) -> None:
    for name in ("clock", "read-only", "oom-kills", "listeners", "addresses", "routes", "failed-units"):
        collector = linux.collectors[name]
        for _ in range(20):  # other programs of this machine begin and end to listen
            then, now = (masked(linux.item(name).text, collector.mask) for _ in range(2))
            if changes(then, now) == ():
                break
        assert changes(then, now) == (), name


def test_linux_tells_crashes_of_the_window_from_its_journal(journaled: Path) -> None:
    machine = journal_machine("linux", journaled)
    machine.since -= 1800
    for shell in SHELLS:
        machine.answers("good", "kernel", shell=shell)
        assert "segfault at 8" in machine.item("kernel", shell=shell).text
    machine.since += 3600
    machine.answers("empty", "kernel")


def test_linux_tells_the_cores_of_the_window(linux: Machine) -> None:
    linux.answers("empty", "cores")
    cores = linux.directory / "cores"
    cores.mkdir()
    linux.answers("empty", "cores")
    if Path("/proc/sys/kernel/core_pattern").read_text().startswith(("|", "/")):
        pytest.skip("this kernel puts core dumps elsewhere")
    old = cores / "core.old"
    old.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    crashing = subprocess.Popen(
        ["sleep", "60"],
        cwd=cores,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2),
    )
    crashing.send_signal(signal.SIGSEGV)
    assert crashing.wait(PATIENCE_S) == -signal.SIGSEGV
    for shell in host_shells():
        linux.answers("good", "cores", shell=shell)
        told = linux.item("cores", shell=shell).text
        assert told.count("\n") == 1, told
        assert "/cores/core" in told


def test_the_kernels_own_log_wants_root() -> None:
    shell = without_rights()
    if Path("/proc/sys/kernel/dmesg_restrict").read_text().strip() != "1":
        pytest.skip("everybody may read the kernel's log here")
    with place("linux") as directory:
        Machine("linux", version("dmesg", "--version"), directory).answers("permission-denied", "kernel", shell=shell)


def test_processes_are_told_without_their_arguments(linux: Machine) -> None:
    with running(sys.executable, "-c", "input()", SECRET, ready=lambda: True, output=linux.directory / "output"):
        told = linux.answers("secrets", "processes", "stuck")
    assert SECRET not in told["processes"].stdout


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["{script}", "--token", SECRET], "worker.py"),
        (["-u", "-W", "ignore", "{script}", f"--password={SECRET}"], "worker.py"),
        (["-m", "http.server", "-b", "127.0.0.1", "-d", f"/{SECRET}", "0"], "http.server"),
        (["-c", "import time; time.sleep(60)", SECRET], ""),
        (["-c", "import time; time.sleep(60)", "--key", f"{SECRET}.py"], ""),
    ],
)
def test_a_stopped_process_is_told_with_its_script_and_no_other_argument(
    linux: Machine, arguments: list[str], shown: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    script = tmp_path / "worker.py"
    script.write_text("import time\ntime.sleep(60)\n")
    command = [sys.executable, *(each.format(script=script) for each in arguments)]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        os.kill(process.pid, signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        told = linux.item("stopped", shell=met_by(request, host_shells())).text
    finally:
        process.kill()
        process.wait()
    (row,) = [line for line in told.splitlines() if line.startswith(f"pid {process.pid}, ")]
    assert re.search(rf", state T\w*: \S+( \S*{re.escape(shown)})?$", row), row
    assert shown in row
    assert SECRET not in told


def test_where_nothing_is_stopped_the_answer_is_empty() -> None:
    with place("linux") as directory:
        processes = directory / "bin" / "ps"  # other tests stop processes of this machine
        processes.parent.mkdir(exist_ok=True)
        processes.write_text("#!/bin/sh\necho 'PID PPID TT STAT COMMAND'\necho '812 1 ? Ss sleep'\n")
        processes.chmod(0o755)
        Machine("linux", version("uname", "-sr"), directory).answers("empty", "stopped")


# --- a user's own -----------------------------------------------------------------------------------------------------

OWN = """\
name: shop
description: The shop's back end.
parameters:
  port: {description: Port of the admin interface., default: "8081", pattern: "[0-9]+"}
collectors:
  - name: health
    command: curl -sS --max-time 3 http://127.0.0.1:{port}/health
    baseline: yes
  - name: log
    file: /var/log/shop/backend.log
"""


def test_ten_lines_beside_the_configuration_ask_a_program_of_ones_own() -> None:
    need("curl", package="curl")
    with place("shop") as directory:
        port = free_port()
        (directory / "health").write_text("all is well\n")
        (directory / "shop.yaml").write_text(OWN)
        text = (
            f"presets: [shop.yaml]\ncomponents: {{web: {{collectors: [shop: {{port: {port}}}]}}}}\n"
            "hosts: {web1: {component: web, transport: local}}\n"
        )
        config = parse_config(text, source=directory / "failtale.yaml", environ={})
        health, _ = (collector for _, collector in config.collectors_for("web1"))
        server = [sys.executable, "-m", "http.server", "-b", "127.0.0.1", "-d", directory, str(port)]
        with running(*server, ready=listens(port), output=directory / "output"):
            told = ask(health, since=None)
        assert len(OWN.splitlines()) == 10
        assert (told.exit_status, told.stdout, told.stderr[:17]) == (0, "all is well\n", f"\x1e{NONCE}")
