"""Who is who at a provider, and which memberships a provider gave."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.core.principal import PrincipalKind
from outofband.store.directory_tables import group_members
from outofband.store.external_tables import external_identities, external_memberships
from outofband.store.tx import Tx, columns

MAX_LISTED = 1000


class ExternalIdentity(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    provider_id: str
    object_id: str
    """Of the user that it signs in."""
    issuer: str
    subject: str | None
    """None: an invitation, for whoever first comes with the address `email_key`, verified."""
    email_key: str | None
    """Lower case; only of an invitation."""
    label: str
    """How it is called there, for people to read."""
    linked: datetime
    linked_by: str
    last_used: datetime | None


class ExternalIdentities:
    async def add(self, tx: Tx, identity: ExternalIdentity) -> None:
        """Raises Fault ExternalTaken when somebody is linked to it already."""
        statement = tx.insert(external_identities).values(msgspec.structs.asdict(identity))
        if not await tx.change(statement.on_conflict_do_nothing()):
            raise Fault("ExternalTaken", who=identity.label)

    async def get(self, tx: Tx, identity_id: str) -> ExternalIdentity | None:
        return await self._row(tx, external_identities.c.id == identity_id.lower())

    async def of_subject(
        self, tx: Tx, provider_id: str, issuer: str, subject: str
    ) -> ExternalIdentity | None:
        """By what an id token says of itself. Compared by each character (OpenID Connect Core, section 2)."""
        table = external_identities
        return await self._row(
            tx,
            sa.and_(table.c.provider_id == provider_id, table.c.issuer == issuer, table.c.subject == subject),
        )

    async def invited(self, tx: Tx, provider_id: str, issuer: str, email: str) -> ExternalIdentity | None:
        """An invitation that nobody has taken."""
        table = external_identities
        return await self._row(
            tx,
            sa.and_(
                table.c.provider_id == provider_id,
                table.c.issuer == issuer,
                table.c.email_key == email.lower(),
                table.c.subject.is_(None),
            ),
        )

    async def of_user(self, tx: Tx, object_id: str) -> list[ExternalIdentity]:
        return await self._rows(tx, external_identities.c.object_id == object_id.lower())

    async def of_provider(self, tx: Tx, provider_id: str) -> list[ExternalIdentity]:
        """Oldest first, at most MAX_LISTED."""
        return await self._rows(tx, external_identities.c.provider_id == provider_id.lower())

    async def take(self, tx: Tx, identity_id: str, *, subject: str, label: str) -> bool:
        """Somebody takes an invitation; False when it was taken meanwhile."""
        table = external_identities
        mine = sa.and_(table.c.id == identity_id, table.c.subject.is_(None))
        values = {"subject": subject, "label": label, "email_key": None}
        return await tx.change(sa.update(table).where(mine).values(values)) > 0

    async def used(self, tx: Tx, identity_id: str, *, label: str, now: datetime) -> None:
        mine = external_identities.c.id == identity_id
        await tx.change(sa.update(external_identities).where(mine).values(label=label, last_used=now))

    async def remove(self, tx: Tx, identity_id: str) -> bool:
        """Memberships that came by it are the caller's to take away."""
        mine = external_identities.c.id == identity_id.lower()
        return await tx.change(sa.delete(external_identities).where(mine)) > 0

    async def _row(self, tx: Tx, which: sa.ColumnElement[bool]) -> ExternalIdentity | None:
        return await tx.row(ExternalIdentity, columns(external_identities, ExternalIdentity).where(which))

    async def _rows(self, tx: Tx, which: sa.ColumnElement[bool]) -> list[ExternalIdentity]:
        table = external_identities
        query = columns(table, ExternalIdentity).where(which).order_by(table.c.linked, table.c.id)
        return await tx.rows(ExternalIdentity, query.limit(MAX_LISTED))


class ExternalMemberships:
    """A membership that somebody made by hand has no mark here, and is no provider's to take away."""

    async def of(self, tx: Tx, provider_id: str, member_id: str) -> set[str]:
        """Ids of the groups that the provider put somebody into."""
        table = external_memberships
        mine = sa.and_(table.c.provider_id == provider_id, table.c.member_id == member_id)
        return {row[0] for row in await tx.fetch(sa.select(table.c.group_id).where(mine))}

    async def members(self, tx: Tx, provider_id: str) -> set[str]:
        """Ids of everybody whom the provider put into a group."""
        table = external_memberships
        query = sa.select(table.c.member_id).where(table.c.provider_id == provider_id).distinct()
        return {row[0] for row in await tx.fetch(query)}

    async def give(self, tx: Tx, provider_id: str, group_id: str, member_id: str, now: datetime) -> bool:
        """False when the membership was made by hand, which it stays. The group is of the member's tenant."""
        values = {
            "group_id": group_id,
            "member_id": member_id,
            "member_type": PrincipalKind.USER.value,
            "added": now,
        }
        made = await tx.change(tx.insert(group_members).values(values).on_conflict_do_nothing()) > 0
        if not made and not await self._marked(tx, group_id, member_id):
            return False
        mark = {"group_id": group_id, "member_id": member_id, "provider_id": provider_id}
        await tx.change(tx.insert(external_memberships).values(mark).on_conflict_do_nothing())
        return made

    async def take(self, tx: Tx, provider_id: str, group_id: str, member_id: str) -> bool:
        """False when it was not the provider's, or another provider gives it too."""
        table = external_memberships
        mark = sa.and_(
            table.c.group_id == group_id,
            table.c.member_id == member_id,
            table.c.provider_id == provider_id,
        )
        if not await tx.change(sa.delete(table).where(mark)) or await self._marked(tx, group_id, member_id):
            return False
        one = sa.and_(group_members.c.group_id == group_id, group_members.c.member_id == member_id)
        return await tx.change(sa.delete(group_members).where(one)) > 0

    async def adopt(self, tx: Tx, group_id: str, member_id: str) -> bool:
        """From now on it counts as made by hand; False when it was."""
        return await self.forget(tx, [group_id], member_id) > 0

    async def forget(self, tx: Tx, group_ids: Collection[str], member_id: str) -> int:
        """Drop the marks of memberships that are removed or adopted."""
        table = external_memberships
        mine = sa.and_(
            table.c.group_id.in_([each.lower() for each in group_ids]), table.c.member_id == member_id.lower()
        )
        return await tx.change(sa.delete(table).where(mine))

    async def _marked(self, tx: Tx, group_id: str, member_id: str) -> bool:
        table = external_memberships
        mine = sa.and_(table.c.group_id == group_id, table.c.member_id == member_id)
        return await tx.value(sa.select(table.c.provider_id).where(mine).limit(1)) is not None
