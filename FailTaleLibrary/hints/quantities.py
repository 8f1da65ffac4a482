"""The numbers, dates and times of a text -> whether they bear a number as a person would write it. Pure.

A person rounds ("7.9 GB" for 7921340kB), converts ("2.5 s" for rt=2.501), leaves out ("23 November" for
2025-11-23T10:00:00Z, "12:01" for 12:01:06.961) and joins ("a 1500000-byte body"). What must not pass is a number that
nobody could get from those of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import combinations
from typing import Literal

from FailTaleLibrary.lazy import dataclass

# --- Units ------------------------------------------------------------------------------------------------------------

Dimension = Literal[
    "bytes", "bytes a second", "bits", "pixels", "seconds", "percent", "times", "amperes", "volts", "watts", "hertz", ""
]
"""``times``: what was counted; empty: a number without a unit."""
_A_SECOND = r"(?:/s(?:ec)?| per second| a second)"

_UNITS: tuple[tuple[str, Dimension, tuple[float, ...]], ...] = (
    (r"ns|nanosec(?:ond)?s?", "seconds", (1e-9,)),
    (r"[uµμ]s|microsec(?:ond)?s?", "seconds", (1e-6,)),
    (r"ms|msecs?|millis|millisec(?:ond)?s?", "seconds", (1e-3,)),
    (r"s|secs?|seconds?", "seconds", (1.0,)),
    (r"mins?|minutes?", "seconds", (60.0,)),
    (r"h|hrs?|hours?", "seconds", (3600.0,)),
    (r"d|days?", "seconds", (86400.0,)),
    (r"w|weeks?", "seconds", (604800.0,)),
    (r"months?", "seconds", (2592000.0, 2629800.0, 2678400.0)),
    (r"years?", "seconds", (31536000.0, 31557600.0)),
    (rf"k(?:i?b|ilobytes?){_A_SECOND}", "bytes", (1e3, 1024.0)),
    (rf"m(?:i?b|egabytes?){_A_SECOND}", "bytes", (1e6, 1024.0**2)),
    (rf"g(?:i?b|igabytes?){_A_SECOND}", "bytes", (1e9, 1024.0**3)),
    (rf"k(?:i?b|ilobytes?){_A_SECOND}", "bytes a second", (1e3, 1024.0)),
    (rf"m(?:i?b|egabytes?){_A_SECOND}", "bytes a second", (1e6, 1024.0**2)),
    (rf"g(?:i?b|igabytes?){_A_SECOND}", "bytes a second", (1e9, 1024.0**3)),
    (r"b|bytes?|octets?", "bytes", (1.0,)),
    (r"k(?:ilo)?b(?:ytes?)?|kib|kilobytes?", "bytes", (1e3, 1024.0)),
    (r"mb|mib|mbytes?|megabytes?", "bytes", (1e6, 1024.0**2)),
    (r"gb|gib|gbytes?|gigabytes?", "bytes", (1e9, 1024.0**3)),
    (r"tb|tib|tbytes?|terabytes?", "bytes", (1e12, 1024.0**4)),
    (r"(?:bits?(?:/s|ps)?|bps)", "bits", (1.0,)),
    (r"k(?:ilo)?bits?(?:/s|ps)?|kbps", "bits", (1e3,)),
    (r"m(?:ega)?bits?(?:/s|ps)?|mbps", "bits", (1e6,)),
    (r"g(?:iga)?bits?(?:/s|ps)?|gbps", "bits", (1e9,)),
    (r"megapixels?|mpix(?:els?)?|mp", "pixels", (1e6,)),
    (r"%|percent(?:age points?)?|per cent|pct", "percent", (1.0,)),
    (r"x|times?|fold", "times", (1.0,)),
    (r"ma|milliamps?", "amperes", (1e-3,)),
    (r"amps?|amperes?", "amperes", (1.0,)),
    (r"mv|millivolts?", "volts", (1e-3,)),
    (r"volts?", "volts", (1.0,)),
    (r"kv|kilovolts?", "volts", (1e3,)),
    (r"mw", "watts", (1e-3, 1e6)),
    (r"watts?", "watts", (1.0,)),
    (r"kw|kilowatts?", "watts", (1e3,)),
    (r"hz|hertz", "hertz", (1.0,)),
    (r"khz", "hertz", (1e3,)),
    (r"mhz", "hertz", (1e6,)),
    (r"ghz", "hertz", (1e9,)),
)
"""Of the second factor of a size programs speak when they write kB and count 1024."""
_SHORT_UNITS: tuple[tuple[str, Dimension, tuple[float, ...]], ...] = (
    ("k", "bytes", (1e3, 1024.0)),
    ("m", "bytes", (1e6, 1024.0**2)),
    ("g", "bytes", (1e9, 1024.0**3)),
    ("t", "bytes", (1e12, 1024.0**4)),
    ("m", "seconds", (60.0,)),
    ("a", "amperes", (1.0,)),
    ("v", "volts", (1.0,)),
    ("w", "watts", (1.0,)),
)
"""What ``8m`` and ``2048M`` can mean; an ampere and a volt are more often a word."""
_PHYSICAL: frozenset[Dimension] = frozenset({"amperes", "volts", "watts", "hertz"})
_CAPITAL_UNITS = "(?-i:[AVW])"
_PHYSICAL_FACT = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?) ?([avw])\b")
_SCALES = {"k": 1e3, "thousand": 1e3, "million": 1e6, "mio": 1e6, "billion": 1e9, "hundred": 1e2}
_UNIT_WORDS = "|".join(words for words, _, _ in _UNITS)


def _meanings(unit: str) -> Iterator[tuple[Dimension, float]]:
    """What a unit can mean: its dimension and what one of it is in bytes, seconds or percent."""
    for words, dimension, factors in (*_UNITS, *_SHORT_UNITS):
        if re.fullmatch(words, unit):
            yield from ((dimension, factor) for factor in factors)


# --- Numbers of the evidence ------------------------------------------------------------------------------------------

_DIGITS = r"\d{1,3}(?:[,'\u2009\u202f]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_FACT = re.compile(
    rf"(?<![\w.])(?:x(?=\d))?[-+]?({_DIGITS})(?:\)?[ -]?({_UNIT_WORDS}|[kmgt](?:ib)?)(?!\w))?(?![\w]*\.\d)",
    re.IGNORECASE,
)
_EMBEDDED = re.compile(rf"(?<=[_=:(\[])(\d+(?:\.\d+)?)({_UNIT_WORDS})?(?!\w)", re.IGNORECASE)
_GLUED = re.compile(r"(?<![\w.-])-{1,2}[a-z]{1,12}(\d+)([kmgt])(?!\w)")
"""A size as the option of a program has it: ``-Xmx4g``."""
_CLOCK = re.compile(r"(?<![\w:])(\d{1,3}):(\d\d)(?::(\d\d(?:\.\d+)?))?(?![:\w])")
_CHANGED = re.compile(
    rf"(?<![\w.])(\d+(?:\.\d+)?)({_UNIT_WORDS}|[kmgt])?\s*(?:->|=>|→)\s*(\d+(?:\.\d+)?)({_UNIT_WORDS}|[kmgt])?(?!\w)"
)
_PAIR = re.compile(
    rf"(?<![\w.])({_DIGITS}) ?({_UNIT_WORDS}|[kmgt])?,? ?"
    rf"(?:\(was|of|/|vs\.?|exceeds|>|<|over|instead of|limit|max\.?|allowed) "
    rf"?({_DIGITS}) ?({_UNIT_WORDS}|[kmgt])?(?!\w|[.:/]*\d)",
    re.IGNORECASE,
)
"""Two values that a line compares."""
_PRODUCT = re.compile(r"(?<![\w.])(\d{2,6}) ?[x×*] ?(\d{2,6})(?![\w.])")  # noqa: RUF001 - the sign is meant
_MOST_SIZES, _LEAST_COMPARED = 16, 10
_COMPARABLE: tuple[Dimension, ...] = ("bytes", "seconds", "percent")
_TOOK = re.compile(
    rf"(?<![\w.])({_DIGITS}) ?([kmgt]i?b)\b[^\d,;]{{0,20}}? in (\d+(?:\.\d+)?) ?"
    r"(ms|s|secs?|seconds?|min|minutes?)(?!\w)"
)
_KEYED = re.compile(
    rf"(?<![a-z\d_.-])(?:(?:[a-z\d]+[_.-])+(?P<last>{_UNIT_WORDS})|(?P<first>{_UNIT_WORDS})(?:[_.-][a-z\d]+)+)"
    r"[\"']?\s?[:= ]\s?[\"'(]?"
    r"(?P<values>\d+(?:\.\d+)?(?:\s?(?:->|=>|→|to|/)\s?\d+(?:\.\d+)?)?)(?![\w.]*\w)"
)
"""Values of a setting whose name tells their unit: ``debounce_ms 80 -> 8``, ``SECONDS_IN_WAIT 187``."""
_UNIT_AS_KEY = re.compile(
    r"(?<![\w.-])(seconds|secs|minutes|hours|days|weeks|months|years|millis|bytes|percent)[\"']?\s?[:=]\s?[\"']?"
    r"(\d+(?:\.\d+)?)(?![\w.]*\w)"
)
"""A setting that is named by nothing but its unit: ``days=30``."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NO_QUANTITY = re.compile(
    r"\[e\d+\]|(?<!\d)\d{4}[-/]\d\d[-/]\d\d(?!\d)t?|(?<![\d:])\d\d?:\d\d(?::\d\d)?(?![\d:])(?:[.,]\d+)?"
)
_TIME_OF_DAY = re.compile(r"(?<![\d:])(\d\d):(\d\d):(\d\d)(?![\d:])")
_MOST_CLOCKS = 3
_COMPACT = re.compile(r"(?<!\d)(?:19|20)\d{6}t?(\d{6})(?:\.\d+)?z?(?!\w)")
"""``20260314115502Z``: a day and a time without marks."""
_LEAST_SIZE = 1_000_000
_LEAST_BARE = 100
"""A number without unit from which on it may be one of milliseconds or bytes."""
_BARE_FACTORS = (1e-3, 1e-6)
_BARE_SIZES = (1.0, 1e3, 1024.0)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in the base unit of its dimension."""

    value: float
    dimension: Dimension
    is_sure: bool = True
    """Its unit is written beside it, not only possible."""


def _value(digits: str) -> float:
    return float(re.sub(r"[,'\u2009\u202f]", "", digits))


def _is_of(quantity: Quantity, dimension: Dimension) -> bool:
    """Whether it is of a dimension; a bare number that is very large counts bytes more often than anything else."""
    return quantity.dimension == dimension or (
        dimension == "bytes" and not quantity.dimension and quantity.value >= _LEAST_SIZE
    )


class Quantities:
    """All that a text says in numbers."""

    def __init__(self, text: str, *, offsets_s: Iterable[float] = ()) -> None:
        """``offsets_s``: the times of its lines, whose distances a reader can tell as well."""
        self._text = text.casefold().replace("\N{MINUS SIGN}", "-")
        self._keys = _CAMEL.sub("_", text).casefold()
        self._offsets_s = sorted(set(offsets_s))

    @cached_property
    def _all(self) -> frozenset[Quantity]:
        found = set(self._written())
        found |= {Quantity(value, "seconds") for value in self._durations()}
        found |= set(self._differences())
        found |= set(self._calculated())
        found |= set(self._of_keys())
        found |= {Quantity(value, "seconds") for value in self._between_clocks()}
        found |= {
            Quantity(round(later - earlier, 3), "seconds")
            for earlier in self._offsets_s
            for later in self._offsets_s
            if later > earlier
        }
        return frozenset(found)

    def _written(self) -> Iterator[Quantity]:
        text = _NO_QUANTITY.sub(" ", self._text)
        for pattern in (_FACT, _EMBEDDED):
            for match in pattern.finditer(text):
                value = _value(match[1])
                unit = match[2] or ""
                yield Quantity(value, "")
                yield from (Quantity(value * factor, dimension) for dimension, factor in _meanings(unit))
                if not unit and value >= _LEAST_BARE:
                    yield from (Quantity(value * factor, "seconds", is_sure=False) for factor in _BARE_FACTORS)
                    yield from (Quantity(value * factor, "bytes", is_sure=False) for factor in _BARE_SIZES)
                    yield Quantity(value, "bits", is_sure=False)
                if not unit:
                    yield Quantity(value, "seconds", is_sure=False)
                    yield Quantity(value, "percent", is_sure=False)
                    yield Quantity(value * 100, "percent", is_sure=False)

        for digits, unit in _GLUED.findall(text):
            yield from (Quantity(float(digits) * factor, dimension) for dimension, factor in _meanings(unit))
        for value, letter in _PHYSICAL_FACT.findall(text):
            yield from (Quantity(float(value) * factor, dimension) for dimension, factor in _meanings(letter))

    def _differences(self) -> Iterator[Quantity]:
        """``2039M->2031M`` is 8M less."""
        for match in _CHANGED.finditer(self._text):
            change = round(abs(float(match[1]) - float(match[3])), 6)
            yield Quantity(change, "")
            yield from (Quantity(change * factor, dimension) for dimension, factor in _meanings(match[4] or ""))

    def _calculated(self) -> Iterator[Quantity]:
        """What a reader gets of two values of one line: ``97% (was 71%)`` is 26 more, ``18 of 24`` are 75 %.

        Of ``9000x6000`` the product, of a size and its limit what one is beyond the other, in whatever line they stand.
        """
        for match in _PRODUCT.finditer(self._text):
            product = float(match[1]) * float(match[2])
            yield from (Quantity(product, ""), Quantity(product, "pixels"))
            yield from (Quantity(float(match[n]), "") for n in (1, 2))
        for match in _PAIR.finditer(self._text):
            one, other = (float(re.sub(r"[,']", "", match[n])) for n in (1, 3))
            is_telling = match[2] or match[4] or max(one, other) >= _LEAST_COMPARED
            if is_telling and (match[2] == match[4] or not (match[2] and match[4])):
                yield Quantity(round(abs(one - other), 6), "")
                yield from (
                    Quantity(round(abs(one - other), 6) * factor, dimension)
                    for dimension, factor in _meanings(match[2] or match[4] or "")
                )
                if one and other:
                    yield Quantity(100 * min(one, other) / max(one, other), "percent")
                    yield Quantity(max(one, other) / min(one, other), "times")
        yield from self._rates()
        sizes = sorted({each.value for each in self._written() if each.dimension == "bytes" and each.is_sure})
        if len(sizes) <= _MOST_SIZES:
            yield from (Quantity(other - one, "bytes") for one, other in combinations(sizes, 2))

    def _rates(self) -> Iterator[Quantity]:
        """Of a size and the time that it took in one line how much that is a second: ``412 MB written in 94.1 s``."""
        for line in self._text.splitlines():
            for size, size_unit, took, time_unit in _TOOK.findall(line):
                yield from (
                    Quantity(_value(size) * factor / (float(took) * second), "bytes a second")
                    for dimension, factor in _meanings(size_unit)
                    for other, second in _meanings(time_unit)
                    if dimension == "bytes" and other == "seconds" and float(took)
                )

    @cached_property
    def _apart(self) -> frozenset[Quantity]:
        """What two values of one kind differ by, in whatever lines they stand."""
        found: set[Quantity] = set()
        told = [each for each in (*self._written(), *self._of_keys()) if each.value and each.is_sure]
        for dimension in _COMPARABLE:
            values = {each.value for each in told if _is_of(each, dimension)}
            if len(values) <= _MOST_SIZES:
                found |= {Quantity(abs(one - other), dimension) for one, other in combinations(values, 2)}
        return frozenset(found)

    @cached_property
    def _times_apart(self) -> frozenset[Quantity]:
        """How long before another one a time of day was, in whatever lines they stand."""
        clocks = {int(h) * 3600 + int(m) * 60 + int(s) for h, m, s in _TIME_OF_DAY.findall(self._text)}
        if len(clocks) > _MOST_SIZES:
            return frozenset()
        return frozenset(Quantity(float(abs(one - other)), "seconds") for one, other in combinations(clocks, 2))

    def _of_keys(self) -> Iterator[Quantity]:
        """What the name of a setting gives a unit to, and what its values differ by."""
        for match in _KEYED.finditer(self._keys):
            values = [float(each) for each in re.findall(r"\d+(?:\.\d+)?", match["values"])]
            values += [abs(one - other) for one, other in combinations(values, 2)]
            for dimension, factor in _meanings(match["last"] or match["first"]):
                yield from (Quantity(value * factor, dimension) for value in values)
        for unit, digits in _UNIT_AS_KEY.findall(self._text):
            yield from (Quantity(float(digits) * factor, dimension) for dimension, factor in _meanings(unit))

    def _between_clocks(self) -> Iterator[float]:
        """How far apart the times of day are that one line tells."""
        for line in self._text.splitlines():
            clocks = {int(h) * 3600 + int(m) * 60 + int(s) for h, m, s in _TIME_OF_DAY.findall(line)}
            if len(clocks) <= _MOST_CLOCKS:
                yield from (float(abs(one - other)) for one, other in combinations(sorted(clocks), 2))

    def _durations(self) -> Iterator[float]:
        """``00:00:47.2`` is a time of day or 47.2 s."""
        for match in _CLOCK.finditer(self._text):
            first, second, third = int(match[1]), int(match[2]), match[3]
            yield first * 3600 + second * 60 + float(third) if third else first * 60 + second
            if not third:
                yield first * 3600 + second * 60

    # --- Whether they bear another one ---

    def bear(self, number: Number) -> bool:
        """Whether a person could write the number of a claim for one of these."""
        if any(number.can_stand_for(fact) for fact in self._all):
            return True
        if number.is_difference and any(number.can_stand_for(fact) for fact in self._apart):
            return True
        return number.is_time_between and any(number.can_stand_for(fact) for fact in self._times_apart)

    def bear_clock(self, clock: str) -> bool:
        """Whether a time of day, perhaps without its seconds, is one of the text's."""
        digits = re.escape(clock.lstrip("0") or "0")
        if re.search(rf"(?<![\d:.])0*{digits}(?![\d])", self._text):
            return True
        return any(time.startswith(re.sub(r"[:.,]", "", clock)) for time in _COMPACT.findall(self._text))


