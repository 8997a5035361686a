"""Redeploying a VM: to another host that can run it, with its disk; without one, anew where it is.

A host that cannot be reached is not taken for dead (decision 12): its VM is redeployed only when somebody who
may write that host says that it is, and why. Its disk is lost to the VM then, for it is on that host.
"""

from __future__ import annotations

from typing import Any

import msgspec
import structlog

from outofband.access.authorizer import Authorizer
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.diagnostics.places import Places
from outofband.fleet.fleet import Fleet
from outofband.fleet.hosts import HostView
from outofband.providers.compute.move_back import operation_of
from outofband.providers.compute.move_steps import How, Move, begun, carry
from outofband.providers.compute.move_world import Moving
from outofband.providers.compute.moving import Moves, name_of
from outofband.providers.compute.placement import Needs, Placement
from outofband.providers.compute.power import Work
from outofband.providers.compute.shape import command_name, guest_of, private_of, with_private
from outofband.providers.hybrid_compute.shape import ENROL
from outofband.providers.network import hosting
from outofband.resources.declaration import Begin, Item, Option, Step
from outofband.resources.exchange import Call
from outofband.resources.job import Done, Job
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.machine import Power, Verb
from outofband.wire.network import prefixes

CONFIRM = "confirmHostIsDead"
MOVABLE = frozenset({"qemu", "pty"})
LOOK_SECONDS = 900.0
"""How long a host may take over the hash of its image, once."""
MAX_TRIED = 4
"""Hosts that are asked whether they can take it."""
SLACK = 16 * 1024 * 1024
"""Bytes by which the log of a VM whose host is lost goes on later: more than anybody can have seen of it."""
_OTHER = frozenset(
    {"ImageDiffers", "ImageNotFound", "NoSpace", "AllocationFailed", "HostPolicyRefused", "VmCopyOnHost"}
)
_OLDER = frozenset({"ActionNotSupported", "VmUnknownToHost", "AgentOffline", "AgentTimeout"})

log = structlog.get_logger(__name__)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Input of the operation. `hosts` are those that could take the VM, the best first; without any, `why`
    says what keeps it where it is. `source` and `epoch` are the VM's when that was found. `dead`: its host
    was confirmed dead, for this `reason`.
    """

    hosts: tuple[str, ...] = ()
    why: str = ""
    source: str = ""
    epoch: int = 0
    dead: bool = False
    returns: bool = False
    reason: str = ""
    by: str = ""


class Stays(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation remembers that starts a VM anew where it is."""

    stays: str


