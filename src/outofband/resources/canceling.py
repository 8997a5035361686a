"""The end of an operation that somebody canceled: at once while nobody works on it, else where it is now.

What a host was not told yet it is never told; what it has begun already it may still finish.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from outofband.catalogue import explain
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.resources.declaration import Step
from outofband.resources.job import Job
from outofband.resources.registry import Registry
from outofband.resources.trail import Trail
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.arm import errors
from outofband.wire.arm.operations import Status

CODE = "Canceled"


async def end_canceled(
    store: Store, trail: Trail, tx: Tx, job: Job, step: Step | None, now: datetime
) -> None:
    """End `job` as canceled in this unit; its step is told as of a failure. Raises LeaseLost."""
    fault = Fault(CODE, operation=job.operation.id)
    await store.outbox.withdraw(tx, f"{job.operation.id}:")
    if step is not None and step.failed is not None:
        await step.failed(job, tx, fault)
    await store.operations.finish(tx, job.operation, Status.CANCELED, now, error=error_body(fault))
    await trail.operation(tx, job.operation, job.caller, job.rid, now=now, code=fault.code)


def error_body(fault: Fault) -> dict[str, Any]:
    """The fault as an operation keeps it."""
    plain: Mapping[str, Any] = msgspec.to_builtins(fault.fields, str_keys=True)
    return errors.inner(explain(fault), dict(plain))


def right_of(registry: Registry, kind: str, subject: ResourceId) -> str:
    """The RBAC action that an operation of this kind began with: who may begin it may cancel it."""
    found = registry.step(kind)
    prefix, _, verb = kind.rpartition("/")
    if found is None or verb != "action":
        return kind
    declared, _ = found
    return declared.action_right(prefix.rpartition("/")[2], subject.name)
