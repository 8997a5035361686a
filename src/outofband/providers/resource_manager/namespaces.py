"""Providers: what each of them can, and which of them a subscription is registered for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.providers.authorization_operations import operations_of, registering
from outofband.providers.resource_manager.directory import SINCE, VERSION
from outofband.resources.declaration import Act, Item, Page, Place, ResourceType, View
from outofband.resources.exchange import Answer, Call
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.resources.registry import Registry
from outofband.store.store import Store
from outofband.store.tx import Tx

NAMESPACE = "Microsoft.Resources"
FREE = (NAMESPACE, "Microsoft.Authorization", "Microsoft.SerialConsole", "Outofband.Console")
"""Nobody can unregister them: without them a subscription could not be governed, nor a console opened."""


class Namespaces:
    """A subscription is registered for every provider until somebody unregisters it: here none costs
    anything, and nobody who needs a console is to find out first that something is not registered.
    """

    def __init__(
        self,
        store: Store,
        registry: Callable[[], Registry],
        actions: Mapping[str, Act] | None = None,
    ) -> None:
        """`actions` are those of single providers; they refuse the others themselves."""
        self._store = store
        self._registry = registry
        self._actions = actions or {}

    def declare(self) -> ResourceType:
        places = frozenset({Place.TENANT, Place.SUBSCRIPTION})
        return ResourceType(
            name=f"{NAMESPACE}/providers",
            about="a resource provider",
            many="resource providers",
            since=SINCE,
            version=VERSION,
            source=self,
            places=places,
            lists=places,
            permission=f"{NAMESPACE}/subscriptions/providers",
            open_list=True,
            also_read=(
                f"{NAMESPACE}/subscriptions/read",
                f"{NAMESPACE}/subscriptions/resourceGroups/read",
            ),
            actions={
                "register": Act(
                    run=self._register,
                    about="Register a subscription for a provider",
                    answer=Provider,
                    permission="{name}/register/action",
                ),
                "unregister": Act(
                    run=self._unregister,
                    about="Unregister a subscription from a provider of which it has no resources",
                    answer=Provider,
                    permission="{name}/unregister/action",
                ),
                **self._actions,
            },
            views={"operations": View(render=self._operations, about="Read what a provider can do")},
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        """Raises Fault InvalidResourceNamespace."""
        namespace = self._registry().namespace(rid.name)
        if namespace is None:
            raise Fault("InvalidResourceNamespace", namespace=rid.name)
        decided = await self._store.registrations.of(tx, rid.subscription) if rid.subscription else {}
        one = decided.get(namespace.lower())
        return self._item(rid.subscription, namespace, one is None or one.registered)

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        subscription = call.rid.subscription
        decided = await self._store.registrations.of(tx, subscription) if subscription else {}
        items = []
        for namespace in self._registry().namespaces:
            one = decided.get(namespace.lower())
            items.append(self._item(subscription, namespace, one is None or one.registered))
        rest = [each for each in items if after is None or each.rid.name.lower() > after]
        return Page(items=rest[:limit], after=rest[limit - 1].rid.name.lower() if len(rest) > limit else None)

    async def _operations(self, call: Call, tx: Tx, item: Item) -> dict[str, Any]:
        """As the namespaces' own documents have them: whether it is a data action is a text there."""
        namespace = item.rid.name
        found = {
            each.action: each.about
            for declared in self._registry()
            for each in operations_of(declared)
            if each.namespace == namespace
        }
        found |= {each.action: each.about for each in registering(namespace)}
        value = [
            {
                "name": action,
                "isDataAction": "false",
                "display": {
                    "provider": namespace,
                    "resource": action.split("/")[1],
                    "operation": about,
                    "description": f"{about}.",
                },
            }
            for action, about in sorted(found.items())
        ]
        return {"value": value}

    async def _register(self, call: Call, item: Item, body: Any) -> Answer:
        return await self._decide(call, item, registered=True)

    async def _unregister(self, call: Call, item: Item, body: Any) -> Answer:
        return await self._decide(call, item, registered=False)

    async def _decide(self, call: Call, item: Item, *, registered: bool) -> Answer:
        subscription, namespace = call.rid.subscription, item.rid.name
        if subscription is None:
            raise Fault("OperationNotAllowed", detail="Providers are registered in a subscription.")
        if self._registry().is_free(namespace) and not registered:
            detail = f"The provider '{namespace}' needs no registration and cannot be unregistered."
            raise Fault("OperationNotAllowed", detail=detail)
        async with self._store.write() as tx:
            if not registered and (first := await self._first(call, tx, namespace)) is not None:
                raise Fault("ProviderInUse", namespace=namespace, subscription=subscription, resource=first)
            await self._store.registrations.put(
                tx, subscription, namespace, registered=registered, now=clock.now(), by=call.by
            )
        return Answer(body=self._item(subscription, namespace, registered).body)

    async def _first(self, call: Call, tx: Tx, namespace: str) -> str | None:
        """Any resource of the provider in the subscription."""
        subscription = call.rid.subscription or ""
        if (found := await self._store.resources.first_of(tx, subscription, namespace)) is not None:
            return found.id
        node = msgspec.structs.replace(call, rid=ResourceId(subscription=subscription))
        for declared in self._registry().tracked():
            if declared.apart and declared.namespace == namespace:
                page = await declared.source.list(node, tx, None, 1)
                if page.items:
                    return str(page.items[0].rid)
        return None

    def _item(self, subscription: str | None, namespace: str, registered: bool) -> Item:
        above = f"/subscriptions/{subscription}" if subscription else ""
        free = self._registry().is_free(namespace)
        body: dict[str, Any] = {
            "id": f"{above}/providers/{namespace}",
            "namespace": namespace,
            "registrationPolicy": "RegistrationFree" if free else "RegistrationRequired",
            "resourceTypes": list(self._types(namespace)),
        }
        if subscription is not None:
            body["registrationState"] = "Registered" if free or registered else "Unregistered"
        chain = (("providers", namespace),)
        return Item(rid=ResourceId(subscription=subscription, namespace=NAMESPACE, chain=chain), body=body)

    def _types(self, namespace: str) -> Iterator[dict[str, Any]]:
        tracked = {each.name for each in self._registry().tracked()}
        for declared in sorted(self._registry(), key=lambda each: each.name):
            if declared.namespace != namespace:
                continue
            yield {
                "resourceType": declared.name.partition("/")[2],
                "locations": [DEFAULT_LOCATION] if declared.name in tracked else [],
                # Clients that are told no version take the newest of these.
                "apiVersions": sorted({declared.version or declared.since, declared.since}, reverse=True),
                "capabilities": "SupportsTags, SupportsLocation" if declared.name in tracked else "None",
            }


class Provider(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A resource provider as a subscription has it."""

    id: str
    namespace: str
    registration_state: str
    registration_policy: str
    resource_types: list[dict[str, Any]]
