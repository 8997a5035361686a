"""The VM's network interface: another address and card, and a public address where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from outofband.catalogue import explain
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.providers.network.hosting import interface_of
from outofband.providers.network.house import INTERFACES, PUBLIC_ADDRESSES
from outofband.providers.network.house import VERSION as NETWORK_VERSION
from outofband.providers.network.readdressing import Seat, seat_of
from outofband.providers.rescues.asking import Asking, Need, failure, output, report_in, undo_key
from outofband.providers.rescues.scene import as_asked
from outofband.rescue import guest
from outofband.rescue.doing import Errand, Told
from outofband.rescue.run import Done, Run
from outofband.store.faults import PASSING
from outofband.store.operations import Operation
from outofband.store.resources import Resource
from outofband.store.tx import Tx
from outofband.wire.arm.operations import Status
from outofband.wire.steps.report import StepReport

_PLAN_GONE = "GuestUndoMissing"


class ResetCard:
    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def needs(self, errand: Errand, row: Resource, tx: Tx) -> list[Need]:
        rights = [Need(f"{errand.vm.type}/resetNic/action", str(errand.vm))]
        interface = await interface_of(self._asking.store, tx, row)
        return rights if interface is None else [*rights, Need(f"{INTERFACES}/write", interface.id)]

    async def do(self, errand: Errand, run: Run, done: Done) -> Told:
        return _told(await self._asking.once(errand, done.key, "POST", f"{errand.vm}/resetNic", body={}))

    async def undo(self, errand: Errand, run: Run, done: Done) -> tuple[Fault, ...]:
        """The old address and card, and what the guest put aside to use the new ones.

        In the guest first: its settings are back when it starts with the old card, and what the way back
        does to its running network ends with that start. Raises Fault RescueGuestSettingsLeft where the guest
        does not answer, when everything else is done; another attempt does the rest.
        """
        before, report = await self._was(done)
        key, trouble = undo_key(errand, done), None
        if report is not None:
            trouble = await self._guest(errand, f"{key}:guest", report)
        moves = await self._elsewhere(done, before)
        if moves:
            await self._asking.once(errand, key, "POST", f"{errand.vm}/resetNic", body=before)
            if report is not None and trouble is not None and trouble.code != _PLAN_GONE:
                # Started anew it may answer; nothing starts it once more, then.
                trouble, moves = await self._guest(errand, f"{key}:again", report), False
        if trouble is not None and trouble.code != _PLAN_GONE:
            detail = explain(trouble).message
            raise Fault("RescueGuestSettingsLeft", vm=errand.vm.name, detail=detail) from trouble
        if report is not None and not moves:
            await self._asking.once(errand, f"{key}:cards", "POST", f"{errand.vm}/resetCards")
        return (Fault("RescueGuestPlanLost", vm=errand.vm.name),) if trouble is not None else ()

    async def _was(self, done: Done) -> tuple[dict[str, str], StepReport | None]:
        """Where the interface was before, and what the guest told. Of a deed whose end nobody noted that is
        what its operation tells; else the place that was kept before it began.
        """
        told = Told(before=done.before, report=done.report)
        if not done.before:
            ended = await self._asking.earlier(done.key)
            told = _told(ended)
            if ended is None or ended.status is not Status.SUCCEEDED:
                told = msgspec.structs.replace(told, before=dict(done.wish.args.get("seat") or {}))
        report = told.report if told.report is not None and guest.has_plan(told.report) else None
        return dict(told.before), report

    async def _elsewhere(self, done: Done, seat: Mapping[str, str]) -> bool:
        """Whether the interface is not where it was; one that is gone is nowhere."""
        async with self._asking.store.read() as tx:
            row = await self._asking.store.resources.get(tx, parse_id(str(done.wish.args["interface"])))
        return bool(seat) and row is not None and as_asked(seat_of(row)) != seat

    async def _guest(self, errand: Errand, key: str, report: StepReport) -> Fault | None:
        """Why the guest did not put its settings back; None when it did."""
        body = {"report": msgspec.to_builtins(report)}
        try:
            await self._asking.once(errand, key, "POST", f"{errand.vm}/undoStep", body=body)
        except Fault as fault:
            if fault.code in PASSING:
                raise
            return fault
        return None


class AssignAddress:
    """A public address of its own, given to the interface's primary configuration."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def needs(self, errand: Errand, row: Resource, tx: Tx) -> list[Need]:
        interface = await interface_of(self._asking.store, tx, row)
        if interface is None:
            group = str(ResourceId(subscription=errand.vm.subscription, group=errand.vm.group))
            return [Need(f"{PUBLIC_ADDRESSES}/write", group)]
        group = _group_of(interface.id)
        return [
            Need(f"{PUBLIC_ADDRESSES}/write", group),
            Need(f"{PUBLIC_ADDRESSES}/join/action", group),
            Need(f"{INTERFACES}/read", interface.id),
            Need(f"{INTERFACES}/write", interface.id),
        ]

    async def do(self, errand: Errand, run: Run, done: Done) -> Told:
        interface = str(done.wish.args["interface"])
        address = _address(errand, interface)
        async with self._asking.store.read() as tx:
            row = await self._asking.store.resources.require(tx, parse_id(interface))
        body = {
            "location": row.location,
            # One that lets nobody in until a rule says so.
            "sku": {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static"},
        }
        await self._asking.once(errand, f"{done.key}:ip", "PUT", address, NETWORK_VERSION, body)
        try:
            await self._configure(errand, f"{done.key}:nic", interface, address)
        except Fault as fault:
            if fault.code not in PASSING:
                await self._asking.once(errand, f"{done.key}:back", "DELETE", address, NETWORK_VERSION)
            raise
        return Told(effects=(address,), before={"interface": interface})

    async def undo(self, errand: Errand, run: Run, done: Done) -> tuple[Fault, ...]:
        interface = str(done.wish.args["interface"])
        if not done.before:
            # The address bears the run's name, so it is known without anybody having noted it.
            for part in ("ip", "nic", "back"):
                await self._asking.earlier(f"{done.key}:{part}")
        key = undo_key(errand, done)
        for number, address in enumerate(done.effects or (_address(errand, interface),)):
            if await self._asking.read(errand, key, address, NETWORK_VERSION) is None:
                continue
            await self._configure(errand, f"{key}:nic", interface, address, away=True)
            await self._asking.once(errand, f"{key}:{number}", "DELETE", address, NETWORK_VERSION)
        return ()

    async def _configure(
        self, errand: Errand, key: str, interface: str, address: str, *, away: bool = False
    ) -> None:
        """Write the interface as it is, but with this public address, or without it; another one that
        somebody gave it since stays. Raises Fault PreconditionFailed where somebody else writes it at the
        same time.
        """
        if await self._asking.begun(key) is None:
            body = await self._asking.read(errand, key, interface, NETWORK_VERSION)
            if body is None:
                if away:
                    return
                raise Fault("ResourceNotFound", resource=interface, group="")
            if not _changed(body["properties"]["ipConfigurations"], address, away=away):
                return
            await self._asking.ask(
                errand, key, "PUT", interface, NETWORK_VERSION, body, match=body.get("etag")
            )
        ended = await self._asking.earlier(key)
        if ended is not None and ended.status is not Status.SUCCEEDED:
            raise failure(ended)


def _changed(configurations: list[dict[str, Any]], address: str, *, away: bool) -> bool:
    """Whether giving or taking the address made anything of them otherwise."""
    changed = False
    for part in configurations:
        its = part["properties"]
        has = str(its.get("publicIPAddress", {}).get("id")).lower() == address.lower()
        if away and has:
            del its["publicIPAddress"]
            changed = True
        elif not away and its.get("primary") and not has:
            its["publicIPAddress"] = {"id": address}
            changed = True
    return changed


def _told(ended: Operation | None) -> Told:
    told = output(ended)
    before = told.get("before")
    return Told(
        observed=str(told.get("observed") or ""),
        report=report_in(told),
        before=as_asked(msgspec.convert(before, Seat)) if before else {},
    )


def _group_of(interface: str) -> str:
    rid = parse_id(interface)
    return str(ResourceId(subscription=rid.subscription, group=rid.group))


def _address(errand: Errand, interface: str) -> str:
    name = f"{errand.vm.name}-ip-{errand.id[:8]}"
    return f"{_group_of(interface)}/providers/{PUBLIC_ADDRESSES}/{name}"
