"""Variables of the tests in the configuration: where they may stand, what a value must be, and that it is only data."""

from __future__ import annotations

import json
import os
import random
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from builders import a_failure
from needs import need
from patience import PATIENCE_S
from pytest_runs import plugin_options

from FailTaleLibrary.archive import reports_in
from FailTaleLibrary.budget import Budget
from FailTaleLibrary.cli import main
from FailTaleLibrary.collection.source import OwnHosts
from FailTaleLibrary.config import Config, parse_config
from FailTaleLibrary.config.model import KINDS_OF_VARIABLES, Variable
from FailTaleLibrary.config.queries import HttpQuery, McpQuery
from FailTaleLibrary.config.variables import MAX_CHARS, Resolved, names_in, resolve, text_of_value, values_of
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.records import Report, Window
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.stores.window import QueryWindow, address_of, body_of
from FailTaleLibrary.windows.place_marks import OTHER_VALUES

ROOT = Path(__file__).resolve().parents[1]
ANYTHING = Variable(pattern="(?s).*")
"""A pattern that lets all pass, so that only what no pattern can allow holds values back."""
CONFIG = """\
variables:
  DUT: host
  UNIT: {kind: name, default: nginx.service}
  LOGS: path
  SERIAL: {pattern: "[A-Z]{2}[0-9]{4}"}
components:
  device:
    collectors:
      - systemd: {unit: "${UNIT}"}
      - file: ["${LOGS}/app.log", "/var/log/${UNIT}/*.log"]
      - {name: serial, command: 'lookup ${SERIAL} "${HOME}"'}
      - journal: "${UNIT}"
hosts:
  dut1: {component: device, address: "${DUT}.lab"}
  dut2: {component: device, address: 192.0.2.1}
"""


def config_of(text: str, **more: str) -> Config:
    return parse_config(text, source="/tmp/failtale.yaml", environ=more)


def resolved(text: str = CONFIG, **values: object) -> Resolved:
    config = config_of(text)
    return resolve(config, values_of(config.variables, values.__getitem__))


