"""The work of a VM's operations: commands to its host, and what the row says afterwards.

Every command carries a key made of the operation's id, so a step that is run again by a later life of this
process gets the answer of the first run. A row that vanished meanwhile was deleted: nothing is left to do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from outofband.catalogue import explain
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet, vm_topic
from outofband.providers.compute.shape import definition, guest_of, private_of, with_private
from outofband.resources.declaration import Step
from outofband.resources.job import Done, Job
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.machine import Power, Verb

SHUTDOWN_SECONDS = 90.0
"""How long a guest may take to shut down when asked."""
ANSWER_SECONDS = 60.0
"""How long a host may take over anything else, a reconnect of its agent included."""
SEEN_SECONDS = 5.0
"""How long to wait for the report that belongs to an answer, so that a client's next read sees it."""


class Consoles(Protocol):
    """The part of the console gateway that is needed here."""

    async def end_where(self, *, vm: str, code: str, **fields: Any) -> int: ...


class Shutdown(msgspec.Struct, frozen=True, kw_only=True):
    """Input of an operation that stops: `graceful` asks the guest and waits for it."""

    graceful: bool = True


class Work:
    """The steps. Each is given a job whose `rid` is a VM."""

    def __init__(self, store: Store, fleet: Fleet, consoles: Consoles) -> None:
        self._store = store
        self._fleet = fleet
        self._consoles = consoles
        self.create = Step(run=self._create, failed=self._create_failed)
        self.start = Step(run=self._start)
        self.power_off = Step(run=self._power_off)
        self.restart = Step(run=self._restart)
        self.deallocate = Step(run=self._deallocate)
        self.delete = Step(run=self._delete, failed=self._failed)

    async def _create(self, job: Job) -> Done:
        row = await self._row(job)
        if row is None:
            return Done()
        if not job.state:
            await self._command(job, row, Verb.CREATE, definition(row))
            await job.save({"placed": True})
        # A machine that others run is only attached to: its power is not ours.
        if guest_of(row).driver != "unix":
            await self._command(job, row, Verb.START)
            await self._see(row, Power.RUNNING)
        return self._settled(job, None, provisioning_state="Succeeded", placed=True, failure=None)

    async def _create_failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        await self._failed(job, tx, fault, placed=bool(job.state))

    async def _start(self, job: Job) -> Done:
        row = await self._row(job)
        if row is None:
            return Done()
        observed = await self._command(job, row, Verb.START)
        await self._see(row, Power.RUNNING)
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
        observed = await self._gently(lambda graceful: self._stop(job, row, graceful=graceful))
        return self._settled(job, observed, deallocated=True)

    async def _restart(self, job: Job) -> Done:
        row = await self._row(job)
        if row is None:
            return Done()

        async def restart(graceful: bool) -> str:
            args = {"graceful": graceful, "timeout": SHUTDOWN_SECONDS}
            seconds = ANSWER_SECONDS + SHUTDOWN_SECONDS * graceful
            return await self._command(job, row, Verb.RESTART, args, step=_how(graceful), seconds=seconds)

        asks = job.input(Shutdown).graceful
        observed = await (self._gently(restart) if asks else restart(False))
        await self._see(row, Power.RUNNING)
        return self._settled(job, observed, deallocated=False)

    async def _delete(self, job: Job) -> Done:
        row = await self._row(job)
        if row is None:
            return Done()
        await self._consoles.end_where(vm=row.id, code="SessionEnded", detail="the VM was deleted")
        if self._fleet.host(private_of(row).agent) is not None and job.input(Removal).from_host:
            try:
                await self._command(job, row, Verb.DELETE)
            except Fault as fault:
                if fault.code != "VmUnknownToHost":
                    raise

        async def settle(tx: Tx) -> None:
            await self._store.resources.delete(tx, job.rid)
            await self._store.assignments.remove_below(tx, str(job.rid))

        return Done(settle=settle)

    async def _gently(self, act: Callable[[bool], Awaitable[str]]) -> str:
        """Ask the guest first, force it when it does not react, as Azure does where the end is certain."""
        try:
            return await act(True)
        except Fault as fault:
            if fault.code not in ("VmStopTimeout", "ActionNotSupported"):
                raise
            return await act(False)

    async def _stop(self, job: Job, row: Resource, *, graceful: bool) -> str:
        args = {"graceful": graceful, "timeout": SHUTDOWN_SECONDS}
        seconds = ANSWER_SECONDS + SHUTDOWN_SECONDS * graceful
        observed = await self._command(job, row, Verb.STOP, args, step=_how(graceful), seconds=seconds)
        await self._see(row, Power.STOPPED)
        return observed

    async def _command(
        self,
        job: Job,
        row: Resource,
        verb: Verb,
        args: dict[str, Any] | None = None,
        *,
        step: str = "",
        seconds: float = ANSWER_SECONDS,
    ) -> str:
        """What the host saw happen."""
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

    async def _see(self, row: Resource, wanted: Power) -> None:
        """Wait until the host's report says so too; it comes beside the answer, in no certain order."""
        until = clock.monotonic() + SEEN_SECONDS
        with self._store.bell.listen(vm_topic(row.uid)) as ear:
            while (left := until - clock.monotonic()) > 0:
                report = self._fleet.report(row.uid, private_of(row).agent)
                if report is not None and report.power is wanted:
                    return
                await ear.wait(left)

    async def _row(self, job: Job) -> Resource | None:
        async with self._store.read() as tx:
            return await self._store.resources.get(tx, job.rid)

    def _settled(
        self, job: Job, observed: str | None, *, provisioning_state: str | None = None, **private: Any
    ) -> Done:
        async def settle(tx: Tx) -> None:
            row = await self._store.resources.get(tx, job.rid)
            if row is not None:
                await self._store.resources.update(
                    tx,
                    job.rid,
                    now=clock.now(),
                    properties=with_private(row, **private),
                    provisioning_state=provisioning_state,
                )

        return Done(output={"observed": observed} if observed is not None else None, settle=settle)

    async def _failed(self, job: Job, tx: Tx, fault: Fault, **private: Any) -> None:
        row = await self._store.resources.get(tx, job.rid)
        if row is None:
            return
        failure = {"code": fault.code, "message": explain(fault).message}
        await self._store.resources.update(
            tx,
            job.rid,
            now=clock.now(),
            properties=with_private(row, failure=failure, **private),
            provisioning_state="Failed",
        )


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """Input of a delete. Without `from_host` the host, which never had the VM, is not waited for."""

    from_host: bool = True


def _how(graceful: bool) -> str:
    return ":graceful" if graceful else ":forced"
