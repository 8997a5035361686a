"""The life of one session: a person's socket on one side, the agent's streams, one by one, on the other.

A stream that breaks is replaced under the viewer's living socket, from the next byte the viewer lacks. Only
the person leaving, the agent's own CLOSE, or an end from above ends a session.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum

import msgspec
import structlog
from picows import WSCloseCode

from outofband.catalogue import entry
from outofband.consoles.limits import Limits
from outofband.consoles.pasted import Pasted
from outofband.consoles.rights import Extra, Rights, Subject, Verdict
from outofband.consoles.sockets import StreamSocket, ViewerSocket
from outofband.consoles.tickets import Tickets
from outofband.consoles.witness import Witness
from outofband.core import clock, secrets
from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.net.backoff import Backoff
from outofband.wire import stream
from outofband.wire.console import MAX_CLIENT, TAKES, Open
from outofband.wire.grant import Mode
from outofband.wire.link import OpenStream
from outofband.wire.stream import REPLAY_LIMIT

log = structlog.get_logger(__name__)

STABLE_SECONDS = 5.0
"""A stream that lived this long was a good one: the time to get the next one starts anew."""


class End(enum.StrEnum):
    """How a session ends without a code of its own, for the audit."""

    LEFT = "Left"
    DROPPED = "Dropped"
    REPLACED = "Replaced"


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What the audit notes of an end. `seen`: the person got to see the console."""

    seen: bool = False
    bytes_in: int = 0
    """Typed bytes that the port took."""
    bytes_out: int = 0
    """Bytes of output that were sent to the viewer."""
    by: str | None = None
    """Who took over, by name."""
    detail: str | None = None
    omitted: int = 0
    """Deeds at the keyboard that were not noted one by one."""


class _Over(Exception):
    """Nobody waits for the stream any more."""


