"""A right configuration: what each form of writing becomes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from FailTaleLibrary.config import Config, load_config, parse_config, secret_values_of
from FailTaleLibrary.config.reference import template_text
from FailTaleLibrary.errors import ConfigError

ROOT = Path(__file__).parent.parent
SMALL = """\
components:
  web:
    collectors: [{command: uptime}]
hosts:
  web1: {component: web}
"""


def parsed(text: str, **environ: str) -> Config:
    return parse_config(text, environ=environ)


def collector_names(collectors: str) -> list[str]:
    config = parsed(f"components:\n  web:\n    collectors:\n{collectors}\nhosts: {{web1: {{component: web}}}}")
    return [collector.name for collector in config.components["web"].collectors]


def private_file(path: Path, content: str = "") -> Path:
    path.write_text(content, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_what_is_not_said_has_its_default() -> None:
    config = parsed(SMALL)
    assert (config.ssh.port, config.ssh.known_hosts) == (None, None), "ssh's own configuration says"
    assert config.limits.item_bytes == 64 * 1024
    assert config.marks == "test"
    assert config.hosts["web1"].transport == "ssh"


def test_sections_with_nothing_behind_them_count_as_not_written() -> None:
    config = parsed(SMALL + "ssh:\nlimits:\n  item_bytes:\nredaction:\n  rules:\n  keep:\ngateway:\n")
    assert config == parsed(SMALL)


def test_durations_sizes_and_windows_are_read_with_their_units() -> None:
    config = parsed(
        "ssh: {connect_timeout: 500 ms, command_timeout: 2 min}\n"
        "limits: {item_bytes: 1 MB, host_time: 20}\n"
        "components:\n  web:\n    collectors:\n"
        "      - {file: /a, window: 5 min}\n      - {file: /b, window: 1.2 s}\n      - {file: /c, window: suite}\n"
        "hosts: {web1: {component: web}}\n"
    )
    assert (config.ssh.connect_timeout_s, config.ssh.command_timeout_s) == (0.5, 120.0)
    assert (config.limits.item_bytes, config.limits.host_time_s) == (1_000_000, 20.0)
    assert [c.window for c in config.components["web"].collectors] == ["300", "2", "suite"]


def test_one_value_stands_for_a_list_of_one() -> None:
    config = parsed(
        "components:\n  web: {collectors: {file: /a.log}}\n  api: {collectors: [{file: [/b.log, /c.log]}]}\n"
        "hosts:\n  one: {component: web}\n  two: {component: [web, api]}\ntags: {exclude: slow}\n"
    )
    assert config.hosts["one"].component == ("web",)
    assert config.components["web"].collectors[0].file == ("/a.log",)
    assert config.tags.exclude == ("slow",)
    assert [name for name, _ in config.collectors_for("two")] == ["web", "api"]


def test_a_bare_off_switches_marks_off() -> None:
    assert parsed(SMALL + "marks: off").marks == "off"


def test_names_that_yaml_takes_for_other_things_are_names() -> None:
    config = parsed(
        "components: {no: {collectors: {command: id}}}\nhosts: {1: {component: 'no'}, 2024-01-01: {component: 'no'}}"
    )
    assert list(config.hosts) == ["1", "2024-01-01"]


def test_merge_keys_work_and_own_keys_win() -> None:
    config = parsed(
        "components: {web: {collectors: {command: id}}}\n"
        "hosts:\n  one: &base {component: web, ssh: &s {port: 2200}}\n  two: {<<: *base, address: two.example}\n"
        "  three: {<<: *base, ssh: {<<: *s, port: 2300}}\n"
    )
    assert [config.ssh_for(name).port for name in config.hosts] == [2200, 2200, 2300]


def test_a_hosts_own_ssh_values_stand_over_the_common_ones() -> None:
    config = parsed(
        SMALL.replace("web}", "web, ssh: {user: deploy, connect_timeout: 1 s}}") + "ssh: {user: all, port: 23}"
    )
    ssh = config.ssh_for("web1")
    assert (ssh.user, ssh.port, ssh.connect_timeout_s) == ("deploy", 23, 1.0)


# --- environment and secrets -----------------------------------------------------------------------------------------


def test_variables_are_read_in_any_value_and_turned_into_its_type() -> None:
    config = parsed(
        SMALL + 'ssh: {port: "%{PORT}", user: "u-%{NAME=x}"}\nmessage_summary: "%{SUM}"', PORT="2222", SUM="yes"
    )
    assert (config.ssh.port, config.ssh.user, config.message_summary) == (2222, "u-x", True)


def test_keys_are_never_expanded() -> None:
    config = parsed(SMALL.replace("web1", '"web1"'), web1="x")
    assert list(config.hosts) == ["web1"]


def test_secrets_come_from_variables_and_private_files(tmp_path: Path) -> None:
    private_file(tmp_path / "token", "from-the-file\n")
    config = parse_config(
        SMALL + 'redaction: {secrets: ["%{PASS}", file:token]}\nssh: {key_passphrase: "%{PHRASE}"}',
        source=tmp_path / "failtale.yaml",
        environ={"PASS": "from-the-environment", "PHRASE": "open sesame"},
    )
    values = [secret.get_secret_value() for secret in config.redaction.secrets]
    assert values == ["from-the-environment", "from-the-file"]
    assert set(secret_values_of(config)) == {"from-the-environment", "from-the-file", "open sesame"}


def test_secret_values_are_those_of_variables_named_like_secrets_too() -> None:
    config = parsed(
        SMALL.replace("uptime", "'curl -u %{APP_USER}:%{APP_PASSWORD} %{BASE_URL}'"),
        APP_USER="shopper",
        APP_PASSWORD="tr0mbone",
        BASE_URL="http://x",
    )
    assert secret_values_of(config) == ("tr0mbone",)


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("DB_PASS", True),
        ("PGPASSWORD", True),
        ("KEY_PASSPHRASE", True),
        ("API_KEY", True),
        ("GITHUB_TOKEN", True),
        ("VAULT_PW", True),
        ("SSH_KEY", False),
        ("BYPASS", False),
        ("PASSENGER_ROOT", False),
        ("USER", False),
    ],
)
def test_a_variables_name_says_whether_it_holds_a_secret(name: str, is_secret: bool) -> None:
    config = parsed(SMALL.replace("uptime", f"'echo %{{{name}}}'"), **{name: "tr0mbone"})
    assert secret_values_of(config) == (("tr0mbone",) if is_secret else ())


def test_no_dump_and_no_repr_of_a_configuration_holds_a_secret() -> None:
    config = parsed(SMALL + 'redaction: {secrets: "%{PASS}"}', PASS="tr0mbone")
    assert "tr0mbone" not in repr(config) + config.model_dump_json()


def test_an_escaped_variable_reaches_the_command_as_it_is() -> None:
    config = parsed(SMALL.replace("uptime", r"'curl -w \%{http_code} localhost'"))
    assert config.components["web"].collectors[0].command == "curl -w %{http_code} localhost"


# --- paths -----------------------------------------------------------------------------------------------------------


def test_relative_paths_are_relative_to_the_configuration_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    private_file(tmp_path / "etc" / "id")
    (tmp_path / "hosts").write_text("")
    (tmp_path / "etc" / "failtale.yaml").write_text(
        SMALL + "ssh: {key: id, known_hosts: ../hosts}\nbundles: {directory: out}\n"
    )
    monkeypatch.chdir(tmp_path)
    config = load_config("etc/failtale.yaml")
    assert config.ssh.key == Path("etc/id")
    assert config.ssh.known_hosts.resolve() == tmp_path / "hosts"
    assert config.bundles.directory == Path("etc/out")
    assert config.source == tmp_path / "etc" / "failtale.yaml"


def test_a_tilde_is_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    private_file(tmp_path / "id")
    config = parsed(SMALL + "ssh: {key: ~/id}")
    assert config.ssh.key == tmp_path / "id"
    assert config.ssh.config == tmp_path / ".ssh" / "config"


# --- collectors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("collector", "name"),
    [
        ("{command: uptime -p}", "uptime"),
        ("{command: LC_ALL=C sudo -n /usr/sbin/ss -tln}", "ss"),
        ("{file: /var/log/nginx/error.log}", "error.log"),
        ("{file: /var/log/app/*.log}", "app-log"),
        ("{file: [/srv/my app.txt, /b]}", "my-app.txt"),
        ("{journal: nginx}", "journal-nginx"),
        ("{journal: '*'}", "journal"),
        ("{command: '[ -e /x ]'}", "collector"),
    ],
)
def test_a_collector_without_a_name_gets_one_from_what_it_asks(collector: str, name: str) -> None:
    assert collector_names(f"      - {collector}") == [name]


def test_derived_names_are_numbered_and_avoid_given_ones() -> None:
    entries = "[{command: df -h}, {command: df -i}, {name: df-2, command: x}, {file: /a/e.log}, {file: /b/e.log}]"
    assert collector_names(f"      {entries}") == ["df", "df-3", "df-2", "e.log", "e.log-2"]


def test_presets_stand_beside_collectors_in_their_order() -> None:
    names = collector_names("      - command: id\n      - systemd: {unit: my.app}\n      - file: /x")
    assert names == ["id", "systemd.my.app-state", "systemd.my.app-journal", "x"]


def test_a_preset_can_be_used_twice_under_another_first_name() -> None:
    names = collector_names("      - systemd: {unit: a}\n      - systemd: {unit: a, name: other}")
    assert names == ["systemd.a-state", "systemd.a-journal", "other.a-state", "other.a-journal"]


def test_what_two_components_of_a_host_share_is_asked_once() -> None:
    config = parsed(
        "components: {web: {collectors: [{command: id}, {file: /w}]}, api: {collectors: [{command: id}, {file: /a}]}}\n"
        "hosts: {both: {component: [web, api]}}"
    )
    assert [(component, c.name) for component, c in config.collectors_for("both")] == [
        ("web", "id"),
        ("web", "w"),
        ("api", "a"),
    ]


# --- whole files -----------------------------------------------------------------------------------------------------


def test_with_a_gateway_neither_hosts_nor_components_are_needed() -> None:
    config = parsed('gateway: {url: "http://127.0.0.1:5050/mcp", token: "%{T}"}', T="abcdef")
    assert config.gateway is not None
    assert config.gateway.token is not None
    assert config.hosts == {}


def test_the_template_loads_and_asks_this_machine() -> None:
    config = parse_config(template_text(), environ={})
    assert config.hosts["here"].transport == "local"
    assert "linux.disk" in [collector.name for _, collector in config.collectors_for("here")]


def test_an_installed_package_finds_its_template(tmp_path: Path) -> None:
    package = tmp_path / "FailTaleLibrary"
    shutil.copytree(ROOT / "FailTaleLibrary", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "resources" / "FailTaleLibrary" / "failtale.yaml", package)
    script = "from FailTaleLibrary.config.reference import template_text; print(template_text(), end='')"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == template_text()


def test_every_commented_part_of_the_template_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (".ssh/failtale", ".config/failtale/token", "secrets/api-token"):
        (tmp_path / name).parent.mkdir(parents=True)
        private_file(tmp_path / name, "a secret that is none")
    (tmp_path / "known_hosts").write_text("")
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "shop.yaml").write_text(
        "name: shop\ndescription: The shop.\ncollectors: [{name: health, command: uptime}]"
    )
    head, *parts = template_text().split("\n# --- ")
    opened = [uncommented(part) for part in parts]
    for number, part in enumerate(opened):
        is_gateway = "gateway:" in part
        before = [*parts[:1], opened[1]] if part.startswith("On which hosts") else parts[:number]
        others = [part] if is_gateway else [*before, part, *parts[number + 1 :]]
        loaded(head, others, tmp_path)
    loaded(head, [part for part in opened if "gateway:" not in part], tmp_path)


def uncommented(part: str) -> str:
    """A block of the template as it is when the '# ' before its YAML is taken away."""
    lines = part.splitlines()
    keys = tuple(f"# {key}:" for key in Config.yaml_keys())
    begin = next(number for number, line in enumerate(lines) if line.startswith(("#   ", *keys)))
    return "\n".join([*lines[:begin], *(line.removeprefix("# ").removeprefix("#") for line in lines[begin:])])


def loaded(head: str, parts: list[str], directory: Path) -> None:
    text = "\n# --- ".join([head, *parts])
    parse_config(text, source=directory / "failtale.yaml", environ={"SHOP_DB_PASSWORD": "x" * 8})


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(
        ConfigError, match=r"^the configuration '/no/failtale\.yaml' cannot be read: No such file or directory$"
    ):
        load_config("/no/failtale.yaml")


def test_a_file_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"components:\n  web:\n    description: caf\xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.yaml:3: not UTF-8; save the file in that encoding$"):
        load_config(tmp_path / "latin.yaml")


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "failtale.yaml").write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert list(load_config(tmp_path / "failtale.yaml").hosts) == ["web1"]


def test_importing_the_configuration_imports_nothing_heavy() -> None:
    heavy = {"yaml", "re2", "difflib", "paramiko", "jinja2", "robot"}
    script = f"import sys, FailTaleLibrary.config; print(*({heavy} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
