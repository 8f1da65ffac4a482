"""The MCP server: evidence for assistants and for runners without keys, over streamable HTTP or stdio.

It needs the extra ``mcp``: pip install 'robotframework-failtale[mcp]'.
"""

from __future__ import annotations

from FailTaleLibrary.mcp_server.access import default_token_file
from FailTaleLibrary.mcp_server.audit import default_path as default_audit_file
from FailTaleLibrary.mcp_server.http import Settings, serve_http, serve_stdio
from FailTaleLibrary.mcp_server.server import build_server, http_application

__all__ = [
    "Settings",
    "build_server",
    "default_audit_file",
    "default_token_file",
    "http_application",
    "serve_http",
    "serve_stdio",
]
