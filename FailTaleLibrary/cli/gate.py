"""``failtale gate``: the configuration -> the forced command of a host, or of all hosts of a component."""

from __future__ import annotations

import argparse
import sys

from FailTaleLibrary.cli.options import Commands, configuration, with_config, with_values, with_variables
from FailTaleLibrary.errors import ConfigError


def add_command(commands: Commands) -> None:
    gate = commands.add_parser(
        "gate",
        parents=[with_config(), with_variables()],
        help="print the forced command that runs a host's collectors and nothing else",
    )
    gate.add_argument("host", nargs="?", metavar="HOST", help="for this host of the configuration")
    gate.add_argument("--component", metavar="NAME", help="for every host that has this component alone")
    gate.add_argument("--salt", action="store_true", help="the module of a Salt master instead: _modules/failtale.py")
    gate.add_argument(
        "--external-auth", action="store_true", help="what the Salt master must allow the user of salt-api"
    )
    gate.set_defaults(run=_run_gate)


def _run_gate(options: argparse.Namespace) -> int:
    from FailTaleLibrary.gate import gate_of_component, gate_of_host  # no other command needs it

    if options.salt or options.external_auth:
        print(_for_master(options), end="")
        return 0
    if bool(options.host) == bool(options.component):
        raise ConfigError("Name one host, or a component: 'failtale gate web1' or 'failtale gate --component web'.")
    config = with_values(options, configuration(options), [options.host] if options.host else [])
    gate = gate_of_component(config, options.component) if options.component else gate_of_host(config, options.host)
    if gate.left_out:
        names = ", ".join(gate.left_out)
        print(f"left out: {names}: the machine that runs FailTale asks the store, and not this host", file=sys.stderr)
    print(gate.text, end="")
    return 0


def _for_master(options: argparse.Namespace) -> str:
    """For all hosts of the configuration that are minions."""
    from FailTaleLibrary.gate.fleet import external_auth, salt_module  # no other command needs it

    if options.host or options.component or (options.salt and options.external_auth):
        raise ConfigError("'--salt' and '--external-auth' are for all minions at once; write one of them alone.")
    config = with_values(options, configuration(options), [])
    return salt_module(config) if options.salt else external_auth(config)
