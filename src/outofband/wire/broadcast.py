"""One line typed at many consoles: whether it may go to each, and what came back. Pure.

The portal's grid follows the same rules (`web/src/console/broadcast`); what both have to agree on is in
tests/support/broadcast_vectors.json.
"""

from __future__ import annotations

import codecs
import enum
import re

import msgspec

from outofband.wire.portstate import PortState

READERS = (
    PortState.SHELL,
    PortState.LOGIN,
    PortState.SAC,
    PortState.SAC_FAILED,
    PortState.GRUB,
    PortState.BOOT_MANAGER,
    PortState.FIRMWARE,
    PortState.KERNEL_DEBUGGER,
    PortState.UNKNOWN,
)
"""States in which something may read a line."""
COME_BACK = frozenset({PortState.SHELL, PortState.SAC, PortState.SAC_FAILED, PortState.GRUB})
"""Those whose prompt comes again when a command is done."""
MAX_LINE = 4095
"""Bytes: a terminal that reads lines keeps no more of one."""
SAC_LINE = 77
"""The same of SAC's own prompt."""
MAX_OUTPUT = 256 * 1024
"""Characters kept of an answer, the newest."""
ECHO_SECONDS = 10.0
"""Without an echo for so long there will be none."""
PROMPT_SECONDS = 0.3
"""What looks like a prompt may be the middle of a line, until nothing came for so long."""
QUIET_SECONDS = 1.5
"""Where no prompt is to come back, output is over when nothing came for so long."""

_JUMP = re.compile("\x1b\\[(?:\\d*(?:;\\d*)?[Hf]|[23]J)")
_SEQUENCE = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[^\\[\\]])")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_KERNEL = re.compile(r"\[ *\d+\.\d{6}\] [^\r\n]*(?:[\r\n]+|$)")
"""What the kernel says by itself, at the beginning of a line or behind a prompt."""
_BREAKS = re.compile(r"[\r\n]+")
_BLANKS = re.compile(r"\s+")
_TAIL = 8192
"""Characters at the end of an output in which a prompt is looked for."""
_PROMPTS: dict[str, re.Pattern[str]] = {
    PortState.SHELL: re.compile(r"(?:(?:^|[\w~/\])\s-])[$#]|^\(initramfs\))\Z", re.ASCII),
    PortState.SAC: re.compile(r'(?:^SAC|(?:^|\s)[A-Z]:\\[^<>|"?*]*)>\Z'),
    PortState.SAC_FAILED: re.compile(r"^!SAC>\Z"),
    PortState.GRUB: re.compile(r"^grub(?: rescue)?>\Z"),
    PortState.LOGIN: re.compile(r"\blogin:\Z"),
}


def cleaned(output: str) -> str:
    """Output without what a terminal obeys and without messages of a kernel in between."""
    return _KERNEL.sub("", _CONTROL.sub("", _SEQUENCE.sub("", _JUMP.sub("\n", output))))


def lines_of(text: str) -> list[str]:
    """Lines of cleaned output; empty ones are left out."""
    return [line for line in (each.rstrip() for each in _BREAKS.split(text)) if line]


def open_line_of(text: str) -> str:
    """The line that cleaned output has not ended: where a person types."""
    return (lines_of(text.rpartition("\n")[2]) or [""])[-1]


def is_prompt(state: str, line: str) -> bool | None:
    """Whether a line is a prompt with nothing typed at it; None where nobody knows how one looks."""
    pattern = _PROMPTS.get(state)
    return None if pattern is None else pattern.search(line) is not None


class Kind(enum.StrEnum):
    """Why a console is left out."""

    NOT_CONNECTED = "notConnected"
    ONLY_WATCHING = "onlyWatching"
    """This person may not type there."""
    OTHERS_TYPE = "othersType"
    """`about` names who."""
    STOPPED = "stopped"
    TYPING = "typing"
    """A paste or typed keys are still on their way."""
    STATE_NOT_TOLD = "stateNotTold"
    OTHER_STATE = "otherState"
    """`about` is the state."""
    NO_PROMPT = "noPrompt"
    """A program runs, or something is typed at the prompt already."""


