"""Two hosts at one control plane, a VM on each, both consoles open: one agent is killed, the other goes on.

And one console through a whole life of its VM: stopped, started, reset, restarted. In the end one host is
revoked: nothing of it is left within two seconds, and the other one does not notice.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from guests.build import Guest
from outofband.agent import local
from outofband.consoles.session import STABLE_SECONDS
from outofband.core.paths import StateDir
from outofband.net import tls
from outofband.wire.console import Attached, Missing, Output, Told
from outofband.wire.grant import Mode
from tests.peers.guest import BOOT_S
from tests.peers.house import OOB, House
from tests.peers.house import until as sync_until
from tests.peers.second_host import SecondHost, offer
from tests.peers.test_nothing_is_lost import LINE
from tests.support.actors import Viewer, viewer
from tests.support.process import VERSION, Api
from tests.support.terminal import Terminal
from tests.support.wait import promised, until

pytestmark = [pytest.mark.anyio, pytest.mark.exact]

CONNECT = "/providers/Microsoft.SerialConsole/serialPorts/0/connect"
CUT_SECONDS = 2.0


def connected(house: House) -> set[str]:
    """Hosts whose agent has its link: one that is enrolled is listed before that."""
    return {each["name"] for each in house.json("status")["hosts"] if each["connected"]}


@pytest.fixture(scope="module")
def hosts(house: House, demo_guest: Guest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondHost]:
    """The house and its neighbour, each with a VM that counts: `here` and `there`."""
    offer(house.oob, demo_guest)
    house.kill("agent")
    house.up("--no-demo")
    folder = tmp_path_factory.mktemp("second")
    folder.chmod(0o700)
    second = SecondHost(house, folder, demo_guest)
    try:
        sync_until("the second host is connected", lambda: SecondHost.name in connected(house))
        first = socket.gethostname().split(".")[0]
        create = ("vm", "create", "--image", "counting", "--memory", "192")
        made = house.json(*create, "there", "--host", SecondHost.name)
        assert SecondHost.name in str(made), made
        names = {each["name"] for each in house.json("status")["hosts"]} - {SecondHost.name}
        house.oob(*create, "here", "--host", next(iter(names), first))
        yield second
    finally:
        second.close()


@pytest.fixture
def api(house: House) -> Iterator[Api]:
    made = Api(house.profile(), tls.client_context(StateDir(house.root).trust))
    try:
        yield made
    finally:
        made.http.close()


@pytest.fixture
async def seats(house: House, hosts: SecondHost, api: Api) -> AsyncIterator[dict[str, Viewer]]:
    """An observer at each of the two, by our own protocol."""
    context = tls.client_context(StateDir(house.root).trust)
    async with AsyncExitStack() as stack:
        made: dict[str, Viewer] = {}
        for name in ("here", "there"):
            vm = f"{api.group}/providers/Microsoft.Compute/virtualMachines/{name}"
            opened = (await in_thread(api.call, "POST", vm + CONNECT, {}))["outofband"]
            seat = made[name] = await stack.enter_async_context(
                viewer(context, mode=Mode.OBSERVE, replay=1 << 20)
            )
            await seat.open(opened["url"], opened["ticket"])
            await until(lambda seat=seat: any(isinstance(each, Attached) for each in seat.events))
        yield made


def refused(api: Api, path: str) -> str:
    """The code that a POST is refused with, whether at once or as the end of its operation."""
    answer = api.http.post(path, json={}, params=VERSION)
    while answer.is_success:
        where = answer.headers.get("Azure-AsyncOperation", str(answer.request.url))
        answer = api.http.get(where)
        if answer.json()["status"] != "InProgress":
            break
    return str(answer.json()["error"]["code"])


async def in_thread(work: Any, *arguments: Any) -> Any:
    return await anyio.to_thread.run_sync(lambda: work(*arguments))


def numbers(seat: Viewer) -> list[int]:
    return [int(found[1]) for found in LINE.finditer(bytes(seat.output))]


async def counts_on(seat: Viewer, lines: int = 100) -> None:
    """It shows so many more lines than now."""
    seen = len(numbers(seat))
    await until(lambda: len(numbers(seat)) >= seen + lines, seconds=BOOT_S)


def whole(seat: Viewer, log: Path) -> None:
    """Every byte once, in order, as it is in the log that QEMU wrote."""
    assert not [event for event in seat.events if isinstance(event, Missing)]
    at = start = next(event.offset for event in seat.events if isinstance(event, Output))
    for event in seat.events:
        if isinstance(event, Output):
            assert event.offset == at
            at += len(event.payload)
    with log.open("rb") as written:
        written.seek(start)
        assert written.read(at - start) == seat.output


def log_of(agent: Path, name: str) -> Path:
    """The log of a VM's console on its host."""
    [machine] = [
        file.parent
        for file in (agent / "machines").glob("*/machine.json")
        if json.loads(file.read_bytes())["name"] == name
    ]
    return machine / "serial0.log"


