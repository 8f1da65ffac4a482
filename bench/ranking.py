"""Measures the ranking on build logs whose error lines were marked by hand, beside what people do without it.

Usage: ``python bench/ranking.py [DIR]``. Without a folder it measures the made-up logs of `utest/build_logs.py`; else a
folder (or its tar) in the CiDiff format: one folder a case with ``fail.log``, ``pass.log``, ``groundtruth`` and, from a
second annotator, perhaps ``groundtruth2``. The public set of that format is the breakage data set of CiDiff (ISSTA
2025, Apache-2.0). Prints a Markdown table.

- any@k: share of cases with a line that the first annotator marked as error among the first k.
- P@10: share of the first ten lines that are marked so.
- first@k: share of cases whose first line that both annotators marked is among the first k: the onset of the failure.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "utest")]  # so that it runs in a checkout that is not installed

from build_logs import build_logs  # noqa: E402 - utest/build_logs.py

from bench.environment import pip_line  # noqa: E402
from FailTaleLibrary.ranking import rank_lines  # noqa: E402

ANY, FIRST = (1, 3, 5, 10), (5, 10, 20)
_ERROR = re.compile("error", re.IGNORECASE)
_VOLATILE = re.compile(r"\d+|\b[0-9a-f]{7,}\b")


@dataclass(frozen=True, slots=True)
class Case:
    """One failed build with a build that went well; line numbers count from 0."""

    name: str
    failing: list[str]
    passing: list[str] | None
    """None where no build that went well is known."""
    marked: frozenset[int]
    """By the first annotator."""
    onset: int


Method = Callable[[Case], list[int]]


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The folder itself, or a temporary one with what a tar holds."""
    if path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory() as directory, tarfile.open(path) as tar:
        tar.extractall(directory, filter="data")
        yield Path(directory)


def cases_in(directory: Path) -> Iterator[Case]:
    """The cases below a folder, by name, of either format."""
    yield from _cases_of_cidiff(directory)
    for truth in sorted(directory.rglob("ground_truth.json")):
        marked = _critical(json.loads(truth.read_text(encoding="utf-8")))
        if marked:
            yield Case(truth.parent.name, _lines(truth.parent / "raw.log"), None, marked, min(marked))


def _critical(truth: Mapping[str, Any]) -> frozenset[int]:
    """The lines of critical signals that are more than an exit code."""
    signals = [each for each in truth["required_signals"] if each["importance"] == "critical"]
    spans = [span for each in signals if each["type"] != "exit_code" for span in each["evidence_lines"]]
    return frozenset(line - 1 for first, last in spans for line in range(first, last + 1))


def _cases_of_cidiff(directory: Path) -> Iterator[Case]:
    for truth in sorted(directory.rglob("groundtruth")):
        folder = truth.parent
        marked = _marked(truth)
        second = folder / "groundtruth2"
        agreed = marked & _marked(second) if second.exists() else marked
        if marked:
            failing, passing = _lines(folder / "fail.log"), _lines(folder / "pass.log")
            yield Case(folder.name, failing, passing, marked, min(agreed or marked))


def _lines(path: Path) -> list[str]:
    """Lines as the annotators counted them: a carriage return ends one as well."""
    return path.read_text(encoding="utf-8", errors="replace").split("\n")


def _marked(path: Path) -> frozenset[int]:
    """``E 34-45`` and ``E 56``; lines of context (``C``) do not count."""
    marked: set[int] = set()
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        match = re.match(r"E\s*(\d+)(?:-(\d+))?", line)
        if match:
            marked.update(range(int(match[1]) - 1, int(match[2] or match[1])))
    return frozenset(marked)


# --- Methods ---------------------------------------------------------------------------------------------------------


def _tail(case: Case) -> list[int]:
    return [index for index in reversed(range(len(case.failing))) if case.failing[index].strip()]


def _grep_first(case: Case) -> list[int]:
    return [index for index, line in enumerate(case.failing) if _ERROR.search(line)]


def _grep_last(case: Case) -> list[int]:
    return _grep_first(case)[::-1]