class Obstacle(msgspec.Struct, frozen=True):
    kind: Kind
    about: str = ""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What is seen of one console. `writer`: somebody else who types there. `shows`: a name of PortState, ""
    while its host does not tell. `line`: at whose end the guest stands, as `open_line_of`.
    """

    connected: bool
    may_type: bool = True
    writer: str | None = None
    stopped: bool = False
    typing: bool = False
    shows: str = ""
    line: str = ""


def obstacle_of(look: Look, wanted: str) -> Obstacle | None:
    """None when everything is as `wanted`, a name of READERS."""
    if not look.connected:
        return Obstacle(Kind.NOT_CONNECTED)
    if look.writer is not None:
        return Obstacle(Kind.OTHERS_TYPE, look.writer)
    if not look.may_type:
        return Obstacle(Kind.ONLY_WATCHING)
    if look.stopped:
        return Obstacle(Kind.STOPPED)
    if look.typing:
        return Obstacle(Kind.TYPING)
    if not look.shows:
        return Obstacle(Kind.STATE_NOT_TOLD)
    if look.shows != wanted:
        return Obstacle(Kind.OTHER_STATE, look.shows)
    return Obstacle(Kind.NO_PROMPT) if is_prompt(wanted, look.line) is False else None


class Outcome(enum.StrEnum):
    WAITING = "waiting"
    """Nothing came back yet."""
    NOT_ECHOED = "notEchoed"
    RUNNING = "running"
    """It was echoed; what came after has no prompt at its end yet."""
    ECHOED = "echoed"
    """It was echoed, and no prompt is to come back."""
    DONE = "done"
    LOST = "lost"
    """The connection or the keyboard was lost before the prompt came back."""


class Answer:
    """What comes after `text` (one line, without its end) was typed at a port in a state. Times in seconds of
    one clock.
    """

    def __init__(self, text: str, state: str, now: float) -> None:
        self._text = _BLANKS.sub("", text)
        self._state = state
        self._began = self._heard = now
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._output = ""
        self._echoed = not self._text
        self._cut = False
        """The echo is not in the output any more: all that is left comes after it."""
        self._prompt = self._lost = False

    @property
    def echoed(self) -> bool:
        """All of the line was seen coming back."""
        return self._echoed

    @property
    def lines(self) -> list[str]:
        """What the guest answered, without echo and prompt."""
        answered = self._answered() or []
        return answered[:-1] if self._prompt else answered

    def printed(self, output: bytes, now: float) -> None:
        self._heard = now
        self._output += self._decoder.decode(output)
        if not self._echoed:
            self._echoed = self._answered() is not None
        if self._echoed and self._state in COME_BACK:
            line = open_line_of(cleaned(self._output[-_TAIL:]))
            # The echo of a command may end as a prompt does: an answer has a line after it.
            self._prompt = is_prompt(self._state, line) is True and bool(self._answered())
        if len(self._output) > MAX_OUTPUT:
            self._output = self._output[-MAX_OUTPUT:]
            self._cut = self._echoed

    def lose(self) -> None:
        """The console was lost, or is another person's."""
        self._lost = not self._prompt

    def outcome(self, now: float) -> Outcome:
        if self._prompt and now - self._heard >= PROMPT_SECONDS:
            return Outcome.DONE
        if self._lost:
            return Outcome.LOST
        if not self._echoed:
            return Outcome.NOT_ECHOED if now - self._began >= ECHO_SECONDS else Outcome.WAITING
        quiet = self._state not in COME_BACK and now - self._heard >= QUIET_SECONDS
        return Outcome.ECHOED if quiet else Outcome.RUNNING

    def _answered(self) -> list[str] | None:
        """Lines after the echo, which a terminal may break anywhere; None while that is not there."""
        lines = lines_of(cleaned(self._output))
        if self._cut or not self._text:
            return lines
        seen = ""
        for number, line in enumerate(lines):
            seen += _BLANKS.sub("", line)
            if self._text in seen:
                return lines[number + 1 :]
        return None


def asks_status(tag: str) -> str:
    """The line that has a shell tell the exit status of the one before it; its echo does not look like it."""
    return f"echo {tag[:1]}''{tag[1:]}=$?"


def status_in(lines: list[str], tag: str) -> int | None:
    """The exit status that the shell told, None where it told none."""
    found = [re.fullmatch(rf"{re.escape(tag)}=(\d{{1,3}})", line) for line in lines]
    numbers = [int(each[1]) for each in found if each is not None]
    return numbers[-1] if numbers else None
