"""A wrong configuration: each mistake has its place and says what to write instead; all are reported together."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from FailTaleLibrary.config import load_config, parse_config
from FailTaleLibrary.errors import ConfigError

RIGHT = """\
components:
  web:
    collectors: [{command: uptime}]
hosts:
  web1: {component: web}
"""
IN_CLEAR = "a secret must not be written here in clear; write \"%{NAME}\" or 'file:PATH' (a file with mode 0600)"


def told(text: str, source: Path | str = "failtale.yaml", **environ: str) -> str:
    with pytest.raises(ConfigError) as error:
        parse_config(text, source=source, environ=environ)
    return str(error.value)


def collector(text: str) -> str:
    """What is told of one collector, without its place."""
    config = f"components:\n  web:\n    collectors:\n      - {text}\nhosts: {{web1: {{component: web}}}}\n"
    return told(config).replace("components.web.collectors[1]", "…")


# --- YAML ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "ssh:\n  user: %{USER}\n",
            "2:9: this is not YAML: a value that begins with '%' must be in quotes, as in \"%{NAME}\"",
        ),
        ("ssh:\n\tuser: x\n", "2:1: this is not YAML: this line has a tab; indent with spaces"),
        ("ssh:\n  user: 'abc\n  port: 3\n", "2:9: this is not YAML: the quote that is opened here is not closed"),
        (
            "tags:\n  include: [a, b\nmarks: test\n",
            "2:12: this is not YAML: the '[' or '{' that is opened here is not closed, or a ',' is missing in it",
        ),
        (
            "ssh:\n  user: a: b\n",
            "2:10: this is not YAML: a second ':' in one line; quote the value, or check the indentation",
        ),
        ("ssh:\n  user: x\n port: 3\n", "3:2: this is not YAML: the indentation does not fit the lines above"),
        ("ssh:\n  user: *x\n", "2:9: this is not YAML: a value that begins with '*' or '&' must be in quotes"),
        ("ssh:\n  user: @x\n", "2:9: this is not YAML: a value that begins with '@' or '`' must be in quotes"),
        ("ssh:\n  user: !x\n", "2:9: ssh.user: YAML reads a leading '!' as a tag; put the value in quotes"),
        (
            'ssh:\n  user: "a\\qb"\n',
            "2:12: this is not YAML: in double quotes '\\' begins an escape, and this is none; use single quotes, and "
            "'/' in paths",
        ),
        ("ssh: {}\n---\nssh: {}\n", "2:1: this is not YAML: a second document begins here; keep one"),
        ("ssh:\n  user: a\x01b\n", "2:10: YAML does not allow the character U+0001; remove it"),
        ("ssh: [", "1:7: this is not YAML: a value is missing before here, or a '[' or '{' above is not closed"),
        ("ssh: &a [*a]\n", "1:1: values are nested too deeply, or an alias contains itself"),
        ("[" * 800 + "]" * 800, "1:1: values are nested too deeply, or an alias contains itself"),
    ],
)
def test_a_mistake_in_yaml_is_told_in_words(text: str, sentence: str) -> None:
    message = told(text) if "!x" not in text else told(text + RIGHT)
    assert message == f"failtale.yaml:{sentence}"


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "text\n", "---\n"])
def test_what_is_no_mapping_is_no_configuration(text: str) -> None:
    assert told(text) == (
        "failtale.yaml:1:1: this is not a configuration; write sections such as 'components:' and 'hosts:', or let "
        "'failtale init' do it"
    )


def test_a_key_may_stand_once() -> None:
    assert told(RIGHT + "marks: suite\nmarks: test\n") == (
        "failtale.yaml:7:1: the key 'marks' is already in line 6; keep one of them"
    )


# --- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("mark: test", "6:1: mark: unknown key 'mark'; did you mean 'marks'?"),
        ("ssh: {usr: x}", "6:7: ssh.usr: unknown key 'usr'; did you mean 'user'?"),
        ("tags: {xyz: x}", "6:8: tags.xyz: unknown key 'xyz'; known: 'exclude', 'include'"),
        ("limits: {host_time_s: 5}", "6:10: limits.host_time_s: unknown key 'host_time_s'; did you mean 'host_time'?"),
        ("bundle: {}", "6:1: bundle: unknown key 'bundle'; did you mean 'bundles'?"),
        (
            "redaction: {rules: [{name: x, patern: '(?P<secret>x)'}]}",
            "6:31: redaction.rules[1].patern: unknown key 'patern'; did you mean 'pattern'?",
        ),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_right_one(text: str, sentence: str) -> None:
    assert f"failtale.yaml:{sentence}" in told(RIGHT + text).splitlines()


@pytest.mark.parametrize("key", ["source", "environment"])
def test_what_failtale_sets_is_no_key(key: str) -> None:
    assert f"6:1: {key}: unknown key '{key}'; known: 'analysis', 'bundles', " in told(RIGHT + f"{key}: x")


def test_the_nearest_key_is_looked_for_in_the_right_section() -> None:
    text = RIGHT.replace("{component: web}", "{component: web, ssh: {prt: 22}}")
    assert told(text) == "failtale.yaml:5:32: hosts.web1.ssh.prt: unknown key 'prt'; did you mean 'port'?"


def test_a_section_named_like_a_key_misleads_nobody() -> None:
    text = RIGHT.replace("web1", "ssh").replace("{component: web}", "{component: web, adress: x}")
    assert told(text) == "failtale.yaml:5:25: hosts.ssh.adress: unknown key 'adress'; did you mean 'address'?"


# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ssh: {port: abc}", "6:13: ssh.port: 'abc' is not a whole number"),
        ("ssh: {port: yes}", "6:13: ssh.port: 'yes' is not a whole number"),
        ("ssh: {port: [22]}", "6:13: ssh.port: a list is not a whole number; write one number"),
        ("ssh: {port: 99999}", "6:13: ssh.port: '99999' is out of range; write at most 65535"),
        ("ssh: {port: 0}", "6:13: ssh.port: '0' is out of range; write at least 1"),
        ("ssh: {user: 1000}", "6:13: ssh.user: '1000' is not a text; put it in quotes"),
        ("ssh: {host_keys: off}", "6:18: ssh.host_keys: 'off' is no choice here; write 'strict' or 'accept-new'"),
        (
            "ssh: text",
            "6:6: ssh: 'text' is not a section; write e.g. 'ssh: {user: failtale, key: ~/.ssh/failtale}'",
        ),
        (
            "ssh: {connect_timeout: 5 parsecs}",
            "6:24: ssh.connect_timeout: '5 parsecs' is not a duration; write seconds or e.g. '500 ms', '10 s', '2 min'",
        ),
        (
            "ssh: {connect_timeout: 0}",
            "6:24: ssh.connect_timeout: '0' is out of range; write more than 0 s and at most 7 d",
        ),
        (
            "ssh: {host_key: 'MD5:ab'}",
            "6:17: ssh.host_key: 'MD5:ab' is not a fingerprint; write 'SHA256:…' as 'ssh-keygen -lf' prints it",
        ),
        (
            "limits: {item_bytes: lots}",
            "6:22: limits.item_bytes: 'lots' is not a size; write bytes or e.g. '64 kB', '1 MB'",
        ),
        ("message_summary: maybe", "6:18: message_summary: 'maybe' is neither 'yes' nor 'no'"),
        ("marks: never", "6:8: marks: 'never' is no choice here; write 'test', 'suite' or 'off'"),
        ("presets: no.yaml", "6:10: presets: 'no.yaml' is not a file; name one that holds a preset"),
        (
            "redaction: {rules: {name: x}}",
            "6:20: redaction.rules: a mapping is not a list; write '[first, second]', or one '- item' a line",
        ),
        (
            "redaction: {rules: [{name: x, pattern: 'a(b)'}]}",
            "6:40: redaction.rules[1].pattern: 'a(b)' has no group 'secret'; write (?P<secret>…) around what must be "
            "removed",
        ),
        (
            "redaction: {rules: [{name: x, pattern: '(?P<secret>'}]}",
            "6:40: redaction.rules[1].pattern: '(?P<secret>' is not a regular expression (RE2): missing )",
        ),
        (
            "analysis: {about: " + "x" * 2001 + "}",
            f"6:19: analysis.about: '{'x' * 28} [… 1,945 characters …] {'x' * 28}' is too long; "
            "write at most 2000 characters",
        ),
    ],
)
def test_a_wrong_value_is_told_with_what_to_write(text: str, sentence: str) -> None:
    assert told(RIGHT + text) == f"failtale.yaml:{sentence}"


def test_a_name_must_be_fit_for_files_and_ids() -> None:
    assert told(RIGHT.replace("web1", '"a/b"')) == (
        "failtale.yaml:5:3: hosts.a/b: 'a/b' is not a name; use letters, digits, '_', '.' and '-' "
        "(at most 64, a letter or digit first)"
    )


# --- hosts, components, gateway --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("{component: wbe}", "5:21: hosts.web1.component: unknown component 'wbe'; did you mean 'web'?"),
        ("{component: [web, x]}", "5:27: hosts.web1.component[2]: unknown component 'x'; known: 'web'"),
        ("{}", "5:3: hosts.web1.component: is missing; write 'component: …'"),
        ("", "5:3: hosts.web1.component: is missing; write 'component: …'"),
        ("{component: []}", "5:21: hosts.web1.component: an empty list is too short; name at least one"),
        (
            "{component: web, transport: local, address: x}",
            "5:44: hosts.web1.address: means nothing with 'transport: local'; remove one of them",
        ),
    ],
)
def test_a_host_must_play_a_component_that_exists(host: str, sentence: str) -> None:
    assert told(RIGHT.replace("{component: web}", host)) == f"failtale.yaml:{sentence}"


def test_components_of_one_host_may_not_differ_under_one_name() -> None:
    text = (
        "components: {web: {collectors: [{name: log, file: /w}]}, api: {collectors: [{name: log, file: /a}]}}\n"
        "hosts: {both: {component: [web, api]}, one: {component: web}}\n"
    )
    assert told(text) == (
        "failtale.yaml:2:27: hosts.both.component: 'web' and 'api' have different collectors of the name 'log'; "
        "give one of them another 'name'"
    )


@pytest.mark.parametrize("component", ["", "{}", "{collectors: []}", "{description: x}"])
def test_a_component_needs_collectors(component: str) -> None:
    text = f"components:\n  web: {component}\nhosts: {{web1: {{component: web}}}}"
    assert told(text) == "failtale.yaml:2:3: components.web: has no collectors; write e.g. 'collectors: [linux]'"


def test_there_must_be_somebody_to_ask() -> None:
    assert told("marks: test") == (
        "failtale.yaml:1:1: no 'hosts' and no 'gateway', so there is no host to collect from; write one of them"
    )


def test_a_gateway_stands_alone() -> None:
    assert told(RIGHT + "gateway: {url: 'http://x/mcp'}") == (
        "failtale.yaml:6:1: gateway: cannot be combined with 'hosts'; keep one: a gateway has hosts of its own"
    )


def test_a_gateway_has_an_address() -> None:
    assert told("gateway: {url: 'x:5050'}") == (
        "failtale.yaml:1:16: gateway.url: 'x:5050' is not an address; write e.g. 'http://127.0.0.1:5050/mcp'"
    )


# --- collectors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "{name: x}",
            "4:9: …: has no 'command', 'file', 'journal', 'container', 'kubernetes', 'http' or 'mcp'; "
            "write one of them",
        ),
        ("{command: id, file: /x}", "4:9: …: has 'command' and 'file'; keep one, or make several collectors of it"),
        ("comand: id", "4:9: ….comand: unknown key 'comand'; did you mean 'command'?"),
        ("5", "4:9: …: is neither a preset nor a collector; write a preset's name, or 'name: …' and 'command: …'"),
        ("linx", "4:9: …: unknown preset 'linx'; did you mean 'linux'?"),
        ("{file: x.log}", "4:16: ….file: 'x.log' is not an absolute path; write the path on the host, from '/' on"),
        (
            "{file: [/x, y.log]}",
            "4:21: ….file[2]: 'y.log' is not an absolute path; write the path on the host, from '/' on",
        ),
        ("{file: /x, grep: '(a'}", "4:26: ….grep: '(a' is not a regular expression of 'grep -E': missing )"),
        (
            r"{file: /x, grep: '\d+'}",
            r"4:26: ….grep: '\d+' is not understood by 'grep -E'; write '[0-9]' instead of '\d'",
        ),
        (
            "{file: /x, grep: '(?i)error'}",
            "4:26: ….grep: '(?i)error' is not understood by 'grep -E'; write a plain group '(…)' "
            "and 'ignore_case: yes'",
        ),
        ("{command: id, baseline: yes, mask: '['}", "4:44: ….mask: '[' is not a regular expression (RE2): missing ]"),
        (
            "{file: /x, window: sometimes}",
            "4:28: ….window: 'sometimes' is not a window; write 'test', 'suite', 'run', 'none' or e.g. '5 min'",
        ),
        (
            "{file: '/var/log/**/x.log'}",
            "4:16: ….file: '/var/log/**/x.log' has '**', which is no pattern: only '*' and '?' match file names; "
            "write each path, in a list",
        ),
        (
            "{file: '/var/log/app[0-9].log'}",
            "4:16: ….file: '/var/log/app[0-9].log' has '[0-9]', which is no pattern: only '*' and '?' match file "
            "names; write each path, in a list",
        ),
        (
            "{file: /proc/loadavg}",
            "4:16: ….file: '/proc/loadavg' is state of the kernel and no log; write 'command: cat /proc/loadavg'",
        ),
        (
            "{file: ['/var/log/x-$(date +%F).log']}",
            "4:17: ….file[1]: '/var/log/x-$(date +%F).log' has '$(', which is no pattern: only '*' and '?' match "
            "file names; write each path, in a list",
        ),
        (
            "{file: /x, time_format: '%Y'}",
            "4:33: ….time_format: '%Y' has no clock; write e.g. '%d.%m.%Y %H:%M:%S', '%H:%M:%S' or '%s'",
        ),
        (
            "{journal: x, priority: loud}",
            "4:32: ….priority: 'loud' is not a journal priority; write 'err', 'warning', 'info' … or a range such as "
            "'emerg..err'",
        ),
        (
            "{file: /x, baseline: yes}",
            "4:20: ….baseline: means nothing here: a log is cut by its window; only a command can be compared; "
            "remove it",
        ),
        (
            "{journal: x, baseline: yes}",
            "4:22: ….baseline: means nothing here: a log is cut by its window; only a command can be compared; "
            "remove it",
        ),
        (
            "{command: id, before: 5}",
            "4:23: ….before: means nothing here: a command has no lines before its window; remove it",
        ),
        (
            "{file: /x, window: none, before: 5}",
            "4:34: ….before: means nothing with 'window: none'; remove one of them",
        ),
        (
            "{command: id, window: suite}",
            "4:23: ….window: means nothing here: the command does not use '$FAILTALE_SINCE' or '$FAILTALE_UNTIL'; "
            "remove it",
        ),
        (
            "{command: id, time_format: '%d.%m. %H:%M'}",
            "4:23: ….time_format: means nothing here: only a file's lines are read by their time; remove it",
        ),
        (
            "{file: /x, priority: err}",
            "4:20: ….priority: means nothing here: only a journal has priorities; remove it",
        ),
        ("{file: /x, grep_after: 3}", "4:20: ….grep_after: means nothing without 'grep'; add that, or remove this"),
        ("{command: id, mask: x}", "4:23: ….mask: means nothing without 'baseline'; add that, or remove this"),
        ("{command: ''}", "4:19: ….command: '' is empty; write something, or leave the key out"),
        ('{command: "a\\0b"}', "4:19: ….command: holds a NUL character; remove it"),
        ("{file: /x, lines: 0}", "4:27: ….lines: '0' is out of range; write at least 1"),
    ],
)
def test_a_collector_must_make_sense(text: str, sentence: str) -> None:
    assert collector(text) == f"failtale.yaml:{sentence}"


def test_a_time_format_has_directives_that_failtale_knows() -> None:
    message = collector("{file: /x, time_format: '%d.%m.%Y %H:%M %Q'}")
    assert message.startswith(
        "failtale.yaml:4:33: ….time_format: '%Q' is no directive that FailTale supports; there are %Y"
    )


@pytest.mark.parametrize(
    "pattern",
    [
        "ERROR|FATAL",
        r"\<panic\>",
        "^ *at ",
        "[[:space:]]+x",
        r"(a)\1",
        "*",
        "a**",
        "x{2000}",
        "a{,3}",
        r"\\d",
        r"\.\w+\b",
    ],
)
def test_what_grep_understands_is_not_refused(pattern: str) -> None:
    config = parse_config(
        f"components: {{web: {{collectors: [{{file: /x, grep: '{pattern}'}}]}}}}\nhosts: {{w: {{component: web}}}}",
        environ={},
    )
    assert config.components["web"].collectors[0].grep == pattern


def test_a_command_that_uses_the_window_may_have_one() -> None:
    command = "{window: suite, command: last --since @$FAILTALE_SINCE}"
    config = parse_config(RIGHT.replace("{command: uptime}", command), environ={})
    assert config.components["web"].collectors[0].window == "suite"


def test_a_name_may_stand_once_even_when_the_collectors_are_wrong() -> None:
    text = (
        "components:\n  web:\n    collectors:\n      - {name: a, file: x}\n      - {name: a, command: id}\n"
        "hosts: {w: {component: web}}\n"
    )
    assert (
        "failtale.yaml:5:16: components.web.collectors[2].name: 'a' is the name of a collector above; choose another"
        in (told(text).splitlines())
    )


# --- presets in a configuration --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("systemd", "4:9: …: the preset 'systemd' needs 'unit'; write 'systemd: {unit: myapp}'"),
        ("systemd: myapp", "4:18: ….systemd: parameters are a mapping; write 'systemd: {unit: myapp}'"),
        ("systemd: {unt: x}", "4:19: ….systemd.unt: unknown parameter 'unt'; did you mean 'unit'?"),
        ("sistemd: {unit: x}", "4:9: …: unknown preset 'sistemd'; did you mean 'systemd'?"),
        ("systemd: {unit: [a]}", "4:25: ….systemd.unit: a list or mapping is no 'unit'; write one value"),
        (
            "systemd: {unit: 'a; id'}",
            "4:25: ….systemd.unit: 'a; id' is no 'unit' for the preset 'systemd'; it must match "
            r"[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]*",
        ),
        (
            "linux\n      - linux",
            "5:9: components.web.collectors[2]: the preset 'linux' is already used above with the same names; write "
            "'linux: {name: …}'",
        ),
    ],
)
def test_a_preset_must_exist_and_be_told_what_it_needs(text: str, sentence: str) -> None:
    assert collector(text) == f"failtale.yaml:{sentence}"


# --- environment, files, secrets -------------------------------------------------------------------------------------


def test_a_missing_variable_is_told_once_and_without_consequences() -> None:
    assert told(RIGHT + 'ssh: {port: "%{SSH_PORT}"}') == (
        "failtale.yaml:6:13: ssh.port: the environment variable 'SSH_PORT' is not set; set it, or write "
        "'%{SSH_PORT=default}' ('\\%{SSH_PORT}' for these characters themselves)"
    )


def test_a_wrong_value_from_the_environment_is_shown_as_the_file_says_it() -> None:
    text = RIGHT + 'ssh: {port: "%{DB_PASS}", connect_timeout: "%{DB_PASS} s"}\nmarks: "%{DB_PASS}"'
    message = told(text.replace("web}", '"%{DB_PASS}"}'), DB_PASS="tr0mbone")
    assert "tr0mbone" not in message
    assert "failtale.yaml:6:13: ssh.port: '%{DB_PASS}' is not a whole number" in message
    assert "failtale.yaml:5:21: hosts.web1.component: unknown component '%{DB_PASS}'; known: 'web'" in message


def test_a_key_file_must_be_there(tmp_path: Path) -> None:
    assert told(RIGHT + "ssh: {key: keys/id}", tmp_path / "f.yaml") == (
        f"{tmp_path}/f.yaml:6:12: ssh.key: 'keys/id' cannot be read: No such file or directory; name a file that can"
    )


def test_a_directory_is_no_key_file(tmp_path: Path) -> None:
    assert told(RIGHT + "ssh: {key: .}", tmp_path / "f.yaml") == (
        f"{tmp_path}/f.yaml:6:12: ssh.key: '.' is not a file; name one"
    )


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
@pytest.mark.parametrize(
    "key", ["ssh: {key: id}", "redaction: {secrets: file:id}", "gateway: {url: 'http://x', token_file: id}"]
)
def test_files_with_secrets_must_be_closed_to_others(tmp_path: Path, mode: int, key: str) -> None:
    (tmp_path / "id").write_text("x")
    (tmp_path / "id").chmod(mode)
    message = told(key if "gateway" in key else RIGHT + key, tmp_path / "f.yaml")
    assert message.endswith(f"id' is open to others (mode {mode:04o}); type: chmod 600 {tmp_path}/id")


def test_a_file_with_a_secret_must_hold_one(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("\n")
    (tmp_path / "s").chmod(0o600)
    assert told(RIGHT + "redaction: {secrets: [file:s]}", tmp_path / "f.yaml") == (
        f"{tmp_path}/f.yaml:6:23: redaction.secrets[1]: 'file:s' is empty; a secret needs at least one character"
    )


def test_a_known_hosts_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    assert told(RIGHT + "ssh: {known_hosts: kh}", tmp_path / "f.yaml") == (
        f"{tmp_path}/f.yaml:6:20: ssh.known_hosts: 'kh' is not a file; make one with 'touch', and let 'failtale check "
        "--accept-host-keys' add the keys, or set 'host_key'"
    )
    assert parse_config(RIGHT + "ssh: {known_hosts: kh, host_keys: accept-new}", source=tmp_path / "f.yaml", environ={})


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("ssh: {key_passphrase: tr0mbone}", "6:23: ssh.key_passphrase"),
        ("ssh: {key_passphrase: '%{X=tr0mbone}'}", "6:23: ssh.key_passphrase"),
        ("ssh: {key_passphrase: 'tr0mbone %{X}'}", "6:23: ssh.key_passphrase"),
        ("ssh: {key_passphrase: [tr0mbone]}", "6:23: ssh.key_passphrase"),
        ("redaction: {secrets: tr0mbone}", "6:22: redaction.secrets"),
        ("redaction: {secrets: ['%{X}', tr0mbone]}", "6:31: redaction.secrets[2]"),
        ("redaction: {secrets: 123456}", "6:22: redaction.secrets"),
    ],
)
def test_a_secret_in_clear_is_refused_and_never_repeated(text: str, where: str) -> None:
    assert told(RIGHT + text, X="tr0mbone") == f"failtale.yaml:{where}: {IN_CLEAR}"


@pytest.mark.parametrize(
    "text",
    [
        "gateway: {url: 'http://x', token: tr0mbone}",
        "gateway: {url: 'http://x', tokn: tr0mbone}",
        "gateway: {url: 'http://x', token: {a: tr0mbone}}",
        "redaction: {secrets: {a: tr0mbone}}",
        "redaction: {secret: tr0mbone}",
        "ssh:\n  key_passphrase: *tr0mbone",
        "ssh:\n  key_passphrase: !tr0mbone x",
        "ssh:\n  key_passphrase: %tr0mbone",
        "ssh:\n  key_passphrase: 'tr0mbone",
        "ssh: {key_passphrase: tr0mbone, key_passphrase: tr0mbone}",
        "ssh: tr0mbone_is_no_section:\n",
    ],
)
def test_no_mistake_repeats_a_secret(text: str) -> None:
    assert "tr0mbone" not in told(RIGHT + text)


# --- together --------------------------------------------------------------------------------------------------------


def test_all_mistakes_are_told_together_by_line(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("name: own\ndescription: Mine.\ncollectors: [{name: a, comand: id}]\n")
    text = (
        "marks: never\n"
        "hosts:\n"
        "  web1: {component: wbe}\n"
        "  db1: {component: db, port: 22}\n"
        "components:\n"
        "  web: {collectors: [{file: /x, lines: many}, linx]}\n"
        "  db: {}\n"
        "presets: [own.yaml]\n"
        'ssh: {user: "%{NOBODY}"}\n'
    )
    assert told(text, tmp_path / "f.yaml").replace(f"{tmp_path}/", "").splitlines() == [
        "8 mistakes in the configuration:",
        "f.yaml:1:8: marks: 'never' is no choice here; write 'test', 'suite' or 'off'",
        "f.yaml:3:21: hosts.web1.component: unknown component 'wbe'; did you mean 'web'?",
        "f.yaml:4:24: hosts.db1.port: unknown key 'port'; it belongs to the host's 'ssh': write 'ssh: {port: …}'",
        "f.yaml:6:40: components.web.collectors[1].lines: 'many' is not a whole number",
        "f.yaml:6:47: components.web.collectors[2]: unknown preset 'linx'; did you mean 'linux'?",
        "f.yaml:7:3: components.db: has no collectors; write e.g. 'collectors: [linux]'",
        "f.yaml:9:13: ssh.user: the environment variable 'NOBODY' is not set; set it, or write '%{NOBODY=default}' "
        "('\\%{NOBODY}' for these characters themselves)",
        "own.yaml:3:24: collectors[1].comand: unknown key 'comand'; did you mean 'command'?",
    ]


def test_mistakes_name_the_file_as_the_user_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my.yaml").write_text("marks: test\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^my\.yaml:1:1: no 'hosts'"):
        load_config("my.yaml", environ={})


@examples(300)
@given(st.text(alphabet=st.sampled_from(":-[]{}'\"%!&*# \n\tab1,|>@`?<~\\\x85\u2028"), max_size=40))
def test_any_text_is_a_configuration_or_a_told_mistake(text: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_config(text, environ={})
    assert all(line.startswith("failtale.yaml:") or "mistakes in" in line for line in str(error.value).splitlines())


_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["ssh", "name", "component", "a"]), inner)
    ),
    max_leaves=6,
)


@examples(100)
@given(
    st.dictionaries(
        st.sampled_from(["ssh", "components", "hosts", "gateway", "marks", "limits", "redaction", "presets", "tags"]),
        _VALUES,
    )
)
def test_any_data_is_a_configuration_or_a_told_mistake(data: dict[str, object]) -> None:
    with contextlib.suppress(ConfigError):
        assert parse_config(yaml.safe_dump(data), environ={}).source
