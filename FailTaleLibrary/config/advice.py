"""What people write in place of what FailTale reads -> the line to write instead.

Words alone: nothing here opens a file or knows a document. `config.messages` asks for keys and sections,
`config.checks` for hosts and addresses, `config.collectors` for entries that are no collectors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from FailTaleLibrary.config.model import (
    AnalysisSettings,
    Bundles,
    Collector,
    Component,
    Config,
    GatewaySettings,
    Host,
    Limits,
    RedactionSettings,
    Section,
    SshOverrides,
    SshSettings,
    Tags,
)
from FailTaleLibrary.config.types import in_quotes
from FailTaleLibrary.lazy import dataclass, regex


def is_short(text: str) -> bool:
    """Whether a line may repeat a text as it is: on one line, and nothing that a terminal obeys."""
    return len(text) <= 120 and text.isprintable()


def unseen_indentation(line: str) -> str | None:
    """What is wrong with a line that begins with a blank which YAML takes for a letter, as web pages have it."""
    blanks = line[: len(line) - len(line.lstrip())]
    odd = next((blank for blank in blanks if blank not in " \t\r\n"), None)
    return f"a line begins with U+{ord(odd):04X}, which only looks like a space; indent with spaces" if odd else None


# --- Keys ------------------------------------------------------------------------------------------------------------

_AS_ROOT = "write 'sudo -n' before what needs it in 'command', and a sudoers line for exactly that on the host"

_IN_SSH = {
    "proxycommand": "ssh's own configuration is read: write 'ProxyCommand …' below 'Host NAME' in ~/.ssh/config",
    **dict.fromkeys(("sudo", "become"), _AS_ROOT),
    **dict.fromkeys(
        ("host", "hostname", "ip", "address", "addr"),
        "the address stands in the host, beside 'ssh': write 'hosts: {NAME: {component: …, address: …}}'",
    ),
}
_SSH_WORDS = {
    "user": "username login loginname remoteuser sshuser",
    "port": "sshport",
    "key": "identityfile identity privatekey privatekeyfile keyfile keyfilename keypath sshkey pkey pem cert",
    "key_passphrase": "passphrase keypassword",
    "password": "pass passwd sshpass sshpassword",
    "proxy_jump": "jump jumphost jumphosts jumpserver bastion bastionhost proxy proxyhost gateway sshgateway",
    "config": "sshconfig sshconfigfile configfile",
    "connect_timeout": "timeout connecttimeout",
    "host_keys": "stricthostkeychecking hostkeychecking accepthostkeys",
    "host_key": "fingerprint hostfingerprint",
    "known_hosts": "userknownhostsfile knownhostsfile",
}
_WORDS: Mapping[type[Section], Mapping[str, str]] = {
    SshSettings: _SSH_WORDS,
    SshOverrides: _SSH_WORDS,
    Host: {
        "address": "ip ipaddress addr host hostname fqdn dns target ansiblehost url uri",
        "component": "role roles group groups plays part",
        "transport": "connection protocol",
    },
    Collector: {
        "file": "path paths log logs logfile logfiles files filename filepath location",
        "command": "cmd commands run shell exec execute script bash",
        "journal": "unit units service services journald journalctl",
        "grep": "pattern patterns regex regexp match matches search",
        "lines": "tail last maxlines head count",
        "max_bytes": "size maxsize bytes",
        "window": "since duration period timerange",
        "description": "title comment about",
    },
    Limits: {"failure_time": "timeout time maxtime duration", "item_bytes": "bytes size maxsize"},
    Tags: {"include": "only with select", "exclude": "skip without ignore not"},
    Bundles: {"directory": "path folder dir output outputdir", "enabled": "on active enable"},
    RedactionSettings: {
        "rules": "patterns regex",
        "secrets": "values hide remove words passwords password",
        "keep": "allow ignore except whitelist",
        "identifiers": "anonymise anonymize ips",
    },
    AnalysisSettings: {
        "host": "url ollama ollamahost baseurl server address endpoint",
        "model": "name llm modelname",
        "hint_time": "timeout",
    },
    GatewaySettings: {"url": "address host endpoint server", "token_file": "key apikey bearer password secret"},
    Config: {
        "hosts": "host targets nodes servers machines inventory",
        "components": "component role roles services",
        "analysis": "ollama llm ai model hints",
        "redaction": "redact secrets",
        "history": "database",
    },
}
"""Words of other tools, in small letters and without '-' and '_', by the key that is meant."""
_SENTENCES: Mapping[type[Section], Mapping[str, str]] = {
    SshSettings: _IN_SSH,
    SshOverrides: _IN_SSH,
    AnalysisSettings: dict.fromkeys(
        ("apikey", "token", "key"),
        "Ollama on your own machine needs none; a key for a cloud is read from OLLAMA_API_KEY",
    ),
    Host: {
        **dict.fromkeys(("sudo", "become"), _AS_ROOT),
        "name": "the host's name is the key above it; remove this",
    },
    Collector: {"sudo": _AS_ROOT, "become": _AS_ROOT, "preset": "a preset stands by itself: write '- linux'"},
    Component: {
        **dict.fromkeys(
            ("presets", "preset"), "presets are named among the collectors: write 'collectors: [linux, nginx]'"
        ),
        **dict.fromkeys(
            ("logs", "log", "files", "file", "logfiles"),
            "logs are collectors: write 'collectors: [{file: /var/log/myapp.log}]'",
        ),
        **dict.fromkeys(
            ("commands", "command", "cmd"), "commands are collectors: write 'collectors: [{command: uptime}]'"
        ),
        **dict.fromkeys(
            ("hosts", "host", "nodes"), "a host names its component: write 'web1: {component: …}' below 'hosts'"
        ),
    },
}
"""The same, where no key is meant."""
_PLACES: tuple[tuple[type[Section], str], ...] = (
    (SshSettings, "ssh: {%s: …}"),
    (Host, "hosts: {NAME: {%s: …}}"),
    (Component, "components: {NAME: {%s: …}}"),
    (Collector, "components: {NAME: {collectors: [{%s: …}]}}"),
    (Limits, "limits: {%s: …}"),
    (AnalysisSettings, "analysis: {%s: …}"),
    (GatewaySettings, "gateway: {%s: …}"),
    (RedactionSettings, "redaction: {%s: …}"),
    (Bundles, "bundles: {%s: …}"),
    (Tags, "tags: {%s: …}"),
    (Config, "%s: …' at the line's start, e.g. '%s: …"),
)
"""Where each key may be, for one that is in the wrong section."""


def key_advice(key: str, section: type[Section]) -> str | None:
    """What to do about an unknown key that another tool, or another section, has; None where nobody knows."""
    import difflib  # wanted by mistakes alone

    if sentence := unseen_indentation(key):
        return sentence
    word = re.sub(r"[-_ .]", "", key.lower())
    glued = re.fullmatch(r"([\w-]+)\s*[:=]\s*(.+)", key)
    if glued is not None and glued[1] in section.yaml_keys() and is_short(key):
        return f"write '{glued[1]}: {glued[2]}', with a ':' and a space behind it"
    if difflib.get_close_matches(key.lower(), section.yaml_keys(), n=1, cutoff=0.85):
        return None  # misspelt, which is the nearest there is to say
    if sentence := _SENTENCES.get(section, {}).get(word):
        return sentence
    for meant, words in _WORDS.get(section, {}).items():
        if word in words.split():
            return f"did you mean {in_quotes(meant)}?"
    if section is Host and (near := difflib.get_close_matches(key.lower(), SshOverrides.yaml_keys(), n=1, cutoff=0.8)):
        return f"it belongs to the host's 'ssh': write 'ssh: {{{near[0]}: …}}'"
    meant_of_ssh = next((meant for meant, words in _SSH_WORDS.items() if word in words.split()), None)
    if meant_of_ssh and section in (Host, Config):
        whose = "the host's 'ssh'" if section is Host else "'ssh'"
        return f"it belongs to {whose}: write 'ssh: {{{meant_of_ssh}: …}}'"
    for place, line in _PLACES:
        if place is not section and key in place.yaml_keys():
            line = "%s: …" if place is Config else line
            return f"it belongs elsewhere: write '{line.replace('%s', key)}'{_at_the_top(place)}"
    return None


def _at_the_top(place: type[Section]) -> str:
    return " without indentation" if place is Config else ""


# --- Sections --------------------------------------------------------------------------------------------------------

_EXAMPLES: Mapping[str, str] = {
    "ssh": "ssh: {user: failtale, key: ~/.ssh/failtale}",
    "limits": "limits: {failure_time: 45 s}",
    "tags": "tags: {exclude: [wip]}",
    "bundles": "bundles: {directory: evidence}",
    "redaction": "redaction: {identifiers: yes}",
    "analysis": 'analysis: {model: "qwen2.5:3b"}',
    "gateway": "gateway: {url: http://127.0.0.1:5050/mcp}",
    "hosts": "hosts: {web1: {component: web}}",
    "components": "components: {web: {collectors: [linux]}}",
}


def section_advice(key: str, raw: str | None) -> str:
    """The line to write for a section that has a value instead, e.g. ``bundles: no``."""
    if key == "bundles" and raw is not None and raw.lower() in ("no", "off", "false", "yes", "on", "true"):
        return f"write 'bundles: {{enabled: {raw}}}'"
    if key == "ssh" and raw is not None and (place := place_in(raw)) is not None and (place.user or place.port):
        return f"write '{place.ssh[2:]}', and 'address: {place.address}' beside it"
    if raw is not None and _is_plain(raw):
        if key == "analysis":
            return f"write 'analysis: {{model: \"{raw}\"}}'"
        if key == "tags":
            return f"write 'tags: {{exclude: [{raw}]}}'"
        if key == "bundles":
            return f"write 'bundles: {{directory: {raw}}}'"
        if key == "gateway" and raw.startswith("http"):
            return f"write 'gateway: {{url: {raw}}}'"
    example = _EXAMPLES.get(key)
    return f"write e.g. {in_quotes(example)}" if example else "write 'key: value' lines below it"


def _is_plain(raw: str) -> bool:
    return re.fullmatch(r"[\w.:/@~+-]{1,60}", raw) is not None


# --- Hosts and their addresses ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where to log in, taken apart from ``ssh://user@host:22/path`` and what is like it."""

    host: str
    user: str = ""
    port: str = ""

    @property
    def ssh(self) -> str:
        """``, ssh: {user: app, port: 22}``, or nothing."""
        parts = [f"{key}: {value}" for key, value in (("user", self.user), ("port", self.port)) if value]
        return f", ssh: {{{', '.join(parts)}}}" if parts else ""

    @property
    def address(self) -> str:
        """As YAML wants it."""
        return f'"{self.host}"' if ":" in self.host else self.host


