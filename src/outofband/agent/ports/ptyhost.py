"""A small process that runs one program on a terminal and keeps its log, whatever becomes of the agent.

    python -m outofband.agent.ports.ptyhost --dir DIR --name serial0 [--ready FD] [-- COMMAND ...]

In DIR it behaves as a hypervisor's serial port does: output is appended to NAME.log, and what is written to
the FIFO NAME.in is typed at the program. It ends when the program ends and leaves NAME.exit; NAME.pid says
who runs meanwhile. Without COMMAND the job is read from NAME.job (0600): it may hold secrets, and is removed.

Signals: SIGTERM asks the program to end (SIGHUP and SIGTERM), SIGQUIT kills it; SIGUSR1 and SIGUSR2 are
passed on to the program itself, and to none that it started.
Few imports on purpose: one such process runs for each machine.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import select
import signal
import struct
import sys
import termios
from collections.abc import Mapping

from outofband.agent.ports.fifo import in_name, renew
from outofband.core import clock

CHUNK = 64 * 1024
MAX_TYPED = 64 * 1024
"""Typed bytes the program has not read; with so many the FIFO is not read any further."""
QUIET_MS = 100
LAST_READS = 256
"""Most that is read after the program ended, in reads of up to a terminal's buffer (4 KiB)."""
PR_SET_PDEATHSIG = 1
"""prctl(2)."""
PASSED_ON = (signal.SIGUSR1, signal.SIGUSR2)
DEFAULT_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "vt220"}


def main(arguments: list[str]) -> int:
    """Entry point; the exit status is that of starting up, the program's own is in NAME.exit."""
    options, command = _parse(arguments)
    ready = int(options["ready"]) if "ready" in options else -1
    try:
        if ready >= 0:
            os.set_inheritable(ready, False)
        # Orphaned on purpose: nobody but init has to wait for it.
        if os.fork():
            return 0
        os.setsid()
        os.chdir(options["dir"])
        os.umask(0o077)
        host = PtyHost(options.get("name", "serial0"))
        host.start(_job(host.name, command))
    except OSError as error:
        _say(ready, f"failed {error.strerror or error}")
        os._exit(1)
    _say(ready, "ready")
    host.run()
    os._exit(0)


def _parse(arguments: list[str]) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    rest = list(arguments)
    while rest and rest[0] != "--":
        name, value, *rest = rest
        options[name.removeprefix("--")] = value
    return options, rest[1:]


def _job(name: str, command: list[str]) -> dict[str, object]:
    if command:
        return {"command": command}
    with open(f"{name}.job", "rb") as file:
        job: dict[str, object] = json.load(file)
    _remove(f"{name}.job")
    return job


def _say(ready: int, text: str) -> None:
    if ready >= 0:
        with contextlib.suppress(OSError):
            os.write(ready, text.encode())
            os.close(ready)


