"""What a detector remembers of one port, small enough to be kept beside the log and taken up again."""

from __future__ import annotations

import msgspec

from outofband.wire.finding import Finding, Severity

CODES: dict[str, Severity] = {
    "KernelPanic": Severity.ERROR,
    "KernelOops": Severity.WARNING,
    "OutOfMemory": Severity.WARNING,
    "InitramfsShell": Severity.ERROR,
    "EmergencyMode": Severity.ERROR,
    "FsckQuestion": Severity.ERROR,
    "GrubRescue": Severity.ERROR,
    "GrubPrompt": Severity.ERROR,
    "GrubFileMissing": Severity.ERROR,
    "NoBootableDevice": Severity.ERROR,
    "DiskFull": Severity.WARNING,
    "RootReadOnly": Severity.WARNING,
    "CloudInitFailed": Severity.WARNING,
    "LoginPromptMissing": Severity.WARNING,
    "WindowsStopCode": Severity.ERROR,
    "UefiBootFailed": Severity.ERROR,
    "SacPrompt": Severity.NOTE,
    "SacDisabled": Severity.NOTE,
    "KernelDebuggerOnPort": Severity.WARNING,
    "RebootLoop": Severity.ERROR,
}
"""Every code that a detector tells, and how bad it is."""

UP_ENDS = frozenset(code for code, severity in CODES.items() if severity is Severity.ERROR) | {
    "LoginPromptMissing"
}
"""What is over when the guest asks for a login. What is broken in a running guest stays broken."""


class Noted(msgspec.Struct, frozen=True, array_like=True):
    """A line that may matter later: a failed unit before emergency mode, GRUB's error before its prompt.
    `name` is what the line is about.
    """

    offset: int
    at: float
    text: str
    name: str = ""


class Armed(msgspec.Struct, frozen=True, array_like=True):
    """What is told at `due` (the clock of `feed`) unless something takes it back before."""

    due: float
    line: Noted
    fields: dict[str, str]


class State(msgspec.Struct, kw_only=True):
    """Everything but the rules. `offset` is of the next byte; the rest is the guest's present life."""

    port: str
    offset: int = 0
    boot: int = 0

    # The line that is not finished: see `lines`.
    pending: bytes = b""
    pending_offset: int = 0
    held: bytes = b""
    moved: bool = False
    skipping: bool = False
    prompted: bool = False
    row: int = -1
    touched: float = 0.0
    """When the unfinished line last grew; 0 when there is nothing to look at."""
    judged: int = -1
    """Offset of an unfinished line that was judged because nothing more came for a while."""
    binary: bytes = b""
    block: int = -1
    looked: int = 0

    # Where the guest is.
    stage: int = 0
    started_at: float | None = None
    start_offset: int = -1
    shell: str = ""
    running: bool = False
    quoted: bool = False
    reading: bool = False
    """The command that runs is one that shows what was written elsewhere."""
    untimed: bool = False
    """The kernel puts no time before its lines."""
    kernel_time: float | None = None
    up: bool = False
    """It asked for a login, or a shell answered, since it was started."""

    # What was noted, and what may come.
    notes: dict[str, list[Noted]] = {}
    armed: dict[str, Armed] = {}
    symbol_wanted: int = 0
    """Lines within which an oops still names its function."""
    starts: list[tuple[int, float]] = []
    """Starts of the guest without a login between them: offset and time."""
    failed_starts: int = 0
    open: dict[str, Finding] = {}
