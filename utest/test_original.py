"""The original FailTale's users come in as they are: its configuration, and the command that its suites run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
import yaml
from sshd import Sshd, new_key

from FailTaleLibrary.cli import main
from FailTaleLibrary.config import Config, parse_config
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.scenario import Scenario, scenario_of

ROOT = Path(__file__).resolve().parents[1]
ORIGINAL = """\
---
ssh_defaults:
  username: root
  private_key_path: KEY
  port: 2222
  connection_timeout: 10
  command_timeout: 30
components:
  server:
    useful_data:
    - description: Web UI log tail
      command: tail -n 200 /var/log/rhn/rhn_web_ui.log
    - description: "Status of the main service"
      command: "systemctl status shop.service || echo 'systemctl not available'"
    - description: "Status of the main service"
      command: "tail -n 20 /var/log/a.log | grep x"
  minion:
    useful_data:
    - {command: "tail -n 50 /var/log/a/*.log /var/log/b.log"}
hosts:
- {hostname: server.example.com, role: server, mandatory: True}
- {hostname: 192.168.1.110, role: minion, ssh_username: admin, ssh_password: linux, ssh_private_key_path: KEY}
- {hostname: 192.168.1.110, role: server}
- {hostname: "fd00::7", role: minion, mandatory: True}
- {hostname: build.example.com, role: build_host}
ollama:
  base_url: "http://localhost:11434"
  model: llama3
  request_timeout: 60
  embedding_model: nomic-embed-text
  persist_directory: chroma_db
  seed: 1
uyuni_mcp: {port: 443, uyuni_user: admin, uyuni_pass: admin}
base_prompt: You are an expert
"""


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return new_key(tmp_path / "key")


def original(key: Path, text: str = ORIGINAL) -> Config:
    return parse_config(text.replace("KEY", str(key)), source=key.parent / "config.yaml", environ={})


def test_a_configuration_of_the_original_works_as_it_is(key: Path) -> None:
    config = original(key)
    assert config.ssh.model_dump(include={"user", "key", "port", "connect_timeout_s", "command_timeout_s"}) == {
        "user": "root",
        "key": key,
        "port": 2222,
        "connect_timeout_s": 10.0,
        "command_timeout_s": 30.0,
    }
    log, status, other = config.components["server"].collectors
    assert (log.file, log.lines, log.command, log.description) == (
        ("/var/log/rhn/rhn_web_ui.log",),
        200,
        None,
        "Web UI log tail",
    )
    assert status.command == "systemctl status shop.service || echo 'systemctl not available'"
    assert other.command == "tail -n 20 /var/log/a.log | grep x", "what does more than read a log stays a command"
    assert len({log.name, status.name, other.name}) == 3
    assert config.components["minion"].collectors[0].file == ("/var/log/a/*.log", "/var/log/b.log")
    hosts = {name: (host.component, host.address) for name, host in config.hosts.items()}
    assert hosts == {
        "server.example.com": (("server",), "server.example.com"),
        "192.168.1.110": (("minion", "server"), "192.168.1.110"),
        "fd00-7": (("minion",), "fd00::7"),
    }
    assert config.ssh_for("192.168.1.110").user == "admin"
    assert (config.analysis.model, config.analysis.host, config.analysis.seed) == (
        "llama3",
        "http://localhost:11434",
        1,
    )


def test_each_key_that_is_not_followed_has_one_note(key: Path) -> None:
    notes = original(key).notes
    for told in (
        "'hosts[].mandatory'",
        "'hosts[].ssh_password'",
        "'build.example.com' is not asked",
        "'ollama.embedding_model'",
        "'ollama.persist_directory'",
        "'uyuni_mcp'",
        "'base_prompt'",
        "any host key",
    ):
        assert sum(told in note for note in notes) == 1, told
    assert len(notes) == 8
    assert not [note for note in notes if "linux" in note or "admin" in note], "no value of a secret is repeated"


def test_a_mistake_in_it_is_told_at_its_line(key: Path) -> None:
    with pytest.raises(ConfigError, match=r"config.yaml:5:9: ssh.port: .*ssh.* is not a whole number"):
        original(key, ORIGINAL.replace("port: 2222", "port: ssh"))
    with pytest.raises(ConfigError, match=r"config.yaml:4:21: ssh.key: .* cannot be read"):
        original(key.parent / "gone")


def test_a_passphrase_in_clear_is_taken_and_spoken_of_and_never_shown(tmp_path: Path) -> None:
    locked = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", locked], check=True)
    config = original(locked, ORIGINAL.replace("port: 2222", "passphrase: open sesame"))
    assert config.ssh.key_passphrase is not None
    assert config.ssh.key_passphrase.get_secret_value() == "open sesame"
    assert [note for note in config.notes if "stands in clear" in note and "sesame" not in note]


def test_odd_entries_are_notes_and_the_rest_is_followed(key: Path) -> None:
    text = """
