"""What people have beside the password: authenticator apps (TOTP, RFC 6238) and passkeys (WebAuthn).

A row counts from its confirmation on: its owner has shown then that it works. Before that it is only offered.
"""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.store import sign_in_tables
from outofband.store.tx import Tx, columns
from outofband.store.vault import UNWRAPPED

MAX_FACTORS = 20
"""Of one person."""


class FactorKind(enum.StrEnum):
    TOTP = "totp"
    PASSKEY = "passkey"


class Factor(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object_id: str
    kind: FactorKind
    name: str
    """Its owner's word for it."""
    created: datetime
    confirmed: datetime | None
    last_used: datetime | None
    secret: bytes | None = None
    """Of an authenticator app: the shared secret, 20 bytes, as the vault sealed it (`wrapping.TOTP`)."""
    wrap: str = UNWRAPPED
    last_step: int | None = None
    """The last time step whose code was taken: none before it, nor it again, counts."""
    credential_id: str | None = None
    """Of a passkey: its id, base64url."""
    public_key: bytes | None = None
    """COSE."""
    host: str | None = None
    """The host name that the passkey is bound to, the relying party's id."""
    sign_count: int | None = None
    transports: list[str] | None = None

    def __repr__(self) -> str:
        return f"Factor({self.kind}, {self.id!r})"


class Factors:
    async def offer_totp(
        self, tx: Tx, object_id: str, name: str, secret: bytes, *, wrap: str = UNWRAPPED, now: datetime
    ) -> Factor:
        """An authenticator app that is being set up, in the place of one that was never confirmed."""
        table = sign_in_tables.sign_in_factors
        unconfirmed = sa.and_(table.c.object_id == object_id.lower(), table.c.confirmed.is_(None))
        await tx.change(sa.delete(table).where(unconfirmed))
        made = Factor(
            id=str(uuid.uuid4()),
            object_id=object_id.lower(),
            kind=FactorKind.TOTP,
            name=name,
            created=now,
            confirmed=None,
            last_used=None,
            secret=secret,
            wrap=wrap,
        )
        await tx.change(sa.insert(table).values(msgspec.structs.asdict(made)))
        return made

    async def add_passkey(
        self,
        tx: Tx,
        object_id: str,
        name: str,
        *,
        credential_id: str,
        public_key: bytes,
        host: str,
        sign_count: int,
        transports: list[str],
        now: datetime,
    ) -> Factor | None:
        """A passkey, confirmed by its making; None when somebody has this credential already."""
        made = Factor(
            id=str(uuid.uuid4()),
            object_id=object_id.lower(),
            kind=FactorKind.PASSKEY,
            name=name,
            created=now,
            confirmed=now,
            last_used=None,
            credential_id=credential_id,
            public_key=public_key,
            host=host,
            sign_count=sign_count,
            transports=transports,
        )
        statement = tx.insert(sign_in_tables.sign_in_factors).values(msgspec.structs.asdict(made))
        return made if await tx.change(statement.on_conflict_do_nothing()) else None

    async def of_user(self, tx: Tx, object_id: str) -> list[Factor]:
        """Those that count, oldest first."""
        table = sign_in_tables.sign_in_factors
        query = columns(table, Factor).where(
            table.c.object_id == object_id.lower(), table.c.confirmed.is_not(None)
        )
        return await tx.rows(Factor, query.order_by(table.c.created, table.c.id))

    async def offered(self, tx: Tx, object_id: str) -> Factor | None:
        """The authenticator app that is being set up."""
        table = sign_in_tables.sign_in_factors
        query = columns(table, Factor).where(
            table.c.object_id == object_id.lower(), table.c.confirmed.is_(None)
        )
        return await tx.row(Factor, query)

    async def by_credential(self, tx: Tx, credential_id: str) -> Factor | None:
        table = sign_in_tables.sign_in_factors
        return await tx.row(Factor, columns(table, Factor).where(table.c.credential_id == credential_id))

    async def confirm(self, tx: Tx, factor: Factor, *, step: int, now: datetime) -> bool:
        """It counts from now on; the code it was shown with does not count again. False when it is gone."""
        table = sign_in_tables.sign_in_factors
        mine = sa.and_(table.c.id == factor.id, table.c.confirmed.is_(None))
        values = {"confirmed": now, "last_used": now, "last_step": step}
        return await tx.change(sa.update(table).where(mine).values(values)) > 0

    async def use_step(self, tx: Tx, factor: Factor, *, step: int, now: datetime) -> bool:
        """Use up the code of a time step; False when it, or one after it, was used before."""
        table = sign_in_tables.sign_in_factors
        unused = sa.or_(table.c.last_step.is_(None), table.c.last_step < step)
        change = sa.update(table).where(table.c.id == factor.id, unused)
        return await tx.change(change.values(last_step=step, last_used=now)) > 0

    async def use_passkey(self, tx: Tx, factor: Factor, *, sign_count: int, now: datetime) -> bool:
        """Note a use; False when another one came between."""
        table = sign_in_tables.sign_in_factors
        mine = sa.and_(table.c.id == factor.id, table.c.sign_count == factor.sign_count)
        return await tx.change(sa.update(table).where(mine).values(sign_count=sign_count, last_used=now)) > 0

    async def rename(self, tx: Tx, object_id: str, factor_id: str, name: str) -> bool:
        table = sign_in_tables.sign_in_factors
        mine = sa.and_(table.c.id == factor_id, table.c.object_id == object_id.lower())
        return await tx.change(sa.update(table).where(mine).values(name=name)) > 0

    async def remove(self, tx: Tx, object_id: str, factor_id: str) -> bool:
        table = sign_in_tables.sign_in_factors
        mine = sa.and_(table.c.id == factor_id, table.c.object_id == object_id.lower())
        return await tx.change(sa.delete(table).where(mine)) > 0

    async def clear(self, tx: Tx, object_id: str) -> int:
        """Remove all of a person; how many counted."""
        counted = len(await self.of_user(tx, object_id))
        table = sign_in_tables.sign_in_factors
        await tx.change(sa.delete(table).where(table.c.object_id == object_id.lower()))
        return counted

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget what was offered before `before` and never confirmed."""
        table = sign_in_tables.sign_in_factors
        return await tx.change(sa.delete(table).where(table.c.confirmed.is_(None), table.c.created < before))
