"""A paste at a port: typed as the guest echoes, by who has the keyboard, and told to its viewer."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from outofband.agent.ports.broker import PortBroker
from outofband.wire import stream
from outofband.wire.pasting import AHEAD
from tests.support.wait import until
from tests.unit.agent.ports.peers import LoggedPort, RecordingViewer, attach, grant

pytestmark = pytest.mark.anyio


class Paster:
    """A viewer that pastes: sends as much ahead as the protocol lets it."""

    def __init__(self, viewer: RecordingViewer, text: bytes) -> None:
        self.viewer, self.text = viewer, text
        self.control("begin", size=len(text))

    def control(self, event: str, **more: Any) -> None:
        fields = {"event": event, "id": "p1", **more}
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
    again = Paster(viewer, b"after\r")
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
    stranger = Paster(viewer, TEXT)
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
    guest.stop()
    paste = Paster(viewer, TEXT)
    await paste.until(state="paused", why="notTaken")