_PLACE = regex(
    r"(?:\w+://)?(?:(?P<user>[^@\s/]+)@)?(?:\[(?P<v6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^@:/\s\[\]]+|[0-9A-Fa-f.]*(?::[0-9A-Fa-f.]*){2,}))"
    r"(?::(?P<port>\d{1,5}|ssh))?/?"
)


def place_in(text: str) -> Place | None:
    """The parts of what somebody took for an address; None when there is no telling."""
    found = _PLACE.fullmatch(text.strip().removeprefix("ssh ").strip())
    if found is None or not is_short(text):
        return None
    port = (found["port"] or "").replace("ssh", "22")
    return Place(found["v6"] or found["host"] or "", found["user"] or "", port)


def host_line(name: str, text: str, components: Sequence[str]) -> str:
    """``web1: {component: web, address: 10.0.0.5}``, from what stands in a host's place."""
    if text in components:
        return f"{name}: {{component: {text}}}"
    component = components[0] if components else "web"
    if (glued := re.fullmatch(r"(\w+)\s*[=:]\s*([^\s/]\S*)", text)) is not None and glued[1] in Host.yaml_keys():
        return f"{name}: {{{glued[1]}: {glued[2]}}}"
    place = place_in(text)
    if place is None or text == name:
        return f"{name}: {{component: {component}}}"
    return f"{name}: {{component: {component}, address: {place.address}{place.ssh}}}"


