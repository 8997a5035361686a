"""Rescues on a whole control plane: real store, kernel and probe; an agent's peer plays the VM's host.

What answers at the VM's public address is a scripted server of Remote Desktop (`tests.support.rdp`): the
steps are tested here, not what a desktop says.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from outofband.access import roles
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.rescue.engine import Engine
from outofband.resources.runner import Runner
from outofband.wire.finding import Evidence, Finding, Severity
from outofband.wire.link import Command, Found, Result, Told
from outofband.wire.steps.report import Problem, StepReport, System
from tests.support.cloud import GROUP_ID, Cloud, Host, vm_id
from tests.support.networks import code
from tests.support.rescues import VERSION, Lab, cloud, codes, host, impatient, open_rule, step
from tests.support.wait import until

__all__ = ["cloud", "host", "impatient"]

pytestmark = pytest.mark.anyio


@pytest.fixture
def lab(cloud: Cloud, host: Host) -> Lab:
    return Lab(cloud, host)


async def test_a_vm_that_answers_is_left_alone(lab: Lab) -> None:
    desktop = await lab.make()
    await desktop.open()
    lab.guest(True)
    before = list(lab.host.performed)
    told = await lab.rescue(agreed=True)
    assert (told["outcome"], told["address"]) == ("proven", desktop.address)
    assert told["probe"]["last"]["controlPlane"]["evidence"]["rdp"]["selected"] == 0
    assert [each for each in lab.host.performed if each not in before] == ["vm.probe"]
    assert await lab.actions() == []
    await desktop.close()


async def test_the_missing_rule_is_found_asked_for_added_and_taken_back(lab: Lab) -> None:
    await lab.make()
    lab.guest(True)
    told = await lab.rescue()
    assert (told["state"], told["outcome"]) == ("asking", None)
    assert codes(told, 1) == ["RescueGuestAnswers"], "nothing is done in a guest that is not at fault"
    assert codes(told, 2) == ["RescueRuleMissing"]
    assert told["question"]["deed"] == "addRule"
    assert [each["name"] for each in told["question"]["asks"]] == ["opens"]
    evidence = step(told, 2)["findings"][0]["evidence"]
    assert (evidence["rule"]["name"], evidence["access"]) == ("defaultSecurityRules/DenyAllInBound", "Deny")

    told = await lab.answer(2, True)
    assert step(told, 2)["deed"]["state"] == "done"
    rule = await lab.net.get(f"{lab.group}/securityRules/default-allow-rdp")
    kept = rule["properties"]
    assert (kept["priority"], kept["access"], kept["direction"], kept["protocol"]) == (
        1000,
        "Allow",
        "Inbound",
        "Tcp",
    )
    assert (kept["sourceAddressPrefix"], kept["destinationPortRange"]) == ("*", "3389")
    # Nothing listens at its address in this test, so it goes on, and does nothing in the guest.
    assert (told["outcome"], told["probe"]["guestAnswers"]) == ("unresolved", True)
    assert "vm.restart" not in lab.host.performed
    assert "Microsoft.Network/networkSecurityGroups/securityRules/write" in await lab.actions()

    await lab.cloud.owner.follow(await lab.ask("POST", "r/undo"))
    assert step(await lab.read(), 2)["deed"]["undone"]
    assert (await lab.net.ask("GET", f"{lab.group}/securityRules/default-allow-rdp")).status_code == 404
    assert code(await lab.ask("POST", "r/undo")) == (409, "RescueNothingToUndo")


async def test_a_shadowed_rule_names_the_one_before_it(lab: Lab) -> None:
    allow = {
        "name": "rdp",
        "priority": 300,
        "access": "Allow",
        "direction": "Inbound",
        "protocol": "Tcp",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": "3000-4000",
    }
    deny = {**allow, "name": "no", "priority": 200, "access": "Deny", "destinationPortRange": "*"}
    await lab.make(allow, deny)
    lab.guest(True)
    told = await lab.rescue(dryRun=True)
    assert told["outcome"] == "looked"
    [finding] = step(told, 2)["findings"]
    assert finding["code"] == "RescueRuleShadowed"
    assert "'rdp' allows port 3389, but 'no' with priority 200" in finding["message"]
    assert finding["evidence"]["allow"]["priority"] == 300
    wish = step(told, 2)["deed"]
    assert (wish["state"], wish["arguments"]["rules"][0]["priority"]) == ("wished", 199)
    assert await lab.actions() == []


async def test_a_restart_mends_it_and_is_proven(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    desktop = await lab.make(open_rule())
    lab.guest(False)
    perform = lab.host._perform

    def performing(command: Command) -> None:
        perform(command)
        if command.verb == "vm.restart":
            opening.append(asyncio.get_running_loop().create_task(desktop.open()))

    opening: list[asyncio.Task[None]] = []
    monkeypatch.setattr(lab.host, "_perform", performing)
    monkeypatch.setattr(Engine.__init__, "__kwdefaults__", {"pause": 0.01, "patience": 0.02})
    told = await lab.rescue(agreed=True)
    await desktop.close()
    assert told["outcome"] == "proven"
    assert step(told, 7)["deed"]["observed"] == "vm.restart was seen"
    assert step(told, 7)["probe"]["works"] is True
    assert step(told, 8)["state"] == "waiting"
    assert (codes(told, 1), codes(told, 4)) == (["RdpSilent", "RescueGuestAgentAnswers"], ["RdpSilent"])
    assert step(told, 4)["deed"]["problem"]["code"] == "NicResetUnsupported", "its host gives no cards"
    assert step(told, 1)["deed"]["guest"]["changes"] == []
    assert (codes(told, 2), codes(told, 6)) == (["RescueRulesAllow"], ["RescuePasswordNotInTheWay"])
    assert "Available" in step(told, 5)["findings"][0]["message"]
    assert lab.host.performed.count("vm.restart") == 1


async def test_what_the_guest_is_reset_from_is_told_and_taken_back(lab: Lab) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    before = {
        "disk.full": "/var",
        "service.xrdp.enabled": "masked",
        "service.xrdp.runs": False,
        "xrdp.port": 4489,
        "xrdp.certificate": "expired",
        "xrdp.certificateEnds": "Jan  1 2020",
        "account.state": "locked",
    }
    after = before | {"service.xrdp.enabled": "enabled", "service.xrdp.runs": True, "xrdp.port": 3389}
    lab.step(before, after, problems=(Problem(code="GuestDiskFull", fields={"path": "/var"}),))
    ran: list[Command] = []
    lab.host.watch = lambda command: ran.append(command) if command.verb == "vm.run" else None
    told = await lab.rescue(step=1, user="LAB\\ada", protected={"password": "n3w-s3cret"})
    deed = step(told, 1)["deed"]
    assert deed["state"] == "done", told
    expected = [
        "GuestDiskFull",
        "GuestServiceMasked",
        "GuestPortChanged",
        "GuestCertificateEnded",
        "GuestAccountLocked",
    ]
    assert codes(told, 1) == ["RdpSilent", "RescueGuestAgentAnswers", *expected], "seen before it is done"
    assert deed["findings"] == [], "and not told twice"
    assert [each["code"] for each in told["findings"] if each["step"] == 1][2:] == expected
    assert "port 4489" in next(e for e in told["findings"] if e["code"] == "GuestPortChanged")["message"]
    assert [each["name"] for each in deed["guest"]["changes"]] == [
        "service.xrdp.enabled",
        "service.xrdp.runs",
        "xrdp.port",
    ]
    given = {each["name"]: each["value"] for each in ran[-1].args["parameters"]}
    assert (given["protocols"], given["account"]) == ("rdp", "ada")
    page = (await lab.ask("GET", "r/report")).json()["html"]
    assert "Port of xrdp: 4489 before, 3389 now." in page and "GuestServiceMasked" in page
    assert "Microsoft.Compute/virtualMachines/resetRemote/action" in await lab.actions()

    lab.script('{"done":3,"failed":0}\n')
    state = await lab.cloud.owner.follow(await lab.ask("POST", "r/undo"))
    assert state["status"] == "Succeeded", state
    assert {each["name"]: each["value"] for each in ran[-1].args["parameters"]} == {"run": "r1"}
    assert step(await lab.read(), 1)["deed"]["undone"]
    assert code(await lab.ask("POST", "r/undo")) == (409, "RescueNothingToUndo")


async def test_ssh_of_a_windows_guest_has_a_step_of_its_own(lab: Lab) -> None:
    await lab.make(open_rule(), osProfile={"windowsConfiguration": {}})
    lab.guest(False)
    before = {"ssh.installed": True, "service.sshd.start": "Disabled", "ssh.rule": "missing"}
    after = before | {"service.sshd.start": "Auto", "ssh.rule": "enabled"}
    told = StepReport(step="resetSsh", system=System.WINDOWS, before=before, after=after)
    lab.script(msgspec.json.encode(told).decode() + "\n")
    ran: list[Command] = []
    lab.host.watch = lambda command: ran.append(command) if command.verb == "vm.run" else None
    seen = await lab.rescue(step=1, protocol="ssh")
    deed = step(seen, 1)["deed"]
    assert deed["state"] == "done", seen
    assert [each["code"] for each in deed["findings"]] == ["GuestServiceDisabled", "GuestFirewallDenies"]
    assert "OpenSSH-Server-In-TCP" in ran[-1].args["script"] and "TermService" not in ran[-1].args["script"]
    back = StepReport(step="undo", system=System.WINDOWS, before=after, after=before)
    lab.script(msgspec.json.encode(back).decode() + "\n")
    state = await lab.cloud.owner.follow(await lab.ask("POST", "r/undo"))
    assert state["status"] == "Succeeded", state
    assert "Remove-NetFirewallRule -Name 'OpenSSH-Server-In-TCP'" in ran[-1].args["script"]


async def test_a_guest_without_an_agent_is_told_so_and_left_alone(lab: Lab) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    lab.host.refuse["vm.run"] = Fault("GuestAgentAbsent", vm="web1")
    told = await lab.rescue(step=1, agreed=True)
    assert codes(told, 1) == ["RdpSilent", "GuestAgentAbsent"]
    assert step(told, 1)["deed"] is None


async def test_looking_only_names_what_the_guest_says_of_itself(lab: Lab) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    lab.step({"xrdp.certificate": "expired", "xrdp.certificateEnds": "Jan  1 2020"})
    ran: list[Command] = []
    lab.host.watch = lambda command: ran.append(command) if command.verb == "vm.run" else None
    told = await lab.rescue(dryRun=True)
    assert "GuestCertificateEnded" in codes(told, 1)
    [only] = ran
    assert {each["name"]: each["value"] for each in only.args["parameters"]}["only_look"] == "true"
    assert step(told, 1)["deed"]["state"] == "wished"


async def test_the_screen_is_in_the_report_for_those_who_may_see_it(lab: Lab) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    lab.host.data["vm.screenshot"] = {"png": "iVBORw0KGgo=", "scale": 1}
    told = await lab.rescue(dryRun=True)
    assert step(told, 3)["picture"] is True and codes(told, 3) == ["RescueLogQuiet", "RescueScreen"]
    assert "iVBORw0KGgo" not in str(told)
    page = (await lab.ask("GET", "r/report")).json()["html"]
    assert '<img alt="" src="data:image/png;base64,iVBORw0KGgo=">' in page and "img-src data:" in page
    reader = await lab.cloud.person("reader", roles.READER, GROUP_ID)
    assert step(await lab.read("r", reader), 3)["picture"] is False
    page = (await lab.ask("GET", "r/report", None, reader)).json()["html"]
    assert "<img" not in page
    # A host that says something else brings no markup into the page.
    lab.host.data["vm.screenshot"] = {"png": '"><script>', "scale": 1}
    await lab.rescue("s", dryRun=True)
    assert "<script" not in (await lab.ask("GET", "s/report")).json()["html"]


async def test_an_undo_that_the_guest_does_not_do_is_none(lab: Lab) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    lab.step({"xrdp.port": 4489}, {"xrdp.port": 3389})
    await lab.rescue(step=1)
    lab.script('{"done":0,"failed":1}\n', 1)
    state = await lab.cloud.owner.follow(await lab.ask("POST", "r/undo"))
    assert (state["status"], state["error"]["code"]) == ("Failed", "GuestUndoFailed")
    assert step(await lab.read(), 1)["deed"]["undone"] is None
    # Whoever tries again is not told of the first time.
    lab.script('{"done":1,"failed":0}\n')
    state = await lab.cloud.owner.follow(await lab.ask("POST", "r/undo"))
    assert state["status"] == "Succeeded", state
    assert step(await lab.read(), 1)["deed"]["undone"]


async def test_a_node_that_is_killed_in_the_middle_of_a_deed(lab: Lab) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    lab.host.deaf.add("vm.restart")
    put = await lab.ask("PUT", "r", {"properties": {"step": 7, "agreed": True}})
    reached: list[Command] = []
    answer = lab.host.peer.answer
    assert answer is not None

    def seen(command: Command) -> Result | None:
        reached.append(command)
        return answer(command)

    lab.host.peer.answer = seen
    await until(lambda: any(each.verb == "vm.restart" for each in reached))
    assert (await lab.read())["state"] == "doing"

    # No goodbye: leases stay where they are until the next life of this node takes them up.
    await lab.cloud.runner._tasks.close()
    lab.host.deaf.clear()
    lab.cloud.runner = Runner(lab.cloud.store, lab.cloud.registry, lab.cloud.node)
    lab.cloud.runner.start()
    state = await lab.cloud.owner.follow(put)
    assert state["status"] == "Succeeded"
    told = await lab.read()
    assert step(told, 7)["deed"]["state"] == "done"
    assert lab.host.performed.count("vm.restart") == 1
    assert len({each.key for each in reached if each.verb == "vm.restart"}) == 1
    assert (await lab.actions()).count("Microsoft.Compute/virtualMachines/restart/action") == 1


@pytest.mark.parametrize("turn", range(1, 8))
async def test_a_node_that_is_killed_between_two_steps(
    lab: Lab, turn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the work of a turn and before it is kept."""
    await lab.make()
    lab.guest(False)
    turns, whole, stuck = 0, Engine._turn, asyncio.Event()

    async def dying(self: Engine, *args: Any) -> Any:
        nonlocal turns
        turns += 1
        mine = turns
        done = await whole(self, *args)
        if mine == turn:
            stuck.set()
            await asyncio.Event().wait()
        return done

    monkeypatch.setattr(Engine, "_turn", dying)
    put = await lab.ask("PUT", "r", {"properties": {"step": 2, "agreed": True}})
    follow = asyncio.ensure_future(lab.cloud.owner.follow(put))
    await asyncio.wait({follow, asyncio.ensure_future(stuck.wait())}, return_when=asyncio.FIRST_COMPLETED)
    if stuck.is_set():
        await lab.cloud.runner._tasks.close()
        lab.cloud.runner = Runner(lab.cloud.store, lab.cloud.registry, lab.cloud.node)
        lab.cloud.runner.start()
    assert (await follow)["status"] == "Succeeded"
    told = await lab.read()
    assert (told["outcome"], step(told, 2)["deed"]["state"]) == ("unresolved", "done")
    written = "Microsoft.Network/networkSecurityGroups/securityRules/write"
    assert (await lab.actions()).count(written) == 1
    rules = (await lab.net.get(lab.group))["properties"]["securityRules"]
    assert [each["name"] for each in rules] == ["default-allow-rdp"]


