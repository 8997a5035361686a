"""The directory's doors for groups and who is in them, in the shapes of Microsoft Graph as far as they go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.http import edge
from outofband.http.graph_door import GROUPS, Deed, GraphDoor, named, no_content, referred
from outofband.http.graph_program_shapes import GroupChange, GroupIds, NewGroup
from outofband.http.graph_shapes import conditions, fits, paged, shape
from outofband.resources import exchange
from outofband.store.groups import Group
from outofband.store.tx import Tx
from outofband.wire.arm import paging

FILTERED = ("id", "displayName", "mailNickname", "securityEnabled", "mailEnabled", "description")
MAX_GROUP_IDS = 20
"""Of one `checkMemberGroups`, as in Graph."""


class GraphGroups(GraphDoor):
    async def list(self, request: Request) -> Response:
        """GET /v1.0/groups"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            wanted = conditions(asked.parameter("$filter"))
            size, after = paging.size(asked.parameter("$top")), paging.after(asked.parameter("$skiptoken"))
            every = await self.store.groups.of_tenant(tx, asked.principal.tenant)
            bodies = [shape(each) for each in every if after is None or each.object_id > after]
            found = [each for each in bodies if all(fits(each, one, FILTERED) for one in wanted)]
            return paged(asked, found[: size + 1], size, lambda at: str(found[at]["id"]))

        return await self.reading(request, work)

    async def get(self, request: Request) -> Response:
        """GET /v1.0/groups/{object}"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            return shape(await self.groups.require(tx, asked.principal.tenant, named(request)))

        return await self.reading(request, work)

    async def create(self, request: Request) -> Response:
        """POST /v1.0/groups"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            wanted, principal = edge.decoded(body, NewGroup), deed.request.principal
            wanted.check()
            made = await self.groups.add(
                tx,
                principal.tenant,
                name=wanted.display_name,
                mail_nickname=wanted.mail_nickname,
                description=wanted.description,
                now=clock.now(),
            )
            await self.store.custodians.add(tx, made.object_id, principal.object_id, clock.now())
            deed.name = made.object_id
            await self.done(tx, deed, displayName=made.name)
            return edge.json_answer(201, shape(made), {})

        return await self.changing_at_once(request, GROUPS, "write", work)

    async def change(self, request: Request) -> Response:
        """PATCH /v1.0/groups/{object}"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            group = await self._of(deed, tx)
            given = edge.decoded(body, GroupChange).given()
            await self.groups.change(tx, group, given)
            await self.done(tx, deed, displayName=group.name, changed=sorted(given))
            return no_content()

        return await self.changing_at_once(request, GROUPS, "write", work)

    async def remove(self, request: Request) -> Response:
        """DELETE /v1.0/groups/{object}"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            group = await self._of(deed, tx)
            await self.groups.remove(tx, group)
            await self.done(tx, deed, displayName=group.name)
            return no_content()

        return await self.changing_at_once(request, GROUPS, "delete", work)

    async def members(self, request: Request) -> Response:
        """GET /v1.0/groups/{object}/members"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            group = await self.groups.require(tx, asked.principal.tenant, named(request))
            size, after = paging.size(asked.parameter("$top")), paging.after(asked.parameter("$skiptoken"))
            found = await self.store.groups.members(tx, group.object_id, after=after, limit=size + 1)
            bodies = [
                shape(await self.require(tx, each.member_id, group.tenant_id), typed=True) for each in found
            ]
            return paged(asked, bodies, size, lambda at: found[at].member_id)

        return await self.reading(request, work)

    async def add_member(self, request: Request) -> Response:
        """POST /v1.0/groups/{object}/members/$ref"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            group = await self._of(deed, tx)
            await self.require_not_above(deed.request.principal, group.object_id, tx)
            member = await self.groups.add_member(tx, group, referred(body), clock.now())
            await self.done(
                tx, deed, displayName=group.name, memberId=member.object_id, memberName=member.name
            )
            return no_content()

        return await self.changing_at_once(request, GROUPS, "addMember/action", work)

    async def remove_member(self, request: Request) -> Response:
        """DELETE /v1.0/groups/{object}/members/{member}/$ref"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            group = await self._of(deed, tx)
            member = str(request.path_params["member"])
            await self.groups.remove_member(tx, group, member)
            await self.done(tx, deed, displayName=group.name, memberId=member)
            return no_content()

        return await self.changing_at_once(request, GROUPS, "removeMember/action", work)

    async def get_member_groups(self, request: Request) -> Response:
        """POST /v1.0/{kind}/{object}/getMemberGroups: ids of the groups that somebody is in, nested too."""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            return paging.page(await self._around(request, asked, tx))

        return await self.reading(request, work)

    async def check_member_groups(self, request: Request) -> Response:
        """POST /v1.0/{kind}/{object}/checkMemberGroups: those of the given ones that somebody is in."""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            given = edge.decoded(asked.body, GroupIds).group_ids
            if len(given) > MAX_GROUP_IDS:
                detail = f"there are more than {MAX_GROUP_IDS}"
                raise Fault("InvalidParameter", target="groupIds", detail=detail)
            around = set(await self._around(request, asked, tx))
            return paging.page([each for each in given if each.lower() in around])

        return await self.reading(request, work)

    async def _around(self, request: Request, asked: exchange.Request, tx: Tx) -> Sequence[str]:
        """Raises Fault UserNotFound or DirectoryObjectNotFound."""
        tenant = asked.principal.tenant
        if (user := request.path_params.get("user")) is not None:
            found = (await self.services.directory.require(tx, tenant, user)).object_id
        else:
            found = (await self.require(tx, named(request), tenant)).object_id
        return await self.store.groups.of(tx, found)

    async def _of(self, deed: Deed, tx: Tx) -> Group:
        group = await self.groups.require(tx, deed.request.principal.tenant, deed.name)
        deed.name = group.object_id
        return group
