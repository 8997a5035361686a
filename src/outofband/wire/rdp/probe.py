"""One conversation with a server of Remote Desktop, as deep as is wanted, and what was seen of it.

Drive it on a connected socket: send what `outgoing` returns; when `wants_tls`, do the TLS handshake on the
same socket and tell `secured`; give `receive` what arrives (inside of TLS from then on), `ended` when the
other side goes or nothing comes any more; stop at `over`. Nothing here waits, and nothing raises: what a
server does wrong is what was looked for.

    confirm --> tls --> credssp --> early --> connect --> attach --> join --> licence --> over
"""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from outofband.core.errors import ProtocolError
from outofband.wire.rdp import credssp, der, errors, licensing, mcs, x224
from outofband.wire.rdp.credssp import Challenged, User
from outofband.wire.rdp.licensing import Asked
from outofband.wire.rdp.mcs import Kind
from outofband.wire.rdp.x224 import Security

COOKIE = "oob-probe"
_ALERT = b"\x15"
"""First byte of a record of TLS that says why it ends; its number is the last of seven (RFC 8446, 6)."""
SAMPLE = 64
"""Bytes kept of something that is not RDP."""
OFFERED = Security.TLS | Security.CREDSSP | Security.CREDSSP_EARLY
"""What clients of today offer. CredSSP is network level authentication: a sign-in before the session."""
MAX_UNITS = 64
"""Units of MCS after which a server that never comes to the point is left."""


class Depth(enum.IntEnum):
    """How far to go. Only SIGN_IN and SESSION take a user; only SESSION begins one on the server."""

    NEGOTIATION = 1
    SECURITY = 2
    """TLS, and with CredSSP the server's CHALLENGE, which needs no user."""
    SIGN_IN = 3
    SESSION = 4


class Stage(enum.StrEnum):
    CONFIRM = "negotiation"
    TLS = "tls"
    CREDSSP = "credssp"
    EARLY = "authorization"
    CONNECT = "connect"
    ATTACH = "attach"
    JOIN = "join"
    LICENCE = "licence"
    OVER = "over"


class End(enum.StrEnum):
    DONE = "done"
    """As deep as was wanted."""
    CLOSED = "closed"
    RESET = "reset"
    SILENT = "silent"
    """Nothing came in time."""
    BROKEN = "broken"
    """Something came that is no RDP, or not at this place."""
    TLS_FAILED = "tlsFailed"
    REFUSED = "refused"
    """The server said why."""


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """Of the server; times in UTC, `sha256` in hex. What cannot be read of an odd one is left out."""

    subject: str = ""
    issuer: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    sha256: str
    names: tuple[str, ...] = ()
    self_signed: bool = False


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """All that was seen. `stage` is where it ended, `end` how; `detail` says it in a sentence for a log."""

    stage: Stage = Stage.CONFIRM
    end: End | None = None
    detail: str = ""
    selected: Security | None = None
    negotiates: bool = False
    flags: int = 0
    refused: int | None = None
    tls: str = ""
    certificate: Certificate | None = None
    credssp_version: int | None = None
    challenge: Challenged | None = None
    status: int | None = None
    """NTSTATUS of CredSSP."""
    signed_in: bool = False
    """CredSSP took the user's password; without CredSSP nothing says so."""
    too_old: bool = False
    """A password was to be tried, and was not given to a server of before CVE-2018-0886."""
    early: int | None = None
    licence: int | None = None
    licensing: Asked | None = None
    """Of a server that gives licences out."""
    error_info: int | None = None
    disconnect: int | None = None
    active: bool = False
    sample: bytes = b""


