"""Declared fields: what fits becomes a value, what does not is told all at once and without the value."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from FailTaleLibrary.records import Redaction, Window
from FailTaleLibrary.schema import AfterValidator, Field, Model, SecretStr, ValidationError

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=timezone.utc)


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("is odd")
    return value


class Door(Model):
    name: str
    width: int = Field(80, ge=60, le=120, alias="wide")


class House(Model):
    street: str
    floors: Annotated[int, AfterValidator(_even)] = 2
    kind: Literal["hut", "villa"] = "hut"
    rent: float | None = None
    doors: tuple[Door, ...] = ()
    keys: dict[str, Door] = Field({})
    alarm: SecretStr | None = None
    plan: Path | None = None
    built: datetime | None = None
    is_new: bool = False


def refused(data: object, model: type[Model] = House) -> dict[str, str]:
    """Place -> kind of each mistake."""
    with pytest.raises(ValidationError) as error:
        model.model_validate(data)
    return {".".join(map(str, each.location)): each.kind for each in error.value.refusals}


def test_all_mistakes_are_told_at_once_with_their_places() -> None:
    data = {
        "floors": 3,
        "kind": "castle",
        "rent": "much",
        "doors": [{"name": "front"}, {"name": 7, "wide": 200}, "back"],
        "keys": {"a": {"name": "x", "color": "red"}},
        "plan": 5,
        "built": "2026-11-26T12:00:00",
        "is_new": "perhaps",
        "garden": True,
    }
    assert refused(data) == {
        "street": "missing",
        "floors": "value_error",
        "kind": "literal_error",
        "rent": "float_type",
        "doors.1.name": "string_type",
        "doors.1.wide": "less_than_equal",
        "doors.2": "model_type",
        "keys.a.color": "extra_forbidden",
        "plan": "path_type",
        "built": "datetime_type",
        "is_new": "bool_type",
        "garden": "extra_forbidden",
    }


def test_a_time_needs_its_zone() -> None:
    assert refused({"start": NOON, "end": NOON.replace(tzinfo=None)}, Window) == {"end": "timezone_aware"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-26T12:00:00Z", NOON),
        ("2026-11-26T12:00:00.5Z", NOON + timedelta(seconds=0.5)),
        ("2026-11-26T14:00:00.123456789+02:00", NOON + timedelta(microseconds=123456)),
    ],
)
def test_times_are_read_with_any_fraction_and_zone(written: str, read: datetime) -> None:
    assert House(street="x", built=written).built == read


@pytest.mark.parametrize("written", ["2026-13-26T12:00:00Z", "2026-11-26T12:00:00+99:00", "yesterday", "", 5, True])
def test_what_is_no_time_is_refused(written: object) -> None:
    assert refused({"street": "x", "built": written}) == {"built": "datetime_type"}


def test_texts_of_numbers_and_truths_count_as_such_because_variables_are_texts() -> None:
    house = House.model_validate({"street": "x", "floors": " 4 ", "rent": "1.5", "is_new": "Yes"})
    assert (house.floors, house.rent, house.is_new) == (4, 1.5, True)
    assert refused({"street": "x", "floors": "4.5"}) == {"floors": "int_type"}
    assert refused({"street": "x", "floors": "4" * 5000}) == {"floors": "int_type"}


def test_a_name_counts_in_python_and_not_in_a_file() -> None:
    assert Door(name="x", width=90) == Door(name="x", wide=90)
    with pytest.raises(ValidationError):
        Door.model_validate({"name": "x", "width": 90}, by_name=False)


def test_no_message_of_a_refusal_holds_the_value() -> None:
    with pytest.raises(ValidationError) as error:
        House.model_validate({"street": "x", "rent": "tr0mbone", "alarm": ["tr0mbone"]})
    assert "tr0mbone" not in str(error.value)
    assert (
        "tr0mbone"
        not in repr(House(street="x", alarm="tr0mbone")) + House(street="x", alarm="tr0mbone").model_dump_json()
    )


def test_values_are_frozen_and_equal_by_what_they_hold() -> None:
    door = Door(name="x")
    with pytest.raises(AttributeError, match="frozen"):
        door.name = "y"
    assert {door, Door(name="x"), door.model_copy(update={"name": "y"})} == {Door(name="x"), Door(name="y")}
    assert door != Redaction(rule="x", count=80)


def test_defaults_are_not_shared() -> None:
    assert House(street="a").keys is not House(street="b").keys


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "\\ud800"}',
        '{"name": "x", "wide": ' + "9" * 5000 + "}",
        "[" * 100_000,
        "not json",
        "",
        "[]",
        "null",
        b'\xff{"name": "x"}',
        '{"name": "x"}'.encode("utf-16"),
    ],
    ids=lambda text: repr(text)[:20],
)
def test_json_that_is_none_of_ours_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValidationError):
        Door.model_validate_json(text)


def test_pairs_of_surrogates_are_one_character() -> None:
    assert Door.model_validate_json('{"name": "\\ud83d\\ude80"}').name == "🚀"


def test_json_has_no_number_that_json_does_not_know() -> None:
    written = House(street="x", rent=float("nan")).model_dump_json()
    assert json.loads(written, parse_constant=pytest.fail)["rent"] is None


@given(
    street=st.text(st.characters(exclude_categories=["Cs"])),
    rent=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    built=st.none() | st.datetimes(timezones=st.just(timezone.utc)),
    doors=st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.integers(60, 120)), max_size=4),
)
def test_any_value_survives_json(street: str, rent: Any, built: Any, doors: list[tuple[str, int]]) -> None:
    house = House(
        street=street, rent=rent, built=built, doors=tuple(Door(name=name, width=width) for name, width in doors)
    )
    written = {**house.model_dump(mode="json"), "doors": [{"name": n, "wide": w} for n, w in doors]}
    assert House.model_validate_json(json.dumps(written)) == house
    assert House.model_validate(house.model_dump()) == house


# --- Values that are what they ought to be need no check --------------------------------------------------------------


class Plain(Model):
    name: str
    count: int = 0
    share: float | None = None
    kind: Literal["hut", "villa"] = "hut"
    texts: tuple[str, ...] = ()
    parts: tuple[Redaction, ...] = ()
    first: Redaction | None = None
    even: Annotated[int, AfterValidator(_even)] = 2
    wide: int = Field(80, le=120)
    names: dict[str, str] = Field({})
    at: datetime | None = None


ANYTHING = st.sampled_from(
    [
        *("x", "3", "villa", "castle", "", 1, 2, 3, 500, True, 1.0, 1.5, float("nan"), None, (), [], {}, {"a": "b"}),
        *(("a",), ("a", 1), ["a"], (1.0,), Redaction(rule="r", count=1), (Redaction(rule="r", count=1),), ("r", None)),
        *({"rule": "r", "count": "2"}, ({"rule": "r", "count": 2},), NOON, NOON.replace(tzinfo=None), SecretStr("s")),
    ]
)
NAMES = st.sampled_from([*Plain._declared, "unknown"])


@given(st.dictionaries(NAMES, ANYTHING, max_size=6))
def test_what_is_made_of_values_by_name_is_what_a_check_of_the_same_data_makes(values: dict[str, Any]) -> None:
    made, checked = (outcome(lambda make=make: make(values)) for make in (lambda each: Plain(**each), _checked))
    assert repr(made) == repr(checked)
    if isinstance(made, Plain):
        assert list(made.__dict__) == list(Plain._declared)
        assert [*map(type, made.__dict__.values())] == [*map(type, checked.__dict__.values())]
        assert made.names is not Plain._declared["names"].default


def _checked(values: dict[str, Any]) -> Plain:
    return Plain.model_validate(values)


def outcome(make: Any) -> Any:
    try:
        return make()
    except ValidationError as error:
        return error.refusals
