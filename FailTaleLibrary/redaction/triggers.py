"""One expression over everything, which finds the lines that are worth a second look; no rule runs on the others.

A new rule needs its trigger here; the tests of shapes fail when it has none.
"""

from __future__ import annotations

from functools import cache

from FailTaleLibrary.redaction.assignments import STEMS
from FailTaleLibrary.redaction.patterns import Pattern, compiled
from FailTaleLibrary.redaction.provider_tokens import PREFIXES, WEAK_PREFIXES

_COMMANDS = (
    r"(?:curl|wget|https?|xh|ab|hey|smbclient|rpcclient|net|nmblookup|winexe|lftp|ncftp|svn|mosquitto|mysql"
    r"|mariadb|mongo|xtrabackup"
    r"|sqlcmd|isql|bcp|tsql|7z|racadm|smbmap|unrar|rar|docker|podman|buildah|skopeo|helm|oc|az|cqlsh"
    r"|rabbitmqadmin|snmp|kinit|zip|openssl|p4|htpasswd"
    r"|unzip|redis-|ipmitool|ldap)"
)
_SALTED = (
    r"\$(?:apr1|y|gy|7|1|2[abxy]?|5|6|sha1|md5|argon2[id]*|scrypt|pbkdf2[a-z0-9-]*|p|h|s|8|9|14"
    r"|bcrypt-sha256)\$"
)
_TRIGGERS = "|".join(
    (
        r"(?:" + STEMS + r")[a-z0-9_.$-]*(?:\\*(?:[\"'`]|&quot;|&#3[49];|u0022))?\]?[ \t]{0,20}(?:=|:|%3d|%3a)",
        r"passw|passphrase|passcode|\bpwd\b|secret|api.?key|\btoken[ \t]|credential|requirepass|masterauth"
        r"|bindpw|rootpw|community|psk\b|pre-shared|dockerconfigjson|\blogin:",
        r"authorization|bearer|basic[ \t]|negotiate[ \t]|auth[-_ \"]|signature|x-[a-z0-9-]*(?:key|token|session)",
        r":(?:\\?/){2}[^\s\"'<>]*@|%3a%2f%2f|@(?:tcp|unix|udp)\(|webhook|hooks|api\.telegram|logic\.azure"
        r"|chat\.google",
        r"(?:[?&;]|%26|%3f)(?:amp;)?(?:key|sig|code|state|auth|hash|x-amz|x-goog|awsa|sid|otp|ticket|assertion"
        r"|saml|id_token|hmac|k)[a-z_-]{0,30}(?:=|%3d)",
        r"identified|sp_addlogin|crypt|"
        + _SALTED
        + r"|\{[a-z0-9-]{3,14}\}[^\s]{6}|scram-sha|pbkdf2|scrypt|argon2|md5[0-9a-f]{32}",
        r"\*[0-9a-f]{40}|:[0-9a-f]{32}:|^[a-z_][\w.-]*:[./0-9a-z]{13}:\d*:",
        r"sshpass|rabbitmqctl|--?[a-z-]{0,30}(?:pass|token|key|auth|user)|\b"
        + _COMMANDS
        + r"[a-z_-]*\b.*[ \t\"',]-[a-z]{0,6}[pauwxsck]|-u[ \t]*[\"']?[^\s%\"']+%",
        r"\bpass |accountkey|\"kty\"|<<<|\|[ \t]*(?:sudo|chpasswd|passwd)",
    )
)
_CASED_TRIGGERS = r"\b(?:" + PREFIXES + "|" + WEAK_PREFIXES + ")"


@cache
def triggers() -> Pattern:
    """The compiled expression, once per process."""
    return compiled(f"(?im){_TRIGGERS}|(?-i:{_CASED_TRIGGERS})".encode())
