"""CredSSP ([MS-CSSP]), the client's part: TSRequest, and what ties the sign-in to the TLS channel under it.

`Handshake` runs it over messages; the tokens inside are NTLM's, which pyspnego makes and every server takes.
With no user it stops at the server's CHALLENGE: that tells the server's names, domain and clock to anybody.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import secrets
import struct
from datetime import UTC, datetime, timedelta

import msgspec
import spnego
from spnego.exceptions import SpnegoError

from outofband.core.errors import ProtocolError
from outofband.wire.rdp import der

VERSION = 6
"""The version of the protocol that is spoken here."""
BINDS_BY_HASH = 5
"""From this version on the channel is bound by a hash with a nonce; a server below it lacks the mend of
CVE-2018-0886, and a Windows client of a later day refuses it ("encryption oracle remediation").
"""
MAX_REQUEST = 64 * 1024
_STRONG = 0x10 | 0x20 | 0x80000 | 0x20000000 | 0x40000000
"""What a CHALLENGE has to agree to before a password has any part in it: signing and sealing by 128 bits,
under a key of its own, with extended session security. Every server of today does.
"""
_CLIENT = b"CredSSP Client-To-Server Binding Hash\0"
_SERVER = b"CredSSP Server-To-Client Binding Hash\0"
_NTLM = b"NTLMSSP\0"
_OWN_NTLM = spnego.NegotiateOptions.use_ntlm
"""The library's, not the system's: a probe has to say the same everywhere."""
_ODD = (ValueError, LookupError, TypeError, AttributeError, OverflowError, struct.error)
"""What the library raises of bytes that are no token of it."""
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


class TsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One message either way. `error` is an NTSTATUS as unsigned 32 bits."""

    version: int = VERSION
    token: bytes | None = None
    auth_info: bytes | None = None
    pub_key_auth: bytes | None = None
    error: int | None = None
    nonce: bytes | None = None

    def __repr__(self) -> str:
        return f"TsRequest(version={self.version}, error={self.error})"

    def encode(self) -> bytes:
        parts = [der.pack(der.explicit(0), der.integer(self.version))]
        if self.token is not None:
            inner = der.pack(der.SEQUENCE, der.pack(der.explicit(0), der.pack(der.OCTETS, self.token)))
            parts.append(der.pack(der.explicit(1), der.pack(der.SEQUENCE, inner)))
        for number, value in ((2, self.auth_info), (3, self.pub_key_auth), (5, self.nonce)):
            if value is not None:
                parts.append(der.pack(der.explicit(number), der.pack(der.OCTETS, value)))
        return der.pack(der.SEQUENCE, *parts)


def decode(message: bytes) -> TsRequest:
    """Raises ProtocolError."""
    content, rest = der.expect(message, der.SEQUENCE)
    if rest:
        raise ProtocolError(f"expected one TSRequest, got {len(rest)} bytes more")
    found = der.members(content)
    if 0 not in found:
        raise ProtocolError("expected a TSRequest with a version")
    error = der.number(found[4]) & 0xFFFFFFFF if 4 in found else None
    return TsRequest(
        version=der.number(found[0]),
        token=_token(found[1]) if 1 in found else None,
        pub_key_auth=der.expect(found[3], der.OCTETS)[0] if 3 in found else None,
        error=error,
        nonce=der.expect(found[5], der.OCTETS)[0] if 5 in found else None,
    )


def _token(content: bytes) -> bytes | None:
    items, _ = der.expect(content, der.SEQUENCE)
    if not items:
        return None
    item, _ = der.expect(items, der.SEQUENCE)
    inner = der.members(item)
    return der.expect(inner[0], der.OCTETS)[0] if 0 in inner else None


def subject_public_key(certificate: bytes) -> bytes:
    """The bits of subjectPublicKey in a certificate (DER): for RSA, PKCS 1. Raises ProtocolError."""
    body, _ = der.expect(der.expect(certificate, der.SEQUENCE)[0], der.SEQUENCE)
    if body[:1] == b"\xa0":
        _, _, body = der.take(body)
    for _ in range(5):  # serial number, signature, issuer, validity, subject
        _, _, body = der.take(body)
    key, _ = der.expect(body, der.SEQUENCE)
    _, _, bits = der.take(key)
    value, _ = der.expect(bits, 0x03)
    return value[1:]


class OldServer(ProtocolError):
    """The server does not bind the sign-in to the channel by a hash: it is given no credentials."""


class Challenged(msgspec.Struct, frozen=True, kw_only=True):
    """What an NTLM CHALLENGE tells of its server. `version` as Windows counts its builds; `time` in UTC."""

    computer: str = ""
    domain: str = ""
    dns_computer: str = ""
    dns_domain: str = ""
    forest: str = ""
    version: str = ""
    time: datetime | None = None
    strong: bool = True
    """Whether it agrees to signing and sealing as well as anybody does."""


MAX_NAME = 256
_PAIRS = {1: "computer", 2: "domain", 3: "dns_computer", 4: "dns_domain", 5: "forest"}


