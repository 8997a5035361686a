"""UDP to a VM: carried there and back for each sender, dropped where a rule denies, ended when it is idle.

A server on the loopback interface stands where the hypervisor's forward does: nothing here sees a difference.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outofband.agent.network import datagrams
from outofband.agent.network.attached import Attached
from outofband.agent.network.datagrams import Datagrams
from outofband.agent.network.forwards import Place, Ways
from outofband.wire.network.plan import Plan, PlanRule
from outofband.wire.network.rules import Access
from tests.support.wait import until

pytestmark = pytest.mark.anyio
HERE = f"127.{random.randrange(20, 250)}.{random.randrange(256)}.5"
SECONDS = 30.0


class Echo(asyncio.DatagramProtocol):
    """Says what it heard, and from how many ports it heard something."""

    def __init__(self) -> None:
        self.senders: set[tuple[str, int]] = set()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.senders.add(addr)
        self.transport.sendto(b"echo " + data, addr)


class Client(asyncio.DatagramProtocol):
    """Somebody outside, with one port of their own."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.put_nowait(data)

    async def ask(self, port: int, text: bytes, seconds: float = SECONDS) -> bytes | None:
        """What comes back; None when nothing does."""
        if self.transport is None:
            loop = asyncio.get_running_loop()
            await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        assert self.transport is not None
        self.transport.sendto(text, (HERE, port))
        try:
            async with asyncio.timeout(seconds):
                return await self.heard.get()
        except TimeoutError:
            return None

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()


def plan(port: int, *rules: PlanRule) -> Plan:
    return Plan(public=(HERE,), ports=(), udp_ports=(port,), udp_stages=(rules,) if rules else ())


def rule(access: Access, source: str = "0.0.0.0/0") -> PlanRule:
    return PlanRule(name="r", access=access, sources=(source,))


def free() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HERE, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def guest() -> AsyncIterator[Echo]:
    transport, echo = await asyncio.get_running_loop().create_datagram_endpoint(
        Echo, local_addr=("127.0.0.1", 0)
    )
    yield echo
    transport.close()


@pytest.fixture
async def carried(guest: Echo) -> AsyncIterator[Datagrams]:
    backend = guest.transport.get_extra_info("sockname")
    made = Datagrams("web1", lambda _: backend)
    yield made
    await made.close()


async def test_each_sender_gets_its_own_answers(guest: Echo, carried: Datagrams) -> None:
    port = free()
    await carried.apply(plan(port, rule(Access.ALLOW)))
    assert carried.listening == [f"udp {HERE}:{port}"]
    clients = [Client() for _ in range(5)]
    answers = await asyncio.gather(*(each.ask(port, b"%d" % number) for number, each in enumerate(clients)))
    assert answers == [b"echo %d" % number for number in range(5)]
    # The guest sees as many senders, and whole datagrams, however large.
    assert (len(guest.senders), carried.flows) == (5, 5)
    big = bytes(range(256)) * 200
    assert await clients[0].ask(port, big) == b"echo " + big
    assert carried.flows == 5
    for each in clients:
        each.close()


async def test_who_is_denied_is_not_answered(guest: Echo, carried: Datagrams) -> None:
    port, one = free(), Client()
    await carried.apply(plan(port, rule(Access.DENY)))
    assert await one.ask(port, b"x", 0.3) is None
    await carried.apply(plan(port, rule(Access.ALLOW, "203.0.113.0/24")))
    assert await one.ask(port, b"x", 0.3) is None
    assert (guest.senders, carried.flows) == (set(), 0)
    await carried.apply(plan(port, rule(Access.ALLOW)))
    assert await one.ask(port, b"x") == b"echo x"
    # A live flow ends when the rules change; so does the door when the port is offered no more.
    await carried.apply(plan(port, rule(Access.DENY)))
    assert carried.flows == 0
    assert await one.ask(port, b"x", 0.3) is None
    await carried.apply(Plan(public=(HERE,), ports=()))
    assert carried.listening == []
    one.close()


async def test_rules_of_tcp_are_none_of_udp(guest: Echo, carried: Datagrams) -> None:
    port, one = free(), Client()
    only = Plan(
        public=(HERE,), ports=(), stages=((rule(Access.ALLOW),),), udp_ports=(port,), udp_stages=((),)
    )
    await carried.apply(only)
    assert await one.ask(port, b"x", 0.3) is None
    one.close()


