"""Secrets on command lines and in the words of configuration files that have no separator."""

from __future__ import annotations

from FailTaleLibrary.redaction.patterns import Family
from FailTaleLibrary.redaction.values import is_made_up, is_value

_ARG = (
    r"(?:\\*\"(?P<secret>[^\"\\\n]+)|\\*'(?P<secret2>[^'\\\n]+)"
    r"|(?P<secret3>[^\s\"'\\<>|;&)\]},-][^\s\"'\\<>|;)\]},]*))"
)
_FLAG = (
    r"(?i)(?:^|[\s\"'\[(,])--?(?:[a-z0-9]+[-_])*(?:password|passwd|passphrase|pass|pwd|pw|secret|token"
    r"|api[-_]?key|apikey|(?:access|secret|private|auth|account|master|encryption)[-_]?key|credentials?|bearer"
    r"|client-secret|psk|auth-?token)"
)
TOOLS: Family = (
    (
        "command line",
        "mongo|zip|p4|openssl|snmp|cqlsh|rabbitmqadmin",
        r"(?:^|[\s/\"';])(?:mongo\w*|cqlsh|zip|p4|openssl|snmp\w+|rabbitmqadmin)[ \t](?:[^|\n]*[ \t])?-[pPkc][ \t]+"
        r"[\"']?(?P<secret>[^\s\"'|-][^\s\"'|]*)",
        is_made_up,
    ),
    (
        "command line",
        "htpasswd|rabbitmqctl",
        r"\bhtpasswd[ \t]+-[a-zA-Z]*b[a-zA-Z]*[ \t]+(?:\S+[ \t]+){1,2}(?P<secret>\S+)[ \t]*$"
        r"|\brabbitmqctl[ \t](?:[^|\n]*[ \t])?(?:add_user|change_password|authenticate_user)"
        r"[ \t]+\S+[ \t]+(?P<secret2>\S+)",
        is_value,
    ),
    (
        "password",
        "psk|pre-shared-key|insecure-password|stats auth",
        r"(?i)\b(?:wpa-psk|pre-shared-key|insecure-password|stats auth [^\s:]+:)[ \t]*[\"']?(?P<secret>[^\s\"'=:]+)",
        is_made_up,
    ),
    ("command line", "-p|-s|-t|-c|-b|-a|_p|_s|_t|-k", _FLAG + r"(?:[\"'],?[ \t]+|[ \t]+)" + _ARG, is_value),
    ("command line", "sshpass", r"(?i)\bsshpass\s+(?:-[vef]\S*\s+)*-p[ \t]*" + _ARG, is_value),
    (
        "command line",
        "curl|wget|http|smb|rpc|net|nmb|winexe|ftp|svn|mosquitto|xh|ab|hey",
        r"(?i)\b(?:curl|wget|http|https|httpie|xh|ab|hey|smbclient|rpcclient|net|nmblookup|winexe|lftp|ncftp\w*"
        r"|svn|mosquitto_\w+|http_proxy)\b[^|\n]*?[\s\"',](?:-[a-zA-Z]{0,6}[uUaA]|--user|--proxy-user|--auth"
        r"|--authentication|--userpwd)(?:[ \t=]|[\"'],?[ \t]*)?[\"']?[^\s:\"'/,]*[:%](?P<secret>[^\s\"'|,]+)",
        is_value,
    ),
    (
        "command line",
        "-user",
        r"(?i)(?:^|[\s\"',])(?:--user|--proxy-user|--userpwd)(?:[ \t=]"
        r"|[\"'],[ \t]*)[\"']?[^\s:\"'/,]+:(?P<secret>[^\s\"'|,]+)",
        is_value,
    ),
    (
        "command line",
        "mysql|mariadb|mongo|xtrabackup|sqlcmd|isql|bcp|tsql|7z|racadm|smbmap|rar",
        r"(?:^|[\s/\"';])(?:mysql\w*|mariadb[\w-]*|mongo\w*|mysqladmin|mysqldump|xtrabackup|sqlcmd|isql|bcp|tsql"
        r"|7z\w*|racadm|smbmap|unrar|rar)\b[^|\n]*?[\s\"']-(?:p|P)(?P<secret>[^\s\"'|-][^\s\"'|]{3,})",
        lambda value: (
            is_value(value)
            and not value.isdigit()
            and not value.lower().startswith(("ort", "rotocol", "refix", "rofile", "rint", "retty", "ath", "lugin"))
        ),
    ),
    ("command line", "mysql", r"(?:^|[\s/\"';])mysql\w*\b[^|\n]*?\s-p(?P<secret>[^\s\"'|]+)", is_value),
    (
        "command line",
        "mysql",
        r"(?:^|[\s/\"';])mysql\w*\b[^|\n]*?\s-p(?:'(?P<secret>[^'\n]+)'|\"(?P<secret2>[^\"\n]+)\")",
        is_value,
    ),
    (
        "command line",
        "mongo|docker|podman|buildah|skopeo|helm|oc|az|cqlsh|rabbitmqadmin|snmp|kinit|zip",
        r"(?:^|[\s/\"';])(?:mongo\w*|mongosh|docker|podman|buildah|skopeo|helm|oc|az|cqlsh|rabbitmqadmin|snmp\w+"
        r"|kinit|unzip|zip)\b[^|\n]*?(?:\slogin\b[^|\n]*?\s|(?:mongo\w*|cqlsh|rabbitmqadmin|zip"
        r"|az)\b[^|\n]*?\s)-[pP][ \t]+[\"']?(?P<secret>[^\s\"'|-][^\s\"'|]*)",
        lambda value: is_value(value) and not value.isdigit(),
    ),
    (
        "command line",
        "redis-|snmp|ipmitool",
        r"(?:^|[\s/\"';])(?:redis-cli|redis-benchmark|snmp\w+"
        r"|ipmitool)\b[^|\n]*?\s-[aAXP][ \t]+[\"']?(?P<secret>[^\s\"'|-][^\s\"'|]*)",
        lambda value: is_value(value) and value not in ("SHA", "MD5", "AES", "DES", "SHA-256", "AES128", "AES256"),
    ),
    (
        "command line",
        "ldap",
        r"(?:^|[\s/\"';])(?:ldap(?:search|modify|add|delete|whoami|passwd|compare"
        r"|modrdn))\b[^|\n]*?\s-[ws][ \t]*[\"']?(?P<secret>[^\s\"'|]+)",
        lambda value: is_value(value) and value not in ("base", "sub", "one", "children"),
    ),
    (
        "command line",
        "pass",
        r"(?i)\b(?:pass|passin|passout|srcstorepass|storepass|keypass|deststorepass"
        r"|destkeypass):?(?:[ \t]+(?:pass:)?|:)(?P<secret>[^\s\"'|:]{4,})(?:\s|$|[\"'])",
        lambda value: is_made_up(value) and not value.startswith(("file:", "env:", "stdin")),
    ),
    (
        "command line",
        "pass",
        r"(?i)-(?:pass|passin|passout|srcstorepass|storepass|keypass|deststorepass"
        r"|destkeypass)[ \t]+(?:pass:)?(?P<secret>[^\s\"'|-][^\s\"'|]*)",
        lambda value: is_value(value) and not value.startswith(("file:", "env:", "stdin", "fd:")),
    ),
    ("command line", "-u", r"(?i)-U[ \t]*[\"']?[^\s%\"']+%(?P<secret>[^\s\"']+)", is_value),
    (
        "command line",
        "<<<|echo",
        r"(?i)\b(?:chpasswd|passwd)\b.{0,20}<<<\s*[\"']?[\w.-]+:(?P<secret>[^\s\"']+)|\becho\s+[\"']?(?:[\w.-]+:)?(?P<secret2>[^\s\"'|]+)[\"']?\s*\|\s*(?:sudo\s+-S|(?:sudo\s+)?chpasswd|(?:sudo\s+)?passwd\b|[^|\n]*--password-stdin)",
        is_value,
    ),
    (
        "password",
        "bindpw|rootpw|requirepass|master|auth|rpcpass|credential|psk|secret|passphrase|ppp|community|com2sec",
        r"(?i)(?:^|[\s\"'>;,])(?:bindpw|rootpw|requirepass|masterauth|masterpass|sentinel auth-pass \S+"
        r"|auth-pass|auth_pass|smtp_auth_pass|rpcpassword|credentials|wpa_passphrase|psk|secret|ppp_password"
        r"|snmp-community|community|rocommunity|rwcommunity"
        r"|com2sec\s+\S+\s+\S+)[ \t]+[\"']?(?P<secret>[^\s\"'=:,;][^\s\"',;]*)",
        lambda value: is_made_up(value),
    ),
    (
        "password",
        "bindpw|rootpw|requirepass|master|auth-pass|community",
        r"(?i)(?:^|[\s\"'>;,])(?:bindpw|rootpw|requirepass|masterauth|masterpass|auth-pass|rocommunity"
        r"|rwcommunity)[ \t]+[\"']?(?P<secret>[^\s\"'=:,;][^\s\"',;]*)",
        is_value,
    ),
    (
        "password",
        "pass|secret",
        r"(?i)\b(?:login|user|username)[ \t]+\S+[ \t]+(?:password|passwd|pass"
        r"|secret)[ \t]+[\"']?(?P<secret>[^\s\"']+)",
        is_value,
    ),
    (
        "password",
        "passw",
        r"^[ \t]*(?:password"
        r"|passwd)[ \t]+[\"']?(?P<secret>[^\s\"'=:]+)[\"']?[ \t]*$",
        is_made_up,
    ),
    (
        "password",
        "password|secret",
        r"(?i)\b(?:username|user|enable|line)\b[^\n]*\b(?:password|secret)[ \t]+[05789][ \t]+(?P<secret>\S+)",
        is_value,
    ),
    (
        "password",
        "pass|auth",
        r"(?:^|[\s:>])(?:PASS|AUTH PLAIN|AUTH LOGIN|AUTH XOAUTH2|AUTHENTICATE PLAIN|AUTH)[ \t]+(?P<secret>[^\s:"
        r"|(\[]{5,})[\"']?[ \t]*$",
        is_made_up,
    ),
    (
        "password",
        '"auth"|"config"',
        r"(?i)\"auth\"\s+(?:\"[^\"]+\"\s+)?\"(?P<secret>[^\"]+)\"|\"config\"\s+\"set\"\s+\"(?:requirepass"
        r"|masterauth)\"\s+\"(?P<secret2>[^\"]+)\"",
        is_value,
    ),
)
