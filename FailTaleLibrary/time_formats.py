"""How programs write time: the one table of formats, the keys of structured lines, and a collector's own format.

What reads a line here (`timestamps`) and the awk program that runs on hosts (`windows.awk_formats`) are both made from
these rows, so a format is one row with its examples.
"""

from __future__ import annotations

import re
from functools import cache

from FailTaleLibrary.lazy import dataclass

# --- Pieces: what a format is made of ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a format: a field with the pattern of its text, or a pattern that means no field."""

    field: str
    pattern: str
    """An extended regular expression that every awk and `re` understand alike: no counts, no classes by name."""
    width: int | None = None
    """Characters, where it is always as many."""


_HOUR = "([01][0-9]|2[0-3])"
_LEVEL = "(trace|debug|info|notice|warn|warning|err|error|critical|fatal)"
_WORDS = (
    r"(\[ ?[A-Za-z]([^] ][^]]*)?\][:,]? *|[(][A-Z]+[)] +|\[[0-9]+(-[0-9]+)?\]:? +"
    rf"|[A-Z]+([:,]? +|[,;\t])|{_LEVEL}:? +)*"
)
_QUARTER = "(00|15|30|45)"
_ZONE = f"(Z|[+-][01][0-9](:?{_QUARTER})?| ?(UTC|GMT)([+-][01][0-9]:?{_QUARTER})?| [+-][01][0-9]:?{_QUARTER})"
_SCHEME_OR_DAY = "(https?|h2|grpcs|wss?|tls|Mon|Tue|Wed|Thu|Fri|Sat|Sun)"

FIELDS = {
    "year": Piece("year", "[12][0-9][0-9][0-9]", 4),
    "yy": Piece("short_year", "[0-9][0-9]", 2),
    "month": Piece("month", "[01][0-9]", 2),
    "month1": Piece("month", "(1[0-2]|0?[1-9])"),
    "mon": Piece("month_name", "[A-Z][A-Za-z][A-Za-z]", 3),
    "dow": Piece("", "[A-Z][a-z][a-z]", 3),
    "any_day": Piece("", r"\[?([A-Z][a-z]+,? )?"),
    "long_day": Piece("", "([A-Z][a-z]+day, )?"),
    "day": Piece("day", "[ 0-3][0-9]", 2),
    "day1": Piece("day", "[0-3]?[0-9]"),
    "hour": Piece("hour", _HOUR, 2),
    "hour1": Piece("hour", "([01]?[0-9]|2[0-3])"),
    "minute": Piece("minute", "[0-5][0-9]", 2),
    "second": Piece("second", "[0-6][0-9]", 2),
    "seconds": Piece("second", "(:[0-6][0-9])?"),
    "fraction": Piece("fraction", "([.,][0-9]+|:[0-9][0-9][0-9])?"),
    # Spanish writes it with points and a space, which may be two bytes of UTF-8.
    "half": Piece("half", "[AaPp]([.]( |[^ -~]+)?)?[Mm][.]?"),
    "end": Piece("", "([] :,|;)]|$)"),
    "zone": Piece("zone", f"{_ZONE}?"),
    "mon1": Piece("month_name", "[A-Za-z][a-z][a-z]", 3),
    "epoch": Piece("epoch", "[0-9]+([.][0-9]+)?([eE][+]?[0-9]+)?"),
    "tai": Piece("tai", "4000000" + 9 * "[0-9a-f]", 16),
    "hex_epoch": Piece("hex_epoch", "[5-7]" + 7 * "[0-9a-f]", 8),
    "mjd": Piece("mjd", "[5-9]" + 4 * "[0-9]" + " [0-9]+([.][0-9]+)?"),
    # Java puts a narrow space, three bytes of UTF-8, ahead of AM and PM.
    "space": Piece("", "( |[^ -~]+)?"),
    # What may stand before a time that begins a line: a list's mark, process, host, level, thread or logger.
    "lead": Piece(
        "",
        rf"""[<("'#*>|=\t -]*([0-9]+(: |[ ,>]| [(][0-9.]+[)] ))?(\[[0-9]+\][{{][0-9-]+[}}]\[[0-9/-]+\] )?"""
        rf"({_SCHEME_OR_DAY} ([0-9][.][0-9] )?)?([A-Za-z]+[0-9_.:@/=|-][^ ]* )?{_WORDS}"
        r'([(<"[]|\[#[|]|\[ ?[A-Z] |[A-Z]+\[)?',
    ),
    "level": Piece("", rf"{_WORDS}(\[[A-Z] |\[)?"),
    "brace": Piece("", "[{]", 1),
    "device": Piece("", r"([0-9]+: |[A-Z0-9]+(/[A-Z0-9]+)+:|\*[A-Za-z0-9_]+: )?[*.%]?\[?([A-Z]+ )?"),
    "card": Piece("", "([A-Z0-9]+(/[A-Z0-9]+)+:)?"),
    "thread": Piece("", r"([A-Z]  |\[Thr [0-9]+\] )?\[?"),
    "column": Piece("", "( *[0-9a-f]+( [|]|[, ]) *|[0-9a-fA-F:.]+, [^,]*, )?"),
    "event": Piece("", r"([0-9]+ [(][0-9.]+[)] |[A-Z]+ *\[|\[)?"),
    "heading": Piece("", "(# Time: )?"),
    # A process has a number of seven digits at most, a moment more.
    "process": Piece("", rf"(- |\*\* Alert |\[ *[A-Z]+\] +|\[?(pid +)?[0-9]{'[0-9]?' * 6}\]? +)?[([]?"),
}
_CLOCK = "{hour}:{minute}:{second}{fraction}"


@cache
def pieces_of(template: str) -> tuple[Piece, ...]:
    """The pieces of a template: fields in braces, and between them extended regular expressions."""
    template = template.replace("{clock}", _CLOCK)
    return tuple(
        FIELDS[text[1:-1]] if text.startswith("{") else Piece("", text, _width_of_pattern(text))
        for text in re.findall(r"\{[a-z0-9_]+\}|[^{]+", template)
    )


def _width_of_pattern(pattern: str) -> int | None:
    """Of plain characters and single classes; None for all else."""
    single = re.fullmatch(r"(?:\[[^]]+\](?![*+?])|\\[^A-Za-z0-9](?![*+?])|[A-Za-z0-9 :,/_=-](?![*+?]))*", pattern)
    return len(re.findall(r"\[[^]]+\]|\\.|.", pattern)) if single else None


# --- The table --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Format:
    """One way in which programs write time at the start of a line, or of the value of a known key."""

    name: str
    template: str
    examples: tuple[tuple[str, str], ...]
    """Lines as programs write them, each with its moment in UTC, on a host of UTC+1 in 2026."""
    misses: tuple[str, ...] = ()
    """Lines that look alike and bear no time."""

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return pieces_of(self.template)


