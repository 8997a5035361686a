"""What a run asks of the kernel: each request in the caller's name, with a key.

An operation that the key began is never begun again: whoever comes later waits for its end, or is told of it.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from outofband.catalogue import codes
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.rescue.doing import Errand
from outofband.rescue.run import Done
from outofband.resources.exchange import Answer, Request
from outofband.resources.kernel import Kernel
from outofband.store.operations import KEEP, Operation, topic
from outofband.store.store import Store
from outofband.wire.arm import errors
from outofband.wire.arm.operations import Status
from outofband.wire.steps.report import StepReport

COMPUTE_VERSION = "2024-11-01"
LONGEST = timedelta(minutes=40)
"""A deed that takes longer is not waited for: its operation goes on, and may be followed by itself."""
_BASE = "https://localhost"
_GONE = frozenset({"ResourceNotFound", "ResourceGroupNotFound"})


class Need(NamedTuple):
    """A right that a deed takes: an RBAC action, and the id of what it is done to."""

    action: str
    scope: str


class Asking:
    """`kernel` is set as soon as there is one: it is made of the very declarations that use this."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.kernel: Kernel | None = None

    async def once(
        self,
        errand: Errand,
        key: str,
        method: str,
        path: str,
        version: str = COMPUTE_VERSION,
        body: Any = None,
        *,
        new: bool = False,
        match: str | None = None,
    ) -> Operation | None:
        """The operation of a key at its end. Raises Fault for what was refused, and what it failed with."""
        operation = await self.begun(key)
        if operation is None:
            await self.ask(errand, key, method, path, version, body, new=new, match=match)
            operation = await self.begun(key)
        if operation is None:
            return None
        ended = await self.end(operation)
        if ended.status is not Status.SUCCEEDED:
            raise failure(ended)
        return ended

    async def ask(
        self,
        errand: Errand,
        key: str,
        method: str,
        path: str,
        version: str,
        body: Any = None,
        *,
        new: bool = False,
        match: str | None = None,
    ) -> Answer:
        """A request as the caller's. Raises Fault for every refusal."""
        if self.kernel is None:
            raise LookupError("there is no kernel yet")
        request = Request(
            method=method,
            path=quote(path),
            query=(("api-version", version),),
            body=msgspec.json.encode(body) if body is not None else b"",
            principal=errand.caller,
            base=_BASE,
            request_id=str(uuid.uuid4()),
            correlation_id=errand.id,
            address=errand.address,
            if_match=match,
            if_none_match="*" if new else None,
            reason="rescue",
            key=key,
        )
        return await self.kernel.handle(request)

    async def read(self, errand: Errand, key: str, path: str, version: str) -> dict[str, Any] | None:
        """A resource as the caller sees it; None where it is gone. Raises Fault as `ask`."""
        try:
            answer = await self.ask(errand, key, "GET", path, version)
        except Fault as fault:
            if fault.code in _GONE:
                return None
            raise
        body: dict[str, Any] = msgspec.to_builtins(answer.body)
        return body

    async def begun(self, key: str) -> Operation | None:
        async with self.store.read() as tx:
            return await self.store.operations.by_key(tx, key)

    async def earlier(self, key: str) -> Operation | None:
        """What a key began at its end, well or not; None where it began nothing, or nobody knows any more."""
        operation = await self.begun(key)
        return await self.end(operation) if operation is not None else None

    async def end(self, operation: Operation) -> Operation:
        with self.store.bell.listen(topic(operation.id)) as ear:
            while operation.ended is None:
                if clock.now() - operation.started > LONGEST:
                    minutes = int(LONGEST.total_seconds() // 60)
                    raise Fault("RescueDeedSlow", operation=operation.id, minutes=minutes)
                await ear.wait()
                async with self.store.read() as tx:
                    operation = await self.store.operations.require(tx, operation.id)
        return operation


def failure(ended: Operation) -> Fault:
    told = errors.from_value(ended.error)
    if told is not None and told.code in codes():
        return Fault(told.code, **told.fields)
    detail = told.message if told is not None else ended.status.value
    return Fault("RescueDeedFailed", operation=ended.id, detail=detail)


def output(ended: Operation | None) -> dict[str, Any]:
    return ended.output if ended is not None and isinstance(ended.output, dict) else {}


def report_in(told: dict[str, Any]) -> StepReport | None:
    """What a step in the guest told, in the output of its operation."""
    found = told.get("report")
    return msgspec.convert(found, StepReport) if found is not None else None


def undo_key(errand: Errand, done: Done) -> str:
    """One for each attempt: what failed in an earlier one is begun anew."""
    return f"{done.key}:undo:{errand.attempt}"


def forgotten(done: Done) -> bool:
    """Whether operations of that time are known no more, so that none is no sign that none was begun."""
    return clock.now() - clock.parse_iso(done.began) > KEEP
