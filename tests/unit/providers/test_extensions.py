"""VM extensions over HTTP: what the command line writes, what the guest is made to do, what is not shown."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
from typing import Any

import pytest

from outofband.core.errors import Fault
from outofband.providers.compute.extension_scripts import VM_ACCESS, custom_script
from tests.support.cloud import Cloud, Host, vm_id
from tests.unit.providers.test_run_commands import code, made

pytestmark = pytest.mark.anyio
ACCESS = f"{vm_id('demo')}/extensions/enablevmaccess"
OTHER = f"{vm_id('demo')}/extensions/other"
SECRET = "kelp-otter-42"
LINUX = {
    "publisher": "Microsoft.OSTCExtensions",
    "type": "VMAccessForLinux",
    "typeHandlerVersion": "1.5",
    "settings": {},
}
WINDOWS = {"publisher": "Microsoft.Compute", "type": "VMAccessAgent", "typeHandlerVersion": "2.4"}
CUSTOM = {"publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "typeHandlerVersion": "2.1"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKlbVQ somebody@somewhere\n"


async def ask(cloud: Cloud, path: str, method: str = "PUT", **properties: Any) -> Any:
    return await cloud.owner.ask(method, path, {"location": "local", "properties": properties})


async def write(cloud: Cloud, path: str, method: str = "PUT", **properties: Any) -> dict[str, Any]:
    answer = await ask(cloud, path, method, **properties)
    assert answer.status_code in (200, 201), answer.text
    if "azure-asyncoperation" not in answer.headers:
        return {"status": "Succeeded"}
    return await cloud.owner.follow(answer)


def given(host: Host) -> dict[str, str]:
    """The environment of the last script."""
    parameters = host.peer.commands[-1].args["protected"]["parameters"]
    assert not any(each["positional"] for each in parameters)
    return {each["name"]: each["value"] for each in parameters}


def runs(host: Host) -> int:
    return host.performed.count("vm.run")


@pytest.mark.parametrize(
    ("protected", "wanted"),
    [
        ({"username": "bob", "password": SECRET}, {"username": "bob", "password": SECRET}),
        ({"username": "bob", "ssh_key": KEY}, {"username": "bob", "ssh_key": KEY.strip()}),
        ({"reset_ssh": True}, {"reset_ssh": "true"}),
        ({"remove_user": "bob"}, {"remove_user": "bob"}),
    ],
)
async def test_vm_access_as_the_command_line_writes_it(
    cloud: Cloud, host: Host, protected: dict[str, Any], wanted: dict[str, str]
) -> None:
    await made(cloud, host, out="done\n")
    assert (await write(cloud, ACCESS, **LINUX, protectedSettings=protected))["status"] == "Succeeded"
    assert given(host) == wanted
    assert host.peer.commands[-1].args["script"] == VM_ACCESS
    found = (await cloud.owner.get(ACCESS, **{"$expand": "instanceView"})).json()
    assert found["type"] == "Microsoft.Compute/virtualMachines/extensions"
    properties = found["properties"]
    assert properties["provisioningState"] == "Succeeded"
    assert not {"_", "protectedSettings"} & set(properties)
    view = properties["instanceView"]
    assert (view["name"], view["type"]) == ("enablevmaccess", "Microsoft.OSTCExtensions.VMAccessForLinux")
    assert view["statuses"][0]["code"] == "ProvisioningState/succeeded"
    assert view["statuses"][0]["message"] == "Enable succeeded: \n[stdout]\ndone\n\n[stderr]\n"
    vm = (await cloud.owner.get(vm_id("demo"), **{"$expand": "instanceView"})).json()
    assert vm["properties"]["instanceView"]["extensions"] == [view]
    assert (await cloud.owner.get(f"{vm_id('demo')}/instanceView")).json()["extensions"] == [view]


async def test_a_password_leaves_no_trace(cloud: Cloud, host: Host) -> None:
    await made(cloud, host)
    state = await write(cloud, ACCESS, **LINUX, protectedSettings={"username": "bob", "password": SECRET})
    shown = [(await cloud.owner.get(ACCESS, **{"$expand": "instanceView"})).text, json.dumps(state)]
    shown += [(await cloud.owner.get(f"{vm_id('demo')}/extensions")).text]
    assert SECRET not in "".join(shown)
    async with cloud.store.read() as tx:
        row = await cloud.store.resources.get(tx, ACCESS)
        operation = await cloud.store.operations.get(tx, state["name"])
        command = await cloud.store.outbox.get(tx, host.peer.commands[-1].key)
        activity = (await cloud.store.activity.page(tx)).items
    assert SECRET not in f"{row} {operation} {command} {activity}"


async def test_windows_accounts_are_left_to_the_agent_in_the_guest(cloud: Cloud, host: Host) -> None:
    await made(cloud, host)
    settings, protected = {"UserName": "admin"}, {"Password": SECRET}
    state = await write(cloud, ACCESS, **WINDOWS, settings=settings, protectedSettings=protected)
    assert state["status"] == "Succeeded"
    sent = host.peer.commands[-1]
    assert (sent.verb, sent.args) == (
        "vm.set-password",
        {"user": "admin", "protected": {"password": SECRET}},
    )


async def test_what_fails_in_the_guest_fails(cloud: Cloud, host: Host) -> None:
    await made(cloud, host, status=1, err="no such user\n")
    state = await write(cloud, ACCESS, **LINUX, protectedSettings={"remove_user": "bob"})
    assert (state["status"], state["error"]["code"]) == ("Failed", "VMExtensionProvisioningError")
    assert "no such user" in state["error"]["message"]
    found = (await cloud.owner.get(ACCESS, **{"$expand": "instanceView"})).json()["properties"]
    assert found["provisioningState"] == "Failed"
    (status,) = found["instanceView"]["statuses"]
    assert (status["code"], status["level"]) == (
        "ProvisioningState/failed/VMExtensionProvisioningError",
        "Error",
    )
    host.refuse["vm.run"] = Fault("GuestAgentAbsent", vm="demo")
    state = await write(cloud, ACCESS, **LINUX, protectedSettings={"remove_user": "bob"})
    assert state["error"]["code"] == "GuestAgentAbsent"


async def test_a_custom_script_runs_when_something_is_new(cloud: Cloud, host: Host) -> None:
    await made(cloud, host)
    settings = {"commandToExecute": "echo hello"}
    await write(cloud, OTHER, **CUSTOM, settings=settings)
    assert "echo hello" in host.peer.commands[-1].args["script"]
    await write(cloud, OTHER, **CUSTOM, settings=settings)
    assert runs(host) == 1, "nothing is new"
    await write(cloud, OTHER, **CUSTOM, settings=settings, forceUpdateTag="2")
    await write(cloud, OTHER, "PATCH", settings={"commandToExecute": "echo other"})
    assert runs(host) == 3
    await write(cloud, OTHER, **CUSTOM, settings={}, protectedSettings={"commandToExecute": f"x {SECRET}"})
    assert SECRET in host.peer.commands[-1].args["protected"]["script"]
    assert host.peer.commands[-1].args["script"] is None
    for text in (b"echo hello\n", gzip.compress(b"echo hello\n")):
        await write(cloud, OTHER, **CUSTOM, settings={"script": base64.b64encode(text).decode()})
        assert host.peer.commands[-1].args["script"] == "echo hello\n"
    gone = await cloud.owner.ask("DELETE", OTHER)
    assert (gone.status_code, (await cloud.owner.follow(gone))["status"]) == (202, "Succeeded")
    assert (await cloud.owner.get(OTHER)).status_code == 404


async def test_an_extension_that_is_not_known_is_kept(cloud: Cloud, host: Host) -> None:
    await made(cloud, host)
    unknown = {"publisher": "Some.Where", "type": "Agent", "typeHandlerVersion": "1.0"}
    answer = await ask(cloud, OTHER, **unknown, settings={"a": [1]}, protectedSettings={"b": SECRET})
    assert answer.status_code == 201
    assert answer.json()["properties"]["provisioningState"] == "Succeeded"
    found = (await cloud.owner.get(OTHER)).json()["properties"]
    assert (found["settings"], found["publisher"]) == ({"a": [1]}, "Some.Where")
    async with cloud.store.read() as tx:
        assert SECRET not in str(await cloud.store.resources.get(tx, OTHER))
    assert runs(host) == 0
    assert code(await ask(cloud, OTHER, **{**unknown, "type": "Else"})) == "PropertyChangeNotAllowed"


@pytest.mark.parametrize(
    "properties",
    [
        {"type": "VMAccessForLinux"},
        {**LINUX, "protectedSettings": {"username": "-x", "password": "y"}},
        {**LINUX, "protectedSettings": {"password": "y"}},
        {**LINUX, "protectedSettings": {"username": "bob", "password": "a\nroot:b"}},
        {**LINUX, "protectedSettings": {"username": "bob\n", "password": "y"}},
        {**LINUX, "protectedSettings": {"username": "bob", "password": "a\0b"}},
        {**LINUX, "protectedSettings": {"username": "bob", "expiration": "2030-01-01\n"}},
        {**LINUX, "protectedSettings": {"username": "bob", "ssh_key": "nonsense"}},
        {**LINUX, "protectedSettings": {"username": "bob", "ssh_key": "ssh-rsa AAAA a\0b"}},
        {**LINUX, "ProtectedSettings": {"username": "bob", "password": SECRET}},
        {**WINDOWS, "settings": {"UserName": "a"}, "protectedSettings": {"Password": "x" * 513}},
        {**WINDOWS, "settings": {"UserName": "a"}, "protectedSettings": {"Password": "a\0b"}},
        {**LINUX, "protectedSettings": {"username": "bob", "password": 7}},
        {**LINUX, "settings": {"check_disk": True}},
        {**CUSTOM, "settings": {}},
        {**CUSTOM, "settings": {"commandToExecute": "a", "script": "Yg=="}},
        {**CUSTOM, "settings": {"script": "%%%"}},
        {**CUSTOM, "settings": {"commandToExecute": "a\0b"}},
        {**CUSTOM, "settings": {"commandToExecute": "a", "fileUris": ["file:///etc/passwd"]}},
        {**CUSTOM, "settings": {"commandToExecute": "a", "fileUris": ["https://h/a\n"]}},
        {**CUSTOM, "settings": {"commandToExecute": "a", "fileUris": ['https://h/"a']}},
        {**CUSTOM, "protectedSettingsFromKeyVault": {"secretUrl": "x"}},
    ],
)
async def test_what_cannot_be_right_is_refused(cloud: Cloud, host: Host, properties: Any) -> None:
    await made(cloud, host)
    answer = await ask(cloud, OTHER, **properties)
    assert (answer.status_code, code(answer)) == (400, "InvalidParameter"), answer.text
    assert (await cloud.owner.get(OTHER)).status_code == 404


@pytest.mark.parametrize(
    "text", [VM_ACCESS, custom_script("true", ["https://h/a/b.sh?sig=x'y", "http://h/"])]
)
def test_the_scripts_are_shell(text: str) -> None:
    checked = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
