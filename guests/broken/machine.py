"""A QEMU whose serial port is recorded: typing, waiting for what it prints, its monitor, and its debugger.

The debugger is how a real kernel is made to fail in a real way: a processor that is sent to a bad address
while it runs kernel code prints what any defect of a driver would make it print.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from guests.broken.recording import END, RESET, STOPPED, Recording

WAIT_S: Final = 600.0  # emulated processors on a crowded machine
READ_MAX: Final = 65536
POLL_S: Final = 0.05
ESCAPE: Final = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[()][0-9A-B]|\x1b[=>78cM]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)"
)


class NotSeen(Exception):
    """The guest did not print in time what was waited for; the message ends with what it did print."""


def plain(data: bytes) -> bytes:
    """`data` without terminal sequences."""
    return ESCAPE.sub(b"", data)


class Machine:
    """A running guest. Everything it prints goes into `recording`, whoever waits for it or not."""

    def __init__(self, line: socket.socket, monitor: socket.socket, debugger: Path) -> None:
        self.recording = Recording()
        self._line = line
        self._monitor = monitor
        self._debugger = debugger
        self._told = b""
        self._replies: list[dict[str, Any]] = []
        self._began = time.monotonic()
        self._waiting = bytearray()
        self._over = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(line, selectors.EVENT_READ, self._heard)
        self._selector.register(monitor, selectors.EVENT_READ, self._noticed)
        self.tell("qmp_capabilities")

    @property
    def now(self) -> int:
        """Milliseconds since the start."""
        return int((time.monotonic() - self._began) * 1000)

    def send(self, data: bytes, *, pace_s: float = 0.0) -> None:
        """Type, `pace_s` between two keys."""
        for place in range(len(data)) if pace_s else (slice(None),):
            piece = data[place : place + 1] if isinstance(place, int) else data
            self._line.sendall(piece)
            self.run_for(pace_s)

    def expect(self, pattern: bytes, timeout_s: float = WAIT_S) -> bytes:
        """Wait for a regular expression in what is not yet taken, without its terminal sequences."""
        deadline = time.monotonic() + timeout_s
        while True:
            text = plain(bytes(self._waiting))
            if match := re.search(pattern, text):
                # What follows the match stays for the next one.
                self._waiting[:] = text[match.end() :]
                return text[: match.end()]
            if time.monotonic() > deadline:
                raise NotSeen(f"no {pattern!r} within {timeout_s} s: {text[-1500:].decode(errors='replace')}")
            if self._over:
                raise NotSeen(f"no {pattern!r} until its end: {text[-1500:].decode(errors='replace')}")
            self._turn(POLL_S)

    def run_for(self, seconds: float) -> None:
        """Record for so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self._over:
            self._turn(min(POLL_S, max(0.0, deadline - time.monotonic())))

    def quiet(self, seconds: float, timeout_s: float = WAIT_S) -> None:
        """Record until nothing was printed for so long."""
        deadline, size, since = time.monotonic() + timeout_s, -1, 0.0
        while time.monotonic() < deadline and not self._over:
            if size != (size := sum(len(event.data) for event in self.recording.events[-50:])):
                since = time.monotonic()
            if time.monotonic() - since > seconds:
                return
            self._turn(POLL_S)

    def tell(self, command: str, **arguments: object) -> Any:
        """A command of QMP and its `return`."""
        self._monitor.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        deadline = time.monotonic() + WAIT_S
        while not self._replies:
            if self._over or time.monotonic() > deadline:
                raise NotSeen(f"QEMU does not answer {command}")
            self._turn(POLL_S)
        reply = self._replies.pop(0)
        if "return" not in reply:
            raise NotSeen(f"QEMU refuses {command}: {reply}")
        return reply["return"]

    def resets(self, count: int, timeout_s: float = WAIT_S) -> None:
        """Record until the guest was reset `count` times."""
        deadline = time.monotonic() + timeout_s
        while len(self.recording.resets) < count:
            if time.monotonic() > deadline or self._over:
                raise NotSeen(f"{len(self.recording.resets)} resets of {count}")
            self._turn(POLL_S)

    def sysrq(self, key: str) -> None:
        """A break on the port and a key."""
        self.tell("chardev-send-break", id="serial0")
        self.send(key.encode())

    def derail(self, where: Callable[[dict[str, int]], int], *, tries: int = 400) -> None:
        """Send the processor to `where(registers)` the next time it is found in kernel code.

        QEMU's debugger server on `gdb.sock` must be there (`debug=True`).
        """
        debugger = Debugger(self._debugger)
        try:
            for _ in range(tries):
                registers = debugger.stopped()
                if registers["cs"] & 3 == 0 and registers["rip"] >> 63:
                    debugger.jump(where(registers))
                    return
                debugger.go_on()
                self.run_for(0.02)
            raise NotSeen("the processor was never found in kernel code")
        finally:
            debugger.close()

    def finish(self) -> Recording:
        """The recording, ended now."""
        self.recording.mark(END, self.now)
        return self.recording

    def _turn(self, timeout_s: float) -> None:
        for key, _ in self._selector.select(timeout_s):
            key.data()

    def _heard(self) -> None:
        try:
            data = self._line.recv(READ_MAX)
        except ConnectionResetError:
            data = b""
        if not data:
            self._selector.unregister(self._line)
            self._end()
            return
        self._waiting += data
        self.recording.printed(self.now, data)

    def _noticed(self) -> None:
        try:
            data = self._monitor.recv(READ_MAX)
        except ConnectionResetError:
            data = b""
        if not data:
            self._selector.unregister(self._monitor)
            self._end()
            return
        *lines, self._told = (self._told + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            event = message.get("event")
            if event == "RESET":
                self._drain()
                # QEMU tells of one reset up to three times.
                if self.recording.events and self.recording.events[-1].kind != RESET:
                    self.recording.mark(RESET, self.now)
            elif event == "SHUTDOWN":
                self._drain()
                self._end()
            elif event is None and "QMP" not in message:
                self._replies.append(message)

    def _drain(self) -> None:
        """What was printed before an event belongs before it."""
        with suppress(BlockingIOError, ConnectionResetError):
            while data := self._line.recv(READ_MAX, socket.MSG_DONTWAIT):
                self._waiting += data
                self.recording.printed(self.now, data)

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self.recording.mark(STOPPED, self.now)


class Debugger:
    """As much of gdb's remote protocol as it takes to stop the processor and send it elsewhere."""

    RIP: Final = 16
    NAMES: Final = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp")

    def __init__(self, path: Path) -> None:
        self._line = _connected(path, None)
        self._line.settimeout(WAIT_S)
        self._held = b""
        self._running = False
        # QEMU takes single registers only from who asked it to describe them.
        self._ask(b"qXfer:features:read:target.xml:0,100")

    def stopped(self) -> dict[str, int]:
        """Stop, and the registers: eight general ones, `rip` and `cs`."""
        if self._running:
            self._line.sendall(b"\x03")
            self._packet()
            self._running = False
        raw = bytes.fromhex(self._ask(b"g").decode())
        found = {name: int.from_bytes(raw[8 * i : 8 * i + 8], "little") for i, name in enumerate(self.NAMES)}
        # Sixteen general registers, rip, then flags and segments of four bytes each.
        found["rip"] = int.from_bytes(raw[128:136], "little")
        found["cs"] = int.from_bytes(raw[140:144], "little")
        return found

    def jump(self, address: int) -> None:
        """Go on at `address`."""
        answer = self._ask(b"P%x=%s" % (self.RIP, address.to_bytes(8, "little").hex().encode()))
        if answer != b"OK":
            raise NotSeen(f"the debugger answers {answer!r}")
        self.go_on()

    def write(self, address: int, data: bytes) -> None:
        """Put `data` into the guest's memory, as the processor sees it now."""
        answer = self._ask(b"M%x,%x:%s" % (address, len(data), data.hex().encode()))
        if answer != b"OK":
            raise NotSeen(f"the debugger answers {answer!r}")

    def go_on(self) -> None:
        """Let it run."""
        self._send(b"c")
        self._running = True

    def close(self) -> None:
        """Leave the guest running."""
        if not self._running:
            self._send(b"D")
        self._line.close()

    def _ask(self, request: bytes) -> bytes:
        self._send(request)
        # That it stopped is told on its own account too, when the line is opened for one.
        while (answer := self._packet())[:1] in {b"T", b"S"}:
            pass
        return answer

    def _send(self, request: bytes) -> None:
        self._line.sendall(b"$" + request + b"#%02x" % (sum(request) & 0xFF))

    def _packet(self) -> bytes:
        while (match := re.search(rb"\$([^#]*)#..", self._held)) is None:
            data = self._line.recv(READ_MAX)
            if not data:
                raise NotSeen("the debugger's line is closed")
            self._held += data
        self._held = self._held[match.end() :]
        self._line.sendall(b"+")
        return match[1]


@contextmanager
def running(arguments: Sequence[str], *, debug: bool = False) -> Iterator[Machine]:
    """QEMU with `arguments` until the block ends; its first serial port is recorded.

    `debug` opens the debugger's port, which costs nothing until it is used.
    """
    with ExitStack() as stack:
        # The name of a unix socket ends at 107 bytes.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="oob-")))
        command = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            # wait=on: nothing is printed before somebody listens.
            "-chardev", f"socket,id=serial0,path={folder}/serial.sock,server=on,wait=on",
            "-serial", "chardev:serial0",
            "-qmp", f"unix:{folder}/qmp.sock,server=on,wait=off",
            *(["-gdb", f"unix:{folder}/gdb.sock,server=on,wait=off"] if debug else []),
            *arguments,
        ]  # fmt: skip
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        stack.callback(_ended, process)
        line = _connected(folder / "serial.sock", process)
        stack.callback(line.close)
        monitor = _connected(folder / "qmp.sock", process)
        stack.callback(monitor.close)
        yield Machine(line, monitor, folder / "gdb.sock")


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def _connected(path: Path, process: subprocess.Popen[bytes] | None) -> socket.socket:
    deadline = time.monotonic() + 60.0
    while True:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            line.close()
            if process is not None and process.poll() is not None:
                said = process.communicate()[1].decode(errors="replace")
                raise NotSeen(f"QEMU ended with {process.returncode}: {said}") from None
            if time.monotonic() > deadline:
                raise NotSeen(f"QEMU does not listen on {path.name}") from None
            time.sleep(0.01)
        else:
            return line
