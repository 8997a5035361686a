"""The id token of a provider: believed when all of OpenID Connect Core 3.1.3.7 holds, and not before.

What is in it afterwards is what the provider says of somebody, within bounds.
"""

from __future__ import annotations

import base64
import hmac
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jws import JWSRegistry

from outofband.identity.external.metadata import Key
from outofband.identity.external.settings import Settings
from outofband.identity.tokens import SKEW

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
"""Nothing symmetric: the client secret is no key to prove who somebody is. And never `none`."""
MAX_ID_TOKEN = 64 * 1024
"""Characters; one with the ids of 200 groups has about 15000."""
MAX_SUBJECT = 255
"""OpenID Connect Core, section 2."""
MAX_AGE = 3600
"""Seconds since it was made; it was asked for a moment ago."""
MAX_GROUPS = 5000
MAX_VALUE = 512
_FAMILIES = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP", "Ed25519": "OKP"}


class NotBelieved(Exception):
    """What is wrong with a token, for people."""


class _Registry(JWSRegistry):
    max_header_length = 8192
    max_payload_length = MAX_ID_TOKEN


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str = ""


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    """Their types are checked before their values."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    iat: float
    nonce: str
    azp: str | None = None
    nbf: float | None = None
    auth_time: float | None = None
    amr: list[str] = []
    acr: str | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of somebody."""

    subject: str
    name: str
    """How it is called there, for people to read; may be empty."""
    display_name: str
    email: str | None
    verified: bool
    """The provider says that the address was shown to be the person's."""
    groups: tuple[str, ...] | None
    """None: it says nothing of groups."""
    factors: bool
    """It counts as proved with a second factor."""

    def __repr__(self) -> str:
        return f"Told({self.subject!r})"


def head(token: str) -> _Header:
    """Read before the signature was checked, to find the key. Raises NotBelieved."""
    first, _, rest = token.partition(".")
    if len(token) > MAX_ID_TOKEN or rest.count(".") != 1:
        raise NotBelieved("it is no signed JWT of a size that is read")
    try:
        raw = base64.b64decode(first + "=" * (-len(first) % 4), altchars=b"-_", validate=True)
        found = msgspec.json.decode(raw, type=_Header)
    except (ValueError, RecursionError) as error:
        raise NotBelieved("its header cannot be read") from error
    if found.alg not in ALGORITHMS:
        raise NotBelieved(f"its algorithm is none of {', '.join(ALGORITHMS)}")
    return found


def key_for(header: _Header, keys: Mapping[str, Key]) -> Key | None:
    """The key that a header names; without a name the only one that fits its algorithm."""
    family = _FAMILIES[header.alg]
    if header.kid:
        found = keys.get(header.kid)
        return found if found is not None and found.key_type == family else None
    fitting = [each for each in keys.values() if each.key_type == family]
    return fitting[0] if len(fitting) == 1 else None


def verify(
    token: str,
    key: Key,
    *,
    algorithm: str,
    issuer: str,
    client_id: str,
    nonce: str,
    now: datetime,
    since: datetime | None = None,
) -> dict[str, Any]:
    """The claims of an id token. `since`: the person has to have proved anew who they are since then.

    Raises NotBelieved.
    """
    raw = _signed(token, key, algorithm)
    try:
        claims = msgspec.convert(raw, _Claims)
    except msgspec.ValidationError as error:
        raise NotBelieved("iss, sub, aud, exp, iat and nonce have to be there, of their types") from error
    if claims.iss != issuer:
        raise NotBelieved("its issuer is another one")
    named = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if client_id not in named:
        raise NotBelieved("it is for another client")
    if (len(named) > 1 and claims.azp is None) or claims.azp not in (None, client_id):
        raise NotBelieved("it was given to another client")
    # JSON may hold half a surrogate pair, which UTF-8 does not.
    if not hmac.compare_digest(claims.nonce.encode("utf-8", "surrogatepass"), nonce.encode()):
        raise NotBelieved("it belongs to another sign-in")
    if not 0 < len(claims.sub) <= MAX_SUBJECT or not claims.sub.isprintable():
        raise NotBelieved(f"its subject has not 1 to {MAX_SUBJECT} printable characters")
    _check_times(claims, now, since)
    return raw


