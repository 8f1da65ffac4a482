"""Private keys over several lines, with or without their first and last line -> the places of their bodies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from FailTaleLibrary.lazy import regex
from FailTaleLibrary.redaction.spans import Match, Span, compiled, only_tokens

_RULE = "key block"
_LONGEST = 64 * 1024
"""More than any real key has; a BEGIN whose END stands further away counts as cut off."""

MARKER = compiled(
    rb"-{4,5} ?(BEGIN|END) ((?:[A-Z0-9]+ ){0,4})(?:(PRIVATE KEY|ENCRYPTED PRIVATE KEY)(?: BLOCK)?|([A-Z0-9 ]+)) ?-{4,5}"
)
_MAGIC = compiled(
    rb"(?:b3BlbnNzaC1rZXktdjE|MII[A-Za-z0-9+/]{3}IBA[ADQ]|MHcCAQEE|MHQCAQEE|MIGHAgEA|MIGkAgEB|MC4CAQAw"
    rb"|LS0tLS1CRUdJTi(?:BQUklWQVRF|BSU0Eg|BFQyBQ|BPUEVO|BFTkNSWVBURUQ|BEU0Eg))[A-Za-z0-9+/\\\n]{16,}=*"
)
_BODY = regex(rb"[A-Za-z0-9+/]{2,80}={0,2}")
_FULL = regex(rb"[A-Za-z0-9+/]{40,76}")
_TAIL = regex(rb"[A-Za-z0-9+/]{2,76}={0,2}")
_HEAD = regex(
    rb"(?:Proc-Type|DEK-Info|Comment|Version|Encryption|Public-Lines|Private-Lines|Private-MAC|Hash): ?.*"
    rb"|=[A-Za-z0-9+/]{4}|"
)
_PUTTY = regex(rb"Private-Lines: (\d{1,4})\r?\n")
_HEX = regex(rb"[0-9a-fA-F]+")
# What is searched in everything, on RE2.
_SCAN = compiled(rb"[A-Za-z0-9+/]{40}[A-Za-z0-9+/]*[=\s]*(?:\n|$)")


def spans(data: bytes) -> Iterator[Span]:
    """Bodies of private keys; certificates and public keys stay."""
    public: list[tuple[int, int]] = []
    for start, end, is_private in _blocks(data):
        if is_private:
            yield from _key_body(data, start, end)
        else:
            public.append((start, end))
    for putty in _PUTTY.finditer(data):
        yield from _lines_after(data, putty.end(), int(putty[1]))
    for magic in _MAGIC.finditer(data):
        if not _is_within(public, magic.start()):
            yield Span(magic.start(), magic.end(), _RULE)
    for start, end in _headless(data):
        if not _is_within(public, start):
            yield Span(start, end, _RULE)


def _blocks(data: bytes) -> Iterator[tuple[int, int, bool]]:
    """(start, end, whether private) of what stands between markers, also where one of the two is missing."""
    if b"---- BEGIN" not in data and b"----BEGIN" not in data and b"--END" not in data and b"-- END" not in data:
        return
    opened: Match | None = None
    for marker in MARKER.finditer(data):
        if marker[1] == b"BEGIN":
            if opened is not None:
                yield opened.end(), _cut_off(data, opened.end()), _is_private(opened)
            opened = marker
            continue
        if opened is not None and marker.start() - opened.end() <= _LONGEST:
            yield opened.end(), marker.start(), _is_private(opened)
        else:
            yield _begun(data, marker.start()), marker.start(), _is_private(marker)
        opened = None
    if opened is not None:
        yield opened.end(), _cut_off(data, opened.end()), _is_private(opened)


def _is_private(marker: Match) -> bool:
    return b"PRIVATE" in marker[0] or b"SECRET" in marker[0] or b"ENCRYPTED" in marker[0]


def _key_body(data: bytes, start: int, end: int) -> Iterator[Span]:
    """The body without the line ends (real or written ``\\n``) at its borders."""
    body = data[start:end]
    left = re.match(rb"(?:\s|\\+[nr])*", body)
    right = re.search(rb"(?:\s|\\+[nr])*$", body[-64:])
    first = start + (left.end() if left else 0)
    last = end - (len(right[0]) if right else 0)
    if first < last and not only_tokens(data[first:last]):
        yield Span(first, last, _RULE)


def _cut_off(data: bytes, start: int) -> int:
    """Where the body of a block without END ends: with its last line that looks like one."""
    end = start
    line_end = data.find(b"\n", start)
    inline = re.match(rb"(?:\\+[nr]|[A-Za-z0-9+/=\\])+", data[start : len(data) if line_end < 0 else line_end])
    if inline:
        end = start + inline.end()
    at = line_end + 1
    while 0 < at < len(data) and at - start <= _LONGEST:
        line_end = data.find(b"\n", at)
        line_end = len(data) if line_end < 0 else line_end
        line = data[at:line_end].strip()
        if not _belongs(line):
            break
        if line:
            end = line_end
        at = line_end + 1
    return end


def _begun(data: bytes, end: int) -> int:
    """Where the body of a block without BEGIN begins: with the first of the lines before END that look like one."""
    start = end
    at = data.rfind(b"\n", 0, end)
    inline = re.search(rb"(?:\\+[nr]|[A-Za-z0-9+/=])+$", data[max(at + 1, end - _LONGEST) : end])
    if inline:
        start = end - len(inline[0])
    while at > 0 and end - at <= _LONGEST:
        before = data.rfind(b"\n", 0, at)
        line = data[before + 1 : at]
        last = line.strip().rpartition(b" ")[2]
        if not last or not (_belongs(line.strip()) or (start == end and _TAIL.fullmatch(line.strip()))):
            break
        start = before + 1 + line.rfind(last)
        at = before
    return start


def _belongs(line: bytes) -> bool:
    """Whether a stripped line is part of a block that is known to be one; a logger may have put words before it."""
    if _HEAD.fullmatch(line):
        return True
    last = line.rpartition(b" ")[2]
    return bool(_TAIL.fullmatch(last)) and (len(last) >= (16 if last == line else 40) or _is_last(last))


def _lines_after(data: bytes, start: int, count: int) -> Iterator[Span]:
    end = at = start
    for _ in range(count):
        line_end = data.find(b"\n", at)
        line_end = len(data) if line_end < 0 else line_end
        if not _BODY.fullmatch(data[at:line_end].strip()):
            break
        end, at = line_end, line_end + 1
    if start < end:
        yield Span(start, end, _RULE)


def _headless(data: bytes) -> Iterator[tuple[int, int]]:
    """Runs of two or more lines that can only be the middle of a block: equally long, no words, no digests."""
    at = 0
    while found := _SCAN.search(data, at):
        start = data.rfind(b"\n", 0, found.start()) + 1
        first, end, count = _run_of_lines(data, start)
        if count >= 2:
            yield first, end
        at = max(end, found.end())


def _run_of_lines(data: bytes, start: int) -> tuple[int, int, int]:
    """(start of the first body, end of the last, number of full lines) from one line on."""
    first, end, count, length = start, start, 0, 0
    at = start
    while at < len(data):
        line_end = data.find(b"\n", at)
        line_end = len(data) if line_end < 0 else line_end
        line = data[at:line_end].rstrip()
        last = line.rpartition(b" ")[2]
        is_bare = last == line.strip()
        if _is_full(last, is_bare=is_bare) and length in (0, len(last)):
            first = first if count else at + len(line) - len(last)
            count, length, end = count + 1, len(last), at + len(line)
        else:
            if count >= 2 and length and len(last) < length and _is_last(last):
                end = at + len(line)
            break
        at = line_end + 1
    return first, max(end, min(at, len(data))) if not count else end, count


def _is_full(word: bytes, *, is_bare: bool) -> bool:
    if not _FULL.fullmatch(word) or _HEX.fullmatch(word) or (not is_bare and len(word) not in (64, 70, 76)):
        return False
    return _is_mixed(word)


def _is_mixed(word: bytes) -> bool:
    return word.lower() != word and word.upper() != word and any(48 <= char <= 57 for char in word)


def _is_last(word: bytes) -> bool:
    return bool(_TAIL.fullmatch(word)) and (word.endswith(b"=") or _is_mixed(word))


def _is_within(places: list[tuple[int, int]], at: int) -> bool:
    return any(start <= at < end for start, end in places)


def may_go_on(line: str) -> bool:
    """Whether a line may be part of a key whose rest follows."""
    raw = line.encode("utf-8", "surrogatepass").strip()
    return b"BEGIN " in raw or (bool(raw) and _belongs(raw))


def ends_a_block(line: str) -> bool:
    """Whether a key block ends here."""
    return "-END " in line or "- END " in line
