"""Queries to a real Prometheus, and to its MCP server in `./dev bench stores`, which installs it.

Loki and Elasticsearch are in no package of Debian: what they answer is replayed in test_stores.py.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import pytest
from needs import need
from patience import wait_until
from ports import free_port
from preset_servers import found, place, running
from store_stub import Answer, Store, a_store, config_of, report_of, the_gap, the_item

from FailTaleLibrary.records import Window

MCP_SERVER = os.environ.get("FAILTALE_PROMETHEUS_MCP", "")
"""Where `prometheus-mcp-server` is; empty: the test of it has no case."""
CONFIG = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ["{target}"]}}]
  - job_name: prometheus
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@dataclass
class Prometheus:
    """A real Prometheus that scrapes itself and a shop, which was up for a while and went down in the window."""

    url: str
    window: Window
    shop: str


def values_of(url: str, query: str) -> Any:
    asked = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as refusal:  # not ready yet; a refusal holds its socket until it is closed
        refusal.close()
        return []
    except OSError:
        return []


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    need("prometheus")
    port = free_port()
    with place("prometheus") as folder, a_store(lambda _: Answer(b"orders_total 5\nqueue_length 3\n")) as shop:
        target = shop.url.removeprefix("http://")
        (folder / "prometheus.yml").write_text(CONFIG.format(target=target, port=port))
        url = f"http://127.0.0.1:{port}"
        command = [
            found("prometheus"),
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--query.max-samples=500",
        ]
        with running(*command, ready=lambda: values_of(url, "up"), output=folder / "logs" / "prometheus.log"):
            seen = 'count_over_time(up{job="shop"}[1m]) >= 6'
            assert wait_until(lambda: values_of(url, seen))
            start = datetime.now(timezone.utc)
            go_down(shop)
            assert wait_until(lambda: values_of(url, 'up{job="shop"} == 0'))
            yield Prometheus(url, Window(start=start, end=datetime.now(timezone.utc)), target)


def go_down(shop: Store) -> None:
    shop.answer = lambda _: Answer(b"", 500)


def test_a_target_that_went_down_leads_the_card(prometheus: Prometheus) -> None:
    preset = {"prometheus": {"url": prometheus.url}}
    report = report_of(config_of(preset), prometheus.window)
    item = the_item(report.evidence, "prometheus.series")
    assert f'up{{instance="{prometheus.shop}",job="shop"}} 1 (up) → 0 (down since ' in report.analysis.headline
    assert [line for line in item.changes if 'job="prometheus"' in line] == []
    assert item.incomplete is None


def test_prometheus_own_words_tell_why_it_refuses(prometheus: Prometheus) -> None:
    for query, said in [("up{", "parse error"), ('{__name__=~".+"}', "too many samples")]:
        report = report_of(config_of({"prometheus": {"url": prometheus.url, "query": query}}), prometheus.window)
        assert said in the_gap(report.evidence, "prometheus.series").detail


@pytest.mark.parametrize("program", [MCP_SERVER] if MCP_SERVER else [])
def test_the_real_mcp_servers_range_query_tells_the_same(prometheus: Prometheus, program: str) -> None:
    mcp = {
        "command": [program],
        "env": {"PROMETHEUS_URL": prometheus.url},
        "tool": "execute_range_query",
        "arguments": {"query": "up", "start": "{since}", "end": "{until}", "step": "1s"},
    }
    report = report_of(config_of({"name": "mcp", "timeout": "60 s", "mcp": mcp}), prometheus.window)
    assert 'job="shop"} 1 (up) → 0 (down since ' in report.analysis.headline
