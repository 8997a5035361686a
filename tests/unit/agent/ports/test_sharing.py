"""Several people at one port: asking, giving, taking, who is told what; and logins that are left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from outofband.agent.ports.broker import PortBroker
from outofband.core import clock
from outofband.core.errors import ProtocolError
from outofband.wire import arbiter, stream
from outofband.wire.grant import Mode
from outofband.wire.login import How, LoginReport
from tests.support.wait import until
from tests.unit.agent.ports.peers import LoggedPort, RecordingViewer, attach, grant, typed

pytestmark = pytest.mark.anyio


def wish(viewer: RecordingViewer, verb: str, **fields: Any) -> None:
    viewer.attachment.receive(stream.encode(stream.Control(verb, fields)))


def last(viewer: RecordingViewer, what: str) -> dict[str, Any]:
    found = viewer.notices(what)
    return found[-1] if found else {}


async def told(viewer: RecordingViewer, what: str, **expected: Any) -> None:
    """Wait until the last notice of a kind has these fields."""
    await until(lambda: expected.items() <= last(viewer, what).items())


def pair(broker: PortBroker, **more: Any) -> tuple[RecordingViewer, RecordingViewer]:
    """A writer `anna`, and `bob` who watches."""
    anna, bob = RecordingViewer(), RecordingViewer()
    attach(broker, anna, grant("anna", **more))
    attach(broker, bob, grant("bob", mode=Mode.OBSERVE, client="portal", **more))
    return anna, bob


async def test_everybody_sees_who_is_here_and_who_types(broker: PortBroker) -> None:
    anna, bob = pair(broker)
    await until(lambda: len(last(bob, "people").get("people", [])) == 2)
    await until(lambda: last(anna, "people") == last(bob, "people"))
    people = last(anna, "people")["people"]
    assert [(each["session"], each["name"], each["mode"], each["client"]) for each in people] == [
        ("anna", "user-anna", "write", ""),
        ("bob", "user-bob", "observe", "portal"),
    ]
    assert all(each["since"].endswith("Z") for each in people)
    bob.attachment.detach(False)
    await until(lambda: [each["session"] for each in last(anna, "people")["people"]] == ["anna"])
    assert broker.report().writer_session == "anna"


async def test_asked_allowed_and_the_giver_watches(broker: PortBroker, port: LoggedPort) -> None:
    anna, bob = pair(broker)
    wish(bob, "ask")
    asked = {"event": "asked", "session": "bob", "who": "user-bob", "of": "user-anna", "seconds": 30}
    await told(anna, "keyboard", **asked)
    await told(bob, "keyboard", **asked)
    await told(anna, "people", asking=["bob"])
    wish(anna, "allow", session="bob")
    await told(bob, "writer", writer="user-bob", mode="write")
    await told(anna, "writer", writer="user-bob", mode="observe")
    await told(anna, "keyboard", event="handed", by="user-anna", session="bob")
    await told(anna, "people", asking=[])
    assert anna.closed is None
    bob.attachment.receive(typed(0, b"hi"))
    await until(lambda: port.typed == b"hi")


async def test_declined_and_asked_again_too_soon(broker: PortBroker) -> None:
    anna, bob = pair(broker)
    wish(bob, "ask")
    wish(anna, "decline", session="bob")
    for viewer in (anna, bob):
        await told(viewer, "keyboard", event="declined", session="bob", of="user-anna")
    wish(bob, "ask")
    await told(bob, "alarm", code="KeyboardAskedTooSoon")
    fields = last(bob, "alarm")["fields"]
    assert (fields["by"], fields["vm"]) == ("user-anna", "vm")
    assert 0 < fields["seconds"] <= arbiter.ASK_AGAIN_SECONDS


async def test_nobody_answers(broker: PortBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arbiter, "ASK_SECONDS", 0.2)
    anna, bob = pair(broker)
    wish(bob, "ask")
    for viewer in (anna, bob):
        await told(viewer, "keyboard", event="unanswered", session="bob")
    assert anna.attachment.mode is Mode.WRITE


async def test_handed_to_somebody_who_did_not_ask(broker: PortBroker) -> None:
    anna, bob = pair(broker)
    wish(anna, "hand", session="bob")
    await told(bob, "writer", mode="write")
    wish(anna, "hand", session="bob")
    await told(anna, "alarm", code="KeyboardNotYours")


async def test_who_may_not_take_over_comes_in_as_observer_and_is_told_how_to_ask(broker: PortBroker) -> None:
    anna, bob = RecordingViewer(), RecordingViewer()
    attach(broker, anna, grant("anna"))
    attach(broker, bob, grant("bob", may_take=False))
    assert bob.notices("attached")[0]["mode"] == "observe"
    await told(bob, "alarm", code="KeyboardHeld", fields={"vm": "vm", "by": "user-anna"})
    assert anna.closed is None
    wish(bob, "write")
    await until(lambda: [each["code"] for each in bob.notices("alarm")] == ["KeyboardHeld"] * 2)
    wish(anna, "release")
    wish(bob, "write")
    await told(bob, "writer", mode="write")


async def test_a_wish_that_names_nobody_breaks_the_rules(broker: PortBroker) -> None:
    anna, _ = pair(broker)
    for verb in ("allow", "decline", "hand"):
        with pytest.raises(ProtocolError, match="expected the session"):
            wish(anna, verb, session=7)
    with pytest.raises(ProtocolError, match="expected one of"):
        wish(anna, "steal")


# --- logins that are left behind


class Guest:
    """Ends logins, as slowly as a test wants."""

    def __init__(self, broker: PortBroker) -> None:
        self.ended = 0
        self.go = asyncio.Event()
        self.reports: list[tuple[str, LoginReport]] = []
        broker.end_login = self._end
        broker.on_login = lambda session, report: self.reports.append((session, report))

    async def _end(self) -> LoginReport:
        self.ended += 1
        await self.go.wait()
        return LoginReport(how=How.GUEST_AGENT)


async def key(viewer: RecordingViewer, port: LoggedPort, data: bytes = b"x") -> None:
    viewer.attachment.receive(typed(viewer.attachment.typed.accepted, data))


async def test_a_takeover_ends_the_login_before_the_next_types(broker: PortBroker, port: LoggedPort) -> None:
    guest = Guest(broker)
    anna, bob = pair(broker, end_login=True)
    await key(anna, port, b"a")
    wish(bob, "write")
    assert anna.closed is not None
    assert (anna.closed.code, anna.closed.fields["by"]) == ("TakenOverLoginEnds", "user-bob")
    await told(bob, "login", state="ending", who="user-anna", session="anna")
    heard = [each.what for each in bob.frames if isinstance(each, stream.Notice)]
    assert heard.index("login") < heard.index("writer"), "why he cannot type yet, before that he is next"
    await key(bob, port, b"b")
    await told(bob, "writer", mode="observe")
    guest.go.set()
    await told(bob, "login", state="ended", session="anna", observed="ended by guest agent")
    await told(bob, "writer", mode="write")
    assert guest.reports == [("anna", LoginReport(how=How.GUEST_AGENT))]
    await key(bob, port, b"c")
    await until(lambda: port.typed == b"ac")


async def test_leaving_ends_the_login_at_once_and_a_drop_after_the_reserve(
    broker: PortBroker, port: LoggedPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outofband.agent.ports.logins.RESERVE_SECONDS", 0.5)
    monkeypatch.setattr(arbiter, "RESERVE_SECONDS", 0.5)
    guest = Guest(broker)
    guest.go.set()
    anna = RecordingViewer()
    attach(broker, anna, grant("anna", end_login=True))
    await key(anna, port)
    anna.attachment.detach(False)
    await until(lambda: len(guest.reports) == 1)
    again, began = RecordingViewer(), clock.monotonic()
    attach(broker, again, grant("anna2", end_login=True))
    await key(again, port)
    again.attachment.detach(True)
    await until(lambda: len(guest.reports) == 2)
    assert clock.monotonic() - began >= 0.5


async def test_who_comes_back_in_time_stays_logged_in(
    broker: PortBroker, port: LoggedPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outofband.agent.ports.logins.RESERVE_SECONDS", 0.3)
    guest = Guest(broker)
    anna, again = RecordingViewer(), RecordingViewer()
    attach(broker, anna, grant("anna", end_login=True))
    await key(anna, port)
    anna.attachment.detach(True)
    attach(broker, again, grant("anna", end_login=True, resume=0))
    await asyncio.sleep(0.6)
    assert guest.ended == 0


@pytest.mark.parametrize("reason", ["policy off", "typed nothing", "guest restarted"])
async def test_nothing_is_ended_without_reason(broker: PortBroker, port: LoggedPort, reason: str) -> None:
    guest = Guest(broker)
    anna = RecordingViewer()
    attach(broker, anna, grant("anna", end_login=reason != "policy off"))
    if reason != "typed nothing":
        await key(anna, port)
    if reason == "guest restarted":
        broker.mark_reset(2)
    anna.attachment.detach(False)
    await asyncio.sleep(0.3)
    assert guest.ended == 0


async def test_a_login_goes_along_with_a_keyboard_that_is_given(broker: PortBroker, port: LoggedPort) -> None:
    guest = Guest(broker)
    guest.go.set()
    anna, bob = pair(broker, end_login=True)
    await key(anna, port)
    wish(anna, "hand", session="bob")
    anna.attachment.detach(False)
    await asyncio.sleep(0.2)
    assert guest.ended == 0
    bob.attachment.detach(False)
    await until(lambda: [session for session, _ in guest.reports] == ["bob"])


async def test_who_gave_it_back_and_leaves_is_logged_out(broker: PortBroker, port: LoggedPort) -> None:
    guest = Guest(broker)
    guest.go.set()
    anna, _ = pair(broker, end_login=True)
    await key(anna, port)
    wish(anna, "release")
    await asyncio.sleep(0.1)
    assert guest.ended == 0
    anna.attachment.detach(False)
    await until(lambda: guest.reports)


@pytest.mark.parametrize("when", ["asks before", "takes after"])
async def test_who_loses_the_right_to_type_is_logged_out_before_the_next_types(
    broker: PortBroker, port: LoggedPort, when: str
) -> None:
    """He did not give the keyboard to anybody: that he stays and watches is no consent."""
    guest = Guest(broker)
    anna, bob = pair(broker, end_login=True)
    await key(anna, port, b"a")
    if when == "asks before":
        wish(bob, "ask")
        await told(anna, "keyboard", event="asked")
    anna.attachment.renew(grant("anna", mode=Mode.OBSERVE, may_write=False, end_login=True))
    if when == "takes after":
        wish(bob, "write")
    await told(bob, "login", state="ending", session="anna")
    await key(bob, port, b"b")
    guest.go.set()
    await told(bob, "login", state="ended", session="anna")
    await told(bob, "writer", mode="write")
    await key(bob, port, b"c")
    await until(lambda: port.typed == b"ac")
    assert anna.closed is None and guest.ended == 1


async def test_a_policy_that_is_switched_on_holds_for_who_is_there(
    broker: PortBroker, port: LoggedPort
) -> None:
    guest = Guest(broker)
    guest.go.set()
    anna = RecordingViewer()
    attach(broker, anna, grant("anna"))
    await key(anna, port)
    anna.attachment.renew(grant("anna", end_login=True))
    anna.attachment.detach(False)
    await until(lambda: guest.reports)


async def test_an_agent_that_was_killed_ends_it_in_its_next_life(
    broker: PortBroker, port: LoggedPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = RecordingViewer()
    attach(broker, anna, grant("anna", end_login=True))
    await key(anna, port)
    note = broker.spool.path.with_suffix(".login")
    assert note.stat().st_mode & 0o777 == 0o600
    kept = note.read_bytes()
    await broker.close()
    assert note.read_bytes() == kept
    monkeypatch.setattr("outofband.agent.ports.logins.RESERVE_SECONDS", 0.2)
    guest = Guest(broker)
    guest.go.set()
    await broker.open()
    await until(lambda: [session for session, _ in guest.reports] == ["anna"])
    assert not note.exists()


async def test_what_cannot_be_done_is_said(broker: PortBroker, port: LoggedPort) -> None:
    reports: list[str] = []
    record: Callable[[str, LoginReport], None] = lambda _, report: reports.append(report.observed)  # noqa: E731
    broker.on_login = record
    anna, bob = pair(broker, end_login=True)
    await key(anna, port)
    wish(bob, "write")
    await told(bob, "login", state="ended", how="unverified")
    assert reports == ["could not be verified: this kind of machine has no way to it"]
    await told(bob, "writer", mode="write")
