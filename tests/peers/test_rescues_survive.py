"""kill -9 of the control plane at every commit of a rescue: it ends well, and nothing is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from outofband.core.errors import Fault
from tests.support.cloud import SCOPE, vm_id
from tests.support.mortal import Keeper
from tests.support.postgres import Cluster, binaries

pytestmark = pytest.mark.anyio
VERSION = "2026-11-01"
RESCUES = f"{vm_id('web1')}/providers/Outofband.Diagnostics/rescues"
RESTART = "Microsoft.Compute/virtualMachines/restart/action"
MOST_COMMITS = 60
POLLS = 2000


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed")
    cluster = Cluster(programs)
    try:
        cluster.start()
        yield cluster
        cluster.stop()
    finally:
        cluster.remove()


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str | None:
    """The database under the control plane; None is its own file."""
    return request.getfixturevalue("postgres").create() if request.param == "postgresql" else None


async def ended(keeper: Keeper, name: str) -> dict[str, Any]:
    for _ in range(POLLS):
        answer = await keeper.owner.get(f"{RESCUES}/{name}", version=VERSION)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()["properties"]
        if told["outcome"] is not None:
            return told
        await asyncio.sleep(0.02)
    raise AssertionError(told)


async def restarts(keeper: Keeper) -> int:
    """Restarts that the activity log has as accepted."""
    path = f"{SCOPE}/providers/Microsoft.Insights/eventtypes/management/values"
    rows = (await keeper.owner.get(path, version="2015-04-01")).json()["value"]
    accepted = [each for each in rows if each["properties"].get("reason") == "rescue"]
    return sum(each["operationName"]["value"] == RESTART for each in accepted)


@pytest.mark.parametrize("url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)], indirect=True)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_vm_is_restarted_once(tmp_path: Path, url: str | None, when: str) -> None:
    async with Keeper(tmp_path, url) as keeper:
        host = await keeper.host()
        # Nobody can look at this VM, so nobody waits for it to answer either.
        host.refuse["vm.probe"] = Fault("ActionNotSupported", driver="qemu", verb="vm.probe")
        await keeper.owner.create_vm("web1")
        body = {"properties": {"step": 7, "agreed": True}}
        for commit in range(1, MOST_COMMITS):
            host.performed.clear()
            before, name, died = await restarts(keeper), f"r{commit}", False
            keeper.arm(commit, when)
            try:
                put = await keeper.owner.ask("PUT", f"{RESCUES}/{name}", body, version=VERSION)
                assert put.is_success, put.text
                await ended(keeper, name)
                # It may still die of something it does beside, until it is disarmed.
                keeper.disarm()
                await ended(keeper, name)
            except httpx.TransportError:
                died = True
                await keeper.revive()
                await host.peer.connect()
                await host.report()
                # A client whose answer got lost asks again: it is the same run.
                again = await keeper.owner.ask("PUT", f"{RESCUES}/{name}", body, version=VERSION)
                assert again.is_success, again.text
            told = await ended(keeper, name)
            assert told["outcome"] == "unresolved", told
            assert told["steps"][6]["deed"]["state"] == "done", told
            assert host.performed.count("vm.restart") == 1, commit
            assert await restarts(keeper) - before == 1, commit
            if not died:
                break
        assert keeper.deaths > 10, "it died at each commit there is"
