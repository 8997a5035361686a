"""A host with machines for tests with a real QEMU: its state directory, its images, and shorthands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from guests.build import Guest
from outofband.agent.config import Image, add_image, config_path
from outofband.agent.machines.machine import Machine, Outcome
from outofband.agent.machines.registry import Machines
from outofband.agent.ports.broker import PortBroker
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.wire.machine import MachineDefinition

VM = "5d6f0c1e-2f0b-4a37-9f63-3d1f6a0f7b21"
PROMPT = b"demo login: "
BOOT_S = 150.0
_SECTOR = 512
_LOADED_AT = 0x7C00
GREETING = b"bare metal\r\n"


def boot_sector() -> bytes:
    """A guest of a few bytes: writes its own sector to the disk's second, greets on ttyS0, and hears nothing.

    ds = es = 0; int 13h, write one sector from 0x7c00 to sector 2; each byte of the text to port 0x3f8; hlt.
    """
    code = bytes.fromhex(
        "31c0 8ed8 8ec0 fc b80103 bb007c b90200 b600 cd13baf803 be0000 ac 84c0 7403 ee ebf8 f4 ebfd"
    )
    text = (_LOADED_AT + len(code)).to_bytes(2, "little")
    code = code.replace(bytes.fromhex("be0000"), b"\xbe" + text)
    return (code + GREETING).ljust(_SECTOR - 2, b"\0") + b"\x55\xaa"


def noise_sector() -> bytes:
    """A guest with the worst of screens: 1280 x 1024 pixels of random colours, then `~` on ttyS0.

    int 10h 4f02h, mode 11bh; for each of 60 banks int 10h 4f05h, and 64 KiB of a linear congruential
    generator's upper halves to a000h; hlt.
    """
    code = bytes.fromhex(
        "31c0 8ed8 b8024f bb1b01 cd10 31d2 b8054f 31db 52 cd10 5a b800a0 8ec0 31ff 6669ed0d661900"
        "6681c55ff36e3c 6689e8 66c1e810 ab 85ff 75e6 42 80fa3c 72d0 baf803 b07e ee f4 ebfd"
    )
    return code.ljust(_SECTOR - 2, b"\0") + b"\x55\xaa"


class HostLab:
    """One host. `machines` is replaced by `restart`, as the agent's is when it starts again."""

    def __init__(self, root: Path, guest: Guest) -> None:
        self.state = StateDir(root)
        disk = root / "bare.img"
        root.mkdir(parents=True, exist_ok=True)
        disk.write_bytes(boot_sector().ljust(1024 * 1024, b"\0"))
        noise = root / "noise.img"
        noise.write_bytes(noise_sector().ljust(1024 * 1024, b"\0"))
        kernel, initrd = str(guest.kernel), str(guest.initrd)
        for name, image in {
            "demo": Image(kernel=kernel, initrd=initrd, cmdline=guest.cmdline),
            # Its kernel tells only of what is an emergency, as an NMI is: the rest comes when a clock wills.
            "numbers": Image(
                kernel=kernel, initrd=initrd, cmdline=f"{guest.cmdline} loglevel=1 oob.numbers=0,0.002"
            ),
            "sleepy": Image(kernel=kernel, initrd=initrd, cmdline=f"{guest.cmdline} consoleblank=2"),
            "bare": Image(disk=str(disk)),
            "noise": Image(disk=str(noise)),
            "nothing": Image(kernel=str(root / "no-such-kernel")),
        }.items():
            add_image(config_path(self.state), name, image)
        self.machines = Machines(self.state, name="lab")

    async def restart(self) -> None:
        """The agent goes and another one comes; machines run on."""
        await self.machines.close()
        self.machines = Machines(self.state, name="lab")
        await self.machines.load()

    async def create(self, image: str, vm: str = VM, **fields: Any) -> None:
        definition = MachineDefinition(vm=vm, name=image, driver="qemu", image=image, **fields)
        await self.machines.create(definition)

    async def perform(self, verb: str, vm: str = VM, **args: Any) -> Outcome:
        return await self.machines.perform(f"vm.{verb}", vm, args, 1)

    @property
    def machine(self) -> Machine:
        return self.machines.get(VM)

    @property
    def port(self) -> PortBroker:
        return self.machine.console

    @property
    def end(self) -> int:
        """Offset of the console's end now."""
        self.port.spool.refresh()
        return self.port.spool.end

    @property
    def pid(self) -> int:
        pid = self.machine.driver.pid
        assert pid is not None
        return pid

    async def shows(self, text: bytes, since: int = 0, seconds: float = BOOT_S) -> bytes:
        """Wait until the console showed `text` from offset `since` on; the line it is in."""
        line = await self.port.output.wait_for(text, since, seconds)
        assert line is not None, (
            text,
            self.port.spool.read(max(self.port.spool.start, self.end - 2000), 2000),
        )
        return line

    async def close(self) -> None:
        """End everything that was started."""
        for report in self.machines.reports():
            await self.machines.delete(report.vm)
        await self.machines.close()


__all__ = ["BOOT_S", "GREETING", "PROMPT", "VM", "HostLab", "boot_sector"]


@asynccontextmanager
async def at_its_prompt(root: Path, guest: Guest) -> AsyncIterator[HostLab]:
    """A host whose guest `demo` has booted; it is gone with the block, also where it never booted."""
    lab = HostLab(root, guest)
    try:
        await lab.machines.load()
        await lab.create("demo")
        await lab.perform("start")
        await lab.shows(PROMPT)
        yield lab
    finally:
        await lab.close()


async def refused(code: str, attempt: Any) -> dict[str, Any]:
    with pytest.raises(Fault) as caught:
        await attempt
    assert caught.value.code == code, caught.value
    return caught.value.fields
