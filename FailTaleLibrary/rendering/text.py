"""Report -> plain text for terminals, consoles and pytest's sections, and the one line that sums it up. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from FailTaleLibrary.records import Analysis, Chain, Evidence, Failure, Hint, Item, KeywordStep, Report, Suspect
from FailTaleLibrary.rendering import words as in_words
from FailTaleLibrary.rendering.card import shown_suspects
from FailTaleLibrary.rendering.hint_places import agreement_words, place_of_hint
from FailTaleLibrary.rendering.many_hosts import host_groups, own_rows
from FailTaleLibrary.screenshots import nearest_screenshot
from FailTaleLibrary.text import count, duration, one_line, shorten

SUMMARY_LENGTH = 300
_INDENT = "    "
_FILES = 10
"""Of one item, of which the text says how each was read."""


def summary_line(report: Report) -> str:
    """What a console or a test's message needs: cause or counts, gaps, cost; one line."""
    evidence = report.evidence
    cause = report.analysis.headline or "evidence collected"
    hosts = count(len(in_words.hosts_of(evidence)), "host")
    line = f"FailTale: {cause}{_gap_words(report)}, {hosts}, {duration(evidence.cost.seconds)}"
    return shorten(one_line(line), SUMMARY_LENGTH)


def to_text(report: Report) -> str:
    """The whole report, in the card's order; ends with a line end."""
    suspects = shown_suspects(report.analysis)
    with_rows = own_rows(report, suspects)
    sections = (
        _head_lines(report),
        _chain_lines(report.analysis.chain),
        _hint_lines(report.analysis) if _is_hint_on_top(report.analysis) else (),
        _path_lines(report.failure.keyword_path),
        _suspect_lines(suspects),
        report.analysis.notes,
        _reach_lines(report.evidence),
        () if _is_hint_on_top(report.analysis) else _hint_lines(report.analysis),
        _screenshot_lines(report.failure),
        _ledger_lines(report, with_rows),
        _change_lines(item for item in report.evidence.items if item.host in with_rows),
        *(_item_lines(item) for item in report.evidence.items if item.host in with_rows),
        _foot_lines(report),
    )
    blocks = ("\n".join(section) for section in sections)
    return "\n\n".join(block for block in blocks if block) + "\n"


BRIEF_LINES = 40
_BRIEF_SUSPECTS = 5
_BRIEF_CHARS = 200
_BRIEF_HINT = 2
"""Lines of a hint: whose it is, and what it says."""


def to_brief_text(report: Report, *, more: str) -> str:
    """The cause, how it led to the failure, the suspects and the gaps, in at most `BRIEF_LINES` lines.

    ``more`` is a sentence that says where the rest is; it comes last.
    """
    lines = [f"FailTale: {report.analysis.headline or 'evidence collected'}"]
    if same := in_words.same_cause_words(report):
        lines.append(same)
    lines += [line for line in _chain_lines(report.analysis.chain) if line.startswith(" ")]
    hint_lines = [line for line in _hint_lines(report.analysis) if report.analysis.hint][:_BRIEF_HINT]
    is_on_top = _is_hint_on_top(report.analysis)
    lines += [*(hint_lines if is_on_top else ()), *report.analysis.notes]
    lines += [words for words in (in_words.reach_words(report.evidence),) if words]
    for suspect in shown_suspects(report.analysis)[:_BRIEF_SUSPECTS]:
        lines += [f"  {_suspect_words(suspect)}", f"{_INDENT}> {suspect.text}"]
    lines += [
        f"  {_place_of(gap.host, gap.collector)} {gap.reason}: {in_words.gap_detail(gap)}"
        for gap in report.evidence.gaps[:3]
    ]
    if len(report.evidence.gaps) > 3:
        lines.append(f"  and {count(len(report.evidence.gaps) - 3, 'further gap')}")
    lines += [] if is_on_top else hint_lines
    if nearest := nearest_screenshot(report.failure):
        lines.append(f"Screenshot: {nearest.path}{in_words.screenshot_words(nearest, report.failure)}")
    lines.append(f"Looked at {_hosts_in_words(report)}: {in_words.counts_words(report.evidence)}")
    return "\n".join([*map(_clipped_line, lines[: BRIEF_LINES - 1]), more]) + "\n"


