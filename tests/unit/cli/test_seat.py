"""`oob console` in a real pseudo-terminal: what a person sees, and the terminal he gets back."""

from __future__ import annotations

import contextlib

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from outofband.core.errors import Fault
from outofband.wire import stream
from outofband.wire.grant import Mode
from tests.support.wait import until
from tests.unit.cli.seats import quiet, seated
from tests.unit.client.far import Far, Visit, refusal

pytestmark = [pytest.mark.anyio, pytest.mark.peers]


async def test_attach_type_and_leave(far: Far) -> None:
    left: list[int | None] = []

    async def script(visit: Visit) -> None:
        await visit.attached(0, live=4)
        await visit.output(0, b"oldnew")
        assert await visit.read(3) == b"ls\r"
        await visit.output(6, b"files")
        left.append(await visit.gone())

    far.scripts.append(script)
    async with seated(far) as seat:
        shown = await seat.expect(rb"you have the keyboard")
        assert b"connecting to demo ... Ctrl-] opens a menu" in shown
        assert b"do not print\r\nsecrets" in await seat.expect(rb"you were here is\.")
        await seat.expect(rb"oldnew")
        assert seat.raw()
        seat.send(b"ls\r")
        await seat.expect(rb"files")
        seat.send(b"\x1d")
        await seat.expect(rb"q quit   Ctrl-\] send Ctrl-\]")
        seat.send(b"q")
        await seat.expect(rb"left\. A login you opened in the guest stays open")
        assert b"SAC logs out by itself" in await seat.expect(rb"TMOUT")
        assert await seat.ended() == 0
    await until(lambda: left == [1000])


async def test_keys_before_quit_arrive_and_those_after_it_do_not(far: Far) -> None:
    got: list[bytes] = []

    async def script(visit: Visit) -> None:
        await visit.attached()
        with contextlib.suppress(Exception):
            while True:
                frame = await visit.next()
                assert isinstance(frame, stream.Input)
                got.append(frame.payload)

    far.scripts.append(script)
    async with seated(far) as seat:
        await seat.expect(rb"you have the keyboard")
        seat.send(b"a\x1dqrm -rf /\r")
        assert await seat.ended() == 0
    await until(lambda: b"".join(got) == b"a")


async def test_hostile_output_and_its_reader(far: Far) -> None:
    evil = b"\x1b]52;c;ZXZpbA==\x07\x1b]0;title\x07\x1b[6n\x05\x1bZ"

    async def script(visit: Visit) -> None:
        await visit.attached(0, live=len(evil))
        await visit.output(0, evil)
        await visit.output(len(evil), b"<" + evil + b">")
        await visit.gone()

    far.scripts.append(script)
    async with seated(far) as seat:
        shown = await seat.expect(rb"<.*>")
        assert shown.count(b"\x1b[6n") == 1, "a query passes while it is live and the reader writes"
        assert b"<\x1b[6n>" in shown
        for bad in (b"\x1b]52", b"\x1b]0", b"\x05", b"\x1bZ"):
            assert bad not in shown
        seat.send(b"\x1dq")
        await seat.ended()


async def test_names_cannot_speak_to_the_terminal(far: Far) -> None:
    async def script(visit: Visit) -> None:
        await visit.attached(mode=Mode.OBSERVE, writer="eve\x1b]0;x\x07\x9b")
        await visit.gone()

    far.scripts.append(script)
    async with seated(far, "--observe") as seat:
        assert b"\x1b]0" not in await seat.expect(rb"watching demo; eve.*types")
        assert b"use SSH or RDP" in await seat.expect(rb"you were here is\.")
        seat.send(b"\x1dq")
        await seat.ended()


async def test_what_happens_is_told(far: Far) -> None:
    async def script(visit: Visit) -> None:
        await visit.attached()
        await visit.send(stream.Gap(0, 100, stream.GapReason.TRIMMED))
        await visit.send(stream.Gap(100, 100, stream.GapReason.LOST))
        await visit.send(stream.Notice("power", {"power": "stopped"}))
        await visit.send(stream.Notice("reset", {"offset": 100}))
        await visit.send(stream.Notice("joined", {"who": "bob"}))
        await visit.send(stream.Notice("left", {"who": "bob"}))
        await visit.send(stream.Notice("writer", {"writer": "bob", "mode": "observe"}))
        await visit.send(stream.Notice("writer", {"writer": None, "mode": "observe"}))
        await visit.send(stream.Notice("alarm", {"code": "SpoolDiskFull", "path": "/spool"}))
        held = {"code": "KeyboardHeld", "fields": {"vm": "demo", "by": "carol"}}
        await visit.send(stream.Notice("alarm", held))
        unserved = {"code": "PortUnavailable", "fields": {"vm": "demo", "detail": "nobody reads it"}}
        await visit.send(stream.Notice("alarm", unserved))
        await visit.send(stream.Notice("something new", {}))
        await visit.send(stream.Close("SessionEnded", {"detail": "so it is"}))

    far.scripts.append(script)
    async with seated(far) as seat:
        for words in (
            rb"100 bytes of output are missing here \(trimmed\)",
            rb"an unknown amount of output are missing here \(lost\)",
            rb"the VM is stopped",
            rb"the VM was reset",
            rb"bob is here too",
            rb"bob has left",
            rb"bob has the keyboard now",
            rb"nobody has the keyboard now",
            rb"no room to keep more console output in '/spool'",
            rb"carol types on the console of 'demo'",
            rb"oob \x1b\[0m [^\r]*nobody reads it",
            rb"error.*\(SessionEnded\).*so it is",
        ):
            await seat.expect(words)
        assert await seat.ended() == 7


