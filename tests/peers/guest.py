"""The demo guest for tests: built once into a shared cache, and a QEMU to run it without the agent.

Other tests take the fixture `demo_guest` (from conftest.py), PASSWORD, and `number_lines` to check captures.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from guests.build import Guest, build
from guests.debian import recipe as debian_recipe
from guests.debian.build import DebianGuest
from guests.debian.build import build as build_debian
from tests.support.echo import until_hidden
from tests.support.wait import patience

PASSWORD: Final = "kelp-otter-42"
PROMPT: Final = rb"demo login: "
SHELL: Final = rb"demo@demo:~\$ "
ROOT_SHELL: Final = rb"root@demo:~# "
KERNEL_LINE: Final = r"\[ *\d+\.\d{6}\] [^\r\n]*"
"""What the guest's kernel says at any time, of its clocks for example, whoever prints or types just then."""

BOOT_S: Final = 90.0  # a crowded machine may take its time; the figure that is promised has a test of its own
REPLY_S: Final = 90.0
END_S: Final = 90.0

_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"


def cache_folder() -> Path:
    """Where tests keep what is dear to make: OOB_TEST_CACHE, or a folder of the user."""
    return Path(os.environ.get("OOB_TEST_CACHE") or Path.home() / ".cache" / "outofband-tests")


@pytest.fixture(scope="session")
def demo_guest() -> Guest:
    """The demo guest, whose accounts `demo` and `root` have PASSWORD. Safe with several test runs at once."""
    return build(cache_folder() / "demo-guest", password=PASSWORD, progress=print)


@pytest.fixture(scope="session")
def debian_guest() -> DebianGuest:
    """The Debian guest, with the same password for its accounts. Each recipe has a folder of its own: a disk
    that somebody runs from is not built anew because another checkout wants another one.
    """
    folder = cache_folder() / f"debian-guest-{debian_recipe.fingerprint()[:12]}"
    return build_debian(folder, password=PASSWORD, progress=print)


def number_line(number: int) -> bytes:
    """The line that the guest's `numbers` prints for `number`: 80 characters, without its CR LF."""
    start = number % len(_LETTERS)
    return b"line %08d " % number + (_LETTERS * 3)[start : start + 66]


def number_lines(first: int, last: int) -> bytes:
    """The lines `first` to `last` as a serial port carries them, each ended by CR LF."""
    return b"".join(number_line(number) + b"\r\n" for number in range(first, last + 1))


class Serial:
    """The far end of a serial port. A thread reads all the time, or the guest would come to a stop."""

    def __init__(self, line: socket.socket) -> None:
        self._socket = line
        self._grown = threading.Condition()
        self._received = bytearray()
        self._seen = 0
        self._reader = threading.Thread(target=self._read, name="serial")
        self._reader.start()

    def send(self, data: bytes) -> None:
        """Type `data`."""
        self._socket.sendall(data)

    def expect(self, pattern: bytes, timeout_s: float = REPLY_S) -> bytes:
        """Wait for a regular expression in what is not yet taken; everything up to the end of the match."""
        deadline = time.monotonic() + patience(timeout_s)
        with self._grown:
            while (match := re.search(pattern, self._received[self._seen :])) is None:
                if not self._grown.wait(max(0.0, deadline - time.monotonic())):
                    rest = bytes(self._received[self._seen :])
                    raise AssertionError(f"no {pattern!r} within {timeout_s} s; unmatched: {rest[-2000:]!r}")
            taken = bytes(self._received[self._seen : self._seen + match.end()])
            self._seen += match.end()
            return taken

    def unexpected(self) -> bytes:
        """What has come in since the last match."""
        with self._grown:
            return bytes(self._received[self._seen :])

    def until_hidden(self) -> None:
        """At a password prompt that was just expected: wait until what is typed is not repeated."""
        until_hidden(lambda text: self.send(text.encode()), lambda: self.unexpected().decode("latin-1"))

    def login(self, username: str = "demo", password: str = PASSWORD) -> None:
        """From a login prompt that was just expected to a shell prompt."""
        self.send(username.encode() + b"\r")
        self.expect(rb"Password: ")
        self.send(password.encode() + b"\r")
        self.expect(ROOT_SHELL if username == "root" else SHELL)

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):  # QEMU may have hung up first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._socket.close()

    def _read(self) -> None:
        while chunk := self._receive():
            with self._grown:
                self._received += chunk
                self._grown.notify_all()

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65536)
        except ConnectionResetError:
            return b""


class Monitor:
    """QMP, one command at a time."""

    def __init__(self, line: socket.socket) -> None:
        self._socket = line
        self._socket.settimeout(REPLY_S)
        self._lines = self._socket.makefile("rb")
        self._events: list[dict[str, Any]] = []
        self._next()  # the greeting
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: object) -> Any:
        """The `return` of a command; AssertionError with QEMU's words if it is refused."""
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while "event" in (message := self._next()):
            self._events.append(message)
        assert "return" in message, message
        return message["return"]

    def event(self, name: str) -> dict[str, Any]:
        """Wait for an event; those before it are dropped."""
        while True:
            message = self._events.pop(0) if self._events else self._next()
            if message.get("event") == name:
                return message

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()

    def _next(self) -> dict[str, Any]:
        line = self._lines.readline()
        assert line, "QEMU closed its monitor"
        message: dict[str, Any] = json.loads(line)
        return message


@dataclass(frozen=True)
class Machine:
    """A running QEMU: ttyS0 is `serial`."""

    process: subprocess.Popen[bytes]
    serial: Serial
    monitor: Monitor


@contextmanager
def running(guest: Guest, *, memory_mib: int = 256, append: str = "") -> Iterator[Machine]:
    """Run the guest until the block ends; `append` goes to the end of the kernel's command line."""
    command = [
        "qemu-system-x86_64",
        "-nodefaults", "-no-user-config", "-display", "none",
        "-machine", "pc,graphics=off", "-accel", "tcg", "-smp", "1", "-m", str(memory_mib),
        "-vga", "std", "-nic", "none", "-device", "pvpanic", "-action", "panic=none",
        "-kernel", str(guest.kernel), "-initrd", str(guest.initrd),
        "-append", f"{guest.cmdline} {append}".strip(),
        # wait=on: the guest does not print a byte before the test listens.
        "-chardev", "socket,id=serial0,path=serial0.sock,server=on,wait=on", "-serial", "chardev:serial0",
        "-qmp", "unix:qmp.sock,server=on,wait=off",
    ]  # fmt: skip
    with ExitStack() as stack:
        # Not below pytest's own folder: the name of a unix socket ends at 107 bytes.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="oob-")))
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.kill)
        serial = Serial(_connected(process, folder / "serial0.sock"))
        stack.callback(serial.close)
        monitor = Monitor(_connected(process, folder / "qmp.sock"))
        stack.callback(monitor.close)
        yield Machine(process, serial, monitor)


def _connected(process: subprocess.Popen[bytes], path: Path) -> socket.socket:
    deadline = time.monotonic() + REPLY_S
    while True:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            line.close()
            assert process.poll() is None, f"QEMU ended with {process.returncode}"
            assert time.monotonic() < deadline, f"QEMU does not listen on {path.name}"
            time.sleep(0.005)
        else:
            return line
