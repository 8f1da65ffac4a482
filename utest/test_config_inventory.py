"""Hosts by patterns, and those of an Ansible inventory: by Ansible's own program, or by what it printed."""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from needs import missing
from patience import wait_until
from sshd import running_with

from FailTaleLibrary.config import load_config
from FailTaleLibrary.config.model import Config
from FailTaleLibrary.errors import ConfigError

COMPONENTS = "components: {web: {collectors: [linux]}, db: {collectors: [linux]}}\n"


def configured(tmp_path: Path, text: str, *, inventory: dict[str, Any] | None = None) -> Config:
    if inventory is not None:
        (tmp_path / "inventory.json").write_text(json.dumps(inventory))
    (tmp_path / "failtale.yaml").write_text(COMPONENTS + text)
    return load_config(tmp_path / "failtale.yaml")


def listing(variables: dict[str, dict[str, Any]] | None = None, **groups: list[str]) -> dict[str, Any]:
    """What ``ansible-inventory --list`` prints."""
    return {"_meta": {"hostvars": variables or {}}, **{name: {"hosts": hosts} for name, hosts in groups.items()}}


def mistakes(tmp_path: Path, text: str, **more: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        configured(tmp_path, text, **more)
    return str(caught.value).replace(str(tmp_path / "failtale.yaml"), "failtale.yaml")


@pytest.fixture
def ansible() -> None:
    """Ansible's program, which is found beside Python, too."""
    if not Path(sys.executable).with_name("ansible-inventory").exists():
        missing("ansible-inventory", "./dev test, or pip install --no-deps ansible-core resolvelib")


INVENTORY = """\
[web]
web[01:03].lab ansible_port=2222
[databases:children]
primary
[primary]
db1 ansible_host=10.0.0.5 ansible_user=postgres ansible_password={password}
[all:vars]
ansible_ssh_common_args='-o ProxyJump=gw.lab'
"""


@pytest.mark.usefixtures("ansible")
def test_what_ansible_says_of_its_inventory_is_how_hosts_are_reached(tmp_path: Path) -> None:
    password = uuid.uuid4().hex
    (tmp_path / "hosts.ini").write_text(INVENTORY.format(password=password))
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "primary.yml").write_text("ansible_port: 2200\n")
    text = "inventory: {source: hosts.ini, groups: {web: web, databases: [db, web]}}\n"
    config = configured(tmp_path, text)
    assert list(config.hosts) == ["web01.lab", "web02.lab", "web03.lab", "db1"]
    database = config.hosts["db1"]
    assert (database.component, database.address) == (("db", "web"), "10.0.0.5")
    ssh = config.ssh_for("db1")
    assert (ssh.user, ssh.port, ssh.proxy_jump, ssh.password) == ("postgres", 2200, ("gw.lab",), None)
    assert config.ssh_for("web02.lab").port == 2222
    assert any("'ansible_password' is not used" in note and "'db1'" in note for note in config.notes)
    assert password not in repr(config) + "".join(config.notes)


@pytest.mark.usefixtures("ansible")
def test_an_inventory_that_cannot_be_read_is_told_in_ansibles_words(tmp_path: Path) -> None:
    broken = tmp_path / "group_vars" / "all.yml"
    broken.parent.mkdir()
    broken.write_text("$ANSIBLE_VAULT;1.1;AES256\n3030\n")
    (tmp_path / "hosts.ini").write_text("[web]\nweb1\n")
    said = mistakes(tmp_path, "inventory: hosts.ini\n")
    assert said.startswith("failtale.yaml:2:1: inventory: 'ansible-inventory' ended with status")
    assert "vault" in said
    assert said.endswith(
        "where the vault can be opened, save what 'ansible-inventory --list' prints as a file and name that"
    )


SAID_OF_A_SCRIPT = """\
[WARNING]: Failed to parse inventory with 'script' plugin: Inventory script returned non-zero exit code 3.

Failed to parse inventory with 'script' plugin.

<<< caused by >>>

Inventory script returned non-zero exit code 3.
Origin: <inventory plugin 'script' with source '/srv/cloud.sh'>

Standard error from inventory script:
cloud token expired

[WARNING]: Unable to parse /srv/cloud.sh as an inventory source
[WARNING]: No inventory was parsed, only implicit localhost is available
"""
"""As ansible-core 2.19 says it, with status 0."""


