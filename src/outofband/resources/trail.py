"""The activity log as the kernel writes it: one row for each step of a write or an action."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog

from outofband.access.authorizer import Authorizer
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.core.principal import Principal
from outofband.resources.exchange import Caller, Request
from outofband.store.operations import Operation
from outofband.store.store import Store
from outofband.store.tx import Tx

log = structlog.get_logger(__name__)

MAX_REPEATS = 4096
"""Deeds remembered; beyond them the oldest is noted once more."""


class Repeats:
    """Which deeds of this process the log knows already, where one row stands for a while of them."""

    def __init__(self) -> None:
        self._noted: dict[tuple[str, ...], float] = {}

    def is_new(self, deed: tuple[str, ...], now: float, seconds: float) -> bool:
        """Whether to note `deed`: not within `seconds` after the last time. `now` is monotonic."""
        if seconds <= 0:
            return True
        noted = self._noted.get(deed)
        if noted is not None and now - noted < seconds:
            return False
        self._noted.pop(deed, None)
        while len(self._noted) >= MAX_REPEATS:
            del self._noted[next(iter(self._noted))]
        self._noted[deed] = now
        return True


class Trail:
    """`ACCEPTED` and `STARTED` are followed by `SUCCEEDED` or `FAILED` under the same correlation id."""

    ACCEPTED = "Accepted"
    STARTED = "Started"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"

    def __init__(self, store: Store) -> None:
        self._store = store
        self._authorizer = Authorizer(store)

    async def request(
        self,
        tx: Tx,
        request: Request,
        rid: ResourceId,
        action: str,
        status: str,
        *,
        now: datetime,
        sub_status: str = "",
        operation: str | None = None,
        properties: dict[str, Any] | None = None,
    ) -> None:
        """A row for what a request did, in its own unit."""
        await self._store.activity.add(
            tx,
            now=now,
            principal=request.principal,
            resource=rid,
            action=action,
            status=status,
            sub_status=sub_status,
            correlation_id=request.correlation_id,
            operation_id=operation,
            client_address=request.address,
            method=request.method,
            properties={
                "requestId": request.request_id,
                **({"reason": request.reason} if request.reason else {}),
                **(properties or {}),
            },
            role=await self._role(tx, request.principal, action, rid),
        )

    async def refused(self, request: Request, rid: ResourceId, action: str, fault: Fault) -> None:
        """A row for a request that failed, in a unit of its own. Raises nothing: the fault matters more."""
        try:
            async with self._store.write() as tx:
                await self.request(
                    tx, request, rid, action, self.FAILED, now=clock.now(), sub_status=fault.code
                )
        except Fault as error:
            log.error("trail.lost", action=action, resource=str(rid), fault=fault.code, error=str(error))

    async def operation(
        self,
        tx: Tx,
        operation: Operation,
        caller: Caller,
        rid: ResourceId,
        *,
        now: datetime,
        code: str | None,
        output: Any = None,
    ) -> None:
        """A row for the end of an operation; `code` names the failure, None is success. What was `observed`,
        if its output says so, stands beside it.
        """
        observed = output.get("observed") if isinstance(output, dict) else None
        await self._store.activity.add(
            tx,
            now=now,
            principal=caller.principal,
            resource=rid,
            action=operation.kind,
            status=self.SUCCEEDED if code is None else self.FAILED,
            sub_status=code or "",
            correlation_id=operation.correlation_id or operation.id,
            operation_id=operation.id,
            client_address=caller.address,
            method=caller.method,
            properties={"observed": observed} if isinstance(observed, str) else {},
            role=await self._role(tx, caller.principal, operation.kind, rid),
        )

    async def _role(self, tx: Tx, principal: Principal, action: str, rid: ResourceId) -> str | None:
        return (await self._authorizer.rights(principal, tx)).role_for(action, rid)
