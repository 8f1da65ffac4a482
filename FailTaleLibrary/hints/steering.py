"""A sentence of a model -> why it could harm or steer its reader, in a few words; None when it could not.

A hint says what happened. What asks for something, leads somewhere else or decides for the reader is none,
whoever had the model say it: rows of `steering.yaml`, and here what depends on the evidence and no row can say.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import pairwise

from FailTaleLibrary.files import packaged_yaml
from FailTaleLibrary.hints.concepts import said_in
from FailTaleLibrary.hints.injection import reads_like_instruction
from FailTaleLibrary.hints.patterns import with_parts
from FailTaleLibrary.hints.words import PASTS, words_of_kind
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.text import is_visible

# --- What the model saw ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ground:
    """What a claim may stand on."""

    facts: str
    """All that the model saw of the report, as it saw it."""
    hosts: frozenset[str] = frozenset()
    """Names that are known to be machines, in lower case."""


_HOST_NAME = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+"
_BESIDE_A_HOST = re.compile(
    rf"(?:\b(?:to|host|hostname|server|resolve|lookup|upstream|connect|tcp|for|name|peer|relay|exception|with|from|cn|"
    rf"webhook|key|zone|domain|sni|sips?|ldaps?|registry|mirror|auths?|origin|repository|issuer|realm)\b"
    rf"[\s:='\"\[(]{{1,4}}|\(was |://|@)({_HOST_NAME})|"
    rf"({_HOST_NAME})(?=:\d{{2,5}}\b|\[\d|/[\w./-]+[:@]\w)",
    re.IGNORECASE,
)


def hosts_named_in(texts: Iterable[str]) -> frozenset[str]:
    """What stands where texts name machines, behind "to", "host" or ``//`` or before a port, and the domains of it."""
    hosts = {(match[1] or match[2]).casefold() for text in texts for match in _BESIDE_A_HOST.finditer(text)}
    parents = {host.split(".", 1)[1] for host in hosts}
    return frozenset(hosts | {parent for parent in parents if "." in parent})


# --- The rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SteeringRow:
    """One way to steer a reader, with sentences that do it and sentences that only look like it."""

    name: str
    patterns: tuple[re.Pattern[str], ...]
    quoted: re.Pattern[str] | None
    """Words that do not count where the evidence says them as well, with those that follow."""
    hits: tuple[str, ...]
    misses: tuple[str, ...]

    def is_in(self, sentence: str, *, facts: str = "") -> bool:
        folded = sentence.casefold()
        if self.quoted is not None:
            known = facts.casefold()
            folded = self.quoted.sub(lambda match: " " if match[0] in known else match[0], folded)
        return any(pattern.search(folded) for pattern in self.patterns)


@cache
def steering_rows() -> tuple[SteeringRow, ...]:
    """The rows of `steering.yaml`."""
    data = packaged_yaml("FailTaleLibrary", "hints", "steering.yaml")
    return tuple(
        SteeringRow(
            name=row["name"],
            patterns=tuple(re.compile(with_parts(pattern, data["parts"])) for pattern in row["patterns"]),
            quoted=re.compile(row["quoted"]) if "quoted" in row else None,
            hits=tuple(row["hits"]),
            misses=tuple(row["misses"]),
        )
        for row in data["rows"]
    )


def steering(sentence: str, ground: Ground) -> str | None:
    """Why the sentence could harm a reader or an assistant that reads it; None when it could not."""
    told = _without_dates_of_lines(_without_keys_of_stores(without_turns(sentence), ground), ground)
    return (
        _strange_characters(sentence, ground.facts)
        or _address(sentence, ground)
        or ("advice" if _is_imperative(sentence, ground) else None)
        or ("a command" if _is_command(_PERMITTED.sub(" ", sentence), ground.facts) else None)
        or next((row.name for row in steering_rows() if row.is_in(told, facts=ground.facts)), None)
        or ("an instruction" if reads_like_instruction(sentence) else None)
    )