# --- Numbers of a claim -----------------------------------------------------------------------------------------------

_HEDGES = (
    r"~|≈|about|around|roughly|nearly|almost|approximately|approx\.?|some|ca\.?|circa|over|more than|less than|under|"
    r"up to|close to|at least|at most|well over|just over|only|just under|not even|fewer than|within|beyond|above|below"
)
_CLAIMED = re.compile(
    rf"(?P<hedge>(?:{_HEDGES})[ -]?)?(?<![\w.:/])(?:[-+−–](?=\d))?(?:x(?=\d))?(?P<digits>{_DIGITS})(?P<plus>\+?)"  # noqa: RUF001
    rf"(?:[ -]?(?P<scale>thousand|million|mio|billion|hundred|k(?![\w]))\b)?"
    rf"(?:[ -]?(?P<unit>{_UNIT_WORDS}|[kmgt](?:ib)?|{_CAPITAL_UNITS})(?![\w]))?",
    re.IGNORECASE,
)
_COMPOUND = re.compile(
    r"(?<![\w.])(\d+) ?(h(?:ours?|rs?)?|min(?:ute)?s?|m)(?: and |, | )?"
    r"(\d+) ?(min(?:ute)?s?|m|s(?:ec(?:ond)?s?)?)(?!\w)",
    re.IGNORECASE,
)
_EXACT, _HEDGED, _BEYOND, _LOOSE = 1e-9, 0.12, 0.25, 0.055


