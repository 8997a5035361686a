"""What is seen of a VM at this moment: its host's last word, and how far that can be trusted."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.catalogue import explain
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.fleet.hosts import HostView
from outofband.providers.compute.shape import (
    boot_diagnostics_on,
    guest_of,
    has_screen,
    machine_name,
    private_of,
)
from outofband.store.resources import Resource
from outofband.wire.machine import PortReport, Power, VmReport
from outofband.wire.portstate import PortState

DEALLOCATED = "deallocated"
_PROVISIONING = {
    "Succeeded": "Provisioning succeeded",
    "Creating": "Creating",
    "Updating": "Updating",
    "Deleting": "Deleting",
    "Failed": "Provisioning failed",
}
_POWER = {
    "starting": "VM starting",
    "running": "VM running",
    "stopping": "VM stopping",
    "stopped": "VM stopped",
    DEALLOCATED: "VM deallocated",
    "unknown": "VM status unknown",
}


def power(fleet: Fleet, row: Resource) -> str:
    """The last known state of power, in the words of `PowerState/`."""
    private = private_of(row)
    report = fleet.report(row.uid, private.agent)
    if report is None:
        return DEALLOCATED if private.deallocated else Power.UNKNOWN.value
    if private.deallocated and report.power is Power.STOPPED:
        return DEALLOCATED
    return report.power.value


def render(fleet: Fleet, row: Resource) -> dict[str, Any]:
    """`properties.instanceView`. Status 0 is about provisioning, 1 about power; clients count on that."""
    private = private_of(row)
    host = fleet.host(private.agent)
    report = fleet.report(row.uid, private.agent)
    statuses = [provisioning(row, private.failure), _power(fleet, row, host, report)]
    if host is None or not host.connected:
        statuses.append(_disconnected(fleet, private.agent))
    if report is not None and report.fault is not None:
        statuses.append(_fault(Fault(report.fault, **report.fault_fields), report.since))
    view: dict[str, Any] = {
        "computerName": _computer(row),
        "disks": [],
        "extensions": [],
        "statuses": statuses,
    }
    if boot_diagnostics_on(row):
        view["bootDiagnostics"] = {}
    view["outofband"] = _own(row, host, report)
    return view


def provisioning(row: Resource, failure: dict[str, Any] | None) -> dict[str, Any]:
    """The status of a row's last change; `failure` is why it failed."""
    state = row.provisioning_state
    status = {
        "code": f"ProvisioningState/{state.lower()}",
        "level": "Error" if state == "Failed" else "Info",
        "displayStatus": _PROVISIONING.get(state, state),
        "time": clock.iso(row.changed),
    }
    if failure is not None and state == "Failed":
        status["code"] += f"/{failure['code']}"
        status["message"] = failure["message"]
    return status


def _computer(row: Resource) -> str:
    named = (row.properties.get("osProfile") or {}).get("computerName")
    return named if isinstance(named, str) else machine_name(row)


def _power(fleet: Fleet, row: Resource, host: HostView | None, report: VmReport | None) -> dict[str, Any]:
    word = power(fleet, row)
    status: dict[str, Any] = {
        "code": f"PowerState/{word}",
        "level": "Info",
        "displayStatus": _POWER[word],
    }
    if report is not None:
        status["time"] = report.since
    if host is None or not host.connected:
        status["level"] = "Warning"
        status["message"] = "The last state that was known: the VM's host is not connected."
    return status


def _disconnected(fleet: Fleet, agent: str) -> dict[str, Any]:
    said = explain(fleet.offline(agent))
    return {
        "code": "HostState/disconnected",
        "level": "Warning",
        "displayStatus": "Host disconnected",
        "message": f"{said.message} {said.cause}",
    }


def _fault(fault: Fault, since: str) -> dict[str, Any]:
    said = explain(fault)
    return {
        "code": f"HostFault/{said.code}",
        "level": "Error",
        "displayStatus": said.title,
        "message": said.message,
        "time": since,
    }


def port_shows(report: VmReport | None, port: str) -> str:
    """What a serial port of a VM shows, in the words of `wire.portstate`; empty where nobody says so."""
    found = next((each for each in report.ports if each.name == port), None) if report is not None else None
    if report is None or found is None or not found.shows:
        return ""
    if report.power is Power.STOPPED:
        return PortState.SILENT.value
    # What an agent says is believed as far as it is a word of ours.
    known = found.shows in PortState.__members__.values()
    return found.shows if known else PortState.UNKNOWN.value


def _ports(report: VmReport) -> list[PortReport]:
    return [msgspec.structs.replace(each, shows=port_shows(report, each.name)) for each in report.ports]


def _own(row: Resource, host: HostView | None, report: VmReport | None) -> dict[str, Any]:
    """What Azure has no word for."""
    own: dict[str, Any] = {
        "driver": guest_of(row).driver,
        "screen": has_screen(row),
        "epoch": row.epoch,
        "hostConnected": host is not None and host.connected,
        "ports": msgspec.to_builtins(_ports(report)) if report is not None else [],
    }
    if host is not None:
        own["host"] = host.agent.name
        own["hostId"] = host.agent.resource_id
        if host.report is not None:
            own["accelerator"] = host.report.accelerator
    return own
