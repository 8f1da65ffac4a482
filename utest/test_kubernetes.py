"""The preset `kubernetes` by the real kubectl, against a stand-in for an API server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from kubernetes_api import Cluster, KubernetesApi, event, moment, pod, stamp, status, thing, write_kubeconfig

from FailTaleLibrary.collection.source import OwnHosts
from FailTaleLibrary.config import Config
from FailTaleLibrary.config.loader import load_config
from FailTaleLibrary.records import Gap, Item, Report
from FailTaleLibrary.run import Run, Stages

pytestmark = pytest.mark.needs("kubectl")
PASSWORD = "aHVudGVyMi1vZi1hLXNlY3JldA=="


@pytest.fixture(autouse=True)
def nothing_of_ours_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """kubectl finds no configuration and no cache of whoever runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)


def a_config(folder: Path, collectors: str, *, more: str = "") -> Config:
    path = folder / "failtale.yaml"
    path.write_text(
        f"components:\n  shop: {{collectors: [{collectors}]}}\n"
        f"hosts:\n  cluster: {{component: shop, transport: local}}\n{more}"
    )
    return load_config(path)


def collected(config: Config, *, since: datetime, hosts: OwnHosts | None = None) -> Report:
    stages = Stages(source=lambda _: hosts) if hosts else Stages()
    with Run(config, stages=stages, environ={}) as run:
        return run.collect_failure(run.failure("Order", start=since))


def item(report: Report, collector: str) -> Item:
    found = report.evidence.item(f"cluster/kubernetes.{collector}")
    assert found is not None, report.evidence.gaps
    return found


def gap(report: Report, collector: str) -> Gap:
    return next(each for each in report.evidence.gaps if each.collector == f"kubernetes.{collector}")


