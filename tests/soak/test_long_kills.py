"""Minutes of kill -9 at random moments, of everything that can be killed, under typing and output.

The guest counts and repeats the keys that are typed; the agent, the control plane, a viewer and whoever types
are killed. Every byte that somebody saw is the one QEMU wrote, in order; every key arrived once, or was told
as perhaps not delivered. `OOB_SOAK_MINUTES` says how long (default 10). Prints what was done.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Iterator

import pytest

from tests.peers.guest import PASSWORD
from tests.peers.house import OOB, House, until
from tests.peers.test_flood import Record
from tests.peers.test_nothing_is_lost import Watcher, attached
from tests.soak.ledger import Typing, wait_for
from tests.support.terminal import LOGIN_OR_SHELL, SHELL, Terminal

MINUTES = float(os.environ.get("OOB_SOAK_MINUTES", "10"))
MISSING = re.compile(r"(\d+) bytes of output are missing at byte (\d+)")
UNIQUE = 200
"""So many bytes of the guest's counting stand in one place of its log only."""


@pytest.fixture
def counting(house: House) -> Iterator[Record]:
    """The log of a guest that prints numbered lines for ever and repeats what is typed, line by line."""
    [log] = (house.root / "agent" / "machines").glob("*/serial0.log")
    record = Record(log)
    with Terminal([*OOB, "console", "demo", "--replay", "0"], house.env) as seat:
        seat.expect(rb"you have the keyboard")
        seat.send(b"\x03\r")
        if b"login:" in seat.expect(LOGIN_OR_SHELL, 60):
            seat.send(b"demo\r")
            seat.expect(rb"Password: ")
            seat.send(PASSWORD.encode() + b"\r")
            seat.expect(SHELL)
        seat.send(b"stty -echo; numbers 0 0.01 & cat; kill %1; stty echo\r")
        seat.expect(rb"line 00000001", 60)
        seat.send(b"\x1dq")
        assert seat.wait() == 0
    yield record
    with Terminal([*OOB, "console", "demo", "--replay", "0"], house.env) as seat:
        seat.expect(rb"you have the keyboard")
        # The shell may drop the rest of its line with the program that was interrupted; then its prompt
        # stands somewhere among the lines, and these go on.
        seat.send(b"\x03\r")
        seat.send(b"kill %1; stty echo\r")
        seat.expect(SHELL, 60)
        seat.send(b"\x1dq")
        seat.wait()
    record.close()


def test_random_kills(house: House, counting: Record) -> None:
    dice = random.Random(7)
    lasting, mortal = Watcher(house), Watcher(house)
    typing = Typing(house)
    read: list[int] = []
    kills = {"agent": 0, "control": 0, "viewer": 0, "typist": 0}
    longest = 0.0
    try:
        until("viewers and typist are attached", lambda: attached(house, 3) and typing.typed > 0, 60)
        end = time.monotonic() + MINUTES * 60
        while time.monotonic() < end:
            time.sleep(dice.uniform(0.2, 6.0))
            chosen = dice.choice((["agent"], ["control"], ["viewer"], ["typist"], ["agent", "control"]))
            for each in chosen:
                kills[each] += 1
                if each == "viewer":
                    read.append(check_watcher(counting, mortal))
                    mortal = Watcher(house)
                elif each == "typist":
                    typing.kill()
                    typing.again()
                else:
                    house.kill(each)
            time.sleep(dice.uniform(0.0, 3.0))
            began = time.monotonic()
            house.up("--no-demo")
            seen = len(lasting.seen)
            wait_for("output flows again", lambda seen=seen: len(lasting.seen) > seen, typing)
            if mortal.process.poll() is not None:
                # A viewer that came while nobody was there to let it in.
                mortal.close()
                mortal = Watcher(house)
            longest = max(longest, time.monotonic() - began)
            assert lasting.process.poll() is None
        wait_for("the typist is there again", lambda typed=typing.typed: typing.typed > typed, typing)
        typing.finish()
        last = counting.end
        until("the viewer has seen it all", lambda: lasting_end(counting, lasting) >= last, 120)
        read.append(check_watcher(counting, lasting))
        said = typing.check(counting)
    finally:
        lasting.close()
        mortal.close()
        if typing.alive:
            typing.kill()
    assert all(count > 0 for count in kills.values()) or MINUTES < 5
    print(f"\nkills: {kills}; {said}; {sum(read)} bytes in pipes of viewers; back within {longest:.1f} s")


def lasting_end(record: Record, watcher: Watcher) -> int:
    """Offset up to which a viewer has seen the log."""
    tail = bytes(watcher.seen[-UNIQUE:])
    at = record.seen.rfind(tail)
    return record.start + at + len(tail) if at >= 0 else 0


def check_watcher(record: Record, watcher: Watcher) -> int:
    """End it. What it passed on is a part of the log, without what it told to be missing; how much it was."""
    watcher.process.kill()
    watcher.process.wait(30)
    watcher._thread.join(30)
    assert watcher.process.stderr is not None
    told = watcher.process.stderr.read().decode(errors="replace")
    text = bytes(watcher.seen)
    watcher.close()
    if len(text) < UNIQUE:
        assert text in record.seen
        return len(text)
    until("the log is read up to there", lambda: record.seen.find(text[-UNIQUE:]) >= 0, 30)
    at = record.seen.find(text[:UNIQUE])
    assert at >= 0 and record.seen.find(text[:UNIQUE], at + 1) < 0
    at += record.start
    size = len(text)
    for found in MISSING.finditer(told):
        count, start = int(found[1]), int(found[2])
        assert record.of(at, start) == text[: start - at]
        text, at = text[start - at :], start + count
    assert record.of(at, at + len(text)) == text
    return size