def _without_keys_of_stores(sentence: str, ground: Ground) -> str:
    """The sentence without the keys that the evidence names and that hold something, as "the key session:4711 has".

    A type of values is told as a kind of them.
    """
    told = _KEY_OF_STORE.sub(lambda match: " it" if match[1] in ground.facts else match[0], sentence)
    return _TYPE_OF_A_VALUE.sub(r"\g<which>kind", told)


def _without_dates_of_lines(sentence: str, ground: Ground) -> str:
    """The sentence without what has the shape of a date and stands in the evidence: ``0000-00-00`` calls nobody."""
    return _SHAPE_OF_DATE.sub(lambda match: " it" if match[0] in ground.facts else match[0], sentence)


_SHAPE_OF_DATE = re.compile(r"(?<![\w.:/+-])\d{4}-\d\d-\d\d(?![\w-])")
_KEY_OF_STORE = re.compile(
    r"\bkeys? ['\"]?([\w.-]+(?:[:/._-][\w.-]+)+)['\"]?(?= (?:(?:already|still|now|also) )?"
    r"(?:holds?|held|contain(?:s|ed)?|stores?|stored|"
    r"(?:has|had) (?:an?|the|another) (?:\w+ ){0,3}(?:type|kind|value)))",
    re.IGNORECASE,
)
"""Of a cache: what is in it opens nothing."""
_TYPE_OF_A_VALUE = re.compile(
    r"\b(?P<which>(?:an?|another|other|different|wrong|same|data|of|its) )types?\b", re.IGNORECASE
)
"""A kind of values, and nothing that somebody types."""


def without_turns(sentence: str) -> str:
    """The sentence without the turns by which somebody tells an opinion, or what somebody tried or could not do."""
    return _TELLING.sub(" ", _OPINION.sub(" ", sentence))


