"""The way back of a rescue: what it was amid, what a guest put aside, what others changed since."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from outofband.access import roles
from outofband.core.errors import Fault
from outofband.providers.compute import nic_reset
from outofband.providers.rescues import asking
from outofband.rescue.engine import Engine
from outofband.store.operations import KEEP
from outofband.wire.link import Command
from outofband.wire.steps.report import StepReport, System
from tests.support.cloud import GROUP_ID, Cloud, Host, vm_id
from tests.support.networks import code
from tests.support.rescues import Lab, cloud, codes, host, impatient, open_rule, step
from tests.support.wait import until

__all__ = ["cloud", "host", "impatient"]

pytestmark = pytest.mark.anyio
NIC, PUBLIC = "networkInterfaces", "publicIPAddresses"
RULE = "securityRules/default-allow-rdp"


@pytest.fixture(autouse=True)
def impatient_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nic_reset, "HAND_SECONDS", 0.0)


@pytest.fixture
async def lab(cloud: Cloud, host: Host) -> Lab:
    host.facts["networks"] = True
    await host.report()
    return Lab(cloud, host)


class Guest:
    """What its agent does: a step changes something and leaves a plan, and an undo finds that plan or not.

    `undone` are the names of the plans that were asked for.
    """

    def __init__(self, lab: Lab, *, silent: bool = False) -> None:
        self.lab, self.silent = lab, silent
        self.plans: set[str] = set()
        self.undone: list[str] = []
        lab.host.watch = self._comes

    def _comes(self, command: Command) -> None:
        if command.verb != "vm.run":
            return
        self.lab.host.refuse.pop("vm.run", None)
        given = {each["name"]: each["value"] for each in command.args["parameters"]}
        if self.silent:
            self.lab.host.refuse["vm.run"] = Fault("GuestAgentSilent", vm="web1", seconds=5)
        elif set(given) == {"run"}:
            self._undo(given["run"])
        else:
            self._step(given)

    def _undo(self, run: str) -> None:
        self.undone.append(run)
        known = run in self.plans
        self.plans.discard(run)
        self.lab.script('{"done":1,"failed":0}\n' if known else "", 0 if known else 95)

    def _step(self, given: dict[str, str]) -> None:
        looks = "only_look" in given
        if not looks:
            self.plans.add(given["run"])
        told = StepReport(
            step="resetRemote" if "protocols" in given else "resetCards",
            system=System.LINUX,
            before={"xrdp.port": 4489},
            after={"xrdp.port": 4489 if looks else 3389},
            run="" if looks else given["run"],
        )
        self.lab.script(msgspec.json.encode(told).decode() + "\n")


async def seat(lab: Lab) -> tuple[str, str]:
    properties = (await lab.net.get(lab.net.id(NIC, "nic")))["properties"]
    return properties["ipConfigurations"][0]["properties"]["privateIPAddress"], properties["macAddress"]


async def undo(lab: Lab, name: str = "r") -> dict[str, Any]:
    return await lab.cloud.owner.follow(await lab.ask("POST", f"{name}/undo"))


class Held:
    """An engine that never notes that a deed is done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached = asyncio.Event()
        whole = Engine._turn

        async def held(engine: Engine, *args: Any) -> Any:
            state = args[1].state.value
            after = await whole(engine, *args)
            if state == "doing":
                self.reached.set()
                await asyncio.Event().wait()
            return after

        monkeypatch.setattr(Engine, "_turn", held)


async def stopped(lab: Lab, held: Held, **properties: Any) -> dict[str, Any]:
    """A run that is stopped when its deed is done, and nobody has noted that."""
    put = await lab.ask("PUT", "r", {"properties": {"agreed": True, **properties}})
    await held.reached.wait()
    assert (await lab.ask("POST", "r/stop")).status_code == 202
    assert (await lab.cloud.owner.follow(put))["status"] == "Canceled"
    told = await lab.read()
    assert (told["outcome"], told["undoable"]) == ("canceled", True), told
    return told


# What it was in the middle of


