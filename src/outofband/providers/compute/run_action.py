"""`POST virtualMachines/{vm}/runCommand`: a script with its output in the operation's result, and no more."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.providers.compute import run_documents
from outofband.providers.compute.inside import Inside, output
from outofband.providers.compute.shape import is_windows, machine_name
from outofband.resources.declaration import Begin, Item, Step
from outofband.resources.exchange import Call
from outofband.resources.job import Done, Job
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.script import MAX_PARAMETERS, MAX_SCRIPT, USUAL, Ending, Parameter, RunArgs
from outofband.wire.steps import powershell


class InputParameter(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    value: str = ""


class RunCommandInput(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Body of the action. `script` is a list of lines."""

    command_id: str
    script: list[str] | None = None
    parameters: list[InputParameter] | None = None


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """Input of the operation."""

    script: str
    parameters: tuple[Parameter, ...] = ()


class RunAction:
    def __init__(self, store: Store, inside: Inside) -> None:
        self._store = store
        self._inside = inside

    def declare(self) -> Begin:
        return Begin(
            plan=self._plan,
            step=Step(run=self._run, failed=self._failed),
            body=RunCommandInput,
            about="Run a script in a VM's guest",
        )

    async def _plan(self, call: Call, tx: Tx, item: Item, body: RunCommandInput) -> Any:
        self._inside.check(item.row)
        script = script_of(body.command_id, body.script, item.row)
        # Azure gives them both ways: by their names as variables, and as arguments in their order.
        parameters = tuple(
            Parameter(name=each.name or None, value=each.value) for each in body.parameters or ()
        )
        check_size(script, parameters)
        return msgspec.to_builtins(Planned(script=script, parameters=parameters))

    async def _run(self, job: Job) -> Done:
        async with self._store.read() as tx:
            vm = await self._inside.vm(tx, job.rid)
        planned = job.input(Planned)
        args = RunArgs(script=planned.script, parameters=planned.parameters, timeout=USUAL)
        report = await self._inside.script(job, vm, args)
        if report.ending is Ending.TIMED_OUT:
            handler = "RunCommandWindows" if is_windows(vm) else "RunCommandLinux"
            raise Fault("VMExtensionProvisioningTimeout", extension=handler, minutes=int(USUAL // 60))
        # A script that fails is no failure of the command: what it said is the answer, also in Azure.
        if is_windows(vm):
            return Done(
                output={"value": [_component("StdOut", report.out), _component("StdErr", report.err)]}
            )
        status = {
            "code": "ProvisioningState/succeeded",
            "level": "Info",
            "displayStatus": "Provisioning succeeded",
            "message": f"Enable succeeded: {output(report)}",
        }
        return Done(output={"value": [status]})

    async def _failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        await self._inside.give_up(job, tx, job.rid, fault)


def _component(stream: str, text: str) -> dict[str, Any]:
    """One stream of a Windows guest, in Azure's form."""
    return {
        "code": f"ComponentStatus/{stream}/succeeded",
        "level": "Info",
        "displayStatus": "Provisioning succeeded",
        "message": text,
    }


def script_of(command: str, lines: list[str] | None, vm: Resource) -> str:
    """The text to run. Raises Fault InvalidParameter or OperationNotAllowed."""
    windows = is_windows(vm)
    document = run_documents.require(command, machine_name(vm), windows=windows)
    script = "\n".join(lines) + "\n" if lines else document.script
    if windows and script.strip() and not powershell.is_meant(script):
        script = f"{powershell.MARK}\n{script}"
    if not script.strip():
        raise Fault("InvalidParameter", target="script", detail=f"'{document.id}' needs one")
    return script


def check_size(script: str, parameters: tuple[Parameter, ...]) -> None:
    """Raises Fault InvalidParameter."""
    if len(script) > MAX_SCRIPT or "\0" in script:
        raise Fault("InvalidParameter", target="script", detail=f"text of {MAX_SCRIPT} characters at most")
    long = sum(len(each.value) for each in parameters) > MAX_SCRIPT
    if len(parameters) > MAX_PARAMETERS or long or any("\0" in each.value for each in parameters):
        detail = f"{MAX_PARAMETERS} texts of {MAX_SCRIPT} characters in all at most"
        raise Fault("InvalidParameter", target="parameters", detail=detail)
