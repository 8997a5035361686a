"""A paste at a port: typed as the guest echoes, by who has the keyboard, and told to its viewer."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from typing import Any

import pytest

from outofband.agent.ports.broker import PortBroker
from outofband.core.errors import Fault
from outofband.wire import stream
from outofband.wire.pasting import AHEAD
from tests.support.wait import promised, until
from tests.unit.agent.ports.peers import LoggedPort, RecordingViewer, attach, grant, typed

pytestmark = pytest.mark.anyio


class Paster:
    """A viewer that pastes: sends as much ahead as the protocol lets it."""

    def __init__(self, viewer: RecordingViewer, text: bytes, id: str = "p1") -> None:
        self.viewer, self.text, self.id = viewer, text, id
        self.control("begin", size=len(text))

    def control(self, event: str, **more: Any) -> None:
        fields = {"event": event, "id": self.id, **more}
        self.viewer.attachment.receive(stream.encode(stream.Control("paste", fields)))

    @property
    def told(self) -> dict[str, Any]:
        found = self.viewer.notices("paste")
        return found[-1] if found else {}

    def send(self) -> None:
        told = self.told
        piece = self.text[told["received"] : told["typed"] + AHEAD]
        if piece and told["state"] != "ended":
            frame = stream.encode(stream.Paste(told["received"], piece[: stream.MAX_PAYLOAD]))
            self.viewer.attachment.receive(frame)

    async def until(self, **expected: Any) -> None:
        def there() -> bool:
            self.send()
            return expected.items() <= self.told.items()

        await until(there)


async def echo(port: LoggedPort) -> None:
    """Until cancelled, the guest prints what is typed."""
    done = 0
    while True:
        await asyncio.sleep(0.001)
        fresh = bytes(port.typed[done : done + 300])
        done += len(fresh)
        if fresh:
            await port.print(fresh.replace(b"\r", b"\r\n> "))


@pytest.fixture
async def guest(port: LoggedPort):
    task = asyncio.ensure_future(echo(port))
    yield port
    task.cancel()


TEXT = b"".join(b"line %d of what is pasted\r" % number for number in range(4000))


async def test_it_arrives_whole_and_its_viewer_is_told(broker: PortBroker, guest: LoggedPort) -> None:
    viewer = RecordingViewer()
    attach(broker, viewer, grant("anna", takes=("paste",)))
    assert viewer.notices("attached")[0]["paste"] is True
    paste = Paster(viewer, TEXT)
    await paste.until(state="done")
    assert paste.told["verdict"] == "echoed"
    assert hashlib.sha256(guest.typed).digest() == hashlib.sha256(TEXT).digest()


async def test_pause_resume_abort(broker: PortBroker, guest: LoggedPort) -> None:
    viewer = RecordingViewer()
    attach(broker, viewer, grant("anna"))
    assert "paste" not in viewer.notices("attached")[0], "a viewer that does not know it is not told"
    paste = Paster(viewer, TEXT)
    paste.send()
    await until(lambda: len(guest.typed) > 500)
    paste.control("pause")
    assert (paste.told["state"], paste.told["why"]) == ("paused", "asked")
    paste.control("resume")
    assert paste.told["state"] == "typing"
    paste.control("abort")
    typed = paste.told["typed"]
    assert (paste.told["state"], paste.told["why"]) == ("ended", "asked")
    await until(lambda: len(guest.typed) == typed)
    again = Paster(viewer, b"after\r", "p2")
    await again.until(state="done")
    assert bytes(guest.typed) == TEXT[:typed] + b"after\r"


async def test_it_ends_with_the_keyboard(broker: PortBroker, guest: LoggedPort) -> None:
    viewer, other = RecordingViewer(), RecordingViewer()
    attach(broker, viewer, grant("anna"))
    paste = Paster(viewer, TEXT)
    paste.send()
    viewer.attachment.receive(stream.encode(stream.Control("release")))
    assert (paste.told["state"], paste.told["why"]) == ("ended", "keyboardLost")
    typed = paste.told["typed"]
    attach(broker, other, grant("bob"))
    stranger = Paster(viewer, TEXT, "p2")
    assert (stranger.told["state"], stranger.told["typed"]) == ("ended", 0)
    await until(lambda: len(guest.typed) == typed)


async def test_it_waits_for_its_viewer(broker: PortBroker, guest: LoggedPort) -> None:
    viewer = RecordingViewer()
    attach(broker, viewer, grant("anna"))
    paste = Paster(viewer, TEXT)
    paste.send()
    await until(lambda: len(guest.typed) > 500)
    viewer.attachment.detach(True)
    back = RecordingViewer()
    attach(broker, back, grant("anna", resume=broker.spool.end))
    told = back.notices("attached")[0]["pasting"]
    assert (told["state"], told["why"]) == ("paused", "viewerGone")
    paste.viewer = back
    paste.control("resume")
    await paste.until(state="done", verdict="echoed")
    assert bytes(guest.typed) == TEXT


async def test_it_ends_with_the_boot(broker: PortBroker, guest: LoggedPort) -> None:
    """What was meant for a shell must not reach a boot loader."""
    viewer = RecordingViewer()
    attach(broker, viewer, grant("anna"))
    paste = Paster(viewer, TEXT)
    paste.send()
    await until(lambda: len(guest.typed) > 500)
    broker.mark_reset(2)
    assert (paste.told["state"], paste.told["why"]) == ("ended", "guestReset")
    typed = paste.told["typed"]
    await until(lambda: len(guest.typed) == typed)


async def test_a_port_that_takes_nothing_is_said(broker: PortBroker, guest: LoggedPort, monkeypatch) -> None:
    monkeypatch.setattr("outofband.agent.ports.pastes.NOT_TAKEN_SECONDS", 0.2)
    viewer = RecordingViewer()
    attach(broker, viewer, grant("anna"))
    guest.listen(False)
    await stuffed(broker, viewer)
    paste = Paster(viewer, TEXT)
    await paste.until(state="paused", why="notTaken")
    assert not viewer.notices("alarm")


async def stuffed(broker: PortBroker, viewer: RecordingViewer) -> None:
    """The guest does not read: its FIFO is full, and what is typed waits."""
    assert viewer.attachment is not None
    source = broker.source
    while source.queued == source.delivered:
        viewer.attachment.receive(typed(viewer.attachment.typed.accepted, b"k" * 1024))


async def stuck(broker: PortBroker, guest: LoggedPort, viewer: RecordingViewer) -> Paster:
    """A paste of which bytes wait for a guest that does not read."""
    paste = Paster(viewer, TEXT)
    paste.send()
    await until(lambda: len(guest.typed) > 500)
    guest.listen(False)
    fd = os.open(broker.spool.path.with_suffix(".in"), os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(fd, b"k")
    os.close(fd)
    for _ in range(100):
        # What is typed of it is believed to be echoed, so that more is.
        await guest.print(TEXT[: broker.pastes.of("anna").typed][-512:].replace(b"\r", b"\r\n"))
        await asyncio.sleep(0.01)
        if broker.source.queued > broker.source.delivered:
            return paste
    raise AssertionError("nothing waits")


async def test_what_was_thrown_away_ends_it(broker: PortBroker, guest: LoggedPort) -> None:
    viewer = RecordingViewer()
    attach(broker, viewer, grant("anna"))
    paste = await stuck(broker, guest, viewer)
    typed, waiting = broker.pastes.of("anna").typed, broker._keyboard.inbox.pasted
    assert waiting > 0
    broker.undeliverable()
    assert (paste.told["state"], paste.told["why"]) == ("ended", "notTaken")
    assert paste.told["typed"] == typed - waiting, "what the port did not get was not typed"
    paste.control("resume")
    assert paste.told["state"] == "ended"


async def test_an_agents_own_input_that_is_not_taken_ends_it(
    broker: PortBroker, guest: LoggedPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits is thrown away with it: a hole in the paste."""
    monkeypatch.setattr("outofband.agent.ports.broker.INJECT_SECONDS", 0.05)
    viewer = RecordingViewer()
    attach(broker, viewer, grant("anna"))
    paste = await stuck(broker, guest, viewer)
    with pytest.raises(Fault, match="InputNotAccepted"):
        await broker.inject(b"mine")
    assert (paste.told["state"], paste.told["why"]) == ("ended", "notTaken")


