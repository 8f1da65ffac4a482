"""Queries to log and metrics stores: recorded answers of Loki and Elasticsearch, and stores that misbehave.

The answers are written after the manuals of Loki's, Elasticsearch's and Prometheus's HTTP APIs; neither Loki nor
Elasticsearch runs here. A real Prometheus is asked in test_stores_real.py.
"""

from __future__ import annotations

import gzip
import json
import secrets
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from store_stub import Answer, Asked, Store, a_query, a_store, config_of, report_of, self_signed, the_gap, the_item

from FailTaleLibrary.config import Config
from FailTaleLibrary.doctor.checkup import check
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.gate import gate_of_component
from FailTaleLibrary.records import Evidence, Window
from FailTaleLibrary.stores.answers import moment_in, steps_of
from FailTaleLibrary.transports import with_recorded_answers

END = datetime(2026, 11, 26, 12, 0, 30, tzinfo=timezone.utc)
WINDOW = Window(start=END - timedelta(seconds=30), end=END)
TOKEN = "t0k" + secrets.token_hex(12)


def at(seconds: float) -> datetime:
    """So many seconds after the window's start."""
    return WINDOW.start + timedelta(seconds=seconds)


def ns(seconds: float) -> str:
    return f"{int(at(seconds).timestamp())}{round(seconds % 1 * 1e9):09d}"


def loki(*streams: tuple[dict[str, str], list[tuple[float, str]]], **more: Any) -> dict[str, Any]:
    """Loki's answer to query_range with `direction=backward`."""
    result = [
        {"stream": labels, "values": [[ns(moment), line] for moment, line in sorted(lines, reverse=True)]}
        for labels, lines in streams
    ]
    return {"status": "success", "data": {"resultType": "streams", "result": result, "stats": {}}, **more}


def evidence_of(config: Config) -> Evidence:
    return report_of(config, WINDOW).evidence


SHOP = ({"app": "shop", "pod": "shop-1"}, [(1.0, "order 1 taken"), (29.5, "ERROR database connection refused")])
DB = ({"app": "db"}, [(29.25, "FATAL: the database system is shutting down")])


# --- Presets ----------------------------------------------------------------------------------------------------------


def test_lokis_lines_stand_below_their_stream_with_lokis_times_and_the_cause_leads() -> None:
    def answer(asked: Asked) -> Any:
        return loki(SHOP, DB) if asked.params["start"] == ns(0) else loki()

    with a_store(answer) as store:
        preset = {"loki": {"url": store.url, "query": '{app=~"shop|db"}', "token": "%{LOKI_TOKEN}", "tenant": "a"}}
        report = report_of(config_of(preset, environ={"LOKI_TOKEN": TOKEN}), WINDOW)
    item = the_item(report.evidence, "loki.lines")
    assert item.text.splitlines() == [
        '==> {app="db"} <==',
        "2026-11-26T12:00:29.250000Z FATAL: the database system is shutting down",
        '==> {app="shop", pod="shop-1"} <==',
        "2026-11-26T12:00:01.000000Z order 1 taken",
        "2026-11-26T12:00:29.500000Z ERROR database connection refused",
    ]
    first = store.asked[0]
    assert (first.path, first.params["query"]) == ("/loki/api/v1/query_range", '{app=~"shop|db"}')
    assert (first.params["start"], first.params["end"], first.params["limit"]) == (ns(0), ns(30), "1000")
    assert first.headers["Authorization"] == f"Bearer {TOKEN}"
    assert first.headers["X-Scope-OrgID"] == "a"
    assert TOKEN not in report.model_dump_json()
    assert item.incomplete is None
    assert "shutting down" in report.analysis.headline


