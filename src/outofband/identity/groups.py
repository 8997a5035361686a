"""The groups of a tenant: made, changed and removed, and who is in them. The right is checked by the caller.

Every change is one unit of work, given by the caller, which writes its activity row too.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from outofband.core.errors import Fault
from outofband.core.principal import PrincipalKind
from outofband.identity.owners import Owners
from outofband.store.groups import GROUP, Group
from outofband.store.people import User
from outofband.store.principals import ServicePrincipal
from outofband.store.store import Store
from outofband.store.tx import Tx

MAX_DEPTH = 8
"""Groups one within another, the outermost counted."""
MAX_GROUPS = 5000
"""In a tenant."""
MAX_MEMBERS = 10_000
"""Directly in one group."""
MAX_NAME = 256
MAX_NICKNAME = 64
MAX_DESCRIPTION = 1024
Member = User | ServicePrincipal | Group


class GroupDirectory:
    def __init__(self, store: Store, owners: Owners) -> None:
        self._store = store
        self._owners = owners

    async def require(self, tx: Tx, tenant_id: str, object_id: str) -> Group:
        """By object id. Raises Fault GroupNotFound."""
        found = await self._store.groups.get(tx, object_id)
        if found is None or found.tenant_id != tenant_id:
            raise Fault("GroupNotFound", name=object_id[:80])
        return found

    async def member(self, tx: Tx, tenant_id: str, object_id: str) -> Member:
        """Whatever of the tenant can be in a group. Raises Fault DirectoryObjectNotFound."""
        found: Member | None = await self._store.people.get(tx, object_id)
        found = found or await self._store.principals.get(tx, object_id)
        found = found or await self._store.groups.get(tx, object_id)
        if found is None or found.tenant_id != tenant_id:
            raise Fault("DirectoryObjectNotFound", id=object_id[:80])
        return found

    async def add(
        self,
        tx: Tx,
        tenant_id: str,
        *,
        name: str,
        mail_nickname: str,
        description: str | None,
        now: datetime,
        object_id: str | None = None,
    ) -> Group:
        """Raises Fault GroupLimit, and InvalidParameter as `change`."""
        if await self._store.groups.count(tx, tenant_id) >= MAX_GROUPS:
            raise Fault("GroupLimit", limit=MAX_GROUPS)
        group = Group(
            object_id=object_id or str(uuid.uuid4()),
            tenant_id=tenant_id,
            name=_line("displayName", name, MAX_NAME),
            mail_nickname=_line("mailNickname", mail_nickname, MAX_NICKNAME),
            description=_description(description),
            created=now,
        )
        await self._store.groups.add(tx, group)
        return group

    async def change(self, tx: Tx, group: Group, given: dict[str, str | None]) -> None:
        """`given` may have `name`, `mail_nickname`, `description`. Raises Fault InvalidParameter."""
        values = dict(given)
        if (name := values.get("name")) is not None:
            values["name"] = _line("displayName", name, MAX_NAME)
        if (nickname := values.get("mail_nickname")) is not None:
            values["mail_nickname"] = _line("mailNickname", nickname, MAX_NICKNAME)
        if "description" in values:
            values["description"] = _description(values["description"])
        if values:
            await self._store.groups.change(tx, group.object_id, **values)

    async def remove(self, tx: Tx, group: Group) -> None:
        """With memberships and role assignments. Raises Fault LastOwner."""
        async with self._owners.kept(tx, group.tenant_id, group.name):
            await self._store.assignments.remove_of(tx, group.object_id)
            await self._store.custodians.forget(tx, group.object_id)
            await self._store.groups.remove(tx, group.object_id)

    async def add_member(
        self, tx: Tx, group: Group, member_id: str, now: datetime, *, adopt: bool = True
    ) -> Member:
        """With `adopt`, one that a provider gave becomes one that was made by hand, and stays.

        Raises Fault DirectoryObjectNotFound, MemberExists, GroupFull, GroupCycle and GroupDepth.
        """
        found = await self.member(tx, group.tenant_id, member_id)
        if isinstance(found, Group):
            await self._fit(tx, group, found)
        if await self._store.groups.member_count(tx, group.object_id) >= MAX_MEMBERS:
            raise Fault("GroupFull", name=group.name, limit=MAX_MEMBERS)
        made = await self._store.groups.add_member(tx, group.object_id, found.object_id, kind_of(found), now)
        if not made and adopt:
            made = await self._store.external_memberships.adopt(tx, group.object_id, found.object_id)
        if not made:
            raise Fault("MemberExists", name=group.name, member=found.name)
        return found

    async def remove_member(self, tx: Tx, group: Group, member_id: str) -> None:
        """Raises Fault LastOwner, and DirectoryObjectNotFound for who is not in it."""
        async with self._owners.kept(tx, group.tenant_id, group.name):
            if not await self._store.groups.remove_member(tx, group.object_id, member_id):
                raise Fault("DirectoryObjectNotFound", id=member_id[:80])

    async def _fit(self, tx: Tx, outer: Group, inner: Group) -> None:
        """Refuse a group that would be in itself, and too many levels."""
        if outer.object_id == inner.object_id:
            raise Fault("GroupCycle", name=outer.name, member=inner.name)
        above, reached = 0, {outer.object_id}
        while reached and above < MAX_DEPTH:
            reached = await self._store.groups.around(tx, reached)
            if inner.object_id in reached:
                raise Fault("GroupCycle", name=outer.name, member=inner.name)
            above += 1
        below, reached = 0, {inner.object_id}
        while reached and below < MAX_DEPTH:
            reached = await self._store.groups.nested(tx, reached)
            below += 1
        if above + below > MAX_DEPTH:
            raise Fault("GroupDepth", limit=MAX_DEPTH, member=inner.name)


def kind_of(member: Member) -> str:
    """As role assignments call it."""
    if isinstance(member, Group):
        return GROUP
    return (PrincipalKind.USER if isinstance(member, User) else PrincipalKind.SERVICE_PRINCIPAL).value


def _line(target: str, text: str, most: int) -> str:
    line = text.strip()
    if not line or len(line) > most or not line.isprintable():
        raise Fault("InvalidParameter", target=target, detail=f"it has 1 to {most} printable characters")
    return line


def _description(text: str | None) -> str | None:
    if text is not None and len(text) > MAX_DESCRIPTION:
        detail = f"it has at most {MAX_DESCRIPTION} characters"
        raise Fault("InvalidParameter", target="description", detail=detail)
    return text or None
