"""`POST virtualMachines/{vm}/resetNic`: another address and card for a VM whose network does not work.

Azure's way is to write another private address into the interface; the VM gets another card with it. Here
that is one operation: the interface is written, the VM is stopped and started with its new card, and its
guest, if its agent answers, is helped to take it. When the host does not start it so, the old address
and card come back, and the VM with them. So they do when the operation is canceled or given up on the way:
what the host has to do for that is kept in the unit that ends it, for there may be nobody left to wait.
"""

from __future__ import annotations

import asyncio
import functools
import re
from typing import Any

import msgspec
import structlog

from outofband.access.authorizer import Authorizer
from outofband.catalogue import explain
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.fleet.fleet import Fleet
from outofband.providers.compute.guest_steps import cards_args, step_report
from outofband.providers.compute.machines import check_power
from outofband.providers.compute.move_back import START_SECONDS
from outofband.providers.compute.power import SHUTDOWN_SECONDS, Work
from outofband.providers.compute.shape import command_name, definition, private_of
from outofband.providers.network.hosting import card, interface_of
from outofband.providers.network.house import INTERFACES
from outofband.providers.network.readdressing import Seat, other_seat, reseat, seat_of
from outofband.resources.declaration import Begin, Item, Step
from outofband.resources.exchange import Call
from outofband.resources.gate import Change, unlocked
from outofband.resources.job import Done, Job
from outofband.resources.lookup import DELETING
from outofband.store.faults import PASSING
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.machine import Power, Verb
from outofband.wire.script import ScriptReport
from outofband.wire.steps.report import StepReport

HAND_SECONDS = 120.0
"""How long after the start a guest's agent is waited for; what a slow one missed DHCP does by itself."""
BETWEEN_SECONDS = 3.0
BACK = ":back"
"""Sets apart what the host is asked on the way back."""
SCRIPT_SECONDS = 400.0
_NOT_YET = frozenset({"GuestAgentAbsent", "GuestAgentSilent", "GuestChannelMissing", "ScriptNotStarted"})
_MAC = re.compile(r"00-0D-3A(-[0-9A-F]{2}){3}")

log = structlog.get_logger(__name__)


class ResetNic(msgspec.Struct, frozen=True, kw_only=True):
    """Body. Without anything: a free address of the subnet, and a new card. With all three: where
    it was before, to take a reset back.
    """

    address: str = msgspec.field(default="", name="privateIPAddress")
    method: str = msgspec.field(default="", name="privateIPAllocationMethod")
    mac: str = msgspec.field(default="", name="macAddress")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Input of the operation. `ran`: the VM ran when it was accepted, so it runs again at the end."""

    interface: str
    before: Seat
    after: Seat
    ran: bool


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What the operation remembers while it takes back: why."""

    code: str
    message: str


