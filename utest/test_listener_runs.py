"""Listeners of real runs: several runs in one process, a fault in a stage, the words behind the listener's name."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path

import pytest
from robot.api import ExecutionResult
from robot_runs import ran

from FailTaleLibrary.archive import reports_in

SUITE = """\
*** Test Cases ***
Order
    Fail    HTTPError: 500 Server Error
"""
CONFIG = """\
components:
  storage: {collectors: [{name: state, command: echo the disk is full}, {name: log, file: LOG}]}
hosts: {storage1: {component: storage, transport: local}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "order.robot").write_text(SUITE)
    (tmp_path / "shop.log").write_text("ready\n")
    (tmp_path / "failtale.yaml").write_text(CONFIG.replace("LOG", str(tmp_path / "shop.log")))
    return tmp_path


def test_one_listener_object_in_several_runs_begins_afresh_with_each(place: Path) -> None:
    done = ran(
        place,
        "listener = FailTaleListener('failtale.yaml')\n"
        "for number in range(3):\n"
        "    robot.run('order.robot', outputdir=f'out{number}', listener=[listener], stdout=sys.stderr)\n",
    )
    for number in range(3):
        (report,) = reports_in(place / f"out{number}" / "output.xml")
        assert [item.id for item in report.evidence.items] == ["storage1/state", "storage1/log"], number
        assert report.evidence.gaps == ()
        assert report.analysis.signature is not None
        assert report.analysis.signature.same_as is None
    assert done.stderr.count("collected evidence for 1 failed test from 1 host") == 3


def test_each_of_several_runs_in_one_process_has_a_page_and_rows_of_its_own(place: Path) -> None:
    """Rows, page, equal failures and other tests begin anew, though a second listener was made before the first run."""
    (place / "first.robot").write_text(SUITE.replace("Order", "Order of the first run"))
    (place / "second.robot").write_text(SUITE.replace("Order", "Order of the second run"))
    done = ran(
        place,
        "listener = FailTaleListener('failtale.yaml')\n"
        "for name, each in [('first', listener), ('second', listener), ('first', FailTaleListener('failtale.yaml'))]:\n"
        "    robot.run(f'{name}.robot', outputdir=f'out-{name}', listener=[each], stdout=sys.stderr)\n",
    )
    for name, other in (("first", "second"), ("second", "first")):
        page = (place / f"out-{name}" / "failtale-report.html").read_text(encoding="utf-8")
        assert f"Order of the {name} run" in page
        assert f"Order of the {other} run" not in page
        (report,) = reports_in(place / f"out-{name}" / "output.xml")
        assert report.failure.others is None or not report.failure.others.tests
        assert report.analysis.signature is not None
        assert report.analysis.signature.same_as is None
    assert done.stderr.count("collected evidence for 1 failed test from 1 host") == 3


def test_evidence_that_a_keyword_asked_for_counts_as_no_failed_test(place: Path) -> None:
    asked = "*** Settings ***\nLibrary    FailTaleLibrary\n\n*** Test Cases ***\nLook\n    Collect Evidence\n"
    (place / "look.robot").write_text(asked)
    done = ran(
        place,
        "for names in (['look.robot'], ['look.robot', 'order.robot']):\n"
        "    robot.run(*names, listener=[FailTaleListener('failtale.yaml')], stdout=sys.stderr)\n",
    )
    assert "FailTale: collected evidence 1 time on demand from 1 host in " in done.stderr
    assert "FailTale: collected evidence for 1 failed test and 1 time on demand from 1 host in " in done.stderr


def test_a_listener_that_is_named_twice_collects_once_and_says_so(place: Path) -> None:
    done = ran(
        place,
        "pair = ['FailTaleListener:failtale.yaml', FailTaleListener('failtale.yaml')]\n"
        "for number in range(2):\n"
        "    robot.run('order.robot', outputdir=f'out{number}', listener=pair, stdout=sys.stderr)\n",
    )
    for number in range(2):
        assert len(list(reports_in(place / f"out{number}" / "output.xml"))) == 1, number
    assert done.stderr.count("collected evidence for 1 failed test from 1 host") == 2
    assert done.stderr.count("the listener is named twice") == 2


