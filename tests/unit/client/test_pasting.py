"""A paste from the viewer's side: what is sent again after a drop, and how it is over for both sides."""

from __future__ import annotations

from typing import Any

import pytest

from outofband.client import pasting as module
from outofband.client.console import Lost
from outofband.client.pasting import Pasting
from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.wire import stream
from outofband.wire.console import AWAY, RESEND_SECONDS, Attached, Ended, Told
from outofband.wire.grant import Mode
from outofband.wire.pasting import AHEAD, MAX_SIZE, Progress, State, Why

KEYS = bytes(range(97, 123)) * 8000
LOST = Lost(Fault("ConsoleUnreachable"), 1.0, True)


class Line:
    """A console of which only what is put on it counts. `gone`: its session is not attached."""

    def __init__(self) -> None:
        self.frames: list[Any] = []
        self.told: list[Progress] = []
        self.gone = False
        self.pasting = Pasting(self, self.told.append)  # type: ignore[arg-type]
        self.pasting.hear(Attached(Mode.WRITE, False, {"paste": True}))

    def put(self, frame: Any) -> None:
        if self.gone:
            raise ProtocolError("expected a session that is attached, it is lost")
        self.frames.append(frame)

    def agent(self, **fields: Any) -> None:
        self.pasting.hear(Told("paste", self.fields(**fields)))

    def fields(self, **fields: Any) -> dict[str, Any]:
        assert self.pasting.progress is not None
        whole = {"id": self.pasting.progress.id, "size": len(KEYS), "received": 0, "typed": 0}
        return whole | fields

    def back(self, **fields: Any) -> None:
        self.gone = False
        self.frames.clear()
        more = {"pasting": self.fields(**fields)} if fields else {}
        self.pasting.hear(Attached(Mode.WRITE, True, {"paste": True, **more}))

    @property
    def events(self) -> list[str]:
        return [each.fields["event"] for each in self.frames if isinstance(each, stream.Control)]

    @property
    def pieces(self) -> list[stream.Paste]:
        return [each for each in self.frames if isinstance(each, stream.Paste)]


@pytest.fixture
def line() -> Line:
    made = Line()
    made.pasting.begin(KEYS)
    return made


def sent(line: Line) -> tuple[int, int]:
    """From where to where the bytes went, without a hole."""
    pieces = line.pieces
    for piece in pieces:
        assert KEYS[piece.offset : piece.offset + len(piece.payload)] == piece.payload
    ends = [each.offset + len(each.payload) for each in pieces]
    assert [each.offset for each in pieces[1:]] == ends[:-1]
    return pieces[0].offset, ends[-1]


def test_it_sends_ahead_and_no_further(line: Line) -> None:
    assert sent(line) == (0, AHEAD)
    line.agent(state="typing", received=AHEAD, typed=1000)
    assert sent(line) == (0, AHEAD + 1000)


@pytest.mark.parametrize(
    "state", [{"state": "paused", "why": "viewerGone"}, {"state": "paused", "why": "asked"}]
)
@pytest.mark.parametrize("received", [0, 500, AHEAD])
def test_after_a_drop_it_goes_back_to_what_was_received(
    line: Line, received: int, state: dict[str, str]
) -> None:
    line.pasting.hear(LOST)
    line.back(received=received, typed=min(received, 500), **state)
    first, last = (received, min(received, 500) + AHEAD) if line.pieces else (received, received)
    assert not line.pieces or sent(line) == (first, last)
    assert line.events == (["resume"] if state["why"] == "viewerGone" else [])
    line.agent(state="typing", received=AHEAD, typed=AHEAD)
    assert sent(line)[1] == 2 * AHEAD


def test_a_stream_that_was_replaced_unseen_loses_nothing(line: Line) -> None:
    line.back(state="paused", why="viewerGone", received=100, typed=100)
    assert (line.events, sent(line)) == (["resume"], (100, 100 + AHEAD))


def test_a_begin_that_was_lost_is_over_with_the_agents_answer(line: Line) -> None:
    line.back()
    assert (line.events, line.pieces) == (["abort"], [])
    line.agent(state="ended", why="unknown", size=0)
    assert (line.told[-1].state, line.told[-1].why) == (State.ENDED, Why.UNKNOWN)
    assert not line.pasting.active


def test_an_agent_that_was_started_anew_tells_no_count_and_the_last_one_stands(line: Line) -> None:
    line.agent(state="typing", received=9000, typed=5000)
    line.pasting.hear(LOST)
    line.back()
    line.agent(state="ended", why="unknown", size=0)
    assert (line.told[-1].typed, line.told[-1].size) == (5000, len(KEYS))


def test_what_became_of_it_meanwhile_is_told(line: Line) -> None:
    line.pasting.hear(LOST)
    line.back(state="done", verdict="echoed", received=len(KEYS), typed=len(KEYS))
    assert (line.told[-1].state, line.told[-1].typed) == (State.DONE, len(KEYS))
    assert line.frames == []


@pytest.mark.parametrize("event", ["abort", "pause", "resume"])
@pytest.mark.parametrize(
    "how", [LOST, Told("alarm", {"code": AWAY}), Ended("ControlPlaneStopping", {}, True), None]
)
def test_what_is_wished_while_the_line_is_away_is_said_later(line: Line, event: str, how: Any) -> None:
    if how is not None:
        line.pasting.hear(how)
    line.gone = True
    line.frames.clear()
    getattr(line.pasting, event)()
    line.agent(state="typing", received=AHEAD, typed=AHEAD)
    assert line.pasting.away and line.frames == []
    line.back(state="paused", why="viewerGone", received=7, typed=7)
    assert line.events == [event]
    assert line.told[-1].state is State.TYPING, "the pause that ends with it is no news"


def test_an_abort_that_went_with_the_line_is_said_again(line: Line) -> None:
    line.pasting.abort()
    line.pasting.hear(LOST)
    line.back(state="paused", why="viewerGone", received=7, typed=7)
    assert line.events == ["abort"]


def test_after_a_long_while_a_person_decides(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.pasting.hear(LOST)
    late = clock.monotonic() + RESEND_SECONDS + 1
    monkeypatch.setattr(module.clock, "monotonic", lambda: late)
    line.back(state="paused", why="viewerGone", received=7, typed=7)
    assert line.events == []
    assert (line.told[-1].state, line.told[-1].why) == (State.PAUSED, Why.VIEWER_GONE)
    line.pasting.resume()
    assert line.events == ["resume"]


def test_what_comes_after_its_end_changes_nothing(line: Line) -> None:
    line.agent(state="ended", why="keyboardLost", typed=3)
    line.agent(state="typing", typed=4)
    assert [each.state for each in line.told] == [State.ENDED]


def test_one_that_no_agent_takes_is_refused_here() -> None:
    with pytest.raises(ProtocolError):
        Line().pasting.begin(bytes(MAX_SIZE + 1))
