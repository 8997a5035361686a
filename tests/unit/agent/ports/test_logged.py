"""Typing at a port through its FIFO: bounded, never blocking, and never at the wrong guest."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from pathlib import Path

import pytest

from outofband.agent.ports import fifo
from outofband.agent.ports.broker import PortBroker
from outofband.agent.ports.keys import MAX_PENDING_INPUT
from outofband.core.errors import Fault
from outofband.wire.grant import Mode
from tests.support.wait import until
from tests.unit.agent.ports.peers import LoggedPort, RecordingViewer, attach, grant, typed

pytestmark = pytest.mark.anyio


# --- the FIFO ---


def test_what_is_prepared_is_private_and_prints_to_nowhere(tmp_path: Path) -> None:
    fifo.prepare(tmp_path, "serial0")
    mode = (tmp_path / "serial0.in").stat().st_mode
    assert stat.S_ISFIFO(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert (tmp_path / "serial0.out").readlink() == Path("/dev/null")
    assert len(list(tmp_path.iterdir())) == 2


def test_each_start_has_a_fifo_of_its_own(tmp_path: Path) -> None:
    fifo.prepare(tmp_path, "serial0")
    first = os.open(tmp_path / "serial0.in", os.O_RDWR | os.O_NONBLOCK)
    late = fifo.open_writer(tmp_path / "serial0.in")
    os.write(late, b"for the dead")
    os.close(first)
    fifo.prepare(tmp_path, "serial0")
    second = os.open(tmp_path / "serial0.in", os.O_RDWR | os.O_NONBLOCK)
    try:
        with pytest.raises(BrokenPipeError):
            os.write(late, b"more")
        with pytest.raises(BlockingIOError):
            os.read(second, 1)
    finally:
        os.close(late)
        os.close(second)


def test_the_fifo_of_a_guest_that_runs_is_left_alone(tmp_path: Path) -> None:
    fifo.prepare(tmp_path, "serial0")
    before = (tmp_path / "serial0.in").stat().st_ino
    guest = os.open(tmp_path / "serial0.in", os.O_RDWR | os.O_NONBLOCK)
    try:
        with pytest.raises(OSError, match=r"another process reads serial0\.in already") as caught:
            fifo.prepare(tmp_path, "serial0")
    finally:
        os.close(guest)
    assert caught.value.errno == errno.EBUSY
    assert (tmp_path / "serial0.in").stat().st_ino == before


def test_a_start_that_was_interrupted_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "serial0.in.new").touch()
    (tmp_path / "serial0.out.new").touch()
    fifo.prepare(tmp_path, "serial0")
    assert {entry.name for entry in tmp_path.iterdir()} == {"serial0.in", "serial0.out"}


def test_the_kernel_keeps_little_for_a_guest_that_does_not_read(tmp_path: Path) -> None:
    fifo.prepare(tmp_path, "serial0")
    guest = os.open(tmp_path / "serial0.in", os.O_RDWR | os.O_NONBLOCK)
    late = fifo.open_writer(tmp_path / "serial0.in")
    try:
        assert os.write(late, bytes(1 << 20)) == fifo.PIPE_BYTES
        assert fifo.has_reader(late)
        os.close(guest)
        assert not fifo.has_reader(late)
    finally:
        os.close(late)


# --- the port ---


async def test_the_fifo_is_left_alone_while_nobody_types(broker: PortBroker, port: LoggedPort) -> None:
    viewer = RecordingViewer()
    attach(broker, viewer, grant(mode=Mode.OBSERVE))
    await port.print(b"quiet")
    await until(lambda: viewer.output == b"quiet")
    assert not broker.source.connected
    await broker.inject(b"h")
    await until(lambda: bytes(port.typed) == b"h")
    await until(lambda: not broker.source.connected, "let go of")


async def test_more_than_the_fifo_holds_arrives_whole(broker: PortBroker, port: LoggedPort) -> None:
    viewer = RecordingViewer()
    attachment = attach(broker, viewer)
    pasted = bytes(range(256)) * 800
    for start in range(0, len(pasted), 50_000):
        attachment.receive(typed(start, pasted[start : start + 50_000]))
    await until(lambda: len(port.typed) == len(pasted))
    assert bytes(port.typed) == pasted
    await until(lambda: viewer.acked == len(pasted))


async def test_a_guest_that_does_not_read_is_not_waited_for(broker: PortBroker, port: LoggedPort) -> None:
    port.listen(False)
    viewer = RecordingViewer()
    attachment = attach(broker, viewer)
    attachment.receive(typed(0, b"x" * 10_000))
    assert broker.source.queued - broker.source.delivered == 10_000 - fifo.PIPE_BYTES
    await port.print(b"still here")
    await until(lambda: viewer.output == b"still here")
    with pytest.raises(AssertionError):
        await until(lambda: viewer.acked, seconds=0.1)
    port.listen()
    await until(lambda: viewer.acked == 10_000)
    assert bytes(port.typed) == b"x" * 10_000


async def test_too_much_for_a_deaf_guest_ends_the_session(broker: PortBroker, port: LoggedPort) -> None:
    port.listen(False)
    viewer = RecordingViewer()
    attachment = attach(broker, viewer)
    sent = 0
    while viewer.closed is None:
        attachment.receive(typed(sent, b"x" * 60_000))
        sent += 60_000
        assert sent <= MAX_PENDING_INPUT + fifo.PIPE_BYTES + 60_000
    assert (viewer.closed.code, viewer.closed.resumable) == ("InputNotAccepted", True)
    assert viewer.closed.fields["bytes"] == sent - fifo.PIPE_BYTES


async def test_keys_for_a_stopped_guest_are_told_lost_and_reach_no_other(
    broker: PortBroker, port: LoggedPort
) -> None:
    viewer = RecordingViewer()
    attachment = attach(broker, viewer)
    attachment.receive(typed(0, b"a"))
    await until(lambda: bytes(port.typed) == b"a")
    port.stop()
    attachment.receive(typed(1, b"rm -rf x\r"))
    port.start()
    # The one that runs now gets what is typed from here on, at once.
    attachment.receive(typed(10, b"ls\r"))
    await until(lambda: bytes(port.typed) == b"ls\r")
    assert [notice["fields"] for notice in viewer.notices("alarm")] == [{"vm": "vm", "bytes": 9}]
    await until(lambda: viewer.acked == 13)
    assert viewer.closed is None


async def test_keys_for_a_stopped_guest_are_told_lost_without_another_key(
    broker: PortBroker, port: LoggedPort
) -> None:
    viewer = RecordingViewer()
    attachment = attach(broker, viewer)
    port.stop()
    attachment.receive(typed(0, b"abc"))
    await until(lambda: viewer.notices("alarm"))
    assert viewer.notices("alarm")[0] == {"code": "InputNotAccepted", "fields": {"vm": "vm", "bytes": 3}}
    port.start()
    await until(lambda: broker.source.connected)
    attachment.receive(typed(3, b"d"))
    await until(lambda: bytes(port.typed) == b"d")


async def test_what_a_dying_guest_left_reaches_no_other(broker: PortBroker, port: LoggedPort) -> None:
    port.listen(False)
    viewer = RecordingViewer()
    attachment = attach(broker, viewer)
    attachment.receive(typed(0, b"x" * 20_000))
    port.stop()
    port.start()
    await until(lambda: viewer.notices("alarm"))
    pending = 20_000 - fifo.PIPE_BYTES
    assert viewer.notices("alarm") == [{"code": "InputNotAccepted", "fields": {"vm": "vm", "bytes": pending}}]
    await until(lambda: broker.source.connected)
    attachment.receive(typed(20_000, b"y"))
    await until(lambda: bytes(port.typed) == b"y")


async def test_a_port_nobody_serves_is_an_alarm_until_it_is_back(
    broker: PortBroker, port: LoggedPort
) -> None:
    port.stop()
    attach(broker, RecordingViewer())
    await until(lambda: broker.report().alarm == "PortUnavailable")
    port.start()
    await until(lambda: broker.report().alarm is None)
    assert broker.source.connected


async def test_the_alarm_leaves_with_the_writer(broker: PortBroker, port: LoggedPort) -> None:
    port.stop()
    attachment = attach(broker, RecordingViewer())
    await until(lambda: broker.report().alarm == "PortUnavailable")
    attachment.detach(dropped=False)
    assert broker.report().alarm is None


async def test_injecting_at_a_stopped_guest_is_refused(broker: PortBroker, port: LoggedPort) -> None:
    port.stop()
    with pytest.raises(Fault) as caught:
        await broker.inject(b"h")
    assert (caught.value.code, caught.value.fields) == ("InputNotAccepted", {"vm": "vm", "bytes": 1})
    port.start()
    await broker.inject(b"i")
    await until(lambda: bytes(port.typed) == b"i")


async def test_nothing_that_is_typed_comes_between_a_break_and_its_key(
    broker: PortBroker, port: LoggedPort
) -> None:
    """Linux takes the next key after a BREAK for a SysRq command: a writer's `b` would reboot the guest."""
    viewer = RecordingViewer()
    attachment = attach(broker, viewer)
    port.listen(False)
    attachment.receive(typed(0, b"x" * 100))
    broken: list[bytes] = []

    async def send_break() -> None:
        broken.append(bytes(port.typed))
        attachment.receive(typed(100, b"b"))
        await asyncio.sleep(0.05)

    sending = asyncio.ensure_future(broker.inject(b"h", after=send_break))
    await asyncio.sleep(0.1)
    assert broken == [], "what was typed before lies in the FIFO still"
    port.listen()
    await sending
    await until(lambda: viewer.acked == 101)
    assert broken == [b"x" * 100]
    assert bytes(port.typed) == b"x" * 100 + b"hb"


