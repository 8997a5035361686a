"""A client's part in asking for a licence ([MS-RDPELE]), so that a server without a licence server says so.

    request --> new licence wanted --> challenge --> response --> licence, or an error

A server asks its licence server only when the challenge was met; a client that stops before learns nothing.
What comes is a licence for one computer, `NAME` with `HARDWARE`: always the same, so that a server which
counts licences by computers counts one for all probes.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import secrets
import struct

import msgspec

from outofband.core.errors import ProtocolError
from outofband.wire.rdp import der
from outofband.wire.rdp.credssp import subject_public_key

NAME = "oob-probe"
HARDWARE = hashlib.sha256(b"outofband probe").digest()[:16]
PLATFORM = 0x04010000
"""A client of Windows NT, made by Microsoft: what servers know."""
MAX_KEY = 1024
"""Bytes of a server's RSA modulus."""
MAX_PRODUCT, MAX_SCOPES = 512, 16
MAX_CHALLENGE = 512
"""Bytes; servers send ten of them."""
_VERSION = 0x83
"""Preamble of version 3, with which errors are told in full."""
_RSA, _RSA1 = 1, int.from_bytes(b"RSA1", "little")
_RANDOM, _ENCRYPTED, _USER, _MACHINE = 2, 9, 15, 16
_PREMASTER_BYTES = 48
_ODD_KEY = "expected an RSA key of a usual size in the licence's certificate"


class Message(enum.IntEnum):
    REQUEST = 0x01
    CHALLENGE = 0x02
    NEW = 0x03
    UPGRADE = 0x04
    WANTED = 0x13
    RESPONSE = 0x15
    ERROR = 0xFF


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a server told of itself and how far it went: it has asked, has challenged, has granted."""

    company: str = ""
    product: str = ""
    version: int = 0
    scopes: tuple[str, ...] = ()
    challenged: bool = False
    granted: bool = False


class Keys(msgspec.Struct, frozen=True):
    """Of one exchange."""

    mac: bytes
    cipher: bytes

    def __repr__(self) -> str:
        return "Keys()"


class Exchange:
    """Give `receive` each message, preamble included; send what it returns. `asked` is what was seen."""

    def __init__(self) -> None:
        self.asked: Asked | None = None
        self._premaster = secrets.token_bytes(_PREMASTER_BYTES)
        self._random = secrets.token_bytes(32)
        self._keys: Keys | None = None

    def receive(self, message: bytes) -> bytes | None:
        """Raises ProtocolError."""
        reader = Reader(message)
        kind, _, size = reader.unpack("<BBH")
        if size > len(message):
            raise ProtocolError(f"expected a licence's message of {size} bytes, got {len(message)}")
        match kind:
            case Message.REQUEST:
                return self._wanted(reader)
            case Message.CHALLENGE:
                return self._response(reader)
            case Message.NEW | Message.UPGRADE:
                self._note(granted=True)
                return None
        raise ProtocolError(f"expected a message of a licence server, got type {kind}")

    def _wanted(self, reader: Reader) -> bytes:
        server = reader.take(32)
        version, company = reader.unpack("<I")[0], reader.counted()
        product = reader.counted()
        reader.blob()
        modulus, exponent, size = public_key(reader.blob())
        scopes = tuple(reader.blob().rstrip(b"\0").decode("ascii", "replace") for _ in range(reader.scopes()))
        self.asked = Asked(company=_text(company), product=_text(product), version=version, scopes=scopes)
        self._keys = keys(self._premaster, self._random, server)
        hidden = pow(int.from_bytes(self._premaster, "little"), exponent, modulus).to_bytes(size, "little")
        body = struct.pack("<II", _RSA, PLATFORM) + self._random + _blob(_RANDOM, hidden + bytes(8))
        name = NAME.encode() + b"\0"
        return frame(Message.WANTED, body + _blob(_USER, name) + _blob(_MACHINE, name))

    def _response(self, reader: Reader) -> bytes:
        if self._keys is None:
            raise ProtocolError("expected a request for a licence before its challenge")
        reader.take(4)
        sealed = reader.blob()
        if len(sealed) > MAX_CHALLENGE:
            raise ProtocolError(f"expected a challenge of at most {MAX_CHALLENGE} bytes, got {len(sealed)}")
        challenge = rc4(self._keys.cipher, sealed)
        if not hmac.compare_digest(mac(self._keys.mac, challenge), reader.take(16)):
            raise ProtocolError("expected a challenge under the keys of this exchange")
        self._note(challenged=True)
        response = struct.pack("<HHHH", 0x0100, 0x0100, 0x0003, len(challenge)) + challenge
        hardware = struct.pack("<I", PLATFORM) + HARDWARE
        return frame(
            Message.RESPONSE,
            _blob(_ENCRYPTED, rc4(self._keys.cipher, response))
            + _blob(_ENCRYPTED, rc4(self._keys.cipher, hardware))
            + mac(self._keys.mac, response + hardware),
        )

    def _note(self, **news: bool) -> None:
        self.asked = msgspec.structs.replace(self.asked or Asked(), **news)


class Reader:
    """Takes a message apart from its front. Raises ProtocolError where it ends too soon."""

    def __init__(self, data: bytes) -> None:
        self._rest = data

    def take(self, size: int) -> bytes:
        if len(self._rest) < size:
            raise ProtocolError(f"expected {size} bytes more of a licence's message, got {len(self._rest)}")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def unpack(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def counted(self) -> bytes:
        (size,) = self.unpack("<I")
        if size > MAX_PRODUCT:
            raise ProtocolError(f"expected at most {MAX_PRODUCT} bytes of a product's name, got {size}")
        return self.take(size)

    def blob(self) -> bytes:
        _, size = self.unpack("<HH")
        return self.take(size)

    def scopes(self) -> int:
        (count,) = self.unpack("<I")
        if count > MAX_SCOPES:
            raise ProtocolError(f"expected at most {MAX_SCOPES} scopes, got {count}")
        return count


def public_key(certificate: bytes) -> tuple[int, int, int]:
    """Modulus, exponent and the modulus' size in bytes, of a server's certificate of either kind.

    Raises ProtocolError.
    """
    reader = Reader(certificate)
    kind = reader.unpack("<I")[0] & 0x7FFFFFFF
    if kind == 1:
        reader.take(12)
        magic, size, _, _, exponent = reader.unpack("<5I")
        if magic != _RSA1 or not 8 < size <= MAX_KEY:
            raise ProtocolError(_ODD_KEY)
        # Eight zeros end the number.
        return _usual(int.from_bytes(reader.take(size)[:-8], "little"), exponent, size - 8)
    if kind != 2:
        raise ProtocolError(f"expected a certificate of kind 1 or 2, got {kind}")
    (count,) = reader.unpack("<I")
    if not 0 < count <= MAX_SCOPES:
        raise ProtocolError(f"expected a chain of certificates, got {count}")
    last = b""
    for _ in range(count):
        last = reader.take(reader.unpack("<I")[0])
    content, _ = der.expect(subject_public_key(last), der.SEQUENCE)
    first, rest = der.expect(content, 0x02)
    second, _ = der.expect(rest, 0x02)
    modulus = int.from_bytes(first, "big")
    return _usual(modulus, int.from_bytes(second, "big"), (modulus.bit_length() + 7) // 8)


def _usual(modulus: int, exponent: int, size: int) -> tuple[int, int, int]:
    """A key to reckon with: one with a huge exponent would keep whoever does so for minutes."""
    if modulus < 2 or size > MAX_KEY or not 0 < exponent < 1 << 32:
        raise ProtocolError(_ODD_KEY)
    return modulus, exponent, size


def keys(premaster: bytes, client: bytes, server: bytes) -> Keys:
    """Both ends' keys ([MS-RDPELE] 5.1.3), of the two random values."""
    master = _salted(premaster, client + server)
    blob = _salted(master, server + client)
    return Keys(blob[:16], hashlib.md5(blob[16:32] + client + server, usedforsecurity=False).digest())


