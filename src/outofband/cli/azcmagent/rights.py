"""Who may do what on this server, and which role a call to Resource Manager needs."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from outofband.catalogue import Words, say, verbatim
from outofband.core.paths import StateDir
from outofband.wire.azcm import AzcmFault

READ = "Microsoft.HybridCompute/machines/read"
WRITE = "Microsoft.HybridCompute/machines/write"
DELETE = "Microsoft.HybridCompute/machines/delete"
GROUP_READ = "Microsoft.Resources/subscriptions/resourceGroups/read"
SUBSCRIPTION_READ = "Microsoft.Resources/subscriptions/read"
REGISTER = "Microsoft.HybridCompute/register/action"
NAMESPACE = "Microsoft.HybridCompute"
ONBOARDING = "Azure Connected Machine Onboarding"
ADMINISTRATOR = "Azure Connected Machine Resource Administrator"
SMALLEST: Mapping[str, str] = MappingProxyType(
    {
        READ.lower(): ONBOARDING,
        WRITE.lower(): ONBOARDING,
        DELETE.lower(): ADMINISTRATOR,
        GROUP_READ.lower(): "Reader",
        SUBSCRIPTION_READ.lower(): "Reader",
        REGISTER.lower(): "Contributor",
    }
)
"""The smallest built-in role that has an action."""
_REFUSED = re.compile(
    r"The client '(?P<client>[^']*)' with object id '(?P<object>[^']*)' does not have authorization to "
    r"perform action '(?P<action>[^']*)' over scope '(?P<scope>[^']*)'"
)


def require_owner(state: StateDir) -> None:
    """Raises AzcmFault AZCM0018 unless whoever runs this is root or the owner of the state directory."""
    me = os.geteuid()
    if me == 0:
        return
    for place in (state.agent, state.root, *state.root.parents):
        try:
            owner = place.stat().st_uid
        except FileNotFoundError:
            continue
        except PermissionError as error:
            detail = say("may-not-look", place=place, user=_name(me))
            raise AzcmFault("AZCM0018", needed="root", detail=detail) from error
        if me == owner or (place not in (state.agent, state.root) and os.access(place, os.W_OK)):
            return
        raise AzcmFault(
            "AZCM0018",
            needed=say("root-or", user=_name(owner)) if owner else "root",
            detail=say("belongs-to", place=place, owner=_name(owner), user=_name(me)),
        )


def _name(user: int) -> Words:
    try:
        return verbatim(pwd.getpwuid(user).pw_name)
    except KeyError:
        return say("user-number", number=user)


def allows(permissions: Iterable[Mapping[str, Iterable[str]]], action: str) -> bool:
    """Whether one of the caller's permissions has an action; what a permission takes away, only it does."""
    return any(
        any(_fits(pattern, action) for pattern in each.get("actions", ()))
        and not any(_fits(pattern, action) for pattern in each.get("notActions", ()))
        for each in permissions
    )


def _fits(pattern: str, action: str) -> bool:
    parts = (re.escape(part) for part in pattern.lower().split("*"))
    return re.fullmatch(".*".join(parts), action.lower()) is not None


def refused(fields: Mapping[str, object], message: str) -> tuple[str, str, str, str] | None:
    """Who may not, its object id, which action, on which scope.

    From the fields of Resource Manager's refusal, whose sentence may be in any language; else from Azure's.
    """
    if fields.get("action") and fields.get("scope"):
        who, object_id, action, scope = (
            str(fields.get(name, "")) for name in ("name", "object_id", "action", "scope")
        )
        return who, object_id, action, scope
    found = _REFUSED.search(message)
    return (found["client"], found["object"], found["action"], found["scope"]) if found else None


def smallest(action: str) -> str:
    return SMALLEST.get(action.lower(), "Contributor")


def register(subscription: str) -> str:
    """The command by which the provider of machines is registered."""
    return f"az provider register --namespace {NAMESPACE} --subscription {subscription}"


def assign(role: str, who: str, scope: str) -> str:
    """The command by which an owner gives a role."""
    return f'az role assignment create --role "{role}" --assignee {who} --scope {scope}'