async def test_no_break_before_what_was_typed_has_been_read(
    broker: PortBroker, port: LoggedPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outofband.agent.ports.broker.INJECT_SECONDS", 0.1)
    attachment = attach(broker, RecordingViewer())
    port.listen(False)
    attachment.receive(typed(0, b"x"))

    async def send_break() -> None:
        raise AssertionError("sent")

    with pytest.raises(Fault) as caught:
        await broker.inject(b"h", after=send_break)
    assert caught.value.code == "InputNotAccepted"
    attachment.receive(typed(1, b"y"))
    port.listen()
    await until(lambda: bytes(port.typed) == b"xy")


async def test_keys_held_back_are_bounded_and_go_with_their_writer(
    broker: PortBroker, port: LoggedPort
) -> None:
    anna, bob = RecordingViewer(), RecordingViewer()
    first = attach(broker, anna, grant("anna"))

    async def send_break() -> None:
        first.receive(typed(0, b"a"))
        attach(broker, bob, grant("bob")).receive(typed(0, b"b"))
        sent = 1
        while bob.closed is None and sent < 2 * MAX_PENDING_INPUT:
            bob.attachment.receive(typed(sent, b"b" * 50_000))
            sent += 50_000
        assert sent < 2 * MAX_PENDING_INPUT

    await broker.inject(b"h", after=send_break)
    assert bob.closed is not None
    assert bob.closed.code == "InputNotAccepted"
    await until(lambda: bytes(port.typed) == b"h")
