"""az on roles, assignments and the activity log: who may do what, who is refused, and who did what."""

from __future__ import annotations

import json

from tests.peers.az import Clients
from tests.peers.house import House, until
from tests.peers.people import Person

DEMO = ("--resource-group", "demo", "--name", "demo")


def assigned(person: Person, role: str, scope: str) -> tuple[str, ...]:
    return ("--assignee-object-id", person.object_id, "--role", role, "--scope", scope)


def test_built_in_roles_are_azures(azure: Clients) -> None:
    (found,) = azure.json("role", "definition", "list", "--name", "Virtual Machine Contributor")
    assert found["name"] == "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"
    assert (found["roleType"], found["assignableScopes"]) == ("BuiltInRole", ["/"])
    (permission,) = found["permissions"]
    assert "Microsoft.SerialConsole/serialPorts/connect/action" in permission["actions"]
    names = {each["roleName"] for each in azure.json("role", "definition", "list")}
    assert {"Owner", "Contributor", "Reader", "User Access Administrator"} <= names


def test_a_role_given_and_taken_counts_at_once(
    azure: Clients, reader: Clients, people: dict[str, Person], subscription: str
) -> None:
    scope = f"{subscription}/resourceGroups/demo"
    told = reader.refused("vm", "start", *DEMO)
    assert told.startswith("(AuthorizationFailed) The client '")
    machine = f"{scope}/providers/Microsoft.Compute/virtualMachines/demo"
    assert f"perform action 'Microsoft.Compute/virtualMachines/start/action' over scope '{machine}'" in told
    assert f"with object id '{people['reader'].object_id}'" in told
    assert "If access was recently granted, please refresh your credentials." in told
    words = assigned(people["reader"], "Virtual Machine Contributor", scope)
    kind = ("--assignee-principal-type", "ServicePrincipal")
    made = azure.json("role", "assignment", "create", *words, *kind)
    assert (made["scope"], made["principalId"]) == (scope, people["reader"].object_id)
    assert made["principalType"] == "ServicePrincipal"
    reader.json("vm", "start", *DEMO)
    listed = azure.json("role", "assignment", "list", "--scope", scope)
    assert [each["roleDefinitionName"] for each in listed] == ["Virtual Machine Contributor"]
    everything = azure.json("role", "assignment", "list", "--all")
    assert made["id"] in [each["id"] for each in everything]
    again = azure.json("role", "assignment", "create", *words, *kind)
    assert again["id"] == made["id"], "az answers a second time with what there is"
    azure.json("role", "assignment", "delete", "--ids", made["id"])
    assert "(AuthorizationFailed)" in reader.refused("vm", "start", *DEMO)


def test_who_may_not_give_roles_gives_none(
    reader: Clients, people: dict[str, Person], subscription: str
) -> None:
    words = assigned(people["newcomer"], "Owner", subscription)
    told = reader.refused(
        "role", "assignment", "create", *words, "--assignee-principal-type", "ServicePrincipal"
    )
    assert "'Microsoft.Authorization/roleAssignments/write'" in told


def test_nobody_gets_a_role_who_is_not_there(azure: Clients, subscription: str) -> None:
    nobody = "00000000-0000-4000-8000-000000000001"
    told = azure.refused(
        *("role", "assignment", "create", "--assignee-object-id", nobody, "--role", "Reader"),
        *("--assignee-principal-type", "ServicePrincipal", "--scope", subscription),
    )
    assert told.startswith(f"(PrincipalNotFound) Principal {nobody} does not exist in the directory")


def test_a_role_of_ones_own(
    azure: Clients, reader: Clients, people: dict[str, Person], subscription: str
) -> None:
    role = {
        "Name": "Restarter",
        "Description": "Restarts and no more.",
        "Actions": ["Microsoft.Compute/virtualMachines/re*/action"],
        "NotActions": ["Microsoft.Compute/virtualMachines/redeploy/action"],
        "AssignableScopes": [subscription],
    }
    file = azure.root / "role.json"
    file.write_text(json.dumps(role))
    made = azure.json("role", "definition", "create", "--role-definition", f"@{file}")
    assert (made["roleName"], made["roleType"]) == ("Restarter", "CustomRole")
    custom = azure.json("role", "definition", "list", "--custom-role-only")
    assert [each["roleName"] for each in custom] == ["Restarter"]
    kind = ("--assignee-principal-type", "ServicePrincipal")
    words = assigned(people["reader"], "Restarter", subscription)
    given = azure.json("role", "assignment", "create", *words, *kind)
    reader.json("vm", "reapply", *DEMO)
    told = reader.refused("vm", "redeploy", *DEMO)
    assert "'Microsoft.Compute/virtualMachines/redeploy/action'" in told
    in_use = azure.refused("role", "definition", "delete", "--name", "Restarter")
    assert "assignments" in in_use
    azure.json("role", "assignment", "delete", "--ids", given["id"])
    azure.json("role", "definition", "delete", "--name", "Restarter")
    assert azure.json("role", "definition", "list", "--custom-role-only") == []


def test_the_activity_log_tells_who_did_what(azure: Clients, house: House, subscription: str) -> None:
    azure.json("vm", "reapply", *DEMO)
    words = ("monitor", "activity-log", "list", "--resource-group", "demo", "--offset", "1h")
    action = "Microsoft.Compute/virtualMachines/reapply/action"

    def reapplied() -> list[dict[str, object]]:
        return [each for each in azure.json(*words) if each["operationName"]["value"] == action]

    found = until("the reapply is in the log", reapplied)
    assert {each["resourceId"] for each in found} == {
        f"{subscription}/resourceGroups/demo/providers/Microsoft.Compute/virtualMachines/demo"
    }
    assert "Succeeded" in {each["status"]["value"] for each in found}  # type: ignore[index]
    assert house.profile()["clientId"] in json.dumps(found)
    assert (
        azure.json("monitor", "activity-log", "list", "--resource-group", "nowhere", "--offset", "1h") == []
    )
