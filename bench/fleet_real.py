"""Real minions of Salt on loopback: a master, its salt-api with TLS, forked minions, and what a failing test gets.

`bench.fleet` starts it. Each case is a mishap that a fleet knows; its row says what came of it, or what fell.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

from bench.environment import ROOT
from FailTaleLibrary.budget import Budget
from FailTaleLibrary.collection.source import OwnHosts
from FailTaleLibrary.config import Config, parse_config
from FailTaleLibrary.doctor.checkup import check
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.gate.fleet import external_auth, salt_module
from FailTaleLibrary.records import Gap, Item, Report, Window
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.run import Run

SECRET = "bench"
USER, COMMANDS_USER = "failtale", "commands"
"""Who may call the module, and who may call `cmd.run_all`."""
_NEWS_S = 120.0
"""When no minion has come up for so long, those who are there are all that fit."""
_GREETED_AT_ONCE = 20
_START_S = 120.0
_LEFT_S = 60.0
_MINE = "salt-minions"
"""In the command line of the minions: a minion tells its jobs from others' processes by the word ``salt``."""


@dataclass
class Lab:
    """One master, the minions that it has, and the folder that all of it lies in."""

    python: Path
    folder: Path
    names: tuple[str, ...]
    """Of those that are there. The last of all runs each job in a process of its own; the others in threads."""
    api: subprocess.Popen[bytes]
    minions: subprocess.Popen[bytes]
    url: str

    @property
    def authority(self) -> Path:
        return self.folder / "api.pem"

    def configuration(
        self, collectors: Sequence[Mapping[str, object]], *, names: Sequence[str] = (), **more: object
    ) -> dict[str, Any]:
        """``more``: keys of the section `salt`, and of the whole file those that are sections."""
        whole = {key: more.pop(key) for key in ("limits", "marks") if key in more}
        return fleet_of(names or self.names, self.url, collectors, authority=self.authority, salt=more, **whole)

    def config(self, *arguments: Any, **more: Any) -> Config:
        password = more.pop("secret", SECRET)
        return parsed(self.configuration(*arguments, **more), password=password)

    def end_api(self) -> None:
        ended(self.api)

    def start_api(self) -> None:
        self.api = _started(_program(self.python, "salt-api", self.folder))
        wait_for_port(self.url)

    def forget_tokens(self) -> None:
        """As when they have ended."""
        shutil.rmtree(self.folder / "master" / "cachedir" / "tokens", ignore_errors=True)

    def pid_of(self, name: str) -> int:
        """Of a minion."""
        return int((self.folder / "minions" / name / "own_pid").read_text())


def fleet_of(
    names: Sequence[str],
    url: str,
    collectors: Sequence[Mapping[str, object]],
    *,
    authority: Path | None = None,
    salt: Mapping[str, object] = {},
    limits: Mapping[str, object] = {},
    marks: str = "off",
) -> dict[str, Any]:
    """A configuration whose hosts are these minions."""
    section = {"url": url, "user": USER, "password": "%{SALT_PASSWORD}", "eauth": "sharedsecret"}
    section |= {"answer_timeout": "20 s"} | ({"ca_file": str(authority)} if authority else {}) | dict(salt)
    return {
        "salt": {key: value for key, value in section.items() if value is not None},
        "components": {"all": {"collectors": [dict(each) for each in collectors]}},
        "hosts": {name: {"component": "all", "transport": "salt"} for name in names},
        "limits": {"failure_time": "60 s", "host_time": "60 s", "parallel_hosts": 64, **limits},
        "marks": marks,
    }


def parsed(configuration: Mapping[str, object], *, password: str = SECRET) -> Config:
    return parse_config(yaml.safe_dump(dict(configuration)), environ={"SALT_PASSWORD": password})


