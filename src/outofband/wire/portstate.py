"""What a serial port shows now: a login, a shell, GRUB, SAC, a debugger, or nothing. From its newest bytes.

It answers "what would a key do here?", where the failure detector (`wire.detect`) answers "what is broken?".
Both read the same words: first words of the detector's rules, its prompts, its packets of a debugger. This
one may miss what was printed in between: only the newest few KiB are looked at, and only when there are any.

What a command at a shell prints is not believed, as there: `cat boot.log` is no boot.
"""

from __future__ import annotations

import enum
import re

import msgspec

from outofband.wire.detect import Detector, lines, prompts, windows
from outofband.wire.detect.rules import RULES, split

__all__ = ["LOOK", "WINDOWS", "PortState", "Reader", "Seen", "advance", "reader"]

LOOK = 4096
"""Bytes of a port's log that one look takes, from its end."""
MAX_LINE = 300
"""Bytes of a line that are looked at."""
# The rules are in the table once the detector's modules are there.
assert Detector is not None


class PortState(enum.StrEnum):
    """The names that every wire uses."""

    SAC = "sac"
    """Windows' Special Administration Console, or one of its channels."""
    SAC_FAILED = "sacFailed"
    """`!SAC>`: Windows has stopped, and a few commands are left."""
    HEALTH_REPORT = "healthReport"
    """Windows reports its health here and takes no key: SAC is off."""
    BOOT_MANAGER = "bootManager"
    KERNEL_DEBUGGER = "kernelDebugger"
    LOGIN = "login"
    SHELL = "shell"
    GRUB = "grub"
    FIRMWARE = "firmware"
    SILENT = "silent"
    """Nothing was printed since the guest was started."""
    UNKNOWN = "unknown"
    """A guest prints, and nothing of it says who would read a key: it boots, or a program of its own runs."""


WINDOWS = frozenset({PortState.SAC, PortState.SAC_FAILED})
"""Where Windows' console has the port: SAC itself, or what runs in one of its channels."""


class Reader(enum.Enum):
    """Whose prompt of Windows' console waits."""

    SAC = "sac"
    """SAC's own, which edits a line of 80 columns."""
    CHANNEL = "channel"
    """A command processor's or PowerShell's, in a channel."""


class Seen(msgspec.Struct, frozen=True):
    """What is remembered between two looks. `line`: offset at which the unfinished line begins, where the
    next look begins too. `running`: somebody started a command at the shell.
    """

    state: PortState = PortState.SILENT
    line: int = 0
    running: bool = False


_PROMPTS = {
    "login": PortState.LOGIN,
    "rescue": PortState.GRUB,
    "grub": PortState.GRUB,
    "initramfs": PortState.SHELL,
    "early": PortState.SHELL,
    "shell": PortState.SHELL,
    "sac": PortState.SAC,
    "efi": PortState.FIRMWARE,
    "kdb": PortState.KERNEL_DEBUGGER,
}
_RULES = {
    "firmware": PortState.FIRMWARE,
    "bds": PortState.FIRMWARE,
    "beside": PortState.FIRMWARE,
    "nothing_to_boot": PortState.FIRMWARE,
    "boot_manager": PortState.BOOT_MANAGER,
    "sac_banner": PortState.SAC,
    "health": PortState.HEALTH_REPORT,
    "debugger": PortState.KERNEL_DEBUGGER,
}
_WORDS = {
    **{head: _RULES[rule.name] for rule in RULES if rule.name in _RULES for head in rule.heads},
    "GRUB loading": PortState.GRUB,
    "Welcome to GRUB": PortState.GRUB,
    "GNU GRUB  version": PortState.GRUB,
    "Minimal BASH-like line editing": PortState.GRUB,
    "iPXE ": PortState.FIRMWARE,
    "Booting from ": PortState.FIRMWARE,
    "Loading Linux ": PortState.UNKNOWN,
    "Loading initial ramdisk": PortState.UNKNOWN,
    "Press any key to continue...": PortState.GRUB,
    "*** STOP: 0x": PortState.UNKNOWN,
    "EFI stub: ": PortState.UNKNOWN,
    "Choose an operating system to start": PortState.BOOT_MANAGER,
    "Advanced Boot Options": PortState.BOOT_MANAGER,
    "Press <esc><tab> for next channel.": PortState.SAC,
    "Please enter login credentials.": PortState.SAC,
    "<channel-switch>": PortState.SAC,
    "Give root password for maintenance": PortState.LOGIN,
}
del _WORDS["Recovery"]
"""Too common a word where nothing tells that it is a title."""
_FIRST = re.compile("|".join(map(re.escape, sorted(_WORDS, key=len, reverse=True))))
_SAC_CHANNEL = re.compile(r"(?:PS )?[A-Z]:\\[^<>|\"?*\n]{0,200}>")
"""A prompt of Windows' command processor or PowerShell: on a serial port that is a channel of SAC."""
_MENU = "[EMS Enabled]"
_PANIC = "end Kernel panic - not syncing"
_BARE = re.compile(r"[$#] ?")
_EARLY = frozenset({PortState.FIRMWARE, PortState.GRUB, PortState.SILENT, PortState.BOOT_MANAGER})
"""Where a kernel that speaks is news."""
_SPOKEN = frozenset({PortState.LOGIN, PortState.SHELL})
_ASKS = re.compile(rb"[>#$?]|login: |initramfs\)")
"""In every line that may have a prompt: the pattern of prompts itself is dear."""
_KEYS = frozenset(word.encode()[:4] for word in _WORDS)
_MARKS = re.compile(rb"[\x1b>#$?\[]|login: |initramfs\)|Kernel panic")
_ROW = re.compile(rb"\x1b\[(?:\d{0,4}(?:;\d{0,4})?[Hf]|[23]J)")
_ENDS = bytes.maketrans(b"\r\v\f", b"\n\n\n")


