"""The health of a machine: a judgement of what its host said last, and whether it still speaks."""

from __future__ import annotations

import enum
from datetime import UTC, datetime

import msgspec

from outofband.catalogue import explain
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.fleet.hosts import HostView
from outofband.providers.compute.shape import INSTANCES, TYPE, private_of
from outofband.store.agents import Agent
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.machine import Power, VmReport

_TURNED_OFF = frozenset(
    f"{kind}/{verb}/action".lower() for kind in (TYPE, INSTANCES) for verb in ("powerOff", "deallocate")
)
_POWERED = (*_TURNED_OFF, *(f"{kind}/start/action" for kind in (TYPE, INSTANCES)))
_SUCCEEDED = ("Succeeded",)


class State(enum.Enum):
    AVAILABLE = "Available"
    UNAVAILABLE = "Unavailable"
    DEGRADED = "Degraded"
    UNKNOWN = "Unknown"


class Reason(enum.Enum):
    """Whose doing it is, in Azure's words; an available machine needs none."""

    NONE = ""
    UNPLANNED = "Unplanned"
    CUSTOMER = "Customer Initiated"


class Health(msgspec.Struct, frozen=True, kw_only=True):
    state: State
    title: str
    summary: str
    occurred: datetime
    """When it came to be so."""
    reported: datetime
    """When that was last known to be so."""
    reason: Reason = Reason.NONE
    detail: str = ""
    """A stable word for what it is: a state of power, or a code of the catalogue."""
    lasting: bool = False
    """It stays so until somebody does something."""
    actions: tuple[str, ...] = ()
    power_is_off: bool = False

    def by_somebody(self) -> Health:
        """The same for a VM that was turned off on request."""
        return msgspec.structs.replace(
            self,
            reason=Reason.CUSTOMER,
            summary="The virtual machine is off because somebody asked for it.",
            actions=("Start the virtual machine.",),
        )


def of_vm(row: Resource, host: HostView | None, report: VmReport | None, now: datetime) -> Health:
    """`report` is the host's last word on it. A host that cannot be reached is not taken for dead: its VMs
    may well run, and nobody knows.
    """
    private = private_of(row)
    if host is None:
        return Health(
            state=State.UNKNOWN,
            title="Unknown",
            summary="The host of the virtual machine is not enrolled.",
            occurred=row.changed,
            reported=row.changed,
            detail="HostUnknown",
            lasting=True,
            actions=("Enrol the host again.",),
        )
    if not host.connected:
        heard = host.since or host.agent.last_seen or host.agent.enrolled
        return Health(
            state=State.UNKNOWN,
            title="Unknown",
            summary=f"The host '{host.agent.name}' is not connected: the last known state may have changed.",
            occurred=heard,
            reported=heard,
            reason=Reason.UNPLANNED,
            detail="HostDisconnected",
            actions=("Look after the host and its agent.",),
        )
    if private.failure is not None and row.provisioning_state == "Failed" and not private.placed:
        return Health(
            state=State.UNAVAILABLE,
            title="Unavailable",
            summary=f"The virtual machine was not made: {private.failure['message']}",
            occurred=row.changed,
            reported=now,
            reason=Reason.UNPLANNED,
            detail=private.failure["code"],
            lasting=True,
            actions=("Do what the message says, then create the virtual machine again.",),
        )
    if report is None:
        return Health(
            state=State.UNKNOWN,
            title="Unknown",
            summary="The host has said nothing of the virtual machine.",
            occurred=row.changed,
            reported=now,
            detail="NotReported",
        )
    return _reported(report, now)


