"""Which accelerator guests really run under, found out by running one.

A /dev/kvm that can be opened proves nothing: inside many VMs QEMU fails on it, or each instruction is
emulated so slowly that a guest looks hung. So a small guest is run under TCG, for a yardstick, and then has
to end under KVM in comparable time.
"""

from __future__ import annotations

import shutil
import struct
import tempfile
from pathlib import Path

import msgspec
import structlog

from outofband.agent.hypervisors.process import Process, tail
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.secrets import write_private

log = structlog.get_logger(__name__)

DEVICE = Path("/dev/kvm")
TCG_SECONDS = 20.0
"""The test guest takes about 0.1 s under TCG; a crowded host may take its time."""
SHORTEST_LIMIT = 2.0
"""KVM gets at least these seconds, or SLOWER times what TCG took if that is more."""
SLOWER = 5.0
RETRY_SECONDS = 24 * 3600.0
"""A refusal may have come from a crowded host: it is believed for a day."""
CPU = {"kvm": "host", "tcg": "max"}
"""The processor model guests get, and so the one to try."""

_VERSION_SECONDS = 20.0
_WORDS = 160
_DEBUG_PORT = 0xF4
_PASSED = 42
_LOADED_AT = 0x7C00
_CODE_SEGMENT = 8

# Page tables for the first 2 MiB: cli; ax = ds = es = 0; clear 0x1000-0x3fff; PML4 at 0x1000 -> 0x2000 ->
# 0x3000 -> one large page.
_PAGE_TABLES = bytes.fromhex("fa 31c0 8ed8 8ec0 bf0010 b90018 fc f3ab c70600100320 c70600200330 c70600308300")
# CR4.PAE; CR3 = 0x1000; EFER.LME; CR0.PG and CR0.PE at once, straight from real mode.
_LONG_MODE = bytes.fromhex(
    "0f20e0 660d20000000 0f22e0 66b800100000 0f22d8 66b9800000c0 0f32 660d00010000 0f30"
    "0f20c0 660d01000080 0f22c0"
)
# 64-bit: count down from 2^20, each number into memory; then 42 to the debug port; hlt for ever.
_WORK = bytes.fromhex("b900001000 890c2500400000 ffc9 75f5 b02a 66baf400 ee f4 ebfd")
_DESCRIPTORS = bytes(8) + bytes.fromhex("00000000009a2000")


def boot_sector() -> bytes:
    """512 bytes that enter long mode, work for a moment and leave through QEMU's debug port."""
    load = b"\x0f\x01\x16"  # lgdt [...]
    jump = b"\xea"  # jmp segment:offset
    work = _LOADED_AT + len(_PAGE_TABLES) + len(load) + 2 + len(_LONG_MODE) + len(jump) + 4
    table = work + len(_WORK)
    code = b"".join(
        [
            _PAGE_TABLES,
            load + struct.pack("<H", table + len(_DESCRIPTORS)),
            _LONG_MODE,
            jump + struct.pack("<HH", work, _CODE_SEGMENT),
            _WORK,
            _DESCRIPTORS,
            struct.pack("<HI", len(_DESCRIPTORS) - 1, table),
        ]
    )
    return code.ljust(510, b"\0") + b"\x55\xaa"


class Key(msgspec.Struct, frozen=True):
    """What the answer depends on: this boot of the host, this QEMU, this device node."""

    boot: str
    qemu: str
    device: str


