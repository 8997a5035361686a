"""The agent's control link against a real TLS server that follows the rules, and some that do not."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from outofband.agent.diagnostics.untold import Untold
from outofband.agent.link import ControlLink, LinkState
from outofband.agent.state import HostKey, Trust, load_identity, save_identity
from outofband.core import clock
from outofband.core.paths import StateDir
from outofband.net.backoff import Backoff
from outofband.net.tasks import Tasks
from outofband.wire import link
from outofband.wire.finding import Finding, Severity
from outofband.wire.machine import HostReport, PortReport, Power, VmReport
from tests.support.wait import until
from tests.unit.agent.control_plane import Authority, ControlPlane, identity

pytestmark = pytest.mark.anyio

FINDING = Finding(
    id="GuestPanicked-0-7",
    code="GuestPanicked",
    severity=Severity.ERROR,
    port="0",
    boot=1,
    offset=7,
    first=1.0,
    last=1.0,
)


class Host:
    """Two machines and a memory of what was asked."""

    def __init__(self) -> None:
        self.machines = {name: report(name) for name in ("vm-1", "vm-2")}
        self.asked: list[link.ServerMessage] = []

    def inventory(self) -> link.Inventory:
        host = HostReport(
            hostname="h", os="linux", version="0", cpus=1, memory_mib=1, accelerator="tcg", probe="",
            drivers=[], images=[], programs=[], sockets=[],
        )  # fmt: skip
        return link.Inventory(host, list(self.machines.values()))

    def report(self, vm: str) -> VmReport | None:
        return self.machines.get(vm)

    def welcomed(self, welcome: link.Welcome) -> None:
        self.asked.append(welcome)

    def keys_changed(self, keys: link.Keys) -> None:
        self.asked.append(keys)

    def command(self, command: link.Command) -> None:
        self.asked.append(command)

    def open_stream(self, wish: link.OpenStream) -> None:
        self.asked.append(wish)

    def place(self, place: link.Place) -> None:
        self.asked.append(place)

    def end_session(self, end: link.EndSession) -> None:
        self.asked.append(end)


def report(vm: str, power: Power = Power.STOPPED) -> VmReport:
    port = PortReport(name="0", start=0, end=0)
    return VmReport(vm=vm, name=vm, driver="pty", epoch=1, power=power, since="", ports=[port])


class Bench:
    """A control plane, a host, and the link between them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority = Authority(directory)
        self.key = HostKey.make()
        self.plane = ControlPlane(self.authority, self.key)
        self.host = Host()
        self.state = StateDir(directory / "state")
        self.link: ControlLink
        self.telling: Untold | None = None

    @asynccontextmanager
    async def linked(
        self, *, trust: Authority | None = None, speed: float = 1.0, key: HostKey | None = None
    ) -> AsyncIterator[ControlLink]:
        """`speed` makes the link's clock run faster than the wall's."""
        async with self.plane:
            mine = identity(self.plane.arm, trust or self.authority)
            save_identity(self.state, mine)
            self.link = ControlLink(
                trust=Trust(self.state, mine),
                key=key or self.key,
                version="0.1.0",
                instance="instance-1",
                host=self.host,
                now=lambda: clock.monotonic() * speed,
                tick=0.05,
                backoff=Backoff(first=0.05, limit=0.2),
                telling=self.telling,
            )
            tasks = Tasks()
            tasks.spawn("link", self.link.run())
            try:
                yield self.link
            finally:
                await tasks.close()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_a_link_begins_with_proof_welcome_and_inventory(bench: Bench) -> None:
    async with bench.linked() as up:
        inventory = await bench.plane.message(link.Inventory)
        assert [machine.vm for machine in inventory.machines] == ["vm-1", "vm-2"]
        assert bench.plane.hellos[0].instance == "instance-1"
        assert up.linked
        assert (up.status.state, up.status.node) == (LinkState.LINKED, "node-1")
        assert isinstance(bench.host.asked[0], link.Welcome)


async def test_what_the_control_plane_asks_reaches_the_host(bench: Bench) -> None:
    async with bench.linked():
        await bench.plane.message(link.Inventory)
        wishes: list[link.ServerMessage] = [
            link.Command("k1", "vm.start", "vm-1"),
            link.OpenStream("s1", "wss://x", "token", "grant"),
            link.EndSession("s1", "AccessRevoked"),
        ]
        for wish in wishes:
            await bench.plane.send(wish)
        await until(lambda: len(bench.host.asked) == 4)
        assert bench.host.asked[1:] == wishes


