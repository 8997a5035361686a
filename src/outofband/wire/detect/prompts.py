"""Who waits for somebody to type, and what a person at a shell makes a console print.

A command's output is the user's and not the guest's fate: `cat old-boot.log` and `dmesg` show yesterday's
panic. So between a command and the next prompt only the kernel is believed, and only when its clock goes on
from where it was: what is quoted is older than what the console has shown already.
"""

from __future__ import annotations

import re

from outofband.wire.detect.state import State

PROMPT = re.compile(
    r"(?P<login>(?!Last )(?:[\w.()-]{1,64} )?login: ?)"
    r"|(?P<rescue>grub rescue> )"
    r"|(?P<grub>grub> )"
    r"|(?P<initramfs>\(initramfs\) )"
    r"|(?P<sac>!?SAC>)"
    r"|(?P<efi>(?:UEFI )?Shell> )"
    r"|(?P<kdb>(?:\[\d+\])?kdb>) ?"
    r"|(?P<early>(?:dracut|switch_root|rdshell|emergency):/[\w./-]{0,40}[#$] )"
    r"|(?P<shell>\[?[\w.-]{1,64}@[\w.()-]{1,64}[ :][^#$\n]{0,80}[#$] |(?:(?:ba|da"
    r"|)sh-\d\.\d+|[~/] |[\w.()-]{1,40}:~|:/)[#$] )"
    r"|(?P<question>[^\n]{1,160}?(?:<y>\?|\(y/n\)\?) ?)"
)
"""At the beginning of a line. A longer line has the same prompt as its beginning had: a decision on an
unfinished line stays right."""

LEAVES = re.compile(
    r"(?:^|.*[;&|] *)(?:sudo |exec )?(?:exit|logout|reboot|poweroff|halt|shutdown|init"
    r"|telinit|kexec|switch_root|"
    r"systemctl (?:-\S+ |--\S+ )*(?:default|reboot|poweroff|halt|kexec|isolate|soft-reboot"
    r"|emergency|rescue))\b"
)
"""A command after which the guest speaks for itself again."""

READS = re.compile(
    r"\b(?:[bxz]?cat|tac|less|more|most|tail|head|[efz]?grep|rg|dmesg|journalctl|vim?|view|nano|awk|sed|strings"
    r"|diff|sort|uniq|cut|xargs|python3?|perl)\b|\b(?:echo|printf)\b(?!.*>)"
)
"""A command that prints what stands in files, or what it is told to."""

_STAMP = re.compile(rb"(?:<\d+>)?\[ {0,6}(\d{1,8}\.\d{6})\]")


def seen(state: State, kind: str) -> None:
    """A shell's prompt."""
    state.shell = "initramfs" if kind in ("initramfs", "early") else kind
    state.running = state.quoted = False


def typed(state: State, text: str) -> None:
    """A line that somebody ended at a shell's prompt."""
    if LEAVES.match(text):
        left(state)
    elif text:
        state.running = True
        state.reading = READS.search(text) is not None


def left(state: State) -> None:
    """Nobody is at a shell."""
    state.shell, state.running, state.quoted = "", False, False


def foreign(state: State, kind: str) -> bool:
    """Whether a prompt is one that a command printed."""
    if not state.running:
        return False
    if kind in ("shell", "early"):
        return False
    if kind == "initramfs":
        return state.shell != "initramfs"
    if kind == "login":
        return state.quoted
    return True


def live(state: State, stamp: float | None, at: float) -> bool:
    """Whether a line is the guest's own word, and no quotation of a command that runs."""
    if not state.running:
        if stamp is not None:
            state.kernel_time = stamp
        return True
    if stamp is None and state.untimed and not state.reading:
        return True
    if stamp is None or state.quoted:
        return False
    if state.kernel_time is not None:
        if stamp < state.kernel_time:
            state.quoted = True
            return False
    elif state.started_at is None or abs(at - state.started_at - stamp) > _DRIFT:
        # A quiet boot showed no time of the kernel's; the host's clock has to do.
        state.quoted = True
        return False
    state.kernel_time = stamp
    return True


_DRIFT = 20.0
"""Seconds that a kernel's clock and the time since the start may differ: firmware and a slow host."""


def last_stamp(work: bytes, first: int, end: int) -> float | None:
    """The kernel's time on the last line that has one and begins in `work[first:end]`."""
    at = end
    while (at := work.rfind(b"\n[", first, at)) >= 0:
        if (found := _STAMP.match(work, at + 1)) is not None:
            return float(found[1])
    return None
