"""Azure's console protocol, the server's side, without the socket (docs/protocol/azure-console.md).

One WebSocket of text messages. Every version of `az serial-console` speaks it a little differently:

    version       token                                     first message of ours
    up to 0.1.6   in the query                              shown
    0.1.7, 0.1.8  in the query, and as text once or twice   not shown
    1.0           as text, after our first message          not shown

Rule 1: our first message is an empty line; nothing of the guest is told before the token was checked.
Rule 2: a message that is the token, or another one, never reaches the guest, however often it comes.
Rule 3: a client is an observer until it types. The first key takes a free keyboard; where somebody has it,
        only Enter takes it, and is not typed. Who merely sends an admin command takes it from nobody.
Rule 4: a message holds whole characters, whatever the guest printed and however it was cut.

Within, the client is a viewer like any other: `ClientSession` counts its bytes and types its keys.
"""

from __future__ import annotations

import codecs
import enum
import re
from typing import Any

import msgspec

from outofband.catalogue import explain
from outofband.core.errors import Fault, ProtocolError
from outofband.core.locale import DEFAULT
from outofband.wire import azure_words as words
from outofband.wire import console
from outofband.wire.arbiter import REFUSALS
from outofband.wire.azure_words import MAX_REASON, Closing, Code, code_of
from outofband.wire.console import ClientSession
from outofband.wire.grant import Mode
from outofband.wire.screen import Hygiene, Reader
from outofband.wire.stream import alarm_of

