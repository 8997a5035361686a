"""Simulated agents at a whole control plane: real keys, enrolments, links, certificates, and their label."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outofband.agent import certificate
from outofband.agent.simulated import book as books
from outofband.agent.simulated import keys
from outofband.agent.simulated.book import Book
from outofband.agent.simulated.crowd import Event
from outofband.agent.simulated.enrolling import enrol
from outofband.agent.simulated.run import Ledger, Run
from outofband.core.errors import Fault
from tests.support.cloud import GROUP, SUBSCRIPTION, Cloud
from tests.support.wait import until

pytestmark = pytest.mark.anyio
MACHINES = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.HybridCompute/machines"


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with Cloud(tmp_path) as running:
        yield running


async def enrolled(cloud: Cloud, number: int) -> tuple[Book, list[str], Path]:
    file = cloud.folder / "keys"
    keys.make(file, number)
    texts = keys.load(file)
    tokens = [await cloud.token() for _ in texts]
    folder = books.folder_beside(file)
    book = await enrol(
        Book(arm=cloud.base),
        texts,
        folder=folder,
        trust=cloud.pki.trust.read_text(),
        token=lambda _: tokens.pop(),
    )
    return book, texts, folder


def test_keys_are_made_once_and_are_private(tmp_path: Path) -> None:
    file = tmp_path / "sim" / "keys"
    assert keys.load(file) == []
    assert keys.make(file, 3) == 3
    first = keys.load(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len({keys.host_key(each).public for each in first}) == 3
    assert keys.make(file, 5) == 2
    assert keys.load(file)[:3] == first
    assert keys.make(file, 4) == 0
    file.write_text('{"keys":["AAAA"]}')
    with pytest.raises(Fault) as wrong:
        keys.load(file)
    assert wrong.value.code == "InvalidParameter"


async def test_they_are_linked_say_what_they_are_and_come_back(cloud: Cloud) -> None:
    book, texts, folder = await enrolled(cloud, 6)
    for text in texts:
        key = keys.host_key(text)
        known = book.agents[key.public]
        assert certificate.load(books.state_of(folder, known.name), key.raw) is not None
    async with Run(book, texts, folder=folder, processes=2, machines=2) as run:
        assert await run.all_linked(30)
        figures = run.ledger.figures()
        assert (figures.agents, figures.connected, figures.processes) == (6, 6, 2)
        assert figures.attempts == 6 and figures.lost == 0 and figures.simulated
        assert figures.connected_within is not None and figures.connect_p50 is not None
        assert all(cloud.fleet.connected(each.agent) for each in book.agents.values())

        def reported() -> bool:
            return all(view.report is not None and len(view.machines) == 2 for view in cloud.fleet.agents())

        await until(reported)
        shown = (await cloud.owner.get(f"{MACHINES}/sim-0001", version="2024-07-10")).json()["properties"]
        assert shown["detectedProperties"]["simulated"] == "true"
        assert "simulated" in shown["osName"]
        for link in tuple(cloud.fleet.switchboard.links):
            link.close("a test ends it")
        await until(lambda: run.ledger.figures().back == 6)
        again = run.ledger.figures()
        assert again.lost == 6 and sum(again.returns) == 6 and again.away is not None
        # One of the two processes dies: its agents are gone, those of the other are not.
        os.kill(run.pids[0], signal.SIGKILL)
        await until(lambda: sum(cloud.fleet.connected(each.agent) for each in book.agents.values()) == 3)
    await until(lambda: not any(cloud.fleet.connected(each.agent) for each in book.agents.values()))


async def test_enrolling_again_makes_nothing_and_a_foreign_authority_is_refused(cloud: Cloud) -> None:
    book, texts, folder = await enrolled(cloud, 2)
    trust = cloud.pki.trust.read_text()

    def nobody(name: str) -> str:
        raise AssertionError(name)

    again = await enrol(book, texts, folder=folder, trust=trust, token=nobody)
    assert again == book
    file = cloud.folder / "keys"
    keys.make(file, 3)
    with pytest.raises(Fault) as refused:
        await enrol(book, keys.load(file), folder=folder, trust=trust, token=lambda _: "oob1.no.token")
    assert refused.value.code == "EnrollmentTokenInvalid"


def test_what_the_events_come_to() -> None:
    ledger = Ledger(2, 1, 100.0)
    for event in (
        Event(1, "dial", 100.0),
        Event(2, "dial", 100.5),
        Event(1, "linked", 100.25),
        Event(2, "down", 101.0, "ControlPlaneUnreachable"),
        Event(2, "dial", 101.5),
        Event(2, "linked", 102.0),
        Event(1, "down", 110.0, "ControlPlaneUnreachable"),
        Event(1, "dial", 112.5),
        Event(1, "linked", 112.75),
    ):
        ledger.take(event)
    found = ledger.figures()
    assert (found.connected_within, found.connect_p50, found.connect_p99) == (2.0, 1.5, 1.5)
    assert (found.attempts, found.refused) == (4, {"ControlPlaneUnreachable": 2})
    assert (found.lost, found.back, found.away, found.dials, found.returns) == (
        1,
        1,
        2.75,
        [0, 0, 1],
        [0, 0, 1],
    )
