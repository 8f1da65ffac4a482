"""Declared fields -> values that fit them, or every mistake at once; and back to plain data and JSON.

Configuration and records are declared with it. A class lists its fields with types, and `Field` where there is more to
say; `Model.model_validate` makes it of plain data. Names are pydantic's where the meaning is: that library's import and
its classes cost each run 0.3 s of CPU, also one in which every test passes, so that nothing of it is loaded here. A
class is compiled when it is first used (docs/decisions/dependencies.md).
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    NewType,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from FailTaleLibrary.lazy import dataclass, field, regex

M = TypeVar("M", bound="Model")
T = TypeVar("T")


# --- Mistakes --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refusal:
    """One value that does not fit."""

    kind: str
    """``missing``, ``extra_forbidden``, ``int_type``, ``literal_error``, ``value_error`` …"""
    location: tuple[str | int, ...]
    """Keys and 0-based positions that lead to it; behind a key that is wrong itself stands ``[key]``."""
    value: object = None
    context: Mapping[str, Any] | None = None
    """Of a bound the bound, of a ``literal_error`` what is ``expected``, of a ``value_error`` the ``error``."""

    def __str__(self) -> str:
        """Place and kind, and not the value, which may be a secret."""
        error = (self.context or {}).get("error")
        words = "field required" if self.kind == "missing" else self.kind.replace("_", " ")
        words = words if error is None else str(error)
        return f"{'.'.join(map(str, self.location))}: {words}" if self.location else words


_TOLD, _TOLD_CHARS = 20, 300
"""Refusals in an error's text, and characters of each: a hostile record has as many and as long ones as it likes."""


class ValidationError(ValueError):
    """Data does not fit; `refusals` has every reason. The text names places and kinds of the first, and no value."""

    def __init__(self, refusals: list[Refusal]) -> None:
        self.refusals = tuple(refusals)
        told = [str(refusal)[:_TOLD_CHARS] for refusal in self.refusals[:_TOLD]]
        more = len(self.refusals) - len(told)
        super().__init__("; ".join([*told, *([f"and {more:,} more"] if more else [])]))


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """The value does not fit, which is noted."""


# --- What a declaration is made of ------------------------------------------------------------------------------------

MISSING: Any = type("Missing", (), {"__repr__": lambda _: "MISSING"})()
"""Stands for a default that does not exist."""


@dataclass(slots=True, eq=False, repr=False)
class ValidationInfo:
    """What a validator may ask for beside the value: what was given to `Model.model_validate`."""

    context: object = None


@dataclass(slots=True, eq=False, repr=False)
class BeforeValidator:
    """A function of the raw value, or of it and a `ValidationInfo`; its type is checked afterwards."""

    function: Callable[..., Any]


@dataclass(slots=True, eq=False, repr=False)
class AfterValidator:
    """A function of the value, or of it and a `ValidationInfo`; its type was checked before."""

    function: Callable[..., Any]


