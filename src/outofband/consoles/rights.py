"""May this person still be at this console? Asked when a ticket is used, and while the session lasts."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Protocol

import msgspec

from outofband.core.errors import Fault
from outofband.core.principal import Principal
from outofband.wire.grant import Mode

CONNECT = "Microsoft.SerialConsole/serialPorts/connect/action"
"""Azure's one right to a console: to watch, to type, to take over, and to what can be sent to the guest."""
_PORTS = "Microsoft.SerialConsole/serialPorts"
OBSERVE = f"{_PORTS}/observe/action"
"""To watch, and no more."""
TYPE = f"{_PORTS}/type/action"
"""To watch and to type, but not to take the keyboard from somebody who has it."""
TAKE_OVER = f"{_PORTS}/takeOver/action"
"""To take the keyboard from somebody who has it; for who may type."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Who is at which port of what: everything about a session that never changes."""

    session: str
    """32 hex digits; the same over every socket and stream of the session."""
    principal: Principal
    vm_id: str
    """Resource id of the VM."""
    vm: str
    """The VM's uuid, the name its agent knows it by."""
    vm_name: str
    agent: str
    subscription: str
    port: str
    warning: Fault | None = None
    """What the person is told at the beginning, though it keeps nobody out."""

    def is_of(self, principal: Principal) -> bool:
        """Whether this is that caller's, with whichever token he proves it."""
        mine = self.principal
        return (mine.tenant, mine.kind, mine.object_id) == (
            principal.tenant,
            principal.kind,
            principal.object_id,
        )


class Extra(enum.StrEnum):
    """What is known of a person at a console beside the modes he may have."""

    TAKE_OVER = "takeOver"
    END_LOGIN = "endLogin"
    """The policy of the VM or its subscription: no login of his may stay open behind him."""


Verdict = frozenset[Mode | Extra] | Fault
"""What a person may do, with one of the modes at least; or the fault that says why it is nothing."""


class Rights(Protocol):
    """Given by the wiring: access control and the switches of subscription and VM, asked live."""

    async def __call__(self, subjects: Sequence[Subject]) -> list[Verdict]:
        """A verdict for each, in order: its faults are AccessRevoked, ConsoleDisabledForSubscription,
        BootDiagnosticsDisabled and SerialPortDisabled.

        Raises a Fault whose entry says `retry` when it cannot be told now.
        """
