"""Panics, oopses and memory that runs out, in the demo guest: a kernel, a busybox and nothing that takes time."""

from __future__ import annotations

from guests.archive import Archive
from guests.broken.lab import HELD_OUT, Lab
from guests.broken.machine import Machine
from guests.broken.registry import Shows, recipe

ROOT_SHELL = rb"root@demo:~# $"
BUSY = b"dd if=/dev/zero of=/dev/null bs=64k &\r"
PANIC = Shows("KernelPanic", rb"Kernel panic - not syncing: [^\r\n]+\r?\n")
OOPS = Shows(
    "KernelOops",
    rb"(BUG: (kernel NULL pointer dereference|unable to handle)|general protection fault[:,]|Oops: )[^\r\n]+\r?\n",
)
OUT = Shows(
    "OutOfMemory", rb"(Out of memory|Memory cgroup out of memory)[^\r\n]*: Killed process \d+ [^\r\n]+\r?\n"
)


def shell(machine: Machine, *lines: bytes) -> None:
    """Type lines at the demo guest's root prompt, waiting for the prompt between them."""
    machine.expect(ROOT_SHELL)
    for line in lines:
        machine.send(line + b"\r", pace_s=0.01)
        machine.expect(ROOT_SHELL)


def panicked(machine: Machine) -> None:
    """Record to the end of a panic."""
    machine.expect(rb"---\[ end Kernel panic")
    machine.quiet(2.0)


def with_false() -> Archive:
    """A program that only fails; busybox's many names are made by init, which is too late here."""
    files = Archive()
    files.symlink("bin/false", "busybox")
    return files


# --- panics


@recipe("panic-no-initrd", "KernelPanic", PANIC)
def no_initrd(lab: Lab) -> None:
    """The boot loader gave the kernel no initial root file system, and the kernel has no driver for the disk."""
    line = f"console=ttyS0,115200 root=/dev/vda ro {lab.words}"
    lab.said.append(line)
    with lab.machine("-kernel", str(lab.kernel()), "-append", line) as machine:
        panicked(machine)


@recipe("panic-no-root-uuid", "KernelPanic", PANIC)
def no_root_uuid(lab: Lab) -> None:
    """No initial root file system, and a root that is named by its UUID."""
    line = f"console=tty0 console=ttyS0,115200 root=UUID=5c0f1d7e-2f6a-4f0e-9a55-0d7c33b1e001 ro {lab.words}"
    lab.said.append(line)
    with lab.machine("-kernel", str(lab.kernel()), "-append", line, cpus=2) as machine:
        panicked(machine)


@recipe("panic-init-ends", "KernelPanic", PANIC)
def init_ends(lab: Lab) -> None:
    """The first program ends at once."""
    with lab.demo("rdinit=/bin/false", files=with_false()) as machine:
        panicked(machine)


@recipe("panic-init-left", "KernelPanic", PANIC)
def init_left(lab: Lab) -> None:
    """Somebody leaves the shell that was the first program."""
    with lab.demo("rdinit=/bin/sh") as machine:
        machine.expect(rb"# $")
        machine.run_for(1.0)
        machine.send(b"exit\r", pace_s=0.05)
        panicked(machine)


@recipe("panic-init-crashes", "KernelPanic", PANIC)
def init_crashes(lab: Lab) -> None:
    """The first program is killed by a signal."""
    files = Archive()
    files.file("crash", b"#!/bin/busybox sh\nkill -SEGV $$\nkill -ABRT $$\n", 0o755)
    with lab.demo("rdinit=/crash", files=files) as machine:
        panicked(machine)


@recipe("panic-bad-initrd", "KernelPanic", PANIC)
def bad_initrd(lab: Lab) -> None:
    """The initial root file system is cut off and rubbish."""
    damaged = lab.scratch / "damaged.img"
    damaged.write_bytes(b"\x1f\x8b\x08" + lab.draw.randbytes(200_000))
    with lab.demo("root=/dev/sda1", initrd=damaged) as machine:
        panicked(machine)


