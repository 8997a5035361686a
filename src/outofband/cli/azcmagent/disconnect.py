"""`azcmagent disconnect`: the machine resource goes, and then what this server kept of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from outofband.catalogue import say
from outofband.cli.azcmagent import arguments, failing
from outofband.cli.azcmagent.flags import signing_in
from outofband.cli.azcmagent.options import verb
from outofband.cli.azcmagent.rights import require_owner
from outofband.core.errors import Fault
from outofband.wire.azcm import WRAPPERS, AzcmFault

if TYPE_CHECKING:
    from outofband.agent.local import AgentStatus
    from outofband.cli.azcmagent.arguments import Login
    from outofband.cli.azcmagent.machine import Machine
    from outofband.cli.azcmagent.running import Run

_ENDS = {"deleted": "disconnected", "gone": "disconnected-gone", "kept": "disconnected-kept"}


@click.command(
    epilog="Example:  azcmagent disconnect   ·   azcmagent disconnect --force-local-only   "
    "·   docs/howto/connect-a-server.md"
)
@signing_in
@click.option(
    "-f", "--force-local-only", is_flag=True, help="Only forget here; the resource stays or is gone already."
)
@click.option("--correlation-id", metavar="GUID", help="Goes with every request, for both sides' logs.")
@click.option("--dry-run", is_flag=True, help="Say which calls would be made; change nothing.")
@click.option("--cloud", metavar="NAME", help="Which control plane.  [default: the one it is connected to]")
@verb()
def disconnect(
    run: Run,
    *,
    force_local_only: bool,
    correlation_id: str | None,
    dry_run: bool,
    cloud: str | None,
    login: Login,
) -> int:
    """Disconnect this server: delete its machine resource, then forget key, certificate and identity.

    Interrupted or failed half-way, the same command goes on; with --force-local-only nothing is asked of the
    control plane.
    """
    from outofband.cli.azcmagent import places, signing

    run.correlation = arguments.correlation(correlation_id, run.correlation)
    if force_local_only and login.method != "device-code":
        raise AzcmFault("AZCM0027", detail=say("no-sign-in-for", flag="--force-local-only"))
    if not force_local_only:
        arguments.sign_in(login)
    require_owner(run.state)
    with run.stepping(say("step-ask-agent")):
        before = _agent(run)
    if force_local_only:
        return _forget(run, before)
    machine = before.resource or (before.halfway.machine if before.halfway else "")
    if not machine:
        run.emit({"status": "Disconnected", "changed": False}, say("not-connected"))
        return 0
    place = places.choose(run.state, cloud)
    with run.stepping(say("step-sign-in", address=place.login)):
        token = signing.get(run, place, login)
    if dry_run:
        from outofband.cli.azcmagent import rehearsal

        return rehearsal.disconnect(run, place, token, machine)
    return _disconnect(run, place, token, machine, before)


def _disconnect(run: Run, place: Any, token: Any, id: str, before: AgentStatus) -> int:
    from outofband.agent import local
    from outofband.cli.azcmagent import machine

    try:
        former = local.begin(run.state, "disconnect", id, run.correlation)
    except Fault as fault:
        raise failing.as_azcm(fault) from fault
    run.outer = WRAPPERS["disconnect"]
    run.begun = say("half-disconnected", id=id)
    with machine.client(run, place, token) as arm:
        resource = machine.Machine(arm, place, token, id)
        with machine.refusals(run, former), run.stepping(say("step-delete-resource")):
            deleted = _delete(run, resource, before)
    with run.stepping(say("step-forget")):
        _release(run)
    run.outer, run.begun = "", None
    run.log("info", "disconnected", {"Resource": id})
    run.emit(
        {
            "status": "Disconnected",
            "changed": True,
            "resourceId": id,
            "resource": deleted,
            "correlationId": run.correlation,
        },
        say(_ENDS[deleted], machine=resource.name),
    )
    return 0


def _delete(run: Run, resource: Machine, before: AgentStatus) -> str:
    """`deleted`, `gone`, or `kept`: by now the name is another server's, which keeps its resource."""
    from outofband.agent import local
    from outofband.cli.azcmagent import machine

    there = resource.get("AZCM0043")
    if there is None:
        return "gone"
    try:
        public_key = local.key(run.state).public_key
    except Fault as fault:
        if fault.code != "AgentKeyLost":
            raise failing.as_azcm(fault) from fault
        public_key = ""
    if not machine.is_of(there, before.agent, public_key):
        run.warn(say("another-servers", id=resource.id))
        return "kept"
    return "deleted" if resource.delete() else "gone"


def _forget(run: Run, before: AgentStatus) -> int:
    run.outer = WRAPPERS["disconnect"]
    with run.stepping(say("step-forget")):
        _release(run)
    run.outer = ""
    machine = before.resource or (before.halfway.machine if before.halfway else "")
    run.log("info", "forgotten", {"Resource": machine or "-"})
    words = [say("forgotten-as", id=machine) if machine else say("forgotten")]
    if machine:
        words.append(say("delete-what-is-left", command=f"az resource delete --ids {machine}"))
    run.emit(
        {"status": "Disconnected", "changed": bool(before.agent or machine), "forgotten": machine}, *words
    )
    return 0


def _agent(run: Run) -> AgentStatus:
    from outofband.agent import local

    try:
        return local.status(run.state)
    except Fault as fault:
        raise failing.as_azcm(fault) from fault


def _release(run: Run) -> None:
    """Raises AzcmFault AZCM0068, or what kept the agent from answering."""
    from outofband.agent import local

    try:
        local.release(run.state)
    except Fault as fault:
        code = failing.LOCAL.get(fault.code, "")
        raise failing.as_azcm(fault, code if code.startswith("AZCM006") else "AZCM0068") from fault
