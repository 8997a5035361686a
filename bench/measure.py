"""The measurements: each takes a running system and gives figures by name, not knowing whose they are."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

from bench.delay import Far
from bench.guests import PIECE, ROW, TICK_MS, Guests
from bench.load import KEY, Lateness, Seat, Typing
from bench.system import System

Figures = dict[str, float]

WARM_SECONDS = 1.5
DRAIN_SECONDS = 10.0
"""How long late bytes and echoes are waited for before they count as lost."""
FLOOD_SECONDS = 60.0
ATTACHING = 16
"""People who take their seats at the same time, where many do."""
KEPT = 4
"""Seats whose output is compared with what the guest printed, byte by byte."""
_POLL_SECONDS = 0.02
_STILL_SECONDS = 2.0


async def attach(system: System, guests: Guests, *, times: int, rtt: float, far_times: int) -> Figures:
    """One person after another comes to a quiet console with a past, each from nothing.

    `attached_ms` until the system says the console is there, `byte_ms_*` until the first byte of its past.
    `round_trips`: how many waits for the network that takes, from the same over a line of `rtt` seconds.
    """
    guests.rate()
    await asyncio.sleep(0.2)
    guests.quiet()
    await _attach_times(system, guests, 3)
    near = await _attach_times(system, guests, times)
    far = Far(rtt)
    try:
        distant = await _attach_times(system, guests, far_times, far)
    finally:
        await far.close()
    bytes_near = sorted(byte for _, byte in near)
    return {
        "attached_ms_p50": 1e3 * median(said for said, _ in near),
        "byte_ms_p50": 1e3 * median(bytes_near),
        "byte_ms_p99": 1e3 * quantile(bytes_near, 0.99),
        "byte_ms_max": 1e3 * bytes_near[-1],
        "far_byte_ms_p50": 1e3 * median(byte for _, byte in distant),
        "round_trips": (median(said for said, _ in distant) - median(said for said, _ in near)) / rtt,
    }


async def _attach_times(
    system: System, guests: Guests, times: int, far: Far | None = None
) -> list[tuple[float, float]]:
    """Seconds until attached and until the first byte, for each of `times` people."""
    took = []
    for number in range(times):
        seat = Seat()
        began = await system.attach(number % guests.number, seat, replay=True, far=far)
        async with asyncio.timeout(DRAIN_SECONDS):
            await seat.arrived.wait()
        took.append((seat.attached - began, seat.first - began))
        assert seat.line is not None
        await seat.line.close()
    return took


async def keys(
    system: System, guests: Guests, *, sessions: int, interval: float, seconds: float, busy: bool
) -> Figures:
    """`sessions` people type a key each `interval` seconds; `busy` guests print as a full serial line does.

    `lost_keys` never came back. `delivered` compares what all viewers got with what their guests printed.
    """
    assert not busy or sessions == guests.number, "what nobody watches cannot be compared"
    seats = [Seat(keep=number < KEPT) for number in range(sessions)]
    typing: Typing | None = None
    try:
        await _take_seats(system, seats)
        before = await _settled(guests)
        for seat in seats:
            seat.reset()
        with _steady():
            if busy:
                guests.rate()
            typing = Typing(seats, interval)
            await asyncio.sleep(WARM_SECONDS)
            marks = [len(seat.trips) for seat in seats]
            lateness = Lateness()
            figures = await _cost(system, seconds)
            lateness.stop()
            trips = sorted(
                trip for seat, mark in zip(seats, marks, strict=True) for trip in seat.trips[mark:]
            )
        typing.stop()
        await until(lambda: not any(seat.waiting for seat in seats), DRAIN_SECONDS)
        guests.quiet()
        printed = (await _settled(guests)) - before
        await until(lambda: _received(seats) >= printed, DRAIN_SECONDS)
        figures |= {
            "p50_ms": 1e3 * quantile(trips, 0.50),
            "p90_ms": 1e3 * quantile(trips, 0.90),
            "p99_ms": 1e3 * quantile(trips, 0.99),
            "max_ms": 1e3 * quantile(trips, 1.0),
            "late_ms_p99": 1e3 * quantile(sorted(lateness.late), 0.99),
            "keys": len(trips),
            "lost_keys": sum(len(seat.waiting) for seat in seats),
            "delivered": _received(seats) / max(printed, 1),
            "refused_bytes": guests.count().refused,
            "wrong_consoles": sum(not _is_true(seat) for seat in seats[:KEPT]),
            "memory_mib": system.memory(),
        }
    finally:
        if typing is not None:
            typing.stop()
        guests.quiet()
        await _leave(seats)
    return figures


async def capture(system: System, guests: Guests, *, seconds: float, uart: bool = False) -> Figures:
    """Nobody watches, every guest prints as a full serial line does: what does writing it down cost?

    `uart`: the bytes come one by one. `taken` is the part of what guests had to say that they could say.
    """
    start = await _settled(guests)
    logged_start = system.logged()
    refused_start = guests.count().refused
    guests.rate(tick_ms=1 if uart else TICK_MS, grain=1 if uart else PIECE)
    await asyncio.sleep(WARM_SECONDS)
    printed, logged = guests.count().printed, system.logged()
    figures = await _cost(system, seconds)
    printed, logged = guests.count().printed - printed, system.logged() - logged
    guests.quiet()
    total = (await _settled(guests)) - start
    await until(lambda: system.logged() - logged_start >= total, DRAIN_SECONDS)
    refused = guests.count().refused - refused_start
    return figures | {
        "consoles_per_core": guests.number * (logged / printed) / figures["cpu_share"],
        "cpu_ms_per_mb": 1e3 * figures["cpu_share"] * seconds / (logged / 1e6),
        "written": (system.logged() - logged_start) / total,
        "taken": total / (total + refused),
        "memory_mib": system.memory(),
    }


async def idle(system: System, guests: Guests, *, seconds: float) -> Figures:
    """Nobody watches and nobody prints: what does it cost that all could?"""
    await _settled(guests)
    figures = await _cost(system, seconds)
    return figures | {
        "kib_per_console": 1024 * system.captured() / guests.number,
        "memory_mib": system.memory(),
    }


async def flood(system: System, guests: Guests, *, megabytes: int) -> Figures:
    """One guest prints as fast as its port takes it, one person watches; the others are silent."""
    total = megabytes * 1_000_000
    seat = Seat()
    await system.attach(0, seat)
    assert seat.line is not None
    try:
        before = await _settled(guests)
        logged = system.logged()
        seat.reset()
        cpu = system.cpu()
        began = seat.latest = time.perf_counter()
        with _steady():
            guests.flood(0, total)
            await until(lambda: _flooded(guests, seat, before, total), FLOOD_SECONDS)
        took = seat.latest - began
        used = _minus(system.cpu(), cpu)
        guests.quiet()
        printed = (await _settled(guests)) - before
        await until(lambda: system.logged() - logged >= printed, DRAIN_SECONDS)
        return {
            "cpu_ms_per_mb": 1e3 * sum(used.values()) / (printed / 1e6),
            "mb_per_second": printed / 1e6 / took,
            "delivered": seat.received / printed,
            "written": (system.logged() - logged) / printed,
            **{f"cpu_{part}": share / took for part, share in used.items()},
        }
    finally:
        guests.quiet()
        await seat.line.close()


def _flooded(guests: Guests, seat: Seat, before: int, total: int) -> bool:
    """All of it came or was said to be missing; where gaps are not counted: nothing comes any more."""
    if seat.received + seat.missing >= total:
        return True
    return time.perf_counter() - seat.latest > _STILL_SECONDS and guests.count().printed - before >= total


def quantile(ordered: list[float], part: float) -> float:
    """The value below which `part` of the sorted values are; nan without any."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else float("nan")


