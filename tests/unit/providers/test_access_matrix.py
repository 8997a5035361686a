"""Every role on every scope against requests of every kind, through the real doors, beside the plain model.

A request that is let in fails for another reason (nothing of that name, a body that cannot be), so that the
matrix changes nothing; and that nothing changed is looked at in the end.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from outofband.access.role import Permission, Role
from outofband.access.roles import BUILT_IN
from outofband.consoles.rights import CONNECT, OBSERVE, TYPE
from outofband.core import clock
from outofband.core.ids import ResourceId
from outofband.store import tables
from outofband.store.assignments import Assignment
from outofband.store.operations import Operation
from outofband.store.resources import Resource
from outofband.store.role_definitions import RoleDefinition
from outofband.store.tx import columns
from tests.property.test_access_model import above, permits
from tests.support.cloud import (
    GROUP_ID,
    OTHER_SUBSCRIPTION,
    OTHER_TENANT,
    SCOPE,
    TENANT,
    VM_TYPE,
    Cloud,
    Person,
)

pytestmark = pytest.mark.anyio
ELSEWHERE = f"{SCOPE}/resourceGroups/Lab2"
VM = f"{GROUP_ID}/{VM_TYPE}/web1"
NEIGHBOUR = f"{GROUP_ID}/{VM_TYPE}/web11"
FAR = f"{ELSEWHERE}/{VM_TYPE}/web1"
OVERS = ("/", SCOPE, GROUP_ID, VM)
AUTHORIZATION = "providers/Microsoft.Authorization"
MIXED = str(uuid.uuid4())
DATA_ONLY = str(uuid.uuid4())
CUSTOM = {
    MIXED: (
        Permission(actions=("Microsoft.Compute/*",), not_actions=("*/delete", "*/Write")),
        Permission(actions=("Microsoft.Authorization/locks/*",)),
    ),
    DATA_ONLY: (Permission(data_actions=("*",)),),
}


class Deed(msgspec.Struct, frozen=True):
    """A request, the action it needs and where."""

    method: str
    path: str
    action: str
    scope: str
    body: Any = None
    also: tuple[str, ...] = ()
    """Narrower actions, each of which suffices."""


def of_vm(vm: str) -> list[Deed]:
    compute = "Microsoft.Compute/virtualMachines"
    port = f"{vm}/providers/Microsoft.SerialConsole/serialPorts/0"
    assignment, definition = f"{vm}/{AUTHORIZATION}/roleAssignments", f"{vm}/{AUTHORIZATION}/roleDefinitions"
    broken = {"properties": "none"}
    return [
        Deed("GET", vm, f"{compute}/read", vm),
        Deed("PUT", vm, f"{compute}/write", vm, broken),
        Deed("DELETE", vm, f"{compute}/delete", vm),
        Deed("POST", f"{vm}/start", f"{compute}/start/action", vm),
        Deed("POST", f"{port}/connect", CONNECT, port, also=(TYPE, OBSERVE)),
        Deed(
            "PUT",
            f"{assignment}/x",
            "Microsoft.Authorization/roleAssignments/write",
            f"{assignment}/x",
            broken,
        ),
        Deed(
            "PUT",
            f"{definition}/x",
            "Microsoft.Authorization/roleDefinitions/write",
            f"{definition}/x",
            broken,
        ),
    ]


def of_group(group: str) -> list[Deed]:
    accounts = f"{group}/providers/Microsoft.Storage/storageAccounts/none"
    firewall = f"{group}/providers/Microsoft.Network/networkSecurityGroups/none"
    lock = f"{group}/{AUTHORIZATION}/locks/none"
    keys = "Microsoft.Storage/storageAccounts/listKeys/action"
    return [
        Deed("GET", group, "Microsoft.Resources/subscriptions/resourceGroups/read", group),
        Deed("PUT", group, "Microsoft.Resources/subscriptions/resourceGroups/write", group, {"tags": "none"}),
        Deed("POST", f"{accounts}/listKeys", keys, accounts),
        Deed("GET", firewall, "Microsoft.Network/networkSecurityGroups/read", firewall),
        Deed("DELETE", firewall, "Microsoft.Network/networkSecurityGroups/delete", firewall),
        Deed("DELETE", lock, "Microsoft.Authorization/locks/delete", lock),
    ]


KEPT: list[tuple[type[msgspec.Struct], sa.Table]] = [
    (Assignment, tables.role_assignments),
    (RoleDefinition, tables.role_definitions),
    (Resource, tables.resources),
    (Operation, tables.operations),
]
DEEDS = [
    *of_vm(VM),
    *of_vm(NEIGHBOUR)[:2],
    *of_vm(FAR)[3:5],
    *of_group(GROUP_ID),
    *of_group(ELSEWHERE)[:2],
]


def may(role: Role, over: str, deed: Deed) -> bool:
    words = [
        {
            "actions": each.actions,
            "notActions": each.not_actions,
            "dataActions": each.data_actions,
            "notDataActions": each.not_data_actions,
        }
        for each in role.permissions
    ]
    enough = (deed.action, *deed.also)
    return above(over, deed.scope) and any(
        permits(each, action, False) for each in words for action in enough
    )


@pytest.fixture
async def known(cloud: Cloud) -> dict[str, Role]:
    """Every role of the matrix; the custom ones are the tenant's from now on."""
    async with cloud.store.write() as tx:
        there = ResourceId(subscription=SCOPE.split("/")[2], group="Lab2")
        await cloud.store.resources.put(tx, there, now=clock.now(), by="test", location="local")
        for tenant, scope in ((TENANT, SCOPE), (OTHER_TENANT, f"/subscriptions/{OTHER_SUBSCRIPTION}")):
            for number, permissions in CUSTOM.items():
                definition = RoleDefinition(
                    tenant_id=tenant,
                    id=number,
                    name=f"custom {number}",
                    description="",
                    permissions=msgspec.to_builtins(permissions),
                    assignable_scopes=[scope],
                    created=clock.now(),
                    created_by="test",
                    changed=clock.now(),
                    changed_by="test",
                )
                await cloud.store.role_definitions.put(tx, definition)
    custom = {
        number: Role(id=number, name=number, description="", permissions=each)
        for number, each in CUSTOM.items()
    }
    return {**BUILT_IN, **custom}


