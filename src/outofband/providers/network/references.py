"""One resource names another: the name is checked, the right to use it too, and the link is remembered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.providers.network.house import House
from outofband.resources.exchange import Call
from outofband.resources.lookup import DELETING
from outofband.store.network import Link
from outofband.store.resources import Resource, group_id
from outofband.store.tx import Tx


class Named(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`{"id": ...}` in a body."""

    id: str | None = None


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """`part` of a resource names `slot["id"]`, which has to be of `type`; `join` is the right it takes."""

    part: str
    slot: dict[str, Any]
    path: str
    """Where it stands in the body."""
    type: str
    join: str = "join/action"

    @property
    def text(self) -> str:
        return str(self.slot["id"])


def named(given: Named | None) -> dict[str, Any] | None:
    """As it is stored; None when nothing is named."""
    return {"id": given.id} if given is not None and given.id else None


def key_of(slot: Any) -> str | None:
    """The lower-cased id in a stored `{"id": ...}`; None when there is none."""
    text = slot.get("id") if isinstance(slot, dict) else None
    return text.lower() if isinstance(text, str) else None


async def bind(
    house: House, call: Call, tx: Tx, location: str, wanted: Iterable[Reference], known: Iterable[Link]
) -> list[Link]:
    """The links of a resource that is written. What it named before (`known`) needs no right again.

    Puts the exact spelling into every slot. Raises Fault LinkedInvalidPropertyId, InvalidResourceReference
    or LinkedAuthorizationFailed.
    """
    before = {(link.part_id.lower(), link.target_key): link for link in known}
    links: list[Link] = []
    for reference in wanted:
        # Of the right type, whatever it named before: the same part may have named that in another place.
        rid = _parsed(reference)
        old = before.get((reference.part.lower(), reference.text.lower()))
        links.append(old if old is not None else await _resolve(house, call, tx, location, reference, rid))
    return links


async def _resolve(
    house: House, call: Call, tx: Tx, location: str, reference: Reference, rid: ResourceId
) -> Link:
    unknown = Fault("InvalidResourceReference", reference=reference.text[:200], resource=reference.part)
    # Another subscription may be another tenant's: nothing in there is looked at, whoever asks.
    if (rid.subscription or "").lower() != (call.rid.subscription or "").lower():
        raise unknown
    rights = await house.authorizer.rights(call.principal, tx)
    needed = f"{reference.type}/{reference.join}"
    rights.require_linked(needed, rid, action=f"{call.rid.type}/write", scope=call.rid)
    row, exact = await find(house, tx, rid)
    if row is None or exact is None or row.location != location:
        raise unknown
    group = await house.store.resources.get(tx, group_id(rid))
    if group is None or group.provisioning_state == DELETING:
        raise unknown
    reference.slot["id"] = exact
    return Link(holder_key=call.rid.key, part_id=reference.part, target_key=exact.lower(), target_row=row.key)


async def find(house: House, tx: Tx, rid: ResourceId) -> tuple[Resource | None, str | None]:
    """The row of a resource or of what a part belongs to, and the exact id; None for what is on its way
    out.
    """
    depth = len(rid.chain)
    top = msgspec.structs.replace(rid, chain=rid.chain[:1])
    row = await house.store.resources.get(tx, top)
    if row is None or row.provisioning_state == DELETING:
        return None, None
    if depth == 1:
        return row, row.id
    kind, name = rid.chain[1]
    for part in row.properties.get(_spelled(row, kind)) or ():
        if part["name"].lower() == name.lower() and part.get("state") != DELETING:
            return row, f"{row.id}/{_spelled(row, kind)}/{part['name']}"
    return row, None


def _spelled(row: Resource, kind: str) -> str:
    return next((name for name in row.properties if name.lower() == kind.lower()), kind)


def _parsed(reference: Reference) -> ResourceId:
    try:
        rid = parse_id(reference.text)
    except Fault as fault:
        raise Fault("LinkedInvalidPropertyId", id=reference.text[:200], path=reference.path) from fault
    if rid.type.lower() != reference.type.lower() or rid.group is None:
        raise Fault("LinkedInvalidPropertyId", id=reference.text[:200], path=reference.path)
    return rid
