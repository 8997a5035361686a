"""A machine that was made as a resource is claimed by its key; the old key lets a new one in."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from cryptography import x509

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.store.agents import Agent
from outofband.wire.connecting import LIFE, ConnectRequest
from outofband.wire.link import TAKES_RENEWALS
from tests.support.actors import AgentPeer, HostKey
from tests.support.plane import GROUP, SUBSCRIPTION, TENANT, Plane
from tests.support.wait import promised, until

pytestmark = pytest.mark.anyio
MACHINE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.HybridCompute/machines/srv-1"
)


async def make(plane: Plane, key: HostKey, name: str = "srv-1") -> Agent:
    async with plane.store.write() as tx:
        return await plane.store.agents.make(
            tx,
            name=name,
            tenant_id=TENANT,
            subscription_id=SUBSCRIPTION,
            resource_group=GROUP,
            public_key=key.public,
            now=clock.now(),
            location="local",
        )


async def row(plane: Plane, agent: str) -> Agent:
    async with plane.store.read() as tx:
        found = await plane.store.agents.get(tx, agent)
    assert found is not None
    return found


async def test_the_key_in_the_resource_claims_it(plane: Plane) -> None:
    key = HostKey()
    made = await make(plane, key)
    host = await plane.fleet.enrol(HostKey().enrolment(await plane.token(), "h"))
    early = AgentPeer(key, host, plane.client_context())
    early.identity = msgspec.structs.replace(early.identity, agent=made.id)
    await early.connect()
    assert early.rejected is not None and early.rejected.code == "AgentUnknown", "nobody claimed it yet"

    answer = await plane.fleet.connect(key.claim(MACHINE.upper(), "f1"))
    assert (answer.agent, answer.name, answer.location) == (made.id, "srv-1", "local")
    assert (answer.tenant, answer.subscription, answer.group) == (TENANT, SUBSCRIPTION, GROUP)
    assert (answer.trust, answer.link) == (plane.trust, plane.link_url)
    certificate = x509.load_pem_x509_certificate(answer.certificate.encode())
    certificate.verify_directly_issued_by(plane.pki.current)
    assert certificate.subject.rfc4514_string() == f"CN={made.id}"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    assert uri.endswith(made.resource_id)
    left = certificate.not_valid_after_utc - clock.now()
    assert LIFE - timedelta(minutes=5) < left <= LIFE
    assert await plane.fleet.connect(key.claim(MACHINE.upper(), "f1")) == answer, "an answer may get lost"

    async with plane.store.read() as tx:
        principal = await plane.store.principals.get(tx, made.id)
    assert principal is not None and principal.name == "srv-1"
    async with AgentPeer(key, answer, plane.client_context()) as peer:
        assert peer.welcome is not None


async def test_nothing_else_claims_it_and_nobody_learns_what_there_is(plane: Plane) -> None:
    key, other = HostKey(), HostKey()
    await make(plane, key)
    good = key.claim(MACHINE)
    forged = msgspec.structs.replace(other.claim(MACHINE), public_key=key.public)
    told = set()
    for wrong in (
        other.claim(MACHINE),
        forged,
        msgspec.structs.replace(good, hardware="f2"),
        key.claim(MACHINE.replace("srv-1", "srv-2")),
        key.claim(MACHINE.replace(GROUP, "nowhere")),
        key.claim(MACHINE.replace(SUBSCRIPTION, "22222222-2222-4222-8222-000000000000")),
    ):
        with pytest.raises(Fault) as refused:
            await plane.fleet.connect(wrong)
        told.add((refused.value.code, str(refused.value.fields)))
    assert told == {("MachineNotClaimed", "{}")}
    for malformed in ("", "/", "x", MACHINE + "/extensions/a", MACHINE.replace("HybridCompute", "Compute")):
        with pytest.raises(Fault, match="InvalidParameter"):
            await plane.fleet.connect(key.claim(malformed))
    with pytest.raises(Fault, match="InvalidParameter"):
        await plane.fleet.connect(msgspec.structs.replace(good, public_key="x"))
    assert (await plane.fleet.connect(good)).name == "srv-1"


async def test_a_key_is_replaced_while_the_old_one_is_there(plane: Plane) -> None:
    old, new = HostKey(), HostKey()
    made = await make(plane, old)
    first = await plane.fleet.connect(old.claim(MACHINE, "f1"))
    peer = AgentPeer(old, first, plane.client_context())
    await peer.connect()
    for thief in (new, HostKey()):
        with pytest.raises(Fault, match="AgentUnknown"):
            await plane.fleet.rekey(thief.successor(made.id, new))
    taken = HostKey()
    await make(plane, taken, "srv-2")
    with pytest.raises(Fault, match="AgentKeyTaken"):
        await plane.fleet.rekey(old.successor(made.id, taken))
    wish = old.successor(made.id, new)
    answer = await plane.fleet.rekey(wish)
    assert answer.agent == made.id and answer.certificate != first.certificate
    assert await plane.fleet.rekey(wish) == answer, "an answer may get lost"
    with pytest.raises(Fault, match="AgentUnknown"):
        await plane.fleet.rekey(old.successor(made.id, HostKey()))
    # The link by the old key ends, and another by it is none.
    await until(lambda: not plane.fleet.connected(made.id))
    await peer.connect()
    assert peer.rejected is not None and peer.rejected.code == "AgentUnknown"
    async with AgentPeer(new, answer, plane.client_context()) as reborn:
        reborn.hardware = "f9"
        await reborn.connect()
        assert reborn.welcome is not None
    assert (await row(plane, made.id)).hardware == "f9"
    await peer.kill()


async def test_a_copy_is_shown_out_and_told_of(plane: Plane) -> None:
    key = HostKey()
    made = await make(plane, key)
    answer = await plane.fleet.connect(key.claim(MACHINE, "f1"))
    original = AgentPeer(key, answer, plane.client_context())
    original.hardware = "f1"
    await original.connect()
    copy = AgentPeer(key, answer, plane.client_context())
    copy.hardware = "f2"
    await copy.connect()
    assert copy.rejected is not None and copy.rejected.code == "AgentCloned"
    assert plane.fleet.connected(made.id), "the original's link stays"
    trouble = (await row(plane, made.id)).trouble
    assert (trouble["code"], trouble["fields"]) == ("AgentCloned", {"agent": "srv-1"})
    with pytest.raises(Fault, match="AgentCloned"):
        await plane.fleet.connect(key.claim(MACHINE, "f2"))
    older = AgentPeer(key, answer, plane.client_context())
    await older.connect()
    assert older.welcome is not None, "an older agent says no fingerprint"
    for each in (original, copy, older):
        await each.kill()


async def test_a_removed_agent_has_no_link_left(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the removal was committed by somebody else, as another node does it."""
    key = HostKey()
    made = await make(plane, key)
    answer = await plane.fleet.connect(key.claim(MACHINE))
    peer = AgentPeer(key, answer, plane.client_context())
    await peer.connect()
    gone: list[str] = []
    monkeypatch.setattr(plane.fleet, "on_gone", gone.append)
    start = clock.monotonic()
    async with plane.store.write() as tx:
        await plane.fleet.erase(tx, made.id)
    await until(lambda: gone and not plane.fleet.connected(made.id))
    assert clock.monotonic() - start < promised(2.0)
    assert gone == [made.id]
    assert plane.fleet.offline(made.id).code == "HostGone"
    await peer.kill()
    with pytest.raises(Fault, match="MachineNotClaimed"):
        await plane.fleet.connect(key.claim(MACHINE))


async def test_a_key_made_for_a_resource_enrols_by_no_token(plane: Plane) -> None:
    key = HostKey()
    await make(plane, key)
    with pytest.raises(Fault, match="AgentKeyTaken"):
        await plane.fleet.enrol(key.enrolment(await plane.token(), "h1"))


def test_a_claim_is_of_one_machine_one_key_and_one_fingerprint() -> None:
    key = HostKey()
    requests: list[ConnectRequest] = [key.claim("/a/b", "c"), key.claim("/a", "b\0c"), key.claim("/a/b", "")]
    assert len({each.proof for each in requests}) == len(requests)
    assert TAKES_RENEWALS == "renewals"