@dataclass(frozen=True, slots=True)
class Number:
    """A number as a claim writes it."""

    text: str
    value: float
    step: float
    """What its last figure stands for."""
    meanings: tuple[tuple[Dimension, float], ...]
    """What its unit can mean; empty without one."""
    is_hedged: bool
    is_beyond: bool | None = None
    """It says "over" (True) or "under" (False) the number."""
    is_scaled: bool = False
    """Its unit is a word for many: "1.5 million"."""
    is_difference: bool = False
    """It says by how much two values differ: "exceeded by 8 MB"."""
    is_time_between: bool = False
    """It says how long one thing was before another."""

    def can_stand_for(self, fact: Quantity) -> bool:
        is_physical = any(dimension in _PHYSICAL for dimension, _ in self.meanings)
        if is_physical and fact.dimension == "" and self._is_near(fact.value, is_sure=True):
            return True  # a line may leave the unit to its reader
        if not self.meanings:
            return self._is_near(fact.value, is_sure=True) and (
                fact.dimension in ("", "times") or (self.value == fact.value and fact.is_sure)
            )
        return any(
            self._is_near(fact.value / factor, is_sure=fact.is_sure)
            for dimension, factor in self.meanings
            if dimension == fact.dimension or (dimension == "times" and fact.dimension == "")
        )

    def _is_near(self, fact: float, *, is_sure: bool) -> bool:
        """Equal, rounded at the last of two or more figures, cut off there, or about as much where it says so."""
        value, step = self.value, self.step
        if abs(fact - value) <= _EXACT * max(1.0, abs(fact)):
            return True
        counts = not self.meanings or all(dimension == "times" for dimension, _ in self.meanings)
        if counts and fact == int(fact) and not (self.is_hedged or self.is_scaled or step < 1):
            return False
        if not fact or not value:
            return False
        error = abs(fact - value) / abs(fact)
        if is_sure and self.is_hedged and error <= (_BEYOND if (fact > value) == self.is_beyond else _HEDGED):
            return True
        return error <= _LOOSE and (abs(fact - value) <= step / 2 * (1 + 1e-6) or 0 <= fact - value < step)


