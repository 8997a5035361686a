"""Does the work of operations: leases one, runs its step, ends it. Any number of runners may share a store.

Killing a runner at any point loses nothing: its leases run out (or are given back at once when the same node
starts again), another runner runs the step again with the same keys, and what the dead one might still write
is fenced off.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable
from datetime import timedelta
from typing import cast

import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net.tasks import Tasks
from outofband.resources.canceling import end_canceled, error_body
from outofband.resources.declaration import Step
from outofband.resources.job import Done, Job
from outofband.resources.registry import Registry
from outofband.resources.trail import Trail
from outofband.store.faults import PASSING
from outofband.store.operations import LEASE, QUEUE_TOPIC, LeaseLost, Operation, cancel_topic
from outofband.store.store import Store
from outofband.wire.arm.operations import Status

log = structlog.get_logger(__name__)

MAX_RUNNING = 64
"""Operations in the hands of one runner at a time."""
MAX_ATTEMPTS = 6
"""After so many unexpected ends an operation is given up: it may be what kills the process."""
RENEW_SECONDS = LEASE.total_seconds() / 3
_FIRST_PAUSE = timedelta(seconds=1)


class Runner:
    """`node` is this node's name and the same after a restart; no two living processes may share it."""

    def __init__(self, store: Store, registry: Registry, node: str) -> None:
        self._store = store
        self._registry = registry
        self._trail = Trail(store)
        self._node = f"{node}/"
        self._owner = f"{node}/{uuid.uuid4()}"
        self._tasks = Tasks()
        self._slots = asyncio.Semaphore(MAX_RUNNING)

    def start(self) -> None:
        self._tasks.spawn("operations.runner", self._run())

    async def close(self) -> None:
        """Stop where it is and give the leases back, so that the next start goes on at once."""
        await self._tasks.close()
        with contextlib.suppress(Fault):
            await self._give_back(self._owner)

    async def _run(self) -> None:
        released = False
        with self._store.bell.listen(QUEUE_TOPIC) as ear:
            while True:
                try:
                    if not released:
                        await self._give_back(self._node)
                        released = True
                    await self._lease_all()
                except Fault as fault:
                    log.warning("operations.store", fault=str(fault))
                await ear.wait()

    async def _give_back(self, prefix: str) -> None:
        """Free what earlier lives of this node (or this life, at its end) hold."""
        async with self._store.write() as tx:
            for held in await self._store.operations.unfinished(tx):
                if held.lease_owner is not None and held.lease_owner.startswith(prefix):
                    with contextlib.suppress(LeaseLost):
                        await self._store.operations.release(tx, held, clock.now())

    async def _lease_all(self) -> None:
        while True:
            await self._slots.acquire()
            held = None
            try:
                held = await self._lease()
            finally:
                if held is None:
                    self._slots.release()
            if held is None:
                return
            self._tasks.spawn(f"operation {held.id}", self._hold(held))

    async def _lease(self) -> Operation | None:
        # Looking first keeps a runner that can do nothing from taking every writer's turn once a second.
        async with self._store.read() as tx:
            if not await self._store.operations.may_lease(tx, clock.now()):
                return None
        async with self._store.write() as tx:
            return await self._store.operations.lease_next(tx, self._owner, clock.now())

    async def _hold(self, held: Operation) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                renewing = group.create_task(self._renew(held))
                await self._perform(Job(self._store, held))
                renewing.cancel()
        except* LeaseLost:
            log.warning("operation.lost", operation=held.id, kind=held.kind)
        except* Fault as faults:
            # The store was away when the end was to be written: the lease runs out and the step runs again.
            log.warning("operation.unsettled", operation=held.id, fault=str(faults.exceptions[0]))
        finally:
            self._slots.release()
            self._store.bell.ring_here(QUEUE_TOPIC)

    async def _renew(self, held: Operation) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                async with self._store.write() as tx:
                    await self._store.operations.renew(tx, held, clock.now())
            except Fault as fault:
                log.warning("operation.renewal", operation=held.id, fault=str(fault))

    async def _perform(self, job: Job) -> None:
        found = self._registry.step(job.operation.kind)
        if found is None or job.operation.attempts > MAX_ATTEMPTS:
            log.error("operation.given_up", operation=job.operation.id, attempts=job.operation.attempts)
            await self._fail(job, found[1] if found else None, Fault("InternalError"))
            return
        _, step = found
        try:
            done = await self._heeding(job, step)
            if done is not None:
                # Within the same care: what settling meets ends the operation as what the step meets does.
                await self._succeed(job, done)
        except Fault as fault:
            if fault.code in PASSING:
                await self._again(job, fault)
            else:
                await self._fail(job, step, fault)
        except LeaseLost:
            raise
        except Exception as error:
            await self._again(job, error)
        else:
            if done is None:
                await self._cancel(job, step)

    async def _heeding(self, job: Job, step: Step) -> Done | None:
        """Run the step until its end, or until somebody wants it canceled (None). To be stopped where it is
        harms no step: each bears to be killed there.
        """
        if job.operation.cancel is not None:
            return None
        working = self._tasks.spawn(f"operation {job.operation.id} step", _quiet(step.run(job)))
        heeding = self._tasks.spawn(f"operation {job.operation.id} cancel", self._unwanted(job.operation))
        try:
            await asyncio.wait({working, heeding}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, heeding):
                task.cancel()
            await asyncio.gather(working, heeding, return_exceptions=True)
        if working.cancelled():
            return None
        done, error = cast(tuple[Done | None, Exception | None], working.result())
        if error is not None:
            raise error
        return done

    async def _unwanted(self, held: Operation) -> None:
        """Return when somebody wants `held` to be canceled."""
        with self._store.bell.listen(cancel_topic(held.id)) as ear:
            while True:
                try:
                    async with self._store.read() as tx:
                        if await self._store.operations.is_unwanted(tx, held.id):
                            return
                except Exception as error:
                    # Whatever broke here is no wish of anybody's: the step goes on.
                    log.warning("operation.unread", operation=held.id, error=str(error))
                await ear.wait()

    async def _cancel(self, job: Job, step: Step) -> None:
        async with self._store.write() as tx:
            await end_canceled(self._store, self._trail, tx, job, step, clock.now())
        log.info("operation.canceled", operation=job.operation.id, kind=job.operation.kind)

    async def _succeed(self, job: Job, done: Done) -> None:
        async with self._store.write() as tx:
            now = clock.now()
            if done.settle is not None:
                await done.settle(tx)
            await self._store.operations.finish(tx, job.operation, Status.SUCCEEDED, now, output=done.output)
            await self._trail.operation(
                tx, job.operation, job.caller, job.rid, now=now, code=None, output=done.output
            )
        log.info("operation.succeeded", operation=job.operation.id, kind=job.operation.kind)

    async def _fail(self, job: Job, step: Step | None, fault: Fault) -> None:
        async with self._store.write() as tx:
            now = clock.now()
            if step is not None and step.failed is not None:
                await step.failed(job, tx, fault)
            await self._store.operations.finish(
                tx, job.operation, Status.FAILED, now, error=error_body(fault)
            )
            await self._trail.operation(tx, job.operation, job.caller, job.rid, now=now, code=fault.code)
        log.info("operation.failed", operation=job.operation.id, kind=job.operation.kind, fault=str(fault))

    async def _again(self, job: Job, error: Exception) -> None:
        """Something broke that is no answer: try once more in a while."""
        log.error("operation.broke", operation=job.operation.id, kind=job.operation.kind, exc_info=error)
        pause = _FIRST_PAUSE * 2 ** min(job.operation.attempts - 1, MAX_ATTEMPTS)
        async with self._store.write() as tx:
            now = clock.now()
            await self._store.operations.release(tx, job.operation, now, not_before=now + pause)


async def _quiet(work: Awaitable[Done]) -> tuple[Done | None, Exception | None]:
    """What it came to or what it raised: its caller tells of that, the task's owner need not."""
    try:
        return await work, None
    except Exception as error:
        return None, error
