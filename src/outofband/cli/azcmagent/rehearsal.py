"""`--dry-run`: the calls that would be made, the right that each needs, what is missing. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
import msgspec

from outofband.catalogue import Words, say, verbatim
from outofband.cli import output as show
from outofband.cli.azcmagent import failing, machine, rights
from outofband.core.errors import Fault
from outofband.wire.azcm import AzcmFault
from outofband.wire.connecting import CONNECT_PATH

if TYPE_CHECKING:
    from outofband.cli.azcmagent.arguments import Target
    from outofband.cli.azcmagent.places import Place
    from outofband.cli.azcmagent.running import Run
    from outofband.cli.azcmagent.signing import Token
    from outofband.client.http import ArmClient


class Planned(msgspec.Struct, kw_only=True, rename="camel"):
    """One call. `allowed` is None when it cannot be told; `role` is the smallest built-in that is enough."""

    method: str
    url: str
    what: Words
    action: str = ""
    scope: str = ""
    role: str = ""
    allowed: bool | None = None


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """What would stop the command: with which code, why, and what mends it."""

    code: str
    what: Words
    remedy: str = ""


def connect(run: Run, place: Place, token: Token, target: Target) -> int:
    with machine.client(run, place, token) as arm:
        with run.stepping(say("step-look-subscription")):
            subscription = machine.subscription_id(arm, place, token, target.subscription)
        resource = machine.Machine(arm, place, token, target.machine(subscription))
        group = resource.id.rpartition("/providers/")[0]
        planned = [
            _planned("GET", place, resource.id, say("call-name-free"), rights.READ, group),
            _planned("PUT", place, resource.id, say("call-make"), rights.WRITE, group),
            Planned(method="POST", url=place.arm + CONNECT_PATH, what=say("call-claim")),
        ]
        with run.stepping(say("step-look-rights")):
            missing = _lacking(resource, group, planned)
        with run.stepping(say("step-look-provider")):
            missing += _provider(arm, f"/subscriptions/{subscription}", target.location)
        with run.stepping(say("step-look-name")):
            missing += _name(resource)
    return _tell(run, resource, token, planned, missing)


def disconnect(run: Run, place: Place, token: Token, id: str) -> int:
    with machine.client(run, place, token) as arm:
        resource = machine.Machine(arm, place, token, id)
        group = id.rpartition("/providers/")[0]
        planned = [_planned("DELETE", place, id, say("call-delete"), rights.DELETE, group)]
        with run.stepping(say("step-look-rights")):
            missing = _lacking(resource, group, planned)
    return _tell(run, resource, token, planned, missing)


def _planned(method: str, place: Place, id: str, what: Words, action: str, scope: str) -> Planned:
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
            what = say("action-on-scope", action=each.action, scope=each.scope)
            lacking.append(Missing(code=code, what=what, remedy=rights.assign(each.role, who, each.scope)))
    return lacking


def _provider(arm: ArmClient, subscription: str, location: str) -> list[Missing]:
    """Of the provider: whether it is registered, and whether it has machines in `location`."""
    try:
        where = f"{subscription}/providers/{rights.NAMESPACE}"
        found = arm.get(where, version=machine.PROVIDERS) or {}
    except Fault as fault:
        if fault.code == "SubscriptionNotFound":
            return [Missing(code="AZCM0042", what=failing.message(fault))]
        # Whoever may only onboard may not always look at it; then it shows when it is done.
        return []
    state = str(found.get("registrationState"))
    if state in ("Registered", "Registering"):
        return _location(found, location)
    command = rights.register(subscription.rpartition("/")[2])
    what = say("provider-state", provider=rights.NAMESPACE, state=state)
    return [Missing(code="AZCM0042", what=what, remedy=command)]


def _location(provider: Mapping[str, Any], location: str) -> list[Missing]:
    known = [
        str(each)
        for kind in provider.get("resourceTypes", ())
        if str(kind.get("resourceType")).lower() == "machines"
        for each in kind.get("locations", ())
    ]
    if not known or _plain(location) in {_plain(each) for each in known}:
        return []
    what = say("no-machines-in", location=location, known=", ".join(known))
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
            what = failing.message(fault.__cause__)
            return [Missing(code="AZCM0042", what=what, remedy="az group list")]
        return []
    if found is None:
        return []
    taken = say("there-already", id=resource.id)
    return [Missing(code="AZCM0044", what=taken, remedy="--resource-name ANOTHER")]


def _tell(
    run: Run, resource: machine.Machine, token: Token, planned: list[Planned], missing: list[Missing]
) -> int:
    value: Mapping[str, Any] = {
        "dryRun": True,
        "resourceId": resource.id,
        "caller": {"name": token.who, "objectId": token.object_id, "tenantId": token.tenant},
        "calls": msgspec.to_builtins(planned, enc_hook=str),
        "missing": msgspec.to_builtins(missing, enc_hook=str),
        "correlationId": run.correlation,
    }
    run.log("info", "dry run", {"Missing": ", ".join(str(each.what) for each in missing) or "nothing"})
    if run.as_json:
        run.emit(value)
    else:
        _table(token, planned, missing)
    return int(missing[0].code.removeprefix("AZCM")) if missing else 0


def _table(token: Token, planned: list[Planned], missing: list[Missing]) -> None:
    show.line(show.here(say("calls-as", name=token.who or "?", tenant=token.tenant or "?")))
    for each in planned:
        show.line(f"  {each.method:<6} {each.url}")
        show.line(f"         {show.here(each.what)}")
        if each.action:
            mark = {True: verbatim("ok"), False: say("missing"), None: verbatim("-")}[each.allowed]
            told = say("right", action=each.action, scope=each.scope, mark=mark, role=each.role)
            show.line(f"         {show.here(told)}")
    for each_missing in missing:
        head = show.here(say("missing-head", code=each_missing.code))
        show.styled(f"{click.style(head, bold=True)} {show.plain(show.here(each_missing.what))}")
        if each_missing.remedy:
            show.line(f"  {each_missing.remedy}")
    show.line(show.here(say("nothing-changed" if missing else "nothing-missing")))