def mistakes_of(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config_of(text)
    return str(caught.value)


# --- Where they may stand --------------------------------------------------------------------------------------------


def test_values_stand_in_addresses_commands_paths_units_and_parameters() -> None:
    found = resolved(DUT="shop-3", LOGS="/srv/log", SERIAL="AB1234")
    assert found.unresolved == ()
    assert [host.address for host in found.config.hosts.values()] == ["shop-3.lab", "192.0.2.1"]
    collectors = {each.name: each for _, each in found.config.collectors_for("dut1")}
    assert list(collectors) == ["systemd.UNIT-state", "systemd.UNIT-journal", "app.log", "serial", "journal-UNIT"]
    assert str(collectors["systemd.UNIT-state"].command).startswith("systemctl show 'nginx.service' ")
    assert collectors["app.log"].file == ("/srv/log/app.log", "/var/log/nginx.service/*.log")
    assert collectors["serial"].command == 'lookup AB1234 "${HOME}"', "what is not declared stays the shell's"
    assert collectors["journal-UNIT"].journal == "nginx.service"


def test_what_has_no_value_is_left_out_with_the_reason_and_the_rest_stays() -> None:
    found = resolved(LOGS="/srv/../etc", SERIAL="AB1234")
    assert [(each.host, each.collector) for each in found.unresolved] == [("dut1", None), ("dut2", "app.log")]
    assert "'${DUT}' has no value" in found.unresolved[0].why
    assert found.unresolved[1].why == "The variable '${LOGS}' is no absolute path without '..'."
    assert [each.name for _, each in found.config.collectors_for("dut2")][-1] == "journal-UNIT"


def test_a_value_must_match_the_preset_s_own_pattern_and_the_address_be_one_as_a_whole() -> None:
    text = CONFIG.replace("UNIT: {kind: name, default: nginx.service}", 'UNIT: {pattern: ".*", default: "a=b"}')
    text = text.replace("DUT: host", 'DUT: {pattern: ".*"}')
    found = resolved(text, DUT="x_/", LOGS="/srv", SERIAL="AB1234")
    assert found.unresolved[0].why == "Its 'address' is no name or IP address of a host with the value of '${DUT}'."
    found = resolved(text, DUT="a", UNIT="%", LOGS="/srv", SERIAL="AB1234")
    assert {each.collector for each in found.unresolved} == {"systemd.UNIT-state", "systemd.UNIT-journal"}
    assert found.unresolved[0].why == "With the value of '${UNIT}' 'unit' does not match its pattern."


def test_a_default_may_be_written_as_a_number() -> None:
    text = CONFIG.replace("UNIT: {kind: name, default: nginx.service}", "UNIT: {kind: number, default: 8080}")
    assert (
        resolved(text, DUT="a", LOGS="/srv", SERIAL="AB1234").config.components["device"].collectors[-1].journal
        == "8080"
    )


def test_a_host_behind_a_jump_host_without_an_address_is_left_alone() -> None:
    text = CONFIG.replace("address: 192.0.2.1}", "address: 192.0.2.1, ssh: {proxy_jump: 'me@dut1:22'}}")
    found = resolved(text, LOGS="/srv", SERIAL="AB1234")
    assert found.config.hosts == {}
    assert found.unresolved[1].why.startswith("It is reached through 'dut1'. The variable '${DUT}' has no value")


def test_a_value_is_not_looked_into_again() -> None:
    found = resolved(DUT="${SERIAL}", LOGS="/srv", SERIAL="AB1234")
    assert found.unresolved[0].host == "dut1"
    assert names_in("${A} ${B}", ("A",)) == ("A",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("DUT: host", "DUT: computer", "computer"),
        ("DUT: host", "DUT: {kind: host, default: -x}", "begins with '-'"),
        ("DUT: host", "DUT: {kind: host, default: a/b}", "is no name or IP address of a host"),
        ("DUT: host", "DUT: {pattern: '('}", "regular expression"),
        ("DUT: host", '"${DUT}": host', "is no name of a variable; write e.g. 'DUT: host'"),
        ("DUT: host", "DUT: host\n  DB_PASSWORD: name", "named like a secret"),
        ("DUT: host", "DUT: host\n  A: {kind: name, size: 3}", "unknown key 'size'"),
        (
            "{name: serial, command",
            "{name: serial, description: '${DUT}', command",
            "no variable can stand in 'description'",
        ),
        ("journal: ", "grep: '${UNIT}'\n        journal: ", "no variable can stand in 'grep'"),
        ("unit: ", 'name: "${UNIT}", unit: ', "a collector has one name for the whole run"),
        (
            "address: 192.0.2.1",
            'address: "${DUT}", ssh: {user: "${UNIT}"}',
            "holds a variable of the tests; those stand in",
        ),
        ("192.0.2.1", '"${OTHER}"', "one of the tests is declared first: 'variables: {OTHER: host}'"),
        ('unit: "${UNIT}"', 'unit: "${OTHER}"', "one of the tests is declared first"),
    ],
)
def test_a_mistake_is_told_with_what_to_write(old: str, new: str, said: str) -> None:
    assert old in CONFIG
    assert said in mistakes_of(CONFIG.replace(old, new, 1))


def test_nobody_who_sets_a_variable_chooses_who_is_sent_a_password() -> None:
    text = CONFIG + 'ssh: {password: "%{LAB}", host_keys: accept-new}\n'
    with pytest.raises(ConfigError, match=r"dut1\.address.*whoever sets the variable would be sent the password"):
        config_of(text, LAB="x")
    config_of(text.replace("accept-new", "strict"), LAB="x")


def test_a_preset_that_uses_the_same_name_in_its_own_shell_is_refused(tmp_path: Path) -> None:
    preset = "name: own\ndescription: Own.\nparameters: {unit: {description: U., example: x}}\n"
    preset += "collectors: [{name: state, command: 'UNIT=1; echo ${UNIT} {unit}'}]\n"
    (tmp_path / "own.yaml").write_text(preset)
    text = CONFIG.replace("systemd: {unit", "own: {unit") + f"presets: [{tmp_path}/own.yaml]\n"
    assert "uses '${UNIT}' itself; name the variable otherwise" in mistakes_of(text)


# --- In queries -------------------------------------------------------------------------------------------------------

