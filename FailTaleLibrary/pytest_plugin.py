"""pytest plugin: ``pytest --failtale failtale.yaml`` tells every failing test as the listener does for Robot.

Inert unless asked. Evidence is collected right after the failing phase and before fixtures are torn down. It knows
nothing of Robot Framework, nor do the modules that it imports.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Collection, Generator, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from FailTaleLibrary.hints import HintMaker
    from FailTaleLibrary.records import Failure, FailureScope, KeywordStep, Report
    from FailTaleLibrary.redaction.redactor import RecordRedactor
    from FailTaleLibrary.run import Run

PROPERTY = "failtale"
"""Name of the JUnit XML property; its value is the summary line."""
MARKERS = (
    "failtale(components=[...]): collect from these components only when the test fails",
    "no_failtale: collect nothing when the test fails",
)
_PLUGIN = "failtale-run"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("failtale", "evidence from the system under test")
    group.addoption("--failtale", metavar="CONFIG", help="configuration file; collect evidence when a test fails")
    group.addoption("--failtale-output", metavar="DIR", default=".", help="bundles go to DIR/failtale (default: .)")


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    path = config.getoption("failtale")
    if path:
        config.pluginmanager.register(_Run(_run(path), config), _PLUGIN)


def _run(path: str) -> Run:
    from FailTaleLibrary.config import load_config  # only a run that asked for FailTale pays for it
    from FailTaleLibrary.errors import ConfigError
    from FailTaleLibrary.run import Run

    try:
        return Run(load_config(path))
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture(name="failtale")
def failtale_fixture(request: pytest.FixtureRequest) -> FailTale:
    """Evidence on demand, with the same functions as Robot's keywords; needs ``--failtale``."""
    run = request.config.pluginmanager.get_plugin(_PLUGIN)
    if run is None:
        pytest.fail("the 'failtale' fixture needs a configuration: pytest --failtale failtale.yaml", pytrace=False)
    return FailTale(run, request.node)


class FailTale:
    """What a test may ask for; the functions are those of the Robot keywords."""

    def __init__(self, run: _Run, item: pytest.Item) -> None:
        self._run = run
        self._item = item

    def collect_evidence(self, components: Collection[str] = (), name: str | None = None) -> dict[str, Any]:
        """Collects from all hosts now (or from hosts that play ``components``) and returns the evidence as a value.

        The value is described in the documentation of the Robot keyword `Collect Evidence`.
        """
        from FailTaleLibrary.queries import value_of

        return value_of(self._run.tell_now(self._item, name=name, components=components))

    def get_evidence(self, host: str | None = None, collector: str | None = None) -> str:
        """The output of the matching items of the last collection."""
        from FailTaleLibrary.queries import text_of

        return text_of(self._last(), host, collector)

    def check_hosts(self, *hosts: str) -> None:
        """Fails with a readable list when a host (of all, or of the given ones) cannot be asked."""
        from FailTaleLibrary.queries import check_verdicts

        check_verdicts(self._run.run.check_hosts(hosts))

    def evidence_should_contain(
        self, text: str, *, host: str | None = None, collector: str | None = None, ignore_case: bool = False
    ) -> None:
        """Fails unless a line of the last evidence contains the text."""
        from FailTaleLibrary.queries import check_contains

        check_contains(self._last(), text, host=host, collector=collector, ignore_case=ignore_case)

    def evidence_should_not_contain(
        self, text: str, *, host: str | None = None, collector: str | None = None, ignore_case: bool = False
    ) -> None:
        """Fails when a line of the last evidence contains the text, or when a gap leaves it open."""
        from FailTaleLibrary.queries import check_contains_not

        check_contains_not(self._last(), text, host=host, collector=collector, ignore_case=ignore_case)

    def analyze_evidence(self) -> dict[str, Any]:
        """What the last evidence points to: suspects, and a hint where a model is configured; waits for the model."""
        from FailTaleLibrary.queries import value_of

        return value_of(self._run.analyzed(self._last()))

    def _last(self) -> Report:
        from FailTaleLibrary.errors import FailTaleError

        report = self._run.run.last
        if report is None:
            raise FailTaleError("No evidence has been collected in this run; use 'collect_evidence' first.")
        return report


