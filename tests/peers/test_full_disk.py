"""A full disk while a real guest prints: each line is shown, or the place where lines are missing is told."""

from __future__ import annotations

import base64
import itertools
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guests.build import Guest
from outofband.core.errors import Fault
from outofband.core.secrets import write_private
from tests.peers.host import HostLab
from tests.peers.house import OOB, House, until
from tests.peers.test_nothing_is_lost import LINE, Watcher, run_in_guest, whole
from tests.support.terminal import Terminal

pytestmark = [
    pytest.mark.exact,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root"),
]

SIZE_MIB = 16
LIMITS = "[limits]\nring_mib = 1\nreserve_mib = 1\n"


class SmallDisk:
    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir(mode=0o700, parents=True)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m,mode=700", "oob-test", place], check=True
        )
        self.filler = place / "filler"

    def fill(self) -> None:
        with self.filler.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                try:
                    while file.write(b"x" * size) == size:
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        self.filler.unlink(missing_ok=True)

    def close(self) -> None:
        subprocess.run(["umount", "-l", self.place], check=True)


@pytest.fixture
def cramped(demo_guest: Guest) -> Iterator[tuple[House, SmallDisk]]:
    """A house whose machines live on a disk of their own, which is small."""
    house = House(demo_guest)
    (house.root / "agent").mkdir(mode=0o700)
    write_private(house.root / "agent" / "agent.toml", LIMITS)
    disk = SmallDisk(house.root / "agent" / "machines")
    try:
        house.up()
        yield house, disk
    finally:
        house.oob("down", expect=None)
        disk.close()
        house.close()


@pytest.mark.soak
def test_with_the_agent_at_work_a_full_disk_costs_old_history_only(cramped: tuple[House, SmallDisk]) -> None:
    house, disk = cramped
    watcher = Watcher(house)
    try:
        until("the watcher is attached", lambda: viewers(house))
        disk.fill()
        run_in_guest(house, b"numbers 30000")
        whole(watcher, 30000)
    finally:
        watcher.close()


@pytest.mark.soak
def test_what_a_full_disk_swallowed_while_the_agent_was_dead_is_told(
    cramped: tuple[House, SmallDisk],
) -> None:
    house, disk = cramped
    with Terminal([*OOB, "console", "demo", "--observe", "--replay", "0"], house.env) as seat:
        seat.expect(rb"watching demo")
        run_in_guest(house, b"numbers 60000")
        seat.expect(rb"line 00000100 ")
        disk.fill()
        house.kill("agent")
        log = next((house.root / "agent" / "machines").glob("*/serial0.log"))
        until("the guest has filled what was reserved", lambda: settled(log), 90)
        house.up("--no-demo")
        seat.expect(rb"missing here", 60)
        assert house.json("agent", "status")["gaps"]
        disk.free()
        run_in_guest(house, b"numbers 50")
        seat.expect(rb"line 00000050 ", 60)
    shown = [int(found[1]) for found in LINE.finditer(bytes(seat.seen))]
    # A word of ours ("anna has the keyboard now") may cut a line, which then does not count.
    jumps = [(a, b) for a, b in itertools.pairwise(shown) if b - a > 3]
    told = len(re.findall(rb"missing here", bytes(seat.seen)))
    assert told >= 1
    assert len(jumps) <= told, f"lines are missing at {jumps} without a word"


def viewers(house: House) -> int:
    return sum(port["viewers"] for vm in house.json("agent", "status")["machines"] for port in vm["ports"])


def settled(log: Path) -> bool:
    """Nobody can write to the log any more: a second passes without growth."""

    before = log.stat().st_size
    time.sleep(1)
    return log.stat().st_size == before


@pytest.mark.anyio
async def test_a_picture_that_finds_no_room_leaves_the_guest_running(
    tmp_path: Path, demo_guest: Guest
) -> None:
    """QEMU's own PNGs end it there: libpng aborts when it cannot write."""
    disk = SmallDisk(tmp_path / "state")
    lab = HostLab(disk.place, demo_guest)
    try:
        await lab.machines.load()
        await lab.create("noise")
        await lab.perform("start")
        await lab.shows(b"~")
        disk.fill()
        with pytest.raises(Fault, match="No space left on device") as caught:
            await lab.perform("screenshot")
        assert caught.value.code == "HypervisorRefused"
        disk.free()
        assert base64.b64decode((await lab.perform("screenshot")).data["png"]).startswith(b"\x89PNG")
    finally:
        await lab.close()
        disk.close()
