"""Ending what somebody left logged in on a serial port's terminal, and finding out whether it ended.

The agent inside the guest can do both. Where there is none, the end of a shell is typed, and the guest has to
ask for a name again. A hangup would be the proper means, but no port of today's drivers has a line to drop:
QEMU's serial port does not tell its guest of one, and a BREAK there makes the next key a command to the
guest's kernel (SysRq), which is why none is sent.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from outofband.agent.hypervisors.shell import ShellDriver
from outofband.agent.machines import shell
from outofband.agent.ports.broker import PortBroker
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.wire import printed
from outofband.wire.login import How, LoginReport
from outofband.wire.machine import Power, Verb

if TYPE_CHECKING:
    from outofband.agent.machines.machine import Machine

AGENT_SECONDS = 40.0
"""For the agent in the guest; then the end is typed."""
PROMPT_SECONDS = 3.0
"""What a guest takes from the end of a shell to the next `login:`."""
QUIET_SECONDS = 0.7
EXITS = 4
"""Shells within shells, and a shell that wants to be asked twice."""
NO_TERMINAL, NOBODY, STILL_THERE = 91, 92, 93
_WINDOW = 4096
_LINES = 5
"""The kernel may print a few of its own below the prompt."""
_LOGIN = re.compile(r"(?:\S+ )?login: ?")
_SHELL = re.compile(r"(?!grub).*[$#%>] ?", re.IGNORECASE)
_INTERRUPT, _END_OF_FILE, _KILL_LINE = b"\x03", b"\x04", b"\x15"
_ALIVE = frozenset({Power.STARTING, Power.RUNNING, Power.STOPPING, Power.UNKNOWN})

# Who has the terminal as his own is in field 7 of /proc/<pid>/stat. Programs that only wait for a login are
# left alone; they run as root, so that nobody's shell passes for one by its name.
END = f"""\
PATH=/usr/sbin:/usr/bin:/sbin:/bin
for tty in ttyS$1 ttyAMA$1 ''; do [ -e "/sys/class/tty/$tty/dev" ] && break; done
[ -n "$tty" ] || exit {NO_TERMINAL}
IFS=: read -r major minor <"/sys/class/tty/$tty/dev" || exit {NO_TERMINAL}
device=$((major * 256 + minor))
is_root() {{
    while read -r name uid rest; do [ "$name" = Uid: ] && break; done
    [ "$uid" = 0 ]
}}
people() {{
    for folder in /proc/[0-9]*; do
        line=$(cat "$folder/stat" 2>/dev/null) || continue
        name=${{line#*(}} name=${{name%)*}}
        set -- ${{line##*)}}
        [ "$5" = "$device" ] && [ "$1" != Z ] || continue
        case $name in
            *getty | login | sulogin) is_root <"$folder/status" && continue ;;
        esac
        echo "${{folder#/proc/}}"
    done 2>/dev/null
}}
found=$(people)
[ -n "$found" ] || exit {NOBODY}
kill -s HUP $found 2>/dev/null
kill -s CONT $found 2>/dev/null
for second in 1 2 3 4 5 6; do
    sleep 1
    found=$(people)
    [ -n "$found" ] || exit 0
    [ "$second" -lt 2 ] || kill -s KILL $found 2>/dev/null
done
for each in $found; do cat "/proc/$each/comm"; done >&2
exit {STILL_THERE}
"""
"""Argument: the number of the serial port."""


async def end_login(machine: Machine, port: PortBroker) -> LoginReport:
    """End whatever is logged in on a port. Never raises for what the guest does."""
    if machine.power not in _ALIVE:
        return LoginReport(how=How.PROGRAM_ENDED, detail="the VM does not run")
    if isinstance(machine.driver, ShellDriver):
        return await machine.driver.end_login()
    by_agent = await _by_agent(machine, list(machine.ports).index(port.port))
    if by_agent.how is not How.UNVERIFIED:
        return by_agent
    typed = await _Typing(machine, port).end()
    if typed.how is How.UNVERIFIED and by_agent.detail:
        return LoginReport(how=How.UNVERIFIED, detail=f"{typed.detail}; {by_agent.detail}")
    return typed


async def _by_agent(machine: Machine, number: int) -> LoginReport:
    guest = machine.driver.guest
    if guest is None:
        return LoginReport(how=How.UNVERIFIED)
    if not machine.host.config.allows(Verb.RUN):
        detail = "the host's policy lets nothing be run in the guest"
        return LoginReport(how=How.UNVERIFIED, detail=detail)
    try:
        async with asyncio.timeout(AGENT_SECONDS), guest.talk() as talk:
            ended = await talk.run(shell.SHELL, ["-c", END, "sh", str(number)], seconds=AGENT_SECONDS)
    except TimeoutError:
        return LoginReport(how=How.UNVERIFIED, detail="the guest agent took too long")
    except Fault as fault:
        return LoginReport(how=How.UNVERIFIED, detail=f"no help from the guest agent ({fault.code})")
    match ended.status:
        case 0:
            return LoginReport(how=How.GUEST_AGENT)
        case _ if ended.status == NOBODY:
            return LoginReport(how=How.NOBODY)
        case _ if ended.status == STILL_THERE:
            who = printed.lines(ended.err, 1)
            detail = f"still on the terminal: {', '.join(who) or 'something'}"
            return LoginReport(how=How.UNVERIFIED, detail=detail)
        case _ if ended.status == NO_TERMINAL:
            return LoginReport(how=How.UNVERIFIED, detail="the guest agent finds no such terminal")
        case _:
            return LoginReport(how=How.UNVERIFIED, detail="the guest agent could not look")


class _Typing:
    """The end of a shell, typed: first what interrupts, then what ends, and `exit` only at a shell's prompt,
    because in a boot loader it is something else.
    """

    def __init__(self, machine: Machine, port: PortBroker) -> None:
        self._machine = machine
        self._port = port
        self._since = 0

    async def end(self) -> LoginReport:
        try:
            # The last line only: prompts further up have been answered.
            asks = self._asks_for_name(self._last(self._port.spool.start)[-1:])
            # An empty name is asked for again: then nobody was logged in.
            if asks and await self._type(_KILL_LINE + b"\r", PROMPT_SECONDS):
                return LoginReport(how=How.NOBODY)
            if await self._type(_INTERRUPT, QUIET_SECONDS) or await self._type(_END_OF_FILE, PROMPT_SECONDS):
                return LoginReport(how=How.LOGIN_PROMPT)
            for _ in range(EXITS):
                if not self._at_shell():
                    break
                if await self._type(b"exit\r", PROMPT_SECONDS):
                    return LoginReport(how=How.LOGIN_PROMPT)
        except Fault as fault:
            detail = f"the port takes no input ({fault.code})"
            return self._ended() or LoginReport(how=How.UNVERIFIED, detail=detail)
        return self._ended() or LoginReport(how=How.UNVERIFIED, detail="no login prompt was seen")

    def _ended(self) -> LoginReport | None:
        if self._machine.power in _ALIVE:
            return None
        return LoginReport(how=How.PROGRAM_ENDED, detail="the VM has ended")

    async def _type(self, keys: bytes, seconds: float) -> bool:
        """Type, and wait for a login prompt that was printed after it. Raises Fault InputNotAccepted."""
        if self._machine.power not in _ALIVE:
            return False
        self._port.spool.refresh()
        self._since = self._port.spool.end
        await self._port.inject(keys)
        until = clock.monotonic() + seconds
        while not self._asks_for_name(self._last(self._since)):
            if self._machine.power not in _ALIVE or not await self._port.output.growth(
                until - clock.monotonic()
            ):
                return False
        return True

    def _at_shell(self) -> bool:
        lines = self._last(self._port.spool.start)
        return bool(lines) and _SHELL.fullmatch(lines[-1]) is not None

    def _asks_for_name(self, lines: list[str]) -> bool:
        return any(_LOGIN.fullmatch(line) for line in lines)

    def _last(self, since: int) -> list[str]:
        spool = self._port.spool
        spool.refresh()
        first = max(since, spool.start, spool.end - _WINDOW)
        return printed.lines(spool.read(first, spool.end - first), _LINES)
