"""What is known of a VM in trouble without touching it: power, host, health, log, network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outofband.access.authorizer import Rights
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.fleet.fleet import Fleet
from outofband.providers.compute import instance_view
from outofband.providers.compute import shape as vm
from outofband.providers.compute.finding_views import findings_of, moment, words
from outofband.providers.health import health_of
from outofband.providers.network import evaluation, hosting
from outofband.providers.network.endpoints import endpoints_of
from outofband.providers.network.house import House
from outofband.providers.network.readdressing import Seat, seat_of
from outofband.providers.rescues.within import Inside
from outofband.providers.serial_console.reading import READ_DIAGNOSTICS
from outofband.rescue.judging import Scene
from outofband.rescue.run import Found, Run
from outofband.rescue.runbook import Deed
from outofband.store.resources import Resource
from outofband.store.tx import Tx

LOG = "log"
"""In the evidence of a finding: lines of the VM's log, for those who may read that."""
_READ_LOG = "Microsoft.SerialConsole/serialPorts/log/action"


async def scene(
    house: House,
    fleet: Fleet,
    tx: Tx,
    row: Resource,
    run: Run,
    lacking: Mapping[Deed, Fault],
    within: Inside | None = None,
) -> Scene:
    """`within`: what the guest and its screen told, for the step that asks them."""
    within = within or Inside()
    private, now = vm.private_of(row), clock.now()
    host, report = fleet.host(private.agent), fleet.report(row.uid, private.agent)
    health = await health_of(house.store, fleet, tx, row, now)
    card = await hosting.interface_of(house.store, tx, row)
    return Scene(
        vm=vm.command_name(row),
        power=instance_view.power(fleet, row),
        away=None if fleet.connected(private.agent) else fleet.offline(private.agent),
        lacking=lacking,
        health={
            "state": health.state.value,
            "title": health.title,
            "summary": health.summary,
            "detail": health.detail,
            "reason": health.reason.value,
            "since": clock.iso(health.occurred),
            "actions": list(health.actions),
            "hostHeard": clock.iso(host.agent.last_seen) if host and host.agent.last_seen else "",
        },
        screen=instance_view.port_shows(report, "0"),
        log_on=vm.boot_diagnostics_on(row),
        log=await _log(house, tx, row, run.wanted.locale),
        card=_card(card) if card is not None else None,
        seat=as_asked(seat_of(card)) if card is not None else {},
        pool=any(block.version == 4 for block in house.pool),
        guest=within.guest,
        speechless=within.speechless,
        picture=within.picture,
    )


def reads_log(row: Resource, rights: Rights) -> bool:
    """Whether a caller may read all of the VM's log. One that somebody keeps in an account of their own has
    rules of its own, so its lines are not repeated here at all.
    """
    if vm.storage_uri(row):
        return False
    port = parse_id(row.id).extension("Microsoft.SerialConsole", "serialPorts", "0")
    return rights.allow(READ_DIAGNOSTICS, port) or rights.allow(_READ_LOG, port)


async def evaluated(house: House, tx: Tx, row: Resource) -> evaluation.Interface | None:
    """The interface with all that decides about it; None without one, or when its network is incomplete."""
    card = await hosting.interface_of(house.store, tx, row)
    if card is None:
        return None
    try:
        return await evaluation.load(house, tx, card)
    except Fault:
        return None


async def public_address(house: House, tx: Tx, row: Resource) -> str:
    """The first public address of the VM; empty when it has none."""
    return next(iter(await hosting.public_addresses(house.store, tx, row)), "")


async def door(house: House, tx: Tx, row: Resource, port: int) -> int | None:
    """The public port that leads to a port of the VM; None when nothing does: with a classic view a VM is
    reached at the endpoints of that alone.
    """
    endpoints = await endpoints_of(house.store, tx, row)
    if endpoints is None:
        return port
    return next((each.public for each in endpoints if each.private == port), None)


async def _log(house: House, tx: Tx, row: Resource, locale: str) -> tuple[Found, ...]:
    if not vm.boot_diagnostics_on(row):
        return ()
    told = []
    for each in await findings_of(house.store, tx, row):
        said = words(each, locale)
        lines = [{"offset": line.offset, "at": moment(line.at), "text": line.text} for line in each.evidence]
        evidence: dict[str, Any] = {"finding": each.id, "port": each.port, "since": clock.iso(each.first)}
        told.append(
            Found(
                code=said.code,
                title=said.title,
                message=said.message,
                cause=said.cause,
                remedy=said.remedy,
                evidence={**evidence, **({LOG: lines} if lines else {})},
            )
        )
    return tuple(told)


def as_asked(seat: Seat) -> dict[str, str]:
    """Where an interface is, as the body of `resetNic` has it; nothing without a card's address."""
    if not seat.mac:
        return {}
    return {
        "privateIPAddress": seat.address,
        "privateIPAllocationMethod": seat.method,
        "macAddress": seat.mac,
    }


def _card(row: Resource) -> dict[str, Any]:
    parts = [each["properties"] for each in row.properties["ipConfigurations"]]
    return {
        "id": row.id,
        "macAddress": row.properties.get("macAddress", ""),
        "addresses": [
            {"address": each["privateIPAddress"], "allocation": each.get("privateIPAllocationMethod", "")}
            for each in parts
        ],
    }
