"""The way to one address: dns, route, tcp, proxy, tls, http, clock, in this order, until a step fails.

With a proxy the first three are about the way to the proxy: the name of the address is for the proxy to find.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

import msgspec

from outofband.core import clock
from outofband.net.doctor import asking, handshakes, names, routes, sockets, tunnels
from outofband.net.doctor.stream import Stream
from outofband.net.proxies import LOOPBACK, NONE, Choice
from outofband.wire import tunnel
from outofband.wire.check import Because, Endpoint, Evidence, Name, State, Step, failed, skipped, worst

MOST_SECONDS = 30.0
"""For one address, whatever is wrong with it."""
_PORTS = {"https": 443, "wss": 443, "http": 80, "ws": 80}
_SECURE = ("https", "wss")
STEPS = (Name.DNS, Name.ROUTE, Name.TCP, Name.PROXY, Name.TLS, Name.HTTP, Name.CLOCK)
_DIRECT = {NONE: Because.NO_PROXY, LOOPBACK: Because.LOOPBACK}
_SILENT = {
    Name.DNS: "ResolverSilent",
    Name.ROUTE: "NetworkUnreachable",
    Name.TCP: "PortSilent",
    Name.PROXY: "ProxyNotSpoken",
    Name.TLS: "TlsCut",
}


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """`url`: https or wss (http and ws are walked as well, without TLS). `trust`: the authorities expected,
    PEM; None for those of the system. `path`: what is asked for in place of the URL's own path. `private`:
    the name has to lead to private addresses.
    """

    name: str
    url: str
    proxy: Choice
    trust: str | None = None
    path: str = ""
    required: bool = True
    private: bool = False

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or _PORTS.get(parts.scheme, 443)

    @property
    def scheme(self) -> str:
        return urlsplit(self.url).scheme


async def walk(target: Target) -> Endpoint:
    """Never raises for what is wrong with the way: that is what it tells."""
    walker = _Walker(target)
    try:
        async with asyncio.timeout(MOST_SECONDS):
            await walker.run()
    except TimeoutError:
        walker.give_up()
    return Endpoint(
        name=target.name,
        url=target.url,
        host=target.host,
        port=target.port,
        required=target.required,
        via=target.proxy.shown,
        via_source=target.proxy.source,
        state=worst(walker.steps),
        steps=walker.whole(),
    )


def _private(step: Step, host: str, addresses: list[str]) -> Step:
    """The step, unless one of the addresses is a public one."""
    for address in addresses:
        if not ipaddress.ip_address(address.partition("%")[0]).is_private:
            return failed(Name.DNS, "AddressNotPrivate", {**step.evidence, "host": host, "address": address})
    return step


class _Walker:
    def __init__(self, target: Target) -> None:
        self._target = target
        self.steps: list[Step] = []
        self._began = clock.monotonic()
        self._addresses: list[str] = []
        self._socket: socket.socket | None = None
        parts = urlsplit(target.proxy.url or target.url)
        ports = tunnels.SCHEMES if target.proxy.url else _PORTS
        self._hop, self._hop_port = parts.hostname or "", parts.port or ports.get(parts.scheme, 443)
        self._proxied = target.proxy.url is not None
        self._plain = target.scheme not in _SECURE

    async def run(self) -> None:
        if not await self._reach():
            return
        assert self._socket is not None
        taken, self._socket = self._socket, None
        async with Stream(taken) as stream:
            if not await self._tunnel(stream):
                return
            if not await self._secure(stream):
                return
            self._begin()
            for step in await self._ask(stream):
                self._done(step)

    async def _reach(self) -> bool:
        """A socket to the first hop: the address itself, or the proxy."""
        target, proxy = self._target, self._target.proxy.shown or ""
        if self._proxied and urlsplit(target.proxy.url or "").scheme not in tunnels.SCHEMES:
            seen = tunnels.seen_of(target.proxy, target.host, target.port)
            seen["detail"] = "only proxies with http:// are walked through"
            return self._done(failed(Name.PROXY, "ProxyNotSpoken", seen))
        self._begin()
        found = await names.find(self._hop, self._hop_port)
        step = self._of_proxy(found.step) if self._proxied else found.step
        if target.private and not self._proxied and step.state is not State.FAILED:
            step = _private(step, target.host, found.addresses)
        if not self._done(step):
            return False
        self._begin()
        step, self._addresses = routes.find(found.addresses, proxy=proxy)
        if not self._done(self._named(step)):
            return False
        self._begin()
        step, self._socket = await sockets.connect(self._hop, self._hop_port, self._addresses, proxy=proxy)
        return self._done(self._named(step))

    async def _tunnel(self, stream: Stream) -> bool:
        target = self._target
        if not self._proxied:
            return self._done(skipped(Name.PROXY, _DIRECT.get(target.proxy.source, Because.BYPASSED)))
        if self._plain:
            return self._done(skipped(Name.PROXY, Because.PLAIN))
        self._begin()
        return self._done(await tunnels.open_tunnel(stream, target.proxy, target.host, target.port))

    async def _secure(self, stream: Stream) -> bool:
        target = self._target
        if self._plain:
            return self._done(skipped(Name.TLS, Because.PLAIN))
        self._begin()
        step = await handshakes.secure(stream, target.host, target.port, target.trust, self._again)
        return self._done(self._named(step))

    @contextlib.asynccontextmanager
    async def _again(self) -> AsyncIterator[Stream]:
        """One more connection, as far as where TLS begins. Raises OSError when it does not come about."""
        target = self._target
        _, taken = await sockets.connect(self._hop, self._hop_port, self._addresses[:1])
        if taken is None:
            raise ConnectionRefusedError("not a second time")
        async with Stream(taken) as stream:
            if self._proxied:
                step = await tunnels.open_tunnel(stream, target.proxy, target.host, target.port)
                if step.state is not State.OK:
                    raise ConnectionRefusedError("not a second time")
            yield stream

    async def _ask(self, stream: Stream) -> Sequence[Step]:
        target = self._target
        parts = urlsplit(target.url)
        path = target.path or parts.path or "/"
        where = parts.netloc.rpartition("@")[2]
        seen: Evidence = {"url": f"{parts.scheme}://{where}{path.partition('?')[0]}", "host": target.host}
        by_proxy = self._proxied and self._plain
        given = tunnels.proof(target.proxy) if by_proxy else ""
        if target.scheme in ("ws", "wss") and not target.path:
            request = asking.upgrade(path, where)
        else:
            request = tunnel.get(f"http://{where}{path}" if by_proxy else path, where, given)
        if by_proxy:
            seen |= tunnels.seen_of(target.proxy, target.host, target.port)
        return await asking.ask(stream, request, seen, plain_proxy=by_proxy, given=bool(given))

    def _of_proxy(self, step: Step) -> Step:
        """A name that cannot be found is the proxy's."""
        proxy = self._target.proxy
        if step.state is not State.FAILED:
            return msgspec.structs.replace(step, evidence={**step.evidence, "proxy": proxy.shown or ""})
        return failed(Name.DNS, "ProxyNameUnknown", {**step.evidence, **self._via(), "reason": step.cause})

    def _named(self, step: Step) -> Step:
        """With the host and, where there is one, the proxy: what the words of every cause may name."""
        target = self._target
        more: Evidence = {"host": target.host, "port": target.port, **(self._via() if self._proxied else {})}
        return msgspec.structs.replace(step, evidence={**more, **step.evidence})

    def _via(self) -> Evidence:
        proxy = self._target.proxy
        return {"proxy": proxy.shown or "", "source": proxy.source, "proxyHost": self._hop}

    def _begin(self) -> None:
        self._began = clock.monotonic()

    def _done(self, step: Step) -> bool:
        """Keep a step; whether the walk goes on."""
        seconds = 0.0 if step.state is State.SKIPPED else round(clock.monotonic() - self._began, 3)
        self.steps.append(msgspec.structs.replace(step, seconds=seconds))
        return step.state is not State.FAILED

    def give_up(self) -> None:
        """The time is over in the middle of a step."""
        if self._socket is not None:
            self._socket.close()
        name = STEPS[min(len(self.steps), len(STEPS) - 1)]
        seen = tunnels.seen_of(self._target.proxy, self._target.host, self._target.port)
        seen |= {"detail": f"no answer within {MOST_SECONDS:.0f} s", "url": self._target.url}
        seen |= {"resolver": "?", "address": "?", "interfaces": "?", "seconds": MOST_SECONDS}
        self._done(failed(name, _SILENT.get(name, "ServiceSilent"), seen))

    def whole(self) -> list[Step]:
        """Every step: those that were not reached are left out because of the one before them."""
        broken = next((each for each in self.steps if each.state is State.FAILED), None)
        taken = {each.step: each for each in self.steps}
        because = Because.EARLIER if broken is not None else Because.NOTHING
        return [taken.get(name) or skipped(name, because) for name in STEPS]
