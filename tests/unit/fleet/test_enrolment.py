"""Enrolment: one token, one key, one agent."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from outofband.core.errors import Fault
from outofband.wire.enrolment import parse_token
from tests.support.actors import AgentPeer, HostKey
from tests.support.plane import GROUP, SUBSCRIPTION, Plane, person

pytestmark = pytest.mark.anyio


async def test_a_token_enrols_one_host_and_names_the_authority(plane: Plane) -> None:
    token, key = await plane.token(), HostKey()
    assert parse_token(token).fingerprint == plane.pki.fingerprint
    answer = await plane.fleet.enrol(key.enrolment(token, "host-1"))
    assert (answer.name, answer.subscription, answer.group) == ("host-1", SUBSCRIPTION, GROUP)
    assert answer.trust == plane.trust
    assert answer.link == plane.link_url


async def test_the_same_key_gets_the_same_answer_again(plane: Plane) -> None:
    token, key = await plane.token(), HostKey()
    first = await plane.fleet.enrol(key.enrolment(token, "host-1"))
    assert await plane.fleet.enrol(key.enrolment(token, "host-1")) == first
    assert len(plane.fleet.agents()) == 1


async def test_another_key_is_refused(plane: Plane) -> None:
    token = await plane.token()
    await plane.fleet.enrol(HostKey().enrolment(token, "host-1"))
    with pytest.raises(Fault, match="EnrollmentTokenInvalid"):
        await plane.fleet.enrol(HostKey().enrolment(token, "host-2"))


async def test_a_wrong_secret_and_an_unknown_token_are_refused(plane: Plane) -> None:
    key = HostKey()
    token = parse_token(await plane.token())
    forged = str(msgspec.structs.replace(token, secret="x" * 43))
    with pytest.raises(Fault, match="EnrollmentTokenInvalid"):
        await plane.fleet.enrol(key.enrolment(forged, "host-1"))
    with pytest.raises(Fault, match="EnrollmentTokenInvalid"):
        parse_token("oob1.no")


async def test_the_key_must_be_held(plane: Plane) -> None:
    token, key = await plane.token(), HostKey()
    theirs = msgspec.structs.replace(key.enrolment(token, "host-1"), public_key=HostKey().public)
    with pytest.raises(Fault, match="InvalidParameter"):
        await plane.fleet.enrol(theirs)
    # A proof for another name is no proof for this one.
    renamed = msgspec.structs.replace(key.enrolment(token, "host-1"), name="host-2")
    with pytest.raises(Fault, match="InvalidParameter"):
        await plane.fleet.enrol(renamed)
    assert (await plane.fleet.enrol(key.enrolment(token, "host-1"))).name == "host-1"


@pytest.mark.parametrize("name", ["", "-x", "a b", "x" * 55, "a/b", "end."])
async def test_bad_names_are_refused(plane: Plane, name: str) -> None:
    with pytest.raises(Fault, match="InvalidParameter"):
        await plane.fleet.enrol(HostKey().enrolment(await plane.token(), name))


async def test_a_name_is_taken_once_and_a_token_may_fix_it(plane: Plane) -> None:
    await plane.fleet.enrol(HostKey().enrolment(await plane.token(), "host-1"))
    with pytest.raises(Fault, match="AgentNameTaken"):
        await plane.fleet.enrol(HostKey().enrolment(await plane.token(), "HOST-1"))
    fixed = await plane.fleet.create_token(person(), SUBSCRIPTION, GROUP, name="host-7")
    with pytest.raises(Fault, match="InvalidParameter"):
        await plane.fleet.enrol(HostKey().enrolment(fixed, "host-8"))


async def test_a_token_ends(plane: Plane) -> None:
    with pytest.raises(Fault, match="InvalidParameter"):
        await plane.token(timedelta(days=30))
    token = await plane.token(timedelta(microseconds=1))
    with pytest.raises(Fault, match="EnrollmentTokenInvalid"):
        await plane.fleet.enrol(HostKey().enrolment(token, "host-1"))


async def test_a_removed_host_does_not_come_back_with_its_old_token(plane: Plane) -> None:
    token, key = await plane.token(), HostKey()
    answer = await plane.fleet.enrol(key.enrolment(token, "host-1"))
    await plane.fleet.remove(answer.agent)
    assert plane.fleet.agents() == []
    with pytest.raises(Fault, match="EnrollmentTokenInvalid"):
        await plane.fleet.enrol(key.enrolment(token, "host-1"))


async def test_a_revoked_agent_loses_its_link_and_gets_no_other(plane: Plane, agent: AgentPeer) -> None:
    await agent.connect()
    await plane.fleet.revoke(agent.identity.agent)
    assert not plane.fleet.connected(agent.identity.agent)
    await agent.connect()
    assert agent.rejected is not None
    assert agent.rejected.code == "AgentUnknown"
