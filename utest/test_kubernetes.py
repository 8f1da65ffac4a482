"""The preset `kubernetes` by the real kubectl, against a stand-in for an API server."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml
from gates import GateTransport, ask, collectors_of, config_of, written
from host_shells import HostShell, host_shells
from kubernetes_api import Cluster, KubernetesApi, event, moment, pod, stamp, status, thing, write_kubeconfig

from FailTaleLibrary.cli import main
from FailTaleLibrary.collection.cluster_access import (
    WORDS_OF_KUBECTL,
    KubectlWords,
    kubectl_trouble,
    lines_to_apply,
    roles_for,
    sentence_of_role,
)
from FailTaleLibrary.collection.source import OwnHosts
from FailTaleLibrary.config import Collector, Config
from FailTaleLibrary.config.loader import load_config
from FailTaleLibrary.config.variables import resolve, values_of
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.gate import gate_of_host
from FailTaleLibrary.records import Gap, Item, Report, SafeText
from FailTaleLibrary.run import Run, Stages
from FailTaleLibrary.transports.local import LocalTransport
from FailTaleLibrary.windows import ResolvedWindow, command_line

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


def role_line(refused: Gap) -> str:
    return refused.detail.partition("apply this role: ")[2].partition(" and give")[0]


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
    cluster = Cluster(modern=True, prefix="/k8s/clusters/c-1", forbidden={("shop", "statefulsets")})
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
            unready = {"type": "Ready", "status": "False", "lastTransitionTime": moment(-9)}
            lost = pod("lost-1", status("lost", running), conditions=[unready])
            of_node = {"involvedObject": None, "lastTimestamp": None, "firstTimestamp": None, "message": None}
            of_node |= {
                "regarding": {"kind": "Pod", "name": "lost-1"},
                "note": "Node is not ready",
                "eventTime": moment(-9),
            }
            cluster.objects = [new, web, big, evicted, lost, calm, config_map, secret, deployment]
            cluster.objects += [
                event("Pod/api-new", "Unhealthy", "Readiness probe failed: HTTP 503", at=moment(-10), count=4),
                event("Pod/api-old", "Killing", "Stopping container app", at=moment(-10), type="Normal"),
                event("Pod/api-old", "Started", "Started container app", at=moment(-3600), type="Normal"),
                event("Pod/lost-1", "NodeNotReady", "", at=moment(-9), count=None) | of_node,
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
    assert "shop/lost-1: pod is not ready any more (node node1)" in lines
    assert "shop/lost-1: Warning NodeNotReady: Node is not ready" in lines  # as events.k8s.io has it
    times = [line.partition(" ")[0] for line in item(story.report, "events").lines]
    assert times == sorted(times)


def test_why_a_pod_does_not_run_stands_in_its_row(story: Told) -> None:
    text = item(story.report, "pods").text
    assert 'shop/web-1/web ImagePullBackOff: Back-off pulling image "web:2" not-ready' in text
    assert "shop/big-1 Pending Unschedulable: 0/3 nodes are available" in text
    assert "shop/db-1 Failed Evicted: The node was low on resource: memory." in text
    assert "shop/lost-1 Running not-ready (node node1)\n" in text


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
    assert "may not list statefulsets in namespace 'shop'" in item(story.report, "changes").stderr  # costs nothing else


def test_the_kernels_victim_is_the_headline(story: Told) -> None:
    assert "OOMKilled" in story.report.analysis.headline


def test_nothing_but_reading_is_asked_of_a_cluster(story: Told) -> None:
    assert all(line.startswith("GET ") for line in story.asked)
    assert not [line for line in story.asked if "/exec" in line or "/portforward" in line or "/proxy" in line]


def test_kubectl_leaves_no_cache_where_there_was_none(story: Told) -> None:
    assert story.home == []


def test_a_failure_costs_few_requests(story: Told) -> None:
    logs = [line for line in story.asked if "/log?" in line]
    lists = [line for line in story.asked if "limit=200" in line]
    assert len(logs) == 6
    assert len(lists) == 2 * (1 + 5 + 2 + 1)  # of each namespace: pods; what was configured; events and pods; pods


# --- What keeps an answer away ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", WORDS_OF_KUBECTL, ids=lambda row: row.pattern[:20])
def test_each_word_of_kubectl_has_its_plain_meaning(row: KubectlWords) -> None:
    for line in row.examples:
        told = kubectl_trouble(SafeText(f"E1126 noise\n{line}"), "pods")
        assert told == (row.reason, f"{row.plain} (kubectl: {line})")


def test_a_role_that_is_missing_is_told_as_narrow_as_it_can_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = Cluster(modern=True, objects=[pod("api-1", status("app", {"running": {"startedAt": moment(-60)}}))])
    cluster.objects.append(thing("ConfigMap", "cfg"))
    cluster.forbidden = {("shop", "events"), ("shop", "pods/log"), ("shop", "secrets")}
    with KubernetesApi(cluster) as api:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", api.url)
        config = a_config(tmp_path, f"kubernetes: {{namespaces: shop, kubeconfig: {kubeconfig}}}")
        report = collected(config, since=datetime.now(timezone.utc) - timedelta(minutes=1))
        assert main(["check", "--config", str(config.source)]) == 1
    checkup = capsys.readouterr().out
    for name, resource, verb, privilege in (
        ("events", "events", "list", "the right to list events and pods"),
        ("logs", "pods/log", "get", "the right to list pods and to get pods/log"),
    ):
        refused = gap(report, name)
        assert refused.reason == "permission denied"
        role = yaml.safe_load(role_line(refused))
        assert role == {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": f"failtale-{name}", "namespace": "shop"},
            "rules": [{"apiGroups": [""], "resources": [resource], "verbs": [verb]}],
        }
        assert refused.detail.endswith(
            f"kubectl create rolebinding failtale-{name} --namespace=shop --role=failtale-{name} "
            f"--serviceaccount=ci:failtale; needs {privilege}"
        )
        assert f"echo '{role_line(refused)}' | kubectl apply -f -" in checkup
    assert "type in the cluster" in checkup
    assert "kubernetes.pods (cannot)" not in checkup
    changes = item(report, "changes")
    assert (changes.status, changes.text) == ("ok", "ConfigMap shop/cfg version=1\n")
    assert "resources: [secrets], verbs: [list]" in changes.stderr
    assert item(report, "pods").status == "ok"


def test_who_may_not_list_pods_is_told_all_that_their_logs_need() -> None:
    refusal = (
        'Error from server (Forbidden): pods is forbidden: User "ci@lab" cannot list resource "pods" in API group "" '
        "at the cluster scope"
    )
    (role,) = roles_for(refusal, "logs")
    assert (role.kind, role.rules) == ("ClusterRole", (("", "pods", "list"), ("", "pods/log", "get")))
    assert lines_to_apply(sentence_of_role(role)) == (
        f"echo '{role.yaml}' | kubectl apply -f -",
        "kubectl create clusterrolebinding failtale-logs --clusterrole=failtale-logs --user='ci@lab'",
    )


def test_an_account_that_is_refused_to_write_gets_no_role_to_do_so() -> None:
    refusal = 'User "x" cannot create resource "pods/exec" in API group "" in the namespace "shop"'
    assert roles_for(refusal, "logs") == ()


@pytest.mark.parametrize(
    "hung_paths",
    ["", "/(pods|events|configmaps|secrets|deployments|statefulsets|daemonsets)", "/(?!version)"],
    ids=["all", "lists", "all but the version"],
)
def test_a_server_that_is_silent_costs_its_limit_once_and_is_left_alone_then(hung_paths: str, tmp_path: Path) -> None:
    cluster = Cluster(hung=threading.Event(), hung_paths=hung_paths)
    with KubernetesApi(cluster) as api:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", api.url)
        config = a_config(tmp_path, f"kubernetes: {{kubeconfig: {kubeconfig}}}, {{name: here, command: echo here}}")
        with Run(config, environ={}) as run:
            report = run.collect_failure(run.failure("Order", start=datetime.now(timezone.utc)))
            asked = len(cluster.asked)
            again = run.collect_failure(run.failure("Pay", start=datetime.now(timezone.utc)))
    gaps = report.evidence.gaps
    assert {each.reason for each in gaps} == {"no answer"}
    assert all(each.detail.startswith("the API server is silent (kubectl: ") for each in gaps)
    assert [each.collector for each in gaps] == [f"kubernetes.{name}" for name in ("pods", "changes", "events", "logs")]
    assert sum(each.elapsed_s > 0 for each in gaps) == 1
    assert gaps[0].elapsed_s < 30  # kubectl alone tries for 60
    assert sum("the API server is silent" in each.text for each in report.analysis.suspects) == 1
    assert len(cluster.asked) == asked
    assert all("(not tried again for " in each.detail for each in again.evidence.gaps)
    assert len(again.evidence.gaps) == 4
    for each in (report, again):
        here = each.evidence.item("cluster/here")
        assert here is not None
        assert here.text == "here\n"


def test_logs_that_nobody_hands_out_cost_one_turn_and_the_rest_of_a_cluster_is_there(tmp_path: Path) -> None:
    running = {"running": {"startedAt": moment(-3600)}}
    cluster = Cluster(modern=True, hung=threading.Event(), hung_paths="/log")
    cluster.objects = [pod(f"api-{number:02}", status("app", running)) for number in range(20)]
    with KubernetesApi(cluster) as api:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", api.url)
        config = a_config(tmp_path, f"kubernetes: {{namespaces: shop, kubeconfig: {kubeconfig}}}")
        report = collected(config, since=datetime.now(timezone.utc) - timedelta(minutes=1))
    (silent,) = report.evidence.gaps
    assert (silent.collector, silent.reason) == ("kubernetes.logs", "no answer")
    assert re.search(r"did not answer within \d+ s when it was asked for logs", silent.detail)
    assert sum("/log?" in line for line in cluster.asked) == 8
    assert len(item(report, "pods").lines) == 20


@pytest.mark.parametrize(
    ("token", "context", "words"),
    [
        ("expired", "", "the API server does not take kubectl's credentials"),
        ("right", "context: lob, ", "kubectl has no such context here"),
        ("gone", "", "nothing listens at the API server's address"),
        ("none", "", "kubectl has no cluster here"),
    ],
)
def test_why_there_is_no_answer_is_told_in_plain_words(token: str, context: str, words: str, tmp_path: Path) -> None:
    with KubernetesApi(Cluster(token="right")) as api:
        url = api.url if token != "gone" else "http://127.0.0.1:9"
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", url, token=token)
        where = "" if token == "none" else f"kubeconfig: {kubeconfig}, "
        collector = f"{{name: kubernetes.pods, {where}{context}kubernetes: pods}}"
        report = collected(a_config(tmp_path, collector), since=datetime.now(timezone.utc))
    assert words in gap(report, "pods").detail
    assert token not in ("expired",) or "expired (" not in report.model_dump_json()


# --- Clocks, crowds, variables ----------------------------------------------------------------------------------------


def test_a_cluster_whose_clock_is_apart_is_told_and_its_window_is_found(tmp_path: Path) -> None:
    now = time.time() - 62
    cluster = Cluster(modern=True, clock_ahead_s=-62)
    cluster.objects = [pod("api-1", status("app", {"running": {"startedAt": moment(-3600)}}))]
    cluster.logs[("api-1", "app")] = [f"{stamp(now - 40)} old", f"{stamp(now - 10)} new"]
    with KubernetesApi(cluster) as api:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", api.url, namespace="shop")
        collector = f"{{name: kubernetes.logs, kubernetes: logs, kubeconfig: {kubeconfig}, timeout: 40 s}}"
        report = collected(a_config(tmp_path, collector), since=datetime.now(timezone.utc) - timedelta(seconds=25))
    logs = item(report, "logs")
    assert [line.rpartition(" ")[2] for line in logs.lines] == ["<==", "new"]
    assert logs.window is not None
    assert re.search(r"The cluster's clock is 6[0-4] to 6[0-4] s behind this host's", logs.window.note)


def test_of_many_pods_those_in_trouble_come_first_and_the_rest_is_counted(tmp_path: Path) -> None:
    running = {"running": {"startedAt": moment(-3600)}}
    cluster = Cluster(modern=True, objects=[pod(f"api-{number:04}", status("app", running)) for number in range(1200)])
    crashed = {"terminated": {"reason": "Error", "exitCode": 1, "finishedAt": moment(-5)}}
    waits = status("app", {"waiting": {"reason": "CrashLoopBackOff"}}, restartCount=4, lastState=crashed)
    cluster.objects.append(pod("api-zz", waits))
    cluster.logs[("api-zz", "app (previous)")] = [f"{stamp(time.time() - 6)} panic: no config"]
    with KubernetesApi(cluster) as api:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", api.url)
        common = f"namespaces: shop, selector: app=api, kubeconfig: {kubeconfig}, timeout: 60 s"
        config = a_config(
            tmp_path,
            f"{{name: kubernetes.logs, kubernetes: logs, most: 3, {common}}}, "
            f"{{name: kubernetes.pods, kubernetes: pods, max_bytes: 200 kB, {common}}}",
        )
        report = collected(config, since=datetime.now(timezone.utc) - timedelta(minutes=1))
    logs = item(report, "logs")
    assert [part.path for part in logs.parts] == ["shop/api-zz/app (previous)"]
    assert logs.window is not None
    assert "The logs of 1198 more containers were not read, shop/api-0002/app among them" in logs.window.note
    assert sum("/log?" in line for line in cluster.asked) == 3
    rows = item(report, "pods").lines
    assert rows[-1] == "(900 more containers run and are ready: left out)"
    assert rows[-2].startswith("shop/api-zz/app CrashLoopBackOff not-ready restarts=4 last=Error,exit=1,")
    assert len(rows) == 302
    assert any("continue=" in line for line in cluster.asked)


def test_a_list_that_the_server_forgot_in_the_midst_of_it_is_asked_for_at_once(tmp_path: Path) -> None:
    running = {"running": {"startedAt": moment(-3600)}}
    cluster = Cluster(modern=True, pages_expire=True)
    cluster.objects = [pod(f"api-{number:03}", status("app", running)) for number in range(201)]
    with KubernetesApi(cluster) as api:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", api.url)
        collector = f"{{name: kubernetes.pods, kubernetes: pods, namespaces: shop, kubeconfig: {kubeconfig}}}"
        report = collected(a_config(tmp_path, collector), since=datetime.now(timezone.utc))
    pods = item(report, "pods")
    assert (pods.status, pods.stderr, len(pods.lines)) == ("ok", "", 201)


def test_namespaces_may_come_from_a_variable_of_the_tests(tmp_path: Path) -> None:
    config = a_config(
        tmp_path, 'kubernetes: {namespaces: "${NS}", selector: "app=${APP}"}', more="variables: {NS: name, APP: name}\n"
    )
    values = values_of(config.variables, {"NS": "team-a", "APP": "shop"}.__getitem__)
    resolved = resolve(config, values).config
    logs = next(each for _, each in resolved.collectors_for("cluster") if each.kubernetes == "logs")
    assert (logs.namespaces, logs.selector) == (("team-a",), "app=shop")
    missing = resolve(config, values_of(config.variables, {"APP": "shop"}.__getitem__)).unresolved
    assert {each.collector for each in missing} == {
        f"kubernetes.{name}" for name in ("pods", "changes", "events", "logs")
    }


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("{kubernetes: logs, namespaces: 'Shop;rm'}", "is no name of a namespace"),
        ("{kubernetes: logs, namespaces: ['*', shop]}", "names all namespaces and others"),
        ("{kubernetes: exec}", "write 'pods', 'changes', 'events' or 'logs'"),
        ("{command: uptime, selector: a=b}", "only what 'kubernetes' asks has that"),
        ("{kubernetes: logs, baseline: yes}", "can be compared"),
        ("kubernetes: {selector: 'a=b; reboot'}", "is no 'selector' for the preset 'kubernetes'"),
    ],
)
def test_a_mistake_in_a_collector_is_told(written: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        a_config(tmp_path, written)


@pytest.mark.parametrize("shell", host_shells(), ids=str)
def test_every_shell_of_a_host_reads_the_same(shell: HostShell, tmp_path: Path) -> None:
    now = time.time()
    running = {"running": {"startedAt": moment(-3600)}}
    cluster = Cluster(objects=[pod("api-1", status("app", running), status("mesh", running))], modern=True)
    cluster.logs[("api-1", "app")] = [f"{stamp(now - 90 + n)} line {n}" for n in range(80)]
    cluster.logs[("api-1", "mesh")] = [f"{stamp(now - 2)} now\tit\\n 'quotes' $HOME %s"]
    kubectl = shutil.which("kubectl")
    assert kubectl is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kubectl").write_text(f'#!/bin/sh\nPATH={os.environ["PATH"]} exec {kubectl} "$@"\n')
    (tmp_path / "bin" / "kubectl").chmod(0o755)
    with KubernetesApi(cluster) as api:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", api.url)
        collector = Collector(name="logs", kubernetes="logs", namespaces=("shop",), kubeconfig=str(kubeconfig))
        window = ResolvedWindow(kind="test", since_epoch=now - 30, sure_epoch=now - 30.5, utc_offset_s=0)
        line = command_line(collector, window=window, max_bytes=64 * 1024)
        answer = shell.answer(line, first_in_path=tmp_path / "bin")
    assert answer.stderr == b""
    assert [(part.path, part.text.count(b"\n")) for part in answer.parts] == [
        ("shop/api-1/app", 20),
        ("shop/api-1/mesh", 1),
    ]
    assert answer.parts[1].text.endswith(b" now\tit\\n 'quotes' $HOME %s\n")


def test_a_gate_asks_a_cluster_as_a_direct_visit_does(tmp_path: Path) -> None:
    cluster = Cluster(modern=True, objects=[pod("api-1", status("app", {"running": {"startedAt": moment(-3600)}}))])
    now = time.time()
    cluster.logs[("api-1", "app")] = [f"{stamp(now - 500)} old", f"{stamp(now - 5)} hello"]
    window = ResolvedWindow("test", since_epoch=now - 30, sure_epoch=now - 30, until_epoch=now, utc_offset_s=0)
    with KubernetesApi(cluster) as api:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", api.url)
        common = {"namespaces": "shop", "kubeconfig": str(kubeconfig), "timeout": 30}
        config = config_of(*({"name": about, "kubernetes": about, **common} for about in ("pods", "logs")))
        gate = GateTransport(written(gate_of_host(config, "web1").text, tmp_path / "bin"))
        answers = [ask(way, collectors_of(config), window) for way in (gate, LocalTransport())]
    told = [{name: (each.stdout, each.exit_status) for name, each in answer.items()} for answer in answers]
    without_nonce = [{name: re.sub(rb"\x1e\w+", b"", out) for name, (out, _) in each.items()} for each in told]
    assert without_nonce[0] == without_nonce[1]
    assert b" hello\n" in without_nonce[0]["logs"]
    assert b"shop/api-1/app Running ready" in without_nonce[0]["pods"]
