"""The site: nginx on web1, the shop on app1, PostgreSQL and Redis on db1, each host with an sshd; all on loopback."""

from __future__ import annotations

import contextlib
import getpass
import json
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from sshd import Sshd  # utest/sshd.py

from bench.faults.app import cache
from bench.faults.app.postgres import PostgresError, Session, quoted
from bench.faults.certificates import Authority
from bench.faults.client import Client, FailedError
from bench.faults.processes import IS_ROOT, Server, as_user, free_port, listens, program, wait_for
from FailTaleLibrary.config import Config, parse_config

HOSTS = ("web1", "app1", "db1")
USER = "postgres" if IS_ROOT else getpass.getuser()
"""Who runs the services: PostgreSQL refuses root."""
_ROOT = Path(__file__).parents[2]

NGINX = """\
daemon off; pid {web}/nginx.pid; error_log {web}/log/error.log notice; worker_processes 2;
events {{ worker_connections {connections}; }}
http {{
  {upstreams}
  access_log {web}/log/access.log;
  client_body_temp_path {web}/tmp/body; proxy_temp_path {web}/tmp/proxy; fastcgi_temp_path {web}/tmp/fcgi;
  uwsgi_temp_path {web}/tmp/uwsgi; scgi_temp_path {web}/tmp/scgi;
  proxy_connect_timeout 1s; proxy_read_timeout 1500ms; client_max_body_size {largest_body};
  server {{
    listen 127.0.0.1:{nginx}; server_name web1; root {web}/html;
    {before}
    location ~ ^/({locations}) {{ proxy_pass http://127.0.0.1:{shop}; }}
    location /legacy/ {{ proxy_pass http://127.0.0.1:{closed}; }}
    location /payments/ {{
      proxy_pass https://127.0.0.1:{tls}; proxy_ssl_name payments; proxy_ssl_verify on;
      proxy_ssl_trusted_certificate {web}/ca.pem; proxy_ssl_session_reuse off;
    }}
  }}
}}
"""
LOCATIONS = "health|login|account|prices|orders|transfers|receipts|reports|shipping|wp-login"
NGINX_SETTINGS = {
    "locations": LOCATIONS, "largest_body": "1m", "connections": "256", "upstreams": "", "before": "",
}  # fmt: skip
"""``upstreams`` and ``before`` are directives: of the http block, and ahead of the shop's location."""
_POSTGRES = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "24",
    "shared_buffers": "16MB",
    "fsync": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_statement": "ddl",
    "log_lock_waits": "on",
    "deadlock_timeout": "400ms",
    "log_timezone": "UTC",
}
PG_HBA = "local all all trust\nhost all admin 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 password\n"
_TABLES = """
    CREATE ROLE shop LOGIN PASSWORD {password};
    CREATE ROLE monitor LOGIN IN ROLE pg_monitor;
    CREATE TABLE prices (sku text PRIMARY KEY, price numeric(8, 2) NOT NULL);
    CREATE TABLE orders
      (id serial PRIMARY KEY, customer int, sku text, total numeric(8, 2), exported bool DEFAULT false);
    CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL);
    INSERT INTO prices VALUES ('mug', 7.50), ('book', 20.00), ('poster', 12.00);
    INSERT INTO orders (customer, sku, total) VALUES (1, 'mug', 7.50), (1, 'book', 20.00);
    INSERT INTO accounts SELECT n, 1000000 FROM generate_series(1, 40) n;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO shop;
    GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO shop;
"""
SETTINGS: dict[str, Any] = {
    "prices_with_tax": False, "exports_paused": False, "token_seconds": 3600, "tariff": "standard",
}  # fmt: skip
VERSION = "1.5.0"


