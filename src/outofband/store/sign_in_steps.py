"""Half a sign-in: the password was right and a second factor is asked for, or a passkey is to come first.

It opens nothing. It is found by the secret of a cookie of its own, and ends when it led to something.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from outofband.core import secrets
from outofband.store import sign_in_tables
from outofband.store.tx import Tx, columns

LIFE = timedelta(minutes=10)


class SignInStep(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    object_id: str | None
    """None: a passkey will say who it is."""
    session_id: str | None
    """The browser's session that is to be raised; None: there will be one."""
    methods: str
    """What was proved so far, as `SignInSession.methods`."""
    challenge: str | None
    """Of the WebAuthn ceremony that is going on, base64url; good once."""
    created: datetime
    expires: datetime


class SignInSteps:
    async def begin(
        self,
        tx: Tx,
        object_id: str | None,
        *,
        methods: str,
        session_id: str | None = None,
        challenge: str | None = None,
        now: datetime,
    ) -> tuple[SignInStep, str]:
        """The step, and the secret for its cookie, which is not seen again."""
        secret = secrets.token()
        row = SignInStep(
            digest=secrets.digest(secret),
            object_id=object_id,
            session_id=session_id,
            methods=methods,
            challenge=challenge,
            created=now,
            expires=now + LIFE,
        )
        await tx.change(sa.insert(sign_in_tables.sign_in_steps).values(msgspec.structs.asdict(row)))
        return row, secret

    async def by_secret(self, tx: Tx, secret: str, now: datetime) -> SignInStep | None:
        return await self.again(tx, secrets.digest(secret), now)

    async def again(self, tx: Tx, digest: str, now: datetime) -> SignInStep | None:
        """The step as it is now; None when it is over."""
        table = sign_in_tables.sign_in_steps
        query = columns(table, SignInStep).where(table.c.digest == digest, table.c.expires > now)
        return await tx.row(SignInStep, query)

    async def challenge(self, tx: Tx, digest: str, challenge: str | None) -> None:
        """Begin a ceremony, or, with None, use its challenge up."""
        table = sign_in_tables.sign_in_steps
        await tx.change(sa.update(table).where(table.c.digest == digest).values(challenge=challenge))

    async def end(self, tx: Tx, digest: str) -> bool:
        """Once; False when it was over."""
        table = sign_in_tables.sign_in_steps
        return await tx.change(sa.delete(table).where(table.c.digest == digest)) > 0

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget what expired before `before`."""
        table = sign_in_tables.sign_in_steps
        return await tx.change(sa.delete(table).where(table.c.expires < before))
