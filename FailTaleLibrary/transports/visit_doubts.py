"""A login that does not begin -> whether it is slow, or starts no shell: a menu, a prompt, a filter in between.

No time alone tells a slow shell from a menu. What tells is an end of input, at which a menu or a prompt ends.
"""

from __future__ import annotations

import math
import re
import time

from FailTaleLibrary.lazy import regex
from FailTaleLibrary.text import decode, shorten
from FailTaleLibrary.transports.visit_host import ShellHost
from FailTaleLibrary.transports.visit_lane import WORDS_SHOWN, Lane
from FailTaleLibrary.transports.visit_request import MakeRequest

SUSPICIOUS_S = 1.5
"""Without a hello for so long, a login may have no shell. A second one, whose input has ended, then tells."""
_PROMPT_S = 2.5
"""Where nothing follows a prompt for so long there is no shell, whether or not a login minds the end of its input."""
_PROMPT_AGAIN_S = 0.5
"""The same of its second start, which began later."""
_WAITS_FOR_INPUT = (
    "whose words come before its input ends: a filter holds its output back, or something has to be typed; "
    "FailTale types nothing"
)
_DOES_NOTHING = "that does what it is sent (does a filter stand in between?)"
_PROMPTS = "but a prompt, which goes on beyond the end of its input; FailTale types nothing"
_REFUSES = "but words that refuse it, and does not end with them"
_OTHER_WORDS = "whose output comes as it is printed: a terminal (as of 'script') or a filter stands in between"
"""What the shell of a login lacks; see `ShellHost.no_shell`."""
_CONTROLS = regex(rb"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[=>78])|[\r\0\x07\b]")
"""What a terminal would not show."""
_PROMPT = regex(
    rb"(?:[\w)\]~:/](?: ?[>#$]|>>)|\w(?:->|=[>#])|>>>|\xe2\x9d\xaf|(?:\A|\n)\([\w+-]+\)|"
    rb"(?:password|passcode|passphrase|code|pin|token|login|user(?:name)?|choice|option|select(?:ion)?|enter|number|target|"
    rb"host|accept|agree|continue|proceed)[^\n]{0,20}[:?>]|"
    rb"[\[(]y(?:es)?/n(?:o)?[^\n]{0,16}[\])][:?]?|press [^\n]{1,40}|--more--[^\n]{0,20}) ?\Z",
    re.IGNORECASE,
)
"""The end of what waits for something to be typed. A `%` would also be that of a program which tells how far it is, and
a `=>` without a word ahead of it that of its bar."""
_REFUSAL = regex(
    rb"please log ?in as the user|not (?:permitted|allowed|authori[sz]ed) to (?:execute|run|use|log|access)|"
    rb"no(?:t provide)? shell access|connections only|(?:account|user|login)[^\n]{0,20} is (?:currently )?"
    rb"(?:not available|disabled|locked|expired|restricted|suspended)",
    re.IGNORECASE,
)
"""What says no for good, and may stay for some seconds so that it is read: the key of root in an image of a cloud."""
_LACKS_EXEC = regex(
    rb"\bexec\b[^\n]*(?:not found|no such file|ENOENT)|(?:not found|no such file)[^\n]*\bexec\b", re.IGNORECASE
)
"""Of a server that starts programs by itself, without a shell that would know `exec`."""
_OWN_LINES = re.compile(rb"\x1efailtale \d+ (?:stderr|ready)[^\n]*\n?")
"""Of the scripts, among the words of a login."""


