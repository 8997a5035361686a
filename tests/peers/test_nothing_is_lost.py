"""Numbered lines through kill -9, a viewer that never reads, a late viewer: each line once, in order."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from outofband.net import process
from tests.peers.guest import PASSWORD, number_line
from tests.peers.house import OOB, House, until
from tests.support.terminal import LOGIN_OR_SHELL, SHELL, Terminal

pytestmark = pytest.mark.exact

LINE = re.compile(rb"line (\d{8}) [^\r\n]*")


class Watcher:
    """`oob console --observe` into a pipe: the guest's bytes and nothing else."""

    def __init__(self, house: House, name: str = "demo", replay: int = 0) -> None:
        command = [*OOB, "console", name, "--observe", "--replay", str(replay)]
        self.process = subprocess.Popen(
            command, env=house.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.seen = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while chunk := os.read(self.process.stdout.fileno(), 65536):
            self.seen += chunk

    def numbers(self) -> list[int]:
        return [int(found[1]) for found in LINE.finditer(bytes(self.seen))]

    def close(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._thread.join(5)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def watcher(house: House) -> Iterator[Watcher]:
    made = Watcher(house)
    yield made
    made.close()


def run_in_guest(house: House, command: bytes) -> None:
    """Type a command on the console as a person does, then leave."""
    with Terminal([*OOB, "console", "demo", "--replay", "0"], house.env) as seat:
        seat.expect(rb"you have the keyboard")
        seat.send(b"\x03\r")
        if b"login:" in seat.expect(LOGIN_OR_SHELL):
            seat.send(b"demo\r")
            seat.expect(rb"Password: ")
            seat.send(PASSWORD.encode() + b"\r")
            seat.expect(SHELL)
        seat.send(b"stty -echo; " + command + b"\r")
        seat.expect(rb"line 00000001")
        seat.send(b"\x1dq")
        assert seat.wait() == 0


def whole(watcher: Watcher, last: int) -> None:
    """Every line from 1 to `last` came once, in order, unbroken."""
    until(f"line {last} arrives", lambda: last in watcher.numbers()[-3:])
    numbers = watcher.numbers()
    start = len(numbers) - numbers[::-1].index(1) - 1
    assert numbers[start:] == list(range(1, last + 1))
    for found in LINE.finditer(bytes(watcher.seen)):
        assert found[0] == number_line(int(found[1])), "a line was broken"


def test_killing_the_agent_loses_nothing(house: House, watcher: Watcher) -> None:
    until("the watcher is attached", lambda: attached(house))
    run_in_guest(house, b"numbers 1500 0.002")
    for _ in range(2):
        seen = len(watcher.numbers())
        until("lines flow", lambda seen=seen: len(watcher.numbers()) > seen + 100)
        house.kill("agent")
        time.sleep(0.5)  # not a wait for anything: the guest prints while nobody looks
        house.up("--no-demo")
    whole(watcher, 1500)


def test_killing_the_control_plane_loses_nothing(house: House, watcher: Watcher) -> None:
    until("the watcher is attached", lambda: attached(house))
    run_in_guest(house, b"numbers 1500 0.002")
    for _ in range(2):
        seen = len(watcher.numbers())
        until("lines flow", lambda seen=seen: len(watcher.numbers()) > seen + 100)
        house.kill("control")
        house.up("--no-demo")
    whole(watcher, 1500)


def test_a_viewer_that_never_reads_hurts_nobody(house: House, watcher: Watcher) -> None:
    until("the watcher is attached", lambda: attached(house))
    stuck = subprocess.Popen(
        [*OOB, "console", "demo", "--observe"],
        env=house.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        # The word of its coming must not stand behind the prompt that the next one waits for.
        until("the stuck viewer is attached", lambda: attached(house, 2))
        # Its pipe fills up after 64 KiB, and from there on nothing behind it is read any more.
        run_in_guest(house, b"numbers 12000")
        whole(watcher, 12000)
        resident = {service: memory(house.pid(service)) for service in ("agent", "control")}
        run_in_guest(house, b"numbers 12000")
        whole(watcher, 12000)
        for service, before in resident.items():
            assert memory(house.pid(service)) < before + 32 * 1024, f"{service} keeps what nobody reads"
    finally:
        stuck.kill()
        stuck.wait()
        assert stuck.stdout is not None
        stuck.stdout.close()


def test_a_flood_from_boot_is_all_there_for_who_comes_later(house: House) -> None:
    late = Watcher(house, replay=1 << 20)
    try:
        run_in_guest(house, b"numbers 3000")
        whole(late, 3000)
    finally:
        late.close()
    later = Watcher(house, replay=1 << 20)
    try:
        # The replay reaches back into longer runs, which have a line 3000 of their own.
        until("the replay arrives", lambda: last_run(later)[-1:] == [3000])
        assert last_run(later) == list(range(1, 3001))
    finally:
        later.close()


def last_run(watcher: Watcher) -> list[int]:
    """The numbers since the last line 1; empty before there is one."""
    numbers = watcher.numbers()
    return numbers[len(numbers) - 1 - numbers[::-1].index(1) :] if 1 in numbers else []


def attached(house: House, viewers: int = 1) -> bool:
    found = house.json("agent", "status")
    return any(port["viewers"] >= viewers for machine in found["machines"] for port in machine["ports"])


def memory(pid: int) -> int:
    """Resident KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"process {pid} is gone")


def test_the_guest_outlives_its_agent(house: House) -> None:
    qemu = next((house.root / "agent" / "machines").glob("*/qemu.pid"))
    before = int(qemu.read_text())
    born = process.start_ticks(before)
    house.kill("agent")
    house.up("--no-demo")
    assert process.start_ticks(before) == born, "the same QEMU goes on"
    assert house.json("status")["vms"][0]["power"] == "running"
