"""May this person still be at this console? Asked when a ticket is used, and while the session lasts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from outofband.core.errors import Fault
from outofband.core.principal import Principal
from outofband.wire.grant import Mode

CONNECT = "Microsoft.SerialConsole/serialPorts/connect/action"
"""The right to a console; it contains what can be sent to the guest through it."""


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

    def is_of(self, principal: Principal) -> bool:
        """Whether this is that caller's, with whichever token he proves it."""
        mine = self.principal
        return (mine.tenant, mine.kind, mine.object_id) == (
            principal.tenant,
            principal.kind,
            principal.object_id,
        )


Verdict = frozenset[Mode] | Fault
"""What a person may do, never nothing; or the fault that says why it is nothing."""


class Rights(Protocol):
    """Given by the wiring: access control and the switches of subscription and VM, asked live."""

    async def __call__(self, subjects: Sequence[Subject]) -> list[Verdict]:
        """A verdict for each, in order: its faults are AccessRevoked, ConsoleDisabledForSubscription,
        BootDiagnosticsDisabled and SerialPortDisabled.

        Raises a Fault whose entry says `retry` when it cannot be told now.
        """
