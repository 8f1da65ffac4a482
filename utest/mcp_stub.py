"""An MCP server over standard input and output that does what its first argument says, in JSON; standard library alone.

``tools``: what it has. ``result``: what a call answers. ``echo``: a call answers its arguments and the environment.
``pid_file``: where it writes its own number and that of a child. ``stubborn``: it hears neither the end of its input
nor SIGTERM. ``noise``: it prints other things as well. ``stateless``: it knows no handshake. ``silent``: it answers no
call. ``dies``: with these words. ``flood``: it answers without end.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

DO: dict[str, Any] = json.loads(sys.argv[1])


def said(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def outcome(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        if DO.get("stateless"):
            return {"error": {"code": -32601, "message": "no such method"}}
        return {"result": {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "stub"}}}
    if DO.get("stateless") and "io.modelcontextprotocol/protocolVersion" not in params.get("_meta", {}):
        return {"error": {"code": -32602, "message": "no version"}}
    if method == "tools/list":
        page = int(params.get("cursor", 0))
        more = {"nextCursor": str(page + 1)} if page + 1 < len(DO["tools"]) else {}
        return {"result": {"tools": DO["tools"][page : page + 1], **more}}
    if method != "tools/call":
        return {"error": {"code": -32601, "message": "no such method"}}
    if DO.get("echo"):
        told = {"arguments": params["arguments"], "environment": sorted(os.environ)}
        return {"result": {"content": [{"type": "text", "text": json.dumps(told)}]}}
    return {"result": DO.get("result", {"content": []})}


def main() -> None:
    if DO.get("stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "pid_file" in DO:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdin=subprocess.DEVNULL)
        Path(DO["pid_file"]).write_text(f"{os.getpid()} {child.pid}")
    if "dies" in DO:
        sys.exit(DO["dies"])
    while line := sys.stdin.readline():
        message = json.loads(line)
        if "id" not in message or "method" not in message:
            continue
        if DO.get("noise"):
            print("listening …")
            said({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
            said({"jsonrpc": "2.0", "id": message["id"], "method": "sampling/createMessage", "params": {}})
            sys.stderr.write("x" * 100_000)
        while DO.get("flood") and message["method"] == "tools/call":
            sys.stdout.write("y" * 65536)
        if not (DO.get("silent") and message["method"] == "tools/call"):
            said({"jsonrpc": "2.0", "id": message["id"], **outcome(message["method"], message.get("params", {}))})
    while DO.get("stubborn"):
        time.sleep(60)


main()
