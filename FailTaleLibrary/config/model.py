"""What a configuration may say: sections, defaults and their units.

Every field has a description, from which `docs/configuration.md` is generated. In YAML a field bears its alias
(``timeout``); in Python its name says the unit (``timeout_s``).
"""

# Annotations are not postponed here: every run reads them, and as texts they would be compiled each time.
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from FailTaleLibrary.config.inside import ContainerNames, EngineWords, Inside
from FailTaleLibrary.config.queries import HttpQuery, McpQuery, Query
from FailTaleLibrary.config.section import EXTENSION as EXTENSION
from FailTaleLibrary.config.section import Section as Section
from FailTaleLibrary.config.types import (
    Count,
    Duration,
    Fingerprint,
    GrepPattern,
    HistoryPlace,
    JumpHosts,
    KeyFile,
    Kind,
    LocalPath,
    LocalPaths,
    Masks,
    Name,
    Namespaces,
    Pattern,
    Priority,
    PrivateFile,
    ReadableFile,
    RuleName,
    SafeUrl,
    Secret,
    SecretPattern,
    Secrets,
    Size,
    SshConfigFile,
    Texts,
    TimeFormat,
    TransportName,
    Url,
    WindowSetting,
)
from FailTaleLibrary.lazy import regex
from FailTaleLibrary.schema import BeforeValidator, Field, SecretStr

_NAMED_LIKE_A_SECRET = regex(
    r"(?i)(?:^|_)(?:pass|pw)(?:_|$)|passw(?:or)?d|passphrase|pwd|secret|token|credential|(?:api|access|private)_?key"
)


class SshSettings(Section):
    """How to reach hosts over SSH; `hosts.<name>.ssh` overrides single values of it."""

    config: SshConfigFile = Field(
        Path("~/.ssh/config"),
        validate_default=True,
        description="ssh's own configuration, which counts where this file says nothing: `HostName`, `User`, `Port`, "
        "keys and certificates, known hosts, `ProxyJump`, `ProxyCommand`. Beside the usual file the system's counts; "
        "another one counts alone, as with `ssh -F`. `none`: neither is read.",
    )
    user: str | None = Field(
        None, description="Login on the hosts; default: as ssh's configuration says, else the local user's name."
    )
    port: Count | None = Field(
        None,
        ge=1,
        le=65535,
        description="TCP port of the SSH server; default: as ssh's configuration says, else 22.",
    )
    proxy_jump: JumpHosts | None = Field(
        None,
        description="Jump hosts to connect through, in their order: `bastion`, `user@bastion:22`, `first, second`. One "
        "that is a host of this file has its settings; `ssh`'s own count for others. At most 8 connections at once "
        "go through a jump host. `none`: directly, whatever ssh's configuration says.",
    )
    key: KeyFile | None = Field(
        None,
        description="Private key file (OpenSSH, PEM, PKCS#8). When set, only this key is offered. The `.pub` file of a "
        "key in the agent: only that key of the agent is offered, as `IdentitiesOnly` does for ssh.",
    )
    key_passphrase: Secret | None = Field(None, description="Passphrase of `key`.")
    password: Secret | None = Field(
        None,
        description="Password of the login, for labs that have nothing else; a key is better. `key`, when it is set, "
        "is offered first, and no other key is.",
    )
    known_hosts: LocalPath | None = Field(
        None,
        description="File with the hosts' keys and authorities (`@cert-authority`, `@revoked`), as OpenSSH writes it; "
        "hashed names are fine. Default: as ssh's configuration says, else `~/.ssh/known_hosts` and "
        "`/etc/ssh/ssh_known_hosts`.",
    )
    host_keys: Literal["strict", "accept-new"] = Field(
        "strict",
        description="`strict`: a host whose key is not in `known_hosts` is not connected to. `accept-new`: the first "
        "key is remembered for this run; a changed key is still refused.",
    )
    host_key: Fingerprint | None = Field(
        None, description="The host's own key fingerprint (`SHA256:…`), instead of `known_hosts`."
    )
    connect_timeout_s: Duration = Field(5.0, alias="connect_timeout", description="Longest time to connect and log in.")
    command_timeout_s: Duration = Field(
        10.0, alias="command_timeout", description="Longest time for a command, where its collector sets none."
    )
    gate: bool = Field(
        False,
        description="The hosts have gates (`failtale gate`): they are sent ids and numbers alone, and one that gives a "
        "shell is not collected from. A gate is also recognised where this says nothing.",
    )


