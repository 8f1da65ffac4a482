"""An answer without output -> why there is none, or None where the source was read and held nothing.

"Empty" is earned: the program ended well and said nothing on stderr but what is known to be harmless. All else is
shown in the host's words. What words mean is data (`WORDS`), each row with lines that real programs print.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Literal

from FailTaleLibrary.lazy import dataclass, regex
from FailTaleLibrary.records import GapReason, SafeText, derived, our_words


@dataclass(frozen=True, slots=True)
class Words:
    """What a line on stderr means. The first row that matches a line is the line's."""

    reason: GapReason | None
    """None: nothing; such a line explains no silence."""
    pattern: str
    """Regular expression, read without regard to case."""
    examples: tuple[str, ...]
    """Lines as programs print them."""


WORDS: tuple[Words, ...] = (
    # --- Harmless: of logins, locales and programs that warn --------------------------------------------------------
    Words(
        None, r"^could not chdir to home directory", ("Could not chdir to home directory /nonexistent: No such file",)
    ),
    Words(
        None,
        r"\b(cannot|can't|failed to) (change|set|setting) (default )?locale|setting locale failed"
        r"|falling back to (the standard|a fallback) locale"
        r"|^\s*(LANGUAGE|LC_[A-Z]+|LANG) =|are supported and installed on your system|please check that your locale",
        (
            "bash: warning: setlocale: LC_ALL: cannot change locale (de_DE.UTF-8)",
            "perl: warning: Setting locale failed.",
            "perl: warning: Please check that your locale settings:",
            "\tLC_ALL = (unset),",
            "    are supported and installed on your system.",
            'perl: warning: Falling back to the standard locale ("C").',
        ),
    ),
    Words(
        None,
        r"stdin: is not a tty|^mesg: ttyname failed|^tput: No value for \$TERM"
        r"|pseudo-terminal will not be allocated|X11 forwarding request failed|^warning: permanently added",
        (
            "stdin: is not a tty",
            "mesg: ttyname failed: Inappropriate ioctl for device",
            "tput: No value for $TERM and no -T specified",
            "Warning: Permanently added 'web1' (ED25519) to the list of known hosts.",
        ),
    ),
    Words(
        None,
        r"^\*\* (WARNING: connection is not using a post-quantum|This session may be vulnerable|The server may need)",
        ("** WARNING: connection is not using a post-quantum key exchange algorithm.",),
    ),
    Words(
        None,
        r"sudo: unable to resolve host|sudo: setrlimit\(",
        (
            "sudo: unable to resolve host web1: Name or service not known",
            "sudo: setrlimit(RLIMIT_CORE): Operation not permitted",
        ),
    ),
    Words(
        None,
        r"using a password (on the command line|with '-a')|deprecated program name",
        (
            "mysql: [Warning] Using a password on the command line interface can be insecure.",
            "Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.",
            "mysql: Deprecated program name. It will be removed in a future release, use '/usr/bin/mariadb' instead",
        ),
    ),
    Words(
        None,
        r"^picked up _?JAVA|VM warning: (sharing is only supported|ignoring option|options? .* (was|were) deprecated)"
        r"|^WARNING: An illegal reflective",
        (
            "Picked up JAVA_TOOL_OPTIONS: -Xmx64m",
            "OpenJDK 64-Bit Server VM warning: Option UseConcMarkSweepGC was deprecated in version 9.0.",
            "OpenJDK 64-Bit Server VM warning: Sharing is only supported for boot loader",
        ),
    ),
    Words(
        None,
        r"[ef]grep: warning: [ef]grep is obsolescent|grep: warning: stray"
        r"|apt does not have a stable CLI|can't stat\(\) .* file system|output information may be incomplete",
        (
            "egrep: warning: egrep is obsolescent; using grep -E",
            "WARNING: apt does not have a stable CLI interface. Use with caution in scripts.",
            "lsof: WARNING: can't stat() fuse.gvfsd-fuse file system /run/user/1000/gvfs",
            "      Output information may be incomplete.",
        ),
    ),
    Words(
        None,
        r"^no resources found|^defaulted container |^warning: .* is deprecated in v\d|emulate docker cli using podman"
        r"|the attribute `?version`? is obsolete",
        (
            "No resources found in default namespace.",
            'Defaulted container "app" out of: app, sidecar',
            "Warning: v1 ComponentStatus is deprecated in v1.19+",
            "Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.",
        ),
    ),
    Words(
        None,
        r"^\s*% Total|^\s*Dload|^\s*[\d-]+ +[\dk.-]+ +\d+ .*--:--:--",
        ("  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current",),
    ),
    # --- Refusals --------------------------------------------------------------------------------------------------
    Words(
        "permission denied",
        r"permission denied|not permitted|EACCES|EPERM|access(?: is| was)? denied|denied access|accessdenied"
        r"|access(?: is)? forbidden|\bforbidden\b|\bnot allowed\b|not (authorized|authorised|entitled|privileged)"
        r"|unauthori[sz]ed|\bnot enough (permission|privilege|right)|(insufficient|lacks?|missing|no|without) "
        r"(the )?(necessary |required |sufficient )?(permission|privilege|authori[sz]ation|rights?\b|access rights)"
        r"|permissions? (is |are )?(required|needed|insufficient|error)|privileges? (is |are )?(required|needed)"
        r"|(do(es)?n't|do(es)? not|did not) have (the |any |enough |sufficient |required )*"
        r"(permissions?|privileges?|rights?)\b"
        r"|(command|permission) (was )?denied|must be privileged|protected mode is enabled",
        (
            "tail: cannot open '/var/log/secure' for reading: Permission denied",
            "dmesg: read kernel buffer failed: Operation not permitted",
            "java.io.IOException: Operation not permitted",
            "Error: EACCES: open '/var/log/x'",
            "ERROR 1227 (42000): Access denied; you need (at least one of) the PROCESS privilege(s) for this operation",
            'Error from server (Forbidden): pods is forbidden: User "ci" cannot list resource "pods"',
            "User does not have sufficient privileges to read this: missing required permission",
            "An error occurred (AccessDenied) when calling the GetLogEvents operation",
            "Sorry, user ci is not allowed to execute '/bin/cat' as root on web1.",
            "ORA-01031: insufficient privileges",
            "ERROR 1142 (42000): SELECT command denied to user 'ci'@'localhost' for table 'user'",
            "Msg 229, Level 14, State 5: The SELECT permission was denied on the object 'orders'",
            "You do not have permission to access this resource",
            "You don't have enough privileges",
            "lsof: must be privileged to use -u",
            "DENIED Redis is running in protected mode because protected mode is enabled",
            "Error: Unauthorized",
        ),
    ),
    Words(
        "permission denied",
        r"must be (the )?(super-?user|root|admin)|\bonly (by )?(root|the super-?user)|are you root|not root\b"
        r"|\bas root\b|requires? (root|super-?user|admin|elevat)|(need|must|have) to be (root|super-?user)"
        r"|you (need|must|should) (be|have) (root|super|admin)|must be a member of"
        r"|run (this |it )?(as|with) (root|sudo|super)|not a super-?user"
        r"|members? of (the )?\W?\w+\W? (group|can)|by non-root users|ptrace_scope|perf_event_paranoid"
        r"|file's owner is not the effective user|file: target process .*(not responding|doesn't respond)",
        (
            "iptables v1.8.9: can't initialize iptables table `filter': Permission denied (you must be root)",
            "This command must be run as root.",
            "Only root can do that.",
            "E: Could not open lock file - are you root?",
            "You need to be root to perform this command.",
            "error: must be superuser to view this",
            "ERROR:  must be a member of the role pg_monitor",
            '(No info could be read for "-p": geteuid()=1000 but you should be root.)',
            "runuser: may not be used by non-root users",
            "Could not attach to process. Check the setting of /proc/sys/kernel/yama/ptrace_scope",
            "java.io.IOException: file /tmp/.java_pid12 is not secure: file's owner is not the effective user",
            "12: Unable to open socket file: target process not responding or HotSpot VM not loaded",
        ),
    ),
    Words(
        "permission denied",
        r"password is required|a (terminal|tty) is required|must have a tty|no tty present|no askpass"
        r"|must be run from a terminal|sudo: .*(password|tty)|sudo: (PAM|account) |\bnosuid\b|must be setuid"
        r"|is owned by uid \d+, should be|I'm afraid I can't do that|^doas: .*not enabled"
        r"|not in the sudoers|may not run sudo|interactive authentication|authentication is required|polkit"
        r"|valid sudoers|/etc/sudoers|policy plugin|no authentication agent|account (is|has)( currently)? (not "
        r"available|expired|locked|restricted|disabled)|password (has )?expired|required to change your password"
        r"|\brestricted: |allows sftp connections only|host key verification failed|\bavc: +denied",
        (
            "sudo: a password is required",
            "sudo: sorry, you must have a tty to run sudo",
            "sudo: no tty present and no askpass program specified",
            "sudo: a terminal is required to read the password; either use the -S option",
            "ci is not in the sudoers file.",
            "sudo: effective uid is not 0, is /usr/bin/sudo on a file system with the 'nosuid' option set?",
            "sudo: PAM account management error: Authentication service cannot retrieve authentication info",
            "sudo: account validation failure, is your account locked?",
            "sudo: /etc/sudo.conf is owned by uid 1000, should be 0",
            "sudo-rs: I'm sorry ci. I'm afraid I can't do that",
            "doas: a tty is required",
            "doas: doas is not enabled, /etc/doas.conf: No such file or directory",
            "pkexec must be setuid root",
            "su: must be run from a terminal",
            "Failed to get properties: Interactive authentication required.",
            "doas: Authorization required, polkit agent missing",
            "sudo: no valid sudoers sources found, quitting",
            "sudo: unable to initialize policy plugin",
            "sudo: error in /etc/sudoers near line 7",
            "This account is currently not available.",
            "Your account has expired; please contact your system administrator.",
            "You are required to change your password immediately (administrator enforced).",
            "ERROR 1862 (HY000): Your password has expired. To log in you must change it.",
            "rbash: /usr/bin/ss: restricted: cannot specify `/' in command names",
            "rssh: this account is restricted",
            "This service allows sftp connections only.",
            "Host key verification failed.",
            "audit: avc:  denied  { read } for  pid=1",
        ),
    ),
    Words(
        "permission denied",
        r"authenticat\w+ (has )?(failed|failure|error|required|needed)|auth(entication)? fail|not authenticated"
        r"|could not authenticate|login (failed|incorrect|denied)|(invalid|incorrect|wrong|bad) (user ?name or )?"
        r"(password|credentials?|token|api key|login)|no password supplied|\bNOAUTH\b|\bNOPERM\b|\bWRONGPASS\b"
        r"|(security|access|refresh) token .*(invalid|expired)"
        r"|must be logged in|not logged in|please log ?in|log in (first|to)|token\b.* (has |is )?expired"
        r"|requires authentication|unable to locate credentials|run '\w+ login'"
        r"|FATAL: +role .* does not exist|no pg_hba\.conf entry"
        r"|\b(HTTP|status|error|code)\W{0,3}(/\d(\.\d)? )?40[13]\b|returned error: 40[13]|ORA-01017",
        (
            'psql: error: FATAL:  password authentication failed for user "ci"',
            'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "ci"',
            "NOAUTH Authentication required.",
            "NOPERM this user has no permissions to run the 'info' command",
            "WRONGPASS invalid username-password pair or user is disabled.",
            "error: You must be logged in to the server (Unauthorized)",
            "curl: (22) The requested URL returned error: 401",
            "Error: unable to authenticate: invalid credentials",
            "fe_sendauth: no password supplied",
            'psql: error: connection to server at "db", port 5432 failed: FATAL:  role "ci" does not exist',
            "MongoServerError: command find requires authentication",
            'Unable to locate credentials. You can configure credentials by running "aws configure".',
            "An error occurred (ExpiredToken): The security token included in the request is expired",
            "Please run 'az login' to setup account.",
            "The security token included in the request is invalid",
        ),
    ),
    Words(
        "permission denied",
        r"currently not seeing messages from other users|users? in (the )?groups? .* can see"
        r"|no journal files were opened",
        (
            "Hint: You are currently not seeing messages from other users and the system.",
            "      Users in groups 'adm', 'systemd-journal' can see all messages.",
            "No journal files were opened due to insufficient permissions.",
        ),
    ),
    Words(None, r"^\s*Pass -q to turn off this notice", ("      Pass -q to turn off this notice.",)),
    # --- Services whose socket is not there: no file that was to be read ---------------------------------------------
    Words(
        "failed",
        r"^failed to connect to bus|(connection to server|connect) on socket .* failed|failed to connect socket to",
        (
            "Failed to connect to bus: No such file or directory",
            'psql: error: connection to server on socket "/run/.s.PGSQL.5432" failed: No such file or directory',
            "error: Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory",
        ),
    ),
    # --- Programs and files that are not there ----------------------------------------------------------------------
    Words(
        "command not found",
        r"command not found|^\S*sh: .*: not found$|^[\w./-]+: not found$|applet not found|executable file not found"
        r"|is not recognized as|unknown command verb|not installed\b|no such program|unknown command: "
        r"|^(sudo: )?(\S*/)?(env|timeout|nohup|nice|xargs|exec|setsid|stdbuf|ionice|chrt|time|watch|strace|su|doas)"
        r":( failed to (run|execute) command)? ?\S+: no such file|: cannot execute: |\S+sh: \S+: not found",
        (
            "fish: Unknown command: ss",
            "ksh: ss: not found [No such file or directory]",
            "/usr/bin/env: 'python': No such file or directory",
            "timeout: failed to run command 'ss': No such file or directory",
            "xargs: lsof: No such file or directory",
            "bash: /usr/bin/ss: cannot execute: required file not found",
            "bash: line 1: jcmd: command not found",
            "sh: 1: redis-cli: not found",
            "foo: applet not found",
            'OCI runtime exec failed: exec: "ps": executable file not found in $PATH',
            "Command 'ss' is not installed, but can be installed with:",
        ),
    ),
    Words(
        "file not found",
        r"no such (file|container|object|image|volume|unit|service|pod|table|database|host|device|process|node)"
        r"|no journal files were found|could not be found|cannot find|can't find|couldn't find|does(n't| not) exist"
        r"|not a regular file|\bnot found\b|unknown (unit|service|container|database|table)|not a directory"
        r"|no matching (file|container|unit)|is a directory|no such|doesn't have a (resource|command)"
        r"|no persistent journal was found",
        (
            "ls: cannot access '/var/log/x*.log': No such file or directory",
            "Error: No such container: shop",
            "Error response from daemon: No such container: shop",
            'Error from server (NotFound): pods "shop-1" not found',
            "Unit nosuch.service could not be found.",
            "No journal files were found.",
            "/var/log/app: not a regular file",
            'psql: error: FATAL:  database "shop" does not exist',
            "tail: error reading '/var/log': Is a directory",
            'error: the server doesn\'t have a resource type "podz"',
            "Specifying boot ID or boot offset has no effect, no persistent journal was found.",
        ),
    ),
    # --- Services that do not answer, and devices that fail ---------------------------------------------------------
    Words(
        "timed out",
        r"time(d? |d)?out\b(?!=)|deadline exceeded",
        ("curl: (28) Operation timed out after 5001 milliseconds", "error: context deadline exceeded"),
    ),
    Words(
        "failed",
        r"connection refused|was refused|(could|can|cannot|can't|unable|failed)( not)?( to)? connect"
        r"|is the .* (daemon|server) running"
        r"|not been booted with systemd|no route to host|network is unreachable|name or service not known"
        r"|could not resolve|no such host|connection (was )?(reset|closed|lost)|is not running|unable to perform"
        r"|server (closed|has gone)|unavailable|error response from daemon|couldn't connect|ECONN(REFUSED|RESET)"
        r"|(connection|cluster|server|host|database system|link with master|service|daemon|node) "
        r"(failed|is (down|starting up|shutting down|not responding))|host is down|lost connection|empty reply"
        r"|too many (connections|clients)|connection slots|\b(LOADING|MASTERDOWN|CLUSTERDOWN)\b|is sealed\b"
        r"|error connecting|not currently running|not reachable|\b5\d\d (bad gateway|service|internal|gateway)"
        r"|returned error: 5\d\d|\bSSL\b|\bTLS\b|\bx509\b|certificate|waiting to start|container state improper"
        r"|on running containers|no configuration has been provided|current-context|does not support reading"
        r"|nodedown|handshake",
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            "Could not connect to Redis at 127.0.0.1:6379: Connection refused",
            "Failed to connect to bus: Host is down",
            "Error: unable to perform an operation on node 'rabbit@mq1'. Please see diagnostics information",
            "The connection to the server 10.0.0.1:6443 was refused - did you specify the right host or port?",
            "Error response from daemon: Container 7f is not running",
            "Error: can only create exec sessions on running containers: container state improper",
            "Error: configured logging driver does not support reading",
            'Error from server (BadRequest): container "app" in pod "shop-1" is waiting to start: ContainerCreating',
            "error: current-context is not set",
            "error: no configuration has been provided, try setting KUBERNETES_MASTER environment variable",
            "Unable to connect to the server: x509: certificate has expired or is not yet valid",
            "ERROR 1040 (HY000): Too many connections",
            "ERROR 2013 (HY000): Lost connection to MySQL server at 'reading initial communication packet'",
            "psql: error: FATAL:  the database system is starting up",
            "psql: error: FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
            "(error) LOADING Redis is loading the dataset in memory",
            "(error) MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "(error) CLUSTERDOWN The cluster is down",
            "MongoNetworkError: connect ECONNREFUSED 127.0.0.1:27017",
            "Error: unable to connect to node rabbit@mq1: nodedown",
            "curl: (52) Empty reply from server",
            "curl: (60) SSL certificate problem: self-signed certificate",
            "curl: (22) The requested URL returned error: 503",
            "wget: server returned error: HTTP/1.1 502 Bad Gateway",
            "Error: Error initializing vault client: vault is sealed",
            "Error: cluster is not currently running on this node",
        ),
    ),
    Words(
        "failed",
        r"input/output error|stale (nfs )?file handle|no space left|too many open files|cannot allocate memory"
        r"|out of memory|read-only file system|resource temporarily unavailable|transport endpoint|bad file descriptor"
        r"|structure needs cleaning|remote i/o error|device or resource busy|segmentation fault|core dumped|\bkilled\b"
        r"|host is down|software caused connection abort|no child processes|error while loading shared libraries"
        r"|required key not available|key has expired|no data available|no medium found|value too large"
        r"|too many levels of symbolic links|file name too long|exec format error|bad message|is truncated, ignoring"
        r"|protocol not supported|operation not supported|cannot assign requested address|insufficient memory"
        r"|during initialization of vm|is corrupt(ed)?\b|bus error|quota exceeded|text file busy|\bcan(no|')t fork\b",
        (
            "cat: /var/log/app.log: Input/output error",
            "ls: cannot open directory '/srv': Stale file handle",
            "bash: fork: Cannot allocate memory",
            "sh: 1: Cannot fork",
            "sh: can't fork: Resource temporarily unavailable",
            "cat: /mnt/x: Transport endpoint is not connected",
            "cat: /mnt/x: Host is down",
            "ls: cannot access '/mnt/gluster': Software caused connection abort",
            "bash: fork: retry: No child processes",
            "/bin/cat: error while loading shared libraries: libselinux.so.1: cannot open shared object file",
            "cat: /data/x: Required key not available",
            "cat: /dev/sr0: No medium found",
            "cat: /x: Too many levels of symbolic links",
            "bash: /usr/bin/ss: cannot execute binary file: Exec format error",
            "Failed to iterate through journal: Bad message",
            "Journal file /var/log/journal/x/system.journal is truncated, ignoring file.",
            "Cannot open netlink socket: Protocol not supported",
            "Failed to search journal ACL: Operation not supported",
            "Failed to get journal fields: Cannot assign requested address",
            "Error occurred during initialization of VM",
            "There is insufficient memory for the Java Runtime Environment to continue.",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class SilentAnswer:
    """What is known of an answer that holds no output, or no more than a title; all texts are redacted."""

    exit_status: int | None
    stderr: tuple[SafeText, ...]
    """Its lines."""
    is_command: bool
    """A command of the user's or of a preset; else FailTale's own reading of a file or a journal."""
    filter_failed: bool
    privilege: SafeText
    """What the SSH user needs, for a refusal; empty when nobody says."""


def silence_of(answer: SilentAnswer) -> tuple[GapReason, SafeText] | None:
    """Why an answer is silent, in the words of the host; None where it is empty, or has failed in a way of its own.

    A command that failed with words that nobody knows is left to its reader: its stderr is shown as it is.
    """
    told = [(line, meaning(line)) for line in answer.stderr if line.strip() and meaning(line) != "harmless"]
    for line, reason in sorted(told, key=_weight_of_reason):
        if reason == "unknown" or reason == "harmless" or reason == "failed" or _is_programs_own(answer, reason):
            continue
        said = derived(str.strip, line)
        if reason == "command not found" and not answer.is_command and _OWN_PROGRAM.search(line):
            return reason, our_words(
                "{}; FailTale reads logs on a host with '{}', which POSIX asks of each: install it (or BusyBox), or "
                "put where it is into the PATH of the login",
                said,
                derived(_own_program_in, said),
            )
        if reason == "permission denied" and answer.privilege:
            return "permission denied", our_words("{}; needs {}", said, answer.privilege)
        return reason, said
    if answer.filter_failed:
        return "could not tell", our_words("the filter 'grep' failed, so nobody knows whether there was something")
    if told and answer.exit_status in (0, None):
        line, reason = next((each for each in told if each[1] == "failed"), told[-1])
        return "failed" if reason == "failed" else "could not tell", derived(str.strip, line)
    return None


def _own_program_in(text: str) -> str:
    found = _OWN_PROGRAM.search(text)
    return found[1] if found else ""


_OWN_PROGRAM = regex(r"\b(awk|cat|cut|grep|head|ls|sed|sort|tail|tr|wc)\b['\"`]?: (?:command )?not found")
"""What our own reading of logs starts on a host."""


@cache
def _patterns_of_words() -> tuple[tuple[re.Pattern[str], GapReason | None], ...]:
    return tuple((re.compile(row.pattern, re.IGNORECASE), row.reason) for row in WORDS)


Meaning = GapReason | Literal["harmless", "unknown"]


def meaning(line: str) -> Meaning:
    """What a line on stderr means."""
    line = line[:2000]
    return next((reason or "harmless" for pattern, reason in _patterns_of_words() if pattern.search(line)), "unknown")


_ORDER = ("permission denied", "command not found", "file not found", "timed out")


def _weight_of_reason(told: tuple[SafeText, Meaning]) -> int:
    """A refusal explains more than what follows from it."""
    return _ORDER.index(told[1]) if told[1] in _ORDER else len(_ORDER)


def _is_programs_own(answer: SilentAnswer, reason: str) -> bool:
    """Whether a failing program speaks of what it needs itself (psql's socket), not of what it was to read."""
    return reason in ("file not found", "timed out") and answer.is_command and answer.exit_status not in (0, None)


def last_words(lines: Sequence[SafeText]) -> SafeText:
    """``: `` and the last line, or nothing."""
    return our_words(": {}", derived(str.strip, lines[-1])) if lines else our_words("")
