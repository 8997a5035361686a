"""Microsoft.Compute/virtualMachines/extensions: stored as they are written, and carried out where they are
known.

Writing one again carries it out again when something is new in it: other settings, any protected ones,
another `forceUpdateTag`, or a last time that failed.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

import msgspec

from outofband.catalogue import explain
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.providers.compute.extension_kinds import VM_ACCESS_WINDOWS, Deed, Password, deed, refusal
from outofband.providers.compute.extension_views import KIND, view
from outofband.providers.compute.guest_rows import GuestRows
from outofband.providers.compute.inside import output
from outofband.providers.compute.shape import PRIVATE, is_windows
from outofband.providers.compute.tasks import Task, public, task_of, vm_of
from outofband.resources.declaration import Draft, Written
from outofband.resources.exchange import Call
from outofband.resources.job import Done, Job
from outofband.store.resources import Resource
from outofband.store.tx import Tx
from outofband.wire.script import Ending, RunArgs, ScriptReport

MAX_SETTINGS = 512 * 1024
"""Bytes of all settings of one extension."""


class ExtensionProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The part of a PUT or PATCH body that is looked into."""

    publisher: str | None = None
    type: str | None = None
    type_handler_version: str | None = None
    settings: dict[str, Any] | None = None
    protected_settings: dict[str, Any] | None = None
    protected_settings_from_key_vault: dict[str, Any] | None = None
    force_update_tag: str | None = None


class Extensions(GuestRows):
    kind = KIND
    about = "an extension"
    many = "extensions"
    since = "2015-06-15"
    properties = ExtensionProperties
    not_kept = frozenset(
        {"protectedSettings", "protectedSettingsFromKeyVault", "instanceView", "provisioningState"}
    )
    example: ClassVar[dict[str, Any]] = {
        "properties": {
            "publisher": "Microsoft.Azure.Extensions",
            "type": "CustomScript",
            "typeHandlerVersion": "2.1",
            "settings": {"commandToExecute": "uptime"},
        }
    }

    async def _write(
        self, call: Call, tx: Tx, draft: Draft, old: Resource | None, properties: dict[str, Any]
    ) -> Written:
        vm = await self._inside.vm(tx, vm_of(call.rid))
        wanted: ExtensionProperties = draft.properties
        if len(call.request.body) > MAX_SETTINGS:
            raise Fault("InvalidParameter", target="properties", detail=f"over {MAX_SETTINGS} bytes")
        _check(properties, old)
        if wanted.protected_settings_from_key_vault:
            detail = "there is no key vault to read them from; use protectedSettings"
            raise Fault("InvalidParameter", target="properties.protectedSettingsFromKeyVault", detail=detail)
        protected = wanted.protected_settings or {}
        anew = old is None or _is_new(old, properties, protected)
        does = _deed(properties, protected, vm) if anew else None
        if old is None:
            await self._only_one(tx, vm, call.rid.name, properties)
        if does is not None:
            self._inside.check(vm)
        task = Task(run=str(uuid.uuid4()))
        if does is not None:
            await self._withhold(tx, old, task, protected, call.now)
        if not anew and old is not None:
            task = msgspec.structs.replace(task, view=task_of(old).view)
        elif does is None:
            task = msgspec.structs.replace(task, view=_status("succeeded", "It was stored."))
        row, created = await self._store.resources.put(
            tx,
            call.rid,
            now=call.now,
            by=call.by,
            location=draft.location or vm.location,
            tags=draft.tags if draft.tags is not None else (old.tags if old else {}),
            properties={**properties, PRIVATE: msgspec.to_builtins(task)},
            provisioning_state="Succeeded" if does is None else ("Creating" if old is None else "Updating"),
        )
        work = {"run": task.run} if does is not None else None
        return Written(item=self._rows.item(row), created=created, work=work)

    async def _only_one(self, tx: Tx, vm: Resource, name: str, properties: dict[str, Any]) -> None:
        """Raises Fault MultipleExtensionsPerHandlerNotAllowed. Others than VMAccess may be there twice."""
        if _handler(properties) != VM_ACCESS_WINDOWS or not is_windows(vm):
            return
        found = await self._store.resources.page(tx, type=f"{self._owner}/{KIND}", parent=parse_id(vm.id))
        for each in found.items:
            if _handler(each.properties) == VM_ACCESS_WINDOWS and each.name.lower() != name.lower():
                handler = f"{properties['publisher']}.{properties['type']}"
                raise Fault(
                    "MultipleExtensionsPerHandlerNotAllowed",
                    system="Windows",
                    name=each.name,
                    handler=handler,
                )

    async def _run(self, job: Job) -> Done:
        run = job.input(Task).run
        async with self._store.read() as tx:
            row = await self._inside.is_current(tx, job, run)
            if row is None:
                return Done()
            vm = await self._inside.vm(tx, vm_of(job.rid))
            protected = await self._store.withheld.get(tx, self._store.vault, run)
        does = _deed(row.properties, protected, vm)
        message = "It was carried out."
        if isinstance(does, Password):
            await self._inside.set_password(job, vm, does.user, does.password)
        elif does is not None:
            message = await self._script(job, vm, does)

        async def settle(tx: Tx) -> None:
            view = _status("succeeded", message)
            await self._show(tx, job, run, state="Succeeded", view=view)

        return Done(settle=settle)

    async def _script(self, job: Job, vm: Resource, args: RunArgs) -> str:
        """What a script printed. Raises VMExtensionProvisioningError, VMExtensionProvisioningTimeout."""

        async def progress(report: ScriptReport) -> None:
            """Its output is told at the end."""

        report = await self._inside.script(job, vm, args, progress)
        if report.ending is Ending.TIMED_OUT:
            minutes = round(args.timeout / 60)
            raise Fault("VMExtensionProvisioningTimeout", extension=job.rid.name, minutes=minutes)
        if report.ending is not Ending.EXITED or report.status != 0:
            if (fault := refusal(args, report.out)) is not None:
                raise fault
            detail = "Enable failed: failed to execute command: command terminated with exit status="
            detail += f"{report.status}{output(report)}"
            raise Fault("VMExtensionProvisioningError", extension=job.rid.name, detail=detail)
        return f"Enable succeeded: {output(report)}"

    async def _failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        await self._inside.give_up(job, tx, vm_of(job.rid), fault)
        status = _status(f"failed/{fault.code}", explain(fault).message)
        await self._show(tx, job, job.input(Task).run, state="Failed", view=status)

    def _view(self, row: Resource) -> dict[str, Any]:
        return view(row)


