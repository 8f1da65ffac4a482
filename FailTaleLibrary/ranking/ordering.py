"""Candidates by score and by onset -> one order, in which no host and no source takes all places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from itertools import chain, zip_longest
from typing import Protocol, TypeVar

PER_SOURCE, PER_HOST = 6, 10
"""Of the suspects that are shown, while others wait."""

T = TypeVar("T", bound=Hashable)


def interleaved(*orders: Sequence[T]) -> list[T]:
    """The first of each order, the second of each …; each once: the gravest line is not always where it began."""
    return list(dict.fromkeys(each for each in chain.from_iterable(zip_longest(*orders)) if each is not None))


class Placed(Protocol):
    """Something that comes from a source of a host."""

    @property
    def host(self) -> str: ...
    @property
    def collector(self) -> str: ...


P = TypeVar("P", bound=Placed)


def within_quotas(ordered: Iterable[P], *, most: int) -> list[P]:
    """The first of these, as many as asked for; those beyond a quota come after all others."""
    hosts: Counter[str] = Counter()
    sources: Counter[tuple[str, str]] = Counter()
    inside: list[P] = []
    beyond: list[P] = []
    for each in ordered:
        source = (each.host, each.collector)
        if hosts[each.host] >= PER_HOST or sources[source] >= PER_SOURCE:
            beyond.append(each)
            continue
        hosts[each.host] += 1
        sources[source] += 1
        inside.append(each)
    return [*inside, *beyond][:most]