class Accelerator(msgspec.Struct, frozen=True, kw_only=True):
    """`name` goes after QEMU's `-accel`; `probe` says in one sentence how it was chosen."""

    name: str
    probe: str
    key: Key | None = None
    at: float = 0.0


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the test guest. `problem` is None when it ended as it should, after `seconds`."""

    seconds: float
    problem: str | None = None


def find_qemu(program: str) -> str:
    """Path of QEMU. Raises Fault QemuNotFound."""
    if (path := shutil.which(program)) is None:
        raise Fault("QemuNotFound", program=program)
    return path


async def choose(program: str, wanted: str, cache: Path, device: Path = DEVICE) -> Accelerator:
    """Decide for this host: `wanted` is kvm, tcg or auto. Asks `cache` first and keeps the answer there.

    Raises Fault QemuNotFound.
    """
    qemu = find_qemu(program)
    if wanted != "auto":
        return Accelerator(name=wanted, probe=f"The host's configuration asks for {wanted.upper()}.")
    if not device.exists():
        return Accelerator(name="tcg", probe=f"This host has no {device}; guests run under TCG.")
    key = Key(_boot_id(), await _version(qemu), _identity(device))
    if (known := _cached(cache, key)) is not None:
        return known
    name, sentence = await _compare(qemu, device)
    found = Accelerator(name=name, probe=sentence, key=key, at=clock.wall())
    log.info("accelerator.probed", accelerator=name, probe=sentence)
    write_private(cache, msgspec.json.encode(found))
    return found


async def _compare(qemu: str, device: Path) -> tuple[str, str]:
    yardstick = await trial(qemu, "tcg", CPU["tcg"], TCG_SECONDS)
    limit = max(SHORTEST_LIMIT, SLOWER * yardstick.seconds)
    seen = await trial(qemu, "kvm", CPU["kvm"], limit)
    took = f"TCG took {yardstick.seconds:.1f} s"
    if seen.problem is None:
        return "kvm", f"A test guest ran under KVM in {seen.seconds:.1f} s ({took})."
    return "tcg", f"{device} exists, but {seen.problem} ({took}); guests run under TCG."


async def trial(qemu: str, accelerator: str, cpu: str, limit: float) -> Trial:
    """Run the test guest, for at most `limit` seconds."""
    with tempfile.TemporaryDirectory(prefix="outofband-probe-") as scratch:
        directory = Path(scratch)
        (directory / "boot.img").write_bytes(boot_sector())
        words = directory / "qemu.log"
        command = [
            qemu,
            "-nodefaults",
            "-no-user-config",
            "-machine", "pc",
            "-accel", accelerator,
            "-cpu", cpu,
            "-m", "16M",
            "-display", "none",
            "-nic", "none",
            "-device", f"isa-debug-exit,iobase={_DEBUG_PORT:#x},iosize=0x04",
            "-drive", "file=boot.img,format=raw,if=floppy,readonly=on",
        ]  # fmt: skip
        began = clock.monotonic()
        process = Process.spawn(command, directory=directory, log=words)
        try:
            ended = await process.wait(limit)
            seconds = clock.monotonic() - began
        finally:
            await process.destroy()
        if not ended:
            problem = f"a test guest did not end within {limit:.1f} s under {accelerator.upper()}"
            return Trial(seconds=seconds, problem=problem)
        # isa-debug-exit turns the written value v into exit status 2v + 1.
        if process.status == 2 * _PASSED + 1:
            return Trial(seconds=seconds)
        said = tail(words).partition("\n")[0][:_WORDS] or "it said nothing"
        return Trial(seconds=seconds, problem=f"QEMU failed on it with status {process.status}, {said!r}")


async def _version(qemu: str) -> str:
    with tempfile.TemporaryDirectory(prefix="outofband-probe-") as scratch:
        words = Path(scratch) / "version"
        process = Process.spawn([qemu, "--version"], directory=Path(scratch), log=words)
        try:
            await process.wait(_VERSION_SECONDS)
        finally:
            await process.destroy()
        return tail(words).partition("\n")[0]


def _cached(cache: Path, key: Key) -> Accelerator | None:
    try:
        known = msgspec.json.decode(cache.read_bytes(), type=Accelerator)
    except (OSError, msgspec.MsgspecError):
        return None
    if known.key != key:
        return None
    fresh = 0 <= clock.wall() - known.at < RETRY_SECONDS
    return known if known.name == "kvm" or fresh else None


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def _identity(device: Path) -> str:
    status = device.stat()
    return f"{status.st_dev}:{status.st_ino}:{status.st_rdev}"
