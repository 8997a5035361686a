"""Microsoft.Authorization/providerOperations: every action there is, to write roles with.

Made from the declared types; nothing here is a list of its own but for the data actions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from outofband.access.data_actions import DATA_ACTIONS
from outofband.core.ids import ResourceId
from outofband.providers.authorization import NAMESPACE, SINCE, VERSION
from outofband.resources.declaration import Item, Page, Place, ResourceType
from outofband.resources.exchange import Call
from outofband.store.tx import Tx

_TYPE = f"{NAMESPACE}/providerOperations"


class Operation(msgspec.Struct, frozen=True):
    """`about` says what is done, as a sentence without a full stop."""

    action: str
    about: str
    data: bool = False

    @property
    def namespace(self) -> str:
        return self.action.partition("/")[0]

    @property
    def resource_type(self) -> str:
        """`virtualMachines` of `Microsoft.Compute/virtualMachines/start/action`; empty: of the namespace."""
        kinds = self.action.split("/")[1:-1]
        return "/".join(kinds[:-1] if self.action.endswith("/action") else kinds)


class ProviderOperations:
    """`types` gives every declared type; asked when somebody asks, for this one is declared among them."""

    def __init__(self, types: Callable[[], Iterable[ResourceType]]) -> None:
        self._types = types

    def declare(self) -> ResourceType:
        return ResourceType(
            name=_TYPE,
            about="what there is to be allowed in one namespace",
            many="what there is to be allowed",
            since=SINCE,
            version=VERSION,
            source=self,
            places=frozenset({Place.TENANT}),
            lists=frozenset({Place.TENANT}),
            open_list=True,
            also_read=(f"{_TYPE}/read",),
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        found = [each for each in self._operations() if each.namespace.lower() == rid.name.lower()]
        return _item(found[0].namespace, found) if found else None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        every = self._operations()
        names = sorted({each.namespace for each in every})
        rest = [name for name in names if after is None or name > after]
        return Page(
            items=[_item(name, [each for each in every if each.namespace == name]) for name in rest[:limit]],
            after=rest[limit - 1] if len(rest) > limit else None,
        )

    def _operations(self) -> Sequence[Operation]:
        """Each action once: several types, and several of a type's own, may need the same."""
        types = tuple(self._types())
        found = {each.action.lower(): each for declared in types for each in operations_of(declared)}
        for namespace in {declared.name.partition("/")[0] for declared in types}:
            found |= {each.action.lower(): each for each in registering(namespace)}
        for action, about in DATA_ACTIONS.items():
            found[action.lower()] = Operation(action, about, data=True)
        return sorted(found.values(), key=_key)


def operations_of(declared: ResourceType) -> Iterator[Operation]:
    """What there is to be allowed with resources of one type."""
    yield Operation(declared.right("read"), f"Read {declared.many}")
    if declared.put is not None or declared.patch is not None:
        yield Operation(declared.right("write"), f"Create or change {declared.about}")
    if declared.delete is not None:
        yield Operation(declared.right("delete"), f"Delete {declared.about}")
    for name, view in declared.views.items():
        yield Operation(declared.right(f"{name}/read"), view.about)
    for name, action in declared.actions.items():
        # A right that names the resource is a different one for each of them.
        if "{name}" not in (right := declared.action_right(name)):
            yield Operation(right, action.about)
    for right, about in declared.rights.items():
        yield Operation(right, about)


def registering(namespace: str) -> Iterator[Operation]:
    """What there is to be allowed with the namespace itself."""
    yield Operation(f"{namespace}/register/action", "Register a subscription for the provider")
    yield Operation(f"{namespace}/unregister/action", "Unregister a subscription from the provider")


def _key(operation: Operation) -> str:
    return operation.action.lower()


def _item(namespace: str, operations: Sequence[Operation]) -> Item:
    kinds = sorted({each.resource_type for each in operations} - {""})
    rid = ResourceId(namespace=NAMESPACE, chain=(("providerOperations", namespace),))
    body: dict[str, Any] = {
        "id": str(rid),
        "name": namespace,
        "type": _TYPE,
        "displayName": namespace,
        "operations": [_shape(each) for each in operations if not each.resource_type],
        "resourceTypes": [
            {
                "name": kind,
                "displayName": kind,
                "operations": [_shape(each) for each in operations if each.resource_type == kind],
            }
            for kind in kinds
        ],
    }
    return Item(rid=rid, body=body)


def _shape(operation: Operation) -> dict[str, Any]:
    return {
        "name": operation.action,
        "displayName": operation.about,
        "description": f"{operation.about}.",
        "origin": "user,system",
        "properties": None,
        "isDataAction": operation.data,
    }
