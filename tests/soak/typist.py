"""Somebody who types numbered keys at a console for ever, as a process of its own that may be killed.

    python -m tests.soak.typist STATE VM FIRST PORT

PORT: where the console's listener is reached instead of its own port; 0: there. Each line on standard output
is JSON: `typing` n (just before it is typed), `sure` n (all up to n are with the guest's port), `dropped` n
(so many bytes may not have arrived), `attached`, `missing` [offset, count], `lost` code, `output` [offset,
bytes in base64]. Ends when standard input says so: types no more, waits until all is sure, and tells `over`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
from pathlib import Path
from typing import Any

import uvloop

from outofband.cli import options
from outofband.client.console import Console, Lost
from outofband.core.paths import StateDir
from outofband.wire.console import (
    MAX_UNCONFIRMED,
    Attached,
    ClientSession,
    Event,
    InputDropped,
    Missing,
    Output,
)
from outofband.wire.grant import Mode

EVERY_SECONDS = 0.05


def tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


class Detour(Console):
    """Reaches the listener by another port."""

    through = 0

    def _connect_call(self) -> Any:
        opening = super()._connect_call()
        if self.through:
            opening.url = re.sub(r":\d+/", f":{self.through}/", opening.url, count=1)
        return opening


class Typist:
    def __init__(self, first: int) -> None:
        self.next = first
        self.console: Detour
        self.stop = asyncio.Event()

    async def see(self, event: Event | Lost) -> None:
        """Must not give way: what is told keeps the order in which it happened."""
        match event:
            case Attached():
                tell(attached=event.mode)
            case InputDropped(count):
                tell(dropped=count)
            case Missing():
                tell(missing=[event.start, event.count])
            case Output():
                tell(output=[event.offset, base64.b64encode(event.payload).decode()])
            case Lost():
                tell(lost=event.fault.code)

    async def type(self) -> None:
        sure = 0
        while True:
            if (
                self.console.may_type
                and self.console.session.room == MAX_UNCONFIRMED
                and sure != self.next - 1
            ):
                sure = self.next - 1
                tell(sure=sure)
            if self.stop.is_set():
                if sure == self.next - 1:
                    tell(over=sure)
                    self.console.leave()
                    return
            elif self.console.may_type:
                tell(typing=self.next)
                keys = b"key %08d;\r" % self.next
                assert self.console.type(keys) == len(keys)
                self.next += 1
            await asyncio.sleep(EVERY_SECONDS)


async def main(state: StateDir, name: str, first: int, through: int) -> None:
    typist = Typist(first)
    reading = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reading), sys.stdin
    )

    async def told_to_stop() -> None:
        await reading.readline()
        typist.stop.set()

    with options.sign_in(state) as client:
        session = ClientSession(mode=Mode.WRITE, replay=0, client="typist")
        typist.console = Detour(client, client.vm(name, None), port="0", session=session, sink=typist.see)
        typist.console.through = through
        async with asyncio.TaskGroup() as group:
            others = [group.create_task(typist.type()), group.create_task(told_to_stop())]
            ended = await typist.console.run()
            tell(ended=ended.code)
            for other in others:
                other.cancel()


if __name__ == "__main__":
    root, vm, number, port = sys.argv[1:]
    uvloop.run(main(StateDir(Path(root)), vm, int(number), int(port)))
