"""Outofband.Console/policies: what becomes of a login that somebody leaves behind in a guest, and of a
console whose boot diagnostics have lost their storage account.

One, `default`, on each subscription and on each VM; where a VM's says `inherit`, the subscription's holds. A
namespace of our own: Azure has no such thing.
"""

from __future__ import annotations

import enum
from typing import TypeVar

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
E = TypeVar("E", bound=enum.StrEnum)


class EndLogin(enum.StrEnum):
    ON = "on"
    OFF = "off"
    INHERIT = "inherit"


class Storage(enum.StrEnum):
    """What trouble with the storage account of boot diagnostics does to a console."""

    BLOCK = "block"
    WARN = "warn"


class PolicyProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`endLogin`: `on`, `off`, or on a VM `inherit`. `diagnosticsStorage`, of a subscription alone:
    `block` or `warn`. What is not named stays as it is.
    """

    end_login: str | None = None
    diagnostics_storage: str | None = None


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
            warns = await self._store.console_settings.storage_warns(tx, rid.subscription or "")
            return _of_subscription(exact, own, warns)
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
        login = _choice(wanted.end_login, "endLogin", EndLogin)
        storage = _choice(wanted.diagnostics_storage, "diagnosticsStorage", Storage)
        if login is None and storage is None:
            detail = "name one of them: endLogin, diagnosticsStorage"
            raise Fault("InvalidParameter", target="properties", detail=detail)
        settings, subscription = self._store.console_settings, call.rid.subscription or ""
        if row is None:
            if login is EndLogin.INHERIT:
                raise Fault("InvalidParameter", target="properties.endLogin", detail="it is one of on, off")
            if login is not None:
                on = login is EndLogin.ON
                await settings.set_end_login(tx, subscription, on, by=call.by, now=call.now)
            if storage is not None:
                warns = storage is Storage.WARN
                await settings.set_storage_warns(tx, subscription, warns, by=call.by, now=call.now)
            on = await settings.end_login(tx, subscription)
            warns = await settings.storage_warns(tx, subscription)
            return Written(item=_of_subscription(there.rid, EndLogin.ON if on else EndLogin.OFF, warns))
        if login is None or storage is not None:
            detail = "it is of subscriptions; a VM has endLogin alone"
            raise Fault("InvalidParameter", target="properties.diagnosticsStorage", detail=detail)
        own = None if login is EndLogin.INHERIT else login is EndLogin.ON
        changed = vm.with_private(row, end_login=own)
        row = await self._store.resources.update(tx, row.key, now=call.now, properties=changed) or row
        return Written(item=_of_vm(row, await settings.end_login(tx, subscription)))


def _choice(given: str | None, name: str, kind: type[E]) -> E | None:
    """Raises Fault InvalidParameter."""
    if given is None:
        return None
    try:
        return kind(given.lower())
    except ValueError as error:
        detail = f"it is one of {', '.join(each.value for each in kind)}"
        raise Fault("InvalidParameter", target=f"properties.{name}", detail=detail) from error


def _of_subscription(rid: ResourceId, login: EndLogin, warns: bool) -> Item:
    item = _item(rid, login, login is EndLogin.ON)
    item.body["properties"]["diagnosticsStorage"] = (Storage.WARN if warns else Storage.BLOCK).value
    return item


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
