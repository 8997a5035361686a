"""The two rounds of `oob broadcast`: a look at every console, and the lines at those that passed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from outofband.cli import output as show
from outofband.cli.port_states import STATES
from outofband.client.broadcast import Answered, Visit
from outofband.client.http import ArmClient
from outofband.core import secrets
from outofband.core.errors import Fault
from outofband.wire.broadcast import Kind, Look, Obstacle, obstacle_of

_SAID = {
    Kind.NOT_CONNECTED: "not connected",
    Kind.ONLY_WATCHING: "you may only watch",
    Kind.OTHERS_TYPE: "somebody types",
    Kind.STOPPED: "stopped",
    Kind.TYPING: "a paste is under way",
    Kind.STATE_NOT_TOLD: "its host does not tell what it shows",
    Kind.OTHER_STATE: "shows something else",
    Kind.NO_PROMPT: "no prompt, or something is typed at it",
}


class Round:
    """`machines` are ids of VMs by their names; `wanted` is what a console has to show."""

    def __init__(
        self, client: ArmClient, machines: Mapping[str, str], *, port: str, wanted: str, at_once: int
    ) -> None:
        self._client, self._machines, self._port = client, machines, port
        self._wanted, self._at_once = wanted, at_once
        self._looked: dict[str, dict[str, Any]] = {}

    async def look(self) -> list[dict[str, Any]]:
        """What each console shows, in the order of their names as given. Nothing is typed."""

        async def one(name: str) -> dict[str, Any]:
            async with Visit(self._client, self._machines[name], self._port) as visit:
                look = visit.look()
            # Leaving is no reason: only what kept it out counts.
            return _told(name, look, obstacle_of(look, self._wanted), None if look.connected else visit.fault)

        found = await self._each(list(self._machines), one)
        self._looked = {each["vm"]: each for each in found}
        return found

    async def type(
        self, names: Sequence[str], lines: Sequence[str], *, seconds: float, status: bool
    ) -> list[dict[str, Any]]:
        """Look at `names` once more, and type where nothing stands in the way. All that were looked at are
        told of.
        """
        tag = f"oob{''.join(each for each in secrets.token() if each.isalnum())[:10]}" if status else ""

        async def one(name: str) -> dict[str, Any]:
            async with Visit(self._client, self._machines[name], self._port) as visit:
                obstacle = await visit.take_keyboard(self._wanted)
                look = visit.look()
                if obstacle is not None:
                    return _told(name, look, obstacle, visit.fault)
                answered = await visit.type(lines, self._wanted, seconds, tag)
            return _told(name, look, None, None, answered)

        typed = {each["vm"]: each for each in await self._each(names, one)}
        return [typed.get(name, looked) for name, looked in self._looked.items()]

    async def _each(
        self, names: Sequence[str], one: Callable[[str], Awaitable[dict[str, Any]]]
    ) -> list[dict[str, Any]]:
        room = asyncio.Semaphore(self._at_once)

        async def seated(name: str) -> dict[str, Any]:
            async with room:
                return await one(name)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(seated(name)) for name in names]
        return [task.result() for task in tasks]


def looks_right(told: dict[str, Any]) -> bool:
    return told["obstacle"] is None


def _told(
    name: str, look: Look, obstacle: Obstacle | None, fault: Fault | None, answered: Answered | None = None
) -> dict[str, Any]:
    """One console as `oob broadcast` tells of it."""
    return {
        "vm": name,
        "shows": look.shows,
        "writer": look.writer,
        "line": look.line,
        "obstacle": None if obstacle is None else {"kind": obstacle.kind.value, "about": obstacle.about},
        "code": None if fault is None else fault.code,
        "said": None if obstacle is None else _said(obstacle, fault),
        "outcome": None if answered is None else answered.outcome.value,
        "right": answered is not None and answered.right,
        "echoed": answered is not None and answered.echoed,
        "typed": 0 if answered is None else answered.typed,
        "status": None if answered is None else answered.status,
        "output": [] if answered is None else answered.output,
    }


def _said(obstacle: Obstacle, fault: Fault | None) -> str:
    if obstacle.kind is Kind.NOT_CONNECTED and fault is not None:
        return show.words_for(fault).message
    if obstacle.kind is Kind.OTHERS_TYPE and obstacle.about:
        return f"{obstacle.about} types"
    if obstacle.kind is Kind.OTHER_STATE:
        return f"shows {STATES.get(obstacle.about, obstacle.about)}"
    return _SAID[obstacle.kind]
