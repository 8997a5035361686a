"""`himdsd`: keeps the agent and root's helper running where no systemd does; takes a service script's verbs.

`run` stays in the foreground (a container's first program, a supervisor's child), `start` goes to the
background. The helper runs as root, the agent as its own user; one that ends is started anew, at first at
once, then ever later. Guests are not its children and go on whatever happens to it.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import pwd
import selectors
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from outofband.agent.install.look import HOME, STATE, USER
from outofband.agent.install.plan import RUN
from outofband.core import clock
from outofband.net.logfile import LogFile

START_SECONDS, STOP_SECONDS = 15.0, 30.0
LIVED_SECONDS = 60.0
"""A program that lived so long begins with no pause again."""
PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
MAX_WORDS = 2000
ASKING_SECONDS = 1.0
NOT_RUNNING = 3
"""Status of `status` for a service that does not run (LSB)."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Kept:
    """One program that is kept running."""

    def __init__(self, name: str, command: list[str], log: LogFile, *, user: str | None = None) -> None:
        self.name = name
        self.again = 0.0
        """When it is started next; 0: it runs, or at once."""
        self.child: subprocess.Popen[bytes] | None = None
        self.pidfd = -1
        self._command, self._log, self._user = command, log, user
        self._failures, self._since = 0, 0.0
        self._said: IO[bytes] | None = None

    def start(self) -> None:
        env = {"PATH": _PATH, "LANG": "C.UTF-8"}
        entry = pwd.getpwnam(self._user) if self._user is not None else None
        if entry is not None:
            env |= {"USER": entry.pw_name, "LOGNAME": entry.pw_name, "HOME": str(STATE)}
        # Of what it says only the end is kept: it has a log of its own.
        fresh = os.memfd_create(self.name, os.MFD_CLOEXEC)
        fcntl.fcntl(fresh, fcntl.F_SETFL, os.O_APPEND)
        with os.fdopen(fresh, "rb", buffering=0, closefd=False) as said:
            self.child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                cwd="/",
                env=env,
                start_new_session=True,
                user=entry.pw_uid if entry else None,
                group=entry.pw_gid if entry else None,
                extra_groups=os.getgrouplist(entry.pw_name, entry.pw_gid) if entry else None,
                umask=0o077,
            )
        self._said = os.fdopen(fresh, "rb", buffering=0)
        self.pidfd, self._since, self.again = os.pidfd_open(self.child.pid), clock.monotonic(), 0.0
        self._log.write("info", "started", program=self.name, pid=self.child.pid)

    def trim(self) -> None:
        """Keep what it says from filling memory."""
        if self._said is not None and os.fstat(self._said.fileno()).st_size > 64 * 1024:
            os.ftruncate(self._said.fileno(), 0)

    def ended(self) -> None:
        """Called when the pidfd is ready: say so, and when it is tried again."""
        assert self.child is not None and self._said is not None
        status = self.child.wait()
        lived = clock.monotonic() - self._since
        self._failures = 0 if lived >= LIVED_SECONDS else self._failures + 1
        pause = PAUSES[min(self._failures, len(PAUSES)) - 1] if self._failures else 0.0
        words = self._words()
        self._log.write("warning", "ended", program=self.name, status=status, again_in=pause, said=words)
        os.close(self.pidfd)
        self._said.close()
        self.child, self.pidfd, self._said = None, -1, None
        self.again = clock.monotonic() + pause

    def signal(self, number: signal.Signals) -> None:
        if self.child is not None:
            self.child.send_signal(number)

    def stop(self) -> None:
        """Ask it to end, wait, and end it."""
        if self.child is None:
            return
        self.child.terminate()
        try:
            self.child.wait(STOP_SECONDS / 2)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self._log.write("info", "stopped", program=self.name)

    def _words(self) -> str:
        assert self._said is not None
        size = os.fstat(self._said.fileno()).st_size
        return (
            os.pread(self._said.fileno(), MAX_WORDS, max(0, size - MAX_WORDS))
            .decode(errors="replace")
            .strip()
        )


