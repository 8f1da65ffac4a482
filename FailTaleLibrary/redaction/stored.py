"""Secrets as systems keep them and set them: salted hashes, and statements of SQL."""

from __future__ import annotations

from FailTaleLibrary.redaction.patterns import Family
from FailTaleLibrary.redaction.values import is_value

HASHES: Family = (
    (
        "hash",
        "$",
        r"(?:^|[^\w$.])(?P<secret>\$(?:apr1|y|gy|7|1|2[abxy]?|5|6|sha1|md5|argon2(?:id|i|d)|scrypt"
        r"|pbkdf2(?:-sha\d+)?|P|H|S|8|9|14|bcrypt-sha256)\$(?:v=\d+\$)?(?:[a-z]+=\d+,?)*[^\s:\"'\\,;<>)\]]{8,})",
        bool,
    ),
    (
        "hash",
        "{",
        r"(?P<secret>\{(?:SSHA|SHA|SMD5|MD5|CRYPT|SSHA256|SSHA512|SHA256|SHA512|PBKDF2[A-Z0-9-]*|ARGON2[A-Z]*"
        r"|BLF-CRYPT|SHA512-CRYPT|SHA256-CRYPT|PLAIN|CLEAR|CLEARTEXT)\}[^\s\"'<>,;]{6,})",
        bool,
    ),
    ("hash", "scram-sha", r"(?P<secret>SCRAM-SHA-(?:1|256|512)\$\d+:[^\s\"'<>,;]+)", bool),
    (
        "hash",
        "$",
        r"(?i)(?P<secret>\b(?:pbkdf2|scrypt|bcrypt|argon2)(?:_sha\d+|:sha\d+|_sha\d+_\w+"
        r"|:\d+:\d+:\d+)?\$[^\s\"'<>,;]{8,})",
        bool,
    ),
    ("hash", "md5", r"(?i)\bpassw(?:or)?d\b.{0,20}\b(?P<secret>md5[0-9a-f]{32})\b", bool),
    ("hash", "md5", r"[\"'](?P<secret>md5[0-9a-f]{32})[\"']", bool),
    ("hash", "*", r"(?:^|[\s\"'])(?P<secret>\*[0-9A-F]{40})\b", bool),
    ("hash", ":", r"^[a-z_][\w.-]*:\d+:[0-9A-Fa-f]{32}:(?P<secret>[0-9A-Fa-f]{32}):", bool),
    ("hash", ":", r"^[A-Za-z_][\w.-]*:(?P<secret>[./0-9A-Za-z]{13}):\d*:", bool),
)

_STRING = r"(?:'(?P<secret>(?:[^'\\]|\\[^\n]|'')+)'|\\*\"(?P<secret2>[^\"\\]+)\\*\"|\\'(?P<secret3>[^'\\]+)\\')"
SQL: Family = (
    (
        "sql",
        "identified",
        r"(?i)\bidentified\s+(?:with\s+\S+\s+)?(?:by|as|using)\s+(?:password\s+)?(?:values\s+)?" + _STRING,
        is_value,
    ),
    (
        "sql",
        "identified",
        r"(?i)\bidentified\s+by\s+(?P<secret>[^\s'\"\\;]+)",
        lambda value: is_value(value) and value.lower() not in ("password", "random"),
    ),
    (
        "sql",
        "password",
        r"(?i)\b(?:encrypted\s+|unencrypted\s+|with\s+|old_?|hashed\s+"
        r"|for\s+\S+\s*)?password(?:\s*=\s*|\s*\(\s*|\s+for\s+\S+\s*=\s*|\s+)\(?(?:'(?P<secret>(?:[^'\\]|\\[^\n]"
        r"|'')+)'|\\'(?P<secret2>[^'\\]+)\\')",
        is_value,
    ),
    ("sql", "password", r"(?i)\bset\s+password\b[^=\n]*=\s*(?:password\s*\(\s*)?" + _STRING, is_value),
    (
        "sql",
        "'",
        r"(?i)\b(?:sp_addlogin|sp_password|dblink_connect|pgp_sym_(?:en|de)crypt|aes_(?:en|de)crypt"
        r"|create_user)\b[^'\n]*'[^'\n]*'\s*,\s*'(?P<secret>[^'\n]+)'",
        is_value,
    ),
)
