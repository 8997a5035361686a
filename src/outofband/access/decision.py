"""The RBAC decision, pure: assignments and roles in, yes or no out.

A caller may do an action on a scope when one of its roles, assigned on that scope or on one above it, allows
the action. `notActions` narrows its own role only: another role may still allow. Nothing here compares by
case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from outofband.access.role import Role
from outofband.store.assignments import Assignment, scope_key


def allowed(
    action: str,
    scope: str,
    assignments: Iterable[Assignment],
    roles: Mapping[str, Role],
    *,
    data: bool = False,
) -> bool:
    """Whether `assignments` (of one caller) allow `action` on `scope`. `data` asks for a data action."""
    return granting(action, scope, assignments, roles, data=data) is not None


def granting(
    action: str,
    scope: str,
    assignments: Iterable[Assignment],
    roles: Mapping[str, Role],
    *,
    data: bool = False,
) -> Role | None:
    """The first role that allows it; None when none does."""
    key = scope_key(scope)
    for assignment in assignments:
        role = roles.get(assignment.role_id)
        if role is not None and covers(assignment.scope_key, key) and role_allows(role, action, data=data):
            return role
    return None


def allowed_below(
    action: str, scope: str, assignments: Iterable[Assignment], roles: Mapping[str, Role]
) -> bool:
    """Whether `action` is allowed on `scope` or on anything inside it: may the caller know that it exists?"""
    key = scope_key(scope)
    return any(
        (covers(assignment.scope_key, key) or covers(key, assignment.scope_key)) and role_allows(role, action)
        for assignment in assignments
        if (role := roles.get(assignment.role_id)) is not None
    )


def role_allows(role: Role, action: str, *, data: bool = False) -> bool:
    """Whether the role's own permissions contain `action`."""
    for permission in role.permissions:
        granted = permission.data_actions if data else permission.actions
        withheld = permission.not_data_actions if data else permission.not_actions
        if _any(granted, action) and not _any(withheld, action):
            return True
    return False


def covers(upper: str, lower: str) -> bool:
    """Whether scope key `lower` is `upper` or lies below it. `/a/b` does not cover `/a/bc`."""
    return upper in ("/", lower) or lower.startswith(upper + "/")


def matches(pattern: str, action: str) -> bool:
    """`*` stands for any text, also none, also with slashes; all else must be equal but for its case."""
    first, *middle = pattern.lower().split("*")
    text = action.lower()
    if not middle:
        return text == first
    last = middle.pop()
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    # The earliest place for each piece leaves most room for the rest: linear time, where a regular expression
    # could be made to try every way to share the text between the stars.
    position, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def _any(patterns: tuple[str, ...], action: str) -> bool:
    return any(matches(pattern, action) for pattern in patterns)