class SshOverrides(Section):
    """Values of `ssh` that differ for one host."""

    config: SshConfigFile | None = Field(None, description="As `ssh.config`, for this host.")
    user: str | None = Field(None, description="Login on this host.")
    port: Count | None = Field(None, ge=1, le=65535, description="TCP port of this host's SSH server.")
    proxy_jump: JumpHosts | None = Field(None, description="As `ssh.proxy_jump`, for this host.")
    key: KeyFile | None = Field(None, description="Key file for this host, as `ssh.key`.")
    key_passphrase: Secret | None = Field(None, description="Passphrase of this host's key.")
    password: Secret | None = Field(None, description="Password of this host's login, as `ssh.password`.")
    known_hosts: LocalPath | None = Field(None, description="File with this host's key.")
    host_keys: Literal["strict", "accept-new"] | None = Field(None, description="As `ssh.host_keys`, for this host.")
    host_key: Fingerprint | None = Field(None, description="This host's key fingerprint (`SHA256:…`).")
    connect_timeout_s: Duration | None = Field(
        None, alias="connect_timeout", description="Longest time to connect to this host."
    )
    command_timeout_s: Duration | None = Field(
        None, alias="command_timeout", description="Longest time for a command on this host."
    )
    gate: bool | None = Field(None, description="As `ssh.gate`, for this host.")


class SaltSettings(Section):
    """The salt-api by which hosts with `transport: salt` are asked, many in one job."""

    url: SafeUrl = Field(description="Address of salt-api, e.g. `https://salt.example.com:8000`.")
    user: str = Field(min_length=1, description="Who logs in there: a user of its `external_auth`.")
    password: Secret = Field(description="The password, or the shared secret.")
    eauth: str = Field("pam", min_length=1, description="How salt-api knows the user: `pam`, `ldap`, `sharedsecret` …")
    ca_file: ReadableFile | None = Field(
        None, description="Certificates to trust for `https`, instead of the system's."
    )
    function: Literal["failtale.collect", "cmd.run_all"] = Field(
        "failtale.collect",
        description="What minions run. `failtale.collect` is the module that `failtale gate --salt` writes: collectors "
        "by name and nothing else. `cmd.run_all` needs no module, but who may call it is root on all minions.",
    )
    answer_timeout_s: Duration = Field(
        5.0,
        alias="answer_timeout",
        description="How long salt-api may be silent, and how long a minion may take to say that it is there.",
    )


KINDS_OF_VARIABLES: Mapping[str, tuple[str, str]] = {
    "host": (
        r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?|(?=.{2,60}\Z)[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}"
        r"(?:\d{0,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})?(?:%[A-Za-z0-9_.]{1,15})?",
        "name or IP address of a host",
    ),
    "name": (r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,127}", "name (letters, digits, '_', '.', '@', '-')"),
    "number": (r"[0-9]{1,18}", "whole number"),
    "path": (r"(?:/[A-Za-z0-9_@%+=:,][A-Za-z0-9_.@%+=:,-]*){1,32}", "absolute path without '..'"),
}
"""Kinds of variables: what matches a whole value, and what that is called."""


class Variable(Section):
    """A variable of the tests (Robot's ``${NAME}``, a fixture of pytest) that may stand in this file."""

    kind: Literal["host", "name", "number", "path"] = Field(
        "name",
        description="What its value must be: `host`: a name or an IP address; `name`: letters, digits, `_`, `.`, `@`, "
        "`-`; `number`: digits; `path`: absolute, without `..`.",
    )
    pattern: Pattern | None = Field(
        None,
        description="Expression (RE2) that the whole value must match, instead of `kind`. Whatever it says, a value "
        "holds letters, digits and `/.@%+=:,_-` alone, at most 256, and does not begin with `-`.",
    )
    default: str | None = Field(None, description="Its value where the tests set none.")
    description: str = Field("", description="What it is, in a sentence.")


class FilledParameter(Section):
    """A parameter of a preset that holds a variable: what it must match once its value is known."""

    name: str
    pattern: str
    text: str


