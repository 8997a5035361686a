"""A paste into PowerShell under the simulated SAC, whose PSReadLine makes three of two that come together."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from outofband.simulators.sac import Kind
from outofband.wire.pasted import paste_of
from outofband.wire.pasting import AHEAD, Pasting, State, Verdict
from tests.support.sac import Played

LEAN, WHOLE = 3000, 100_000


def typed_at(
    seat: Played, keys: bytes, *, echo_s: float = 0.003, way_s: Callable[[], float] = lambda: 0.0
) -> Pasting:
    """In the simulator's own time: what is typed takes `way_s` to it, what it prints `echo_s` back."""
    paste = Pasting("p", len(keys), seat.now, before=bytes(seat.output[-2048:]))
    for _ in range(1_000_000):
        paste.feed(paste.received, keys[paste.received : paste.typed + AHEAD])
        piece, wait = paste.step(seat.now)
        if paste.state is not State.TYPING:
            return paste
        if piece:
            seat.now += way_s()
        came = seat.type(piece) if piece else b""
        if not came:
            came = seat.wait(wait or 0.0)
        seat.now += echo_s
        if came:
            paste.printed(came, seat.now)
    raise AssertionError("it does not end")


def document(size: int) -> bytes:
    """Words with pairs among them, in lines of any length."""
    chance = random.Random(size)
    text = ""
    while len(text) < size:
        letters = "".join(chance.choice("abcdefghijklmnopqrstuvwxyz0123456789$(){};") for _ in range(60))
        single = "".join(one for one, next_ in pairwise(letters) if one != next_)
        text += single[: chance.randint(20, 60)] + chance.choice(["", "", "", "ee", " $Book"]) + "\n"
    return text[: size - 1].encode() + b"\n"


@pytest.mark.parametrize("size", [LEAN, pytest.param(WHOLE, marks=pytest.mark.soak)])
def test_nothing_is_lost_or_tripled(size: int) -> None:
    seat = Played()
    seat.open_cmd()
    seat.type(b"powershell\r")
    text = document(size)
    assert any(one == other for one, other in pairwise(text)), "there are repeats"
    paste = typed_at(seat, paste_of(b"@'\n" + text + b"'@ | Out-File x.txt\n").keys)
    assert (paste.state, paste.verdict) == (State.DONE, Verdict.ECHOED)
    written = next(each.data for each in reversed(seat.events) if each.kind is Kind.FILE)
    # PowerShell ends what it writes as Windows does, and the last line once.
    assert hashlib.sha256(written).digest() == hashlib.sha256(text.rstrip(b"\n") + b"\r\n").digest()


def test_a_pause_is_measured_at_the_guest_on_a_slow_way() -> None:
    """What was typed may arrive late, and the next of it at once."""
    seat = Played()
    seat.open_cmd()
    seat.type(b"powershell\r")
    chance = random.Random(5)
    text = document(1500)
    keys = paste_of(b"@'\n" + text + b"'@ | Out-File x.txt\n").keys
    paste = typed_at(seat, keys, way_s=lambda: chance.choice([0.001, 0.7]))
    assert paste.verdict is Verdict.ECHOED
    written = next(each.data for each in reversed(seat.events) if each.kind is Kind.FILE)
    assert written == text.rstrip(b"\n") + b"\r\n"
