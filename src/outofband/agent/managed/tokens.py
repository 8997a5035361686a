"""Tokens of this host's own identity: asked for with the host's key, kept while they last."""

from __future__ import annotations

import asyncio
import base64
import uuid
from typing import Any

import httpx
import msgspec
import structlog

from outofband.agent.state import HostKey, Trust
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net import skew
from outofband.net.proxies import proxy_for

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 300
FRESH_SECONDS = 600
"""A token with less life left is not handed out any more: programs keep theirs until five minutes before."""
MAX_KEPT = 32
MAX_ANSWER = 64 * 1024
TIMEOUT = httpx.Timeout(20.0, connect=10.0)

log = structlog.get_logger(__name__)


class _Given(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int

    def __repr__(self) -> str:
        return "_Given(...)"


class _Refused(msgspec.Struct, frozen=True):
    error: str
    error_description: str = ""


class TokenRefused(Exception):
    """The authority's own words, for the program that asked."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.status, self.error, self.description = status, error, description


class HostTokens:
    """One request for each audience at a time; the others wait for its answer."""

    def __init__(self, trust: Trust, key: HostKey) -> None:
        self._trust, self._key = trust, key
        self._kept: dict[str, tuple[str, float]] = {}
        """By resource: the token, and its end on the monotonic clock."""
        self._asking = asyncio.Lock()
        self.skew: float | None = None
        """Seconds by which this host's clock is ahead, by the last answer."""

    def rekeyed(self, key: HostKey) -> None:
        self._key = key

    @property
    def identity(self) -> str:
        """The client id."""
        return self._trust.identity.agent

    async def get(self, resource: str, *, fresh: bool = False) -> dict[str, Any]:
        """`access_token` and the seconds that are left of it; `fresh`: none that was kept.

        Raises TokenRefused, or Fault ControlPlaneUnreachable or UnexpectedAnswer.
        """
        async with self._asking:
            token, ends = self._kept.get(resource, ("", 0.0))
            if fresh or ends - clock.monotonic() < FRESH_SECONDS:
                given = await self._ask(resource)
                token, ends = given.access_token, clock.monotonic() + given.expires_in
                self._kept.pop(resource, None)
                while len(self._kept) >= MAX_KEPT:
                    del self._kept[next(iter(self._kept))]
                self._kept[resource] = token, ends
        return {"access_token": token, "expires_in": int(ends - clock.monotonic())}

    async def _ask(self, resource: str) -> _Given:
        url = f"{self._trust.identity.arm}/organizations/oauth2/v2.0/token"
        form = {
            "grant_type": "client_credentials",
            "client_id": self.identity,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(url),
            "scope": f"{resource}/.default",
        }
        try:
            async with httpx.AsyncClient(
                verify=self._trust.context(), timeout=TIMEOUT, trust_env=False, proxy=proxy_for(url)
            ) as client:
                answer = await client.post(url, data=form)
        except httpx.HTTPError as error:
            raise Fault(
                "ControlPlaneUnreachable", url=url, detail=str(error) or type(error).__name__
            ) from error
        self.skew = skew.ahead(answer.headers.get("date"))
        try:
            if len(answer.content) > MAX_ANSWER:
                raise ValueError("too long")
            if answer.status_code == 200:
                return msgspec.json.decode(answer.content, type=_Given)
            told = msgspec.json.decode(answer.content, type=_Refused)
        except ValueError as error:
            raise Fault(
                "UnexpectedAnswer", url=url, status=answer.status_code, detail="no token and no refusal"
            ) from error
        log.warning("identity.refused", error=told.error, detail=told.error_description[:300])
        raise TokenRefused(answer.status_code, told.error, told.error_description)

    def _assertion(self, audience: str) -> str:
        """RFC 7523, signed with the key of this host (RFC 9864)."""
        now = int(clock.wall())
        head = {"alg": "Ed25519", "typ": "JWT"}
        claims = {
            "aud": audience,
            "iss": self.identity,
            "sub": self.identity,
            "jti": str(uuid.uuid4()),
            "iat": now,
            "nbf": now,
            "exp": now + ASSERTION_SECONDS,
        }
        signed = ".".join(_part(each) for each in (head, claims))
        return f"{signed}.{self._key.sign(signed.encode())}"


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")
