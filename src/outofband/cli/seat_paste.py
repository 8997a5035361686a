"""Pastes of a person at `oob console`: told from keys by his terminal's marks, shown before, then watched.

The terminal marks a paste where it was asked to (DECSET 2004, "bracketed paste"). One line is typed as keys,
with the guest's own marks if its program asked for them; several are shown first, and typed by the agent.
"""

from __future__ import annotations

from collections.abc import Callable

from outofband.client.pasting import Pasting
from outofband.wire.pasted import Paste, paste_of
from outofband.wire.pasting import Progress, State, Verdict, Why

ASK_FOR_MARKS = b"\x1b[?2004h"
_NO_MARKS = b"\x1b[?2004l"
_BEGIN, _END = b"\x1b[200~", b"\x1b[201~"
MAX_PASTE = 32 * 1024 * 1024
_SAID_SHARE = 10
"""Percent between two words about the progress."""
WHY = {
    Why.ASKED: "as you asked",
    Why.QUIET: "the guest echoed and does not any more",
    Why.LINE_TOO_LONG: "the next line is longer than SAC's prompt takes",
    Why.NOT_TAKEN: "the port does not take what is typed",
    Why.GUEST_RESET: "the guest was started anew",
    Why.VIEWER_GONE: "the connection was lost",
    Why.KEYBOARD_LOST: "the keyboard is not yours",
}


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
                self._paste += before[: MAX_PASTE - len(self._paste)]
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

    While a paste is asked about or under way, keys answer it: y or n; Ctrl-C stops, p pauses and goes on.
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
                self._pasted(paste_of(piece))
            elif self._asked is not None:
                self._answer(piece)
            elif self._pasting.active:
                self._during(piece)
            else:
                self._keys(piece)

    def told(self, progress: Progress) -> None:
        """What the agent says of the paste."""
        changed, self._state = progress.state is not self._state, progress.state
        share = 100 * progress.typed // max(progress.size, 1)
        if progress.state is State.TYPING:
            if share >= self._said + _SAID_SHARE:
                self._said = share - share % _SAID_SHARE
                self._say(f"pasting: {share} %{'' if progress.echo else ', without echo'}")
        elif changed and progress.state is State.PAUSED:
            why = WHY[progress.why or Why.ASKED]
            self._say(f"paste paused at {share} %: {why}. p goes on, Ctrl-C stops it")
        elif changed:
            self._say(_end(progress))

    def _pasted(self, paste: Paste) -> None:
        if not paste.keys or self._asked is not None or self._pasting.active:
            return
        if not paste.is_risky:
            marked = _BEGIN + paste.keys + _END if self._guest_marks else paste.keys
            self._send(marked)
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
            self._say("you do not have the keyboard")
        elif self._pasting.takes:
            self._said, self._state = 0, None
            self._pasting.begin(paste.keys)
            self._say("pasting ... Ctrl-C stops it, p pauses")
        else:
            self._send(paste.keys)

    def _during(self, typed: bytes) -> None:
        if not self._may_type():
            return
        for key in typed:
            if key == 0x03:
                self._pasting.abort()
            elif key in b"pP" and self._state is State.PAUSED:
                self._pasting.resume()
            elif key in b"pP":
                self._pasting.pause()


def _end(progress: Progress) -> str:
    if progress.state is State.ENDED:
        return f"paste stopped after {progress.typed} bytes: {WHY[progress.why or Why.ASKED]}"
    if progress.verdict is Verdict.ECHOED:
        return "pasted; all that can be seen was echoed"
    if progress.verdict is Verdict.DIFFERS:
        return f"pasted, but from byte {progress.at} on the guest showed something else: look there"
    return "pasted; the guest echoed nothing"
