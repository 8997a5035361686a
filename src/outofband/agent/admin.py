"""The agent's end of its local socket (agent.local), and what is done to its machines without it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator

import msgspec
import structlog

from outofband.agent.instance import Instance
from outofband.agent.link import LinkStatus
from outofband.agent.local import (
    ANSWER_SECONDS,
    MAX_QUESTION,
    SOCKET,
    Answer,
    GapStatus,
    Question,
    Refused,
    reachable,
)
from outofband.agent.machines.registry import Machines
from outofband.catalogue import explain
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.wire.machine import Power, Verb

MAX_GAPS = 1000
_question = msgspec.json.Decoder(Question)
log = structlog.get_logger(__name__)


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
    """Answers while the agent runs; `answer` gives a value that msgspec can write, or raises Fault."""

    def __init__(self, state: StateDir, answer: Callable[[Question], Awaitable[object]]) -> None:
        self._directory = state.agent
        self._answer = answer
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Call with the state's lock held: a socket left behind by a killed agent is replaced."""
        listening = socket.socket(socket.AF_UNIX)
        with reachable(self._directory) as path:
            with contextlib.suppress(FileNotFoundError):
                (self._directory / SOCKET).unlink()
            listening.bind(path)
        (self._directory / SOCKET).chmod(0o600)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=MAX_QUESTION)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            (self._directory / SOCKET).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            text = await self._text(reader, _asking(writer))
            writer.write(text)
            async with asyncio.timeout(ANSWER_SECONDS):
                await writer.drain()
        except (OSError, TimeoutError):
            pass
        finally:
            writer.close()

    async def _text(self, reader: asyncio.StreamReader, user: int) -> bytes:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                # Of whoever asks: with a question left unread the end would be a reset, not an answer.
                asked = await reader.readline()
            # Whatever the folder's mode lets in: what is asked here is the key's and the administrator's.
            if user not in (os.geteuid(), 0):
                log.warning("admin.denied", user=user)
                raise Fault("AgentServiceDenied", path=str(self._directory / SOCKET))
            value = await self._answer(_question.decode(asked))
        except (msgspec.MsgspecError, ValueError) as error:
            words = {"target": "ask", "detail": str(error)}
            return msgspec.json.encode(Answer(fault=Refused("InvalidParameter", words)))
        except Fault as fault:
            return msgspec.json.encode(Answer(fault=Refused(fault.code, fault.fields)))
        except Exception:
            log.exception("admin.defect")
            return msgspec.json.encode(Answer(fault=Refused("InternalError")))
        return msgspec.json.encode(Answer(value=msgspec.Raw(msgspec.json.encode(value))))


def _asking(writer: asyncio.StreamWriter) -> int:
    """User id of the process at the other end, as the kernel knows it."""
    peer = writer.get_extra_info("socket")
    _, user, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(user)


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
