"""One parser of foreign bytes, fed by atheris: ``python -m bench.fuzz TARGET -max_total_time=60``.

A target may raise only what its docstring promises; anything else ends the run with the bytes that did it, which become
a test. ``pip install atheris`` (Python 3.11 to 3.13) comes first.
"""

from __future__ import annotations

import base64
import contextlib
import sys
import tempfile
import zlib
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

NEAR = datetime(2026, 11, 22, 3, 12, tzinfo=timezone.utc)


def main() -> int:
    import atheris  # type: ignore[import-not-found]  # no dependency of the project

    with atheris.instrument_imports(include=["FailTaleLibrary"]):
        targets = _targets()
    if len(sys.argv) < 2 or sys.argv[1] not in targets:
        print(f"Name a target: {', '.join(targets)}.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as seeds:
        Path(seeds, "report").write_bytes(_a_report())
        more = [seeds, "-max_len=20000"] if sys.argv[1] == "payload" else []  # by chance no bytes become a record
        atheris.Setup([sys.argv[0], *sys.argv[2:], *more], targets[sys.argv[1]])
        atheris.Fuzz()
    return 0


def _a_report() -> bytes:
    """The smallest report that a payload can carry."""
    from FailTaleLibrary.api import Config, Run

    with Run(Config(), environ={}) as run:
        return run.collect_failure(run.failure("Order", start=NEAR)).model_dump_json().encode()


def _targets() -> dict[str, Callable[[bytes], object]]:
    from FailTaleLibrary.archive import from_payload
    from FailTaleLibrary.config.messages import Mistakes
    from FailTaleLibrary.config.model import Limits
    from FailTaleLibrary.config.yaml_source import read_document
    from FailTaleLibrary.errors import ArchiveError, GatewayError, RedactionError
    from FailTaleLibrary.gateway.bounds import bounded
    from FailTaleLibrary.gateway.record import unpack_handover
    from FailTaleLibrary.mcp_server.access import Callers
    from FailTaleLibrary.redaction import Redactor
    from FailTaleLibrary.text import decode, sanitize
    from FailTaleLibrary.timestamps import parse
    from FailTaleLibrary.transports.known_hosts import parse_known_hosts
    from FailTaleLibrary.transports.visit_answers import Frame, FrameSplitter
    from FailTaleLibrary.windows.mark_command import parse_mark
    from FailTaleLibrary.windows.output import parse_host_output

    redactor = Redactor(known=["zanzibar-7"])
    callers = Callers(["10.0.0.0/8"])

    def frames(data: bytes) -> None:
        stdout, _, stderr = data.partition(b"|")
        parse_host_output(stdout.replace(b"@", b"\x1en "), stderr.replace(b"@", b"\x1en "), nonce="n")

    def marks(data: bytes) -> None:
        with contextlib.suppress(ValueError):
            mark = parse_mark(data.replace(b"@", b"\x1en ") + b"\n\x1en clock 1\n", nonce="n")
            if mark.epoch is not None and not 0 <= mark.epoch < 1e11:
                raise AssertionError(mark)

    def listings(data: bytes) -> None:
        """Names of files, which nobody but the host has chosen: below headings, in notes, of look-backs."""
        told = b"".join(
            b"\x1en %s %s\n" % (word, data) for word in (b"part sure 9", b"lost", b"method mark", b"span 1")
        )
        output = parse_host_output(b"\x1en part sure 99 " + data + b"\nline\n", b"\x1en several\n" + told, nonce="n")
        for text in (decode(output.text), sanitize(output.note), *(sanitize(part.path) for part in output.parts)):
            if "\x1b" in text or "\u202e" in text or any("\ud800" <= char <= "\udfff" for char in text):
                raise AssertionError(text)

    def visit(data: bytes) -> None:
        """A stream is cut at the same frames wherever its chunks end."""
        stream = data.replace(b"@", b"\x1en ")
        pieces = [_pieces(stream, size) for size in (1, 7, len(stream) + 1)]
        if pieces[1:] != pieces[:-1]:
            raise AssertionError(pieces)

    def _pieces(stream: bytes, size: int) -> tuple[bytes, list[Frame]]:
        splitter = FrameSplitter("n")
        parts = [part for at in range(0, len(stream), size) for part in splitter.feed(stream[at : at + size])]
        text = b"".join(part for part in parts if isinstance(part, bytes)) + splitter.rest()
        return text, [part for part in parts if isinstance(part, Frame)]

    def times(data: bytes) -> None:
        parse(data.decode("utf-8", "replace"), utc_offset_s=0, near=NEAR)

    def known_hosts(data: bytes) -> None:
        parse_known_hosts(data.decode("utf-8", "replace"), "fuzz").keys_of("web1")

    def payload(data: bytes) -> None:
        with contextlib.suppress(ArchiveError):
            from_payload("failtale:1:" + base64.b64encode(zlib.compress(data)).decode())

    def gateway_record(data: bytes) -> None:
        with contextlib.suppress(GatewayError):
            word = base64.b64encode(zlib.compress(data)).decode()
            bounded(unpack_handover(word, max_bytes=10_000_000), Limits(), now=NEAR)

    def redaction(data: bytes) -> None:
        with contextlib.suppress(RedactionError):
            safe = redactor.safe_text(data.decode("utf-8", "replace"))
            if "zanzibar-7" in safe:
                raise AssertionError(safe)

    def terminal(data: bytes) -> None:
        text = decode(data)
        if sanitize(text) != text or "\x1b" in text or "\u202e" in text:
            raise AssertionError(text)

    def configuration(data: bytes) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            read_document(data.decode("utf-8"), Path("fuzz.yaml"), mistakes=Mistakes(), environ={})

    def forwarded(data: bytes) -> None:
        caller = callers.caller_of({"client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-for", data)]})
        if len(caller) > 45:
            raise AssertionError(caller)

    made = (
        *(frames, marks, listings, visit, times, known_hosts, payload, gateway_record),
        *(redaction, terminal, configuration, forwarded),
    )
    return {target.__name__: target for target in made}


if __name__ == "__main__":
    sys.exit(main())