components: {app: {useful_data: [{description: x}, {command: uptime, every: 5}, 7], colour: red}, odd: 3}
hosts: [{hostname: a, role: app}, {hostname: b}, c]
ssh_defaults: [1]
ollama: {model: ""}
"""
    config = original(key, text)
    assert list(config.hosts) == ["a"]
    assert [collector.command for collector in config.components["app"].collectors] == ["uptime"]
    assert config.analysis.model is None
    assert len(config.notes) == 7


def test_todays_configuration_is_not_taken_for_it() -> None:
    with pytest.raises(ConfigError, match="hosts"):
        parse_config("components: {web: {collectors: [linux]}}\nhosts: [web1]\n", environ={})


def test_init_writes_down_what_it_means(
    key: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(key.parent)
    Path("config.yaml").write_text(ORIGINAL.replace("KEY", str(key)))
    assert main(["init", "--from", "config.yaml"]) == 0
    said = capsys.readouterr().out
    assert "'uyuni_mcp' is not followed" in said
    monkeypatch.setenv("FAILTALE_PASSWORD", "linux")
    today, before = parse_config(Path("failtale.yaml").read_text()), original(key)
    same = {"source", "environment", "notes"}
    assert today.model_dump(exclude=same) == before.model_dump(exclude=same)
    assert today.notes == ()
    assert main(["init", "--from", "failtale.yaml", "--force"]) == 2
    assert "no configuration of the original" in capsys.readouterr().err


# --- The command of its suites


REPORT = """\
Feature: Order books
Scenario: A customer orders the last book
Location: features/order.feature:12
Status: failed
Tags: @shop, @slow
Steps:
  Given a book: "Dune"
  Tags: of a step
"""


def test_what_a_report_says_of_its_scenario() -> None:
    assert scenario_of(REPORT) == Scenario(
        "A customer orders the last book", "Order books", "features/order.feature", 12, ("@shop", "@slow")
    )
    assert scenario_of("\nIt broke\nbadly").name == "It broke"
    assert scenario_of("").name == "Scenario"
    assert scenario_of("Location: somewhere").source == "somewhere"


@pytest.mark.ssh
def test_review_reads_what_the_suite_sets_and_prints_what_broke(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    host = new_host()
    log = tmp_path / "shop.log"
    now = datetime.now(timezone.utc)
    log.write_text(f"{now:%Y-%m-%dT%H:%M:%SZ} ERROR order 4711: disk full on /var/lib/shop\n")
    ssh = host.ssh_settings()
    config = {
        "ssh_defaults": {
            "username": ssh["user"],
            "private_key_path": str(ssh["key"]),
            "port": int(str(ssh["port"])),
            "connection_timeout": 30,
            "command_timeout": 60,
        },
        "components": {"server": {"useful_data": [{"description": "Shop", "command": f"tail -n 100 {log}"}]}},
        "hosts": [{"hostname": host.address, "role": "server", "mandatory": True}],
        "uyuni_mcp": {"port": 443},
    }
    files = {
        "CONFIG_PATH": ("config.yaml", yaml.safe_dump(config)),
        "TEST_REPORT_PATH": ("test_report.txt", REPORT),
        "TEST_FAILURE_PATH": ("test_failure.txt", "expected 200, got 502 (Order::Refused)\n"),
    }
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SCREENSHOT_PATH": "/tmp/order.png"}
    for variable, (name, text) in files.items():
        (tmp_path / name).write_text(text)
        environment[variable] = str(tmp_path / name)
    program = "import sys; from FailTaleLibrary.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, "review"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "A customer orders the last book" in done.stdout
    assert "disk full on /var/lib/shop" in done.stdout
    assert "/tmp/order.png" in done.stdout
    assert "'uyuni_mcp' is not followed" in done.stderr


def test_review_says_what_it_misses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("CONFIG_PATH", "TEST_REPORT_PATH", "TEST_FAILURE_PATH"):
        monkeypatch.delenv(name, raising=False)
    assert main(["review"]) == 2
    assert "--config FILE" in capsys.readouterr().err
    here = "components: {a: {collectors: [linux]}}\nhosts: {here: {component: a, transport: local}}\n"
    (tmp_path / "failtale.yaml").write_text(here)
    assert main(["review", "--config", str(tmp_path / "failtale.yaml")]) == 2
    assert "TEST_REPORT_PATH" in capsys.readouterr().err
