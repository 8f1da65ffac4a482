"""What is made when it is first used does what the standard library's does."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import re
import subprocess
import sys
from typing import Any, ClassVar

import pytest

from FailTaleLibrary import lazy


def declared(by: Any, **options: bool) -> type:
    """A class with fields of every kind, declared by this module or the standard library's."""

    @by.dataclass(**options)
    class Kind:
        number: int
        words: tuple[str, ...] = ()
        found: list[int] = by.field(default_factory=list)
        unseen: str = by.field(default="", compare=False)
        later: bool = by.field(default=True, init=False)
        shared: ClassVar[int] = 3

        def twice(self) -> int:
            return 2 * self.number

    return Kind


@lazy.dataclass(frozen=True, slots=True)
class Frozen:
    """A value of this module's, which can be pickled."""

    name: str
    at: int = 0


@lazy.dataclass(frozen=True, slots=True)
class Derived(Frozen):
    more: tuple[int, ...] = ()


WAYS = [
    {"frozen": True, "slots": True},
    {"slots": True},
    {"frozen": True},
    {},
    {"frozen": True, "slots": True, "order": True},
    {"frozen": True, "slots": True, "eq": False},
    {"slots": True, "eq": False, "repr": False},
]


def outcome(work: Any) -> object:
    try:
        return work()
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("options", WAYS, ids=lambda options: "+".join(options) or "nothing")
def test_a_class_behaves_as_the_standard_librarys(options: dict[str, bool]) -> None:
    def told_by(kind: type) -> list[object]:
        one, same, other = kind(1, ("a",)), kind(1, ("a",), unseen="x"), kind(2)
        return [
            repr(one) if options.get("repr", True) else "",
            (one == same, one != same, one == other, one == 1),
            outcome(lambda: hash(one) == hash(same)),
            outcome(lambda: (one < other, one <= same, one > other, one >= same)),
            outcome(lambda: setattr(one, "number", 5)) or one.number,
            outcome(lambda: setattr(one, "foreign", 5)) is None,  # with slots, another error
            outcome(lambda: delattr(other, "number")),
            outcome(kind),
            outcome(lambda: kind(1, 2, [], "", False)),
            outcome(lambda: kind(1, nothing=2)),
            (same.found, same.found is kind(1).found, same.later, kind.shared, same.twice()),
            hasattr(one, "__dict__"),
            kind.__match_args__,
            list(inspect.signature(kind).parameters),
            [each.name for each in dataclasses.fields(kind)],
            dataclasses.asdict(same),
            outcome(lambda: copy.copy(same).words),
        ]

    assert told_by(declared(lazy, **options)) == told_by(declared(dataclasses, **options))


def test_methods_are_compiled_when_they_are_first_looked_up() -> None:
    made = lazy.dataclass(frozen=True, slots=True)(type("Kind", (), {"__annotations__": {"name": "str"}}))
    methods = ("__init__", "__eq__", "__hash__")
    assert not [each for each in methods if inspect.isfunction(made.__dict__[each])]
    assert hash(made("a")) == hash(made("a"))
    assert [each for each in methods if inspect.isfunction(made.__dict__[each])] == ["__init__", "__hash__"]


def test_what_a_class_writes_itself_stays() -> None:
    @lazy.dataclass(frozen=True, slots=True)
    class Own:
        name: str

        def __post_init__(self) -> None:
            if not self.name:
                raise ValueError("no name")

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

    assert (repr(Own("a")), Own("a") == Own("b")) == ("own", True)
    assert hash(Own("a")) != hash(Own("b"))
    with pytest.raises(ValueError, match="no name"):
        Own("")


def test_values_are_copied_changed_and_pickled() -> None:
    value = Derived("a", 1, (2,))
    assert lazy.replace(value, at=3) == dataclasses.replace(value, at=3) == Derived("a", 3, (2,))
    assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == value
    assert repr(value) == "Derived(name='a', at=1, more=(2,))"
    assert Frozen("a", 1) != value
    with pytest.raises(TypeError):
        lazy.replace(value, nothing=1)


def test_a_regular_expression_is_compiled_when_it_is_first_used() -> None:
    found = lazy.regex("(?P<word>[a-z]+)")
    wrong = lazy.regex("(")
    assert (found.search("1 ab")["word"], found.pattern, found.groups) == ("ab", "(?P<word>[a-z]+)", 1)
    assert lazy.regex(b"A", re.IGNORECASE).sub(b"x", b"aA") == b"xx"
    assert len({lazy.regex("a"), lazy.regex("a"), lazy.regex("a", re.IGNORECASE), lazy.regex(b"a")}) == 3
    with pytest.raises(re.error):
        wrong.search("")


def test_declaring_loads_no_machinery() -> None:
    program = "import sys; import FailTaleLibrary.lazy; print({'dataclasses', 'inspect'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
