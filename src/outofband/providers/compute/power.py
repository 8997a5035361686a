"""The work of a VM's operations: commands to its host, and what the row says afterwards.

Every command carries a key made of the operation's id, so a step that is run again by a later life of this
process gets the answer of the first run. A row that vanished meanwhile was deleted: nothing is left to do.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from outofband.catalogue import explain
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.fleet.hosts import vm_topic
from outofband.providers.compute.move_places import MovePlaces
from outofband.providers.compute.moving import Consoles, Moves
from outofband.providers.compute.removal import Removals
from outofband.providers.compute.shape import definition, guest_of, private_of, with_private
from outofband.providers.network.hosting import card
from outofband.providers.network.house import House
from outofband.resources.declaration import Step
from outofband.resources.job import Done, Job
from outofband.resources.lookup import DELETING
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.machine import Power, Verb

SHUTDOWN_SECONDS = 90.0
"""How long a guest may take to shut down when asked."""
ANSWER_SECONDS = 60.0
"""How long a host may take over anything else, a reconnect of its agent included."""
_ARRIVES = frozenset({Verb.CREATE, Verb.START, Verb.RESTART})
"""Commands before which a VM that is on its way to its host has to be there."""
SEEN_SECONDS = 5.0
"""How long to wait for the report that belongs to an answer, so that a client's next read sees it."""


