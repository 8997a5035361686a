"""A simulator of a server of Remote Desktop up to its word on licences, for what no server here says.

It is marked so wherever it is used. Built by the documents ([MS-RDPBCGR], [MS-RDPELE], [MS-CSSP]) and not by
the code under test: FreeRDP's client, which knows neither, has to understand every word of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import ssl
import struct
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.x509.oid import NameOID

from outofband.core import clock
from tests.support import rdp as words

TLS, CREDSSP = 1, 2
USER_CHANNEL, GLOBAL_CHANNEL = 1007, 1003
CHALLENGE = b"TEST\0"
GOODBYE_SECONDS = 10.0
"""For a client to go by itself after the last word."""
COMPANY, PRODUCT, SCOPE = "Microsoft Corporation", "A02", b"microsoft.com\0"


@dataclass
class Script:
    """What one server says. `refuses`: a reason of negotiation; `chosen`: the security; `status`: how CredSSP
    fails (NTSTATUS); `licences`: whether one has to be asked for, `grants`: and is given; `last`: frames that
    end the talk.
    """

    refuses: int | None = None
    chosen: int = TLS
    status: int | None = None
    licences: bool = False
    grants: bool = False
    last: tuple[bytes, ...] = ()
    heard: list[str] = field(default_factory=list)
    """What the client did, by words of this file."""


class Server:
    """Answers each connection by its script, over TLS with this certificate."""

    def __init__(self, script: Script, certificate: Path, key: Path) -> None:
        self.script = script
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)

    def __call__(self, one: socket.socket) -> None:
        script = self.script
        one.settimeout(30.0)
        if not _frame(one):
            return
        if script.refuses is not None:
            one.sendall(words.confirm(3, script.refuses))
            return
        one.sendall(words.confirm(2, script.chosen))
        with self._tls.wrap_socket(one, server_side=True) as inside:
            script.heard.append("tls")
            if script.chosen == CREDSSP:
                inside.recv(65536)
                inside.sendall(failed(script.status or 0))
                inside.recv(65536)
                return
            Session(inside, script).talk()


class Session:
    def __init__(self, wire: ssl.SSLSocket, script: Script) -> None:
        self._wire, self._script = wire, script
        self._channels = 0

    def talk(self) -> None:
        """Until the script is at its end, or the client goes."""
        while frame := _frame(self._wire):
            unit = frame[7:]
            if unit[:2] == b"\x7f\x65":
                self._connected(unit)
            elif unit[0] == 0x28:
                self._wire.sendall(words.unit(b"\x2e\0" + struct.pack(">H", USER_CHANNEL - 1001)))
            elif unit[0] == 0x38:
                user, channel = struct.unpack(">HH", unit[1:5])
                self._wire.sendall(words.unit(b"\x3e\0" + struct.pack(">HHH", user, channel, channel)))
            elif unit[0] == 0x64 and self._told(_payload(unit)):
                self._end()
                return

    def _connected(self, unit: bytes) -> None:
        at = unit.find(b"\x03\xc0")
        count = struct.unpack_from("<I", unit, at + 4)[0] if at > 0 else 0
        channels = b"".join(struct.pack("<H", 1004 + each) for each in range(count)) + bytes(count % 2 * 2)
        network = struct.pack("<HH", GLOBAL_CHANNEL, count) + channels
        blocks = _block(0x0C01, struct.pack("<III", 0x00080004, TLS, 0))
        blocks += _block(0x0C02, struct.pack("<II", 0, 0)) + _block(0x0C03, network)
        inner = bytes.fromhex("14760a01010001c0004d63446e") + struct.pack(">H", 0x8000 | len(blocks)) + blocks
        gcc = bytes.fromhex("000500147c0001") + struct.pack(">H", 0x8000 | len(inner)) + inner
        domain = b"".join(_tlv(b"\x02", bytes([each])) for each in (34, 3, 0, 1, 0, 1))
        domain += _tlv(b"\x02", b"\x00\xff\xf8") + _tlv(b"\x02", b"\x02")
        body = _tlv(b"\x0a", b"\0") + _tlv(b"\x02", b"\0") + _tlv(b"\x30", domain) + _tlv(b"\x04", gcc)
        self._wire.sendall(words.unit(_tlv(b"\x7f\x66", body)))
        self._script.heard.append("connect")

    def _told(self, payload: bytes) -> bool:
        """Whether the script's last words are due."""
        flags = struct.unpack_from("<H", payload)[0]
        if flags & 0x40:
            self._script.heard.append("client info")
            if not self._script.licences:
                return True
            self._licences = Licences()
            self._wire.sendall(words.told(struct.pack("<HH", 0x80, 0) + self._licences.request()))
            return False
        if not flags & 0x80:
            return False
        answer = self._licences.receive(payload[4:])
        self._script.heard.append(self._licences.heard)
        if answer is None:
            if self._script.grants:
                self._wire.sendall(words.told(struct.pack("<HH", 0x80, 0) + self._licences.granted()))
            return True
        self._wire.sendall(words.told(struct.pack("<HH", 0x80, 0) + answer))
        return False

    def _end(self) -> None:
        for each in self._script.last:
            self._wire.sendall(each)
        self._wire.settimeout(GOODBYE_SECONDS)
        with contextlib.suppress(OSError):
            while self._wire.recv(65536):
                pass


