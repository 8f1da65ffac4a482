"""Least privilege: a configuration -> the forced command that holds a host's collectors, and the account that runs it.

`script` makes the gate, one file for a host or a component; `account` makes what an administrator runs there; `fleet`
makes the same for the minions of a Salt master.
"""

from FailTaleLibrary.gate.script import GateScript, gate_of_component, gate_of_host

__all__ = ["GateScript", "gate_of_component", "gate_of_host"]
