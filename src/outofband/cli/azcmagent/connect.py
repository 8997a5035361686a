"""`azcmagent connect`: this server becomes a machine resource, by its administrator's sign-in.

The steps: arguments, the agent, token, the way to the control plane, key, the note on disk (agent/halfway),
the resource, the claim, the link. Whatever is killed in between, the same command goes on: the agent keeps
its key, and a resource with that key is this server's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outofband.catalogue import say
from outofband.cli.azcmagent import arguments, failing
from outofband.cli.azcmagent.flags import connecting, without_effect
from outofband.cli.azcmagent.options import verb
from outofband.cli.azcmagent.rights import require_owner
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.wire.azcm import WRAPPERS, AzcmFault

if TYPE_CHECKING:
    from outofband.agent.halfway import Halfway
    from outofband.agent.local import AgentStatus, KeyFacts
    from outofband.cli.azcmagent.arguments import Login, Target
    from outofband.cli.azcmagent.machine import Machine
    from outofband.cli.azcmagent.places import Place
    from outofband.cli.azcmagent.running import Run
    from outofband.cli.azcmagent.signing import Token

LINK_SECONDS = 60.0
LINKED = "linked"
"""Of `agent.link`: hello and welcome were exchanged."""
_POLL_SECONDS = 0.2
ENDPOINT = ("IdentityPortTaken", "TokenFolderUnsafe")
"""Why the agent's endpoint for local programs is not up."""
_SYSTEM = ("/etc/machine-id", "/proc/sys/kernel/osrelease", "/proc/meminfo")


@click.command(
    epilog="Example:  azcmagent connect -g servers -l westeurope -s 2f0c... -t 9c1d...   "
    "·   docs/howto/connect-a-server.md"
)
@connecting
@verb()
def connect(
    run: Run,
    *,
    subscription_id: str | None,
    resource_group: str | None,
    location: str | None,
    resource_name: str | None,
    tags: str | None,
    cloud: str | None,
    correlation_id: str | None,
    dry_run: bool,
    ignore_network_check: bool,
    login: Login,
    **inert: Any,
) -> int:
    """Connect this server: make a machine resource and bind this agent to it.

    Signs in with a device code unless told otherwise. Interrupted or failed half-way, the same command goes
    on.
    """
    from outofband.cli.azcmagent import places, signing

    run.correlation = arguments.correlation(correlation_id, run.correlation)
    target = arguments.target(
        subscription=subscription_id, group=resource_group, location=location, name=resource_name, tags=tags
    )
    arguments.sign_in(login)
    without_effect(run, inert)
    if not dry_run:
        require_owner(run.state)
    place = places.choose(run.state, cloud)
    if dry_run:
        from outofband.cli.azcmagent import rehearsal

        token = signing.get(run, place, login)
        return rehearsal.connect(run, place, token, target)
    _system()
    with run.stepping(say("step-ask-agent")):
        _check_agent(run)
    with run.stepping(say("step-sign-in", address=place.login)):
        token = signing.get(run, place, login)
    return _connect(run, place, token, target, check=not ignore_network_check)


def _connect(run: Run, place: Place, token: Token, target: Target, *, check: bool) -> int:
    from outofband.agent import local
    from outofband.cli.azcmagent import machine, network

    with machine.client(run, place, token) as arm:
        if check:
            with run.stepping(say("step-reach", address=place.arm)):
                _reach(arm, place)
                network.look(place)
        subscription = machine.subscription_id(arm, place, token, target.subscription)
        resource = machine.Machine(arm, place, token, target.machine(subscription))
        with run.stepping(say("step-make-key")):
            key = _key(run)
        try:
            former = local.begin(run.state, "connect", resource.id, run.correlation)
        except Fault as fault:
            raise failing.as_azcm(fault) from fault
        _note_former(run, former, resource.id)
        run.outer = WRAPPERS["connect"]
        run.begun = say("half-connected", id=resource.id)
        with machine.refusals(run, former):
            _resource(run, resource, target, key)
    with run.stepping(say("step-claim")):
        _claim(run, resource, place)
    with run.stepping(say("step-link")):
        status = _link(run)
    run.outer, run.begun = "", None
    run.log("info", "connected", {"Resource": resource.id, "Agent": status.agent})
    run.emit(
        {
            "status": "Connected",
            "resourceId": resource.id,
            "resourceName": resource.name,
            "agent": status.agent,
            "tenantId": token.tenant,
            "correlationId": run.correlation,
        },
        say("connected", cloud=place.name, machine=resource.name),
        say("resource", id=resource.id),
    )
    return 0


