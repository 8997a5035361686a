"""Doors of a VM at its host: who holds them, what becomes of those inside when they close, and odd peers."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_address
from pathlib import Path

import pytest
import structlog

from outofband.agent.network import forwarder as doors
from outofband.agent.network.attached import Attached
from outofband.agent.network.forwarder import Forwarder
from outofband.agent.network.forwards import MAX_FORWARDS, Place, Ways
from outofband.core.errors import Fault
from outofband.wire.network.plan import Endpoint, Plan, PlanRule
from outofband.wire.network.rules import Access
from tests.support.wait import until

pytestmark = pytest.mark.anyio
ONE, OTHER = "127.9.3.1", "127.9.3.2"
OFFERED = ("127.9.3.0/24",)
SOON = 30.0


def free(address: str = ONE) -> int:
    with socket.socket() as one:
        one.bind((address, 0))
        return int(one.getsockname()[1])


def plan(port: int, *public: str, stages: tuple[tuple[PlanRule, ...], ...] = ()) -> Plan:
    return Plan(public=public, ports=(), endpoints=(Endpoint(port, 22),), stages=stages)


def rule(access: Access, *sources: str, ports: tuple[str, ...] = ("*",)) -> PlanRule:
    return PlanRule(name="r", access=access, sources=sources, ports=ports)


_open: list[asyncio.StreamWriter | Forwarder] = []


@pytest.fixture(autouse=True)
async def nothing_left() -> AsyncIterator[None]:
    yield
    for each in _open:
        if isinstance(each, Forwarder):
            await each.close()
        else:
            each.transport.abort()
    _open.clear()


async def enter(address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(address, port)
    _open.append(writer)
    return reader, writer


def forwarder(backend: Callable[[int], Place | None], vm: str = "vm") -> Forwarder:
    made = Forwarder(vm, backend)
    _open.append(made)
    return made


@contextlib.asynccontextmanager
async def guest(name: bytes = b"") -> AsyncIterator[tuple[Place, set[asyncio.StreamWriter]]]:
    """A server that says its name, then what it is sent, and ends its side when the other does."""
    held: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.add(writer)
        with contextlib.suppress(ConnectionError):
            writer.write(name)
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield ("127.0.0.1", int(server.sockets[0].getsockname()[1])), held
    finally:
        server.close()
        for each in held:
            each.transport.abort()


async def is_cut(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), SOON) == b""


async def test_an_address_that_is_taken_away_takes_its_connections_along() -> None:
    async with guest(b"hello") as (place, _):
        one = forwarder(lambda port: place)
        port = free()
        await one.apply(plan(port, ONE, OTHER))
        lost, _ = await enter(ONE, port)
        kept, writer = await enter(OTHER, port)
        await lost.readexactly(5)
        await kept.readexactly(5)
        await one.apply(plan(port, OTHER))
        await is_cut(lost)
        writer.write(b"still")
        assert await kept.readexactly(5) == b"still"
        assert one.flows == 1
        await one.close()
        await is_cut(kept)


async def test_a_door_that_another_vm_holds_is_taken_as_soon_as_it_is_given_up() -> None:
    """An address moves from one VM to another, and the new one is told first."""
    async with guest(b"first") as (first, _), guest(b"other") as (second, _):
        old, new = forwarder(lambda port: first, "a"), forwarder(lambda port: second, "b")
        port = free()
        await old.apply(plan(port, ONE))
        await new.apply(plan(port, ONE))
        assert list(new.problems) == [f"{ONE}:{port}"] and new.listening == []
        await old.apply(plan(port))
        await new.listen()
        assert new.problems == {}
        reader, _ = await enter(ONE, port)
        assert await reader.readexactly(5) == b"other"


async def test_what_is_sent_at_once_and_half_closed_comes_through_whole() -> None:
    async with guest() as (place, _):
        one = forwarder(lambda port: place)
        port = free()
        await one.apply(plan(port, ONE))

        async def talk(size: int) -> None:
            sent = secrets.token_bytes(size)
            reader, writer = await enter(ONE, port)
            writer.write(sent)
            writer.write_eof()
            assert await asyncio.wait_for(reader.read(-1), SOON) == sent
            writer.close()

        await asyncio.gather(*(talk(size) for size in (0, 1, 65536, 5_000_000) for _ in range(5)))
        await until(lambda: one.flows == 0)
        assert Forwarder.carried == 0


async def test_a_side_that_breaks_is_a_reset_on_the_other() -> None:
    async with guest(b"hello") as (place, held):
        one = forwarder(lambda port: place)
        port = free()
        await one.apply(plan(port, ONE))
        reader, _ = await enter(ONE, port)
        await reader.readexactly(5)
        for each in held:
            each.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            each.transport.abort()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), SOON)
        await until(lambda: one.flows == 0)


async def test_nobody_behind_the_door_is_a_reset_and_leaves_nothing() -> None:
    one = forwarder(lambda port: ("127.0.0.1", free("127.0.0.1")))
    port = free()
    await one.apply(plan(port, ONE))
    for _ in range(50):
        with contextlib.suppress(ConnectionError):
            reader, _ = await enter(ONE, port)
            assert await asyncio.wait_for(reader.read(), SOON) == b""
    await until(lambda: one.flows == 0)
    assert Forwarder.carried == 0


async def test_a_peer_that_vanishes_is_found_out() -> None:
    """Without a sign of life a place would be taken for ever."""
    async with guest(b"hello") as (place, _):
        one = forwarder(lambda port: place)
        port = free()
        await one.apply(plan(port, ONE))
        reader, _ = await enter(ONE, port)
        await reader.readexactly(5)
        (front,) = one._flows
        assert front.transport is not None
        kept = front.transport.get_extra_info("socket")
        assert kept.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        idle, every, count, silent = (
            kept.getsockopt(socket.IPPROTO_TCP, each)
            for each in (
                socket.TCP_KEEPIDLE,
                socket.TCP_KEEPINTVL,
                socket.TCP_KEEPCNT,
                socket.TCP_USER_TIMEOUT,
            )
        )
        assert idle + every * count <= 120 and silent <= 120_000


async def test_all_vms_together_leave_descriptors_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    async with guest(b"hello") as (place, _):
        one, other = forwarder(lambda port: place, "a"), forwarder(lambda port: place, "b")
        first, second = free(), free()
        await one.apply(plan(first, ONE))
        await other.apply(plan(second, ONE))
        monkeypatch.setattr(doors, "_most", lambda: 2)
        for port in (first, second):
            reader, _ = await enter(ONE, port)
            await reader.readexactly(5)
        reader, _ = await enter(ONE, second)
        await is_cut(reader)


async def test_the_log_of_the_denied_has_a_bound() -> None:
    one = forwarder(lambda port: None)
    port = free()
    await one.apply(plan(port, ONE, stages=((rule(Access.DENY, "0.0.0.0/0"),),)))
    with structlog.testing.capture_logs() as said:
        for _ in range(3 * doors.TOLD_A_MINUTE):
            with contextlib.suppress(ConnectionError):
                reader, _ = await enter(ONE, port)
                await reader.read()
    assert one.denied == 3 * doors.TOLD_A_MINUTE
    assert len([each for each in said if each["event"] == "network.denied"]) == doors.TOLD_A_MINUTE


# What a host keeps of a VM's network.


class Hypervisor:
    """Takes forwards, or fails; those it has outlive the agent."""

    def __init__(self) -> None:
        self.has: dict[int, Place] = {}
        self.trouble: Fault | None = None
        self.asked = 0

    async def forward(self, place: Place, port: int) -> bool:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        self.has[port] = place
        return True

    async def forwards(self) -> dict[int, Place]:
        return dict(self.has)

    async def remove(self, place: Place) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.has = {port: each for port, each in self.has.items() if each != place}

    @property
    def ways(self) -> Ways:
        return Ways(self.forward, self.forwards, self.remove)

    def attached(self, folder: Path) -> Attached:
        return Attached("vm", folder, OFFERED, self.ways)


async def test_rules_hold_whatever_the_hypervisor_does(tmp_path: Path) -> None:
    hypervisor = Hypervisor()
    made = hypervisor.attached(tmp_path)
    port = free()
    await made.change(plan(port, ONE))
    await made.started()
    async with guest(b"hello") as (place, _):
        made._tcp.ports[22] = place
        reader, _ = await enter(ONE, port)
        await reader.readexactly(5)
        hypervisor.trouble = Fault("HypervisorUnreachable", detail="its monitor says nothing")
        # A port that has no forward yet, and everybody denied.
        denied = Plan(
            public=(ONE,), ports=(3389,), endpoints=(Endpoint(port, 22),), stages=((rule(Access.DENY),),)
        )
        await made.change(denied)
        await is_cut(reader)
    await made.close()


async def test_the_forwards_of_an_earlier_life_are_used(tmp_path: Path) -> None:
    hypervisor = Hypervisor()
    first = hypervisor.attached(tmp_path)
    await first.change(plan(free(), ONE))
    await first.started()
    asked = hypervisor.asked
    await first.close()
    for _ in range(3):
        again = hypervisor.attached(tmp_path)
        await again.started()
        async with again.way_to(22) as way:
            assert way == hypervisor.has[22]
        await again.close()
    assert hypervisor.asked == asked


async def test_a_guest_cannot_guess_where_another_is_reached(tmp_path: Path) -> None:
    """By its gateway a guest reaches 127.0.0.1 of its host, and so everything that listens there."""
    hypervisor = Hypervisor()
    made = hypervisor.attached(tmp_path)
    await made.started()
    places = set()
    for port in range(1, 21):
        async with made.way_to(port) as way:
            places.add(way[0])
    assert len(places) == 20 and "127.0.0.1" not in places
    assert all(ip_address(each).is_loopback for each in places)
    await made.close()


async def test_looks_at_ports_have_a_bound(tmp_path: Path) -> None:
    made = Hypervisor().attached(tmp_path)
    with pytest.raises(Fault, match="VmNotRunning"):
        await made.way_to(22).__aenter__()
    await made.started()
    for port in (0, -1, 65536):
        with pytest.raises(Fault, match="DefinitionInvalid"):
            await made.way_to(port).__aenter__()
    async with contextlib.AsyncExitStack() as looks:
        with pytest.raises(Fault, match="HypervisorRefused"):
            for port in range(1, MAX_FORWARDS + 2):
                await looks.enter_async_context(made.way_to(port))
        assert len(made._tcp.ports) == MAX_FORWARDS
    assert made._tcp.ports == {}
    await made.close()


async def test_a_forward_goes_with_what_it_was_for(tmp_path: Path) -> None:
    """A rule, an address or a card that is taken away leaves no door of the hypervisor open."""
    hypervisor = Hypervisor()
    made = hypervisor.attached(tmp_path)
    doors = (Endpoint(free(), 22), Endpoint(free(), 80))
    await made.change(Plan(public=(ONE,), ports=(), endpoints=doors))
    await made.started()
    assert hypervisor.has.keys() == {22, 80}
    kept = hypervisor.has[22]
    await made.change(Plan(public=(ONE,), ports=(), endpoints=doors[:1]))
    assert hypervisor.has == {22: kept}
    async with made.way_to(22), made.way_to(3389) as way, made.way_to(3389) as same:
        # Looked at while its address goes: those of looks stay until the looks are over.
        await made.change(Plan(ports=(), endpoints=doors[:1]))
        assert way == same and hypervisor.has == {22: kept, 3389: way}
    assert hypervisor.has == {}
    await made.change(Plan(public=(ONE,), ports=(), endpoints=doors))
    hypervisor.trouble = Fault("HypervisorUnreachable", detail="its monitor says nothing")
    await made.change(Plan(ports=(), shut=True))
    assert hypervisor.has.keys() == {22, 80}, "it was not heard"
    hypervisor.trouble = None
    await made.started()
    assert hypervisor.has == {}
    await made.close()


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (Plan(public=("0.0.0.0",)), "HostPolicyRefused"),
        (Plan(public=("::",)), "HostPolicyRefused"),
        (Plan(public=("224.0.0.1",)), "HostPolicyRefused"),
        (Plan(stages=((rule(Access.DENY, "everybody"),),)), "DefinitionInvalid"),
        (Plan(stages=((rule(Access.DENY, "0.0.0.0/0", ports=("22-",)),),)), "DefinitionInvalid"),
    ],
)
async def test_a_plan_that_cannot_be_meant_is_refused(told: Plan, code: str, tmp_path: Path) -> None:
    everything = ("0.0.0.0/0", "::/0")
    hypervisor = Hypervisor()
    made = Attached("vm", tmp_path, everything, hypervisor.ways)
    with pytest.raises(Fault, match=code):
        await made.change(told)
    assert not (tmp_path / "network.json").exists()
    await made.close()