class LoginDoubts:
    """Of one visit. What raises, raises the host's error for a login that starts no shell."""

    def __init__(self, host: ShellHost, make_request: MakeRequest, *, ends_at: float) -> None:
        self.probe: Lane | None = None
        """A second start of a login that says nothing; its input has ended."""
        self._host = host
        self._make_request = make_request
        self._ends_at = ends_at

    def look_for_hello(self, lane: Lane) -> None:
        """Of a login that has not said hello yet. Raises the host's error for one that never will."""
        elapsed_s = time.monotonic() - lane.began
        if lane.said_hello_in_other_words and (lane.shell.ended or elapsed_s > SUSPICIOUS_S):
            raise self._host.no_shell(login_words(lane.talk), lacks=_OTHER_WORDS)
        if lane.shell.ended:
            raise self._host.no_shell(login_words(lane.talk), lacks=lane.shell.why_no_shell())
        last = _last_word(lane, _PROMPT_S)
        if last and (lane.is_doubted or self._ends_so_again(last)):
            self._judge_early(lane.talk, last)
        if elapsed_s > self._host.hello_s:
            self._host.known.was_silent()
            self._host.known.ignores_end = self.probe is None or not self.probe.said_hello
            raise self._host.no_shell(login_words(lane.talk), lacks=f"within {self._host.hello_s:g} s")
        if self.probe is not None:
            self._learn_from(self.probe, lane)
        elif elapsed_s > lane.patience_s:
            raise self._host.no_shell(login_words(lane.talk), lacks=_WAITS_FOR_INPUT)
        elif elapsed_s > SUSPICIOUS_S and self._can_tell_by_an_end(lane):
            self._suspect(lane)

    def tells_to_lack_exec(self, lane: Lane) -> bool:
        """Whether a login, or its second start, has ended with the words that it knows no `exec`.

        A menu or a prompt that says so goes on, and only the second start ends.
        """
        starts = [lane, *([self.probe] if self.probe is not None else [])]
        return any(each.shell.ended and lacks_exec(each.talk) for each in starts)

    def look_for_start(self, lane: Lane) -> None:
        """Of a login whose shell has said hello and not begun. Raises the host's error for one that never will."""
        within_s = 2 * self._host.hello_s
        if lane.started_in_other_words:
            raise self._host.no_shell(login_words(lane.talk), lacks=_OTHER_WORDS)
        if time.monotonic() - lane.hello_at > within_s and not lane.has_more_to_send and not lane.shell.was_cut:
            raise self._host.no_shell(login_words(lane.talk), lacks=f"{_DOES_NOTHING} within {within_s:g} s")

    def end_probe(self) -> None:
        probe, self.probe = self.probe, None
        if probe is not None:
            probe.shell.close()

    def _can_tell_by_an_end(self, lane: Lane) -> bool:
        """Whether an end of input would show what the login is; if so, it is tried once."""
        login = self._host.known
        return not (login.is_program or login.ignores_end or lane.is_doubted) and math.isinf(lane.patience_s)

    def _suspect(self, lane: Lane) -> None:
        """Of a login that says nothing: start it again beside, with an end of input.

        A menu or a prompt ends then, and a slow shell goes on: it pays for its start once.
        """
        probe = Lane(self._make_request, self._host.known, lasts_s=self._ends_at - time.monotonic())
        shell = self._host.start_another(probe.command_line, wait_s=max(0.1, self._ends_at - time.monotonic()))
        if shell is None:  # one session at a time: hang up on that one, and visit again if it says hello then
            lane.is_doubted = True
            lane.hang_up()
            return
        probe.shell = shell
        probe.hang_up()
        self.probe = probe

    def _learn_from(self, probe: Lane, lane: Lane) -> None:
        """Raises the host's error once the second start shows that the first one has no shell, or waits for input."""
        elapsed_s = time.monotonic() - lane.began
        if probe.said_hello:
            if math.isinf(lane.patience_s):
                lane.patience_s = elapsed_s + SUSPICIOUS_S + elapsed_s / 2
            if elapsed_s > lane.patience_s:
                self._judge_early(lane.talk or probe.talk, _WAITS_FOR_INPUT)
        elif lacks_exec(probe.talk) and not self._host.known.lacks_exec:
            return  # it is begun in other words
        elif probe.shell.ended and not probe.shell.was_cut:
            lacks = _OTHER_WORDS if probe.said_hello_in_other_words else ""
            raise self._host.no_shell(login_words(lane.talk or probe.talk), lacks=lacks)

    def _judge_early(self, talk: bytearray, lacks: str) -> None:
        """Raises the host's error ahead of the time that a hello may take; the next visit then has all of it, once."""
        if not self._host.known.gets_all_its_time:
            self._host.known.was_judged_early()
            raise self._host.no_shell(login_words(talk), lacks=lacks)

    def _ends_so_again(self, last: str) -> bool:
        """Whether its second start comes to the same and goes on, too, though its input has ended, or would."""
        probe = self.probe
        if probe is None:
            return self._host.known.had_all_its_time
        return not probe.shell.ended and _last_word(probe, _PROMPT_AGAIN_S) == last


def lacks_exec(talk: bytearray) -> bool:
    """Whether a server that starts programs by itself has said that it knows no `exec`."""
    return _LACKS_EXEC.search(talk) is not None


def _last_word(lane: Lane, silent_s: float) -> str:
    """What tells that no shell comes, behind which nothing has come for so long: a prompt or a refusal; else empty."""
    if lane.said_hello or time.monotonic() - lane.heard_at < silent_s:
        return ""
    if any(_PROMPT.search(_CONTROLS.sub(b"", words)) for words in lane.last_words):
        return _PROMPTS
    return _REFUSES if _REFUSAL.search(_CONTROLS.sub(b"", bytes(lane.talk[-1000:]))) else ""


def login_words(talk: bytearray) -> str:
    """What a login said, in one line for a reader."""
    return shorten(" ".join(decode(_OWN_LINES.sub(b"", bytes(talk))).split()), WORDS_SHOWN)