def address_advice(text: str) -> str | None:
    """Why a text is no name or IP address to connect to, and what to write; None when it may be one."""
    if re.fullmatch(r"\d{1,4}(\.\d{1,4}){3}", text):
        return (
            None if _is_ip(text) else "is no IP address: each of its four parts is at most 255, without leading zeros"
        )
    if ":" in text and _is_ip(text.partition("%")[0]):
        return None
    if "," in text or (re.search(r"\S\s+\S", text.strip()) and not text.startswith("ssh ")):
        return "is more than one name; write one, and a host for each"
    place = place_in(text)
    if place is None or place.host == text:
        return None if re.fullmatch(r"[^\s/@\[\]]+", text) else "is no name or IP address of a host; write one alone"
    what = " and ".join(
        words
        for words, is_there in (
            ("a user", place.user),
            ("a port", place.port),
            ("brackets", "[" in text and not (place.user or place.port)),
            ("more than the name", "//" in text or text.startswith("ssh ")),
        )
        if is_there
    )
    return f"has {what or 'more than the name'} in it; write 'address: {place.address}{place.ssh}'"


def _is_ip(text: str) -> bool:
    import ipaddress  # not wanted by a configuration of names

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def transport_advice(value: object) -> str:
    """How a host is reached by what somebody took for a way of its own; empty where nobody knows."""
    word = value.lower() if isinstance(value, str) else ""
    for words, sentence in _NO_TRANSPORT:
        if word in words.split():
            return f"; {sentence}"
    return ""