class SecretStr:
    """A text that does not show itself."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def get_secret_value(self) -> str:
        return self._secret

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and self._secret == other._secret

    def __hash__(self) -> int:
        return hash(self._secret)

    def __repr__(self) -> str:
        return "SecretStr('**********')"

    def __str__(self) -> str:
        return "**********" if self._secret else ""


_BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "ge": ("greater_than_equal", lambda value, bound: value >= bound),
    "gt": ("greater_than", lambda value, bound: value > bound),
    "le": ("less_than_equal", lambda value, bound: value <= bound),
    "lt": ("less_than", lambda value, bound: value < bound),
    "min_length": ("too_short", lambda value, bound: len(value) >= bound),
    "max_length": ("too_long", lambda value, bound: len(value) <= bound),
}


@dataclass(slots=True)
class FieldInfo:
    """A field as it is declared; its type is known when the class is used for the first time."""

    default: Any = MISSING
    default_factory: Callable[[], Any] | None = None
    alias: str | None = None
    description: str = ""
    bounds: Mapping[str, Any] | None = None
    validate_default: bool = False
    exclude: bool = False
    """From `Model.model_dump`."""
    repr: bool = True
    annotation: Any = None
    """Without what `Annotated` adds."""
    metadata: tuple[Any, ...] = ()
    """What `Annotated` adds."""

    def is_required(self) -> bool:
        return self.default is MISSING and self.default_factory is None

    def bound(self, name: str) -> Any:
        """``ge``, ``le``, ``min_length`` …; None where there is none."""
        return (self.bounds or {}).get(name)


def Field(  # noqa: N802 - the name that readers of models know
    default: Any = MISSING,
    *,
    default_factory: Callable[[], Any] | None = None,
    alias: str | None = None,
    description: str = "",
    validate_default: bool = False,
    exclude: bool = False,
    repr: bool = True,
    **bounds: float,
) -> Any:
    """A field with more than a type: its default, what it is called in YAML, what it means and its ``bounds``."""
    return FieldInfo(default, default_factory, alias, description, bounds, validate_default, exclude, repr)


# --- The base class ---------------------------------------------------------------------------------------------------


class _Fields(Generic[T]):
    """The fields of a class, their types resolved."""

    def __get__(self, _: T | None, owner: type[Model]) -> dict[str, FieldInfo]:
        return _resolved_fields(owner)


class Model:
    """Frozen values of declared fields; unknown names are refused."""

    model_fields: ClassVar[Any] = _Fields()
    _declared: ClassVar[dict[str, FieldInfo]] = {}

    def __init_subclass__(cls) -> None:
        names = [name for name, type_ in cls.__annotations__.items() if not str(type_).startswith("ClassVar")]
        given = ((name, cls.__dict__.get(name, MISSING)) for name in names)
        own = {name: value if isinstance(value, FieldInfo) else FieldInfo(value) for name, value in given}
        cls._declared = {**cls._declared, **own}

    def __init__(self, **values: Any) -> None:
        """Values by name or alias. Raises ValidationError."""
        made = _plainly_made(type(self), values)
        if made is not None:
            self.__dict__.update(made)
            return
        check = _Check(None, by_name=True)
        try:
            self.__dict__.update(check.fields(type(self), cast(dict[Any, Any], self.prepared(values)), ()))
        except _Refused:
            raise ValidationError(check.refusals) from None

    @classmethod
    def model_validate(cls: type[M], data: object, *, by_name: bool = True, context: object = None) -> M:
        """The object that data describes. Raises ValidationError, which has all mistakes.

        ``by_name``: fields that have an alias may bear their name as well. ``context`` is for validators.
        """
        check = _Check(context, by_name)
        try:
            return cast(M, check.model(cls, data, ()))
        except _Refused:
            raise ValidationError(check.refusals) from None

    @classmethod
    def model_validate_json(cls: type[M], data: str | bytes) -> M:
        """The object that a JSON text in UTF-8 describes. Raises ValidationError."""
        try:
            text = data if isinstance(data, str) else data.decode("utf-8")
            values = json.loads(text)
            if _SURROGATE.search(text):
                json.dumps(values, ensure_ascii=False).encode("utf-8")  # half of a pair is no text
        except (ValueError, RecursionError) as error:
            raise ValidationError([Refusal("json_invalid", (), context={"error": type(error).__name__})]) from None
        return cls.model_validate(values)

    @classmethod
    def prepared(cls, data: object) -> object:
        """What is validated in the place of some data."""
        return data

    def model_copy(self: M, *, update: Mapping[str, Any] | None = None) -> M:
        """A copy with other values, which are not checked."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__, **(update or {}))
        return copy

    def model_dump(
        self,
        *,
        mode: Literal["python", "json"] = "python",
        include: Collection[str] | None = None,
        exclude: Collection[str] = (),
        exclude_none: bool = False,
    ) -> dict[str, Any]:
        """Plain data: models become mappings, whatever their depth. ``json``: of what JSON has alone.

        ``include`` and ``exclude`` name fields of this object.
        """
        plain = _plain_json if mode == "json" else _plain_value
        return {
            name: plain(value)
            for name, value in self
            if not self._declared[name].exclude and not (exclude_none and value is None)
            if name not in exclude and (include is None or name in include)
        }

    def model_dump_json(self, *, indent: int | None = None, levels: int = 0) -> str:
        """As JSON, which `model_validate_json` reads; what is secret is not in it.

        ``levels``: so many of them stand in lines of their own, and what is deeper in one line. It is ten times as fast
        as an ``indent``, which goes down to the last number.
        """
        if indent is not None:
            return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=indent)
        return _in_lines(self, levels, "\n")

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return ((name, self.__dict__[name]) for name in self._declared)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} is frozen; use model_copy(update=...)")

    __delattr__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self if self._declared[name].repr)
        return f"{type(self).__name__}({shown})"