async def test_one_run_at_a_time_and_stopping(lab: Lab) -> None:
    await lab.make()
    lab.guest(True)
    assert (await lab.rescue())["state"] == "asking"
    assert code(await lab.ask("PUT", "s", {"properties": {}})) == (409, "RescueRunning")
    again = await lab.ask("PUT", "r", {"properties": {}})
    assert (again.status_code, "Azure-AsyncOperation" in again.headers) == (200, False)
    assert code(await lab.ask("POST", "r/answer", {"step": 3, "agree": True})) == (409, "RescueNotAsking")
    assert (await lab.ask("POST", "r/stop")).status_code == 202
    assert (await lab.read())["outcome"] == "canceled"
    assert code(await lab.ask("POST", "r/stop"))[0] == 409
    assert (await lab.rescue("s", dryRun=True))["outcome"] == "looked"
    path = f"{vm_id('web1')}/providers/Outofband.Diagnostics/rescues"
    listed = (await lab.cloud.owner.get(path, version=VERSION)).json()["value"]
    assert [each["name"] for each in listed] == ["s", "r"]


async def test_a_run_that_is_stopped_while_it_works(lab: Lab) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    lab.host.deaf.add("vm.restart")
    put = await lab.ask("PUT", "r", {"properties": {"step": 7, "agreed": True}})
    await lab.until_doing()
    assert (await lab.ask("POST", "r/stop")).status_code == 202
    assert (await lab.cloud.owner.follow(put))["status"] == "Canceled"
    assert (await lab.read())["outcome"] == "canceled"


