"""Signing in on another device: the program's half, the person's half, and how the two meet (RFC 8628)."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.identity import user_codes
from outofband.identity.clients import AZURE_CLI, CLI, PORTAL
from outofband.identity.directory import Directory
from outofband.identity.oauth import OAuthFault
from outofband.identity.owners import Owners
from outofband.identity.sessions import SignedIn
from outofband.store.device_codes import LIFE
from outofband.store.directory import Tenant
from outofband.store.people import User
from tests.support.users import PASSWORD, add_user
from tests.unit.identity.conftest import BASE, OWNER, VISITOR, Started
from tests.unit.identity.flows import SCOPE, Flows, fault, given

pytestmark = pytest.mark.anyio
SECOND = timedelta(seconds=1)
PENDING, SLOW = ("authorization_pending", 70016), ("slow_down", 70016)


@pytest.fixture
async def ann(started: Started, now: datetime) -> User:
    return await add_user(started.store, started.first.tenant_id, "ann@outofband.local", now=now)


@pytest.fixture
def flows(started: Started, ann: User) -> Flows:
    return Flows(started.authority, started.store, started.first.tenant_id)


async def decide(flows: Flows, typed: str, who: SignedIn, now: datetime, *, allow: bool = True) -> None:
    await flows.authority.devices.decide(typed, who, allow=allow, visitor=VISITOR, now=now)


async def test_from_the_code_to_the_tokens(flows: Flows, ann: User, now: datetime) -> None:
    flows.tenant = "organizations"
    begun = await flows.begin_device(now)
    assert begun["verification_uri"] == f"{BASE}/device" and begun["verification_uri"] in begun["message"]
    assert begun["user_code"] in begun["message"]
    assert (begun["expires_in"], begun["interval"]) == (900, 5)
    code = begun["device_code"]
    assert fault(await flows.poll(code, now + 5 * SECOND)) == PENDING
    who, _ = await flows.sign_in(now)
    typed = begun["user_code"].lower().replace("-", " ")
    waiting = await flows.authority.devices.find(typed, VISITOR, now)
    assert (waiting.client, waiting.code.address) == (CLI, VISITOR.address)
    await decide(flows, typed, who, now)
    answer = given(await flows.poll(code, now + 6 * SECOND))
    principal = await flows.authority.verify_token(answer.access_token, now + 6 * SECOND)
    assert (principal.object_id, principal.app_id) == (ann.object_id, CLI.id)
    # The browser was only lent: what it does afterwards does not matter to the other device.
    await flows.authority.sessions.sign_out(who, VISITOR, now)
    given(await flows.refresh(str(answer.refresh_token), now + 7 * SECOND, CLI.id))
    async with flows.store.read() as tx:
        rows = (await flows.store.activity.page(tx)).items[::-1]
    assert [row.action.split("/")[-2] for row in rows] == ["signIn", "allowDevice", "signIn", "signOut"]
    assert rows[1].properties["askedFrom"] == VISITOR.address


async def test_polling_too_fast_slows_down_and_stays_slow(flows: Flows, now: datetime) -> None:
    code = (await flows.begin_device(now))["device_code"]
    said = [
        fault(await flows.poll(code, now + timedelta(seconds=at))) for at in (0, 4.4, 9, 18.8, 23, 43, 63)
    ]
    #      first  soon  10: soon  15: soon  20: soon  25  25: soon
    assert said == [PENDING, SLOW, SLOW, SLOW, SLOW, SLOW, SLOW]


async def test_polling_as_told_is_never_too_fast(flows: Flows, now: datetime) -> None:
    code = (await flows.begin_device(now))["device_code"]
    assert fault(await flows.poll(code, now)) == PENDING
    assert fault(await flows.poll(code, now + 1 * SECOND)) == SLOW
    moment = now + 1 * SECOND
    for _ in range(4):
        moment += timedelta(seconds=9.6)  # a timer of 10 seconds that is a little early
        assert fault(await flows.poll(code, moment)) == PENDING


async def test_a_refused_code(flows: Flows, now: datetime) -> None:
    begun, (who, _) = await flows.begin_device(now), await flows.sign_in(now)
    await decide(flows, begun["user_code"], who, now, allow=False)
    assert fault(await flows.poll(begun["device_code"], now)) == ("authorization_declined", 65004)
    with pytest.raises(Fault, match="DeviceCodeOver"):
        await decide(flows, begun["user_code"], who, now)


async def test_a_code_ends_after_a_quarter_of_an_hour(flows: Flows, now: datetime) -> None:
    begun, end = await flows.begin_device(now), now + LIFE
    who, _ = await flows.sign_in(end)
    with pytest.raises(Fault, match="DeviceCodeOver"):
        await flows.authority.devices.find(begun["user_code"], VISITOR, end)
    with pytest.raises(Fault, match="DeviceCodeOver"):
        await decide(flows, begun["user_code"], who, end)
    assert fault(await flows.poll(begun["device_code"], end)) == ("expired_token", 70019)
    await decide(flows, begun["user_code"], who, end - SECOND)
    assert fault(await flows.poll(begun["device_code"], end)) == ("expired_token", 70019)


async def test_a_device_code_used_twice_ends_what_it_issued(flows: Flows, now: datetime) -> None:
    begun, (who, _) = await flows.begin_device(now), await flows.sign_in(now)
    await decide(flows, begun["user_code"], who, now)
    answer = given(await flows.poll(begun["device_code"], now))
    assert fault(await flows.poll(begun["device_code"], now)) == ("invalid_grant", 54005)
    with pytest.raises(Fault, match="InvalidAuthenticationToken"):
        await flows.authority.verify_token(answer.access_token, now)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"device_code": ""}, ("invalid_request", 900144)),
        ({"device_code": "x"}, ("bad_verification_code", 70018)),
        ({"device_code": "\0"}, ("bad_verification_code", 70018)),
        ({"client_id": AZURE_CLI.id}, ("bad_verification_code", 70018)),
        ({"client_secret": "x"}, ("invalid_client", 700025)),
    ],
)
async def test_what_is_no_device_code(
    flows: Flows, now: datetime, changes: dict[str, str], expected: tuple[str, int]
) -> None:
    begun, (who, _) = await flows.begin_device(now), await flows.sign_in(now)
    await decide(flows, begun["user_code"], who, now)
    assert fault(await flows.poll(begun["device_code"], now, **changes)) == expected
    given(await flows.poll(begun["device_code"], now))


@pytest.mark.parametrize(
    ("tenant", "changes", "expected"),
    [
        ("organizations", {"client_id": PORTAL.id}, ("unauthorized_client", 7000218)),
        ("organizations", {"client_id": "nobody"}, ("unauthorized_client", 700016)),
        ("organizations", {"client_id": ""}, ("invalid_request", 900144)),
        ("organizations", {"scope": "https://other.example/.default"}, ("invalid_scope", 70011)),
        ("organizations", {"scope": "x" * 5000}, ("invalid_request", 9002313)),
        ("nowhere.example", {}, ("invalid_request", 90002)),
    ],
)
async def test_what_cannot_be_begun(
    flows: Flows, now: datetime, tenant: str, changes: dict[str, str], expected: tuple[str, int]
) -> None:
    form = {"client_id": CLI.id, "scope": SCOPE} | changes
    answer = await flows.authority.begin_device(form, tenant, base=BASE, now=now, visitor=VISITOR)
    assert isinstance(answer, OAuthFault) and (answer.error, answer.code) == expected


async def test_beginning_is_slowed_down_by_address(
    flows: Flows, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "monotonic", lambda: 100.5)
    form = {"client_id": CLI.id, "scope": SCOPE}
    for _ in range(20):
        await flows.begin_device(now)
    answer = await flows.authority.begin_device(form, "common", base=BASE, now=now, visitor=VISITOR)
    assert isinstance(answer, OAuthFault) and answer.status == 429
    assert answer.retry_after == 6
    other = msgspec.structs.replace(VISITOR, address="198.51.100.1")
    answer = await flows.authority.begin_device(form, "common", base=BASE, now=now, visitor=other)
    assert isinstance(answer, dict)


async def test_guessing_user_codes_is_slowed_down(
    flows: Flows, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "monotonic", lambda: 100.5)
    begun, find = await flows.begin_device(now), flows.authority.devices.find
    for typed in (
        "",
        "x",
        "BCDF-GHJ",
        "AEIO-UAEI",
        "\0" * 8,
        "B" * 100_000,
        "ＢＣＤＦＧＨＪＫ",
        *["ZZZZ-ZZZZ"] * 3,
    ):
        with pytest.raises(Fault, match="DeviceCodeUnknown"):
            await find(typed, VISITOR, now)
    with pytest.raises(Fault, match="TooManyTries") as raised:
        await find(begun["user_code"], VISITOR, now)
    assert raised.value.fields["seconds"] == 30
    other = msgspec.structs.replace(VISITOR, address="198.51.100.1")
    await find(begun["user_code"], other, now)


async def test_what_was_allowed_is_void_after_a_change_of_password(flows: Flows, now: datetime) -> None:
    begun, (who, _) = await flows.begin_device(now), await flows.sign_in(now)
    await decide(flows, begun["user_code"], who, now)
    new = "slow heron ladder 7"
    await flows.authority.sign_in.change_password(who, PASSWORD, new, new, visitor=VISITOR, now=now + SECOND)
    assert fault(await flows.poll(begun["device_code"], now + 2 * SECOND)) == ("invalid_grant", 50173)


async def test_somebody_of_another_tenant_cannot_allow(flows: Flows, started: Started, now: datetime) -> None:
    other = Tenant(id="99999999-0000-4000-8000-000000000000", name="O", domain="other.example", created=now)
    async with flows.store.write() as tx:
        await flows.store.directory.add_tenant(tx, other)
    await add_user(flows.store, other.id, "eve@other.example", now=now)
    begun, (eve, _) = await flows.begin_device(now), await flows.sign_in(now, "eve@other.example")
    with pytest.raises(Fault, match="WrongTenant"):
        await decide(flows, begun["user_code"], eve, now)
    assert fault(await flows.poll(begun["device_code"], now)) == PENDING


def test_user_codes() -> None:
    for _ in range(100):
        code = user_codes.make()
        assert user_codes.typed(user_codes.shown(code)) == code
        assert user_codes.typed(f"  {code.lower()[:3]} {code[3:]}.") == code
    assert user_codes.typed("BCDF-GHJKL") is None


async def test_what_was_allowed_is_void_after_all_others_were_signed_out(flows: Flows, now: datetime) -> None:
    """Somebody at a browser that was left open allowed it, and waits to fetch it until the dust settles."""
    (left_open, _), (who, _) = await flows.sign_in(now), await flows.sign_in(now)
    begun = await flows.begin_device(now)
    await decide(flows, begun["user_code"], left_open, now)
    await flows.authority.sessions.end_others(who, VISITOR, now + SECOND)
    assert fault(await flows.poll(begun["device_code"], now + 2 * SECOND)) == ("invalid_grant", 50173)


async def test_what_was_allowed_is_void_after_the_user_was_switched_off(
    flows: Flows, started: Started, ann: User, now: datetime
) -> None:
    begun, (who, _) = await flows.begin_device(now), await flows.sign_in(now)
    await decide(flows, begun["user_code"], who, now)
    directory = Directory(flows.store, started.authority.passwords, Owners(flows.store, OWNER))
    for disabled in (True, False):
        async with flows.store.write() as tx:
            user = await directory.require(tx, ann.tenant_id, ann.object_id)
            await directory.set_disabled(tx, user, disabled, now + SECOND)
    assert fault(await flows.poll(begun["device_code"], now + 2 * SECOND)) == ("invalid_grant", 50173)
