"""The presets of web servers and proxies against the real programs, on loopback, started and ended here."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from host_shells import HostShell
from needs import need
from patience import PATIENCE_S
from ports import free_port
from preset_answers import SECRET
from preset_machine import SHELLS, Machine, locked_logs, missing, without_rights
from preset_servers import (
    IS_ROOT,
    JOURNAL_REMOTE,
    found,
    get,
    journal,
    listens,
    place,
    running,
    version,
    wait_for,
)

# --- nginx and Apache -------------------------------------------------------------------------------------------------

NGINX = """\
daemon off; pid {directory}/pid; error_log {directory}/logs/error.log info;
events {{ worker_connections 64; }}
http {{
  access_log {directory}/logs/access.log;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fcgi;
  uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{ return 200 "ok\\n"; }}
    location /down {{ proxy_pass http://127.0.0.1:1; }}
  }}
}}
"""
APACHE = """\
ServerRoot {directory}
ServerName localhost
PidFile {directory}/pid
Listen 127.0.0.1:{port}
{user}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
ErrorLog {directory}/logs/error.log
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\"" combined
CustomLog {directory}/logs/access.log combined
DocumentRoot {directory}/bin
ProxyPass /down http://127.0.0.1:1/
"""


@contextmanager
def nginx() -> Iterator[Machine]:
    need("nginx", package="nginx")
    with place("nginx") as directory:
        port = free_port()
        (directory / "nginx.conf").write_text(NGINX.format(directory=directory, port=port))
        command = [found("nginx"), "-c", directory / "nginx.conf", "-e", directory / "logs/error.log"]
        values = {"logs": directory / "logs"}
        machine = Machine("nginx", version(found("nginx"), "-v"), directory, values, port)
        with running(*command, ready=listens(port), output=directory / "output"):
            yield machine


@contextmanager
def apache() -> Iterator[Machine]:
    need("apache2", package="apache2")
    with place("apache") as directory:
        port = free_port()
        user = "User www-data\nGroup www-data" if IS_ROOT else ""
        modules = "/usr/lib/apache2/modules"
        text = APACHE.format(directory=directory, port=port, user=user, modules=modules)
        (directory / "apache.conf").write_text(text)
        command = [found("apache2"), "-f", directory / "apache.conf", "-D", "FOREGROUND"]
        values = {"logs": directory / "logs"}
        machine = Machine("apache", version(found("apache2"), "-v"), directory, values, port)
        with running(*command, ready=listens(port), output=directory / "output"):
            yield machine


WEB_SERVERS = {"nginx": nginx, "apache": apache}


@pytest.fixture(scope="module", params=WEB_SERVERS)
def web(request: pytest.FixtureRequest) -> Iterator[Machine]:
    with WEB_SERVERS[request.param]() as machine:
        hour_ago = time.time() - 3600
        old = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(hour_ago))
        access = machine.directory / "logs/access.log"
        access.write_text(f'127.0.0.1 - - [{old}] "GET /old HTTP/1.0" 500 7 "-" "-"\n')
        os.utime(access, (hour_ago, hour_ago))
        machine.answers("empty", "failed-requests", "statuses")
        for _ in range(3):
            assert get(machine.port, "/") < 500
        assert get(machine.port, f"/down?password={SECRET}") >= 500
        wait_for(lambda: SECRET in access.read_text(), said=access)
        yield machine


@pytest.mark.parametrize("shell", SHELLS, ids=str)
def test_a_web_server_tells_its_errors_and_the_requests_that_it_failed(web: Machine, shell: HostShell) -> None:
    web.answers("good", shell=shell)
    assert "127.0.0.1:1" in web.item("errors", shell=shell).text
    assert re.findall(r'"GET (/\w*)', web.item("failed-requests", shell=shell).text) == ["/down"]
    statuses = dict(line.split() for line in web.item("statuses", shell=shell).text.splitlines())
    assert sum(map(int, statuses.values())) == 4
    assert sum(int(count) for status, count in statuses.items() if status >= "500") == 1


def test_a_web_server_shows_no_secret_of_an_address(web: Machine) -> None:
    told = web.answers("secrets", "errors", "failed-requests")
    assert SECRET in told["failed-requests"].stdout


def test_a_web_servers_logs_want_a_right(web: Machine) -> None:
    shell, logs = without_rights(), locked_logs(web)
    try:
        web.answers("permission-denied", shell=shell)
    finally:
        logs.chmod(0o755)


@pytest.mark.parametrize("preset", WEB_SERVERS)
def test_a_machine_without_that_web_server_is_told_as_such(preset: str) -> None:
    missing(preset)


@pytest.mark.parametrize("preset", WEB_SERVERS)
def test_a_quiet_web_server_says_nothing(preset: str) -> None:
    with place(preset) as directory:
        for name in ("access.log", "error.log"):
            (directory / "logs" / name).touch()
        Machine(preset, "empty log files", directory, {"logs": directory / "logs"}).answers("empty")


# --- HAProxy ----------------------------------------------------------------------------------------------------------

# A server that is down is not looked at anew: while it is, HAProxy tells its state with a star ahead.
HAPROXY = """\
global
  stats socket {directory}/admin.sock mode 600 level user
  log 127.0.0.1:{syslog} format raw local0 info
