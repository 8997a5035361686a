"""The connection that is made while the ticket is still being asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from outofband.client import ahead
from outofband.client.ahead import Ahead
from outofband.client.console import Console
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.identity.pki import Pki
from outofband.net.tasks import Tasks
from outofband.net.tls import client_context
from outofband.wire.console import SUBPROTOCOL, ClientSession, Ended, Event
from tests.support.wait import until
from tests.unit.client.far import VM, Far, Visit, refusal

pytestmark = pytest.mark.anyio


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    made = Tasks()
    yield made
    await made.close()


class Person:
    def __init__(self, far: Far, gateway: str | None = None) -> None:
        self.shown: list[object] = []
        self.client = far.client()
        console = Console(self.client, VM, port="0", session=ClientSession(client="t"), sink=self._see)
        if gateway is not None:
            console._gateway = gateway
        self.console = console

    async def _see(self, event: Event | object) -> None:
        self.shown.append(event)

    async def stay(self) -> Ended:
        try:
            async with asyncio.timeout(30):
                return await self.console.run()
        finally:
            self.client.__exit__()


async def test_the_socket_is_there_before_the_ticket_and_is_used(far: Far) -> None:
    far.subprotocol = SUBPROTOCOL
    seen: list[int] = []

    async def slow(request: Request) -> Response:
        # The answer waits for the connection: without it this would not end.
        await until(lambda: far.consoles == 1)
        own = {"url": f"{far.gateway}/console/v1/one/client", "ticket": "t", "session": "one"}
        return JSONResponse({"outofband": own | {"subprotocol": SUBPROTOCOL}})

    async def script(visit: Visit) -> None:
        seen.append(far.consoles)
        await visit.attached()
        await visit.output(0, b"$ ")
        assert await visit.gone() == 1000

    far.answers.append(slow)
    far.scripts.append(script)
    alice = Person(far)
    staying = asyncio.ensure_future(alice.stay())
    await until(lambda: len(alice.shown) == 2)
    alice.console.leave()
    assert (await staying).code == "Left"
    assert seen == [1], "no second connection was made"
    assert far.early == 1, "the first message came with the request"
    assert far.opened[0].ticket == "t"


@pytest.mark.parametrize(
    "gateway", ["", "wss://unused.invalid", "wss://127.0.0.1:1", "https://x:y", "wss://"]
)
async def test_a_listener_that_is_not_where_it_was_thought_changes_nothing(far: Far, gateway: str) -> None:
    async def script(visit: Visit) -> None:
        await visit.attached()
        await visit.gone()

    far.scripts.append(script)
    alice = Person(far, gateway)
    staying = asyncio.ensure_future(alice.stay())
    await until(lambda: alice.shown)
    alice.console.leave()
    assert (await staying).code == "Left"
    assert far.early == 0, "an older gateway gets its first message as a message"


async def test_a_refusal_leaves_no_connection_behind(far: Far) -> None:
    async def refused(request: Request) -> Response:
        await until(lambda: far.consoles == 1)
        return refusal(Fault("VmNotRunning", vm="demo", power="stopped"))

    far.answers.append(refused)
    with pytest.raises(Fault, match="VmNotRunning"):
        await Person(far).stay()
    await until(lambda: far.consoles == 0)


async def test_who_leaves_while_the_answer_is_awaited_leaves_no_connection_behind(far: Far) -> None:
    leave = asyncio.Event()

    async def never(request: Request) -> Response:
        await leave.wait()
        return refusal(Fault("VmNotRunning", vm="demo", power="stopped"))

    far.answers.append(never)
    alice = Person(far)
    staying = asyncio.ensure_future(alice.stay())
    await until(lambda: far.consoles == 1)
    alice.console.leave()
    assert (await staying).code == "Left"
    await until(lambda: far.consoles == 0)
    leave.set()


async def test_it_is_handed_over_once_and_to_its_own_place_only(far: Far, tasks: Tasks) -> None:
    tls = client_context(far.pki.trust)
    made = Ahead(far.gateway, tls, tasks)
    assert await made.transport_for("wss://localhost:1/x") is None
    transport = await made.transport_for(f"{far.gateway}/console/v1/one/client")
    assert transport is not None
    assert await made.transport_for(far.gateway) is None
    made.close()
    assert not transport.is_closing(), "whoever has it now closes it"
    transport.abort()


async def test_one_that_is_old_or_gone_is_not_handed_over(
    far: Far, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = client_context(far.pki.trust)
    old = Ahead(far.gateway, tls, tasks)
    await until(lambda: old._transport)
    later = clock.monotonic() + ahead.FRESH_SECONDS + 1
    with monkeypatch.context() as patched:
        patched.setattr(ahead.clock, "monotonic", lambda: later)
        assert await old.transport_for(far.gateway) is None
    gone = Ahead(far.gateway, tls, tasks)
    await until(lambda: gone._transport)
    await far.close_consoles()
    await until(lambda: gone._transport is not None and gone._transport.is_closing())
    assert await gone.transport_for(far.gateway) is None


async def test_a_certificate_that_is_not_trusted_gives_none(far: Far, tasks: Tasks, tmp_path: Path) -> None:
    other = Pki.open(tmp_path / "other", [], clock.now())
    made = Ahead(far.gateway, client_context(other.trust), tasks)
    assert await made.transport_for(far.gateway) is None
    made.close()


async def test_through_a_proxy_none_is_made(far: Far, tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    made = Ahead("wss://oob.example:8444", client_context(far.pki.trust), tasks)
    assert made._making is None
    made.close()
