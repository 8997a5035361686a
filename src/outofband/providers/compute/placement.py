"""Which host takes a new VM or one that leaves its own, and whether it has what the VM asks for
(docs/reference/virtual-machines.md).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.fleet.fleet import Fleet
from outofband.fleet.hosts import HostView
from outofband.providers.compute.guests import Guest
from outofband.providers.hybrid_compute.shape import MACHINES
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.wire.network import prefixes

HOST_TAG = "outofband-host"
"""Tag of a VM that names its host, for clients that send Azure's properties and no others."""
PROMISED_SECONDS = 300.0
"""How long a choice counts before the host has reported what it was chosen for."""
_MAX_NAMED = 10


class _Promise(msgspec.Struct, frozen=True):
    agent: str
    memory_mib: int
    until: float


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What another host must have for a VM's network: a card, and the public addresses that go with it; and
    `copies`, the hosts that have a copy of the VM for certain. `asked`: each host is asked before it is
    taken, so one whose report names a copy that nobody knows of is not left out, for reports are late.
    """

    card: bool = False
    public: tuple[str, ...] = ()
    copies: frozenset[str] = frozenset()
    asked: bool = False


class Placement:
    """Chooses hosts. Remembers for a while what it chose, for hosts report a VM only when they have it."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._promises: dict[str, _Promise] = {}

    def choose(self, rid: ResourceId, guest: Guest, wanted: str | None) -> HostView:
        """The host for a new VM: the one `wanted` names by id, else the roomiest that can run `guest`.

        Among connected hosts of the subscription that have the driver, the names and the memory, those of the
        VM's own resource group come first, then the one with the most memory not given to VMs, then the one
        with the fewest VMs, then by name.

        Raises Fault ResourceNotFound, InvalidParameter, AgentOffline, HostNotAvailable, ImageNotFound,
        AllocationFailed.
        """
        hosts = self._fleet.agents(rid.subscription)
        if wanted is not None:
            host = self._named(hosts, wanted)
            check_offer(host, guest)
            return host
        connected = [host for host in hosts if host.connected]
        if not connected:
            raise Fault("HostNotAvailable", subscription=rid.subscription)
        able, refusals = [], []
        for host in connected:
            try:
                check_offer(host, guest)
                able.append(host)
            except Fault as fault:
                refusals.append(fault)
        if not able:
            # Every host has its own reason; a name that is nowhere is the one that a person can mend.
            raise min(refusals, key=lambda fault: fault.code != "ImageNotFound")
        group = (rid.group or "").lower()
        return min(
            able,
            key=lambda host: (
                host.agent.resource_group.lower() != group,
                -self._free(host),
                len(host.machines) + len(self._promised(host)),
                host.agent.name.lower(),
            ),
        )

    def others(self, vm: str, guest: Guest, source: HostView, needs: Needs) -> tuple[list[HostView], str]:
        """Hosts that a VM could move to, the best one first; where there is none, why, in words.

        They are connected, in the resource group and at the location of its host, take disks, have what the
        VM runs, room in memory, and what its network needs. One that has a copy of the VM is none; one whose
        report may be late about that comes last.
        """
        able, nearest = [], "no other host of its resource group and location is connected"
        for host in self._fleet.agents(source.agent.subscription_id):
            if host.agent.id == source.agent.id or not host.connected or not _beside(host, source):
                continue
            lack = self._lack(host, vm, guest, needs)
            if lack is None:
                able.append(host)
            else:
                nearest = f"the host '{host.agent.name}' {lack}"
        order = sorted(
            able,
            key=lambda host: (
                _reports(host, vm),
                -self._free(host),
                len(host.machines),
                host.agent.name.lower(),
            ),
        )
        return order, "" if order else nearest

    def _lack(self, host: HostView, vm: str, guest: Guest, needs: Needs) -> str | None:
        """What keeps a VM from this host, in words that follow its name."""
        report = host.report
        if report is None or not report.moves:
            return (
                "does not take the disks of other hosts: its agent is older, or its administrator forbids it"
            )
        if host.agent.id in needs.copies or (_reports(host, vm) and not needs.asked):
            return "has a copy of it already"
        try:
            check_offer(host, guest)
        except Fault as fault:
            return f"has no {fault.fields.get('kind', 'room')} for it ({fault.code})"
        if guest.driver == "qemu" and self._free(host) < guest.memory_mib:
            return f"has {max(0, self._free(host))} MiB of memory left, not {guest.memory_mib}"
        if needs.card and not report.networks:
            return "gives VMs no cards"
        offered = [block for text in report.public if (block := prefixes.block(text)) is not None]
        for text in needs.public:
            address = prefixes.address(text)
            if address is None or not prefixes.holds(offered, address):
                return f"does not offer its public address {text}"
        return None

    def promise(self, uid: str, host: HostView, guest: Guest) -> None:
        """Count a VM that was written down for the host from now on."""
        until = clock.monotonic() + PROMISED_SECONDS
        self._promises[uid] = _Promise(host.agent.id, guest.memory_mib, until)

    def tagged(self, rid: ResourceId, tags: Mapping[str, str] | None) -> str | None:
        """Id of the host that the tag HOST_TAG names, by its name or its id; None without that tag.

        Raises Fault InvalidParameter, for a name that no host of the subscription has or several have.
        """
        name = next((value for key, value in (tags or {}).items() if key.lower() == HOST_TAG), None)
        if name is None or name.startswith("/"):
            return name
        found = [
            host for host in self._fleet.agents(rid.subscription) if host.agent.name.lower() == name.lower()
        ]
        own = [host for host in found if host.agent.resource_group.lower() == (rid.group or "").lower()]
        match own or found:
            case [host]:
                return host.agent.resource_id
            case []:
                detail = f"no host of this subscription has the name '{name[:80]}'"
            case _:
                detail = f"several hosts have the name '{name[:80]}': give the host's id"
        raise Fault("InvalidParameter", target=f"tags.{HOST_TAG}", detail=detail)

    def _named(self, hosts: list[HostView], wanted: str) -> HostView:
        named = parse_id(wanted)
        if named.type.lower() != MACHINES.lower():
            raise Fault(
                "InvalidParameter", target="properties.host.id", detail=f"it must be of type {MACHINES}"
            )
        # A host of another subscription is not told apart from one that does not exist.
        for host in hosts:
            if host.agent.resource_id.lower() == named.key:
                if not host.connected:
                    raise self._fleet.offline(host.agent.id)
                return host
        raise Fault("ResourceNotFound", resource=f"{MACHINES}/{named.name}", group=named.group or "")

    def _free(self, host: HostView) -> int:
        total = host.report.memory_mib if host.report is not None else 0
        given = sum(each.memory_mib for each in host.machines)
        return total - given - sum(promise.memory_mib for promise in self._promised(host))

    def _promised(self, host: HostView) -> list[_Promise]:
        now = clock.monotonic()
        known = {report.vm for report in host.machines}
        for uid in [
            uid
            for uid, promise in self._promises.items()
            if promise.until < now or (promise.agent == host.agent.id and uid in known)
        ]:
            del self._promises[uid]
        return [promise for promise in self._promises.values() if promise.agent == host.agent.id]


def _reports(host: HostView, vm: str) -> bool:
    return any(each.vm == vm for each in host.machines)


def _beside(host: HostView, source: HostView) -> bool:
    """Whether two hosts are in one resource group and at one location."""

    def place(view: HostView) -> tuple[str, str]:
        return view.agent.resource_group.lower(), (view.agent.location or DEFAULT_LOCATION).lower()

    return place(host) == place(source)


def check_offer(host: HostView, guest: Guest) -> None:
    """Raises Fault ImageNotFound when the host's configuration lacks what `guest` names, AllocationFailed
    when it has no such driver or is too small.
    """
    report = host.report
    if report is None:
        return
    lines = report.uarts if guest.driver == "uart" else report.sockets
    offers = {"image": report.images, "program": report.programs, "socket": lines}
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
    if guest.driver not in report.drivers:
        raise Fault("AllocationFailed", host=host.agent.name, detail=f"has no driver '{guest.driver}'")
    if guest.driver == "qemu" and guest.memory_mib > report.memory_mib:
        detail = f"has {report.memory_mib} MiB of memory, not {guest.memory_mib}"
        raise Fault("AllocationFailed", host=host.agent.name, detail=detail)