@recipe(
    "panic-small-memory",
    "KernelPanic",
    PANIC,
    Shows("OutOfMemory", rb"Out of memory[^\r\n]*\r?\n", maybe=True),
)
def small_memory(lab: Lab) -> None:
    """Too little memory for the initial root file system."""
    guest = lab.demo_guest()
    large = lab.scratch / "large.img"
    files = Archive()
    files.file("ballast", lab.draw.randbytes(60_000_000))
    large.write_bytes(guest.initrd.read_bytes() + files.to_bytes())
    with lab.demo("rdinit=/nothing", initrd=large, memory_mib=150) as machine:
        panicked(machine)


@recipe("panic-sysrq", "KernelPanic", PANIC)
def by_sysrq(lab: Lab) -> None:
    """A crash asked for with a break and `c`."""
    with lab.demo("oob.login=root panic=0", quiet_ok=False) as machine:
        shell(machine)
        machine.run_for(5.0)
        machine.sysrq("c")
        panicked(machine)


@recipe("panic-trigger", "KernelPanic", PANIC)
def by_trigger(lab: Lab) -> None:
    """A crash asked for in a shell."""
    with lab.demo("oob.login=root", cpus=2) as machine:
        shell(machine, b"uptime", b"ls /")
        machine.send(b"echo c > /proc/sysrq-trigger\r", pace_s=0.02)
        panicked(machine)


@recipe("panic-nmi", "KernelPanic", PANIC)
def by_nmi(lab: Lab) -> None:
    """An NMI at a kernel that takes it for fatal."""
    with lab.demo("oob.login=root") as machine:
        shell(machine, b"sysctl -w kernel.unknown_nmi_panic=1")
        machine.run_for(2.0)
        machine.tell("inject-nmi")
        panicked(machine)


@recipe("panic-nmi-io", "KernelPanic", PANIC)
def by_nmi_unrecovered(lab: Lab) -> None:
    """An NMI that the kernel was told at its start never to survive."""
    files = Archive()
    files.file("etc/sysctl.conf", b"kernel.sysrq = 1\nkernel.panic_on_unrecovered_nmi = 1\n")
    with lab.demo("", files=files, cpus=2) as machine:
        machine.expect(rb"login: $")
        machine.run_for(5.0)
        machine.tell("inject-nmi")
        panicked(machine)


@recipe("panic-no-times", "KernelPanic", PANIC, part=HELD_OUT)
def no_times(lab: Lab) -> None:
    """An NMI at a kernel that prints no times, while somebody's command runs."""
    with lab.demo("oob.login=root printk.time=0", quiet_ok=False) as machine:
        shell(machine, b"sysctl -w kernel.unknown_nmi_panic=1", b"uptime")
        machine.send(b"numbers 400 0.5\r", pace_s=0.02)
        machine.expect(rb"line 00000005")
        machine.tell("inject-nmi")
        panicked(machine)


# --- oopses: a processor that is sent astray in kernel code


def _astray(lab: Lab, where: int | None, append: str = "", cpus: int = 1, busy: bytes = BUSY) -> None:
    with lab.demo(f"oob.login=root nokaslr {append}", cpus=cpus, debug=True) as machine:
        shell(machine)
        machine.run_for(5.0)
        machine.send(busy, pace_s=0.01)
        machine.run_for(1.0)
        machine.derail(lambda registers: registers["rsp"] if where is None else where)
        machine.expect(rb"---\[ end (trace|Kernel panic)|end trace")
        machine.quiet(3.0, timeout_s=60.0)
        machine.send(b"\r")
        machine.run_for(2.0)


PERHAPS_PANIC = Shows("KernelPanic", PANIC.text, maybe=True)


@recipe("oops-null", "KernelOops", OOPS, PERHAPS_PANIC)
def oops_null(lab: Lab) -> None:
    """A call through a null pointer; the guest goes on."""
    _astray(lab, 0)


@recipe("oops-wild", "KernelOops", OOPS, PERHAPS_PANIC)
def oops_wild(lab: Lab) -> None:
    """A call through a pointer that is no address at all."""
    _astray(lab, 0x4141414141414141)