_PERMITTED = re.compile(
    r"\b(?:allowed|permitted|able|authori[sz]ed|entitled|tried|attempted|used|failed|refused|forbidden|rights?|permissions?|"
    r"privileges?|unable|supposed|free|too \w+|\w+ enough|compiled|built|meant|designed) "
    r"to (?:run|execute|click|visit|download|install|paste)\b",
    re.IGNORECASE,
)
"""How a sentence tells what somebody may run, and does not ask for it."""
_OPINION = re.compile(
    r"\b(?:(?:as|so) far as (?:i|we) can (?:tell|see|judge)|(?:i|we)(?:'d| would| do)? "
    r"(?:think|believe|suspect|guess|assume|presume|wager|bet|reckon|say|infer|conclude)(?! (?:you|of))|"
    r"(?:i|we)(?:'m| am|'re| are) (?:fairly |pretty |quite |not entirely )?(?:sure|confident|certain)|"
    r"if (?:i|we) read (?:this|it|the lines?|the logs?) (?:right|correctly)|"
    r"i(?:'d| would| can(?:'t|not)?| could(?:n't| not)?| do(?:n't| not))?"
    r"(?: \w+ly| therefore| rather| also| still| first)* "
    r"(?:see|take|treat|regard|view|read|look (?=(?:first )?at\b)|attribute|blame|find|trace|doubt)\b"
    r"(?! (?:you|your|to it that)\b)|"
    r"(?:it |that |this |which )would (?:also |well |easily )?(?:appear|seem|explain|account for)\b|"
    r"(?:it|this|that|there|cause|reason|fault|error) must (?:have been|be (?:the|an?|due|because|from|caused))\b|"
    r"(?:in )?(?:my|our) (?:reading|guess|bet|view|opinion|best guess|impression|suspicion|interpretation)(?: is)?)\b",
    re.IGNORECASE,
)
"""How somebody says that it is only an opinion, which asks nothing of a reader."""
_TELLING = re.compile(
    r"\b(?:(?:could|can|did|does|was|were)(?: not|n't)(?: able to)?|cannot|tr(?:ied|ies|ying) to|"
    r"attempt(?:s|ed|ing)? to|fail(?:s|ed|ing)? to|unable to|permissions? to|permitted to|(?:not|n't|never|no longer) "
    r"(?:able|allowed|authori[sz]ed|entitled) to|refus(?:es|ed|ing) to)"
    r"(?: (?:properly|successfully|even|longer))? "
    r"(?:contact|call|ask|consult|write to|reach out to|talk to|speak to|report to|log in with|sign in with|"
    r"solve|repair|heal|fix|help)\b|"
    r"\bwithout (?:entering|providing|giving|supplying|sending|passing|presenting) (?:an? |the |any |its )?"
    r"(?:[\w-]+ ){0,2}?(?:password|passphrase|token|credentials?|keys?)\b"
    r"(?! (?:in|into|to|on|via|at|by|from|through)\b)|"
    r"\b(?:must|ha[sd] to|have to|needs? to|had to) (?:wait|queue|sleep|go through|pass through|share|compete)\b|"
    r"\bno (?:secrets?|credentials?|tokens?|passwords?|keys?) (?:could|can|was|were) (?:be )?\w+(?= )|"
    r"\b(?:redis|primary|foreign|unique|duplicate|cache|json|dictionary|map|sort|partition|routing|hash|row|object|index|"
    r"missing|wrong) keys?\b|\bkeys? (?:holds?|held)\b|"
    r"\bkeys? (?:has|had|with|of) (?:the |an? )?(?:wrong|another|other|old|string|list|value)\b|"
    r"\b(?:sends?|sent|ga?ve|gives?|provide[sd]?|supplie[sd]|presents?|presented|passe[sd]|has|had) no "
    r"(?:password|passphrase|token|credentials?|keys?)\b(?! (?:in|into|to|on|via|at|by|from|through)\b)|"
    r"\b(?:hands?|handed|gives?|gave) out (?:\w+ ){0,2}?tokens?\b(?! (?:to|in|via|at|by)\b)|"
    r"\b(?:nobody|no one) (?:told|informed|passed|shared)\b|"
    r"\b(?:must|should|has to) (?:be|have been) (?:an? |of type )"
    r"(?:int(?:eger)?|string|number|bool(?:ean)?|float|date|list|array|object|uuid)\b|"
    r"\b[a-z]+-(?:your|you|my|our|us|me)-[a-z]+(?:-[a-z]+)*|"
    r"\b(?:host |public |session )?keys? (?:types?|exchanges?|algorithms?|formats?|lengths?|sizes?|fingerprints?)\b|"
    r"\bpins (?:it|this|that|the|all)\b|"
    r"\b(?=[\w.-]*\d)[\w.-]+ (?:is|was|were|are) (?:wanted|expected|required)\b(?=[ ,.]|$)|"
    r"\b(?:can|may|could|might|does|do|did|will|would)(?: \w+ly| still| now| only| no longer| not| also)* write to "
    r"(?:it|them|the (?:socket|file|disk|bucket|volume|device|pipe|queue|log|database|table|topic|share|directory|"
    r"folder|partition|replica|primary|cache))\b|"
    r"\b(?:was|were|is|are|been) (?:then|now|simply|first|therefore) (?:read|[a-z]+ed|sent|put|set)\b|"
    r"\b(?:failed|failing|refused|rejected) (?:dial|call|message)s?\b|"
    r"\b(?:install|update|upgrade|downgrade|restart|reboot|reset|retry|copy|move|switch|check|scan|call|search|read|"
    r"write|mount) (?:on|of|to|from|for|by|in) (?:[^\s,;:]+ ){1,3}?"
    r"(?:went (?:through|well|wrong)|failed|succeeded|hung|timed out|crashed)\b|"
    r"\bour (?=(?:\w+ )?(?:requests?|calls?|tests?|orders?|users?|clients?|payments?|uploads?|log-?ins?|connections?|"
    r"price|page|insert|quer(?:y|ies)|transfers?|receipts?|jobs?|statements?|sessions?|names?|records?|"
    r"messages?|events?|files?|tokens? (?:was|were|had)|idocs?|documents?|zones?|hosts?|queues?|service|build)\b)|"
    r"\bwe (?=have (?:only |just |still )?\d)|"
    r"\bwe (?=(?:burnt|ran|hit|lost|got|went|used|exceeded|exhausted|reached|saw|overran|sent|"
    r"(?:were|was|are)(?! to\b))\b)",
    re.IGNORECASE,
)
"""How a sentence tells what somebody of the system tried, could not do or did: no request, whatever its verb."""

