"""SAC's channels: who has the line, what the others printed meanwhile, and Esc, which is held back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from outofband.simulators.sac import packets, texts
from outofband.simulators.sac.settings import Settings
from outofband.simulators.sac.texts import wire
from outofband.simulators.sac.vtutf8 import ESC

TAB = 0x09
MAX_CMD = 9
ROWS = 24
SCREEN_BYTES = 80 * ROWS
SAC_APPLICATION = "63d02270-8aa4-11d5-bccf-806d6172696f"
CMD_APPLICATION = "63d02271-8aa4-11d5-bccf-00b0d014a2d0"


@dataclasses.dataclass
class Channel:
    """`type` a byte at a time into it; `screen` is about what a person would see on it."""

    name: str
    description: str
    guid: str
    application: str
    type: Callable[[bytes, float], None]
    active: bool = True
    screen: bytearray = dataclasses.field(default_factory=bytearray)

    @property
    def page(self) -> str:
        return texts.CHANNEL_PAGE.format(
            name=self.name,
            description=self.description,
            type="VT-UTF8",
            guid=self.guid,
            application=self.application,
        )


class Channels:
    """`send` puts bytes on the line. Channel 0 is SAC's own and is always there."""

    def __init__(self, settings: Settings, send: Callable[[bytes], None], sac: Channel) -> None:
        self._settings = settings
        self._send = send
        self.slots: list[Channel | None] = [sac] + [None] * MAX_CMD
        self.current: Channel = sac
        self._page = False
        self._escape = False
        self._page_tab = False

    @property
    def sac(self) -> Channel:
        found = self.slots[0]
        assert found is not None
        return found

    # --- typing ---

    def feed(self, byte: int, now: float) -> None:
        """Esc waits for what comes next: with Tab it chooses a channel, else both go to the channel."""
        if self._escape:
            self._escape = False
            if byte == TAB:
                self._advance()
                return
            if self._page:
                self._leave_page(byte)
            elif self.current is self.sac:
                # The line of SAC knows no sequences: what follows Esc is typed, `[A` for an arrow.
                self.current.type(bytes((byte,)), now)
            else:
                self.current.type(bytes((ESC, byte)), now)
        elif byte == ESC:
            self._escape = True
        elif self._page:
            self._leave_page(byte)
        else:
            self.current.type(bytes((byte,)), now)

    def _leave_page(self, byte: int) -> None:
        if byte == ord("0") and self._page_tab:
            self.show(self.sac)
        else:
            self.show(self.current)

    def _advance(self) -> None:
        there = [each for each in self.slots if each is not None]
        self.switch(there[(there.index(self.current) + 1) % len(there)])
        self._page_tab = True

    # --- who has the line ---

    def switch(self, channel: Channel) -> None:
        """Show what a channel is; the next key shows the channel itself."""
        self.current = channel
        self._page, self._page_tab = True, False
        if self._settings.switch_xml:
            self._send(
                packets.element(
                    "channel-switch",
                    ("application-type", channel.application),
                    ("description", channel.description),
                    ("guid", channel.guid),
                    ("name", channel.name),
                    ("type", "VT-UTF8"),
                )
            )
        self._send(wire(texts.CLEAR + channel.page))

    def show(self, channel: Channel) -> None:
        self.current, self._page = channel, False
        rows = bytes(channel.screen).split(b"\n")[-ROWS:]
        self._send(wire(texts.CLEAR) + b"\n".join(rows))

    def write(self, channel: Channel, data: bytes) -> None:
        """Output of a channel: on the line when it is shown, and kept for when it will be."""
        channel.screen += data
        if len(channel.screen) > 2 * SCREEN_BYTES:
            kept = channel.screen[-SCREEN_BYTES:]
            # From a line's beginning on, so that no sequence is cut in two.
            channel.screen[:] = kept[kept.find(b"\n") + 1 :]
        if channel is self.current and not self._page:
            self._send(data)

    # --- making and closing ---

    def add(self, make: Callable[[str], Channel]) -> Channel | None:
        """A channel in the first free place, called after it; None when all are taken."""
        for number in range(1, MAX_CMD + 1):
            if self.slots[number] is None:
                channel = self.slots[number] = make(f"Cmd{number:04d}")
                return channel
        return None

    def close(self, channel: Channel) -> None:
        self.slots[self.slots.index(channel)] = None
        channel.active = False
        if channel is self.current:
            self.show(self.sac)

    def find(self, *, number: str | None = None, name: str | None = None) -> Channel | None:
        if number is not None:
            known = number.isdecimal() and len(number) <= 2 and int(number) < len(self.slots)
            return self.slots[int(number)] if known else None
        wanted = (name or "").lower()
        return next((each for each in self.slots if each is not None and each.name.lower() == wanted), None)

    def listing(self) -> str:
        lines = [
            f"{number} ({'A' if each.active else 'I'}V)    {each.name}\n"
            for number, each in enumerate(self.slots)
            if each is not None
        ]
        return texts.CHANNEL_LIST + "".join(lines)