def test_a_line_that_was_there_before_the_window_is_usual_and_a_new_one_is_suspected() -> None:
    def answer(asked: Asked) -> Any:
        before = [(-float(age), f"ERROR cache miss {age}") for age in range(5, 595, 5)]
        within = [(2.0, "ERROR cache miss 1"), (12.0, "ERROR cache miss 2"), (29.0, "ERROR disk is gone")]
        return loki(({"app": "shop"}, within if asked.params["start"] == ns(0) else before))

    with a_store(answer) as store:
        report = report_of(config_of({"loki": {"url": store.url, "query": "{}"}}), WINDOW)
    (look_back,) = the_item(report.evidence, "loki.lines").look_backs
    assert (look_back.lines, [shape.count for shape in look_back.shapes]) == (118, [118])
    assert "disk is gone" in report.analysis.suspects[0].text
    assert not any("cache miss" in suspect.text for suspect in report.analysis.suspects)


def test_a_limit_that_lokis_answer_fills_is_told() -> None:
    lines = [(float(number), f"line {number}") for number in range(10)]
    with a_store(lambda _: loki(({"app": "shop"}, lines))) as store:
        query = {"url": f"{store.url}/x?limit={{limit}}"}
        evidence = evidence_of(config_of({"name": "lines", "lines": 10, "timeout": "60 s", "http": query}))
    assert "all of the 10 lines that it was asked for" in str(the_item(evidence).incomplete)


def hits(*sources: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Elasticsearch's answer to _search."""
    return {
        "took": 3,
        "timed_out": False,
        "_shards": {"total": 2, "successful": 2, "skipped": 0, "failed": 0},
        "hits": {
            "total": {"value": len(sources), "relation": "eq"},
            "max_score": None,
            "hits": [{"_index": "logs-shop", "_id": str(n), "_source": each} for n, each in enumerate(sources)],
        },
        **more,
    }


FLAT = {"@timestamp": "2026-11-26T13:00:10.5+01:00", "message": "ERROR payment refused", "host.name": "pay-1"}
NESTED = {"@timestamp": "2026-11-26T12:00:11Z", "message": "retrying", "host": {"name": "pay-2"}}


def test_elasticsearchs_lines_are_found_by_field_and_their_zone_is_read() -> None:
    with a_store(lambda _: hits(NESTED, FLAT)) as store:
        preset = {"elasticsearch": {"url": store.url, "index": "logs-*", "user": "ft", "password": "%{ES_PASSWORD}"}}
        report = report_of(config_of(preset, environ={"ES_PASSWORD": TOKEN}), WINDOW)
    assert the_item(report.evidence, "elasticsearch.lines").text.splitlines() == [
        "==> pay-1 <==",
        "2026-11-26T12:00:10.500000Z ERROR payment refused",
        "==> pay-2 <==",
        "2026-11-26T12:00:11.000000Z retrying",
    ]
    body = store.asked[0].body
    assert store.asked[0].path == "/logs-*/_search"
    assert (body["size"], body["sort"]) == (1000, [{"@timestamp": {"order": "desc"}}])
    assert {"range": {"@timestamp": {"gte": "2026-11-26T12:00:00.000000Z", "lte": "2026-11-26T12:00:30.000000Z"}}} in (
        body["query"]["bool"]["filter"]
    )
    assert store.asked[0].headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"timed_out": True}, "'timed_out'"),
        ({"_shards": {"total": 5, "successful": 3, "failed": 2}}, "'_shards.failed': 2"),
        ({"terminated_early": True}, "'terminated_early'"),
    ],
)
def test_an_answer_of_elasticsearch_that_is_not_whole_says_so(more: dict[str, Any], said: str) -> None:
    with a_store(lambda _: hits(FLAT, **more)) as store:
        evidence = evidence_of(config_of({"elasticsearch": {"url": store.url}}))
    assert said in str(the_item(evidence, "elasticsearch.lines").incomplete)


@pytest.mark.parametrize("total", [7000, {"value": 7000, "relation": "eq"}])
def test_more_hits_than_came_are_told(total: Any) -> None:
    answer = hits(FLAT)
    answer["hits"]["total"] = total
    with a_store(lambda _: answer) as store:
        evidence = evidence_of(config_of({"elasticsearch": {"url": store.url}}))
    assert "7,000 lines for the query, of which it gave 1" in str(the_item(evidence, "elasticsearch.lines").incomplete)