class PtyHost:
    """The terminal, the program on it, and the FIFO that is typed at."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._master = self._slave = self._log = self._keys = -1
        self._child = 0
        self._status: int | None = None
        self._typed = bytearray()
        self._wake_read, wake_write = os.pipe()
        for fd in (self._wake_read, wake_write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)

    # --- starting ---

    def start(self, job: dict[str, object]) -> None:
        """Raises OSError when the program cannot be executed."""
        self._log = os.open(f"{self.name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        renew(".", self.name)
        # Writing too: whoever types comes and goes, and a FIFO without writers would be ready all the time.
        self._keys = os.open(in_name(self.name), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        _remove(f"{self.name}.exit")
        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGCHLD, *PASSED_ON):
            signal.signal(number, self._signalled)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        # The slave stays open here: a program may close its terminal for a moment.
        self._master, self._slave = os.openpty()
        os.set_blocking(self._master, False)
        size = struct.pack("HHHH", _number(job, "rows", 24), _number(job, "cols", 80), 0, 0)
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, size)
        self._spawn(job)
        found = {"pid": os.getpid(), "startTicks": _start_ticks(), "child": self._child, "passesOn": True}
        _write(f"{self.name}.pid", found)

    def _spawn(self, job: dict[str, object]) -> None:
        command = [str(word) for word in _list(job.get("command"))]
        env = job.get("env")
        environment = DEFAULT_ENV | (env if isinstance(env, dict) else {})
        told, tell = os.pipe()
        host = os.getpid()
        self._child = os.fork()
        if not self._child:
            try:
                _end_with(host)
                os.login_tty(self._slave)
                os.chdir(str(job.get("cwd") or "/"))
                os.umask(0o022)
                ours = (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT, signal.SIGCHLD, signal.SIGPIPE)
                for number in (*ours, *PASSED_ON):
                    signal.signal(number, signal.SIG_DFL)
                os.execvpe(command[0], command, environment)  # noqa: S606
            except OSError as error:
                os.write(tell, str(error.errno or errno.EINVAL).encode())
            finally:
                os._exit(127)
        os.close(tell)
        # Both ends close on exec: an empty answer means that the program runs.
        if failure := os.read(told, 16):
            os.waitpid(self._child, 0)
            raise OSError(int(failure), f"{command[0]}: {os.strerror(int(failure))}")
        os.close(told)

    # --- running ---

    def run(self) -> None:
        """Serve until the program has ended and its last words are in the log."""
        while self._status is None:
            self._turn()
        self._read_last_words()
        self._leave()

    def _read_last_words(self) -> None:
        """The kernel may still be moving them. A process left behind on the terminal is not waited for."""
        os.close(self._slave)
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        for _ in range(LAST_READS):
            if not poll.poll(QUIET_MS) or not self._read_terminal():
                break

    def _turn(self) -> None:
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        poll.register(self._master, select.POLLIN | (select.POLLOUT if self._typed else 0))
        if len(self._typed) < MAX_TYPED:
            poll.register(self._keys, select.POLLIN)
        ready = dict(poll.poll())
        if self._wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 256)
            self._reap()
        event = ready.get(self._master, 0)
        if event & select.POLLIN:
            self._read_terminal()
        if event & select.POLLOUT:
            self._type()
        if self._keys in ready:
            self._read_keys()

    def _read_terminal(self) -> bool:
        """Move output to the log; False when there is none."""
        try:
            data = os.read(self._master, CHUNK)
        except OSError:
            return False
        # A full disk refuses bytes; the agent, who keeps space reserved, finds out and says so.
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(self._log, data) :]
        return True

    def _read_keys(self) -> None:
        with contextlib.suppress(OSError):
            self._typed += os.read(self._keys, CHUNK)
        self._type()

    def _type(self) -> None:
        with contextlib.suppress(OSError):
            del self._typed[: os.write(self._master, self._typed)]

    # --- ending ---

    def _signalled(self, number: int, _frame: object) -> None:
        if number == signal.SIGTERM:
            self._kill(signal.SIGHUP)
            self._kill(signal.SIGTERM)
            self._kill(signal.SIGCONT)
        elif number == signal.SIGQUIT:
            self._kill(signal.SIGKILL)
        elif number in PASSED_ON and self._child and self._status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, number)

    def _kill(self, number: int) -> None:
        """Signal the program's whole group; the child is not reaped yet, so the id is still its own."""
        if self._child and self._status is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child, number)

    def _reap(self) -> None:
        pid, status = os.waitpid(self._child, os.WNOHANG)
        if pid:
            self._status = status

    def _leave(self) -> None:
        assert self._status is not None
        code = os.waitstatus_to_exitcode(self._status)
        record = {
            "exit": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "at": clock.iso(),
        }
        _remove(in_name(self.name))
        _write(f"{self.name}.exit", record)
        _remove(f"{self.name}.pid")


def _end_with(host: int) -> None:
    """Have the kernel kill this process when its host dies. Without a terminal nobody reaches the program,
    and one that ignores the hang-up would run beside the next one. One that takes another user's rights is
    let off by the kernel, prctl(2): it has the hang-up only.
    """
    # Here and not above: only the child pays for it, and soon it is another program.
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != host:
        os._exit(127)


def _write(name: str, record: Mapping[str, object]) -> None:
    with contextlib.suppress(OSError):
        with open(f".{name}.new", "w") as file:
            json.dump(record, file)
        os.replace(f".{name}.new", name)  # noqa: PTH105


def _remove(name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name)  # noqa: PTH108 - pathlib is an import, and one process runs for each machine


def _start_ticks() -> int:
    with open("/proc/self/stat") as file:
        return int(file.read().rpartition(")")[2].split()[19])


def _number(job: dict[str, object], key: str, default: int) -> int:
    value = job.get(key)
    return value if isinstance(value, int) else default


def _list(value: object) -> list[object]:
    if not isinstance(value, list) or not value:
        raise OSError(errno.EINVAL, "no command")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
