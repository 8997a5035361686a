"""Two nodes on one PostgreSQL: what is taken away at one ends sessions at the other within two seconds."""

from __future__ import annotations

import base64
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from outofband.access.roles import CONSOLE_OBSERVER, CONSOLE_OPERATOR
from outofband.consoles.limits import Limits
from outofband.core import clock
from outofband.core.ids import parse_id
from outofband.core.principal import Principal
from outofband.identity.keys import Keys
from outofband.providers.compute.shape import PRIVATE
from outofband.server.rights import ConsoleRights
from outofband.store.assignments import Assignment
from outofband.store.directory import Subscription, Tenant
from outofband.store.principals import ServicePrincipal
from outofband.wire import stream
from outofband.wire.console import Attached
from outofband.wire.grant import Mode
from tests.support.actors import AgentPeer, HostKey, Viewer, viewer
from tests.support.database import open_store
from tests.support.plane import SUBSCRIPTION, TENANT, VM_ID, Plane, person
from tests.support.postgres import Cluster, binaries
from tests.support.wait import promised, until

pytestmark = [pytest.mark.anyio, pytest.mark.peers]
SECONDS = 2.0
WHO = person("olga")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed")
    server = Cluster(programs)
    server.start()
    yield server
    server.stop()
    server.remove()


class Town:
    """Two nodes; the agent and the viewer are at the first, what is changed is changed at the second."""

    def __init__(self, here: Plane, there: Plane, agent: AgentPeer, console: Viewer) -> None:
        self.here, self.there = here, there
        self.agent, self.console = agent, console

    async def ends(self, code: str, since: float) -> None:
        await until(lambda: self.console.ended)
        assert self.console.ended is not None
        assert (self.console.ended.code, self.console.ended.resumable) == (code, False)
        await until(lambda: self.agent.ends)
        took = clock.monotonic() - since
        assert took < promised(SECONDS), took


@pytest.fixture
async def town(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Town]:
    url = cluster.create()
    await _fill(url)
    # As an installation has it: the time between two looks is what is tried here.
    limits = Limits(sweep_seconds=0.1)
    async with AsyncExitStack() as stack:
        nodes = [Plane(tmp_path / name, limits, database=url, node=name) for name in ("n1", "n2")]
        for node in nodes:
            node.rights = ConsoleRights
            await stack.enter_async_context(node)
        here, there = nodes
        key = HostKey()
        answer = await here.fleet.enrol(key.enrolment(await here.token(), "host-1"))
        agent = await stack.enter_async_context(AgentPeer(key, answer, here.client_context()))
        await until(lambda: here.fleet.connected(agent.identity.agent))
        connection = await here.connect(agent.identity.agent, who=WHO)
        console = await stack.enter_async_context(viewer(here.client_context()))
        console.connection = connection
        await console.open(connection.url, connection.ticket)
        await until(lambda: any(isinstance(event, Attached) for event in console.events))
        yield Town(here, there, agent, console)


async def _fill(url: str) -> None:
    store, now = await open_store(url), clock.now()
    await Keys(store).ensure(now)
    async with store.write() as tx:
        await store.directory.add_tenant(tx, Tenant(id=TENANT, name="T", domain=None, created=now))
        mine = Subscription(id=SUBSCRIPTION, tenant_id=TENANT, name="S", state="Enabled", created=now)
        await store.directory.add_subscription(tx, mine)
        client = ServicePrincipal(
            object_id=WHO.object_id,
            app_id=WHO.app_id,
            tenant_id=TENANT,
            name=WHO.name,
            disabled=False,
            created=now,
        )
        await store.principals.add(tx, client)
        await store.assignments.add(tx, _given(WHO, CONSOLE_OPERATOR))
        await store.resources.put(
            tx, parse_id(VM_ID), properties={PRIVATE: {"agent": "a"}}, now=now, by="test"
        )
    await store.close()