def matrix(**series: list[tuple[float, str]]) -> dict[str, Any]:
    """Prometheus's answer to query_range."""
    result = [
        {
            "metric": {"__name__": "up", "instance": name},
            "values": [[at(second).timestamp(), v] for second, v in values],
        }
        for name, values in series.items()
    ]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def test_a_target_that_went_down_in_the_window_is_the_headline_and_one_that_was_down_is_not() -> None:
    ticks = [float(second) for second in range(-600, 31, 15)]
    answer = matrix(
        shop1=[(tick, "0" if tick >= 15 else "1") for tick in ticks],
        shop2=[(tick, "1") for tick in ticks],
        old=[(tick, "0") for tick in ticks],
    )
    with a_store(lambda _: answer) as store:
        report = report_of(config_of({"prometheus": {"url": store.url}}), WINDOW)
    item = the_item(report.evidence, "prometheus.series")
    assert item.text.splitlines()[0].startswith('up{instance="shop1"} 0 (down since 12:00:15Z)')
    assert [line[:40] for line in item.changes] == [
        '- up{instance="shop1"} 1 (up)'[:40],
        '+ up{instance="shop1"} 0 (down since 12:00:15Z)'[:40],
    ]
    assert 'up{instance="shop1"} 1 (up) → 0 (down since 12:00:15Z)' in report.analysis.headline
    asked = store.asked[0].params
    span_s = (datetime.fromisoformat(asked["end"][:-1]) - datetime.fromisoformat(asked["start"][:-1])).total_seconds()
    assert asked["end"].startswith("2026-11-26T12:00:30")
    assert span_s >= 630
    assert span_s % int(asked["step"]) == 0  # so that the last value is that of the window's end


def test_a_target_that_went_down_shortly_before_the_test_may_lead_and_one_that_comes_and_goes_may_not() -> None:
    ticks = [float(second) for second in range(-600, 31, 15)]
    answer = matrix(
        shop=[(tick, "0" if tick >= -45 else "1") for tick in ticks],
        flapping=[(tick, str(number % 2)) for number, tick in enumerate(ticks)],
    )
    with a_store(lambda _: answer) as store:
        report = report_of(config_of({"prometheus": {"url": store.url}}), WINDOW)
    assert report.analysis.suspects[0].text == 'up{instance="shop"} 0 (down since 11:59:15Z, before the test)'
    assert "stood like this before the test began" in report.analysis.suspects[0].signals[0].words
    assert not any("flapping" in suspect.text for suspect in report.analysis.suspects)


def test_a_measure_is_told_when_it_leaves_its_range_and_not_while_it_moves_within() -> None:
    ticks = [float(second) for second in range(-600, 31, 15)]
    answer = matrix(
        load=[(tick, "9.5" if tick == 15 else f"{0.4 + number % 3 / 10}") for number, tick in enumerate(ticks)],
        idle=[(tick, f"{0.4 + number % 3 / 10}") for number, tick in enumerate(ticks)],
        gone=[(tick, "3.5") for tick in ticks if tick < 0],
        odd=[(tick, "NaN") for tick in ticks],
    )
    for each in answer["data"]["result"]:
        each["metric"]["__name__"] = "queue"
    with a_store(lambda _: answer) as store:
        item = the_item(report_of(config_of({"prometheus": {"url": store.url}}), WINDOW).evidence, "prometheus.series")
    changed = [line for line in item.changes if line.startswith("+")]
    assert [line.split("}")[0] for line in changed] == ['+ queue{instance="load"', '+ queue{instance="gone"']
    assert "since 12:00:15Z" in changed[0]
    assert "no value since 11:59:45Z" in changed[1]
    assert "max 9.5" in item.text


