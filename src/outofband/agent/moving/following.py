"""The target's head start: chunks are fetched while the source still stores others, into the arriving folder.

Nothing depends on it. What it leaves is what a receiving that was killed would have left: `receiving` fetches
what is missing, and reads all of it back. So a page that lies, is missing or is written anew costs time and
no more, and whatever goes wrong here ends the head start and not the move.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import structlog

from outofband.agent.moving import bundle, receiving, staging
from outofband.agent.moving.carrier import AT_ONCE, Carrier
from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.net.tasks import Tasks, in_thread
from outofband.wire import move
from outofband.wire.move import CHUNK, PAGE, FollowArgs, Part, page_blob

LEASE_SECONDS = 60.0
"""Whoever wants it asks again before; one of which nobody knows any more ends, and leaves nothing."""
POLL_SECONDS = 0.2
"""Between two looks for a page that is not there yet."""
PAGES = 3
"""Under way, so that none waits while the disk takes what another one brought."""

log = structlog.get_logger(__name__)

Wrote = set[tuple[str, int, str]]
"""File, index and hash of chunks that this agent checked and wrote in this life."""


class Following:
    """One head start. `until` is when it ends unless somebody asks for it again."""

    def __init__(self, move_id: str, epoch: int) -> None:
        self.move, self.epoch = move_id, epoch
        self.until = clock.monotonic() + LEASE_SECONDS
        self.wrote: Wrote = set()
        self._chunks = asyncio.Semaphore(AT_ONCE)

    def renew(self) -> None:
        self.until = clock.monotonic() + LEASE_SECONDS

    async def run(self, carrier: Carrier, directory: Path, driver: str, room: Callable[[int], None]) -> None:
        """Until nobody asks for it any more, or it is cancelled. `room` raises Fault NoSpace.

        Raises Fault, OSError.
        """
        about = await in_thread(staging.begin, directory, self.move, staging.FOLLOWED, self.epoch)
        if about.manifest != staging.FOLLOWED:
            return
        number, pages = 0, asyncio.Semaphore(PAGES)
        try:
            async with asyncio.TaskGroup() as group:
                while clock.monotonic() < self.until:
                    body = await carrier.peek(page_blob(number), move.MAX_PAGE)
                    if body is None:
                        await asyncio.sleep(POLL_SECONDS)
                        continue
                    number += 1
                    page = _read(body, driver)
                    room(PAGE * CHUNK)
                    await pages.acquire()
                    task = group.create_task(self._fetch(carrier, directory / page.name, page))
                    task.add_done_callback(lambda _: pages.release())
        except ExceptionGroup as several:
            raise several.exceptions[0] from None

    async def _fetch(self, carrier: Carrier, path: Path, page: Part) -> None:
        handle = receiving.open_for(path)

        async def one(index: int, name: str) -> None:
            async with self._chunks:
                await receiving.fetch(carrier, handle, page, index, name)
                self.wrote.add((page.name, index, name))

        try:
            if os.fstat(handle).st_size != page.size:
                os.ftruncate(handle, page.size)
            async with asyncio.TaskGroup() as group:
                for index, name in page.chunks:
                    group.create_task(one(index, name))
            # What is on the disk now need not be waited for in the end.
            await in_thread(os.fdatasync, handle)
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
        finally:
            os.close(handle)


def _read(body: bytes, driver: str) -> Part:
    try:
        page = move.read_page(body)
    except ProtocolError as error:
        raise Fault("DiskDamaged", detail=str(error)) from error
    if not bundle.moves(driver, page.name):
        raise Fault("DiskDamaged", detail=f"'{page.name}' does not move")
    return page


class Followers:
    """Those of a host, one a machine. `room` raises Fault NoSpace where so many bytes are too many."""

    def __init__(self, room: Callable[[int], None]) -> None:
        self._room = room
        self._tasks = Tasks()
        self._known: dict[str, tuple[Following, asyncio.Task[None]]] = {}

    async def begin(self, vm: str, args: FollowArgs, epoch: int, carrier: Carrier, directory: Path) -> bool:
        """False where there is one for this move: it goes on, unless it failed, or one of a newer epoch."""
        if vm in self._known:
            known = self._known[vm][0]
            if known.move == args.move or known.epoch > epoch:
                known.renew()
                return False
            await self.stop(vm)
        following = Following(args.move, epoch)
        work = self._run(vm, following, carrier, directory, args.driver)
        self._known[vm] = following, self._tasks.spawn(f"follow {vm}", work)
        return True

    async def _run(
        self, vm: str, following: Following, carrier: Carrier, directory: Path, driver: str
    ) -> None:
        try:
            await following.run(carrier, directory, driver, self._room)
            await in_thread(staging.abandon, directory, following.move)
        except (Fault, OSError) as error:
            # Known still: asked again, it would begin again and fail again.
            log.info("move.not_followed", vm=vm, move=following.move, error=str(error))
        else:
            self._known.pop(vm, None)

    async def stop(self, vm: str, move_id: str = "") -> Wrote:
        """End it; what it wrote of this move."""
        known = self._known.get(vm)
        if known is None:
            return set()
        following, task = known
        task.cancel()
        await asyncio.wait({task})
        self._known.pop(vm, None)
        return following.wrote if following.move == move_id else set()

    async def end(self, vm: str, move_id: str) -> None:
        """That move is called off."""
        if vm in self._known and self._known[vm][0].move == move_id:
            await self.stop(vm)

    async def forget(self, vm: str, epoch: int | None) -> None:
        """The machine is deleted as it was under `epoch`, or for good."""
        if vm in self._known and (epoch is None or self._known[vm][0].epoch <= epoch):
            await self.stop(vm)

    async def close(self) -> None:
        await self._tasks.close()
