"""Codes and refresh tokens of people: what is given, what is refused, what ends what."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta

import pytest

from outofband.core.errors import Fault
from outofband.core.principal import PrincipalKind
from outofband.identity.clients import CLI, PORTAL
from outofband.identity.grants import NATIVE_LIFE
from outofband.identity.sessions import BROWSER_LIFE
from outofband.store import codes
from outofband.store.people import User
from outofband.store.sign_ins import BROWSER_IDLE, NATIVE_IDLE
from tests.support.users import PASSWORD
from tests.unit.identity.conftest import ANN, BASE, VISITOR, Started
from tests.unit.identity.flows import SCOPE, Flows, claims, fault, given

pytestmark = pytest.mark.anyio
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def flows(started: Started, ann: User) -> Flows:
    return Flows(started.authority, started.store, started.first.tenant_id)


async def dead(flows: Flows, token: str, now: datetime) -> None:
    with pytest.raises(Fault, match="InvalidAuthenticationToken"):
        await flows.authority.verify_token(token, now)


async def acts(flows: Flows) -> list[str]:
    async with flows.store.read() as tx:
        return [each.action.split("/")[-2] for each in (await flows.store.activity.page(tx)).items]


# --- what is given


async def test_what_a_person_is_given(flows: Flows, ann: User, now: datetime) -> None:
    who, _ = await flows.sign_in(now)
    answer = given(await flows.redeem(await flows.code(who, now), now))
    access, identity = claims(answer.access_token), claims(str(answer.id_token))
    assert (access["aud"], access["iss"]) == (BASE, f"{BASE}/{flows.tenant}/v2.0")
    assert (access["oid"], access["tid"]) == (ann.object_id, flows.tenant)
    assert access["upn"] == access["unique_name"] == access["preferred_username"] == ANN
    assert (access["scp"], access["idtyp"], access["name"]) == ("user_impersonation", "user", "Ann")
    assert access["appid"] == access["azp"] == identity["aud"] == PORTAL.id
    assert (identity["nonce"], identity["preferred_username"]) == ("n1", ANN)
    assert identity["sid"] == access["sid"] and "idtyp" not in identity
    assert identity["auth_time"] == int(now.timestamp())
    info = base64.urlsafe_b64decode(str(answer.client_info) + "==")
    assert json.loads(info) == {"uid": ann.object_id, "utid": flows.tenant}
    assert set(SCOPE.split()) <= set(str(answer.scope).split())
    assert answer.expires_in == 3599
    principal = await flows.authority.verify_token(answer.access_token, now)
    assert (principal.kind, principal.name) == (PrincipalKind.USER, ANN)
    assert (principal.object_id, principal.session) == (ann.object_id, access["sid"])


async def test_only_what_is_asked_for(flows: Flows, now: datetime) -> None:
    who, _ = await flows.sign_in(now)
    code = await flows.code(who, now, scope=f"{BASE}/.default")
    answer = given(await flows.redeem(code, now, client_info=""))
    body = {name for name in ("refresh_token", "id_token", "client_info") if getattr(answer, name)}
    assert body == set()


@pytest.mark.parametrize("tenant", ["organizations", "common", "outofband.local"])
async def test_the_tenant_may_be_left_to_the_person(flows: Flows, now: datetime, tenant: str) -> None:
    flows.tenant = tenant
    who, _ = await flows.sign_in(now)
    answer = given(await flows.redeem(await flows.code(who, now), now))
    answer = given(await flows.refresh(str(answer.refresh_token), now))
    await flows.authority.verify_token(answer.access_token, now)


async def test_an_id_token_is_no_access_token(flows: Flows, now: datetime) -> None:
    who, _ = await flows.sign_in(now)
    answer = given(await flows.redeem(await flows.code(who, now), now))
    await dead(flows, str(answer.id_token), now)
    assert await flows.authority.tokens.hint(answer.access_token, now) is None
    hint = await flows.authority.tokens.hint(str(answer.id_token), now + timedelta(days=1))
    assert hint is not None and hint.oid == who.user.object_id


# --- codes


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"code_verifier": "w" * 43}, ("invalid_grant", 501481)),
        ({"code_verifier": "v" * 42}, ("invalid_grant", 501481)),
        ({"code_verifier": "v" * 43 + "\n"}, ("invalid_grant", 501481)),
        ({"code_verifier": "v" * 4000}, ("invalid_grant", 501481)),
        ({"redirect_uri": f"{BASE}/portal"}, ("invalid_grant", 50011)),
        ({"client_id": CLI.id}, ("invalid_grant", 9002313)),
    ],
)
async def test_whoever_shows_a_code_otherwise_uses_it_up(
    flows: Flows, now: datetime, changes: dict[str, str], expected: tuple[str, int]
) -> None:
    who, _ = await flows.sign_in(now)
    code = await flows.code(who, now)
    assert fault(await flows.redeem(code, now, **changes)) == expected
    assert fault(await flows.redeem(code, now)) == ("invalid_grant", 54005)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"code": ""}, ("invalid_request", 900144)),
        ({"code_verifier": ""}, ("invalid_request", 900144)),
        ({"redirect_uri": ""}, ("invalid_request", 900144)),
        ({"client_id": ""}, ("invalid_request", 900144)),
        ({"code": "x"}, ("invalid_grant", 9002313)),
        ({"code": "\0"}, ("invalid_grant", 9002313)),
        ({"code": "x" * 4096}, ("invalid_grant", 9002313)),
        ({"code": "x" * 4097}, ("invalid_request", 9002313)),
        ({"client_id": "99999999-0000-0000-0000-000000000000"}, ("unauthorized_client", 700016)),
        ({"client_secret": "s"}, ("invalid_client", 700025)),
        ({"client_assertion": "s"}, ("invalid_client", 700025)),
        ({"claims": "{"}, ("invalid_request", 9002313)),
    ],
)
async def test_what_is_refused_without_touching_the_code(
    flows: Flows, now: datetime, changes: dict[str, str], expected: tuple[str, int]
) -> None:
    who, _ = await flows.sign_in(now)
    code = await flows.code(who, now)
    assert fault(await flows.redeem(code, now, **changes)) == expected
    given(await flows.redeem(code, now))


async def test_a_code_used_twice_ends_what_it_issued(flows: Flows, now: datetime) -> None:
    who, secret = await flows.sign_in(now)
    code = await flows.code(who, now)
    first = given(await flows.redeem(code, now))
    other = given(await flows.redeem(await flows.code(who, now), now))
    assert fault(await flows.redeem(code, now)) == ("invalid_grant", 54005)
    await dead(flows, first.access_token, now)
    assert fault(await flows.refresh(str(first.refresh_token), now)) == ("invalid_grant", 50173)
    # No more than that: the browser and its other pages go on.
    await flows.authority.verify_token(other.access_token, now)
    assert await flows.authority.sessions.at(secret, now) == who
    assert (await acts(flows))[0] == "endSession"


async def test_a_code_is_good_for_a_minute(flows: Flows, now: datetime) -> None:
    who, _ = await flows.sign_in(now)
    in_time, late = await flows.code(who, now), await flows.code(who, now)
    given(await flows.redeem(in_time, now + codes.LIFE - SECOND))
    assert fault(await flows.redeem(late, now + codes.LIFE)) == ("invalid_grant", 70008)


async def test_a_code_is_worth_nothing_after_the_sign_out(flows: Flows, now: datetime) -> None:
    who, _ = await flows.sign_in(now)
    code = await flows.code(who, now)
    await flows.authority.sessions.sign_out(who, VISITOR, now)
    assert fault(await flows.redeem(code, now)) == ("invalid_grant", 50173)


async def test_a_code_of_another_tenants_request(flows: Flows, now: datetime) -> None:
    who, _ = await flows.sign_in(now)
    code = await flows.code(who, now)
    flows.tenant = "elsewhere.example"
    assert fault(await flows.redeem(code, now)) == ("invalid_grant", 50020)


# --- refresh tokens


async def test_each_refresh_token_brings_the_next(flows: Flows, now: datetime) -> None:
    who, _ = await flows.sign_in(now)
    answer = given(await flows.redeem(await flows.code(who, now), now))
    seen = {str(answer.refresh_token)}
    for hour in range(1, 5):
        moment = now + timedelta(hours=hour)
        answer = given(await flows.refresh(str(answer.refresh_token), moment))
        assert str(answer.refresh_token) not in seen
        seen.add(str(answer.refresh_token))
        principal = await flows.authority.verify_token(answer.access_token, moment)
        assert principal.session is not None
        assert claims(str(answer.id_token))["auth_time"] == int(now.timestamp())


async def test_a_reused_refresh_token_ends_the_family(flows: Flows, now: datetime) -> None:
    who, secret = await flows.sign_in(now)
    first = given(await flows.redeem(await flows.code(who, now), now))
    second = given(await flows.refresh(str(first.refresh_token), now))
    third = given(await flows.refresh(str(second.refresh_token), now))
    assert fault(await flows.refresh(str(first.refresh_token), now)) == ("invalid_grant", 50173)
    for each in (first, second, third):
        await dead(flows, each.access_token, now)
        assert fault(await flows.refresh(str(each.refresh_token), now)) == ("invalid_grant", 50173)
    assert await flows.authority.sessions.at(secret, now) == who
    assert (await acts(flows)).count("endSession") == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"refresh_token": ""}, ("invalid_request", 900144)),
        ({"refresh_token": "x\0"}, ("invalid_grant", 9002313)),
        ({"client_id": CLI.id}, ("invalid_grant", 9002313)),
        ({"scope": "https://other.example/.default"}, ("invalid_scope", 70011)),
        ({"scope": f"{BASE}/.default {BASE}//.default"}, ("invalid_scope", 70011)),
        ({"scope": f"{BASE}/everything"}, ("invalid_scope", 70011)),
        ({"client_secret": "x"}, ("invalid_client", 700025)),
    ],
)
async def test_what_is_refused_without_using_the_token_up(
    flows: Flows, now: datetime, changes: dict[str, str], expected: tuple[str, int]
) -> None:
    who, _ = await flows.sign_in(now)
    token = str(given(await flows.redeem(await flows.code(who, now), now)).refresh_token)
    assert fault(await flows.refresh(token, now, **changes)) == expected
    given(await flows.refresh(token, now))


async def used(flows: Flows, session: str, now: datetime) -> None:
    async with flows.store.write() as tx:
        await flows.store.sign_ins.used(tx, session, now)


async def test_what_is_left_alone_ends(flows: Flows, now: datetime) -> None:
    """Programs after a fortnight, pages after two hours; whoever renews is not left alone."""
    who, _ = await flows.sign_in(now)
    program = given(await flows.redeem(await flows.code(who, now, CLI.id), now, CLI.id))
    page = given(await flows.redeem(await flows.code(who, now), now))
    late = now + BROWSER_IDLE + SECOND
    assert fault(await flows.refresh(str(page.refresh_token), late)) == ("invalid_grant", 700082)
    day = now + NATIVE_IDLE
    program = given(await flows.refresh(str(program.refresh_token), day, CLI.id))
    late = day + NATIVE_IDLE + SECOND
    assert fault(await flows.refresh(str(program.refresh_token), late, CLI.id)) == ("invalid_grant", 700082)


async def test_a_page_that_renews_keeps_the_browser_in_use(flows: Flows, now: datetime) -> None:
    who, secret = await flows.sign_in(now)
    page = given(await flows.redeem(await flows.code(who, now), now))
    for hour in range(1, 8):
        at = now + hour * 60 * MINUTE
        page = given(await flows.refresh(str(page.refresh_token), at))
    assert await flows.authority.sessions.at(secret, at + 60 * MINUTE) is not None
    assert await flows.authority.sessions.at(secret, at + 5 * 60 * MINUTE) is None


async def test_a_pages_tokens_end_with_the_browsers_time(flows: Flows, now: datetime) -> None:
    who, _ = await flows.sign_in(now)
    late = now + BROWSER_LIFE - 10 * MINUTE
    await used(flows, who.session.id, late)
    answer = given(await flows.redeem(await flows.code(who, late), late))
    assert answer.expires_in == 600
    await flows.authority.verify_token(answer.access_token, late + 599 * SECOND)
    end = now + BROWSER_LIFE
    assert fault(await flows.refresh(str(answer.refresh_token), end)) == ("invalid_grant", 700082)


async def test_a_programs_sign_in_outlives_the_browsers(flows: Flows, now: datetime) -> None:
    """What `oob` and `az` hold is theirs until it is ended where it is, or the password is changed."""
    who, _ = await flows.sign_in(now)
    answer = given(await flows.redeem(await flows.code(who, now, CLI.id), now, CLI.id))
    await flows.authority.sessions.sign_out(who, VISITOR, now)
    await flows.authority.verify_token(answer.access_token, now)
    for day in (10, 20):
        answer = given(await flows.refresh(str(answer.refresh_token), now + timedelta(days=day), CLI.id))
    answer = given(await flows.refresh(str(answer.refresh_token), now + NATIVE_LIFE - MINUTE, CLI.id))
    late = await flows.refresh(str(answer.refresh_token), now + NATIVE_LIFE, CLI.id)
    assert fault(late) == ("invalid_grant", 700082)


async def test_signing_out_ends_tokens_at_once(flows: Flows, now: datetime) -> None:
    who, _ = await flows.sign_in(now)
    answer = given(await flows.redeem(await flows.code(who, now), now))
    await flows.authority.sessions.sign_out(who, VISITOR, now)
    await dead(flows, answer.access_token, now)
    assert fault(await flows.refresh(str(answer.refresh_token), now)) == ("invalid_grant", 50173)
    assert (await acts(flows))[0] == "signOut"


async def test_a_changed_password_ends_the_programs_too(flows: Flows, now: datetime) -> None:
    who, _ = await flows.sign_in(now)
    program = given(await flows.redeem(await flows.code(who, now, CLI.id), now, CLI.id))
    page = given(await flows.redeem(await flows.code(who, now), now))
    new = "slow heron ladder 7"
    await flows.authority.sign_in.change_password(who, PASSWORD, new, new, visitor=VISITOR, now=now)
    await dead(flows, program.access_token, now)
    assert fault(await flows.refresh(str(program.refresh_token), now, CLI.id)) == (
        "invalid_grant",
        50173,
    )
    # The browser it was changed in, and its pages, stay.
    await flows.authority.verify_token(page.access_token, now)


async def test_whoever_is_switched_off_is_out_and_comes_back_without_old_tokens_lost(
    flows: Flows, ann: User, now: datetime
) -> None:
    who, _ = await flows.sign_in(now)
    answer = given(await flows.redeem(await flows.code(who, now), now))
    for disabled in (True, False):
        async with flows.store.write() as tx:
            await flows.store.people.set_disabled(tx, ann.object_id, disabled)
        if disabled:
            await dead(flows, answer.access_token, now)
            assert fault(await flows.refresh(str(answer.refresh_token), now)) == ("invalid_grant", 50057)
    await flows.authority.verify_token(answer.access_token, now)
    given(await flows.refresh(str(answer.refresh_token), now))


async def test_who_has_to_change_the_password_has_no_tokens(flows: Flows, ann: User, now: datetime) -> None:
    who, _ = await flows.sign_in(now)
    code = await flows.code(who, now)
    answer = given(await flows.redeem(await flows.code(who, now), now))
    async with flows.store.write() as tx:
        await flows.store.people.set_password(tx, ann.object_id, "$", must_change=True, now=now)
    await dead(flows, answer.access_token, now)
    assert fault(await flows.redeem(code, now)) == ("invalid_grant", 50055)
    assert fault(await flows.refresh(str(answer.refresh_token), now)) == ("invalid_grant", 50055)


async def test_a_removed_users_tokens_are_nobodys(flows: Flows, ann: User, now: datetime) -> None:
    who, secret = await flows.sign_in(now)
    code = await flows.code(who, now)
    answer = given(await flows.redeem(await flows.code(who, now), now))
    async with flows.store.write() as tx:
        await flows.store.people.remove(tx, ann.object_id)
    await dead(flows, answer.access_token, now)
    assert fault(await flows.redeem(code, now)) == ("invalid_grant", 9002313)
    assert fault(await flows.refresh(str(answer.refresh_token), now)) == ("invalid_grant", 9002313)
    assert await flows.authority.sessions.at(secret, now) is None


# --- giving a token back (RFC 7009)


async def test_a_refresh_token_that_is_given_back_ends_its_session(flows: Flows, now: datetime) -> None:
    who, secret = await flows.sign_in(now)
    program = given(await flows.redeem(await flows.code(who, now, CLI.id), now, CLI.id))

    async def revoke(token: str, client: str = CLI.id) -> object:
        form = {"client_id": client, "token": token}
        return await flows.authority.revoke(form, flows.tenant, now=now, visitor=VISITOR)

    for client, token in (
        (CLI.id, "unknown"),
        (CLI.id, program.access_token),
        (PORTAL.id, program.refresh_token),
    ):
        assert await revoke(str(token), client) is None
        await flows.authority.verify_token(program.access_token, now)
    assert await revoke(str(program.refresh_token)) is None
    await dead(flows, program.access_token, now)
    assert await flows.authority.sessions.at(secret, now) == who
    assert await revoke(str(program.refresh_token)) is None
    assert (await acts(flows)).count("signOut") == 1
