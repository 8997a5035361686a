"""One port, its viewers and its keyboard, over real sockets and a real log."""

from __future__ import annotations

import pytest

from outofband.agent.ports.broker import PortBroker
from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.wire import arbiter, stream
from outofband.wire.grant import Mode
from outofband.wire.stream import Control
from tests.support.wait import until
from tests.unit.agent.ports.peers import LoggedPort, RecordingViewer, attach, grant, typed

pytestmark = pytest.mark.anyio


async def test_input_without_bytes_is_a_question_that_is_answered(broker: PortBroker) -> None:
    watcher = RecordingViewer()
    attachment = attach(broker, watcher, grant("eve", mode=Mode.OBSERVE))
    attachment.receive(typed(0, b""))
    await until(lambda: stream.Ack(0) in watcher.frames)


async def test_keys_reach_the_port_and_are_acknowledged(broker: PortBroker, port: LoggedPort) -> None:
    viewer = RecordingViewer()
    attachment = attach(broker, viewer)
    attachment.receive(typed(0, b"ro"))
    attachment.receive(typed(2, b"ot\r"))
    await until(lambda: bytes(port.typed) == b"root\r")
    await until(lambda: viewer.acked == 5)


async def test_input_sent_twice_is_typed_once(broker: PortBroker, port: LoggedPort) -> None:
    viewer = RecordingViewer()
    attachment = attach(broker, viewer)
    attachment.receive(typed(0, b"abc"))
    attachment.receive(typed(0, b"abc"))
    attachment.receive(typed(1, b"bcd"))
    await until(lambda: viewer.acked == 4)
    await until(lambda: bytes(port.typed) == b"abcd")


async def test_input_beyond_what_was_told_is_not_typed_out_of_order(
    broker: PortBroker, port: LoggedPort
) -> None:
    viewer = RecordingViewer()
    attachment = attach(broker, viewer)
    attachment.receive(typed(1, b"b"))
    attachment.receive(typed(0, b"abc"))
    await until(lambda: viewer.acked == 3)
    await until(lambda: bytes(port.typed) == b"abc")


async def test_take_over_tells_both(broker: PortBroker, port: LoggedPort) -> None:
    ann, bob, eve = RecordingViewer(), RecordingViewer(), RecordingViewer()
    first = attach(broker, ann, grant("ann"))
    attach(broker, eve, grant("eve", mode=Mode.OBSERVE))
    second = attach(broker, bob, grant("bob"))
    assert ann.closed is not None
    assert ann.closed.code == "TakenOver"
    assert ann.closed.fields["by"] == "user-bob"
    assert clock.parse_iso(ann.closed.fields["at"]).timestamp() == pytest.approx(clock.wall(), abs=2)
    assert not ann.closed.resumable
    await until(lambda: eve.notices("writer")[-1:] == [{"writer": "user-bob", "mode": "observe"}])
    first.receive(typed(0, b"late"))
    second.receive(typed(0, b"mine"))
    await until(lambda: bytes(port.typed) == b"mine")


async def test_one_beaten_while_away_does_not_steal_it_back(broker: PortBroker) -> None:
    attach(broker, RecordingViewer(), grant("ann")).detach(dropped=True)
    bob = RecordingViewer()
    attach(broker, bob, grant("bob"))
    ann = RecordingViewer()
    attach(broker, ann, grant("ann", resume=0))
    assert ann.closed is not None
    assert (ann.closed.code, ann.closed.fields["by"]) == ("TakenOver", "user-bob")
    assert bob.closed is None
    assert broker.report().viewers == 1


async def test_observer_types_nothing(broker: PortBroker, port: LoggedPort) -> None:
    viewer = RecordingViewer()
    attachment = attach(broker, viewer, grant(mode=Mode.OBSERVE, may_write=False))
    attachment.receive(typed(0, b"x"))
    attachment.receive(stream.encode(Control("write")))
    await until(lambda: viewer.notices("alarm"))
    assert viewer.notices("alarm")[0]["code"] == "WriteNotGranted"
    assert port.typed == b""


async def test_expiry_ends_a_session(broker: PortBroker) -> None:
    viewer = RecordingViewer()
    attach(broker, viewer, grant(exp=clock.wall() - 29.9))
    await until(lambda: viewer.closed)
    assert viewer.closed is not None
    assert (viewer.closed.code, viewer.closed.resumable) == ("GrantExpired", True)


