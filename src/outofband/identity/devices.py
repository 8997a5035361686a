"""The person's half of a device code: find the sign-in that waits, see who asks, allow it or not."""

from __future__ import annotations

import math
from datetime import datetime

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.identity import user_codes
from outofband.identity.clients import PublicClient, public_client
from outofband.identity.limiter import Limiter
from outofband.identity.requests import NOT_A_TENANT, Visitor
from outofband.identity.sessions import SignedIn
from outofband.identity.trail import Act, SignInTrail
from outofband.store.device_codes import DeviceCode, DeviceState
from outofband.store.store import Store
from outofband.store.tx import Tx


class Waiting(msgspec.Struct, frozen=True):
    """A sign-in that waits for a person."""

    code: DeviceCode
    client: PublicClient


class Devices:
    """Codes that nobody was given are counted per address: they are short."""

    def __init__(self, store: Store, trail: SignInTrail) -> None:
        self._store = store
        self._trail = trail
        self._guesses = Limiter(burst=10, interval=30.0)

    async def find(self, typed: str, visitor: Visitor, now: datetime) -> Waiting:
        """Raises Fault DeviceCodeUnknown, DeviceCodeOver or TooManyTries."""
        moment = clock.monotonic()
        if (wait := self._guesses.wait(visitor.source, moment)) > 0:
            raise Fault("TooManyTries", seconds=math.ceil(wait))
        async with self._store.read() as tx:
            found = await self._waiting(tx, typed, now)
        if found is None:
            self._guesses.failed(visitor.source, moment)
            raise Fault("DeviceCodeUnknown")
        return found

    async def decide(
        self, typed: str, who: SignedIn, *, allow: bool, visitor: Visitor, now: datetime
    ) -> Waiting:
        """Raises Fault DeviceCodeUnknown, DeviceCodeOver, WrongTenant or MfaRequired."""
        async with self._store.write() as tx:
            found = await self._waiting(tx, typed, now)
            if found is None:
                raise Fault("DeviceCodeUnknown")
            code, user = found.code, who.user
            if code.tenant.lower() not in NOT_A_TENANT:
                home = await self._store.directory.tenant(tx, code.tenant)
                if home is None or home.id != user.tenant_id:
                    raise Fault("WrongTenant", name=user.name, tenant=code.tenant[:80])
            policy = await self._store.sign_in_policies.get(tx, user.tenant_id)
            if allow and policy.require_mfa and not who.session.mfa:
                raise Fault("MfaRequired", name=user.name)
            if allow:
                await self._store.device_codes.allow(
                    tx,
                    code,
                    object_id=user.object_id,
                    authenticated=who.proved,
                    methods=who.session.methods,
                )
            else:
                await self._store.device_codes.deny(tx, code)
            await self._trail.note(
                tx,
                Act.ALLOW_DEVICE if allow else Act.DENY_DEVICE,
                user,
                tenant_id=user.tenant_id,
                visitor=visitor,
                now=now,
                app_id=code.client_id,
                properties={"client": found.client.name, "askedFrom": code.address},
            )
        return found

    async def _waiting(self, tx: Tx, typed: str, now: datetime) -> Waiting | None:
        user_code = user_codes.typed(typed)
        code = await self._store.device_codes.by_user_code(tx, user_code) if user_code is not None else None
        client = public_client(code.client_id) if code is not None else None
        if code is None or client is None:
            return None
        if code.state is not DeviceState.PENDING or code.expires <= now:
            raise Fault("DeviceCodeOver")
        return Waiting(code, client)
