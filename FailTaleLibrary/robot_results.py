"""Robot Framework's data and result objects -> Failure, with no secret in it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from itertools import islice
from typing import TYPE_CHECKING, Any

from FailTaleLibrary.log import logger_of
from FailTaleLibrary.records import Failure, FailureScope, KeywordStep, Window

if TYPE_CHECKING:  # tests that pass need none of it
    from FailTaleLibrary.redaction import Redactor
    from FailTaleLibrary.redaction.redactor import RecordRedactor

_log = logger_of(__name__)

MAX_KEYWORDS = 200
"""Keywords of one failure that are kept: the last ones, since those stand near the failure."""
MAX_VALUES = 10_000
"""Looked at in one variable, for secrets."""
_RUN_KEYWORD_OWNER = "BuiltIn"
_TRY = "TRY/EXCEPT ROOT"

Places = Mapping[int, tuple[str | None, int | None]]
"""``id`` of a result object -> source and line of its data; only data knows the line (robot.result has none)."""


def failure_of_test(result: Any, *, places: Places, redactor: Redactor, attempt: int = 1) -> Failure:
    """The failure of one test or task, as far as it has run.

    ``result`` is robot.result.TestCase as a listener gets it. The window ends when the failing keyword ended.
    """
    path = list(_failing_path(result))
    return _failure_of_result(
        result,
        scope="test",
        name=result.name,
        suite=result.parent.full_name if result.parent else "",
        items=path,
        ran=tuple(_ran(result)),
        places=places,
        redactor=redactor,
        attempt=attempt,
    )


def failure_of_suite_fixture(keyword: Any, suite: Any, *, places: Places, redactor: Redactor) -> Failure:
    """The failure of a suite's setup or teardown; ``keyword`` is its robot.result.Keyword."""
    scope: FailureScope = "suite setup" if keyword.type == "SETUP" else "suite teardown"
    return _failure_of_result(
        keyword,
        scope=scope,
        name=f"{scope.capitalize()} of {suite.name}",
        suite=suite.full_name,
        items=[keyword, *_failing_path(keyword)],
        ran=tuple(_ran(keyword)),
        places=places,
        redactor=redactor,
        attempt=1,
    )


def secret_variables(variables: Mapping[str, Any]) -> tuple[str, ...]:
    """Values of Robot variables that are secrets: by the variable's name, or because Robot says so (`Secret`, >= 7.4).

    Lists and dictionaries are looked into, three levels deep; one that is named like a secret holds nothing else.
    """
    from FailTaleLibrary.redaction import secret_values

    found: dict[str, None] = {}
    for name, value in variables.items():
        try:
            named = dict(islice(_named_texts({name: value}, depth=3), MAX_VALUES))
            found |= dict.fromkeys(secret_values(named))
            found |= dict.fromkeys(islice(_marked_secrets([value], depth=3), MAX_VALUES))
        except Exception:  # a variable may be anything, and must not cost the evidence
            _log.debug("variable %s could not be searched for secrets", name, exc_info=True)
    return tuple(found)


def _failure_of_result(
    result: Any,
    *,
    scope: FailureScope,
    name: str,
    suite: str,
    items: list[Any],
    ran: tuple[tuple[int, Any], ...],
    places: Places,
    redactor: Redactor,
    attempt: int,
) -> Failure:
    from FailTaleLibrary.redaction.redactor import RecordRedactor

    safe = RecordRedactor(redactor)
    source, line = places.get(id(result), (None, None))
    return Failure(
        id=secrets.token_hex(16),
        scope=scope,
        name=safe.short(name),
        suite=safe.short(suite),
        source=safe.short(source) if source else None,
        line=line,
        tags=tuple(safe.short(tag) for tag in getattr(result, "tags", ())),
        message=safe.short(result.message),
        window=Window(start=_started_at(result), end=_failed_at(items)),
        keyword_path=tuple(_keyword_step(item, depth, places, safe) for depth, item in enumerate(items)),
        keywords=tuple(_keyword_step(item, depth, places, safe) for depth, item in ran[-MAX_KEYWORDS:]),
        attempt=attempt,
        redactions=safe.redactions(),
    )


