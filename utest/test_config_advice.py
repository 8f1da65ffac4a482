"""What people write in place of what FailTale reads gets the line to write, and that line is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from FailTaleLibrary.config import load_config, parse_config
from FailTaleLibrary.errors import ConfigError

RIGHT = "components:\n  web:\n    collectors: [{command: uptime}]\n"


def told(text: str, source: Path | str = "failtale.yaml") -> str:
    with pytest.raises(ConfigError) as error:
        parse_config(text, source=source, environ={"PLACE": "app@10.0.0.5:22", "N": "secret-place"})
    return str(error.value)


# --- Keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ssh", "advice"),
    [
        ("passwd: x", "did you mean 'password'?"),
        ("bastion: x", "did you mean 'proxy_jump'?"),
        ("ProxyJump: x", "did you mean 'proxy_jump'?"),
        ("proxy_command: x", "ssh's own configuration is read: write 'ProxyCommand …' below 'Host NAME'"),
        ("username: app", "did you mean 'user'?"),
        ("identity_file: ~/.ssh/x", "did you mean 'key'?"),
        ("IdentityFile: ~/.ssh/x", "did you mean 'key'?"),
        ("private-key: ~/.ssh/x", "did you mean 'key'?"),
        ("passphrase: x", "did you mean 'key_passphrase'?"),
        ("timeout: 5 s", "did you mean 'connect_timeout'?"),
        ("StrictHostKeyChecking: no", "did you mean 'host_keys'?"),
        ("known-hosts: x", "did you mean 'known_hosts'?"),
        (
            "address: x",
            "the address stands in the host, beside 'ssh': write 'hosts: {NAME: {component: …, address: …}}'",
        ),
        ("host: x", "the address stands in the host, beside 'ssh'"),
        ("sudo: yes", "write 'sudo -n' before what needs it"),
        ("user=app: x", "write 'user: app', with a ':' and a space behind it"),
        ("failure_time: 5", "it belongs elsewhere: write 'limits: {failure_time: …}'"),
        ("marks: off", "it belongs elsewhere: write 'marks: …' without indentation"),
        ("usr: x", "did you mean 'user'?"),
    ],
)
def test_a_word_of_another_tool_or_section_is_understood_in_ssh(ssh: str, advice: str) -> None:
    key = ssh.partition(":")[0]
    said = told(f"{RIGHT}hosts: {{web1: {{component: web}}}}\nssh: {{{ssh}}}\n")
    assert f": ssh.{key}: unknown key '{key}'; {advice}" in said
    assert "mistakes" not in said


@pytest.mark.parametrize(
    ("host", "advice"),
    [
        ("user: app", "it belongs to the host's 'ssh': write 'ssh: {user: …}'"),
        ("username: app", "it belongs to the host's 'ssh': write 'ssh: {user: …}'"),
        ("IdentityFile: ~/.ssh/x", "it belongs to the host's 'ssh': write 'ssh: {key: …}'"),
        ("bastion: jump1", "it belongs to the host's 'ssh': write 'ssh: {proxy_jump: …}'"),
        ("port: 2222", "it belongs to the host's 'ssh': write 'ssh: {port: …}'"),
        ("password: x", "it belongs to the host's 'ssh': write 'ssh: {password: …}'"),
        ("proxy_jmp: x", "it belongs to the host's 'ssh': write 'ssh: {proxy_jump: …}'"),
        ("proxy_jump: x", "it belongs to the host's 'ssh': write 'ssh: {proxy_jump: …}'"),
        ("ip: 10.0.0.5", "did you mean 'address'?"),
        ("hostname: x", "did you mean 'address'?"),
        ("collectors: [linux]", "it belongs elsewhere: write 'components: {NAME: {collectors: …}}'"),
        ("components: web", "did you mean 'component'?"),
    ],
)
def test_a_word_of_another_tool_or_section_is_understood_in_a_host(host: str, advice: str) -> None:
    said = told(f"{RIGHT}hosts: {{web1: {{component: web, {host}}}}}\n")
    assert f"unknown key '{host.partition(':')[0]}'; {advice}" in said


@pytest.mark.parametrize(
    ("entry", "advice"),
    [
        ("path: /var/log/x.log", "did you mean 'file'?"),
        ("logs: /var/log/x.log", "did you mean 'file'?"),
        ("cmd: uptime", "did you mean 'command'?"),
        ("unit: nginx", "did you mean 'journal'?"),
        ("{command: id, sudo: yes}", "write 'sudo -n' before what needs it in 'command'"),
        ("{command: id, interval: 5}", "known: "),
    ],
)
def test_a_word_of_another_tool_is_understood_in_a_collector(entry: str, advice: str) -> None:
    said = told(f"components:\n  web:\n    collectors:\n      - {entry}\nhosts: {{web1: {{component: web}}}}\n")
    assert advice in said


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("collectors: [linux]", "it belongs elsewhere: write 'components: {NAME: {collectors: …}}'"),
        ("user: app", "it belongs elsewhere: write 'ssh: {user: …}'"),
        ("component: {}", "did you mean 'components'?"),
        ("analysis: {model: x, api_key: y}", "a key for a cloud is read from OLLAMA_API_KEY"),
        ("model: qwen", "did you mean 'analysis'?"),
        ("machines: {}", "did you mean 'hosts'?"),
        ("presets: [linux]", "'linux' comes with FailTale; name it in a component: 'components: {web: {collectors: "),
        ("defaults: &d {component: web}", "unknown key 'defaults'; to hold an anchor, write 'x-defaults: &…'"),
        ("_common: &c\n  lines: 5", "unknown key '_common'; to hold an anchor, write 'x-common: &…'"),
        ("tags: [wip]", "a list is not a section; write e.g. 'tags: {exclude: [wip]}'"),
        ("tags: wip", "'wip' is not a section; write 'tags: {exclude: [wip]}'"),
        ("analysis: qwen2.5:3b", "write 'analysis: {model: \"qwen2.5:3b\"}'"),
        ("bundles: off", "write 'bundles: {enabled: off}'"),
        ("bundles: evidence", "write 'bundles: {directory: evidence}'"),
        ("limits: 45 s", "write e.g. 'limits: {failure_time: 45 s}'"),
        ("ssh: {port: [22, 2222]}", "a list is not a whole number; write one number"),
        ("ssh: {user: [a, b]}", "a list is not a text; write one text"),
        ("message_summary: [yes]", "a list is neither 'yes' nor 'no'; write one value"),
        ("ssh: {user: 'app# the reader'}", "a comment needs a space before '#'; write 'user: app # …'"),
        ("ssh: {user: 'app reader'}", "'app reader' is not the name of a user; write one name"),
    ],
)
def test_what_stands_in_the_wrong_place_or_shape_is_told_its_own(text: str, advice: str) -> None:
    assert advice in told(f"{RIGHT}hosts: {{web1: {{component: web}}}}\n{text}\n")


def test_keys_that_begin_with_x_hold_anchors_in_any_section() -> None:
    config = parse_config(
        "x-common: &common\n  lines: 5\nx-host: &host {component: web, x-note: ours}\nssh: {x-team: ops}\n"
        "components:\n  web:\n    x-why: it\n    collectors:\n      - {file: /a.log, x-y: 1, <<: *common}\n"
        "hosts:\n  web1: *host\n  web2: {<<: *host, address: 10.0.0.5}\n",
        environ={},
    )
    assert config.components["web"].collectors[0].lines == 5
    assert config.hosts["web2"].address == "10.0.0.5"


# --- Hosts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hosts", "line"),
    [
        ("hosts:\n  - web1\n  - web2", "web1: {component: web}"),
        ("hosts:\n  - web1: {component: web}", "web1: {component: web}"),
        ("hosts:\n  - {name: web1, address: 10.0.0.5}", "web1: {component: web, address: 10.0.0.5}"),
        ("hosts:\n  - 10.0.0.5", "10.0.0.5: {component: web}"),
        ("hosts:\n  - app@10.0.0.5", "web1: {component: web, address: 10.0.0.5, ssh: {user: app}}"),
        ("hosts: web1", "web1: {component: web}"),
        ("hosts:\n  web1: 127.0.0.11", "web1: {component: web, address: 127.0.0.11}"),
        (
            "hosts:\n  web1: app@10.0.0.5:2222",
            "web1: {component: web, address: 10.0.0.5, ssh: {user: app, port: 2222}}",
        ),
        (
            "hosts:\n  web1: ssh://app@db.example.com",
            "web1: {component: web, address: db.example.com, ssh: {user: app}}",
        ),
        ("hosts:\n  web1: '2001:db8::1'", 'web1: {component: web, address: "2001:db8::1"}'),
        ("hosts:\n  web1: '[2001:db8::1]:22'", 'web1: {component: web, address: "2001:db8::1", ssh: {port: 22}}'),
        ("hosts:\n  web1: web", "web1: {component: web}"),
        ("hosts:\n  web1: component=web", "web1: {component: web}"),
        ("hosts:\n  web1: [10.0.0.5]", "web1: {component: web, address: 10.0.0.5}"),
        ("hosts:\n  app@10.0.0.5: {component: web}", "web1: {component: web, address: 10.0.0.5, ssh: {user: app}}"),
        ("hosts:\n  '2001:db8::1': {component: web}", 'web1: {component: web, address: "2001:db8::1"}'),
        ("hosts:\n  'web1:2222': {component: web}", "web1: {component: web, address: web1, ssh: {port: 2222}}"),
    ],
)
def test_a_host_in_any_shape_gets_the_line_to_write_and_that_line_is_right(hosts: str, line: str) -> None:
    said = told(f"{RIGHT}{hosts}\n")
    assert f"write '{line}'" in said
    assert "mistakes" not in said
    assert parse_config(f"{RIGHT}hosts:\n  {line}\n", environ={}).hosts


@pytest.mark.parametrize(
    ("components", "line"),
    [
        ("components: [web]", "web: {collectors: [linux]}"),
        ("components:\n  - web: {collectors: [linux]}", "web: {collectors: [linux]}"),
        ("components:\n  web: linux", "web: {collectors: [linux]}"),
        ("components:\n  web: [linux, nginx]", "web: {collectors: [linux, nginx]}"),
        ("components:\n  web: /var/log/x.log", "web: {collectors: [{file: /var/log/x.log}]}"),
        ("components:\n  web: df -h", "web: {collectors: [{command: df -h}]}"),
        ("components: linux", "linux: {collectors: [linux]}"),
    ],
)
def test_a_component_in_any_shape_gets_the_line_to_write_and_that_line_is_right(components: str, line: str) -> None:
    assert f"write '{line}'" in told(f"{components}\nhosts: {{w: {{component: web}}}}\n")
    name = line.partition(":")[0]
    assert parse_config(f"components:\n  {line}\nhosts: {{w: {{component: {name}}}}}\n", environ={}).components


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("app@10.0.0.5", "has a user in it; write 'address: 10.0.0.5, ssh: {user: app}'"),
        ("10.0.0.5:2222", "has a port in it; write 'address: 10.0.0.5, ssh: {port: 2222}'"),
        ("app@web1:22", "has a user and a port in it; write 'address: web1, ssh: {user: app, port: 22}'"),
        ("web1:ssh", "has a port in it; write 'address: web1, ssh: {port: 22}'"),
        ("$(hostname)", 'for a variable of the environment write "%{HOSTNAME}"'),
        ("ssh://web1", "has more than the name in it; write 'address: web1'"),
        ("ssh app@web1", "has a user and more than the name in it; write 'address: web1, ssh: {user: app}'"),
        ("'[2001:db8::1]'", "has brackets in it; write 'address: \"2001:db8::1\"'"),
        ("'[2001:db8::1]:22'", "has a port in it; write 'address: \"2001:db8::1\", ssh: {port: 22}'"),
        ("[web1]", "a list is not an address; write one without brackets, in quotes: 'address: \"web1\"'"),
        ("[a, b]", "a list is not an address; write one and a host for each"),
        ("web1, web2", "is more than one name; write one, and a host for each"),
        ("10.0.0.300", "is no IP address: each of its four parts is at most 255"),
        ("010.0.0.1", "is no IP address"),
        ("10.0.0.5/24", "is no name or IP address of a host"),
        ('"${DUT}"', "has '${DUT}', which is not read here: for a variable of the environment write \"%{DUT}\""),
        ('"{{ dut }}"', 'for a variable of the environment write "%{dut}"'),
        ("$DUT", 'for a variable of the environment write "%{DUT}"'),
    ],
)
def test_an_address_is_a_name_or_an_ip_address_alone(address: str, advice: str) -> None:
    said = told(f"{RIGHT}hosts:\n  web1:\n    component: web\n    address: {address}\n")
    assert said.startswith("failtale.yaml:7:14: hosts.web1.address: ")
    assert advice in said
    assert "mistakes" not in said


@pytest.mark.parametrize(
    "address", ["web1", "web_1.example.com.", "10.0.0.5", "'2001:db8::1'", "fe80::1%eth0", "xn--bcher"]
)
def test_what_is_an_address_is_taken(address: str) -> None:
    assert parse_config(f"{RIGHT}hosts: {{web1: {{component: web, address: {address}}}}}", environ={})


def test_an_address_of_the_environment_is_not_repeated() -> None:
    said = told(f'{RIGHT}hosts: {{web1: {{component: web, address: "%{{PLACE}}"}}}}')
    assert "'%{PLACE}' has a user and a port in it; it must be a name or an IP address alone" in said
    assert "10.0.0.5" not in said


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ssh: {user: '${USER}'}", "USER"),
        ("ssh: {user: $USER}", "USER"),
        ("ssh: {known_hosts: '$HOME/.ssh/known_hosts', host_keys: accept-new}", "HOME"),
        ("ssh: {known_hosts: '${HOME:-/root}/x', host_keys: accept-new}", "HOME"),
        ("ssh: {user: '%USERNAME%'}", "USERNAME"),
        ("bundles: {directory: '${OUTPUT DIR}'}", "OUTPUT DIR"),
    ],
)
def test_a_variable_of_robot_or_a_shell_is_no_login(text: str, name: str) -> None:
    said = told(f"{RIGHT}hosts: {{web1: {{component: web}}}}\n{text}\n")
    assert f'write "%{{{name}}}" with the quotes' in said
    assert "mistakes" not in said


@pytest.mark.parametrize("text", ["%{MISSING:-app}", "%{MISSING-app}", "%{MISSING:app}"])
def test_a_default_as_a_shell_writes_it_is_told_as_robot_does(text: str) -> None:
    assert "write '%{MISSING=app}'" in told(f'{RIGHT}hosts: {{web1: {{component: web}}}}\nssh: {{user: "{text}"}}')


def test_a_command_may_use_the_variables_of_its_shell() -> None:
    text = "components: {web: {collectors: [{command: 'echo $HOME ${USER}'}]}}\nhosts: {w: {component: web}}"
    assert parse_config(text, environ={})


# --- Collectors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ("/var/log/x.log", "- file: /var/log/x.log"),
        ("/var/log/app/*.log", "- file: /var/log/app/*.log"),
        ("/var/log/", "- file: /var/log/*.log"),
        ("x.log", "- file: /FOLDER/x.log"),
        ("C:\\logs\\x.log", "- file: /var/log/…"),
        ("systemd nginx", "- systemd: {unit: nginx}"),
        ("systemd: nginx", "systemd: {unit: nginx}"),
        ("{linux: , nginx: }", "[linux, nginx]"),
        ("file: /a.log, /b.log", "[/a.log, /b.log]"),
        ("file: /a.log /b.log", "[/a.log, /b.log]"),
        ("{file: /a, grep: [ERROR, WARN]}", "ERROR|WARN"),
        ("file /var/log/x", "- file: /var/log/x"),
        ("file:/var/log/x", "- file: /var/log/x"),
        ("journal nginx", "- journal: nginx"),
        ("command df -h", "- command: df -h"),
        ("nginx.service", "- journal: nginx.service"),
        ("df -h", "- command: df -h"),
        ("journalctl -u nginx", "- command: journalctl -u nginx"),
        ("linux nginx", "[linux, nginx]"),
        ("linux, nginx", "[linux, nginx]"),
        ("preset: linux", "- linux"),
        ("name: linux", "- linux"),
        ("systemd:\n        unit: shop", "systemd: {unit: shop}"),
        ("redis: {port: 6380}\n        name: cache", "redis: {name: cache}"),
    ],
)
def test_an_entry_that_is_no_collector_gets_the_line_to_write(entry: str, line: str) -> None:
    said = told(f"components:\n  web:\n    collectors:\n      - {entry}\nhosts: {{web1: {{component: web}}}}\n")
    assert f"write '{line}'" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("entry", "line"),
    [("/var/log/x.log", "- file: /var/log/x.log"), ("file /x", "- file: /x"), ("linux,nginx", "[linux, n")],
)
def test_the_same_where_one_entry_stands_for_the_list(entry: str, line: str) -> None:
    assert line in told(f"components: {{web: {{collectors: '{entry}'}}}}\nhosts: {{web1: {{component: web}}}}\n")


def test_a_log_named_by_a_variable_is_told_how() -> None:
    text = "components: {web: {collectors: [{file: '${LOG}'}]}}\nhosts: {w: {component: web}}\n"
    assert 'write "%{LOG}" with the quotes' in told(text)


def test_a_host_whose_ssh_is_a_login_gets_both_lines() -> None:
    said = told(f"{RIGHT}hosts: {{web1: {{component: web, ssh: app@10.0.0.5:2222}}}}")
    assert "write 'ssh: {user: app, port: 2222}', and 'address: 10.0.0.5' beside it" in said


def test_a_component_where_there_is_none_is_told_with_one() -> None:
    assert "write 'components: {web: {collectors: [linux]}}'" in told("hosts: {web1: {component: web}}")


def test_components_in_one_text_are_told_apart() -> None:
    text = "components: {a: {collectors: [linux]}, b: {collectors: [linux]}}\nhosts: {h: {component: 'a, b'}}\n"
    assert "'a, b' are several components in one text; write '[a, b]'" in told(text)


# --- YAML and key files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (
            'ssh:\n  key: "C:\\Users\\me\\id"\n',
            "in double quotes '\\' begins an escape, and this is none; use single quotes",
        ),
        ("hosts: {w: {component: a, address: [::1]}}\n", "an IPv6 address stands without brackets, in quotes"),
        ("ssh: {user: ${USER}}\n", "a value with '${…}' or '%{…}' must be in quotes"),
        ("[ssh]\nuser = app\n", "a value stands after ':', as in 'user: …'"),
        ("ssh\n  user: app\n", "a ':' is missing at the end of the line above"),
        ("hosts:\n  web1:{component: web}\n", "a space is missing after ':': write 'web1: {…}'"),
        ("ssh:\n  user: x\n\u00a0 port: 3\n", "a line begins with U+00A0, which only looks like a space"),
        ("ssh:\n\u2003user: x\n", "a line begins with U+2003, which only looks like a space"),
        ("ssh:\n<<<<<<< HEAD\n  user: x\n=======\n  user: y\n>>>>>>> z\n", ":2:1: a merge of git is not resolved here"),
        ("ssh: {user: \u201capp\u201d}\n", "ssh.user: is in typographic quotes, which YAML takes for letters"),
        ("hosts:\n", ":1:1: hosts: names no host; write 'web1: {component: web}' in the line below, indented"),
        ("hosts: {w: {transport: docker}}\n", "; a container is a host with 'inside: docker exec -i NAME'"),
        ("components: {w: {collectors: [{journal: yes}]}}\n", "'yes' is no text: YAML reads it as true or false"),
        ("ssh: {user: app # the reader}\n", "'#' begins a comment, so the '}' or ']' behind it is not read"),
    ],
)
def test_yaml_that_breaks_at_a_habit_is_told_by_it(text: str, advice: str) -> None:
    assert advice in told(text)


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ("-----BEGIN PUBLIC KEY-----\n", "holds a public key; name the file of a private key, such as "),
        ("-----BEGIN CERTIFICATE-----\n", "holds an X.509 certificate"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", "puttygen KEY -O private-openssh"),
        ("web1 ssh-ed25519 AAAA\n", "'known_hosts' is for"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "type: chmod 600 /"),
    ],
)
def test_a_key_file_is_told_what_it_is_before_its_mode(content: str, advice: str, tmp_path: Path) -> None:
    (tmp_path / "id").write_text("x")
    (tmp_path / "id.pub").write_text(content)
    text = f"{RIGHT}hosts: {{web1: {{component: web}}}}\nssh: {{key: id.pub}}\n"
    (tmp_path / "failtale.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load_config(tmp_path / "failtale.yaml")
    assert advice in str(error.value)


@pytest.mark.parametrize(
    "key", ["ssh-ed25519 AAAAC3 me@here", "|\n    -----BEGIN OPENSSH PRIVATE KEY-----\n    b3Bl\n"]
)
def test_a_key_in_the_place_of_its_file_is_not_repeated_if_it_is_secret(key: str) -> None:
    said = told(f"{RIGHT}hosts: {{web1: {{component: web}}}}\nssh:\n  key: {key}\n")
    assert "name th" in said
    assert "b3Bl" not in said


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ('ssh: {known_hosts: "C:\\temp\\new", host_keys: accept-new}', "t"),
        ('components: {web: {collectors: [{file: /x, grep: "\\bERROR\\b"}]}}', "b"),
    ],
)
def test_an_escape_that_nobody_meant_is_told(text: str, letter: str) -> None:
    base = "" if text.startswith("components") else RIGHT
    said = told(f"{base}hosts: {{web1: {{component: web}}}}\n{text}\n")
    assert f"in double quotes '\\{letter}' is one character; write it in single quotes" in said
    assert "mistakes" not in said
