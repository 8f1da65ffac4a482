"""``failtale init``: a few answers or flags, and a look at the hosts -> failtale.yaml, and the lines that come next."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import shlex
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from FailTaleLibrary.cli.check import accept_keys
from FailTaleLibrary.cli.options import Commands
from FailTaleLibrary.config import Config, describe_presets, parse_config
from FailTaleLibrary.config.loader import FILE_NAME, converted
from FailTaleLibrary.doctor.checkup import check
from FailTaleLibrary.doctor.draft import LOCAL, Draft, DraftHost, draft_text, parse_host
from FailTaleLibrary.doctor.findings import Checkup
from FailTaleLibrary.doctor.proposal import HostLook, Proposal, look_script, parse_look, proposals
from FailTaleLibrary.errors import ConfigError, TransportError
from FailTaleLibrary.text import count
from FailTaleLibrary.transports import Connections
from FailTaleLibrary.transports.host_keys import UnknownHostKeyError

_KEYS = ("~/.ssh/failtale", "~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
_LOOK_S = 20.0
_LOOK_BYTES = 256 * 1024


def add_command(commands: Commands) -> None:
    init = commands.add_parser("init", help="write a failtale.yaml for your hosts")
    init.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME=ADDRESS:COMPONENT",
        help="a host, e.g. app1=10.0.0.5:app; also USER@ADDRESS and ADDRESS:PORT:COMPONENT; here=local is this "
        "machine; repeatable",
    )
    init.add_argument("--user", default="", help="login on the hosts")
    init.add_argument("--key", default="", metavar="FILE", help="private key to log in with")
    init.add_argument(
        "--preset",
        action="append",
        default=[],
        metavar="[COMPONENT=]NAME",
        help="collect this preset, from one component or all; repeatable (default: linux)",
    )
    init.add_argument(
        "--from", dest="source", type=Path, metavar="FILE", help="convert a configuration of the original FailTale"
    )
    init.add_argument("--look", action="store_true", help="log in to the hosts, and propose what is worth collecting")
    init.add_argument("--accept-host-keys", action="store_true", help="with --look: as for 'failtale check'")
    init.add_argument("--output", type=Path, default=Path(FILE_NAME), metavar="FILE", help="default: failtale.yaml")
    init.add_argument("--force", action="store_true", help="write over a file that is there")
    init.add_argument("--yes", action="store_true", help="ask nothing")
    init.set_defaults(run=_run_init)


def _run_init(options: argparse.Namespace) -> int:
    if options.output.exists() and not options.force:
        raise ConfigError(f"'{options.output}' is there already; name another with '--output', or add '--force'.")
    if options.source is not None:
        return _convert(options)
    _ask(options)
    if missing := _missing_key(options.key):
        raise ConfigError(missing)
    hosts = tuple(_named_once(map(parse_host, options.host or [f"here={LOCAL}"])))
    draft = Draft(hosts, options.user, options.key, _schema_path())
    draft.collectors = {host.component: list(_by_flags(options.preset, host.component)) for host in hosts}
    config = _parsed(draft, options.output)
    if options.look:
        if options.accept_host_keys:
            accept_keys(config, tuple(config.hosts), yes=options.yes, out=sys.stdout)
        _look(draft, config, options.output)
    _write(options.output, draft_text(draft), force=options.force)
    print(f"Wrote {options.output}: {count(len(hosts), 'host')}, {count(len(draft.collectors), 'component')}.")
    for line in _next_lines(options.output):
        print(line)
    return 0


def _convert(options: argparse.Namespace) -> int:
    if options.host:
        raise ConfigError("'--from' takes the hosts of its file; add others to what it writes.")
    text, notes = converted(options.source)
    _write(options.output, text, force=options.force)
    print(f"Wrote {options.output}.")
    for note in notes:
        print(f"- {note}")
    for line in _next_lines(options.output):
        print(line)
    return 0


# --- Questions --------------------------------------------------------------------------------------------------------


def _ask(options: argparse.Namespace) -> None:
    """What no flag says, where somebody is there to say it."""
    if options.host or options.yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(
            "There is no terminal to ask on; name the hosts, e.g. 'failtale init --host app1=10.0.0.5:app --user app', "
            "or add '--yes' for a configuration of this machine."
        )
    print("Which hosts does the product run on? NAME=ADDRESS:COMPONENT, e.g. app1=10.0.0.5:app; an empty line ends.")
    while text := _answer(f"host {len(options.host) + 1}" + ("" if options.host else " (none: this machine)"), ""):
        try:
            parse_host(text)
            options.host.append(text)
        except ConfigError as error:
            print(error)
    if options.host:
        options.user = options.user or _answer("user on the hosts", getpass.getuser())
        usual = next((key for key in _KEYS if Path(key).expanduser().is_file()), "")
        while not options.key and (answer := _answer("private key", usual)):
            if missing := _missing_key(answer):
                print(missing)
            options.key = "" if missing and answer != usual else answer
    options.look = options.look or _answer("look at them now, and propose what to collect? [yes/no]", "yes") == "yes"
    options.accept_host_keys = options.accept_host_keys or bool(options.host and options.look)


def _missing_key(key: str) -> str:
    """What to do about a key that is not there yet; empty where it is, or none is named."""
    if not key or Path(key).expanduser().exists():
        return ""
    line = "ssh-keygen -t ed25519 -N '' -f " + (key if re.fullmatch(r"[\w./~-]+", key) else shlex.quote(key))
    return f"There is no key '{key}' yet; name another one, or make it: {line}"


def _answer(question: str, default: str) -> str:
    try:
        return input(f"{question}{f' [{default}]' if default and '[' not in question else ''}: ").strip() or default
    except EOFError:
        return default


def _named_once(hosts: Iterator[DraftHost]) -> Iterator[DraftHost]:
    seen: set[str] = set()
    for host in hosts:
        if host.name in seen:
            raise ConfigError(f"'{host.name}' names two hosts; write another name before the '='.")
        seen.add(host.name)
        yield host


def _by_flags(presets: Sequence[str], component: str) -> Iterator[Proposal]:
    chosen = [text.rpartition("=")[2] for text in presets if text.rpartition("=")[0] in ("", component)]
    known = {preset.name: preset.description for preset in describe_presets()}
    for name in dict.fromkeys(chosen or ["linux"]):
        yield Proposal(name, _in_short(known.get(name, "")))


def _in_short(description: str) -> str:
    """What a preset shows, without whose."""
    return (description.partition(" - ")[2] or description).rstrip(".")


# --- A look at the hosts ----------------------------------------------------------------------------------------------


def _look(draft: Draft, config: Config, output: Path) -> None:
    """Puts into the draft what the hosts have; what would get nothing goes in as a comment, with the reason."""
    looks = dict(_looks(config))
    for host in draft.hosts:
        look = looks.get(host.name)
        if look is None:
            continue
        entries = draft.collectors[host.component]
        known = {entry.line for entry in entries}
        entries += [each for each in proposals(look) if each.line not in known]
    checkup = check(_parsed(draft, output))
    for host in draft.hosts:
        _leave_out_what_gets_nothing(draft, host, checkup)


def _looks(config: Config) -> Iterator[tuple[str, HostLook]]:
    with closing(Connections(config)) as connections:
        for host in config.hosts:
            try:
                result = connections.transport(host).run(
                    look_script(), timeout_s=_LOOK_S, max_bytes=_LOOK_BYTES, cancel=threading.Event()
                )
            except UnknownHostKeyError as error:
                print(f"{host} was not looked at: its key {error.key} is not known; compare it, and add")
                print("'--accept-host-keys', which shows it and asks.")
            except TransportError as error:
                print(f"{host} was not looked at: {error}")
            else:
                look = parse_look(result)
                print(f"{host}: {', '.join(each.line for each in proposals(look))}")
                yield host, look


def _leave_out_what_gets_nothing(draft: Draft, host: DraftHost, checkup: Checkup) -> None:
    found = next(each for each in checkup.hosts if each.host == host.name)
    if not found.can_be_asked:
        return
    lost = {each.collector: each for each in found.collectors if each.outcome == "cannot"}
    kept = []
    for entry in draft.collectors[host.component]:
        alone = Draft((host,), draft.user, draft.key, collectors={host.component: [entry]})
        names = [each.name for _, each in _parsed(alone, Path(FILE_NAME)).collectors_for(host.name)]
        if all(name in lost for name in names) and len(draft.collectors[host.component]) > 1:
            first = lost[names[0]]
            lines = [line for advice in first.advice for line in advice.lines][:1]
            why = "; ".join([first.said.split(": ")[0], *lines])
            draft.left_out.setdefault(host.component, []).append(Proposal(entry.line, why))
        else:
            kept.append(entry)
    draft.collectors[host.component] = kept


# --- The file ---------------------------------------------------------------------------------------------------------


def _parsed(draft: Draft, output: Path) -> Config:
    """What is written is a configuration: a key that is not there, a preset that is none are told before."""
    return parse_config(draft_text(draft), source=output)


def _schema_path() -> str:
    from FailTaleLibrary.config.json_schema import packaged_schema

    return str(packaged_schema())


def _write(output: Path, text: str, *, force: bool) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        with output.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"'{output}' is there already; add '--force'.") from None


def _next_lines(output: Path) -> Iterator[str]:
    is_found = Path(os.path.abspath(output)) == Path.cwd() / FILE_NAME  # noqa: PTH100 - links stay links
    path = shlex.quote(str(output))
    yield "Next:"
    yield "  failtale check" + ("" if is_found else f" --config {path}")
    yield "  robot --listener FailTaleListener" + (" tests/" if is_found else f":{path} tests/")
    yield f"  pytest --failtale={path} tests/"
