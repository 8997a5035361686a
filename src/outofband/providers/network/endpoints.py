"""Endpoints of the classic model, as far as a VM's host has to know of them: which port leads to which.

A VM that has a classic view is reached at the endpoints of that and nowhere else, as in the classic model;
security groups on its interface still decide, about the VM's own port.
"""

from __future__ import annotations

import msgspec

from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.network.plan import Endpoint

CLASSIC = "Microsoft.ClassicCompute/virtualMachines"
SHOWN = "inputEndpoints"


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The VM that a classic one is a view of. `uid` tells it from a later one of the same name: rights that
    were given on the view of one VM are none on another.
    """

    id: str
    uid: str


def machine_of(row: Resource) -> Machine:
    return msgspec.convert(row.properties["machine"], Machine)


async def view_of(store: Store, tx: Tx, machine: Resource) -> Resource | None:
    """The classic view of a VM; None when it has none."""
    for link in await store.network.to(tx, [machine.key]):
        row = await store.resources.get(tx, link.holder_key)
        if row is not None and row.type == CLASSIC and machine_of(row).uid == machine.uid:
            return row
    return None


async def endpoints_of(store: Store, tx: Tx, machine: Resource) -> tuple[Endpoint, ...] | None:
    """None for a VM that has no classic view."""
    row = await view_of(store, tx, machine)
    if row is None:
        return None
    return tuple(Endpoint(each["publicPort"], each["privatePort"]) for each in row.properties[SHOWN])
