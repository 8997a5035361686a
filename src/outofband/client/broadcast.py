"""One console of a broadcast: watched, looked at, typed at, and left. The rules are in `wire/broadcast.py`.

Everything goes the way of a person's keys: a session of its own, the keyboard asked for (never taken from
somebody), input frames, and the record of all that in the activity log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import msgspec

from outofband.client.console import Console, Lost
from outofband.client.http import ArmClient
from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.net.tasks import Tasks
from outofband.wire import broadcast
from outofband.wire.arbiter import REFUSALS
from outofband.wire.broadcast import Answer, Kind, Look, Obstacle, Outcome
from outofband.wire.console import Attached, ClientSession, Ended, Event, Output, Told
from outofband.wire.grant import Mode
from outofband.wire.stream import alarm_of

REPLAY = 4096
"""Bytes of earlier output in which the cursor's line is looked for."""
ATTACH_SECONDS = 30.0
STATE_SECONDS = 5.0
"""After an agent has let somebody in it tells what the port shows; one that does not is too old to."""
KEYBOARD_SECONDS = 5.0
SETTLE_SECONDS = 0.3
"""So long nothing more must come between the look and the keys, or the console is looked at again."""
_TICK_SECONDS = 0.1


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the lines at one console. `typed` counts those that went there."""

    outcome: Outcome
    typed: int
    echoed: bool
    output: list[str]
    status: int | None = None

    @property
    def right(self) -> bool:
        return self.echoed and self.outcome in (Outcome.DONE, Outcome.ECHOED) and not self.status


class Visit:
    """One console, from attach to leaving: an asynchronous context. What kept it out is in `fault`."""

    def __init__(self, client: ArmClient, vm: str, port: str) -> None:
        self.fault: Fault | None = None
        self._session = ClientSession(
            mode=Mode.OBSERVE, replay=REPLAY, client="oob broadcast", takes=("state",)
        )
        self._console = Console(client, vm, port=port, session=self._session, sink=self._heard)
        self._tasks = Tasks()
        self._running: asyncio.Task[Ended] | None = None
        self._changed = asyncio.Event()
        self._tail = b""
        self._attached = self._gone = self._stopped = self._pasting = self._seated = False
        self._may_type = True
        self._writer: str | None = None
        self._shows = ""
        self._live = 0
        self._answer: Answer | None = None

    async def __aenter__(self) -> Visit:
        self._running = self._tasks.spawn("console", self._run())
        await self._until(lambda: self._attached or self._gone, ATTACH_SECONDS)
        if self._attached:
            await self._until(lambda: self._gone or self._caught_up, STATE_SECONDS)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._console.leave()
        if self._running is not None and error is None:
            await asyncio.wait((self._running,))
        await self._tasks.close()

    def look(self) -> Look:
        """What is seen of it now."""
        text = broadcast.cleaned(self._tail.decode("utf-8", "replace"))
        return Look(
            connected=self._attached and not self._gone,
            may_type=self._may_type,
            writer=None if self._seated else self._writer,
            stopped=self._stopped,
            typing=self._pasting,
            shows=self._shows,
            line=broadcast.open_line_of(text),
        )

    async def take_keyboard(self, wanted: str) -> Obstacle | None:
        """Ask for it where nobody has it; then what stands in the way after all."""
        obstacle = broadcast.obstacle_of(self.look(), wanted)
        if obstacle is not None:
            return obstacle
        try:
            self._console.ask("ask")
            await self._until(lambda: self._gone or self._seated or not self._may_type, KEYBOARD_SECONDS)
            if not self._seated and not self._gone:
                # Somebody else was faster: he is not to be bothered.
                self._console.ask("release")
        except ProtocolError:
            return Obstacle(Kind.NOT_CONNECTED)
        if not self._seated:
            found = broadcast.obstacle_of(self.look(), wanted)
            return found or Obstacle(Kind.OTHERS_TYPE, self._writer or "")
        await asyncio.sleep(SETTLE_SECONDS)
        return broadcast.obstacle_of(self.look(), wanted)

    async def type(self, lines: Sequence[str], state: str, seconds: float, tag: str = "") -> Answered:
        """Type `lines`, each when the one before was answered, at most `seconds` each. With `tag`, the shell
        is asked for the exit status of the last.
        """
        output: list[str] = []
        typed = 0
        for line in lines:
            answer, outcome = await self._line(line, state, seconds)
            typed += 1
            output += answer.lines
            if outcome not in (Outcome.DONE, Outcome.ECHOED):
                return Answered(outcome=outcome, typed=typed, echoed=answer.echoed, output=output)
        status = None
        if tag:
            answer, outcome = await self._line(broadcast.asks_status(tag), state, seconds)
            status = broadcast.status_in(answer.lines, tag)
            if status is None:
                outcome = Outcome.RUNNING if outcome is Outcome.DONE else outcome
        return Answered(outcome=outcome, typed=typed, echoed=True, output=output, status=status)

    async def _line(self, line: str, state: str, seconds: float) -> tuple[Answer, Outcome]:
        began = clock.monotonic()
        self._answer = answer = Answer(line, state, began)
        keys = f"{line}\r".encode()
        if self._console.type(keys) < len(keys):
            answer.lose()
        while True:
            now = clock.monotonic()
            outcome = answer.outcome(now)
            over = now - began >= seconds
            if over or outcome not in (Outcome.WAITING, Outcome.RUNNING):
                self._answer = None
                return answer, outcome
            self._changed.clear()
            await self._until(self._changed.is_set, _TICK_SECONDS)

    @property
    def _caught_up(self) -> bool:
        at = self._session.next_offset
        return bool(self._shows) and at is not None and at >= self._live

    async def _run(self) -> Ended:
        ended = Ended("Left", {}, False)
        try:
            ended = await self._console.run()
            if ended.code != "Left":
                self.fault = Fault(ended.code, **ended.fields)
        except Fault as fault:
            self.fault = fault
        finally:
            self._gone = True
            self._lose()
            self._changed.set()
        return ended

    async def _heard(self, event: Event | Lost) -> None:
        match event:
            case Attached(mode, resumed, fields):
                self._attached, self.fault = True, None
                self._writer = fields.get("writer")
                self._may_type = fields.get("mayWrite") is not False
                self._pasting = "pasting" in fields
                self._live = int(fields.get("live", 0))
                self._seated = mode is Mode.WRITE
                if resumed and not self._seated:
                    self._lose()
            case Output(_, payload, _):
                self._tail = (self._tail + payload)[-REPLAY:]
                if self._answer is not None:
                    self._answer.printed(payload, clock.monotonic())
            case Told(what, fields):
                self._told(what, fields)
            case Lost(fault):
                self._attached, self.fault = False, fault
                self._lose()
        self._changed.set()

    def _told(self, what: str, fields: dict[str, Any]) -> None:
        if what == "state":
            self._shows = str(fields.get("state", ""))
        elif what == "writer":
            self._writer = fields.get("writer")
            was, self._seated = self._seated, self._session.mode is Mode.WRITE
            if was and not self._seated:
                self._lose()
        elif what == "power":
            self._stopped = fields.get("power") == "stopped"
            if self._stopped:
                self._lose()
        elif what == "reset":
            self._tail = b""
            self._lose()
        elif what == "alarm" and alarm_of(fields).code in REFUSALS:
            self._may_type = False

    def _lose(self) -> None:
        if self._answer is not None:
            self._answer.lose()

    async def _until(self, true: Any, seconds: float) -> None:
        """Wait until `true()` is, or `seconds` are over."""
        end = clock.monotonic() + seconds
        while not true() and (left := end - clock.monotonic()) > 0:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return
