"""Everything the agent opens finds its way through a proxy: enrolment, control link, streams."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outofband.agent import enroll
from outofband.agent.link import ControlLink
from outofband.agent.settings import Settings
from outofband.agent.state import HostKey, Trust, save_identity
from outofband.agent.streams import Streams
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net import proxies
from outofband.net.tasks import Tasks
from outofband.wire import grant as grants
from outofband.wire import link
from outofband.wire.grant import Grant
from tests.support.wait import until
from tests.unit.agent.control_plane import FAR_NAME, Authority, ControlPlane, grant_key, identity, public_jwk
from tests.unit.agent.gateway import Gateway
from tests.unit.agent.test_enroll import Plane
from tests.unit.agent.test_link import Host

pytestmark = pytest.mark.anyio


class Proxy:
    """An HTTP proxy (CONNECT only) that finds FAR_NAME on this host, and asks for a name and a password."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._tasks = Tasks()
        self.url = ""
        """Host and port."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        target = head.split(" ")[1]
        self.asked.append(target)
        if base64.b64encode(b"ann:pass word").decode() not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        name, _, port = target.rpartition(":")
        assert name == FAR_NAME
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        there = self._tasks.spawn("there", self._copy(reader, far_writer))
        back = self._tasks.spawn("back", self._copy(far_reader, writer))
        await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
        for each in (writer, far_writer):
            each.close()

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(65536):
                sink.write(piece)
                await sink.drain()
        except OSError:
            pass


@pytest.fixture(params=["environment", "setting"])
async def proxy(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> AsyncIterator[Proxy]:
    """By the environment, or by `proxy.url` of the agent's settings, which beats one that leads nowhere."""
    made = Proxy()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for name in ("http_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    made.url = f"127.0.0.1:{port}"
    url = f"http://ann:pass%20word@127.0.0.1:{port}"
    if request.param == "environment":
        monkeypatch.setenv("https_proxy", url)
    else:
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
        Settings({"proxy.url": url}).use_proxy()
    yield made
    Settings().use_proxy()
    server.close()
    await made._tasks.close()


async def test_enrolment(proxy: Proxy, tmp_path: Path) -> None:
    plane = Plane(Authority(tmp_path))
    serving = asyncio.get_running_loop().run_in_executor(None, plane.server.serve_forever, 0.01)
    port = plane.server.server_address[1]
    where = f"https://{FAR_NAME}:{port}"
    mine = await asyncio.to_thread(
        enroll.enrol, StateDir(tmp_path / "state"), server=where, token=plane.token, name="h"
    )
    assert mine.agent == "agent-7"
    assert proxy.asked == [f"{FAR_NAME}:{port}"] * 2
    plane.server.shutdown()
    await serving
    plane.server.server_close()


async def test_the_control_link(proxy: Proxy, tmp_path: Path) -> None:
    key, authority = HostKey.make(), Authority(tmp_path)
    async with ControlPlane(authority, key) as plane:
        state = StateDir(tmp_path)
        mine = identity(f"https://{FAR_NAME}:{plane.port}", authority)
        save_identity(state, mine)
        up = ControlLink(trust=Trust(state, mine), key=key, version="0", instance="i", host=Host())
        tasks = Tasks()
        tasks.spawn("link", up.run())
        await plane.message(link.Inventory)
        assert proxy.asked == [f"{FAR_NAME}:{plane.port}"]
        await tasks.close()


def without_name(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the proxy is asked without a name and a password, wherever it was configured."""
    url = f"http://{proxy.url}"
    monkeypatch.setenv("https_proxy", url)
    if proxies.proxy_for("https://x.example") != url:
        Settings({"proxy.url": url}).use_proxy()


async def test_a_proxy_that_says_no_is_told(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_name(proxy, monkeypatch)
    key, authority = HostKey.make(), Authority(tmp_path)
    mine = identity(f"https://{FAR_NAME}:1", authority)
    up = ControlLink(trust=Trust(StateDir(tmp_path), mine), key=key, version="0", instance="i", host=Host())
    tasks = Tasks()
    tasks.spawn("link", up.run())
    await until(lambda: up.status.code)
    assert up.status.code == "ControlPlaneUnreachable"
    assert "407" in str(up.status.fields["detail"])
    await tasks.close()


async def test_streams(proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, key = Authority(tmp_path), grant_key()
    failures: list[link.StreamFailed] = []
    streams = Streams(
        trust=Trust(StateDir(tmp_path), identity("https://x", authority)),
        find_port=lambda vm, port: Refusing(),
        failed=failures.append,
        limit=4,
    )
    streams.trust_keys([public_jwk(key)])
    async with Gateway(authority) as gateway:
        claims = Grant(
            agent="agent-1", session="s1", vm="v", port="0", principal="p", name="n", exp=clock.wall() + 60
        )
        url = f"wss://{FAR_NAME}:{gateway.port}/stream/v1/s1"
        streams.open(link.OpenStream("s1", url, "t", grants.sign(claims, key)))
        incoming = await gateway.stream()
        await gateway.until(lambda: incoming.gone)
        assert proxy.asked == [f"{FAR_NAME}:{gateway.port}"]
        # And when the proxy says no.
        without_name(proxy, monkeypatch)
        streams.open(link.OpenStream("s1", url, "t", grants.sign(claims, key)))
        await until(lambda: failures)
        assert failures[0].code == "StreamFailed" and "407" in failures[0].fields["detail"]
    await streams.close()


class Refusing:
    """A port that takes nobody; here the way to the gateway is what counts."""

    def attach(self, viewer: object, grant: Grant) -> None:
        raise Fault("PortUnavailable", vm="v", detail="test")