def test_the_library_named_as_listener_is_said_to_be_none(place: Path) -> None:
    done = ran(place, "robot.run('order.robot', listener='FailTaleLibrary:failtale.yaml', stdout=sys.stderr)\n")
    assert "this is the library; write '--listener FailTaleListener'" in done.stderr


def test_a_run_leaves_one_page_that_leads_into_its_log_and_the_console_names_the_cause(place: Path) -> None:
    done = ran(
        place,
        "listener = FailTaleListener('failtale.yaml')\n"
        "robot.run('order.robot', outputdir='out', listener=[listener], stdout=sys.stderr, log='my log.html')\n",
    )
    page = (place / "out" / "failtale-report.html").read_text(encoding="utf-8")
    assert 'href="./my%20log.html#s1-t1"' in page
    (report,) = reports_in(place / "out" / "output.xml")
    assert report.analysis.headline in page
    last = done.stderr.splitlines()[-3:]
    assert "collected evidence for 1 failed test" in last[0]
    assert last[1] == f"  {report.analysis.headline} (Order)"
    assert last[2] == f"FailTale: {place / 'out' / 'failtale-report.html'}"


def test_the_headline_stands_in_the_tests_own_metadata_where_robot_has_that(place: Path) -> None:
    ran(place, "robot.run('order.robot', outputdir='out', listener=[FailTaleListener('failtale.yaml')])\n")
    (test,) = ExecutionResult(place / "out" / "output.xml").suite.tests
    if not hasattr(test, "metadata"):  # before Robot Framework 7.5
        assert "FailTale" not in (place / "out" / "report.html").read_text(encoding="utf-8")
        return
    (report,) = reports_in(place / "out" / "output.xml")
    assert test.metadata["FailTale"] == f"{report.analysis.headline} [log.html#s1-t1|evidence]"


def test_a_run_without_a_failure_leaves_no_page(place: Path) -> None:
    (place / "order.robot").write_text(SUITE.replace("Fail ", "Log "))
    ran(place, "robot.run('order.robot', outputdir='out', listener=[FailTaleListener('failtale.yaml')])\n")
    assert not (place / "out" / "failtale-report.html").exists()


STOPPED = """\
*** Settings ***
Suite Setup       {setup}
Suite Teardown    Fail    the shop does not close

*** Test Cases ***
Order
    Fail    HTTPError: 500 Server Error
"""


def test_all_that_fails_behind_ctrl_c_may_cost_five_seconds_together_and_nothing_once_a_collection_was_cut(
    place: Path,
) -> None:
    stops = STOPPED.format(setup="Evaluate    os.kill(os.getpid(), signal.SIGINT)")
    (place / "stopped.robot").write_text(stops)
    (place / "cut.robot").write_text(STOPPED.format(setup="No Operation"))
    config = (place / "failtale.yaml").read_text()
    (place / "cut.yaml").write_text(config.replace("echo the disk", "kill -INT $RUN; sleep 600; echo the disk"))
    done = ran(
        place,
        "import os\n"
        "os.environ['RUN'] = str(os.getpid())\n"
        "for name, config in [('stopped', 'failtale'), ('cut', 'cut')]:\n"
        "    listener = FailTaleListener(f'{config}.yaml')\n"
        "    robot.run(f'{name}.robot', outputdir=name, listener=[listener], stdout=sys.stderr)\n",
    )
    setup, teardown = reports_in(place / "stopped" / "output.xml")
    assert setup.failure.message.endswith("Execution terminated by signal")
    assert 0 < teardown.plan.deadline_s < setup.plan.deadline_s <= 5
    cut, behind = reports_in(place / "cut" / "output.xml")
    assert "cancelled" in {gap.reason for gap in cut.evidence.gaps} | {item.incomplete for item in cut.evidence.items}
    assert [(gap.host, gap.reason) for gap in behind.evidence.gaps] == [("storage1", "skipped")], done.stderr
    assert behind.evidence.items == ()


