"""What is done inside the guest: its remote configuration reset, an account given a password."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.providers.compute import shape as vm
from outofband.providers.rescues.asking import Asking, Need, forgotten, output, report_in, undo_key
from outofband.providers.rescues.eyes import PASSWORD
from outofband.providers.rescues.within import account_of
from outofband.rescue import guest
from outofband.rescue.doing import Errand, Told
from outofband.rescue.run import Done, Run
from outofband.store.resources import Resource
from outofband.store.tx import Tx
from outofband.wire.arm.operations import Status
from outofband.wire.steps.linux import is_account
from outofband.wire.steps.report import StepReport, System

EXTENSION = "enablevmaccess"
"""The name that Azure's own command line gives it, where there is none yet."""
_LINUX = ("Microsoft.OSTCExtensions", "VMAccessForLinux", "1.5")
_WINDOWS = ("Microsoft.Compute", "VMAccessAgent", "2.4")


class ResetConfiguration:
    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def needs(self, errand: Errand, row: Resource, tx: Tx) -> list[Need]:
        return [Need(f"{errand.vm.type}/resetRemote/action", str(errand.vm))]

    async def do(self, errand: Errand, run: Run, done: Done) -> Told:
        async with self._asking.store.read() as tx:
            windows = vm.is_windows(await self._asking.store.resources.require(tx, errand.vm))
        body: dict[str, Any] = {"protocols": [run.wanted.protocol.value]}
        if not windows and is_account(name := account_of(run.wanted.user)):
            body["user"] = name
        ended = await self._asking.once(errand, done.key, "POST", f"{errand.vm}/resetRemote", body=body)
        return Told(report=report_in(output(ended)))

    async def undo(self, errand: Errand, run: Run, done: Done) -> tuple[Fault, ...]:
        report, sure = done.report, True
        if report is None:
            ended = await self._asking.earlier(done.key)
            if ended is None:
                lost = Fault("RescueUndoUnknown", deed=done.wish.deed.value)
                return (lost,) if forgotten(done) else ()
            report = report_in(output(ended)) if ended.status is Status.SUCCEEDED else None
            if report is None:
                async with self._asking.store.read() as tx:
                    row = await self._asking.store.resources.require(tx, errand.vm)
                if vm.is_windows(row):
                    # There the way back is the report itself.
                    return (Fault("RescueUndoUnknown", deed=done.wish.deed.value),)
                # A step keeps its plan in the guest, named after its operation, before it does anything.
                report, sure = _unreported(ended.id), False
            elif not guest.has_plan(report):
                return ()
        body = {"report": msgspec.to_builtins(report)}
        try:
            await self._asking.once(
                errand, undo_key(errand, done), "POST", f"{errand.vm}/undoStep", body=body
            )
        except Fault as fault:
            if sure or fault.code != "GuestUndoMissing":
                raise
        return ()


class ResetPassword:
    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def needs(self, errand: Errand, row: Resource, tx: Tx) -> list[Need]:
        return [Need(f"{errand.vm.type}/extensions/write", str(errand.vm))]

    async def do(self, errand: Errand, run: Run, done: Done) -> Told:
        async with self._asking.store.read() as tx:
            row = await self._asking.store.resources.require(tx, errand.vm)
            windows = vm.is_windows(row)
            name, location = await self._existing(tx, errand.vm, windows), row.location
        user = run.wanted.user or errand.secret.get("user", "")
        body = _password(windows, account_of(user), errand.secret[PASSWORD])
        # Written with the same settings as last time it would not be carried out again.
        whole = {"location": location, "properties": {**body, "forceUpdateTag": done.key}}
        path = f"{errand.vm}/extensions/{name}"
        await self._asking.once(errand, done.key, "PUT", path, body=whole)
        return Told(observed=f"{body['publisher']}.{body['type']}", effects=(path,))

    async def undo(self, errand: Errand, run: Run, done: Done) -> tuple[Fault, ...]:
        raise Fault("RescueNoUndo", deed=done.wish.deed.value)

    async def _existing(self, tx: Tx, machine: ResourceId, windows: bool) -> str:
        """A VM has one extension of a kind, by whatever name."""
        publisher, kind, _ = _WINDOWS if windows else _LINUX
        page = await self._asking.store.resources.page(tx, type=f"{machine.type}/extensions", parent=machine)
        for row in page.items:
            wanted = (publisher.lower(), kind.lower())
            if (str(row.properties["publisher"]).lower(), str(row.properties["type"]).lower()) == wanted:
                return row.name
        return EXTENSION


def _unreported(run: str) -> StepReport:
    """Of a step that told nothing: enough to find its plan in the guest."""
    return StepReport(step="resetRemote", system=System.LINUX, before={}, after={}, run=run)


def _password(windows: bool, name: str, password: str) -> dict[str, Any]:
    if windows:
        publisher, kind, version = _WINDOWS
        given = {"settings": {"UserName": name}, "protectedSettings": {"Password": password}}
    else:
        publisher, kind, version = _LINUX
        given = {"settings": {}, "protectedSettings": {"username": name, "password": password}}
    return {"publisher": publisher, "type": kind, "typeHandlerVersion": version, **given}
