"""A kubernetes collector and its window -> the shell text that asks kubectl, and what a person would type.

kubectl shapes what it gets by templates (`on_host/kubernetes_*.tmpl`), so that of an object nothing leaves it but the
fields that they name: no environment of a container, no content of a ConfigMap or a Secret.
"""

from __future__ import annotations

from datetime import datetime, timezone

from FailTaleLibrary.config import Collector
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.time_formats import FORMATS
from FailTaleLibrary.windows.model import CollectorText, ResolvedWindow, WindowValues
from FailTaleLibrary.windows.pipeline import assignments, filters, narrowing, shell_quote, sifting

MOST_ROWS = 300
"""Containers of which a snapshot always has a row; of more it has those that are in trouble."""
MOST_LOGS = 20
"""Containers whose logs are read, unless a collector says otherwise."""
_LEAST_READING_S = 8
"""For one list or log."""
_BESIDE_READING_S = 6
"""Of a collector's time, for the first sign of life and for making an answer of it."""
_ISO = next(number for number, each in enumerate(FORMATS, 1) if each.name == "ISO 8601")
_TEMPLATES = {
    "pods": ("pods",),
    "changes": ("changes",),
    "events": ("pods", "events"),
    "logs": ("pods",),
}


def kubernetes_text(collector: Collector) -> CollectorText:
    """What of a kubernetes collector's command line is the same whatever its window is."""
    about = collector.kubernetes or ""
    settings = [
        ("about", about),
        ("namespaces", " ".join(collector.namespaces)),
        ("selector", collector.selector or ""),
        ("most", collector.most or (MOST_ROWS if about == "pods" else MOST_LOGS)),
        ("stamps", _ISO),
        ("reading", max(_LEAST_READING_S, int(collector.timeout_s or 0) - _BESIDE_READING_S)),
    ]
    functions = (
        f'run_kubectl() {{ seconds=$1; shift; within "$seconds" {_kubectl_of(collector)} "$@"; }}\n'
        f"narrow() {{ {narrowing(collector, '$1')}; }}\n"
        f"sift() {{ {sifting(collector)}; }}\n"
    )
    programs = [("cluster", host_script("kubernetes.awk"))]
    programs += [(name, host_script(f"kubernetes_{name}.tmpl")) for name in _TEMPLATES[about]]
    if about == "logs":
        programs.append(("look_back", host_script("look_back.awk")))
    scripts = ("frames.sh", "say.sh", *(["look_back.sh"] if collector.is_log else []), "kubernetes.sh")
    return CollectorText(
        assignments(settings) + functions,
        (*(assignments([program]) for program in programs), *map(host_script, scripts)),
        filters="" if collector.is_log else filters(collector, cap="$max") or "tell cap $max; pass $max",
    )


def kubernetes_values(window: ResolvedWindow, *, max_bytes: int) -> WindowValues:
    """What the window decides of it: the moments between which it begins, on the clock of the host that asks."""
    since = None if window.kind == "none" else window.since_epoch
    if since is None and window.kind != "none":  # the host told no clock: as well as is known
        since = window.asked_since_epoch
    sure = since if window.sure_epoch is None else window.sure_epoch
    return WindowValues(
        (
            ("low_at", "" if since is None else f"{since:.6f}"),
            ("high_at", "" if since is None or sure is None else f"{sure:.6f}"),
            ("max", str(max_bytes)),
        )
    )


def shown_kubernetes(collector: Collector, window: ResolvedWindow) -> str:
    """What a person would type to see about the same, without what FailTale leaves out of it."""
    where = [_namespace_option(each) for each in collector.namespaces or ("",)]
    return "; ".join(line for scope in where for line in _shown_lines(collector, scope, window))


def _shown_lines(collector: Collector, scope: str, window: ResolvedWindow) -> tuple[str, ...]:
    kubectl = _kubectl_of(collector)
    selected = f" --selector={shell_quote(collector.selector)}" if collector.selector else ""
    if collector.kubernetes == "changes":
        return (f"{kubectl} get deployments,statefulsets,daemonsets,configmaps,secrets{scope}",)
    if collector.kubernetes == "events":
        return (f"{kubectl} get events{scope} --sort-by=.lastTimestamp",)
    if collector.kubernetes == "pods":
        return (f"{kubectl} get pods{scope}{selected} -o wide",)
    since = None if window.kind == "none" else window.since_epoch or window.asked_since_epoch
    start = "" if since is None else f" --since-time={_as_the_api_writes(since)}"
    container = f"{kubectl} logs{scope} POD --container=CONTAINER --timestamps{start}"
    return f"{kubectl} get pods{scope}{selected}", container


def _as_the_api_writes(epoch: float) -> str:
    return datetime.fromtimestamp(int(epoch), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _namespace_option(namespace: str) -> str:
    return "" if not namespace else " --all-namespaces" if namespace == "*" else f" --namespace={namespace}"


def _kubectl_of(collector: Collector) -> str:
    """kubectl with what says which cluster is meant."""
    context = f" --context={shell_quote(collector.context)}" if collector.context else ""
    config = f" --kubeconfig={_path_of(collector.kubeconfig)}" if collector.kubeconfig else ""
    return f"kubectl{config}{context}"


def _path_of(path: str) -> str:
    """A path for a shell, which knows the home that `~/` means."""
    return f'"$HOME"/{shell_quote(path[2:])}' if path.startswith("~/") else shell_quote(path)
