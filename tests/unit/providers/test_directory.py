"""Tenants, subscriptions, groups, roles, hosts and the activity log."""

import uuid
from typing import Any

import pytest

from outofband.access import roles
from outofband.core.errors import Fault
from tests.support.actors import HostKey
from tests.support.cloud import (
    GROUP_ID,
    OTHER_TENANT,
    SCOPE,
    SUBSCRIPTION,
    TENANT,
    VM_TYPE,
    Cloud,
    Host,
    Person,
    vm_id,
)
from tests.support.wait import until

pytestmark = pytest.mark.anyio
ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"
DEFINITIONS = "providers/Microsoft.Authorization/roleDefinitions"


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


def values(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["value"]
    return found


async def test_a_tenant_and_its_subscriptions(cloud: Cloud) -> None:
    (tenant,) = values(await cloud.owner.get("/tenants"))
    assert (tenant["id"], tenant["tenantId"]) == (f"/tenants/{TENANT}", TENANT)
    (mine,) = values(await cloud.owner.get("/subscriptions"))
    assert mine == (await cloud.owner.get(SCOPE.upper())).json()
    assert (mine["id"], mine["state"], mine["tenantId"]) == (SCOPE, "Enabled", TENANT)


async def test_subscriptions_are_shown_to_those_with_a_role_in_them(cloud: Cloud) -> None:
    nobody = await cloud.person("nobody")
    assert values(await nobody.get("/subscriptions")) == []
    assert code(await nobody.get(SCOPE)) == "AuthorizationFailed"
    operator = await cloud.person("operator", roles.VIRTUAL_MACHINE_CONTRIBUTOR, vm_id("demo"))
    assert [each["subscriptionId"] for each in values(await operator.get("/subscriptions"))] == [SUBSCRIPTION]
    assert (await operator.get(SCOPE)).status_code == 200
    stranger = await cloud.person("stranger", roles.OWNER, "/", tenant=OTHER_TENANT)
    assert [each["tenantId"] for each in values(await stranger.get("/subscriptions"))] == [OTHER_TENANT]
    assert [each["tenantId"] for each in values(await stranger.get("/tenants"))] == [OTHER_TENANT]


async def test_groups(cloud: Cloud) -> None:
    path = f"{SCOPE}/resourcegroups/New_1"
    made = await cloud.owner.ask("PUT", path, {"location": "West Europe", "tags": {"a": "b"}})
    assert made.status_code == 201
    assert made.json()["id"] == f"{SCOPE}/resourceGroups/New_1"
    assert made.json()["type"] == "Microsoft.Resources/resourceGroups"
    assert (made.json()["location"], made.json()["tags"]) == ("westeurope", {"a": "b"})
    again = await cloud.owner.ask("PUT", path.upper(), {"location": "westeurope"})
    assert (again.status_code, again.json()["name"], again.json()["tags"]) == (200, "New_1", {"a": "b"})
    moved = await cloud.owner.ask("PUT", path, {"location": "elsewhere"})
    assert code(moved) == "PropertyChangeNotAllowed"
    names = [each["name"] for each in values(await cloud.owner.get(f"{SCOPE}/resourceGroups"))]
    assert names == ["Lab", "New_1"]
    assert code(await cloud.owner.get(f"{SCOPE}/resourceGroups/nope")) == "ResourceGroupNotFound"
    assert code(await cloud.owner.ask("PUT", f"{SCOPE}/resourceGroups/dot.", {})) == "InvalidParameter"
    patched = await cloud.owner.ask("PATCH", path, {"tags": {}})
    assert patched.status_code == 200


async def test_a_group_goes_with_all_that_is_in_it(cloud: Cloud, host: Host) -> None:
    group = f"{SCOPE}/resourceGroups/Gone"
    await cloud.owner.ask("PUT", group, {"location": "local"})
    guest = {"properties": {"outofband": {"driver": "qemu", "image": "demo"}}}
    for name in ("one", "two"):
        made = await cloud.owner.ask("PUT", vm_id(name, "gone"), guest)
        assert (await cloud.owner.follow(made))["status"] == "Succeeded"
    reader = await cloud.person("reader", roles.READER, group)
    answer = await cloud.owner.ask("DELETE", group.lower())
    assert answer.status_code == 202
    assert (await cloud.owner.follow(answer))["status"] == "Succeeded"
    assert code(await cloud.owner.get(group)) == "ResourceGroupNotFound"
    assert host.performed.count("vm.delete") == 2
    assert values(await cloud.owner.get(f"{SCOPE}/{VM_TYPE}")) == []
    await cloud.owner.ask("PUT", group, {"location": "local"})
    assert code(await reader.get(group)) == "AuthorizationFailed"


async def test_a_group_goes_with_its_hosts(cloud: Cloud, host: Host) -> None:
    """And with what the hosts could do; a VM in the group goes from its host before that."""
    await cloud.owner.create_vm("inside")
    token, agent = await cloud.token(), host.peer.identity.agent
    assert (await cloud.owner.follow(await cloud.owner.ask("DELETE", GROUP_ID)))["status"] == "Succeeded"
    assert host.performed[-1] == "vm.delete"
    await until(lambda: not cloud.fleet.connected(agent))
    await host.peer.connect()
    assert host.peer.rejected is not None and host.peer.rejected.code == "AgentUnknown"
    with pytest.raises(Fault, match="EnrollmentTokenInvalid"):
        await cloud.fleet.enrol(HostKey().enrolment(token, "late"))
    async with cloud.store.read() as tx:
        assert await cloud.store.principals.get(tx, agent) is None


async def test_a_group_being_deleted_takes_nothing_new(cloud: Cloud, host: Host) -> None:
    group = f"{SCOPE}/resourceGroups/Gone"
    guest = {"properties": {"outofband": {"driver": "qemu", "image": "demo"}}}
    await cloud.owner.ask("PUT", group, {"location": "local"})
    await cloud.owner.follow(await cloud.owner.ask("PUT", vm_id("one", "Gone"), guest))
    host.deaf.add("vm.delete")
    answer = await cloud.owner.ask("DELETE", group)
    assert code(await cloud.owner.ask("PUT", vm_id("two", "Gone"), guest)) == "Conflict"
    host.deaf.clear()
    await host.peer.kill()
    await host.peer.connect()
    assert (await cloud.owner.follow(answer))["status"] == "Succeeded"


async def test_roles_are_azures(cloud: Cloud) -> None:
    every = values(await cloud.owner.get(f"{SCOPE}/{DEFINITIONS}", version="2022-05-01-preview"))
    assert {"Owner", "Contributor", "Reader", "Virtual Machine Contributor"} <= {
        each["properties"]["roleName"] for each in every
    }
    named = {"$filter": "roleName eq 'virtual machine contributor'"}
    (one,) = values(await cloud.owner.get(f"{SCOPE}/{DEFINITIONS}", **named))
    assert one["id"] == f"{SCOPE}/{DEFINITIONS}/{roles.VIRTUAL_MACHINE_CONTRIBUTOR}"
    assert one == (await cloud.owner.get(one["id"])).json()
    assert one["properties"]["permissions"][0]["actions"]
    odd = await cloud.owner.get(f"{SCOPE}/{DEFINITIONS}", **{"$filter": "roleName gt 'x'"})
    assert code(odd) == "InvalidParameter"


def assignment(person: str, role: str = roles.READER) -> dict[str, Any]:
    return {"properties": {"roleDefinitionId": f"{SCOPE}/{DEFINITIONS}/{role}", "principalId": person}}


async def test_assigning_and_taking_away_works_at_the_next_request(cloud: Cloud) -> None:
    reader = await cloud.person("reader")
    path = f"{GROUP_ID}/{ASSIGNMENTS}/{uuid.uuid4()}"
    assert code(await reader.get(GROUP_ID)) == "AuthorizationFailed"
    made = await cloud.owner.ask("PUT", path, assignment(reader.object_id), version="2022-04-01")
    assert made.status_code == 201
    assert made.json()["properties"]["principalId"] == reader.object_id
    assert made.json()["properties"]["scope"] == GROUP_ID
    assert (await cloud.owner.ask("PUT", path, assignment(reader.object_id))).status_code == 201
    assert (await reader.get(GROUP_ID)).status_code == 200
    twice = await cloud.owner.ask(
        "PUT", f"{GROUP_ID}/{ASSIGNMENTS}/{uuid.uuid4()}", assignment(reader.object_id)
    )
    assert (twice.status_code, code(twice)) == (409, "RoleAssignmentExists")
    gone = await cloud.owner.ask("DELETE", path)
    assert (gone.status_code, gone.json()["name"]) == (200, path.rpartition("/")[2])
    assert code(await reader.get(GROUP_ID)) == "AuthorizationFailed"
    assert (await cloud.owner.ask("DELETE", path)).status_code == 204


async def test_who_may_not_assign(cloud: Cloud) -> None:
    contributor = await cloud.person("contributor", roles.CONTRIBUTOR)
    path = f"{SCOPE}/{ASSIGNMENTS}/{uuid.uuid4()}"
    refused = await contributor.ask("PUT", path, assignment(contributor.object_id, roles.OWNER))
    assert (refused.status_code, code(refused)) == (403, "AuthorizationFailed")
    for scope in ("", "/"):
        above = f"{scope.rstrip('/')}/{ASSIGNMENTS}/{uuid.uuid4()}"
        denied = await cloud.owner.ask("PUT", above, assignment(cloud.owner.object_id, roles.OWNER))
        assert code(denied) == "AuthorizationFailed", "an owner of a subscription is none of the tenant"


async def test_assignments_that_cannot_be(cloud: Cloud) -> None:
    stranger = await cloud.person("stranger", tenant=OTHER_TENANT)
    path = f"{SCOPE}/{ASSIGNMENTS}"
    guid = str(uuid.uuid4())
    foreign = await cloud.owner.ask("PUT", f"{path}/{guid}", assignment(stranger.object_id))
    unknown = await cloud.owner.ask("PUT", f"{path}/{guid}", assignment(str(uuid.uuid4())))
    assert code(foreign) == code(unknown) == "PrincipalNotFound"
    body = assignment(cloud.owner.object_id, str(uuid.uuid4()))
    assert code(await cloud.owner.ask("PUT", f"{path}/{guid}", body)) == "RoleDefinitionDoesNotExist"
    body = assignment(cloud.owner.object_id)
    assert code(await cloud.owner.ask("PUT", f"{path}/not-a-guid", body)) == "InvalidParameter"
    body["properties"]["condition"] = "true"
    refused = code(await cloud.owner.ask("PUT", f"{path}/{guid}", body))
    assert refused == "RoleAssignmentConditionNotSupported"
    assert code(await cloud.owner.ask("PUT", f"{path}/{guid}", {})) == "InvalidRequestContent"


async def test_the_list_of_assignments_around_a_scope(cloud: Cloud) -> None:
    above = await cloud.person("above", roles.READER, "/")
    here = await cloud.person("here", roles.READER, GROUP_ID)
    below = await cloud.person("below", roles.READER, vm_id("demo"))
    await cloud.person("aside", roles.READER, f"{SCOPE}/resourceGroups/other")
    await cloud.person("stranger", roles.OWNER, "/", tenant=OTHER_TENANT)

    async def listed(**query: str) -> set[str]:
        answer = await cloud.owner.get(f"{GROUP_ID}/{ASSIGNMENTS}", version="2022-04-01", **query)
        return {each["properties"]["principalId"] for each in values(answer)}

    owner = cloud.owner.object_id
    assert await listed() == {owner, above.object_id, here.object_id, below.object_id}
    assert await listed(**{"$filter": "atScope()"}) == {owner, above.object_id, here.object_id}
    assert await listed(**{"$filter": f"principalId eq '{here.object_id}'"}) == {here.object_id}
    assert await listed(**{"$filter": f"atScope() and assignedTo('{below.object_id}')"}) == set()
    page = await cloud.owner.get(f"{GROUP_ID}/{ASSIGNMENTS}", **{"$top": "2"})
    rest = await cloud.owner.get(page.json()["nextLink"], version=None)
    assert len(values(page)) == len(values(rest)) == 2


async def test_the_assignments_of_everything_end_at_the_tenants_wall(cloud: Cloud) -> None:
    mine = await cloud.person("mine", roles.OWNER, "/")
    stranger = await cloud.person("stranger", roles.OWNER, "/", tenant=OTHER_TENANT)

    async def listed(person: Person) -> set[str]:
        answer = await person.get(f"/{ASSIGNMENTS}", version="2022-04-01")
        return {each["properties"]["principalId"] for each in values(answer)}

    assert await listed(mine) == {cloud.owner.object_id, mine.object_id}
    assert await listed(stranger) == {stranger.object_id}


async def test_hosts_are_machines(cloud: Cloud, host: Host) -> None:
    path = f"{GROUP_ID}/providers/Microsoft.HybridCompute/machines"
    (machine,) = values(await cloud.owner.get(path, version="2024-07-10"))
    assert machine == (await cloud.owner.get(f"{path.lower()}/H1", version="2024-07-10")).json()
    properties = machine["properties"]
    assert (machine["name"], properties["status"]) == ("h1", "Connected")
    assert properties["detectedProperties"]["accelerator"] == "tcg"
    assert properties["detectedProperties"]["probe"] == "test"
    assert properties["outofband"]["images"] == ["demo"]
    health = f"{path}/h1/providers/Microsoft.ResourceHealth/availabilityStatuses/current"
    async with cloud.store.write():
        # The row that tells of the link's end waits for this writer.
        await host.peer.kill()
        await until(lambda: not cloud.fleet.connected(host.peer.identity.agent))
        gone = (await cloud.owner.get(f"{path}/h1")).json()
        assert gone["properties"]["status"] == "Disconnected"
        state = (await cloud.owner.get(health, version="2025-05-01")).json()
        assert state["properties"]["availabilityState"] == "Unavailable"
    assert code(await cloud.owner.get(f"{path}/nope")) == "ResourceNotFound"
    nobody = await cloud.person("nobody")
    assert code(await nobody.get(path)) == "AuthorizationFailed"


async def test_the_activity_log(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    stop = await cloud.owner.ask(
        "POST", f"{vm_id('demo')}/powerOff", headers={"x-ms-correlation-request-id": "corr-7"}
    )
    await cloud.owner.follow(stop)
    reader = await cloud.person("reader", roles.READER)
    await reader.ask("POST", f"{vm_id('demo')}/start")
    port = f"{vm_id('demo')}/providers/Microsoft.SerialConsole/serialPorts/0"
    await cloud.owner.ask("POST", f"{port}/connect")
    path = f"{SCOPE}/providers/Microsoft.Insights/eventtypes/management/values"

    async def events(text: str) -> list[dict[str, Any]]:
        answer = await reader.get(path, version="2015-04-01", **{"$filter": text})
        return values(answer)

    since = "eventTimestamp ge '2020-01-01T00:00:00Z' and eventTimestamp le '2099-01-01T00:00:00.123Z'"
    every = await events(f"{since} and resourceGroupName eq 'LAB'")
    told = [(each["operationName"]["value"], each["status"]["value"]) for each in reversed(every)]
    assert told == [
        ("Microsoft.HybridCompute/machines/write", "Started"),
        ("Microsoft.HybridCompute/machines/write", "Succeeded"),
        ("Microsoft.Compute/virtualMachines/write", "Accepted"),
        ("Microsoft.Compute/virtualMachines/write", "Succeeded"),
        ("Microsoft.Compute/virtualMachines/powerOff/action", "Accepted"),
        ("Microsoft.Compute/virtualMachines/powerOff/action", "Succeeded"),
        ("Microsoft.Compute/virtualMachines/start/action", "Failed"),
        ("Microsoft.SerialConsole/serialPorts/connect/action", "Started"),
        ("Microsoft.SerialConsole/serialPorts/connect/action", "Failed"),
    ]
    refused = every[2]
    assert (refused["caller"], refused["subStatus"]["value"]) == ("reader", "AuthorizationFailed")
    assert refused["claims"] == {"oid": reader.object_id, "appid": reader.app_id}
    assert refused["httpRequest"]["clientIpAddress"] == "127.0.0.1"
    assert every[0]["subStatus"]["value"] == "VmNotRunning"
    assert every[0]["authorization"]["scope"] == port
    one = await events(f"{since} and correlationId eq 'corr-7'")
    assert [each["status"]["value"] for each in one] == ["Succeeded", "Accepted"]
    assert await events(f"eventTimestamp ge '2099-01-01' and resourceUri eq '{vm_id('demo')}'") == []
    assert len(await events(f"resourceUri eq '{vm_id('DEMO')}'")) == 7, "its port's rows are its own"
    for wrong in ("eventTimestamp ge 'x'", "nope eq 'x'", "a or b", "("):
        answer = await reader.get(path, version="2015-04-01", **{"$filter": wrong})
        assert code(answer) == "InvalidParameter"
    nobody = await cloud.person("nobody")
    assert code(await nobody.get(path)) == "AuthorizationFailed"


async def test_the_tenants_own_log_has_what_belongs_to_no_subscription_and_ends_at_its_wall(
    cloud: Cloud, host: Host
) -> None:
    path = "/providers/Microsoft.Insights/eventtypes/management/values"
    chief = await cloud.person("chief", roles.OWNER, "/")
    stranger = await cloud.person("stranger", roles.OWNER, "/", tenant=OTHER_TENANT)
    for person, name in ((chief, "ada"), (stranger, "eve")):
        user = {"displayName": name, "userPrincipalName": name, "passwordProfile": {}}
        made = await person.ask("POST", "/v1.0/users", user, version=None)
        assert made.status_code == 201, made.text
    await cloud.owner.create_vm("demo")
    for person in (chief, stranger):
        events = values(await person.get(path, version="2015-04-01"))
        assert [each["caller"] for each in events] == ["chief" if person is chief else "stranger"]
        assert {each["subscriptionId"] for each in events} == {None}
    reader = await cloud.person("reader", roles.READER)
    assert code(await reader.get(path, version="2015-04-01")) == "AuthorizationFailed"
