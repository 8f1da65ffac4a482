"""Report <-> a payload inside Robot's output files, and a bundle on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from FailTaleLibrary import lazy

if TYPE_CHECKING:
    from FailTaleLibrary.archive.bundles import Manifest, read_bundle, read_item, rewrite_bundle, write_bundle
    from FailTaleLibrary.archive.cards import rewrite_all, rewrite_cards, rewritten
    from FailTaleLibrary.archive.outputs import (
        PlacedPointer,
        PlacedReport,
        failed_tests_in,
        placed_reports_in,
        placements_in,
        reports_in,
    )
    from FailTaleLibrary.archive.payload import from_payload, pack, report_in, to_payload, unpack
    from FailTaleLibrary.archive.whereabouts import Whereabouts

__all__ = [
    "Manifest",
    "PlacedPointer",
    "PlacedReport",
    "Whereabouts",
    "failed_tests_in",
    "from_payload",
    "pack",
    "placed_reports_in",
    "placements_in",
    "read_bundle",
    "read_item",
    "report_in",
    "reports_in",
    "rewrite_all",
    "rewrite_bundle",
    "rewrite_cards",
    "rewritten",
    "to_payload",
    "unpack",
    "write_bundle",
]
__getattr__ = lazy.members(
    __name__,
    {
        "bundles": ["Manifest", "read_bundle", "read_item", "rewrite_bundle", "write_bundle"],
        "cards": ["rewrite_all", "rewrite_cards", "rewritten"],
        "outputs": [
            "PlacedPointer",
            "PlacedReport",
            "failed_tests_in",
            "placed_reports_in",
            "placements_in",
            "reports_in",
        ],
        "payload": ["from_payload", "pack", "report_in", "to_payload", "unpack"],
        "whereabouts": ["Whereabouts"],
    },
)