FORMATS = (
    Format(
        "ISO 8601 with half of the day",
        "{lead}{year}[-/.]{month}[-/.]{day}([T ]|, ?){hour1}:{minute}{seconds}{fraction}{space}{half}{zone}{end}",
        (
            ("2026-11-22 06:30:01 PM ERROR x", "2026-11-22T17:30:01Z"),  # .NET, with a culture of its own
            ("2026/11/22 6:30:01.123 pm x", "2026-11-22T17:30:01.123Z"),
            ("[2026-11-22, 06:30:01PM] x", "2026-11-22T17:30:01Z"),
            ("2026-11-22 06:30:01 p.\u00a0m. x", "2026-11-22T17:30:01Z"),
        ),
        ("2026-11-22 6 PM x", "see 2026-11-22 06:30:01 PM for more"),
    ),
    Format(
        "level and colon ahead",
        "[A-Z]+:{year}-{month}-{day} {clock}:",
        (("DEBUG:2026-11-22 18:30:01,123:x", "2026-11-22T17:30:01.123Z"),),  # Python, with its default separators
        ("ID:2026-11-22 is a number", "DEBUG:2026-13-22 18:30:01,123:x"),
    ),
    Format(
        "ISO 8601",
        "{lead}{year}[-/.]{month}[-/.]{day}([T_|;,@\t-]|,? +| - |\\]\\[){hour1}:{minute}{seconds}{fraction}{zone}",
        (
            ("2026-11-22T18:30:01.123+01:00 started", "2026-11-22T17:30:01.123Z"),
            ("2026-11-22 18:30:01,123 ERROR [main] a.b.C - x", "2026-11-22T17:30:01.123Z"),  # log4j, Python
            ("2026-11-22 17:30:01.123 UTC [42] LOG:  x", "2026-11-22T17:30:01.123Z"),  # PostgreSQL
            ("2026-11-22 18:30:01.123 CET [42] app@shop ERROR:  x", "2026-11-22T17:30:01.123Z"),
            ("2026/11/22 18:30:01 [error] 1#1: *7 x", "2026-11-22T17:30:01Z"),  # nginx, Go
            ("2026/11/22 18:30:01.123456 main.go:3: x", "2026-11-22T17:30:01.123456Z"),  # Go with microseconds
            ("[2026-11-22T18:30:01,123][WARN ][o.e.n.Node] x", "2026-11-22T17:30:01.123Z"),  # Elasticsearch
            ("INFO  [main] 2026-11-22 18:30:01,123 StorageService.java:1 - x", "2026-11-22T17:30:01.123Z"),  # Cassandra
            ("INFO 2026-11-22 18:30:01,123 views 12 140 x", "2026-11-22T17:30:01.123Z"),  # Django
            ("I, [2026-11-22T18:30:01.123456 #12]  INFO -- : x", "2026-11-22T17:30:01.123456Z"),  # Ruby, Rails
            ("[GIN] 2026/11/22 - 18:30:01 | 500 | x", "2026-11-22T17:30:01Z"),
            ("2026-11-22T17:30:01.123456789Z stderr F x", "2026-11-22T17:30:01.123456Z"),  # CRI
            ("[2026-11-22 18:30:01,123] INFO [Controller id=0] x (kafka.controller)", "2026-11-22T17:30:01.123Z"),
            ("[2026-11-22 18:30:01 +0100] [12] [INFO] Booting worker", "2026-11-22T17:30:01Z"),  # gunicorn, Icinga
            ("[2026-11-22 18:30:01,123: ERROR/MainProcess] Task x", "2026-11-22T17:30:01.123Z"),  # Celery
            ("[2026-11-22 18:30:01.123] ERROR[123][C-0001] chan_sip.c: x", "2026-11-22T17:30:01.123Z"),  # Asterisk
            ("2026-11-22 18:30:01.123456+01:00 [error] <0.1.0> x", "2026-11-22T17:30:01.123456Z"),  # RabbitMQ
            ("2026-11-22T18:30:01.123+0100 I NETWORK  [conn1] x", "2026-11-22T17:30:01.123Z"),  # MongoDB before 4.4
            ("2026-11-22T17:30:01.123456Z 0 [ERROR] [MY-010119] [Server] x", "2026-11-22T17:30:01.123456Z"),  # MySQL 8
            ("2026-11-22 18:30:01, Info                  CBS    x", "2026-11-22T17:30:01Z"),  # Windows
            ("2026-11-22 18:30:01.12 spid7s      Error: 9002", "2026-11-22T17:30:01.120Z"),  # SQL Server
            ("2026-11-22 18:30:01.123 +01:00 [ERR] x", "2026-11-22T17:30:01.123Z"),  # Serilog
            ("2026-11-22 18:30:01 10.0.0.1 GET /x - 80 - 10.0.0.2 500", "2026-11-22T17:30:01Z"),  # IIS
            ("2026-11-22\t18:30:01\tFRA2\t1045\t10.0.0.1\tGET", "2026-11-22T17:30:01Z"),  # CloudFront
            ("http 2026-11-22T17:30:01.123456Z app/shop/1 10.0.0.1:1 x", "2026-11-22T17:30:01.123456Z"),  # AWS ALB
            ("Sun 2026-11-22 18:30:01 CET web app[1]: x", "2026-11-22T17:30:01Z"),  # journalctl -o with-unit, full
            ("<6>2026-11-22T17:30:01Z x", "2026-11-22T17:30:01Z"),
            ("ERRO[2026-11-22T17:30:01Z] x", "2026-11-22T17:30:01Z"),  # logrus on a terminal
            ("[ N 2026-11-22 18:30:01.1234 12/T1 age/Cor/Main.cpp:1 ]: x", "2026-11-22T17:30:01.123400Z"),  # Passenger
            ("1,2026/11/22 18:30:01,0123456789,TRAFFIC", "2026-11-22T17:30:01Z"),  # PAN-OS
            ("2026-11-22 18:30:01:123 - [HTTP] x", "2026-11-22T17:30:01.123Z"),  # Appium
            ("2026-11-22 12:30:01.123 UTC-0500 x", "2026-11-22T17:30:01.123Z"),
            ("[2026-11-22 18:30] [PACMAN] x", "2026-11-22T17:30:00Z"),
            ("[E 2026-11-22 18:30:01.123 ServerApp] x", "2026-11-22T17:30:01.123Z"),  # Jupyter
            ("[42]: [1-1] 2026-11-22 18:30:01 CET LOG:  x", "2026-11-22T17:30:01Z"),  # PostgreSQL, set as of old
            ("42: 2026-11-22 18:30:01.123 CET LOG:  x", "2026-11-22T17:30:01.123Z"),
            ("[2026-11-22, 17:30:01 UTC] {taskinstance.py:1138} INFO - x", "2026-11-22T17:30:01Z"),  # Airflow
            ("2026-11-22T18:30:01,123456+01:00 usb 1-1: x", "2026-11-22T17:30:01.123456Z"),  # dmesg --time-format iso
            ("[2026-11-22][18:30:01][app][INFO] x", "2026-11-22T17:30:01Z"),  # fern
            ("(XEN) [2026-11-22 18:30:01.123] x", "2026-11-22T17:30:01.123Z"),
            ("[#|2026-11-22T18:30:01.123+0100|SEVERE|x", "2026-11-22T17:30:01.123Z"),  # GlassFish
            ("[123]{-1}[-1/-1] 2026-11-22 18:30:01.123456 e x", "2026-11-22T17:30:01.123456Z"),  # SAP HANA
            ("001 (123.000.000) 2026-11-22 18:30:01 Job executing", "2026-11-22T17:30:01Z"),  # HTCondor's events
            ("tls 2.0 2026-11-22T18:30:01 net/shop/1 x", "2026-11-22T17:30:01Z"),  # AWS NLB
            ("ERROR\t2026-11-22 18:30:01\tx", "2026-11-22T17:30:01Z"),  # tables
            ("ERROR,2026-11-22 18:30:01,x", "2026-11-22T17:30:01Z"),
            ("| 2026-11-22 18:30:01 | ERROR | x", "2026-11-22T17:30:01Z"),
            ("=== 2026-11-22 18:30:01 ===", "2026-11-22T17:30:01Z"),
            ("\x1b[2m2026-11-22T17:30:01.123Z\x1b[0m \x1b[32m INFO\x1b[0m x", "2026-11-22T17:30:01.123Z"),  # in colours
        ),
        ("2026-11-22 is the day", "2026-11-22T x", "see 2026-11-22 18:30:01 for more", "build-2026-11-22T18:30:01 x"),
    ),
    Format(
        "ISO 8601 without zeros ahead",
        "{level}{year}[-/.]{month1}[-/.]{day1}[T ]{hour1}:{minute}:{second}{fraction}{zone}",
        (
            ("2026/11/22 18:30:01 x", "2026-11-22T17:30:01Z"),  # .NET of Japan and China
            ("2026-1-2 9:05:01 x", "2026-01-02T08:05:01Z"),
            ("[2026/1/2 09:05:01.123] x", "2026-01-02T08:05:01.123Z"),
        ),
        ("2026-13-2 9:05:01 x", "version 2026.1.2 9:05:01"),
    ),
    Format(
        "syslog RFC 5424",
        r"<[0-9]+>[0-9]+ {year}-{month}-{day}T{clock}{zone}",
        (("<34>1 2026-11-22T18:30:01.123+01:00 web app 1 - - x", "2026-11-22T17:30:01.123Z"),),
        ("<34>1 - web app 1 - - 2026-11-22T18:30:01Z",),
    ),
    Format(
        "syslog with half of the day",
        r"(<[0-9]+>)?{device}{mon}[ -]{day} {hour1}:{minute}:{second}{fraction} {half}{end}",
        (("Nov 22 06:30:01 PM web app[1]: x", "2026-11-22T17:30:01Z"),),
        ("Nov 22 6 PM web", "since Nov 22 06:30:01 PM web"),
    ),
    Format(
        "syslog",
        r"(<[0-9]+>)?{device}{mon}[ -]{day} {clock}",
        (
            ("Nov 22 18:30:01 web app[1]: x", "2026-11-22T17:30:01Z"),
            ("<34>Nov  2 18:30:01 web app: x", "2026-11-02T17:30:01Z"),
            ("*Nov 22 18:30:01.123: %SYS-5-CONFIG_I: x", "2026-11-22T17:30:01.123Z"),  # Cisco
            ("<189>123: *Nov 22 18:30:01.123 CET: %LINK-3-UPDOWN: x", "2026-11-22T17:30:01.123Z"),  # with its number
            ("[Nov 22 18:30:01] ERROR[123] chan_sip.c: x", "2026-11-22T17:30:01Z"),  # Asterisk
            ("Nov 22 18:30:01.123 router rpd[123]: x", "2026-11-22T17:30:01.123Z"),  # Juniper
            ("Nov-22 18:30:01.123 [main] INFO  nextflow.cli - x", "2026-11-22T17:30:01.123Z"),
            ("RP/0/RSP0/CPU0:Nov 22 18:30:01.123 CET: config[1]: %MGBL x", "2026-11-22T17:30:01.123Z"),  # Cisco IOS XR
            (
                "*spamApTask0: Nov 22 18:30:01.123: %CAPWAP x",
                "2026-11-22T17:30:01.123Z",
            ),  # Cisco's wireless controllers
            ("%Nov 22 18:30:01:123 2026 sw SHELL/5/X: x", "2026-11-22T17:30:01.123Z"),  # H3C
            ("[CET Nov 22 18:30:01] error    : 'nginx' x", "2026-11-22T17:30:01Z"),  # Monit
        ),
        ("Foo 22 18:30:01 x", "since Nov 22 18:30:01 x", "Nov 31 18:30:01 x", "Nov 22 is a day"),
    ),
    Format(
        "syslog with year",
        r"(<[0-9]+>)?([0-9]+: )?[*.]?{mon}[- ]{day1}[- ]{year},? {clock}{zone}",
        (
            ("Nov 22 2026 18:30:01: %ASA-4-106023: x", "2026-11-22T17:30:01Z"),
            ("*Nov 22 2026 18:30:01.123 UTC: %SYS-5-RESTART: x", "2026-11-22T18:30:01.123Z"),
            ("Nov 22 2026 18:30:01+01:00 sw1 %%01SHELL/5/CMD: x", "2026-11-22T17:30:01Z"),  # Huawei
        ),
        ("Nov 22 2026 was a day",),
    ),
    Format(
        "year and name of month",
        "{card}{year}[- ]{mon}[- ]{day1}[ T]{clock}{zone}",
        (
            ("2026 Nov 22 18:30:01.123 sw1 %ETHPORT-5-IF_DOWN: x", "2026-11-22T17:30:01.123Z"),  # Cisco NX-OS
            ("2026 Nov 22 18:30:01:123 GMT +0100 BW.shop Error x", "2026-11-22T18:30:01.123Z"),  # TIBCO
            ("2026-Nov-22 18:30:01.123 x", "2026-11-22T17:30:01.123Z"),
        ),
        ("2026 Nov 31 18:30:01 x",),
    ),
    Format(
        "java.util.logging",
        "[#<[]*{long_day}{mon}[a-z]* {day1}, {year},? {hour1}:{minute}:{second}{fraction}{space}{half}",
        (
            ("Nov 22, 2026 6:30:01 PM com.example.Main run", "2026-11-22T17:30:01Z"),
            ("Nov 22, 2026 6:30:01\u202fPM com.example.Main run", "2026-11-22T17:30:01Z"),  # Java 20 and later
            ("####<Nov 22, 2026 6:30:01,123 PM CET> <Error> <Security> x", "2026-11-22T17:30:01.123Z"),  # WebLogic
            ("Sunday, November 22, 2026 6:30:01 PM x", "2026-11-22T17:30:01Z"),
        ),
        ("Nov 22, 2026 6:30:01 XM x", "<Nov 22, 2026>"),
    ),
    Format(
        "name of month, day and year",
        "[#<[]*{long_day}{mon}[a-z]* {day1}, {year},? {clock}{zone}",
        (
            ("Nov 22, 2026 18:30:01.123 [0x7f] ERROR - x", "2026-11-22T17:30:01.123Z"),  # Plex
            ("November 22, 2026 18:30:01 x", "2026-11-22T17:30:01Z"),
        ),
        ("Nov 22, 2026 was a day",),
    ),
    Format(
        "apache error",
        "{thread}{dow} {mon} {day} {clock} {year}",
        (
            ("[Sun Nov 22 18:30:01.123456 2026] [core:error] x", "2026-11-22T17:30:01.123456Z"),
            ("Sun Nov 22 18:30:01 2026 [pid 2] CONNECT", "2026-11-22T17:30:01Z"),  # vsftpd, OpenVPN, Oracle
            ("[Sun Nov 22 18:30:01 2026] usb 1-1: x", "2026-11-22T17:30:01Z"),  # dmesg -T
            ("[Thr 1402] Sun Nov 22 18:30:01:123 2026", "2026-11-22T17:30:01.123Z"),  # SAP
        ),
        ("Sun Nov 22 2026 x",),
    ),
    Format(
        "uwsgi",
        r"\[pid: [0-9]+[^[]*\[{dow} {mon} {day} {clock} {year}",
        (("[pid: 1|app: 0|req: 1/1] 10.0.0.1 () {28 vars} [Sun Nov 22 18:30:01 2026] GET /", "2026-11-22T17:30:01Z"),),
        ("[pid: 1] x [y] [Sun Nov 22 18:30:01 2026] z",),
    ),
    Format(
        "start of uwsgi",
        r"\*\*\* Starting uWSGI [^[]*\[{dow} {mon} {day} {clock} {year}",
        (("*** Starting uWSGI 2.0.21 (64bit) on [Sun Nov 22 18:30:01 2026] ***", "2026-11-22T17:30:01Z"),),
        ("*** Starting uWSGI 2.0.21 on [x] ***",),
    ),
    Format(
        "date with half of the day",
        "{dow} {mon} {day1} {hour1}:{minute}:{second} {half} [A-Z]+ {year}",
        (("Sun Nov 22 06:30:01 PM CET 2026: x", "2026-11-22T17:30:01Z"),),  # of American English
        ("Sun Nov 31 06:30:01 PM CET 2026: x",),
    ),
    Format(
        "date",
        "{dow} {mon} {day1} {clock} [A-Z]+ {year}",
        (("Sun Nov 22 18:30:01 CET 2026: x", "2026-11-22T17:30:01Z"),),
    ),
    Format(
        "day of week without year",
        "{dow} {mon} {day} {clock} ",
        (("Sun Nov 22 18:30:01.123 <kernel> x", "2026-11-22T17:30:01.123Z"),),  # macOS
        ("Not Foo 22 18:30:01 x",),
    ),
    Format(
        "access log",
        r'(\[([0-9a-fA-F:.]*|httpd)\] ?)?[^"[]*\[{day}/{mon}/{year}[: ]{clock}{zone}',
        (
            ('10.0.0.1 - bob [22/Nov/2026:18:30:01 +0100] "GET / HTTP/1.1" 500', "2026-11-22T17:30:01Z"),
            ("127.0.0.1:4711 [22/Nov/2026:18:30:01.123] front back/web1 0/0/1", "2026-11-22T17:30:01.123Z"),  # HAProxy
            ('10.0.0.1 - - [22/Nov/2026 18:30:01] "GET / HTTP/1.1" 200 -', "2026-11-22T17:30:01Z"),  # Flask, Django
            ("79a5 bucket [22/Nov/2026:17:30:01 +0000] 10.0.0.1 x", "2026-11-22T17:30:01Z"),  # S3
            ('[httpd] 10.0.0.1 - - [22/Nov/2026:18:30:01 +0100] "POST /query"', "2026-11-22T17:30:01Z"),  # InfluxDB
            ("[22/Nov/2026:18:30:01.123456789 +0100] conn=1 op=1 x", "2026-11-22T17:30:01.123456Z"),  # 389 directory
        ),
        ('10.0.0.1 - bob "GET /?since=[22/Nov/2026:18:30:01 +0100]" 500', "[error] x [22/Nov/2026:18:30:01 +0100]"),
    ),
    Format(
        "tomcat, php, bind",
        "{level}{day1}[-/ ]?{mon}[-/ ]?{year}[: ]{clock}{zone}",
        (
            ("22-Nov-2026 18:30:01.123 SEVERE [main] x", "2026-11-22T17:30:01.123Z"),
            ("[22-Nov-2026 17:30:01 UTC] PHP Fatal error: x", "2026-11-22T17:30:01Z"),
            ("[22-Nov-2026 18:30:01] WARNING: [pool www] x", "2026-11-22T17:30:01Z"),  # PHP-FPM
            ("[22-Nov-2026 18:30:01 Europe/Berlin] PHP Warning:  x", "2026-11-22T17:30:01Z"),
            ("22-NOV-2026 18:30:01 * (CONNECT_DATA=x", "2026-11-22T17:30:01Z"),  # Oracle listener
            ("22 Nov 2026 18:30:01,123 ERROR x", "2026-11-22T17:30:01.123Z"),
            ("[22Nov2026 18:30:01.123] [main/INFO] x", "2026-11-22T17:30:01.123Z"),  # Minecraft Forge, Check Point
        ),
        ("31-Nov-2026 18:30:01 x", "22-Nov-2026 x"),
    ),
    Format(
        "redis",
        "[0-9]+:[A-Z] {day} {mon} {year} {clock}",
        (("812:M 22 Nov 2026 18:30:01.123 # x", "2026-11-22T17:30:01.123Z"),),
        ("812:M x",),
    ),
    Format(
        "redis before 3",
        r"(\[[0-9]+\] )?{day} {mon} {clock}",
        (
            ("[812] 22 Nov 18:30:01.123 # x", "2026-11-22T17:30:01.123Z"),
            ("22 Nov 18:30:01 - x", "2026-11-22T17:30:01Z"),  # ntpd
        ),
        ("[812] 22 Nov x",),
    ),
    Format(
        "day and name of month",
        "{day1}-{mon} {hour}:{minute}{seconds} ",
        (
            ("22-Nov 18:30 bacula-dir JobId 1: x", "2026-11-22T17:30:00Z"),
            ("22-Nov 18:30:01 bareos-dir JobId 1: x", "2026-11-22T17:30:01Z"),
        ),
        ("31-Nov 18:30 x", "22-Nov is a day"),
    ),
    Format(
        "name of month, slashes",
        "{mon1}/{day1}/{year} {clock}",
        (("nov/22/2026 18:30:01 system,info x", "2026-11-22T17:30:01Z"),),  # RouterOS before 7.10
        ("bin/22/2026 18:30:01 x", "nov/22/2026 x"),
    ),
    Format(
        "RFC 2822",
        r"\[?{dow}, {day1} {mon} {year} {clock}{zone}",
        (("Sun, 22 Nov 2026 18:30:01 +0100 x", "2026-11-22T17:30:01Z"),),
        ("Expires: Sun, 22 Nov 2026 18:30:01 GMT",),
    ),
    Format(
        "day and name of month, with half of the day",
        "{any_day}{day1}[.]? {mon1}[a-z]*[.,]? {year},? {hour1}:{minute}:{second}{fraction}{space}{half}{end}",
        (("Sun 22 Nov 2026 06:30:01 PM CET x", "2026-11-22T17:30:01Z"),),  # date of Australian English
        ("Sun 22 Nov 2026 6 PM x",),
    ),
    Format(
        "day and name of month, with year",
        "{any_day}{day1}[.]? {mon1}[a-z]*[.,]? {year},? {clock}{zone}",
        (
            ("Sun 22 Nov 2026 18:30:01 CET x", "2026-11-22T17:30:01Z"),  # date of British English
            ("[Sunday 22 November 2026 18:30:01 +0100] x", "2026-11-22T17:30:01Z"),
            ("22. November 2026 18:30:01 x", "2026-11-22T17:30:01Z"),
            ("22 nov. 2026, 18:30:01 x", "2026-11-22T17:30:01Z"),
        ),
        ("22 Foo 2026 18:30:01 x", "Order 22 Nov 2026 is late"),
    ),
    Format(
        "erlang report",
        "=[A-Z ]+ REPORT==== {day1}-{mon}-{year}::{clock}",
        (("=ERROR REPORT==== 22-Nov-2026::18:30:01.123 ===", "2026-11-22T17:30:01.123Z"),),
    ),
    Format(
        "klog",
        "[IWEF]{month}{day} {clock}",
        (("E1122 18:30:01.123456       1 app.go:1] x", "2026-11-22T17:30:01.123456Z"),),
        ("E1322 18:30:01.123456 x", "E1122 is an error"),
    ),
    Format(
        "glog",
        "[IWEF]{year}{month}{day} {clock}",
        (("E20261122 18:30:01.123456     1 app.cc:1] x", "2026-11-22T17:30:01.123456Z"),),
    ),
    Format(
        "cockroach",
        "[IWEF]{yy}{month}{day} {clock}",
        (("I261122 18:30:01.123456 1 util/log/file.go:1  [n1] x", "2026-11-22T17:30:01.123456Z"),),
        ("I261322 18:30:01.123456 x",),
    ),
    Format(
        "compact ISO 8601",
        "( *[0-9]+:)?{level}{year}{month}{day}[T _:-]?{hour}:?{minute}:?{second}{fraction}{zone}",
        (
            ("20261122T173001Z x", "2026-11-22T17:30:01Z"),
            ("20261122 18:30:01.123 | INFO | x", "2026-11-22T17:30:01.123Z"),  # Robot Framework
            ("  812:20261122:183001.123 server #0 started", "2026-11-22T17:30:01.123Z"),  # Zabbix
            ("20261122183001.123456 x", "2026-11-22T17:30:01.123456Z"),
        ),
        ("20261122 x", "20261322183001 x", "20261122256001 x"),
    ),
    Format(
        "dots",
        r"\[?{year}[-.]{month}[-.]{day}-{hour}[.]{minute}[.]{second}{fraction}",
        (
            ("2026-11-22-18.30.01.123456+060 I123A456 LEVEL: Error", "2026-11-22T17:30:01.123456Z"),  # Db2
            ("[2026.11.22-18.30.01:123][  0]LogInit: x", "2026-11-22T17:30:01.123Z"),  # Unreal
        ),
        ("2026.11.22-18 is a version",),
    ),
    Format(
        "date and time in keys",
        'date={year}-{month}-{day} time=["]?{clock}',
        (('date=2026-11-22 time=18:30:01 devname="fw1" logid="0"', "2026-11-22T17:30:01Z"),),  # Fortinet
        ("date=2026-11-22 level=x",),
    ),
    Format(
        "month first with half of the day",
        "{level}{month1}[-/]{day1}[-/]{year},? {hour1}:{minute}:{second}{fraction}{space}{half}{zone}",
        (
            ("11/22/2026 12:30:01 PM -05:00 x", "2026-11-22T17:30:01Z"),  # .NET, with its zone
            ("11/22/2026 6:30:01 PM  Error  Service stopped", "2026-11-22T17:30:01Z"),  # Windows, IBM MQ
            ("[11/22/2026 06:30:01.123 PM] x", "2026-11-22T17:30:01.123Z"),
        ),
        ("13/22/2026 6:30:01 PM x",),
    ),
    Format(
        "month first with two-digit year and half of the day",
        "{level}{month1}/{day1}/{yy},? +{hour1}:{minute}:{second}{fraction}{space}{half}",
        (("11/22/26 6:30:01.123 PM ERROR [x] x", "2026-11-22T17:30:01.123Z"),),  # I2P
        ("13/22/26 6:30:01 PM x",),
    ),
    Format(
        "month first",
        "{column}{level}{month1}[-/]{day1}[-/]{year}([-,:]| -- | - | [|] |,? +){clock}{zone}",
        (
            ("11/22/2026 18:30:01 ERROR x", "2026-11-22T17:30:01Z"),
            ("11-22-2026 18:30:01.123 +0100 INFO  Metrics - x", "2026-11-22T17:30:01.123Z"),  # Splunk
            ("11/22/2026-18:30:01.123456  [**] [1:1:1] x", "2026-11-22T17:30:01.123456Z"),  # Suricata
            ("   1 | 11/22/2026 | 18:30:01 | Power Supply #0x01 | x", "2026-11-22T17:30:01Z"),  # ipmitool sel
            ("L 11/22/2026 - 18:30:01: x", "2026-11-22T17:30:01Z"),  # game servers of the Source engine
            ("11/22/2026:17:30:01 GMT ns 0-PPE-0 : x", "2026-11-22T17:30:01Z"),  # NetScaler
            ("10.0.0.1, -, 11/22/2026, 18:30:01, W3SVC1, x", "2026-11-22T17:30:01Z"),  # IIS, its own format
        ),
        ("11/22/2026 x",),
    ),
    Format(
        "day first with half of the day",
        "{level}{day1}[-./]{month1}[-./]{year},? +{hour1}:{minute}:{second}{fraction}{space}{half}{zone}{end}",
        (
            ("22/11/2026 6:30:01 PM ERROR x", "2026-11-22T17:30:01Z"),  # Windows in Australia or India
            ("22/11/2026 06:30:01 p. m. x", "2026-11-22T17:30:01Z"),  # or in Spanish
            ("22-11-2026 06:30:01.123 pm x", "2026-11-22T17:30:01.123Z"),
        ),
        ("22/13/2026 6:30:01 PM x", "22/11/2026 6 PM x"),
    ),
    Format(
        "day first",
        '"?{level}{day1}[-./]{month1}[-./]{year}( -- |[,;]? +|;){clock}{zone}',
        (
            ("22.11.2026 18:30:01,123 FEHLER x", "2026-11-22T17:30:01.123Z"),
            ("22/11/2026 18:30:01 ERROR x", "2026-11-22T17:30:01Z"),
            ('"22.11.2026 18:30:01";"x"', "2026-11-22T17:30:01Z"),  # a table of a spreadsheet's making
            ("22.11.2026;18:30:01;x", "2026-11-22T17:30:01Z"),
            ("22/11/2026 -- 18:30:01 - <Error> - x", "2026-11-22T17:30:01Z"),  # Suricata
        ),
        ("22.13.2026 18:30:01 x", "32.11.2026 18:30:01 x"),
    ),
    Format(
        "month and day",
        "{event}{month}[-/]{day}[- |]{clock}",
        (
            ("11-22 18:30:01.123  1234  5678 E Tag: x", "2026-11-22T17:30:01.123Z"),  # Android
            ("11/22-18:30:01.123456  [**] [1:1:1] x", "2026-11-22T17:30:01.123456Z"),  # Snort
            ("11/22 18:30:01 [LOGON] x", "2026-11-22T17:30:01Z"),  # Netlogon
            ("[11-22 18:30:01] [Warn] x", "2026-11-22T17:30:01Z"),
            ("ERROR[11-22|18:30:01.123] x", "2026-11-22T17:30:01.123Z"),  # Geth
            ("001 (123.000.000) 11/22 18:30:01 Job executing", "2026-11-22T17:30:01Z"),  # HTCondor's events
        ),
        ("11-22 x", "13-22 18:30:01 x"),
    ),
    Format(
        "two-digit year",
        "{level}{yy}[-/.]{month}[-/.]{day} {clock}",
        (
            ("26/11/22 18:30:01 INFO Executor: x", "2026-11-22T17:30:01Z"),  # Spark
            ("26-11-22 18:30:01 x", "2026-11-22T17:30:01Z"),
        ),
    ),
    Format(
        "month first with two-digit year",
        "{column}{level}{month1}/{day1}/{yy}([, ]+| [|] ){clock}",
        (
            ("[11/22/26 18:30:01:123 CET] 0000004f SystemOut     O x", "2026-11-22T17:30:01.123Z"),  # WebSphere
            ("10,11/22/26,18:30:01,Assign,10.0.0.9,pc1", "2026-11-22T17:30:01Z"),  # Windows' DHCP server
            ("   1 | 11/22/26 | 18:30:01 CET | Temperature #0x30 | x", "2026-11-22T17:30:01Z"),  # ipmitool sel elist
            ("0 11/22/26 18:30:01  nsrd x", "2026-11-22T17:30:01Z"),  # NetWorker
        ),
        ("11/22/26 x", "22/33/26 18:30:01 x"),
    ),
    Format(
        "day first with two-digit year",
        "{level}{day1}[./]{month1}[./]{yy},? +{clock}",
        (
            ("22.11.26, 18:30:01 FEHLER x", "2026-11-22T17:30:01Z"),  # without the comma it is told by the last write
        ),
        ("22.13.26 18:30:01 x", "22.11.26 is a day"),
    ),
    Format(
        "chromium",
        r"\[([0-9]+:)*{month}{day}/{hour}{minute}{second}{fraction}:[A-Z]",
        (
            ("[1122/183001.123456:ERROR:gpu_init.cc(1)] x", "2026-11-22T17:30:01.123456Z"),
            ("[17:19:1122/183001.123456:ERROR:bus.cc(1)] x", "2026-11-22T17:30:01.123456Z"),
        ),
        ("[1122/183001] x", "[1322/183001.123456:ERROR:x"),
    ),
    Format(
        "tornado",
        r"\[[A-Z] {yy}{month}{day} {clock} ",
        (("[E 261122 18:30:01 web:1] x", "2026-11-22T17:30:01Z"),),
        ("[E 261322 18:30:01 web:1] x",),
    ),
    Format(
        "rails",
        r'Started [A-Z]+ "[^"]*" for [0-9a-fA-F.:]+ at {year}-{month}-{day} {clock}{zone}',
        (('Started GET "/x?a=2020-01-01 00:00:00" for ::1 at 2026-11-22 18:30:01 +0100', "2026-11-22T17:30:01Z"),),
        ('Started GET "/x at 2026-11-22 18:30:01 +0100', "Started x at 2026-11-22 18:30:01"),
    ),
    Format(
        "loguru",
        '{brace}"text": "{year}-{month}-{day} {clock} [|] ',
        (('{"text": "2026-11-22 18:30:01.123 | INFO | a:b:1 - x\\n", "record": {}}', "2026-11-22T17:30:01.123Z"),),
        ('{"text": "2026-11-22 18:30:01.123 x"}',),
    ),
    Format(
        "six digits",
        "{heading}{yy}{month}{day} +{hour1}:?{minute}:?{second}( |$)",
        (
            ("261122 18:30:01 [ERROR] x", "2026-11-22T17:30:01Z"),  # MySQL 5
            ("261122 183001 148 INFO dfs.DataNode: x", "2026-11-22T17:30:01Z"),  # Hadoop
            ("# Time: 261122 18:30:01", "2026-11-22T17:30:01Z"),  # MySQL's slow log
        ),
        ("261322 18:30:01 x", "123456 789012 x"),
    ),
    Format(
        "audit",
        r"(node=[^ ]+ )?type=[^ ]+ msg=audit\({epoch}",
        (("type=AVC msg=audit(1795368601.123:7): x", "2026-11-22T17:30:01.123Z"),),
        ("type=AVC msg=audit(12345.678:7): x",),
    ),
    Format(
        "TAI64N",
        r"\[?@{tai}",
        (
            ("@400000006b0326a31d4c8e2c starting smtpd", "2026-11-22T17:30:01Z"),  # daemontools, runit, s6
            ("[@400000006b0326a31d4c8e2c] x", "2026-11-22T17:30:01Z"),
        ),
        ("@40000000 is short", "@4000000z6b0326a31d4c8e2c x", "at @400000006b0326a31d4c8e2c x"),
    ),
    Format(
        "epoch in hexadecimal digits",
        "{hex_epoch}([.][0-9a-f]+ 0x[0-9a-f]+)? [a-z=]",
        (
            ("6b032699.1d4c8e2c 0x7f12 conn=1000 op=0 BIND", "2026-11-22T17:30:01Z"),  # OpenLDAP 2.5
            ("6b032699 conn=1000 fd=12 ACCEPT from x", "2026-11-22T17:30:01Z"),  # OpenLDAP 2.4
        ),
        ("6b0326 conn=1000 x", "deadbeef conn=1000 x", "6b032699aa conn=1 x"),
    ),
    Format(
        "day of the modified Julian calendar",
        "{mjd} ",
        (("61366 63001.123 0.000 10.0.0.1 x", "2026-11-22T17:30:01.123Z"),),  # ntpd's loopstats and peerstats
        ("61366 files", "61366 99999.123 x", "613660 63001.123 x"),
    ),
    Format(
        "epoch seconds",
        "{process}{epoch}",
        (
            ("1795368601.123    120 10.0.0.1 TCP_MISS/200 GET http://x", "2026-11-22T17:30:01.123Z"),  # Squid
            ("[1795368601] SERVICE ALERT: x", "2026-11-22T17:30:01Z"),  # Nagios
            ("1795368601: New connection from 10.0.0.1", "2026-11-22T17:30:01Z"),  # Mosquitto
            ("1795368601123 x", "2026-11-22T17:30:01.123Z"),
            ("1.795368601123456e+09\tinfo\tx", "2026-11-22T17:30:01.123456Z"),  # zap
            ("(1795368601.123456) can0 123#00", "2026-11-22T17:30:01.123456Z"),  # candump
            ("[ WARN] [1795368601.123456, 12.3]: x", "2026-11-22T17:30:01.123456Z"),  # ROS
            ("[INFO] [1795368601.123456] [node]: x", "2026-11-22T17:30:01.123456Z"),  # ROS 2
            ("** Alert 1795368601.123: - x", "2026-11-22T17:30:01.123Z"),  # OSSEC
            ("[pid   123] 1795368601.123456 read(3, x", "2026-11-22T17:30:01.123456Z"),  # strace -f -ttt
        ),
        ("[12345.678901] usb 1-1: x", "[    1.234567] Linux version", "1.5e+03 x", "1.795368601e+12345 x"),
    ),
    Format(
        "time of day with half",
        "{level}{hour1}:{minute}{seconds}{fraction} ?{half}{end}",
        (
            ("6:30:01 PM x", "2026-11-22T17:30:01Z"),
            ("06:30:01 PM  all   1.00", "2026-11-22T17:30:01Z"),  # sar
            ("6:30PM ERR x", "2026-11-22T17:30:00Z"),  # zerolog
            ("6:30:01.123 PM [main] x", "2026-11-22T17:30:01.123Z"),
        ),
        ("6:30 pmap x", "at 6:30:01 PM x"),
    ),
    Format(
        "time of day",
        "{level}{hour}:{minute}:{second}{fraction}{zone}(:? |[],|;)\t]|$)",
        (
            ("18:30:01,123 INFO  [org.jboss.as] (MSC service thread 1-1) x", "2026-11-22T17:30:01.123Z"),  # WildFly
            ("18:30:01.123 [main] ERROR c.e.App - x", "2026-11-22T17:30:01.123Z"),  # logback
            ("[18:30:01 ERR] x", "2026-11-22T17:30:01Z"),  # Serilog
            ("[I 18:30:01.123 NotebookApp] x", "2026-11-22T17:30:01.123Z"),
            ("[18:30:01] [Server thread/INFO]: x", "2026-11-22T17:30:01Z"),  # Minecraft
            ("18:30:01.123 [error] GenServer x", "2026-11-22T17:30:01.123Z"),  # Elixir
            ("17:30:01.123Z ERROR app: x", "2026-11-22T17:30:01.123Z"),  # bunyan's short output
            ("18:30:01.123456 IP 10.0.0.1.1 > 10.0.0.2.2: x", "2026-11-22T17:30:01.123456Z"),  # tcpdump
        ),
        ("18:30:01:5f:aa:bb is a MAC address", "24:30:01 x", "at 18:30:01 x", "18:30 x", "3 18:30:01 x"),
    ),
)
"""From the most to the least particular: the first that fits is the line's."""

