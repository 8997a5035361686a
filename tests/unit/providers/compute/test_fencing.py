"""Hosts of VMs that live elsewhere by now: all are told at once, and none waits for one that says nothing."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from outofband.core import clock
from outofband.providers.compute import fencing as fences
from outofband.providers.compute.fencing import Fencing
from outofband.wire.machine import Power, Verb
from tests.support.cloud import Cloud, Host, vm_id
from tests.support.wait import until

pytestmark = pytest.mark.anyio


async def strangers(cloud: Cloud, home: Host, *others: Host) -> str:
    """A VM that lives at `home`, at a newer epoch than that of the copies that the others run; its uid."""
    await cloud.owner.create_vm("web")
    uid = next(iter(home.power))
    async with cloud.store.write() as tx:
        await cloud.store.resources.advance_epoch(tx, vm_id("web"), now=clock.now())
    for other in others:
        other.power[uid] = Power.RUNNING
        await other.report()
    agents = [other.peer.identity.agent for other in others]
    await until(lambda: all(cloud.fleet.report(uid, agent) is not None for agent in agents))
    return uid


def fenced(host: Host) -> int:
    return len([each for each in host.heard if each.verb == Verb.FENCE])


async def test_a_silent_host_keeps_no_other_one_waiting(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fences, "LOOK_SECONDS", 0.02)
    async with contextlib.AsyncExitStack() as hosts:
        home = await hosts.enter_async_context(cloud.host("h1"))
        silent = await hosts.enter_async_context(cloud.host("h2"))
        others = [await hosts.enter_async_context(cloud.host(f"h{number}")) for number in (3, 4)]
        asked: list[str] = []
        silent.deaf.add(Verb.FENCE)
        silent.watch = lambda command: asked.append(command.verb)
        uid = await strangers(cloud, home, silent, others[0])
        fencing = Fencing(cloud.store, cloud.fleet)
        running = asyncio.ensure_future(fencing.run())
        await until(lambda: fenced(others[0]) == 1 and asked.count(Verb.FENCE) == 1)
        # One that comes while the silent one is still waited for.
        others[1].power[uid] = Power.RUNNING
        await others[1].report()
        await until(lambda: fenced(others[1]) == 1)
        assert asked.count(Verb.FENCE) == 1 and fenced(others[0]) == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_orders_that_are_under_way_have_a_bound(cloud: Cloud) -> None:
    async with cloud.host("h1") as home, cloud.host("h2") as first, cloud.host("h3") as second:
        asked: list[str] = []
        for host in (first, second):
            host.deaf.add(Verb.FENCE)
            host.watch = lambda command: asked.append(command.verb)
        await strangers(cloud, home, first, second)
        fencing = Fencing(cloud.store, cloud.fleet)
        fencing._room = asyncio.Semaphore(1)
        looking = asyncio.ensure_future(fencing.look())
        await until(lambda: asked.count(Verb.FENCE) == 1)
        assert fencing._room.locked() and len(fencing._busy) == 2
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        assert asked.count(Verb.FENCE) == 1 and not fencing._busy
