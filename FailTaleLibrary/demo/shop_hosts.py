"""The demo's hosts: three directories, the shop that runs in them and the SSH server that gives access to them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import string
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

from FailTaleLibrary.demo.processes import DemoError, Processes
from FailTaleLibrary.demo.shop.storage import INVOICE_BYTES, SPOOL_QUOTA_BYTES
from FailTaleLibrary.lazy import dataclass

HOSTS = ("web1", "api1", "storage1")
SUITE = Path(__file__).parent / "suite"
SHELL = Path("/bin/sh")

_SHOP = "FailTaleLibrary.demo.shop"
_DIRECTORIES = {
    "web1": ("srv", "var/log/shop"),
    "api1": ("etc", "run", "var/log/shop"),
    "storage1": ("mnt", "var/lib/shop", "var/log/shop", "var/spool/invoices"),
}
_PRICES = {"book": "19.99", "mug": "7.50", "poster": "12.00"}
_PRICES_SINCE_THE_START = _PRICES | {"book": "17.99"}
_OURS = ("FAILTALE_CONFIG", "ROBOT_OPTIONS", "REBOT_OPTIONS")
"""Variables by which a user's own settings would change what the demo shows."""


@dataclass(frozen=True, slots=True)
class ShopHosts:
    """A running shop and how to reach its hosts."""

    home: Path
    """Holds a directory for each host, and ``ssh`` with the client keys and `known_hosts`."""
    ssh_ports: Mapping[str, int]
    environment: Mapping[str, str]
    """What the suite and the configuration need to find the shop."""
    pids: tuple[int, ...]

    def write_suite(self, directory: Path) -> None:
        """Write the suite, its keywords and the configuration that leads to the hosts into a directory."""
        for name in ("shop.robot", "ShopKeywords.py"):
            (directory / name).write_text((SUITE / name).read_text())
        template = string.Template((SUITE / "failtale.yaml").read_text())
        (directory / "failtale.yaml").write_text(template.substitute(self.ssh_ports))


@contextlib.contextmanager
def running_shop() -> Iterator[ShopHosts]:
    """Starts the shop and the SSH server in a temporary directory; nothing of them is left afterwards.

    Raises DemoError when this machine cannot run the demo.
    """
    if os.name != "posix" or not SHELL.exists():
        raise DemoError(f"The demo needs a POSIX shell at '{SHELL}'; run it on Linux, macOS or WSL.")
    with tempfile.TemporaryDirectory(prefix="failtale-demo-", ignore_cleanup_errors=True) as directory:
        home = Path(directory).resolve()
        password = secrets.token_urlsafe(12)
        _make_hosts(home, password=password)
        environment = _shop_environment(home)
        with Processes(home, environment=environment) as processes:
            web_port = _start_shop(home, processes)
            ssh_ports = _start_ssh(home, processes)
            suite_environment = environment | {"SHOP_PORT": web_port, "SHOP_PASSWORD": password}
            yield ShopHosts(home, ssh_ports, suite_environment, processes.pids)


def source_directories() -> list[str]:
    """The source roots of a checkout, so that it can be used without an installation; installed: none are needed."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "listeners" / "FailTaleListener.py").exists():
        return []
    return [str(root), str(root / "listeners"), str(root / "resources")]


def _make_hosts(home: Path, *, password: str) -> None:
    """Make each host's directories, and the state that leads to the failures: one more invoice fits into the spool."""
    for host, names in _DIRECTORIES.items():
        for name in names:
            (home / host / name).mkdir(parents=True)
    etc = home / "api1/etc"
    expiry = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(days=2)
    _write_json(etc / "prices.json", _PRICES)
    _write_json(etc / "users.json", {"alice": hashlib.sha256(password.encode()).hexdigest()})
    _write_json(etc / "signing-key.json", {"id": "k7", "not_after": expiry.isoformat()})
    _fill_spool(home / "storage1/var/spool/invoices", invoices=SPOOL_QUOTA_BYTES // INVOICE_BYTES - 1)


def _fill_spool(spool: Path, *, invoices: int) -> None:
    for number in range(invoices):
        (spool / f"old-{number:06d}.txt").write_text("." * INVOICE_BYTES)


def _start_shop(home: Path, processes: Processes) -> str:
    """Start the services, the last one first; return the port for customers."""
    storage_port = processes.start(f"{_SHOP}.storage", str(home / "storage1"))
    api_port = processes.start(f"{_SHOP}.api", str(home / "api1"), storage_port)
    _write_json(home / "api1/etc/prices.json", _PRICES_SINCE_THE_START)
    web_port = processes.start(f"{_SHOP}.web", str(home / "web1"), api_port)
    processes.start(f"{_SHOP}.monitor", web_port)
    return web_port


def _start_ssh(home: Path, processes: Processes) -> dict[str, int]:
    words = processes.start("FailTaleLibrary.demo.ssh_server", str(home), *HOSTS)
    pairs = (word.partition("=") for word in words.split())
    return {host: int(port) for host, _, port in pairs}


def _shop_environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _OURS}
    path = [*source_directories(), *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {"SHOP_HOME": str(home)} | ({"PYTHONPATH": os.pathsep.join(path)} if path else {})


def _write_json(path: Path, content: Mapping[str, str]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
