"""What stands in the way of a change although the caller has the right to it: locks, and a namespace that the
subscription is not registered for.
"""

from __future__ import annotations

import enum

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.resources.declaration import ResourceType
from outofband.resources.registry import Registry
from outofband.store.locks import LockLevel
from outofband.store.store import Store
from outofband.store.tx import Tx


class Change(enum.Enum):
    """What is to be done, in the words of a refusal."""

    WRITE = "write"
    """Actions too: Azure's ReadOnly locks refuse every POST."""
    DELETE = "delete"


class Gate:
    """Asked within the unit that changes, after the right was checked."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    async def check(self, tx: Tx, declared: ResourceType, rid: ResourceId, change: Change) -> None:
        """Raises Fault MissingSubscriptionRegistration or ScopeLocked."""
        if change is Change.WRITE:
            await self.registered(tx, declared.namespace, rid)
        if declared.lockable:
            await self.unlocked(tx, rid, change)

    async def unlocked(self, tx: Tx, rid: ResourceId, change: Change) -> None:
        """As the function below."""
        await unlocked(self._store, tx, rid, change)

    async def registered(self, tx: Tx, namespace: str, rid: ResourceId) -> None:
        """Raises Fault MissingSubscriptionRegistration."""
        if rid.subscription is None or self._registry.is_free(namespace):
            return
        decided = await self._store.registrations.get(tx, rid.subscription, namespace)
        if decided is not None and not decided.registered:
            raise Fault("MissingSubscriptionRegistration", namespace=namespace, target=namespace)


async def unlocked(store: Store, tx: Tx, rid: ResourceId, change: Change) -> None:
    """Raises Fault ScopeLocked. A deletion also takes what is inside: locks there refuse it as well."""
    found = await store.locks.over(tx, rid, below=change is Change.DELETE)
    locks = [lock for lock in found if change is Change.DELETE or lock.level is LockLevel.READ_ONLY]
    if locks:
        scopes = ", ".join(f"'{scope}'" for scope in dict.fromkeys(lock.scope for lock in locks))
        raise Fault(
            "ScopeLocked",
            scope=str(rid),
            change=change.value,
            locked=scopes,
            locks=[lock.id for lock in locks],
        )
