"""Robot Framework's data and result objects -> Failure, with no secret in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from FailTaleLibrary.belonging.used_texts import UsedText, can_name
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.records import Failure, FailureScope, Identifier, KeywordStep, Window

if TYPE_CHECKING:  # tests that pass need none of it
    from FailTaleLibrary.redaction import Redactor
    from FailTaleLibrary.redaction.redactor import RecordRedactor
    from FailTaleLibrary.screenshots import OutputFolders, ShownPicture

_log = logger_of(__name__)

MAX_KEYWORDS = 200
"""Keywords of one failure that are kept: the last ones, since those stand near the failure."""
MAX_NODES = 20_000
"""Of a test's keywords and messages that are looked through for what the test used."""
MAX_USED = 150
"""First, and last, texts of a kind that a test used."""
MAX_VALUES = 10_000
"""Looked at in one variable, for secrets."""
_RUN_KEYWORD_OWNER = "BuiltIn"
_TRY = "TRY/EXCEPT ROOT"

Places = Mapping[int, tuple[str | None, int | None]]
"""``id`` of a result object -> source and line of its data; only data knows the line (robot.result has none)."""


def failure_of_test(
    result: Any,
    *,
    places: Places,
    redactor: Redactor,
    variables: Mapping[str, Any] = MappingProxyType({}),
    attempt: int = 1,
    folders: OutputFolders | None = None,
) -> Failure:
    """The failure of one test or task, as far as it has run.

    ``result`` is robot.result.TestCase as a listener gets it; ``variables`` are those of the test. The window ends when
    the failing keyword ended. ``folders`` are where its screenshots may be.
    """
    path = list(_failing_path(result))
    return _failure_of_result(
        result,
        scope="test",
        name=result.name,
        suite=result.parent.full_name if result.parent else "",
        items=path,
        ran=tuple(_ran(result)),
        used=_used_in_test(result, variables),
        places=places,
        redactor=redactor,
        attempt=attempt,
        folders=folders,
    )


def failure_of_suite_fixture(
    keyword: Any, suite: Any, *, places: Places, redactor: Redactor, folders: OutputFolders | None = None
) -> Failure:
    """The failure of a suite's setup or teardown; ``keyword`` is its robot.result.Keyword."""
    scope: FailureScope = "suite setup" if keyword.type == "SETUP" else "suite teardown"
    return _failure_of_result(
        keyword,
        scope=scope,
        name=f"{scope.capitalize()} of {suite.name}",
        suite=suite.full_name,
        items=[keyword, *_failing_path(keyword)],
        ran=tuple(_ran(keyword)),
        used=used_in((keyword,)),
        places=places,
        redactor=redactor,
        attempt=1,
        folders=folders,
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
    used: Iterable[UsedText],
    places: Places,
    redactor: Redactor,
    attempt: int,
    folders: OutputFolders | None,
) -> Failure:
    import secrets

    from FailTaleLibrary.redaction.redactor import RecordRedactor

    safe = RecordRedactor(redactor)
    source, line = places.get(id(result), (None, None))
    failure = Failure(
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
        identifiers=_identifiers_of(used, result.message, redactor),
        attempt=attempt,
        redactions=safe.redactions(),
    )
    return failure if folders is None else failure_with_screenshots(failure, result, folders, redactor)


def failure_with_screenshots(failure: Failure, result: Any, folders: OutputFolders, redactor: Redactor) -> Failure:
    """The failure with the pictures that its test (or suite's setup or teardown), ``result``, has shown by now."""
    from FailTaleLibrary.redaction.redactor import RecordRedactor
    from FailTaleLibrary.screenshots import with_screenshots

    try:
        return with_screenshots(failure, shown_pictures(result), folders, RecordRedactor(redactor).short)
    except Exception:  # a picture must not cost the evidence
        _log.debug("the test could not be searched for screenshots", exc_info=True)
        return failure


# --- What a test used ------------------------------------------------------------------------------------------------

_VARIABLE = re.compile(r"[$@&]\{[^{}]*\}(?:\[[^]]*\])*")
_ASSIGNED = re.compile(r"[$@&]\{[^{}]+\} = ")
_KEYWORDS = frozenset({"KEYWORD", "SETUP", "TEARDOWN"})


class Mention(NamedTuple):
    """What a keyword was given, or the text of a message, as it stands in a result; nobody has looked into it yet."""

    texts: Sequence[object]
    keyword: str = ""
    is_message: bool = False


def mentions_in(items: Iterable[Any], *, most: int = MAX_NODES) -> list[Mention]:
    """Of so many keywords and messages, each ahead of what it holds, those that mention something.

    ``items`` are of robot.result, which forgets them once a test has ended. It is called for each test that passes.
    """
    mentions: list[Mention] = []
    _note_mentions(items, mentions, most)
    return mentions


