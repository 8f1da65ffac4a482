"""What every test gets: a clean environment and no thread that delays the exit; and SSH servers for who asks."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis
import pytest
import sshd
from needs import apt, is_ci, missing, need
from patience import wait_until
from properties import examples

# A busy machine needs longer for an example, and that is no fault. CI judges each change by the same examples; new ones
# are found wherever else the tests run.
hypothesis.settings.register_profile(
    "patient",
    examples(100),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=is_ci(),
)
hypothesis.settings.load_profile("patient")

# A shell starts what runs in its background with Ctrl-C ignored, and our children, to whom tests send it, inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Several processes share the files of tests, a file each time: what takes long begins first, so that none is left alone
# with one at the end. Measured; a name that is not here comes later.
_LONG = (
    "windows_log_files", "gateway", "tutorial", "documents", "release", "mcp_conformance", "pytest_plugin",
    "hints_model", "hints_in_runs", "mcp_http", "rogue_hosts", "gate", "transports_leftovers", "windows_rotation",
    "gate_attacks", "containers", "salt", "reach", "windows_marks", "mcp_strangers", "mcp_tools", "presets_real_data",
    "history", "doctor", "interrupts", "transports_visit", "progress", "presets_real_web", "stores_real", "kubernetes",
    "collection_collect", "gateway_rogue",
    "gateway_silence", "variables", "listener_runs", "windows_model", "rendering_in_log", "limits", "demo",
    "rendering_run_page", "examples", "passing_runs", "other_tests", "windows_real", "hints_ollama", "run",
    "hints_maker", "cli_redact", "hints_truth",
)  # fmt: skip
_READ_BY_US = ("TZ", "FAILTALE_CONFIG", "FAILTALE_LOG", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "OLLAMA_HOST")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    begins = {f"test_{name}.py": place for place, name in enumerate(_LONG)}
    items.sort(key=lambda item: begins.get(item.path.name, len(_LONG)))


@pytest.fixture(scope="session", autouse=True)
def runtime_directories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iterator[Path]]:
    """Places for who runs tests, one for each test; and nothing that this machine has set changes what a test sees."""
    place = tmp_path_factory.mktemp("runtime")
    with pytest.MonkeyPatch.context() as patch:
        for name in _READ_BY_US:
            patch.delenv(name, raising=False)
        time.tzset()
        patch.setenv("XDG_RUNTIME_DIR", str(place))
        yield (place / str(number) for number in itertools.count())


# One fixture, since every test pays for it: thousands take less than this costs when it is made of three.
@pytest.fixture(autouse=True)
def what_every_test_gets(request: pytest.FixtureRequest, runtime_directories: Iterator[Path]) -> Iterator[None]:
    """The programs that its marks ``needs`` name, a runtime directory of its own; and it leaves no thread behind."""
    for mark in request.node.iter_markers("needs"):
        need(*mark.args, **mark.kwargs)
    directory = next(runtime_directories)
    directory.mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(directory)
    before = set(threading.enumerate())
    yield

    def left() -> list[str]:
        new = [thread.name for thread in threading.enumerate() if thread not in before and not thread.daemon]
        return [name for name in new if not name.startswith("asyncio_")]  # of the browser's driver: outlives a test

    assert wait_until(lambda: not left()), f"threads that delay the exit: {left()}"


@pytest.fixture(scope="session")
def a_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    """A host that all tests share; nobody hurts it."""
    _need_sshd()
    with sshd.Sshd(tmp_path_factory.mktemp("host")) as host:
        yield host


@pytest.fixture
def new_host(tmp_path: Path) -> Iterator[Callable[..., sshd.Sshd]]:
    """Makes and starts hosts that a test may hurt; arguments as `Sshd` takes them."""
    _need_sshd()
    hosts: list[sshd.Sshd] = []

    def make(**arguments: Any) -> sshd.Sshd:
        directory = arguments.pop("directory", tmp_path / f"host{len(hosts)}")
        hosts.append(sshd.Sshd(directory, **arguments))
        hosts[-1].start()
        return hosts[-1]

    yield make
    for host in hosts:
        host.thaw()
        host.stop()


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """A directory that other users may look into, unlike pytest's own."""
    with TemporaryDirectory(prefix="failtale-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def as_root() -> None:
    """For tests that need another user on this machine."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make a throw-away user")


def _need_sshd() -> None:
    if sshd.BINARY is None:
        missing("sshd", apt("openssh-server"))
