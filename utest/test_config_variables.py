"""``%{NAME}`` in texts, as Robot Framework reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from FailTaleLibrary.config.types import Expanded, MissingVariablesError, expand

ENVIRON = {"HOME": "/home/me", "EMPTY": "", "nested": "%{HOME}"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("%{HOME}", "/home/me"),
        ("a%{HOME}b%{HOME}c", "a/home/meb/home/mec"),
        ("%{HOME=/root}", "/home/me"),
        ("%{NO_SUCH=/root}", "/root"),
        ("%{NO_SUCH=}", ""),
        ("%{NO_SUCH=a=b}", "a=b"),
        ("%{NO_SUCH={id}}", "{id}"),
        ("%{EMPTY=other}", ""),
        (r"\%{HOME}", "%{HOME}"),
        (r"\%{NO_SUCH}", "%{NO_SUCH}"),
        ("%{nested}", "%{HOME}"),
        ("%{}", "%{}"),
        ("100%", "100%"),
    ],
)
def test_variables_are_replaced_as_robot_does(text: str, expanded: str) -> None:
    assert expand(text, ENVIRON) == expanded


def test_all_missing_variables_are_named() -> None:
    with pytest.raises(MissingVariablesError) as error:
        expand("%{ONE} %{HOME} %{TWO} %{THREE=3}", ENVIRON)
    assert error.value.names == ("ONE", "TWO")


def test_what_came_from_the_environment_remembers_what_the_file_says() -> None:
    expanded = expand("a %{HOME}", ENVIRON)
    assert isinstance(expanded, Expanded)
    assert (expanded.raw, expanded.is_one_variable) == ("a %{HOME}", False)


@pytest.mark.parametrize(("text", "alone"), [("%{HOME}", True), ("%{HOME=x}", False), (" %{HOME}", False)])
def test_only_a_bare_name_is_one_variable(text: str, alone: bool) -> None:
    expanded = expand(text, ENVIRON)
    assert isinstance(expanded, Expanded)
    assert expanded.is_one_variable is alone


@given(st.text().filter(lambda text: "%{" not in text))
def test_any_text_without_a_variable_stays_as_it_is(text: str) -> None:
    expanded = expand(text, ENVIRON)
    assert expanded == text
    assert not isinstance(expanded, Expanded)
