"""What a run needs of the world: somebody who looks, and somebody who does. Providers bring both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.core.principal import Principal
from outofband.rescue.run import Done, Look, Probed, Run
from outofband.rescue.runbook import Step
from outofband.wire.steps.report import StepReport


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """On which VM, and for whom: what they may not do is not done. `secret` holds the password that is tried
    or set, if one was given.
    """

    id: str
    """Of the run."""
    vm: ResourceId
    uid: str
    caller: Principal
    address: str | None = None
    """Where the caller is."""
    attempt: str = ""
    """To take back: id of its operation. What failed in an earlier one is begun anew."""
    secret: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"Errand({self.id})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """As above, for who prints tracebacks with values."""
        return [("id", self.id)]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A deed's good end: what was seen, the ids of what was made, what a step in the guest told, and what its
    doer puts back when it is taken back.
    """

    observed: str = ""
    effects: tuple[str, ...] = ()
    report: StepReport | None = None
    before: dict[str, Any] = {}


class Eyes(Protocol):
    """Looks only. What stands in the way of a look is found, not raised."""

    async def address(self, errand: Errand) -> str:
        """The public address of the VM; empty when it has none."""

    async def probe(self, errand: Errand, run: Run) -> Probed: ...

    async def look(self, errand: Errand, run: Run, step: Step) -> Look: ...


class Hands(Protocol):
    """Does things as the caller. The same key again is the same deed: it is not done twice, and its first end
    is told.
    """

    async def do(self, errand: Errand, run: Run, done: Done) -> Told:
        """Raises Fault for what was refused or failed; the same one for the same key."""

    async def undo(self, errand: Errand, run: Run, done: Done) -> tuple[Fault, ...]:
        """Take back what `done` did or was in the middle of, once in an attempt; what stays, and why. Raises
        Fault RescueNoUndo where there is no way back, and whatever has to be tried again.
        """