async def test_what_a_guest_did_not_take_is_not_for_the_next_boot(
    broker: PortBroker, guest: LoggedPort
) -> None:
    viewer = RecordingViewer()
    attach(broker, viewer, grant("anna"))
    paste = await stuck(broker, guest, viewer)
    assert not broker._keyboard.inbox.empty
    broker.mark_reset(2)
    assert (paste.told["state"], paste.told["why"]) == ("ended", "guestReset")
    assert broker.source.queued == broker.source.delivered
    read = len(guest.typed)
    guest.listen()
    viewer.attachment.receive(typed(viewer.attachment.typed.accepted, b"!"))
    await until(lambda: guest.typed.endswith(b"!"))
    assert bytes(guest.typed[read:]) == b"!", "not even what the kernel kept for it"


async def test_what_nobody_knows_is_answered(broker: PortBroker, guest: LoggedPort) -> None:
    viewer = RecordingViewer()
    attach(broker, viewer, grant("anna"))
    for event in ("pause", "resume", "abort"):
        fields = {"event": event, "id": "lost"}
        viewer.attachment.receive(stream.encode(stream.Control("paste", fields)))
        told = viewer.notices("paste")[-1]
        assert (told["id"], told["state"], told["why"]) == ("lost", "ended", "unknown")
    assert len(viewer.notices("paste")) == 3


