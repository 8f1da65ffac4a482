"""A host of the configuration -> what its administrator runs there: an account that can use its gate, and nothing else.

The script (`on_host/prepare.sh`) holds the gate, so it is all that has to reach the host.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from FailTaleLibrary.config import Collector
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.gate.script import GateScript
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.text import one_line
from FailTaleLibrary.windows.pipeline import assignments, shell_quote

ACCOUNT_PATTERN = r"[a-z_][a-z0-9_-]{0,30}"
_FROM_PATTERN = r"[A-Za-z0-9.:/*?!_-]+(,[A-Za-z0-9.:/*?!_-]+)*"
_LINE_OF_KEY = r"(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [^\n\"\\]*)?"
_LOG_FOLDERS = "/var/log/"
_OPERATORS = re.compile(r"[();<>|&]+")
_REDIRECTION = re.compile(r"(?<!\S)\d*[<>]{1,2}(&\d|&-|\s*[^\s;|&()]+)")
_AS_ROOT_ALREADY = '$([ "$(id -u)" = 0 ] || echo sudo -n)'
"""How presets write `sudo -n` for everybody but root."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who may use a gate, and from where."""

    name: str = "failtale"
    allowed_from: str = ""
    """Addresses as `from=` of sshd takes them; empty: from anywhere."""
    public_key: str = ""
    """A line of a `.pub` file."""
    certificate_authority: str = ""
    """The public key of who signs the runners' keys, as a line of a `.pub` file."""

    def __post_init__(self) -> None:
        """Raises ConfigError for what would be something else in a file of sshd or sudo."""
        if not re.fullmatch(ACCOUNT_PATTERN, self.name):
            raise ConfigError(f"'{self.name}' is not a name of an account; use a-z, 0-9, '_' and '-'.")
        if self.allowed_from and not re.fullmatch(_FROM_PATTERN, self.allowed_from):
            raise ConfigError(f"'{self.allowed_from}' are no addresses; write them as '192.0.2.7,198.51.100.0/24'.")
        for key in (self.public_key, self.certificate_authority):
            if key and not re.fullmatch(_LINE_OF_KEY, key):
                raise ConfigError("A public key is one line, as 'ssh-keygen -y' prints it.")
        if not self.public_key and not self.certificate_authority:
            raise ConfigError("No public key; name its file with '--key', or who signs keys with '--ca'.")

    @property
    def home(self) -> str:
        """Root's, so that nothing that the account runs can change what lets it in."""
        return f"/var/lib/{self.name}"

    @property
    def gate(self) -> str:
        """Where its gate lies."""
        return f"/usr/local/lib/failtale/{self.name}.gate"

    @property
    def restrictions(self) -> str:
        """What a key or a certificate of it may do."""
        addresses = f',from="{self.allowed_from}"' if self.allowed_from else ""
        return f'restrict,command="{self.gate}"{addresses}'

    def signing_line(self, key_file: str) -> str:
        """What signs a runner's key for this account, with the same restrictions in the certificate itself."""
        source = (
            [f"-O source-address={self.allowed_from}"] if re.fullmatch(r"[0-9a-fA-F.:/,]+", self.allowed_from) else []
        )
        options = ["-O clear", f"-O force-command={self.gate}", *source]
        return f"ssh-keygen -s CA_KEY -I {self.name} -n {self.name} -V +52w {' '.join(options)} {shlex.quote(key_file)}"


def preparation(
    account: Account,
    gate: GateScript,
    collectors: Sequence[Collector],
    *,
    host: str,
    prefixes: Sequence[Sequence[str]] = (),
) -> str:
    """The script that an administrator runs as root; with the word ``undo`` behind its name it takes all of it away."""
    rules = [*(rule for collector in collectors for rule in sudo_rules(collector)), *inside_rules(prefixes)]
    settings = [
        ("account", account.name),
        ("home", account.home),
        ("gate", account.gate),
        ("shell", "/bin/sh"),
        ("groups", " ".join(wanted_groups(collectors))),
        ("keys_line", f"{account.restrictions} {account.public_key}" if account.public_key else ""),
        ("ca_line", account.certificate_authority),
        ("principals_line", f"{account.restrictions} {account.name}"),
    ]
    end = f"FAILTALE_GATE_{gate.digest}"
    head = (
        f"Prepares '{one_line(host)}' for FailTale: run it there as root, and again when it has changed.",
        "With the word 'undo' behind its name it takes away what it made.",
        *notes_on(collectors),
    )
    lines = (f"  rule {shell_quote(rule.program)} {shell_quote(rule.arguments)}\n" for rule in dict.fromkeys(rules))
    return "".join(
        [
            "#!/bin/sh\n",
            *(f"# {line}\n" for line in head),
            assignments(settings),
            f"gate_text() {{\ncat <<'{end}'\n{gate.text}{end}\n}}\n",
            "sudo_rules() {\n  :\n",
            *lines,
            "}\n",
            f'{host_script("prepare.sh")}main "$@"\n',
        ]
    )


