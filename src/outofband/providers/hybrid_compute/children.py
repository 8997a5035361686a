"""What hangs on a machine in Azure and is not offered here: extensions and run commands. Their lists are
there, and empty, for clients that look at a machine ask for them.
"""

from __future__ import annotations

import re

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.providers.hybrid_compute.shape import MACHINES, SINCE, VERSION
from outofband.resources.declaration import Draft, Item, Page, Place, Put, ResourceType, Written
from outofband.resources.exchange import Call
from outofband.store.tx import Tx

_NAME = re.compile(r"^[A-Za-z0-9_.-]{1,128}$")
_WHY = (
    "A machine's agent runs nothing of others; a VM on a machine has extensions and run commands of its own"
)


class Children:
    """Resources of one kind of which there are none."""

    def __init__(self, kind: str, about: str, many: str) -> None:
        self._kind, self._about, self._many = kind, about, many

    def declare(self) -> ResourceType:
        return ResourceType(
            name=f"{MACHINES}/{self._kind}",
            about=self._about,
            many=self._many,
            since=SINCE,
            version=VERSION,
            source=self,
            places=frozenset({Place.GROUP}),
            lists=frozenset({Place.RESOURCE}),
            names=_NAME,
            put=Put(plan=self._put),
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        return None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        return Page(items=[])

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        raise Fault("ActionNotOffered", why=_WHY)


def children() -> list[ResourceType]:
    return [
        Children("extensions", "an extension of a machine", "extensions of machines").declare(),
        Children("runCommands", "a run command of a machine", "run commands of machines").declare(),
    ]
