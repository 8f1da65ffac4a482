"""``failtale report``: outputs of Robot Framework and bundles -> one page for the run, and what other tools read."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from FailTaleLibrary import __version__
from FailTaleLibrary.archive import PlacedPointer, Whereabouts, placements_in, read_bundle, rewrite_cards
from FailTaleLibrary.archive.bundles import MANIFEST
from FailTaleLibrary.cli.analyze import make_log
from FailTaleLibrary.cli.options import Commands, status_1
from FailTaleLibrary.cli.printing import unfiltered
from FailTaleLibrary.config import Limits
from FailTaleLibrary.errors import ArchiveError, ConfigError
from FailTaleLibrary.files import write_file
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import Report
from FailTaleLibrary.rendering.run_formats import to_github_annotations, to_github_summary, to_junit, to_lines
from FailTaleLibrary.rendering.run_page import PAGE_NAME, title_of, to_run_page
from FailTaleLibrary.rendering.run_summary import FailureSummary, FallenTest, RunSummary, failure_summary, run_summary
from FailTaleLibrary.screenshots import screenshot_file
from FailTaleLibrary.text import sanitize

GITHUB_SUMMARY = "GITHUB_STEP_SUMMARY"
_OUTPUTS = ("output.xml", "output.json")
_LOG = "log.html"


def add_command(commands: Commands) -> None:
    report = commands.add_parser(
        "report",
        help="one page for a run: failures grouped by cause, on one timeline",
        description="Reads outputs of Robot Framework (also merged ones and pabot's), bundles and folders of bundles.",
        epilog=status_1("a card or a bundle is damaged"),
    )
    report.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="output.xml, output.json, or a folder")
    report.add_argument(
        "--output", type=Path, metavar="FILE", help=f"where the page goes (default: {PAGE_NAME} beside the first PATH)"
    )
    report.add_argument(
        "--log",
        type=Path,
        metavar="FILE",
        help="also make log.html anew of the one PATH, with links to bundles where they are by now",
    )
    report.add_argument("--json", action="store_true", help="print the run's summary as JSON")
    report.add_argument("--junit", type=Path, metavar="FILE", help="write the failures as JUnit XML, for CI servers")
    report.add_argument(
        "--github", action="store_true", help=f"print GitHub annotations; the table goes to ${GITHUB_SUMMARY}"
    )
    report.set_defaults(run=_run_report)


def _run_report(options: argparse.Namespace) -> int:
    if options.log is not None:
        _make_linked_log(options.paths, options.log)
    page = options.output or _folder_of(options.paths[0]) / PAGE_NAME
    rows: list[FailureSummary] = []
    pointers: list[PlacedPointer] = []
    damaged = 0
    for path in options.paths:
        for found in _rows_at(path, page.absolute().parent):
            match found:
                case FailureSummary():
                    rows.append(found)
                case PlacedPointer():
                    pointers.append(found)
                case StaleLog():
                    if options.log is None or not found.log.samefile(options.log):
                        print(f"failtale: {found}", file=sys.stderr)
                case ArchiveError():
                    damaged += 1
                    print(f"failtale: {found}", file=sys.stderr)
    summary = run_summary(_with_fallen(rows, pointers), version=__version__)
    wants_other = options.json or options.github or options.junit is not None
    if options.output is not None or not wants_other:
        _write_file(page, to_run_page(summary))
        said = sys.stderr if options.json or options.github else sys.stdout
        print(f"{title_of(summary)}: {page}", *to_lines(summary), sep="\n  ", file=said)
    _write_others(options, summary)
    return 1 if damaged else 0


def _with_fallen(rows: Iterable[FailureSummary], pointers: Iterable[PlacedPointer]) -> Iterator[FailureSummary]:
    """The rows with the tests that fell with them."""
    fallen: dict[str, dict[FallenTest, None]] = {}
    for pointer in pointers:
        test = FallenTest.model_validate({"name": pointer.test, "test_id": pointer.test_id})
        fallen.setdefault(pointer.failure_id, {})[test] = None
    for row in rows:
        yield row.model_copy(update={"fallen": tuple(fallen.get(row.failure_id, ()))})


def _write_others(options: argparse.Namespace, summary: RunSummary) -> None:
    if options.json:
        print(summary.model_dump_json(indent=2))
    if options.junit is not None:
        _write_file(options.junit, to_junit(summary))
    if options.github:
        print(sanitize(to_github_annotations(summary)), end="", file=unfiltered(sys.stdout))
        target = os.environ.get(GITHUB_SUMMARY)
        if target:
            with Path(target).open("a", encoding="utf-8") as file:
                file.write(to_github_summary(summary))
        else:
            print(to_github_summary(summary), end="")


def _write_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, text)


# --- Reading ---------------------------------------------------------------------------------------------------------


def _folder_of(path: Path) -> Path:
    return path if path.is_dir() else path.parent


@dataclass(frozen=True, slots=True)
class StaleLog:
    """A log.html whose cards do not lead to their bundles: its output was merged or moved after they were drawn."""

    output: Path
    log: Path
    bundles: int

    def __str__(self) -> str:
        """What to type, for a shell."""
        command = shlex.join(["failtale", "report", str(self.output), "--log", str(self.log)])
        links = "the link to 1 bundle leads" if self.bundles == 1 else f"links to {self.bundles} bundles lead"
        return f"In '{self.log}' {links} nowhere; the page's lead there. To make the log anew: {command}"


_Found = FailureSummary | PlacedPointer | StaleLog | ArchiveError


def _rows_at(path: Path, page_folder: Path) -> Iterator[_Found]:
    """The rows of an output file, of a bundle, or of all that a folder holds of either. Raises ArchiveError."""
    if not path.is_dir():
        yield from _rows_of_output(path, page_folder)
        return
    if (path / MANIFEST).is_file():
        yield from _rows_of_bundles([path], page_folder)
        return
    outputs = [path / name for name in _OUTPUTS if (path / name).is_file()]
    bundles = sorted(each.parent for each in path.glob(f"*/{MANIFEST}"))
    if not outputs and not bundles:
        raise ArchiveError(f"'{path}' holds no {' or '.join(_OUTPUTS)} and no bundle; name an output file or a folder.")
    for output in outputs[:1]:
        yield from _rows_of_output(output, page_folder)
    yield from _rows_of_bundles(bundles, page_folder)


def _rows_of_output(path: Path, page_folder: Path) -> Iterator[_Found]:
    folder = path.absolute().parent
    log = _relative(folder / _LOG, page_folder) if (folder / _LOG).is_file() else ""
    whereabouts = Whereabouts.around(path)
    is_output = False
    moved = 0
    try:
        for found in placements_in(path):
            is_output = True
            if isinstance(found, ArchiveError | PlacedPointer):
                yield found
                continue
            row = failure_summary(found.report, test_id=found.test_id, log=log)
            links = {
                "bundle": _link_to_bundle(found.report, folder, page_folder, whereabouts),
                "screenshot": _link_to_screenshot(row.screenshot, folder, page_folder),
            }
            yield row.model_copy(update=links)
            moved += links["bundle"] not in (None, _relative(folder / (found.report.bundle or ""), page_folder))
    except ArchiveError as error:
        if not is_output:
            raise
        yield error
    if moved and log:
        yield StaleLog(path, path.parent / _LOG, moved)


def _link_to_bundle(report: Report, folder: Path, page_folder: Path, whereabouts: Whereabouts) -> str | None:
    """To where the bundle really is: outputs are merged and moved; None where there is none (any more)."""
    if report.bundle is None:
        return None
    bundle = whereabouts.bundle_of(report.failure.id, folder / report.bundle)
    return _relative(bundle, page_folder) if bundle is not None else None


def _link_to_screenshot(path: str | None, folder: Path, page_folder: Path) -> str | None:
    """To a screenshot where it lies below the output's folder; None where it does not (any more)."""
    file = screenshot_file(path, folder) if path else None
    return _relative(file, page_folder) if file else None


