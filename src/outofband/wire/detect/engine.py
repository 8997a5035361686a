"""The detector of one port: bytes in, findings out.

Bytes may come in any cut: the same bytes give the same findings. What a restart needs is in `kept`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from outofband.wire.detect import linux, loaders, prompts, services, windows
from outofband.wire.detect.lines import BLOCK, MAX_LINE, Lines, clean
from outofband.wire.detect.mind import LOOP_GAP, Mind
from outofband.wire.detect.rules import WORDS, Line, Table, split
from outofband.wire.detect.state import State
from outofband.wire.finding import Finding

KEPT_LIMIT = 16 * 1024
QUIET = 2.0
"""Seconds after which a line that has no end is judged as it stands: its writer may wait, or hang."""
MAX_PROMPT = 300
"""Bytes of an unfinished line that is tried as a prompt."""
_KD = b"\x80\x80"

_TABLE = Table()
_WAITING: dict[str, Callable[[Mind, Line, re.Match[str]], None]] = {
    "rescue": loaders.rescue,
    "grub": loaders.normal,
    "initramfs": linux.initramfs,
    "early": linux.initramfs,
    "sac": windows.sac,
    "efi": loaders.shell,
    "kdb": windows.kdb,
    "question": services.question,
}


class Detector:
    """One port's. `port` names it in the findings; `kept` is from an earlier life of it."""

    offset: int
    """Of the next byte that it wants."""

    def __init__(self, port: str, kept: bytes | None = None) -> None:
        state = State(port=port)
        if kept is not None:
            # What cannot be read (another version's) costs the open findings, and no start.
            try:
                state = msgspec.msgpack.decode(kept, type=State)
            except (msgspec.DecodeError, msgspec.ValidationError):
                state = State(port=port)
            state.port = port
        self._state = state
        self._mind = Mind(state)
        self._lines = Lines(state, _TABLE.heads, _TABLE.keys, WORDS)
        self._trusted = 1
        self.offset = state.offset

    def feed(self, offset: int, data: bytes, at: float) -> list[Finding]:
        """`data` was printed from `offset` on and seen at `at`, seconds of the caller's clock. What was fed
        before is left out; a jump forward is a gap, after which a line is believed again.
        """
        state = self._state
        end = offset + len(data)
        if end <= state.offset:
            return []
        if offset < state.offset:
            data = data[state.offset - offset :]
        elif offset > state.offset:
            self._lines.drop()
            state.offset, state.binary = offset, b""
        # In blocks of the log, so that a caller's large read costs no large copies.
        start = 0
        while start < len(data):
            cut = start + BLOCK * 16 - state.offset % (BLOCK * 16)
            self._block(data[start:cut], at)
            start = cut
        self.offset = state.offset
        return self._told()

    def reset(self, offset: int, boot: int, at: float) -> list[Finding]:
        """The guest was reset or started when its log was at `offset`; `boot` is its number by the host."""
        state = self._state
        self._finish(at)
        state.boot = boot
        if state.start_offset >= offset and state.start_offset >= 0:
            # Its own words were quicker than the host's.
            return self._told()
        self._mind.started(offset, at)
        return self._told()

    def stopped(self, at: float) -> list[Finding]:
        """The guest is off: nothing of it holds any longer."""
        self._finish(at)
        for code in ("UefiBootFailed", "EmergencyMode", "InitramfsShell"):
            self._mind.fire(code)
        state = self._state
        state.armed = {}
        self._mind.ended_all(at)
        state.starts, state.failed_starts = [], 0
        state.shell, state.running, state.quoted = "", False, False
        return self._told()

    def finish(self, at: float) -> list[Finding]:
        """The log ends here: judge what is unfinished, and take what only time would decide as decided."""
        self._finish(at)
        for code in list(self._state.armed):
            self._mind.fire(code)
        return self._told()

    def tick(self, at: float) -> list[Finding]:
        """See what time has decided."""
        state = self._state
        if state.touched and at >= state.touched + QUIET:
            self._quiet(at)
        for code in [code for code, armed in state.armed.items() if armed.due <= at]:
            self._mind.fire(code)
        if "RebootLoop" in state.open and at >= state.starts[-1][1] + LOOP_GAP:
            self._mind.end("RebootLoop", at)
            state.starts, state.failed_starts = [], 0
        return self._told()

    def due(self) -> float | None:
        """When `tick` has something to do, by the clock of `feed`; None when only bytes change anything."""
        state = self._state
        times = [armed.due for armed in state.armed.values()]
        if state.touched:
            times.append(state.touched + QUIET)
        if "RebootLoop" in state.open:
            times.append(state.starts[-1][1] + LOOP_GAP)
        return min(times, default=None)

    def open(self) -> list[Finding]:
        """What holds now, oldest first."""
        return sorted(self._state.open.values(), key=lambda each: each.offset)

    def kept(self) -> bytes:
        """All that another detector needs to go on from `offset`; less than KEPT_LIMIT bytes."""
        # What a chunk holds besides its lines is told before them: their order is the log's, not the cuts'.
        told = sorted(self._state.open.items(), key=lambda each: (each[1].offset, each[0]))
        return msgspec.msgpack.encode(msgspec.structs.replace(self._state, open=dict(told)))

    def _told(self) -> list[Finding]:
        changed = list(self._mind.changed.values())
        self._mind.changed.clear()
        return changed

    def _block(self, data: bytes, at: float) -> None:
        state = self._state
        self._debugger(data, at)
        self._trusted = 1
        for start, end, offset in self._lines.feed(data):
            self._judge(start, self._lines.work[start : min(end, start + MAX_LINE)], offset, at)
        work = self._lines.work
        if not state.running:
            self._trust(work.rfind(b"\n"))
        state.touched = at if state.pending and not state.skipping else 0.0
        self._prompt_at_end(at)

    def _debugger(self, data: bytes, at: float) -> None:
        state = self._state
        edge = state.binary + data[: windows.KD_LENGTH]
        raw = state.binary + data if _KD in data or _KD in edge else b""
        found = windows.KD_PACKET.search(raw)
        if found is not None:
            offset = state.offset - len(state.binary) + found.start()
            line = Line(offset, at, "binary packets of Windows' kernel debugger", "")
            self._mind.tell("KernelDebuggerOnPort", line, kind="Windows")
        last = data[-windows.KD_LENGTH + 1 :]
        state.binary = (state.binary + last)[-windows.KD_LENGTH + 1 :]

    def _trust(self, end: int) -> None:
        """The kernel's clock, from the lines that no command printed."""
        if end > self._trusted:
            stamp = prompts.last_stamp(self._lines.work, self._trusted - 1, end)
            if stamp is not None:
                self._state.kernel_time = stamp
            self._trusted = end

    def _judge(self, start: int, raw: bytes, offset: int, at: float) -> None:
        padded = clean(raw)
        text = padded.rstrip()
        if not text:
            return
        state, mind = self._state, self._mind
        found = prompts.PROMPT.match(padded)
        rest, asked = text, False
        if found is not None and not prompts.foreign(state, found.lastgroup or ""):
            kind = found.lastgroup or ""
            told = state.prompted and start == 1
            rest, asked = text[found.end() :], True
            self._prompted(kind, found, offset, at, start, told=told)
            state.prompted = False
        line = split(offset, at, text, rest)
        if asked and line.stamp is None:
            if state.shell:
                prompts.typed(state, rest.strip())
                if state.running:
                    self._trusted = start + len(raw)
            return
        if not prompts.live(state, line.stamp, at):
            if not state.quoted and "No space left on device" in text:
                services.full_at_a_shell(mind, line)
            return
        if line.stamp is not None and not state.running:
            # The clock is this line's now; what stands before it is older.
            self._trusted = max(self._trusted, start + 1)
        if state.symbol_wanted:
            state.symbol_wanted -= 1
        if offset != state.judged:
            _TABLE.handle(mind, line)

    def _prompted(
        self, kind: str, found: re.Match[str], offset: int, at: float, start: int, *, told: bool
    ) -> None:
        state, mind = self._state, self._mind
        if told:
            return
        shown = found[0].strip()
        line = Line(offset, at, shown, shown)
        was_running = state.running
        if kind in ("shell", "initramfs", "early"):
            if not was_running:
                self._trust(start)
            self._trusted = max(self._trusted, start)
        if (handler := _WAITING.get(kind)) is not None and not (kind == "question" and state.shell):
            handler(mind, line, found)
        if kind == "login":
            prompts.left(state)
            mind.came_up(at)
        elif kind in ("shell", "initramfs", "early"):
            broken = state.open.keys() & {"EmergencyMode", "InitramfsShell"}
            prompts.seen(state, "initramfs" if "InitramfsShell" in broken else kind)
            if kind == "shell" and not broken:
                mind.came_up(at)

    def _prompt_at_end(self, at: float) -> None:
        """Who waits for an answer ends no line. What was typed at it already may stand behind it."""
        state = self._state
        if state.prompted or not state.pending or state.skipping:
            return
        found = prompts.PROMPT.match(clean(state.pending[:MAX_PROMPT]))
        if found is None or prompts.foreign(state, found.lastgroup or ""):
            return
        self._prompted(found.lastgroup or "", found, state.pending_offset, at, 1, told=False)
        state.prompted = True

    def _quiet(self, at: float) -> None:
        state = self._state
        state.touched = 0.0
        if state.pending and not state.prompted and not state.skipping:
            self._whole(at)
            state.judged = state.pending_offset

    def _finish(self, at: float) -> None:
        state = self._state
        if state.pending and not state.skipping:
            self._whole(at)
        self._lines.drop()
        state.skipping = False

    def _whole(self, at: float) -> None:
        """Judge the unfinished line as it stands."""
        state = self._state
        if self._lines.worth(state.pending):
            self._judge(1, state.pending, state.pending_offset, at)