def numbers_of(sentence: str) -> Iterator[tuple[Number, tuple[int, int]]]:
    """The numbers of a sentence that stand by themselves, with where they stand."""
    taken: list[tuple[int, int]] = []
    for match in _COMPOUND.finditer(sentence):
        first, second = (next(f for d, f in _meanings(_in_full(match[n])) if d == "seconds") for n in (2, 4))
        if second < first:
            value = int(match[1]) * first + int(match[3]) * second
            taken.append(match.span())
            yield Number(match[0], value, second, (("seconds", 1.0),), is_hedged=False), match.span()
    for match in _CLAIMED.finditer(sentence):
        if not any(start <= match.start("digits") < end for start, end in taken):
            yield _claimed_number(match), (match.start("digits"), match.end())


def _in_full(unit: str) -> str:
    """Of "2m 5s" and "1h 30m"."""
    return {"m": "min"}.get(unit.casefold(), unit.casefold())


def _claimed_number(match: re.Match[str]) -> Number:
    digits = re.sub(r"[,'\u2009\u202f]", "", match["digits"])
    scale = _SCALES.get((match["scale"] or "").casefold(), 1.0)
    if match["scale"] in ("k", "K"):
        return _claimed_thousands(match, digits)
    return Number(
        text=match[0][match.start("digits") - match.start() :].strip(),
        value=float(digits) * scale,
        step=_step(digits) * scale,
        meanings=tuple(_meanings((match["unit"] or "").casefold())),
        is_hedged=bool(match["hedge"] or match["plus"]),
        is_beyond=_beyond(match["hedge"] or match["plus"]),
        is_scaled=scale > 1,
        is_difference=_is_difference(match),
        is_time_between=_TIME_BETWEEN.match(match.string, match.end()) is not None,
    )


