"""`--dry-run`: the calls that would be made, the right that each needs, what is missing. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
import msgspec

from outofband.cli import output as show
from outofband.cli.azcmagent import machine, rights
from outofband.client.faults import explained
from outofband.core.errors import Fault
from outofband.wire.azcm import AzcmFault
from outofband.wire.connecting import CONNECT_PATH

if TYPE_CHECKING:
    from outofband.cli.azcmagent.arguments import Target
    from outofband.cli.azcmagent.places import Place
    from outofband.cli.azcmagent.running import Run
    from outofband.cli.azcmagent.signing import Token
    from outofband.client.http import ArmClient

_MISSING = {"en": "missing", "fr": "manque", "nl": "ontbreekt"}
_FINE = {"en": "ok", "fr": "ok", "nl": "ok"}


class Planned(msgspec.Struct, kw_only=True, rename="camel"):
    """One call. `allowed` is None when it cannot be told; `role` is the smallest built-in that is enough."""

    method: str
    url: str
    what: str
    action: str = ""
    scope: str = ""
    role: str = ""
    allowed: bool | None = None


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """What would stop the command: with which code, why, and what mends it."""

    code: str
    what: str
    remedy: str = ""


def connect(run: Run, place: Place, token: Token, target: Target) -> int:
    with machine.client(run, place, token) as arm:
        with run.stepping("look at the subscription"):
            subscription = machine.subscription_id(arm, place, token, target.subscription)
        resource = machine.Machine(arm, place, token, target.machine(subscription))
        group = resource.id.rpartition("/providers/")[0]
        planned = [
            _planned("GET", place, resource.id, "whether the name is free", rights.READ, group),
            _planned("PUT", place, resource.id, "make the machine resource", rights.WRITE, group),
            Planned(method="POST", url=place.arm + CONNECT_PATH, what="claim it; the key is the right"),
        ]
        with run.stepping("look at the rights"):
            missing = _lacking(resource, group, planned)
        with run.stepping("look at the provider"):
            missing += _provider(arm, f"/subscriptions/{subscription}", target.location)
        with run.stepping("look at the name"):
            missing += _name(resource)
    return _tell(run, resource, token, planned, missing)


def disconnect(run: Run, place: Place, token: Token, id: str) -> int:
    with machine.client(run, place, token) as arm:
        resource = machine.Machine(arm, place, token, id)
        group = id.rpartition("/providers/")[0]
        planned = [_planned("DELETE", place, id, "delete the machine resource", rights.DELETE, group)]
        with run.stepping("look at the rights"):
            missing = _lacking(resource, group, planned)
    return _tell(run, resource, token, planned, missing)


def _planned(method: str, place: Place, id: str, what: str, action: str, scope: str) -> Planned:
    return Planned(
        method=method,
        url=f"{place.arm}{id}?api-version={machine.VERSION}",
        what=what,
        action=action,
        scope=scope,
        role=rights.smallest(action),
    )


def _lacking(resource: machine.Machine, group: str, planned: list[Planned]) -> list[Missing]:
    """Fill in what the caller may; what may not be done."""
    try:
        where = f"{group}/providers/Microsoft.Authorization/permissions"
        found = list(resource.arm.list(where, version=machine.PERMISSIONS))
    except Fault as fault:
        raise resource.refused(fault, "AZCM0042") from fault
    lacking: list[Missing] = []
    for each in planned:
        if not each.action:
            continue
        each.allowed = rights.allows(found, each.action)
        if not each.allowed:
            code = "AZCM0043" if each.method == "DELETE" else "AZCM0042"
            who = resource.token.object_id or resource.token.who or "CALLER"
            what = f"{each.action} on {each.scope}"
            lacking.append(Missing(code=code, what=what, remedy=rights.assign(each.role, who, each.scope)))
    return lacking


def _provider(arm: ArmClient, subscription: str, location: str) -> list[Missing]:
    """Of the provider: whether it is registered, and whether it has machines in `location`."""
    try:
        where = f"{subscription}/providers/{rights.NAMESPACE}"
        found = arm.get(where, version=machine.PROVIDERS) or {}
    except Fault as fault:
        if fault.code == "SubscriptionNotFound":
            return [Missing(code="AZCM0042", what=explained(fault, show.voice.locale).message)]
        # Whoever may only onboard may not always look at it; then it shows when it is done.
        return []
    state = str(found.get("registrationState"))
    if state in ("Registered", "Registering"):
        return _location(found, location)
    command = rights.register(subscription.rpartition("/")[2])
    return [Missing(code="AZCM0042", what=f"{rights.NAMESPACE} is not registered ({state})", remedy=command)]


def _location(provider: Mapping[str, Any], location: str) -> list[Missing]:
    known = [
        str(each)
        for kind in provider.get("resourceTypes", ())
        if str(kind.get("resourceType")).lower() == "machines"
        for each in kind.get("locations", ())
    ]
    if not known or _plain(location) in {_plain(each) for each in known}:
        return []
    what = f'no machines are kept in "{location}"; known: {", ".join(known)}'
    return [Missing(code="AZCM0020", what=what, remedy="--location ANOTHER")]


def _plain(location: str) -> str:
    return location.replace(" ", "").lower()


def _name(resource: machine.Machine) -> list[Missing]:
    """Whether the name is free, and the resource group there that it would be in."""
    try:
        found = resource.get()
    except AzcmFault as fault:
        if fault.code == "AZCM0026":
            raise
        if isinstance(fault.__cause__, Fault) and fault.__cause__.code == "ResourceGroupNotFound":
            what = explained(fault.__cause__, show.voice.locale).message
            return [Missing(code="AZCM0042", what=what, remedy="az group list")]
        return []
    if found is None:
        return []
    return [
        Missing(code="AZCM0044", what=f"{resource.id} is there already", remedy="--resource-name ANOTHER")
    ]


def _tell(
    run: Run, resource: machine.Machine, token: Token, planned: list[Planned], missing: list[Missing]
) -> int:
    value: Mapping[str, Any] = {
        "dryRun": True,
        "resourceId": resource.id,
        "caller": {"name": token.who, "objectId": token.object_id, "tenantId": token.tenant},
        "calls": msgspec.to_builtins(planned),
        "missing": msgspec.to_builtins(missing),
        "correlationId": run.correlation,
    }
    run.log("info", "dry run", {"Missing": ", ".join(each.what for each in missing) or "nothing"})
    if run.as_json:
        run.emit(value)
    else:
        _table(token, planned, missing)
    return int(missing[0].code.removeprefix("AZCM")) if missing else 0


def _table(token: Token, planned: list[Planned], missing: list[Missing]) -> None:
    show.line(f"As {token.who or '?'} (tenant {token.tenant or '?'}) these calls would be made:")
    for each in planned:
        mark = {True: _FINE, False: _MISSING, None: {}}[each.allowed].get(show.voice.locale, "-")
        show.line(f"  {each.method:<6} {each.url}")
        show.line(f"         {each.what}")
        if each.action:
            show.line(f'         {each.action} on {each.scope}: {mark}; smallest role "{each.role}"')
    for each_missing in missing:
        show.styled(
            click.style(f"Missing ({each_missing.code}): ", bold=True) + show.plain(each_missing.what)
        )
        if each_missing.remedy:
            show.line(f"  {each_missing.remedy}")
    show.line("Nothing was changed." if missing else "Nothing is missing. Nothing was changed.")