class Licences:
    """The server's part of [MS-RDPELE]; what a client gets wrong is an AssertionError."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        self._random = os.urandom(32)
        self.heard = ""
        self.name, self.hardware = "", b""

    def request(self) -> bytes:
        company, product = (f"{each}\0".encode("utf-16-le") for each in (COMPANY, PRODUCT))
        chain = _certificates(self._key)
        listed = b"".join(struct.pack("<I", len(each)) + each for each in chain)
        certificate = struct.pack("<II", 2, len(chain)) + listed + bytes(8 + 4 * len(chain))
        body = self._random + struct.pack("<I", 0x00060000)
        body += struct.pack("<I", len(company)) + company + struct.pack("<I", len(product)) + product
        body += _blob(0x0D, struct.pack("<I", 1)) + _blob(0x03, certificate)
        return _message(0x01, body + struct.pack("<I", 1) + _blob(0x0E, SCOPE))

    def receive(self, message: bytes) -> bytes | None:
        kind = message[0]
        assert struct.unpack_from("<H", message, 2)[0] == len(message), "the size that it says"
        if kind == 0x13:
            return self._wanted(message[4:])
        assert kind == 0x15, hex(kind)
        self._response(message[4:])
        return None

    def _wanted(self, body: bytes) -> bytes:
        algorithm, _ = struct.unpack_from("<II", body)
        assert algorithm == 1
        client = body[8:40]
        kind, hidden, rest = _unblob(body[40:])
        assert kind == 2
        _, _, rest = _unblob(rest)
        _, machine, rest = _unblob(rest)
        assert not rest
        self.name = machine.rstrip(b"\0").decode()
        numbers = self._key.private_numbers()
        plain = pow(int.from_bytes(hidden, "little"), numbers.d, numbers.public_numbers.n)
        premaster = plain.to_bytes(48, "little")

        def salted(secret: bytes, first: bytes, second: bytes) -> bytes:
            return b"".join(
                hashlib.md5(secret + hashlib.sha1(salt + secret + first + second).digest()).digest()
                for salt in (b"A", b"BB", b"CCC")
            )

        blob = salted(salted(premaster, client, self._random), self._random, client)
        self._mac_key = blob[:16]
        self._cipher = hashlib.md5(blob[16:32] + client + self._random).digest()
        self.heard = "licence wanted"
        challenge = _blob(0x09, self._rc4(CHALLENGE)) + self._mac(CHALLENGE)
        return _message(0x02, struct.pack("<I", 0) + challenge)

    def _response(self, body: bytes) -> None:
        _, response, rest = _unblob(body)
        _, hardware, mac = _unblob(rest)
        response, hardware = self._rc4(response), self._rc4(hardware)
        assert response[8:] == CHALLENGE, response
        assert len(hardware) == 20 and mac == self._mac(response + hardware)
        self.hardware = hardware
        self.heard = "challenge met"

    def granted(self) -> bytes:
        """A new licence, of which no client here reads more than that it is one."""
        plain = struct.pack("<III", 0x00060000, len(SCOPE), 0) + SCOPE
        return _message(0x03, _blob(0x09, self._rc4(plain)) + self._mac(plain))

    def _rc4(self, data: bytes) -> bytes:
        return Cipher(ARC4(self._cipher), None).encryptor().update(data)

    def _mac(self, data: bytes) -> bytes:
        inner = self._mac_key + b"\x36" * 40 + struct.pack("<I", len(data)) + data
        return hashlib.md5(self._mac_key + b"\x5c" * 48 + hashlib.sha1(inner).digest()).digest()


def failed(status: int) -> bytes:
    """A TSRequest with an errorCode."""
    version = _tlv(b"\xa0", _tlv(b"\x02", b"\x06"))
    return _tlv(b"\x30", version + _tlv(b"\xa4", _tlv(b"\x02", struct.pack(">I", status))))


def _certificates(key: rsa.RSAPrivateKey) -> list[bytes]:
    """Of an authority and, last, of the server."""
    above = rsa.generate_private_key(65537, 2048)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "licence authority")])
    server = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "licence server")])
    made = []
    for subject, public in ((issuer, above.public_key()), (server, key.public_key())):
        built = x509.CertificateBuilder(
            issuer, subject, public, x509.random_serial_number(), clock.now(), clock.now() + timedelta(days=9)
        ).sign(above, hashes.SHA256())
        made.append(built.public_bytes(serialization.Encoding.DER))
    return made


def _frame(wire: socket.socket) -> bytes:
    """One TPKT frame with its header; empty at the end."""
    head = _exactly(wire, 4)
    return head + _exactly(wire, struct.unpack(">H", head[2:])[0] - 4) if head else b""


def _exactly(wire: socket.socket, size: int) -> bytes:
    held = b""
    while len(held) < size:
        try:
            piece = wire.recv(size - len(held))
        except OSError:
            return b""
        if not piece:
            return b""
        held += piece
    return held


def _payload(unit: bytes) -> bytes:
    return unit[8:] if unit[6] & 0x80 else unit[7:]


def _block(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, 4 + len(body)) + body


def _blob(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _unblob(data: bytes) -> tuple[int, bytes, bytes]:
    kind, size = struct.unpack_from("<HH", data)
    return kind, data[4 : 4 + size], data[4 + size :]


def _message(kind: int, body: bytes) -> bytes:
    return struct.pack("<BBH", kind, 3, 4 + len(body)) + body


def _tlv(tag: bytes, value: bytes) -> bytes:
    if len(value) < 0x80:
        return tag + bytes([len(value)]) + value
    return tag + b"\x82" + struct.pack(">H", len(value)) + value
