"""Sign-in sessions: a person at a browser (a cookie), or at a client that was given tokens (claim `sid`).

A client's session is also the family of its refresh tokens: it ends as a whole. One that was issued to a page
in the browser has the browser's session as parent and ends with it; one of a program on somebody's machine
stands alone.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from outofband.core import secrets
from outofband.store import sign_in_tables
from outofband.store.device_codes import DeviceState
from outofband.store.query import Query
from outofband.store.tx import Tx, columns

MAX_LISTED = 200
PASSWORD, MFA = "pwd", "mfa"
EXTERNAL = "ext"
"""A provider of others said who it is; RFC 8176 has no word for that."""
USED_AGAIN = timedelta(minutes=5)
"""How exactly it is known when a session was used last."""
MAX_AGENT = 200
"""Characters kept of what a client says it is."""


BROWSER_IDLE = timedelta(hours=2)
"""A browser in which no page of ours is open; one that is open renews its token within the hour."""
NATIVE_IDLE = timedelta(days=14)
"""A program that renews nothing (RFC 9700 section 4.14.2)."""


class SignInSession(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object_id: str
    parent_id: str | None
    client_id: str | None
    """None: a browser's."""
    address: str
    agent: str
    """What the browser or client says it is, for people to read."""
    authenticated: datetime
    """When the person last proved all that was asked, from the password on (claim `auth_time`)."""
    started: datetime
    expires: datetime
    ended: datetime | None
    reason: str | None
    methods: str
    """How it was proved: words of RFC 8176 with spaces between (claim `amr`)."""
    last_used: datetime | None

    @property
    def mfa(self) -> bool:
        """Whether more than one thing was proved."""
        return MFA in self.methods.split()

    @property
    def idle_after(self) -> timedelta:
        """How long it may be left unused."""
        native = self.client_id is not None and self.parent_id is None
        return NATIVE_IDLE if native else BROWSER_IDLE

    def live(self, now: datetime) -> bool:
        used = self.last_used or self.started
        return self.ended is None and self.expires > now and now - used <= self.idle_after


_BY_ID = Query(
    SignInSession,
    columns(sign_in_tables.sign_in_sessions, SignInSession).where(
        sign_in_tables.sign_in_sessions.c.id == sa.bindparam("id")
    ),
)