async def test_reports_are_the_newest_and_come_before_a_result(bench: Bench) -> None:
    async with bench.linked() as up:
        await bench.plane.message(link.Inventory)
        # The first report goes at once and starts the pause in which the next ones are gathered.
        bench.host.machines["vm-1"] = report("vm-1", Power.STARTING)
        up.machine_changed("vm-1")
        await bench.plane.message(link.VmChanged)
        for power in (Power.STOPPING, Power.STOPPED, Power.RUNNING):
            bench.host.machines["vm-1"] = report("vm-1", power)
            up.machine_changed("vm-1")
        del bench.host.machines["vm-2"]
        up.machine_changed("vm-2")
        assert up.send(link.Result("k1", True))
        await bench.plane.result("k1")
        after = bench.plane.heard[1:]
        powers = [each.report.power for each in after if isinstance(each, link.VmChanged)]
        assert powers == [Power.STARTING, Power.RUNNING]
        assert after[-2:] == [link.VmGone("vm-2"), link.Result("k1", True)]


async def test_a_broken_link_comes_back_with_a_new_inventory(bench: Bench) -> None:
    async with bench.linked() as up:
        await bench.plane.message(link.Inventory)
        assert bench.plane.socket is not None
        bench.plane.socket.transport.abort()
        await bench.plane.message(link.Inventory, 2)
        assert up.linked
        assert [hello.instance for hello in bench.plane.hellos] == ["instance-1", "instance-1"]


async def test_a_control_plane_that_was_away_is_found_again(bench: Bench) -> None:
    async with bench.linked() as up:
        await bench.plane.message(link.Inventory)
        port = bench.plane.port
        await bench.plane.stop()
        await until(lambda: up.status.state is LinkState.WAITING)
        assert up.status.code == "ControlPlaneUnreachable"
        assert not up.send(link.Result("lost", True))
        await bench.plane.listen(port)
        await bench.plane.message(link.Inventory, 2)


async def test_a_silent_peer_is_given_up_after_45_seconds_of_its_clock(bench: Bench) -> None:
    async with bench.linked(speed=100.0) as up:
        started = clock.monotonic()
        await bench.plane.message(link.Inventory, 2)
        took = (clock.monotonic() - started) * 100
        assert took >= link.DEAD_SECONDS
        # The agent itself was not silent meanwhile: a heartbeat every 15 s.
        beats = sum('"heartbeat"' in text for text in bench.plane.texts)
        assert beats >= 2
        assert up.status.code in (None, "ControlPlaneUnreachable")


async def test_heartbeats_keep_a_link_open(bench: Bench) -> None:
    async with bench.linked(speed=100.0):
        await bench.plane.message(link.Inventory)
        started = clock.monotonic()
        while (clock.monotonic() - started) * 100 < 3 * link.DEAD_SECONDS:
            await bench.plane.send(link.Heartbeat())
            await asyncio.sleep(0.05)
        assert len(bench.plane.hellos) == 1


async def test_a_foreign_authority_never_hears_a_hello(bench: Bench, tmp_path: Path) -> None:
    other = Authority(tmp_path, "another authority")
    async with bench.linked(trust=other) as up:
        await until(lambda: up.status.code == "CertificateNotTrusted")
        assert bench.plane.hellos == [] and bench.plane.texts == []


async def test_an_agent_that_is_not_known_waits_and_says_why(bench: Bench) -> None:
    async with bench.linked(key=HostKey.make()) as up:
        await until(lambda: up.status.state is LinkState.REJECTED)
        assert (up.status.code, up.status.fields) == ("AgentUnknown", {"agent": "agent-1"})
        assert len(bench.plane.texts) == 1


async def test_garbage_ends_the_link_and_not_the_agent(bench: Bench) -> None:
    for number, garbage in enumerate(['{"type":"welcome"}', "[]", "\x00", '{"type":"open","session":1}'], 1):
        bench.plane.heard.clear()
        async with bench.linked():
            await bench.plane.message(link.Inventory)
            assert bench.plane.socket is not None
            await bench.plane.socket.send(garbage, text=True)
            await bench.plane.message(link.Inventory, 2)
        assert len(bench.plane.hellos) == 2 * number


