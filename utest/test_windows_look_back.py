"""The look-back: what the host's program says of the time before a window, in every awk, and how it is read."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime, timedelta

import pytest
from host_shells import NONCE
from hypothesis import given, settings
from hypothesis import strategies as st

from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.records import LookBack
from FailTaleLibrary.windows.frames import Frame, split_frames
from FailTaleLibrary.windows.look_back import MOST_SECONDS, parse_look_back

AWKS = [name for name in ("mawk", "gawk", "busybox") if shutil.which(name)]
SEPARATOR = f"\036{NONCE} window"
START = datetime(2026, 5, 4, 12, 0, 0)  # noqa: DTZ001 - a log's own clock


@pytest.fixture(params=AWKS)
def awk(request: pytest.FixtureRequest) -> list[str]:
    return ["busybox", "awk"] if request.param == "busybox" else [request.param]


def looked_back(awk: list[str], before: list[str], window: list[str]) -> tuple[str, LookBack]:
    """What passes on, and the look-back that the host tells."""
    text = "".join(f"{line}\n" for line in (SEPARATOR, *before, SEPARATOR, *window))
    done = subprocess.run(
        [*awk, "-v", f"most={MOST_SECONDS}", host_script("look_back.awk")],
        input=text.encode(),
        capture_output=True,
        check=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    frames = [each for each in split_frames(done.stderr, NONCE) if isinstance(each, Frame)]
    values = {word: [each.value.decode() for each in frames if each.word == word] for word in ("span", "profile")}
    found = parse_look_back(values["span"], values["profile"])
    assert found is not None
    assert len(frames) == len([*split_frames(done.stderr, NONCE)]), "only frames are said"
    return done.stdout.decode(), found


def at(seconds: float, text: str) -> str:
    return f"{(START + timedelta(seconds=seconds)).isoformat(timespec='milliseconds')}Z {text}"


def test_the_window_passes_unchanged_and_its_new_lines_have_no_past(awk: list[str]) -> None:
    before = [at(second, "INFO served") for second in range(20)]
    window = [at(20, "INFO served"), at(21, "ERROR the disk is full")]
    passed, found = looked_back(awk, before, window)
    assert passed == "".join(f"{line}\n" for line in window)
    assert (found.lines, found.seconds) == (20, 19)
    assert [shape.lines for shape in found.shapes] == [(0,)]


def test_a_shape_tells_when_it_stood_before_the_window(awk: list[str]) -> None:
    before = [
        at(0, "start"),
        at(10, "ERROR no space on /dev/sda1"),
        at(12.5, "ERROR no space on /dev/sda2"),
        at(14, "end"),
    ]
    window = [at(20, "ERROR no space on /dev/sda3"), at(23, "ERROR no space on /dev/sda1")]
    (shape,) = looked_back(awk, before, window)[1].shapes
    assert (shape.lines, shape.count) == ((0, 1), 2)
    assert shape.seconds_before == pytest.approx((10, 7.5))
    assert shape.seconds_within == pytest.approx((0, 3))


def test_many_moments_are_thinned_evenly_with_the_first_and_the_last_kept(awk: list[str]) -> None:
    before = [at(second / 2, f"WARN attempt {second} failed") for second in range(4000)]
    (shape,) = looked_back(awk, before, [at(2000, "WARN attempt 9 failed")])[1].shapes
    assert shape.count == 4000
    assert len(shape.seconds_before) <= MOST_SECONDS + 1
    assert shape.seconds_before[0] == pytest.approx(2000)
    assert shape.seconds_before[-1] == pytest.approx(0.5)


def test_midnight_is_no_step_back(awk: list[str]) -> None:
    before = ["23:59:50 WARN slow", "23:59:58 INFO x"]
    (shape,) = looked_back(awk, before, ["00:00:05 WARN slow"])[1].shapes
    assert shape.seconds_before == pytest.approx((15,))


def test_json_lines_are_told_apart_by_level_and_message_whatever_the_order_of_their_keys(awk: list[str]) -> None:
    before = [
        '{"ts":"12:00:00","level":"info","msg":"tick 1","a":1}',
        '{"msg":"tick 2","level":"info","ts":"12:00:01"}',
    ]
    window = ['{"level":"info","ts":"12:00:02","msg":"tick 3"}', '{"level":"error","ts":"12:00:02","msg":"tick 3"}']
    (shape,) = looked_back(awk, before, window)[1].shapes
    assert (shape.lines, shape.count) == ((0,), 2)


def test_a_log_without_times_tells_places(awk: list[str]) -> None:
    (shape,) = looked_back(awk, ["a", "b", "boom", "c"], ["boom"])[1].shapes
    assert shape.seconds_before == ()
    assert shape.places == (0.5,)


def test_quoted_names_and_status_classes_are_the_news(awk: list[str]) -> None:
    before = ["relation 'orders' is fine", 'GET /x HTTP/1.1" 200 12', "x"]
    window = ["relation 'invoices' is fine", 'GET /x HTTP/1.1" 503 12', 'GET /x HTTP/1.1" 200 99']
    found = looked_back(awk, before, window)[1]
    assert sorted(shape.lines for shape in found.shapes) == [(2,)]


def test_bytes_that_are_no_text_change_nothing(awk: list[str]) -> None:
    done = subprocess.run(
        [*awk, "-v", f"most={MOST_SECONDS}", host_script("look_back.awk")],
        input=f"{SEPARATOR}\n".encode()
        + b"\xff\x80\x01 boom 1\n"
        + f"{SEPARATOR}\n".encode()
        + b"\xff\x80\x01 boom 2\n",
        capture_output=True,
        check=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    assert done.stdout == b"\xff\x80\x01 boom 2\n"
    assert b"profile 0|1|" in done.stderr


def test_every_awk_tells_the_same() -> None:
    before = [
        at(second, f"{'ERROR' if second % 7 == 0 else 'INFO'} job {second:x} done in {second} ms")
        for second in range(300)
    ]
    window = [at(300 + second, f"ERROR job {second:x} done in 3 ms") for second in range(5)]
    found = [looked_back(["busybox", "awk"] if name == "busybox" else [name], before, window) for name in AWKS]
    assert all(each == found[0] for each in found)


FRAME = st.one_of(
    st.text(max_size=60),
    st.from_regex(r"\A[0-9 ]{0,30}\|[0-9]{0,20}\|[0-9 ]{0,9}\|[0-9. ]{0,40}\|[0-9. ]{0,40}\Z"),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAME, max_size=4), st.lists(FRAME, max_size=6))
def test_no_frame_of_a_host_breaks_the_reading(spans: list[str], profiles: list[str]) -> None:
    found = parse_look_back(spans, profiles)
    for shape in found.shapes if found else ():
        assert all(0 <= place <= 1 for place in shape.places)
        assert list(shape.seconds_before) == sorted(shape.seconds_before, reverse=True)