async def picture(cloud: Cloud) -> list[Any]:
    """All that a deed could have changed."""
    seen: list[Any] = []
    async with cloud.store.read() as tx:
        for kind, table in KEPT:
            seen.append(sorted(map(repr, await tx.rows(kind, columns(table, kind)))))
    return seen


async def refused(person: Person, deed: Deed) -> bool:
    answer = await person.ask(deed.method, deed.path, deed.body)
    assert answer.status_code < 500, (deed, answer.text)
    body = answer.json() if answer.content else {}
    return bool(body.get("error", {}).get("code") == "AuthorizationFailed")


async def test_every_role_on_every_scope_may_do_what_the_model_says(
    cloud: Cloud, known: dict[str, Role]
) -> None:
    people = [
        (role, over, await cloud.person("somebody", role.id, over))
        for role in known.values()
        for over in OVERS
    ]
    before = await picture(cloud)
    let_in = 0
    for role, over, person in people:
        for deed in DEEDS:
            wanted = may(role, over, deed)
            assert await refused(person, deed) is not wanted, (role.name, over, deed)
            let_in += wanted
    assert 0 < let_in < len(people) * len(DEEDS)
    assert await picture(cloud) == before


async def test_no_role_of_another_tenant_reaches_in(cloud: Cloud, known: dict[str, Role]) -> None:
    """Neither over the whole of its own tenant, nor by an assignment that names a scope of this one."""
    mine = {cloud.owner.object_id, SCOPE.split("/")[2], "Lab2"}
    strangers = [
        (role, over, await cloud.person("stranger", role.id, over, tenant=OTHER_TENANT))
        for role in known.values()
        for over in ("/", SCOPE, VM)
    ]
    before = await picture(cloud)
    for role, over, person in strangers:
        for deed in (*of_vm(VM)[:1], *of_vm(VM)[5:], of_group(GROUP_ID)[2]):
            answer = await person.ask(deed.method, deed.path, deed.body)
            refusal = (answer.status_code, answer.json()["error"]["code"])
            assert refusal == (404, "SubscriptionNotFound"), (role.name, over, deed, answer.text)
        for path in (
            "/subscriptions",
            f"/{AUTHORIZATION}/roleAssignments",
            f"/{AUTHORIZATION}/roleDefinitions",
            "/providers/Microsoft.Insights/eventtypes/management/values",
            "/tenants",
        ):
            answer = await person.get(path, version="2022-04-01")
            # The strangers' own assignments, which nobody could have made by a door, say where they stand.
            secret = mine - ({SCOPE.split("/")[2]} if path.endswith("roleAssignments") else set())
            assert not any(each in answer.text for each in secret), (role.name, over, path, answer.text)
    assert await picture(cloud) == before
