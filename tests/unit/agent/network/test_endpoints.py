"""Endpoints of the classic model at a host: another port in front of the VM's own, and rules about that.

A server on the loopback interface stands where the hypervisor's forward does: a forwarder sees no difference.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outofband.agent.network.attached import Attached
from outofband.agent.network.forwarder import Forwarder
from outofband.agent.network.forwards import Place, Ways
from outofband.core.errors import Fault
from outofband.wire.network.plan import Endpoint, Plan, PlanRule
from outofband.wire.network.rules import Access

pytestmark = pytest.mark.anyio
HERE = "127.0.0.1"


def free() -> int:
    with socket.socket() as one:
        one.bind((HERE, 0))
        return int(one.getsockname()[1])


def allow(port: str) -> tuple[tuple[PlanRule, ...], ...]:
    return ((PlanRule(name="in", access=Access.ALLOW, sources=("0.0.0.0/0",), ports=(port,)),),)


class Guest:
    """Answers each connection with its name, and says back what it is sent."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[int] = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(b"guest\n")
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
        writer.close()

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, HERE, 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def backend(self, port: int) -> tuple[str, int]:
        self.asked.append(port)
        return HERE, self.port


@pytest.fixture
async def guest() -> AsyncIterator[Guest]:
    made = Guest()
    server = await made.start()
    yield made
    server.close()


@pytest.fixture
async def forwarder(guest: Guest) -> AsyncIterator[Forwarder]:
    made = Forwarder("vm", guest.backend)
    yield made
    await made.close()


async def greeted(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(HERE, port)
    assert await asyncio.wait_for(reader.readline(), 10) == b"guest\n"
    return reader, writer


async def refused(port: int) -> None:
    with pytest.raises(ConnectionError):
        reader, _ = await asyncio.open_connection(HERE, port)
        if await asyncio.wait_for(reader.read(1), 10) == b"":
            raise ConnectionResetError


async def ended(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_a_public_port_leads_to_the_private_one(forwarder: Forwarder, guest: Guest) -> None:
    public = free()
    # The rule allows the VM's port, and no other.
    await forwarder.apply(
        Plan(public=(HERE,), ports=(), endpoints=(Endpoint(public, 3389),), stages=allow("3389"))
    )
    assert forwarder.listening == [f"{HERE}:{public}"]
    _, writer = await greeted(public)
    assert guest.asked == [3389]
    writer.close()


async def test_rules_are_about_the_private_port(forwarder: Forwarder, guest: Guest) -> None:
    public = free()
    plan = Plan(public=(HERE,), ports=(), endpoints=(Endpoint(public, 3389),), stages=allow(str(public)))
    await forwarder.apply(plan)
    await refused(public)
    assert (guest.asked, forwarder.denied) == ([], 1)


async def test_an_endpoint_that_goes_takes_its_connections_along(forwarder: Forwarder, guest: Guest) -> None:
    first, second = free(), free()
    both = (Endpoint(first, 3389), Endpoint(second, 22))
    await forwarder.apply(Plan(public=(HERE,), ports=(), endpoints=both))
    gone, _ = await greeted(first)
    stays, writer = await greeted(second)
    await forwarder.apply(Plan(public=(HERE,), ports=(), endpoints=both[1:]))
    await ended(gone)
    writer.write(b"still here\n")
    assert await asyncio.wait_for(stays.readline(), 10) == b"still here\n"
    # The same public port in front of another one is another door.
    await forwarder.apply(Plan(public=(HERE,), ports=(), endpoints=(Endpoint(second, 3389),)))
    await ended(stays)
    _, writer = await greeted(second)
    assert guest.asked == [3389, 22, 3389]
    writer.close()


async def test_a_host_keeps_the_plan_and_opens_what_it_needs(tmp_path: Path) -> None:
    opened: list[int] = []

    async def forward(chosen: Place, port: int) -> bool:
        opened.append(port)
        return True

    async def none() -> dict[int, Place]:
        return {}

    async def gone(place: Place) -> None:
        closed.append(place)

    closed: list[Place] = []
    made = Attached("vm", tmp_path, ("127.0.0.0/8",), Ways(forward, none, gone))
    await made.started()
    assert opened == [], "it has no address"
    await made.change(
        Plan(public=(HERE,), ports=(), endpoints=(Endpoint(free(), 3389), Endpoint(free(), 80)))
    )
    assert opened == [3389, 80] and not closed
    for wrong in (Endpoint(0, 3389), Endpoint(80, 65536)):
        with pytest.raises(Fault) as raised:
            await made.change(Plan(endpoints=(wrong,)))
        assert raised.value.code == "DefinitionInvalid"
    with pytest.raises(Fault):
        await made.change(Plan(endpoints=tuple(Endpoint(1000 + each, 22) for each in range(64))))
    await made.close()
    again = Attached("vm", tmp_path, ("127.0.0.0/8",), Ways(forward, none, gone))
    opened.clear()
    await again.started()
    assert opened == [3389, 80]
    await again.close()