class Session:
    """One person at one port. `run` it; everything else may be called from callbacks, and never waits."""

    def __init__(
        self,
        subject: Subject,
        viewer: ViewerSocket,
        first: Open,
        *,
        fleet: Fleet,
        tickets: Tickets,
        rights: Rights,
        stream_url: str,
        limits: Limits,
    ) -> None:
        self.subject = subject
        self.viewer = viewer
        self.mode = first.mode
        self.granted: frozenset[Mode | Extra] = frozenset()
        """What the last check allowed."""
        self.witness = Witness(subject.session, subject.principal.name)
        self.shown = 0
        """Bytes of output that went to the viewer over streams which are gone."""
        self.taken = 0
        """Typed bytes that the port took in the whole session."""
        self.pasted = Pasted()
        """Bytes typed by the agent for the viewer, beside those."""
        self._client = first.client[:MAX_CLIENT]
        self._takes = tuple(each for each in TAKES if each in first.takes)
        self._replay = max(0, min(first.replay, REPLAY_LIMIT))
        self._next_offset = first.resume
        self._returning = first.resume is not None
        self._fleet, self._tickets, self._rights = fleet, tickets, rights
        self._stream_url = stream_url
        self._limits = limits
        self._stream: StreamSocket | None = None
        self._bound_at = 0.0
        self._lost_at: float | None = None
        self._token: str | None = None
        self._arrival: asyncio.Future[None] | None = None
        self._grant_ends = 0.0
        self._close: stream.Close | None = None
        self._agent_knows = False
        """The end came from the agent itself."""
        self._replaced = False
        self._changed = asyncio.Event()
        self._done = asyncio.Event()

    async def run(self) -> str:
        """Serve the session until it ends; the code or `End` that says how."""
        try:
            self.granted = await self._ask()
            await self._dial()
            if (warning := self.subject.warning) is not None and not self._returning:
                self._tell(warning)
            while not self._is_over:
                if self._stream is None:
                    await self._recover()
                else:
                    await self._changed.wait()
                self._changed.clear()
        except _Over:
            pass
        except Fault as fault:
            resumable = entry(fault.code).retry and (self._returning or self._bound_at > 0)
            self.end(stream.Close(fault.code, fault.fields, resumable))
        except Exception:
            log.exception("session.defect", session=self.subject.session)
            self.end(stream.Close("InternalError", {}))
        finally:
            try:
                reason = self._hang_up()
            finally:
                self._done.set()
        return reason

    @property
    def seen(self) -> bool:
        """A stream of the agent's was there at some time."""
        return self._bound_at > 0

    @property
    def ending(self) -> Ending:
        """What is known of its end beside the reason that `run` gives."""
        fields = self._close.fields if self._close is not None else {}
        return Ending(
            seen=self.seen,
            bytes_in=self.taken + self.pasted.total,
            bytes_out=self.shown,
            by=_text(fields.get("by")),
            detail=_text(fields.get("detail")),
            omitted=self.witness.omitted,
        )

    # What happens to it

    def end(self, close: stream.Close) -> None:
        """End it with a reason for both sides; the first reason counts."""
        if self._close is None:
            self._close = close
            self._touch()

    def abandon(self) -> None:
        """It will not be run after all."""
        self._done.set()

    def viewer_gone(self) -> None:
        self._touch()

    async def replace(self) -> None:
        """The same session goes on over another socket: let go of this one, and of its stream."""
        self._replaced = True
        self._touch()
        await self._done.wait()
        if self._stream is not None:
            # Its `open` for the new socket goes another way and must not overtake the end of the old stream.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.replace_seconds):
                    await self._stream.gone.wait()

    def accept(self, arrived: StreamSocket, token: str) -> bool:
        """A stream says it is for this session; False when its token is not the one that was given out."""
        if self._token is None or self._arrival is None or not secrets.matches(token, self._token):
            return False
        self._token = None
        self._stream = arrived
        self._bound_at = clock.monotonic()
        arrived.join(self.viewer)
        if not self._arrival.done():
            self._arrival.set_result(None)
        return True

    def stream_closes(self, gone: StreamSocket, close: stream.Close) -> None:
        """The agent's own word on why it ends. One that can be gone on from is treated like a broken line."""
        if gone is not self._stream:
            return
        if close.resumable:
            self.stream_gone(gone)
            gone.finish(WSCloseCode.GOING_AWAY)
        else:
            self._agent_knows = True
            self.end(close)

    def stream_gone(self, gone: StreamSocket) -> None:
        if gone is not self._stream:
            return
        gone.join(None)
        self._count(gone)
        now = clock.monotonic()
        if now - self._bound_at >= STABLE_SECONDS or self._lost_at is None:
            self._lost_at = now
        if gone.next_offset is not None:
            self._next_offset = gone.next_offset
        self._stream = None
        self._touch()

    def wishes(self, verb: str) -> None:
        """Remember what the viewer wants, for the next stream's grant."""
        self.witness.wishes(verb)
        if verb in ("write", "release"):
            self.mode = Mode.WRITE if verb == "write" else Mode.OBSERVE

    def seat_changed(self, mode: Mode) -> None:
        """The agent says what the viewer has now: the next stream goes on with that."""
        self.mode = mode

    async def judge(self, verdict: Verdict) -> None:
        """What was found when it was asked again: end the session, or tell the agent what changed."""
        if isinstance(verdict, Fault):
            self.end(stream.Close(verdict.code, verdict.fields))
            return
        changed, self.granted = verdict != self.granted, verdict
        if changed or self._grant_ends - clock.wall() < self._limits.renew_seconds:
            await self._renew()

    # How it is done

    async def _ask(self) -> frozenset[Mode | Extra]:
        [verdict] = await self._rights([self.subject])
        if isinstance(verdict, Fault):
            raise verdict
        return verdict

    @property
    def _is_over(self) -> bool:
        return self._close is not None or self._replaced or self.viewer.is_over

    def _touch(self) -> None:
        self._changed.set()
        if self._is_over and self._arrival is not None and not self._arrival.done():
            self._arrival.set_exception(_Over())

    async def _dial(self) -> None:
        """Have the agent bring a stream. Raises Fault, or _Over when nobody wants it any more."""
        token = secrets.token()
        grant, self._grant_ends = await self._sign()
        if self._is_over:
            raise _Over
        request = OpenStream(self.subject.session, self._stream_url, token, grant)
        self._arrival = asyncio.get_running_loop().create_future()
        self._token = secrets.digest(token)
        try:
            with self._fleet.streams.opening(self.subject.agent, request, self._arrival):
                async with asyncio.timeout(self._limits.dial_seconds):
                    await self._arrival
        except TimeoutError as error:
            seconds = self._limits.dial_seconds
            raise Fault(
                "StreamFailed", host=self._host, detail=f"no stream came within {seconds:.0f} s"
            ) from error
        finally:
            self._token = self._arrival = None

    async def _recover(self) -> None:
        """Try for a new stream; the viewer is told why it waits. Raises Fault when there is none."""
        alarm = asyncio.get_running_loop().call_later(self._limits.alarm_seconds, self._alarm)
        backoff = Backoff(first=0.1, limit=1.0)
        try:
            while True:
                try:
                    self.granted = await self._ask()
                    await self._dial()
                    return
                except Fault as fault:
                    if not entry(fault.code).retry:
                        raise
                    assert self._lost_at is not None
                    left = self._lost_at + self._limits.reattach_seconds - clock.monotonic()
                    if left <= 0:
                        raise
                self._changed.clear()
                if self._is_over:
                    raise _Over
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(left, backoff.next())):
                        await self._changed.wait()
        finally:
            alarm.cancel()

    def _alarm(self) -> None:
        self._tell(self._fleet.offline(self.subject.agent))

    def _tell(self, fault: Fault) -> None:
        self.viewer.send(stream.encode(stream.Notice("alarm", {"code": fault.code, **fault.fields})))

    async def _renew(self) -> None:
        if self._stream is None:
            return
        grant, self._grant_ends = await self._sign()
        if self._stream is not None:
            self._stream.send(stream.encode(stream.Control("renew", {"grant": grant})))

    async def _sign(self) -> tuple[str, float]:
        return await self._tickets.grant(
            self.subject,
            rights=self.granted,
            mode=self.mode,
            resume=self._next_offset,
            replay=self._replay,
            address=self.viewer.address,
            client=self._client,
            takes=self._takes,
        )

    def _hang_up(self) -> str:
        """Tell both sides; the reason for the audit."""
        close, viewer, carrier = self._close, self.viewer, self._stream
        if close is not None:
            viewer.tell_and_finish(close)
        elif self._replaced:
            elsewhere = stream.Close("SessionEnded", {"detail": "it goes on over another connection"})
            viewer.tell_and_finish(elsewhere)
        # To the agent code 1000 means that the person is gone for good, anything else that the seat is kept.
        for_good = (close is not None and not close.resumable) or viewer.left or not viewer.returns
        if close is not None and not close.resumable and not self._agent_knows:
            self._fleet.streams.end(self.subject.agent, self.subject.session, close.code, **close.fields)
        if carrier is not None:
            self._count(carrier)
            carrier.finish(WSCloseCode.OK if for_good else WSCloseCode.GOING_AWAY)
        if close is not None:
            return close.code
        if self._replaced:
            return End.REPLACED
        return End.LEFT if viewer.left else End.DROPPED

    def _count(self, carrier: StreamSocket) -> None:
        self.shown += carrier.shown
        self.taken = max(self.taken, carrier.taken)
        carrier.shown = 0

    @property
    def _host(self) -> str:
        view = self._fleet.host(self.subject.agent)
        return view.agent.name if view is not None else self.subject.agent


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
