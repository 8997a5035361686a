"""Authorization codes: good once, for the client, the address and the verifier they were made for (RFC 6749,
7636).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from outofband.core import secrets
from outofband.store import sign_in_tables
from outofband.store.tx import Tx, columns

LIFE = timedelta(seconds=60)


class AuthorizationCode(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    session_id: str
    """The browser's session that allowed it."""
    client_id: str
    redirect_uri: str
    challenge: str
    """S256 of the client's verifier."""
    scope: str
    audience: str
    nonce: str | None
    created: datetime
    expires: datetime
    redeemed: datetime | None
    issued_id: str | None
    """The client's session that came of it."""


class AuthorizationCodes:
    async def make(
        self,
        tx: Tx,
        *,
        session_id: str,
        client_id: str,
        redirect_uri: str,
        challenge: str,
        scope: str,
        audience: str,
        nonce: str | None,
        now: datetime,
    ) -> str:
        """The code itself, which is not seen again."""
        code = secrets.token()
        row = AuthorizationCode(
            digest=secrets.digest(code),
            session_id=session_id,
            client_id=client_id,
            redirect_uri=redirect_uri,
            challenge=challenge,
            scope=scope,
            audience=audience,
            nonce=nonce,
            created=now,
            expires=now + LIFE,
            redeemed=None,
            issued_id=None,
        )
        await tx.change(sa.insert(sign_in_tables.authorization_codes).values(msgspec.structs.asdict(row)))
        return code

    async def get(self, tx: Tx, code: str) -> AuthorizationCode | None:
        """Used and expired ones too: a second use is a sign that the first was a thief's."""
        table = sign_in_tables.authorization_codes
        found = columns(table, AuthorizationCode).where(table.c.digest == secrets.digest(code))
        return await tx.row(AuthorizationCode, found)

    async def redeem(self, tx: Tx, code: AuthorizationCode, *, issued_id: str | None, now: datetime) -> None:
        """Use it up; `issued_id` is None when it was used up by a failure."""
        table = sign_in_tables.authorization_codes
        change = sa.update(table).where(table.c.digest == code.digest)
        await tx.change(change.values(redeemed=now, issued_id=issued_id))

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget codes that expired before `before`."""
        table = sign_in_tables.authorization_codes
        return await tx.change(sa.delete(table).where(table.c.expires < before))
