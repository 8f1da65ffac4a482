"""Whatever lies where a file is expected: one sentence, soon, and with little memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from patience import PATIENCE_S
from sshd import new_key

from FailTaleLibrary import files
from FailTaleLibrary.archive import read_bundle, reports_in
from FailTaleLibrary.config import load_config
from FailTaleLibrary.config.model import SshSettings
from FailTaleLibrary.errors import FailTaleError
from FailTaleLibrary.history.stores import SqliteStore
from FailTaleLibrary.transports.identities import Identities
from FailTaleLibrary.transports.known_hosts import read_known_hosts
from FailTaleLibrary.transports.reach import Reach
from FailTaleLibrary.transports.scripted import read_answers


def _in_bundle(path: Path) -> object:
    """The bundle whose manifest a path is."""
    bundle = path.parent / "bundle"
    bundle.mkdir()
    path.rename(bundle / "manifest.json") if not path.is_symlink() else (bundle / "manifest.json").symlink_to(path)
    return read_bundle(bundle)


def by_key(path: Path) -> Reach:
    return Reach("web1", "web1", 22, "me", known_hosts=(), ssh=SshSettings(key=path))


def _as_key(path: Path) -> object:
    """The configuration that names a path as its key."""
    if path.is_file():
        path.chmod(0o600)
    config = path.with_name("naming.yaml")
    host = f"{{component: web, ssh: {{key: {path}}}}}"
    config.write_text(f"components: {{web: {{collectors: [{{name: a, command: b}}]}}}}\nhosts: {{web1: {host}}}\n")
    load_config(config)
    for identity in Identities(by_key(path)):
        return identity
    raise ValueError("it was not offered")


def _as_certificate(path: Path) -> object:
    """The key whose certificate a path is."""
    identities = Identities(by_key(new_key(path.with_name("id"))))
    found = list(identities)
    raise ValueError(identities.skipped[0] if identities.skipped else f"{len(found)} key without it")


def _as_history(path: Path) -> object:
    with SqliteStore(path).transaction(seconds=10.0) as connection:
        return connection


READERS: dict[str, Callable[[Path], object]] = {
    "output.xml": lambda path: list(reports_in(path)),
    "output.json": lambda path: list(reports_in(path)),
    "failtale.yaml": load_config,
    "answers.yaml": read_answers,
    "known_hosts": read_known_hosts,
    "manifest": _in_bundle,
    "key": _as_key,
    "id-cert.pub": _as_certificate,
    "history.db": _as_history,
}


def a_sparse_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10_000_000_000)


KINDS: dict[str, Callable[[Path], None]] = {
    "a pipe that nobody fills": os.mkfifo,
    "a directory": Path.mkdir,
    "a link to itself": lambda path: path.symlink_to(path),
    "10 GB": a_sparse_file,
    "deep JSON": lambda path: path.write_text("[" * 200_000) and None,
    "deep YAML": lambda path: path.write_text("- " * 200_000 + "\n") and None,
    "entities": lambda path: (
        path.write_text(
            '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a0 "x">'
            + "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 20}">' for n in range(12))
            + "]><robot>&a12;</robot>"
        )
        and None
    ),
    "aliases": lambda path: (
        path.write_text("a0: &a0 x\n" + "".join(f"a{n + 1}: &a{n + 1} [{f'*a{n}, ' * 20}]\n" for n in range(12)))
        and None
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_of_its_kind_is_refused_in_a_sentence_and_soon(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    KINDS[kind](path)
    said: list[str] = []

    def read() -> None:
        try:
            READERS[name](path)
        except (FailTaleError, ValueError, OSError) as error:
            said.append(str(error))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    harmless = name == "known_hosts" and kind not in (
        "a directory",
        "a pipe that nobody fills",
        "10 GB",
        "a link to itself",
    )
    assert said or harmless
    assert all(len(sentence) < 600 and "\n" not in sentence for sentence in said)


def test_a_pipe_is_read_as_soon_as_somebody_fills_it(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    threading.Thread(target=path.write_bytes, args=(b"x" * 100_000,), daemon=True).start()
    assert files.read_anything(path, max_bytes=1_000_000) == b"x" * 100_000