def told(claims: Mapping[str, Any], more: Mapping[str, Any], settings: Settings) -> Told:
    """What the id token says, and `more` from the userinfo endpoint where the token is silent.

    Raises NotBelieved when the groups are said to be elsewhere: without them nobody knows who this may be.
    """
    every = {**more, **claims}
    email = _text(every.get("email"))
    # What one source says of an address says nothing of the other's.
    of_email = every if more.get("email") == email else claims
    if "email" not in claims:
        of_email = more
    name = _text(every.get(settings.name_claim)) or _text(every.get("preferred_username")) or (email or "")
    return Told(
        subject=str(claims["sub"]),
        name=name,
        display_name=_text(every.get("name")) or name,
        email=email,
        # Some write it as text; only what says yes is one.
        verified=of_email.get("email_verified") in (True, "true"),
        groups=_groups(every, settings.groups_claim),
        factors=_factors(claims, settings.second_factor),
    )


def lacks(claims: Mapping[str, Any], settings: Settings) -> bool:
    """Whether the userinfo endpoint is worth asking."""
    groups = settings.groups_claim
    wanted = {settings.name_claim, *({"email", "email_verified"} if "email" in settings.scopes else ())}
    return any(name not in claims for name in wanted) or (
        groups is not None and _found(claims, groups) is None
    )


def _signed(token: str, key: Key, algorithm: str) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            # Providers still say `EdDSA` (RFC 8037), which RFC 9864 calls Ed25519.
            warnings.simplefilter("ignore", SecurityWarning)
            registry = _Registry(algorithms=[algorithm], strict_check_header=False)
            return jwt.decode(token, key, registry=registry).claims
    except (JoseError, ValueError, RecursionError) as error:
        raise NotBelieved("its signature is not by a key of the provider") from error


def _check_times(claims: _Claims, now: datetime, since: datetime | None) -> None:
    here = now.timestamp()
    if claims.exp + SKEW <= here:
        raise NotBelieved(f"it ended {here - claims.exp:.0f} seconds ago; compare the clocks")
    if claims.iat > here + SKEW or (claims.nbf is not None and claims.nbf > here + SKEW):
        ahead = max(claims.iat, claims.nbf or claims.iat) - here
        raise NotBelieved(f"it was made {ahead:.0f} seconds from now; compare the clocks")
    if claims.iat < here - MAX_AGE - SKEW:
        raise NotBelieved("it was made too long ago")
    if since is not None and (claims.auth_time is None or claims.auth_time < since.timestamp() - SKEW):
        raise NotBelieved("the provider did not ask who it is, as it was asked to")


def _text(value: Any) -> str | None:
    """A claim as one printable line, or None."""
    if not isinstance(value, str):
        return None
    line = " ".join(value.split())
    return line if line and len(line) <= MAX_VALUE and line.isprintable() else None


def _found(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by a path with dots, as Keycloak's `realm_access.roles`."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def _groups(claims: Mapping[str, Any], name: str | None) -> tuple[str, ...] | None:
    if name is None:
        return None
    value = _found(claims, name)
    if value is None:
        elsewhere = claims.get("_claim_names")
        if isinstance(elsewhere, Mapping) and name in elsewhere:
            raise NotBelieved(
                "the groups are too many for it and left out; let the provider tell only those that are "
                "assigned to this application"
            )
        return ()
    given: Sequence[Any] = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    if len(given) > MAX_GROUPS:
        raise NotBelieved(f"it names more than {MAX_GROUPS} groups")
    return tuple(dict.fromkeys(each for each in given if isinstance(each, str) and len(each) <= MAX_VALUE))


def _factors(claims: Mapping[str, Any], counted: Sequence[str]) -> bool:
    """Only what the id token itself says: the userinfo endpoint is about a person, not about a sign-in."""
    proved = claims.get("amr")
    words = {f"amr={each}" for each in proved} if isinstance(proved, list) else set()
    if isinstance(claims.get("acr"), str):
        words.add(f"acr={claims['acr']}")
    return bool(words & set(counted))
