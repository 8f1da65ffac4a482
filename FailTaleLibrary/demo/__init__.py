"""The demo: a small real shop, an SSH server that leads to its hosts, and a Robot suite of which four tests fail.

Everything runs on loopback, as any user, without a network, and ends with the demo.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["run_demo"]


def run_demo(output_dir: Path | None = None) -> int:
    """Run the demo and leave its log.html in `output_dir` (default: ``failtale-demo`` in the current directory).

    Returns 0 when it worked, that is when just those tests failed that should and the cause of each was collected; 1
    when not, with the reasons on standard error. Raises DemoError when the demo cannot be shown here.
    """
    from FailTaleLibrary.demo.show import show_demo  # each process of the shop imports this package, too

    return show_demo(output_dir or Path("failtale-demo"))