def _system() -> None:
    """What has to be readable of this system. Raises AzcmFault AZCM0104."""
    for name in _SYSTEM:
        try:
            with Path(name).open("rb") as file:
                file.read(1)
        except OSError as error:
            if name == _SYSTEM[0] and isinstance(error, FileNotFoundError):
                continue
            raise AzcmFault("AZCM0104", detail=failing.system(error, name)) from error


def _check_agent(run: Run) -> None:
    """Raises AzcmFault AZCM0018, AZCM0061, AZCM0064, AZCM0065, AZCM0066, AZCM0067."""
    from outofband.agent import local

    status = local.status(run.state)
    halfway = status.halfway
    ended = status.expires and status.expires <= clock.iso()
    # One whose certificate has ended comes back by connecting as the same machine once more.
    if status.agent and not ended and (halfway is None or halfway.operation != "connect"):
        evidence = [say("agent-there", agent=status.agent, address=status.arm, link=status.link)]
        if halfway is not None:
            evidence.append(say("disconnecting-begun", since=halfway.since))
        raise AzcmFault("AZCM0067", machine=status.resource or status.name, evidence=tuple(evidence))
    if status.identity is not None and not status.web:
        raise AzcmFault("AZCM0066", detail=failing.of_agent(status, status.identity, *ENDPOINT))


def _note_former(run: Run, former: Halfway | None, machine: str) -> None:
    if former is None:
        return
    if former.operation == "connect" and former.machine.lower() == machine.lower():
        run.note(say("going-on", since=former.since))
    elif former.operation == "connect":
        run.warn(say("begun-as-another", id=former.machine))


def _reach(arm: Any, place: Place) -> None:
    """Raises AzcmFault AZCM0026 or AZCM0075."""
    from outofband.cli.azcmagent import network

    try:
        found = arm.get("/metadata/endpoints", version="2022-09-01")
    except Fault as fault:
        if network.is_network(fault):
            raise network.explained(fault, place.arm, place.trust) from fault
        raise failing.as_azcm(fault, "AZCM0075") from fault
    if not isinstance(found, dict | list):
        raise AzcmFault("AZCM0075", detail=say("no-description", address=f"{place.arm}/metadata/endpoints"))


def _key(run: Run) -> KeyFacts:
    """This server's key, made where there is none. Raises AzcmFault AZCM0103, AZCM0104Key or of the agent."""
    from outofband.agent import local

    try:
        return local.key(run.state)
    except Fault as fault:
        raise failing.as_azcm(fault, failing.LOCAL.get(fault.code, "AZCM0103")) from fault


def _resource(run: Run, resource: Machine, target: Target, key: KeyFacts) -> None:
    """Make the resource, or take one that was made for this key beforehand. Raises AzcmFault."""
    from outofband.cli.azcmagent import machine

    with run.stepping(say("step-make-resource")):
        there = resource.get()
        try:
            resource.create(target, public_key=key.public_key, vm_id=key.vm_id)
        except AzcmFault as fault:
            mine = machine.owner(there) == key.public_key
            if not (mine and machine.is_refusal(fault)):
                raise
            # Somebody who may write machines made it for this key (`azcmagent genkey`): nothing is to change.
            run.log("info", "the resource has this key already", {"Resource": resource.id})


def _claim(run: Run, resource: Machine, place: Place) -> None:
    """Raises AzcmFault AZCM0081, or what kept the agent from answering."""
    from outofband.agent import local

    try:
        local.claim(run.state, resource.id, place.arm, place.trust, place.name)
    except Fault as fault:
        code = failing.LOCAL.get(fault.code, "")
        raise failing.as_azcm(fault, code if code.startswith("AZCM006") else "AZCM0081") from fault


def _link(run: Run) -> AgentStatus:
    """The agent once its link is up, also after a restart. Raises AzcmFault AZCM0062, or what kept the agent
    from answering.
    """
    from outofband.agent import local

    ends = clock.monotonic() + LINK_SECONDS
    while True:
        try:
            status = local.status(run.state)
        except Fault as fault:
            # What it has to know is on its disk by now: whoever restarts it meanwhile undoes nothing.
            if fault.code != "AgentServiceDown" or clock.monotonic() > ends:
                raise failing.as_azcm(fault) from fault
            clock.pause(_POLL_SECONDS)
            continue
        if status.link == LINKED:
            return status
        if clock.monotonic() > ends:
            words = (
                failing.of_agent(status, status.problem)
                if status.problem
                else say("link-is", state=status.link)
            )
            raise AzcmFault(
                "AZCM0062",
                step=run.step,
                detail=say("no-link", seconds=int(LINK_SECONDS), why=words),
                evidence=(say("control-plane", address=status.arm),),
                remedy=(say("himds-goes-on"),),
            )
        clock.pause(_POLL_SECONDS)
