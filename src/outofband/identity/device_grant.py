"""The device code, for the program that asks and polls (RFC 8628). What the person does is in `devices`."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from outofband.core import clock
from outofband.identity import user_codes
from outofband.identity.clients import PublicClient, public_client
from outofband.identity.grants import PersonGrant
from outofband.identity.issuing import Grant, Issuer
from outofband.identity.limiter import Limiter
from outofband.identity.oauth import OAuthFault
from outofband.identity.requests import NOT_A_TENANT, TokenRequest
from outofband.identity.trail import SignInTrail
from outofband.store.device_codes import INTERVAL, LIFE, DeviceCode, DeviceState
from outofband.store.sign_ins import PASSWORD
from outofband.store.store import Store
from outofband.store.tx import Tx

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SLOWER = 5
"""Seconds that a poll too soon adds to the interval (section 3.5)."""
_LEEWAY = timedelta(seconds=0.5)
"""A poll may be early by this: timers and ways differ."""
_ATTEMPTS = 4
"""To find a user code that is free; the second is needed once in a blue moon."""


class DeviceGrant(PersonGrant):
    """How often a sign-in is begun is counted by address: each makes a row, and anybody may begin one."""

    def __init__(self, store: Store, issuer: Issuer, trail: SignInTrail, by_address: Limiter) -> None:
        super().__init__(store, issuer, trail, by_address)
        self._begun = Limiter(burst=20, interval=6.0)

    async def begin(self, request: TokenRequest, base: str) -> dict[str, Any] | OAuthFault:
        """The answer of the device authorization endpoint. `base`: where the person will be sent."""
        refuse, source, moment = request.refuse, request.visitor.source, clock.monotonic()
        if (wait := self._begun.wait(source, moment)) > 0:
            return refuse.too_many(math.ceil(wait))
        self._begun.failed(source, moment)
        client = public_client(request.client_id)
        if client is None:
            return refuse.unknown_client(request.client_id, request.tenant[:80])
        if not client.native:
            return refuse.no_device_client(request.client_id)
        scope = self._scope(request.get("scope"), self._issuer.tokens.base)
        if scope is None:
            return refuse.bad_user_scope(request.get("scope")[:200])
        async with self._store.write() as tx:
            named = request.tenant.lower() not in NOT_A_TENANT
            if named and await self._store.directory.tenant(tx, request.tenant) is None:
                return refuse.unknown_tenant(request.tenant[:80])
            for _ in range(_ATTEMPTS):
                user_code = user_codes.make()
                code = await self._store.device_codes.make(
                    tx,
                    user_code=user_code,
                    client_id=client.id,
                    tenant=request.tenant,
                    scope=str(scope),
                    audience=scope.audience,
                    address=request.visitor.address,
                    now=request.now,
                )
                if code is not None:
                    return _answer(code, user_codes.shown(user_code), f"{base}/device")
        raise LookupError("no free user code")

    async def _decide(self, tx: Tx, request: TokenRequest, client: PublicClient) -> Grant | OAuthFault:
        store, refuse, now = self._store, request.refuse, request.now
        if not request.get("device_code"):
            return refuse.missing("device_code")
        code = await store.device_codes.get(tx, request.get("device_code"))
        if code is None or code.client_id != client.id:
            return refuse.bad_device_code()
        user = await store.people.get(tx, code.object_id) if code.object_id is not None else None
        match code.state:
            case DeviceState.REDEEMED:
                if code.issued_id is not None:
                    await self._end_reused(tx, request, code.issued_id, user)
                return refuse.redeemed_code()
            case _ if code.expires <= now:
                return refuse.device_expired()
            case DeviceState.DENIED:
                return refuse.device_declined()
            case DeviceState.WITHDRAWN:
                return refuse.ended_session()
            case DeviceState.PENDING:
                return await self._not_yet(tx, request, code)
        assert code.state is DeviceState.ALLOWED and code.authenticated is not None
        scope = self._scope(code.scope, code.audience)
        if scope is None:
            return refuse.bad_user_scope(code.scope)
        refusal = await self._standing(tx, request, user, code.methods or PASSWORD)
        if refusal is not None or user is None:
            return refusal or refuse.disabled_user()
        session = await self._begin(
            tx,
            request,
            client,
            user,
            parent=None,
            authenticated=code.authenticated,
            methods=code.methods or PASSWORD,
        )
        await store.device_codes.redeem(tx, code, issued_id=session.id)
        token = await self._refresh_token(tx, session, scope, now)
        return Grant(user=user, session=session, scope=scope, refresh_token=token)

    async def _not_yet(self, tx: Tx, request: TokenRequest, code: DeviceCode) -> OAuthFault:
        interval = code.interval
        soon = code.polled is not None and request.now - code.polled < timedelta(seconds=interval) - _LEEWAY
        if soon:
            interval += SLOWER
        await self._store.device_codes.polled(tx, code, interval=interval, now=request.now)
        return request.refuse.device_slow_down(interval) if soon else request.refuse.device_pending()


def _answer(code: str, shown: str, page: str) -> dict[str, Any]:
    return {
        "device_code": code,
        "user_code": shown,
        "verification_uri": page,
        "expires_in": int(LIFE.total_seconds()),
        "interval": INTERVAL,
        "message": f"To sign in, open the page {page} in a web browser and enter the code {shown}.",
    }