def _started_at(result: Any) -> datetime:
    return _utc(result.start_time) or datetime.now(timezone.utc)


def _failed_at(items: list[Any]) -> datetime:
    """When the innermost failing keyword ended; now, where that is not known."""
    innermost = items[-1] if items else None
    return _utc(getattr(innermost, "end_time", None)) or datetime.now(timezone.utc)


def _utc(moment: datetime | None) -> datetime | None:
    """Robot's naive local time as aware UTC."""
    return moment.astimezone(timezone.utc) if moment else None


def _failing_path(result: Any) -> Iterator[Any]:
    """The failing items from the outermost to the innermost; handled failures (TRY, Ignore Error) are not entered."""
    item = _failing_child(result)
    while item is not None:
        yield item
        item = _failing_child(item)


def _failing_child(result: Any) -> Any | None:
    children = list(_children(result))
    failed = [child for child in children if getattr(child, "status", "") == "FAIL"]
    if not failed:
        return None
    if getattr(result, "owner", None) == _RUN_KEYWORD_OWNER or getattr(result, "type", None) == _TRY:
        return failed[-1]  # Wait Until Keyword Succeeds and its kin fail with their last attempt, TRY with its handler
    return failed[0]


def _children(result: Any) -> Iterator[Any]:
    """Setup, body and teardown, in the order in which Robot runs them."""
    if getattr(result, "has_setup", False):
        yield result.setup
    yield from getattr(result, "body", ())
    if getattr(result, "has_teardown", False):
        yield result.teardown


def _ran(result: Any, depth: int = 0) -> Iterator[tuple[int, Any]]:
    """Keywords that ran, two levels deep: below that they say little about when."""
    for child in _children(result):
        if getattr(child, "status", "NOT RUN") == "NOT RUN":
            continue
        if _is_keyword(child):
            yield depth, child
        if depth < 1:
            yield from _ran(child, depth + 1)


def _is_keyword(item: Any) -> bool:
    """A keyword, not a control structure: some of those have `args`, too, which Robot 7.5 warns about."""
    return hasattr(item, "full_name")


def _keyword_step(item: Any, depth: int, places: Places, safe: RecordRedactor) -> KeywordStep:
    is_keyword = _is_keyword(item)
    source, line = places.get(id(item), (None, None))
    return KeywordStep(
        name=safe.short(item.full_name if is_keyword and item.full_name else " ".join(str(item).split())),
        kind=item.type,
        arguments=tuple(safe.short(argument) for argument in item.args) if is_keyword else (),
        source=safe.short(source) if source else None,
        line=line,
        status=item.status,
        started_at=_utc(item.start_time),
        elapsed_s=item.elapsed_time.total_seconds(),
        depth=depth,
    )


def _named_texts(values: Mapping[str, Any], *, way: tuple[str, ...] = (), depth: int) -> Iterator[tuple[str, str]]:
    """Texts by the names on their way, each of which comes last once: ``PASSWORDS.admin`` and ``admin.PASSWORDS``."""
    for key, value in values.items():
        here = (*way, _bare(key))
        if isinstance(value, str):
            yield from ((".".join(here[turn:] + here[:turn]), value) for turn in range(len(here)))
        elif isinstance(value, Mapping) and depth:
            yield from _named_texts(value, way=here, depth=depth - 1)
        elif isinstance(value, list | tuple) and depth:
            yield from _named_texts({str(i): each for i, each in enumerate(value)}, way=here, depth=depth - 1)


def _bare(name: object) -> str:
    """``${DB PASSWORD}`` -> ``DB PASSWORD``."""
    return str(name).strip("$@&%{}")


def _marked_secrets(values: Mapping[Any, Any] | Iterable[Any], *, depth: int) -> Iterator[str]:
    for value in values.values() if isinstance(values, Mapping) else values:
        if type(value).__name__ == "Secret" and isinstance(getattr(value, "value", None), str):
            yield value.value
        elif isinstance(value, Mapping | list | tuple) and depth:
            yield from _marked_secrets(value, depth=depth - 1)