KEYS = (
    "time", "ts", "timestamp", "@timestamp", "timeMillis", "asctime", "datetime", "t", "@t", "Time", "Timestamp",
    "timeStamp", "TimeStamp", "TIMESTAMP", "T", "instant", "log_time", "logtime", "logTime", "LogTime", "_time",
    "@time", "_ts", "_timestamp", "time_local", "time_iso8601", "time_msec", "msec", "timestamp_ms", "timestamp_ns",
    "epoch", "unixtime", "unix_time", "timeUnixNano", "requestReceivedTimestamp", "stageTimestamp",
    "__REALTIME_TIMESTAMP", "written_at", "DateTime", "dateTime", "date_time", "UtcTime", "timeGenerated",
    "TimeGenerated", "TimeCreated", "timestampSeconds", "epochMillis", "ts_ms", "logged_at", "log_timestamp",
    "utc_time", "localtime", "local_time", "syslog_timestamp", "emitted_at",
)  # fmt: skip
"""Keys of JSON and logfmt lines in which programs and carriers (docker, ECS, pino, zap …) write a line's time."""

KEYS_OF_EVENTS = (
    "date", "Date", "dt", "when", "eventTime", "event_time", "eventtime", "EventTime", "eventTimestamp",
    "event_timestamp", "occurred_at", "start_time", "StartUTC", "created", "created_at", "createdAt", "receivedAt",
    "observedTimestamp", "ObservedTimestamp",
)  # fmt: skip
"""Keys in which some programs write a line's time, and others that of what it is about: where there is none of KEYS."""