def test_ctrl_c_between_the_collection_and_its_card_ends_the_run_as_one_in_the_collection_does(place: Path) -> None:
    (place / "two.robot").write_text(f"{SUITE}\nOrder Again\n    Fail    HTTPError: 500 Server Error\n")
    done = ran(
        place,
        "import os, signal\n"
        "from FailTaleLibrary.run import Run\n"
        "card = Run.card\n"
        "def stopped_first(*told, **more):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    return card(*told, **more)\n"
        "Run.card = stopped_first\n"
        "robot.run('two.robot', outputdir='out', listener=[FailTaleListener('failtale.yaml')], stdout=sys.stderr)\n",
    )
    (report,) = reports_in(place / "out" / "output.xml")
    assert [item.id for item in report.evidence.items] == ["storage1/state", "storage1/log"], done.stderr
    first, again = ExecutionResult(place / "out" / "output.xml").suite.tests
    assert first.message == "HTTPError: 500 Server Error"
    assert again.message == "Execution terminated by signal"


def test_ctrl_c_while_the_page_of_a_run_is_made_leaves_no_connection(place: Path) -> None:
    done = ran(
        place,
        "import os, signal\n"
        "from FailTaleLibrary import FailTaleLibrary\n"
        "from FailTaleLibrary.run import Run\n"
        "ended = Run.run_ended\n"
        "Run.run_ended = lambda run: (print('connections are closed', file=sys.stderr), ended(run))\n"
        "FailTaleLibrary.write_run_page = lambda *_: os.kill(os.getpid(), signal.SIGINT)\n"
        "try:\n"
        "    robot.run('order.robot', outputdir='out', listener=[FailTaleListener('failtale.yaml')])\n"
        "except KeyboardInterrupt:\n"
        "    print('Robot was interrupted', file=sys.stderr)\n",
    )
    assert "connections are closed" in done.stderr
    assert "Robot was interrupted" in done.stderr
    assert (place / "out" / "log.html").exists()


def test_a_run_whose_configuration_is_mended_is_not_refused_for_that_of_the_run_before(place: Path) -> None:
    good = (place / "failtale.yaml").read_text()
    (place / "failtale.yaml").write_text("components: 7\n")
    (place / "good.yaml").write_text(good)
    ran(
        place,
        "listener = FailTaleListener('failtale.yaml')\n"
        "robot.run('order.robot', outputdir='out0', listener=[listener], stdout=sys.stderr)\n"
        "open('failtale.yaml', 'w').write(open('good.yaml').read())\n"
        "robot.run('order.robot', outputdir='out1', listener=[listener], stdout=sys.stderr)\n",
    )
    assert list(reports_in(place / "out0" / "output.xml")) == []
    assert len(list(reports_in(place / "out1" / "output.xml"))) == 1


def test_in_a_real_run_a_fault_in_ranking_leaves_a_card_with_the_evidence_and_names_its_traceback(place: Path) -> None:
    ran(
        place,
        "from FailTaleLibrary.run import Stages\n"
        "def fails(*_, **__): raise KeyError('x')\n"
        "listener = FailTaleListener('failtale.yaml', stages=Stages(rank=fails))\n"
        "robot.run('order.robot', outputdir='out', listener=[listener], stdout=sys.stderr)\n",
    )
    (report,) = reports_in(place / "out" / "output.xml")
    assert report.evidence.items[0].text == "the disk is full\n"
    (gap,) = report.evidence.gaps
    assert (
        gap.detail == "FailTale internal error while ranking the evidence: KeyError: 'x'. Details: failtale/error.log"
    )
    assert "in fails" in (place / "out" / "failtale" / "error.log").read_text()
    (test,) = ExecutionResult(place / "out" / "output.xml").suite.tests
    assert (test.status, test.message) == ("FAIL", "HTTPError: 500 Server Error")


def test_in_a_real_run_a_fault_in_rendering_leaves_a_plain_card(place: Path) -> None:
    ran(
        place,
        "from FailTaleLibrary.run import Stages\n"
        "def fails(*_, **__): raise KeyError('x')\n"
        "listener = FailTaleListener('failtale.yaml', stages=Stages(card=fails))\n"
        "robot.run('order.robot', outputdir='out', listener=[listener], stdout=sys.stderr)\n",
    )
    output = (place / "out" / "output.xml").read_text()
    assert "FailTale internal error while drawing the card: KeyError" in output
    assert "the disk is full" in output
    assert (place / "out" / "log.html").is_file()