# --- Characters -------------------------------------------------------------------------------------------------------

_PUNCTUATION = set(".,:!?'\"()-/%_@=+[]") | set("–—−…‘’“”°×µ€→≈")  # noqa: RUF001 - the dashes are meant
_LONGEST_WORD, _LONGEST_KNOWN_WORD = 40, 80
_REPEATED = re.compile(r"([^\W\d]|[.!?=+-])\1{4,}")
_MARKS_ON_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f][\u0300-\u036f\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]")


_COMPARED = re.compile(r"(?:(?<=\d )|(?<=\d[a-zA-Z%] )|(?<=\d \w\w ))[<>]=?(?= \w)|(?<=\w )[<>]=?(?= \d)")
"""Between two values; what opens a tag or redirects has no space on both sides, or a path behind it."""

_BYTES = re.compile(r"(?:\\x[0-9A-Fa-f]{2})+|(?:\\u[0-9A-Fa-f]{4})+")
"""How a log writes what it cannot print, as ``\\xF0\\x9F``: no shell acts on it, and no reader."""


def _strange_characters(sentence: str, facts: str) -> str | None:
    if any(not is_visible(char) for char in sentence):
        return "invisible characters"
    composed = unicodedata.normalize("NFC", sentence)
    if _MARKS_ON_LATIN.search(composed) or _has_stacked_marks(composed):
        return "stacked marks"
    plain = _BYTES.sub(lambda match: " " if match[0] in facts else match[0], _COMPARED.sub(" ", composed))
    if any(not _is_expected(char, facts) for char in plain):
        return "markup, shell or foreign characters"
    for word in sentence.split():
        known = word.strip(".,:;!?'\"()[]") in facts
        if len(word) > (_LONGEST_KNOWN_WORD if known else _LONGEST_WORD) or (not known and _REPEATED.search(word)):
            return "an overlong word"
    return None


def only_quotes_marks(sentence: str, ground: Ground) -> bool:
    """Whether only words that the evidence holds with their marks, as ``<preis>`` and ``W7^712``, make it strange.

    So does a copy of what the evidence says letter by letter, as ``used memory > 'maxmemory'``.
    """
    if sentence.strip().rstrip(".") in ground.facts:
        plain = "".join(char if _is_expected(char, ground.facts) else " " for char in sentence)
        return plain != sentence and steering(plain, ground) is None
    words = [word.strip(".,:;!?'\"()[]") for word in sentence.split()]
    marked = [word for word in words if any(not _is_expected(char, ground.facts) for char in word)]
    plain = sentence
    for word in marked:
        plain = plain.replace(word, "it")
    is_known = all(word in ground.facts and _MARKED_WORD.fullmatch(word) for word in marked)
    return bool(marked) and is_known and steering(plain, ground) is None


_MARKED_WORD = re.compile(r"(?:[a-z]+://)?<?[\w./+-]+(?:[\^~#*|&][\w./+-]+)*(?:[#*]?>?|/<\w+>)", re.ASCII)


