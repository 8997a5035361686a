"""The order in which a VM leaves its host: what is done, what is remembered, and what a failure means.

Nothing in here waits or asks; `World` does. One line matters. Before SWITCH the VM is the source's: whatever
fails is taken back, and that it is being taken back is remembered first, so that a later life of this process
does not go on with what an earlier one has started again. From SWITCH on, which is one transaction, it is the
target's under a newer epoch: whatever fails is gone on with, now or at the next start.
"""

from __future__ import annotations

import enum
from typing import Any, Protocol

import msgspec

from outofband.core.errors import Fault
from outofband.store.faults import PASSING


class Phase(enum.StrEnum):
    """What is to be done next."""

    STOP = "stop"
    SEND = "send"
    RECEIVE = "receive"
    SWITCH = "switch"
    TAKE = "take"
    START = "start"
    CLEAR = "clear"
    DONE = "done"
    BACK = "back"
    """Before SWITCH something failed: it is taken back."""


class How(enum.StrEnum):
    CARRIED = "carried"
    """Its disk goes with it."""
    ANEW = "anew"
    """Its host is confirmed dead and its disk lost with it: it begins from its image."""
    RETURNED = "returned"
    """To the host it came from, which still has its disk: where it was to go is confirmed dead."""


_NEXT = {
    Phase.STOP: Phase.SEND,
    Phase.SEND: Phase.RECEIVE,
    Phase.RECEIVE: Phase.SWITCH,
    Phase.SWITCH: Phase.TAKE,
    Phase.TAKE: Phase.START,
    Phase.START: Phase.CLEAR,
    Phase.CLEAR: Phase.DONE,
}
_BEFORE = frozenset({Phase.STOP, Phase.SEND, Phase.RECEIVE, Phase.SWITCH})
"""A failure here is taken back."""
SHARE = {
    Phase.STOP: 0,
    Phase.SEND: 5,
    Phase.RECEIVE: 45,
    Phase.SWITCH: 85,
    Phase.TAKE: 86,
    Phase.START: 88,
    Phase.CLEAR: 98,
    Phase.DONE: 100,
    Phase.BACK: 90,
}
"""Per cent of the whole when a phase begins."""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation remembers of a move, of the VM with the uid `vm`. `epoch` is the VM's at the source;
    `ran`: it ran before; `ends`: where the logs of its ports ended; `percent` and `bytes` are for whoever
    watches.
    """

    id: str
    vm: str = ""
    source: str
    target: str
    epoch: int
    how: How = How.CARRIED
    phase: Phase = Phase.STOP
    ran: bool = True
    manifest: str | None = None
    ends: dict[str, int] = {}
    bytes: int = 0
    percent: int = 0
    fault: str | None = None
    fault_fields: dict[str, Any] = {}


def begun(move: Move) -> Move:
    """With the first phase of its kind: where there is no disk to carry, it begins with the switch."""
    phase = Phase.STOP if move.how is How.CARRIED else Phase.SWITCH
    return at(move, phase)


def at(move: Move, phase: Phase) -> Move:
    return msgspec.structs.replace(move, phase=phase, percent=SHARE[phase])


class World(Protocol):
    """Each may be done twice and comes to the same end. Raises Fault."""

    async def stop(self, move: Move) -> None: ...

    async def send(self, move: Move) -> Move:
        """With `manifest`, `ends` and `bytes`."""

    async def receive(self, move: Move) -> None: ...

    async def switch(self, move: Move, after: Move) -> None:
        """In one transaction: the epoch advances, the VM is the target's, and `after` is remembered."""

    async def take(self, move: Move) -> None: ...

    async def start(self, move: Move) -> None: ...

    async def clear(self, move: Move) -> None:
        """The first boot was seen: the source's copy goes."""

    async def take_back(self, move: Move) -> None:
        """The target drops what arrived; the source goes on as before. Raises nothing that can be helped."""

    async def save(self, move: Move) -> None: ...


async def carry(world: World, move: Move) -> Move:
    """Go on with a move until it is done. Raises the Fault that ended it."""
    while move.phase is not Phase.DONE:
        if move.phase is Phase.BACK:
            await world.take_back(move)
            raise Fault(move.fault or "InternalError", **move.fault_fields)
        try:
            move = await _step(world, move)
        except Fault as fault:
            if fault.code in PASSING or move.phase not in _BEFORE:
                raise
            fields = msgspec.to_builtins(fault.fields, str_keys=True)
            move = msgspec.structs.replace(at(move, Phase.BACK), fault=fault.code, fault_fields=dict(fields))
            await world.save(move)
    return move


async def _step(world: World, move: Move) -> Move:
    after = at(move, _NEXT[move.phase])
    match move.phase:
        case Phase.STOP:
            await world.stop(move)
        case Phase.SEND:
            sent = await world.send(move)
            after = at(sent, after.phase)
        case Phase.RECEIVE:
            await world.receive(move)
        case Phase.SWITCH:
            # Remembers by itself: neither without the other.
            await world.switch(move, after)
            return after
        case Phase.TAKE:
            await world.take(move)
        case Phase.START:
            await world.start(move)
        case Phase.CLEAR:
            await world.clear(move)
        case _:
            raise AssertionError(f"no step leads on from {move.phase}")
    await world.save(after)
    return after
