"""The tutorial, followed literally: one session of a shell, each command in order, what it prints as the page shows."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from page_blocks import ROOT, Block, blocks_of
from patience import PATIENCE_S

from FailTaleLibrary.demo.failures import DEMO_FAILURES

PAGE = ROOT / "docs" / "tutorial.md"
END = "@@ end of a block @@"

VENV = """#!/bin/sh
# `python3 -m venv DIRECTORY`, with the packages of the tests' own environment in place of downloads.
set -eu
if [ "$1 $2" != "-m venv" ]; then exec "{python}" "$@"; fi
"{python}" -m venv --without-pip --symlinks "$3"
for packages in "$3"/lib/python*/site-packages; do echo "{packages}" > "$packages/downloads.pth"; done
printf '#!/bin/sh\\nexec "%s" -m robot "$@"\\n' "$3/bin/python" > "$3/bin/robot"
printf '#!/bin/sh\\nexec "%s" -m pip "$@" --no-deps --no-build-isolation\\n' "$3/bin/python" > "$3/bin/pip"
chmod 755 "$3/bin/robot" "$3/bin/pip"
"""


@dataclass(frozen=True)
class Session:
    """What the whole tutorial printed, block by block, and where it was typed."""

    home: Path
    printed: tuple[str, ...]
    temporary: Path


def script_of(blocks: list[Block]) -> Iterator[str]:
    """What a reader types, and the files that the reader writes, in the order of the page."""
    for block in blocks:
        if block.language == "sh":
            yield f"{block.text}\necho '{END}'\n"
        elif block.language != "text":
            name = block.text.split()[1]
            yield f"cat > {name} <<'END_OF_{name}'\n{block.text}END_OF_{name}\n"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    home = tmp_path_factory.mktemp("newcomer")
    programs, temporary = home / "programs", home / "tmp"
    programs.mkdir()
    temporary.mkdir()
    python3 = programs / "python3"
    python3.write_text(VENV.format(python=sys.executable, packages=sysconfig.get_path("purelib")))
    python3.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FAILTALE", "ROBOT", "PYTHON"))}
    environment = {
        **kept,
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    script = home / "programs" / "session.sh"
    script.write_text("".join(script_of(list(blocks_of(PAGE)))), encoding="utf-8")
    done = subprocess.run(
        ["sh", str(script)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=4 * PATIENCE_S,
        check=False,
    )
    *printed, rest = done.stdout.split(f"{END}\n")
    assert rest == ""
    return Session(home, tuple(printed), temporary)


def as_pattern(shown: str) -> str:
    """What the page shows as an expression: a line `…` stands for any lines, `…` in a line for any of its text."""
    lines = [re.escape(line.rstrip()).replace("…", ".*") for line in shown.splitlines()]
    return "".join(r"(?:.*\n)*?" if line == ".*" else f"{line} *\n" for line in lines)


def shown_and_printed(session: Session) -> list[tuple[str, str, str]]:
    blocks = [block for block in blocks_of(PAGE) if block.language in ("sh", "text")]
    commands = [block for block in blocks if block.language == "sh"]
    assert len(commands) == len(session.printed)
    outputs = dict(zip(map(str, commands), session.printed, strict=True))
    pairs = itertools.pairwise(blocks)
    return [(a.text, b.text, outputs[str(a)]) for a, b in pairs if a.language == "sh" and b.language == "text"]


def test_each_command_of_the_tutorial_prints_what_the_page_shows(session: Session) -> None:
    others = []
    for command, shown, printed in shown_and_printed(session):
        # A terminal of the reader shows standard error among the rest, at places that chance decides: so are notes.
        plain = "".join(line for line in printed.splitlines(keepends=True) if not line.startswith("FailTale uses "))
        if not re.fullmatch(as_pattern(shown), plain):
            others.append(f"{command}--- shown:\n{shown}--- printed:\n{printed}")
    assert not others, "\n".join(others)


def test_every_command_of_the_tutorial_shows_what_it_prints_or_prints_nothing(session: Session) -> None:
    blocks = [block for block in blocks_of(PAGE) if block.language in ("sh", "text")]
    alone = [a for a, b in zip(blocks, [*blocks[1:], blocks[0]], strict=True) if a.language == b.language == "sh"]
    assert alone == []
    assert len([block for block in blocks if block.language == "text"]) == len(shown_and_printed(session))


def test_the_tutorial_installs_failtale_as_the_page_says(session: Session) -> None:
    (library,) = session.home.glob("failtale-tutorial/venv/lib/python*/site-packages/FailTaleLibrary")
    assert (library / "failtale.resource").is_file()


def test_the_demo_says_where_to_look_and_leaves_nothing_behind(session: Session) -> None:
    (said,) = (printed for printed in session.printed if "A shop of three hosts is running" in printed)
    assert str(session.home / "failtale-tutorial" / "failtale-demo" / "log.html") in said
    assert all(failure.test in said and failure.notice in said for failure in DEMO_FAILURES)
    assert list(session.temporary.iterdir()) == []
    processes = subprocess.run(["ps", "axeww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert str(session.temporary) not in processes
