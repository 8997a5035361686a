"""`oob console` in terminals of other sizes than the guest's."""

from __future__ import annotations

import pytest

from tests.support.wait import until
from tests.unit.cli.seats import seated
from tests.unit.client.far import Far, Visit

pytestmark = [pytest.mark.anyio, pytest.mark.peers]


async def test_one_key_tells_a_shell_the_size(far: Far) -> None:
    told: list[bytes] = []

    async def script(visit: Visit) -> None:
        await visit.attached()
        await visit.output(0, b"demo@demo:~$ ")
        told.append(await visit.read(len(b"stty rows 40 cols 132\r")))
        await visit.gone()

    far.scripts.append(script)
    async with seated(far, size=(40, 132)) as seat:
        await seat.expect(rb"demo:~\$ ")
        seat.send(b"\x1dz")
        await until(lambda: told)
        seat.send(b"\x1dq")
        assert await seat.ended() == 0
    assert told == [b"stty rows 40 cols 132\r"]


async def test_the_size_is_told_after_each_login_where_that_was_asked_for(far: Far) -> None:
    told: list[bytes] = []
    words = b"stty rows 40 cols 132\r"

    async def script(visit: Visit) -> None:
        before = b"demo login: demo\r\n$ "
        await visit.attached(0, live=len(before))
        await visit.output(0, before)
        at = len(before)
        for printed in (b"exit\r\ndemo login: ", b"demo\r\nPassword: ", b"\r\ndemo@demo:~$ "):
            await visit.output(at, printed)
            at += len(printed)
        told.append(await visit.read(len(words)))
        await visit.output(at, b"ls\r\ndemo@demo:~$ seen")
        await visit.gone()
        told.append(bytes(visit.typed))

    far.scripts.append(script)
    async with seated(far, "--tell-size", size=(40, 132)) as seat:
        await seat.expect(rb"seen")
        seat.send(b"\x1dq")
        assert await seat.ended() == 0
    await until(lambda: len(told) == 2)
    assert told == [words, words]


async def test_without_a_shell_the_guest_is_boxed(far: Far) -> None:
    async def script(visit: Visit) -> None:
        await visit.attached()
        await visit.output(0, b"Press any key ")
        assert await visit.read(1) == b"x"
        await visit.output(14, b"w" * 81)
        assert await visit.read(2) == b"xy"
        await visit.output(95, b"w" * 81)
        await visit.gone()

    far.scripts.append(script)
    async with seated(far, size=(40, 132)) as seat:
        await seat.expect(rb"Press any key ")
        seat.send(b"\x1dz")
        shown = await seat.expect(rb"(?s)no shell.*Press any key ")
        assert b"\x1b[1;25r\x1b[26;1H\x1b[K-- 80 x 25 -- Ctrl-] z: the whole terminal again --" in shown
        assert b"no shell's prompt waits here" in shown.replace(b"\r\n", b"")
        seat.send(b"x")
        await seat.expect(rb"w\r\nw+")
        seat.terminal.resize(24, 80)
        assert b"\x1b[r" in await seat.expect(rb"too small for 80 x 25 now")
        seat.send(b"\x1dz")
        await seat.expect(rb"this terminal \(80 x 24\) is smaller")
        seat.terminal.resize(40, 132)
        seat.send(b"\x1dz")
        await seat.expect(rb"Ctrl-L does it")
        seat.send(b"\x1dz")
        await seat.expect(rb"has the whole terminal again")
        seat.send(b"y")
        await seat.expect(rb"w{81}")
        seat.send(b"\x1dq")
        assert await seat.ended() == 0
