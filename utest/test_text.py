"""Whatever comes from a host may be shown anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from FailTaleLibrary.text import decode, sanitize


@given(st.text() | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_any_text_becomes_encodable_and_free_of_control_characters(text: str) -> None:
    clean = sanitize(text)
    clean.encode("utf-8")
    assert not [c for c in clean if (ord(c) < 32 and c not in "\t\n") or 0x7F <= ord(c) <= 0x9F]


@given(st.text(st.characters(), max_size=200))
def test_sanitising_twice_is_sanitising_once(text: str) -> None:
    assert sanitize(sanitize(text)) == sanitize(text)


@given(st.binary())
def test_any_bytes_become_text(data: bytes) -> None:
    decode(data).encode("utf-8")


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (b"plain \xc3\xa4 text\tand tab\n", "plain ä text\tand tab\n"),
        (b"\xff\xfe broken", "\\xff\\xfe broken"),
        (b"\x1b[31mERROR\x1b[0m disk full", "ERROR disk full"),
        (b"\x1b]0;title\x07after", "after"),
        (b"a\x00b\x08c", "abc"),
        (b"progress 10%\rprogress 20%\r\n", "progress 10%\nprogress 20%\n"),
    ],
)
def test_bytes_of_a_host_become_readable_text(raw: bytes, clean: str) -> None:
    assert decode(raw) == clean


def test_a_lone_surrogate_is_shown_and_does_not_survive() -> None:
    assert sanitize("a\udcffb") == "a\\udcffb"


def test_direction_overrides_are_shown_as_what_they_are() -> None:
    assert sanitize("safe\u202eexe.txt") == "safe\\u202eexe.txt"
