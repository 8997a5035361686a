"""A real program on a real terminal, held by a process that outlives its starter."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outofband.agent.ports.broker import PortBroker
from outofband.agent.ports.fifo import PIPE_BYTES
from outofband.agent.ports.hub import PortHub
from outofband.agent.ports.keys import MAX_PENDING_INPUT
from outofband.agent.ports.logged import LoggedSource
from outofband.agent.ports.program import (
    PtyHost,
    find_ptyhost,
    last_exit,
    start_ptyhost,
    stop_ptyhost,
    wait_ptyhost,
)
from outofband.agent.ports.ptyhost import MAX_TYPED
from outofband.agent.ports.spool import Spool
from outofband.core.errors import Fault
from tests.support.wait import until
from tests.unit.agent.ports.peers import RecordingViewer, attach, grant, typed

pytestmark = pytest.mark.anyio

SHELL = ["/bin/sh", "-c", "echo started; while read line; do echo got $line; done"]


@pytest.fixture
async def console(hub: PortHub, tmp_path: Path) -> AsyncIterator[PortBroker]:
    broker = PortBroker("vm", "0", Spool(tmp_path / "serial0.log"), LoggedSource(hub, tmp_path))
    await broker.open()
    yield broker
    await broker.close()
    if (host := find_ptyhost(tmp_path)) is not None:
        await stop_ptyhost(host, force=True)


async def test_type_at_a_program(console: PortBroker, tmp_path: Path) -> None:
    await start_ptyhost(tmp_path, SHELL)
    viewer = RecordingViewer()
    attachment = attach(console, viewer)
    await until(lambda: b"started\r\n" in viewer.output)
    attachment.receive(typed(0, b"hello\r"))
    await until(lambda: b"got hello\r\n" in viewer.output)


async def test_the_program_survives_its_agent(console: PortBroker, hub: PortHub, tmp_path: Path) -> None:
    host = await start_ptyhost(tmp_path, ["/bin/sh", "-c", "sleep 0.2; echo while away; exec cat"])
    await console.close()
    log = tmp_path / "serial0.log"
    await until(lambda: b"while away" in log.read_bytes())
    again = PortBroker("vm", "0", Spool(log), LoggedSource(hub, tmp_path))
    await again.open()
    assert find_ptyhost(tmp_path) == host
    viewer = RecordingViewer()
    attach(again, viewer)
    await until(lambda: b"while away" in viewer.output)
    earliest, latest = again.spool.time_of(0)
    assert earliest < latest
    await again.close()


async def test_last_words_and_exit_status_are_kept(console: PortBroker, tmp_path: Path) -> None:
    words = "x" * 3000
    host = await start_ptyhost(tmp_path, ["/bin/sh", "-c", f"printf {words}; exit 3"])
    assert await wait_ptyhost(host, 5)
    await until(lambda: last_exit(tmp_path))
    ended = last_exit(tmp_path)
    assert ended is not None
    assert (ended.exit, ended.signal) == (3, None)
    assert (tmp_path / "serial0.log").read_bytes() == words.encode()
    assert not (tmp_path / "serial0.in").exists()
    assert find_ptyhost(tmp_path) is None


async def test_stop_asks_first(console: PortBroker, tmp_path: Path) -> None:
    host = await start_ptyhost(
        tmp_path, ["/bin/sh", "-c", "trap '' HUP TERM; echo deaf; while :; do sleep 1; done"]
    )
    await until(lambda: b"deaf" in (tmp_path / "serial0.log").read_bytes())
    assert not await stop_ptyhost(host, timeout=0.3)
    assert host.alive
    assert await stop_ptyhost(host, force=True)
    ended = last_exit(tmp_path)
    assert ended is not None
    assert ended.signal == signal.SIGKILL


async def test_polite_programs_end_when_asked(console: PortBroker, tmp_path: Path) -> None:
    host = await start_ptyhost(tmp_path, ["/bin/cat"])
    assert await stop_ptyhost(host)
    ended = last_exit(tmp_path)
    assert ended is not None
    assert ended.signal in (signal.SIGHUP, signal.SIGTERM)


async def test_no_such_program(tmp_path: Path) -> None:
    with pytest.raises(Fault) as caught:
        await start_ptyhost(tmp_path, ["/no/such/program"])
    assert caught.value.code == "VmStartFailed"
    assert "/no/such/program: No such file or directory" in caught.value.fields["detail"]
    assert not (tmp_path / "serial0.job").exists()


async def test_secrets_are_in_no_argument_list(console: PortBroker, tmp_path: Path) -> None:
    host = await start_ptyhost(tmp_path, ["/bin/sh", "-c", "echo key $KEY; exec cat"], {"KEY": "hush"})
    await until(lambda: b"key hush" in (tmp_path / "serial0.log").read_bytes())
    assert b"hush" not in Path(f"/proc/{host.pid}/cmdline").read_bytes()
    assert not (tmp_path / "serial0.job").exists()


async def test_a_reused_pid_is_never_signalled() -> None:
    stranger = PtyHost(pid=os.getpid(), start_ticks=1, child=0)
    assert not stranger.alive
    assert stranger.pidfd() is None
    assert not stranger.signal(signal.SIGTERM)
    assert await stop_ptyhost(stranger, force=True)


async def test_typing_is_bounded_while_the_program_does_not_read(console: PortBroker, tmp_path: Path) -> None:
    """Nor does it hold up what the program prints; and nothing of it is lost once it reads."""
    program = (
        "import os, sys, time, tty; tty.setraw(0); print('deaf', flush=True)\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n"
        "for n in range(20000): print('%07d' % n)\n"
        "sys.stdout.flush(); left = int(sys.argv[2])\n"
        "while left: left -= len(os.read(0, left))\n"
        "print('heard all', flush=True); time.sleep(60)"
    )
    many = MAX_PENDING_INPUT // 2
    go = tmp_path / "go"
    await start_ptyhost(tmp_path, [sys.executable, "-c", program, str(go), str(many)])
    log = tmp_path / "serial0.log"
    await until(lambda: b"deaf" in log.read_bytes())
    attachment = attach(console, RecordingViewer())
    for start in range(0, many, 65536):
        attachment.receive(typed(start, b"x" * min(65536, many - start)))
    source = console.source
    await until(lambda: source.delivered > MAX_TYPED)
    assert source.delivered < 2 * MAX_TYPED + 2 * PIPE_BYTES
    assert source.queued == many
    go.touch()
    await until(lambda: b"0019999" in log.read_bytes())
    await until(lambda: b"heard all" in log.read_bytes())


async def test_long_directory_names(hub: PortHub, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    await start_ptyhost(deep, SHELL)
    broker = PortBroker("vm", "0", Spool(deep / "serial0.log"), LoggedSource(hub, deep))
    await broker.open()
    viewer = RecordingViewer()
    attach(broker, viewer, grant()).receive(typed(0, b"deep\r"))
    await until(lambda: b"got deep" in viewer.output)
    await broker.close()
    host = find_ptyhost(deep)
    assert host is not None
    assert await stop_ptyhost(host, force=True)