class Probe:
    """`host` is the name that is asked for. `wanted` None asks without negotiation."""

    def __init__(
        self,
        host: str,
        depth: Depth = Depth.SECURITY,
        *,
        user: User | None = None,
        wanted: Security | None = OFFERED,
        address: str = "",
    ) -> None:
        if depth is Depth.SIGN_IN and user is None:
            raise ValueError("expected a user to sign in with")
        self._host, self._depth, self._user, self._address = host, depth, user, address
        self._wanted = wanted
        self._frames = x224.Frames()
        self._held = bytearray()
        self._outbox: list[bytes] = [x224.request(COOKIE, wanted)]
        self._handshake: credssp.Handshake | None = None
        self._mcs_user = 0
        self._joined = 0
        self._units = 0
        self._exchange = licensing.Exchange()
        self.seen = Seen()

    @property
    def over(self) -> bool:
        return self.seen.end is not None

    @property
    def wants_tls(self) -> bool:
        return self.seen.stage is Stage.TLS and not self.over

    def outgoing(self) -> bytes:
        data = b"".join(self._outbox)
        self._outbox.clear()
        return data

    def secured(self, certificate: bytes, described: Certificate, version: str) -> None:
        """TLS is up. `certificate` is the server's, DER."""
        self._note(tls=version, certificate=described)
        selected = self.seen.selected or Security.RDP
        if selected & (Security.CREDSSP | Security.CREDSSP_EARLY):
            self._sign_in(certificate)
        elif self._depth is Depth.SESSION:
            self._connect()
        else:
            self._finish(End.DONE)

    def receive(self, data: bytes) -> None:
        if self.over:
            return
        try:
            if self.seen.stage is Stage.CREDSSP:
                self._talk(data)
            elif self.seen.stage is Stage.EARLY:
                self._authorized(data)
            else:
                for payload in self._frames.feed(data):
                    self._frame(payload)
                    if self.wants_tls:
                        return self._before_tls(self._frames.held)
                    if self.over:
                        return
        except x224.NotRdp as error:
            self._finish(End.BROKEN, str(error), sample=error.sample[:SAMPLE])
        except ProtocolError as error:
            self._finish(End.BROKEN, str(error))

    def ended(self, end: End, detail: str = "") -> None:
        """The connection is over, or nothing came in time. What is known stays known."""
        if not self.over:
            held = self._frames.held or bytes(self._held)
            self._finish(end, detail, sample=held[:SAMPLE])

    # What follows what.

    def _frame(self, payload: bytes) -> None:
        match self.seen.stage:
            case Stage.CONFIRM:
                self._confirmed(x224.confirm(payload))
            case Stage.CONNECT | Stage.ATTACH | Stage.JOIN | Stage.LICENCE:
                self._unit(mcs.read(x224.unwrap(payload)))
            case stage:
                raise ProtocolError(f"expected nothing at {stage.value}, got a frame")

    def _confirmed(self, told: x224.Confirm) -> None:
        negotiates = told.selected is not None or told.refused is not None
        self._note(selected=told.selected, flags=told.flags, negotiates=negotiates, refused=told.refused)
        if told.refused is not None:
            words = errors.named(x224.Refused, told.refused)
            return self._finish(End.REFUSED, f"the server refuses: {words}")
        selected = told.selected or Security.RDP
        if selected and not selected & (self._wanted or Security.RDP):
            return self._finish(End.BROKEN, f"expected one of {self._wanted!r}, it chose {selected!r}")
        if self._depth is Depth.NEGOTIATION or selected is Security.RDP:
            # RDP's own security would be the next; a probe does not speak it, and nobody should.
            return self._finish(End.DONE)
        self._note(stage=Stage.TLS)

    def _before_tls(self, early: bytes) -> None:
        """What came with the confirmation. A client begins TLS: a server that speaks first gives it up."""
        if early:
            alert = early[:1] == _ALERT and len(early) >= 7
            words = (
                f"the server gives it up at once, alert {early[6]}" if alert else "the server speaks first"
            )
            self._finish(End.TLS_FAILED, words, sample=early[:SAMPLE])

    def _sign_in(self, certificate: bytes) -> None:
        self._note(stage=Stage.CREDSSP)
        try:
            user = self._user if self._depth >= Depth.SIGN_IN else None
            self._handshake = credssp.Handshake(certificate, self._host, user)
            self._outbox.append(self._handshake.start())
        except ProtocolError as error:
            self._finish(End.BROKEN, str(error))

    def _talk(self, data: bytes) -> None:
        assert self._handshake is not None
        self._held += data
        if len(self._held) > credssp.MAX_REQUEST:
            raise ProtocolError("expected a TSRequest of a usual size")
        while not self.over and (size := der.size_of(bytes(self._held))) and len(self._held) >= size:
            message = bytes(self._held[:size])
            del self._held[:size]
            try:
                answer = self._handshake.receive(message)
            except credssp.OldServer as error:
                return self._finish(End.REFUSED, str(error), too_old=True)
            finally:
                self._note(
                    credssp_version=self._handshake.version,
                    challenge=self._handshake.challenge,
                    status=self._handshake.error,
                )
            match self._handshake.state:
                case credssp.State.FAILED:
                    return self._finish(
                        End.REFUSED, f"CredSSP: {errors.named(errors.Status, self._handshake.error or 0)}"
                    )
                case credssp.State.DONE:
                    return self._signed_in(answer)
                case _ if answer is not None:
                    self._outbox.append(answer)

    def _signed_in(self, answer: bytes | None) -> None:
        """The password was right; or, without a user, the server has introduced itself."""
        if answer is None:
            return self._finish(End.DONE)
        self._note(signed_in=True)
        early = self.seen.selected is Security.CREDSSP_EARLY
        if not early and self._depth is Depth.SIGN_IN:
            # The server is told no password that it need not know.
            return self._finish(End.DONE)
        self._outbox.append(answer)
        if not early:
            return self._connect()
        self._note(stage=Stage.EARLY)
        self._authorized(b"")

    def _authorized(self, data: bytes) -> None:
        self._held += data
        if len(self._held) < 4:
            return
        result = int.from_bytes(self._held[:4], "little")
        rest = bytes(self._held[4:])
        self._held.clear()
        self._note(early=result)
        if result:
            return self._finish(End.REFUSED, f"the user may not sign in by Remote Desktop: 0x{result:08x}")
        if self._depth is Depth.SIGN_IN:
            return self._finish(End.DONE)
        self._connect()
        if rest:
            self.receive(rest)

    def _connect(self) -> None:
        self._note(stage=Stage.CONNECT)
        self._outbox.append(x224.data(mcs.connect_initial(self.seen.selected or Security.TLS, COOKIE)))

    def _unit(self, unit: mcs.Unit) -> None:
        self._units += 1
        if self._units > MAX_UNITS:
            raise ProtocolError(f"expected a word on the licence within {MAX_UNITS} units")
        match self.seen.stage, unit.kind:
            case _, Kind.ERROR_INFO:
                if unit.value:
                    words = errors.named(errors.Info, unit.value)
                    self._finish(End.REFUSED, f"the server ends the session: {words}", error_info=unit.value)
            case _, Kind.DISCONNECT:
                self._finish(
                    End.CLOSED, f"the server disconnects: reason {unit.value}", disconnect=unit.value
                )
            case Stage.CONNECT, Kind.CONNECTED:
                self._outbox += [x224.data(mcs.ERECT_DOMAIN), x224.data(mcs.ATTACH_USER)]
                self._note(stage=Stage.ATTACH)
            case Stage.ATTACH, Kind.ATTACHED:
                self._mcs_user = unit.value or 0
                self._outbox.append(x224.data(mcs.join(self._mcs_user, self._mcs_user)))
                self._note(stage=Stage.JOIN)
            case Stage.JOIN, Kind.JOINED:
                self._joined += 1
                self._frames.fast_path = True
                if self._joined == 1:
                    self._outbox.append(x224.data(mcs.join(self._mcs_user, mcs.GLOBAL_CHANNEL)))
                    return
                domain, name = self._user.parts if self._user else ("", "")
                # Without CredSSP nobody has proved who he is: such a server gets no password.
                password = self._user.password if self._user and self.seen.signed_in else ""
                self._outbox.append(
                    x224.data(mcs.client_info(self._mcs_user, domain, name, password, self._address))
                )
                self._note(stage=Stage.LICENCE)
            case Stage.LICENCE, Kind.LICENCE:
                if unit.value is None:
                    return self._licensed(unit.message)
                self._note(licence=unit.value)
                if unit.value != errors.Licence.VALID_CLIENT:
                    words = errors.named(errors.Licence, unit.value)
                    self._finish(End.REFUSED, f"the server has no licence for this session: {words}")
            case Stage.LICENCE, Kind.ACTIVE:
                self._outbox.append(x224.data(mcs.DISCONNECT))
                self._finish(End.DONE, active=True)
            case _, Kind.OTHER:
                pass
            case stage, kind:
                raise ProtocolError(f"unexpected {kind.value} at {stage.value}")

    def _licensed(self, message: bytes) -> None:
        answer = self._exchange.receive(message)
        self._note(licensing=self._exchange.asked)
        if answer is not None:
            self._outbox.append(x224.data(mcs.licence(self._mcs_user, answer)))

    def _note(self, **news: object) -> None:
        self.seen = msgspec.structs.replace(self.seen, **news)

    def _finish(self, end: End, detail: str = "", **news: object) -> None:
        stage = Stage.OVER if end is End.DONE else self.seen.stage
        self._note(end=end, detail=detail, stage=stage, **news)
