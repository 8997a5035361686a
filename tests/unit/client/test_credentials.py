"""A person's tokens: renewed once, by one `oob` at a time, and never lost on the way."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from outofband.client import background
from outofband.client.account import Account
from outofband.client.console import Console
from outofband.client.http import ArmClient
from outofband.client.opening import for_person
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.secrets import write_private
from outofband.identity.pki import Pki
from outofband.net.trust import fingerprints
from outofband.wire.console import Attached, ClientSession
from outofband.wire.grant import Mode
from tests.unit.client.far import VM, Far, Visit, refusal
from tests.unit.client.person import NAME, granted, refused, signed_in

pytestmark = pytest.mark.anyio
T = TypeVar("T")


async def ask(account: Account, use: Callable[[ArmClient], T], **more: Any) -> T:
    def work() -> T:
        profile = account.profile
        assert profile is not None
        with for_person(account, profile, **more) as client:
            return use(client)

    return await background.call(work)


def get(client: ArmClient) -> Any:
    return client.get(VM)


def next_refresh(account: Account) -> str | None:
    profile = account.profile
    assert profile is not None
    return account.refresh_token(profile)


@pytest.fixture
def account(far: Far, tmp_path: Path) -> Account:
    return signed_in(far, tmp_path / "state")


async def bearer(request: Request) -> Response:
    return JSONResponse({"bearer": request.headers["authorization"]})


async def test_a_renewal_uses_the_token_up_and_keeps_the_next(far: Far, account: Account) -> None:
    far.token_answers.append(granted(1))
    far.answers += [bearer, bearer]
    assert await ask(account, get) == {"bearer": "Bearer access-1"}
    assert await ask(account, get) == {"bearer": "Bearer access-1"}
    [(verb, form)] = far.forms
    assert (verb, form["grant_type"], form["refresh_token"]) == ("token", "refresh_token", "refresh-0")
    assert form["scope"] == "https://oob.example:8443/.default offline_access openid profile"
    assert next_refresh(account) == "refresh-1"


async def test_a_refused_access_token_is_renewed_once(far: Far, tmp_path: Path) -> None:
    account = signed_in(far, tmp_path / "state", access="old")
    far.answers += [refusal(Fault("InvalidAuthenticationToken", detail="its session has ended")), bearer]
    far.token_answers.append(granted(1))
    assert await ask(account, get) == {"bearer": "Bearer access-1"}


async def test_a_sign_in_that_ended_says_so(far: Far, account: Account) -> None:
    far.token_answers.append(refused("invalid_grant"))
    with pytest.raises(Fault) as raised:
        await ask(account, get)
    fault = raised.value
    assert (fault.code, fault.fields["name"], fault.fields["url"]) == ("SignInEnded", NAME, far.base)
    assert fault.fields["detail"] == "AADSTS1: invalid_grant it is."
    assert account.profile is not None, "who it was is still known"


async def test_an_authority_in_trouble_ends_nothing(far: Far, account: Account) -> None:
    far.token_answers += [refusal(Fault("StoreBusy")), refused("slow", 429, **{"Retry-After": "7"})]
    for wanted, fields in (("StoreBusy", {}), ("SignInTooOften", {"seconds": 7})):
        with pytest.raises(Fault) as raised:
            await ask(account, get)
        assert raised.value.code == wanted
        assert fields.items() <= raised.value.fields.items()
    assert next_refresh(account) == "refresh-0"


async def test_many_at_once_renew_once(far: Far, account: Account) -> None:
    async def slow(request: Request) -> Response:
        await asyncio.sleep(0.3)
        return granted(1)

    far.token_answers.append(slow)
    far.answers += [bearer] * 8
    answers = await asyncio.gather(*(ask(account, get) for _ in range(8)))
    assert answers == [{"bearer": "Bearer access-1"}] * 8
    assert len(far.forms) == 1


async def test_a_full_disk_shows_before_the_token_is_used_up(
    far: Far, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("outofband.client.account.write_private", full)
    with pytest.raises(Fault) as raised:
        await ask(account, get)
    assert raised.value.code == "StateNotWritable"
    assert far.forms == []


async def test_a_hurried_client_renews_nothing(far: Far, account: Account) -> None:
    """Tab must not wait, and a renewal that nobody waits for would take the next token with it."""
    with pytest.raises(Fault, match="SignInEnded"):
        await ask(account, get, hurried=True)
    assert far.forms == []


async def test_files_that_are_gone(far: Far, account: Account, tmp_path: Path) -> None:
    (tmp_path / "state" / "client" / "account" / "refresh-token").unlink()
    with pytest.raises(Fault, match="SignInEnded"):
        await ask(account, get)


RENEW = """
import sys
from pathlib import Path
from outofband.cli.main import main
main(["vm", "show", "demo", "--state", sys.argv[1]])
"""


async def test_an_interruption_in_the_middle_loses_no_token(
    far: Far, account: Account, tmp_path: Path
) -> None:
    """Ctrl-C while the control plane answers: told at once, and the answer still gets to its place."""
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def held(request: Request) -> Response:
        asked.set()
        await go_on.wait()
        return granted(1)

    far.token_answers.append(held)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RENEW, str(tmp_path / "state"), stderr=subprocess.PIPE
    )
    async with asyncio.timeout(60):
        await asked.wait()
        child.send_signal(signal.SIGINT)
        assert child.stderr is not None
        await child.stderr.readuntil(b"error (OperationCanceled)")
        go_on.set()
        assert await child.wait() == 130
    assert next_refresh(account) == "refresh-1"


async def test_a_long_console_comes_back_with_a_new_token(far: Far, tmp_path: Path) -> None:
    """The line broke after the access token had expired: the person notices a short pause."""
    account = signed_in(far, tmp_path / "state", access="old")
    profile = account.profile
    assert profile is not None
    cut, attached = asyncio.Event(), asyncio.Event()

    async def first(visit: Visit) -> None:
        await visit.attached()
        await cut.wait()
        far.answers.append(refusal(Fault("ExpiredAuthenticationToken", expired="then", now="now")))
        far.token_answers.append(granted(1))
        visit.cut()

    async def second(visit: Visit) -> None:
        await visit.attached()
        attached.set()
        await visit.gone()

    async def see(event: object) -> None:
        if isinstance(event, Attached):
            cut.set()

    far.scripts += [first, second]
    with for_person(account, profile) as client:
        console = Console(client, VM, port="0", session=ClientSession(mode=Mode.WRITE), sink=see)
        running = asyncio.get_running_loop().create_task(console.run())
        async with asyncio.timeout(30):
            await attached.wait()
            console.leave()
            await running
    assert next_refresh(account) == "refresh-1"


async def test_the_end_is_told_and_everything_is_gone(far: Far, account: Account) -> None:
    from outofband.client.credentials import Person

    profile = account.profile
    assert profile is not None
    await background.call(Person(profile, account).end)
    [(verb, form)] = far.forms
    assert (verb, form["token"], form["client_id"]) == ("revoke", "refresh-0", profile.client_id)
    assert account.profile is None


async def test_an_end_that_cannot_be_told_ends_here(far: Far, account: Account) -> None:
    from outofband.client.credentials import Person

    profile = account.profile
    assert profile is not None
    far.revoke_answers.append(refusal(Fault("StoreBusy")))
    with pytest.raises(Fault, match="StoreBusy"):
        await background.call(Person(profile, account).end)
    assert account.profile is None


async def test_who_had_no_role_begins_where_one_was_given(far: Far, tmp_path: Path) -> None:
    account = signed_in(far, tmp_path / "state", access="a", subscription="")
    far.answers.append(JSONResponse({"value": []}))
    with pytest.raises(Fault, match="NothingGranted"):
        await ask(account, lambda client: client.group())
    far.answers += [
        JSONResponse({"value": [{"subscriptionId": "x", "state": "Disabled"}, {"subscriptionId": "y"}]}),
        JSONResponse({"value": [{"name": "web"}, {"name": "db"}]}),
    ]
    assert await ask(account, lambda client: client.group()) == "/subscriptions/y/resourceGroups/db"
    profile = account.profile
    assert profile is not None
    assert (profile.subscription_id, profile.resource_group) == ("y", "db"), "and it is kept"


async def test_a_renewal_brings_the_next_authority(far: Far, account: Account, tmp_path: Path) -> None:
    """Told over a connection that a known authority vouches for; strangers are not believed."""
    whole = far.pki.trust.read_text()
    first, second = fingerprints(whole).values()
    write_private(account.trust, first)
    far.answers.append(bearer)
    far.token_answers.append(granted(1, seconds=0))
    await ask(account, get)
    assert account.trust.read_text() == first + second
    other = Pki.open(tmp_path / "other", [], clock.now())
    write_private(far.pki.trust, other.trust.read_text())
    far.answers.append(bearer)
    far.token_answers.append(granted(2))
    await ask(account, get)
    assert account.trust.read_text() == first + second
