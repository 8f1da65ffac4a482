"""Private keys over several lines go, whole or cut; certificates, public keys and lists of digests stay."""

from __future__ import annotations

import base64
import hashlib
import random

import pytest

from FailTaleLibrary.redaction import Redactor

REDACTOR = Redactor()
BEGIN, END = "-----BEGIN " + "{} PRIVATE KEY-----", "-----END " + "{} PRIVATE KEY-----"


def body(seed: int = 1, *, size: int = 700, width: int = 64) -> list[str]:
    raw = base64.b64encode(random.Random(seed).randbytes(size)).decode()
    return [raw[at : at + width] for at in range(0, len(raw), width)]


def redacted(*lines: str) -> str:
    return REDACTOR.redact("\n".join(lines)).text


@pytest.mark.parametrize("kind", ["RSA", "OPENSSH", "EC", "ENCRYPTED", "DSA"])
@pytest.mark.parametrize("width", [60, 64, 70, 76])
def test_a_whole_key_goes_and_its_markers_stay(kind, width):
    begin, end = BEGIN.format(kind), END.format(kind)
    assert redacted("a", begin, *body(width=width), end, "b") == f"a\n{begin}\n[redacted:key-block]\n{end}\nb"


def test_a_pgp_key_with_headers_goes():
    begin, end = "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----", "-----END PGP " + "PRIVATE KEY BLOCK-----"
    text = redacted(begin, "Version: GnuPG v2", "", *body(), "=aB3d", end)
    assert text == f"{begin}\n[redacted:key-block]\n{end}"


def test_a_key_without_its_last_line_goes():
    assert redacted(BEGIN.format("RSA"), *body(), "12:00 INFO started") == (
        BEGIN.format("RSA") + "\n[redacted:key-block]\n12:00 INFO started"
    )


def test_a_key_without_its_first_line_goes():
    assert redacted("12:00 INFO started", *body(), END.format("RSA"), "b") == (
        "12:00 INFO started\n[redacted:key-block]\n" + END.format("RSA") + "\nb"
    )


@pytest.mark.parametrize("width", [64, 70, 76])
def test_the_middle_of_a_key_goes(width):
    lines = body(width=width)
    text = redacted("12:00 INFO started", *lines[2:5], "12:01 INFO done")
    assert text == "12:00 INFO started\n[redacted:key-block]\n12:01 INFO done"


def test_a_key_behind_a_logger_s_prefix_goes():
    lines = [f"Nov 22 12:00:00 web app[7]: {line}" for line in [BEGIN.format("RSA"), *body(), END.format("RSA")]]
    assert not [line for line in body() if line in redacted(*lines)]
    assert not [line for line in body()[2:6] if line in redacted(*lines[3:7])]


def test_a_key_in_one_line_of_json_goes():
    text = redacted('{"key": "' + "\\n".join([BEGIN.format("RSA"), *body(), END.format("RSA")]) + '\\n", "a": 1}')
    assert not [line for line in body() if line in text]
    assert text.endswith('"a": 1}')


def test_a_putty_key_goes():
    text = redacted("PuTTY-User-Key-File-2: ssh-rsa", "Private-Lines: 3", *body(size=140), "Private-MAC: 00")
    assert text == "PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 3\n[redacted:key-block]\nPrivate-MAC: 00"


def test_a_certificate_stays():
    lines = ["-----BEGIN CERTIFICATE-----", *body(), "-----END CERTIFICATE-----"]
    assert redacted(*lines) == "\n".join(lines)
    assert redacted(*lines[3:]) == "\n".join(lines[3:])
    assert redacted(*lines[:-2]) == "\n".join(lines[:-2])


def test_a_public_key_beside_a_private_one_stays():
    public = ["-----BEGIN PUBLIC KEY-----", *body(7), "-----END PUBLIC KEY-----"]
    text = redacted(*public, BEGIN.format("EC"), *body(8), END.format("EC"))
    assert text.startswith("\n".join(public))
    assert body(8)[0] not in text


def test_lists_of_digests_stay():
    digests = [hashlib.sha256(bytes([number])) for number in range(5)]
    in_base64 = [base64.b64encode(digest.digest()).decode() for digest in digests]
    lines = [*(digest.hexdigest() for digest in digests), *in_base64, *(f"{text}  file" for text in in_base64)]
    assert redacted(*lines) == "\n".join(lines)
