"""`import paramiko` for a third of its price: what nobody here needs of it is loaded when somebody does."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import threading
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

_importing = threading.Lock()


def load_paramiko() -> None:
    """Import it, where nobody has.

    paramiko (5.1) imports invoke for one keyword of its own reader of ssh_config, `Match exec`; and with invoke come
    asyncio, argparse and unittest.mock. It imports importlib.metadata, and with it email and zipfile, to learn its own
    version. Until more of these is wanted, stand-ins take their places.
    """
    with _importing, contextlib.ExitStack() as stack:
        if "paramiko" not in sys.modules:
            for stand_in in (_Deferred("invoke"), _OwnVersion("importlib.metadata")):
                stack.enter_context(stand_in)
        import_module("paramiko")


class _Deferred(ModuleType):
    """A module that is imported when something of it is wanted; whoever imports it meanwhile notices no difference."""

    def __enter__(self) -> None:
        if self.__name__ not in sys.modules and importlib.util.find_spec(self.__name__) is not None:
            sys.modules[self.__name__] = self
            package, _, name = self.__name__.rpartition(".")
            if package:  # stays there: who imported it meanwhile looks for it there, and whoever imports it replaces it
                setattr(sys.modules[package], name, self)

    def __exit__(self, *_: object) -> None:
        self.step_aside()

    def __getattr__(self, name: str) -> Any:
        self.step_aside()
        return getattr(import_module(self.__name__), name)

    def step_aside(self) -> None:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


class _OwnVersion(_Deferred):
    """A deferred importlib.metadata, which reads a package's version in the name of the folder beside it."""

    def version(self, package: str) -> str:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin:
            folders = [each.stem for each in Path(spec.origin).parent.parent.glob(f"{package}-*.dist-info")]
            if len(folders) == 1:  # of several nobody knows which one it is
                return folders[0].partition("-")[2]
        return str(self.__getattr__("version")(package))
