"""What is answered of a machine: from its row, and from what its agent said last.

Agents are believed as far as they speak of themselves, and no further: texts are cut and lose their control
characters, what has not the form it should have is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from outofband.catalogue import explain
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.locale import DEFAULT
from outofband.fleet.hosts import HostView
from outofband.net import proxies
from outofband.store.agents import Agent
from outofband.wire.connecting import WARN_BEFORE
from outofband.wire.machine import AgentReport, HostReport

QUIET = timedelta(minutes=15)
"""An agent that nothing was heard of for so long is not connected, whatever is noted of its link."""
CLONE_TOLD = timedelta(days=1)
MAX_TEXT = 500
MAX_ITEMS = 64
_AZURE_SERVICES = {
    "extensionService": ("extensionservice", "extd"),
    "guestConfigurationService": ("gcservice", "gcarcservice", "gcad"),
}


def status(agent: Agent, *, linked: bool, now: datetime) -> tuple[str, datetime]:
    """The word of Azure's for how it is connected, and since when (docs/decisions/0053)."""
    if agent.awaiting:
        return "AwaitingConnection", agent.changed or agent.enrolled
    heard = agent.last_seen or agent.link_since
    if linked and (agent.link_since is None or heard is None or now - heard < QUIET):
        return "Connected", agent.link_since or heard or agent.enrolled
    if agent.expired(now) and agent.certificate_expires is not None:
        return "Expired", agent.certificate_expires
    return "Disconnected", heard or agent.enrolled


def properties(
    agent: Agent, view: HostView | None, *, linked: bool, now: datetime, locale: str = DEFAULT
) -> dict[str, Any]:
    """`locale`: of texts for people."""
    word, since = status(agent, linked=linked, now=now)
    said: dict[str, Any] = agent.properties or {}
    report = view.report if view is not None else None
    beat = _beat(agent)
    shown: dict[str, Any] = {
        "provisioningState": "Succeeded",
        "status": word,
        "lastStatusChange": clock.iso(since),
        "agentVersion": agent.version,
        "displayName": agent.name,
        "clientPublicKey": agent.public_key,
        "identityKeyStore": "default",
        **said,
        "vmId": said.get("vmId") or agent.id,
        "osType": said.get("osType") or "linux",
        "errorDetails": list(errors(agent, beat, now, locale)),
        "serviceStatuses": _services(beat),
        "agentConfiguration": _configuration(beat),
    }
    if report is not None:
        shown |= _host(report, said)
    shown["outofband"] = _own(agent, view, beat)
    return shown


def errors(agent: Agent, beat: AgentReport | None, now: datetime, locale: str) -> Iterable[dict[str, str]]:
    """What is wrong with its connection, as {code, message}."""
    end = agent.certificate_expires
    if agent.expired(now):
        yield _told(Fault("AgentExpired", agent=agent.name, expired=clock.iso(end)), locale)
    elif agent.renews and end is not None and end - now < WARN_BEFORE:
        days = max(0, (end - now).days)
        yield _told(
            Fault("MachineCertificateEnds", machine=agent.name, ends=clock.iso(end), days=days), locale
        )
    trouble = agent.trouble
    if trouble and now - clock.parse_iso(trouble["at"]) < CLONE_TOLD:
        told = _told(Fault(trouble["code"], **trouble["fields"]), locale)
        yield {**told, "message": f"{told['message']} ({trouble['at']})"}
    for each in (beat.errors if beat is not None else [])[:MAX_ITEMS]:
        yield {"code": _text(each.get("code"), 80), "message": _text(each.get("message"))}


def _told(fault: Fault, locale: str) -> dict[str, str]:
    return {"code": fault.code, "message": explain(fault, locale).message}


def _beat(agent: Agent) -> AgentReport | None:
    if agent.beat is None:
        return None
    try:
        return msgspec.convert(agent.beat, AgentReport)
    except msgspec.ValidationError:
        # Written by another version; the next one replaces it.
        return None


def _services(beat: AgentReport | None) -> dict[str, Any]:
    told = {name.lower(): _text(state, 40) for name, state in (beat.services if beat else {}).items()}
    found = {}
    for azures, ours in _AZURE_SERVICES.items():
        state = next((told[name] for name in ours if name in told), None)
        if state is not None:
            found[azures] = {"status": state, "startupType": "automatic"}
    return found


def _configuration(beat: AgentReport | None) -> dict[str, Any]:
    given = beat.configuration if beat is not None else {}
    texts = {
        "proxyUrl": "proxy.url",
        "extensionsEnabled": "extensions.enabled",
        "guestConfigurationEnabled": "guestconfiguration.enabled",
        "configMode": "config.mode",
    }
    lists = {"incomingConnectionsPorts": "incomingconnections.ports", "proxyBypass": "proxy.bypass"}
    extensions = {
        "extensionsAllowList": "extensions.allowlist",
        "extensionsBlockList": "extensions.blocklist",
    }
    shown: dict[str, Any] = {name: _word(given[key]) for name, key in texts.items() if key in given}
    shown |= {name: _texts(given[key]) for name, key in lists.items() if key in given}
    for name, key in extensions.items():
        if key in given:
            pairs = (each.partition("/") for each in _texts(given[key]))
            shown[name] = [{"publisher": publisher, "type": kind} for publisher, _, kind in pairs]
    if shown.get("proxyUrl"):
        # The agent leaves the password out already; it must not be kept here either.
        shown["proxyUrl"] = proxies.redacted(shown["proxyUrl"])
    return shown