def advance(seen: Seen, offset: int, data: bytes) -> Seen:
    """What the port shows after `data`, printed from `offset` on; the same data again changes nothing.

    `offset` is `seen.line`, or later: then something lies between, and the rest of its line is passed over.
    """
    found = None
    for found in windows.KD_PACKET.finditer(data):  # noqa: B007 - the last one counts
        pass
    if found is not None:
        seen = Seen(PortState.KERNEL_DEBUGGER, offset + found.end())
        offset, data = offset + found.end(), data[found.end() :]
    elif not data:
        return seen
    elif offset > seen.line:
        # Whatever was going on, its beginning is not known any more; a shell's command may still run.
        cut = data.find(b"\n") + 1
        offset, data = offset + cut, data[cut:]
    state, running = seen.state, seen.running
    *whole, last = _rows(data)
    for raw in whole:
        if raw:
            state, running = _line(state, running, raw, whole=True)
    if last:
        state, running = _line(state, running, last, whole=False)
    return Seen(state, offset + len(data) - len(last), running)


def reader(data: bytes) -> Reader | None:
    """Whose prompt of Windows' console is the newest thing in `data`, if it is one."""
    last = next((row for row in reversed(_rows(data)) if row.strip()), b"")
    text = lines.clean(last[:MAX_LINE]).strip(" ")
    prompt = prompts.PROMPT.fullmatch(text)
    if prompt is not None and prompt.lastgroup == "sac":
        return Reader.SAC
    return Reader.CHANNEL if _SAC_CHANNEL.fullmatch(text) else None


def _rows(data: bytes) -> list[bytes]:
    """Lines of what was printed; a jump of the cursor to another row ends one, and keeps its length."""
    return _ROW.sub(lambda jump: b"\n" * len(jump[0]), data.translate(_ENDS)).split(b"\n")


def _line(state: PortState, running: bool, raw: bytes, *, whole: bool) -> tuple[PortState, bool]:
    """State and whether a command runs, after one line; an unfinished one is where a person types."""
    if whole and state is not PortState.SILENT and _dull(raw):
        return state, running
    text = lines.clean(raw[:MAX_LINE]).lstrip(" ")
    if not text.strip():
        return state, running
    asks = _ASKS.search(raw)
    if asks is not None and (prompt := prompts.PROMPT.match(text)) is not None:
        kind = prompt.lastgroup or ""
        new = _PROMPTS.get(kind)
        if new is not None and not _foreign(kind, state, running, whole=whole):
            if new is PortState.SAC and text.startswith("!"):
                new = PortState.SAC_FAILED
            typed = text[prompt.end() :].strip() if new is PortState.SHELL and whole else ""
            return new, bool(typed) and prompts.LEAVES.match(typed) is None
        return state, running
    if _PANIC in text and state in _SPOKEN:
        # Nobody is there any more; was it but quoted, the prompt that follows says so.
        return PortState.UNKNOWN, running
    if running:
        # What a command prints; only firmware says without doubt that the guest was started anew.
        first = _FIRST.match(text)
        if first is not None and first[0].startswith(("SeaBIOS (version", "UEFI firmware", "BdsDxe: ")):
            return PortState.FIRMWARE, False
        return state, running
    line = split(0, 0.0, text, text)
    if line.stamp is not None or line.mark:
        anew = state in _EARLY or (line.stamp == 0.0 and state is not PortState.KERNEL_DEBUGGER)
        return (PortState.UNKNOWN if anew else state), False
    if state in _SPOKEN and not whole and _BARE.fullmatch(text):
        return PortState.SHELL, False
    if _MENU in text:
        return PortState.BOOT_MANAGER, False
    if (first := _FIRST.match(text)) is not None:
        new = _WORDS[first[0]]
        if new is PortState.HEALTH_REPORT and state in WINDOWS:
            return state, False
        return new, False
    if _SAC_CHANNEL.match(text) and state not in _SPOKEN:
        return PortState.SAC, False
    return (PortState.UNKNOWN if state is PortState.SILENT else state), False


def _dull(raw: bytes) -> bool:
    """Whether a line is like most of what a program prints, and says nothing: all others cost ten times."""
    return raw[:1].isalnum() and raw[:4] not in _KEYS and _MARKS.search(raw) is None


def _foreign(kind: str, state: PortState, running: bool, *, whole: bool) -> bool:
    """Whether a prompt is one that a command printed, and nobody waits behind it."""
    if kind == "login":
        return running and whole
    if running:
        return kind not in ("shell", "early", "initramfs")
    # Linux' prompts do not appear inside SAC but as text of a channel.
    return kind == "shell" and state in WINDOWS
