"""pytest tells its failures as Robot Framework does, through real pytest runs in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
from chromium import a_page
from needs import missing
from patience import PATIENCE_S
from pytest_runs import plugin_is_installed, plugin_options

from FailTaleLibrary.archive import read_bundle
from FailTaleLibrary.records import Report

ROOT = Path(__file__).parent.parent
SUITE = """
import sys
from datetime import datetime, timezone

import pytest

LOG = "{log}"


def write(line):
    with open(LOG, "a") as log:
        log.write(f"{{datetime.now(timezone.utc).isoformat()}} {{line}}\\n")


@pytest.fixture
def product():
    yield
    open(LOG, "w").close()


def test_that_passes():
    write("ERROR of a passing test")


@pytest.mark.parametrize("order", [17, 18])
def test_order(product, order):
    write(f"storage refused order {{order}}")
    assert place(order) == "accepted"


def place(order):
    return "refused"


@pytest.fixture
def broken():
    write("the fixture broke")
    raise RuntimeError("no product")


def test_with_a_broken_setup(broken):
    pass


@pytest.fixture
def breaks_later():
    yield
    write("the teardown broke")
    raise RuntimeError("cannot clean up")


def test_with_a_broken_teardown(breaks_later):
    pass


@pytest.mark.no_failtale
def test_that_wants_no_evidence():
    assert False


@pytest.mark.failtale(components=["idle"])
def test_that_asks_one_component(record_property):
    open("page 1.png", "wb").close()
    record_property("screenshot", "page 1.png")
    record_property("other", "../page.png")
    assert False


def test_that_asks_itself(failtale):
    write("asked for")
    evidence = failtale.collect_evidence(name="By hand")
    assert evidence["name"] == "By hand"
    failtale.evidence_should_contain("asked for", host="shop1", collector="log")
    failtale.evidence_should_not_contain("refused", host="shop1", collector="log")
    failtale.check_hosts()


def test_with_a_secret(api_token):
    write(f"client sent {{api_token}}")
    assert False


@pytest.fixture
def api_token():
    import uuid

    return uuid.uuid4().hex


def test_knows_nothing_of_robot():
    assert "robot" not in sys.modules