async def test_inject_leaves_the_writer_his_seat(broker: PortBroker, port: LoggedPort) -> None:
    viewer = RecordingViewer()
    attachment = attach(broker, viewer)
    await broker.inject(b"h")
    attachment.receive(typed(0, b"x"))
    await until(lambda: bytes(port.typed) == b"hx")
    await until(lambda: viewer.acked == 1)
    assert broker.report().writer == "user-s1"


async def test_a_port_that_is_closed_cannot_be_attached(broker: PortBroker) -> None:
    await broker.close()
    with pytest.raises(Fault) as caught:
        broker.attach(RecordingViewer(), grant())
    assert caught.value.code == "PortUnavailable"


async def test_closing_ends_every_session_resumably(broker: PortBroker) -> None:
    viewer = RecordingViewer()
    attach(broker, viewer)
    await broker.close()
    assert viewer.closed is not None
    assert (viewer.closed.code, viewer.closed.resumable) == ("SessionEnded", True)


async def test_a_reset_is_told_and_marked(broker: PortBroker, port: LoggedPort) -> None:
    viewer = RecordingViewer()
    attach(broker, viewer)
    await port.print(b"first")
    await until(lambda: viewer.output == b"first")
    broker.mark_reset(2)
    assert viewer.notices("reset") == [{"offset": 5, "boot": 2}]
    assert [(boot.number, boot.offset) for boot in broker.spool.boots()] == [(2, 5)]


async def test_monitor_mode_refuses_every_writer(broker: PortBroker, port: LoggedPort) -> None:
    broker._keyboard._arbiter.monitor = True
    viewer = RecordingViewer()
    attachment = attach(broker, viewer)
    assert viewer.notices("attached")[0]["mode"] == "observe"
    assert viewer.notices("alarm")[0]["code"] == "WriteRefusedByHost"
    attachment.receive(typed(0, b"x"))
    assert broker.source.queued == 0


async def test_a_renewed_grant_may_say_less(broker: PortBroker) -> None:
    viewer = RecordingViewer()
    attachment = attach(broker, viewer)
    attachment.renew(grant(may_write=False))
    assert viewer.notices("writer")[-1] == {"writer": None, "mode": "observe"}
    with pytest.raises(Fault, match="GrantInvalid"):
        attachment.renew(grant("other"))
    attachment.renew(grant(exp=clock.wall() - 60))
    assert viewer.closed is not None
    assert viewer.closed.code == "GrantExpired"


async def test_a_kept_seat_is_free_after_a_while(broker: PortBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arbiter, "RESERVE_SECONDS", 0.0)
    viewer = RecordingViewer()
    attach(broker, viewer, grant("watcher", mode=Mode.OBSERVE))
    attach(broker, RecordingViewer(), grant("writer")).detach(dropped=True)
    assert broker.report().writer == "user-writer"
    await until(lambda: viewer.notices("writer")[-1:] == [{"writer": None, "mode": "observe"}])


async def test_garbage_from_a_viewer_is_a_protocol_error(broker: PortBroker) -> None:
    attachment = attach(broker, RecordingViewer())
    for frame in (b"", b"\x99", stream.data(0, b"x"), stream.encode(Control("dance"))):
        with pytest.raises(ProtocolError):
            attachment.receive(frame)


async def test_what_a_dropped_writer_left_pending_is_not_typed_for_the_next(
    broker: PortBroker, port: LoggedPort
) -> None:
    port.listen(False)
    attachment = attach(broker, RecordingViewer(), grant("ann"))
    for number in range(4):
        attachment.receive(typed(number * 32768, b"a" * 32768))
    waiting = broker.source.queued - broker.source.delivered
    assert waiting > 0
    attachment.detach(dropped=True)
    attach(broker, RecordingViewer(), grant("bob")).receive(typed(0, b"b"))
    port.listen()
    await until(lambda: port.typed.endswith(b"b"))
    assert len(port.typed) == 4 * 32768 - waiting + 1


async def test_who_takes_it_is_told_what_the_port_shows(broker: PortBroker, port: LoggedPort) -> None:
    await port.print(b"\r\nSAC>")
    taker, other = RecordingViewer(), RecordingViewer()
    attach(broker, taker, grant(takes=("state",)))
    attach(broker, other, grant("eve", mode=Mode.OBSERVE))
    assert taker.notices("state") == [{"state": "sac"}]
    assert broker.report().shows == "sac"
    await port.print(b"\r\nSAC>restart\r\nSeaBIOS (version 1.16)\r\n")
    await until(lambda: taker.notices("state")[1:] == [{"state": "firmware"}])
    broker.mark_reset(2)
    assert taker.notices("state")[-1] == {"state": "silent"}
    assert other.notices("state") == []
