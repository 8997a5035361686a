"""Enrolment tokens: one host each. The first key that shows a token owns it; the same key may ask again."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from outofband.core import secrets
from outofband.core.errors import Fault
from outofband.store import tables
from outofband.store.tx import Tx, columns

LIFE = timedelta(hours=1)


class IssuedToken(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    digest: str
    tenant_id: str
    subscription_id: str
    resource_group: str
    agent_name: str | None
    """The name the agent must take; None leaves it to the host."""
    created: datetime
    created_by: str
    expires: datetime
    used: datetime | None
    public_key: str | None
    agent_id: str | None


class EnrolmentTokens:
    async def make(
        self,
        tx: Tx,
        *,
        tenant_id: str,
        subscription_id: str,
        resource_group: str,
        by: str,
        now: datetime,
        agent_name: str | None = None,
        life: timedelta = LIFE,
    ) -> tuple[IssuedToken, str]:
        """The row and the token's secret, which is not seen again."""
        secret = secrets.token()
        row = IssuedToken(
            id=str(uuid.uuid4()),
            digest=secrets.digest(secret),
            tenant_id=tenant_id.lower(),
            subscription_id=subscription_id.lower(),
            resource_group=resource_group,
            agent_name=agent_name,
            created=now,
            created_by=by,
            expires=now + life,
            used=None,
            public_key=None,
            agent_id=None,
        )
        await tx.change(sa.insert(tables.enrolment_tokens).values(msgspec.structs.asdict(row)))
        return row, secret

    async def redeem(self, tx: Tx, token_id: str, secret: str, public_key: str, now: datetime) -> IssuedToken:
        """Bind the token to `public_key` if it is free; the row as it is now.

        The key that used a token may show it again, also after its end: it gets its own agent back. Raises
        Fault EnrollmentTokenInvalid for an unknown, ended or foreign token, without saying which.
        """
        table = tables.enrolment_tokens
        found = await tx.row(IssuedToken, columns(table, IssuedToken).where(table.c.id == token_id))
        if found is None or not secrets.matches(secret, found.digest):
            raise Fault("EnrollmentTokenInvalid")
        if found.public_key is not None:
            if found.public_key != public_key:
                raise Fault("EnrollmentTokenInvalid")
            return found
        if found.expires <= now:
            raise Fault("EnrollmentTokenInvalid")
        change = sa.update(table).where(table.c.id == found.id).values(used=now, public_key=public_key)
        await tx.change(change)
        return msgspec.structs.replace(found, used=now, public_key=public_key)

    async def settle(self, tx: Tx, token_id: str, agent_id: str) -> None:
        """Note which agent came of it."""
        table = tables.enrolment_tokens
        await tx.change(sa.update(table).where(table.c.id == token_id).values(agent_id=agent_id))

    async def remove_in(self, tx: Tx, subscription_id: str, resource_group: str) -> int:
        """Forget the tokens of a resource group, which is no more."""
        table = tables.enrolment_tokens
        where = sa.and_(
            table.c.subscription_id == subscription_id.lower(),
            sa.func.lower(table.c.resource_group) == resource_group.lower(),
        )
        return await tx.change(sa.delete(table).where(where))

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget tokens that ended before `before`."""
        table = tables.enrolment_tokens
        return await tx.change(sa.delete(table).where(table.c.expires < before))