QUERIES = """\
variables: {NS: name, ANY: {pattern: ".*"}}
components:
  stores:
    collectors:
      - loki: {url: "http://loki", query: '{namespace="${NS}"}', token: "%{TOKEN}"}
      - name: own
        http: {url: "http://own/${ANY}/q?x=${ANY}", json: {query: "ns:${NS}", "${NS}": ["${ANY}"], from: "{since:s}"}}
      - {name: tool, mcp: {command: server, tool: find, arguments: {q: "${NS}"}}}
hosts: {here: {component: stores, transport: local}}
"""


def test_a_value_in_a_query_is_one_text_of_it_and_in_an_address_one_part() -> None:
    moment = datetime(2026, 11, 26, tzinfo=timezone.utc)
    window = QueryWindow(moment, moment, 10)
    config = config_of(QUERIES, TOKEN="t")
    found = resolve(config, values_of(config.variables, {"NS": "team-a", "ANY": "a/b%=,.."}.__getitem__)).config
    loki, own, tool = (each.query for _, each in found.collectors_for("here"))
    assert isinstance(loki, HttpQuery)
    assert isinstance(own, HttpQuery)
    assert isinstance(tool, McpQuery)
    assert "query=%7Bnamespace%3D%22team-a%22%7D&" in address_of(loki, window)
    assert address_of(own, window) == "http://own/a%2Fb%25%3D%2C../q?x=a%2Fb%25%3D%2C.."
    body = json.loads(body_of(own.body, window) or "")
    assert body == {"query": "ns:team-a", "team-a": ["a/b%=,.."], "from": int(moment.timestamp())}
    assert json.loads(tool.arguments) == {"q": "team-a"}


def test_a_query_whose_value_would_lead_upwards_or_is_missing_is_left_out() -> None:
    config = config_of(QUERIES, TOKEN="t")
    found = resolve(config, values_of(config.variables, {"ANY": ".."}.__getitem__)).unresolved
    assert [each.collector for each in found] == ["loki.lines", "own", "tool"]
    found = resolve(config, values_of(config.variables, {"NS": "a", "ANY": ".."}.__getitem__)).unresolved
    assert [(each.collector, each.why) for each in found] == [
        ("own", "With the value of '${ANY}' an address leads upwards.")
    ]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("http: {url: 'http://${NS}/x'}", "the host of 'url'"),
        ("http: {url: 'http://a/x', headers: {X-Scope-OrgID: '${NS}'}}", "'headers'"),
        ("mcp: {command: 'server ${NS}', tool: t}", "'command'"),
        ("loki: {url: 'http://${NS}:3100', query: x}", "the host of 'url'"),
        ("loki: {url: 'http://loki', query: x, tenant: '${NS}'}", "'headers'"),
    ],
)
def test_no_variable_chooses_which_store_is_asked_or_as_whom(written: str, said: str) -> None:
    text = f"variables: {{NS: name}}\ncomponents: {{s: {{collectors: [{{{written}}}]}}}}\n"
    assert f"no variable can stand in {said}" in mistakes_of(text + "hosts: {h: {component: s, transport: local}}\n")


# --- What a value must be --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (
            "host",
            ["a", "web-1.example.com", "10.0.0.5", "::1", "fe80::1%eth0", "2001:db8::ff"],
            ["a b", "a/b", "x-", "1:2"],
        ),
        ("name", ["nginx.service", "getty@tty1", "_x"], [".x", "a/b", "a=b", "é"]),
        ("number", ["0", "4711"], ["-1", "1.5", "1e3", "٣", "1" * 19]),
        ("path", ["/srv/log", "/a/b.c"], ["srv", "/", "/a/../b", "/a//b", "/a/.b", "/a/"]),
    ],
)
def test_kinds_take_what_they_name(kind: Any, good: list[str], bad: list[str]) -> None:
    variable = Variable(kind=kind)
    assert [text for text in good if text_of_value(text, variable)[1]] == []
    assert [text for text in bad if not text_of_value(text, variable)[1]] == []


