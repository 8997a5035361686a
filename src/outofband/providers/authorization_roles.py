"""Microsoft.Authorization/roleDefinitions: Azure's built-in roles, and those a tenant makes for itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from outofband.access.authorizer import Authorizer, Rights
from outofband.access.custom_roles import role_of
from outofband.access.decision import covers
from outofband.access.role import Permission, Role
from outofband.access.roles import BUILT_IN, named
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.providers.authorization import (
    EVERYWHERE,
    NAMESPACE,
    SINCE,
    VERSION,
    guid,
    scope_of,
    unsupported,
)
from outofband.providers.permissions import shape
from outofband.resources.declaration import Delete, Draft, Item, Page, Put, ResourceType, Written
from outofband.resources.exchange import Call
from outofband.store.assignments import scope_key
from outofband.store.role_definitions import RoleDefinition
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.arm.filters import Condition, parse

MAX_NAME = 512
MAX_DESCRIPTION = 2048
MAX_ACTIONS = 2000
MAX_ACTION = 500
MAX_SCOPES = 500
_TYPE = f"{NAMESPACE}/roleDefinitions"
_READ, _WRITE, _DELETE = f"{_TYPE}/read", f"{_TYPE}/write", f"{_TYPE}/delete"
_ASSIGN = f"{NAMESPACE}/roleAssignments/write"
_ACTION = re.compile(r"^(?:\*|[A-Za-z0-9*][A-Za-z0-9_.*-]*(?:/[A-Za-z0-9_.$*-]+)+)$")
_NEW_ROLE = {
    "properties": {
        "roleName": "Console Operator",
        "description": "Opens serial consoles.",
        "type": "CustomRole",
        "permissions": [
            {"actions": ["Microsoft.SerialConsole/serialPorts/connect/action", "Microsoft.Compute/*/read"]}
        ],
        "assignableScopes": ["/subscriptions/00000000-0000-0000-0000-000000000000"],
    }
}


class GivenPermission(msgspec.Struct, kw_only=True, rename="camel"):
    actions: list[str] = []
    not_actions: list[str] = []
    data_actions: list[str] = []
    not_data_actions: list[str] = []
    condition: str | None = None


class RoleDefinitionProperties(msgspec.Struct, kw_only=True, rename="camel"):
    role_name: str
    description: str | None = None
    type: str | None = None
    permissions: list[GivenPermission]
    assignable_scopes: list[str]


class RoleDefinitions:
    """A custom role is the tenant's. It is seen and given where it may be assigned, and changed by whoever
    may change roles on every scope of it.
    """

    def __init__(self, store: Store, authorizer: Authorizer) -> None:
        self._store = store
        self._authorizer = authorizer

    def declare(self) -> ResourceType:
        return ResourceType(
            name=_TYPE,
            about="a role definition",
            many="role definitions",
            since=SINCE,
            version=VERSION,
            source=self,
            places=EVERYWHERE,
            lists=EVERYWHERE,
            put=Put(
                plan=self._put, properties=RoleDefinitionProperties, updated_status=201, example=_NEW_ROLE
            ),
            delete=Delete(plan=self._delete),
            also_read=(_READ,),
            filters="`roleName eq 'Reader'`, `type eq 'BuiltInRole'` (or `CustomRole`), `atScopeAndBelow()`",
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        scope, wanted = scope_of(rid), rid.name.lower()
        if wanted in BUILT_IN:
            return _item(BUILT_IN[wanted], scope)
        found = await self._store.role_definitions.get(tx, call.principal.tenant, wanted)
        if found is None or not _reaches(found.assignable_scopes, scope, below=True):
            return None
        return _item(role_of(found), scope, found)

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        conditions = parse(call.request.parameter("$filter"))
        below = any(each.name == "atscopeandbelow" for each in conditions)
        custom = await self._store.role_definitions.of_tenant(tx, call.principal.tenant)
        items = [_item(role, call.rid) for role in BUILT_IN.values() if _fits(role, conditions)]
        items += [
            _item(role, call.rid, each)
            for each in custom
            if _reaches(each.assignable_scopes, call.rid, below=below)
            and _fits(role := role_of(each), conditions)
        ]
        rest = sorted((each for each in items if after is None or each.rid.name > after), key=_name)
        return Page(items=rest[:limit], after=rest[limit - 1].rid.name if len(rest) > limit else None)

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        wanted: RoleDefinitionProperties = draft.properties
        tenant, role = call.principal.tenant, guid(call.rid.name)
        if role in BUILT_IN:
            raise Fault("RoleDefinitionUpdateNotPermitted", role=BUILT_IN[role].name)
        name, scopes = _checked_name(wanted), [str(_scope(each)) for each in wanted.assignable_scopes]
        permissions = _permissions(wanted.permissions)
        if not 0 < len(scopes) <= MAX_SCOPES:
            detail = f"there are 1 to {MAX_SCOPES}"
            raise Fault("InvalidParameter", target="assignableScopes", detail=detail)
        old = await self._store.role_definitions.get(tx, tenant, role)
        rights = await self._authorizer.rights(call.principal, tx)
        for scope in (*scopes, *(old.assignable_scopes if old is not None else ())):
            await self._require(tx, rights, _WRITE, call.rid, scope)
        if old is not None:
            await self._check_given(tx, rights, old, permissions, scopes)
        definition = RoleDefinition(
            tenant_id=tenant,
            id=role,
            name=name,
            description=wanted.description or "",
            permissions=permissions,
            assignable_scopes=scopes,
            created=old.created if old is not None else call.now,
            created_by=old.created_by if old is not None else call.principal.object_id,
            changed=call.now,
            changed_by=call.principal.object_id,
        )
        await self._store.role_definitions.put(tx, definition)
        item = _item(role_of(definition), scope_of(call.rid), definition)
        return Written(item=item, created=old is None)

    async def _check_given(
        self, tx: Tx, rights: Rights, old: RoleDefinition, permissions: Sequence[Any], scopes: Sequence[str]
    ) -> None:
        """To change what a role allows is to give that to everybody who has it: who may not give roles there
        may not do so by this way either. A scope with assignments cannot be taken from the role.
        """
        for each in await self._store.assignments.of_role(tx, old.tenant_id, old.id):
            if not any(covers(scope_key(scope), each.scope_key) for scope in scopes):
                raise Fault("RoleDefinitionHasAssignments", role=old.name)
            if permissions != old.permissions:
                rights.require(_ASSIGN, each.scope)

    async def _require(self, tx: Tx, rights: Rights, action: str, rid: ResourceId, scope: str) -> None:
        """Raises Fault LinkedAuthorizationFailed, the same for another tenant's and for what is nowhere."""
        subscription = parse_id(scope).subscription or ""
        found = await self._store.directory.subscription(tx, subscription)
        principal = rights.principal
        if found is None or found.tenant_id != principal.tenant or not rights.allow(action, scope):
            raise rights.refused_linked(action, scope, action=action, scope=rid)

    async def _delete(self, call: Call, tx: Tx, there: Item) -> Any:
        found: RoleDefinition | None = there.row
        if found is None:
            raise Fault("RoleDefinitionUpdateNotPermitted", role=there.body["properties"]["roleName"])
        rights = await self._authorizer.rights(call.principal, tx)
        for scope in found.assignable_scopes:
            await self._require(tx, rights, _DELETE, call.rid, scope)
        if await self._store.assignments.of_role(tx, found.tenant_id, found.id):
            raise Fault("RoleDefinitionHasAssignments", role=found.name)
        await self._store.role_definitions.remove(tx, found.tenant_id, found.id)


