"""Does what a step wants as the caller would: a request to the kernel, with their rights, the locks, and a
row in the activity log. Which requests a deed is, its doer knows; the table of them is in here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from outofband.access.authorizer import Authorizer, Rights
from outofband.core.errors import Fault
from outofband.providers.rescues.asking import Asking, Need
from outofband.providers.rescues.deed_guest import ResetConfiguration, ResetPassword
from outofband.providers.rescues.deed_network import AssignAddress, ResetCard
from outofband.providers.rescues.deed_power import Power
from outofband.providers.rescues.deed_rules import AddRules
from outofband.rescue import judging
from outofband.rescue.doing import Errand, Told
from outofband.rescue.run import Done, Run
from outofband.rescue.runbook import Deed, Step
from outofband.resources.kernel import Kernel
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx


class Doer(Protocol):
    """Does one deed. As `rescue.doing.Hands`."""

    async def needs(self, errand: Errand, row: Resource, tx: Tx) -> list[Need]:
        """Every right that it takes."""

    async def do(self, errand: Errand, run: Run, done: Done) -> Told: ...

    async def undo(self, errand: Errand, run: Run, done: Done) -> tuple[Fault, ...]: ...


class Requests:
    """`kernel` is set as soon as there is one."""

    def __init__(self, store: Store, authorizer: Authorizer) -> None:
        self._authorizer = authorizer
        self._asking = asking = Asking(store)
        self._doers: Mapping[Deed, Doer] = {
            Deed.RESET_CONFIGURATION: ResetConfiguration(asking),
            Deed.ADD_RULE: AddRules(asking),
            Deed.RESET_NIC: ResetCard(asking),
            Deed.ASSIGN_ADDRESS: AssignAddress(asking),
            Deed.RESET_PASSWORD: ResetPassword(asking),
            Deed.START: Power(asking, "start"),
            Deed.RESTART: Power(asking, "restart"),
            Deed.REDEPLOY: Power(asking, "redeploy"),
        }

    @property
    def kernel(self) -> Kernel | None:
        return self._asking.kernel

    @kernel.setter
    def kernel(self, kernel: Kernel) -> None:
        self._asking.kernel = kernel

    async def do(self, errand: Errand, run: Run, done: Done) -> Told:
        return await self._doers[done.wish.deed].do(errand, run, done)

    async def undo(self, errand: Errand, run: Run, done: Done) -> tuple[Fault, ...]:
        return await self._doers[done.wish.deed].undo(errand, run, done)

    async def lacking(self, errand: Errand, run: Run, row: Resource, tx: Tx) -> dict[Deed, Fault]:
        """Why the caller cannot have a deed done: the rights to it that they lack."""
        missing: dict[Deed, list[Need]] = {}
        async for _, deed, need, allowed in self._asked_for(errand, run, row, tx):
            if not allowed:
                missing.setdefault(deed, []).append(need)
        return {deed: _lacks(deed, needs) for deed, needs in missing.items()}

    async def rights(self, errand: Errand, run: Run, row: Resource, tx: Tx) -> list[dict[str, Any]]:
        """Each right that a deed of the run needs, and whether the caller has it now."""
        return [
            {
                "step": step.value,
                "deed": deed.value,
                "action": need.action,
                "scope": need.scope,
                "allowed": allowed,
            }
            async for step, deed, need, allowed in self._asked_for(errand, run, row, tx)
        ]

    async def _asked_for(
        self, errand: Errand, run: Run, row: Resource, tx: Tx
    ) -> AsyncIterator[tuple[Step, Deed, Need, bool]]:
        held = await self._authorizer.rights(errand.caller, tx)
        for step, deed in judging.deeds_of(run):
            for need in await self._doers[deed].needs(errand, row, tx):
                yield step, deed, need, _may(held, need)


def _may(rights: Rights, need: Need) -> bool:
    """A subscription stands for something in it that is not known yet."""
    if need.scope.count("/") == 2:
        return rights.allow_below(need.action, need.scope)
    return rights.allow(need.action, need.scope)


def _lacks(deed: Deed, needs: list[Need]) -> Fault:
    if len(needs) == 1:
        return Fault("RescueRightMissing", deed=deed.value, action=needs[0].action, scope=needs[0].scope)
    told = "; ".join(f"'{each.action}' on '{each.scope}'" for each in needs)
    return Fault("RescueRightsMissing", deed=deed.value, rights=told)
