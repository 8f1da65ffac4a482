"""Secrets in sentences, and in documents where key and value stand apart: XML, pairs, JWK, otpauth."""

from __future__ import annotations

from FailTaleLibrary.redaction.patterns import Family
from FailTaleLibrary.redaction.values import is_made_up, is_random, is_value, looks_made_up, looks_random

PROSE: Family = (
    (
        "password",
        "pass|token|secret",
        r"(?i)\b(?:temporary|initial|generated|new|default|random|root|admin|one-time|auto-?generated"
        r"|following)\s+(?:[a-z]+\s+){0,2}(?:password|passphrase|passcode|token|secret)\b[^:\n=]*(?::|="
        r"| is)\s+[\"'`]?(?P<secret>[^\s\"'`]+[^\s\"'`.,;])",
        lambda value: is_value(value) and (looks_made_up(value) or (len(value) >= 12 and not value.isalpha())),
    ),
    (
        "password",
        "pass|pwd|pin|secret|token|key|credential",
        r"(?i)\b(?:password|passphrase|passcode|passwd|pwd|pin|secret|token|api[ _-]?key|(?:access|secret"
        r"|private)[ _-]key|credentials?)[\"']?\s+(?:is|was|will be|set to|changed to|reset to|to|now|of|are"
        r"|for (?:\S+ ){1,3}(?:is|to|set to|was))\s*:?\s+[\"'`]?(?P<secret>[^\s\"'`]+[^\s\"'`.,;])",
        is_made_up,
    ),
    (
        "password",
        "pass|pwd|secret|token|key|credential",
        r"(?i)\b(?:with|using|and|the|use|uses|via|has|try|trying|entered|by|wrong|invalid|bad|incorrect|sent"
        r"|got|received|sending)\s+(?:password|passphrase|passwd|pwd|secret|token|api[ -]?key|access key"
        r"|secret key|credentials?)\s+[\"'`(]?(?P<secret>[^\s\"'`]+[^\s\"'`.,;)])",
        lambda value: (
            (is_made_up(value) and looks_random(value))
            or (
                is_made_up(value)
                and len(value) >= 6
                and any(c.isdigit() for c in value)
                and any(c.isalpha() for c in value)
            )
        ),
    ),
    (
        "password",
        "pass|key|token",
        r"(?i)\b(?:password|passphrase|passwd|api[ -]?key|secret key"
        r"|access token)\s+(?:'(?P<secret>[^'\s]{4,})'|\"(?P<secret2>[^\"\s]{4,})\"|`(?P<secret3>[^`\s]{4,})`)",
        is_made_up,
    ),
)

OTHERS: Family = (
    (
        "credential",
        "dockerconfigjson",
        r"(?i)\.dockerconfigjson\\*[\"']?:[ \t]*\\*[\"']?(?P<secret>[A-Za-z0-9+/=]{16,})",
        is_value,
    ),
    (
        "password",
        "login:|credentials:",
        r"(?i)\b(?:login|credentials):[ \t]+\S+[ \t]?/[ \t]?(?P<secret>[^\s/,;]+)",
        is_random,
    ),
    ("token", "otpauth", r"(?i)otpauth://[^\s\"'<>]*?[?&]secret=(?P<secret>[^\s&\"'<>]+)", bool),
    (
        "key",
        "key=|sharedsecretvalue",
        r"(?i)\b(?:AccountKey|SharedAccessKey|SharedSecretValue|PrimaryKey|SecondaryKey)=(?P<secret>[^\s;\"'&<>]+)",
        is_value,
    ),
    ("key", "sharedaccesssignature", r"(?i)\bSharedAccessSignature=?[^\n]*?\bsig=(?P<secret>[^\s;\"'&<>]+)", is_value),
    (
        "cookie",
        "=",
        r"(?i)(?:[?&;]|\b)(?:JSESSIONID|PHPSESSID|ASP\.NET_SessionId|connect\.sid|sessionid|session_id|session"
        r"|sid|laravel_session|_session_id|csrftoken|XSRF-TOKEN|remember_token|auth_token|access_token"
        r"|refresh_token)=(?P<secret>[^\s;,\"'&<>)\\]{8,})",
        lambda value: is_random(value),
    ),
    ("key", "kty", r"(?i)\"kty\".*?\"(?:d|p|q|dp|dq|qi|k)\"\s*:\s*\"(?P<secret>[A-Za-z0-9_=-]{16,})\"", bool),
    (
        "password",
        "</",
        r"(?i)<(?:[\w.-]+:)?(?:[\w.-]*(?:password|passwd|passphrase|secret|token|apikey|api-key|accesskey"
        r"|privatekey|pwd|passwort))\b[^<>]*>\s*(?:<!\[CDATA\[)?(?P<secret>[^<>\s\]][^<>\]]*)(?:\]\]>)?\s*</",
        is_value,
    ),
    (
        "password",
        "&lt;",
        r"(?i)&lt;(?:[\w.-]*(?:password|passwd|passphrase|secret|token|apikey|pwd))\b(?:[^&]"
        r"|&quot;)*&gt;(?P<secret>[^&\s]+)&lt;/",
        is_value,
    ),
    (
        "password",
        "=|:",
        r"(?i)\b(?:name|key|property|field|param|id)\\*[\"']?\s*[=:]\s*\\*[\"'](?:[\w.-]*(?:password|passwd"
        r"|passphrase|secret|token|api_?key|access_?key|private_?key|pwd))\\*[\"']\s*,?\s*\\*[\"']?(?:value"
        r"|default|content|val)\\*[\"']?\s*[=:]\s*\\*[\"'](?P<secret>[^\"'\\]+)",
        is_value,
    ),
    (
        "password",
        "</",
        r"(?i)<(?:entry|property|param|add|setting|string|item)\b[^<>]*(?:name|key|id)=\"[\w.-]*(?:password"
        r"|passwd|passphrase|secret|token|api_?key|pwd)\"[^<>]*>\s*(?P<secret>[^<>\s][^<>]*)</",
        is_value,
    ),
    (
        "password",
        "pass|secret|key|token",
        r"(?i)[(\[{,]\s*(?:\\*[\"'])(?:[\w.-]*(?:password|passwd|passphrase|secret|api_?key|access_token"
        r"|auth_token))(?:\\*[\"'])\s*,\s*(?:\\*[\"'])(?P<secret>[^\"'\\]+)\\*[\"']",
        is_value,
    ),
)

# The only rules that look at more than one line: an environment as Kubernetes writes it.
ACROSS_LINES: Family = (
    (
        "password",
        "",
        r"(?i)\bname:[ \t]*[\"']?[\w.-]*(?:password|passwd|passphrase|secret|token|api_?key|access_?key|_pass)"
        r"[\"']?[ \t]*\n"
        r"[^\n]{0,80}?\bvalue:[ \t]*[\"']?(?P<secret>[^\s\"'#][^\"'\n]*)",
        is_value,
    ),
)