class Collector(Section):
    """A `command`, `file`, `journal`, `container`, a cluster (`kubernetes`) or a query to read, and its window."""

    name: Name = Field(
        description="Name of the collector, unique on its host; shown in the card. Default: the name of the file, the "
        "first word of the command, or `journal-` and the unit."
    )
    description: str = Field("", description="What the reader learns from it, in a sentence.")
    command: str | None = Field(
        None,
        min_length=1,
        description="Shell command to run on the host; must only read: what changes a container or a cluster (`docker "
        "restart`, `kubectl delete`) is refused, and so is `exec`, for which there is `inside`. `$FAILTALE_SINCE` and "
        "`$FAILTALE_UNTIL` hold the window as epoch seconds on the host's clock.",
    )
    file: Texts = Field((), description="Log file to read, or several; `*` and `?` match file names.")
    journal: str | None = Field(
        None,
        min_length=1,
        description="systemd unit whose journal to read; `*`: the whole journal; `kernel`: the kernel's messages.",
    )
    container: ContainerNames = Field(
        (),
        description="Container whose log to read as its engine (Docker, Podman) keeps it, or several; `*` and `?` "
        "match names, `*` alone means all. Each is a source of its own.",
    )
    engine: EngineWords = Field(
        "",
        description="Container engine to ask for `container`: `docker`, `podman` or `nerdctl`, also with `sudo -n` "
        "before it; default: the first of them that answers.",
    )
    kubernetes: Literal["pods", "changes", "events", "logs"] | None = Field(
        None,
        description="What to ask a cluster for, by the `kubectl` of this host: `pods` as they are; `changes` of "
        "workloads, images, ConfigMaps and Secrets (names and versions alone); `events` of the window; `logs` of each "
        "container. The preset `kubernetes` has all four.",
    )
    namespaces: Namespaces = Field(
        (),
        description="Namespaces of `kubernetes`: one, several, or `'*'` for all. Default: that of kubectl's context.",
    )
    selector: str | None = Field(
        None, description="Label selector of its pods, as for `kubectl -l` (`app=shop,tier in (api,web)`)."
    )
    context: str | None = Field(None, description="Context of kubectl; default: its current one.")
    kubeconfig: str | None = Field(
        None, description="kubectl's configuration, a file on the host; default: as kubectl finds it."
    )
    most: Count | None = Field(
        None,
        ge=1,
        le=1000,
        description="Containers whose `logs` are read, those in trouble first (20 unless said otherwise), or that have "
        "a row in `pods` whether they are in trouble or not (300).",
    )
    http: HttpQuery | None = Field(
        None, description="Question to a log or metrics store over HTTP; its host has `transport: local`."
    )
    mcp: McpQuery | None = Field(None, description="Read-only tool of an MCP server; its host has `transport: local`.")
    priority: Priority | None = Field(
        None, description="Journal entries of at least this priority (`warning`, `err` …), or of a range."
    )
    lines: Count | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Keep at most this many of the newest lines (after `grep`). Files and journals: 500 unless said "
        "otherwise; queries ask for 1,000.",
    )
    grep: GrepPattern | None = Field(
        None, description="Keep lines that match this extended regular expression (`grep -E`)."
    )
    grep_before: Count = Field(2, ge=0, le=1000, description="Lines of context before each line that `grep` found.")
    grep_after: Count = Field(
        10, ge=0, le=1000, description="Lines of context after each line that `grep` found (stack traces)."
    )
    ignore_case: bool = Field(False, description="`grep` takes no notice of upper and lower case.")
    max_bytes: Size | None = Field(
        None, ge=1, description="Keep at most this much of the newest output; default: `limits.item_bytes`."
    )
    timeout_s: Duration | None = Field(
        None,
        alias="timeout",
        description="Longest time for this collector; default: `ssh.command_timeout`, of a query 3 s.",
    )
    window: WindowSetting = Field(
        "test",
        description="Which part of a log: `test`, `suite`, `run`, a duration before the failure (`5 min`) or `none` "
        "(the newest lines). Commands are snapshots and take no notice of it unless they use `$FAILTALE_SINCE`.",
    )
    before: Count = Field(
        0, ge=0, le=10_000, description="Lines from before the window that come along, marked as such."
    )
    time_format: TimeFormat | None = Field(
        None,
        description="How this log writes time, where FailTale does not recognise it: a `strptime` format that stands "
        "at the line's start (`'%d.%m.%Y %H:%M:%S'`, `'%H:%M:%S'`, `'%s'` for epoch seconds, milli-, micro- or "
        "nanoseconds), or where the time stands: `{key: timeMillis}` in JSON or logfmt, `{pattern: 'at=<(.*)>'}` "
        "where an expression has its group; both take a `format`, too.",
    )
    archive: Texts = Field(
        (),
        description="Where rotation puts old copies of `file`, when that is neither beside it nor in the folders "
        "around it: paths in which `*` and `?` match file names.",
    )
    baseline: bool = Field(False, description="Also take this snapshot at the window's start and show what changed.")
    mask: Masks = Field(
        (), description="What a baseline takes no notice of: expressions for volatile parts (ages, counters)."
    )
    row: Masks = Field(
        (),
        description="What identifies a row of this snapshot (a mount point, a unit, a port): the groups of the first "
        "expression that matches. Default: the row's first word.",
    )
    counters: Masks = Field((), description="Rows of this snapshot that only count or move; they are never suspected.")
    alarms: Masks = Field(
        (), description="Parts of a row that tell a fault by themselves when they change (`oom_kill .*`)."
    )
    limits: Masks = Field((), description="Rows of this snapshot that stand at their limit (`\\b100%`).")
    cost: Count | None = Field(
        None,
        ge=0,
        le=2,
        description="When it runs within its host: 0 cheap state first, 1 logs, 2 heavy. Default: 0 for commands, 1 "
        "for files and journals.",
    )
    inside: Inside | None = Field(
        None,
        description="As `inside` of a host, for this collector alone and in place of the host's; `none`: on the "
        "machine itself.",
    )
    empty_means: str = Field("", description="What an empty output means for the reader.")
    privilege: str = Field("", description="What the SSH user needs for it; shown with a permission error.")
    preset: str | None = Field(None, alias="(preset)", description="The preset that brought this collector.")
    variables: tuple[str, ...] = Field((), alias="(variables)", description="Names of variables that stand in it.")
    parameters: tuple[FilledParameter, ...] = Field(
        (), alias="(parameters)", description="The preset's parameters that hold one."
    )

    @property
    def has_dear_baseline(self) -> bool:
        """Whether its snapshot asks a cluster, which no start of a test should pay for."""
        return self.baseline and self.kubernetes is not None

    @property
    def is_log(self) -> bool:
        """Whether it has lines of a window; else it is a snapshot of how things are."""
        is_of_host = bool(self.file) or bool(self.container) or self.journal is not None
        return is_of_host or self.kubernetes in ("events", "logs") or self.query is not None

    @property
    def query(self) -> HttpQuery | McpQuery | None:
        """What it asks of a store; None where it reads a host."""
        return self.http or self.mcp


