"""A VM in trouble, as far as an engine sees it: what mends it, and a ledger of what was done by which key."""

from __future__ import annotations

from collections.abc import Callable, Collection

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.core.principal import Principal, PrincipalKind
from outofband.rescue.doing import Errand, Told
from outofband.rescue.run import Done, Look, Probed, Run, Wish
from outofband.rescue.runbook import EFFECTS, Deed, Step, row_of
from outofband.wire.remote import Protocol, Report, Where

VM = parse_id("/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web1")


def errand(secret: dict[str, str] | None = None) -> Errand:
    who = Principal(
        tenant="t", object_id="o", app_id="a", kind=PrincipalKind.USER, name="ada", expires=clock.wall() + 60
    )
    return Errand(id="run-1", vm=VM, uid="uid-1", caller=who, secret=secret or {})


def report(works: bool) -> Report:
    return Report(
        where=Where.CONTROL_PLANE,
        protocol=Protocol.RDP,
        host="203.0.113.7",
        port=3389,
        works=works,
        began=clock.iso(),
        seconds=0.0,
    )


class World:
    """Answers once `mended_by` was done. `wishes`: steps that want their deed; `broken`: deeds that fail.

    `reach` is called at every point at which a process may be killed.
    """

    def __init__(
        self,
        mended_by: Deed | None = None,
        wishes: Collection[Step] = tuple(Step),
        broken: Collection[Deed] = (),
        reach: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.mended_by, self.wishes, self.broken, self.reach = mended_by, wishes, broken, reach
        self.answers = False
        self.effects: list[Deed] = []
        self.ledger: dict[str, Fault | None] = {}
        self.looked: list[Step] = []
        self.probes = 0

    async def address(self, errand: Errand) -> str:
        return "203.0.113.7"

    async def probe(self, errand: Errand, run: Run) -> Probed:
        self.reach("probe")
        self.probes += 1
        return Probed(outside=report(self.answers))

    async def look(self, errand: Errand, run: Run, step: Step) -> Look:
        self.reach("look")
        self.looked.append(step)
        deeds = row_of(step).deeds
        if not deeds or step not in self.wishes:
            return Look()
        return Look(wish=Wish(deed=deeds[0], asks=EFFECTS[deeds[0]].asks))

    async def do(self, errand: Errand, run: Run, done: Done) -> Told:
        self.reach("before the deed")
        if done.key not in self.ledger:
            deed = done.wish.deed
            self.effects.append(deed)
            self.ledger[done.key] = Fault("VmStartFailed", detail="x") if deed in self.broken else None
            self.answers |= deed is self.mended_by
        self.reach("after the deed")
        if (fault := self.ledger[done.key]) is not None:
            raise fault
        return Told(observed="seen")

    async def undo(self, errand: Errand, run: Run, done: Done) -> tuple[Fault, ...]:
        raise Fault("RescueNoUndo", deed=done.wish.deed.value)