@pytest.mark.parametrize("killed", ["here", "there"])
async def test_an_agent_that_is_killed_concerns_its_own_consoles_only(
    house: House, hosts: SecondHost, seats: dict[str, Viewer], killed: str
) -> None:
    mine, other = seats[killed], seats["there" if killed == "here" else "here"]
    for seat in seats.values():
        await counts_on(seat)
    untouched = len([event for event in other.events if not isinstance(event, Output)])
    for _ in range(2):
        attached = len([event for event in mine.events if isinstance(event, Attached)])
        if killed == "here":
            await in_thread(house.kill, "agent")
        else:
            await in_thread(hosts.kill)
        # The other one's console goes on while the agent is away; that is short, for its own console is kept
        # for 30 s only, and an agent takes its time to come up on a machine with much to do.
        back = in_thread(house.up, "--no-demo") if killed == "here" else in_thread(hosts.start)
        await asyncio.gather(back, counts_on(other))
        await until(
            lambda attached=attached: (
                mine.ended or len([event for event in mine.events if isinstance(event, Attached)]) > attached
            ),
            "it is attached again, over the same socket",
            seconds=2 * BOOT_S,
        )
        assert mine.ended is None, mine.events[-5:]
        await counts_on(mine)
        # A stream that lives shorter leaves the next one what was left of those 30 s.
        await asyncio.sleep(STABLE_SECONDS)
    for name, seat in seats.items():
        assert seat.ended is None
        whole(seat, log_of(house.root / "agent" if name == "here" else hosts.state.agent, name))
    assert len([event for event in other.events if not isinstance(event, Output)]) == untouched
    assert {event.what for event in mine.events if isinstance(event, Told)} <= {"alarm", "people", "writer"}


@pytest.mark.soak
def test_one_console_through_a_whole_life_of_its_vm(house: House, hosts: SecondHost) -> None:
    """The person sits there while the VM is stopped, started, reset and restarted by others."""
    house.oob("vm", "create", "lives", "--image", "demo", "--memory", "192")
    with Terminal([*OOB, "console", "lives"], house.env) as seat:
        seat.expect(rb"you have the keyboard")
        seat.expect(rb"demo login: ", BOOT_S)
        for verb, words in (
            (("vm", "stop", "--force", "lives"), rb"the VM is stopped"),
            (("vm", "start", "lives"), rb"the VM is running"),
            (("serial", "send", "lives", "reset"), rb"the VM was reset"),
            (("vm", "restart", "lives"), rb"the VM is running|the VM was reset"),
        ):
            house.oob(*verb)
            seat.expect(words)
            if "stop" not in verb:
                seat.expect(rb"demo login: ", BOOT_S)
                # And the keys go to the guest that runs now.
                seat.send(b"nobody\r")
                seat.expect(rb"Password: ", BOOT_S)
                seat.send(b"\x03")
        shown = bytes(seat.seen)
        assert seat.process.poll() is None
        assert b"connection lost" not in shown
        assert len(re.findall(rb"you have the keyboard", shown)) == 1
        seat.send(b"\x1dq")
        assert seat.wait() == 0
    deadline = time.monotonic() + BOOT_S
    while house.json("serial", "who", "lives") and time.monotonic() < deadline:
        time.sleep(0.2)
    house.oob("vm", "delete", "--yes", "lives")


async def test_a_host_that_is_revoked_is_cut_off_within_two_seconds(
    house: House, hosts: SecondHost, seats: dict[str, Viewer], api: Api
) -> None:
    """The last of this file: the second host does not come back."""
    here, there = seats["here"], seats["there"]
    for seat in seats.values():
        await counts_on(seat)
    assert local.status(hosts.state).link == "linked"
    log = log_of(hosts.state.agent, "there")
    vm = f"{api.group}/providers/Microsoft.Compute/virtualMachines/there"
    machine = f"{api.group}/providers/Microsoft.HybridCompute/machines/{SecondHost.name}"
    await in_thread(lambda: api.call("DELETE", machine, expect=204))
    began = time.monotonic()
    await until(lambda: there.ended, "its console is cut")
    await until(lambda: local.status(hosts.state).link != "linked", "its link is cut")
    assert time.monotonic() - began < promised(CUT_SECONDS)
    controlled = await in_thread(refused, api, f"{vm}/restart")
    watched = await in_thread(refused, api, vm + CONNECT)
    assert time.monotonic() - began < promised(2 * CUT_SECONDS), "with the two requests"
    assert controlled == watched == "HostGone", (controlled, watched)
    # The guest itself is the host's: it runs on, and says so in the host's own log.
    size = log.stat().st_size
    await until(lambda: log.stat().st_size > size)
    # The agent comes again and is refused; it says why to its administrator.
    await until(lambda: local.status(hosts.state).link == "rejected", seconds=BOOT_S)
    assert "AgentUnknown" in str(local.status(hosts.state).errors)
    assert here.ended is None
    await counts_on(here)
    whole(here, log_of(house.root / "agent", "here"))
    assert SecondHost.name not in connected(house)
