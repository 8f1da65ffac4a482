"""What a test needs and a machine may lack: in CI its absence fails with the line to type, elsewhere it is skipped.

A test says what it needs with a mark, ``@pytest.mark.needs("nginx")``, or where it finds out with `missing`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

PACKAGES = {
    "busybox": "busybox",
    "bash": "bash",
    "chromium": "chromium",
    "dash": "dash",
    "faketime": "faketime",
    "haproxy": "haproxy",
    "javac": "default-jdk-headless",
    "journalctl": "systemd",
    "kubectl": "kubernetes-client",
    "logrotate": "logrotate",
    "nginx": "nginx",
    "prometheus": "prometheus",
    "podman": "podman",
    "runc": "runc",
    "setpriv": "util-linux",
    "shellcheck": "shellcheck",
    "sshd": "openssh-server",
    "sudo": "sudo",
    "systemd-journal-remote": "systemd-journal-remote",
    "xz": "xz-utils",
    "zstd": "zstd",
}
"""Program -> Debian package, where tests name a program alone."""
_PLACES = ("/usr/sbin", "/usr/lib/rabbitmq/bin", "/usr/lib/systemd")


def find(program: str) -> str | None:
    """The path of a program, also where the search path of an ordinary user does not lead."""
    return shutil.which(program, path=os.pathsep.join([os.environ["PATH"], *_PLACES]))


def need(*programs: str, package: str = "") -> None:
    """Ends the running test when a program is not on this machine; ``package``: the Debian package that has it."""
    for program in programs:
        if find(program) is None:
            missing(program, apt(package or PACKAGES[program]))


def missing(what: str, install: str) -> NoReturn:
    """Ends the running test: failed where ``CI`` is set, else skipped; ``install`` is the line to type."""
    sentence = f"needs {what}; type: {install}"
    if is_ci():
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


def apt(package: str) -> str:
    """The line that installs a Debian package."""
    return f"{'' if os.geteuid() == 0 else 'sudo '}apt-get install --no-install-recommends {package}"


def need_file(path: Path, *, package: str) -> Path:
    """The path, when there is something; else ends the running test."""
    if not path.exists():
        missing(str(path), apt(package))
    return path


def is_ci() -> bool:
    """Whether an automatic build runs the tests: ``CI=true``, as all of them set it."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")
