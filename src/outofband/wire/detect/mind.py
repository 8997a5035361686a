"""What a rule may do: tell a finding, note a line for later, arm what only time decides, end what is over.

A finding's evidence and fields count against one budget for the port, so that what is kept stays small
whatever a guest prints.
"""

from __future__ import annotations

import msgspec

from outofband.wire.detect.rules import Line
from outofband.wire.detect.state import CODES, UP_ENDS, Armed, Noted, State
from outofband.wire.finding import MAX_EVIDENCE, MAX_TEXT, Evidence, Finding, finding_id
from outofband.wire.printed import has_shape

EVIDENCE_BUDGET = 5000
"""Bytes of evidence of all open findings together."""
MAX_FIELD = 100
"""Bytes of a field's value."""
MAX_NOTES = 5
NOTE_LENGTH = 120
LOOP_GAP = 900.0
"""Seconds: starts further apart are no loop."""
LOOP_RESETS = 3
LOOP_RESETS_FAILED = 2
"""Enough when every start before ended in a failure that was recognised."""
MAX_STARTS = 20


class Mind:
    """Over one state. What changed is in `changed`, by id, until the engine takes it."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.changed: dict[str, Finding] = {}

    def tell(
        self,
        code: str,
        line: Line | Noted,
        *,
        again: bool = False,
        before: str = "",
        **fields: str,
    ) -> None:
        """There is `code`, and `line` shows it. `again` counts what is open already once more; else it only
        adds the fields it lacks. `before` names the notes that led to it.
        """
        self._tell(code, line, again=again, before=before, fields=fields)

    def _tell(
        self, code: str, line: Line | Noted, *, again: bool, before: str, fields: dict[str, str]
    ) -> None:
        state = self.state
        have = state.open.get(code)
        given = {name: _short(value, MAX_FIELD) for name, value in fields.items() if value}
        if have is None:
            have = Finding(
                id=finding_id(code, state.port, line.offset),
                code=code,
                severity=CODES[code],
                port=state.port,
                boot=state.boot,
                offset=line.offset,
                first=line.at,
                last=line.at,
                fields=given,
            )
            for noted in state.notes.get(before, ()):
                have = self._show(have, noted)
            have = self._show(have, line)
        elif again:
            have = self._show(msgspec.structs.replace(have, count=have.count + 1, last=line.at), line)
        else:
            added = {**given, **have.fields}
            if added == have.fields:
                return
            have = self._show(msgspec.structs.replace(have, fields=added), line)
        self._put(have)

    def correct(self, code: str, line: Line, **fields: str) -> None:
        """Say more exactly what an open finding is about."""
        have = self.state.open.get(code)
        if have is not None:
            given = {name: _short(value, MAX_FIELD) for name, value in fields.items() if value}
            self._put(self._show(msgspec.structs.replace(have, fields={**have.fields, **given}), line))

    def note(self, topic: str, line: Line, name: str = "") -> None:
        """Remember a line under `topic`: the first and the newest ones."""
        notes = self.state.notes.setdefault(topic, [])
        if len(notes) == MAX_NOTES:
            del notes[1]
        notes.append(Noted(line.offset, line.at, _short(line.text, NOTE_LENGTH), _short(name, MAX_FIELD)))

    def notes(self, topic: str) -> list[Noted]:
        return self.state.notes.get(topic, [])

    def arm(self, code: str, line: Line, seconds: float, **fields: str) -> None:
        """Tell `code` in `seconds`, unless it is disarmed before or armed already."""
        if code not in self.state.armed and code not in self.state.open:
            noted = Noted(line.offset, line.at, _short(line.text, NOTE_LENGTH))
            given = {name: _short(value, MAX_FIELD) for name, value in fields.items()}
            self.state.armed[code] = Armed(line.at + seconds, noted, given)

    def disarm(self, *codes: str) -> None:
        for code in codes:
            self.state.armed.pop(code, None)

    def fire(self, code: str) -> None:
        """Tell what is armed now."""
        armed = self.state.armed.pop(code, None)
        if armed is not None:
            self._tell(code, armed.line, again=False, before=code, fields=armed.fields)

    def end(self, code: str, at: float) -> None:
        have = self.state.open.pop(code, None)
        if have is not None:
            self.changed[have.id] = msgspec.structs.replace(have, ended=at)

    def came_up(self, at: float) -> None:
        """The guest asks for a login, or something as good."""
        state = self.state
        state.up = True
        state.starts, state.failed_starts = [], 0
        self.disarm("LoginPromptMissing", "UefiBootFailed")
        for code in UP_ENDS & state.open.keys():
            self.end(code, at)

    def started(self, offset: int, at: float, line: Line | None = None) -> None:
        """A new life of the guest. `line` shows it where no host told of a reset."""
        state = self.state
        failed = any(code in state.open for code in UP_ENDS - {"RebootLoop", "LoginPromptMissing"})
        for code in list(state.open):
            if code != "RebootLoop":
                self.end(code, at)
        state.notes, state.armed = {}, {}
        state.shell, state.running, state.quoted = "", False, False
        state.kernel_time, state.up, state.symbol_wanted, state.untimed = None, False, 0, False
        state.stage, state.started_at, state.start_offset = 0, at, offset
        self._count(offset, at, failed, line)

    def ended_all(self, at: float) -> None:
        for code in list(self.state.open):
            self.end(code, at)

    def _count(self, offset: int, at: float, failed: bool, line: Line | None) -> None:
        state = self.state
        if state.starts and at - state.starts[-1][1] > LOOP_GAP:
            state.starts, state.failed_starts = [], 0
            self.end("RebootLoop", at)
        state.starts.append((offset, at))
        state.failed_starts += failed
        if len(state.starts) > MAX_STARTS:
            del state.starts[1]
        resets = len(state.starts) - 1
        have = state.open.get("RebootLoop")
        if have is not None:
            count = have.count + 1
            have = msgspec.structs.replace(
                have, count=count, last=at, fields={**have.fields, "count": str(count)}
            )
        elif resets >= LOOP_RESETS or resets == state.failed_starts >= LOOP_RESETS_FAILED:
            first_offset, first = state.starts[0]
            have = Finding(
                id=finding_id("RebootLoop", state.port, first_offset),
                code="RebootLoop",
                severity=CODES["RebootLoop"],
                port=state.port,
                boot=state.boot,
                offset=first_offset,
                first=first,
                last=at,
                count=resets,
                fields={"count": str(resets)},
            )
        else:
            return
        if line is not None:
            have = self._show(have, line)
        self._put(have)

    def _put(self, finding: Finding) -> None:
        self.state.open[finding.code] = finding
        self.changed[finding.id] = finding

    def _show(self, finding: Finding, line: Line | Noted) -> Finding:
        text = _short(line.text, MAX_TEXT)
        spent = sum(len(each.text.encode()) for open_ in self.state.open.values() for each in open_.evidence)
        room = EVIDENCE_BUDGET - spent - len(text.encode())
        if finding.code not in self.state.open:
            room -= sum(len(each.text.encode()) for each in finding.evidence)
        shown = any(each.offset == line.offset for each in finding.evidence)
        if room < 0 or shown or len(finding.evidence) >= MAX_EVIDENCE:
            return finding
        new = Evidence(offset=line.offset, at=line.at, text=text)
        evidence = tuple(sorted((*finding.evidence, new), key=lambda each: each.offset))
        return msgspec.structs.replace(finding, evidence=evidence)


def _short(text: str, limit: int) -> str:
    """Text of at most `limit` bytes in UTF-8, of characters that can be seen."""
    text = text[:limit]
    if not text.isprintable():
        text = "".join(filter(has_shape, text))
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= limit else raw[:limit].decode("utf-8", "ignore")
