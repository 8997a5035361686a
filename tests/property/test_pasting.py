"""Whatever is pasted arrives whole at a terminal that drops what overflows its buffer."""

from __future__ import annotations

import heapq
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from outofband.wire.pasting import AHEAD, Pasting, State, Verdict

LINES = st.lists(
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=120), min_size=1, max_size=80
)


class Terminal:
    """A receive buffer of `room` bytes that a program empties at `rate` bytes a second, and echoes then.

    What does not fit is dropped, as a terminal without flow control does. `lag`: seconds till it is seen.
    """

    def __init__(self, room: int, rate: float, lag: float) -> None:
        self.room, self.rate, self.lag = room, rate, lag
        self.read = bytearray()
        self.dropped = 0
        self._ends: list[float] = []
        self._free_at = 0.0

    def type(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        out = []
        self._ends = [each for each in self._ends if each > now]
        for byte in data:
            if len(self._ends) >= self.room:
                self.dropped += 1
                continue
            self._free_at = max(self._free_at, now) + 1 / self.rate
            self._ends.append(self._free_at)
            self.read.append(byte)
            out.append((self._free_at + self.lag, b"\r\n> " if byte == 13 else bytes([byte])))
        return out


def run(text: bytes, terminal: Terminal, chunk: int = AHEAD) -> Pasting:
    now, order = 0.0, itertools.count()
    paste = Pasting("p", len(text), now, before=b"$ ")
    coming: list[tuple[float, int, bytes]] = []
    for _ in range(500_000):
        paste.feed(paste.received, text[paste.received : min(paste.typed + AHEAD, paste.received + chunk)])
        piece, wait = paste.step(now)
        if paste.state is not State.TYPING:
            return paste
        for at, printed in terminal.type(piece, now):
            heapq.heappush(coming, (at, next(order), printed))
        if piece:
            continue
        assert wait is not None or coming or paste.received < len(text)
        soonest = min([now + wait] if wait is not None else [] + [coming[0][0]] * bool(coming), default=now)
        now = max(now, min(soonest, coming[0][0]) if coming else soonest)
        while coming and coming[0][0] <= now:
            paste.printed(heapq.heappop(coming)[2], now)
    raise AssertionError("it does not end")


@settings(max_examples=60, deadline=None)
@given(
    LINES,
    st.integers(1, 3),
    st.floats(2000, 200_000),
    st.floats(0.0005, 0.1),
    st.integers(1, AHEAD),
)
def test_nothing_is_dropped_or_doubled(
    lines: list[str], times: int, rate: float, lag: float, chunk: int
) -> None:
    text = b"\r".join(line.encode() for line in lines * times) + b"\r"
    terminal = Terminal(512, rate, lag)
    paste = run(text, terminal, chunk)
    assert (terminal.dropped, bytes(terminal.read)) == (0, text)
    assert paste.state is State.DONE
    assert paste.verdict is Verdict.ECHOED


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=30, max_size=400), st.data())
def test_a_byte_that_is_lost_is_noticed(line: str, data: st.DataObject) -> None:
    text = line.encode() + b"\r"
    at = data.draw(st.integers(0, len(line) - 1))

    class Lossy(Terminal):
        def type(self, typed: bytes, now: float) -> list[tuple[float, bytes]]:
            start = len(self.read) + self.dropped
            if start <= at < start + len(typed):
                self.dropped += 1
                typed = typed[: at - start] + typed[at - start + 1 :]
            return super().type(typed, now)

    paste = run(text, Lossy(512, 50_000.0, 0.001))
    assert paste.verdict is Verdict.DIFFERS