"""


@dataclass(frozen=True)
class PytestRun:
    directory: Path
    status: int
    output: str

    def report(self, name: str) -> Report:
        """The one report of a test; fails when there is none or more than one."""
        found = [report for report in self.reports() if report.failure.name == name]
        assert len(found) == 1, [report.failure.name for report in self.reports()]
        return found[0]

    def reports(self) -> list[Report]:
        return [read_bundle(path) for path in sorted((self.directory / "failtale").glob("*")) if path.is_dir()]


def run_pytest(directory: Path, *options: str, suite: str = SUITE, plugins: tuple[str, ...] = ()) -> PytestRun:
    """What a suite comes to; ``plugins``: of other packages, by name."""
    (directory / "test_shop.py").write_text(suite.format(log=directory / "app.log"))
    (directory / "app.log").touch()
    (directory / "failtale.yaml").write_text(
        f"""
        components:
          shop:
            collectors: [{{name: log, file: {directory / "app.log"}}}]
          idle:
            collectors: [{{name: uptime, command: echo up}}]
        hosts:
          shop1: {{component: shop, transport: local}}
          idle1: {{component: idle, transport: local}}
        """
    )
    status, output = ran(directory, *options, plugins=plugins)
    return PytestRun(directory, status, output)


def ran(directory: Path, *options: str, plugins: tuple[str, ...] = (), **environ: str) -> tuple[int, str]:
    """Exit status and what was said."""
    command = [sys.executable, "-m", "pytest", *plugin_options(*plugins), *options]
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}  # we may be a worker
    environment = {**own, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]), **environ}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> PytestRun:
    options = ("--failtale", "failtale.yaml", "--strict-markers", "--junitxml=junit.xml", "--html=report.html")
    return run_pytest(tmp_path_factory.mktemp("told"), *options, plugins=("html", "html_fixtures", "metadata"))


def text_of(report: Report, item_id: str = "shop1/log") -> str:
    item = report.evidence.item(item_id)
    assert item is not None
    return item.text


def test_evidence_is_taken_before_the_fixtures_teardown_destroys_it(told: PytestRun) -> None:
    assert "storage refused order 17" in text_of(told.report("test_order[17]"))


def test_each_parameter_has_the_evidence_of_its_own_window(told: PytestRun) -> None:
    assert "order 17" not in text_of(told.report("test_order[18]"))
    assert "passing" not in text_of(told.report("test_order[17]"))


def test_a_broken_setup_and_a_broken_teardown_are_told(told: PytestRun) -> None:
    assert "the fixture broke" in text_of(told.report("test_with_a_broken_setup"))
    assert "the teardown broke" in text_of(told.report("test_with_a_broken_teardown"))


def test_the_way_to_the_failure_names_functions_and_lines(told: PytestRun) -> None:
    step = told.report("test_order[17]").failure.keyword_path[-1]
    assert step.source is not None
    assert (step.name, Path(step.source).name) == ("test_order", "test_shop.py")
    assert step.line == 1 + (told.directory / "test_shop.py").read_text().splitlines().index(
        '    assert place(order) == "accepted"'
    )


def test_markers_narrow_or_forbid(told: PytestRun) -> None:
    assert {item.host for item in told.report("test_that_asks_one_component").evidence.items} == {"idle1"}
    assert "test_that_wants_no_evidence" not in {report.failure.name for report in told.reports()}


def test_pictures_that_a_test_records_are_told(told: PytestRun) -> None:
    screenshots = told.report("test_that_asks_one_component").failure.screenshots
    assert [(each.path, each.keyword, each.note) for each in screenshots] == [
        ("page 1.png", "screenshot", ""),
        ("", "other", "outside of the output directory"),
    ]


def test_the_fixture_asks_as_the_keywords_do(told: PytestRun) -> None:
    assert told.report("By hand").failure.scope == "on demand"
    assert "test_that_asks_itself" not in told.output.partition("short test summary")[2]


def test_a_fixtures_secret_is_in_no_bundle(told: PytestRun) -> None:
    assert "client sent" in text_of(told.report("test_with_a_secret"))
    words = text_of(told.report("test_with_a_secret")).split()
    assert not [word for word in words if len(word) == 32 and word.isalnum()]


def test_reports_sections_properties_and_summary_tell_it(told: PytestRun) -> None:
    names = {
        case.get("name")
        for case in ElementTree.parse(told.directory / "junit.xml").iter("testcase")
        if any(each.get("name") == "failtale" for each in case.iter("property"))
    }
    assert {"test_order[17]", "test_with_a_broken_setup"} <= names
    assert "data-failtale" in (told.directory / "report.html").read_text().replace("&#34;", '"')
    assert "= FailTale =" in told.output
    assert "test_shop.py::test_order[17]: FailTale:" in told.output


@pytest.mark.browser
def test_a_card_in_pytest_htmls_report_leads_to_its_bundle_and_keeps_its_style_under_a_filter(told: PytestRun) -> None:
    """A filter takes rows out of the page, with the style sheets of their cards."""
    page_file = told.directory / "report.html"
    with a_page() as page:
        page.goto(page_file.as_uri())
        cards = page.locator("[data-failtale]")
        cards.first.wait_for()
        every = cards.count()
        link = cards.first.get_by_text("bundle", exact=True).get_attribute("href")
        assert link is not None
        assert (page_file.parent / link).is_dir()
        first = page.locator("#results-table .col-result").first.inner_text()
        page.locator(f"input[data-test-result={first.lower()}]").click()
        assert 0 < cards.count() < every
        assert set(cards.evaluate_all("cards => cards.map(each => getComputedStyle(each).paddingLeft)")) == {"14px"}


def test_results_are_those_of_a_run_without_it(told: PytestRun, tmp_path: Path) -> None:
    without = run_pytest(tmp_path, "--strict-markers", "--deselect", "test_shop.py::test_that_asks_itself")
    assert without.status == told.status
    assert not (tmp_path / "failtale").exists()
    assert failed_tests(without) == failed_tests(told)


def failed_tests(run: PytestRun) -> list[str]:
    summary = run.output.partition("short test summary info")[2].splitlines()
    return sorted(line.split(" - ")[0] for line in summary if line.startswith(("FAILED", "ERROR")))


FROZEN = """
import datetime
import sys
import types

