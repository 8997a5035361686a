"""Signing in on another device (RFC 8628): wait until the person has typed the code, or will not any more."""

from __future__ import annotations

import base64
import binascii

import msgspec

from outofband.client.authority import CLIENT_ID, DEVICE_GRANT, Authority, DeviceCode, Granted, Refusal
from outofband.client.credentials import scopes
from outofband.client.faults import explained
from outofband.core import clock
from outofband.core.errors import Fault

SLOWER_SECONDS = 5.0
"""RFC 8628 section 3.5: by how much `slow_down` slows all later polls."""
LEAST_SECONDS = 1.0
MOST_SECONDS = 60.0


class Identity(msgspec.Struct, frozen=True):
    """The claims of an id_token that are used. It came straight from the authority over verified TLS, which
    is all that its signature would prove (OpenID Connect Core 3.1.3.7, 6).
    """

    aud: str
    tid: str
    oid: str
    preferred_username: str
    name: str = ""


class SignedIn(msgspec.Struct, frozen=True):
    """What a sign-in brings: who it was, and the tokens. The access token lives `expires_in` seconds."""

    who: Identity
    access_token: str
    expires_in: float
    refresh_token: str

    def __repr__(self) -> str:
        return f"SignedIn({self.who!r})"


def begin(authority: Authority, resource: str) -> DeviceCode:
    """Raises Fault SignInRefused."""
    code = authority.device_code(client_id=CLIENT_ID, scope=scopes(resource))
    if isinstance(code, Refusal):
        raise Fault("SignInRefused", url=authority.base, detail=code.words)
    return code


def wait(authority: Authority, code: DeviceCode) -> SignedIn:
    """Poll until somebody signed in. Raises Fault DeviceCodeExpired, SignInDeclined or SignInRefused."""
    interval = max(code.interval, LEAST_SECONDS)
    end = clock.monotonic() + code.expires_in
    while True:
        clock.pause(interval)
        if clock.monotonic() >= end:
            raise Fault("DeviceCodeExpired", seconds=int(code.expires_in))
        try:
            answer = authority.token(
                grant_type=DEVICE_GRANT, client_id=CLIENT_ID, device_code=code.device_code
            )
        except Fault as fault:
            if not explained(fault).retry:
                raise
            # A control plane that restarts knows the code afterwards; section 3.5 asks to back off.
            interval = min(interval * 2, MOST_SECONDS)
            continue
        if isinstance(answer, Granted):
            return _signed_in(authority, answer)
        match answer.error:
            case "authorization_pending":
                pass
            case "slow_down":
                interval += SLOWER_SECONDS
            case "expired_token":
                raise Fault("DeviceCodeExpired", seconds=int(code.expires_in))
            case "authorization_declined" | "access_denied":
                raise Fault("SignInDeclined")
            case _:
                raise Fault("SignInRefused", url=authority.base, detail=answer.words)


def _signed_in(authority: Authority, granted: Granted) -> SignedIn:
    try:
        payload = (granted.id_token or "").split(".")[1]
        decoded = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        who = msgspec.json.decode(decoded, type=Identity)
        if who.aud != CLIENT_ID or not granted.refresh_token:
            raise ValueError("it was made for something else")
    except (IndexError, binascii.Error, ValueError) as error:
        detail = f"its answer does not say who signed in ({error})."
        raise Fault("SignInRefused", url=authority.base, detail=detail) from error
    return SignedIn(who, granted.access_token, granted.expires_in, granted.refresh_token)
