"""A server from its first start without an identity to a connected machine and back: the agent's whole
service, asked over its local socket, at a whole control plane.
"""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from outofband.agent import certificate, clouds, enroll, halfway, local, upkeep
from outofband.agent import state as states
from outofband.agent.halfway import Operation
from outofband.agent.hardware import Fingerprints
from outofband.agent.state import HostKey, load_identity
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from tests.support.cloud import Cloud
from tests.support.server import VERSION, Server
from tests.support.wait import until
from tests.unit.agent.control_plane import Authority

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
async def server(cloud: Cloud, tmp_path: Path) -> AsyncIterator[Server]:
    made = Server(cloud, tmp_path, f"srv-{uuid.uuid4().hex[:8]}")
    await made.start()
    yield made
    await made.stop()


async def test_from_nothing_to_a_connected_machine(server: Server) -> None:
    found = await server.ask(local.status)
    assert (found.running, found.connected, found.halfway, found.link) == (True, False, None, "down")
    facts = await server.ask(local.key)
    assert facts == await server.ask(local.key), "the key stays from the first attempt on"
    assert len(facts.hardware) == 64
    assert await server.ask(local.begin, "connect", server.machine, "corr-1") is None
    half = (await server.ask(local.status)).halfway
    assert half is not None and (half.operation, half.machine) == (Operation.CONNECT, server.machine)
    await server.put()
    claimed = await server.claim()
    assert (claimed.connected, claimed.halfway, claimed.name) == (True, None, server.name)
    assert (await server.claim()).agent == claimed.agent, "its answer may get lost"
    linked = await server.linked()
    assert (linked.resource, linked.cloud, linked.correlation) == (server.machine, "Lab", "corr-1")
    assert (linked.vm_id, linked.location, linked.errors) == (facts.vm_id, "local", [])
    await until(server.is_connected)
    held = certificate.load(server.state, HostKey.of(server.state).raw)
    assert held is not None and linked.expires.startswith(held.ends.strftime("%Y-%m-%dT%H:%M:%S"))
    assert await server.refused(local.begin, "connect", server.machine) == "AgentConnected"
    assert await server.refused(local.claim, server.machine + "x", server.cloud.base) == "AgentConnected"


async def test_disconnected_it_can_be_connected_again(server: Server) -> None:
    assert await server.refused(local.begin, "disconnect", server.machine) == "AgentNotEnrolled"
    await server.connect()
    first = (await server.ask(local.key)).public_key
    await server.ask(local.begin, "disconnect", server.machine)
    answer = await server.cloud.owner.ask("DELETE", server.machine, version=VERSION)
    assert answer.status_code == 204, answer.text
    await server.again()
    half = (await server.ask(local.status)).halfway
    assert half is not None and half.operation is Operation.DISCONNECT, "killed here it still says so"
    await server.ask(local.release)
    found = await server.ask(local.status)
    assert (found.connected, found.halfway, found.link, found.problem) == (False, None, "down", None)
    assert found.errors == []
    assert {each.name for each in server.state.agent.glob("*.*") if each.suffix != ".toml"} == {
        "accelerator.json", "agent.lock", "journal.db", "admin.sock"
    } | {each.name for each in server.state.agent.glob("journal.db-*")}  # fmt: skip
    await server.ask(local.release)
    await server.connect()
    assert (await server.ask(local.key)).public_key != first


async def test_a_kill_between_the_identity_and_the_end_is_made_good(server: Server) -> None:
    await server.connect()
    half = halfway.Halfway(operation=Operation.CONNECT, machine=server.machine, since="")
    halfway.save(server.state, half)
    await server.again()
    await until(lambda: halfway.load(server.state) is None)
    await server.linked()


async def test_a_kill_before_the_identity_leaves_what_to_go_on_with(server: Server) -> None:
    await server.ask(local.begin, "connect", server.machine)
    await server.put()
    await server.again()
    found = await server.ask(local.status)
    assert (found.connected, found.halfway is not None) == (False, True)
    before = await server.ask(local.begin, "connect", server.machine)
    assert before is not None and before.machine == server.machine
    await server.put()
    await server.claim()
    await server.linked()


async def test_what_is_not_claimed_changes_nothing(server: Server, tmp_path: Path) -> None:
    await server.ask(local.begin, "connect", server.machine)
    trust = server.cloud.pki.trust.read_text()
    for arm, pem, expected in (
        (server.cloud.base, trust, "MachineNotClaimed"),
        (server.cloud.base, Authority(tmp_path, "another").pem, "CertificateNotTrusted"),
        ("https://127.0.0.1:1", trust, "ControlPlaneUnreachable"),
        (server.cloud.base, "no certificate", "InvalidParameter"),
        ("http://127.0.0.1:1", trust, "InvalidParameter"),
    ):
        assert await server.refused(local.claim, server.machine, arm, pem) == expected
    found = await server.ask(local.status)
    assert (found.connected, found.halfway is not None) == (False, True)


