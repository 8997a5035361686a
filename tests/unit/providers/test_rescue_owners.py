"""Whose a run of a rescue is when somebody answers, stops, or is killed at the wrong moment."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from outofband.access import roles
from outofband.providers.rescues import runs
from outofband.rescue.engine import Engine
from outofband.resources.runner import Runner
from tests.support.cloud import GROUP_ID, SCOPE, Cloud, Host, vm_id
from tests.support.networks import code
from tests.support.rescues import VERSION, Lab, cloud, host, impatient, open_rule, step
from tests.support.wait import until

__all__ = ["cloud", "host", "impatient"]

pytestmark = pytest.mark.anyio
WRITTEN = "Microsoft.Network/networkSecurityGroups/securityRules/write"


@pytest.fixture
def lab(cloud: Cloud, host: Host) -> Lab:
    return Lab(cloud, host)


class Held:
    """The engine, which comes to its end and does not tell so: there its process is killed, or somebody comes
    between.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, state: str = "") -> None:
        self.reached = asyncio.Event()
        whole = getattr(Engine, name)

        async def held(engine: Engine, *args: Any) -> Any:
            before = args[1].state.value
            done = await whole(engine, *args)
            if not self.reached.is_set() and state in ("", before):
                self.reached.set()
                await asyncio.Event().wait()
            return done

        monkeypatch.setattr(Engine, name, held)


async def revive(cloud: Cloud) -> None:
    await cloud.runner._tasks.close()
    cloud.runner = Runner(cloud.store, cloud.registry, cloud.node)
    cloud.runner.start()


async def callers(cloud: Cloud) -> set[str]:
    """Who had the rule written, by the activity log."""
    path = f"{SCOPE}/providers/Microsoft.Insights/eventtypes/management/values"
    rows = (await cloud.owner.get(path, version="2015-04-01")).json()["value"]
    return {
        each["caller"]
        for each in rows
        if each["operationName"]["value"] == WRITTEN and each["properties"].get("reason") == "rescue"
    }


async def test_a_deed_is_done_with_the_rights_of_who_agreed_to_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that had asked is killed before it could say so, and takes up its operation again."""
    await lab.make()
    lab.guest(True)
    held = Held(monkeypatch, "drive")
    put = await lab.ask("PUT", "r", {"properties": {"step": 2}})
    await held.reached.wait()
    assert (await lab.read())["state"] == "asking"
    helper = await lab.cloud.person("helper", roles.CONTRIBUTOR, GROUP_ID)
    answered = await lab.ask("POST", "r/answer", {"step": 2, "agree": True}, helper)
    assert answered.status_code == 202, answered.text
    await revive(lab.cloud)
    assert (await lab.cloud.owner.follow(put))["status"] == "Succeeded"
    assert (await helper.follow(answered))["status"] == "Succeeded"
    assert step(await lab.read(), 2)["deed"]["state"] == "done"
    assert await callers(lab.cloud) == {"helper"}


async def test_a_run_that_has_just_asked_can_be_stopped(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its operation may come to its own end before it heeds that nobody wants it."""
    await lab.make()
    lab.guest(True)
    held = Held(monkeypatch, "drive")
    await lab.ask("PUT", "r", {"properties": {"step": 2}})
    await held.reached.wait()
    assert (await lab.ask("POST", "r/stop")).status_code == 202
    assert (await lab.read())["outcome"] == "canceled"


async def test_what_a_run_made_that_was_stopped_meanwhile_is_taken_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule is there, and the run was stopped before it could note that."""
    await lab.make()
    lab.guest(True)
    held = Held(monkeypatch, "_turn", "doing")
    put = await lab.ask("PUT", "r", {"properties": {"step": 2, "agreed": True}})
    await held.reached.wait()
    assert (await lab.ask("POST", "r/stop")).status_code == 202
    assert (await lab.cloud.owner.follow(put))["status"] == "Canceled"
    assert (await lab.read())["outcome"] == "canceled"
    rule = f"{lab.group}/securityRules/default-allow-rdp"
    assert (await lab.net.ask("GET", rule)).status_code == 200
    state = await lab.cloud.owner.follow(await lab.ask("POST", "r/undo"))
    assert state["status"] == "Succeeded", state
    assert (await lab.net.ask("GET", rule)).status_code == 404
    assert code(await lab.ask("POST", "r/undo")) == (409, "RescueNothingToUndo")


async def test_questions_that_nobody_answers_keep_nobody_from_theirs(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "MAX_BUSY", 1)
    await lab.make()
    lab.guest(True)
    assert (await lab.rescue())["state"] == "asking"
    await lab.cloud.owner.create_vm("web2")
    path = f"{vm_id('web2')}/providers/Outofband.Diagnostics/rescues/r"
    owner = lab.cloud.owner
    asked = await owner.ask("PUT", path, {"properties": {"dryRun": True}}, version=VERSION)
    assert asked.status_code == 201, asked.text
    assert (await owner.follow(asked))["status"] == "Succeeded"


async def test_only_so_many_are_under_way(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MAX_BUSY", 1)
    await lab.make(open_rule())
    lab.guest(False)
    lab.host.deaf.add("vm.restart")
    await lab.ask("PUT", "r", {"properties": {"step": 7, "agreed": True}})
    await lab.until_doing()
    owner = lab.cloud.owner
    await owner.create_vm("web2")
    path = f"{vm_id('web2')}/providers/Outofband.Diagnostics/rescues/r"
    refused = await owner.ask("PUT", path, {"properties": {"dryRun": True}}, version=VERSION)
    assert code(refused) == (429, "RescueTooMany")
    await lab.ask("POST", "r/stop")
    await until(lambda: _free(lab))


async def _free(lab: Lab) -> bool:
    return (await lab.read())["outcome"] == "canceled"


async def test_two_people_answer_and_one_is_told_that_it_is_over(lab: Lab) -> None:
    await lab.make()
    lab.guest(True)
    assert (await lab.rescue(step=2))["state"] == "asking"
    word = {"step": 2, "agree": True}
    both = await asyncio.gather(lab.ask("POST", "r/answer", word), lab.ask("POST", "r/answer", word))
    assert sorted(answer.status_code for answer in both) == [202, 409]
    accepted = next(answer for answer in both if answer.status_code == 202)
    assert (await lab.cloud.owner.follow(accepted))["status"] == "Succeeded"
    rules = (await lab.net.get(lab.group))["properties"]["securityRules"]
    assert [each["name"] for each in rules] == ["default-allow-rdp"]
    assert code(await lab.ask("POST", "r/answer", word)) == (409, "RescueNotAsking")