def _hosts_in_words(report: Report) -> str:
    hosts = in_words.hosts_of(report.evidence)
    more = f" and {count(len(hosts) - 5, 'more host')}" if len(hosts) > 5 else ""
    return (", ".join(hosts[:5]) or "no host") + more


def _clipped_line(line: str) -> str:
    """One line of bounded length; its indentation stays."""
    indentation = line[: len(line) - len(line.lstrip())]
    return indentation + shorten(one_line(line), _BRIEF_CHARS).lstrip()


def _gap_words(report: Report) -> str:
    """`` (2 gaps: db1 unreachable, web1 / access.log permission denied)``; empty when there is none."""
    gaps = report.evidence.gaps
    if not gaps:
        return ""
    named = [f"{_place_of(gap.host, gap.collector)} {gap.reason}" for gap in gaps[:2]]
    more = ", …" if len(gaps) > len(named) else ""
    return f" ({count(len(gaps), 'gap')}: {', '.join(named)}{more})"


def _head_lines(report: Report) -> Iterator[str]:
    failure, signature = report.failure, report.analysis.signature
    yield f"{failure.suite}: {failure.name}" if failure.suite else failure.name
    yield from _indented(failure.message)
    yield f"FailTale: {report.analysis.headline or 'evidence collected'}"
    if recurrence := report.analysis.recurrence:
        known = f"Known: {recurrence.note}; " if recurrence.note else ""
        yield f"{known}{in_words.recurrence_words(recurrence, failure.window.end)}; cause {recurrence.signature}"
    yield f"{in_words.counts_words(report.evidence)}, window {in_words.window_of_failure(failure)}"
    if signature and signature.same_as:
        yield f"{in_words.same_cause_words(report)}: {signature.text}"


def _chain_lines(chain: Chain | None) -> Iterator[str]:
    if chain is None:
        return
    first = chain.links[0].cause
    yield "What led to it"
    yield f"  {first.who}: {first.says}"
    for link in chain.links:
        yield f"  → {link.effect.who}: {link.effect.says}  ({in_words.reason_words(link)})"
    for link in chain.consequences:
        after = f"after {link.cause.who}: {in_words.reason_words(link)}"
        yield f"  and {link.effect.who}: {link.effect.says}  ({after})"


def _path_lines(steps: Iterable[KeywordStep]) -> Iterator[str]:
    for depth, step in enumerate(steps):
        if not depth:
            yield "Way to the failing keyword"
        call = _INDENT.join((step.name, *(shorten(argument, 120) for argument in step.arguments)))
        place = f"  ({in_words.place(step)})" if in_words.place(step) else ""
        yield f"{'  ' * (depth + 1)}{call}{place}"


def _suspect_lines(suspects: Iterable[Suspect]) -> Iterator[str]:
    for number, suspect in enumerate(suspects):
        if not number:
            yield "Suspects"
        yield f"  {_suspect_words(suspect)}"
        yield from (f"{_INDENT}  {line}" for line in suspect.lines_before)
        yield from (f"{_INDENT}> {line}" for line in suspect.text.splitlines())
        yield from (f"{_INDENT}  {line}" for line in suspect.lines_after)


def _suspect_words(suspect: Suspect) -> str:
    words = [suspect.id, in_words.source_of(suspect)]
    if suspect.line_number is not None:
        words[-1] += f" line {suspect.line_number + 1}"
    if suspect.offset_s is not None:
        words.append(in_words.offset(suspect.offset_s))
    if suspect.count > 1:
        words.append(in_words.times(suspect.count))
    if suspect.signals:
        words.append(f"({in_words.signal_words(suspect)})")
    return "  ".join(words)


def _is_hint_on_top(analysis: Analysis) -> bool:
    return place_of_hint(analysis) in ("under the headline", "agrees")


