"""A real Dropbear on loopback, for one account: the server of OpenWrt, Yocto and other small systems."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from patience import PATIENCE_S
from ports import free_port
from sshd import new_key

BINARY = shutil.which("dropbear", path="/usr/sbin:/usr/bin:/sbin:/bin")


@contextlib.contextmanager
def dropbear(home: Path, user: str, *options: str) -> Iterator[dict[str, Any]]:
    """The `ssh` section of a configuration for ``user``, whose home is ``home``; it takes the one key made there."""
    directory = home / ".ssh"
    directory.mkdir(mode=0o700)
    key = new_key(directory / "id_ed25519")
    (directory / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
    for path in (home, directory, *directory.iterdir()):
        shutil.chown(path, user)
    host_key = directory / "host_key"
    made = ["dropbearkey", "-t", "ed25519", "-f", str(host_key)]
    public = subprocess.run(made, check=True, capture_output=True, text=True).stdout
    port = free_port()
    words = next(line.split() for line in public.splitlines() if line.startswith("ssh-ed25519"))
    known_hosts = directory / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{port} {words[0]} {words[1]}\n")
    server = subprocess.Popen(
        [str(BINARY), "-F", "-E", "-s", "-r", str(host_key), "-p", f"127.0.0.1:{port}", "-P", "", *options],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        assert "Not backgrounding" in server.stderr.readline()
        yield {"user": user, "port": port, "key": key, "known_hosts": known_hosts}
    finally:
        server.terminate()
        server.communicate(timeout=PATIENCE_S)
