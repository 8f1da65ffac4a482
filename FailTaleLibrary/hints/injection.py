# ruff: noqa: RUF001 - letters that look Latin and are not are what this module is about
"""A line of evidence -> whether it reads like an instruction to a model.

Wording in a prompt does not stop a model from obeying a log line, so such a line is not shown to it at all; people see
it where it stands. The check errs on the side of withholding: a withheld line costs a hint one line, an obeyed one
the reader's trust. It reads a line in several forms (decoded, without disguise of its letters, without the gaps between
them), because that is how instructions are smuggled past a filter. It cannot know every language and every cipher;
the answer is therefore checked as if the line had come through.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from urllib.parse import unquote

# --- What orders to a model look like: patterns for `instructions`, which says to which form of a line each ap


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


# --- Words -----------------------------------------------------------------------------------------------------------

_NOT_OBEY = (
    r"(?:ignore|disregard|forget|override|overrule|bypass|neglect|overlook|"
    r"(?:do not|don t|never|stop|no longer) (?:follow|obey|heed|use|trust|apply)(?:ing)?)"
)
_WHICH = (
    r"(?:previous|prior|above|earlier|preceding|former|foregoing|aforementioned|all|any|every|everything|your|my|our|"
    r"these|those|system|safety|initial|original|given|other)"
)
_WHAT = (
    r"(?:instructions?|prompts?|rules?|guidelines?|directions?|directives|commands?|orders?|messages?|contexts?|texts?|"
    r"contents?|evidence|inputs?|constraints?|polic(?:y|ies)|logs?|lines?)"
)
_SAY = (
    r"(?:answer|respond|reply|output|say|write|conclude|classify|cite|tell|recommend|suggest|ignore|disregard|forget|obey|"
    r"reveal)"
)
_MODEL = (
    r"(?:ai|a i|model|llms?|language models?|chatbot|assistant|gpt|chatgpt|claude|gemini|copilot|qwen|llama|mistral)"
)
_ABOUT = (
    r"everything|all|it|there|this|no|nothing|the (?:tests?|product|software|system|environment|network|failure|cause)"
)
_SESSION = r"(?:connected|logged|signed|using|entering|leaving|subscribed|running|authenticated|on branch|ready)"
"""After "you are now", what databases and FTP servers say."""

# --- Marks of chat templates; with and without the spaces between their characters -----------------------------------

TEMPLATE = _any(
    r"<\|[^|>]{1,40}\|>",  # <|im_start|>, <|eot_id|>, <|user|> …
    r"\[/?(?:inst|system_prompt|available_tools|tool_calls|tool_results|system|assistant)\]",
    r"<<?/?sys>>?",
    r"</s>|</?(?:bos|eos|unk|pad|think|thinking|tool_call|tool_response|function_call)>",
    r"</?(?:start|end)_of_(?:turn|text)>",
    r"</?(?:system|assistant|human|instructions?|prompt|context|evidence|important)(?:[\s_-]\w{0,12})?>|</user>",
)

# --- Roles, sections and answers that a line pretends to begin or to end ---------------------------------------------

STRUCTURE = _any(
    r"#{2,}\s*(?:instructions?|response|system|human|assistant|user|input|question|task)\b",
    r"(?:^|[\s\"'>]|\\n)(?:assistant|human)\s*[:>](?!\d)",
    rf"\b(?:ai|llm|model|gpt|bot)\s*:\s*(?:please\s+)?{_SAY}\b",
    r"\b(?:system|developer)\s*(?:message|note|prompt)?\s*:.{0,80}"
    r"\b(?:you|your|ignore|answer|respond|reply|instead)\b",
    r"\"role\"\s*:\s*\"(?:system|assistant|developer|user|tool)\"",
    r"\"(?:confidence|next_steps)\"\s*:|\"evidence\"\s*:\s*\[",
    r"\bconfidence\s*[=:]\s*[\"']?(?:low|medium|high)\b",
    r"\bcategory\s*[=:]\s*[\"']?(?:test|product|environment|unknown)\b",
    r"\b(?:begin|end|start)\s+(?:of\s+)?(?:the\s+)?(?:system\s+)?"
    r"(?:prompt|instructions?|evidence|logs?|context)\s*(?:[-=#*\]>.]|$)",
    r"<<<+\s*\w+\s*>>>+",
    r"[-=#*]{3,}\s*(?:begin|end|new)\s+(?:system|prompt|instructions?|evidence|task)",
    r"\b(?:curl|wget)\b[^|]{0,300}\|\s*(?:sudo\s+)?\w{0,3}sh\b",
)

# --- Phrases; words with one space between them, accents and disguises off -------------------------------------------

_ENGLISH = (
    rf"\b{_NOT_OBEY} (?:\w+ ){{0,4}}{_WHICH} (?:\w+ ){{0,4}}{_WHAT}\b",
    rf"\b{_NOT_OBEY} (?:\w+ ){{0,3}}(?:instructions?|prompts?)\b",
    rf"\b{_NOT_OBEY} (?:the |your |my )?(?:guidelines|rules you)\b",
    r"\b(?:previous|prior|above|earlier|preceding|your|new|these|following|system) "
    r"(?:instructions?|directives|prompts?|guidelines)\b|\b(?:instructions?|prompts?) (?:above|below)\b",
    r"\b(?:system|instruction|prompt) override\b",
    rf"\b{_NOT_OBEY} (?:everything|all|anything|what(?:ever)?) (?:\w+ ){{0,3}}"
    r"(?:above|before|previously|earlier|told|said)\b",
    rf"\byou (?:are|re) now (?!{_SESSION})\w",
    r"\bfrom now on (?:you|answer|respond|reply|act|only|always|say)\b",
    r"\b(?:act|behave|respond|speak|pose) as (?:a |an |the |if |my )",
    r"\b(?:act|behave|speak|talk|answer|write) like (?:a|an|the)\b",
    r"\byou (?:are|re) (?:an?|the) \w+|\b(?:could|would|can) you (?:please |kindly )?\w+",
    r"\bpretend (?:to be|that you|you)\b|\brole ?play\b|\bjailbreak",
    r"\b(?:developer|dan|god|debug|admin) mode (?:enabled|on|activated)\b",
    r"(?<!to )(?<!not )(?<! t )\b(?:answer|respond|reply) (?:\w+ )?(?:with|in|as|by|that|exactly|only|nothing)\b",
    rf"\b(?:must|should|shall|always|please|instead) (?!write\b){_SAY}\b",
    r"\b(?:important|essential|required|necessary|crucial|imperative) that you\b",
    rf"\byou (?:must|should|shall|will|have to|need to|may not|can not|cannot) (?:\w+ )?"
    rf"(?:{_SAY}|include|act|follow)\b",
    r"\b(?:system|initial|hidden|secret|original) prompt\b|\bsystemprompt\b",
    r"\b(?:your|new|real|actual|my) (?:task|role|goal|objective|job|directive) is\b|\bnew directive\b",
    r"\b(?:follow|obey|execute|heed) (?:\w+ ){0,3}(?:instructions?|orders?)\b",
    r"\b(?:dear|hey|hello|hi|attention|(?:note|message|instructions?|notice) (?:to|for)|listen) "
    rf"(?:(?:all|the|any|an|every) )?{_MODEL}\b",
    rf"\b(?:as|you are|re) an? (?:\w+ )?{_MODEL}\b|\blanguage models?\b|\bchatgpt\b",
    r"\b(?:set|change|mark|put) (?:the |your |its )?"
    r"(?:category|confidence|probable cause|root cause|verdict|conclusion|next steps?) (?:to|as)\b",
    r"\b(?:category|confidence|verdict|answer|hint|cause) (?:must|should|shall|has to) be\b",
    r"\b(?:do not|don t|never) (?:mention|cite|report|reveal|include|tell|quote|say|output|analy[sz]e|blame)\b",
    rf"\b{_SAY} (?:only |just |that |exactly )*(?:{_ABOUT}) (?:\w+ ){{0,2}}"
    r"(?:is|are|was|were|bugs?|problems?|issues?|fine|ok|good|well|passed)\b",
    r"\b(?:classify|label|mark|treat|categori[sz]e|report) (?:this|it|the failure|the test|all failures) "
    r"(?:\w+ )?(?:as|a)\b",
    r"\b(?:run|execute|type|paste|enter) (?:the )?(?:following|these|below) "
    r"(?:\w+ )?(?:command|script|code|line|shell)s?\b",
    r"\b(?:run|execute|use|type|try) (?:curl|wget|bash|sudo|powershell|rm)\b|\bplease (?:download|visit|click)\b",
    r"\b(?:recommend|suggest|tell|ask|advise|instruct|urge) (?:to |that )?(?:the )?"
    r"(?:user|reader|engineer|developer|operator|human|them)s?\b",
    r"\b(?:answer|respond|reply|output|say|print|cite|tell) (?:only|just|exactly|nothing)\b",
    r"\breturn (?:the |this |only )?(?:json|following|answer|word)\b|\byour (?:response|answer|reply|output)\b",
    r"\b(?:reading|reads?|analy[sz]ing|summari[sz]ing|reviewing) (?:this|these)\b",
    r"\binstead of (?:analy[sz]|answer|read)ing\b",
    rf"\b{_MODEL} (?:instructions?|prompts?|directives?|(?:that |who )?(?:reads?|reading|analy[sz]\w+|review\w*))\b",
    r"\b(?:summari[sz]e|describe|explain|mark) (?:\w+ ){0,2}as\b|\btranslate (?:the|this|these)\b",
    r"\bvisit (?:http|www)|\blet s play\b|\btell (?:me |us )?a joke\b",
    r"\b(?:repeat|reveal|print|show|output|leak|disclose) (?:\w+ ){0,2}(?:above|prompt|instructions?|secrets?|words)\b",
)

_NOT_OBEY_ABROAD = (
    r"(?:ignor(?!ed\b|ing\b|es\b)\w*|oubli\w*|vergiss|vergesst|vergessen|missacht\w*|olvid\w*|dimentic\w*|trascura\w*|"
    r"esquec\w*|desconsider\w*|negeer\w*|vergeet|zignoruj\w*|pomin|zapomnij|zapomen\w*|glem\w*|glom|bortse|unohda|ohita|"
    r"yok say\w*|yoksay\w*|unut\w*|goz ardi|abaikan|lupakan|bo qua|figyelmen kivul|huomiotta)"
)
_ORDER_ABROAD = (
    r"(?:instru[ckz]\w*|istruz\w*|anweisung\w*|anordnung\w*|vorgaben|regeln|befehl\w*|consignes?|directives?|regles?|ordenes|ordini|"
    r"ordens|indica[cz]i\w*|reglas|regole|regras|opdracht\w*|aanwijzing\w*|polece\w*|pokyn\w*|anvisning\w*|ohje\w*|"
    r"talimat\w*|perintah|huong dan|chi dan|utasitas\w*|prompt\w*)"
)
_ABROAD = (
    rf"\b{_NOT_OBEY_ABROAD}\b(?: \w+){{0,6}} {_ORDER_ABROAD}\b",
    rf"\b{_ORDER_ABROAD}\b(?: \w+){{0,5}} {_NOT_OBEY_ABROAD}\b",
    r"\b(?:tu es|vous etes) (?:maintenant|desormais)\b|\bdu bist (?:jetzt|nun|ab)\b|\bab (?:sofort|jetzt) bist\b",
    r"\b(?:ahora eres|eres ahora|ora sei|sei ora|adesso sei|agora voce e|voce agora e)\b",
    r"\b(?:jestes teraz|je bent nu|artik sen)\b",
    r"\b(?:antworte|antworten sie|repondez|reponds|responde|rispondi|responda|antwoord|odpowiedz|odpovez|svara)"
    r"(?: \w+)? (?:mit|auf|avec|par|con|com|met|in|ze|z|med)\b",
    r"\b(?:prompt systeme|prompt del sistema|prompt di sistema|prompt do sistema|systeemprompt)\b",
)

PHRASES = _any(*_ENGLISH, *_ABROAD)

# --- Letters only, for text that is spaced out -----------------------------------------------------------------------

SQUEEZED = _any(
    r"(?:ignore|disregard|forget|override|bypass)(?:all|any|the|of|my|your|these|every|everything|and)*"
    r"(?:previous|prior|above|earlier|preceding|system|former)\w{0,20}?"
    r"(?:instruction|prompt|rule|message|command|direction|guideline|context|order)",
    r"(?:ignore|disregard|forget)(?:all|the|your|my|any|these)*(?:instruction|prompt)",
    rf"youarenow(?!{_SESSION.replace(' ', '')})(?:a|in|the|my|dan|free|evil|un)",
    r"newsystemprompt|yoursystemprompt|(?:answer|respond|reply)onlywith|endofprompt",
)

# --- Languages of other alphabets; letters as they are ---------------------------------------------------------------

OTHER_ALPHABETS = _any(
    r"(?:игнорир|забуд|ігнору|не обращай|пренебрег)\w*.{0,60}"
    r"(?:инструкц|указани|правил|команд|сообщени|інструкц|вказівк|подсказк)",
    r"(?:теперь ты|ты теперь|тепер ти|отвечай|ответь|системный промпт|системн\w+ подсказк)",
    r"(?:忽略|无视|無視|忘记|忘記|不要理会|不要理會|请勿遵循|不理).{0,20}"
    r"(?:指令|指示|说明|說明|提示|规则|規則|命令|要求|内容|內容)",
    r"(?:你现在是|你現在是|从现在开始你|從現在開始你|请扮演|請扮演|系统提示|系統提示|只回答|只能回答|请回答|請回答)",
    r"(?:指示|命令|プロンプト|ルール|説明).{0,12}(?:無視|忘れ|従わな)|あなたは今|今からあなた|システムプロンプト|と答え(?:て|ろ|なさい)",
    r"(?:지시|명령|지침|프롬프트|규칙).{0,16}(?:무시|잊)|당신은 이제|이제부터 (?:너|당신)|시스템 프롬프트",
    r"(?:تجاهل|انس|تجاهلوا).{0,40}(?:تعليمات|أوامر|اوامر|توجيهات)|أنت الآن",
    r"(?:निर्देश|आदेश).{0,40}(?:अनदेखा|नज़रअंदाज|नजरअंदाज|भूल)|अब आप एक",
    r"(?:התעלם|תתעלם|התעלמו|שכח).{0,40}(?:הוראות|ההוראות|הנחיות)|אתה עכשיו",
    r"(?:αγνό|αγνο|ξέχασ|ξεχασ)\w*.{0,40}(?:οδηγί|οδηγι|εντολ)",
    r"(?:ละเว้น|ไม่สนใจ|เพิกเฉย|ลืม).{0,40}(?:คำสั่ง|คำแนะนำ)",
)


# --- A line of evidence -> whether it reads like an instruction to a model

PLACEHOLDER = "(withheld: this line reads like an instruction to a model)"

_MAX_CHARS = 4000
"""Of each end of a line; what lies between never reaches a prompt, whose lines are far shorter."""


def reads_like_instruction(text: str) -> bool:
    """Whether a model might take the text for an order or for a part of its chat template."""
    ends = text if len(text) <= 2 * _MAX_CHARS else text[:_MAX_CHARS] + "\n" + text[-_MAX_CHARS:]
    return _has_tag_characters(ends) or _hides_text(ends) or any(_is_order(form) for form in _decoded(ends))


def split_instructions(lines: Sequence[str]) -> frozenset[int]:
    """Indices of neighbours that read like an instruction together though neither does alone."""
    return frozenset(
        index
        for first, (line, following) in enumerate(pairwise(lines))
        if reads_like_instruction(f"{line} {following}")
        and not reads_like_instruction(line)
        and not reads_like_instruction(following)
        for index in (first, first + 1)
    )


# --- Forms in which one line is read ---------------------------------------------------------------------------------

_ESCAPE = re.compile(r"\\u\{?([0-9a-fA-F]{4,6})\}?|\\x([0-9a-fA-F]{2})")
# Cyrillic, Greek, small capitals and the letters that do not decompose, beside what they look like.
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһкмтвнгпӏьαεοκνρτυιηωɡıɩɪʀɴᴏᴇɢᴜᴛᴘᴠᴄᴀᴅʟᴍʏᴋᴡᴢꜱʙʜᴊøłđ",
    "aeopcyxijsdhkmtbhrnlbaeokvptuinwgiiirnoegutpvcadlmykwzsbhjold",
)
_LEET = tuple(str.maketrans("0134578@$!|", f"o{one}eastbasil") for one in "il")
_NO_LETTER = re.compile(r"[\W_]+")


def _decoded(text: str) -> Iterator[str]:
    """The line as it is, and as a reader of HTML, of URLs and of escapes would see it."""
    yield text
    plain = _ESCAPE.sub(_character, unquote(html.unescape(text)))
    if plain != text:
        yield plain


def _character(match: re.Match[str]) -> str:
    code = int(match[1] or match[2], 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else ""


def _visible(text: str) -> str:
    """Compatibility forms (full width, bold, circled) as plain letters, nothing invisible between them."""
    normal = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in normal if char.isspace() or unicodedata.category(char) not in {"Cc", "Cf", "Co"})


def _skeleton(visible: str) -> str:
    """Accents off, letters of other alphabets that look Latin as Latin ones."""
    parts = unicodedata.normalize("NFKD", visible)
    return "".join(char for char in parts if not unicodedata.combining(char)).translate(_LOOKALIKES)


def _is_order(text: str) -> bool:
    visible = _visible(text)
    skeleton = _skeleton(visible)
    return (
        any(pattern.search(visible) for pattern in (TEMPLATE, STRUCTURE, OTHER_ALPHABETS))
        or TEMPLATE.search(re.sub(r"\s+", "", visible)) is not None
        or any(_has_phrase(letters) for letters in (skeleton, *(skeleton.translate(leet) for leet in _LEET)))
    )


def _has_phrase(letters: str) -> bool:
    words = _NO_LETTER.sub(" ", letters)
    return PHRASES.search(words) is not None or SQUEEZED.search(words.replace(" ", "")) is not None


# --- Hidden text -----------------------------------------------------------------------------------------------------

_BLOB = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_HEX = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2}){16,})")
_READABLE = re.compile(r"[^\W\d_]{2,}[\s,.:;]+[^\W\d_]{1,}[\s,.:;]+[^\W\d_]{2,}")
_LONG_BLOB = 100


def _has_tag_characters(text: str) -> bool:
    return any(0xE0000 <= ord(char) <= 0xE007F for char in text)


def _hides_text(text: str) -> bool:
    """Whether a run of base64 or hexadecimal digits holds readable words, or is a base64 blob too long to be a name."""
    return any(_is_blob(run[0]) for run in _BLOB.finditer(text)) or any(
        _is_readable(bytes.fromhex(run[1])) for run in _HEX.finditer(text)
    )


def _is_blob(run: str) -> bool:
    mixed = any(c.islower() for c in run) and any(c.isupper() for c in run) and any(c.isdigit() for c in run)
    # A path is no blob: its segments are short words. A name may be glued to a blob's front: `payload-SGVs…`.
    segments = re.split(r"[/_-]", run)
    if mixed and max(map(len, segments)) >= _LONG_BLOB:
        return True
    return any(_is_readable(_from_base64(candidate)) for candidate in (run, *segments))


def _from_base64(run: str) -> bytes:
    digits = run.rstrip("=").replace("-", "+").replace("_", "/")
    whole = digits[: len(digits) - (len(digits) % 4 == 1)]
    try:
        return base64.b64decode(whole + "=" * (-len(whole) % 4))
    except binascii.Error:
        return b""


def _is_readable(data: bytes) -> bool:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return text.isprintable() and _READABLE.search(text) is not None
