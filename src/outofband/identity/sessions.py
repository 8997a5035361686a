"""Who is at a browser, and signing out: what ends, ends with everything that was issued from it."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from outofband.identity.requests import Visitor
from outofband.identity.tokens import IdClaims
from outofband.identity.trail import Act, SignInTrail
from outofband.store.people import User
from outofband.store.sign_ins import USED_AGAIN, SignInSession
from outofband.store.store import Store
from outofband.store.tx import Tx

SIGNED_OUT = "SignedOut"
REPLACED = "Replaced"
"""Somebody signed in at the same browser."""
BROWSER_LIFE = timedelta(hours=12)
"""From the password to the next one; a console that is open outlasts it."""
MAX_SECRET = 100
FRESH = timedelta(minutes=10)


class SignedIn(msgspec.Struct, frozen=True):
    """A person at a browser."""

    user: User
    session: SignInSession

    @property
    def proved(self) -> datetime:
        """When the person last typed the right password: to sign in, or to change it in this very session,
        for a change ends every other one.
        """
        return max(self.session.authenticated, self.user.password_changed or self.session.authenticated)

    def fresh(self, now: datetime) -> bool:
        """Whether that is so little ago that what protects the account may be changed."""
        return now - self.proved <= FRESH


async def begin(
    store: Store,
    tx: Tx,
    user: User,
    *,
    methods: str,
    visitor: Visitor,
    now: datetime,
    replaces: SignedIn | None,
) -> tuple[SignInSession, str]:
    """The session of a browser whose user has proved enough, and the secret of its cookie; whoever was
    signed in there before is out.
    """
    if replaces is not None:
        await store.sign_ins.end(tx, replaces.session.id, REPLACED, now)
    return await store.sign_ins.start(
        tx,
        user.object_id,
        address=visitor.address,
        agent=visitor.agent,
        now=now,
        life=BROWSER_LIFE,
        methods=methods,
    )


class Sessions:
    def __init__(self, store: Store, trail: SignInTrail) -> None:
        self._store = store
        self._trail = trail

    async def at(self, secret: str | None, now: datetime) -> SignedIn | None:
        """Who the cookie's `secret` stands for; None when the session ended, or the user was disabled."""
        if not secret or len(secret) > MAX_SECRET:
            return None
        async with self._store.read() as tx:
            session = await self._store.sign_ins.by_secret(tx, secret)
            if session is None or not session.live(now):
                return None
            user = await self._store.people.get(tx, session.object_id)
        if user is None or user.disabled:
            return None
        if session.last_used is None or now - session.last_used > USED_AGAIN:
            async with self._store.write() as tx:
                await self._store.sign_ins.used(tx, session.id, now)
        return SignedIn(user, session)

    async def listed(self, who: SignedIn, now: datetime) -> list[SignInSession]:
        """Where the person is signed in, this browser first, then newest first."""
        async with self._store.read() as tx:
            found = await self._store.sign_ins.of_user(tx, who.user.object_id, now)
        return sorted(found, key=lambda each: each.id != who.session.id)

    async def sign_out(self, who: SignedIn, visitor: Visitor, now: datetime) -> None:
        """End the browser's session."""
        async with self._store.write() as tx:
            await self._end(tx, who.user, who.session.id, visitor, now)

    async def end_one(self, who: SignedIn, session_id: str, visitor: Visitor, now: datetime) -> bool:
        """End a session of the same person, at whatever device; False when there is no such one."""
        async with self._store.write() as tx:
            session = await self._store.sign_ins.get(tx, session_id)
            if session is None or session.object_id != who.user.object_id:
                return False
            return await self._end(tx, who.user, session.id, visitor, now)

    async def end_others(self, who: SignedIn, visitor: Visitor, now: datetime) -> int:
        """End every session of the person but this browser's; how many."""
        async with self._store.write() as tx:
            ended = await self._store.sign_ins.end_user(
                tx, who.user.object_id, SIGNED_OUT, now, keep=who.session.id
            )
            if ended:
                await self._note(tx, who.user, visitor, now, everywhere=True)
        return ended

    async def end_hinted(self, hint: IdClaims, visitor: Visitor, now: datetime) -> SignInSession | None:
        """End what an id token came from: the client's session, with the browser's that it lives in.

        The session that was ended; None when it had ended before.
        """
        async with self._store.write() as tx:
            session = await self._store.sign_ins.get(tx, hint.sid)
            if session is not None and session.parent_id is not None:
                session = await self._store.sign_ins.get(tx, session.parent_id)
            if session is None or session.object_id != hint.oid:
                return None
            user = await self._store.people.get(tx, session.object_id)
            if user is None or not await self._end(tx, user, session.id, visitor, now):
                return None
            return session

    async def _end(self, tx: Tx, user: User, session_id: str, visitor: Visitor, now: datetime) -> bool:
        ended = await self._store.sign_ins.end(tx, session_id, SIGNED_OUT, now)
        if ended:
            await self._note(tx, user, visitor, now)
        return ended

    async def _note(
        self, tx: Tx, user: User, visitor: Visitor, now: datetime, *, everywhere: bool = False
    ) -> None:
        await self._trail.note(
            tx,
            Act.SIGN_OUT,
            user,
            tenant_id=user.tenant_id,
            visitor=visitor,
            now=now,
            properties={"everywhere": True} if everywhere else None,
        )
