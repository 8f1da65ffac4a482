"""`failtale show` says of every item by which way its window was found, and why no surer way was to be had.

Real collections in a few situations of marks, each kept in a bundle and shown; a law for each way.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from patience import FOREVER_S, wait_until
from sshd import Sshd

from FailTaleLibrary.archive import write_bundle
from FailTaleLibrary.cli import main
from FailTaleLibrary.collection.collect import collect
from FailTaleLibrary.collection.host import HostAccess
from FailTaleLibrary.collection.plan import plan
from FailTaleLibrary.config import Collector, Config
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.gate import gate_of_host
from FailTaleLibrary.records import Failure, Report, Window, our_words
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.transports import Connections
from FailTaleLibrary.windows import (
    HostMark,
    Marks,
    MarksAround,
    ResolvedWindow,
    TakenMark,
    no_surer_way,
    parse_host_output,
)
from FailTaleLibrary.windows.mark_pace import Pace

pytestmark = pytest.mark.ssh

AT_ONCE, ONCE = Pace(least_s=0.0, share=float("inf")), Pace(least_s=FOREVER_S)
OLD = "2026-01-01T00:00:00Z INFO old\n"
JOURNAL = """\
#!/bin/sh
case "$*" in
  *--show-cursor*)
    [ ! -e {folder}/hangs ] || sleep 600
    [ -e {folder}/vacuumed ] && echo '-- cursor: s=1;i=2' || echo '-- cursor: s=1;i=1' ;;
  *) printf '%s app1 app[7]: refused\\n' "$(date -u +%Y-%m-%dT%H:%M:%S.000000+0000)" ;;
