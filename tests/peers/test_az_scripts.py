"""az runs scripts in a real guest: at once, kept as resources, and as extensions."""

from __future__ import annotations

import json

import pytest

from tests.peers.az import Clients, Said
from tests.peers.house import until

DEMO = ("--resource-group", "demo", "--name", "demo")
OF_DEMO = ("--resource-group", "demo", "--vm-name", "demo")
PASSWORD = "kelp-Otter-42-tern"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIGRnHB2pqI2JNTzdq1xPXjbtDcVkQ0bBhBqR2mmZ9Sk bob"


def attempt(azure: Clients, script: str, *parameters: str) -> Said:
    words = ("vm", "run-command", "invoke", *DEMO, "--command-id", "RunShellScript", "--scripts", script)
    more = ("--parameters", *parameters) if parameters else ()
    return azure.az(*words, *more, "--output", "json", expect=None)


def message(azure: Clients, script: str, *parameters: str) -> str:
    said = attempt(azure, script, *parameters)
    assert said.code == 0, said
    (status,) = said.json["value"]
    assert status["code"] == "ProvisioningState/succeeded"
    text: str = status["message"]
    return text


@pytest.fixture(scope="module", autouse=True)
def guest(azure: Clients) -> None:
    """The agent in the guest answers only some seconds after the VM runs."""

    def answers() -> bool:
        said = attempt(azure, "true")
        assert said.code == 0 or "GuestAgentAbsent" in said.err, said
        return said.code == 0

    until("the guest's agent answers", answers, 180)


def test_a_script_at_once(azure: Clients) -> None:
    told = message(azure, "echo to $1; echo oops >&2; exit 3", "you")
    assert told == "Enable succeeded: \n[stdout]\nto you\n\n[stderr]\noops\n"
    assert "demo" in message(azure, "hostname")
    commands = azure.json("vm", "run-command", "list", "--location", "local")
    assert "RunShellScript" in [each["id"] for each in commands]


def test_a_script_that_is_kept(azure: Clients) -> None:
    command = ("vm", "run-command")
    name = ("--name", "first")
    secret = ("--protected-parameters", "word=cormorant")
    made = azure.json(
        *command, "create", *OF_DEMO, *name, "--script", "echo kept; echo $word | wc -c", *secret
    )
    assert (made["name"], made["provisioningState"]) == ("first", "Succeeded")
    shown = azure.json(*command, "show", *OF_DEMO, *name, "--instance-view")
    view = shown["instanceView"]
    assert (view["executionState"], view["exitCode"]) == ("Succeeded", 0)
    assert view["output"].split() == ["kept", "10"]
    assert "cormorant" not in json.dumps(shown)
    assert [each["name"] for each in azure.json(*command, "list", *OF_DEMO)] == ["first"]
    azure.json(*command, "delete", *OF_DEMO, *name, "--yes")
    assert azure.json(*command, "list", *OF_DEMO) == []


def test_accounts_in_the_guest(azure: Clients) -> None:
    """`az vm user` writes the extension VMAccessForLinux; here it acts in the guest at once."""
    who = ("--username", "bob")
    made = azure.json("vm", "user", "update", *DEMO, *who, "--password", PASSWORD)
    assert (made["name"], made["typePropertiesType"]) == ("enablevmaccess", "VMAccessForLinux")
    assert "uid=" in message(azure, "id bob")
    azure.json("vm", "user", "update", *DEMO, *who, "--ssh-key-value", KEY)
    assert KEY.split()[1] in message(azure, "cat ~bob/.ssh/authorized_keys")
    azure.json("vm", "user", "delete", *DEMO, *who)
    assert "uid=" not in message(azure, "id bob")
    shown = azure.json("vm", "extension", "show", *OF_DEMO, "--name", "enablevmaccess")
    assert shown["provisioningState"] == "Succeeded"
    assert shown.get("protectedSettings") is None
    assert PASSWORD not in json.dumps(azure.json("vm", "get-instance-view", *DEMO))


def test_extensions_are_carried_out_or_stored(azure: Clients) -> None:
    settings, hidden = azure.root / "settings.json", azure.root / "protected.json"
    settings.write_text('{"commandToExecute": "echo custom > /tmp/mark"}')
    hidden.write_text('{"key": "cormorant"}')
    extension = ("vm", "extension")
    azure.json(
        *(*extension, "set", *OF_DEMO, "--publisher", "Microsoft.Azure.Extensions", "--name", "CustomScript"),
        *("--version", "2.1", "--settings", f"@{settings}"),
    )
    assert "custom" in message(azure, "cat /tmp/mark")
    stored = azure.json(
        *(*extension, "set", *OF_DEMO, "--publisher", "Contoso.Watch", "--name", "Watcher"),
        *("--version", "1.0", "--settings", '{"every": 5}', "--protected-settings", f"@{hidden}"),
    )
    assert (stored["settings"], stored["publisher"]) == ({"every": 5}, "Contoso.Watch")
    listed = azure.json(*extension, "list", *OF_DEMO)
    assert {"CustomScript", "Watcher"} <= {each["name"] for each in listed}
    assert "cormorant" not in json.dumps(listed)
    for name in ("CustomScript", "Watcher"):
        azure.json(*extension, "delete", *OF_DEMO, "--name", name)
    missing = azure.refused(*extension, "show", *OF_DEMO, "--name", "Watcher", code=3)
    assert missing.startswith("(ResourceNotFound)")


def test_a_vm_that_is_off_runs_nothing(azure: Clients) -> None:
    azure.json("vm", "stop", *DEMO, "--skip-shutdown")
    said = attempt(azure, "true")
    assert said.code == 1
    assert "(OperationNotAllowed)" in said.err or "(VmNotRunning)" in said.err, said
    azure.json("vm", "start", *DEMO)
