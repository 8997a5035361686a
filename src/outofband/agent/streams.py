"""Opens and ends the streams of this host: checks the grant, dials the gateway, joins socket and port."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from picows import ws_connect

from outofband.agent.state import Trust
from outofband.agent.stream import Attachment, Stream
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net.proxies import proxy_for
from outofband.net.tasks import Tasks
from outofband.wire import grant as grants
from outofband.wire import link, stream
from outofband.wire.grant import Grant

DIAL_SECONDS = 8.0
"""The gateway waits 10 s for the stream; a failure has to be told before."""
PULSE_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Port(Protocol):
    def attach(self, viewer: Stream, grant: Grant) -> Attachment: ...


class Streams:
    """Every stream of the agent, by session. `failed` is told of a wish that came to nothing.

    `find_port(vm, port)` gives the broker of a port, or raises Fault VmUnknownToHost or PortNotFound;
    `may_open(vm, port)` raises Fault where the host's administrator wants none opened.
    """

    def __init__(
        self,
        *,
        trust: Trust,
        find_port: Callable[[str, str], Port],
        failed: Callable[[link.StreamFailed], object],
        limit: int,
        pulse: float = PULSE_SECONDS,
        may_open: Callable[[str, str], None] = lambda vm, port: None,
    ) -> None:
        self._trust = trust
        self._find_port = find_port
        self._failed = failed
        self._may_open = may_open
        self._limit = limit
        self._pulse_seconds = pulse
        self._keys: KeySet | None = None
        self._streams: dict[str, Stream] = {}
        self._dialling: dict[str, asyncio.Task[None]] = {}
        self._tasks = Tasks()
        self._tasks.spawn("streams.pulse", self._pulse())

    @property
    def count(self) -> int:
        return len(self._streams)

    def trust_keys(self, keys: list[dict[str, object]]) -> None:
        """The keys grants are signed with, from a welcome. They stay until the next one."""
        try:
            self._keys = grants.key_set(keys) if keys else None
        except (JoseError, ValueError, KeyError, TypeError):
            log.exception("streams.keys_unreadable")

    def open(self, wish: link.OpenStream) -> None:
        """Bring one console. A second wish for a session replaces what the first came to."""
        if (earlier := self._dialling.pop(wish.session, None)) is not None:
            earlier.cancel()
        if len((self._streams.keys() | self._dialling.keys()) - {wish.session}) >= self._limit:
            self._fail(wish, Fault("ViewerTooMany", limit=self._limit))
            return
        task = self._tasks.spawn(f"stream:{wish.session}", self._bring(wish))
        self._dialling[wish.session] = task
        task.add_done_callback(lambda done: self._dialled(wish.session, done))

    def end(self, end: link.EndSession) -> None:
        """End a session now, for the reason given."""
        if (dialling := self._dialling.pop(end.session, None)) is not None:
            dialling.cancel()
        if (found := self._streams.get(end.session)) is not None:
            found.end(stream.Close(end.code, end.fields))

    def check(self) -> None:
        """End what may not be open any more."""
        for open_stream in list(self._streams.values()):
            try:
                self._may_open(open_stream.grant.vm, open_stream.grant.port)
            except Fault as fault:
                open_stream.end(stream.Close(fault.code, fault.fields))

    async def close(self) -> None:
        """Cut every stream without ending its session: gateway and viewer wait for the agent to come back."""
        await self._tasks.close()
        for open_stream in list(self._streams.values()):
            open_stream.leave()

    def _fail(self, wish: link.OpenStream, fault: Fault) -> None:
        log.warning("stream.failed", session=wish.session, code=fault.code, detail=str(fault))
        self._failed(link.StreamFailed(wish.session, fault.code, fault.fields))

    def _dialled(self, session: str, task: asyncio.Task[None]) -> None:
        if self._dialling.get(session) is task:
            del self._dialling[session]

    async def _bring(self, wish: link.OpenStream) -> None:
        try:
            granted = self._check(wish)
            self._may_open(granted.vm, granted.port)
            port = self._find_port(granted.vm, granted.port)
            opened = await self._dial(wish, granted)
        except Fault as fault:
            self._fail(wish, fault)
            return
        if (earlier := self._streams.get(wish.session)) is not None:
            earlier.cut()
        self._streams[wish.session] = opened
        opened.start(wish.token, port.attach)
        log.info(
            "stream.open", session=wish.session, vm=granted.vm, port=granted.port, mode=str(granted.mode)
        )

    def _check(self, wish: link.OpenStream) -> Grant:
        """What the wish's grant allows. Raises Fault GrantInvalid or GrantExpired."""
        granted = self._verify(wish.grant)
        if granted.session != wish.session:
            raise Fault("GrantInvalid", detail="it is for another session")
        return granted

    def _verify(self, token: str) -> Grant:
        if self._keys is None:
            raise Fault("GrantInvalid", detail="this host has no keys to check it with")
        granted = grants.verify(token, self._keys, Grant, clock.wall())
        if granted.agent != self._trust.identity.agent:
            raise Fault("GrantInvalid", detail="it is for another host")
        return granted

    def _renewed(self, token: str, current: Grant) -> Grant:
        granted = self._verify(token)
        for name in ("session", "vm", "port", "principal"):
            if getattr(granted, name) != getattr(current, name):
                raise Fault("GrantInvalid", detail=f"it is for another {name}")
        return granted

    async def _dial(self, wish: link.OpenStream, granted: Grant) -> Stream:
        if not wish.url.startswith("wss://"):
            raise self._stream_failed("the address is no wss:// one")
        opened = Stream(granted, renewed=self._renewed, gone=self._forget)
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                await ws_connect(
                    lambda: opened,
                    wish.url,
                    ssl_context=self._trust.context(),
                    proxy=proxy_for(wish.url),
                    websocket_handshake_timeout=DIAL_SECONDS,
                    enable_auto_ping=False,
                    enable_auto_pong=False,
                    max_frame_size=stream.MAX_FRAME,
                    max_redirects=0,
                    logger_name="stream",
                )
        except TimeoutError as error:
            opened.cut()
            raise self._stream_failed(f"no answer within {DIAL_SECONDS:.0f} s") from error
        except ssl.SSLCertVerificationError as error:
            raise self._stream_failed(f"its certificate is not trusted: {error.verify_message}") from error
        except asyncio.CancelledError:
            opened.cut()
            raise
        except Exception as error:
            # Among them those of the proxy library below picows, which have no base of their own.
            raise self._stream_failed(str(error) or type(error).__name__) from error
        if not opened.is_open:
            raise self._stream_failed("it closed the socket at once")
        return opened

    def _stream_failed(self, detail: str) -> Fault:
        return Fault("StreamFailed", host=self._trust.identity.name, detail=detail)

    def _forget(self, gone: Stream) -> None:
        session = gone.grant.session
        if self._streams.get(session) is gone:
            del self._streams[session]
            log.info("stream.closed", session=session)

    async def _pulse(self) -> None:
        while True:
            await asyncio.sleep(self._pulse_seconds)
            for open_stream in list(self._streams.values()):
                open_stream.pulse(self._pulse_seconds)