# --- What the collectors need -----------------------------------------------------------------------------------------


def wanted_groups(collectors: Sequence[Collector]) -> tuple[str, ...]:
    """The groups that let an account read logs and journals; `docker`, which is root, is none of them."""
    groups = []
    if any(path.startswith(_LOG_FOLDERS) for collector in collectors for path in collector.file):
        groups.append("adm")
    if any(each.journal is not None or "journalctl" in (each.command or "") for each in collectors):
        groups.append("systemd-journal")
    return tuple(groups)


def notes_on(collectors: Sequence[Collector]) -> Iterator[str]:
    """What the script does not give, in sentences."""
    for collector in collectors:
        command = collector.command or ""
        if re.search(r"\b(docker|podman)\b", command) and "sudo" not in command:
            yield (
                f"{collector.name}: needs docker. The group 'docker' is as good as root, so it is not given; write the "
                "command with 'sudo -n', and exactly that command gets a rule."
            )
        if "sudo" in command and not tuple(sudo_rules(collector)):
            yield f"{collector.name}: its sudo command has parts that only a shell knows; write its rule by hand."


@dataclass(frozen=True, slots=True)
class SudoRule:
    """One command that may run as root, with exactly these arguments."""

    program: str
    arguments: str
    """As sudoers takes them; ``""`` for none at all."""


def sudo_rules(collector: Collector) -> Iterator[SudoRule]:
    """The rules for what a command runs by `sudo`; none where a word of it is known to the shell alone."""
    command = (collector.command or "").replace(_AS_ROOT_ALREADY, "sudo -n")
    for line in command.splitlines() if "sudo" in command else ():
        for words in _simple_commands(_REDIRECTION.sub(" ", line)):
            rule = _rule_of(words)
            if rule is not None:
                yield rule


def inside_rules(prefixes: Iterable[Sequence[str]]) -> Iterator[SudoRule]:
    """The rules for prefixes that begin with `sudo`, each for one container: what follows is run in there.

    None for `sudo` alone, which is a shell of root.
    """
    for prefix in prefixes:
        rest = list(prefix[1:]) if prefix[:1] == ("sudo",) else []
        while rest and rest[0].startswith("-"):
            if rest.pop(0) in ("-u", "--user"):
                rest = []
        if rest:
            program, *arguments = rest
            words = " ".join(map(_sudoers_word, arguments))
            yield SudoRule(program.rsplit("/", 1)[-1], f"{words} sh -c *")


def _simple_commands(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    try:
        for word in lexer:
            if _OPERATORS.fullmatch(word):
                yield words
                words = []
            else:
                words.append(word)
    except ValueError:  # a quotation that goes on in the next line
        return
    yield words


def _rule_of(words: Sequence[str]) -> SudoRule | None:
    """Of the words of one command."""
    if "sudo" not in words:
        return None
    rest = list(words[words.index("sudo") + 1 :])
    while rest and rest[0].startswith("-"):
        if rest.pop(0) in ("-u", "--user") and rest and rest.pop(0) != "root":
            return None
    if not rest or any(re.search(r"[$`\n]", word) for word in rest):
        return None
    program, *arguments = rest
    return SudoRule(program.rsplit("/", 1)[-1], " ".join(map(_sudoers_word, arguments)) or '""')


def _sudoers_word(word: str) -> str:
    r"""An argument as sudoers takes it, where ``,``, ``:``, ``=`` and ``\`` mean something, and so do wildcards."""
    return re.sub(r"([\\,:=*?\[\]!\s])", r"\\\1", word) or '""'
