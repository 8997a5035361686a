"""A viewer's paste and the agent's over a line that breaks all the time: no byte twice, none left out."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import Any

import pytest

from outofband.agent.ports.attachment import Attachment
from outofband.agent.ports.broker import PortBroker
from outofband.client import pasting as module
from outofband.client.console import Lost
from outofband.client.pasting import Pasting
from outofband.core.errors import Fault, ProtocolError
from outofband.wire import stream
from outofband.wire.console import Attached, Told
from outofband.wire.grant import Mode
from outofband.wire.pasting import Progress, State, Why
from tests.support.wait import until
from tests.unit.agent.ports.peers import LoggedPort, grant
from tests.unit.agent.ports.test_pastes import echo

pytestmark = pytest.mark.anyio
TEXT = b"".join(b"line %d of what is pasted\r" % number for number in range(1000))


class Line:
    """Frames on their way between a viewer and the agent; a cut loses those that are."""

    def __init__(self, broker: PortBroker, chance: random.Random) -> None:
        self.broker, self.chance = broker, chance
        self.pasting = Pasting(self, self.heard)  # type: ignore[arg-type]
        self.ends: list[Progress] = []
        self.cuts = 0
        self._up: deque[bytes] = deque()
        self._down: deque[stream.Frame] = deque()
        self._there: Attachment | None = None
        self._known = False
        """The viewer has been told that it is attached."""

    # what the client calls

    def put(self, frame: Any) -> None:
        if not self._known:
            raise ProtocolError("expected a session that is attached, it is lost")
        self._up.append(stream.encode(frame))

    def heard(self, progress: Progress) -> None:
        if progress.state in (State.DONE, State.ENDED):
            self.ends.append(progress)

    # what the agent calls: a Viewer

    def send(self, frame: bytes) -> bool:
        self._down.append(stream.decode(frame))
        return True

    def close(self, close: stream.Close) -> None:
        pass

    # what happens

    def attach(self) -> None:
        self._there = self.broker.attach(self, grant("anna", takes=("paste",), resume=self.broker.spool.end))

    def turn(self) -> None:
        """Some frames arrive, and now and then the line breaks or its stream is replaced unseen."""
        for _ in range(self.chance.randrange(4)):
            if self._up and self._there is not None:
                self._there.receive(self._up.popleft())
        for _ in range(self.chance.randrange(4)):
            if self._down:
                self._hear(self._down.popleft())
        if self._there is None:
            if self.chance.random() < 0.3:
                self.attach()
        elif self.chance.random() < 0.04:
            self.cuts += 1
            self._cut(unseen=self.chance.random() < 0.5)

    def _hear(self, frame: stream.Frame) -> None:
        if isinstance(frame, stream.Notice) and frame.what == "attached":
            self._known = True
            self.pasting.hear(Attached(Mode(frame.fields["mode"]), True, frame.fields))
        elif isinstance(frame, stream.Notice):
            self.pasting.hear(Told(frame.what, frame.fields))

    def _cut(self, *, unseen: bool) -> None:
        assert self._there is not None
        there, self._there = self._there, None
        there.detach(True)
        self._down.clear()
        for _ in range(self.chance.randrange(len(self._up) + 1)):
            self._up.popleft()
        if unseen:
            # What the viewer sends until it is told goes to the new stream.
            self.attach()
        else:
            self._up.clear()
            self._known = False
            self.pasting.hear(Lost(Fault("ConsoleUnreachable"), 0.1, True))


@pytest.mark.parametrize("seed", range(6))
async def test_it_arrives_whole_however_often_the_line_breaks(
    broker: PortBroker, port: LoggedPort, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(module, "AHEAD", 1500)
    monkeypatch.setattr(module, "PIECE", 200)
    guest = asyncio.ensure_future(echo(port))
    line = Line(broker, random.Random(seed))
    line.attach()

    def over() -> bool:
        line.turn()
        if not line.pasting.active and line._known:
            if line.ends and line.ends[-1].why is not Why.UNKNOWN:
                return True
            assert not port.typed, "of a begin that was lost nothing was typed"
            line.pasting.begin(TEXT)
        return False

    try:
        await until(over)
        assert (line.ends[-1].state, line.ends[-1].typed) == (State.DONE, len(TEXT))
        assert bytes(port.typed) == TEXT
        assert line.cuts > 3
    finally:
        guest.cancel()