def _plain_value(value: Any) -> Any:
    if isinstance(value, Model):
        return value.model_dump()
    if isinstance(value, tuple):
        return tuple(map(_plain_value, value))
    if isinstance(value, dict):
        return {key: _plain_value(each) for key, each in value.items()}
    return value


def _in_lines(value: Any, levels: int, margin: str) -> str:
    if isinstance(value, Model) and levels:
        value = _values_for_json(value)
    if not (levels and value and isinstance(value, (dict, tuple, list))):
        return _compact_json(value)
    deeper = f"{margin} "
    if isinstance(value, dict):
        parts = (f"{_compact_json(str(key))}: {_in_lines(each, levels - 1, deeper)}" for key, each in value.items())
        return f"{{{deeper}{f',{deeper}'.join(parts)}{margin}}}"
    return f"[{deeper}{f',{deeper}'.join(_in_lines(each, levels - 1, deeper) for each in value)}{margin}]"


def _compact_json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_values_for_json, allow_nan=False)
    except ValueError:  # a number that JSON has not
        return json.dumps(_plain_json(value), ensure_ascii=False, separators=(",", ":"))


def _values_for_json(value: Any) -> Any:
    """What stands for one that JSON has not; its parts may be such as well."""
    if isinstance(value, Model):
        return {name: each for name, each in value if not value._declared[name].exclude}
    return _plain_json(value)


def _plain_json(value: Any) -> Any:
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Model):
        return value.model_dump(mode="json")
    if isinstance(value, (tuple, list)):
        return list(map(_plain_json, value))
    if isinstance(value, dict):
        return {key: _plain_json(each) for key, each in value.items()}
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)


_resolved: dict[type[Model], dict[str, FieldInfo]] = {}
_checkers: dict[type[Model], tuple[tuple[str, FieldInfo, _Checker], ...]] = {}


def _resolved_fields(model: type[Model]) -> dict[str, FieldInfo]:
    if model not in _resolved:
        hints = _hints_of(model)
        for name, declared in model._declared.items():
            is_annotated = get_origin(hints[name]) is Annotated
            declared.annotation, *metadata = get_args(hints[name]) if is_annotated else (hints[name],)
            declared.metadata = tuple(metadata)
        _resolved[model] = model._declared
    return _resolved[model]


# --- Checking ---------------------------------------------------------------------------------------------------------

