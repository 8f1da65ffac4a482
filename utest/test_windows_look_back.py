"""The look-back: what the host's program says of the time before a window, in every awk, and how it is read."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from host_shells import AWKS, NONCE, HostShell, host_shells, met_by
from hypothesis import given, settings
from hypothesis import strategies as st
from log_rotations import append, collector, later

from FailTaleLibrary.config import Collector
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.ranking.signals import rows_of
from FailTaleLibrary.records import LookBack
from FailTaleLibrary.windows import Glance, HostOutput, ResolvedWindow, command_line
from FailTaleLibrary.windows.frames import Frame, split_frames
from FailTaleLibrary.windows.look_back import MOST_SECONDS, parse_look_backs, placed

SEPARATOR = f"\036{NONCE} window sure app.log"
START = datetime(2026, 5, 4, 12, 0, 0)  # noqa: DTZ001 - a log's own clock


@pytest.fixture(params=AWKS)
def awk(request: pytest.FixtureRequest) -> list[str]:
    return ["busybox", "awk"] if request.param == "busybox" else [request.param]


def looked_back(awk: list[str], before: list[str], window: list[str]) -> LookBack:
    """The look-back that the host tells."""
    text = "".join(f"{line}\n" for line in (SEPARATOR, *before, SEPARATOR, *window))
    done = subprocess.run(
        [*awk, "-v", f"most={MOST_SECONDS}", host_script("look_back.awk")],
        input=text.encode(),
        capture_output=True,
        check=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    frames = [each for each in split_frames(done.stdout, NONCE) if isinstance(each, Frame)]
    assert len(frames) == len([*split_frames(done.stdout, NONCE)]), "only frames are said"
    found = parse_look_backs(frames)["sure app.log"]
    return placed(found, first_line=0, end_line=len(window))


def at(seconds: float, text: str) -> str:
    return f"{(START + timedelta(seconds=seconds)).isoformat(timespec='milliseconds')}Z {text}"


def test_new_lines_of_the_window_have_no_past(awk: list[str]) -> None:
    before = [at(second, "INFO served") for second in range(20)]
    window = [at(20, "INFO served"), at(21, "ERROR the disk is full")]
    found = looked_back(awk, before, window)
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
    (shape,) = looked_back(awk, before, window).shapes
    assert (shape.lines, shape.count) == ((0, 1), 2)
    assert shape.seconds_before == pytest.approx((10, 7.5))
    assert shape.seconds_within == pytest.approx((0, 3))


@pytest.mark.parametrize(
    ("before", "now", "is_new"),
    [
        ("INFO billing 3.9.1 started, node 7", "INFO billing 3.10.0 started, node 8", True),
        ("INFO billing 3.9.1 started, node 7", "INFO billing 3.9.1 started, node 8", False),
        ("[17] Starting catalog v2.3.0.", "[18] Starting catalog v2.3.1.", True),
        ("deployed shop/1.4.2 to 10.0.0.7", "deployed shop/1.4.2 to 10.0.0.8", False),
        ("starting worker of 10.0.0.7:4711", "starting worker of 10.0.0.8:4712", False),
        ("26.11.2026 12:00:01 restarted", "27.11.2026 12:00:01 restarted", False),
        ("26.11.26 12:00:01 restarted", "27.11.26 12:00:01 restarted", False),
        ("order 1.4.2 packed", "order 1.4.3 packed", False),
    ],
)
def test_another_version_that_starts_is_another_shape(awk: list[str], before: str, now: str, is_new: bool) -> None:
    found = looked_back(awk, [at(0, "INFO served"), at(1, before)], [at(20, now)])
    assert [shape.lines for shape in found.shapes] == ([] if is_new else [(0,)])


def test_many_moments_are_thinned_evenly_with_the_first_and_the_last_kept(awk: list[str]) -> None:
    before = [at(second / 2, f"WARN attempt {second} failed") for second in range(4000)]
    (shape,) = looked_back(awk, before, [at(2000, "WARN attempt 9 failed")]).shapes
    assert shape.count == 4000
    assert len(shape.seconds_before) <= MOST_SECONDS + 1
    assert shape.seconds_before[0] == pytest.approx(2000)
    assert shape.seconds_before[-1] == pytest.approx(0.5)


def test_midnight_is_no_step_back(awk: list[str]) -> None:
    before = ["23:59:50 WARN slow", "23:59:58 INFO x"]
    (shape,) = looked_back(awk, before, ["00:00:05 WARN slow"]).shapes
    assert shape.seconds_before == pytest.approx((15,))


def test_json_lines_are_told_apart_by_level_and_message_whatever_the_order_of_their_keys(awk: list[str]) -> None:
    before = [
        '{"ts":"12:00:00","level":"info","msg":"tick 1","a":1}',
        '{"msg":"tick 2","level":"info","ts":"12:00:01"}',
    ]
    window = ['{"level":"info","ts":"12:00:02","msg":"tick 3"}', '{"level":"error","ts":"12:00:02","msg":"tick 3"}']
    (shape,) = looked_back(awk, before, window).shapes
    assert (shape.lines, shape.count) == ((0,), 2)


def test_a_log_without_times_tells_places(awk: list[str]) -> None:
    (shape,) = looked_back(awk, ["a", "b", "boom", "c"], ["boom"]).shapes
    assert shape.seconds_before == ()
    assert shape.places == (0.5,)


def test_quoted_names_and_status_classes_are_the_news(awk: list[str]) -> None:
    before = ["relation 'orders' is fine", 'GET /x HTTP/1.1" 200 12', "x"]
    window = ["relation 'invoices' is fine", 'GET /x HTTP/1.1" 503 12', 'GET /x HTTP/1.1" 200 99']
    found = looked_back(awk, before, window)
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
    assert b"profile 1|1|" in done.stdout
    assert b"boom" not in done.stdout


def test_every_awk_tells_the_same() -> None:
    before = [
        at(second, f"{'ERROR' if second % 7 == 0 else 'INFO'} job {second:x} done in {second} ms")
        for second in range(300)
    ]
    window = [at(300 + second, f"ERROR job {second:x} done in 3 ms") for second in range(5)]
    found = [looked_back(["busybox", "awk"] if name == "busybox" else [name], before, window) for name in AWKS]
    assert all(each == found[0] for each in found)


# --- A glance: the most telling lines instead of all ------------------------------------------------------------------


def glanced(awk: list[str], before: list[str], window: list[str], *, room: int, sought: str = "") -> list[str]:
    """The lines that the host chooses."""
    text = "".join(f"{line}\n" for line in (SEPARATOR, *before, SEPARATOR, *window))
    done = subprocess.run(
        [*awk, "-v", "most=12", "-v", f"room={room}", host_script("look_back.awk")],
        input=text.encode(),
        capture_output=True,
        check=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", "sought": sought},
    )
    return done.stdout.decode().splitlines()


STRONG = [hit for row in rows_of("signals.yaml") if row.strong for hit in row.hits if "\n" not in hit]
NOISE = [f"INFO {'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10]} served as ever" for n in range(100)]


def test_whatever_is_strong_for_the_ranking_is_seen_at_a_glance(awk: list[str]) -> None:
    strong = glanced(awk, [], [at(second, hit) for second, hit in enumerate(STRONG)], room=10**6)
    assert len(strong) > 0.8 * len(STRONG)
    room = sum(len(line) + 1 for line in strong)
    unseen = set(strong) - set(glanced(awk, [], [*NOISE[:50], *strong, *NOISE[50:]], room=room))
    assert unseen == set()


def test_a_glance_shows_one_line_of_each_shape_news_first_in_the_order_of_the_log(awk: list[str]) -> None:
    before = [at(second, f"{text} {second}") for second in range(20) for text in ("INFO tick", "ERROR tock")]
    window = [at(30 + second, f"{text} {second}") for second in range(9) for text in ("INFO tick", "ERROR tock")]
    window.insert(4, at(31, "the pool is dry"))
    assert glanced(awk, before, window, room=10**6) == [window[4], *window[-2:]]
    assert glanced(awk, before, window, room=len(window[-1]) + len(window[4]) + 2) == [window[4], window[-1]]


def test_a_line_that_holds_what_the_test_used_comes_first_and_stands_for_its_shape(awk: list[str]) -> None:
    window = [f"INFO order {number} accepted" for number in range(40, 60)] + ["ERROR disk full"]
    assert glanced(awk, [], window, room=10, sought="nothing,order 47") == ["INFO order 47 accepted"]


def test_what_could_be_a_secret_of_the_lines_around_it_is_not_chosen(awk: list[str]) -> None:
    value = secrets.token_hex(8)
    window = [
        *("Initial admin password:", value, "bob | error | Xk", at(1, "INFO ready")),
        *("- name: DB_TOKEN", f"  value: {value}", f"  failed {value}", at(2, "INFO steady")),
        *(value, "java.lang.OutOfMemoryError", "an error of its own"),
    ]
    chosen = glanced(awk, [], window, room=10**5)
    assert value not in "".join(chosen)
    assert chosen == [line for line in window if value not in line and "Xk" not in line]


def test_no_part_of_a_key_is_chosen_and_a_long_line_is_cut_behind_a_word(awk: list[str]) -> None:
    body = [secrets.token_hex(32) for _ in range(3)]
    key = ["-----BEGIN PRIVATE KEY-----", *body, "err or", "-----END PRIVATE KEY-----"]  # gitleaks:allow
    (chosen,) = glanced(awk, [], [*key, body[0], "ERROR " + "x" * 8000 + " token=" + body[1] * 9], room=10**5)
    assert chosen == "ERROR " + "x" * 8000 + " "


VALUE = st.one_of(
    st.binary(max_size=60),
    st.from_regex(rb"\A[0-9 ]{0,30}\|[0-9]{0,20}\|[0-9 ]{0,9}\|[0-9. ]{0,40}\|[0-9. ]{0,40}\Z"),
    st.from_regex(rb"\A[0-9]{0,20} [0-9.]{0,30} [0-9.]{0,30}\|sure .{0,9}\Z"),
)


@settings(max_examples=100)
@given(st.lists(st.builds(Frame, st.sampled_from(["span", "profile"]), VALUE), max_size=8))
def test_no_frame_of_a_host_breaks_the_reading(frames: list[Frame]) -> None:
    for found in parse_look_backs(frames).values():
        for shape in placed(found, first_line=2, end_line=9).shapes:
            assert all(2 <= line < 9 for line in shape.lines)
            assert all(0 <= place <= 1 for place in shape.places)
            assert list(shape.seconds_before) == sorted(shape.seconds_before, reverse=True)


# --- In a window's own script -----------------------------------------------------------------------------------------

LINES = 30


def entry(second: float, text: str) -> str:
    return f"{at(second, text)}\n"


SHELLS = host_shells()


@pytest.fixture
def shell(request: pytest.FixtureRequest) -> HostShell:
    """One of them, but where a test asks for all."""
    return met_by(request, SHELLS)


def marked_window(shell: HostShell, log: Path, *texts: str, **fields: object) -> HostOutput:
    """What a host answers of a log to which texts were added since its mark."""
    asked = collector(log, **fields)
    mark = shell.mark(asked)
    append(log, "".join(texts))
    window = ResolvedWindow(kind="test", since_epoch=mark.epoch, sure_epoch=mark.epoch, mark=mark)
    return shell.answer(command_line(asked, window=window, max_bytes=100_000))


def news_of(output: HostOutput) -> dict[str, int | None]:
    """For each line of the window how often its shape stood in the log before; None for one that never did."""
    found: dict[str, int | None] = {}
    for part in output.parts:
        lines = part.text.decode().splitlines()
        assert part.look_back is not None
        counts = dict.fromkeys(range(len(lines)))
        for shape in placed(part.look_back, first_line=0, end_line=len(lines)).shapes:
            counts.update(dict.fromkeys(shape.lines, shape.count))
        found.update({line.split("Z ", 1)[-1]: counts[number] for number, line in enumerate(lines)})
    return found


@pytest.mark.parametrize("shell", SHELLS, ids=str)
def test_a_marked_log_tells_what_it_held_before_its_mark(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("".join(entry(second, f"ERROR attempt {second} refused") for second in range(LINES)))
    output = marked_window(shell, log, entry(31, "ERROR attempt 9 refused"), entry(32, "ERROR disk full"))
    assert news_of(output) == {"ERROR attempt 9 refused": LINES, "ERROR disk full": None}


def test_the_collectors_own_filter_is_looked_back_through(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(
        "".join(entry(second, f"{'ERROR' if second % 3 else 'INFO'} tick {second}") for second in range(LINES))
    )
    output = marked_window(
        shell, log, entry(31, "INFO tick 1"), entry(32, "ERROR tick 1"), grep="ERROR", grep_before=0, grep_after=0
    )
    assert news_of(output) == {"ERROR tick 1": 20}
    (part,) = output.parts
    assert part.look_back is not None
    assert part.look_back.lines == 20


def test_a_short_log_is_looked_back_on_into_its_rotated_predecessor(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    old = tmp_path / "app.log.1"
    old.write_text("".join(entry(second, f"ERROR attempt {second} refused") for second in range(LINES)))
    later(old, -60)
    log.write_text(entry(30, "INFO log begins"))
    output = marked_window(shell, log, entry(31, "ERROR attempt 9 refused"))
    assert news_of(output) == {"ERROR attempt 9 refused": LINES}


def test_a_log_that_is_rotated_in_the_window_is_looked_back_on_before_its_first_piece(
    shell: HostShell, tmp_path: Path
) -> None:
    log = tmp_path / "app.log"
    log.write_text("".join(entry(second, f"ERROR attempt {second} refused") for second in range(LINES)))
    asked = collector(log)
    mark = shell.mark(asked)
    append(log, entry(31, "ERROR attempt 1 refused"))
    log.rename(tmp_path / "app.log.1")
    log.write_text(entry(32, "ERROR attempt 2 refused") + entry(33, "ERROR disk full"))
    window = ResolvedWindow(kind="test", since_epoch=mark.epoch, sure_epoch=mark.epoch, mark=mark)
    output = shell.answer(command_line(asked, window=window, max_bytes=100_000))
    assert news_of(output) == {
        "ERROR attempt 1 refused": LINES,
        "ERROR attempt 2 refused": LINES,
        "ERROR disk full": None,
    }


def test_only_the_newest_megabyte_is_read(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(entry(0, "ERROR seen long ago") + entry(1, "x" * 990) * 1200)
    output = marked_window(shell, log, entry(31, "ERROR seen long ago"))
    assert news_of(output) == {"ERROR seen long ago": None}


def test_a_log_without_a_mark_is_looked_back_on_before_its_times_begin(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    now = time.time()
    begin = now - 100

    def dated(second: float, text: str) -> str:
        return f"{datetime.fromtimestamp(begin + second, timezone.utc).isoformat(timespec='milliseconds')} {text}\n"

    log.write_text("".join(dated(second, f"ERROR attempt {second} refused") for second in range(LINES)))
    append(log, dated(60, "ERROR attempt 5 refused") + dated(61, "ERROR disk full"))
    os.utime(log, (begin + 61, begin + 61))
    window = ResolvedWindow(kind="test", since_epoch=begin + 50, sure_epoch=begin + 50)
    output = shell.answer(command_line(collector(log), window=window, max_bytes=100_000))
    (part,) = output.parts
    assert part.look_back is not None
    assert part.look_back.lines == LINES
    assert [(shape.lines, shape.count) for shape in part.look_back.shapes] == [((2,), LINES)]


def test_the_newest_lines_without_a_window_are_not_looked_back_on(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(entry(0, "a") * LINES)
    output = shell.answer(command_line(collector(log), window=ResolvedWindow(kind="none"), max_bytes=100_000))
    assert [part.look_back for part in output.parts] == [None]


@pytest.mark.parametrize("shell", SHELLS, ids=str)
def test_a_glance_at_a_log_counts_what_it_leaves_out(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("".join(entry(second, f"INFO served {second}") for second in range(LINES)))
    asked = collector(log)
    mark = shell.mark(asked)
    append(log, "".join(entry(31, text) for text in (*["INFO served 3"] * 9, "ERROR disk full", "INFO served 4")))
    window = ResolvedWindow(kind="test", since_epoch=mark.epoch, sure_epoch=mark.epoch, mark=mark)
    output = shell.answer(command_line(asked, window=window, max_bytes=100_000, glance=Glance(300)))
    assert news_of(output) == {"ERROR disk full": None, "INFO served 4": LINES}
    assert (output.omitted_lines, output.stderr) == (9, b"")
    bare = ResolvedWindow(kind="none")
    output = shell.answer(command_line(asked, window=bare, max_bytes=100_000, glance=Glance(300)))
    assert [part.look_back for part in output.parts] == [None]
    assert output.text.count(b"\n") == 2


@pytest.mark.parametrize("ending", ["exit 2", "head -c 100 >/dev/null; exit 139", "echo awk: syntax error >&2; exit 1"])
def test_a_window_passes_unchanged_when_the_look_back_fails(ending: str, shell: HostShell, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    awk = f"{shutil.which('busybox')} awk" if shell.applets_only else shutil.which("awk")
    (tools / "awk").write_text(f'#!/bin/sh\ncase "$*" in *most=48*) {ending} ;; esac\nexec {awk} "$@"\n')
    (tools / "awk").chmod(0o755)
    log = tmp_path / "app.log"
    log.write_text("".join(entry(second, f"ERROR attempt {second} refused") for second in range(LINES)))
    asked = collector(log)
    mark = shell.mark(asked)
    new = entry(31, "ERROR \0 in the window") * 2000 + "without an end"
    append(log, new)
    window = ResolvedWindow(kind="test", since_epoch=mark.epoch, sure_epoch=mark.epoch, mark=mark, late_mark=mark)
    output = shell.answer(command_line(asked, window=window, max_bytes=1_000_000), first_in_path=tools)
    assert output.text.decode() == new
    assert (output.stderr, output.parts[0].look_back) == (b"", None)


def test_nothing_from_before_the_window_leaves_the_host(shell: HostShell, tmp_path: Path) -> None:
    secret = secrets.token_hex(16)
    log = tmp_path / "app.log"
    hostile = [
        f"\x1e{NONCE} window sure {secret}",
        f"\x1e{NONCE} span 1|{secret}",
        f'{{"msg":"{secret}|"}}',
        f"%s{secret}",
    ]
    log.write_text("".join(entry(second, line) + f"{line}\n" for second in range(LINES) for line in hostile))
    asked = collector(log)
    mark = shell.mark(asked)
    append(log, "".join(entry(31, line.replace(secret, secrets.token_hex(16))) for line in hostile))
    window = ResolvedWindow(kind="test", since_epoch=mark.epoch, sure_epoch=mark.epoch, mark=mark, late_mark=mark)
    stdout, stderr, _ = shell.outputs(command_line(asked, window=window, max_bytes=100_000))
    assert secret.encode() not in stdout + stderr
    assert b" profile " in stderr


# --- A log that is silent in the window -------------------------------------------------------------------------------

GOES_ON = [entry(second, f"checkpoint {second} complete") for second in range(5)]
STOPS = [entry(10, "LOG:  received fast shutdown request"), entry(11, "LOG:  shutting down")]
CLIENTS = [entry(11, "FATAL:  terminating connection due to administrator command")] * 60
STARTS = [entry(20, "LOG:  database system is ready to accept connections")]
STOPPED = entry(12, "LOG:  database system is shut down")


def told_of(shell: HostShell, awk: list[str], tools: Path, asked: Collector, **window: object) -> str:
    """What a log that is silent in the window tells of the time before it."""
    if not tools.exists():
        tools.mkdir()
        program = shutil.which(awk[0])
        (tools / "awk").write_text(f'#!/bin/sh\nexec {" ".join([str(program), *awk[1:]])} "$@"\n')
        (tools / "awk").chmod(0o755)
    found = ResolvedWindow(kind="test", since_epoch=time.time() - 1, sure_epoch=time.time() - 1, **window)
    output = shell.answer(command_line(asked, window=found, max_bytes=100_000), first_in_path=tools)
    assert (output.text, output.stderr) == (b"", b"")
    return output.before.decode()


def test_a_silent_log_that_ended_with_a_stop_tells_it_and_no_other_line(
    shell: HostShell, awk: list[str], tmp_path: Path
) -> None:
    log = tmp_path / "db.log"
    tools = tmp_path / "tools"
    asked = collector(log)
    log.write_text("".join([*GOES_ON, *STOPS, STOPPED]))
    later(log, -540)
    mark = shell.mark(asked)
    assert told_of(shell, awk, tools, asked) == "".join([*STOPS, STOPPED])
    assert told_of(shell, awk, tools, asked, mark=mark) == "".join([*STOPS, STOPPED])
    log.write_text("".join([*GOES_ON, *STOPS, *CLIENTS, STOPPED]))
    later(log, -540)
    assert told_of(shell, awk, tools, asked) == "".join([*STOPS, CLIENTS[0], STOPPED])
    for innocent in ([*STOPS, STOPPED, *STARTS], [*STOPS, STOPPED, *GOES_ON, *GOES_ON], GOES_ON, ["shutdown\n"]):
        log.write_text("".join(innocent))
        later(log, -540)
        assert told_of(shell, awk, tools, asked) == ""


def test_a_log_that_was_emptied_since_it_told_of_a_stop_tells_it_from_its_rotated_copy(
    shell: HostShell, awk: list[str], tmp_path: Path
) -> None:
    log = tmp_path / "db.log"
    (tmp_path / "db.log.1").write_text("".join([*GOES_ON, *STOPS, STOPPED]))
    later(tmp_path / "db.log.1", -90_000)
    log.write_text("")
    later(log, -60_000)
    assert told_of(shell, awk, tmp_path / "tools", collector(log)) == "".join([*STOPS, STOPPED])


def test_of_several_silent_logs_the_one_that_was_written_last_tells(shell: HostShell, tmp_path: Path) -> None:
    old, log = tmp_path / "old.log", tmp_path / "new.log"
    old.write_text("".join([*STOPS, STOPPED]))
    log.write_text("".join(GOES_ON))
    later(old, -90_000)
    later(log, -540)
    asked = Collector(name="log", file=(f"{tmp_path}/*.log",))
    assert told_of(shell, [AWKS[0]], tmp_path / "tools", asked) == ""
