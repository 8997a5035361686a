"""What every door of the directory does: who may, in one snapshot or unit of work, with a row for a change.

To read takes any role in the tenant; to write takes the right of the kind, on the whole of it. What is of
another tenant is not found.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.core.principal import Principal
from outofband.http import edge
from outofband.http.graph_shapes import Thing
from outofband.http.services import Services
from outofband.identity.groups import GroupDirectory
from outofband.identity.names import MAX_NAME
from outofband.identity.programs import Programs
from outofband.identity.trail import NAMESPACE, UNKNOWN
from outofband.resources import exchange
from outofband.resources.trail import Trail
from outofband.store.tx import Tx

READ = "Microsoft.Authorization/users/read"
ROOT = "/"
MAX_BODY = 256 * 1024
NO_STORE = {"Cache-Control": "no-store"}
"""Of an answer with a secret in it."""
USERS, GROUPS, APPLICATIONS, PROGRAMS = "users", "groups", "applications", "servicePrincipals"
WRITES = {
    USERS: "Microsoft.Authorization/users/write",
    GROUPS: "Microsoft.Authorization/groups/write",
    APPLICATIONS: "Microsoft.Authorization/applications/write",
    PROGRAMS: "Microsoft.Authorization/applications/write",
}
"""The right to change what is of a kind."""
_ID = re.compile(r"[0-9A-Fa-f-]{36}")


class Deed(msgspec.Struct):
    """A change as the activity log knows it. `name` is what the caller named until that is found."""

    request: exchange.Request
    kind: str
    name: str
    action: str

    @property
    def rid(self) -> ResourceId:
        return ResourceId(namespace=NAMESPACE, chain=((self.kind, self.name),))


class GraphDoor:
    def __init__(self, services: Services) -> None:
        self.services = services
        self.store = services.store
        self.groups = GroupDirectory(services.store, services.directory.owners)
        self.programs = Programs(services.store)
        self._trail = Trail(services.store)

    async def reading(
        self,
        request: Request,
        work: Callable[[exchange.Request, Tx], Awaitable[Any]],
        *,
        for_anybody: bool = False,
    ) -> Response:
        """The answer that `work` makes within one snapshot, for a caller with any role in its tenant."""

        async def answer(ids: edge.Ids) -> Response:
            authority = self.services.authority
            principal = await edge.caller_of(request, authority)
            body = await edge.body_of(request, MAX_BODY)
            asked = edge.asked(request, ids, principal, authority.base, body)
            async with self.store.read() as tx:
                rights = await self.services.authorizer.rights(principal, tx)
                if not for_anybody and not rights.assignments:
                    rights.require(READ, ROOT)
                found = await work(asked, tx)
            return edge.json_answer(200, found, ids.headers())

        return await edge.guarded(request, self.services.authority, answer)

    async def changing(
        self,
        request: Request,
        kind: str,
        verb: str,
        work: Callable[[Deed, bytes], Awaitable[Response]],
        *,
        named: str = "object",
    ) -> Response:
        """The right is asked for before the work, for a hash costs, and once more within its change.

        `named` is the part of the path that names what is changed.
        """

        async def answer(ids: edge.Ids) -> Response:
            authority = self.services.authority
            principal = await edge.caller_of(request, authority)
            deed = Deed(
                edge.asked(request, ids, principal, authority.base),
                kind,
                _known(request.path_params.get(named, "new")),
                f"{NAMESPACE}/{kind}/{verb}",
            )
            try:
                await self.require_write(principal, None, kind)
                done = await work(deed, await edge.body_of(request, MAX_BODY))
            except Fault as fault:
                await self._trail.refused(deed.request, deed.rid, deed.action, fault)
                raise
            done.headers.update({**ids.headers(), **done.headers})
            return done

        return await edge.guarded(request, self.services.authority, answer)

    async def changing_at_once(
        self,
        request: Request,
        kind: str,
        verb: str,
        work: Callable[[Deed, bytes, Tx], Awaitable[Response]],
    ) -> Response:
        """As `changing`, for what is one unit of work from the beginning to the end."""

        async def whole(deed: Deed, body: bytes) -> Response:
            async with self.store.write() as tx:
                await self.require_write(deed.request.principal, tx, kind)
                return await work(deed, body, tx)

        return await self.changing(request, kind, verb, whole)

    async def require_write(self, principal: Principal, tx: Tx | None, kind: str) -> None:
        await self.services.authorizer.require(principal, WRITES[kind], ROOT, tx)

    async def require_not_above(self, principal: Principal, object_id: str, tx: Tx) -> None:
        """Raises Fault AuthorizationFailed for who would become more than it is by this change."""
        await self.services.authorizer.require_not_above(principal, object_id, tx)

    async def done(self, tx: Tx, deed: Deed, **about: Any) -> None:
        """The row of a change that succeeded."""
        await self._trail.request(
            tx, deed.request, deed.rid, deed.action, Trail.SUCCEEDED, now=clock.now(), properties=about
        )

    async def thing(self, tx: Tx, object_id: str, tenant_id: str) -> Thing | None:
        """What has the object id in that tenant."""
        if not _ID.fullmatch(object_id):
            return None
        found: Thing | None = await self.store.people.get(tx, object_id)
        found = found or await self.store.principals.get(tx, object_id)
        found = found or await self.store.groups.get(tx, object_id)
        found = found or await self.store.applications.get(tx, object_id)
        return found if found is not None and found.tenant_id == tenant_id else None

    async def require(self, tx: Tx, object_id: str, tenant_id: str) -> Thing:
        """Raises Fault DirectoryObjectNotFound."""
        found = await self.thing(tx, object_id, tenant_id)
        if found is None:
            raise Fault("DirectoryObjectNotFound", id=object_id[:80])
        return found


def named(request: Request) -> str:
    return str(request.path_params["object"])


def no_content() -> Response:
    return Response(status_code=204)


def referred(body: bytes) -> str:
    """The id in `{"@odata.id": "https://HOST/v1.0/directoryObjects/ID"}`. Raises Fault InvalidParameter."""
    address = edge.decoded(body, Reference).address
    kind, _, object_id = address.partition("?")[0].rstrip("/").rpartition("/")
    if not _ID.fullmatch(object_id) or not kind:
        raise Fault("InvalidParameter", target="@odata.id", detail="it does not end with the id of an object")
    return object_id


class Reference(msgspec.Struct, frozen=True):
    address: str = msgspec.field(name="@odata.id")


def _known(name: str) -> str:
    """What a caller named, as far as it can be a name: anything else is not for a row of the log."""
    return name if name.isprintable() and len(name) <= MAX_NAME else UNKNOWN