async def _cost(system: System, seconds: float) -> Figures:
    """Let `seconds` pass; how much of a processor the system's parts and this generator took of them."""
    cpu, own, began = system.cpu(), time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    used = _minus(system.cpu(), cpu)
    figures = {"cpu_share": sum(used.values()) / took, "generator_share": (time.process_time() - own) / took}
    return figures | {f"cpu_{part}": share / took for part, share in used.items()}


def _minus(after: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    return {part: after[part] - before[part] for part in after}


@contextmanager
def _steady() -> Iterator[None]:
    """Keep the garbage collector from stopping the generator in the middle."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


async def _take_seats(system: System, seats: list[Seat]) -> None:
    turn = asyncio.Semaphore(ATTACHING)

    async def take(guest: int, seat: Seat) -> None:
        async with turn:
            await system.attach(guest, seat)

    async with asyncio.TaskGroup() as group:
        for guest, seat in enumerate(seats):
            group.create_task(take(guest, seat))


async def _leave(seats: list[Seat]) -> None:
    async with asyncio.TaskGroup() as group:
        for seat in seats:
            if seat.line is not None:
                group.create_task(seat.line.close())


async def _settled(guests: Guests) -> int:
    """Bytes printed so far, once nothing is on its way to or from the guests any more."""
    before = -1
    while (now := guests.count().printed) != before:
        before = now
        await asyncio.sleep(5 * _POLL_SECONDS)
    return now


async def until(done: Callable[[], bool], seconds: float) -> None:
    """Wait for `done`, or until the time is over: what is missing then shows in the figures."""
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:  # noqa: ASYNC110 - other processes ring no bell here
        await asyncio.sleep(_POLL_SECONDS)


def _received(seats: list[Seat]) -> int:
    return sum(seat.received for seat in seats)


def _is_true(seat: Seat) -> bool:
    """Whether what arrived is what the guest prints, every byte in its place, echoes aside."""
    assert seat.kept is not None
    got = bytes(seat.kept).replace(KEY, b"")
    printed = ROW * (len(got) // len(ROW) + 2)
    begin = max(0, printed.find(got[: len(ROW)]))
    return seat.strays == 0 and printed[begin : begin + len(got)] == got
