"""A person in front of a console: what is typed goes to the guest or is a wish, what happens is said.

Guest output passes `wire.screen` before it reaches the terminal (D13). Our own words go between the guest's,
each on a line of its own.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from outofband.cli import deeds
from outofband.cli import output as show
from outofband.cli.company import Company, keyboard_words, login_words
from outofband.cli.escape import Command, Escape, Keys, Wish
from outofband.cli.keyboard import Keyboard
from outofband.cli.seat_pager import SeatPager
from outofband.cli.seat_paste import ASK_FOR_MARKS, SeatPaste
from outofband.cli.seat_size import SeatSize
from outofband.cli.serial import act
from outofband.cli.terminal import RawTerminal, Screen
from outofband.client import background
from outofband.client.console import Console, Lost
from outofband.client.http import ArmClient
from outofband.client.pasting import Pasting
from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.net.tasks import Tasks
from outofband.wire.console import (
    AWAY,
    Attached,
    ClientSession,
    Ended,
    Event,
    InputDropped,
    Missing,
    Output,
    Told,
)
from outofband.wire.grant import Mode
from outofband.wire.known_issues import KnownIssues
from outofband.wire.modes import Modes
from outofband.wire.pasting import Progress
from outofband.wire.screen import Hygiene, Reader
from outofband.wire.stream import alarm_of

MENU = """n NMI   s SysRq   c Ctrl-Alt-Del   r reset   q quit   {key} send {key}
z size   l log in a pager   p log of the previous boot   i info
keyboard: a ask for it   w take it   g give it back   h hand it to somebody   y/d answer who asks"""
CAUTION = """Everything shown here is kept in the VM's console log, for all who may read it: do not print
secrets, use SSH or RDP for these as soon as they work again. Passwords typed at a prompt that does not echo
are not kept; that you were here is."""
DRAIN_SECONDS = 1.0
_KEYBOARD = {
    Wish.WRITE: "write",
    Wish.ASK: "ask",
    Wish.ALLOW: "allow",
    Wish.DECLINE: "decline",
    Wish.HAND: "hand",
    Wish.GIVE_BACK: "release",
}
_BELL = b"\x07"


class Seat:
    """One person, one console, one terminal. `sit` returns when either ends it.

    `killed_by` is then the number of the signal that ended it, if one did.
    """

    def __init__(
        self,
        client: ArmClient,
        vm: str,
        *,
        name: str,
        port: str,
        session: ClientSession,
        escape: bytes,
        asks: bool = False,
        tell_size: bool = False,
    ) -> None:
        self.killed_by: int | None = None
        self._client, self._vm, self._name, self._port = client, vm, name, port
        self._session = session
        self._escape, self._menu_key = Escape(escape), escape
        self._key = "Ctrl-" + chr(escape[0] | 0x40)
        self._console = Console(client, vm, port=port, session=session, sink=self._show)
        self._hygiene = Hygiene()
        self._issues = KnownIssues()
        self._pasting = Pasting(self._console, self._paste_told)
        self._paste = SeatPaste(
            self._pasting,
            keys=self._pressed,
            send=self._send,
            say=self._say,
            may_type=lambda: self._console.may_type,
        )
        self._keyboard = Keyboard(send=self._send, lacking=self._lacks_keys)
        self._size = SeatSize(
            self._keyboard.shown,
            send=self._send,
            say=self._say,
            put=lambda shown: self._screen.say(shown),  # noqa: PLW0108 - there is no screen yet
            may_type=lambda: self._console.may_type,
            key=self._key,
            after_login=tell_size,
        )
        self._modes = Modes()
        self._pager = SeatPager(client, vm, port, say=self._say, again=self._again)
        self._asks = asks
        """The keyboard is to be asked for, once, as soon as that can be."""
        self._company = Company()
        self._login_ends = False
        self._tasks = Tasks()
        self._screen: Screen
        self._terminal: RawTerminal
        self._troubles: set[str] = set()
        """Codes of what keeps the console away, as far as it was said."""

    async def sit(self) -> Ended:
        """Raises Fault when the console cannot be opened, or not any more."""
        loop = asyncio.get_running_loop()
        # Before the terminal is raw: a signal that ended us by itself would leave it so.
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            loop.add_signal_handler(number, self._killed, number)
        self._screen = Screen()
        with RawTerminal() as terminal:
            self._terminal = terminal
            loop.add_signal_handler(signal.SIGCONT, terminal.again)
            loop.add_signal_handler(signal.SIGWINCH, self._size.resized)
            terminal.listen(self._typed)
            self._screen.say(ASK_FOR_MARKS)
            try:
                self._tasks.spawn("terminal-gone", self._leave_when_gone())
                self._say(f"connecting to {self._name} ... {self._key} opens a menu")
                ended = await self._console.run()
                self._parting(ended)
                return ended
            finally:
                await self._pager.close(by_force=self.killed_by is not None or self._screen.gone.is_set())
                terminal.deafen()
                self._size.close()
                await self._tasks.close()
                await self._screen.close(DRAIN_SECONDS)

    def _killed(self, number: int) -> None:
        if number == signal.SIGINT and self._pager.open:
            # Ctrl-C in the pager, which has the terminal in its usual modes.
            return
        self.killed_by = number
        self._console.leave()

    async def _leave_when_gone(self) -> None:
        await self._screen.gone.wait()
        self._console.leave()

    def _again(self) -> bytes:
        """What the terminal is to be told after a program of ours had it."""
        return ASK_FOR_MARKS + self._modes.again() + self._size.again()

    def _parting(self, ended: Ended) -> None:
        if ended.code == "Left" and self._session.next_offset is not None:
            login = "A login you opened in the guest is ended, as the console's policy wants it."
            if not self._login_ends:
                words = show.words_for(Fault("LoginLeftOpen"))
                login = f"{words.message} {words.remedy[0]}"
            self._say(f"left. {login}")

    def _say(self, text: str) -> None:
        self._screen.say(self._size.boxed(_words(text)))

    # What happens

    async def _show(self, event: Event | Lost) -> None:
        self._pasting.hear(event)
        if isinstance(event, Output):
            # What waits for the pager's end is late: an answer of the terminal's would be typed at a prompt.
            writes = event.live and self._session.mode is Mode.WRITE and not self._pager.open
            self._hygiene.reader = Reader.LIVE_WRITER if writes else Reader.BYSTANDER
            self._keyboard.printed(event.payload)
            self._issues.printed(event.payload)
            clean = self._hygiene.clean(event.payload)
            self._modes.feed(clean)
            shown = self._size.shown(clean, live=event.live)
            await self._screen.write(shown + self._paste.printed(event.payload))
        elif text := self._text(event):
            # Waits for its turn: a gap, above all, must not be left out.
            await self._screen.write(self._size.boxed(_words(text)))

    def _text(self, event: Event | Lost) -> str | None:
        match event:
            case Attached():
                return self._attached(event)
            case Missing():
                amount = "an unknown amount" if event.count is None else f"{event.count} bytes"
                return f"{amount} of output are missing here ({event.reason.name.lower()})"
            case InputDropped(count):
                return f"the last {count} typed bytes may not have reached the guest; check"
            case Told(what, fields):
                self._keyboard.told(what, fields)
                return self._told(what, fields)
            case Lost(fault, _, before):
                begin = "connection lost" if before else "not there yet"
                return self._in_trouble(fault, begin)
        return None

    def _in_trouble(self, fault: Fault, begin: str) -> str | None:
        """Each trouble is said once, not at every attempt."""
        if fault.code in self._troubles:
            return None
        self._troubles.add(fault.code)
        words = show.words_for(fault)
        return f"{begin}: {words.message} Coming back by itself ..."

    def _attached(self, event: Attached) -> str | None:
        self._company.me = str(event.fields.get("session", ""))
        self._login_ends = event.fields.get("endLogin") is True
        was_away = bool(self._troubles)
        self._troubles.clear()
        if event.resumed:
            return "connected again" if was_away else None
        if event.mode is Mode.WRITE:
            return f"connected to {self._name}; you have the keyboard. {CAUTION}"
        if self._asks:
            self._asks = False
            self._wish("ask")
        writer = event.fields.get("writer")
        who = f"{writer} types" if writer else "nobody types"
        return f"watching {self._name}; {who}. {CAUTION}"

    def _told(self, what: str, fields: dict[str, Any]) -> str | None:
        if what == "state":
            return _explained(self._issues.shows(str(fields.get("state", ""))))
        if what == "writer":
            writer = fields.get("writer")
            if writer and self._session.mode is Mode.WRITE:
                return "you have the keyboard now"
            return f"{writer} has the keyboard now" if writer else "nobody has the keyboard now"
        if what == "power":
            return f"the VM is {fields.get('power', '?')}"
        if what == "reset":
            return "the VM was reset"
        if what == "people":
            self._company.told(fields)
            return None
        if what == "keyboard":
            return keyboard_words(fields, self._company.me, self._key)
        if what == "login":
            return login_words(fields)
        if what in ("joined", "left"):
            return f"{fields.get('who', '?')} {'is here too' if what == 'joined' else 'has left'}"
        if what == "alarm":
            fault = alarm_of(fields)
            if fault.code == AWAY:
                return self._in_trouble(fault, "connection lost")
            return show.words_for(fault).message
        return None

    # What the person does

    def _typed(self, typed: bytes) -> None:
        if not typed:
            self._console.leave()
            return
        if self._pager.coming and not self._escape.open and self._menu_key not in typed:
            # Meant for the pager, which is not there yet; the menu still opens, should it never come.
            return
        self._paste.typed(typed)

    def _paste_told(self, progress: Progress) -> None:
        self._paste.told(progress)

    def _pressed(self, typed: bytes) -> None:
        for thing in self._escape.feed(typed):
            if isinstance(thing, Keys):
                if not self._paste.hears(thing.payload):
                    self._keyboard.type(thing.payload)
            elif thing.wish is Wish.QUIT:
                # What was typed after it was not meant for this guest.
                self._console.leave()
                return
            else:
                self._grant(thing)

    def _send(self, keys: bytes) -> None:
        if issue := _explained(self._issues.typed(keys, clock.monotonic())):
            self._say(issue)
        lacking = len(keys) - self._console.type(keys)
        if lacking and self._console.may_type:
            self._say(f"{lacking} typed bytes were not taken: the guest reads too slowly")
        elif lacking:
            self._screen.say(_BELL)

    def _lacks_keys(self, *, first: bool) -> None:
        self._screen.say(_BELL)
        if first:
            self._say(_explained("SacKeysLimited") or "")

    def _grant(self, command: Command) -> None:
        wish = command.wish
        if wish is Wish.MENU:
            self._say(MENU.format(key=self._key))
        elif wish is Wish.SYSRQ_KEY:
            self._say("SysRq: press its key (h shows what there is)")
        elif wish is Wish.SURE:
            alone = command.key in ("nmi", "ctrl-alt-del")
            what, key = (command.key, None) if alone else ("sysrq", command.key)
            self._say(f"{deeds.warning(what, key)} Send it? y/N")
        elif wish is Wish.RESET_SURE:
            self._say("reset the VM? What the guest has not written to its disks is lost. y/N")
        elif wish is Wish.INFO:
            session = self._session
            where = f"{self._name} port {self._port}, at byte {session.next_offset}"
            self._say(
                "\n".join([f"{where}: {session.phase.value}, {session.mode.value}", *self._company.lines()])
            )
        elif wish is Wish.SIZE:
            self._size.match()
        elif wish in (Wish.LOG, Wish.LOG_BEFORE):
            boot = -1 if wish is Wish.LOG_BEFORE else None
            self._tasks.spawn("pager", self._pager.show(self._terminal, self._screen, boot=boot))
        elif wish is Wish.HAND_WHOM:
            people = self._company.number()
            self._say(f"hand the keyboard to: {people}" if people else "nobody else is here (press any key)")
        elif wish in _KEYBOARD:
            self._ask_keyboard(wish, command.key)
        elif wish in (Wish.NMI, Wish.RESET, Wish.SYSRQ, Wish.CTRL_ALT_DEL):
            self._tasks.spawn("action", self._act(wish.value, {"key": command.key} if command.key else None))

    def _ask_keyboard(self, wish: Wish, key: str) -> None:
        """What is asked about the keyboard, in the words of the protocol."""
        if wish in (Wish.ALLOW, Wish.DECLINE):
            if not self._company.asking:
                self._say("nobody asks for the keyboard")
                return
            self._wish(_KEYBOARD[wish], session=self._company.asking[0])
        elif wish is Wish.HAND:
            if (person := self._company.chosen(key)) is None:
                self._say("nobody has that number")
                return
            self._wish(_KEYBOARD[wish], session=person.session)
        else:
            self._wish(_KEYBOARD[wish])

    def _wish(self, verb: str, **fields: str) -> None:
        try:
            self._console.ask(verb, **fields)
        except ProtocolError:
            self._say("not connected now")

    async def _act(self, verb: str, body: dict[str, str] | None) -> None:
        self._say(f"{verb} ...")
        try:
            observed = await background.call(act, self._client, self._vm, self._port, verb, body)
        except Fault as fault:
            self._say(f"{verb} failed: {show.words_for(fault).message}")
        else:
            self._say(f"{verb}: {observed}")


def _explained(code: str | None) -> str | None:
    """A known trouble in the catalogue's words, with the commands that end it."""
    if code is None:
        return None
    words = show.words_for(Fault(code))
    return "\n".join([f"{words.title}. {words.cause}", *(f"- {step}" for step in words.remedy)])


def _words(text: str) -> bytes:
    shown = show.plain(text).replace("\n", "\r\n")
    return f"\r\n\x1b[0;7m oob \x1b[0m {shown}\r\n".encode()
