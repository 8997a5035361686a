"""Azure's protocol at one node of two on one PostgreSQL: a change at the other ends it within two seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from outofband.access import roles
from outofband.consoles.limits import Limits
from outofband.core import clock
from outofband.wire import stream
from tests.support.cloud import SCOPE, Cloud, Host, Person, vm_id
from tests.support.postgres import Cluster, binaries
from tests.support.wait import promised, until
from tests.unit.http.test_azure_console import SWITCH, V, at_console, seated

pytestmark = [pytest.mark.anyio, pytest.mark.peers]
SECONDS = 2.0


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
    """Host and client are at `here`; `boss` changes things `there`. `bob` has the role `assigned`."""

    def __init__(self, here: Cloud, there: Cloud, host: Host) -> None:
        self.here, self.there, self.host = here, there, host
        self.bob: Person
        self.assigned = ""

    async def change(self, method: str, path: str, body: object = None, *, version: str = V) -> float:
        """By the other node's API; when it was done."""
        answer = await self.there.owner.ask(method, path, body, version=version)
        assert answer.status_code == 200, answer.text
        return clock.monotonic()


@pytest.fixture
async def town(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Town]:
    url = cluster.create()
    async with AsyncExitStack() as stack:
        nodes = []
        for name in ("n1", "n2"):
            node = Cloud(tmp_path / name, url=url)
            # As an installation has it: the time between two looks is what is tried here.
            node.node, node.limits = name, Limits()
            nodes.append(await stack.enter_async_context(node))
        host = await stack.enter_async_context(nodes[0].host())
        await nodes[0].owner.create_vm()
        made = Town(nodes[0], nodes[1], host)
        made.bob = await nodes[0].person("bob")
        given = await nodes[0].assign(made.bob, roles.OWNER, SCOPE)
        made.assigned = f"{SCOPE}/providers/Microsoft.Authorization/roleAssignments/{given.name}"
        yield made


class Lateness:
    """How much later than it should this loop came back: a crowded machine's doing, not the product's."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def __aenter__(self) -> Lateness:
        self._task = asyncio.get_running_loop().create_task(self._measure())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _measure(self) -> None:
        while True:
            before = clock.monotonic()
            await asyncio.sleep(0.01)
            self.seconds += clock.monotonic() - before - 0.01


@pytest.mark.parametrize("what", ["role", "subscription", "vm"])
async def test_what_is_taken_away_at_the_other_node(town: Town, what: str) -> None:
    async with at_console(town.here, town.bob) as seat:
        # Bob types: it is the writer that goes.
        await seat.socket.send("x")
        carrier = town.host.peer.carriers[0]
        await until(lambda: [each for each in carrier.frames if isinstance(each, stream.Control)])
        await seated(town.host, carrier, "bob", "write")
        await until(lambda: town.host.peer.typed == b"x")
        if what == "role":
            done = await town.change("DELETE", town.assigned, version="2022-04-01")
            code = "AccessRevoked"
        elif what == "subscription":
            done = await town.change("POST", f"{SWITCH}/disableConsole")
            code = "ConsoleDisabledForSubscription"
        else:
            off = {"properties": {"diagnosticsProfile": {"bootDiagnostics": {"enabled": False}}}}
            done = await town.change("PATCH", vm_id("demo"), off, version="2024-11-01")
            code = "BootDiagnosticsDisabled"
        async with Lateness() as late:
            closed, reason = await seat.end()
            took = clock.monotonic() - done - late.seconds
        assert reason.partition(":")[0] == code
        assert closed in (1008, 4000)
        await until(lambda: carrier.closed == 1000)
        assert took < promised(SECONDS), took
