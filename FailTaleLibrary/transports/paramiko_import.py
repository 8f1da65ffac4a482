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

from FailTaleLibrary import lazy

_importing = threading.Lock()
_SERIALIZATION = "cryptography.hazmat.primitives.serialization"


def load_paramiko() -> None:
    """Import it, where nobody has.

    paramiko (5.1) imports invoke for one keyword of its own reader of ssh_config, `Match exec`; and with invoke come
    asyncio, argparse and unittest.mock. It imports importlib.metadata, and with it email and zipfile, to learn its own
    version; PyNaCl for keys of one type, which are cryptography's here (`ed25519_key`); tempfile, and with it what
    packs files, to serve an agent; inspect to look at a policy. cryptography imports dataclasses for one class.
    Until more of these is wanted, stand-ins take their places.

    What fails, as where a machine has no file descriptors left for a moment, leaves nothing half loaded.
    """
    with _importing, contextlib.ExitStack() as stack:
        if "paramiko" not in sys.modules:
            for stand_in in (
                _Deferred("invoke"),
                _OwnVersion("importlib.metadata"),
                _Deferred("tempfile"),
                _Deferred("inspect"),
                _Deferred("nacl.signing", asker="paramiko.ed25519key", VerifyKey=object),  # for an annotation
                _Deferred("dataclasses", asker=f"{_SERIALIZATION}.ssh", dataclass=_dataclass),
            ):
                stack.enter_context(stand_in)
        known = set(sys.modules)
        try:
            import_module("paramiko")
        except BaseException:
            # Python forgets the package alone: its next import would find modules that it does not name.
            for name in [each for each in sys.modules if each.startswith("paramiko.") and each not in known]:
                del sys.modules[name]
            raise


class _Deferred(ModuleType):
    """A module that is imported when something of it is wanted; whoever imports it meanwhile notices no difference.

    ``asker`` is a module that gets ``substitutes`` in place of what it names so, while it is loaded; what it
    calls later is the real thing.
    """

    def __init__(self, name: str, asker: str = "", **substitutes: object) -> None:
        super().__init__(name)
        self._asker = asker
        self._substitutes = substitutes
        self._is_package = True

    def __enter__(self) -> None:
        if self.__name__ not in sys.modules and (spec := importlib.util.find_spec(self.__name__)) is not None:
            self._is_package = spec.submodule_search_locations is not None
            sys.modules[self.__name__] = self
            package, _, name = self.__name__.rpartition(".")
            if package:  # stays there: who imported it meanwhile looks for it there, and whoever imports it replaces it
                setattr(sys.modules[package], name, self)

    def __exit__(self, *_: object) -> None:
        self._substitutes = {}
        self.step_aside()

    def __getattr__(self, name: str) -> Any:
        if name == "__path__" and not self._is_package:  # `from … import` asks for it
            raise AttributeError(name)
        if name in self._substitutes and sys._getframe(1).f_globals.get("__name__") == self._asker:
            return self._substitutes[name]
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


def _dataclass(cls: type | None = None, /, **options: Any) -> Any:
    """The standard library's where somebody has it already, or more than the least is wanted of it."""
    if cls is None or options or not isinstance(sys.modules.get("dataclasses"), _Deferred):
        return import_module("dataclasses").dataclass(cls, **options)
    return lazy.dataclass(cls)
