"""What FailTale does is told to who asks: a line a command, a traceback a swallowed fault, and never a secret."""

from __future__ import annotations

import argparse
import ast
import io
import json
import logging
import re
import secrets
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from sshd import Sshd
from test_hostile_words import HOSTILE, UNSEEN

from FailTaleLibrary.cli import _status_of_command, main
from FailTaleLibrary.config import Config
from FailTaleLibrary.log import PARAMIKO, log_to_stream, logger_of, made_safe, redact_with
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.run import Run, Stages

PACKAGE = Path(__file__).resolve().parents[1] / "FailTaleLibrary"
SECRET = f"Xq{secrets.token_hex(12)}"
log = logger_of("FailTaleLibrary.somewhere")


@pytest.fixture
def lines() -> Iterator[Callable[[], str]]:
    """What was logged so far."""
    stream = io.StringIO()
    stop = log_to_stream(stream)
    yield stream.getvalue
    stop()


def a_config(tmp_path: Path, **host: Any) -> Config:
    (tmp_path / "app.log").write_text(f"{datetime.now(timezone.utc).isoformat()} ERROR login with {SECRET} failed\n")
    collectors = [
        {"name": "state", "command": f"echo up; echo password={SECRET} >&2"},
        {"name": "log", "file": str(tmp_path / "app.log")},
        {"name": "gone", "command": f"cat /no/such/{SECRET}"},
    ]
    hosts = {"web1": {"component": "web", "transport": "local", **host}}
    return Config.model_validate({"components": {"web": {"collectors": collectors}}, "hosts": hosts})


def fails(*_: Any, **__: Any) -> Any:
    raise KeyError(f"x {SECRET}")


# --- What is told -----------------------------------------------------------------------------------------------------


def test_each_command_is_a_line_with_its_host_collector_seconds_and_bytes(
    tmp_path: Path, lines: Callable[[], str]
) -> None:
    with Run(a_config(tmp_path), environ={}) as run:
        run.collect_failure(run.failure("Order"))
    told = lines()
    assert "web1: state: ok, " in told
    assert " s, " in told
    assert " bytes received, 3 kept" in told
    assert "web1: gone: file not found, " in told or "web1: gone: failed, " in told
    assert "its clock is " in told


def test_a_swallowed_fault_comes_with_its_traceback(tmp_path: Path, lines: Callable[[], str]) -> None:
    with Run(a_config(tmp_path), environ={}, stages=Stages(rank=fails)) as run:
        run.know([SECRET])
        run.collect_failure(run.failure("Order"))
    assert "internal error while ranking the evidence" in lines()
    assert "in fails\n" in lines()
    assert "KeyError: 'x [redacted:" in lines()


@pytest.mark.ssh
def test_a_failure_over_ssh_with_known_secrets_leaves_none_of_them_in_the_log(
    tmp_path: Path, lines: Callable[[], str], a_host: Sshd
) -> None:
    config = a_config(tmp_path, transport="ssh", address=a_host.address, ssh=a_host.ssh_settings())
    with Run(config, environ={"SHOP_PASSWORD": SECRET}, stages=Stages(card=fails, store=fails)) as run:
        run.test_began()
        report = run.collect_failure(run.failure(f"Order {SECRET}", message=SECRET), output_dir=tmp_path)
        run.card(report)
    assert "Authentication (publickey) successful" in lines()  # paramiko's own words, under the same tree
    assert "internal error while writing the bundle" in lines()
    assert "web1: state: ok" in lines()
    assert SECRET not in lines()


def test_a_dead_hosts_warnings_by_paramiko_go_to_no_log_of_the_users(tmp_path: Path) -> None:
    assert not logging.getLogger(PARAMIKO).propagate


# --- No secret, whoever listens ---------------------------------------------------------------------------------------


def test_a_line_is_redacted_before_any_handler_sees_it(caplog: pytest.LogCaptureFixture) -> None:
    stop = redact_with(lambda text: Redactor(known=[SECRET]).redact(text).text)
    with caplog.at_level(logging.DEBUG, logger="failtale"):
        try:
            fails()
        except KeyError:
            log.debug("the answer of %s was %s", "web1", SECRET, exc_info=True)
    stop()
    (record,) = caplog.records
    assert "the answer of web1 was [redacted:" in caplog.text
    assert "in fails\n" in caplog.text
    assert SECRET not in caplog.text + repr(vars(record))


def test_without_a_redactor_a_traceback_goes_without_the_words_of_its_errors(lines: Callable[[], str]) -> None:
    try:
        fails()
    except KeyError:
        log.debug("a fault", exc_info=True)
    assert "in fails\n" in lines()
    assert "KeyError: (its message is withheld" in lines()
    assert SECRET not in lines()


def test_without_a_redactor_no_word_of_a_server_is_told(lines: Callable[[], str]) -> None:
    made_safe(logging.getLogger(f"{PARAMIKO}.quiet1")).debug("Auth banner: %r", SECRET)
    assert "quiet1: (withheld: " in lines()
    assert SECRET not in lines()