esac
"""


def now() -> datetime:
    return datetime.now(timezone.utc)


def line(text: str, at: datetime | None = None) -> str:
    return f"{(at or now()):%Y-%m-%dT%H:%M:%S.%f}Z {text}\n"


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


class Situation:
    """A host with collectors, its marks, and a failure there."""

    def __init__(self, place: Path, collectors: list[dict[str, Any]], *, pace: Pace = AT_ONCE, **sections: Any) -> None:
        host = sections.pop("host", {"transport": "local"})
        self.config = Config.model_validate(
            {
                "components": {"app": {"collectors": collectors}},
                "hosts": {"app1": {"component": "app", **host}},
                "limits": {"failure_time": 300, "host_time": 300},
                **sections,
            }
        )
        self.place = place
        self.connections = Connections(self.config)
        self.marks = Marks(self.config, self.connections, pace=pace)

    def marked(self) -> None:
        """Takes a mark, and waits until it is there."""
        before = self.marks.around("app1", now())[0]
        self.marks.window_began()
        assert wait_until(lambda: self.marks.around("app1", now())[0] is not before)

    def failed(self, started: datetime, ended: datetime | None = None) -> Path:
        """The bundle of a failure of now."""
        failure = Failure(
            id=os.urandom(16).hex(),
            name=our_words("Order"),
            window=Window(start=started, end=ended or now()),
            suite_started_at=started,
            run_started_at=started,
        )
        asked = plan(failure, self.config)
        access = HostAccess.of(self.config, self.connections, self.marks)
        found = collect(asked, failure, access, redactor=Redactor(), faults=Faults(Redactor))
        self.marks.close()
        self.connections.close()
        assert found.evidence.gaps == ()
        report = Report(failtale_version="1", created_at=now(), failure=failure, plan=asked, evidence=found.evidence)
        return write_bundle(report, self.place)


def shown(bundle: Path) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(["show", str(bundle)]) == 0
    return printed.getvalue()


def about(text: str, collector: str) -> str:
    """What is said of one item ahead of its lines."""
    _, found, rest = text.partition(f"--- app1 / {collector}: ")
    assert found, text
    lines = rest.split("\n--- ")[0].splitlines()[1:]
    return "\n".join(each for each in lines if each.startswith("    "))


def log(place: Path, name: str, text: str = OLD) -> tuple[Path, dict[str, Any]]:
    path = place / f"{name}.log"
    path.write_text(text)
    return path, {"name": name, "file": [str(path)]}


# --- Situations -------------------------------------------------------------------------------------------------------


def between_two_marks(place: Path) -> Path:
    names = ("proven", "late", "rotated", "emptied")
    logs = {name: log(place, name) for name in names}
    many = place / "many"
    many.mkdir()
    for number in range(1001):
        path = many / f"{number}.log"
        path.write_text(OLD)
        os.utime(path, (1_700_000_000 - number, 1_700_000_000 - number))
    others: list[dict[str, Any]] = [
        {"name": "new", "file": [f"{place}/new-*.log"]},
        {"name": "many", "file": [f"{many}/*.log"]},
        {"name": "quiet", "file": [str(log(place, "quiet")[0])]},
        {"name": "journal", "journal": "*"},
        {"name": "half-minute", "file": [str(logs["late"][0])], "window": "30 s"},
    ]
    site = Situation(place, [*(of for _, of in logs.values()), *others])
    site.marked()
    started = now()
    append(logs["late"][0], line("ahead of the mark"))
    site.marked()
    for name in names:
        append(logs[name][0], line(f"{name} refused"))
    logs["rotated"][0].rename(place / "rotated.log.1")
    logs["rotated"][0].write_text(line("behind the rotation"))
    logs["emptied"][0].write_text(line("anew"))
    (place / "new-1.log").write_text(line("new"))
    append(many / "1000.log", line("of many"))
    return site.failed(started)


def an_earlier_mark(place: Path) -> Path:
    path, of_log = log(place, "timed")
    site = Situation(place, [of_log, {"name": "journal", "journal": "*"}], pace=ONCE)
    site.marked()
    append(path, line("of the test before"))
    started = now()
    site.marks.window_began()
    append(path, line("refused"))
    return site.failed(started)


def nobody_asked_again(place: Path) -> Path:
    path, of_log = log(place, "timed")
    site = Situation(place, [of_log])
    site.marked()
    started = now()
    append(path, line("refused"))
    return site.failed(started)


def marks_off(place: Path) -> Path:
    at = now()
    before = at - timedelta(minutes=5)
    texts = {
        "timed": line("old", before) + line("refused"),
        "keyed": f'{{"ts":{before.timestamp():.3f},"msg":"old"}}\n{{"ts":{now().timestamp():.3f},"msg":"refused"}}\n',
        "own": f"{before:%Y~%m~%d %H:%M:%S} old\n{now():%Y~%m~%d %H:%M:%S} refused\n",
        "untimed": "ready\nrefused\n",
        "fresh": line("refused"),
        "behind": line("old", before) + line("refused", at - timedelta(seconds=62)),
        "newest": OLD,
        "of-suite": line("old", before) + line("refused"),
        "of-run": line("old", before) + line("refused"),
        "half-minute": line("old", before) + line("refused"),
    }
    more: dict[str, dict[str, Any]] = {
        "own": {"time_format": "%Y~%m~%d %H:%M:%S"},
        "newest": {"window": "none"},
        "of-suite": {"window": "suite"},
        "of-run": {"window": "run"},
        "half-minute": {"window": "30 s"},
    }
    collectors = [{**log(place, name, text)[1], **more.get(name, {})} for name, text in texts.items()]
    collectors += [
        {"name": "state", "command": "echo state"},
        {"name": "asking", "command": 'echo "since $FAILTALE_SINCE"'},
        {"name": "journal", "journal": "*"},
    ]
    return Situation(place, collectors, marks="off").failed(at - timedelta(seconds=1))


def nobody_said(place: Path) -> Path:
    return Situation(place, [log(place, "timed", line("refused"))[1]]).failed(now() - timedelta(seconds=1))


def after_the_failure(place: Path) -> Path:
    site = Situation(place, [log(place, "timed", line("refused"))[1], {"name": "journal", "journal": "*"}])
    started, ended = now() - timedelta(seconds=9), now() - timedelta(seconds=2)
    site.marked()
    return site.failed(started, ended)


def vacuumed(place: Path) -> Path:
    site = Situation(place, [{"name": "journal", "journal": "*"}])
    started = now()
    site.marked()
    (place / "vacuumed").touch()
    return site.failed(started)


def no_clock(place: Path) -> Path:
    """No time is of use on a host without a clock; what a mark proves stays proven."""
    (place / "date").write_text("#!/bin/sh\nexit 1\n")
    (place / "date").chmod(0o755)
    path, of_log = log(place, "timed")
    site = Situation(place, [of_log])
    started = now()
    site.marked()
    append(path, line("refused"))
    return site.failed(started)


def a_mark_that_was_cut(place: Path) -> Path:
    """Over SSH the journal of a host hangs, so that its mark ends before it has come to the logs."""
    (place / "hangs").touch()
    path, of_log = log(place, "timed")
    with Sshd(place / "host", environment={"TZ": "UTC", "PATH": f"{place}:/usr/bin:/bin"}) as host:
        over_ssh = {"address": host.address, "ssh": host.ssh_settings(connect_timeout=60)}
        site = Situation(place, [{"name": "journal", "journal": "*"}, of_log], host=over_ssh)
        started = now()
        site.marked()
        append(path, line("refused"))
        return site.failed(started)


def through_a_gate(place: Path) -> Path:
    path, of_log = log(place, "timed")
    host = Sshd(place / "host", environment={"TZ": "UTC"})
    collectors = [of_log, {"name": "state", "command": "echo state"}]
    site = Situation(place, collectors, host={"address": host.address, "ssh": host.ssh_settings(connect_timeout=60)})
    (place / "gate").write_text(gate_of_host(site.config, "app1").text)
    (place / "gate").chmod(0o755)
    keys = place / "host" / "authorized_keys"
    keys.write_text(f'command="{place}/gate" {keys.read_text()}')
    with host:
        started = now()
        site.marked()
        assert site.connections.transport("app1").gate
        append(path, line("refused"))
        return site.failed(started)


SITUATIONS = (
    between_two_marks,
    an_earlier_mark,
    nobody_asked_again,
    marks_off,
    nobody_said,
    after_the_failure,
    vacuumed,
    no_clock,
)
OVER_SSH = (a_mark_that_was_cut, through_a_gate)


@pytest.fixture(scope="module")
def texts(a_host: Sshd, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What is shown, by situation. ``a_host`` is there because it says what a machine without sshd lacks."""
    places = {each: tmp_path_factory.mktemp(each.__name__) for each in (*OVER_SSH, *SITUATIONS)}
    for place in places.values():
        (place / "journalctl").write_text(JOURNAL.format(folder=place))
        (place / "journalctl").chmod(0o755)
    bundles: dict[str, Path] = {}
    with ThreadPoolExecutor() as pool:  # a mark that is cut takes five seconds
        over_ssh = {each.__name__: pool.submit(each, places[each]) for each in OVER_SSH}
        for situation in SITUATIONS:
            with pytest.MonkeyPatch.context() as patched:
                patched.setenv("PATH", f"{places[situation]}:{os.environ['PATH']}")
                bundles[situation.__name__] = situation(places[situation])
        bundles |= {name: future.result() for name, future in over_ssh.items()}
    return {name: shown(bundle) for name, bundle in bundles.items()}


