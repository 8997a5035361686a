"""Locks hold for everybody, at every scope, until somebody with the right removes them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from outofband.access import roles
from outofband.core import clock
from outofband.core.ids import parse_id
from tests.support.cloud import GROUP_ID, OTHER_SUBSCRIPTION, SCOPE, Cloud, Host, Person, vm_id

pytestmark = pytest.mark.anyio
LOCKS = "providers/Microsoft.Authorization/locks"
NSG = "providers/Microsoft.Network/networkSecurityGroups"
CONNECT = "providers/Microsoft.SerialConsole/serialPorts/0/connect"


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    """One for all tests of this file: each works in a group of its own."""
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture(scope="module")
async def host(cloud: Cloud) -> AsyncIterator[Host]:
    async with cloud.host() as linked:
        yield linked


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


async def group(cloud: Cloud, name: str) -> str:
    answer = await cloud.owner.ask("PUT", f"{SCOPE}/resourceGroups/{name}", {"location": "local"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def nsg(cloud: Cloud, where: str, name: str = "n") -> str:
    rid = f"{where}/{NSG}/{name}"
    answer = await cloud.owner.ask("PUT", rid, {"location": "local"})
    assert answer.status_code in (200, 201), answer.text
    return rid


async def lock(person: Person, scope: str, name: str, level: str, **more: Any) -> str:
    body = {"properties": {"level": level, **more}}
    answer = await person.ask("PUT", f"{scope}/{LOCKS}/{name}", body, version="2020-05-01")
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["id"])


async def test_a_lock_is_a_resource(cloud: Cloud) -> None:
    where = await group(cloud, "one")
    rid = f"{where}/{LOCKS}/Mine"
    body = {"properties": {"level": "cannotdelete", "notes": "n"}}
    made = await cloud.owner.ask("PUT", rid, body)
    assert made.status_code == 201
    assert made.json() == {
        "id": rid,
        "name": "Mine",
        "type": "Microsoft.Authorization/locks",
        "properties": {"level": "CanNotDelete", "notes": "n"},
    }
    changed = await cloud.owner.ask("PUT", rid.lower(), {"properties": {"level": "ReadOnly"}})
    assert (changed.status_code, changed.json()["id"]) == (200, rid)
    assert (await cloud.owner.get(rid)).json()["properties"] == {"level": "ReadOnly"}
    assert (await cloud.owner.ask("DELETE", rid)).status_code == 200
    assert (await cloud.owner.ask("DELETE", rid)).status_code == 204
    assert (await cloud.owner.get(rid)).status_code == 404
    for wrong in ({"level": "Some"}, {}, {"level": "ReadOnly", "notes": "x" * 513}):
        answer = await cloud.owner.ask("PUT", rid, {"properties": wrong})
        assert answer.status_code == 400, answer.text
    nowhere = await cloud.owner.ask("PUT", f"{where}/{NSG}/nope/{LOCKS}/x", body)
    assert (nowhere.status_code, code(nowhere)) == (404, "ResourceNotFound")


async def test_lists(cloud: Cloud) -> None:
    where = await group(cloud, "listed")
    inside = await nsg(cloud, where)
    ids = [
        await lock(cloud.owner, where, "g", "CanNotDelete"),
        await lock(cloud.owner, inside, "r", "ReadOnly"),
    ]

    async def listed(scope: str, **query: str) -> list[str]:
        found = (await cloud.owner.get(f"{scope}/{LOCKS}", **query)).json()["value"]
        return [each["id"] for each in found if each["id"].startswith(where)]

    assert await listed(SCOPE) == ids
    assert await listed(where) == ids
    assert await listed(where, **{"$filter": "atScope()"}) == ids[:1]
    assert await listed(inside) == ids[1:]
    page = await cloud.owner.get(f"{where}/{LOCKS}", **{"$top": "1"})
    rest = await cloud.owner.get(page.json()["nextLink"], version=None)
    assert [each["id"] for each in (*page.json()["value"], *rest.json()["value"])] == ids
    assert (
        code(await cloud.owner.get(f"{where}/{LOCKS}", **{"$filter": "level eq 'x'"})) == "InvalidParameter"
    )
    for each in ids:
        await cloud.owner.ask("DELETE", each)


@pytest.mark.parametrize("at", ["group", "resource"])
async def test_can_not_delete(cloud: Cloud, at: str) -> None:
    where = await group(cloud, f"keep-{at}")
    rid = await nsg(cloud, where)
    lid = await lock(cloud.owner, where if at == "group" else rid, "keep", "CanNotDelete")
    refused = await cloud.owner.ask("DELETE", rid)
    assert (refused.status_code, code(refused)) == (409, "ScopeLocked")
    assert refused.json()["error"]["message"] == (
        f"The scope '{rid}' cannot perform delete operation because following scope(s) are locked: "
        f"'{where if at == 'group' else rid}'. Please remove the lock and try again."
    )
    whole = await cloud.owner.ask("DELETE", where)
    assert (whole.status_code, code(whole)) == (409, "ScopeLocked"), "what is inside would go with it"
    assert (await cloud.owner.get(where)).json()["properties"]["provisioningState"] == "Succeeded"
    assert (await cloud.owner.ask("PUT", rid, {"location": "local", "tags": {"a": "b"}})).status_code == 200
    assert (await cloud.owner.ask("DELETE", lid)).status_code == 200
    assert (await cloud.owner.ask("DELETE", rid)).is_success
    assert (await cloud.owner.follow(await cloud.owner.ask("DELETE", where)))["status"] == "Succeeded"


async def test_read_only(cloud: Cloud) -> None:
    where = await group(cloud, "still")
    rid = await nsg(cloud, where)
    lid = await lock(cloud.owner, where, "still", "ReadOnly")
    for method, path, body in (
        ("PUT", rid, {"location": "local"}),
        ("PATCH", rid, {"tags": {"a": "b"}}),
        ("DELETE", rid, None),
        ("PUT", f"{where}/{NSG}/new", {"location": "local"}),
        ("PATCH", where, {"tags": {"a": "b"}}),
        ("PUT", f"{rid}/providers/Microsoft.Resources/tags/default", {"properties": {"tags": {}}}),
    ):
        answer = await cloud.owner.ask(method, path, body)
        assert (answer.status_code, code(answer)) == (409, "ScopeLocked"), (method, path)
    assert (await cloud.owner.get(rid)).status_code == 200
    assert (await cloud.owner.ask("DELETE", lid)).status_code == 200, "a lock does not lock itself in"


async def test_read_only_keeps_people_from_consoles_and_power(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("guarded")
    rid = vm_id("guarded")
    lid = await lock(cloud.owner, SCOPE, "freeze", "ReadOnly")
    for action in (CONNECT, "restart", "deallocate"):
        refused = await cloud.owner.ask("POST", f"{rid}/{action}")
        assert (refused.status_code, code(refused)) == (409, "ScopeLocked"), action
    assert "vm.restart" not in host.performed
    token = {"subscription": SCOPE.rpartition("/")[2], "resourceGroup": "Lab"}
    beside = await cloud.owner.ask("POST", "/fleet/tokens", token, version=None)
    assert (beside.status_code, code(beside)) == (409, "ScopeLocked")
    events = f"{SCOPE}/providers/Microsoft.Insights/eventtypes/management/values"
    told = (await cloud.owner.get(events, version="2015-04-01")).json()["value"]
    assert ("Microsoft.SerialConsole/serialPorts/connect/action", "ScopeLocked") in [
        (each["operationName"]["value"], each["subStatus"]["value"]) for each in told
    ]
    await cloud.owner.ask("DELETE", lid)
    opened = await cloud.owner.ask("POST", f"{rid}/{CONNECT}", version="2024-07-01")
    assert opened.status_code == 200, opened.text


async def test_a_delete_lock_leaves_consoles_open(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("kept")
    lid = await lock(cloud.owner, GROUP_ID, "kept", "CanNotDelete")
    opened = await cloud.owner.ask("POST", f"{vm_id('kept')}/{CONNECT}", version="2024-07-01")
    assert opened.status_code == 200, opened.text
    refused = await cloud.owner.ask("DELETE", vm_id("kept"))
    assert code(refused) == "ScopeLocked"
    assert "vm.delete" not in host.performed
    await cloud.owner.ask("DELETE", lid)


async def test_who_may_lock(cloud: Cloud) -> None:
    where = await group(cloud, "who")
    body = {"properties": {"level": "ReadOnly"}}
    contributor = await cloud.person("contributor", roles.CONTRIBUTOR)
    refused = await contributor.ask("PUT", f"{where}/{LOCKS}/l", body)
    assert code(refused) == "AuthorizationFailed"
    administrator = await cloud.person("access administrator", roles.USER_ACCESS_ADMINISTRATOR)
    lid = await lock(administrator, where, "l", "ReadOnly")
    assert (await contributor.get(lid)).status_code == 200
    assert code(await contributor.ask("DELETE", lid)) == "AuthorizationFailed"
    foreign = f"/subscriptions/{OTHER_SUBSCRIPTION}/{LOCKS}"
    assert code(await cloud.owner.get(foreign)) == "SubscriptionNotFound"
    assert code(await cloud.owner.ask("PUT", f"{foreign}/l", body)) == "SubscriptionNotFound"
    assert (await administrator.ask("DELETE", lid)).status_code == 200


async def test_the_lock_of_a_group_that_went_does_not_wait_for_the_next_one(cloud: Cloud) -> None:
    """It cannot be there when the group goes, unless it was made in the very moment."""
    where = await group(cloud, "again")
    async with cloud.store.write() as tx:
        await cloud.store.resources.update(
            tx, parse_id(where), now=clock.now(), provisioning_state="Deleting"
        )
    late = await cloud.owner.ask("PUT", f"{where}/{LOCKS}/late", {"properties": {"level": "ReadOnly"}})
    assert (late.status_code, code(late)) == (409, "Conflict")
