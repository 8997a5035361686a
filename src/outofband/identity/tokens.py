"""Access and id tokens: signing them, and reading them back. RS256 only. Whether they may be believed is told
here, who they are about by `callers`.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError, UnsupportedAlgorithmError

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.identity.challenges import announces
from outofband.identity.keys import Keys, KeyUse
from outofband.identity.oauth import TOKEN_SECONDS

MAX_TOKEN = 8192
"""Bytes of a token that is looked at; ours have about 1000."""
SKEW = 120
"""Seconds by which two clocks may differ, either way."""
MAX_KNOWN = 4096
"""Tokens whose signature need not be checked again; about 2 KB each."""
ALGORITHM = KeyUse.TOKEN.algorithm
STORAGE_RESOURCE = "https://storage.azure.com"
"""What clients ask a token for to reach any account's Blob service; this very address is built into them."""
STORAGE_AUDIENCES = frozenset({STORAGE_RESOURCE, f"{STORAGE_RESOURCE}/"})
_C = TypeVar("_C", bound=msgspec.Struct)


class AccessClaims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of an access token that are relied on; their types are checked before their values."""

    aud: str
    iss: str
    tid: str
    oid: str
    appid: str
    exp: float
    nbf: float
    idtyp: str
    """`app` or `user`."""
    sid: str | None = None
    """The sign-in session of a user."""
    gen: int = 0
    """How often something had been taken from the program when it was issued (`store.generations`)."""
    cred: str | None = None
    """Which secret or certificate of a program it was given for."""
    xms_cc: list[str] = []
    """What its client announced that it can do."""

    @property
    def capable(self) -> bool:
        return announces(self.xms_cc)


class IdClaims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of an id token that a client gives back as a hint."""

    aud: str
    iss: str
    tid: str
    oid: str
    sid: str
    idtyp: None = None
    """Only access tokens have it."""


class Tokens:
    """`base` is the public address of this control plane, `https://host:port` without a slash at the end;
    `others` are further ones it answers under.
    """

    def __init__(self, keys: Keys, *, base: str, others: Sequence[str] = ()) -> None:
        self._keys = keys
        self._known: dict[bytes, tuple[str, AccessClaims]] = {}
        """Claims that a trusted key signed, by the token's digest, with the key's id."""
        self.base = base.rstrip("/")
        self.bases = frozenset(each.rstrip("/") for each in (self.base, *others))
        # The CLI asks for an audience with a slash at the end, the SDKs for one without.
        self.own = self.bases | {f"{each}/" for each in self.bases}
        self.audiences = self.own | STORAGE_AUDIENCES

    def issuer(self, tenant_id: str) -> str:
        return f"{self.base}/{tenant_id}/v2.0"

    async def sign(
        self,
        claims: Mapping[str, Any],
        *,
        tenant_id: str,
        audience: str,
        now: datetime,
        life: int = TOKEN_SECONDS,
    ) -> str:
        """A token with `claims`, those of every token added. `life` in seconds."""
        key = await self._keys.signing(KeyUse.TOKEN, now)
        issued = int(now.timestamp())
        full: dict[str, Any] = {
            "aud": audience,
            "iss": self.issuer(tenant_id),
            "iat": issued,
            "nbf": issued,
            "exp": issued + life,
            "tid": tenant_id,
            **claims,
            "uti": uuid.uuid4().hex,
            "ver": "2.0",
        }
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, full, key, algorithms=[ALGORITHM])

    async def access(
        self, token: str, now: datetime, *, audiences: Collection[str] | None = None
    ) -> AccessClaims:
        """The claims of an access token for this service, or for `audiences`, that is valid now.

        Raises Fault InvalidAuthenticationToken or ExpiredAuthenticationToken.
        """
        claims = await self._signed(token, now)
        if claims.iss != self.issuer(claims.tid):
            raise invalid("its issuer is not this authority")
        if claims.aud not in (self.own if audiences is None else audiences):
            raise invalid("its audience is not this service")
        seconds = now.timestamp()
        if claims.exp + SKEW <= seconds:
            raise Fault("ExpiredAuthenticationToken", expired=_told(claims.exp), now=clock.iso(now))
        if claims.nbf > seconds + SKEW:
            raise invalid(f"it is not valid before {_told(claims.nbf)}, and it is {clock.iso(now)} here")
        return claims

    async def hint(self, token: str, now: datetime) -> IdClaims | None:
        """An id token that was ours, expired or not; None for anything else (OpenID Connect Core 3.1.2.1)."""
        try:
            claims, _ = await self._decoded(token, IdClaims, now)
        except Fault:
            return None
        return claims if claims.iss == self.issuer(claims.tid) else None

    async def public(self, now: datetime) -> list[dict[str, Any]]:
        """The keys that sign, signed or will sign tokens, as JWKs."""
        return await self._keys.public(KeyUse.TOKEN, now)

    async def _signed(self, token: str, now: datetime) -> AccessClaims:
        """What the token says, when a key that is trusted now signed it. A client shows the same token with
        every request; that its key still counts is asked each time, what the signature says cannot change.
        """
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None and await self._keys.trusts(KeyUse.TOKEN, known[0], now):
            return known[1]
        claims, kid = await self._decoded(token, AccessClaims, now)
        self._known.pop(digest, None)
        while len(self._known) >= MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[digest] = (kid, claims)
        return claims

    async def _decoded(self, token: str, kind: type[_C], now: datetime) -> tuple[_C, str]:
        """The claims, and the id of the key that signed them."""
        if len(token) > MAX_TOKEN:
            raise invalid("it is too long")
        try:
            try:
                keys = await self._keys.trusted(KeyUse.TOKEN, now)
                decoded = jwt.decode(token, keys, algorithms=[ALGORITHM])
            except InvalidKeyIdError as error:
                # Another node may have rotated a moment ago.
                keys = await self._keys.trusted(KeyUse.TOKEN, now, kid=_key_id(token))
                if not keys.keys:
                    raise invalid("no key is trusted") from error
                decoded = jwt.decode(token, keys, algorithms=[ALGORITHM])
            return msgspec.convert(decoded.claims, kind), str(decoded.header.get("kid", ""))
        # RecursionError: the header is parsed before its signature is checked, and may be nested at will.
        except UnsupportedAlgorithmError as error:
            raise invalid(f"its algorithm is not {ALGORITHM}") from error
        except InvalidKeyIdError as error:
            raise invalid("its key is unknown") from error
        except BadSignatureError as error:
            raise invalid("its signature is wrong") from error
        except (JoseError, ValueError, RecursionError, msgspec.ValidationError) as error:
            raise invalid("its form is wrong") from error


def invalid(detail: str) -> Fault:
    return Fault("InvalidAuthenticationToken", detail=detail)


def _told(moment: float) -> str:
    """A time of a token for people; a signature of ours does not make every number one."""
    try:
        return clock.iso(datetime.fromtimestamp(moment, UTC))
    except (OverflowError, OSError, ValueError):
        return "a time that is none"


def _key_id(token: str) -> str:
    """The key id in the header, unverified; the caller has parsed that header once already."""
    head = token.partition(".")[0]
    return str(msgspec.json.decode(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))).get("kid", ""))
