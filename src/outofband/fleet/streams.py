"""Console streams: agents are asked to dial back with them, and told when one is to end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from outofband.catalogue import codes
from outofband.core.errors import Fault, ProtocolError
from outofband.fleet.hosts import Hosts
from outofband.fleet.links import Link
from outofband.wire.link import EndSession, OpenStream


class Streams:
    """Those that are asked for by this node and have not come yet, by session."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._openings: dict[str, tuple[Link, asyncio.Future[Any]]] = {}

    @contextlib.contextmanager
    def opening(self, agent: str, request: OpenStream, arrival: asyncio.Future[Any]) -> Iterator[None]:
        """Ask an agent to dial back. Within the block its refusal, or the end of its link, fails `arrival`.

        Raises Fault AgentOffline when there is no link here.
        """
        if (link := self._hosts.open_link(agent)) is None:
            raise self._hosts.offline(agent)
        try:
            link.send(request)
        except ProtocolError as error:
            raise self._hosts.offline(agent) from error
        self._openings[request.session] = link, arrival
        try:
            yield
        finally:
            self._openings.pop(request.session, None)

    def end(self, agent: str, session: str, code: str, **fields: Any) -> None:
        """Tell an agent to close a session's stream now; without a link there is nobody to tell."""
        if (link := self._hosts.open_link(agent)) is not None:
            with contextlib.suppress(ProtocolError):
                link.send(EndSession(session, code, fields))

    def refused(self, link: Link, session: str, code: str, fields: dict[str, Any]) -> None:
        """The agent cannot, or will not, dial back for a session."""
        through, arrival = self._openings.get(session, (None, None))
        if through is not link or arrival is None:
            return
        if code not in codes():
            fault = Fault("StreamFailed", host=self._hosts.name(link.agent or ""), detail=code[:200])
        else:
            fault = Fault(code, **({"host": self._hosts.name(link.agent or "")} | fields))
        _fail(arrival, fault)

    def lost(self, link: Link) -> None:
        """The link is over: nobody dials back for what was asked through it."""
        for session, (through, arrival) in tuple(self._openings.items()):
            if through is link:
                self._openings.pop(session, None)
                _fail(arrival, self._hosts.offline(link.agent or ""))


def _fail(arrival: asyncio.Future[Any], fault: Fault) -> None:
    if not arrival.done():
        arrival.set_exception(fault)