async def test_a_lost_certificate_is_asked_for_anew(server: Server) -> None:
    await server.connect()
    await server.stop()
    certificate.path(server.state).unlink()
    await server.start()
    await until(certificate.path(server.state).exists)
    assert (await server.linked()).expires


async def test_a_certificate_is_renewed_from_day_45_on(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.connect()
    first = (await server.linked()).expires
    monkeypatch.setattr(upkeep, "RENEW_SPREAD_SECONDS", 0.0)
    today = clock.now
    monkeypatch.setattr(clock, "now", lambda: today() + timedelta(days=46))

    async def later() -> bool:
        return (await server.ask(local.status)).expires > first

    await until(later)
    assert (await server.linked()).errors == []


async def test_one_that_was_away_too_long_is_connected_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same key, as the same machine: by a sign-in, for the certificate alone no longer counts."""
    # With a control plane of its own: its keys are of a later day afterwards.
    (tmp_path / "cloud").mkdir()
    async with Cloud(tmp_path / "cloud") as cloud:
        server = Server(cloud, tmp_path, "srv-1")
        await server.start()
        try:
            await comes_back(server, monkeypatch)
        finally:
            await server.stop()


async def comes_back(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    await server.connect()
    first = await server.linked()
    await server.stop()
    today = clock.now
    monkeypatch.setattr(clock, "now", lambda: today() + timedelta(days=91))
    await server.cloud.keys.ensure(clock.now())
    await server.cloud.owner.sign_in()
    await server.start()
    found = await server.says("AgentExpired")
    await until(lambda: server.has_link("rejected"))
    assert (found.connected, found.expired) == (True, True)
    assert [each.code for each in found.errors] == ["AgentExpired"]
    assert any("azcmagent connect" in step for each in found.errors for step in each.remedy)
    assert await server.refused(local.begin, "connect", server.machine + "x") == "AgentConnected"
    await server.ask(local.begin, "connect", server.machine)
    await server.again()
    assert (await server.ask(local.status)).halfway is not None, "a kill here is told"
    await server.put()
    await server.claim()
    again = await server.linked()
    assert (again.agent, again.expired, again.errors, again.halfway) == (first.agent, False, [], None)


async def test_a_certificate_is_renewed_on_demand(server: Server) -> None:
    assert await server.refused(local.renew) == "AgentNotEnrolled"
    await server.connect()
    before = certificate.path(server.state).read_text()
    assert (await server.ask(local.renew)) > clock.iso()
    assert certificate.path(server.state).read_text() != before
    # Asked again at once the control plane says when: it is told, and the old one stays.
    with pytest.raises(Fault, match="CertificateNotRenewed"):
        await server.ask(local.renew)


async def test_a_lost_key_is_told_and_can_be_disconnected(server: Server) -> None:
    await server.connect()
    states.key_path(server.state).unlink()
    assert (await server.says("AgentKeyLost")).link == "linked", "it is in memory still"
    await server.again()
    found = await server.says("AgentKeyLost")
    assert (found.connected, found.link) == (True, "down")
    assert "DNS" not in (found.problem or "") and str(states.key_path(server.state)) in (found.problem or "")
    for verb in (local.key, local.rekey):
        assert await server.refused(verb) == "AgentKeyLost"
    assert not states.key_path(server.state).exists(), "no other key takes its place"
    await server.ask(local.begin, "disconnect", server.machine)
    await server.ask(local.release)
    assert (await server.ask(local.status)).connected is False


async def test_another_key_takes_over(server: Server) -> None:
    await server.connect()
    before = await server.ask(local.key)
    assert await server.ask(local.rekey) > clock.iso()
    after = await server.ask(local.key)
    assert after.public_key != before.public_key and after.vm_id == before.vm_id
    assert not states.next_key_path(server.state).exists()
    await server.linked()
    await server.again()
    await server.linked()
    assert load_identity(server.state).hardware.whole == after.hardware


@pytest.mark.parametrize("when", ["before", "after", "last"])
async def test_a_kill_in_the_middle_of_a_new_key(server: Server, when: str) -> None:
    """The control plane has heard of it or not, all but the key itself is on disk or not: whichever way, the
    agent comes up with the key that counts.
    """
    await server.connect()
    old = HostKey.of(server.state)
    if when != "before":
        before = {path: path.read_bytes() for path in server.state.agent.glob("agent.*") if path.is_file()}
        identity = states.identity_path(server.state).read_bytes()
        await server.ask(local.rekey)
        await server.stop()
        states.key_path(server.state).replace(states.next_key_path(server.state))
        old.save(states.key_path(server.state))
        if when == "after":
            for path, content in before.items():
                path.write_bytes(content)
            states.identity_path(server.state).write_bytes(identity)
    else:
        await server.stop()
        HostKey.make().save(states.next_key_path(server.state))
    wanted = HostKey.load(states.next_key_path(server.state)).public
    await server.start()
    await until(lambda: not states.next_key_path(server.state).exists())
    assert HostKey.of(server.state).public == wanted != old.public
    await server.linked()


async def test_a_copy_does_not_come_up(server: Server) -> None:
    await server.connect()
    await server.stop()
    server.is_hardware("2222", "deadbeef-0000-4000-8000-000000000002")
    await server.start()
    found = await server.says("AgentCloned")
    assert (found.link, found.connected) == ("down", True)
    assert any("disconnect --force-local-only" in step for each in found.errors for step in each.remedy)
    # On new hardware it is still the one machine: its administrator says so.
    await server.ask(local.rekey)
    assert (await server.linked()).errors == []
    await server.again()
    await server.linked()


async def test_the_control_plane_knows_a_copy_too(server: Server) -> None:
    """Where the copy has nothing that it could compare with."""
    await server.connect()
    await server.stop()
    identity = load_identity(server.state)
    states.save_identity(server.state, msgspec.structs.replace(identity, hardware=Fingerprints()))
    server.is_hardware("2222", "deadbeef-0000-4000-8000-000000000002")
    await server.start()
    found = await server.says("AgentCloned")
    assert found.link in ("rejected", "connecting")


@pytest.mark.parametrize("first", ["root", "own user"])
async def test_an_agent_of_another_user_is_the_same_machine(server: Server, first: str) -> None:
    """Only root reads the firmware's id."""
    firmware = "deadbeef-0000-4000-8000-000000000001"
    server.is_hardware("1111", firmware if first == "root" else "")
    await server.connect()
    await server.stop()
    server.is_hardware("1111", "" if first == "root" else firmware)
    await server.start()
    assert (await server.linked()).errors == []


async def test_a_token_enrols_through_a_running_agent(server: Server) -> None:
    token = await server.cloud.token()
    mine = await asyncio.to_thread(
        enroll.enrol, server.state, server=server.cloud.base, token=token, name=server.name
    )
    assert (await server.linked()).agent == mine.agent
    assert (await server.linked()).expires, "a host has a certificate too"
    again = await asyncio.to_thread(
        enroll.enrol, server.state, server=server.cloud.base, token=token, name=server.name
    )
    assert again == mine
    other = await server.cloud.token()
    with pytest.raises(Fault, match="AgentConnected"):
        await asyncio.to_thread(
            enroll.enrol, server.state, server=server.cloud.base, token=other, name=server.name
        )


async def test_which_cloud(cloud: Cloud, tmp_path: Path) -> None:
    where = StateDir(tmp_path / "state")
    assert clouds.load(where) is None
    pem, print_ = cloud.pki.trust.read_text(), cloud.pki.fingerprint
    colons = ":".join(print_[at : at + 2] for at in range(0, len(print_), 2)).upper()
    for known in ({"fingerprint": print_}, {"fingerprint": colons}, {"ca_file": cloud.pki.trust}):
        found = await asyncio.to_thread(functools.partial(clouds.from_server, cloud.base + "/", **known))
        assert found == clouds.Cloud(name="Outofband", arm=cloud.base, login=cloud.base, trust=pem)
    clouds.save(where, found)
    assert clouds.load(where) == found
    with pytest.raises(Fault, match="ControlPlaneNotTrusted"):
        await asyncio.to_thread(functools.partial(clouds.from_server, cloud.base, fingerprint="0" * 64))
    stranger = Authority(tmp_path, "another")
    (tmp_path / "other.pem").write_text(stranger.pem)
    with pytest.raises(Fault, match="CertificateNotTrusted"):
        other = tmp_path / "other.pem"
        await asyncio.to_thread(functools.partial(clouds.from_server, cloud.base, ca_file=other))
    clouds.path(where).write_text("{")
    with pytest.raises(Fault, match="CloudUnreadable"):
        clouds.load(where)
