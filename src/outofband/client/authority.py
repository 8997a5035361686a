"""The token authority as its clients see it: grants, refusals in its own words, device codes (RFC 8628)."""

from __future__ import annotations

import contextlib
from typing import TypeVar
from urllib.parse import quote

import httpx
import msgspec

from outofband.client.transport import Transport, decoded, refused, retry_after
from outofband.core.errors import Fault

CLIENT_ID = "0f0b0a11-0000-4000-8000-000000000002"
"""By which the control plane knows `oob`: a public client, for whom a person signs in."""
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
T = TypeVar("T")


class Granted(msgspec.Struct, frozen=True):
    """`expires_in` in seconds. A person's grant has all four, a client's only the first two."""

    access_token: str
    expires_in: float
    refresh_token: str | None = None
    id_token: str | None = None

    def __repr__(self) -> str:
        return "Granted(...)"


class Refusal(msgspec.Struct, frozen=True):
    """A refusal of the authority (RFC 6749 section 5.2)."""

    error: str
    error_description: str = ""

    @property
    def words(self) -> str:
        """Its sentence, without the ids that follow it."""
        return self.error_description.split("Trace ID")[0].strip() or self.error


class DeviceCode(msgspec.Struct, frozen=True):
    """A sign-in that waits for a person: `user_code` is typed at `verification_uri`. Times in seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: float
    interval: float = 5.0

    def __repr__(self) -> str:
        return "DeviceCode(...)"


class Authority:
    """Of one tenant: its id, its domain, or `organizations`."""

    def __init__(self, transport: Transport, tenant: str) -> None:
        self.base = transport.base
        self._transport = transport
        self._root = f"/{quote(tenant, safe='')}/oauth2/v2.0"

    def token(self, **form: str) -> Granted | Refusal:
        """Ask for a token. Raises Fault when the authority could not decide."""
        return self._decision(self._transport.request("POST", f"{self._root}/token", data=form), Granted)

    def device_code(self, *, client_id: str, scope: str) -> DeviceCode | Refusal:
        """Begin a sign-in on another device. Raises Fault when the authority could not decide."""
        form = {"client_id": client_id, "scope": scope}
        answer = self._transport.request("POST", f"{self._root}/devicecode", data=form)
        return self._decision(answer, DeviceCode)

    def revoke(self, *, client_id: str, refresh_token: str) -> None:
        """End the sign-in that a refresh token belongs to (RFC 7009). Raises Fault when nobody took note."""
        form = {"client_id": client_id, "token": refresh_token, "token_type_hint": "refresh_token"}
        answer = self._transport.request("POST", f"{self._root}/revoke", data=form)
        if not answer.is_success:
            raise refused(answer)

    @staticmethod
    def _decision(answer: httpx.Response, kind: type[T]) -> T | Refusal:
        if answer.is_success:
            return decoded(answer, kind)
        if answer.is_server_error:
            # That is no word against who asks.
            raise refused(answer)
        refusal = Refusal("refused", f"status {answer.status_code}")
        with contextlib.suppress(Fault):
            refusal = decoded(answer, Refusal)
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Fault("SignInTooOften", seconds=int(retry_after(answer)), detail=refusal.words)
        return refusal
