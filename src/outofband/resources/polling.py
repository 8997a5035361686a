"""What a poll of an operation is answered: status under `operations`, result under `operationResults`."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import quote

from outofband.access.authorizer import Authorizer
from outofband.catalogue import entry
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.resources.canceling import end_canceled, right_of
from outofband.resources.exchange import Answer, Call, Request
from outofband.resources.job import Job
from outofband.resources.registry import Registry
from outofband.resources.trail import Trail
from outofband.store.operations import Operation
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.arm import operations as forms
from outofband.wire.arm import versions

SINCE = "2014-04-01"
DEFAULT_LOCATION = "local"
CANCEL = "cancel"

T = TypeVar("T")
_KINDS = ("locations/operations", "locations/operationresults")


def is_poll(rid: ResourceId) -> bool:
    return rid.type.lower().partition("/")[2] in _KINDS and rid.subscription is not None


def poll_headers(call: Call, operation: Operation, namespace: str, location: str | None) -> dict[str, str]:
    """Headers of the answer that begins `operation`."""
    place = (call.rid.subscription or "", namespace, quote(location or DEFAULT_LOCATION), operation.id)
    return forms.poll_headers(
        call.request.base, forms.status_path(*place), forms.result_path(*place), call.version
    )


class Polls:
    """Whoever may read the resource may follow its operations."""

    def __init__(self, store: Store, authorizer: Authorizer, registry: Registry, trail: Trail) -> None:
        self._store = store
        self._trail = trail
        self._authorizer = authorizer
        self._registry = registry

    async def answer(self, request: Request, tx: Tx, rid: ResourceId) -> Answer:
        """Raises Fault OperationNotFound or AuthorizationFailed."""
        version = versions.check(request.parameter("api-version"), SINCE)
        operation = await self._find(request, tx, rid)
        if rid.type.lower().endswith("/operations"):
            return Answer(body=_status(rid, operation), headers=_pace(operation))
        return _result(request, rid, operation, version)

    async def cancel(self, request: Request, rid: ResourceId) -> Answer:
        """`POST <Azure-AsyncOperation>/cancel`, for who may begin such an operation. It ends where it is;
        what a host has begun already it may still finish.

        Raises Fault OperationNotFound, AuthorizationFailed or OperationNotAllowed when it has ended.
        """
        version = versions.check(request.parameter("api-version"), SINCE)
        async with self._store.write() as tx:
            operation = await self._find(request, tx, rid)
            now, subject = clock.now(), parse_id(operation.resource_id)
            right = right_of(self._registry, operation.kind, subject)
            await self._authorizer.require(request.principal, right, subject, tx)
            if operation.ended is not None:
                raise Fault("OperationNotAllowed", detail="The operation has ended already.")
            await self._trail.request(
                tx,
                request,
                subject,
                right,
                Trail.STARTED,
                now=now,
                operation=operation.id,
                properties={"action": "cancel"},
            )
            if operation.attempts == 0:
                found = self._registry.step(operation.kind)
                job = Job(self._store, operation)
                await end_canceled(self._store, self._trail, tx, job, found[1] if found else None, now)
            else:
                await self._store.operations.want_canceled(tx, operation, now)
        return Answer(status=202, headers=forms.status_headers(request.base, quote(str(rid)), version))

    async def _find(self, request: Request, tx: Tx, rid: ResourceId) -> Operation:
        operation = await self._store.operations.get(tx, rid.name)
        unknown = Fault("OperationNotFound", operation=rid.name)
        if operation is None:
            raise unknown
        subject = parse_id(operation.resource_id)
        # The address names the subscription that was checked; an operation of another one is none of it.
        if (subject.subscription or "").lower() != (rid.subscription or "").lower():
            raise unknown
        if self._is_own_delete(request, operation):
            return operation
        declared = self._registry.require(subject.type)
        await self._authorizer.require(request.principal, declared.right("read"), subject, tx)
        return operation

    @staticmethod
    def _is_own_delete(request: Request, operation: Operation) -> bool:
        """Who deletes a resource loses with it the roles given on it, and still has to see the end."""
        principal = (operation.caller or {}).get("principal", {})
        return (
            operation.kind.endswith("/delete") and principal.get("object_id") == request.principal.object_id
        )


def _status(rid: ResourceId, operation: Operation) -> dict[str, Any]:
    return forms.poll_body(
        path=str(rid),
        name=operation.id,
        status=operation.status,
        started=clock.iso(operation.started),
        ended=clock.iso(operation.ended) if operation.ended else None,
        error=operation.error,
        output=operation.output,
        percent=_told(operation, "percent", int),
        phase=_told(operation, "phase", str),
    )


def _told(operation: Operation, name: str, kind: type[T]) -> T | None:
    """How far it is, or what it does now, where its step keeps that in what it remembers."""
    state = operation.state
    found = state.get(name) if isinstance(state, dict) and not operation.status.final else None
    return found if isinstance(found, kind) else None


def _result(request: Request, rid: ResourceId, operation: Operation, version: str) -> Answer:
    if not operation.status.final:
        return Answer(status=202, headers=forms.location_headers(request.base, quote(str(rid)), version))
    if operation.status is forms.Status.SUCCEEDED:
        return Answer(status=204) if operation.output is None else Answer(body=operation.output)
    error = operation.error or {"code": operation.status.value, "message": operation.status.value}
    return Answer(status=entry(str(error["code"])).status, body={"error": error})


def _pace(operation: Operation) -> dict[str, str]:
    return {} if operation.ended else {"Retry-After": str(forms.RETRY_AFTER_SECONDS)}
