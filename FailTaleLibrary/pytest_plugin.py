"""pytest plugin: with ``pytest --failtale=failtale.yaml`` each failing test gets its evidence, as with the listener.

Inert unless asked. Evidence is collected right after the failing phase and before fixtures are torn down. It knows
nothing of Robot Framework, nor do the modules that it imports.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import time
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from FailTaleLibrary.belonging.correlation import Correlation
from FailTaleLibrary.text import without_ci_commands

if TYPE_CHECKING:
    from _pytest._code.code import TracebackEntry

    from FailTaleLibrary.belonging.other_tests import ParallelRun
    from FailTaleLibrary.belonging.used_texts import UsedText
    from FailTaleLibrary.records import Failure, FailureScope, KeywordStep, Report
    from FailTaleLibrary.redaction.redactor import RecordRedactor
    from FailTaleLibrary.run import Run
    from FailTaleLibrary.screenshots import ShownPicture

INI_OPTION = "failtale"
INI_VARIABLES = "failtale_variables"
"""Values of variables that the configuration declares; a fixture of a variable's name has another for its tests."""
PROPERTY = "failtale"
"""Name of the JUnit XML property; its value is the summary line."""
MARKERS = (
    "failtale(components=[...]): collect from these components only when the test fails",
    "no_failtale: collect nothing when the test fails",
)
MAX_PRINTED = 20_000
"""Characters of what a test printed or logged, the newest, that are searched for what it saw."""
MAX_USED_OF_PASSED = 40
"""Texts of a passing test that are remembered, to know its lines when a later test fails."""
MAX_FIXTURE_FAULTS = 20
"""Errors of fixtures that are remembered, with all that they hold."""
SECTION = "FailTale"
VERBOSE = 2
"""From ``pytest -vv`` on a failure's section is the whole report."""
CRASHED = "???"
"""``when`` of a test whose worker died, as xdist reports it."""
NOT_AFFECTED = "The test result is not affected."
_PLUGIN = "failtale-run"
_CORRELATION = pytest.StashKey[Correlation]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("failtale", "evidence from the system under test")
    group.addoption("--failtale", metavar="CONFIG", help="configuration file: collect evidence when a test fails")
    group.addoption("--failtale-output", metavar="DIR", default=".", help="bundles go to DIR/failtale (default: .)")
    parser.addini(INI_VARIABLES, "variables of the configuration, NAME = VALUE a line", type="linelist", default=[])
    parser.addini(INI_OPTION, "configuration file, as --failtale; relative to the file that says it", default="")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Refuses a command line with which pytest took our configuration for a test path: it would run other tests.

    pytest looks for its own configuration before it knows the options of plugins, so that in ``--failtale PATH`` the
    path counts as one of those in which it looks (https://docs.pytest.org/en/stable/reference/customize.html).
    """
    path = early_config.known_args_namespace.failtale
    if not path or (early_config.rootpath, early_config.inipath) == _setup_without_ours(early_config):
        return
    raise pytest.UsageError(
        f"pytest took '{path}' for a test path and '{early_config.rootpath}' for its rootdir, so that other tests "
        f"would run; write '--failtale={path}' with an equals sign, or '{INI_OPTION} = {path}' in pytest.ini."
    )


def _setup_without_ours(config: pytest.Config) -> tuple[Path | None, Path | None]:
    """Rootdir and configuration file as pytest finds them by the test paths alone."""
    from _pytest.config.findpaths import determine_setup  # nothing public tells it

    known = config.known_args_namespace
    arguments = {
        "inifile": known.inifilename,
        "override_ini": known.override_ini,
        "args": known.file_or_dir,
        "rootdir_cmd_arg": known.rootdir or None,
        "invocation_dir": config.invocation_params.dir,
    }
    taken = inspect.signature(determine_setup).parameters
    found = determine_setup(**{name: value for name, value in arguments.items() if name in taken})
    return found[0], found[1]


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    path = _config_path(config)
    if path:
        config.pluginmanager.register(_PytestRun(_run_of_configuration(path), config), _PLUGIN)


def _config_path(config: pytest.Config) -> str | None:
    """What the command line names, else pytest's own configuration, else FAILTALE_CONFIG; None: nobody asks for us."""
    named = config.getoption("failtale")
    if named:
        return str(named)
    by_ini = config.getini(INI_OPTION)
    if by_ini:
        return str((config.inipath.parent if config.inipath else config.rootpath) / by_ini)
    return os.environ.get("FAILTALE_CONFIG") or None


def _run_of_configuration(path: str) -> Run:
    from FailTaleLibrary.config import load_config  # only a run that asked for FailTale pays for it
    from FailTaleLibrary.errors import ConfigError
    from FailTaleLibrary.run import Run

    try:
        return Run(load_config(path))
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture(name="failtale")
def failtale_fixture(request: pytest.FixtureRequest) -> FailTale:
    """Evidence on demand, with the same functions as Robot's keywords; needs a configuration."""
    run = request.config.pluginmanager.get_plugin(_PLUGIN)
    if run is None:
        pytest.fail("the 'failtale' fixture needs a configuration: pytest --failtale=failtale.yaml", pytrace=False)
    return FailTale(run, request.node)


@pytest.fixture(name="failtale_correlation_id")
def correlation_id_fixture(request: pytest.FixtureRequest) -> str:
    """An id to send along with requests, so that log lines with its trace are this test's: a W3C traceparent.

    ``00-<32 hexadecimal digits>-<16>-01``; the trace is this test's alone, a test that is tried again has a new one.
    Needs no configuration. `FailTale.get_correlation_id` of the fixture ``failtale`` gives further ones of the trace.
    """
    return _correlation_of(request.node).traceparent()


class FailTale:
    """What a test may ask for; the functions are those of the Robot keywords."""

    def __init__(self, run: _PytestRun, item: pytest.Item) -> None:
        self._run = run
        self._item = item

    def collect_evidence(self, components: Collection[str] = (), name: str | None = None) -> dict[str, Any]:
        """Collects from all hosts now (or from hosts of ``components``) and returns the evidence as a value.

        The value is described in the documentation of the Robot keyword `Collect Evidence`.
        """
        from FailTaleLibrary.queries import value_of

        report = self._run.collect_now(self._item, name=name, components=components)
        return value_of(report, text=self._run.run.text(report))

    def get_evidence(self, host: str | None = None, collector: str | None = None) -> str:
        """The output of the matching items of the last collection."""
        from FailTaleLibrary.queries import text_of

        return text_of(self._run.run.last_report(), host, collector)

    def check_hosts(self, *hosts: str) -> None:
        """Fails with a readable list when a host (of all, or of the given ones) cannot be reached."""
        from FailTaleLibrary.queries import check_verdicts

        check_verdicts(self._run.run.check_hosts(hosts))

    def evidence_should_contain(
        self, text: str, *, host: str | None = None, collector: str | None = None, ignore_case: bool = False
    ) -> None:
        """Fails unless a line of the last evidence contains the text."""
        from FailTaleLibrary.queries import check_contains

        check_contains(self._run.run.last_report(), text, host=host, collector=collector, ignore_case=ignore_case)

    def evidence_should_not_contain(
        self, text: str, *, host: str | None = None, collector: str | None = None, ignore_case: bool = False
    ) -> None:
        """Fails when a line of the last evidence contains the text, or when a gap leaves it open."""
        from FailTaleLibrary.queries import check_contains_not

        check_contains_not(self._run.run.last_report(), text, host=host, collector=collector, ignore_case=ignore_case)

    def get_correlation_id(self) -> str:
        """A W3C traceparent of this test's trace, with a span of its own; see the fixture `failtale_correlation_id`."""
        return _correlation_of(self._item).traceparent()

    def analyze_evidence(self) -> dict[str, Any]:
        """What the last evidence points to: suspects, and a hint where a model is configured; waits for the model."""
        from FailTaleLibrary.queries import value_of

        report = self._run.run.with_hint(self._run.run.last_report(), folder=self._run._output_dir.absolute())
        return value_of(report, text=self._run.run.text(report))


class _PytestRun:
    """One pytest run with FailTale; under xdist one in each worker, and one in the controller for the summary."""

    def __init__(self, run: Run, config: pytest.Config) -> None:
        self.run = run
        self._output_dir = Path(config.getoption("failtale_output"))
        self._config = config
        self._file = ""
        self._item: pytest.Item | None = None
        """The test that is under way, whose fixtures may be values of variables."""
        self._variables = dict(_named_values(config.getini(INI_VARIABLES)))
        run.variables_from(self._variable)
        if (worker := getattr(config, "workerinput", None)) and worker.get("workercount", 2) > 1:
            run.runs_in_parallel(_xdist_run(worker))
        self._told: list[tuple[str, str]] = []
        self._begun: dict[str, datetime] = {}
        """When the tests that are under way began, as far as the process knows that shows the results."""
        self._fixture_faults: dict[int, tuple[BaseException, Report]] = {}
        """What broke fixtures that several tests share, and its evidence: pytest raises the same error once more."""
        self._held = contextlib.ExitStack()
        """Signals of a collection wait until its report has been taken by whoever wants it."""

    # --- pytest's hooks ----------------------------------------------------------------------------------------------

    def pytest_collection_finish(self) -> None:
        """A test that freezes the time by freezegun does not freeze ours: windows are about the time of the hosts."""
        freezegun = sys.modules.get("freezegun")
        with contextlib.suppress(Exception):  # whatever has that name, no test may suffer from it
            if freezegun is not None:
                freezegun.configure(extend_ignore_list=["FailTaleLibrary"])

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        self._began(item)  # once an attempt: pytest-rerunfailures repeats the phases within one protocol
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        try:
            return (yield)
        finally:
            self.run.test_ended()
            self._held.close()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.passed and report.when == "call":
            self.run.test_passed(item.name)
            if used := tuple(islice(_used_texts(item, report), MAX_USED_OF_PASSED)):
                self.run.test_used(item.name, used)
        if report.failed and item.get_closest_marker("no_failtale") is None:
            self._collect_failure(item, call, report)
        return report

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._begun[nodeid] = datetime.now(timezone.utc)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._begun.pop(nodeid, None)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, None, None]:
        if report.failed and report.when == CRASHED:
            self._collect_crashed(report)
        _tell_junit(self._config, report)
        yield
        self._held.close()
        for name, value in report.user_properties:
            if name == PROPERTY and (report.nodeid, str(value)) not in self._told:
                self._told.append((report.nodeid, str(value)))

    def pytest_report_header(self) -> list[str]:
        return [f"failtale: {warning}" for warning in self.run.config.warnings]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._told:
            terminalreporter.section("FailTale")
            for nodeid, summary in self._told:
                terminalreporter.write_line(f"{nodeid}: {summary}")
            if self.run.trouble:
                terminalreporter.write_line(self.run.trouble)

    def pytest_unconfigure(self) -> None:
        self.run.run_ended()

    # --- What they mean ----------------------------------------------------------------------------------------------

    def collect_now(self, item: pytest.Item, *, name: str | None, components: Collection[str]) -> Report:
        """A collection that a test asks for; the window reaches from its start until now."""
        failure = self._failure(item, scope="on demand", name=name or item.name)
        return self._collect_for(failure, item, components)

    def _variable(self, name: str) -> object:
        """The value of a fixture of the test that is under way, else what pytest.ini says."""
        fixtures = getattr(self._item, "funcargs", {})
        return fixtures[name] if name in fixtures else self._variables[name]

    def _began(self, item: pytest.Item) -> None:
        """A test begins, and perhaps a file, which pytest's runs take for a suite."""
        self._item = item
        file = item.nodeid.partition("::")[0]
        if file != self._file:
            self.run.suite_ended()
            self.run.suite_began()
            self._file = file
        item.stash[_CORRELATION] = Correlation()
        self.run.test_began(item.nodeid)

    def _collect_failure(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
        """Collects, and attaches what was found to the report. Whatever goes wrong leaves the report as it was."""
        from FailTaleLibrary.interrupts import held_back

        self._held.enter_context(held_back())
        began_s = time.monotonic()
        try:
            if self._tell_of_first_victim(item, call, report):
                return
            collected = self._collect_for(self._failure_of(item, call, report), item, (), began_s=began_s)
            self._attach(collected, item, report)
            self._remember_fixture_fault(call, collected)
        except Exception as error:
            activity = f"collecting evidence for test '{item.name}'"
            report.sections.append((SECTION, f"{self.run.fault(activity, error)} {NOT_AFFECTED}"))

    def _tell_of_first_victim(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> bool:
        """Whether a fixture of several tests had failed for an earlier one: its evidence counts."""
        if call.when != "setup" or call.excinfo is None:
            return False
        _, first = self._fixture_faults.get(id(call.excinfo.value), (None, None))
        if first is None:
            return False
        words = f"Same as '{first.failure.name}': the fixture failed once, before it. {first.analysis.headline}"
        report.sections.append((SECTION, f"{words}\n"))
        summary = (PROPERTY, f"FailTale: {words}")
        item.user_properties.append(summary)
        report.user_properties.append(summary)
        return True

    def _remember_fixture_fault(self, call: pytest.CallInfo[None], collected: Report) -> None:
        if call.when == "setup" and call.excinfo is not None:
            if len(self._fixture_faults) >= MAX_FIXTURE_FAULTS:
                self._fixture_faults.clear()
            self._fixture_faults[id(call.excinfo.value)] = (call.excinfo.value, collected)

    def _collect_for(
        self, failure: Failure, item: pytest.Item, components: Collection[str], *, began_s: float | None = None
    ) -> Report:
        traces = item.stash[_CORRELATION].identifiers if _CORRELATION in item.stash else ()
        failure = failure.with_traces(traces)
        return self.run.collect_failure(
            failure,
            components=components or _marked_components(item),
            output_dir=self._output_dir,
            began_s=began_s,
        )

    def _collect_crashed(self, report: pytest.TestReport) -> None:
        """A test whose xdist worker died: nobody but the controller is left to collect its evidence."""
        nodeid = report.nodeid
        file, _, name = nodeid.partition("::")
        try:
            failure = self.run.failure(
                name or nodeid,
                message=str(report.longrepr),
                suite=file,
                framework="pytest",
                scope="test",
                start=self._begun.get(nodeid),
            )
            collected = self.run.collect_failure(failure, output_dir=self._output_dir)
            report.sections.append((SECTION, self._section_of(collected)))
            report.user_properties.append((PROPERTY, without_ci_commands(self.run.summary(collected))))
        except Exception as error:
            activity = f"collecting evidence for test '{nodeid}'"
            report.sections.append((SECTION, f"{self.run.fault(activity, error)} {NOT_AFFECTED}"))

    def _section_of(self, collected: Report) -> str:
        """The report in short; whole where the user asks for much."""
        if self._config.get_verbosity() >= VERBOSE:
            return without_ci_commands(self.run.text(collected))
        where = f"failtale show {self._output_dir / collected.bundle}" if collected.bundle else "pytest -vv"
        return without_ci_commands(self.run.brief_text(collected, more=f"All of it: {where}"))

    def _attach(self, collected: Report, item: pytest.Item, report: pytest.TestReport) -> None:
        report.sections.append((SECTION, self._section_of(collected)))
        summary = (PROPERTY, without_ci_commands(self.run.summary(collected)))
        item.user_properties.append(summary)  # JUnit XML takes what the teardown's report has, which is made of these
        report.user_properties.append(summary)
        page = self._config.getoption("htmlpath", None)  # pytest-html's own option
        if page:
            extras = getattr(report, "extras", [])
            card = _html_extra(self._card_for(Path(os.path.expandvars(page)).expanduser(), collected))
            report.extras = [*extras, card]  # type: ignore[attr-defined]  # pytest-html's own attribute

    def _card_for(self, page: Path, collected: Report) -> str:
        """The card for pytest-html's report, with links to what lies in files."""
        from FailTaleLibrary.rendering import with_own_style

        bundle = self._link(collected.bundle, page) if collected.bundle else None
        pictures = [quote(self._link(each.path, page)) if each.path else "" for each in collected.failure.screenshots]
        return with_own_style(self.run.card(collected, bundle_link=bundle, screenshot_links=pictures))

    def _link(self, path: str, page: Path) -> str:
        """A path below the output directory as a page links it."""
        return Path(os.path.relpath(self._output_dir / path, page.parent)).as_posix()

    def _failure_of(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> Failure:
        local_values = dict(_local_values(call))
        self.run.know(_secrets_of(local_values))
        used = [
            *_used_texts(item, report),
            *(_used_value(name, value) for name, value in local_values.items()),
        ]
        failure = self._failure(item, scope="test", name=item.name, used=used)
        safe = self._safe()
        failure = self._with_screenshots(failure, item, safe)
        if call.excinfo is None:
            return failure
        return failure.with_outcome(
            message=safe.short(call.excinfo.exconly()),
            keyword_path=tuple(_traceback_steps(item, call, safe)),
            attempt=int(getattr(item, "execution_count", 1)),
        )

    def _with_screenshots(self, failure: Failure, item: pytest.Item, safe: RecordRedactor) -> Failure:
        """The failure with the pictures that the test named by ``record_property``."""
        from FailTaleLibrary.screenshots import OutputFolders, with_screenshots

        output = self._output_dir.absolute()
        folders = OutputFolders(output=output, log=Path.cwd(), home=output)
        return with_screenshots(failure, _recorded_pictures(item), folders, safe.short)

    def _failure(self, item: pytest.Item, *, scope: FailureScope, name: str, used: Iterable[UsedText] = ()) -> Failure:
        self.run.know(_secrets_of(getattr(item, "funcargs", {})))
        source, line, _ = item.location
        return self.run.failure(
            name,
            suite=item.nodeid.partition("::")[0],
            source=source,
            line=None if line is None else line + 1,
            tags=[mark.name for mark in item.iter_markers()],
            framework="pytest",
            scope=scope,
            used=used,
        )

    def _safe(self) -> RecordRedactor:
        from FailTaleLibrary.redaction.redactor import RecordRedactor

        return RecordRedactor(self.run.redactor())


def _tell_junit(config: pytest.Config, report: pytest.TestReport) -> None:
    """The section as ``system-out`` of the test case, which CI servers show; pytest's own has only what it captured."""
    from _pytest.junitxml import xml_key  # nothing public leads to it

    told = [text for title, text in report.sections if title == SECTION]
    junit = config.stash.get(xml_key, None)
    if not told or junit is None:
        return
    from xml.etree.ElementTree import Element

    from _pytest.junitxml import bin_xml_escape

    element = Element("system-out")
    element.text = str(bin_xml_escape("\n".join(told)))
    junit.node_reporter(report).append(element)


def _xdist_run(worker: Mapping[str, Any]) -> ParallelRun:
    """The run of an xdist worker, by what xdist tells its workers alone: their environment is inherited by others."""
    from FailTaleLibrary.belonging.other_tests import ParallelRun
    from FailTaleLibrary.records import our_words

    return ParallelRun(our_words("pytest-xdist"), key=f"pytest-xdist {worker['testrunuid']}")


def _html_extra(card: str) -> dict[str, Any]:
    """An HTML extra as pytest-html wants it, without importing that plugin."""
    return {"name": "FailTale", "format_type": "html", "content": card, "mime_type": None, "extension": None}


def _correlation_of(item: pytest.Item) -> Correlation:
    return item.stash.setdefault(_CORRELATION, Correlation())


def _marked_components(item: pytest.Item) -> tuple[str, ...]:
    marker = item.get_closest_marker("failtale")
    components = marker.kwargs.get("components", marker.args) if marker else ()
    return (components,) if isinstance(components, str) else tuple(components)


def _secrets_of(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Values of fixtures, parameters and local variables whose names are a secret's."""
    from FailTaleLibrary.redaction import secret_values

    return secret_values({name: value for name, value in values.items() if isinstance(value, str)})


def _named_values(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """``NAME = VALUE`` of each line."""
    for line in lines:
        name, _, value = line.partition("=")
        yield name.strip(), value.strip()


def _recorded_pictures(item: pytest.Item) -> Iterator[ShownPicture]:
    """Files that a test has recorded, the newest first: ``record_property("screenshot", path)``."""
    from FailTaleLibrary.screenshots import MAX_ADDRESS, ShownPicture, is_of_picture

    for name, value in reversed(item.user_properties):
        path = str(value) if isinstance(value, str | Path) else ""
        if len(path) <= MAX_ADDRESS and is_of_picture(quote(path)):
            yield ShownPicture(quote(path), keyword=str(name))


def _used_texts(item: pytest.Item, report: pytest.TestReport) -> Iterator[UsedText]:
    """What a test was given, and what it printed and logged."""
    from FailTaleLibrary.belonging.used_texts import UsedText, can_name

    for name, value in getattr(item, "funcargs", {}).items():
        if can_name(value):
            yield _used_value(name, value)
    for _, text in report.sections:
        for line in text[-MAX_PRINTED:].splitlines():
            yield UsedText(line, "output")


def _used_value(name: str, value: object) -> UsedText:
    from FailTaleLibrary.belonging.used_texts import UsedText

    return UsedText(f"{name}={value}", "value")


def _local_values(call: pytest.CallInfo[None]) -> Iterator[tuple[str, object]]:
    """What the functions of the test's own code held in variables when it failed: what others returned to them.

    Of a dictionary its plain values, as those of a JSON answer.
    """
    from FailTaleLibrary.belonging.used_texts import can_name

    entries = call.excinfo.traceback if call.excinfo else ()
    for entry in entries:
        if _is_foreign(str(entry.path)):
            continue
        for name, value in entry.frame.f_locals.items():
            if type(value) is dict:
                yield from ((str(key), each) for key, each in value.items() if can_name(each))
            elif can_name(value):
                yield name, value


def _traceback_steps(item: pytest.Item, call: pytest.CallInfo[None], safe: RecordRedactor) -> Iterator[KeywordStep]:
    """The way to the failing line: the phase, then each function of the test's own code in the traceback."""
    from FailTaleLibrary.records import KeywordStep

    started_at = datetime.fromtimestamp(call.start, timezone.utc)
    yield KeywordStep(
        name=safe.short(item.name),
        kind=call.when.upper(),
        status="FAIL",
        started_at=started_at,
        elapsed_s=call.duration,
    )
    assert call.excinfo is not None  # noqa: S101 - a failing phase has one
    entries = [entry for entry in call.excinfo.traceback if not _is_foreign(str(entry.path))]
    for depth, entry in enumerate(entries, start=1):
        yield KeywordStep(
            name=safe.short(entry.name),
            kind=call.when.upper(),
            arguments=(safe.short(_statement_of(entry)),),
            source=safe.short(entry.path),
            line=entry.lineno + 1,
            status="FAIL",
            depth=depth,
        )


def _statement_of(entry: TracebackEntry) -> str:
    """The line that was under way; empty where nobody has its text, as of code that a program made."""
    return "" if entry.frame.code.fullsource is None else str(entry.statement).strip()


def _is_foreign(path: str) -> bool:
    """Whether a traceback entry belongs to pytest or to an installed package."""
    return "site-packages" in path or path.startswith(sys.base_prefix)