def _hint_lines(analysis: Analysis) -> Iterator[str]:
    hint, place = analysis.hint, place_of_hint(analysis)
    if hint is None:
        if analysis.no_hint_reason:
            yield f"No hint from a model: {analysis.no_hint_reason}"
        return
    if place == "finds no cause":
        yield f"No hint: {hint.cause} ({hint.model})"
    elif place == "agrees":
        yield agreement_words(hint)
    else:
        yield _hint_label(hint)
        yield f"{_INDENT}{hint.cause}"
        yield f"{_INDENT}category: {hint.category}, component: {hint.component}, confidence: {hint.confidence}"
    yield from (f"{_INDENT}- {step}" for step in hint.next_steps)
    yield from (f"{_INDENT}{note}" for note in hint.notes)


def _hint_label(hint: Hint) -> str:
    cited = " ".join(citation.suspect_id for citation in hint.citations)
    return f"Model's hint, {hint.model}, {duration(hint.seconds)}, cites {cited}; may be wrong"


def _screenshot_lines(failure: Failure) -> Iterator[str]:
    if failure.screenshots:
        yield "Screenshots"
    for each in failure.screenshots:
        yield f"  {each.path or each.name}{in_words.screenshot_words(each, failure)}"
    if failure.more_screenshots:
        yield f"  and {failure.more_screenshots} before"


def _ledger_lines(report: Report, with_rows: Collection[str]) -> Iterator[str]:
    clocks = [(clock.host, in_words.clock_words(clock)) for clock in report.evidence.clocks]
    groups = host_groups(report, with_rows)
    grouped = {host for group in groups for host in group.hosts}
    outcomes = [
        (_place_of(item.host, item.collector), in_words.outcome(item))
        for item in report.evidence.items
        if item.host not in grouped
    ]
    outcomes += [
        (_place_of(gap.host, in_words.subject(gap)), in_words.gap_outcome(gap))
        for gap in report.evidence.gaps
        if gap.host not in grouped
    ]
    if outcomes:
        yield "What was collected"
    width = max((len(place) for place, _ in outcomes), default=0)
    for place, outcome in outcomes:
        yield f"  {place:<{width}}  {outcome.word}{': ' + outcome.why if outcome.why else ''}"
    for number, group in enumerate(groups):
        how = "" if number else f" ('failtale show {report.failure.id[:8]} --host NAME' has what came of one)"
        yield f"  {group.title}{how}: {group.words}: {group.names}"
    yield from (f"  {host}: {words}" for host, words in clocks if words)


def _reach_lines(evidence: Evidence) -> Iterator[str]:
    if not evidence.glanced_at:
        return
    yield in_words.reach_words(evidence, most=0)
    yield from (f"  {each.host}: {each.why}" for each in evidence.in_full)


def _change_lines(items: Iterable[Item]) -> Iterator[str]:
    changed = [item for item in items if item.changes]
    if changed:
        yield "What changed since the window began"
    for item in changed:
        yield f"  {_place_of(item.host, item.collector)}"
        yield from (f"{_INDENT}{line}" for line in item.changes)


def _item_lines(item: Item) -> Iterator[str]:
    """One item with its command, and by which way its window was found."""
    yield f"--- {_place_of(item.host, item.collector)}: {item.command}"
    said = " ".join(filter(None, (item.window.note, item.window.why))) if item.window else ""
    yield f"    window {in_words.window_words(item)}{'; ' + said if said else ''}"
    files = in_words.file_words(item)
    yield from (f"    file {words}" for words in files[:_FILES])
    if len(files) > _FILES:
        yield f"    and {count(len(files) - _FILES, 'more file')}"
    if item.redactions:
        yield f"    removed: {in_words.redaction_words(item.redactions)}"
    yield from (f"  before | {line}" for line in item.before.splitlines())
    yield from (f"  stderr | {line}" for line in item.stderr.splitlines())
    unsure = item.unsure_lines
    yield from (f"  perhaps older | {line}" if number in unsure else line for number, line in enumerate(item.lines))


def _foot_lines(report: Report) -> Iterator[str]:
    yield f"FailTale {report.failtale_version}: {in_words.cost_words(report.evidence.cost)}"
    if report.failure.redactions:
        yield f"removed from the failure: {in_words.redaction_words(report.failure.redactions)}"
    if report.bundle:
        yield f"bundle: {report.bundle}"


def _place_of(host: str, collector: str | None) -> str:
    return f"{host} / {collector}" if collector else host


def _indented(text: str) -> Iterator[str]:
    return (f"{_INDENT}{line}" for line in text.splitlines())
