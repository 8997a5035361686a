"""The start of SSH without IO: the server's identification and what it offers (RFC 4253, 4.2 and 7.1).

A probe says who it is, reads both, and goes: no key is exchanged and nothing is logged in by it.
"""

from __future__ import annotations

import enum
import re

import msgspec

from outofband.core.errors import Fault, ProtocolError

IDENTIFICATION = b"SSH-2.0-outofband_probe\r\n"
MAX_LINE = 255
MAX_BEFORE = 1024
"""Lines a server may send before its identification."""
MAX_PACKET = 35000
_FOREIGN = re.compile(rb"HTTP/|220[ -]|421[ -]|5\d\d[ -]|\+OK|-ERR|\* (?:OK|BYE)|RFB \d|@RSYNCD|AMQP")
"""First words of protocols that speak first, or answer to a line that they do not know."""
_KEXINIT = 20
_DISCONNECT = 1


class End(enum.StrEnum):
    DONE = "done"
    CLOSED = "closed"
    RESET = "reset"
    SILENT = "silent"
    BROKEN = "broken"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """`version` is the server's whole identification; the rest as it offers it, in its order."""

    end: End | None = None
    detail: str = ""
    version: str = ""
    key_exchanges: tuple[str, ...] = ()
    host_keys: tuple[str, ...] = ()
    ciphers: tuple[str, ...] = ()
    reason: str = ""
    """What a server said that disconnects, or the line with which it turned somebody away."""
    sample: bytes = b""


class Probe:
    """Send `outgoing`, give `receive` what arrives and `ended` when nothing more does; stop at `over`."""

    def __init__(self) -> None:
        self.seen = Seen()
        self._held = bytearray()
        self._lines = 0
        self._outbox = IDENTIFICATION

    @property
    def over(self) -> bool:
        return self.seen.end is not None

    def outgoing(self) -> bytes:
        data, self._outbox = self._outbox, b""
        return data

    def receive(self, data: bytes) -> None:
        if self.over:
            return
        self._held += data
        try:
            if not self.seen.version:
                self._identify()
            if self.seen.version:
                self._offer()
        except ProtocolError as error:
            self._finish(End.BROKEN, str(error))

    def ended(self, end: End, detail: str = "") -> None:
        if not self.over:
            self._finish(end, detail)

    def _identify(self) -> None:
        while (at := self._held.find(b"\n")) >= 0:
            line = bytes(self._held[:at]).rstrip(b"\r")
            if not self.seen.sample:
                self._note(sample=line[:64])
            if line == IDENTIFICATION.rstrip():
                raise ProtocolError("expected an identification, got this probe's own back")
            if line.startswith(b"SSH-"):
                del self._held[: at + 1]
                self._note(version=line.decode("ascii", errors="replace")[:MAX_LINE])
                if not line.startswith((b"SSH-2.0-", b"SSH-1.99-")):
                    raise ProtocolError(f"expected SSH 2, got {self.seen.version}")
                return
            self._lines += 1
            if self._lines > MAX_BEFORE or len(line) > 4 * MAX_LINE:
                raise ProtocolError("expected an identification of SSH")
            if not self._lines - 1 and _FOREIGN.match(line):
                raise ProtocolError("expected SSH, got another protocol's greeting")
            if line.strip():
                self._note(reason=line.decode("utf-8", errors="replace")[:MAX_LINE])
            del self._held[: at + 1]
        if len(self._held) > 4 * MAX_LINE:
            raise ProtocolError("expected a line of SSH")

    def _offer(self) -> None:
        if len(self._held) < 6:
            return
        size = int.from_bytes(self._held[:4], "big")
        if not 2 <= size <= MAX_PACKET:
            raise ProtocolError(f"expected a packet of at most {MAX_PACKET} bytes, got {size}")
        if len(self._held) < 4 + size:
            return
        padding = self._held[4]
        payload = bytes(self._held[5 : 4 + size - padding])
        if payload[:1] == bytes([_DISCONNECT]):
            words, _ = _string(payload[5:])
            self._note(reason=words.decode("utf-8", errors="replace")[:MAX_LINE])
            return self._finish(End.CLOSED, "the server disconnects")
        if payload[:1] != bytes([_KEXINIT]) or len(payload) < 17:
            raise ProtocolError(f"expected KEXINIT, got message {payload[0] if payload else '-'}")
        rest = payload[17:]
        lists = []
        for _ in range(3):
            names, rest = _string(rest)
            lists.append(tuple(names.decode("ascii", errors="replace").split(",")))
        self._note(key_exchanges=lists[0], host_keys=lists[1], ciphers=lists[2])
        self._finish(End.DONE)

    def _note(self, **news: object) -> None:
        self.seen = msgspec.structs.replace(self.seen, **news)

    def _finish(self, end: End, detail: str = "") -> None:
        self._note(end=end, detail=detail, sample=self.seen.sample or bytes(self._held[:64]))


def judge(seen: Seen, *, host: str, port: int, forwarded: bool = False) -> Fault | None:
    """The catalogue's code for what stands in the way; None: a server of SSH is there.

    `forwarded`: the hypervisor took the connection, as it does for a port behind which nobody listens.
    """
    where = {"host": host, "port": port}
    if seen.end is End.DONE:
        return None
    if seen.version:
        # It is SSH; one that stops there hangs.
        if seen.end is End.SILENT:
            return Fault("SshSilent", **where)
        return Fault("SshCut", **where, detail=seen.reason or seen.detail)
    foreign = bool(seen.sample) and not seen.sample.startswith(b"SSH-"[: len(seen.sample)])
    if seen.reason and seen.end in (End.CLOSED, End.RESET):
        # A line in words and then the end is how a server of SSH turns somebody away.
        return Fault("SshCut", **where, detail=seen.reason)
    if seen.end is End.BROKEN or foreign:
        return Fault("SshNotSpoken", **where, sample=readable(seen.sample) or seen.detail)
    if seen.end is End.SILENT:
        return Fault("SshSilent", **where)
    if forwarded and not seen.sample:
        return Fault("GuestPortClosed", **where)
    return Fault("SshCut", **where, detail=seen.detail)


def readable(sample: bytes) -> str:
    """The first line of what answered, where that is text, else its bytes."""
    line = sample.split(b"\n", 1)[0].decode("ascii", errors="replace").strip()
    return line if line and all(each.isprintable() and each != "\ufffd" for each in line) else sample.hex(" ")


def _string(data: bytes) -> tuple[bytes, bytes]:
    size = int.from_bytes(data[:4], "big")
    if len(data) < 4 + size:
        raise ProtocolError("expected a whole string, got the start of one")
    return data[4 : 4 + size], data[4 + size :]
