"""Checkup -> the table that people read: a block for each host, what is lost first, and the lines to type. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from FailTaleLibrary.doctor.findings import (
    Advice,
    Checkup,
    CollectorFinding,
    HostFinding,
    Note,
    ServiceFinding,
    Verdict,
    problems_in,
)
from FailTaleLibrary.text import count, duration

WIDTH = 100
_INDENT = " " * 10
OF_ANOTHER_CONFIGURATION = "was made from another configuration"
"""What is said of each collector on which a gate and the configuration differ."""
_LABELS: dict[Verdict, str] = {"ok": "ok", "note": "note", "problem": "PROBLEM"}


def host_lines(host: HostFinding, *, all_collectors: bool = False) -> Iterator[str]:
    """One host's block."""
    yield from _host_headlines(host)
    for stage in host.stages:
        if stage.verdict != "ok":
            yield from _entry_lines(_LABELS[stage.verdict], stage.said, stage.advice, host)
    drifted = [collector for collector in host.collectors if OF_ANOTHER_CONFIGURATION in collector.said]
    if len(drifted) > 1:  # one thing is to be done for all of them
        names = ", ".join(collector.collector for collector in drifted)
        said = f"{count(len(drifted), 'collector')} (cannot): refused: the gate {OF_ANOTHER_CONFIGURATION}: {names}"
        yield from _entry_lines("PROBLEM", said, drifted[0].advice, host)
    told = [collector for collector in host.collectors if len(drifted) < 2 or collector not in drifted]
    for collector in told:
        if collector.verdict != "ok":
            label = "PROBLEM" if collector.verdict == "problem" else "note"
            yield from _entry_lines(label, f"{collector.collector} ({collector.outcome}): {collector.said}", (), host)
            yield from _needs_lines(collector, host)
    well = [collector for collector in host.collectors if collector.verdict == "ok"]
    if all_collectors:
        for collector in well:
            yield from _entry_lines(collector.outcome, _of_a_well_one(collector), (), host)
    elif well:
        yield from _wrapped("ok", ", ".join(_in_short(collector) for collector in well))


def _host_headlines(host: HostFinding) -> Iterator[str]:
    facts = [host.address, *(stage.said for stage in host.stages if stage.verdict == "ok")]
    said = ", ".join(filter(None, facts))
    text = f"{host.host}  {said}"
    yield from textwrap.wrap(text, WIDTH, subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False)


def _in_short(collector: CollectorFinding) -> str:
    return f"{collector.collector} (empty)" if collector.outcome == "empty" else collector.collector


def _of_a_well_one(collector: CollectorFinding) -> str:
    what = collector.said if collector.outcome == "empty" else count(collector.bytes, "byte")
    return f"{collector.collector}: {what}, {duration(collector.seconds)}"


def _needs_lines(collector: CollectorFinding, host: HostFinding) -> Iterator[str]:
    if collector.privilege and not collector.advice:
        yield from _wrapped("", f"It needs {collector.privilege}.")
    yield from _advice_lines(collector.advice, host.host)


def _entry_lines(label: str, said: str, advice: Sequence[Advice], host: HostFinding) -> Iterator[str]:
    yield from _wrapped(label, said)
    yield from _advice_lines(advice, host.host)


def _wrapped(label: str, text: str) -> Iterator[str]:
    lines = textwrap.wrap(text, WIDTH - len(_INDENT), break_long_words=False, break_on_hyphens=False) or [""]
    yield f"  {label:8}{lines[0]}".rstrip()
    yield from (f"{_INDENT}{line}" for line in lines[1:])


def _advice_lines(advice: Sequence[Advice], host: str) -> Iterator[str]:
    for each in advice:
        place = f"on '{host}'" if each.where == "on the host" and host else each.where
        begin = f"It needs {each.needs}" if each.needs else "Better"
        verb = "write" if each.where == "in the configuration" else "type"
        yield from _wrapped("", f"{begin}; {verb} {place}:" if each.lines else f"{begin}.")
        yield from (f"{_INDENT}  {line}" for line in each.lines)


def other_lines(checkup: Checkup) -> Iterator[str]:
    """Gateway, model and notes on the configuration."""
    for service in checkup.services:
        yield from _service_lines(service)
    for note in checkup.notes:
        yield from _note_lines(note)


def _service_lines(service: ServiceFinding) -> Iterator[str]:
    yield f"{service.service}  {service.address}"
    yield from _wrapped(_LABELS[service.verdict], service.said)
    yield from _advice_lines(service.advice, "")


def _note_lines(note: Note) -> Iterator[str]:
    yield from textwrap.wrap(f"note: {note.said}", WIDTH, break_long_words=False, subsequent_indent="      ")
    yield from _advice_lines(note.advice, "")


def summary_line(checkup: Checkup) -> str:
    """The last line."""
    asked = len(checkup.hosts)
    bad = [host for host in checkup.hosts if any(problems_in(host))]
    collectors = [collector for host in checkup.hosts for collector in host.collectors]
    problems = sum(collector.verdict == "problem" for collector in collectors)
    took = f"in {duration(checkup.seconds)}"
    services = sum(service.verdict == "problem" for service in checkup.services)
    if checkup.well:
        told = [count(asked, "host"), count(len(collectors), "collector")] if asked else ["the gateway"]
        return f"All is well: {', '.join(told)}, {took}."
    unreached = sum(not host.can_be_asked for host in checkup.hosts)
    parts = [
        f"{count(unreached, 'host')} cannot be asked" if unreached else "",
        f"{count(problems, 'collector')} would lose evidence" if problems else "",
        f"{count(len(bad) - unreached, 'host')} with something else to mend"
        if len(bad) > unreached and not problems
        else "",
        f"{count(services, 'service')} would not serve" if services else "",
    ]
    return f"{'; '.join(filter(None, parts))} (of {count(asked, 'host')}, {took})."