async def test_taken_over(far: Far) -> None:
    async def script(visit: Visit) -> None:
        await visit.attached()
        await visit.send(stream.Close("TakenOver", {"by": "bob", "at": "2026-01-02T03:04:05Z"}))

    far.scripts.append(script)
    async with seated(far) as seat:
        told = await seat.expect(rb"set TMOUT")
        assert b"bob took over this console at 2026-01-0" in told
        assert b"NOT ended" in told
        assert b"SAC logs out by itself" in told
        assert b"05Z" not in told, "on a screen it is this machine's own time"
        assert await seat.ended() == 7


async def test_the_menu_acts(far: Far) -> None:
    async def act(request: Request) -> Response:
        return JSONResponse({"properties": {"output": {"observed": f"seen {request.url.path[-5:]}"}}})

    far.scripts.append(quiet)
    async with seated(far) as seat:
        await seat.expect(rb"you have the keyboard")
        far.answers += [act, act, act, refusal(Fault("GuestPanicked", vm="demo"))]
        seat.send(b"\x1dny")
        await seat.expect(rb"nmi: seen 0/nmi")
        seat.send(b"\x1dsH")
        await seat.expect(rb"SysRq: press its key")
        await seat.expect(rb"sysrq: seen sysrq")
        seat.send(b"\x1dr")
        await seat.expect(rb"is lost\. y/N")
        seat.send(b"n\x1dry")
        await seat.expect(rb"reset: seen reset")
        seat.send(b"\x1dny")
        await seat.expect(rb"nmi failed: The guest told its hypervisor")
        seat.send(b"\x1di")
        await seat.expect(rb"demo port 0, at byte 0: attached, write")
        seat.send(b"\x1dq")
        assert await seat.ended() == 0
    asked = [(path.rpartition("/")[2], body) for _, path, body in far.asked[1:]]
    assert asked == [("nmi", None), ("sysrq", {"key": "h"}), ("reset", None), ("nmi", None)]


async def test_a_lost_line_comes_back(far: Far) -> None:
    async def broken(visit: Visit) -> None:
        await visit.attached()
        await visit.output(0, b"one ")
        await visit.read(1)
        visit.cut()

    async def whole(visit: Visit) -> None:
        await visit.attached(visit.first.resume or 0)
        await visit.output(4, b"two")
        await visit.gone()

    far.scripts += [broken, whole]
    async with seated(far) as seat:
        await seat.expect(rb"one ")
        far.answers.append(refusal(Fault("VmNotRunning", vm="demo", power="stopped")))
        seat.send(b"x")
        await seat.expect(rb"connection lost: .*was cut.*Coming back by itself")
        await seat.expect(rb"connection lost: The VM 'demo' is in state 'stopped'")
        await seat.expect(rb"connected again")
        await seat.expect(rb"two")
        seat.send(b"\x1dq")
        assert await seat.ended() == 0


async def test_a_refusal_prints_code_and_remedy(far: Far) -> None:
    far.answers.append(refusal(Fault("VmNotRunning", vm="demo", power="stopped")))
    async with seated(far) as seat:
        await seat.expect(rb"error.*\(VmNotRunning\)")
        await seat.expect(rb"remedy:.*oob vm start demo")
        assert await seat.ended() == 5


async def test_another_key_for_the_menu(far: Far) -> None:
    heard: list[bytes] = []

    async def script(visit: Visit) -> None:
        await visit.attached()
        heard.append(await visit.read(1))
        await visit.output(0, b"$")
        await visit.gone()

    far.scripts.append(script)
    async with seated(far, "--escape", "^a") as seat:
        await seat.expect(rb"Ctrl-A opens a menu")
        await seat.expect(rb"you have the keyboard")
        seat.send(b"\x1d")
        await seat.expect(rb"\$")
        assert heard == [b"\x1d"]
        seat.send(b"\x01q")
        assert await seat.ended() == 0


async def test_keys_are_what_the_port_reads(far: Far) -> None:
    """Typed in a real terminal, one byte at a time where that could matter, and measured at the far side."""
    got: list[bytes] = []

    async def script(visit: Visit) -> None:
        await visit.attached(0, live=0)
        printed = 0
        for output, size in ((b"demo login: ", 8), (b"\r\nSAC>", 11), (b"cmd\r\n\r\nC:\\>", 18)):
            await visit.output(printed, output)
            printed += len(output)
            got.append(await visit.read(size))
        got[:] = [got[2][:8], got[2][8:11], got[2][11:]]
        await visit.gone()

    far.scripts.append(script)
    async with seated(far) as seat:
        await seat.expect(rb"demo login: ")
        for byte in b"\x1b[19~":
            seat.send(bytes([byte]))
        seat.send(b"\x1b[H")
        await seat.expect(rb"SAC>")
        seat.send(b"\x1b[A\x1b[3~c\x7f")
        await seat.expect(rb"SAC's prompt knows no arrow")
        seat.send(b"\x1b")
        await seat.expect(rb"C:\\>")
        seat.send(b"\x1b[19~\x1b[H\x1b[A")
        await until(lambda: len(got) == 3)
        seat.send(b"\x1dq")
        assert await seat.ended() == 0
    assert got == [b"\x1b[19~\x1b[H", b"c\x08\x1b", b"\x1b8\x1bh\x1b[A"]