class SignIns:
    async def start(
        self,
        tx: Tx,
        object_id: str,
        *,
        address: str,
        agent: str,
        now: datetime,
        life: timedelta,
        methods: str = PASSWORD,
    ) -> tuple[SignInSession, str]:
        """A browser's session, and the secret for its cookie, which is not seen again."""
        secret = secrets.token()
        row = _row(
            object_id,
            address=address,
            agent=agent,
            authenticated=now,
            now=now,
            expires=now + life,
            methods=methods,
        )
        await self._insert(tx, row, digest=secrets.digest(secret))
        return row, secret

    async def issue(
        self,
        tx: Tx,
        object_id: str,
        *,
        client_id: str,
        parent: SignInSession | None,
        address: str,
        agent: str,
        authenticated: datetime,
        now: datetime,
        expires: datetime,
        methods: str = PASSWORD,
    ) -> SignInSession:
        """A client's session."""
        row = _row(
            object_id,
            address=address,
            agent=agent,
            authenticated=authenticated,
            now=now,
            expires=expires,
            methods=methods,
        )
        row = msgspec.structs.replace(row, client_id=client_id, parent_id=parent.id if parent else None)
        await self._insert(tx, row, digest=None)
        return row

    async def get(self, tx: Tx, session: str) -> SignInSession | None:
        return await tx.first(_BY_ID, id=session)

    async def by_secret(self, tx: Tx, secret: str) -> SignInSession | None:
        """The session of a cookie, ended or not."""
        table = sign_in_tables.sign_in_sessions
        found = columns(table, SignInSession).where(table.c.digest == secrets.digest(secret))
        return await tx.row(SignInSession, found)

    async def raise_to(
        self, tx: Tx, session: SignInSession, methods: str, *, authenticated: datetime
    ) -> tuple[SignInSession, str]:
        """A browser's session after more was proved, with a new secret: the old cookie is worth nothing."""
        secret, table = secrets.token(), sign_in_tables.sign_in_sessions
        values = {"methods": methods, "authenticated": authenticated}
        change = sa.update(table).where(table.c.id == session.id)
        await tx.change(change.values({**values, "digest": secrets.digest(secret)}))
        return msgspec.structs.replace(session, methods=methods, authenticated=authenticated), secret

    async def used(self, tx: Tx, session: str, now: datetime) -> None:
        table = sign_in_tables.sign_in_sessions
        await tx.change(sa.update(table).where(table.c.id == session).values(last_used=now))

    async def not_ended(self, tx: Tx, sessions: set[str]) -> dict[str, SignInSession]:
        """Those of `sessions` that nobody has ended, by id; whether their time is over does not matter."""
        table = sign_in_tables.sign_in_sessions
        query = columns(table, SignInSession).where(table.c.id.in_(sessions), table.c.ended.is_(None))
        return {each.id: each for each in await tx.rows(SignInSession, query)}

    async def of_user(self, tx: Tx, object_id: str, now: datetime) -> list[SignInSession]:
        """Where a person is signed in now, newest first; what lives in a browser's session is not listed."""
        table = sign_in_tables.sign_in_sessions
        query = columns(table, SignInSession).where(
            table.c.object_id == object_id.lower(),
            table.c.parent_id.is_(None),
            table.c.ended.is_(None),
            table.c.expires > now,
        )
        return await tx.rows(SignInSession, query.order_by(table.c.started.desc()).limit(MAX_LISTED))

    async def end(self, tx: Tx, session: str, reason: str, now: datetime) -> bool:
        """End a session and everything issued from it, once; False when there was nothing to end."""
        table = sign_in_tables.sign_in_sessions
        return (
            await self._end(tx, sa.or_(table.c.id == session, table.c.parent_id == session), reason, now) > 0
        )

    async def end_user(
        self, tx: Tx, object_id: str, reason: str, now: datetime, *, keep: str | None = None
    ) -> int:
        """End every session of a user but `keep` and what was issued from it; how many. What was allowed to
        become one, and was not fetched yet, never will.
        """
        devices = sign_in_tables.device_codes
        waiting = sa.and_(devices.c.object_id == object_id.lower(), devices.c.state == DeviceState.ALLOWED)
        await tx.change(sa.update(devices).where(waiting).values(state=DeviceState.WITHDRAWN))
        # Half a sign-in rests on what may just have been taken back.
        steps = sign_in_tables.sign_in_steps
        await tx.change(sa.delete(steps).where(steps.c.object_id == object_id.lower()))
        table = sign_in_tables.sign_in_sessions
        where = table.c.object_id == object_id.lower()
        if keep is not None:
            # A NULL parent is "not known to be different" in SQL, hence the coalesce.
            parent = sa.func.coalesce(table.c.parent_id, "")
            where = sa.and_(where, table.c.id != keep, parent != keep)
        return await self._end(tx, where, reason, now)

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget sessions that ended or expired before `before`, with their codes and tokens."""
        table = sign_in_tables.sign_in_sessions
        return await tx.change(
            sa.delete(table).where(sa.or_(table.c.expires < before, table.c.ended < before))
        )

    async def _insert(self, tx: Tx, row: SignInSession, *, digest: str | None) -> None:
        values = msgspec.structs.asdict(row) | {"digest": digest}
        await tx.change(sa.insert(sign_in_tables.sign_in_sessions).values(values))

    async def _end(self, tx: Tx, which: sa.ColumnElement[bool], reason: str, now: datetime) -> int:
        table = sign_in_tables.sign_in_sessions
        change = sa.update(table).where(which, table.c.ended.is_(None)).values(ended=now, reason=reason)
        return await tx.change(change)


def _row(
    object_id: str,
    *,
    address: str,
    agent: str,
    authenticated: datetime,
    now: datetime,
    expires: datetime,
    methods: str,
) -> SignInSession:
    return SignInSession(
        id=str(uuid.uuid4()),
        object_id=object_id.lower(),
        parent_id=None,
        client_id=None,
        address=address,
        agent=agent[:MAX_AGENT],
        authenticated=authenticated,
        started=now,
        expires=expires,
        ended=None,
        reason=None,
        methods=methods,
        last_used=now,
    )