KEYED_EXAMPLES = (
    ('{"log":"x until 2024-01-01T00:00:00Z","stream":"stderr","time":"2026-11-22T17:30:01.123Z"}', "docker json-file"),
    ('{"@timestamp":"2026-11-22T17:30:01.123Z","message":"x"}', "ECS, logstash"),
    ('{"level":30,"time":1795368601123,"pid":1,"msg":"x"}', "pino"),
    ('{"level":"error","ts":1795368601.123,"msg":"x"}', "zap"),
    ('{"time":"2026-11-22T18:30:01.123+01:00","level":"INFO","msg":"x"}', "slog"),
    ('{"timeMillis":1795368601123,"level":"INFO","message":"x"}', "log4j2"),
    ('{"instant":{"epochSecond":1795368601,"nanoOfSecond":123},"level":"INFO"}', "log4j2 with an instant"),
    ('{"asctime": "2026-11-22 18:30:01,123", "levelname": "ERROR", "message": "x"}', "python-json-logger"),
    ('{"t":{"$date":"2026-11-22T18:30:01.123+01:00"},"s":"I","msg":"x"}', "MongoDB"),
    ('{"a":{"time":"2020-01-01T00:00:00Z"},"msg":"{\\"time\\":1}","time":"2026-11-22T17:30:01.123Z"}', "nested"),
    ('level=error ts=2026-11-22T17:30:01.123Z msg="x ts=2020-01-01T00:00:00Z"', "logfmt"),
    ('time="2026-11-22T18:30:01+01:00" level=error msg=x', "logrus"),
    ("logger=context t=2026-11-22T18:30:01.123+01:00 level=error msg=x", "Grafana"),
    ("ts=2026-11-22T17:30:01.123Z caller=main.go:1 level=error msg=x", "Prometheus, Loki"),
    ('{"level":"warn","ts":1.795368601123e+09,"logger":"controller","msg":"x"}', "zap's default"),
    ('{"level":"warn","ts":"2026-11-22T17:30:01.123456Z","caller":"x.go:1","msg":"x"}', "etcd"),
    ('{"name":"app","hostname":"w","pid":1,"level":30,"msg":"x","time":"2026-11-22T17:30:01.123Z","v":0}', "bunyan"),
    ('{"level":"error","message":"x","timestamp":"2026-11-22T17:30:01.123Z"}', "winston"),
    ('{"event":"x","level":"error","timestamp":"2026-11-22T17:30:01.123456Z"}', "structlog"),
    ('{"version":"1.1","host":"w","short_message":"x","timestamp":1795368601.123,"level":3}', "GELF"),
    ('{"__REALTIME_TIMESTAMP":"1795368601123456","MESSAGE":"x"}', "journalctl -o json"),
    ('{"@t":"2026-11-22T17:30:01.1230000Z","@mt":"x"}', "Serilog compact"),
    ('{"Timestamp":"2026-11-22T18:30:01.1234567+01:00","Level":"Error","MessageTemplate":"x"}', "Serilog"),
    ('{"timestamp":{"seconds":1795368601,"nanos":123000000},"message":"x"}', "Google's agents"),
    ('{"timestampSeconds":1795368601,"timestampNanos":123000000,"message":"x"}', "Google's agents"),
    ('{"channel":"app","datetime":{"date":"2026-11-22 18:30:01.123456","timezone_type":3},"message":"x"}', "Monolog"),
    ('{"start_time":"2026-11-22T17:30:01.123Z","response_code":503}', "Envoy"),
    ('{"TimeCreated":"2026-11-22T17:30:01.123Z","Message":"x"}', "Windows events"),
    ('{"date":1795368601.123,"log":"x"}', "Fluent Bit"),
    ('{"created_at":"2026-10-01T00:00:00Z","order":7,"timestamp":"2026-11-22T17:30:01.123Z"}', "an order's own date"),
    ('{"start_time":1790000000,"msg":"x","ts":1795368601.123}', "a job's own beginning"),
    ('{"msec":"1795368601.123","request":"GET / HTTP/1.1","status":"500"}', "nginx"),
    ('{"time_msec":1795368601123,"request":"x"}', "API gateways"),
    ('{"timeUnixNano":"1795368601123456789","body":{"stringValue":"x"}}', "OpenTelemetry"),
    ('{"createdAt":"2026-11-22T17:30:01.123Z","message":"x"}', "Node's services"),
    (' {"time":"2026-11-22T17:30:01.123Z","message":"x"}', "a carrier that indents"),
)
"""Lines whose time stands in a key (2026-11-22T17:30:01 UTC and some milliseconds), each with who writes so."""


