"""Where the log of a VM is read: at its host while that answers, in the store otherwise."""

from __future__ import annotations

from typing import Protocol

from outofband.core.errors import Fault
from outofband.providers.compute import shape as vm
from outofband.resources.exchange import Call
from outofband.store.resources import Resource
from outofband.wire.log import LogArgs, LogPart
from outofband.wire.machine import Verb

READ_SECONDS = 15.0
"""How long a client waits for a part of the log, beside what it wanted to wait."""
_AWAY = frozenset({"AgentOffline", "AgentTimeout", "LogNotInAgent"})
"""The host cannot be asked; what was kept of the log elsewhere is as good as it gets."""


class Asks(Protocol):
    """`Reading.ask`."""

    async def __call__(
        self, row: Resource, verb: Verb, args: dict[str, object], kind: type[LogPart], *, seconds: float
    ) -> LogPart: ...


class Stored(Protocol):
    """What is kept of logs in the blob service."""

    async def admit(self, call: Call, row: Resource) -> None:
        """Raises Fault where the account that a log is kept in keeps the caller out."""

    async def part(self, call: Call, row: Resource, wish: LogArgs) -> LogPart | None:
        """As the host would answer, without waiting; None when nothing is kept."""


class LogSource:
    """One reader's view of one VM's log. `live`: the last part came from the host itself."""

    def __init__(self, call: Call, row: Resource, ask: Asks, stored: Stored) -> None:
        self._call = call
        self._row = row
        self._ask = ask
        self._stored = stored
        self.live = True

    async def part(self, wish: LogArgs) -> LogPart:
        """Raises what asking a host raises, when nothing is kept elsewhere either."""
        if not self.live:
            # One answer is of one piece: a host that has come back meanwhile is for the next.
            return await self._kept(wish, None)
        given = {name: value for name, value in _words(wish).items() if value is not None}
        try:
            seconds = READ_SECONDS + wish.wait
            return await self._ask(self._row, Verb.LOG, given, LogPart, seconds=seconds)
        except Fault as fault:
            refused = Fault("LogNotInAgent", vm=vm.command_name(self._row)) if _is_older(fault) else fault
            if refused.code not in _AWAY:
                raise
            return await self._kept(wish, refused)

    async def _kept(self, wish: LogArgs, why: Fault | None) -> LogPart:
        found = await self._stored.part(self._call, self._row, wish)
        if found is None:
            raise why or Fault("LogNotKept", vm=vm.command_name(self._row))
        self.live = False
        return found


def _words(wish: LogArgs) -> dict[str, object]:
    return {
        "from": wish.begin,
        "since": wish.since,
        "to": wish.to,
        "bytes": wish.bytes,
        "after": wish.after,
        "wait": wish.wait,
    }


def _is_older(fault: Fault) -> bool:
    """An agent that does not know the verb says so of any driver."""
    return fault.code == "ActionNotSupported" and fault.fields.get("verb") == Verb.LOG