@recipe("oops-no-execute", "KernelOops", OOPS, PERHAPS_PANIC)
def oops_no_execute(lab: Lab) -> None:
    """A jump into the stack."""
    _astray(lab, None)


@recipe("oops-unmapped", "KernelOops", OOPS, PERHAPS_PANIC)
def oops_unmapped(lab: Lab) -> None:
    """A call into a module that is no longer there."""
    _astray(lab, 0xFFFFFFFFC0DE0000)


@recipe("oops-low", "KernelOops", OOPS, PERHAPS_PANIC)
def oops_low(lab: Lab) -> None:
    """A call through a structure that is a null pointer."""
    _astray(lab, 0x48, busy=b"while :; do cat /proc/meminfo >/dev/null; done &\r")


@recipe("panic-oops", "KernelPanic", OOPS, PANIC)
def oops_panics(lab: Lab) -> None:
    """A kernel that was told to stop at an oops."""
    _astray(lab, 0x10, append="oops=panic")


# --- memory


@recipe("oom-one-process", "OutOfMemory", OUT)
def oom_one(lab: Lab) -> None:
    """One process takes all memory."""
    with lab.demo("oob.login=root", memory_mib=128) as machine:
        shell(machine, b"tail /dev/zero")
        machine.run_for(2.0)


@recipe("oom-tmpfs", "OutOfMemory", OUT, PERHAPS_PANIC)
def oom_tmpfs(lab: Lab) -> None:
    """A file system in memory grows until processes are killed for it."""
    with lab.demo("oob.login=root", memory_mib=160) as machine:
        shell(
            machine,
            b"mount -t tmpfs -o size=90% tmpfs /mnt || mkdir -p /mnt && mount -t tmpfs -o size=95% tmpfs /mnt",
        )
        machine.send(b"dd if=/dev/zero of=/mnt/big bs=1M; tail /dev/zero\r", pace_s=0.01)
        machine.expect(rb"Killed process")
        machine.quiet(4.0, timeout_s=60.0)


@recipe("oom-cgroup", "OutOfMemory", OUT)
def oom_cgroup(lab: Lab) -> None:
    """A control group reaches its limit."""
    with lab.demo("oob.login=root") as machine:
        shell(
            machine,
            b"mkdir -p /cg && mount -t cgroup2 cgroup2 /cg",
            b"echo +memory > /cg/cgroup.subtree_control",
            b"mkdir /cg/web && echo 12M > /cg/web/memory.max",
            b"sh -c 'echo $$ > /cg/web/cgroup.procs; exec tail /dev/zero'",
        )
        machine.run_for(2.0)


@recipe("oom-asker-dies", "OutOfMemory", OUT)
def oom_asker(lab: Lab) -> None:
    """A kernel that kills whoever asks for memory last."""
    with lab.demo("oob.login=root", memory_mib=128) as machine:
        shell(machine, b"sysctl -w vm.oom_kill_allocating_task=1", b"sort /dev/zero")
        machine.run_for(2.0)


@recipe("oom-many", "OutOfMemory", OUT, PERHAPS_PANIC)
def oom_many(lab: Lab) -> None:
    """Many small processes together take all memory."""
    with lab.demo("oob.login=root", memory_mib=112) as machine:
        shell(machine)
        machine.send(
            b"for i in 1 2 3 4 5 6; do (head -c 30m /dev/zero | tail -c 30m | sleep 60) & done; wait\r"
        )
        machine.expect(rb"Killed process")
        machine.quiet(4.0, timeout_s=60.0)


@recipe(
    "oom-panics",
    "OutOfMemory",
    Shows("OutOfMemory", rb"not syncing: (Out of memory|System is deadlocked)[^\r\n]*\r?\n"),
    PANIC,
)
def oom_panics(lab: Lab) -> None:
    """A kernel that was told to stop when memory runs out."""
    with lab.demo("oob.login=root", memory_mib=128) as machine:
        shell(machine, b"sysctl -w vm.panic_on_oom=1")
        machine.send(b"tail /dev/zero\r", pace_s=0.01)
        panicked(machine)