async def test_a_defect_of_the_host_ends_one_link_only(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = itertools.count()

    def command(_: link.Command) -> None:
        if next(counter) == 0:
            raise RuntimeError("a defect")

    monkeypatch.setattr(bench.host, "command", command)
    async with bench.linked():
        await bench.plane.message(link.Inventory)
        await bench.plane.send(link.Command("k1", "vm.start", "vm-1"))
        await bench.plane.message(link.Inventory, 2)
        await bench.plane.send(link.Command("k1", "vm.start", "vm-1"))
        await until(lambda: next(counter) >= 2)


async def test_a_bundle_with_a_known_authority_replaces_the_pinned_one(bench: Bench, tmp_path: Path) -> None:
    following = Authority(tmp_path, "next authority")
    bench.plane.welcome_trust = bench.authority.pem + following.pem
    async with bench.linked():
        await bench.plane.message(link.Inventory)
        assert following.pem in load_identity(bench.state).trust
        # The next authority takes over: the agent follows without being told.
        port = bench.plane.port
        await bench.plane.stop()
        bench.plane.authority = following
        await bench.plane.listen(port)
        await bench.plane.message(link.Inventory, 2)


async def test_keys_that_change_while_the_link_is_up_are_taken(bench: Bench, tmp_path: Path) -> None:
    following, stranger = Authority(tmp_path, "next authority"), Authority(tmp_path, "stranger")
    async with bench.linked():
        await bench.plane.message(link.Inventory)
        await bench.plane.send(link.Keys([{"kid": "k"}], stranger.pem))
        await bench.plane.send(link.Keys([{"kid": "k2"}], bench.authority.pem + following.pem))
        await until(lambda: following.pem in load_identity(bench.state).trust)
        assert [each.grant_keys for each in bench.host.asked if isinstance(each, link.Keys)] == [
            [{"kid": "k"}],
            [{"kid": "k2"}],
        ]
        assert stranger.pem not in load_identity(bench.state).trust


async def test_a_bundle_of_strangers_changes_nothing(bench: Bench, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    for offered in (stranger.pem, "", "no certificate", bench.authority.pem):
        bench.plane.welcome_trust = offered
        bench.plane.heard.clear()
        async with bench.linked():
            await bench.plane.message(link.Inventory)
            assert load_identity(bench.state).trust == bench.authority.pem


async def test_a_thousand_machines_and_more_fit(bench: Bench) -> None:
    bench.host.machines = {f"vm-{number}": report(f"vm-{number}") for number in range(1500)}
    async with bench.linked():
        inventory = await bench.plane.message(link.Inventory)
        await bench.plane.message(link.VmChanged, 500)
        assert len(inventory.machines) == 1000
        assert max(map(len, bench.plane.texts)) < link.MAX_MESSAGE


async def test_what_was_found_is_told_until_it_is_answered(bench: Bench) -> None:
    untold = Untold()
    bench.telling = untold
    bench.plane.takes = [link.TAKES_FINDINGS]
    async with bench.linked() as up:
        untold.on_news = up.found
        await bench.plane.message(link.Inventory)
        untold.put("vm-1", FINDING)
        first = await bench.plane.message(link.Found)
        assert [(told.vm, told.finding) for told in first.found] == [("vm-1", FINDING)]
        assert bench.plane.socket is not None
        bench.plane.socket.transport.abort()
        again = await bench.plane.message(link.Found, 2)
        assert again.found == first.found, "nobody answered on the link before"
        await bench.plane.send(link.FoundKept(again.number))
        await until(lambda: not len(untold), "it was kept")


async def test_an_older_control_plane_is_not_told(bench: Bench) -> None:
    untold = Untold()
    bench.telling = untold
    async with bench.linked() as up:
        untold.on_news = up.found
        await bench.plane.message(link.Inventory)
        untold.put("vm-1", FINDING)
        up.machine_changed("vm-1")
        await bench.plane.message(link.VmChanged)
        assert not any(isinstance(message, link.Found) for message in bench.plane.heard)
        assert len(untold) == 1, "it waits for one that takes it"
