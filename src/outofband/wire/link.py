"""The control link of an agent: small JSON messages over one WebSocket it opens (docs/protocol/link.md).

`LinkServer` and `LinkAgent` hold the rules: the server speaks first with a nonce, the agent proves its key by
signing it, only then do other messages count. Both sides send a heartbeat every KEEPALIVE_SECONDS and give
the peer up after DEAD_SECONDS without a word. Feed `receive` and `tick`, send what `outgoing` returns.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, Protocol, get_args

import msgspec

from outofband.core.errors import ProtocolError
from outofband.wire.finding import Finding
from outofband.wire.login import LoginReport
from outofband.wire.machine import AgentReport, HostReport, VmReport

PROTOCOL = 1
KEEPALIVE_SECONDS = 15.0
DEAD_SECONDS = 45.0
HANDSHAKE_SECONDS = 10.0
MAX_MESSAGE = 1024 * 1024
TAKES_KEYS = "keys"
TAKES_PLACES = "places"
MAX_PLACES = 16
"""VMs that one `want-places` asks about: the link hears nothing else while they are looked up."""
MAX_VM = 36
"""Characters of a VM's uuid."""
TAKES_FINDINGS = "findings"
MAX_FOUND = 32
"""Findings in one message: with all of their evidence they stay far below MAX_MESSAGE."""
TAKES_SHOWS = "shows"
"""What ports show, in the reports of machines."""
MAX_SPREAD = 60.0
"""Seconds; an agent believes no longer `spread`."""
TAKES_OWN_CONSOLE = "own-console"
"""Among reports of machines, one with the agent's own id: of the console of its server."""
TAKES_RENEWALS = "renewals"
TAKES_BEATS = "beats"
BEAT_SECONDS = 300.0
"""How often an agent says how it is; the socket's own heartbeats only tell that it is there."""
MAX_KIND = 64
"""Characters of the name of a message's kind."""
MAX_UNKNOWN = 16
"""Kinds of messages of a later day that a link remembers by name."""
_CONTEXT = b"outofband-link-v1\0"


class Challenge(msgspec.Struct, frozen=True, tag="challenge"):
    nonce: str
    protocol: int = PROTOCOL


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """`signature`: base64url of the agent key's signature over `signed_text(agent, nonce)`."""

    agent: str
    signature: str
    version: str
    instance: str
    """Changes with every start of the agent process."""
    protocol: int = PROTOCOL
    takes: list[str] = []
    """Messages of a later day that this agent understands: `keys`, `places`, `renewals`."""
    hardware: str = ""
    """Fingerprint of the machine this agent runs on (`wire.connecting.fingerprint`); older ones say none."""


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    """`grant_keys` are public JWKs; `trust` the PEM bundle to pin from now on (current and next CA).

    `spread`: seconds over which the agents of this control plane return when their links have ended, so that
    they do not come in one wave; the more agents, the longer.
    """

    link: str
    node: str
    grant_keys: list[dict[str, Any]]
    trust: str
    takes: list[str] = []
    """Messages of a later day that this control plane understands: `findings`, `places`, `renewals`, `beats`;
    `shows` is a field of reports, `own-console` a report of one more machine.
    """
    spread: float = 0.0


class Keys(msgspec.Struct, frozen=True, tag="keys"):
    """`grant_keys` and `trust` as in the welcome, when they changed since; to agents that take it."""

    grant_keys: list[dict[str, Any]]
    trust: str


class Reject(msgspec.Struct, frozen=True, tag="reject"):
    code: str
    fields: dict[str, Any] = {}


class Heartbeat(msgspec.Struct, frozen=True, tag="heartbeat"):
    pass


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """How the agent is; after each welcome and every BEAT_SECONDS, to control planes that take it."""

    report: AgentReport


class Renew(msgspec.Struct, frozen=True, tag="renew"):
    """The agent wants a new certificate for the key of this link; to control planes that take renewals."""