def _diff(case: Case) -> list[int]:
    known = {_VOLATILE.sub("#", line) for line in case.passing or ()}
    return [index for index, line in enumerate(case.failing) if line.strip() and _VOLATILE.sub("#", line) not in known]


def _diff_and_grep(case: Case) -> list[int]:
    return [index for index in _diff(case) if _ERROR.search(case.failing[index])]


def _ranking(case: Case) -> list[int]:
    return rank_lines(case.failing, passing=case.passing)


def _ranking_alone(case: Case) -> list[int]:
    return rank_lines(case.failing)


def _drain_novelty() -> Method | None:
    """New templates in the order of their lines, as Drain3 finds them; None when it is not installed."""
    try:
        from drain3 import TemplateMiner  # type: ignore[import-untyped]
        from drain3.template_miner_config import TemplateMinerConfig  # type: ignore[import-untyped]
    except ImportError:
        return None

    def novelty(case: Case) -> list[int]:
        miner = TemplateMiner(config=TemplateMinerConfig())
        for line in case.passing or ():
            miner.add_log_message(line)
        return [index for index, line in enumerate(case.failing) if line.strip() and miner.match(line) is None]

    return novelty


def methods() -> dict[str, Method]:
    """What is compared, by name."""
    named: dict[str, Method] = {
        "tail": _tail,
        "grep -i error, last": _grep_last,
        "grep -i error, first": _grep_first,
        "diff, first": _diff,
        "diff and grep, first": _diff_and_grep,
    }
    drain = _drain_novelty()
    if drain is not None:
        named["Drain3 novelty, first"] = drain
    else:
        print(f"Drain3 is not installed, its row is missing; type:  {pip_line('drain3')}\n")
    return {**named, "FailTale": _ranking, "FailTale without the passing log": _ranking_alone}


# --- Measures --------------------------------------------------------------------------------------------------------


def measures(cases: list[Case], method: Method) -> list[float]:
    """any@…, P@10 and first@… of one method, each 0 to 1."""
    orders = [(case, method(case)) for case in cases]
    found = [[float(bool(case.marked & set(order[:k]))) for case, order in orders] for k in ANY]
    precision = [len(case.marked & set(order[:10])) / 10 for case, order in orders]
    onset = [[float(case.onset in order[:k]) for case, order in orders] for k in FIRST]
    return [sum(column) / len(cases) for column in [*found, precision, *onset]]


def table(cases: list[Case]) -> Iterator[str]:
    """The Markdown table, line by line."""
    yield (
        "| method | "
        + " | ".join([*(f"any@{k}" for k in ANY), "P@10", *(f"first@{k}" for k in FIRST)])
        + " | ms/case |"
    )
    yield "| --- |" + " --- |" * (len(ANY) + len(FIRST) + 2)
    for name, method in methods().items():
        began = time.perf_counter()
        values = measures(cases, method)
        ms = (time.perf_counter() - began) * 1000 / len(cases)
        yield f"| {name} | " + " | ".join(f"{value:.2f}" for value in values) + f" | {ms:.0f} |"


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures the ranking on a folder or tar in the CiDiff format.")
    parser.add_argument("directory", type=Path, nargs="?", metavar="DIR")
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose name matches, for measuring by kind")
    options = parser.parse_args()
    made_up = [Case(log.name, list(log.lines), None, log.causes, min(log.causes)) for log in build_logs()]
    if options.directory is None:
        print(f"{len(made_up)} made-up logs of build tools; name a folder or tar of recorded ones to measure those.\n")
        print("\n".join(table([case for case in made_up if re.search(options.only, case.name)])))
        return 0
    if not options.directory.exists():
        parser.error(f"there is no '{options.directory}'")
    with unpacked(options.directory) as directory:
        cases = [case for case in cases_in(directory) if re.search(options.only, case.name)]
    if not cases:
        parser.error(f"'{options.directory}' holds no case in the format of CiDiff or LogDx-CI.")
    print(f"{len(cases)} cases, {sum(len(case.failing) for case in cases):,} lines.\n")
    for line in table(cases):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