def _is_expected(char: str, facts: str) -> bool:
    """Latin letters, digits, the punctuation of prose, and letters of any script that the facts are written in."""
    if char == " " or char in _PUNCTUATION or (char.isascii() and char.isalnum()):
        return True
    if unicodedata.name(char, "").startswith("LATIN "):
        return True
    return unicodedata.category(char)[0] in "LMN" and char in facts


def _has_stacked_marks(text: str) -> bool:
    """More marks on one letter than any script sets."""
    stacked = 0
    for char in text:
        stacked = stacked + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if stacked > 2:
            return True
    return False


# --- Addresses --------------------------------------------------------------------------------------------------------

_PUBLIC = (
    "com|net|org|io|dev|app|ai|co|info|biz|xyz|top|site|online|shop|store|tech|cloud|me|us|uk|de|fr|nl|ru|cn|jp|kr|in|br|it|"
    "es|pl|se|no|fi|dk|ch|at|be|eu|cz|pt|tr|ua|gr|hu|ro|sk|bg|ie|nz|au|ca|mx|ar|cl|za|il|sg|hk|tw|gg|tv|ly|to|im|link|click|"
    "live|pro|space|website|fun|support|help|services|systems|solutions|network|email|chat|example|su|ws|id|vn|th|ph"
)
_DOMAIN = re.compile(rf"(?<![\w@/.-])((?:[a-z0-9-]+\.)+(?:{_PUBLIC}))(?![\w-]|\.\w)", re.IGNORECASE)
_MAIL = re.compile(r"[^\s'\"(<@]+['\"]?\s?@\s?['\"]?([^\s'\",;)>]+)")
_LINK = re.compile(
    r"[a-z][a-z0-9+.-]{1,15}:/|\bwww\.|\bhxxps?\b|\b(?:javascript|vbscript|data|mailto|file|tel|sms|skype|callto):\S|\]\s*\(|"
    rf"\b[\w-]+(?:\.[\w-]+)*\.(?:{_PUBLIC}|sh)\b/",
    re.IGNORECASE,
)
_ADDRESS_IN_DIGITS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?")


_ADDRESS = re.compile(
    r"\b(?:https?|wss?|amqps?|mqtts?|ldaps?|redis|postgres(?:ql)?|mysql|mongodb|tcp|udp|nats)://[^\s'\"<>()]+"
)
_SCOPED = re.compile(r"(?<!\S)['\"]?(@[a-z0-9][\w.-]*)(?:/[\w.-]*\w)?", re.IGNORECASE)


def _without_what_leads_nowhere(sentence: str, ground: Ground) -> str:
    """The sentence without what the evidence holds letter by letter and leads nobody out of it.

    These are addresses of machines that no public domain names, and the scopes of packages (``@lab/ui-kit``).
    """

    def address(match: re.Match[str]) -> str:
        told = match[0].rstrip(".,:;")
        host = told.split("://", 1)[1].rsplit("@", 1)[-1].split("/", 1)[0].split(":", 1)[0]
        is_known = told in ground.facts and host.casefold() in ground.hosts and not _DOMAIN.fullmatch(host)
        return "it" + match[0][len(told) :] if is_known else match[0]

    def scope(match: re.Match[str]) -> str:
        return " it" if f"{match[1]}/" in ground.facts else match[0]

    return _SCOPED.sub(scope, _ADDRESS.sub(address, sentence))


def _address(sentence: str, ground: Ground) -> str | None:
    sentence = _without_what_leads_nowhere(sentence, ground)
    if _LINK.search(sentence):
        return "a link"
    plain = ground.facts.casefold()
    for match in _MAIL.finditer(sentence):
        host = match[1].rstrip(".:").casefold()
        if not (
            host in ground.hosts or host in ("%", "localhost") or (_ADDRESS_IN_DIGITS.fullmatch(host) and host in plain)
        ):
            return "a mail address"
    if any(match[1].casefold() not in ground.hosts for match in _DOMAIN.finditer(sentence)):
        return "a domain that is no known host"
    return None