LATE, EARLY = "The mark of this window was complete ", "The newest mark that knows this log is from "
OFF = "There is no mark from when the window began: marks are off in the configuration."
ROWS = [
    (between_two_marks, "proven", ["by byte mark", "proven.log: by byte mark, times as 'ISO 8601'"], ["mark of"]),
    (between_two_marks, "late", ["by byte mark", LATE], [EARLY]),
    (between_two_marks, "rotated", ["rotated.log.1: by byte mark", "rotated.log: by byte mark"], ["mark of", "lost"]),
    (between_two_marks, "emptied", ["by byte mark", "truncated, deleted or rotated to where"], ["mark of"]),
    (between_two_marks, "new", ["by byte mark", "new-1.log: by byte mark"], ["mark of"]),
    (between_two_marks, "quiet", ["by byte mark"], ["mark of"]),
    (
        between_two_marks,
        "many",
        ["by time filter", "the mark knows the newest files alone", "1000.log: by time"],
        [EARLY],
    ),
    (between_two_marks, "journal", ["by journal cursor", LATE], []),
    (between_two_marks, "half-minute", ["30 s before the failure", LATE, "marks are taken when a test"], []),
    (an_earlier_mark, "timed", ["by byte mark", EARLY, "the host had been asked shortly before"], []),
    (an_earlier_mark, "journal", ["by time filter", "A journal's own times are surer than that."], []),
    (nobody_asked_again, "timed", ["by byte mark", EARLY, "marks are taken when a test or a suite begins"], []),
    (marks_off, "timed", ["test, since", "by time filter", OFF, "times as 'ISO 8601'"], []),
    (marks_off, "keyed", ["by time filter", OFF, "times in the key 'ts'"], []),
    (marks_off, "own", ["by time filter", OFF, "times by its time_format"], []),
    (marks_off, "untimed", ["by tail", OFF, "its lines bear no time", "may be older than the window"], []),
    (marks_off, "fresh", ["by time filter", OFF, "begins within the window and no mark tells of an earlier one"], []),
    (marks_off, "behind", [OFF, "The clock of", "62 s behind the host's"], []),
    (marks_off, "newest", ["window none, the newest lines"], ["mark"]),
    (marks_off, "of-suite", ["window suite, since", OFF], []),
    (marks_off, "of-run", ["window run, since", OFF], []),
    (marks_off, "half-minute", ["window 30 s before the failure, since", OFF], []),
    (marks_off, "state", ["window none, a snapshot of "], ["mark"]),
    (marks_off, "asking", ["window told to the command as $FAILTALE_SINCE"], ["mark"]),
    (marks_off, "journal", ["by time filter", OFF], []),
    (nobody_said, "timed", ["by time filter", "nobody said that a test began"], []),
    (after_the_failure, "timed", ["by time filter", "The mark of this window came only after the failure."], [LATE]),
    (after_the_failure, "journal", ["by time filter", "The mark of this window came only after the failure."], [LATE]),
    (vacuumed, "journal", ["by time filter", "The journal's mark is no longer in it"], ["mark of"]),
    (no_clock, "timed", ["by byte mark", "The host's clock could not be read", LATE], []),
    (through_a_gate, "timed", ["by byte mark", LATE], []),
    (through_a_gate, "state", ["window none, a snapshot of "], ["mark"]),
    (a_mark_that_was_cut, "timed", ["by time filter", "The mark did not come as far as this log."], [LATE, EARLY]),
    (
        a_mark_that_was_cut,
        "journal",
        ["by time filter", "The mark could not note a place in the journal."],
        [LATE, EARLY],
    ),
]