def test_prometheus_warnings_are_told_and_its_refusals_are_in_its_own_words() -> None:
    answer = {**matrix(a=[(1.0, "1")]), "warnings": ["PromQL: results may be incomplete: store 3 unreachable"]}
    with a_store(lambda _: answer) as store:
        evidence = evidence_of(config_of({"prometheus": {"url": store.url}}))
    assert "store 3 unreachable" in str(the_item(evidence, "prometheus.series").incomplete)
    refusal = {"status": "error", "errorType": "execution", "error": "query processing would load too many samples"}
    with a_store(lambda _: Answer(refusal, 422)) as store:
        evidence = evidence_of(config_of({"prometheus": {"url": store.url}}))
    assert "too many samples" in the_gap(evidence, "prometheus.series").detail


# --- Any store --------------------------------------------------------------------------------------------------------


def test_lines_outside_the_window_are_left_out_and_a_line_without_a_time_is_unsure() -> None:
    entries = [
        {"ts": at(-5).timestamp(), "msg": "too old"},
        {"ts": int(at(5).timestamp() * 1000), "msg": "in milliseconds"},
        {"ts": int(at(6).timestamp() * 1_000_000), "msg": "in microseconds"},
        {"ts": "2026-11-26 12:00:07", "msg": "without a zone"},
        {"ts": "never", "msg": "without a time"},
    ]
    with a_store(lambda _: {"rows": entries}) as store:
        evidence = evidence_of(config_of(a_query(store.url, line="rows[].msg", time="rows[].ts")))
    item = the_item(evidence)
    assert [line[-16:] for line in item.text.splitlines()] == [
        "without a time",
        "in milliseconds"[-16:].rjust(16),
        "in microseconds".rjust(16),
        "Z without a zone"[-16:],
    ]
    assert item.unsure_lines == {0}
    assert item.window is not None
    assert "read as UTC" in item.window.note
    assert "1 of its lines bear no time" in item.window.note


def test_control_characters_frames_and_halves_of_characters_of_a_store_are_harmless() -> None:
    hostile = ["\x1b[2J\x1efailtale method cursor\n==> /etc/shadow <==", "a\ud800b\u202ec", "<script>alert(1)</script>"]
    with a_store(lambda _: [{"time": at(1).timestamp(), "line": each} for each in hostile]) as store:
        item = the_item(evidence_of(config_of(a_query(store.url))))
    assert not {"\x1b", "\x1e", "\u202e"} & set(item.text)
    item.text.encode("utf-8")
    assert item.window is not None
    assert item.window.method == "time filter"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(b"[" * 100_000), "nested too deeply"),
        (Answer(b"<html><title>Sign in</title>"), "no JSON"),
        (Answer(b""), "empty"),
        (Answer(b"9" * 10_000), "no JSON"),
        (Answer([1, 2]), "without 'data[].line'; it is a list"),
        (Answer({"data": {"rows": []}}), "without 'data[].line'"),
        (Answer(b"parse error at line 1, col 5", 400), "parse error at line 1, col 5"),
        (Answer({"error": {"root_cause": [{"reason": "no such index [x]"}], "type": "y"}}, 400), "no such index"),
        (Answer(b"<html><title>Sign in</title>", 403), "Sign in"),
        (Answer({"message": "bad token"}, 401), "bad token"),
        (Answer(b"", 302, {"Location": "http://evil.example/x"}), "leads to 'http://evil.example/x'"),
        (Answer(b"{}", 200, {"Content-Encoding": "gzip"}), "not compressed as it says"),
        (Answer(b"{}", 200, {"Content-Encoding": "br"}), "compressed in a way that was not asked for"),
        (Answer(gzip.compress(b" " * 5_000_000), 200, {"Content-Encoding": "gzip"}), "more than 4 MB"),
        (Answer(gzip.compress(b"{}")[:-4], 200, {"Content-Encoding": "gzip"}), "ended before the answer was complete"),
        (Answer(b"who are you?", 407), "The proxy on the way to the store"),
        (Answer(b" " * (5 * 1024 * 1024)), "more than 4 MB"),
    ],
)
def test_what_is_no_answer_is_a_gap_in_the_stores_words(answer: Answer, said: str) -> None:
    with a_store(lambda _: answer) as store:
        gap = the_gap(evidence_of(config_of(a_query(store.url, line="data[].line"))))
    assert said in gap.detail


