"""`python -m bench.findings`: from the byte on a port to the finding, and what looking at all logs costs.

One process holds the agent's part: a spool, a broker and a cursor with the real detector for each port, on
one hub. Another, the guests, appends lines of a healthy boot to the logs, as hypervisors do, at an even pace;
now and then a port prints a kernel panic instead. The delay is taken from the write to the moment at which
the finding is on the disk and the link is woken; what comes behind it is one message and one commit. The
processor time is the agent's part alone, log upkeep included.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import resource
import shutil
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import structlog
import uvloop

from outofband.agent.diagnostics.cursor import Cursor
from outofband.agent.diagnostics.untold import Untold
from outofband.agent.diagnostics.watcher import REST_SECONDS, Notes
from outofband.agent.ports.broker import PortBroker
from outofband.agent.ports.hub import PortHub
from outofband.agent.ports.logged import LoggedSource
from outofband.agent.ports.spool import Spool
from outofband.core import clock
from outofband.wire.detect import Detector

LINE = b"[   12.345678] e1000 0000:00:03.0 eth0: (PCI:33MHz:32-bit) 52:54:00:12:34:56 unit %d\r\n"
PANIC = b"[   99.000001] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r\n"
STEP_SECONDS = 0.1


def guests(folder: Path, ports: int, rate: int, seconds: float, panics: float, told: Connection) -> None:
    """Print to all logs; tell when which port panicked."""
    logs = [os.open(folder / str(n) / "serial0.log", os.O_WRONLY | os.O_APPEND) for n in range(ports)]
    lines = max(1, round(rate / len(LINE)))
    began, step, due = time.monotonic(), 0, 0.0
    steps = round(1 / STEP_SECONDS)
    while (now := time.monotonic() - began) < seconds:
        for n in range(step % steps, ports, steps):
            os.write(logs[n], b"".join(LINE % (step + each) for each in range(lines)))
        if panics and now >= due:
            due = now + 1 / panics
            port = random.randrange(ports)
            at = time.time()
            os.write(logs[port], PANIC)
            told.send((port, at))
        step += 1
        time.sleep(max(0.0, began + step * STEP_SECONDS - time.monotonic()))
    told.send(None)


class Part:
    """The agent's: ports and what looks through them."""

    def __init__(self, folder: Path, ports: int) -> None:
        self.hub = PortHub()
        self.untold = Untold()
        self.notes = Notes()
        self.seen: dict[int, list[float]] = {}
        self._folder, self._ports = folder, ports
        self._brokers: list[PortBroker] = []
        self._late: list[Cursor] = []

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        for number in range(self._ports):
            place = self._folder / str(number)
            place.mkdir()
            spool = Spool(place / "serial0.log", ring=1024 * 1024, reserve=64 * 1024)
            broker = PortBroker(str(number), "0", spool, LoggedSource(self.hub, place))
            await broker.open()
            cursor = Cursor(str(number), broker, Detector, self.untold, self._late.append, self.notes.put)
            self.hub.add(cursor)
            self._brokers.append(broker)
        self.untold.on_news = self._news
        loop.call_later(REST_SECONDS, self._catch_up)

    def _catch_up(self) -> None:
        if self._late:
            cursor = self._late.pop(0)
            if cursor.read(clock.wall()):
                self._late.append(cursor)
            else:
                cursor.late = False
        asyncio.get_running_loop().call_later(REST_SECONDS, self._catch_up)

    def _news(self) -> None:
        at = time.time()
        while (found := self.untold.next()) is not None:
            for told in found.found:
                if told.finding.code == "KernelPanic" and told.finding.ended is None:
                    self.seen.setdefault(int(told.vm), []).append(at)
                    # The next panic of that port is another one only after a start.
                    self._brokers[int(told.vm)].mark_reset(len(self.seen[int(told.vm)]))
            self.untold.kept(found.number)

    async def close(self) -> None:
        for broker in self._brokers:
            await broker.close()
        self.hub.close()
        self.notes.close()


async def measure(chosen: argparse.Namespace, folder: Path) -> None:
    part = Part(folder, chosen.ports)
    await part.open()
    here, there = multiprocessing.Pipe(duplex=False)
    arguments = (folder, chosen.ports, chosen.rate, chosen.seconds, chosen.panics, there)
    process = multiprocessing.get_context("fork").Process(target=guests, args=arguments)
    process.start()
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    printed: dict[int, list[float]] = {}
    over = False
    while not over:
        await asyncio.sleep(0.2)
        while here.poll():
            message = here.recv()
            if message is None:
                over = True
                break
            printed.setdefault(message[0], []).append(message[1])
    await asyncio.sleep(3.0)
    after, took = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - began
    process.join()
    await part.close()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    megabytes = sum(each.spool.end for each in part._brokers) / 1e6
    found, missed = [], 0
    for port, times in printed.items():
        for printed_at in times:
            # Two within one look are one finding.
            at = next((each for each in part.seen.get(port, []) if each >= printed_at), None)
            missed += at is None
            found += [at - printed_at] if at is not None else []
    found.sort()
    print(f"{chosen.ports} ports at {chosen.rate} B/s for {chosen.seconds:.0f} s: {megabytes:.1f} MB")
    print(f"processor: {cpu / took * 100:.1f} % of a core, {cpu / megabytes * 1000:.1f} ms per MB")
    if found:
        p95 = found[min(len(found) - 1, round(len(found) * 0.95))]
        print(
            f"byte to finding: median {statistics.median(found):.2f} s, p95 {p95:.2f} s, "
            f"most {found[-1]:.2f} s, of {len(found)}; missed {missed}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.findings", description=__doc__)
    parser.add_argument("--ports", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=1000, help="bytes a second and port (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--panics", type=float, default=2.0, help="a second, over all ports; 0: none")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = Path(tempfile.mkdtemp(prefix="oob-findings-"))
    try:
        uvloop.run(measure(chosen, folder))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
