"""The agent's end of the control link: one WebSocket it keeps open, and opens again whenever it breaks.

The rules are `wire.link.LinkAgent`; here are the socket, the clock and the waiting. What the host has to say
is not queued up: machines that changed are marked, and the report sent is the newest one.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import ssl
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from outofband.agent.state import HostKey, Trust
from outofband.agent.upkeep import Upkeep
from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.net import skew
from outofband.net.backoff import Backoff
from outofband.net.proxies import proxy_for
from outofband.net.tasks import Tasks
from outofband.wire import link
from outofband.wire.machine import VmReport

OPEN_SECONDS = 10.0
"""Name look-up, TCP, proxy, TLS and the WebSocket handshake together."""
TICK_SECONDS = 1.0
REPORT_SECONDS = 0.2
"""Changes of machines are gathered this long before they are sent again; a result never waits for it."""
STABLE_SECONDS = 5.0
"""A link that lived this long was a good one: the next attempt comes soon."""
REJECTED_SECONDS = 30.0
"""A control plane that refused this agent is not asked again before."""
MAX_INVENTORY = 1000
"""Machines in one inventory message; the others follow one by one, so that it stays below MAX_MESSAGE."""

TAKES = (link.TAKES_KEYS, link.TAKES_PLACES, link.TAKES_RENEWALS)
"""What this agent understands of a later day."""

log = structlog.get_logger(__name__)


class Host(Protocol):
    """What the link needs of the host. Every call returns at once."""

    def inventory(self) -> link.Inventory: ...
    def report(self, vm: str) -> VmReport | None: ...
    def welcomed(self, welcome: link.Welcome) -> None: ...
    def keys_changed(self, keys: link.Keys) -> None: ...
    def command(self, command: link.Command) -> None: ...
    def open_stream(self, wish: link.OpenStream) -> None: ...
    def end_session(self, end: link.EndSession) -> None: ...
    def place(self, place: link.Place) -> None: ...


class Telling(Protocol):
    """What was found in the logs of machines and no control plane has kept. Every call returns at once."""

    def restart(self) -> None:
        """A new link is up: what was sent on another one will not be answered."""
        ...

    def next(self) -> link.Found | None:
        """The next message; None while one is without its answer, and when there is nothing to tell."""
        ...

    def kept(self, number: int) -> None: ...


class LinkState(enum.StrEnum):
    CONNECTING = "connecting"
    LINKED = "linked"
    WAITING = "waiting"
    REJECTED = "rejected"


MAX_LOGINS = 256
"""Ends of guest logins that wait for a link; the oldest go first."""


class LinkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`since` is when `state` began (ISO, UTC); `code` and `fields` tell of the last failure."""

    state: LinkState
    since: str
    node: str | None = None
    code: str | None = None
    fields: dict[str, object] = {}