_BY = re.compile(r"\bby (?:(?:a|an|as much as) )?$", re.IGNORECASE)
_APART_BY = re.compile(
    r" (?:more|less|larger|smaller|bigger|longer|shorter|higher|lower|too|over|above|beyond|below|short)\b",
    re.IGNORECASE,
)
_TIME_BETWEEN = re.compile(r" (?:before|after|earlier|later|apart|beforehand|afterwards)\b", re.IGNORECASE)


def _is_difference(match: re.Match[str]) -> bool:
    is_by = _BY.search(match.string, 0, match.start()) is not None
    return is_by or _APART_BY.match(match.string, match.end()) is not None


def _claimed_thousands(match: re.Match[str], digits: str) -> Number:
    """``128k`` is a count, or a size of 128 times 1000 or 1024 bytes."""
    return Number(
        text=match[0][match.start("digits") - match.start() :].strip(),
        value=float(digits),
        step=_step(digits),
        meanings=(("", 1e3), ("bytes", 1e3), ("bytes", 1024.0)),
        is_hedged=bool(match["hedge"] or match["plus"]),
        is_beyond=_beyond(match["hedge"] or match["plus"]),
        is_scaled=True,
    )


def _beyond(hedge: str) -> bool | None:
    word = hedge.casefold().strip(" -")
    if word in ("over", "more than", "at least", "well over", "just over", "beyond", "above", "+"):
        return True
    return (
        False
        if word in ("under", "less than", "up to", "at most", "just under", "within", "below", "fewer than")
        else None
    )


