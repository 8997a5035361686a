"""What a key has to be at the guest: a terminal's own bytes (xterm), turned into what the port reads now.

A Linux guest, GRUB and SeaBIOS read xterm's sequences (VT). Windows' Special Administration Console, its boot
manager on the same port and EDK2 with a VT-UTF8 terminal read Microsoft's VT-UTF8, in which F8 is `ESC 8`.
The prompt `SAC>` itself has a line editor without any such key and would print `[A` for an arrow: there they
are left out. `python -m tests.support.portal_keys` writes the tables for the portal.
"""

from __future__ import annotations

import enum
import re

ESC = b"\x1b"
ALONE_SECONDS = 0.05
"""An ESC that nothing followed for so long was the key Esc, not the beginning of another one."""


class Layout(enum.StrEnum):
    """What a port reads."""

    VT = "vt"
    VT_UTF8 = "vtUtf8"
    SAC_LINE = "sacLine"
    """The prompt of SAC: text, Enter, Backspace and ESC-TAB; no other key."""


class Key(enum.StrEnum):
    UP = "Up"
    DOWN = "Down"
    RIGHT = "Right"
    LEFT = "Left"
    HOME = "Home"
    END = "End"
    INSERT = "Insert"
    DELETE = "Delete"
    PAGE_UP = "PageUp"
    PAGE_DOWN = "PageDown"
    F1 = "F1"
    F2 = "F2"
    F3 = "F3"
    F4 = "F4"
    F5 = "F5"
    F6 = "F6"
    F7 = "F7"
    F8 = "F8"
    F9 = "F9"
    F10 = "F10"
    F11 = "F11"
    F12 = "F12"


_ARROWS = dict(zip((Key.UP, Key.DOWN, Key.RIGHT, Key.LEFT, Key.END, Key.HOME), "ABCDFH", strict=True))
_FUNCTION = [key for key in Key if key.value[0] == "F"]
_NUMBERS = {Key.INSERT: 2, Key.DELETE: 3, Key.PAGE_UP: 5, Key.PAGE_DOWN: 6} | dict(
    zip(_FUNCTION[4:], (15, 17, 18, 19, 20, 21, 23, 24), strict=True)
)

VT: dict[Key, bytes] = (
    {key: f"\x1b[{letter}".encode() for key, letter in _ARROWS.items()}
    | {key: f"\x1bO{letter}".encode() for key, letter in zip(_FUNCTION, "PQRS", strict=False)}
    | {key: f"\x1b[{number}~".encode() for key, number in _NUMBERS.items()}
)
"""xterm's, in their usual form."""
VT_APPLICATION: dict[Key, bytes] = {key: f"\x1bO{letter}".encode() for key, letter in _ARROWS.items()}
"""In the form that full-screen programs ask for (DECCKM)."""
VT_UTF8: dict[Key, bytes] = (
    {key: VT[key] for key in (Key.UP, Key.DOWN, Key.RIGHT, Key.LEFT)}
    | {key: ESC + sign.encode() for key, sign in zip(_FUNCTION, "1234567890!@", strict=True)}
    | {
        Key.HOME: b"\x1bh",
        Key.END: b"\x1bk",
        Key.INSERT: b"\x1b+",
        Key.DELETE: b"\x1b-",
        Key.PAGE_UP: b"\x1b?",
        Key.PAGE_DOWN: b"\x1b/",
    }
)
"""Microsoft's for Emergency Management Services; EDK2's TerminalDxe reads the same."""
BACKSPACE = {Layout.VT: b"\x7f", Layout.VT_UTF8: b"\x08", Layout.SAC_LINE: b"\x08"}
"""VT-UTF8 takes DEL for the key Delete."""

OTHER_FORMS: dict[bytes, Key] = (
    {sequence: key for key, sequence in VT_APPLICATION.items()}
    # rxvt, screen and the Linux console have their own.
    | {b"\x1b[1~": Key.HOME, b"\x1b[7~": Key.HOME, b"\x1b[4~": Key.END, b"\x1b[8~": Key.END}
    | {f"\x1b[{number}~".encode(): key for number, key in zip((11, 12, 13, 14), _FUNCTION, strict=False)}
    | {f"\x1b[[{letter}".encode(): key for letter, key in zip("ABCDE", _FUNCTION, strict=False)}
)
_KEYS = {sequence: key for key, sequence in VT.items()} | OTHER_FORMS
_MODIFIED = re.compile(rb"\x1b\[(?:1;[2-9](?=[A-DFHPQS]$)|(\d\d?);[2-9](?=~$))")
"""With Shift, Alt or Ctrl. Not xterm's F3, which looks as an answer about the cursor's place does."""

