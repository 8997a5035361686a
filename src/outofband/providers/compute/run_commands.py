"""Microsoft.Compute/virtualMachines/runCommands: scripts that are resources, with a view of how they do.

Writing one runs it; what is protected is withheld, sealed, until the run has ended and is never shown.
Deleting one, or writing it anew, ends the script that still runs.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

import msgspec

from outofband.catalogue import explain
from outofband.core.errors import Fault
from outofband.providers.compute.guest_rows import GuestRows
from outofband.providers.compute.run_action import check_size, script_of
from outofband.providers.compute.run_documents import POWERSHELL_SCRIPT, SHELL_SCRIPT
from outofband.providers.compute.shape import PRIVATE, is_windows
from outofband.providers.compute.tasks import Task, public, task_of, vm_of
from outofband.resources.canceling import CODE
from outofband.resources.declaration import Draft, Written
from outofband.resources.exchange import Call, Caller
from outofband.resources.job import Done, Job
from outofband.store.resources import Resource
from outofband.store.tx import Tx
from outofband.wire.script import LONGEST, USUAL, Ending, Parameter, Protected, RunArgs, ScriptReport

_NOT_DONE = {
    "script_uri": "source.scriptUri",
    "output_blob_uri": "outputBlobUri",
    "error_blob_uri": "errorBlobUri",
    "gallery_script_reference_id": "source.galleryScriptReferenceId",
}
_STATES = {
    Ending.EXITED: "Failed",
    Ending.TIMED_OUT: "TimedOut",
    Ending.CANCELED: "Canceled",
}
_WITHOUT_REPORT = {"ScriptOutcomeUnknown": "Unknown", "AgentTimeout": "Unknown", CODE: "Canceled"}


class ManagedParameter(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    value: str = ""


class Source(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    script: str | None = None
    command_id: str | None = None
    script_uri: str | None = None
    gallery_script_reference_id: str | None = None


class RunCommandProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The part of a PUT or PATCH body that is looked into."""

    source: Source | None = None
    parameters: list[ManagedParameter] | None = None
    protected_parameters: list[ManagedParameter] | None = None
    async_execution: bool | None = None
    run_as_user: str | None = None
    timeout_in_seconds: int | None = None
    output_blob_uri: str | None = None
    error_blob_uri: str | None = None
    treat_failure_as_deployment_failure: bool | None = None


class RunCommands(GuestRows):
    kind = "runCommands"
    about = "a script"
    many = "scripts"
    since = "2019-03-01"
    properties = RunCommandProperties
    not_kept = frozenset(
        {
            "protectedParameters",
            "runAsPassword",
            "errorBlobManagedIdentity",
            "outputBlobManagedIdentity",
            "instanceView",
            "provisioningState",
        }
    )
    example: ClassVar[dict[str, Any]] = {"properties": {"source": {"script": "uptime"}}}

    async def _write(
        self, call: Call, tx: Tx, draft: Draft, old: Resource | None, properties: dict[str, Any]
    ) -> Written:
        vm = await self._inside.vm(tx, vm_of(call.rid))
        self._inside.check(vm)
        given = draft.raw.get("properties") or {}
        secret = given.get("protectedParameters")
        protected = {"protectedParameters": secret} if secret else {}
        task = Task(
            run=str(uuid.uuid4()),
            view={"executionState": "Pending", "executionMessage": "Execution has not begun."},
        )
        wanted = _shaped(properties, protected)
        _check(wanted, vm)
        await self._withhold(tx, old, task, protected, call.now)
        waits = not wanted.async_execution
        row, created = await self._store.resources.put(
            tx,
            call.rid,
            now=call.now,
            by=call.by,
            location=draft.location or vm.location,
            tags=draft.tags if draft.tags is not None else (old.tags if old else {}),
            properties={**properties, PRIVATE: msgspec.to_builtins(task)},
            provisioning_state="Creating" if waits else "Succeeded",
        )
        work = {"run": task.run}
        if not waits:
            await self._begin_aside(call, tx, work)
        return Written(item=self._rows.item(row), created=created, work=work if waits else None)

    async def _begin_aside(self, call: Call, tx: Tx, work: dict[str, Any]) -> None:
        """Run it by an operation that the caller does not wait for."""
        request = call.request
        caller = Caller(
            principal=call.principal, address=request.address, method=request.method, version=call.version
        )
        await self._store.operations.begin(
            tx,
            resource=call.rid,
            kind=f"{self._owner}/{self.kind}/write",
            now=call.now,
            input=work,
            caller=msgspec.to_builtins(caller),
            correlation_id=request.correlation_id,
        )

    async def _run(self, job: Job) -> Done:
        run = job.input(Task).run
        async with self._store.read() as tx:
            row = await self._inside.is_current(tx, job, run)
            if row is None:
                return Done()
            vm = await self._inside.vm(tx, vm_of(job.rid))
            protected = await self._store.withheld.get(tx, self._store.vault, run)
        wanted = _shaped(public(row), protected)
        shown: list[dict[str, Any]] = []

        async def progress(report: ScriptReport) -> None:
            view = _view(report)
            if [view] != shown:
                shown[:] = [view]
                async with self._store.write() as tx:
                    await self._show(tx, job, run, view=view)

        report = await self._inside.script(job, vm, _arguments(wanted, vm), progress)
        failed = report.ending is not Ending.EXITED or report.status != 0
        if failed and wanted.treat_failure_as_deployment_failure:
            detail = f"Execution ended: {_STATES[report.ending or Ending.EXITED]}, exit code {report.status}"
            async with self._store.write() as tx:
                await self._show(tx, job, run, view=_view(report))
            raise Fault("VMExtensionProvisioningError", extension=job.rid.name, detail=detail)

        async def settle(tx: Tx) -> None:
            await self._show(tx, job, run, state="Succeeded", view=_view(report))

        return Done(settle=settle)

    async def _failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        await self._inside.give_up(job, tx, vm_of(job.rid), fault)
        row = await self._inside.is_current(tx, job, job.input(Task).run)
        if row is None:
            return
        view = task_of(row).view
        if fault.code != "VMExtensionProvisioningError":
            state = _WITHOUT_REPORT.get(fault.code, "Failed")
            view = {"executionState": state, "executionMessage": explain(fault).message}
        await self._show(tx, job, task_of(row).run, state="Failed", view=view)

    def _view(self, row: Resource) -> dict[str, Any]:
        return {"statuses": [], **task_of(row).view}


