"""A stand-in for a Kubernetes API server: answers kubectl as a real one does, from objects in memory.

Lists come in pages, logs in chunks as a kubelet writes them; refusals have the server's own bodies. What is asked is
noted. It knows nothing of FailTale; `exec` and all that writes are refused and noted.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

RESOURCES = {
    "pods": ("", "v1", "Pod"),
    "events": ("", "v1", "Event"),
    "configmaps": ("", "v1", "ConfigMap"),
    "secrets": ("", "v1", "Secret"),
    "deployments": ("apps", "v1", "Deployment"),
    "statefulsets": ("apps", "v1", "StatefulSet"),
    "daemonsets": ("apps", "v1", "DaemonSet"),
}
"""Resource -> group, version, kind."""
_PAGE = 500


def moment(seconds: float = 0.0, *, of: datetime | None = None) -> str:
    """As the API writes times, so many seconds after now."""
    at = (of or datetime.now(timezone.utc)) + timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(epoch: float) -> str:
    """As a container runtime writes it ahead of a line."""
    whole = datetime.fromtimestamp(int(epoch), timezone.utc)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{int((epoch % 1) * 1e9):09d}Z"


def status(name: str, state: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """One container's status."""
    return {
        "name": name,
        "ready": "running" in state,
        "restartCount": 0,
        "image": f"registry.example/{name}:1.0",
        "imageID": f"registry.example/{name}@sha256:{name.encode().hex():0<64}",
        "lastState": {},
        "state": dict(state),
        **more,
    }


def pod(name: str, *statuses: Mapping[str, Any], namespace: str = "shop", **more: Any) -> dict[str, Any]:
    """A pod with these containers; ``more`` goes over its status, ``metadata`` and ``spec`` over those."""
    of_status: dict[str, Any] = {"phase": "Running", "containerStatuses": [dict(each) for each in statuses]}
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{name}",
        "creationTimestamp": moment(-3600),
        "resourceVersion": "100",
        "labels": {"app": name.partition("-")[0]},
    }
    containers = [{"name": each["name"], "image": each["image"], "env": [{"name": "X"}]} for each in statuses]
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": metadata | more.pop("metadata", {}),
        "spec": {"nodeName": "node1", "containers": containers} | more.pop("spec", {}),
        "status": of_status | more,
    }


def event(about: str, reason: str, message: str, *, at: str, namespace: str = "shop", **more: Any) -> dict[str, Any]:
    """An event of the core API: ``about`` is ``Pod/api-1``."""
    kind, _, name = about.partition("/")
    return {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {"name": f"{name}.{time.time_ns():x}", "namespace": namespace, "creationTimestamp": at},
        "involvedObject": {"kind": kind, "name": name, "namespace": namespace},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
        "source": {"component": "kubelet", "host": "node1"},
        **more,
    }


def thing(kind: str, name: str, *, namespace: str = "shop", version: int = 1, **more: Any) -> dict[str, Any]:
    """Any other object."""
    metadata = {"name": name, "namespace": namespace, "resourceVersion": str(version), "generation": 1}
    return {"kind": kind, "metadata": metadata | more.pop("metadata", {}), **more}


@dataclass
class Cluster:
    """What the server knows, and how it behaves."""

    objects: list[dict[str, Any]] = field(default_factory=list)
    logs: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """(pod, container) -> lines, each with its time ahead; a container ``app (previous)`` is the one before."""
    forbidden: set[tuple[str, str]] = field(default_factory=set)
    """(namespace, resource), such as ``("shop", "pods/log")``."""
    delay_s: float = 0.0
    """Before any answer."""
    hung: threading.Event | None = None
    """Until it is set nothing is answered of what `hung_paths` fits."""
    hung_paths: str = ""
    """Regular expression, looked for in the path that is asked."""
    clock_ahead_s: float = 0.0
    token: str = ""
    """When set, who does not bear it is not let in."""
    prefix: str = ""
    """Path ahead of its API, as where one address serves several clusters."""
    pages_expire: bool = False
    """Whether a list is forgotten after its first page, as where the server compacts its store."""
    modern: bool = False
    """Whether all resources are told in one answer, as since 1.26."""
    asked: list[str] = field(default_factory=list)
    """``GET /path?query`` of every request."""
    user: str = "system:serviceaccount:ci:failtale"


class KubernetesApi:
    """The server on loopback; a context manager."""

    def __init__(self, cluster: Cluster, *, tls: Any = None) -> None:
        self.cluster = cluster
        handler = type("Handler", (_Handler,), {"cluster": cluster})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}{cluster.prefix}"

    def __enter__(self) -> KubernetesApi:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.cluster.hung is not None:
            self.cluster.hung.set()
        self._server.shutdown()
        self._server.server_close()