class Renewed(msgspec.Struct, frozen=True, tag="renewed"):
    """Answers a `renew`, and comes unasked when the control plane wants it so: a certificate, PEM. Or, with a
    `code`, why there is none.
    """

    certificate: str = ""
    code: str | None = None
    fields: dict[str, Any] = {}


class Inventory(msgspec.Struct, frozen=True, tag="inventory"):
    """Everything the host has; sent after each welcome and whenever the host's own facts change."""

    host: HostReport
    machines: list[VmReport]


class VmChanged(msgspec.Struct, frozen=True, tag="vm"):
    report: VmReport


class VmGone(msgspec.Struct, frozen=True, tag="vm-gone"):
    vm: str


class Command(msgspec.Struct, frozen=True, tag="command"):
    """`key` makes a repeat harmless: the agent answers it from its journal. `vm` is the VM's uuid."""

    key: str
    verb: str
    vm: str
    args: dict[str, Any] = {}
    epoch: int = 0


class Result(msgspec.Struct, frozen=True, tag="result"):
    """`observed` says in one sentence what was seen to happen; `code` and `fields` tell of a failure."""

    key: str
    succeeded: bool
    observed: str = ""
    code: str | None = None
    fields: dict[str, Any] = {}
    data: dict[str, Any] = {}


class WantPlaces(msgspec.Struct, frozen=True, tag="want-places"):
    """Where do the boot diagnostics of these VMs (uuids, at most MAX_PLACES) go? Each is answered with a
    `place`. To control planes that take it.
    """

    vms: list[str]


class Stored(msgspec.Struct, frozen=True, tag="stored"):
    """A segment of a port's log was sealed: what is older than the ring may go. To control planes that take
    places.
    """

    vm: str
    port: str


class Place(msgspec.Struct, frozen=True, tag="place"):
    """Where the boot diagnostics of a VM go: a container of an account of the Blob service, and the query of
    a signature for exactly that container. Or, with a `code`, why they go nowhere for now.
    """

    vm: str
    account: str = ""
    container: str = ""
    query: str = ""
    seconds: float = 0.0
    """How long the signature is valid, or how long not to ask again where there is a `code`."""
    ends: dict[str, int] = {}
    """By port, the end of what is stored already: the log of a host that never uploaded any goes on there."""
    screenshot: str = ""
    """Name of the blob of the screen's picture."""
    code: str | None = None
    fields: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"Place(vm={self.vm!r}, account={self.account!r}, container={self.container!r})"


class OpenStream(msgspec.Struct, frozen=True, tag="open"):
    """Dial `url` and bring one console: `token` proves the socket, once; `grant` says what is allowed."""

    session: str
    url: str
    token: str
    grant: str


class StreamFailed(msgspec.Struct, frozen=True, tag="stream-failed"):
    session: str
    code: str
    fields: dict[str, Any] = {}


class LoginEnded(msgspec.Struct, frozen=True, tag="login-ended"):
    """What became of the guest login of a session whose grant wanted it ended."""

    session: str
    report: LoginReport


class Told(msgspec.Struct, frozen=True):
    """A finding, and the VM (uuid) it is of."""

    vm: str
    finding: Finding


class Found(msgspec.Struct, frozen=True, tag="found"):
    """What the agent recognised, at most MAX_FOUND; to control planes that take it. `number` is of this
    message on this link. One that was not answered is sent again on the next link: the same id is the same
    finding.
    """

    number: int
    found: list[Told]


class FoundKept(msgspec.Struct, frozen=True, tag="found-kept"):
    """Answers one `found`: all of it is on disk, or was refused; nothing of it is to be sent again."""

    number: int


class EndSession(msgspec.Struct, frozen=True, tag="end"):
    session: str
    code: str
    fields: dict[str, Any] = {}


