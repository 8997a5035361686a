"""The console driver against a scripted far side: what a person is shown, typed and told, over bad lines."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from outofband.client import console as driver
from outofband.client.console import Console, Lost
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.identity.pki import Pki
from outofband.wire import stream
from outofband.wire.console import Attached, ClientSession, Ended, InputDropped, Missing, Output
from outofband.wire.grant import Mode
from tests.support.wait import promised, until
from tests.unit.client.far import VM, WAIT, Far, Visit, refusal

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "RETRY_FIRST_SECONDS", 0.02)


class Person:
    """Keeps what the console shows. `stuck`: the screen takes nothing until it is set."""

    def __init__(self, far: Far, mode: Mode = Mode.WRITE, trust: Path | None = None) -> None:
        self.events: list[Any] = []
        self.happened = asyncio.Event()
        self.fluent = asyncio.Event()
        self.fluent.set()
        self.session = ClientSession(mode=mode, client="test")
        self.client = far.client(trust)
        self.console = Console(self.client, VM, port="0", session=self.session, sink=self.see)
        self.end: asyncio.Task[Ended] = asyncio.get_running_loop().create_task(self.console.run())

    async def see(self, event: Any) -> None:
        await self.fluent.wait()
        self.events.append(event)
        self.happened.set()

    @property
    def shown(self) -> bytes:
        return b"".join(event.payload for event in self.events if isinstance(event, Output))

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, true: Any) -> None:
        async with asyncio.timeout(WAIT):
            while not true():
                self.happened.clear()
                await self.happened.wait()

    async def ended(self) -> Ended:
        async with asyncio.timeout(WAIT):
            return await self.end


@contextlib.asynccontextmanager
async def person(far: Far, **more: Any) -> AsyncIterator[Person]:
    made = Person(far, **more)
    try:
        yield made
    finally:
        made.end.cancel()
        await asyncio.gather(made.end, return_exceptions=True)
        made.client.__exit__()


async def test_replay_is_marked_then_live_and_keys_arrive(far: Far) -> None:
    heard: list[bytes] = []

    async def script(visit: Visit) -> None:
        await visit.attached(100, live=105)
        await visit.output(100, b"pastlive")
        heard.append(await visit.read(3))
        assert await visit.gone() == 1000, "leaving says goodbye, so that the seat is free at once"

    far.scripts.append(script)
    async with person(far) as alice:
        await alice.until(lambda: alice.shown == b"pastlive")
        assert [(each.offset, each.payload, each.live) for each in alice.of(Output)] == [
            (100, b"pastl", False),
            (105, b"ive", True),
        ]
        assert alice.console.type(b"ls\r") == 3
        await until(lambda: heard)
        alice.console.leave()
        assert (await alice.ended()).code == "Left"
    [first] = far.opened
    assert (first.ticket, first.mode, first.resume, first.client) == ("ticket-1", Mode.WRITE, None, "test")


async def test_after_a_drop_it_goes_on_at_its_byte_with_its_unconfirmed_keys(far: Far) -> None:
    again: list[bytes] = []

    async def broken(visit: Visit) -> None:
        await visit.attached()
        await visit.output(0, b"one two ")
        assert await visit.read(4, confirm=False) == b"abcd"
        await visit.send(stream.Ack(2))
        await visit.output(8, b"!")  # behind the ACK: once it is shown, that was read
        await asyncio.sleep(0)
        visit.cut()

    async def whole(visit: Visit) -> None:
        await visit.attached(visit.first.resume or 0, live=20, taken=3)
        await visit.output(9, b"three")
        again.append(await visit.read(1))
        await visit.gone()

    far.scripts += [broken, whole]
    async with person(far) as alice:
        await alice.until(lambda: alice.of(Attached))
        alice.console.type(b"abcd")
        await alice.until(lambda: alice.shown.endswith(b"three"))
        assert alice.shown == b"one two !three"
        await until(lambda: again)
        assert again == [b"d"], "the port had taken three of four"
        assert [each.before for each in alice.of(Lost)] == [True]
        assert [each.resumed for each in alice.of(Attached)] == [False, True]
    assert [each.resume for each in far.opened] == [None, 9]
    bodies = [body for _, path, body in far.asked if path.endswith("/connect")]
    assert bodies == [None, {"session": "one"}], "the same session goes on"


async def test_a_gap_and_lost_keys_are_told(far: Far) -> None:
    async def broken(visit: Visit) -> None:
        await visit.attached()
        await visit.read(2, confirm=False)
        visit.cut()

    async def other_agent(visit: Visit) -> None:
        await visit.attached(0)  # it knows nothing of the two keys, and cannot say that it took them
        await visit.send(stream.Gap(0, 50, stream.GapReason.TRIMMED))
        await visit.output(50, b"after")
        await visit.gone()

    far.scripts += [broken, other_agent]
    async with person(far) as alice:
        await alice.until(lambda: alice.of(Attached))
        alice.session._confirmed = 5  # as if earlier keys had been confirmed
        alice.console.type(b"xy")
        await alice.until(lambda: alice.shown == b"after")
        assert alice.of(InputDropped) == [InputDropped(2)]
        assert alice.of(Missing) == [Missing(0, 50, stream.GapReason.TRIMMED)]


async def test_a_resumable_close_is_come_back_from_and_a_final_one_is_not(far: Far) -> None:
    async def stopping(visit: Visit) -> None:
        await visit.attached()
        await visit.send(stream.Close("ControlPlaneStopping", {}, resumable=True))

    async def taken(visit: Visit) -> None:
        await visit.attached(0)
        await visit.send(stream.Close("TakenOver", {"by": "bob", "at": "2026-01-02T03:04:05Z"}))

    far.scripts += [stopping, taken]
    async with person(far) as alice:
        ended = await alice.ended()
        assert (ended.code, ended.fields["by"], ended.resumable) == ("TakenOver", "bob", False)
        assert [each.fault.code for each in alice.of(Lost)] == ["ControlPlaneStopping"]


async def test_a_temporary_refusal_is_tried_again_before_it_is_shown(far: Far) -> None:
    async def script(visit: Visit) -> None:
        await visit.attached()
        await visit.gone()

    far.answers += [
        refusal(Fault("AgentOffline", host="h", since="")),
        refusal(Fault("GatewayFull", limit=1)),
    ]
    far.scripts.append(script)
    async with person(far) as alice:
        await alice.until(lambda: alice.of(Attached))
        assert [(each.fault.code, each.before) for each in alice.of(Lost)] == [
            ("AgentOffline", False),
            ("GatewayFull", False),
        ]


async def test_a_refusal_that_stays_is_shown_with_the_servers_words(far: Far) -> None:
    far.answers += [refusal(Fault("AgentOffline", host="h", since="")) for _ in range(driver.FIRST_TRIES)]
    async with person(far) as alice:
        with pytest.raises(Fault) as raised:
            await alice.ended()
        assert raised.value.code == "AgentOffline"
        assert len(alice.of(Lost)) == driver.FIRST_TRIES - 1


async def test_a_lasting_refusal_is_not_tried_again(far: Far) -> None:
    far.answers.append(refusal(Fault("VmNotRunning", vm="demo", power="stopped")))
    async with person(far) as alice:
        with pytest.raises(Fault, match="VmNotRunning"):
            await alice.ended()
    assert len(far.asked) == 1


async def test_a_resumable_end_without_ever_being_there_is_no_endless_loop(far: Far) -> None:
    async def refuse(visit: Visit) -> None:
        await visit.send(stream.Close("StreamFailed", {"host": "h", "detail": "no"}, resumable=True))

    far.scripts += [refuse] * driver.FIRST_TRIES
    async with person(far) as alice:
        with pytest.raises(Fault, match="StreamFailed"):
            await alice.ended()


async def test_a_closed_console_port_is_told_as_that(far: Far) -> None:
    await far.close_consoles()
    async with person(far) as alice:
        with pytest.raises(Fault) as raised:
            await alice.ended()
        assert raised.value.code == "ConsoleUnreachable"
        assert raised.value.fields["url"] == far.gateway, "without the session's path"


async def test_who_was_there_waits_for_a_vm_that_restarts_and_for_broken_answers(far: Far) -> None:
    async def dropped(visit: Visit) -> None:
        await visit.attached()
        visit.cut()

    async def back(visit: Visit) -> None:
        await visit.attached(0)
        await visit.gone()

    async def first(request: Request) -> Response:
        far.answers += [
            refusal(Fault("VmNotRunning", vm="demo", power="stopping")),
            PlainTextResponse("Bad Gateway", status_code=502),
            refusal(Fault("VmProvisioning", vm="demo")),
        ]
        url = f"{far.gateway}/console/v1/one/client"
        body = {"outofband": {"url": url, "ticket": "t", "session": "one", "expiresIn": 60}}
        return JSONResponse(body)

    far.answers.append(first)
    far.scripts += [dropped, back]
    async with person(far) as alice:
        await alice.until(lambda: len(alice.of(Attached)) == 2)
        codes = [each.fault.code for each in alice.of(Lost)]
        assert codes == ["ConsoleUnreachable", "VmNotRunning", "UnexpectedAnswer", "VmProvisioning"]


async def test_somebody_elses_certificate_ends_it_at_once(far: Far, tmp_path: Path) -> None:
    other = Pki.open(tmp_path / "other", [], clock.now())
    async with person(far, trust=other.trust) as alice:
        with pytest.raises(Fault) as raised:
            await alice.ended()
        assert raised.value.code == "CertificateNotTrusted"
    assert far.asked == []


async def test_the_consoles_certificate_is_looked_at_as_well(far: Far, tmp_path: Path) -> None:
    await far.close_consoles()
    mine, far.pki = far.pki, Pki.open(tmp_path / "other", [], clock.now())
    await far.open_consoles()
    async with person(far, trust=mine.trust) as alice:
        with pytest.raises(Fault) as raised:
            await alice.ended()
        assert raised.value.code == "CertificateNotTrusted"
        assert raised.value.fields["url"] == far.gateway


async def test_a_peer_that_breaks_the_protocol_is_not_argued_with(far: Far) -> None:
    async def garbage(visit: Visit) -> None:
        await visit.socket.send(b"\x7fnonsense")
        await visit.gone()

    far.scripts.append(garbage)
    async with person(far) as alice:
        with pytest.raises(Fault, match="ProtocolViolated"):
            await alice.ended()


async def test_an_answer_without_a_ticket_is_unexpected(far: Far) -> None:
    far.answers.append(Response('{"connectionString": "wss://x"}', media_type="application/json"))
    async with person(far) as alice:
        with pytest.raises(Fault, match="UnexpectedAnswer"):
            await alice.ended()


async def test_leaving_while_the_server_thinks_is_immediate(far: Far) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Response:
        asked.set()
        await answer.wait()
        return PlainTextResponse("late")

    far.answers.append(slow)
    async with person(far) as alice:
        await asked.wait()
        began = clock.monotonic()
        alice.console.leave()
        assert (await alice.ended()).code == "Left"
        assert clock.monotonic() - began < promised(1)
        assert all(thread.daemon for thread in threading.enumerate() if thread.name == "_connect_call")
        answer.set()


async def test_leaving_while_the_screen_takes_nothing(far: Far) -> None:
    async def flood(visit: Visit) -> None:
        await visit.attached()
        offset = 0
        while True:
            await visit.output(offset, b"x" * 32768)
            offset += 32768

    far.scripts.append(flood)
    async with person(far) as alice:
        await alice.until(lambda: alice.shown)
        alice.fluent.clear()
        await asyncio.sleep(0.1)
        began = clock.monotonic()
        alice.console.leave()
        assert (await alice.ended()).code == "Left"
        assert clock.monotonic() - began < promised(driver.CLOSE_SECONDS + 2)


async def test_keys_go_through_while_the_screen_takes_nothing(far: Far) -> None:
    heard = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.attached()
        await visit.output(0, b"a")
        await visit.output(1, b"b")
        await visit.read(1)
        heard.set()
        await visit.gone()

    far.scripts.append(script)
    async with person(far) as alice:
        await alice.until(lambda: alice.of(Attached))
        alice.fluent.clear()
        alice.console.type(b"\x03")
        async with asyncio.timeout(WAIT):
            await heard.wait()


async def test_a_paste_larger_than_the_window_waits_and_arrives_whole(far: Far) -> None:
    paste = bytes(range(256)) * 2600  # 650 KiB
    got: list[bytes] = []

    async def slow_port(visit: Visit) -> None:
        await visit.attached()
        got.append(await visit.read(len(paste)))
        await visit.output(0, b"$")
        await visit.gone()

    far.scripts.append(slow_port)
    async with person(far) as alice:
        await alice.until(lambda: alice.of(Attached))
        assert alice.console.type(paste) == len(paste)
        assert alice.console.type(bytes(driver.MAX_BACKLOG)) < driver.MAX_BACKLOG, "there is a bound"
        await alice.until(lambda: alice.shown == b"$")
    assert got[0][: len(paste)] == paste


async def test_losing_the_keyboard_drops_what_was_not_typed_yet(far: Far) -> None:
    async def script(visit: Visit) -> None:
        await visit.attached()
        await visit.next()
        await visit.send(stream.Notice("writer", {"writer": "bob", "mode": "observe"}))
        await visit.gone()

    far.scripts.append(script)
    async with person(far) as alice:
        await alice.until(lambda: alice.of(Attached))
        alice.console.type(bytes(400 * 1024))
        await alice.until(lambda: alice.of(InputDropped))
        assert alice.of(InputDropped)[0].count == (400 - 256) * 1024
        assert not alice.console.may_type
        assert alice.console.type(b"x") == 0


async def test_an_observer_asks_for_the_keyboard(far: Far) -> None:
    async def script(visit: Visit) -> None:
        assert visit.first.mode is Mode.OBSERVE
        await visit.attached(mode=Mode.OBSERVE, writer="bob")
        assert await visit.next() == stream.Control("write")
        await visit.send(stream.Notice("writer", {"writer": "me", "mode": "write"}))
        assert await visit.read(1) == b"k"
        await visit.output(0, b"$")
        await visit.gone()

    far.scripts.append(script)
    async with person(far, mode=Mode.OBSERVE) as alice:
        await alice.until(lambda: alice.of(Attached))
        assert alice.console.type(b"no") == 0
        alice.console.ask("write")
        await alice.until(lambda: alice.console.may_type)
        alice.console.type(b"k")
        await alice.until(lambda: alice.shown == b"$")
