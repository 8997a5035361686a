"""Agents one version older and one newer than this control plane, by the text on the wire.

What the older one says was recorded from the program of commit 1a3e418 at work: it knows no renewals and no
beats, says nothing of its hardware, and reports no facts of its machine. The newer one is made up: it says
more than anybody here knows.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from outofband.core import clock
from outofband.wire import link
from outofband.wire.machine import Power
from tests.support.actors import AgentPeer
from tests.support.plane import VM, Plane
from tests.support.wait import until

pytestmark = pytest.mark.anyio

OLDER_HELLO = {
    "type": "hello",
    "version": "0.1.0",
    "instance": "cb00cfca15175e05",
    "protocol": 1,
    "takes": ["keys", "places"],
}
OLDER_INVENTORY = (
    '{"type":"inventory","host":{"hostname":"older","os":"Debian GNU/Linux 12 (bookworm)","version":"0.1.0",'
    '"cpus":2,"memory_mib":24105,"accelerator":"tcg","probe":"There is no /dev/kvm; guests run under TCG.",'
    '"drivers":["qemu","unix","pty"],"images":[],"programs":["echo"],"sockets":[],"monitor":false},'
    '"machines":[]}'
)
OLDER_VM = (
    '{"type":"vm","report":{"vm":"VM","name":"v1","driver":"pty","epoch":1,"power":"running",'
    '"since":"2026-11-28T03:20:06.568969Z","ports":[{"name":"0","start":0,"end":0,"writer":null,"viewers":0,'
    '"alarm":null,"writer_session":null,"shows":"silent"}],"fault":null,"fault_fields":{},"memory_mib":256,'
    '"cpus":1,"image":null,"program":"echo","socket":null}}'
)
OLDER_RESULT = (
    '{"type":"result","key":"KEY","succeeded":true,"observed":"The program runs as process 6528; nothing was '
    'printed on serial port 0 within 1 s.","code":null,"fields":{},'
    '"data":{"pid":6527,"boot":1,"seconds":1.079}}'
)
NEWER = {"of": "a later day", "deep": [{"a": None}]}


class Wire:
    """One agent's socket, spoken on in plain text."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.heard: list[dict[str, Any]] = []

    async def send(self, message: str | dict[str, Any]) -> None:
        await self._socket.send(message if isinstance(message, str) else json.dumps(message))

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next message of a kind; those before it are kept in `heard`."""
        async with asyncio.timeout(60):
            while True:
                message: dict[str, Any] = json.loads(await self._socket.recv())
                self.heard.append(message)
                if message["type"] == kind:
                    return message


@asynccontextmanager
async def linked(
    plane: Plane, agent: AgentPeer, hello: dict[str, Any]
) -> AsyncIterator[tuple[Wire, dict[str, Any]]]:
    """A link by this hello, and its welcome."""
    context = plane.client_context()
    async with connect(plane.link_url, ssl=context, compression=None, ping_interval=None) as socket:
        wire = Wire(socket)
        challenge = await wire.hear("challenge")
        name = agent.identity.agent
        signature = agent.key.sign(f"outofband-link-v1\0{name}\0{challenge['nonce']}".encode())
        await wire.send(hello | {"agent": name, "signature": signature})
        yield wire, await wire.hear("welcome")


async def test_an_older_agent_works_as_it_did(plane: Plane, agent: AgentPeer) -> None:
    name = agent.identity.agent
    async with linked(plane, agent, OLDER_HELLO) as (wire, welcome):
        # All that its own form of a welcome has, in the form it had.
        assert {"link", "node", "grant_keys", "trust", "takes"} <= welcome.keys()
        assert {"findings", "places", "shows"} >= set(welcome["takes"]) - {"renewals", "beats", "own-console"}
        await wire.send(OLDER_INVENTORY)
        started = asyncio.ensure_future(plane.fleet.command(name, "vm.start", VM, key="k1", epoch=1))
        command = await wire.hear("command")
        assert {key: command[key] for key in ("key", "verb", "vm", "args", "epoch")} == {
            "key": "k1", "verb": "vm.start", "vm": VM, "args": {}, "epoch": 1,
        }  # fmt: skip
        await wire.send(OLDER_VM.replace('"VM"', f'"{VM}"'))
        await wire.send(OLDER_RESULT.replace("KEY", "k1"))
        result = await started
        assert (result.succeeded, result.data["boot"]) == (True, 1)
        report = plane.fleet.report(VM, name)
        assert report is not None and report.power is Power.RUNNING
        view = plane.fleet.host(name)
        assert view is not None and view.report is not None
        assert (view.report.programs, view.report.facts.fqdn, view.report.simulated) == (["echo"], "", False)
        # Its heartbeat is answered by nothing, and it is told nothing that it does not know.
        await wire.send('{"type":"heartbeat"}')
        await plane.fleet.switchboard.announce_keys()
        await wire.hear("keys")
        assert {each["type"] for each in wire.heard} <= {
            "challenge",
            "welcome",
            "command",
            "keys",
            "heartbeat",
        }


async def test_the_certificate_of_an_older_agent_does_not_end_its_links(
    plane: Plane, agent: AgentPeer
) -> None:
    """It has none, and could not renew it; the control plane made one at its enrolment all the same."""
    async with plane.store.write() as tx:
        ended = clock.now() - timedelta(days=1)
        await plane.store.agents.update(tx, agent.identity.agent, certificate_expires=ended)
    async with linked(plane, agent, OLDER_HELLO):
        await until(lambda: plane.fleet.connected(agent.identity.agent))


async def test_a_newer_agent_says_more_than_is_known_here(plane: Plane, agent: AgentPeer) -> None:
    name = agent.identity.agent
    takes = ["keys", "places", "renewals", "teleports"]
    hello = OLDER_HELLO | {"takes": takes, "hardware": "ab" * 32, "version": "9.0.0", "later": NEWER}
    async with linked(plane, agent, hello) as (wire, _):
        await wire.send({"type": "teleported", "later": NEWER})
        inventory = json.loads(OLDER_INVENTORY)
        inventory |= {"later": NEWER}
        inventory["host"] |= {"later": NEWER, "facts": {"fqdn": "newer.example", "later": NEWER}}
        await wire.send(inventory)
        beat = {"type": "beat", "report": {"services": {"himds": "running"}, "later": NEWER}, "later": NEWER}
        await wire.send(beat)
        changed = json.loads(OLDER_VM.replace('"VM"', f'"{VM}"'))
        changed["report"] |= {"later": NEWER}
        changed["report"]["ports"][0] |= {"later": NEWER}
        await wire.send(changed)
        await wire.send({"type": "later", "size": "x" * 100_000})
        await until(lambda: plane.fleet.report(VM, name))
        view = plane.fleet.host(name)
        assert view is not None and view.connected and view.report is not None
        assert view.report.facts.fqdn == "newer.example"
        async with plane.store.read() as tx:
            row = await plane.store.agents.get(tx, name)
        assert row is not None and row.version == "9.0.0"
        [own] = plane.fleet.switchboard.links
        assert own.server.unknown == ["teleported", "later"]
        started = asyncio.ensure_future(plane.fleet.command(name, "vm.start", VM, key="k1"))
        await wire.hear("command")
        result = json.loads(OLDER_RESULT.replace("KEY", "k1"))
        await wire.send(result | {"later": NEWER})
        assert (await started).succeeded


async def test_a_newer_agent_is_known_again_after_a_restart(plane: Plane, agent: AgentPeer) -> None:
    """What was kept of its reports can be read."""
    async with linked(plane, agent, OLDER_HELLO | {"version": "9.0.0"}) as (wire, _):
        inventory = json.loads(OLDER_INVENTORY)
        inventory["host"] |= {"later": NEWER}
        await wire.send(inventory)
        await until(lambda: plane.fleet.host(agent.identity.agent).report)  # type: ignore[union-attr]
    await plane.stop()
    await plane.start()
    view = plane.fleet.host(agent.identity.agent)
    assert view is not None and view.report is not None and view.report.hostname == "older"


async def test_another_protocol_is_refused_with_both_numbers(plane: Plane, agent: AgentPeer) -> None:
    context = plane.client_context()
    async with connect(plane.link_url, ssl=context, compression=None, ping_interval=None) as socket:
        wire = Wire(socket)
        await wire.hear("challenge")
        hello = OLDER_HELLO | {"agent": agent.identity.agent, "signature": "", "protocol": link.PROTOCOL + 1}
        await wire.send(hello)
        reject = await wire.hear("reject")
        assert (reject["code"], reject["fields"]) == ("LinkVersionUnsupported", {"ours": 1, "theirs": 2})
        with pytest.raises(ConnectionClosed):
            await wire.hear("welcome")
