"""Minutes of kill -9 at random moments, of everything that can be killed: each line once, in order.

`OOB_SOAK_MINUTES` says how long (default 10). Prints what was done.
"""

from __future__ import annotations

import os
import random
import time

from tests.peers.guest import number_line
from tests.peers.house import House, until
from tests.peers.test_nothing_is_lost import LINE, Watcher, attached, run_in_guest

MINUTES = float(os.environ.get("OOB_SOAK_MINUTES", "10"))
ENOUGH = 99_999_999


def test_random_kills(house: House) -> None:
    dice = random.Random(7)
    watcher = Watcher(house)
    kills = {"agent": 0, "control": 0}
    longest = 0.0
    try:
        until("the watcher is attached", lambda: attached(house))
        run_in_guest(house, b"numbers %d 0.005" % ENOUGH)
        end = time.monotonic() + MINUTES * 60
        while time.monotonic() < end:
            time.sleep(dice.uniform(0.2, 6.0))
            for service in dice.choice((["agent"], ["control"], ["agent", "control"])):
                house.kill(service)
                kills[service] += 1
            time.sleep(dice.uniform(0.0, 3.0))
            began = time.monotonic()
            house.up("--no-demo")
            seen = len(watcher.seen)
            until("output flows again", lambda seen=seen: len(watcher.seen) > seen, 60)
            longest = max(longest, time.monotonic() - began)
            assert watcher.process.poll() is None
        bytes_seen = bytes(watcher.seen)
    finally:
        watcher.close()
        house.oob("vm", "stop", "--force", "demo", expect=None)
    found = list(LINE.finditer(bytes_seen))
    numbers = [int(line[1]) for line in found[:-1]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert all(line[0] == number_line(int(line[1])) for line in found[:-1])
    print(f"\nkills: {kills}; {len(numbers)} lines, each once, in order; back within {longest:.1f} s")
