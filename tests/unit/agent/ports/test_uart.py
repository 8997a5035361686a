"""Ports on terminal devices of the host. A pair of pseudo terminals stands for the wire: what is opened is a
real terminal with a real line discipline, but it has no speed, no carrier and no BREAK.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import subprocess
import sys
import termios
import tty
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outofband.agent.ports.broker import PortBroker
from outofband.agent.ports.hub import PortHub
from outofband.agent.ports.spool import Spool
from outofband.agent.ports.uart import UartSource, open_raw
from tests.support.wait import until
from tests.unit.agent.ports.peers import RecordingViewer, attach, grant, typed

pytestmark = pytest.mark.anyio
EVERY_BYTE = bytes(range(256)) * 8


class Wire:
    """The other end of the cable. Plugging it in gives the device its name in `path`, as udev would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.end = -1

    def plug(self) -> None:
        self.end, device = os.openpty()
        # As a driver leaves it: cooked, with echo. To be raw is the agent's business.
        name = os.ttyname(device)
        os.close(device)
        os.set_blocking(self.end, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(name)

    def pull(self) -> None:
        os.close(self.end)
        self.end = -1
        self.path.unlink()

    def heard(self) -> bytes:
        with contextlib.suppress(BlockingIOError, OSError):
            return os.read(self.end, 65536)
        return b""

    def close(self) -> None:
        if self.end >= 0:
            os.close(self.end)


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    return Wire(tmp_path / "ttyUSB0")


@pytest.fixture
async def broker(hub: PortHub, wire: Wire, tmp_path: Path) -> AsyncIterator[PortBroker]:
    wire.plug()
    broker = PortBroker("vm", "0", Spool(tmp_path / "0.log", reserve=0), UartSource(hub, wire.path, 115200))
    await broker.open()
    yield broker
    await broker.close()
    wire.close()


async def test_every_byte_comes_and_goes_as_it_is(broker: PortBroker, wire: Wire) -> None:
    viewer = RecordingViewer()
    attach(broker, viewer, grant("ada"))
    # In pieces: nobody may have to have room for all of it at once.
    for start in range(0, len(EVERY_BYTE), 256):
        os.write(wire.end, EVERY_BYTE[start : start + 256])
        await until(lambda end=start + 256: broker.spool.end >= end, "it is read")
    await until(lambda: len(viewer.output) == len(EVERY_BYTE), "it is shown")
    assert viewer.output == EVERY_BYTE

    heard = bytearray()
    offset = 0
    for start in range(0, len(EVERY_BYTE), 256):
        piece = EVERY_BYTE[start : start + 256]
        assert viewer.attachment is not None
        viewer.attachment.receive(typed(offset, piece))
        offset += len(piece)

        def arrived(end: int = offset) -> bool:
            heard.extend(wire.heard())
            return len(heard) >= end

        await until(arrived, "it is typed")
    assert bytes(heard) == EVERY_BYTE
    # Nothing was echoed by the line itself.
    assert broker.spool.end == len(EVERY_BYTE)


async def test_the_line_is_raw_and_nobody_elses(broker: PortBroker, wire: Wire) -> None:
    iflag, oflag, cflag, lflag, ispeed, ospeed, _ = termios.tcgetattr(wire.end)
    assert (iflag, oflag, lflag) == (termios.IGNBRK, 0, 0)
    assert (ispeed, ospeed) == (termios.B115200, termios.B115200)
    assert cflag & termios.CLOCAL and not cflag & (termios.CRTSCTS | termios.HUPCL | termios.PARENB)
    with pytest.raises(OSError, match="another program"):
        open_raw(wire.path, 9600)
    if os.geteuid():
        with pytest.raises(OSError):
            os.open(wire.path, os.O_RDWR | os.O_NOCTTY)


async def test_it_is_no_controlling_terminal(hub: PortHub, wire: Wire, tmp_path: Path) -> None:
    """A process without one that opens a terminal gets it for one, unless it says that it wants none."""
    wire.plug()
    script = (
        "import os, pathlib, sys\n"
        "from outofband.agent.ports.uart import open_raw\n"
        "open_raw(pathlib.Path(sys.argv[1]), 115200)\n"
        "try:\n"
        "    os.open('/dev/tty', os.O_RDWR)\n"
        "except OSError:\n"
        "    print('none')\n"
    )
    command = [sys.executable, "-c", script, str(wire.path)]
    done = await asyncio.to_thread(
        subprocess.run, command, start_new_session=True, capture_output=True, text=True, check=True
    )
    wire.close()
    assert done.stdout == "none\n"


async def test_an_adapter_pulled_out_and_plugged_in_again(broker: PortBroker, wire: Wire) -> None:
    viewer = RecordingViewer()
    attach(broker, viewer, grant("ada"))
    os.write(wire.end, b"before ")
    await until(lambda: viewer.output == b"before ", "it is shown")
    wire.pull()
    await until(lambda: broker.alarm, "it is told")
    assert broker.alarm is not None
    assert broker.alarm[0] == "PortUnavailable"
    assert not broker.source.connected
    # What is typed into nothing must not reach what is plugged in next.
    assert viewer.attachment is not None
    viewer.attachment.receive(typed(0, b"rm -rf /\r"))
    wire.plug()
    await until(lambda: broker.source.connected, "it is opened again")
    os.write(wire.end, b"after")
    await until(lambda: viewer.output == b"before after", "it goes on")
    assert broker.alarm is None
    viewer.attachment.receive(typed(9, b"x"))
    heard = bytearray()

    def arrived() -> bool:
        heard.extend(wire.heard())
        return bool(heard)

    await until(arrived, "the next key arrives")
    assert bytes(heard) == b"x"


async def test_a_device_held_by_another_is_waited_for(hub: PortHub, wire: Wire, tmp_path: Path) -> None:
    wire.plug()
    other = os.open(wire.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX)
    broker = PortBroker("vm", "0", Spool(tmp_path / "0.log", reserve=0), UartSource(hub, wire.path, 9600))
    await broker.open()
    assert broker.alarm is not None
    assert "another program has it open" in str(broker.alarm[1]["detail"])
    os.close(other)
    await until(lambda: broker.source.connected, "it is free")
    await broker.close()
    # Given back whole: the next program may open it.
    after = os.open(wire.path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(after)
    os.close(after)
    wire.close()


async def test_what_is_no_terminal_is_refused_in_words(hub: PortHub, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name, words in (("file", "no terminal device"), ("nothing", "no such device")):
        source = UartSource(hub, tmp_path / name, 9600)
        broker = PortBroker("vm", "0", Spool(tmp_path / f"{name}.log", reserve=0), source)
        await broker.open()
        assert broker.alarm is not None
        assert words in str(broker.alarm[1]["detail"])
        await broker.close()
