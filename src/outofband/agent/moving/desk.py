"""The verbs by which a machine leaves this host or comes to it, and the one that keeps it from running twice.

Sending needs the machine at rest and changes nothing of it. Receiving fills a folder that is no machine.
Taking makes it one, by a rename: before that the machine is the source's, after that it is this host's under
the epoch that the control plane named. Each of them may be done twice, and after a crash in between.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import structlog

from outofband.agent.machines import definitions
from outofband.agent.machines.definitions import Condition
from outofband.agent.machines.host import MIB, Host
from outofband.agent.machines.machine import Machine, Outcome
from outofband.agent.moving import bundle, receiving, sending, staging
from outofband.agent.moving.carrier import Carrier
from outofband.agent.moving.following import Followers
from outofband.agent.moving.images import Images
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net.blobs import BlobClient
from outofband.net.tasks import in_thread
from outofband.wire.machine import MachineDefinition, Power
from outofband.wire.move import (
    DropArgs,
    FollowArgs,
    ImageMark,
    LookArgs,
    Manifest,
    Progress,
    ReceiveArgs,
    SendArgs,
    TakeArgs,
    Ticket,
)

MOVABLE = ("qemu", "pty")
"""Kinds of machines that are no more than their files; the others are somebody's, at a place."""

log = structlog.get_logger(__name__)
A = TypeVar("A")


class Transfer(NamedTuple):
    """Under way; of the machine as it is, or comes, under `epoch`."""

    carrier: Carrier
    task: asyncio.Task[Any]
    epoch: int