_SEQUENCE = re.compile(rb"\x1b(?:\[\[[A-E]|\[[0-?]*[ -/]*[@-Z\\-~]|O[@-~])|\x1b|\x7f")
_BEGUN = re.compile(rb"\x1b(?:\[(?:\[|[0-?]*[ -/]*)|O)?\Z")
MAX_HELD = 32
"""No key is longer; what goes on after that is text."""


class Converter:
    """One person's typing on its way to one port. Nothing is changed but keys the port reads differently."""

    def __init__(self, layout: Layout = Layout.VT) -> None:
        self.layout = layout
        self.dropped = 0
        """Keys left out because the port has none such."""
        self._held = b""

    @property
    def waits(self) -> bool:
        """A sequence has begun: `flush` it when nothing follows within ALONE_SECONDS."""
        return bool(self._held)

    def feed(self, typed: bytes) -> bytes:
        """What the guest gets now, in the layout that holds now."""
        typed, self._held = self._held + typed, b""
        begun = _BEGUN.search(typed)
        if begun is not None and len(begun[0]) <= MAX_HELD:
            typed, self._held = typed[: begun.start()], begun[0]
        return _SEQUENCE.sub(self._converted, typed)

    def flush(self) -> bytes:
        """What was held back, as it is: Esc, or Alt with a bracket."""
        held, self._held = self._held, b""
        return held

    def _converted(self, found: re.Match[bytes]) -> bytes:
        sequence = found[0]
        if sequence == ESC:
            return sequence
        if sequence == b"\x7f":
            return BACKSPACE[self.layout]
        if self.layout is Layout.VT:
            # What xterm itself would send passes, modifiers and application keys included.
            key = None if sequence in VT_APPLICATION.values() else _KEYS.get(sequence)
            return VT[key] if key is not None else sequence
        key = _KEYS.get(_plain(sequence))
        if key is None:
            return sequence
        if self.layout is Layout.VT_UTF8:
            return VT_UTF8[key]
        self.dropped += 1
        return b""


def _plain(sequence: bytes) -> bytes:
    """The sequence without Shift, Alt and Ctrl, which VT-UTF8's function keys do not carry."""
    found = _MODIFIED.match(sequence)
    if found is None:
        return sequence
    final = sequence[-1:]
    if found[1]:
        return b"\x1b[" + found[1] + final
    return (b"\x1bO" if final in b"PQS" else b"\x1b[") + final


SAC_STATES = frozenset({"sac", "sacFailed"})
VT_UTF8_STATES = SAC_STATES | {"bootManager", "healthReport"}
"""States of a port (docs/protocol/console.md) in which Windows reads it."""
_SAC_PROMPT = re.compile(rb"(?:^|[\r\n])!?SAC> *[^\r\n]*\Z")
_SAC_BEGUN = re.compile(rb"(?:^|[\r\n])!?SAC>|\bSAC started and initialized")
_OTHERS = re.compile(rb"login: |Linux version \d|GNU GRUB")
_KEPT = 512
_CSI = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_SHELL = re.compile(rb"(?:^|[\r\n])[^\r\n]{0,120}[\w~/\])\s-][$#] \Z")
"""The prompt of a shell of Unix, with nothing typed at it."""
_LOGIN = re.compile(rb"login: [^\r\n]*\Z")


class Shown:
    """What a port reads, by what it prints. A state that its host tells decides where there is one."""

    def __init__(self) -> None:
        self.state: str | None = None
        self._newest = b""
        self._sac = False
        self._logging_in = False

    def feed(self, output: bytes) -> None:
        newest = self._newest + output[-8 * _KEPT :]
        begun = [found.start() for found in _SAC_BEGUN.finditer(newest)]
        others = [found.start() for found in _OTHERS.finditer(newest)]
        if begun or others:
            self._sac = max(begun, default=-1) > max(others, default=-1)
        self._newest = newest[-_KEPT:]
        if _LOGIN.search(newest) is not None:
            self._logging_in = True

    def restarted(self) -> None:
        """The machine was reset or stopped: what it will be is open again."""
        self._newest, self._sac, self.state = b"", False, None

    @property
    def windows(self) -> bool:
        """SAC, or what of Windows uses the port as SAC does."""
        return self.state in VT_UTF8_STATES if self.state is not None else self._sac

    @property
    def at_sac_prompt(self) -> bool:
        return self.windows and _SAC_PROMPT.search(self._newest) is not None

    @property
    def at_shell(self) -> bool:
        """A shell waits for a command, which `stty` could be."""
        if self.windows or self.state == "grub":
            return False
        return _SHELL.search(_CSI.sub(b"", self._newest)) is not None

    def take_login(self) -> bool:
        """True once for a login that has led to a shell."""
        if not self._logging_in or not self.at_shell:
            return False
        self._logging_in = False
        return True

    @property
    def layout(self) -> Layout:
        if self.at_sac_prompt:
            return Layout.SAC_LINE
        return Layout.VT_UTF8 if self.windows else Layout.VT
