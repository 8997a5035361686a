"""Windows guests over HTTP: what VMAccessAgent and Azure's run commands have the host run, and say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outofband.wire.steps import accounts, powershell, remote_desktop
from outofband.wire.steps.report import SCHEMA
from tests.support.cloud import Cloud, Host
from tests.unit.providers.test_extensions import ACCESS, OTHER, SECRET, WINDOWS, ask, given, runs, write
from tests.unit.providers.test_run_commands import SCOPE, SCRIPT, code, invoke, put, report

pytestmark = pytest.mark.anyio


async def made(cloud: Cloud, host: Host, **ended: Any) -> None:
    host.data["vm.run"] = report(**ended)
    await cloud.owner.create_vm("demo", osProfile={"windowsConfiguration": {}})


def refused(problem: str, **fields: str) -> str:
    """What the step in the guest prints when it stops at `problem`."""
    found = {"schema": SCHEMA, "step": "resetPassword", "system": "windows", "before": {}, "after": {}}
    return json.dumps(found | {"problems": [{"code": problem, "fields": fields}]}, separators=(",", ":"))


async def test_empty_settings_reset_the_configuration_only(cloud: Cloud, host: Host) -> None:
    await made(cloud, host, out="{}\n")
    assert (await write(cloud, ACCESS, **WINDOWS, settings={}))["status"] == "Succeeded"
    sent = host.peer.commands[-1]
    assert (sent.verb, sent.args["script"]) == ("vm.run", remote_desktop.reset_configuration())
    await write(cloud, ACCESS, **WINDOWS, settings={})
    assert runs(host) == 1
    await write(cloud, ACCESS, **WINDOWS, settings={}, forceUpdateTag="2")
    assert runs(host) == 2


async def test_a_name_and_a_password_as_the_command_line_writes_them(cloud: Cloud, host: Host) -> None:
    await made(cloud, host)
    settings, protected = {"UserName": "O'Brien"}, {"Password": SECRET}
    state = await write(cloud, ACCESS, **WINDOWS, settings=settings, protectedSettings=protected)
    assert state["status"] == "Succeeded"
    assert given(host) == {"UserName": "O'Brien", "Password": SECRET}
    assert host.peer.commands[-1].args["script"] == accounts.reset_password()
    shown = (await cloud.owner.get(ACCESS, **{"$expand": "instanceView"})).text
    assert SECRET not in shown + json.dumps(state)


@pytest.mark.parametrize(
    ("settings", "protected", "wanted"),
    [
        ({"UserName": "bob"}, {}, "VmAccessPasswordMissing"),
        ({"UserName": "bob"}, {"Password": ""}, "VmAccessPasswordMissing"),
        ({"UserName": "do\\bob"}, {"Password": SECRET}, "InvalidParameter"),
        ({}, {"Password": SECRET}, "InvalidParameter"),
    ],
)
async def test_what_is_wrong_is_said_before_the_host_hears_of_it(
    cloud: Cloud, host: Host, settings: dict[str, Any], protected: dict[str, Any], wanted: str
) -> None:
    await made(cloud, host)
    answer = await ask(cloud, ACCESS, **WINDOWS, settings=settings, protectedSettings=protected)
    assert (answer.status_code, code(answer)) == (400, wanted)
    assert runs(host) == 0


@pytest.mark.parametrize(
    ("problem", "fields", "words"),
    [
        ("VmAccessDomainController", {}, "VMAccess Extension does not support Domain Controller."),
        (
            "VmAccessNotAdministrator",
            {"user": "bob"},
            "User account bob already exists but cannot be updated because it is not in the Administrators",
        ),
        ("VmAccessPasswordPolicy", {"user": "bob"}, "0x800708C5"),
    ],
)
async def test_what_the_guest_refuses_has_its_own_code(
    cloud: Cloud, host: Host, problem: str, fields: dict[str, str], words: str
) -> None:
    await made(cloud, host, status=1, out=refused(problem, **fields))
    settings, protected = {"UserName": "bob"}, {"Password": SECRET}
    state = await write(cloud, ACCESS, **WINDOWS, settings=settings, protectedSettings=protected)
    assert (state["status"], state["error"]["code"]) == ("Failed", problem)
    assert words in state["error"]["message"]


async def test_what_it_does_not_say_so_is_its_output(cloud: Cloud, host: Host) -> None:
    await made(cloud, host, status=1, out=refused("AuthorizationFailed"), err="odd\n")
    state = await write(cloud, ACCESS, **WINDOWS, settings={})
    assert state["error"]["code"] == "VMExtensionProvisioningError", "a guest names no code but its own"
    assert "odd" in state["error"]["message"]


async def test_there_is_one_of_it(cloud: Cloud, host: Host) -> None:
    await made(cloud, host)
    await write(cloud, ACCESS, **WINDOWS, settings={})
    answer = await ask(cloud, OTHER, **WINDOWS, settings={})
    assert (answer.status_code, code(answer)) == (409, "MultipleExtensionsPerHandlerNotAllowed")
    assert "enablevmaccess" in answer.json()["error"]["message"]
    await write(cloud, ACCESS, **WINDOWS, settings={}, forceUpdateTag="2")


async def test_run_commands_of_windows(cloud: Cloud, host: Host) -> None:
    await made(cloud, host, out="one\n", err="two\n")
    state = await cloud.owner.follow(await invoke(cloud, {"commandId": "resetrdpcert"}))
    assert host.peer.commands[-1].args["script"] == remote_desktop.reset_certificate()
    statuses = state["properties"]["output"]["value"]
    assert [(each["code"], each["message"]) for each in statuses] == [
        ("ComponentStatus/StdOut/succeeded", "one\n"),
        ("ComponentStatus/StdErr/succeeded", "two\n"),
    ]
    body = {
        "commandId": "SetRDPPort",
        "parameters": [{"name": "RDPPort", "value": "3390"}],
    }
    await cloud.owner.follow(await invoke(cloud, body))
    assert host.peer.commands[-1].args["parameters"][0]["value"] == "3390"
    await cloud.owner.follow(
        await invoke(cloud, {"commandId": "RunPowerShellScript", "script": ["Get-Date"]})
    )
    assert host.peer.commands[-1].args["script"] == f"{powershell.MARK}\nGet-Date\n"
    await put(cloud, source={"script": "Get-Date"})
    assert powershell.is_meant(host.peer.commands[-1].args["script"])
    assert (await cloud.owner.get(SCRIPT)).json()["properties"]["source"]["script"] == "Get-Date"
    answer = await invoke(cloud, {"commandId": "RunShellScript", "script": ["true"]})
    assert (answer.status_code, code(answer)) == (409, "OperationNotAllowed")
    assert "RunPowerShellScript" in answer.json()["error"]["message"]


async def test_documents_of_windows(cloud: Cloud) -> None:
    base = f"{SCOPE}/providers/Microsoft.Compute/locations/local/runCommands"
    listed = (await cloud.owner.get(base)).json()["value"]
    windows = {each["id"] for each in listed if each["osType"] == "Windows"}
    assert windows == {
        "RunPowerShellScript", "DisableNLA", "DisableWindowsUpdate", "EnableAdminAccount", "EnableEMS",
        "EnableRemotePS", "EnableWindowsUpdate", "IPConfig", "RDPSettings", "ResetRDPCert", "SetRDPPort",
    }  # fmt: skip
    for each in windows - {"RunPowerShellScript"}:
        found = (await cloud.owner.get(f"{base}/{each}")).json()
        assert found["script"][0] == powershell.MARK
    port = (await cloud.owner.get(f"{base}/SetRDPPort")).json()
    assert port["parameters"] == [{"name": "RDPPort", "type": "string", "defaultValue": "3389"}]


async def test_a_windows_command_in_a_linux_guest(cloud: Cloud, host: Host) -> None:
    host.data["vm.run"] = report()
    await cloud.owner.create_vm("demo")
    answer = await invoke(cloud, {"commandId": "RDPSettings"})
    assert (answer.status_code, code(answer)) == (409, "OperationNotAllowed")
    assert runs(host) == 0