@pytest.mark.parametrize(("free", "shown"), [(4_096, ""), (60_000, "plain"), (300_000, "drawn"), (530_000, "")])
def test_a_card_leaves_room_for_robots_own_output_on_a_disk_that_is_nearly_full(
    free: int, shown: str, place: Path
) -> None:
    done = ran(
        place,
        "import shutil\n"
        f"shutil.disk_usage = lambda place: shutil._ntuple_diskusage(10**9, 10**9 - {free}, {free})\n"
        "robot.run('order.robot', outputdir='out', listener=['FailTaleListener'], stdout=sys.stderr)\n",
    )
    output = (place / "out" / "output.xml").read_text(encoding="utf-8")
    assert [len(list(reports_in(place / "out" / "output.xml"))), "this is what there was room for" in output] == {
        "": [0, False],
        "plain": [0, True],
        "drawn": [1, False],
    }[shown]
    assert ("the disk is full" in output) == bool(shown)
    assert ("1 card not in the log because the disk of its output file is full" in done.stderr) == (not shown)
    assert len(output) < max(free // 2, 10_000)


def test_debug_lines_of_each_command_are_in_log_html_when_robots_level_asks_for_them(place: Path) -> None:
    script = (
        "robot.run('order.robot', outputdir='{0}', loglevel='{0}', stdout=sys.stderr,\n"
        "          listener=[FailTaleListener('failtale.yaml')])\n"
    )
    ran(place, script.format("TRACE") + script.format("INFO"))
    line = "storage1: state: ok, "
    assert line in (place / "TRACE" / "output.xml").read_text()
    assert line not in (place / "INFO" / "output.xml").read_text()


@pytest.mark.parametrize(
    "path", ["C:\\tests\\failtale.yaml", "d:/tests/failtale.yaml", "C:\\tests\\failtale.yaml:strict=yes"]
)
def test_a_windows_path_is_put_together_again(place: Path, path: str) -> None:
    file = place / path.removesuffix(":strict=yes")
    file.parent.mkdir(parents=True, exist_ok=True)
    (place / "failtale.yaml").rename(file)
    ran(
        place,
        f"robot.run('order.robot', outputdir='out', listener=['FailTaleListener:' + {path!r}], stdout=sys.stderr)\n",
    )
    assert len(list(reports_in(place / "out" / "output.xml"))) == 1


@pytest.mark.parametrize("argument", ["failtale.yaml:verbose", "failtale.yaml:strict=perhaps", "failtale.yaml:a:b"])
def test_words_behind_the_path_that_mean_nothing_switch_the_listener_off_and_no_run(place: Path, argument: str) -> None:
    done = ran(
        place,
        f"sys.exit(robot.run('order.robot', outputdir='out', listener=['FailTaleListener:{argument}'],\n"
        "                   stdout=sys.stderr) - 1)\n",
    )
    assert "switched off for this run" in done.stderr
    assert "strict=yes" in done.stderr
    assert len(ExecutionResult(place / "out" / "output.xml").suite.tests) == 1


def test_a_listener_without_argument_takes_the_file_in_the_working_directory_and_says_so(place: Path) -> None:
    done = ran(place, "robot.run('order.robot', outputdir='out', listener=[FailTaleListener()], stdout=sys.stderr)\n")
    (report,) = reports_in(place / "out" / "output.xml")
    assert report.evidence.gaps == ()
    assert f"FailTale uses '{place}/failtale.yaml'." in done.stderr


def test_a_run_that_ends_while_texts_are_searched_for_secrets_ends_as_robot_ends_it(place: Path) -> None:
    """A thread in re2's code when the interpreter ends would take the exit status with it."""
    letters = random.Random(1)
    words = ("".join(letters.choices(string.ascii_letters + string.digits, k=36)) for _ in range(6_000))
    (place / "dense.log").write_text("".join(f"token=ghp_{word} AKIA{word[:16].upper()}\n" for word in words))
    collectors = [{"name": f"log{number}", "command": f"cat {place}/dense.log"} for number in range(4)]
    host = {"component": "storage", "transport": "local"}
    config = {
        "components": {"storage": {"collectors": collectors}},
        "limits": {"failure_time": 3, "item_bytes": "1 MB"},
        "hosts": {"storage1": host, "storage2": host},
    }
    (place / "failtale.yaml").write_text(json.dumps(config))
    done = ran(place, "sys.exit(robot.run('order.robot', listener=['FailTaleListener:failtale.yaml']) - 1)\n")
    assert done.returncode == 0
    assert "terminate" not in done.stderr