import pytest

REAL = datetime.datetime


class AlsoReal(type):
    def __instancecheck__(self, value):
        return isinstance(value, REAL)


class Frozen(REAL, metaclass=AlsoReal):
    @classmethod
    def now(cls, tz=None):
        return cls(2011, 1, 1, tzinfo=tz)


ignored = []
stand_in = types.ModuleType("freezegun")
stand_in.configure = lambda extend_ignore_list: ignored.extend(extend_ignore_list)
sys.modules["freezegun"] = stand_in


@pytest.fixture
def frozen(monkeypatch):
    for name, module in list(sys.modules.items()):
        if not name.startswith(tuple(ignored)) and vars(module).get("datetime") is REAL:
            monkeypatch.setattr(module, "datetime", Frozen)


def test_of_code_that_a_program_made(frozen):
    made = {{}}
    exec(compile("def order(): raise OSError('no tea')", "made.py", "exec"), made)
    made["order"]()
"""


def test_time_that_a_test_freezes_and_code_without_a_text_cost_no_evidence(tmp_path: Path) -> None:
    frozen = run_pytest(tmp_path, "--failtale=failtale.yaml", suite=FROZEN)
    report = frozen.report("test_of_code_that_a_program_made")
    assert report.failure.window.start.year > 2025
    assert 0 < report.failure.window.seconds < PATIENCE_S
    assert [(step.name, step.arguments) for step in report.failure.keyword_path[-1:]] == [("order", ("",))]


def test_it_works_under_xdist_with_reruns(tmp_path: Path) -> None:
    options = ("--failtale", "failtale.yaml", "-n", "2", "--reruns", "1", "-k", "order")
    run = run_pytest(tmp_path, *options, plugins=("xdist", "rerunfailures"))
    attempts = sorted(report.failure.attempt for report in run.reports() if report.failure.name == "test_order[17]")
    assert attempts == [1, 2]
    assert run.output.count("test_shop.py::test_order[17]: FailTale:") >= 1


def test_a_bad_configuration_is_a_usage_error_with_a_sentence(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, "--failtale", "missing.yaml")
    assert run.status == pytest.ExitCode.USAGE_ERROR
    assert "missing.yaml" in run.output
    assert "Traceback" not in run.output


# --- It never changes what runs ---------------------------------------------------------------------------------------

PROJECT_TEST = """
import pytest

@pytest.mark.slow
def test_slow():
    raise AssertionError("this one was deselected")

def test_order():
    raise AssertionError("no order")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose pytest.ini deselects a test, and FailTale's configuration outside of it."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "pytest.ini").write_text("[pytest]\naddopts = -m 'not slow'\nmarkers = slow\n")
    (tmp_path / "project" / "test_shop.py").write_text(PROJECT_TEST)
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "failtale.yaml").write_text(
        "components: {shop: {collectors: [{name: state, command: echo up}]}}\n"
        "hosts: {shop1: {component: shop, transport: local}}\n"
    )
    return tmp_path / "project"


def test_a_path_that_pytest_took_for_a_test_path_is_refused_before_another_test_runs(project: Path) -> None:
    if not plugin_is_installed():
        missing("the installed plugin", "pip install --editable .")
    status, said = ran(project, "--failtale", "../ops/failtale.yaml")
    assert status == pytest.ExitCode.USAGE_ERROR, said
    assert "write '--failtale=../ops/failtale.yaml' with an equals sign" in said
    assert "test_slow" not in said


def test_a_path_behind_a_space_is_fine_where_pytest_finds_its_settings_by_the_tests(project: Path) -> None:
    _, said = ran(project, "--failtale", "../ops/failtale.yaml", "test_shop.py")
    assert "1 failed, 1 deselected" in said
    assert "shop1" in said


def test_with_an_equals_sign_the_projects_own_settings_hold(project: Path) -> None:
    status, said = ran(project, "--failtale=../ops/failtale.yaml")
    assert "1 failed, 1 deselected" in said
    assert "shop1" in said
    assert status == pytest.ExitCode.TESTS_FAILED


