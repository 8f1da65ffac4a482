"""The rules for what stands within one line, compiled: what each removes and on which lines it is worth a search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from FailTaleLibrary.redaction.assignments import STEMS
from FailTaleLibrary.redaction.command_lines import TOOLS
from FailTaleLibrary.redaction.documents import ACROSS_LINES, OTHERS, PROSE
from FailTaleLibrary.redaction.network import HEADERS, URLS
from FailTaleLibrary.redaction.patterns import Check, Family, Pattern, compiled
from FailTaleLibrary.redaction.provider_tokens import PREFIXES, PROVIDERS, WEAK_PREFIXES
from FailTaleLibrary.redaction.spans import Span, only_tokens
from FailTaleLibrary.redaction.stored import HASHES, SQL

# --- One expression over everything, which finds the lines that are worth a second look; no rule runs on the o

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


# --- The rules for what stands within one line, compiled: what each removes and on which lines it is worth a s


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled rule; ``groups`` are the numbers of its groups named secret…, ``hints`` as in `Family`."""

    name: str
    hints: frozenset[bytes]
    pattern: Pattern
    groups: tuple[int, ...]
    is_secret: Check

    def spans(self, data: bytes, start: int, end: int) -> Iterator[Span]:
        """The secrets between two offsets of the text."""
        for match in self.pattern.finditer(data, start, end):
            for group in self.groups:
                first, last = match.span(group)
                if first >= 0 and first < last and self._removes(data[first:last]):
                    yield Span(first, last, self.name)

    def _removes(self, value: bytes) -> bool:
        return not only_tokens(value) and self.is_secret(value.decode("utf-8", "replace"))


def rule(name: str, pattern: str | bytes, is_secret: Check = bool, *, hints: str = "") -> Rule:
    """A compiled rule; raises re2.error when RE2 does not take the expression."""
    expression = compiled(pattern)
    named = {group if isinstance(group, str) else group.decode(): at for group, at in expression.groupindex.items()}
    groups = tuple(number for group, number in named.items() if group.startswith("secret"))
    return Rule(name, frozenset(hints.encode().split(b"|")), expression, groups, is_secret)


@cache
def line_rules() -> tuple[Rule, ...]:
    """All rules for lines, compiled once per process; the order decides which name a doubly hit place bears."""
    return _compiled((*HEADERS, *URLS, *PROVIDERS, *HASHES, *SQL, *TOOLS, *PROSE, *OTHERS))


@cache
def rules_across_lines() -> tuple[Rule, ...]:
    """The rules for the whole text."""
    return _compiled(ACROSS_LINES)


def _compiled(family: Family) -> tuple[Rule, ...]:
    return tuple(rule(name, f"(?m){pattern}".encode(), check, hints=hints) for name, hints, pattern, check in family)


@cache
def _hints() -> frozenset[bytes]:
    return frozenset[bytes]().union(*(line_rule.hints for line_rule in line_rules()))


def rules_for(line: bytes) -> Iterator[Rule]:
    """The rules that are worth a search in this line."""
    lowered = line.lower()
    present = {hint for hint in _hints() if hint in lowered}
    return (line_rule for line_rule in line_rules() if not line_rule.hints.isdisjoint(present))
