"""A login left behind in a real guest: ended by its agent, or by typing; and whether that was seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from guests.build import Guest
from outofband.core.errors import Fault
from outofband.wire.login import How, LoginReport
from outofband.wire.stream import Input, encode
from tests.peers.guest import PASSWORD
from tests.peers.host import PROMPT, VM, HostLab, at_its_prompt
from tests.support.wait import until
from tests.unit.agent.ports.peers import RecordingViewer, attach, grant

pytestmark = pytest.mark.anyio
PATIENCE = 150.0
SHELL = b"@demo:"


class Desk:
    """A person at the guest's console, and what the host reports of logins."""

    def __init__(self, lab: HostLab, who: str, **right: object) -> None:
        self.lab = lab
        self.viewer = RecordingViewer()
        attach(lab.port, self.viewer, grant(who, vm=VM, **right))
        self.typed = 0

    async def type(self, text: bytes, answer: bytes) -> None:
        since = self.lab.end
        self.viewer.attachment.receive(encode(Input(self.typed, text)))
        self.typed += len(text)
        await self.lab.shows(answer, since, PATIENCE)

    async def log_in(self, user: bytes = b"demo") -> None:
        await self.type(b"\r", PROMPT)
        await self.type(user + b"\r", b"Password:")
        await self.type(PASSWORD.encode() + b"\r", SHELL)

    def leave(self) -> None:
        self.viewer.attachment.detach(False)


@pytest.fixture(scope="module")
async def lab(tmp_path_factory: pytest.TempPathFactory, demo_guest: Guest) -> AsyncIterator[HostLab]:
    async with at_its_prompt(tmp_path_factory.mktemp("logins") / "state", demo_guest) as lab:
        yield lab


@pytest.fixture
def reports(lab: HostLab) -> list[tuple[str, LoginReport]]:
    found: list[tuple[str, LoginReport]] = []
    lab.machines.on_login = lambda session, report: found.append((session, report))
    return found


async def agent_answers(lab: HostLab) -> bool:
    guest = lab.machine.driver.guest
    assert guest is not None
    try:
        async with guest.talk() as talk:
            await talk.ping()
    except Fault:
        return False
    return True


async def test_the_guest_agent_ends_it_when_somebody_leaves(
    lab: HostLab, reports: list[tuple[str, LoginReport]]
) -> None:
    await until(lambda: agent_answers(lab), "the guest agent answers", seconds=PATIENCE)
    desk = Desk(lab, "anna", end_login=True)
    await desk.log_in()
    # A shell within, and a program that would not end by itself.
    await desk.type(b"sh\r", b"sh")
    await desk.type(b"trap '' HUP; sleep 1000\r", b"sleep")
    since = lab.end
    desk.leave()
    await until(lambda: reports, "it is reported", seconds=PATIENCE)
    assert reports == [("anna", LoginReport(how=How.GUEST_AGENT))]
    await lab.shows(PROMPT, since, PATIENCE)


async def test_a_takeover_ends_it_and_the_taker_begins_at_the_login(
    lab: HostLab, reports: list[tuple[str, LoginReport]]
) -> None:
    anna = Desk(lab, "anna", end_login=True)
    await anna.log_in(b"root")
    since = lab.end
    bob = Desk(lab, "bob", end_login=True)
    await until(lambda: anna.viewer.closed, "anna is told")
    assert anna.viewer.closed is not None
    assert anna.viewer.closed.code == "TakenOverLoginEnds"
    await until(lambda: bob.viewer.notices("login")[-1:], "bob is told")
    await until(lambda: bob.viewer.notices("login")[-1]["state"] == "ended", "it ended", seconds=PATIENCE)
    assert bob.viewer.notices("login")[-1]["observed"] == "ended by guest agent"
    await until(lambda: bob.viewer.notices("writer")[-1]["mode"] == "write", "bob may type")
    await lab.shows(PROMPT, since, PATIENCE)
    await bob.type(b"\r", PROMPT)
    bob.leave()
    await until(lambda: len(reports) == 2, "bob's end is reported", seconds=PATIENCE)
    assert reports[-1] == ("bob", LoginReport(how=How.NOBODY))


async def test_without_an_agent_the_end_is_typed(
    lab: HostLab, reports: list[tuple[str, LoginReport]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def absent() -> bool:
        return False

    assert lab.machine.driver.guest is not None
    monkeypatch.setattr(lab.machine.driver.guest, "_opened", absent)
    desk = Desk(lab, "anna", end_login=True)
    await desk.log_in()
    await desk.type(b"sh\r", b"sh")
    await desk.type(b"echo half a li", b"half a li")
    desk.leave()
    await until(lambda: reports, "it is reported", seconds=PATIENCE)
    assert reports == [("anna", LoginReport(how=How.LOGIN_PROMPT))]

    again = Desk(lab, "bob", end_login=True)
    await again.type(b"\r", PROMPT)
    again.leave()
    await until(lambda: len(reports) == 2, "it is reported", seconds=PATIENCE)
    assert reports[-1] == ("bob", LoginReport(how=How.NOBODY))


async def test_what_does_not_end_is_told(
    lab: HostLab, reports: list[tuple[str, LoginReport]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No agent, and a program that hears neither Ctrl-C nor Ctrl-D."""

    async def absent() -> bool:
        return False

    guest = lab.machine.driver.guest
    assert guest is not None
    with monkeypatch.context() as without:
        without.setattr(guest, "_opened", absent)
        desk = Desk(lab, "anna", end_login=True)
        await desk.log_in()
        await desk.type(b"stty -isig -icanon; trap '' INT; sleep 10000\r", b"10000")
        await asyncio.sleep(1.0)
        desk.leave()
        await until(lambda: reports, "it is reported", seconds=PATIENCE)
    assert reports[-1][1].how is How.UNVERIFIED
    assert reports[-1][1].observed.startswith("could not be verified: no login prompt was seen; no help from")
    # With its agent the guest is clean again for whoever comes next.
    desk = Desk(lab, "carl", end_login=True)
    desk.viewer.attachment.receive(encode(Input(0, b" ")))
    desk.leave()
    await until(lambda: len(reports) == 2, "it is reported", seconds=PATIENCE)
    assert reports[-1] == ("carl", LoginReport(how=How.GUEST_AGENT))


async def test_a_stopped_guest_has_no_login(tmp_path: Path, demo_guest: Guest) -> None:
    async with at_its_prompt(tmp_path / "state", demo_guest) as lab:
        found: list[LoginReport] = []
        lab.machines.on_login = lambda _, report: found.append(report)
        desk = Desk(lab, "anna", end_login=True)
        await desk.type(b"\r", PROMPT)
        await lab.perform("stop", graceful=False)
        desk.leave()
        await until(lambda: found)
        assert found == [LoginReport(how=How.PROGRAM_ENDED, detail="the VM does not run")]