class Site:
    """All services below one directory, and what an operator, or bad luck, can do to them."""

    def __init__(self, directory: Path) -> None:
        self.web, self.app, self.db = (directory / host for host in HOSTS)
        names = ("nginx", "shop", "tls", "postgres", "redis", "closed")
        self.ports = dict(zip(names, _free_ports(len(names)), strict=True))
        self.password = secrets.token_hex(12)
        self.settings = SETTINGS | {"carrier": f"127.0.0.1:{self.ports['nginx']}"}
        self.client = Client(self.ports["nginx"])
        self._sshd = {host: Sshd(directory / "ssh" / host, name=host) for host in HOSTS}
        self._furnish()
        self.nginx = Server(
            self._nginx_command(),
            output=self.web / "nginx.out",
            ready=lambda: listens(self.ports["nginx"]),
        )
        self.supervisor = Server(
            [sys.executable, "-m", "bench.faults.app.supervisor", self.app / "shop.json", "shop", "worker"],
            output=self.app / "supervisor.out",
            ready=lambda: listens(self.ports["shop"]) and (self.app / "worker.pid").exists(),
            cwd=_ROOT,
        )
        self.postgres = Server(
            [*as_user(USER), program("postgres"), "-D", self.db / "postgres/data"],
            output=self.db / "log/postgresql/postgresql.log",
            ready=self._postgres_answers,
            ends_by=signal.SIGINT,
        )
        self.redis = Server(
            [*as_user(USER), program("redis-server"), self.db / "redis/redis.conf"],
            output=self.db / "redis/out",
            ready=lambda: listens(self.ports["redis"]),
        )

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Everything runs within the block; afterwards nothing is left of it."""
        servers: list[Sshd | Server] = [*self._sshd.values(), self.postgres, self.redis, self.nginx, self.supervisor]
        with contextlib.ExitStack() as stack:
            for server in servers:
                server.start()
                stack.callback(server.stop)
                if server is self.postgres:
                    self.administer(*_TABLES.format(password=quoted(self.password)).split(";"))
            yield

    def config(self, bundles: Path) -> Config:
        """As a user would write it: presets as they come, and the shop's own logs."""
        postgres = f"host={self.db}/postgres port={self.ports['postgres']} user=monitor dbname=shop"
        logs = [
            {"name": f"{name}-log", "file": f"{self.app}/log/{name}.log", "before": 20}
            for name in ("shop", "worker", "supervisor")
        ]
        hosts = {"web1": ["web"], "app1": ["shop"], "db1": ["database", "cache"]}
        told = {
            "components": {
                "web": {"collectors": [{"nginx": {"logs": f"{self.web}/log"}}]},
                "shop": {"collectors": ["linux", *logs]},
                "database": {
                    "collectors": [{"postgresql": {"connection": postgres, "logs": f"{self.db}/log/postgresql"}}]
                },
                "cache": {
                    "collectors": [{"redis": {"port": str(self.ports["redis"]), "logs": f"{self.db}/log/redis"}}]
                },
            },
            "hosts": {
                host: {"address": "127.0.0.1", "component": components, "ssh": self._ssh(host)}
                for host, components in hosts.items()
            },
            "bundles": {"directory": str(bundles)},
        }
        return parse_config(yaml.safe_dump(told), source=self.app.parent / "failtale.yaml", environ={})

    # --- What operators and bad luck do

    def reload_nginx(self, **changes: str) -> None:
        """With what is given in the place of `NGINX_SETTINGS`; in their texts, {shop} and the like are ports."""
        self._write_nginx(changes)
        subprocess.run([*self._nginx_command(), "-s", "reload"], check=True, capture_output=True)
        time.sleep(0.3)  # the old workers leave

    def set(self, **settings: object) -> None:
        """Changes settings of the shop, which it notices at its next request."""
        path = self.app / "settings.json"
        partial = path.with_suffix(".new")
        partial.write_text(json.dumps({**self.settings, **settings}))
        partial.replace(path)

    def pid(self, name: str) -> int:
        return int((self.app / f"{name}.pid").read_text())

    def administer(self, *statements: str, database: str = "shop") -> None:
        """Runs statements as the database's superuser."""
        with self.session(database) as session:
            for statement in filter(str.strip, statements):
                session.query(statement)

    def session(self, database: str = "shop") -> Session:
        return Session(self.ports["postgres"], user="admin", database=database)

    def redis_says(self, *words: str | int) -> object:
        return cache.command(self.ports["redis"], *words)

    def wait_until_well(self) -> None:
        """Until customers get what they want. Raises RuntimeError when that takes too long."""
        if not wait_for(self._is_well, longest_s=15):
            raise RuntimeError("The shop did not recover from its last fault.")

    def _is_well(self) -> bool:
        try:
            order = self.client.json("POST", "/orders?customer=1&sku=mug")["order"]
            self.client.json("GET", "/prices/mug")
            exported = wait_for(lambda: self.client.json("GET", f"/orders/{order}")["exported"], longest_s=1)
        except FailedError:
            return False
        return exported

    # --- Furniture

    def _furnish(self) -> None:
        directories = [
            self.web / "log", self.web / "tmp", self.web / "html/static", self.app / "log", self.app / "spool",
            self.db / "log/postgresql", self.db / "log/redis", self.db / "postgres", self.db / "redis/data",
        ]  # fmt: skip
        for directory in directories:
            directory.mkdir(parents=True)
        self._write_nginx({})
        (self.web / "html/static/terms.html").write_text("<h1>Terms</h1>\n")
        self._furnish_shop()
        self._furnish_redis()
        for directory in (self.app, self.db, self.web / "html"):
            _hand_over(directory)
        self._furnish_postgres()

    def _nginx_command(self) -> list[str]:
        return [
            program("nginx"),
            "-p",
            f"{self.web}",
            "-e",
            f"{self.web}/log/error.log",
            "-c",
            f"{self.web}/nginx.conf",
        ]

    def _write_nginx(self, changes: Mapping[str, str]) -> None:
        settings = {name: value.format(**self.ports) for name, value in {**NGINX_SETTINGS, **changes}.items()}
        (self.web / "nginx.conf").write_text(NGINX.format(web=self.web, **settings, **self.ports))

    def _furnish_shop(self) -> None:
        authority = Authority(self.web / "ca.pem")
        authority.issue(self.app / "valid.pem", host="payments", days=(-10, 90))
        authority.issue(self.app / "expired.pem", host="payments", days=(-100, -1))
        authority.issue(self.app / "early.pem", host="payments", days=(2, 90))
        shutil.copy(self.app / "valid.pem", self.app / "payments.pem")
        (self.app / "spool/receipt.template").write_text("Receipt for order {order}\n")
        self.set()
        self.deploy(VERSION)

    def deploy(self, version: str) -> None:
        """Writes the processes' configuration; they read it when they start."""
        config = {
            "version": version,
            "logs": f"{self.app}/log",
            "spool": f"{self.app}/spool",
            "settings": f"{self.app}/settings.json",
            "certificate": f"{self.app}/payments.pem",
            "user": USER,
            "password": self.password,
            "http_port": self.ports["shop"],
            "tls_port": self.ports["tls"],
            "closed_port": self.ports["closed"],
            "postgres": self.ports["postgres"],
            "redis": self.ports["redis"],
        }
        (self.app / "shop.json").write_text(json.dumps(config))

    def allow_shop(self, rule: str) -> None:
        """Makes this the first rule for the shop's log-ins, and tells PostgreSQL so."""
        (self.db / "postgres/data/pg_hba.conf").write_text(rule + PG_HBA)
        self.administer("SELECT pg_reload_conf()", database="postgres")

    def _furnish_redis(self) -> None:
        said = {
            "port": self.ports["redis"],
            "bind": "127.0.0.1",
            "dir": self.db / "redis/data",
            "logfile": self.db / "log/redis/redis.log",
            "maxmemory": "16mb",
            "maxmemory-policy": "noeviction",
            "save": "1 1",
        }
        (self.db / "redis/redis.conf").write_text("".join(f"{name} {value}\n" for name, value in said.items()))

    def _furnish_postgres(self) -> None:
        data = self.db / "postgres/data"
        command = [program("initdb"), "-D", f"{data}", "-U", "admin", "-A", "trust", "--no-sync", "-E", "UTF8"]
        subprocess.run([*as_user(USER), *command, "--locale=C"], check=True, capture_output=True)
        own = {"port": str(self.ports["postgres"]), "unix_socket_directories": f"{self.db}/postgres"}
        with (data / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in {**_POSTGRES, **own}.items())
        (data / "pg_hba.conf").write_text(PG_HBA)

    def _postgres_answers(self) -> bool:
        try:
            with Session(self.ports["postgres"], user="admin", database="postgres") as session:
                if not session.query("SELECT 1 FROM pg_database WHERE datname = 'shop'"):
                    session.query("CREATE DATABASE shop")
        except (OSError, PostgresError):
            return False
        return True

    def _ssh(self, host: str) -> dict[str, Any]:
        settings = self._sshd[host].ssh_settings()
        return {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}


def _free_ports(count: int) -> list[int]:
    ports: list[int] = []
    while len(ports) < count:
        port = free_port()
        if port not in ports:
            ports.append(port)
    return ports


def _hand_over(directory: Path) -> None:
    """Gives a directory to the services' user, where we are root."""
    if IS_ROOT:
        for path in (directory, *directory.rglob("*")):
            shutil.chown(path, USER, USER)
