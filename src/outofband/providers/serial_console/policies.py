"""Outofband.Console/policies: what becomes of a login that somebody leaves behind in a guest.

One, `default`, on each subscription and on each VM; where a VM's says `inherit`, the subscription's holds. A
namespace of our own: Azure has no such thing.
"""

from __future__ import annotations

import enum

import msgspec

from outofband.consoles.rights import CONNECT, OBSERVE, TYPE
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.providers.compute import shape as vm
from outofband.resources.declaration import Draft, Item, Page, Place, Put, ResourceType, Written
from outofband.resources.exchange import Call
from outofband.resources.lookup import missing
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx

NAMESPACE = "Outofband.Console"
SINCE = "2026-11-01"
_NAME = "default"


class EndLogin(enum.StrEnum):
    ON = "on"
    OFF = "off"
    INHERIT = "inherit"


class PolicyProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`endLogin`: `on`, `off`, or on a VM `inherit`."""

    end_login: str = ""


class ConsolePolicies:
    def __init__(self, store: Store) -> None:
        self._store = store

    def declare(self) -> ResourceType:
        return ResourceType(
            name=f"{NAMESPACE}/policies",
            about="the console policy of a VM or a subscription",
            many="console policies",
            since=SINCE,
            source=self,
            places=frozenset({Place.SUBSCRIPTION, Place.RESOURCE}),
            lists=frozenset({Place.SUBSCRIPTION, Place.RESOURCE}),
            fixed={"policies": _NAME},
            put=Put(
                plan=self._put,
                properties=PolicyProperties,
                example={"properties": {"endLogin": "on"}},
            ),
            # Whoever leaves a login behind has to be able to see what becomes of it.
            also_read=(CONNECT, TYPE, OBSERVE),
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        if rid.name.lower() != _NAME:
            return None
        above = await self._store.console_settings.end_login(tx, rid.subscription or "")
        if rid.parent is None:
            own = EndLogin.ON if above else EndLogin.OFF
            exact = ResourceId(
                subscription=rid.subscription, namespace=NAMESPACE, chain=(("policies", _NAME),)
            )
            return _item(exact, own, above)
        if rid.parent.type.lower() not in vm.MACHINES:
            raise Fault("InvalidResourceType", type="policies", namespace=NAMESPACE)
        row = await self._store.resources.get(tx, rid.parent)
        if row is None:
            raise await missing(self._store, tx, rid.parent)
        return _of_vm(row, above)

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        if call.rid.chain:
            rid = call.rid.extension(NAMESPACE, "policies", _NAME)
        else:
            rid = ResourceId(
                subscription=call.rid.subscription, namespace=NAMESPACE, chain=(("policies", _NAME),)
            )
        item = await self.get(call, tx, rid)
        return Page(items=[item] if item is not None else [])

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        if there is None:
            detail = f"the only one is '{_NAME}'"
            raise Fault("InvalidParameter", target="name", detail=detail)
        wanted: PolicyProperties = draft.properties
        row: Resource | None = there.row
        known = [each.value for each in EndLogin if row is not None or each is not EndLogin.INHERIT]
        if wanted.end_login.lower() not in known:
            detail = f"it is one of {', '.join(known)}"
            raise Fault("InvalidParameter", target="properties.endLogin", detail=detail)
        choice = EndLogin(wanted.end_login.lower())
        settings, subscription = self._store.console_settings, call.rid.subscription or ""
        if row is None:
            on = choice is EndLogin.ON
            await settings.set_end_login(tx, subscription, on, by=call.by, now=call.now)
            return Written(item=_item(there.rid, choice, on))
        own = None if choice is EndLogin.INHERIT else choice is EndLogin.ON
        changed = vm.with_private(row, end_login=own)
        row = await self._store.resources.update(tx, row.key, now=call.now, properties=changed) or row
        return Written(item=_of_vm(row, await settings.end_login(tx, subscription)))


def _of_vm(row: Resource, above: bool) -> Item:
    own = vm.private_of(row).end_login
    choice = EndLogin.INHERIT if own is None else (EndLogin.ON if own else EndLogin.OFF)
    rid = parse_id(row.id).extension(NAMESPACE, "policies", _NAME)
    return _item(rid, choice, vm.ends_login(row, above), row)


def _item(rid: ResourceId, choice: EndLogin, effective: bool, row: Resource | None = None) -> Item:
    body = {
        "id": str(rid),
        "name": _NAME,
        "type": f"{NAMESPACE}/policies",
        "properties": {
            "endLogin": choice.value,
            "effective": (EndLogin.ON if effective else EndLogin.OFF).value,
        },
    }
    return Item(rid=rid, body=body, row=row)