async def test_idle_flows_end(guest: Echo, carried: Datagrams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "IDLE_SECONDS", 2.0)
    monkeypatch.setattr(datagrams, "SWEEP_SECONDS", 0.05)
    port, one = free(), Client()
    await carried.apply(plan(port, rule(Access.ALLOW)))
    assert await one.ask(port, b"x") == b"echo x"
    await until(lambda: carried.flows == 0, seconds=SECONDS)
    assert await one.ask(port, b"again") == b"echo again"
    one.close()


async def test_there_is_a_bound(guest: Echo, carried: Datagrams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "MAX_FLOWS", 2)
    port = free()
    await carried.apply(plan(port, rule(Access.ALLOW)))
    clients = [Client() for _ in range(3)]
    assert [await each.ask(port, b"x") for each in clients[:2]] == [b"echo x", b"echo x"]
    assert await clients[2].ask(port, b"x", 0.5) is None
    for each in clients:
        each.close()


async def test_all_vms_together_leave_descriptors_for_the_rest(
    guest: Echo, carried: Datagrams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datagrams, "_most", lambda: 2)
    backend = guest.transport.get_extra_info("sockname")
    other, first, second = Datagrams("web2", lambda _: backend), free(), free()
    await carried.apply(plan(first, rule(Access.ALLOW)))
    await other.apply(plan(second, rule(Access.ALLOW)))
    clients = [Client() for _ in range(3)]
    assert await clients[0].ask(first, b"x") == b"echo x"
    assert await clients[1].ask(second, b"x") == b"echo x"
    assert await clients[2].ask(second, b"x", 0.5) is None
    await carried.close()
    assert await clients[2].ask(second, b"x") == b"echo x"
    await other.close()
    assert Datagrams.carried == 0
    for each in clients:
        each.close()


async def test_a_guest_that_is_gone_and_comes_back(carried: Datagrams, guest: Echo) -> None:
    port, one = free(), Client()
    await carried.apply(plan(port, rule(Access.ALLOW)))
    backend = guest.transport.get_extra_info("sockname")
    guest.transport.close()
    await asyncio.sleep(0)
    assert await one.ask(port, b"x", 0.3) is None
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    await until(lambda: _binds(bound, backend), seconds=SECONDS)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Echo, sock=bound)
    assert await one.ask(port, b"y") == b"echo y"
    transport.close()
    one.close()


async def test_a_host_opens_what_the_plan_names_and_tells_what_it_cannot(tmp_path: Path) -> None:
    opened: list[int] = []
    kept: dict[int, Place] = {}

    async def tcp(place: Place, port: int) -> bool:
        return True

    async def udp(place: Place, port: int) -> bool:
        opened.append(port)
        kept[port] = place
        return True

    async def none() -> dict[int, Place]:
        return {}

    async def there() -> dict[int, Place]:
        return kept

    async def gone(place: Place) -> None:
        closed.append(place)

    closed: list[Place] = []

    made = Attached("vm", tmp_path, ("127.0.0.0/8",), Ways(tcp, none, gone), Ways(udp, there, gone))
    await made.started()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HERE, 0))
        port = int(other.getsockname()[1])
        await made.change(plan(port, rule(Access.ALLOW)))
        assert opened == [port]
        assert "another program" in made.problems[f"udp {HERE}:{port}"]
    await made.again()
    assert (made.listening, made.problems) == ([f"udp {HERE}:{port}"], {})
    await made.stopped()
    assert made.listening == []
    # An agent that comes anew finds the forward that the hypervisor has, and makes no second one.
    await made.started()
    async with asyncio.timeout(SECONDS):
        while not made.listening:
            # What was closed a moment ago is free at the loop's next turn.
            await asyncio.sleep(0)
            await made.again()
    assert (opened, made.listening) == ([port], [f"udp {HERE}:{port}"])
    assert closed == []
    await made.change(Plan(ports=(), shut=True))
    assert closed == [kept[port]]
    await made.close()


def _binds(one: socket.socket, place: tuple[str, int]) -> bool:
    try:
        one.bind(place)
    except OSError:
        return False
    return True
