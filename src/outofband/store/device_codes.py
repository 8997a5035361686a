"""Device codes: a client without a browser asks, a person somewhere else allows it (RFC 8628)."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from outofband.core import secrets
from outofband.store import sign_in_tables
from outofband.store.tx import Tx, columns

LIFE = timedelta(minutes=15)
INTERVAL = 5
"""Seconds a client waits between two polls."""


class DeviceState(enum.StrEnum):
    PENDING = "pending"
    ALLOWED = "allowed"
    DENIED = "denied"
    REDEEMED = "redeemed"
    WITHDRAWN = "withdrawn"
    """Allowed, and all sessions of that person were ended before it was redeemed."""


class DeviceCode(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    user_digest: str
    client_id: str
    tenant: str
    """As the client named it; `organizations` leaves it to whoever allows."""
    scope: str
    audience: str
    address: str
    """Where the client asks from."""
    state: DeviceState
    object_id: str | None
    """Who allowed it."""
    authenticated: datetime | None
    """When that person typed the password."""
    created: datetime
    expires: datetime
    interval: int
    """Seconds."""
    polled: datetime | None
    issued_id: str | None
    """The client's session that came of it."""
    methods: str | None
    """How that person proved it, as `SignInSession.methods`."""


class DeviceCodes:
    async def make(
        self,
        tx: Tx,
        *,
        user_code: str,
        client_id: str,
        tenant: str,
        scope: str,
        audience: str,
        address: str,
        now: datetime,
    ) -> str | None:
        """The device code, which is not seen again; None when the user code is taken."""
        code = secrets.token()
        row = DeviceCode(
            digest=secrets.digest(code),
            user_digest=secrets.digest(user_code),
            client_id=client_id,
            tenant=tenant,
            scope=scope,
            audience=audience,
            address=address,
            state=DeviceState.PENDING,
            object_id=None,
            authenticated=None,
            created=now,
            expires=now + LIFE,
            interval=INTERVAL,
            polled=None,
            issued_id=None,
            methods=None,
        )
        statement = tx.insert(sign_in_tables.device_codes).values(msgspec.structs.asdict(row))
        return code if await tx.change(statement.on_conflict_do_nothing()) else None

    async def get(self, tx: Tx, code: str) -> DeviceCode | None:
        return await self._find(tx, sign_in_tables.device_codes.c.digest == secrets.digest(code))

    async def by_user_code(self, tx: Tx, user_code: str) -> DeviceCode | None:
        """In the form it was made in; what people type is put into that form before."""
        return await self._find(tx, sign_in_tables.device_codes.c.user_digest == secrets.digest(user_code))

    async def polled(self, tx: Tx, code: DeviceCode, *, interval: int, now: datetime) -> None:
        await self._update(tx, code, polled=now, interval=interval)

    async def allow(
        self, tx: Tx, code: DeviceCode, *, object_id: str, authenticated: datetime, methods: str
    ) -> bool:
        """False when it has been decided already."""
        return await self._decide(
            tx,
            code,
            DeviceState.PENDING,
            DeviceState.ALLOWED,
            object_id=object_id,
            authenticated=authenticated,
            methods=methods,
        )

    async def deny(self, tx: Tx, code: DeviceCode) -> bool:
        """False when it has been decided already."""
        return await self._decide(tx, code, DeviceState.PENDING, DeviceState.DENIED)

    async def redeem(self, tx: Tx, code: DeviceCode, *, issued_id: str) -> bool:
        """Use it up; False when it is not there to be used."""
        return await self._decide(tx, code, DeviceState.ALLOWED, DeviceState.REDEEMED, issued_id=issued_id)

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget codes that expired before `before`."""
        table = sign_in_tables.device_codes
        return await tx.change(sa.delete(table).where(table.c.expires < before))

    async def _find(self, tx: Tx, which: sa.ColumnElement[bool]) -> DeviceCode | None:
        return await tx.row(DeviceCode, columns(sign_in_tables.device_codes, DeviceCode).where(which))

    async def _decide(
        self, tx: Tx, code: DeviceCode, before: DeviceState, after: DeviceState, **values: object
    ) -> bool:
        table = sign_in_tables.device_codes
        mine = sa.and_(table.c.digest == code.digest, table.c.state == before)
        return await tx.change(sa.update(table).where(mine).values({**values, "state": after})) > 0

    async def _update(self, tx: Tx, code: DeviceCode, **values: object) -> None:
        table = sign_in_tables.device_codes
        await tx.change(sa.update(table).where(table.c.digest == code.digest).values(values))