@contextmanager
def a_lab(
    python: Path, number: int, collectors: Sequence[Mapping[str, object]], *, tell: Callable[[str], object] = print
) -> Iterator[Lab]:
    """All of it, when the minions have answered once; ended with the block."""
    names = tuple(f"minion{each}" for each in range(number))
    with tempfile.TemporaryDirectory(prefix="failtale-fleet-") as name:
        folder = Path(name)
        publish, returns, http = (_free_port() for _ in range(3))
        url = f"https://127.0.0.1:{http}"
        config = parsed(fleet_of(names, url, collectors))
        _write_master(folder, config, publish=publish, returns=returns, http=http)
        programs = [_started(_program(python, "salt-master", folder))]
        script = str(ROOT / "bench" / "fleet_minions.py")
        words = [str(python), script, str(folder / "minions"), str(number), str(folder / "modules")]
        try:
            wait_for_port(f"127.0.0.1:{returns}")
            programs.append(_started(_program(python, "salt-api", folder)))
            wait_for_port(url)
            programs.append(_started([*words, str(publish), str(returns), _MINE]))
            lab = Lab(python, folder, names, programs[1], programs[2], url)
            began = time.monotonic()
            there = _warmed(lab)
            lab.names = tuple(name for name in names if name in there)
            took_s, size = time.monotonic() - began, _share_bytes(lab.minions.pid) / 1e6
            tell(f"{len(there)} of {number} minions were there after {took_s:.0f} s, {size:.0f} MB each (PSS)")
            try:
                yield lab
            finally:
                programs[1] = lab.api  # a case may have started another
        finally:
            for program in reversed(programs):
                ended(program)


def _write_master(folder: Path, config: Config, *, publish: int, returns: int, http: int) -> None:
    (folder / "modules").mkdir()
    (folder / "modules" / "failtale.py").write_text(salt_module(config))
    (folder / "master").mkdir()
    certificate, key = folder / "api.pem", folder / "api.key"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key)]
    subprocess.run([*words, "-out", str(certificate)], check=True, capture_output=True)
    allowed = yaml.safe_load(external_auth(config))["external_auth"]
    allowed["sharedsecret"][COMMANDS_USER] = [{"*": ["cmd.run_all$"]}]
    settings = {
        "interface": "127.0.0.1",
        "publish_port": publish,
        "ret_port": returns,
        "user": "root",
        "auto_accept": True,
        "worker_threads": 4,
        "sharedsecret": SECRET,
        "netapi_enable_clients": ["local_async", "runner"],
        "rest_cherrypy": {"host": "127.0.0.1", "port": http, "ssl_crt": str(certificate), "ssl_key": str(key)},
        "external_auth": allowed,
        **{key: str(folder / "master" / key) for key in ("pki_dir", "cachedir", "sock_dir", "log_file", "pidfile")},
        "api_pidfile": str(folder / "master" / "api.pid"),
        "api_logfile": str(folder / "master" / "api.log"),
    }
    (folder / "master" / "master").write_text(yaml.safe_dump(settings))


# --- The cases: each returns what came, or raises AssertionError


def what_a_command_left(lab: Lab, config: Config, mark: str, *, may_return: bool) -> str:
    """Processes of a command, and of its child, some time after a failure asked for it."""
    report = collected(config)
    late = [item for item in report.evidence.items if item.timed_out]
    gaps = {gap.host for gap in report.evidence.gaps}
    told = {item.host for item in late} | gaps
    assert told == set(config.hosts), f"{len(told)} of {len(config.hosts)} hosts say that it hung: {_whys(report)}"
    assert not may_return or len(late) == len(config.hosts), f"what it had printed is lost: {_whys(report)}"
    number = left(mark)
    assert number == 0, f"{number} processes are left"
    again = collected(lab.config([_STATE], names=tuple(config.hosts)))
    assert len(_hosts_of(again)) == len(config.hosts), f"minions are gone since: {_whys(again)}"
    return f"0 processes left on {len(config.hosts)} minions, {report.evidence.cost.seconds:.0f} s"


_STATE = {"name": "state", "command": "echo up"}
_MUCH = {"name": "much", "command": "seq 1 1200000", "max_bytes": "8 MB"}