class Redeploys:
    """`places` knows how far the stored logs of VMs go."""

    def __init__(
        self,
        store: Store,
        authorizer: Authorizer,
        fleet: Fleet,
        work: Work,
        placement: Placement,
        places: Places,
    ) -> None:
        self._store = store
        self._authorizer = authorizer
        self._fleet = fleet
        self._work = work
        self._placement = placement
        self._places = places

    @property
    def _moves(self) -> Moves:
        return self._work.moves

    def declare(self) -> Begin:
        return Begin(
            plan=self._plan,
            step=Step(run=self.run, failed=self.failed),
            about="Move a VM to another connected host with its disk and start it there; without another one"
            " that can run it, start it anew where it is",
            options=(
                Option(
                    name=CONFIRM,
                    about="Its host cannot be reached and never will be: begin anew from its image elsewhere;"
                    " needs a reason, and the right to write the host",
                    flag=True,
                ),
            ),
        )

    # --- accepting ---

    async def _plan(self, call: Call, tx: Tx, item: Item, body: Any) -> Any:
        return await self.plan(call, tx, item.row)

    async def plan(self, call: Call, tx: Tx, row: Resource) -> Any:
        """The input of the operation for one VM. Raises Fault VmNotPlaced, HostIsAlive, HostNotConfirmedDead,
        ReasonRequired, NoOtherHost or AuthorizationFailed.
        """
        private, confirmed = private_of(row), call.request.flag(CONFIRM)
        if not private.placed and row.provisioning_state == "Failed":
            raise Fault("VmNotPlaced", vm=command_name(row))
        source = self._fleet.host(private.agent)
        if source is not None and source.connected:
            if confirmed:
                raise Fault("HostIsAlive", vm=command_name(row), host=source.agent.name)
            return msgspec.to_builtins(await self._placed(tx, row, source))
        name = source.agent.name if source is not None else private.agent
        if not confirmed:
            since = f" since {clock.iso(source.since)}" if source is not None and source.since else ""
            raise Fault("HostNotConfirmedDead", vm=command_name(row), host=name, since=since)
        rights = await self._authorizer.rights(call.principal, tx)
        rights.require(ENROL, parse_id(row.properties["host"]["id"]))
        reason = (call.request.reason or "").strip()
        if not reason:
            raise Fault("ReasonRequired", vm=command_name(row), host=name)
        wish = await self._beyond(tx, row, source)
        if not wish.hosts:
            raise Fault("NoOtherHost", vm=command_name(row), detail=wish.why)
        log.warning("host.confirmed_dead", vm=row.uid, host=name, by=call.by)
        return msgspec.to_builtins(
            msgspec.structs.replace(
                wish,
                source=private.agent,
                epoch=row.epoch,
                dead=True,
                reason=reason,
                by=call.principal.name,
            )
        )

    async def _placed(self, tx: Tx, row: Resource, source: HostView, *, there: bool = False) -> Wish:
        """`there`: its host was asked, and has it."""
        wish = await self._wish(tx, row, source, there=there)
        return msgspec.structs.replace(wish, source=source.agent.id, epoch=row.epoch)

    async def _wish(self, tx: Tx, row: Resource, source: HostView, *, there: bool) -> Wish:
        guest, moving = guest_of(row), private_of(row).moving
        arrived = there or moving is None or self._fleet.report(row.uid, source.agent.id) is not None
        if moving is not None and not (arrived or moving.returned) and self._fleet.connected(moving.source):
            # Back to where its disk is whole.
            return Wish(hosts=(moving.source,), returns=True)
        if guest.driver not in MOVABLE:
            return Wish(why=f"with the driver '{guest.driver}' it is where its port is")
        if self._moves.places is None or source.report is None or not source.report.moves:
            return Wish(why=f"the agent of its host '{source.agent.name}' does not send disks")
        needs = msgspec.structs.replace(await self._needs(tx, row, source), asked=True)
        hosts, why = self._placement.others(row.uid, guest, source, needs)
        return Wish(hosts=tuple(each.agent.id for each in hosts[:MAX_TRIED]), why=why)

    async def _beyond(self, tx: Tx, row: Resource, source: HostView | None) -> Wish:
        """Where a VM goes whose host is dead."""
        moving = private_of(row).moving
        if moving is not None and self._fleet.connected(moving.source):
            # It was never seen to boot where it went: its disk is whole where it came from.
            return Wish(hosts=(moving.source,), returns=True)
        guest = guest_of(row)
        if guest.driver not in MOVABLE:
            return Wish(why=f"with the driver '{guest.driver}' it is where its port is")
        if source is None:
            return Wish(why="its host was removed, so nobody knows which hosts were beside it")
        hosts, why = self._placement.others(row.uid, guest, source, await self._needs(tx, row, source))
        return Wish(hosts=tuple(each.agent.id for each in hosts[:1]), why=why)

    async def _needs(self, tx: Tx, row: Resource, source: HostView) -> Needs:
        report, copies = source.report, frozenset(each.agent for each in private_of(row).left)
        if report is None or not report.networks or await hosting.card(self._store, tx, row) is None:
            return Needs(copies=copies)
        offered = [block for text in report.public if (block := prefixes.block(text)) is not None]
        public = []
        for text in await hosting.static_addresses(self._store, tx, row):
            address = prefixes.address(text)
            if address is not None and prefixes.holds(offered, address):
                public.append(text)
        return Needs(card=True, public=tuple(public), copies=copies)

    # --- doing ---

    async def run(self, job: Job) -> Done:
        """Move the VM, or start it anew where it is. Raises Fault."""
        async with self._store.read() as tx:
            row = await self._store.resources.get(tx, job.rid)
        if row is None:
            return Done()
        if job.state is None:
            await self._decide(job, row)
        if "stays" in job.state:
            return await self._work.anew(job, note=f" It stays on its host: {job.state['stays']}.")
        move = await carry(Moving(self._moves, self._work, job), msgspec.convert(job.state, Move))
        return await self._done(job, move)

    async def _decide(self, job: Job, row: Resource) -> None:
        """Where it goes, once and for all lives of this operation. Raises Fault Conflict, AgentOffline."""
        wish = await self._now(row, job.input(Wish))
        if wish.returns and not wish.dead:
            wish = await self._unless_there(row, wish)
        if wish.dead or wish.returns:
            await job.save(msgspec.to_builtins(begun(await self._lost(job, row, wish))))
            return
        target, why, ran = None, wish.why, True
        if wish.hosts:
            target, why, ran = await self._ask(row, wish.hosts)
        if target is None:
            await job.save(msgspec.to_builtins(Stays(stays=why or "no other host can run it")))
            return
        move = Move(
            id=job.id,
            vm=row.uid,
            source=private_of(row).agent,
            target=target,
            epoch=row.epoch,
            ran=ran,
        )
        async with self._store.write() as tx:
            now = await self._store.resources.require(tx, job.rid)
            private = private_of(now)
            by = await self._store.operations.get(tx, operation_of(private.leaving or ""))
            other = by is not None and by.ended is None and private.leaving != move.id
            if other or (now.epoch, private.agent) != (move.epoch, move.source):
                raise Fault("Conflict", detail=f"'{row.name}' is being moved by another operation")
            properties = with_private(now, leaving=move.id)
            await self._store.resources.update(tx, now.id, now=clock.now(), properties=properties)
            await job.keep(tx, msgspec.to_builtins(begun(move)))

    async def _now(self, row: Resource, wish: Wish) -> Wish:
        """What was found when the operation was accepted may have been changed by one before it: the VM is on
        another host by now, perhaps the very one where it was to go, and a copy that was in the way is gone.
        """
        agent = private_of(row).agent
        same = not wish.source or (wish.source, wish.epoch) == (agent, row.epoch)
        if wish.dead:
            if not same:
                raise Fault("Conflict", detail=f"'{row.name}' was moved to another host meanwhile")
            return wish
        source = self._fleet.host(agent)
        if source is None or not source.connected:
            if not same:
                raise self._fleet.offline(agent)
            return wish
        async with self._store.read() as tx:
            return await self._placed(tx, row, source)

    async def _unless_there(self, row: Resource, wish: Wish) -> Wish:
        """It goes back because its host did not report it; what that host says when it is asked decides: a
        report may be late, and what the VM has written there since would be lost.
        """
        agent = private_of(row).agent
        try:
            await self._fleet.ask(agent, Verb.DISK_LOOK, row.uid, {}, epoch=row.epoch, timeout=LOOK_SECONDS)
        except Fault as fault:
            if fault.code == "VmUnknownToHost":
                return wish
            raise
        source = self._fleet.host(agent)
        if source is None:
            raise Fault("HostGone")
        async with self._store.read() as tx:
            return await self._placed(tx, row, source, there=True)

    async def failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        """However it ended, canceled perhaps: what did not get to its line is taken back."""
        if not job.state or "stays" in job.state:
            return
        await self._moves.backs.call_off(tx, job, msgspec.convert(job.state, Move))

    async def _lost(self, job: Job, row: Resource, wish: Wish) -> Move:
        private = private_of(row)
        ends: dict[str, int] = {}
        if not wish.returns:
            async with self._store.read() as tx:
                stored = await self._places.ends(tx, row)
            report = self._fleet.report(row.uid, private.agent)
            told = {port.name: port.end for port in report.ports} if report is not None else {}
            for port in (str(number) for number in range(private.ports)):
                ends[port] = max(stored.get(port, 0), told.get(port, 0)) + SLACK
        return Move(
            id=job.id,
            source=private.agent,
            target=wish.hosts[0],
            epoch=row.epoch,
            how=How.RETURNED if wish.returns else How.ANEW,
            ends=ends,
        )

    async def _ask(self, row: Resource, hosts: tuple[str, ...]) -> tuple[str | None, str, bool]:
        """The first host that can take it, having looked at both ends; else why there is none. And whether it
        runs, as its host says, or its host's report where an older agent does not.
        """
        source, why = private_of(row).agent, ""
        try:
            there = await self._fleet.ask(
                source, Verb.DISK_LOOK, row.uid, {}, epoch=row.epoch, timeout=LOOK_SECONDS
            )
        except Fault as fault:
            if fault.code in _OLDER or fault.code == "DiskNotMovable":
                why = f"its host '{name_of(self._fleet, source)}' does not send it ({fault.code})"
                return None, why, True
            raise
        report = self._fleet.report(row.uid, source)
        reported = report is not None and report.power is not Power.STOPPED
        ran = bool(there.data.get("runs", reported))
        coming = await self._work.definition(msgspec.structs.replace(row, epoch=row.epoch + 1))
        args = {
            "definition": {name: value for name, value in coming.items() if name != "nic"},
            "image": there.data.get("image"),
            "bytes": there.data.get("bytes", 0),
        }
        for agent in hosts:
            try:
                await self._fleet.ask(
                    agent, Verb.DISK_LOOK, row.uid, args, epoch=row.epoch + 1, timeout=LOOK_SECONDS
                )
                return agent, "", ran
            except Fault as fault:
                if fault.code not in _OTHER | _OLDER:
                    raise
                why = why or f"the host '{name_of(self._fleet, agent)}' cannot take it ({fault.code})"
        return None, why, ran

    async def _done(self, job: Job, move: Move) -> Done:
        async with self._store.read() as tx:
            row = await self._store.resources.get(tx, job.rid)
        source, target = name_of(self._fleet, move.source), name_of(self._fleet, move.target)
        wish = job.input(Wish)
        dead = f"The host '{source}' was confirmed dead by {wish.by} ({wish.reason})"
        lost = dead if wish.dead else f"On '{source}' it never arrived"
        words = {
            How.CARRIED: f"It moved from '{source}' to '{target}' with {move.bytes >> 20} MiB, and runs.",
            How.ANEW: f"{dead}; on '{target}' it began anew from its image, and runs.",
            How.RETURNED: f"{lost}; on '{target}', where it came from, it runs with its disk.",
        }[move.how]
        copies = [each.agent for each in private_of(row).left] if row is not None else []
        if move.source in copies and move.how is How.CARRIED:
            words += f" The copy on '{source}' goes when that host is back."
        output = {"observed": words, "host": target, "bytes": move.bytes, "epoch": move.epoch + 1}
        return self._work.settled(job, output)