async def test_a_password_is_asked_for_set_and_never_shown(lab: Lab) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    told = await lab.rescue(step=6, agreed=True)
    assert (told["state"], told["question"]["password"]) == ("asking", True)
    assert code(await lab.ask("POST", "r/answer", {"step": 6, "agree": True})) == (
        400,
        "RescueCredentialsNeeded",
    )
    reached: list[Command] = []
    answer = lab.host.peer.answer
    assert answer is not None
    lab.host.data["vm.run"] = {
        "running": False,
        "started": clock.iso(),
        "ending": "exited",
        "status": 0,
    }

    def seen(command: Command) -> Result | None:
        reached.append(command)
        return answer(command)

    lab.host.peer.answer = seen
    told = await lab.answer(6, True, user="LAB\\ada", protected={"password": "n3w-s3cret"})
    assert step(told, 6)["deed"]["state"] == "done", told
    assert told["user"] == "LAB\\ada"
    [run] = [each for each in reached if each.verb == "vm.run"]
    assert "n3w-s3cret" in str(run.args["protected"])
    tried = [each.args for each in reached if each.verb == "vm.probe"]
    assert tried[-1]["protected"] == {"password": "n3w-s3cret"}, "the new password is what is tried"
    assert told["outcome"] == "unresolved"
    report = (await lab.ask("GET", "r/report")).json()
    assert "n3w-s3cret" not in str(told) + str(report)
    async with lab.cloud.store.read() as tx:
        [row] = await lab.cloud.store.rescues.of_vm(tx, lab.uid)
        assert await lab.cloud.store.withheld.get(tx, lab.cloud.store.vault, row.id) == {}
    assert "n3w-s3cret" not in str(row)