NEWLINES = b"".join(b'{"_time": "2026-11-26T12:00:0%dZ", "_msg": "line %d"}\n' % (n, n) for n in (1, 2))


@pytest.mark.parametrize(
    ("answer", "paths", "lines"),
    [
        (Answer(gzip.compress(b'[{"_msg": "packed"}]'), 200, {"Content-Encoding": "gzip"}), {}, ["packed"]),
        (Answer(NEWLINES), {}, ["line 1", "line 2"]),
        (Answer(NEWLINES.partition(b"\n")[0]), {"line": "[]._msg"}, ["line 1"]),
        (Answer(b"\n"), {"line": "[]._msg"}, []),
    ],
)
def test_an_answer_that_is_compressed_or_of_one_json_text_a_line_is_read(
    answer: Answer, paths: dict[str, str], lines: list[str]
) -> None:
    with a_store(lambda _: answer) as store:
        evidence = evidence_of(config_of({"name": "lines", "http": {"url": store.url, **paths}}))
    assert [each.rpartition("Z ")[2] for each in the_item(evidence).lines] == lines


def test_a_certificate_is_checked_and_ca_file_names_who_signed_it(tmp_path: Path) -> None:
    with a_store(lambda _: [{"line": "hello"}], certificate=self_signed(tmp_path)) as store:
        untrusted = the_gap(evidence_of(config_of({"name": "lines", "http": {"url": store.url}})))
        trusted = {"url": store.url, "ca_file": str(tmp_path / "certificate.pem")}
        assert the_item(evidence_of(config_of({"name": "lines", "http": trusted}))).text == "hello\n"
        self_signed(tmp_path)  # another one
        changed = the_gap(evidence_of(config_of({"name": "lines", "http": trusted})))
        (tmp_path / "certificate.pem").write_text("none\n")
        without = the_gap(evidence_of(config_of({"name": "lines", "http": trusted})))
    assert "set 'ca_file' to who signed it" in untrusted.detail
    assert "set 'ca_file' to who signed it" in changed.detail
    assert "'ca_file' holds no certificate" in without.detail


def test_a_certificate_that_has_expired_is_called_so(tmp_path: Path) -> None:
    with a_store(lambda _: [], certificate=self_signed(tmp_path, days=-1)) as store:
        query = {"url": store.url, "ca_file": str(tmp_path / "certificate.pem")}
        gap = the_gap(evidence_of(config_of({"name": "lines", "http": query})))
    assert "certificate has expired" in gap.detail


def test_credentials_are_not_sent_where_a_redirect_leads() -> None:
    with a_store(lambda _: {"lines": []}) as other:
        there = f"{other.url}/lines"
        with a_store(lambda _: Answer(b"", 307, {"Location": there})) as store:
            query = a_query(store.url, token="%{STORE_TOKEN}")
            gap = the_gap(evidence_of(config_of(query, environ={"STORE_TOKEN": TOKEN})))
        assert not other.asked
    assert "leads to" in gap.detail


def test_a_redirect_within_the_same_server_is_followed() -> None:
    def answer(asked: Asked) -> Any:
        if asked.path != "/new":
            return Answer(b"", 308, {"Location": "/new"})
        return [{"time": at(1).timestamp(), "line": "found"}]

    with a_store(answer) as store:
        item = the_item(evidence_of(config_of(a_query(f"{store.url}/old"))))
    assert item.text.endswith(" found\n")


