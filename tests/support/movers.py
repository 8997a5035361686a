"""Hosts whose agents are real but for their sockets: machines, journal and commands of the agent itself, with
real programs on terminals, linked to a control plane and using its Blob service.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from outofband.agent.commands import Commands
from outofband.agent.journal import Journal
from outofband.agent.machines.registry import Machines
from outofband.core.paths import StateDir
from outofband.net.blobs import BlobClient
from outofband.wire.link import Command, Inventory, Result, VmChanged, VmGone
from outofband.wire.machine import Verb, VmReport
from tests.support.actors import AgentPeer, HostKey, host_report
from tests.support.cloud import Cloud
from tests.support.wait import until

CONFIG = """\
[programs.keeper]
command = ["sh", "-c", "echo \\"$(head -c 6 \\"$OOB_MACHINE_DIR/disk\\" 2>/dev/null) up\\"; exec cat"]
[limits]
ring_mib = 1
reserve_mib = 1
"""


class Mover:
    """One host. `kill` is the end of its agent without a word; `boot` the start of the next."""

    def __init__(self, cloud: Cloud, name: str, folder: Path, key: HostKey, identity: Any) -> None:
        self.cloud, self.name = cloud, name
        self.key, self.identity = key, identity
        self.state = StateDir(folder / name)
        self.report = msgspec.structs.replace(
            host_report(), hostname=name, drivers=["pty"], programs=["keeper"], moves=True
        )
        self.killed_at: dict[Verb, str] = {}
        """By verb, `before` or `after` its effect: there the agent dies, once."""
        self.died: list[Verb] = []
        self.peer: AgentPeer | None = None

    async def boot(self) -> None:
        self.state.agent.mkdir(parents=True, exist_ok=True)
        (self.state.agent / "agent.toml").write_text(CONFIG)
        self.machines = Machines(self.state, name=self.name)
        await self.machines.load()
        context = self.cloud.client_context()
        self.blobs = BlobClient(lambda: f"{self.cloud.base}/blob", lambda: context)
        self.machines.moving.client = self.blobs
        self.journal = Journal(self.state.agent / "journal.db")
        self.peer = peer = AgentPeer(self.key, self.identity, self.cloud.client_context())
        self.commands = Commands(self.journal, self, lambda result: peer.spawn(_sent(peer, result)))
        peer.answer = self._take
        self.machines.on_change(self._changed)
        await peer.connect()
        await peer.send(Inventory(self.report, self.machines.reports()))
        await until(lambda: self.cloud.fleet.connected(self.identity.agent))

    async def kill(self) -> None:
        peer, self.peer = self.peer, None
        if peer is None:
            return
        await peer.kill()
        # Its processes run on, and nothing it had begun comes to its end in good order.
        await self.commands._tasks.close()
        self.commands._disk.shutdown()
        await self.machines.close()
        await self.blobs.close()
        self.journal.close()

    async def end(self) -> None:
        if self.peer is None:
            await self.boot()
        for report in self.machines.reports():
            await self.machines.delete(report.vm)
        await self.kill()

    def runs(self, vm: str) -> bool:
        """Whether a program of this VM is alive, whatever its agent knows."""
        from outofband.agent.ports.program import find_ptyhost

        folder = self.state.machines / vm
        return folder.exists() and find_ptyhost(folder) is not None

    # agent.commands.Performer

    async def perform(self, verb: str, vm: str, args: dict[str, Any], epoch: int, *, key: str) -> Any:
        how = self.killed_at.pop(Verb(verb), None)
        if how == "before":
            await self._die(Verb(verb))
        outcome = await self.machines.perform(verb, vm, args, epoch, key=key)
        if how == "after":
            await self._die(Verb(verb))
        return outcome

    def finished(self, vm: str, key: str) -> None:
        self.machines.finished(vm, key)

    async def _die(self, verb: Verb) -> None:
        self.died.append(verb)
        await asyncio.Event().wait()

    def _take(self, command: Command) -> Result | None:
        self.commands.receive(command)
        return None

    def _changed(self, vm: str, report: VmReport | None) -> None:
        if (peer := self.peer) is not None:
            peer.spawn(_sent(peer, VmChanged(report) if report is not None else VmGone(vm)))


async def _sent(peer: AgentPeer, message: Any) -> None:
    with contextlib.suppress(Exception):
        await peer.send(message)


@contextlib.asynccontextmanager
async def mover(cloud: Cloud, name: str, folder: Path, **about: Any) -> AsyncIterator[Mover]:
    key = HostKey()
    identity = await cloud.fleet.enrol(key.enrolment(await cloud.token(), name))
    made = Mover(cloud, name, folder, key, identity)
    made.report = msgspec.structs.replace(made.report, **about)
    await made.boot()
    try:
        yield made
    finally:
        await made.end()
