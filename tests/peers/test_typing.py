"""Typing at a real QEMU: the log stays exact, no guest waits for us, keys reach the guest meant or none."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from guests.build import Guest
from outofband.agent.config import Image, add_image, config_path
from outofband.agent.hypervisors.qemu import QemuDriver
from outofband.agent.ports.attachment import Attachment
from outofband.wire.machine import Power
from tests.peers.guest import number_lines
from tests.peers.host import BOOT_S, VM, HostLab
from tests.support.wait import until
from tests.unit.agent.ports.peers import RecordingViewer, attach, grant, typed

pytestmark = pytest.mark.anyio

PROMPT = b"root@demo:~# "
LINES = 20_000
PASTE_BYTES = 200_000
FLOOD_BYTES = 3 * 1024 * 1024
"""More than any buffer between a guest and somebody who does not read."""
NUMBER = re.compile(rb"line (\d{8}) [^\r\n]*\r\n")


@pytest.fixture
async def lab(tmp_path: Path, demo_guest: Guest) -> AsyncIterator[HostLab]:
    """Guests whose kernel is silent, so that nothing stands in the middle of a line."""
    lab = HostLab(tmp_path / "state", demo_guest)
    words = {"root": "oob.login=root", "flood": "oob.numbers=0"}
    for name, more in words.items():
        image = Image(
            kernel=str(demo_guest.kernel),
            initrd=str(demo_guest.initrd),
            cmdline=f"{demo_guest.cmdline} loglevel=0 {more}",
        )
        add_image(config_path(lab.state), name, image)
    await lab.restart()
    yield lab
    await lab.close()


class Writer:
    """Somebody at the keyboard."""

    def __init__(self, lab: HostLab) -> None:
        self.viewer = RecordingViewer()
        self.attachment: Attachment = attach(lab.port, self.viewer, grant(vm=VM, replay=0))
        self.count = 0

    def type(self, data: bytes) -> None:
        for start in range(0, len(data), 16_384):
            piece = data[start : start + 16_384]
            self.attachment.receive(typed(self.count, piece))
            self.count += len(piece)


async def shell(lab: HostLab) -> Writer:
    """A guest at a root shell, and somebody who types there."""
    await lab.create("root")
    await lab.perform("start")
    await lab.shows(PROMPT)
    return Writer(lab)


@pytest.mark.exact
async def test_a_guest_that_prints_while_somebody_types_is_logged_exactly(lab: HostLab) -> None:
    writer = await shell(lab)
    since = lab.end
    writer.type(b"stty -echo; numbers %d; echo don''e\r" % LINES)
    await lab.shows(b"line 00000001 ", since)
    ended = asyncio.Event()

    async def keep_typing() -> None:
        while not ended.is_set():
            writer.type(b"x\x15")
            await asyncio.sleep(0.002)

    async with asyncio.TaskGroup() as group:
        group.create_task(keep_typing())
        await lab.shows(b"done", since, 120)
        ended.set()
    assert writer.count > 500
    await until(lambda: writer.viewer.acked == writer.count)
    console = lab.port.spool.read(since, lab.end)
    printed = console[console.index(b"line 00000001 ") : console.index(b"done")]
    assert printed == number_lines(1, LINES)
    # What was read from the log by the one who typed is the same.
    assert number_lines(1, LINES) in writer.viewer.output


AGENT = """
import asyncio, sys
from pathlib import Path
import uvloop
from outofband.agent.machines.registry import Machines
from outofband.core.paths import StateDir
from tests.unit.agent.ports.peers import RecordingViewer, attach, grant, typed

async def agent():
    machines = Machines(StateDir(Path(sys.argv[1])))
    await machines.load()
    port = machines.port(sys.argv[2], "0")
    attachment = attach(port, RecordingViewer(), grant(vm=sys.argv[2]))
    assert port.source.connected
    for count in range(1_000_000):
        attachment.receive(typed(count, b"x"))
        if count == 100:
            print("ready", flush=True)
        await asyncio.sleep(0.005)

uvloop.run(agent())
"""


async def test_a_stopped_agent_with_a_writer_holds_up_no_guest(lab: HostLab) -> None:
    await lab.create("flood")
    await lab.perform("start")
    await lab.shows(b"line 00000100 ")
    log = lab.machine.directory / "serial0.log"
    await lab.machines.close()
    words = [sys.executable, "-c", AGENT, str(lab.state.root), VM]
    agent = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    try:
        assert agent.stdout is not None
        async with asyncio.timeout(BOOT_S):
            while b"ready" not in await agent.stdout.readline():
                assert not agent.stdout.at_eof()
        agent.send_signal(signal.SIGSTOP)
        begin = log.stat().st_size
        await until(lambda: log.stat().st_size > begin + FLOOD_BYTES, seconds=60)
        with log.open("rb") as file:
            file.seek(begin)
            printed = file.read(FLOOD_BYTES)
    finally:
        agent.kill()
        await agent.wait()
    # The first lines may have what was typed last in the middle of them; nothing more came after that.
    numbers = [int(found[1]) for found in NUMBER.finditer(printed, FLOOD_BYTES // 3)]
    lines = number_lines(numbers[0], numbers[-1])
    assert len(lines) > FLOOD_BYTES // 2
    assert lines in printed
    await lab.restart()


@pytest.mark.exact
async def test_keys_for_a_guest_that_is_gone_do_not_reach_the_next(lab: HostLab) -> None:
    writer = await shell(lab)
    driver = lab.machine.driver
    assert isinstance(driver, QemuDriver)
    assert driver._monitor is not None
    await driver._monitor.execute("stop")
    # The guest stands still: what it does not take fills the FIFO, and the rest waits with us.
    writer.type(b"echo lea''ked\r" * 1000)
    source = lab.port.source
    assert source.queued > source.delivered
    await lab.perform("stop", graceful=False)
    writer.type(b"echo lea''ked\r" * 10)
    await until(
        lambda: any(notice["code"] == "InputNotAccepted" for notice in writer.viewer.notices("alarm"))
    )
    assert lab.machine.power is Power.STOPPED
    writer.type(b"echo lea''ked\r")

    since = lab.end
    await lab.perform("start")
    await lab.shows(PROMPT, since)
    writer.type(b"echo we''ll\r")
    await lab.shows(b"well", since)
    console = lab.port.spool.read(since, lab.end)
    assert b"leaked" not in console
    assert b"lea''ked" not in console
    assert writer.viewer.closed is None


@pytest.mark.exact
async def test_a_long_paste_arrives_whole(lab: HostLab) -> None:
    writer = await shell(lab)
    since = lab.end
    letters = random.Random(1).choices(b"abcdefghijklmnopqrstuvwxyz0123456789\n", k=PASTE_BYTES)
    pasted = bytes(letters)
    writer.type(b"stty raw -echo; echo rea''dy; head -c %d | md5sum; stty sane\r" % PASTE_BYTES)
    await lab.shows(b"ready", since)
    writer.type(pasted)
    await lab.shows(hashlib.md5(pasted, usedforsecurity=False).hexdigest().encode(), since, 60)
    await until(lambda: writer.viewer.acked == writer.count)