def write_kubeconfig(path: Path, url: str, *, token: str = "t", namespace: str = "") -> Path:
    """A kubeconfig with one context, `lab`."""
    context = {"cluster": "lab", "user": "ci"} | ({"namespace": namespace} if namespace else {})
    cluster = {"server": url} | ({"insecure-skip-tls-verify": True} if url.startswith("https") else {})
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": cluster}],
        "users": [{"name": "ci", "user": {"token": token}}],
        "contexts": [{"name": "lab", "context": context}],
    }
    path.write_text(json.dumps(config))
    return path


class _Handler(BaseHTTPRequestHandler):
    cluster: ClassVar[Cluster]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing: standard error belongs to the tests."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        at = datetime.now(timezone.utc) + timedelta(seconds=self.cluster.clock_ahead_s)
        return format_datetime(at, usegmt=True)

    def _refuse_to_write(self) -> None:
        self.cluster.asked.append(f"{self.command} {self.path}")
        self._tell_status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")

    do_POST = do_PUT = do_PATCH = do_DELETE = _refuse_to_write  # noqa: N815 - the names that http.server calls

    def do_GET(self) -> None:
        cluster = self.cluster
        cluster.asked.append(f"GET {self.path}")
        if cluster.hung is not None and re.search(cluster.hung_paths, self.path):
            cluster.hung.wait(120)
            self.close_connection = True
            return
        time.sleep(cluster.delay_s)
        if cluster.token and self.headers.get("Authorization") != f"Bearer {cluster.token}":
            self._tell_status(401, "Unauthorized", "Unauthorized")
            return
        url = urlsplit(self.path)
        self._answer(url.path, {key: values[-1] for key, values in parse_qs(url.query).items()})

    def _answer(self, path: str, query: dict[str, str]) -> None:
        is_of_cluster = path.startswith(self.cluster.prefix)
        path = path.removeprefix(self.cluster.prefix)
        if not is_of_cluster:
            self._tell_status(404, "NotFound", "the server could not find the requested resource")
        elif path == "/version":
            self._tell({"major": "1", "minor": "32", "gitVersion": "v1.32.0"})
        elif path in ("/api", "/apis"):
            self._tell_groups(path)
        elif path in ("/api/v1", "/apis/apps/v1"):
            self._tell(_resource_list(path))
        elif match := re.fullmatch(r"/api/v1/namespaces/([^/]+)/pods/([^/]+)/log", path):
            self._tell_log(match[1], match[2], query)
        elif match := re.fullmatch(r"/(?:api|apis/apps)/v1(?:/namespaces/([^/]+))?/([a-z]+)", path):
            self._tell_list(match[1] or "", match[2], query)
        else:
            self._tell_status(404, "NotFound", "the server could not find the requested resource")

    # --- Discovery

    def _tell_groups(self, path: str) -> None:
        if self.cluster.modern and "as=APIGroupDiscoveryList" in self.headers.get("Accept", ""):
            group = "" if path == "/api" else "apps"
            found = [
                {
                    "resource": name,
                    "responseKind": {"group": of[0], "version": "v1", "kind": of[2]},
                    "scope": "Namespaced",
                    "singularResource": of[2].lower(),
                    "verbs": ["get", "list"],
                }
                for name, of in RESOURCES.items()
                if of[0] == group
            ]
            item = {
                "metadata": {"name": group, "creationTimestamp": None},
                "versions": [{"version": "v1", "resources": found, "freshness": "Current"}],
            }
            body = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": [item]}
            self._tell(body, kind="application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
        elif path == "/api":
            self._tell({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
        else:
            version = {"groupVersion": "apps/v1", "version": "v1"}
            group_of_apps = {"name": "apps", "versions": [version], "preferredVersion": version}
            self._tell({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group_of_apps]})

    # --- Objects

    def _tell_list(self, namespace: str, resource: str, query: dict[str, str]) -> None:
        if resource not in RESOURCES:
            self._tell_status(404, "NotFound", "the server could not find the requested resource")
        elif self.cluster.pages_expire and "continue" in query:
            self._tell_status(410, "Expired", "The provided continue parameter is too old to display a consistent list")
        elif not self._is_refused(namespace, resource, "list"):
            group, version, kind = RESOURCES[resource]
            found = [
                {key: value for key, value in each.items() if key not in ("kind", "apiVersion")}
                for each in self.cluster.objects
                if each["kind"] == kind
                and namespace in ("", each["metadata"]["namespace"])
                and _has_labels(each, query.get("labelSelector", ""))
                and _has_fields(each, query.get("fieldSelector", ""))
            ]
            start, limit = int(query.get("continue", "0")), int(query.get("limit", "0")) or len(found)
            more = {"continue": str(start + limit)} if start + limit < len(found) else {}
            self._tell(
                {
                    "kind": f"{kind}List",
                    "apiVersion": f"{group}/{version}".lstrip("/"),
                    "metadata": {"resourceVersion": "4711"} | more,
                    "items": found[start:][:limit],
                }
            )

    def _is_refused(self, namespace: str, resource: str, verb: str, name: str = "") -> bool:
        where = (namespace, resource)
        if where not in self.cluster.forbidden and ("*", resource) not in self.cluster.forbidden:
            return False
        group = RESOURCES[resource.partition("/")[0]][0]
        scope = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        what = f"{resource.partition('/')[0]}{f' {chr(34)}{name}{chr(34)}' if name else ''} is forbidden"
        if group:
            what = what.replace(resource, f"{resource}.{group}", 1)
        user = self.cluster.user
        self._tell_status(
            403,
            "Forbidden",
            f'{what}: User "{user}" cannot {verb} resource "{resource}" in API group "{group}" {scope}',
        )
        return True

    # --- Logs

    def _tell_log(self, namespace: str, name: str, query: dict[str, str]) -> None:
        if self._is_refused(namespace, "pods/log", "get", name):
            return
        found = next((p for p in self.cluster.objects if p["kind"] == "Pod" and p["metadata"]["name"] == name), None)
        if found is None:
            self._tell_status(404, "NotFound", f'pods "{name}" not found')
            return
        container = query.get("container", "")
        previous = query.get("previous") == "true"
        lines = self.cluster.logs.get((name, f"{container} (previous)" if previous else container))
        if lines is None and previous:
            words = f'previous terminated container "{container}" in pod "{name}" not found'
            self._tell_status(400, "BadRequest", words)
            return
        if (waiting := _waiting(found, container)) and not previous and lines is None:
            words = f'container "{container}" in pod "{name}" is waiting to start: {waiting}'
            self._tell_status(400, "BadRequest", words)
            return
        self._send_log(_selected(lines or [], query))

    def _send_log(self, lines: list[str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(lines), 100):
            data = "".join(f"{line}\n" for line in lines[start : start + 100]).encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    # --- Answers

    def _tell_status(self, code: int, reason: str, message: str) -> None:
        body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        self._tell(body | {"message": message, "reason": reason, "code": code}, code=code)

    def _tell(self, body: Mapping[str, Any], *, code: int = 200, kind: str = "application/json") -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _resource_list(path: str) -> dict[str, Any]:
    group = "" if path == "/api/v1" else "apps"
    resources: list[dict[str, Any]] = [
        {"name": name, "singularName": "", "namespaced": True, "kind": of[2], "verbs": ["get", "list"]}
        for name, of in RESOURCES.items()
        if of[0] == group
    ]
    if not group:
        resources.append({"name": "pods/log", "singularName": "", "namespaced": True, "kind": "Pod", "verbs": ["get"]})
    version = "v1" if not group else "apps/v1"
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


def _has_labels(thing: Mapping[str, Any], selector: str) -> bool:
    labels = thing["metadata"].get("labels", {})
    return all(_fits(part, labels) for part in re.split(r",(?![^(]*\))", selector) if part)


def _fits(part: str, values: Mapping[str, str]) -> bool:
    if match := re.fullmatch(r"\s*(\S+) in \((.*)\)\s*", part):
        return values.get(match[1]) in match[2].split(",")
    key, negated, value = re.fullmatch(r"([^=!]+)(!?)==?(.*)", part).groups()  # type: ignore[union-attr]
    return (values.get(key) == value) != bool(negated)


def _has_fields(thing: Mapping[str, Any], selector: str) -> bool:
    return all(_fits(part, {"type": thing.get("type", "")}) for part in selector.split(",") if part)


def _waiting(found: Mapping[str, Any], container: str) -> str:
    every = [*found["status"].get("containerStatuses", ()), *found["status"].get("initContainerStatuses", ())]
    state = next((each["state"] for each in every if each["name"] == container), None)
    return "PodInitializing" if state is None else str(state.get("waiting", {}).get("reason", ""))


def _selected(lines: list[str], query: Mapping[str, str]) -> list[str]:
    """As a kubelet does: the tail first, then those that are new enough."""
    if "tailLines" in query:
        count = int(query["tailLines"])
        lines = lines[len(lines) - count :] if count < len(lines) else lines
    if "sinceTime" in query:
        since = query["sinceTime"].removesuffix("Z")
        lines = [line for line in lines if line[: len(since)] >= since]
    if query.get("timestamps") != "true":
        lines = [line.partition(" ")[2] for line in lines]
    if "limitBytes" in query:
        text = "".join(f"{line}\n" for line in lines)[: int(query["limitBytes"])]
        lines = text.splitlines()
    return lines
