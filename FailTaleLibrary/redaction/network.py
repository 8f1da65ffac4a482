"""Headers of HTTP and addresses with credentials: what the rules for them look for."""

from __future__ import annotations

from FailTaleLibrary.redaction.patterns import Family
from FailTaleLibrary.redaction.values import is_made_up, is_random, is_value, looks_random

_Q = r"(?:\\*[\"'`]|&quot;|&#3[49];)?"  # an optional quote, escaped at any depth
_ARROW = r"[ \t]{0,8}(?::|=>|=|%3[aA])[ \t]{0,8}"
_WORD = r"[^\s\"'`\\<>&;,]"

HEADERS: Family = (
    (
        "header",
        "auth",
        r"(?i)\b(?:proxy-?|x-)?(?:authorization|auth)(?:\\*[\"'`\]]|&quot;)?"
        + _ARROW
        + r"[\[(]?"
        + _Q
        + r"(?:bearer|basic|token|apikey|api-key|key|negotiate|ntlm|splunk|bot|jwt|ssws|genie[kK]ey|hawk|oauth"
        r"|pbasic|shared\s?key|sharedkeylite|sharedaccesssignature|aws|goog1)"
        r"[ \t:=]{1,4}\\?[\"']?(?:token=)?\\?[\"']?(?P<secret>[^\s\"'`<>\\,;&)\]]+)",
        lambda value: (is_value(value) and "=" not in value.rstrip("=")[:12]) or looks_random(value),
    ),
    (
        "header",
        "authorization|digest",
        r"(?i)(?:authorization|digest)\b.*?\b(?:response|signature|oauth_signature|oauth_token|mac"
        r"|cnonce)=\\*[\"']?(?P<secret>[^\s\"'\\,;]{6,})",
        is_value,
    ),
    (
        "header",
        "bearer|token|basic|apikey|api-key|negotiate",
        r"(?i)\b(?:bearer|token|basic|api-?key|negotiate)[ \t]+(?P<secret>[a-z0-9._~+/|:-]{12,}=*)",
        is_random,
    ),
    (
        "header",
        "x-",
        r"(?i)\bx-(?:[a-z0-9]+-){0,5}(?:token|key|secret|password|auth|signature|credentials?|session|apikey"
        r"|session-?id)" + _Q + r"\]?" + _ARROW + r"[\[(]?" + _Q + r"(?:sha\d+=)?(?P<secret>" + _WORD + r"{4,})",
        lambda value: is_value(value) and (len(value) >= 12 or is_made_up(value)),
    ),
    (
        "header",
        "-token|-key|apikey|api-key|xc-auth",
        r"(?i)\b(?:(?:private|job|deploy|circle|access|auth|csrf|xsrf|x-csrf|vault|api|apikey|functions"
        r"|ocp-apim-subscription|dd-api|dd-application)-(?:token|key)|apikey|api-?key|sec-websocket-key|xc-auth"
        r"|rapidapi-key)" + _Q + r"\]?" + _ARROW + r"[\[(]?" + _Q + r"(?P<secret>" + _WORD + r"{6,})",
        lambda value: is_value(value) and (len(value) >= 12 or is_made_up(value)),
    ),
)

URLS: Family = (
    # scheme://user:password@host, also with an empty user; the password ends at the last @ before the path.
    (
        "url",
        "://|:\\/\\/",
        r"(?i)\b[a-z][a-z0-9+.-]+:(?:\\?/){2}[^\s:/?#\[\]@\"'<>\\]*:(?P<secret>[^\s/\"'<>\\`]+)@",
        is_value,
    ),
    (
        "url",
        "://|:\\/\\/",
        r"(?i)\b[a-z][a-z0-9+.-]+:(?:\\?/){2}[^\s:/?#\[\]@\"'<>\\]*:(?P<secret>[^\s@\"'<>\\`?]+)@(?:[a-z0-9-]+\.)*[a-z0-9-]+(?::\d+)?(?:[/?\s\"']|$)",
        lambda value: is_value(value) and not value.split("/")[0].isdigit(),
    ),
    ("url", "%3a%2f%2f", r"(?i)%3a%2f%2f[^\s:/?#&@\"'<>]*(?:%3a)(?P<secret>[^\s/?#&@\"'<>]+?)%40", is_value),
    ("url", "://", r"(?i)\b(?:https?|git|ssh|ftp)://(?P<secret>[a-z0-9_-]{16,})(?::x-oauth-basic|:)?@", is_random),
    (
        "url",
        "@tcp(|@unix(|@udp(",
        r"(?:^|[\s\"'=(])[A-Za-z0-9_.%-]+:(?P<secret>[^\s@:/\"'<>]+)@(?:tcp|unix|udp)\(",
        is_value,
    ),
    (
        "url",
        "hook|telegram|googleapis|mattermost",
        r"(?i)(?:hooks\.slack\.com/(?:services|workflows|triggers)/"
        r"|discord(?:app)?\.com/api/webhooks/|\.webhook\.office\.com/webhookb2/"
        r"|outlook\.office(?:365)?\.com/webhook/"
        r"|api\.telegram\.org/bot|hooks\.zapier\.com/hooks/catch/|chat\.googleapis\.com/v1/spaces/"
        r"|mattermost[^\s/]*/hooks/)(?P<secret>[^\s\"'<>\\)]{10,})",
        bool,
    ),
    ("url", "logic.azure", r"(?i)\blogic\.azure\.com[^\s\"']*[?&]sig=(?P<secret>[^\s\"'<>&]+)", bool),
    # Query parameters whose name alone would say too little.
    (
        "url",
        "?|&|%26|%3f",
        r"(?i)(?:[?&]|&amp;|%26|%3f)(?:key|sig|code|state|auth|hash|signature|x-amz-signature|x-amz-credential"
        r"|x-amz-security-token|x-goog-signature|awsaccesskeyid|apikey|sid|otp|ticket|assertion|saml(?:request"
        r"|response)|id_token_hint|code_verifier|hmac|k)(?:=|%3d)(?P<secret>[^\s&\"'<>#;\\)]{6,})",
        lambda value: is_value(value) and (looks_random(value) or looks_random(value.replace("%", ""))),
    ),
)
