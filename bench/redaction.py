"""How many secrets go, how many harmless lines change and how fast: ours beside other tools.

    python bench/redaction.py [--blind] [--missed] [EXAMPLES.jsonl ...]

All run on the same lines in one run: the shapes of our own tests and the lines beside our rules, both with made-up
values, and the examples of each file that is named (one JSON object a line with "kind", "line" and "secret"). A secret
is gone when it is left nowhere whole; a harmless line has changed when one byte has. Then the blind sets
(`redaction_blind*.txt`), kind by kind: a text of it counts as clean when each of its secrets is gone. The speed is
that of ordinary log text of which one line in fifty holds a secret, in CPU time. detect-secrets scans a file for each
text, as it finds more that way, and one file for the speed. The other tools are optional; what is missing is named with
the line to type.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

import redaction_shapes  # noqa: E402

from bench.environment import pip_line  # noqa: E402
from FailTaleLibrary.redaction import Redactor, redact_lines  # noqa: E402
from FailTaleLibrary.redaction.rules import FILES, rows_of  # noqa: E402

Redaction = Callable[[list[str]], list[str]]
"""Texts -> the same texts without what it takes for secrets; a text may be several lines."""


@dataclass(frozen=True)
class Lines:
    """One set to measure on."""

    name: str
    secrets: list[tuple[str, str]]
    """(text, secret)"""
    harmless: list[str]


# --- What is measured ------------------------------------------------------------------------------------------------


def examples(path: Path) -> Lines:
    found = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return Lines(
        path.name,
        [(example["line"], example["secret"]) for example in found if example["kind"] == "secret"],
        [example["line"] for example in found if example["kind"] != "secret"],
    )


def shapes(seed: int) -> Lines:
    secrets = [(line, secret) for _, line, secret in redaction_shapes.secret_lines(seed)]
    return Lines("shapes of our tests", secrets, list(redaction_shapes.harmless_lines(seed)))


def rows(seed: int) -> Lines:
    found = [row for file in FILES for row in rows_of(file)]
    secrets = [redaction_shapes.filled(shape, seed) for row in found for shape in row.hits]
    return Lines(
        "lines beside our rules",
        secrets,
        [redaction_shapes.filled(shape, seed)[0] for row in found for shape in row.misses],
    )


def log_text(megabytes: float) -> list[str]:
    """Ordinary lines of servers with ids, addresses, stack frames; every fiftieth holds a secret of the shapes."""
    chance = random.Random(7)
    kinds = [
        "2026-11-22T11:22:{s:02}.{n:03}Z INFO [worker-{s}] c.e.OrderService - order {n} accepted in {s} ms trace={h}",
        '192.0.2.{s} - - [22/Nov/2026:11:22:{s:02} +0000] "GET /api/items/{n}?page={s} HTTP/1.1" 200 {n} "-" "curl"',
        'Nov 22 11:22:{s:02} web-1 nginx[{n}]: upstream timed out (110) while connecting, host: "shop.example:8080"',
        "\tat com.example.shop.storage.Repository.find(Repository.java:{n}) ~[shop.jar:1.{s}]",
        "2026-11-22 11:22:{s:02} UTC [{n}] LOG:  duration: {n}.{s} ms  statement: SELECT name FROM items WHERE id={n}",
        "Nov 22 11:22:{s:02} web-1 sshd[{n}]: Accepted publickey for deploy from 192.0.2.{s} port {n} ssh2: SHA256:{h}",
    ]
    with_secret = [line for _, line, _ in redaction_shapes.secret_lines(7)]
    lines, size = [], 0
    while size < megabytes * 1e6:
        line = chance.choice(kinds).format(
            s=chance.randint(0, 59), n=chance.randint(1, 999), h=f"{chance.getrandbits(128):032x}"
        )
        lines.append((chance.choice(with_secret) if len(lines) % 50 == 0 else line) + "\n")
        size += len(lines[-1])
    return lines


def blind_files() -> list[Path]:
    return sorted((ROOT / "bench").glob("redaction_blind*.txt"))


def blind(file: Path, seed: int) -> dict[str, list[tuple[str, list[str]]]]:
    """Kind of text -> (text, its secrets) of a set that was written before the rules; none for a harmless text."""
    chance = random.Random(seed)
    kinds: dict[str, list[tuple[str, list[str]]]] = {}
    for shape in file.read_text().splitlines():
        if shape.startswith("== "):
            texts = kinds.setdefault(shape[3:], [])
        elif shape and not shape.startswith("# "):
            text, secrets = redaction_shapes.text_and_secrets(shape.replace("⏎", "\n"), chance)
            texts.append((text, [] if shape_is_harmless(kinds) else secrets))
    return kinds


def shape_is_harmless(kinds: dict[str, list[tuple[str, list[str]]]]) -> bool:
    """Whether the kind that is read last is one of harmless texts."""
    return next(reversed(kinds)).endswith(": harmless")


# --- Who is measured -------------------------------------------------------------------------------------------------


def ours() -> Redaction:
    redactor = Redactor(timeout_s=600)

    def redaction(texts: list[str]) -> list[str]:
        if texts[0].endswith("\n"):  # a log
            return list(redact_lines(texts, redactor))
        return [redactor.redact(text).text for text in texts]

    return redaction


def detect_secrets() -> Redaction:
    """Its scan of a file named .log with its default settings; what it finds is cut from the line."""
    from detect_secrets.core.scan import scan_file
    from detect_secrets.settings import default_settings

    def redaction(texts: list[str]) -> list[str]:
        is_log = texts[0].endswith("\n")
        with tempfile.TemporaryDirectory() as folder, default_settings():
            file = Path(folder) / "lines.log"
            return scanned(texts, file) if is_log else [scanned([text], file)[0] for text in texts]

    def scanned(texts: list[str], file: Path) -> list[str]:
        file.write_text("\n".join(text.rstrip("\n") for text in texts) + "\n")
        found: dict[int, list[str]] = {}
        for secret in scan_file(str(file)):
            found.setdefault(secret.line_number, []).append(secret.secret_value)
        return _cut(texts, found)

    return redaction


def _cut(texts: Iterable[str], found: dict[int, list[str]]) -> list[str]:
    """Texts without the values found in their lines; line numbers count from 1 over all texts."""
    number, out = 0, []
    for text in texts:
        lines = []
        for line in text.rstrip("\n").split("\n"):
            number += 1
            for value in found.get(number, ()):
                line = line.replace(value, "[removed]")
            lines.append(line)
        out.append("\n".join(lines))
    return out


def scrubadub() -> Redaction:
    """Its detectors of credentials and of user names beside passwords, with their default settings."""
    import scrubadub as package

    scrubber = package.Scrubber(detector_list=[package.detectors.CredentialDetector])
    return lambda texts: [scrubber.clean(text) for text in texts]


def insights_core() -> Redaction:
    from insights.cleaner.password import Password

    password = Password()
    return lambda texts: ["\n".join(password.parse_line(line) for line in text.split("\n")) for text in texts]


def measured() -> dict[str, tuple[Redaction, float]]:
    """Name -> (redaction, megabytes of log that it can do in reasonable time); says what is missing."""
    able = {"failtale": (ours(), 5.0)}
    for name, module, make, megabytes in (
        ("detect-secrets", "detect_secrets", detect_secrets, 0.3),
        ("scrubadub", "scrubadub", scrubadub, 0.3),
        ("insights-core", "insights", insights_core, 2.0),
    ):
        if importlib.util.find_spec(module) is None:
            print(f"not run: {name} is not installed; type:  {pip_line(name)}")
        else:
            able[name] = (make(), megabytes)
    print("not run: gitleaks and troubleshoot (Go programs, not Python packages)")
    return able


# --- The table -------------------------------------------------------------------------------------------------------


def megabytes_per_second(redaction: Redaction, lines: list[str]) -> float:
    redaction(lines[:2000])  # compiled expressions and filled caches are not what is measured
    begun = time.process_time()
    redaction(lines)
    return sum(map(len, lines)) / 1e6 / (time.process_time() - begun)


def row(name: str, redaction: Redaction, sets: list[Lines], speed: float, our_speed: float) -> str:
    cells = [name]
    for lines in sets:
        texts = redaction([text for text, _ in lines.secrets])
        gone = sum(secret not in text for text, (_, secret) in zip(texts, lines.secrets, strict=True))
        changed = sum(a != b for a, b in zip(redaction(lines.harmless), lines.harmless, strict=True))
        cells += [f"{gone} of {len(lines.secrets)}", f"{changed} of {len(lines.harmless)}"]
    cells += [
        f"{speed:.1f}",
        "1"
        if speed == our_speed
        else f"1/{our_speed / speed:.0f}"
        if speed < our_speed
        else f"{speed / our_speed:.1f}",
    ]
    return "| " + " | ".join(cells) + " |"


def print_blind(file: Path, able: dict[str, tuple[Redaction, float]], say_missed: bool) -> None:
    """A row per kind of a blind set: clean texts, or changed ones of harmless kinds."""
    kinds = blind(file, 7)
    print(f"\n{file.name}\n\n| kind | texts | " + " | ".join(able) + " |\n|" + "---|" * (len(able) + 2))
    for kind, pairs in kinds.items():
        cells = [kind, str(len(pairs))]
        for name, (redaction, _) in able.items():
            texts = redaction([text for text, _ in pairs])
            counted = [
                text != before if not secrets else not any(secret in text for secret in secrets)
                for text, (before, secrets) in zip(texts, pairs, strict=True)
            ]
            cells.append(str(sum(counted)))
            if say_missed and name == "failtale":
                wrong = kind.endswith(": harmless")
                for text, counts in zip(texts, counted, strict=True):
                    if counts == wrong:
                        print(f"{kind}: {text!r}")
        print("| " + " | ".join(cells) + " |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("examples", nargs="*", type=Path, help="further examples to measure on (JSON lines)")
    parser.add_argument("--blind", action="store_true", help="the blind sets alone")
    parser.add_argument("--missed", action="store_true", help="print what FailTale did wrong on the blind sets")
    arguments = parser.parse_args()
    sets = [shapes(7), rows(7), *map(examples, arguments.examples)]
    able = measured()
    for file in blind_files():
        print_blind(file, able, arguments.missed)
    if arguments.blind:
        return 0
    speeds = {name: megabytes_per_second(do, log_text(megabytes)) for name, (do, megabytes) in able.items()}
    heads = [f"{lines.name}: {what}" for lines in sets for what in ("secrets gone", "harmless changed")]
    print("\n| redaction | " + " | ".join(heads) + " | MB/s | ratio |\n|" + "---|" * (len(heads) + 3))
    for name, (redaction, _) in able.items():
        print(row(name, redaction, sets, speeds[name], speeds["failtale"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
