"""Measures the shape of the code: ``./dev bench measures [ROOT]``, for our package or for another one beside it.

Modules and their lines, the lengths of functions, parameters, nesting, words in names, modules with one importer, and
private functions whose one-word name stands in several modules. Prints a Markdown table, and what stands out.
"""

from __future__ import annotations

import argparse
import ast
import re
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "FailTaleLibrary"
Function = ast.FunctionDef | ast.AsyncFunctionDef
_NESTS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)


@dataclass(frozen=True)
class Module:
    """One source file below a package."""

    name: str
    """Dotted, without the package's own name."""
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    @property
    def functions(self) -> list[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]


def modules_in(root: Path) -> list[Module]:
    """The modules of a package that have content; tests inside of it left out."""
    found = []
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).with_suffix("").as_posix().replace("/", ".")
        text = path.read_text(encoding="utf-8")
        if text.strip() and "test" not in path.parts[len(root.parts) :]:
            found.append(Module(name.removesuffix(".__init__"), text))
    return found


def length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def parameters(function: Function) -> int:
    told = function.args
    return len(told.posonlyargs) + len(told.args) + len(told.kwonlyargs)


def nesting(node: ast.AST, depth: int = 0) -> int:
    """Blocks within blocks; an ``elif`` is no deeper than its ``if``, functions inside of functions count anew."""
    deepest = depth
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, nesting(child, depth + (isinstance(child, _NESTS) and not is_elif)))
    return deepest


def words(name: str) -> int:
    return len(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)) or 1


def names_in(module: Module) -> Iterator[str]:
    """Names of functions, classes and their parameters."""
    for node in ast.walk(module.tree):
        if isinstance(node, (*Function.__args__, ast.ClassDef)) and not node.name.startswith("__"):
            yield node.name.strip("_")


def importers(modules: Iterable[Module], package: str) -> dict[str, set[str]]:
    """Module -> the modules that import it or something of it."""
    known = {module.name for module in modules}
    found: dict[str, set[str]] = defaultdict(set)
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(package):
                base = (node.module or "").removeprefix(package).lstrip(".")
                candidates = [base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)]
                for name in known.intersection(candidates) - {module.name}:
                    found[name].add(module.name)
    return found


def shared_one_word_names(modules: Iterable[Module]) -> dict[str, list[str]]:
    """Private functions with a name of one word -> the modules that have one, where these are several."""
    found: dict[str, set[str]] = defaultdict(set)
    for module in modules:
        for function in module.functions:
            if function.name.startswith("_") and not function.name.startswith("__") and words(function.name) == 1:
                found[function.name].add(module.name)
    return {name: sorted(places) for name, places in sorted(found.items()) if len(places) > 1}


def percentile(values: list[int], share: float) -> int:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def row(root: Path) -> str:
    modules = modules_in(root)
    lines = [module.lines for module in modules]
    functions = [function for module in modules for function in module.functions]
    lengths = [length(function) for function in functions]
    names = [words(name) for module in modules for name in names_in(module)]
    cells = [
        root.name,
        str(len(modules)),
        f"{sum(lines):,}",
        f"{1000 * len(modules) / sum(lines):.1f}",
        f"{statistics.median(lines):.0f}/{percentile(lines, 0.9)}",
        f"{statistics.median(lengths):.0f}/{percentile(lengths, 0.9)}/{max(lengths)}",
        str(max(map(parameters, functions))),
        str(max(map(nesting, functions))),
        f"{statistics.mean(names):.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


HEAD = (
    "| package | modules | lines | modules per 1,000 lines | module lines, median/p90 | function lines, median/p90/max "
    "| parameters max | nesting max | words per name |\n|" + " --- |" * 9
)


def details(root: Path) -> Iterator[str]:
    modules = modules_in(root)
    by_name = importers(modules, root.name)
    single = [f"{name} ({next(iter(by_name[name]))})" for name in sorted(by_name) if len(by_name[name]) == 1]
    yield f"{sum(module.lines < 60 for module in modules)} modules have fewer than 60 lines."
    yield f"{len(single)} modules have exactly one importer: {', '.join(single)}."
    counted = Counter(words(name) for module in modules for name in names_in(module))
    yield (
        "Names by number of words: "
        + ", ".join(f"{count} of {number}" for number, count in sorted(counted.items()))
        + "."
    )
    shared = shared_one_word_names(modules)
    yield f"{len(shared)} private functions of one word stand in several modules" + (":" if shared else ".")
    for name, places in shared.items():
        yield f"  {name}: {', '.join(places)}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roots", nargs="*", type=Path, default=[ROOT], help="folders of packages; default: our own")
    roots = parser.parse_args().roots
    print(HEAD)
    for root in roots:
        print(row(root.resolve()))
    for line in details(roots[0].resolve()):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
