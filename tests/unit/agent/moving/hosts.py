"""Two hosts, each an agent's machines with real processes on terminals, and a machine that moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from outofband.agent.hypervisors import overlay
from outofband.agent.machines.machine import Outcome
from outofband.agent.machines.registry import Machines
from outofband.core.paths import StateDir
from outofband.wire.machine import MachineDefinition
from tests.support.blobs import KeptBlobs

VM = "7a7d3c05-1c11-4f0c-8f5e-3f4f3d1d2c10"
MOVE = "0d9f7a52-1f6f-4a3e-9d39-0b9d6f0f2b11"
PLACE = {"account": "oobmove1", "container": "move-1", "protected": {"query": "sig=s"}}
IMAGE_BYTES = bytes(range(256)) * 4096

CONFIG = """\
[images.disk]
disk = "disk.img"
[programs.cat]
command = ["cat"]
[limits]
ring_mib = 1
reserve_mib = 1
"""


class Hosts:
    def __init__(self, folder: Path, blobs: KeptBlobs) -> None:
        self.folder, self.blobs = folder, blobs
        self.source: Machines
        self.target: Machines

    async def __aenter__(self) -> Hosts:
        self.source, self.target = await self.boot("h1"), await self.boot("h2")
        return self

    async def __aexit__(self, *_: object) -> None:
        for machines in (self.source, self.target):
            for report in machines.reports():
                await machines.delete(report.vm)
            await machines.close()

    async def boot(self, name: str) -> Machines:
        """An agent's start, also after the one before was killed."""
        state = StateDir(self.folder / name)
        state.agent.mkdir(parents=True, exist_ok=True)
        config = state.agent / "agent.toml"
        if not config.exists():
            config.write_text(CONFIG)
            (state.agent / "disk.img").write_bytes(IMAGE_BYTES)
        machines = Machines(state, name=name)
        machines.moving.client = self.blobs
        await machines.load()
        return machines

    async def define(self, driver: str = "pty") -> Path:
        """The machine at the source; its folder."""
        await self.source.create(definition(driver))
        return self.source.get(VM).directory

    async def source_does(self, verb: str, epoch: int = 1, **args: Any) -> Outcome:
        return await self.source.perform(f"vm.{verb}", VM, args, epoch)

    async def target_does(self, verb: str, epoch: int = 2, **args: Any) -> Outcome:
        return await self.target.perform(f"vm.{verb}", VM, args, epoch)

    async def send(self) -> str:
        return str((await self.source_does("disk-send", move=MOVE, **PLACE)).data["manifest"])

    async def receive(self, manifest: str, driver: str = "pty") -> Outcome:
        coming = args_of(driver, 2)
        return await self.target_does(
            "disk-receive", move=MOVE, manifest=manifest, definition=coming, **PLACE
        )

    async def take(self, manifest: str | None, driver: str = "pty", **more: Any) -> Outcome:
        coming = args_of(driver, 2)
        return await self.target_does("disk-take", move=MOVE, manifest=manifest, definition=coming, **more)


def definition(driver: str = "pty", epoch: int = 1) -> MachineDefinition:
    named = {"program": "cat"} if driver == "pty" else {"image": "disk"}
    return MachineDefinition(vm=VM, name="mover", driver=driver, epoch=epoch, **named)  # type: ignore[arg-type]


def args_of(driver: str, epoch: int) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.to_builtins(definition(driver, epoch))
    return body


def make_overlay(directory: Path, image: Path, written: dict[int, bytes]) -> None:
    """An overlay of the agent's own, with bytes in clusters behind its tables."""
    overlay.create(directory / "disk.qcow2", image, "raw")
    with (directory / "disk.qcow2").open("r+b") as file:
        for offset, body in written.items():
            file.seek(offset)
            file.write(body)