def _given(who: Principal, role: str) -> Assignment:
    return Assignment(
        tenant_id=TENANT,
        name=str(uuid.uuid4()),
        scope=f"/subscriptions/{SUBSCRIPTION}",
        role_id=role,
        principal_id=who.object_id,
        principal_type="ServicePrincipal",
        created=clock.now(),
        created_by="test",
    )


async def test_a_role_that_is_taken_away(town: Town) -> None:
    began = clock.monotonic()
    async with town.there.store.write() as tx:
        [held] = await town.there.store.assignments.of_caller(tx, WHO.object_id)
        await town.there.store.assignments.remove(tx, TENANT, held.scope, held.name)
    await town.ends("AccessRevoked", began)


async def test_the_consoles_of_the_subscription_are_disabled(town: Town) -> None:
    began = clock.monotonic()
    async with town.there.store.write() as tx:
        settings = town.there.store.console_settings
        await settings.set_disabled(tx, SUBSCRIPTION, True, by="test", now=clock.now())
    await town.ends("ConsoleDisabledForSubscription", began)


async def test_the_boot_diagnostics_of_the_vm_are_disabled(town: Town) -> None:
    began = clock.monotonic()
    async with town.there.store.write() as tx:
        resources = town.there.store.resources
        row = await resources.get(tx, parse_id(VM_ID))
        assert row is not None
        off = {"diagnosticsProfile": {"bootDiagnostics": {"enabled": False}}}
        await resources.update(tx, row.key, now=clock.now(), properties=row.properties | off)
    await town.ends("BootDiagnosticsDisabled", began)


async def test_who_may_only_watch_from_now_on_is_told_to_the_agent_and_stays(town: Town) -> None:
    """A lesser role, and the policy switched on, go to the agent with a newer grant."""
    began = clock.monotonic()
    async with town.there.store.write() as tx:
        store = town.there.store
        [held] = await store.assignments.of_caller(tx, WHO.object_id)
        await store.assignments.remove(tx, TENANT, held.scope, held.name)
        await store.assignments.add(tx, _given(WHO, CONSOLE_OBSERVER))
        await store.console_settings.set_end_login(tx, SUBSCRIPTION, True, by="test", now=clock.now())
    carrier = town.agent.carriers[0]
    await until(lambda: [each for each in carrier.frames if isinstance(each, stream.Control)])
    assert clock.monotonic() - began < promised(SECONDS)
    [renewal] = [each for each in carrier.frames if isinstance(each, stream.Control)]
    part = str(renewal.fields["grant"]).split(".")[1]
    grant = msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert (grant["mode"], grant["may_write"], grant["may_take"], grant["end_login"]) == (
        Mode.OBSERVE,
        False,
        False,
        True,
    )
    assert town.console.ended is None


async def test_the_host_is_deleted(town: Town) -> None:
    """Link, console and every right of the machine's identity, at the node that did not delete it."""
    agent = town.agent.identity.agent
    began = clock.monotonic()
    async with town.there.store.write() as tx:
        await town.there.fleet.erase(tx, agent)
    await until(lambda: town.console.ended and not town.here.fleet.connected(agent))
    assert town.console.ended is not None
    assert (town.console.ended.code, town.console.ended.resumable) == ("HostGone", False)
    assert town.here.fleet.host(agent) is None
    took = clock.monotonic() - began
    assert took < promised(SECONDS), took
    await town.agent.connect()
    assert town.agent.rejected is not None and town.agent.rejected.code == "AgentUnknown"
    await until(lambda: town.there.fleet.host(agent) is None)


async def test_the_hosts_key_is_replaced(town: Town) -> None:
    agent, new = town.agent.identity.agent, HostKey()
    began = clock.monotonic()
    await town.there.fleet.rekey(town.agent.key.successor(agent, new))
    await until(lambda: not town.here.fleet.connected(agent))
    took = clock.monotonic() - began
    assert took < promised(SECONDS), took
