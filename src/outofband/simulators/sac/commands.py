"""The commands at the `SAC>` prompt: found by their first letters, as ReactOS' `conmgr.c` does it."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from typing import Protocol

from outofband.simulators.sac import texts
from outofband.simulators.sac.settings import Settings

PREFIXES = ("crashdump", "shutdown", "restart", "help", "lock", "cmd", "id", "?", "t", "f", "p", "d")
"""In this order: the first that the line begins with is meant. Others, as `ch`, need a blank or the end."""
WITH_WORDS = ("ch", "k", "l", "r", "m", "s", "i")
MAX_PID = 10_000_000


class Machine(Protocol):
    """What a command needs of the machine it is given at."""

    settings: Settings
    up_at: float

    def restart(self, now: float) -> None: ...
    def shut_down(self, now: float) -> None: ...
    def crash(self, code: int) -> None: ...
    def new_prompt(self, now: float) -> str: ...
    def lock(self) -> None: ...
    def channel(self, words: list[str]) -> str: ...


@dataclasses.dataclass
class Process:
    pid: int
    name: str
    priority: int = 8
    memory: int = 8_192
    limit: int = 0


def processes() -> list[Process]:
    """A few that every Windows Server has."""
    names = [
        (0, "Idle Process", 0, 8),
        (4, "System", 8, 144),
        (272, "smss.exe", 11, 1_204),
        (380, "csrss.exe", 13, 5_052),
        (484, "wininit.exe", 13, 6_712),
        (616, "services.exe", 9, 9_860),
        (624, "lsass.exe", 9, 17_532),
        (760, "svchost.exe", 8, 13_780),
        (1872, "sacsess.exe", 8, 4_120),
    ]
    return [Process(*each) for each in names]


def parse(line: str) -> tuple[str, list[str]] | None:
    """The command and its words; None for what is no command."""
    line = line.lower().strip()
    words = line.split()
    if not words:
        return None
    if words[0] in WITH_WORDS:
        return words[0], words[1:]
    found = next((each for each in PREFIXES if line.startswith(each)), None)
    return (found, line[len(found) :].split()) if found else None


class Commands:
    """What is remembered between commands: processes, paging, the clock, the addresses."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._processes = processes()
        self._detailed = True
        self._paging = True
        self._clock = 0.0
        self._networks = {2: ("10.0.0.4", "255.255.255.0", "10.0.0.1")}

    def run(self, line: str, now: float) -> str:
        """The answer to a line. An empty line has none."""
        if not line.strip():
            return ""
        found = parse(line)
        if found is None:
            return texts.UNKNOWN
        name, words = found
        handler: Callable[[list[str], float], str] = getattr(self, "_" + NAMED.get(name, name))
        return handler(words, now)

    def _help(self, _words: list[str], _now: float) -> str:
        return texts.HELP

    def _ch(self, words: list[str], _now: float) -> str:
        return self._machine.channel(words)

    def _cmd(self, _words: list[str], now: float) -> str:
        return self._machine.new_prompt(now)

    def _lock(self, _words: list[str], _now: float) -> str:
        self._machine.lock()
        return texts.LOCKED

    def _restart(self, _words: list[str], now: float) -> str:
        self._machine.restart(now)
        return texts.RESTARTING

    def _shutdown(self, _words: list[str], now: float) -> str:
        self._machine.shut_down(now)
        return texts.STOPPING

    def _crashdump(self, _words: list[str], _now: float) -> str:
        self._machine.crash(0xE2)
        return ""

    # --- the shape of these answers is our guess, as far as it is not in the help ---

    def _d(self, _words: list[str], now: float) -> str:
        return f"{self._time(now):%H:%M:%S}.000 : KRNL: Loading {self._machine.settings.release.title}."

    def _id(self, _words: list[str], now: float) -> str:
        return identity(self._machine.settings, now - self._machine.up_at)

    def _t(self, _words: list[str], _now: float) -> str:
        if self._detailed:
            lines = [
                f"{each.pid:>6} {each.priority:>4} {each.memory:>9} K  {each.name}"
                for each in self._processes
            ]
            return "\n".join(["   Pid  Pri    Memory    Image name", *lines])
        return "\n".join(f"{each.pid:>6} {each.name}" for each in self._processes)

    def _f(self, _words: list[str], _now: float) -> str:
        self._detailed = not self._detailed
        return f"{'Detailed' if self._detailed else 'Abbreviated'} tlist information will be displayed."

    def _p(self, _words: list[str], _now: float) -> str:
        self._paging = not self._paging
        return f"Paging is now {'on' if self._paging else 'off'}."

    def _s(self, words: list[str], now: float) -> str:
        if words:
            try:
                wanted = datetime.datetime.strptime(" ".join(words), "%m/%d/%Y %H:%M").replace(
                    tzinfo=datetime.UTC
                )
            except ValueError:
                return texts.BAD_FORM
            self._clock = wanted.timestamp() - self._machine.settings.wall - now
        return f"Date: {self._time(now):%m/%d/%Y}  Time (GMT): {self._time(now):%H:%M:%S:000}"

    def _time(self, now: float) -> datetime.datetime:
        seconds = self._machine.settings.wall + now + self._clock
        try:
            return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
        except (ValueError, OverflowError, OSError):
            return datetime.datetime.fromtimestamp(0, datetime.UTC)

    def _i(self, words: list[str], _now: float) -> str:
        if not words:
            return "\n".join(
                f"Net: {number}, Ip={ip}  Subnet={subnet}  Gateway={gateway}"
                for number, (ip, subnet, gateway) in self._networks.items()
            )
        if len(words) != 4 or not words[0].isdecimal() or not all(map(_is_address, words[1:])):
            return texts.BAD_FORM
        if len(words[0]) > 4 or int(words[0]) not in self._networks:
            return texts.NO_NETWORK
        self._networks[int(words[0])] = (words[1], words[2], words[3])
        return f"SUCCESS: The address of network {words[0]} is now {words[1]}."

    def _process(self, words: list[str], count: int) -> Process | str:
        if len(words) != count or not all(word.isdecimal() and len(word) <= 7 for word in words):
            return texts.BAD_FORM
        return next((each for each in self._processes if each.pid == int(words[0])), texts.NO_PROCESS)

    def _k(self, words: list[str], _now: float) -> str:
        found = self._process(words, 1)
        if isinstance(found, str):
            return found
        self._processes.remove(found)
        return "SUCCESS: The process was killed."

    def _l(self, words: list[str], _now: float) -> str:
        found = self._process(words, 1)
        if isinstance(found, str):
            return found
        found.priority = 4
        return "SUCCESS: The priority was lowered."

    def _r(self, words: list[str], _now: float) -> str:
        found = self._process(words, 1)
        if isinstance(found, str):
            return found
        found.priority = min(found.priority + 1, 31)
        return "SUCCESS: The priority was raised."

    def _m(self, words: list[str], _now: float) -> str:
        found = self._process(words, 2)
        if isinstance(found, str):
            return found
        found.limit = int(words[1])
        return "SUCCESS: The memory of the process is limited."


NAMED = {"?": "help"}


def identity(settings: Settings, now: float) -> str:
    """What `id` says of a machine that is up for `now` seconds. The layout is our guess."""
    up = int(now)
    return "\n".join(
        [
            f"                Computer Name: {settings.name}",
            f"                Computer GUID: {settings.guid('machine')}",
            "       Processor Architecture: AMD64",
            "               Version Number: 10.0",
            f"                 Build Number: {settings.release.build}",
            f"                      Product: {settings.release.title}",
            "         Applied Service Pack: None",
            f"            Time Since Reboot: {up // 3600}:{up // 60 % 60:02d}:{up % 60:02d}",
        ]
    )


def _is_address(word: str) -> bool:
    parts = word.split(".")
    return len(parts) == 4 and all(part.isdecimal() and len(part) <= 3 and int(part) < 256 for part in parts)
