"""Pictures of screens: taken when they are due, uploaded when they are news, the display woken once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from outofband.agent.diagnostics.places import PlaceBook
from outofband.agent.diagnostics.shots import Shots
from outofband.agent.hypervisors.picture import Picture
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net.blobs import Refused, Unreachable
from outofband.net.tasks import Tasks
from outofband.wire import link
from outofband.wire.machine import Power, Verb
from tests.support.wait import until

pytestmark = pytest.mark.anyio


class Screen:
    """A machine with a screen, and a place that takes its pictures."""

    def __init__(self) -> None:
        self.show: Picture | Exception = Picture(b"one")
        self.blinks: list[bytes] = []
        self.account = "a"
        self.taken = 0
        self.woken = 0
        self.put_fails: Exception | None = None
        self.stored: list[tuple[str, bytes, Mapping[str, str]]] = []
        self.asked: list[str] = []
        driver = SimpleNamespace(verbs=frozenset({Verb.SCREENSHOT}), screenshot=self.screenshot)
        self.machine: Any = SimpleNamespace(
            definition=SimpleNamespace(vm="vm"),
            driver=driver,
            power=Power.RUNNING,
            console=SimpleNamespace(spool=SimpleNamespace(end=0)),
        )
        self.book = PlaceBook(self.ask)
        self.book.linked([link.TAKES_PLACES])
        client: Any = self
        self.shots = Shots(lambda: [self.machine], self.book, client, wake=True, every=0.02, look=0.005)

    def ask(self, wish: link.WantPlaces) -> bool:
        self.asked += wish.vms
        return True

    async def screenshot(self, *, wake: bool) -> Picture:
        self.taken += 1
        self.woken += wake
        if isinstance(self.show, Exception):
            raise self.show
        if self.blinks:
            self.show = Picture(self.blinks.pop(0))
        return self.show

    async def put(
        self, account: str, container: str, blob: str, query: str, body: bytes, **more: Any
    ) -> None:
        if self.put_fails is not None:
            raise self.put_fails
        assert (account, container, query, more["kind"]) == (self.account, "c", "q", "image/png")
        self.stored.append((blob, body, more["metadata"]))

    def place(self, account: str = "a") -> None:
        self.account = account
        self.book.answered(link.Place("vm", account, "c", "q", 900.0, screenshot="vm.png"))

    async def more(self, count: int = 2) -> None:
        """So many more pictures are taken."""
        before = self.taken
        await until(lambda: self.taken >= before + count)


@pytest.fixture
async def screen() -> AsyncIterator[Screen]:
    made = Screen()
    made.place()
    tasks = Tasks()
    tasks.spawn("shots", made.shots.run())
    yield made
    await tasks.close()
    await made.shots.close()


async def test_only_a_picture_that_is_news_is_uploaded(screen: Screen) -> None:
    await screen.more(3)
    assert [body for _, body, _ in screen.stored] == [b"one"]
    blob, _, metadata = screen.stored[0]
    assert blob == "vm.png" and abs(int(metadata["taken"]) / 1000 - clock.wall()) < 60
    screen.show = Picture(b"two")
    await until(lambda: len(screen.stored) == 2)
    # A cursor that blinks: the same two pictures in turns are no news.
    screen.blinks = [b"one", b"two", b"one", b"one", b"two"]
    await screen.more(7)
    assert len(screen.stored) == 2


async def test_a_screen_that_went_back_to_an_earlier_picture_is_shown_as_it_is(screen: Screen) -> None:
    await screen.more()
    screen.show = Picture(b"two")
    await until(lambda: len(screen.stored) == 2)
    screen.show = Picture(b"one")
    await until(lambda: len(screen.stored) == 3)
    assert screen.stored[-1][1] == b"one"
    await screen.more(5)
    assert len(screen.stored) == 3


async def test_another_place_gets_a_picture_though_the_screen_is_the_same(screen: Screen) -> None:
    await screen.more()
    screen.place("b")
    await until(lambda: len(screen.stored) == 2)
    await screen.more()
    assert [body for _, body, _ in screen.stored] == [b"one", b"one"]


async def test_a_screen_that_does_not_change_is_looked_at_more_seldom(screen: Screen) -> None:
    await screen.more(4)
    state = screen.shots._screens["vm"]
    assert state.every > 0.02
    screen.machine.console.spool.end = 100
    await screen.more()
    await until(lambda: state.printed == 100)


async def test_a_machine_that_does_not_run_has_no_picture_taken(screen: Screen) -> None:
    await screen.more()
    screen.machine.power = Power.STOPPED
    await until(lambda: not screen.shots._screens["vm"].busy)
    taken = screen.taken
    for _ in range(5):
        screen.shots.look()
    assert screen.taken == taken
    screen.machine.power = Power.RUNNING
    await screen.more()


async def test_a_display_that_stays_dark_is_woken_once(screen: Screen) -> None:
    screen.show = Picture(b"dark", dark=True)
    await screen.more(2)
    await screen.more(2)
    woken = screen.woken
    await screen.more(2)
    assert screen.woken == woken
    # The guest did something: it is worth another try.
    screen.machine.console.spool.end = 5
    await until(lambda: screen.woken > woken)


async def test_what_fails_is_tried_again_later(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outofband.agent.diagnostics.shots.AGAIN_SECONDS", 0.01)
    await screen.more()
    screen.show, before = Fault("HypervisorUnreachable", detail="x"), len(screen.stored)
    await screen.more()
    screen.show, screen.put_fails = Picture(b"three"), Unreachable("away")
    await screen.more()
    screen.put_fails = Refused(403, "AuthenticationFailed")
    await until(lambda: screen.book._kept == {}, "it asks for another place")
    screen.put_fails = None
    screen.place()
    await until(lambda: len(screen.stored) == before + 1)
    assert screen.stored[-1][1] == b"three"


async def test_a_screen_that_fails_on_and_on_is_tried_more_and_more_seldom(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outofband.agent.diagnostics.shots.AGAIN_SECONDS", 0.01)
    await screen.more()
    state, screen.show = screen.shots._screens["vm"], Fault("HypervisorUnreachable", detail="x")
    await screen.more(5)
    await until(lambda: not state.busy)
    assert state.failed >= 4 and state.due - clock.monotonic() > 0.05
    screen.show = Picture(b"four")
    await until(lambda: screen.stored[-1][1] == b"four" and state.failed == 0)
