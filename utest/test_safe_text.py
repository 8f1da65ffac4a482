"""No foreign text reaches a record but through the redactor: the type checker refuses it, nothing goes around it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import pytest

import FailTaleLibrary
from FailTaleLibrary import records
from FailTaleLibrary.records import Record, configured_name, derived, derived_texts, our_words

PACKAGE = Path(FailTaleLibrary.__file__).parent
PROJECT = Path(__file__).parent.parent


def test_the_type_checker_reads_the_lines_that_it_has_to_refuse() -> None:
    """mypy itself runs in `./dev lint`: an ignored line that it would take is an error of its own there."""
    settings = (
        (PROJECT / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.mypy]\n")[2].partition("\n[")[0]
    )
    assert "strict = true\n" in settings
    assert "unused_ignores" not in settings
    assert '"utest/raw_texts.py"' in settings
    assert '"$venv/bin/mypy"\n' in (PROJECT / "dev").read_text(encoding="utf-8")
    assert (PROJECT / "utest" / "raw_texts.py").read_text(encoding="utf-8").count("type: ignore[") == 5


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Module and node of each call of a function or method of this name in the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)) if f"{name}(" in source else ():  # to parse all takes seconds
            if isinstance(node, ast.Call) and name_of(node.func) == name:
                yield path.relative_to(PACKAGE).as_posix(), node


def name_of(called: ast.expr) -> str:
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def test_only_the_redactor_and_the_records_themselves_make_safe_text() -> None:
    assert {module for module, _ in calls("SafeText")} == {"records.py", "redaction/redactor.py"}
    casts = [module for module, call in calls("cast") if "SafeText" in ast.unparse(call.args[0])]
    assert casts == []


def test_our_own_words_are_literals_of_the_source() -> None:
    """mypy takes a literal and any other text for the same; pyright tells them apart, and so does this."""
    sentences = [(module, call.args[0]) for module, call in calls("our_words")]
    assert len(sentences) > 20
    foreign = [(module, ast.unparse(words)) for module, words in sentences if not is_literal(words)]
    assert foreign == [("ranking/signals.py", "words")]  # of a row in a file of the package


def is_literal(words: ast.expr) -> bool:
    return isinstance(words, ast.Constant) and isinstance(words.value, str)


TEXT_FIELDS = {
    name
    for kind in vars(records).values()
    if isinstance(kind, type) and issubclass(kind, Record)
    for name, hint in get_type_hints(kind).items()
    if "SafeText" in str(hint)
}
SHORTENS = frozenset({"rendering/fitting.py", "gateway/bounds.py"})
"""They shorten the texts of the record that they get, and know no others."""
OF_CONFIGURATION = {"before", "source", "notes"}
"""Fields of a collector and of the configuration, too; mostly it is those that are copied."""


def test_a_copy_of_a_record_takes_no_text_that_the_type_checker_does_not_see() -> None:
    """`model_copy` takes a dictionary of anything, so only the methods of records may put texts in."""
    assert {"detail", "message", "text", "no_hint_reason"} < TEXT_FIELDS
    copies = [(module, call) for module, call in calls("model_copy") if module not in {"records.py", *SHORTENS}]
    assert copies
    assert [
        (module, key.value)
        for module, call in copies
        for update in call.keywords
        if isinstance(update.value, ast.Dict)
        for key, value in zip(update.value.keys, update.value.values, strict=True)
        if isinstance(key, ast.Constant) and key.value in TEXT_FIELDS - OF_CONFIGURATION
        if ast.unparse(value) not in ("''", "()")
    ] == []


def test_what_is_made_of_safe_texts_is_safe() -> None:
    line = our_words("{} of {} bytes", our_words("orders.log"), 4711)
    assert line == "orders.log of 4711 bytes"
    assert derived(str.upper, line) == "ORDERS.LOG OF 4711 BYTES"
    assert derived_texts(str.split, line) == ("orders.log", "of", "4711", "bytes")


def test_braces_of_a_safe_text_are_no_places_in_a_sentence() -> None:
    assert our_words("it says {}", our_words("{0.__class__}")) == "it says {0.__class__}"


def test_a_sentence_without_parts_keeps_its_braces() -> None:
    assert our_words("write ${NAME}") == "write ${NAME}"


@pytest.mark.parametrize("name", ["web1", "db.primary", "A_b-9"])
def test_a_name_of_the_configuration_can_stand_in_a_sentence(name: str) -> None:
    assert configured_name(name) == name


@pytest.mark.parametrize("name", ["", "two words", "\x1b[2J", "x" * 65, "a/b"])
def test_what_is_no_name_of_the_configuration_can_not(name: str) -> None:
    with pytest.raises(ValueError, match="no name of the configuration"):
        configured_name(name)
