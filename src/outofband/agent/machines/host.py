"""What all machines of a host share: configuration, accelerator, the hub of the ports, and facts."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
from pathlib import Path

import structlog

from outofband import __version__
from outofband.agent import facts
from outofband.agent.config import HostConfig
from outofband.agent.hypervisors import accelerator as accelerators
from outofband.agent.hypervisors.accelerator import Accelerator
from outofband.agent.hypervisors.command import command_line
from outofband.agent.ports.hub import PortHub
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.wire.machine import MOVING, HostReport, MachineDefinition

MIB = 1024 * 1024

log = structlog.get_logger(__name__)


class Host:
    """One per agent; make it inside the event loop."""

    def __init__(self, state: StateDir, config: HostConfig, *, name: str | None = None) -> None:
        self.state = state
        self.own: str | None = None
        """The id that stands for this server itself, as the one behind its own console."""
        self.config = config
        self.name = name or platform.node() or "localhost"
        self.root = Path("/")
        """Where the machine's own facts are read."""
        self.hub = PortHub()
        self._accelerator: Accelerator | None = None
        self._choosing = asyncio.Lock()

    @property
    def ring(self) -> int:
        return self.config.limits.ring_mib * MIB

    @property
    def reserve(self) -> int:
        return self.config.limits.reserve_mib * MIB

    def directory(self, vm: str) -> Path:
        """Folder of a machine, named by its checked id; that of the server's own console lies apart."""
        return self.console if self.is_own(vm) else self.state.machines / vm

    @property
    def console(self) -> Path:
        """Folder of the server's own console."""
        return self.state.agent / "console"

    def is_own(self, vm: str) -> bool:
        """Whether the id is this server's own."""
        return self.own is not None and vm.lower() == self.own

    def uart(self, definition: MachineDefinition) -> tuple[Path, int]:
        """Device and speed of a machine at the other end of a cable. Raises Fault ImageNotFound."""
        if self.is_own(definition.vm):
            return Path(self.config.console.device), self.config.console.baud
        found = self.config.uart(definition.socket, self.name)
        return Path(found.path), found.baud

    async def accelerator(self) -> Accelerator:
        """What QEMU guests run under here. Raises Fault QemuNotFound."""
        async with self._choosing:
            if self._accelerator is None:
                settings = self.config.qemu
                cache = self.state.agent / "accelerator.json"
                self._accelerator = await accelerators.choose(settings.program, settings.accelerator, cache)
            return self._accelerator

    async def command(self, definition: MachineDefinition) -> list[str]:
        """The QEMU command line of a machine. Raises Fault QemuNotFound, ImageNotFound."""
        program = accelerators.find_qemu(self.config.qemu.program)
        image = self.config.image(definition.image, self.name)
        return command_line(definition, image, (await self.accelerator()).name, program)

    def disk(self, definition: MachineDefinition) -> tuple[Path, str | None] | None:
        """Path and format of the image a machine's own disk lies over, if it has one."""
        image = self.config.image(definition.image, self.name)
        return (Path(image.disk), image.format) if image.disk is not None else None

    def check_names(self, definition: MachineDefinition) -> None:
        """Raises Fault ImageNotFound when the definition names what this host does not have."""
        if definition.driver == "qemu":
            self.config.image(definition.image, self.name)
        elif definition.driver == "pty":
            self.config.program(definition.program, self.name)
        elif definition.driver == "uart":
            self.config.uart(definition.socket, self.name)
        else:
            self.config.socket(definition.socket, self.name)

    async def report(self) -> HostReport:
        drivers = ["unix", "pty", "uart"]
        try:
            found = await self.accelerator()
            name, probe = found.name, found.probe
            drivers.insert(0, "qemu")
        except Fault as fault:
            name, probe = "none", f"QEMU ('{fault.fields.get('program')}') is not installed on this host."
        return HostReport(
            hostname=self.name,
            os=_os_name(),
            version=__version__,
            cpus=os.cpu_count() or 1,
            memory_mib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB,
            accelerator=name,
            probe=probe,
            drivers=drivers,
            images=sorted(self.config.images),
            programs=sorted(self.config.programs),
            sockets=sorted(self.config.sockets),
            uarts=sorted(self.config.uarts),
            console="" if self.config.console.kind == "off" else self.config.console.kind,
            monitor=self.config.policy.monitor,
            networks="qemu" in drivers,
            public=list(self.config.network.public),
            facts=await asyncio.to_thread(facts.read, self.root),
            moves=all(self.config.allows(verb) for verb in MOVING),
        )

    def free_space(self) -> int:
        """Bytes free on the file system of the machines."""
        return shutil.disk_usage(self.state.machines).free


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()