class Component(Section):
    """A part of the system under test with the collectors that belong to it."""

    description: str = Field("", description="What this component is, in a sentence.")
    collectors: Annotated[tuple[Collector, ...], Kind("list of presets and collectors")] = Field(
        (),
        description="What to collect from each host that is assigned to this component: preset names, presets "
        "with parameters, or collectors of your own.",
    )


class Host(Section):
    """A machine (or a container on one) that is assigned to a component."""

    component: Texts = Field(min_length=1, description="Its component, or several.")
    address: str | None = Field(
        None,
        min_length=1,
        description="Name or IP address to connect to, or with `transport: salt` the minion's id; default: the host's "
        "name here.",
    )
    transport: TransportName = Field(
        "ssh",
        description="`ssh`; `salt` for a minion of the master in `salt`; `local` for the machine that runs the tests; "
        "`scripted` for recorded answers instead of a host.",
    )
    ssh: SshOverrides = Field(default_factory=SshOverrides, description="Values of `ssh` that differ for this host.")
    inside: Inside = Field(
        (),
        description="Prefix that leads from there into a container or a namespace, in which all is collected: "
        "`docker exec -i NAME`, `podman exec -i NAME`, `nsenter …`, `ip netns exec NAME`, `sudo -n`. FailTale adds the "
        "shell.",
    )
    settings: Section | None = Field(
        None, alias="(settings)", description="What the host's section of the transport's name says."
    )


class Inventory(Section):
    """Hosts of an Ansible inventory, by `ansible-inventory --list`. The source may stand alone in its place."""

    source: Texts = Field(
        min_length=1,
        description="The inventory as for `ansible-inventory -i`: a file, a folder, a script, or several; or a file "
        "with what `ansible-inventory --list` printed, which needs no Ansible here.",
    )
    groups: dict[str, Texts] = Field(
        {},
        description="Group → component, or several: what the hosts of a group are. `all` stands for every host. "
        "Default: groups that bear the name of a component.",
    )
    timeout_s: Duration = Field(30.0, alias="timeout", description="Longest time for `ansible-inventory`.")

    @classmethod
    def prepared(cls, data: object) -> object:
        return super().prepared({"source": data} if isinstance(data, (str, list)) else data)