def _note_mentions(items: Iterable[Any], mentions: list[Mention], most: int) -> int:
    """Notes them, and says of how many items more it may be done."""
    for item in items:
        if most <= 0:
            break
        most -= 1
        kind = getattr(item, "type", "")
        if kind == "MESSAGE":
            mentions.append(Mention((item.message,), is_message=True))
        elif kind in _KEYWORDS:
            if args := item.args:
                mentions.append(Mention(args, item.name or ""))
            if item.has_setup:
                most = _note_mentions((item.setup,), mentions, most)
            if body := item.body:
                most = _note_mentions(body, mentions, most)
            if item.has_teardown:
                most = _note_mentions((item.teardown,), mentions, most)
        elif body := getattr(item, "body", ()):
            most = _note_mentions(body, mentions, most)
    return most


def used_in(items: Iterable[Any], *, variables: Mapping[str, Any] = MappingProxyType({})) -> tuple[UsedText, ...]:
    """What keywords were given, what they returned, and what they logged: in this order, each text once.

    ``items`` are of robot.result; ``variables`` stand in the place of their names.
    """
    return tuple(used_texts(mentions_in(items), variables=variables))


def used_texts(
    mentions: Iterable[Mention], *, variables: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[UsedText]:
    """What was given, returned and logged: in this order, each text once.

    Of many texts the first and the last are kept, because what a test works with is made at its begin, and loops repeat
    themselves.
    """
    arguments: dict[str, UsedText] = {}
    values: dict[str, UsedText] = {}
    output: dict[str, UsedText] = {}
    for mention in mentions:
        for each in mention.texts:
            if mention.is_message:
                text = str(each)
                is_value = _ASSIGNED.match(text) is not None
                (values if is_value else output)[text] = UsedText(text, "value" if is_value else "message")
            elif text := _with_values(str(each), variables):
                arguments.setdefault(text, UsedText(text, "argument", mention.keyword))
    for kind in (arguments, values, output):
        yield from _first_and_last(list(kind.values()))


def _used_in_test(result: Any, variables: Mapping[str, Any]) -> tuple[UsedText, ...]:
    """Of the test itself, and of the setups of its suites, which made what their tests work with."""
    setups = [suite.setup for suite in _suites_of(result) if getattr(suite, "has_setup", False)]
    return (*used_in(_children(result), variables=variables), *used_in(setups))


def _suites_of(result: Any) -> Iterator[Any]:
    suite = result.parent
    while suite is not None:
        yield suite
        suite = suite.parent


def _with_values(argument: str, variables: Mapping[str, Any]) -> str:
    """An argument with values in place of plain variables; empty where one is not known."""
    if "{" not in argument:
        return argument
    names = set(_VARIABLE.findall(argument))
    known = {name: variables.get(name) for name in names}
    if any(not can_name(value) for value in known.values()):
        return ""
    return _VARIABLE.sub(lambda match: str(known[match[0]]), argument)


def _first_and_last(texts: list[UsedText]) -> list[UsedText]:
    return texts if len(texts) <= 2 * MAX_USED else [*texts[:MAX_USED], *texts[-MAX_USED:]]


def _identifiers_of(used: Iterable[UsedText], message: str, redactor: Redactor) -> tuple[Identifier, ...]:
    from FailTaleLibrary.belonging.identifiers import identifiers_in
    from FailTaleLibrary.redaction.redactor import RecordRedactor

    try:
        return identifiers_in([*used, UsedText(message, "failure")], RecordRedactor(redactor).short)
    except Exception:  # what proves a line to be the test's must not cost the evidence
        _log.debug("the test could not be searched for identifiers", exc_info=True)
        return ()


# --- What a test showed ----------------------------------------------------------------------------------------------

_PATH_OF_PICTURE = re.compile(r"(?:[$&@]\{[^{}]+\} = |.*?: ?'?)?(\S.*\.(?:png|jpe?g|webp|gif|bmp))'?\.?", re.IGNORECASE)


def shown_pictures(result: Any) -> Iterator[ShownPicture]:
    """The pictures that a test, a suite's setup or its teardown has logged so far, the newest first.

    A keyword that takes a screenshot and shows none says its path: as what it returned, or in a sentence.
    """
    from FailTaleLibrary.screenshots import ShownPicture

    for message, owner in islice(_messages_backwards(result), MAX_NODES):
        keyword = str(owner.name or "") if _is_keyword(owner) else ""
        at = _utc(getattr(message, "timestamp", None))
        for address in reversed(_pictures_of(str(message.message), keyword, is_html=message.html)):
            yield ShownPicture(address, keyword=keyword, at=at)


def _pictures_of(message: str, keyword: str, *, is_html: bool) -> list[str]:
    from FailTaleLibrary.screenshots import MAX_ADDRESS, addresses_in

    if is_html:
        from FailTaleLibrary.rendering import is_card  # with all that draws cards: hosts would wait for that

        return [] if is_card(message) else list(addresses_in(message))
    is_told = "screenshot" in keyword.lower() and len(message) <= MAX_ADDRESS
    path = _PATH_OF_PICTURE.fullmatch(message) if is_told else None
    return [quote(path[1])] if path else []


def _messages_backwards(item: Any) -> Iterator[tuple[Any, Any]]:
    """The messages below an item with what each belongs to, the last first."""
    for child in reversed(list(_children(item))):
        if getattr(child, "type", "") == "MESSAGE":
            yield child, item
        else:
            yield from _messages_backwards(child)


# --- Times and the failing path --------------------------------------------------------------------------------------


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
