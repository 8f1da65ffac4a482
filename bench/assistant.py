"""What an assistant must read until the cause of a failure has been on its screen, beside the printed report.

    python -m bench.assistant [--again DIR ...] [--demo OUTPUT] [--half design | blind] [--each]

For every failure of the demo and of `bench.faults` a fixed triage is played over MCP: list_failures, analyze_failure of
the failure, one search_evidence for common words of trouble; it ends when a line that the labels call the cause has
been in an answer. It is counted for a client that passes on the text of an answer, and for one that passes on its
structured content alone. A failure's server knows nine others of the same set, as after a night's run.

``--again`` reads bundles that `bench.faults --keep DIR` left, ranked anew; without it the faults are played, which
takes half an hour. ``--demo`` reads an output.xml of the demo; without it the demo is run. Failure by failure
(``--each``) only the demo and the design half of the faults are told.

Tokens are those of SmolLM2's tokenizer, where the small model of `utest/small_model.py` is installed; it takes each
digit for one. Else a token is four characters, which is said.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

from mcp import Client  # noqa: E402
from small_model import SmallModel, weights  # noqa: E402

from bench.faults.__main__ import measure, played_again  # noqa: E402
from bench.faults.faults import FAULTS, Cause  # noqa: E402
from bench.faults.mistakes import PARALLEL  # noqa: E402
from bench.faults.results import Played  # noqa: E402
from FailTaleLibrary.archive import reports_in  # noqa: E402
from FailTaleLibrary.demo import run_demo  # noqa: E402
from FailTaleLibrary.demo.failures import DEMO_FAILURES  # noqa: E402
from FailTaleLibrary.mcp_server import build_server  # noqa: E402
from FailTaleLibrary.mcp_server.store import Store, StoredFailure  # noqa: E402
from FailTaleLibrary.records import Item, Report  # noqa: E402
from FailTaleLibrary.rendering import to_text  # noqa: E402

NIGHT = 10
"""Failures that one server knows."""
TROUBLE = "error|fatal|fail|denied|refused|killed|timed out|exception|cannot|unable|no space"
"""The one search: words that anybody would look for."""
STEPS = ("list", "analyze", "search", "never")
_AROUND = 12
"""Characters beside what a label's pattern found, by which a line is known again."""


@dataclass(frozen=True, slots=True)
class Case:
    """A failure and the lines that a human would call its cause."""

    group: str
    report: Report
    causes: tuple[Cause, ...]

    @property
    def marks(self) -> frozenset[str]:
        """Words of the lines of the cause, each of which shows that its line is on the screen."""
        return frozenset(mark for item in self.report.evidence.items for mark in self._marks_of(item))

    def _marks_of(self, item: Item) -> Iterator[str]:
        for cause in self.causes:
            if (cause.host, cause.collector) == (item.host, item.collector):
                for line in (*item.lines, *item.changes, *item.stderr.splitlines()):
                    if found := cause.pattern.search(line):
                        yield " ".join(line[max(0, found.start() - _AROUND) : found.end() + _AROUND].split())


@dataclass(frozen=True, slots=True)
class Half:
    """What one client passes on to its model until the cause was on its screen."""

    step: str
    calls: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case: both halves of the answers, and the printed report."""

    case: Case
    text: Half
    structured: Half
    printed: int
    printed_until: int | None
    """Tokens up to the cause; None when the report does not show it."""


# --- The triage ------------------------------------------------------------------------------------------------------


async def triages(cases: Sequence[Case]) -> list[Outcome]:
    """The cases of one night, whose failures one server knows."""
    store = Store()
    for case in cases:
        store.put(StoredFailure(case.report))
    async with Client(build_server(store, None)) as client:
        return [await _triage(client, case) for case in cases]


async def _triage(client: Client, case: Case) -> Outcome:
    failure_id = case.report.failure.id
    search = {"failure_id": failure_id, "regex": TROUBLE, "context": 1}
    calls = (("list_failures", {}), ("analyze_failure", {"failure_id": failure_id}), ("search_evidence", search))
    texts, structures = [], []
    for tool, arguments in calls:
        result = await client.call_tool(tool, arguments)
        assert not result.is_error, result
        texts.append("\n".join(getattr(part, "text", "") for part in result.content))
        structures.append(json.dumps(result.structured_content, ensure_ascii=False))
    printed = to_text(case.report)
    until = _until(printed, case.marks)
    return Outcome(
        case,
        _read(texts, case.marks),
        # a model reads JSON's escapes as what they stand for
        _read(structures, case.marks, seen=lambda text: text.replace("\\n", "\n").replace('\\"', '"')),
        tokens(printed),
        tokens(until) if until is not None else None,
    )


def _read(answers: Sequence[str], marks: frozenset[str], *, seen: Callable[[str], str] = str) -> Half:
    """Answer by answer, until one shows the cause."""
    read = 0
    for number, answer in enumerate(answers, 1):
        read += tokens(answer)
        if _until(seen(answer), marks) is not None:
            return Half(STEPS[number - 1], number, read)
    return Half("never", len(answers), read)


def _until(text: str, marks: frozenset[str]) -> str | None:
    """The text up to the first line that shows the cause; None when none does."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        words = " ".join(line.split())
        if any(mark in words for mark in marks):
            return "\n".join(lines[:number])
    return None