COMPOSE_LEAD = "[A-Za-z0-9_.-]+ +[|] "
"""What ``docker compose logs`` puts before each line."""
NESTED = '([{] *"[$A-Za-z]+" *: *)?([{] *"[$A-Za-z]+" *: *)?"?'
"""Between a key and the time: MongoDB's ``{"$date":"…``, log4j2's ``{"epochSecond":…``."""


# --- Formats of one's own ---------------------------------------------------------------------------------------------

_DIRECTIVES = {
    "Y": Piece("year", "[0-9][0-9][0-9][0-9]", 4),
    "y": Piece("short_year", "[0-9][0-9]", 2),
    "m": Piece("month", "[0-9][0-9]?"),
    "b": Piece("month_name", "[A-Z][a-z][a-z]", 3),
    "B": Piece("month_name", "[A-Z][a-z]+"),
    "d": Piece("day", " ?[0-9][0-9]?"),
    "e": Piece("day", " ?[0-9][0-9]?"),
    "a": Piece("", "[A-Z][a-z][a-z]", 3),
    "A": Piece("", "[A-Z][a-z]+"),
    "H": Piece("hour", " ?[0-9][0-9]?"),
    "I": Piece("hour", " ?[0-9][0-9]?"),
    "p": Piece("half", "[AaPp][Mm]", 2),
    "M": Piece("minute", "[0-9][0-9]?"),
    "S": Piece("second", "[0-9][0-9]?"),
    "f": Piece("fraction", "[0-9]+"),
    "z": Piece("zone", "(Z|[+-][0-9][0-9]:?[0-9][0-9])"),
    "Z": Piece("", "[A-Za-z]+"),
    "s": FIELDS["epoch"],
}
_TOGETHER = {"T": "%H:%M:%S", "F": "%Y-%m-%d", "D": "%m/%d/%y", "R": "%H:%M"}
_KEY = r"[A-Za-z0-9_@$.-]{1,60}"


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """Where a log's lines have their time and how it is written, in the user's words.

    The time stands at the line's start, in the JSON or logfmt key ``key``, or in the one group of ``pattern``, an
    extended regular expression. ``format`` is a strptime format with ``%s`` for epoch seconds, milli-, micro- or
    nanoseconds; empty: any that FailTale knows. Raises ValueError with a sentence for what cannot be used.
    """

    format: str = ""
    key: str = ""
    pattern: str = ""

    def __post_init__(self) -> None:
        if self.key and self.pattern:
            raise ValueError("a time stands in a key or where a pattern says, not both; remove one")
        if not (self.format or self.key or self.pattern):
            raise ValueError("says nothing; write e.g. '%d.%m.%Y %H:%M:%S' or {key: timeMillis}")
        if self.key and re.fullmatch(_KEY, self.key) is None:
            raise ValueError(f"'{self.key}' is no key; use letters, digits, '_', '@', '$', '.' and '-'")
        if self.format:
            directives(self.format)
        if self.pattern:
            self.ahead  # noqa: B018 - refuses with a sentence

    @property
    def pieces(self) -> tuple[Piece, ...] | None:
        """Of the format; None when any known one may be the time's."""
        return directives(self.format) if self.format else None

    @property
    def ahead(self) -> str:
        """What a pattern says stands before its group, as an expression; empty without a pattern.

        Raises ValueError when there is not exactly one group, or it is no expression that every awk takes.
        """
        if not self.pattern:
            return ""
        bare = re.sub(r"\\.|\[\^?\]?[^]]*\]", lambda match: "_" * len(match[0]), self.pattern)
        if bare.count("(") != 1 or not self.pattern.isprintable():
            raise ValueError(f"'{self.pattern}' needs exactly one group; write (…) around the time alone")
        if re.search(r"\\[A-Za-z0-9]", self.pattern) or re.search(r"[?|{}]|\*\*|\+\+", bare):
            raise ValueError(
                f"'{self.pattern}' is not understood by every awk; write '[0-9]*' instead of '\\d*', "
                "and no '?', '|' or counts"
            )
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"'{self.pattern}' is no regular expression: {error}") from None
        return self.pattern[: bare.index("(")]