async def test_what_became_of_it_is_told_to_who_was_away(broker: PortBroker, guest: LoggedPort) -> None:
    viewer = RecordingViewer()
    attach(broker, viewer, grant("anna"))
    paste = Paster(viewer, b"all of it\r")
    await paste.until(state="done")
    viewer.attachment.detach(True)
    back = RecordingViewer()
    attach(broker, back, grant("anna", resume=broker.spool.end))
    assert back.notices("attached")[0]["pasting"] == paste.told
    paste.viewer = back
    paste.control("abort")
    assert paste.told["state"] == "done", "asked for once more it is told, not forgotten"
    paste.control("begin", size=3)
    assert paste.told["state"] == "done", "nor typed again"
    back.attachment.detach(False)
    again = RecordingViewer()
    attach(broker, again, grant("anna"))
    assert "pasting" not in again.notices("attached")[0]


async def test_finished_ones_are_remembered_within_bounds(
    broker: PortBroker, guest: LoggedPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outofband.agent.ports.pastes.MAX_FINISHED", 2)
    for name in ("anna", "bob", "carl"):
        viewer = RecordingViewer()
        attach(broker, viewer, grant(name))
        await Paster(viewer, b"x\r", name).until(state="done")
        viewer.attachment.detach(True)
    assert [broker.pastes.of(name) is not None for name in ("anna", "bob", "carl")] == [False, True, True]


async def test_another_one_ends_the_first(broker: PortBroker, guest: LoggedPort) -> None:
    """Or its bytes would be taken for the first one's."""
    viewer = RecordingViewer()
    attach(broker, viewer, grant("anna"))
    first = Paster(viewer, TEXT)
    first.send()
    second = Paster(viewer, b"second\r", "p2")
    ends = [each for each in viewer.notices("paste") if each["id"] == "p1"]
    assert (ends[-1]["state"], ends[-1]["why"]) == ("ended", "asked")
    await second.until(state="done", id="p2")
    assert bytes(guest.typed) == TEXT[: ends[-1]["typed"]] + b"second\r"


async def test_each_piece_makes_the_login_its_own(broker: PortBroker, guest: LoggedPort) -> None:
    viewer = RecordingViewer()
    attach(broker, viewer, grant("anna", end_login=True))
    paste = Paster(viewer, TEXT)
    logins = broker._keyboard.logins
    assert logins.owner is None, "nothing was typed yet"
    paste.send()
    assert logins.owner is not None and logins.owner.session == "anna"
    logins.reset()
    at = paste.told["typed"]
    await paste.until(state="done")
    assert at < len(TEXT)
    assert logins.owner is not None and logins.owner.session == "anna"


async def test_its_progress_pushes_no_other_notice_out(broker: PortBroker, guest: LoggedPort) -> None:
    viewer = RecordingViewer()
    attach(broker, viewer, grant("anna"))
    viewer.attachment.congested = True
    viewer.attachment.notify(stream.Notice("power", {"power": "stopped"}))
    for typed_ in range(50):
        viewer.attachment.notify(stream.Notice("paste", {"typed": typed_}))
    viewer.attachment.resume()
    assert viewer.notices("power") and viewer.notices("paste") == [{"typed": 49}]


async def test_it_ends_when_the_right_to_type_is_withdrawn(broker: PortBroker, guest: LoggedPort) -> None:
    viewer = RecordingViewer()
    attach(broker, viewer, grant("anna"))
    paste = Paster(viewer, TEXT)
    paste.send()
    await until(lambda: len(guest.typed) > 500)
    viewer.attachment.renew(grant("anna", may_write=False))
    assert (paste.told["state"], paste.told["why"]) == ("ended", "keyboardLost")
    typed = paste.told["typed"]
    paste.send()
    await until(lambda: len(guest.typed) == typed)


async def test_who_takes_over_pastes_at_once_and_nothing_is_mixed(
    broker: PortBroker, guest: LoggedPort
) -> None:
    viewer, other = RecordingViewer(), RecordingViewer()
    attach(broker, viewer, grant("anna"))
    paste = Paster(viewer, TEXT)
    paste.send()
    await until(lambda: len(guest.typed) > 500)
    attach(broker, other, grant("bob"))
    assert viewer.closed is not None and viewer.closed.code == "TakenOver"
    assert not broker.pastes.active
    own = Paster(other, b"BOB" * 100 + b"\r", "p2")
    await own.until(state="done")
    first = bytes(guest.typed).partition(b"BOB")[0]
    assert TEXT.startswith(first) and bytes(guest.typed) == first + b"BOB" * 100 + b"\r"


async def test_a_viewer_that_waits_for_the_count_is_told_it(broker: PortBroker, guest: LoggedPort) -> None:
    """Counts are told five times a second: the last one too, or nothing more would come to be typed."""
    viewer = RecordingViewer()
    attach(broker, viewer, grant("anna"))
    paste = Paster(viewer, TEXT)
    for piece in (TEXT[:10], TEXT[10:20]):
        # The second is typed and echoed before the next word about it is due.
        at = paste.told["received"]
        viewer.attachment.receive(stream.encode(stream.Paste(at, piece)))
        if at == 0:
            await until(lambda: paste.told["received"] == 10, seconds=promised(3))
    await until(lambda: paste.told["typed"] == 20, seconds=promised(3))
