"""What the host's own administrator may ask of the agent, without any control plane.

A running agent answers on a unix socket in its state directory (0700), so only its own user gets there. One
connection is one question: the answer is a JSON document, then the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from outofband.agent.instance import Instance, run_path
from outofband.agent.link import LinkStatus
from outofband.agent.machines.registry import Machines
from outofband.agent.state import load_identity
from outofband.catalogue import explain
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net import process
from outofband.wire.machine import Power, Verb, VmReport

SOCKET = "admin.sock"
ANSWER_SECONDS = 5.0
MAX_ANSWER = 64 * 1024 * 1024
MAX_GAPS = 1000


class GapStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Output that is missing from a port's log: `[start, end)`, or at `start` an amount nobody knows."""

    vm: str
    port: str
    start: int
    end: int


class AgentStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`link` is the control link's state, `link_since` when it began, `problem` why it is not up.

    Without a running agent `running` is False, and only the identity is known.
    """

    running: bool
    agent: str
    name: str
    arm: str
    pid: int | None = None
    since: str | None = None
    link: str = "down"
    link_since: str | None = None
    node: str | None = None
    problem: str | None = None
    accelerator: str | None = None
    probe: str | None = None
    monitor: bool = False
    identity: str | None = None
    """Where local programs get tokens of this host, or why they do not; None when that is off."""
    clock_ahead: float | None = None
    """Seconds by which this host's clock is ahead of the control plane's, by its last answer."""
    streams: int = 0
    commands: int = 0
    machines: list[VmReport] = []
    gaps: list[GapStatus] = []


def status(state: StateDir) -> AgentStatus:
    """State of this directory's agent. Raises Fault AgentNotEnrolled, or NotReady when it does not answer."""
    identity = load_identity(state)
    found = process.running(run_path(state))
    if found is None:
        return AgentStatus(running=False, agent=identity.agent, name=identity.name, arm=identity.arm)
    try:
        return msgspec.json.decode(_ask(state.agent), type=AgentStatus)
    except (OSError, msgspec.MsgspecError) as error:
        log = str(state.log / "agent.log")
        raise Fault("NotReady", what="The host agent", seconds=int(ANSWER_SECONDS), log=log) from error


def stop_guests(state: StateDir, seconds: float, detail: Callable[[str], None]) -> list[str]:
    """Stop every machine that runs on this state while its agent does not, and wait for that.

    Guests get `seconds` to shut down, all at the same time, then they are ended by force. Returns the ids
    of the VMs that were stopped. Raises Fault AgentRunning: a running agent is asked over its link instead.
    """
    with Instance(state):
        return asyncio.run(_stop_guests(state, seconds, detail))


def link_words(link: LinkStatus) -> str | None:
    """The last failure of a link in the catalogue's words."""
    return explain(Fault(link.code, **link.fields)).message if link.code else None


def gaps(machines: Machines) -> Iterator[GapStatus]:
    for report in machines.reports():
        for name, port in machines.get(report.vm).ports.items():
            for lost in port.spool.lost:
                yield GapStatus(vm=report.vm, port=name, start=lost.start, end=lost.end)


class AdminSocket:
    """Answers `status` while the agent runs."""

    def __init__(self, state: StateDir, answer: Callable[[], AgentStatus]) -> None:
        self._directory = state.agent
        self._answer = answer
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Call with the state's lock held: a socket left behind by a killed agent is replaced."""
        listening = socket.socket(socket.AF_UNIX)
        with _reachable(self._directory) as path:
            with contextlib.suppress(FileNotFoundError):
                (self._directory / SOCKET).unlink()
            listening.bind(path)
        (self._directory / SOCKET).chmod(0o600)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            (self._directory / SOCKET).unlink(missing_ok=True)

    async def _serve(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(msgspec.json.encode(self._answer()))
            async with asyncio.timeout(ANSWER_SECONDS):
                await writer.drain()
        except (OSError, TimeoutError):
            pass
        finally:
            writer.close()


@contextlib.contextmanager
def _reachable(directory: Path) -> Iterator[str]:
    """A path of the socket that fits into a socket address, however deep the state directory lies."""
    handle = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{SOCKET}"
    finally:
        os.close(handle)


def _ask(directory: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(ANSWER_SECONDS)
        with _reachable(directory) as path:
            asking.connect(path)
        answer = bytearray()
        while piece := asking.recv(65536):
            answer += piece
            if len(answer) > MAX_ANSWER:
                raise OSError("the answer is too long")
        return bytes(answer)


async def _stop_guests(state: StateDir, seconds: float, detail: Callable[[str], None]) -> list[str]:
    machines = Machines(state)
    await machines.load()
    try:
        running = [
            report
            for report in machines.reports()
            if report.power is not Power.STOPPED and Verb.STOP in machines.get(report.vm).driver.verbs
        ]
        left = {report.vm: report.name for report in running}
        stopped: list[str] = []

        async def stop(vm: str) -> None:
            machine = machines.get(vm)
            try:
                await machine.stop(graceful=True, timeout=seconds)
            except Fault:
                await machine.stop(graceful=False)
            stopped.append(vm)
            left.pop(vm, None)
            detail(", ".join(sorted(left.values())) or "all stopped")

        detail(", ".join(sorted(left.values())))
        async with asyncio.TaskGroup() as group:
            for vm in list(left):
                group.create_task(stop(vm), name=f"stop {vm}")
        return stopped
    finally:
        await machines.close()
