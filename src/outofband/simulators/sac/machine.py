"""The simulated machine: power, boot, and what has the serial port in each phase."""

from __future__ import annotations

import dataclasses
import enum

from outofband.simulators.sac import channels, packets, texts
from outofband.simulators.sac.bcd import BootStore
from outofband.simulators.sac.boot import BootMenu, Choice
from outofband.simulators.sac.channels import Channel, Channels
from outofband.simulators.sac.commands import Commands, identity
from outofband.simulators.sac.files import Files
from outofband.simulators.sac.lines import LineEditor
from outofband.simulators.sac.session import Session
from outofband.simulators.sac.settings import Event, Kind, Settings
from outofband.simulators.sac.texts import wire

DEBUGGER_SECONDS = 10.0
"""Between two packets of a kernel that nobody debugs: our guess."""
COLUMNS = 80


class Phase(enum.StrEnum):
    """What has the port. The names are those that a port's state has on the wire, where there is one."""

    OFF = "off"
    LOADING = "loading"
    MENU = "bootManager"
    SAC = "sac"
    FAILED = "sacFailed"
    QUIT = "quit"
    HEALTH = "healthReport"
    DEBUGGER = "kernelDebugger"


class Simulator:
    """Call `power_on`, then `feed` and `tick`; each answers what goes over the line.

    `now` is in seconds from any zero and never goes back (an earlier one counts as the last). `deadline` says
    when `tick` has something to do. `events` are taken with `take_events`.
    """

    def __init__(self, settings: Settings | None = None, store: BootStore | None = None) -> None:
        self.settings = settings or Settings()
        self.store = store or BootStore()
        self.files = Files()
        self.phase = Phase.OFF
        self._out = bytearray()
        self._events: list[Event] = []
        self._now = 0.0
        self.up_at = 0.0
        self._timer: float | None = None
        self._going: tuple[float, Kind] | None = None
        self._debug_now = False
        self._packets = 0
        self._running = self.store
        self._menu: BootMenu | None = None
        self._ended: list[str] = []
        self._reset_sac()

    # --- in and out ---

    def power_on(self, now: float) -> bytes:
        """As the button does. While it runs this is the hypervisor's reset."""
        self._now = max(now, self._now)
        self._boot()
        return self._take()

    def power_off(self, now: float) -> bytes:
        """Pull the plug."""
        self._now = max(now, self._now)
        self._off()
        return self._take()

    def ask_to_stop(self, now: float) -> bytes:
        """The hypervisor's wish, as a press of the power button. A system that is up shuts down; where none
        is, the button needs nobody's consent. That it is so after a stop, too, is our guess.
        """
        self._now = max(now, self._now)
        if self.phase is not Phase.OFF:
            self._off()
        return self._take()

    def nmi(self, now: float) -> bytes:
        """The hypervisor's interrupt: Windows stops with 0x80, as it is set to. Others ignore it."""
        self._now = max(now, self._now)
        if self.phase in (Phase.SAC, Phase.HEALTH, Phase.DEBUGGER):
            self.crash(0x80)
        return self._take()

    def feed(self, data: bytes, now: float) -> bytes:
        """What somebody types."""
        self._advance(now)
        for byte in data:
            self._type(byte)
        return self._take()

    def tick(self, now: float) -> bytes:
        """Let time pass."""
        self._advance(now)
        return self._take()

    @property
    def deadline(self) -> float | None:
        """When something happens by itself."""
        times = [self._timer, self._going[0] if self._going else None]
        if self.phase is Phase.MENU and self._menu is not None:
            times.append(self._menu.deadline)
        if self.phase is Phase.SAC:
            times += [each.deadline for each in self._sessions.values()]
        known = [each for each in times if each is not None]
        return min(known) if known else None

    def take_events(self) -> list[Event]:
        taken, self._events = self._events, []
        return taken

    def tell(self, event: Event) -> None:
        self._events.append(event)

    def _take(self) -> bytes:
        taken = bytes(self._out)
        self._out.clear()
        return taken

    def _send(self, data: bytes) -> None:
        self._out += data

    # --- phases ---

    def _reset_sac(self) -> None:
        self._line = LineEditor()
        self._sessions: dict[str, Session] = {}
        self._cmd_there = False
        sac = Channel(
            "SAC",
            "Special Administration Console",
            self.settings.guid("sac"),
            channels.SAC_APPLICATION,
            self._type_at_sac,
        )
        self._channels = Channels(self.settings, self._send, sac)
        self._commands = Commands(self)

    def _boot(self) -> None:
        self._reset_sac()
        self._going, self._timer, self._debug_now = None, None, False
        advanced, self.store.advanced_once = self.store.advanced_once, False
        self._running = dataclasses.replace(self.store)
        self.tell(Event(Kind.BOOT))
        if advanced:
            self.tell(Event(Kind.STORED))
        shown = self._running.boot_ems and self._running.display_menu
        # That the advanced options come to a port that has EMS, without `bootems`, is our guess.
        if shown or (advanced and (self._running.boot_ems or self._running.on_this_port)):
            self.phase = Phase.MENU
            self._menu = BootMenu(self.settings, self._running, self._now, advanced=advanced)
            self._send(self._menu.screen())
        else:
            self._load()

    def _load(self) -> None:
        self.phase, self._menu = Phase.LOADING, None
        self._timer = self._now + self.settings.boot_seconds

    def _up(self) -> None:
        self.up_at = self._now
        if self._running.debug or self._debug_now:
            self.phase, self._packets = Phase.DEBUGGER, 0
            self._timer = self._now
        elif self._running.on_this_port:
            self.phase = Phase.SAC
            self._timer = self._now + self.settings.cmd_seconds
            if self.settings.release.xml:
                self._send(packets.machine_info(self.settings))
            self._print(texts.BANNER + texts.PROMPT)
        else:
            self.phase = Phase.HEALTH
            self._timer = self._now

    def _off(self) -> None:
        self.phase, self._timer, self._going, self._menu = Phase.OFF, None, None, None
        self.tell(Event(Kind.POWER_OFF))

    def _advance(self, now: float) -> None:
        """Everything that is due until `now`, in its order."""
        now = max(now, self._now)
        # Reports that nobody waited for are not printed a thousand times over.
        self._now = max(self._now, now)
        if self._menu is not None and self.phase is Phase.MENU:
            out, choice = self._menu.tick(now)
            self._send(out)
            self._chosen(choice)
        if self._timer is not None and now >= self._timer:
            self._timer = None
            self._due()
        for session in list(self._sessions.values()):
            session.tick(now)
        if self._going is not None and now >= self._going[0]:
            kind, self._going = self._going[1], None
            if kind is Kind.BOOT:
                self._boot()
            else:
                self._off()

    def _due(self) -> None:
        match self.phase:
            case Phase.LOADING:
                self._up()
                self._advance(self._now)
            case Phase.SAC:
                self._cmd_there = True
                # Blanks to the end of the row come before an event.
                self._event(texts.CMD_AVAILABLE)
            case Phase.HEALTH:
                self._send(packets.health_report(self.settings, self._now))
                self._timer = self._now + self.settings.report_seconds
            case Phase.DEBUGGER:
                first = packets.debugger_print("KDTARGET: Refreshing KD connection\n", self._packets)
                self._send(packets.debugger_reset() if self._packets else first)
                self._packets += 1
                self._timer = self._now + DEBUGGER_SECONDS

    def _chosen(self, choice: Choice | None) -> None:
        if choice is not None:
            self._debug_now = choice is Choice.DEBUG
            self._send(wire(texts.CLEAR))
            self._load()

    # --- typing ---

    def _type(self, byte: int) -> None:
        match self.phase:
            case Phase.SAC:
                self._channels.feed(byte, self._now)
            case Phase.MENU if self._menu is not None:
                out, choice = self._menu.feed(byte)
                self._send(out)
                self._chosen(choice)
            case Phase.FAILED:
                self._type_failed(byte)
            # Loading, health reports, a debugger: nobody reads what is typed.

    def _type_at_sac(self, data: bytes, now: float) -> None:
        for byte in data:
            echo, line = self._line.feed(byte)
            self._channels.write(self._channels.sac, echo)
            if line is not None:
                answer = self._commands.run(line.decode("utf-8", "replace"), now)
                if self.phase is not Phase.SAC:
                    return
                if answer:
                    self._print(answer.rstrip("\n") + "\n")
                if self._channels.current is self._channels.sac:
                    self._print(texts.PROMPT)
                self._say_ended()

    def _type_failed(self, byte: int) -> None:
        echo, line = self._line.feed(byte)
        self._send(echo)
        if line is None:
            return
        answer = ""
        match line.decode("utf-8", "replace").strip().lower():
            case "":
                pass
            case "?" | "help":
                answer = texts.FAILED_HELP
            case "d":
                answer = "00:00:00.000 : KRNL: The system has stopped.\n"
            case "id":
                answer = identity(self.settings, self._now - self.up_at) + "\n"
            case "q":
                self.phase = Phase.QUIT
                return
            case "restart":
                self._boot()
                return
            case "shutdown":
                self._off()
                return
            case _:
                answer = texts.UNKNOWN + "\n"
        self._send(wire(answer + texts.FAILED_PROMPT))

    def _print(self, text: str) -> None:
        self._channels.write(self._channels.sac, wire(text))

    def _event(self, text: str) -> None:
        """SAC says what happened, on the line of its prompt; what was typed there stays typed."""
        blanks = (
            " " * (COLUMNS - len(texts.PROMPT) - len(self._line.typed)) if text == texts.CMD_AVAILABLE else ""
        )
        self._print(f"{blanks}\n{text}\n{texts.PROMPT}")
        self._channels.write(self._channels.sac, self._line.typed)

    # --- what commands do ---

    def restart(self, now: float) -> None:
        self._going = (max(now, self.up_at + self.settings.settle_seconds), Kind.BOOT)

    def shut_down(self, now: float) -> None:
        self._going = (max(now, self.up_at + self.settings.settle_seconds), Kind.POWER_OFF)

    def crash(self, code: int) -> None:
        """The system stops; where SAC was, a rest of it answers from then on."""
        had_sac = self.phase is Phase.SAC
        self._going = self._timer = None
        self._sessions.clear()
        self.tell(Event(Kind.FAILED, f"0x{code:X}"))
        self._line.clear()
        self._send(wire(texts.STOP.format(code=code)))
        if had_sac:
            self.phase = Phase.FAILED
            self._send(wire("\n" + texts.FAILED_PROMPT))
        else:
            self.phase = Phase.QUIT

    def lock(self) -> None:
        for session in self._sessions.values():
            session.lock()

    def new_prompt(self, now: float) -> str:
        """Make a command prompt channel, and say so."""
        if not self._cmd_there:
            return texts.CMD_NOT_YET
        made = self._channels.add(lambda name: self._make(name, now))
        if made is None:
            return texts.TOO_MANY
        # The prompt is printed between the answer and the event.
        event = texts.CHANNEL_CREATED.format(name=made.name)
        return f"{texts.CMD_LAUNCHED}\n{texts.PROMPT}\n{event}"

    def _make(self, name: str, now: float) -> Channel:
        def type_at(data: bytes, at: float) -> None:
            self._sessions[name].type(data, at)

        def write(data: bytes) -> None:
            # The last words of what was stopped are not heard.
            if self.phase is Phase.SAC:
                self._channels.write(channel, data)

        channel = Channel(
            name,
            "Command",
            self.settings.guid(f"{name}/{self._now}"),
            channels.CMD_APPLICATION,
            type_at,
        )
        self._sessions[name] = Session(
            self,
            now,
            name=name,
            write=write,
            close=lambda: self._close(channel),
        )
        return channel

    def _close(self, channel: Channel) -> None:
        del self._sessions[channel.name]
        was_shown = channel is self._channels.current
        self._channels.close(channel)
        event = texts.CHANNEL_CLOSED.format(name=channel.name)
        if was_shown:
            self._event(event)
        else:
            self._ended.append(event)

    def _say_ended(self) -> None:
        ended, self._ended = self._ended, []
        for event in ended:
            self._event(event)

    def channel(self, words: list[str]) -> str:
        """`ch` and its forms."""
        if not words:
            return self._channels.listing()
        if words in (["-?"], ["?"]):
            return texts.CHANNEL_HELP
        if len(words) != 2 or words[0] not in ("-si", "-sn", "-ci", "-cn"):
            return texts.BAD_FORM
        form, which = words
        by = {"number": which} if form[2] == "i" else {"name": which}
        found = self._channels.find(**by)
        if found is None:
            return texts.NO_CHANNEL
        if form[1] == "s":
            if found is not self._channels.sac:
                self._channels.write(self._channels.sac, wire(texts.PROMPT))
            self._channels.switch(found)
            return ""
        if found is self._channels.sac:
            return texts.SAC_STAYS
        self._close(found)
        return ""
