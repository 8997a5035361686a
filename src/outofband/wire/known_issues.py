"""Known troubles of a serial console, recognised from what the port shows and what the person does.

Each is a code of the catalogue, said once: what it is, and the commands that end it. Where the failure
detector has a finding for the same thing, that entry is meant. No clock: whoever feeds it passes monotonic
seconds.
"""

from __future__ import annotations

import re

from outofband.wire.portstate import PortState

BY_STATE = {
    PortState.HEALTH_REPORT.value: "SacDisabled",
    PortState.KERNEL_DEBUGGER.value: "KernelDebuggerOnPort",
}
"""What a state alone says."""
ENTERS = 3
ENTER_SECONDS = 3.0
"""So many, over so long and without a byte in answer: nobody reads them."""
PASTED = 8
"""Bytes that come at once and were hardly typed one by one."""
_SILENT = frozenset({"login", "unknown", "silent"})
_POWERSHELL = re.compile(rb"(?:^|[\r\nHm])PS [A-Z]:\\[^\r\n>]{0,200}> ?[^\r\n]{0,80}\Z")
_REPEATED = re.compile(rb"([^\s])\1\1")
_TAIL = 400


class KnownIssues:
    """One person's console. Each call returns the code of what is to be explained now, or None."""

    def __init__(self) -> None:
        self._state = ""
        self._tail = b""
        self._enters = 0
        self._first_enter = 0.0
        self._said: set[str] = set()

    def shows(self, state: str) -> str | None:
        """The port shows something else now (a name of PortState)."""
        if state == PortState.SILENT.value:
            # The guest was started: what held before may hold again, and be news.
            self._said.clear()
        self._state, self._enters = state, 0
        return self._once(BY_STATE.get(state))

    def printed(self, data: bytes) -> None:
        """The guest said something."""
        self._tail = (self._tail + data)[-_TAIL:]
        self._enters = 0

    def typed(self, keys: bytes, now: float) -> str | None:
        """The person typed or pasted `keys`."""
        if not keys.strip(b"\r\n"):
            if self._enters == 0:
                self._first_enter = now
            self._enters += 1
            waited = self._enters >= ENTERS and now - self._first_enter >= ENTER_SECONDS
            return self._once("EnterWithoutEffect") if waited and self._state in _SILENT else None
        pasted = len(keys) >= PASTED and _REPEATED.search(keys) is not None
        if pasted and self._state == PortState.SAC.value and _POWERSHELL.search(self._tail):
            return self._once("PowerShellRepeats")
        return None

    def _once(self, code: str | None) -> str | None:
        if code is None or code in self._said:
            return None
        self._said.add(code)
        return code
