"""``failtale prepare-host``: the configuration -> what an administrator runs on a host, printed or run."""

from __future__ import annotations

import argparse
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from FailTaleLibrary.cli.options import Commands, configuration, status_1, with_config, with_values, with_variables
from FailTaleLibrary.config import Config, SshSettings
from FailTaleLibrary.config.model import SshOverrides
from FailTaleLibrary.errors import ConfigError, TransportError
from FailTaleLibrary.text import decode

if TYPE_CHECKING:
    from FailTaleLibrary.gate.account import Account

_RUN_S = 120.0
_ANSWER_BYTES = 64 * 1024
_UNREACHABLE = 1


def add_command(commands: Commands) -> None:
    prepare = commands.add_parser(
        "prepare-host",
        parents=[with_config(), with_variables()],
        help="print, or run, what gives a host an account that can do what FailTale asks and nothing else",
        epilog=status_1("it did not end well on a host"),
    )
    prepare.add_argument("hosts", nargs="+", metavar="HOST")
    prepare.add_argument("--account", metavar="NAME", default=None, help="default: ssh.user, else failtale")
    prepare.add_argument("--key", metavar="FILE", type=Path, help="the runner's public key (default: of ssh.key)")
    prepare.add_argument("--ca", metavar="FILE", type=Path, help="public key of who signs runners' keys")
    prepare.add_argument(
        "--from", metavar="ADDRESSES", dest="allowed_from", help="from where (default: this machine's address; any: *)"
    )
    prepare.add_argument("--undo", action="store_true", help="take away what was made")
    prepare.add_argument(
        "--run", action="store_true", dest="is_run", help="run it over SSH instead of printing it, after a yes"
    )
    prepare.add_argument("--login", metavar="USER", help="who may run sudo there, for --run")
    prepare.add_argument("--login-key", metavar="FILE", type=Path, help="private key of that user (default: agent)")
    prepare.add_argument("--yes", action="store_true", help="do not ask before running")
    prepare.set_defaults(run=_run_prepare)


def _run_prepare(options: argparse.Namespace) -> int:
    config = with_values(options, configuration(options), options.hosts)
    scripts = {host: _script_for(host, config, options) for host in dict.fromkeys(options.hosts)}
    if options.is_run:
        if not options.login:
            raise ConfigError("Running needs somebody who may run sudo there; write '--run --login USER'.")
        return max(_run_on(host, script, config, options) for host, script in scripts.items())
    for host, script in scripts.items():
        if len(scripts) > 1:
            print(f"# ---------- for {host} ----------")
        print(script, end="")
    return 0


def _script_for(host: str, config: Config, options: argparse.Namespace) -> str:
    from FailTaleLibrary.gate import gate_of_host  # no other command needs it
    from FailTaleLibrary.gate.account import preparation

    gate = gate_of_host(config, host)
    account = _account_for(host, config, options)
    collectors = [collector for _, collector in config.collectors_for(host)]
    script = preparation(account, gate, collectors, host=host, prefixes=tuple(filter(None, config.places_of(host))))
    if account.certificate_authority:
        script = _with_signing_line(script, account)
    return script.replace('main "$@"\n', "main undo\n") if options.undo else script


def _with_signing_line(script: str, account: Account) -> str:
    """What makes a certificate stands at the script's head, where an administrator reads it."""
    shebang, _, rest = script.partition("\n")
    return f"{shebang}\n# A runner's key is signed by: {account.signing_line('RUNNER_KEY.pub')}\n{rest}"


def _account_for(host: str, config: Config, options: argparse.Namespace) -> Account:
    from FailTaleLibrary.gate.account import Account

    ssh = config.ssh_for(host)
    if options.allowed_from is None:
        allowed_from = _own_address(host, config)
    else:
        allowed_from = "" if options.allowed_from == "*" else options.allowed_from
    key = options.key or (None if options.ca else _public_key_file(ssh))
    return Account(
        name=options.account or ssh.user or "failtale",
        allowed_from=allowed_from,
        public_key=_read_key(key),
        certificate_authority=_read_key(options.ca),
    )


def _with_login(config: Config, host: str, ssh: SshSettings) -> Config:
    """The configuration with another way to log in to a host."""
    as_said = config.hosts[host].model_copy(update={"ssh": SshOverrides()})
    return config.model_copy(update={"ssh": ssh, "hosts": {**config.hosts, host: as_said}})


def _public_key_file(ssh: SshSettings) -> Path | None:
    if ssh.key is None:
        return None
    return ssh.key if ssh.key.suffix == ".pub" else ssh.key.with_name(ssh.key.name + ".pub")


def _read_key(path: Path | None) -> str:
    return "" if path is None else path.expanduser().read_text(encoding="utf-8").strip()


def _own_address(host: str, config: Config) -> str:
    """The address that a host sees this machine under, where nothing is in between; empty when none is known."""
    from FailTaleLibrary.transports.reach import reach_of

    try:
        reach = reach_of(config, host)
        if not reach.is_direct:  # it sees the jump host's
            return ""
        family, kind, protocol, _, where = socket.getaddrinfo(reach.address, reach.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as unconnected:
            unconnected.connect(where)  # sends nothing
            return str(unconnected.getsockname()[0]).partition("%")[0]
    except (OSError, TransportError):
        return ""


# --- Running it


def _run_on(host: str, script: str, config: Config, options: argparse.Namespace) -> int:
    what = "undo this on" if options.undo else "run this on"
    if not options.yes and not _agreed(f"{what} {host} as root, by way of '{options.login}'? [y/N] "):
        print(f"{host}: nothing was done")
        return 0
    try:
        status, said = _said_by(host, script, config, options)
    except TransportError as error:
        print(f"{host}: {error}")
        return _UNREACHABLE
    print(said, end="")
    if status == 0:
        return 0
    print(f"{host}: it did not end well (exit status {status}); run what is printed without --run there as root")
    return _UNREACHABLE


def _agreed(question: str) -> bool:
    print(question, end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _said_by(host: str, script: str, config: Config, options: argparse.Namespace) -> tuple[int | None, str]:
    from FailTaleLibrary.transports import Script
    from FailTaleLibrary.transports.ssh import SshTransport
    from FailTaleLibrary.windows.pipeline import shell_quote

    login = {"user": options.login, "key": options.login_key, "key_passphrase": None, "gate": False}
    ssh = config.ssh_for(host).model_copy(update=login)
    way = SshTransport(host, _with_login(config, host, ssh))
    producer = (
        f"text={shell_quote(script)}\n"
        'if [ "$(id -u)" = 0 ]; then as_root=""; else as_root="sudo -n"; fi\n'
        'printf "%s\\n" "$text" | $as_root sh -s 2>&1\n'
    )
    try:
        result = way.run(Script(producer), timeout_s=_RUN_S, max_bytes=_ANSWER_BYTES, cancel=threading.Event())
    finally:
        way.close()
    return result.exit_status, decode(result.stdout + result.stderr)
