"""The decision by table: Azure's own roles on the actions this project knows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from outofband.access.decision import allowed, allowed_below, covers, matches
from outofband.access.roles import (
    BUILT_IN,
    CONTRIBUTOR,
    OWNER,
    READER,
    USER_ACCESS_ADMINISTRATOR,
    VIRTUAL_MACHINE_CONTRIBUTOR,
    named,
    role_id,
)
from outofband.store.assignments import Assignment

SUB = "/subscriptions/S"
GROUP = f"{SUB}/resourceGroups/G"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/V"
READ = "Microsoft.Compute/virtualMachines/read"
START = "Microsoft.Compute/virtualMachines/start/action"
CONNECT = "Microsoft.SerialConsole/serialPorts/connect/action"
DISABLE = "Microsoft.SerialConsole/consoleServices/disableConsole/action"
ASSIGN = "Microsoft.Authorization/roleAssignments/write"


def has(role: str, scope: str) -> Assignment:
    return Assignment(
        tenant_id="t",
        name="n",
        scope=scope,
        role_id=role,
        principal_id="p",
        principal_type="User",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        created_by="x",
    )


@pytest.mark.parametrize(
    ("role", "can"),
    [
        (OWNER, {READ, START, CONNECT, DISABLE, ASSIGN}),
        (CONTRIBUTOR, {READ, START, CONNECT, DISABLE}),
        (READER, {READ}),
        (VIRTUAL_MACHINE_CONTRIBUTOR, {READ, START, CONNECT}),
        (USER_ACCESS_ADMINISTRATOR, {READ, ASSIGN}),
    ],
)
def test_what_each_role_can(role: str, can: set[str]) -> None:
    every = {READ, START, CONNECT, DISABLE, ASSIGN}
    assert {action for action in every if allowed(action, VM, [has(role, SUB)], BUILT_IN)} == can
    loud = {action for action in every if allowed(action.upper(), VM.upper(), [has(role, SUB)], BUILT_IN)}
    assert loud == can


@pytest.mark.parametrize(
    ("scope", "reaches"),
    [
        ("/", True),
        (SUB, True),
        (SUB.lower() + "/", True),
        (GROUP, True),
        (VM, True),
        (f"{SUB}1", False),
        (f"{GROUP}2", False),
        (f"{VM}/extensions/e", False),
    ],
)
def test_scopes_reach_down_only(scope: str, reaches: bool) -> None:
    assert allowed(START, VM, [has(OWNER, scope)], BUILT_IN) is reaches


def test_roles_add_up_and_take_nothing_from_each_other() -> None:
    both = [has(CONTRIBUTOR, SUB), has(USER_ACCESS_ADMINISTRATOR, GROUP)]
    assert allowed(ASSIGN, VM, both, BUILT_IN)
    assert not allowed(ASSIGN, SUB, both, BUILT_IN)
    assert allowed(START, SUB, both, BUILT_IN)


def test_nothing_without_an_assignment_or_with_an_unknown_role() -> None:
    assert not allowed(READ, VM, [], BUILT_IN)
    assert not allowed(READ, VM, [has("99999999-0000-0000-0000-000000000000", "/")], BUILT_IN)


def test_data_actions_are_another_world() -> None:
    assert not allowed(
        "Microsoft.Compute/virtualMachines/login/action", VM, [has(OWNER, "/")], BUILT_IN, data=True
    )


def test_the_way_down_is_visible() -> None:
    mine = [has(READER, VM)]
    read = "Microsoft.Resources/subscriptions/read"
    assert not allowed(read, SUB, mine, BUILT_IN)
    assert allowed_below(read, SUB, mine, BUILT_IN)
    assert allowed_below(read, GROUP, mine, BUILT_IN)
    assert not allowed_below(read, f"{SUB}2", mine, BUILT_IN)
    assert not allowed_below(START, SUB, mine, BUILT_IN)


@pytest.mark.parametrize(
    ("pattern", "action", "yes"),
    [
        ("*", "", True),
        ("*/read", "a/b/read", True),
        ("*/read", "read", False),
        ("*/read", "a/b/readx", False),
        ("a/*/write", "a/b/c/write", True),
        ("a/*/write", "a//write", True),
        ("a/*/write", "a/write", False),
        ("A/B", "a/b", True),
        ("a.b/c", "axb/c", False),
        ("ab*ba", "aba", False),
        ("*a*b*", "xxbxa", False),
        ("*a*b*", "xaxbx", True),
        ("**", "any", True),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_wildcards(pattern: str, action: str, yes: bool) -> None:
    assert matches(pattern, action) is yes


def test_a_hostile_pattern_costs_no_time() -> None:
    assert not matches("*a" * 500 + "b", "a" * 20_000)


def test_a_scope_covers_itself_and_not_its_neighbour() -> None:
    assert covers("/a/b", "/a/b") and covers("/a/b", "/a/b/c") and covers("/", "/a")
    assert not covers("/a/b", "/a/bc") and not covers("/a/b", "/a")


def test_roles_are_found_by_name_and_id() -> None:
    role = named("virtual machine CONTRIBUTOR")
    assert role is not None and role.id == VIRTUAL_MACHINE_CONTRIBUTOR
    assert role_id(f"/subscriptions/x{role.resource_id}".upper()) == role.id
    assert named("nothing") is None
