"""Id tokens of a provider: what is believed, and what is not, each for its reason."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from outofband.core.errors import Fault
from outofband.identity.external import id_token
from outofband.identity.external.id_token import NotBelieved, told
from outofband.identity.external.metadata import Key, Metadata, Providers
from outofband.identity.external.settings import Settings
from outofband.store.identity_providers import IdentityProvider

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ISSUER, CLIENT, NONCE = "https://login.example.org", "outofband", "n-0S6_WzA2Mj"
RSA = RSAKey.generate_key(2048, {"kid": "r"})
KEYS: dict[str, Key] = {
    "r": RSA,
    "e": ECKey.generate_key("P-256", {"kid": "e"}),
    "o": OKPKey.generate_key("Ed25519", {"kid": "o"}),
}


def claims(**changes: Any) -> dict[str, Any]:
    second = int(NOW.timestamp())
    made = {
        "iss": ISSUER,
        "sub": "24400320",
        "aud": CLIENT,
        "exp": second + 300,
        "iat": second,
        "nonce": NONCE,
    } | changes
    return {name: value for name, value in made.items() if value is not None}


def signed(kid: str = "r", alg: str = "RS256", key: Any = None, **changes: Any) -> str:
    return jwt.encode({"alg": alg, "kid": kid}, claims(**changes), key or KEYS[kid], algorithms=[alg])


def read(token: str, **more: Any) -> dict[str, Any]:
    header = id_token.head(token)
    key = id_token.key_for(header, KEYS)
    if key is None:
        raise NotBelieved("no key")
    return id_token.verify(
        token, key, algorithm=header.alg, issuer=ISSUER, client_id=CLIENT, nonce=NONCE, now=NOW, **more
    )


@pytest.mark.parametrize(("kid", "alg"), [("r", "RS256"), ("r", "PS256"), ("e", "ES256"), ("o", "Ed25519")])
def test_each_algorithm_that_is_taken(kid: str, alg: str) -> None:
    assert read(signed(kid, alg))["sub"] == "24400320"


def test_a_key_without_a_name_is_the_only_one_of_its_kind() -> None:
    token = jwt.encode({"alg": "RS256"}, claims(), RSA, algorithms=["RS256"])
    assert read(token)["iss"] == ISSUER
    header = id_token.head(token)
    assert id_token.key_for(header, {"a": RSA, "b": RSAKey.generate_key(2048)}) is None


def plain(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def test_no_other_algorithm_and_no_other_key() -> None:
    unsigned = f"{plain({'alg': 'none', 'kid': 'r'})}.{plain(claims())}."
    # The public key, which everybody knows, as the secret of a symmetric algorithm.
    text = f"{plain({'alg': 'HS256', 'kid': 'r'})}.{plain(claims())}"
    mac = hmac.digest(RSA.as_pem(private=False), text.encode(), "sha256")
    confused = f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    other = RSAKey.generate_key(2048)
    for token, reason in (
        (unsigned, "algorithm"),
        (confused, "algorithm"),
        (signed(alg="RS512"), "algorithm"),
        (signed(key=other), "signature"),
        (f"{plain({'alg': 'ES256', 'kid': 'r'})}.{plain(claims())}.AAAA", "no key"),
        (signed()[:-4] + "AAAA", "signature"),
        ("a.b", "no signed JWT"),
        ("a.b.c.d.e", "no signed JWT"),
        ("x" * 70_000, "no signed JWT"),
        ("ä.b.c", "header"),
        (f"{plain({'alg': ['RS256']})}.x.y", "header"),
    ):
        with pytest.raises(NotBelieved, match=reason):
            read(token)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": f"{ISSUER}/"}, "issuer"),
        ({"aud": "another"}, "for another client"),
        ({"aud": ["another"]}, "for another client"),
        ({"aud": [CLIENT, "another"]}, "given to another"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "given to another"),
        ({"azp": "another"}, "given to another"),
        ({"nonce": "another"}, "another sign-in"),
        ({"nonce": None}, "have to be there"),
        ({"sub": ""}, "subject"),
        ({"sub": "x" * 256}, "subject"),
        ({"sub": 5}, "have to be there"),
        ({"exp": NOW.timestamp() - 120}, "ended"),
        ({"exp": None}, "have to be there"),
        ({"iat": NOW.timestamp() + 121}, "from now"),
        ({"nbf": NOW.timestamp() + 121}, "from now"),
        ({"iat": NOW.timestamp() - 3721}, "too long ago"),
        ({"exp": "tomorrow"}, "have to be there"),
    ],
)
def test_every_claim_is_checked(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotBelieved, match=reason):
        read(signed(**changes))


def test_half_a_surrogate_pair_is_a_wrong_nonce() -> None:
    """JSON can say it, and UTF-8 cannot."""
    payload = json.dumps(claims(nonce="\ud800")).encode()
    with pytest.raises(NotBelieved, match="another sign-in"):
        read(jws.serialize_compact({"alg": "RS256", "kid": "r"}, payload, RSA))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW.timestamp() - 119},
        {"iat": NOW.timestamp() + 119},
        {"aud": [CLIENT, "another"], "azp": CLIENT},
        {"azp": CLIENT},
        {"iat": NOW.timestamp() - 3000},
    ],
)
def test_two_minutes_between_clocks_are_tolerated(changes: dict[str, Any]) -> None:
    read(signed(**changes))


def test_a_proof_is_younger_than_the_question() -> None:
    since = NOW - timedelta(seconds=30)
    read(signed(auth_time=since.timestamp()), since=since)
    for moment in (None, since.timestamp() - 121):
        with pytest.raises(NotBelieved, match="did not ask"):
            read(signed(auth_time=moment), since=since)


def test_what_is_said_is_taken_within_bounds() -> None:
    settings = Settings(groups_claim="realm_access.roles", second_factor=("amr=mfa", "acr=2"))
    said = told(
        {
            "sub": "1",
            "email": "ada@example.org",
            "email_verified": "false",
            "name": "Ada\u202e L.",
            "realm_access": {"roles": ["a", "b", "a", 5, None]},
            "amr": ["pwd", "mfa"],
        },
        {"preferred_username": "ada", "email_verified": True, "sub": "1"},
        settings,
    )
    assert (said.name, said.display_name, said.email, said.verified) == (
        "ada",
        "ada",
        "ada@example.org",
        False,
    )
    assert (said.groups, said.factors) == (("a", "b"), True)
    # What userinfo says of a second factor is about no sign-in.
    assert not told({"sub": "1"}, {"amr": ["mfa"], "acr": "2"}, settings).factors
    assert told({"sub": "1", "acr": "2"}, {}, settings).factors
    assert not told({"sub": "1", "acr": "2", "amr": ["mfa"]}, {}, Settings()).factors
    assert told({"sub": "1"}, {}, settings).groups == ()
    assert told({"sub": "1", "g": "one"}, {}, Settings(groups_claim="g")).groups == ("one",)
    assert told(
        {"sub": "1", "https://x.example/g": ["one"]}, {}, Settings(groups_claim="https://x.example/g")
    ).groups
    for claims_ in ({"_claim_names": {"groups": "src1"}}, {"groups": ["x"] * 5001}):
        with pytest.raises(NotBelieved):
            told({"sub": "1", **claims_}, {}, Settings(groups_claim="groups"))


@pytest.mark.parametrize(
    ("token", "userinfo", "verified"),
    [
        ({"email": "a@x"}, {"email": "b@x", "email_verified": True}, False),
        ({"email": "a@x"}, {"email": "a@x", "email_verified": True}, True),
        ({"email": "a@x", "email_verified": True}, {"email": "b@x", "email_verified": False}, True),
        ({"email_verified": True}, {"email": "b@x"}, False),
        ({}, {"email": "b@x", "email_verified": True}, True),
        ({"email": "a@x", "email_verified": False}, {"email": "a@x", "email_verified": True}, False),
    ],
)
def test_who_verified_an_address_is_who_says_it(
    token: dict[str, Any], userinfo: dict[str, Any], verified: bool
) -> None:
    assert told({"sub": "1"} | token, userinfo, Settings()).verified is verified


@pytest.mark.anyio
async def test_who_waited_for_a_vain_attempt_makes_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten people at a provider that does not answer wait as long as one; the next one asks again."""
    asked = 0

    async def fails(self: Providers, provider: IdentityProvider) -> Metadata:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.05)
        raise Fault("ProviderUnreachable", name=provider.name, detail="it hangs")

    monkeypatch.setattr(Providers, "_discover", fails)
    provider = IdentityProvider(
        id="p",
        tenant_id="t",
        name="Corp",
        issuer=ISSUER,
        client_id=CLIENT,
        secret=None,
        wrap="",
        settings={},
        disabled=False,
        created=NOW,
        changed=NOW,
        changed_by="test",
    )
    providers = Providers()
    ends = await asyncio.gather(*(providers.metadata(provider) for _ in range(10)), return_exceptions=True)
    assert [getattr(each, "code", "") for each in ends] == ["ProviderUnreachable"] * 10
    assert asked == 1
    with pytest.raises(Fault, match="ProviderUnreachable"):
        await providers.metadata(provider)
    assert asked == 2
