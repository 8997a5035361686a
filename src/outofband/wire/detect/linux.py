"""What a Linux kernel and its initramfs print when a machine stops there. Kernels 2.6 to 6."""

from __future__ import annotations

import re

from outofband.wire.detect.mind import Mind
from outofband.wire.detect.rules import Line, anywhere, rule
from outofband.wire.detect.stages import Stage, reach

OOPS_LINES = 60
"""Lines after an oops in which its function is named."""
_SYMBOL = r"(?:.*?[\s\]:])?(?P<symbol>[A-Za-z_][\w.]*)\+0x[0-9a-f]+"
_FSCK = "fsck"
ROOT = "InitramfsShell"


@rule("Linux version ", r"\d")
def begins(mind: Mind, line: Line, _: re.Match[str]) -> None:
    reach(mind, line, Stage.KERNEL)
    mind.state.untimed = line.stamp is None


@rule(("Kernel panic - not syncing", "Kernel panic:"), r":? *(?P<reason>.*)")
def panic(mind: Mind, line: Line, found: re.Match[str]) -> None:
    mind.state.shell, mind.state.running = "", False
    mind.tell("KernelPanic", line, before="KernelPanic", reason=found["reason"] or "Kernel panic")
    if found["reason"].lower().startswith(("out of memory", "system is deadlocked on memory")):
        # It was told to stop rather than to kill.
        asking = mind.notes("OutOfMemory")
        mind.tell(
            "OutOfMemory", line, before="OutOfMemory", process=asking[-1].name if asking else "?", pid="-"
        )


@rule(
    (
        "VFS: Cannot open root device",
        "VFS: Unable to mount root fs",
        "Run /init as init process failed",
        "Failed to execute /init",
        "Requested init ",
    )
)
def before_panic(mind: Mind, line: Line, _: re.Match[str]) -> None:
    mind.note("KernelPanic", line)


@rule(
    (
        "BUG: unable to handle ",
        "BUG: kernel NULL pointer dereference",
        "BUG: Bad page ",
        "Unable to handle kernel ",
        "Unable to handle user instruction access",
        "kernel BUG at ",
        "general protection fault",
        "Oops: ",
        "Oops - ",
        "Oops[#",
        "Internal error: ",
        "invalid opcode: ",
        "divide error: ",
        "double fault: ",
        "stack segment: ",
        "int3: ",
        "alignment check: ",
        "Kernel access of bad area",
        "unable to handle kernel ",
        "Unhandled fault: ",
        "Synchronous Exception at ",
        "KASAN: ",
    )
)
def oops(mind: Mind, line: Line, found: re.Match[str]) -> None:
    """An oops is one finding however many lines announce it; the next one after its end counts once more."""
    state = mind.state
    if line.stamp is None and state.stage in (Stage.FIRMWARE, Stage.LOADER):
        return
    if (
        found[0] in ("general protection fault", "int3: ", "divide error: ", "invalid opcode: ")
        and "[#" not in line.body
    ):
        return
    fresh = state.symbol_wanted == 0
    mind.tell("KernelOops", line, again=fresh, what=_what(line.body))
    if fresh:
        state.symbol_wanted = OOPS_LINES


def _what(body: str) -> str:
    return re.sub(r"\s*(?:: [0-9a-f]{4,16})?(?: \[#\d+\].*)?$", "", body)


@rule(
    (
        "RIP: ",
        "IP: ",
        "EIP: ",
        "EIP is at ",
        "RIP  ",
        "pc : ",
        "PC is at ",
        "NIP ",
        "Krnl PSW",
        "epc : ",
        "Call Trace",
    ),
    r"(?:" + _SYMBOL + ")?",
)
def oops_symbol(mind: Mind, line: Line, found: re.Match[str]) -> None:
    if mind.state.symbol_wanted and found["symbol"]:
        have = mind.state.open.get("KernelOops")
        if have is not None and "symbol" not in have.fields:
            what = f"{have.fields['what']} ({found['symbol']})"
            mind.correct("KernelOops", line, what=what, symbol=found["symbol"])


@rule("---[ end trace")
def oops_end(mind: Mind, line: Line, found: re.Match[str]) -> None:
    mind.state.symbol_wanted = 0


@rule(
    ("Out of memory", "Memory cgroup out of memory"),
    r"(?: \([^)]*\))?: Kill(?:ed)? process (?P<pid>\d+),? \((?P<name>[^)]*)\)?.*",
)
def killed(mind: Mind, line: Line, found: re.Match[str]) -> None:
    mind.tell("OutOfMemory", line, again=True, before="OutOfMemory", process=found["name"], pid=found["pid"])


@rule(("Out of memory and no killable processes", "System is deadlocked on memory"))
def nothing_to_kill(mind: Mind, line: Line, _: re.Match[str]) -> None:
    mind.tell("OutOfMemory", line, process="nothing", pid="-")


@anywhere("invoked oom-killer", r"^\[? *[\d.]*\]? ?(?P<name>.{1,40}?) invoked oom-killer: gfp")
def oom_begins(mind: Mind, line: Line, found: re.Match[str]) -> None:
    if "OutOfMemory" not in mind.state.open:
        mind.note("OutOfMemory", line, found["name"])


