"""What a minion returned -> the answers of its items, byte by byte as they came on the minion. Pure."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.text import decode, one_line, shorten
from FailTaleLibrary.transports.base import VisitItem
from FailTaleLibrary.transports.salt_api import SaltError
from FailTaleLibrary.transports.visit_answers import AnswerReader, ItemAnswer

PROTOCOL = 1
"""Of what `on_host/salt_module.py` takes and returns."""
_TRIMMED = "VALUE_TRIMMED"
"""What the master puts in place of whatever exceeds its `max_event_size`."""
_MOST_BYTES = 64 * 1024 * 1024
"""That a return may unpack to: hundreds of times what any plan asks for, and no bomb."""
_SAID_CHARS = 300
_MODULE_LINES = (
    "'failtale gate --salt > /srv/salt/_modules/failtale.py' on the master, then 'salt '*' saltutil.sync_modules'"
)


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a minion says of itself."""

    clock: str
    zone: str
    gates: tuple[str, ...] = ()
    """Digests of the gates that its module has."""


@dataclass(frozen=True, slots=True)
class MinionReturn:
    """What a visit printed on a minion."""

    chunks: tuple[tuple[float, str, bytes], ...]
    """Seconds since it began, ``out`` or ``err``, bytes."""
    clock: tuple[float, float] | None
    """The minion's clock as it began and as it ended."""
    why: str
    """``ended``, ``late``, or ``full``: there was more than travels at once."""


def read_greeting(told: Any, minion: str) -> Greeting:
    """Of `failtale.hello`, or of `date` by ``cmd.run_all``. Raises SaltError."""
    told = _checked(told, minion)
    if "stdout" in told:
        clock, _, zone = str(told["stdout"]).strip().partition(" ")
        return Greeting(clock, zone)
    gates = told.get("gates")
    digests = tuple(map(str, gates)) if isinstance(gates, (list, tuple)) else ()
    return Greeting(f"{_number_of(told.get('clock')):.6f}", str(told.get("zone", "")), digests)


def read_return(told: Any, minion: str) -> MinionReturn:
    """Of `failtale.collect`, or of a visit by ``cmd.run_all``. Raises SaltError."""
    told = _checked(told, minion)
    if "stdout" in told:
        return _of_command(told, minion)
    if "data" not in told:
        raise SaltError("module", "failed", f"The module 'failtale' of minion '{minion}' has no gate; {_anew()}.")
    data = _unpacked_return(str(told["data"]), minion, wbits=zlib.MAX_WBITS)
    clock = told.get("clock")
    return MinionReturn(
        tuple(_cut_chunks(data, told.get("chunks"))),
        (_number_of(clock[0]), _number_of(clock[1])) if isinstance(clock, (list, tuple)) and len(clock) == 2 else None,
        str(told.get("why", "ended")),
    )


def read_answers(
    returned: MinionReturn, nonce: str, items: Mapping[int, VisitItem]
) -> tuple[AnswerReader, dict[int, ItemAnswer]]:
    """The reader with what was begun, and the answers that are complete, each with the time that it took there."""
    at = [0.0]
    reader = AnswerReader(nonce, clock=lambda: at[0])
    reader.items = items
    complete = {}
    for seconds, stream, data in returned.chunks:
        at[0] = seconds
        for number in reader.feed(stream, data):
            complete[number] = reader.answers[number]
            complete[number].stop()
    reader.take_the_rest()
    return reader, complete


def words_of(returned: MinionReturn) -> str:
    """What a visit said that answered nothing, for a reader."""
    said = b"".join(data for _, stream, data in returned.chunks if stream == "err")
    return shorten(one_line(decode(said)), _SAID_CHARS) or "nothing"


def _checked(told: Any, minion: str) -> dict[str, Any]:
    """A mapping as it was agreed on. Raises SaltError with what Salt says instead."""
    if _is_trimmed(told):
        raise SaltError(
            "minion",
            "failed",
            f"The master threw away what minion '{minion}' returned ({_TRIMMED}): its 'max_event_size' is less than "
            "the usual 1048576.",
        )
    if isinstance(told, dict) and (told.get("v") == PROTOCOL or "stdout" in told):
        return told
    if isinstance(told, dict) and "v" in told:
        raise SaltError(
            "module", "failed", f"The module 'failtale' of minion '{minion}' is another version's; {_anew()}."
        )
    said = shorten(one_line(decode(str(told).encode("utf-8", "surrogatepass"))), _SAID_CHARS)
    if "is not available" in said:
        raise SaltError("module", "command not found", f"Minion '{minion}' has no module 'failtale'; {_anew()}.")
    raise SaltError("minion", "failed", f"Minion '{minion}' returned no evidence, but: {said}")


def _anew() -> str:
    return f"make it with {_MODULE_LINES}"


def _is_trimmed(told: Any) -> bool:
    values = told.values() if isinstance(told, dict) else [told]
    return any(value == _TRIMMED for value in values)


def _number_of(told: Any) -> float:
    return float(told) if isinstance(told, (int, float)) and 0 <= told < 1e11 else 0.0


def _unpacked_return(text: str, minion: str, *, wbits: int) -> bytes:
    try:
        unpacker = zlib.decompressobj(wbits)
        return unpacker.decompress(base64.b64decode(text), _MOST_BYTES)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise SaltError("minion", "failed", f"What minion '{minion}' returned is damaged: {error}") from error


def _cut_chunks(data: bytes, chunks: Any) -> Iterator[tuple[float, str, bytes]]:
    position = 0
    for chunk in chunks if isinstance(chunks, (list, tuple)) else ():
        if not (isinstance(chunk, (list, tuple)) and len(chunk) == 3):
            return
        at, stream, size = (int(_number_of(each)) for each in chunk)
        yield at / 1000, "err" if stream == 2 else "out", data[position : position + size]
        position += size


def _of_command(told: Mapping[str, Any], minion: str) -> MinionReturn:
    """Of ``cmd.run_all``: both streams packed by the script, the clock at its end in the last line."""
    texts = [str(told.get(name) or "") for name in ("stdout", "stderr")]
    match = re.search(r"(?m)^=(\d+\.?\d*) (\d+\.?\d*) (\w+)$", texts[0])
    if match is None:
        said = shorten(one_line(decode(" ".join(texts).encode("utf-8", "replace"))), _SAID_CHARS)
        raise SaltError(
            "minion", "failed", f"The shell of minion '{minion}' ran nothing of FailTale's; it said: {said}"
        )
    stdout, stderr = (
        _unpacked_return(text, minion, wbits=16 + zlib.MAX_WBITS) for text in (texts[0][: match.start()], texts[1])
    )
    began, ended = float(match[1]), float(match[2])
    lasted_s = max(0.0, ended - began)
    chunks = ((lasted_s, "out", stdout), (lasted_s, "err", stderr))
    return MinionReturn(chunks, (began, ended), match[3])
