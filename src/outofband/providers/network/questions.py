"""What may be asked of an interface: the operations `effective...`, which end with their answer."""

from __future__ import annotations

from typing import Any

from outofband.providers.network import evaluation
from outofband.providers.network.house import House
from outofband.resources.declaration import Begin, Item, Step
from outofband.resources.exchange import Call
from outofband.resources.job import Done, Job
from outofband.store.tx import Tx
from outofband.wire.network.effective import ENFORCED


class Effective:
    """`effectiveNetworkSecurityGroups` and `effectiveRouteTable`."""

    def __init__(self, house: House) -> None:
        self._house = house

    def actions(self) -> dict[str, Begin]:
        return {
            "effectiveNetworkSecurityGroups": Begin(
                plan=_nothing,
                step=Step(run=self._groups),
                about="List the security rules of a network interface as they apply together",
            ),
            "effectiveRouteTable": Begin(
                plan=_nothing,
                step=Step(run=self._routes),
                about="List the routes of a network interface as they apply together",
            ),
        }

    async def _groups(self, job: Job) -> Done:
        return _told(evaluation.effective_groups(await self._load(job)))

    async def _routes(self, job: Job) -> Done:
        return _told(evaluation.effective_routes(await self._load(job)))

    async def _load(self, job: Job) -> evaluation.Interface:
        async with self._house.store.read() as tx:
            row = await evaluation.require_interface(self._house, tx, job.rid)
            return await evaluation.load(self._house, tx, row)


def _told(found: list[dict[str, Any]]) -> Done:
    return Done(output={"value": found, "outofband": {"statement": ENFORCED}})


async def _nothing(call: Call, tx: Tx, item: Item, body: Any) -> Any:
    return {}
