"""Whether a machine can be used now: judged from its host's last word, told through the real doors."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import httpx
import pytest

from outofband.access import roles
from outofband.core import clock
from outofband.fleet.hosts import HostView
from outofband.providers.compute.shape import PRIVATE, TYPE
from outofband.providers.health import Reason, State, of_vm
from outofband.store.agents import Agent
from outofband.store.resources import Resource
from outofband.wire.machine import PortReport, Power, VmReport
from tests.support.cloud import GROUP_ID, SCOPE, SUBSCRIPTION, TENANT, Cloud, Host, Person, vm_id
from tests.support.wait import until

HEALTH = "providers/Microsoft.ResourceHealth/availabilityStatuses"
NOW = clock.parse_iso("2026-03-04T05:06:07+00:00")
EARLIER = NOW - timedelta(hours=1)


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


def agent() -> Agent:
    return Agent(
        id="a",
        name="h1",
        tenant_id=TENANT,
        subscription_id=SUBSCRIPTION,
        resource_group="Lab",
        public_key="k",
        version="1",
        enrolled=EARLIER,
        revoked=None,
        last_seen=EARLIER,
        inventory=None,
        inventory_at=None,
        link_id=None,
        link_node=None,
        link_since=None,
    )


def host(connected: bool = True) -> HostView:
    return HostView(agent=agent(), connected=connected, since=EARLIER, report=None, machines=[])


def vm(state: str = "Succeeded", **private: Any) -> Resource:
    return Resource(
        key=vm_id("v").lower(),
        id=vm_id("v"),
        uid=str(uuid.uuid4()),
        type=TYPE,
        subscription_id=SUBSCRIPTION,
        resource_group="Lab",
        parent_key=GROUP_ID.lower(),
        name="v",
        location="local",
        tags={},
        properties={PRIVATE: {"agent": "a", "placed": True, **private}},
        envelope={},
        etag="e",
        provisioning_state=state,
        epoch=1,
        created=EARLIER,
        created_by="x",
        changed=EARLIER,
        changed_by="x",
    )


def report(power: Power, fault: str | None = None, alarm: str | None = None) -> VmReport:
    return VmReport(
        vm="v",
        name="v",
        driver="qemu",
        epoch=1,
        power=power,
        since=clock.iso(EARLIER),
        ports=[PortReport(name="0", start=0, end=1, alarm=alarm)],
        fault=fault,
    )


@pytest.mark.parametrize(
    ("view", "said", "state", "reason"),
    [
        (host(), report(Power.RUNNING), State.AVAILABLE, Reason.NONE),
        (host(), report(Power.RUNNING, alarm="SpoolDiskFull"), State.DEGRADED, Reason.UNPLANNED),
        (host(), report(Power.RUNNING, fault="GuestPanicked"), State.DEGRADED, Reason.UNPLANNED),
        (host(), report(Power.STOPPED, fault="HypervisorEnded"), State.UNAVAILABLE, Reason.UNPLANNED),
        (host(), report(Power.STOPPED), State.UNAVAILABLE, Reason.UNPLANNED),
        (host(), report(Power.STARTING), State.UNAVAILABLE, Reason.CUSTOMER),
        (host(), report(Power.UNKNOWN), State.UNKNOWN, Reason.NONE),
        (host(), None, State.UNKNOWN, Reason.NONE),
        (host(connected=False), report(Power.RUNNING), State.UNKNOWN, Reason.UNPLANNED),
        (None, report(Power.RUNNING), State.UNKNOWN, Reason.NONE),
    ],
)
def test_the_judgement(view: HostView | None, said: VmReport | None, state: State, reason: Reason) -> None:
    health = of_vm(vm(), view, said, NOW)
    assert (health.state, health.reason, health.occurred) == (state, reason, EARLIER)
    live = view is not None and view.connected
    assert health.reported == (NOW if live else EARLIER)
    assert health.summary and health.title
    assert health.state in (State.AVAILABLE, State.UNKNOWN) or health.detail


def test_a_vm_that_was_never_made_says_why() -> None:
    failed = vm("Failed", placed=False, failure={"code": "NoSpace", "message": "The disk is full."})
    health = of_vm(failed, host(), None, NOW)
    assert (health.state, health.detail) == (State.UNAVAILABLE, "NoSpace")
    assert "The disk is full." in health.summary


def test_an_odd_time_of_an_agent_does_no_harm() -> None:
    odd = report(Power.RUNNING)
    assert of_vm(vm(), host(), VmReport(**{**_fields(odd), "since": "yesterday"}), NOW).occurred == NOW


def _fields(said: VmReport) -> dict[str, Any]:
    return {name: getattr(said, name) for name in said.__struct_fields__}


async def current(person: Person, resource: str) -> dict[str, Any]:
    answer = await person.get(f"{resource}/{HEALTH}/current", version="2025-05-01")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.anyio
async def test_through_the_life_of_a_vm(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    told = await current(cloud.owner, vm_id("demo"))
    assert told["id"] == f"{vm_id('demo')}/{HEALTH}/current"
    assert (told["name"], told["type"]) == ("current", "Microsoft.ResourceHealth/AvailabilityStatuses")
    properties = told["properties"]
    assert (properties["availabilityState"], properties["reasonType"]) == ("Available", "")
    assert clock.parse_iso(properties["occuredTime"]) <= clock.parse_iso(properties["reportedTime"])

    await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('demo')}/powerOff"))
    off = (await current(cloud.owner, vm_id("demo")))["properties"]
    assert (off["availabilityState"], off["reasonType"]) == ("Unavailable", "Customer Initiated")

    await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('demo')}/start"))
    (uid,) = host.power
    host.power[uid] = Power.STOPPED
    await host.report()
    agent_id = host.peer.identity.agent
    await until(lambda: (found := cloud.fleet.report(uid, agent_id)) and found.power is Power.STOPPED)
    off = (await current(cloud.owner, vm_id("demo")))["properties"]
    assert (off["availabilityState"], off["reasonType"]) == ("Unavailable", "Unplanned"), "the guest did it"

    await host.peer.kill()
    await until(lambda: not cloud.fleet.connected(agent_id))
    lost = (await current(cloud.owner, vm_id("demo")))["properties"]
    assert (lost["availabilityState"], lost["detailedStatus"]) == ("Unknown", "HostDisconnected")


@pytest.mark.anyio
async def test_lists_and_rights(cloud: Cloud, host: Host) -> None:
    for name in ("one", "two"):
        await cloud.owner.create_vm(name)
    machine = f"{GROUP_ID}/providers/Microsoft.HybridCompute/machines/h1"
    every = {f"{each}/{HEALTH}/current" for each in (vm_id("one"), vm_id("two"), machine)}

    async def listed(person: Person, scope: str, **query: str) -> list[str]:
        found: list[str] = []
        answer = await person.get(f"{scope}/{HEALTH}", version="2025-05-01", **query)
        while True:
            assert answer.status_code == 200, answer.text
            found += [each["id"] for each in answer.json()["value"]]
            if "nextLink" not in answer.json():
                return found
            answer = await person.get(answer.json()["nextLink"], version=None)

    for scope in (SCOPE, GROUP_ID):
        assert set(await listed(cloud.owner, scope)) == every
        pages = await listed(cloud.owner, scope, **{"$top": "1"})
        assert (len(pages), set(pages)) == (3, every)
    assert await listed(cloud.owner, vm_id("one")) == [f"{vm_id('one')}/{HEALTH}/current"]
    some = await cloud.person("some", roles.READER, vm_id("one"))
    assert await listed(some, SCOPE) == [f"{vm_id('one')}/{HEALTH}/current"]
    assert code(await some.get(f"{vm_id('two')}/{HEALTH}/current")) == "AuthorizationFailed"
    assert code(await cloud.owner.get(f"{vm_id('none')}/{HEALTH}/current")) == "ResourceNotFound"
    assert code(await cloud.owner.get(f"{vm_id('one')}/{HEALTH}/yesterday")) == "ResourceNotFound"
    nobody = await cloud.person("nobody")
    assert code(await nobody.get(f"{SCOPE}/{HEALTH}")) == "AuthorizationFailed"
