"""What every kind of hypervisor has to offer, and how it tells of what happens to its machine."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Protocol

from outofband.agent.hypervisors.guest_agent import GuestAgent
from outofband.agent.hypervisors.picture import Picture
from outofband.core.errors import Fault
from outofband.wire.machine import Power, Verb


class Happening(enum.Enum):
    """News of a machine that nobody asked for."""

    ENDED = "ended"
    """It does not run any more. fields: reason (a word), detail (a sentence), clean (bool)."""
    RESET = "reset"
    """It began anew; several events of one reset are one. fields: guest (bool), who caused it."""
    PAUSED = "paused"
    """fields: detail"""
    RESUMED = "resumed"
    PANICKED = "panicked"
    LOST = "lost"
    """The hypervisor does not answer, the machine may run on. fields: detail"""
    BACK = "back"
    """It answers again, or an attached machine was seen to run."""


Report = Callable[[Happening, dict[str, Any]], None]


class Driver(Protocol):
    """One machine's hypervisor. Actions return when the hypervisor has taken them, not when they had effect.

    Actions raise Fault: HypervisorUnreachable, HypervisorRefused, ActionNotSupported.
    """

    @property
    def verbs(self) -> frozenset[Verb]:
        """The actions this kind of machine can do at all."""

    @property
    def output_seconds(self) -> float:
        """How long to wait for the first output of a machine that was started or reset."""

    @property
    def guest(self) -> GuestAgent | None:
        """The way to an agent inside the guest, where there is one: with the verbs that need it."""

    @property
    def pid(self) -> int | None:
        """Process that runs the machine, when there is one of ours."""

    async def adopt(self) -> Power:
        """Take hold of it if it runs already: RUNNING, STOPPED, or UNKNOWN when that cannot be told."""

    def port_changed(self) -> None:
        """A serial port was connected or lost: for drivers that know no more of their machine than that."""

    async def start(self) -> str:
        """Start it; says how it runs. Raises VmStartFailed, QemuNotFound, ImageNotFound."""

    async def shut_down(self) -> None:
        """Ask the guest to end by itself."""

    async def kill(self) -> None:
        """End it now, whatever the guest is doing; returns when it has gone."""

    async def wait_end(self, timeout: float) -> bool:
        """True as soon as it has ended, False when it still runs after `timeout` seconds."""

    async def reset(self) -> None:
        """Reset it and wait until the hypervisor says that it happened. Also raises ActionTimeout."""

    async def nmi(self) -> None: ...

    async def ctrl_alt_del(self) -> None:
        """The three keys on the machine's own keyboard, pressed together and released."""

    async def send_break(self) -> None:
        """A BREAK on the first serial port."""

    async def screenshot(self, *, wake: bool) -> Picture:
        """The screen as it is now; with `wake`, a display that sleeps is woken first. Also raises
        ScreenshotTooLarge.
        """

    async def close(self) -> None:
        """Let go of the machine; it goes on running."""


def not_supported(driver: str, verb: Verb) -> Fault:
    return Fault("ActionNotSupported", driver=driver, verb=str(verb))
