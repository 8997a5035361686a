"""What is seen of a VM without a console: its screen, and the last lines that it printed.

Both are boot diagnostics. They need that right, not the right to a console, and a subscription whose consoles
are disabled can still be looked into; switching a VM's boot diagnostics off closes them.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.core.ids import parse_id
from outofband.fleet.fleet import Fleet
from outofband.providers.compute import shape as vm
from outofband.providers.serial_console import records
from outofband.providers.serial_console.log import Log
from outofband.providers.serial_console.log_kept import KeptLogs
from outofband.providers.serial_console.log_source import READ_SECONDS
from outofband.providers.serial_console.records import Mark, Record
from outofband.providers.serial_console.services import own
from outofband.resources.declaration import Act, Item
from outofband.resources.exchange import Answer, Call
from outofband.store.activity import ActivityEntry
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.wire import printed
from outofband.wire.machine import Verb

READ_DIAGNOSTICS = f"{vm.TYPE}/retrieveBootDiagnosticsData/action"
AGAIN_SECONDS = 900.0
"""Pages ask every few seconds; the activity log has a row for this long of it."""
MAX_LINES = 200

T = TypeVar("T")


class Screenshot(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The screen at `takenAt`. `data` is base64; `scale` of its pixels, each way, became one."""

    content_type: str
    data: str
    taken_at: str
    scale: int = 1


class TailRequest(msgspec.Struct, frozen=True, kw_only=True):
    lines: Annotated[int, msgspec.Meta(ge=1, le=MAX_LINES)] = 20


class Line(msgspec.Struct, frozen=True, kw_only=True):
    text: str


class Tail(msgspec.Struct, frozen=True, kw_only=True):
    """What the guest printed between the byte offsets `from` and `end`, as plain lines; read at `at`. Who was
    at the console meanwhile stands in `records`; a host with an older agent cannot tell where they belong.
    """

    lines: list[Line]
    records: list[Record]
    begin: int = msgspec.field(name="from")
    end: int
    at: str


class _Shot(msgspec.Struct, frozen=True):
    """Data of an agent's answer to `vm.screenshot`, as far as they are relied on."""

    png: str
    scale: int = 1


class _Text(msgspec.Struct, frozen=True, kw_only=True):
    """The same of `vm.tail`."""

    begin: int = msgspec.field(name="from")
    end: int
    text: str
    marks: list[Mark] | None = None
    now: float | None = None


class Reading:
    """The actions `screenshot`, `tail` and `log` of a port."""

    def __init__(self, store: Store, fleet: Fleet, kept: KeptLogs) -> None:
        self._store = store
        self._fleet = fleet
        self._kept = kept
        self._log = Log(store, self.ask, kept)

    def actions(self) -> dict[str, Act]:
        return {
            "screenshot": Act(
                run=self._screenshot,
                about="Take a picture of the VM's screen",
                answer=Screenshot,
                permission=READ_DIAGNOSTICS,
                also=(own("screenshot"),),
                again_seconds=AGAIN_SECONDS,
            ),
            "tail": Act(
                run=self._tail,
                about="Read the last lines that the VM printed on the port, whether it runs or not",
                body=TailRequest,
                answer=Tail,
                permission=READ_DIAGNOSTICS,
                also=(own("tail"),),
                again_seconds=AGAIN_SECONDS,
            ),
            "log": self._log.action(READ_DIAGNOSTICS, (own("log"),), AGAIN_SECONDS),
        }

    async def _screenshot(self, call: Call, item: Item, body: Any) -> Answer:
        row: Resource = item.row
        if not vm.has_screen(row):
            raise Fault("NoScreen", vm=vm.machine_name(row), driver=vm.guest_of(row).driver)
        await self._kept.admit(call, row)
        found = await self.ask(row, Verb.SCREENSHOT, {}, _Shot)
        shot = Screenshot(content_type="image/png", data=found.png, taken_at=clock.iso(), scale=found.scale)
        return Answer(body=shot, headers={"Cache-Control": "no-store"})

    async def _tail(self, call: Call, item: Item, body: TailRequest) -> Answer:
        await self._kept.admit(call, item.row)
        found = await self.ask(item.row, Verb.TAIL, {"lines": body.lines}, _Text)
        try:
            text = base64.b64decode(found.text, validate=True)
        except binascii.Error as error:
            raise ProtocolError("expected base64 in the answer to vm.tail") from error
        texts = printed.lines(text, body.lines)
        told: list[Record] = []
        if found.marks is not None and found.now is not None:
            ahead = found.now - clock.wall()
            entries = await self._entries(item.row, found, ahead)
            texts, told = records.merged(text, found.begin, body.lines, entries, found.marks, ahead)
        lines = [Line(text=line) for line in texts]
        tail = Tail(lines=lines, records=told, begin=found.begin, end=found.end, at=clock.iso())
        return Answer(body=tail, headers={"Cache-Control": "no-store"})

    async def _entries(self, row: Resource, found: _Text, ahead: float) -> list[ActivityEntry]:
        """What was done at the VM since the first byte, oldest first."""
        begin = records.since(found.marks or (), found.begin)
        since = None if begin is None else datetime.fromtimestamp(max(0.0, begin - ahead), UTC)
        async with self._store.read() as tx:
            page = await self._store.activity.page(
                tx, resource=parse_id(row.id), since=since, limit=records.MAX_RECORDS
            )
        return [entry for entry in reversed(page.items) if records.is_told(entry)]

    async def ask(
        self,
        row: Resource,
        verb: Verb,
        args: dict[str, Any],
        kind: type[T],
        *,
        seconds: float = READ_SECONDS,
    ) -> T:
        """What the VM's host answers. Raises Fault with what keeps it from that."""
        if not vm.boot_diagnostics_on(row):
            raise Fault("BootDiagnosticsDisabled", vm=vm.command_name(row))
        private = vm.private_of(row)
        if not private.placed and self._fleet.report(row.uid, private.agent) is None:
            never = row.provisioning_state == "Failed"
            raise Fault("VmNotPlaced" if never else "VmProvisioning", vm=vm.machine_name(row))
        result = await self._fleet.ask(private.agent, verb, row.uid, args, epoch=row.epoch, timeout=seconds)
        try:
            return msgspec.convert(result.data, kind)
        except msgspec.ValidationError as error:
            raise ProtocolError(f"expected the data of {verb}: {error}") from error
