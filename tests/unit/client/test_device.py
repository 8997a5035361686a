"""The wait for a person on another device (RFC 8628), with a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from starlette.responses import JSONResponse

from outofband.client import background, device
from outofband.client.authority import CLIENT_ID, DEVICE_GRANT, Authority
from outofband.client.device import SignedIn
from outofband.client.transport import Transport, trusting
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.identity import clients
from tests.unit.client.far import Far, refusal
from tests.unit.client.person import NAME, OBJECT, device_code, granted, refused

pytestmark = pytest.mark.anyio
T = TypeVar("T")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited before each poll; the clock goes on by as much, and nobody waits."""
    waited: list[float] = []
    monkeypatch.setattr(clock, "pause", waited.append)
    monkeypatch.setattr(clock, "monotonic", lambda: 1000.0 + sum(waited))
    return waited


async def ask(far: Far, use: Callable[[Authority], T]) -> T:
    def work() -> T:
        with Transport(far.base, trusting(far.pki.trust)) as transport:
            return use(Authority(transport, "t"))

    return await background.call(work)


async def sign_in(far: Far) -> SignedIn:
    return await ask(far, lambda authority: device.wait(authority, device.begin(authority, "https://r")))


async def failure(far: Far) -> Fault:
    with pytest.raises(Fault) as raised:
        await sign_in(far)
    return raised.value


def test_both_sides_know_the_same_client() -> None:
    assert clients.CLI.id == CLIENT_ID


async def test_from_a_code_to_a_person(far: Far, pauses: list[float]) -> None:
    far.device_answers.append(device_code())
    far.token_answers += [refused("authorization_pending"), refused("authorization_pending"), granted(1)]
    found = await sign_in(far)
    assert (found.who.preferred_username, found.who.oid, found.who.tid) == (NAME, OBJECT, "t")
    assert (found.access_token, found.refresh_token) == ("access-1", "refresh-1")
    assert pauses == [5, 5, 5]
    assert "access-1" not in repr(found)
    asked, *polls = far.forms
    assert asked == ("devicecode", {"client_id": CLIENT_ID, "scope": _scope()})
    wanted = {"grant_type": DEVICE_GRANT, "client_id": CLIENT_ID, "device_code": "device-1"}
    assert polls == [("token", wanted)] * 3


def _scope() -> str:
    return "https://r/.default offline_access openid profile"


async def test_slow_down_slows_for_good(far: Far, pauses: list[float]) -> None:
    far.device_answers.append(device_code(interval=2))
    far.token_answers += [refused("slow_down"), refused("authorization_pending"), refused("slow_down")]
    far.token_answers.append(granted(1))
    await sign_in(far)
    assert pauses == [2, 7, 7, 12]


async def test_a_control_plane_that_restarts_is_waited_for(far: Far, pauses: list[float]) -> None:
    far.device_answers.append(device_code())
    far.token_answers += [refusal(Fault("StoreBusy")), refusal(Fault("ControlPlaneStopping")), granted(1)]
    await sign_in(far)
    assert pauses == [5, 10, 20]


async def test_the_code_ends_by_the_clock_and_by_the_servers_word(far: Far, pauses: list[float]) -> None:
    far.device_answers.append(device_code(expires_in=12))
    far.token_answers += [refused("authorization_pending")] * 2
    fault = await failure(far)
    assert (fault.code, fault.fields) == ("DeviceCodeExpired", {"seconds": 12})
    assert len(pauses) == 3
    far.device_answers.append(device_code())
    far.token_answers.append(refused("expired_token"))
    assert (await failure(far)).code == "DeviceCodeExpired"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("authorization_declined", "SignInDeclined"),
        ("access_denied", "SignInDeclined"),
        ("invalid_grant", "SignInRefused"),
        ("unauthorized_client", "SignInRefused"),
    ],
)
async def test_a_no_is_a_no(far: Far, pauses: list[float], error: str, code: str) -> None:
    far.device_answers.append(device_code())
    far.token_answers.append(refused(error))
    assert (await failure(far)).code == code


async def test_no_code_at_all(far: Far) -> None:
    far.device_answers.append(refused("invalid_request"))
    fault = await failure(far)
    assert (fault.code, fault.fields["detail"]) == ("SignInRefused", "AADSTS1: invalid_request it is.")
    far.device_answers.append(JSONResponse({"user_code": 7}))
    assert (await failure(far)).code == "UnexpectedAnswer"


@pytest.mark.parametrize(
    "answer",
    [
        granted(1, aud="another-client"),
        granted(1, oid=None),
        JSONResponse({"access_token": "a", "expires_in": 1, "refresh_token": "r"}),
        JSONResponse({"access_token": "a", "expires_in": 1, "refresh_token": "r", "id_token": "a.!.c"}),
    ],
)
async def test_tokens_of_nobody_are_not_kept(far: Far, pauses: list[float], answer: Any) -> None:
    far.device_answers.append(device_code())
    far.token_answers.append(answer)
    assert (await failure(far)).code == "SignInRefused"