class ControlLink:
    """Run `run()` for as long as the agent lives; call the other methods from the same event loop.

    `now` and `tick` exist so that a test need not wait 45 s for a silent peer.
    """

    def __init__(
        self,
        *,
        trust: Trust,
        key: HostKey,
        version: str,
        instance: str,
        host: Host,
        now: Callable[[], float] = clock.monotonic,
        tick: float = TICK_SECONDS,
        backoff: Backoff | None = None,
        telling: Telling | None = None,
        upkeep: Upkeep | None = None,
        hardware: str = "",
    ) -> None:
        self._trust = trust
        self._key, self._hardware = key, hardware
        self._upkeep = upkeep
        self._socket: ClientConnection | None = None
        self._version, self._instance = version, instance
        self._host = host
        self._now, self._tick = now, tick
        self._backoff = backoff or Backoff()
        self._telling = telling
        self._takes_found = False
        """Whether the control plane of this link understands `found`."""
        self._protocol: link.LinkAgent | None = None
        self._changed: set[str] = set()
        self._inventory_due = True
        self._reported_at = float("-inf")
        self._logins: deque[link.LoginEnded] = deque(maxlen=MAX_LOGINS)
        self._wake, self._again = asyncio.Event(), asyncio.Event()
        self.status = LinkStatus(state=LinkState.CONNECTING, since=clock.iso())
        self.on_status: Callable[[LinkStatus], None] | None = None
        """Told of each change of `status`."""
        self.clock_ahead: float | None = None
        """Seconds by which this host's clock is ahead of the control plane's, as of the last link."""

    @property
    def linked(self) -> bool:
        return self._protocol is not None and self._protocol.state is link.State.OPEN

    def machine_changed(self, vm: str) -> None:
        """A machine has something new to report, or is gone."""
        self._changed.add(vm)
        self._wake.set()

    def host_changed(self) -> None:
        """The host's own facts changed: everything is reported again."""
        self._inventory_due = True
        self._wake.set()

    def login_ended(self, message: link.LoginEnded) -> None:
        """Send now or with the next link: nobody asks for it again."""
        self._logins.append(message)
        self._wake.set()

    def found(self) -> None:
        """There is something to tell of what machines printed."""
        self._wake.set()

    def nudge(self) -> None:
        """Something that is sent from time to time is due now."""
        self._wake.set()

    def rekeyed(self, key: HostKey, hardware: str) -> None:
        """Another key has taken over: the link is opened anew with it."""
        self._key, self._hardware = key, hardware
        if self._socket is not None:
            self._socket.transport.abort()
        self._again.set()

    def again(self) -> None:
        """Do not wait any longer to open the link: what kept it from coming up may be over."""
        self._again.set()

    def send(self, message: link.Result | link.StreamFailed | link.WantPlaces | link.Stored) -> bool:
        """Send now; False when no link is up, and the message is dropped: the control plane asks again.

        Reports of changed machines go first, so whoever reads a result finds the state it speaks of.
        """
        if self._protocol is None or self._protocol.state is not link.State.OPEN:
            return False
        self._report(self._protocol, at_once=True)
        self._protocol.send(message)
        self._wake.set()
        return True

    async def run(self) -> None:
        """Keep the link up until cancelled."""
        while True:
            opened = self._now()
            self._become(LinkState.CONNECTING)
            try:
                fault = await self._one_link()
                state = LinkState.WAITING
            except _Rejected as error:
                fault, state = error, LinkState.REJECTED
            except Fault as error:
                fault, state = error, LinkState.WAITING
            except Exception:
                log.exception("link.defect")
                fault, state = Fault("InternalError"), LinkState.WAITING
            if self.status.state is LinkState.LINKED and self._now() - opened >= STABLE_SECONDS:
                self._backoff.reset()
            wait = max(self._backoff.next(), REJECTED_SECONDS if state is LinkState.REJECTED else 0.0)
            log.warning("link.down", code=fault.code, again_in=round(wait, 2), **_plain(fault.fields))
            self._become(state, fault)
            self._again.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._again.wait(), wait)

    @property
    def _url(self) -> str:
        return self._trust.identity.link

    async def _one_link(self) -> Fault:
        """One link from dialling to its end; why it ended. Raises Fault when it never got so far."""
        socket = await self._dial()
        tasks = Tasks()
        self._protocol = protocol = link.LinkAgent(
            agent=self._trust.identity.agent,
            version=self._version,
            instance=self._instance,
            sign=self._key.sign,
            now=self._now(),
            takes=TAKES,
            hardware=self._hardware,
        )
        self._socket = socket
        try:
            tasks.spawn("link.write", self._write(socket, protocol))
            tasks.spawn("link.tick", self._keep_time(socket, protocol))
            await self._read(socket, protocol)
        except ConnectionClosed:
            pass
        except ProtocolError as error:
            protocol.close(str(error))
        finally:
            self._protocol = self._socket = None
            reason = protocol.reason or "it closed the link"
            protocol.close("the socket is gone")
            await tasks.close()
            await _hang_up(socket)
        return Fault("ControlPlaneUnreachable", url=self._url, detail=reason)

    async def _dial(self) -> ClientConnection:
        url = self._url
        try:
            connection = await connect(
                url,
                ssl=self._trust.context(),
                proxy=proxy_for(url),
                open_timeout=OPEN_SECONDS,
                close_timeout=1.0,
                ping_interval=None,  # the link has heartbeats of its own
                compression=None,
                max_size=link.MAX_MESSAGE,
                max_queue=16,
                user_agent_header=f"outofband-agent/{self._version}",
            )
            if connection.response is not None:
                self.clock_ahead = skew.ahead(connection.response.headers.get("Date"))
            return connection
        except ssl.SSLCertVerificationError as error:
            raise Fault("CertificateNotTrusted", url=url, detail=error.verify_message) from error
        except InvalidStatus as error:
            status = error.response.status_code
            raise Fault("UnexpectedAnswer", url=url, status=status, detail="no control link there") from error
        except (OSError, TimeoutError, WebSocketException, EOFError) as error:
            raise Fault("ControlPlaneUnreachable", url=url, detail=_words(error)) from error

    async def _read(self, socket: ClientConnection, protocol: link.LinkAgent) -> None:
        async for text in socket:
            for message in protocol.receive(text, self._now()):
                self._dispatch(message)
            self._wake.set()

    def _dispatch(self, message: link.ServerMessage) -> None:
        match message:
            case link.Welcome():
                log.info("link.open", node=message.node, link=message.link)
                if self._trust.offer(message.trust):
                    log.info("trust.replaced")
                self._inventory_due = True
                self._backoff.spread = min(max(message.spread, 0.0), link.MAX_SPREAD)
                self._takes_found = link.TAKES_FINDINGS in message.takes
                if self._telling is not None:
                    self._telling.restart()
                if self._upkeep is not None:
                    self._upkeep.linked(message.takes)
                self._become(LinkState.LINKED, node=message.node)
                self._host.welcomed(message)
            case link.Keys():
                if self._trust.offer(message.trust):
                    log.info("trust.replaced")
                self._host.keys_changed(message)
            case link.Reject():
                raise _Rejected(message.code, **message.fields)
            case link.Command():
                self._host.command(message)
            case link.OpenStream():
                self._host.open_stream(message)
            case link.EndSession():
                self._host.end_session(message)
            case link.Place():
                self._host.place(message)
            case link.FoundKept():
                if self._telling is not None:
                    self._telling.kept(message.number)
            case link.Renewed():
                if self._upkeep is not None:
                    self._upkeep.renewed(message)

    async def _write(self, socket: ClientConnection, protocol: link.LinkAgent) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                self._report(protocol, at_once=False)
                while protocol.state is link.State.OPEN and self._logins:
                    protocol.send(self._logins.popleft())
                if protocol.state is link.State.OPEN and (found := self._next_found()) is not None:
                    protocol.send(found)
                if protocol.state is link.State.OPEN and self._upkeep is not None:
                    for due in self._upkeep.due(self._now(), clock.now()):
                        protocol.send(due)
                for text in protocol.outgoing(self._now()):
                    await socket.send(text, text=True)
            except ConnectionClosed:
                return
            except Exception:
                protocol.close("this host's report could not be sent")
                raise

    def _next_found(self) -> link.Found | None:
        return self._telling.next() if self._telling is not None and self._takes_found else None

    def _report(self, protocol: link.LinkAgent, *, at_once: bool) -> None:
        """Queue the inventory if it is due, else reports of the machines that changed."""
        if protocol.state is not link.State.OPEN or not (self._inventory_due or self._changed):
            return
        now = self._now()
        too_soon = self._reported_at + REPORT_SECONDS - now
        if too_soon > 0 and not (at_once or self._inventory_due):
            asyncio.get_running_loop().call_later(too_soon, self._wake.set)
            return
        self._reported_at = now
        if self._inventory_due:
            self._inventory_due = False
            self._changed.clear()
            whole = self._host.inventory()
            protocol.send(link.Inventory(whole.host, whole.machines[:MAX_INVENTORY]))
            for report in whole.machines[MAX_INVENTORY:]:
                protocol.send(link.VmChanged(report))
            return
        changed, self._changed = self._changed, set()
        for vm in sorted(changed):
            report_now = self._host.report(vm)
            protocol.send(link.VmChanged(report_now) if report_now else link.VmGone(vm))

    async def _keep_time(self, socket: ClientConnection, protocol: link.LinkAgent) -> None:
        while protocol.state is not link.State.CLOSED:
            await asyncio.sleep(self._tick)
            protocol.tick(self._now())
            self._wake.set()
        # A peer that is dead would not answer a closing handshake either.
        socket.transport.abort()

    def _become(self, state: LinkState, fault: Fault | None = None, node: str | None = None) -> None:
        last = self.status
        since = last.since if state is last.state else clock.iso()
        code = fault.code if fault else None
        fields = _plain(fault.fields) if fault else {}
        if state is LinkState.CONNECTING:
            # Until this attempt ends, the last failure is still the news.
            code, fields = last.code, last.fields
        self.status = LinkStatus(state=state, since=since, node=node, code=code, fields=fields)
        if self.on_status is not None:
            self.on_status(self.status)


class _Rejected(Fault):
    """The control plane knows who asked, and said no."""


async def _hang_up(socket: ClientConnection) -> None:
    """Say goodbye for a moment at most; a cancelled agent must not hang on a silent peer."""
    try:
        await socket.close()
    finally:
        socket.transport.abort()


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _plain(fields: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if isinstance(value, str | int | float | None)}