_WHOLE_NUMBER = regex(r"\s*[+-]?[0-9]{1,40}(?:\.0+)?\s*", re.ASCII)
_MOMENT = regex(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_SURROGATE = regex(r"\\u[dD][89a-fA-F]")
_TRUTH = {"1": True, "true": True, "t": True, "yes": True, "y": True, "on": True}
_TRUTH |= {"0": False, "false": False, "f": False, "no": False, "n": False, "off": False}


@dataclass(slots=True)
class _Check:
    """Data against declarations. Each method returns what fits, or raises `_Refused` with all mistakes noted."""

    context: object
    by_name: bool
    refusals: list[Refusal] = field(default_factory=list)

    def model(self, model: type[Model], data: object, at: tuple[str | int, ...]) -> Model:
        if isinstance(data, model):
            return data
        data = model.prepared(data)
        if not isinstance(data, dict):
            raise self._refused("model_type", at, data)
        values = self.fields(model, dict(data), at)
        made = object.__new__(model)
        made.__dict__.update(values)
        return made

    def fields(self, model: type[Model], left: dict[Any, Any], at: tuple[str | int, ...]) -> dict[str, Any]:
        """Values by name; ``left`` is used up."""
        values: dict[str, Any] = {}
        before = len(self.refusals)
        for name, declared, check in _compiled(model):
            key = declared.alias or name
            value = left.pop(key, MISSING)
            if value is MISSING and self.by_name and declared.alias:
                value = left.pop(name, MISSING)
            try:
                if value is not MISSING:
                    values[name] = check(self, value, (*at, key))
                else:
                    values[name] = self._default(declared, check, (*at, key))
            except _Refused:
                continue
        self.refusals += [Refusal("extra_forbidden", (*at, key), value) for key, value in left.items()]
        if len(self.refusals) > before:
            raise _Refused
        return values

    def _default(self, field: FieldInfo, check: _Checker, at: tuple[str | int, ...]) -> Any:
        if field.default_factory is not None:
            return field.default_factory()
        if field.default is MISSING:
            raise self._refused("missing", at)
        if field.validate_default:
            return check(self, field.default, at)
        return dict(field.default) if isinstance(field.default, dict) else field.default

    def _refused(self, kind: str, at: tuple[str | int, ...], value: object = None, **context: Any) -> _Refused:
        self.refusals.append(Refusal(kind, at, value, context))
        return _Refused()

    # What a type accepts; texts of numbers and truths count, because variables of the environment are texts

    def any(self, value: Any, at: tuple[str | int, ...]) -> Any:
        return value

    def text(self, value: Any, at: tuple[str | int, ...]) -> str:
        if not isinstance(value, str):
            raise self._refused("string_type", at, value)
        return value

    def secret(self, value: Any, at: tuple[str | int, ...]) -> SecretStr:
        return value if isinstance(value, SecretStr) else SecretStr(self.text(value, at))

    def whole_number(self, value: Any, at: tuple[str | int, ...]) -> int:
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
            return int(value.partition(".")[0])
        raise self._refused("int_type", at, value)

    def number(self, value: Any, at: tuple[str | int, ...]) -> float:
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            raise self._refused("float_type", at, value) from None

    def truth(self, value: Any, at: tuple[str | int, ...]) -> bool:
        found = _TRUTH.get(str(int(value) if isinstance(value, bool) else value).lower())
        if found is None or not isinstance(value, (bool, int, str)):
            raise self._refused("bool_type", at, value)
        return found

    def moment(self, value: Any, at: tuple[str | int, ...]) -> datetime:
        """A time of a known zone."""
        if isinstance(value, str) and (found := _MOMENT.fullmatch(value)):
            seconds, fraction, zone = found.groups()
            with contextlib.suppress(ValueError):
                zone = "+00:00" if zone in "Zz" else zone
                value = datetime.fromisoformat(f"{seconds}.{(fraction or '')[:6]:0<6}{zone}")
        if not isinstance(value, datetime):
            raise self._refused("datetime_type", at, value)
        if value.tzinfo is None:
            raise self._refused("timezone_aware", at, value)
        return value

    def path(self, value: Any, at: tuple[str | int, ...]) -> Path:
        if not isinstance(value, (str, Path)):
            raise self._refused("path_type", at, value)
        return Path(value)

    def sequence(self, check: _Checker, value: Any, at: tuple[str | int, ...]) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise self._refused("tuple_type", at, value)
        if type(value) is tuple and check in _EXACT and {*map(type, value)} <= {_EXACT[check]}:
            return value  # thousands of numbers and texts, none of which needs a look
        before = len(self.refusals)
        values = self._each((check, each, (*at, index)) for index, each in enumerate(value))
        if len(self.refusals) > before:
            raise _Refused
        return tuple(values)

    def mapping(self, key: _Checker, check: _Checker, value: Any, at: tuple[str | int, ...]) -> dict[Any, Any]:
        if not isinstance(value, dict):
            raise self._refused("dict_type", at, value)
        before = len(self.refusals)
        values = self._each((check, each, (*at, name)) for name, each in value.items())
        keys = self._each((key, name, (*at, name, "[key]")) for name in value)
        if len(self.refusals) > before:
            raise _Refused
        return dict(zip(keys, values, strict=True))

    def _each(self, parts: Iterator[tuple[_Checker, Any, tuple[str | int, ...]]]) -> list[Any]:
        """Those that fit."""
        checked = []
        for check, value, at in parts:
            with contextlib.suppress(_Refused):
                checked.append(check(self, value, at))
        return checked

    def choice(self, choices: tuple[Any, ...], value: Any, at: tuple[str | int, ...]) -> Any:
        if not isinstance(value, (str, int)) or value not in choices:
            *others, last = (repr(each) for each in choices)
            expected = f"{', '.join(others)} or {last}" if others else last
            raise self._refused("literal_error", at, value, expected=expected)
        return value

    def instance(self, kind: type[Any], value: Any, at: tuple[str | int, ...]) -> Any:
        if not isinstance(value, kind):
            raise self._refused("is_instance_of", at, value)
        return value

    def call(self, function: Callable[[Any, ValidationInfo], Any], value: Any, at: tuple[str | int, ...]) -> Any:
        try:
            return function(value, ValidationInfo(self.context))
        except ValueError as error:
            raise self._refused("value_error", at, value, error=error) from None

    def bounds(self, bounds: Mapping[str, Any], value: Any, at: tuple[str | int, ...]) -> None:
        for name, bound in bounds.items():
            kind, fits = _BOUNDS[name]
            if value is not None and not fits(value, bound):
                kind = f"string_{kind}" if isinstance(value, str) else kind
                raise self._refused(kind, at, value, **{name: bound})


_Checker = Callable[[_Check, Any, tuple[Any, ...]], Any]


# --- Values that are what they ought to be, as those of our own records are -------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Plain:
    """What is taken for a field as it is; anything else is checked."""

    classes: frozenset[type]
    choices: frozenset[object]
    """Texts."""
    of_items: frozenset[type]
    """Of a tuple."""
    check: _Checker


@dataclass(frozen=True, slots=True, eq=False)
class _PlainFields:
    """The fields of a model without aliases, whose values are not prepared."""

    template: dict[str, Any]
    """Every field in its order, with its default."""
    required: frozenset[str]
    fields: dict[str, _Plain]
    made: tuple[tuple[str, FieldInfo, _Checker], ...]
    """Those whose default is made or checked each time."""


def _plainly_made(model: type[Model], given: dict[str, Any]) -> dict[str, Any] | None:
    """Values by name as `_Check.fields` returns them, in a third of its time; None where any does not fit."""
    plain = _plain_fields[model] if model in _plain_fields else _plain_fields_of(model)
    if plain is None or not given.keys() >= plain.required:
        return None
    values, run = plain.template.copy(), None
    for name, value in given.items():
        field = plain.fields.get(name)
        if field is None:
            return None
        kind = type(value)
        is_plain = kind in field.classes or (kind is str and value in field.choices)
        if not is_plain and not (kind is tuple and field.of_items and field.of_items.issuperset(map(type, value))):
            run = run or _Check(None, by_name=True)
            try:
                value = field.check(run, value, ())
            except _Refused:
                return None
        values[name] = value
    for name, declared, check in plain.made:
        if name not in given:
            run = run or _Check(None, by_name=True)
            try:
                values[name] = run._default(declared, check, ())
            except _Refused:
                return None
    return values


_plain_fields: dict[type[Model], _PlainFields | None] = {}


def _plain_fields_of(model: type[Model]) -> _PlainFields | None:
    compiled = _compiled(model)
    is_prepared = model.prepared.__func__ is not Model.prepared.__func__  # type: ignore[attr-defined]
    if is_prepared or any(declared.alias for _, declared, _ in compiled):
        _plain_fields[model] = None
        return None
    found = _PlainFields(
        template={name: declared.default for name, declared, _ in compiled},
        required=frozenset(name for name, declared, _ in compiled if declared.is_required()),
        fields={name: _plain_of(declared, check) for name, declared, check in compiled},
        made=tuple(each for each in compiled if _is_made(each[1])),
    )
    _plain_fields[model] = found
    return found


def _is_made(declared: FieldInfo) -> bool:
    return declared.default_factory is not None or declared.validate_default or isinstance(declared.default, dict)


def _plain_of(declared: FieldInfo, check: _Checker) -> _Plain:
    """Nothing is plain where bounds or validators look at the value."""
    nothing: frozenset[Any] = frozenset()
    if declared.bounds or declared.metadata:
        return _Plain(nothing, nothing, nothing, check)
    annotation, classes = declared.annotation, set[type]()
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(each for each in get_args(annotation) if each is not types.NoneType)
        classes.add(types.NoneType)
    choices, of_items = nothing, nothing
    if get_origin(annotation) is Literal:
        choices = frozenset(each for each in get_args(annotation) if isinstance(each, str))
    elif get_origin(annotation) is tuple:
        of_items = _class_of(get_args(annotation)[0])
    return _Plain(frozenset(classes) | _class_of(annotation), choices, of_items, check)


def _class_of(annotation: Any) -> frozenset[type]:
    """The class whose values a checker returns as they are."""
    while isinstance(annotation, NewType):
        annotation = annotation.__supertype__
    is_plain = annotation in (str, int, float, bool, SecretStr)
    is_plain = is_plain or (isinstance(annotation, type) and issubclass(annotation, Model))
    return frozenset({annotation}) if is_plain else frozenset()


# --- Types -> checkers ------------------------------------------------------------------------------------------------

_PLAIN: dict[Any, _Checker] = {
    Any: _Check.any,
    str: _Check.text,
    int: _Check.whole_number,
    float: _Check.number,
    bool: _Check.truth,
    Path: _Check.path,
    datetime: _Check.moment,
    SecretStr: _Check.secret,
}
_EXACT = {_Check.text: str, _Check.number: float, _Check.whole_number: int}


def _hints_of(model: type[Model]) -> dict[str, Any]:
    hints = {name: hint for kind in reversed(model.__mro__[:-1]) for name, hint in kind.__annotations__.items()}
    postponed = any(isinstance(hints[name], str) for name in model._declared)
    return get_type_hints(model, include_extras=True) if postponed else hints


def _compiled(model: type[Model]) -> tuple[tuple[str, FieldInfo, _Checker], ...]:
    if model not in _checkers:
        fields = _resolved_fields(model).items()
        _checkers[model] = tuple((name, declared, _field_checker(declared)) for name, declared in fields)
    return _checkers[model]


def _field_checker(field: FieldInfo) -> _Checker:
    check = _with_validators(_checker(field.annotation), field.metadata)
    bounds = field.bounds
    if not bounds:
        return check

    def bounded(run: _Check, value: Any, at: tuple[Any, ...]) -> Any:
        checked = check(run, value, at)
        run.bounds(bounds, checked, at)
        return checked

    return bounded


def _checker(annotation: Any) -> _Checker:
    plain = _PLAIN.get(annotation)
    if plain is not None:
        return plain
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, NewType):
        return _checker(annotation.__supertype__)
    if origin is Annotated:
        return _with_validators(_checker(arguments[0]), arguments[1:])
    if origin in (Union, types.UnionType):
        return _optional(*(each for each in arguments if each is not types.NoneType))
    if origin is Literal:
        return lambda run, value, at: run.choice(arguments, value, at)
    if origin is tuple:
        each = _checker(arguments[0])
        return lambda run, value, at: run.sequence(each, value, at)
    if origin is dict:
        key, item = map(_checker, arguments)
        return lambda run, value, at: run.mapping(key, item, value, at)
    if issubclass(annotation, Model):
        return lambda run, value, at: run.model(annotation, value, at)
    return lambda run, value, at: run.instance(annotation, value, at)


def _optional(annotation: Any) -> _Checker:
    check = _checker(annotation)
    return lambda run, value, at: None if value is None else check(run, value, at)


def _with_validators(check: _Checker, metadata: tuple[Any, ...]) -> _Checker:
    before = [_with_info(each.function) for each in metadata if isinstance(each, BeforeValidator)]
    after = [_with_info(each.function) for each in metadata if isinstance(each, AfterValidator)]
    if not before and not after:
        return check

    def validated(run: _Check, value: Any, at: tuple[Any, ...]) -> Any:
        for function in reversed(before):
            value = run.call(function, value, at)
        value = check(run, value, at)
        for function in after:
            value = run.call(function, value, at)
        return value

    return validated


def _with_info(function: Callable[..., Any]) -> Callable[[Any, ValidationInfo], Any]:
    code = getattr(function, "__code__", None)
    if code is not None and code.co_argcount == 2:
        return function
    return lambda value, _: function(value)
