"""What a module declares -> the same, made when it is first used.

`dataclass`, `field` and `replace` do what the standard library's do. There a class with slots that nobody can change
takes half a millisecond to declare, because six methods are compiled for it; a hundred of them were a third of what
FailTale's own modules cost to import. Here a method is compiled when it is first looked up, and most never are. `regex`
makes a regular expression that is compiled when it is first used. `members` is how a room has what lies in its modules
without loading one.

To type checkers these are the standard library's own.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
    from re import compile as regex
else:

    def dataclass(cls: type | None = None, /, **options: bool) -> Any:
        """A class of values; ``frozen``, ``slots``, ``eq``, ``repr`` and ``order`` mean the same as there."""
        if cls is None:
            return lambda cls: _declared(cls, **options)
        return _declared(cls, **options)

    def field(**options: Any) -> Any:
        """A field with more than a type: ``default``, ``default_factory``, ``init``, ``compare``."""
        return _Field(**options)

    def replace(value: Any, /, **changes: Any) -> Any:
        """A copy with other values in some fields."""
        fields = type(value).__fields__.items()
        kept = {name: getattr(value, name) for name, each in fields if each.init and name not in changes}
        return type(value)(**kept, **changes)

    def regex(text: str | bytes, flags: int = 0) -> Any:
        """What `re.compile` returns; a mistake in it shows when it is first used."""
        return _Pattern(text, flags)


__all__ = ["dataclass", "field", "members", "regex", "replace"]
_ABSENT: Any = object()


def members(room: str, modules: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a room whose ``modules`` hold these names: each is loaded when one of them is asked for.

    A room that loads modules of its own holds Python's lock of the room while it waits for that of a module. A thread
    that is the first to ask for the module by its own name holds that lock and waits for the room's; Python ends that
    with an ImportError.
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def member(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(import_module(f"{room}.{homes[name]}"), name)

    return member


class _Field:
    """What is declared of a field beside its type."""

    __slots__ = ("compare", "default", "default_factory", "init")

    def __init__(
        self,
        *,
        default: Any = _ABSENT,
        default_factory: Callable[[], Any] | None = None,
        init: bool = True,
        compare: bool = True,
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.init = init
        self.compare = compare


class _Made:
    """Something of a class that is made when it is first looked up, and then stands in this one's place."""

    def __init__(self, owner: type, name: str, make: Callable[[type], Any]) -> None:
        self._owner = owner
        self._name = name
        self._make = make

    def __get__(self, instance: object, owner: type) -> Any:
        made = self._make(self._owner)
        setattr(self._owner, self._name, made)
        return made.__get__(instance, owner) if callable(made) else made


def _declared(
    cls: Any, *, frozen: bool = False, slots: bool = False, eq: bool = True, repr: bool = True, order: bool = False
) -> Any:
    fields = {name: each for base in reversed(cls.__mro__[1:]) for name, each in _fields_of(base).items()}
    own = [name for name, type_ in cls.__annotations__.items() if not str(type_).startswith("ClassVar")]
    for name in own:
        given = cls.__dict__.get(name, _ABSENT)
        fields[name] = given if isinstance(given, _Field) else _Field(default=given)
    written = {name for name, value in cls.__dict__.items() if (name, value) != ("__hash__", None)}
    if slots:
        cls = _with_slots(cls, own)
    else:
        for name in own:
            if isinstance(cls.__dict__.get(name), _Field):
                _set_default(cls, name, fields[name])
    cls.__fields__ = fields
    cls.__match_args__ = tuple(name for name, each in fields.items() if each.init)  # type: ignore[misc]
    made: dict[str, Callable[[type], Any]] = {"__init__": _init_frozen if frozen else _init}
    made |= {"__repr__": lambda _: _value_shown} if repr else {}
    made |= {"__eq__": _eq} if eq else {}
    made |= {"__hash__": _hash} if eq and frozen else {}
    made |= {f"__{name}__": _ordering(sign) for name, sign in _SIGNS.items()} if order else {}
    for name, make in made.items():
        if name not in written:
            setattr(cls, name, _Made(cls, name, make))
    if eq and not frozen and "__hash__" not in written:
        cls.__hash__ = None
    if frozen:
        cls.__setattr__ = cls.__delattr__ = _refusal_to_change(cls)
    if frozen and slots:  # for copies and pickles
        cls.__getstate__, cls.__setstate__ = _state, _set_state
    cls.__dataclass_fields__ = _Made(cls, "__dataclass_fields__", _fields_of_standard_library)
    return cls


def _fields_of(cls: type) -> dict[str, _Field]:
    fields: dict[str, _Field] = cls.__dict__.get("__fields__", {})
    return fields


def _set_default(cls: type, name: str, field: _Field) -> None:
    if field.default is _ABSENT:
        delattr(cls, name)
    else:
        setattr(cls, name, field.default)


def _with_slots(cls: type, names: list[str]) -> type:
    """A class cannot get slots afterwards: the same once more."""
    inherited = {name for base in cls.__mro__[1:] for name in base.__dict__.get("__slots__", ())}
    slots = tuple(name for name in names if name not in inherited)
    left_out = {*names, "__dict__", "__weakref__"}
    body = {name: value for name, value in cls.__dict__.items() if name not in left_out}
    made = type(cls)(cls.__name__, cls.__bases__, {**body, "__slots__": slots})
    made.__qualname__ = cls.__qualname__
    return made