def what_forced_ends_left(lab: Lab) -> str:
    """A command, and a child of it that leaves its session, that hang on all of them until their time limit."""
    report = collected(lab.config([_hanging(mark_of(1), "3 s")]))
    late = {item.host for item in report.evidence.items if item.timed_out}
    return f"ended by force on {len(late)} of {len(lab.names)} minions: {left(mark_of(1))} processes left"


def _hanging(mark: str, timeout: str) -> dict[str, object]:
    command = f"echo begun; setsid sleep {mark} & sleep {mark}"
    return {"name": f"hangs-{timeout.partition(' ')[0]}", "command": command, "timeout": timeout}


def mark_of(number: int) -> str:
    """What a `sleep` of this process's cases bears that no other does."""
    return f"{600 + number}.{os.getpid()}"


def collectors_of_cases() -> list[dict[str, object]]:
    """What the module must hold."""
    return [_STATE, _MUCH, _hanging(mark_of(1), "3 s"), _hanging(mark_of(2), "90 s"), _slow(), _log()]


def _slow() -> dict[str, object]:
    return {"name": "slow", "command": "sleep 6; echo late", "timeout": "30 s"}


def _log() -> dict[str, object]:
    return {"name": "log", "file": f"/tmp/failtale-fleet-{os.getpid()}.log"}


def _by_commands(lab: Lab, *arguments: Any, **more: Any) -> Config:
    return lab.config(*arguments, function="cmd.run_all", user=COMMANDS_USER, **more)


def hung(lab: Lab) -> str:
    return what_a_command_left(lab, lab.config([_hanging(mark_of(1), "3 s")]), mark_of(1), may_return=True)


def hung_by_command(lab: Lab) -> str:
    config = _by_commands(lab, [_hanging(mark_of(1), "3 s")])
    return what_a_command_left(lab, config, mark_of(1), may_return=True)


_SHORT = {"failure_time": "8 s", "host_time": "8 s"}


def out_of_time(lab: Lab) -> str:
    config = lab.config([_hanging(mark_of(2), "90 s")], limits=_SHORT)
    return what_a_command_left(lab, config, mark_of(2), may_return=False)


def out_of_time_by_command(lab: Lab) -> str:
    config = _by_commands(lab, [_hanging(mark_of(2), "90 s")], limits=_SHORT)
    return what_a_command_left(lab, config, mark_of(2), may_return=False)


def _cancelled(lab: Lab, config: Config) -> str:
    cancel = threading.Event()
    with Run(config, environ={}) as run:
        thread = threading.Thread(target=lambda: run.collect_failure(run.failure("Order"), cancel=cancel))
        thread.start()
        ends = time.monotonic() + _LEFT_S
        while number_of(mark_of(2)) < 2 * len(config.hosts) and time.monotonic() < ends:
            time.sleep(0.3)
        cancel.set()
        thread.join()
        number = left(mark_of(2))
    assert number == 0, f"{number} processes are left"
    again = collected(lab.config([_STATE], names=tuple(config.hosts)))
    assert len(_hosts_of(again)) == len(config.hosts), f"minions are gone since: {_whys(again)}"
    return f"0 processes left on {len(config.hosts)} minions, and all of them answer"


def cancelled(lab: Lab) -> str:
    return _cancelled(lab, lab.config([_hanging(mark_of(2), "90 s")]))


def cancelled_by_command(lab: Lab) -> str:
    return _cancelled(lab, _by_commands(lab, [_hanging(mark_of(2), "90 s")]))


def _much(report: Report) -> str:
    wrong = [item for item in report.evidence.items if item.collector == "much" and not _is_cut_well(item)]
    assert not wrong, f"{wrong[0].host}: {wrong[0].text[-60:]!r}, {wrong[0].omitted_bytes} bytes left out"
    assert not report.evidence.gaps, _whys(report)
    return f"the newest lines of {len(_hosts_of(report))} minions, and what was cut is said"


def _is_cut_well(item: Item) -> bool:
    return item.text.endswith("\n1200000\n") and item.omitted_bytes > 7_000_000