class _Run:
    """One pytest run with FailTale; under xdist one in each worker, and one in the controller for the summary."""

    def __init__(self, run: Run, config: pytest.Config) -> None:
        self.run = run
        self._output_dir = Path(config.getoption("failtale_output"))
        self._config = config
        self._began = run.started_at
        self._told: list[tuple[str, str]] = []
        self._hints: HintMaker | None = None

    # --- pytest's hooks ----------------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._begin()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.failed and item.get_closest_marker("no_failtale") is None:
            self._tell(item, call, report)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY and (report.nodeid, str(value)) not in self._told:
                self._told.append((report.nodeid, str(value)))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._told:
            terminalreporter.section("FailTale")
            for nodeid, summary in self._told:
                terminalreporter.write_line(f"{nodeid}: {summary}")

    def pytest_unconfigure(self) -> None:
        self.run.close()

    # --- What they mean ----------------------------------------------------------------------------------------------

    def tell_now(self, item: pytest.Item, *, name: str | None, components: Collection[str]) -> Report:
        """A collection that a test asks for; the window reaches from its start until now."""
        failure = _failure(
            item, began=self._began, scope="on demand", name=name or item.name, cleaner=self._cleaner(item)
        )
        return self._investigate(failure, item, components)

    def analyzed(self, report: Report) -> Report:
        """The report with a hint, or with the reason why there is none."""
        from FailTaleLibrary.files import user_directory
        from FailTaleLibrary.hints import HintMaker

        if self._hints is None:
            self._hints = HintMaker(self.run.config.analysis, cache_dir=user_directory("cache") / "hints")
        return report.model_copy(update={"analysis": self._hints.hint(report)})

    def _begin(self) -> None:
        self._began = datetime.now(timezone.utc)
        if self.run.config.marks != "off":
            self.run.window_began()

    def _tell(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
        """Collects, and attaches what was found to the report. Whatever goes wrong leaves the report as it was."""
        try:
            told = self._investigate(_failure_of(item, call, began=self._began, cleaner=self._cleaner(item)), item, ())
        except Exception as error:
            report.sections.append(("FailTale", f"could not tell this failure: {type(error).__name__}: {error}"))
            return
        self._attach(told, item, report)

    def _investigate(self, failure: Failure, item: pytest.Item, components: Collection[str]) -> Report:
        return self.run.collect_failure(
            failure,
            known=_secrets(item),
            components=components or _marked_components(item),
            output_dir=self._output_dir,
        )

    def _attach(self, told: Report, item: pytest.Item, report: pytest.TestReport) -> None:
        from FailTaleLibrary.rendering import summary_line, to_html, to_text

        report.sections.append(("FailTale", to_text(told)))
        tale = (PROPERTY, summary_line(told))
        item.user_properties.append(tale)  # JUnit XML takes what the teardown's report has, which is made of these
        report.user_properties.append(tale)
        if self._config.pluginmanager.hasplugin("html"):
            card = to_html(told, max_bytes=self.run.config.limits.card_bytes)
            extras = getattr(report, "extras", [])
            report.extras = [*extras, _html_extra(card)]  # type: ignore[attr-defined]  # pytest-html's own attribute

    def _cleaner(self, item: pytest.Item) -> RecordRedactor:
        from FailTaleLibrary.redaction.redactor import RecordRedactor

        return RecordRedactor(self.run.redactor(_secrets(item)))


def _html_extra(card: str) -> dict[str, Any]:
    """An HTML extra as pytest-html wants it, without importing that plugin."""
    return {"name": "FailTale", "format_type": "html", "content": card, "mime_type": None, "extension": None}


def _marked_components(item: pytest.Item) -> tuple[str, ...]:
    marker = item.get_closest_marker("failtale")
    components = marker.kwargs.get("components", marker.args) if marker else ()
    return (components,) if isinstance(components, str) else tuple(components)


def _secrets(item: pytest.Item) -> tuple[str, ...]:
    """Values of fixtures and parameters whose names are a secret's."""
    from FailTaleLibrary.redaction import secret_values

    arguments = getattr(item, "funcargs", {})
    return secret_values({name: value for name, value in arguments.items() if isinstance(value, str)})


def _failure_of(item: pytest.Item, call: pytest.CallInfo[None], *, began: datetime, cleaner: RecordRedactor) -> Failure:
    excinfo = call.excinfo
    failure = _failure(item, began=began, scope="test", name=item.name, cleaner=cleaner)
    if excinfo is None:
        return failure
    return failure.with_outcome(
        message=cleaner.short(excinfo.exconly()),
        keyword_path=tuple(_steps(item, call, cleaner)),
        attempt=int(getattr(item, "execution_count", 1)),
    )


def _failure(item: pytest.Item, *, began: datetime, scope: FailureScope, name: str, cleaner: RecordRedactor) -> Failure:
    from FailTaleLibrary.records import Failure, Window

    source, line, _ = item.location
    return Failure(
        id=uuid.uuid4().hex,
        framework="pytest",
        scope=scope,
        name=cleaner.short(name),
        suite=cleaner.short(item.nodeid.partition("::")[0]),
        source=cleaner.short(source),
        line=None if line is None else line + 1,
        tags=tuple(cleaner.short(mark.name) for mark in item.iter_markers()),
        window=Window(start=began, end=datetime.now(timezone.utc)),
    )


def _steps(item: pytest.Item, call: pytest.CallInfo[None], cleaner: RecordRedactor) -> Iterator[KeywordStep]:
    """The way to the failing line: the phase, then each function of the test's own code in the traceback."""
    from FailTaleLibrary.records import KeywordStep

    started_at = datetime.fromtimestamp(call.start, timezone.utc)
    yield KeywordStep(
        name=cleaner.short(item.name),
        kind=call.when.upper(),
        status="FAIL",
        started_at=started_at,
        elapsed_s=call.duration,
    )
    assert call.excinfo is not None  # noqa: S101 - a failing phase has one
    entries = [entry for entry in call.excinfo.traceback if not _is_foreign(str(entry.path))]
    for depth, entry in enumerate(entries, start=1):
        yield KeywordStep(
            name=cleaner.short(entry.name),
            kind=call.when.upper(),
            arguments=(cleaner.short(str(entry.statement).strip()),),
            source=cleaner.short(entry.path),
            line=entry.lineno + 1,
            status="FAIL",
            depth=depth,
        )


def _is_foreign(path: str) -> bool:
    """Whether a traceback entry belongs to pytest or to an installed package."""
    return "site-packages" in path or path.startswith(sys.base_prefix)
