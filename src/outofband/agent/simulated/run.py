"""A run of simulated agents: starts the processes, gathers their events, and says what they come to."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import msgspec

from outofband.agent.simulated.book import Book, name_of
from outofband.agent.simulated.crowd import Event, Member, Plan, shuffled
from outofband.agent.simulated.keys import host_key
from outofband.core import clock
from outofband.net.tasks import Tasks

START_SECONDS = 1.0
"""From the start of the processes to the first dial: they begin together."""
PER_PROCESS = 500
"""Agents of one process, where nobody says otherwise."""


class Figures(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Seconds from the first dial; `connect` of each agent from its own first dial to its welcome, tries in
    between included. `attempts` counts dials. `lost` are links that ended, `back` those that came again, with
    `away` (most) and `away_p50` seconds from the end of the link to the next welcome; `returns` says how many
    came back in each second from the first loss on, and `dials` how many tried.
    """

    agents: int
    processes: int
    simulated: bool = True
    connected: int
    connected_within: float | None
    connect_p50: float | None
    connect_p99: float | None
    attempts: int
    refused: dict[str, int]
    lost: int
    back: int
    away_p50: float | None
    away: float | None
    dials: list[int]
    returns: list[int]


class Ledger:
    """What the events come to. `linked` has the agents that have a link now."""

    def __init__(self, agents: int, processes: int, began: float) -> None:
        self.agents, self._processes, self.began = agents, processes, began
        self.linked: set[int] = set()
        self._first_dial: dict[int, float] = {}
        self._connect: dict[int, float] = {}
        self._up: dict[int, float] = {}
        self._down: dict[int, float] = {}
        self._away: list[float] = []
        self._dials: list[float] = []
        self._returns: list[float] = []
        self._first_loss: float | None = None
        self._refused: dict[str, int] = {}
        self._lost = 0
        self.changed = asyncio.Event()

    def take(self, event: Event) -> None:
        match event.what:
            case "dial":
                self._first_dial.setdefault(event.agent, event.at)
                self._dials.append(event.at)
            case "linked":
                self.linked.add(event.agent)
                self._up.setdefault(event.agent, event.at)
                self._connect.setdefault(event.agent, event.at - self._first_dial.get(event.agent, event.at))
                if (since := self._down.pop(event.agent, None)) is not None:
                    self._away.append(event.at - since)
                    self._returns.append(event.at)
            case "down":
                self._refused[event.code] = self._refused.get(event.code, 0) + 1
                if event.agent in self.linked:
                    self.linked.discard(event.agent)
                    self._down[event.agent] = event.at
                    self._lost += 1
                    if self._first_loss is None:
                        self._first_loss = event.at
        self.changed.set()

    def figures(self) -> Figures:
        times, away = sorted(self._connect.values()), sorted(self._away)
        whole = len(self._up) == self.agents
        return Figures(
            agents=self.agents,
            processes=self._processes,
            connected=len(self.linked),
            connected_within=_rounded(max(self._up.values()) - self.began) if whole and self._up else None,
            connect_p50=_at(times, 0.5),
            connect_p99=_at(times, 0.99),
            attempts=len(self._dials),
            refused=self._refused,
            lost=self._lost,
            back=len(away),
            away_p50=_at(away, 0.5),
            away=_at(away, 1.0),
            dials=_by_second(self._dials, self._first_loss),
            returns=_by_second(self._returns, self._first_loss),
        )


class Run:
    """Use as `async with Run(book, keys, folder=...) as run`. Every agent of `keys` is in the book."""

    def __init__(
        self,
        book: Book,
        keys: list[str],
        *,
        folder: Path,
        processes: int | None = None,
        machines: int = 0,
        ramp: float = 0.0,
        changed: Callable[[Ledger], None] = lambda _: None,
    ) -> None:
        self._book, self._folder = book, folder
        self._machines, self._ramp = machines, ramp
        self._changed = changed
        self.processes = max(1, processes or -(-len(keys) // PER_PROCESS))
        known = [(number, text, book.agents[host_key(text).public]) for number, text in enumerate(keys, 1)]
        members = [
            Member(number, each.agent, each.name or name_of(number), text) for number, text, each in known
        ]
        self._shares = [shuffled(members[start :: self.processes]) for start in range(self.processes)]
        self._running: list[Process] = []
        self._tasks = Tasks()
        self.ledger = Ledger(len(keys), self.processes, 0.0)

    @property
    def pids(self) -> list[int]:
        return [each.pid for each in self._running]

    async def __aenter__(self) -> Run:
        command = [sys.executable, "-m", "outofband.agent.simulated.worker"]
        for _ in self._shares:
            self._running.append(await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE))
        self.ledger.began = clock.monotonic() + START_SECONDS
        for process, share in zip(self._running, self._shares, strict=True):
            assert process.stdin is not None
            plan = Plan(
                arm=self._book.arm,
                link=self._book.link,
                trust=self._book.trust,
                folder=str(self._folder),
                members=share,
                of=sum(len(each) for each in self._shares),
                starts=self.ledger.began,
                ramp=self._ramp,
                machines=self._machines,
            )
            process.stdin.write(msgspec.json.encode(plan) + b"\n")
            await process.stdin.drain()
            self._tasks.spawn("simulated.events", self._gather(process))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running:
            assert process.stdin is not None
            process.stdin.close()
        for process in self._running:
            await process.wait()
        await self._tasks.close()

    async def all_linked(self, seconds: float) -> bool:
        """Whether every agent has its link within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while len(self.ledger.linked) < self.ledger.agents:
                    self.ledger.changed.clear()
                    await self.ledger.changed.wait()
        except TimeoutError:
            return False
        return True

    async def _gather(self, process: Process) -> None:
        assert process.stdout is not None
        decoder = msgspec.json.Decoder(Event)
        while line := await process.stdout.readline():
            self.ledger.take(decoder.decode(line))
            self._changed(self.ledger)


def _at(values: list[float], share: float) -> float | None:
    """The value that a share of all is not above; of sorted values."""
    return _rounded(values[min(len(values) - 1, int(share * len(values)))]) if values else None


def _by_second(moments: list[float], since: float | None) -> list[int]:
    if since is None:
        return []
    found = [int(each - since) for each in moments if each >= since]
    return [found.count(second) for second in range(max(found, default=-1) + 1)]


def _rounded(seconds: float) -> float:
    return round(seconds, 4)