def much(lab: Lab) -> str:
    return _much(collected(lab.config([_MUCH, _STATE])))


def much_by_command(lab: Lab) -> str:
    return _much(collected(_by_commands(lab, [_MUCH, _STATE])))


def by_command(lab: Lab) -> str:
    report = collected(_by_commands(lab, [_STATE]))
    assert len(_hosts_of(report)) == len(lab.names), _whys(report)
    return f"evidence of {len(_hosts_of(report))} of {len(lab.names)}; the user may call nothing but cmd.run_all"


def not_trusted(lab: Lab) -> str:
    report = collected(lab.config([_STATE], ca_file=None))
    return _told(report, "unreachable", "ca_file")


def wrong_password(lab: Lab) -> str:
    return _told(collected(lab.config([_STATE], secret="wrong")), "authentication refused", "refused the login")


def wrong_eauth(lab: Lab) -> str:
    return _told(collected(lab.config([_STATE], eauth="nonsense")), "authentication refused", "by 'nonsense'")


def not_allowed(lab: Lab) -> str:
    report = collected(lab.config([_STATE], user=COMMANDS_USER))
    return _told(report, "permission denied", "failtale gate --external-auth")


def _told(report: Report, reason: str, words: str) -> str:
    (first, *_) = report.evidence.gaps
    assert not report.evidence.items, "there is evidence"
    assert {gap.reason for gap in report.evidence.gaps} == {reason}, _whys(report)
    assert words in first.detail, first.detail
    return f"{first.reason}: {first.detail}"


def token_ends(lab: Lab) -> str:
    """Between two failures, and while the second one's job runs."""
    with Run(lab.config([_slow()]), environ={}) as run:
        whole = [run.collect_failure(run.failure("Order"))]
        lab.forget_tokens()
        thread = _after(4, lab.forget_tokens)
        whole.append(run.collect_failure(run.failure("Pay")))
        thread.join()
        whole.append(run.collect_failure(run.failure("Ship")))
    return _all_of(lab, whole)


def api_restarts(lab: Lab) -> str:
    """Between two failures, and while the second one's job runs."""

    def restart() -> None:
        lab.end_api()
        lab.start_api()

    with Run(lab.config([_slow()]), environ={}) as run:
        whole = [run.collect_failure(run.failure("Order"))]
        restart()
        whole.append(run.collect_failure(run.failure("Pay")))
        thread = _after(3, restart)
        whole.append(run.collect_failure(run.failure("Ship")))
        thread.join()
    return _all_of(lab, whole)


def api_is_down(lab: Lab) -> str:
    lab.end_api()
    try:
        return _told(collected(lab.config([_STATE])), "refused", "No salt-api listens")
    finally:
        lab.start_api()


def _all_of(lab: Lab, reports: Sequence[Report]) -> str:
    for number, report in enumerate(reports):
        assert len(_hosts_of(report)) == len(lab.names), f"failure {number}: {_whys(report)}"
    took = ", ".join(f"{report.evidence.cost.seconds:.0f} s" for report in reports)
    return f"evidence of all {len(lab.names)} minions in each of {len(reports)} failures ({took})"


def _after(seconds: float, work: Callable[[], object]) -> threading.Thread:
    thread = threading.Timer(seconds, work)
    thread.start()
    return thread


def marks(lab: Lab) -> str:
    log = Path(str(_log()["file"]))
    log.write_text("before\n")
    hosts = OwnHosts(lab.config([_log()], marks="test"))
    try:
        taken = hosts.mark_now(within_s=60)
        assert set(taken.values()) == {""}, str(taken)[:300]
        began = datetime.now(timezone.utc)
        with log.open("a") as file:
            file.write("behind the mark\n")
        with Run(lab.config([_log()]), environ={}) as run:
            failure = run.failure("Order").model_copy(
                update={"window": Window(start=began, end=datetime.now(timezone.utc))}
            )
        _, evidence, _ = hosts.collect(failure, redactor=Redactor(), faults=Faults(Redactor), budget=Budget(60))
    finally:
        hosts.close()
        log.unlink()
    found = {item.text for item in evidence.items}
    assert found == {"behind the mark\n"}, f"{found} {evidence.gaps[:1]}"
    return f"{len(evidence.items)} minions give what stands behind their marks, and nothing else"


