"""``failtale serve``: a configuration, finished runs or both -> the MCP server, on a port or on stdin and stdout."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from FailTaleLibrary.cli.options import Commands, configuration_if_there, told_of, with_config
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.files import install_line


def add_command(commands: Commands) -> None:
    serve = commands.add_parser(
        "serve",
        parents=[with_config()],
        help="the MCP server: evidence for assistants, and for test runs without SSH keys",
        description="Serves evidence over the Model Context Protocol: on a port with a token, or on stdin and stdout.",
    )
    serve.add_argument(
        "--output",
        action="append",
        type=Path,
        default=[],
        metavar="PATH",
        help="also serve finished runs: output.xml, output.json, a bundle or a folder of bundles; repeatable",
    )
    serve.add_argument("--stdio", action="store_true", help="for an assistant that starts its servers itself")
    serve.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default: %(default)s)")
    serve.add_argument("--port", type=_port, default=5050, help="port to listen on, 0: any (default: %(default)s)")
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
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="address or network of a proxy whose X-Forwarded-For is believed (default: nobody's); repeatable",
    )
    serve.add_argument(
        "--http-api", action="store_true", help="also GET /, POST /v1/collect and /v1/analyze, for clients without MCP"
    )
    serve.add_argument(
        "--audit-file",
        type=Path,
        metavar="FILE",
        help="who requested what (default: ~/.local/state/failtale/audit.jsonl)",
    )
    serve.set_defaults(run=_run_serve)


def _port(text: str) -> int:
    """The number alone: `listen` says which ones there are, in a sentence of its own."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError("write a number from 1 to 65535, or 0 for any free port")
    return int(text)


def _run_serve(options: argparse.Namespace) -> int:
    try:
        from FailTaleLibrary import mcp_server  # the SDK takes half a second, and only this command needs it
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("mcp", "uvicorn", "anyio", "starlette"):
            raise
        raise ConfigError(f"The MCP server needs the package '{error.name}'; type: {install_line('mcp')}") from error
    # Who names finished runs wants to read those: then the environment alone does not make it ask hosts.
    config = configuration_if_there(options) if options.config or not options.output else None
    if config is None and not options.output:
        raise ConfigError("Nothing to serve; write '--config failtale.yaml' or '--output output.xml'.")
    if config is not None:
        told_of(config)
    for output in options.output:
        if not output.exists():
            raise ConfigError(f"There is no '{output}' to read finished runs from.")
    settings = mcp_server.Settings(
        config=config,
        outputs=tuple(options.output),
        audit_file=options.audit_file or mcp_server.default_audit_file(),
        host=options.host,
        port=options.port,
        token_file=options.token_file or mcp_server.default_token_file(),
        allow_hosts=tuple(options.allow_host),
        allow_origins=tuple(options.allow_origin),
        trusted_proxies=tuple(options.trusted_proxy),
        http_api=options.http_api,
    )
    if options.stdio and options.http_api:
        raise ConfigError("'--http-api' needs a port; leave out '--stdio'.")
    if options.stdio:
        mcp_server.serve_stdio(settings)
    else:
        mcp_server.serve_http(settings)
    return 0