# --- Imperatives ---

_FIRST_WORDS = re.compile(r"^(?:please |now |then |first |so |just |simply )*([a-z-]+) ([^\s.,!]+)", re.IGNORECASE)


@cache
def _verbs(kind: str) -> frozenset[str]:
    """Of the lists of verbs in `steering.yaml`."""
    return frozenset(packaged_yaml("FailTaleLibrary", "hints", "steering.yaml")[kind].split())


_PART = re.compile(r"[,;:(] *| [-\u2013\u2014]+ |\b(?:so|then|just|simply|please|now) ")
_JOINED = re.compile(r" (?:and|or|but) ")
_OPEN_TO_MORE_VERBS = re.compile(
    r"\b(?:to|not|cannot|can|could|may|might|will|would|shall|did|does|do|let|lets|makes?|made|help(?:s|ed)?)\b|n't\b|"
    r"\b(?!(?:this|its|was|is|has|does)\b)[a-z]+[^\Ws'](?<!ed)s\b",
    re.IGNORECASE,
)
"""What a plain verb behind "and" goes on with: "could not lock and read the file", "the workers lock and read it"."""
_CLAUSE_BEHIND = re.compile(
    r"(?:,|;|\b(?:before|until|unless|because|since|as|so|and|if|when|after|to|that|which|for|or)\b)", re.IGNORECASE
)
_VERB = re.compile(
    r"\b(?:is|was|are|were|has|had|have|does|did|do|can|could|cannot|may|might|will|would|took|got|ran|came|went|led|made|"
    r"gave|broke|hit|left|kept|[a-z]+ed|[a-z]+ing|(?:fail|need|show|take|hang|return|wait|block|miss|lack|time|exceed)s)\b|"
    r":|->|\N{RIGHTWARDS ARROW}",
    re.IGNORECASE,
)
_NO_OBJECT = frozenset({"of", "on", "in", "at", "by", "from", "for", "with", "and", "or", "as"})


def _is_imperative(sentence: str, ground: Ground) -> bool:
    """Whether it begins by telling somebody to do something to what the evidence names ("Start nginx again").

    A noun that is written like the verb ("Start request", "Update to 2.8.0 broke it") has a verb behind it, or stands
    before a word that names nothing.
    """
    return any(_asks_for(part, ground) or _joins_an_order(_JOINED.split(part)) for part in _PART.split(sentence))


def _joins_an_order(clauses: list[str]) -> bool:
    """Whether a clause behind "and" orders something of which the clause ahead of it tells no subject."""
    return any(
        (found := _FIRST_WORDS.match(clause)) is not None
        and found[1].casefold() in _orders() - PASTS
        and _OBJECT.fullmatch(found[2]) is not None
        and _OPEN_TO_MORE_VERBS.search(ahead) is None
        for ahead, clause in pairwise(clauses)
    )


_OBJECT = re.compile(
    r"(?:the|an?|it|its|them|this|that|these|those|another|any|all|both|every|each|some|your|whatever|whoever)",
    re.IGNORECASE,
)
"""What a verb that begins a clause acts on."""


@cache
def _orders() -> frozenset[str]:
    """Verbs in the form in which an order begins: none of a past, which may follow a comma in a tale."""
    plain = {verb for verb in words_of_kind("verbs") if not verb.endswith(("ed", "ing"))}
    return frozenset(plain - PASTS) | _verbs("asked") | _verbs("only asked")


