"""The people of a tenant: made, changed and removed by those who may. The right is checked by whoever calls.

Every change is one unit of work, given by the caller, which writes its activity row too. A password is hashed
before that unit begins, for others wait behind it.
"""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

import msgspec

from outofband.core.errors import Fault
from outofband.identity import names, passwords
from outofband.identity.owners import Owners
from outofband.identity.passwords import Passwords
from outofband.store.people import User
from outofband.store.store import Store
from outofband.store.tx import Tx


class Ending(enum.StrEnum):
    """Why the sessions of a user ended, as `store.sign_ins` keeps it."""

    DISABLED = "Disabled"
    PASSWORD_REMOVED = "PasswordRemoved"  # noqa: S105 - a word, no secret
    PASSWORD_RESET = "PasswordReset"  # noqa: S105 - a word, no secret


class NewPassword(msgspec.Struct, frozen=True, kw_only=True):
    """A password that was accepted. `made` is the password itself when it was made here, to be shown once."""

    hashed: str
    must_change: bool
    made: str | None

    def __repr__(self) -> str:
        return "NewPassword(...)"


class Directory:
    def __init__(self, store: Store, hasher: Passwords, owners: Owners) -> None:
        self._store = store
        self._hasher = hasher
        self.owners = owners

    async def password(self, chosen: str | None, name: str, *, must_change: bool = True) -> NewPassword:
        """Accept a password for the user `name`, or make one. Takes a while: call it outside a unit of work.

        Raises Fault PasswordRefused or SignInBusy.
        """
        text = chosen if chosen is not None else passwords.readable()
        if chosen is not None:
            self._hasher.check(chosen, name)
        hashed = await self._hasher.hash(text)
        return NewPassword(hashed=hashed, must_change=must_change, made=None if chosen is not None else text)

    async def complete(self, tx: Tx, tenant_id: str, name: str) -> str:
        """`name` as a whole sign-in name of the tenant. Raises Fault InvalidParameter."""
        tenant = await self._store.directory.tenant(tx, tenant_id)
        assert tenant is not None, "callers are of a tenant that exists"
        whole = names.complete(name, tenant)
        names.check(whole, tenant)
        return whole

    async def require(self, tx: Tx, tenant_id: str, name_or_id: str) -> User:
        """A user of the tenant by object id or sign-in name, without the @ part or with it. Raises Fault
        UserNotFound.
        """
        people, found = self._store.people, None
        if name_or_id.isprintable():
            tenant = await self._store.directory.tenant(tx, tenant_id)
            name = names.complete(name_or_id, tenant)
            found = await people.get(tx, name_or_id) or await people.by_name(tx, name)
        if found is None or found.tenant_id != tenant_id:
            raise Fault("UserNotFound", name=name_or_id[: names.MAX_NAME])
        return found

    async def add(
        self,
        tx: Tx,
        tenant_id: str,
        *,
        name: str,
        display_name: str,
        disabled: bool,
        password: NewPassword,
        now: datetime,
    ) -> User:
        """`name` is a whole one. Raises Fault UserExists."""
        user = User(
            object_id=str(uuid.uuid4()),
            tenant_id=tenant_id,
            name=name,
            display_name=display_name,
            disabled=disabled,
            password_hash=password.hashed,
            password_changed=now,
            must_change=password.must_change,
            created=now,
        )
        await self._store.people.add(tx, user)
        return user

    async def set_disabled(self, tx: Tx, user: User, disabled: bool, now: datetime) -> None:
        """Raises Fault LastOwner. Who is disabled is signed out everywhere."""
        if disabled and not user.disabled:
            await self.owners.require_another(tx, user)
            await self._store.sign_ins.end_user(tx, user.object_id, Ending.DISABLED, now)
        await self._store.people.set_disabled(tx, user.object_id, disabled)

    async def set_password(self, tx: Tx, user: User, password: NewPassword, now: datetime) -> int:
        """Give a user another password, lift its lock and end its sessions; how many there were."""
        await self._store.people.set_password(
            tx, user.object_id, password.hashed, must_change=password.must_change, now=now
        )
        await self._store.sign_in_failures.clear(tx, user.name)
        return await self._store.sign_ins.end_user(tx, user.object_id, Ending.PASSWORD_RESET, now)

    async def drop_password(self, tx: Tx, user: User, now: datetime) -> None:
        """Let a user in through providers only, and end its sessions. Raises Fault LastOwner when nobody
        would be left who manages people and signs in here.
        """
        async with self.owners.kept(tx, user.tenant_id, user.name):
            await self._store.people.drop_password(tx, user.object_id)
        await self._store.sign_ins.end_user(tx, user.object_id, Ending.PASSWORD_REMOVED, now)

    async def set_display_name(self, tx: Tx, user: User, display_name: str) -> None:
        await self._store.people.set_display_name(tx, user.object_id, display_name)

    async def remove(self, tx: Tx, user: User) -> None:
        """With sessions, memberships and role assignments. Raises Fault LastOwner."""
        await self.owners.require_another(tx, user)
        await self._store.assignments.remove_of(tx, user.object_id)
        await self._store.groups.forget(tx, user.object_id)
        await self._store.custodians.forget(tx, user.object_id)
        await self._store.people.remove(tx, user.object_id)
