"""A network that swallows everything without a word, between the agent and the gateway."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from outofband.agent import stream as stream_module
from outofband.core import clock
from outofband.wire import stream
from tests.support.wait import until
from tests.unit.agent.control_plane import Authority
from tests.unit.agent.gateway import Gateway
from tests.unit.agent.test_stream import Bench

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and iproute2"),
]
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
QUIET, DEAD = 0.5, 2.0


class FarSide:
    """A network namespace behind a cable of its own; an address there can vanish.

    The near end of the cable is in a namespace of its own too, and the test's thread with it until `close`:
    the machine's own network does not change, and a program that watches it, a browser, sees nothing of this.
    """

    def __init__(self, number: int) -> None:
        self.name, self.cable = f"oobtest{number}", f"oobt{number}"
        self.near, self.far = f"10.231.{number % 250}.1", f"10.231.{number % 250}.2"
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _check(LIBC.unshare(CLONE_NEWNET), "unshare")
        _ip("netns", "add", self.name)
        _ip("link", "add", f"{self.cable}a", "type", "veth", "peer", "name", f"{self.cable}b")
        _ip("link", "set", f"{self.cable}b", "netns", self.name)
        _ip("addr", "add", f"{self.near}/30", "dev", f"{self.cable}a")
        _ip("link", "set", f"{self.cable}a", "up")
        self._there("addr", "add", f"{self.far}/30", "dev", f"{self.cable}b")
        self._there("link", "set", f"{self.cable}b", "up")

    def listen(self) -> socket.socket:
        """A listening socket over there: a socket belongs to the namespace its thread was in."""

        def make() -> socket.socket:
            with open(f"/run/netns/{self.name}", "rb") as handle:
                _check(LIBC.setns(handle.fileno(), CLONE_NEWNET), "setns")
            return socket.create_server((self.far, 0))

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(make).result()

    def vanish(self) -> None:
        """Nobody answers any more, not even with a refusal."""
        self._there("addr", "del", f"{self.far}/30", "dev", f"{self.cable}b")

    def close(self) -> None:
        _check(LIBC.setns(self._home, CLONE_NEWNET), "setns")
        os.close(self._home)
        subprocess.run(["ip", "netns", "del", self.name], check=False)

    def _there(self, *words: str) -> None:
        _ip("-netns", self.name, *words)


def _check(result: int, call: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), call)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@pytest.fixture
def far() -> Iterator[FarSide]:
    side = FarSide(os.getpid() % 10000)
    yield side
    side.close()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "QUIET_SECONDS", QUIET)
    monkeypatch.setattr(stream_module, "DEAD_SECONDS", DEAD)


def bench_at(far: FarSide, directory: Path) -> Bench:
    authority = Authority(directory, address=far.far)
    return Bench(directory, authority, Gateway(authority, far.listen()))


async def test_a_stream_into_nowhere_is_given_up(far: FarSide, tmp_path: Path) -> None:
    async with bench_at(far, tmp_path).open(pulse=0.1) as bench:
        bench.streams.open(bench.wish())
        incoming = await bench.gateway.stream()
        await bench.gateway.until(lambda: incoming.pings >= 2)
        assert bench.streams.count == 1, "a quiet console stays"
        far.vanish()
        gone_at = clock.monotonic()
        await bench.guest.print(b"nobody will read this")
        await until(lambda: bench.streams.count == 0)
        assert clock.monotonic() - gone_at + QUIET + 0.2 >= DEAD
        # The person may come back: the seat is kept.
        assert bench.port.report().viewers == 0 and bench.port.report().writer == "ann"


async def test_a_gateway_that_waits_for_its_viewer_is_not_given_up(far: FarSide, tmp_path: Path) -> None:
    async with bench_at(far, tmp_path).open(pulse=0.1) as bench:
        bench.streams.open(bench.wish())
        incoming = await bench.gateway.stream()
        assert incoming.transport is not None
        incoming.transport.underlying_transport.pause_reading()
        await bench.guest.print(b"x" * 900_000)
        await asyncio.sleep(DEAD * 2)
        assert bench.streams.count == 1
        incoming.transport.underlying_transport.resume_reading()
        await bench.gateway.until(
            lambda: sum(len(data.payload) for data in incoming.of(stream.Data)) == 900_000
        )