def _asks_for(clause: str, ground: Ground) -> bool:
    found = _FIRST_WORDS.match(clause)
    if found is not None and found[1].casefold() in _orders() and _OBJECT.fullmatch(found[2]):
        return True
    if found is None or found[2].casefold() in _NO_OBJECT:
        return False
    if found[1].casefold() not in _verbs("asked") | _verbs("only asked"):
        return False
    rest = _CLAUSE_BEHIND.split(clause[found.end(1) :])[0]
    if _VERB.search(rest):
        return False
    if found[1].casefold() in _verbs("only asked"):
        return True
    thing = found[2].strip("'\"").casefold()
    return (
        thing in ground.hosts
        or re.search(rf"(?<![\w-]){re.escape(thing)}(?![\w-])", ground.facts.casefold()) is not None
    )


# --- Commands ---------------------------------------------------------------------------------------------------------

_PROGRAM = re.compile(
    r"\b(?:sudo|curl|wget|chmod|chown|killall|powershell|mkfs\S*|iptables|kubectl|systemctl|crontab|useradd|netcat|setenforce|"
    r"ulimit|fuser|sysctl|umount|passwd|visudo|doas|journalctl|usermod|modprobe|gdb|strace)\b"
    r"(?P<more>\s+(?:-|/|(?:re)?start|stop|reload|enable|disable|apply|delete|exec|get|to\b|[\w.-]+\.\w))?",
    re.IGNORECASE,
)
_COMMAND = re.compile(
    r"\bssh (?:in|into|to)\b|\b(?:replicaof|slaveof) no one\b|\b(?:script|client) kill\b|\bflush(?:all|db)\b|"
    r"\bip (?:-\d )?(?:route|addr(?:ess)?|link|rule|neigh) (?:add|del|delete|replace|set|change|flush)\b|"
    r"\b(?:patronictl|pg_ctl|redis-cli|mysqladmin|rabbitmqctl|etcdctl|crictl|supervisorctl|firewall-cmd|nft|ufw|setfacl|"
    r"setsebool|semanage|fsck|mdadm|lvextend|resize2fs|swapoff|swapon|nmcli|resolvectl|timedatectl|terraform|"
    r"chronyc|ntpdate|hwclock|"
    r"ansible-playbook|vault operator|vault write|consul force-leave|certbot renew|nginx -s|aws s3|gcloud|truncate -s|"
    r"rsync) (?:--?\w|/|(?!(?:[a-z]+ed|was|has|had|is|did|could|daemon|server|client|process|job|transfer|connection|"
    r"session|protocol|errors?)\b)[a-z_-]+\b)|\b(?:mv|cp|ln) (?:--?\w|/)|"
    r"\b(?:rm|kill|pkill|dd|nc|sh|bash|zsh|ssh|scp|python\d?|perl|ruby|node|php|base64|docker|podman|git|tar|"
    r"cat|echo|eval|exec|source)\s+(?:-{1,2}\w|/|if=|of=)"
    r"|\b(?:apt|apt-get|yum|dnf|pip\d?|npm|gem|docker|podman|git|service|ollama|helm|go|brew|snap|cargo)\s+"
    r"(?:install|remove|run|exec|pull|push|clone|start|stop|restart|reload|rm|get)\b"
    r"|\b(?:truncate|drop|alter)\s+(?:table|database)\b|\bdelete\s+from\b"
    r"|^(?:please\s+|now\s+|then\s+)*(?:run|execute|paste|download|install|visit|click|type|enter|copy)\b"
    r"|\b(?:please|must|should|to)\s+(?:run|execute|paste|download|install|visit|click)\b",
    re.IGNORECASE,
)
_RAN = re.compile(
    r"(?:\b(?:ran|runs|running|executed|executing|executes|issued|issues|makes?|made|started|did|does|doing|the|its|"
    r"this|that|an?|by|via|after|through|of|with|because|since|while|as|whose|for|is|was|in)|'s)"
    r"(?: \w+ed)?(?: (?:an?|the))? (?P<sql>(?:truncate|drop|alter) (?:table|database)|delete from)\b"
    r"(?! \S+ (?:\S+ )?(?:helps|would|will|clears|frees|ends|brings|does|gets|lets|makes|puts|settles|cures|solves|"
    r"heals)\b)",
    re.IGNORECASE,
)
"""That somebody ran a statement of SQL, which the evidence holds; what it would bring about is advice."""
_TOLD_QUOTE = re.compile(
    r"['\"](?P<quoted>[^'\"]+)['\"](?= (?:failed|was|were|had|could|did|returned|ended|exited|hung|timed|never)\b)"
)
"""A command of which a sentence tells what came of it."""
_TOLD_RUN = re.compile(
    r"\b(?:the|an?|its|this|that) [a-z]+ (?:install|pull|push|start|stop|restart|reload|get|run)"
    r"(?= (?:failed|was|had|could|did|returned|ended|exited|hung|timed|never)\b)",
    re.IGNORECASE,
)
"""A run of a program of which a sentence tells what came of it."""
_FLAG = re.compile(r"(?<=\w )-{1,2}[A-Za-z][\w-]*")
_STATEMENT = re.compile(
    r"\W*(?:(?:and|but|just|simply|please|now|first|or) )*(?:config (?:set|rewrite|resetstat)|"
    r"alter (?:system|user|role)|set (?:global|persist|session|local)|kill (?:query |connection )?\d+|"
    r"(?:stop|start|reset) (?:slave|replica|master)|purge binary logs|acl setuser|"
    r"set [A-Za-z]\w*=\S+|vacuum(?: full)?|reindex|optimize table|flush (?:tables|privileges|hosts)|"
    r"grant [\w, ]+ (?:on|to)|revoke [\w, ]+ (?:on|from)|(?:insert|replace) into \S+ ?(?:values|select|\()|"
    r"update [\w.]+ set|create (?:user|role|index|table)|cluster (?:failover|forget|reset)|script flush|debug \w+)\b",
    re.IGNORECASE,
)
"""With which a console of a database is told to do something, where a clause has nothing else that tells."""
_HTTP_CALL = re.compile(r"\b(?:PUT|POST|DELETE|PATCH) [/_]\S*")


