"""What agents say on their links once they are welcome, and who is told of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
import structlog

from outofband.core.errors import ProtocolError
from outofband.fleet.commands import Commands
from outofband.fleet.hosts import Hosts
from outofband.fleet.links import Link
from outofband.fleet.renewals import Renewals
from outofband.fleet.streams import Streams
from outofband.wire.link import (
    MAX_FOUND,
    MAX_PLACES,
    MAX_VM,
    TAKES_FINDINGS,
    TAKES_PLACES,
    AgentMessage,
    Beat,
    Found,
    FoundKept,
    Inventory,
    LoginEnded,
    Place,
    Renew,
    Result,
    Stored,
    StreamFailed,
    Told,
    VmChanged,
    VmGone,
    WantPlaces,
)
from outofband.wire.login import LoginReport
from outofband.wire.machine import AgentReport

log = structlog.get_logger(__name__)

MAX_BEAT = 64 * 1024
"""Bytes of what an agent says of itself."""


class Incoming:
    """The floors above set what is to be told them, before the first link."""

    def __init__(self, hosts: Hosts, commands: Commands, streams: Streams, renewals: Renewals) -> None:
        self._hosts, self._commands = hosts, commands
        self._streams, self._renewals = streams, renewals
        self.on_login: Callable[[str, str, LoginReport], None] | None = None
        """Told by which agent what became of the guest login of which session."""
        self.on_places: Callable[[str, str], Awaitable[Place]] | None = None
        """Asked by an agent where the boot diagnostics of a VM (uuid) go. Raises nothing."""
        self.on_stored: Callable[[str, str, str], Awaitable[None]] | None = None
        """Told by an agent of which VM and port a segment of the log was sealed. Raises nothing."""
        self.on_found: Callable[[str, list[Told]], Awaitable[None]] | None = None
        """Given what an agent recognised; it is on disk when this returns. A Fault ends the link, and the
        agent says it again on the next one.
        """

    @property
    def takes(self) -> list[str]:
        """What agents are told that this side takes, because somebody above wants to know it."""
        doors = {TAKES_FINDINGS: self.on_found, TAKES_PLACES: self.on_places}
        return [name for name, door in doors.items() if door is not None]

    async def hear(self, link: Link, message: AgentMessage) -> None:
        """Act on one message. Raises ProtocolError for one that breaks a bound, and Fault when what it says
        could not be kept.
        """
        agent = link.agent
        assert agent is not None
        match message:
            case Inventory(host, machines):
                self._hosts.inventory(agent, host, machines)
            case VmChanged(report):
                self._hosts.changed(agent, report)
            case VmGone(vm):
                self._hosts.gone(agent, vm)
            case Result():
                await self._commands.answered(link, message)
            case StreamFailed(session, code, fields):
                self._streams.refused(link, session, code, fields)
            case LoginEnded(session, report):
                if self.on_login is not None:
                    self.on_login(agent, session, report)
            case WantPlaces(vms):
                await self._places(link, vms)
            case Stored(vm, port):
                _require_uuids([vm])
                if self.on_stored is not None:
                    await self.on_stored(agent, vm, port)
            case Found():
                await self._found(link, message)
            case Beat(report):
                self._beat(agent, report)
            case Renew():
                await self._renewals.answer(link)
            case _:
                log.warning("link.unhandled", agent=agent, message=type(message).__name__)

    def _beat(self, agent: str, report: AgentReport) -> None:
        beat = msgspec.to_builtins(report)
        if (size := len(msgspec.json.encode(beat))) > MAX_BEAT:
            log.warning("agent.beat_too_large", agent=agent, bytes=size, limit=MAX_BEAT)
            return
        self._hosts.beat(agent, beat)

    async def _places(self, link: Link, vms: list[str]) -> None:
        if len(vms) > MAX_PLACES or self.on_places is None:
            raise ProtocolError(f"expected at most {MAX_PLACES} VMs, got {len(vms)}")
        _require_uuids(vms)
        for vm in vms:
            place = await self.on_places(link.agent or "", vm)
            if link.is_open:
                link.send(place)

    async def _found(self, link: Link, message: Found) -> None:
        if len(message.found) > MAX_FOUND or self.on_found is None:
            raise ProtocolError(f"expected at most {MAX_FOUND} findings, got {len(message.found)}")
        await self.on_found(link.agent or "", message.found)
        if link.is_open:
            link.send(FoundKept(message.number))


def _require_uuids(vms: list[str]) -> None:
    """Each comes back in its answer, and waits until the agent reads it. Raises ProtocolError for more than
    that.
    """
    if any(len(vm) > MAX_VM for vm in vms):
        raise ProtocolError(f"expected uuids of {MAX_VM} characters, got a longer one")