async def test_rights_are_the_callers_own_and_told_before(lab: Lab) -> None:
    await lab.make()
    lab.guest(False)
    helper = await lab.cloud.person("helper", roles.VIRTUAL_MACHINE_CONTRIBUTOR, GROUP_ID)
    told = await lab.rescue(who=helper, agreed=True, step=2)
    rights = {each["deed"]: each["allowed"] for each in told["rights"]}
    assert rights == {"addRule": False}
    assert codes(told, 2) == ["RescueRuleMissing", "RescueRightMissing"]
    assert step(told, 2)["deed"] is None
    assert told["outcome"] == "unresolved"
    assert (await lab.net.get(lab.group))["properties"]["securityRules"] == []
    reader = await lab.cloud.person("reader", roles.READER, GROUP_ID)
    assert (await lab.ask("PUT", "x", {"properties": {}}, reader)).status_code == 403
    assert (await lab.read("r", reader))["outcome"] == "unresolved"


async def test_the_log_is_for_those_who_may_read_it(lab: Lab) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    panic = Finding(
        id="GuestPanicked-0-40",
        code="GuestPanicked",
        severity=Severity.ERROR,
        port="0",
        boot=3,
        offset=40,
        first=1000.0,
        last=1000.0,
        evidence=(Evidence(offset=40, at=1000.0, text="<b>Kernel panic</b>"),),
    )
    await lab.host.peer.send(Found(1, [Told(lab.uid, panic)]))
    await until(lambda: lab.host.peer.kept)
    told = await lab.rescue(dryRun=True)
    [finding] = step(told, 3)["findings"]
    assert finding["code"] == "GuestPanicked"
    assert finding["evidence"]["log"][0]["text"] == "<b>Kernel panic</b>"
    report = (await lab.ask("GET", "r/report")).json()
    assert "&lt;b&gt;Kernel panic&lt;/b&gt;" in report["html"] and "<b>Kernel" not in report["html"]
    reader = await lab.cloud.person("reader", roles.READER, GROUP_ID)
    [finding] = step(await lab.read("r", reader), 3)["findings"]
    assert "log" not in finding["evidence"] and finding["evidence"]["finding"] == panic.id
    page = (await lab.ask("GET", "r/report", None, reader)).json()["html"]
    assert "Kernel panic" not in page.replace("kernel panicked", "")


