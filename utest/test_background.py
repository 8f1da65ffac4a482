"""The threads of the package: who starts them, that they delay nothing, and what comes of a call that is late."""

from __future__ import annotations

import ast
import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from patience import FOREVER_S, PATIENCE_S, wait_until

import FailTaleLibrary
from FailTaleLibrary import background

PACKAGE = Path(FailTaleLibrary.__file__).parent
LISTENERS = PACKAGE.parent / "listeners"
STARTS_A_THREAD = {
    "Thread",
    "Timer",
    "ThreadPoolExecutor",
    "ThreadPool",
    "start_new_thread",
    "start_joinable_thread",
    "to_thread",
    "run_in_executor",
    "start_blocking_portal",
    "ThreadingMixIn",
}


def sources() -> Iterator[Path]:
    yield from PACKAGE.rglob("*.py")
    yield from LISTENERS.rglob("*.py")


def named_in(tree: ast.AST) -> Iterator[str]:
    """Every name that a call or a base class uses; annotations are neither."""
    for node in ast.walk(tree):
        used = [node.func] if isinstance(node, ast.Call) else node.bases if isinstance(node, ast.ClassDef) else []
        for each in used:
            for name in ast.walk(each):
                if isinstance(name, ast.Name):
                    yield name.id
                elif isinstance(name, ast.Attribute):
                    yield name.attr


def test_nothing_else_in_the_package_starts_a_thread() -> None:
    sources_of = {path.relative_to(PACKAGE.parent).as_posix(): path.read_text(encoding="utf-8") for path in sources()}
    naming = {name: text for name, text in sources_of.items() if any(word in text for word in STARTS_A_THREAD)}
    starters = {name for name, text in naming.items() if STARTS_A_THREAD & set(named_in(ast.parse(text)))}
    assert starters == {"FailTaleLibrary/background.py"}


@pytest.mark.parametrize(
    "line", ["threading.Thread(target=f)", "class A(threading.Thread): ...", "with ThreadPoolExecutor(2) as p: ..."]
)
def test_the_search_for_starters_finds_them(line: str) -> None:
    assert STARTS_A_THREAD & set(named_in(ast.parse(line)))


def test_a_thread_that_never_ends_does_not_delay_the_exit() -> None:
    program = (
        "import threading; from FailTaleLibrary import background\n"
        "background.start(threading.Event().wait, name='failtale-test')\n"
        "print('over')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    assert done.stdout == "over\n", done.stderr


def test_a_call_in_time_gives_its_result_and_a_failing_one_its_error() -> None:
    def fail() -> None:
        raise KeyError("x")

    assert background.call_within(PATIENCE_S, lambda: 42, name="failtale-test", discard=print) == 42
    with pytest.raises(KeyError):
        background.call_within(PATIENCE_S, fail, name="failtale-test", discard=print)


def test_a_call_that_is_late_is_left_and_its_result_discarded() -> None:
    go, discarded = threading.Event(), threading.Event()

    def late() -> str:
        go.wait(PATIENCE_S)
        return "late"

    with pytest.raises(TimeoutError):
        background.call_within(0.01, late, name="failtale-test", discard=lambda _: discarded.set())
    go.set()
    assert discarded.wait(PATIENCE_S)


def test_work_beside_an_event_loop_gives_its_result_and_its_error() -> None:
    def fail() -> None:
        raise KeyError("x")

    async def ask() -> int:
        with pytest.raises(KeyError):
            await background.in_thread(fail)
        return await background.in_thread(lambda: 42)

    assert asyncio.run(ask()) == 42


def test_what_is_made_once_is_made_by_one_of_all_who_ask_at_the_same_time() -> None:
    everybody_asks, made = threading.Event(), []

    @background.once
    def the_one() -> object:
        made.append(everybody_asks.wait(PATIENCE_S))
        return object()

    with ThreadPoolExecutor(4) as threads:
        pending = [threads.submit(the_one) for _ in range(4)]
        assert wait_until(lambda: all(each.running() for each in pending))
        everybody_asks.set()
        found = {each.result(PATIENCE_S) for each in pending}
    assert (len(found), made) == (1, [True])
    assert the_one() in found


@pytest.mark.parametrize("room", ["archive", "hints", "ranking", "redaction", "rendering", "stores"])
def test_two_threads_may_be_the_first_in_a_room(room: str) -> None:
    """One that logs, and the one in which the test failed: it had cost a failure its card.

    Where a room loads a module of its own, and another thread has begun with that module, each waits for the other.
    Python ends that with an ImportError. So a room loads none, and has all that it names.
    """
    loads_none = f"print(*(each for each in sys.modules if '.{room}.' in each))"
    has_all = "print(*(name for name in room.__all__ if not hasattr(room, name)))"
    program = f"import sys, FailTaleLibrary.{room} as room; {loads_none}; {has_all}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.stdout == "\n\n", done.stdout + done.stderr


def test_a_thread_that_has_no_memory_to_say_that_it_began_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it dies of that, `threading.Thread.start` waits for ever."""
    monkeypatch.setattr(background._Thread, "_bootstrap", lambda thread: None, raising=False)
    monkeypatch.setattr(background._Begin, "patience_s", 0.1)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        background.start(lambda: None, name="failtale-test")


def test_a_thread_that_begins_after_it_was_given_up_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    begins, done = threading.Event(), threading.Event()
    begin = threading.Thread._bootstrap  # type: ignore[attr-defined]

    def bootstrap(thread: threading.Thread) -> None:
        begins.wait(FOREVER_S)
        begin(thread)
        done.set()

    worked: list[bool] = []
    monkeypatch.setattr(background._Thread, "_bootstrap", bootstrap, raising=False)
    monkeypatch.setattr(background._Begin, "patience_s", 0.1)
    with pytest.raises(RuntimeError):
        background.start(lambda: worked.append(True), name="failtale-test")
    begins.set()
    assert done.wait(PATIENCE_S)
    assert worked == []
