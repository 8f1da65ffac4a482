"""Each row of a rule does what the lines beside it say, and no row can be forgotten by the prefilter."""

from __future__ import annotations

from importlib.resources import files

from redaction_shapes import filled

from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.redaction.rules import FILES, RuleRow, prefilter, prefilter_across_lines, rows_of, rule_of
from FailTaleLibrary.redaction.values import VALIDATORS

ROWS = [row for file in FILES for row in rows_of(file)]
SEEDS = range(3)
REDACTOR = Redactor()


def test_a_rule_removes_the_secrets_of_its_hits_and_passes_the_prefilter() -> None:
    for row in ROWS:
        for line, secret in (filled(shape, seed) for shape in row.hits for seed in SEEDS):
            assert secret, row.name
            assert_is_hit(row, line, secret)


def assert_is_hit(row: RuleRow, line: str, secret: str) -> None:
    data = line.encode()
    rule = rule_of(row)
    found = [data[span.start : span.end].decode() for span in rule.spans(data, 0, len(data))]
    assert [text for text in found if secret in text or text in secret], (row.name, line)
    assert row.across_lines or prefilter().lines(data), (row.name, line)
    assert rule in (prefilter_across_lines() if row.across_lines else prefilter()).searchers_for(data), (row.name, line)
    assert secret not in REDACTOR.redact(line).text, row.name


def test_the_misses_of_a_rule_stay_as_they_are() -> None:
    for row in ROWS:
        lines = [filled(shape, seed)[0] for shape in row.misses for seed in SEEDS]
        assert [REDACTOR.redact(line).text for line in lines] == lines, row.name


def test_a_rule_has_hits_misses_and_a_known_validator() -> None:
    assert [row.name for row in ROWS if not (row.hits and row.misses and row.validator in VALIDATORS)] == []


def test_every_rule_has_a_name_of_its_own() -> None:
    names = [row.name for row in ROWS]
    assert sorted(set(names)) == sorted(names)


def test_at_least_sixty_tokens_of_providers_are_known() -> None:
    assert sum(row.shown == "provider token" for row in ROWS) >= 60


def test_every_file_of_rules_is_read() -> None:
    folder = files("FailTaleLibrary.redaction").joinpath("rules")
    assert sorted(FILES) == sorted(file.name for file in folder.iterdir() if file.is_file())


def test_every_validator_is_used() -> None:
    assert {row.validator for row in ROWS} == set(VALIDATORS)


def test_only_a_prefix_that_stands_for_itself_needs_no_keyword() -> None:
    without = {row.shown for row in ROWS if not row.keywords}
    assert without == {"provider token"}
