"""The first message in the request for the socket: one round trip less, and the same ticket, used once."""

from __future__ import annotations

import asyncio
import logging

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from outofband.wire import stream
from outofband.wire.console import SUBPROTOCOL, ClientSession, offer
from tests.support.actors import AgentPeer
from tests.support.plane import Plane

pytestmark = pytest.mark.anyio


def asking(plane: Plane, url: str, words: list[str]) -> connect:
    subprotocols = [Subprotocol(each) for each in words]
    return connect(
        url, ssl=plane.client_context(), subprotocols=subprotocols, compression=None, ping_interval=None
    )


async def frame_of(socket: ClientConnection) -> stream.Frame:
    async with asyncio.timeout(30):
        message = await socket.recv()
    assert isinstance(message, bytes)
    return stream.decode(message)


async def test_a_viewer_is_attached_without_having_said_a_word_on_the_socket(
    plane: Plane, agent: AgentPeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    agent.grow(b"login: ")
    connection = await plane.connect(agent.identity.agent)
    words = offer(ClientSession(replay=3, client="early").open(connection.ticket))
    with capture_logs() as logged:
        async with asking(plane, connection.url, words) as socket:
            told = await frame_of(socket)
            assert isinstance(told, stream.Notice)
            assert (told.what, told.fields["session"]) == ("attached", connection.session)
            assert await frame_of(socket) == stream.Data(4, b"n: ")
            assert socket.subprotocol == SUBPROTOCOL
            assert socket.response is not None
            assert words[1] not in str(socket.response.headers), "it is not said again"
            grant = agent.carriers[0].grant
            assert (grant.replay, grant.client) == (3, "early")
            await socket.send(stream.encode(stream.Input(0, b"ls\r")))
            await frame_of(socket)
            assert bytes(agent.typed) == b"ls\r"
    ours = [each for each in caplog.records if not each.name.startswith("websockets")]
    assert connection.ticket not in repr(logged) + "".join(each.getMessage() for each in ours)
    assert words[1] not in repr(logged) + "".join(each.getMessage() for each in ours)


async def test_the_ticket_opens_one_socket_whichever_way_it_comes(plane: Plane, agent: AgentPeer) -> None:
    connection = await plane.connect(agent.identity.agent)
    first = ClientSession().open(connection.ticket)
    async with asking(plane, connection.url, offer(first)) as socket:
        await frame_of(socket)
        async with asking(plane, connection.url, offer(first)) as second:
            told = await frame_of(second)
            assert isinstance(told, stream.Close)
            assert told.code == "TicketInvalid"
        async with asking(plane, connection.url, []) as third:
            assert third.subprotocol is None
            await third.send(first)
            told = await frame_of(third)
            assert isinstance(told, stream.Close)
            assert told.code == "TicketInvalid"


async def test_a_second_first_message_ends_it(plane: Plane, agent: AgentPeer) -> None:
    connection = await plane.connect(agent.identity.agent)
    first = ClientSession().open(connection.ticket)
    async with asking(plane, connection.url, offer(first)) as socket:
        await frame_of(socket)
        await socket.send(first)
        told = await frame_of(socket)
        assert isinstance(told, stream.Close)
        assert told.code == "ProtocolViolated"


async def test_what_cannot_be_read_opens_nothing_and_uses_nothing_up(plane: Plane, agent: AgentPeer) -> None:
    connection = await plane.connect(agent.identity.agent)
    with pytest.raises(InvalidStatus) as raised:
        await asking(plane, connection.url, [SUBPROTOCOL, "outofband.open._w"])
    assert raised.value.response.status_code == 400
    assert plane.sessions.live == []
    async with asking(plane, connection.url, offer(ClientSession().open(connection.ticket))) as socket:
        assert isinstance(await frame_of(socket), stream.Notice)


async def test_an_agents_socket_takes_no_message_from_its_request(plane: Plane, agent: AgentPeer) -> None:
    connection = await plane.connect(agent.identity.agent)
    url = connection.url.replace("/console/v1/", "/stream/v1/").removesuffix("/client")
    async with asking(plane, url, offer(ClientSession().open(connection.ticket))) as socket:
        assert socket.subprotocol is None
    assert plane.sessions.expected(connection.session) is not None, "the ticket still waits"