# --- Methods, each made of its text -----------------------------------------------------------------------------------


def _method_of_text(cls: type, name: str, parameters: str, lines: list[str], known: dict[str, Any]) -> Any:
    """A method; ``known`` are values that its text names."""
    body = "\n".join(f"  {line}" for line in lines or ["pass"])
    text = f"def make({', '.join(known)}):\n def {name}({parameters}):\n{body}\n return {name}"
    module = sys.modules.get(cls.__module__)
    made: dict[str, Any] = {}
    exec(text, module.__dict__ if module else {}, made)  # noqa: S102 - the text is of names that the class declares
    method = made["make"](**known)
    method.__qualname__ = f"{cls.__qualname__}.{name}"
    return method


def _init(cls: Any, *, frozen: bool = False) -> Any:
    parameters, lines = ["self"], []
    known: dict[str, Any] = {}
    for name, each in _fields_of(cls).items():
        value = name
        if each.default_factory is not None:
            known[f"_make_{name}"] = each.default_factory
            known["_absent"] = _ABSENT
            value = f"_make_{name}() if {name} is _absent else {name}" if each.init else f"_make_{name}()"
            parameters += [f"{name}=_absent"] if each.init else []
        elif each.default is not _ABSENT:
            known[f"_default_{name}"] = each.default
            parameters += [f"{name}=_default_{name}"] if each.init else []
            value = name if each.init else f"_default_{name}"
        else:
            parameters.append(name)
        if frozen:
            known["_set"] = object.__setattr__
            lines.append(f"_set(self, {name!r}, {value})")
        else:
            lines.append(f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    method = _method_of_text(cls, "__init__", ", ".join(parameters), lines, known)
    annotations = {name: type_ for base in reversed(cls.__mro__) for name, type_ in _annotations(base).items()}
    method.__annotations__ = {name: annotations[name] for name in cls.__match_args__} | {"return": None}
    return method


def _init_frozen(cls: type) -> Any:
    return _init(cls, frozen=True)


def _annotations(cls: type) -> dict[str, Any]:
    return cls.__annotations__ if "__fields__" in cls.__dict__ else {}


def _values_compared(cls: type, of: str) -> str:
    """A tuple's text: what is compared."""
    return "(" + "".join(f"{of}.{name}, " for name, each in _fields_of(cls).items() if each.compare) + ")"


def _hash(cls: type) -> Any:
    return _method_of_text(cls, "__hash__", "self", [f"return hash({_values_compared(cls, 'self')})"], {})


def _eq(cls: type) -> Any:
    return _comparison(cls, "__eq__", "==")


_SIGNS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def _ordering(sign: str) -> Callable[[type], Any]:
    name = next(name for name, each in _SIGNS.items() if each == sign)
    return lambda cls: _comparison(cls, f"__{name}__", sign)


def _comparison(cls: type, name: str, sign: str) -> Any:
    lines = [
        "if other.__class__ is not self.__class__: return NotImplemented",
        f"return {_values_compared(cls, 'self')} {sign} {_values_compared(cls, 'other')}",
    ]
    return _method_of_text(cls, name, "self, other", lines, {})


@recursive_repr()
def _value_shown(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in type(self).__fields__)
    return f"{type(self).__qualname__}({shown})"


def _refusal_to_change(cls: Any) -> Callable[..., None]:
    """In the place of what would change a value."""

    def refuse(self: object, name: str, *value: object) -> None:
        if type(self) is cls or name in _fields_of(cls):
            from dataclasses import FrozenInstanceError  # loads inspect, 15 ms

            raise FrozenInstanceError(f"cannot {'assign to' if value else 'delete'} field {name!r}")
        (super(cls, self).__setattr__ if value else super(cls, self).__delattr__)(name, *value)

    return refuse


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in type(self).__fields__]


def _set_state(self: Any, state: list[Any]) -> None:
    for name, value in zip(type(self).__fields__, state, strict=True):
        object.__setattr__(self, name, value)


def _fields_of_standard_library(cls: type) -> Any:
    """What `dataclasses.fields`, `replace`, `asdict` and whoever knows their classes look for."""
    import dataclasses

    def given(each: _Field) -> Any:
        default: Any = dataclasses.MISSING if each.default is _ABSENT else each.default
        factory: Any = each.default_factory or dataclasses.MISSING
        return dataclasses.field(default=default, default_factory=factory, init=each.init, compare=each.compare)

    types = {name: type_ for base in reversed(cls.__mro__) for name, type_ in _annotations(base).items()}
    declared = [(name, types[name], given(each)) for name, each in _fields_of(cls).items()]
    made: Any = dataclasses.make_dataclass(cls.__name__, declared, frozen=True)
    return made.__dataclass_fields__


_compiling = threading.Lock()


class _Pattern:
    """A regular expression that is compiled when something of it is wanted."""

    def __init__(self, text: Any, flags: int) -> None:
        self._given = text, flags

    def __getattr__(self, name: str) -> Any:
        with _compiling:  # the threads of ten hosts want it at the same moment
            found = getattr(re.compile(*self._given), name)  # `re` remembers it
        self.__dict__[name] = found
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Pattern) and other._given == self._given

    def __hash__(self) -> int:
        return hash(self._given)

    def __repr__(self) -> str:
        return f"regex({self._given[0]!r})"