class MovingDesk:
    """`client` is there while the server is connected."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._images = Images(host.state.agent / "images.json")
        self._under_way: dict[tuple[str, str], Transfer] = {}
        self._followers = Followers(self._require_room)
        self.client: BlobClient | None = None

    def sweep(self) -> None:
        staging.sweep(self._host.state.machines)

    # --- looking ---

    async def look(self, machine: Machine | None, vm: str, args: LookArgs) -> Outcome:
        """What a machine would take with it; or whether this host could take one.

        Raises Fault DiskNotMovable, VmUnknownToHost; as the target VmCopyOnHost, ImageDiffers, ImageNotFound,
        NoSpace.
        """
        if args.definition is None:
            if machine is None:
                raise Fault("VmUnknownToHost", vm=vm)
            _require_movable(machine.definition)
            paths = await asyncio.to_thread(bundle.files, machine.directory, machine.definition.driver)
            image = await self._image(machine.definition)
            size = await asyncio.to_thread(bundle.occupied, paths)
            runs = machine.power is not Power.STOPPED
            data = {"image": msgspec.to_builtins(image), "bytes": size, "runs": runs}
            return Outcome(f"Up to {size // MIB} MiB would move.", data)
        if machine is not None:
            raise Fault("VmCopyOnHost", vm=machine.name)
        definition = definitions.parse(vm, args.definition)
        _require_movable(definition)
        self._host.check_names(definition)
        receiving.same_image(args.image, await self._image(definition))
        self._require_room(args.bytes)
        return Outcome("The host can take the machine.")

    async def _image(self, definition: MachineDefinition) -> ImageMark | None:
        """The mark of the disk image below a machine's own disk. Raises ImageNotFound, VmStartFailed."""
        disk = self._disk(definition)
        if disk is None:
            return None
        try:
            return await self._images.mark(definition.image or "", disk[0])
        except OSError as error:
            detail = f"the disk image '{disk[0]}': {error.strerror or error}"
            raise Fault("VmStartFailed", detail=detail) from error

    def _disk(self, definition: MachineDefinition) -> tuple[Path, str | None] | None:
        return self._host.disk(definition) if definition.driver == "qemu" else None

    def _require_room(self, size: int) -> None:
        free, needed = self._host.free_space(), size + self._host.reserve
        if free < needed:
            path = str(self._host.state.machines)
            raise Fault("NoSpace", path=path, free=free // MIB, needed=needed // MIB)

    # --- leaving ---

    async def send(self, machine: Machine, args: SendArgs) -> Outcome:
        """A start ends it. Raises Fault VmNotAtRest, DiskNotMovable, DiskChanged, DiskStoreAway,
        MoveCalledOff.
        """
        definition = machine.definition
        _require_movable(definition)
        carrier = self._carrier(args.account, args.container, args.protected)
        async with machine.at_rest(lambda: self._call_off(definition.vm, args.move)):
            work = self._on_disk(self._send(carrier, machine))
            name, manifest = await self._run(definition, args.move, carrier, work)
            # Before anybody else gets at it: what is sent has to stay what is here.
            try:
                machine.leave(args.move)
            except OSError as error:
                raise self._failed(error) from error
        sent = carrier.done - carrier.spared
        log.info("move.sent", vm=definition.vm, manifest=name, bytes=sent, spared=carrier.spared)
        data = {
            "manifest": name,
            "bytes": carrier.done,
            "sent": sent,
            "ends": manifest.ends,
            "boots": manifest.boots,
        }
        words = f"{carrier.done // MIB} MiB of the machine are stored, {sent // MIB} MiB of them sent now."
        return Outcome(words, data)

    async def _send(self, carrier: Carrier, machine: Machine) -> tuple[str, Manifest]:
        ends = {}
        for name, port in machine.ports.items():
            port.spool.refresh()
            ends[name] = port.spool.end
        return await sending.send(
            carrier,
            machine.directory,
            vm=machine.definition.vm,
            driver=machine.definition.driver,
            epoch=machine.definition.epoch,
            boots=machine.boots,
            ends=ends,
            image=await self._image(machine.definition),
        )

    # --- arriving ---

    async def receive(self, vm: str, args: ReceiveArgs) -> Outcome:
        """Raises Fault DiskStoreAway, DiskDamaged, ImageDiffers, ImageNotFound, NoSpace."""
        definition = definitions.parse(vm, args.definition)
        _require_movable(definition)
        self._host.check_names(definition)
        directory = staging.folder(self._host.state.machines, definition.vm)
        carrier = self._carrier(args.account, args.container, args.protected)
        work = self._on_disk(self._receive(carrier, definition, directory, args))
        about = await self._run(definition, args.move, carrier, work)
        found = {"bytes": carrier.done, "spared": carrier.spared}
        log.info("move.received", vm=definition.vm, manifest=args.manifest, **found)
        data = found | {"boots": about.boots}
        return Outcome(f"{carrier.done // MIB} MiB arrived, were read back and are on disk.", data)

    async def follow(self, machine: Machine | None, vm: str, args: FollowArgs, epoch: int) -> Outcome:
        """Begin to fetch what the source has stored by now, or go on with it. Nobody waits for it, and
        nothing is lost when it fails. Raises Fault StaleEpoch, DiskNotMovable, DiskStoreAway.
        """
        directory = staging.folder(self._host.state.machines, vm)
        there, here = staging.arrival(directory), machine.definition.epoch + 1 if machine is not None else 0
        newest = max(here, there.epoch if there is not None else 0)
        if epoch < newest:
            raise Fault("StaleEpoch", current=newest, given=epoch)
        if args.driver not in MOVABLE:
            raise Fault("DiskNotMovable", detail=f"with the driver '{args.driver}' it is where its port is")
        carrier = self._carrier(args.account, args.container, args.protected)
        received = any(known == vm for known, _ in self._under_way)
        new = not received and await self._followers.begin(vm, args, epoch, carrier, directory)
        return Outcome(
            "What is stored of it comes meanwhile." if new else "It is known.", {"already": not new}
        )

    async def stop_following(self, vm: str) -> None:
        """Whoever makes a machine of a folder is alone in it."""
        await self._followers.stop(vm)

    async def close(self) -> None:
        await self._followers.close()

    async def _receive(
        self, carrier: Carrier, definition: MachineDefinition, directory: Path, args: ReceiveArgs
    ) -> staging.Arrival:
        wrote = await self._followers.stop(definition.vm, args.move)
        about = await in_thread(staging.begin, directory, args.move, args.manifest, definition.epoch)
        if about.whole:
            return about
        manifest = await receiving.fetch_manifest(
            carrier, args.manifest, vm=definition.vm, driver=definition.driver
        )
        receiving.same_image(manifest.image, await self._image(definition))
        paths = await asyncio.to_thread(bundle.files, directory, definition.driver)
        there = await asyncio.to_thread(bundle.occupied, paths)
        self._require_room(max(0, len(manifest.chunks) * 4 * MIB - there))
        await receiving.receive(carrier, directory, manifest, self._disk(definition), wrote)
        about = msgspec.structs.replace(about, whole=True, boots=manifest.boots)
        await in_thread(staging.keep, directory, about)
        return about

    def prepare(self, definition: MachineDefinition, args: TakeArgs) -> Path:
        """The folder that is to become the machine, complete but for its name. Blocks.

        Raises Fault DiskNotReceived, OSError.
        """
        directory = staging.folder(self._host.state.machines, definition.vm)
        about = staging.arrival(directory)
        if args.manifest is None:
            staging.begin(directory, args.move, "", definition.epoch)
        elif about is None or not about.whole or about.manifest != args.manifest:
            raise Fault("DiskNotReceived", vm=definition.name)
        receiving.place(directory, args.ends)
        definitions.save(directory, definition)
        boots = about.boots if about is not None and args.manifest is not None else 0
        definitions.save_condition(directory, Condition(power=Power.STOPPED, since=clock.iso(), boots=boots))
        return directory

    async def drop(self, machine: Machine | None, vm: str, args: DropArgs) -> Outcome:
        """End a transfer that is called off, in either direction, and remove what arrived by it. A machine
        that was sent by it stays.
        """
        if (task := self._call_off(vm, args.move)) is not None:
            await asyncio.wait({task})
        await self._followers.end(vm, args.move)
        if machine is not None:
            machine.stay(args.move)
        directory = staging.folder(self._host.state.machines, vm)
        about = staging.arrival(directory)
        if about is None or about.move != args.move:
            return Outcome("Nothing of that move is here.", {"already": True})
        await asyncio.to_thread(staging.discard, directory)
        return Outcome("What had arrived was removed.")

    async def forget(self, vm: str, epoch: int | None) -> None:
        """The machine is deleted as it was under `epoch`, or for good: whatever arrives of it goes too, but
        what comes here by a later move.
        """
        for (known, move), transfer in list(self._under_way.items()):
            older = epoch is None or transfer.epoch <= epoch
            if known == vm and older and (task := self._call_off(vm, move)) is not None:
                await asyncio.wait({task})
        await self._followers.forget(vm, epoch)
        directory = staging.folder(self._host.state.machines, vm)
        about = staging.arrival(directory)
        if about is None or epoch is None or about.epoch <= epoch:
            await asyncio.to_thread(staging.discard, directory)

    def progress(self, vm: str, args: DropArgs) -> Outcome:
        known = self._under_way.get((vm, args.move))
        found = known.carrier.progress if known is not None else Progress()
        return Outcome(f"{found.done // MIB} of {found.total // MIB} MiB.", msgspec.to_builtins(found))

    # --- how it is done ---

    def _carrier(self, account: str, container: str, ticket: Ticket) -> Carrier:
        if self.client is None or not ticket.query:
            raise Fault("DiskStoreAway", detail="there is no way to the store from here")
        return Carrier(self.client, account, container, ticket.query)

    async def _run(
        self, definition: MachineDefinition, move: str, carrier: Carrier, work: Coroutine[Any, Any, A]
    ) -> A:
        """While it lasts others may ask how far it is, and call it off. Raises Fault MoveCalledOff."""
        vm = definition.vm
        task = asyncio.get_running_loop().create_task(work, name=f"move {vm}")
        self._under_way[vm, move] = Transfer(carrier, task, definition.epoch)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise Fault("MoveCalledOff", vm=vm) from None
            task.cancel()
            await asyncio.wait({task})
            raise
        finally:
            self._under_way.pop((vm, move), None)

    def _call_off(self, vm: str, move: str) -> asyncio.Task[Any] | None:
        known = self._under_way.get((vm, move))
        if known is None:
            return None
        known.task.cancel()
        return known.task

    async def _on_disk(self, work: Awaitable[A]) -> A:
        try:
            return await work
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> Fault:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free, needed = self._host.free_space() // MIB, self._host.reserve // MIB
            return Fault("NoSpace", path=str(self._host.state.machines), free=free, needed=needed)
        return Fault("DiskDamaged", detail=error.strerror or str(error))


def _require_movable(definition: MachineDefinition) -> None:
    if definition.driver not in MOVABLE:
        detail = f"with the driver '{definition.driver}' it is where its port is"
        raise Fault("DiskNotMovable", detail=detail)
