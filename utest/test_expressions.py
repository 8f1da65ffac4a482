"""Expressions that are sought by their literals are those that match; what an automaton of all finds is the same."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st
from properties import examples
from redaction_shapes import filled, harmless_lines, secret_lines, text_and_secrets

from FailTaleLibrary.background import once
from FailTaleLibrary.expressions import Expressions, Together
from FailTaleLibrary.literals import literals_of
from FailTaleLibrary.ranking import signals
from FailTaleLibrary.redaction import rules

HERE = Path(__file__).parent
ALWAYS, NEVER = 0, 10**12
"""The work before all expressions are sought by one automaton."""
LINE_CHARS = 2000
LONG = 10_000


# --- Literals of an expression ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "literals"),
    [
        ("Error", [{"error"}]),
        (r"\bkill(?:ed)?\b", [{"kill", "killed"}]),
        ("(?:out of|no) memory", [{"no memory", "out of memory"}]),
        (r"[Pp]assword[ =:]+\S", [{"password"}, {" ", "=", ":"}]),
        (r"gr[ae]y \d+", [{"gray ", "grey "}]),
        (r"ab*c[0-9]+token", [{"token"}, {"a"}, {"c"}]),
        ("colou?r", [{"color", "colour"}]),
        ("(?:x|pass)+word", [{"word"}, {"x", "pass"}]),
        (r"-{4,5}BEGIN (?P<kind>[A-Z ]+)-{4}", [{"begin "}, {"-"}]),
        ("(?i)a{2}bcd", [{"bcd"}, {"a"}]),
        ("a{bc", [{"a{bc"}]),
        (r"\$1\$.+", [{"$1$"}]),
        (r"has\xc5\x82ope", [{"has"}, {"ope"}]),
        (r"one.*two.*three.*four", [{"three"}, {"four"}, {"one"}]),
        ("passé|password", [{"pass", "password"}]),
        ("naïve token", [{"ve token"}, {"na"}]),
        (r"\p{Lu}\pLfoo\x{41}", [{"foo"}]),
    ],
)
def test_an_expression_has_the_literals_that_any_match_of_it_needs(expression: str, literals: list[set[str]]) -> None:
    assert sorted(map(set, literals_of(expression)), key=sorted) == sorted(literals, key=sorted)


@pytest.mark.parametrize(
    "expression",
    ["", "(?:secret)?", "secret|", "x*", r"\d+", r"\Qa.b\E", r"\x41bc", r"(?<name>abc)", "(abc", "abc)", "[abc", "*a"],
)
def test_an_expression_that_may_match_without_a_literal_or_is_not_understood_has_none(expression: str) -> None:
    assert literals_of(expression) == ()


# --- The expressions of the rules and of the signals ------------------------------------------------------------------


def catalogue_patterns() -> list[str]:
    names = ("signals.yaml", "build_signals.yaml", "build_tool_signals.yaml")
    return [pattern for name in names for row in signals.rows_of(name) for pattern in row.patterns]


def keywords_of_rules() -> list[str]:
    searchers = [each for group in rules.searchers_of_lines() for each in group]
    return [keyword for each in (*searchers, *rules.rules_across_lines()) for keyword in each.keywords]


def understood_by_python(expressions: Sequence[str]) -> Iterator[tuple[str, re.Pattern[str]]]:
    for each in expressions:
        try:
            yield each, re.compile(f"(?im:{each})")
        except re.error:  # RE2's dialect
            continue


SIGNALS = list(understood_by_python(catalogue_patterns()))
KEYWORDS = list(understood_by_python(keywords_of_rules()))


@given(st.sampled_from(SIGNALS).flatmap(lambda each: st.tuples(st.just(each[0]), st.from_regex(each[1]))))
@examples(100)
def test_whatever_a_signals_pattern_matches_holds_one_of_its_literals(example: tuple[str, str]) -> None:
    pattern, text = example
    found, possible = sought_in(text, pattern)
    assert possible or not found


@given(st.sampled_from(KEYWORDS).flatmap(lambda each: st.tuples(st.just(each[0]), st.from_regex(each[1]))))
@examples(100)
def test_whatever_a_rules_keyword_matches_holds_one_of_its_literals(example: tuple[str, str]) -> None:
    keyword, text = example
    found, possible = sought_in(text.encode("utf-8", "surrogatepass"), f"(?m){keyword}".encode())
    assert possible or not found


def sought_in(text: str | bytes, expression: str | bytes) -> tuple[bool, bool]:
    """Whether RE2 finds the expression in a text, and whether its literals let it be sought there."""
    options = re2.Options()
    options.case_sensitive = False
    if isinstance(expression, bytes):
        options.encoding = re2.Options.Encoding.LATIN1
    known = literals_of(expression if isinstance(expression, str) else expression.decode())
    sought = Expressions[Any]([known], one=lambda _: None, together=lambda: lambda _: None)
    text = text.encode("utf-8", "backslashreplace").decode() if isinstance(text, str) else text
    return re2.search(expression, text, options) is not None, bool(sought.few_possible_in(text))


def test_few_expressions_of_rules_and_signals_have_to_be_sought_in_every_text() -> None:
    known = [literals_of(each) for each in (*catalogue_patterns(), *keywords_of_rules())]
    assert known.count(()) < 0.02 * len(known)


# --- Both ways find the same ------------------------------------------------------------------------------------------


def recorded_texts() -> Iterator[str]:
    """What hosts, builds and programs said, with and without secrets."""
    for file in (HERE / "build_logs.txt", HERE / "build_logs_later.txt", *sorted((HERE / "presets").rglob("*.txt"))):
        yield file.read_text(errors="replace")
    chance = random.Random(3)
    for file in sorted((HERE.parent / "bench").glob("redaction_blind*.txt")):
        for shape in file.read_text().splitlines():
            yield text_and_secrets(shape.replace("⏎", "\n"), chance)[0]


def made_up_texts() -> Iterator[str]:
    rows = [row for file in rules.FILES for row in rules.rows_of(file)]
    yield from (filled(shape, 4)[0] for row in rows for shape in (*row.hits, *row.misses))
    yield from (line for _, line, _ in secret_lines(4))
    yield from harmless_lines(4)


def in_blocks(texts: Iterator[str]) -> Iterator[str]:
    """Several short texts together, and long ones by themselves: a search of each costs more than its letters."""
    block: list[str] = []
    for text in texts:
        block.append(text)
        if sum(map(len, block)) > LINE_CHARS:
            yield "\n".join(block)
            block = []
    yield "\n".join(block)


def as_messages(texts: Iterator[str]) -> set[str]:
    return {line[:LINE_CHARS] for text in texts for line in text.splitlines()}


def test_few_texts_and_many_are_found_to_hold_the_same_lines_and_searchers() -> None:
    groups = rules.searchers_of_lines()
    few, many = (rules.LinePrefilter(groups, work=work) for work in (NEVER, ALWAYS))
    for text in (*in_blocks(recorded_texts()), *in_blocks(made_up_texts())):
        data = text.encode("utf-8", "surrogatepass")
        lines = many.lines(data)
        assert few.lines(data) == lines, text
        for start, end in lines[::4]:  # the automaton takes a millisecond for each that is unlike all others
            assert few.searchers_for(data[start:end]) == many.searchers_for(data[start:end]), data[start:end]


def test_what_earlier_texts_held_changes_nothing_of_what_is_found_in_the_next() -> None:
    """Known lines, in another order, beside others and with other numbers; each text often enough to be joined."""
    groups, across = rules.searchers_of_lines(), rules.rules_across_lines()
    few, many = (rules.LinePrefilter(groups, work=work) for work in (NEVER, ALWAYS))
    few_across, many_across = (rules.Prefilter(across, rules.set_for, work=work) for work in (NEVER, ALWAYS))
    chance = random.Random(7)
    lines = [line for text in made_up_texts() for line in text.split("\n")]
    for _ in range(25):
        chosen = chance.choices(lines, k=8)
        for _ in range(8):
            chance.shuffle(chosen)
            text = "\n".join(re.sub(r"[0-9]", lambda _: chance.choice("0123456789"), line) for line in chosen)
            data = text.encode("utf-8", "surrogatepass")
            assert few.lines(data) == many.lines(data), text
            assert few_across.searchers_for(data) == many_across.searchers_for(data), text


def test_a_line_that_differs_in_its_numbers_alone_is_not_searched_for_literals_again() -> None:
    index = rules.prefilter().keywords._literals
    first, new = index.owners_in(b"engine-law: 4711 kB of password\nand another line\n")
    again, none_new = index.owners_in(b"and another line\nengine-law: 9023 kB of password\n")
    assert (again, none_new) == (first, 0)
    assert new > 0


def test_few_texts_and_many_are_found_to_hold_the_same_searchers_across_lines() -> None:
    across = rules.rules_across_lines()
    few, many = (rules.Prefilter(across, rules.set_for, work=work) for work in (NEVER, ALWAYS))
    for text in (*in_blocks(recorded_texts()), *in_blocks(made_up_texts())):
        data = text.encode("utf-8", "surrogatepass")
        assert few.searchers_for(data) == many.searchers_for(data), text


def test_few_messages_and_many_hit_the_same_signals() -> None:
    rows = [row for name in ("signals.yaml", "build_signals.yaml") for row in signals.rows_of(name)]
    few, many = (signals.Catalogue(rows, work=work) for work in (NEVER, ALWAYS))
    told = (message for row in rows for message in (*row.hits, *row.misses))
    for message in (*as_messages(recorded_texts()), *told, "\u212aILLED", "pa\u017f\u017fword", "BRO\u212aEN pipe"):
        assert few.rows_in(message) == many.rows_in(message), message
        assert few.numbers_in(message) == many.numbers_in(message), message


def test_once_much_was_searched_all_expressions_are_sought_by_one_automaton() -> None:
    made: list[str] = []

    def together() -> Together:
        made.append("automaton")
        return lambda text: [1] if "b" in text else None

    sought = expressions_for(["a", "b"], once(together))
    assert [list(sought.found_in(text)) for text in ("b", "ab", "c")] == [[1], [0, 1], []]
    assert made == []
    assert [list(sought.found_in(text)) for text in (LONG * "b", "c", "ab")] == [[1], [], [1]]
    assert made == ["automaton"]


def test_a_text_that_is_long_by_itself_is_left_to_the_automaton() -> None:
    assert expressions_for(["a"], lambda: lambda _: [6]).found_in(LONG * "c") == [6]


def expressions_for(letters: list[str], together: Callable[[], Together]) -> Expressions[str]:
    """Each of one letter; `LONG` texts are too much work for them, a few letters are not."""
    work = 60_000
    return Expressions(
        [((each,),) for each in letters], one=lambda n: re2.compile(letters[n]), together=together, work=work
    )
