"""Ask one thing over and over, and count what it cost the server."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from statistics import quantiles

from bench.api.line import Line
from bench.api.system import Api
from bench.processes import cpu_seconds

LEAST = 3
"""Requests that are made even when the time is over before."""
Figures = dict[str, float]


async def reads(api: Api, *, machines: int, clients: int, seconds: float) -> Figures:
    """Single machines, each time another."""
    chance = random.Random(machines)

    async def work(line: Line) -> None:
        if await api.one(line, chance.randrange(machines)) != 1:
            raise RuntimeError(f"{api.name}: not the one machine that was asked for")

    return await _load(api, work, clients=clients, seconds=seconds)


async def lists(api: Api, *, machines: int, clients: int, seconds: float) -> Figures:
    """All machines."""

    async def work(line: Line) -> None:
        if (came := await api.all(line)) != machines:
            raise RuntimeError(f"{api.name}: {came} of {machines} machines listed")

    return await _load(api, work, clients=clients, seconds=seconds)


async def _load(
    api: Api, work: Callable[[Line], Awaitable[None]], *, clients: int, seconds: float
) -> Figures:
    """`clients` people ask again as soon as they are answered. Everybody's first answer is not counted."""
    lines = [Line(api.place) for _ in range(clients)]
    try:
        await asyncio.gather(*(work(line) for line in lines))
        times: list[float] = []
        began, before = time.perf_counter(), cpu_seconds(api.pids)

        async def person(line: Line) -> None:
            done = 0
            while done < LEAST or time.perf_counter() - began < seconds:
                asked = time.perf_counter()
                await work(line)
                times.append(time.perf_counter() - asked)
                done += 1

        await asyncio.gather(*(person(line) for line in lines))
        used, took = cpu_seconds(api.pids) - before, time.perf_counter() - began
    finally:
        for line in lines:
            await line.close()
    cuts = quantiles(times, n=100, method="inclusive")
    return {
        "per_cpu_second": len(times) / used,
        "cpu_ms": used / len(times) * 1000,
        "per_second": len(times) / took,
        "p50_ms": cuts[49] * 1000,
        "p99_ms": cuts[98] * 1000,
        "requests": len(times),
        "connections": sum(line.opened for line in lines),
    }
