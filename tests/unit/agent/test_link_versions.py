"""A control plane one version older, and one newer, than this agent, by the text on the wire.

The older one's welcome was recorded from the program of commit 1a3e418: it takes no renewals and no beats,
and says nothing of a spread. The newer one is made up.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from outofband.agent.link import ControlLink
from outofband.agent.state import HostKey, Trust, save_identity
from outofband.agent.upkeep import Upkeep
from outofband.core.paths import StateDir
from outofband.net.backoff import Backoff
from outofband.net.tasks import Tasks
from outofband.wire import link
from outofband.wire.machine import AgentReport
from tests.support.wait import until
from tests.unit.agent.control_plane import Authority, identity
from tests.unit.agent.test_link import Host

pytestmark = pytest.mark.anyio
NEWER = {"of": "a later day", "deep": [{"a": None}]}


class Plane:
    """Says the texts it is given after the agent's hello, and keeps what the agent says."""

    def __init__(self, *texts: dict[str, Any]) -> None:
        self._texts = texts
        self.heard: list[dict[str, Any]] = []
        self.links = 0

    async def serve(self, socket: ServerConnection) -> None:
        self.links += 1
        await socket.send('{"type":"challenge","nonce":"qGPF8bZzG2nXi","protocol":1}')
        self.heard.append(json.loads(await socket.recv()))
        for each in self._texts:
            await socket.send(json.dumps(each))
        async for text in socket:
            self.heard.append(json.loads(text))

    def kinds(self) -> list[str]:
        return [each["type"] for each in self.heard]


async def talk(tmp_path: Path, plane: Plane, host: Host, *, expect: str) -> None:
    """A real link to `plane` until the agent has said `expect`, and one heartbeat after it."""
    authority = Authority(tmp_path)
    state, key = StateDir(tmp_path / "state"), HostKey.make()
    async with serve(plane.serve, "127.0.0.1", 0, ssl=authority.context(), ping_interval=None) as server:
        port = server.sockets[0].getsockname()[1]
        mine = identity(f"https://127.0.0.1:{port}", authority)
        save_identity(state, mine)
        # Faster than the wall's: a heartbeat is due soon.
        ticks = iter(range(0, 10**9, 2))
        control = ControlLink(
            trust=Trust(state, mine),
            key=key,
            version="0.1.0",
            instance="i",
            host=host,
            now=lambda: next(ticks) / 10,
            tick=0.05,
            backoff=Backoff(first=0.05, limit=0.2),
            upkeep=Upkeep(state, key.raw, lambda: AgentReport(services={"himds": "running"}), name="h"),
            hardware="ab" * 32,
        )
        tasks = Tasks()
        tasks.spawn("link", control.run())
        try:
            await until(lambda: expect in plane.kinds())
            await until(lambda: "heartbeat" in plane.kinds())
        finally:
            await tasks.close()


async def test_an_older_control_plane_is_told_nothing_it_does_not_know(tmp_path: Path) -> None:
    welcome = {
        "type": "welcome",
        "link": "87716df9b24c478a9a5bc671e686148e",
        "node": "n1",
        "grant_keys": [],
        "trust": "",
        "takes": ["findings", "places", "shows"],
    }
    plane = Plane(welcome)
    await talk(tmp_path, plane, Host(), expect="inventory")
    # It passes over the fields of a hello that it does not know, and may be sent these alone.
    assert set(plane.kinds()) <= {"hello", "inventory", "heartbeat"}
    hello = plane.heard[0]
    assert hello["protocol"] == link.PROTOCOL and {"keys", "places"} <= set(hello["takes"])
    assert plane.links == 1


async def test_a_newer_control_plane_says_more_than_is_known_here(tmp_path: Path) -> None:
    welcome = {
        "type": "welcome",
        "link": "l",
        "node": "n1",
        "grant_keys": [],
        "trust": "",
        "takes": ["findings", "places", "shows", "renewals", "beats", "teleports"],
        "later": NEWER,
    }
    command = {
        "type": "command",
        "key": "k1",
        "verb": "vm.teleport",
        "vm": "vm-1",
        "args": {},
        "later": NEWER,
    }
    plane, host = Plane(welcome, {"type": "teleport", "later": NEWER}, command), Host()
    await talk(tmp_path, plane, host, expect="beat")
    assert plane.links == 1, "the unknown message ended no link"
    [asked] = [each for each in host.asked if isinstance(each, link.Command)]
    assert (asked.key, asked.verb) == ("k1", "vm.teleport")
    # It has no certificate: it asks this control plane, which takes that, for one.
    assert "renew" in plane.kinds()
