"""Whatever comes from a host may be shown anywhere."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from FailTaleLibrary.text import (
    count,
    decode,
    duration,
    fair_shares,
    newest_whole_lines,
    sanitize,
    shorten,
    shorten_to_bytes,
    without_ci_commands,
)


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


@pytest.mark.parametrize(
    "char", ["\u202e", "\u200b", "\u2060", "\u034f", "\ufffa", "\ufeff", "\U000e0069", "\U000e0101"]
)
def test_what_no_reader_sees_is_shown_as_what_it_is(char: str) -> None:
    assert sanitize(f"safe{char}exe.txt") == f"safe{char.encode('unicode-escape').decode()}exe.txt"


@pytest.mark.parametrize(
    "text", ["\u0645\u06cc\u200c\u062e", "\U0001f469\u200d\U0001f4bb \u2764\ufe0f", "naïve e\u0301"]
)
def test_what_joins_letters_and_signs_stays(text: str) -> None:
    assert sanitize(text) == text


# --- Cutting ----------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 200))
def test_a_shortened_text_keeps_to_its_limit_and_its_ends_and_says_so(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert (short == text) == (len(text) <= limit)
    if short != text and limit >= 3:
        assert "…" in short
        assert short[0] == text[0]
        assert short[-1] == text[-1]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 200))
def test_bytes_are_kept_as_strictly_as_characters(text: str, limit: int) -> None:
    short = shorten_to_bytes(text, limit)
    assert len(short.encode()) <= limit
    assert (short == text) == (len(text.encode()) <= limit)


def test_the_mark_of_a_cut_counts_what_went() -> None:
    short = shorten("12:01:03 " + "x" * 5000 + " connection refused", 100)
    assert short.startswith("12:01:03 xxx")
    assert short.endswith("x connection refused")
    front, _, end = short.partition(" [… ")
    number, _, end = end.partition(" characters …] ")
    assert int(number.replace(",", "")) == 5028 - len(front) - len(end)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]))), st.integers(0, 200))
def test_the_newest_lines_are_whole_as_far_as_there_is_one_that_fits(lines: list[str], limit: int) -> None:
    text = "".join(f"{line}\n" for line in lines)
    newest = newest_whole_lines(text, limit)
    assert len(newest.encode()) <= limit
    assert text.endswith(newest)
    if "\n" in newest[:-1]:
        assert newest.splitlines() == text.splitlines()[-len(newest.splitlines()) :]


@given(st.dictionaries(st.text(), st.integers(0, 1000)), st.integers(-5, 5000))
def test_shares_are_fair(wanted: dict[str, int], available: int) -> None:
    shares = fair_shares(wanted, available)
    assert shares.keys() == wanted.keys()
    assert sum(shares.values()) <= max(0, available)
    assert all(shares[name] <= wanted[name] for name in wanted)
    cut = [name for name in wanted if shares[name] < wanted[name]]
    if cut:
        assert max(shares[name] for name in cut) - min(shares[name] for name in cut) <= 1
        assert max(shares.values()) == max(shares[name] for name in cut)
        assert sum(shares.values()) > max(0, available) - len(wanted)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 ms"),
        (0.0804, "80 ms"),
        (2.06, "2.1 s"),
        (9.96, "10 s"),
        (119.4, "119 s"),
        (120, "2 min"),
        (185.2, "3 min 5 s"),
        (7500, "2 h 5 min"),
        (266_400, "3 d 2 h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(("number", "words"), [(0, "0 lines"), (1, "1 line"), (1204, "1,204 lines")])
def test_a_count_agrees_with_its_noun(number: int, words: str) -> None:
    assert count(number, "line") == words


# --- CI servers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION"])
@pytest.mark.parametrize(
    "command",
    [
        "::add-mask::e",
        "   ::set-output name=a::b",
        "\u00a0::stop-commands::x",
        "quiet\n::error::x",
        "a ##[error]b",
        "x ##vso[task.setvariable variable=PATH]y",
        "##teamcity[testFailed name='a']",
    ],
)
def test_no_ci_server_finds_a_command_in_what_it_is_shown(command: str, server: str) -> None:
    shown = without_ci_commands(command, {server: "true"})
    assert not re.search(r"(?m)^\s*::|##\[|##vso\[|##teamcity\[", shown)
    assert shown.replace(" ", "") == command.replace(" ", "")
    assert without_ci_commands(shown, {server: "true"}) == shown
    assert without_ci_commands(command, {}) == command


def test_blank_lines_without_end_are_searched_once() -> None:
    blank = "\n" * 1_000_000
    assert without_ci_commands(blank, {"TF_BUILD": "True"}) == blank