class Hostile:
    """Whoever asks anything of it fails the test."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")

    def __str__(self) -> str:
        raise AssertionError("asked for its text")

    __repr__ = __hash__ = __eq__ = __len__ = __iter__ = __bool__ = __str__  # type: ignore[assignment]


class HostileText(str):
    """Looks like a text and is another one each time."""

    def __str__(self) -> str:
        raise AssertionError("asked for its text")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    __hash__ = str.__hash__


def test_what_is_no_text_is_refused_and_nothing_of_it_is_called() -> None:
    others = ["a"], {"a": 1}, ("a",), b"a", 1.5, True, object(), Path("/a"), 10**5000
    for make in (Hostile, lambda: HostileText("a"), *(lambda value=value: value for value in others)):
        text, refusal = text_of_value(make(), ANYTHING)
        assert text == ""
        assert refusal


def test_numbers_and_ip_addresses_are_texts() -> None:
    assert text_of_value(4711, Variable(kind="number")) == ("4711", "")
    assert text_of_value(ip_address("192.0.2.7"), Variable(kind="host")) == ("192.0.2.7", "")


def test_a_look_up_that_fails_is_a_value_that_cannot_be_read() -> None:
    def lookup(name: str) -> object:
        raise RuntimeError("the device is gone")

    assert values_of({"DUT": Variable(kind="host")}, lookup).refused == (("DUT", "cannot be read"),)


# --- Ten thousand hostile values -------------------------------------------------------------------------------------

PIECES = (
    *(
        "'",
        '"',
        "`",
        "\\",
        "\n",
        "\r",
        "\t",
        "\0",
        " ",
        ";",
        "&",
        "|",
        ">",
        "<",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "*",
        "?",
    ),
    *(
        "~",
        "!",
        "#",
        "^",
        "$",
        "$(touch X)",
        "`touch X`",
        "${IFS}",
        "$((1))",
        "${HOME}",
        "${SERIAL}",
        "%{PATH}",
        "@{x}",
    ),
    *("&& touch X", "|| touch X", "; touch X #", "\n touch X\n", "<<EOF\n", "$'\\n'", '"$(touch X)"', "'; touch X; '"),
    *("\u2028", "\u202e", "\uff1b", "\u2019", "\uff07", "\u037e", "\ud800", "\x1b[2J", "\xe9", "\uff41", "\uff0doX=x"),
    *("\u200b", "\ufeff", "\x7f", "\x85"),
)
OPTIONS = ("-", "--", "-rf", "--help", "-oProxyCommand=touch", "-F/dev/null", "--priority=0")
PLAIN = ("a", "web1", "10.0.0.5", "/srv/log", "4711", "nginx.service", "x" * MAX_CHARS)


def hostile_values() -> Iterator[str]:
    """10,000 texts, each with something that no value may hold; always the same."""
    chance = random.Random(14)
    yield from ("", *OPTIONS, *PIECES, "x" * (MAX_CHARS + 1), "x\n", "\nx", "x\0", "../../etc\n")
    for _ in range(10_000):
        plain = chance.choices(PLAIN[:-1], k=chance.randint(0, 3))
        plain.insert(chance.randint(0, len(plain)), chance.choice(PIECES))
        text = "".join(plain)
        yield chance.choice(OPTIONS) + text if chance.random() < 0.2 else text


def test_ten_thousand_hostile_values_pass_no_kind_and_no_pattern() -> None:
    variables = [Variable(kind=kind) for kind in KINDS_OF_VARIABLES] + [ANYTHING]  # type: ignore[arg-type]
    values = list(hostile_values())
    assert len(values) >= 10_000
    let_pass = [value for value in values for each in variables if not text_of_value(value, each)[1]]
    assert let_pass == []


def test_with_ten_thousand_hostile_values_there_is_nothing_to_run_on_any_host() -> None:
    config = config_of(
        'variables: {X: {pattern: "(?s).*"}}\n'
        "components:\n  c:\n    collectors:\n"
        "      - {name: a, command: 'echo ${X}'}\n      - {name: b, file: '/x/${X}'}\n      - {name: up, command: up}\n"
        'hosts: {fixed: {component: c}, of_test: {component: c, address: "${X}"}}\n'
    )
    for value in hostile_values():
        found = resolve(config, values_of(config.variables, lambda _, value=value: value))
        commands = [(host, each.name) for host in found.config.hosts for _, each in found.config.collectors_for(host)]
        assert commands == [("fixed", "up")], value
        assert all("touch" not in each.why for each in found.unresolved)


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_what_passes_is_one_word_for_every_shell_and_no_option(shell: str) -> None:
    """Unquoted, in either kind of quotes and in backticks: whatever passes comes out as it went in."""
    program = shlex.split(shell)
    need(program[0])
    chance = random.Random(41)
    alphabet = "".join(chr(code) for code in range(1, 0x250)) + "\u2028\uff1b"
    drawn = ["".join(chance.choices(alphabet, k=chance.randint(1, 3))) for _ in range(10_000)]
    passed = [each for each in (*PLAIN, *drawn) if not text_of_value(each, ANYTHING)[1]][:120]
    assert len(passed) > 100
    assert all(shlex.quote(each) == each and not each.startswith("-") for each in passed)
    lines = [f"printf '%s\\n' {each} \"{each}\" '{each}' `echo {each}` $(echo {each})" for each in passed]
    script = "cd /nowhere 2>/dev/null; set +o noglob\n" + "\n".join(lines)
    done = subprocess.run([*program, "-c", script], capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert done.stdout.splitlines() == [each for each in passed for _ in range(5)]


# --- Hosts whose variables change ------------------------------------------------------------------------------------


def collected(source: OwnHosts, config: Config, **values: object) -> tuple[Any, Any]:
    now = datetime.now(timezone.utc)
    failure = a_failure(window=Window(start=now - timedelta(seconds=30), end=now))
    redactor = Redactor()
    plan, evidence, _ = source.collect(
        failure,
        redactor=redactor,
        faults=Faults(lambda: redactor),
        budget=Budget(60),
        values=values_of(config.variables, values.__getitem__),
    )
    return plan, evidence


def test_each_value_has_its_own_evidence_and_marks_of_one_are_not_used_for_another(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.log").write_text(f"2026-11-26T07:00:00Z {name} speaks\n")
    config = config_of(
        "variables: {UNIT: name}\n"
        "components:\n  device:\n    collectors:\n"
        f"      - {{name: log, file: '{tmp_path}/${{UNIT}}.log', window: none}}\n"
        "      - {name: up, command: echo up}\n"
        "hosts: {here: {component: device, transport: local}}\n"
    )
    source = OwnHosts(config)
    try:
        for name in ("one", "two", "one"):
            _, evidence = collected(source, config, UNIT=name)
            assert f"{name} speaks" in evidence.item("here/log").text
        _, evidence = collected(source, config)
        assert [item.id for item in evidence.items] == ["here/up"]
        assert [(gap.collector, gap.reason) for gap in evidence.gaps] == [("log", "skipped")]
        first, second = (
            source._target(values_of(config.variables, {"UNIT": name}.__getitem__)) for name in ("one", "two")
        )
        assert first.connections.way("here") is second.connections.way("here"), "the same host has one connection"
        assert second.marks.missed("here", datetime.now(timezone.utc)) == OTHER_VALUES
    finally:
        source.close()


def test_an_address_of_another_value_is_another_host_with_a_breaker_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").touch()
    config = config_of(
        f"variables: {{DUT: host}}\nssh: {{known_hosts: {tmp_path}/known_hosts, connect_timeout: 2 s}}\n"
        "components: {device: {collectors: [{name: up, command: echo up}]}}\n"
        'hosts: {dut: {component: device, address: "${DUT}", ssh: {port: 1}}}\n'
    )
    source = OwnHosts(config)
    try:
        plan, evidence = collected(source, config, DUT="127.0.0.1")
        assert "127.0.0.1" in evidence.gaps[0].detail
        assert evidence.names[0].addresses == ("127.0.0.1",)
        _, evidence = collected(source, config, DUT="127.0.0.2")
        assert "127.0.0.2" in evidence.gaps[0].detail, "what is known of one address is not told of another"
        plan, evidence = collected(source, config)
        assert plan.steps == ()
        assert "'${DUT}' has no value" in evidence.gaps[0].detail
        assert source.check_hosts(budget=Budget(10))["dut"].startswith("The variable '${DUT}' has no value")
    finally:
        source.close()


# --- Faces -----------------------------------------------------------------------------------------------------------

RUN_CONFIG = """\
variables: {DUT: host, UNIT: name}
components:
  device: {collectors: [{name: who, command: "echo unit ${UNIT}"}, {name: plain, command: "echo up"}]}
