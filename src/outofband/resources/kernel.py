"""The door of Resource Manager: one request in, one answer out, the checks in their order.

    (token, by the edge) -> subscription of this tenant -> type -> api-version -> right -> existence

A subscription of another tenant is not found, not forbidden: tenants are walls. What exists inside a scope is
told only to those who have a right there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar
from urllib.parse import unquote

import msgspec

from outofband.access.authorizer import Authorizer
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import MAX_ID_LENGTH, ResourceId, parse_id
from outofband.core.principal import Principal
from outofband.resources.declaration import Act, Begin, Item, ResourceType
from outofband.resources.exchange import Answer, Call, Request
from outofband.resources.limits import Limits
from outofband.resources.lookup import above, missing
from outofband.resources.polling import CANCEL, Polls, is_poll
from outofband.resources.registry import Registry, node_of, place_of
from outofband.resources.routing import Route, on_provider, route
from outofband.resources.trail import Trail
from outofband.resources.writing import Writer
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.arm import paging, versions

T = TypeVar("T")

_MAX_LOOKED_AT = paging.PAGE_LIMIT
"""Items looked at for one page when the caller may see only some of them."""


class Kernel:
    """Answers requests on behalf of every declared type."""

    def __init__(
        self, store: Store, authorizer: Authorizer, registry: Registry, limits: Limits | None = None
    ) -> None:
        self._store = store
        self._authorizer = authorizer
        self._registry = registry
        self._limits = limits or Limits()
        trail = Trail(store)
        self._polls = Polls(store, authorizer, registry, trail)
        self._writer = Writer(store, authorizer, registry, trail)

    async def handle(self, request: Request) -> Answer:
        """Raises Fault for every refusal."""
        found = route(request.path)
        async with self._store.read() as tx:
            try:
                await self._wall(request.principal, found.rid, tx)
            except Fault:
                self._count(request, None)
                raise
            left = {} if self._is_urgent(request, found) else self._count(request, found.rid.subscription)
            read = await self._answer_read(request, found, tx)
        answer = read if read is not None else await self._change(request, found)
        return msgspec.structs.replace(answer, headers={**left, **answer.headers}) if left else answer

    async def _answer_read(self, request: Request, found: Route, tx: Tx) -> Answer | None:
        if request.method == "GET":
            return await self._read(request, found, tx)
        if request.method == "HEAD":
            # Azure's clients ask with HEAD whether something is there and expect 204 for yes.
            return Answer(status=204, headers=(await self._read(request, found, tx)).headers)
        return None

    def _count(self, request: Request, subscription: str | None) -> dict[str, str]:
        return self._limits.take(request.principal, subscription, request.method, clock.monotonic())

    def _is_urgent(self, request: Request, found: Route) -> bool:
        if is_poll(found.rid):
            return True
        # A list at a place above is work for nobody's console.
        declared = self._registry.find(found.collection) if found.collection and found.rid.chain else None
        if declared is None and found.rid.chain:
            declared = self._registry.find(found.rid.type)
        method = "GET" if request.method == "HEAD" else request.method
        return declared is not None and method in declared.urgent

    async def beside(
        self, request: Request, group: ResourceId, right: str, work: Callable[[ResourceId], Awaitable[T]]
    ) -> T:
        """Do `work` on a resource group for a door beside Resource Manager's own, with the same checks and
        the same trace in the activity log. `work` is given the group's id in its own spelling.

        Raises Fault InvalidResourceId, SubscriptionNotFound, AuthorizationFailed, ResourceGroupNotFound,
        MissingSubscriptionRegistration or ScopeLocked.
        """
        # The names come from a body: one with slashes in it would be the id of something inside the group.
        if parse_id(str(group)) != group or not group.group or group.chain:
            raise Fault("InvalidResourceId", id=str(group)[:MAX_ID_LENGTH])
        async with self._store.read() as tx:
            await self._wall(request.principal, group, tx)
        return await self._writer.beside(request, group, right, work)

    async def _wall(self, principal: Principal, rid: ResourceId, tx: Tx) -> None:
        if rid.subscription is None:
            return
        found = await self._store.directory.subscription(tx, rid.subscription)
        if found is None or found.tenant_id != principal.tenant:
            raise Fault("SubscriptionNotFound", subscription=rid.subscription)

    async def _read(self, request: Request, found: Route, tx: Tx) -> Answer:
        if found.collection is None:
            if is_poll(found.rid):
                return await self._polls.answer(request, tx, found.rid)
            return await self._get(request, found.rid, tx)
        declared = self._registry.find(found.collection)
        if declared is not None and node_of(found.rid) in declared.lists:
            return await self._list(request, found.rid, declared, tx)
        return await self._view(request, found, tx)

    async def _get(self, request: Request, rid: ResourceId, tx: Tx) -> Answer:
        declared = self._declared(rid)
        call = self._call(request, rid, declared)
        item = await self._permitted(call, declared, "read", tx)
        return Answer(body=item.body, headers={"ETag": item.etag} if item.etag else {})

    async def _view(self, request: Request, given: Route, tx: Tx) -> Answer:
        found = on_provider(given) or given
        declared = self._registry.find(found.rid.type) if found.rid.chain else None
        name = _spelled(found.tail, declared.views) if declared is not None else None
        if declared is None or name is None:
            raise self._unsupported(request, given)
        call = self._call(request, found.rid, declared)
        item = await self._permitted(call, declared, f"{name}/read", tx)
        return Answer(body=await declared.views[name].render(call, tx, item))

    async def _permitted(self, call: Call, declared: ResourceType, verb: str, tx: Tx) -> Item:
        rights = await self._authorizer.rights(call.principal, tx)
        if not any(rights.allow_below(action, above(call.rid)) for action in declared.also_read):
            rights.require(declared.right(verb), call.rid)
        item = await declared.source.get(call, tx, call.rid)
        if item is None:
            raise await missing(self._store, tx, call.rid)
        return item

    async def _list(self, request: Request, node: ResourceId, declared: ResourceType, tx: Tx) -> Answer:
        """A caller without a right on the node still sees what it has a right to inside it."""
        call = self._call(request, node, declared)
        size = paging.size(request.parameter("$top"))
        after = paging.after(request.parameter("$skiptoken"))
        rights = await self._authorizer.rights(request.principal, tx)
        needed = [each.right("read") for each in self._listed(declared)]
        whole = declared.open_list or all(rights.allow(right, node) for right in needed)
        # Whoever may read each of what hangs on a resource may list it.
        whole = whole or (bool(node.chain) and any(rights.allow(each, node) for each in declared.also_read))
        if not whole and not any(rights.allow_below(right, node) for right in needed):
            rights.require(declared.right("read"), node)
        # Whoever may ask for an open list at any place must not learn from it what places there are.
        in_group = node.group is not None and not node.chain and not declared.open_list
        if in_group and await self._store.resources.get(tx, node) is None:
            raise Fault("ResourceGroupNotFound", group=node.group)
        if node.chain and not declared.open_list:
            await self._require(call, tx)
        page = await declared.source.list(call, tx, after, size if whole else _MAX_LOOKED_AT)
        right = declared.each_right or (lambda _: needed[0])
        items = page.items if whole else [each for each in page.items if rights.allow(right(each), each.rid)]
        if declared.bare:
            return Answer(body=[item.body for item in items])
        link = None
        if page.after is not None:
            link = paging.next_link(request.base, unquote(request.path), request.query, page.after)
        return Answer(body=paging.page([item.body for item in items], link))

    def _listed(self, declared: ResourceType) -> list[ResourceType]:
        """The types of what is in the list of `declared`."""
        return self._registry.tracked() if declared.each_right is not None else [declared]

    async def _require(self, call: Call, tx: Tx) -> None:
        """What a list hangs on has to be there, where it is of a declared type itself."""
        owner = self._registry.find(call.rid.type)
        if owner is not None and await owner.source.get(call, tx, call.rid) is None:
            raise await missing(self._store, tx, call.rid)

    async def _change(self, request: Request, found: Route) -> Answer:
        if found.collection is not None:
            return await self._act(request, found)
        declared = self._declared(found.rid)
        call = self._call(request, found.rid, declared)
        match request.method:
            case "PUT" if declared.put is not None:
                return await self._writer.put(call, declared, declared.put)
            case "PATCH" if declared.patch is not None:
                return await self._writer.patch(call, declared, declared.patch)
            case "DELETE" if declared.delete is not None:
                return await self._writer.delete(call, declared, declared.delete)
        raise Fault("MethodNotAllowed", type=declared.name, method=request.method)

    async def _act(self, request: Request, given: Route) -> Answer:
        if request.method == "POST" and is_poll(given.rid) and (given.tail or "").lower() == CANCEL:
            return await self._polls.cancel(request, given.rid)
        found = on_provider(given) or given
        declared = self._registry.find(found.rid.type)
        name = _spelled(found.tail, declared.actions) if declared is not None else None
        if request.method != "POST" or declared is None or name is None:
            raise self._unsupported(request, given)
        call = self._call(request, found.rid, declared)
        action = declared.actions[name]
        if isinstance(action, Act):
            return await self._writer.act(call, declared, name, action)
        assert isinstance(action, Begin)
        return await self._writer.begin(call, declared, name, action)

    def _unsupported(self, request: Request, found: Route) -> Fault:
        """For a list, view or action that is not declared: it is unknown, or known elsewhere only."""
        declared = self._registry.require(found.collection or "")
        return Fault("MethodNotAllowed", type=declared.name, method=request.method)

    def _declared(self, rid: ResourceId) -> ResourceType:
        declared = self._registry.require(rid.type)
        if place_of(rid) not in declared.places:
            _, _, kinds = declared.name.partition("/")
            raise Fault("InvalidResourceType", type=kinds, namespace=declared.namespace)
        return declared

    def _call(self, request: Request, rid: ResourceId, declared: ResourceType) -> Call:
        version = versions.check(request.parameter("api-version"), declared.since)
        return Call(request=request, rid=self._registry.spell(rid), version=version, now=clock.now())


def _spelled(word: str | None, known: Iterable[str]) -> str | None:
    """The declared spelling of a word that compares without case."""
    return next((name for name in known if word is not None and name.lower() == word.lower()), None)
