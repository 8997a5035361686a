"""Tenants, subscriptions and the locations in them."""

from __future__ import annotations

import msgspec

from outofband.access.authorizer import Authorizer
from outofband.access.decision import covers
from outofband.core.ids import ResourceId
from outofband.resources.declaration import Item, Page, Place, ResourceType
from outofband.resources.exchange import Call
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.store.directory import Subscription
from outofband.store.resources import GROUP_TYPE
from outofband.store.store import Store
from outofband.store.tx import Tx

SINCE = "2014-04-01"
VERSION = "2022-12-01"
READ_SUBSCRIPTION = "Microsoft.Resources/subscriptions/read"
READ_GROUP = "Microsoft.Resources/subscriptions/resourceGroups/read"


class Tenants:
    """A caller knows of one tenant: its own."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        return None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        found = await self._store.directory.tenant(tx, call.principal.tenant)
        if found is None:
            return Page(items=[])
        body = {
            "id": f"/tenants/{found.id}",
            "tenantId": found.id,
            "displayName": found.name,
            "defaultDomain": found.domain,
            "domains": [found.domain] if found.domain else [],
            "tenantCategory": "Home",
            "tenantType": "AAD",
        }
        return Page(items=[Item(rid=ResourceId(), body=body)])

    def declare(self) -> ResourceType:
        return ResourceType(
            name="Microsoft.Resources/tenants",
            about="a tenant",
            many="tenants",
            since=SINCE,
            version=VERSION,
            source=self,
            places=frozenset(),
            lists=frozenset({Place.TENANT}),
            open_list=True,
        )


class Subscriptions:
    """Listed are those in which, or in a part of which, the caller has any role."""

    def __init__(self, store: Store, authorizer: Authorizer) -> None:
        self._store = store
        self._authorizer = authorizer

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        found = await self._store.directory.subscription(tx, rid.subscription or "")
        return await self._item(tx, found) if found is not None else None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        rights = await self._authorizer.rights(call.principal, tx)
        scopes = [assignment.scope_key for assignment in rights.assignments]
        own = await self._store.directory.subscriptions(tx, call.principal.tenant)
        known = sorted(
            (each for each in own if any(_touches(scope, f"/subscriptions/{each.id}") for scope in scopes)),
            key=lambda each: each.id,
        )
        rest = [each for each in known if after is None or each.id > after]
        return Page(
            items=[await self._item(tx, each) for each in rest[:limit]],
            after=rest[limit - 1].id if len(rest) > limit else None,
        )

    async def _item(self, tx: Tx, found: Subscription) -> Item:
        item = _subscription(found)
        tags = await tags_of_subscription(self._store, tx, item.rid)
        return msgspec.structs.replace(item, body=item.body | {"tags": tags}) if tags else item

    def declare(self) -> ResourceType:
        return ResourceType(
            name="Microsoft.Resources/subscriptions",
            about="a subscription",
            many="subscriptions",
            since=SINCE,
            version=VERSION,
            source=self,
            places=frozenset({Place.TENANT}),
            lists=frozenset({Place.TENANT}),
            open_list=True,
            also_read=(READ_SUBSCRIPTION, READ_GROUP),
        )


class Locations:
    """The one place there is by itself, and those that resource groups were given."""

    def __init__(self, store: Store, authorizer: Authorizer) -> None:
        self._store = store
        self._authorizer = authorizer

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        return None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        names = {DEFAULT_LOCATION}
        rights = await self._authorizer.rights(call.principal, tx)
        if rights.allow(READ_GROUP, call.rid):
            names |= await self._store.resources.locations(tx, call.rid.subscription or "", GROUP_TYPE)
        return Page(items=[_location(call.rid, name) for name in sorted(names)])

    def declare(self) -> ResourceType:
        return ResourceType(
            name="Microsoft.Resources/locations",
            about="a location",
            many="locations",
            since=SINCE,
            version=VERSION,
            source=self,
            places=frozenset(),
            lists=frozenset({Place.SUBSCRIPTION}),
            permission="Microsoft.Resources/subscriptions/locations",
            open_list=True,
        )


async def tags_of_subscription(store: Store, tx: Tx, rid: ResourceId) -> dict[str, str]:
    row = await store.resources.get(tx, tags_id(rid))
    return row.tags if row is not None else {}


def tags_id(scope: ResourceId) -> ResourceId:
    """Id of a scope's tags as a resource of their own."""
    return ResourceId(
        subscription=scope.subscription,
        group=scope.group,
        parent=scope if scope.namespace else None,
        namespace="Microsoft.Resources",
        chain=(("tags", "default"),),
    )


def _touches(scope: str, subscription: str) -> bool:
    return covers(scope, subscription) or covers(subscription, scope)


def _subscription(found: Subscription) -> Item:
    body = {
        "id": f"/subscriptions/{found.id}",
        "subscriptionId": found.id,
        "tenantId": found.tenant_id,
        "displayName": found.name,
        # The CLI makes only an enabled one its default.
        "state": found.state,
        "subscriptionPolicies": {
            "locationPlacementId": "Internal_2014-09-01",
            "quotaId": "Internal_2014-09-01",
            "spendingLimit": "Off",
        },
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    }
    return Item(rid=ResourceId(subscription=found.id), body=body)


def _location(subscription: ResourceId, name: str) -> Item:
    shown = name.capitalize() if name == DEFAULT_LOCATION else name
    body = {
        "id": f"{subscription}/locations/{name}",
        "subscriptionId": subscription.subscription,
        "name": name,
        "type": "Region",
        "displayName": shown,
        "regionalDisplayName": shown,
        "metadata": {"regionType": "Physical", "regionCategory": "Recommended", "pairedRegion": []},
    }
    return Item(rid=subscription, body=body)