hosts:
  here: {component: device, transport: local}
  dut: {component: device, address: "${DUT}"}
"""
SUITE = """\
*** Variables ***
${unit}    first

*** Test Cases ***
Of The Suite
    Fail    one

Hostile
    VAR    ${UNIT}    $(touch stolen)
    Fail    two

Lazy Object
    VAR    ${UNIT}    ${{type('O', (), {'__str__': lambda self: 1 / 0})()}}
    Fail    three

Another Device
    VAR    ${UNIT}    third
    VAR    ${DUT}    127.0.0.1
    Fail    four
"""
PYTEST = """\
import pytest

@pytest.fixture(params=["left", "right"])
def UNIT(request):
    return request.param

def test_by_fixture(UNIT):
    assert False

def test_by_ini():
    assert False
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run of Robot and one of pytest left."""
    place = tmp_path_factory.mktemp("variables")
    (place / "failtale.yaml").write_text(RUN_CONFIG + "ssh: {connect_timeout: 1 s, port: 1}\n")
    (place / "v.robot").write_text(SUITE)
    (place / "test_v.py").write_text(PYTEST)
    (place / "pytest.ini").write_text("[pytest]\nfailtale = failtale.yaml\nfailtale_variables =\n    UNIT = by-ini\n")
    path = os.pathsep.join(map(str, (ROOT, ROOT / "listeners", ROOT / "resources")))
    robot = [sys.executable, "-m", "robot", "--listener", "FailTaleListener:failtale.yaml", "-d", "out", "v.robot"]
    for command in (robot, [sys.executable, "-m", "pytest", *plugin_options(), "--failtale-output=pytest"]):
        subprocess.run(
            command,
            cwd=place,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
    return place


def test_robot_s_variables_are_those_of_the_moment_of_the_failure(place: Path) -> None:
    reports = {each.failure.name: each for each in reports_in(place / "out" / "output.xml") if isinstance(each, Report)}
    texts = {name: [item.text.strip() for item in report.evidence.items] for name, report in reports.items()}
    assert texts == {
        "Of The Suite": ["unit first", "up"],
        "Hostile": ["up"],
        "Lazy Object": ["up"],
        "Another Device": ["unit third", "up"],
    }
    assert not (place / "stolen").exists()
    gaps = {name: {(gap.host, gap.collector): gap for gap in each.evidence.gaps} for name, each in reports.items()}
    assert "$(touch" not in gaps["Hostile"]["here", "who"].detail
    assert "no text and no whole number" in gaps["Lazy Object"]["here", "who"].detail
    assert gaps["Of The Suite"]["dut", None].reason == "skipped"
    assert "127.0.0.1" in gaps["Another Device"]["dut", None].detail


def test_pytest_s_variables_are_fixtures_of_the_name_or_lines_of_its_ini(place: Path) -> None:
    from FailTaleLibrary.archive import read_bundle

    found = {}
    for manifest in (place / "pytest" / "failtale").glob("*/manifest.json"):
        report = read_bundle(manifest.parent)
        found[report.failure.name] = report.evidence.items[0].text.strip()
    assert found == {
        "test_by_fixture[left]": "unit left",
        "test_by_fixture[right]": "unit right",
        "test_by_ini": "unit by-ini",
    }


def test_the_command_line_gives_values(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(place / "failtale.yaml")]
    assert main(["collect", *config, "--variable", "UNIT=mine", "--format", "json"]) == 0
    assert "unit mine" in capsys.readouterr().out
    assert main(["check", *config, "here"]) == 1
    assert "'who' was not run: The variable '${UNIT}' has no value" in " ".join(capsys.readouterr().out.split())
    assert main(["check", *config, "--variable", "UNIT=mine", "here"]) == 0
    assert main(["gate", *config, "here"]) == 2
    assert main(["gate", *config, "--variable", "UNIT=mine", "here"]) == 0
    assert "unit mine" in capsys.readouterr().out
    assert main(["check", *config, "--variable", "OTHER=x"]) == 2
    assert "declares no such variable; it has: DUT, UNIT" in capsys.readouterr().err