@dataclass(frozen=True)
class Told:
    report: Report
    asked: list[str]
    home: list[Path]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A failing test during which much happened in two namespaces."""
    folder = tmp_path_factory.mktemp("story")
    now = time.time()
    cluster = Cluster(modern=True)
    running = {"running": {"startedAt": moment(-3600)}}
    old = pod("api-old", status("app", running), namespace="shop")
    calm = pod("calm-1", status("calm", running), status("mesh", running), namespace="pay")
    config_map, secret = thing("ConfigMap", "cfg", version=7), thing("Secret", "db", version=8, type="Opaque")
    template = {"spec": {"containers": [{"name": "app", "image": "a:1"}]}}
    deployment = thing("Deployment", "api", spec={"replicas": 1, "template": template})
    cluster.objects = [old, calm, config_map, secret, deployment]
    cluster.logs[("calm-1", "calm")] = [f"{stamp(now - 300)} ready", f"{stamp(now - 200)} ready"]
    with KubernetesApi(cluster) as api:
        kubeconfig = write_kubeconfig(folder / "kubeconfig", api.url)
        config = a_config(folder, f"kubernetes: {{namespaces: [shop, pay], kubeconfig: {kubeconfig}}}")
        hosts = OwnHosts(config)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HOME", str(folder / "home"))
            (folder / "home").mkdir()
            assert hosts.mark_now(within_s=60) == {"cluster": ""}
            since = datetime.now(timezone.utc) - timedelta(seconds=20)
            now = time.time() - 20
            was = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": moment(-10)}}
            app = status("app", {"running": {"startedAt": moment(-8)}}, restartCount=3, lastState=was)
            setup = status("setup", {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": moment(-10)}})
            new = pod("api-new", app, metadata={"creationTimestamp": moment(-15)}, initContainerStatuses=[setup])
            new["spec"]["initContainers"] = [{"name": "setup", "image": "s:1"}]
            wrong = {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "web:2"'}}
            web = pod("web-1", status("web", wrong), phase="Pending")
            nowhere = {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "lastTransitionTime": moment(-10),
                "message": "0/3 nodes are available: 3 Insufficient cpu.",
            }
            big = pod("big-1", phase="Pending", conditions=[nowhere])
            evicted = pod("db-1", phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
            config_map["metadata"]["resourceVersion"] = "70"
            secret["data"] = {"password": PASSWORD}
            deployment["metadata"]["generation"] = 2
            deployment["spec"]["template"]["spec"]["containers"][0] |= {
                "image": "a:2",
                "env": [{"name": "PASSWORD", "value": PASSWORD}],
            }
            cluster.objects = [new, web, big, evicted, calm, config_map, secret, deployment]
            cluster.objects += [
                event("Pod/api-new", "Unhealthy", "Readiness probe failed: HTTP 503", at=moment(-10), count=4),
                event("Pod/api-old", "Killing", "Stopping container app", at=moment(-10), type="Normal"),
                event("Pod/api-old", "Started", "Started container app", at=moment(-3600), type="Normal"),
            ]
            cluster.logs[("api-new", "app (previous)")] = [f"{stamp(now + 9)} ERROR heap is full"]
            cluster.logs[("api-new", "app")] = [f"{stamp(now + 13)} INFO ready again"]
            cluster.logs[("api-new", "setup")] = [f"{stamp(now + 7)} migrated"]
            cluster.logs[("calm-1", "calm")] += [f"{stamp(now - 30)} ready", f"{stamp(now + 11)} ready"]
            cluster.logs[("calm-1", "mesh")] = [f"{stamp(now + 11)} upstream reset"]
            cluster.asked.clear()
            report = collected(config, since=since, hosts=hosts)
            yield Told(report, list(cluster.asked), list((folder / "home").rglob("*")))


def test_every_container_of_a_pod_is_a_source_of_its_own(story: Told) -> None:
    logs = item(story.report, "logs")
    assert [part.path for part in logs.parts] == [
        "shop/api-new/app (previous)",
        "shop/api-new/app",
        "pay/calm-1/calm",
        "pay/calm-1/mesh",
        "shop/api-new/setup",
    ]
    assert {part.method for part in logs.parts} == {"time filter"}


def test_a_log_holds_exactly_the_lines_of_the_window_and_the_rest_is_looked_back_on(story: Told) -> None:
    logs = item(story.report, "logs")
    assert sum(line.endswith(" ready") for line in logs.lines) == 1
    (look_back,) = (each for each in logs.look_backs if each.shapes)
    assert (look_back.lines, look_back.shapes[0].count) == (3, 3)
    assert logs.lines[look_back.first_line].endswith(" ready")


def test_the_log_of_the_container_before_is_read_where_it_was_restarted_in_the_window(story: Told) -> None:
    assert "heap is full" in item(story.report, "logs").text
    previous = [line for line in story.asked if "previous=true" in line]
    assert len(previous) == 1


def test_what_happened_to_pods_is_told_in_the_order_of_time(story: Told) -> None:
    lines = [line.partition("Z ")[2] for line in item(story.report, "events").lines]
    assert "shop/api-new: pod created" in lines
    assert "shop/api-new/app: container ended: OOMKilled, exit code 137" in lines
    assert "shop/api-new/app: container started again (restart 3)" in lines
    assert "shop/big-1: not scheduled: Unschedulable: 0/3 nodes are available: 3 Insufficient cpu." in lines
    assert any(
        line.startswith("shop/api-new: Warning Unhealthy: Readiness probe failed: HTTP 503 (4") for line in lines
    )
    assert "shop/api-old: Normal Killing: Stopping container app" in lines
    assert not any("Started container" in line for line in lines)
    times = [line.partition(" ")[0] for line in item(story.report, "events").lines]
    assert times == sorted(times)


def test_why_a_pod_does_not_run_stands_in_its_row(story: Told) -> None:
    text = item(story.report, "pods").text
    assert 'shop/web-1/web ImagePullBackOff: Back-off pulling image "web:2" not-ready' in text
    assert "shop/big-1 Pending Unschedulable: 0/3 nodes are available" in text
    assert "shop/db-1 Failed Evicted: The node was low on resource: memory." in text


def test_a_pod_that_was_replaced_in_the_test_is_told(story: Told) -> None:
    changes = item(story.report, "pods").changes
    assert any(line.startswith("- shop/api-old/app Running ready") for line in changes)
    assert any(line.startswith("+ shop/api-new/app Running ready restarts=3 last=OOMKilled") for line in changes)
    assert not any("calm" in line for line in changes if line[0] != " ")


def test_changes_of_image_and_configuration_are_told_without_what_they_hold(story: Told) -> None:
    changed = [line for line in item(story.report, "changes").changes if line[0] != " "]
    assert changed == [
        "- ConfigMap shop/cfg version=7",
        "- Deployment shop/api generation=1 replicas=1 app=a:1",
        "+ ConfigMap shop/cfg version=70",
        "+ Deployment shop/api generation=2 replicas=1 app=a:2",
    ]
    assert PASSWORD not in story.report.model_dump_json()


def test_the_kernels_victim_is_the_headline(story: Told) -> None:
    assert "OOMKilled" in story.report.analysis.headline


def test_nothing_but_reading_is_asked_of_a_cluster(story: Told) -> None:
    assert all(line.startswith("GET ") for line in story.asked)
    assert not [line for line in story.asked if "/exec" in line or "/portforward" in line or "/proxy" in line]


def test_kubectl_leaves_no_cache_where_there_was_none(story: Told) -> None:
    assert story.home == []


def test_a_failure_costs_few_requests(story: Told) -> None:
    logs = [line for line in story.asked if "/log?" in line]
    lists = [line for line in story.asked if "limit=500" in line]
    assert len(logs) == 5
    assert len(lists) == 2 * (1 + 5 + 2 + 1)  # of each namespace: pods; what was configured; events and pods; pods