async def definitions() -> int:
    """What the tools say of themselves to every task, of a server without hosts."""
    async with Client(build_server(Store(), None)) as client:
        listed = (await client.list_tools()).tools
        said = [{"name": each.name, "description": each.description, "input": each.input_schema} for each in listed]
        return tokens(json.dumps(said))


# --- Tokens ----------------------------------------------------------------------------------------------------------


@cache
def _small_model() -> SmallModel | None:
    """The model whose tokens are counted; None where it is not installed."""
    return SmallModel() if weights() is not None and find_spec("xllamacpp") else None


@cache
def tokens(text: str) -> int:
    model = _small_model()
    return len(text) // 4 if model is None else model.tokens_of(text)


# --- The failures ----------------------------------------------------------------------------------------------------


def demo_cases(output: Path | None) -> list[Case]:
    with tempfile.TemporaryDirectory(prefix="failtale-demo-") as name:
        if output is None:
            run_demo(Path(name))
        found = {
            each.failure.name: each
            for each in reports_in(output or Path(name) / "output.xml")
            if isinstance(each, Report)
        }
    return [
        Case("demo", found[each.test], (Cause(each.host, each.collector, re.compile(re.escape(each.cause))),))
        for each in DEMO_FAILURES
    ]


def fault_cases(again: Sequence[Path], half: str | None) -> list[Case]:
    faults = [each for each in (*FAULTS, *PARALLEL) if half is None or each.is_blind == (half == "blind")]
    if again:
        played = {each.fault.name: each for folder in again for each in played_again(faults, folder)}
    else:
        with tempfile.TemporaryDirectory(prefix="failtale-faults-", ignore_cleanup_errors=True) as name:
            folder = Path(name).resolve()
            folder.chmod(0o711)
            (folder / "bundles").mkdir()
            played = {each.fault.name: each for each in measure(faults, folder, folder / "bundles")}
    return [_case_of(each) for each in played.values() if each.fault.causes]


def _case_of(played: Played) -> Case:
    report = played.report.model_copy(update={"analysis": played.analysis})
    return Case("blind half" if played.fault.is_blind else "design half", report, played.fault.causes)


# --- What is printed -------------------------------------------------------------------------------------------------


def tables(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "| failures | read by | on screen after list / analyze / search / never | tokens, median (90 %) | calls |"
    yield "| --- | --- | --- | --- | --- |"
    groups = dict.fromkeys(each.case.group for each in outcomes)
    for group in groups:
        of_group = [each for each in outcomes if each.case.group == group]
        for name, halves in (("text", [e.text for e in of_group]), ("structured", [e.structured for e in of_group])):
            steps = " / ".join(str(sum(half.step == step for half in halves)) for step in STEPS)
            read, calls = [half.tokens for half in halves], statistics.mean(half.calls for half in halves)
            yield f"| {group} ({len(of_group)}) | {name} | {steps} | {_spread(read)} | {calls:.1f} |"
        until = [each.printed_until for each in of_group if each.printed_until is not None]
        whole = _spread([each.printed for each in of_group])
        yield f"| | `failtale show` | shown in {len(until)} | {_spread(until)}; whole {whole} | |"


def _spread(numbers: Sequence[int]) -> str:
    if not numbers:
        return "-"
    return f"{statistics.median(numbers):,.0f} ({sorted(numbers)[int(len(numbers) * 0.9)]:,})"


def rows(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A line a failure, but of the blind half."""
    for each in outcomes:
        if each.case.group != "blind half":
            until = "not shown" if each.printed_until is None else f"{each.printed_until:,}"
            name = each.case.report.failure.tags[0] if each.case.report.failure.tags else each.case.report.failure.name
            yield (
                f"{name[:44]:44} text {each.text.step:7} {each.text.tokens:6,}   structured {each.structured.step:7} "
                f"{each.structured.tokens:6,}   show {until} of {each.printed:,}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--again", type=Path, nargs="*", default=[], metavar="DIR", help="bundles of bench.faults")
    parser.add_argument("--demo", type=Path, metavar="OUTPUT", help="output.xml of the demo; default: it is run")
    parser.add_argument("--half", choices=("design", "blind"), help="of the faults one half only; default: both")
    parser.add_argument("--each", action="store_true", help="a line a failure, too")
    options = parser.parse_args()
    known = [case for case in (*demo_cases(options.demo), *fault_cases(options.again, options.half)) if case.marks]
    outcomes: list[Outcome] = []
    for group in dict.fromkeys(case.group for case in known):
        of_group = [case for case in known if case.group == group]
        for at in range(0, len(of_group), NIGHT):
            outcomes += asyncio.run(triages(of_group[at : at + NIGHT]))
    if options.each:
        print("\n".join([*rows(outcomes), ""]))
    print("\n".join(tables(outcomes)))
    counted = "SmolLM2's tokenizer" if _small_model() else "characters / 4"
    print(f"\nThe tools' definitions: {asyncio.run(definitions()):,} tokens, once a task.")
    print(f"Tokens by {counted}. Failures whose evidence holds no line of the cause are left out.")


if __name__ == "__main__":
    main()
