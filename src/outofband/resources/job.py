"""What the work of an operation sees of the operation, and what it gives back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from outofband.core import clock
from outofband.core.ids import ResourceId, parse_id
from outofband.resources.exchange import Caller
from outofband.store.operations import Operation
from outofband.store.store import Store
from outofband.store.tx import Tx

T = TypeVar("T")


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A good end. `settle` writes in the very unit that ends the operation: both or neither."""

    output: Any = None
    settle: Callable[[Tx], Awaitable[None]] | None = None


class Job:
    """One operation in the hands of one runner."""

    def __init__(self, store: Store, operation: Operation, rid: ResourceId | None = None) -> None:
        self.store = store
        self.operation = operation
        self.rid = rid or parse_id(operation.resource_id)
        self.caller = msgspec.convert(operation.caller, Caller)
        self._within = f":{rid.key}" if rid else ""

    @property
    def id(self) -> str:
        """What things that are made for it are named after."""
        return self.operation.id

    @property
    def resumed(self) -> bool:
        """Somebody had begun this before and did not get to its end."""
        return self.operation.attempts > 1

    @property
    def state(self) -> Any:
        """What `save` kept, perhaps in an earlier life; None before."""
        return self.operation.state

    def key(self, step: str) -> str:
        """A name for one outside effect, the same however often the job is run."""
        return f"{self.operation.id}{self._within}:{step}"

    def on(self, rid: ResourceId) -> Job:
        """The same operation at work on something inside its resource; its keys are its own."""
        return Job(self.store, self.operation, rid)

    def input(self, kind: type[T]) -> T:
        return msgspec.convert(self.operation.input, kind)

    async def save(self, state: Any) -> None:
        """Remember `state` for the next life. Raises LeaseLost."""
        async with self.store.write() as tx:
            await self.keep(tx, state)

    async def keep(self, tx: Tx, state: Any) -> None:
        """As `save`, within the caller's unit."""
        self.operation = await self.store.operations.save(tx, self.operation, state, clock.now())
