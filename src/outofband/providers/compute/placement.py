"""Which host takes a new VM, and whether it has what the VM asks for."""

from __future__ import annotations

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.fleet.fleet import Fleet, HostView
from outofband.providers.compute.shape import Guest
from outofband.providers.hybrid_compute import MACHINES

_MAX_NAMED = 10


def choose(fleet: Fleet, rid: ResourceId, wanted: str | None) -> HostView:
    """The host named by its resource id, else the only connected one of the subscription.

    Raises Fault ResourceNotFound, InvalidParameter, AgentOffline, HostNotAvailable or HostNotChosen.
    """
    hosts = fleet.agents(rid.subscription)
    if wanted is None:
        return _only(rid, [host for host in hosts if host.connected])
    named = parse_id(wanted)
    if named.type.lower() != MACHINES.lower():
        raise Fault("InvalidParameter", target="properties.host.id", detail=f"it must be of type {MACHINES}")
    # A host of another subscription is not told apart from one that does not exist.
    for host in hosts:
        if host.agent.resource_id.lower() == named.key:
            if not host.connected:
                raise fleet.offline(host.agent.id)
            return host
    raise Fault("ResourceNotFound", resource=f"{MACHINES}/{named.name}", group=named.group or "")


def check_offer(host: HostView, guest: Guest) -> None:
    """Raises Fault ImageNotFound when the host's configuration lacks what `guest` names."""
    report = host.report
    if report is None:
        return
    offers = {"image": report.images, "program": report.programs, "socket": report.sockets}
    for kind, known in offers.items():
        name = getattr(guest, kind)
        if name is not None and name not in known:
            raise Fault(
                "ImageNotFound",
                host=host.agent.name,
                kind=kind,
                name=name[:80],
                known=", ".join(known[:_MAX_NAMED]) or "none",
            )


def _only(rid: ResourceId, connected: list[HostView]) -> HostView:
    match connected:
        case [host]:
            return host
        case []:
            raise Fault("HostNotAvailable", subscription=rid.subscription)
    names = ", ".join(sorted(host.agent.name for host in connected)[:_MAX_NAMED])
    raise Fault("HostNotChosen", hosts=names)