def mac(key: bytes, data: bytes) -> bytes:
    """[MS-RDPELE] 5.1.6."""
    inner = key + b"\x36" * 40 + struct.pack("<I", len(data)) + data
    digest = hashlib.sha1(inner, usedforsecurity=False).digest()
    return hashlib.md5(key + b"\x5c" * 48 + digest, usedforsecurity=False).digest()


def rc4(key: bytes, data: bytes) -> bytes:
    """The cipher that the protocol asks for; it protects nothing here."""
    state, at = list(range(256)), 0
    for number in range(256):
        at = (at + state[number] + key[number % len(key)]) & 255
        state[number], state[at] = state[at], state[number]
    out, one, two = bytearray(), 0, 0
    for byte in data:
        one = (one + 1) & 255
        two = (two + state[one]) & 255
        state[one], state[two] = state[two], state[one]
        out.append(byte ^ state[(state[one] + state[two]) & 255])
    return bytes(out)


def frame(kind: Message, body: bytes) -> bytes:
    return struct.pack("<BBH", kind, _VERSION, 4 + len(body)) + body


def _salted(secret: bytes, randoms: bytes) -> bytes:
    parts = []
    for salt in (b"A", b"BB", b"CCC"):
        inner = hashlib.sha1(salt + secret + randoms, usedforsecurity=False).digest()
        parts.append(hashlib.md5(secret + inner, usedforsecurity=False).digest())
    return b"".join(parts)


def _blob(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _text(raw: bytes) -> str:
    return raw.decode("utf-16-le", "replace").split("\0")[0]