class Limits(Section):
    """The longest and the most that evidence may cost."""

    item_bytes: Size = Field(64 * 1024, ge=1, description="Output kept of one collector on one host.")
    host_time_s: Duration = Field(30.0, alias="host_time", description="Time for all collectors of one host.")
    host_bytes: Size = Field(1024 * 1024, ge=1, description="Output kept of one host for one failure.")
    failure_time_s: Duration = Field(
        45.0,
        alias="failure_time",
        description="Time that one failure may add to the run: collecting, ranking, drawing the card and writing the "
        "bundle together. Collecting ends a quarter of it, at most 6 s, earlier.",
    )
    failure_bytes: Size = Field(
        4 * 1024 * 1024,
        ge=1,
        description="Output kept for one failure; each host has an equal share of it, and what the others leave over.",
    )
    run_time_s: Duration = Field(
        600.0,
        alias="run_time",
        description="Time that all failures of a run may add together; when it is used up, further failures are "
        "reported without evidence.",
    )
    card_bytes: Size = Field(1_000_000, ge=10_000, description="HTML of one card in log.html.")
    run_card_bytes: Size = Field(10_000_000, ge=10_000, description="HTML of all cards of a run.")
    repeats: Count = Field(
        3,
        ge=1,
        description="Equal failures in a row (same keyword, same message but for its values) that are collected in "
        "full. Of further ones only state is collected (collectors with cost 0): their logs would repeat the same.",
    )
    history_time_s: Duration = Field(
        10.0,
        alias="history_time",
        description="Time that the history may add to a run, all failures together; one failure may take a fifth of "
        "it. What cannot be counted by then is reported without it.",
    )
    history_days: Count = Field(
        180, ge=1, le=36_500, description="Days after which the history forgets a cause that did not strike again."
    )
    history_causes: Count = Field(
        10_000,
        ge=1,
        description="Causes that the history keeps; of more, those that struck longest ago go. Notes stay.",
    )
    parallel_hosts: Count = Field(
        16, ge=1, le=256, description="Hosts that evidence is collected from at the same time."
    )
    full_hosts: Count = Field(
        20,
        ge=1,
        le=100_000,
        description="Hosts that are asked in full for one failure. Where there are more, all are asked for their state "
        "and the most telling lines of their logs, and in full are asked those that the failure names, or that stand "
        "out by that.",
    )
    bundle_item_bytes: Size = Field(
        1024 * 1024,
        ge=1,
        description="Output kept of one collector in the bundle, at least `item_bytes`. When that of all collectors "
        "together exceeds eight times `failure_bytes`, the bundle has what the card was given of the others.",
    )


class Tags(Section):
    """For which failing tests evidence is collected."""

    include: Texts = Field((), description="Only tests with one of these tags (Robot's tag patterns); empty: all.")
    exclude: Texts = Field((), description="Not tests with one of these tags.")


class Bundles(Section):
    """Each failure's evidence as files, for when the environment is gone."""

    enabled: bool = Field(True, description="Write a bundle for each failure.")
    directory: LocalPath | None = Field(
        None, description="Where bundles go; default: `failtale/` in Robot's output directory."
    )


class RedactionRule(Section):
    """A rule of your own: what the named group `secret` matches is removed."""

    name: RuleName = Field(description="Shown in the card beside the count.")
    pattern: SecretPattern = Field(description="Expression with a group `(?P<secret>…)`.")


class RedactionSettings(Section):
    """What leaves evidence before anything is written, logged or sent. Secrets always do."""

    identifiers: bool = Field(
        False, description="Also replace IP and MAC addresses, host names, users and mail addresses by stable tokens."
    )
    rules: tuple[RedactionRule, ...] = Field((), description="Rules of your own, beside the built-in ones.")
    keep: Texts = Field((), description="Texts that are never removed, in full.")
    secrets: Secrets = Field((), description="Values to remove wherever they appear.")
    timeout_s: Duration = Field(
        5.0,
        alias="timeout",
        description="CPU time for one item; its lines that are not searched by then, oldest first, are withheld.",
    )


