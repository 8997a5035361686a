"""The monitor of one QEMU: a QMP connection that comes back by itself, with events and bounded waits."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from qemu.qmp import ExecInterruptedError, ExecuteError, Message, QMPClient, QMPError, Runstate, StateError

from outofband.core.errors import Fault
from outofband.net.backoff import Backoff
from outofband.net.tasks import Tasks

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 5.0
"""QEMU greets at once, unless another client holds its only seat."""
EXECUTE_SECONDS = 10.0
RECONNECT_LIMIT = 5.0

# The library shouts about every refused connection; this file reports those that matter.
logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)


class MonitorRefused(Exception):
    """QEMU understood the command and declined it; the text is QEMU's own."""


class Monitor:
    """QMP of the QEMU that runs in `directory`. `connected` says whether commands can be sent now.

    `on_event` gets each event's name and data in the order of arrival. `on_link` gets False when the monitor
    was lost and True when it came back; it is not called for `connect` and `close`.
    """

    def __init__(
        self,
        directory: Path,
        socket: str,
        *,
        on_event: Callable[[str, dict[str, Any]], None],
        on_link: Callable[[bool], None],
    ) -> None:
        self._directory = directory
        self._socket = socket
        self._on_event = on_event
        self._on_link = on_link
        self._client: QMPClient | None = None
        self._tasks = Tasks()
        self._partings = Tasks()
        self._parting: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.runstate is Runstate.RUNNING

    async def connect(self, timeout: float = CONNECT_SECONDS) -> None:
        """Connect once, then `keep` it so. Raises Fault HypervisorUnreachable."""
        self._client = await self._dial(timeout)
        self.keep()

    def keep(self) -> None:
        """Connect again whenever the connection is lost, until `close`; also when there never was one."""
        self._tasks.spawn(f"qmp {self._directory.name}", self._keep())

    async def drained(self, timeout: float) -> None:
        """Wait until QEMU has hung up, so that its last events have been told; `timeout` seconds at most."""
        try:
            async with asyncio.timeout(timeout):
                while self._client is not None and self.connected:
                    await self._client.runstate_changed()
        except TimeoutError:
            pass

    async def execute(self, command: str, *, timeout: float = EXECUTE_SECONDS, **arguments: Any) -> Any:
        """Run one command, return its `return` value. Raises Fault HypervisorUnreachable, MonitorRefused."""
        client = self._client
        if client is None:
            raise Fault("HypervisorUnreachable", detail="its monitor is not connected")
        try:
            async with asyncio.timeout(timeout):
                return await client.execute(command, arguments or None)
        except ExecuteError as error:
            raise MonitorRefused(str(error)) from error
        except TimeoutError as error:
            detail = f"no reply to '{command}' within {timeout:g} s"
            raise Fault("HypervisorUnreachable", detail=detail) from error
        except (ExecInterruptedError, StateError, QMPError, OSError, EOFError) as error:
            detail = f"the connection ended during '{command}'"
            raise Fault("HypervisorUnreachable", detail=detail) from error

    async def human(self, line: str) -> str:
        """Have QEMU's monitor for people do one line; what it says. Raises as `execute`."""
        arguments: dict[str, Any] = {"command-line": line}
        return str(await self.execute("human-monitor-command", **arguments))

    async def close(self) -> None:
        """Let go of the monitor; QEMU goes on."""
        await self._tasks.close()
        await self._hang_up()
        self._client = None

    async def _dial(self, timeout: float) -> QMPClient:
        client = QMPClient(self._directory.name)
        # The library's default listener cannot be removed and would pile up every event for ever: its filter
        # hands each one over and keeps none.
        client.events.event_filter = self._receive
        folder = os.open(self._directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            async with asyncio.timeout(timeout):
                # A path through the descriptor stays below the 108 bytes a unix socket's name may have.
                await client.connect(f"/proc/self/fd/{folder}/{self._socket}")
        except TimeoutError as error:
            detail = f"no greeting within {timeout:g} s"
            raise Fault("HypervisorUnreachable", detail=detail) from error
        except (QMPError, OSError, EOFError) as error:
            raise Fault("HypervisorUnreachable", detail=str(error)) from error
        finally:
            os.close(folder)
        return client

    async def _keep(self) -> None:
        backoff = Backoff(first=0.05, limit=RECONNECT_LIMIT)
        while True:
            if self._client is not None:
                while self.connected:
                    await self._client.runstate_changed()
                await self._hang_up()
                self._on_link(False)
            while True:
                await asyncio.sleep(backoff.next())
                try:
                    self._client = await self._dial(CONNECT_SECONDS)
                except Fault:
                    continue
                break
            backoff.reset()
            self._on_link(True)

    async def _hang_up(self) -> None:
        """Disconnect, once and to the end: the library's own tasks must not be left halfway by a cancel."""
        client = self._client
        if self._parting is None and client is not None and client.runstate is not Runstate.IDLE:
            self._parting = self._partings.spawn(f"qmp end {self._directory.name}", _part(client))
        if self._parting is not None:
            await asyncio.shield(self._parting)
            self._parting = None

    def _receive(self, event: Message) -> bool:
        data = event.get("data")
        try:
            self._on_event(str(event["event"]), data if isinstance(data, dict) else {})
        except Exception as error:
            # Raised further it would end the connection's reader, and with it every later event.
            log.error("qmp.event_failed", machine=self._directory.name, exc_info=error)
        return False


async def _part(client: QMPClient) -> None:
    """Disconnect and swallow what broke the connection: that it is gone is already known."""
    try:
        await client.disconnect()
    except (QMPError, OSError, EOFError):
        pass
