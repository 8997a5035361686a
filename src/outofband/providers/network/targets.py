"""The VMs and network interfaces that a question names: read by whoever asks, or refused."""

from __future__ import annotations

from collections.abc import Sequence

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.providers.network.attachments import interfaces_of
from outofband.providers.network.house import INTERFACES, MACHINES, WATCHERS, House
from outofband.resources.exchange import Call
from outofband.store.network import Attachment
from outofband.store.resources import Resource
from outofband.store.tx import Tx


async def machine(house: House, call: Call, tx: Tx, text: str) -> Resource:
    """The row of a VM, with the right to read it.

    Raises Fault InvalidResourceReference or LinkedAuthorizationFailed.
    """
    rid = await readable(house, call, tx, text)
    row = await house.store.resources.get(tx, rid)
    if row is None or rid.type.lower() not in MACHINES:
        raise Fault("InvalidResourceReference", reference=text[:200], resource=str(call.rid))
    return row


async def interfaces(
    house: House, call: Call, tx: Tx, target: str, interface: str | None
) -> Sequence[Resource]:
    """The rows of a VM's interfaces, or of the one that is named, with the right to read each.

    Raises Fault InvalidResourceReference, LinkedAuthorizationFailed or NetworkInterfaceNotUsable.
    """
    rid = await readable(house, call, tx, target)
    if rid.type.lower() == INTERFACES.lower():
        keys = [rid.key]
    else:
        row = await house.store.resources.get(tx, rid)
        if row is None:
            raise Fault("InvalidResourceReference", reference=target[:200], resource=str(call.rid))
        keys = interfaces_of(Attachment(id=row.id, properties=row.properties))
    if interface:
        wanted = (await readable(house, call, tx, interface)).key
        if wanted not in keys:
            raise Fault("InvalidResourceReference", reference=interface[:200], resource=target[:200])
        keys = [wanted]
    rows = [await house.store.resources.get(tx, key) for key in keys]
    found = [row for row in rows if row is not None and row.type == INTERFACES]
    if not found:
        detail = f"'{rid.name}' has no network interface that is stored here."
        raise Fault("NetworkInterfaceNotUsable", detail=detail)
    for each in found:
        await readable(house, call, tx, each.id)
    return found


async def readable(house: House, call: Call, tx: Tx, text: str) -> ResourceId:
    """Raises Fault InvalidResourceReference or LinkedAuthorizationFailed."""
    rid = parse_id(text)
    unknown = Fault("InvalidResourceReference", reference=text[:200], resource=str(call.rid))
    if (rid.subscription or "").lower() != (call.rid.subscription or "").lower():
        raise unknown
    if rid.type.lower() not in (*MACHINES, INTERFACES.lower()):
        raise unknown
    rights = await house.authorizer.rights(call.principal, tx)
    rights.require_linked(f"{rid.type}/read", rid, action=f"{WATCHERS}/action", scope=call.rid)
    return rid
