"""The RBAC decision against a plain model of Azure's rules, written another way: lists of segments, no keys.

The model knows one sentence: a caller may do an action on a scope when some assignment stands on the scope or
on one above it, and a permission of its role has a pattern for the action and none in what is taken away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from outofband.access.custom_roles import role_of
from outofband.access.decision import allowed, allowed_below, granting, role_allows
from outofband.access.role import Role
from outofband.access.roles import BUILT_IN, READER
from outofband.store.assignments import Assignment
from outofband.store.role_definitions import RoleDefinition

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SUBSCRIPTIONS = ("/subscriptions/S1", "/subscriptions/s11")
PARTS = st.sampled_from(
    ["resourceGroups/G", "resourceGroups/g2", "providers/N.X/t/v", "u/w", "providers/M.Y/p/0"]
)
SCOPES = st.one_of(
    st.just("/"),
    st.builds(
        lambda head, parts: "/".join([head, *parts]),
        st.sampled_from(SUBSCRIPTIONS),
        st.lists(PARTS, max_size=3),
    ),
)
ACTIONS = st.sampled_from(
    [
        "N.X/t/read",
        "N.X/t/write",
        "N.X/t/go/action",
        "N.X/t/u/read",
        "N.X/t/blobs/read",
        "M.Y/p/connect/action",
        "Microsoft.Authorization/roleAssignments/write",
        "Microsoft.Resources/subscriptions/read",
    ]
)
PATTERNS = st.sampled_from(
    [
        "*",
        "*/read",
        "*/action",
        "N.X/*",
        "n.x/T/*",
        "N.X/t/*/read",
        "N.X/t/write",
        "N.X/t",
        "Microsoft.Authorization/*/Write",
        "*.Y/p/*",
        "*/t/*/*",
        "N.X/t/blobs/*",
    ]
)
LISTS = st.lists(PATTERNS, max_size=3)
PERMISSIONS = st.fixed_dictionaries(
    {"actions": LISTS, "notActions": LISTS, "dataActions": LISTS, "notDataActions": LISTS}
)
ROLE_IDS = st.sampled_from(["r1", "r2", "r3", READER])
GUISE = st.sampled_from([str.lower, str.upper, str.swapcase, str])


def stored(number: str, permissions: list[dict[str, Any]]) -> RoleDefinition:
    return RoleDefinition(
        tenant_id="t",
        id=number,
        name=number,
        description="",
        permissions=permissions,
        assignable_scopes=["/subscriptions/s"],
        created=NOW,
        created_by="x",
        changed=NOW,
        changed_by="x",
    )


TABLES = st.dictionaries(st.sampled_from(["r1", "r2", "r3"]), st.lists(PERMISSIONS, max_size=2), max_size=3)
HELD = st.lists(st.tuples(ROLE_IDS, SCOPES), max_size=4)


def assignments(held: Sequence[tuple[str, str]]) -> list[Assignment]:
    return [
        Assignment(
            tenant_id="t",
            name=str(number),
            scope=scope,
            role_id=role,
            principal_id="p",
            principal_type="User",
            created=NOW,
            created_by="x",
        )
        for number, (role, scope) in enumerate(held)
    ]


def roles(table: Mapping[str, list[dict[str, Any]]]) -> dict[str, Role]:
    return {**BUILT_IN, **{number: role_of(stored(number, each)) for number, each in table.items()}}


# The model


def fits(pattern: str, text: str) -> bool:
    """Character by character, every way a star can be read."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(fits(pattern[1:], text[cut:]) for cut in range(len(text) + 1))
    return bool(text) and pattern[0] == text[0] and fits(pattern[1:], text[1:])


def permits(permission: Mapping[str, Sequence[str]], action: str, data: bool) -> bool:
    given, taken = ("dataActions", "notDataActions") if data else ("actions", "notActions")

    def any_of(name: str) -> bool:
        return any(fits(pattern.lower(), action.lower()) for pattern in permission[name])

    return any_of(given) and not any_of(taken)


def segments(scope: str) -> list[str]:
    return [each for each in scope.lower().split("/") if each]


def above(upper: str, lower: str) -> bool:
    high, low = segments(upper), segments(lower)
    return low[: len(high)] == high


def model(
    action: str, scope: str, held: Sequence[tuple[str, str]], table: Mapping[str, Any], data: bool
) -> bool:
    known = {
        READER: [{"actions": ["*/read"], "notActions": [], "dataActions": [], "notDataActions": []}],
        **table,
    }
    return any(
        permits(permission, action, data)
        for role, where in held
        if above(where, scope)
        for permission in known.get(role, [])
    )


@given(ACTIONS, SCOPES, HELD, TABLES, st.booleans(), GUISE)
@example("N.X/t/read", "/subscriptions/s11", [(READER, "/subscriptions/S1")], {}, False, str)
@example("N.X/t/read", "/subscriptions/S1", [(READER, "/")], {}, False, str.upper)
def test_the_decision_is_the_models(
    action: str, scope: str, held: list[tuple[str, str]], table: dict[str, Any], data: bool, guise: Any
) -> None:
    found = assignments(held)
    wanted = model(action, scope, held, table, data)
    assert allowed(guise(action), guise(scope), found, roles(table), data=data) is wanted
    role = granting(action, scope, found, roles(table), data=data)
    assert (role is not None) is wanted
    if role is not None:
        assert role_allows(role, action, data=data)
        assert role.id in {name for name, where in held if above(where, scope)}


@given(ACTIONS, SCOPES, HELD, TABLES)
def test_what_shows_from_above_is_the_models(
    action: str, scope: str, held: list[tuple[str, str]], table: dict[str, Any]
) -> None:
    places = [scope, *(where for _, where in held if above(scope, where))]
    wanted = any(model(action, place, held, table, False) for place in places)
    assert allowed_below(action, scope, assignments(held), roles(table)) is wanted


@given(ACTIONS, SCOPES, HELD, TABLES)
def test_the_two_worlds_do_not_touch(
    action: str, scope: str, held: list[tuple[str, str]], table: dict[str, Any]
) -> None:
    """Without its data actions no role allows one, whatever its actions are; and the other way round."""
    only = {
        name: [{**each, "dataActions": []} for each in permissions] for name, permissions in table.items()
    }
    assert not allowed(action, scope, assignments(held), roles(only), data=True)
    none = {name: [{**each, "actions": []} for each in permissions] for name, permissions in table.items()}
    custom = [(role, where) for role, where in held if role != READER]
    assert not allowed(action, scope, assignments(custom), roles(none))


@given(ACTIONS, SCOPES, HELD, TABLES, st.permutations(range(4)))
def test_order_does_not_matter(
    action: str, scope: str, held: list[tuple[str, str]], table: dict[str, Any], order: list[int]
) -> None:
    mixed = [held[place] for place in order if place < len(held)]
    assert allowed(action, scope, assignments(mixed), roles(table)) is allowed(
        action, scope, assignments(held), roles(table)
    )


@given(TABLES)
def test_a_role_comes_out_of_the_store_as_it_went_in(table: dict[str, list[dict[str, Any]]]) -> None:
    for number, permissions in table.items():
        again = msgspec.json.encode(role_of(stored(number, permissions)).permissions)
        assert msgspec.json.decode(again) == permissions