def _step(digits: str) -> float:
    """Of "14.8" a tenth, of "15" one; of "300" ten, because two figures are given at least."""
    if "." in digits:
        return 10.0 ** -len(digits.split(".")[1])
    zeros = len(digits) - len(digits.rstrip("0"))
    return 10.0 ** max(0, min(zeros, len(digits) - 2))


# --- Dates ------------------------------------------------------------------------------------------------------------

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?:(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"(?:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?)\b\.?"
)
"""In full or short: "marking 10" is no day."""
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<!\d)(?P<year>\d{4})[-/.](?P<number>\d{1,2})[-/.](?P<day>\d{1,2})(?!\d)",
        r"(?<!\d)(?P<day>\d{1,2})[./](?P<number>\d{1,2})[./](?P<year>\d{4})(?!\d)",
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?(?: of)?[ /-]{_MONTH}"
        r"(?:,?[ /-](?:\d\d:\d\d:\d\d ?)?(?P<year>\d{4}))?(?!\w)",
        rf"\b{_MONTH} +(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?!\w)(?:(?:,? +\d\d:\d\d(?::\d\d)?)?,? +(?P<year>\d{{4}}))?",
    )
)


@dataclass(frozen=True, slots=True)
class Date:
    """A day; ``year`` None where none is said."""

    year: int | None
    month: int
    day: int

    def can_be(self, other: Date) -> bool:
        same_year = None in (self.year, other.year) or self.year == other.year
        return same_year and (self.month, self.day) == (other.month, other.day)


def dates_of(text: str) -> Iterator[tuple[Date, tuple[int, int]]]:
    """The days that a text names, with where it does."""
    for pattern in _DATES:
        for match in pattern.finditer(text):
            found = match.groupdict()
            month = int(found["number"]) if found.get("number") else MONTHS.index(found["month"].casefold()) + 1
            if 1 <= month <= 12 and 1 <= int(found["day"]) <= 31:
                yield Date(int(found["year"]) if found["year"] else None, month, int(found["day"])), match.span()