class AnalysisSettings(Section):
    """An optional hint about the cause by a local Ollama model. Off unless `model` is named."""

    model: str | None = Field(None, description="Model that Ollama has pulled, e.g. `qwen2.5:3b`; none: no hints.")
    host: str | None = Field(
        None, description="Ollama's address; default: `OLLAMA_HOST`, else `http://127.0.0.1:11434`."
    )
    context: Count = Field(
        8192,
        ge=1024,
        le=262_144,
        description="Context window to ask for, in tokens; never more than the model has.",
    )
    threads: Count | None = Field(
        None, ge=1, le=1024, description="CPU threads for the model; default: Ollama's choice."
    )
    seed: Count = Field(
        42, ge=0, description="Seed, so that equal evidence gets equal hints as far as the model allows."
    )
    hint_time_s: Duration = Field(60.0, alias="hint_time", description="Longest time for one hint.")
    run_time_s: Duration = Field(180.0, alias="run_time", description="Longest time for all hints of a run.")
    hints: Count = Field(
        5,
        ge=1,
        le=1000,
        description="Most hints of a run that the model is asked for and that are kept; equal failures share one.",
    )
    lines: Count = Field(
        12,
        ge=1,
        le=40,
        description="Most lines of evidence for one hint: each costs a CPU half a second, and small models read the "
        "first ones alone.",
    )
    about: str = Field(
        "", max_length=2000, description="A few sentences about the product, in your words, for the model."
    )
    screenshot: bool = Field(
        False,
        description="Also send the failing test's screenshot, to a model that takes pictures and runs in no cloud. "
        "What a picture shows cannot be redacted.",
    )
    documents: LocalPath | None = Field(
        None,
        description="Folder of the product's own documents (`.md`, `.rst`, `.txt`): at most two passages that are near "
        "to the failure also go to the model, and the hint names them.",
    )
    documents_model: str | None = Field(
        None, description="Model for the embeddings of `documents`, e.g. `nomic-embed-text`; default: `model`."
    )
    when: Literal["after_run", "offline"] = Field(
        "after_run", description="`after_run`: when the last test has ended; `offline`: only by `failtale analyze`."
    )
    allow_cloud: bool = Field(False, description="Allow models that Ollama forwards to a cloud.")


class GatewaySettings(Section):
    """A FailTale server that holds the SSH keys; instead of `hosts`."""

    url: Url = Field(description="Address of the gateway, e.g. `http://127.0.0.1:5050/mcp`.")
    token_file: PrivateFile | None = Field(None, description="File with the gateway's token.")
    token: Secret | None = Field(None, description="The token itself, instead of `token_file`.")
    connect_timeout_s: Duration = Field(3.0, alias="connect_timeout", description="Longest time to reach the gateway.")
    silence_timeout_s: Duration = Field(
        5.0,
        alias="silence_timeout",
        description="How long a run waits in all for a gateway that takes connections and says nothing.",
    )
    ca_file: ReadableFile | None = Field(
        None, description="Certificates to trust for `https`, instead of the system's."
    )


def _off(value: object) -> object:
    return "off" if value is False else value  # YAML reads a bare off as a boolean


