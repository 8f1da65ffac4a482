"""Commands that answer others: serve."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from FailTaleLibrary.config import load_config
from FailTaleLibrary.errors import ConfigError


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``serve``."""
    serve = commands.add_parser(
        "serve",
        help="the MCP server: evidence for assistants, and for test runs without SSH keys",
        description="Serves evidence over the Model Context Protocol: on a port with a token, or on stdin and stdout.",
    )
    serve.add_argument("--config", metavar="FILE", help="failtale.yaml (default: what FAILTALE_CONFIG names)")
    serve.add_argument(
        "--output",
        action="append",
        type=Path,
        default=[],
        metavar="PATH",
        help="also tell finished runs: output.xml, output.json, a bundle or a folder of bundles; repeatable",
    )
    serve.add_argument("--stdio", action="store_true", help="for an assistant that starts its servers itself")
    serve.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default: %(default)s)")
    serve.add_argument("--port", type=int, default=5050, help="port to listen on, 0: any (default: %(default)s)")
    serve.add_argument(
        "--token-file", type=Path, metavar="FILE", help="made when missing (default: ~/.config/failtale/token)"
    )
    serve.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME[:PORT]", help="a further Host header; repeatable"
    )
    serve.add_argument(
        "--allow-origin", action="append", default=[], metavar="ORIGIN", help="a further Origin header; repeatable"
    )
    serve.add_argument(
        "--audit-file",
        type=Path,
        metavar="FILE",
        help="who asked for what (default: ~/.local/state/failtale/audit.jsonl)",
    )
    serve.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> int:
    try:
        from FailTaleLibrary import mcp_server  # the SDK takes half a second, and only this command needs it
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("mcp", "uvicorn", "anyio", "starlette"):
            raise
        raise ConfigError(
            f"The MCP server needs the package '{error.name}'; type: pip install 'robotframework-failtale[mcp]'"
        ) from error
    path = options.config or ("" if options.output else os.environ.get("FAILTALE_CONFIG", ""))
    if not path and not options.output:
        raise ConfigError("Nothing to serve; write '--config failtale.yaml' or '--output output.xml'.")
    for output in options.output:
        if not output.exists():
            raise ConfigError(f"There is no '{output}' to read finished runs from.")
    settings = mcp_server.Settings(
        config=load_config(path) if path else None,
        outputs=tuple(options.output),
        audit_file=options.audit_file or mcp_server.default_audit_file(),
        host=options.host,
        port=options.port,
        token_file=options.token_file or mcp_server.default_token_file(),
        allow_hosts=tuple(options.allow_host),
        allow_origins=tuple(options.allow_origin),
    )
    if options.stdio:
        mcp_server.serve_stdio(settings)
    else:
        mcp_server.serve_http(settings)
    return 0
