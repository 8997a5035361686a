"""Tokens: what is given to whom, and everything that must not pass as one."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from outofband.core.errors import Fault
from outofband.core.principal import PrincipalKind
from outofband.identity import tokens
from outofband.identity.keys import LEAD, LONGEST_LIFE, Keys, KeyUse
from outofband.identity.oauth import OAuthFault, TokenResponse
from outofband.identity.tokens import SKEW
from outofband.wire import grant
from tests.unit.identity.conftest import BASE, VISITOR, Started

pytestmark = pytest.mark.anyio
SECOND = timedelta(seconds=1)


def part(token: str, index: int) -> dict[str, Any]:
    text = token.split(".")[index]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))  # type: ignore[no-any-return]


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def token(started: Started, now: datetime, **changes: str) -> str:
    answer = await started.authority.issue_token(
        started.form(**changes), started.first.tenant_id, now=now, visitor=VISITOR
    )
    assert isinstance(answer, TokenResponse), answer
    return answer.access_token


async def refusal(started: Started, now: datetime, tenant: str | None = None, **changes: str) -> OAuthFault:
    form = {name: value for name, value in started.form(**changes).items() if value}
    answer = await started.authority.issue_token(
        form, tenant or started.first.tenant_id, now=now, visitor=VISITOR
    )
    assert isinstance(answer, OAuthFault)
    return answer


async def test_a_token_says_who_and_for_how_long(started: Started, now: datetime) -> None:
    text = await token(started, now)
    claims, first = part(text, 1), started.first
    assert claims["aud"] == f"{BASE}/"
    assert claims["iss"] == f"{BASE}/{first.tenant_id}/v2.0"
    assert claims["exp"] - claims["iat"] == 3599
    assert (claims["tid"], claims["oid"], claims["appid"]) == (
        first.tenant_id,
        first.object_id,
        first.client_id,
    )
    assert (claims["idtyp"], claims["xms_cc"]) == ("app", ["CP1"])
    principal = await started.authority.verify_token(text, now)
    assert principal.object_id == first.object_id
    assert principal.kind is PrincipalKind.SERVICE_PRINCIPAL
    assert principal.expires == claims["exp"]


async def test_anybody_can_check_it_with_the_published_keys(started: Started, now: datetime) -> None:
    """By hand, with nothing of the library that signed."""
    text = await token(started, now)
    document = await started.authority.discovery(started.first.tenant_id, now)
    assert isinstance(document, dict)
    assert document["issuer"] == part(text, 1)["iss"]
    assert document["token_endpoint"] == f"{BASE}/{started.first.tenant_id}/oauth2/v2.0/token"
    [key] = [k for k in (await started.authority.jwks(now))["keys"] if k["kid"] == part(text, 0)["kid"]]
    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}

    def number(value: str) -> int:
        return int.from_bytes(base64.urlsafe_b64decode(value + "=="), "big")

    signed, _, signature = text.rpartition(".")
    public = rsa.RSAPublicNumbers(number(key["e"]), number(key["n"])).public_key()
    raw = base64.urlsafe_b64decode(signature + "==")
    public.verify(raw, signed.encode(), padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(
    ("scope", "audience"),
    [
        (f"{BASE}/.default", BASE),
        (f"{BASE}//.default", f"{BASE}/"),
        ("https://host.example:8443/.default", "https://host.example:8443"),
    ],
)
async def test_audiences_with_and_without_slash(
    started: Started, now: datetime, scope: str, audience: str
) -> None:
    text = await token(started, now, scope=scope)
    assert part(text, 1)["aud"] == audience
    await started.authority.verify_token(text, now)


async def test_the_older_resource_parameter(started: Started, now: datetime) -> None:
    assert part(await token(started, now, scope="", resource=BASE), 1)["aud"] == BASE


@pytest.mark.parametrize(
    ("changes", "status", "error", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"client_secret": "", "client_assertion": "a.b.c"}, 400, "invalid_request", 9002313),
        ({"client_id": "99999999-0000-0000-0000-000000000000"}, 400, "unauthorized_client", 700016),
        ({"client_id": ""}, 400, "invalid_request", 900144),
        ({"grant_type": ""}, 400, "invalid_request", 900144),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"scope": ""}, 400, "invalid_request", 900144),
        ({"scope": BASE}, 400, "invalid_scope", 1002012),
        ({"scope": f"{BASE}/.default openid"}, 400, "invalid_scope", 1002012),
        ({"scope": "https://other.example/.default"}, 400, "invalid_resource", 500011),
        ({"scope": f"{BASE}///.default"}, 400, "invalid_resource", 500011),
        ({"claims": "{"}, 400, "invalid_request", 9002313),
        ({"claims": '{"access_token": {"xms_cc": []}}'}, 400, "invalid_request", 9002313),
        ({"claims": "[" * 3000}, 400, "invalid_request", 9002313),
        ({"client_secret": "x" * 5000}, 400, "invalid_request", 9002313),
    ],
)
async def test_refusals_in_the_words_clients_know(
    started: Started, now: datetime, changes: dict[str, str], status: int, error: str, code: int
) -> None:
    fault = await refusal(started, now, **changes)
    body = fault.body(BASE)
    assert set(body) == {
        "error",
        "error_description",
        "error_codes",
        "timestamp",
        "trace_id",
        "correlation_id",
        "error_uri",
    }
    assert body["error_uri"] == f"{BASE}/error?code={code}"
    assert body["correlation_id"] == VISITOR.correlation_id
    assert (fault.status, body["error"], body["error_codes"]) == (status, error, [code])
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert started.secret not in str(body)
    assert ("WWW-Authenticate" in fault.headers()) is (status == 401)


@pytest.mark.parametrize(("tenant", "code"), [("common", 50059), ("organizations", 50059), ("nobody", 90002)])
async def test_the_tenant_must_be_named(started: Started, now: datetime, tenant: str, code: int) -> None:
    assert (await refusal(started, now, tenant)).code == code
    answer = await started.authority.discovery(tenant, now)
    assert isinstance(answer, OAuthFault) is (code == 90002)


async def test_ended_and_disabled(started: Started, now: datetime) -> None:
    store, first = started.store, started.first
    async with store.write() as tx:
        _, short = await store.principals.add_secret(
            tx, first.object_id, label="short", now=now, expires=now + SECOND
        )
    await token(started, now, client_secret=short)
    assert (await refusal(started, now + SECOND, client_secret=short)).code == 7000222
    text = await token(started, now)
    async with store.write() as tx:
        await store.principals.set_disabled(tx, first.object_id, True)
    assert (await refusal(started, now)).code == 7000112
    with pytest.raises(Fault, match="InvalidAuthenticationToken"):
        await started.authority.verify_token(text, now)


async def test_credentials_in_a_basic_header(started: Started, now: datetime) -> None:
    form = {k: v for k, v in started.form().items() if k not in ("client_id", "client_secret")}
    issue, tenant = started.authority.issue_token, started.first.tenant_id

    def header(client: str, secret: str) -> str:
        return "Basic " + base64.b64encode(f"{quote_plus(client)}:{quote_plus(secret)}".encode()).decode()

    good = header(started.first.client_id, started.secret)
    assert isinstance(await issue(form, tenant, now=now, visitor=VISITOR, authorization=good), TokenResponse)
    for bad in (
        "Bearer x",
        "Basic !",
        "Basic " + base64.b64encode(b"nocolon").decode(),
        "Basic " + "A" * 6000,
    ):
        answer = await issue(form, tenant, now=now, visitor=VISITOR, authorization=bad)
        assert isinstance(answer, OAuthFault) and answer.code == 9002313
    twice = await issue(started.form(), tenant, now=now, visitor=VISITOR, authorization=good)
    assert isinstance(twice, OAuthFault) and twice.code == 9002313


async def test_guessing_is_stopped_and_others_are_not(started: Started, now: datetime) -> None:
    issue, tenant = started.authority.issue_token, started.first.tenant_id
    guesser = msgspec.structs.replace(VISITOR, address="192.0.2.66")
    codes = []
    for _ in range(11):
        answer = await issue(started.form(client_secret="guess"), tenant, now=now, visitor=guesser)
        assert isinstance(answer, OAuthFault)
        codes.append(answer.code)
    assert codes == [7000215] * 10 + [50196]
    right = await issue(started.form(), tenant, now=now, visitor=guesser)
    assert isinstance(right, OAuthFault) and right.status == 429
    assert 0 < int(right.headers()["Retry-After"]) <= 6
    assert isinstance(await issue(started.form(), tenant, now=now, visitor=VISITOR), TokenResponse)


async def test_a_token_ends(started: Started, now: datetime) -> None:
    text = await token(started, now)
    await started.authority.verify_token(text, now + (3598 + SKEW) * SECOND)
    with pytest.raises(Fault, match="ExpiredAuthenticationToken") as caught:
        await started.authority.verify_token(text, now + (3599 + SKEW) * SECOND)
    assert caught.value.fields["expired"] == "2026-03-04T06:06:06.000000Z"
    await started.authority.verify_token(text, now - SKEW * SECOND)
    with pytest.raises(Fault, match=r"not valid before 2026-03-04T05:06:07\.000000Z, and it is") as caught:
        await started.authority.verify_token(text, now - (SKEW + 1) * SECOND)
    assert "2026-03-04T05:04:06" in caught.value.fields["detail"]


async def test_what_is_no_token(started: Started, now: datetime) -> None:
    good = await token(started, now)
    head, body, signature = good.split(".")
    kid = part(good, 0)["kid"]
    other = RSAKey.generate_key(2048, {"kid": kid}, private=True)
    public = (await started.authority.jwks(now))["keys"][0]
    pem = RSAKey.import_key(public).as_pem(private=False)
    form, forged, no_key = "its form is wrong", "its signature is wrong", "its key is unknown"
    algorithm = "its algorithm is not RS256"
    texts = [
        ("", form),
        ("x", form),
        ("..", form),
        (f"{head}.{body}.", forged),
        (f"{head}.{body}", form),
        (f"{head}.{encoded(part(good, 1) | {'oid': 'somebody'})}.{signature}", forged),
        (f"{encoded({'alg': 'none'})}.{body}.", algorithm),
        (f"{encoded({'alg': 'RS256', 'kid': 'unknown'})}.{body}.{signature}", no_key),
        (f"{encoded({'alg': 'RS256', 'kid': 5})}.{body}.{signature}", form),
        (f"{encoded([])}.{body}.{signature}", form),
        (base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("=") + f".{body}.{signature}", form),
        (
            base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"' + b"\xff" * 5 + b'"}').decode() + f".{body}.A",
            form,
        ),
        (jwt.encode({"alg": "RS256", "kid": kid}, part(good, 1), other), forged),
        # A public key used as an HMAC secret: the classic confusion of algorithms.
        (
            jwt.encode(
                {"alg": "HS256", "kid": kid}, part(good, 1), OctKey.import_key(base64.b64encode(pem).decode())
            ),
            algorithm,
        ),
        (good + "A" * 9000, "it is too long"),
        ("é" + good, form),
    ]
    for text, told in texts:
        with pytest.raises(Fault, match=r"^InvalidAuthenticationToken\(") as caught:
            await started.authority.verify_token(text, now)
        assert caught.value.fields["detail"] == told, text[:80]


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "https://other.example"},
        {"aud": [BASE]},
        {"iss": "https://other.example/x/v2.0"},
        {"tid": "99999999-0000-0000-0000-000000000000"},
        {"oid": "99999999-0000-0000-0000-000000000000"},
        {"appid": "99999999-0000-0000-0000-000000000000"},
        {"exp": "soon"},
        {"exp": None},
        {"nbf": True},
    ],
)
async def test_our_own_signature_is_not_enough(
    started: Started, now: datetime, change: dict[str, Any]
) -> None:
    claims = part(await token(started, now), 1) | change
    key = await started.keys.signing(KeyUse.TOKEN, now)
    text = jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)
    with pytest.raises(Fault, match=r"^InvalidAuthenticationToken\("):
        await started.authority.verify_token(text, now)


async def test_a_caller_of_another_tenant_is_told(started: Started, now: datetime) -> None:
    principal = await started.authority.verify_token(await token(started, now), now)
    started.authority.require_tenant(principal, started.first.tenant_id)
    with pytest.raises(Fault, match="InvalidAuthenticationTokenTenant"):
        started.authority.require_tenant(principal, "other")


async def test_a_challenge_cannot_be_broken_out_of(started: Started) -> None:
    value = started.authority.challenge("t", 'a "quote"\r\nX: y\\')
    assert (
        value
        == f'Bearer authorization_uri="{BASE}/t", error="invalid_token", error_description="a quoteX: y"'
    )


async def test_a_rotation_loses_no_token(started: Started, now: datetime) -> None:
    """The new key is known before it signs, the old one is trusted until its last token has ended."""
    old = await token(started, now)
    kid = (await started.keys.rotate(KeyUse.TOKEN, now)).kid
    assert {key["kid"] for key in (await started.authority.jwks(now))["keys"]} == {kid, part(old, 0)["kid"]}
    before, after = now + LEAD - SECOND, now + LEAD
    last = await token(started, before)
    assert part(last, 0)["kid"] == part(old, 0)["kid"]
    first = await token(started, after)
    assert part(first, 0)["kid"] == kid
    for text in (last, first):
        await started.authority.verify_token(text, after + 3000 * SECOND)
    gone = after + LONGEST_LIFE
    assert [key["kid"] for key in (await started.authority.jwks(gone))["keys"]] == [kid]


async def test_a_key_that_another_node_made_is_found(started: Started, now: datetime) -> None:
    """This node has read its keys a moment ago; a token by a key it does not know makes it look again."""
    await token(started, now)
    elsewhere = Keys(started.store)
    # Two emergencies in a row: the key that signs then was made after this node had read them.
    for _ in range(2):
        lost = (await elsewhere.signing(KeyUse.TOKEN, now)).kid
        kid = (await elsewhere.revoke(lost or "", now)).kid
    key = await elsewhere.signing(KeyUse.TOKEN, now + 6 * SECOND)
    assert key.kid == kid
    claims = part(await token(started, now), 1)
    text = jwt.encode({"alg": "RS256", "kid": kid}, claims, key)
    with pytest.raises(Fault):
        await started.authority.verify_token(text, now + SECOND)
    await started.authority.verify_token(text, now + 6 * SECOND)


async def test_keys_are_made_once(started: Started, now: datetime) -> None:
    again = Keys(started.store)
    await again.ensure(now + SECOND)
    for use in KeyUse:
        here, there = await started.keys.public(use, now), await again.public(use, now)
        assert here == there and len(here) == 2  # the one that signs, and the next
    assert (await started.keys.grant_key(now)).kid != (await started.keys.ticket_key(now)).kid


async def test_grants_and_tickets_are_checked_with_the_published_keys(
    started: Started, now: datetime
) -> None:
    ticket = grant.Ticket(jti="j", session="s", vm="v", port="0", principal="p", name="ann", exp=60.0)
    text = grant.sign(ticket, await started.keys.ticket_key(now))
    keys = grant.key_set(await started.keys.public(KeyUse.TICKET, now))
    assert grant.verify(text, keys, grant.Ticket, 1.0) == ticket
    others = await started.keys.trusted(KeyUse.GRANT, now)
    with pytest.raises(Fault, match="TicketInvalid"):
        grant.verify(text, others, grant.Ticket, 1.0)


async def test_a_token_that_is_known_ends_with_its_key(started: Started, now: datetime) -> None:
    """Its signature is checked once only, but whether its key counts is asked each time."""
    text = await token(started, now)
    await started.authority.verify_token(text, now)
    async with started.store.write() as tx:
        await started.store.keyring.retire(tx, part(text, 0)["kid"], retired=now, expires=now + 30 * SECOND)
    with pytest.raises(Fault, match="InvalidAuthenticationToken"):
        await started.authority.verify_token(text, now + 61 * SECOND)


async def test_a_token_that_is_known_ends_with_its_principal(started: Started, now: datetime) -> None:
    text = await token(started, now)
    principal = await started.authority.verify_token(text, now)
    async with started.store.write() as tx:
        await started.store.principals.set_disabled(tx, principal.object_id, disabled=True)
    with pytest.raises(Fault, match="InvalidAuthenticationToken"):
        await started.authority.verify_token(text, now)


async def test_a_token_that_is_known_ends_in_its_time(started: Started, now: datetime) -> None:
    text = await token(started, now)
    await started.authority.verify_token(text, now)
    with pytest.raises(Fault, match="ExpiredAuthenticationToken"):
        await started.authority.verify_token(text, now + 3720 * SECOND)


async def test_few_tokens_are_known(started: Started, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MAX_KNOWN", 2)
    texts = [await token(started, now + number * SECOND) for number in range(4)]
    for text in texts * 2:
        await started.authority.verify_token(text, now + 5 * SECOND)
    assert len(started.authority.tokens._known) == 2
