"""Two networks with a cable between: a server that looks for its control plane, and all that it may meet.

The near one has the server, with a resolv.conf and a hosts file of its own for each program; the far one has
the control plane, proxies and name servers. Both are network namespaces: nothing of this machine's own
network is touched, ports are free, and addresses are whose the test wants.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
NEAR, FAR = "10.232.7.1", "10.232.7.2"
PLANE = "198.51.100.10"
"""Of the control plane: behind a route, so that it can be missing."""
NOWHERE = "203.0.113.99"
"""Routed to the far side, where nobody has it."""
SILENT_PORT, CLOSED_PORT = 7, 9
ANSWERING, NXDOMAIN, SERVFAIL, REFUSED, SILENCE, CLOSED, NODATA = (
    f"10.232.7.{number}" for number in range(53, 60)
)
"""Name servers, by what they answer to everything."""
_RCODES = {NXDOMAIN: 3, SERVFAIL: 2, REFUSED: 5, NODATA: 0}


class Lab:
    """Use as a context manager. `zone`: what the answering name server knows, name -> address."""

    def __init__(self, folder: Path, zone: Mapping[str, str]) -> None:
        self.folder = folder
        self.zone = dict(zone)
        number = os.getpid() % 100000
        self.near, self.far = f"oobn{number}", f"oobf{number}"
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._files = 0

    def __enter__(self) -> Lab:
        for name in (self.near, self.far):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip(
            "-n",
            self.near,
            "link",
            "add",
            "wire0",
            "type",
            "veth",
            "peer",
            "name",
            "wire1",
            "netns",
            self.far,
        )
        _ip("-n", self.near, "addr", "add", f"{NEAR}/24", "dev", "wire0")
        _ip("-n", self.near, "link", "set", "wire0", "up")
        servers = (FAR, ANSWERING, NXDOMAIN, SERVFAIL, REFUSED, SILENCE, CLOSED, NODATA)
        for address in servers:
            _ip("-n", self.far, "addr", "add", f"{address}/24", "dev", "wire1")
        _ip("-n", self.far, "addr", "add", f"{PLANE}/32", "dev", "lo")
        _ip("-n", self.far, "link", "set", "wire1", "up")
        self.route()
        self._names = _NameServers(self)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait(10)
        self._names.close()
        for name in (self.near, self.far):
            subprocess.run(["ip", "netns", "del", name], check=False)
        os.close(self._home)

    def route(self) -> None:
        """The server's way out."""
        _ip("-n", self.near, "route", "replace", "default", "via", FAR)

    @contextlib.contextmanager
    def without_route(self) -> Iterator[None]:
        _ip("-n", self.near, "route", "del", "default")
        try:
            yield
        finally:
            self.route()

    @contextlib.contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """This thread, and what it starts, in one of the networks."""
        _enter(f"/run/netns/{name}")
        try:
            yield
        finally:
            if LIBC.setns(self._home, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def listen(self, address: str, port: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """A socket on the far side."""

        def make() -> socket.socket:
            _enter(f"/run/netns/{self.far}")
            made = socket.socket(socket.AF_INET, kind)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((address, port))
            if kind == socket.SOCK_STREAM:
                made.listen(64)
            return made

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(make).result()

    def command(self, name: str, words: Sequence[str], *, resolv: str = "", hosts: str = "") -> list[str]:
        """The words that run a program there, with these texts as its resolv.conf and its hosts file."""
        self._files += 1
        mounts = []
        for path, text in (("/etc/resolv.conf", resolv), ("/etc/hosts", f"127.0.0.1 localhost\n{hosts}")):
            file = self.folder / f"{Path(path).name}.{self._files}"
            file.write_text(text)
            mounts.append(f"mount --bind {file} {path}")
        script = " && ".join([*mounts, 'exec "$@"'])
        return ["ip", "netns", "exec", name, "sh", "-c", script, "sh", *words]

    def start(self, words: Sequence[str], *, near: bool = False, log: str = "log", **files: str) -> None:
        """A program that runs until the lab is closed."""
        with (self.folder / log).open("ab") as sink:
            made = subprocess.Popen(
                self.command(self.near if near else self.far, words, **files), stdout=sink, stderr=sink
            )
        self._processes.append(made)

    def run(
        self, words: Sequence[str], environment: Mapping[str, str], *, seconds: float = 60.0, **files: str
    ) -> subprocess.CompletedProcess[str]:
        """A program on the server, to its end."""
        return subprocess.run(
            self.command(self.near, words, **files),
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )


class _NameServers:
    """All of them in one thread. The closed one has no socket, the silent one reads and says nothing."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._waiting = selectors.DefaultSelector()
        for address in (ANSWERING, NXDOMAIN, SERVFAIL, REFUSED, SILENCE, NODATA):
            self._waiting.register(lab.listen(address, 53, socket.SOCK_DGRAM), selectors.EVENT_READ, address)
        self._over, end = socket.socketpair()
        self._waiting.register(end, selectors.EVENT_READ, "")
        self._thread = threading.Thread(target=self._serve, name="name servers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.close()
        self._thread.join(10)
        for key in list(self._waiting.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._waiting.close()

    def _serve(self) -> None:
        while True:
            for key, _ in self._waiting.select():
                if not key.data:
                    return
                asked: socket.socket = key.fileobj  # type: ignore[assignment]
                question, whom = asked.recvfrom(512)
                if key.data != SILENCE:
                    asked.sendto(self._answer(key.data, question), whom)

    def _answer(self, server: str, question: bytes) -> bytes:
        labels, at = [], 12
        while length := question[at]:
            labels.append(question[at + 1 : at + 1 + length].decode().lower())
            at += 1 + length
        (kind,) = struct.unpack_from(">H", question, at + 1)
        asked = question[12 : at + 5]
        known = self._lab.zone.get(".".join(labels)) if server == ANSWERING else None
        rcode = _RCODES.get(server, 0 if known else 3)
        family = socket.AF_INET6 if known and ":" in known else socket.AF_INET
        value = b""
        if known and kind == (28 if family == socket.AF_INET6 else 1):
            packed = socket.inet_pton(family, known)
            value = b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 5, len(packed)) + packed
        head = question[:2] + struct.pack(">HHHHH", 0x8180 | rcode, 1, 1 if value else 0, 0, 0)
        return head + asked + value


def _enter(path: str) -> None:
    with Path(path).open("rb") as handle:
        if LIBC.setns(handle.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