class Config(Section):
    """The whole of `failtale.yaml`."""

    ssh: SshSettings = Field(default_factory=SshSettings, description="How to reach hosts over SSH.")
    salt: SaltSettings | None = Field(None, description="How to reach hosts with `transport: salt`.")
    components: dict[Name, Component] = Field({}, description="The parts of the system under test, by name.")
    inventory: Inventory | None = Field(None, description="Take hosts from an Ansible inventory.")
    hosts: dict[Name, Host] = Field(
        {},
        description="The machines, by name. `web[01:20]` names twenty; `web*` gives values to hosts that are named "
        "elsewhere, here or in `inventory`. What a host's own entry says wins, then the first pattern that fits.",
    )
    variables: dict[Name, Variable] = Field(
        {},
        description="Variables of the tests that may stand as `${NAME}` in `address` and `inside`, in `command`, "
        "`file`, `archive` and `journal` of collectors, in what queries ask, and in parameters of presets: each with "
        "its kind (`DUT: host`) or more.",
    )
    gateway: GatewaySettings | None = Field(None, description="Get the evidence from a FailTale server instead.")
    marks: Annotated[Literal["test", "suite", "off"], BeforeValidator(_off)] = Field(
        "test",
        description="When to note log positions and baselines: at the start of each test, of each suite, or never. "
        "With `off` a green run touches no host. Short tests share a mark: all marks of a run take about 1 % of one "
        "processor at most, also the first ones with their logins: where the tests themselves keep the processor busy, "
        "hosts get theirs one after another, about three seconds apart.",
    )
    limits: Limits = Field(default_factory=Limits, description="The longest and the most that evidence may cost.")
    tags: Tags = Field(default_factory=Tags, description="For which failing tests evidence is collected.")
    bundles: Bundles = Field(default_factory=Bundles, description="Evidence as files.")
    redaction: RedactionSettings = Field(
        default_factory=RedactionSettings, description="What leaves evidence before anything else sees it."
    )
    analysis: AnalysisSettings = Field(default_factory=AnalysisSettings, description="Optional hints by a local model.")
    presets: LocalPaths = Field((), description="Files with presets of your own.")
    history: HistoryPlace | None = Field(
        None,
        description="Where failures of all runs are counted by their cause: a file of SQLite, made with mode 0600, or "
        "`postgresql://user@host/database` (needs `robotframework-failtale[history]`; the password is read from "
        "`PGPASSWORD` or `~/.pgpass`). The card then says how often a cause struck before, and bears the note that "
        "`failtale know` attached to it. None: nothing is kept.",
    )
    message_summary: bool = Field(False, description="Append a one-line summary to the failing test's message.")
    source: Path | None = Field(None, alias="(source)", exclude=True, description="The file it came from.")
    environment: dict[str, SecretStr] = Field(
        {},
        alias="(environment)",
        exclude=True,
        repr=False,
        description="The environment variables that its values came from.",
    )
    notes: tuple[str, ...] = Field(
        (), alias="(notes)", exclude=True, description="What its file says that is not followed, a sentence each."
    )
    warnings: tuple[str, ...] = Field(
        (),
        alias="(warnings)",
        exclude=True,
        description="What is followed and better done otherwise, a sentence each; a run says it once.",
    )

    def ssh_for(self, host: str) -> SshSettings:
        """`ssh` with this host's own values on top."""
        overrides = self.hosts[host].ssh.model_dump(exclude_none=True)
        return self.ssh.model_copy(update=overrides)

    def collectors_for(self, host: str) -> tuple[tuple[str, Collector], ...]:
        """(component, collector) pairs of one host, in the order of the configuration.

        A collector that two components of the host share runs once, for the first of them.
        """
        pairs: dict[str, tuple[str, Collector]] = {}
        for name in self.hosts[host].component:
            for collector in self.components[name].collectors:
                pairs.setdefault(collector.name, (name, collector))
        return tuple(pairs.values())

    def inside_for(self, host: str, collector: Collector) -> tuple[str, ...]:
        """The prefix behind which a collector runs on a host; empty: on the machine itself."""
        return self.hosts[host].inside if collector.inside is None else collector.inside

    def places_of(self, host: str) -> dict[tuple[str, ...], tuple[Collector, ...]]:
        """Prefix -> the collectors of a host that run behind it, in the order of the configuration."""
        places: dict[tuple[str, ...], list[Collector]] = {}
        for collector in (each for _, each in self.collectors_for(host) if each.query is None):
            places.setdefault(self.inside_for(host, collector), []).append(collector)
        return {inside: tuple(collectors) for inside, collectors in places.items()}


def is_named_like_a_secret(name: str) -> bool:
    """Whether a variable's name says that its value is a secret."""
    return _NAMED_LIKE_A_SECRET.search(name) is not None


def secret_values_of(config: Config) -> tuple[str, ...]:
    """Every secret that the configuration knows, for the redactor: secret fields, and variables named like secrets."""
    named = (value for name, value in config.environment.items() if _NAMED_LIKE_A_SECRET.search(name))
    values = (secret.get_secret_value() for secret in (*_secrets_in(config), *named))
    return tuple(dict.fromkeys(value for value in values if value))


def _secrets_in(value: object) -> Iterator[SecretStr]:
    if isinstance(value, SecretStr):
        yield value
    elif isinstance(value, Section):
        for name in type(value).model_fields:
            if name != "environment":  # most of it is no secret
                yield from _secrets_in(getattr(value, name))
        if isinstance(value, Query):
            yield from map(SecretStr, value.secret_forms)
    elif isinstance(value, (tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _secrets_in(item)
