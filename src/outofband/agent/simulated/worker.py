"""`python -m outofband.agent.simulated.worker`: one process of a crowd.

Its plan comes as JSON on standard input, keys and all, for nobody else reads that; events go to standard
output, a line of JSON each. It ends when standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys

import msgspec
import structlog
import uvloop

from outofband.agent.simulated.crowd import Crowd, Event, Plan
from outofband.net import process

MAX_PLAN = 64 * 1024 * 1024


def main() -> None:
    process.leave_no_core()
    process.raise_file_limit()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    plan = msgspec.json.decode(sys.stdin.buffer.readline(MAX_PLAN), type=Plan)
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_the_end(plan))


async def _until_the_end(plan: Plan) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            ended.set()

    loop.add_reader(sys.stdin.fileno(), read)
    crowd = loop.create_task(Crowd(plan, _tell).run())
    await ended.wait()
    crowd.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await crowd


def _tell(event: Event) -> None:
    try:
        sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Nobody listens any more: standard input ends as well, and with it this process.
        return


if __name__ == "__main__":
    main()
