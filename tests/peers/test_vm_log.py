"""`oob vm log` on a real guest: boots, times, searches and bytes; and followed while its agent is killed."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outofband.net import process
from tests.peers.house import OOB, House, until

KERNEL = "Linux version"
PROMPT = "demo login:"


class Follower:
    """`oob vm log demo -f -o json`, and what it has printed."""

    def __init__(self, house: House, folder: Path) -> None:
        self._out = folder / "followed.out"
        self._err = folder / "followed.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [*OOB, "vm", "log", "demo", "-f", "-n", "5", "-o", "json"],
                env=house.env,
                stdout=out,
                stderr=err,
            )

    def told(self, kind: str) -> list[dict[str, Any]]:
        whole = self._out.read_bytes().rpartition(b"\n")[0]
        return [each for each in map(json.loads, whole.splitlines()) if each["kind"] == kind]

    def said(self) -> str:
        return self._err.read_text()


@pytest.fixture
def follower(house: House, tmp_path: Path) -> Iterator[Follower]:
    # Begun earlier, it would be told of the first boot as of one that begins.
    at_login(house)
    made = Follower(house, tmp_path)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait()


def lines(house: House, *options: str) -> list[str]:
    return [line["text"] for line in house.json("vm", "log", "demo", *options)["lines"]]


def whole_lines(told: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """Offsets and texts of the lines that the guest has ended. One that was told before its end is told again
    only where more had come to it.
    """
    ended = [
        line
        for line, after in itertools.pairwise(told)
        if not (line.get("open") and after["offset"] == line["offset"] and _goes_on(line, after))
    ]
    return [(line["offset"], line["text"]) for line in ended]


def _goes_on(line: dict[str, Any], after: dict[str, Any]) -> bool:
    """Not another row of a line in whose middle the screen was cleared, as early kernels do."""
    return bool(after["text"].startswith(line["text"]))


def at_login(house: House) -> None:
    """The newest boot has come to its prompt; the kernel may go on talking behind it."""
    until("the login prompt", lambda: lines(house, "--boot", "0", "--grep", PROMPT), 240)


def test_a_follower_outlasts_resets_and_the_agent(house: House, follower: Follower) -> None:
    until("the log is followed", lambda: follower.told("line"))

    house.kill("agent")
    # Nothing may be kept of the log yet.
    away = "The host is away", "Waiting until it is back."
    until("the absence is told", lambda: any(each in follower.said() for each in away))
    house.oob("up", expect=None)
    until("the agent is back", lambda: process.running(house.root / "run" / "agent.json"))
    until("the return is told", lambda: "It goes on." in follower.said())
    house.oob("serial", "send", "demo", "reset")
    until("the new boot is told", lambda: follower.told("boot"))
    until("its lines come", lambda: any(KERNEL in line["text"] for line in follower.told("line")))
    (began,) = follower.told("boot")
    until(
        "its prompt comes",
        lambda: any(
            PROMPT in line["text"] for line in follower.told("line") if line["offset"] > began["from"]
        ),
        240,
    )

    follower.process.send_signal(signal.SIGINT)
    assert follower.process.wait(60) == 130
    assert "Traceback" not in follower.said()
    followed = whole_lines(follower.told("line"))
    printed = whole_lines(house.json("vm", "log", "demo", "-n", "5000")["lines"])
    first = printed.index(followed[0])
    assert followed == printed[first : first + len(followed)]
    # Where the new boot cut the prompt off, too.
    assert any(PROMPT in text for offset, text in followed if offset < began["from"])


def test_boots_times_searches_and_bytes(house: House) -> None:
    at_login(house)
    boots = house.json("vm", "log", "demo", "--boots")
    assert [boot["boot"] for boot in boots] == [-1, 0]
    before, now = lines(house, "--boot", "-1"), lines(house, "--boot", "0")
    for each in (before, now):
        assert sum(KERNEL in line for line in each) == 1
        assert sum(PROMPT in line for line in each) == 1

    since = lines(house, "--since", boots[1]["at"])
    assert since[-10:] == now[-10:]
    assert sum(KERNEL in line for line in since) == 1

    found = house.json("vm", "log", "demo", "--grep", "^\\[ +[0-9.]+\\] linux VERSION", "-i")["lines"]
    assert len(found) == 2
    assert all(line["matches"][0][0] == 0 for line in found)
    assert house.error("vm", "log", "demo", "--grep", "(a", expect=2)["code"] == "LogPatternInvalid"
    assert house.error("vm", "log", "demo", "--boot", "-7", expect=3)["code"] == "LogBootNotFound"

    house.oob("vm", "stop", "demo", "--force")
    (spool,) = (house.root / "agent" / "machines").glob("*/serial0.log")
    recording = house.oob("vm", "log", "demo", "--cast", "-").stdout.splitlines()
    header, *events = map(json.loads, recording)
    assert header["version"] == 2
    assert sum(each[1] == "m" and each[2].startswith("boot ") for each in events) == 2
    assert [each[0] for each in events] == sorted(each[0] for each in events)
    assert "".join(each[2] for each in events if each[1] == "o").count(KERNEL) == 2
    document = house.oob("vm", "log", "demo", "--boot", "-1", "--html", "-").stdout
    assert PROMPT in document
    assert '<span class="' in document
    raw = subprocess.run(
        [*OOB, "vm", "log", "demo", "--raw"], env=house.env, capture_output=True, timeout=120, check=True
    )
    assert raw.stdout == spool.read_bytes()
    assert raw.stdout.count(b"\x1b") > 0
    shown = house.oob("vm", "log", "demo", "-n", "3000", "-t").stdout
    assert "\x1b" not in shown
    assert PROMPT in shown