@cache
def directives(time_format: str) -> tuple[Piece, ...]:
    """The pieces of a strptime format, in order; a piece of literal text is escaped and has no field.

    Raises ValueError naming a directive that FailTale does not know, or when the clock is missing.
    """
    if not time_format.isprintable():
        raise ValueError(f"{time_format!r} holds a control character; a time is within one line")
    whole = re.sub("%([TFDR])", lambda match: _TOGETHER[match[1]], time_format)
    pieces = tuple(map(_directive, re.findall(r"%.|[^%]+|%$", whole, re.DOTALL)))
    fields = {piece.field for piece in pieces}
    if "epoch" in fields:
        return pieces
    has_month = bool(fields & {"month", "month_name"})
    if not {"hour", "minute"} <= fields or ("day" in fields) != has_month:
        raise ValueError(f"'{time_format}' has no clock; write e.g. '%d.%m.%Y %H:%M:%S', '%H:%M:%S' or '%s'")
    return pieces


def _directive(text: str) -> Piece:
    if text == "%%":
        return Piece("", "%", 1)
    if not text.startswith("%"):
        return Piece("", re.sub(r"[][.^$*+?(){}|\\/]", r"\\\g<0>", text), len(text))
    if text[1:] not in _DIRECTIVES:
        known = " ".join(f"%{name}" for name in _DIRECTIVES)
        raise ValueError(f"'{text}' is no directive that FailTale supports; there are {known}")
    return _DIRECTIVES[text[1:]]
