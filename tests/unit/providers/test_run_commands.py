"""Run commands over HTTP, with a host whose guest is imitated: shapes, secrets, refusals, ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outofband.access import roles
from outofband.core.errors import Fault
from outofband.providers.compute import inside
from outofband.wire.machine import Power
from tests.support.cloud import SCOPE, Cloud, Host, vm_id
from tests.support.wait import until

pytestmark = pytest.mark.anyio
SCRIPT = f"{vm_id('demo')}/runCommands/first"
SECRET = "kelp-otter-42"


def report(**fields: Any) -> dict[str, Any]:
    ended = {"running": False, "started": "2026-01-01T00:00:00Z", "ended": "2026-01-01T00:00:01Z"}
    return {**ended, "ending": "exited", "status": 0, "out": "", "err": "", **fields}


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


async def made(cloud: Cloud, host: Host, **ended: Any) -> None:
    host.data["vm.run"] = report(**ended)
    await cloud.owner.create_vm("demo")


async def invoke(cloud: Cloud, body: Any) -> Any:
    return await cloud.owner.ask("POST", f"{vm_id('demo')}/runCommand", body)


async def put(cloud: Cloud, **properties: Any) -> dict[str, Any]:
    answer = await cloud.owner.ask("PUT", SCRIPT, {"location": "local", "properties": properties})
    assert answer.status_code in (200, 201), answer.text
    return await cloud.owner.follow(answer)


async def view(cloud: Cloud) -> dict[str, Any]:
    found = (await cloud.owner.get(SCRIPT, **{"$expand": "instanceView"})).json()
    shown: dict[str, Any] = found["properties"]["instanceView"]
    return shown


async def test_the_answer_is_in_azures_form(cloud: Cloud, host: Host) -> None:
    await made(cloud, host, out="hello\n", err="no\n", status=3)
    body = {
        "commandId": "RunShellScript",
        "script": ["echo hello", "exit 3"],
        "parameters": [{"name": "arg1", "value": "x"}],
    }
    answer = await invoke(cloud, body)
    assert answer.status_code == 202
    state = await cloud.owner.follow(answer)
    assert state["status"] == "Succeeded"
    result = await cloud.owner.get(answer.headers["location"], version=None)
    assert (result.status_code, result.json()) == (200, state["properties"]["output"])
    (status,) = result.json()["value"]
    assert status == {
        "code": "ProvisioningState/succeeded",
        "level": "Info",
        "displayStatus": "Provisioning succeeded",
        "message": "Enable succeeded: \n[stdout]\nhello\n\n[stderr]\nno\n",
    }
    sent = host.peer.commands[-1]
    assert sent.args["script"] == "echo hello\nexit 3\n"
    assert sent.args["parameters"] == [{"value": "x", "name": "arg1", "positional": True}]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"commandId": "RunPowerShellScript", "script": ["dir"]}, "OperationNotAllowed"),
        ({"commandId": "NoSuchThing"}, "InvalidParameter"),
        ({"commandId": "RunShellScript"}, "InvalidParameter"),
        ({"commandId": "RunShellScript", "script": ["a\0b"]}, "InvalidParameter"),
        ({"script": ["true"]}, "InvalidRequestContent"),
        ({"commandId": "RunShellScript", "script": "true"}, "InvalidRequestContent"),
    ],
)
async def test_what_cannot_be_run_is_refused_before_the_host_hears_of_it(
    cloud: Cloud, host: Host, body: Any, wanted: str
) -> None:
    await made(cloud, host)
    answer = await invoke(cloud, body)
    assert code(answer) == wanted
    assert "vm.run" not in host.performed


async def test_a_command_with_a_script_of_its_own(cloud: Cloud, host: Host) -> None:
    await made(cloud, host)
    await cloud.owner.follow(await invoke(cloud, {"commandId": "IFCONFIG"}))
    assert "ip addr" in host.peer.commands[-1].args["script"]
    listed = (
        await cloud.owner.get(f"{SCOPE}/providers/Microsoft.Compute/locations/local/runCommands")
    ).json()
    assert {"RunShellScript", "ifconfig", "RunPowerShellScript"} <= {each["id"] for each in listed["value"]}
    one = f"{SCOPE}/providers/Microsoft.Compute/locations/local/runCommands/runshellscript"
    found = (await cloud.owner.get(one)).json()
    assert (found["id"], found["osType"]) == ("RunShellScript", "Linux")
    assert found["parameters"][0]["name"] == "arg1"


async def test_a_stopped_vm_and_a_guest_without_an_agent(cloud: Cloud, host: Host) -> None:
    await made(cloud, host)
    body = {"commandId": "RunShellScript", "script": ["true"]}
    host.refuse["vm.run"] = Fault("GuestAgentAbsent", vm="demo")
    state = await cloud.owner.follow(await invoke(cloud, body))
    assert (state["status"], state["error"]["code"]) == ("Failed", "GuestAgentAbsent")
    assert "qemu-guest-agent" in str(state["error"]["additionalInfo"])
    await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('demo')}/powerOff"))
    await until(lambda: Power.STOPPED in host.power.values())
    answer = await invoke(cloud, body)
    assert (answer.status_code, code(answer)) == (409, "OperationNotAllowed")


async def test_it_needs_its_own_right(cloud: Cloud, host: Host) -> None:
    await made(cloud, host)
    reader = await cloud.person("reader", roles.READER)
    path = f"{vm_id('demo')}/runCommand"
    answer = await reader.ask("POST", path, {"commandId": "RunShellScript", "script": ["true"]})
    assert (answer.status_code, code(answer)) == (403, "AuthorizationFailed")
    assert "runCommand/action" in answer.json()["error"]["message"]
    assert (await reader.ask("PUT", SCRIPT, {"properties": {"source": {"script": "x"}}})).status_code == 403


async def test_a_managed_script_from_put_to_delete(cloud: Cloud, host: Host) -> None:
    await made(cloud, host, out="42\n")
    state = await put(
        cloud,
        source={"script": "echo $((6 * 7))"},
        parameters=[{"name": "word", "value": "x"}, {"name": "", "value": "y"}],
        timeoutInSeconds=30,
        runAsUser="demo",
        # As a client has it that writes back what it read.
        provisioningState="Deleting",
        instanceView={"executionState": "Failed"},
    )
    assert state["status"] == "Succeeded", state
    sent = host.peer.commands[-1].args
    assert sent["parameters"] == [
        {"value": "x", "name": "word", "positional": False},
        {"value": "y", "name": None, "positional": True},
    ]
    assert (sent["user"], sent["timeout"]) == ("demo", 30.0)
    found = (await cloud.owner.get(SCRIPT)).json()
    assert found["type"] == "Microsoft.Compute/virtualMachines/runCommands"
    assert found["location"] == "local"
    assert found["properties"]["source"] == {"script": "echo $((6 * 7))"}
    assert found["properties"]["provisioningState"] == "Succeeded"
    assert not {"_", "instanceView"} & set(found["properties"])
    seen = await view(cloud)
    assert (seen["executionState"], seen["exitCode"], seen["output"]) == ("Succeeded", 0, "42\n")
    listed = (await cloud.owner.get(f"{vm_id('demo')}/runCommands")).json()["value"]
    assert [each["name"] for each in listed] == ["first"]
    gone = await cloud.owner.ask("DELETE", SCRIPT)
    assert gone.status_code == 202
    assert (await cloud.owner.follow(gone))["status"] == "Succeeded"
    assert (await cloud.owner.get(SCRIPT)).status_code == 404
    assert (await cloud.owner.ask("DELETE", SCRIPT)).status_code == 204


async def test_a_script_that_fails(cloud: Cloud, host: Host) -> None:
    await made(cloud, host, status=3, err="no\n")
    state = await put(cloud, source={"script": "exit 3"})
    assert state["status"] == "Succeeded", "the script ran; that is what was asked for"
    assert (await view(cloud))["executionState"] == "Failed"
    state = await put(cloud, source={"script": "exit 3"}, treatFailureAsDeploymentFailure=True)
    assert (state["status"], state["error"]["code"]) == ("Failed", "VMExtensionProvisioningError")
    found = (await cloud.owner.get(SCRIPT)).json()["properties"]
    assert found["provisioningState"] == "Failed"
    seen = await view(cloud)
    assert (seen["executionState"], seen["exitCode"], seen["error"]) == ("Failed", 3, "no\n")


async def test_an_end_that_is_not_known_is_told_so(cloud: Cloud, host: Host) -> None:
    await made(cloud, host)
    host.refuse["vm.run"] = Fault("ScriptOutcomeUnknown", vm="demo", detail="the guest was restarted")
    state = await put(cloud, source={"script": "true"})
    assert state["error"]["code"] == "ScriptOutcomeUnknown"
    assert (await view(cloud))["executionState"] == "Unknown"


async def test_what_is_protected_reaches_the_guest_and_nobody_else(cloud: Cloud, host: Host) -> None:
    await made(cloud, host)
    protected = [{"name": "password", "value": SECRET}]
    state = await put(cloud, source={"script": "login"}, protectedParameters=protected)
    assert state["status"] == "Succeeded"
    sent = host.peer.commands[-1].args
    assert sent["protected"]["parameters"][0]["value"] == SECRET
    shown = [(await cloud.owner.get(SCRIPT)).text, json.dumps(await view(cloud)), json.dumps(state)]
    assert SECRET not in "".join(shown)
    async with cloud.store.read() as tx:
        row = await cloud.store.resources.get(tx, SCRIPT)
        operation = await cloud.store.operations.get(tx, state["name"])
        command = await cloud.store.outbox.get(tx, host.peer.commands[-1].key)
    assert command is not None and command.answered is not None
    assert SECRET not in f"{row} {operation} {command}"


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"source": {"scriptUri": "https://example.org/x"}},
        {"source": {"script": "true"}, "outputBlobUri": "https://example.org/x"},
        {"source": {"script": "true"}, "timeoutInSeconds": 0},
        {"source": {"commandId": "RunPowerShellScript", "script": "dir"}},
        {"source": {"script": "true"}, "runAsUser": "-x; rm"},
        {"source": {"script": "true"}, "protectedParameters": [{"name": "a", "value": 7}]},
        {"source": {"script": "true"}, "ProtectedParameters": [{"name": "a", "value": SECRET}]},
        {"source": {"script": "true"}, "RunAsPassword": SECRET},
    ],
)
async def test_what_is_not_offered_is_refused_at_once(
    cloud: Cloud, host: Host, properties: dict[str, Any]
) -> None:
    await made(cloud, host)
    answer = await cloud.owner.ask("PUT", SCRIPT, {"properties": properties})
    assert answer.status_code in (400, 409), answer.text
    assert (await cloud.owner.get(SCRIPT)).status_code == 404


async def test_progress_is_shown_and_a_delete_ends_the_script(
    cloud: Cloud, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inside, "LOOK_SECONDS", 0.02)
    await made(cloud, host)
    host.deaf.add("vm.run")
    host.data["vm.run-status"] = report(running=True, ending=None, status=None, ended=None, out="so far\n")
    answer = await cloud.owner.ask("PUT", SCRIPT, {"properties": {"source": {"script": "sleep 99"}}})
    assert answer.json()["properties"]["provisioningState"] == "Creating"

    async def shown() -> bool:
        return (await view(cloud)).get("output") == "so far\n"

    await until(shown)
    assert (await view(cloud))["executionState"] == "Running"
    deleting = await cloud.owner.ask("DELETE", SCRIPT)
    await until(lambda: "vm.run-cancel" in host.performed)
    cancel = next(each for each in host.peer.commands if each.verb == "vm.run-cancel")
    run = next(each for each in host.peer.commands if each.verb == "vm.run")
    assert cancel.args == {"run": run.key}
    host.deaf.clear()
    host.data["vm.run"] = report(ending="canceled", status=143)
    result = host._answer(run)
    assert result is not None
    await host.peer.send(result)
    assert (await cloud.owner.follow(deleting))["status"] == "Succeeded"
    assert (await cloud.owner.follow(answer))["status"] == "Succeeded"
    assert (await cloud.owner.get(SCRIPT)).status_code == 404


async def test_nobody_waits_for_an_asynchronous_script(cloud: Cloud, host: Host) -> None:
    await made(cloud, host, out="late\n")
    body = {"properties": {"source": {"script": "true"}, "asyncExecution": True}}
    answer = await cloud.owner.ask("PUT", SCRIPT, body)
    assert answer.status_code == 201
    assert "azure-asyncoperation" not in answer.headers
    assert answer.json()["properties"]["provisioningState"] == "Succeeded"

    async def ended() -> bool:
        return (await view(cloud))["executionState"] == "Succeeded"

    await until(ended)


async def test_a_script_of_a_vm_that_is_not_there(cloud: Cloud, host: Host) -> None:
    answer = await cloud.owner.ask("PUT", SCRIPT, {"properties": {"source": {"script": "true"}}})
    assert answer.status_code == 404
    assert (await cloud.owner.get(f"{vm_id('demo')}/runCommands")).status_code == 404


async def test_canceling_the_operation_ends_the_script(cloud: Cloud, host: Host) -> None:
    await made(cloud, host)
    host.deaf.add("vm.run")
    protected = [{"name": "password", "value": SECRET}]
    body = {"properties": {"source": {"script": "sleep 99"}, "protectedParameters": protected}}
    managed = await cloud.owner.ask("PUT", SCRIPT, body)
    action = await invoke(cloud, {"commandId": "RunShellScript", "script": ["sleep 99"]})
    await until(lambda: [each.verb for each in host.peer.commands].count("vm.run") == 2)
    for answer in (managed, action):
        where = answer.headers["azure-asyncoperation"].replace("?", "/cancel?")
        assert (await cloud.owner.ask("POST", where, version=None)).status_code == 202
        assert (await cloud.owner.follow(answer))["status"] == "Canceled"
    await until(lambda: host.performed.count("vm.run-cancel") == 2)
    canceled = {each.args["run"] for each in host.peer.commands if each.verb == "vm.run-cancel"}
    assert canceled == {each.key for each in host.peer.commands if each.verb == "vm.run"}
    assert (await view(cloud))["executionState"] == "Canceled"
    async with cloud.store.read() as tx:
        assert SECRET not in str(await cloud.store.resources.get(tx, SCRIPT))


async def test_a_script_that_nobody_waits_for_any_more_is_ended(
    cloud: Cloud, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(cloud, host)
    host.deaf.add("vm.run")
    monkeypatch.setattr(inside, "ANSWER_SECONDS", 2.0)
    protected = [{"name": "password", "value": SECRET}]
    state = await put(cloud, source={"script": "sleep 99"}, timeoutInSeconds=1, protectedParameters=protected)
    assert (state["status"], state["error"]["code"]) == ("Failed", "AgentTimeout")
    assert (await view(cloud))["executionState"] == "Unknown"
    await until(lambda: "vm.run-cancel" in host.performed)
    (key,) = [each.key for each in host.peer.commands if each.verb == "vm.run"]
    async with cloud.store.read() as tx:
        command = await cloud.store.outbox.get(tx, key)
    assert command is not None and SECRET not in str(command)
