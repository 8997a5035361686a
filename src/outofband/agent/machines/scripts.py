"""Scripts in the guest of one machine: each key is run once, and told of once it is known how it ended.

Before the guest hears of a script, a note says in which boot of the guest it was to run. An agent that comes
back finds the note, asks the guest, and either goes on watching, or starts what was never begun, or says that
the end cannot be known because the guest was restarted since. It never starts a script that may have run.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from outofband.agent.hypervisors.guest_agent import Conversation, Ended, GuestAgent
from outofband.agent.machines import shell
from outofband.agent.machines.windows_scripts import WindowsScripts
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.secrets import write_private
from outofband.wire.script import OUTPUT_LIMIT, Ending, RunArgs, ScriptReport
from outofband.wire.steps import powershell

FOLDER = "scripts"
LAUNCH_SECONDS = 60.0
BEGIN_SECONDS = 60.0
"""From the claim to the first sign of the process that waits for the script."""
MARGIN_SECONDS = 120.0
"""Beyond a script's own time: the guest ends it by itself, so this long a silence means that it cannot."""
KEEP_SECONDS = 7 * 86400.0
MAX_FORGOTTEN = 32
"""Finished jobs whose files the guest is told to remove with the next one."""
MAX_UNWANTED = 256
"""Jobs canceled before they began."""
_LOOKS = (0.1, 2.0)
"""Seconds between two looks at a script: the first, and the longest."""
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_SMALL = 1024
_START_TIME = 19
"""Of /proc/<pid>/stat: field 22, counted behind the name, which ends with the last parenthesis."""
_STATUS = re.compile(r"[0-9]{1,3}")
_PASSING = frozenset(
    {
        "GuestAgentAbsent",
        "GuestAgentBroken",
        "GuestAgentSilent",
        "GuestChannelMissing",
        "HypervisorUnreachable",
    }
)

