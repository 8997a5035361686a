"""Who is on a port: newcomers, those who come back, and those who break off."""

from __future__ import annotations

import pytest

from outofband.agent.ports.attachment import MAX_HELD_NOTICES
from outofband.agent.ports.broker import PortBroker
from outofband.wire.grant import Mode
from outofband.wire.stream import Notice
from tests.support.wait import until
from tests.unit.agent.ports.peers import LoggedPort, RecordingViewer, attach, grant, typed

pytestmark = pytest.mark.anyio


async def test_a_newcomer_is_told_who_is_here(broker: PortBroker) -> None:
    attach(broker, RecordingViewer())
    newcomer = RecordingViewer()
    attach(broker, newcomer, grant("eve", mode=Mode.OBSERVE))
    assert newcomer.notices("attached")[0]["others"] == ["user-s1"]


async def test_a_resumed_session_goes_on_at_its_byte(broker: PortBroker, port: LoggedPort) -> None:
    viewer = RecordingViewer()
    attachment = attach(broker, viewer)
    attachment.receive(typed(0, b"abc"))
    await until(lambda: bytes(port.typed) == b"abc")
    await port.print(b"one ")
    await until(lambda: viewer.output == b"one ")
    attachment.detach(dropped=True)
    await port.print(b"two ")

    again = RecordingViewer()
    attachment = attach(broker, again, grant(resume=4))
    await until(lambda: again.output == b"two ")
    [welcome] = again.notices("attached")
    assert (welcome["input"], welcome["mode"]) == (3, "write")
    attachment.receive(typed(0, b"abcd"))
    await until(lambda: bytes(port.typed) == b"abcd")


async def test_the_same_session_again_replaces_its_old_socket(broker: PortBroker, port: LoggedPort) -> None:
    old, new = RecordingViewer(), RecordingViewer()
    attach(broker, old).receive(typed(0, b"ab"))
    await until(lambda: old.acked == 2)
    attachment = attach(broker, new, grant(resume=0))
    assert old.closed is not None
    assert old.closed.code == "SessionEnded"
    assert new.notices("attached")[0]["input"] == 2
    attachment.receive(typed(2, b"c"))
    await until(lambda: bytes(port.typed) == b"abc")
    assert broker.report().viewers == 1


async def test_notices_for_one_who_does_not_read_are_kept_but_bounded(broker: PortBroker) -> None:
    viewer = RecordingViewer(room=1)
    attachment = attach(broker, viewer)
    for number in range(100):
        broker.send_notice_all(Notice("power", {"power": str(number)}))
    assert viewer.sent == 1
    viewer.room = None
    attachment.resume()
    told = [fields["power"] for fields in viewer.notices("power")]
    assert told == [str(number) for number in range(100 - MAX_HELD_NOTICES, 100)]


async def test_a_transport_that_raises_costs_only_itself(broker: PortBroker, port: LoggedPort) -> None:
    class Broken(RecordingViewer):
        def send(self, frame: bytes) -> bool:
            if self.sent:
                raise RuntimeError("broken")
            return super().send(frame)

    well = RecordingViewer()
    attach(broker, well, grant("well", mode=Mode.OBSERVE))
    attach(broker, Broken(), grant("broken", mode=Mode.OBSERVE))
    await port.print(b"output")
    await until(lambda: well.output == b"output")
    await until(lambda: broker.report().viewers == 1)
