"""What went wrong on the way to a store -> a reason and a sentence for the reader."""

from __future__ import annotations

import socket
import ssl

from FailTaleLibrary.errors import FailTaleError
from FailTaleLibrary.text import one_line, sanitize, shorten
from FailTaleLibrary.wire import WireError

_MAX_SAID = 500
_NOT_TRUSTED = frozenset({18, 19, 20, 21})
"""X509_V_ERR_ of OpenSSL: signed by itself, or by nobody that is known here."""
_NO_CERTIFICATE = frozenset(
    {"NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE", "PEM_LIB", "BAD_BASE64_DECODE", "BAD_END_LINE"}
)
"""What OpenSSL says of a file that holds no certificates."""


class StoreError(FailTaleError):
    """A store gave no answer; ``reason`` is one of `records.GapReason`.

    ``is_about_store``: it says something of the store and not of this query, so that the next one would meet the same.
    """

    def __init__(self, reason: str, message: str, *, is_about_store: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.is_about_store = is_about_store


def quoted(text: str) -> str:
    """What another machine said, for a sentence of ours."""
    return shorten(one_line(sanitize(text)), _MAX_SAID).rstrip(". ")


def unreachable(where: str, error: Exception, *, timeout_s: float) -> StoreError:
    """The sentence of an error on the way to a store."""
    if isinstance(error, WireError):
        sentence = f"No answer of {where}: {error}."
        return StoreError("connection lost" if error.is_early_end else "failed", sentence, is_about_store=True)
    reason, why = _reason_and_words(error, timeout_s)
    return StoreError(reason, f"Cannot reach {where}: {why}{'' if why.endswith('?') else '.'}", is_about_store=True)


def _reason_and_words(error: Exception, timeout_s: float) -> tuple[str, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        said = quoted(error.verify_message)
        if error.verify_code in _NOT_TRUSTED:
            return "unreachable", f"its certificate is not trusted here ({said}); set 'ca_file' to who signed it"
        return "unreachable", f"its certificate is not valid for it ({said})"
    if isinstance(error, ssl.SSLError) and error.reason in _NO_CERTIFICATE:
        return "failed", f"'ca_file' holds no certificate in PEM that can be read ({quoted(error.reason)})"
    if isinstance(error, ssl.SSLError):
        return "unreachable", f"it does not speak TLS as expected ({quoted(error.reason or '')}); is 'https' right?"
    if isinstance(error, TimeoutError):
        return "timed out", f"no response within {timeout_s:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "refused", "the connection is refused; does the store run there?"
    if isinstance(error, ConnectionError):
        return "connection lost", "it ended the connection without an answer; does it speak 'https' there, or 'http'?"
    if isinstance(error, socket.gaierror):
        return "unreachable", f"its name cannot be resolved ({quoted(error.strerror or str(error))})"
    if isinstance(error, OSError):
        return "unreachable", quoted(error.strerror or str(error)) or type(error).__name__
    return "failed", f"{type(error).__name__}: {quoted(str(error)) or 'it ended the connection'}"