ServerMessage = (
    Challenge
    | Welcome
    | Keys
    | Reject
    | Heartbeat
    | Command
    | OpenStream
    | EndSession
    | FoundKept
    | Place
    | Renewed
)
AgentMessage = (
    Hello
    | Inventory
    | VmChanged
    | VmGone
    | Result
    | StreamFailed
    | LoginEnded
    | Found
    | WantPlaces
    | Stored
    | Beat
    | Renew
    | Heartbeat
)
Message = ServerMessage | AgentMessage


class _Typed(msgspec.Struct, frozen=True):
    """What every message has, also one that nobody here knows."""

    type: str


_from_server = msgspec.json.Decoder(ServerMessage)
_from_agent = msgspec.json.Decoder(AgentMessage)
_typed = msgspec.json.Decoder(_Typed)
_KINDS = frozenset(str(each.__struct_config__.tag) for each in get_args(Message))


class State(enum.Enum):
    GREETING = "greeting"
    PROVING = "proving"
    OPEN = "open"
    CLOSED = "closed"


class StreamHello(msgspec.Struct, frozen=True):
    """First message, text JSON, of an agent on the console listener."""

    session: str
    token: str


class Verifier(Protocol):
    """Checks a signature of the agent named; returns False for an unknown agent too."""

    def __call__(self, agent: str, signature: str, text: bytes) -> bool: ...


def signed_text(agent: str, nonce: str) -> bytes:
    """What an agent signs to prove its key on a new link. The prefix keeps it from being valid elsewhere."""
    return _CONTEXT + agent.encode() + b"\0" + nonce.encode()


class _Side:
    """What both ends share: an outbox, the state, and the two timers."""

    def __init__(self, now: float) -> None:
        self.state = State.GREETING
        self.reason: str | None = None
        self.unknown: list[str] = []
        """Kinds that came and are not known here: those of a newer peer. The first MAX_UNKNOWN."""
        self._outbox: list[Message] = []
        self._heard = now
        self._spoke = now
        self._opened = now

    def send(self, message: Message) -> None:
        if self.state is not State.OPEN:
            raise ProtocolError(f"expected an open link to send on, it is {self.state.value}")
        self._outbox.append(message)

    def outgoing(self, now: float) -> list[bytes]:
        """Texts to put on the wire, in order."""
        texts = [msgspec.json.encode(message) for message in self._outbox]
        if texts:
            self._outbox.clear()
            self._spoke = now
        return texts

    def due(self, now: float) -> float:
        """Seconds until `tick` has something to do, if nothing comes and nothing goes until then."""
        if self.state is State.CLOSED:
            return 0.0
        dead = self._heard + DEAD_SECONDS
        own = (
            self._spoke + KEEPALIVE_SECONDS if self.state is State.OPEN else self._opened + HANDSHAKE_SECONDS
        )
        return max(0.0, min(dead, own) - now)

    def tick(self, now: float) -> None:
        """Call when it is `due`, or once a second. May queue a heartbeat or close the link."""
        if self.state is State.CLOSED:
            return
        if self.state is not State.OPEN and now - self._opened >= HANDSHAKE_SECONDS:
            self.close("the handshake took too long")
        elif now - self._heard >= DEAD_SECONDS:
            self.close(f"nothing was heard for {DEAD_SECONDS:.0f} s")
        elif self.state is State.OPEN and now - self._spoke >= KEEPALIVE_SECONDS:
            self._outbox.append(Heartbeat())
            self._spoke = now

    def close(self, reason: str) -> None:
        if self.state is not State.CLOSED:
            self.state, self.reason = State.CLOSED, reason

    def _expect_size(self, text: bytes | str, now: float) -> None:
        if self.state is State.CLOSED:
            raise ProtocolError("expected nothing more on a closed link")
        if len(text) > MAX_MESSAGE:
            raise ProtocolError(f"expected at most {MAX_MESSAGE} bytes, got {len(text)}")
        self._heard = now

    def _of_a_later_day(self, text: bytes | str) -> bool:
        """Whether a message that could not be read is of a kind that only newer peers know: it is passed
        over, whatever it holds. One of a known kind, in either direction, is no such excuse, and nothing is
        before the link is open.
        """
        if self.state is not State.OPEN:
            return False
        try:
            kind = _typed.decode(text).type
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        if kind in _KINDS:
            return False
        if len(self.unknown) < MAX_UNKNOWN and kind[:MAX_KIND] not in self.unknown:
            self.unknown.append(kind[:MAX_KIND])
        return True


