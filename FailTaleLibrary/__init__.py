"""FailTale: what every component of the system under test was doing while a test failed.

The face of the package: `FailTaleLibrary` (the Robot Framework library) and ``__version__``. Nothing heavy is imported
until the library class is asked for, so that pytest and the engine never load Robot Framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from FailTaleLibrary.keywords import FailTaleLibrary as FailTaleLibrary

__version__ = "0.1.0"
__all__ = ["FailTaleLibrary", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "FailTaleLibrary":
        from FailTaleLibrary.keywords import FailTaleLibrary  # Robot Framework is wanted only by its own faces

        return FailTaleLibrary
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
