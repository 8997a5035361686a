"""A guest reached through its host: by its plan's rules, cut when they change, there again after restarts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from guests.build import Guest
from outofband.agent.config import config_path
from outofband.core.errors import Fault
from outofband.core.secrets import write_private
from outofband.wire.network.plan import Endpoint, Nic, Plan, PlanRule
from outofband.wire.network.rules import Access
from tests.peers.guest import PASSWORD
from tests.peers.host import BOOT_S, PROMPT, VM, HostLab
from tests.support.wait import until

pytestmark = pytest.mark.anyio
NIC = Nic(mac="00:0d:3a:00:00:04", address="10.7.0.4", network="10.7.0.0/24")
PUBLIC, ECHO, OTHER = "127.9.0.1", 2222, 2223
REPLY_SECONDS = 60.0


def plan(*rules: PlanRule) -> Plan:
    return Plan(public=(PUBLIC,), ports=(ECHO, OTHER), stages=(rules,) if rules else ())


def rule(access: Access, sources: str = "0.0.0.0/0", ports: str = str(ECHO)) -> PlanRule:
    return PlanRule(name=f"{access.value}-{ports}", access=access, sources=(sources,), ports=(ports,))


@pytest.fixture
async def lab(tmp_path: Path, demo_guest: Guest) -> AsyncIterator[HostLab]:
    lab = HostLab(tmp_path / "state", demo_guest)
    await lab.machines.close()
    path = config_path(lab.state)
    offered = '[network]\npublic = ["127.9.0.0/24"]'
    write_private(path, path.read_text().replace("[network]", offered, 1))
    lab = HostLab(tmp_path / "state", demo_guest)
    await lab.machines.load()
    await lab.create("demo", nic=NIC)
    yield lab
    await lab.close()


async def boot(lab: HostLab) -> None:
    """To a shell of root, with an echo service at ECHO and the address that was handed out."""
    since = lab.end
    await lab.perform("start")
    await lab.shows(PROMPT, since)
    for text, answer in (("root", b"Password:"), (PASSWORD, b"# ")):
        since = lab.end
        await lab.port.inject(f"{text}\r".encode())
        await lab.shows(answer, since, BOOT_S)
    since = lab.end
    ready = "until ip address show eth0 2>/dev/null | grep -q 10.7.0.4/24; do sleep 1; done"
    await lab.port.inject(f"{ready}; nc -ll -p {ECHO} -e cat & echo net''work is up\r".encode())
    await lab.shows(b"network is up", since, BOOT_S)


async def echoed(port: int = ECHO, text: bytes = b"hello\n") -> bytes:
    """What comes back through the public address; b"" when the connection is ended instead."""
    try:
        async with asyncio.timeout(REPLY_SECONDS):
            reader, writer = await asyncio.open_connection(PUBLIC, port)
            writer.write(text)
            await writer.drain()
            got = await reader.readexactly(len(text))
            writer.close()
            return got
    except (ConnectionError, asyncio.IncompleteReadError):
        return b""


async def test_rules_decide_who_reaches_a_guest(lab: HostLab) -> None:
    await boot(lab)
    await lab.machines.perform("vm.network", VM, msgspec.to_builtins(plan(rule(Access.ALLOW))), 1)
    await until(lambda: _answers(), "the guest answers", seconds=REPLY_SECONDS)
    # Half of a megabyte there and back, whole and in order.
    big = bytes(range(256)) * 2048
    assert await echoed(text=big) == big
    assert await echoed(OTHER) == b""

    reader, writer = await asyncio.open_connection(PUBLIC, ECHO)
    writer.write(b"alive\n")
    assert await reader.readexactly(6) == b"alive\n"
    denied = await lab.machines.perform("vm.network", VM, msgspec.to_builtins(plan(rule(Access.DENY))), 1)
    assert "reached at 2 ports" in denied.observed
    async with asyncio.timeout(REPLY_SECONDS):
        with contextlib.suppress(ConnectionError):
            assert await reader.read(1) == b""
    assert await echoed() == b""
    elsewhere = plan(rule(Access.ALLOW, "203.0.113.0/24"))
    await lab.machines.perform("vm.network", VM, msgspec.to_builtins(elsewhere), 1)
    assert await echoed() == b""

    # From its host it is looked at whatever the rules say; nothing speaks RDP there.
    look = await lab.machines.perform("vm.probe", VM, {"protocol": "rdp", "port": ECHO}, 1)
    assert look.data["where"] == "host" and look.data["problem"]["code"] == "RdpNotSpoken"

    # What the plan says stays over an agent and over a guest that come anew.
    await lab.machines.perform("vm.network", VM, msgspec.to_builtins(plan(rule(Access.ALLOW))), 1)
    await lab.restart()
    await until(lambda: _answers(), "the guest answers after the agent's restart", seconds=REPLY_SECONDS)
    await lab.perform("stop", graceful=False)
    with pytest.raises(ConnectionError):
        await asyncio.open_connection(PUBLIC, ECHO)
    await boot(lab)
    await until(lambda: _answers(), "the guest answers after its restart", seconds=REPLY_SECONDS)


async def test_a_classic_endpoint_leads_to_another_port_of_the_guest(lab: HostLab) -> None:
    await boot(lab)
    door = Endpoint(52222, ECHO)
    # The rule is about the guest's port; the public one is named by no rule.
    shown = Plan(public=(PUBLIC,), ports=(), endpoints=(door,), stages=((rule(Access.ALLOW),),))
    told = await lab.machines.perform("vm.network", VM, msgspec.to_builtins(shown), 1)
    assert "reached at 1 ports" in told.observed
    end = asyncio.get_running_loop().time() + REPLY_SECONDS
    while await echoed(door.public) != b"hello\n":
        assert asyncio.get_running_loop().time() < end, "the guest answers at its endpoint"
    with pytest.raises(ConnectionError):
        await asyncio.open_connection(PUBLIC, ECHO)
    reader, writer = await asyncio.open_connection(PUBLIC, door.public)
    writer.write(b"alive\n")
    assert await reader.readexactly(6) == b"alive\n"
    gone = msgspec.structs.replace(shown, endpoints=())
    await lab.machines.perform("vm.network", VM, msgspec.to_builtins(gone), 1)
    with contextlib.suppress(ConnectionError):
        assert await reader.read(1) == b""
    with pytest.raises(ConnectionError):
        await asyncio.open_connection(PUBLIC, door.public)


async def test_a_host_offers_only_its_own_addresses(lab: HostLab) -> None:
    foreign = Plan(public=("127.8.0.1",))
    with pytest.raises(Fault) as caught:
        await lab.machines.perform("vm.network", VM, msgspec.to_builtins(foreign), 1)
    assert caught.value.code == "HostPolicyRefused"
    assert lab.machine.network is not None and lab.machine.network.forwarder.listening == []


async def test_a_vm_without_a_card_says_so(lab: HostLab) -> None:
    other = "5d6f0c1e-2f0b-4a37-9f63-3d1f6a0f7b22"
    await lab.create("bare", vm=other)
    await lab.perform("start", vm=other)
    for verb, args in (("vm.network", {}), ("vm.probe", {"protocol": "rdp"})):
        with pytest.raises(Fault) as caught:
            await lab.machines.perform(verb, other, args, 1)
        assert (caught.value.code, caught.value.fields) == ("VmWithoutCard", {"vm": "bare"})


async def test_another_card_comes_with_a_restart_by_force(lab: HostLab) -> None:
    """A reset would leave the guest the card it has."""
    other = "5d6f0c1e-2f0b-4a37-9f63-3d1f6a0f7b23"
    await lab.create("bare", vm=other, nic=NIC)
    await lab.perform("start", vm=other)
    driver = lab.machines.get(other).driver
    first = driver.pid
    await lab.perform("restart", vm=other, graceful=False)
    assert driver.pid == first
    await lab.create("bare", vm=other, nic=msgspec.structs.replace(NIC, address="10.7.0.5"))
    await lab.perform("restart", vm=other, graceful=False)
    second = driver.pid
    assert second not in (None, first)
    await lab.perform("restart", vm=other, graceful=False)
    assert driver.pid == second


async def _answers() -> bool:
    return await echoed() == b"hello\n"