async def test_without_anything_to_see_nothing_is_done(cloud: Cloud, host: Host) -> None:
    """A VM without network and a host that cannot look: it may well be healthy."""
    lab = Lab(cloud, host)
    await cloud.owner.create_vm("web1")
    host.refuse["vm.probe"] = Fault("ActionNotSupported", driver="qemu", verb="vm.probe")
    told = await lab.rescue(agreed=True)
    assert told["outcome"] == "unresolved"
    found = {each["code"] for each in told["findings"]}
    assert {"RescueNoPublicAddress", "RescueNothingSeen", "RescueNoInterface", "ActionNotSupported"} <= found
    assert "vm.restart" not in host.performed and "vm.stop" not in host.performed


async def test_a_vm_that_is_off_and_a_host_that_is_away(lab: Lab) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    owner = lab.cloud.owner
    await owner.follow(await owner.ask("POST", f"{vm_id('web1')}/powerOff"))
    told = await lab.rescue()
    assert (told["state"], told["question"]["deed"]) == ("asking", "start")
    assert codes(told, 1) == ["RescueVmOff"]
    (health,) = (each for step in told["steps"] if step["number"] == 5 for each in step["findings"])
    assert health["evidence"]["reason"] == "Customer Initiated"
    told = await lab.answer(7, False)
    assert told["outcome"] == "unresolved"


async def test_what_the_client_saw_is_added_at_the_end(lab: Lab) -> None:
    await lab.make(open_rule())
    lab.guest(False)
    await lab.rescue(dryRun=True)
    seen = (await lab.read())["probe"]["before"]["controlPlane"] | {"where": "client"}
    assert (await lab.ask("POST", "r/tell", {"probe": seen})).status_code == 204
    assert (await lab.read())["probe"]["client"]["where"] == "client"
    assert (await lab.ask("POST", "r/tell", {"probe": {"works": True}})).status_code == 400


async def test_bad_requests(lab: Lab) -> None:
    await lab.make()
    for properties in ({"protocol": "vnc"}, {"step": 9}, {"user": "ada"}):
        assert code(await lab.ask("PUT", "r", {"properties": properties})) == (400, "InvalidParameter")
    other = f"{lab.group}/providers/Outofband.Diagnostics/rescues/r"
    assert not (await lab.cloud.owner.ask("PUT", other, {"properties": {}}, version=VERSION)).is_success
