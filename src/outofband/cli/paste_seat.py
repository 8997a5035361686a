"""One paste over one console session, without a person at a terminal: progress, abort, verdict."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from outofband.cli import output as show
from outofband.cli import paste_words
from outofband.client.console import Console, Lost
from outofband.client.http import ArmClient
from outofband.client.pasting import Pasting, type_plainly
from outofband.core.errors import Fault
from outofband.net.tasks import Tasks
from outofband.wire.arbiter import RESERVE_SECONDS
from outofband.wire.console import Attached, ClientSession, Ended, Event, Output
from outofband.wire.grant import Mode
from outofband.wire.pasted import HereDocument
from outofband.wire.pasting import Progress, State, Verdict, Why
from outofband.wire.stream import PASTE

LINE_SECONDS = RESERVE_SECONDS
"""How long a lost line is waited for: as long as the keyboard is kept, and the paste with it."""
SUM_SECONDS = 60.0
"""How long the guest may take for the checksum of what it got."""
KEEP_BYTES = 8192

T = TypeVar("T")


class PasteSeat:
    """Raises Fault PasteEnded, PasteDiffers, PasteCutOff, or why the console cannot be had."""

    def __init__(self, client: ArmClient, vm: str, *, name: str, port: str) -> None:
        self._name = name
        session = ClientSession(mode=Mode.WRITE, replay=0, client="oob paste", takes=(PASTE,))
        self._console = Console(client, vm, port=port, session=session, sink=self._heard)
        self._pasting = Pasting(self._console, self._progress)
        self._attached, self._over, self._printed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._aborted = False
        self._stopped: Why | None = None
        """Why it was aborted, when nobody asked for that."""
        self._size = 0
        self._patience: asyncio.TimerHandle | None = None
        self._cut_off = False
        self._said_lost = False
        self._tail = b""
        self._shown = False

    async def run(self, keys: bytes, document: HereDocument | None) -> dict[str, Any]:
        """The verdict as `oob paste` tells it."""
        self._size = len(keys)
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._interrupt)
        tasks = Tasks()
        running = tasks.spawn("console", _outcome(self._console.run()))
        work = tasks.spawn("paste", _outcome(self._paste(keys, document)))
        try:
            await asyncio.wait((running, work), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                ended: Ended | Fault = running.result()
                if isinstance(ended, Fault):
                    raise ended
                if self._cut_off:
                    raise self._fault("PasteCutOff", seconds=round(LINE_SECONDS))
                if ended.code == "Left":
                    raise self._fault("PasteEnded", why=paste_words.WHY[Why.ASKED])
                raise Fault(ended.code, **{"vm": self._name, **ended.fields})
            told: dict[str, Any] | Fault = work.result()
            if isinstance(told, Fault):
                raise told
            return told
        finally:
            self._line_is_back()
            self._console.leave()
            if not running.done():
                await asyncio.wait((running,))
            await tasks.close()
            if self._shown:
                sys.stderr.write("\n")

    async def _paste(self, keys: bytes, document: HereDocument | None) -> dict[str, Any]:
        await self._attached.wait()
        if not self._console.may_type:
            raise self._cannot_type()
        told: dict[str, Any] = {"vm": self._name, "typed": len(keys), "verdict": "unchecked"}
        if self._pasting.takes:
            self._pasting.begin(keys)
            await self._over.wait()
            progress = self._pasting.progress
            assert progress is not None
            if progress.state is State.ENDED:
                asked = progress.why is Why.ASKED and self._stopped is not None
                why = paste_words.WHY[self._stopped] if asked and self._stopped else paste_words.why(progress)
                raise self._fault("PasteEnded", why=why)
            told["verdict"] = str(progress.verdict)
            if document is None and progress.verdict is Verdict.DIFFERS:
                raise Fault("PasteDiffers", vm=self._name, at=progress.at, size=len(keys))
        elif not await type_plainly(self._console, keys):
            raise self._cannot_type()
        if document is not None:
            told["sha256"] = await self._sum(document)
        return told

    def _cannot_type(self) -> Fault:
        why = Why.VIEWER_GONE if self._pasting.away else Why.KEYBOARD_LOST
        return self._fault("PasteEnded", why=paste_words.WHY[why])

    def _fault(self, code: str, **more: Any) -> Fault:
        typed = self._pasting.progress.typed if self._pasting.progress else 0
        return Fault(code, vm=self._name, typed=typed, size=self._size, **more)

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
        if self._pasting.active and not self._aborted and not self._pasting.away:
            self._aborted = True
            self._pasting.abort()
        else:
            # With the line away the paste waits at the agent, and ends when the keyboard is kept no longer.
            self._console.leave()

    async def _heard(self, event: Event | Lost) -> None:
        self._pasting.hear(event)
        if isinstance(event, Output):
            self._tail = (self._tail + event.payload)[-KEEP_BYTES:]
            self._printed.set()
        elif isinstance(event, Attached):
            self._line_is_back()
            self._attached.set()
        elif self._pasting.away and self._attached.is_set() and self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(LINE_SECONDS, self._give_up)
        if isinstance(event, Lost) and (not event.before or not self._said_lost):
            self._said_lost = event.before
            show.note(f"oob: {show.words_for(event.fault).message}")

    def _line_is_back(self) -> None:
        self._said_lost = False
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._cut_off = True
        self._console.leave()

    def _progress(self, progress: Progress) -> None:
        if progress.state is State.PAUSED and not self._aborted:
            if progress.why is Why.VIEWER_GONE:
                # It was kept for who came back, and nobody else typed meanwhile.
                self._pasting.resume()
            else:
                # Nobody is there to decide; what waits for a person is ended, and said.
                self._aborted, self._stopped = True, progress.why
                self._pasting.abort()
                show.note(f"oob: paused at byte {progress.typed}: {paste_words.why(progress)}")
        if progress.state in (State.DONE, State.ENDED):
            self._over.set()
        if sys.stderr.isatty() and not show.voice.quiet:
            self._shown = True
            share = 100 * progress.typed // max(progress.size, 1)
            slow = "" if progress.echo else ", no echo"
            sys.stderr.write(f"\r{share:3d} %  {progress.typed} of {progress.size} bytes{slow}\x1b[K")
            sys.stderr.flush()


async def _outcome(work: Coroutine[Any, Any, T]) -> T | Fault:
    """A fault is what the person is told at the end, and no task that died."""
    try:
        return await work
    except Fault as fault:
        return fault
