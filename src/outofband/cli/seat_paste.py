"""Pastes of a person at `oob console`: told from keys by his terminal's marks, shown before, then watched.

The terminal marks a paste where it was asked to (DECSET 2004, "bracketed paste"). One line is typed as keys,
with the guest's own marks if its program asked for them; several are shown first, and typed by the agent.
"""

from __future__ import annotations

from collections.abc import Callable

from outofband.cli import paste_words
from outofband.client.pasting import Pasting
from outofband.wire.pasted import Paste, paste_of
from outofband.wire.pasting import Progress, State

ASK_FOR_MARKS = b"\x1b[?2004h"
_NO_MARKS = b"\x1b[?2004l"
_ESC = b"\x1b"
_BEGIN, _END = b"\x1b[200~", b"\x1b[201~"
MAX_PASTE = 32 * 1024 * 1024
PACED = 1024
"""Bytes of one line from which on it is typed as the guest echoes: its terminal keeps a few thousand."""
_SAID_SHARE = 10
"""Percent between two words about the progress."""


class Marks:
    """Splits what a terminal sends into keys and pastes: `feed` returns them in order, True with a paste.

    A mark may come in pieces; a lone Esc at the end of a read is a key and waits for nothing.
    """

    def __init__(self) -> None:
        self._paste: bytearray | None = None
        self._kept = b""

    def feed(self, data: bytes) -> list[tuple[bytes, bool]]:
        out: list[tuple[bytes, bool]] = []
        data, self._kept = self._kept + data, b""
        while data:
            mark = _BEGIN if self._paste is None else _END
            before, found, rest = data.partition(mark)
            if not found and (kept := _beginning(data, mark)):
                before, self._kept = data[:-kept], data[-kept:]
            if self._paste is not None:
                # One byte more than may be: it is seen to be too large, and the rest is not kept.
                self._paste += before[: MAX_PASTE + 1 - len(self._paste)]
            elif before:
                out.append((before, False))
            if found and self._paste is None:
                self._paste = bytearray()
            elif found and self._paste is not None:
                out.append((bytes(self._paste), True))
                self._paste = None
            data = rest
        return out


def _beginning(data: bytes, mark: bytes) -> int:
    """How many bytes at the end begin the mark; one alone may be a key."""
    least = 2 if mark == _BEGIN else 1
    return next((size for size in range(len(mark) - 1, least - 1, -1) if data.endswith(mark[:size])), 0)


class SeatPaste:
    """`typed` sorts what the terminal sends: keys go to `keys`, words to `say`.

    While a paste is asked about or under way, what is typed for the guest (and not for the menu) answers it:
    y or n; Ctrl-C stops, p pauses and goes on. Ask `hears` before it is sent.
    """

    def __init__(
        self,
        pasting: Pasting,
        *,
        keys: Callable[[bytes], None],
        send: Callable[[bytes], None],
        say: Callable[[str], None],
        may_type: Callable[[], bool],
    ) -> None:
        self._pasting, self._keys, self._send, self._say = pasting, keys, send, say
        self._may_type = may_type
        self._marks = Marks()
        self._asked: Paste | None = None
        self._guest_marks = False
        self._said = 0
        self._state: State | None = None

    def printed(self, payload: bytes) -> bytes:
        """Watch the guest's wish for marks; what the terminal has to be told to go on marking."""
        on, off = payload.rfind(ASK_FOR_MARKS), payload.rfind(_NO_MARKS)
        if on != off:
            self._guest_marks = on > off
        return ASK_FOR_MARKS if off > on else b""

    def typed(self, data: bytes) -> None:
        for piece, pasted in self._marks.feed(data):
            if pasted:
                self._pasted(piece)
            else:
                self._keys(piece)

    def hears(self, keys: bytes) -> bool:
        """Whether keys that are not for the menu were for a paste."""
        if self._asked is None and not self._pasting.active:
            return False
        if len(keys) > 1 and keys.startswith(_ESC):
            # An arrow, or the terminal's answer to a question of the guest's: neither a yes nor a no.
            return True
        if self._asked is not None:
            self._answer(keys)
        else:
            self._during(keys)
        return True

    def told(self, progress: Progress) -> None:
        """What the agent says of the paste."""
        changed, self._state = progress.state is not self._state, progress.state
        share = 100 * progress.typed // max(progress.size, 1)
        if progress.state is State.TYPING:
            if share >= self._said + _SAID_SHARE:
                self._said = share - share % _SAID_SHARE
                self._say(f"pasting: {share} %{'' if progress.echo else ', without echo'}")
        elif changed and progress.state is State.PAUSED:
            why = paste_words.why(progress)
            self._say(f"paste paused at {share} %: {why}. p goes on, Ctrl-C stops it")
        elif changed:
            self._say(paste_words.end(progress))

    def _pasted(self, text: bytes) -> None:
        if self._asked is not None or self._pasting.active:
            self._say("not pasted: another paste is not over")
            return
        if len(text) > MAX_PASTE:
            self._say(f"not pasted: it is larger than {MAX_PASTE // 2**20} MiB")
            return
        paste = paste_of(text)
        if not paste.keys:
            return
        if not paste.is_risky:
            if len(paste.keys) > PACED and self._pasting.takes and self._may_type():
                self._begin(paste.keys)
            else:
                self._send(_BEGIN + paste.keys + _END if self._guest_marks else paste.keys)
            return
        self._asked = paste
        left_out = f", {paste.controls} control characters left out" if paste.controls else ""
        shown = "\n".join(f"  {line}" for line in paste.preview())
        long = f"\nline {paste.long_line} is longer than many terminals keep" if paste.long_line else ""
        self._say(f"paste {paste.lines} lines, {len(paste.keys)} bytes{left_out}?\n{shown}{long}\ny/N")

    def _answer(self, typed: bytes) -> None:
        paste, self._asked = self._asked, None
        assert paste is not None
        if typed[:1] not in (b"y", b"Y"):
            self._say("not pasted")
        elif not self._may_type():
            self._say(
                "not pasted: the line is away" if self._pasting.away else "you do not have the keyboard"
            )
        elif self._pasting.takes:
            self._begin(paste.keys)
        else:
            self._send(paste.keys)

    def _begin(self, keys: bytes) -> None:
        self._said, self._state = 0, None
        self._pasting.begin(keys)
        self._say("pasting ... Ctrl-C stops it, p pauses")

    def _during(self, typed: bytes) -> None:
        for key in typed:
            if key == 0x03:
                self._pasting.abort()
                if self._pasting.away:
                    self._say("the paste is stopped as soon as the line is back")
            elif key in b"pP" and self._state is State.PAUSED:
                self._pasting.resume()
            elif key in b"pP":
                self._pasting.pause()