class LinkServer(_Side):
    """The control plane's end. After the Hello event of `receive`, answer with `welcome` or `reject`."""

    def __init__(self, *, nonce: str, verify: Verifier, now: float) -> None:
        super().__init__(now)
        self._nonce = nonce
        self._verify = verify
        self.agent: str | None = None
        self._outbox.append(Challenge(nonce))

    def receive(self, text: bytes | str, now: float) -> list[AgentMessage]:
        """Events of one message. Raises ProtocolError when the agent breaks the rules."""
        self._expect_size(text, now)
        try:
            message = _from_agent.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if self._of_a_later_day(text):
                return []
            raise ProtocolError(f"expected a message of an agent: {error}") from error
        if self.state is State.GREETING:
            if not isinstance(message, Hello):
                raise ProtocolError(f"expected hello, got {type(message).__name__}")
            if message.protocol != PROTOCOL:
                self.reject("LinkVersionUnsupported", ours=PROTOCOL, theirs=message.protocol)
                return []
            text_to_sign = signed_text(message.agent, self._nonce)
            if not self._verify(message.agent, message.signature, text_to_sign):
                self.reject("AgentUnknown", agent=message.agent)
                return []
            self.agent = message.agent
            self.state = State.PROVING
            return [message]
        if self.state is not State.OPEN or isinstance(message, Hello):
            raise ProtocolError(f"unexpected {type(message).__name__} while {self.state.value}")
        return [] if isinstance(message, Heartbeat) else [message]

    def welcome(self, welcome: Welcome) -> None:
        if self.state is not State.PROVING:
            raise ProtocolError(f"expected a proven agent, the link is {self.state.value}")
        self.state = State.OPEN
        self._outbox.append(welcome)

    def reject(self, code: str, **fields: Any) -> None:
        self._outbox.append(Reject(code, fields))
        self.close(code)


class LinkAgent(_Side):
    """The agent's end. `sign` returns base64url of a signature by the key made on this host; `takes` and
    `hardware` as in the hello.
    """

    def __init__(
        self,
        *,
        agent: str,
        version: str,
        instance: str,
        sign: Any,
        now: float,
        takes: Sequence[str] = (TAKES_KEYS, TAKES_PLACES),
        hardware: str = "",
    ) -> None:
        super().__init__(now)
        self._takes, self._hardware = takes, hardware
        self._agent, self._version, self._instance, self._sign = agent, version, instance, sign

    def receive(self, text: bytes | str, now: float) -> list[ServerMessage]:
        """Events of one message: any but a challenge or a heartbeat. Raises ProtocolError."""
        self._expect_size(text, now)
        try:
            message = _from_server.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if self._of_a_later_day(text):
                return []
            raise ProtocolError(f"expected a message of a control plane: {error}") from error
        if isinstance(message, Reject):
            self.close(message.code)
            return [message]
        if self.state is State.GREETING:
            if not isinstance(message, Challenge):
                raise ProtocolError(f"expected challenge, got {type(message).__name__}")
            signature = self._sign(signed_text(self._agent, message.nonce))
            self._outbox.append(
                Hello(
                    self._agent,
                    signature,
                    self._version,
                    self._instance,
                    takes=list(self._takes),
                    hardware=self._hardware,
                )
            )
            self.state = State.PROVING
            return []
        if self.state is State.PROVING:
            if not isinstance(message, Welcome):
                raise ProtocolError(f"expected welcome, got {type(message).__name__}")
            self.state = State.OPEN
            return [message]
        if isinstance(message, Challenge | Welcome):
            raise ProtocolError(f"unexpected {type(message).__name__} on an open link")
        return [] if isinstance(message, Heartbeat) else [message]
