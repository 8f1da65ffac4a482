"""The catalogue of signals that a line's words give: data, searched for all at once.

A cue has a name (the vocabulary of next steps), words for the reader, a weight on the scale of severity (1 a warning,
4 an error, 6 what stops a machine) and whether it is strong: enough to name a suspect without any other signal.
All patterns are RE2 and run as one automaton, so hostile text cannot make them slow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import re2


@dataclass(frozen=True, slots=True)
class Cue:
    """One thing that words of a line can mean."""

    name: str
    words: str
    weight: float
    strong: bool
    pattern: str
    """RE2, without regard to case."""


def _cue(name: str, words: str, weight: float, *patterns: str, strong: bool = False) -> Cue:
    return Cue(name, words, weight, strong, "|".join(patterns))


STOPS = (
    _cue(
        "out of memory", "memory ran out", 6.5,
        r"out of memory", r"\boom[-_ ]?kill", r"oom_reaper", r"\boomkilled\b", r"outofmemoryerror",
        r"(?:cannot|can't|could not|failed to) allocate memory", r"\bmemoryerror\b", r"std::bad_alloc",
        r"oom command not allowed", r"memory limit (?:exceeded|reached)", strong=True,
    ),
    _cue(
        "segfault", "a process crashed", 6,
        r"\bsegfault at\b", r"segmentation fault", r"\bsig(?:segv|abrt|bus|ill|fpe)\b", r"core dumped",
        r"general protection fault", r"stack smashing detected", r"double free or corruption",
        r"(?:terminated by|exited on|caught|fatal) signal (?:4|6|7|8|11)\b", strong=True,
    ),
    _cue(
        "panic", "a panic", 6,
        r"kernel panic", r"(?:^|[\s\]])panic: ", r"\bpanicked at\b",
        r"fatal error: (?:all goroutines|concurrent map)",
        r"\bbug: (?:unable to handle|soft lockup)", r"blocked for more than \d+ seconds", strong=True,
    ),
    _cue(
        "disk full", "the disk is full", 6.5,
        r"no space left on device", r"\bdisk (?:is )?(?:almost )?full\b", r"\benospc\b", r"quota exceeded",
        r"(?:insufficient|not enough|no|out of) (?:free )?(?:disk )?space\b", r"out of disk", r"\b100% +/",
        r"misconf redis", strong=True,
    ),
    _cue(
        "read-only", "something is read-only", 6,
        r"read-only file ?system", r"filesystem read-only", r"\berofs\b", r"readonly you can't write",
        r"in a read-only transaction", r"against a read only replica", strong=True,
    ),
    _cue(
        "I/O error", "the disk gives errors", 6,
        r"\bi/o error\b", r"\b(?:ext[234]|xfs|btrfs)\b.{0,60}(?:error|corrupt)", r"blk_update_request",
        r"medium error", r"input/output error", strong=True,
    ),
    _cue(
        "too many open files", "too many open files", 6,
        r"too many open files", r"\b[en]mfile\b", r"file-max limit", r"worker_connections are not enough",
        strong=True,
    ),
    _cue(
        "limit exhausted", "a limit is used up", 5.5,
        r"too many (?:clients|connections)", r"remaining connection slots", r"max number of clients reached",
        r"pool (?:is )?(?:exhausted|empty|timed? ?out)", r"queuepool limit", r"request timed out after \d+ms",
        r"resource temporarily unavailable", r"(?:can't|cannot|could not|unable to) (?:fork|start new thread)",
        r"unable to create (?:new )?native thread", r"table full, dropping", r"(?:rate|connection) limit exceeded",
        r"max_children setting", r"server reached .{1,30} setting", r"queue (?:is )?full", strong=True,
    ),
    _cue(
        "port in use", "the port is in use", 6,
        r"address already in use", r"\beaddrinuse\b", r"port \S{0,12} ?(?:is )?already (?:in use|allocated)",
        r"only one usage of each socket address", strong=True,
    ),
    _cue(
        "certificate", "a certificate is refused", 5.5,
        r"certificate (?:has |is )?(?:expired|revoked|unknown|required|not (?:yet )?valid)",
        r"certificate verify failed",
        r"\bx509: ", r"unable to get (?:local )?issuer", r"self[- ]signed certificate", r"bad certificate",
        r"pkix path", r"\bunknown ca\b", r"(?:ssl|tls)[ _](?:handshake|error)", r"handshake (?:failure|failed)",
        r"hostname mismatch", r"sslhandshakeexception", r"\bcert\w* .{0,40}\bexpired", strong=True,
    ),
    _cue(
        "expired", "something has expired", 5,
        r"\b(?:key|token|licen[cs]e|credentials?|password|account|subscription|lease|grant|ticket)\b.{0,40}\bexpired",
        r"\bexpired (?:key|token|licen[cs]e|credentials?|password|account|subscription|lease|grant|ticket)\b",
        r"\btokenexpired", r"\bexpiredtoken", strong=True,
    ),
    _cue(
        "name resolution", "a name is not resolved", 5.5,
        r"name or service not known", r"failure in name resolution", r"no such host\b", r"unknownhostexception",
        r"(?:could not|cannot|can't|couldn't|unable to|failed to) (?:be )?resolve(?:d)? (?:host|name|address|\S+ \()",
        r"could not be resolved \(", r"\bgetaddrinfo\b", r"\bnxdomain\b", r"\bservfail\b", r"\benotfound\b",
        r"host not found in upstream", r"nodename nor servname", strong=True,
    ),
    _cue(
        "connection refused", "a connection was refused", 5,
        r"connection refused", r"\beconnrefused\b", r"connectexception", strong=True,
    ),
    _cue(
        "unreachable", "a machine is not reachable", 5,
        r"no route to host", r"network is unreachable", r"host is unreachable", r"\behostunreach\b", strong=True,
    ),
    _cue(
        "back end down", "a back end is down", 5,
        r"no live upstreams", r"has no server available", r"\bserver \S+ is down\b",
        r"no healthy (?:upstream|backend)",
        r"backend (?:is )?(?:down|unhealthy|unavailable)", r"marked as down", strong=True,
    ),
    _cue(
        "connection lost", "a connection was lost", 4,
        r"connection reset", r"\beconnreset\b", r"broken pipe", r"\bepipe\b", r"upstream prematurely closed",
        r"(?:closed|terminat\w+) the connection unexpectedly", r"terminating connection due to", r"lost connection",
        r"(?:unexpected|premature) (?:eof|end of)", r"server has gone away", r"connection (?:was )?(?:lost|aborted)",
    ),
    _cue(
        "cannot connect", "no connection was made", 4.5,
        r"(?:failed|unable) to connect", r"(?:could not|cannot|can't|couldn't) (?:connect|open connection|reach)",
        r"connect\(\) failed", r"error connecting", r"connection (?:error|failed|failure)", r"no response\b",
    ),
    _cue(
        "authentication", "credentials were refused", 5.5,
        r"authentication (?:failed|failure|error|required)", r"access denied for user", r"login (?:failed|incorrect)",
        r"\bnoauth\b", r"\bwrongpass\b", r"invalid (?:credentials|password|username|token|api key|signature)",
        r"token (?:has |is )?(?:expired|invalid)", r"no pg_hba\.conf entry",
        r"\b(?:http|status|code)\W{0,3}401\b", r"unauthori[sz]ed",
        r"bad credentials", r"role \S+ does not exist", r"could not authenticate", r"invalid_grant",
        r"not authori[sz]ed", strong=True,
    ),
    _cue(
        "permission denied", "permission was denied", 5,
        r"permission denied", r"access (?:is )?denied", r"operation not permitted", r"\beacces\b", r"\beperm\b",
        r"avc: +denied", r"\b403 forbidden\b", r"must be owner of", strong=True,
    ),
    _cue(
        "locked", "something is locked", 5.5,
        r"deadlock(?:$|[^s=]|s(?:$|[^=:]))",  # no counter
        r"(?:database|file|table|row|resource) (?:\S+ )?is locked", r"lock wait timeout", r"sqlite_busy",
        r"(?:could not|cannot|can't|failed to|unable to) (?:obtain|acquire|get|take) (?:\S+ ){0,2}lock",
        r"due to lock timeout", r"could not serialize access", r"lock (?:is )?held by", r"locked by ",
        r"still waiting for \w+lock", r"another (?:instance|process) is (?:already )?(?:running|using)", strong=True,
    ),
    _cue(
        "killed (137)", "a process was killed", 6,
        r"\b(?:exit|exited|status|code)\b.{0,24}\b137\b", r"code=killed", r"status=9/kill", r"signal: killed",
        r"\bsigkill\b", r"(?:terminated by|exited on) signal 9\b", strong=True,
    ),
    _cue(
        "crashed (139)", "a process crashed", 6,
        r"\b(?:exit|exited|status|code)\b.{0,24}\b139\b", r"code=dumped", r"status=(?:11/segv|6/abrt)", strong=True,
    ),
    _cue(
        "unit failed", "a service failed", 5.5,
        r"failed with result", r"main process exited", r"entered failed state", r"repeated too quickly",
        r"control process exited", r"dependency failed for", r"watchdog timeout",
        r"(?:^|systemd\[\d+\]: )failed to start\b",
        r"\bfailed +failed\b", r"crashloopbackoff", r"back-off restarting", r"\bis unhealthy\b", strong=True,
    ),
    _cue(
        "data error", "data was refused or damaged", 5,
        r"duplicate key value", r"violates [\w -]{1,30}constraint", r"checksum (?:mismatch|failed|error)",
        r"\bcorrupt(?:ed|ion)?\b", r"duplicate entry", r"(?:relation|table|column|database) \S+ does not exist",
        r"no such (?:table|column)", r"unknown (?:column|database|table)", strong=True,
    ),
    _cue(
        "clock", "the clock jumped", 4,
        r"time (?:has been )?(?:jumped|stepped)", r"clock (?:skew|jump|has been)", r"system clock wrong",
        r"time went backwards", strong=True,
    ),
)  # fmt: skip
"""What stops a service or a machine."""

EVENTS = (
    _cue(
        "service stopped", "a service stopped", 4,
        r"received (?:fast|smart|immediate) shutdown", r"received sig(?:term|quit|int)\b", r"user requested shutdown",
        r"sig(?:term|quit|int)\) received", r"shutting down\b",
        r"(?:database system|server) is (?:shut|shutting) down",
        r"caught sigterm", r"bye bye", r"worker .{0,40}(?:exited|died|timeout|killed)", r"exited unexpectedly",
        r"\bshutdown (?:complete|in progress|started|requested)", strong=True,
    ),
    _cue(
        "restart", "a service was restarted", 3,
        r"scheduled restart job", r"\brestart(?:ed|ing)?\b", r"systemd\[\d+\]: (?:stopp|start|restart)(?:ed|ing) ",
        r"database system (?:is ready|was (?:shut down|interrupted))", r"ready to accept connections",
        r"server (?:initialized|started)", r"\brebooting\b", r"^-- (?:re)?boot",
        r"(?:container|pod) (?:started|died|killed)",
        r"in (?:recovery mode|standby)",
        r"(?:starting|stopping) (?:nginx|postgresql|redis|server|application|service)",
    ),
    _cue(
        "reload", "the configuration was reloaded", 3.5,
        r"\breload(?:ed|ing)?\b", r"sighup", r"\breconfigur(?:ed|ing)\b", r"parameter \S+ changed to",
    ),
    _cue(
        "configuration change", "something was reconfigured", 3.5,
        r"\b(?:config|configuration|settings?|policy|rules?|routes?)\b.{0,40}\b(?:changed|updated|applied|switched|replaced|activated|overridden)\b",
        r"\b(?:changed|updated|applied|switched|set|applying|switching|updating|changing)\b.{0,40}\b(?:config|configuration|settings?|policy)\b",
        r"\bfeature[-_ ]?(?:flag|toggle|switch)",
        r"\bflag\b.{0,60}\b(?:enabled|disabled|on|off|changed|set|true|false)\b",
        r"maintenance mode", r"log level (?:changed|set)",
        r"(?:password|secret|key|token|credentials) (?:was |were |has been )?(?:rotated|changed|replaced)",
    ),
    _cue(
        "deployment", "something was deployed or upgraded", 3.5,
        r"\b(?:deploy|redeploy|upgrad|downgrad)(?:ed|ing)\b", r"\broll(?:ed|ing)[ -]?(?:out|back)\b",
        r"\bdeployment of\b",
        r"\bmigrat(?:ed|ing)\b", r"\bmigration \S+ (?:applied|started|complete)",
        r"\bnew (?:version|release|image)\b",
        r"\bversion\b.{0,30}(?:->|→|\bchanged\b|\bactivated\b)", r"\bstatus (?:installed|unpacked) \S+:\S+ ",
        r"^upgrade \S+:\S+ ",
    ),
    _cue(
        "role change", "roles changed", 3.5,
        r"\bfail(?:ed)?[- ]?over\b", r"\bpromot(?:ed|ing)\b", r"\bleader (?:changed|elected|lost|is now)",
        r"\bnew (?:leader|primary|master)\b", r"\bswitch(?:ed|ing) (?:over )?to\b",
        r"\bscal(?:ed|ing) (?:up|down|to)\b",
    ),
)  # fmt: skip
"""What happened to a service, often said at INFO."""

SYMPTOMS = (
    _cue(
        "time-out", "something took too long", 3.5,
        r"\btimed[ -]?out\b", r"\btime-?out\b.{0,30}\b(?:exceeded|expired|reached|error|after)", r"deadline exceeded",
        r"\betimedout\b", r"\bi/o timeout\b", r"took too long", r"\bslow (?:query|request|log)", r"statement timeout",
        r"lease expired",
    ),
    _cue(
        "server error", "answered with a server error", 3.5,
        r"\" 5\d\d (?:\d|-)", r"\b50[0-4] (?:internal server|bad gateway|service |gateway)", r"service unavailable",
        r"\bstatus(?:[ _]?code)?[\"']?[ =:]+5\d\d\b",
        r"(?:returned|answered|responded)(?: with)?(?: error:?)? 5\d\d\b",
        r"internal server error", r"bad gateway", r"\berror: 5\d\d\b",
    ),
    _cue(
        "exception", "an exception", 4,
        r"traceback \(most recent call last\)", r"(?:[\w$]+\.)+[\w$]*(?:exception|error)(?:$|[:\s(])",
        r"^(?:caused by: |\s*)?(?-i:[A-Z]\w*(?:Error|Exception))(?:$|: )", r"unhandled (?:exception|rejection)",
        r"uncaught (?:exception|error)", r"unexpected exception", r"exception in thread",
    ),
    _cue(
        "data race", "a data race", 5, r"warning: data race", r"threadsanitizer", r"addresssanitizer", strong=True,
    ),
    _cue(
        "failed test", "a test failed", 4,
        r"^\s*--- fail: ", r"^\s*not ok \d+ ", r"<<< (?:failure|error)!", r"^e {2,}\S", r"^failed \S+::",
        r"\S+ (?:> |» |::).*\bfailed$", r"^\s*error trace:", r"^\s*(?:✗|✕|✖|\x{d7}) ", r"assertionerror",
        r"assertion failed",
        r"\b(?:expected|want)(?:ed)?\b.{1,200}\b(?:got|but was|actual|received)\b", r"\bgot\b.{1,200}\bwant(?:ed)?\b",
        r"^\s*assert(?:ion)?\b.{0,80}(?:==|!=|\bfail)", r"^panic: test timed out",
        r"^fail\s+\S+\.(?:[cm]?[jt]sx?)\b", r"^\s*● ",
    ),
    _cue(
        "compiler", "a compiler or checker complains", 3.5,
        r"[^\s:]+\.[a-z]{1,6}(?::|:\[|\()\d+(?:[:,]\d+)?[\])]?:? +(?:fatal )?error\b", r"\bundefined: \S",
        r"\bundefined reference",
        r"cannot find (?:symbol|module|package|type)", r"undeclared name",
        r"(?:imported|declared) (?:and|but) not used",
        r"\bsyntax error\b", r"cannot use .{1,120} as ", r"incompatible types", r"no required module provides",
        r"missing go\.sum entry", r"unresolved (?:import|reference|symbol)", r"\bis not defined\b",
        r"no module named",
        r"unsupported (?:argument|attribute|block)", r"invalid (?:syntax|reference|expression)",
        r"missing required (?:argument|property)", r"reference to undeclared",
    ),
    _cue(
        "checker", "a place in a source file is named", 2.5,
        r"^(?:vet: )?\s*[\w./\\@+-]+\.[a-z]{1,5}:\d+(?::\d+)?: \S", r"[^\s:]+\.java:\[\d+,\d+\] ",
        r"needs? (?:to be )?(?:running|formatt\w+)",
        r"(?:is|are) not (?:formatted|up[- ]to[- ]date)", r"\bout of date\b", r"^# \S+/\S+(?: \[.*\])?$",
    ),
    _cue(
        "missing", "something is missing", 3.5,
        r"no such file or directory", r"\bnot found\b", r"filenotfound", r"nosuchfile", r"does not exist",
        r"could not (?:be )?(?:find|found|resolved?)", r"\bcommand not found\b",
        r"unknown (?:flag|option|command|revision)",
        r"unrecognized (?:arguments|option)", r"could not read\b", r"unbound variable",
        r"parameter (?:null or )?not set",
    ),
)  # fmt: skip
"""How a failure shows, in services and in builds."""


class Automaton:
    """Many patterns searched for in one pass over a line."""

    def __init__(self, patterns: Iterable[str]) -> None:
        options = re2.Options()
        options.case_sensitive = False
        options.max_mem = 64 << 20  # so that RE2 need not forget states of the automaton and build them anew
        self._set = re2.Set.SearchSet(options)
        for pattern in patterns:
            self._set.Add(pattern)
        self._set.Compile()

    def found(self, text: str) -> list[int]:
        """Indices of the patterns that occur in the text."""
        return self._set.Match(text) or []


class Catalogue:
    """Cues that are searched for together."""

    def __init__(self, *cues: Cue) -> None:
        self._cues = cues

    def cues_in(self, message: str) -> tuple[Cue, ...]:
        """What the words of a message mean, weightiest first."""
        found = self._automaton.found(message)
        return tuple(sorted((self._cues[index] for index in found), key=lambda cue: -cue.weight))

    @cached_property
    def _automaton(self) -> Automaton:
        return Automaton(cue.pattern for cue in self._cues)


CATALOGUE = Catalogue(*STOPS, *EVENTS, *SYMPTOMS)
BUILD_CATALOGUE = Catalogue(*STOPS, *SYMPTOMS)
"""For the log of a build, where deploying, upgrading and restarting are the work itself."""