@rule(
    (
        "ALERT! ",
        "Gave up waiting for ",
        "ERROR: device ",
        "ERROR: Failed to mount ",
        "mount: /new_root",
        "mount: mounting ",
        "No init found. Try passing init",
        "Target filesystem doesn't have ",
        "Unable to find a medium containing a live file system",
        "Can not mount ",
        "Warning: /dev/",
        'Warning: "/dev/',
        "Warning: dracut-initqueue timeout",
        "run-init: ",
        "Failed to mount ",
        "Kernel panic prevented",
        "Volume group ",
        "cryptsetup",
    )
)
def root_missing(mind: Mind, line: Line, found: re.Match[str]) -> None:
    if mind.state.stage != Stage.SYSTEM and not mind.state.up:
        _root(mind, line)


@rule(
    ("dracut-initqueue", "dracut-mount", "dracut-pre-mount", "dracut"),
    r"(?:-[a-z-]+)?(?:\[\d+\])?: *(?P<said>.*)",
)
def dracut(mind: Mind, line: Line, found: re.Match[str]) -> None:
    said = found["said"]
    if (
        re.match(r"(?:Warning|FATAL|ERROR)", said, re.IGNORECASE)
        and "hook" not in said
        and "finished" not in said
    ):
        _root(mind, line, re.sub(r"^\w+: *", "", said))


def _root(mind: Mind, line: Line, said: str = "") -> None:
    said = said or line.body
    known = mind.notes(ROOT)
    if not any(each.name == said for each in known):
        mind.note(ROOT, line, said)


def _reason(mind: Mind) -> str:
    """The note that says most about the device; what only says that one waited is the last choice."""
    names = [each.name for each in mind.notes(ROOT)]
    for wanted in (
        r"ALERT!|does not exist|not found|live file|No init|/sbin/init",
        r"FATAL|ERROR|mount",
        r".",
    ):
        for name in names:
            if re.search(wanted, name):
                return re.sub(r"^ALERT! +|\s*Dropping to a shell!.*$", "", name)
    return ""


PROMPT_FOLLOWS = 2.0
"""Seconds from the words that announce a shell to its prompt."""


def initramfs(mind: Mind, line: Line, _: re.Match[str]) -> None:
    """The prompt itself."""
    mind.disarm("InitramfsShell")
    mind.tell("InitramfsShell", line, before=ROOT, reason=_reason(mind) or "(initramfs)")


@rule(
    (
        "Entering emergency mode. Exit the shell to continue",
        'You might want to save "/run/initramfs/',
        "You are now being dropped into an emergency shell",
        "Mounting boot media failed",
        "Mounting root failed",
        "Mounting root: failed",
        "An error occurred in stage 1 of the boot process",
        "Boot has failed. To debug this issue",
        "Dropping to debug shell",
    )
)
def initramfs_line(mind: Mind, line: Line, _: re.Match[str]) -> None:
    """The prompt follows at once; where it does not, these are enough."""
    mind.arm("InitramfsShell", line, PROMPT_FOLLOWS, reason=_reason(mind) or "(initramfs)")


@rule("BusyBox v", r"[\d.]+.*built-in shell")
def busybox(mind: Mind, line: Line, found: re.Match[str]) -> None:
    """Only after a failure: a small guest may have it as its everyday shell."""
    if mind.notes(ROOT):
        initramfs_line(mind, line, found)


@anywhere("Remounting file", r"\((?:device )?(?P<device>[\w/.:-]+)\): Remounting file-?system read-only")
def remounted(mind: Mind, line: Line, found: re.Match[str]) -> None:
    mind.tell("RootReadOnly", line, before="RootReadOnly", device=found["device"])


@rule(
    (
        "Aborting journal on device",
        "JBD2: Error",
        "Buffer I/O error on dev",
        "XFS (",
    ),
    r"(?P<rest>.*)",
)
def fs_error(mind: Mind, line: Line, found: re.Match[str]) -> None:
    if line.body.startswith("XFS ("):
        gone = re.search(
            r"\((?P<device>[\w.-]+)\):.*(?:[Ss]hutting down filesystem"
            r"|Filesystem has been shut down|[Ff]ilesystem has been shut down)",
            line.body,
        )
        if gone is not None:
            mind.tell("RootReadOnly", line, before="RootReadOnly", device=gone["device"])
            return
        if not re.search(r"error|[Cc]orruption|bad magic", line.body):
            return
    mind.note("RootReadOnly", line)


@rule(("BTRFS",), r".*?\(device (?P<device>[\w.-]++)[^)]*+\).*forced readonly")
def btrfs(mind: Mind, line: Line, found: re.Match[str]) -> None:
    mind.tell("RootReadOnly", line, before="RootReadOnly", device=found["device"])


@anywhere("ead-only file system", r"^(?!.*(?:inotify|/sys/|/proc/|cgroup|overlay)).*[Rr]ead-only file system")
def read_only_said(mind: Mind, line: Line, _: re.Match[str]) -> None:
    """Services that cannot write: twice, because one may try what is read-only on purpose."""
    if mind.state.shell or "RootReadOnly" in mind.state.open:
        return
    mind.note("RootReadOnly", line, "said")
    if sum(each.name == "said" for each in mind.notes("RootReadOnly")) >= READ_ONLY_LINES:
        mind.tell("RootReadOnly", line, before="RootReadOnly", device="/")


@anywhere("EXT4-fs error", r"^(?:\[[^\]]*\] ?)?EXT4-fs error")
def ext4_error(mind: Mind, line: Line, _: re.Match[str]) -> None:
    mind.note("RootReadOnly", line)


READ_ONLY_LINES = 3