T = TypeVar("T")


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What was known before the guest was told."""

    boot: str
    started: str
    began: float
    """Seconds since the epoch."""
    timeout: float


class Scripts:
    """`running` says whether the machine can be running at all."""

    def __init__(self, name: str, directory: Path, guest: GuestAgent, running: Callable[[], bool]) -> None:
        self._name = name
        self._folder = directory / FOLDER
        self._guest = guest
        self._running = running
        self._finished: list[str] = []
        self._unwanted: dict[str, None] = {}
        self._windows = WindowsScripts(name, self._folder, guest, running)

    async def run(self, key: str, args: RunArgs) -> ScriptReport:
        """Run a script, or go on with the one of this key, to its end.

        Raises Fault ScriptOutcomeUnknown, ScriptNotStarted, GuestNotSupported and those of `GuestAgent`.
        """
        job = _job(key)
        earlier = self._noted(job)
        if earlier is None and job in self._unwanted:
            now = clock.iso()
            return ScriptReport(running=False, started=now, ended=now, ending=Ending.CANCELED)
        if powershell.is_meant(args.text):
            return await self._windows.run(job, args)
        if earlier is not None and await self._patiently(earlier, lambda: self._claimed(job, earlier)):
            note = earlier
        else:
            note = await self._launch(job, args)
        return await self._patiently(note, lambda: self._look(job, note))

    async def status(self, key: str) -> ScriptReport:
        """How a script is doing. Raises Fault ScriptNotKnown before it was begun and after it was told of."""
        job = _job(key)
        if (report := self._windows.status(job)) is not None:
            return report
        if (note := self._noted(job)) is None:
            raise Fault("ScriptNotKnown", vm=self._name)
        async with self._guest.talk() as guest:
            ended = await guest.read(f"{shell.BASE}/{job}/exit", _SMALL)
            return await self._report(guest, job, note, ended)

    async def cancel(self, key: str) -> bool:
        """End a script: TERM, later KILL, for everything it started. False when none of this key runs.

        One that has not begun will not, or is ended as soon as it has: the order may be overtaken by this.
        """
        job = _job(key)
        self._unwanted = dict.fromkeys([*self._unwanted, job][-MAX_UNWANTED:])
        if self._windows.noted(job) is not None:
            return self._windows.cancel(job)
        if self._noted(job) is None:
            return False
        async with self._guest.talk() as guest:
            return await self._end(guest, job)

    def finished(self, key: str) -> None:
        """The result is on disk elsewhere: what was kept for it may go."""
        job = _job(key)
        (self._folder / f"{job}.json").unlink(missing_ok=True)
        self._windows.finished(job)
        self._unwanted.pop(job, None)
        self._finished = [*self._finished, job][-MAX_FORGOTTEN:]

    def sweep(self) -> None:
        """Remove notes nobody asked about for so long that nobody will."""
        self._windows.sweep(KEEP_SECONDS)
        for path in self._folder.glob("*.json"):
            note = self._noted(path.stem)
            if note is None or clock.wall() - note.began > KEEP_SECONDS:
                path.unlink(missing_ok=True)

    # --- before ---

    async def _claimed(self, job: str, note: Note) -> bool:
        """Whether the guest has begun a job that an earlier life of the agent noted.

        Raises ScriptOutcomeUnknown when it may have, in an earlier boot of the guest.
        """
        async with self._guest.talk() as guest:
            boot = await self._boot(guest)
            if boot == note.boot:
                # Also when the request of then is still on its way: the guest's claim lets only one begin.
                return (await _sh(guest, '[ -d "$1" ]', [f"{shell.BASE}/{job}"])).status == 0
        raise self._unknown("the guest was restarted after it was to begin")

    async def _launch(self, job: str, args: RunArgs) -> Note:
        async with self._guest.talk() as guest:
            boot, now = await self._boot(guest), clock.wall()
            note = Note(boot=boot, started=clock.iso(), began=now, timeout=args.timeout)
            write_private(self._folder / f"{job}.json", msgspec.json.encode(note))
            arguments = [job, note.boot, *self._finished]
            try:
                launched = await _sh(guest, shell.LAUNCH, arguments, shell.job_text(job, args))
            except Fault as fault:
                if fault.code in _PASSING:
                    return note  # it may have begun: looking will tell
                (self._folder / f"{job}.json").unlink(missing_ok=True)
                raise
        match launched.status:
            case 0 | shell.CLAIMED:
                self._finished = []
                return note
            case shell.OTHER_BOOT:
                detail = "the guest was just being restarted"
            case shell.NO_SETSID:
                detail = "the guest lacks the program 'setsid'"
            case _:
                detail = launched.err.decode("utf-8", "replace").strip()[:_SMALL] or "no room in the guest"
        (self._folder / f"{job}.json").unlink(missing_ok=True)
        raise Fault("ScriptNotStarted", vm=self._name, detail=detail)

    async def _boot(self, guest: Conversation) -> str:
        if (text := await guest.read(_BOOT_ID, _SMALL)) is None:
            raise Fault("GuestNotSupported", vm=self._name)
        return text.decode("ascii", "replace").strip()

    # --- while it runs ---

    async def _end(self, guest: Conversation, job: str) -> bool:
        if (await _sh(guest, shell.CANCEL, [job])).status != 0:
            return False
        self._unwanted.pop(job, None)
        return True

    async def _patiently(self, note: Note, look: Callable[[], Awaitable[T | None]]) -> T:
        """What `look` finds, as soon as it finds something. A guest that is silent for a while is asked
        again.

        Raises Fault ScriptOutcomeUnknown, and what `look` raises beyond silence.
        """
        until, pause = max(note.began + note.timeout, clock.wall()) + MARGIN_SECONDS, _LOOKS[0]
        while True:
            silence = None
            try:
                if (found := await look()) is not None:
                    return found
            except Fault as fault:
                if fault.code not in _PASSING:
                    raise
                silence = fault
            if not self._running():
                raise self._unknown("the VM stopped while it ran")
            if clock.wall() > until:
                raise self._unknown("the guest does not tell any more") from silence
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LOOKS[1])

    async def _look(self, job: str, note: Note) -> ScriptReport | None:
        """The report once it has ended. Raises ScriptOutcomeUnknown when that will never be told."""
        folder = f"{shell.BASE}/{job}"
        async with self._guest.talk() as guest:
            if (ended := await guest.read(f"{folder}/exit", _SMALL)) is not None:
                return await self._report(guest, job, note, ended)
            if (stat := await guest.read(f"{folder}/pid", _SMALL)) is None:
                if await self._boot(guest) != note.boot:
                    raise self._unknown("the guest was restarted while it ran")
                if clock.wall() > note.began + BEGIN_SECONDS:
                    raise self._unknown("its files in the guest are gone, or it was killed as it began")
                return None
            if await _lives(guest, stat):
                if job in self._unwanted:
                    await self._end(guest, job)
                return None
            # It may have ended between the two looks.
            if (ended := await guest.read(f"{folder}/exit", _SMALL)) is not None:
                return await self._report(guest, job, note, ended)
        raise self._unknown("the process that waited for it was killed")

    async def _report(self, guest: Conversation, job: str, note: Note, ended: bytes | None) -> ScriptReport:
        outputs = [
            await guest.read(f"{shell.BASE}/{job}/{name}", OUTPUT_LIMIT, tail=True) or b""
            for name in ("out", "err")
        ]
        out, err = (text.decode("utf-8", "replace") for text in outputs)
        if ended is None:
            return ScriptReport(running=True, started=note.started, out=out, err=err)
        status, _, why = ended.decode("ascii", "replace").strip().partition(" ")
        return ScriptReport(
            running=False,
            started=note.started,
            ended=clock.iso(),
            ending=Ending(why) if why in tuple(Ending) else Ending.EXITED,
            status=int(status) if _STATUS.fullmatch(status) else None,
            out=out,
            err=err,
        )

    def _noted(self, job: str) -> Note | None:
        try:
            return msgspec.json.decode((self._folder / f"{job}.json").read_bytes(), type=Note)
        except FileNotFoundError:
            return None

    def _unknown(self, detail: str) -> Fault:
        return Fault("ScriptOutcomeUnknown", vm=self._name, detail=detail)


async def _lives(guest: Conversation, stat: bytes) -> bool:
    """Whether the process with this line of /proc/<pid>/stat is still the one with this number."""
    number = stat.split(b" ", 1)[0].decode("ascii", "replace")
    now = await guest.read(f"/proc/{number}/stat", _SMALL) if number.isdecimal() else None
    return now is not None and _start_time(now) == _start_time(stat)


def _start_time(stat: bytes) -> bytes | None:
    fields = stat.rpartition(b")")[2].split()
    return fields[_START_TIME] if len(fields) > _START_TIME else None


async def _sh(guest: Conversation, text: str, arguments: list[str], given: bytes = b"") -> Ended:
    return await guest.run(shell.SHELL, ["-c", text, "sh", *arguments], given, seconds=LAUNCH_SECONDS)


def _job(key: str) -> str:
    """Name of a key's folder in the guest."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]
