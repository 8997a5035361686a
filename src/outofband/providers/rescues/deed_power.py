"""The VM started, restarted, or moved to another host: requests that have no way back."""

from __future__ import annotations

from outofband.core.errors import Fault
from outofband.providers.rescues.asking import Asking, Need, output
from outofband.rescue.doing import Errand, Told
from outofband.rescue.run import Done, Run
from outofband.store.resources import Resource
from outofband.store.tx import Tx


class Power:
    """`action`: of the VM, as its API has it."""

    def __init__(self, asking: Asking, action: str) -> None:
        self._asking = asking
        self._action = action

    async def needs(self, errand: Errand, row: Resource, tx: Tx) -> list[Need]:
        return [Need(f"{errand.vm.type}/{self._action}/action", str(errand.vm))]

    async def do(self, errand: Errand, run: Run, done: Done) -> Told:
        ended = await self._asking.once(errand, done.key, "POST", f"{errand.vm}/{self._action}")
        return Told(observed=str(output(ended).get("observed") or ""))

    async def undo(self, errand: Errand, run: Run, done: Done) -> tuple[Fault, ...]:
        raise Fault("RescueNoUndo", deed=done.wish.deed.value)
