"""One paste over one console session, without a person at a terminal: progress, abort, verdict."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

from outofband.cli import output as show
from outofband.client.console import Console, Lost
from outofband.client.http import ArmClient
from outofband.client.pasting import Pasting, type_plainly
from outofband.core.errors import Fault, ProtocolError
from outofband.net.tasks import Tasks
from outofband.wire.console import Attached, ClientSession, Ended, Event, Output
from outofband.wire.grant import Mode
from outofband.wire.pasted import HereDocument
from outofband.wire.pasting import Progress, State, Verdict, Why
from outofband.wire.stream import PASTE

SUM_SECONDS = 60.0
"""How long the guest may take for the checksum of what it got."""
KEEP_BYTES = 8192
WHY = {
    Why.ASKED: "it was asked to",
    Why.QUIET: "the guest echoed and does not any more",
    Why.LINE_TOO_LONG: "a line is longer than SAC's prompt takes",
    Why.NOT_TAKEN: "the port does not take what is typed",
    Why.GUEST_RESET: "the guest was started anew",
    Why.VIEWER_GONE: "the connection was lost",
    Why.KEYBOARD_LOST: "the keyboard is somebody else's",
}


class PasteSeat:
    """Raises Fault PasteEnded, PasteDiffers, or why the console cannot be had."""

    def __init__(self, client: ArmClient, vm: str, *, name: str, port: str) -> None:
        self._name = name
        session = ClientSession(mode=Mode.WRITE, replay=0, client="oob paste", takes=(PASTE,))
        self._console = Console(client, vm, port=port, session=session, sink=self._heard)
        self._pasting = Pasting(self._console, self._progress)
        self._attached, self._over, self._printed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._aborted = False
        self._tail = b""
        self._shown = False

    async def run(self, keys: bytes, document: HereDocument | None) -> dict[str, Any]:
        """The verdict as `oob paste` tells it."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._interrupt)
        tasks = Tasks()
        running = tasks.spawn("console", self._console.run())
        work = tasks.spawn("paste", self._paste(keys, document))
        try:
            await asyncio.wait((running, work), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                ended = running.result()
                if ended.code == "Left":
                    size, typed = len(keys), self._pasting.progress.typed if self._pasting.progress else 0
                    raise Fault("PasteEnded", vm=self._name, typed=typed, size=size, why=WHY[Why.ASKED])
                raise Fault(ended.code, **{"vm": self._name, **ended.fields})
            told: dict[str, Any] = work.result()
            return told
        finally:
            self._console.leave()
            if not running.done():
                await asyncio.wait((running,))
            await tasks.close()
            if self._shown:
                sys.stderr.write("\n")

    async def _paste(self, keys: bytes, document: HereDocument | None) -> dict[str, Any]:
        await self._attached.wait()
        if not self._console.may_type:
            raise Fault("PasteEnded", vm=self._name, typed=0, size=len(keys), why=WHY[Why.KEYBOARD_LOST])
        told: dict[str, Any] = {"vm": self._name, "typed": len(keys), "verdict": "unchecked"}
        if self._pasting.takes:
            self._pasting.begin(keys)
            await self._over.wait()
            progress = self._pasting.progress
            assert progress is not None
            if progress.state is State.ENDED:
                why = WHY[progress.why or Why.ASKED]
                raise Fault("PasteEnded", vm=self._name, typed=progress.typed, size=len(keys), why=why)
            told["verdict"] = str(progress.verdict)
            if document is None and progress.verdict is Verdict.DIFFERS:
                raise Fault("PasteDiffers", vm=self._name, at=progress.at, size=len(keys))
        elif not await type_plainly(self._console, keys):
            why = WHY[Why.KEYBOARD_LOST]
            raise Fault("PasteEnded", vm=self._name, typed=0, size=len(keys), why=why)
        if document is not None:
            told["sha256"] = await self._sum(document)
        return told

    async def _sum(self, document: HereDocument) -> str:
        found = document.found(self._tail)
        try:
            async with asyncio.timeout(SUM_SECONDS):
                while found is None:
                    self._printed.clear()
                    await self._printed.wait()
                    found = document.found(self._tail)
        except TimeoutError:
            found = ""
        if found != document.sum:
            raise Fault("PasteSumDiffers", vm=self._name, expected=document.sum, found=found or "none")
        return document.sum

    def _interrupt(self) -> None:
        if self._pasting.active and not self._aborted:
            self._aborted = True
            try:
                self._pasting.abort()
            except ProtocolError:
                # The line is away: with the viewer the paste pauses, and ends when it does not come back.
                self._console.leave()
        else:
            self._console.leave()

    async def _heard(self, event: Event | Lost) -> None:
        self._pasting.hear(event)
        if isinstance(event, Output):
            self._tail = (self._tail + event.payload)[-KEEP_BYTES:]
            self._printed.set()
        elif isinstance(event, Attached):
            self._attached.set()
        elif isinstance(event, Lost | Ended):
            self._pasting.lost()
            if isinstance(event, Lost) and not event.before:
                show.note(f"oob: {show.words_for(event.fault).message}")

    def _progress(self, progress: Progress) -> None:
        if progress.state is State.PAUSED and progress.why not in (None, Why.VIEWER_GONE):
            # Nobody is there to decide; what waits for a person is ended, and said.
            self._pasting.abort()
            show.note(f"oob: paused at byte {progress.typed}: {WHY[progress.why or Why.ASKED]}")
        if progress.state in (State.DONE, State.ENDED):
            self._over.set()
        if sys.stderr.isatty() and not show.voice.quiet:
            self._shown = True
            share = 100 * progress.typed // max(progress.size, 1)
            slow = "" if progress.echo else ", no echo"
            sys.stderr.write(f"\r{share:3d} %  {progress.typed} of {progress.size} bytes{slow}\x1b[K")
            sys.stderr.flush()
