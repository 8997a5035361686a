"""Another address and card for a VM, by one operation: given, taken back on failure, put back on request."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import httpx
import pytest

from outofband.access import roles
from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.providers.compute import nic_reset, power
from outofband.providers.network.addresses import label
from outofband.providers.network.readdressing import other_seat
from outofband.resources.runner import Runner
from outofband.store.network import Holding
from outofband.wire.link import Command
from outofband.wire.machine import Power
from tests.support.cloud import Cloud, Host, vm_id
from tests.support.networks import code
from tests.support.rescues import Lab, cloud, host, impatient, step
from tests.support.wait import until

__all__ = ["cloud", "host", "impatient"]

pytestmark = pytest.mark.anyio
PATH = f"{vm_id('web1')}/resetNic"


@pytest.fixture(autouse=True)
def impatient_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nic_reset, "HAND_SECONDS", 0.0)


@pytest.fixture
async def lab(cloud: Cloud, host: Host) -> Lab:
    lab = Lab(cloud, host)
    host.facts["networks"] = True
    await host.report()
    await lab.make()
    lab.guest(False)
    lab.step(
        {"cards.address": "eth0="},
        {"cards.address": "eth0=10.0.1.20"},
    )
    return lab


async def seat(lab: Lab) -> tuple[str, str, str]:
    found = await lab.net.get(lab.net.id("networkInterfaces", "nic"))
    properties = found["properties"]
    part = properties["ipConfigurations"][0]["properties"]
    return part["privateIPAddress"], part["privateIPAllocationMethod"], properties["macAddress"]


async def reset(lab: Lab, **body: Any) -> dict[str, Any]:
    owner = lab.cloud.owner
    return await owner.follow(await owner.ask("POST", PATH, body))


async def test_another_address_is_another_card_and_goes_back(lab: Lab) -> None:
    before, defined = await seat(lab), []
    lab.host.watch = lambda command: defined.append(command) if command.verb == "vm.create" else None
    lab.host.performed.clear()
    state = await reset(lab)
    assert state["status"] == "Succeeded", state
    after = await seat(lab)
    assert before[0] == "10.0.1.4" and after[0] == "10.0.1.20" and after[2] != before[2]
    assert [each for each in lab.host.performed if each != "vm.network"] == [
        "vm.create",
        "vm.stop",
        "vm.start",
        "vm.run",
    ]
    nic = defined[-1].args["nic"]
    assert (nic["address"], nic["mac"]) == (after[0], after[2].replace("-", ":").lower())
    output = state["properties"]["output"]
    assert output["report"]["after"] == {"cards.address": "eth0=10.0.1.20"}
    # The address that it left is free again, and the one it has is not.
    await lab.net.interface("other", privateIPAddress="10.0.1.4", privateIPAllocationMethod="Static")
    taken = await lab.cloud.owner.ask("POST", PATH, {"privateIPAddress": "10.0.1.4"})
    assert code(taken) == (400, "PrivateIPAddressInUse")
    await lab.net.delete("networkInterfaces", "other")
    kept = output["before"]
    state = await reset(
        lab,
        privateIPAddress=kept["address"],
        privateIPAllocationMethod=kept["method"],
        macAddress=kept["mac"],
    )
    assert state["status"] == "Succeeded", state
    assert await seat(lab) == before


async def test_a_vm_that_runs_without_a_card_as_yet_gets_its_first_one_while_it_is_off(lab: Lab) -> None:
    def watch(command: Command) -> None:
        lab.host.refuse.pop("vm.create", None)
        if command.verb == "vm.create" and lab.host.power[lab.uid] is not Power.STOPPED:
            lab.host.refuse["vm.create"] = Fault("Conflict", detail="it has to be stopped for that change")

    lab.host.watch = watch
    lab.host.performed.clear()
    state = await reset(lab)
    assert state["status"] == "Succeeded", state
    assert (await seat(lab))[0] == "10.0.1.20"
    told = [each for each in lab.host.performed if each not in ("vm.network", "vm.run")]
    assert told == ["vm.create", "vm.stop", "vm.create", "vm.start"]


async def test_what_does_not_start_is_as_it_was(lab: Lab) -> None:
    before, starts = await seat(lab), []

    def watch(command: Command) -> None:
        if command.verb == "vm.start":
            starts.append(command)
            lab.host.refuse.pop("vm.start", None)
            if len(starts) == 1:
                lab.host.refuse["vm.start"] = Fault("HypervisorRefused", verb="vm.start", detail="no")

    lab.host.watch = watch
    state = await reset(lab)
    assert (state["status"], state["error"]["code"]) == ("Failed", "NicResetTakenBack")
    assert "HypervisorRefused" in state["error"]["message"]
    assert await seat(lab) == before
    assert len(starts) == 2 and lab.host.power[lab.uid] is Power.RUNNING


async def test_an_address_that_was_taken_meanwhile_stops_no_vm(lab: Lab) -> None:
    before, store = await seat(lab), lab.cloud.store
    lab.host.performed.clear()
    await lab.cloud.runner._tasks.close()
    asked = await lab.cloud.owner.ask("POST", PATH, {})
    subnet = lab.net.id("virtualNetworks/subnets", "v", "s").lower()
    async with store.write() as tx:
        taken = label(ip_address("10.0.1.20"))
        await store.network.hold(tx, Holding(space=subnet, address=taken, owner_key="u", owner_id="u"))
    lab.cloud.runner = Runner(store, lab.cloud.registry, lab.cloud.node)
    lab.cloud.runner.start()
    state = await lab.cloud.owner.follow(asked)
    assert (state["status"], state["error"]["code"]) == ("Failed", "PrivateIPAddressInUse")
    assert [each for each in lab.host.performed if each != "vm.network"] == []
    assert await seat(lab) == before and lab.host.power[lab.uid] is Power.RUNNING


@pytest.mark.parametrize(
    ("prefix", "has", "gets"),
    [
        ("10.0.2.0/24", "10.0.2.40", "10.0.2.4"),
        ("10.0.2.0/24", "10.0.2.10", "10.0.2.26"),
        # Nothing is far here: one above, which the guest's DHCP does not take for what it had.
        ("10.0.2.0/28", "10.0.2.10", "10.0.2.11"),
        ("10.0.2.0/28", "10.0.2.14", "10.0.2.4"),
    ],
)
async def test_a_guest_does_not_get_what_it_had(lab: Lab, prefix: str, has: str, gets: str) -> None:
    net, store = lab.net, lab.cloud.store
    await net.network("v2", s=prefix)
    await net.interface("far", network="v2", privateIPAddress=has, privateIPAllocationMethod="Static")
    async with store.read() as tx:
        row = await store.resources.require(tx, parse_id(net.id("networkInterfaces", "far")))
        assert (await other_seat(store, tx, row)).address == gets


async def test_a_node_that_dies_on_the_way_gives_one_address(lab: Lab) -> None:
    lab.host.deaf.add("vm.stop")
    put = await lab.cloud.owner.ask("POST", PATH, {})
    reached: list[str] = []
    lab.host.watch = lambda command: reached.append(command.key)
    await until(lambda: len(reached) >= 2)
    await lab.cloud.runner._tasks.close()
    lab.host.deaf.clear()
    lab.cloud.runner = Runner(lab.cloud.store, lab.cloud.registry, lab.cloud.node)
    lab.cloud.runner.start()
    assert (await lab.cloud.owner.follow(put))["status"] == "Succeeded"
    assert (await seat(lab))[0] == "10.0.1.20"
    assert lab.host.performed.count("vm.start") == 2, "one of them made the VM"


async def stopped_on_the_way(lab: Lab, deaf: str) -> httpx.Response:
    """A reset whose host says no more from the command `deaf` on; the VM is off by then."""
    lab.host.deaf.add(deaf)
    heard: list[str] = []
    lab.host.watch = lambda command: heard.append(command.verb)
    asked = await lab.cloud.owner.ask("POST", PATH, {})
    await until(lambda: deaf in heard)
    if deaf == "vm.stop":
        # What it did, and did not get to tell.
        lab.host.power[lab.uid] = Power.STOPPED
        await lab.host.report()
    assert lab.host.power[lab.uid] is Power.STOPPED
    return asked


async def cancel(lab: Lab, asked: httpx.Response) -> None:
    where = asked.headers["Azure-AsyncOperation"].partition("?")[0]
    assert (await lab.cloud.owner.ask("POST", f"{where}/cancel")).is_success


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("deaf", ["vm.stop", "vm.start"])
async def test_a_canceled_one_leaves_no_vm_off(lab: Lab, deaf: str, dies: bool) -> None:
    """Also where the node died that worked on it: the next one finds it canceled."""
    before = await seat(lab)
    asked = await stopped_on_the_way(lab, deaf)
    if dies:
        await lab.cloud.runner.close()
    lab.host.deaf.clear()
    await cancel(lab, asked)
    if dies:
        lab.cloud.runner = Runner(lab.cloud.store, lab.cloud.registry, lab.cloud.node)
        lab.cloud.runner.start()
    assert (await lab.cloud.owner.follow(asked))["status"] == "Canceled"
    await until(lambda: lab.host.power[lab.uid] is Power.RUNNING)
    orders = [each for each in lab.host.heard if each.key.endswith(":ended")]
    if deaf == "vm.stop":
        # Its host was not asked to start it yet: so with its old card.
        assert await seat(lab) == before
        assert [each.verb for each in orders] == ["vm.create", "vm.start"]
        assert orders[0].args["nic"]["address"] == before[0]
    else:
        assert (await seat(lab))[0] == "10.0.1.20"
        assert [each.verb for each in orders] == ["vm.start"]


@pytest.mark.parametrize("dies", [False, True])
async def test_a_start_that_comes_when_nobody_waits_any_more_leaves_no_vm_with_the_new_card(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, dies: bool
) -> None:
    """Nor does the host answer what takes it back, until all of it comes late, in its order."""
    monkeypatch.setattr(power.Work.command, "__kwdefaults__", {"step": "", "seconds": 0.5})
    before, taken, late, card = await seat(lab), [], list[Command](), dict[str, str]()

    def watch(command: Command) -> None:
        if command.verb == "vm.create":
            card["defined"] = command.args["nic"]["mac"]
        elif command.verb == "vm.start" and lab.host.power[lab.uid] is Power.STOPPED:
            card["runs"] = card["defined"]

    def hang(command: Command) -> None:
        taken.append(command.verb)
        if "vm.start" not in taken:
            watch(command)
        else:
            late.append(command)
            lab.host.deaf.add(command.verb)

    lab.host.watch = hang
    asked = await lab.cloud.owner.ask("POST", PATH, {})
    if dies:
        await until(lambda: bool(late))
        await lab.cloud.runner.close()
        lab.cloud.runner = Runner(lab.cloud.store, lab.cloud.registry, lab.cloud.node)
        lab.cloud.runner.start()
    state = await lab.cloud.owner.follow(asked)
    assert (state["status"], state["error"]["code"]) == ("Failed", "AgentTimeout")
    assert await seat(lab) == before
    await until(lambda: any(each.key.endswith("vm.start:ended") for each in late))
    lab.host.deaf.clear()
    lab.host.watch = watch
    for command in {each.key: each for each in late}.values():
        answer = lab.host.peer.answer(command)
        assert answer is not None
        await lab.host.peer.send(answer)
    assert card["runs"] == before[2].replace("-", ":").lower()
    assert lab.host.power[lab.uid] is Power.RUNNING


async def test_one_that_is_canceled_while_its_guest_is_helped_keeps_what_it_runs_with(lab: Lab) -> None:
    lab.host.deaf.add("vm.run")
    heard: list[str] = []
    lab.host.watch = lambda command: heard.append(command.verb)
    asked = await lab.cloud.owner.ask("POST", PATH, {})
    await until(lambda: "vm.run" in heard)
    await cancel(lab, asked)
    assert (await lab.cloud.owner.follow(asked))["status"] == "Canceled"
    assert (await seat(lab))[0] == "10.0.1.20" and lab.host.power[lab.uid] is Power.RUNNING
    assert not [each for each in lab.host.heard if each.key.endswith(":ended")]


async def test_one_that_had_not_begun_is_canceled_without_a_word_to_the_host(lab: Lab) -> None:
    before = await seat(lab)
    await lab.cloud.runner.close()
    lab.host.heard.clear()
    asked = await lab.cloud.owner.ask("POST", PATH, {})
    await cancel(lab, asked)
    assert (await lab.cloud.owner.follow(asked))["status"] == "Canceled"
    assert await seat(lab) == before
    assert not [each for each in lab.host.heard if each.verb != "vm.network"]


async def test_an_odd_answer_of_a_guest_is_told_and_breaks_nothing(lab: Lab) -> None:
    lab.host.data["vm.run"] = {"ending": 7}
    state = await reset(lab)
    assert state["status"] == "Succeeded", state
    output = state["properties"]["output"]
    assert "cannot be read" in output["observed"] and output["report"] is None


async def test_who_may_not_write_the_interface_may_not_reset_it(lab: Lab) -> None:
    helper = await lab.cloud.person("helper", roles.VIRTUAL_MACHINE_CONTRIBUTOR, vm_id("web1"))
    assert code(await helper.ask("POST", PATH, {}))[0] == 403
    lock = f"{lab.net.id('networkInterfaces', 'nic')}/providers/Microsoft.Authorization/locks/l"
    body = {"properties": {"level": "ReadOnly"}}
    assert (await lab.cloud.owner.ask("PUT", lock, body, version="2020-05-01")).is_success
    assert code(await lab.cloud.owner.ask("POST", PATH, {})) == (409, "ScopeLocked")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"privateIPAddress": "10.9.0.4"}, "PrivateIPAddressNotInSubnet"),
        ({"privateIPAddress": "10.0.1.1"}, "PrivateIPAddressInReservedRange"),
        ({"privateIPAddress": "10.0.1.4"}, "InvalidParameter"),
        ({"privateIPAddress": "10.0.1.7", "macAddress": "02-00-00-00-00-01"}, "InvalidParameter"),
        ({"macAddress": "00-0D-3A-00-00-01", "privateIPAllocationMethod": "Static"}, "InvalidParameter"),
    ],
)
async def test_what_cannot_be_given_is_refused(lab: Lab, body: dict[str, str], expected: str) -> None:
    answer = await lab.cloud.owner.ask("POST", PATH, body)
    assert code(answer) == (400, expected)


async def test_a_vm_without_a_card_has_none_to_reset(lab: Lab) -> None:
    await lab.cloud.owner.create_vm("bare")
    answer = await lab.cloud.owner.ask("POST", f"{vm_id('bare')}/resetNic", {})
    assert code(answer) == (409, "NicResetUnsupported")


async def test_a_rescue_resets_it_and_its_undo_gives_the_old_one_back(lab: Lab) -> None:
    before = await seat(lab)
    told = await lab.rescue(step=4)
    assert [each["name"] for each in told["question"]["asks"]] == ["unsaved", "address"]
    told = await lab.answer(4, True)
    deed = step(told, 4)["deed"]
    assert deed["state"] == "done" and "10.0.1.20 instead of 10.0.1.4" in deed["observed"], told
    assert deed["guest"]["changes"][0]["name"] == "cards.address"
    assert (await seat(lab))[0] == "10.0.1.20"
    state = await lab.cloud.owner.follow(await lab.ask("POST", "r/undo"))
    assert state["status"] == "Succeeded", state
    assert await seat(lab) == before
    assert step(await lab.read(), 4)["deed"]["undone"]
