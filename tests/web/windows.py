"""Simulated Windows servers in a house, for a browser: how they are offered, and the keys they are to get."""

from __future__ import annotations

from outofband.agent.config import Program, add_program, config_path
from outofband.cli.windows import PROGRAMS, TAGS, properties
from outofband.core.paths import StateDir
from outofband.simulators.sac.vtutf8 import SEQUENCES
from tests.peers.house import House
from tests.support.sac import REPOSITORY, command
from tests.web.portal import Portal

__all__ = ["PRESSED", "PROGRAMS", "create", "offer"]

PRESSED = {
    {"Up": "ArrowUp", "Down": "ArrowDown", "Left": "ArrowLeft", "Right": "ArrowRight"}.get(name, name): sent
    for name, sent in SEQUENCES.items()
}
"""By the browser's name of a key: what Windows is to get of it."""


def offer(house: House) -> None:
    """What `oob up --windows` offers, without waits where nothing is to be seen; before the agent starts."""
    state = StateDir(house.root)
    state.agent.mkdir(mode=0o700, exist_ok=True)
    for name, options in PROGRAMS.items():
        words = ["env", f"PYTHONPATH={REPOSITORY / 'src'}", *command(*options)]
        add_program(config_path(state), name, Program(command=words, reset="SIGUSR1", nmi="SIGUSR2"))


async def create(portal: Portal, program: str) -> None:
    """A VM that runs one of them, called after it."""
    body = {"location": "local", "tags": TAGS, "properties": properties(program)}

    def put() -> None:
        portal.api.call("PUT", portal.vm_id(program), body, expect=201)

    await portal.meanwhile(put)