defaults
  mode http
  log global
  option httplog
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend shop
  bind 127.0.0.1:{port}
  http-request return status 200 content-type text/plain string ok if {{ path /fine }}
  default_backend storage
backend storage
  server gone 127.0.0.1:1 check inter 50ms fall 1 downinter 1h
"""


@pytest.fixture(scope="module")
def haproxy() -> Iterator[Machine]:
    need("haproxy", package="haproxy")
    need("socat", package="socat")
    need(JOURNAL_REMOTE, package="systemd-journal-remote")
    with place("haproxy") as directory, syslog() as (syslog_port, lines):
        port = free_port()
        text = HAPROXY.format(directory=directory, port=port, syslog=syslog_port)
        (directory / "haproxy.cfg").write_text(text)
        values = {"socket": directory / "admin.sock"}
        machine = Machine("haproxy", version(found("haproxy"), "-v"), directory, values, port)
        command = [found("haproxy"), "-db", "-f", directory / "haproxy.cfg"]
        with running(*command, ready=listens(port), output=directory / "output"):
            assert [get(port, "/fine"), get(port, f"/down?api_key={SECRET}")] == [200, 503]
            told = lines(lambda text: "GET /down" in text and "no server" in text)
            entry = {"_SYSTEMD_UNIT": "haproxy.service", "SYSLOG_IDENTIFIER": "haproxy"}
            journal(directory, [entry | {"MESSAGE": line} for line in told])
            yield machine


@contextmanager
def syslog() -> Iterator[tuple[int, Callable[[Callable[[str], bool]], list[str]]]]:
    """A syslog server for one program: its port, and a function that waits for lines."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE_S)

        def lines(enough: Callable[[str], bool]) -> list[str]:
            told: list[str] = []
            while not enough("\n".join(told)):
                told.append(server.recv(65536).decode().rstrip("\n\0"))
            return told

        yield server.getsockname()[1], lines


@pytest.mark.parametrize("shell", SHELLS, ids=str)
def test_haproxy_tells_which_servers_are_down_and_which_requests_failed(haproxy: Machine, shell: HostShell) -> None:
    haproxy.answers("good", shell=shell)
    assert "storage,gone,DOWN,L4CON" in haproxy.item("servers", shell=shell).text
    assert "Stopping: 0" in haproxy.item("limits", shell=shell).text
    failures = haproxy.item("failures", shell=shell).text
    assert "503" in failures
    assert "is DOWN" in failures
    assert "/fine" not in failures


def test_haproxy_shows_no_secret_of_an_address(haproxy: Machine) -> None:
    assert SECRET in haproxy.answers("secrets", "failures")["failures"].stdout


def test_a_quiet_haproxy_says_nothing(haproxy: Machine) -> None:
    haproxy.answers("empty", "failures", unit="other")


def test_haproxy_wants_rights(haproxy: Machine) -> None:
    shell = without_rights()
    (haproxy.directory / "journal/all.journal").chmod(0o600)
    (haproxy.directory / "journal").chmod(0o700)
    try:
        haproxy.answers("permission-denied", shell=shell)
    finally:
        (haproxy.directory / "journal").chmod(0o755)


def test_a_machine_without_haproxy_is_told_as_such() -> None:
    missing("haproxy")
