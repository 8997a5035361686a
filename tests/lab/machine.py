"""The Debian machine of the lab: how its host starts it, its disks, and the state in which it is well.

The host's `qemu` is a script that adds what a fault needs: a disk with GRUB to boot from, a monitor and a
debugger beside the agent's own, and a state to begin in. The agent knows of none of it.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from guests import grub
from guests.broken.disks import Ext4
from guests.broken.lab import checking_initrd
from guests.broken.machine import Debugger
from guests.build import Guest
from guests.debian.build import MANIFEST_FILE, DebianGuest
from outofband.agent.hypervisors import overlay
from outofband.agent.hypervisors.command import OVERLAY
from tests.peers.house import until

HEALTHY = "healthy"
"""Name of the state in the machine's disk."""
BOOT_DISK, BEGIN_IN, MONITOR, DEBUGGER = "boot.img", "begin-in", "lab.sock", "lab-gdb.sock"
LOG = "serial0.log"
MEMORY_MIB = 384
INSIDE = "10.9.1.4"
"""Its private address."""
KEPT_SECONDS = 24 * 3600.0
STATE_SECONDS = 120.0
PROGRAM = f"""\
#!/bin/sh
# Only machines that boot from a disk of their own; the host tries QEMU with others.
case " $* " in
    *" -kernel "*) exec qemu-system-x86_64 "$@" ;;
    *" -uuid "*) ;;
    *) exec qemu-system-x86_64 "$@" ;;
esac
[ -e {BOOT_DISK} ] || cp --sparse=always @BOOT@ {BOOT_DISK}
set -- "$@" -drive file={BOOT_DISK},format=raw,if=none,id=boot,readonly=on \\
    -device virtio-blk-pci,drive=boot,bootindex=0,addr=0x1b \\
    -chardev socket,id=lab,path={MONITOR},server=on,wait=off -mon chardev=lab,mode=control \\
    -gdb unix:{DEBUGGER},server=on,wait=off
if [ -e {BEGIN_IN} ]; then
    set -- "$@" -loadvm "$(cat {BEGIN_IN})"
    rm {BEGIN_IN}
fi
exec qemu-system-x86_64 "$@"
"""
QUICK = "mitigations=off nokaslr random.trust_cpu=on"
"""For the kernel: an emulated processor pays for each of these, at each of the boots."""
HANG = bytes.fromhex("fa ebfe")
"""cli; jmp to itself."""