async def test_a_card_of_a_run_that_was_stopped_comes_back(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    guest, before = Guest(lab), await seat(lab)
    told = await stopped(lab, Held(monkeypatch), step=4)
    deed = step(told, 4)["deed"]
    assert (deed["state"], deed["ended"]) == ("stopped", None)
    assert deed["arguments"]["seat"]["privateIPAddress"] == before[0], "kept before anything was done"
    assert (await seat(lab)) != before
    assert (await undo(lab))["status"] == "Succeeded"
    assert await seat(lab) == before
    assert len(guest.undone) == 1, "what the guest had put aside is back as well"
    assert step(await lab.read(), 4)["deed"]["undone"]
    assert code(await lab.ask("POST", "r/undo")) == (409, "RescueNothingToUndo")


async def test_a_card_comes_back_when_its_operation_is_forgotten(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    before, held = await seat(lab), Held(monkeypatch)
    Guest(lab)
    await stopped(lab, held, step=4)
    store = lab.cloud.store
    async with store.write() as tx:
        await store.operations.prune(tx, asking.clock.now() + timedelta(days=1))
    assert (await undo(lab))["status"] == "Succeeded"
    assert await seat(lab) == before


async def test_an_undo_waits_for_what_goes_on_after_the_stop(lab: Lab) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    guest, before = Guest(lab), await seat(lab)
    lab.host.deaf.add("vm.stop")
    put = await lab.ask("PUT", "r", {"properties": {"step": 4, "agreed": True}})
    await until(lambda: _moved(lab, before))
    assert (await lab.ask("POST", "r/stop")).status_code == 202
    assert (await lab.cloud.owner.follow(put))["status"] == "Canceled"
    back = await lab.ask("POST", "r/undo")
    lab.host.deaf.clear()
    await lab.host.peer.connect()
    await lab.host.report()
    assert (await lab.cloud.owner.follow(back))["status"] == "Succeeded"
    assert await seat(lab) == before
    assert len(guest.undone) == 1


async def _moved(lab: Lab, before: tuple[str, str]) -> bool:
    return await seat(lab) != before


async def test_a_public_address_of_a_run_that_was_stopped_is_taken_away(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lab.make(open_rule(), public=False)
    lab.guest(True)
    await stopped(lab, Held(monkeypatch), step=4)
    listed = f"{GROUP_ID}/providers/Microsoft.Network/{PUBLIC}"
    assert len((await lab.net.get(listed))["value"]) == 1
    assert (await undo(lab))["status"] == "Succeeded"
    nic = await lab.net.get(lab.net.id(NIC, "nic"))
    assert "publicIPAddress" not in nic["properties"]["ipConfigurations"][0]["properties"]
    assert (await lab.net.get(listed))["value"] == []


async def test_an_address_that_was_made_and_not_given_yet_is_taken_away(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lab.make(open_rule(), public=False)
    lab.guest(True)
    reached, whole = asyncio.Event(), asking.Asking.once

    async def once(self: asking.Asking, errand: Any, key: str, *args: Any, **more: Any) -> Any:
        ended = await whole(self, errand, key, *args, **more)
        if key.endswith(":ip"):
            reached.set()
            await asyncio.Event().wait()
        return ended

    monkeypatch.setattr(asking.Asking, "once", once)
    put = await lab.ask("PUT", "r", {"properties": {"step": 4, "agreed": True}})
    await reached.wait()
    monkeypatch.undo()
    assert (await lab.ask("POST", "r/stop")).status_code == 202
    assert (await lab.cloud.owner.follow(put))["status"] == "Canceled"
    listed = f"{GROUP_ID}/providers/Microsoft.Network/{PUBLIC}"
    assert len((await lab.net.get(listed))["value"]) == 1
    assert (await undo(lab))["status"] == "Succeeded"
    assert (await lab.net.get(listed))["value"] == []


async def test_a_reset_in_the_guest_of_a_run_that_was_stopped_is_taken_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    guest = Guest(lab)
    await stopped(lab, Held(monkeypatch), step=1)
    [plan] = guest.plans
    assert (await undo(lab))["status"] == "Succeeded"
    assert guest.undone == [plan] and not guest.plans


@pytest.mark.parametrize("began", [True, False])
async def test_a_reset_that_told_nothing_is_taken_back_by_its_plan(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, began: bool
) -> None:
    """The step was killed in the guest: its plan is there as far as it came, and perhaps none."""
    await lab.make(open_rule())
    lab.guest(False)
    guest = Guest(lab)
    step_of = guest._step

    def killed(given: dict[str, str]) -> None:
        step_of(given)
        if "only_look" not in given:
            guest.plans.clear()
            guest.plans |= {given["run"]} if began else set()
            lab.script("", 1)

    monkeypatch.setattr(guest, "_step", killed)
    await stopped(lab, Held(monkeypatch), step=1)
    assert (await undo(lab))["status"] == "Succeeded"
    assert len(guest.undone) == 1 and not guest.plans
    deed = step(await lab.read(), 1)["deed"]
    assert deed["undone"] and deed["left"] == []


async def test_what_is_not_known_any_more_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    await lab.make()
    lab.guest(True)
    await stopped(lab, Held(monkeypatch), step=2)
    store, later = lab.cloud.store, asking.clock.now() + KEEP + timedelta(days=1)
    async with store.write() as tx:
        await store.operations.prune(tx, later)
    monkeypatch.setattr(asking, "KEEP", timedelta(0))
    assert (await undo(lab))["status"] == "Succeeded"
    assert [each["code"] for each in step(await lab.read(), 2)["deed"]["left"]] == ["RescueUndoUnknown"]
    assert (await lab.net.ask("GET", f"{lab.group}/{RULE}")).status_code == 200


# What the guest put aside


async def test_a_guest_puts_back_what_it_put_aside_before_its_old_card(lab: Lab) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    guest, before = Guest(lab), await seat(lab)
    told = await lab.rescue(step=4, agreed=True)
    assert step(told, 4)["deed"]["state"] == "done", told
    [plan] = guest.plans
    lab.host.performed.clear()
    assert (await undo(lab))["status"] == "Succeeded"
    assert await seat(lab) == before
    assert guest.undone == [plan]
    verbs = [each for each in lab.host.performed if each != "vm.network"]
    assert verbs == ["vm.run", "vm.create", "vm.stop", "vm.start", "vm.run"], "settings, card, and the help"


async def test_a_guest_that_does_not_answer_does_the_rest_later(lab: Lab) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    guest, before = Guest(lab), await seat(lab)
    await lab.rescue(step=4, agreed=True)
    [plan] = guest.plans
    guest.silent = True
    state = await undo(lab)
    assert (state["status"], state["error"]["code"]) == ("Failed", "RescueGuestSettingsLeft")
    assert "did not answer within 5 s" in state["error"]["message"]
    assert await seat(lab) == before, "the card is back all the same"
    assert (await lab.read())["undoable"]
    guest.silent = False
    lab.host.performed.clear()
    assert (await undo(lab))["status"] == "Succeeded"
    assert guest.undone == [plan]
    assert "vm.stop" not in lab.host.performed, "it is not started anew for that"
    assert not (await lab.read())["undoable"]


async def test_a_guest_that_knows_of_nothing_is_told(lab: Lab) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    guest, before = Guest(lab), await seat(lab)
    await lab.rescue(step=4, agreed=True)
    guest.plans.clear()
    assert (await undo(lab))["status"] == "Succeeded"
    assert await seat(lab) == before
    assert [each["code"] for each in step(await lab.read(), 4)["deed"]["left"]] == ["RescueGuestPlanLost"]


# What others changed


@pytest.mark.parametrize(
    "change",
    [
        {"sourceAddressPrefix": "198.51.100.0/24"},
        {"access": "Deny"},
        {"description": "the auditors'"},
        {"priority": 1001},
        {"destinationPortRange": None, "destinationPortRanges": ["3389", "22"]},
    ],
)
async def test_a_rule_that_somebody_changed_stays(lab: Lab, change: dict[str, Any]) -> None:
    await lab.make()
    lab.guest(True)
    await lab.rescue(step=2, agreed=True)
    rule = f"{lab.group}/{RULE}"
    body = await lab.net.get(rule)
    body["properties"] = {
        name: value for name, value in (body["properties"] | change).items() if value is not None
    }
    answer = await lab.net.ask("PUT", rule, {"properties": body["properties"]})
    assert answer.is_success, answer.text
    assert (await undo(lab))["status"] == "Succeeded"
    assert (await lab.net.ask("GET", rule)).status_code == 200
    told = await lab.read()
    [left] = step(told, 2)["deed"]["left"]
    assert left["code"] == "RescueRuleChanged" and "'default-allow-rdp'" in left["message"]
    assert "stays" in (await lab.ask("GET", "r/report")).json()["html"]
    assert code(await lab.ask("POST", "r/undo")) == (409, "RescueNothingToUndo")


async def test_a_rule_that_was_written_as_it_is_is_still_ours(lab: Lab) -> None:
    await lab.make()
    lab.guest(True)
    await lab.rescue(step=2, agreed=True)
    rule = f"{lab.group}/{RULE}"
    body = (await lab.net.get(rule))["properties"]
    answer = await lab.net.ask("PUT", rule, {"properties": body | {"protocol": "TCP", "description": ""}})
    assert answer.is_success, answer.text
    assert (await undo(lab))["status"] == "Succeeded"
    assert (await lab.net.ask("GET", rule)).status_code == 404
    assert step(await lab.read(), 2)["deed"]["left"] == []


async def test_a_rule_that_somebody_changes_in_that_moment_stays(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lab.make()
    lab.guest(True)
    await lab.rescue(step=2, agreed=True)
    rule, whole, changed = f"{lab.group}/{RULE}", asking.Asking.read, []

    async def read(self: asking.Asking, *args: Any) -> Any:
        found = await whole(self, *args)
        if not changed:
            changed.append(found)
            theirs = found["properties"] | {"sourceAddressPrefix": "198.51.100.9"}
            assert (await lab.net.ask("PUT", rule, {"properties": theirs})).is_success
        return found

    monkeypatch.setattr(asking.Asking, "read", read)
    assert (await undo(lab))["status"] == "Succeeded"
    kept = (await lab.net.get(rule))["properties"]
    assert kept["sourceAddressPrefix"] == "198.51.100.9"


async def test_what_cannot_be_taken_back_keeps_nothing_else_from_it(lab: Lab) -> None:
    """The guest is silent; the rule goes all the same."""
    await lab.make()
    lab.guest(False)
    guest = Guest(lab)
    await lab.rescue(agreed=True)
    guest.silent = True
    state = await undo(lab)
    assert (state["status"], state["error"]["code"]) == ("Failed", "RescueGuestSettingsLeft")
    assert (await lab.net.ask("GET", f"{lab.group}/{RULE}")).status_code == 404
    told = await lab.read()
    assert step(told, 2)["deed"]["undone"] and not step(told, 1)["deed"]["undone"]
    guest.silent = False
    assert (await undo(lab))["status"] == "Succeeded"
    assert len(guest.undone) == 2


# Rights


async def test_every_right_that_is_missing_is_named(lab: Lab) -> None:
    await lab.make(open_rule(), public=False)
    lab.guest(True)
    helper = await lab.cloud.person("helper", roles.VIRTUAL_MACHINE_CONTRIBUTOR, vm_id("web1"))
    told = await lab.rescue(who=helper, agreed=True, step=4)
    assert codes(told, 4)[-1] == "RescueRightsMissing" and step(told, 4)["deed"] is None
    said = step(told, 4)["findings"][-1]["message"]
    lacks = [
        "Microsoft.Network/publicIPAddresses/write",
        "Microsoft.Network/publicIPAddresses/join/action",
        "Microsoft.Network/networkInterfaces/write",
    ]
    assert all(f"'{each}'" in said for each in lacks), said
    assert f"'{lab.net.id(NIC, 'nic')}'" in said
    rights = [(each["deed"], each["action"], each["allowed"]) for each in told["rights"]]
    assert ("resetNic", "Microsoft.Compute/virtualMachines/resetNic/action", True) in rights
    assert ("resetNic", "Microsoft.Network/networkInterfaces/write", False) in rights


async def test_one_right_that_is_missing_beside_those_that_are_there(lab: Lab) -> None:
    """Who may reset the card of the VM, and not write the interface, gets to know that before."""
    await lab.make(open_rule())
    lab.guest(False)
    helper = await lab.cloud.person("helper", roles.VIRTUAL_MACHINE_CONTRIBUTOR, vm_id("web1"))
    told = await lab.rescue(who=helper, agreed=True, step=4)
    assert codes(told, 4)[-1] == "RescueRightMissing"
    assert "'Microsoft.Network/networkInterfaces/write'" in step(told, 4)["findings"][-1]["message"]
