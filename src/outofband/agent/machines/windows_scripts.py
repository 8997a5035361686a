"""PowerShell scripts in a Windows guest: each key is started once, and its end is told as far as it can be.

A Windows guest keeps nothing for us beside the program itself. The guest's agent holds the end of a program
until somebody asks for it by its number, and forgets all of them when it starts anew. So the number is
written down, and an agent of ours that comes back asks by it; one that was killed between the start and the
number cannot know any more, and says so. It never starts a script that may have run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from outofband.agent.hypervisors.guest_agent import Conversation, GuestAgent
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.secrets import write_private
from outofband.wire.script import OUTPUT_LIMIT, Ending, RunArgs, ScriptReport
from outofband.wire.steps import powershell

KILL = r"C:\Windows\System32\taskkill.exe"
MARGIN_SECONDS = 120.0
"""What a guest may be silent for beyond a script's own time."""
KILL_SECONDS = 30.0
_LOOKS = (0.2, 2.0)
_PASSING = frozenset(
    {
        "GuestAgentAbsent",
        "GuestAgentBroken",
        "GuestAgentSilent",
        "GuestChannelMissing",
        "HypervisorUnreachable",
    }
)


class WindowsNote(msgspec.Struct, frozen=True, kw_only=True):
    """`pid` is None from just before the guest is told until its answer."""

    started: str
    began: float
    """Seconds since the epoch."""
    timeout: float
    pid: int | None = None


class _Status(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    exited: bool
    exitcode: int | None = None
    out_data: bytes = b""
    err_data: bytes = b""


class WindowsScripts:
    """`running` says whether the machine can be running at all. Notes are in `folder`."""

    def __init__(self, name: str, folder: Path, guest: GuestAgent, running: Callable[[], bool]) -> None:
        self._name = name
        self._folder = folder
        self._guest = guest
        self._running = running
        self._ended: dict[str, Ending] = {}

    async def run(self, job: str, args: RunArgs) -> ScriptReport:
        """Run a script, or go on with the one of this job, to its end.

        Raises Fault ScriptOutcomeUnknown, InvalidParameter and those of `GuestAgent`.
        """
        note = self.noted(job)
        if note is None:
            note = await self._start(job, args)
        elif note.pid is None:
            raise self._unknown("the host's agent ended while it was being started")
        return await self._end(job, note)

    def status(self, job: str) -> ScriptReport | None:
        """That it runs; the guest's agent tells what it printed only once, to whoever asks at the end."""
        note = self.noted(job)
        return None if note is None else ScriptReport(running=True, started=note.started)

    def cancel(self, job: str) -> bool:
        """Have a script ended with everything it started, by whoever waits for it. False when none runs."""
        if self.noted(job) is None:
            return False
        self._ended.setdefault(job, Ending.CANCELED)
        return True

    def finished(self, job: str) -> None:
        self._path(job).unlink(missing_ok=True)
        self._ended.pop(job, None)

    def noted(self, job: str) -> WindowsNote | None:
        try:
            return msgspec.json.decode(self._path(job).read_bytes(), type=WindowsNote)
        except FileNotFoundError:
            return None

    def sweep(self, keep: float) -> None:
        """Remove notes older than `keep` seconds, which nobody asks about any more."""
        for path in self._folder.glob("*.windows"):
            note = self.noted(path.stem)
            if note is None or clock.wall() - note.began > keep:
                path.unlink(missing_ok=True)

    def _path(self, job: str) -> Path:
        return self._folder / f"{job}.windows"

    async def _start(self, job: str, args: RunArgs) -> WindowsNote:
        if args.user is not None:
            detail = "in a Windows guest scripts run as the system only"
            raise Fault("InvalidParameter", target="runAsUser", detail=detail)
        launch = _launch(args)
        async with self._guest.talk() as guest:
            note = WindowsNote(started=clock.iso(), began=clock.wall(), timeout=args.timeout)
            write_private(self._path(job), msgspec.json.encode(note))
            try:
                pid = await guest.start(launch.path, list(launch.arguments), launch.given, capture=True)
            except Fault as fault:
                if fault.code in _PASSING:
                    raise self._unknown("the guest fell silent while it was being started") from fault
                # It said no: nothing was started.
                self._path(job).unlink(missing_ok=True)
                raise
        note = msgspec.structs.replace(note, pid=pid)
        write_private(self._path(job), msgspec.json.encode(note))
        return note

    async def _end(self, job: str, note: WindowsNote) -> ScriptReport:
        assert note.pid is not None
        ends, pause, killed = note.began + note.timeout, _LOOKS[0], False
        while True:
            try:
                if (report := await self._look(job, note)) is not None:
                    return report
                if clock.wall() > ends:
                    self._ended.setdefault(job, Ending.TIMED_OUT)
                if job in self._ended and not killed:
                    await self._kill(note.pid)
                    killed = True
            except Fault as fault:
                if fault.code == "GuestAgentRefused":
                    raise self._unknown("the guest or its agent was restarted while it ran") from fault
                if fault.code not in _PASSING:
                    raise
            if not self._running():
                raise self._unknown("the VM stopped while it ran")
            if clock.wall() > ends + MARGIN_SECONDS:
                raise self._unknown("the guest does not tell any more")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LOOKS[1])

    async def _look(self, job: str, note: WindowsNote) -> ScriptReport | None:
        async with self._guest.talk() as guest:
            status = await self._status(guest, note.pid)
        if not status.exited:
            return None
        return ScriptReport(
            running=False,
            started=note.started,
            ended=clock.iso(),
            ending=self._ended.get(job, Ending.EXITED),
            status=status.exitcode,
            out=status.out_data[-OUTPUT_LIMIT:].decode("utf-8", "replace"),
            err=status.err_data[-OUTPUT_LIMIT:].decode("utf-8", "replace"),
        )

    async def _status(self, guest: Conversation, pid: int | None) -> _Status:
        found = await guest.call("guest-exec-status", pid=pid)
        try:
            return msgspec.convert(found, _Status)
        except msgspec.ValidationError as error:
            detail = "what it says of a program has another form"
            raise Fault("GuestAgentBroken", vm=self._name, detail=detail) from error

    async def _kill(self, pid: int) -> None:
        async with self._guest.talk() as guest:
            await guest.run(KILL, ["/PID", str(pid), "/T", "/F"], seconds=KILL_SECONDS)

    def _unknown(self, detail: str) -> Fault:
        return Fault("ScriptOutcomeUnknown", vm=self._name, detail=detail)


def _launch(args: RunArgs) -> powershell.Launch:
    """Parameters with a name are given by it, and only so; the others in their order."""
    named, rest = {}, []
    for each in args.parameters + args.protected.parameters:
        if each.name and powershell.can_name(each.name):
            named[each.name] = each.value
        else:
            rest.append(each.value)
    return powershell.launch(args.text, named, tuple(rest))