def _shaped(properties: dict[str, Any], protected: dict[str, Any]) -> RunCommandProperties:
    try:
        return msgspec.convert(properties | protected, RunCommandProperties)
    except msgspec.ValidationError as error:
        raise Fault("InvalidRequestContent", detail=str(error)) from error


def _check(wanted: RunCommandProperties, vm: Resource) -> None:
    source = wanted.source or Source()
    for name, shown in _NOT_DONE.items():
        if getattr(source, name, None) or getattr(wanted, name, None):
            detail = (
                "it is not offered here; give the script itself, and read its output in the instance view"
            )
            raise Fault("InvalidParameter", target=f"properties.{shown}", detail=detail)
    if wanted.timeout_in_seconds is not None and not 1 <= wanted.timeout_in_seconds <= LONGEST:
        raise Fault("InvalidParameter", target="properties.timeoutInSeconds", detail=f"1 to {LONGEST:.0f}")
    args = _arguments(wanted, vm)
    check_size(args.text, args.parameters + args.protected.parameters)


def _arguments(wanted: RunCommandProperties, vm: Resource) -> RunArgs:
    source = wanted.source or Source()
    lines = [source.script] if source.script else None
    try:
        return msgspec.convert(
            msgspec.to_builtins(
                RunArgs(
                    script=script_of(source.command_id or _usual(vm), lines, vm),
                    parameters=_parameters(wanted.parameters),
                    protected=Protected(parameters=_parameters(wanted.protected_parameters)),
                    user=wanted.run_as_user or None,
                    timeout=float(wanted.timeout_in_seconds or USUAL),
                )
            ),
            RunArgs,
        )
    except msgspec.ValidationError as error:
        raise Fault("InvalidRequestContent", detail=str(error)) from error


def _usual(vm: Resource) -> str:
    return POWERSHELL_SCRIPT if is_windows(vm) else SHELL_SCRIPT


def _parameters(given: list[ManagedParameter] | None) -> tuple[Parameter, ...]:
    """A name makes a variable of it; without one it is an argument."""
    return tuple(
        Parameter(name=each.name or None, value=each.value, positional=not each.name) for each in given or ()
    )


def _view(report: ScriptReport) -> dict[str, Any]:
    """`properties.instanceView`."""
    view: dict[str, Any] = {
        "executionState": "Running",
        "executionMessage": "Execution is in progress.",
        "output": report.out,
        "error": report.err,
        "startTime": report.started,
    }
    if report.ending is not None:
        good = report.ending is Ending.EXITED and report.status == 0
        state = "Succeeded" if good else _STATES[report.ending]
        view |= {
            "executionState": state,
            "executionMessage": "Execution completed." if good else f"Execution ended: {state}.",
            "exitCode": report.status,
            "endTime": report.ended,
        }
    return view
