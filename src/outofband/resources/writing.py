"""Every request that changes something: one unit for the change, its operation and its activity row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec

from outofband.access.authorizer import Authorizer
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.resources import drafts
from outofband.resources.declaration import Act, Begin, Delete, Item, Patch, Put, ResourceType, Written
from outofband.resources.exchange import Answer, Call, Caller, Request
from outofband.resources.gate import Change, Gate
from outofband.resources.lookup import DELETING, below, missing, owner_of, placed
from outofband.resources.polling import poll_headers
from outofband.resources.registry import Registry
from outofband.resources.trail import Repeats, Trail
from outofband.store.operations import Operation
from outofband.store.resources import group_id
from outofband.store.store import Store
from outofband.store.tx import Tx

T = TypeVar("T")


class Writer:
    """Each method checks the right first, and once more in the unit that changes: it may have waited for its
    turn while the right was taken away. Every refusal leaves a row in the activity log.
    """

    def __init__(self, store: Store, authorizer: Authorizer, registry: Registry, trail: Trail) -> None:
        self._store = store
        self._authorizer = authorizer
        self._registry = registry
        self._gate = Gate(store, registry)
        self._trail = trail
        self._repeats = Repeats()

    async def put(self, call: Call, declared: ResourceType, put: Put) -> Answer:
        right = declared.right("write")

        async def change() -> Answer:
            if not declared.names.fullmatch(call.rid.name):
                raise Fault("InvalidParameter", target="name", detail=f"'{call.rid.name}' is no legal name")
            draft = drafts.draft(call.request.body, put.properties)
            async with self._store.write() as tx:
                await self._authorizer.require(call.principal, right, call.rid, tx)
                await self._gate.check(tx, declared, call.rid, Change.WRITE)
                there = await declared.source.get(call, tx, call.rid)
                _check_conditions(call, there)
                _check_alive(there)
                spelled = there.rid if there else await self._place(call, tx)
                exact = msgspec.structs.replace(call, rid=spelled)
                written = await put.plan(exact, tx, draft, there)
                status = put.created_status if written.created else put.updated_status
                return await self._written(exact, tx, declared, written, status)

        return await self._guarded(call, right, change)

    async def patch(self, call: Call, declared: ResourceType, patch: Patch) -> Answer:
        right = declared.right("write")

        async def change() -> Answer:
            draft = drafts.draft(call.request.body, patch.properties)
            async with self._store.write() as tx:
                await self._authorizer.require(call.principal, right, call.rid, tx)
                there = await self._existing(call, tx, declared)
                await self._gate.check(tx, declared, there.rid, Change.WRITE)
                _check_conditions(call, there)
                _check_alive(there)
                exact = msgspec.structs.replace(call, rid=there.rid)
                written = await patch.plan(exact, tx, draft, there)
                return await self._written(exact, tx, declared, written, 200)

        return await self._guarded(call, right, change)

    async def delete(self, call: Call, declared: ResourceType, delete: Delete) -> Answer:
        right = declared.right("delete")

        async def change() -> Answer:
            async with self._store.write() as tx:
                await self._authorizer.require(call.principal, right, call.rid, tx)
                there = await declared.source.get(call, tx, call.rid)
                _check_conditions(call, there)
                if there is None:
                    await self._require_group(tx, call.rid)
                    return Answer(status=204)
                await self._gate.check(tx, declared, there.rid, Change.DELETE)
                exact = msgspec.structs.replace(call, rid=there.rid)
                work = await delete.plan(exact, tx, there)
                if delete.step is None:
                    await self._done(exact, tx, right)
                    body = there.body if delete.status != 204 else None
                    return Answer(status=delete.status, body=body)
                operation = await self._joined(exact, tx, right, work)
                operation = operation or await self._begin(exact, tx, right, work)
                location = there.body.get("location")
                return Answer(
                    status=202, headers=poll_headers(exact, operation, declared.namespace, location)
                )

        return await self._guarded(call, right, change)

    async def act(self, call: Call, declared: ResourceType, name: str, action: Act) -> Answer:
        right = declared.action_right(name, call.rid.name)

        def is_new(outcome: str) -> bool:
            deed = (call.principal.object_id, call.rid.key, name, outcome)
            return self._repeats.is_new(deed, clock.monotonic(), action.again_seconds)

        async def change() -> Answer:
            body = drafts.body(call.request.body, action.body) if action.body else None
            noted = is_new(Trail.STARTED)
            async with self._store.write() if noted else self._store.read() as tx:
                await self._authorizer.require(call.principal, right, call.rid, tx, also=action.also)
                item = await self._existing(call, tx, declared)
                await self._gate.check(tx, declared, item.rid, Change.WRITE)
                _check_conditions(call, item)
                if noted:
                    # Before the effect: nothing happens outside that the log does not know of.
                    told = action.noted(body) if action.noted is not None else None
                    await self._note(tx, call.request, item.rid, right, Trail.STARTED, name, told)
            answer = await action.run(msgspec.structs.replace(call, rid=item.rid), item, body)
            if noted:
                async with self._store.write() as tx:
                    await self._note(tx, call.request, item.rid, right, Trail.SUCCEEDED, name, answer.noted)
            return answer

        return await self._guarded(call, right, change, is_new, action.also)

    async def beside(
        self, request: Request, group: ResourceId, right: str, work: Callable[[ResourceId], Awaitable[T]]
    ) -> T:
        """As `Kernel.beside`."""
        try:
            await self._authorizer.require(request.principal, right, group)
            async with self._store.write() as tx:
                row = await self._store.resources.get(tx, group)
                if row is None:
                    raise Fault("ResourceGroupNotFound", group=group.group)
                await self._gate.registered(tx, right.partition("/")[0], group)
                await self._gate.unlocked(tx, parse_id(row.id), Change.WRITE)
                await self._note(tx, request, parse_id(row.id), right, Trail.STARTED)
            done = await work(parse_id(row.id))
            async with self._store.write() as tx:
                await self._note(tx, request, parse_id(row.id), right, Trail.SUCCEEDED)
            return done
        except Fault as fault:
            await self._trail.refused(request, group, right, fault)
            raise

    async def _note(
        self,
        tx: Tx,
        request: Request,
        rid: ResourceId,
        right: str,
        status: str,
        action: str | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        # Several actions may need the same right; which one it was is told apart here.
        named = {"action": action, **(more or {})} if action is not None else None
        await self._trail.request(tx, request, rid, right, status, now=clock.now(), properties=named)

    async def begin(self, call: Call, declared: ResourceType, name: str, action: Begin) -> Answer:
        right = declared.action_right(name, call.rid.name)

        async def change() -> Answer:
            body = drafts.body(call.request.body, action.body) if action.body else None
            async with self._store.write() as tx:
                await self._authorizer.require(call.principal, right, call.rid, tx)
                item = await self._existing(call, tx, declared)
                await self._gate.check(tx, declared, item.rid, Change.WRITE)
                _check_conditions(call, item)
                _check_alive(item)
                exact = msgspec.structs.replace(call, rid=item.rid)
                work = await action.plan(exact, tx, item, body)
                operation = await self._begin(exact, tx, f"{declared.name}/{name}/action", work)
                location = item.body.get("location")
                return Answer(
                    status=202, headers=poll_headers(exact, operation, declared.namespace, location)
                )

        return await self._guarded(call, right, change)

    async def _guarded(
        self,
        call: Call,
        right: str,
        change: Callable[[], Awaitable[Answer]],
        is_new: Callable[[str], bool] = lambda _: True,
        also: tuple[str, ...] = (),
    ) -> Answer:
        try:
            await self._authorizer.require(call.principal, right, call.rid, also=also)
            return await change()
        except Fault as fault:
            if is_new(fault.code):
                await self._trail.refused(call.request, call.rid, right, fault)
            raise

    async def _existing(self, call: Call, tx: Tx, declared: ResourceType) -> Item:
        item = await declared.source.get(call, tx, call.rid)
        if item is None:
            raise await missing(self._store, tx, call.rid)
        return item

    async def _place(self, call: Call, tx: Tx) -> ResourceId:
        """The id of something new in the spelling of what it hangs on, which has to be there."""
        spelled, owner = await placed(self._store, tx, call.rid), owner_of(call.rid)
        declared = self._registry.find(owner.type) if owner is not None else None
        if owner is None or declared is None:
            return spelled
        there = await declared.source.get(call, tx, owner)
        if there is None and spelled.parent is not None:
            raise await missing(self._store, tx, owner)
        if there is None:
            _, _, kinds = spelled.type.partition("/")
            raise Fault("ParentResourceNotFound", type=kinds, parent=str(owner))
        _check_alive(there)
        return below(there.rid, spelled)

    async def _require_group(self, tx: Tx, rid: ResourceId) -> None:
        """Deleting what is not there is done already, but not in a group that is not there."""
        if rid.group is not None and await self._store.resources.get(tx, group_id(rid)) is None:
            raise Fault("ResourceGroupNotFound", group=rid.group)

    async def _written(
        self, call: Call, tx: Tx, declared: ResourceType, written: Written, status: int
    ) -> Answer:
        right = declared.right("write")
        headers = {"ETag": written.item.etag} if written.item.etag else {}
        if written.work is None:
            await self._done(call, tx, right)
            return Answer(status=status, body=written.item.body, headers=headers)
        operation = await self._begin(call, tx, right, written.work)
        polls = poll_headers(call, operation, declared.namespace, written.item.body.get("location"))
        # A PUT ends with a GET of the resource itself: a Location would lead the pollers elsewhere.
        polls.pop("Location")
        return Answer(status=status, body=written.item.body, headers={**headers, **polls})

    async def _begin(self, call: Call, tx: Tx, kind: str, work: Any) -> Operation:
        request = call.request
        caller = Caller(
            principal=call.principal, address=request.address, method=request.method, version=call.version
        )
        operation = await self._store.operations.begin(
            tx,
            resource=call.rid,
            kind=kind,
            now=call.now,
            key=request.key,
            input=work,
            caller=msgspec.to_builtins(caller),
            correlation_id=request.correlation_id,
        )
        await self._trail.request(
            tx, request, call.rid, kind, Trail.ACCEPTED, now=call.now, operation=operation.id
        )
        return operation

    async def _joined(self, call: Call, tx: Tx, kind: str, work: Any) -> Operation | None:
        """The same deletion, when it is under way. A second one would run when the first has ended, and take
        what was made anew under that id meanwhile.
        """
        for running in await self._store.operations.unfinished(tx, call.rid):
            wanted = running.kind == kind and running.cancel is None
            if wanted and running.input == msgspec.to_builtins(work):
                await self._trail.request(
                    tx, call.request, call.rid, kind, Trail.ACCEPTED, now=call.now, operation=running.id
                )
                return running
        return None

    async def _done(self, call: Call, tx: Tx, action: str) -> None:
        await self._trail.request(tx, call.request, call.rid, action, Trail.SUCCEEDED, now=call.now)


def _check_conditions(call: Call, there: Item | None) -> None:
    """RFC 9110 section 13, for strong tags. Raises Fault PreconditionFailed."""
    wanted, unwanted = call.request.if_match, call.request.if_none_match
    if wanted is not None and (there is None or not _matches(wanted, there.etag)):
        raise Fault("PreconditionFailed", condition=f"If-Match: {wanted}")
    if unwanted is not None and there is not None and _matches(unwanted, there.etag):
        raise Fault("PreconditionFailed", condition=f"If-None-Match: {unwanted}")


def _matches(header: str, etag: str | None) -> bool:
    return header.strip() == "*" or any(tag.strip() == etag for tag in header.split(","))


def _check_alive(item: Item | None) -> None:
    if item is not None and item.body.get("properties", {}).get("provisioningState") == DELETING:
        raise Fault("Conflict", detail=f"The resource '{item.rid.name}' is being deleted.")