def challenged(token: bytes) -> Challenged | None:
    """Reads the CHALLENGE in a token, bare or inside SPNEGO; None where there is none."""
    start = token.find(_NTLM + b"\x02\0\0\0")
    message = token[start:] if start >= 0 else b""
    if len(message) < 48:
        return None
    size, _, offset = struct.unpack_from("<HHI", message, 40)
    flags = struct.unpack_from("<I", message, 20)[0]
    found: dict[str, str] = {}
    time: datetime | None = None
    pairs = message[offset : offset + size]
    while len(pairs) >= 4:
        kind, length = struct.unpack_from("<HH", pairs)
        value, pairs = pairs[4 : 4 + length], pairs[4 + length :]
        if kind == 0:
            break
        if kind in _PAIRS:
            found[_PAIRS[kind]] = value.decode("utf-16-le", errors="replace")[:MAX_NAME]
        elif kind == 7 and len(value) == 8:
            time = _time(struct.unpack("<Q", value)[0])
    version = ""
    if flags & 0x02000000 and len(message) >= 56:
        major, minor, build = struct.unpack_from("<BBH", message, 48)
        version = f"{major}.{minor}.{build}"
    return Challenged(version=version, time=time, strong=flags & _STRONG == _STRONG, **found)


def _time(ticks: int) -> datetime | None:
    try:
        return _EPOCH + timedelta(microseconds=ticks // 10)
    except OverflowError:
        return None


class User(msgspec.Struct, frozen=True):
    """Who signs in. `name` may be DOMAIN\\name or name@domain."""

    name: str
    password: str

    def __repr__(self) -> str:
        return f"User({self.name!r})"

    @property
    def parts(self) -> tuple[str, str]:
        """Domain, empty when none is named, and name; a name@domain stays whole."""
        domain, slash, name = self.name.rpartition("\\")
        return (domain, name) if slash else ("", self.name)


class State(enum.Enum):
    TALKING = "talking"
    BINDING = "binding"
    DONE = "done"
    """Signed in; with no user: the CHALLENGE was seen."""
    FAILED = "failed"


class Handshake:
    """The client's end. Send what `start` and `receive` return; look at the attributes afterwards.

    `certificate` is the server's, DER: the sign-in is bound to its key.
    """

    def __init__(self, certificate: bytes, host: str, user: User | None) -> None:
        self.state = State.TALKING
        self.version: int | None = None
        """Of the server's protocol."""
        self.error: int | None = None
        """NTSTATUS of a failure that the server told."""
        self.challenge: Challenged | None = None
        self._key = subject_public_key(certificate)
        self._user = user
        self._nonce = secrets.token_bytes(32)
        name, password = (user.name, user.password) if user is not None else ("probe", secrets.token_hex(16))
        self._context = spnego.client(
            name, password, hostname=host, service="TERMSRV", protocol="ntlm", options=_OWN_NTLM
        )

    def start(self) -> bytes:
        return TsRequest(token=self._step(None)).encode()

    def receive(self, message: bytes) -> bytes | None:
        """What to answer to a message, None when there is nothing more to send. Raises ProtocolError."""
        told = decode(message)
        if self.version not in (None, told.version):
            raise ProtocolError(f"expected version {self.version} again, got {told.version}")
        self.version = told.version
        if told.error is not None:
            self.error, self.state = told.error, State.FAILED
            return None
        if self.state is State.BINDING:
            return self._bound(told)
        if self.state is not State.TALKING or told.token is None:
            raise ProtocolError(f"expected a token, got {told!r} while {self.state.value}")
        self.challenge = challenged(told.token) or self.challenge
        if self._user is None and self.challenge is not None:
            self.state = State.DONE
            return None
        if told.version < BINDS_BY_HASH:
            raise OldServer(f"expected version {BINDS_BY_HASH} of CredSSP at least, got {told.version}")
        if self.challenge is None or not self.challenge.strong:
            raise ProtocolError("expected a challenge that agrees to sign and seal by 128 bits")
        token = self._step(told.token)
        if not self._context.complete:
            raise ProtocolError("expected a challenge that a sign-in can be answered to")
        self.state = State.BINDING
        return TsRequest(
            token=token, pub_key_auth=self._sealed(self._proof(_CLIENT)), nonce=self._nonce
        ).encode()

    def _bound(self, told: TsRequest) -> bytes:
        """The server proved that it has the channel's key: only now does it get the credentials."""
        if told.pub_key_auth is None or self._user is None:
            raise ProtocolError(f"expected the server's proof, got {told!r}")
        try:
            proof = self._context.unwrap(told.pub_key_auth).data
        except (SpnegoError, *_ODD) as error:
            raise ProtocolError("expected the server's proof, got one under another key") from error
        if not hmac.compare_digest(proof, self._proof(_SERVER)):
            raise ProtocolError("the sign-in came through another TLS channel: somebody is in between")
        self.state = State.DONE
        domain, name = self._user.parts
        parts = [part.encode("utf-16-le") for part in (domain, name, self._user.password)]
        password = der.pack(
            der.SEQUENCE,
            *(der.pack(der.explicit(at), der.pack(der.OCTETS, part)) for at, part in enumerate(parts)),
        )
        credentials = der.pack(
            der.SEQUENCE,
            der.pack(der.explicit(0), der.integer(1)),
            der.pack(der.explicit(1), der.pack(der.OCTETS, password)),
        )
        return TsRequest(auth_info=self._sealed(credentials)).encode()

    def _sealed(self, text: bytes) -> bytes:
        try:
            return self._context.wrap(text).data
        except (SpnegoError, *_ODD) as error:
            raise ProtocolError(f"expected a sign-in that seals: {error}") from error

    def _step(self, token: bytes | None) -> bytes:
        try:
            return self._context.step(token) or b""
        except (SpnegoError, *_ODD) as error:
            raise ProtocolError(f"expected a token of the sign-in: {error}") from error

    def _proof(self, magic: bytes) -> bytes:
        return hashlib.sha256(magic + self._nonce + self._key).digest()
