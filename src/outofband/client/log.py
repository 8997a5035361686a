"""Reading a VM's log over the network: page after page, backwards, or following what comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from outofband.client.faults import explained
from outofband.client.http import SERIAL_VERSION, ArmClient
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net.backoff import Backoff

PAGE_LINES = 2000
WAIT_SECONDS = 20
OPEN_SECONDS = 2
"""How soon is asked again after a line that the guest has not ended."""
KEPT_SECONDS = 5.0
"""How often what is kept elsewhere is looked at while the host is away."""
RETRY_FIRST_SECONDS = 0.5
RETRY_LIMIT_SECONDS = 10.0
_SERVER_FAILED = 500
_WORTH_WAITING = frozenset(
    {
        "AgentOffline",
        "AgentTimeout",
        "PortUnavailable",
        "LogNotKept",
        "ControlPlaneUnreachable",
        "VmProvisioning",
    }
)

Page = dict[str, Any]
"""As the action `log` answers (docs/protocol/resource-manager.md)."""


class LogReader:
    """The log of one port. Methods raise Fault."""

    def __init__(self, client: ArmClient, vm: str, port: str) -> None:
        self._client = client
        self._port = f"{vm}/providers/Microsoft.SerialConsole/serialPorts/{port}"

    def ask(self, **wish: Any) -> Page:
        given = {name: value for name, value in wish.items() if value is not None}
        page: Page = self._client.post(f"{self._port}/log", given, version=SERIAL_VERSION)
        return page

    def last_lines(self, lines: int) -> Page:
        """What hosts with an older agent can give: the last lines alone, 200 at most."""
        page: Page = self._client.post(
            f"{self._port}/tail", {"lines": min(lines, 200)}, version=SERIAL_VERSION
        )
        return page

    def forward(self, **wish: Any) -> Iterator[Page]:
        """Pages from where `wish` begins to the end of what it asks for, as it was when it was asked: a guest
        that prints faster than this reads must not make it endless.
        """
        page = self.ask(**wish)
        wish.pop("since", None)
        stop = page["end"]
        while True:
            yield page
            if not page["more"] or page["next"] >= stop:
                return
            page = self.ask(**(wish | {"from": page["next"]}))

    def last(self, lines: int, **wish: Any) -> list[Page]:
        """Pages with at least the last `lines` lines, oldest first, if there are so many."""
        pages: list[Page] = []
        left = lines
        before = None
        while left > 0:
            page = self.ask(**wish, lines=min(left, PAGE_LINES), before=before)
            pages.append(page)
            left -= len(page["lines"])
            if page["from"] <= page["start"] or not page["lines"]:
                break
            before = page["from"]
        return pages[::-1]

    def follow(self, page: Page, **wish: Any) -> Iterator[Page | Fault]:
        """What comes after `page`, for ever: pages, and once a Fault while the host or the control plane is
        away. A page begins with the line that was open before. Raises Fault when waiting mends nothing.
        """
        backoff = Backoff(first=RETRY_FIRST_SECONDS, limit=RETRY_LIMIT_SECONDS)
        away = False
        while True:
            is_open = bool(page["lines"]) and page["lines"][-1].get("open", False)
            wait = 0 if page["more"] else OPEN_SECONDS if is_open else WAIT_SECONDS
            try:
                page = self.ask(**wish, **{"from": page["next"], "after": page["end"], "wait": wait})
            except Fault as fault:
                if not _is_temporary(fault):
                    raise
                if not away:
                    yield fault
                away = True
                clock.pause(backoff.next())
                continue
            away = False
            backoff.reset()
            yield page
            if not page["live"] and not page["more"]:
                clock.pause(KEPT_SECONDS)


def _is_temporary(fault: Fault) -> bool:
    # A proxy in front of a control plane that restarts answers for it, without an envelope.
    broken = fault.code == "UnexpectedAnswer" and fault.fields.get("status", 0) >= _SERVER_FAILED
    return fault.code in _WORTH_WAITING or explained(fault).retry or broken
