"""The way back in for who holds the control plane's host: a new password for a person, and the door open.

Nothing here asks for a right. Whoever can call it can read the signing keys beside the store as well.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.core.principal import Principal, PrincipalKind
from outofband.identity import names
from outofband.identity.directory import Directory
from outofband.identity.first_user import NAME as ADMIN
from outofband.identity.owners import Owners
from outofband.identity.trail import KIND, NAMESPACE
from outofband.store.directory import Tenant
from outofband.store.people import User
from outofband.store.store import Store
from outofband.store.tx import Tx

ACTION = f"{NAMESPACE}/{KIND}/recover/action"


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. The password is seen here only, and has to be changed at the first sign-in."""

    name: str
    password: str
    locked: bool
    """The account was locked."""
    disabled: bool
    """The account was disabled."""
    owner: bool
    """It was made Owner of everything, as no enabled person was."""
    sessions: int
    """Sign-ins that were ended."""
    factors: int = 0
    """Second factors that were removed, because it was asked for."""

    def __repr__(self) -> str:
        return f"Recovered({self.name!r})"


class Recovery:
    def __init__(self, store: Store, directory: Directory, owners: Owners) -> None:
        self._store = store
        self._directory = directory
        self._owners = owners

    async def recover(
        self,
        name: str | None,
        *,
        by: str,
        correlation_id: str,
        now: datetime,
        clear_factors: bool = False,
    ) -> Recovered:
        """Let the person `name` in again; without a name the first administrator. `by` is told in the log.
        `clear_factors` takes the second factors and recovery codes away too.

        Raises Fault UserNotFound, SignInBusy and those of the store.
        """
        async with self._store.read() as tx:
            found = await self._find(tx, name)
        password = await self._directory.password(None, found.name)
        assert password.made is not None

        async with self._store.write() as tx:
            user = await self._directory.require(tx, found.tenant_id, found.object_id)
            failures = await self._store.sign_in_failures.get(tx, user.name)
            sessions = await self._directory.set_password(tx, user, password, now)
            await self._directory.set_disabled(tx, user, False, now)
            factors = 0
            if clear_factors:
                factors = await self._store.factors.clear(tx, user.object_id)
                await self._store.recovery_codes.clear(tx, user.object_id)
            # After that: somebody who was disabled counts again.
            nobody = not await self._owners.of(tx, user.tenant_id)
            done = Recovered(
                name=user.name,
                password=password.made,
                locked=failures.locked(now),
                disabled=user.disabled,
                owner=nobody and await self._owners.give(tx, user, by=by, now=now),
                sessions=sessions,
                factors=factors,
            )
            await self._note(tx, user, done, by=by, correlation_id=correlation_id, now=now)
        return done

    async def _find(self, tx: Tx, name: str | None) -> User:
        """Raises Fault UserNotFound."""
        tenants = await self._store.directory.tenants(tx)
        if not tenants:
            raise Fault("UserNotFound", name=name or ADMIN)
        if name is not None:
            return await self._named(tx, name, tenants[0])
        user = await self._store.people.by_name(tx, names.complete(ADMIN, tenants[0]))
        if user is not None:
            return user
        # It was removed, so somebody else was made owner before.
        owners = sorted(await self._owners.of(tx, tenants[0].id))
        return await self._named(tx, owners[0] if owners else ADMIN, tenants[0])

    async def _named(self, tx: Tx, name: str, tenant: Tenant) -> User:
        user = await self._store.people.by_name(tx, names.complete(name, tenant))
        user = user or await self._store.people.get(tx, name)
        if user is None:
            raise Fault("UserNotFound", name=name[: names.MAX_NAME])
        return user

    async def _note(
        self, tx: Tx, user: User, done: Recovered, *, by: str, correlation_id: str, now: datetime
    ) -> None:
        host = Principal(
            tenant=user.tenant_id,
            object_id="",
            app_id="",
            kind=PrincipalKind.SERVICE_PRINCIPAL,
            name=by,
            expires=0.0,
        )
        await self._store.activity.add(
            tx,
            now=now,
            principal=host,
            resource=ResourceId(namespace=NAMESPACE, chain=((KIND, user.object_id),)),
            action=ACTION,
            status="Succeeded",
            correlation_id=correlation_id,
            properties={
                "userPrincipalName": user.name,
                "wasLocked": done.locked,
                "wasDisabled": done.disabled,
                "madeOwner": done.owner,
                "endedSessions": done.sessions,
                "removedFactors": done.factors,
            },
        )