def frozen(lab: Lab) -> str:
    """One does not answer the greeting; it freezes while the job of another failure runs."""
    name = lab.names[len(lab.names) // 2]
    settings = {"answer_timeout": "6 s", "limits": {"failure_time": "40 s", "host_time": "40 s"}}
    pid = lab.pid_of(name)
    os.kill(pid, signal.SIGSTOP)
    try:
        first = collected(lab.config([_STATE], **settings))
    finally:
        os.kill(pid, signal.SIGCONT)
    thread = _after(3, lambda: os.kill(pid, signal.SIGSTOP))
    try:
        second = collected(lab.config([_slow()], **settings))
        thread.join()
    finally:
        os.kill(pid, signal.SIGCONT)
    for report in (first, second):
        missing = set(lab.names) - _hosts_of(report)
        assert missing == {name}, f"{missing} give nothing: {_whys(report)}"
    why = _whys(second)
    assert "did not respond" in _whys(first), _whys(first)
    took = f"{first.evidence.cost.seconds:.0f} s and {second.evidence.cost.seconds:.0f} s"
    return f"{len(lab.names) - 1} of {len(lab.names)} in {took}; {why}"


def checked(lab: Lab) -> str:
    told = []
    for config in (lab.config([_STATE]), _by_commands(lab, [_STATE])):
        found = check(config, environ={}).hosts
        stages = {stage.verdict for host in found for stage in host.stages}
        outcomes = {each.outcome for host in found for each in host.collectors}
        words = [stage.said for stage in found[0].stages]
        assert stages <= {"ok", "note"}, f"{stages}: {words}"  # the module has more collectors than these
        assert outcomes == {"ok"}, str(outcomes)
        told.append(words[0])
    return f"{len(lab.names)} hosts well; {'; '.join(told)}"


CASES: Mapping[str, Callable[[Lab], str]] = {
    "cmd.run_all": by_command,
    "failtale check": checked,
    "marks": marks,
    "8 MB of output": much,
    "8 MB by cmd.run_all": much_by_command,
    "a command that hangs": hung,
    "the same by cmd.run_all": hung_by_command,
    "no time left": out_of_time,
    "the same by cmd.run_all ": out_of_time_by_command,
    "cancelled": cancelled,
    "cancelled by cmd.run_all": cancelled_by_command,
    "a frozen minion": frozen,
    "tokens end": token_ends,
    "salt-api restarts": api_restarts,
    "no salt-api": api_is_down,
    "no ca_file": not_trusted,
    "wrong password": wrong_password,
    "wrong eauth": wrong_eauth,
    "not allowed": not_allowed,
}


def rows_of_cases(lab: Lab, only: str = "") -> Iterator[tuple[str, bool]]:
    """A row for each case whose name this expression finds, and whether it holds."""
    for name, case in CASES.items():
        if not re.search(only, name):
            continue
        try:
            yield f"| {name.strip()} | {case(lab)} |", True
        except Exception as error:
            yield f"| {name.strip()} | **fell**: {type(error).__name__}: {error} |", False


def collected(config: Config) -> Report:
    with Run(config, environ={}) as run:
        return run.collect_failure(run.failure("Order"))


def _hosts_of(report: Report) -> set[str]:
    return {item.host for item in report.evidence.items}


def _whys(report: Report) -> str:
    def words(gap: Gap) -> str:
        return f"{gap.host}: {gap.reason}: {gap.detail}"

    gaps = report.evidence.gaps
    return "; ".join(dict.fromkeys(map(words, gaps[:3]))) + (f" and {len(gaps) - 3} more" if len(gaps) > 3 else "")


# --- Minions that are ready


def _warmed(lab: Lab) -> set[str]:
    """Minions that are connected and have answered once: their modules are loaded then.

    They are greeted a few at a time: what a machine can start it can not always run at once.
    """
    names = _connected(lab)
    answered: set[str] = set()
    for first in range(0, len(names), _GREETED_AT_ONCE):
        part = names[first : first + _GREETED_AT_ONCE]
        with contextlib.suppress(OSError, KeyError, ValueError, TypeError):
            answered |= _greeted(lab, part)
    return answered


def _connected(lab: Lab) -> list[str]:
    """Those that listen to their master, when all do or no more come."""
    there: list[str] = []
    news_at = time.monotonic()
    while len(there) < len(lab.names) and time.monotonic() - news_at < _NEWS_S:
        time.sleep(0.5)
        found = [name for name in lab.names if (lab.folder / "minions" / name / "ready").exists()]
        if len(found) > len(there):
            there, news_at = found, time.monotonic()
    return there


def _greeted(lab: Lab, names: Sequence[str]) -> set[str]:
    token = _asked(lab, "/login", {"username": USER, "password": SECRET, "eauth": "sharedsecret"})["token"]
    low = {"client": "local_async", "tgt": list(names), "tgt_type": "list", "fun": "failtale.hello"}
    job = _asked(lab, "", [low], token).get("jid", "")
    returned: set[str] = set()
    for _ in range(20 if job else 0):
        time.sleep(2)
        told = _asked(lab, "", [{"client": "runner", "fun": "jobs.exit_success", "kwarg": {"jid": job}}], token)
        returned = {name for name, is_there in told.items() if is_there}
        if len(returned) == len(names):
            break
    return returned


def _asked(lab: Lab, path: str, data: object, token: str = "") -> Any:
    headers = {"Content-Type": "application/json", "Accept": "application/json", "X-Auth-Token": token}
    request = urllib.request.Request(lab.url + path, json.dumps(data).encode(), headers)
    trusted = ssl.create_default_context(cafile=str(lab.authority))
    with urllib.request.urlopen(request, timeout=60, context=trusted) as response:
        return json.load(response)["return"][0]


# --- Processes


def left(mark: str) -> int:
    """Processes that sleep for the mark, when a minute has passed or none is left."""
    ends = time.monotonic() + _LEFT_S
    while (number := number_of(mark)) and time.monotonic() < ends:
        time.sleep(0.5)
    return number


def number_of(mark: str) -> int:
    """Processes that sleep for the mark now."""
    return sum(_read_bytes(each) == f"sleep\0{mark}\0".encode() for each in Path("/proc").glob("[0-9]*/cmdline"))


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _share_bytes(group: int) -> int:
    """What each process of a group takes, shared pages counted in shares."""
    sizes = []
    for pid in pids_of_group(group):
        for line in _read_bytes(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
            if line.startswith(b"Pss:"):
                sizes.append(1024 * int(line.split()[1]))
    return sum(sizes) // max(1, len(sizes))


def pids_of_group(group: int) -> list[int]:
    found = []
    for each in Path("/proc").glob("[0-9]*/stat"):
        words = _read_bytes(each).rpartition(b")")[2].split()
        if len(words) > 2 and int(words[2]) == group:
            found.append(int(each.parent.name))
    return sorted(found)


def _program(python: Path, name: str, folder: Path) -> list[str]:
    return [str(python.with_name(name)), "-c", str(folder / "master")]


def _started(words: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def ended(program: subprocess.Popen[bytes]) -> None:
    """The program and its group, which is its own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(program.pid, number)
        except ProcessLookupError:
            break
        time.sleep(1)
    program.wait()


def wait_for_port(url: str) -> None:
    """Until somebody listens there."""
    port = int(url.rpartition(":")[2])
    ends = time.monotonic() + _START_S
    while time.monotonic() < ends:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def salt_python(folder: Path) -> Path:
    """The Python of an environment that has Salt; made when it is not there."""
    python = folder / "bin" / "python"
    if not (folder / "bin" / "salt-master").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "salt==3008.4", "cherrypy"], check=True)
    return python