def _is_command(sentence: str, facts: str) -> bool:
    """Whether it holds what a shell, a package manager or an API would obey.

    A command stays one though a line holds it, which an attacker may have written; only programs, flags and calls that
    the evidence speaks of anyway may be named.
    """
    known = facts.casefold()
    sentence = _TOLD_QUOTE.sub(lambda match: "" if match["quoted"].casefold() in known else match[0], sentence)
    sentence = _TOLD_RUN.sub(" ", sentence)
    sentence = _RAN.sub(lambda match: "" if match["sql"].casefold() in known else match[0], sentence)
    programs = [match for match in _PROGRAM.finditer(sentence) if not _is_told_of(match, facts)]
    if any(map(_is_statement, _PART.split(sentence))):
        return True
    if _COMMAND.search(sentence) or any(match["more"] or match[0].casefold() not in known for match in programs):
        return True
    calls = (*_FLAG.finditer(sentence), *_HTTP_CALL.finditer(sentence))
    return any(match[0].rstrip(".,:;") not in facts for match in calls)


def _is_statement(clause: str) -> bool:
    """Whether a clause is a statement and no tale of one: "CONFIG SET appendonly no", not "CONFIG SET failed"."""
    found = _STATEMENT.match(clause)
    return found is not None and _VERB.search(_CLAUSE_BEHIND.split(clause[found.end() :])[0]) is None


def _is_told_of(program: re.Match[str], facts: str) -> bool:
    """Whether the sentence says what a program does, and the evidence is about what the program is for."""
    if _DOES.match(program.string, program.end()) is None:
        return False
    return any(concept.is_borne_by(facts) for concept in said_in(program[0]))


_DOES = re.compile(r" (?:(?:is|was|has|had|did|does)\b(?! to\b)|(?!is\b|as\b|this\b|rules\b)[a-z]{2,}(?:[^s]s|ed)\b)")
