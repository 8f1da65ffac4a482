"""`import paramiko` for half of its price: what nobody here needs of it is loaded when somebody does."""

from __future__ import annotations

import importlib.util
import sys
import threading
from importlib import import_module
from types import ModuleType
from typing import Any

_importing = threading.Lock()


def load_paramiko() -> None:
    """Import it, where nobody has.

    paramiko (5.0, `config.py`) imports invoke for one keyword of its own reader of ssh_config, `Match exec`; and with
    invoke come asyncio, argparse and unittest.mock. Until that keyword is read, a stand-in takes invoke's place.
    """
    with _importing:
        if "paramiko" in sys.modules or "invoke" in sys.modules or importlib.util.find_spec("invoke") is None:
            import_module("paramiko")
            return
        stand_in = sys.modules["invoke"] = _Deferred("invoke")
        try:
            import_module("paramiko")
        finally:
            stand_in.step_aside()


class _Deferred(ModuleType):
    """A module that is imported when something of it is wanted; whoever imports it meanwhile notices no difference."""

    def __getattr__(self, name: str) -> Any:
        self.step_aside()
        return getattr(import_module(self.__name__), name)

    def step_aside(self) -> None:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