def _status(code: str, message: str) -> dict[str, Any]:
    good = code == "succeeded"
    return {
        "code": f"ProvisioningState/{code}",
        "level": "Info" if good else "Error",
        "displayStatus": "Provisioning succeeded" if good else "Provisioning failed",
        "message": message,
        "time": clock.iso(),
    }


def _deed(properties: dict[str, Any], protected: dict[str, Any], vm: Resource) -> Deed:
    settings = properties.get("settings") or {}
    windows = is_windows(vm)
    return deed(str(properties["publisher"]), str(properties["type"]), settings, protected, windows=windows)


def _handler(properties: dict[str, Any]) -> tuple[str, str]:
    return str(properties.get("publisher")).lower(), str(properties.get("type")).lower()


def _is_new(old: Resource, properties: dict[str, Any], protected: dict[str, Any]) -> bool:
    was = {name: value for name, value in public(old).items() if name in ("settings", "forceUpdateTag")}
    now = {name: value for name, value in properties.items() if name in ("settings", "forceUpdateTag")}
    return bool(protected) or was != now or old.provisioning_state != "Succeeded"


def _check(properties: dict[str, Any], old: Resource | None) -> None:
    """Raises Fault InvalidParameter, or PropertyChangeNotAllowed as Azure does."""
    for name in ("publisher", "type"):
        value = properties.get(name)
        if not isinstance(value, str) or not value:
            raise Fault("InvalidParameter", target=f"properties.{name}", detail="it is needed")
        if old is not None and str(old.properties[name]).lower() != value.lower():
            raise Fault("PropertyChangeNotAllowed", property=name)
