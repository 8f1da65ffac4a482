"""The answers of the preset `kubernetes` that are kept in `presets/`: asked anew of kubectl when recording.

What kubectl answers live is judged in test_kubernetes.py, whose questions these are; so here nothing is asked twice.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from kubernetes_api import Cluster, KubernetesApi, event, moment, pod, stamp, status, thing, write_kubeconfig
from preset_answers import SECRET, ask, collectors_of, judge, keep
from preset_machine import missing

CASES = ("good", "empty", "permission-denied", "secrets")
VERSION = "kubectl 1.32, and a stand-in for an API server"


def a_cluster(case: str) -> Cluster:
    now, began = time.time(), {"running": {"startedAt": moment(-3600)}}
    words = f"login failed: password={SECRET}" if case == "secrets" else "ready"
    full = [
        pod("api-1", status("app", began), namespace="default"),
        thing("ConfigMap", "cfg", namespace="default", version=7),
        event("Pod/api-1", "Unhealthy", f"Readiness probe failed: {words}", at=moment(-5), namespace="default"),
    ]
    cluster = Cluster(modern=True, objects=[] if case == "empty" else full)
    cluster.logs[("api-1", "app")] = [f"{stamp(now - 5)} {words}"]
    if case == "permission-denied":
        cluster.forbidden = {
            ("default", each)
            for each in ("pods", "events", "deployments", "statefulsets", "daemonsets", "configmaps", "secrets")
        }
    return cluster


@pytest.mark.skipif(not os.environ.get("FAILTALE_RECORD"), reason="asks anew only to record: FAILTALE_RECORD=1")
@pytest.mark.parametrize("case", CASES)
def test_an_answer_is_recorded(case: str, tmp_path: Path) -> None:
    with KubernetesApi(a_cluster(case)) as api:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", api.url)
        told = collectors_of("kubernetes", kubeconfig=kubeconfig)
        wanted = ("events", "logs") if case == "secrets" else tuple(told)
        answers = {name: ask(told[name], since=time.time() - 60) for name in wanted}
    for name, answer in answers.items():
        judge(case, told[name], answer)
    instead = {str(tmp_path): "/etc/failtale", api.url: "http://127.0.0.1:6443"}
    keep("kubernetes", case, VERSION, answers, instead=instead)


def test_a_host_without_kubectl_says_so() -> None:
    missing("kubernetes")
