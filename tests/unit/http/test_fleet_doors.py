"""Hosts at the edge: tokens for those with the right, enrolment, the link."""

from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from outofband.access import roles
from outofband.core import clock
from outofband.http.fleet import GUESS_SECONDS, MAX_GUESSES
from tests.support.actors import HostKey
from tests.support.cloud import GROUP, GROUP_ID, OTHER_SUBSCRIPTION, SCOPE, SUBSCRIPTION, Cloud, Host, vm_id
from tests.support.wait import until

pytestmark = pytest.mark.anyio
PLACE = {"subscription": SUBSCRIPTION, "resourceGroup": "LAB"}


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


async def test_from_a_token_to_a_link(cloud: Cloud) -> None:
    made = await cloud.owner.ask("POST", "/fleet/tokens", {**PLACE, "name": "h9"}, version=None)
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    request = HostKey().enrolment(made.json()["token"], "h9")
    answer = await cloud.http.post("/fleet/enroll", content=msgspec.json.encode(request))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["name"], body["group"], body["arm"]) == ("h9", GROUP, cloud.base)
    assert body["link"] == cloud.base.replace("https", "wss") + "/fleet/link"
    again = await cloud.http.post("/fleet/enroll", content=msgspec.json.encode(request))
    assert again.json() == body
    other = HostKey().enrolment(made.json()["token"], "h9")
    stolen = await cloud.http.post("/fleet/enroll", content=msgspec.json.encode(other))
    assert (stolen.status_code, code(stolen)) == (401, "EnrollmentTokenInvalid")


async def test_who_may_bring_hosts(cloud: Cloud) -> None:
    for role in (roles.READER, roles.VIRTUAL_MACHINE_CONTRIBUTOR):
        person = await cloud.person("someone", role)
        refused = await person.ask("POST", "/fleet/tokens", PLACE, version=None)
        assert (refused.status_code, code(refused)) == (403, "AuthorizationFailed")
        assert "Microsoft.HybridCompute/machines/write" in refused.json()["error"]["message"]
    foreign = {**PLACE, "subscription": OTHER_SUBSCRIPTION}
    assert (
        code(await cloud.owner.ask("POST", "/fleet/tokens", foreign, version=None)) == "SubscriptionNotFound"
    )
    nowhere = {**PLACE, "resourceGroup": "nope"}
    assert (
        code(await cloud.owner.ask("POST", "/fleet/tokens", nowhere, version=None)) == "ResourceGroupNotFound"
    )
    for wrong in ({}, {**PLACE, "hours": 0}, {**PLACE, "hours": 10**9}, {**PLACE, "name": "a b"}, []):
        answer = await cloud.owner.ask("POST", "/fleet/tokens", wrong, version=None)
        assert answer.status_code == 400, wrong
    assert (await cloud.http.post("/fleet/tokens", json=PLACE)).status_code == 401


async def test_a_role_inside_a_group_brings_no_hosts_into_it(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("inside")
    person = await cloud.person("owner of a VM", roles.OWNER, vm_id("inside"))
    for group in (
        vm_id("inside").partition("/resourceGroups/")[2],
        f"{GROUP}%2Fproviders",
        "..",
        f"{GROUP}/x",
    ):
        place = {**PLACE, "resourceGroup": group}
        refused = await person.ask("POST", "/fleet/tokens", place, version=None)
        assert (refused.status_code, code(refused)) == (400, "InvalidResourceId"), refused.text
    place = {"subscription": f"{SUBSCRIPTION}/resourceGroups/{GROUP}", "resourceGroup": "x"}
    refused = await cloud.owner.ask("POST", "/fleet/tokens", place, version=None)
    assert (refused.status_code, code(refused)) == (400, "InvalidResourceId")


async def test_a_host_needs_its_provider_registered(cloud: Cloud) -> None:
    provider = f"{SCOPE}/providers/Microsoft.HybridCompute"
    assert (await cloud.owner.ask("POST", f"{provider}/unregister")).status_code == 200
    refused = await cloud.owner.ask("POST", "/fleet/tokens", PLACE, version=None)
    assert (refused.status_code, code(refused)) == (409, "MissingSubscriptionRegistration")
    assert refused.json()["error"]["details"][0]["target"] == "Microsoft.HybridCompute"
    assert (await cloud.owner.ask("POST", f"{provider}/register")).status_code == 200
    assert (await cloud.owner.ask("POST", "/fleet/tokens", PLACE, version=None)).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"x" * 20_000, b'{"token":"a","name":"b"}'])
async def test_enrolment_takes_no_nonsense(cloud: Cloud, body: bytes) -> None:
    answer = await cloud.http.post("/fleet/enroll", content=body)
    assert answer.status_code in (400, 413)


async def test_who_guesses_waits(cloud: Cloud, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    key = HostKey()
    guess = key.claim(f"{GROUP_ID}/providers/Microsoft.HybridCompute/machines/h1")
    body = msgspec.json.encode(guess)
    for _ in range(MAX_GUESSES):
        answer = await cloud.http.post("/fleet/connect", content=body)
        assert (answer.status_code, code(answer)) == (403, "MachineNotClaimed")
    right = host.peer.key.enrolment(await cloud.token(), "h1")
    for path, given in (("connect", guess), ("enroll", right), ("rekey", key.successor("a", HostKey()))):
        answer = await cloud.http.post(f"/fleet/{path}", content=msgspec.json.encode(given))
        assert (answer.status_code, code(answer)) == (429, "TooManyRequests"), path
        assert int(answer.headers["retry-after"]) <= GUESS_SECONDS + 1
    later = clock.monotonic() + GUESS_SECONDS
    monkeypatch.setattr(clock, "monotonic", lambda: later)
    answer = await cloud.http.post("/fleet/enroll", content=msgspec.json.encode(right))
    assert (answer.status_code, answer.json()["agent"]) == (200, host.peer.identity.agent)


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"x" * 20_000, b'{"machine":"/","publicKey":"b"}'])
async def test_a_claim_takes_no_nonsense(cloud: Cloud, body: bytes) -> None:
    for path in ("connect", "rekey"):
        answer = await cloud.http.post(f"/fleet/{path}", content=body)
        assert answer.status_code in (400, 413)


async def test_the_link_lives_on_the_same_port(cloud: Cloud, host: Host) -> None:
    assert host.peer.welcome is not None
    assert host.peer.link_url.startswith(cloud.base.replace("https", "wss"))
    await host.peer.kill()
    await until(lambda: not cloud.fleet.connected(host.peer.identity.agent))


async def test_a_stranger_on_the_link_is_shown_out(cloud: Cloud) -> None:
    url = cloud.base.replace("https", "wss") + "/fleet/link"
    async with connect(url, ssl=cloud.client_context()) as socket:
        assert msgspec.json.decode(await socket.recv())["type"] == "challenge"
        await socket.send('{"type":"inventory","host":{},"machines":[]}')
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    async with connect(url, ssl=cloud.client_context()) as socket:
        await socket.recv()
        await socket.send(b"\x00binary")
        with pytest.raises(ConnectionClosed):
            await socket.recv()


async def test_no_other_path_takes_websockets(cloud: Cloud) -> None:
    with pytest.raises(InvalidStatus):
        async with connect(cloud.base.replace("https", "wss") + "/x", ssl=cloud.client_context()):
            pass
