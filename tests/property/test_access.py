"""RBAC as properties: the matcher against an obviously right one, and what no assignment may change."""

from __future__ import annotations

import fnmatch
import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from outofband.access.decision import allowed, allowed_below, covers, matches
from outofband.access.roles import Permission, Role
from outofband.store.assignments import Assignment, scope_key

PIECES = st.sampled_from(["a", "b", "ab", "/", "*", ".", "A"])
PATTERNS = st.lists(PIECES, max_size=8).map("".join)
TEXTS = st.lists(st.sampled_from(["a", "b", "/", ".", "A"]), max_size=10).map("".join)
NAMES = st.sampled_from(["a", "ab", "B", "c"])
SCOPES = st.lists(NAMES, max_size=4).map(lambda names: "/" + "/".join(names))
ACTIONS = st.sampled_from(["n/t/read", "n/t/write", "n/u/read", "m/t/go/action"])
GRANTS = st.lists(
    st.sampled_from(["*", "*/read", "n/*", "n/t/*", "n/t/write", "m/*/action"]), max_size=3
).map(tuple)
ROLES = st.builds(
    lambda number, actions, withheld: Role(
        id=f"r{number}",
        name="x",
        description="",
        permissions=(Permission(actions=actions, not_actions=withheld),),
    ),
    st.integers(0, 3),
    GRANTS,
    GRANTS,
)
TABLES = st.lists(ROLES, max_size=4).map(lambda roles: {role.id: role for role in roles})


def assignment(scope: str, role: str) -> Assignment:
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


HELD = st.lists(st.builds(assignment, SCOPES, st.sampled_from(["r0", "r1", "r2", "r3"])), max_size=4)


@given(PATTERNS, TEXTS)
def test_the_matcher_agrees_with_a_regular_expression(pattern: str, text: str) -> None:
    expression = "".join(".*" if piece == "*" else re.escape(piece) for piece in pattern)
    expected = re.fullmatch(expression, text, re.IGNORECASE | re.DOTALL) is not None
    assert matches(pattern, text) is expected
    assert matches(pattern, text) is fnmatch.fnmatchcase(text.lower(), pattern.lower())


@given(ACTIONS, SCOPES, HELD, TABLES)
def test_case_never_matters(action: str, scope: str, held: list[Assignment], roles: dict[str, Role]) -> None:
    assert allowed(action, scope, held, roles) is allowed(action.upper(), scope.upper() + "/", held, roles)


@given(ACTIONS, SCOPES, NAMES, HELD, TABLES)
def test_what_is_allowed_above_is_allowed_below(
    action: str, scope: str, name: str, held: list[Assignment], roles: dict[str, Role]
) -> None:
    if allowed(action, scope, held, roles):
        assert allowed(action, f"{scope.rstrip('/')}/{name}", held, roles)


@given(ACTIONS, SCOPES, HELD, st.builds(assignment, SCOPES, st.sampled_from(["r0", "r1"])), TABLES)
def test_one_more_assignment_never_takes_a_right_away(
    action: str, scope: str, held: list[Assignment], more: Assignment, roles: dict[str, Role]
) -> None:
    if allowed(action, scope, held, roles):
        assert allowed(action, scope, [*held, more], roles)


@given(ACTIONS, SCOPES, HELD, TABLES)
def test_a_right_comes_from_one_assignment_that_covers_the_scope(
    action: str, scope: str, held: list[Assignment], roles: dict[str, Role]
) -> None:
    single = [each for each in held if allowed(action, scope, [each], roles)]
    assert allowed(action, scope, held, roles) is bool(single)
    assert all(covers(each.scope_key, scope_key(scope)) for each in single)


@given(ACTIONS, SCOPES, HELD, TABLES)
def test_whatever_is_allowed_somewhere_shows_all_the_way_up(
    action: str, scope: str, held: list[Assignment], roles: dict[str, Role]
) -> None:
    if allowed(action, scope, held, roles):
        above = scope
        while above != "/":
            above = above.rpartition("/")[0] or "/"
            assert allowed_below(action, above, held, roles)