_NO_TRANSPORT = (
    ("docker podman container containers", "a container is a host with 'inside: docker exec -i NAME'"),
    (
        "kubernetes kubectl k8s oc pod",
        "a cluster has a preset: write 'transport: local' and 'collectors: [kubernetes]'",
    ),
    ("winrm windows powershell rdp", "Windows hosts cannot be collected from"),
    ("telnet serial http https ansible", "FailTale has no other way to a host"),
    ("paramiko openssh sftp", "that is 'ssh'"),
    ("localhost none shell", "that is 'local'"),
)


# --- Variables -------------------------------------------------------------------------------------------------------

_FOREIGN_VARIABLE = regex(
    r"\$\((?P<command>\w+)[^()]*\)|[$@&]\{(?P<robot>[^{}]+)\}|\$(?P<shell>[A-Za-z_]\w*)|\{\{\s*(?P<jinja>\w+)[^{}]*\}\}|(?<!\w)%(?P<windows>[A-Z_]\w+)%"
)


def foreign_variable(text: str) -> str | None:
    """The sentence for a variable as Robot, a shell or a template writes it; None when there is none."""
    found = _FOREIGN_VARIABLE.search(text)
    if found is None:
        return None
    name = next(filter(None, found.groups()))
    name = re.split(r":-|[:|=]", name)[0].strip()
    name = name.upper() if found["command"] else name
    of_tests = f"; one of the tests is declared first: 'variables: {{{name}: host}}'"
    return (
        f'has {in_quotes(found[0])}, which is not read here: for a variable of the environment write "%{{{name}}}" '
        f'with the quotes, or "%{{{name}=default}}"{of_tests if found["robot"] and name.isidentifier() else ""}'
    )


# --- Entries of `collectors` ------------------------------------------------------------------------------------------

_SOURCES = ("file", "command", "journal")


def collector_line(text: str, presets: Sequence[str]) -> str | None:
    """The entry to write for a text that is no preset's name: a path, a unit, a command; None when nobody can tell."""
    text = text.strip()
    if not is_short(text):
        return None
    word, _, rest = text.partition(" ")
    source, colon, value = text.partition(":")
    if colon and source in _SOURCES and value.strip():
        return f"{source}: {value.strip()}"  # the space behind the colon is missing
    if rest and word in _SOURCES:
        return f"{word}: {rest.strip()}"
    if word == "systemd" and rest and " " not in rest.strip():
        return f"systemd: {{unit: {rest.strip()}}}"
    names = [name for name in re.split(r"[,;\s]+", text) if name]
    if len(names) > 1 and all(name in presets for name in names):
        return f"[{', '.join(names)}]"
    if re.fullmatch(r"/\S*/", text):
        return f"file: {text}*.log"
    if re.fullmatch(r"/\S+", text):
        return f"file: {text}"
    if re.fullmatch(r"[^\s:\\]*[^\s/:\\]+\.(?:log|txt|out|err)(?:\.\d+)?", text):
        return f"file: /FOLDER/{text.lstrip('./')}"
    if re.fullmatch(r"[\w@:.\\-]+\.(?:service|socket|timer|target|mount)", text):
        return f"journal: {text}"
    if rest or text.startswith(("/", "./")):
        return f"command: {text if _is_plain_scalar(text) else in_quotes(text)}"
    return None


def _is_plain_scalar(text: str) -> bool:
    return not re.search(r": |\s#|[{}\[\]'\"]|:$", text) and text[0] not in "*&!|>%@`-?"


def collectors_line(values: Iterator[str], presets: Sequence[str]) -> str:
    """``collectors: [linux, {file: /var/log/x.log}]`` for what stands in a component's place."""
    entries = []
    for value in values:
        line = None if value in presets else collector_line(value, presets)
        entries.append(value if line is None else line.strip("[]") if line.startswith("[") else f"{{{line}}}")
    return f"collectors: [{', '.join(entries) or 'linux'}]"
