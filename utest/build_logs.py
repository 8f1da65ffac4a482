"""Small logs of build tools, made up from what these tools are known to print: noise, a labelled cause, wrappers.

`build_logs.txt` holds the lines that matter of each case, below ``%%% RUNNER: NAME``; ``@`` marks those that tell why
it failed. `log_of` buries them: many ordinary lines ahead, as a runner wraps them, and behind them what tools and
runners always say when a step has failed. Most tools are others than those of the recorded builds that
`bench/ranking.py` measures, so that rows which only learnt those by heart show here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

CAUSE = "@"
_HEADING = "%%% "
NOISE_LINES = 160


@dataclass(frozen=True, slots=True)
class BuildLog:
    """A log and the lines, from 0, of which each tells why the build failed."""

    name: str
    lines: tuple[str, ...]
    causes: frozenset[int]


def build_logs(file: str = "build_logs.txt") -> Iterator[BuildLog]:
    """All cases of a file, each the same at every call."""
    cases = Path(__file__).with_name(file).read_text(encoding="utf-8").removeprefix(_HEADING).split(f"\n{_HEADING}")
    for number, case in enumerate(cases):
        title, _, text = case.partition("\n")
        runner, _, name = title.partition(": ")
        yield log_of(name, text, runner=runner, seed=number)


def log_of(name: str, text: str, *, runner: str, seed: int) -> BuildLog:
    """One case within the noise and the wrappers of a runner."""
    told = text.strip("\n").split("\n")
    causes = [number for number, line in enumerate(told) if line.startswith(CAUSE)]
    noise = _noise(random.Random(seed))
    before, wrap, after = RUNNERS[runner]
    lines = [*before, *noise, *(line.removeprefix(CAUSE) for line in told)]
    start = len(before) + len(noise)
    return BuildLog(name, (*map(wrap, lines), *after), frozenset(start + number for number in causes))


def _noise(pick: random.Random) -> list[str]:
    """What goes well, in words that look grave here and there."""
    parts = ("error", "failure", "retry", "cart", "price", "panic", "fatal", "order", "abort", "crash")
    forms = (
        "[{n}/400] Building CXX object src/CMakeFiles/shop.dir/{a}_{b}.cpp.o",
        "  adding: lib/{a}/{b}_handler.py (deflated {n}%)",
        "Downloaded {a}-{b} v1.{n}.0",
        "ok      shop/internal/{a}/{b}  0.{n}s",
        "tests/test_{a}.py::test_{b}_{n} PASSED",
        "warning: unused variable `{a}_{b}` in line {n}",
        "Get:{n} http://archive.test/pool/main/lib{a}-{b}-dev amd64 1.{n}-2",
        "{n:03d} INFO  resolved {a}.{b} from the cache",
    )
    return [
        pick.choice(forms).format(n=pick.randrange(100, 400), a=pick.choice(parts), b=pick.choice(parts))
        for _ in range(NOISE_LINES)
    ]


Wrap = Callable[[str], str]


def _github(line: str) -> str:
    return f"2026-05-03T10:11:12.1234567Z {line}"


RUNNERS: dict[str, tuple[list[str], Wrap, list[str]]] = {
    "plain": ([], str, []),
    "github": (
        ["##[group]Run ./ci/build.sh", "\x1b[36;1m./ci/build.sh || echo failed\x1b[0m", "##[endgroup]"],
        _github,
        [
            "2026-05-03T10:11:13.1234567Z ##[error]Process completed with exit code 1.",
            "2026-05-03T10:11:13.2234567Z Post job cleanup.",
            "2026-05-03T10:11:13.3234567Z [command]/usr/bin/git config --local --unset-all http.extraheader",
            "2026-05-03T10:11:13.4234567Z Cleaning up orphan processes",
        ],
    ),
    "gitlab": (
        ["Running with gitlab-runner 17.2.0 (abcdef12)", "Getting source from Git repository", "$ ./ci/build.sh"],
        str,
        [
            "Uploading artifacts for failed job",
            "WARNING: reports/*.xml: no matching files. Ensure that the artifact path is relative to the working dir",
            "ERROR: No files to upload",
            "Cleaning up project directory and file based variables",
            "ERROR: Job failed: exit code 1",
        ],
    ),
    "azure": (
        ["##[section]Starting: Build", "=======================", "Task         : Command line"],
        _github,
        [
            "2026-05-03T10:11:13.1234567Z ##[error]Bash exited with code '1'.",
            "2026-05-03T10:11:13.2234567Z ##[section]Finishing: Build",
        ],
    ),
    "jenkins": (
        ["Started by an SCM change", "[Pipeline] sh", "+ ./ci/build.sh"],
        str,
        [
            "[Pipeline] }",
            "[Pipeline] // stage",
            "[Pipeline] End of Pipeline",
            "ERROR: script returned exit code 2",
            "Finished: FAILURE",
        ],
    ),
}
