"""Work inside a VM's guest, for everything of Microsoft.Compute that runs something there.

A script is a command to the host with a key made of the operation's id: whoever runs the operation's step
again gets the end of the first run. While it runs, its resource is looked at: when it is being deleted or was
written anew meanwhile, the script is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.fleet.commands import Order
from outofband.fleet.fleet import Fleet
from outofband.providers.compute.machines import check_power
from outofband.providers.compute.shape import machine_name, private_of
from outofband.providers.compute.tasks import Task, task_of
from outofband.resources.canceling import CODE
from outofband.resources.job import Job
from outofband.resources.lookup import DELETING
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.machine import Power, Verb
from outofband.wire.script import RunArgs, ScriptReport

ANSWER_SECONDS = 300.0
"""What a host may take beyond a script's own time, a reconnect of its agent included."""
LOOK_SECONDS = 2.0
"""Between two looks at a script that runs."""
_ASK_SECONDS = 30.0
_GIVEN_UP = frozenset({CODE, "AgentTimeout"})

Progress = Callable[[ScriptReport], Awaitable[None]]


def output(report: ScriptReport) -> str:
    """Both outputs in the form that Azure's agents for Linux report them."""
    return f"\n[stdout]\n{report.out}\n[stderr]\n{report.err}"


class Inside:
    """Runs things in guests on behalf of operations."""

    def __init__(self, store: Store, fleet: Fleet) -> None:
        self._store = store
        self._fleet = fleet

    async def vm(self, tx: Tx, rid: ResourceId) -> Resource:
        """The row of a VM. Raises Fault ResourceNotFound."""
        return await self._store.resources.require(tx, rid)

    def check(self, vm: Resource) -> None:
        """Whether something can be run in it now.

        Raises Fault VmNotPlaced, AgentOffline or OperationNotAllowed, as Azure says it of a VM that is
        stopped.
        """
        check_power(self._fleet, vm)
        report = self._fleet.report(vm.uid, private_of(vm).agent)
        if report is not None and report.power in (Power.STOPPED, Power.STOPPING):
            detail = (
                "Cannot modify extensions in the VM when the VM is not running."
                f" The VM '{machine_name(vm)}' is {report.power.value}."
            )
            raise Fault("OperationNotAllowed", detail=detail)

    async def script(
        self, job: Job, vm: Resource, args: RunArgs, progress: Progress | None = None
    ) -> ScriptReport:
        """Run a script to its end. With `progress` the job's own resource is watched, as `Task` says.

        Raises Fault: what the host says, and AgentTimeout.
        """
        failure: Fault | None = None
        result = None
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watch(job, vm, progress)) if progress is not None else None
            try:
                result = await self._command(
                    job, vm, Verb.RUN, msgspec.to_builtins(args), args.timeout + ANSWER_SECONDS
                )
            except Fault as fault:
                # Raised within the group it would come out as a group.
                failure = fault
            finally:
                if watching is not None:
                    watching.cancel()
        if failure is not None:
            raise failure
        return msgspec.convert(result, ScriptReport)

    async def give_up(self, job: Job, tx: Tx, vm: ResourceId, fault: Fault) -> None:
        """Within the unit that ends a job badly: if somebody canceled it, or nobody waits any more, have its
        script ended, or not begun where it waits for its turn. What was asked is kept no longer.
        """
        now = clock.now()
        for verb in (Verb.RUN, Verb.SET_PASSWORD):
            await self._store.outbox.give_up(tx, _key(job, verb), now)
        row = await self._store.resources.get(tx, vm) if fault.code in _GIVEN_UP else None
        if row is None:
            return
        order = Order({"run": _key(job, Verb.RUN)}, row.epoch)
        await self._store.outbox.put(
            tx,
            key=_key(job, Verb.RUN_CANCEL),
            agent_id=private_of(row).agent,
            verb=Verb.RUN_CANCEL.value,
            now=now,
            deadline=now + timedelta(seconds=ANSWER_SECONDS),
            vm=row.uid,
            args=msgspec.to_builtins(order),
        )

    async def set_password(self, job: Job, vm: Resource, user: str, password: str) -> None:
        """Have the guest's agent give an account another password."""
        args = {"user": user, "protected": {"password": password}}
        await self._command(job, vm, Verb.SET_PASSWORD, args, ANSWER_SECONDS)

    async def is_current(self, tx: Tx, job: Job, run: str) -> Resource | None:
        """The job's row, unless it is gone, being deleted, or written anew since `run`."""
        row = await self._store.resources.get(tx, job.rid)
        if row is None or row.provisioning_state == DELETING or task_of(row).run != run:
            return None
        return row

    async def _watch(self, job: Job, vm: Resource, progress: Progress) -> None:
        run = job.input(Task).run
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            # Neither a store nor a host that is away for a moment ends the script: its end is told anyway.
            with contextlib.suppress(Fault, msgspec.ValidationError):
                async with self._store.read() as tx:
                    current = await self.is_current(tx, job, run)
                if current is None:
                    await self._cancel(job, vm)
                    continue
                seen = await self._fleet.ask(
                    private_of(vm).agent,
                    Verb.RUN_STATUS,
                    vm.uid,
                    {"run": _key(job, Verb.RUN)},
                    epoch=vm.epoch,
                    timeout=_ASK_SECONDS,
                )
                await progress(msgspec.convert(seen.data, ScriptReport))

    async def _cancel(self, job: Job, vm: Resource) -> None:
        # Asked anew each time: the script may not have begun at the last one.
        await self._fleet.command(
            private_of(vm).agent,
            Verb.RUN_CANCEL.value,
            vm.uid,
            {"run": _key(job, Verb.RUN)},
            key=f"{uuid.uuid4()}:{Verb.RUN_CANCEL}",
            epoch=vm.epoch,
            timeout=_ASK_SECONDS,
        )

    async def _command(
        self, job: Job, vm: Resource, verb: Verb, args: dict[str, Any], seconds: float
    ) -> dict[str, Any]:
        result = await self._fleet.command(
            private_of(vm).agent,
            verb.value,
            vm.uid,
            args,
            key=_key(job, verb),
            epoch=vm.epoch,
            timeout=seconds,
            require_online=False,
        )
        return result.data


def _key(job: Job, verb: Verb) -> str:
    return job.key(verb.value)