def test_a_token_that_the_store_repeats_is_removed() -> None:
    def answer(asked: Asked) -> Any:
        return [{"time": at(1).timestamp(), "line": f"asked with {asked.headers.get('Authorization')}"}]

    for query in ({"token": "%{STORE_TOKEN}"}, {"user": "u", "password": "%{STORE_TOKEN}"}):
        with a_store(answer) as store:
            report = report_of(config_of(a_query(store.url, **query), environ={"STORE_TOKEN": TOKEN}), WINDOW)
        assert "redacted" in the_item(report.evidence).text
        assert TOKEN not in report.model_dump_json()


def test_a_proxy_of_the_environment_is_used_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = [{"time": at(1).timestamp(), "line": "an answer"}]
    with a_store(lambda _: entry) as store, a_store(lambda _: entry) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("://", "://me:pw@"))
        monkeypatch.delenv("no_proxy", raising=False)
        the_item(evidence_of(config_of(a_query(store.url))))
        assert (len(store.asked), len(proxy.asked)) == (1, 0)
        the_item(evidence_of(config_of(a_query("http://store.example:3100/x", proxy="environment"))))
        assert (len(store.asked), proxy.asked[0].headers["Host"]) == (1, "store.example:3100")
        assert proxy.asked[0].headers["Proxy-Authorization"].startswith("Basic ")


def test_what_the_environment_gave_is_not_in_the_command_that_is_shown() -> None:
    environ = {"STORE_PLACE": "fra-7", "STORE_X": TOKEN}
    with a_store(lambda asked: [{"time": at(1).timestamp(), "line": f"asked with {asked.params}"}]) as store:
        query = a_query(store.url, params={"apikey": "%{STORE_X}", "place": "%{STORE_PLACE}"})
        report = report_of(config_of(query, environ=environ), WINDOW)
    assert store.asked[0].params == {"apikey": TOKEN, "place": "fra-7"}
    item = the_item(report.evidence)
    assert "apikey=%{STORE_X}" in item.command
    assert "place=%{STORE_PLACE}" in item.command
    assert TOKEN not in report.model_dump_json()
    assert "fra-7" in item.text  # no secret by its name


def test_a_flood_of_lines_and_of_sources_is_bounded_and_told() -> None:
    entries = [{"time": at(1).timestamp(), "line": "x", "source": f"s{number}"} for number in range(30_000)]
    with a_store(lambda _: entries) as store:
        item = the_item(evidence_of(config_of(a_query(store.url))))
    assert "only the first 20,000 of its lines were read" in str(item.incomplete)
    assert item.text.count("==> ") <= 201  # those with the fewest lines stand together


# --- Stores that do not answer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_a_store_that_does_not_end_its_answer_costs_its_time_once(how: str) -> None:
    queries = [a_query("URL", name=f"q{number}", timeout="1 s") for number in range(6)]
    with a_store(lambda _: Answer(how=how)) as store:
        for query in queries:
            query["http"]["url"] = store.url
        config = config_of(*queries)
        began = time.monotonic()
        evidence = evidence_of(config)
        took_s = time.monotonic() - began
        assert len(store.asked) <= 4  # those that were under way when the first failed
    details = [the_gap(evidence, f"q{number}").detail for number in range(6)]
    assert all("within 1 s" in detail for detail in details)
    assert sum("not tried again" in detail for detail in details) >= 2
    assert took_s < 30


def test_a_query_has_three_seconds_unless_it_says_otherwise(store_that_hangs: Store) -> None:
    query = {"name": "lines", "http": {"url": store_that_hangs.url}}
    assert "within 3 s" in the_gap(evidence_of(config_of(query))).detail


