"""A way whose connection a keeper has: what it is asked travels there and back. Without a keeper: a way of our own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from FailTaleLibrary import background
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.keeper.messages import sendable
from FailTaleLibrary.transports.base import CommandResult, Items, OnResult, Script, Transport, VisitItem

if TYPE_CHECKING:
    from FailTaleLibrary.keeper.keeper import Keeper
    from FailTaleLibrary.transports.reach import Reach

_LATE_S = 1.5
"""So much later than agreed a keeper may answer."""
_CONNECTING_S = 120.0
"""Longer no connection takes, through jump hosts or not."""
_AT_ALL_S = 15.0
"""Beyond its time limit no command takes longer."""


class GoneError(Exception):
    """There is no keeper, or none any more."""


class KeptWay(Transport):
    """The way to one host, or behind a prefix there."""

    def __init__(self, keeper: Keeper, host: str, inside: tuple[str, ...], own: Callable[[], Transport]) -> None:
        self.name = host
        self._keeper = keeper
        self._place = host, inside
        self._own = background.once(own)
        self._has_own = False

    @property
    def keeper(self) -> Keeper:
        return self._keeper

    @property
    def own(self) -> Transport:
        """A way without the keeper."""
        if self._keeper.is_closed:
            raise TransportError("cancelled", f"Host '{self.name}' is not connected to any more: the run has ended.")
        self._has_own = True
        return self._own()

    def visit(self, items: Items, *, ends_at: float, cancel: threading.Event, on_result: OnResult) -> None:
        left: Items = items
        try:
            with self._keeper.request("visit", self._place, _as_sent(items), ends_at) as request:
                while (answer := request.next(ends_at + _LATE_S, cancel))[0] != "done":
                    if answer[0] == "start":
                        left = list(items(answer[1]) if callable(items) else items)
                        request.send("items", sendable(left, has_gate=answer[2]))
                    elif answer[0] == "result":
                        left = _but(left, answer[1])
                        on_result(answer[1], answer[2])
        except TimeoutError:
            raise self._silent() from None
        except GoneError:
            self._mind_cancel(cancel)
            if callable(left) or left:
                self.own.visit(left, ends_at=max(ends_at, time.monotonic()), cancel=cancel, on_result=on_result)

    def run(self, script: Script, *, timeout_s: float, max_bytes: int, cancel: threading.Event) -> CommandResult:
        (sent,) = sendable([VisitItem("", script, timeout_s, max_bytes)], has_gate=True)
        try:
            with self._keeper.request("run", self._place, sent) as request:
                result: CommandResult = request.next(time.monotonic() + timeout_s + _AT_ALL_S, cancel)[1]
                return result
        except TimeoutError:
            raise self._silent() from None
        except GoneError:
            self._mind_cancel(cancel)
            return self.own.run(script, timeout_s=timeout_s, max_bytes=max_bytes, cancel=cancel)

    def connect(self) -> None:
        try:
            with self._keeper.request("connect", self._place) as request:
                request.next(time.monotonic() + _CONNECTING_S, None)
        except TimeoutError:
            raise self._silent() from None
        except GoneError:
            self.own.connect()

    def close(self) -> None:
        if not self._place[1]:
            self._keeper.forget(self.name)
        if self._has_own:
            self._own().close()

    @property
    def is_open(self) -> bool:
        """The keeper has the breaker, and says with an error what it knows."""
        return self._keeper.is_there or (not self._keeper.is_closed and self.own.is_open)

    @property
    def opened(self) -> int:
        kept = 0 if self._place[1] else self._keeper.opened.get(self.name, 0)
        return kept + (self._own().opened if self._has_own else 0)

    @property
    def gate(self) -> str:
        return self._own().gate if self._has_own else ""

    @property
    def notes(self) -> tuple[str, ...]:
        return self._own().notes if self._has_own else ()

    @property
    def reach(self) -> Reach | None:
        return self.own.reach

    def _silent(self) -> TransportError:
        """The keeper lives, else it had been given up."""
        return TransportError("timed out", f"Host '{self.name}' gave no answer in time.")

    def _mind_cancel(self, cancel: threading.Event) -> None:
        if cancel.is_set():
            raise TransportError("cancelled", f"Host '{self.name}' was not asked any more.")


def _as_sent(items: Items) -> Sequence[VisitItem] | None:
    """None: they are made when the host has told its clock."""
    return None if callable(items) else sendable(items, has_gate=True)


def _but(items: Items, told: str) -> list[VisitItem]:
    return [] if callable(items) else [item for item in items if item.id != told]
