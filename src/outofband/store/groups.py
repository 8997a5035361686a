"""Groups and who is in them: users, service principals, and other groups.

Invariant: following groups up from anything ends, for whoever adds a member asks `nested` before. What reads
them here ends even if that were broken.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.store.columns import Text
from outofband.store.directory_tables import group_members, groups
from outofband.store.external_identities import ExternalMemberships
from outofband.store.external_tables import external_memberships
from outofband.store.tx import Tx, columns

GROUP = "Group"
"""What role assignments call a group."""
MAX_PAGE = 1000

_BY_HAND = ~sa.exists(
    sa.select(external_memberships.c.provider_id).where(
        external_memberships.c.group_id == group_members.c.group_id,
        external_memberships.c.member_id == group_members.c.member_id,
    )
)
"""Of a membership: no provider gave it."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    object_id: str
    tenant_id: str
    name: str
    """Two groups may have the same."""
    mail_nickname: str
    description: str | None
    created: datetime


class Member(msgspec.Struct, frozen=True, kw_only=True):
    group_id: str
    member_id: str
    member_type: str
    """`User`, `ServicePrincipal` or `Group`."""
    added: datetime


def holders_of(principal: sa.ColumnElement[str]) -> sa.CTE:
    """Ids that `principal` has rights by: its own and those of every group it is in, nested ones too."""
    held = sa.select(principal.label("id")).cte("held", recursive=True)
    # UNION and not UNION ALL: each group once, so that it ends.
    return held.union(sa.select(group_members.c.group_id).where(group_members.c.member_id == held.c.id))


def _inside(group: sa.ColumnElement[str]) -> sa.CTE:
    """Ids of a group and of every group in it."""
    held = sa.select(group.label("id")).cte("held", recursive=True)
    nested = sa.and_(group_members.c.group_id == held.c.id, group_members.c.member_type == GROUP)
    return held.union(sa.select(group_members.c.member_id).where(nested))


class Groups:
    async def add(self, tx: Tx, group: Group) -> None:
        await tx.change(sa.insert(groups).values(msgspec.structs.asdict(group)))

    async def get(self, tx: Tx, object_id: str) -> Group | None:
        return await tx.row(Group, columns(groups, Group).where(groups.c.object_id == object_id.lower()))

    async def named(self, tx: Tx, tenant_id: str, name: str) -> list[Group]:
        """All groups of that name, whatever its case."""
        mine = sa.and_(groups.c.tenant_id == tenant_id.lower(), sa.func.lower(groups.c.name) == name.lower())
        return await tx.rows(Group, columns(groups, Group).where(mine).order_by(groups.c.object_id))

    async def of_tenant(self, tx: Tx, tenant_id: str) -> list[Group]:
        """By object id."""
        query = columns(groups, Group).where(groups.c.tenant_id == tenant_id.lower())
        return await tx.rows(Group, query.order_by(groups.c.object_id))

    async def count(self, tx: Tx, tenant_id: str) -> int:
        mine = groups.c.tenant_id == tenant_id.lower()
        return int(await tx.value(sa.select(sa.func.count()).select_from(groups).where(mine)))

    async def change(self, tx: Tx, object_id: str, **values: str | None) -> bool:
        """`name`, `mail_nickname`, `description`; what is not named stays."""
        mine = groups.c.object_id == object_id.lower()
        return await tx.change(sa.update(groups).where(mine).values(values)) > 0

    async def remove(self, tx: Tx, object_id: str) -> bool:
        """Delete with its memberships, in both directions. Role assignments are the caller's to remove."""
        await self.forget(tx, object_id)
        return await tx.change(sa.delete(groups).where(groups.c.object_id == object_id.lower())) > 0

    async def add_member(self, tx: Tx, group_id: str, member_id: str, kind: str, now: datetime) -> bool:
        """False when it is in. That both are of one tenant, and no group in itself, is checked before."""
        values = {
            "group_id": group_id.lower(),
            "member_id": member_id.lower(),
            "member_type": kind,
            "added": now,
        }
        return await tx.change(tx.insert(group_members).values(values).on_conflict_do_nothing()) > 0

    async def remove_member(self, tx: Tx, group_id: str, member_id: str) -> bool:
        """Whoever gave it: by hand or a provider."""
        await ExternalMemberships().forget(tx, [group_id], member_id)
        one = sa.and_(
            group_members.c.group_id == group_id.lower(), group_members.c.member_id == member_id.lower()
        )
        return await tx.change(sa.delete(group_members).where(one)) > 0

    async def forget(self, tx: Tx, member_id: str) -> None:
        """Take somebody who is removed out of every group; what providers gave goes with the user's row."""
        await tx.change(sa.delete(group_members).where(group_members.c.member_id == member_id.lower()))

    async def members(
        self,
        tx: Tx,
        group_id: str,
        *,
        after: str | None = None,
        limit: int = MAX_PAGE,
        by_hand: bool = False,
    ) -> list[Member]:
        """Direct ones, by id; `after` is the id before the page; `by_hand` as for `people`."""
        query = columns(group_members, Member).where(group_members.c.group_id == group_id.lower())
        if by_hand:
            query = query.where(_BY_HAND)
        if after is not None:
            query = query.where(group_members.c.member_id > after.lower())
        return await tx.rows(Member, query.order_by(group_members.c.member_id).limit(limit))

    async def member_count(self, tx: Tx, group_id: str) -> int:
        mine = group_members.c.group_id == group_id.lower()
        return int(await tx.value(sa.select(sa.func.count()).select_from(group_members).where(mine)))

    async def of(self, tx: Tx, member_id: str) -> list[str]:
        """Ids of every group that somebody is in, through others too, in order."""
        held = holders_of(sa.literal(member_id.lower(), Text))
        found = {row[0] for row in await tx.fetch(sa.select(held.c.id))}
        return sorted(found - {member_id.lower()})

    async def people(self, tx: Tx, group_id: str, kind: str, *, by_hand: bool = False) -> set[str]:
        """Ids of every member of `kind`, through groups in it too; `by_hand` without those that a provider
        put there, and may take away at their next sign-in.
        """
        inside = _inside(sa.literal(group_id.lower(), Text))
        query = sa.select(group_members.c.member_id).where(
            group_members.c.group_id == inside.c.id, group_members.c.member_type == kind
        )
        if by_hand:
            query = query.where(_BY_HAND)
        return {row[0] for row in await tx.fetch(query)}

    async def nested(self, tx: Tx, group_ids: Collection[str]) -> set[str]:
        """Ids of the groups that are directly in one of these."""
        mine = sa.and_(
            group_members.c.group_id.in_([each.lower() for each in group_ids]),
            group_members.c.member_type == GROUP,
        )
        return {row[0] for row in await tx.fetch(sa.select(group_members.c.member_id).where(mine))}

    async def around(self, tx: Tx, member_ids: Collection[str]) -> set[str]:
        """Ids of the groups that one of these is directly in."""
        mine = group_members.c.member_id.in_([each.lower() for each in member_ids])
        return {row[0] for row in await tx.fetch(sa.select(group_members.c.group_id).where(mine))}