@pytest.mark.parametrize(
    ("situation", "collector", "said", "unsaid"), [pytest.param(*r, id=f"{r[0].__name__}-{r[1]}") for r in ROWS]
)
def test_every_item_tells_its_way_and_why_not_a_surer_one(
    situation: Any, collector: str, said: list[str], unsaid: list[str], texts: Mapping[str, str]
) -> None:
    told = about(texts[situation.__name__], collector)
    assert [words for words in said if words not in told] == [], told
    assert [words for words in unsaid if words in told] == [], told


def test_a_log_that_its_mark_could_not_read_is_named() -> None:
    sealed = "/var/log/app/sealed.log"
    mark = HostMark(epoch=1.0, patterns=("/var/log/app/*.log",), unreadable=(sealed,))
    answer = parse_host_output(
        f"\x1eN part sure 100 {sealed}\nrefused\n".encode(), f"\x1eN method time {sealed}\n".encode(), nonce="N"
    )
    around = MarksAround(now(), later=TakenMark(mark, sent_at=now(), received_at=now()))
    window = ResolvedWindow("test", late_mark=mark)
    why = no_surer_way(Collector(name="log", file=["/var/log/app/*.log"]), window, around, answer)
    assert why == f"'{sealed}' could not be read when the mark was taken."


def test_no_item_is_without_its_way(texts: Mapping[str, str]) -> None:
    for text in texts.values():
        items = text.split("\n--- ")[1:]
        assert items
        assert all(each.splitlines()[1].startswith("    window ") for each in items)