@pytest.mark.parametrize("answer", [{}, {"web": {"hosts": ["web1"]}}])
def test_what_a_source_says_of_itself_is_told_once(
    answer: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ansible-inventory"
    program.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{SAID_OF_A_SCRIPT}END\necho '{json.dumps(answer)}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "hosts").write_text("")
    words = (
        "(it said: 'Failed to parse inventory with 'script' plugin: Inventory script returned non-zero exit code 3. "
        "Standard error from inventory script: cloud token expired')"
    )
    if answer:  # another source had hosts
        assert configured(tmp_path, "inventory: hosts\n").notes == (f"inventory: not all of it could be read {words}.",)
    else:
        assert f"'ansible-inventory --list' names no host {words}" in mistakes(tmp_path, "inventory: hosts\n")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_saved_answer_is_read_as_programs_write_it(encoding: str, tmp_path: Path) -> None:
    """With a byte order mark, as PowerShell's `>`; groups as lists, as scripts of long ago; texts marked as unsafe."""
    unsafe = {"ansible_host": {"__ansible_unsafe": "10.0.0.1"}}
    answer = {"web": ["web1", "web2"], "_meta": {"hostvars": {"web1": unsafe}}}
    (tmp_path / "inventory.json").write_text(json.dumps(answer), encoding=encoding)
    config = configured(tmp_path, "inventory: inventory.json\n")
    assert {name: host.address for name, host in config.hosts.items()} == {"web1": "10.0.0.1", "web2": None}


def test_a_program_that_hangs_ends_with_all_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = f"FAILTALE_TEST_INVENTORY={uuid.uuid4().hex}"
    program = tmp_path / "ansible-inventory"
    program.write_text("#!/bin/sh\necho a source is slow >&2\nsleep 600 &\nsleep 600\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv(*mark.split("="))
    (tmp_path / "hosts").write_text("")
    said = mistakes(tmp_path, "inventory: {source: hosts, timeout: 1}\n")
    assert "took more than 1 s (it said: 'a source is slow'); raise 'inventory.timeout'" in said
    assert wait_until(lambda: not [line for line in running_with(mark) if "sleep" in line])


def test_without_ansible_its_answer_can_be_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    answer = listing({"web1": {"ansible_host": "10.0.0.1"}}, web=["web1", "web2"], other=["x1", "x2"])
    config = configured(tmp_path, "inventory: inventory.json\n", inventory=answer)
    assert {name: host.address for name, host in config.hosts.items()} == {"web1": "10.0.0.1", "web2": None}
    assert config.notes == ("inventory: 2 of its 4 hosts are in no group of a component.",)
    (tmp_path / "inventory.yaml").write_text("all: {hosts: {web1: {}}}\n")
    said = mistakes(tmp_path, "inventory: inventory.yaml\n")
    assert "the program 'ansible-inventory' cannot be started (No such file or directory); install Ansible" in said


def test_groups_below_groups_and_circles_of_them_are_followed(tmp_path: Path) -> None:
    answer = {"top": {"children": ["web", "top"]}, "web": {"hosts": ["web1"], "children": ["top", "deep", 3]}}
    answer["deep"] = {"hosts": ["web2", 7, "no name"], "children": [None]}  # type: ignore[list-item]
    config = configured(tmp_path, "inventory: {source: inventory.json, groups: {top: web}}\n", inventory=answer)
    assert list(config.hosts) == ["web1", "web2"]
    assert any("its name is none that a host can have here ('no name')" in note for note in config.notes)
    everybody = configured(tmp_path, "inventory: {source: inventory.json, groups: {all: db}}\n", inventory=answer)
    assert {host.component for host in everybody.hosts.values()} == {("db",)}


SEALED = {"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\n3030"}


@pytest.mark.parametrize(
    ("variables", "expected", "note"),
    [
        ({"ansible_user": SEALED}, {}, "'ansible_user' is sealed by a vault: it is not followed"),
        ({"ansible_port": "{{ port }}"}, {}, "'ansible_port' is a template, which a play fills"),
        ({"ansible_host": SEALED}, None, "left out, for where it is stands in a sealed value or a template"),
        ({"ansible_connection": "winrm"}, None, "left out: FailTale cannot ask over 'winrm'"),
        ({"ansible_ssh_private_key_file": "/nowhere/key"}, {}, "the key '/nowhere/key' is not on this machine"),
        (
            {"ansible_ssh_common_args": '-o ProxyCommand="ssh -q -W %h:%p me@gw:2222"'},
            {"proxy_jump": ("me@gw:2222",)},
            "",
        ),
        ({"ansible_ssh_extra_args": "-J one,two -p 23"}, {"proxy_jump": ("one", "two"), "port": 23}, ""),
        ({"ansible_ssh_common_args": "-o ProxyCommand='nc %h %p'"}, {}, "its ProxyCommand is not followed"),
        ({"ansible_ssh_args": "-o 'quote"}, {}, "a quote in it is not closed"),
        ({"ansible_ssh_args": "-o StrictHostKeyChecking=no -C"}, {}, "that any host key is taken is not followed"),
        ({"ansible_ssh_args": "-oControlMaster=auto -vvv"}, {}, ""),
        ({"ansible_host": ["a"], "ansible_port": True, "other": {"x": 1}}, {}, ""),
    ],
)
def test_each_variable_is_followed_or_told(
    variables: dict[str, Any], expected: dict[str, Any] | None, note: str, tmp_path: Path
) -> None:
    answer = listing({"web1": variables}, web=["web1", "web2"])
    config = configured(tmp_path, "inventory: inventory.json\n", inventory=answer)
    host = config.hosts.get("web1")
    assert (host and host.ssh.model_dump(exclude_none=True)) == expected
    assert [note in each for each in config.notes] == ([True] if note else [])
    assert "3030" not in "".join(config.notes)


def test_a_container_of_the_inventory_is_asked_inside(tmp_path: Path) -> None:
    answer = listing(
        {
            "shop": {"ansible_connection": "community.docker.docker", "ansible_host": "shop_1"},
            "here": {"ansible_connection": "local"},
        },
        web=["shop", "here"],
    )
    hosts = configured(tmp_path, "inventory: inventory.json\n", inventory=answer).hosts
    assert {host.transport for host in hosts.values()} == {"local"}
    assert (hosts["shop"].inside, hosts["here"].inside) == (("docker", "exec", "-i", "shop_1"), ())


@pytest.mark.parametrize(
    ("text", "inventory", "said"),
    [
        ("inventory: none.ini\n", None, "2:1: inventory: 'none.ini' does not exist; name an inventory"),
        ("inventory: {groups: {a: web}}\n", None, "inventory.source: is missing"),
        (
            "inventory: inventory.json\n",
            listing(frontends=["web1"]),
            "no group bears the name of a component; write 'groups: {GROUP: COMPONENT}' (its groups: frontends)",
        ),
        (
            "inventory: {source: inventory.json, groups: {frontend: web}}\n",
            listing(frontends=["web1"]),
            "unknown group 'frontend'; did you mean 'frontends'?",
        ),
        (
            "inventory: {source: inventory.json, groups: {frontends: wep}}\n",
            listing(frontends=["web1"]),
            "unknown component 'wep'; did you mean 'web'?",
        ),
        (
            "inventory: inventory.json\n",
            listing({"web1": {"ansible_port": 99999}}, web=["web1"]),
            "2:1: hosts.web1.ssh.port: ",
        ),
        (
            "hosts: {'web[1:500]': {component: web, ssh: {prt: 1}}}\n",
            None,
            "failtale.yaml:2:46: hosts.web[1:500].ssh.prt: unknown key",
        ),
        ("hosts: {'web[1:5]': {}}\n", None, "failtale.yaml:2:9: hosts.web[1:5].component: is missing"),
        ("hosts: {'web[5:1]': {component: web}}\n", None, "'web[5:1]' stands for 0 hosts; write 1 to 20000"),
        ("hosts: {'w[0:99999][0:99999]': {component: web}}\n", None, "stands for 10000000000 hosts"),
        ("hosts: {'web*': {component: web}}\n", None, "'web[1:3]' would name them"),
        ("hosts: {'web[1:2]': web}\n", None, "failtale.yaml:2:21: hosts.web[1:2]: is not a section; write"),
    ],
)
def test_a_mistake_is_told_once_with_what_to_write(text: str, inventory: Any, said: str, tmp_path: Path) -> None:
    told = mistakes(tmp_path, text, inventory=inventory)
    assert said in told
    assert len(told.splitlines()) <= 3, told


def test_a_host_takes_the_first_value_of_its_own_entry_of_patterns_and_of_the_inventory(tmp_path: Path) -> None:
    answer = listing({"web1": {"ansible_user": "root", "ansible_port": 1}, "db1": {"ansible_user": "root"}})
    answer |= {"web": {"hosts": ["web1"]}, "db": {"hosts": ["db1"]}}
    text = """\
inventory: inventory.json
hosts:
  web1: {ssh: {user: own}}
  "web?": {ssh: {user: first, port: 2}}
  "*": {component: [db, web], ssh: {user: second, connect_timeout: 3}}
  "app[08:11:2]-[a:b]": {ssh: {port: 4}}
"""
    config = configured(tmp_path, text, inventory=answer)
    assert list(config.hosts) == ["web1", "app08-a", "app08-b", "app10-a", "app10-b", "db1"]
    found = {
        name: (ssh.user, ssh.port, ssh.connect_timeout_s) for name in config.hosts if (ssh := config.ssh_for(name))
    }
    assert found["web1"] == ("own", 2, 3)
    assert found["db1"] == ("second", None, 3)
    assert found["app10-b"] == ("second", 4, 3)
    assert config.hosts["db1"].component == ("db", "web")


def test_two_thousand_hosts_cost_about_ten_times_what_two_hundred_do(tmp_path: Path) -> None:
    def seconds_of(count: int) -> float:
        names = [f"web{number}.lab" for number in range(count)]
        answer = listing({name: {"ansible_host": "10.0.0.1", "x": ["y"] * 50} for name in names}, web=names)
        began = time.process_time()
        config = configured(tmp_path, 'inventory: inventory.json\nhosts: {"web*": {ssh: {port: 23}}}', inventory=answer)
        assert {config.ssh_for(name).port for name in names[:3]} == {23}
        assert len(config.hosts) == count
        return time.process_time() - began

    seconds_of(20)
    assert seconds_of(2000) < 40 * seconds_of(200)
