"""The window of a container's log as each shell reads it, whole and for few programs.

The engine is a stand-in that prints what podman prints; `test_containers.py` has a real one.
"""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest
from host_shells import Counted, HostShell, host_shells

from FailTaleLibrary.config import Collector
from FailTaleLibrary.windows import ResolvedWindow, command_line

ENGINE = """#!/bin/sh
case $1 in
  ps) echo 'shop 2026-11-22 17:00:00.5 +0000 UTC' ;;
  logs) cat {log} ;;
esac
"""
BEGAN = datetime(2026, 11, 22, 18, 30, tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize("shell", [HostShell("mksh", ("mksh",))] * bool(shutil.which("mksh")) + host_shells(), ids=str)
@pytest.mark.parametrize("many", [1, 40], ids=["few", "many"])
def test_a_window_of_a_containers_log_is_whole_and_starts_few_programs(
    shell: HostShell, many: int, tmp_path: Path
) -> None:
    moments = [(second, number) for second in range(-60, 30) for number in range(1 if second < 0 else many)]
    times = (datetime.fromtimestamp(BEGAN + second, timezone.utc) for second, _ in moments)
    lines = [
        f"{at:%Y-%m-%dT%H:%M:%S}.{number:09d}Z order {second}\n"
        for at, (second, number) in zip(times, moments, strict=True)
    ]
    (tmp_path / "log").write_text("".join(lines))
    (tmp_path / "engine").write_text(ENGINE.format(log=tmp_path / "log"))
    (tmp_path / "engine").chmod(0o755)
    programs = Counted(tmp_path / "programs", docker=tmp_path / "engine")
    window = ResolvedWindow(kind="test", since_epoch=BEGAN, sure_epoch=BEGAN + 2, asked_since_epoch=BEGAN)
    for grep in (None, "order .*5$", "nothing"):
        collector = Collector(name="log", container=("shop",), grep=grep, grep_before=0, grep_after=0)
        found = shell.answer(command_line(collector, window=window, max_bytes=4_000_000), first_in_path=programs.folder)
        inside = [line for line in lines[60:] if grep is None or (grep != "nothing" and line.endswith("5\n"))]
        early = [line for line in lines[60 : 60 + 2 * many] if line in inside]
        late = [line for line in inside if line not in early] if many == 1 else inside[len(early) :]
        assert found.text.decode() == "".join([*early[-500:], *late[-500:]])
        assert found.omitted_lines == len(inside) - found.text.count(b"\n")
        assert found.is_unsure == bool(early)
        assert all(part.look_back is not None and part.look_back.lines for part in found.parts)
        started = programs.since_last()
        if many == 1:
            assert len(started) <= 16, started
