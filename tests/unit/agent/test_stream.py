"""Streams: a real port behind, a real TLS gateway in front, grants signed and checked for real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from joserfc.jwk import OKPKey
from picows import WSCloseCode

from outofband.agent import stream as stream_module
from outofband.agent.ports.broker import PortBroker
from outofband.agent.ports.captured import CapturedSource
from outofband.agent.ports.hub import PortHub
from outofband.agent.ports.spool import Spool
from outofband.agent.state import Trust
from outofband.agent.streams import Streams
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.wire import grant as grants
from outofband.wire import link, stream
from outofband.wire.grant import Grant
from tests.support.wait import WAIT, until
from tests.unit.agent.control_plane import Authority, grant_key, identity, public_jwk
from tests.unit.agent.gateway import Gateway

pytestmark = pytest.mark.anyio
LINE = "serial.sock"


class Guest:
    """The other end of a serial line: prints what the test says, keeps what was typed."""

    def __init__(self) -> None:
        self.typed = bytearray()
        self._writers: list[asyncio.StreamWriter] = []
        self.connected = asyncio.Event()
        self.news = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.connected.set()
        while piece := await reader.read(65536):
            self.typed += piece
            self.news.set()
        writer.close()

    async def print(self, text: bytes) -> None:
        await self.connected.wait()
        self._writers[-1].write(text)
        await self._writers[-1].drain()

    async def until_typed(self, text: bytes) -> None:
        async with asyncio.timeout(WAIT):
            while bytes(self.typed) != text:
                self.news.clear()
                await self.news.wait()


class Bench:
    def __init__(
        self, directory: Path, authority: Authority | None = None, gateway: Gateway | None = None
    ) -> None:
        self.directory = directory
        self.authority = authority or Authority(directory)
        self.gateway = gateway or Gateway(self.authority)
        self.key: OKPKey = grant_key()
        self.guest = Guest()
        self.failures: list[link.StreamFailed] = []
        self.port: PortBroker
        self.streams: Streams

    @asynccontextmanager
    async def open(
        self, *, trust: Authority | None = None, limit: int = 8, pulse: float = 3600
    ) -> AsyncIterator[Bench]:
        server = await asyncio.start_unix_server(self.guest.serve, self.directory / LINE)
        hub = PortHub()
        spool = Spool(self.directory / "serial0.log", 1 << 20, 0)
        self.port = PortBroker("vm-1", "0", spool, CapturedSource(hub, self.directory / LINE))
        await self.port.open()
        pinned = Trust(StateDir(self.directory), identity("https://x", trust or self.authority))
        self.streams = Streams(
            trust=pinned, find_port=self.find, failed=self.failures.append, limit=limit, pulse=pulse
        )
        self.streams.trust_keys([public_jwk(self.key)])
        async with self.gateway:
            try:
                yield self
            finally:
                await self.streams.close()
                await self.port.close()
                hub.close()
                server.close()
                await server.wait_closed()

    def find(self, vm: str, port: str) -> PortBroker:
        if vm != "vm-1":
            raise Fault("VmUnknownToHost", vm=vm)
        if port != "0":
            raise Fault("PortNotFound", vm=vm, port=port)
        return self.port

    def grant(self, session: str = "s1", **changes: Any) -> Grant:
        plain = Grant(
            agent="agent-1", session=session, vm="vm-1", port="0", principal="p1", name="ann",
            exp=clock.wall() + 600,
        )  # fmt: skip
        return msgspec.structs.replace(plain, **changes)

    def wish(self, session: str = "s1", *, key: OKPKey | None = None, **changes: Any) -> link.OpenStream:
        signed = grants.sign(self.grant(session, **changes), key or self.key)
        return link.OpenStream(session, self.gateway.url(session), f"token-{session}", signed)

    async def failed(self) -> link.StreamFailed:
        async with asyncio.timeout(WAIT):
            while not self.failures:  # noqa: ASYNC110 - looks at another task's progress
                await asyncio.sleep(0.005)
        return self.failures.pop()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(tmp_path).open() as made:
        yield made


async def test_a_console_comes_and_keys_go(bench: Bench) -> None:
    await bench.guest.print(b"login: ")
    bench.streams.open(bench.wish())
    incoming = await bench.gateway.stream()
    assert incoming.path == "/stream/v1/s1"
    assert incoming.hello == link.StreamHello("s1", "token-s1")
    await bench.gateway.until(lambda: incoming.output == b"login: ")
    first = incoming.frames[0]
    assert isinstance(first, stream.Notice) and first.what == "attached"
    assert first.fields["writer"] == "ann" and first.fields["mode"] == "write"
    incoming.send(stream.Input(0, b"root\r"))
    await bench.guest.until_typed(b"root\r")
    await bench.gateway.until(lambda: stream.Ack(5) in incoming.frames)
    await bench.guest.print(b"root\r\n# ")
    await bench.gateway.until(lambda: incoming.output == b"login: root\r\n# ")
    assert bench.failures == [] and bench.streams.count == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"agent": "agent-2"}, "GrantInvalid"),
        ({"exp": 1.0}, "GrantExpired"),
        ({"typ": "ticket"}, "GrantInvalid"),
        ({"vm": "vm-2"}, "VmUnknownToHost"),
        ({"port": "1"}, "PortNotFound"),
    ],
)
async def test_a_grant_that_does_not_fit_opens_nothing(
    bench: Bench, changes: dict[str, Any], code: str
) -> None:
    bench.streams.open(bench.wish(**changes))
    failure = await bench.failed()
    assert (failure.session, failure.code) == ("s1", code)
    assert bench.gateway.streams == []


async def test_a_grant_is_signed_by_this_control_plane_for_this_session(bench: Bench) -> None:
    bench.streams.open(bench.wish(key=grant_key()))
    assert (await bench.failed()).code == "GrantInvalid"
    bench.streams.open(msgspec.structs.replace(bench.wish(), session="s2"))
    assert (await bench.failed()).code == "GrantInvalid"
    bench.streams.open(msgspec.structs.replace(bench.wish(), grant="not.a.grant"))
    assert (await bench.failed()).code == "GrantInvalid"
    assert bench.gateway.streams == []


async def test_without_keys_nothing_is_allowed(bench: Bench) -> None:
    await bench.streams.close()
    bench.streams = Streams(
        trust=Trust(StateDir(bench.directory), identity("https://x", bench.authority)),
        find_port=bench.find,
        failed=bench.failures.append,
        limit=1,
    )
    bench.streams.open(bench.wish())
    assert (await bench.failed()).code == "GrantInvalid"
    bench.streams.trust_keys([{"kty": "nonsense"}])
    bench.streams.open(bench.wish())
    assert (await bench.failed()).code == "GrantInvalid"


async def test_a_gateway_that_is_not_there_is_told(bench: Bench) -> None:
    for url in ("wss://127.0.0.1:1/stream/v1/s1", "ws://127.0.0.1:1/", "https://127.0.0.1:1/"):
        bench.streams.open(msgspec.structs.replace(bench.wish(), url=url))
        failure = await bench.failed()
        assert failure.code == "StreamFailed"
        assert failure.fields["host"] == "host-1" and failure.fields["detail"]
    assert bench.streams.count == 0


async def test_a_gateway_under_a_foreign_authority_gets_no_token(tmp_path: Path) -> None:
    other = Authority(tmp_path, "another")
    async with Bench(tmp_path).open(trust=other) as bench:
        bench.streams.open(bench.wish())
        failure = await bench.failed()
        assert failure.code == "StreamFailed"
        assert "certificate" in failure.fields["detail"]
        assert all(incoming.hello is None for incoming in bench.gateway.streams)


async def test_a_gateway_that_accepts_and_says_nothing_is_given_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outofband.agent.streams.DIAL_SECONDS", 0.2)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    bench.streams.open(msgspec.structs.replace(bench.wish(), url=f"wss://127.0.0.1:{port}/"))
    assert (await bench.failed()).code == "StreamFailed"
    server.close()


async def test_a_gateway_that_slams_the_door_leaves_nothing_behind(bench: Bench) -> None:
    bench.gateway.slams = True
    for number in range(1, 21):
        bench.streams.open(bench.wish(f"s{number}"))
        await bench.gateway.until(lambda wanted=number: len(bench.gateway.streams) == wanted)
    await until(lambda: bench.streams.count == 0 and not bench.streams._dialling)
    assert bench.port.report().viewers == 0
    assert {failure.code for failure in bench.failures} <= {"StreamFailed"}


async def test_more_streams_than_allowed_are_turned_away(tmp_path: Path) -> None:
    async with Bench(tmp_path).open(limit=2) as bench:
        for session in ("s1", "s2", "s3"):
            bench.streams.open(bench.wish(session, mode="observe"))
        failure = await bench.failed()
        assert (failure.code, failure.fields) == ("ViewerTooMany", {"limit": 2})
        await bench.gateway.stream(2)
        # A session that comes again is not one more.
        session = bench.gateway.streams[0].hello
        assert session is not None
        bench.streams.open(bench.wish(session.session, mode="observe"))
        await bench.gateway.stream(3)
        assert bench.failures == []


async def test_the_end_of_a_session_is_told_with_its_reason(bench: Bench) -> None:
    bench.streams.open(bench.wish())
    incoming = await bench.gateway.stream()
    bench.streams.end(link.EndSession("s1", "AccessRevoked", {"action": "connect"}))
    await bench.gateway.until(lambda: incoming.gone)
    assert incoming.frames[-1] == stream.Close("AccessRevoked", {"action": "connect"})
    assert incoming.close_code == WSCloseCode.OK
    await until(lambda: bench.streams.count == 0)
    assert bench.port.report().viewers == 0 and bench.port.report().writer is None
    bench.streams.end(link.EndSession("unknown", "AccessRevoked"))


async def test_a_session_that_left_frees_the_keyboard_and_one_that_dropped_keeps_it(bench: Bench) -> None:
    bench.streams.open(bench.wish())
    incoming = await bench.gateway.stream()
    assert incoming.transport is not None
    incoming.transport.send_close(WSCloseCode.OK)
    await until(lambda: bench.port.report().viewers == 0)
    assert bench.port.report().writer is None

    bench.streams.open(bench.wish("s2"))
    incoming = await bench.gateway.stream(2)
    assert incoming.transport is not None
    incoming.transport.disconnect(graceful=False)
    await until(lambda: bench.port.report().viewers == 0)
    assert bench.port.report().writer == "ann"


async def test_a_takeover_reaches_the_loser_with_the_winner_s_name(bench: Bench) -> None:
    bench.streams.open(bench.wish("s1"))
    loser = await bench.gateway.stream()
    bench.streams.open(bench.wish("s2", name="bob"))
    await bench.gateway.until(lambda: loser.gone)
    last = loser.frames[-1]
    assert isinstance(last, stream.Close)
    assert (last.code, last.fields["by"]) == ("TakenOver", "bob")
    assert bench.port.report().writer == "bob"


async def test_a_last_word_survives_keys_on_their_way(bench: Bench) -> None:
    # Closing a socket with unread input would reset it and could destroy the CLOSE frame before it is read.
    for number in range(1, 21):
        bench.streams.open(bench.wish(f"s{number}"))
        incoming = await bench.gateway.stream(number)
        bench.streams.end(link.EndSession(f"s{number}", "AccessRevoked"))
        incoming.send(stream.Input(0, b"x" * 60_000))
        await bench.gateway.until(lambda seen=incoming: seen.gone)
        assert incoming.frames[-1] == stream.Close("AccessRevoked")


async def test_a_stream_opened_again_goes_on_where_it_was(bench: Bench) -> None:
    await bench.guest.print(b"one ")
    bench.streams.open(bench.wish())
    first = await bench.gateway.stream()
    await bench.gateway.until(lambda: first.output == b"one ")
    first.send(stream.Input(0, b"abc"))
    await bench.guest.until_typed(b"abc")
    # The gateway lost its socket; the agent has not noticed yet.
    bench.streams.open(bench.wish(resume=4))
    second = await bench.gateway.stream(2)
    await bench.guest.print(b"two")
    await bench.gateway.until(lambda: second.output == b"two")
    attached = second.notice("attached")
    assert attached is not None and (attached["input"], attached["mode"]) == (3, "write")
    second.send(stream.Input(0, b"abcdef"))
    await bench.guest.until_typed(b"abcdef")
    await bench.gateway.until(lambda: first.gone)
    assert bench.streams.count == 1 and bench.port.report().viewers == 1


async def test_a_gateway_that_does_not_read_holds_up_nobody(bench: Bench) -> None:
    for session in ("stuck", "well"):
        bench.streams.open(bench.wish(session, mode="observe"))
        await bench.gateway.stream(1 if session == "stuck" else 2)
    stuck, well = bench.gateway.streams
    assert stuck.transport is not None
    stuck.transport.underlying_transport.pause_reading()
    before = len(stuck.frames)
    total = 0
    for number in range(150):
        text = f"{number:05}".encode() + b"." * 65_531
        await bench.guest.print(text)
        total += len(text)
        await bench.gateway.until(lambda wanted=total: well.frames and _end(well) >= wanted)
    assert len(stuck.frames) == before
    held = bench.streams._streams["stuck"]
    assert held._congested
    transport = held._transport
    assert transport is not None
    waiting = transport.underlying_transport.get_write_buffer_size()
    assert waiting <= stream_module.WRITE_HIGH + 2 * stream.MAX_FRAME
    # When it reads again it gets what is left, and is told what is not.
    stuck.transport.underlying_transport.resume_reading()
    await bench.gateway.until(lambda: _end(stuck) >= total)
    gaps = stuck.of(stream.Gap)
    assert gaps and all(gap.reason is stream.GapReason.TRIMMED for gap in gaps)
    told = sum(len(data.payload) for data in stuck.of(stream.Data))
    assert told + sum(gap.end - gap.start for gap in gaps) == total


def _end(incoming: Any) -> int:
    data = incoming.of(stream.Data)
    return data[-1].offset + len(data[-1].payload) if data else 0


async def test_a_grant_can_be_renewed_by_its_own_kind_only(bench: Bench) -> None:
    bench.streams.open(bench.wish())
    incoming = await bench.gateway.stream()
    later = clock.wall() + 7200

    def renew(**changes: Any) -> None:
        signed = grants.sign(bench.grant(exp=later, **changes), bench.key)
        incoming.send(stream.Control("renew", {"grant": signed}))

    for changes in ({"session": "s2"}, {"vm": "vm-2"}, {"principal": "p2"}, {"agent": "agent-2"}):
        renew(**changes)
    incoming.send(stream.Control("renew", {"grant": 7}))
    incoming.send(stream.Input(0, b"."))
    await bench.guest.until_typed(b".")
    assert bench.streams._streams["s1"].grant.exp < later
    renew()
    await until(lambda: bench.streams._streams["s1"].grant.exp == later)
    # Rights may shrink: the keyboard is gone, the console stays.
    renew(may_write=False)
    await bench.gateway.until(lambda: incoming.notice("writer"))
    assert bench.port.report().writer is None and bench.port.report().viewers == 1


@pytest.mark.parametrize(
    "frame",
    [stream.Data(0, b"x"), stream.Control("dance"), stream.Ack(1)],
)
async def test_a_broken_rule_ends_the_stream(bench: Bench, frame: stream.Frame) -> None:
    bench.streams.open(bench.wish())
    incoming = await bench.gateway.stream()
    incoming.send(frame)
    await bench.gateway.until(lambda: incoming.gone)
    assert incoming.close_code == WSCloseCode.PROTOCOL_ERROR
    await until(lambda: bench.port.report().viewers == 0)


async def test_pings_are_answered_and_asked(bench: Bench) -> None:
    bench.streams.open(bench.wish())
    incoming = await bench.gateway.stream()
    assert incoming.transport is not None
    incoming.transport.send_ping(b"there?")
    await bench.gateway.until(lambda: incoming.pongs == 1)
    opened = bench.streams._streams["s1"]
    opened.pulse(5)
    for _ in range(4):
        opened.pulse(5)
    await bench.gateway.until(lambda: incoming.pings >= 1)
    # It answers, so that it may be quiet for ever.
    await until(lambda: opened._heard)
    opened.pulse(5)
    assert opened._quiet == 0.0 and not incoming.gone


async def test_a_dead_peer_is_given_up_and_a_stalled_one_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.streams.open(bench.wish())
    incoming = await bench.gateway.stream()
    incoming.answer_pings = False
    opened = bench.streams._streams["s1"]
    opened._heard = False
    for _ in range(20):
        opened.pulse(5)
    assert bench.port.report().viewers == 1, "its kernel still confirms: the gateway waits for its viewer"
    monkeypatch.setattr(opened, "_confirmed", lambda: False, raising=False)
    opened.pulse(5)
    await until(lambda: bench.port.report().viewers == 0)
    assert bench.port.report().writer == "ann", "the seat is kept for whoever dropped"
    await until(lambda: bench.streams.count == 0)


async def test_a_stopping_agent_leaves_and_does_not_end_sessions(bench: Bench) -> None:
    bench.streams.open(bench.wish())
    incoming = await bench.gateway.stream()
    await bench.streams.close()
    await bench.gateway.until(lambda: incoming.gone)
    assert incoming.close_code == WSCloseCode.GOING_AWAY
    assert incoming.of(stream.Close) == []