def _checked_name(wanted: RoleDefinitionProperties) -> str:
    name = wanted.role_name.strip()
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        detail = f"it has 1 to {MAX_NAME} printable characters"
        raise Fault("InvalidParameter", target="roleName", detail=detail)
    if named(name) is not None:
        raise Fault("RoleDefinitionWithSameNameExists", name=name)
    if wanted.type is not None and wanted.type.lower() != "customrole":
        raise Fault("InvalidParameter", target="type", detail="it is CustomRole")
    if len(wanted.description or "") > MAX_DESCRIPTION:
        detail = f"it has at most {MAX_DESCRIPTION} characters"
        raise Fault("InvalidParameter", target="description", detail=detail)
    return name


def _scope(given: str) -> ResourceId:
    """Raises Fault AssignableScopeNotUnderSubscriptionScope: only built-in roles reach the whole tenant."""
    rid = parse_id(given)
    if rid.subscription is None:
        raise Fault("AssignableScopeNotUnderSubscriptionScope", scope=given)
    return rid


def _permissions(given: list[GivenPermission]) -> list[dict[str, Any]]:
    if not given:
        raise Fault("InvalidParameter", target="permissions", detail="there is at least one")
    count = 0
    for each in given:
        if each.condition is not None:
            raise Fault("RoleAssignmentConditionNotSupported")
        for action in (*each.actions, *each.not_actions, *each.data_actions, *each.not_data_actions):
            if len(action) > MAX_ACTION or not _ACTION.fullmatch(action):
                raise Fault("InvalidActionOrNotAction", action=action[:80])
            count += 1
    if count > MAX_ACTIONS:
        raise Fault(
            "InvalidParameter", target="permissions", detail=f"they have {MAX_ACTIONS} actions at most"
        )
    return [
        shape(
            Permission(
                actions=tuple(each.actions),
                not_actions=tuple(each.not_actions),
                data_actions=tuple(each.data_actions),
                not_data_actions=tuple(each.not_data_actions),
            )
        )
        for each in given
    ]


def _reaches(scopes: Iterable[str], scope: ResourceId, *, below: bool) -> bool:
    """Whether a role of these assignable scopes can be given on `scope`, or `below` on anything inside it."""
    keys = [scope_key(each) for each in scopes]
    return any(covers(key, scope.key) or (below and covers(scope.key, key)) for key in keys)


def _fits(role: Role, conditions: list[Condition]) -> bool:
    return all(_meets(role, each) for each in conditions)


def _meets(role: Role, condition: Condition) -> bool:
    match condition.name, condition.operator:
        case "rolename", "eq":
            return role.name.lower() == condition.value.lower()
        case "type", "eq":
            return condition.value.lower() == _kind(role).lower()
        case (("atscope" | "atscopeandbelow"), "call"):
            return True
    raise unsupported(condition)


def _kind(role: Role) -> str:
    return "CustomRole" if role.custom else "BuiltInRole"


def _name(item: Item) -> str:
    return item.rid.name


def _item(role: Role, scope: ResourceId, definition: RoleDefinition | None = None) -> Item:
    above = f"/subscriptions/{scope.subscription}" if scope.subscription else ""
    properties: dict[str, Any] = {
        "roleName": role.name,
        "type": _kind(role),
        "description": role.description,
        "assignableScopes": list(role.assignable_scopes),
        "permissions": [shape(each) for each in role.permissions],
    }
    if definition is not None:
        properties |= {
            "createdOn": clock.iso(definition.created),
            "updatedOn": clock.iso(definition.changed),
            "createdBy": definition.created_by,
            "updatedBy": definition.changed_by,
        }
    body = {"id": f"{above}{role.resource_id}", "name": role.id, "type": _TYPE, "properties": properties}
    return Item(rid=parse_id(str(body["id"])), body=body, row=definition)
