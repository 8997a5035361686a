"""Steps in a VM's guest as actions of the VM: its remote access reset, its cards asked anew, a step undone.

Azure has no such actions: VMAccess resets less and says less. What a step saw before and after it is the
output of its operation, `outofband.step/1`; given back to `undoStep` it is taken back.
"""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.providers.compute.inside import Inside
from outofband.providers.compute.shape import command_name, is_windows
from outofband.providers.network.hosting import card
from outofband.resources.declaration import Begin, Item, Step
from outofband.resources.exchange import Call
from outofband.resources.job import Done, Job
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.finding import plain
from outofband.wire.network.plan import Nic
from outofband.wire.remote import Protocol
from outofband.wire.script import Ending, RunArgs, ScriptReport
from outofband.wire.steps import cards, linux, linux_cards, linux_undo, remote_desktop, report, windows_ssh
from outofband.wire.steps import windows_undo as windows
from outofband.wire.steps.report import StepReport, System

WINDOWS_SECONDS = 600.0


class ResetRemote(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Body of `resetRemote`. `protocols`: all that the guest's system has here, when they are not given;
    `user`: an account that is to be able to sign in; `onlyLook`: change nothing.
    """

    protocols: list[Protocol] | None = None
    user: str = ""
    only_look: bool = False


class Undo(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `undoStep`: what a step told."""

    report: StepReport


class GuestSteps:
    def __init__(self, store: Store, inside: Inside) -> None:
        self._store = store
        self._inside = inside

    def declare(self) -> dict[str, Begin]:
        return {
            "resetRemote": Begin(
                plan=self._plan_reset,
                step=Step(run=self._reset, failed=self._failed),
                body=ResetRemote,
                about="Reset Remote Desktop and SSH in a guest: services, settings, certificate, firewall",
            ),
            "resetCards": Begin(
                plan=self._plan_cards,
                step=Step(run=self._cards, failed=self._failed),
                about="Switch the network cards of a VM's guest on and have them ask for their addresses",
            ),
            "undoStep": Begin(
                plan=self._plan_undo,
                step=Step(run=self._undo, failed=self._failed),
                body=Undo,
                about="Take back what a step changed in a VM's guest, by the report of that step",
            ),
        }

    async def _plan_reset(self, call: Call, tx: Tx, item: Item, body: ResetRemote) -> Any:
        self._inside.check(item.row)
        # Refused now rather than in the guest.
        reset_args(item.row, body, "plan")
        return msgspec.to_builtins(body)

    async def _plan_cards(self, call: Call, tx: Tx, item: Item, body: Any) -> Any:
        self._inside.check(item.row)
        return None

    async def _plan_undo(self, call: Call, tx: Tx, item: Item, body: Undo) -> Any:
        self._inside.check(item.row)
        told = report.cleaned(body.report)
        undo_args(item.row, told)
        return msgspec.to_builtins(told)

    async def _reset(self, job: Job) -> Done:
        vm, wanted = await self._vm(job), job.input(ResetRemote)
        done = await self._step(job, vm, reset_args(vm, wanted, job.operation.id))
        named = [each.value for each in protocols_of(vm, wanted)]
        return Done(output={"protocols": named, **done.output})

    async def _cards(self, job: Job) -> Done:
        async with self._store.read() as tx:
            vm = await self._inside.vm(tx, job.rid)
            nic = await card(self._store, tx, vm)
        return await self._step(job, vm, cards_args(vm, nic, job.operation.id))

    async def _step(self, job: Job, vm: Resource, args: RunArgs) -> Done:
        told = step_report(vm, await self._inside.script(job, vm, args))
        return Done(output={"report": msgspec.to_builtins(told)})

    async def _undo(self, job: Job) -> Done:
        vm = await self._vm(job)
        before = job.input(StepReport)
        ended = await self._inside.script(job, vm, undo_args(vm, before))
        if before.system is System.WINDOWS:
            return Done(output={"report": msgspec.to_builtins(step_report(vm, ended))})
        return Done(output=_put_back(vm, before, ended))

    async def _vm(self, job: Job) -> Resource:
        async with self._store.read() as tx:
            return await self._inside.vm(tx, job.rid)

    async def _failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        await self._inside.give_up(job, tx, job.rid, fault)


def protocols_of(vm: Resource, wanted: ResetRemote) -> tuple[Protocol, ...]:
    usual = (Protocol.RDP,) if is_windows(vm) else (Protocol.RDP, Protocol.SSH)
    return tuple(dict.fromkeys(wanted.protocols or usual))


def reset_args(vm: Resource, wanted: ResetRemote, run: str) -> RunArgs:
    """Raises Fault InvalidParameter. In Windows one of both is reset at a time, and none only looked at."""
    protocols = protocols_of(vm, wanted)
    if not is_windows(vm):
        return linux.reset_remote(protocols, run, user=wanted.user or None, only_look=wanted.only_look)
    if len(protocols) != 1 or wanted.only_look or wanted.user:
        detail = "in a Windows guest one of rdp and ssh is reset, without looking first and for every account"
        raise Fault("InvalidParameter", target="protocols", detail=detail)
    ssh = protocols == (Protocol.SSH,)
    script = windows_ssh.reset_ssh() if ssh else remote_desktop.reset_configuration()
    return RunArgs(script=script, timeout=WINDOWS_SECONDS)


def cards_args(vm: Resource, nic: Nic | None, run: str) -> RunArgs:
    """`nic`: the card that its host gives the VM, with the address that its network has for it."""
    if is_windows(vm):
        return RunArgs(script=cards.reset_windows_cards(), timeout=WINDOWS_SECONDS)
    return linux_cards.reset_cards(run, addresses={nic.mac: nic.address} if nic is not None else {})


def undo_args(vm: Resource, told: StepReport) -> RunArgs:
    """Raises Fault NothingToUndo, or InvalidParameter for a report of another system."""
    if (told.system is System.WINDOWS) is not is_windows(vm):
        raise Fault("InvalidParameter", target="report.system", detail="the guest is of another system")
    if told.system is System.LINUX:
        return linux_undo.undo(told)
    return RunArgs(script=windows.undo(told), timeout=WINDOWS_SECONDS)


def step_report(vm: Resource, ended: ScriptReport) -> StepReport:
    """Raises Fault GuestStepFailed where the step did not come to its own end, or GuestStepUnreadable."""
    if ended.ending is not Ending.EXITED:
        raise _failed(vm, ended)
    try:
        return report.parse(ended.out)
    except Fault:
        if ended.status != 0:
            raise _failed(vm, ended) from None
        raise


def _failed(vm: Resource, ended: ScriptReport) -> Fault:
    lines = (ended.err.strip() or ended.out.strip()).splitlines()
    detail = plain(lines[-1]) if lines else "nothing"
    status = ended.status if ended.ending is Ending.EXITED else ended.ending
    return Fault("GuestStepFailed", vm=command_name(vm), status=str(status), detail=detail)


class _Counted(msgspec.Struct, frozen=True):
    done: int = 0
    failed: int = 0


def _put_back(vm: Resource, before: StepReport, ended: ScriptReport) -> dict[str, Any]:
    """Raises Fault GuestUndoMissing, GuestUndoFailed or GuestStepFailed."""
    if ended.ending is Ending.EXITED and ended.status == linux_undo.NO_PLAN:
        raise Fault("GuestUndoMissing", vm=command_name(vm), run=before.run)
    lines = ended.out.strip().splitlines()
    try:
        counted = msgspec.json.decode(lines[-1] if lines else "", type=_Counted)
    except (msgspec.MsgspecError, UnicodeError):
        raise _failed(vm, ended) from None
    if counted.failed or ended.ending is not Ending.EXITED:
        raise Fault("GuestUndoFailed", vm=command_name(vm), done=counted.done, failed=counted.failed)
    return {"undone": counted.done}
