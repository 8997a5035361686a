"""Carries out what the control plane asks, once per key: journal first, then the machine, then the answer.

Life-cycle commands of one VM run one after another, and so do the actions on it (reset, NMI, SysRq, picture);
an action need not wait for a shutdown that takes a minute. Different VMs run side by side, up to a bound.
What asks a guest's agent waits only for others that do, and has a bound of its own: a guest that answers
nobody must not keep its own NMI, nor other VMs, waiting. Scripts take as long as they take: each runs beside
all others, up to a third bound; so does each reader of a log, who may wait for what comes, and the sending
or receiving of a disk, which waits for the VM's last one alone. What only reads leaves nothing in the
journal: a repeat looks anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import msgspec
import structlog

from outofband.agent.journal import Journal, Standing
from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.net.tasks import Tasks
from outofband.wire.link import MAX_MESSAGE, Command, Result
from outofband.wire.machine import READING, Verb

MAX_PENDING = 4096
"""Commands accepted and not yet answered."""
PARALLEL = 8
"""Commands carried out at the same time, those to guests apart."""
PARALLEL_GUESTS = 64
"""Short questions and orders to the agents in guests."""
PARALLEL_SCRIPTS = 128
PARALLEL_LOGS = 256
"""Readers of logs, most of whom wait for the guest to print something."""
PARALLEL_MOVES = 4
"""VMs whose disks are on their way from this host or to it."""
PRUNE_SECONDS = 3600.0
FINISH_SECONDS = 5.0
"""What a stopping agent leaves commands in progress to come to their end."""
REPEATABLE = frozenset(
    {
        Verb.CREATE,
        Verb.START,
        Verb.STOP,
        Verb.DELETE,
        Verb.RUN,
        Verb.RUN_CANCEL,
        Verb.SET_PASSWORD,
        Verb.NETWORK,
        Verb.DISK_SEND,
        Verb.DISK_RECEIVE,
        Verb.DISK_TAKE,
        Verb.DISK_DROP,
        Verb.FENCE,
    }
)
"""Doing these twice is the same as doing them once, so they are done again after a crash in between. A script
that is run again with the same key goes on with the first run (machines/scripts.py).
"""
_LIFE, _ACTION, _GUEST, _SCRIPT, _LOG, _MOVE = "life", "action", "guest", "script", "log", "move"
_LIFE_CYCLE = frozenset(
    {
        Verb.CREATE,
        Verb.START,
        Verb.STOP,
        Verb.RESTART,
        Verb.DELETE,
        Verb.DISK_TAKE,
        # A start that follows it must not come before it.
        Verb.DISK_DROP,
        Verb.FENCE,
    }
)
_OF_GUESTS = frozenset({Verb.RUN_STATUS, Verb.RUN_CANCEL, Verb.SET_PASSWORD})
_MOVES = frozenset({Verb.DISK_SEND, Verb.DISK_RECEIVE})
_SIDE_BY_SIDE = frozenset(
    {Verb.LOG, Verb.PROBE, Verb.REACH, Verb.DISK_LOOK, Verb.DISK_PROGRESS, Verb.DISK_FOLLOW}
)
_PATIENT = frozenset({Verb.RUN, *_MOVES, *_SIDE_BY_SIDE})
"""They may take long, and a stopping agent does not wait for them."""
_MARGIN = 4096

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Outcome(Protocol):
    """What an action came to: one sentence of what was seen, and data for whoever asked."""

    @property
    def observed(self) -> str: ...
    @property
    def data(self) -> dict[str, Any]: ...


class Performer(Protocol):
    """The machines of the host. Raises Fault when the action failed."""

    async def perform(self, verb: str, vm: str, args: dict[str, Any], epoch: int, *, key: str) -> Outcome: ...

    def finished(self, vm: str, key: str) -> None:
        """The result of a command is in the journal. Returns at once and raises nothing but OSError."""


class Commands:
    """`receive` takes a command off the link; `answer` is called with its result, perhaps much later.

    When no link is up the result waits in the journal: the control plane will ask again.
    """

    def __init__(
        self,
        journal: Journal,
        machines: Performer,
        answer: Callable[[Result], object],
        *,
        parallel: int = PARALLEL,
    ) -> None:
        self._journal = journal
        self._machines = machines
        self._answer = answer
        self._lanes: dict[tuple[str, str], deque[Command]] = {}
        self._pending: set[str] = set()
        self._patient: set[str] = set()
        room = asyncio.Semaphore(parallel)
        self._rooms = {
            _LIFE: room,
            _ACTION: room,
            _GUEST: asyncio.Semaphore(PARALLEL_GUESTS),
            _SCRIPT: asyncio.Semaphore(PARALLEL_SCRIPTS),
            _LOG: asyncio.Semaphore(PARALLEL_LOGS),
            _MOVE: asyncio.Semaphore(PARALLEL_MOVES),
        }
        self._tasks = Tasks()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks.spawn("journal.prune", self._prune())

    @property
    def pending(self) -> int:
        return len(self._pending)

    def receive(self, command: Command) -> None:
        """Queue a command. One that is queued or in progress already is not started twice."""
        if command.key in self._pending or self._closing:
            return
        if len(self._pending) >= MAX_PENDING:
            self._answer(_failed(command.key, Fault("TooManyRequests", seconds=30)))
            return
        self._pending.add(command.key)
        if command.verb in _PATIENT:
            self._patient.add(command.key)
        else:
            self._idle.clear()
        lane = _lane(command)
        if (queue := self._lanes.get(lane)) is not None:
            queue.append(command)
            return
        self._lanes[lane] = deque([command])
        self._tasks.spawn(f"commands:{command.vm}", self._work(lane))

    async def close(self) -> None:
        """Take no more, let what is in progress end for a moment, then stop it. The journal stays open.

        Scripts are not waited for: they go on in their guests, and so does the next agent with them. Nor are
        readers of logs.
        """
        self._closing = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH_SECONDS):
                await self._idle.wait()
        await self._tasks.close()
        self._disk.shutdown()

    async def _work(self, lane: tuple[str, str]) -> None:
        queue = self._lanes[lane]
        try:
            while queue and not self._closing:
                command = queue.popleft()
                try:
                    async with self._rooms[lane[1]]:
                        result = await self._carry_out(command)
                finally:
                    self._pending.discard(command.key)
                    self._patient.discard(command.key)
                self._answer(result)
        finally:
            del self._lanes[lane]
            self._pending.difference_update(command.key for command in queue)
            if self._pending == self._patient:
                self._idle.set()

    async def _carry_out(self, command: Command) -> Result:
        if command.verb in READING:
            return await self._perform(command)
        words = log.bind(key=command.key, verb=command.verb, vm=command.vm)
        try:
            standing, known = await self._on_disk(self._journal.begin, command, clock.wall())
        except ProtocolError as error:
            words.error("command.key_reused", detail=str(error))
            return _failed(command.key, Fault("Conflict", detail=str(error)))
        except sqlite3.Error:
            # Nothing was done: without the note a repeat could do it twice.
            words.exception("journal.unwritable")
            return _failed(command.key, Fault("JournalUnwritable"))
        if known is not None:
            words.info("command.repeated")
            return known
        if standing is Standing.BEGUN and command.verb not in REPEATABLE:
            words.warning("command.interrupted")
            result = _failed(command.key, Fault("ActionInterrupted", verb=command.verb, vm=command.vm))
        else:
            words.info("command.started", again=standing is Standing.BEGUN)
            result = await self._perform(command)
            words.info("command.ended", succeeded=result.succeeded, code=result.code)
        try:
            await self._on_disk(self._journal.finish, result, clock.wall())
        except sqlite3.Error:
            # It was done, and saying so is still right; only a crash now would lose the answer.
            words.exception("journal.unwritable")
        else:
            self._finished(command)
        return result

    def _finished(self, command: Command) -> None:
        try:
            self._machines.finished(command.vm, command.key)
        except OSError as error:
            log.warning("command.leftover", key=command.key, error=str(error))

    async def _perform(self, command: Command) -> Result:
        try:
            outcome = await self._machines.perform(
                command.verb, command.vm, command.args, command.epoch, key=command.key
            )
            result = Result(command.key, True, observed=outcome.observed, data=outcome.data)
            size = len(msgspec.json.encode(result))
            if size <= MAX_MESSAGE - _MARGIN:
                return result
            log.error("command.result_too_large", key=command.key, verb=command.verb, size=size)
            return _failed(command.key, Fault("InternalError"))
        except Fault as fault:
            return _failed(command.key, fault)
        except Exception:
            log.exception("command.defect", key=command.key, verb=command.verb, vm=command.vm)
            return _failed(command.key, Fault("InternalError"))

    async def _on_disk(self, call: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, call, *arguments)

    async def _prune(self) -> None:
        while True:
            try:
                await self._on_disk(self._journal.prune, clock.wall())
            except sqlite3.Error:
                log.exception("journal.unwritable")
            await asyncio.sleep(PRUNE_SECONDS)


def _lane(command: Command) -> tuple[str, str]:
    """Commands of one lane wait for each other."""
    if command.verb == Verb.RUN:
        return command.key, _SCRIPT
    if command.verb in _SIDE_BY_SIDE:
        return command.key, _LOG
    if command.verb in _MOVES:
        return command.vm, _MOVE
    if command.verb in _OF_GUESTS:
        return command.vm, _GUEST
    return command.vm, _LIFE if command.verb in _LIFE_CYCLE else _ACTION


def _failed(key: str, fault: Fault) -> Result:
    try:
        fields = msgspec.to_builtins(fault.fields)
    except TypeError:
        fields = {name: str(value) for name, value in fault.fields.items()}
    return Result(key, False, code=fault.code, fields=fields)
