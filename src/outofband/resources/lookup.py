"""Words for what is not there, and the spelling of what is about to be."""

from __future__ import annotations

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.store.resources import group_id
from outofband.store.store import Store
from outofband.store.tx import Tx

DELETING = "Deleting"
"""Provisioning state from the request to delete until the end."""


async def missing(store: Store, tx: Tx, rid: ResourceId) -> Fault:
    """The fault for a resource that is not there: about its group, when that is what is missing."""
    if rid.group is not None and (not rid.chain or await store.resources.get(tx, group_id(rid)) is None):
        return Fault("ResourceGroupNotFound", group=rid.group)
    kinds = "/".join(f"{kind}/{name}" for kind, name in rid.chain)
    return Fault("ResourceNotFound", resource=f"{rid.namespace}/{kinds}", group=rid.group or "")


async def placed(store: Store, tx: Tx, rid: ResourceId) -> ResourceId:
    """The id of something new, with its group spelled as the group itself is.

    Raises Fault ResourceGroupNotFound, or Conflict when the group is being deleted.
    """
    if rid.group is None or not rid.chain:
        return rid
    group = await store.resources.get(tx, group_id(rid))
    if group is None:
        raise Fault("ResourceGroupNotFound", group=rid.group)
    if group.provisioning_state == DELETING:
        raise Fault("Conflict", detail=f"The resource group '{group.name}' is being deleted.")
    parent = await placed(store, tx, rid.parent) if rid.parent is not None else None
    return msgspec.structs.replace(rid, group=group.name, parent=parent)


def owner_of(rid: ResourceId) -> ResourceId | None:
    """The resource that `rid` is a child or an extension of; None for what hangs on a group or higher."""
    if len(rid.chain) > 1:
        return msgspec.structs.replace(rid, chain=rid.chain[:-1])
    return rid.parent


def below(owner: ResourceId, rid: ResourceId) -> ResourceId:
    """`rid` with the part above it spelled as `owner`, which `owner_of` gave, is."""
    if len(rid.chain) > 1:
        return msgspec.structs.replace(owner, chain=(*owner.chain, rid.chain[-1]))
    return msgspec.structs.replace(rid, parent=owner, group=owner.group)


def above(rid: ResourceId) -> ResourceId:
    """What a resource hangs on; for a subscription or a group itself."""
    if rid.parent is not None:
        return rid.parent
    return ResourceId(subscription=rid.subscription, group=rid.group) if rid.chain else rid
