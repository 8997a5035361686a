"""A guest that does not run as a whole: hung, panicked, stuck while it boots, or without its agent."""

from __future__ import annotations

from tests.lab.fault import Answers, Fault, soon
from tests.lab.lab import Lab


def hung(lab: Lab) -> None:
    lab.machine.hang()


def at_fsck(lab: Lab) -> None:
    """Files that lie in the same blocks: the check before the root is mounted wants somebody to decide."""
    lab.stop()
    lab.machine.disk(lambda disk: disk.share_blocks(3))
    since = lab.machine.printed
    lab.start()
    lab.prints(b"(initramfs)", since)


def at_grub(lab: Lab) -> None:
    """GRUB without a configuration asks what to do."""
    lab.stop()
    lab.machine.boot_from("")
    since = lab.machine.printed
    lab.start()
    lab.prints(b"grub>", since)


FAULTS = [
    Fault(
        name="guest hung",
        inject=hung,
        causes=frozenset({"GuestAgentSilent"}),
    ),
    Fault(
        name="kernel panic",
        inject=soon("echo c >/proc/sysrq-trigger"),
        causes=frozenset({"KernelPanic"}),
        beside=frozenset({"GuestAgentSilent", "GuestPanicked"}),
    ),
    Fault(
        name="stuck at fsck",
        inject=at_fsck,
        causes=frozenset({"FsckQuestion"}),
        beside=frozenset({"GuestAgentAbsent", "InitramfsShell"}),
        mendable=False,
        answers=Answers(yes=False),
    ),
    Fault(
        name="GRUB prompt",
        inject=at_grub,
        causes=frozenset({"GrubPrompt"}),
        beside=frozenset({"GuestAgentAbsent"}),
        mendable=False,
        answers=Answers(yes=False),
    ),
    Fault(
        name="no guest agent",
        # The agent first: while it answers, a rescue would start what is stopped. A service that is killed
        # does not take the time that its own end would.
        inject=soon(
            "systemctl mask --now qemu-guest-agent; systemctl kill -s KILL xrdp; systemctl stop xrdp"
        ),
        causes=frozenset({"GuestAgentAbsent"}),
    ),
]
