"""``failtale show``: an output of Robot Framework, a bundle or a failure's id -> its evidence in some format."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from FailTaleLibrary.archive import Whereabouts, read_bundle, reports_in
from FailTaleLibrary.archive.bundles import MANIFEST
from FailTaleLibrary.cli.options import Commands, status_1
from FailTaleLibrary.cli.selection import Selection, add_filters, selection_of, what_there_is
from FailTaleLibrary.cli.terminal import print_report
from FailTaleLibrary.errors import ArchiveError
from FailTaleLibrary.records import Report
from FailTaleLibrary.rendering import FORMATS
from FailTaleLibrary.text import count, shorten

MANY = 5
"""Whole reports of more failures than this nobody reads one after the other."""
MAX_OUTPUTS = 20
"""That are searched for the card of a failure whose bundle is gone."""
_ID = re.compile(r"[0-9a-f]{4,32}")


def add_command(commands: Commands) -> None:
    show = commands.add_parser(
        "show",
        help="print the evidence in an output.xml, an output.json or a bundle, or of one failure by its id",
        description=f"Prints whole reports, or one line a failure where there are more than {MANY}.",
        epilog=status_1("a card is damaged or not FailTale's, or nothing fits the filters"),
    )
    show.add_argument(
        "path",
        metavar="PATH_OR_ID",
        help="output.xml, output.json, the folder of either, of a bundle or of bundles, or how a failure's id begins, "
        "which stands in its card",
    )
    show.add_argument(
        "--in",
        dest="places",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="where bundles are looked for: a folder, or an output beside them (default: the working directory)",
    )
    add_filters(show)
    show.add_argument("--all", action="store_true", help="whole reports, however many there are")
    show.add_argument("--format", choices=FORMATS, help="default: text")
    show.add_argument("--json", action="store_const", const="json", dest="format", help="the same as --format json")
    show.set_defaults(run=_run_show)


def reports_at(path: Path) -> Iterator[Report | ArchiveError]:
    """All reports in an output file of Robot Framework, of a folder of bundles by time, or the one of a bundle.

    What a killed run left of its output gives the reports before the tear, then the error.
    """
    bundles = sorted(each.parent for each in path.glob(f"*/{MANIFEST}")) if path.is_dir() else []
    if bundles and not (path / MANIFEST).is_file():
        yield from _by_time(map(_report_or_damage, bundles))
        return
    if path.is_dir():
        yield read_bundle(path)
        return
    is_output = False
    try:
        for report in reports_in(path):
            is_output = True
            yield report
    except ArchiveError as error:
        if not is_output:
            raise
        yield error


def _report_or_damage(bundle: Path) -> Report | ArchiveError:
    try:
        return read_bundle(bundle)
    except ArchiveError as error:
        return error


def _by_time(found: Iterable[Report | ArchiveError]) -> list[Report | ArchiveError]:
    """Failures as they came; what is damaged last."""
    return sorted(found, key=lambda each: str(each.failure.window.end) if isinstance(each, Report) else "~")


def _output_in(path: Path) -> Path:
    """The output of a folder of results; the path itself where it is no such folder."""
    outputs = (path / name for name in ("output.xml", "output.json"))
    is_results = path.is_dir() and not (path / MANIFEST).exists()
    return next((each for each in outputs if each.is_file()), path) if is_results else path


def _run_show(options: argparse.Namespace) -> int:
    path = Path(options.path)
    if not path.exists() and _ID.fullmatch(options.path.lower()):
        whereabouts = Whereabouts.around(*options.places)
        found: list[Report | ArchiveError] = [_report_with(options.path.lower(), whereabouts)]
        source = whereabouts.folders[0]
    else:
        path = _output_in(path)
        whereabouts = Whereabouts.around(*options.places, path)
        found, source = list(reports_at(path)), path
    for error in found:
        if isinstance(error, ArchiveError):
            print(f"failtale: {error}", file=sys.stderr)
    reports = [each for each in found if isinstance(each, Report)]
    selection = selection_of(options)
    _print_chosen(options, selection, reports, whereabouts, source)
    is_missing = bool(selection) and not any(map(selection.narrowed, reports))
    return 1 if len(reports) < len(found) or is_missing else 0


def _bundles_beside(output: Path) -> Iterator[str]:
    """What to type where a log level, or ``--removekeywords ALL``, left no card, but bundles were written."""
    bundles = Whereabouts([output.parent]).bundles_with("").values() if output.is_file() else ()
    for folder in dict.fromkeys(bundle.parent for bundle in bundles):
        yield f"Bundles of this run, or of others before it: failtale show {shlex.quote(str(folder))}"


def _print_chosen(
    options: argparse.Namespace,
    selection: Selection,
    reports: Sequence[Report],
    whereabouts: Whereabouts,
    source: Path,
) -> None:
    chosen = [narrowed for report in reports if (narrowed := selection.narrowed(report)) is not None]
    if options.format == "json" or (options.format and chosen):
        print(FORMATS[options.format].render_all(chosen))
    elif not chosen:
        print(what_there_is(selection, reports, source))
        for line in () if reports else _bundles_beside(source):
            print(line)
    elif len(chosen) > MANY and not options.all:
        print(_overview(chosen))
    else:
        text = FORMATS["text"].render_all(_with_real_bundles(chosen, whereabouts, source))
        print_report(text)


def _overview(reports: Sequence[Report]) -> str:
    """A line for each failure, and how to see more."""
    width = min(40, max(len(report.failure.name) for report in reports))
    lines = [
        f"{report.failure.id[:8]}  {shorten(report.failure.name, 40):<{width}}  {report.analysis.headline}"
        for report in reports
    ]
    more = "add '--test NAME' for one report, '--all' for all"
    return "\n".join([*lines, f"{count(len(reports), 'failure')}; {more}."])


# --- Bundles, wherever they are ---------------------------------------------------------------------------------------


def _report_with(id_begins: str, whereabouts: Whereabouts) -> Report:
    """The report of the one failure whose id begins so: of its bundle, else of a card. Raises ArchiveError."""
    bundles = whereabouts.bundles_with(id_begins)
    if bundles:
        return read_bundle(bundles[_the_only(id_begins, list(bundles))])
    cards: dict[str, Report] = {}
    for output in whereabouts.outputs[:MAX_OUTPUTS]:
        cards |= {each.failure.id: each for each in _cards_of(output) if each.failure.id.startswith(id_begins)}
    if not cards:
        looked = ", ".join(f"'{folder}'" for folder in whereabouts.folders)
        raise ArchiveError(
            f"No bundle or card of a failure '{id_begins}…' below {looked}; name its folder or its output with '--in'."
        )
    print("failtale: The bundle is gone; this is what its card in the log holds.", file=sys.stderr)
    return cards[_the_only(id_begins, list(cards))]


def _the_only(id_begins: str, ids: Sequence[str]) -> str:
    if len(ids) > 1:
        named = ", ".join(each[:12] for each in sorted(ids)[:5])
        raise ArchiveError(f"{len(ids)} failures have an id that begins with '{id_begins}': {named}; write more.")
    return ids[0]


def _cards_of(output: Path) -> Iterator[Report]:
    """What can be read of a file that may be no output at all."""
    try:
        yield from (each for each in reports_in(output) if isinstance(each, Report))
    except ArchiveError:
        return


def _with_real_bundles(reports: Sequence[Report], whereabouts: Whereabouts, source: Path) -> list[Report]:
    """The reports with their bundles where they lie by now; says which are gone."""
    folder = source if source.is_dir() else source.parent
    located = _locator(whereabouts, source, folder)
    real = [each.model_copy(update={"bundle": located(each)}) for each in reports]
    gone = [each for each, now in zip(reports, real, strict=True) if each.bundle and now.bundle is None]
    if gone:
        names = ", ".join(f"'{each.failure.name}' ({each.failure.id[:8]})" for each in gone[:5])
        more = f" and {len(gone) - 5} more" if len(gone) > 5 else ""
        looked = ", ".join(f"'{each}'" for each in whereabouts.folders)
        print(
            f"failtale: No bundle is left of {names}{more}; looked below {looked}. '--in PATH' names another place.",
            file=sys.stderr,
        )
    return real


def _locator(whereabouts: Whereabouts, source: Path, folder: Path) -> Callable[[Report], str | None]:
    def located(report: Report) -> str | None:
        if report.bundle is None:
            return None
        recorded = source if source.is_dir() and source.name == report.failure.id else folder / report.bundle
        bundle = whereabouts.bundle_of(report.failure.id, recorded)
        return os.path.relpath(bundle) if bundle is not None else None

    return located