class Deed(enum.StrEnum):
    """What an operation that writes a VM does on its host."""

    CREATE = "create"
    IMPORT = "import"
    RESIZE = "resize"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Input of a write. `restart`: it ran when the write was accepted, so it runs again at the end."""

    deed: Deed = Deed.CREATE
    restart: bool = False


class Shutdown(msgspec.Struct, frozen=True, kw_only=True):
    """Input of an operation that stops: `graceful` asks the guest and waits for it."""

    graceful: bool = True


class Work:
    """The steps. Each is given a job whose `rid` is a VM."""

    def __init__(
        self, store: Store, fleet: Fleet, consoles: Consoles, house: House, places: MovePlaces | None = None
    ) -> None:
        """`places`: where disks are on their way; without it no VM leaves its host."""
        self._store = store
        self._fleet = fleet
        self.moves = Moves(store, fleet, consoles, house, places)
        self.removals = Removals(store, fleet, consoles, self.moves, self.command)
        self.write = Step(run=self._write, failed=self._write_failed)
        self.start = Step(run=self._start)
        self.power_off = Step(run=self._power_off)
        self.restart = Step(run=self._restart)
        self.deallocate = Step(run=self._deallocate)
        self.reapply = Step(run=self._reapply)
        self.delete = Step(run=self.removals.delete, failed=self._failed)

    async def _write(self, job: Job) -> Done:
        row = await self._row(job)
        if row is None:
            return Done()
        change = job.input(Change)
        if change.deed is Deed.CREATE:
            return await self.make(job, row)
        observed = await self.command(job, row, Verb.CREATE, await self.definition(row))
        if change.restart:
            await self.again(job, row)
        return self._settled(job, observed, provisioning_state="Succeeded", placed=True, failure=None)

    async def make(self, job: Job, row: Resource) -> Done:
        """Have the host make the machine and start it."""
        await self.command(job, row, Verb.CREATE, await self.definition(row))
        if not private_of(row).placed:
            await self._place(job)
        # A machine that others run is only attached to: its power is not ours.
        if guest_of(row).driver not in ("unix", "uart"):
            await self.command(job, row, Verb.START)
            await self.see(row, Power.RUNNING)
        return self._settled(
            job, None, provisioning_state="Succeeded", placed=True, failure=None, deallocated=False
        )

    async def again(
        self,
        job: Job,
        row: Resource,
        *,
        step: str = "",
        between: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Stop the machine and start it, so that it is what its definition says; `between`, while it is off.
        `step` sets apart what one operation does more than once.
        """
        await self._gently(lambda graceful: self._stop(job, row, graceful=graceful, step=step))
        if between is not None:
            await between()
        await self.command(job, row, Verb.START, step=step)
        await self.see(row, Power.RUNNING)

    async def _place(self, job: Job) -> None:
        """Remember that the host has the machine now: from here on a delete has to reach the host."""
        async with self._store.write() as tx:
            row = await self._store.resources.get(tx, job.rid)
            if row is not None:
                await self._store.resources.update(
                    tx, job.rid, now=clock.now(), properties=with_private(row, placed=True)
                )

    async def _reapply(self, job: Job) -> Done:
        """Tell the host once more what the VM is; a host that lost it makes it anew. Its power stays."""
        row = await self._row(job)
        if row is None:
            return Done()
        observed = await self.command(job, row, Verb.CREATE, await self.definition(row))
        return self._settled(job, observed, provisioning_state="Succeeded", placed=True, failure=None)

    async def anew(self, job: Job, note: str = "") -> Done:
        """End the VM by force, tell its host once more what it is, and start it: its disk stays where it is,
        and so does the VM. `note` follows what was seen.
        """
        row = await self._row(job)
        if row is None:
            return Done()
        try:
            await self._stop(job, row, graceful=False)
        except Fault as fault:
            if fault.code != "VmUnknownToHost":
                raise
        await self.command(job, row, Verb.CREATE, await self.definition(row))
        observed = await self.command(job, row, Verb.START)
        await self.see(row, Power.RUNNING)
        return self._settled(
            job,
            f"{observed}{note}",
            provisioning_state="Succeeded",
            placed=True,
            failure=None,
            deallocated=False,
        )

    async def _start(self, job: Job) -> Done:
        row = await self._row(job)
        if row is None:
            return Done()
        if self.gives_cards(row):
            # Its network may have been written since, which changes nothing in a VM that runs.
            await self.command(job, row, Verb.CREATE, await self.definition(row))
        observed = await self.command(job, row, Verb.START)
        await self.see(row, Power.RUNNING)
        return self._settled(job, observed, deallocated=False)

    async def _power_off(self, job: Job) -> Done:
        row = await self._row(job)
        if row is None:
            return Done()
        report = self._fleet.report(row.uid, private_of(row).agent)
        was_stopped = report is not None and report.power is Power.STOPPED
        observed = await self._stop(job, row, graceful=job.input(Shutdown).graceful)
        # Switching off what is off leaves it as it was, deallocated or not.
        return self._settled(job, observed, deallocated=private_of(row).deallocated and was_stopped)

    async def _deallocate(self, job: Job) -> Done:
        row = await self._row(job)
        if row is None:
            return Done()
        if job.input(Shutdown).graceful:
            observed = await self._gently(lambda graceful: self._stop(job, row, graceful=graceful))
        else:
            observed = await self._stop(job, row, graceful=False)
        return self._settled(job, observed, deallocated=True)

    async def _restart(self, job: Job) -> Done:
        row = await self._row(job)
        if row is None:
            return Done()

        async def restart(graceful: bool) -> str:
            args = {"graceful": graceful, "timeout": SHUTDOWN_SECONDS}
            seconds = ANSWER_SECONDS + SHUTDOWN_SECONDS * graceful
            return await self.command(job, row, Verb.RESTART, args, step=_how(graceful), seconds=seconds)

        asks = job.input(Shutdown).graceful
        observed = await (self._gently(restart) if asks else restart(False))
        await self.see(row, Power.RUNNING)
        return self._settled(job, observed, deallocated=False)

    async def _gently(self, act: Callable[[bool], Awaitable[str]]) -> str:
        """Ask the guest first, force it when it does not react, as Azure does where the end is certain."""
        try:
            return await act(True)
        except Fault as fault:
            if fault.code not in ("VmStopTimeout", "ActionNotSupported"):
                raise
            return await act(False)

    async def _stop(self, job: Job, row: Resource, *, graceful: bool, step: str = "") -> str:
        args = {"graceful": graceful, "timeout": SHUTDOWN_SECONDS}
        seconds = ANSWER_SECONDS + SHUTDOWN_SECONDS * graceful
        observed = await self.command(
            job, row, Verb.STOP, args, step=f"{_how(graceful)}{step}", seconds=seconds
        )
        await self.see(row, Power.STOPPED)
        return observed

    async def command(
        self,
        job: Job,
        row: Resource,
        verb: Verb,
        args: dict[str, Any] | None = None,
        *,
        step: str = "",
        seconds: float = ANSWER_SECONDS,
    ) -> str:
        """What the host saw happen. A VM that is on its way to its host is taken there first."""
        if private_of(row).moving is not None and verb in _ARRIVES:
            await self.moves.arrive(job, row, await self.definition(row))
        try:
            observed = await self._told(job, row, verb, args, step, seconds)
        except Fault as fault:
            if fault.code != "VmLeaving":
                raise
            await self.moves.stays(job, row, fault)
            observed = await self._told(job, row, verb, args, f"{step}:stays", seconds)
        if private_of(row).moving is not None and verb is Verb.START:
            await self.moves.booted(job, row)
        return observed

    async def _told(
        self, job: Job, row: Resource, verb: Verb, args: dict[str, Any] | None, step: str, seconds: float
    ) -> str:
        # Whether the host is there was asked when the operation was accepted; now it may come back in time.
        result = await self._fleet.command(
            private_of(row).agent,
            verb.value,
            row.uid,
            args,
            key=job.key(f"{verb.value}{step}"),
            epoch=row.epoch,
            timeout=seconds,
            require_online=False,
        )
        return result.observed

    async def see(self, row: Resource, wanted: Power) -> None:
        """Wait until the host's report says so too; it comes beside the answer, in no certain order."""
        until = clock.monotonic() + SEEN_SECONDS
        with self._store.bell.listen(vm_topic(row.uid)) as ear:
            while (left := until - clock.monotonic()) > 0:
                report = self._fleet.report(row.uid, private_of(row).agent)
                if report is not None and report.power is wanted:
                    return
                await ear.wait(left)

    async def definition(self, row: Resource) -> dict[str, Any]:
        """What its host gets to know of it, with its card if the host gives cards."""
        if not self.gives_cards(row):
            return definition(row)
        async with self._store.read() as tx:
            return definition(row, await card(self._store, tx, row))

    def gives_cards(self, row: Resource) -> bool:
        """Whether the host gives this VM the card of its interface, and reaches it there."""
        host = self._fleet.host(private_of(row).agent)
        known = host is not None and host.report is not None and host.report.networks
        return known and guest_of(row).driver == "qemu"

    async def _row(self, job: Job) -> Resource | None:
        async with self._store.read() as tx:
            return await self._store.resources.get(tx, job.rid)

    def settled(self, job: Job, output: dict[str, Any]) -> Done:
        """The good end of an operation after which the VM runs, with an output of its own."""
        done = self._settled(
            job, None, provisioning_state="Succeeded", placed=True, failure=None, deallocated=False
        )
        return msgspec.structs.replace(done, output=output)

    def _settled(
        self, job: Job, observed: str | None, *, provisioning_state: str | None = None, **private: Any
    ) -> Done:
        async def settle(tx: Tx) -> None:
            row = await self._store.resources.get(tx, job.rid)
            if row is not None:
                # Asked to delete it meanwhile: that is what it is in, until the delete says otherwise.
                state = provisioning_state if row.provisioning_state != DELETING else None
                await self._store.resources.update(
                    tx,
                    job.rid,
                    now=clock.now(),
                    properties=with_private(row, **private),
                    provisioning_state=state,
                )

        return Done(output={"observed": observed} if observed is not None else None, settle=settle)

    async def _write_failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        row = await self._store.resources.get(tx, job.rid)
        if row is not None and row.provisioning_state != DELETING:
            await self._failed(job, tx, fault)

    async def _failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        row = await self._store.resources.get(tx, job.rid)
        if row is None:
            return
        failure = {"code": fault.code, "message": explain(fault).message}
        await self._store.resources.update(
            tx,
            job.rid,
            now=clock.now(),
            properties=with_private(row, failure=failure),
            provisioning_state="Failed",
        )


def _how(graceful: bool) -> str:
    return ":graceful" if graceful else ":forced"
