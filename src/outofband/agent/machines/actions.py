"""What can be done to a running guest from outside, and what was then seen on its console."""

from __future__ import annotations

import asyncio
import base64
import enum
import re
from typing import Any

import msgspec

from outofband.agent.machines.machine import Machine, Outcome
from outofband.agent.ports import reading
from outofband.agent.ports.broker import PortBroker
from outofband.agent.ports.tail import last_lines
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.wire.log import LogArgs
from outofband.wire.machine import Power, Verb

MAX_MARKS = 512
"""Times of offsets that come with the last lines."""
SEEN_SECONDS = 10.0
"""A guest that reacts to an NMI or a SysRq key at all says so by then, also one that has much to do."""
AFTER_SECONDS = 1.0
"""What ends or resets a guest shows at its hypervisor this soon after the guest's own words."""
_ALIVE = (Power.RUNNING, Power.STOPPING, Power.UNKNOWN)
_KEY = re.compile(r"[0-9a-z]")
_ENDING_KEYS = frozenset("bco")
"""Reboot, crash, power off."""
_DISABLED = "This sysrq operation is disabled"
_HELP = "HELP :"
_NOT_TEXT = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[^\x20-\x7e]")
_MAX_LINE = 200


class Seen(enum.StrEnum):
    """What became of it, as `outcome` in the data of an answer."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """The guest said that it does not do this."""
    SILENT = "silent"


async def nmi(machine: Machine) -> Outcome:
    """Inject a non-maskable interrupt. Linux says on its console that it received one."""
    machine.expect(Verb.NMI, *_ALIVE)
    watch = _Watch(machine)
    await machine.driver.nmi()
    return await watch.look(b"NMI received", "The NMI was injected", "NMI received", ends=True)


async def ctrl_alt_del(machine: Machine) -> Outcome:
    """Press Ctrl-Alt-Del on the machine's own keyboard, not on its serial port."""
    machine.expect(Verb.CTRL_ALT_DEL, *_ALIVE)
    watch = _Watch(machine)
    await machine.driver.ctrl_alt_del()
    return await watch.after("Ctrl-Alt-Del was pressed on the VM's keyboard", "its screen shows what it did")


async def sysrq(machine: Machine, key: str) -> Outcome:
    """BREAK, then one key, which Linux obeys within five seconds; a writer's next key is not taken for it.

    Raises Fault InvalidParameter, and InputNotAccepted without a BREAK when the guest does not read its port.
    """
    if not _KEY.fullmatch(key):
        raise Fault("InvalidParameter", target="key", detail="it is one of 0-9 and a-z")
    machine.expect(Verb.SYSRQ, *_ALIVE)
    watch = _Watch(machine)
    await machine.console.inject(key.encode("ascii"), after=machine.driver.send_break)
    done = f"BREAK and '{key}' were sent"
    return await watch.look(b"sysrq:", done, "the guest answered", ends=key in _ENDING_KEYS, key=key)


async def screenshot(machine: Machine) -> Outcome:
    """The screen as PNG, in base64."""
    machine.expect(Verb.SCREENSHOT, *_ALIVE)
    # Where nobody may type, no key is pressed either.
    picture = await machine.driver.screenshot(wake=not machine.host.config.policy.monitor)
    data = {"png": base64.b64encode(picture.png).decode("ascii"), "scale": picture.scale}
    return Outcome(f"The screen was taken: {len(picture.png)} bytes of PNG.", data)


def tail(machine: Machine, lines: int) -> Outcome:
    """The last lines of the log as the guest printed them, in base64."""
    port = _readable(machine)
    begin, text = last_lines(port.spool, lines)
    data = {
        "from": begin,
        "end": begin + len(text),
        "text": base64.b64encode(text).decode("ascii"),
        "marks": port.spool.index.marks(begin, MAX_MARKS),
        "now": clock.wall(),
    }
    return Outcome(f"The log was read from byte {begin} on.", data)


async def log(machine: Machine, wish: LogArgs) -> Outcome:
    """A range of the log with its times, boots and gaps; perhaps not before there is something new."""
    port = _readable(machine)
    deadline = clock.monotonic() + wish.wait
    if wish.after is not None:
        port.spool.refresh()
        while port.spool.end <= wish.after and await port.output.growth(deadline - clock.monotonic()):
            port.spool.refresh()
    # It may have been closed meanwhile.
    part = reading.read(_readable(machine).spool, wish)
    return Outcome(f"The log was read from byte {part.begin} on.", msgspec.to_builtins(part))


def _readable(machine: Machine) -> PortBroker:
    if not machine.console.is_open:
        raise Fault("PortUnavailable", vm=machine.name, detail="the agent of its host does not hold it")
    return machine.console


class _Watch:
    """What console and hypervisor show from now on."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        machine.console.spool.refresh()
        self._since = machine.console.spool.end
        self._boots, self._power = machine.boots, machine.power

    async def look(self, pattern: bytes, done: str, word: str, *, ends: bool, key: str = "") -> Outcome:
        """`done` is what was sent, `word` what it means when the pattern shows; `ends`: the guest may."""
        line = await self._machine.console.output.wait_for(pattern, self._since, SEEN_SECONDS)
        if ends and line is not None and not self._event():
            await asyncio.sleep(AFTER_SECONDS)
        words = "" if line is None else _words(line)
        outcome, said = _meaning(line is not None, words, word, key)
        event = self._event()
        data: dict[str, Any] = {"seen": line is not None, "outcome": outcome.value}
        data |= {"line": words} if words else {}
        data |= {"event": event} if event else {}
        return Outcome(f"{done}; {said}{f'; the VM {event}' if event else ''}.", data)

    async def after(self, done: str, otherwise: str) -> Outcome:
        """What the hypervisor reports soon after; a guest says nothing of this on its console."""
        await asyncio.sleep(AFTER_SECONDS)
        event = self._event()
        outcome = Seen.ANSWERED if event else Seen.SILENT
        data: dict[str, Any] = {"outcome": outcome.value} | ({"event": event} if event else {})
        return Outcome(f"{done}; {f'the VM {event}' if event else otherwise}.", data)

    def _event(self) -> str:
        """What the hypervisor reported since, in words that follow `the VM`."""
        machine = self._machine
        if machine.power is not self._power and machine.power is Power.STOPPED:
            return "has ended"
        if machine.boots != self._boots:
            return "was reset"
        return "panicked" if machine.trouble == "GuestPanicked" else ""


def _meaning(answered: bool, words: str, word: str, key: str) -> tuple[Seen, str]:
    if not answered:
        return Seen.SILENT, f"nothing within {SEEN_SECONDS:.0f} s on its console"
    if _DISABLED in words:
        return Seen.REFUSED, f"this SysRq operation is disabled in the guest (sysctl kernel.sysrq): {words}"
    if key and key != "h" and _HELP in words:
        return Seen.REFUSED, f"the guest has no SysRq '{key}': {words}"
    return Seen.ANSWERED, f"{word}: {words}"


def _words(line: bytes) -> str:
    """The guest's words go to terminals and logs: printable characters only."""
    return _NOT_TEXT.sub("", line.decode("latin-1")).strip()[:_MAX_LINE]