class NicReset:
    def __init__(self, store: Store, authorizer: Authorizer, fleet: Fleet, work: Work) -> None:
        self._store = store
        self._authorizer = authorizer
        self._fleet = fleet
        self._work = work

    def declare(self) -> Begin:
        return Begin(
            plan=self._plan,
            step=Step(run=self._run, failed=self._failed),
            body=ResetNic,
            about="Give a VM's network interface another private address and with it another card, and"
            " restart the VM with it",
        )

    async def _plan(self, call: Call, tx: Tx, item: Item, body: ResetNic) -> Any:
        row: Resource = item.row
        check_power(self._fleet, row)
        interface = await interface_of(self._store, tx, row)
        if interface is None or not self._work.gives_cards(row):
            raise Fault("NicResetUnsupported", vm=command_name(row))
        rid = parse_id(interface.id)
        rights = await self._authorizer.rights(call.principal, tx)
        rights.require(f"{INTERFACES}/write", rid)
        await unlocked(self._store, tx, rid, Change.WRITE)
        after = await other_seat(self._store, tx, interface, body.address)
        if body.mac or body.method:
            if not _MAC.fullmatch(body.mac) or body.method not in ("Dynamic", "Static") or not body.address:
                detail = "an address, Dynamic or Static, and a card as this interface had it"
                raise Fault("InvalidParameter", target="macAddress", detail=detail)
            after = msgspec.structs.replace(after, method=body.method, mac=body.mac)
        report = self._fleet.report(row.uid, private_of(row).agent)
        ran = report is not None and report.power is not Power.STOPPED
        return msgspec.to_builtins(
            Wish(interface=interface.id, before=seat_of(interface), after=after, ran=ran)
        )

    async def _run(self, job: Job) -> Done:
        async with self._store.read() as tx:
            row = await self._store.resources.get(tx, job.rid)
        if row is None:
            return Done()
        wish = job.input(Wish)
        if job.state is None:
            # Refused, it has changed nothing: the VM goes on as it is.
            await self._seat(wish, wish.after)
            try:
                await self._take(job, row, wish)
            except Fault as fault:
                if fault.code in PASSING:
                    raise
                failure = Failure(code=fault.code, message=explain(fault).message)
                await job.save(msgspec.to_builtins(failure))
        if job.state is not None:
            failure = msgspec.convert(job.state, Failure)
            await self._seat(wish, wish.before)
            await self._take(job, row, wish, step=BACK)
            raise Fault(
                "NicResetTakenBack",
                vm=command_name(row),
                address=wish.before.address,
                reason=failure.code,
                detail=failure.message,
            )
        told, why = await self._help(job, row) if wish.ran else (None, "It does not run.")
        observed = (
            f"The address is {wish.after.address} instead of {wish.before.address}, on a new card. {why}"
        )
        output = {
            "observed": observed.strip(),
            "interface": wish.interface,
            "before": msgspec.to_builtins(wish.before),
            "after": msgspec.to_builtins(wish.after),
            "report": msgspec.to_builtins(told) if told is not None else None,
        }
        return self._work.settled(job, output) if wish.ran else Done(output=output)

    async def _seat(self, wish: Wish, seat: Seat) -> None:
        async with self._store.write() as tx:
            await reseat(self._store, tx, parse_id(wish.interface), seat)

    async def _take(self, job: Job, row: Resource, wish: Wish, *, step: str = "") -> None:
        """Have the host know the card that the interface has now, and start the VM anew with it."""
        async with self._store.read() as tx:
            told = await self._definition(tx, row)

        async def tell(when: str = "") -> None:
            await self._work.command(job, row, Verb.CREATE, told, step=f"{step}{when}")

        first = None
        try:
            # Before it is stopped: what its host refuses costs nobody a restart.
            await tell()
        except Fault as fault:
            if fault.code != "Conflict" or not wish.ran:
                raise
            # It has run without a card so far, and gets its first one only while it is off.
            first = functools.partial(tell, ":off")
        if wish.ran:
            await self._work.again(job, row, step=step, between=first)

    async def _definition(self, tx: Tx, row: Resource) -> dict[str, Any]:
        """With its card, whether or not the host is there to say that it gives cards: it did."""
        return definition(row, await card(self._store, tx, row))

    async def _failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        """However it ended on the way, canceled perhaps, by whichever node: the VM that ran runs again. Until
        its host was asked to start it, with the old address and card; from then on with those it starts with.
        """
        row = await self._store.resources.get(tx, job.rid)
        wish = job.input(Wish)
        interface = await self._store.resources.get(tx, parse_id(wish.interface))
        if row is None or row.provisioning_state == DELETING or interface is None:
            return
        back = job.state is not None
        if not back and seat_of(interface) != wish.after:
            # It had not begun.
            return
        start = f"{Verb.START.value}{BACK if back else ''}"
        asked = await self._store.outbox.get(tx, job.key(start)) if wish.ran else None
        answer = asked.result if asked is not None else None
        if answer is not None and (back or answer["succeeded"]):
            # It runs; or it does not start with its old card either, and that is told.
            return
        put_back = False
        if asked is None or answer is not None:
            try:
                await reseat(self._store, tx, parse_id(interface.id), wish.before)
                put_back = True
            except Fault as refused:
                # Its old address is another's by now, or its subnet is gone: it goes on with the new one.
                log.warning("nic.not_put_back", vm=row.uid, code=refused.code)
            await self._order(job, tx, row, Verb.CREATE, await self._definition(tx, row))
        if wish.ran:
            if put_back and await self._may_start(job, tx):
                # However late: with the card that the interface has no more.
                for graceful in (True, False):
                    args = {"graceful": graceful, "timeout": SHUTDOWN_SECONDS}
                    await self._order(job, tx, row, Verb.STOP, args, step="" if graceful else ":forced")
            await self._order(job, tx, row, Verb.START)

    async def _may_start(self, job: Job, tx: Tx) -> bool:
        """Whether its host was asked to start it with its new card, and did not refuse."""
        asked = await self._store.outbox.get(tx, job.key(Verb.START.value))
        return asked is not None and (asked.result is None or bool(asked.result["succeeded"]))

    async def _order(
        self,
        job: Job,
        tx: Tx,
        row: Resource,
        verb: Verb,
        args: dict[str, Any] | None = None,
        *,
        step: str = "",
    ) -> None:
        await self._fleet.leave_order(
            tx,
            private_of(row).agent,
            verb,
            row.uid,
            args,
            key=job.key(f"{verb.value}:ended{step}"),
            epoch=row.epoch,
            seconds=START_SECONDS,
        )

    async def _help(self, job: Job, row: Resource) -> tuple[StepReport | None, str]:
        """What the guest's step told of its cards, or why it did not."""
        async with self._store.read() as tx:
            nic = await card(self._store, tx, row)
        args = cards_args(row, nic, job.operation.id)
        until, turn = clock.monotonic() + HAND_SECONDS, 0
        while True:
            turn += 1
            try:
                done = await self._fleet.command(
                    private_of(row).agent,
                    Verb.RUN.value,
                    row.uid,
                    msgspec.to_builtins(args),
                    # A guest that was not up yet ended the one before.
                    key=job.key(f"{Verb.RUN.value}:{turn}"),
                    epoch=row.epoch,
                    timeout=args.timeout + SCRIPT_SECONDS,
                    require_online=False,
                )
                return step_report(row, msgspec.convert(done.data, ScriptReport)), ""
            except msgspec.ValidationError:
                # The card is given by now: whatever came back of the help, that is so.
                return None, "The guest was not helped with it: its host's answer cannot be read."
            except Fault as fault:
                if fault.code in PASSING:
                    raise
                if fault.code not in _NOT_YET or clock.monotonic() > until:
                    return None, f"The guest was not helped with it: {explain(fault).message}"
            await asyncio.sleep(BETWEEN_SECONDS)
