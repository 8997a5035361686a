"""The other end of a connectivity check, where it is a VM here: who is let in, what its host sees of it."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import msgspec

from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.providers.compute.shape import private_of
from outofband.providers.network import evaluation, hosting
from outofband.providers.network.attachments import machines_of
from outofband.providers.network.house import House
from outofband.store.faults import PASSING
from outofband.wire.machine import Power, Verb
from outofband.wire.network import prefixes
from outofband.wire.network.connectivity import Issue, Origin, Stop, Type, joined, platform
from outofband.wire.network.flows import Flow
from outofband.wire.network.prefixes import Address
from outofband.wire.network.reach import Reached
from outofband.wire.network.rules import Access, Direction
from outofband.wire.network.rules import Protocol as Transport
from outofband.wire.remote import PORTS, Protocol, Report

SOMEWHERE = 60000
"""A port that a client takes for itself, where none was asked for."""
LOOK_SECONDS = 75.0
_SOMEBODY = ip_address("198.51.100.1")
"""Stands for whoever comes from the internet (RFC 5737)."""
_FILTERED = frozenset({"RdpSilent", "SshSilent"})
_NOTHING = frozenset({"RdpCut", "SshCut", "ConnectionCut", "PortClosed"})
"""A host's connection to a port that nobody has in the guest is taken, and ended at once."""
_NOT_CARRIED = "VMs do not reach each other by private addresses here: each has a network of its own."
_CLOSED = "no security group, and a public address of SKU Standard"


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """Input of the operation. `card` and `far` are ids of interfaces here; `private`: `far` is reached by its
    private address.
    """

    machine: str
    card: str
    host: str
    port: int
    source_port: int = SOMEWHERE
    far: str = ""
    private: bool = False


class FarEnd:
    def __init__(self, house: House, fleet: Fleet) -> None:
        self._house, self._store, self._fleet = house, house.store, fleet

    async def look(
        self,
        stop: Stop,
        planned: Planned,
        card: evaluation.Interface,
        far: evaluation.Interface,
        reached: Reached | None,
    ) -> Stop:
        """The last hop with what is known of it. `card` is the source's. Raises Fault of the store."""
        issues = []
        said = evaluation.flow_verdict(
            far,
            Flow(
                direction=Direction.INBOUND,
                protocol=Transport.TCP,
                local=hosting.address_of(far.row),
                remote=hosting.address_of(card.row) if planned.private else await self._outer(card),
                local_port=planned.port,
                remote_port=planned.source_port,
            ),
        )
        if said["access"] == Access.DENY.value:
            context = {"RuleName": said["ruleName"] or _CLOSED}
            issues.append(Issue(origin=Origin.INBOUND, type=Type.RULE, context=context))
        if planned.private:
            issues.append(platform(_NOT_CARRIED))
        elif not issues and reached is not None and not reached.times:
            issues += await self._seen_there(planned, far)
        resource = f"{far.row.id}/ipConfigurations/{far.row.properties['ipConfigurations'][0]['name']}"
        return joined(msgspec.structs.replace(stop, resource=resource), *issues)

    async def _seen_there(self, planned: Planned, far: evaluation.Interface) -> Sequence[Issue]:
        async with self._store.read() as tx:
            attached = await machines_of(self._store, tx, far.row.subscription_id, far.row.name)
            name = attached.get(far.row.key)
            row = await self._store.resources.get(tx, name) if name else None
        if row is None:
            return [platform("No VM has this network interface.")]
        agent = private_of(row).agent
        report = self._fleet.report(row.uid, agent)
        if not self._fleet.connected(agent) or report is None:
            return [platform("The VM's host is not connected.")]
        if report.power is not Power.RUNNING:
            return [platform(f"The VM is {report.power.value}.")]
        kind = Protocol.RDP if planned.port == PORTS[Protocol.RDP] else Protocol.SSH
        args = {"protocol": kind.value, "port": planned.port}
        try:
            seen = await self._fleet.ask(
                agent, Verb.PROBE, row.uid, args, epoch=row.epoch, timeout=LOOK_SECONDS
            )
            look = msgspec.convert(seen.data, Report)
        except Fault as fault:
            if fault.code in PASSING:
                raise
            return []
        code = look.problem.code if look.problem is not None else ""
        if code in _FILTERED:
            said = {"Seen": "silent", "From": "host of the destination"}
            return [Issue(origin=Origin.INBOUND, type=Type.FIREWALL, context=said)]
        if code in _NOTHING:
            reason = "Nothing takes the port, or what takes it ends the connection at once."
            return [Issue(origin=Origin.LOCAL, type=Type.UNKNOWN, context={"Reason": reason})]
        # Whatever else is wrong with what answers there: it answers.
        return [platform("The port answers its own host: the fault is on the way to it.")]

    async def _outer(self, card: evaluation.Interface) -> Address:
        """As whom the VM comes to others from outside."""
        async with self._store.read() as tx:
            found = await hosting.public_of(self._store, tx, card.row)
        return next((one for one in map(prefixes.address, found) if one is not None), _SOMEBODY)
