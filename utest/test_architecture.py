"""The written architecture is the architecture: floors, rooms, tree and files of docs/architecture.md; and names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import FailTaleLibrary

PACKAGE = Path(FailTaleLibrary.__file__).parent
PROJECT = Path(__file__).parent.parent
PAGE = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")


def contract_floors() -> dict[int, set[str]]:
    """Number and rooms of each floor, as import-linter's contract in pyproject.toml has them."""
    contract = (PROJECT / "pyproject.toml").read_text(encoding="utf-8").partition("layers = [")[2]
    rows = re.findall(r'^  "(.+)",\s+# (\d+)$', contract.partition("\n]")[0], re.MULTILINE)
    return {int(number): set(rooms.split(" | ")) for rooms, number in rows}


def documented_floors() -> dict[int, set[str]]:
    rows = re.findall(r"^\| (\d+) \| (`.+`) \|$", PAGE.partition("## The rooms and their floors")[2], re.MULTILINE)
    return {int(number): set(re.findall(r"`(\w+)`", rooms)) for number, rooms in rows}


def rooms() -> set[str]:
    """Modules and packages that lie directly in the package."""
    modules = {path.stem for path in PACKAGE.glob("*.py")}
    return (modules | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}) - {"__init__"}


def test_the_contract_numbers_its_floors_from_the_highest_down_to_one() -> None:
    assert list(contract_floors()) == list(range(len(contract_floors()), 0, -1))


def test_the_floors_of_the_page_are_those_of_the_contract() -> None:
    assert documented_floors() == contract_floors()


def test_every_room_stands_on_a_floor_and_is_explained() -> None:
    explained = set(re.findall(r"^\| `(\w+)` \| .+ \|$", PAGE, re.MULTILINE))
    assert explained == rooms()
    assert set().union(*contract_floors().values()) == rooms()


def documented_tree() -> dict[str, set[str]]:
    """Room -> its modules, as the block under "The tree" lists them."""
    block = PAGE.partition("## The tree")[2].partition("```\n")[2].partition("\n```")[0]
    rooms: dict[str, set[str]] = {}
    for line in block.splitlines():
        room = "" if line.startswith(" ") else line.split()[0].rstrip("/")
        name = room or list(rooms)[-1]
        rooms.setdefault(name, set()).update(line.split()[1:] if room else line.split())
    return rooms


def actual_tree() -> dict[str, set[str]]:
    tree = {}
    for directory in (path.parent for path in PACKAGE.glob("*/__init__.py")):
        modules = {path.relative_to(directory).with_suffix("").as_posix() for path in directory.rglob("*.py")}
        names = {name.removesuffix("/__init__") for name in modules} - {"__init__"}
        tree[directory.name] = names or {"(scripts", "alone)"}
    return tree


def test_the_tree_of_the_page_is_that_of_the_package() -> None:
    documented, actual = documented_tree(), actual_tree()
    assert documented.keys() == actual.keys()
    assert {room: documented[room] ^ actual[room] for room in actual if documented[room] != actual[room]} == {}


def test_every_file_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`([\w/]+(?:\.py|/))`", PAGE))
    roots = (PACKAGE, PROJECT)
    assert named
    assert [name for name in sorted(named) if not any((root / name).exists() for root in roots)] == []


def test_every_link_of_the_documents_leads_somewhere() -> None:
    documents = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *(PROJECT / "docs").rglob("*.md")]
    links = [(page, link) for page in documents for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))]
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []


# --- Names ------------------------------------------------------------------------------------------------------------


def private_functions() -> Iterator[tuple[str, str]]:
    """Module and name of every private function of a module; a method's name is read with its class.

    What Python itself calls (`__getattr__`) has a name that nobody here has chosen.
    """
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                is_pythons = node.name.endswith("__")
                if node.name.startswith("_") and not is_pythons:
                    yield path.relative_to(PACKAGE).as_posix(), node.name


def test_a_private_function_has_a_name_of_one_word_only_where_no_other_module_has_it() -> None:
    homes: dict[str, list[str]] = {}
    for module, name in private_functions():
        if "_" not in name.strip("_"):
            homes.setdefault(name, []).append(module)
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}