def test_the_checkup_says_of_each_store_whether_it_answers() -> None:
    def answer(asked: Asked) -> Any:
        now = time.time()
        lines = [{"time": now, "line": "all is well"}] if asked.path == "/ok" else []
        return Answer({"message": "who are you?"}, 401) if asked.path == "/no" else lines

    with a_store(answer) as store:
        queries = [
            a_query(f"{store.url}/ok", name="ok"),
            a_query(f"{store.url}/empty", name="empty", line="[].line"),
            a_query(f"{store.url}/no", name="no"),
        ]
        checkup = check(config_of(*queries))
    (host,) = checkup.hosts
    assert [(each.collector, each.outcome) for each in host.collectors] == [
        ("ok", "ok"),
        ("empty", "empty"),
        ("no", "cannot"),
    ]
    assert "who are you?" in host.collectors[2].said
    assert [stage.said for stage in host.stages] == ["asks stores, from this machine"]
    assert not checkup.well


def test_a_gate_leaves_queries_out_and_says_so() -> None:
    query = {"name": "lines", "http": {"url": "http://store"}}
    gate = gate_of_component(config_of(query, {"name": "state", "command": "uptime"}), "stores")
    assert (gate.collectors, gate.left_out) == (("state",), ("lines",))
    with pytest.raises(ConfigError, match="lines asks a store, which the machine that runs FailTale does"):
        gate_of_component(config_of(query), "stores")


def test_recorded_answers_stand_in_for_a_store() -> None:
    recorded = {"lines": {"stdout": json.dumps([{"time": at(1).timestamp(), "line": "as recorded"}])}}
    config = with_recorded_answers(config_of(a_query("http://store.example")), {"here": recorded})
    assert the_item(evidence_of(config)).text.endswith(" as recorded\n")


@pytest.fixture
def store_that_hangs() -> Any:
    with a_store(lambda _: Answer(how="hang")) as store:
        yield store


# --- Values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1795694400, 1795694400 * 10**9),
        ("1795694400123", 1795694400123 * 10**6),
        (1795694400.5, 17956944005 * 10**8),
        ("1795694400123456789", 1795694400123456789),
        ("2026-11-26T12:00:00.000000001Z", 1795694400 * 10**9 + 1),
        ("2026-11-26T05:00:00-0700", 1795694400 * 10**9),
        ("2026-11-26 12:00:60", 1795694459 * 10**9),
        ("2026-02-30T12:00:00Z", None),
        ("9999-12-31T23:59:59-23:59", None),
        (True, None),
        (-5, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
        ("9" * 21, None),
        ({}, None),
    ],
)
def test_a_time_is_read_to_the_nanosecond_or_not_at_all(value: Any, expected: int | None) -> None:
    assert moment_in(value)[0] == expected


def test_a_path_has_a_step_for_each_key_and_each_list() -> None:
    assert steps_of("a.b[].c[][].0") == ("a", "b", "[]", "c", "[]", "[]", "0")


# --- Configuration ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"url": "http://u:p@store/x"}, "must not be written in an address"),
        ({"url": "http://store/{since:minutes}"}, "has a unit that is none"),
        ({"url": "http://store", "token": "abc"}, "must not be written here in clear"),
        ({"url": "http://store", "headers": {"Authorization": "Bearer abc"}}, "must not be written here in clear"),
        ({"url": "http://store", "headers": {"Host": "x"}}, "no header that can be set"),
        ({"url": "http://store", "line": "a b"}, "is not a path"),
        ({"url": "http://store", "time": "a[].t"}, "means nothing without 'line'"),
        ({"url": "http://store", "user": "u"}, "'user' and 'password' together"),
        ({"url": "http://store", "params": [1]}, "is no mapping"),
        ({"url": "ftp://store"}, "is not an address"),
    ],
)
def test_a_mistake_in_a_query_gets_a_sentence_and_no_secret(query: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_of({"name": "lines", "http": query})
    assert said in str(caught.value)
    assert "abc" not in str(caught.value)


def test_a_query_stands_on_this_machine() -> None:
    hosts = {"web1": {"component": "stores"}}
    with pytest.raises(ConfigError, match="transport: local"):
        config_of({"name": "lines", "http": {"url": "http://store"}}, hosts=hosts)