TOKEN_SECONDS = 10.0
"""The token must be there this long after the socket opened."""
MAX_TOKEN = 16 * 1024
MAX_MESSAGE = 16 * 1024
"""Bytes of one message from a client; the extension sends a character at a time."""
MAX_KEYS = 64 * 1024
"""Typed bytes that wait for the keyboard, or for the port."""
MAX_TEXT = 16 * 1024
"""Characters of one message to a client."""
MAX_WAITING = 256 * 1024
"""Characters beyond which words of our own are left out, but for the last ones: the client does not read."""
GREETING = "\r\n"
_BELL = "\a"
_ENTER = re.compile(rb"[\r\n]")
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_SIGNED = re.compile(r"eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""A token as they are, and nothing else: a newer one than the first must not get into a console's log."""
_OBEYED = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Phase(enum.Enum):
    UNNAMED = "unnamed"
    CHECKING = "being checked"
    OPEN = "open"
    OVER = "over"


class AzureConsole:
    """One client's conversation. `name` is the VM's, for texts; `token` what stood in the query, if it did.

    Messages go in by `receive`, frames of the gateway by `frame`; what they lead to is fetched with `texts`,
    `frames` and `closing`. Nothing raises for what a client sends.
    """

    def __init__(
        self, name: str, *, token: str | None = None, new: bool = False, locale: str = DEFAULT
    ) -> None:
        self.name = name
        self.locale = locale
        """In which what goes wrong is told."""
        self.phase = Phase.UNNAMED
        self.token: str | None = None
        """To be checked once the phase is CHECKING."""
        self.closing: Closing | None = None
        """Set when nothing more comes than the texts that wait."""
        self.client = "az serial-console 1.0 or newer"
        self._session: ClientSession | None = None
        self._keys = bytearray()
        self._asked = False
        self._waits = False
        """The keyboard is this client's as soon as the login before has ended."""
        self._me = ""
        self._may = True
        """It can come to type here, as far as is known."""
        self._writer: str | None = None
        self._hygiene = Hygiene()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._away = False
        self._out: list[str] = [GREETING]
        self._waiting = len(GREETING)
        if token is not None:
            self.client = f"az serial-console {'0.1.7 or 0.1.8' if new else '0.1.6 or older'}"
            self._take_token(token)

    # --- what the far sides say ---

    def receive(self, message: str | bytes) -> None:
        """One message of the client."""
        if self.phase is Phase.OVER:
            return
        if isinstance(message, bytes):
            self._close(Code.UNSUPPORTED, "ProtocolViolated: expected text messages")
        elif len(message) > MAX_MESSAGE or len(typed := message.encode("utf-8", "replace")) > MAX_MESSAGE:
            self._close(Code.TOO_BIG, f"ProtocolViolated: expected at most {MAX_MESSAGE} bytes in a message")
        elif self.phase is Phase.UNNAMED:
            self._take_token(message)
        elif message != self.token and not _SIGNED.fullmatch(message):
            self._type(typed)

    def admit(self, name: str = "") -> console.Open:
        """The token was good, and its person's name is `name`: what the gateway is to be asked for."""
        self._expect(Phase.CHECKING)
        self.phase = Phase.OPEN
        self._me = name
        self._session = ClientSession(mode=Mode.OBSERVE, client=self.client)
        return msgspec.json.decode(self._session.open(""), type=console.Open)

    def frame(self, message: bytes, now: float) -> None:
        """One frame of the gateway; `now` in monotonic seconds. Raises ProtocolError for an illegal one."""
        if self.phase is Phase.OVER or self._session is None:
            return
        for event in self._session.receive(message, now):
            self._happens(event)
        self._pump()

    def say(self, text: str, *, last: bool = False) -> None:
        """Words of our own between the guest's, on lines of their own. The `last` ones, which tell why there
        is an end, are said whatever waits: they are the only ones of their kind, so nothing grows by them.
        """
        if not text or (self._waiting > MAX_WAITING and not last):
            return
        shown = _OBEYED.sub("\ufffd", text.replace("\n", " "))
        self._put(f"\r\n\x1b[0;7m oob \x1b[0m {shown}\r\n")

    def refuse(self, fault: Fault) -> None:
        """Send the client away, with words for its person."""
        self.end(fault.code, fault.fields)

    def end(self, code: str, fields: dict[str, Any]) -> None:
        """The session is over, by a code of the catalogue."""
        if self.phase is Phase.OVER:
            return
        told = explain(Fault(code, **fields), self.locale)
        self.say(" ".join([told.message, *told.remedy]), last=True)
        self._close(code_of(told), f"{told.code}: {told.message}")

    # --- what is to be done ---

    @property
    def waiting(self) -> int:
        """Characters that wait to be fetched."""
        return self._waiting

    @property
    def room(self) -> bool:
        """Whether another message of the client can be taken now."""
        return len(self._keys) + MAX_MESSAGE <= MAX_KEYS

    def text(self) -> str:
        """The next message to the client, empty when there is none."""
        whole = "".join(self._out)
        piece, rest = whole[:MAX_TEXT], whole[MAX_TEXT:]
        self._out = [rest] if rest else []
        self._waiting = len(rest)
        return piece

    def frames(self) -> list[bytes]:
        """Frames to the gateway, in order."""
        return self._session.outgoing() if self._session is not None else []

    # --- how it is done ---

    def _take_token(self, message: str) -> None:
        if len(message) > MAX_TOKEN or not _JWT.fullmatch(message):
            self.refuse(Fault("InvalidAuthenticationToken", detail="the first message is no token"))
        else:
            self.token = message
            self.phase = Phase.CHECKING

    def _type(self, typed: bytes) -> None:
        if self._waits:
            # Enter asks again: it may be another session of this person that was faster.
            self._asked = self._asked and not _ENTER.search(typed)
            self._knock(typed)
            return
        if self._attached and not self._may_type and not self._asked and self._writer is not None:
            self._knock(typed)
            return
        self._keys += typed[: MAX_KEYS - len(self._keys)]
        self._pump()

    def _knock(self, typed: bytes) -> None:
        """Somebody else has the keyboard."""
        if _ENTER.search(typed):
            self._ask()
        else:
            self._put(_BELL)

    def _pump(self) -> None:
        """Hand on what was typed, or ask for the keyboard first."""
        if not self._keys or not self._attached:
            return
        assert self._session is not None
        if self._may_type:
            del self._keys[: self._session.type(bytes(self._keys))]
        elif self._writer is None:
            self._ask()
        elif not self._asked:
            self._keys.clear()

    def _ask(self) -> None:
        if not self._asked:
            assert self._session is not None
            self._asked = True
            self._session.ask("write")

    @property
    def _attached(self) -> bool:
        return self._session is not None and self._session.phase is console.Phase.ATTACHED

    @property
    def _may_type(self) -> bool:
        return self._session is not None and self._session.mode is Mode.WRITE

    def _happens(self, event: console.Event) -> None:
        match event:
            case console.Output(_, payload, live):
                self._hygiene.reader = Reader.LIVE_WRITER if live and self._may_type else Reader.BYSTANDER
                self._put(self._decoder.decode(self._hygiene.clean(payload)))
            case console.Attached(_, resumed, fields):
                self._arrived(resumed, fields)
            case console.Missing(_, count, reason):
                self._hygiene = Hygiene()
                amount = "an unknown amount" if count is None else f"{count} bytes"
                self.say(f"{amount} of output are missing here ({reason.name.lower()})")
            case console.InputDropped(count):
                self.say(f"the last {count} typed bytes may not have reached the guest; check")
            case console.Told(what, fields):
                self._told(what, fields)
            case console.Ended(code, fields, _):
                self.end(code, fields)

    def _arrived(self, resumed: bool, fields: dict[str, Any]) -> None:
        self._writer = _name(fields.get("writer"))
        self._may = fields.get("mayWrite") is not False
        self._asked = self._waits = False
        if resumed:
            if self._away:
                self.say("connected again")
            self._away = False
            return
        here = f"connected to {self.name}; {words.seat(self._writer, self._may)}"
        if others := [name for each in _list(fields.get("others")) if (name := _name(each))]:
            here += f" Also here: {', '.join(others)}."
        self.say(f"{here} {words.CAUTION}")

    def _told(self, what: str, fields: dict[str, Any]) -> None:
        if what == "writer":
            self._seat_changed(_name(fields.get("writer")))
        elif what == "power":
            self.say(f"the VM is {fields.get('power', '?')}")
        elif what == "reset":
            self.say("the VM was reset")
        elif what in ("joined", "left"):
            self.say(f"{fields.get('who', '?')} {'is here too' if what == 'joined' else 'has left'}")
        elif what == "keyboard":
            self.say(words.keyboard(fields, self._may_type))
        elif what == "login":
            self.say(words.login(fields))
        elif what == "alarm":
            self._alarm(fields)

    def _seat_changed(self, writer: str | None) -> None:
        before, self._writer = self._writer, writer
        if self._may_type:
            self._asked = self._waits = False
            # Who typed the first key sees it echoed; who pressed Enter for it waits for a word.
            if before is not None:
                self.say("you have the keyboard now")
        elif self._asked and writer == self._me:
            if not self._waits:
                self.say(words.WAITS)
            self._waits = True
            self._keys.clear()
        elif writer != before:
            if self._asked and (writer is not None or self._waits):
                self._asked = self._waits = False
                self._keys.clear()
            self.say(words.seat(self._writer, self._may))

    def _alarm(self, fields: dict[str, Any]) -> None:
        told = explain(alarm_of(fields), self.locale)
        if self._asked and told.code in REFUSALS:
            # What was typed in hope of the keyboard is not kept for later.
            self._asked = self._waits = False
            self._keys.clear()
            if told.code == "KeyboardHeld":
                # This client has no other way to ask than the Enter it pressed.
                assert self._session is not None
                self._session.ask("ask")
                return
        self._away = self._away or told.code == console.AWAY
        self.say(told.message)

    def _put(self, text: str) -> None:
        if text:
            self._out.append(text)
            self._waiting += len(text)

    def _close(self, code: Code, reason: str) -> None:
        self.phase = Phase.OVER
        self._keys.clear()
        shown = _OBEYED.sub("\ufffd", reason).encode()[:MAX_REASON]
        self.closing = Closing(code, shown.decode("utf-8", "ignore"))

    def _expect(self, phase: Phase) -> None:
        if self.phase is not phase:
            raise ProtocolError(f"expected a client that is {phase.value}, it is {self.phase.value}")


def _name(given: object) -> str | None:
    return given if isinstance(given, str) and given else None


def _list(given: object) -> list[Any]:
    return given if isinstance(given, list) else []
