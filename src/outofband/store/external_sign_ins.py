"""Browsers that were sent to a provider and are to come back: found by the state they got, good once."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from outofband.core import secrets
from outofband.store.external_tables import external_sign_ins
from outofband.store.tx import Tx, columns

LIFE = timedelta(minutes=15)
"""People look for their phone meanwhile."""


class Aim(enum.StrEnum):
    """What somebody went there for."""

    SIGN_IN = "signIn"
    PROVE = "prove"
    """To show anew who is in a session."""
    LINK = "link"
    """To bind who they are there to the user of a session."""


class ExternalSignIn(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    """Of the state."""
    provider_id: str
    browser: str
    """Digest of the secret in the browser's cookie."""
    aim: Aim
    session_id: str | None
    mfa: bool
    """A second factor is asked for, whatever the tenant requires."""
    back: str
    """Path and query of ours that goes on afterwards."""
    created: datetime
    expires: datetime


class ExternalSignIns:
    async def begin(self, tx: Tx, row: ExternalSignIn) -> None:
        await tx.change(sa.insert(external_sign_ins).values(msgspec.structs.asdict(row)))

    async def get(self, tx: Tx, state: str, now: datetime) -> ExternalSignIn | None:
        table = external_sign_ins
        mine = sa.and_(table.c.digest == secrets.digest(state), table.c.expires > now)
        return await tx.row(ExternalSignIn, columns(table, ExternalSignIn).where(mine))

    async def end(self, tx: Tx, digest: str) -> bool:
        """Once; False when it was over."""
        return await tx.change(sa.delete(external_sign_ins).where(external_sign_ins.c.digest == digest)) > 0

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget what expired before `before`."""
        return await tx.change(sa.delete(external_sign_ins).where(external_sign_ins.c.expires < before))
