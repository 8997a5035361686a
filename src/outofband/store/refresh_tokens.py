"""Refresh tokens: each is good once and is replaced by the next; those of one session are a family."""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.core import secrets
from outofband.store import sign_in_tables
from outofband.store.tx import Tx, columns


class RefreshToken(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    session_id: str
    scope: str
    audience: str
    created: datetime
    expires: datetime
    used: datetime | None


class RefreshTokens:
    async def make(
        self, tx: Tx, *, session_id: str, scope: str, audience: str, now: datetime, expires: datetime
    ) -> str:
        """The token itself, which is not seen again."""
        token = secrets.token()
        row = RefreshToken(
            digest=secrets.digest(token),
            session_id=session_id,
            scope=scope,
            audience=audience,
            created=now,
            expires=expires,
            used=None,
        )
        await tx.change(sa.insert(sign_in_tables.refresh_tokens).values(msgspec.structs.asdict(row)))
        return token

    async def get(self, tx: Tx, token: str) -> RefreshToken | None:
        """Used and expired ones too: a second use is a sign of theft."""
        table = sign_in_tables.refresh_tokens
        found = columns(table, RefreshToken).where(table.c.digest == secrets.digest(token))
        return await tx.row(RefreshToken, found)

    async def use(self, tx: Tx, token: RefreshToken, now: datetime) -> bool:
        """Use it up; False when somebody was quicker."""
        table = sign_in_tables.refresh_tokens
        unused = sa.and_(table.c.digest == token.digest, table.c.used.is_(None))
        return await tx.change(sa.update(table).where(unused).values(used=now)) > 0

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget tokens that expired before `before`."""
        table = sign_in_tables.refresh_tokens
        return await tx.change(sa.delete(table).where(table.c.expires < before))
