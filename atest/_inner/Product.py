"""A product that does nothing but write a log."""

from __future__ import annotations

import base64
import json
import os
import sys
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

HEAVY = ("paramiko", "jinja2", "ollama", "mcp", "httpx")

HOSTILE = (
    b"<script>document.title = 'harmed'</script>",
    b"</script><script>document.title = 'harmed'</script>",
    b"</pre></details></div><img src=x onerror=\"document.title = 'harmed'\">",
    b"]]></msg></kw></test></suite></robot>",
    b"<!-- <svg onload=\"document.title = 'harmed'\">",
    b"javascript:document.title='harmed'",
    b"{{ card.report }} {% raw %} ${EMPTY} %{HOME}",
    b"\xff\xfe\x00\x01\x02 lone \xed\xa0\x80 surrogate",
    b"\x1b[31mred\x1b[0m \x1b]0;harmed\x07title \r return \x08",
    "right to left \u202eharmed\u202c".encode(),
)


def log_line(text: str, name: str = "web.log") -> None:
    """Appends a line with the time of day to one of the product's logs, as a server does."""
    with _log(name).open("a", encoding="utf-8") as log:
        log.write(f"{datetime.now().astimezone().isoformat(sep=' ', timespec='milliseconds')} {text}\n")


def raw_line(text: str, name: str = "web.log") -> None:
    """Appends a line without any time."""
    with _log(name).open("a", encoding="utf-8") as log:
        log.write(f"{text}\n")


def clear_log(name: str = "web.log") -> None:
    """Empties a log, as a teardown does that cleans up."""
    _log(name).write_text("", encoding="utf-8")


def count_lines(name: str) -> int:
    """How many lines a log has."""
    return len(_log(name).read_text(encoding="utf-8").splitlines())


def leak(*secrets: str) -> None:
    """Writes secrets into the log as careless programs do: plain, encoded, in URLs, headers and JSON."""
    for secret in secrets:
        log_line(f"ERROR cannot log in with {secret}")
        log_line(f"retry https://alice:{quote(secret, safe='')}@db1/?token={quote(secret, safe='')}")
        log_line(f"header {base64.b64encode(secret.encode()).decode()} end")
        log_line(json.dumps({"credential": secret, "user": "alice"}))


def attack_the_reader() -> None:
    """Appends what would harm a page, a terminal or a file, were it not made safe."""
    with _log("web.log").open("ab") as log:
        log.write(b"\n".join(HOSTILE) + b"\n")


def heavy_imports() -> list[str]:
    """What has been imported into this run that a green run has no use for."""
    return [name for name in HEAVY if name in sys.modules]


def _log(name: str) -> Path:
    return Path(os.environ["RUN"]) / name
