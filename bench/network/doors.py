"""The ways in: none at all, socat, and the agent's forwarder with a rule to decide by; each a process."""

from __future__ import annotations

import asyncio
import multiprocessing
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

from bench.processes import wait_until
from bench.system import free_port, listens
from outofband.agent.network.forwarder import Forwarder
from outofband.net.process import raise_file_limit
from outofband.wire.network.plan import Endpoint, Plan, PlanRule
from outofband.wire.network.rules import Access

HERE = "127.0.0.1"
START_SECONDS = 20.0
NAMES = ("direct", "socat", "ours")


@contextmanager
def door(name: str, behind: int) -> Iterator[tuple[int, int | None]]:
    """The port to connect to, and the process that carries, if any."""
    if name == "direct":
        yield behind, None
        return
    port = free_port()
    if name == "socat":
        program = shutil.which("socat")
        if program is None:
            raise FileNotFoundError("socat is not installed")
        listen = f"TCP-LISTEN:{port},bind={HERE},reuseaddr,fork,nodelay,backlog=256"
        words = [program, "-b65536", listen, f"TCP:{HERE}:{behind},nodelay"]
        one = subprocess.Popen(words, stderr=subprocess.DEVNULL, process_group=0)
        try:
            wait_until(lambda: listens(port), START_SECONDS, "socat")
            yield port, one.pid
        finally:
            one.send_signal(signal.SIGTERM)
            one.wait()
        return
    made = multiprocessing.get_context("spawn").Process(target=_ours, args=(port, behind), daemon=True)
    made.start()
    try:
        wait_until(lambda: listens(port), START_SECONDS, "the forwarder")
        yield port, made.pid
    finally:
        made.kill()
        made.join()


def _ours(port: int, behind: int) -> None:
    raise_file_limit()
    uvloop.run(_carry(port, behind))


async def _carry(port: int, behind: int) -> None:
    allow = PlanRule(name="in", access=Access.ALLOW, sources=("127.0.0.0/8",), ports=("22",))
    one = Forwarder("vm", lambda _: (HERE, behind))
    await one.apply(Plan(public=(HERE,), ports=(), endpoints=(Endpoint(port, 22),), stages=((allow,),)))
    await asyncio.Event().wait()


def connected(port: int, kind: bytes) -> socket.socket:
    one = socket.create_connection((HERE, port), 20.0)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    one.sendall(kind)
    return one