def test_a_path_within_the_project_may_stand_behind_a_space(project: Path) -> None:
    (project / "conf").mkdir()
    (project.parent / "ops" / "failtale.yaml").rename(project / "conf" / "failtale.yaml")
    _, said = ran(project, "--failtale", "conf/failtale.yaml")
    assert "1 failed, 1 deselected" in said
    assert "shop1" in said


def test_pytest_ini_names_the_configuration_relative_to_itself(project: Path) -> None:
    ini = project / "pytest.ini"
    ini.write_text(ini.read_text() + "failtale = ../ops/failtale.yaml\n")
    (project / "sub").mkdir()
    (project / "sub" / "test_more.py").write_text("def test_more(): assert False\n")
    _, said = ran(project / "sub")
    assert "shop1" in said


def test_failtale_config_names_the_configuration(project: Path) -> None:
    _, said = ran(project, FAILTALE_CONFIG=str(project.parent / "ops" / "failtale.yaml"))
    assert "1 failed, 1 deselected" in said
    assert "shop1" in said


def test_without_a_configuration_the_plugin_is_inert(project: Path) -> None:
    _, said = ran(project)
    assert "1 failed, 1 deselected" in said
    assert "FailTale" not in said


# --- What a reader sees of it ----------------------------------------------------------------------------------------

SHARED = """\
import os
import pytest

@pytest.fixture(scope="class")
def shop():
    with open("{log}", "a") as log:
        log.write("ERROR the shop does not start: port 8080 in use\\n")
    raise OSError("the shop does not start")

class TestOrders:
    def test_one(self, shop): pass
    def test_two(self, shop): pass

def test_long():
    with open("{log}", "a") as log:
        for number in range(300):
            log.write(f"ERROR order {{number}} is lost in a way of its own {{'x' * (number % 7)}}\\n")
    assert False

def test_that_kills_its_worker():
    with open("{log}", "a") as log:
        log.write("ERROR the worker goes\\n")
    if os.environ.get("PYTEST_XDIST_WORKER"):
        os._exit(3)
"""


def run_shared(directory: Path, *options: str) -> PytestRun:
    return run_pytest(directory, "--failtale=failtale.yaml", *options, suite=SHARED, plugins=("xdist",))


def section_of(run: PytestRun, test: str) -> list[str]:
    """The lines of a failing test's section in the terminal."""
    _, _, rest = run.output.partition(f"{test} _")
    lines = rest.partition(" FailTale -")[2].splitlines()[1:]
    ends = (number for number, line in enumerate(lines) if line.startswith(("___", "===")) or "generated xml" in line)
    return lines[: next(ends)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> PytestRun:
    return run_shared(tmp_path_factory.mktemp("shared"), "--junitxml=junit.xml")


def test_a_section_has_forty_lines_at_most_and_says_where_the_rest_is(shared: PytestRun) -> None:
    section = section_of(shared, "test_long")
    assert 3 <= len(section) <= 40
    assert "What was collected" not in section
    assert section[-1].startswith("All of it: failtale show failtale/")


def test_who_asks_for_much_gets_the_whole_report(tmp_path: Path) -> None:
    run = run_shared(tmp_path, "-vv", "-k", "test_long")
    assert "What was collected" in section_of(run, "test_long")


def test_the_second_victim_of_a_fixture_is_told_of_the_first(shared: PytestRun) -> None:
    assert [report.failure.name for report in shared.reports()].count("test_two") == 0
    section = "\n".join(section_of(shared, "test_two"))
    assert section.startswith("Same as 'test_one': the fixture failed once, before it. ")


def test_junit_shows_the_section_as_the_tests_output(shared: PytestRun) -> None:
    cases = {case.get("name"): case for case in ElementTree.parse(shared.directory / "junit.xml").iter("testcase")}
    told = cases["test_long"].findtext("system-out") or ""
    assert "FailTale: " in told
    assert "failtale show" in told


def test_a_test_whose_worker_died_has_its_evidence_too(tmp_path: Path) -> None:
    run = run_shared(tmp_path, "-n", "1", "-k", "worker or one")
    report = run.report("test_that_kills_its_worker")
    assert "the worker goes" in text_of(report)
    assert "test_shop.py::test_that_kills_its_worker: FailTale:" in run.output