def run(programs: Sequence[Kept], woken: int) -> None:
    """Until a signal to stop comes; `woken` tells of signals, a byte each (signal.set_wakeup_fd)."""
    selector = selectors.DefaultSelector()
    selector.register(woken, selectors.EVENT_READ)
    try:
        while True:
            now = clock.monotonic()
            for each in programs:
                if each.child is None and each.again <= now:
                    each.start()
                    selector.register(each.pidfd, selectors.EVENT_READ, each)
                each.trim()
            due = [each.again - now for each in programs if each.child is None]
            for key, _ in selector.select(max(0.0, min(due)) if due else 60.0):
                if key.fileobj != woken:
                    selector.unregister(key.fileobj)
                    key.data.ended()
                    continue
                for number in os.read(woken, 64):
                    if number in (signal.SIGTERM, signal.SIGINT):
                        return
                    if number == signal.SIGHUP:
                        programs[-1].signal(signal.SIGHUP)
    finally:
        selector.close()
        # The agent first: it may be asking the helper.
        for each in reversed(programs):
            each.stop()


def _foreground(lock: int) -> None:
    log = LogFile(STATE / "log" / "himdsd.log")
    woken, waking = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waking)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    bin_folder = HOME / "bin"
    helper = Kept("himds-helper", [str(bin_folder / "himds-helper")], log)
    agent = Kept("himds", [str(bin_folder / "himds")], log, user=USER)
    run([helper, agent], woken)


def _locked(path: Path) -> int | None:
    """The lock of the one runner of this system; None when another has it."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def _kept_lock(path: Path) -> int | None:
    """The same for who is to be that runner: who only asks whether there is one has the lock for a moment."""
    end = clock.monotonic() + ASKING_SECONDS
    while (lock := _locked(path)) is None and clock.monotonic() < end:
        clock.pause(0.01)
    return lock


def running(path: Path = RUN / "himdsd.pid") -> int | None:
    """The runner's process id; None when there is none."""
    lock = _locked(path)
    if lock is not None:
        os.close(lock)
        return None
    text = path.read_text().strip()
    return int(text) if text.isdecimal() else 0


def _stop(path: Path) -> bool:
    if not (pid := running(path)):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    end = clock.monotonic() + STOP_SECONDS
    while running(path) is not None and clock.monotonic() < end:
        clock.pause(0.05)
    return running(path) is None


def _start(path: Path) -> bool:
    if running(path) is not None:
        return True
    subprocess.Popen(
        [sys.executable, "-I", "-m", "outofband.agent.install.runner", "run"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    ).returncode = 0  # it is not waited for, and its end is no matter of this process
    end = clock.monotonic() + START_SECONDS
    while not running(path) and clock.monotonic() < end:
        clock.pause(0.05)
    return bool(running(path))


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; never returns."""
    parser = argparse.ArgumentParser(prog="himdsd", description="Keeps the agent running without systemd.")
    verbs = ("run", "start", "stop", "restart", "reload", "status")
    parser.add_argument("verb", choices=verbs)
    chosen = parser.parse_args(arguments)
    path = RUN / "himdsd.pid"
    if os.geteuid():
        sys.exit("himdsd: this has to run as root")
    if chosen.verb == "run":
        if (lock := _kept_lock(path)) is None:
            sys.exit(f"himdsd: another one runs, process {running(path)}")
        _foreground(lock)
        sys.exit(0)
    if chosen.verb in ("stop", "restart") and running(path) is not None and not _stop(path):
        sys.exit("himdsd: it does not stop")
    if chosen.verb in ("start", "restart") and not _start(path):
        sys.exit(f"himdsd: it did not start; see {STATE}/log/himdsd.log")
    pid = running(path)
    if chosen.verb == "reload" and pid:
        os.kill(pid, signal.SIGHUP)
    if chosen.verb in ("status", "reload"):
        print(f"himdsd runs, process {pid}" if pid is not None else "himdsd does not run")
        sys.exit(0 if pid is not None else NOT_RUNNING)
    sys.exit(0)


if __name__ == "__main__":
    main()