@pytest.mark.ssh
def test_what_a_server_says_to_check_is_told_without_its_secrets(
    tmp_path: Path, new_host: Callable[..., Sshd], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "banner").write_text(f"maintenance login: password={SECRET}\n")
    host = new_host(name="app1", options=[f"Banner {tmp_path / 'banner'}"])
    hosts = {"app1": {"component": "app", "address": host.address, "ssh": host.ssh_settings()}}
    config = {"components": {"app": {"collectors": [{"name": "state", "command": "echo up"}]}}, "hosts": hosts}
    (tmp_path / "failtale.yaml").write_text(json.dumps(config, default=str))
    main(["--verbose", "check", "--config", str(tmp_path / "failtale.yaml")])
    told = capsys.readouterr().err
    assert "maintenance login: password=[redacted:" in told
    assert SECRET not in told


def test_the_traceback_of_a_command_goes_without_its_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    assert _status_of_command(argparse.Namespace(run=refuses_a_password)) == 1
    told = capsys.readouterr().err
    assert "in refuses_a_password\n" in told
    assert "ValueError: password=[redacted:" in told
    assert SECRET not in told


def refuses_a_password(options: object) -> int:
    raise ValueError(f"password={SECRET}")


def test_a_line_that_cannot_be_redacted_is_withheld(lines: Callable[[], str]) -> None:
    stop = redact_with(fails)
    log.debug("the answer was %s", SECRET)
    stop()
    assert "(withheld: this line could not be searched for secrets)" in lines()
    assert SECRET not in lines()


def test_what_redaction_itself_logs_does_not_go_round_in_a_circle(lines: Callable[[], str]) -> None:
    def talks(text: str) -> str:
        log.debug("redacting %s", text)
        return text.upper()

    stop = redact_with(talks)
    log.debug("one line")
    stop()
    assert lines().count("\n") == 1
    assert "ONE LINE" in lines()


# --- Who asks ---------------------------------------------------------------------------------------------------------


def test_nobody_who_asks_for_nothing_hears_anything(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Run(a_config(tmp_path), environ={}, stages=Stages(rank=fails)) as run:
        run.collect_failure(run.failure("Order"))
    assert capfd.readouterr() == ("", "")


def test_every_face_writes_to_the_file_that_failtale_log_names(tmp_path: Path) -> None:
    file = tmp_path / "debug.log"
    for _ in range(2):
        with Run(a_config(tmp_path), environ={"FAILTALE_LOG": str(file)}) as run:
            run.collect_failure(run.failure("Order"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().count("web1: state: ok, ") == 2
    log.debug("after the runs")
    assert "after the runs" not in file.read_text()


def test_a_log_file_that_cannot_be_written_costs_no_run(tmp_path: Path) -> None:
    with Run(a_config(tmp_path), environ={"FAILTALE_LOG": str(tmp_path / "none" / "debug.log")}) as run:
        assert run.collect_failure(run.failure("Order")).evidence.items


def test_failtale_verbose_says_on_stderr_what_a_command_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "failtale.yaml"
    config.write_text(
        "components: {web: {collectors: [{name: state, command: echo up}]}}\n"
        "hosts: {web1: {component: web, transport: local}}\n"
    )
    assert main(["collect", "--config", str(config)]) == 0
    assert capsys.readouterr().err == ""
    assert main(["--verbose", "collect", "--config", str(config)]) == 0
    out, err = capsys.readouterr()
    assert "web1: state: ok, " in err
    assert "web1: state: ok, " not in out
    assert main(["collect", "--config", str(config)]) == 0
    assert capsys.readouterr().err == ""


# --- No fault is swallowed without a word -----------------------------------------------------------------------------


def test_every_broad_except_raises_or_tells_the_log() -> None:
    silent = []
    for path in [*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "listeners").glob("*.py")]:
        source = path.read_text(encoding="utf-8")
        if not re.search(r"except(:| Exception| BaseException)", source):
            continue  # to parse all takes seconds
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ExceptHandler) and _is_broad(node) and not _tells(node):
                silent.append(f"{path.name}:{node.lineno}")
    assert silent == []


def _is_broad(node: ast.ExceptHandler) -> bool:
    return node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")


TELLING = (
    "_log.debug(",
    "fault",
    "raise",
    "set_exception",
    "_error = error",
    "_put_lost(error",
    ".fail(error)",
    ".on_error(error)",
    "note_fault",
    "(withheld",
    "its message is",
)
"""Logging, asking `Faults`, or handing the error on; the redaction of the log itself says so in the line."""


def _tells(node: ast.ExceptHandler) -> bool:
    text = "\n".join(map(ast.unparse, node.body))
    return any(word in text for word in TELLING)


def test_no_line_holds_what_a_terminal_obeys_or_begins_a_line_of_another(lines: Callable[[], str]) -> None:
    log.debug("a host says %s", f"{HOSTILE}\n2026-11-26 12:00:00.000 MainThread failtale.run: all is well")
    log.debug("a fault", exc_info=ValueError(HOSTILE))
    assert not UNSEEN.search(lines())
    assert "\n    2026-11-26 12:00:00.000" in lines()
