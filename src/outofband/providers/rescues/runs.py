"""Outofband.Diagnostics/rescues: a run is made by PUT, answered by its actions, and read while it goes on.

The operation that PUT begins ends when the run ends or asks something; `answer` begins the next one. So
nothing waits for a person but a row. There is one run of a VM at a time, and the row sees to it.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from outofband.access.authorizer import Authorizer
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.fleet.fleet import Fleet
from outofband.providers.compute import shape as vm
from outofband.providers.findings import NAMESPACE, SINCE
from outofband.providers.network.house import House
from outofband.providers.rescues.eyes import Sight
from outofband.providers.rescues.forms import (
    RescueProperties,
    Seen,
    Task,
    Word,
    answers,
    protocol_of,
    run_of,
    secret_of,
    without_log,
)
from outofband.providers.rescues.hands import Requests
from outofband.providers.rescues.scene import reads_log
from outofband.providers.rescues.working import KIND, Work, errand_of, vm_of
from outofband.rescue.course import Event, State
from outofband.rescue.engine import Engine, answer
from outofband.rescue.report import document, page
from outofband.rescue.run import Run, Wanted
from outofband.rescue.runbook import step_of
from outofband.rescue.undoing import undoable
from outofband.resources.declaration import (
    Act,
    Begin,
    Draft,
    Item,
    Page,
    Place,
    Put,
    ResourceType,
    Step,
    View,
    Written,
)
from outofband.resources.exchange import Answer, Call
from outofband.store.rescues import StoredRescue
from outofband.store.resources import Resource
from outofband.store.tx import Tx

MAX_BUSY = 32
"""Runs under way in the whole installation: each waits for operations of its own, and a runner has 64 hands.
Those that wait for a person are not: nobody's unanswered question may keep others from theirs.
"""


class Rescues:
    def __init__(
        self,
        house: House,
        authorizer: Authorizer,
        fleet: Fleet,
        requests: Requests,
        engine: Engine | None = None,
    ) -> None:
        self._store = house.store
        self._authorizer = authorizer
        self._requests = requests
        engine = engine or Engine(Sight(house, fleet, requests.lacking), requests)
        self._work = Work(house.store, fleet, requests, engine)

    def declare(self) -> ResourceType:
        step = Step(run=self._work.run, failed=self._work.failed)
        return ResourceType(
            name=f"{NAMESPACE}/{KIND}",
            about="a run of the steps that get somebody back into a VM",
            many="rescues",
            since=SINCE,
            source=self,
            # Whoever may do anything to a VM has this as well.
            permission=f"{vm.TYPE}/{KIND}",
            places=frozenset({Place.RESOURCE}),
            lists=frozenset({Place.RESOURCE}),
            extends=vm.TYPE,
            urgent=frozenset({"GET", "PUT", "POST"}),
            put=Put(
                plan=self._put,
                properties=RescueProperties,
                step=step,
                example={"properties": {"protocol": "rdp", "dryRun": True}},
            ),
            actions={
                "answer": Begin(
                    plan=self._answer, step=step, body=Word, about="Agree to what a run asks, or do not"
                ),
                "undo": Begin(
                    plan=self._plan_undo,
                    step=Step(run=self._work.undo),
                    about="Take back what a run did, as far as there is a way back",
                ),
                "stop": Act(run=self._stop, about="Stop a run where it is"),
                "tell": Act(
                    run=self._tell,
                    body=Seen,
                    about="Add what the caller's own network saw to a run that ended",
                ),
            },
            views={"report": View(render=self._report, about="Read a run's report, as a page and as data")},
        )

    # Reading

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        row = await vm_of(self._store, tx, rid.parent)
        stored = await self._store.rescues.get(tx, row.uid, rid.name)
        return await self._item(call, tx, row, stored) if stored is not None else None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        row = await vm_of(self._store, tx, call.rid)
        kept = await self._store.rescues.of_vm(tx, row.uid)
        return Page(items=[await self._item(call, tx, row, each) for each in kept])

    async def _report(self, call: Call, tx: Tx, item: Item) -> Any:
        stored: StoredRescue = item.row
        row = await vm_of(self._store, tx, item.rid.parent)
        run = await self._shown(call, tx, row, stored)
        about = {
            "vm": vm.command_name(row),
            "id": row.id,
            "name": stored.name,
            "who": stored.created_by,
            "when": clock.iso(stored.created),
        }
        return {"report": item.body["properties"], "html": page(run, about)}

    # Beginning, answering, ending

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        if there is not None:
            # Asked for once more, it is the same run.
            return Written(item=there)
        given: RescueProperties = draft.properties
        row = await vm_of(self._store, tx, call.rid.parent)
        await self._check_free(tx, row)
        secret = secret_of(given.user, given.protected)
        wanted = Wanted(
            protocol=protocol_of(given.protocol),
            step=step_of(given.step) if given.step is not None else None,
            dry_run=given.dry_run,
            agreed=given.agreed,
            user=given.user,
            session=given.session,
            locale=call.request.locale,
        )
        stored = StoredRescue(
            id=str(uuid.uuid4()),
            vm=row.uid,
            name=call.rid.name,
            busy=row.uid.lower(),
            version=1,
            body=msgspec.to_builtins(Run(wanted=wanted)),
            created=call.now,
            created_by=call.by,
            changed=call.now,
            ended=None,
        )
        if not await self._store.rescues.begin(tx, stored):
            raise Fault("RescueRunning", vm=vm.command_name(row), run=call.rid.name)
        await self._withhold(tx, stored.id, secret, call)
        item = await self._item(call, tx, row, stored)
        work = msgspec.to_builtins(Task(rescue=stored.id, answers=0))
        return Written(item=item, created=True, work=work)

    async def _check_free(self, tx: Tx, row: Resource) -> None:
        busy = await self._store.rescues.busy_of(tx, row.uid)
        if busy is not None:
            raise Fault("RescueRunning", vm=vm.command_name(row), run=busy.name)
        await self._check_room(tx)

    async def _check_room(self, tx: Tx) -> None:
        if await self._store.operations.under_way(tx, f"{vm.TYPE}/{KIND}/") >= MAX_BUSY:
            raise Fault("RescueTooMany", most=MAX_BUSY)

    async def _answer(self, call: Call, tx: Tx, item: Item, body: Any) -> Any:
        word: Word = body
        stored: StoredRescue = item.row
        run = run_of(stored)
        secret = secret_of(word.user, word.protected)
        if run.current is None or run.current.step != word.step:
            raise Fault("RescueNotAsking", state=run.state.value)
        await self._check_room(tx)
        before = await self._store.withheld.get(tx, self._store.vault, stored.id)
        errand = errand_of(stored, item.rid, call.principal, call.request.address, secret or before)
        after = answer(errand, run, agree=word.agree)
        if secret:
            await self._store.withheld.drop(tx, stored.id)
            await self._withhold(tx, stored.id, secret, call)
            named = msgspec.structs.replace(after.wanted, user=word.user)
            after = msgspec.structs.replace(after, wanted=named)
        await self._work.save(tx, stored, after)
        return msgspec.to_builtins(Task(rescue=stored.id, answers=answers(after)))

    async def _stop(self, call: Call, item: Item, body: Any) -> Answer:
        async with self._store.write() as tx:
            stored = await self._store.rescues.by_id(tx, item.row.id)
            running = await self._store.operations.unfinished(tx, item.rid)
            if stored is None or stored.ended is not None:
                raise Fault("OperationNotAllowed", detail="The run has ended already.")
            for operation in running:
                await self._store.operations.want_canceled(tx, operation, call.now)
            # An operation that has just asked may come to its own end before it heeds this.
            if not running or run_of(stored).state is State.ASKING:
                await self._work.finish(tx, stored, Event.CANCEL)
        return Answer(status=202)

    async def _tell(self, call: Call, item: Item, body: Any) -> Answer:
        seen: Seen = body
        async with self._store.write() as tx:
            stored = await self._store.rescues.by_id(tx, item.row.id)
            if stored is None or stored.ended is None:
                raise Fault("OperationNotAllowed", detail="The run has not ended yet.")
            await self._work.save(
                tx, stored, msgspec.structs.replace(run_of(stored), client=seen.probe, named=seen.named)
            )
        return Answer(status=204)

    async def _plan_undo(self, call: Call, tx: Tx, item: Item, body: Any) -> Any:
        run = run_of(item.row)
        if not run.ended:
            raise Fault("RescueRunning", vm=str(item.rid.parent).rpartition("/")[2], run=item.rid.name)
        if not undoable(run):
            raise Fault("RescueNothingToUndo")
        return msgspec.to_builtins(Task(rescue=item.row.id))

    # Words

    async def _item(self, call: Call, tx: Tx, row: Resource, stored: StoredRescue) -> Item:
        run = await self._shown(call, tx, row, stored)
        rid = parse_id(row.id).extension(NAMESPACE, KIND, stored.name)
        errand = errand_of(stored, rid, call.principal, call.request.address, {})
        properties: dict[str, Any] = document(run) | {
            "rights": await self._requests.rights(errand, run, row, tx),
            "created": clock.iso(stored.created),
            "createdBy": stored.created_by,
            "changed": clock.iso(stored.changed),
            "ended": clock.iso(stored.ended) if stored.ended is not None else None,
        }
        body = {"id": str(rid), "name": stored.name, "type": f"{NAMESPACE}/{KIND}", "properties": properties}
        return Item(rid=rid, body=body, row=stored)

    async def _shown(self, call: Call, tx: Tx, row: Resource, stored: StoredRescue) -> Run:
        """The run without lines of the log, for who may not read that."""
        rights = await self._authorizer.rights(call.principal, tx)
        run = run_of(stored)
        return run if reads_log(row, rights) else without_log(run)

    async def _withhold(self, tx: Tx, id_: str, secret: dict[str, str], call: Call) -> None:
        if secret:
            await self._store.withheld.put(tx, self._store.vault, id_, secret, call.now)
