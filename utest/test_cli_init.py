"""`failtale init`: flags, answers or a look at the hosts -> a configuration that `failtale check` takes."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sshd
import yaml

from FailTaleLibrary.cli import main
from FailTaleLibrary.config import Config, load_config
from FailTaleLibrary.doctor.draft import DraftHost, parse_host
from FailTaleLibrary.doctor.proposal import HostLook, proposals, yaml_text
from FailTaleLibrary.errors import ConfigError


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def written() -> Config:
    return load_config("failtale.yaml")


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("10.0.0.5", DraftHost("10.0.0.5", "10.0.0.5", "app")),
        ("app1", DraftHost("app1", "app1", "app")),
        ("web-2.example.com", DraftHost("web-2.example.com", "web-2.example.com", "web")),
        ("app1=10.0.0.5:app", DraftHost("app1", "10.0.0.5", "app")),
        ("db=me@10.0.0.6:2222:database", DraftHost("db", "10.0.0.6", "database", "me", "2222")),
        ("v6=[2001:db8::1]:22:app", DraftHost("v6", "2001:db8::1", "app", "", "22")),
        ("here=local", DraftHost("here", "local", "here")),
    ],
)
def test_a_host_is_named_in_one_word(text: str, host: DraftHost) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize("text", ["", "a b", "a@b@c", "x=", "ssh://a", "a:b:c:d", "2001:db8::1"])
def test_what_is_no_host_is_told_with_the_form(text: str) -> None:
    with pytest.raises(ConfigError, match="write NAME=ADDRESS:COMPONENT"):
        parse_host(text)


@pytest.mark.parametrize(
    "text", ["a", "~/.ssh/x", "no", "1.5", "a b", "it's", "# x", "a: b", "*", "-", "ä", "10.0.0.5", "::1"]
)
def test_a_text_is_written_so_that_yaml_reads_it_back(text: str) -> None:
    assert yaml.safe_load(f"key: {yaml_text(text)}") == {"key": text}


def test_flags_are_enough_and_the_next_lines_are_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    key = sshd.new_key(tmp_path / "id")
    hosts = ["--host", "app1=10.0.0.5:app", "--host", "db1=10.0.0.6:2222:db", "--host", "here=local"]
    given = ["--user", "reader", "--key", str(key), "--preset", "linux", "--preset", "db=postgresql"]
    assert main(["init", *hosts, *given]) == 0
    config = written()
    assert {name: (host.component, host.address) for name, host in config.hosts.items()} == {
        "app1": (("app",), "10.0.0.5"),
        "db1": (("db",), "10.0.0.6"),
        "here": (("here",), None),
    }
    assert (config.ssh.user, config.ssh.key, config.ssh_for("db1").port) == ("reader", key, 2222)
    assert {collector.preset for _, collector in config.collectors_for("db1")} == {"linux", "postgresql"}
    said = capsys.readouterr().out
    assert "Wrote failtale.yaml: 3 hosts, 3 components." in said
    for line in (
        "  failtale check\n",
        "  robot --listener FailTaleListener tests/\n",
        "  pytest --failtale=failtale.yaml",
    ):
        assert line in said
    first = Path("failtale.yaml").read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=/")
    assert Path(first.partition("=")[2]).is_file()


def test_a_file_that_is_there_is_never_written_over_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    Path("failtale.yaml").write_text("mine")
    assert main(["init", "--yes"]) == 2
    assert "'failtale.yaml' is there already" in capsys.readouterr().err
    assert Path("failtale.yaml").read_text() == "mine"
    assert main(["init", "--yes", "--force"]) == 0
    assert written().hosts["here"].transport == "local"
    assert main(["init", "--yes", "--output", "other/f.yaml"]) == 0
    assert "  failtale check --config other/f.yaml\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["init"], "There is no terminal to ask on"),
        (
            ["init", "--host", "a", "--key", "~/no"],
            "no key '~/no' yet; name another one, or make it: ssh-keygen -t ed25519 -N '' -f ~/no",
        ),
        (["init", "--host", "a", "--preset", "ngnx"], "did you mean 'nginx'?"),
        (["init", "--host", "a", "--host", "a=10.0.0.5"], "'a' names two hosts"),
    ],
)
def test_what_cannot_be_written_is_told_and_nothing_is_written(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert says in capsys.readouterr().err
    assert not Path("failtale.yaml").exists()


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_little_is_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setattr(sys, "stdin", Terminal("what is this?\napp1=10.0.0.5:app\n\nreader\nnowhere\n\nno\n"))
    assert main(["init"]) == 0
    said = capsys.readouterr().out
    assert "is no host; write NAME=ADDRESS:COMPONENT" in said
    assert "There is no key 'nowhere' yet" in said
    assert (written().ssh.user, written().ssh.key) == ("reader", None)


@pytest.mark.ssh
def test_a_look_at_a_host_proposes_what_runs_and_is_written_there(
    new_host: Callable[..., sshd.Sshd], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "ps").write_text("#!/bin/sh\nprintf 'COMMAND\\nnginx\\nredis-server\\nbash\\n'\n")
    (programs / "ps").chmod(0o755)
    host = new_host(environment={"PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin"})
    logs = host.directory / "logs"
    logs.mkdir()
    for name in ("shop", "worker"):
        (logs / f"{name}.log").write_text("ready\n")
    known_hosts = tmp_path / "home" / ".ssh" / "known_hosts"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path / "home"))
        named = ["--host", f"app1={host.user}@{host.address}:{host.port}:app", "--key", str(host.key)]
        assert main(["init", *named, "--look", "--accept-host-keys", "--yes"]) == 0
        assert known_hosts.read_text() == host.known_hosts_line
        text = Path("failtale.yaml").read_text()
        assert f"- file: {logs}/*.log" in text
        assert "nginx" in text
        assert "redis" in text
        kept = {collector.preset or collector.name for _, collector in written().collectors_for("app1")}
        assert {"linux", "logs-log"} <= kept
        capsys.readouterr()
        assert main(["check"]) in (0, 1)
        assert "\n  PROBLEM logs-log" not in capsys.readouterr().out


def test_a_look_leaves_out_the_logs_of_the_system_and_of_presets() -> None:
    look = HostLook(system="Linux", processes={"postgres", "beam.smp"}, units={"shop": True, "cron": False})
    look.logs = dict.fromkeys(
        ("/var/log/dpkg.log", "/var/log/nginx/error.log", "/var/log/shop.log", "/opt/a/log/x.log"), True
    )
    look.logs["/var/log/secret.log"] = False
    assert [each.line for each in proposals(look)] == [
        "linux",
        "postgresql",
        "systemd: {unit: shop}",
        "file: /var/log/shop.log",
        "file: /opt/a/log/x.log",
    ]


def test_the_configuration_in_the_working_directory_is_found_by_itself_and_named(
    capsys: pytest.CaptureFixture[str], empty_folder: Path
) -> None:
    assert main(["check"]) == 2
    assert "there is no 'failtale.yaml' here. Let 'failtale init' write one" in capsys.readouterr().err
    assert main(["init", "--yes", "--preset", "linux"]) == 0
    text = Path("failtale.yaml").read_text().replace("- linux", "- command: echo fine  #")
    Path("failtale.yaml").write_text(text)
    capsys.readouterr()
    assert main(["check"]) == 0
    assert capsys.readouterr().err == f"FailTale uses '{empty_folder}/failtale.yaml'.\n"