def _host(report: HostReport, said: Mapping[str, Any]) -> dict[str, Any]:
    facts = report.facts
    fqdn = facts.fqdn or report.hostname
    detected = {
        "logicalCoreCount": str(report.cpus),
        "totalPhysicalMemoryInMegabytes": str(report.memory_mib),
        "accelerator": report.accelerator,
        "probe": report.probe,
        "manufacturer": facts.manufacturer,
        "model": facts.model,
        "processorNames": facts.processor,
        "cloudprovider": facts.cloud,
        "simulated": "true" if report.simulated else "",
    }
    shown: dict[str, Any] = {
        "machineFqdn": _text(fqdn),
        "dnsFqdn": _text(fqdn),
        "osName": _text(facts.os_name or report.os),
        "osVersion": _text(facts.os_version),
        "osSku": _text(facts.os_sku),
        "domainName": _text(facts.domain),
        "vmUuid": _text(facts.uuid),
        "osProfile": {**(said.get("osProfile") or {}), "computerName": _text(report.hostname)},
        "cloudMetadata": said.get("cloudMetadata") or {"provider": _text(facts.cloud) or "N/A"},
        "detectedProperties": {name: _text(value) for name, value in detected.items() if value},
        "hardwareProfile": {
            "totalPhysicalMemoryInBytes": report.memory_mib * 2**20,
            "processors": [{"name": _text(facts.processor), "numberOfCores": report.cpus}],
        },
        "firmwareProfile": {"serialNumber": _text(facts.serial)},
        "networkProfile": {"networkInterfaces": [_network(each) for each in facts.networks[:MAX_ITEMS]]},
        "storageProfile": {"disks": [_disk(each) for each in facts.disks[:MAX_ITEMS]]},
    }
    return {name: value for name, value in shown.items() if value != ""}


def _network(given: Mapping[str, Any]) -> dict[str, Any]:
    addresses = given.get("ipAddresses")
    usable = addresses if isinstance(addresses, list) else []
    return {
        "id": _text(given.get("id")),
        "name": _text(given.get("id")),
        "macAddress": _text(given.get("macAddress"), 40),
        "ipAddresses": [_address(each) for each in usable[:MAX_ITEMS] if isinstance(each, dict)],
    }


def _address(given: Mapping[str, Any]) -> dict[str, Any]:
    version = _text(given.get("version"), 8)
    return {
        "address": _text(given.get("address"), 64),
        "ipAddressVersion": version if version.startswith("IP") else f"IPv{version}" if version else "",
        "subnet": {"addressPrefix": _text(given.get("prefix"), 64)},
    }


def _disk(given: Mapping[str, Any]) -> dict[str, Any]:
    size = given.get("sizeBytes")
    shown: dict[str, Any] = {
        "id": _text(given.get("name")),
        "name": _text(given.get("name")),
        "diskType": _text(given.get("type"), 40),
    }
    if isinstance(size, int):
        shown["maxSizeInBytes"] = size
    return shown


def _own(agent: Agent, view: HostView | None, beat: AgentReport | None) -> dict[str, Any]:
    """What Azure has no word for. What the host offers is there once it has said so."""
    own: dict[str, Any] = {
        "lastHeartbeat": _moment(agent.last_seen),
        "reported": _moment(agent.beat_at),
        "certificateIssued": _moment(agent.certificate_issued),
        "certificateExpires": _moment(agent.certificate_expires),
        "renews": agent.renews,
        "services": {
            _text(name, 40): _text(state, 40) for name, state in list((beat.services if beat else {}).items())
        },
    }
    if view is not None and (report := view.report) is not None:
        own |= {
            "drivers": report.drivers,
            "images": report.images,
            "programs": report.programs,
            "sockets": report.sockets,
            "uarts": report.uarts,
            "console": report.console,
            "monitor": report.monitor,
            "virtualMachines": len(view.machines),
        }
    return own


def _moment(moment: datetime | None) -> str | None:
    return clock.iso(moment) if moment is not None else None


def _text(value: Any, limit: int = MAX_TEXT) -> str:
    """One line of it."""
    text = str(value) if isinstance(value, str | int | float) else ""
    return "".join(each if each.isprintable() else " " for each in text[:limit])


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else _text(value)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        value = value.split(",") if value else []
    return [_text(each).strip() for each in value[:MAX_ITEMS]] if isinstance(value, list) else []
