"""What can be done to a running guest from outside, and what was then seen on its console."""

from __future__ import annotations

import base64
import re

from outofband.agent.machines.machine import Machine, Outcome
from outofband.agent.ports.tail import last_lines
from outofband.core.errors import Fault
from outofband.wire.machine import Power, Verb

SEEN_SECONDS = 3.0
"""A guest that reacts to an NMI or a SysRq key at all says so within a few hundred milliseconds."""
_ALIVE = (Power.RUNNING, Power.STOPPING, Power.UNKNOWN)
_KEY = re.compile(r"[0-9a-z]")
_SILENT = "the guest showed nothing on its console"
_NOT_TEXT = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[^\x20-\x7e]")
_MAX_LINE = 200


async def nmi(machine: Machine) -> Outcome:
    """Inject a non-maskable interrupt. Linux says on its console that it received one."""
    machine.expect(Verb.NMI, *_ALIVE)
    since = _end(machine)
    await machine.driver.nmi()
    return await _see(machine, b"NMI received", since, "The NMI was injected")


async def sysrq(machine: Machine, key: str) -> Outcome:
    """BREAK, then one key, which Linux obeys within five seconds. Raises Fault InvalidParameter."""
    if not _KEY.fullmatch(key):
        raise Fault("InvalidParameter", target="key", detail="it is one of 0-9 and a-z")
    machine.expect(Verb.SYSRQ, *_ALIVE)
    since = _end(machine)
    await machine.driver.send_break()
    await machine.console.inject(key.encode("ascii"))
    return await _see(machine, b"sysrq:", since, f"BREAK and '{key}' were sent")


async def screenshot(machine: Machine) -> Outcome:
    """The screen as PNG, in base64."""
    machine.expect(Verb.SCREENSHOT, *_ALIVE)
    picture = await machine.driver.screenshot()
    data = {"png": base64.b64encode(picture.png).decode("ascii"), "scale": picture.scale}
    return Outcome(f"The screen was taken: {len(picture.png)} bytes of PNG.", data)


def tail(machine: Machine, lines: int) -> Outcome:
    """The last lines of the log as the guest printed them, in base64."""
    port = machine.console
    if not port.is_open:
        raise Fault("PortUnavailable", vm=machine.name, detail="the agent of its host does not hold it")
    begin, text = last_lines(port.spool, lines)
    data = {"from": begin, "end": begin + len(text), "text": base64.b64encode(text).decode("ascii")}
    return Outcome(f"The log was read from byte {begin} on.", data)


async def _see(machine: Machine, pattern: bytes, since: int, done: str) -> Outcome:
    line = await machine.console.wait_for(pattern, since, SEEN_SECONDS)
    if line is None:
        return Outcome(f"{done}; {_SILENT}.", {"seen": False})
    # The guest's words go to terminals and logs: printable characters only.
    words = _NOT_TEXT.sub("", line.decode("latin-1")).strip()[:_MAX_LINE]
    return Outcome(f"{done}; the guest answered: {words}", {"seen": True, "line": words})


def _end(machine: Machine) -> int:
    machine.console.spool.refresh()
    return machine.console.spool.end
