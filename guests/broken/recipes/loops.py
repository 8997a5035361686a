"""Guests that start over and over."""

from __future__ import annotations

from guests import grub
from guests.archive import Archive
from guests.broken.lab import Lab
from guests.broken.recipes.kernel import with_false
from guests.broken.recipes.loader import SERIAL, entry
from guests.broken.registry import Shows, recipe

LOOP = Shows("RebootLoop", rb"[\s\S]", nth=3)
"""Certain when it starts for the third time, and nobody was asked to log in before."""
PANIC = Shows("KernelPanic", rb"Kernel panic - not syncing: [^\r\n]+\r?\n")
BOOTS = 4


@recipe("loop-init-ends", "RebootLoop", LOOP, PANIC)
def init_ends(lab: Lab) -> None:
    """The first program ends, and the kernel was told to start again a second after a panic."""
    with lab.demo("rdinit=/bin/false panic=1", files=with_false()) as machine:
        machine.resets(BOOTS)


@recipe("loop-no-root", "RebootLoop", LOOP, PANIC)
def no_root(lab: Lab) -> None:
    """No root file system; starts again at once."""
    line = f"console=ttyS0,115200 root=/dev/sda2 panic=-1 {lab.words}"
    lab.said.append(line)
    with lab.machine("-kernel", str(lab.kernel()), "-append", line) as machine:
        machine.resets(BOOTS)


@recipe("loop-reboots-itself", "RebootLoop", LOOP)
def reboots_itself(lab: Lab) -> None:
    """A service that ends with a restart of the machine, before anybody could log in."""
    files = Archive()
    files.file(
        "etc/inittab",
        b"::sysinit:/etc/init.d/rcS\n::once:/bin/sh -c 'echo updating firmware > /dev/console; sleep 2; reboot -f'\n",
    )
    with lab.demo("", files=files) as machine:
        machine.resets(BOOTS)


@recipe("loop-through-grub", "RebootLoop", LOOP, PANIC)
def through_grub(lab: Lab) -> None:
    """Boot loader, kernel, panic, and all over again."""
    config = SERIAL + "set timeout=1\n" + entry("Debian GNU/Linux", words="rdinit=/sbin/none panic=2")
    disk = grub.build(lab.scratch / "grub.img", lab.demo_guest(), config=config)
    with lab.machine("-drive", f"file={disk},format=raw,if=virtio") as machine:
        machine.resets(BOOTS)


@recipe("loop-triple-fault", "RebootLoop", LOOP, Shows("KernelPanic", PANIC.text, maybe=True))
def triple_fault(lab: Lab) -> None:
    """The kernel dies so early that the processor resets itself."""
    with lab.demo(
        "reboot=t rdinit=/bin/false panic=1 earlyprintk=serial,ttyS0,115200", files=with_false()
    ) as machine:
        machine.resets(BOOTS)