def _make_linked_log(paths: Sequence[Path], log: Path) -> None:
    """log.html of an output whose cards lead to bundles wherever these lie; the output stays as it is."""
    if len(paths) != 1:
        raise ConfigError("'--log' is made of one output; name one PATH.")
    path = next((paths[0] / name for name in _OUTPUTS if (paths[0] / name).is_file()), paths[0])
    whereabouts = Whereabouts.around(path)
    log.absolute().parent.mkdir(parents=True, exist_ok=True)

    def link(report: Report) -> str | None:
        return _link_to_bundle(report, path.absolute().parent, log.absolute().parent, whereabouts)

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(path, folder))
        rewrite_cards(copy, lambda report: report, max_bytes=Limits().card_bytes, link=link)
        make_log(copy, log)


def _rows_of_bundles(bundles: Sequence[Path], page_folder: Path) -> Iterator[_Found]:
    for bundle in bundles:
        try:
            row = failure_summary(read_bundle(bundle))
        except ArchiveError as error:
            yield error
            continue
        output_folder = bundle.absolute().parents[1]
        links = {
            "bundle": _relative(bundle.absolute(), page_folder),
            "screenshot": _link_to_screenshot(row.screenshot, output_folder, page_folder),
        }
        yield row.model_copy(update=links)


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