def _reported(report: VmReport, now: datetime) -> Health:
    since = _moment(report.since, now)
    if report.fault is not None:
        said = explain(Fault(report.fault, **report.fault_fields))
        runs = report.power is Power.RUNNING
        return Health(
            state=State.DEGRADED if runs else State.UNAVAILABLE,
            title=said.title,
            summary=said.message,
            occurred=since,
            reported=now,
            reason=Reason.UNPLANNED,
            detail=said.code,
            lasting=True,
            actions=tuple(said.remedy),
        )
    alarm = next((port.alarm for port in report.ports if port.alarm is not None), None)
    match report.power:
        case Power.RUNNING if alarm is not None:
            said = explain(Fault(alarm))
            return Health(
                state=State.DEGRADED,
                title=said.title,
                summary="The virtual machine runs, but what its serial port prints may be lost.",
                occurred=since,
                reported=now,
                reason=Reason.UNPLANNED,
                detail=alarm,
                actions=tuple(said.remedy),
            )
        case Power.RUNNING:
            return Health(
                state=State.AVAILABLE,
                title="Available",
                summary="The virtual machine runs, and nothing is known to be wrong with its host.",
                occurred=since,
                reported=now,
                detail=report.power.value,
            )
        case Power.STOPPED:
            return Health(
                state=State.UNAVAILABLE,
                title="Stopped",
                summary="The virtual machine is off, and nobody asked for it: its guest shut down.",
                occurred=since,
                reported=now,
                reason=Reason.UNPLANNED,
                detail=report.power.value,
                lasting=True,
                actions=("Look at the boot log.", "Start the virtual machine."),
                power_is_off=True,
            )
        case Power.STARTING | Power.STOPPING:
            return Health(
                state=State.UNAVAILABLE,
                title="Changing",
                summary=f"The virtual machine is {report.power.value}.",
                occurred=since,
                reported=now,
                reason=Reason.CUSTOMER,
                detail=report.power.value,
            )
        case Power.UNKNOWN:
            return Health(
                state=State.UNKNOWN,
                title="Unknown",
                summary="The host does not know the state of the virtual machine.",
                occurred=since,
                reported=now,
                detail=report.power.value,
            )


async def health_of(store: Store, fleet: Fleet, tx: Tx, row: Resource, now: datetime) -> Health:
    """Of a VM by what is known here at `now`."""
    agent = private_of(row).agent
    health = of_vm(row, fleet.host(agent), fleet.report(row.uid, agent), now)
    if health.power_is_off and await _was_turned_off(store, tx, row):
        return health.by_somebody()
    return health


async def _was_turned_off(store: Store, tx: Tx, row: Resource) -> bool:
    """Whether the last word about its power was to be off, rather than its own doing."""
    if private_of(row).deallocated:
        return True
    page = await store.activity.page(
        tx, resource=row.id, equal={"action": _POWERED, "status": _SUCCEEDED}, limit=1
    )
    return bool(page.items) and page.items[0].action.lower() in _TURNED_OFF


def of_host(agent: Agent, connected: bool, now: datetime) -> Health:
    if connected:
        return Health(
            state=State.AVAILABLE,
            title="Available",
            summary="The machine's agent is connected.",
            occurred=agent.link_since or agent.enrolled,
            reported=now,
            detail="Connected",
        )
    heard = agent.last_seen or agent.enrolled
    if agent.awaiting:
        return Health(
            state=State.UNKNOWN,
            title="Awaiting connection",
            summary="The machine was made, and its agent has not claimed it yet.",
            occurred=agent.changed or agent.enrolled,
            reported=now,
            detail="AwaitingConnection",
            actions=("On the machine: azcmagent connect, with the same names.",),
        )
    if agent.expired(now):
        said = explain(Fault("AgentExpired", agent=agent.name, expired=clock.iso(agent.certificate_expires)))
        return Health(
            state=State.UNAVAILABLE,
            title=said.title,
            summary=said.message,
            occurred=agent.certificate_expires or heard,
            reported=now,
            reason=Reason.UNPLANNED,
            detail=said.code,
            lasting=True,
            actions=tuple(said.remedy),
        )
    return Health(
        state=State.UNAVAILABLE,
        title="Disconnected",
        summary="The machine's agent is not connected.",
        occurred=heard,
        reported=heard,
        reason=Reason.UNPLANNED,
        detail="Disconnected",
        actions=("Look after the machine, its network and its agent.",),
    )


def _moment(text: str, otherwise: datetime) -> datetime:
    """What an agent wrote; an older one may have written anything."""
    try:
        found = clock.parse_iso(text)
    except ValueError:
        return otherwise
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