class Machine:
    """`cache` keeps what is dear: the healthy state, for as long as everything it came from is the same.

    `directory` is the machine's on its host, known as soon as there is one.
    """

    def __init__(self, guest: DebianGuest, cache: Path, scratch: Path) -> None:
        self.guest = guest
        self._cache, self._scratch = cache, scratch
        self.boot_master = scratch / "grub.img"
        self.program = scratch / "qemu"
        self.directory = Path()
        cache.mkdir(parents=True, exist_ok=True)

    def prepare(self) -> None:
        """The boot disk and the host's `qemu`."""
        with self.alone():
            initrd = checking_initrd(self._cache, self.guest.initrd, self._scratch / "initrd.img")
        self._bootable = Guest(
            self.guest.kernel, initrd, f"{self.guest.cmdline} {QUICK}", self.guest.username
        )
        grub.build(self.boot_master, self._bootable, timeout_s=0)
        self.program.write_text(PROGRAM.replace("@BOOT@", str(self.boot_master)))
        self.program.chmod(0o700)

    # --- the healthy state

    @contextmanager
    def alone(self) -> Iterator[None]:
        """What is dear is made by one process; the others wait, and find it."""
        with (self._cache / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @functools.cached_property
    def kept(self) -> Path:
        """Where the healthy state is kept, named by what it came from."""
        version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, check=True).stdout
        manifest = (self.guest.disk.parent / MANIFEST_FILE).read_bytes()
        words = f"{self.guest.disk} {self.guest.cmdline} {QUICK} {MEMORY_MIB} {INSIDE} {PROGRAM}"
        parts = [version, manifest, words.encode(), Path(overlay.__file__).read_bytes()]
        key = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
        return self._cache / f"healthy-{key}.qcow2"

    def keep(self) -> None:
        """Put the state that it is in now aside. It has to run; it has to be stopped before `put`."""
        said = self.monitor(f"savevm {HEALTHY}")
        assert not said.strip(), said

    def store(self) -> None:
        """Store the disk with the state in it. It has to be stopped."""
        for old in self._cache.glob("healthy-*.qcow2"):
            # Another checkout may be at work with its own.
            if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                old.unlink()
        made = self.kept.with_suffix(f".{os.getpid()}")
        _copy(self.directory / OVERLAY, made)
        made.replace(self.kept)

    def put(self) -> None:
        """Have the next start begin in the healthy state. It has to be stopped."""
        self.kept.touch()
        _copy(self.kept, self.directory / OVERLAY)
        self.boot_from(None)
        (self.directory / BEGIN_IN).write_text(HEALTHY)

    # --- what is done to it while it is off

    def boot_from(self, config: str | None) -> None:
        """Have GRUB find another configuration at the next start; None: its own."""
        place = self.directory / BOOT_DISK
        if config is None:
            _copy(self.boot_master, place)
        else:
            grub.build(place, self._bootable, config=config)

    def disk(self, change: Callable[[Ext4], Any]) -> None:
        """Have it begin with a disk as it was built, and changed, at the next start."""
        (self.directory / OVERLAY).unlink()
        (self.directory / BEGIN_IN).unlink(missing_ok=True)
        image = self._scratch / "changed.img"
        change(Ext4.copied(self.guest.disk, image))
        overlay.create(self.directory / OVERLAY, image, "raw")

    # --- what is done to it while it runs

    @property
    def printed(self) -> int:
        """Bytes that its serial port printed, all in all."""
        return (self.directory / LOG).stat().st_size

    def words(self, since: int) -> bytes:
        """What it printed after the first `since` bytes."""
        with (self.directory / LOG).open("rb") as log:
            log.seek(since)
            return log.read()

    def monitor(self, line: str) -> str:
        """What QEMU's human monitor says to a line."""
        with closing(socket.socket(socket.AF_UNIX)) as wire:
            wire.settimeout(STATE_SECONDS)
            until("the lab's monitor", lambda: _reached(wire, self.directory / MONITOR))
            lines = wire.makefile("rwb")
            lines.readline()
            for command, arguments in (
                ("qmp_capabilities", {}),
                ("human-monitor-command", {"command-line": line}),
            ):
                lines.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
                lines.flush()
                answer = _answer(lines)
            return str(answer)

    def hang(self) -> None:
        """Its processor goes round and round in the kernel, and hears no interrupt any more."""
        debugger = Debugger(_short(self.directory / DEBUGGER))
        try:
            for _ in range(400):
                registers = debugger.stopped()
                if registers["cs"] & 3 == 0 and registers["rip"] >> 63:
                    debugger.write(registers["rip"], HANG)
                    debugger.go_on()
                    return
                debugger.go_on()
                time.sleep(0.02)
            raise AssertionError("the processor was never found in kernel code")
        finally:
            debugger.close()


def _copy(source: Path, place: Path) -> None:
    made = place.with_name(place.name + ".copy")
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(source), str(made)], check=True)
    made.chmod(0o600)
    made.replace(place)


def _reached(wire: socket.socket, path: Path) -> bool:
    try:
        wire.connect(str(_short(path)))
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


def _short(path: Path) -> Path:
    """The name of a unix socket ends at 107 bytes."""
    assert len(str(path)) < 107, f"put the tests' folder at a shorter path than {path}"
    return path


def _answer(lines: Any) -> Any:
    while True:
        told = json.loads(lines.readline())
        if "return" in told:
            return told["return"]
        assert "error" not in told, told
