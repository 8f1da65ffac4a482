"""Options of pytest runs in processes of their own: a plugin that a run does not need costs it a part of a second."""

from __future__ import annotations

from importlib.metadata import entry_points


def plugin_is_installed() -> bool:
    """Whether pytest finds our plugin by itself."""
    return any(point.value == "FailTaleLibrary.pytest_plugin" for point in entry_points(group="pytest11"))


def plugin_options(*wanted: str) -> list[str]:
    """``-p`` options of a run with our plugin and, of all others that this machine has, those ``wanted`` alone."""
    others = {point.name for point in entry_points(group="pytest11")} - {"failtale", *wanted}
    unwanted = [option for name in ("cacheprovider", *sorted(others)) for option in ("-p", f"no:{name}")]
    return unwanted if plugin_is_installed() else ["-p", "FailTaleLibrary.pytest_plugin", *unwanted]
